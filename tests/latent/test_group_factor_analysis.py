"""Group factor analysis against Gaussian conditionals, scikit-learn's factor analysis, and planted factors."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning

from skfuse.latent import FewFactorsWarning, GroupFactorAnalysis
from skfuse.latent._factor_learning import sparse_rotation
from skfuse.modalities import SkippedModalityWarning

# as many factors as were planted are asked for, and all stay
pytestmark = pytest.mark.filterwarnings("ignore::skfuse.latent.FewFactorsWarning")

ACTIVITY = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=bool)


def planted(n, sizes, activity, *, noise=0.7, missing=0.3, scattered=0.0, seed=0):
    """A table with missing blocks, the whole one, true loadings (k, p), and columns of each modality."""
    rng = np.random.default_rng(seed)
    modality = np.repeat(np.arange(len(sizes)), sizes)
    W = rng.normal(size=(len(activity), len(modality))) * activity[:, modality]
    whole = rng.normal(size=(n, len(W))) @ W + noise * rng.normal(size=(n, len(modality))) + 3.0
    lost = rng.random((n, len(sizes))) < missing
    lost[lost.all(axis=1), 0] = False
    X = np.where(lost[:, modality] | (rng.random(whole.shape) < scattered), np.nan, whole)
    stops = np.cumsum(sizes)
    slices = {f"m{i}": slice(int(b - a), int(b)) for i, (a, b) in enumerate(zip(sizes, stops, strict=True))}
    return X, whole, W, slices


def conditional(X, mean, covariance):
    """Mean of each row of a Gaussian given its cells that are there, and covariance of the rest for the last row."""
    filled = X.copy()
    for row in filled:
        there = ~np.isnan(row)
        gain = np.linalg.solve(covariance[np.ix_(there, there)], covariance[np.ix_(there, ~there)])
        row[~there] = mean[~there] + (row[there] - mean[there]) @ gain
    return filled


def learned_moments(model):
    """Of one feature at a time: posterior mean (p, k + 1) and covariance (p, k + 1, k + 1) of loadings and offset."""
    posterior = model._posterior
    mean = posterior["mean"]
    covariance = np.zeros((len(mean), mean.shape[1], mean.shape[1]))
    for axes, columns in zip(posterior["axes"], posterior["slices"], strict=True):
        for j in range(columns.start, columns.stop):
            covariance[j] = axes @ np.diag(posterior["spread"][j]) @ axes.T
    covariance[posterior["scattered"]] += posterior["own"]
    return mean, covariance


def test_missing_blocks_are_those_of_the_true_conditional():
    X, whole, W, slices = planted(20_000, [8, 8, 8], ACTIVITY[[0, 0, 2, 3, 4]])
    truth = conditional(X, np.full(24, 3.0), W.T @ W + 0.49 * np.eye(24))
    gone = np.isnan(X)

    def error(filled):
        return np.sqrt(np.mean((filled - truth)[gone] ** 2) / np.mean((truth[gone] - 3.0) ** 2))

    ours = error(GroupFactorAnalysis(slices, n_components=5).fit(X).impute(X))
    assert ours < 0.02
    # What is left is the finite sample: the covariance of the table before anything went missing is further off.
    assert ours < error(conditional(X, whole.mean(axis=0), np.cov(whole.T)))


@pytest.mark.parametrize("scattered", [0.0, 0.05])
def test_coordinates_are_the_posterior_of_each_row_by_brute_force(scattered):
    X, _, _, slices = planted(120, [5, 7, 4], ACTIVITY, scattered=scattered)
    model = GroupFactorAnalysis(slices, n_components=6).fit(X)
    test = planted(40, [5, 7, 4], ACTIVITY, scattered=0.2, seed=1)[0]
    scores, sd = model.transform(test), model.posterior_sd(test)
    mean, covariance = learned_moments(model)
    second = covariance + mean[:, :, None] * mean[:, None, :]
    mu = np.hstack([model._scale.mean_[name] for name in slices])
    Z = (test - mu) / np.hstack([model._scale.scale_[name] for name in slices])
    tau = 1.0 / np.hstack(list(model.noise_variance_.values()))
    k = model.n_components_
    for row, one, unsure in zip(Z, scores, sd, strict=True):
        there = np.flatnonzero(~np.isnan(row))
        precision = np.eye(k) + sum(tau[j] * second[j, :k, :k] for j in there)
        right = sum((tau[j] * (mean[j, :k] * row[j] - second[j, :k, k]) for j in there), np.zeros(k))
        np.testing.assert_allclose(one, np.linalg.solve(precision, right), atol=1e-10)
        np.testing.assert_allclose(unsure, np.sqrt(np.diag(np.linalg.inv(precision))), atol=1e-10)


def test_imputation_is_the_dense_conditional_of_the_learned_model():
    X, _, _, slices = planted(4000, [5, 5, 5], ACTIVITY, scattered=0.02)
    model = GroupFactorAnalysis(slices, n_components=6).fit(X)
    scale = np.hstack(list(model._scale.scale_.values()))
    W = np.hstack(list(model.loadings_.values())) * scale
    mean = np.hstack(list(model._scale.mean_.values())) + scale * np.hstack(list(model.offsets_.values()))
    covariance = W.T @ W + np.diag(np.hstack(list(model.noise_variance_.values())) * scale**2)
    expected = conditional(X, mean, covariance)
    # The covariance has loadings at their mean, the model their uncertainty too: 1 / n of it.
    assert np.sqrt(np.mean((model.impute(X) - expected) ** 2) / np.mean((expected - mean) ** 2)) < 2e-3


def test_one_complete_block_is_fitted_as_by_factor_analysis():
    X = planted(1500, [12], np.ones((3, 1), dtype=bool), missing=0.0)[0]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    theirs = FactorAnalysis(3, tol=1e-5, max_iter=5000).fit(X)
    ours = GroupFactorAnalysis({"mri": slice(0, 12)}, n_components=3, tol=1e-8).fit(X)
    covariance = ours.loadings_["mri"].T @ ours.loadings_["mri"] + np.diag(ours.noise_variance_["mri"])
    np.testing.assert_allclose(covariance, theirs.get_covariance(), atol=0.01)
    likelihood = -0.5 * (
        np.linalg.slogdet(2 * np.pi * covariance)[1] + np.mean(np.sum(X @ np.linalg.inv(covariance) * X, axis=1))
    )
    best = theirs.score(X)
    assert best - 2e-3 < likelihood <= best + 1e-9
    assert ours.elbo_[-1] < best * len(X)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6), scattered=st.sampled_from([0.0, 0.1]), noise=st.sampled_from(["feature", "modality"])
)
def test_the_bound_never_falls(seed, scattered, noise):
    X, _, _, slices = planted(40, [4, 9, 3], ACTIVITY, scattered=scattered, seed=seed)
    model = GroupFactorAnalysis(slices, n_components=7, noise=noise, drop_below=0.0).fit(X)
    assert np.diff(model.elbo_).min() >= -1e-8 * np.abs(model.elbo_[-1])
    assert model.n_iter_ == len(model.elbo_) > 1


def test_a_rotation_raises_the_bound_by_what_it_claims():
    rng = np.random.default_rng(0)
    A, loadings = rng.normal(size=(50, 4)), rng.normal(size=(3, 20, 4)) * (rng.random((3, 1, 4)) < 0.6)
    mixed = loadings @ rng.normal(size=(4, 4))
    G, C = A.T @ A, mixed.transpose(0, 2, 1) @ mixed + 1e-3 * np.eye(4)

    def loss(R):
        inverse = np.linalg.inv(R)
        squares = np.einsum("ki,mkl,li->mi", R, C, R)
        relevances = (1e-6 + 10.0) * np.log(1e-6 + squares / 2)
        return np.trace(inverse @ G @ inverse.T) / 2 + (50 - 60) * np.linalg.slogdet(R)[1] + relevances.sum()

    R, rotated = sparse_rotation(G, C, 50, np.array([20, 20, 20]))
    np.testing.assert_allclose(rotated, np.linalg.inv(R) @ G @ np.linalg.inv(R).T)
    assert loss(R) < loss(np.eye(4)) - 10


def test_planted_factors_are_found_where_they_are():
    activity = np.vstack([np.ones((2, 4), dtype=bool), [[1, 1, 0, 0]], np.eye(4, dtype=bool)]).astype(bool)
    X, whole, _, slices = planted(800, [30, 40, 20, 30], activity, noise=1.5)
    model = GroupFactorAnalysis(slices, n_components=12).fit(X)
    assert sorted(map(tuple, model.factor_activity_)) == sorted(map(tuple, activity))
    total = model.explained_variance_total_
    assert all(0.4 < value < 0.9 for value in total.values())
    for name, active in zip(slices, model.factor_activity_.T, strict=True):
        assert model.explained_variance_[name][active].min() > 0.02
        assert np.abs(model.explained_variance_[name][~active]).max(initial=0.0) < 0.01
        assert model.explained_variance_[name].sum() == pytest.approx(total[name], abs=0.1)
    gone = np.isnan(X)
    worst = np.mean((whole - np.nanmean(X, axis=0))[gone] ** 2)
    assert np.mean((model.impute(X) - whole)[gone] ** 2) < 0.85 * worst


def test_who_has_less_is_less_sure_and_rightly_so():
    X, whole, _, slices = planted(1500, [6, 6, 6], ACTIVITY[:1], noise=2.0)
    model = GroupFactorAnalysis(slices, n_components=1).fit(X)
    everything, one = model.posterior_sd(whole), whole.copy()
    one[:, 6:] = np.nan
    assert (model.posterior_sd(one) > everything).all()
    nothing = np.full((2, 18), np.nan)
    np.testing.assert_array_equal(model.transform(nothing), np.zeros((2, 1)))
    np.testing.assert_array_equal(model.posterior_sd(nothing), np.ones((2, 1)))
    # Var z = E var(z | x) + var E(z | x) = 1, whatever is there
    for table in (whole, one):
        variance = model.transform(table).var(axis=0) + np.mean(model.posterior_sd(table) ** 2, axis=0)
        np.testing.assert_allclose(variance, 1.0, atol=0.05)


def test_those_who_have_a_modality_may_differ_from_those_who_lack_it():
    X, whole, _, slices = planted(4000, [6, 6], np.ones((1, 2), dtype=bool), missing=0.0)
    score = X[:, :6] @ np.sign(np.corrcoef(X[:, :6].T)[0])
    X[score < np.median(score), 6:] = np.nan
    model = GroupFactorAnalysis(slices, n_components=3).fit(X)
    filled = model.impute(X)
    biased = np.abs(np.nanmean(X, axis=0) - whole.mean(axis=0))[6:]
    assert biased.max() > 0.5
    np.testing.assert_allclose(filled.mean(axis=0), whole.mean(axis=0), atol=0.05)


def test_order_and_units_do_not_matter():
    X, _, _, slices = planted(150, [5, 7, 4], ACTIVITY, scattered=0.03)

    def fit(table):
        return GroupFactorAnalysis(slices, n_components=6).fit(table)

    model, rng = fit(X), np.random.default_rng(0)
    scores = model.transform(X)
    np.testing.assert_allclose(fit(X[rng.permutation(150)]).transform(X), scores, rtol=1e-7, atol=1e-9)
    units = 10.0 ** rng.integers(-9, 9, size=16)
    scaled = fit(X * units + units)
    np.testing.assert_allclose(scaled.transform(X * units + units), scores, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose((scaled.impute(X * units + units) - units) / units, model.impute(X), atol=1e-5)
    order = [2, 0, 1]
    turned = np.hstack([X[:, slices[f"m{i}"]] for i in order])
    slices = {"m2": slice(0, 4), "m0": slice(4, 9), "m1": slice(9, 16)}
    other = fit(turned)
    np.testing.assert_allclose(other.transform(turned), scores, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(other.factor_activity_, model.factor_activity_[:, order])


def test_a_subject_is_the_same_in_any_company():
    X, _, _, slices = planted(100, [5, 7, 4], ACTIVITY, scattered=0.05)
    model = GroupFactorAnalysis(slices, n_components=6).fit(X)
    scores, sd = model.transform(X), model.posterior_sd(X)
    for row in range(20):
        np.testing.assert_allclose(model.transform(X[[row]])[0], scores[row], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(model.posterior_sd(X[[row]])[0], sd[row], rtol=1e-9)
    changed = X.copy()
    changed[50:] *= 100.0
    np.testing.assert_allclose(model.transform(changed)[:50], scores[:50], rtol=1e-9, atol=1e-12)


def test_subjects_with_nothing_change_nothing():
    X, _, _, slices = planted(60, [5, 7, 4], ACTIVITY)
    more = np.vstack([X, np.full((5, 16), np.nan)])
    first, second = (GroupFactorAnalysis(slices, n_components=4).fit(table) for table in (X, more))
    np.testing.assert_array_equal(second.transform(X), first.transform(X))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda X: X[:2],
        lambda X: X[:3],
        lambda X: np.hstack([X[:, :5], X[:, 5:12] * np.nan, X[:, 12:]]),
        lambda X: np.hstack([X[:, :5], X[:, 5:12] * 0.0 + 1.0, X[:, 12:]]),
        lambda X: np.hstack([X[:, :1]] * 16),
        lambda X: X + 1e9,
        lambda X: np.where(np.arange(len(X))[:, None] + np.arange(16) * 0 > 0, X, 3.0),
        lambda X: np.round(X),
    ],
    ids=["two", "three", "nobody has it", "constant", "duplicates", "far from zero", "first row equal", "integers"],
)
def test_odd_tables_give_finite_coordinates(spoil):
    X, _, _, slices = planted(40, [5, 7, 4], ACTIVITY)
    X = spoil(np.where(np.arange(40)[:, None] < 3, planted(40, [5, 7, 4], ACTIVITY)[1], X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedModalityWarning)
        model = GroupFactorAnalysis(slices, n_components=5).fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.elbo_).all()
    assert 1 <= model.n_components_ <= 5


def test_more_features_than_subjects():
    X, _, _, slices = planted(80, [600, 400, 200], ACTIVITY, noise=1.5)
    model = GroupFactorAnalysis(slices, n_components=8).fit(X)
    assert sorted(map(tuple, model.factor_activity_)) == sorted(map(tuple, ACTIVITY))
    assert model.loadings_["m0"].shape == (5, 600)


def test_too_few_rounds_are_said():
    X, _, _, slices = planted(100, [5, 7, 4], ACTIVITY)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=3 rounds while its bound still rose by .* per cell"):
        GroupFactorAnalysis(slices, n_components=4, max_iter=3).fit(X)


def test_too_few_factors_are_said_and_enough_are_not():
    X, _, _, slices = planted(300, [12, 10, 8], ACTIVITY)
    with pytest.warns(FewFactorsWarning, match="All 3 factors are in use"):
        GroupFactorAnalysis(slices, n_components=3).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert GroupFactorAnalysis(slices, n_components=12).fit(X).n_components_ < 12
