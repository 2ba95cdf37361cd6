"""Communities of a network by the method of Louvain, on dense matrices."""

import numpy as np

_GAIN = 1e-12  # of the total weight: smaller gains are rounding, and could go in circles


def modularity_of(weights, labels):
    r"""Modularity :math:`Q = \sum_c \left(\frac{w_c}{2m} - \left(\frac{s_c}{2m}\right)^2\right)` of a partition.

    Parameters
    ----------
    weights : ndarray of shape (n_nodes, n_nodes)
        Symmetric, at least 0.
    labels : ndarray of shape (n_nodes,), int
        Community of each node, from 0.

    Returns
    -------
    Q : float
        0 for a network without edges.
    """
    total = weights.sum()
    if not total > 0:
        return 0.0
    members = np.eye(labels.max() + 1)[labels]
    inside = np.einsum("ic,ic->c", members, weights @ members)
    strengths = members.T @ weights.sum(axis=1)
    return float((inside / total - (strengths / total) ** 2).sum())


def louvain(weights, orders):
    """The best of several partitions that the method of Louvain finds [1]_.

    Parameters
    ----------
    weights : ndarray of shape (n_nodes, n_nodes)
        Symmetric, at least 0.
    orders : ndarray of shape (n_starts, n_nodes)
        In which order the nodes are visited, a row for each start.

    Returns
    -------
    labels : ndarray of shape (n_nodes,), int
        Community of each node, numbered by first member.
    Q : float
        Its modularity.

    References
    ----------
    .. [1] V. D. Blondel et al. J Stat Mech (2008), P10008. https://doi.org/10.1088/1742-5468/2008/10/P10008
    """
    best, labels = -np.inf, None
    for order in orders:
        found = _one_start(weights, order)
        value = modularity_of(weights, found)
        if value > best + 1e-12:
            best, labels = value, found
    return labels, best


def _one_start(weights, order):
    labels, level = np.arange(len(weights)), weights
    while True:
        visited = order if len(level) == len(weights) else range(len(level))
        moved = _moved(level, visited)
        labels = moved[labels]
        if moved.max() + 1 == len(level):
            return labels
        members = np.eye(moved.max() + 1)[moved]
        level = members.T @ level @ members


def _moved(weights, order):
    """Move nodes to the community that gains most, until none does; communities numbered by first member."""
    n, total = len(weights), weights.sum()
    labels, strengths = np.arange(n), weights.sum(axis=1)
    to_community, of_community = weights.copy(), strengths.copy()
    anything = total > 0
    while anything:
        anything = False
        for node in order:
            old = labels[node]
            own = weights[node, node]
            gain = to_community[node] - strengths[node] * of_community / total
            stay = to_community[node, old] - own - strengths[node] * (of_community[old] - strengths[node]) / total
            gain[old] = stay
            new = int(gain.argmax())
            if gain[new] > stay + _GAIN * total:
                to_community[:, old] -= weights[:, node]
                to_community[:, new] += weights[:, node]
                of_community[old] -= strengths[node]
                of_community[new] += strengths[node]
                labels[node] = new
                anything = True
    _, first, numbers = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[numbers]
