"""Alignment of kernels with a target: how alike two kernels are once centered, and weights made of it."""

import numpy as np
from array_api_compat import array_namespace, device
from scipy.optimize import nnls

from skfuse._backend import asymmetry, to_host

_ENTRIES = 2**22  # of all kernels that are multiplied at a time
_CACHED = 2**17  # the same where the cache of the processor should hold them
_ROUNDING = 1e-13  # share of an entry
_NOTHING = 1e-12  # share of a kernel that rounding leaves when it is centered


def centered_alignment(K, L):
    r"""Cosine between two kernels in the space of centered kernels [1]_.

    .. math:: \rho(K, L) = \frac{\langle K_c, L_c \rangle_F}{\lVert K_c \rVert_F \lVert L_c \rVert_F}, \qquad
              K_c = H K H, \quad H = I - 11^\top / n.

    Without centering nearly all kernels look alike, because all have a large mean.

    Parameters
    ----------
    K, L : array of shape (n_subjects, n_subjects)
        Symmetric kernels of the same subjects; NumPy, torch, CuPy or another library of the array API, which then does
        the work where they are.

    Returns
    -------
    alignment : float
        Between 0 and 1 for positive semidefinite kernels, without unit; 0 if one is constant.

    Raises
    ------
    ValueError
        If the kernels are not square, symmetric, finite and of one size.

    See Also
    --------
    alignment_weights : Weights of several kernels from their alignment with a target.

    References
    ----------
    .. [1] C. Cortes, M. Mohri, A. Rostamizadeh. Algorithms for learning kernels based on centered alignment. JMLR 13,
       795 (2012). https://jmlr.org/papers/v13/cortes12a.html

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import centered_alignment
    >>> y = np.array([1.0, 1.0, -1.0, -1.0])
    >>> centered_alignment(np.outer(y, y), 5.0 + 2.0 * np.outer(y, y))
    1.0
    """
    M = centered_products(check_kernels([K, L]))
    norms = np.sqrt(M[0, 0] * M[1, 1])
    return float(np.clip(M[0, 1] / norms, -1.0, 1.0)) if norms > 0 else 0.0


def alignment_weights(kernels, target, *, kind="alignf", sample_weight=None):
    r"""Weights of kernels from their centered alignment with a target [1]_.

    With :math:`M_{kl} = \langle K_{k,c}, K_{l,c} \rangle_F` and :math:`a_k = \langle K_{k,c}, T T^\top \rangle_F`,

    .. math:: \theta_k \propto a_k \;\text{ ("align")}, \qquad
              \theta \propto \arg\min_{v \ge 0} \; v^\top M v - 2 v^\top a \;\text{ ("alignf")}.

    ``"alignf"`` maximizes the alignment of the weighted sum with the target; of kernels that say the same it takes few.
    ``"align"`` looks at one kernel at a time.

    Parameters
    ----------
    kernels : sequence of arrays of shape (n_subjects, n_subjects)
        Symmetric, positive semidefinite; of one scale for ``"align"`` (unit trace, say), which compares them as they
        are. NumPy, torch, CuPy or another library of the array API, which then does the work where they are.
    target : array-like of shape (n_subjects,) or (n_subjects, n_targets)
        Numbers, such as -1 and 1 for two classes, or one indicator column per class; centered here.
    kind : {"align", "alignf"}, default="alignf"
        Which weights.
    sample_weight : array-like of shape (n_subjects,) or None
        A subject of weight 2 counts as two equal ones.

    Returns
    -------
    weights : array of shape (n_kernels,)
        Non-negative, they sum to 1; in the library and on the device of the kernels.

    Raises
    ------
    ValueError
        If kernels and target do not fit together, a kernel is not symmetric and finite, the target does not vary, or no
        kernel has anything to do with it.

    Notes
    -----
    All products are those of uncentered kernels, corrected by their row sums, so that no centered copy is made:
    :math:`\langle K_c, L_c \rangle = \langle K, L \rangle - \tfrac{2}{n} (K1)^\top (L1) + \tfrac{1}{n^2} (1^\top K 1)
    (1^\top L 1)`. Then ``"alignf"`` is a non-negative least squares problem in as many unknowns as there are kernels.

    References
    ----------
    .. [1] C. Cortes, M. Mohri, A. Rostamizadeh. JMLR 13, 795 (2012). https://jmlr.org/papers/v13/cortes12a.html

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import alignment_weights
    >>> y = np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    >>> x = np.array([0.0, 3.0, -1.0, 2.0, -2.0, -2.0])
    >>> informative = np.outer(y, y) + 0.1 * np.eye(6)
    >>> alignment_weights([informative, np.outer(x, x)], y).round(2)
    array([1., 0.])
    >>> alignment_weights([informative, np.outer(x, x)], y, kind="align").round(2)
    array([0.7, 0.3])
    """
    if kind not in ("align", "alignf"):
        raise ValueError(f"`kind` must be 'align' or 'alignf', got {kind!r}.")
    kernels = check_kernels(kernels)
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, kernels[0].shape[0])
    weights = weights_of_alignment(kernels, _centered_target(target, kernels[0].shape[0]), kind, sample_weight)
    if not weights.sum() > 0:
        raise ValueError(
            "No kernel is aligned with the target: none has a centered product with it above 0. Give other kernels, or "
            "weigh them alike."
        )
    xp = array_namespace(*kernels)
    return xp.asarray(weights / weights.sum(), device=device(kernels[0]))


def weights_of_alignment(kernels, target, kind, sample_weight=None):
    """Unnormalized weights of checked kernels; all zero if none is aligned with the target (n_subjects, n_targets)."""
    w = np.ones(len(target)) if sample_weight is None else sample_weight / np.mean(sample_weight)
    T = w[:, None] * (target - np.average(target, axis=0, weights=w))
    xp = array_namespace(*kernels)
    T = xp.asarray(T, device=device(kernels[0]))
    a = np.array([float(xp.sum(T * (K @ T))) for K in kernels])
    M = None if kind == "align" else centered_products(kernels, None if sample_weight is None else w)
    return combine(M, a, kind)


def combine(M, a, kind):
    """Unnormalized weights from the products of centered kernels and their products with the target."""
    return np.maximum(a, 0.0) if kind == "align" else _best_combination(M, a)


def centered_products(kernels, weight=None):
    """Inner products of all pairs of centered kernels (n_kernels, n_kernels), without a centered copy of any."""
    n, xp, here = kernels[0].shape[0], array_namespace(*kernels), device(kernels[0])
    products, sums = np.zeros((len(kernels), len(kernels))), np.empty((len(kernels), n))
    step = max(1, (_CACHED if isinstance(kernels[0], np.ndarray) else _ENTRIES) // (n * len(kernels)))
    root = None if weight is None else xp.asarray(np.sqrt(weight), device=here)
    # what centering would take away anyway, and digits with it
    shift = [float(xp.mean(xp.astype(K[0, :], xp.float64))) for K in kernels]
    for start in range(0, n, step):
        some = slice(start, min(start + step, n))
        rows = xp.stack(
            [xp.astype(K[some, :], xp.float64, copy=False) - c for K, c in zip(kernels, shift, strict=True)]
        )
        if weight is not None:  # as if subjects were there as often as they count
            rows = rows * (root[some, None] * root[None, :])
        sums[:, some] = to_host(xp.sum(rows, axis=2) if weight is None else rows @ root)
        flat = xp.reshape(rows, (len(kernels), -1))
        products += to_host(flat @ flat.T)
    shift = np.asarray(shift)
    size = n if weight is None else weight.sum()
    totals = sums.sum(axis=1) if weight is None else sums @ np.sqrt(weight)
    centered = products - (2.0 / size) * (sums @ sums.T) + np.outer(totals, totals) / size**2
    constant = np.diag(centered) <= _NOTHING * np.diag(products) + (_ROUNDING * size * shift) ** 2
    centered[constant] = 0.0
    centered[:, constant] = 0.0
    return centered


def check_kernels(kernels):
    """Kernels as a list of float64 arrays, or an error that says which of them is not a kernel of the same subjects."""
    kernels = [np.asarray(K, dtype=np.float64) if isinstance(K, list | tuple) else K for K in kernels]
    if not kernels:
        raise ValueError("`kernels` is empty. Give one square array per kernel.")
    xp = array_namespace(*kernels)
    kernels = [xp.astype(K, xp.float64, copy=False) for K in kernels]
    n = kernels[0].shape[0] if kernels[0].ndim else 0
    for number, K in enumerate(kernels):
        if not n or tuple(K.shape) != (n, n):
            raise ValueError(
                f"Kernel {number} has shape {tuple(K.shape)}, wanted ({n}, {n}): a row and a column for each subject, "
                "the same subjects in all kernels."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            total = xp.sum(K)  # finite unless it holds a NaN or an infinity, or overflows: one pass for most kernels
        if not bool(xp.isfinite(total)) and not bool(xp.all(xp.isfinite(K))):
            raise ValueError(
                f"Kernel {number} contains NaN or infinity. Leave subjects without the modality out of it."
            )
        apart = asymmetry(K)
        if apart > 1e-6 * max(float(xp.max(K)), -float(xp.min(K))):
            raise ValueError(
                f"Kernel {number} is not symmetric: entries differ from their mirror image by up to {apart:.3g}. "
                "Average it with its transpose if both mean the same."
            )
    return kernels


def check_sample_weight(sample_weight, n):
    """Weights of subjects as float64 (n_subjects,), or an error that says what is wrong with them."""
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n,):
        raise ValueError(f"`sample_weight` has shape {weight.shape}, wanted ({n},).")
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise ValueError("`sample_weight` must hold finite numbers of at least 0, not all of them 0.")
    return weight


def _centered_target(target, n):
    T = np.asarray(to_host(target), dtype=np.float64)
    T = T[:, None] if T.ndim == 1 else T
    if T.ndim != 2 or len(T) != n or not np.isfinite(T).all():
        raise ValueError(f"`target` has shape {T.shape}, wanted finite numbers for each of {n} subjects.")
    spread = T - T.mean(axis=0)
    if np.abs(spread).max() <= _NOTHING * np.abs(T).max(initial=0.0):
        raise ValueError("`target` does not vary, so no kernel can be aligned with it.")
    return spread


def _best_combination(M, a):
    """Minimize v' M v - 2 v' a over v >= 0, for kernels brought to one norm, so that their units do not matter."""
    norms = np.sqrt(np.diag(M))
    scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    values, vectors = np.linalg.eigh(scale[:, None] * M * scale)
    kept = values > 1e-13 * values[-1]  # duplicated kernels leave directions that nothing determines
    root = np.sqrt(values[kept])
    found, _ = nnls(root[:, None] * vectors[:, kept].T, (vectors[:, kept].T @ (scale * a)) / root)
    return found * scale
