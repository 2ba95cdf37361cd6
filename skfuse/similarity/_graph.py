"""The fused network as a graph."""

import numpy as np
from scipy import sparse

from skfuse._backend import largest_per_row


def strongest_edges(affinity, n_neighbors):
    """Sparse symmetric graph with the `n_neighbors` strongest edges of each subject.

    Parameters
    ----------
    affinity : ndarray of shape (n_subjects, n_subjects)
    n_neighbors : int

    Returns
    -------
    graph : csr_array of shape (n_subjects, n_subjects)
        Without diagonal; an edge stays if one of its ends keeps it.
    """
    n = len(affinity)
    off = affinity.copy()
    np.fill_diagonal(off, -1.0)
    kept = largest_per_row(off, min(n_neighbors, n - 1), np) & (off > 0)
    kept |= kept.T
    rows, columns = np.nonzero(kept)
    return sparse.csr_array((affinity[kept], (rows, columns)), shape=(n, n))


def as_graph(estimator, n_neighbors):
    """A networkx graph of the training subjects of a fitted estimator."""
    import networkx

    if n_neighbors < 1:
        raise ValueError(f"`n_neighbors` must be at least 1, got {n_neighbors}: a graph needs edges.")
    if hasattr(estimator, "affinity_"):
        graph = strongest_edges(estimator.affinity_, n_neighbors)
    else:
        found = estimator.operator_.nearest_graph(n_neighbors).tocoo()
        n, kept = estimator.n_subjects_, estimator._kept
        graph = sparse.csr_array((found.data, (kept[found.row], kept[found.col])), shape=(n, n))
    result = networkx.from_scipy_sparse_array(graph)
    if hasattr(estimator, "labels_"):
        networkx.set_node_attributes(result, {i: int(label) for i, label in enumerate(estimator.labels_)}, "cluster")
    return result
