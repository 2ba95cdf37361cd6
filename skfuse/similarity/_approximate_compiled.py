"""Compiled loops of the approximate neighbor search: lists of the nearest, without doubles."""

import numpy as np
from numba import njit

from skfuse.similarity._nearest_compiled import EPS, _any_above, _push

CHUNK = 64


@njit(cache=True, nogil=True)
def keep_best_of_leaf(tile, members, keys, ids):
    """Offer each entry of a tile of keys among the `members` of a leaf to the list of its row."""
    never = np.full(CHUNK, np.inf, tile.dtype)
    for a in range(members.shape[0]):
        i, row = members[a], tile[a]
        threshold = keys[i, 0]
        for start in range(0, row.shape[0], CHUNK):
            stop = min(start + CHUNK, row.shape[0])
            if not _any_above(row[start:stop], threshold, never[: stop - start]):
                continue
            for b in range(start, stop):
                if row[b] > threshold and a != b and not _holds(ids[i], members[b]):
                    _push(keys[i], ids[i], row[b], members[b])
                    threshold = keys[i, 0]


@njit(cache=True, nogil=True)
def _holds(ids, index):
    """Whether a list holds an index; a count, which the compiler vectorizes."""
    n_found = np.int32(0)
    for k in range(ids.shape[0]):
        n_found += np.int32(ids[k] == index)
    return n_found > 0


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _narrow_square(one, other):
    """Squared distance in the precision of the points; `reassoc` lets it be added in vector lanes."""
    total = one.dtype.type(0.0)
    for f in range(one.shape[0]):
        difference = one[f] - other[f]
        total += difference * difference
    return total


@njit(cache=True, nogil=True)
def visit_neighbors_of_neighbors(points, hoods, order, keys, ids, bandwidth, factors, mu, root):
    """Offer the neighbors of each subject, and theirs, to its list, by the keys W_ij (factor_i + factor_j).

    `hoods` holds neighbors of each subject, negative where there are fewer; it is not changed meanwhile.
    """
    seen = np.full(points.shape[0], -1, np.int32)
    for i in order:
        seen[i] = i
        for index in ids[i]:
            seen[index] = i
        for j in hoods[i]:
            if j < 0:
                continue
            if seen[j] != i:
                seen[j] = i
                _offer(points, i, j, keys, ids, bandwidth, factors, mu, root)
            for index in hoods[j]:
                if index >= 0 and seen[index] != i:
                    seen[index] = i
                    _offer(points, i, index, keys, ids, bandwidth, factors, mu, root)


@njit(cache=True, nogil=True)
def _offer(points, i, j, keys, ids, bandwidth, factors, mu, root):
    """Offer subject j to the list of subject i."""
    distance = np.float64(_narrow_square(points[i], points[j]))
    if root:
        distance = np.sqrt(distance)
    width = mu * max((bandwidth[i] + bandwidth[j] + distance) / 3.0, EPS)
    ratio = distance / width
    key = np.exp(-0.5 * ratio * ratio) / width * (factors[i] + factors[j])
    if key > keys[i, 0]:
        _push(keys[i], ids[i], key, j)
