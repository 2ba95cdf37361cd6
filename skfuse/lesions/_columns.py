"""Columns of a matrix as bits, and which of them are identical."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from skfuse._chunks import chunks

_CHUNK_BYTES = 2**20  # of columns that are copied at a time: they stay in the cache of the processor
# Constants of the generator SplitMix64 (Steele et al. 2014, https://doi.org/10.1145/2660193.2660195).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST_SHIFT = np.uint64(31)


class UniqueColumns(NamedTuple):
    """Groups of identical columns, numbered in the order of their first column.

    Attributes
    ----------
    first : ndarray of shape (n_groups,), int
        First column of each group, ascending.
    inverse : ndarray of shape (n_columns,), int
        Group of each column: ``X[:, first][:, inverse]`` is `X`.
    sizes : ndarray of shape (n_groups,), int
        Columns in each group.
    """

    first: np.ndarray
    inverse: np.ndarray
    sizes: np.ndarray


def unique_columns(X, places=None):
    """Find identical columns: by a hash of their bits, checked for equality.

    A binary matrix of any type is compared as bits, ``n_rows / 8`` bytes for each column; any other matrix value by
    value, a chunk of columns at a time. No column is ever merged with one that differs, whatever its hash.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix of shape (n_rows, n_columns)
        Boolean, integers or floating point of up to 64 bits. -0.0 equals 0.0, and NaN the same NaN.
    places : ndarray of shape (n_places,), int, or None
        Columns to look at, as if they were all; None is all.

    Returns
    -------
    groups : UniqueColumns
        The tuple ``(first, inverse, sizes)``: first column of each group, group of each column, columns in each group.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions._columns import unique_columns
    >>> first, inverse, sizes = unique_columns(np.array([[0, 1, 0, 1], [1, 1, 1, 0]]))
    >>> first.tolist(), inverse.tolist(), sizes.tolist()
    ([0, 1, 3], [0, 1, 0, 2], [2, 1, 1])
    """
    if sparse.issparse(X) and places is not None:
        X, places = X.tocsc()[:, places], None
    n_columns = X.shape[1] if places is None else len(places)
    if not n_columns:
        return UniqueColumns(*(np.zeros(0, dtype=np.intp) for _ in range(3)))
    return _by_first_column(_labels(X, places, n_columns))


def find_patches(X, mask):
    """Voxels of a mask that are lesioned in the same subjects, without a copy of the others.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix of shape (n_subjects, n_voxels)
    mask : ndarray of shape (n_voxels,), bool
        Voxels that are looked at.

    Returns
    -------
    first : ndarray of shape (n_patches,), int
        First voxel of each patch, ascending.
    of_voxel : ndarray of shape (n_voxels,), int
        Patch of each voxel, -1 outside the mask.
    sizes : ndarray of shape (n_patches,), int
        Voxels in each patch.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions._columns import find_patches
    >>> find_patches(np.array([[0, 1, 1, 0], [1, 1, 1, 1]]), np.array([True, False, True, True]))[:2]
    (array([0, 2]), array([ 0, -1,  1,  0]))
    """
    if mask.all():
        return unique_columns(X)
    voxels = np.flatnonzero(mask)
    first, inverse, sizes = unique_columns(X, voxels)
    of_voxel = np.full(len(mask), -1, dtype=np.intp)
    of_voxel[voxels] = inverse
    return voxels[first], of_voxel, sizes


def _labels(X, places, n_columns):
    """A number for each column, the same for identical ones."""
    words = pack_columns(X, places)
    if words is None:
        by_column = X.tocsc() if sparse.issparse(X) else X
        bytes_of_one = 8 * X.shape[0]

        def take(columns):
            return _values(by_column, columns if places is None else places[columns])
    else:
        bytes_of_one, take = 8 * max(1, words.shape[1]), words.__getitem__
    hashes = np.empty(n_columns, dtype=np.uint64)
    for part in chunks(n_columns, bytes_of_one, _CHUNK_BYTES):
        hashes[part] = _hash_rows(take(part))
    order = np.argsort(hashes)
    hashes = hashes[order]
    starts = np.r_[True, hashes[1:] != hashes[:-1]]
    del hashes
    collided = _groups_that_differ(take, order, starts, bytes_of_one)
    if not len(collided):
        del take, words  # what is large goes before more comes
    labels, numbers = np.empty(n_columns, dtype=np.intp), np.cumsum(starts)
    numbers -= 1
    labels[order] = numbers
    if len(collided):
        _tell_apart(take, labels, collided, np.count_nonzero(starts))
        labels = np.unique(labels, return_inverse=True)[1]  # the labels of the collided groups are free
    return labels


def pack_columns(X, places=None):
    """The columns of a binary matrix as bits, one row of words for each column.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix of shape (n_rows, n_columns)
    places : ndarray of shape (n_places,), int, or None
        Columns of an array to take; None is all.

    Returns
    -------
    words : ndarray of shape (n_columns, ceil(n_rows / 64)), uint64, or None
        The first row is the lowest bit of the first byte. None if an entry is
        neither 0 nor 1.
    """
    n_rows, n_columns = X.shape[0], X.shape[1] if places is None else len(places)
    words = np.zeros((n_columns, -(-n_rows // 64)), dtype=np.uint64)
    if sparse.issparse(X):
        return _pack_sparse(X.tocsr(), words)
    as_bytes, used = words.view(np.uint8), -(-n_rows // 8)
    for part in chunks(n_columns, max(1, n_rows * X.itemsize), _CHUNK_BYTES):
        columns = np.ascontiguousarray(X[:, part if places is None else places[part]].T)
        if not is_binary(columns):
            return None
        as_bytes[part, :used] = np.packbits(columns != 0, axis=1, bitorder="little")
    return words


def is_binary(values):
    """Whether every value of an array is 0 or 1."""
    if values.dtype == bool:
        return True
    if values.dtype.kind == "u":
        return not values.size or bool(values.max() <= 1)
    if values.ndim == 2:  # a part at a time, as it lies in memory
        lines = values.T if values.flags.f_contiguous else values
        parts = chunks(len(lines), max(1, lines.shape[1] * lines.itemsize), _CHUNK_BYTES)
        return all(_holds_zeros_and_ones(lines[part]) for part in parts)
    return _holds_zeros_and_ones(values)


def _holds_zeros_and_ones(values):
    return bool(((values == 0) | (values == 1)).all())


def _pack_sparse(X, words):
    if not is_binary(X.data) or not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
        if not is_binary(X.data):
            return None
    for row, (start, stop) in enumerate(zip(X.indptr[:-1], X.indptr[1:], strict=True)):
        lesioned = X.indices[start:stop][X.data[start:stop] != 0]
        words[lesioned, row // 64] |= np.uint64(1) << np.uint64(row % 64)
    return words


def _values(X, columns):
    """Some columns of a matrix, as rows; equal values have equal bits."""
    part = X[:, columns]
    rows = np.ascontiguousarray((part.toarray() if sparse.issparse(X) else part).T)
    return rows + rows.dtype.type(0) if rows.dtype.kind == "f" else rows  # -0.0 becomes 0.0


def _hash_rows(rows):
    """A hash of each row, of 64 bits; rows of equal bits have equal hashes."""
    mixed = rows.view(f"u{rows.itemsize}") + _STEP * np.arange(1, rows.shape[1] + 1, dtype=np.uint64)
    # Every bit has to reach every other: lesions that differ in two subjects differ in two bits.
    for shift, factor in _MIX:
        mixed ^= mixed >> shift
        mixed *= factor
    mixed ^= mixed >> _LAST_SHIFT
    return mixed.sum(axis=1, dtype=np.uint64)


def _groups_that_differ(take, order, starts, bytes_of_one):
    """Groups of one hash that hold different columns; `starts` (n_columns,) says where in `order` a group begins."""
    differs = np.zeros(len(order), dtype=bool)
    for part in chunks(len(order), bytes_of_one, _CHUNK_BYTES):
        places = slice(max(0, part.start - 1), part.stop)  # each is compared to the one before it
        rows = take(order[places])
        differs[places.start + 1 : places.stop] = (rows[1:] != rows[:-1]).any(axis=1)
    places = np.flatnonzero(differs & ~starts)
    return np.unique(np.searchsorted(np.flatnonzero(starts), places, side="right") - 1)


def _tell_apart(take, labels, collided, n_labels):
    """Give different columns of one hash labels of their own, by the bits themselves."""
    seen = {}
    for column in np.flatnonzero(np.isin(labels, collided)):
        bits = take(np.array([column])).tobytes()
        labels[column] = seen.setdefault(bits, n_labels + len(seen))


def _by_first_column(labels):
    """Number the groups in the order of their first column."""
    n_groups = labels.max() + 1
    first = np.full(n_groups, len(labels), dtype=np.intp)
    np.minimum.at(first, labels, np.arange(len(labels)))
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(n_groups)
    inverse = rank[labels]
    return UniqueColumns(first[order], inverse, np.bincount(inverse))
