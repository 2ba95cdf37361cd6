"""Checks that the statistics share: what was got, what was wanted, what to do."""

from numbers import Real

import numpy as np


def finite_vector(values, name):
    """1-D float64 array without NaN or infinity."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"`{name}` has shape {values.shape}, wanted one value per entry: a 1-D array.")
    if not np.isfinite(values).all():
        raise ValueError(
            f"`{name}` has {(~np.isfinite(values)).sum()} values that are NaN or infinite. Leave these subjects out, "
            "and say so, or find out where the values come from."
        )
    return values


def binary(y, name="y"):
    """Boolean array of the event; both classes must be there."""
    y = np.asarray(y)
    if y.ndim != 1 or not (y.dtype == bool or np.isin(y, [0, 1]).all()):
        raise ValueError(f"`{name}` must be 1-D and hold 0 and 1, or False and True. Give `{name} == event`.")
    y = y.astype(bool)
    if y.all() or not y.any():
        raise ValueError(
            f"`{name}` holds {y.sum()} events among {len(y)} subjects. Both classes are needed: pool sites or groups, "
            "or leave this one unscored."
        )
    return y


def same_length(y, values, name):
    """Refuse two vectors of different length."""
    if len(y) != len(values):
        raise ValueError(f"`y` has {len(y)} subjects and `{name}` {len(values)}. Give one value for each subject.")


def probabilities(y, probability):
    """Binary target and its predicted probabilities, checked together."""
    y, probability = binary(y), finite_vector(probability, "probability")
    same_length(y, probability, "probability")
    outside = (probability < 0) | (probability > 1)
    if outside.any():
        raise ValueError(
            f"{outside.sum()} probabilities lie outside 0 to 1, such as {probability[outside][0]}. Scores must be "
            "turned into probabilities first (CalibratedClassifierCV)."
        )
    return y, probability


def share(value, name, *, zero=False):
    """A number between 0 and 1, both excluded (0 allowed on request)."""
    if not isinstance(value, Real) or not (0 < value < 1 or (zero and value == 0)):
        wanted = "at least 0 and below 1" if zero else "between 0 and 1, both excluded"
        raise ValueError(f"`{name}` must be a number {wanted}, got {value!r}.")
    return float(value)
