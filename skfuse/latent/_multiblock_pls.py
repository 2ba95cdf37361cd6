"""Multi-block partial least squares of numbers."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array

from skfuse._distances import mean_and_deviation
from skfuse._targets import refuse_missing_target
from skfuse._validation import _fit_context
from skfuse.latent._multiblock_base import BaseMultiBlockPLS


class MultiBlockPLS(RegressorMixin, BaseMultiBlockPLS):
    r"""Components of each modality, sparse if asked, that covary with a numeric outcome and with each other.

    Sparse generalized canonical correlation in its covariance form [1]_, supervised as in DIABLO [2]_. For each
    component the weights :math:`w_j` of the modalities and :math:`v` of the outcomes, all of unit length, maximize

    .. math:: \sum_{j<k} c_{jk} \operatorname{cov}(X_j w_j, X_k w_k) + \sum_j \operatorname{cov}(X_j w_j, Y v),

    with so many features of each modality as `n_features_kept` says. Features are standardized and each modality is
    divided by the root of its number of features, so that large ones do not outweigh the outcome. The modality is then
    deflated by its own variate :math:`X_j w_j`, the outcome is not: with one modality and all features this is
    partial least squares regression.

    Parameters
    ----------
    modalities : dict or None
        Columns of each modality, as in :func:`skfuse.modalities.resolve_modalities`; None reads the prefix before the
        first ``__`` of each column.
    n_components : int, default=2
        Components of each modality.
    n_features_kept : int, float, dict or None, default=None
        Features with a weight in each component: a number, or a fraction of those that vary; None keeps all. A
        mapping such as ``{"mri": 20, "pet": 0.1}`` sets it per modality, all for those without an entry.
    design : float, dict or array-like of shape (n_modalities, n_modalities), default=0.1
        How much covariances between modalities count, from 0 (each with the outcome only) to 1 (as much as those with
        the outcome); a mapping such as ``{("mri", "pet"): 0.5}`` sets it per pair, 0.1 for those without an entry.
    max_iter : int, default=10000
        Most rounds of one component.
    tol : float, default=1e-10
        Largest change of a unit vector of weights in the last round.

    Attributes
    ----------
    weights_ : dict of str to ndarray of shape (n_components, n_features)
        Of the standardized features of each modality, on what earlier components left; 0 for features not chosen.
    selected_features_ : dict of str to ndarray
        Features of each modality with a weight in any component: names, or positions of columns in an array.
    outcome_weights_ : ndarray of shape (n_components, n_outcomes)
        Of the standardized outcomes.
    loadings_ : dict of str to ndarray of shape (n_components, n_features)
        Regression of each standardized feature on the variates of its modality.
    explained_variance_ : dict of str to ndarray of shape (n_components,)
        Share of the variance of each modality that its own variates explain.
    explained_variance_total_ : dict of str to float
        The same of all variates together.
    block_weights_ : dict of str to ndarray of shape (n_components,)
        Correlation of each variate with the outcome's component over the training subjects who have the modality,
        adjusted for their number, at least 0: weights in the joint space.
    modality_weights_ : dict of str to float
        Share of each modality in predictions: multiple correlation of the outcome with the variates, adjusted for the
        numbers of subjects and variates.
    target_mean_ : ndarray of shape (n_outcomes,)
        Mean of the outcomes, the prediction for who has no modality.
    n_components_ : int
    n_iter_ : int
        Most rounds that a component took.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    MultiBlockPLSClassifier : For classes.
    skfuse.late_fusion.LateFusionRegressor : Any regressor per modality.

    Notes
    -----
    Who lacks a modality takes no part in its covariances, its variate and its regression: a covariance is taken over
    the subjects who have both sides. A missing cell of a present modality stands at the training mean.

    The joint space is the average of the variates of the modalities that a subject has, in standard deviations,
    weighted by `block_weights_`. Its unit is the same for all, but it spreads the more the fewer modalities a subject
    has. Predictions are averages of one regression per present modality.

    Correlations are those of training subjects. With far more features than subjects they are high for every
    modality, noise included: then keep few features, and judge a model by cross-validation.

    References
    ----------
    .. [1] A. Tenenhaus et al. Variable selection for generalized canonical correlation analysis. Biostatistics 15, 569
       (2014). https://doi.org/10.1093/biostatistics/kxu001
    .. [2] A. Singh et al. DIABLO: an integrative approach for identifying key molecular drivers from multi-omics
       assays. Bioinformatics 35, 3055 (2019). https://doi.org/10.1093/bioinformatics/bty1054

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.latent import MultiBlockPLS
    >>> cohort = make_cohort(200, task="regression", missing=0.3, random_state=0)
    >>> model = MultiBlockPLS(n_features_kept=5, n_components=1).fit(cohort.X, cohort.y)
    >>> {name: len(chosen) for name, chosen in model.selected_features_.items()}
    {'mri': 5, 'pet': 5, 'clinical': 5}
    >>> list(model.transform(cohort.X).columns)
    ['joint__0']
    >>> bool(model.score(cohort.X, cohort.y) > 0.2)
    True
    """

    def __init__(
        self, modalities=None, *, n_components=2, n_features_kept=None, design=0.1, max_iter=10_000, tol=1e-10
    ):
        self.modalities = modalities
        self.n_components = n_components
        self.n_features_kept = n_features_kept
        self.design = design
        self.max_iter = max_iter
        self.tol = tol

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn the components and the regressions.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : array-like of shape (n_subjects,) or (n_subjects, n_outcomes)
            Outcomes, in any units.

        Returns
        -------
        self : object
        """
        table = self._read(X, y)
        refuse_missing_target(y)
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y", estimator=self).astype(np.float64)
        table, known = self._of_subjects(table)
        self._flat = y.ndim == 1
        y = y[known].reshape(np.count_nonzero(known), -1)
        # Squares of the values may overflow; those of values up to 1 do not.
        size = np.abs(y).max(axis=0)
        size[size == 0] = 1.0
        mean, deviation = mean_and_deviation(y / size)
        self.target_mean_ = mean * size
        outcome = (y / size - mean) / np.where(deviation > 0, deviation, np.inf)
        variates, has = self._fit_components(table, outcome)
        self._set_regressions(variates, has, outcome, deviation * size)
        self._set_modality_weights(variates, has, outcome)
        return self

    def _set_regressions(self, variates, has, outcome, scale):
        """Coefficients and intercepts of the outcomes on the variates of each modality, in units of the outcomes."""
        shape = (has.shape[1], outcome.shape[1])
        self._coefficients = np.zeros((shape[0], self.n_components_, shape[1]))
        self._intercepts = np.tile(self.target_mean_, (shape[0], 1))
        for place, (own, present) in enumerate(zip(variates, has.T, strict=True)):
            if not present.any():
                continue
            squares = np.sum(own**2, axis=0)[:, None]
            products = own.T @ outcome  # the variates have mean 0 and are orthogonal over who has the modality
            self._coefficients[place] = np.divide(products, squares, out=np.zeros_like(products), where=squares > 0)
            self._coefficients[place] *= scale
            self._intercepts[place] += outcome[present].mean(axis=0) * scale

    def _predict(self, Z, has):
        """Predictions of each modality (n_subjects, n_modalities, n_outcomes), NaN where it is missing."""
        own = self._unit_variates(Z, has)
        return np.einsum("njk,jko->njo", own, self._coefficients) + self._intercepts

    def predict(self, X):
        """Predict the outcomes.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        y : ndarray of shape (n_subjects,) or (n_subjects, n_outcomes)
            In the units of the outcomes; their mean for who has no modality.
        """
        Z, has = self._known(X)
        predicted = np.einsum("nj,njo->no", self._present_shares(has), np.nan_to_num(self._predict(Z, has)))
        predicted[~has.any(axis=1)] = self.target_mean_
        return predicted[:, 0] if self._flat else predicted

    def predict_by_modality(self, X):
        """Predict the outcomes by each modality alone.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        predictions : dict of str to ndarray of shape (n_subjects,) or (n_subjects, n_outcomes)
            NaN where the subject lacks the modality.
        """
        predicted = self._predict(*self._known(X))
        predicted = predicted[:, :, 0] if self._flat else predicted
        return {name: predicted[:, place] for place, name in enumerate(self.modalities_)}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
