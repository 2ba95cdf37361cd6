"""Tractograms: which streamline passes through which voxel, and where it ends."""

import struct
import warnings
from pathlib import Path

import numpy as np

from skfuse._chunks import chunks
from skfuse.io._log import CohortError, CohortWarning
from skfuse.io._nifti import require_nibabel, to_mm
from skfuse.io._nifti_maps import masks_like

_STEP = 0.25  # in voxels: so far apart lie the points at which a streamline is looked at, at most
_FARTHEST_MM = 10_000.0  # nothing of a head is there
_AT_ONCE = 2_000  # streamlines; of 15 cm and with voxels of 1 mm they take some 100 MB


def read_streamlines(path, like):
    """Read a tractogram as the voxels of a mask that each streamline passes through.

    A streamline is followed in straight lines between its points, in steps of a quarter of a voxel, so that no voxel
    is left out but those of which it cuts off a corner.

    Parameters
    ----------
    path : str or Path
        A ``.trk`` or ``.tck`` file, in the space of the mask.
    like : LesionMasks, str, Path or nibabel image
        The masks that were read, or a mask image of 0 and 1. Voxels outside of it are not looked at.

    Returns
    -------
    visits : scipy.sparse.csr_array of shape (n_streamlines, n_voxels) of uint8
        1 where a streamline passes through a voxel.
    endpoints_mm : ndarray of shape (n_streamlines, 2, 3)
        First and last point of each streamline in mm.

    Raises
    ------
    CohortError
        If the file is no tractogram, damaged, without streamlines, or lies wholly outside of the grid of the mask.
    FileNotFoundError
        If there is no such file.
    ImportError
        If nibabel is not installed.

    Warns
    -----
    CohortWarning
        If most streamlines pass through no voxel of the mask.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from nibabel.streamlines import Tractogram, save
    >>> from skfuse.io import LesionMasks, read_streamlines
    >>> mask, X = np.ones((4, 1, 1), dtype=bool), np.ones((1, 4), dtype=np.uint8)
    >>> masks = LesionMasks(X, mask, np.eye(4), np.array(["a"]), np.array([4.0]))
    >>> lines = [np.array([[0, 0, 0], [2, 0, 0]], dtype=np.float32), np.array([[3, 0, 0], [2, 0, 0]], dtype=np.float32)]
    >>> with TemporaryDirectory() as folder:
    ...     save(Tractogram(lines, affine_to_rasmm=np.eye(4)), str(Path(folder, "two.tck")))
    ...     visits, endpoints_mm = read_streamlines(Path(folder, "two.tck"), masks)
    >>> visits.toarray()
    array([[1, 1, 1, 0],
           [0, 0, 1, 1]], dtype=uint8)
    >>> endpoints_mm[1].tolist()
    [[3.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
    """
    from scipy.sparse import vstack

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    masks = masks_like(like)
    points, lengths = _load(path)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    endpoints_mm = points[np.stack([starts[:-1], starts[1:] - 1], axis=1)].astype(float)

    n_voxels = int(np.count_nonzero(masks.mask))
    columns = np.full(masks.mask.shape, -1, dtype=np.int32)
    columns[masks.mask] = np.arange(n_voxels, dtype=np.int32)
    to_voxels = np.linalg.inv(masks.affine)
    parts, n_inside = [], 0
    for part in chunks(len(lengths), 1, _AT_ONCE):
        own = to_mm(points[starts[part.start] : starts[part.stop]].astype(float), to_voxels)
        visits, inside = _visits(own, lengths[part], columns, n_voxels)
        parts.append(visits)
        n_inside += inside
    if not n_inside:
        raise CohortError(
            f"{path.name}: no streamline passes through the grid of the mask ({masks.grid}). Bring both into one space."
        )
    visits = vstack(parts, format="csr")
    n_without = int((np.diff(visits.indptr) == 0).sum())
    if 2 * n_without > len(lengths):
        warnings.warn(
            f"{path.name}: {n_without} of {len(lengths)} streamlines pass through no voxel of the mask. Check that "
            "both are in one space, unless the mask is small.",
            CohortWarning,
            stacklevel=2,
        )
    return visits, endpoints_mm


def _load(path):
    """Return the points of all streamlines one after the other in mm, and how many each has."""
    streamlines = require_nibabel().streamlines
    if not streamlines.is_supported(str(path)):
        raise CohortError(f"{path.name} is no tractogram of TrackVis (.trk) or MRtrix (.tck). Convert it.")
    try:
        found = streamlines.load(str(path)).streamlines
    except (
        streamlines.tractogram_file.HeaderError,
        streamlines.tractogram_file.DataError,
        ValueError,
        TypeError,
        EOFError,
        OSError,
        IndexError,
        struct.error,
    ) as error:  # what damaged files make nibabel stumble over
        raise CohortError(f"{path.name} is damaged ({error}). Make or download it again.") from error
    lengths = np.fromiter((len(one) for one in found), dtype=np.intp, count=len(found))
    if not len(lengths) or not lengths.all():
        what = "no streamline" if not len(lengths) else f"{int((lengths == 0).sum())} streamlines without a point"
        raise CohortError(f"{path.name} holds {what}. Make it again.")
    points = np.asarray(found.get_data())
    if not (abs(points) < _FARTHEST_MM).all():
        raise CohortError(
            f"{path.name} is damaged: it holds points that are NaN or more than {_FARTHEST_MM / 1000:g} m away. Make "
            "or download it again."
        )
    return points, lengths


def _walk(points, lengths):
    """Return the voxels that streamlines pass through, step by step, and which streamline each belongs to."""
    line = np.repeat(np.arange(len(lengths)), lengths)
    step = np.zeros_like(points)
    step[:-1] = points[1:] - points[:-1]
    step[np.cumsum(lengths) - 1] = 0  # behind the last point of a streamline is none
    n_steps = np.maximum(1, np.ceil(np.linalg.norm(step, axis=1) / _STEP)).astype(np.intp)
    segment = np.repeat(np.arange(len(points)), n_steps)
    along = (np.arange(len(segment)) - np.repeat(np.cumsum(n_steps) - n_steps, n_steps)) / n_steps[segment]
    return line[segment], np.floor(points[segment] + along[:, None] * step[segment] + 0.5).astype(np.intp)


def _visits(points, lengths, columns, n_voxels):
    """Return where streamlines pass, a row for each, and how many steps lie in the grid."""
    from scipy.sparse import csr_array

    lines, voxels = _walk(points, lengths)
    inside = ((voxels >= 0) & (voxels < columns.shape)).all(axis=1)
    found = columns[tuple(voxels[inside].T)]
    lines, found = lines[inside][found >= 0], found[found >= 0]
    visits = csr_array((np.ones(len(found), np.int32), (lines, found)), shape=(len(lengths), n_voxels))
    visits.sum_duplicates()
    ones = np.ones(visits.nnz, dtype=np.uint8)
    return csr_array((ones, visits.indices, visits.indptr), shape=visits.shape), int(inside.sum())
