"""Fewer features per modality."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from skfuse._validation import Interval, _fit_context
from skfuse.modalities import ModalityTransformerMixin, validate_table
from skfuse.preprocessing._statistics import nan_mean_and_variance

_DEFAULT = 0.9


class ModalityPCA(ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    """Principal components of each modality, learned on the subjects who have it.

    Parameters
    ----------
    modalities : dict or None, default=None
        Columns of each modality; None reads them from the prefixes ``<modality>__`` of the column names.
    n_components : int, float, dict or None, default=0.9
        Number of components per modality, or the fraction of variance that they must explain (below 1); None keeps
        all. A mapping such as ``{"mri": 10, "pet": 0.8}`` sets it per modality, with 0.9 for those without an entry.
    whiten : bool, default=False
        Give every component variance 1 over the training subjects.
    random_state : int, RandomState instance or None, default=None
        Seed of the randomized solver, which scikit-learn chooses for few components of large blocks.

    Attributes
    ----------
    estimators_ : dict of str to sklearn.decomposition.PCA
        The decomposition of each modality, fitted on the centered block.
    components_ : dict of str to ndarray of shape (n_components, n_features_of_modality)
        Directions of each modality, unit length, one row per component.
    explained_variance_ratio_ : dict of str to ndarray of shape (n_components,)
        Fraction of the block's variance along each component; 0 for a block without variance.
    mean_ : dict of str to ndarray of shape (n_features_of_modality,)
        Mean of each feature over the training subjects who have it, in its unit.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ModalityScaler : Equal weight of the blocks, before (features of different units) or after.
    ModalityTransformer : Any other reduction, one per modality.

    Notes
    -----
    Features are centered, not scaled. Who lacks a modality has a row of NaN in its components. A missing cell of a
    present subject is filled with the training mean of the feature, which draws the subject toward the center: impute
    before where many cells are missing. A feature that is constant in training, or that no
    training subject has, is left out of the components.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skfuse.preprocessing import ModalityPCA
    >>> mri = np.outer([1.0, 2.0, 4.0, np.nan], [2.0, 1.0])
    >>> X = pd.DataFrame({"mri__a": mri[:, 0], "mri__b": mri[:, 1], "pet__a": [5.0, 7.0, 6.0, 8.0]})
    >>> ModalityPCA().fit_transform(X).round(2)
       mri__pca0  pet__pca0
    0      -2.98       -1.5
    1      -0.75        0.5
    2       3.73       -0.5
    3        NaN        1.5
    """

    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            dict,
            None,
        ],
        "whiten": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(self, modalities=None, *, n_components=_DEFAULT, whiten=False, random_state=None):
        self.modalities = modalities
        self.n_components = n_components
        self.whiten = whiten
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the components of each modality from the subjects who have it.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table, a row per subject; a missing modality is a row of NaN in its columns.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If fewer than 2 subjects have a modality, or it cannot have as many components as `n_components` asks for.
        """
        table = validate_table(self, X, reset=True)
        wanted = self._wanted(table.names)
        self.estimators_, self.mean_, self._varies = {}, {}, {}
        for name, values in table.blocks():
            values = values[table.present_in(name)]
            if len(values) < 2:
                raise ValueError(
                    f"Modality {name!r} has n_samples={len(values)} in training, but components need at least 2 "
                    "subjects who have it. Drop the modality, or use folds in which more subjects have it."
                )
            mean, variance = nan_mean_and_variance(values)
            self.mean_[name] = mean
            self._varies[name] = variance > 0  # False also where no subject has the feature
            n_components = _checked(name, wanted[name], values.shape, variance)
            estimator = PCA(n_components, whiten=self.whiten, random_state=self.random_state)
            with np.errstate(invalid="ignore"):  # a block without variance explains 0 / 0 of it
                self.estimators_[name] = estimator.fit(self._centered(name, values))
        self.components_ = {name: estimator.components_ for name, estimator in self.estimators_.items()}
        self.explained_variance_ratio_ = {
            name: np.nan_to_num(estimator.explained_variance_ratio_) for name, estimator in self.estimators_.items()
        }
        return self

    def _wanted(self, names):
        if not isinstance(self.n_components, Mapping):
            return dict.fromkeys(names, self.n_components)
        unknown = sorted(map(str, set(self.n_components).difference(names)))
        if unknown:
            raise ValueError(f"`n_components` has entries for {unknown}, which X does not have; X has {names}.")
        return {name: self.n_components.get(name, _DEFAULT) for name in names}

    def _centered(self, name, values):
        """A block without its means, which float32 and the products inside PCA could not carry; missing cells are 0."""
        centered = values - self.mean_[name].astype(values.dtype)
        centered[np.isnan(centered)] = 0.0
        centered[:, ~self._varies[name]] = 0.0
        return centered

    def transform(self, X):
        """Replace the features of each modality by its components.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            With the columns seen in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_components_of_all)
            Columns ``<modality>__pca0`` and so on, then the other columns unchanged; in the container of `X`. Who
            lacks a modality has NaN there.
        """
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        return table.replace(
            {name: self._scores(name, values, table.present_in(name)) for name, values in table.blocks()}
        )

    def _scores(self, name, values, present):
        estimator = self.estimators_[name]
        scores = np.full((len(values), estimator.n_components_), np.nan, dtype=values.dtype)
        if present.any():
            scores[present] = estimator.transform(self._centered(name, values[present]))
        return scores

    def _block_features_out(self, modality, features):
        return [f"pca{component}" for component in range(self.estimators_[modality].n_components_)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _checked(name, n_components, shape, variance):
    """`n_components` as PCA takes it, or a ValueError that names the modality."""
    if n_components is None:
        return None
    is_number = isinstance(n_components, Real) and not isinstance(n_components, bool)
    if not is_number or n_components <= 0 or (n_components >= 1 and not isinstance(n_components, Integral)):
        raise ValueError(
            f"`n_components` of modality {name!r} must be an int of at least 1, a float between 0 and 1, or None, got "
            f"{n_components!r}."
        )
    n_subjects, n_features = shape
    if n_components > min(shape):
        raise ValueError(
            f"Modality {name!r} cannot have n_components={n_components}: {n_subjects} training subjects have it, with "
            f"{n_features} features, so at most {min(shape)} are possible. Lower it, for example "
            f"n_components={{{name!r}: {min(shape)}}}, or give the fraction of variance to explain."
        )
    # No fraction of no variance can be reached: one component, which is 0 for everyone.
    return 1 if n_components < 1 and not np.nansum(variance) > 0 else n_components
