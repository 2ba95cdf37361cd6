"""Maps of voxels, such as a statistic or p-values: vectors in, NIfTI images out, and back."""

from pathlib import Path

import numpy as np

from skfuse.io._lesion_masks import LesionMasks, mask_of
from skfuse.io._log import CohortError
from skfuse.io._nifti import read_image, refuse_other_grids, times
from skfuse.io._nifti_files import is_nifti


def write_map(values, like, path, *, outside=0):
    """Write a map of the voxels of a mask as a NIfTI image.

    Parameters
    ----------
    values : array-like of shape (n_voxels,) or (n_maps, n_voxels)
        A number for each voxel of the mask in C order, kept in its type (bool becomes uint8, int64 int32); several
        maps become volumes of one image.
    like : LesionMasks, str, Path or nibabel image
        The masks that were read, or a mask image of 0 and 1.
    path : str or Path
        ``*.nii`` or ``*.nii.gz``; it is replaced if it exists, and whole or not there at all.
    outside : float
        What voxels outside of the mask hold, such as 1 for p-values.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If there is not one number for each voxel, or the file has another suffix.
    FileNotFoundError
        If the folder does not exist.
    ImportError
        If nibabel is not installed.

    See Also
    --------
    read_map : Reads it back.
    LesionMasks.to_nifti : The image without a file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from skfuse.io import LesionMasks, read_map, write_map
    >>> mask = np.zeros((2, 2, 2), dtype=bool)
    >>> mask[0, 1, 1] = mask[1, 0, 0] = True
    >>> masks = LesionMasks(np.eye(2, dtype=np.uint8), mask, np.eye(4), np.array(["a", "b"]), np.ones(2))
    >>> with TemporaryDirectory() as folder:
    ...     path = write_map([2.5, -1.25], masks, Path(folder, "t.nii.gz"))
    ...     read_map(path, masks)
    array([ 2.5 , -1.25])
    """
    masks_like(like).to_nifti(values, path, outside=outside)
    return Path(path)


def read_map(path, like):
    """Read a NIfTI image at the voxels of a mask.

    Parameters
    ----------
    path : str or Path
        The image, of one volume or several.
    like : LesionMasks, str, Path or nibabel image
        The masks that were read, or a mask image of 0 and 1, on the same grid.

    Returns
    -------
    values : ndarray of shape (n_voxels,) or (n_maps, n_voxels)
        In the type of the file, scaled as its header says; NaN stays.

    Raises
    ------
    CohortError
        If the file is damaged or lies on another grid.
    FileNotFoundError
        If there is no such file.
    ImportError
        If nibabel is not installed.

    See Also
    --------
    write_map : Writes such an image.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from skfuse.io import LesionMasks, read_map
    >>> mask, X = np.ones((2, 2, 2), dtype=bool), np.ones((1, 8), dtype=np.uint8)
    >>> masks = LesionMasks(X, mask, np.eye(4), np.array(["a"]), np.array([8.0]))
    >>> with TemporaryDirectory() as folder:
    ...     _ = masks.to_nifti(np.arange(16, dtype=np.float32).reshape(2, 8), Path(folder, "two.nii"))
    ...     read_map(Path(folder, "two.nii"), masks)[:, :3]
    array([[ 0.,  1.,  2.],
           [ 8.,  9., 10.]], dtype=float32)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    if not is_nifti(path):
        raise CohortError(f"{path.name} is called like no NIfTI image (.nii, .nii.gz). Convert it.")
    masks = masks_like(like)
    data, grid = read_image(path)
    refuse_other_grids([grid], [path.name], masks.grid)
    if data.ndim not in (3, 4):
        raise CohortError(f"{path.name} has {data.ndim} axes ({times(data.shape)}); a map has 3, or 4 for several.")
    return np.ascontiguousarray(data[masks.mask].T)


def masks_like(like):
    """Return masks without subjects of a mask image, and LesionMasks as they are."""
    if isinstance(like, LesionMasks):
        return like
    mask, grid = mask_of(like)
    if grid is None:
        raise TypeError("An array has no affine. Give the LesionMasks, a NIfTI file or a nibabel image.")
    n_voxels = int(np.count_nonzero(mask))
    return LesionMasks(np.empty((0, n_voxels), np.uint8), mask, grid.affine, np.empty(0, object), np.empty(0))
