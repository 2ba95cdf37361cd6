"""The approximate search for neighbors, in time that grows little faster than the number of subjects.

A forest of balanced trees splits the subjects by random directions; all pairs within a leaf are looked at, by one
matrix product. This gives bandwidths, and with a sample of columns the row sums. Then each subject looks at the
neighbors of its neighbors, and of those whose neighbor it is, for larger entries of the normalized kernel.
"""

from itertools import pairwise

import numpy as np

from skfuse.similarity._exact_search import (
    best_columns,
    estimate_row_sums,
    mean_of_smallest,
    pair_kernel,
    places_of,
    refined_distances,
)
from skfuse.similarity._sweep import BLOCK, pieces

LEAF = 512  # most subjects in a leaf
_TREES = 20
_ROUNDS = 1
_CLOSE = 16  # neighbors of a subject whose neighbors are looked at, and as many of those whose neighbor it is


def search_approximately(pairs, workers, n_neighbors, mu, sample, size, random_state):
    """Likely columns of the largest entries of P for each subject, the kernel there, bandwidths and row sums.

    Parameters
    ----------
    pairs : PointPairs
        Points and their distances.
    workers : Workers
        Threads.
    n_neighbors : int
        Number of entries to keep, and of nearest subjects in a bandwidth.
    mu : float
        Width of the kernel.
    sample : ndarray of shape (n_sampled,)
        Columns from which row sums are estimated, ascending.
    size : int
        Number of candidates of a subject, less than the number of subjects.
    random_state : RandomState
        Directions of the splits.

    Returns
    -------
    ids : ndarray of shape (n_subjects, n_neighbors), int32
        Ascending in each row.
    kernel : ndarray of shape (n_subjects, n_neighbors)
    bandwidth, row_sums : ndarray of shape (n_subjects,)
    """
    near = nearest_in_leaves(pairs, workers, size, random_state)
    distances = refined_distances(pairs, workers, near, near)
    bandwidth = mean_of_smallest(distances, n_neighbors)
    for _ in range(_ROUNDS):
        sums = estimate_row_sums(pairs, workers, bandwidth, mu, sample, near, distances)
        listed = improve(pairs, workers, near, distances, bandwidth, sums, mu)
        distances = refined_distances(pairs, workers, listed, listed)
        bandwidth = np.minimum(bandwidth, mean_of_smallest(distances, n_neighbors))
        near = listed
    sums = estimate_row_sums(pairs, workers, bandwidth, mu, sample, near, distances)
    ids, kernel = best_candidates(near, distances, bandwidth, sums, n_neighbors, mu)
    return ids, kernel, bandwidth, sums


def nearest_in_leaves(pairs, workers, size, random_state):
    """For each subject, the `size` nearest of those who share a leaf with it in some tree."""
    from skfuse.similarity._approximate_compiled import keep_best_of_leaf

    n = pairs.n_subjects
    keys, ids = np.full((n, size), -np.inf, dtype=pairs.dtype), np.full((n, size), -1, dtype=np.int32)

    def look(members):
        keep_best_of_leaf(-pairs.tile(members, members), members, keys, ids)

    for _ in range(_TREES):  # the leaves of one tree share no subject
        workers.run(look, balanced_leaves(pairs.points, max(LEAF, 4 * size), random_state))
    return ids


def balanced_leaves(points, size, random_state):
    """Leaves of a tree that halves the subjects at each level, along the line through two subjects drawn at random."""
    n = len(points)
    order, n_levels = np.arange(n, dtype=np.int32), int(np.ceil(np.log2(max(n / size, 1.0))))
    ends = random_state.randint(n, size=(2, n_levels))
    places = points @ (points[ends[0]] - points[ends[1]]).T
    bounds = np.array([0, n])
    for level in range(n_levels):
        part = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        order = order[np.lexsort((order, places[order, level], part))]
        bounds = np.sort(np.concatenate([bounds, (bounds[:-1] + bounds[1:]) // 2]))
    return [np.sort(order[start:stop]) for start, stop in pairwise(bounds)]


def improve(pairs, workers, near, distances, bandwidth, sums, mu):
    """Lists of the best by the normalized kernel, after a look at neighbors of neighbors."""
    from skfuse.similarity._approximate_compiled import visit_neighbors_of_neighbors

    factors = 1.0 / sums
    keys = np.empty(near.shape)
    for rows in pieces(slice(0, len(near)), BLOCK):
        kernel = pair_kernel(distances[rows], bandwidth[rows, None], bandwidth[near[rows]], mu)
        keys[rows] = kernel * np.sqrt(2.0 * np.pi) * (factors[rows, None] + factors[near[rows]])
    order = np.lexsort((near, keys), axis=1)  # ascending keys are a heap
    keys, ids = np.take_along_axis(keys, order, axis=1), np.take_along_axis(near, order, axis=1)
    hoods = neighborhoods(ids[:, : -_CLOSE - 1 : -1], keys[:, : -_CLOSE - 1 : -1])

    def visit(subjects):
        visit_neighbors_of_neighbors(pairs.points, hoods, subjects, keys, ids, bandwidth, factors, mu, pairs.rooted)

    workers.run(visit, np.array_split(np.arange(len(near), dtype=np.int32), max(1, len(near) // 4096)))
    return ids


def neighborhoods(near, keys):
    """The neighbors of each subject, then the best of those whose neighbor it is, -1 where there are fewer."""
    n, size = near.shape
    targets, sources = near.ravel(), np.repeat(np.arange(n, dtype=np.int32), size)
    order = np.lexsort((sources, -keys.ravel(), targets))
    targets, sources = targets[order], sources[order]
    rank = np.arange(len(targets)) - np.searchsorted(targets, targets)
    backward = np.full((n, size), -1, dtype=np.int32)
    kept = rank < size
    backward[targets[kept], rank[kept]] = sources[kept]
    return np.ascontiguousarray(np.column_stack([near, backward]))


def best_candidates(near, distances, bandwidth, sums, n_neighbors, mu):
    """The best among near subjects and the subject itself, and the kernel there."""
    ids, kernel = np.empty((len(near), n_neighbors), dtype=np.int32), np.empty((len(near), n_neighbors))
    for rows in pieces(slice(0, len(near)), BLOCK):
        own = np.arange(rows.start, rows.stop, dtype=np.int32)
        listed = np.column_stack([own, near[rows]])
        values = np.column_stack([np.zeros(len(own)), distances[rows]])
        values = pair_kernel(values, bandwidth[rows, None], bandwidth[listed], mu)
        order = np.argsort(listed, axis=1)
        listed, values = np.take_along_axis(listed, order, axis=1), np.take_along_axis(values, order, axis=1)
        shares = values * (1.0 / sums[rows, None] + 1.0 / sums[listed])
        ids[rows] = best_columns(shares, own, n_neighbors, listed)
        kernel[rows] = np.take_along_axis(values, places_of(listed, ids[rows]), axis=1)
    return ids, kernel
