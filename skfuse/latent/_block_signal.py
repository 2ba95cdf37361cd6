"""How much of one block is signal: its rank above the noise, and the subspace that it spans."""

from dataclasses import dataclass

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
    >>> from skfuse.latent._block_signal import noise_edge
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
    >>> from skfuse.latent._block_signal import denoising_margin
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
