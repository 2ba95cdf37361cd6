"""The default estimator of one modality: standardized, ridge-penalized, tuned inside, tolerant of missing cells."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from skfuse._ridge_path import (
    PrincipalAxes,
    held_out_log_loss,
    held_out_squared_error,
    linear_scores,
)
from skfuse._splits import inner_splits
from skfuse._validation import _fit_context

#: Prior variances of a subject's score, from "hardly any signal" to "as good as unpenalized".
_VARIANCES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class _StandardizedLinear(BaseEstimator):
    """What the classifier and the regressor share: one block in, missing cells at the mean."""

    _parameter_constraints = {"score_variances": ["array-like"], "random_state": ["random_state"]}
    __metadata_request__fit = {"groups": True, "sample_weight": True}

    def _validate(self, X, reset):
        X = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan")
        return X

    def _strengths(self):
        variances = np.asarray(self.score_variances, dtype=np.float64)
        if variances.ndim != 1 or not len(variances) or np.any(~(variances > 0)):
            raise ValueError(f"`score_variances` must be positive numbers, got {self.score_variances!r}.")
        return np.sort(variances)

    def _store(self, axes, beta, intercept):
        coef, shift = axes.coefficients(beta)
        self.mean_, self.scale_ = axes.mean, axes.scale
        self.coef_, self.intercept_ = coef.T, intercept + shift

    def _scores(self, X):
        check_is_fitted(self)
        return linear_scores(self._validate(X, reset=False), self.coef_.T, self.mean_) + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class StandardizedLogisticCV(ClassifierMixin, _StandardizedLinear):
    r"""Ridge-logistic regression on standardized features, its strength tuned by an inner cross-validation.

    The default of :class:`LateFusionClassifier` for each modality. It equals ``StandardScaler`` followed by
    ``LogisticRegression(C=score_variance / n_features)``: with that scale a Gaussian prior on the coefficients gives
    the log-odds of a subject the prior variance `score_variance`, whatever the number of features, so that one grid
    serves 8 clinical scales and 200,000 voxels. A missing cell counts as the mean of its feature.

    Parameters
    ----------
    score_variances : array-like of float
        Candidates for the prior variance of the log-odds; small is strong shrinkage. The one with the lowest held-out
        log loss is chosen.
    cv : int, splitter or iterable, default=5
        Folds of the inner cross-validation; an integer means stratified folds (by group where `groups` are given),
        fewer where a class has fewer members. With a class of one member nothing can be held out, and the median
        candidate is taken.
    random_state : int, RandomState or None
        Shuffles the subjects before they are split; None keeps their order.

    Attributes
    ----------
    score_variance_ : float
        The chosen candidate.
    C_ : float
        The same as LogisticRegression has it, ``score_variance_ / n_features``.
    log_losses_ : ndarray of shape (n_candidates,) or None
        Held-out log loss of each candidate, in increasing order of variance.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients of the raw features.
    intercept_ : ndarray of shape (1,) or (n_classes,)
    mean_, scale_ : ndarray of shape (n_features,)
        Of the training features; the scale of a constant feature is infinite.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    StandardizedRidgeCV : The same for a continuous target.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skfuse.late_fusion import StandardizedLogisticCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> round(StandardizedLogisticCV().fit(X, y).score(X, y), 2)
    0.99
    """

    def __init__(self, *, score_variances=_VARIANCES, cv=5, random_state=None):
        self.score_variances = score_variances
        self.cv = cv
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Choose the strength and fit.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_features)
            One block; NaN is a missing cell.
        y : array-like of shape (n_subjects,)
            Classes.
        sample_weight : array-like of shape (n_subjects,) or None
            Weight of each subject in the fit and in the held-out loss.
        groups : array-like of shape (n_subjects,) or None
            Subjects of one group stay on one side of every inner split.

        Returns
        -------
        self : object
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            only = self.classes_.tolist()[0]
            raise ValueError(f"A classifier needs 2 classes, but y holds one class only: {only!r}.")
        labels = encoder.transform(y)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        axes = PrincipalAxes(X, weights)
        width = max(1, np.isfinite(axes.scale).sum())
        variances = self._strengths()
        folds = inner_splits(self.cv, X, labels, groups, random_state=self.random_state, classifier=True)
        self.log_losses_ = None
        self.score_variance_ = float(variances[(len(variances) - 1) // 2])
        if folds and len(variances) > 1 and axes.coordinates.shape[1]:
            self.log_losses_ = held_out_log_loss(axes.coordinates, labels, weights, folds, variances / width)
            self.score_variance_ = float(variances[np.argmin(self.log_losses_)])
        self.C_ = self.score_variance_ / width
        beta, intercept = self._solve(axes.coordinates, labels, weights)
        self._store(axes, beta, intercept)
        return self

    def _solve(self, coordinates, labels, weights):
        if not coordinates.shape[1]:  # nothing varies: the prior is all there is
            share = np.bincount(labels, weights) / weights.sum()
            logs = np.log(np.maximum(share, 1e-12))
            intercept = np.array([logs[1] - logs[0]]) if len(share) == 2 else logs - logs.mean()
            return np.zeros((0, len(intercept))), intercept
        # tol far below the default: the answer must not depend on the rounding of the rotation.
        model = LogisticRegression(C=self.C_, tol=1e-8, max_iter=10_000)
        model.fit(coordinates, labels, sample_weight=weights)
        return model.coef_.T, model.intercept_

    def decision_function(self, X):
        """Log-odds of the second class, or scores of all classes.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_features)
            NaN is a missing cell.

        Returns
        -------
        scores : ndarray of shape (n_subjects,) or (n_subjects, n_classes)
        """
        scores = self._scores(X)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_features)
            NaN is a missing cell.

        Returns
        -------
        probability : ndarray of shape (n_subjects, n_classes)
        """
        from scipy.special import expit, softmax

        scores = self._scores(X)
        if len(self.classes_) == 2:
            return np.hstack([expit(-scores), expit(scores)])
        return softmax(scores, axis=1)

    def predict(self, X):
        """Most probable class.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_features)
            NaN is a missing cell.

        Returns
        -------
        y : ndarray of shape (n_subjects,)
        """
        scores = self._scores(X)
        chosen = (scores[:, 0] > 0).astype(int) if len(self.classes_) == 2 else scores.argmax(axis=1)
        return self.classes_[chosen]


class StandardizedRidgeCV(RegressorMixin, _StandardizedLinear):
    r"""Ridge regression on standardized features, its strength tuned by exact leave-one-out.

    The default of :class:`LateFusionRegressor` for each modality: ``StandardScaler`` followed by
    ``Ridge(alpha=n_features / score_variance)``, where `score_variance` is the prior variance of a subject's score in
    units of the noise variance. A missing cell counts as the mean of its feature.

    Parameters
    ----------
    score_variances : array-like of float
        Candidates for the prior signal-to-noise ratio; small is strong shrinkage. The one with the lowest held-out
        squared error is chosen, each subject (each group, where `groups` are given) left out in turn, in closed form.
    random_state : int, RandomState or None
        Ignored: nothing is random. Present so that both defaults take the same parameters.

    Attributes
    ----------
    score_variance_ : float
        The chosen candidate.
    alpha_ : float
        The same as Ridge has it, ``n_features / score_variance_``.
    squared_errors_ : ndarray of shape (n_candidates,) or None
        Held-out mean squared error of each candidate, in increasing order of variance.
    coef_ : ndarray of shape (1, n_features)
        Coefficients of the raw features.
    intercept_ : ndarray of shape (1,)
    mean_, scale_ : ndarray of shape (n_features,)
        Of the training features; the scale of a constant feature is infinite.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    StandardizedLogisticCV : The same for classes.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skfuse.late_fusion import StandardizedRidgeCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> round(StandardizedRidgeCV().fit(X, y).score(X, y), 2)
    0.52
    """

    def __init__(self, *, score_variances=_VARIANCES, random_state=None):
        self.score_variances = score_variances
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Choose the strength and fit.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_features)
            One block; NaN is a missing cell.
        y : array-like of shape (n_subjects,)
            Target.
        sample_weight : array-like of shape (n_subjects,) or None
            Weight of each subject.
        groups : array-like of shape (n_subjects,) or None
            Subjects of one group are left out together.

        Returns
        -------
        self : object
        """
        X, y = validate_data(
            self,
            X,
            y,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2,
            y_numeric=True,
        )
        y = column_or_1d(y, warn=True).astype(np.float64)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        axes = PrincipalAxes(X, weights)
        width = max(1, np.isfinite(axes.scale).sum())
        variances = self._strengths()
        groups = None if groups is None or len(np.unique(groups)) < 2 else np.asarray(groups)
        self.squared_errors_ = None
        self.score_variance_ = float(variances[(len(variances) - 1) // 2])
        if len(X) > 2 and axes.coordinates.shape[1]:
            self.squared_errors_ = held_out_squared_error(axes.coordinates, y, weights, groups, width / variances)
            self.score_variance_ = float(variances[np.argmin(self.squared_errors_)])
        self.alpha_ = width / self.score_variance_
        mean = weights @ axes.coordinates / weights.sum()
        centered = axes.coordinates - mean
        normal = (centered * weights[:, None]).T @ centered
        normal[np.diag_indices_from(normal)] += self.alpha_
        middle = weights @ y / weights.sum()
        beta = np.linalg.solve(normal, centered.T @ (weights * (y - middle)))[:, None]
        self._store(axes, beta, middle - mean @ beta)
        return self

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_features)
            NaN is a missing cell.

        Returns
        -------
        y : ndarray of shape (n_subjects,)
        """
        return self._scores(X)[:, 0]
