"""Scores of held-out predictions; to be read as higher is better or lower is better, as `SCORES` says."""

import numpy as np

from skfuse.evaluation.statistics._influence import score_and_influence

#: Scores per task, the primary one first; True where higher is better.
SCORES = {
    "classification": {"AUC": True, "log loss": False, "Brier": False, "accuracy": True, "F1": True},
    "regression": {"R2": True, "RMSE": False, "r": True},
}


class ConstantPredictionWarning(UserWarning):
    """A fitted strategy predicted the same for every subject of a fold."""


def predict(estimator, X, task):
    """Held-out predictions of a fitted estimator: a probability per class, or one value.

    Returns
    -------
    prediction : ndarray of shape (n_subjects, n_classes) or (n_subjects,)
    """
    if task == "regression":
        return np.ravel(np.asarray(estimator.predict(X), dtype=float))
    return np.asarray(estimator.predict_proba(X), dtype=float)


def score_predictions(score, y, prediction, n_classes=None):
    """Score held-out predictions, and say what each subject does to the score.

    Parameters
    ----------
    score : str
        One of `SCORES`.
    y : ndarray of shape (n_subjects,)
        For classes their position, 0 to ``n_classes - 1``.
    prediction : ndarray of shape (n_subjects, n_classes) or (n_subjects,)
        A probability per class, or one value per subject.
    n_classes : int or None
        None for a continuous target.

    Returns
    -------
    value : float
        AUC is one against the rest and averaged where there are more than two classes, NaN where a class is absent; F1
        is that of the second class of two, the macro average of more; Brier is in the unit of one class (0 to 1)
        for two classes and summed over classes for more; r is NaN for a constant prediction; R2 is NaN where the
        target does not vary.
    influences : ndarray of shape (n_subjects,)
        As from :func:`skfuse.evaluation.statistics.influence`; zeros where the value is NaN.
    """
    classes = None if n_classes is None else np.arange(n_classes)
    value, influences = score_and_influence(score, y, prediction, classes=classes)
    return value, np.zeros(len(y)) if np.isnan(value) else influences


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
        As in :func:`score_predictions`.
    """
    n_classes = None
    if task == "classification":
        y, n_classes = np.searchsorted(estimator.classes_, y), len(estimator.classes_)
    prediction = predict(estimator, X, task)
    return {score: score_predictions(score, y, prediction, n_classes)[0] for score in SCORES[task]}
