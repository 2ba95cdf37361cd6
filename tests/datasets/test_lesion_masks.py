"""Simulated lesions: of stated volumes, connected, inside one hemisphere, where the territories are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import label
from scipy.stats import kstest, truncnorm

from skfuse.datasets import make_brain, make_lesions
from skfuse.datasets._lesions import _truncated_log_normal


@pytest.fixture(scope="module")
def brain():
    return make_brain(voxel_size_mm=8, n_parcels=30, random_state=0)


@given(
    left_share=st.floats(0, 1),
    irregularity=st.floats(0, 1.5),
    volume_spread=st.floats(0, 2),
    limits=st.tuples(st.floats(0.01, 20), st.floats(21, 900)),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=15, deadline=None)
def test_lesions_are_connected_on_one_side_and_within_the_limits(
    brain, left_share, irregularity, volume_spread, limits, seed
):
    low, high = limits
    lesions = make_lesions(
        4,
        brain=brain,
        left_share=left_share,
        irregularity=irregularity,
        volume_spread=volume_spread,
        min_volume_ml=low,
        max_volume_ml=high,
        random_state=seed,
    )
    assert lesions.shape == (4, brain.n_voxels)
    assert lesions.dtype == np.uint8
    assert lesions.max() == 1
    volume_ml = lesions.sum(axis=1) * brain.voxel_ml
    assert (volume_ml >= low - 1e-9).all()
    assert (volume_ml <= high + 1e-9).all()
    for lesion in lesions:
        assert label(brain.volume(lesion))[1] == 1
        assert len(np.unique(brain.left[lesion > 0])) == 1


def test_the_seed_repeats_and_more_patients_leave_the_first_as_they_were(brain):
    lesions = make_lesions(5, brain=brain, random_state=0)
    assert_array_equal(make_lesions(9, brain=brain, random_state=0)[:5], lesions)
    assert (make_lesions(5, brain=brain, random_state=1) != lesions).any()
    assert (lesions[0] != lesions[1]).any()


def test_volumes_follow_the_log_normal_distribution(brain):
    lesions = make_lesions(
        600, brain=brain, territories={"middle": 1.0}, median_volume_ml=30, volume_spread=0.8, random_state=0
    )
    log_ml = np.log(lesions.sum(axis=1) * brain.voxel_ml)
    # Sampling errors of 600: .033 and .023; the cut at 375 ml is 3 standard deviations away.
    assert_allclose(log_ml.mean(), np.log(30), atol=0.12)
    assert_allclose(log_ml.std(), 0.8, atol=0.08)


@pytest.mark.parametrize(("limits", "spread"), [((1, 60), 0.8), ((90, 200), 0.5), ((2, 10), 0.3), ((90, 200), 0.02)])
def test_cut_volumes_follow_the_cut_distribution(limits, spread):
    # Independent source: scipy's truncated normal distribution; the last interval is 50 standard deviations away.
    generator = np.random.default_rng(0)
    low, high = np.log(np.array(limits) * 1000)
    drawn = [_truncated_log_normal(generator, np.log(30_000), low, high, spread=spread) for _ in range(2000)]
    expected = truncnorm((low - np.log(30_000)) / spread, (high - np.log(30_000)) / spread, np.log(30_000), spread)
    assert min(drawn) >= round(np.exp(low))
    assert max(drawn) <= round(np.exp(high))
    assert kstest(np.log(drawn), expected.cdf).pvalue > 0.001


def test_territories_and_sides_are_met(brain):
    lesions = make_lesions(400, brain=brain, left_share=0.7, random_state=0)
    on_left = (lesions[:, brain.left].sum(axis=1) > 0).mean()
    assert_allclose(on_left, 0.7, atol=0.08)
    middle = {}
    for territory in ("middle", "posterior", "anterior", "deep"):
        masks = make_lesions(40, brain=brain, territories={territory: 1.0}, random_state=0)
        weights = masks.sum(axis=0, dtype=float)
        middle[territory] = weights @ brain.coordinates_mm / weights.sum() - brain.center_mm
        assert weights[~brain.left].sum() == 0
    assert middle["posterior"][1] < -30 < 20 < middle["anterior"][1]
    assert middle["middle"][0] < -25
    assert abs(middle["middle"][1]) < 15
    # The middle cerebral artery dominates, so that maps have enough overlap there.
    assert lesions[:, brain.left].mean(axis=0).max() > 0.15


def test_smooth_lesions_are_balls_and_irregular_ones_are_not(brain):
    def surface(irregularity):
        masks = make_lesions(
            25,
            brain=brain,
            territories={"middle": 1.0},
            irregularity=irregularity,
            median_volume_ml=40,
            volume_spread=0,
            random_state=0,
        )
        volumes = [np.pad(brain.volume(mask), 1).astype(int) for mask in masks]
        return np.mean([sum(np.abs(np.diff(volume, axis=axis)).sum() for axis in range(3)) for volume in volumes])

    assert surface(0.0) < surface(0.4) < surface(1.0)


def test_finer_voxels_show_the_same_lesions():
    coarse, fine = make_brain(voxel_size_mm=8, random_state=0), make_brain(voxel_size_mm=4, random_state=0)
    on_coarse, on_fine = (make_lesions(15, brain=brain, random_state=3) for brain in (coarse, fine))
    assert_allclose(
        on_coarse.sum(axis=1) * coarse.voxel_ml, on_fine.sum(axis=1) * fine.voxel_ml, atol=1.01 * coarse.voxel_ml
    )
    for one, other in zip(on_coarse, on_fine, strict=True):
        distance = coarse.coordinates_mm[one > 0].mean(axis=0) - fine.coordinates_mm[other > 0].mean(axis=0)
        assert np.linalg.norm(distance) < 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_subjects": 0}, r"`n_subjects` is 0; give an integer"),
        ({"territories": {"vertebral": 1.0}}, r"give shares of 'middle', 'deep', 'posterior', 'anterior'"),
        ({"territories": {"middle": 0.5}}, r"`territories` sum to 0.5"),
        ({"territories": {"middle": 2.0}}, r"`territories\['middle'\]` is 2.0"),
        ({"median_volume_ml": 0}, r"give ml > 0"),
        ({"min_volume_ml": -1}, r"`min_volume_ml` is -1; give ml > 0"),
        ({"min_volume_ml": 50, "max_volume_ml": 20}, r"Lower `min_volume_ml` or raise `max_volume_ml`"),
        ({"max_volume_ml": 0.1, "min_volume_ml": 0.05}, r"No lesion fits"),
        ({"left_share": 1.2}, r"`left_share` is 1.2"),
        ({"irregularity": -0.1}, r"`irregularity` is -0.1"),
    ],
)
def test_bad_lesions_are_refused(brain, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_lesions(**{"n_subjects": 2, "brain": brain, **arguments})
