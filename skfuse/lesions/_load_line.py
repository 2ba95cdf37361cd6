"""The score as a line through the load of a lesion on voxels, each with its weight."""

import numpy as np

from skfuse.lesions._masks import weighted_sums


def line_through_load(X, y, weights):
    """Least squares of the score on one number for each subject, the weighted sum of the lesioned voxels.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_subjects, n_voxels)
    y : ndarray of shape (n_subjects,)
    weights : ndarray of shape (n_voxels,)
        Infinite ones count as 1 in absolute value.

    Returns
    -------
    coef : ndarray of shape (n_voxels,)
        What a lesioned voxel adds to the prediction; 0 where nothing has a weight, or all loads are the same.
    intercept : float
    """
    weights = np.where(np.isfinite(weights), weights, np.sign(weights))
    total = np.abs(weights).sum()
    if total > 0:
        load = weighted_sums(X, weights / total)
        spread = np.var(load)
        if spread > 0:
            slope = np.mean((load - load.mean()) * y) / spread
            return slope * weights / total, float(np.mean(y) - slope * load.mean())
    return np.zeros(len(weights)), float(np.mean(y))
