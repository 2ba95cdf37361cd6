"""The exact fusion of NumPy arrays: sparse transitions, dense networks kept as panels, compiled products."""

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs


def fuse_in_panels(networks, transitions, present, weights, *, n_iter, tol, alpha, half_diagonal, n_jobs=None):
    """Iterate similarity network fusion and average the modalities.

    Parameters
    ----------
    networks : list of ndarray of shape (n_subjects, n_subjects)
        Symmetric P of each modality, at least two, zero for who lacks it. The list is emptied on the way, so that
        the memory of each matrix is free once its copy in panels is made.
    transitions : list of (indices, weights)
        Entries of each row of S, (n_subjects, n_neighbors) each.
    present : ndarray of shape (n_subjects, n_modalities), dtype bool
    weights : ndarray of shape (n_modalities,)
        Of the modalities.
    n_iter, tol, alpha : int, float or None, float
        As in :func:`skfuse.similarity.fuse_affinities`.
    half_diagonal : bool
        Which recursion.
    n_jobs : int or None
        Threads.

    Returns
    -------
    fused : ndarray of shape (n_subjects, n_subjects)
        Weighted mean over the modalities that a pair shares; 0 where it shares none.
    n_iter_done : int
    """
    n = len(present)
    codes, pattern, factors, final = _patterns(present, weights)
    states = []
    while networks:
        states.append(_to_panels(networks.pop(0)))
    pattern = _padded(pattern, states[0].shape[1])
    S = [_padded_transition(indices, values, states[0].shape[1]) for indices, values in transitions]
    total = _weighted_sum(states, weights)
    before = total / total.sum() if tol is not None else None
    done = 0
    for done in range(1, n_iter + 1):  # noqa: B007
        for position, (P, (indices, values)) in enumerate(zip(states, S, strict=True)):
            _step(P, total, weights[position], factors[position], pattern, indices, values, n_jobs)
            if half_diagonal:
                _half_diagonal(P, present[:, position])
            else:
                _add_to_diagonal(P, alpha * present[:, position])
        _weighted_sum(states, weights, out=total)
        if tol is not None:
            after = total / total.sum()
            change = np.linalg.norm(after - before) / np.linalg.norm(after)
            before = after
            if change < tol:
                break
    del states, before
    row = final[:, pattern]  # (n_patterns, N): the factor of each column, for a row of each pattern
    for panel in range(len(total)):
        columns = slice(panel * total.shape[2], (panel + 1) * total.shape[2])
        total[panel] *= row[pattern, columns] if len(codes) > 1 else final[0, 0]
    return _from_panels(total, n), done


def _patterns(present, weights):
    """Who shares what, by missing pattern.

    Returns the patterns (n_patterns, n_modalities), the pattern of each subject, per modality the inverse total weight
    of the other modalities that two patterns share with it (0 where there is none), and that of all they share.
    """
    codes, pattern = np.unique(present, axis=0, return_inverse=True)
    shared = np.einsum("gv,hv->ghv", codes, codes) * weights
    final = shared.sum(axis=2)
    factors = []
    for position in range(len(weights)):
        others = np.where(codes[:, None, position] & codes[None, :, position], final - shared[:, :, position], 0.0)
        others[others < 1e-12 * weights.max()] = 0.0  # no weight but that of rounding
        factors.append(np.divide(1.0, others, out=np.zeros_like(others), where=others > 0))
    return codes, pattern.ravel(), factors, np.divide(1.0, final, out=np.zeros_like(final), where=final > 0)


def _step(P, total, weight, factors, pattern, indices, values, n_jobs):
    """P <- S Q S^T where P lies: S Q, transposed, is multiplied by S once more, and the result is symmetric."""
    from skfuse.similarity._fusion_compiled import mirror, multiply_lower, multiply_mean_of_others, transpose

    shares = _shares(len(P), effective_n_jobs(n_jobs))
    _each(
        shares,
        n_jobs,
        lambda panels: multiply_mean_of_others(P, total, weight, factors, pattern, indices, values, panels),
    )
    _each(shares, n_jobs, lambda panels: transpose(P, panels))
    _each(shares, n_jobs, lambda panels: multiply_lower(P, indices, values, panels))
    _each(shares, n_jobs, lambda panels: mirror(P, panels))


def _each(shares, n_jobs, function):
    if len(shares) == 1:
        function(shares[0])
    else:
        Parallel(n_jobs=n_jobs, prefer="threads")(delayed(function)(share) for share in shares)


def _shares(n_panels, n_threads):
    """Panels of each thread, dealt in turn: those of the second product become shorter from first to last."""
    n_threads = max(1, min(n_threads, n_panels))
    return [np.arange(start, n_panels, n_threads) for start in range(n_threads)]


def _to_panels(matrix):
    from skfuse.similarity._fusion_compiled import WIDTH

    n = len(matrix)
    n_panels = -(-n // WIDTH)
    panels = np.zeros((n_panels, n_panels * WIDTH, WIDTH))
    for panel in range(n_panels):
        columns = matrix[:, panel * WIDTH : (panel + 1) * WIDTH]
        panels[panel, :n, : columns.shape[1]] = columns
    return panels


def _from_panels(panels, n):
    matrix = np.empty((n, n))
    width = panels.shape[2]
    for panel in range(len(panels)):
        columns = matrix[:, panel * width : (panel + 1) * width]
        columns[...] = panels[panel, :n, : columns.shape[1]]
    return matrix


def _padded(vector, size):
    return np.concatenate([vector, np.zeros(size - len(vector), dtype=vector.dtype)]).astype(np.intp)


def _padded_transition(indices, values, size):
    more = size - len(indices)
    indices = np.vstack([indices, np.zeros((more, indices.shape[1]), dtype=np.intp)]).astype(np.intp)
    return indices, np.vstack([values, np.zeros((more, values.shape[1]))])


def _weighted_sum(states, weights, out=None):
    out = np.empty_like(states[0]) if out is None else out
    for panel in range(len(out)):
        np.multiply(states[0][panel], weights[0], out=out[panel])
        for P, weight in zip(states[1:], weights[1:], strict=True):
            out[panel] += weight * P[panel]
    return out


def _diagonal(P):
    """Positions of the diagonal in panels: (panel, row, column)."""
    _, size, width = P.shape
    rows = np.arange(size)
    return rows // width, rows, rows % width


def _add_to_diagonal(P, values):
    panel, row, column = (place[: len(values)] for place in _diagonal(P))
    P[panel, row, column] += values


def _half_diagonal(P, present):
    diagonal = tuple(place[: len(present)] for place in _diagonal(P))
    P[diagonal] = 0.0
    sums = sum(panel.sum(axis=1) for panel in P)
    half = np.divide(0.25, sums, out=np.zeros_like(sums), where=sums > 0)
    for panel in range(len(P)):
        P[panel] *= half[:, None] + half[panel * P.shape[2] : (panel + 1) * P.shape[2]]
    P[diagonal] = 0.5 * present
