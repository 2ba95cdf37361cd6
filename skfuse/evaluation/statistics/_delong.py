"""DeLong's variance of the AUC and his paired test, for one fixed set of held-out predictions."""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import expit, logit

from skfuse.evaluation.statistics._checks import binary, finite_vector, same_length, share


@dataclass(frozen=True)
class DeLong:
    """AUC of one score with its limits.

    Attributes
    ----------
    auc : float
        Area under the ROC curve, ties counted half.
    variance : float
        DeLong's variance of the AUC.
    lower, upper : float
        Limits on the logit scale, within 0 and 1; NaN for perfect separation.
    n_events, n_non_events : int
        Subjects of each class.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import delong
    >>> delong([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8]).auc
    0.75
    """

    auc: float
    variance: float
    lower: float
    upper: float
    n_events: int
    n_non_events: int


@dataclass(frozen=True)
class DeLongTest:
    """Difference of the AUCs of two scores of the same subjects.

    Attributes
    ----------
    auc_a, auc_b : float
        The two areas under the ROC curve.
    difference : float
        ``auc_a - auc_b``.
    variance : float
        Of the difference.
    lower, upper : float
        Limits of the difference, ``difference ± z * sqrt(variance)``, cut at −1 and 1.
    z : float
        The difference by its standard error.
    p_value : float
        Two-sided.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import delong_test
    >>> delong_test([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8], [0.2, 0.6, 0.5, 0.9]).p_value
    1.0
    """

    auc_a: float
    auc_b: float
    difference: float
    variance: float
    lower: float
    upper: float
    z: float
    p_value: float


def delong(y, score, *, level=0.95):
    """AUC with DeLong's variance [1]_ (midranks [2]_) and limits on the logit scale.

    The subjects must all have been scored by one model that was not trained on them. Scores pooled over the folds of a
    cross-validation come from several models and do not qualify.

    Parameters
    ----------
    y : array-like of shape (n_subjects,)
        1 or True for the event; at least two subjects of each class.
    score : array-like of shape (n_subjects,)
        Larger for a more likely event; any unit.
    level : float
        Coverage aimed at.

    Returns
    -------
    result : DeLong
        AUC, variance and limits. Perfect separation (an AUC of 0 or 1) has variance 0, which tells nothing of the
        uncertainty: the limits are NaN. A constant score has an AUC of one half and an interval without width.

    Raises
    ------
    ValueError
        If a class has fewer than two subjects, or a score is not finite.

    References
    ----------
    .. [1] E. R. DeLong et al. Biometrics 44 (1988), 837-845. https://doi.org/10.2307/2531595
    .. [2] X. Sun, W. Xu. IEEE Signal Process Lett 21 (2014), 1389-1393. https://doi.org/10.1109/LSP.2014.2337313

    Examples
    --------
    >>> from skfuse.evaluation.statistics import delong
    >>> result = delong([0, 0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.2, 0.6, 0.5, 0.9, 0.7])
    >>> round(result.auc, 3), round(result.lower, 3), round(result.upper, 3)
    (0.917, 0.348, 0.996)
    """
    y, z = _classes(y), _z(level)
    events, others = _placements(y, _score(y, score, "score"))
    auc, variance = float(events.mean()), _variance(events, others)
    lower = upper = auc
    if auc in (0.0, 1.0):
        lower = upper = np.nan
    elif variance > 0:
        half = z * np.sqrt(variance) / (auc * (1.0 - auc))
        lower, upper = (float(limit) for limit in expit(logit(auc) + np.array([-half, half])))
    return DeLong(auc, variance, lower, upper, len(events), len(others))


def delong_test(y, score_a, score_b, *, level=0.95):
    """DeLong's test of two AUCs on the same subjects [1]_ (midranks [2]_).

    Only for predictions of two fixed models on subjects that neither was trained on, see :func:`delong`.

    Parameters
    ----------
    y : array-like of shape (n_subjects,)
        1 or True for the event; at least two subjects of each class.
    score_a, score_b : array-like of shape (n_subjects,)
        Larger for a more likely event; each in any unit.
    level : float
        Coverage aimed at.

    Returns
    -------
    result : DeLongTest
        Difference ``a − b``, limits and two-sided p-value. Where both rank every event among the non-events (and
        every non-event among the events) alike and do not separate the classes perfectly, the difference is 0 without
        width and the p-value 1; any other variance of 0 makes limits, z and p-value NaN.

    Raises
    ------
    ValueError
        If a class has fewer than two subjects, or a score is not finite.

    References
    ----------
    .. [1] E. R. DeLong et al. Biometrics 44 (1988), 837-845. https://doi.org/10.2307/2531595
    .. [2] X. Sun, W. Xu. IEEE Signal Process Lett 21 (2014), 1389-1393. https://doi.org/10.1109/LSP.2014.2337313

    Examples
    --------
    >>> from skfuse.evaluation.statistics import delong_test
    >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> result = delong_test(y, [0.1, 0.4, 0.2, 0.6, 0.5, 0.9, 0.7, 0.3], [3, 1, 4, 2, 5, 3, 1, 2])
    >>> round(result.difference, 3), round(result.p_value, 3)
    (0.281, 0.399)
    """
    y, quantile = _classes(y), _z(level)
    events_a, others_a = _placements(y, _score(y, score_a, "score_a"))
    events_b, others_b = _placements(y, _score(y, score_b, "score_b"))
    # The variance of the differences, not sums and differences of covariances, which cancel.
    variance = _variance(events_a - events_b, others_a - others_b)
    auc_a, auc_b = float(events_a.mean()), float(events_b.mean())
    difference = auc_a - auc_b
    if variance > 0:
        z = difference / np.sqrt(variance)
        half = quantile * np.sqrt(variance)
        lower, upper = max(-1.0, difference - half), min(1.0, difference + half)
        p_value = 2.0 * stats.norm.sf(abs(z))
    elif difference == 0 and auc_a not in (0.0, 1.0):
        z, lower, upper, p_value = 0.0, 0.0, 0.0, 1.0
    else:
        z = lower = upper = p_value = np.nan
    return DeLongTest(auc_a, auc_b, difference, variance, float(lower), float(upper), float(z), float(p_value))


def _placements(y, score):
    """Share of non-events below each event, and of events above each non-event (ties half), from midranks."""
    ranks = stats.rankdata(score)
    n_events, n_others = int(y.sum()), int((~y).sum())
    events = (ranks[y] - stats.rankdata(score[y])) / n_others
    others = 1.0 - (ranks[~y] - stats.rankdata(score[~y])) / n_events
    return events, others


def _variance(events, others):
    return float(events.var(ddof=1) / len(events) + others.var(ddof=1) / len(others))


def _classes(y):
    y = binary(y)
    if min(y.sum(), (~y).sum()) < 2:
        raise ValueError(
            f"`y` holds {y.sum()} events and {(~y).sum()} others. The variance of the AUC needs at least two of each."
        )
    return y


def _score(y, score, name):
    score = finite_vector(score, name)
    same_length(y, score, name)
    return score


def _z(level):
    return stats.norm.ppf(0.5 + share(level, "level") / 2)
