"""Connectome-based predictive modeling: a score from the strength of the edges that correlate with it."""

import warnings
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from skfuse._covariates import covariate_basis, residuals_of
from skfuse._targets import refuse_missing_target
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.connectomes._cpm_edges import (
    THRESHOLD_TYPES,
    check_threshold,
    checked_confounds,
    edge_correlations,
    selected_edges,
    two_sided_p,
)
from skfuse.connectomes._cpm_models import huber, least_squares, ridge_of_edges
from skfuse.connectomes._cpm_permutations import CPMPermutationMixin
from skfuse.connectomes._edges import is_stack


class NoEdgeSelectedWarning(UserWarning):
    """No edge correlates with the target strongly enough: the mean of the target is predicted."""


class ConnectomePredictiveModel(CPMPermutationMixin, RegressorMixin, BaseEstimator):
    r"""Connectome-based predictive modeling (CPM) of a score [1]_.

    Edges that correlate with the target in the training subjects are selected; those of positive correlation are
    summed to one strength per subject, :math:`s^+ = \sum_{e \in P} x_e`, those of negative correlation to another,
    :math:`s^-`; the target is regressed on the strengths. All of this happens in `fit`, so that cross-validation is
    free of leakage.

    Parameters
    ----------
    threshold : float, default=0.01
        What an edge must pass, in the unit of `threshold_type`.
    threshold_type : {"p", "fdr", "fraction", "count"}, default="p"
        ``"p"``: two-sided p-value of the correlation below it. ``"fdr"``: p-value adjusted by Benjamini and Hochberg at
        most it. ``"fraction"``, ``"count"``: that share, or number, of the edges of strongest correlation.
    correlation : {"pearson", "spearman", "partial"}, default="pearson"
        Correlation of an edge with the target. With `confounds` given to `fit` each is partial; ``"partial"`` is
        Pearson's and insists on them, so that forgotten ones are an error.
    sign : {"both", "positive", "negative", "difference"}, default="both"
        Both strengths side by side, one of them, or their difference.
    model : {"ols", "huber", "ridge"}, default="ols"
        Least squares or Huber's regression on the strengths; or ridge regression on the selected edges themselves, of
        those signs, its penalty tuned inside [2]_.

    Attributes
    ----------
    correlations_ : ndarray of shape (n_edges,)
        Of each edge with the target, partial where there were confounds; 0 for edges that do not vary.
    p_values_ : ndarray of shape (n_edges,)
        Two-sided, by Student's t, not adjusted for the number of edges.
    positive_edges_, negative_edges_ : ndarray of shape (n_edges,), dtype bool
        The selected edges by the sign of their correlation.
    coef_ : ndarray of shape (n_edges,)
        Weight of each edge in the prediction ``X @ coef_ + intercept_``; 0 where not selected.
    intercept_ : float
        Holds the confounds at their training means.
    strength_coef_ : ndarray of shape (1,) or (2,)
        Coefficients of the strengths; two, the positive first, for ``sign="both"``. Not for ``model="ridge"``.
    alpha_ : float
        Penalty of the standardized edges, for ``model="ridge"``.
    confound_coef_, confound_mean_ : ndarray of shape (n_confounds,)
        Coefficients and training means of the confounds; None without confounds.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ConnectomeVectorizer : Edges from matrices.

    Notes
    -----
    `confounds` (age, motion, coded site) go to ``fit(X, y, confounds=Z)``, in a cross-validation by
    ``model.set_fit_request(confounds=True)`` and ``params={"confounds": Z}``, after
    ``sklearn.set_config(enable_metadata_routing=True)``. Partial correlations then select the edges, and the
    coefficients of the strengths are those of a regression that has the confounds beside them. `predict` without
    confounds holds them at their training means: what the connectome tells beyond them.

    Predictions of different folds are those of different models with different intercepts, so that their correlation
    with the target is below 0 where there is nothing to learn, by far in leave-one-out [3]_: judge it by
    :meth:`permutation_test`.

    References
    ----------
    .. [1] X. Shen et al. Nat Protoc 12 (2017), 506-518. https://doi.org/10.1038/nprot.2016.178
    .. [2] S. Gao et al. NeuroImage 201 (2019), 116038. https://doi.org/10.1016/j.neuroimage.2019.116038
    .. [3] R. A. Poldrack et al. JAMA Psychiatry 77 (2020), 534. https://doi.org/10.1001/jamapsychiatry.2019.3671

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_predict
    >>> from skfuse.connectomes import ConnectomePredictiveModel
    >>> rng = np.random.default_rng(0)
    >>> score, edges = rng.normal(size=80), rng.normal(size=(80, 300))
    >>> edges[:, :10] += score[:, None]
    >>> edges[:, 10:20] -= score[:, None]
    >>> model = ConnectomePredictiveModel().fit(edges, score)
    >>> int(model.positive_edges_[:10].sum()), int(model.negative_edges_[10:20].sum())
    (10, 10)
    >>> bool(np.corrcoef(cross_val_predict(model, edges, score), score)[0, 1] > 0.5)
    True
    """

    _parameter_constraints: dict = {
        "threshold": [Interval(Real, 0, None, closed="neither")],
        "threshold_type": [StrOptions(set(THRESHOLD_TYPES))],
        "correlation": [StrOptions({"pearson", "spearman", "partial"})],
        "sign": [StrOptions({"both", "positive", "negative", "difference"})],
        "model": [StrOptions({"ols", "huber", "ridge"})],
    }

    def __init__(self, *, threshold=0.01, threshold_type="p", correlation="pearson", sign="both", model="ols"):
        self.threshold = threshold
        self.threshold_type = threshold_type
        self.correlation = correlation
        self.sign = sign
        self.model = model

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, confounds=None):
        """Select the edges and learn what their strengths tell.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_edges)
            Edges, as :class:`ConnectomeVectorizer` gives them, without missing values.
        y : array-like of shape (n_subjects,)
            Score.
        confounds : array-like of shape (n_subjects, n_confounds) or None
            Numbers.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there are too few subjects, missing values, a threshold out of range, or confounds that explain the
            target entirely.
        """
        X, y = self._validate(X, y)
        Z = checked_confounds(confounds, len(X))
        self._refuse_contradictions(Z, X.shape[1])
        self.correlations_, freedom = edge_correlations(X, y, Z, self.correlation)
        self.p_values_ = two_sided_p(self.correlations_, freedom)
        selected = selected_edges(self.correlations_, self.p_values_, self.threshold, self.threshold_type, freedom)
        self.positive_edges_ = selected & (self.correlations_ > 0)
        self.negative_edges_ = selected & (self.correlations_ < 0)
        self.confound_mean_ = None if Z is None else Z.mean(axis=0)
        if not self._used_edges().any():
            self._warn_of_no_edge(y)
        self._learn(X, y, Z)
        return self

    def _validate(self, X, y):
        if is_stack(X):
            raise ValueError(
                f"Found array with dim 3, of shape {np.shape(X)}: this model takes edges, (n_subjects, n_edges). Put "
                "ConnectomeVectorizer before it in a pipeline."
            )
        if y is not None:
            refuse_missing_target(y)
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], ensure_min_samples=4, y_numeric=True)
        return X, column_or_1d(y, warn=True).astype(np.float64)

    def _refuse_contradictions(self, Z, n_edges):
        check_threshold(self.threshold, self.threshold_type, n_edges)
        if self.correlation == "partial" and Z is None:
            raise ValueError(
                "correlation='partial' needs confounds: fit(X, y, confounds=Z); in a cross-validation with "
                "set_fit_request(confounds=True) and params={'confounds': Z}, after "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        if self.model == "ridge" and self.sign == "difference":
            raise ValueError("model='ridge' weighs each edge by itself, sign='difference' sums them: set sign='both'.")

    def _used_edges(self):
        """Selected edges of the signs that the model takes."""
        if self.sign in ("positive", "negative"):
            return self.positive_edges_ if self.sign == "positive" else self.negative_edges_
        return self.positive_edges_ | self.negative_edges_

    def _warn_of_no_edge(self, y):
        of_sign = f" {self.sign}" if self.sign in ("positive", "negative") else ""
        if np.ptp(y) == 0:
            cause = "the target is the same for all training subjects"
        else:
            best = int(np.abs(self.correlations_).argmax())
            cause = (
                f"the strongest correlation of either sign is {self.correlations_[best]:.2f}, p = "
                f"{self.p_values_[best]:.2g}"
            )
        warnings.warn(
            f"No{of_sign} edge passes the threshold {self.threshold:g} ({self.threshold_type!r}) in {len(y)} subjects: "
            f"{cause}. The mean of the target is predicted. Raise `threshold`, or fix a number of edges by "
            "threshold_type='count'; where this happens in many folds, the connectome may tell nothing of the target.",
            NoEdgeSelectedWarning,
            stacklevel=5,
        )

    def _learn(self, X, y, Z):
        """Coefficients of strengths (or edges) with the confounds beside them."""
        basis, mean = covariate_basis(Z, len(X)), float(y.mean())
        left = residuals_of(y, basis)
        self.coef_ = np.zeros(X.shape[1])
        used = np.flatnonzero(self._used_edges())
        if self.model == "ridge":
            part = X[:, used].astype(np.float64)
            self.alpha_ = np.inf
            if len(used):
                self.coef_[used], self.alpha_ = ridge_of_edges(residuals_of(part, basis), left)
            told, centers = part @ self.coef_[used], part.mean(axis=0) @ self.coef_[used]
            self.confound_coef_ = _coefficients(Z, y - mean - (told - centers))
            self.intercept_ = mean - float(centers)
            return
        signs = self._signs()
        strengths = self._strengths(X) @ signs
        there = np.abs(signs.T) @ [self.positive_edges_.any(), self.negative_edges_.any()] > 0
        self.strength_coef_ = np.zeros(signs.shape[1])
        centers = strengths.mean(axis=0)
        if self.model == "huber":
            found, self.confound_coef_, middle = huber(strengths[:, there], Z, y)
            self.strength_coef_[there] = found
            self.confound_coef_ = None if Z is None else self.confound_coef_
        else:
            if there.any():
                self.strength_coef_[there] = least_squares(residuals_of(strengths[:, there], basis), left)
            middle = mean
            self.confound_coef_ = _coefficients(Z, y - mean - (strengths - centers) @ self.strength_coef_)
        self.intercept_ = middle - float(centers @ self.strength_coef_)
        of_sign = signs @ self.strength_coef_
        self.coef_[self.positive_edges_], self.coef_[self.negative_edges_] = of_sign

    def _signs(self):
        """Combinations (2, n_strengths) of the positive and the negative strength that the model takes."""
        return {
            "both": np.eye(2),
            "positive": np.array([[1.0], [0.0]]),
            "negative": np.array([[0.0], [1.0]]),
            "difference": np.array([[1.0], [-1.0]]),
        }[self.sign]

    def strengths(self, X):
        """Sums of the selected edges of each subject.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_edges)
            Edges.

        Returns
        -------
        strengths : ndarray of shape (n_subjects, 2)
            Over the positive and over the negative edges, in the unit of the edges; 0 where there are none.
        """
        check_is_fitted(self, "positive_edges_")
        return self._strengths(validate_data(self, X, reset=False, dtype=[np.float64, np.float32]))

    def _strengths(self, X):
        sides = (self.positive_edges_, self.negative_edges_)
        return np.column_stack([X[:, np.flatnonzero(side)].sum(axis=1, dtype=np.float64) for side in sides])

    def predict(self, X, confounds=None):
        """Predict the score.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_edges)
            Edges.
        confounds : array-like of shape (n_subjects, n_confounds) or None
            Those of fit; None holds them at their training means.

        Returns
        -------
        y : ndarray of shape (n_subjects,)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        used = np.flatnonzero(self.coef_)
        predicted = X[:, used].astype(np.float64) @ self.coef_[used] + self.intercept_
        if confounds is None:
            return predicted
        Z = checked_confounds(confounds, len(X))
        if self.confound_mean_ is None or Z.shape[1] != len(self.confound_mean_):
            known = 0 if self.confound_mean_ is None else len(self.confound_mean_)
            raise ValueError(f"`confounds` has {Z.shape[1]} columns, fit had {known}. Give the same, or None.")
        return predicted + (Z - self.confound_mean_) @ self.confound_coef_


def _coefficients(Z, y):
    """Least-squares coefficients of centered confounds, of least norm; None without confounds."""
    if Z is None:
        return None
    return np.linalg.lstsq(Z - Z.mean(axis=0), y, rcond=None)[0]
