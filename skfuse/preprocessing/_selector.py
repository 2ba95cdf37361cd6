"""The choice of modalities as a parameter."""

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skfuse._validation import _fit_context
from skfuse.modalities import ModalityTransformerMixin, validate_table


class ModalitySelector(ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    """Keep or drop whole modalities, so that a search can choose among them.

    Parameters
    ----------
    keep : str, list of str or None, default=None
        Modalities to keep; None keeps all that `drop` does not name.
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    drop : str, list of str or None, default=None
        Modalities to drop; only one of `keep` and `drop` can be given.

    Attributes
    ----------
    kept_ : list of str
        Names of the modalities that are kept, in the order of the table.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality of the table, the dropped ones too.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ModalityTransformer : Leaves a modality out with ``"drop"``, and transforms the others.

    Notes
    -----
    Columns are passed on in their own type, text and categories included. Columns outside every modality are always
    kept.

    Examples
    --------
    Which modalities predict best is a question for a search inside the training data:

    >>> import pandas as pd
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from skfuse.preprocessing import ModalitySelector
    >>> X = pd.DataFrame({"mri__a": [0.0, 1.0] * 10, "pet__a": [None, 3.0, 2.0, None] * 5})
    >>> pipeline = make_pipeline(ModalitySelector(), HistGradientBoostingClassifier(min_samples_leaf=2))
    >>> search = GridSearchCV(pipeline, {"modalityselector__keep": [["pet"], ["mri", "pet"]]}, cv=2)
    >>> search.fit(X, [0, 1] * 10).best_params_
    {'modalityselector__keep': ['mri', 'pet']}
    """

    _parameter_constraints: dict = {
        "keep": [str, list, tuple, set, None],
        "modalities": [dict, None],
        "drop": [str, list, tuple, set, None],
    }

    def __init__(self, keep=None, modalities=None, *, drop=None):
        self.keep = keep
        self.modalities = modalities
        self.drop = drop

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the modalities and check that the named ones exist.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table, a row per subject; a missing modality is a row of NaN in its columns.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        if self.keep is not None and self.drop is not None:
            raise ValueError(
                f"Only one of `keep` and `drop` can be given, got keep={self.keep!r} and drop={self.drop!r}. Set the "
                "other to None."
            )
        table = validate_table(self, X, reset=True)
        kept = set(table.names if self.keep is None else _known(table, "keep", self.keep))
        kept -= _known(table, "drop", self.drop)
        self.kept_ = [name for name in table.names if name in kept]
        if not self.kept_:
            raise ValueError(
                f"No modality is left with keep={self.keep!r}, drop={self.drop!r}; X has {table.names}. Keep at least "
                "one."
            )
        return self

    def transform(self, X):
        """Leave out the modalities that are not kept.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_columns_kept)
            The kept modalities in order, then the other columns, all unchanged; in the container of `X`.
        """
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        return table.replace({name: table.native_block(name) for name in self.kept_})

    def _block_features_out(self, modality, features):
        return features if modality in self.kept_ else []


def _known(table, parameter, names):
    """The modalities that a parameter names, as a set; a ValueError if X does not have one of them."""
    asked = {names} if isinstance(names, str) else set(names or ())
    unknown = sorted(map(str, asked.difference(table.names)))
    if unknown:
        raise ValueError(f"`{parameter}` names modalities that X does not have: {unknown}. X has {table.names}.")
    return asked
