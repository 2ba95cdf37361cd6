"""Distances between subjects, complete and with missing cells."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import nan_euclidean_distances

from skfuse._distances import METRICS, SubjectMetric, squared_distances

COMPLETE = np.random.default_rng(0).normal(size=(30, 6)) * [1, 2, 3, 4, 5, 6]


def within(block, metric):
    fitted = SubjectMetric(metric).fit(block)
    return fitted.within(fitted.encode(block))


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean"])
def test_euclidean_is_on_standardized_features(metric):
    z = (COMPLETE - COMPLETE.mean(axis=0)) / COMPLETE.std(axis=0)
    np.testing.assert_allclose(within(COMPLETE, metric), cdist(z, z, metric), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("metric", ["cosine", "correlation"])
def test_angles_are_on_features_as_given(metric):
    np.testing.assert_allclose(within(COMPLETE, metric), cdist(COMPLETE, COMPLETE, metric), atol=1e-12)


def test_partial_euclidean_is_scaled_to_all_features():
    block = COMPLETE.copy()
    block[np.random.default_rng(1).random(block.shape) < 0.2] = np.nan
    z = (block - np.nanmean(block, axis=0)) / np.nanstd(block, axis=0)
    np.testing.assert_allclose(within(block, "euclidean"), nan_euclidean_distances(z), atol=1e-10)


@pytest.mark.parametrize("metric", ["cosine", "correlation"])
def test_partial_angles_use_the_shared_features(metric):
    block = np.random.default_rng(3).normal(size=(30, 12))  # enough features that any two subjects share three
    block[np.random.default_rng(2).random(block.shape) < 0.2] = np.nan
    got = within(block, metric)
    for i in range(30):
        for j in range(i):
            both = ~np.isnan(block[i]) & ~np.isnan(block[j])
            expected = cdist(block[[i]][:, both], block[[j]][:, both], metric)[0, 0]
            assert got[i, j] == pytest.approx(expected, abs=1e-10)


def test_gower_of_mixed_types_by_hand():
    block = pd.DataFrame(
        {"age": [20.0, 30.0, 60.0], "sex": ["f", "m", None], "smokes": [True, True, False], "dose": [1, 1, 1]}
    )
    expected = np.array(
        [[0, (0.25 + 1 + 0 + 0) / 4, (1 + 1 + 0) / 3], [0, 0, (0.75 + 1 + 0) / 3], [0, 0, 0]], dtype=float
    )
    np.testing.assert_allclose(within(block, "gower"), expected + expected.T, atol=1e-15)


def test_gower_of_new_subjects():
    metric = SubjectMetric("gower").fit(pd.DataFrame({"age": [20.0, 60.0], "site": ["a", "b"]}))
    train = metric.encode(pd.DataFrame({"age": [20.0, 60.0], "site": ["a", "b"]}))
    new = metric.encode(pd.DataFrame({"age": [100.0, 40.0], "site": ["z", "a"]}))
    np.testing.assert_allclose(metric.between(new, train), [[1.0, 0.5], [0.25, 0.75]])  # beyond the range: its end


@pytest.mark.parametrize("metric", METRICS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_distances_are_finite_symmetric_and_follow_the_order(metric, seed):
    rng = np.random.default_rng(seed)
    block = np.round(rng.normal(size=(12, 4)), 1)
    block[:, 1] = 3.0
    block[1] = block[0]
    block[rng.random(block.shape) < 0.3] = np.nan
    block[np.isnan(block).all(axis=1), 0] = 0.0
    got = within(block, metric)
    assert np.isfinite(got).all()
    assert (got >= 0).all()
    np.testing.assert_array_equal(got, got.T)
    np.testing.assert_array_equal(np.diag(got), 0.0)
    order = rng.permutation(12)
    np.testing.assert_allclose(within(block[order], metric), got[np.ix_(order, order)], atol=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_subjects_without_a_shared_feature_are_as_far_as_unrelated_ones(metric):
    rng = np.random.default_rng(0)
    full = rng.normal(size=(4000, 2))
    fitted = SubjectMetric(metric).fit(full)
    points = fitted.encode(np.array([[0.3, np.nan], [np.nan, 0.3]]))
    got = fitted.between(points[:1], points[1:])[0, 0]
    among = fitted.between(fitted.encode(full[:2000]), fitted.encode(full[2000:]))
    expected = np.sqrt(np.mean(among**2)) if metric == "euclidean" else among.mean()
    assert got == pytest.approx(expected, rel=0.05)


def test_equal_points_are_zero_apart_far_from_the_origin():
    points = 1e8 + np.random.default_rng(0).normal(size=(5, 3))
    squares = squared_distances(points, points)
    np.testing.assert_array_equal(np.diag(squares), 0.0)
    np.testing.assert_allclose(squares, cdist(points, points, "sqeuclidean"), rtol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_a_distance_depends_on_its_two_subjects_only(metric):
    fitted = SubjectMetric(metric).fit(COMPLETE)
    points = fitted.encode(COMPLETE)
    one = np.vstack([fitted.between(points[[i]], points) for i in range(30)])
    np.testing.assert_allclose(one, fitted.between(points, points), atol=1e-12)


def test_feature_weights_weigh_features():
    weights = np.array([1.0, 0, 0, 2.0, 0, 0])
    metric = SubjectMetric("sqeuclidean", weights).fit(COMPLETE)
    z = (COMPLETE - COMPLETE.mean(axis=0)) / COMPLETE.std(axis=0)
    expected = cdist(z[:, [0]], z[:, [0]], "sqeuclidean") + 2 * cdist(z[:, [3]], z[:, [3]], "sqeuclidean")
    np.testing.assert_allclose(metric.within(metric.encode(COMPLETE)), expected, atol=1e-12)
