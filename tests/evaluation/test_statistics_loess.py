import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse.evaluation.statistics import _loess
from skfuse.evaluation.statistics._loess import loess


def one_place(x, y, place, n_near, degree):
    """Cleveland's local regression at one place, as the formula has it."""
    distance = np.abs(x - place)
    width = np.sort(distance)[n_near - 1]
    weight = np.clip(1 - (distance / width) ** 3, 0, None) ** 1.5  # polyfit squares it
    return np.polyfit(x - place, y, degree, w=weight)[-1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(12, 60), st.sampled_from([1, 2]), st.sampled_from([0.6, 0.75, 1.0]))
def test_equals_the_formula(seed, n, degree, span):
    rng = np.random.default_rng(seed)
    x, y = rng.random(n), rng.normal(size=n)
    at = np.linspace(-0.1, 1.1, 7)
    wanted = [one_place(x, y, place, int(n * span + 1e-5), degree) for place in at]
    np.testing.assert_allclose(loess(x, y, span=span, degree=degree, at=at), wanted, rtol=1e-7, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 40))
def test_bandwidth_is_the_distance_to_the_nearest_of_a_share(seed, n_values, n):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.integers(0, n_values, size=n).astype(float))  # long ties
    places = np.concatenate([x, [-1.0, 0.5, n_values + 1.0]])
    for n_near in range(1, n + 1):
        wanted = np.sort(np.abs(x - places[:, None]), axis=1)[:, n_near - 1]
        np.testing.assert_array_equal(_loess._bandwidths(x, places, n_near), wanted)


def test_a_parabola_is_kept():
    x = np.random.default_rng(0).beta(0.5, 3.0, size=300)
    np.testing.assert_allclose(loess(x, 1 - x + 2 * x**2), 1 - x + 2 * x**2, rtol=1e-9)


def test_ill_conditioned_windows_are_solved_by_qr(monkeypatch):
    x = np.random.default_rng(0).random(80)
    y = np.sin(5 * x)
    sound = loess(x, y)
    monkeypatch.setattr(_loess, "SOUND", 0.0)
    np.testing.assert_allclose(loess(x, y), sound, rtol=1e-11)


def test_nearly_collinear_windows_keep_a_parabola():
    # Two points and a narrow cluster: its width alone tells the curvature, and normal equations lose it.
    x = np.concatenate([np.zeros(40), 0.5 + 1e-3 * np.random.default_rng(3).random(40), [1.0]])
    at = np.array([0.25, 0.3])
    np.testing.assert_allclose(loess(x, 1 - x + 3 * x**2, at=at, span=80 / 81), 1 - at + 3 * at**2, rtol=1e-9)


def test_a_window_without_width_is_the_mean_there():
    x = np.repeat([0.1, 0.2, 0.4, 0.7, 1.0], [60, 3, 3, 3, 3])
    y = np.random.default_rng(0).random(len(x))
    assert loess(x, y, at=[0.1])[0] == pytest.approx(y[:60].mean(), rel=1e-12)


def test_chunks_do_not_show(monkeypatch):
    x = np.random.default_rng(0).random(80)
    whole = loess(x, np.sin(5 * x))
    monkeypatch.setattr(_loess, "PAIRS", 200)
    np.testing.assert_array_equal(loess(x, np.sin(5 * x)), whole)


@pytest.mark.parametrize("values", [[0.3], [0.2, 0.7], [0.1, 0.1, 0.1, 0.1, 0.9]])
def test_few_distinct_values_give_their_means(values):
    x = np.tile(values, 20)
    y = np.random.default_rng(0).random(len(x))
    means = np.array([y[x == value].mean() for value in x])
    np.testing.assert_allclose(loess(x, y), means, rtol=1e-10)


def test_almost_equal_values_are_no_accident():
    x = 0.5 + np.arange(40) * 1e-16
    y = np.random.default_rng(0).random(40)
    assert np.isfinite(loess(x, y)).all()
