"""Covariates as orthonormal columns, and what they leave of something else."""

import numpy as np


def covariate_basis(covariates, n_subjects):
    """Orthonormal columns that span the intercept, which comes first, and the covariates.

    Parameters
    ----------
    covariates : array-like of shape (n_subjects, n_covariates), of shape (n_subjects,), or None
        Numbers. Those that others explain add nothing.
    n_subjects : int

    Returns
    -------
    basis : ndarray of shape (n_subjects, rank)
    """
    constant = np.full((n_subjects, 1), n_subjects**-0.5)
    if covariates is None:
        return constant
    Z = np.asarray(covariates, dtype=np.float64)
    Z = Z[:, None] if Z.ndim == 1 else Z
    if Z.ndim != 2 or len(Z) != n_subjects:
        raise ValueError(f"`covariates` has shape {Z.shape}, wanted ({n_subjects}, n_covariates): a row per subject.")
    if not np.isfinite(Z).all():
        rows = np.flatnonzero(~np.isfinite(Z).all(axis=1))
        raise ValueError(
            f"`covariates` has NaN or infinite values for {len(rows)} subjects, the first in row {rows[0]}. Impute "
            "them, or leave these subjects out."
        )
    Z = Z - Z.mean(axis=0)
    scale = np.abs(Z).max(axis=0, initial=0.0)
    Z = Z[:, scale > 0] / scale[scale > 0]
    if not Z.shape[1]:
        return constant
    left, singular, _ = np.linalg.svd(Z, full_matrices=False)
    return np.hstack([constant, left[:, singular > 1e-10 * singular[0]]])


def residuals_of(values, basis):
    """What orthonormal columns do not explain; twice, so that what is left is orthogonal to them to rounding.

    Parameters
    ----------
    values : ndarray of shape (n_subjects,) or (n_subjects, n_columns)
    basis : ndarray of shape (n_subjects, rank)
        As :func:`covariate_basis` makes it.

    Returns
    -------
    residuals : ndarray of the shape of `values`
    """
    for _ in range(2):
        values = values - basis @ (basis.T @ values)
    return values
