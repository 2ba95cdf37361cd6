"""Support vector and ridge regression of a score on whole lesions, through their kernel."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skfuse._chunks import chunks
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.lesions._choices import VOLUMES
from skfuse.lesions._columns import find_patches
from skfuse.lesions._kernel_map import (
    SCALE_DRAWS,
    DualStatistic,
    back_project,
    centered_kernel,
    choose_gamma,
    gram,
    map_weights,
    ridge_duals,
    squared_distances,
    vector_duals,
)
from skfuse.lesions._masks import lesion_sizes
from skfuse.lesions._multivariate import LesionModel, VolumeDesign, dense, unit_target, warn_of_nothing_left
from skfuse.lesions._packed_columns import columns_as_bits
from skfuse.permutation import draw_permutations

_CHUNK_BYTES = 2**24  # of new lesions in float64
_COPY_BYTES = 2**22  # of lesions of the fit in float64
_NOTHING = 1e-12


class LesionSVR(LesionModel):
    r"""Regression of a score on all voxels at once: SVR-LSM [1]_ [2]_, or ridge regression, by the kernel of lesions.

    Voxels enter through the kernel of subjects alone, which identical voxels (patches, weighted by their size) give
    exactly, so a fit takes milliseconds and 10,000 permutations well under a minute. With R taking the constant (and
    volume) out, :math:`\tilde K = R K R / \kappa` of mean diagonal 1 and the score y in standard deviations, the dual
    coefficients a solve

    .. math:: \min_a \tfrac12 a^\top \tilde K a - y^\top a + \epsilon \lVert a \rVert_1, \quad
        -C \le a_i \le C, \quad \textstyle\sum_i a_i = 0,

    or, with ``loss="squared_error"``, :math:`(\tilde K + I / 2C)\, a = y`. The map is the back-projection
    :math:`b = X^\top R a` in units of the score: for a linear kernel the coefficients of voxels, for the radial one
    the map of the SVR-LSM literature, which is a summary of the model and not its gradient.

    **Sign:** positive where subjects with a lesion score *higher*.

    Parameters
    ----------
    kernel : {"linear", "rbf"}, default="linear"
        The radial one is :math:`\exp(-\gamma \lVert x_i - x_j \rVert^2)`.
    gamma : {"scale", "median"} or float, default="scale"
        Width of the radial kernel: 1 over the summed variance of voxels (as in scikit-learn), 1 over the median squared
        distance of two subjects, or a number. A number for which no two subjects resemble each other is refused:
        the customary 5, on standardized voxels, makes the kernel the identity.
    C : float, default=0.1
        Weight of errors; the smaller, the smoother. In the units above, whatever the number of voxels.
    epsilon : float, default=0.1
        Errors up to this, in standard deviations of the score, cost nothing; for ``"epsilon_insensitive"``.
    loss : {"epsilon_insensitive", "squared_error"}, default="epsilon_insensitive"
        Support vector regression, or ridge regression.
    min_overlap : int, float or None, default=0.1
        Subjects in whom a voxel must be lesioned, and (binary masks) as many in whom it must be spared: a count, or a
        share up to 0.5.
    volume : {"covariate", "residualize", "dtlvc", "none"}, default="covariate"
        What is done about lesion volume (the sum of all voxels of X). ``"covariate"`` takes it out of the score and,
        in kernel space, out of the lesions; ``"residualize"`` out of the score alone; both predict with it.
        ``"dtlvc"`` divides each lesion by the root of its volume: a scaling, **not** a correction for confounding;
        like ``"none"`` it warns where score and volume correlate beyond .3.
    correction : {"max", "cfwer"} or None, default=None
        Whether voxels are tested, and by what: family-wise error, or the chance of `cfwer_v` false voxels; see
        :func:`skfuse.permutation.infer_map`. None makes no permutation.
    alpha : float, default=0.05
        Level.
    n_permutations : int, default=1000
        Permutations of the test.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        ``"less"`` looks only for voxels whose lesion goes with lower scores.
    cfwer_v : int, default=10
        v of ``"cfwer"``, in voxels.
    dtype : {"float32", "float64"}, default="float32"
        Precision of permuted maps.
    tol : float, default=1e-3
        Violation of the optimality conditions at which support vector regression stops, in standard deviations.
    max_iter : int, default=100000
        Most steps of one fit.
    n_jobs : int or None, default=None
        Threads for permutations; the result does not depend on it.
    random_state : int, RandomState or None, default=None
        Seed of the permutations.

    Attributes
    ----------
    coef_ : ndarray of shape (n_voxels,)
        Back-projected map b in units of the score, 0 outside `mask_`.
    intercept_, volume_coef_ : float
        Of the prediction. With a linear kernel it is
        ``X @ coef_ + X.sum(axis=1) * volume_coef_ + intercept_`` (``"dtlvc"``: of the divided lesions).
    dual_coef_ : ndarray of shape (n_subjects,)
        a, in units of the score over those of the kernel.
    kernel_scale_ : float
        :math:`\kappa`.
    gamma_ : float or None
        Width used, None for the linear kernel.
    n_iter_ : int
        Steps of support vector regression.
    map_ : ndarray of shape (n_voxels,) or None
        What is tested: the map over its standard deviation under permutation (estimated from 512 further
        permutations), so that all voxels have one scale.
    p_values_ : ndarray of shape (n_voxels,) or None
        Adjusted over all voxels of the model, 1 elsewhere.
    significant_ : ndarray of shape (n_voxels,), bool, or None
        Where ``p_values_ <= alpha``.
    threshold_ : float or None
        Value of `map_` beyond which a voxel is significant.
    null_distribution_ : ndarray of shape (n_permutations,) or None
        Of each permutation the value that the map was compared with.
    mask_ : ndarray of shape (n_voxels,), bool
        Voxels of the model.
    patches_ : ndarray of shape (n_voxels,), int
        Patch of each voxel, -1 outside `mask_`.
    n_patches_ : int
        Number of patches.
    volume_correlation_ : float
        Of score and lesion volume.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Warns
    -----
    VolumeConfoundWarning
        If score and volume correlate beyond .3 and `volume` leaves it at that, or if volume explains everything.
    ConvergenceWarning
        If `max_iter` steps were too few.
    FewSubjectsWarning, EmptyMaskWarning
        Below 10 subjects; if subjects have no lesion in the voxels of the model.

    See Also
    --------
    SparseLesionRegressor : A few regions instead of all voxels; finds them better.
    LesionSymptomMapping : One test per voxel.

    Notes
    -----
    Permutations are those of Freedman and Lane: residuals of the score change places, and the model is fitted to each
    with the same kernel. They hold the chance of any voxel where *no* lesion goes with the score; where some do, a
    coefficient depends on all others, and a voxel of the other sign may stand for what volume was made to explain.

    A large C fits every score and leaves a map of noise; with ``loss="squared_error"`` and a small C the map becomes
    that of the covariance of each voxel with the score, and its tests those of single voxels.

    A model that uses all voxels says less about *where* than it seems. On scores simulated from one region of 131 real
    masks (51 regions, 2 seeds), the mean area under the precision-recall curve of the map was .32 with ``C=0.1`` and
    .26 with ``C=1``, for ``loss="squared_error"`` and ``C=0.1`` it was .42, for single tests .43. The latter predicts
    well too: take it where nothing speaks for support vectors.

    References
    ----------
    .. [1] Y. Zhang et al. Hum Brain Mapp 35 (2014), 5861-5876. https://doi.org/10.1002/hbm.22590
    .. [2] A. T. DeMarco, P. E. Turkeltaub. Hum Brain Mapp 39 (2018), 4169-4182. https://doi.org/10.1002/hbm.24289

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import LesionSVR
    >>> rng = np.random.default_rng(0)
    >>> masks = (rng.random((60, 50)) < 0.3).astype(np.uint8)
    >>> score = -2.0 * masks[:, 7] + 0.5 * rng.normal(size=60)
    >>> model = LesionSVR(correction="max", n_permutations=199, random_state=0).fit(masks, score)
    >>> int(model.coef_.argmin()), np.flatnonzero(model.significant_).tolist()
    (7, [7])
    """

    _parameter_constraints: dict = {
        "kernel": [StrOptions({"linear", "rbf"})],
        "gamma": [StrOptions({"scale", "median"}), Interval(Real, 0, None, closed="neither")],
        "C": [Interval(Real, 0, None, closed="neither")],
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "loss": [StrOptions({"epsilon_insensitive", "squared_error"})],
        "min_overlap": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 0.5, closed="right"), None],
        "volume": [StrOptions(set(VOLUMES))],
        "correction": [StrOptions({"max", "cfwer"}), None],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "n_permutations": [Interval(Integral, 1, None, closed="left")],
        "alternative": [StrOptions({"two-sided", "greater", "less"})],
        "cfwer_v": [Interval(Integral, 1, None, closed="left")],
        "dtype": [StrOptions({"float32", "float64"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        kernel="linear",
        gamma="scale",
        C=0.1,
        epsilon=0.1,
        loss="epsilon_insensitive",
        min_overlap=0.1,
        volume="covariate",
        correction=None,
        alpha=0.05,
        n_permutations=1000,
        alternative="two-sided",
        cfwer_v=10,
        dtype="float32",
        tol=1e-3,
        max_iter=100_000,
        n_jobs=None,
        random_state=None,
    ):
        self.kernel = kernel
        self.gamma = gamma
        self.C = C
        self.epsilon = epsilon
        self.loss = loss
        self.min_overlap = min_overlap
        self.volume = volume
        self.correction = correction
        self.alpha = alpha
        self.n_permutations = n_permutations
        self.alternative = alternative
        self.cfwer_v = cfwer_v
        self.dtype = dtype
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, blocks=None):
        """Fit the model, and test its map if `correction` says so.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Lesion masks, a row per subject: 1 lesioned, 0 spared; other numbers are taken too.
        y : array-like of shape (n_subjects,)
            The score.
        blocks : array-like of shape (n_subjects,) or None, default=None
            Exchangeability blocks (sites): subjects change places within theirs.

        Returns
        -------
        self : object
        """
        X, y, volume = self._read(X, y)
        first, self.patches_, sizes = find_patches(X, self.mask_)
        self.n_patches_ = len(first)
        inverse = self.patches_ if self.mask_.all() else self.patches_[self.mask_]
        columns = columns_as_bits(X, first)
        design = VolumeDesign(volume, self.volume)
        raw = self._kernel(columns, sizes, design)
        kernel, scale = centered_kernel(raw, design.of_lesions)
        target, spread = unit_target(design, y)
        if scale <= _NOTHING * np.trace(raw) / len(raw) or spread == 0:
            warn_of_nothing_left()
            target, scale = np.zeros_like(target), 1.0
        solve = self._solver(kernel / scale)
        duals, intercepts, left, steps = solve(target[None])
        self.n_iter_ = max(1, int(steps[0]))
        if left[0] > self.tol:
            warnings.warn(
                f"Support vector regression stopped at a violation of {left[0]:.2g} after {self.max_iter} steps; "
                f"wanted {self.tol:g}. Raise max_iter, or lower C.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.kernel_scale_ = scale
        self.dual_coef_ = duals[0] * spread / scale
        weights = map_weights(design, self.dual_coef_[None])[0]
        self.coef_ = self._over_all(back_project(columns, weights)[inverse], 0.0)
        self._keep_for_prediction(columns, design)
        linear = weights if design.row_scale is None else weights / design.row_scale
        self.intercept_, self.volume_coef_ = design.linear_part(y, raw @ linear)
        self.intercept_ += float(intercepts[0]) * spread
        self._infer(
            lambda random_state: DualStatistic(
                columns,
                design,
                target,
                solve,
                draw_permutations(len(y), SCALE_DRAWS, blocks=blocks, random_state=random_state),
                self.dtype,
            ),
            inverse,
            design,
            blocks,
        )
        return self

    def _kernel(self, columns, sizes, design):
        """Kernel of the subjects over the voxels of the model."""
        products = gram(columns, sizes)
        sums = np.zeros(len(columns))
        for part in chunks(len(sizes), 8 * len(columns), _COPY_BYTES):
            sums += columns[:, part] @ sizes[part].astype(np.float64)
        if design.row_scale is not None:
            products *= design.row_scale[:, None] * design.row_scale
            sums *= design.row_scale
        self.gamma_, self._squares = None, np.diagonal(products).copy()
        if self.kernel == "linear":
            return products
        n_voxels = int(sizes.sum())
        self.gamma_ = choose_gamma(self.gamma, products, sums.mean() / n_voxels, n_voxels)
        return np.exp(-self.gamma_ * squared_distances(products))

    def _solver(self, kernel):
        if self.loss == "squared_error":
            return ridge_duals(kernel, self.C)
        return vector_duals(np.ascontiguousarray(kernel), self.C, self.epsilon, self.tol, self.max_iter)

    def _keep_for_prediction(self, columns, design):
        """What the radial kernel of new subjects needs: the lesions, and what each counts."""
        self._lesions = self._counts = None
        if self.kernel == "rbf":
            self._lesions = columns
            self._row_scale = np.ones(len(columns)) if design.row_scale is None else design.row_scale
            self._counts = map_weights(design, self.dual_coef_[None])[0] / self._row_scale

    def _lesion_part(self, X, scale):
        if self.kernel == "linear":
            return super()._lesion_part(X, scale)
        part = np.empty(X.shape[0])
        X = X.tocsr() if sparse.issparse(X) else X
        for rows in chunks(X.shape[0], 8 * self.n_patches_, _CHUNK_BYTES):
            some = X[rows][:, self.mask_]
            squares = lesion_sizes(some.multiply(some) if sparse.issparse(some) else some.astype(np.float64) ** 2)
            products = self._products_with_lesions(some)
            if scale is not None:
                products *= scale[rows][:, None]
                squares *= scale[rows] ** 2
            apart = squares[:, None] + self._squares - 2.0 * products * self._row_scale
            part[rows] = np.exp(-self.gamma_ * np.maximum(apart, 0.0)) @ self._counts
        return part

    def _products_with_lesions(self, X):
        """Inner products of new lesions with those of the fit, over the voxels of the model."""
        inside, products = self.patches_[self.mask_], np.zeros((X.shape[0], len(self._lesions)))
        sums = np.empty((X.shape[0], self.n_patches_))
        for row in range(X.shape[0]):
            values = dense(X[[row]]).ravel()
            sums[row] = np.bincount(inside, weights=values, minlength=self.n_patches_)
        for part in chunks(self.n_patches_, 8 * len(self._lesions), _COPY_BYTES):
            products += sums[:, part] @ self._lesions[:, part].astype(np.float64).T
        return products
