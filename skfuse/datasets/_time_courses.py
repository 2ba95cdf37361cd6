"""Simulated resting-state time courses of healthy subjects."""

from numbers import Integral, Real

import numpy as np

from skfuse.datasets._parameters import _check_number, _is_number
from skfuse.datasets._smooth_noise import SmoothNoise
from skfuse.datasets._streams import Streams

LEVELS = ("voxel", "parcel")
PARTIAL_MEMBERSHIP = 0.25  # standard deviation of the part that a parcel has in the networks of others
OWN_LOADINGS = 0.15  # standard deviation of what a subject's loadings deviate from those of the group
GLOBAL_STRENGTH = 0.3  # standard deviation of a signal that all share, in units of the smooth noise
MEMORY = 0.6  # correlation of one volume with the next, about that of 0.5 Hz sampling


def make_time_courses(
    brain,
    n_subjects=50,
    n_volumes=120,
    *,
    level="voxel",
    network_strength=1.0,
    length_mm=8.0,
    measurement_noise=0.5,
    random_state=None,
):
    r"""Simulate the resting-state time courses of a normative sample, one subject after the other.

    In parcel :math:`p(v)` of voxel :math:`v`, subject :math:`s` has the signal

    .. math:: x_{tv} = \text{strength} \sum_k (W_{p(v), k} + \Delta^s_{p(v), k}) f_{tk} + 0.3\, h_t + g_{tv}
              + \text{noise}\; \varepsilon_{tv}

    with one factor :math:`f` for each network of the brain (loading 1 in its parcels, a small random one in
    others), a global signal :math:`h`, spatially smooth noise :math:`g` and white noise :math:`\varepsilon`, all of
    variance 1. Factors and global signal are autoregressive (correlation .6 from one volume to the next).
    Loadings of the group :math:`W` are the same for mirror images.

    Parameters
    ----------
    brain : Brain
        Whose networks and parcels are used.
    n_subjects : int, default=50
        Number of normative subjects.
    n_volumes : int, default=120
        Number of volumes of each.
    level : {"voxel", "parcel"}, default="voxel"
        Whether columns are voxels of the mask or parcels. The smooth and the white noise of a parcel then belong to
        its centroid; they are not averages over its voxels.
    network_strength : float, default=1.0
        Standard deviation of a network's signal in its parcels, in units of the smooth noise; 0 leaves no networks.
    length_mm : float, default=8.0
        Smooth noise at distance :math:`d` correlates :math:`e^{-d^2 / 4 \ell^2}` with this length :math:`\ell`.
    measurement_noise : float, default=0.5
        Standard deviation of the white noise, in units of the smooth noise.
    random_state : None, int, RandomState or Generator, default=None
        Where the numbers come from. With an int, the first subjects stay the same when more are asked for.

    Returns
    -------
    time_courses : iterator of ndarray of shape (n_volumes, n_voxels or n_parcels), float32
        One array per subject, made when it is asked for; without unit.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from skfuse.datasets import make_brain, make_time_courses
    >>> brain = make_brain(random_state=0)
    >>> time_courses = make_time_courses(brain, n_subjects=2, level="parcel", random_state=0)
    >>> [subject.shape for subject in time_courses]
    [(120, 100), (120, 100)]
    """
    _check_number("n_subjects", n_subjects, low=1, kind=Integral)
    _check_number("n_volumes", n_volumes, low=2, kind=Integral)
    for argument, value in (("network_strength", network_strength), ("measurement_noise", measurement_noise)):
        _check_number(argument, value, low=0)
    if not (_is_number(length_mm, Real) and length_mm > 0):
        raise ValueError(f"`length_mm` is {length_mm!r}; give mm > 0.")
    if level not in LEVELS:
        raise ValueError(f"`level` is {level!r}; choose one of {', '.join(map(repr, LEVELS))}.")

    streams = Streams(random_state)
    loadings = _group_loadings(streams("group"), brain)
    smooth_noise = SmoothNoise(brain, length_mm) if level == "voxel" else _ParcelNoise(brain, length_mm)
    members = brain.parcels if level == "voxel" else slice(None)

    def draw(subject):
        generator = streams("subject", str(subject))
        own = loadings + OWN_LOADINGS * generator.standard_normal(loadings.shape)
        factors = _autoregressive(generator, n_volumes, brain.n_networks + 1)
        signal = network_strength * factors[:, 1:] @ own.T + GLOBAL_STRENGTH * factors[:, :1]
        courses = signal.astype(np.float32)[:, members]
        courses = courses + smooth_noise.draw(generator, n_volumes)
        white = generator.standard_normal(courses.shape, dtype=np.float32)
        return courses + np.float32(measurement_noise) * white

    return map(draw, range(n_subjects))


def _group_loadings(generator, brain):
    """Loadings of the parcels on the networks, mirrored, shape (n_parcels, n_networks)."""
    half = brain.n_parcels // 2
    loadings = PARTIAL_MEMBERSHIP * generator.standard_normal((half, brain.n_networks))
    loadings[np.arange(half), brain.networks[:half]] = 1.0
    return np.tile(loadings, (2, 1))


def _autoregressive(generator, n_volumes, n_series):
    """Stationary first-order autoregressive series of variance 1, shape (n_volumes, n_series)."""
    series = generator.standard_normal((n_volumes, n_series))
    for time in range(1, n_volumes):
        series[time] = MEMORY * series[time - 1] + np.sqrt(1 - MEMORY**2) * series[time]
    return series


class _ParcelNoise:
    """Gaussian noise of variance 1 at the centroids of parcels, with the correlation of `SmoothNoise`."""

    def __init__(self, brain, length_mm):
        difference = brain.centroids_mm[:, None] - brain.centroids_mm
        correlation = np.exp(-(difference**2).sum(axis=2) / (4 * length_mm**2))
        values, vectors = np.linalg.eigh(correlation)
        # Rounding leaves eigenvalues a little below 0 where the length is large.
        self.root = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)

    def draw(self, generator, n_fields):
        """Draw independent fields, shape (n_fields, n_parcels)."""
        return generator.standard_normal((n_fields, len(self.root)), dtype=np.float32) @ self.root.T
