"""The v-th highest and lowest of many values that come a part at a time."""

import numpy as np
from array_api_compat import array_namespace

from skfuse._backend import to_host

_CANDIDATES = 2**21  # values kept before those that cannot be among the first are dropped


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
        self._sizes = None if sizes is None else np.asarray(sizes, dtype=np.int64)
        self._sides = None

    def expect(self, values):
        """Learn from the values of a few columns, spread over all, which are too low to matter; they are not taken in.

        Parameters
        ----------
        values : array of shape (n_some, n_draws)
        """
        if self.rank > 1 and values.shape[0] > self.rank:
            self._begin(values.shape[1])
            for side, towards in zip(self._sides, self._towards(values), strict=True):
                side.expect(towards)

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
        if self._sides is None:
            self._begin(values.shape[1])
        sizes = np.ones(values.shape[0], dtype=np.int64) if self._sizes is None else self._sizes[part]
        for side, towards in zip(self._sides, self._towards(values), strict=True):
            side.add(towards, sizes)

    def _begin(self, n_draws):
        self._sides = [_Highest(self.rank, n_draws) for _ in range(1 if self.absolute else 2)]

    def _towards(self, values):
        values = to_host(values)
        return [np.abs(values)] if self.absolute else [values, -values]

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

    def __init__(self, rank, n_draws):
        self.rank = rank
        self.least = np.full(n_draws, -np.inf)  # what a value must exceed to matter
        self.parts, self.n_kept = [], 0

    def add(self, values, sizes):
        if np.isinf(self.least).any() and len(values) > self.rank:
            self.expect(values)
        rows, draws = np.divmod(np.flatnonzero(values > self.least), values.shape[1])
        self.parts.append((draws, values[rows, draws].astype(np.float64), sizes[rows]))
        self.n_kept += len(rows)
        if self.n_kept > _CANDIDATES:
            self._drop()

    def expect(self, values):
        """Raise what must be exceeded: so many columns hold at least v voxels, and no lower value can be the v-th."""
        place = len(values) - self.rank
        lowest = np.partition(values.T, place, axis=1)[:, place]
        np.maximum(self.least, np.nextafter(lowest, -np.inf, dtype=values.dtype), out=self.least)

    def _drop(self):
        draws, values, sizes = (np.concatenate(column) for column in zip(*self.parts, strict=True))
        order = np.lexsort((-values, draws))
        draws, values, sizes = draws[order], values[order], sizes[order]
        counted = np.cumsum(sizes)
        starts = np.flatnonzero(np.diff(draws, prepend=-1))
        before = np.repeat(counted[starts] - sizes[starts], np.diff(starts, append=len(draws)))
        reached = counted - before - sizes >= self.rank  # enough above it without this one
        last = ~reached & (counted - before >= self.rank)
        # Equal values would tie for the place, so that dropping them changes nothing.
        self.least[draws[last]] = values[last]
        kept = ~reached
        self.parts, self.n_kept = [(draws[kept], values[kept], sizes[kept])], int(np.count_nonzero(kept))

    def found(self):
        self._drop()
        draws, values, _ = self.parts[0]
        lowest = np.full(len(self.least), np.inf)
        np.minimum.at(lowest, draws, values)
        return lowest
