"""Kernels between two sets of points, as functions of arrays of any library of the array API."""

import numpy as np
from array_api_compat import array_namespace, device
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import additive_chi2_kernel

from skfuse._distances import squared_distances

#: Kernels of points, and what each is made of: inner products or a distance that a width turns into a similarity.
MEASURES = {
    "linear": "products",
    "polynomial": "products",
    "correlation": "products",
    "rbf": "squared distances",
    "laplacian": "city-block distances",
    "chi2": "chi-squared distances",
}


def kernel_matrix(A, B=None, *, kernel="rbf", width=1.0, degree=2, coef0=1.0):
    r"""Kernel between each subject of one set and each of another.

    .. math::
       \text{linear: } x^\top y, \quad
       \text{polynomial: } (x^\top y / p + c_0)^d, \quad
       \text{rbf: } e^{-\lVert x - y \rVert_2^2 / 2 \sigma^2}, \quad
       \text{laplacian: } e^{-\lVert x - y \rVert_1 / \sigma}, \quad
       \text{chi2: } e^{-\frac{1}{\sigma} \sum_f (x_f - y_f)^2 / (x_f + y_f)},

    with *p* features and the width :math:`\sigma`; correlation is Pearson's *r* between two subjects over their
    features. All are positive semidefinite.

    Parameters
    ----------
    A : array of shape (n_a, n_features)
        Points of NumPy, torch, CuPy or another library of the array API; not negative for ``"chi2"``.
    B : array of shape (n_b, n_features) or None
        The other set; None is `A` again.
    kernel : {"linear", "polynomial", "rbf", "laplacian", "chi2", "correlation"}, default="rbf"
        Which kernel.
    width : float, default=1.0
        In the unit of the distance between subjects; of its square root for ``"rbf"``.
    degree : int, default=2
        Of the polynomial.
    coef0 : float, default=1.0
        Constant of the polynomial, not negative.

    Returns
    -------
    K : array of shape (n_a, n_b)
        In the library and on the device of `A`.

    Raises
    ------
    ValueError
        If the kernel is unknown, the points do not fit together or a value is negative for ``"chi2"``.

    See Also
    --------
    ModalityKernel : Learns standardization, width and normalization from training subjects.

    References
    ----------
    .. [1] B. Schölkopf, A. J. Smola. Learning with Kernels. MIT Press (2002).
    .. [2] J. Zhang et al. Local features and kernels for classification. IJCV 73, 213 (2007).
       https://doi.org/10.1007/s11263-006-9794-4

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import kernel_matrix
    >>> kernel_matrix(np.array([[0.0], [1.0]]), width=1.0).round(3)
    array([[1.   , 0.607],
           [0.607, 1.   ]])
    """
    if kernel not in MEASURES:
        raise ValueError(f"There is no kernel {kernel!r} of points. Known are {list(MEASURES)}.")
    B = A if B is None else B
    if A.ndim != 2 or B.ndim != 2 or A.shape[1] != B.shape[1]:
        raise ValueError(f"Points of shapes {A.shape} and {B.shape} do not fit: wanted the same features in columns.")
    if kernel == "correlation":
        A, B = unit_profiles(A), unit_profiles(B)
    return from_measure(kernel, measure(kernel, A, B), A.shape[1], width=width, degree=degree, coef0=coef0)


def measure(kernel, A, B):
    """Inner products or distances that a kernel is made of (n_a, n_b); profiles are unit vectors already."""
    kind = MEASURES[kernel]
    xp = array_namespace(A, B)
    if kind == "products":
        return A @ B.T
    if kind == "squared distances":
        if isinstance(A, np.ndarray):
            return squared_distances(A, B)
        squares = xp.sum(A * A, axis=1)[:, None] + xp.sum(B * B, axis=1)[None, :] - 2.0 * (A @ B.T)
        return xp.where(squares > 0.0, squares, xp.zeros_like(squares))
    if kind == "city-block distances":
        if isinstance(A, np.ndarray):
            return cdist(A, B, "cityblock")
        return _sum_over_features(A, B, lambda x, y: xp.abs(x - y))
    if bool(xp.any(A < 0)) or bool(xp.any(B < 0)):
        raise ValueError("The chi-squared kernel takes features that are not negative, such as counts or histograms.")
    if isinstance(A, np.ndarray):
        A, B = (array if array.flags.writeable else array.copy() for array in (A, B))  # its loops take no other
        return -additive_chi2_kernel(A, B)
    return _sum_over_features(A, B, lambda x, y: (x - y) ** 2 / xp.where(x + y > 0, x + y, xp.ones_like(x + y)))


def from_measure(kernel, measured, n_features, *, width, degree, coef0):
    """The kernel from its products or distances."""
    xp = array_namespace(measured)
    if kernel in ("linear", "correlation"):
        return measured
    if kernel == "polynomial":
        return (measured / n_features + coef0) ** degree
    unit = 2.0 * width**2 if kernel == "rbf" else width
    if isinstance(measured, np.ndarray):
        return np.exp(measured * (-1.0 / unit))
    return xp.exp(measured * (-1.0 / unit))


def unit_profiles(A):
    """Rows centered and of unit length, so that their products are correlations; a constant row is zero."""
    xp = array_namespace(A)
    centered = A - xp.mean(A, axis=1, keepdims=True)
    norms = xp.sqrt(xp.sum(centered * centered, axis=1, keepdims=True))
    rounding = 1e-12 * xp.sqrt(xp.sum(A * A, axis=1, keepdims=True))
    there = norms > rounding
    return xp.where(there, centered / xp.where(there, norms, xp.ones_like(norms)), xp.zeros_like(centered))


def _sum_over_features(A, B, term):
    """Sum of a term over the features, one feature at a time, so that nothing is larger than the kernel."""
    xp = array_namespace(A, B)
    total = xp.zeros((A.shape[0], B.shape[0]), dtype=A.dtype, device=device(A))
    for feature in range(A.shape[1]):
        total = total + term(A[:, feature][:, None], B[:, feature][None, :])
    return total
