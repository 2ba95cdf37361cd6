"""How much of each region or tract a lesion takes."""

from collections.abc import Mapping

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skfuse._chunks import chunks
from skfuse._validation import StrOptions, _fit_context
from skfuse.lesions._atlas import check_slices, read_atlas
from skfuse.lesions._masks import lesion_sizes, listed, validate_masks

_CHUNK_BYTES = 2**26  # of masks that become floating point at a time


class LesionLoad(TransformerMixin, BaseEstimator):
    r"""The load of a lesion on each region or tract of an atlas.

    With the map :math:`p_{rv}` of region `r` (1 or 0, or a probability) and the mask :math:`x_{iv}` of subject `i`,

    .. math::

        \text{region:}\ \frac{\sum_v p_{rv} x_{iv}}{\sum_v p_{rv}} \qquad
        \text{lesion:}\ \frac{\sum_v p_{rv} x_{iv}}{\sum_v x_{iv}} \qquad
        \text{slice:}\ \sum_s \frac{\max_t A_{rt}}{A_{rs}} \sum_{v \in s} p_{rv} x_{iv}, \quad
        A_{rs} = \sum_{v \in s} p_{rv}

    Parameters
    ----------
    atlas : array-like, scipy.sparse matrix or dict
        Labels of shape (n_voxels,), whole numbers with 0 outside of all regions; or maps of shape (n_regions,
        n_voxels), binary or probabilities, dense or sparse, which may overlap; or a mapping from name to such a map of
        shape (n_voxels,). The voxels are those of the masks, in their order.
    normalize : {"region", "lesion", "slice"}, default="region"
        ``"region"``: share of the region that is lesioned. ``"lesion"``: share of the lesion that lies in the region.
        ``"slice"``: weighted load of a tract [1]_, in voxels (times the volume of a voxel, in its cubed unit): a slice
        in which the tract is narrow counts for more, as the same lesion cuts a larger share of its fibers. A whole
        tract has a load of the largest area times the number of slices.
    slices : array-like of shape (n_voxels,), int, or None, default=None
        Number of the slice of each voxel along the tract, most often its index in the axial direction. Needed, and
        used, by ``normalize="slice"`` only.
    names : list of str, dict or None, default=None
        Names of the regions: a list in the order of the rows, or of the labels from low to high; or a mapping from
        label to name. None makes ``region_<label>`` (of maps, ``region_<row>``). Not for a mapping, which has names.

    Attributes
    ----------
    maps_ : CSR array of shape (n_regions, n_voxels)
        The regions, float64.
    region_names_ : list of str
        Name of each region.
    region_sizes_ : ndarray of shape (n_regions,)
        Voxels in each region, probabilities added up.
    weighted_maps_ : CSR array of shape (n_regions, n_voxels)
        What masks are multiplied with: `maps_`, with the weights of their slices where there are any.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    Disconnectome : What a lesion disconnects, near and far.
    UniquePatches : Features without an atlas.

    Notes
    -----
    Nothing is learned from the subjects. Voxels may be partly lesioned (resampled masks): values from 0 to 1 are
    shares. A subject without any lesion has a load of 0 in every region by ``"region"`` and ``"slice"``; by
    ``"lesion"`` its load is 0 / 0, which is refused with the numbers of the rows. A lesion outside of all regions has
    a load of 0 in any case.

    References
    ----------
    .. [1] L. L. Zhu et al. Stroke 41 (2010), 910-915. https://doi.org/10.1161/STROKEAHA.109.577023

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import LesionLoad
    >>> masks = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 1, 0]])
    >>> load = LesionLoad([1, 1, 2, 2, 0], names=["insula", "putamen"]).set_output(transform="pandas")
    >>> load.fit_transform(masks)
       insula  putamen
    0     1.0      0.0
    1     0.0      0.5

    The weighted load of a tract of two slices, with two voxels and one:

    >>> tract = {"cst": [1, 1, 1, 0, 0]}
    >>> LesionLoad(tract, normalize="slice", slices=[0, 0, 1, 1, 1]).fit_transform([[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]])
    array([[1.],
           [2.]])
    """

    _parameter_constraints: dict = {
        "atlas": ["array-like", "sparse matrix", Mapping],
        "normalize": [StrOptions({"region", "lesion", "slice"})],
        "slices": ["array-like", None],
        "names": ["array-like", Mapping, None],
    }

    def __init__(self, atlas, *, normalize="region", slices=None, names=None):
        self.atlas = atlas
        self.normalize = normalize
        self.slices = slices
        self.names = names

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Read the atlas; nothing is learned from the masks.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Lesion masks: 0 spared, 1 lesioned, in between partly lesioned.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        X = validate_masks(self, X, reset=True, values="fraction")
        self.maps_, self.region_names_ = read_atlas(self.atlas, self.names)
        if self.maps_.shape[1] != X.shape[1]:
            raise ValueError(
                f"`atlas` has {self.maps_.shape[1]} voxels, the masks have {X.shape[1]}. Bring both to one grid and "
                "take the same voxels of both, in the same order (one masker for masks and atlas)."
            )
        self.region_sizes_ = self.maps_.sum(axis=1)
        self.weighted_maps_ = self.maps_
        if self.normalize == "slice":
            self.weighted_maps_ = weigh_slices(self.maps_, check_slices(self.slices, X.shape[1]))
        return self

    def transform(self, X):
        """The load on each region.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Masks with the voxels seen in fit.

        Returns
        -------
        loads : ndarray of shape (n_subjects, n_regions), float64
        """
        check_is_fitted(self)
        X = validate_masks(self, X, reset=False, values="fraction")
        loads = sums_over(X, self.weighted_maps_)
        if self.normalize == "region":
            return loads / self.region_sizes_
        if self.normalize == "lesion":
            sizes = lesion_sizes(X)
            empty = np.flatnonzero(sizes == 0)
            if len(empty):
                raise ValueError(
                    f"{len(empty)} of {len(sizes)} subjects have no lesioned voxel ({listed(empty)}), so there is no "
                    "share of their lesion. Leave them out, or set normalize='region', which gives them 0."
                )
            return loads / sizes[:, None]
        return loads

    def get_feature_names_out(self, input_features=None):
        """Names of the regions.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (n_regions,), object
        """
        check_is_fitted(self)
        return np.array(self.region_names_, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags


def weigh_slices(maps, slices):
    """Multiply each slice of each tract by the largest area of the tract over the area of the slice.

    Parameters
    ----------
    maps : CSR array of shape (n_regions, n_voxels)
        The area of a slice is the sum over its voxels.
    slices : ndarray of shape (n_voxels,), int
        From 0.

    Returns
    -------
    weighted : CSR array of shape (n_regions, n_voxels)

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from skfuse.lesions._load import weigh_slices
    >>> tract = sparse.csr_array([[1.0, 1.0, 0.5, 0.0]])
    >>> weigh_slices(tract, np.array([0, 0, 1, 1])).toarray()
    array([[1., 1., 2., 0.]])
    """
    weighted = maps.copy()
    for row in range(maps.shape[0]):
        entries = slice(maps.indptr[row], maps.indptr[row + 1])
        slice_of_entry = slices[maps.indices[entries]]
        areas = np.bincount(slice_of_entry, weights=maps.data[entries])
        weighted.data[entries] *= areas.max() / areas[slice_of_entry]
    return weighted


def sums_over(X, maps):
    """Weighted sum of each mask over each region.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_subjects, n_voxels)
    maps : CSR array of shape (n_regions, n_voxels), float64

    Returns
    -------
    sums : ndarray of shape (n_subjects, n_regions), float64
    """
    if sparse.issparse(X):
        return (sparse.csr_array(X).astype(np.float64) @ maps.T).toarray()
    sums = np.empty((len(X), maps.shape[0]))
    for part in chunks(len(X), 8 * X.shape[1], _CHUNK_BYTES):
        sums[part] = (maps @ np.ascontiguousarray(X[part].T, dtype=np.float64)).T
    return sums
