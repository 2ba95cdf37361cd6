"""Bayesian multiple kernel learning: a twin in loops, the posterior on a grid, planted weights, and laws."""

import warnings

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import gamma, multivariate_normal, norm, truncnorm
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import rbf_kernel

from skfuse.kernels._bayesian import bayesian_weights
from skfuse.kernels._bayesian_draws import effective_draws, normalize_weights
from skfuse.kernels._bayesian_factors import VariationalModel
from skfuse.kernels._bayesian_trajectory import Trajectory

FIXED = {f"{kind}_{name}": value for name in ("lambda", "gamma") for kind, value in (("alpha", 1e6), ("beta", 1e-6))}


def make_cohort(n=40, weights=(1.0, 0.6, 0.0), task="regression", n_new=0, noise=0.3, seed=0):
    """Centered RBF kernels of independent modalities, new rows of them, and an outcome made of some."""
    rng = np.random.default_rng(seed)
    stack, rows = [], []
    for _ in weights:
        X = rng.normal(size=(n + n_new, 3))
        K = rbf_kernel(X, gamma=0.2)
        mean = K[:, :n].mean(axis=1)
        K = K - mean[:, None] - mean[None, :] + K[:n, :n].mean()
        K *= n / np.trace(K[:n, :n])
        stack.append(K[:n, :n])
        rows.append(K[n:, :n])
    latent = np.asarray(weights) @ (np.stack(stack) @ rng.normal(size=n)) + noise * rng.normal(size=n)
    y = np.where(latent > 0, 1.0, -1.0) if task == "classification" else (latent - latent.mean()) / latent.std()
    return np.stack(stack), y, np.stack(rows)


def fit(stack, y, **kwargs):
    """Fit quietly: few sweeps and few draws are meant."""
    kwargs = {"uncertainty": "variational", "random_state": 0, **kwargs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return bayesian_weights(stack, y, **kwargs)


def sweeps_in_loops(K, y, n_sweeps, classes, prior, margin, sigma_g):
    """Every factor written out from the formulas of the model, one subject, kernel and pair at a time."""
    M, n = len(K), len(y)
    shape, scale = prior
    e, b, cov = np.ones(M), 0.0, np.eye(M + 1)
    t = y * (1 + margin) if classes else y.copy()
    G = np.array([[t[i] / M for i in range(n)] for _ in range(M)])
    a_squares, tau = np.ones(n), 1.0 if classes else shape * scale
    for _ in range(n_sweeps):
        lam = np.array([(shape + 0.5) / (1 / scale + a_squares[i] / 2) for i in range(n)])
        P, pull = np.diag(lam), np.zeros(n)
        for m in range(M):
            for i in range(n):
                P = P + np.outer(K[m][:, i], K[m][:, i]) / sigma_g**2
                pull = pull + K[m][:, i] * G[m, i] / sigma_g**2
        a_cov = np.linalg.inv(P)
        a = a_cov @ pull
        a_squares = np.array([a[i] ** 2 + a_cov[i, i] for i in range(n)])
        ee = np.outer(e, e) + cov[1:, 1:]
        be = b * e + cov[0, 1:]
        G_cov = np.linalg.inv(np.eye(M) / sigma_g**2 + tau * ee)
        for i in range(n):
            G[:, i] = G_cov @ np.array([K[m][i] @ a / sigma_g**2 + tau * (t[i] * e[m] - be[m]) for m in range(M)])
        gamma = (shape + 0.5) / (1 / scale + (b**2 + cov[0, 0]) / 2)
        omega = [(shape + 0.5) / (1 / scale + (e[m] ** 2 + cov[m + 1, m + 1]) / 2) for m in range(M)]
        P, pull = np.diag([gamma, *omega]), np.zeros(M + 1)
        for i in range(n):
            g = np.r_[1.0, G[:, i]]
            P[1:, 1:] += tau * G_cov
            P += tau * np.outer(g, g)
            pull += tau * g * t[i]
        cov = np.linalg.inv(P)
        b, e = (cov @ pull)[0], (cov @ pull)[1:]
        means = [b + e @ G[:, i] for i in range(n)]
        if classes:
            cuts = margin - y * np.array(means)
            t = np.array([means[i] + y[i] * norm.pdf(cuts[i]) / norm.sf(cuts[i]) for i in range(n)])
            continue
        ee = np.outer(np.r_[b, e], np.r_[b, e]) + cov
        misfit = 0.0
        for i in range(n):
            gg = np.outer(np.r_[1.0, G[:, i]], np.r_[1.0, G[:, i]])
            gg[1:, 1:] += G_cov
            misfit += y[i] ** 2 - 2 * y[i] * means[i] + np.sum(ee * gg)
        tau = (shape + n / 2) / (1 / scale + misfit / 2)
    return e, b, cov, a, a_cov, 1 / tau


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_sweeps_are_those_written_in_loops(task):
    stack, y, _ = make_cohort(n=18, task=task)
    prior = {f"alpha_{name}": 0.8 for name in ("lambda", "gamma", "omega", "upsilon")}
    prior |= {key.replace("alpha", "beta"): 1.7 for key in prior}
    found = fit(stack, y, task=task, max_iter=6, tol=0.0, margin=0.7, sigma_g=0.2, **prior)
    e, b, cov, a, a_cov, noise = sweeps_in_loops(stack, y, 6, task == "classification", (0.8, 1.7), 0.7, 0.2)
    sign = np.sign(e.sum())
    np.testing.assert_allclose(found.weights, sign * e, rtol=1e-8)
    np.testing.assert_allclose(found.sample_weights, sign * a, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.sample_covariance, a_cov, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.weights_sd**2, np.diag(cov)[1:], rtol=1e-8)
    np.testing.assert_allclose([found.bias, found.noise_variance], [b, noise], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_lower_bound_never_falls(task, sparse):
    stack, y, _ = make_cohort(task=task)
    prior = {"alpha_omega": 1e-3, "beta_omega": 1e3} if sparse else {}
    bounds = fit(stack, y, task=task, max_iter=150, tol=0.0, **prior).lower_bounds
    assert np.diff(bounds).min() > -1e-9 * np.abs(bounds).max()
    assert bounds[-1] > bounds[0] + 1.0


@pytest.mark.parametrize("classes", [True, False])
def test_the_lower_bound_is_the_mean_over_draws_of_the_factors(classes):
    """Expected log density of the model less that of the factors, all densities those of SciPy."""
    stack, y, _ = make_cohort(n=8, weights=(1.0, 0.5), task="classification" if classes else "regression")
    prior = {"lambda": (2.0, 0.7), "gamma": (1.5, 1.2), "omega": (1.2, 0.9), "upsilon": (2.5, 0.8)}
    margin, sigma_g, n, M = 0.4, 0.5, 8, 2
    model = VariationalModel(stack, y, classes, prior, margin, sigma_g)
    bounds = [model.sweep() for _ in range(4)]
    rng, n_draws = np.random.default_rng(0), 4000
    q_a = multivariate_normal(model.a, model.a_covariance)
    q_be = multivariate_normal(model.be, model.be_covariance)
    q_noise = multivariate_normal(np.zeros(M), model.G_covariance)
    a, be = q_a.rvs(n_draws, random_state=rng), q_be.rvs(n_draws, random_state=rng)
    noise = q_noise.rvs((n_draws, n), random_state=rng)
    G = model.G.T + noise
    found = norm.logpdf(G, np.einsum("mij,dj->dim", stack, a), sigma_g).sum(axis=(1, 2))
    found -= q_noise.logpdf(noise).sum(axis=1) + q_a.logpdf(a) + q_be.logpdf(be)
    factors = {"lambda": (model.lam, a), "gamma": (model.gamma, be[:, :1]), "omega": (model.omega, be[:, 1:])}
    for name, (factor, values) in factors.items():
        precision = rng.gamma(factor.shape, factor.scale, size=values.shape)
        parts = gamma.logpdf(precision, prior[name][0], scale=prior[name][1])
        parts += norm.logpdf(values, 0.0, precision**-0.5)
        found += (parts - gamma.logpdf(precision, factor.shape, scale=factor.scale)).sum(axis=1)
    mean = be[:, :1] + np.einsum("dm,dim->di", be[:, 1:], G)
    if classes:
        low, high = np.where(y > 0, margin, -np.inf), np.where(y > 0, np.inf, -margin)
        cut = truncnorm(low - model.latent_mean, high - model.latent_mean, loc=model.latent_mean)
        f = cut.rvs((n_draws, n), random_state=rng)
        found += (norm.logpdf(f, mean) - cut.logpdf(f)).sum(axis=1)
    else:
        precision = rng.gamma(model.upsilon.shape, model.upsilon.scale, size=(n_draws, 1))
        found += norm.logpdf(y, mean, precision**-0.5).sum(axis=1)
        found += gamma.logpdf(precision, prior["upsilon"][0], scale=prior["upsilon"][1])[:, 0]
        found -= gamma.logpdf(precision, model.upsilon.shape, scale=model.upsilon.scale)[:, 0]
    assert abs(np.mean(found) - bounds[-1]) < 4 * np.std(found) / np.sqrt(len(found))


def test_draws_follow_the_posterior_on_a_grid():
    """With the precisions of subjects, of the bias and of noise fixed, the posterior of two weights is a plane."""
    stack, y, _ = make_cohort(n=15, weights=(1.0, 0.5), noise=0.5)
    fixed = FIXED | {"alpha_upsilon": 1e6, "beta_upsilon": 4e-6}  # precision 4
    found = fit(stack, y, task="regression", uncertainty="sampled", n_draws=3000, **fixed)
    axis = np.linspace(-2.5, 2.5, 61) + 1e-3
    log_density = np.empty((61, 61))
    for i, first in enumerate(axis):
        for j, second in enumerate(axis):
            K = first * stack[0] + second * stack[1]
            C = K @ K + (0.25 + 0.01 * (first**2 + second**2)) * np.eye(15) + 1.0
            L = np.linalg.cholesky(C)
            z = np.linalg.solve(L, y)
            prior = -1.5 * np.log((1 + first**2 / 2) * (1 + second**2 / 2))
            log_density[i, j] = -0.5 * z @ z - np.log(np.diag(L)).sum() + prior
    mass = np.exp(log_density - log_density.max())
    mass /= mass.sum()
    share = np.abs(axis)[:, None] / (np.abs(axis)[:, None] + np.abs(axis)[None, :])
    mean = np.sum(mass * share)
    sd = np.sqrt(np.sum(mass * (share - mean) ** 2))
    error = sd / np.sqrt(found.effective_draws)
    assert abs(found.normalized_weights[0] - mean) < 4 * error
    assert found.normalized_sd[0] == pytest.approx(sd, rel=0.2)


def test_draws_of_classes_follow_the_posterior_of_two_subjects():
    """Two subjects of different classes, no margin: the probability of the classes is an integral over an angle."""
    stack = np.array([[[1.0, -1.0], [-1.0, 1.0]], [[1.0, -0.2], [-0.2, 1.0]]])
    fixed = FIXED | {"beta_gamma": 1e-9}  # precision 1000: hardly a bias
    found = fit(
        stack, np.array([1.0, -1.0]), task="classification", uncertainty="sampled", margin=0.0, n_draws=3000, **fixed
    )
    axis = np.linspace(-40.0, 40.0, 1601) + 1e-3
    first, second = np.meshgrid(axis, axis, indexing="ij")
    K_in, K_out = first + second, -first - 0.2 * second
    noise = 1.0 + 0.01 * (first**2 + second**2)
    variance, covariance = K_in**2 + K_out**2 + noise + 1e-3, 2 * K_in * K_out + 1e-3
    opposite = np.arccos(np.clip(covariance / variance, -1, 1)) / (2 * np.pi)
    mass = opposite * ((1 + first**2 / 2) * (1 + second**2 / 2)) ** -1.5
    mass /= mass.sum()
    share = np.abs(first) / (np.abs(first) + np.abs(second))
    mean = np.sum(mass * share)
    sd = np.sqrt(np.sum(mass * (share - mean) ** 2))
    assert abs(found.normalized_weights[0] - mean) < 4 * sd / np.sqrt(found.effective_draws) + 0.005
    assert found.normalized_sd[0] == pytest.approx(sd, rel=0.15)


PRIOR = {"gamma": (0.8, 1.7), "omega": (1.3, 0.6)}


def test_slope_of_a_trajectory_is_that_of_the_density():
    rng = np.random.default_rng(3)
    stack, y, _ = make_cohort(n=12, weights=(1.0, 0.5), task="classification")
    trajectory = Trajectory(stack, y, PRIOR, 0.7, 0.3, rng)
    precisions = rng.gamma(2.0, size=12)
    for size in (0.1, 1.0, 10.0):
        point = size * rng.normal(size=15)
        slope = trajectory.density(point, precisions)[1]
        error = check_grad(
            lambda q: trajectory.density(q, precisions)[0],
            lambda q: trajectory.density(q, precisions)[1],
            point,
        )
        assert error < 1e-5 * np.linalg.norm(slope)


def test_trajectories_alone_keep_the_density_they_follow():
    """One subject without effect: what is left of the density of (b, e, a) is the prior, known in closed form."""
    rng = np.random.RandomState(0)
    prior = {"gamma": (6.0, 1.0 / 6.0), "omega": (6.0, 1.0 / 6.0)}  # t with 12 degrees of freedom
    trajectory = Trajectory(np.zeros((1, 1, 1)), np.array([1.0]), prior, -50.0, 0.01, rng)
    point, found = np.zeros(3), []
    for number in range(3000):
        point = trajectory.move(point, np.array([4.0]))
        if number < 500:
            trajectory.learn(number)
        else:
            found.append(point)
    found = np.array(found)
    expected = np.array([1.2, 1.2, 0.25])  # variances
    for column, variance in zip(found.T, expected, strict=True):
        n = effective_draws(column[:, None] ** 2)
        assert n > 150
        assert abs(column.mean()) < 4 * np.sqrt(variance / effective_draws(column[:, None]))
        assert column.var() == pytest.approx(variance, abs=4 * np.std(column**2) / np.sqrt(n))


def test_planted_weights_come_back_and_noise_may_be_nothing():
    stack, y, _ = make_cohort(n=90, weights=(1.0, 0.5, 0.0), noise=0.2, seed=3)
    found = fit(stack, y, task="regression", uncertainty="sampled", n_draws=800)
    truth = np.array([1.0, 0.5, 0.0]) / 1.5
    lower, upper = found.interval().T
    assert np.all((lower <= truth) & (truth <= upper))
    assert lower[2] == 0.0
    assert np.all(lower[:2] > 0)
    assert np.abs(found.normalized_weights - truth).max() < 0.1
    assert found.normalized_weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_order_of_kernels_and_subjects_does_not_matter(task):
    stack, y, rows = make_cohort(task=task, n_new=4)
    rng = np.random.default_rng(1)
    kernels, subjects = np.array([2, 0, 1]), rng.permutation(len(y))
    found = fit(stack, y, task=task)
    moved = fit(stack[kernels][:, subjects][:, :, subjects], y[subjects], task=task)
    np.testing.assert_allclose(moved.weights, found.weights[kernels], rtol=1e-7)
    np.testing.assert_allclose(moved.sample_weights, found.sample_weights[subjects], rtol=1e-6, atol=1e-9)
    for one, other in zip(moved.predict_latent(rows[kernels][:, :, subjects]), found.predict_latent(rows), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7)


def test_a_prediction_does_not_depend_on_batch_mates():
    stack, y, rows = make_cohort(task="classification", n_new=7)
    found = fit(stack, y)
    mean, variance = found.predict_latent(rows)
    probability = found.predict_probability(rows)
    for i in range(7):
        alone = found.predict_latent(rows[:, [i]])
        np.testing.assert_allclose(np.ravel(alone), [mean[i], variance[i]], rtol=1e-10)
        np.testing.assert_allclose(found.predict_probability(rows[:, [i]]), probability[i], rtol=1e-10)
    np.testing.assert_array_equal(probability > 0.5, mean > 0)


def test_latent_variance_is_that_of_draws():
    stack, y, rows = make_cohort(n_new=3)
    found = fit(stack, y, task="regression")
    rng = np.random.default_rng(0)
    a = rng.multivariate_normal(found.sample_weights, found.sample_covariance, 40_000)
    be = rng.multivariate_normal(np.r_[found.bias, found.weights], found.covariance, 40_000)
    for i in range(3):
        G = a @ rows[:, i].T + found.sigma_g * rng.normal(size=(40_000, len(stack)))
        f = be[:, 0] + np.sum(be[:, 1:] * G, axis=1) + np.sqrt(found.noise_variance) * rng.normal(size=40_000)
        mean, variance = found.predict_latent(rows[:, [i]])
        assert f.mean() == pytest.approx(mean[0], abs=5 * f.std() / 200)
        assert f.var() == pytest.approx(variance[0], rel=0.04)


@pytest.mark.parametrize("uncertainty", ["sampled", "variational"])
def test_degenerate_kernels_are_taken(uncertainty):
    stack, y, _ = make_cohort(n=20)
    odd = np.stack([stack[0], stack[0], np.ones((20, 20)), np.zeros((20, 20))])
    found = fit(odd, y, task="regression", uncertainty=uncertainty, n_draws=200)
    assert found.weights[0] == pytest.approx(found.weights[1])
    assert np.isfinite(found.interval()).all()
    assert found.weights.sum() >= 0
    alone = fit(stack[:1], y, task="regression", uncertainty=uncertainty, n_draws=50)
    np.testing.assert_array_equal(alone.interval(), [[1.0, 1.0]])


def test_same_seed_same_draws():
    stack, y, _ = make_cohort(n=20, task="classification")
    one, other = (fit(stack, y, uncertainty="sampled", n_draws=60).draws for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_effective_draws_of_an_autoregression():
    rng = np.random.default_rng(0)
    chain = np.zeros((40_000, 1))
    for i in range(1, len(chain)):
        chain[i] = 0.8 * chain[i - 1] + rng.normal()
    assert effective_draws(chain) == pytest.approx(40_000 / 9.0, rel=0.15)
    assert effective_draws(np.c_[chain, np.zeros(40_000)]) == 1.0
    assert normalize_weights([-1.0, 3.0]).tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "survival"}, "`task` must be"),
        ({"uncertainty": "exact"}, "`uncertainty` must be"),
        ({"sigma_g": 0.0}, "`sigma_g` must be"),
        ({"margin": -1.0, "task": "classification"}, "`margin` must be"),
        ({"beta_omega": 0.0}, "`alpha_omega` and `beta_omega`"),
        ({"task": "classification"}, "classes -1 and 1"),
        ({"y": np.ones(20)}, "does not vary"),
        ({"y": np.ones(3)}, "has shape"),
        ({"max_iter": 0}, "`max_iter`"),
        ({"n_draws": 1}, "`n_draws`"),
    ],
)
def test_errors_say_what_to_do(change, message):
    stack, y, _ = make_cohort(n=20)
    with pytest.raises(ValueError, match=message):
        bayesian_weights(**{"kernels": stack, "y": y, "task": "regression"} | change)


def test_errors_of_a_fitted_posterior():
    stack, y, rows = make_cohort(n=20, n_new=2)
    found = fit(stack, y, task="regression")
    with pytest.raises(ValueError, match="Only classes"):
        found.predict_probability(rows)
    with pytest.raises(ValueError, match="wanted \\(3, n_new, 20\\)"):
        found.predict_latent(rows[:2])
    with pytest.raises(ValueError, match="NaN"):
        found.predict_latent(rows * np.nan)
    with pytest.raises(ValueError, match="`level`"):
        found.interval(95)


def test_few_sweeps_and_few_draws_are_told():
    stack, y, _ = make_cohort(n=20)
    with pytest.warns(ConvergenceWarning, match="Raise `max_iter`"):
        bayesian_weights(stack, y, task="regression", max_iter=2, uncertainty="variational", random_state=0)
    with pytest.warns(ConvergenceWarning, match="Raise `n_draws`"):
        bayesian_weights(stack, y, task="regression", tol=1.0, n_draws=20, random_state=0)
