"""Graph-based multi-view clustering (GMC): the alternating updates of its graphs, weights and embedding."""

import warnings
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from scipy.sparse.csgraph import connected_components
from sklearn.exceptions import ConvergenceWarning

from skfuse._backend import to_host
from skfuse.similarity._gmc_graphs import (
    Candidates,
    Neighbors,
    merge_components,
    project_to_simplex,
    split_by_embedding,
)
from skfuse.similarity._walks import sizes_by_modality


@dataclass(frozen=True)
class GMCResult:
    """What graph-based multi-view clustering found.

    Attributes
    ----------
    unified_graph : csr_array of shape (n_subjects, n_subjects)
        *U*; rows sum to 1, those of subjects without any modality are zero.
    labels : ndarray of shape (n_subjects,), int
        Cluster of each subject, 0 to ``n_clusters - 1`` by first appearance; -1 for subjects without any modality.
    modality_weights : ndarray of shape (n_modalities,)
        Learned weights, scaled to sum 1.
    modality_graphs : list of csr_array of shape (n_subjects, n_subjects)
        The learned graph of each modality.
    embedding : ndarray of shape (n_subjects, n_clusters)
        *F*: orthonormal eigenvectors of the smallest eigenvalues of the Laplacian of *U*.
    objective : ndarray of shape (n_iter,)
        Sum over modalities of the Frobenius norm of *U* minus the graph of the modality, after each iteration.
    n_iter : int
        Iterations done.
    n_components : int
        Connected components of *U*, subjects without any modality left out.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import gmc
    >>> points = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 12.0])
    >>> gmc([(points[:, None] - points) ** 2], n_clusters=2, n_neighbors=2).n_components
    2
    """

    unified_graph: sparse.csr_array
    labels: np.ndarray
    modality_weights: np.ndarray
    modality_graphs: list
    embedding: np.ndarray
    objective: np.ndarray
    n_iter: int
    n_components: int


def gmc(
    squared_distances,
    *,
    n_clusters,
    n_neighbors=15,
    n_iter=30,
    rank_penalty=1.0,
    tol=1e-10,
    present=None,
):
    r"""Learn one graph from several modalities, whose connected components are the clusters (GMC) [1]_.

    A graph :math:`S_v` for each modality, one unified graph *U*, the weights :math:`w_v` of the modalities and an
    embedding *F* take turns until *U* has `n_clusters` connected components:

    .. math:: \min_{S_v, U, F} \sum_v \Big( \sum_{ij} d_{v,ij}^2 s_{v,ij} + \sum_i \beta_{v,i} \lVert s_{v,i} \rVert^2
              + w_v \lVert U - S_v \rVert_F^2 \Big) + 2 \lambda \operatorname{tr}(F^\top L_U F), \quad
              w_v = \frac{1}{2 \lVert U - S_v \rVert_F},

    where rows of the graphs are non-negative and sum to 1, :math:`\beta_{v,i}` leaves `n_neighbors` neighbors, and
    :math:`F^\top F = I`. With :math:`g_{ij} = \lVert f_i - f_j \rVert^2`, a row of *U* is the projection of

    .. math:: \frac{1}{m} \sum_v \Big( s_{v,i} - \frac{\lambda}{2 m w_v} g_i \Big)

    on the simplex of its candidates, the neighbors in any modality. :math:`\lambda` doubles while *U* has too few
    components and halves when it has too many. Nothing is drawn at random.

    Missing modalities, for which the publication has no rule: a subject has no edges in the graph of a modality that
    it lacks, its row of *U* averages over the modalities that it has, and the norm in :math:`w_v`, taken over the
    subjects who have the modality, is scaled up to all.

    Parameters
    ----------
    squared_distances : list of ndarray of shape (n_subjects, n_subjects)
        Symmetric, one per modality. **Their scale matters**, since :math:`u_{ij}` stands beside them. The published
        program standardizes each *subject* over its features first. Rows and columns of who lacks a modality are not
        read.
    n_clusters : int
        Number of connected components wanted.
    n_neighbors : int or sequence of int, default=15
        Neighbors in the graph of each modality, one number for all or for each: exactly that many; at most two less
        than the subjects who have it.
    n_iter : int, default=30
        Largest number of iterations.
    rank_penalty : float, default=1.0
        Where :math:`\lambda` starts.
    tol : float, default=1e-10
        A sum of the smallest eigenvalues of the Laplacian below it counts as that many components.
    present : array-like of shape (n_subjects, n_modalities), dtype bool, or None
        Who has which modality; None means that everybody has all.

    Returns
    -------
    result : GMCResult
        Unified graph, labels, weights, graphs of the modalities, embedding, objective.

    Raises
    ------
    ValueError
        If the distances do not fit together, hold NaN, are negative or not symmetric, a modality has too few subjects
        for `n_neighbors`, or there are fewer subjects than clusters.

    Warns
    -----
    ConvergenceWarning
        If *U* does not have `n_clusters` components after `n_iter` iterations. Too few are then split by Ward's
        clustering of the rows of *F*; of too many, those with the smallest mean distance are joined.

    Notes
    -----
    All updates are those of the published program, with one exception. Its closed form of :math:`s_{v,i}` holds for
    sorted :math:`d_{v,ij}^2 - 2 w_v u_{ij}`, but it keeps the order of the distances, and then rows no longer sum to 1
    where :math:`2 w_v u_{ij}` is larger than differences of distances; here they are sorted. Like the program, the
    update of *U* takes the plain mean over modalities: weights act through :math:`\lambda / w_v` and the pull of *U* on
    :math:`S_v`.

    References
    ----------
    .. [1] H. Wang, Y. Yang and B. Liu. GMC: graph-based multi-view clustering. IEEE Transactions on Knowledge and Data
       Engineering 32, 1116 (2020). https://doi.org/10.1109/TKDE.2019.2903810

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import gmc
    >>> group = np.repeat([0.0, 20.0], 8)
    >>> rng = np.random.default_rng(0)
    >>> points = [group + rng.normal(size=16) for _ in range(2)]
    >>> result = gmc([(x[:, None] - x) ** 2 for x in points], n_clusters=2, n_neighbors=4)
    >>> result.labels
    array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1])
    """
    distances, present = _check(squared_distances, present)
    sizes = sizes_by_modality(n_neighbors, len(distances))
    _check_settings(n_clusters=n_clusters, n_neighbors=min(sizes), n_iter=n_iter, rank_penalty=rank_penalty)
    kept = np.flatnonzero(present.any(axis=1))
    if n_clusters > len(kept):
        raise ValueError(f"n_clusters={n_clusters} is more than the {len(kept)} subjects who have a modality.")
    n, (squares, inside) = len(present), _restrict(distances, present, kept)
    neighbors = [
        Neighbors(one, inside[:, v], size, v) for v, (one, size) in enumerate(zip(squares, sizes, strict=True))
    ]
    candidates = Candidates(neighbors, len(kept))
    found = _alternate(neighbors, candidates, inside, int(n_clusters), n_iter, float(rank_penalty), tol)
    U, graphs, weights, F, objective = found
    n_components, components = connected_components(candidates.matrix(U), directed=False)
    if n_components < n_clusters:
        components = split_by_embedding(F, n_clusters)
    elif n_components > n_clusters:
        components = merge_components(components, squares, inside, n_clusters)
    if n_components != n_clusters:
        _warn(n_components, n_clusters, len(objective))
    labels, embedding = np.full(n, -1), np.full((n, F.shape[1]), np.nan)
    labels[kept], embedding[kept] = _by_first_appearance(components), F
    return GMCResult(
        unified_graph=_as_graph(U, candidates, kept, n),
        labels=labels,
        modality_weights=weights / weights.sum(),
        modality_graphs=[_as_graph(S, candidates, kept, n) for S in graphs],
        embedding=embedding,
        objective=objective,
        n_iter=len(objective),
        n_components=int(n_components),
    )


def _check(squared_distances, present):
    distances = [to_host(squares) for squares in squared_distances]
    if not distances:
        raise ValueError("`squared_distances` is empty. Give one square array per modality.")
    n = len(distances[0])
    shapes = {squares.shape for squares in distances}
    if shapes != {(n, n)}:
        raise ValueError(f"All `squared_distances` must be square and of one size, got shapes {sorted(shapes)}.")
    wanted = (n, len(distances))
    present = np.ones(wanted, dtype=bool) if present is None else to_host(present).astype(bool)
    if present.shape != wanted:
        raise ValueError(f"`present` must have shape {wanted}, got {present.shape}.")
    return distances, present


def _check_settings(*, rank_penalty, **counts):
    for name, value in counts.items():
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"`{name}` must be a whole number of at least 1, got {value!r}.")
    if not 0 < rank_penalty < np.inf:
        raise ValueError(f"`rank_penalty` must be positive and finite, got {rank_penalty!r}.")


def _restrict(distances, present, kept):
    """Without subjects who have no modality."""
    if len(kept) == len(present):
        return distances, present
    return [squares[np.ix_(kept, kept)] for squares in distances], present[kept]


def _alternate(neighbors, candidates, present, n_clusters, n_iter, penalty, tol):
    """The updates of S, w, U, F and the penalty, in this order, until U has as many components as wanted."""
    n, places = len(present), [candidates.places(one) for one in neighbors]
    counts = present.sum(axis=1, keepdims=True)

    def spread(one, place, weights):
        S = np.zeros(candidates.columns.shape)
        S[one.rows[:, None], place] = weights
        return S

    graphs = [spread(one, place, one.graph()) for one, place in zip(neighbors, places, strict=True)]
    U = sum(graphs) / counts
    w = np.full(len(neighbors), 1.0 / len(neighbors))
    F, _ = _embed(candidates.matrix(U), n_clusters)
    objective = []
    for _ in range(n_iter):
        graphs = [
            spread(one, place, one.graph(2.0 * weight * U[one.rows[:, None], place]))
            for one, place, weight in zip(neighbors, places, w, strict=True)
        ]
        apart = np.array([np.linalg.norm((U - S)[one.rows]) for S, one in zip(graphs, neighbors, strict=True)])
        apart *= np.sqrt(n / present.sum(axis=0))
        w = 0.5 / np.maximum(apart, np.sqrt(np.finfo(np.float64).eps))
        objective.append(apart.sum())
        resistance = (present / w).sum(axis=1, keepdims=True) / (2.0 * counts**2)
        g = np.sum((F[:, None, :] - F[candidates.columns]) ** 2, axis=2)
        joined = candidates.valid & (sum(S > 0 for S in graphs) > 0)
        U = project_to_simplex(sum(graphs) / counts - penalty * resistance * g, joined)
        before = F
        F, values = _embed(candidates.matrix(U), n_clusters)
        if values[:n_clusters].sum() > tol:
            penalty *= 2.0
        elif len(values) > n_clusters and values.sum() < tol:
            penalty, F = penalty / 2.0, before
        else:
            break
    return U, graphs, w, F, np.array(objective)


def _embed(U, n_clusters):
    """Eigenvectors of the `n_clusters` smallest eigenvalues of the Laplacian of U, and one eigenvalue more."""
    laplacian = -(U + U.T) / 2.0
    laplacian[np.diag_indices(len(U))] -= laplacian.sum(axis=1)
    last = min(n_clusters, len(U) - 1)
    values, vectors = eigh(laplacian, subset_by_index=[0, last], overwrite_a=True, check_finite=False)
    return vectors[:, :n_clusters], values


def _as_graph(values, candidates, kept, n):
    rows, places = np.nonzero(candidates.valid & (values > 0))
    columns = candidates.columns[rows, places]
    return sparse.csr_array((values[rows, places], (kept[rows], kept[columns])), shape=(n, n))


def _by_first_appearance(labels):
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _warn(n_components, n_clusters, n_iter):
    few = n_components < n_clusters
    done = "Ward's clustering of the embedding split them" if few else "the nearest of them were joined"
    advice = "a larger `n_iter`, a smaller `n_neighbors`" if few else "a larger `n_neighbors`"
    warnings.warn(
        f"GMC ended after {n_iter} iterations with {n_components} connected components, {n_clusters} were wanted; "
        f"{done}. Try {advice} or another `n_clusters`.",
        ConvergenceWarning,
        stacklevel=3,
    )
