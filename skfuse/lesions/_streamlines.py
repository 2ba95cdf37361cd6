"""Streamlines as sparse rows of voxels: what they connect, and which of them lesions cut."""

import numpy as np
from scipy import sparse

_CHUNK_ENTRIES = 2**20  # visits of voxels that are looked up at a time


def read_streamlines(streamlines):
    """The voxels that each streamline visits, each once; nothing is copied if they come like that.

    Parameters
    ----------
    streamlines : scipy.sparse matrix or array-like of shape (n_streamlines, n_voxels)
        Any value other than 0 (a count of points, a length) is a visit.

    Returns
    -------
    visits : CSR matrix of shape (n_streamlines, n_voxels)
        Sorted, without zeros and duplicates; its values mean nothing.
    """
    visits = streamlines.tocsr() if sparse.issparse(streamlines) else sparse.csr_array(np.asarray(streamlines))
    if not visits.shape[0]:
        raise ValueError("`streamlines` has no rows. Give one row for each streamline.")
    if visits.dtype.kind == "f" and not np.isfinite(visits.data).all():
        raise ValueError("`streamlines` holds NaN or infinity. Give 1 in the voxels that a streamline visits.")
    if visits.has_canonical_format and visits.data.all():
        return visits
    visits = visits.copy()
    visits.eliminate_zeros()
    visits.data = np.ones(visits.nnz, dtype=bool)  # duplicates then add up to True
    visits.sum_duplicates()
    return visits


def read_endpoints(endpoints, n_streamlines, n_parcels=None):
    """The parcels in which each streamline ends.

    Parameters
    ----------
    endpoints : array-like of shape (n_streamlines, 2)
        Parcel numbers from 0; -1 is no parcel.
    n_streamlines : int
    n_parcels : int or None
        None is one more than the highest number.

    Returns
    -------
    endpoints : ndarray of shape (n_streamlines, 2), int
    n_parcels : int
    """
    endpoints = np.asarray(endpoints)
    if endpoints.shape != (n_streamlines, 2):
        raise ValueError(
            f"`endpoints` has shape {endpoints.shape}, wanted ({n_streamlines}, 2): the two parcels of each streamline."
        )
    whole = endpoints.dtype.kind in "iu" or (endpoints.dtype.kind == "f" and (endpoints == np.rint(endpoints)).all())
    if not whole or not np.isfinite(endpoints).all():
        raise ValueError("`endpoints` must hold whole numbers: parcels from 0, and -1 for none.")
    numbers = endpoints.astype(np.int64)
    if numbers.min() < -1:
        raise ValueError(f"`endpoints` holds {numbers.min()}. Number the parcels from 0; -1 is no parcel.")
    highest = int(numbers.max())
    if n_parcels is not None and highest >= n_parcels:
        raise ValueError(
            f"`endpoints` names parcel {highest}, but n_parcels={n_parcels} numbers them from 0 to {n_parcels - 1}. "
            "Subtract 1 from labels that start at 1 (and 0 becomes -1, no parcel)."
        )
    return numbers, highest + 1 if n_parcels is None else n_parcels


def edge_incidence(endpoints):
    """Which streamline belongs to which edge.

    Parameters
    ----------
    endpoints : ndarray of shape (n_streamlines, 2), int

    Returns
    -------
    incidence : CSR array of shape (n_streamlines, n_edges), bool
        Streamlines that end in no parcel, or twice in one, belong to no edge.
    edges : ndarray of shape (n_edges, 2), int
        Pairs of parcels that streamlines connect, the lower number first, in order.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions._streamlines import edge_incidence
    >>> incidence, edges = edge_incidence(np.array([[2, 0], [0, 2], [1, 1], [1, 2]]))
    >>> edges.tolist(), incidence.sum(axis=0).tolist()
    ([[0, 2], [1, 2]], [2, 1])
    """
    low, high = endpoints.min(axis=1), endpoints.max(axis=1)
    rows = np.flatnonzero((low >= 0) & (low < high))
    if not len(rows):
        raise ValueError(
            "No streamline connects two parcels: `endpoints` holds -1 or twice the same parcel in every row. Check the "
            "parcels, or set output='voxels'."
        )
    pairs = low[rows] * (high.max() + 1) + high[rows]
    numbers, edge = np.unique(pairs, return_inverse=True)
    edges = np.column_stack(np.divmod(numbers, high.max() + 1))
    return _incidence(rows, edge, (len(endpoints), len(edges))), edges


def parcel_incidence(endpoints):
    """Which streamline ends in which parcel, one that ends there twice once.

    Parameters
    ----------
    endpoints : ndarray of shape (n_streamlines, 2), int

    Returns
    -------
    incidence : CSR array of shape (n_streamlines, n_connected), bool
    parcels : ndarray of shape (n_connected,), int
        Parcels in which a streamline ends, in order.
    """
    rows, sides = np.nonzero(endpoints >= 0)
    if not len(rows):
        raise ValueError("No streamline ends in a parcel: `endpoints` holds -1 only. Check the parcels.")
    parcels, parcel = np.unique(endpoints[rows, sides], return_inverse=True)
    incidence = _incidence(rows, parcel, (len(endpoints), len(parcels)))
    incidence.sum_duplicates()
    return incidence, parcels


def any_of(members, words):
    """For each row of a sparse matrix, the bits that any of its members has.

    Parameters
    ----------
    members : CSR or CSC matrix
        Each row (CSR) or column (CSC) lists its members, for example a streamline its voxels.
    words : ndarray of shape (n_words, n_members), uint64
        Bits of each possible member, for example of a voxel the subjects in whom it is lesioned.

    Returns
    -------
    found : ndarray of shape (n_words, n_rows), uint64
        For example of a streamline the subjects whose lesion it passes. 0 for a row without members.
    """
    indptr, indices = members.indptr, members.indices
    found = np.zeros((len(words), len(indptr) - 1), dtype=np.uint64)
    words = np.ascontiguousarray(words)
    filled = np.flatnonzero(np.diff(indptr))  # reduceat takes no empty groups
    starts = indptr[filled]
    first = 0
    while first < len(filled):
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + _CHUNK_ENTRIES)))
        begin, end = starts[first], indptr[filled[last - 1] + 1]
        here, groups = indices[begin:end], starts[first:last] - begin
        for word, bits in enumerate(words):
            found[word, filled[first:last]] = np.bitwise_or.reduceat(bits.take(here), groups)
        first = last
    return found


def bits_of(words, number):
    """The bit of one subject in every column.

    Parameters
    ----------
    words : ndarray of shape (n_words, n_columns), uint64
    number : int

    Returns
    -------
    bits : ndarray of shape (n_columns,), bool
    """
    return (words[number // 64] >> np.uint64(number % 64)) & np.uint64(1) != 0


def summed_weights(incidence, weights=None):
    """Summed weight of the streamlines in each column; their number if there are no weights.

    Parameters
    ----------
    incidence : CSR matrix of shape (n_streamlines, n_columns)
        Each entry is one streamline.
    weights : ndarray of shape (n_streamlines,) or None

    Returns
    -------
    sums : ndarray of shape (n_columns,)
    """
    if weights is not None:
        weights = np.repeat(weights, np.diff(incidence.indptr))
    return np.bincount(incidence.indices, weights=weights, minlength=incidence.shape[1])


def _incidence(rows, columns, shape):
    return sparse.coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape).tocsr()
