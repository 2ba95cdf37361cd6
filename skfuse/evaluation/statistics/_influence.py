"""What each test subject does to the score of a fold: the influence function of every score that is compared."""

import numpy as np
from scipy.stats import rankdata

#: Scores by task; the classification scores take probabilities, the regression scores predictions.
CLASSIFICATION = ("AUC", "log loss", "Brier", "accuracy", "F1")
REGRESSION = ("R2", "RMSE", "r")


def influence(score, y, prediction, *, classes=None):
    r"""Influence of each test subject on the score of one fold.

    The value :math:`\varphi_i` is the derivative of the score by the weight of subject :math:`i`, times the number of
    subjects. It has mean zero, and :math:`\sum_i \varphi_i^2 / n^2` is about the variance of the score over samples
    of test subjects, for a fixed model. For the AUC this is DeLong's variance, with divisors ``n`` in place of
    ``n - 1`` [1]_; averaged over folds and repeats it gives the variance of a cross-validated score [2]_. The influence
    on a difference of two scores is the difference of the two influences.

    Parameters
    ----------
    score : {"AUC", "log loss", "Brier", "accuracy", "F1", "R2", "RMSE", "r"}
        As in ``skfuse.evaluation.scores``: AUC and F1 are the mean over classes (each against the rest) where there are
        more than two; F1 is that of the second class of two; Brier is summed over classes where there are more than
        two.
    y : array-like of shape (n_subjects,)
        Outcome of the test subjects of one fold: labels, or numbers for the last three scores.
    prediction : array-like of shape (n_subjects,) or (n_subjects, n_classes)
        Probabilities, in the order of `classes`; for two classes the probability of the second is enough. For
        regression: predictions in the unit of `y`.
    classes : array-like of shape (n_classes,) or None
        Labels in sorted order; None takes those in `y`. Give them: a fold may lack one.

    Returns
    -------
    influences : ndarray of shape (n_subjects,)
        In the unit of the score. All NaN where the score is undefined (AUC without one of the classes,
        r of a constant).

    Raises
    ------
    ValueError
        If the score is unknown, or the shapes or labels do not match.

    References
    ----------
    .. [1] E. R. DeLong et al. Biometrics 44 (1988). https://doi.org/10.2307/2531595
    .. [2] E. LeDell et al. Electronic Journal of Statistics 9 (2015). https://doi.org/10.1214/15-EJS1035

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.evaluation.statistics import influence
    >>> y, p = np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8, 0.38])
    >>> influence("AUC", y, p).round(3)
    array([ 0.278, -0.556,  0.278,  0.417, -0.417])
    """
    return score_and_influence(score, y, prediction, classes=classes)[1]


def score_and_influence(score, y, prediction, *, classes=None):
    """Value of a score on one fold, and the influence of each subject on it.

    Parameters
    ----------
    score, y, prediction, classes
        As in :func:`influence`.

    Returns
    -------
    value : float
        Equal to scikit-learn's metric; NaN where undefined.
    influences : ndarray of shape (n_subjects,)
    """
    y, prediction = np.asarray(y), np.asarray(prediction, dtype=np.float64)
    if prediction.shape[:1] != y.shape or not len(y):
        raise ValueError(
            f"y has shape {y.shape} and the predictions {prediction.shape}. Give one prediction for each of at least "
            "one test subject."
        )
    if score in REGRESSION:
        return _REGRESSION[score](y.astype(np.float64), prediction.reshape(len(y)))
    if score not in CLASSIFICATION:
        raise ValueError(f"There is no score {score!r}. Known are {[*CLASSIFICATION, *REGRESSION]}.")
    classes = np.unique(y) if classes is None else np.asarray(classes)
    labels = np.searchsorted(classes, y)
    known = labels < len(classes)
    if not known.all() or not np.array_equal(classes[labels], y):
        raise ValueError(f"y holds labels that are not in `classes`, {classes.tolist()}. Give all classes, sorted.")
    if prediction.ndim == 1 and len(classes) <= 2:
        prediction = np.column_stack([1 - prediction, prediction])[:, -len(classes) :]
    if prediction.shape != (len(y), len(classes)):
        raise ValueError(
            f"There are {len(classes)} classes, but the predictions have shape {prediction.shape}. Give one column "
            "for each class, or, for two classes, the probability of the second."
        )
    return _CLASSIFICATION[score](labels, prediction)


def _mean(values):
    """Score that is a mean over subjects."""
    value = float(values.mean())
    return value, values - value


def _ratio(numerator, denominator):
    """Score that is a ratio of two sums over subjects; 0 where the denominator is 0."""
    if denominator.sum() == 0:
        return 0.0, np.zeros(len(numerator))
    value = float(numerator.sum() / denominator.sum())
    return value, (numerator - value * denominator) / denominator.mean()


def _average(found):
    values, influences = zip(*found, strict=True)
    return float(np.mean(values)), np.mean(influences, axis=0)


def _undefined(n):
    return np.nan, np.full(n, np.nan)


def _binary_auc(positive, evidence):
    n, n_positive = len(positive), int(positive.sum())
    if n_positive in (0, n):
        return _undefined(n)
    # Placement: the share of the other class that a subject is on the right side of, ties counted half.
    placement, sizes = np.empty(n), (n - n_positive, n_positive)
    overall = rankdata(evidence)
    placement[positive] = (overall[positive] - rankdata(evidence[positive])) / sizes[0]
    placement[~positive] = 1 - (overall[~positive] - rankdata(evidence[~positive])) / sizes[1]
    value = float(placement[positive].mean())
    return value, (placement - value) * n / np.where(positive, sizes[1], sizes[0])


def _auc(labels, probability):
    if probability.shape[1] < 2:
        return _undefined(len(labels))
    if probability.shape[1] == 2:
        return _binary_auc(labels == 1, probability[:, 1])
    return _average([_binary_auc(labels == k, probability[:, k]) for k in range(probability.shape[1])])


def _log_loss(labels, probability):
    # As scikit-learn: clipped at the precision of the type, then each row divided by its sum.
    tiny = np.finfo(probability.dtype).eps
    probability = np.clip(probability, tiny, 1 - tiny)
    chosen = np.take_along_axis(probability, labels[:, None], axis=1)[:, 0]
    return _mean(-np.log(chosen / probability.sum(axis=1)))


def _brier(labels, probability):
    if probability.shape[1] == 2:
        return _mean((probability[:, 1] - labels) ** 2)
    return _mean(((probability - (labels[:, None] == np.arange(probability.shape[1]))) ** 2).sum(axis=1))


def _accuracy(labels, probability):
    return _mean((probability.argmax(axis=1) == labels).astype(np.float64))


def _f1(labels, probability):
    chosen = probability.argmax(axis=1)
    # The macro average is over the classes that occur, in the labels or in the predictions.
    scored = [1] if probability.shape[1] == 2 else np.union1d(labels, chosen)
    found = []
    for k in scored:
        true, said = (labels == k).astype(np.float64), (chosen == k).astype(np.float64)
        found.append(_ratio(2 * true * said, true + said))
    return _average(found)


def _r2(y, predicted):
    squares, spread = (y - predicted) ** 2, (y - y.mean()) ** 2
    if spread.sum() == 0:
        return _undefined(len(y))
    lost, influences = _ratio(squares, spread)
    return 1 - lost, -influences


def _rmse(y, predicted):
    mean, influences = _mean((y - predicted) ** 2)
    root = float(np.sqrt(mean))
    return root, influences / (2 * root) if root > 0 else influences


def _r(y, predicted):
    if np.ptp(y) == 0 or np.ptp(predicted) == 0:
        return _undefined(len(y))
    a, b = (y - y.mean()) / y.std(), (predicted - predicted.mean()) / predicted.std()
    value = float((a * b).mean())
    return value, a * b - value * (a**2 + b**2) / 2


_CLASSIFICATION = {"AUC": _auc, "log loss": _log_loss, "Brier": _brier, "accuracy": _accuracy, "F1": _f1}
_REGRESSION = {"R2": _r2, "RMSE": _rmse, "r": _r}
