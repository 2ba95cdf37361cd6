"""What the engine needs to know of a statistic that every column of a matrix has with one target."""

import numpy as np

from skfuse._chunks import chunks

_MAP_BYTES = 2**23  # maps of permuted targets that exist at a time


class MapStatistic:
    """A statistic of each column (voxel, patch, edge) with one target, as it is and with the subjects permuted.

    A subclass learns in its constructor whatever no permutation changes, and gives `n_columns`, :meth:`observed` and
    :meth:`permuted`; :meth:`extremes` may be given a faster way that never holds whole maps. Large values speak for a
    positive relation, values far below 0 for a negative one. Where whole maps are needed, `n_maps` are made at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import MapStatistic, draw_permutations
    >>> class Covariance(MapStatistic):
    ...     def __init__(self, X, y):
    ...         self.X, self.y, self.n_columns = X - X.mean(axis=0), y - y.mean(), X.shape[1]
    ...
    ...     def observed(self):
    ...         return self.y @ self.X / len(self.y)
    ...
    ...     def permuted(self, draws):
    ...         return self.y[draws] @ self.X / len(self.y)
    >>> rng = np.random.default_rng(0)
    >>> statistic = Covariance(rng.normal(size=(6, 4)), rng.normal(size=6))
    >>> statistic.extremes(draw_permutations(6, 3, random_state=0)).shape
    (3, 2)
    """

    n_columns: int
    n_maps = 32  # permuted maps that are worth making together, where whole maps are needed

    def observed(self):
        """Statistic of each column with the target as it is.

        Returns
        -------
        values : ndarray of shape (n_columns,), float64
            Never NaN: a column that cannot be tested gets 0.
        """
        raise NotImplementedError  # each subclass has its own

    def permuted(self, draws):
        """Statistics with permuted targets.

        Parameters
        ----------
        draws : ndarray of shape (n_draws, n_subjects)
            Row numbers: ``target[draws[b]]`` is the b-th permuted target.

        Returns
        -------
        values : ndarray of shape (n_draws, n_columns), float32 or float64
        """
        raise NotImplementedError  # each subclass has its own

    def extremes(self, draws, *, rank=1, sizes=None, absolute=False):
        """Highest and lowest statistic of each permutation, or those that are `rank`-th from the end.

        Parameters
        ----------
        draws : ndarray of shape (n_draws, n_subjects)
            As in :meth:`permuted`.
        rank : int
            1 for the extremes themselves; v for the v-th highest and the v-th lowest.
        sizes : ndarray of shape (n_columns,), int, or None
            How often each column counts (the voxels of a patch); None is once.
        absolute : bool
            Whether both ends are one: the v-th largest absolute value, and minus it.

        Returns
        -------
        extremes : ndarray of shape (n_draws, 2), float64
            The v-th highest and the v-th lowest value.
        """
        found = np.empty((len(draws), 2))
        for part in chunks(len(draws), 8 * self.n_columns, _MAP_BYTES):
            found[part] = ranked_extremes(self.permuted(draws[part]), rank, sizes, absolute)
        return found


def ranked_extremes(values, rank=1, sizes=None, absolute=False):
    """The `rank`-th highest and lowest value of each row, each column counted `sizes` times.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    rank : int
        At most the sum of the sizes.
    sizes : ndarray of shape (n_columns,), int, or None
    absolute : bool
        Whether absolute values are ranked.

    Returns
    -------
    extremes : ndarray of shape (n_rows, 2)
    """
    if absolute:
        highest = ranked_extremes(np.abs(values), rank, sizes)[:, 0]
        return np.column_stack([highest, -highest])
    if rank == 1:
        return np.column_stack([values.max(axis=1), values.min(axis=1)])
    n = values.shape[1]
    kept = min(rank, n)  # so many columns hold at least `rank` voxels
    found = np.empty((len(values), 2), dtype=values.dtype)
    for side, sign in enumerate((1, -1)):
        towards = values if sign > 0 else -values
        if sizes is None:
            found[:, side] = sign * np.partition(towards, n - kept, axis=1)[:, n - kept]
            continue
        columns = np.argpartition(towards, n - kept, axis=1)[:, n - kept :]
        top = np.take_along_axis(towards, columns, axis=1)
        order = np.argsort(-top, axis=1, kind="stable")
        counted = np.cumsum(np.take_along_axis(sizes[columns], order, axis=1), axis=1)
        place = np.argmax(counted >= rank, axis=1)
        found[:, side] = sign * np.take_along_axis(top, order, axis=1)[np.arange(len(top)), place]
    return found
