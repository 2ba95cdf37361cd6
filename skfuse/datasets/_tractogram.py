"""A simulated tractogram: curves between parcels, as the voxels that each passes."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array

from skfuse._chunks import chunks
from skfuse.datasets._parameters import _check_number, _is_number
from skfuse.datasets._streams import Streams

CORE = np.array([0.35, 0.0, 0.05])  # middle of the white matter of a hemisphere, in half diameters of the brain
CALLOSUM = np.array([0.0, 0.0, 0.15])  # control point of callosal curves, which cross halfway to it
CALLOSUM_Y = 0.3  # how far a callosal curve keeps to the front or back that it comes from
BEND = 0.4  # of the way from the middle of a chord to the core, the control point of a curve within a hemisphere
BUNDLE_SHARE = 0.15  # standard deviation of the control point between bundles, relative to the chord
FARTHEST = 0.92  # a control point stays inside this share of the ellipsoid, and so does its curve
JITTER = 0.45  # an end lies this close to the center of its voxel, in voxels
CHUNK_BYTES = 2**26


def make_tractogram(
    brain,
    n_streamlines=20_000,
    *,
    length_scale_mm=30.0,
    callosal_share=0.15,
    spread_mm=4.0,
    random_state=None,
):
    r"""Simulate the streamlines of a healthy brain.

    A streamline joins two parcels :math:`p \ne q`. Within a hemisphere their probability is proportional to
    :math:`e^{-d_{pq} / \text{length scale}}` with the distance of centroids :math:`d`; across the midline only
    mirror images are joined, all with the same probability. Its ends are random voxels of the two parcels, and
    its course a quadratic Bézier curve that bends toward the middle of the hemisphere, or through the middle of the
    brain. Streamlines of one pair share their course but for noise. White matter does not exist: curves pass
    through other parcels.

    Parameters
    ----------
    brain : Brain
        Where the streamlines run.
    n_streamlines : int, default=20000
        Number of streamlines. Each costs about 10 µs and 100 bytes at voxels of 4 mm.
    length_scale_mm : float, default=30.0
        Distance in mm at which two parcels of a hemisphere are :math:`e` times less connected.
    callosal_share : float, default=0.15
        Share of streamlines between mirror images.
    spread_mm : float, default=4.0
        Standard deviation in mm of the control points of one bundle of streamlines; half of it at the middle of
        the curve.
    random_state : None, int, RandomState or Generator, default=None
        Where the numbers come from.

    Returns
    -------
    streamlines : csr_array of shape (n_streamlines, n_voxels), bool
        True in the voxels that a streamline passes, in the order of ``brain.mask``; column indices are sorted.
    endpoints : ndarray of shape (n_streamlines, 2), int32
        The two parcels that a streamline joins, the smaller number first.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from skfuse.datasets import make_brain, make_tractogram
    >>> brain = make_brain(random_state=0)
    >>> streamlines, endpoints = make_tractogram(brain, 1000, random_state=0)
    >>> streamlines.shape, endpoints.shape
    ((1000, 29400), (1000, 2))
    >>> bool((endpoints[:, 0] < endpoints[:, 1]).all())
    True
    """
    _check_number("n_streamlines", n_streamlines, low=1, kind=Integral)
    _check_number("callosal_share", callosal_share, low=0, high=1)
    _check_number("spread_mm", spread_mm, low=0)
    if not (_is_number(length_scale_mm, Real) and length_scale_mm > 0):
        raise ValueError(f"`length_scale_mm` is {length_scale_mm!r}; give mm > 0.")
    streams = Streams(random_state)
    pairs, probability = _pairs(brain, length_scale_mm, callosal_share)
    pair = streams("pairs").choice(len(pairs), size=n_streamlines, p=probability)
    endpoints = pairs[pair].astype(np.int32)
    chord = np.linalg.norm(np.subtract(*brain.centroids_mm[pairs.T]), axis=1)
    bundles = BUNDLE_SHARE * chord[:, None] * streams("bundles").standard_normal((len(pairs), 3))

    # Half a voxel from one point to the next, on the longest curve (its control point is never far outside).
    n_points = int(np.ceil(2.5 * np.ptp(brain.voxels, axis=0).max()))
    lookup = np.full(brain.mask.size, -1, dtype=np.int32)
    lookup[brain.mask.ravel()] = np.arange(brain.n_voxels)
    order = np.argsort(brain.parcels, kind="stable")
    first = np.searchsorted(brain.parcels[order], np.arange(brain.n_parcels + 1))
    voxels, counts = [], []
    for number, part in enumerate(chunks(n_streamlines, size_of_one=20 * n_points, most=CHUNK_BYTES)):
        generator = streams("curves", str(number))
        ends = endpoints[part]
        uniform = generator.random(ends.shape)
        chosen = first[ends] + (uniform * (first[ends + 1] - first[ends])).astype(np.int64)
        places = brain.voxels[order[chosen]] + generator.uniform(-JITTER, JITTER, (*ends.shape, 3))
        control = _control_points(brain, brain.to_mm(places), bundles[pair[part]], spread_mm, generator)
        passed, count = _voxels_passed(brain, places, control, lookup, n_points)
        voxels.append(passed)
        counts.append(count)
    pointers = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    voxels = np.concatenate(voxels)
    values = np.ones(len(voxels), dtype=bool)
    pointers = pointers.astype(np.int32) if len(voxels) < 2**31 else pointers
    return csr_array((values, voxels, pointers), shape=(n_streamlines, brain.n_voxels)), endpoints


def _pairs(brain, length_scale_mm, callosal_share):
    """Pairs of parcels that can be joined, shape (n_pairs, 2), and their probabilities."""
    half = brain.n_parcels // 2
    within = np.stack(np.triu_indices(half, k=1), axis=1)
    within = np.concatenate([within, within + half])
    across = np.stack([np.arange(half), np.arange(half) + half], axis=1)
    if len(within) == 0:
        return across, np.full(half, 1 / half)
    distance = np.linalg.norm(np.subtract(*brain.centroids_mm[within.T]), axis=1)
    weight = np.exp(-(distance - distance.min()) / length_scale_mm)
    probability = [(1 - callosal_share) * weight / weight.sum(), np.full(half, callosal_share / half)]
    return np.concatenate([within, across]), np.concatenate(probability)


def _control_points(brain, ends_mm, bundle, spread_mm, generator):
    """Control points of the curves in mm, shape (n, 3), from their ends, shape (n, 2, 3)."""
    middle = ends_mm.mean(axis=1)
    units = (ends_mm - brain.center_mm) / brain.semi_axes_mm
    side = np.sign(units[:, :, 0]).sum(axis=1) / 2  # -1 left, 1 right, 0 across
    across = side == 0
    core = brain.from_units(CORE * np.stack([side, np.ones_like(side), np.ones_like(side)], axis=1))
    control = middle + BEND * (core - middle)
    crossing = np.tile(CALLOSUM, (int(across.sum()), 1))
    crossing[:, 1] += CALLOSUM_Y * units[across, :, 1].mean(axis=1)
    control[across] = brain.from_units(crossing)
    # Callosal bundles are as thin as a streamline's own noise, lest they leave the brain in front or behind.
    control += np.where(across[:, None], 0.0, bundle) + spread_mm * generator.standard_normal(middle.shape)

    # Half an ellipsoid is convex: with the control point inside, the whole curve stays in the hemisphere.
    units = (control - brain.center_mm) / brain.semi_axes_mm
    units[:, 0] = np.where(across, units[:, 0], side * np.abs(units[:, 0]))
    radius = np.linalg.norm(units, axis=1, keepdims=True)
    return brain.from_units(units * np.minimum(1, FARTHEST / np.maximum(radius, FARTHEST)))


def _voxels_passed(brain, places, control_mm, lookup, n_points):
    """Voxels of the mask on each curve, sorted and each once, one curve after the other; and how many each has."""
    control = (control_mm - brain.affine[:3, 3]) / np.diag(brain.affine)[:3]
    time = np.linspace(0, 1, n_points)
    weights = np.stack([(1 - time) ** 2, 2 * time * (1 - time), time**2]).astype(np.float32)
    points = np.stack([places[:, 0], control, places[:, 1]], axis=2).astype(np.float32)
    number = np.zeros((len(places), n_points), dtype=np.int32)
    for axis, count in enumerate(brain.mask.shape):
        number *= count
        number += np.rint(points[:, axis] @ weights).astype(np.int32)
    number = lookup[number]
    number.sort(axis=1)
    new = number >= 0
    new[:, 1:] &= number[:, 1:] != number[:, :-1]
    return number[new], new.sum(axis=1)
