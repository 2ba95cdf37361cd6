"""Ridge-penalized models over a grid of strengths: against explicit refits by scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import ortho_group
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, StratifiedKFold

from skfuse._ridge_path import (
    PrincipalAxes,
    column_chunks,
    held_out_log_loss,
    held_out_squared_error,
    linear_scores,
    standardization,
    standardized,
)

CS = np.array([0.001, 0.01, 0.1, 1.0])


def axes_and_classes(rng, n, p, n_classes):
    X = rng.normal(size=(n, p)) + 0.3 * rng.normal(size=(n, 1))
    classes = (X[:, 0] + rng.normal(size=n) > 0).astype(int)
    if n_classes == 3:
        classes = np.digitize(X[:, 0] + rng.normal(size=n), [-0.6, 0.6])
    weights = np.ones(n)
    return PrincipalAxes(X, weights), classes, weights


def test_standardization_leaves_missing_cells_out(rng):
    X = rng.normal(3.0, 2.0, size=(50, 4))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:, 2], X[:, 3] = 5.0, np.nan
    mean, scale = standardization(X, np.ones(50))
    assert_allclose(mean[:2], np.nanmean(X[:, :2], axis=0))
    assert_allclose(scale[:2], np.nanstd(X[:, :2], axis=0))
    assert mean[2] == 5.0
    assert np.isinf(scale[2:]).all()


def test_weights_of_standardization_are_repetitions(rng):
    X, counts = rng.normal(size=(20, 3)), rng.integers(0, 4, size=20)
    X[2, 1] = np.nan
    assert_allclose(
        standardization(X, counts.astype(float)), standardization(np.repeat(X, counts, 0), np.ones(sum(counts)))
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_far_from_zero_does_not_vary(dtype):
    X = np.full((30, 1), 1e6 / 3, dtype=dtype)
    assert np.isinf(standardization(X, np.ones(30))[1])


@pytest.mark.parametrize("shape", [(30, 7), (12, 40), (15, 15)])
def test_coordinates_keep_the_inner_products_of_subjects(rng, shape):
    X = rng.normal(size=shape)
    X[1, 2] = np.nan
    axes = PrincipalAxes(X, np.ones(len(X)))
    Z = standardized(X, slice(None), axes.mean, axes.scale)
    assert_allclose(axes.coordinates @ axes.coordinates.T, Z @ Z.T, atol=1e-9)
    assert axes.coordinates.shape[1] <= min(shape)
    product = axes.coordinates.T @ axes.coordinates
    assert_allclose(product, np.diag(np.diag(product)), atol=1e-8)


@pytest.mark.parametrize("shape", [(30, 7), (12, 40)])
def test_coefficients_of_raw_features_give_the_scores_of_the_coordinates(rng, shape):
    X = rng.normal(5.0, 3.0, size=shape)
    X[1, 2] = np.nan
    axes = PrincipalAxes(X, np.ones(len(X)))
    beta = rng.normal(size=(axes.coordinates.shape[1], 2))
    coef, shift = axes.coefficients(beta)
    assert_allclose(linear_scores(X, coef, axes.mean) + shift, axes.coordinates @ beta, atol=1e-8)


def test_chunks_cover_every_column_once():
    X = np.empty((200, 20_000), dtype=np.float32)
    chunks = list(column_chunks(X))
    assert len(chunks) > 10
    assert np.array_equal(np.concatenate([np.arange(20_000)[chunk] for chunk in chunks]), np.arange(20_000))


# Classes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(60, 5), (40, 90)])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_held_out_log_loss_is_that_of_one_model_per_fold(rng, shape, n_classes):
    axes, classes, weights = axes_and_classes(rng, *shape, n_classes)
    Z = axes.coordinates
    folds = list(StratifiedKFold(4).split(Z, classes))
    expected = np.zeros(len(CS))
    for position, C in enumerate(CS):
        for train, test in folds:
            model = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(Z[train], classes[train])
            expected[position] += len(test) * log_loss(classes[test], model.predict_proba(Z[test])) / len(Z)
    got = held_out_log_loss(Z, classes, weights, folds, CS, tol=1e-7, max_iter=20_000)
    assert_allclose(got, expected, rtol=1e-5)
    # As called by the estimator, looser: strengths that differ by less than this are as good as each other.
    assert_allclose(held_out_log_loss(Z, classes, weights, folds, CS), expected, rtol=5e-3)


def test_held_out_log_loss_follows_weights(rng):
    axes, classes, _ = axes_and_classes(rng, 50, 4, 2)
    Z, weights = axes.coordinates, rng.integers(1, 4, size=50).astype(float)
    folds = list(StratifiedKFold(3).split(Z, classes))
    expected = 0.0
    for train, test in folds:
        model = LogisticRegression(C=0.1, tol=1e-10).fit(Z[train], classes[train], sample_weight=weights[train])
        loss = log_loss(classes[test], model.predict_proba(Z[test]), sample_weight=weights[test])
        expected += weights[test].sum() * loss / weights.sum()
    got = held_out_log_loss(Z, classes, weights, folds, np.array([0.1]), tol=1e-8, max_iter=20_000)
    assert_allclose(got, expected, rtol=1e-6)


def test_held_out_log_loss_converges_within_its_default_steps(rng):
    # One dominant axis beside weak ones, one fold far from the others: a hard case for a diagonal bound.
    Z = np.linalg.qr(rng.normal(size=(80, 10)))[0] * np.geomspace(100, 0.1, 10)
    classes = (Z[:, 0] + rng.normal(size=80) * 5 > 0).astype(int)
    folds = list(StratifiedKFold(5).split(Z, classes))
    slow = held_out_log_loss(Z, classes, np.ones(80), folds, CS, tol=1e-9, max_iter=100_000)
    assert_allclose(held_out_log_loss(Z, classes, np.ones(80), folds, CS), slow, rtol=5e-3)


# A continuous target ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 6), (25, 60)])
def test_leave_one_out_error_is_that_of_ridge_cv(rng, shape):
    axes = PrincipalAxes(rng.normal(size=shape), np.ones(shape[0]))
    Z, y = axes.coordinates, rng.normal(size=shape[0])
    alphas = np.array([0.1, 1.0, 30.0])
    expected = RidgeCV(alphas=alphas, store_cv_results=True).fit(Z, y).cv_results_.mean(axis=0)
    assert_allclose(held_out_squared_error(Z, y, np.ones(len(y)), None, alphas), expected, rtol=1e-8)


@pytest.mark.parametrize("shape", [(40, 6), (25, 60)])
@pytest.mark.parametrize("by_group", [True, False])
def test_held_out_error_is_that_of_one_model_per_group(rng, shape, by_group):
    axes = PrincipalAxes(rng.normal(size=shape), np.ones(shape[0]))
    Z, y, weights = axes.coordinates, rng.normal(size=shape[0]), rng.uniform(0.5, 2, size=shape[0])
    groups = rng.integers(0, 5, size=len(y)) if by_group else np.arange(len(y))
    alphas, expected = np.array([0.5, 20.0]), np.zeros(2)
    for position, alpha in enumerate(alphas):
        for train, test in GroupKFold(len(np.unique(groups))).split(Z, y, groups):
            model = Ridge(alpha=alpha).fit(Z[train], y[train], sample_weight=weights[train])
            expected[position] += weights[test] @ (y[test] - model.predict(Z[test])) ** 2 / weights.sum()
    got = held_out_squared_error(Z, y, weights, groups if by_group else None, alphas)
    assert_allclose(got, expected, rtol=1e-6)


def test_held_out_error_does_not_change_under_rotation(rng):
    Z, y = rng.normal(size=(30, 5)), rng.normal(size=30)
    turned = Z @ ortho_group.rvs(5, random_state=0)
    one, two = (held_out_squared_error(v, y, np.ones(30), None, CS) for v in (Z, turned))
    assert_allclose(one, two, rtol=1e-9)
