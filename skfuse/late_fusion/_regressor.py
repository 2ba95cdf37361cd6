"""Late fusion of a continuous target."""

import numpy as np
from sklearn.base import RegressorMixin, clone
from sklearn.callback import with_callbacks
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import column_or_1d

from skfuse._linear import StandardizedRidgeCV
from skfuse._targets import refuse_missing_target
from skfuse._validation import StrOptions, _fit_context
from skfuse.late_fusion._base import BaseLateFusion
from skfuse.late_fusion._conditional import ConditionalMean
from skfuse.late_fusion._pools import LinearPool
from skfuse.late_fusion._rules import share_weights
from skfuse.late_fusion._skill import sizes, spread

FIXED_RULES = ("mean", "median")
LEARNED_RULES = ("stack", "gain", "best")


class LateFusionRegressor(RegressorMixin, BaseLateFusion):
    r"""One regressor per modality, combined by stacking or by a rule; modalities may be missing.

    As :class:`LateFusionClassifier`, for a continuous target.

    Parameters
    ----------
    estimators : dict, estimator or None
        A regressor per modality; ``"drop"`` leaves a modality out, one without an entry gets the default. One
        regressor is cloned for every modality. None is :class:`StandardizedRidgeCV`, which tolerates single missing
        cells.
    modalities : dict or None
        Columns of each modality, as in :func:`skfuse.modalities.resolve_modalities`.
    combine : {"stack", "mean", "median", "gain", "best"}, default="stack"
        ``"stack"``: non-negative ridge regression on the predictions out of fold [1]_, or `final_estimator`.
        ``"gain"``: mean weighted by how much each modality lowers the squared error of the mean. ``"best"``: the single
        modality with the largest gain, chosen out of fold.
    final_estimator : estimator or None
        For ``"stack"`` only: any regressor, fitted on the predictions minus the mean of the target. A missing modality
        is NaN where the regressor accepts that, and 0 where it does not.
    cv : int, splitter or iterable, default=5
        The split for predictions out of fold; an integer means folds of whole `groups` where these are given.
    missing : {"skip", "impute", "indicator"}, default="skip"
        For ``"stack"``, as in :class:`LateFusionClassifier`.
    n_jobs : int or None
        Parallel fits per modality, through joblib.
    random_state : int, RandomState or None
        Shuffles the subjects before an integer `cv` splits them; None keeps their order.

    Attributes
    ----------
    estimators_ : dict
        The fitted regressor of each modality that could be fitted.
    final_estimator_ : object or None
        What combines them; a :class:`LinearPool` by default, None for other rules.
    modality_weights_ : dict of str to float
        Share of each modality in the combination, summing to 1; for ``"stack"`` the weight times the standard deviation
        of the modality's predictions out of fold. Absent where a `final_estimator` does not tell.
    out_of_fold_ : ndarray of shape (n_subjects, n_modalities) or None
        Predictions out of fold, NaN where there is none; None for rules that learn nothing.
    skipped_modalities_ : dict of str to str
        Modalities that could not be fitted, and why.
    target_mean_ : float
        Mean of the target, the prediction for a subject without any modality.
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    LateFusionClassifier : For classes.

    References
    ----------
    .. [1] L. Breiman. Stacked regressions. Machine Learning 24 (1996). https://doi.org/10.1007/BF00117832

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.late_fusion import LateFusionRegressor
    >>> cohort = make_cohort(200, task="regression", missing=0.3, random_state=0)
    >>> fusion = LateFusionRegressor().fit(cohort.X, cohort.y)
    >>> fusion.score(cohort.X, cohort.y) > 0.2
    True
    """

    _parameter_constraints: dict = {
        **BaseLateFusion._parameter_constraints,
        "combine": [StrOptions({*FIXED_RULES, *LEARNED_RULES})],
    }
    _rules_out_of_fold = frozenset(LEARNED_RULES)
    _too_few = "fewer than two subjects have it"

    def __init__(
        self,
        estimators=None,
        modalities=None,
        *,
        combine="stack",
        final_estimator=None,
        cv=5,
        missing="skip",
        n_jobs=None,
        random_state=None,
    ):
        self.estimators = estimators
        self.modalities = modalities
        self.combine = combine
        self.final_estimator = final_estimator
        self.cv = cv
        self.missing = missing
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit the regressors and their combination.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : array-like of shape (n_subjects,)
            Target.
        sample_weight : array-like of shape (n_subjects,) or None
            Weight of each subject, in the regressors and in the combination; 0 leaves a subject out.
        groups : array-like of shape (n_subjects,) or None
            Subjects of one group stay on one side of every split.

        Returns
        -------
        self : object
        """
        self._fit_base(X, y, sample_weight, groups)
        return self

    # What the base class asks for -----------------------------------------------------------------------------------

    def _default_estimator(self):
        return StandardizedRidgeCV()

    def _validate_target(self, table, y):
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        refuse_missing_target(y)
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y", estimator=self)
        return column_or_1d(y, warn=True).astype(np.float64)

    def _encode(self, data):
        self.target_mean_ = float(np.average(data.y[data.kept], weights=data.weights[data.kept]))
        return data.y

    def _enough(self, labels):
        return len(labels) > 1

    def _output_shape(self):
        return ()

    def _predictor(self):
        return plain_prediction

    def _prepared(self, estimator, labels, groups, rows):
        return clone(estimator)

    # Combination ----------------------------------------------------------------------------------------------------

    def _fit_combination(self, data):
        self.final_estimator_, weights = None, np.ones(len(self.estimators_))
        if self.combine in LEARNED_RULES:
            rows = np.flatnonzero(~np.isnan(self.out_of_fold_).all(axis=1))
            held, y, subject = self.out_of_fold_[rows] - self.target_mean_, data.y[rows], data.weights[rows]
            if self.combine == "stack":
                weights = self._fit_stack(held, data, rows)
            else:
                weights = _gains(held, y - self.target_mean_, subject, among_present=self.combine == "gain")
                if self.combine == "best":
                    weights = (np.arange(len(weights)) == weights.argmax()).astype(np.float64)
        self._rule_weights = weights

    def _fit_stack(self, held, data, rows):
        y, subject = data.y[rows], data.weights[rows]
        if self.missing == "impute":
            self._imputer = ConditionalMean().fit(held, subject)
        if self.final_estimator is None:
            evidence, flags = self._evidence(held)
            self.final_estimator_ = LinearPool().fit(evidence, y, subject, self.target_mean_, flags)
            # A base model without signal says little whatever its weight: what counts is how far it moves a subject.
            return self.final_estimator_.coef_ * spread(held)
        final = clone(self.final_estimator)
        features = self._final_features(held)
        self.final_estimator_ = final.fit(features, y, **self._final_params(data, rows))
        return sizes(self.final_estimator_, spread(held))

    def _evidence(self, held):
        """Input of the pool (n, n_modalities), and flags or None."""
        flags = np.isnan(held).astype(np.float64) if self.missing == "indicator" else None
        filled = self._imputer.transform(held) if self.missing == "impute" else np.nan_to_num(held, nan=0.0)
        return filled, flags

    def _final_features(self, held):
        """Input of a user's final estimator, missing flags behind it."""
        evidence, flags = self._evidence(held)
        if self.missing != "impute" and get_tags(self.final_estimator).input_tags.allow_nan:
            evidence = held
        return evidence if flags is None else np.hstack([evidence, flags])

    def _combine(self, predictions):
        present = ~np.isnan(predictions)
        if self.combine == "stack":
            held = predictions - self.target_mean_
            if self.final_estimator is None:
                combined = self.final_estimator_.predict(*self._evidence(held))
            else:
                combined = self.final_estimator_.predict(self._final_features(held))
        elif self.combine == "median":
            combined = np.full(len(predictions), self.target_mean_)
            some = present.any(axis=1)
            combined[some] = np.nanmedian(predictions[some], axis=1)
        elif self.combine == "best":
            combined = np.nan_to_num(predictions[:, self._rule_weights.argmax()], nan=self.target_mean_)
        else:
            shares = share_weights(self._known_weights(), present)
            combined = (shares * np.nan_to_num(predictions, nan=0.0)).sum(axis=1)
        return np.where(present.any(axis=1), combined, self.target_mean_)

    # Predict --------------------------------------------------------------------------------------------------------

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit; modalities may be missing.

        Returns
        -------
        y : ndarray of shape (n_subjects,)
            The training mean for a subject without any modality.
        """
        return self._combine(self._predict_base(X))

    def predict_by_modality(self, X):
        """Predict the target by each modality alone.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit; modalities may be missing.

        Returns
        -------
        predictions : dict of str to ndarray of shape (n_subjects,)
            NaN where the subject lacks the modality.
        """
        predictions = self._predict_base(X)
        return {name: predictions[:, position] for position, name in enumerate(self.estimators_)}

    def subject_weights(self, X):
        """Share of each modality in the prediction for each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit; modalities may be missing.

        Returns
        -------
        weights : ndarray or DataFrame of shape (n_subjects, n_modalities)
            Rows sum to 1 over the modalities that the subject has; all 0 where none of them has a say.
        """
        predictions = self._predict_base(X)
        weights = self._known_weights()
        return self._per_subject(X, weights, ~np.isnan(predictions))


def plain_prediction(estimator, X):
    """Prediction of a regressor as a 1-D array."""
    return np.ravel(estimator.predict(X))


def _gains(held, centered, weights, *, among_present):
    """Variance minus squared error of each modality, out of fold: per subject who has it, or per subject at all."""
    present = ~np.isnan(held)
    gain = np.where(present, centered[:, None] ** 2 - (centered[:, None] - held) ** 2, 0.0) * weights[:, None]
    count = (present * weights[:, None]).sum(axis=0) if among_present else weights.sum()
    return gain.sum(axis=0) / np.maximum(count, np.finfo(np.float64).tiny)
