"""What predictors of this family share: who takes part, the prior, and errors of estimators that are not ours."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
)

from skfuse._linear import StandardizedLogisticCV, StandardizedRidgeCV
from skfuse._targets import aligned_probabilities, checked_groups, refuse_missing_target, supported_weights
from skfuse.modalities import Table, validate_table
from skfuse.modalities._subjects import refuse_other_order
from skfuse.modalities._taking_part import who_takes_part


@dataclass
class Training:
    """A checked table with its targets: who takes part, and what goes with each subject."""

    table: Table
    y: np.ndarray
    kept: np.ndarray  # (n_subjects,), bool
    sample_weight: np.ndarray | None
    groups: np.ndarray | None

    def fit_params(self, estimator, rows):
        """What an estimator of the user gets beside the rows of X and y."""
        params = {}
        if self.sample_weight is not None:
            params = supported_weights(estimator, self.sample_weight[rows], "The estimator")
        if self.groups is not None and has_fit_parameter(estimator, "groups"):
            params["groups"] = self.groups[rows]
        return params


class TablePredictor(MetaEstimatorMixin, BaseEstimator):
    """A predictor from a table by clones of one estimator, which see some columns of the modalities."""

    __metadata_request__fit = {"groups": True}

    def _read(self, X, y, sample_weight, groups):
        table = validate_table(self, X, reset=True, fusion=True)
        for label, values in (("y", y), ("groups", groups), ("sample_weight", sample_weight)):
            refuse_other_order(X, values, label)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        refuse_missing_target(y)
        y = self._checked_target(column_or_1d(y, warn=True))
        groups = None if groups is None else checked_groups(groups)
        check_consistent_length(table.X, y, groups)
        blank = np.empty((len(y), 1))
        weights = _check_sample_weight(sample_weight, blank, dtype=np.float64, ensure_non_negative=True)
        kept = who_takes_part(table.present, table.names, weights)
        self._learn_prior(y[kept], weights[kept])
        return Training(table, y, kept, None if sample_weight is None else weights, groups)

    def _base(self):
        return self._default() if self.estimator is None else self.estimator

    def _features(self, table):
        """Names of the columns of each modality, or their positions in an array."""
        names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        return {name: names[columns] for name, columns in table.modalities.items()}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.estimator is None or get_tags(self.estimator).input_tags.allow_nan
        return tags


class OfClasses(ClassifierMixin):
    """Of a predictor of classes: target, prior, and how an estimator is asked."""

    def _default(self):
        return StandardizedLogisticCV()

    def _checked_target(self, y):
        check_classification_targets(y)
        return y

    def _learn_prior(self, y, weights):
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "A classifier needs 2 classes, but y holds one class only among the subjects who take part: "
                f"{self.classes_.tolist()[0]!r}. In a cross-validation, stratify the folds."
            )
        counts = np.bincount(codes, weights=weights)
        self.class_prior_ = counts / counts.sum()

    @staticmethod
    def _enough(y):
        return len(np.unique(y)) > 1

    def _asked(self, estimator, values):
        return aligned_probabilities(estimator, values, self.classes_, self.class_prior_)

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit, subjects in any missing pattern.

        Returns
        -------
        probabilities : ndarray of shape (n_subjects, n_classes)
            Rows sum to 1; of who has no modality, ``class_prior_``.
        """
        check_is_fitted(self)
        return self._predicted(X, self.class_prior_)

    def predict(self, X):
        """Most probable class.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        labels : ndarray of shape (n_subjects,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class OfNumbers(RegressorMixin):
    """Of a predictor of numbers: target, prior, and how an estimator is asked."""

    def _default(self):
        return StandardizedRidgeCV()

    def _checked_target(self, y):
        if y.dtype.kind not in "fiub":
            try:
                y = y.astype(np.float64)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"Unknown label type: the target of a regression must hold numbers, got {y.dtype} ({error})."
                ) from error
        return y.astype(np.float64)

    def _learn_prior(self, y, weights):
        self.target_mean_ = float(np.average(y, weights=weights))

    @staticmethod
    def _enough(y):
        return len(y) > 1

    def _asked(self, estimator, values):
        return estimator.predict(values)

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit, subjects in any missing pattern.

        Returns
        -------
        predicted : ndarray of shape (n_subjects,)
            In the unit of the target; ``target_mean_`` for who has no modality.
        """
        check_is_fitted(self)
        return self._predicted(X, np.asarray(self.target_mean_))


@contextmanager
def explained(estimator, pattern, values, features):
    """An error of a user's own estimator, with the modalities and, for missing cells, their columns and the cure."""
    try:
        yield
    except ValueError as error:
        message = f"Subjects with the modalities {list(pattern)}: {type(estimator).__name__} failed: {error}"
        names = np.concatenate([features[name] for name in pattern])
        gone = names[np.isnan(values).any(axis=0)].tolist() if "NaN" in str(error) else []
        if gone:
            message += (
                f"\nModalities that are missing stand in no model; what remains are single missing cells, in columns "
                f"{gone[:5]}{f' and {len(gone) - 5} others' if len(gone) > 5 else ''}. Put an imputer in front: "
                "estimator=make_pipeline(SimpleImputer(keep_empty_features=True), ...), or use the default estimator, "
                "which tolerates them."
            )
        raise ValueError(message) from error
