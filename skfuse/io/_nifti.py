"""NIfTI images: read with a clear word on what is wrong, on which grid they lie, and written whole."""

import gzip
import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from skfuse.io._log import CohortError, shorten
from skfuse.io._model import write_whole
from skfuse.io._text import read_bytes

SUFFIXES = (".nii", ".nii.gz")
# Headers are rounded to float32 and by each program in its own way: less than this part of a voxel is no difference.
_TOLERANCE = 0.01


def require_nibabel():
    """Return nibabel, or raise an ImportError that says what to install."""
    try:
        import nibabel
    except ImportError as error:
        raise ImportError('Reading and writing NIfTI images needs nibabel: pip install "skfuse[imaging]".') from error
    return nibabel


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of an image lie.

    Parameters
    ----------
    shape : tuple of int
        Voxels along the three axes.
    affine : ndarray of shape (4, 4)
        From voxel indices to mm.
    oriented : bool
        Whether the header says what the mm are relative to.
    """

    shape: tuple
    affine: np.ndarray
    oriented: bool = True

    def __str__(self):
        sizes = " x ".join(f"{size:.4g}" for size in np.linalg.norm(self.affine[:3, :3], axis=0))
        return f"{times(self.shape)} voxels of {sizes} mm, {self.orientation}"

    @property
    def voxel_volume_mm3(self):
        """What a voxel takes."""
        return voxel_volume(self.affine)

    @property
    def orientation(self):
        """Where the axes point to, such as RAS: to the right, to the front and up."""
        return "".join(letter or "?" for letter in require_nibabel().aff2axcodes(self.affine))

    def shift_mm(self, other):
        """How far apart the same corner lies in two grids of one shape, at most."""
        corners = np.array(list(product(*((0, size - 1) for size in self.shape))))
        return float(np.linalg.norm(to_mm(corners, self.affine) - to_mm(corners, other.affine), axis=1).max())

    def matches(self, other):
        """Tell whether every voxel lies where the voxel of the same indices of `other` lies."""
        if self.shape != other.shape:
            return False
        smallest = min(np.linalg.norm(grid.affine[:3, :3], axis=0).min() for grid in (self, other))
        return self.shift_mm(other) < _TOLERANCE * smallest

    def difference(self, reference):
        """Say how this grid is unlike another one."""
        if self.shape != reference.shape or self.orientation != reference.orientation:
            return str(self)
        away = self.shift_mm(reference)
        return f"the same shape and orientation, but an affine that puts voxels up to {away:.3g} mm away"


def to_mm(indices, affine):
    """Return mm of voxel indices: an array of shape (n, 3) from one of that shape."""
    return indices @ affine[:3, :3].T + affine[:3, 3]


def voxel_volume(affine):
    """Return what a voxel takes, in mm³."""
    first, second, third = affine[:3, :3].T
    return float(abs(np.dot(np.cross(first, second), third)))  # exact where the axes are those of space


def times(shape):
    """Return ``"181 x 217 x 181"``."""
    return " x ".join(str(int(size)) for size in shape)


def read_image(path):
    """Read an image.

    Parameters
    ----------
    path : Path
        A NIfTI file of version 1 or 2, gzipped or not.

    Returns
    -------
    data : ndarray of shape (n_x, n_y, n_z) or (n_x, n_y, n_z, n_volumes)
        Scaled as the header says; a fourth axis of one volume is removed.
    grid : Grid

    Raises
    ------
    CohortError
        If the file is damaged, no NIfTI image, or its header makes no sense.
    """
    nibabel = require_nibabel()
    content, file = read_bytes(path), path.name
    kinds = [nibabel.Nifti1Image, nibabel.Nifti2Image]
    kind = next((kind for kind in kinds if kind.header_class.may_contain_header(content)), None)
    if kind is None:
        raise CohortError(f"{file} is no NIfTI image by its content. Convert it to .nii or .nii.gz.")
    try:
        image = kind.from_bytes(content)
        _refuse_cut(image, content, file)
        data = np.asanyarray(image.dataobj)
    except CohortError:
        raise
    except (
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
        ValueError,
        OSError,
    ) as error:
        raise CohortError(f"{file} is a damaged NIfTI image ({error}). Make or download it again.") from error
    return without_single_axes(data), grid_of(image, file)


def _refuse_cut(image, content, file):
    """Nibabel makes room for what the header asks for before it looks whether the file has it."""
    wanted = math.prod(image.shape) * image.get_data_dtype().itemsize + int(image.dataobj.offset)
    if wanted > len(content):
        raise CohortError(
            f"{file} is cut short: its header asks for {wanted} bytes, it has {len(content)}. Copy or download it "
            "again."
        )


def without_single_axes(data):
    """Return an image without axes of one volume behind its third."""
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    return data


def grid_of(image, file):
    """Return the grid of a nibabel image.

    Parameters
    ----------
    image : nibabel image
    file : str
        Its name, for messages.

    Returns
    -------
    grid : Grid

    Raises
    ------
    CohortError
        If its affine cannot be inverted, or its header counts in another unit than mm.
    """
    header = image.header
    try:
        unit = header.get_xyzt_units()[0] if hasattr(header, "get_xyzt_units") else "mm"
    except KeyError as error:
        raise CohortError(f"{file} is a damaged NIfTI image: no unit of length has the number {error}.") from error
    if unit not in ("mm", "unknown"):
        raise CohortError(f"{file}: its header counts lengths in {unit}, not in mm. Convert it to mm.")
    affine = np.array(image.affine, dtype=float)
    if not np.isfinite(affine).all() or voxel_volume(affine) < 1e-12:
        raise CohortError(f"{file}: its affine {affine[:3].tolist()} gives voxels no volume. Repair its header.")
    codes = [int(header[key]) for key in ("sform_code", "qform_code") if key in header]
    return Grid(tuple(int(size) for size in image.shape[:3]), affine, not codes or any(codes))


def refuse_other_grids(grids, files, reference=None, of="the mask that was given"):
    """Refuse images whose voxels are not the same places.

    Parameters
    ----------
    grids : list of Grid
    files : list of str
        Their names.
    reference : Grid or None
        What they are compared with; None: the grid that most of them have.
    of : str
        What `reference` belongs to, for the message.

    Raises
    ------
    CohortError
        Names each file that differs, in what, and what to do.
    """
    if reference is None:
        groups = []
        for i, grid in enumerate(grids):
            group = next((group for group in groups if grids[group[0]].matches(grid)), None)
            group.append(i) if group else groups.append([i])
        most = max(groups, key=len)
        reference, example = grids[most[0]], files[most[0]]
        of = example if len(most) == 1 else f"{len(most)} others, among them {example}"
        odd = [i for i in range(len(grids)) if i not in set(most)]
    else:
        example = "its file"
        odd = [i for i, grid in enumerate(grids) if not grid.matches(reference)]
    if not odd:
        return
    found = {}
    for i in odd:
        found.setdefault(grids[i].difference(reference), []).append(files[i])
    which = "; ".join(f"{shorten(names, 20)}: {what}" for what, names in found.items())
    raise CohortError(
        f"{len(odd)} of {len(grids)} images {'lies' if len(odd) == 1 else 'lie'} on another grid than {of} "
        f"({reference}): {which}. Resample {'it' if len(odd) == 1 else 'them'} to that grid, for instance with "
        f"nilearn.image.resample_to_img(file, {example!r}, interpolation='nearest')."
    )


def save_image(data, affine, path):
    """Write an image whole or not at all, the same bytes for the same image.

    Parameters
    ----------
    data : ndarray of shape (n_x, n_y, n_z) or (n_x, n_y, n_z, n_volumes)
    affine : ndarray of shape (4, 4)
    path : str, Path or None
        ``*.nii`` or ``*.nii.gz``; None writes nothing.

    Returns
    -------
    image : nibabel.Nifti1Image

    Raises
    ------
    ValueError
        If the name has another suffix.
    FileNotFoundError
        If the folder does not exist.
    """
    image = require_nibabel().Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, code=2)  # some programs read only one of the two
    image.set_sform(affine, code=2)
    if path is not None:
        path = Path(path)
        if not path.name.lower().endswith(SUFFIXES):
            raise ValueError(f"An image is written as .nii or .nii.gz, but the name is {path.name!r}.")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {str(path.parent)!r} to write the image in.")
        content = image.to_bytes()
        # level 1 is ten times as fast as level 9, and an image that is 0 nearly everywhere is small at any level
        write_whole(path, gzip.compress(content, 1, mtime=0) if path.name.lower().endswith(".gz") else content)
    return image
