"""MKLSurvival: ridge Cox on explicit features, the minimum of its objective, planted risks, and who has no modality."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skfuse._survival import survival_target
from skfuse.datasets import make_cohort
from skfuse.evaluation.statistics import concordance
from skfuse.kernels import MKLSurvival, ModalityKernel, baseline_survival, cox_ridge, kernel_matrix
from skfuse.kernels._cox_machine import ExactSpace, LowRankSpace, fit_cox_machine, martingale_residuals
from skfuse.modalities import NoModalityWarning

RAW = {"standardize": False, "normalization": None}


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(150, task="survival", random_state=0)


@pytest.fixture(scope="module")
def blocks(cohort):
    return [cohort.X.filter(like=f"{name}__").to_numpy() for name in ("mri", "pet", "clinical")]


def test_one_linear_kernel_is_a_ridge_cox_regression_on_the_features(cohort, blocks):
    X = cohort.X.filter(like="mri__")
    kernel = ModalityKernel("linear", **RAW)
    model = MKLSurvival(kernels=kernel, C=0.25).fit(X, cohort.y)
    ridge = cox_ridge(blocks[0], cohort.y["event"], cohort.y["time"], penalty=4.0)
    np.testing.assert_allclose(model.predict(X), blocks[0] @ ridge.coef, atol=1e-6)
    np.testing.assert_allclose(model.coef_[0], ridge.coef, atol=1e-6)
    assert np.array_equal(np.argsort(model.predict(X)), np.argsort(blocks[0] @ ridge.coef))


def _objective(w, blocks, event, time, C, p):
    """Block norm and partial likelihood by plain sums (no ties)."""
    parts = np.split(w, np.cumsum([block.shape[1] for block in blocks])[:-1])
    f = sum(block @ part for block, part in zip(blocks, parts, strict=True))
    loss = sum(np.log(np.sum(np.exp(f[time >= time[i]]))) - f[i] for i in np.flatnonzero(event))
    q = 2 * p / (p + 1)
    norms = np.array([np.linalg.norm(part) for part in parts])
    return 0.5 * np.sum(norms**q) ** (2 / q) + C * loss


@pytest.mark.parametrize("p", [4 / 3, 2.0])
def test_weights_and_risks_minimize_the_objective(blocks, cohort, p):
    rows = np.arange(50)
    small = [block[rows, :2] for block in blocks]
    event, time = cohort.y["event"][rows], cohort.y["time"][rows] + 1e-6 * rows
    kernels = np.array([kernel_matrix(block, kernel="linear") for block in small])
    machine = fit_cox_machine(ExactSpace(kernels), event, time, C=0.5, p=p, tol=1e-8)
    found = minimize(
        _objective, 0.01 * np.ones(6), args=(small, event, time, 0.5, p), method="BFGS", options={"gtol": 1e-7}
    )
    w = np.concatenate(
        [theta * block.T @ machine.coefficients[0] for theta, block in zip(machine.weights, small, strict=True)]
    )
    assert _objective(w, small, event, time, 0.5, p) <= found.fun + 1e-5 * abs(found.fun)
    assert machine.gap <= 1e-8
    np.testing.assert_allclose(np.sum(machine.weights**p), 1.0)


def test_low_rank_at_full_rank_is_exact(blocks, cohort):
    event, time = cohort.y["event"], cohort.y["time"]
    kernels = np.array([kernel_matrix(block, kernel="linear") for block in blocks])
    sizes = np.cumsum([0, *(block.shape[1] for block in blocks)])
    parts = [slice(start, stop) for start, stop in pairwise(sizes)]
    exact = fit_cox_machine(ExactSpace(kernels), event, time, C=0.1, p=1.5, tol=1e-7)
    low = fit_cox_machine(LowRankSpace(np.hstack(blocks), parts), event, time, C=0.1, p=1.5, tol=1e-7)
    np.testing.assert_allclose(low.weights, exact.weights, atol=1e-4)
    decision = sum(w * K @ exact.coefficients[0] for w, K in zip(exact.weights, kernels, strict=True))
    np.testing.assert_allclose(np.hstack(blocks) @ low.coefficients[0], decision, atol=1e-4)


def test_martingale_residuals_of_no_predictors_sum_to_zero(cohort):
    residuals = martingale_residuals(cohort.y["event"], cohort.y["time"], np.zeros(150))
    assert abs(residuals.sum()) < 1e-10
    assert residuals.max() <= 1.0


@pytest.mark.parametrize("approximation", [None, "nystroem", "cholesky", "mklaren"])
def test_risks_of_new_subjects_follow_the_planted_ones(approximation):
    train, test = make_cohort(400, task="survival", missing=0.2, effect=2.0, n_test=400, random_state=1)
    model = MKLSurvival(kernels="linear", approximation=approximation, rank=20, random_state=0).fit(train.X, train.y)
    found = concordance(test.y["event"], test.y["time"], model.predict(test.X))
    assert found > 0.65
    assert found == pytest.approx(model.score(test.X, test.y))
    survival = model.predict_survival_function(test.X, times=[1.0, 10.0, 40.0])
    assert ((np.diff(survival, axis=1) <= 0) & (survival[:, 1:] >= 0) & (survival[:, :-1] <= 1)).all()
    late = test.y["time"] > 10.0
    assert survival[late, 1].mean() > survival[~late & test.y["event"], 1].mean()


def test_permuted_times_are_not_predicted(cohort):
    rng, found = np.random.default_rng(0), []
    for _ in range(10):
        order = rng.permutation(150)
        model = MKLSurvival(kernels="linear").fit(cohort.X[:75], cohort.y[order[:75]])
        found.append(model.score(cohort.X[75:], cohort.y[order[75:]]))
    assert abs(np.mean(found) - 0.5) < 0.06


def test_baseline_is_breslows_of_the_risks(cohort):
    model = MKLSurvival().fit(cohort.X, cohort.y)
    expected = baseline_survival(cohort.y["event"], cohort.y["time"], model.predict(cohort.X))
    np.testing.assert_allclose(model.baseline_.cumulative_hazard, expected.cumulative_hazard)
    assert np.array_equal(model.unique_times_, np.unique(cohort.y["time"][cohort.y["event"]]))


def test_who_has_no_modality_has_the_risk_of_the_baseline(cohort):
    X = cohort.X.copy()
    X.iloc[:2] = np.nan
    with pytest.warns(NoModalityWarning, match="2 of 150"):
        model = MKLSurvival().fit(X, cohort.y)
    np.testing.assert_array_equal(model.predict(X)[:2], 0.0)
    np.testing.assert_allclose(
        model.predict_survival_function(X)[0], model.baseline_.survival([0.0], model.unique_times_)[0]
    )


def test_no_event_is_refused(cohort):
    y = survival_target(np.zeros(150, dtype=bool), cohort.y["time"])
    with pytest.raises(ValueError, match="event"):
        MKLSurvival().fit(cohort.X, y)
    with pytest.raises(ValueError, match="event"):
        MKLSurvival().fit(cohort.X, cohort.y["time"])


def test_weights_of_subjects_count_as_repeats(cohort):
    weights = np.where(np.arange(150) < 75, 2.0, 0.0)
    model = MKLSurvival(kernels="linear", tol=1e-6).fit(cohort.X, cohort.y, sample_weight=weights)
    plain = MKLSurvival(kernels="linear", tol=1e-6).fit(cohort.X[:75], cohort.y[:75])
    np.testing.assert_allclose(model.predict(cohort.X), plain.predict(cohort.X), rtol=1e-6)


def test_a_stop_before_the_optimum_is_said(cohort, monkeypatch):
    monkeypatch.setattr("skfuse.kernels._survival.fit_cox_machine", _one_round)
    with pytest.warns(ConvergenceWarning, match=r"gap .* after 1 rounds, wanted tol=1e-09.*C"):
        MKLSurvival(p=1.0, C=10.0, tol=1e-9).fit(cohort.X, cohort.y)


def _one_round(*args, **kwargs):
    return fit_cox_machine(*args, **kwargs, max_iter=1)


def test_times_and_price_must_be_numbers(cohort):
    model = MKLSurvival(kernels="linear").fit(cohort.X, cohort.y)
    with pytest.raises(ValueError, match="without NaN"):
        model.predict_survival_function(cohort.X, [1.0, np.nan])
    with pytest.raises(ValueError, match="'C' parameter"):
        MKLSurvival(C=np.inf).fit(cohort.X, cohort.y)
