"""Compiled: the highest values of each permutation, kept while columns come a part at a time."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def keep_highest(values, sizes, sign, rank, least, kept, kept_sizes, n_kept):
    """Take in `values` (n_some, n_draws) of columns that count `sizes` (n_some,) times.

    `sign` is 1, -1 to rank from the low end, or 0 for absolute values. `kept` and `kept_sizes` (n_draws, room) with
    room for more than `rank` entries hold what can still be the `rank`-th; `least` (n_draws,) is what must be exceeded.
    """
    room = kept.shape[1]
    for row in range(values.shape[0]):
        if sizes[row] == 0:
            continue
        for draw in range(values.shape[1]):
            value = values[row, draw]
            if sign < 0 or (sign == 0 and value < 0):
                value = -value
            if value > least[draw]:
                if n_kept[draw] == room:
                    n_kept[draw] = _drop(kept[draw], kept_sizes[draw], room, rank, least, draw)
                    if not value > least[draw]:
                        continue
                kept[draw, n_kept[draw]] = value
                kept_sizes[draw, n_kept[draw]] = sizes[row]
                n_kept[draw] += 1


@njit(cache=True, nogil=True)
def ranked(rank, least, kept, kept_sizes, n_kept, found):
    """The `rank`-th highest of each draw; where so many are not there, the lowest, infinite without any."""
    for draw in range(len(found)):
        n = _drop(kept[draw], kept_sizes[draw], n_kept[draw], rank, least, draw)
        found[draw] = kept[draw, n - 1] if n else np.inf


@njit(cache=True, nogil=True)
def _drop(kept, sizes, n, rank, least, draw):
    """Sort the first `n` from the highest and leave those down to the `rank`-th, which becomes the least; how many."""
    order = np.argsort(-kept[:n])
    kept[:n], sizes[:n] = kept[order], sizes[order]
    counted = 0
    for place in range(n):
        counted += sizes[place]
        if counted >= rank:
            least[draw] = kept[place]  # an equal value would tie for the place, and change nothing
            return place + 1
    return n
