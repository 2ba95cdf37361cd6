"""Cox regression: published packages, finite differences of a plain likelihood, and laws."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime, minimize
from sklearn.metrics.pairwise import rbf_kernel

from skfuse.datasets import make_cohort
from skfuse.kernels._cox import baseline_survival, cox_ridge
from skfuse.kernels._partial_likelihood import PartialLikelihood

FIXTURES = json.loads((Path(__file__).parent / "fixtures" / "cox.json").read_text())
SETS = pytest.mark.parametrize("one", FIXTURES["sets"], ids=lambda one: f"n={len(one['time'])}")
TIES = pytest.mark.parametrize("ties", ["breslow", "efron"])


def simulate(n=60, p=4, *, seed=0, decimals=1):
    """Features, event, time with ties (one decimal), planted coefficients."""
    rng = np.random.default_rng(seed)
    X, coef = rng.normal(size=(n, p)), rng.normal(size=p)
    died, censored = rng.exponential(np.exp(-X @ coef)), rng.exponential(1.5, size=n)
    return X, died <= censored, np.round(np.minimum(died, censored), decimals), coef


def plain_loss(eta, event, time, weights, ties):
    """The formula, one risk set at a time."""
    total = 0.0
    for t in np.unique(time[event]):
        died, at_risk = event & (time == t), time >= t
        everyone, dead = np.sum((weights * np.exp(eta))[at_risk]), np.sum((weights * np.exp(eta))[died])
        total -= weights[died] @ eta[died]
        for k in range(died.sum()):
            left_out = k / died.sum() if ties == "efron" else 0.0
            total += weights[died].mean() * np.log(everyone - left_out * dead)
    return total


@SETS
def test_ridge_equals_scikit_survival(one):
    for wanted in one["ridge"]:
        fit = cox_ridge(one["X"], one["event"], one["time"], penalty=wanted["penalty"], ties=wanted["ties"])
        assert fit.converged
        assert_allclose(fit.coef, wanted["coef"], rtol=1e-8, atol=1e-10)
        assert_allclose(fit.log_likelihood, wanted["log_likelihood"], rtol=1e-10)
        scores = np.array(one["X"]) @ fit.coef
        if wanted["ties"] == "breslow":
            baseline = baseline_survival(one["event"], one["time"], scores)
            assert_allclose(baseline.survival(scores[:5], one["times"]), wanted["survival"], rtol=1e-8)


@SETS
def test_case_weights_with_efrons_ties_equal_lifelines(one):
    fit = cox_ridge(one["X"], one["event"], one["time"], penalty=1e-9, ties="efron", weights=one["weights"])
    # lifelines stops by its own rule, and has no penalty at all.
    assert_allclose(fit.coef, one["weighted_efron"], rtol=1e-6, atol=1e-6)


@TIES
@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives_are_those_of_the_formula(ties, weighted):
    X, event, time, coef = simulate()
    assert len(np.unique(time[event])) < event.sum() - 5  # many ties
    weights = np.random.default_rng(1).uniform(0.5, 2.0, size=len(X)) if weighted else np.ones(len(X))
    partial = PartialLikelihood(X + 3.0, event, time, weights=weights, ties=ties)
    assert_allclose(partial.loss(coef), plain_loss(X @ coef, event, time, weights, ties), rtol=1e-12)
    gradient, hessian = partial.derivatives(coef)

    def along(direction, step=1e-5):
        ahead, behind = (
            plain_loss(X @ (coef + sign * step * direction), event, time, weights, ties) for sign in (1, -1)
        )
        return (ahead - behind) / (2 * step)

    assert_allclose(gradient, [along(direction) for direction in np.eye(4)], rtol=1e-6, atol=1e-6)
    differences = [
        (partial.derivatives(coef + 1e-5 * d)[0] - partial.derivatives(coef - 1e-5 * d)[0]) / 2e-5 for d in np.eye(4)
    ]
    assert_allclose(hessian, differences, rtol=1e-6, atol=1e-6)
    assert_allclose(hessian, hessian.T, rtol=1e-12)


@TIES
def test_minimum_is_that_of_a_general_optimizer(ties):
    X, event, time, _ = simulate(n=40, p=3)
    penalty = np.array([0.1, 1.0, 10.0])

    def objective(coef):
        return plain_loss(X @ coef, event, time, np.ones(40), ties) + 0.5 * penalty @ coef**2

    fit = cox_ridge(X, event, time, penalty=penalty, ties=ties)
    found = minimize(objective, np.zeros(3), method="BFGS", options={"gtol": 1e-6}).x
    assert_allclose(fit.coef, found, atol=1e-5)
    assert fit.objective == pytest.approx(objective(fit.coef), rel=1e-12)
    assert np.abs(approx_fprime(fit.coef, objective, 1e-6)).max() < 1e-4
    assert fit.gradient_norm < 1e-7


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_shift_of_features_and_the_order_of_subjects_change_nothing(offset):
    X, event, time, _ = simulate()
    order = np.random.default_rng(2).permutation(len(X))
    for ties in ("breslow", "efron"):
        fit = cox_ridge(X, event, time, penalty=0.5, ties=ties)
        other = cox_ridge(X[order] + offset, event[order], time[order], penalty=0.5, ties=ties)
        assert_allclose(other.coef, fit.coef, rtol=1e-6 if offset else 1e-10)  # X itself loses digits at the offset


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["breslow", "efron"]))
def test_only_the_order_of_time_matters(seed, ties):
    X, event, time, _ = simulate(n=30, p=3, seed=seed)
    fit = cox_ridge(X, event, time, penalty=1.0, ties=ties)
    other = cox_ridge(X, event, np.exp(time) - 1.0, penalty=1.0, ties=ties)
    np.testing.assert_array_equal(fit.coef, other.coef)


def test_whole_weights_are_repeated_subjects():
    X, event, time, _ = simulate()
    weights = np.random.default_rng(3).integers(1, 4, size=len(X))
    fit = cox_ridge(X, event, time, penalty=1.0, weights=weights)
    repeated = cox_ridge(*(np.repeat(part, weights, axis=0) for part in (X, event, time)), penalty=1.0)
    assert_allclose(fit.coef, repeated.coef, rtol=1e-9)
    scores = X @ fit.coef
    at = [0.1, 0.5, 2.0]
    curves = baseline_survival(event, time, scores, weights=weights).survival(scores, at)
    twin = baseline_survival(*(np.repeat(part, weights) for part in (event, time, scores)))
    assert_allclose(curves, twin.survival(scores, at), rtol=1e-12)


@TIES
def test_features_and_a_factor_of_their_kernel_give_the_same_risk(ties):
    X, event, time, _ = simulate(n=40, p=90)
    values, vectors = np.linalg.eigh(X @ X.T)
    factor = vectors * np.sqrt(np.maximum(values, 0.0))
    by_features = cox_ridge(X, event, time, penalty=3.0, ties=ties)
    by_factor = cox_ridge(factor, event, time, penalty=3.0, ties=ties)
    assert_allclose(X @ by_features.coef, factor @ by_factor.coef, rtol=1e-7, atol=1e-9)
    assert by_factor.objective == pytest.approx(by_features.objective, rel=1e-10)


def test_planted_hazard_ratios_are_found():
    X, event, time, coef = simulate(n=4000, p=6, decimals=8)
    fit = cox_ridge(X, event, time, penalty=1e-3)
    _, information = PartialLikelihood(X, event, time, weights=np.ones(len(X)), ties="breslow").derivatives(fit.coef)
    z = (fit.coef - coef) / np.sqrt(np.diag(np.linalg.inv(information)))
    assert np.abs(z).max() < 3.5
    assert z @ z < 22.5  # chi-squared of 6: p = .001


def test_baseline_recovers_an_exponential_hazard():
    X, event, time, coef = simulate(n=4000, p=3, decimals=8)
    baseline = baseline_survival(event, time, X @ coef)
    at = np.array([0.1, 0.3, 0.8])
    assert_allclose(baseline.survival([0.0], at)[0], np.exp(-at), atol=0.03)
    assert (np.diff(baseline.survival(X @ coef, np.linspace(0, 5, 30)), axis=1) <= 0).all()
    np.testing.assert_array_equal(baseline.survival(X @ coef, [0.0]), 1.0)


def test_baseline_of_no_features_is_nelson_aalens():
    baseline = baseline_survival([1, 1, 0, 1], [2.0, 2.0, 3.0, 4.0], np.zeros(4))
    assert_allclose(baseline.cumulative_hazard, [2 / 4, 2 / 4 + 1])


@pytest.mark.parametrize("shift", [600.0, 5000.0, -5000.0])
def test_baseline_takes_scores_far_from_zero(shift):
    X, event, time, coef = simulate()
    scores = X @ coef
    near = baseline_survival(event, time, scores).survival(scores, [0.0, 0.2])
    far = baseline_survival(event, time, scores + shift).survival(scores + shift, [0.0, 0.2])
    assert_allclose(far, near, rtol=1e-9)


def test_baseline_takes_scores_far_from_each_other():
    baseline = baseline_survival([1, 1], [1.0, 2.0], [2000.0, -2000.0])
    assert_allclose(baseline.log_cumulative_hazard, [-2000.0, 2000.0])
    assert_allclose(baseline.survival([2000.0, -2000.0], [1.0, 2.0]), [[np.exp(-1), 0.0], [1.0, np.exp(-1)]])


def test_risk_of_a_simulated_cohort_follows_its_true_risk():
    cohort = make_cohort(task="survival", n_subjects=400, random_state=0)
    X = np.nan_to_num(cohort.X.to_numpy())
    X /= X.std(axis=0)
    fit = cox_ridge(X[:300], cohort.y["event"][:300], cohort.y["time"][:300], penalty=50.0)
    true_risk = np.asarray(cohort.truth["bayes_score"])
    assert fit.converged
    assert np.corrcoef(X[300:] @ fit.coef, true_risk[300:])[0, 1] > 0.3


def test_a_start_near_the_minimum_saves_steps_and_changes_nothing():
    X, event, time, _ = simulate()
    fit = cox_ridge(X, event, time, penalty=1.0)
    again = cox_ridge(X, event, time, penalty=1.0, start=fit.coef)
    assert again.n_iter == 0
    np.testing.assert_array_equal(again.coef, fit.coef)
    far = cox_ridge(X, event, time, penalty=1.0, start=np.full(4, 20.0))
    assert far.converged
    assert_allclose(far.coef, fit.coef, rtol=1e-8)


def test_separable_events_end_at_a_finite_minimum():
    time = np.arange(1.0, 31.0)
    fit = cox_ridge(-time[:, None], np.ones(30), time, penalty=1e-6)  # each event had the highest hazard
    assert fit.converged
    assert fit.coef[0] > 0
    assert -1e-3 < fit.log_likelihood < 0


@TIES
def test_predictors_beyond_the_range_of_hazards(ties):
    X, event, time, coef = simulate(decimals=0)
    partial = PartialLikelihood(X, event, time, weights=np.ones(60), ties=ties)
    far = 2000.0 * coef
    assert np.ptp(X @ far) > 5000
    died = [np.logaddexp.reduce((X @ far)[time >= t]) for t in np.unique(time[event])]
    if ties == "breslow":
        n_died = [(event & (time == t)).sum() for t in np.unique(time[event])]
        assert partial.loss(far) == pytest.approx(np.dot(n_died, died) - (X @ far)[event].sum(), rel=1e-12)
    gradient, _ = partial.derivatives(far)
    differences = [(partial.loss(far + 1e-3 * d) - partial.loss(far - 1e-3 * d)) / 2e-3 for d in np.eye(4)]
    assert_allclose(gradient, differences, rtol=1e-5, atol=1e-4)
    fit = cox_ridge(X, event, time, penalty=1.0, ties=ties, start=far)
    assert_allclose(fit.coef, cox_ridge(X, event, time, penalty=1.0, ties=ties).coef, rtol=1e-8)


def test_a_kernel_that_orders_all_subjects_with_hardly_a_penalty():
    rng = np.random.default_rng(0)
    X, time = rng.normal(size=(150, 20)), rng.exponential(size=150)
    fit = cox_ridge(np.linalg.cholesky(rbf_kernel(X, gamma=0.05)), np.ones(150), time, penalty=1e-8)
    assert fit.converged
    assert -0.1 < fit.log_likelihood < 0


def test_too_few_steps_are_reported():
    X, event, time, _ = simulate()
    fit = cox_ridge(X, event, time, penalty=1e-4, max_iter=1)
    assert not fit.converged
    assert fit.n_iter == 1
    assert fit.decrement > 1e-9
    assert cox_ridge(X, event, time, penalty=1e-4, max_iter=0).n_iter == 0


def test_inputs_stay_as_they_are():
    X, event, time, coef = simulate()
    copies = [part.copy() for part in (X, event, time, coef)]
    cox_ridge(X, event, time, penalty=1.0, start=coef)
    for part, copy in zip((X, event, time, coef), copies, strict=True):
        np.testing.assert_array_equal(part, copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"penalty": 0.0}, "one positive number"),
        ({"penalty": [1.0, 2.0]}, "for each of 4 features"),
        ({"ties": "exact"}, "'breslow' or 'efron'"),
        ({"weights": np.zeros(60)}, "Leave subjects of weight 0 out"),
        ({"start": np.zeros(3)}, "`start` has shape"),
        ({"start": np.full(4, 1e308)}, "Start nearer to 0"),
        ({"event": np.zeros(60, dtype=bool)}, "None of 60 subjects has the event"),
        ({"event": np.ones(59), "time": np.ones(59)}, "`features` has 60 subjects"),
        ({"features": np.full((60, 4), np.nan)}, "finite numbers, subjects × features"),
    ],
)
def test_bad_input(changes, message):
    X, event, time, _ = simulate()
    arguments = {"features": X, "event": event, "time": time, "penalty": 1.0} | changes
    with pytest.raises(ValueError, match=message):
        cox_ridge(**arguments)


def test_features_of_a_huge_unit():
    X, event, time, _ = simulate()
    fit = cox_ridge(1e9 * X, event, time, penalty=1e18)
    assert_allclose(1e9 * fit.coef, cox_ridge(X, event, time, penalty=1.0).coef, rtol=1e-9)


def test_collinear_features_with_hardly_a_penalty():
    X, event, time, _ = simulate()
    with pytest.raises(ValueError, match="Features are collinear and the penalty is too small"):
        cox_ridge(1e6 * np.hstack([X, X, X]), event, time, penalty=1e-12)


def test_bad_scores_of_the_baseline():
    with pytest.raises(ValueError, match="2 values for 3 subjects"):
        baseline_survival([1, 0, 1], [1.0, 2.0, 3.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="one finite number"):
        baseline_survival([1, 0, 1], [1.0, 2.0, 3.0], [0.0, np.nan, 1.0])
