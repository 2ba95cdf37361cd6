"""Lesions of many subjects as one matrix, and the way back to images."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skfuse.io._lesion_bits import binarize
from skfuse.io._log import number_of
from skfuse.io._nifti import Grid, grid_of, read_image, save_image, times, to_mm, voxel_volume, without_single_axes
from skfuse.io._nifti_files import find_masks


@dataclass(frozen=True, eq=False, repr=False)
class LesionMasks:
    """Lesions of many subjects on one grid.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_voxels) of uint8
        1 where a subject is lesioned.
    mask : ndarray of shape (n_x, n_y, n_z) of bool
        Which voxels of the grid are the columns of `X`, in C order, as nilearn's maskers have them.
    affine : ndarray of shape (4, 4)
        From voxel indices to mm.
    ids : ndarray of shape (n_subjects,) of str
        Names of the files without suffix, or what was given.
    volumes_mm3 : ndarray of shape (n_subjects,)
        Volumes of the whole lesions in mm³, voxels outside of `mask` included.

    See Also
    --------
    read_masks : Makes it from files.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.io import LesionMasks
    >>> mask = np.zeros((2, 2, 2), dtype=bool)
    >>> mask[0, 1, 1] = mask[1, 0, 0] = True
    >>> X = np.array([[1, 0], [1, 1], [0, 1]], dtype=np.uint8)
    >>> masks = LesionMasks(X, mask, np.diag([2.0, 2.0, 2.0, 1.0]), np.array(["a", "b", "c"]), 8.0 * X.sum(axis=1))
    >>> masks
    LesionMasks(3 subjects, 2 voxels of 8 mm³ on a grid of 2 x 2 x 2)
    >>> masks.coordinates_mm()
    array([[0., 2., 2.],
           [2., 0., 0.]])
    >>> masks.take([0, 2]).volumes_mm3
    array([8., 8.])
    """

    X: np.ndarray
    mask: np.ndarray
    affine: np.ndarray
    ids: np.ndarray
    volumes_mm3: np.ndarray

    def __repr__(self):
        return (
            f"LesionMasks({number_of(self.X.shape[0], 'subject')}, {number_of(self.X.shape[1], 'voxel')} of "
            f"{self.voxel_volume_mm3:.4g} mm³ on a grid of {times(self.mask.shape)})"
        )

    @property
    def voxel_volume_mm3(self):
        """What a voxel takes, in mm³."""
        return voxel_volume(self.affine)

    @property
    def grid(self):
        """Shape and affine together."""
        return Grid(self.mask.shape, self.affine)

    def coordinates_mm(self):
        """Return where the centers of the voxels lie.

        Returns
        -------
        coordinates : ndarray of shape (n_voxels, 3)
            In mm, a row for each column of `X`.
        """
        return to_mm(np.argwhere(self.mask), self.affine)

    def take(self, rows):
        """Return some subjects, with the same voxels.

        Parameters
        ----------
        rows : array-like of int or bool
            Which rows of `X`, in the order wanted; `match_subjects` gives them.

        Returns
        -------
        masks : LesionMasks
            Voxels that none of these subjects has lesioned stay among the columns.
        """
        rows = np.asarray(rows)
        return replace(self, X=self.X[rows], ids=self.ids[rows], volumes_mm3=self.volumes_mm3[rows])

    def to_nifti(self, values, path=None, *, outside=0):
        """Return a map of the voxels as an image.

        Parameters
        ----------
        values : array-like of shape (n_voxels,) or (n_maps, n_voxels)
            Numbers of any type, kept as they are (bool becomes uint8); several maps become volumes of one image.
        path : str, Path or None
            A file, ``*.nii`` or ``*.nii.gz``, to write the image to.
        outside : float
            What voxels outside of `mask` hold.

        Returns
        -------
        image : nibabel.Nifti1Image
            On the grid of the masks.

        Raises
        ------
        ValueError
            If there is not one value for each voxel, or the values are no numbers.
        """
        values = np.asarray(values)
        n_voxels = int(np.count_nonzero(self.mask))
        if values.ndim not in (1, 2) or values.shape[-1] != n_voxels:
            raise ValueError(
                f"A map has shape ({n_voxels},), and several have (n_maps, {n_voxels}): a value for each voxel of the "
                f"mask. Got {values.shape}."
            )
        dtype = _stored_type(values)
        volumes = np.full((*self.mask.shape, len(values)) if values.ndim == 2 else self.mask.shape, outside, dtype)
        volumes[self.mask] = values.T
        return save_image(volumes, self.affine, path)


def _stored_type(values):
    """Return the type of an image: NIfTI has no booleans, and few programs read integers of eight bytes."""
    if values.dtype.kind == "b":
        return np.uint8
    if values.dtype.kind not in "iuf":
        raise ValueError(f"A map holds numbers, but these values are of type {values.dtype}. Convert them to float.")
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
        limits = np.iinfo(np.int32)
        if values.size and (values.min() < limits.min or values.max() > limits.max):
            raise ValueError("Some values of the map are beyond ±2³¹, the largest integers of images. Use float64.")
        return np.int32
    return np.float32 if values.dtype == np.float16 else values.dtype


def mask_of(like):
    """Return which voxels are meant, and on which grid.

    Parameters
    ----------
    like : LesionMasks, str, Path, nibabel image or ndarray of shape (n_x, n_y, n_z) of bool

    Returns
    -------
    mask : ndarray of shape (n_x, n_y, n_z) of bool
    grid : Grid or None
        None for an array, of which only the shape is known.

    Raises
    ------
    CohortError
        If the image is not binary.
    TypeError
        If it is something else.
    """
    if isinstance(like, LesionMasks):
        return like.mask, like.grid
    if isinstance(like, str | Path):
        data, grid = read_image(find_masks(like)[0])
        return binarize(data, Path(like).name), grid
    if hasattr(like, "dataobj") and hasattr(like, "affine"):
        return binarize(without_single_axes(np.asanyarray(like.dataobj)), "The mask image"), grid_of(
            like, "The mask image"
        )
    if isinstance(like, np.ndarray) and like.dtype == bool and like.ndim == 3:
        return like, None
    raise TypeError(
        "A mask is a LesionMasks, a NIfTI file, a nibabel image or a boolean array of 3 axes, got "
        f"{type(like).__name__}{f' of {like.dtype} and shape {like.shape}' if isinstance(like, np.ndarray) else ''}."
    )
