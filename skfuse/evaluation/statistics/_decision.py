"""What follows from a probability: net benefit of acting on it, thresholds, and how well they classify."""

from dataclasses import dataclass

import numpy as np

from skfuse.evaluation.statistics._checks import finite_vector, probabilities, share

RULES = ("youden", "sensitivity", "specificity")


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit of treating by the model, all or none, in true positives per subject.

    Attributes
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Probability from which one would treat.
    model : ndarray of shape (n_thresholds,)
        Treating who reaches the threshold.
    treat_all, treat_none : ndarray of shape (n_thresholds,)
        Treating everyone, or no one (0).

    Examples
    --------
    >>> from skfuse.evaluation.statistics import net_benefit
    >>> net_benefit([0, 0, 0, 1, 1], [0.1, 0.3, 0.6, 0.7, 0.9], [0.5]).treat_none.tolist()
    [0.0]
    """

    thresholds: np.ndarray
    model: np.ndarray
    treat_all: np.ndarray
    treat_none: np.ndarray


def net_benefit(y, probability, thresholds):
    r"""Net benefit of acting on predicted probabilities [1]_.

    .. math:: \frac{TP}{n} - \frac{FP}{n} \, \frac{p_t}{1 - p_t}

    Parameters
    ----------
    y : array-like of shape (n_subjects,)
        1 or True for the event; both classes must be there.
    probability : array-like of shape (n_subjects,)
        Predicted probability of the event, 0 to 1; who reaches the threshold is treated.
    thresholds : float or array-like of shape (n_thresholds,)
        Threshold probabilities, at least 0 and below 1.

    Returns
    -------
    result : NetBenefit
        Net benefit of the model, of treating all and of treating none at each threshold.

    Raises
    ------
    ValueError
        If a threshold is out of range, a class is missing or a probability is not valid.

    References
    ----------
    .. [1] A. J. Vickers, E. B. Elkin. Med Decis Making 26 (2006). https://doi.org/10.1177/0272989X06295361

    Examples
    --------
    >>> from skfuse.evaluation.statistics import net_benefit
    >>> result = net_benefit([0, 0, 0, 1, 1], [0.1, 0.3, 0.6, 0.7, 0.9], [0.2, 0.5])
    >>> result.model.round(3).tolist(), result.treat_all.round(3).tolist()
    ([0.3, 0.2], [0.25, -0.2])
    """
    y, probability = probabilities(y, probability)
    thresholds = finite_vector(np.atleast_1d(thresholds), "thresholds")
    if (thresholds < 0).any() or (thresholds >= 1).any():
        raise ValueError(
            f"`thresholds` go from {thresholds.min()} to {thresholds.max()}; they must be at least 0 and below 1, "
            "where the odds are infinite."
        )
    odds = thresholds / (1.0 - thresholds)
    true, false = _positives(y, probability, thresholds)
    return NetBenefit(
        thresholds,
        (true - false * odds) / len(y),
        (y.sum() - (~y).sum() * odds) / len(y),
        np.zeros(len(thresholds)),
    )


def choose_threshold(y, probability, *, rule="youden", at_least=None):
    """Threshold of the probability by a rule; to be chosen on other subjects than those it is judged on.

    Parameters
    ----------
    y : array-like of shape (n_subjects,)
        1 or True for the event; both classes must be there.
    probability : array-like of shape (n_subjects,)
        Predicted probability of the event, 0 to 1.
    rule : {"youden", "sensitivity", "specificity"}
        The largest sum of sensitivity and specificity [1]_ (of equal ones the lowest threshold, which misses fewest
        events); the highest threshold with a sensitivity of `at_least`; or the lowest with such a specificity.
    at_least : float or None
        Wanted sensitivity or specificity, above 0 and at most 1; only for those two rules.

    Returns
    -------
    threshold : float
        One of the probabilities: who reaches it counts as positive. Where nobody may, the next number above the
        largest probability.

    Raises
    ------
    ValueError
        If the rule is unknown, `at_least` does not go with it, or the inputs are not valid.

    References
    ----------
    .. [1] W. J. Youden. Cancer 3 (1950), 32-35.
       https://doi.org/10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3

    Examples
    --------
    >>> from skfuse.evaluation.statistics import choose_threshold
    >>> y, probability = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.8, 0.9]
    >>> choose_threshold(y, probability), choose_threshold(y, probability, rule="specificity", at_least=1.0)
    (0.3, 0.8)
    """
    if rule not in RULES:
        raise ValueError(f"`rule` must be one of {list(RULES)}, got {rule!r}.")
    if (at_least is None) != (rule == "youden"):
        raise ValueError(
            "`at_least` says which sensitivity or specificity is wanted: give it with rule='sensitivity' or "
            f"'specificity', not with 'youden'; got rule={rule!r}, at_least={at_least!r}."
        )
    if at_least is not None and at_least != 1:
        share(at_least, "at_least")
    y, probability = probabilities(y, probability)
    candidates = np.unique(probability)
    candidates = np.append(candidates, np.nextafter(candidates[-1], np.inf))
    true, false = _positives(y, probability, candidates)
    n_events, n_others = int(y.sum()), int((~y).sum())
    if rule == "youden":
        # Whole numbers, so that equal sums are equal.
        return float(candidates[np.argmax(true * n_others - false * n_events)])
    slack = 1e-9  # of a subject: .7 of 10 is 7
    if rule == "sensitivity":
        return float(candidates[true >= at_least * n_events - slack][-1])
    return float(candidates[n_others - false >= at_least * n_others - slack][0])


@dataclass(frozen=True)
class Classification:
    """How well a threshold classifies; all shares are between 0 and 1.

    Attributes
    ----------
    threshold : float
        Who reaches it counts as positive.
    sensitivity, specificity : float
        Share of the events above, and of the others below the threshold.
    ppv, npv : float
        Positive and negative predictive value among these subjects; NaN where nobody is positive, or negative.
    prevalence : float
        The stated one, otherwise that of these subjects.
    ppv_at_prevalence, npv_at_prevalence : float
        Predictive values where the event has that prevalence, by Bayes' rule; NaN where undefined.
    n_true_positive, n_false_positive, n_true_negative, n_false_negative : int
        Subjects in each cell.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import classification_at
    >>> classification_at([0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.4, 0.9], 0.5).n_false_positive
    1
    """

    threshold: float
    sensitivity: float
    specificity: float
    ppv: float
    npv: float
    prevalence: float
    ppv_at_prevalence: float
    npv_at_prevalence: float
    n_true_positive: int
    n_false_positive: int
    n_true_negative: int
    n_false_negative: int


def classification_at(y, probability, threshold, *, prevalence=None):
    """Sensitivity, specificity and predictive values at a threshold [1]_.

    Parameters
    ----------
    y : array-like of shape (n_subjects,)
        1 or True for the event; both classes must be there.
    probability : array-like of shape (n_subjects,)
        Predicted probability of the event, 0 to 1.
    threshold : float
        Who reaches it counts as positive.
    prevalence : float or None
        Share of events where the model would be used; None takes that of these subjects, which a study with a chosen
        number of cases does not know.

    Returns
    -------
    result : Classification
        Shares and counts.

    Raises
    ------
    ValueError
        If the threshold is not finite, the prevalence is out of range or the inputs are not valid.

    References
    ----------
    .. [1] D. G. Altman, J. M. Bland. BMJ 309 (1994), 102. https://doi.org/10.1136/bmj.309.6947.102

    Examples
    --------
    >>> from skfuse.evaluation.statistics import classification_at
    >>> result = classification_at([0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.4, 0.9], 0.5, prevalence=0.1)
    >>> result.sensitivity, result.specificity, result.ppv, round(result.ppv_at_prevalence, 3)
    (0.5, 0.75, 0.5, 0.182)
    """
    y, probability = probabilities(y, probability)
    if not np.isscalar(threshold) or not np.isfinite(threshold):
        raise ValueError(f"`threshold` must be one finite number, got {threshold!r}.")
    true, false = (int(count[0]) for count in _positives(y, probability, np.array([threshold], dtype=np.float64)))
    n_events, n_others = int(y.sum()), int((~y).sum())
    sensitivity, specificity = true / n_events, (n_others - false) / n_others
    stated = n_events / len(y) if prevalence is None else share(prevalence, "prevalence")
    return Classification(
        threshold=float(threshold),
        sensitivity=sensitivity,
        specificity=specificity,
        ppv=_part(true, false),
        npv=_part(n_others - false, n_events - true),
        prevalence=stated,
        ppv_at_prevalence=_part(sensitivity * stated, (1.0 - specificity) * (1.0 - stated)),
        npv_at_prevalence=_part(specificity * (1.0 - stated), (1.0 - sensitivity) * stated),
        n_true_positive=true,
        n_false_positive=false,
        n_true_negative=n_others - false,
        n_false_negative=n_events - true,
    )


def _positives(y, probability, thresholds):
    """True and false positives at each threshold, int."""
    events, others = np.sort(probability[y]), np.sort(probability[~y])
    return (
        len(events) - np.searchsorted(events, thresholds, side="left"),
        len(others) - np.searchsorted(others, thresholds, side="left"),
    )


def _part(right, wrong):
    """Share of `right` in both; NaN where there is neither."""
    return right / (right + wrong) if right + wrong > 0 else np.nan
