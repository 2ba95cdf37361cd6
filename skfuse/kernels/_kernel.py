"""The kernel of one modality: what it learns from training subjects, and its rows for new ones."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator

from skfuse._backend import asymmetry, to_device, to_host
from skfuse._distances import mean_and_deviation, row_chunks
from skfuse._mixed_features import MixedFeatures
from skfuse.kernels._functions import MEASURES, from_measure, measure, unit_profiles
from skfuse.kernels._normalization import NORMALIZATIONS, KernelScale, learn_scale

KERNELS = (*MEASURES, "gower", "precomputed")
_WITH_WIDTH = ("rbf", "laplacian", "chi2")
_AS_MEASURED = ("linear", "correlation", "precomputed")  # what kernels of one block share, and must not change
_MOST_FOR_MEDIAN = 1000  # subjects whose distances give the median width
_INDEFINITE = 1e-7  # share of its trace by which rounding in single precision may make a kernel indefinite


class ModalityKernel(BaseEstimator):
    r"""A kernel of one modality, with everything about it learned from training subjects.

    Features are standardized, the width of a distance is set, and the kernel is centered and scaled; all of that with
    the training subjects alone, so that a new subject is compared with them and changes nothing. Missing cells of a
    subject who has the modality are taken at the mean of the training subjects (the most frequent category).

    Parameters
    ----------
    kernel : str, default="rbf"
        ``"linear"``, ``"polynomial"``, ``"rbf"``, ``"laplacian"``, ``"chi2"``, ``"correlation"`` as in
        :func:`kernel_matrix`; ``"gower"`` is one minus Gower's distance [1]_, for numbers and categories side by side;
        ``"precomputed"`` takes rows of a Gram matrix, as :class:`skfuse.modalities.RowKernel` gives them.
    width : float or "median", default="median"
        Width of ``"rbf"``, ``"laplacian"`` and ``"chi2"``, in the unit of the (standardized) features; ``"median"`` is
        the median distance between training subjects, of 1,000 of them where there are more.
    factor : float, default=1.0
        Multiplies the width. ``[ModalityKernel(factor=0.5), ModalityKernel(factor=2)]`` are two widths of one modality.
    degree : int, default=2
        Of ``"polynomial"``.
    coef0 : float, default=1.0
        Constant of ``"polynomial"``, not negative.
    standardize : bool, default=True
        Whether features are brought to mean 0 and standard deviation 1 of the training subjects; never done for
        ``"chi2"``, ``"correlation"`` (which compares profiles in one unit), ``"gower"`` and ``"precomputed"``.
    normalization : {"variance", "trace"} or None, default="variance"
        ``"variance"`` centers the training subjects in feature space and gives them unit variance there, so that
        kernels of other modalities, widths and numbers of features compare. ``"trace"`` scales the mean diagonal to 1
        without centering.

    Attributes
    ----------
    width_ : float
        Width in use; for kernels that have one.
    scale_ : float
        By which the kernel is divided.
    varies_ : bool
        Whether the kernel tells any two training subjects apart.
    n_features_ : int
        Number of features of the block.

    See Also
    --------
    MKLClassifier : Weighs the kernels of several modalities.

    References
    ----------
    .. [1] J. C. Gower. A general coefficient of similarity. Biometrics 27, 857 (1971). https://doi.org/10.2307/2528823

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import ModalityKernel
    >>> block = np.array([[1.0, 20.0], [2.0, 30.0], [3.0, np.nan]])
    >>> kernel = ModalityKernel("linear").fit(block)
    >>> bool(np.isclose(np.trace(kernel.transform(block)) / 3, 1))
    True
    >>> kernel.transform([[2.5, 30.0]]).shape
    (1, 3)
    """

    def __init__(
        self,
        kernel="rbf",
        *,
        width="median",
        factor=1.0,
        degree=2,
        coef0=1.0,
        standardize=True,
        normalization="variance",
    ):
        self.kernel = kernel
        self.width = width
        self.factor = factor
        self.degree = degree
        self.coef0 = coef0
        self.standardize = standardize
        self.normalization = normalization

    @property
    def label(self):
        """Short name, as in ``kernel_weights_``: ``rbf``, ``rbf(×0.5)``, ``rbf(2)``, ``polynomial(3)``."""
        if self.kernel == "polynomial":
            return f"polynomial({self.degree})"
        if self.kernel not in _WITH_WIDTH:
            return self.kernel
        details = [] if self.width == "median" else [f"{self.width:g}"]
        details += [] if self.factor == 1 else [f"×{self.factor:g}"]
        return self.kernel + (f"({''.join(details)})" if details else "")

    def fit(self, block, y=None):
        """Learn from the training subjects who have the modality.

        Parameters
        ----------
        block : ndarray of shape (n_subjects, n_features), or data frame for ``"gower"``
            Missing cells are NaN; for ``"precomputed"`` the square Gram matrix.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        self.fit_transform(block)
        return self

    def fit_transform(self, block, y=None, *, shared=None, device=None):
        """Learn from the training subjects and return their kernel.

        Parameters
        ----------
        block : ndarray of shape (n_subjects, n_features), or data frame for ``"gower"``
            As in :meth:`fit`.
        y : None
            Ignored.
        shared : dict or None
            What kernels of one block have in common (points, distances), filled by the first of them.
        device : str or None
            Where torch computes the kernel, such as ``"cuda"``; None is NumPy.

        Returns
        -------
        K : ndarray of shape (n_subjects, n_subjects)
            Symmetric, normalized.
        """
        shared = {} if shared is None else shared
        points = self.fit_points(block, shared)
        K = _checked_gram(points) if self.kernel == "precomputed" else self._kernel(points, points, shared, device)
        return self._normalize_training(_symmetric(K))

    def fit_points(self, block, shared=None, dtype=np.float64):
        """Learn the encoding and the width, and keep the encoded training subjects; no kernel is made.

        Parameters
        ----------
        block : ndarray of shape (n_subjects, n_features), or data frame for ``"gower"``
            As in :meth:`fit`.
        shared : dict or None
            As in :meth:`fit_transform`.
        dtype : dtype, default=float64
            Precision in which the encoded subjects are kept.

        Returns
        -------
        points : ndarray of shape (n_subjects, n_encoded)
        """
        self._check()
        shared = {} if shared is None else shared
        key = ("encoder", self._encoding())
        if key not in shared:
            shared[key] = _Encoder(*self._encoding()).fit(block)
        self.encoder_ = shared[key]
        self.points_ = self._encode(block, shared, dtype)
        self.n_features_ = self.points_.shape[1]
        if self.kernel in _WITH_WIDTH:
            self.width_ = self.factor * (self._median(shared) if self.width == "median" else self.width)
        return self.points_

    def transform(self, block, *, shared=None):
        """Kernel of subjects with the training subjects.

        Parameters
        ----------
        block : ndarray of shape (n_new, n_features), or data frame for ``"gower"``
            As in :meth:`fit`; for ``"precomputed"`` the Gram rows (n_new, n_subjects).
        shared : dict or None
            As in :meth:`fit_transform`, of these subjects.

        Returns
        -------
        K : ndarray of shape (n_new, n_subjects)
        """
        shared = {} if shared is None else shared
        if not isinstance(block, np.ndarray) and self.kernel != "gower":
            block = np.asarray(block, dtype=np.float64)
        if np.shape(block)[1:] != (self.n_features_,):
            raise ValueError(
                f"A block of shape {np.shape(block)} does not fit a kernel that was fitted to {self.n_features_} "
                "features: give the same features, or for 'precomputed' a column for each training subject."
            )
        points = self._encode(block, shared)
        K = points if self.kernel == "precomputed" else self._kernel(points, self.points_, shared)
        learned = KernelScale(self.normalization, self.row_means_, self.mean_, self.scale_, self.varies_)
        return learned.applied_to(np.array(K) if self.kernel in _AS_MEASURED else K)

    def raw(self, A, B):
        """The kernel as it is between encoded points, without normalization."""
        if self.kernel == "precomputed":
            raise ValueError("A precomputed kernel has no points. Leave `approximation` at None for it.")
        return self._kernel(A, B, {})

    def _check(self):
        if self.kernel not in KERNELS:
            raise ValueError(f"There is no kernel {self.kernel!r}. Known are {list(KERNELS)}.")
        if self.normalization not in NORMALIZATIONS:
            raise ValueError(f"`normalization` must be 'variance', 'trace' or None, got {self.normalization!r}.")
        for name in ("width", "factor"):
            value = getattr(self, name)
            known = isinstance(value, Real) and 1e-100 < value < 1e100  # squares of others overflow
            if not known and not (name == "width" and value == "median"):
                median = ", or 'median'" if name == "width" else ""
                raise ValueError(
                    f"`{name}` of a kernel must be a positive number (1e-100 to 1e100){median}, got {value!r}."
                )
        if not (isinstance(self.degree, Integral) and self.degree >= 1):
            raise ValueError(f"`degree` of a kernel must be a whole number of at least 1, got {self.degree!r}.")
        if not (isinstance(self.coef0, Real) and self.coef0 >= 0):
            raise ValueError(
                f"`coef0` of a kernel must not be negative, or the kernel would be indefinite; got {self.coef0!r}."
            )

    def _encoding(self):
        plain = self.kernel in ("chi2", "correlation", "gower", "precomputed")
        special = self.kernel if self.kernel in ("correlation", "gower", "precomputed") else "numbers"
        return special, bool(self.standardize) and not plain

    def _encode(self, block, shared, dtype=np.float64):
        key = ("points", self._encoding())
        if key not in shared:
            shared[key] = self.encoder_.encode(block, dtype)
        return shared[key]

    def _kernel(self, A, B, shared, device=None):
        if self.kernel == "gower":
            return 1.0 - self.encoder_.features_.distances(A, B)
        key = (MEASURES[self.kernel], self._encoding(), A.shape, id(B), device)  # landmarks may differ by kernel
        if key not in shared:
            A, B = (A, B) if device in (None, "cpu") else (to_device(A, device), to_device(B, device))
            shared[key] = measure(self.kernel, A, B)
        settings = {"width": getattr(self, "width_", None), "degree": self.degree, "coef0": float(self.coef0)}
        return to_host(from_measure(self.kernel, shared[key], self.n_features_, **settings))

    def _median(self, shared):
        """Median distance of pairs of training subjects; their mean where most pairs are equal, 1 where all are."""
        points = self.points_
        if len(points) > _MOST_FOR_MEDIAN:
            points = points[np.random.default_rng(0).choice(len(points), _MOST_FOR_MEDIAN, replace=False)]
            points, shared = points.astype(np.float64, copy=False), {}
        key = (MEASURES[self.kernel], self._encoding(), points.shape, id(points), None)
        if key not in shared:
            shared[key] = measure(self.kernel, points, points)
        distances = shared[key][np.triu_indices(len(points), 1)]
        middle = float(np.median(distances)) if len(distances) else 0.0
        middle = middle if middle > 0 else float(distances.mean()) if len(distances) else 0.0
        if middle <= 0:
            return 1.0
        return np.sqrt(middle) if self.kernel == "rbf" else middle

    def _normalize_training(self, K):
        found = learn_scale(K, self.normalization)
        self.row_means_, self.mean_, self.scale_, self.varies_ = found[1:]
        return found.applied_to(K, self.row_means_)  # of a symmetric kernel


class _Encoder:
    """A block as complete points, by what training subjects hold."""

    def __init__(self, special, standardize):
        self.special = special
        self.standardize = standardize

    def fit(self, block):
        if self.special == "gower":
            self.features_ = MixedFeatures().fit(block)
            self.fill_ = _middles(self.features_.encode(block), self.features_.is_category)
        elif self.special == "numbers" or self.special == "correlation":
            block = np.asarray(block)
            block = block if block.dtype.kind == "f" else block.astype(np.float64)
            self.fill_, deviation = mean_and_deviation(block)
            self.unknown_ = np.isnan(block).all(axis=0)  # of no training subject: counts for nothing
            self.scale_ = np.where(deviation > 0, deviation, np.inf)  # a constant feature counts for nothing
        return self

    def encode(self, block, dtype=np.float64):
        if self.special == "precomputed":
            rows = np.asarray(block, dtype=np.float64)
            if not np.isfinite(rows).all():
                raise ValueError("A precomputed kernel holds NaN or infinity between subjects who have the modality.")
            return rows
        if self.special == "gower":
            points = self.features_.encode(block)
            return np.where(np.isnan(points), self.fill_, points).astype(dtype, copy=False)
        block = np.asarray(block)
        points = np.empty(block.shape, dtype=dtype)
        for rows in row_chunks(block):
            points[rows] = self._numbers(block[rows])
        return points

    def _numbers(self, block):
        """Complete, and standardized or made a profile, in double precision."""
        points = block.astype(np.float64)
        unknown = np.isnan(points)
        if self.unknown_.any() or unknown.any():
            points = np.where(self.unknown_ | unknown, self.fill_, points)
        if self.special == "correlation":
            return unit_profiles(points)
        if self.standardize:
            points -= self.fill_
            points /= self.scale_
        return points


def _middles(codes, is_category):
    """Mean of each numeric feature, most frequent code of each categorical one, over the cells present."""
    middles = np.zeros(codes.shape[1])
    for place, column in enumerate(codes.T):
        known = column[~np.isnan(column)]
        if len(known) and is_category[place]:
            values, counts = np.unique(known, return_counts=True)
            middles[place] = values[np.argmax(counts)]
        elif len(known):
            middles[place] = known.mean()
    return middles


def _symmetric(K):
    K = K + K.T
    K *= 0.5
    return K


def _checked_gram(K):
    """A copy of a precomputed kernel that is one, or an error that says what to do."""
    if K.ndim != 2 or K.shape[0] != K.shape[1]:
        raise ValueError(
            f"A precomputed kernel needs a column for each of the {len(K)} training subjects who have the modality, "
            f"got {K.shape[1]}. Put skfuse.modalities.RowKernel before this step, and leave subjects of weight 0 "
            "out of the table."
        )
    apart, size = asymmetry(K), float(np.abs(K).max())
    if apart > 1e-6 * size:
        raise ValueError(
            f"A precomputed kernel is not symmetric: entries differ from their mirror image by up to {apart:.3g}. "
            "Average it with its transpose if both mean the same."
        )
    mean = np.trace(K) / len(K)
    try:
        np.linalg.cholesky(_symmetric(K) + max(_INDEFINITE * np.trace(K), np.finfo(float).tiny) * np.eye(len(K)))
    except np.linalg.LinAlgError:
        least = float(np.linalg.eigvalsh(_symmetric(K))[0])
        raise ValueError(
            f"A precomputed kernel is indefinite: its least eigenvalue is {least:.3g}, its mean diagonal {mean:.3g}. A "
            "kernel is an inner product. Make one of the similarities (clip negative eigenvalues to 0, or take the "
            "products of their rows), or give features."
        ) from None
    return K
