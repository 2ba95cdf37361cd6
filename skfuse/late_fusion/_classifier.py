"""Late fusion of classes."""

from functools import partial

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import with_callbacks
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skfuse._linear import StandardizedLogisticCV
from skfuse._splits import inner_splits
from skfuse._targets import aligned_probabilities, refuse_missing_target
from skfuse._validation import StrOptions, _fit_context
from skfuse.late_fusion import _rules
from skfuse.late_fusion._base import BaseLateFusion
from skfuse.late_fusion._conditional import ConditionalMean
from skfuse.late_fusion._pools import LogLinearPool
from skfuse.late_fusion._skill import (
    gains,
    mean_ranks,
    reliabilities,
    sizes,
    sorted_reference,
    spread,
)

#: Rules that treat all modalities alike and learn nothing.
FIXED_RULES = ("mean", "median", "product", "max", "vote")
#: Rules that learn from predictions out of fold.
LEARNED_RULES = ("stack", "rank", "gain", "confidence", "dempster-shafer", "best")


def _has_decision(self):
    if self.combine != "stack":
        raise AttributeError(f"decision_function exists for combine='stack' only, got combine={self.combine!r}.")
    final = self.final_estimator
    return final is None or hasattr(getattr(self, "final_estimator_", final), "decision_function")


class LateFusionClassifier(ClassifierMixin, BaseLateFusion):
    r"""One classifier per modality, combined by stacking or by a rule; modalities may be missing.

    Each classifier is fitted on the subjects who have its modality. The combination is learned from predictions out of
    fold, with one split of the subjects for all modalities, and uses for each subject the modalities that the subject
    has. A subject with none gets the prior.

    Parameters
    ----------
    estimators : dict, estimator or None
        A classifier per modality, ``{"mri": SVC(), "clinical": HistGradientBoostingClassifier()}``; ``"drop"`` leaves
        a modality out, one without an entry gets the default. One classifier is cloned for every modality. None is
        :class:`StandardizedLogisticCV`, which tolerates single missing cells. A classifier without ``predict_proba``
        is calibrated by a sigmoid.
    modalities : dict or None
        Columns of each modality, as in :func:`skfuse.modalities.resolve_modalities`; None reads the prefix before the
        first ``__`` of each column.
    combine : str, default="stack"
        ``"stack"``: non-negative ridge-logistic regression on the log-probabilities out of fold (log-linear pool), or
        `final_estimator`. ``"mean"``, ``"median"``, ``"product"``, ``"max"``, ``"vote"``: Kittler's rules [1]_.
        ``"rank"``: mean rank among the training subjects, calibrated. ``"gain"``: mean weighted by how much each
        modality lowers the log loss of the prior. ``"confidence"``: the same times how sure a modality is of the
        subject. ``"dempster-shafer"``: Dempster's rule; a modality is discounted by its reliability, a missing one is
        total ignorance. ``"best"``: the single modality with the largest gain, chosen out of fold (the prior for who
        lacks it): the baseline that a claim of fusion must beat.
    final_estimator : estimator or None
        For ``"stack"`` only: any classifier, fitted on one log-odds per modality (and class beyond two), relative to
        the prior. A missing modality is NaN where the classifier accepts that (LightGBM, histogram gradient boosting),
        and 0, no evidence, where it does not.
    cv : int, splitter or iterable, default=5
        The split for predictions out of fold; an integer means stratified folds, of whole `groups` where these are
        given, and fewer where the rarest class has fewer members.
    missing : {"skip", "impute", "indicator"}, default="skip"
        For ``"stack"``: ``"skip"`` gives a missing modality no say. ``"impute"`` fills its log-odds by the conditional
        mean given the others, best where modalities are missing at random [2]_. ``"indicator"`` also predicts from
        who lacks what, with a :class:`MissingFlagWarning`.
    calibrate : {"sigmoid", "isotonic"} or None
        Calibrate the classifier of each modality, by folds inside its training subjects.
    n_jobs : int or None
        Parallel fits per modality, through joblib.
    random_state : int, RandomState or None
        Shuffles the subjects before an integer `cv` splits them; None keeps their order.

    Attributes
    ----------
    estimators_ : dict
        The fitted classifier of each modality that could be fitted.
    final_estimator_ : object or None
        What combines them; a :class:`LogLinearPool` by default, None for rules without parameters.
    modality_weights_ : dict of str to float
        Share of each modality in the combination, summing to 1. For ``"stack"`` it is the weight times the standard
        deviation of the modality's log-odds out of fold: how far it moves a subject. Absent where a `final_estimator`
        has neither ``coef_`` nor ``feature_importances_``.
    out_of_fold_ : ndarray of shape (n_subjects, n_modalities, n_classes) or None
        Predictions out of fold, NaN where there is none; None for rules that learn nothing.
    skipped_modalities_ : dict of str to str
        Modalities that could not be fitted, and why.
    class_prior_ : ndarray of shape (n_classes,)
        Share of each class among the training subjects.
    classes_ : ndarray of shape (n_classes,)
    modalities_ : dict of str to slice or ndarray of int
        Columns of each modality.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    LateFusionRegressor : For a continuous target.
    skfuse.modalities.join_modalities : Make the table.

    References
    ----------
    .. [1] J. Kittler, M. Hatef, R. P. W. Duin, J. Matas. IEEE TPAMI 20 (1998). https://doi.org/10.1109/34.667881
    .. [2] W. van Loon et al. Information Fusion 111 (2024). https://doi.org/10.1016/j.inffus.2024.102524

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.late_fusion import LateFusionClassifier
    >>> cohort = make_cohort(200, missing=0.3, random_state=0)
    >>> fusion = LateFusionClassifier()
    >>> scores = cross_val_score(fusion, cohort.X, cohort.y, scoring="roc_auc")
    >>> bool(scores.mean() > 0.6)
    True
    >>> fusion.fit(cohort.X, cohort.y).subject_weights(cohort.X).shape
    (200, 3)
    """

    _parameter_constraints: dict = {
        **BaseLateFusion._parameter_constraints,
        "combine": [StrOptions({*FIXED_RULES, *LEARNED_RULES})],
        "calibrate": [StrOptions({"sigmoid", "isotonic"}), None],
    }
    _classifier = True
    _rules_out_of_fold = frozenset(LEARNED_RULES)
    _too_few = "all subjects who have it are of one class"

    def __init__(
        self,
        estimators=None,
        modalities=None,
        *,
        combine="stack",
        final_estimator=None,
        cv=5,
        missing="skip",
        calibrate=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimators = estimators
        self.modalities = modalities
        self.combine = combine
        self.final_estimator = final_estimator
        self.cv = cv
        self.missing = missing
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit the classifiers and their combination.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : array-like of shape (n_subjects,)
            Classes.
        sample_weight : array-like of shape (n_subjects,) or None
            Weight of each subject, in the classifiers and in the combination; 0 leaves a subject out.
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
        return StandardizedLogisticCV(random_state=self.random_state)

    def _validate_target(self, table, y):
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        refuse_missing_target(y)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y

    def _encode(self, data):
        """Labels 0 to K − 1 of the subjects kept, −1 for the others."""
        encoder = LabelEncoder().fit(data.y[data.kept])
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise ValueError(
                "A classifier needs 2 classes, but y holds one class only among the subjects who take part (with a "
                f"modality, and a weight above 0): {self.classes_.tolist()[0]!r}."
            )
        labels = np.full(len(data.y), -1)
        labels[data.kept] = encoder.transform(data.y[data.kept])
        share = np.bincount(labels[data.kept], data.weights[data.kept], minlength=len(self.classes_))
        self.class_prior_ = share / share.sum()
        return labels

    def _enough(self, labels):
        return len(labels) > 1 and labels.min() != labels.max()

    def _output_shape(self):
        return (len(self.classes_),)

    def _predictor(self):
        return partial(aligned_probabilities, classes=self.classes_, prior=self.class_prior_)

    def _prepared(self, estimator, labels, groups, rows):
        """A clone to be fitted; calibrated by folds of its own training subjects where that is asked for or needed."""
        return self._calibrated(estimator, self.calibrate, labels, groups, rows)

    def _calibrated(self, estimator, method, labels, groups, rows):
        if method is None and not hasattr(estimator, "predict_proba") and hasattr(estimator, "decision_function"):
            method = "sigmoid"
        if method is None:
            return clone(estimator)
        within = None if groups is None else groups[rows]
        blank = np.zeros((len(labels), 1))
        _, labels = np.unique(labels, return_inverse=True)
        folds = inner_splits(5, blank, labels, within, random_state=self.random_state, classifier=True)
        if not folds:
            raise ValueError(
                f"{type(estimator).__name__} must be calibrated, but a class has one subject (or group) with this "
                "modality in training, so nothing can be held out. Choose an estimator with predict_proba and "
                "calibrate=None."
            )
        return CalibratedClassifierCV(clone(estimator), method=method, cv=folds, ensemble=False)

    # Combination ----------------------------------------------------------------------------------------------------

    def _fit_combination(self, data):
        self.final_estimator_, weights = None, np.ones(len(self.estimators_))
        if self.combine in LEARNED_RULES:
            rows = np.flatnonzero(~np.isnan(self.out_of_fold_[:, :, 0]).all(axis=1))
            held, labels, subject = self.out_of_fold_[rows], data.labels[rows], data.weights[rows]
            if self.combine == "stack":
                weights = self._fit_stack(held, data, rows)
            elif self.combine == "rank":
                self._reference = sorted_reference(held)
                self.final_estimator_ = LogLinearPool().fit(
                    mean_ranks(held, self._reference), labels, subject, self.class_prior_
                )
            elif self.combine == "dempster-shafer":
                weights = reliabilities(held, labels, subject)
            else:
                weights = gains(held, labels, subject, self.class_prior_, among_present=self.combine != "best")
                if self.combine == "best":
                    weights = (np.arange(len(weights)) == weights.argmax()).astype(np.float64)
        self._rule_weights = weights

    def _fit_stack(self, held, data, rows):
        """Fit the pool or the user's final estimator; return the weights of the modalities, None where unknown."""
        labels, subject = data.labels[rows], data.weights[rows]
        if self.missing == "impute":
            self._imputer = ConditionalMean().fit(self._log_odds(held), subject)
        if self.final_estimator is None:
            evidence, flags = self._evidence(held)
            self.final_estimator_ = LogLinearPool().fit(evidence, labels, subject, self.class_prior_, flags)
            # A base model without signal says little whatever its weight: what counts is how far it moves a subject.
            return self.final_estimator_.coef_ * spread(self._log_odds(held)).reshape(held.shape[1], -1).mean(axis=1)
        features = self._final_features(held)
        final = self._calibrated(self.final_estimator, None, labels, data.groups, rows)
        self.final_estimator_ = final.fit(features, self.classes_[labels], **self._final_params(data, rows))
        size = sizes(self.final_estimator_, spread(self._log_odds(held)))
        return None if size is None else size.reshape(held.shape[1], -1).sum(axis=1)

    def _log_odds(self, probabilities):
        """Log-odds against the first class relative to the prior, NaN where missing: (n, n_modalities × (K − 1))."""
        evidence = _rules.log_ratios(probabilities, self.class_prior_)
        odds = evidence[:, :, 1:] - evidence[:, :, :1]
        odds[~_rules.present_in(probabilities)] = np.nan
        return odds.reshape(len(odds), -1)

    def _evidence(self, probabilities):
        """Input of the pool: evidence (n, n_modalities, n_classes), and flags or None."""
        evidence = _rules.log_ratios(probabilities, self.class_prior_)
        if self.missing == "impute":
            odds = self._imputer.transform(self._log_odds(probabilities)).reshape(*evidence.shape[:2], -1)
            evidence = np.concatenate([np.zeros((*evidence.shape[:2], 1)), odds], axis=2)
        return evidence, self._flags(probabilities)

    def _flags(self, probabilities):
        return (~_rules.present_in(probabilities)).astype(np.float64) if self.missing == "indicator" else None

    def _final_features(self, probabilities):
        """Input of a user's final estimator (n, n_modalities × (K − 1)), missing flags behind it."""
        odds = self._log_odds(probabilities)
        if self.missing == "impute":
            odds = self._imputer.transform(odds)
        elif not get_tags(self.final_estimator).input_tags.allow_nan:
            odds = np.nan_to_num(odds, nan=0.0)
        flags = self._flags(probabilities)
        return odds if flags is None else np.hstack([odds, flags])

    def _weights_for(self, probabilities):
        """Weights (n_subjects, n_modalities), not yet shared among those present."""
        if self.combine == "confidence":
            return _rules.confidence_weights(probabilities, self._known_weights())
        return np.broadcast_to(self._known_weights(), probabilities.shape[:2])

    def _combine(self, probabilities):
        rule, prior = self.combine, self.class_prior_
        if rule == "stack":
            combined = self._combine_stack(probabilities)
        elif rule == "rank":
            combined = self.final_estimator_.predict_proba(mean_ranks(probabilities, self._reference))
        elif rule == "dempster-shafer":
            combined = _rules.dempster_shafer(probabilities, prior, self._rule_weights)
        elif rule in ("gain", "confidence", "mean"):
            combined = _rules.weighted_mean(probabilities, prior, self._weights_for(probabilities))
        elif rule == "best":
            chosen = probabilities[:, self._rule_weights.argmax()]
            combined = np.where(np.isnan(chosen), prior, chosen)
        else:
            functions = {"median": _rules.median, "product": _rules.product, "max": _rules.maximum, "vote": _rules.vote}
            combined = functions[rule](probabilities, prior)
        combined[~_rules.present_in(probabilities).any(axis=1)] = prior
        return combined

    def _combine_stack(self, probabilities):
        if self.final_estimator is None:
            return self.final_estimator_.predict_proba(*self._evidence(probabilities))
        return aligned_probabilities(
            self.final_estimator_, self._final_features(probabilities), self.classes_, self.class_prior_
        )

    # Predict --------------------------------------------------------------------------------------------------------

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit; modalities may be missing.

        Returns
        -------
        probability : ndarray of shape (n_subjects, n_classes)
            The prior for a subject without any modality.
        """
        return self._combine(self._predict_base(X))

    def predict(self, X):
        """Most probable class.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit; modalities may be missing.

        Returns
        -------
        y : ndarray of shape (n_subjects,)
        """
        probability = self.predict_proba(X)
        return self.classes_[probability.argmax(axis=1)]

    @available_if(_has_decision)
    def decision_function(self, X):
        """Fused log-odds of the second class, or log-scores of all classes; for ``combine="stack"``.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit; modalities may be missing.

        Returns
        -------
        scores : ndarray of shape (n_subjects,) or (n_subjects, n_classes)
        """
        probabilities = self._predict_base(X)
        if self.final_estimator is None:
            scores = self.final_estimator_.decision_scores(*self._evidence(probabilities))
            scores = scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores
        else:
            scores = self.final_estimator_.decision_function(self._final_features(probabilities))
        prior = np.log(np.clip(self.class_prior_, _rules.FLOOR, None))
        none = ~_rules.present_in(probabilities).any(axis=1)
        scores[none] = prior[1] - prior[0] if len(self.classes_) == 2 else prior
        return scores

    def predict_proba_by_modality(self, X):
        """Probability of each class as each modality alone sees it.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit; modalities may be missing.

        Returns
        -------
        probabilities : dict of str to ndarray of shape (n_subjects, n_classes)
            A row of NaN where the subject lacks the modality.
        """
        probabilities = self._predict_base(X)
        return {name: probabilities[:, position] for position, name in enumerate(self.estimators_)}

    def subject_weights(self, X):
        """Share of each modality in the prediction for each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit; modalities may be missing.

        Returns
        -------
        weights : ndarray or DataFrame of shape (n_subjects, n_modalities)
            Rows sum to 1 over the modalities that the subject has; all 0 where none of them has a say, as for
            ``"best"`` without the best modality, when the prediction is the prior. A pandas table gives a DataFrame.
        """
        probabilities = self._predict_base(X)
        weights = self._weights_for(probabilities)
        return self._per_subject(X, weights, _rules.present_in(probabilities))
