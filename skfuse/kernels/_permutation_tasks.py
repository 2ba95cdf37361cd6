"""What a permutation test of kernel machines needs to know of the target: how to fit and to score some subjects."""

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skfuse._survival import check_survival, harrell_c
from skfuse._targets import refuse_missing_target
from skfuse.kernels._cox_machine import martingale_residuals


class ClassTask:
    """Classes; scored by the AUC, of several classes the mean of each against the others."""

    classifier = True
    scoring = "AUC"

    def __init__(self, model, y):
        self.model = model
        refuse_missing_target(y)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes, self.labels = np.unique(y, return_inverse=True)
        if len(self.classes) < 2:
            raise ValueError(f"At least 2 classes are needed, got {self.classes.tolist()}.")
        model.classes_ = self.classes

    def keep(self, rows):
        """Leave out who has no modality."""
        self.labels = self.labels[rows]

    def fit(self, stack, rows):
        """Machine of some subjects."""
        codes = self.labels[rows]
        of_classes = self._class_weights(np.bincount(codes, minlength=len(self.classes)))
        return self.model._learn(stack, self.model._targets(codes), self.model.C * of_classes[codes], None)

    def _class_weights(self, counts):
        """As scikit-learn's ``compute_class_weight``, which would take half the time of a small fit."""
        given = self.model.class_weight
        if given == "balanced":
            return counts.sum() / (len(counts) * np.maximum(counts, 1))
        return np.array([1.0 if given is None else given.get(label, 1.0) for label in self.classes.tolist()])

    def score(self, rows, decision):
        """AUC of decisions (n_outputs, n_rows)."""
        codes = self.labels[rows]
        events = [codes == 1] if len(decision) == 1 else [codes == code for code in range(len(self.classes))]
        found = [_auc(event, one) for event, one in zip(events, decision, strict=True) if 0 < event.sum() < len(event)]
        return float(np.mean(found)) if found else np.nan


class NumberTask:
    """A continuous target; scored by R² against the mean of the training subjects."""

    classifier = False
    scoring = "R²"

    def __init__(self, model, y):
        self.model = model
        refuse_missing_target(y)
        self.labels = column_or_1d(y, warn=True).astype(np.float64)

    def keep(self, rows):
        """Leave out who has no modality."""
        self.labels = self.labels[rows]

    def fit(self, stack, rows):
        """Machine of some subjects."""
        y = self.labels[rows]
        self.mean, deviation = float(y.mean()), float(y.std())
        deviation = deviation if deviation > 0 else 1.0
        machine = self.model._learn(stack, ((y - self.mean) / deviation)[None], np.full(len(y), self.model.C), None)
        machine.coefficients = machine.coefficients * deviation
        machine.intercepts = machine.intercepts * deviation + self.mean
        return machine

    def score(self, rows, decision):
        """R² of predictions (1, n_rows)."""
        y = self.labels[rows]
        spread = np.sum((y - self.mean) ** 2)
        return float(1.0 - np.sum((y - decision[0]) ** 2) / spread) if spread > 0 else np.nan


class SurvivalTask:
    """Times to an event; scored by Harrell's C."""

    classifier = True  # folds are stratified by event
    scoring = "Harrell's C"

    def __init__(self, model, y):
        self.model = model
        self.event, self.time = check_survival(y)
        self.labels = self.event.astype(int)

    def keep(self, rows):
        """Leave out who has no modality."""
        self.event, self.time, self.labels = self.event[rows], self.time[rows], self.labels[rows]

    def fit(self, stack, rows):
        """Machine of some subjects."""
        event, time = self.event[rows], self.time[rows]
        self.model._target = event, time, None
        return self.model._learn(stack, martingale_residuals(event, time, np.zeros(len(rows)))[None], None, None)

    def score(self, rows, decision):
        """Concordance of log hazard ratios (1, n_rows)."""
        return float(harrell_c(self.event[rows], self.time[rows], decision[0]))


def _auc(event, decision):
    above, below = decision[event], np.sort(decision[~event])
    wins = np.searchsorted(below, above, side="left") + np.searchsorted(below, above, side="right")
    return float(wins.sum()) / (2.0 * len(above) * len(below))
