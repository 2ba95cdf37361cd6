"""A simulated brain: a grid, a mask of two mirrored hemispheres, parcels and networks."""

from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real

import numpy as np
from scipy.spatial import cKDTree

from skfuse.datasets._parameters import _check_number, _is_number
from skfuse.datasets._streams import Streams

HEAD_MM = np.array([160.0, 192.0, 160.0])  # the box around the brain, in the default grid
CENTER_MM = np.array([0.0, -18.0, 8.0])  # about the middle of the brain in MNI space
FILLED = 0.9  # of the grid's half extents, the semi-axes of the brain
LLOYD_ROUNDS, LLOYD_POINTS = 5, 20_000
PATCHES_PER_NETWORK = 2  # networks are scattered over a hemisphere, as those of resting state are


@dataclass(frozen=True, eq=False, repr=False)
class Brain:
    """A simulated brain on a grid of voxels, as :func:`skfuse.datasets.make_brain` builds it.

    The voxels of the mask are numbered in the order of ``volume[mask]``, the one in which nilearn's maskers give
    them. Left comes first: parcels ``0 … n_parcels / 2 - 1`` are on the left (negative x), and the mirror image
    of parcel ``p`` is ``(p + n_parcels / 2) % n_parcels``.

    Parameters
    ----------
    mask : ndarray of shape (n_x, n_y, n_z), bool
        Where there is brain.
    affine : ndarray of shape (4, 4)
        From voxel indices to mm, x to the right, y to the front, z up.
    parcels : ndarray of shape (n_voxels,), int32
        Parcel of each voxel of the mask, from 0.
    networks : ndarray of shape (n_parcels,), int32
        Resting-state network of each parcel, from 0; the same for mirror images.

    Attributes
    ----------
    n_voxels, n_parcels, n_networks : int
        Counts.
    voxel_ml : float
        Volume of one voxel in ml.
    coordinates_mm : ndarray of shape (n_voxels, 3)
        Centers of the voxels.
    centroids_mm : ndarray of shape (n_parcels, 3)
        Centers of mass of the parcels.
    center_mm, semi_axes_mm : ndarray of shape (3,)
        Center and half diameters of the ellipsoid.
    left : ndarray of shape (n_voxels,), bool
        Which voxels are in the left hemisphere.

    See Also
    --------
    make_brain : Builds one.

    Examples
    --------
    >>> from skfuse.datasets import make_brain
    >>> brain = make_brain(voxel_size_mm=8, n_parcels=20, random_state=0)
    >>> brain
    Brain(20 x 24 x 20 grid, 3640 voxels, 20 parcels, 7 networks)
    >>> brain.volume(brain.parcels, fill=-1).shape
    (20, 24, 20)
    """

    mask: np.ndarray
    affine: np.ndarray
    parcels: np.ndarray
    networks: np.ndarray

    def __repr__(self):
        grid = " x ".join(map(str, self.mask.shape))
        counts = f"{self.n_voxels} voxels, {self.n_parcels} parcels, {self.n_networks} networks"
        return f"Brain({grid} grid, {counts})"

    @property
    def n_voxels(self):
        return len(self.parcels)

    @property
    def n_parcels(self):
        return len(self.networks)

    @property
    def n_networks(self):
        return int(self.networks.max()) + 1

    @property
    def voxel_ml(self):
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    @property
    def center_mm(self):
        return self.to_mm((np.array(self.mask.shape) - 1) / 2)

    @property
    def semi_axes_mm(self):
        return FILLED * np.array(self.mask.shape) * np.diag(self.affine)[:3] / 2

    @cached_property
    def voxels(self):
        return np.argwhere(self.mask).astype(np.int32)

    @cached_property
    def coordinates_mm(self):
        return self.to_mm(self.voxels)

    @cached_property
    def left(self):
        return self.coordinates_mm[:, 0] < self.center_mm[0]

    @cached_property
    def centroids_mm(self):
        size = np.bincount(self.parcels, minlength=self.n_parcels)
        sums = [np.bincount(self.parcels, weights=axis, minlength=self.n_parcels) for axis in self.coordinates_mm.T]
        return np.stack(sums, axis=1) / size[:, None]

    def to_mm(self, indices):
        """Coordinates of voxels of the grid, in mm.

        Parameters
        ----------
        indices : array-like of shape (..., 3)
            Indices along x, y and z, fractions allowed.

        Returns
        -------
        coordinates_mm : ndarray of shape (..., 3)
            The points.
        """
        return np.asarray(indices) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def from_units(self, units):
        """Points given in half diameters of the brain from its center, in mm.

        Parameters
        ----------
        units : array-like of shape (..., 3)
            (-1, 0, 0) is the leftmost point of the brain, (0, 0, 1) its top.

        Returns
        -------
        coordinates_mm : ndarray of shape (..., 3)
            The points.
        """
        return self.center_mm + np.asarray(units) * self.semi_axes_mm

    def volume(self, values, fill=0):
        """Put one value per voxel of the mask back into the grid.

        Parameters
        ----------
        values : ndarray of shape (n_voxels,)
            In the order of the mask.
        fill : scalar, default=0
            What stands outside the mask.

        Returns
        -------
        volume : ndarray of shape (n_x, n_y, n_z)
            Of the data type of `values`.
        """
        values = np.asarray(values)
        volume = np.full(self.mask.shape, fill, dtype=values.dtype)
        volume[self.mask] = values
        return volume


def make_brain(shape=None, *, voxel_size_mm=4.0, n_parcels=100, n_networks=7, random_state=None):
    """Build a simulated brain: an ellipsoid of two mirrored hemispheres, cut into parcels.

    The ellipsoid fills 90 % of the grid along each axis; 1.9 liters in the default box of 160 x 192 x 160 mm,
    the brain of the MNI template. Parcels are Voronoi cells of random centers after a few rounds of k-means in
    the left hemisphere, numbered from front to back and mirrored to the right; each belongs to one of
    `n_networks` networks, which have two patches in each hemisphere. White matter, ventricles and sulci do not
    exist.

    Parameters
    ----------
    shape : tuple of three int or None, default=None
        Voxels along x, y and z, at least 8. None: as many as fill the default box, 40 x 48 x 40 at 4 mm. Along x
        an odd number leaves a plane between the hemispheres, which belongs to neither and not to the mask.
    voxel_size_mm : float, default=4.0
        Edge of the cubic voxels in mm.
    n_parcels : int, default=100
        Number of parcels in both hemispheres together; even, and at least 10 voxels for each.
    n_networks : int, default=7
        Number of networks, at most half of `n_parcels`.
    random_state : None, int, RandomState or Generator, default=None
        Where the centers of parcels and networks come from.

    Returns
    -------
    brain : Brain
        The mask, its affine, parcels and networks.

    Raises
    ------
    ValueError
        If an argument is out of range, or the grid is too coarse for so many parcels.

    Examples
    --------
    >>> from skfuse.datasets import make_brain
    >>> brain = make_brain(random_state=0)
    >>> brain
    Brain(40 x 48 x 40 grid, 29400 voxels, 100 parcels, 7 networks)
    >>> round(brain.n_voxels * brain.voxel_ml)
    1882
    """
    if not (_is_number(voxel_size_mm, Real) and voxel_size_mm > 0):
        raise ValueError(f"`voxel_size_mm` is {voxel_size_mm!r}; give mm > 0.")
    _check_number("n_parcels", n_parcels, low=2, kind=Integral)
    if n_parcels % 2:
        raise ValueError(f"`n_parcels` is {n_parcels}; hemispheres are mirrored, so give an even number.")
    _check_number("n_networks", n_networks, low=1, high=n_parcels // 2, kind=Integral)
    mask, affine = _ellipsoid(_check_shape(shape, voxel_size_mm), voxel_size_mm)
    if n_parcels > mask.sum() / 10:
        raise ValueError(
            f"`n_parcels` is {n_parcels} for a brain of {mask.sum()} voxels; keep at least 10 voxels for each: "
            "ask for fewer parcels or smaller voxels."
        )

    streams = Streams(random_state)
    middle = mask.shape[0] // 2
    left = mask[:middle]
    points = np.argwhere(left) * float(voxel_size_mm)
    cells, centers = _voronoi_cells(streams("parcels"), points, n_parcels // 2)
    # The mirror image of a labeled left half is the right half; on an odd grid nothing is between them.
    labels = np.zeros(mask.shape, dtype=np.int32)
    labels[:middle][left] = cells
    labels[-middle:] = labels[:middle][::-1] + n_parcels // 2
    networks = _networks(streams("networks"), centers, n_networks)
    return Brain(mask=mask, affine=affine, parcels=labels[mask], networks=np.tile(networks, 2))


def _check_shape(shape, voxel_size_mm):
    if shape is None:
        shape = np.round(HEAD_MM / voxel_size_mm).astype(int)
        shape[0] += shape[0] % 2  # no plane between the hemispheres
    shape = tuple(int(count) for count in shape) if np.shape(shape) == (3,) else shape
    if not isinstance(shape, tuple) or len(shape) != 3 or min(shape) < 8:
        raise ValueError(f"The grid has the shape {shape!r}; give three numbers of voxels, each at least 8.")
    return shape


def _ellipsoid(shape, voxel_size_mm):
    """Mask of the brain in a grid of this shape, and the affine of the grid."""
    counts = np.array(shape)
    affine = np.diag([voxel_size_mm] * 3 + [1.0])
    affine[:3, 3] = CENTER_MM - voxel_size_mm * (counts - 1) / 2
    squares = [((np.arange(count) - (count - 1) / 2) / (FILLED * count / 2)) ** 2 for count in counts]
    mask = squares[0][:, None, None] + squares[1][:, None] + squares[2] <= 1
    if shape[0] % 2:
        mask[shape[0] // 2] = False
    return mask, affine


def _voronoi_cells(generator, points, n_cells):
    """Cell of each point around centers from k-means, ordered from front (high y) to back, and the centers."""
    sample = points
    if len(points) > LLOYD_POINTS:
        sample = points[generator.choice(len(points), LLOYD_POINTS, replace=False)]
    centers = sample[generator.choice(len(sample), n_cells, replace=False)].copy()
    for _ in range(LLOYD_ROUNDS):
        cells, centers = _nearest(sample, centers)
        sums = [np.bincount(cells, weights=axis, minlength=n_cells) for axis in sample.T]
        centers = np.stack(sums, axis=1) / np.bincount(cells, minlength=n_cells)[:, None]
    centers = centers[np.argsort(-centers[:, 1], kind="stable")]
    return _nearest(points, centers)


def _nearest(points, centers):
    """Nearest center of each point; a center that is nearest to none moves to the point farthest from its own."""
    while True:
        distances, cells = cKDTree(centers).query(points)
        empty = np.flatnonzero(np.bincount(cells, minlength=len(centers)) == 0)
        if empty.size == 0:
            return cells, centers
        centers = centers.copy()
        centers[empty] = points[np.argsort(distances)[-empty.size :]]


def _networks(generator, centers, n_networks):
    """Network of each parcel of one hemisphere: that of the nearest of a few patches."""
    n_patches = min(len(centers), PATCHES_PER_NETWORK * n_networks)
    patches = centers[generator.choice(len(centers), n_patches, replace=False)]
    return (cKDTree(patches).query(centers)[1] % n_networks).astype(np.int32)
