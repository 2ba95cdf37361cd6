"""How far many clusterings of the same subjects agree, and what groups they form."""

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import silhouette_score

from skfuse._chunks import chunks
from skfuse.similarity._spectral import by_size

#: Clusterings whose mean adjusted Rand index is at least this are one and the same.
SAME = 0.9
#: Mean silhouette up to which there is no substantial structure (Kaufman and Rousseeuw, Finding Groups in Data, 1990).
NO_STRUCTURE = 0.25
_MOST = 10  # groups of clusterings that are looked for
_CHUNK_BYTES = 2**27


def memberships(labels, dtype=np.float64):
    """One column per cluster of each clustering, 1 for its members.

    Parameters
    ----------
    labels : ndarray of int of shape (n_solutions, n_subjects)
        -1 for who is in no cluster.
    dtype : dtype

    Returns
    -------
    members : ndarray of shape (n_subjects, n_clusters_in_all)
    starts : ndarray of shape (n_solutions,)
        First column of each clustering.
    """
    counts = np.maximum(labels.max(axis=1) + 1, 1)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    members = np.zeros((labels.shape[1], counts.sum()), dtype=dtype)
    solution, subject = np.nonzero(labels >= 0)
    members[subject, starts[solution] + labels[solution, subject]] = 1
    return members, starts


def adjusted_rand_matrix(labels):
    """Adjusted Rand index of every pair of clusterings, over the subjects that both have in a cluster.

    All contingency tables come from one matrix product.

    Parameters
    ----------
    labels : ndarray of int of shape (n_solutions, n_subjects)
        From 0; -1 for who is in no cluster.

    Returns
    -------
    ari : ndarray of shape (n_solutions, n_solutions)
        1 on the diagonal; 0 for clusterings that share no two subjects.
    """
    members, starts = memberships(labels)
    ends = np.append(starts[1:], members.shape[1])
    labeled = (labels >= 0).astype(np.float64)
    n = labeled @ labeled.T
    within = members.T @ labeled.T  # size of each cluster among the subjects of each other clustering
    rows = np.add.reduceat(within * within, starts, axis=0)
    cells = np.empty((len(labels), len(labels)))
    for part in chunks(len(labels), 8 * members.shape[1] * np.max(ends - starts), _CHUNK_BYTES):
        tables = members[:, starts[part.start] : ends[part.stop - 1]].T @ members
        squares = np.add.reduceat(tables * tables, starts, axis=1)
        cells[part] = np.add.reduceat(squares, starts[part] - starts[part.start], axis=0)
    both, first_only, second_only = cells - n, rows - cells, rows.T - cells
    neither = n * n - rows - rows.T + cells
    above = 2.0 * (both * neither - first_only * second_only)
    below = (both + first_only) * (first_only + neither) + (both + second_only) * (second_only + neither)
    ari = np.divide(above, below, out=np.ones_like(above), where=below > 0)
    ari[n < 2] = 0.0
    np.fill_diagonal(ari, 1.0)
    return (ari + ari.T) / 2


def shared_clusters(labels):
    """Share of clusterings in which two subjects are together, among those that have both in a cluster.

    Parameters
    ----------
    labels : ndarray of int of shape (n_solutions, n_subjects)

    Returns
    -------
    share : ndarray of shape (n_subjects, n_subjects)
        NaN where no clustering has both.
    """
    members, _ = memberships(labels, dtype=np.float32)  # counts up to 2^24 are exact
    labeled = (labels >= 0).astype(np.float32)
    together, both = members @ members.T, labeled.T @ labeled
    return np.divide(together, both, out=np.full(both.shape, np.nan), where=both > 0, dtype=np.float64)


def meta_clusters(ari, n_meta_clusters="auto"):
    """Group clusterings by average linkage of one minus their adjusted Rand index.

    The number of groups is the one of the best silhouette among 2 to 10 whose groups differ: the last two that were
    merged have a mean index below .9. Without a silhouette above .25 all clusterings are one group.

    Parameters
    ----------
    ari : ndarray of shape (n_solutions, n_solutions)
    n_meta_clusters : int or "auto"

    Returns
    -------
    groups : ndarray of int of shape (n_solutions,)
        From 0, the largest group first.
    silhouettes : dict of int to float
        Of each number of groups that was looked at.
    """
    n = len(ari)
    if n == 1:
        return np.zeros(1, dtype=np.int64), {}
    distances = np.maximum(1.0 - ari, 0.0)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average")
    if n_meta_clusters != "auto":
        return by_size(fcluster(tree, n_meta_clusters, "maxclust")), {}
    silhouettes, found = {}, {1: np.ones(n, dtype=np.int64)}
    for k in range(2, min(_MOST, n - 1) + 1):
        groups = fcluster(tree, k, "maxclust")
        if tree[-(k - 1), 2] > 1.0 - SAME and len(np.unique(groups)) == k:
            found[k] = groups
            silhouettes[k] = float(silhouette_score(distances, groups, metric="precomputed"))
    best = max(silhouettes, key=lambda k: (round(silhouettes[k], 12), -k), default=1)
    if best > 1 and silhouettes[best] <= NO_STRUCTURE:
        best = 1
    return by_size(found[best]), silhouettes


def typicality(ari, groups):
    """Mean adjusted Rand index of each clustering with the others of its group; 1 for one that is alone."""
    same = groups[:, None] == groups
    np.fill_diagonal(same, False)
    counts = same.sum(axis=1)
    return np.where(counts > 0, np.where(same, ari, 0.0).sum(axis=1) / np.maximum(counts, 1), 1.0)


def medoids(typical, groups, n_labeled):
    """The most typical clustering of each group (n_groups,), among those that have the most subjects in a cluster."""
    order = np.lexsort((-np.round(typical, 12), -n_labeled, groups))
    return order[np.unique(groups[order], return_index=True)[1]]


def stability(parts, whole):
    """Agreement of clusterings of subsamples with that of all subjects, and with each other.

    Parameters
    ----------
    parts : ndarray of int of shape (n_subsamples, n_subjects)
        -1 for who is not in the subsample.
    whole : ndarray of int of shape (n_subjects,)

    Returns
    -------
    to_whole, pairwise : float
        Mean adjusted Rand index; NaN for `pairwise` where there is one subsample.
    """
    ari = adjusted_rand_matrix(np.vstack([whole, parts]))
    pairs = ari[1:, 1:][np.triu_indices(len(parts), 1)]
    return float(ari[0, 1:].mean()), float(pairs.mean()) if len(pairs) else np.nan
