"""The exact search for neighbors: every pair is looked at, tile by tile, and no n x n matrix is made.

Two sweeps over all pairs. The first keeps the nearest subjects of each, which give the bandwidths. The second adds up
the rows of the kernel and keeps the candidates that look best by row sums estimated from some of the columns; the true
row sums then rank the candidates, and a bound says for which subjects no other pair can have been missed. If those
without that certificate are few, their whole rows are computed again; otherwise a third sweep takes the true row sums.
"""

import numpy as np

from skfuse._chunks import chunks
from skfuse.similarity._sweep import BLOCK, TILE, BestLists, pieces, set_own, sweep

ROW_BYTES = 2**24  # memory for whole rows, where rows are computed again
ROOT_TWO_PI = np.sqrt(2.0 * np.pi)
EPS = np.finfo(np.float64).eps
_REPEATED = 0.02  # share of subjects above which a second sweep costs less than their whole rows


def pair_kernel(distances, bandwidth, others, mu):
    """The local kernel W of distances, given the bandwidths of both subjects (broadcast against each other)."""
    width = mu * np.maximum((bandwidth + others + distances) / 3.0, EPS)
    return np.exp(-0.5 * np.square(distances / width)) / (width * ROOT_TWO_PI)


def best_columns(shares, own, n_neighbors, ids=None):
    """Columns of the largest entries of each row, ascending; ties go to the subject itself, then to the lowest."""
    from skfuse.similarity._nearest_compiled import best_of_rows

    if ids is None:
        ids = np.broadcast_to(np.arange(shares.shape[1], dtype=np.int32), shares.shape)
    chosen = np.empty((len(shares), n_neighbors), dtype=np.int32)
    best_of_rows(shares, ids, own, n_neighbors, chosen)
    return chosen


def find_bandwidths(pairs, workers, n_neighbors, size):
    """Mean distance to the nearest subjects, and lists of near subjects to start from.

    Parameters
    ----------
    pairs : PointPairs or FunctionPairs
        Distances.
    workers : Workers
        Threads.
    n_neighbors : int
        Number of the nearest, without the subject itself.
    size : int
        Number kept while looking, at least `n_neighbors`.

    Returns
    -------
    bandwidth : ndarray of shape (n_subjects,)
    near, near_distances : ndarray of shape (n_subjects, size)
        Near subjects, in no order, and their distances.
    """
    n = pairs.n_subjects
    lists = BestLists(n, min(size, n - 1), pairs.dtype)

    def visit(tile, rows, columns, mirrored):
        np.negative(tile, out=tile)
        if not mirrored:
            set_own(tile, rows, columns, -np.inf)
        lists.offer(tile, rows, columns, mirrored)

    sweep(pairs, workers, visit)
    lists.refuse_gaps()
    distances = refined_distances(pairs, workers, lists.ids, -lists.keys)
    bandwidth = mean_of_smallest(distances, n_neighbors)
    if lists.keys.shape[1] < n - 1:
        outside = -lists.keys[:, 0].astype(np.float64) * (1.0 - pairs.tile_error)
        farthest = np.partition(distances, n_neighbors - 1, axis=1)[:, n_neighbors - 1]
        missed = np.flatnonzero((farthest**2 if pairs.rooted else farthest) > outside)

        def repeat(subjects):
            whole = pairs.rows(subjects)
            whole[np.arange(len(subjects)), subjects] = np.inf
            bandwidth[subjects] = mean_of_smallest(whole, n_neighbors)

        workers.run(repeat, row_batches(missed, n))
    return bandwidth, lists.ids, distances


def refined_distances(pairs, workers, ids, entries):
    """Distances (float64) of each subject to those in its row of `ids`."""
    distances = np.empty(ids.shape)

    def refine(rows):
        distances[rows] = pairs.refined(rows, ids[rows], entries[rows])

    workers.run(refine, pieces(slice(0, len(ids)), BLOCK))
    return distances


def mean_of_smallest(distances, n_neighbors):
    """Mean of the smallest entries of each row, added in ascending order."""
    return np.sort(np.partition(distances, n_neighbors - 1, axis=1)[:, :n_neighbors], axis=1).mean(axis=1)


def row_batches(subjects, n_columns):
    """Parts of the subjects whose whole rows fit the memory set aside."""
    return [subjects[part] for part in chunks(len(subjects), 8 * n_columns, ROW_BYTES)]


def kernel_tile(pairs, tile, rows, columns, bandwidth, mu):
    """Exponentials and heights whose product is the kernel of a tile."""
    from skfuse.similarity._nearest_compiled import kernel_terms

    heights = np.empty_like(tile)
    kernel_terms(tile, heights, bandwidth[rows], bandwidth[columns], mu, pairs.rooted)
    return np.exp(tile, out=tile), heights


def estimate_row_sums(pairs, workers, bandwidth, mu, sample, near, near_distances):
    """Row sums of the kernel: the subject itself and those near it exactly, the others from a sample of columns.

    Parameters
    ----------
    pairs : PointPairs or FunctionPairs
        Distances.
    workers : Workers
        Threads.
    bandwidth : ndarray of shape (n_subjects,)
        Of each subject.
    mu : float
        Width of the kernel.
    sample : ndarray of shape (n_sampled,)
        Columns, ascending.
    near, near_distances : ndarray of shape (n_subjects, n_near)
        Other subjects, and their distances.

    Returns
    -------
    row_sums : ndarray of shape (n_subjects,)
    """
    n, n_near = near.shape
    narrow = bandwidth.astype(pairs.dtype)
    own = pair_kernel(0.0, bandwidth, bandwidth, mu)
    in_sample = np.zeros(n, dtype=bool)
    in_sample[sample] = True
    sums = np.empty(n)

    def add(rows):
        tile, heights = kernel_tile(pairs, pairs.tile(rows, sample), rows, sample, narrow, mu)
        tile *= heights
        first, last = np.searchsorted(sample, (rows.start, rows.stop))
        tile[sample[first:last] - rows.start, np.arange(first, last)] = 0.0
        close = pair_kernel(near_distances[rows], bandwidth[rows, None], bandwidth[near[rows]], mu)
        counted = in_sample[near[rows]]
        far = np.maximum(tile.sum(axis=1, dtype=np.float64) - np.sum(close * counted, axis=1), 0.0)
        n_far = len(sample) - counted.sum(axis=1) - in_sample[rows]
        sums[rows] = own[rows] + close.sum(axis=1) + far * ((n - 1 - n_near) / np.maximum(n_far, 1))

    workers.run(add, pieces(slice(0, n), TILE[0]))
    return sums


def find_transitions(pairs, workers, bandwidth, n_neighbors, mu, guess, size):
    """Columns of the largest entries of P for each subject, the kernel there, and its exact row sums.

    Parameters
    ----------
    pairs : PointPairs or FunctionPairs
        Distances.
    workers : Workers
        Threads.
    bandwidth : ndarray of shape (n_subjects,)
        Of each subject.
    n_neighbors : int
        Number of entries to keep.
    mu : float
        Width of the kernel.
    guess : ndarray of shape (n_subjects,)
        Estimated row sums.
    size : int
        Number of candidates to look at, at least `n_neighbors`.

    Returns
    -------
    ids : ndarray of shape (n_subjects, n_neighbors), int32
        Ascending in each row.
    kernel : ndarray of shape (n_subjects, n_neighbors)
    row_sums : ndarray of shape (n_subjects,)
    """
    n = pairs.n_subjects
    lists, row_sums = weigh_pairs(pairs, workers, bandwidth, mu, guess, min(size, n))
    ids, kernel, missed = rank_candidates(pairs, workers, bandwidth, n_neighbors, mu, lists, guess, row_sums)
    if len(missed) > _REPEATED * n:  # a second sweep, in which the true row sums choose the candidates, costs less
        lists, _ = weigh_pairs(pairs, workers, bandwidth, mu, row_sums, min(size, n))
        ids, kernel, missed = rank_candidates(pairs, workers, bandwidth, n_neighbors, mu, lists, row_sums, row_sums)

    def repeat(subjects):
        values = pair_kernel(pairs.rows(subjects), bandwidth[subjects, None], bandwidth, mu)
        shares = values * (1.0 / row_sums[subjects, None] + 1.0 / row_sums)
        ids[subjects] = best_columns(shares, subjects, n_neighbors)
        kernel[subjects] = np.take_along_axis(values, ids[subjects].astype(np.intp), axis=1)

    workers.run(repeat, row_batches(missed, n))
    return ids, kernel, row_sums


def weigh_pairs(pairs, workers, bandwidth, mu, guess, size):
    """Sweep over the kernel: its row sums, and lists of the pairs of largest W_ij (1 / guess_i + 1 / guess_j)."""
    from skfuse.similarity._nearest_compiled import weigh

    narrow, factors = bandwidth.astype(pairs.dtype), (1.0 / guess).astype(pairs.dtype)
    lists, row_sums = BestLists(pairs.n_subjects, size, pairs.dtype), np.zeros(pairs.n_subjects)

    def visit(tile, rows, columns, mirrored):
        if not mirrored:
            set_own(tile, rows, columns, 0.0)
        tile, heights = kernel_tile(pairs, tile, rows, columns, narrow, mu)
        column_sums = row_sums[columns] if mirrored else np.empty(tile.shape[1])
        weigh(tile, heights, row_sums[rows], column_sums, factors[rows], factors[columns])
        lists.offer(tile, rows, columns, mirrored)

    sweep(pairs, workers, visit)
    lists.refuse_gaps()
    return lists, row_sums


def rank_candidates(pairs, workers, bandwidth, n_neighbors, mu, lists, guess, row_sums):
    """The best of each list by the true row sums, the kernel there, and the subjects that may have missed a pair."""
    n, size = lists.keys.shape
    ids, kernel = np.empty((n, n_neighbors), dtype=np.int32), np.empty((n, n_neighbors))
    missed = np.zeros(n, dtype=bool)
    # A pair outside a list has at most the list's smallest key, up to the errors of the tile and of the estimate.
    slack = (1.0 + kernel_error(pairs, mu)) * np.max(guess / row_sums)
    factors = (1.0 / guess).astype(pairs.dtype).astype(np.float64)

    def rank(rows):
        listed = lists.ids[rows]
        order = np.argsort(listed, axis=1)
        listed = np.take_along_axis(listed, order, axis=1)
        keys = np.take_along_axis(lists.keys[rows], order, axis=1).astype(np.float64)
        values = candidate_kernel(pairs, rows, listed, keys, bandwidth, mu, factors)
        shares = values * (1.0 / row_sums[rows, None] + 1.0 / row_sums[listed])
        ids[rows] = best_columns(shares, np.arange(rows.start, rows.stop), n_neighbors, listed)
        place = places_of(listed, ids[rows])
        kernel[rows] = np.take_along_axis(values, place, axis=1)
        if size < n:
            missed[rows] = np.take_along_axis(shares, place, axis=1).min(axis=1) < slack * keys.min(axis=1)

    workers.run(rank, pieces(slice(0, n), BLOCK))
    return ids, kernel, np.flatnonzero(missed)


def candidate_kernel(pairs, rows, listed, keys, bandwidth, mu, factors):
    """The kernel of the pairs in lists, in double precision."""
    if pairs.tile_error == 0.0:
        return keys / (factors[rows, None] + factors[listed])
    return pair_kernel(pairs.refined(rows, listed, None), bandwidth[rows, None], bandwidth[listed], mu)


def places_of(sorted_ids, wanted):
    """Where each wanted id stands in its row of sorted ids."""
    n_columns = np.int64(max(sorted_ids.max(), wanted.max())) + 1
    base = np.arange(len(wanted), dtype=np.int64)[:, None] * n_columns
    found = np.searchsorted((sorted_ids + base).ravel(), (wanted + base).ravel())
    return found.reshape(wanted.shape) - np.arange(len(wanted))[:, None] * sorted_ids.shape[1]


def kernel_error(pairs, mu):
    """Bound of the relative error of the kernel of a tile, from that of its distances and of its exponential."""
    relative = pairs.tile_error / 2.0 if pairs.rooted else pairs.tile_error
    return relative * (1.0 + 4.0 / (3.0 * mu * mu)) + 16.0 * np.finfo(pairs.dtype).eps * (1.0 + 4.5 / (mu * mu))
