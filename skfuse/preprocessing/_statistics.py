"""Moments of one block with missing cells."""

import numpy as np
from scipy.linalg import eigh


def nan_mean_and_variance(values):
    """Mean and variance of each feature over the subjects who have it.

    Parameters
    ----------
    values : ndarray of shape (n_subjects, n_features)
        One block, in any unit; missing cells are NaN.

    Returns
    -------
    mean : ndarray of shape (n_features,), float64
        In the unit of the feature; NaN where no subject has it.
    variance : ndarray of shape (n_features,), float64
        With the number of subjects as divisor, in the squared unit; exactly 0 for a constant feature, NaN where no
        subject has it.
    """
    seen = ~np.isnan(values)
    count = seen.sum(axis=0).astype(np.float64)
    count[count == 0] = np.nan
    mean = np.sum(values, axis=0, where=seen, dtype=np.float64) / count
    variance = np.empty_like(mean)
    step = max(1, (1 << 22) // max(1, len(values)))  # a few features at a time: no second copy of a wide block
    for start in range(0, values.shape[1], step):
        part = slice(start, start + step)
        deviation = np.subtract(values[:, part], mean[part], dtype=np.float64)
        squares = np.square(deviation, out=deviation)
        variance[part] = np.sum(squares, axis=0, where=seen[:, part]) / count[part]
    # The variance of a constant is rounding error: the bound of the two-pass sum, as in scikit-learn's StandardScaler.
    eps = np.finfo(np.float64).eps
    variance[variance <= count * eps * variance + (count * eps * mean) ** 2] = 0.0
    return mean, variance


def fill_missing(values, filler):
    """Copy a block with its missing cells replaced by a value per feature.

    Parameters
    ----------
    values : ndarray of shape (n_subjects, n_features)
        One block.
    filler : ndarray of shape (n_features,)
        Value for the missing cells of each feature, in its unit.

    Returns
    -------
    filled : ndarray of shape (n_subjects, n_features)
        In the type of `values`.
    """
    return np.where(np.isnan(values), filler.astype(values.dtype), values)


def first_eigenvalue(centered):
    """Largest eigenvalue of the covariance of a block: the variance along its first principal component.

    Parameters
    ----------
    centered : ndarray of shape (n_subjects, n_features)
        A block without missing cells whose features have mean 0.

    Returns
    -------
    eigenvalue : float
        In the squared unit of the features; the divisor is the number of subjects.
    """
    n, p = centered.shape
    gram = centered @ centered.T if n <= p else centered.T @ centered
    last = len(gram) - 1
    top = eigh(gram.astype(np.float64), eigvals_only=True, subset_by_index=[last, last])[0]
    return float(max(top, 0.0) / n)
