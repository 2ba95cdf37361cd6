"""Voxels that are lesioned in exactly the same subjects become one feature."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from skfuse._chunks import chunks
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.lesions._columns import find_patches
from skfuse.lesions._masks import validate_masks, warn_of_empty
from skfuse.lesions._overlap import overlap_mask

_CHUNK_BYTES = 2**26  # of subjects whose voxels are gathered at a time


class UniquePatches(TransformerMixin, BaseEstimator):
    r"""One column for all voxels that are lesioned in the same subjects.

    Lesions are connected, so many voxels are lesioned in exactly the same subjects and no statistic can tell them
    apart [1]_. A patch is such a set of voxels. Its value is the mean over its voxels, times :math:`\sqrt{s}` for
    `s` voxels by default, which leaves every inner product and every distance between training subjects as it is:

    .. math:: \sum_p \sqrt{s_p}\, x_{ip} \cdot \sqrt{s_p}\, x_{jp} = \sum_v x_{iv}\, x_{jv}

    Any model with a linear or RBF kernel, ridge regression included, is then fitted to far fewer columns with the
    same result.

    Parameters
    ----------
    min_overlap : int, float or None, default=None
        Subjects in whom a voxel must be lesioned, and as many in whom it must be spared. An integer is a count, a
        float up to 0.5 a share of the subjects: 0.1 keeps voxels lesioned in 10 to 90 % of them. None keeps every
        voxel, those that are lesioned in nobody or in everybody included.
    weight : {"sqrt", "size"} or None, default="sqrt"
        By what the mean over a patch is multiplied: the root of its number of voxels, that number (which gives the
        lesioned voxels in it), or nothing.

    Attributes
    ----------
    patches_ : ndarray of shape (n_voxels,), int
        Patch of each voxel, numbered in the order of their first voxel; -1 for voxels that `min_overlap` leaves out.
    patch_sizes_ : ndarray of shape (n_patches,), int
        Voxels in each patch.
    n_patches_ : int
        Number of patches.
    mask_ : ndarray of shape (n_voxels,), bool
        Voxels that belong to a patch.
    first_voxels_ : ndarray of shape (n_patches,), int
        First voxel of each patch, ascending: ``X[:, first_voxels_]`` holds each distinct column once.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Warns
    -----
    EmptyMaskWarning
        If subjects have no lesioned voxel in the mask: their patches are all 0, so they enter a model as if spared.

    See Also
    --------
    LesionLoad : Features of regions that an atlas gives.

    Notes
    -----
    The patches are those of the training subjects; the lesion of a new subject may cut through one, and then its value
    is the share of the patch that is lesioned. With ``weight="sqrt"``, for a new subject, inner products with all
    training subjects still are those of the voxels in the mask, so a linear model predicts exactly as it would from
    voxels. Squared distances to all training subjects are smaller by one same number, the squared deviations of
    the new subject's voxels from their patch means; RBF similarities to training subjects are all larger by one same
    factor. Inner products and distances between two new subjects are those of their patch means.

    Masks of any type are read as they are, in chunks. Values that are not binary are taken too if `min_overlap` is
    None: voxels with identical values become one. float32 stays float32; all other types give float64. Sparse input
    gives sparse output.

    References
    ----------
    .. [1] D. Pustina et al. Neuropsychologia 115 (2018), 154-166.
       https://doi.org/10.1016/j.neuropsychologia.2017.08.027

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import UniquePatches
    >>> masks = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 1, 1], [0, 1, 1, 0, 1]])
    >>> patches = UniquePatches(min_overlap=1, weight=None).fit(masks)
    >>> patches.patches_
    array([ 0,  1,  1,  0, -1])
    >>> patches.transform([[0, 1, 0, 0, 0]])
    array([[0. , 0.5]])
    """

    _parameter_constraints: dict = {
        "min_overlap": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 0.5, closed="right"), None],
        "weight": [StrOptions({"sqrt", "size"}), None],
    }

    def __init__(self, *, min_overlap=None, weight="sqrt"):
        self.min_overlap = min_overlap
        self.weight = weight

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the patches.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Lesion masks, a row per subject: 1 lesioned, 0 spared.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        X = validate_masks(self, X, reset=True, values="any" if self.min_overlap is None else "binary")
        self.mask_ = overlap_mask(X, self.min_overlap)
        where = "at all" if self.min_overlap is None else f"that min_overlap={self.min_overlap!r} keeps"
        warn_of_empty(X, self.mask_, f"no lesioned voxel {where}", self.min_overlap)
        self.first_voxels_, self.patches_, self.patch_sizes_ = find_patches(X, self.mask_)
        self.n_patches_ = len(self.first_voxels_)
        return self

    def transform(self, X):
        """Mean of each patch, weighted.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Masks with the voxels seen in fit.

        Returns
        -------
        X_out : ndarray or CSR matrix of shape (n_subjects, n_patches)
            In the fitting subjects, the column that all voxels of the patch share, times the weight. A subject without
            a lesioned voxel in the mask gets 0 everywhere.
        """
        check_is_fitted(self)
        X = validate_masks(self, X, reset=False, values="any" if self.min_overlap is None else "binary")
        weights = self._weights()
        if sparse.issparse(X):
            means = _sparse_means(X, self.patches_, self.first_voxels_, self.patch_sizes_)
            means.data *= weights[means.indices].astype(means.dtype)
            return means
        means = _dense_means(X, self.patches_, self.first_voxels_, self.patch_sizes_)
        means *= weights.astype(means.dtype)
        return means

    def inverse_transform(self, X):
        """Give every voxel the value of its patch, without the weight.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_rows, n_patches)
            As :meth:`transform` gives it, or one row of anything that has a value for each patch.

        Returns
        -------
        X_original : ndarray or CSR matrix of shape (n_rows, n_voxels)
            0 in voxels that belong to no patch. The masks of the fitting subjects come back exactly (other values up
            to rounding). With ``weight="sqrt"``, the coefficients of a linear model of patches come back as its
            coefficients of voxels.
        """
        check_is_fitted(self)
        X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        if X.shape[1] != self.n_patches_:
            raise ValueError(
                f"X has {X.shape[1]} columns, wanted one for each of the {self.n_patches_} patches. Give what "
                "`transform` returns."
            )
        weights = self._weights().astype(X.dtype)
        inside = self.patches_[self.mask_]
        if sparse.issparse(X):
            by_patch = X.copy()
            by_patch.data /= weights[by_patch.indices]
            voxels = np.flatnonzero(self.mask_)
            return (by_patch @ _membership(inside, voxels, self.n_patches_, len(self.mask_))).tocsr()
        out = np.zeros((len(X), len(self.mask_)), dtype=X.dtype)
        for part in chunks(len(X), out.itemsize * len(inside), _CHUNK_BYTES):
            out[part, self.mask_] = (X[part] / weights)[:, inside]
        return out

    def get_feature_names_out(self, input_features=None):
        """Names of the patches, ``patch_0`` onward.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (n_patches,), object
        """
        check_is_fitted(self)
        return np.array([f"patch_{number}" for number in range(self.n_patches_)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _weights(self):
        """What the mean of each patch is multiplied by."""
        if self.weight is None:
            return np.ones(self.n_patches_)
        return np.sqrt(self.patch_sizes_) if self.weight == "sqrt" else self.patch_sizes_.astype(np.float64)


def _dense_means(X, patches, first_voxels, sizes):
    """Mean of each patch in each subject, exactly the common value where all its voxels have one."""
    dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
    others, patch_of_others = _others(patches, first_voxels)
    means = np.empty((len(X), len(first_voxels)), dtype=dtype)
    for part in chunks(len(X), X.itemsize * len(others), _CHUNK_BYTES):
        firsts = X[part][:, first_voxels]
        means[part] = firsts
        cut = (X[part][:, others] != firsts[:, patch_of_others]).any(axis=1)
        for row in np.flatnonzero(cut):
            apart = X[part.start + row, others].astype(np.float64) - firsts[row, patch_of_others]
            means[part.start + row] += np.bincount(patch_of_others, weights=apart, minlength=len(sizes)) / sizes
    return means


def _sparse_means(X, patches, first_voxels, sizes):
    """The same of a sparse matrix, sparse."""
    X = X.tocsc().astype(np.float32 if X.dtype == np.float32 else np.float64)
    others, patch_of_others = _others(patches, first_voxels)
    means = X[:, first_voxels]
    apart = X[:, others] - means[:, patch_of_others]
    if apart.nnz:
        sums = apart @ _membership(patch_of_others, np.arange(len(others)), len(sizes), len(others)).T
        sums = sums.tocsc()
        sums.data /= np.repeat(sizes, np.diff(sums.indptr)).astype(sums.dtype)
        means = means + sums.astype(X.dtype)
    return means.tocsr()


def _others(patches, first_voxels):
    """Voxels that are not the first of their patch, and their patches."""
    other = patches >= 0
    other[first_voxels] = False
    return np.flatnonzero(other), patches[other]


def _membership(patches, voxels, n_patches, n_voxels):
    """Sparse matrix (n_patches, n_voxels) with 1 where a voxel belongs to a patch."""
    ones = np.ones(len(voxels), dtype=np.float32)  # exact, and it leaves float32 as it is
    return sparse.csr_array((ones, (patches, voxels)), shape=(n_patches, n_voxels))
