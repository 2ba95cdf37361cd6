"""Scores of one fold; all are to be read as higher is better or lower is better, as `SCORES` says."""

import warnings

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

#: Scores per task, the primary one first; True where higher is better.
SCORES = {
    "classification": {"AUC": True, "log loss": False, "Brier": False, "accuracy": True, "F1": True},
    "regression": {"R2": True, "RMSE": False, "r": True},
}

_DUMMIES = (DummyClassifier, DummyRegressor)


class ConstantPredictionWarning(UserWarning):
    """A fitted strategy predicted the same for every subject of a fold."""


def score_fold(estimator, X, y, task):
    """Score a fitted estimator on held-out subjects.

    Parameters
    ----------
    estimator : fitted estimator
        With ``predict_proba`` for classes.
    X : data frame of shape (n_subjects, n_features)
    y : ndarray of shape (n_subjects,)
    task : {"classification", "regression"}

    Returns
    -------
    scores : dict of str to float
        AUC is one against the rest and averaged where there are more than two classes, NaN where a class is absent; F1
        is that of the second class of two, the macro average of more; Brier is in the unit of one class (0 to 1)
        for two classes and summed over classes for more; r is NaN for a constant prediction.
    """
    if task == "regression":
        predicted = np.ravel(estimator.predict(X))
        _warn_if_constant(estimator, predicted)
        varies = np.ptp(predicted) > 0 and np.ptp(y) > 0
        return {
            "R2": r2_score(y, predicted),
            "RMSE": root_mean_squared_error(y, predicted),
            "r": float(np.corrcoef(y, predicted)[0, 1]) if varies else np.nan,
        }
    classes = estimator.classes_
    probability = estimator.predict_proba(X)
    _warn_if_constant(estimator, probability)
    chosen = classes[probability.argmax(axis=1)]
    binary = len(classes) == 2
    complete = len(np.unique(y)) == len(classes)
    positive = probability[:, 1] if binary else probability
    return {
        "AUC": roc_auc_score(y, positive, multi_class="ovr", labels=classes) if complete else np.nan,
        "log loss": log_loss(y, probability, labels=classes),
        "Brier": brier_score_loss(y, positive, labels=classes, pos_label=classes[1] if binary else None),
        "accuracy": accuracy_score(y, chosen),
        "F1": f1_score(y, chosen, pos_label=classes[1], zero_division=0.0)
        if binary
        else f1_score(y, chosen, average="macro", zero_division=0.0),
    }


def _warn_if_constant(estimator, predicted):
    """A model that learned nothing looks like one that has no skill; say which it is."""
    if len(predicted) > 1 and not np.ptp(predicted, axis=0).any() and not isinstance(estimator, _DUMMIES):
        warnings.warn(
            f"{type(estimator).__name__} predicts the same for every subject: it learned nothing, perhaps because it "
            "needs more subjects (boosted trees make no split below 40).",
            ConstantPredictionWarning,
            stacklevel=3,
        )
