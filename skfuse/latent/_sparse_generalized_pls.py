r"""Sparse generalized canonical correlation in its covariance form: components of blocks that covary with an outcome.

Blocks :math:`X_j` (rows 0 where a subject lacks one) and an outcome :math:`Y` have weights of unit length, at most
:math:`k_j` of which are not 0, that maximize

.. math:: \sum_{j<k} c_{jk} \operatorname{cov}_{jk}(X_j w_j, X_k w_k) + \sum_j \operatorname{cov}_j(X_j w_j, Y v),

where a covariance is taken over the subjects who have both sides. In one block the objective is linear, so the best
weights given all others are the :math:`k_j` largest entries of the gradient, at unit length: each step climbs, and the
number of features is exact. A soft threshold that keeps as many has no objective of its own that would climb.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr

_ZERO = 1e-12  # gradients below are rounding: blocks have total variance 1
_POWER_ROUNDS = 10
_DIGITS = 10  # entries of a gradient that agree so far are ties, taken in the order of the columns


@dataclass
class Components:
    """Solution of :func:`sparse_generalized_pls`, one row per component.

    Attributes
    ----------
    weights, loadings, rotations : list of ndarray of shape (n_components, n_features_of_block)
        Unit vectors on the deflated blocks; regressions of the blocks on their variates; vectors that give the variates
        from the blocks as they were.
    outcome_weights : ndarray of shape (n_components, n_outcomes)
    paths : list of ndarray
        Objective after each round, of each component.
    gap : float
        Largest change of a weight vector in the last round.
    n_iter : int
        Most rounds that a component took.
    """

    weights: list
    loadings: list
    rotations: list
    outcome_weights: np.ndarray
    paths: list
    gap: float
    n_iter: int


def sparse_generalized_pls(blocks, has, outcome, *, n_kept, design, n_components, max_iter=10_000, tol=1e-10):
    """Components of blocks that covary with an outcome, and with each other [1]_, [2]_.

    Parameters
    ----------
    blocks : list of ndarray of shape (n_subjects, n_features_of_block)
        Centered over the subjects who have the block, rows of 0 for the others. Each counts with total variance 1.
    has : ndarray of shape (n_subjects, n_blocks), dtype bool
        Who has which block.
    outcome : ndarray of shape (n_subjects, n_outcomes)
        In standard deviations.
    n_kept : list of int
        Features with a weight, of each block.
    design : ndarray of shape (n_blocks, n_blocks)
        Symmetric, between 0 and 1: how much the covariance of two blocks counts, that with the outcome being 1.
    n_components : int
    max_iter : int
        Most rounds of one component.
    tol : float
        Change of each weight vector in the last round.

    Returns
    -------
    components : Components
        Signed so that the largest weight of the outcome is positive. A block that covaries with nothing, or of which
        nothing is left, has weights 0.

    Notes
    -----
    Every block is deflated by its own variate over the subjects who have it; the outcome stays as it is, so that each
    block goes on to say what it can alone. With one block this is partial least squares regression.

    References
    ----------
    .. [1] A. Tenenhaus et al. Variable selection for generalized canonical correlation analysis. Biostatistics 15, 569
       (2014). https://doi.org/10.1093/biostatistics/kxu001
    .. [2] A. Singh et al. DIABLO: an integrative approach for identifying key molecular drivers from multi-omics
       assays. Bioinformatics 35, 3055 (2019). https://doi.org/10.1093/bioinformatics/bty1054
    """
    parts, bases = zip(*map(_compressed, blocks, has.T, n_kept), strict=True)
    n_kept = [min(kept, part.shape[1]) for kept, part in zip(n_kept, parts, strict=True)] + [outcome.shape[1]]
    problem = _Problem([*parts, outcome / np.sqrt(outcome.shape[1])], has, design)
    weights, loadings, rotations = ([[] for _ in parts] for _ in range(3))
    outcome_weights, paths, gap = [], [], 0.0
    for _ in range(n_components):
        ascents = [_ascend(problem, start, n_kept, max_iter, tol) for start in _starts(problem, n_kept)]
        found, scores, path, change = _best(ascents)
        largest = np.argmax(np.round(np.abs(found[-1]), _DIGITS))
        sign = -1.0 if found[-1][largest] < 0 else 1.0
        outcome_weights.append(sign * found[-1])
        for j, own in enumerate(found[:-1]):
            loading = problem.deflate(j, scores[:, j])
            rotations[j].append(_rotation(sign * own, sign * loading, loadings[j], rotations[j]))
            weights[j].append(sign * own)
            loadings[j].append(sign * loading)
        paths.append(np.array(path))
        gap = max(gap, change)

    def full(vectors):
        return [
            np.array(rows) if basis is None else np.array(rows) @ basis.T
            for rows, basis in zip(vectors, bases, strict=True)
        ]

    n_iter = max(len(path) for path in paths)
    return Components(full(weights), full(loadings), full(rotations), np.array(outcome_weights), paths, gap, n_iter)


class _Problem:
    """Blocks of total variance 1 with the outcome last, who has them, and what the covariance of two counts."""

    def __init__(self, blocks, has, design):
        self.has = np.column_stack([has, np.ones(len(has), dtype=bool)]).astype(np.float64)
        self.blocks = blocks
        self.counts = self.has.T @ self.has
        self.design = np.ones((len(blocks), len(blocks)))
        self.design[:-1, :-1] = design
        np.fill_diagonal(self.design, 0.0)
        self.design[self.counts < 2] = 0.0

    def pull(self, j, scores):
        """Sum of the other components as block j sees them: its covariances with them are X_j' of this."""
        partners = np.flatnonzero(self.design[j])
        both = self.has[:, [j]] * self.has[:, partners]
        counts = self.counts[j, partners]
        centered = both * (scores[:, partners] - (both * scores[:, partners]).sum(axis=0) / counts)
        return centered @ (self.design[j, partners] / counts)

    def gradient(self, j, scores):
        """Weighted covariances of the features of block j with the other components."""
        return self.blocks[j].T @ self.pull(j, scores)

    def objective(self, scores):
        """Sum over pairs of blocks of the weighted covariances of their components."""
        return 0.5 * sum(scores[:, j] @ self.pull(j, scores) for j in range(len(self.blocks)))

    def coupling(self, supports):
        """Weighted covariances of the features in the supports of all blocks, 0 within a block; and where each is."""
        stops = np.cumsum([len(support) for support in supports])
        places = [slice(stop - len(support), stop) for stop, support in zip(stops, supports, strict=True)]
        matrix = np.zeros((stops[-1], stops[-1]))
        taken = [
            block if len(support) == block.shape[1] else block[:, support]
            for block, support in zip(self.blocks, supports, strict=True)
        ]
        for j, k in zip(*np.nonzero(np.triu(self.design)), strict=True):
            # Rows of 0 leave the product to those who have both; so do the means.
            both, count = self.has[:, j] * self.has[:, k], self.counts[j, k]
            covariance = taken[j].T @ taken[k] / count - np.outer(both @ taken[j], both @ taken[k]) / count**2
            matrix[places[j], places[k]] = self.design[j, k] * covariance
            matrix[places[k], places[j]] = matrix[places[j], places[k]].T
        return matrix, places

    def deflate(self, j, scores):
        """Take the component out of block j; its loadings."""
        squares = scores @ scores
        loading = self.blocks[j].T @ scores / squares if squares > 0 else np.zeros(self.blocks[j].shape[1])
        self.blocks[j] -= np.outer(scores, loading)
        return loading


def _compressed(block, present, kept):
    """A copy of total variance 1; of more features than subjects that all stay, on a basis of their row space."""
    block = block / np.sqrt(block.shape[1])
    n = np.count_nonzero(present)
    if kept < block.shape[1] or block.shape[1] <= n:
        return block, None
    basis, triangle = qr(block[present].T, mode="economic")
    small = np.zeros((len(block), triangle.shape[1]))
    small[present] = triangle.T
    return small, basis


def _starts(problem, n_kept):
    """Weights to climb from: those that covary with one direction of the outcome, and an eigenvector of all blocks."""
    *blocks, outcome = problem.blocks
    with_outcome = [
        block.T @ (outcome - present @ outcome / max(present.sum(), 1.0)) / max(present.sum(), 1.0)
        for block, present in zip(blocks, problem.has.T, strict=False)
    ]
    moments = [covariance.T @ covariance for covariance in with_outcome]
    candidates = [sum(moments), *(moments if outcome.shape[1] > 1 and len(blocks) > 1 else [])]
    starts = []
    for moment in candidates:
        direction = np.linalg.eigh(moment)[1][:, -1]
        own = [_best_weights(covariance @ direction, k) for covariance, k in zip(with_outcome, n_kept, strict=False)]
        starts.append([*own, direction])
    if np.any(problem.design[:-1, :-1]):
        starts.append(_eigen_start(problem, starts[0], n_kept))
    return starts


def _eigen_start(problem, weights, n_kept):
    """Some rounds of the power method on all blocks side by side, where strong blocks outweigh weak ones."""
    for _ in range(_POWER_ROUNDS):
        scores = np.column_stack([block @ own for block, own in zip(problem.blocks, weights, strict=True)])
        pulled = [problem.gradient(j, scores) for j in range(len(weights))]
        size = np.sqrt(sum(np.sum(own**2) for own in pulled))
        if size <= _ZERO:
            break
        # The shift keeps eigenvalues of the other sign from winning.
        mixed = [one / size + own for one, own in zip(pulled, weights, strict=True)]
        size = np.sqrt(sum(np.sum(own**2) for own in mixed))
        weights = [own / size for own in mixed]
    return [_best_weights(own, k) for own, k in zip(weights, n_kept, strict=True)]


def _support(gradient, kept):
    """Places of the largest entries, ascending; ties in order."""
    if kept >= len(gradient):
        return np.arange(len(gradient))
    sizes = np.abs(gradient)
    sizes = np.round(sizes / max(sizes.max(), _ZERO), _DIGITS)
    return np.sort(np.argsort(-sizes, kind="stable")[:kept])


def _unit(gradient):
    """Unit vector along the gradient, 0 where that is rounding."""
    size = np.linalg.norm(gradient)
    return gradient / size if size > _ZERO else np.zeros_like(gradient)


def _best_weights(gradient, kept):
    """Unit vector with so many entries that has the largest product with the gradient."""
    weights, support = np.zeros_like(gradient), _support(gradient, kept)
    weights[support] = _unit(gradient[support])
    return weights


def _ascend(problem, weights, n_kept, max_iter, tol):
    """Climb block by block: choose features on the whole blocks, converge on those chosen, until they stay."""
    weights = list(weights)
    scores = np.column_stack([block @ own for block, own in zip(problem.blocks, weights, strict=True)])
    path, supports, change = [problem.objective(scores)], None, np.inf
    while True:
        chosen = []
        for j, block in enumerate(problem.blocks):
            gradient = problem.gradient(j, scores)
            chosen.append(_support(gradient, n_kept[j]))
            weights[j] = np.zeros_like(gradient)
            weights[j][chosen[j]] = _unit(gradient[chosen[j]])
            scores[:, j] = _product(block, weights[j], chosen[j])
        before = path[-1]
        path.append(problem.objective(scores))
        same = supports is not None and all(map(np.array_equal, chosen, supports))
        level = supports is not None and path[-1] - before <= _ZERO * abs(before)  # a tie that rounding would reopen
        if same or level or len(path) > max_iter:
            return weights, scores, path, change
        supports = chosen
        change = _converge(problem, supports, weights, path, max_iter, tol)
        for j, block in enumerate(problem.blocks):
            scores[:, j] = _product(block, weights[j], supports[j])


def _product(block, weights, support):
    """The block times weights that are 0 outside their support."""
    return block @ weights if len(support) == len(weights) else block[:, support] @ weights[support]


def _converge(problem, supports, weights, path, max_iter, tol):
    """Climb in the features chosen, in place; the change of the last round."""
    matrix, places = problem.coupling(supports)
    stacked = np.concatenate([own[support] for own, support in zip(weights, supports, strict=True)])
    change = np.inf
    while change > tol and len(path) <= max_iter:
        before = stacked.copy()
        for place in places:
            stacked[place] = _unit(matrix[place] @ stacked)
        change = max(np.linalg.norm(stacked[place] - before[place]) for place in places)
        path.append(0.5 * stacked @ (matrix @ stacked))
    for own, support, place in zip(weights, supports, places, strict=True):
        own[support] = stacked[place]
    return change


def _best(ascents):
    """The ascent that ended highest; of equals the first."""
    best = ascents[0]
    for ascent in ascents[1:]:
        if ascent[2][-1] > best[2][-1] * (1 + 1e-9):
            best = ascent
    return best


def _rotation(weights, loading, loadings, rotations):
    """Vector that gives from the block as it was the variate that the weights give from the deflated one."""
    rotation = weights.copy()
    for earlier, turned in zip(loadings, rotations, strict=True):
        rotation -= (earlier @ weights) * turned
    return rotation
