"""Low-rank factors of kernels: which subjects stand for all (landmarks), and the map that whitens them."""

import numpy as np
from array_api_compat import array_namespace, device
from sklearn.cluster import kmeans_plusplus
from sklearn.utils import check_random_state

from skfuse._backend import to_host

_SAME = 1e-6  # share of the largest entry or eigenvalue that rounding, in float32 too, may put in the wrong place
_ENTRIES = 2**22  # of kernel blocks that are evaluated at a time
_PILOT = 64  # fewest subjects of a first, uniform sample


def nystroem_factor(K_landmarks, *, rtol=1e-10):
    r"""Map that turns kernel columns of landmarks into features whose products are the kernel [1]_.

    With :math:`W = K(\text{landmarks}, \text{landmarks}) = U \Lambda U^\top`, of which the eigenvalues above `rtol`
    times the largest are kept,

    .. math:: T = U \Lambda^{-1/2}, \qquad F(x) = K(x, \text{landmarks}) \, T, \qquad
              F F^\top = K(x, \text{landmarks}) \, W^{+} K(\text{landmarks}, x).

    It is exact for the landmarks themselves, and everywhere if the landmarks span the space of the kernel.

    Parameters
    ----------
    K_landmarks : array of shape (n_landmarks, n_landmarks)
        Symmetric, positive semidefinite kernel between landmarks; NumPy or another library of the array API.
    rtol : float, default=1e-10
        Eigenvalues up to this share of the largest count as zero.

    Returns
    -------
    T : array of shape (n_landmarks, n_features)
        As many features as `K_landmarks` has rank; none if it is zero.

    Raises
    ------
    ValueError
        If `K_landmarks` is not square, finite, symmetric and positive semidefinite.

    See Also
    --------
    choose_landmarks : Landmarks that are drawn.
    pivoted_cholesky : Landmarks of one kernel, chosen one by one.
    mklaren_pivots : Landmarks of several kernels, chosen for a target.

    References
    ----------
    .. [1] C. K. I. Williams, M. Seeger. Using the Nyström method to speed up kernel machines. NIPS 13 (2001).
       https://papers.nips.cc/paper/1866-using-the-nystrom-method-to-speed-up-kernel-machines

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import nystroem_factor
    >>> X = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [3.0, 1.0]])
    >>> K = X @ X.T
    >>> features = K[:, :2] @ nystroem_factor(K[:2, :2])  # rows 0 and 1 are the landmarks
    >>> bool(np.allclose(features @ features.T, K))
    True
    """
    xp = array_namespace(K_landmarks)
    W = K_landmarks
    if W.ndim != 2 or W.shape[0] != W.shape[1] or not W.shape[0]:
        raise ValueError(f"`K_landmarks` has shape {tuple(W.shape)}, wanted a row and a column for each landmark.")
    if not xp.isdtype(W.dtype, "real floating"):
        W = xp.astype(W, xp.float64)
    if not bool(xp.all(xp.isfinite(W))):
        raise ValueError("`K_landmarks` contains NaN or infinity. Choose landmarks among subjects with the modality.")
    apart, largest = float(xp.max(xp.abs(W - W.T))), float(xp.max(xp.abs(W)))
    if apart > _SAME * largest:
        raise ValueError(
            f"`K_landmarks` is not symmetric: entries differ from their mirror image by up to {apart:.3g}. Give the "
            "kernel between the landmarks in one order for rows and columns."
        )
    values, vectors = xp.linalg.eigh((W + W.T) / 2)
    smallest, largest = float(values[0]), float(values[-1])
    if smallest < -_SAME * max(largest, -smallest):
        raise ValueError(
            f"`K_landmarks` is not positive semidefinite: its eigenvalues go from {smallest:.3g} to {largest:.3g}, so "
            "no features have it as products. Use another kernel, or set negative eigenvalues to zero beforehand."
        )
    first = int(xp.sum(xp.astype(values <= max(rtol * largest, 0.0), xp.int64)))  # eigenvalues ascend
    return vectors[:, first:] / xp.sqrt(values[first:])


def choose_landmarks(points, n_landmarks, *, method="uniform", kernel=None, random_state=None):
    r"""Draw subjects that stand for all.

    ``"uniform"`` gives every subject the same chance. ``"leverage"`` gives it the chance of its ridge leverage score,

    .. math:: \ell_i = \left( K (K + \lambda I)^{-1} \right)_{ii}, \qquad
              \lambda = \frac{1}{r} \sum_{j > r} \sigma_j(K), \qquad r = \text{n\_landmarks},

    so that subjects unlike the others are not missed; scores and :math:`\lambda` are estimated from the kernel columns
    of a uniform sample of 2 r subjects, one level of the recursion of [1]_. ``"k-means++"`` spreads the landmarks in
    the space of the points [2]_.

    Parameters
    ----------
    points : array-like of shape (n_subjects, n_features)
        Finite features.
    n_landmarks : int
        How many are wanted; all subjects if there are not more.
    method : {"uniform", "leverage", "k-means++"}, default="uniform"
        How they are drawn, always without replacement.
    kernel : callable, default=None
        ``kernel(A, B)`` gives the block of the kernel between rows of two arrays; needed for ``"leverage"`` only.
    random_state : int, RandomState or None, default=None
        Seed of the draw.

    Returns
    -------
    landmarks : ndarray of shape (n_landmarks,), dtype int
        Sorted, distinct row numbers. Subjects with equal features are not taken twice, so that there are fewer
        landmarks if fewer subjects differ.

    Raises
    ------
    ValueError
        If the points are not finite numbers in rows, `method` is unknown or ``"leverage"`` lacks its kernel.

    See Also
    --------
    nystroem_factor : Features from the landmarks.

    References
    ----------
    .. [1] C. Musco, C. Musco. Recursive sampling for the Nyström method. NIPS 30 (2017).
       https://arxiv.org/abs/1605.07583
    .. [2] D. Arthur, S. Vassilvitskii. k-means++: the advantages of careful seeding. SODA (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import choose_landmarks
    >>> points = np.r_[np.zeros((50, 2)), np.ones((50, 2))]  # two groups of equal subjects
    >>> landmarks = choose_landmarks(points, 10, random_state=0)
    >>> points[landmarks]
    array([[0., 0.],
           [1., 1.]])
    """
    points = np.asarray(to_host(points))
    if points.dtype.kind != "f" or method != "uniform":  # a uniform draw needs no digits
        points = points.astype(np.float64, copy=False)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise ValueError(
            f"`points` has shape {points.shape}, wanted finite numbers of shape (n_subjects, n_features). Leave out "
            "subjects without the modality."
        )
    if n_landmarks < 1:
        raise ValueError(f"`n_landmarks` must be at least 1, got {n_landmarks!r}.")
    if method not in ("uniform", "leverage", "k-means++"):
        raise ValueError(f"`method` must be 'uniform', 'leverage' or 'k-means++', got {method!r}.")
    if method == "leverage" and kernel is None:
        raise ValueError("method='leverage' needs `kernel`, a function that gives the block kernel(A, B).")
    if len(points) <= n_landmarks:
        return np.arange(len(points))
    rng = check_random_state(random_state)
    if method == "k-means++":
        _, drawn = kmeans_plusplus(points - points.mean(axis=0), n_landmarks, random_state=rng)
        return _first_distinct(points, drawn, n_landmarks)
    # the subjects in the order of a draw without replacement: exponential waiting times, shorter for larger scores
    waits = rng.exponential(size=len(points))
    if method == "leverage":
        waits = waits / _leverage_scores(points, n_landmarks, kernel, rng)
    return _first_distinct(points, np.argsort(waits, kind="stable"), n_landmarks)


def pivoted_cholesky(columns, diagonal, rank, *, rtol=1e-10):
    r"""Incomplete Cholesky factor of a kernel, pivots chosen greedily [1]_.

    Each step takes the subject whose kernel with itself is explained worst so far,

    .. math:: p = \arg\max_i d_i, \qquad
              L_{\cdot k} = \left( K_{\cdot p} - L_{\cdot, 1:k-1} L_{p, 1:k-1}^\top \right) / \sqrt{d_p}, \qquad
              d \leftarrow d - L_{\cdot k}^2,

    and needs one column of the kernel: O(n r²) time and O(n r) memory for n subjects and rank r. :math:`L L^\top` is
    the Nyström approximation with the pivots as landmarks, and the sum of d is the trace of what it misses.

    Parameters
    ----------
    columns : callable
        ``columns(i)`` gives column i of the positive semidefinite kernel, shape (n_subjects,).
    diagonal : array of shape (n_subjects,)
        Kernel of each subject with itself; NumPy, torch, CuPy or another library of the array API, as the columns are.
    rank : int
        Most pivots to take.
    rtol : float, default=1e-10
        Stop when the trace of what is missed is at most this share of the trace of the kernel.

    Returns
    -------
    pivots : ndarray of shape (n_pivots,), dtype int
        Row numbers in the order in which they were taken.
    factor : array of shape (n_subjects, n_pivots)
        L, whose products approximate the kernel; in the library and on the device of the kernel.

    Raises
    ------
    ValueError
        If the kernel is not finite and positive semidefinite.

    See Also
    --------
    nystroem_factor : Features of new subjects from the pivots.

    References
    ----------
    .. [1] S. Fine, K. Scheinberg. Efficient SVM training using low-rank kernel representations. JMLR 2, 243 (2001).
       https://www.jmlr.org/papers/v2/fine01a.html

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import pivoted_cholesky
    >>> X = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [3.0, 1.0]])
    >>> K = X @ X.T
    >>> pivots, factor = pivoted_cholesky(lambda i: K[i], np.diag(K), rank=4)
    >>> pivots  # two features: two pivots are enough
    array([3, 1])
    >>> bool(np.allclose(factor @ factor.T, K))
    True
    """
    xp = np if isinstance(diagonal, list | tuple) else array_namespace(diagonal)
    here = None if xp is np else device(diagonal)
    missed = xp.asarray(check_diagonal(to_host(diagonal)), device=here)
    if rank < 1:
        raise ValueError(f"`rank` must be at least 1, got {rank!r}.")
    n, largest, enough = missed.shape[0], float(xp.max(missed)), rtol * float(xp.sum(missed))
    factor = xp.zeros((min(rank, n), n), dtype=xp.float64, device=here)  # a pivot in a row, which is one piece
    pivots = np.empty(factor.shape[0], dtype=np.intp)
    for k in range(len(pivots)):
        pivot = int(xp.argmax(missed))
        if float(xp.sum(missed)) <= enough or float(missed[pivot]) <= 0.0:
            return pivots[:k], factor[:k, :].T
        column = check_column(columns(pivot), pivot, n, xp)
        found = (column - factor[:k, pivot] @ factor[:k, :]) / xp.sqrt(missed[pivot])
        missed = missed - found**2
        if float(xp.min(missed)) < -_SAME * largest:
            raise ValueError(
                "The kernel is not positive semidefinite: its Cholesky factor explains more than a subject's kernel "
                "with itself. Use another kernel, or set negative eigenvalues to zero beforehand."
            )
        pivots[k], factor[k, :] = pivot, found
        missed = xp.where(missed > 0.0, missed, xp.zeros_like(missed))
        missed[pivot] = 0.0
    return pivots, factor.T


def check_diagonal(diagonal):
    """Diagonal of a kernel as float64, or an error if no positive semidefinite kernel has it."""
    diagonal = np.array(diagonal, dtype=np.float64)
    if diagonal.ndim != 1 or not diagonal.size or not np.isfinite(diagonal).all() or diagonal.min() < 0.0:
        raise ValueError(
            f"`diagonal` of shape {diagonal.shape} must hold one finite, non-negative number per subject: the kernel "
            "of each subject with itself."
        )
    return diagonal


def check_column(column, number, n, xp=np):
    """Column of a kernel as float64, or an error that names it."""
    column = np.asarray(column) if xp is np else column
    column = xp.astype(column, xp.float64, copy=False)
    if tuple(column.shape) != (n,) or not bool(xp.all(xp.isfinite(column))):
        raise ValueError(f"Column {number} of the kernel has shape {tuple(column.shape)}, wanted {n} finite numbers.")
    return column


def _leverage_scores(points, n_landmarks, kernel, rng):
    """Ridge leverage scores from the kernel columns of a uniform pilot sample; positive."""
    n = len(points)
    size = min(n, max(2 * n_landmarks, _PILOT))
    pilot = rng.choice(n, size, replace=False)
    W = np.asarray(kernel(points[pilot], points[pilot]), dtype=np.float64)
    values, vectors = np.linalg.eigh((W + W.T) / 2)
    values = np.maximum(values, 0.0)
    tail = values[: max(size - n_landmarks, 0)].sum() * n / size  # eigenvalues of K are n / size times those of W
    ridge = max(tail, 1e-8 * np.trace(W) * n / size) / n_landmarks
    if not ridge > 0:
        return np.ones(n)  # a kernel that is zero tells nobody apart
    root = vectors / np.sqrt(values + ridge * size / n)
    scores = np.empty(n)
    step = max(1, min(_PILOT, _ENTRIES // size))  # a short block gives its diagonal at little cost
    for start in range(0, n, step):
        rows = points[start : start + step]
        explained = np.sum((np.asarray(kernel(rows, points[pilot])) @ root) ** 2, axis=1)
        scores[start : start + step] = (np.diag(kernel(rows, rows)) - explained) / ridge
    return np.clip(scores, 1e-9, 1.0)


def _first_distinct(points, order, n_wanted):
    """Of the rows in `order` the first `n_wanted` that differ from all before them, sorted."""
    seen = min(n_wanted, len(order))
    while True:
        _, first = np.unique(points[order[:seen]], axis=0, return_index=True)
        if len(first) >= n_wanted or seen == len(order):
            return np.sort(order[np.sort(first)[:n_wanted]])
        seen = min(2 * seen, len(order))
