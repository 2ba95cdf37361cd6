"""From strengths of selected edges to the target: least squares, Huber's regression, ridge regression of the edges."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skfuse._linear import StandardizedRidgeCV

#: The determinant of two strengths that are one, relative to the product of their variances.
COLLINEAR = 1e-10
_HUBER = 1.345  # 95 % efficient for Gaussian errors
_ROUNDS = 500


def least_squares(strengths, y):
    """Coefficients of one or two strengths, of least norm where the two are one.

    Parameters
    ----------
    strengths : ndarray of shape (n_subjects, 1) or (n_subjects, 2)
        Without intercept and confounds.
    y : ndarray of shape (n_subjects,)
        The same.

    Returns
    -------
    coef : ndarray of shape (1,) or (2,)
    """
    gram, moment = strengths.T @ strengths, strengths.T @ y
    if len(moment) == 1:
        return np.divide(moment, gram[0], out=np.zeros(1), where=gram[0] > 0)
    determinant = gram[0, 0] * gram[1, 1] - gram[0, 1] ** 2
    if determinant <= COLLINEAR * gram[0, 0] * gram[1, 1]:
        trace = gram[0, 0] + gram[1, 1]  # the inverse of a matrix of rank 1 is the matrix over its squared trace
        return gram @ moment / trace**2 if trace > 0 else np.zeros(2)
    adjugate = np.array([[gram[1, 1], -gram[0, 1]], [-gram[1, 0], gram[0, 0]]])
    return adjugate @ moment / determinant


def huber(strengths, confounds, y):
    r"""Coefficients of strengths by Huber's M-estimator [1]_, confounds and intercept beside them.

    Reweighted least squares: weights :math:`\min(1, 1.345 s / |e|)`, where s is the median of the residuals' size over
    0.6745, found anew in every round.

    Parameters
    ----------
    strengths : ndarray of shape (n_subjects, n_strengths)
    confounds : ndarray of shape (n_subjects, n_confounds) or None
    y : ndarray of shape (n_subjects,)

    Returns
    -------
    coef : ndarray of shape (n_strengths,)
    confound_coef : ndarray of shape (n_confounds,)
    intercept : float
        Where strengths and confounds are at their means.

    References
    ----------
    .. [1] P. J. Huber. Ann Math Stat 35 (1964), 73-101. https://doi.org/10.1214/aoms/1177703732
    """
    columns = strengths if confounds is None else np.hstack([strengths, confounds])
    means = columns.mean(axis=0)
    scale = columns.std(axis=0)
    scale[scale <= 1e-12 * np.abs(means)] = np.inf
    design = np.column_stack([np.ones(len(y)), (columns - means) / scale])
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    for _ in range(_ROUNDS):
        residual = y - design @ beta
        spread = np.median(np.abs(residual)) / 0.6745
        if spread <= 1e-12 * np.abs(y).max():
            break  # half of the subjects or more are met exactly
        root = np.sqrt(np.minimum(1.0, _HUBER * spread / np.maximum(np.abs(residual), np.finfo(float).tiny)))
        last, beta = beta, np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
        if np.abs(beta - last).max() <= 1e-10 * np.abs(beta).max():
            break
    else:
        warnings.warn(
            f"Huber's regression did not settle within {_ROUNDS} rounds. Take model='ols', or look at outliers of y.",
            ConvergenceWarning,
            stacklevel=5,
        )
    raw = beta[1:] / scale
    return raw[: strengths.shape[1]], raw[strengths.shape[1] :], float(beta[0])


def ridge_of_edges(edges, y):
    """Ridge regression on selected edges, standardized, its penalty tuned by exact leave-one-out [1]_.

    Parameters
    ----------
    edges : ndarray of shape (n_subjects, n_selected)
        Without intercept and confounds.
    y : ndarray of shape (n_subjects,)
        The same.

    Returns
    -------
    coef : ndarray of shape (n_selected,)
    alpha : float
        The penalty of the standardized edges.

    References
    ----------
    .. [1] S. Gao et al. NeuroImage 201 (2019), 116038. https://doi.org/10.1016/j.neuroimage.2019.116038
    """
    model = StandardizedRidgeCV().fit(edges, y)
    return model.coef_[0], model.alpha_
