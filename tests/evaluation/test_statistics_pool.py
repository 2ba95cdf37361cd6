import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, optimize, stats

from skfuse.evaluation.statistics import random_effects_pool

SETTINGS = settings(max_examples=40, deadline=None)
# BCG vaccine against tuberculosis, 13 trials (Colditz et al. 1994, doi 10.1001/jama.1994.03510330076038): cases and
# others among the vaccinated and the controls.
BCG = np.array(
    [
        [4, 119, 11, 128],
        [6, 300, 29, 274],
        [3, 228, 11, 209],
        [62, 13536, 248, 12619],
        [33, 5036, 47, 5761],
        [180, 1361, 372, 1079],
        [8, 2537, 10, 619],
        [505, 87886, 499, 87892],
        [29, 7470, 45, 7232],
        [17, 1699, 65, 1600],
        [186, 50448, 141, 27197],
        [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ]
)


@st.composite
def sites(draw, least=2):
    k = draw(st.integers(least, 10))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    errors = rng.uniform(0.05, 0.5, size=k)
    return rng.normal(0.5, np.sqrt(draw(st.sampled_from([0.0, 0.1, 1.0])) + errors**2)), errors


def log_risk_ratios():
    a, b, c, d = BCG.T
    return np.log(a / (a + b) / (c / (c + d))), np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def test_published_figures_of_the_bcg_trials():
    # metafor's documentation, rma(yi, vi, data=dat.bcg): tau^2 .3132, Q 152.2330, estimate -.7145; with test="knha"
    # standard error .1808 and limits -1.1084, -.3206.
    found = random_effects_pool(*log_risk_ratios())
    published = {"tau2": 0.3132, "q": 152.2330, "estimate": -0.7145, "standard_error": 0.1808}
    published |= {"lower": -1.1084, "upper": -0.3206}
    assert {name: round(getattr(found, name), 4) for name in published} == published


@SETTINGS
@given(sites())
def test_reml_is_the_likelihood_of_error_contrasts(case):
    y, errors = case
    contrasts = linalg.null_space(np.ones((1, len(y)))).T  # free of the mean, so their likelihood is the restricted one

    def deviance(tau2):
        covariance = contrasts @ np.diag(errors**2 + tau2) @ contrasts.T
        return -stats.multivariate_normal.logpdf(contrasts @ y, cov=covariance)

    found = random_effects_pool(y, errors).tau2
    best = optimize.minimize_scalar(
        deviance, bounds=(0, 2 * np.ptp(y) ** 2), method="bounded", options={"xatol": 1e-12}
    )
    assert deviance(found) <= min(best.fun, deviance(0.0)) + 1e-10


@SETTINGS
@given(sites())
def test_paule_mandel_solves_its_equation(case):
    y, errors = case
    tau2 = random_effects_pool(y, errors, method="paule-mandel").tau2
    weights = 1 / (errors**2 + tau2)
    q = weights @ (y - np.average(y, weights=weights)) ** 2
    assert (tau2 == 0 and q <= len(y) - 1) or q == pytest.approx(len(y) - 1, rel=1e-9)


@SETTINGS
@given(sites(3), st.floats(-3, 3), st.floats(0.1, 10), st.sampled_from(["reml", "paule-mandel"]))
def test_units_do_not_count(case, shift, scale, method):
    y, errors = case
    found = random_effects_pool(y, errors, method=method)
    other = random_effects_pool(shift + scale * y, scale * errors, method=method)
    assert other.tau2 == pytest.approx(scale**2 * found.tau2, rel=1e-6, abs=1e-12)
    assert other.i2 == pytest.approx(found.i2, abs=1e-9)
    np.testing.assert_allclose(
        [other.estimate, other.lower, other.prediction_upper],
        shift + scale * np.array([found.estimate, found.lower, found.prediction_upper]),
        rtol=1e-6,
        atol=1e-8,
    )


@SETTINGS
@given(sites(3))
def test_intervals_nest(case):
    found, plain = random_effects_pool(*case), random_effects_pool(*case, modified=False)
    assert found.prediction_lower < found.lower < found.estimate < found.upper < found.prediction_upper
    assert found.standard_error >= plain.standard_error
    weights = 1 / (case[1] ** 2 + found.tau2)
    assert found.standard_error >= weights.sum() ** -0.5 * (1 - 1e-12)


def test_equal_precision_is_the_t_interval_of_the_estimates():
    y = np.array([0.1, 0.9, 0.4, 0.7, 0.2])
    for method in ("reml", "paule-mandel"):
        found = random_effects_pool(y, np.full(5, 0.1), method=method)
        assert found.tau2 == pytest.approx(y.var(ddof=1) - 0.01, rel=1e-9)
        assert (found.lower, found.upper) == pytest.approx(stats.t.interval(0.95, 4, y.mean(), stats.sem(y)), rel=1e-9)
        half = stats.t.ppf(0.975, 3) * np.sqrt(found.tau2 + stats.sem(y) ** 2)
        assert found.prediction_upper == pytest.approx(y.mean() + half, rel=1e-9)


def test_one_two_and_equal_sites():
    one = random_effects_pool([0.7], [0.1])
    assert (one.lower, one.upper) == pytest.approx((0.7 - 0.1959964, 0.7 + 0.1959964), abs=1e-6)
    assert np.isnan([one.tau2, one.i2, one.prediction_lower, one.prediction_upper]).all()
    two = random_effects_pool([0.7, 0.8], [0.1, 0.1])
    assert (two.upper - two.lower) / (2 * two.standard_error) == pytest.approx(12.7062, abs=1e-3)
    assert np.isnan([two.prediction_lower, two.prediction_upper]).all()
    equal = random_effects_pool([0.7, 0.7, 0.7], [0.1, 0.2, 0.1])
    assert (equal.estimate, equal.tau2, equal.i2) == pytest.approx((0.7, 0.0, 0.0), abs=1e-12)
    assert equal.standard_error == pytest.approx(1 / 15)  # not 0, as Hartung and Knapp's own would be


def test_prediction_interval_covers_a_new_site():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        truths, errors = rng.normal(0.0, 0.3, size=11), rng.uniform(0.1, 0.2, size=10)
        found = random_effects_pool(truths[:10] + errors * rng.normal(size=10), errors)
        covered.append(found.prediction_lower <= truths[10] <= found.prediction_upper)
    assert 0.88 <= np.mean(covered) <= 0.975  # 93 %, as the docstring says


@pytest.mark.parametrize(
    ("estimates", "errors", "options", "message"),
    [
        ([], [], {}, "0 estimates and 0 standard errors"),
        ([0.1], [0.1, 0.2], {}, "1 estimates and 2 standard errors"),
        ([0.1, 0.2], [0.1, 0.0], {}, "1 standard errors are 0 or negative"),
        ([0.1, np.nan], [0.1, 0.1], {}, "`estimates` has 1 values that are NaN"),
        ([0.1, 0.2], [0.1, 0.1], {"method": "dl"}, "`method` must be one of"),
        ([0.1, 0.2], [0.1, 0.1], {"level": 1.0}, "`level` must be"),
    ],
)
def test_bad_input_is_refused(estimates, errors, options, message):
    with pytest.raises(ValueError, match=message):
        random_effects_pool(estimates, errors, **options)
