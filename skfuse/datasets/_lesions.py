"""Simulated stroke lesions: where vascular territories lie, how large lesions are, what shape they take."""

from collections.abc import Mapping
from heapq import heappop, heappush
from numbers import Integral, Real

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import log_ndtr, ndtri_exp
from threadpoolctl import threadpool_limits

from skfuse.datasets._brain import make_brain
from skfuse.datasets._parameters import _check_number, _is_number
from skfuse.datasets._smooth_noise import SmoothNoise
from skfuse.datasets._streams import Streams

# Share of patients; center and standard deviation of the centers of lesions in half diameters of the brain (left
# side); median volume relative to lesions of the middle cerebral artery.
TERRITORIES = {
    "middle": (0.70, (-0.60, 0.05, 0.10), (0.13, 0.22, 0.18), 1.0),
    "deep": (0.10, (-0.33, 0.05, 0.02), (0.07, 0.12, 0.12), 0.15),
    "posterior": (0.12, (-0.25, -0.70, -0.05), (0.12, 0.10, 0.20), 0.5),
    "anterior": (0.08, (-0.13, 0.55, 0.35), (0.05, 0.20, 0.20), 0.5),
}
ELONGATION = 0.25  # standard deviation of the logarithm of a lesion's diameters along x, y and z
ROUGHNESS_MM = 8.0  # length of the noise that makes shapes irregular
LARGEST_SHARE = 0.4  # of a hemisphere, when `max_volume_ml` is None


def make_lesions(
    n_subjects,
    *,
    brain=None,
    territories=None,
    median_volume_ml=30.0,
    volume_spread=1.1,
    min_volume_ml=1.0,
    max_volume_ml=None,
    left_share=1.0,
    irregularity=0.4,
    random_state=None,
):
    r"""Simulate masks of stroke lesions.

    Each patient has one lesion in one hemisphere. Its center is drawn around the middle of a vascular territory,
    its volume from a log-normal distribution cut at both ends. It then grows from the center, always by the
    neighboring voxel of the lowest

    .. math:: \lVert D^{-1} (x - c) \rVert / r + \text{irregularity} \cdot g(x)

    with random diameters :math:`D` along the axes, the radius :math:`r` of a ball of that volume and smooth noise
    :math:`g`, until the volume is met: lesions are connected (by faces of voxels), compact and irregular.

    Parameters
    ----------
    n_subjects : int
        Number of patients.
    brain : Brain or None, default=None
        Where lesions lie; None builds ``make_brain(random_state=0)``.
    territories : dict or None, default=None
        Share of the patients with a lesion in the territory of the ``"middle"``, ``"posterior"`` and
        ``"anterior"`` cerebral artery, or of the ``"deep"`` branches of the middle one; shares sum to 1. None:
        .70, .12, .08 and .10.
    median_volume_ml : float, default=30.0
        Median of the log-normal distribution for the middle cerebral artery, in ml. Lesions of the others are
        smaller: half of it (posterior, anterior) and 15 % of it (deep).
    volume_spread : float, default=1.1
        Standard deviation of the natural logarithm of the volume: a third of lesions of one territory are more
        than three times larger or smaller than the median.
    min_volume_ml, max_volume_ml : float, default=1.0, None
        The distribution is cut there, in ml. None: 40 % of a hemisphere, 375 ml in the default brain.
    left_share : float, default=1.0
        Share of the patients whose lesion is on the left; all, as in studies of language.
    irregularity : float, default=0.4
        Standard deviation of the noise, in radii of a lesion; 0 gives ellipsoids.
    random_state : None, int, RandomState or Generator, default=None
        Where the numbers come from. With an int, the first patients stay the same when more are asked for.

    Returns
    -------
    lesions : ndarray of shape (n_subjects, n_voxels), uint8
        1 where a patient has a lesion, voxels in the order of ``brain.mask``.

    Raises
    ------
    ValueError
        If an argument is out of range, or no voxel count lies between the two volumes.

    Examples
    --------
    >>> from skfuse.datasets import make_brain, make_lesions
    >>> brain = make_brain(random_state=0)
    >>> lesions = make_lesions(20, brain=brain, random_state=0)
    >>> lesions.shape, lesions.dtype
    ((20, 29400), dtype('uint8'))
    >>> volume_ml = lesions.sum(axis=1) * brain.voxel_ml
    >>> bool(volume_ml.min() >= 1), bool(volume_ml.max() <= 375)
    (True, True)
    """
    brain = make_brain(random_state=0) if brain is None else brain
    _check_number("n_subjects", n_subjects, low=1, kind=Integral)
    _check_number("left_share", left_share, low=0, high=1)
    for argument, value in (("volume_spread", volume_spread), ("irregularity", irregularity)):
        _check_number(argument, value, low=0)
    if not (_is_number(median_volume_ml, Real) and median_volume_ml > 0):
        raise ValueError(f"`median_volume_ml` is {median_volume_ml!r}; give ml > 0.")
    shares = _check_territories(territories)
    limits = _check_limits(brain, min_volume_ml, max_volume_ml)

    streams = Streams(random_state)
    noise = SmoothNoise(brain, ROUGHNESS_MM)
    sides = [_Side(brain, brain.left), _Side(brain, ~brain.left)]
    lesions = np.zeros((n_subjects, brain.n_voxels), dtype=np.uint8)
    # Products of one lesion are small: threads would only wait for each other.
    with threadpool_limits(limits=1, user_api="blas"):
        for subject, lesion in enumerate(lesions):
            generator = streams("lesion", str(subject))
            right = int(generator.random() >= left_share)
            name = list(shares)[generator.choice(len(shares), p=list(shares.values()))]
            _, middle, spread, relative = TERRITORIES[name]
            center = np.array(middle) + np.array(spread) * generator.standard_normal(3)
            center = brain.from_units(center * [(-1) ** right, 1, 1])
            log_size = np.log(np.array([relative * median_volume_ml, *limits]) / brain.voxel_ml)
            size = _truncated_log_normal(generator, *log_size, spread=volume_spread)
            diameters = np.exp(ELONGATION * generator.standard_normal(3))
            diameters /= diameters.prod() ** (1 / 3)
            field = irregularity * noise.draw(generator, 1)[0]
            lesion[sides[right].grow(center, size, diameters, field)] = 1
    return lesions


class _Side:
    """One hemisphere as a graph of voxels that share a face."""

    def __init__(self, brain, inside):
        self.members = np.flatnonzero(inside)
        self.coordinates = brain.coordinates_mm[self.members]
        self.tree = cKDTree(self.coordinates)
        self.voxel_mm3 = brain.voxel_ml * 1000
        # A border of -1 around the grid answers for neighbors outside.
        number = np.full(np.array(brain.mask.shape) + 2, -1, dtype=np.int64)
        place = tuple((brain.voxels[self.members] + 1).T)
        number[place] = np.arange(len(self.members))
        steps = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
        table = np.stack([number[tuple(np.array(place) + step[:, None])] for step in (*steps, *-steps)], axis=1)
        self.neighbors = table.tolist()

    def grow(self, center, size, diameters, field):
        """Voxels of a lesion of `size` voxels around `center`."""
        start = int(self.tree.query(center)[1])
        radius = (3 * size * self.voxel_mm3 / (4 * np.pi)) ** (1 / 3)
        distance = np.linalg.norm((self.coordinates - self.coordinates[start]) / diameters, axis=1)
        cost = (distance / radius + field[self.members]).tolist()
        reached = bytearray(len(cost))
        reached[start] = 1
        front, lesion = [(cost[start], start)], []
        while len(lesion) < size:
            _, voxel = heappop(front)
            lesion.append(voxel)
            for neighbor in self.neighbors[voxel]:
                if neighbor >= 0 and not reached[neighbor]:
                    reached[neighbor] = 1
                    heappush(front, (cost[neighbor], neighbor))
        return self.members[lesion]


def _truncated_log_normal(generator, median, low, high, *, spread):
    """Draw a number of voxels; the first three are logarithms, `low` and `high` those of whole numbers."""
    uniform = generator.random()
    drawn = median
    if spread > 1e-6:  # less is no spread, and divisions would overflow
        limits = np.array([low - median, high - median]) / spread
        flip = -1 if limits[0] > 0 else 1  # the lower tail keeps its digits, in logarithms even far out
        lower, upper = log_ndtr(np.sort(flip * limits))
        drawn += flip * spread * ndtri_exp(upper + np.log(uniform + (1 - uniform) * np.exp(lower - upper)))
    return round(np.exp(np.clip(drawn, low, high)))


def _check_territories(territories):
    if territories is None:
        return {name: share for name, (share, *_) in TERRITORIES.items()}
    wanted = f"give shares of {', '.join(map(repr, TERRITORIES))} that sum to 1"
    if not isinstance(territories, Mapping) or not set(territories) <= set(TERRITORIES):
        raise ValueError(f"`territories` is {territories!r}; {wanted}.")
    for name, share in territories.items():
        _check_number(f"territories[{name!r}]", share, low=0, high=1)
    if abs(sum(territories.values()) - 1) > 1e-8:
        raise ValueError(f"`territories` sum to {sum(territories.values())}; {wanted}.")
    return dict(territories)


def _check_limits(brain, low, high):
    """Smallest and largest volume in ml, as whole numbers of voxels."""
    hemisphere = int(brain.left.sum())
    for argument, value in (("min_volume_ml", low), ("max_volume_ml", high)):
        if value is not None and not (_is_number(value, Real) and value > 0):
            raise ValueError(f"`{argument}` is {value!r}; give ml > 0.")
    smallest = max(1, int(np.ceil(low / brain.voxel_ml - 1e-9)))
    largest = LARGEST_SHARE * hemisphere if high is None else min(high / brain.voxel_ml, hemisphere)
    largest = int(np.floor(largest + 1e-9))
    if smallest > largest:
        raise ValueError(
            f"No lesion fits: it would need at least {smallest} and at most {largest} voxels of "
            f"{brain.voxel_ml:g} ml, in a hemisphere of {hemisphere}. Lower `min_volume_ml` or raise `max_volume_ml`."
        )
    return smallest * brain.voxel_ml, largest * brain.voxel_ml
