"""Leading eigenvectors of a symmetric normalized network that is known by its products only."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

_DENSE = 300  # up to this many subjects all entries are formed
_BLOCKS = 8  # blocks of the Krylov space before it is restarted
_SHARE_OF_GAP = 0.05  # residual over gap bounds the angle between a space of vectors and the right one
_FINEST = 1e-6


def leading_eigenvectors(operator, n_components, *, n_leading=None, tol=1e-4, max_products=60, random_state=None):
    r"""Eigenvectors of :math:`D^{-1/2} W D^{-1/2}` of the largest eigenvalues, D the row sums of the network W.

    A block Krylov iteration with Rayleigh-Ritz projection. It stops when every residual
    :math:`\lVert A u - \lambda u \rVert` is at most `tol`, and those of the first `n_leading` vectors are at most 5 %
    of the gap that follows them as well (or 1e-6): where clusters are hardly told apart, their vectors are found more
    precisely. The largest eigenvalue is 1.

    Parameters
    ----------
    operator : FusedOperator
        Symmetric network with ``row_sums``.
    n_components : int
        Number of eigenvectors, the constant one included.
    n_leading : int or None
        Vectors that span the space that matters, the number of clusters; None: those before the largest gap, two at
        least.
    tol : float
        Largest residual.
    max_products : int
        Largest number of products of the network with a block of vectors.
    random_state : int, RandomState or None
        Start of the iteration.

    Returns
    -------
    values : ndarray of shape (n_components,)
        Descending.
    vectors : ndarray of shape (n_subjects, n_components)
        Orthonormal; the sum of cubes of each is not negative.

    Raises
    ------
    ValueError
        If more components are wanted than there are subjects.

    Warns
    -----
    ConvergenceWarning
        If a residual is larger than that after `max_products` products.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from skfuse.similarity import FusedOperator, leading_eigenvectors
    >>> walk = csr_array(np.kron(np.eye(2), np.full((3, 3), 1 / 3)))
    >>> values, vectors = leading_eigenvectors(FusedOperator([walk]), 2)
    >>> vectors.shape
    (6, 2)
    """
    n = operator.shape[0]
    if not 1 <= n_components <= n:
        raise ValueError(f"`n_components` must lie between 1 and the number of subjects, {n}; got {n_components!r}.")
    if n_leading is not None and not 1 <= n_leading <= n_components:
        raise ValueError(f"`n_leading` must lie between 1 and n_components={n_components}, got {n_leading!r}.")
    root = 1.0 / np.sqrt(operator.row_sums)[:, None]
    if n <= _DENSE or 2 * n_components + 8 > n // 4:
        values, vectors = np.linalg.eigh(root * operator.toarray() * root.T)
        values, vectors = values[::-1][:n_components], vectors[:, ::-1][:, :n_components]
        return values, _fix_signs(vectors)
    start = check_random_state(random_state).standard_normal((n, n_components + 6))
    start[:, 0] = 1.0

    def multiply(X):
        return root * (operator @ (root * X))

    return _block_krylov(multiply, start / root, n_components, n_leading, tol, max_products)


def _block_krylov(multiply, start, n_components, n_leading, tol, max_products):
    width = start.shape[1]
    block = np.linalg.qr(start)[0]
    n_products = 0
    while True:
        basis, images = np.empty((len(block), 0)), np.empty((len(block), 0))
        for _ in range(_BLOCKS):
            basis = np.column_stack([basis, block])
            images = np.column_stack([images, multiply(block)])
            n_products += 1
            inner = basis.T @ images
            values, mixing = np.linalg.eigh(0.5 * (inner + inner.T))
            values, mixing = values[::-1][:width], mixing[:, ::-1][:, :width]
            residuals = images @ mixing[:, :n_components] - basis @ (mixing[:, :n_components] * values[:n_components])
            residuals = np.linalg.norm(residuals, axis=0)
            wanted = _largest_residuals(values, n_components, n_leading, tol)
            if (residuals <= wanted).all() or n_products >= max_products:
                _warn_of(residuals, wanted, n_products)
                return values[:n_components], _fix_signs(basis @ mixing[:, :n_components])
            block = images[:, -width:]
            for _ in range(2):  # twice is enough for orthogonality to rounding
                block = block - basis @ (basis.T @ block)
                block = np.linalg.qr(block)[0]
        block = np.linalg.qr(basis @ mixing)[0]


def _largest_residuals(values, n_components, n_leading, tol):
    """What the residual of each vector may be, by the eigenvalues as they are known."""
    gaps = values[:n_components] - values[1 : n_components + 1]
    if n_leading is None:
        n_leading = min(n_components, 2 + int(np.argmax(gaps[1:]))) if n_components > 1 else 1
    wanted = np.full(n_components, tol)
    wanted[:n_leading] = min(tol, max(_FINEST, _SHARE_OF_GAP * gaps[n_leading - 1]))
    return wanted


def _warn_of(residuals, wanted, n_products):
    over = np.flatnonzero(residuals > wanted)
    if len(over):
        warnings.warn(
            f"The eigenvectors of the fused network have residuals up to {residuals[over[0]]:.1e} after {n_products} "
            f"products, more than the {wanted[over[0]]:.1e} wanted. Clusters that hardly stand out make this slow. Ask "
            "for fewer components, raise `tol`, or allow more products with `max_products`.",
            ConvergenceWarning,
            stacklevel=4,
        )


def _fix_signs(vectors):
    """Vectors whose sum of cubes is not negative."""
    return vectors * np.where(np.sum(vectors**3, axis=0) < 0, -1.0, 1.0)
