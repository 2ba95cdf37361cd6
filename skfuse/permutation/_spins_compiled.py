"""Compiled: each place of a rotated sphere to a place of its own, those that have it farthest first."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def assign_farthest_first(closeness, assigned):
    """Fill `assigned` with the column of each row of `closeness`, each used once.

    The free row whose closest free column is least close chooses first. `closeness` is overwritten.
    """
    n = len(closeness)
    nearest, best = np.empty(n, np.int64), np.empty(n)
    waits = np.ones(n, np.bool_)
    for row in range(n):
        nearest[row] = closeness[row].argmax()
        best[row] = closeness[row, nearest[row]]
    for _ in range(n):
        chosen = -1
        for row in range(n):
            if waits[row] and (chosen < 0 or best[row] < best[chosen]):
                chosen = row
        taken = nearest[chosen]
        assigned[chosen], waits[chosen] = taken, False
        for row in range(n):
            closeness[row, taken] = -np.inf
            if waits[row] and nearest[row] == taken:
                nearest[row] = closeness[row].argmax()
                best[row] = closeness[row, nearest[row]]
