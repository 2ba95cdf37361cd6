import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from skfuse.evaluation.statistics import (
    ClippedProbabilityWarning,
    calibration,
    calibration_regression,
    smooth_calibration_curve,
)

SETTINGS = settings(max_examples=30, deadline=None)


def cohort(n=3000, shift=0.0, slope=1.0, spread=1.2, seed=0):
    rng = np.random.default_rng(seed)
    risk = spread * rng.normal(size=n)
    return rng.random(n) < expit(shift + slope * risk), expit(risk)


@pytest.mark.parametrize(("shift", "slope"), [(0.0, 1.0), (0.7, 1.0), (0.0, 0.5), (0.0, 1.8)])
def test_planted_miscalibration_is_found(shift, slope):
    found = calibration(*cohort(4000, shift, slope))
    assert found.slope == pytest.approx(slope, abs=0.15)
    assert (found.intercept > 0.3) == (shift > 0)
    assert (found.observed_expected > 1.1) == (shift > 0)
    assert (found.ici < 0.015) == (shift == 0 and slope == 1)
    assert found.e50 <= found.e90 <= found.emax


@SETTINGS
@given(st.integers(0, 1000), st.floats(-2, 2), st.floats(0.3, 3))
def test_recalibration_ends_at_zero_and_one(seed, shift, slope):
    y, p = cohort(400, seed=seed)
    risk = shift + slope * logit(p)
    first = calibration(y, expit(risk), min_events=1000)
    shifted = calibration(y, expit(risk + first.intercept), min_events=1000)
    assert shifted.intercept == pytest.approx(0, abs=1e-9)
    assert shifted.observed_expected == pytest.approx(1, abs=1e-9)  # the score equation of the intercept
    assert calibration(y, expit(first.slope * risk), min_events=1000).slope == pytest.approx(1, abs=1e-7)


@SETTINGS
@given(st.integers(0, 1000))
def test_turning_the_classes_round_turns_the_signs(seed):
    y, p = cohort(300, shift=0.5, seed=seed)
    found, turned = calibration(y, p, min_events=1), calibration(~y, 1 - p, min_events=1)
    assert turned.intercept == pytest.approx(-found.intercept, abs=1e-9)
    np.testing.assert_allclose(
        [turned.slope, turned.brier, turned.ici, turned.e90],
        [found.slope, found.brier, found.ici, found.e90],
        rtol=1e-7,
    )


def test_the_order_of_subjects_does_not_count():
    y, p = cohort(400)
    order = np.random.default_rng(0).permutation(400)
    found, shuffled = calibration(y, p), calibration(y[order], p[order])
    for name in ("intercept", "slope", "ici", "emax"):
        assert getattr(shuffled, name) == pytest.approx(getattr(found, name), rel=1e-9)


def test_no_curve_for_few_events():
    y, p = cohort(400)
    y[np.flatnonzero(y)[49:]] = False
    found = calibration(y, p)
    assert found.n_events == 49
    assert np.isnan([found.ici, found.e50, found.e90, found.emax]).all()
    assert np.isfinite([found.intercept, found.slope, found.brier]).all()
    turned = calibration(~y, 1 - p)
    assert np.isnan(turned.ici)
    assert np.isfinite(calibration(y, p, min_events=49).ici)


def test_certain_probabilities_are_clipped_and_counted():
    y, p = cohort(400)
    p[:3], p[3] = 0.0, 1.0
    with pytest.warns(ClippedProbabilityWarning, match="4 of 400 probabilities lie within 1e-08 of 0 or 1"):
        found = calibration(y, p)
    assert found.n_clipped == 4
    assert found.brier == pytest.approx(np.mean((y - p) ** 2), rel=1e-14)
    np.testing.assert_equal(
        [found.intercept, found.slope],
        [getattr(calibration(y, np.clip(p, 1e-8, 1 - 1e-8)), name) for name in ("intercept", "slope")],
    )


def test_all_certain():
    y = np.array([0, 0, 1, 1, 1])
    with pytest.warns(ClippedProbabilityWarning, match="5 of 5"):
        found = calibration(y, [0.0, 1.0, 0.0, 1.0, 1.0])
    assert np.isfinite([found.intercept, found.slope]).all()
    with pytest.warns(ClippedProbabilityWarning):
        assert calibration(y, [0.0] * 5).observed_expected == np.inf


@pytest.mark.parametrize("p", [[0.3] * 6, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.6, 0.5, 0.4, 0.3, 0.2, 0.1]])
def test_no_slope_where_there_is_none(p):
    found = calibration([0, 0, 0, 1, 1, 1], p)  # constant, and separating the classes either way
    assert np.isnan(found.slope)
    assert np.isfinite(found.intercept)


def test_extreme_probabilities_converge():
    rng = np.random.default_rng(0)
    for scale in (5, 15):
        y, p = cohort(200, slope=0.05, spread=scale, seed=int(rng.integers(100)))
        found = calibration(y, np.clip(p, 1e-8, 1 - 1e-8))
        assert 0 < found.slope < 0.3


def test_hard_slopes_and_intercepts_converge():
    # Rounding makes the last step of this one look uphill.
    stuck = calibration([1, 0, 0, 1, 0, 0], expit(np.array([0.8, -0.2, 0.4, -1.0, 2.8, 3.0])))
    assert stuck.slope == pytest.approx(-1.0406501847091527, rel=1e-9)
    rng = np.random.default_rng(0)
    for _ in range(300):
        n = rng.integers(3, 60)
        risk = 10 ** rng.uniform(-3, 1) * rng.normal(size=n) + 10 ** rng.uniform(-2, 0.5) * rng.normal()
        y = np.arange(n) < max(1, rng.integers(n))
        found = calibration(y, expit(np.clip(risk, -18, 18)))
        expected = expit(np.clip(risk, -18, 18) + found.intercept).sum()
        assert expected == pytest.approx(y.sum(), rel=1e-9)


def test_many_distinct_probabilities_are_interpolated_closely():
    y, p = cohort(2100, shift=0.4, slope=0.6)
    at = np.sort(p)
    exact = np.abs(smooth_calibration_curve(y, p, at=at)[1] - at)
    found = calibration(y, p)
    assert found.ici == pytest.approx(exact.mean(), abs=1e-5)
    assert found.e90 == pytest.approx(np.quantile(exact, 0.9), abs=1e-4)


def test_smooth_curve_runs_from_end_to_end():
    y, p = cohort(300)
    predicted, observed = smooth_calibration_curve(y, p)
    assert predicted.shape == observed.shape == (101,)
    assert (predicted[0], predicted[-1]) == (p.min(), p.max())


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([0, 1], [0.5, 1.2], "1 probabilities lie outside 0 to 1, such as 1.2"),
        ([0, 1], [0.5, np.nan], "1 values that are NaN"),
        ([1, 1], [0.5, 0.6], "Both classes are needed"),
        ([0, 1, 1], [0.5, 0.6], "`y` has 3 subjects and `probability` 2"),
    ],
)
def test_bad_input_is_refused(y, p, message):
    for function in (calibration, smooth_calibration_curve):
        with pytest.raises(ValueError, match=message):
            function(y, p)


def test_bad_span_is_refused():
    y, p = cohort(300)
    with pytest.raises(ValueError, match="`span` is a share"):
        calibration(y, p, span=1.5)


@SETTINGS
@given(st.integers(0, 1000), st.floats(-5, 5), st.floats(0.2, 5))
def test_regression_line(seed, intercept, slope):
    rng = np.random.default_rng(seed)
    predicted = rng.normal(size=20)
    found = calibration_regression(intercept + slope * predicted, predicted)
    assert (found.intercept, found.slope) == pytest.approx((intercept, slope), rel=1e-9, abs=1e-9)
    noisy = intercept + slope * predicted + rng.normal(size=20)
    line = np.polyfit(predicted, noisy, 1)
    found = calibration_regression(noisy, predicted)
    assert (found.slope, found.intercept) == pytest.approx(tuple(line), rel=1e-8)
    assert found.mean_error == pytest.approx(noisy.mean() - predicted.mean(), rel=1e-9, abs=1e-12)


def test_regression_edges():
    found = calibration_regression([1.0, 3.0], [1.0, 1.0])
    assert np.isnan([found.intercept, found.slope]).all()
    assert found.mean_error == 1.0
    with pytest.raises(ValueError, match="1 subjects; a line needs"):
        calibration_regression([1.0], [2.0])
