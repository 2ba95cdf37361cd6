"""What transformers and composite estimators of modalities have in common."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfuse._validation import _VisualBlock
from skfuse.modalities._resolve import SEPARATOR, UNNAMED, other_columns, positions


def feature_name(modality, feature):
    """Name a feature ``<modality>__<feature>``, never prefixed twice.

    A further ``__`` inside the feature becomes ``_``, because a name with two prefixes would be ambiguous.

    Parameters
    ----------
    modality : str
        Name of the modality.
    feature : str
        Name of the feature, with or without the prefix.

    Returns
    -------
    name : str
        Name of the column.

    Examples
    --------
    >>> from skfuse.modalities import feature_name
    >>> feature_name("mri", "insula"), feature_name("mri", "mri__insula"), feature_name("mri", "pca__0")
    ('mri__insula', 'mri__insula', 'mri__pca_0')
    """
    prefix = modality + SEPARATOR
    return prefix + feature.removeprefix(prefix).replace(SEPARATOR, "_")


def names_in(estimator, input_features):
    """Names of the columns that a fitted estimator saw, checked against those given."""
    fitted = getattr(estimator, "feature_names_in_", None)
    if input_features is None:
        generated = [f"x{position}" for position in range(estimator.n_features_in_)]
        return np.asarray(generated if fitted is None else fitted, dtype=object)
    given = np.asarray(input_features, dtype=object)
    if fitted is not None and not np.array_equal(fitted, given):
        raise ValueError("input_features is not equal to feature_names_in_")
    if len(given) != estimator.n_features_in_:
        raise ValueError(
            f"input_features should have length equal to number of features ({estimator.n_features_in_}), got "
            f"{len(given)}"
        )
    return given


class ModalityTransformerMixin:
    """For transformers of a table: names of the columns out, the user's container, missing values allowed.

    A class that changes the features of a block overrides ``_block_features_out``. The container rule itself is
    :meth:`Table.replace`, which a class calls in ``transform``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.base import BaseEstimator, TransformerMixin
    >>> from skfuse.modalities import ModalityTransformerMixin, validate_table
    >>> class Total(ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    ...     def __init__(self, modalities=None):
    ...         self.modalities = modalities
    ...
    ...     def fit(self, X, y=None):
    ...         validate_table(self, X, reset=True)
    ...         return self
    ...
    ...     def transform(self, X):
    ...         table = validate_table(self, X, reset=False)
    ...         return table.replace({name: block.sum(axis=1, keepdims=True) for name, block in table.blocks()})
    ...
    ...     def _block_features_out(self, modality, features):
    ...         return ["total"]
    >>> X = pd.DataFrame({"mri__a": [1.0, None], "mri__b": [2.0, None], "pet__a": [5.0, 6.0], "site": ["x", "y"]})
    >>> Total().fit_transform(X)
       mri__total  pet__total site
    0         3.0         5.0    x
    1         NaN         6.0    y
    """

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str or None
            Names of the columns of `X`; needed only where fit saw an array. They must equal ``feature_names_in_``.

        Returns
        -------
        names : ndarray of str
            ``<modality>__<feature>`` for each modality in turn, then the other columns.
        """
        check_is_fitted(self, "modalities_")
        names = names_in(self, input_features)
        unnamed = list(self.modalities_) == [UNNAMED] and not any(SEPARATOR in name for name in names)
        out = []
        for modality, columns in self.modalities_.items():
            features = self._block_features_out(modality, names[positions(columns, len(names))])
            out += list(features) if unnamed else [feature_name(modality, feature) for feature in features]
        out += list(names[other_columns(self.modalities_, len(names))])
        if len(set(out)) < len(out):
            twice = sorted({name for name in out if out.count(name) > 1})[:5]
            raise ValueError(f"Columns would share a name after the transformation: {twice}. Rename them in X.")
        return np.asarray(out, dtype=object)

    def _block_features_out(self, modality, features):
        """Names of the features that a modality has after the transformation."""
        return features

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class ModalityEstimatorsMixin:
    """For estimators with a mapping of inner estimators: ``mri__C`` is a parameter, ``mri="drop"`` leaves one out.

    ``_estimators_parameter`` names the constructor parameter that holds either a mapping from modality to estimator
    or one estimator for all.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skfuse.modalities import ModalityEstimatorsMixin
    >>> class Fusion(ModalityEstimatorsMixin, BaseEstimator):
    ...     def __init__(self, estimators=None):
    ...         self.estimators = estimators
    >>> fusion = Fusion({"mri": LogisticRegression(), "pet": LogisticRegression()})
    >>> fusion.set_params(mri__C=0.1, pet="drop")
    Fusion(estimators={'mri': LogisticRegression(C=0.1), 'pet': 'drop'})
    """

    _estimators_parameter = "estimators"

    def get_params(self, deep=True):
        """Parameters of the estimator, those of the inner estimators as ``<modality>__<parameter>``.

        Parameters
        ----------
        deep : bool, default=True
            Whether to list the inner estimators and their parameters.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = super().get_params(deep=deep)
        inner = getattr(self, self._estimators_parameter)
        if not deep or not isinstance(inner, dict):
            return params
        for name, estimator in inner.items():
            params[name] = estimator
            if hasattr(estimator, "get_params") and not isinstance(estimator, type):
                params.update({f"{name}__{key}": value for key, value in estimator.get_params(deep=True).items()})
        return params

    def set_params(self, **params):
        """Set parameters, also ``<modality>`` (an estimator or ``"drop"``) and ``<modality>__<parameter>``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            The estimator; the mapping given to the constructor stays as it was, a changed copy takes its place.
        """
        name_of_mapping = self._estimators_parameter
        if name_of_mapping in params:
            setattr(self, name_of_mapping, params.pop(name_of_mapping))
        inner = getattr(self, name_of_mapping)
        if isinstance(inner, dict):
            own = {key for key in params if key in inner}
            if own:
                inner = inner | {key: params.pop(key) for key in own}
                setattr(self, name_of_mapping, inner)
        unknown = [key for key in params if key.partition(SEPARATOR)[0] not in self._known_names(inner)]
        if unknown:
            raise ValueError(self._unknown_parameter(unknown[0], inner))
        return super().set_params(**params)

    def _known_names(self, inner):
        return {*self._get_param_names(), *(inner if isinstance(inner, dict) else ())}

    def _unknown_parameter(self, key, inner):
        name = key.partition(SEPARATOR)[0]
        valid = sorted(self._get_param_names())
        has = f"has entries for {sorted(inner)}" if isinstance(inner, dict) else "is not a mapping"
        return (
            f"Invalid parameter {key!r} for estimator {type(self).__name__}. Valid parameters are: {valid}. To set "
            f"parameters of one modality, give it an entry: {self._estimators_parameter}={{{name!r}: estimator}}; "
            f"`{self._estimators_parameter}` {has}."
        )

    def _sk_visual_block_(self):
        inner = getattr(self, self._estimators_parameter)
        if hasattr(inner, "get_params"):
            inner = {"each modality": inner}
        if not inner:
            return _VisualBlock("single", self, names=type(self).__name__, name_details=str(self))
        return _VisualBlock("parallel", list(inner.values()), names=list(inner), dash_wrapped=True)
