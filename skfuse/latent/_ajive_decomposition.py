"""Joint and individual subspaces of blocks by their angles: functions of arrays."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import svd
from scipy.optimize import minimize_scalar

from skfuse._blocks import groups_of_rows

_CELL_ROUNDS, _CELL_TOLERANCE = 50, 1e-9
_CHUNK = 2_000_000  # random numbers drawn at once
_TIE = 1e-8  # cosines that differ by less are equal


def noise_edge(variances, ratio):
    r"""Largest eigenvalue of the covariance of large samples of noise with a variance of its own in each feature.

    The minimum over :math:`u \in (0, 1 / \max_j h_j)` of :math:`1 / u + (\gamma / p) \sum_j h_j / (1 - h_j u)`, the
    edge of the generalized Marchenko-Pastur distribution [1]_; :math:`(1 + \sqrt{\gamma})^2 h` for equal variances h.

    Parameters
    ----------
    variances : ndarray of shape (n_features,)
        Not negative, some positive.
    ratio : float
        Features per subject.

    Returns
    -------
    edge : float

    References
    ----------
    .. [1] E. Dobriban, A. B. Owen. Journal of the Royal Statistical Society B 81 (2019).
       https://doi.org/10.1111/rssb.12301

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.latent._ajive_decomposition import noise_edge
    >>> round(noise_edge(np.full(7, 2.0), 0.25), 3)
    4.5
    """
    largest = variances.max()
    h = variances / largest

    def height(u):
        return 1.0 / u + ratio * np.mean(h / (1.0 - h * u))

    return float(largest * minimize_scalar(height, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-10}).fun)


def denoising_margin(ratio):
    r"""By how much a singular value must exceed the edge of white noise for its direction to be worth keeping [1]_.

    The optimal hard threshold, :math:`\lambda(\beta)^2 = 2(\beta + 1) + 8\beta / (\beta + 1 + \sqrt{\beta^2 + 14\beta
    + 1})`, over the edge :math:`1 + \sqrt\beta`; :math:`\beta \le 1` is the ratio of the sides of the matrix.

    Parameters
    ----------
    ratio : float
        Features per subject.

    Returns
    -------
    margin : float
        From 1.15 of a square matrix to 1.41 of a very long one.

    References
    ----------
    .. [1] M. Gavish, D. L. Donoho. IEEE Transactions on Information Theory 60 (2014).
       https://doi.org/10.1109/TIT.2014.2323359

    Examples
    --------
    >>> from skfuse.latent._ajive_decomposition import denoising_margin
    >>> round(2.0 * denoising_margin(1.0), 3)
    2.309
    """
    beta = min(ratio, 1.0 / ratio)
    squared = 2.0 * (beta + 1.0) + 8.0 * beta / (beta + 1.0 + np.sqrt(beta**2 + 14.0 * beta + 1.0))
    return float(np.sqrt(squared) / (1.0 + np.sqrt(beta)))


def numerical_rank(singular_values, shape):
    """Number of singular values that rounding does not explain."""
    if not len(singular_values) or not singular_values[0] > 0:
        return 0
    return int(np.count_nonzero(singular_values > 10.0 * max(shape) * np.finfo(float).eps * singular_values[0]))


def signal_rank(values, singular_values, basis):
    """Rank of the signal of one centered block, and the singular value that noise does not reach.

    Directions are taken one by one from the strongest, while the next one exceeds what the noise would reach that is
    left without it: :func:`noise_edge` of the variances of the features, times :func:`denoising_margin`. Features that
    were standardized differ in their noise, the more so the more signal there is, so that thresholds for white
    noise would find too many. A block of one feature has no noise to compare with and rank 1.

    Parameters
    ----------
    values : ndarray of shape (n_subjects, n_features)
        The block.
    singular_values : ndarray of shape (min(n_subjects, n_features),)
        Of the block, descending.
    basis : ndarray of shape (min(n_subjects, n_features), n_features)
        Its directions.

    Returns
    -------
    rank : int
    threshold : float
    """
    rows, columns = len(values) - 1, values.shape[1]  # the mean takes one subject
    most = numerical_rank(singular_values, values.shape)
    if columns == 1:
        return most, 0.0
    left, rank, threshold = np.sum(values**2, axis=0), 0, np.inf
    for found in range(1, min(rows, columns, most + 1)):
        before = left
        left = np.maximum(left - (singular_values[found - 1] * basis[found - 1]) ** 2, 0.0)
        ratio = (columns - found) / (rows - found)
        # As much noise as is left without the direction, but spread over the features as it is with it: otherwise a
        # feature with much noise of its own would be a direction.
        noise = before * (left.sum() / before.sum()) / (rows - found) * columns / (columns - found)
        top = np.sqrt((rows - found) * noise_edge(noise, ratio)) * denoising_margin(ratio) if left.any() else 0.0
        if rank == 0:
            threshold = top
        if singular_values[found - 1] <= top:
            break
        rank, threshold = found, top
    return rank, float(threshold)


@dataclass
class BlockSignal:
    """Signal of one block over the subjects who have it.

    Attributes
    ----------
    rows : ndarray of int
        The subjects.
    values : ndarray of shape (n_rows, n_columns)
        The block with its missing cells filled.
    basis : ndarray of shape (rank, n_columns)
        Orthonormal directions of features.
    singular_values : ndarray of shape (min(n_rows, n_columns),)
        All of them, of the filled block; descending.
    threshold : float
        Singular values above are signal.
    noise : float
        Variance of the noise of a cell.
    known : float
        Share of the cells that are not filled.
    """

    rows: np.ndarray
    values: np.ndarray
    basis: np.ndarray
    singular_values: np.ndarray
    threshold: float
    noise: float
    known: float

    @property
    def rank(self):
        """Number of directions."""
        return len(self.basis)

    @property
    def model(self):
        """What :func:`fill_cells` needs beside the block."""
        variances = self.singular_values[: self.rank] ** 2 / max(len(self.rows), 1)
        return {"basis": self.basis, "variances": np.maximum(variances - self.noise, 0.0), "noise": self.noise}

    @property
    def ways(self):
        """What takes filled rows to scores of mean square 1, (n_columns, rank)."""
        return self.basis.T * (np.sqrt(len(self.rows)) / self.singular_values[: self.rank])


def fill_cells(block, basis, variances, noise):
    """Fill cells by their conditional mean, where rows are ``c @ basis`` plus white noise.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n_columns)
        NaN where a cell is missing.
    basis : ndarray of shape (rank, n_columns)
        Orthonormal rows.
    variances : ndarray of shape (rank,)
        Of the coefficients c.
    noise : float
        Variance of the noise of a cell; without noise the coefficients are those of least squares.

    Returns
    -------
    filled : ndarray of shape (n_rows, n_columns)
    """
    missing = np.isnan(block)
    lacking = np.flatnonzero(missing.any(axis=1))
    filled = np.where(missing, 0.0, block)
    if not len(lacking) or not len(basis):
        return filled
    # Without this much of a ridge, directions that the known cells do not show would be free.
    floor = 1e-10
    ridge = np.diag(np.where(variances > 0, np.minimum(noise / np.where(variances > 0, variances, 1.0), 1e10), 1e10))
    for pattern, rows in groups_of_rows(missing[lacking]):
        rows = lacking[rows]
        known = basis[:, ~pattern]
        gram = known @ known.T + ridge + floor * np.eye(len(basis))
        coefficients = np.linalg.solve(gram, known @ filled[np.ix_(rows, ~pattern)].T)
        filled[np.ix_(rows, pattern)] = coefficients.T @ basis[:, pattern]
    return filled


def block_signal(block, rows, rank=None, *, exact=True):
    """Singular value decomposition of the signal of one block, missing cells filled by it in turn.

    The rank is found with the missing cells at the mean, where they can only hide signal, and kept.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n_columns)
        Centered values of the subjects who have the block, NaN where a cell is missing.
    rows : ndarray of int
        These subjects.
    rank : int or None
        Of the signal; None finds it by :func:`signal_rank`.
    exact : bool
        False takes as many directions as there are, where `rank` asks for more.

    Returns
    -------
    signal : BlockSignal

    Raises
    ------
    ValueError
        If the block does not have as many directions as `rank` asks for.
    """
    values = np.nan_to_num(block)
    _, singular_values, basis = svd(values, full_matrices=False)
    if rank is None:
        rank, threshold = signal_rank(values, singular_values, basis)
    else:
        most = numerical_rank(singular_values, block.shape)
        rank = rank if exact else min(rank, most)
        if rank > most:
            raise ValueError(f"got rank {rank}, but the block has {most} directions that vary")
        # In the middle between the last value that is signal and the first that is not, as in the paper.
        padded = np.append(singular_values[:most], [0.0])
        threshold = float(0.5 * (padded[rank - 1] + padded[rank])) if rank else np.inf
    missing = np.isnan(block)
    for _ in range(_CELL_ROUNDS if rank and missing.any() else 0):
        signal = _signal(values, rows, basis[:rank], singular_values, threshold, missing)
        before, values = values, fill_cells(block, **signal.model)
        _, singular_values, basis = svd(values, full_matrices=False)
        if np.linalg.norm(values - before) <= _CELL_TOLERANCE * np.linalg.norm(values):
            break
    return _signal(values, rows, basis[:rank], singular_values, threshold, missing)


def _signal(values, rows, basis, singular_values, threshold, missing):
    n, p, rank = *values.shape, len(basis)
    freedom = max(n - 1 - rank, 1) * max(p - rank, 1)
    known = 1.0 - np.count_nonzero(missing) / max(missing.size, 1)
    noise = float(np.sum(singular_values[rank:] ** 2)) / (freedom * known)  # filled cells leave no residual
    return BlockSignal(rows, values, basis, singular_values, threshold, noise, known)


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
