"""Joint and individual subspaces of blocks by their angles: functions of arrays."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import svd

from skfuse._blocks import groups_of_rows
from skfuse.latent._block_signal import numerical_rank

_CELL_ROUNDS, _CELL_TOLERANCE = 50, 1e-9
_CHUNK = 2_000_000  # random numbers drawn at once
_TIE = 1e-8  # cosines that differ by less are equal


def wedin_samples(signal, n_resamples, rng):
    r"""Draw bounds of the sine of the angle between the estimated and the true signal of a block.

    Wedin's bound is :math:`\max(\lVert E V \rVert, \lVert E^T U \rVert) / \sigma_r`; the norms with the noise E are
    those of the block with as many random orthonormal directions of the complement of its signal. They depend on the
    singular values of the complement alone.

    Parameters
    ----------
    signal : BlockSignal
    n_resamples : int
    rng : RandomState

    Returns
    -------
    bounds : ndarray of shape (n_resamples,)
        At most 1.
    """
    rank, left = signal.rank, signal.singular_values[signal.rank :]
    n, p = signal.values.shape
    norms = [_norms_of_random_directions(left, side - rank, rank, n_resamples, rng) for side in (n - 1, p)]
    # A filled cell leaves no residual: the share of known cells brings the norm back to that of a complete block.
    bounds = np.maximum(*norms) / (np.sqrt(signal.known) * signal.singular_values[rank - 1])
    return np.minimum(bounds, 1.0)


def _norms_of_random_directions(singular_values, dimension, rank, n_resamples, rng):
    """Spectral norms of diag(singular_values, 0) times random orthonormal (dimension, rank) matrices."""
    values = singular_values[:dimension]
    if not len(values) or dimension <= rank:
        return np.full(n_resamples, values[0] if len(values) else 0.0)
    rest, norms = dimension - len(values), []
    step = max(1, _CHUNK // (len(values) * rank))
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        G = rng.standard_normal((size, len(values), rank))
        gram = np.swapaxes(G, 1, 2) @ G + random_grams(rest, rank, size, rng)
        G *= values[:, None]
        numerator = np.swapaxes(G, 1, 2) @ G
        roots = _inverse_roots(gram)
        norms.append(np.sqrt(np.linalg.eigvalsh(roots @ numerator @ roots)[:, -1].clip(0.0)))
    return np.concatenate(norms)


def random_grams(n_rows, n_columns, n_resamples, rng):
    """Draw ``G.T @ G`` of Gaussian matrices G (n_rows, n_columns), without drawing them where they are tall."""
    if n_rows <= n_columns:
        G = rng.standard_normal((n_resamples, max(n_rows, 0), n_columns))
        return np.swapaxes(G, 1, 2) @ G
    # Bartlett's decomposition of a Wishart matrix.
    L = np.tril(rng.standard_normal((n_resamples, n_columns, n_columns)), -1)
    diagonal = np.arange(n_columns)
    L[:, diagonal, diagonal] = np.sqrt(rng.chisquare(n_rows - diagonal, size=(n_resamples, n_columns)))
    return L @ np.swapaxes(L, 1, 2)


def _inverse_roots(grams):
    """Inverse square roots of symmetric matrices, 0 where they have no extent."""
    values, vectors = np.linalg.eigh(grams)
    good = values > 1e-10 * values[..., -1:].clip(1e-300)
    scale = np.where(good, 1.0 / np.sqrt(np.where(good, values, 1.0)), 0.0)
    return (vectors * scale[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def random_direction_samples(has, ranks, n_resamples, rng):
    """Draw the largest squared singular value of stacked random subspaces, blocks missing as in the data.

    Parameters
    ----------
    has : ndarray of shape (n_subjects, n_blocks), dtype bool
        Who has which block; the subjects that :func:`joint_space` learns from.
    ranks : sequence of int
        Dimensions of the subspaces.
    n_resamples : int
    rng : RandomState

    Returns
    -------
    squares : ndarray of shape (n_resamples,)
        At most the number of blocks.
    """
    stops = np.cumsum([0, *ranks])
    columns = [slice(a, b) for a, b in pairwise(stops)]
    owner = np.repeat(np.arange(len(ranks)), ranks)
    groups = groups_of_rows(has)
    largest = max(range(len(groups)), key=lambda i: len(groups[i][1]), default=0)
    own = np.zeros((n_resamples, stops[-1], stops[-1]))
    crossed = np.zeros_like(own)
    for i, (pattern, rows) in enumerate(groups):
        among = np.flatnonzero(pattern[owner])
        # The means take one subject, as the blocks are centered.
        grams = random_grams(len(rows) - (i == largest), len(among), n_resamples, rng)
        place = np.ix_(np.arange(n_resamples), among, among)
        own[place] += grams
        crossed[place] += grams / pattern.sum()
    for one in columns:
        root = _inverse_roots(own[:, one, one])
        crossed[:, one, :] = root @ crossed[:, one, :]
        crossed[:, :, one] = crossed[:, :, one] @ root
    return len(ranks) * np.linalg.eigvalsh(crossed)[:, -1]


@dataclass
class JointDirections:
    """Directions that blocks share, before their rank is known.

    Attributes
    ----------
    squares : ndarray of shape (n_directions,)
        Squared singular values of the stacked bases; from 0 to the number of blocks, descending.
    scores : ndarray of shape (n_subjects, n_directions)
        Of the subjects learned from; orthogonal (weighted by their numbers of blocks where some are missing).
    coefficients : list of ndarray of shape (1 + rank, n_directions)
        Block by block, what takes 1 and the scores of the signal to the block's share of the joint scores.
    """

    squares: np.ndarray
    scores: np.ndarray
    coefficients: list


def joint_space(scores, has):
    r"""Directions that are closest to the signals of all blocks at once.

    With the orthonormal bases :math:`U_k` of the signals this is the singular value decomposition of
    :math:`[U_1, \dots, U_K]`, the transposed M of the paper. Where blocks are missing, direction z maximizes
    :math:`\sum_k \lVert P_k z_k \rVert^2 / \sum_k \lVert z_k \rVert^2`, :math:`z_k` its part among the subjects who
    have block k and :math:`P_k` the projection on the signal there: a direction inside all signals still reaches 1,
    whatever is missing, and nothing is filled. A constant belongs to every signal, and z has none: blocks are centered
    on different subjects. Complete blocks make it the former.

    Parameters
    ----------
    scores : list of ndarray of shape (n_subjects, rank)
        Scores of the signal of each block, with a rank above 0; NaN or anything for subjects who lack the block.
    has : ndarray of shape (n_subjects, n_blocks), dtype bool
        Who has which block; two each, at least.

    Returns
    -------
    directions : JointDirections
    """
    count = has.sum(axis=1)
    stacked, ways = [], []
    for own, present in zip(scores, has.T, strict=True):
        with_constant = np.hstack([np.ones((np.count_nonzero(present), 1)), own[present]])
        U, s, Vt = svd(with_constant, full_matrices=False)
        keep = numerical_rank(s, with_constant.shape)
        basis = np.zeros((len(own), keep))
        basis[present] = U[:, :keep]
        stacked.append(basis / np.sqrt(count)[:, None])
        ways.append(Vt[:keep].T / s[:keep])
    M = np.hstack(stacked)
    constant = np.sqrt(count / count.sum())
    M -= np.outer(constant, constant @ M)
    Y, singular_values, Wt = svd(M, full_matrices=False)
    good = singular_values > np.sqrt(np.finfo(float).eps)
    singular_values = singular_values[good]
    size = np.sqrt(count.sum())  # mean square 1, weighted by the numbers of blocks
    stops = np.cumsum([basis.shape[1] for basis in stacked])
    parts = np.split(Wt[good].T, stops[:-1])
    return JointDirections(
        has.shape[1] * singular_values**2,
        Y[:, good] * (size / np.sqrt(count))[:, None],
        [way @ part * (size / singular_values) for way, part in zip(ways, parts, strict=True)],
    )


def joint_rank_test(directions, signals, has, n_resamples, quantile, rng):
    r"""Count the directions that all blocks share.

    A direction is joint if its squared singular value exceeds the `quantile` of that of random subspaces, and is not
    below the ``1 - quantile`` of :math:`K - \sum_k \sin^2\theta_k`, :math:`\theta_k` bounded by :func:`wedin_samples`
    (blocks weighted by their numbers of subjects).

    Parameters
    ----------
    directions : JointDirections
    signals : list of BlockSignal
    has : ndarray of shape (n_subjects, n_blocks), dtype bool
    n_resamples : int
    quantile : float
    rng : RandomState

    Returns
    -------
    rank : int
    wedin, random : ndarray of shape (n_resamples,)
        Draws of both bounds.
    """
    weight = has.sum(axis=0) / has.sum()
    sines = np.array([wedin_samples(signal, n_resamples, rng) for signal in signals])
    wedin = len(signals) * (1.0 - weight @ sines**2)
    random = random_direction_samples(has, [signal.rank for signal in signals], n_resamples, rng)
    above = directions.squares > np.quantile(random, quantile) + _TIE
    above &= directions.squares >= np.quantile(wedin, 1.0 - quantile) - _TIE
    return int(np.count_nonzero(above)), wedin, random


def strong_in_all(directions, signals, has, rows, rank):
    """Which of the first directions reach, in each block, what tells its signal from noise.

    Parameters
    ----------
    directions : JointDirections
    signals : list of BlockSignal
    has : ndarray of shape (n_rows, n_blocks), dtype bool
    rows : ndarray of int
        The subjects learned from.
    rank : int

    Returns
    -------
    strong : ndarray of shape (rank,), dtype bool
    """
    strong = np.ones(rank, dtype=bool)
    for signal, present in zip(signals, has.T, strict=True):
        z = directions.scores[present, :rank]
        z = z - z.mean(axis=0)
        values = signal.values[np.searchsorted(signal.rows, rows[present])]
        # A block of fewer subjects here than in its own decomposition has singular values that are smaller by as much.
        share = np.sqrt(len(z) / len(signal.rows))
        length = np.linalg.norm(values.T @ z, axis=0) / np.linalg.norm(z, axis=0).clip(1e-300)
        strong &= length >= share * signal.threshold * (1.0 - _TIE)
    return strong


def individual_space(values, z, threshold, most, rank=None, *, exact=True):
    """What a block has beside the joint scores.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Filled block of the subjects who have it.
    z : ndarray of shape (n_rows, joint_rank)
        Their joint scores, centered.
    threshold : float
        Singular values above are individual signal.
    most : int
        Largest rank that is counted.
    rank : int or None
        Of the individual part; None counts by the threshold.
    exact : bool
        False takes as many directions as there are, where `rank` asks for more.

    Returns
    -------
    joint_loadings : ndarray of shape (joint_rank, n_columns)
        Least-squares loadings of the block on the joint scores.
    loadings : ndarray of shape (rank, n_columns)
        Orthogonal rows, as long as the standard deviation along them.
    ways : ndarray of shape (n_columns, rank)
        What takes rows without their joint part to individual scores of mean square 1.

    Raises
    ------
    ValueError
        If the block does not have as many directions as `rank` asks for.
    """
    joint_loadings = np.linalg.lstsq(z, values, rcond=1e-10)[0] if z.size else np.zeros((z.shape[1], values.shape[1]))
    rest = values - z @ joint_loadings
    _, s, Vt = svd(rest, full_matrices=False)
    scale = np.linalg.norm(values)  # rounding of the whole block, not of what may be nothing
    varying = int(np.count_nonzero(s > 100.0 * max(values.shape) * np.finfo(float).eps * scale))
    if rank is None:
        rank = min(int(np.count_nonzero(s > threshold)), varying, most)
    elif not exact:
        rank = min(rank, varying)
    elif rank > varying:
        raise ValueError(f"got rank {rank}, but beside its joint part the block has {varying} directions that vary")
    size = np.sqrt(len(values))
    return joint_loadings, Vt[:rank] * (s[:rank, None] / size), Vt[:rank].T * (size / s[:rank])
