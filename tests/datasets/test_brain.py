"""The simulated brain: a symmetric mask, parcels that cover it, and smooth fields and time courses on its grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skfuse.datasets import make_brain, make_time_courses
from skfuse.datasets._brain import _nearest
from skfuse.datasets._smooth_noise import SmoothNoise


@pytest.fixture(scope="module")
def brain():
    return make_brain(voxel_size_mm=8, n_parcels=30, random_state=0)


def test_default_brain_is_of_the_size_of_a_brain():
    brain = make_brain(random_state=0)
    assert brain.mask.shape == (40, 48, 40)
    assert brain.n_parcels == len(brain.centroids_mm) == 100
    assert_allclose(brain.n_voxels * brain.voxel_ml, 4 / 3 * np.pi * brain.semi_axes_mm.prod() / 1000, rtol=0.01)
    # One corner of the grid to the other in mm, and its middle.
    assert_allclose(brain.to_mm([39, 47, 39]) - brain.to_mm([0, 0, 0]), [156, 188, 156])
    assert_allclose(brain.coordinates_mm.mean(axis=0), brain.center_mm)


@given(
    shape=st.tuples(*[st.integers(9, 24)] * 3),
    voxel_size_mm=st.floats(1, 10),
    half=st.integers(1, 8),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=30, deadline=None)
def test_hemispheres_are_mirror_images_and_every_parcel_has_voxels(shape, voxel_size_mm, half, seed):
    brain = make_brain(shape, voxel_size_mm=voxel_size_mm, n_parcels=2 * half, n_networks=1, random_state=seed)
    assert_array_equal(brain.mask, brain.mask[::-1])
    assert brain.left.sum() * 2 == brain.n_voxels
    labels = brain.volume(brain.parcels, fill=-1)
    mirrored = np.where(labels >= 0, (labels + half) % (2 * half), -1)[::-1]
    assert_array_equal(labels, mirrored)
    assert np.bincount(brain.parcels, minlength=2 * half).min() > 0
    assert_array_equal(brain.left, brain.parcels < half)
    assert_allclose(brain.centroids_mm[:half] * [-1, 1, 1], brain.centroids_mm[half:], atol=1e-9)
    assert_allclose(brain.voxel_ml, voxel_size_mm**3 / 1000)


def test_voxels_stand_in_the_order_of_the_mask(brain):
    values = np.random.default_rng(0).standard_normal(brain.n_voxels)
    volume = brain.volume(values, fill=np.nan)
    assert_array_equal(volume[brain.mask], values)
    assert np.isnan(volume[~brain.mask]).all()
    assert_allclose(brain.to_mm(np.argwhere(brain.mask)), brain.coordinates_mm)


def test_the_seed_repeats_the_brain_and_another_gives_other_parcels(brain):
    again = make_brain(voxel_size_mm=8, n_parcels=30, random_state=0)
    other = make_brain(voxel_size_mm=8, n_parcels=30, random_state=1)
    assert_array_equal(brain.parcels, again.parcels)
    assert_array_equal(brain.networks, again.networks)
    assert (brain.parcels != other.parcels).any()


def test_parcels_are_numbered_from_front_to_back_and_networks_are_mirrored(brain):
    front = brain.centroids_mm[:15, 1]
    # Centers after k-means are ordered; centroids of the final cells deviate a little.
    assert np.corrcoef(front, np.arange(15))[0, 1] < -0.95
    assert_array_equal(brain.networks[:15], brain.networks[15:])
    assert_array_equal(np.unique(brain.networks), np.arange(brain.n_networks))


def test_a_center_nearest_to_nothing_moves_to_where_it_is_needed():
    points = np.array([[0.0, 0, 0], [1.0, 0, 0], [10.0, 0, 0]])
    cells, centers = _nearest(points, np.array([[0.5, 0, 0], [100.0, 0, 0]]))
    assert_array_equal(cells, [0, 0, 1])
    assert_array_equal(centers[1], [10, 0, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (10, 10)}, r"three numbers of voxels, each at least 8"),
        ({"shape": (4, 10, 10)}, r"each at least 8"),
        ({"shape": "large"}, r"three numbers of voxels"),
        ({"voxel_size_mm": 0}, r"`voxel_size_mm` is 0; give mm > 0"),
        ({"n_parcels": 25}, r"give an even number"),
        ({"n_parcels": 0}, r"`n_parcels` is 0; give an integer"),
        ({"n_parcels": 5000}, r"fewer parcels or smaller voxels"),
        ({"n_parcels": 4, "n_networks": 3}, r"`n_networks` is 3; give an integer in \[1, 2\]"),
    ],
)
def test_bad_brains_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_brain(**arguments)


# Fields and time courses


def test_smooth_noise_has_the_correlation_that_it_states(brain):
    fields = SmoothNoise(brain, 12.0).draw(np.random.default_rng(0), 1500)
    assert_allclose(fields.std(axis=0).mean(), 1, atol=0.02)
    middle = np.flatnonzero((brain.voxels == np.array(brain.mask.shape) // 2).all(axis=1))[0]
    for step in (1, 2, 3):
        neighbor = np.flatnonzero((brain.voxels == brain.voxels[middle] + [0, step, 0]).all(axis=1))[0]
        measured = np.corrcoef(fields[:, middle], fields[:, neighbor])[0, 1]
        assert_allclose(measured, np.exp(-((8 * step) ** 2) / (4 * 12**2)), atol=0.08)


@pytest.mark.parametrize(("level", "n_columns"), [("voxel", 3640), ("parcel", 30)])
def test_time_courses_are_made_one_subject_after_the_other_and_repeat(brain, level, n_columns):
    courses = make_time_courses(brain, 3, 50, level=level, random_state=0)
    assert iter(courses) is courses
    first = next(courses)
    assert first.shape == (50, n_columns)
    assert first.dtype == np.float32
    assert len(list(courses)) == 2
    longer = make_time_courses(brain, 9, 50, level=level, random_state=0)
    assert_array_equal(next(longer), first)
    assert (next(longer) != first).any()


@pytest.mark.parametrize("level", ["voxel", "parcel"])
def test_networks_correlate_and_vanish_at_strength_zero(brain, level):
    network = brain.networks[brain.parcels] if level == "voxel" else brain.networks
    places = brain.coordinates_mm if level == "voxel" else brain.centroids_mm
    columns = np.arange(0, len(places), 10 if level == "voxel" else 1)
    network, places = network[columns], places[columns]
    far = np.linalg.norm(places[:, None] - places, axis=2) > 50  # beyond the smooth noise
    same = far & (network[:, None] == network)
    other = far & (network[:, None] != network)
    gaps = {}
    for strength in (0.0, 1.0):
        courses = make_time_courses(brain, 6, level=level, network_strength=strength, random_state=0)
        mean = np.mean([np.corrcoef(subject[:, columns].T) for subject in courses], axis=0)
        gaps[strength] = mean[same].mean() - mean[other].mean()
    assert abs(gaps[0.0]) < 0.03
    assert gaps[1.0] > 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": "network"}, r"choose one of 'voxel', 'parcel'"),
        ({"n_volumes": 1}, r"`n_volumes` is 1"),
        ({"length_mm": 0}, r"give mm > 0"),
        ({"network_strength": -1}, r"`network_strength` is -1"),
    ],
)
def test_bad_time_courses_are_refused_at_once(brain, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_time_courses(brain, **arguments)
