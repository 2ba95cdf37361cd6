"""Survival targets: how they are read, and the curves and counts of pairs that models and scores share."""

from dataclasses import dataclass

import narwhals.stable.v2 as nw
import numpy as np

_HOW_TO_BUILD = (
    'Give a structured array with the fields "event" (bool, True where the event was seen) and "time" (follow-up in '
    'one unit): y = np.empty(n, dtype=[("event", bool), ("time", float)]); y["event"], y["time"] = event, time.'
)


@dataclass(frozen=True)
class SurvivalCurve:
    """Probability of being free of an event as a function of time, which steps down at some times.

    Attributes
    ----------
    times : ndarray of shape (n_times,)
        Distinct times at which subjects left, ascending.
    survival : ndarray of shape (n_times,)
        Probability of being free beyond each of them; 1 before the first.

    Examples
    --------
    >>> from skfuse._survival import kaplan_meier
    >>> curve = kaplan_meier([True, False, True], [2.0, 3.0, 5.0])
    >>> curve.at([1.0, 2.0, 4.0]).round(3), curve.before([2.0, 5.0]).round(3)
    (array([1.   , 0.667, 0.667]), array([1.   , 0.667]))
    """

    times: np.ndarray
    survival: np.ndarray

    def at(self, times):
        """Probability of an event later than each of `times`; beyond the last time the last value."""
        return self._steps(times, "right")

    def before(self, times):
        """Probability of an event at each of `times` or later: the limit of the curve from the left."""
        return self._steps(times, "left")

    def _steps(self, times, side):
        return np.concatenate([[1.0], self.survival])[np.searchsorted(self.times, times, side=side)]


def survival_target(event, time):
    """Structured array of a survival target.

    Parameters
    ----------
    event : array-like of shape (n_subjects,)
        True or 1 where the event was seen, False or 0 where follow-up ended without it.
    time : array-like of shape (n_subjects,)
        Time to the event or to the end of follow-up, in one unit.

    Returns
    -------
    y : ndarray of shape (n_subjects,)
        With the fields ``event`` (bool) and ``time`` (float).

    Raises
    ------
    ValueError
        If `event` is not made of two values, a time is negative or not finite, or lengths differ.

    Examples
    --------
    >>> from skfuse._survival import survival_target
    >>> survival_target([1, 0], [3.5, 12.0])
    array([( True,  3.5), (False, 12. )], dtype=[('event', '?'), ('time', '<f8')])
    """
    event, time = check_event_and_time(event, time)
    y = np.empty(len(time), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = event, time
    return y


def check_survival(y, *, allow_no_events=False):
    """Event and time of a survival target.

    Parameters
    ----------
    y : structured array of shape (n_subjects,) or data frame
        A structured array with one bool field, the event, and one numeric field, the time, of any names and in any
        order, as scikit-survival makes it; or a data frame with the columns ``event`` and ``time``.
    allow_no_events : bool, default=False
        Whether all subjects may be censored.

    Returns
    -------
    event : ndarray of bool, shape (n_subjects,)
        Whether the event was seen.
    time : ndarray of float, shape (n_subjects,)
        Time to the event or to the end of follow-up.

    Raises
    ------
    ValueError
        If `y` is no survival target, a time is negative or not finite, or nobody has the event.

    Examples
    --------
    >>> from skfuse._survival import check_survival, survival_target
    >>> check_survival(survival_target([1, 0], [3.5, 12.0]))
    (array([ True, False]), array([ 3.5, 12. ]))
    """
    frame = nw.from_native(y, eager_only=True, pass_through=True)
    event, time = _columns(frame) if isinstance(frame, nw.DataFrame) else _fields(y)
    return check_event_and_time(event, time, allow_no_events=allow_no_events)


def check_event_and_time(event, time, *, allow_no_events=True):
    """Event as bool and time as float64, or an error that says what is wrong with them."""
    event, time = np.asarray(event), np.asarray(time)
    if time.dtype.kind not in "iuf" or event.ndim != 1 or time.shape != event.shape or not len(event):
        raise ValueError(
            f"`event` has shape {event.shape} and `time` shape {time.shape} and dtype {time.dtype}; wanted one event "
            "and one number, the time, for each of one or more subjects. Turn durations into numbers of one unit."
        )
    if event.dtype != bool and not (event.dtype.kind in "iuf" and np.isin(event, [0, 1]).all()):
        raise ValueError(
            f"`event` holds {np.unique(event.astype(str))[:5].tolist()}, wanted True where the event was seen and "
            "False where follow-up ended without it. Are event and time swapped? Of a status in other codes give "
            "`status == code_of_the_event`; leave subjects without a known status out."
        )
    event, time = event.astype(bool), time.astype(np.float64)
    if not np.isfinite(time).all():
        raise ValueError(
            f"`time` has {(~np.isfinite(time)).sum()} values that are NaN or infinite. A subject without the event "
            "has the time of its last visit; leave out those who have none."
        )
    if (time < 0).any():
        raise ValueError(
            f"`time` has {(time < 0).sum()} negative values, such as {time[time < 0][0]:g}. Count it from the start of "
            "follow-up and leave out those whose event came before."
        )
    if not allow_no_events and not event.any():
        raise ValueError(
            f"None of {len(event)} subjects has the event, so there is nothing to learn from. Follow subjects for "
            "longer, or make folds that spread the events (a splitter stratified by y['event'])."
        )
    return event, time


def kaplan_meier(event, time):
    r"""Kaplan-Meier curve [1]_: :math:`S(t) = \prod_{t_k \le t} (1 - d_k / n_k)`.

    Parameters
    ----------
    event : array-like of shape (n_subjects,)
        Whether the event was seen.
    time : array-like of shape (n_subjects,)
        Time to the event or to the end of follow-up; those censored at a time of events are at risk of them.

    Returns
    -------
    curve : SurvivalCurve
        Steps at all distinct times, also those at which only censored subjects left.

    References
    ----------
    .. [1] E. L. Kaplan, P. Meier. J Am Stat Assoc 53, 457 (1958). https://doi.org/10.1080/01621459.1958.10501452

    Examples
    --------
    >>> from skfuse._survival import kaplan_meier
    >>> kaplan_meier([True, False, True], [2.0, 3.0, 5.0]).survival.round(3)
    array([0.667, 0.667, 0.   ])
    """
    times, n_events, _, n_at_risk = _life_table(event, time)
    return SurvivalCurve(times, np.cumprod(1.0 - n_events / n_at_risk))


def censoring_survival(event, time):
    """Kaplan-Meier curve of being uncensored; those who have the event at a time are not at risk of censoring at it.

    With events before censorings of one time, ``1 / curve.before(time)`` are the weights of events: the weighted
    events up to any time then sum to the subjects times one minus the Kaplan-Meier curve of the event.

    Parameters
    ----------
    event : array-like of shape (n_subjects,)
        Whether the event was seen.
    time : array-like of shape (n_subjects,)
        Time to the event or to the end of follow-up.

    Returns
    -------
    curve : SurvivalCurve
        Probability of being followed for longer than each distinct time.

    Examples
    --------
    >>> from skfuse._survival import censoring_survival
    >>> censoring_survival([True, False, True], [2.0, 3.0, 5.0]).survival
    array([1. , 0.5, 0.5])
    """
    times, n_events, n_censored, n_at_risk = _life_table(event, time)
    exposed = np.maximum(n_at_risk - n_events, 1)  # where nobody is exposed, nobody is censored either
    return SurvivalCurve(times, np.cumprod(1.0 - n_censored / exposed))


def harrell_c(event, time, risk):
    """Share of comparable pairs in which the earlier event has the higher risk [1]_, ties in risk counted half.

    A pair is comparable if the earlier of its times is an event, or if the times are equal and one of the two is
    censored; two events of one time are not.

    Parameters
    ----------
    event : array-like of shape (n_subjects,)
        Whether the event was seen.
    time : array-like of shape (n_subjects,)
        Time to the event or to the end of follow-up.
    risk : array-like of shape (n_subjects,)
        Higher for an earlier event; any unit. Only equal numbers are ties.

    Returns
    -------
    c : float
        1 for a perfect order, 0.5 for a constant risk; NaN if no pair is comparable.

    References
    ----------
    .. [1] F. E. Harrell et al. JAMA 247, 2543 (1982). https://doi.org/10.1001/jama.1982.03320430047030

    Examples
    --------
    >>> from skfuse._survival import harrell_c
    >>> harrell_c([True, True, False], [1.0, 2.0, 3.0], [0.9, 0.1, 0.1])
    0.8333333333333334
    """
    comparable, concordant, tied = pair_counts(event, time, risk)
    total = comparable.sum()
    return float((concordant.sum() + 0.5 * tied.sum()) / total) if total else float("nan")


def pair_counts(event, time, risk):
    """Comparable, concordant and tied pairs of each subject with those who outlived it; zeros for the censored."""
    from skfuse._survival_compiled import concordant_counts

    event, time = np.asarray(event, dtype=bool), np.asarray(time, dtype=np.float64)
    distinct, rank = np.unique(risk, return_inverse=True)
    return concordant_counts(event, time, rank, np.argsort(time), len(distinct))


def _life_table(event, time):
    """Distinct times with the events and censorings at each, and the subjects who were there until then."""
    event = np.asarray(event, dtype=bool)
    times, place, n_here = np.unique(time, return_inverse=True, return_counts=True)
    n_events = np.bincount(place[event], minlength=len(times))
    return times, n_events, n_here - n_events, np.cumsum(n_here[::-1])[::-1]


def _columns(frame):
    if not {"event", "time"} <= set(frame.columns):
        raise ValueError(
            f"The data frame `y` has the columns {frame.columns[:10]}, wanted 'event' (True where the event was seen) "
            "and 'time'. Rename them."
        )
    if len(frame.columns) > 2:
        others = [name for name in frame.columns if name not in ("event", "time")]
        raise ValueError(f"The data frame `y` has other columns too: {others[:10]}. Give `y[['event', 'time']]`.")
    for name in ("event", "time"):
        if frame[name].is_null().any():
            raise ValueError(
                f"Column {name!r} of `y` is missing for {frame[name].is_null().sum()} subjects. Leave them out."
            )
    return frame["event"].to_numpy(), frame["time"].to_numpy()


def _fields(y):
    y = np.asarray(y)
    if y.dtype.names is None:
        raise ValueError(
            f"`y` is an array of dtype {y.dtype} and shape {y.shape}, which does not say who is censored. "
            f"{_HOW_TO_BUILD}"
        )
    kinds = {name: y.dtype[name].kind for name in y.dtype.names}
    events = [name for name, kind in kinds.items() if kind == "b"]
    times = [name for name, kind in kinds.items() if kind in "iuf"]
    if len(kinds) != 2 or len(events) != 1 or len(times) != 1:
        raise ValueError(
            f"`y` has the fields {y.dtype.descr}, wanted one of bool, the event, and one of numbers, the time. "
            f"{_HOW_TO_BUILD}"
        )
    if "event" in times or "time" in events:
        raise ValueError(
            f"The fields of `y` are swapped: {times[0]!r} holds numbers and {events[0]!r} holds True and False. "
            f"{_HOW_TO_BUILD}"
        )
    return y[events[0]], y[times[0]]
