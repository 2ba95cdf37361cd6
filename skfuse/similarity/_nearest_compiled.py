"""Compiled loops of the streamed neighbor search: tiles of distances, kernels, and lists of the best of each row.

A tile is a small matrix (rows x columns of the whole n x n matrix) that fits the cache. A list of the best is a
min-heap per row: `keys` (n, size) and `ids` (n, size), its smallest key first, filled with -inf at the start.
`contract` lets the compiler fuse multiplication and addition, which rounds once instead of twice; `reassoc`, where it
stands, lets it add a row in vector lanes.
"""

import numpy as np
from numba import njit

EPS = np.finfo(np.float64).eps  # floor of the bandwidth of a pair, as in the dense computation
CHUNK = 64  # columns that are compared with the thresholds before any of them is looked at
ROOT_TWO_PI = np.sqrt(2.0 * np.pi)


@njit(cache=True, nogil=True, fastmath={"contract"})
def products_to_squares(tile, norms, column_norms, points, column_points, near):
    """Turn inner products into squared distances, in place.

    Squares below the share `near` of the squared norms have lost digits: they are summed again from differences, so
    that equal points are exactly 0 apart.
    """
    two = tile.dtype.type(2.0)
    for i in range(tile.shape[0]):
        row, norm = tile[i], norms[i]
        n_near = 0
        for j in range(row.shape[0]):
            size = norm + column_norms[j]
            square = size - two * row[j]
            row[j] = square
            n_near += square <= near * size
        if n_near:
            for j in range(row.shape[0]):
                if row[j] <= near * (norm + column_norms[j]):
                    row[j] = _square(points[i], column_points[j])


@njit(cache=True, nogil=True, fastmath={"contract"})
def _square(one, other):
    """Squared distance of two points, from differences."""
    total = 0.0
    for f in range(one.shape[0]):
        difference = np.float64(one[f]) - np.float64(other[f])
        total += difference * difference
    return total


@njit(cache=True, nogil=True, fastmath={"contract"})
def squares_of_pairs(points, others, ids, out):
    """Squared distances (float64) of each point to the others that its row of `ids` names."""
    for i in range(ids.shape[0]):
        for k in range(ids.shape[1]):
            out[i, k] = _square(points[i], others[ids[i, k]])


@njit(cache=True, nogil=True)
def _push(keys, ids, key, index):
    """Replace the smallest entry of a min-heap."""
    size, place = keys.shape[0], 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[place], ids[place] = keys[child], ids[child]
        place = child
    keys[place], ids[place] = key, index


@njit(cache=True, nogil=True)
def _any_above(keys, threshold, thresholds):
    """Whether a key exceeds its row's threshold or its column's; 32-bit counts, which the compiler vectorizes."""
    n_hits = np.int32(0)
    for j in range(keys.shape[0]):
        n_hits += np.int32(keys[j] > threshold) | np.int32(keys[j] > thresholds[j])
    return n_hits > 0


@njit(cache=True, nogil=True)
def keep_best(tile, keys, ids, first, column_keys, column_ids, column_first, mirrored):
    """Offer each entry of a tile of keys to the list of its row and, if `mirrored`, to that of its column."""
    width = tile.shape[1]
    thresholds = np.full(width, np.inf, tile.dtype)
    if mirrored:
        for j in range(width):
            thresholds[j] = column_keys[j, 0]
    for i in range(tile.shape[0]):
        row, threshold = tile[i], keys[i, 0]
        for start in range(0, width, CHUNK):
            stop = min(start + CHUNK, width)
            if not _any_above(row[start:stop], threshold, thresholds[start:stop]):
                continue
            for j in range(start, stop):
                if row[j] > threshold:
                    _push(keys[i], ids[i], row[j], column_first + j)
                    threshold = keys[i, 0]
                if row[j] > thresholds[j]:
                    _push(column_keys[j], column_ids[j], row[j], first + i)
                    thresholds[j] = column_keys[j, 0]


@njit(cache=True, nogil=True, fastmath={"contract"})
def kernel_terms(tile, heights, bandwidth, column_bandwidth, mu, root):
    """Split the kernel of a tile of distances (of squares with `root`) into exponents, in place, and heights."""
    kind = tile.dtype.type
    third, floor, width, half = kind(1.0 / 3.0), kind(EPS), kind(1.0 / mu), kind(-0.5)
    scale = kind(1.0 / (mu * ROOT_TWO_PI))
    for i in range(tile.shape[0]):
        row, height, own = tile[i], heights[i], bandwidth[i]
        for j in range(row.shape[0]):
            distance = np.sqrt(row[j]) if root else row[j]
            inverse = kind(1.0) / max((own + column_bandwidth[j] + distance) * third, floor)
            ratio = distance * inverse * width
            row[j] = half * ratio * ratio
            height[j] = inverse * scale


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def weigh(tile, heights, sums, column_sums, factors, column_factors):
    """Finish the kernel W = exp(exponent) * height, add up its rows and columns, and turn it into keys, in place.

    The key of a pair is W_ij (factor_i + factor_j).
    """
    for i in range(tile.shape[0]):
        row, height, factor = tile[i], heights[i], factors[i]
        total = 0.0
        for j in range(row.shape[0]):
            weight = row[j] * height[j]
            wide = np.float64(weight)
            total += wide
            column_sums[j] += wide
            row[j] = weight * (factor + column_factors[j])
        sums[i] += total


@njit(cache=True, nogil=True)
def best_of_rows(keys, ids, own, size, out):
    """Columns of the `size` largest keys of each row, sorted by column; ties go to the subject itself, then by index.

    Keys count as tied where they agree to 37 binary digits: theirs are sums in another order. `ids` are distinct, and
    negative for an empty place.
    """
    for i in range(keys.shape[0]):
        best = np.full(size, -np.inf)
        chosen = np.full(size, -1, np.int64)
        n_kept = 0
        for k in range(keys.shape[1]):
            index = ids[i, k]
            if index < 0:
                continue
            wide = keys[i, k] * 65537.0
            key = wide - (wide - keys[i, k])
            rank = np.int64(-1) if index == own[i] else np.int64(index)
            if n_kept == size and not _before(key, rank, best[size - 1], chosen[size - 1]):
                continue
            place = n_kept if n_kept < size else size - 1
            while place > 0 and _before(key, rank, best[place - 1], chosen[place - 1]):
                best[place], chosen[place] = best[place - 1], chosen[place - 1]
                place -= 1
            best[place], chosen[place] = key, rank
            n_kept = min(n_kept + 1, size)
        for k in range(n_kept):
            out[i, k] = own[i] if chosen[k] < 0 else chosen[k]
        out[i, :n_kept].sort()


@njit(cache=True, nogil=True)
def _before(key, rank, other_key, other_rank):
    """Whether an entry ranks before another: by its key, then by its index."""
    return key > other_key or (key == other_key and rank < other_rank)
