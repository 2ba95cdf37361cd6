"""Clusters of a map: connected elements that exceed a threshold, with their extent and mass."""

from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from skfuse.permutation._map_checks import checked_maps, checked_sizes

#: Name of a measure -> whether it sums the excess over the threshold.
_MEASURES = {"extent": False, "mass": True, "intensity": True}


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of one map, as :func:`label_clusters` finds them.

    Attributes
    ----------
    labels : ndarray of shape (n_vertices,), int32
        Number of the cluster of each element, from 1; 0 outside all clusters.
    signs : ndarray of shape (n_clusters,), int
        1 for clusters of values above 0, which come first, and -1 for those below.
    extents : ndarray of shape (n_clusters,), float64
        Sum of the sizes of the elements: voxels, or edges.
    masses : ndarray of shape (n_clusters,), float64
        Sum of the absolute values, each less the threshold and times the size of its element.
    peaks : ndarray of shape (n_clusters,), int
        Element with the largest absolute value; the first of them.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import NeighborGraph, label_clusters
    >>> clusters = label_clusters([2.0, 3.0, 0.0, -5.0], NeighborGraph.from_mask(np.ones((2, 2), dtype=bool)), 1.0)
    >>> clusters.measured("mass").tolist(), clusters.peaks.tolist()
    ([3.0, 4.0], [1, 3])
    """

    labels: np.ndarray = field(repr=False)
    signs: np.ndarray
    extents: np.ndarray
    masses: np.ndarray
    peaks: np.ndarray = field(repr=False)

    def measured(self, measure):
        """Size of each cluster, never below 0.

        Parameters
        ----------
        measure : {"extent", "mass", "intensity"}
            As in :func:`cluster_extremes`.

        Returns
        -------
        measured : ndarray of shape (n_clusters,), float64
            The extents or the masses.
        """
        return self.masses if _sums_excess(measure) else self.extents


def label_clusters(values, graph, threshold, *, two_sided=True, sizes=None, inverse=None):
    """Find the clusters of a map: connected elements whose absolute value is above a threshold, each sign apart.

    Parameters
    ----------
    values : array-like of shape (n_vertices,)
        Map of a statistic, finite.
    graph : NeighborGraph
        Neighbors of each element.
    threshold : float
        In the unit of the values, at least 0; a value equal to it lies outside.
    two_sided : bool
        Whether values below 0 make clusters too.
    sizes : array-like of shape (n_vertices,) or None
        Instead of the sizes of the graph: what each element adds to the extent.
    inverse : array-like of shape (n_vertices,), int, or None
        Column of `values` that each element takes its value from, where elements share columns.

    Returns
    -------
    clusters : Clusters
        Labels, signs, extents, masses and peaks.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or the threshold is below 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import NeighborGraph, label_clusters
    >>> line = NeighborGraph.from_mask(np.ones((1, 6), dtype=bool))
    >>> clusters = label_clusters([3.0, 4.0, -3.5, 0.0, 2.5, 2.0], line, 2.0)
    >>> clusters.labels.tolist(), clusters.signs.tolist()
    ([1, 1, 3, 0, 2, 0], [1, 1, -1])
    >>> clusters.extents.tolist(), clusters.masses.tolist()
    ([2.0, 1.0, 1.0], [3.0, 0.5, 1.5])
    """
    from skfuse.permutation._clusters_compiled import label_components

    values = np.asarray(values)
    if values.ndim != 1:
        raise ValueError(f"`values` has shape {values.shape}, wanted one map. Label one map at a time.")
    maps, columns = checked_maps(values[np.newaxis], graph, inverse)
    sizes, threshold = checked_sizes(sizes, graph), _checked_threshold(threshold)
    n, n_nodes = graph.n_vertices, graph.n_vertices + graph.n_hubs
    labels, marks, queue = np.zeros(n, np.int32), np.zeros(n_nodes, np.int32), np.empty(n_nodes, np.int32)
    n_above, n_below = label_components(
        maps[0], columns, graph.indptr, graph.indices, n, threshold, 1 + bool(two_sided), marks, queue, labels
    )
    inside = np.flatnonzero(labels)
    numbers, heights = labels[inside] - 1, np.abs(maps[0, columns[inside]].astype(np.float64))
    n_clusters = n_above + n_below
    order = np.lexsort((-heights, numbers))
    return Clusters(
        labels=labels,
        signs=np.repeat([1, -1], [n_above, n_below]),
        extents=np.bincount(numbers, weights=sizes[inside], minlength=n_clusters),
        masses=np.bincount(numbers, weights=sizes[inside] * (heights - threshold), minlength=n_clusters),
        peaks=inside[order][np.searchsorted(numbers[order], np.arange(n_clusters))],
    )


def cluster_extremes(values, graph, threshold, *, measure="extent", two_sided=True, sizes=None, inverse=None):
    """Largest cluster of each map, above 0 and below.

    Parameters
    ----------
    values : array-like of shape (n_maps, n_columns), float32 or float64
        Maps of permuted targets, say.
    graph : NeighborGraph
        Neighbors of each element; with patches the smaller one of :meth:`NeighborGraph.merge`.
    threshold : float
        In the unit of the values, at least 0; a value equal to it lies outside.
    measure : {"extent", "mass", "intensity"}
        ``"extent"`` is the sum of the sizes: voxels, or edges. ``"mass"`` is the sum of the absolute values, each less
        the threshold and times the size of its element, as in nilearn [1]_. ``"intensity"`` is the word of the
        network-based statistic for the same sum [2]_ (its manual speaks of the sum of the values; its code subtracts
        the threshold).
    two_sided : bool
        Whether values below 0 make clusters too.
    sizes : array-like of shape (n_vertices,) or None
        Instead of the sizes of the graph.
    inverse : array-like of shape (n_vertices,), int, or None
        Column of `values` of each element.

    Returns
    -------
    extremes : ndarray of shape (n_maps, 2), float64
        The largest measure of the clusters above 0, and minus the largest of those below; 0 where there is none.

    Raises
    ------
    ValueError
        As :func:`label_clusters`, or if the measure is unknown.

    References
    ----------
    .. [1] E. T. Bullmore et al. IEEE Trans Med Imaging 18 (1999), 32-42. https://doi.org/10.1109/42.750253
    .. [2] A. Zalesky et al. NeuroImage 53 (2010), 1197-1207. https://doi.org/10.1016/j.neuroimage.2010.06.041

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import NeighborGraph, cluster_extremes
    >>> line = NeighborGraph.from_mask(np.ones((1, 6), dtype=bool))
    >>> cluster_extremes([[3.0, 4.0, -3.5, 0.0, 2.5, 2.0]], line, 2.0, measure="mass").tolist()
    [[3.0, -1.5]]
    """
    from skfuse.permutation._clusters_compiled import largest_components

    maps, columns = checked_maps(np.asarray(values), graph, inverse)
    sizes, threshold, by_mass = checked_sizes(sizes, graph), _checked_threshold(threshold), _sums_excess(measure)
    n_nodes = graph.n_vertices + graph.n_hubs
    marks, queue, largest = np.zeros(n_nodes, np.int32), np.empty(n_nodes, np.int32), np.zeros((len(maps), 2))
    largest_components(
        maps,
        columns,
        graph.indptr,
        graph.indices,
        sizes,
        threshold,
        by_mass,
        1 + bool(two_sided),
        marks,
        queue,
        largest,
    )
    return largest


def _sums_excess(measure):
    if measure not in _MEASURES:
        raise ValueError(f"`measure` must be one of {list(_MEASURES)}, got {measure!r}.")
    return _MEASURES[measure]


def _checked_threshold(threshold):
    if not isinstance(threshold, Real) or not 0 <= threshold < np.inf:
        raise ValueError(
            f"`threshold` must be a finite number of at least 0 in the unit of the map, got {threshold!r}."
        )
    return float(threshold)
