"""Weights of the modalities that are learned from the modalities themselves."""

import numpy as np

from skfuse.similarity._spectral import sparse_eigenvalues


def learned_weights(transitions, *, n_candidates=10, random_state=0):
    r"""Weigh each modality by how clearly it falls into clusters of its own.

    .. math:: a_v \propto \max_{2 \le k \le 10} \lambda_k^{(v)} - \lambda_{k+1}^{(v)},

    with :math:`\lambda^{(v)}` the eigenvalues of the symmetric nearest-neighbor graph of modality *v*, normalized by
    its degrees. By the theorem of Davis and Kahan [1]_ the eigenvectors that show the clusters are the more stable
    under noise, the larger this gap. The rule looks at one modality at a time: one that disagrees with all others but
    has clusters of its own keeps its weight, which rules of agreement would take from it; a shared artefact of the
    sites counts as
    structure, and so keeps its weight too.

    Parameters
    ----------
    transitions : list of sparse arrays of shape (n_present, n_present)
        S of each modality, among the subjects who have it.
    n_candidates : int, default=10
        Largest number of clusters looked at.
    random_state : int
        Start of the eigensolver.

    Returns
    -------
    weights : ndarray of shape (n_modalities,)
        They sum to 1; all alike if no modality has a gap.

    References
    ----------
    .. [1] U. von Luxburg. A tutorial on spectral clustering. Statistics and Computing 17, 395 (2007).
       https://doi.org/10.1007/s11222-007-9033-z
    """
    gaps = np.array([_largest_gap(S, n_candidates, random_state) for S in transitions])
    return gaps / gaps.sum() if gaps.sum() > 1e-12 else np.full(len(gaps), 1.0 / len(gaps))


def _largest_gap(S, n_candidates, random_state):
    graph = (S + S.T) / 2
    eigenvalues = sparse_eigenvalues(graph, min(n_candidates + 1, graph.shape[0]), random_state)
    gaps = eigenvalues[1:-1] - eigenvalues[2:]
    return max(float(gaps.max(initial=0.0)), 0.0)
