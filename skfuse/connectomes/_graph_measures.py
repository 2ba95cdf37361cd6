"""Measures of weighted undirected networks, many networks at a time.

Every function takes symmetric matrices (n_subjects, n_nodes, n_nodes) of weights of at least 0 with a diagonal of 0.
"""

import numpy as np
from scipy.sparse.csgraph import shortest_path


def strength(weights):
    """Sum of the weights of each node."""
    return weights.sum(axis=2)


def degree(weights):
    """Number of edges of each node."""
    return np.count_nonzero(weights, axis=2).astype(np.float64)


def clustering(weights):
    r"""Weighted clustering coefficient of Onnela et al. [1]_.

    :math:`C_i = \frac{1}{k_i (k_i - 1)} \sum_{jh} (\hat w_{ij} \hat w_{jh} \hat w_{hi})^{1/3}`, weights divided by the
    largest of the network; 0 for nodes of fewer than two edges.

    References
    ----------
    .. [1] J.-P. Onnela et al. Phys Rev E 71 (2005), 065103. https://doi.org/10.1103/PhysRevE.71.065103
    """
    largest = weights.max(axis=(1, 2), keepdims=True)
    roots = np.cbrt(weights / np.where(largest > 0, largest, 1.0))
    triangles = ((roots @ roots) * roots).sum(axis=2)
    k = degree(weights)
    pairs = k * (k - 1.0)
    return np.divide(triangles, pairs, out=np.zeros_like(triangles), where=pairs > 0)


def shortest_paths(weights):
    """Length of the shortest path between nodes, an edge being as long as 1 / weight; infinite where there is none."""
    distances = np.empty_like(weights)
    for one, out in zip(weights, distances, strict=True):
        lengths = np.divide(1.0, one, out=np.zeros_like(one), where=one > 0)  # 0 is no edge
        out[:] = shortest_path(lengths, directed=False)
    return distances


def nodal_efficiency(distances):
    """Mean of 1 / length of the shortest paths from each node to the others; 0 where there is none."""
    return _inverse(distances).sum(axis=2) / (distances.shape[1] - 1.0)


def global_efficiency(distances):
    """Mean of 1 / length over all pairs of nodes."""
    return nodal_efficiency(distances).mean(axis=1)


def path_length(distances):
    """Mean length of the shortest paths over pairs of nodes that have one; NaN where no pair does."""
    there = np.isfinite(distances)
    n_nodes = distances.shape[1]
    pairs = there.sum(axis=(1, 2)) - n_nodes
    total = np.where(there, distances, 0.0).sum(axis=(1, 2))
    return np.divide(total, pairs, out=np.full(len(distances), np.nan), where=pairs > 0)


def _inverse(distances):
    return np.divide(1.0, distances, out=np.zeros_like(distances), where=distances > 0)


def betweenness(weights):
    """Share of the shortest paths between two other nodes that pass a node, by networkx; loops in Python, thus slow."""
    import networkx

    out = np.empty(weights.shape[:2])
    for number, matrix in enumerate(weights):
        graph = networkx.Graph()
        graph.add_nodes_from(range(len(matrix)))
        rows, columns = np.nonzero(np.triu(matrix, k=1))
        graph.add_weighted_edges_from(
            ((i, j, 1.0 / matrix[i, j]) for i, j in zip(rows.tolist(), columns.tolist(), strict=True)), weight="length"
        )
        found = networkx.betweenness_centrality(graph, weight="length")
        out[number] = [found[node] for node in range(len(matrix))]
    return out


def strongest(weights, density):
    """The share `density` of all pairs of nodes whose edges weigh most, others 0; the first of equal ones is kept.

    Parameters
    ----------
    weights : ndarray of shape (n_subjects, n_nodes, n_nodes)
    density : float
        Above 0, at most 1; a network that has fewer edges keeps those it has.

    Returns
    -------
    weights : ndarray of shape (n_subjects, n_nodes, n_nodes)
    """
    n_nodes = weights.shape[1]
    rows, columns = np.triu_indices(n_nodes, k=1)
    kept = max(1, round(density * len(rows)))
    order = np.argsort(-weights[:, rows, columns], axis=1, kind="stable")[:, :kept]
    out = np.zeros_like(weights)
    subject = np.arange(len(weights))[:, None]
    i, j = rows[order], columns[order]
    out[subject, i, j] = out[subject, j, i] = weights[subject, i, j]
    return out
