import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skfuse.evaluation.statistics import max_cox_snell_r2, riley_sample_size

SETTINGS = settings(max_examples=40, deadline=None)


def test_published_binary_example():
    # Chagas disease, as in Riley et al. 2019 (doi 10.1002/sim.7992) and the documentation of pmsampsize:
    # 24 parameters, prevalence 17.4 %, Cox-Snell R² .288.
    found = riley_sample_size(24, prevalence=0.174, r2=0.288)
    assert found.criteria == {"shrinkage": 623, "optimism": 662, "intercept": 221}
    assert found.n_subjects == 662
    assert round(found.n_events, 1) == 115.2
    assert round(found.events_per_parameter, 1) == 4.8


def test_published_continuous_example():
    # Fat-free mass, as in Riley et al. 2019 (doi 10.1002/sim.7993) and the documentation of pmsampsize:
    # 25 parameters, R² .2, mean 1.9, SD .6.
    found = riley_sample_size(25, r2=0.2, mean=1.9, sd=0.6)
    assert found.n_subjects == found.criteria["shrinkage"] == 918
    assert found.criteria["optimism"] == 401
    assert found.criteria["residual_sd"] == 259


def test_published_absolute_error_example():
    # Riley et al. 2020 (doi 10.1136/bmj.m441), step 2: 10 parameters, prevalence 30 %, error .05.
    found = riley_sample_size(10, prevalence=0.3, absolute_error=0.05)
    assert found.criteria["absolute_error"] == 461
    common = riley_sample_size(10, prevalence=0.7, absolute_error=0.05)
    assert common.criteria == found.criteria


def test_published_largest_r2():
    # Riley et al. 2020 (doi 10.1136/bmj.m441), table of the largest Cox-Snell R² by prevalence.
    published = {0.5: 0.75, 0.4: 0.74, 0.3: 0.71, 0.2: 0.63, 0.1: 0.48, 0.05: 0.33, 0.01: 0.11}
    assert {prevalence: round(max_cox_snell_r2(prevalence), 2) for prevalence in published} == published


def test_overall_risk_is_known_to_the_margin():
    found = riley_sample_size(1, prevalence=0.5, r2=0.7)
    assert found.criteria["intercept"] == 385  # the textbook figure for a half within 5 %


@SETTINGS
@given(st.integers(1, 200), st.floats(0.02, 0.98), st.floats(0.05, 0.9))
def test_binary_criteria_are_reached_and_no_more(n_parameters, prevalence, share):
    r2 = share * max_cox_snell_r2(prevalence)
    found = riley_sample_size(n_parameters, prevalence=prevalence, r2=r2)

    def shrinkage(n):  # solve n = P / ((S - 1) ln(1 - R²/S)) for S, by bisection
        low, high = r2 + 1e-12, 1 - 1e-12
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if n_parameters / ((middle - 1) * np.log1p(-r2 / middle)) < n else (low, middle)
        return low

    n = found.criteria["shrinkage"]
    assert shrinkage(n) >= 0.9 - 1e-9
    assert n <= 2 or shrinkage(n - 1) < 0.9 + 1e-9
    half = 1.96 * np.sqrt(prevalence * (1 - prevalence) / found.criteria["intercept"])
    assert half <= 0.05 + 1e-12
    assert found.n_subjects == max(found.criteria.values())


@SETTINGS
@given(st.integers(3, 200), st.floats(0.05, 0.85))
def test_continuous_criteria_are_reached_and_no_more(n_parameters, r2):
    found = riley_sample_size(n_parameters, r2=r2, mean=10.0, sd=40.0)

    def shrinkage(n):
        apparent = (r2 * (n - n_parameters - 1) + n_parameters) / (n - 1)
        return 1 + (n_parameters - 2) / (n * np.log(1 - apparent))

    n = found.criteria["shrinkage"]
    assert shrinkage(n) >= 0.9
    assert n == n_parameters + 2 or shrinkage(n - 1) < 0.9
    n = found.criteria["optimism"]
    assert n_parameters * (1 - r2) / (n - 1) <= 0.05 + 1e-12  # apparent minus adjusted R²
    n = found.criteria["mean"]
    halves = [
        stats.t.ppf(0.975, m - n_parameters - 1) * 40 * np.sqrt((1 - r2) / m) for m in (n, max(n - 1, n_parameters + 2))
    ]
    assert halves[0] <= 1.0
    assert halves[1] > 1.0 or n == n_parameters + 2
    assert found.max_r2 == 1.0


@SETTINGS
@given(st.integers(1, 60), st.floats(0.05, 0.95))
def test_more_parameters_need_more_subjects(n_parameters, prevalence):
    fewer = riley_sample_size(n_parameters, prevalence=prevalence)
    more = riley_sample_size(n_parameters + 1, prevalence=prevalence)
    assert fewer.r2 == pytest.approx(0.15 * max_cox_snell_r2(prevalence))
    assert more.n_subjects >= fewer.n_subjects
    assert more.criteria["shrinkage"] > fewer.criteria["shrinkage"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_parameters": 0, "r2": 0.2}, "`n_parameters` must be a whole number"),
        ({"n_parameters": 2.5, "r2": 0.2}, "`n_parameters` must be a whole number"),
        ({}, "A continuous outcome needs `r2`"),
        ({"r2": 0.2, "absolute_error": 0.05}, "no `absolute_error`"),
        ({"r2": 0.2, "mean": 3.0}, "both `mean` and `sd`"),
        ({"r2": 0.2, "mean": 0.0, "sd": 1.0}, "`mean` must not be 0"),
        ({"r2": 1.2}, "`r2` must be a number between"),
        ({"prevalence": 0.0}, "`prevalence` must be a number between"),
        ({"prevalence": 0.2, "mean": 1.0, "sd": 1.0}, "belong to a continuous outcome"),
        ({"prevalence": 0.01, "r2": 0.3}, "stays below 0.106 at a prevalence of 0.01"),
        ({"prevalence": 0.5, "r2": 0.7, "shrinkage": 0.6}, "`shrinkage` is 0.6; it must be above `r2`"),
        ({"n_parameters": 31, "prevalence": 0.5, "absolute_error": 0.05}, "at most 30 parameters, got 31"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        riley_sample_size(**{"n_parameters": 5} | options)
