"""Parity with published packages; `fixtures/make_statistics.py` wrote what they gave, and names their versions."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfuse.evaluation.statistics import (
    calibration,
    corrected_resampled_t,
    delong,
    delong_test,
    net_benefit,
    random_effects_pool,
    smooth_calibration_curve,
)

FIXTURES = json.loads((Path(__file__).parent / "fixtures" / "statistics.json").read_text())
SETS = pytest.mark.parametrize("one", FIXTURES["sets"], ids=lambda one: f"n={len(one['y'])}")
EXACT = {"rtol": 1e-8, "atol": 1e-10}


@SETS
def test_delong_equals_pauc(one):
    wanted = one["delong"]
    first, second = delong(one["y"], one["a"]), delong(one["y"], one["b"])
    assert_allclose([first.auc, second.auc], wanted["auc"], **EXACT)
    assert_allclose([first.variance, second.variance], wanted["variance"], **EXACT)
    test = delong_test(one["y"], one["a"], one["b"])
    assert_allclose([test.z, test.p_value], [wanted["z"], wanted["p_value"]], **EXACT)
    assert_allclose(test.variance, sum(wanted["variance"]) - 2 * wanted["covariance"], **EXACT)


@SETS
def test_calibration_equals_statsmodels_and_cleveland(one):
    wanted = one["calibration"]
    found = calibration(one["y"], one["a"], min_events=1)
    for name in ("intercept", "slope", "ici", "e50", "e90", "emax"):
        assert_allclose(getattr(found, name), wanted[name], **EXACT, err_msg=name)
    assert_allclose(smooth_calibration_curve(one["y"], one["a"], at=wanted["at"])[1], wanted["curve"], **EXACT)


@SETS
def test_net_benefit_equals_dcurves(one):
    wanted = one["net_benefit"]
    found = net_benefit(one["y"], one["a"], wanted["thresholds"])
    assert_allclose(found.model, wanted["model"], **EXACT)
    assert_allclose(found.treat_all, wanted["all"], **EXACT)
    assert_allclose(found.treat_none, wanted["none"], **EXACT)


@pytest.mark.parametrize("one", FIXTURES["resampled"], ids=lambda one: f"folds={len(one['values'])}")
def test_corrected_t_equals_baycomp(one):
    found = corrected_resampled_t(one["values"], one["n_train"], one["n_test"])
    assert_allclose(found.estimate, one["mean"], **EXACT)
    assert_allclose(found.standard_error**2, one["variance"], **EXACT)
    assert_allclose(found.p_value, one["p_value"], rtol=1e-8)
    assert found.df == one["df"]


@pytest.mark.parametrize("one", FIXTURES["pool"], ids=lambda one: f"sites={len(one['estimates'])}")
def test_pool_equals_statsmodels(one):
    found = random_effects_pool(one["estimates"], one["standard_errors"], method="paule-mandel", modified=False)
    for name in ("tau2", "i2", "q", "estimate", "standard_error", "lower", "upper"):
        assert_allclose(getattr(found, name), one[name], **EXACT, err_msg=name)


def test_fixtures_hold_what_the_tests_are_for():
    assert len(FIXTURES["sets"]) >= 5
    assert any(len(np.unique(one["a"])) < 12 for one in FIXTURES["sets"])  # ties
    assert {one["tau2"] > 0 for one in FIXTURES["pool"]} == {True, False}
