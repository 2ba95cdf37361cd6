"""The v-th highest and lowest of many values that come a part at a time."""

import numpy as np
from array_api_compat import array_namespace

from skfuse._backend import to_host

_KEPT_BYTES = 2**23  # of values that may still be the v-th of their permutation


class RankedExtremes:
    """Highest and lowest value of each permutation over all columns, each column counted as often as its size.

    Parameters
    ----------
    rank : int
        1 for the extremes, v for the v-th from each end.
    sizes : ndarray of shape (n_columns,), int, or None
        How often each column counts.
    absolute : bool
        Whether both ends are one: absolute values are ranked.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation._ranked import RankedExtremes
    >>> tracker = RankedExtremes(rank=2)
    >>> tracker.add(np.array([[1.0], [5.0]]), slice(0, 2))
    >>> tracker.add(np.array([[3.0], [-2.0]]), slice(2, 4))
    >>> tracker.found().tolist()
    [[3.0, 1.0]]
    """

    def __init__(self, rank=1, sizes=None, absolute=False):
        self.rank, self.absolute = int(rank), absolute
        self._sizes = sizes
        self._sides = None

    def add(self, values, part):
        """Take in the values of some columns.

        Parameters
        ----------
        values : array of shape (n_some, n_draws)
            Of any library of the array API.
        part : slice
            Which of all columns these are.
        """
        if self.rank == 1:
            xp = array_namespace(values)
            found = (to_host(xp.max(values, axis=0)), to_host(xp.min(values, axis=0)))
            if self._sides is None:
                self._sides = [np.array(side, dtype=np.float64) for side in found]
            else:
                np.maximum(self._sides[0], found[0], out=self._sides[0])
                np.minimum(self._sides[1], found[1], out=self._sides[1])
            return
        values = np.ascontiguousarray(to_host(values))
        if self._sides is None:
            signs = (0,) if self.absolute else (1, -1)
            self._sides = [_Highest(self.rank, sign, values.shape[1], values.dtype) for sign in signs]
        sizes = np.ones(len(values), dtype=np.int32) if self._sizes is None else self._sizes[part].astype(np.int32)
        for side in self._sides:
            side.add(values, sizes)

    def found(self):
        """The v-th highest and lowest value of each permutation.

        Returns
        -------
        extremes : ndarray of shape (n_draws, 2), float64
        """
        if self.rank == 1:
            highest, lowest = self._sides
            if self.absolute:
                highest = np.maximum(highest, -lowest)
        else:
            highest, lowest = self._sides[0].found(), -self._sides[-1].found()
        return np.column_stack([highest, -highest if self.absolute else lowest])


class _Highest:
    """Values that can still be the v-th highest of their permutation; where v columns are not there, the lowest."""

    def __init__(self, rank, sign, n_draws, dtype):
        self._rank, self._sign, shape = rank, sign, (n_draws, _room(rank))
        self._least = np.full(n_draws, -np.inf, dtype=dtype)  # what a value must exceed to matter
        self._kept, self._sizes = np.empty(shape, dtype=dtype), np.empty(shape, dtype=np.int32)
        self._n_kept = np.zeros(n_draws, dtype=np.intp)

    def add(self, values, sizes):
        from skfuse.permutation._ranked_compiled import keep_highest

        keep_highest(values, sizes, self._sign, self._rank, self._least, self._kept, self._sizes, self._n_kept)

    def found(self):
        from skfuse.permutation._ranked_compiled import ranked

        found = np.empty(len(self._least))
        ranked(self._rank, self._least, self._kept, self._sizes, self._n_kept, found)
        return found


def _room(rank):
    """Values kept of a permutation: more than v, so that dropping those that cannot matter is worth it."""
    return rank + rank // 2 + 64


def draws_at_a_time(rank, most):
    """Permutations to work on together, so that what is kept of them stays small.

    Parameters
    ----------
    rank : int
        As in :class:`RankedExtremes`.
    most : int
        Permutations that are worth working on together.

    Returns
    -------
    n_draws : int

    Examples
    --------
    >>> from skfuse.permutation._ranked import draws_at_a_time
    >>> [draws_at_a_time(rank, 1024) for rank in (1, 100, 1000, 1_000_000)]
    [1024, 1024, 223, 16]
    """
    if rank == 1:
        return most
    both_sides = 2 * (8 + 4) * _room(rank)
    return min(most, max(16, _KEPT_BYTES // both_sides))
