"""Targets and groups of subjects, checked."""

import numpy as np
from sklearn.utils.validation import column_or_1d


def refuse_missing_target(y):
    """Raise an error that counts the subjects whose target is missing, or one that names an infinite target."""
    values = np.asarray(y)
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        if np.isinf(values).any():
            raise ValueError(f"Input y contains infinity, the first in row {np.isinf(values).argmax()}. Correct it.")
    elif values.dtype.kind == "O":
        missing = np.array([cell is None or type(cell).__name__ == "NAType" or cell != cell for cell in values.flat])
    else:
        return
    if missing.any():
        raise ValueError(
            f"Input y contains NaN: the target is missing for {missing.sum()} of {len(values)} subjects, the first in "
            f"row {missing.argmax()}. Leave these subjects out of X and y."
        )


def checked_groups(groups):
    """Return the groups as a 1-D array; a missing one is an error, as NaN would make one group of strangers."""
    groups = column_or_1d(groups)
    missing = [row for row, group in enumerate(groups.tolist()) if group is None or group != group]
    if missing:
        raise ValueError(
            f"`groups` is missing for {len(missing)} subjects, the first in row {missing[0]}. Give each of them a "
            "group, or leave them out."
        )
    return groups
