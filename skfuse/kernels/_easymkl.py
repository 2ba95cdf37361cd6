"""EasyMKL: weights of kernels from one quadratic problem, whatever their number."""

import numpy as np

from skfuse._backend import to_host
from skfuse.kernels._alignment import check_kernels, check_sample_weight

_MOST_STEPS = 1_000_000
_ROUNDING = 1e-5  # of single precision: class means that are this near are at one place
_ROWS = 64  # of all kernels that are added at a time


def easymkl_weights(kernels, y, *, easymkl_lambda=0.1, kernel_sum="mean", sample_weight=None, tol=1e-3):
    r"""Weights that put the classes far apart: EasyMKL [1]_.

    .. math:: \gamma^* = \arg\min_{\gamma} \; \gamma^\top Y \left[ (1 - \lambda) \bar K + \lambda I \right] Y \gamma,
              \qquad \theta_m \propto \gamma^{*\top} Y K_m Y \gamma^*,

    where :math:`\gamma \ge 0` sums to 1 in each class, so that :math:`\gamma^{*\top} Y K_m Y \gamma^*` is the squared
    distance between two weighted class means in the space of kernel *m*.

    Parameters
    ----------
    kernels : sequence of arrays of shape (n_subjects, n_subjects), or ndarray of shape (n_kernels, n, n)
        Symmetric, positive semidefinite, of one scale.
    y : array-like of shape (n_subjects,)
        Classes -1 and 1.
    easymkl_lambda : float, default=0.1
        Between 0 (the points of the classes that are nearest to each other) and 1 (the class means).
    kernel_sum : {"mean", "sum"}, default="mean"
        Whether K above is the average of the kernels, so that `easymkl_lambda` means the same for any number of them,
        or their sum, as published.
    sample_weight : array-like of shape (n_subjects,) or None
        A subject of weight 2 counts as two equal ones.
    tol : float, default=1e-3
        Largest Frank-Wolfe gap, relative to the objective.

    Returns
    -------
    weights : ndarray of shape (n_kernels,)
        Non-negative, they sum to 1.

    Raises
    ------
    ValueError
        If kernels, classes and weights of subjects do not fit together, or no kernel tells the classes apart.

    References
    ----------
    .. [1] F. Aiolli, M. Donini. EasyMKL: a scalable multiple kernel learning algorithm. Neurocomputing 169, 215 (2015).
       https://doi.org/10.1016/j.neucom.2014.11.078

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import easymkl_weights
    >>> y = np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    >>> x = np.array([0.0, 3.0, -1.0, 2.0, -2.0, -2.0])
    >>> informative = np.outer(y, y) + np.eye(6)
    >>> easymkl_weights([informative, np.outer(x, x)], y, easymkl_lambda=1.0).round(2)
    array([0.72, 0.28])
    """
    if not (isinstance(kernels, np.ndarray) and kernels.ndim == 3 and kernels.dtype in (np.float32, np.float64)):
        kernels = np.stack([to_host(K) for K in check_kernels(kernels)])
    y = np.asarray(y, dtype=np.float64)
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, kernels.shape[1])
        kept = np.flatnonzero(sample_weight)
        if len(kept) < len(sample_weight) and y.shape == sample_weight.shape:
            kernels, y, sample_weight = kernels[:, kept[:, None], kept], y[kept], sample_weight[kept]
    if y.shape != kernels.shape[1:2] or set(np.unique(y)) != {-1.0, 1.0}:
        raise ValueError(
            f"`y` must hold -1 and 1, both of them, for each of {kernels.shape[1]} subjects; got shape {y.shape} and "
            f"the values {np.unique(y)[:5].tolist()}."
        )
    if kernel_sum not in ("mean", "sum"):
        raise ValueError(f"`kernel_sum` must be 'mean' or 'sum', got {kernel_sum!r}.")
    if not 0 <= easymkl_lambda <= 1:
        raise ValueError(f"`easymkl_lambda` must lie between 0 and 1, got {easymkl_lambda!r}.")
    total = summed(kernels, mean=kernel_sum == "mean")
    distances = class_distances(kernels, total, y, easymkl_lambda, sample_weight, tol)
    if not distances.sum() > 0:
        raise ValueError("No kernel tells the classes apart: all put their subjects at one place.")
    return distances / distances.sum()


def summed(kernels, *, mean):
    """Sum or average of a stack of kernels."""
    total = np.empty_like(kernels[0])
    for start in range(0, len(total), _ROWS):  # sums that stay in the cache of the processor
        kernels[:, start : start + _ROWS].sum(axis=0, out=total[start : start + _ROWS])
    if mean:
        total /= len(kernels)
    return total


def class_distances(kernels, total, y, lam, sample_weight=None, tol=1e-3):
    """Squared distance of the two weighted class means in the space of each kernel (n_kernels,)."""
    from skfuse.kernels._smo_compiled import products, two_simplexes

    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    gamma = np.empty(len(y))
    for label in (-1.0, 1.0):
        gamma[y == label] = weight[y == label] / weight[y == label].sum()
    if lam < 1:
        of_gamma = (total @ (y * gamma).astype(total.dtype)).astype(np.float64)
        ridge = lam / (1.0 - lam) / weight  # everything is divided by 1 - lam, so that no copy of the kernel is made
        two_simplexes(total, y, ridge, gamma, of_gamma, tol, _MOST_STEPS)
    signed = y * gamma
    out = np.empty(kernels.shape[:2])
    products(kernels, signed, out)
    own = np.einsum(
        "mii,i->m", kernels, signed**2, dtype=np.float64
    )  # what the distance of unrelated subjects would be
    distances = out @ signed
    return np.where(distances > _ROUNDING * own, distances, 0.0)
