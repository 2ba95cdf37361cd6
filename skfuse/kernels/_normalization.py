"""Centering and scaling of kernels in feature space, learned from training subjects."""

from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

NORMALIZATIONS = ("variance", "trace", None)
_NOTHING = 1e-12  # share of the variance that rounding leaves of a kernel that does not vary


def normalize_kernel(K, training=None, *, normalization="variance"):
    r"""Bring a kernel to a scale at which it compares with others, by what training subjects have.

    .. math::
       \text{variance: } & K_c / (\operatorname{tr} K_c / n), \qquad
       K_c(x, i) = K(x, i) - \tfrac{1}{n} \textstyle\sum_j K(x, j) - \tfrac{1}{n} \sum_j K(j, i)
                   + \tfrac{1}{n^2} \sum_{jk} K(j, k) \\
       \text{trace: } & K / (\operatorname{tr} K / n)

    over the n training subjects. ``"variance"`` moves their mean in feature space to the origin and gives them unit
    variance about it [1]_; ``"trace"`` leaves the origin where it is and sets their mean squared norm to 1.

    Parameters
    ----------
    K : array of shape (n_subjects, n_training)
        Kernel of some subjects with the training subjects; NumPy, torch, CuPy or another library of the array API.
    training : array of shape (n_training, n_training) or None
        Kernel of the training subjects; None where `K` is it.
    normalization : {"variance", "trace"} or None, default="variance"
        What is done; None is nothing.

    Returns
    -------
    K : array of shape (n_subjects, n_training)
        A copy, in the library and on the device of `K`. A kernel that does not vary is centered to 0, not scaled.

    Raises
    ------
    ValueError
        If `normalization` is unknown, `K` and `training` do not fit together or hold NaN or infinity.

    See Also
    --------
    ModalityKernel : Learns standardization and width of the features too.

    References
    ----------
    .. [1] B. Schölkopf, A. Smola, K.-R. Müller. Nonlinear component analysis as a kernel eigenvalue problem. Neural
       Computation 10, 1299 (1998). https://doi.org/10.1162/089976698300017467

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import normalize_kernel
    >>> x = np.array([[1.0], [2.0], [6.0]])
    >>> training = normalize_kernel(x @ x.T)
    >>> np.trace(training).round(12), training.sum(axis=0).round(12) + 0.0
    (np.float64(3.0), array([0., 0., 0.]))
    >>> normalize_kernel(np.array([[3.0]]) @ x.T, x @ x.T)  # a new subject at the mean of the three
    array([[0., 0., 0.]])
    """
    if normalization not in NORMALIZATIONS:
        raise ValueError(f"`normalization` must be 'variance', 'trace' or None, got {normalization!r}.")
    K = _floating(K)
    training = K if training is None else _floating(training)
    n = training.shape[0]
    if training.ndim != 2 or K.ndim != 2 or not n or training.shape[1] != n or K.shape[1] != n:
        raise ValueError(
            f"Kernels of shapes {tuple(K.shape)} and {tuple(training.shape)} do not fit: wanted the kernel of the "
            "training subjects, square, and a column for each of them."
        )
    xp = array_namespace(K, training)
    if not bool(xp.all(xp.isfinite(K))) or not bool(xp.all(xp.isfinite(training))):
        raise ValueError("The kernel contains NaN or infinity. Leave subjects without the modality out of it.")
    return learn_scale(training, normalization).applied_to(xp.asarray(K, copy=True))


class KernelScale(NamedTuple):
    """What training subjects say about center and scale of a kernel."""

    normalization: str | None
    row_means: object  # of the training kernel, (n_training,)
    mean: float  # of all its entries
    scale: float  # by which it is divided
    varies: bool  # whether it tells any two training subjects apart

    def applied_to(self, K, row_means=None):
        """`K` (n_subjects, n_training) itself, centered and scaled in place; `row_means` are its own, if known."""
        if self.normalization == "variance":
            row_means = array_namespace(K).mean(K, axis=1) if row_means is None else row_means
            K -= row_means[:, None]
            K -= self.row_means[None, :] - self.mean
        if self.scale != 1.0:
            K /= self.scale
        return K


def learn_scale(training, normalization):
    """Center and scale of the kernel of the training subjects, checked already."""
    xp = array_namespace(training)
    n = training.shape[0]
    row_means, trace = xp.mean(training, axis=0), float(xp.linalg.trace(training))
    mean = float(xp.mean(row_means))
    variance = trace / n - mean
    varies = variance > _NOTHING * max(abs(trace) / n, abs(mean))
    scale = 1.0
    if normalization == "variance" and varies:
        scale = variance
    elif normalization == "trace" and trace > 0:
        scale = trace / n
    return KernelScale(normalization, row_means, mean, scale, bool(varies))


def _floating(K):
    if isinstance(K, list | tuple):
        K = np.asarray(K)
    xp = array_namespace(K)
    return K if xp.isdtype(K.dtype, "real floating") else xp.astype(K, xp.float64)
