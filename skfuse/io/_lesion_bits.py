"""One lesion mask in little room: a box around the lesion, a bit for each voxel."""

from dataclasses import dataclass

import numpy as np

from skfuse.io._log import CohortError, number_of, shorten
from skfuse.io._nifti import Grid, times

_ROUNDING = 1e-6  # 255 times a scaling of 1/255 is not quite 1


@dataclass(frozen=True, eq=False)
class LesionBits:
    """A lesion on its grid.

    Parameters
    ----------
    grid : Grid
    start, stop : tuple of int
        Corners of the smallest box that holds the lesion; equal if there is none.
    n_lesioned : int
        Voxels.
    bits : ndarray of uint8
        The voxels of the box in C order, eight in a byte.
    """

    grid: Grid
    start: tuple
    stop: tuple
    n_lesioned: int
    bits: np.ndarray

    @property
    def box(self):
        """The slices of the box."""
        return tuple(map(slice, self.start, self.stop))

    def unpack(self):
        """Return where the box is lesioned: a boolean array of its shape."""
        shape = np.subtract(self.stop, self.start)
        return np.unpackbits(self.bits, count=int(np.prod(shape))).view(bool).reshape(shape)


def pack(lesioned, grid):
    """Return a boolean array of the shape of the grid as `LesionBits`."""
    start, stop = [], []
    for axis in range(3):
        hit = np.flatnonzero(lesioned.any(axis=tuple(other for other in range(3) if other != axis)))
        start.append(int(hit[0]) if len(hit) else 0)
        stop.append(int(hit[-1]) + 1 if len(hit) else 0)
    inside = lesioned[tuple(map(slice, start, stop))]
    return LesionBits(grid, tuple(start), tuple(stop), int(np.count_nonzero(inside)), np.packbits(inside))


def binarize(data, file, threshold=None):
    """Return where an image is lesioned.

    Parameters
    ----------
    data : ndarray of shape (n_x, n_y, n_z)
        0 and 1, or 0 and 255; with `threshold` any numbers.
    file : str
        For messages.
    threshold : float or None
        Lesioned is what is above it.

    Returns
    -------
    lesioned : ndarray of shape (n_x, n_y, n_z) of bool

    Raises
    ------
    CohortError
        If the image has several volumes, is NaN or infinite somewhere, or holds other values and has no threshold.
    """
    if data.ndim != 3:
        kind = f"{data.ndim} axes" if data.ndim < 3 else f"{int(np.prod(data.shape[3:]))} volumes"
        raise CohortError(
            f"{file} has {kind} ({times(data.shape)}), but a mask is one volume of 3 axes. Write one file for each."
        )
    if data.dtype.kind not in "buif":
        raise CohortError(f"{file} holds values of type {data.dtype}, which is no mask. Write 0 and 1.")
    if data.dtype.kind == "f":
        _refuse_non_finite(data, file)
    if threshold is not None:
        return data > threshold
    lesioned = data != 0
    values = data[lesioned]
    if len(values):
        low, high = float(values.min()), float(values.max())
        if high - low > _ROUNDING * high or not (abs(high - 1) <= _ROUNDING or abs(high / 255 - 1) <= _ROUNDING):
            raise CohortError(_not_binary(values, low, high, file))
    return lesioned


def _refuse_non_finite(data, file):
    if np.isfinite(data.min()) and np.isfinite(data.max()):  # NaN spreads to both
        return
    n_nan = int(np.isnan(data).sum())
    what = (
        f"{number_of(n_nan, 'voxel')} of NaN" if n_nan else f"{number_of(int(np.isinf(data).sum()), 'infinite voxel')}"
    )
    raise CohortError(f"{file} holds {what}. Write 0 wherever there is no lesion, outside of the brain too.")


def _not_binary(values, low, high, file):
    found = np.unique(values)
    shown = shorten([f"{value:.6g}" for value in found], 6)
    if low > 0 and high <= 1:
        advice = "If it holds probabilities, say above which one a voxel is lesioned, for instance threshold=0.5."
    else:
        advice = "Write 1 where there is a lesion, or say above which value a voxel is lesioned: threshold=."
    return (
        f"{file} is not binary: beside 0 it holds {number_of(len(found), 'value')} ({shown}), but a mask holds 0 and 1 "
        f"(or 0 and 255). {advice}"
    )
