"""Positive definite matrices: means of several kinds, and the tangent space at one of them."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skfuse._chunks import chunks

_CHUNK_BYTES = 2**25
REFERENCES = ("geometric", "euclidean", "log-euclidean")


def spectral(matrices, function):
    """Apply a function to the eigenvalues of symmetric matrices.

    Parameters
    ----------
    matrices : ndarray of shape (..., n_nodes, n_nodes)
    function : callable

    Returns
    -------
    matrices : ndarray of the same shape
    """
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * function(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def shrunk(matrices, share):
    r"""Matrices drawn toward a multiple of the identity that has their trace: :math:`(1 - a) C + a \bar\lambda I`.

    Parameters
    ----------
    matrices : ndarray of shape (n_subjects, n_nodes, n_nodes)
    share : float
        a; below 0 it undoes a shrinkage, see :func:`unshrunk`.

    Returns
    -------
    matrices : ndarray of shape (n_subjects, n_nodes, n_nodes), float64
    """
    out = (1.0 - share) * np.asarray(matrices, dtype=np.float64)
    if share:
        n_nodes = out.shape[-1]
        level = np.trace(matrices, axis1=1, axis2=2, dtype=np.float64) / n_nodes
        places = np.arange(n_nodes)
        out[:, places, places] += share * level[:, None]
    return out


def unshrunk(matrices, share):
    """What :func:`shrunk` made these of; exact, as the trace is kept."""
    return shrunk(matrices, -share / (1.0 - share))


def refuse_not_definite(matrices, first=0):
    """Raise an error for the first matrix that is not positive definite.

    Parameters
    ----------
    matrices : ndarray of shape (n_subjects, n_nodes, n_nodes)
    first : int
        Row number of the first of them.
    """
    values = np.linalg.eigvalsh(matrices)
    bad = values[:, 0] <= values.shape[1] * np.finfo(np.float64).eps * np.maximum(values[:, -1], 0.0)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"The connectome of row {first + row} is not positive definite (smallest eigenvalue {values[row, 0]:.3g}, "
            f"largest {values[row, -1]:.3g}), so that it has no tangent vector. Fisher z, thresholds and fewer time "
            "points than nodes have this effect: give covariances or correlations as estimated by Ledoit and Wolf's "
            "shrinkage, set regularization to 0.1 or more, or take kind='edges'."
        )


def reference_of(matrices, kind):
    """Mean of positive definite matrices.

    Parameters
    ----------
    matrices : ndarray of shape (n_subjects, n_nodes, n_nodes)
    kind : {"geometric", "euclidean", "log-euclidean"}

    Returns
    -------
    mean : ndarray of shape (n_nodes, n_nodes)
    """
    if kind == "euclidean":
        return matrices.mean(axis=0)
    if kind == "log-euclidean":
        return spectral(_mean_of_logs(matrices, None), np.exp)
    return geometric_mean(matrices)


def geometric_mean(matrices, *, tol=1e-8, max_iter=100):
    r"""Mean in the affine-invariant metric, by the fixed point of Moakher [1]_.

    :math:`G \leftarrow G^{1/2} \exp(\tfrac{t}{n} \sum_i \log(G^{-1/2} C_i G^{-1/2})) G^{1/2}`, until the mean of the
    logarithms is 0; the step t is 1 at first, then that of Barzilai and Borwein [2]_, at most 1.

    Parameters
    ----------
    matrices : ndarray of shape (n_subjects, n_nodes, n_nodes)
    tol : float
        Root mean square of the eigenvalues of the mean logarithm at which it stops.
    max_iter : int

    Returns
    -------
    mean : ndarray of shape (n_nodes, n_nodes)

    References
    ----------
    .. [1] M. Moakher. SIAM J Matrix Anal Appl 26 (2005), 735-747. https://doi.org/10.1137/S0895479803436937
    .. [2] J. Barzilai, J. M. Borwein. IMA J Numer Anal 8 (1988), 141-148. https://doi.org/10.1093/imanum/8.1.141
    """
    mean, step, last = reference_of(matrices, "log-euclidean"), 1.0, None  # close to it, as a rule
    for _ in range(max_iter):
        root, inverse = root_of(mean), inverse_root_of(mean)
        direction = _mean_of_logs(matrices, inverse)
        gap = np.linalg.norm(direction) / np.sqrt(len(direction))
        if gap <= tol:
            return mean
        if last is not None:
            step = _step(step, last, direction)
        last = direction
        mean = root @ spectral(step * direction, np.exp) @ root
        mean = 0.5 * (mean + mean.T)
    warnings.warn(
        f"The geometric mean of {len(matrices)} connectomes is not reached after {max_iter} rounds: the mean logarithm "
        f"is {gap:.1e}, more than {tol:g}. Some are nearly singular: set regularization to 0.1 or more, or take "
        "reference='log-euclidean'.",
        ConvergenceWarning,
        stacklevel=5,
    )
    return mean


def _step(step, last, direction):
    """Step that the change of direction suggests: where connectomes differ much, whole steps go too far."""
    bend = np.sum(last * (last - direction))
    return min(1.0, step * np.sum(last * last) / bend) if bend > 0 else 0.5 * step


def logarithms(matrices, inverse_root=None):
    """Logarithms of matrices, seen from a reference if its inverse square root is given.

    Parameters
    ----------
    matrices : ndarray of shape (n_subjects, n_nodes, n_nodes)
    inverse_root : ndarray of shape (n_nodes, n_nodes) or None

    Returns
    -------
    logs : ndarray of shape (n_subjects, n_nodes, n_nodes)
    """
    if inverse_root is not None:
        matrices = inverse_root @ matrices @ inverse_root
        matrices = 0.5 * (matrices + np.swapaxes(matrices, -1, -2))
    # What rounding makes of a tiny eigenvalue must not become NaN.
    return spectral(matrices, lambda values: np.log(np.maximum(values, np.finfo(np.float64).tiny)))


def _mean_of_logs(matrices, inverse_root):
    total = np.zeros(matrices.shape[1:])
    for part in chunks(len(matrices), 8 * matrices[0].size, _CHUNK_BYTES):
        total += logarithms(matrices[part], inverse_root).sum(axis=0)
    return total / len(matrices)


def root_of(matrix):
    """Square root of a positive definite matrix."""
    return spectral(matrix, lambda values: np.sqrt(_positive(values)))


def inverse_root_of(matrix):
    """Inverse square root of a positive definite matrix."""
    return spectral(matrix, lambda values: 1.0 / np.sqrt(_positive(values)))


def _positive(values):
    """Eigenvalues in increasing order, those that rounding took to 0 or below at the smallest that can be told."""
    return np.maximum(values, np.finfo(np.float64).eps * values[..., -1:])
