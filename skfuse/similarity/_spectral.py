"""Spectral coordinates of a network, the partition they show, and how many clusters there are."""

import numpy as np
from scipy.linalg import eigh, qr, svd
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from sklearn.cluster import KMeans

from skfuse.similarity._eigenvectors import leading_eigenvectors

_DENSE = 600  # up to here a full solver is as fast as Lanczos


def spectral_coordinates(network, n_components):
    """Leading eigenvectors of the random walk on a network, the constant one left out.

    Parameters
    ----------
    network : ndarray of shape (n_subjects, n_subjects)
        Symmetric, non-negative, every row sum positive.
    n_components : int
        At most ``n_subjects - 1``.

    Returns
    -------
    values : ndarray of shape (n_components,)
        Eigenvalues of D^-1/2 W D^-1/2 after the first, from large to small.
    coordinates : ndarray of shape (n_subjects, n_components)
        Right eigenvectors of D^-1 W: mean 0 and variance 1 under the weights D. The sum of cubes is positive.
    """
    n = len(network)
    if n_components == 0:
        return np.empty(0), np.empty((n, 0))
    root = np.sqrt(network.sum(axis=1))
    first = root / np.linalg.norm(root)
    if n <= _DENSE or n_components > n // 4:
        matrix = network / root[:, None] / root - np.outer(first, first)
        values, vectors = eigh((matrix + matrix.T) / 2, subset_by_index=[n - n_components, n - 1])
    else:
        inverse = 1.0 / root

        def multiply(x):
            x = np.asarray(x).reshape(-1)
            return inverse * (network @ (inverse * x)) - first * (first @ x)

        start = np.random.default_rng(0).normal(size=n)  # any start gives the same answer at this tolerance
        operator = LinearOperator((n, n), matvec=multiply, dtype=np.float64)
        try:
            values, vectors = eigsh(operator, n_components, which="LA", v0=start, tol=1e-12)
        except ArpackNoConvergence:  # nearly equal eigenvalues: slower, but sure
            matrix = network / root[:, None] / root - np.outer(first, first)
            values, vectors = eigh((matrix + matrix.T) / 2, subset_by_index=[n - n_components, n - 1])
    order = np.argsort(-values, kind="stable")
    return values[order], as_coordinates(vectors[:, order], root)


def operator_coordinates(operator, n_components, n_leading=None, random_state=None):
    """The same for a network that is known by its products.

    Parameters
    ----------
    operator : FusedOperator
    n_components : int
    n_leading : int or None
        Number of clusters that matters, if it is known.
    random_state : int, RandomState or None
        Start of the iteration.

    Returns
    -------
    values : ndarray of shape (n_components,)
    coordinates : ndarray of shape (n_subjects, n_components)
    """
    if n_components == 0:
        return np.empty(0), np.empty((operator.shape[0], 0))
    # Eigenvectors beyond the clusters lie at the edge of a flat spectrum: a smaller residual would take many products.
    values, vectors = leading_eigenvectors(
        operator, n_components + 1, n_leading=n_leading, tol=1e-3, random_state=random_state
    )
    root = np.sqrt(operator.row_sums)
    constant = vectors.T @ (root / np.linalg.norm(root))
    left, mixing = np.linalg.eigh(np.diag(values) - np.outer(constant, constant))  # the constant one is taken out
    order = np.argsort(-left)[:n_components]
    return left[order], as_coordinates(vectors @ mixing[:, order], root)


def as_coordinates(vectors, root):
    """Eigenvectors of D^-1/2 W D^-1/2, ``root`` the square roots of D, as coordinates of the random walk."""
    coordinates = vectors * (np.linalg.norm(root) / root)[:, None]
    signs = np.where(np.sum(coordinates**3, axis=0) < 0, -1.0, 1.0)
    return coordinates * signs


def partition(coordinates, n_clusters):
    """Cluster spectral coordinates: k-means from the start that a pivoted QR factorization gives [1]_.

    Nothing is random, and the order of the subjects does not matter.

    Parameters
    ----------
    coordinates : ndarray of shape (n_subjects, at least n_clusters - 1)
        From :func:`spectral_coordinates`.
    n_clusters : int

    Returns
    -------
    labels : ndarray of shape (n_subjects,)
        From 0, the largest cluster first.

    References
    ----------
    .. [1] A. Damle, V. Minden, L. Ying. Simple, direct and efficient multi-way spectral clustering. Information and
       Inference 8, 181 (2019). https://doi.org/10.1093/imaiai/iay008
    """
    n = len(coordinates)
    if n_clusters == 1:
        return np.zeros(n, dtype=np.int64)
    points = np.column_stack([np.ones(n), coordinates[:, : n_clusters - 1]])
    start = np.argmax(np.abs(points @ qr_rotation(points)), axis=1)
    centers = np.array(
        [points[start == k].mean(axis=0) if (start == k).any() else points[k] for k in range(n_clusters)]
    )
    labels = KMeans(n_clusters, init=centers, n_init=1, tol=0.0, max_iter=500).fit(points).labels_
    return by_size(labels)


def qr_rotation(points):
    """Rotation (k, k) that brings each of the k most independent subjects near an axis."""
    k = points.shape[1]
    pivots = qr(points.T, pivoting=True, mode="r")[1][:k]
    u, _, vt = svd(points[pivots].T, full_matrices=False)
    return u @ vt


def by_size(labels):
    """Renumber labels from 0, the largest cluster first; among equals the one of the first subject."""
    found, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -counts))
    places = np.empty(len(found), dtype=np.int64)
    places[order] = np.arange(len(found))
    return places[inverse.ravel()]


def cluster_scores(values, coordinates):
    r"""How well each number of clusters fits, by the rules that are in use.

    Parameters
    ----------
    values : ndarray of shape (n_components,)
        Eigenvalues after the first, from large to small.
    coordinates : ndarray of shape (n_subjects, n_components)
        With them.

    Returns
    -------
    scores : dict of str to dict of int to float
        ``"eigengap"``: :math:`\lambda_k - \lambda_{k+1}`, large is good (SNFtool 2.3). ``"nemo"``: that gap times *k*
        (NEMO). ``"rotation"``: what is left over after the best rotation of the eigenvectors, small is good [1]_.

    References
    ----------
    .. [1] L. Zelnik-Manor, P. Perona. Self-tuning spectral clustering. NeurIPS 17 (2004).
    """
    candidates = range(2, len(values) + 1)
    eigenvalues = np.concatenate([[1.0], values])
    gaps = {k: float(eigenvalues[k - 1] - eigenvalues[k]) for k in candidates}
    return {
        "eigengap": gaps,
        "nemo": {k: k * gap for k, gap in gaps.items()},
        "rotation": {k: rotation_cost(coordinates[:, : k - 1]) for k in candidates},
    }


def rotation_cost(coordinates, n_rounds=30):
    """Mean over subjects of sum of squares over the largest square, after rotation: 1 where each lies on an axis.

    Parameters
    ----------
    coordinates : ndarray of shape (n_subjects, k - 1)

    Returns
    -------
    cost : float
        Between 1 and k.
    """
    points = np.column_stack([np.ones(len(coordinates)), coordinates])
    rotation = qr_rotation(points)  # of points of different length, so that the order of the rows decides nothing
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    rotated = points @ rotation
    for _ in range(n_rounds):  # to the nearest axis, then the rotation that fits best, in turn
        axes = np.zeros_like(rotated)
        place = np.argmax(rotated, axis=1)
        axes[np.arange(len(rotated)), place] = 1.0
        u, _, vt = svd(points.T @ axes)
        new = points @ (u @ vt)
        if np.allclose(new, rotated, atol=1e-12):
            break
        rotated = new
    squares = rotated**2
    return float(np.mean(squares.sum(axis=1) / squares.max(axis=1)))


def choose(scores, rule):
    """The best number of clusters by one rule; among equals the smaller one, but the larger one by stability.

    Unions of clusters that are far apart are as stable as the clusters themselves.
    """
    values = scores[rule]
    if not values:
        return 1
    sign = 1.0 if rule == "rotation" else -1.0
    later = -1 if rule == "stability" else 1
    return min(values, key=lambda k: (sign * round(values[k], 12), later * k))


def sparse_eigenvalues(graph, n_values, random_state=0):
    """Largest eigenvalues of D^-1/2 W D^-1/2 for a sparse symmetric graph (n, n), from large to small."""
    n = graph.shape[0]
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    inverse = 1.0 / np.sqrt(np.where(degrees > 0, degrees, 1.0))
    matrix = graph.multiply(inverse[:, None]).multiply(inverse).tocsr()
    if n <= _DENSE or n_values >= n - 1:
        return eigh(matrix.toarray(), eigvals_only=True, subset_by_index=[n - n_values, n - 1])[::-1]
    start = np.random.default_rng(random_state).normal(size=n)
    return np.sort(eigsh(matrix, n_values, which="LA", v0=start, return_eigenvectors=False, tol=1e-8))[::-1]
