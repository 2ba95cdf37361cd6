"""Kernel machines: scikit-learn's with one kernel, the group lasso at p = 1, and a duality gap by plain formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC, SVR

from skfuse.kernels._losses import EpsilonInsensitive, Hinge, Squared
from skfuse.kernels._lp import fit_machine

EPSILON = 0.1


def make_data(n=40, n_kernels=3, seed=0):
    """Blocks of two features, their kernels, classes and numbers that the first two blocks predict."""
    rng = np.random.default_rng(seed)
    blocks = [rng.normal(size=(n, 2)) for _ in range(n_kernels)]
    signal = blocks[0][:, 0] + (0.5 * blocks[1][:, 1] if n_kernels > 1 else 0)
    number = signal + 0.3 * rng.normal(size=n)
    y = np.where(number > np.median(number), 1.0, -1.0)
    return blocks, y, number


def linear(blocks):
    return np.array([block @ block.T for block in blocks])


def problem_of(loss, y, number, C):
    if loss == "hinge":
        return Hinge(y, C)
    return Squared(number, C) if loss == "squared" else EpsilonInsensitive(number, C, EPSILON)


def plain_loss(loss, decision, y, number, C):
    """The loss at the best intercept, found by a search over all that may be it."""
    if loss == "squared":
        rest = number - decision
        return 0.5 * np.sum(C * (rest - np.sum(C * rest) / C.sum()) ** 2)
    target = y if loss == "hinge" else number

    def at(b):
        if loss == "hinge":
            return np.sum(C * np.maximum(0, 1 - target * (decision + b)))
        return np.sum(C * np.maximum(0, np.abs(target - decision - b) - EPSILON))

    shift = 0.0 if loss == "hinge" else EPSILON
    corners = np.concatenate([target - decision - shift, target - decision + shift])
    return min(at(b) for b in corners)  # piecewise linear: lowest in a corner


def plain_gap(loss, kernels, machine, p, radius, y, number, C):
    """Primal minus dual of the machine, relative to the primal, from its weights and coefficients only."""
    theta, beta = machine.weights, machine.coefficients[0]
    S = np.array([beta @ K @ beta for K in kernels])
    decision = np.tensordot(theta, kernels, 1) @ beta
    norms = theta * np.sqrt(np.maximum(S, 0))
    if np.isinf(p):
        penalty, conjugate = 0.5 * np.sum(norms**2 / radius), 0.5 * radius * S.sum()
    else:
        q = 2 * p / (p + 1)
        penalty = 0.5 * np.sum(norms**q) ** (2 / q) / radius
        conjugate = 0.5 * radius * (S.max() if p == 1 else np.linalg.norm(S / S.max(), p / (p - 1)) * S.max())
    if loss == "hinge":
        dual = y @ beta
        assert (y * beta >= 0).all()
        assert (y * beta <= C * (1 + 1e-12)).all()
    elif loss == "squared":
        dual = number @ beta - 0.5 * np.sum(beta**2 / C)
    else:
        dual = number @ beta - EPSILON * np.abs(beta).sum()
        assert (np.abs(beta) <= C * (1 + 1e-12)).all()
    assert abs(beta.sum()) <= 1e-9 * max(np.abs(beta).sum(), 1)
    primal = penalty + plain_loss(loss, decision, y, number, C)
    return (primal - (dual - conjugate)) / primal


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("C", [0.1, 1.0, 30.0])
def test_one_kernel_and_hinge_loss_is_svc(C, weighted):
    blocks, y, _ = make_data(60, 1)
    K = rbf_kernel(blocks[0], gamma=0.3)
    weight = np.random.default_rng(1).uniform(0.2, 3, 60) if weighted else np.ones(60)
    machine = fit_machine(K[None], [Hinge(y, C * weight)], p=4 / 3, tol=1e-10)
    svc = SVC(C=C, kernel="precomputed", tol=1e-8).fit(K, y, sample_weight=weight)
    expected = np.zeros(60)
    expected[svc.support_] = svc.dual_coef_[0]
    assert machine.converged
    np.testing.assert_allclose(machine.coefficients[0], expected, atol=1e-5 * C)
    np.testing.assert_allclose(machine.intercepts[0], svc.intercept_[0], atol=1e-5)
    np.testing.assert_allclose(K @ machine.coefficients[0] + machine.intercepts[0], svc.decision_function(K), atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("C", [0.1, 1.0, 30.0])
def test_one_kernel_and_epsilon_insensitive_loss_is_svr(C, weighted):
    blocks, _, number = make_data(60, 1)
    K = rbf_kernel(blocks[0], gamma=0.3) + 0.1 * np.eye(60)  # well conditioned, so that coefficients are unique
    weight = np.random.default_rng(1).uniform(0.2, 3, 60) if weighted else np.ones(60)
    machine = fit_machine(K[None], [EpsilonInsensitive(number, C * weight, EPSILON)], p=1, tol=1e-10)
    svr = SVR(C=C, epsilon=EPSILON, kernel="precomputed", tol=1e-8).fit(K, number, sample_weight=weight)
    expected = np.zeros(60)
    expected[svr.support_] = svr.dual_coef_[0]
    np.testing.assert_allclose(machine.coefficients[0], expected, atol=1e-4 * C)
    np.testing.assert_allclose(K @ machine.coefficients[0] + machine.intercepts[0], svr.predict(K), atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_one_kernel_and_squared_loss_is_ridge_regression(weighted):
    blocks, _, number = make_data(60, 1)
    weight = np.random.default_rng(1).uniform(0.2, 3, 60) if weighted else np.ones(60)
    K = linear(blocks)
    machine = fit_machine(K, [Squared(number, 2.0 * weight)], p=1)
    ridge = Ridge(alpha=0.5).fit(blocks[0], number, sample_weight=weight)
    np.testing.assert_allclose(blocks[0].T @ machine.coefficients[0], ridge.coef_, rtol=1e-8)
    assert machine.intercepts[0] == pytest.approx(ridge.intercept_, rel=1e-8)
    assert machine.gap <= 1e-10


def group_lasso(blocks, number, C, n_steps=20_000):
    """Minimize 1/2 (sum_m ||w_m||)^2 + C/2 sum (y - Xw - b)^2 by accelerated proximal gradient."""
    X = np.hstack([block - block.mean(axis=0) for block in blocks])
    groups = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
    target = number - number.mean()
    step = 1.0 / (C * np.linalg.norm(X, 2) ** 2)
    w = momentum = np.zeros(X.shape[1])
    for k in range(n_steps):
        moved = momentum - step * C * (X.T @ (X @ momentum - target))
        norms = np.sqrt(np.bincount(groups, moved**2))
        ordered = np.sort(norms)[::-1]
        kept = np.arange(1, len(norms) + 1)
        sums = np.cumsum(ordered) / (1 + step * kept)  # sum of the norms afterwards, with that many groups kept
        total = sums[np.flatnonzero(ordered > step * sums)[-1]]
        factor = np.maximum(1 - step * total / np.maximum(norms, 1e-300), 0)
        new = moved * factor[groups]
        momentum = new + k / (k + 3) * (new - w)
        if np.abs(new - w).max() < 1e-14 and k > 100:
            break
        w = new
    return w


def explicit(blocks, machine):
    """Coefficients of the features of linear kernels."""
    return np.concatenate(
        [theta * (block.T @ machine.coefficients[0]) for theta, block in zip(machine.weights, blocks, strict=True)]
    )


@pytest.mark.parametrize("C", [0.01, 0.1, 3.0])
def test_p_of_1_is_the_group_lasso(C):
    blocks, _, number = make_data(50, 4)
    machine = fit_machine(linear(blocks), [Squared(number, np.full(50, C))], p=1, tol=1e-9, max_iter=5000)
    w = group_lasso(blocks, number, C)
    assert machine.converged
    np.testing.assert_allclose(explicit(blocks, machine), w, atol=2e-5)
    norms = np.sqrt(np.bincount(np.repeat(np.arange(4), 2), w**2))
    np.testing.assert_allclose(machine.weights, norms / norms.sum(), atol=1e-4)


def test_p_of_1_is_the_group_lasso_with_hinge_loss():
    C, n = 0.5, 24
    blocks, y, _ = make_data(n, 3, seed=2)
    X = np.hstack(blocks)
    machine = fit_machine(linear(blocks), [Hinge(y, np.full(n, C))], p=1, tol=1e-9)
    w = explicit(blocks, machine)

    def objective(w):
        norms = np.sqrt((w.reshape(3, 2) ** 2).sum(axis=1))
        return 0.5 * norms.sum() ** 2 + plain_loss("hinge", X @ w, y, None, np.full(n, C))

    def smooth(z):  # variables: w (6), b, slack of each subject; a generic solver needs norms with a slope at 0
        norms = np.sqrt((z[:6].reshape(3, 2) ** 2).sum(axis=1) + 1e-12)
        slopes = norms.sum() * z[:6] / np.repeat(norms, 2)
        return 0.5 * norms.sum() ** 2 + C * z[7:].sum(), np.concatenate([slopes, [0.0], np.full(n, C)])

    margins = np.hstack([y[:, None] * X, y[:, None], np.eye(n)])
    start = np.concatenate([np.full(6, 0.1), [0.0], np.full(n, 2.0)])
    found = minimize(
        smooth,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(None, None)] * 7 + [(0, None)] * n,
        constraints=[{"type": "ineq", "fun": lambda z: margins @ z - 1, "jac": lambda z: margins}],
        options={"maxiter": 2000, "ftol": 1e-14},
    )
    assert found.status in (0, 8)  # 8: older versions of SciPy find no lower point along the last direction
    assert objective(w) == pytest.approx(found.fun, rel=1e-5)
    np.testing.assert_allclose(w, found.x[:6], atol=1e-4)


def test_an_infinite_p_is_the_sum_of_the_kernels_and_a_large_one_is_near():
    blocks, y, _ = make_data()
    kernels, C = np.array([rbf_kernel(block) for block in blocks]), np.ones(len(y))
    total = kernels.sum(axis=0)
    svc = SVC(kernel="precomputed", tol=1e-8).fit(total, y).decision_function(total)
    away = []
    for p in (2, 20, 2000, np.inf):
        machine = fit_machine(kernels, [Hinge(y, C)], p=p, tol=1e-9)
        decision = machine.weights @ machine.products[0] + machine.intercepts[0]
        away.append(np.abs(decision - svc).max())
        assert np.sum(machine.weights**p) == pytest.approx(1) if p < 100 else machine.weights == pytest.approx(1, 5e-3)
    assert away[0] > 2 * away[1]
    assert away[1] > 2 * away[2]
    assert away[2] < 2e-3
    assert away[3] < 1e-5


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(4, 40),
    n_kernels=st.integers(1, 6),
    p=st.one_of(st.just(1.0), st.just(np.inf), st.floats(1.01, 16)),
    C=st.floats(1e-3, 1e3),
    loss=st.sampled_from(["hinge", "squared", "epsilon"]),
    tol=st.sampled_from([1e-2, 1e-4]),
    radius=st.sampled_from([1.0, 0.25]),
)
def test_the_duality_gap_is_within_tol_on_every_fit(seed, n, n_kernels, p, C, loss, tol, radius):
    blocks, y, number = make_data(n, n_kernels, seed)
    kernels = np.array([rbf_kernel(block, gamma=0.2) for block in blocks])
    C = C * np.random.default_rng(seed).uniform(0.5, 2, n)
    machine = fit_machine(kernels, [problem_of(loss, y, number, C)], p=p, tol=tol, radius=radius, max_iter=2000)
    gap = plain_gap(loss, kernels, machine, p, radius, y, number, C)
    assert machine.converged
    assert gap <= tol + 1e-9
    assert machine.gap == pytest.approx(gap, abs=1e-8)
    size = np.max(machine.weights) if np.isinf(p) else np.sum(machine.weights**p) ** (1 / p)
    assert size == pytest.approx(radius)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), p=st.sampled_from([1.0, 4 / 3, 2.0]))
def test_no_other_weights_are_better(seed, p):
    blocks, _, number = make_data(30, 3, seed)
    kernels = np.array([rbf_kernel(block, gamma=0.2) for block in blocks])
    machine = fit_machine(kernels, [Squared(number, np.ones(30))], p=p, tol=1e-6)
    beta = machine.coefficients[0]
    dual = number @ beta - 0.5 * np.sum(beta**2)
    S = np.array([beta @ K @ beta for K in kernels])
    best = dual - 0.5 * machine.weights @ S
    draws = np.random.default_rng(seed).dirichlet(np.ones(3), 5)
    for theta in draws ** (1 / p):
        other = fit_machine(kernels, [Squared(number, np.ones(30))], weights=theta)
        b = other.coefficients[0]
        value = (
            number @ b - 0.5 * np.sum(b**2) - 0.5 * sum(t * (b @ K @ b) for t, K in zip(theta, kernels, strict=True))
        )
        assert value >= best - 1e-5 * abs(best)


def test_several_outputs_share_the_weights():
    blocks, y, _ = make_data(40, 3)
    kernels, C = linear(blocks), np.ones(40)
    once = fit_machine(kernels, [Hinge(y, C)], p=4 / 3, tol=1e-8)
    twice = fit_machine(kernels, [Hinge(y, C), Hinge(-y, C)], p=4 / 3, tol=1e-8)
    np.testing.assert_allclose(twice.weights, once.weights, atol=1e-4)
    np.testing.assert_allclose(twice.coefficients[0], -twice.coefficients[1], atol=1e-3)
    each = [fit_machine(kernels, [Hinge(s * y, C)], weights=np.full(3, 0.5), tol=1e-8) for s in (1, -1)]
    both = fit_machine(kernels, [Hinge(y, C), Hinge(-y, C)], weights=np.full(3, 0.5), tol=1e-8)
    for place, one in enumerate(each):
        np.testing.assert_allclose(both.coefficients[place], one.coefficients[0], atol=1e-4)


def test_single_precision_is_near_double():
    blocks, y, _ = make_data(60, 3)
    kernels = np.array([rbf_kernel(block) for block in blocks])
    double = fit_machine(kernels, [Hinge(y, np.ones(60))], p=4 / 3, tol=1e-3)
    single = fit_machine(kernels.astype(np.float32), [Hinge(y, np.ones(60))], p=4 / 3, tol=1e-3)
    np.testing.assert_allclose(single.weights, double.weights, atol=1e-3)


@pytest.mark.parametrize("loss", ["hinge", "epsilon", "squared"])
def test_the_intercept_is_the_best_one(loss):
    blocks, y, number = make_data(41, 2)
    kernels, C = linear(blocks), np.random.default_rng(0).uniform(0.5, 2, 41)
    machine = fit_machine(kernels, [problem_of(loss, y, number, C)], p=2, tol=1e-9)
    decision = machine.weights @ machine.products[0]

    def at(b):
        if loss == "hinge":
            return np.sum(C * np.maximum(0, 1 - y * (decision + b)))
        rest = number - decision - b
        return np.sum(C * (np.maximum(0, np.abs(rest) - EPSILON) if loss == "epsilon" else rest**2 / 2))

    best = minimize_scalar(at, bounds=(-5, 5), method="bounded", options={"xatol": 1e-10})
    assert at(machine.intercepts[0]) <= best.fun * (1 + 1e-6)
    problem = problem_of(loss, y, number, C)
    problem.solve(kernels, machine.weights, np.empty((41, 41)), np.zeros(41, bool), 1e-8)
    assert problem.loss(decision) == pytest.approx(best.fun, rel=1e-6)


def test_a_huge_price_of_errors_finds_the_hard_margin():
    blocks, y, _ = make_data(40, 1)
    X = blocks[0] + 3 * y[:, None]  # separable
    machine = fit_machine((X @ X.T)[None], [Hinge(y, np.full(40, 1e10))], p=1, tol=1e-6)
    expected = SVC(C=1e10, kernel="linear", tol=1e-8).fit(X, y)
    np.testing.assert_allclose(X.T @ machine.coefficients[0], expected.coef_[0], rtol=1e-5)
    # the equation of the dual problem survives an upper bound of 1e10
    assert abs(machine.coefficients[0].sum()) <= 1e-10 * np.abs(machine.coefficients[0]).sum()


def test_small_dual_variables_beside_a_huge_bound_are_kept():
    X = 1e4 * make_data(40, 1)[0][0]
    y = np.where(X[:, 0] > 0, 1.0, -1.0)
    X[:, 0] += 1e4 * y  # the norm of the solution is near 1e-4, dual variables near 1e-8
    machine = fit_machine((X @ X.T)[None], [Hinge(y, np.full(40, 1e10))], p=1, tol=1e-2)
    assert (np.sign(X @ (X.T @ machine.coefficients[0]) + machine.intercepts[0]) == y).all()


def test_an_infinite_price_reports_a_gap_that_is_a_number():
    blocks, y, _ = make_data(30, 2)
    machine = fit_machine(linear(blocks), [Hinge(y, np.full(30, np.inf))], p=2, max_iter=5)
    assert not np.isnan(machine.gap)
    assert machine.converged == (machine.gap <= 1e-2)


def test_squared_loss_at_an_infinite_price_of_a_singular_kernel_is_refused():
    blocks, _, number = make_data(30, 2)
    with pytest.raises(ValueError, match=r"at C = inf has no unique solution: .* Lower C"):
        fit_machine(linear(blocks), [Squared(number, np.full(30, np.inf))], p=2)


@pytest.mark.parametrize("p", [1 + 1e-15, 1 + 1e-6, 1e6])
def test_extreme_norms_stay_finite(p):
    blocks, y, _ = make_data(30, 3)
    machine = fit_machine(linear(blocks), [Hinge(y, np.ones(30))], p=p)
    assert machine.converged
    assert machine.weights.max() <= 1 + 1e-9
    near = fit_machine(linear(blocks), [Hinge(y, np.ones(30))], p=1 if p < 2 else np.inf)
    np.testing.assert_allclose(machine.weights, near.weights, atol=1e-2)


@pytest.mark.parametrize("max_iter", [1, 2, 3, 7])
def test_a_machine_that_stops_early_reports_its_own_gap(max_iter):
    blocks, y, number = make_data(50, 4)
    kernels, C = np.array([rbf_kernel(block) for block in blocks]), np.ones(50)
    machine = fit_machine(kernels, [Hinge(y, C)], p=1.05, tol=1e-12, max_iter=max_iter)
    assert not machine.converged
    assert machine.n_iter == max_iter
    gap = plain_gap("hinge", kernels, machine, 1.05, 1.0, y, number, C)
    assert machine.gap == pytest.approx(gap, abs=1e-8)
    S = np.array([machine.coefficients[0] @ K @ machine.coefficients[0] for K in kernels])
    np.testing.assert_allclose(np.einsum("n,mn->m", machine.coefficients[0], machine.products[0]), S, rtol=1e-8)
