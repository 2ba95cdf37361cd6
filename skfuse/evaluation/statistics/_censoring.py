"""What scores of survival predictions share: checked targets, times and predictions, and weights for censoring."""

import numpy as np

from skfuse._survival import censoring_survival, check_event_and_time, check_survival
from skfuse.evaluation.statistics._checks import finite_vector


def weights_of_events(train, counted, time, name):
    """Inverse probability of each counted event to be seen, 0 for all others."""
    train_event, train_time = outcome(train, "train")
    beyond = counted & (time > train_time.max())
    if beyond.any():
        raise ValueError(
            f"{beyond.sum()} events lie beyond the last training subject ({train_time.max():g}), such as one at "
            f"{time[beyond][0]:g}, where the censoring is unknown. End {name} before it."
        )
    # Positive up to the last training time: whoever leaves then is uncensored before it.
    seen = censoring_survival(train_event, train_time).before(time)
    return np.divide(counted, seen, out=np.zeros(len(time)), where=counted)


def followed_beyond(train, times, needed):
    """Probability of being followed for longer than each time; 1 where nobody is left whom it would weigh."""
    train_event, train_time = outcome(train, "train")
    followed = censoring_survival(train_event, train_time).at(times)
    unknown = needed & ((times > train_time.max()) | (followed <= 0))
    if unknown.any():
        raise ValueError(
            f"Test subjects are followed beyond time {times[unknown][0]:g}, but no training subject is (the last at "
            f"{train_time.max():g}), so the censoring is unknown. End `times` before it."
        )
    return np.where(needed, followed, 1.0)


def outcome(target, name):
    """Event and time of a structured target, a data frame, or a pair of arrays."""
    try:
        if isinstance(target, (tuple, list)) and len(target) == 2:
            return check_event_and_time(*target)
        return check_survival(target, allow_no_events=True)
    except ValueError as error:
        raise ValueError(f"`{name}` is no survival target. {error}") from error


def finite_risk(risk, n):
    """One finite number for each subject."""
    risk = finite_vector(risk, "risk")
    if len(risk) != n:
        raise ValueError(f"`risk` has {len(risk)} values for {n} subjects. Give one value for each subject.")
    return risk


def per_time(values, n, n_times, name, *, wide=False):
    """Values of each subject at each time; one value per subject holds at all times, unless `wide`."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 1 and not wide:
        values = np.repeat(values[:, None], n_times, axis=1)
    if values.shape != (n, n_times) or not np.isfinite(values).all():
        raise ValueError(
            f"`{name}` has shape {values.shape}, wanted finite numbers for {n} subjects (rows) at {n_times} times "
            "(columns)."
        )
    return values


def ascending(times):
    """Times as an ascending vector."""
    times = finite_vector(np.atleast_1d(np.asarray(times)), "times")
    if not len(times) or (np.diff(times) <= 0).any():
        raise ValueError(f"`times` must ascend without repeats, got {times[:10].tolist()}. Give np.unique(times).")
    return times
