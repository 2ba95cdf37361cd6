"""Which elements of a map are neighbors: voxels of a mask, parcels of an adjacency, edges of a network."""

from dataclasses import dataclass, field
from itertools import product
from numbers import Integral

import numpy as np
from scipy import sparse

from skfuse._chunks import chunks
from skfuse.permutation._map_checks import checked_columns

_CHUNK_BYTES = 2**20  # of neighbors of some cells

#: Neighbors of a cell by number of axes: the number of them -> how many coordinates may differ, each by 1.
_CONNECTIVITIES = {2: {4: 1, 8: 2}, 3: {6: 1, 18: 2, 26: 3}}


@dataclass(frozen=True, eq=False)
class NeighborGraph:
    """Neighbors of each element of a map, made by :meth:`from_mask`, :meth:`from_adjacency` or :meth:`from_edges`.

    The neighbors of vertex v are ``indices[indptr[v]:indptr[v + 1]]``. Vertices from `n_vertices` on are hubs: they
    have no value and no size of their own and are as high as the highest of their neighbors, which thus become
    neighbors of each other. The nodes of a network are the hubs of its edges; so a network of n nodes needs 2 entries
    an edge, where a list of neighboring edges would need about 2 n.

    Attributes
    ----------
    indptr : ndarray of shape (n_vertices + n_hubs + 1,), int32
    indices : ndarray of shape (n_entries,), int32
    n_vertices : int
        Elements that have a value.
    sizes : ndarray of shape (n_vertices,), float64
        What each element adds to the extent of a cluster: 1, or the voxels of a piece (see :meth:`merge`).

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import NeighborGraph
    >>> NeighborGraph.from_mask(np.ones((3, 4, 5), dtype=bool))
    NeighborGraph(n_vertices=60, n_hubs=0)
    >>> NeighborGraph.from_edges(4)
    NeighborGraph(n_vertices=6, n_hubs=4)
    """

    indptr: np.ndarray = field(repr=False)
    indices: np.ndarray = field(repr=False)
    n_vertices: int
    sizes: np.ndarray = field(repr=False)

    def __repr__(self):
        return f"NeighborGraph(n_vertices={self.n_vertices}, n_hubs={self.n_hubs})"

    @property
    def n_hubs(self):
        """Vertices without a value."""
        return len(self.indptr) - 1 - self.n_vertices

    @classmethod
    def from_mask(cls, mask, *, connectivity=None):
        """Graph of the voxels of a mask (or the pixels of a flat one).

        Parameters
        ----------
        mask : array-like of 2 or 3 axes, bool
            Vertices are its true cells in C order: the columns that nilearn's NiftiMasker makes of the same mask.
        connectivity : {4, 8} or {6, 18, 26}, or None
            Neighbors of a voxel inside the mask: 6 share a face, 18 also those that share an edge, 26 also a corner;
            of a pixel 4 or 8. None is 6, of a pixel 4.

        Returns
        -------
        graph : NeighborGraph

        Raises
        ------
        ValueError
            If the mask has no true cell, other values than true and false, or another number of axes.
        """
        mask = np.asarray(mask)
        if mask.dtype != bool and not np.isin(mask, (0, 1)).all():
            raise ValueError("`mask` holds other values than 0 and 1. Give a mask, such as `image > 0`.")
        mask = mask.astype(bool, copy=False)
        if mask.ndim not in _CONNECTIVITIES or not mask.any():
            raise ValueError(
                f"`mask` has shape {mask.shape} and {mask.sum()} true cells, wanted 2 or 3 axes and at least one cell. "
                "Give the mask that made the columns."
            )
        allowed = _CONNECTIVITIES[mask.ndim]
        connectivity = min(allowed) if connectivity is None else connectivity
        if connectivity not in allowed:
            raise ValueError(
                f"`connectivity` must be one of {list(allowed)} for a mask of {mask.ndim} axes, got {connectivity!r}."
            )
        return _grid_graph(mask, allowed[connectivity])

    @classmethod
    def from_adjacency(cls, adjacency):
        """Graph of parcels, electrodes or the vertices of a surface.

        Parameters
        ----------
        adjacency : sparse matrix or array-like of shape (n_vertices, n_vertices)
            Symmetric; two vertices are neighbors where it is not 0. The diagonal does not matter.

        Returns
        -------
        graph : NeighborGraph

        Raises
        ------
        ValueError
            If the matrix is not square, not symmetric or has NaN.
        """
        adjacency = sparse.csr_array(adjacency)
        if adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1] or adjacency.shape[0] == 0:
            raise ValueError(f"`adjacency` has shape {adjacency.shape}, wanted (n_vertices, n_vertices).")
        if adjacency.dtype.kind == "f" and np.isnan(adjacency.data).any():
            raise ValueError("`adjacency` has NaN. Put 0 where two vertices are no neighbors.")
        linked = sparse.csr_array(adjacency != 0)
        if (linked != linked.T).nnz:
            raise ValueError(
                "`adjacency` is not symmetric: a vertex has a neighbor that does not have it. Give "
                "`adjacency + adjacency.T` if either direction makes them neighbors."
            )
        return _graph_of(linked, linked.shape[0])

    @classmethod
    def from_edges(cls, n_nodes, *, endpoints=None):
        """Graph whose elements are the edges of a network, neighbors where they share a node.

        Parameters
        ----------
        n_nodes : int
            Nodes of the network, at least 2.
        endpoints : array-like of shape (n_edges, 2), int, or None
            The two nodes of each edge, from 0. None is every edge, in the order of ``np.triu_indices(n_nodes, 1)``.

        Returns
        -------
        graph : NeighborGraph
            With one vertex an edge and one hub a node.

        Raises
        ------
        ValueError
            If an edge joins a node with itself or a node that is not there, or is listed twice.
        """
        if not isinstance(n_nodes, Integral) or isinstance(n_nodes, bool) or n_nodes < 2:
            raise ValueError(f"`n_nodes` must be a whole number of at least 2, got {n_nodes!r}.")
        if endpoints is None:
            endpoints = np.column_stack(np.triu_indices(n_nodes, 1))
        endpoints = _checked_endpoints(np.asarray(endpoints), n_nodes)
        n_edges = len(endpoints)
        edges, hubs = np.repeat(np.arange(n_edges), 2), n_edges + endpoints.ravel()
        half = _matrix(edges, hubs, n_edges + int(n_nodes))
        return _graph_of(half + half.T, n_edges)

    def merge(self, labels):
        """Make one vertex of neighbors that carry one label, so that maps equal within labels cost less.

        Voxels that are lesioned in the same subjects (a patch) have the same value in every map. What is connected of
        a patch is a piece; it becomes one vertex, with the summed size. Nothing else changes: give the columns of the
        pieces as `inverse` to :func:`tfce_extremes`, and enhanced maps of pieces hold for all their voxels.

        Parameters
        ----------
        labels : array-like of shape (n_vertices,), int
            The column of values (the patch) of each vertex, from 0.

        Returns
        -------
        graph : NeighborGraph
            Its vertices are the pieces, in the order of their first vertices.
        columns : ndarray of shape (n_pieces,), int32
            Label of each piece.
        pieces : ndarray of shape (n_vertices,), int32
            Piece of each vertex: ``maps_of_pieces[:, pieces]`` are maps of the vertices.

        Raises
        ------
        ValueError
            If there is not one label for each vertex, or the labels are no whole numbers.

        Examples
        --------
        >>> import numpy as np
        >>> from skfuse.permutation import NeighborGraph
        >>> line = NeighborGraph.from_mask(np.ones((1, 5), dtype=bool))
        >>> merged, columns, pieces = line.merge([0, 0, 1, 0, 0])
        >>> merged.sizes.tolist(), columns.tolist(), pieces.tolist()
        ([2.0, 1.0, 2.0], [0, 1, 0], [0, 0, 1, 2, 2])
        """
        from skfuse.permutation._graph_compiled import join_pieces, label_pieces, list_members

        labels = checked_columns(labels, self.n_vertices, "labels")
        n, n_nodes = self.n_vertices, self.n_vertices + self.n_hubs
        pieces, spare = np.empty(n_nodes, dtype=np.int32), np.empty(3 * n_nodes + 1, dtype=np.int32)
        members, starts, seen = spare[:n_nodes], spare[n_nodes : 2 * n_nodes + 1], spare[2 * n_nodes + 1 :]
        n_pieces = label_pieces(labels, self.indptr, self.indices, pieces, members)
        starts, seen, n_vertices = starts[: n_pieces + 1], seen[:n_pieces], n_pieces - self.n_hubs
        list_members(pieces, starts, members)
        columns, indptr = labels[members[starts[:n_vertices]]], np.zeros(n_pieces + 1, dtype=np.int32)
        del labels
        joined = (pieces, starts, members, self.indptr, self.indices, seen, indptr)
        join_pieces(*joined, np.empty(0, dtype=np.int32))  # counts only
        indices = np.empty(indptr[-1], dtype=np.int32)
        join_pieces(*joined, indices)
        sizes = np.zeros(n_vertices)
        np.add.at(sizes, pieces[:n], self.sizes)
        return NeighborGraph(indptr, indices, n_vertices, sizes), columns, pieces[:n]


def _checked_endpoints(endpoints, n_nodes):
    if endpoints.ndim != 2 or endpoints.shape[1] != 2 or len(endpoints) == 0 or endpoints.dtype.kind not in "iu":
        raise ValueError(
            f"`endpoints` has shape {endpoints.shape} and dtype {endpoints.dtype}, wanted (n_edges, 2) whole numbers: "
            "the two nodes of each edge."
        )
    wrong = (endpoints < 0).any(axis=1) | (endpoints >= n_nodes).any(axis=1) | (endpoints[:, 0] == endpoints[:, 1])
    if wrong.any():
        raise ValueError(
            f"{wrong.sum()} edges do not join two different nodes of 0 to {n_nodes - 1}, such as "
            f"{endpoints[wrong][0].tolist()}. Leave them out, or give the number of nodes."
        )
    distinct = len(np.unique(np.sort(endpoints, axis=1), axis=0))
    if distinct < len(endpoints):
        raise ValueError(
            f"{len(endpoints) - distinct} edges are listed more than once (direction does not count). List each once."
        )
    return endpoints


def _grid_graph(mask, most_axes):
    """Graph of the true cells of a grid; neighbors differ by 1 in at least one and at most `most_axes` coordinates."""
    mask = mask[_bounding_box(mask)]
    numbers = np.full(np.add(mask.shape, 2), -1, dtype=np.int32)  # a border of cells outside the mask
    inner = numbers[(slice(1, -1),) * mask.ndim]
    n = np.count_nonzero(mask)
    inner[mask] = np.arange(n, dtype=np.int32)
    numbers = numbers.ravel()
    cells = np.flatnonzero(numbers >= 0)
    strides = np.cumprod((np.array(mask.shape) + 2)[:0:-1])[::-1]
    steps = [step for step in product((-1, 0, 1), repeat=mask.ndim) if 0 < np.count_nonzero(step) <= most_axes]
    apart = [np.dot(step, [*strides, 1]) for step in steps]  # lowest first, so that each row comes out sorted
    indptr, indices = np.zeros(n + 1, dtype=np.int64), np.empty(n * len(steps), dtype=np.int32)
    n_found = 0
    for part in chunks(n, 8 * len(steps), _CHUNK_BYTES):
        neighbors = numbers[cells[part, None] + apart]
        there = neighbors >= 0
        indptr[part.start + 1 : part.stop + 1] = np.count_nonzero(there, axis=1)
        found = neighbors[there]
        indices[n_found : n_found + len(found)] = found
        n_found += len(found)
    indices.resize(n_found, refcheck=False)  # gives the rest back without a copy
    ones = np.broadcast_to(1.0, n)  # which takes no memory
    return NeighborGraph(_int32(np.cumsum(indptr, out=indptr)), indices, n, ones)


def _bounding_box(mask):
    """Slices of the smallest part of a grid that holds all its true cells."""
    others = [tuple(set(range(mask.ndim)) - {axis}) for axis in range(mask.ndim)]
    along = [np.flatnonzero(mask.any(axis=axes)) for axes in others]
    return tuple(slice(places[0], places[-1] + 1) for places in along)


def _matrix(starts, ends, n):
    return sparse.coo_array((np.ones(len(starts), dtype=bool), (starts, ends)), shape=(n, n))


def _graph_of(linked, n_vertices, sizes=None):
    """Graph of a symmetric boolean matrix whose rows from `n_vertices` on are hubs."""
    linked = sparse.coo_array(linked)
    off = linked.row != linked.col
    linked = sparse.csr_array(_matrix(linked.row[off], linked.col[off], linked.shape[0]))
    linked.sort_indices()
    sizes = np.ones(n_vertices) if sizes is None else sizes
    return NeighborGraph(_int32(linked.indptr), _int32(linked.indices), n_vertices, sizes)


def _int32(places):
    if len(places) and places[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"The graph has {places[-1]} pairs of neighbors, more than 2^31. Choose a smaller mask.")
    return places.astype(np.int32)
