"""Kernels of lesions from their patches, and maps of models that such a kernel fits."""

import numpy as np

from skfuse._chunks import chunks
from skfuse._covariates import residuals_of
from skfuse.lesions._multivariate import permuted_targets
from skfuse.permutation import MapStatistic
from skfuse.permutation._ranked import RankedExtremes, draws_at_a_time

_CHUNK_BYTES = 2**22  # of columns in floating point, and of products with permuted targets
_DRAWS = 1024  # permuted targets that exist at a time
SCALE_DRAWS = 512  # permutations that tell how much a voxel varies under the null
_FLAT = 1e-12
_LEAST_SIMILARITY = 0.05


def gram(columns, sizes):
    """Inner products of subjects over voxels, from patches and their numbers of voxels.

    Parameters
    ----------
    columns : ndarray or PackedColumns of shape (n_subjects, n_patches)
    sizes : ndarray of shape (n_patches,)

    Returns
    -------
    products : ndarray of shape (n_subjects, n_subjects), float64
    """
    products = np.zeros((len(columns), len(columns)))
    for part in chunks(columns.shape[1], 8 * len(columns), _CHUNK_BYTES):
        x = columns[:, part] * np.sqrt(sizes[part])
        products += x @ x.T
    return products


def squared_distances(products):
    """Squared distances of subjects from their inner products."""
    size = np.diagonal(products)
    return np.maximum(size[:, None] + size - 2.0 * products, 0.0)


def choose_gamma(gamma, products, mean, n_voxels):
    """Width of a radial kernel: the number itself, or from the data.

    Parameters
    ----------
    gamma : float, "scale" or "median"
        ``"scale"`` is 1 over the sum over voxels of the variance of all values, as in scikit-learn; ``"median"`` is 1
        over the median squared distance of two subjects.
    products : ndarray of shape (n_subjects, n_subjects)
    mean : float
        Of all values.
    n_voxels : int

    Returns
    -------
    gamma : float

    Raises
    ------
    ValueError
        If no two subjects would resemble one another.
    """
    apart = squared_distances(products)[np.triu_indices(len(products), 1)]
    value = gamma
    if gamma == "scale":
        variance = np.trace(products) / (len(products) * n_voxels) - mean**2
        value = 1.0 / (n_voxels * variance) if variance > 0 else 1.0
    elif gamma == "median":
        middle = float(np.median(apart))
        value = 1.0 / middle if middle > 0 else 1.0
    most = float(np.exp(-value * apart.min()))
    if most < _LEAST_SIMILARITY:
        raise ValueError(
            f"gamma={gamma!r} makes the most similar two lesions {most:.2g} similar, of 1: the kernel is close to the "
            f"identity, and nothing learned from one subject applies to another. Squared distances go from "
            f"{apart.min():.4g} to {apart.max():.4g}: take gamma='scale' or 'median', or at most "
            f"{-np.log(_LEAST_SIMILARITY) / apart.min():.3g}."
        )
    return float(value)


def centered_kernel(kernel, basis):
    """Kernel of features from which orthonormal columns are taken out, and the mean of its diagonal."""
    half = residuals_of(kernel, basis)
    kernel = residuals_of(half.T, basis)
    kernel = 0.5 * (kernel + kernel.T)
    return kernel, float(np.trace(kernel)) / len(kernel)


def ridge_duals(kernel, C):
    """A function from targets (n_targets, n_subjects) to dual coefficients of ridge regression: one product for all."""
    inverse = np.linalg.inv(kernel + np.eye(len(kernel)) / (2.0 * C))

    def solve(targets):
        nothing = np.zeros(len(targets))
        return targets @ inverse, nothing, nothing, np.ones(len(targets), dtype=np.intp)

    return solve


def vector_duals(kernel, C, epsilon, tol, max_iter):
    """The same of support vector regression, each target fitted on its own."""
    from skfuse.lesions._svr_compiled import fit_duals

    def solve(targets):
        duals, steps = np.zeros_like(targets), np.empty(len(targets), dtype=np.intp)
        intercepts, left = np.empty(len(targets)), np.empty(len(targets))
        fit_duals(kernel, targets, C, epsilon, tol, max_iter, duals, intercepts, left, steps)
        return duals, intercepts, left, steps

    return solve


class DualStatistic(MapStatistic):
    r"""Back-projected dual coefficients of each patch, over their standard deviation under permutation.

    With dual coefficients :math:`a(y)` and constant and volume taken out by R, the map is :math:`b_v = x_v^\top R a`
    and the statistic

    .. math:: z_v = b_v / \sqrt{x_v^\top R S R x_v}, \quad S = E_\pi\, a(\pi y)\, a(\pi y)^\top,

    so that all voxels have one scale, for which a maximum over them is fair. The kernel is that of every permutation.

    Parameters
    ----------
    columns : ndarray or PackedColumns of shape (n_subjects, n_patches)
    design : VolumeDesign
    target : ndarray of shape (n_subjects,)
        What is left of the score, with standard deviation 1.
    solve : callable
        From targets to ``(duals, intercepts, violations, steps)``.
    draws : ndarray of shape (n_draws, n_subjects)
        Permutations that give S; others than those of the test.
    dtype : {"float32", "float64"}
        Precision of permuted maps.
    """

    def __init__(self, columns, design, target, solve, draws, dtype="float32"):
        self.columns, self.n_columns = columns, columns.shape[1]
        self.dtype = np.dtype(dtype).name
        self._design, self._target, self._solve = design, target, solve
        weights = self._weights(permuted_targets(design, target, draws))
        values, vectors = np.linalg.eigh(weights.T @ weights / len(weights))
        kept = values > _FLAT * values[-1]
        root = vectors[:, kept] * np.sqrt(values[kept])
        variances = np.empty(self.n_columns)
        for part in self._parts():
            variances[part] = np.sum((root.T @ columns[:, part]) ** 2, axis=0)
        flat = variances <= _FLAT * variances.max(initial=0.0)
        self._deviations = np.sqrt(np.where(flat, np.inf, variances))

    def observed(self):
        """Statistic of each patch, in float64."""
        return back_project(self.columns, self._weights(self._target[None])[0]) / self._deviations

    def permuted(self, draws):
        """Statistic of each patch for permuted scores, the model fitted to each."""
        weights = self._weights(permuted_targets(self._design, self._target, draws)).astype(self.dtype)
        maps = np.empty((len(draws), self.n_columns), dtype=self.dtype)
        for part in self._parts(len(draws)):
            maps[:, part] = self._product(part, weights.T).T
        return maps

    def extremes(self, draws, *, rank=1, sizes=None, absolute=False):
        """Highest and lowest statistic of each permutation; see :meth:`MapStatistic.extremes`."""
        found = np.empty((len(draws), 2))
        for some in chunks(len(draws), 1, draws_at_a_time(rank, _DRAWS)):
            targets = permuted_targets(self._design, self._target, draws[some])
            weights = np.ascontiguousarray(self._weights(targets).T.astype(self.dtype))
            tracker = RankedExtremes(rank, sizes, absolute)
            for part in self._parts(weights.shape[1]):
                tracker.add(self._product(part, weights), part)
            found[some] = tracker.found()
        return found

    def _weights(self, targets):
        """What each subject's lesion counts in the map of each target."""
        return map_weights(self._design, self._solve(targets)[0])

    def _product(self, part, weights):
        return (self.columns[:, part] * (1.0 / self._deviations[part]).astype(self.dtype)).T @ weights

    def _parts(self, n_draws=128):
        return chunks(self.n_columns, 8 * max(n_draws, len(self.columns)), _CHUNK_BYTES)


def map_weights(design, duals):
    """Weights of lesions as they are in X, from dual coefficients (n_targets, n_subjects)."""
    weights = residuals_of(duals.T, design.of_lesions).T
    return weights if design.row_scale is None else weights * design.row_scale


def back_project(columns, weights):
    """Weighted sum of the subjects' columns, in float64."""
    out = np.empty(columns.shape[1])
    for part in chunks(columns.shape[1], 8 * len(columns), _CHUNK_BYTES):
        out[part] = weights @ columns[:, part].astype(np.float64)
    return out
