"""Scores of survival predictions: concordance, time-dependent AUC and Brier score, under censoring."""

from dataclasses import dataclass

import numpy as np

from skfuse._survival import check_event_and_time, kaplan_meier, pair_counts
from skfuse.evaluation.statistics._censoring import (
    ascending,
    finite_risk,
    followed_beyond,
    outcome,
    per_time,
    weights_of_events,
)


@dataclass(frozen=True)
class DynamicAUC:
    """AUC of a risk at several times.

    Attributes
    ----------
    times : ndarray of shape (n_times,)
        Times at which those who had the event by then are told from those who had not.
    auc : ndarray of shape (n_times,)
        AUC at each time.
    mean : float
        Mean over times, each weighted by the share of events, by Kaplan-Meier, since the time before.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import cumulative_dynamic_auc
    >>> test = ([True, True, False, True], [1.0, 2.0, 3.0, 4.0])
    >>> cumulative_dynamic_auc(test, test, [0.9, 0.2, 0.3, 0.1], [1.5, 2.5]).auc
    array([1.  , 0.75])
    """

    times: np.ndarray
    auc: np.ndarray
    mean: float


def concordance(event, time, risk, *, method="harrell", train=None, tau=None):
    r"""Concordance index of a risk: the chance that of two subjects the one at higher risk has the event first.

    A pair is comparable if the earlier of its two times is an event (an event comes before a censoring of the same
    time; two events of one time are not compared). Equal risks count half. Harrell's index [1]_ is the share of
    concordant pairs among the comparable ones; its limit depends on how many are censored, and when. Uno's [2]_ weighs
    each pair by the inverse of the squared probability of being followed up to its event, :math:`1 / G(t_i-)^2`, with
    `G` the Kaplan-Meier curve of censoring among training subjects.

    Parameters
    ----------
    event : array-like of shape (n_subjects,)
        True or 1 where the event was seen, False or 0 where follow-up ended without it.
    time : array-like of shape (n_subjects,)
        Time to the event or to the end of follow-up, in one unit.
    risk : array-like of shape (n_subjects,)
        Higher for an earlier event, any unit. A predicted time must be negated.
    method : {"harrell", "uno"}, default="harrell"
        Which index.
    train : survival target or pair (event, time), optional
        Training subjects, from whom the censoring is learned; needed by ``"uno"`` only.
    tau : float, optional
        Only events before this time count, in the unit of `time`. By default all do. Uno's index is unstable where few
        are followed up, so choose `tau` where that is still common.

    Returns
    -------
    c : float
        0.5 for a risk that says nothing, 1 for a perfect order.

    Raises
    ------
    ValueError
        If no pair is comparable, a risk is not finite, `train` is missing, or an event lies where no training subject
        was followed up.

    See Also
    --------
    cumulative_dynamic_auc : How well a risk tells apart who has had the event by some times.

    Notes
    -----
    The limit of `G` from the left is the probability that an event at that time is seen. Packages that take
    :math:`G(t_i)` differ where events and censorings of training subjects share times.

    References
    ----------
    .. [1] F. E. Harrell et al. JAMA 247, 2543 (1982). https://doi.org/10.1001/jama.1982.03320430047030
    .. [2] H. Uno et al. Stat Med 30, 1105 (2011). https://doi.org/10.1002/sim.4154

    Examples
    --------
    >>> from skfuse.evaluation.statistics import concordance
    >>> event, time = [True, True, False, True], [1.0, 2.0, 3.0, 4.0]
    >>> concordance(event, time, [0.9, 0.2, 0.3, 0.1])
    0.8
    >>> concordance(event, time, [0.9, 0.2, 0.3, 0.1], method="uno", train=(event, time), tau=3.5)
    0.8
    """
    if method not in ("harrell", "uno"):
        raise ValueError(f"`method` must be 'harrell' or 'uno', got {method!r}.")
    if method == "uno" and train is None:
        raise ValueError("Uno's index needs `train`, the (event, time) of training subjects, to learn the censoring.")
    event, time = check_event_and_time(event, time)
    risk = finite_risk(risk, len(time))
    counted = event if tau is None else event & (time < tau)
    weights = counted.astype(np.float64)
    if method == "uno":
        weights = weights_of_events(train, counted, time, "`tau`") ** 2
    comparable, concordant, tied = pair_counts(event, time, risk)
    total = weights @ comparable
    if not total > 0:
        raise ValueError(
            f"No pair of the {len(time)} subjects is comparable ({counted.sum()} events count): nobody is known to "
            "outlive an event. Score more subjects together, or choose a later `tau`."
        )
    return float(weights @ (concordant + 0.5 * tied) / total)


def cumulative_dynamic_auc(train, test, risk, times):
    r"""AUC at each time `t` of telling those with the event by `t` from those still without it [1]_ [2]_.

    .. math:: \widehat{AUC}(t) = \frac{\sum_{i, j} 1(t_j > t)\, 1(t_i \le t)\, \omega_i\,
              [1(f_j < f_i) + \tfrac{1}{2} 1(f_j = f_i)]}{\sum_j 1(t_j > t) \; \sum_i 1(t_i \le t)\, \omega_i},
              \qquad \omega_i = \delta_i / G(t_i-),

    with `G` the Kaplan-Meier curve of censoring among training subjects.

    Parameters
    ----------
    train : survival target or pair (event, time)
        Training subjects, from whom the censoring is learned.
    test : survival target or pair (event, time)
        Subjects that are scored.
    risk : array-like of shape (n_subjects,) or (n_subjects, n_times)
        Risk of each test subject, higher for an earlier event, any unit; or one for each time.
    times : array-like of shape (n_times,)
        Ascending times in the unit of the targets. At each some test subjects have had the event and some are followed
        for longer.

    Returns
    -------
    result : DynamicAUC
        AUC at each time and their mean.

    Raises
    ------
    ValueError
        If a time has no events up to it or nobody beyond it, a risk is not finite, or an event lies where no training
        subject was followed up.

    See Also
    --------
    concordance : One number over all times.

    References
    ----------
    .. [1] H. Uno et al. J Am Stat Assoc 102, 527 (2007). https://doi.org/10.1198/016214507000000149
    .. [2] H. Hung, C. T. Chiang. Can J Stat 38, 8 (2010). https://doi.org/10.1002/cjs.10046

    Examples
    --------
    >>> from skfuse.evaluation.statistics import cumulative_dynamic_auc
    >>> train = ([True, False, True, False, True], [1.0, 1.5, 3.0, 3.5, 6.0])
    >>> test = ([True, True, False, True], [1.0, 2.0, 3.0, 4.0])
    >>> result = cumulative_dynamic_auc(train, test, [0.9, 0.2, 0.3, 0.1], [1.5, 2.5])
    >>> result.auc.round(3), round(result.mean, 3)
    (array([1.   , 0.714]), 0.857)
    """
    (event, time), times = outcome(test, "test"), ascending(times)
    risk = per_time(risk, len(time), len(times), "risk")
    for t in times:
        if not (event & (time <= t)).any() or not (time > t).any():
            raise ValueError(
                f"At time {t:g} {(event & (time <= t)).sum()} test subjects have had the event and {(time > t).sum()} "
                "are followed for longer; both are needed. Leave that time out, or score more subjects together."
            )
    weights = weights_of_events(train, event & (time <= times[-1]), time, "`times`")
    auc = np.array([_auc_at(t, time, weights, column) for t, column in zip(times, risk.T, strict=True)])
    free = kaplan_meier(event, time).at(times)
    share = -np.diff(free, prepend=1.0)
    return DynamicAUC(times, auc, float(auc @ share / (1.0 - free[-1])))


def brier_score(train, test, survival_probabilities, times):
    r"""Mean squared error of predicted survival at each time, weighted for censoring [1]_.

    .. math:: BS(t) = \frac{1}{n} \sum_i \left[ \frac{\delta_i 1(t_i \le t)}{G(t_i-)} S(t \mid x_i)^2 +
              \frac{1(t_i > t)}{G(t)} (1 - S(t \mid x_i))^2 \right],

    with `G` the Kaplan-Meier curve of censoring among training subjects.

    Parameters
    ----------
    train : survival target or pair (event, time)
        Training subjects, from whom the censoring is learned.
    test : survival target or pair (event, time)
        Subjects that are scored.
    survival_probabilities : array-like of shape (n_subjects, n_times)
        Predicted probability of each test subject to be free of the event at each time.
    times : array-like of shape (n_times,)
        Ascending times in the unit of the targets, within the follow-up of training subjects.

    Returns
    -------
    score : ndarray of shape (n_times,)
        0 is perfect, 0.25 what a probability of one half gives.

    Raises
    ------
    ValueError
        If probabilities lie outside 0 to 1, shapes do not fit, or no training subject was followed up to a time.

    See Also
    --------
    integrated_brier_score : Its mean over time.

    References
    ----------
    .. [1] E. Graf et al. Stat Med 18, 2529 (1999).
       https://doi.org/10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5

    Examples
    --------
    >>> from skfuse.evaluation.statistics import brier_score
    >>> test = ([True, True, False, True], [1.0, 2.0, 3.0, 4.0])
    >>> brier_score(test, test, [[0.2, 0.1], [0.8, 0.4], [0.9, 0.8], [0.9, 0.7]], [1.5, 2.5]).round(3)
    array([0.025, 0.075])
    """
    (event, time), times = outcome(test, "test"), ascending(times)
    free = per_time(survival_probabilities, len(time), len(times), "survival_probabilities", wide=True)
    outside = (free < 0) | (free > 1)
    if outside.any():
        raise ValueError(
            f"{outside.sum()} of `survival_probabilities` lie outside 0 to 1, such as {free[outside][0]:g}. Give the "
            "probability to be free of the event, not a risk."
        )
    had = event[:, None] & (time[:, None] <= times)
    still = time[:, None] > times
    weights = weights_of_events(train, had.any(axis=1), time, "`times`")
    followed = followed_beyond(train, times, still.any(axis=0))
    return np.mean(had * weights[:, None] * free**2 + still * (1.0 - free) ** 2 / followed, axis=0)


def integrated_brier_score(train, test, survival_probabilities, times):
    """Mean over time of the Brier score: its integral by the trapezoidal rule, by the range of `times` [1]_.

    Parameters
    ----------
    train : survival target or pair (event, time)
        Training subjects, from whom the censoring is learned.
    test : survival target or pair (event, time)
        Subjects that are scored.
    survival_probabilities : array-like of shape (n_subjects, n_times)
        Predicted probability of each test subject to be free of the event at each time.
    times : array-like of shape (n_times,)
        At least two ascending times in the unit of the targets.

    Returns
    -------
    score : float
        0 is perfect.

    Raises
    ------
    ValueError
        If there are fewer than two times, or :func:`brier_score` refuses the input.

    See Also
    --------
    brier_score : The score at each time.

    References
    ----------
    .. [1] E. Graf et al. Stat Med 18, 2529 (1999).
       https://doi.org/10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5

    Examples
    --------
    >>> from skfuse.evaluation.statistics import integrated_brier_score
    >>> test = ([True, True, False, True], [1.0, 2.0, 3.0, 4.0])
    >>> free = [[0.2, 0.1], [0.8, 0.4], [0.9, 0.8], [0.9, 0.7]]
    >>> round(integrated_brier_score(test, test, free, [1.5, 2.5]), 3)
    0.05
    """
    times = ascending(times)
    if len(times) < 2:
        raise ValueError(f"`times` holds {len(times)} time; an integral over time needs at least two.")
    score = brier_score(train, test, survival_probabilities, times)
    return float(np.trapezoid(score, times) / (times[-1] - times[0]))


def _auc_at(t, time, weights, risk):
    cases, controls = time <= t, np.sort(risk[time > t])
    below = np.searchsorted(controls, risk[cases], side="left")
    not_above = np.searchsorted(controls, risk[cases], side="right")
    return weights[cases] @ (below + not_above) / (2.0 * len(controls) * weights[cases].sum())
