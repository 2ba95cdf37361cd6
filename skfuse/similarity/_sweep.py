"""Sweeps over all pairs of subjects, tile by tile, by threads that share memory."""

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

BLOCK = 2048  # subjects in a block; a pair of blocks is one job
TILE = (256, 1024)  # rows and columns of a tile: with its companions it fits the cache of a core


class Workers:
    """Threads that share memory; inside, the BLAS keeps to one thread, so that results do not depend on how many."""

    def __init__(self, n_jobs):
        self._pool = Parallel(n_jobs=n_jobs, require="sharedmem")

    def __enter__(self):
        self._limit = threadpool_limits(1, user_api="blas")
        self._pool.__enter__()
        return self

    def __exit__(self, *exception):
        self._pool.__exit__(*exception)
        self._limit.restore_original_limits()

    def run(self, function, arguments):
        """Call the function with each of the arguments; the results in their order."""
        return self._pool(delayed(function)(argument) for argument in arguments)


def sweep(pairs, workers, visit):
    """Show every pair of subjects once to ``visit(tile, rows, columns, mirrored)``; `mirrored` stands for both orders.

    Blocks meet as teams do in a round-robin tournament: within a round no block appears twice, so that threads never
    write the lists of one subject at once, and every list is written in one order whatever the number of threads.
    """
    n = pairs.n_subjects
    blocks = [slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]

    def meet(both):
        one, other = blocks[both[0]], blocks[both[1]]
        for rows in pieces(one, TILE[0]):
            for columns in pieces(other, TILE[1]):
                visit(pairs.tile(rows, columns), rows, columns, one != other)

    for games in tournament(len(blocks)):
        workers.run(meet, games)


def tournament(n_teams):
    """Rounds of games (i, j), i <= j, in which each pair meets once and no team plays twice in a round."""
    yield [(team, team) for team in range(n_teams)]
    size = n_teams + n_teams % 2
    others = list(range(1, size))
    for _ in range(size - 1):
        circle = [0, *others]
        games = [sorted((circle[k], circle[size - 1 - k])) for k in range(size // 2)]
        yield [(i, j) for i, j in games if j < n_teams]
        others = others[-1:] + others[:-1]


def pieces(block, size):
    """A slice cut into slices of at most `size`."""
    return [slice(start, min(start + size, block.stop)) for start in range(block.start, block.stop, size)]


class BestLists:
    """For each subject, the entries of the largest keys seen so far."""

    def __init__(self, n_subjects, size, dtype):
        self.keys = np.full((n_subjects, size), -np.inf, dtype=dtype)
        self.ids = np.full((n_subjects, size), -1, dtype=np.int32)

    def offer(self, keys, rows, columns, mirrored):
        """Offer a tile of keys to the lists of its rows and, if mirrored, of its columns."""
        from skfuse.similarity._nearest_compiled import keep_best

        keep_best(
            keys, self.keys[rows], self.ids[rows], rows.start,
            self.keys[columns], self.ids[columns], columns.start, mirrored,
        )  # fmt: skip

    def refuse_gaps(self):
        """Raise where a list could not be filled, because distances were not numbers."""
        if np.any(self.ids < 0):
            row = int(np.flatnonzero(np.any(self.ids < 0, axis=1))[0])
            raise ValueError(
                f"The distances of subject {row} to some others are NaN or infinite. Distances must be finite numbers: "
                "look for missing cells or overflow in the features, or for a metric that is undefined for some pairs."
            )


def set_own(tile, rows, columns, value):
    """Set the entries of subjects with themselves."""
    first, last = max(rows.start, columns.start), min(rows.stop, columns.stop)
    own = np.arange(first, last)
    tile[own - rows.start, own - columns.start] = value
