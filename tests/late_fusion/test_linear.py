"""The default estimators of one modality: against scikit-learn's pipelines, and laws."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfuse.late_fusion import StandardizedLogisticCV, StandardizedRidgeCV

BOTH = pytest.mark.parametrize("kind", [StandardizedLogisticCV, StandardizedRidgeCV])


def simulate(rng, n, p, n_classes=2):
    X = rng.normal(2.0, 3.0, size=(n, p))
    score = X[:, 0] / 3 + rng.normal(size=n)
    cuts = [np.median(score)] if n_classes == 2 else np.quantile(score, [1 / 3, 2 / 3])
    return X, np.digitize(score, cuts), score


def twin(model):
    return make_pipeline(StandardScaler(), LogisticRegression(C=model.C_, tol=1e-8, max_iter=10_000))


def output(model, X):
    return model.decision_function(X) if hasattr(model, "decision_function") else model.predict(X)


# Parity: classes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(80, 5), (40, 120)])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_is_scaler_and_logistic_regression(rng, shape, n_classes):
    X, y, _ = simulate(rng, *shape, n_classes)
    model = StandardizedLogisticCV().fit(X, y)
    assert_allclose(model.C_, model.score_variance_ / shape[1])
    expected = twin(model).fit(X, y)
    assert_allclose(model.predict_proba(X), expected.predict_proba(X), rtol=1e-5)
    assert_allclose(model.decision_function(X), expected.decision_function(X), rtol=1e-4, atol=1e-5)
    assert_array_equal(model.predict(X), expected.predict(X))
    assert_allclose(model.coef_, expected[-1].coef_ / expected[0].scale_, rtol=1e-3, atol=1e-6)


def test_logistic_chooses_the_strength_of_lowest_held_out_loss(rng):
    X, y, _ = simulate(rng, 80, 5)
    model = StandardizedLogisticCV(score_variances=[3.0, 0.01, 0.3]).fit(X, y)
    assert model.log_losses_.shape == (3,)
    assert model.score_variance_ == [0.01, 0.3, 3.0][model.log_losses_.argmin()]


def test_logistic_shrinks_noise_hard(rng):
    X, y = rng.normal(size=(100, 50)), rng.integers(0, 2, size=100)
    assert StandardizedLogisticCV().fit(X, y).score_variance_ <= 0.1


def test_logistic_follows_weights(rng):
    X, y, _ = simulate(rng, 60, 4)
    weights = rng.integers(1, 4, size=60).astype(float)
    model = StandardizedLogisticCV().fit(X, y, sample_weight=weights)
    scaler = StandardScaler().fit(X, sample_weight=weights)
    regression = LogisticRegression(C=model.C_, tol=1e-8).fit(scaler.transform(X), y, sample_weight=weights)
    assert_allclose(model.predict_proba(X), regression.predict_proba(scaler.transform(X)), rtol=1e-5)


@BOTH
@pytest.mark.parametrize("shape", [(60, 4), (30, 50)])
def test_weights_are_repetitions_where_the_strength_is_given(rng, kind, shape):
    X, classes, score = simulate(rng, *shape)
    y = classes if kind is StandardizedLogisticCV else score
    counts = rng.integers(0, 3, size=len(X))
    weighted = kind(score_variances=[1.0]).fit(X, y, sample_weight=counts)
    repeated = kind(score_variances=[1.0]).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_allclose(output(weighted, X), output(repeated, X), rtol=1e-5, atol=1e-6)


@BOTH
@pytest.mark.parametrize("shape", [(80, 5), (40, 120)])
def test_float32_gives_the_answer_of_float64(rng, kind, shape):
    X, classes, score = simulate(rng, *shape)
    y = classes if kind is StandardizedLogisticCV else score
    single = kind().fit(X.astype(np.float32), y)
    double = kind().fit(X.astype(np.float32).astype(np.float64), y)
    assert single.score_variance_ == double.score_variance_
    assert_allclose(output(single, X.astype(np.float32)), output(double, X), rtol=1e-3, atol=1e-4)


@BOTH
def test_constant_and_never_observed_columns_change_nothing(rng, kind):
    X, classes, score = simulate(rng, 50, 3)
    y = classes if kind is StandardizedLogisticCV else score
    more = np.column_stack([X, np.full(50, 7.0), np.full(50, np.nan)])
    plain, model = kind().fit(X, y), kind().fit(more, y)
    assert_allclose(output(model, more), output(plain, X), rtol=1e-7)
    assert_array_equal(model.coef_[0, 3:], 0.0)
    far = more.copy()
    far[:, 3:] = 1e9  # what did not vary in training has no say
    assert_allclose(output(model, far), output(plain, X), rtol=1e-6)


@BOTH
@pytest.mark.parametrize("shape", [(80, 3), (30, 40)])
def test_duplicated_columns_share_one_coefficient(rng, kind, shape):
    X, classes, score = simulate(rng, *shape)
    y = classes if kind is StandardizedLogisticCV else score
    model = kind().fit(np.hstack([X, X]), y)
    half = model.coef_.shape[1] // 2
    assert_allclose(model.coef_[:, :half], model.coef_[:, half:], rtol=1e-5, atol=1e-8)


@BOTH
def test_nothing_varies_gives_the_prior(kind):
    y = np.array([0, 0, 0, 1.0])
    model = kind().fit(np.ones((4, 2)), y.astype(int) if kind is StandardizedLogisticCV else y)
    if kind is StandardizedLogisticCV:
        assert_allclose(model.predict_proba(np.zeros((1, 2))), [[0.75, 0.25]])
    else:
        assert_allclose(model.predict(np.zeros((1, 2))), 0.25)


# Missing cells --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(80, 5), (40, 60)])
def test_missing_cells_count_as_the_mean(rng, shape):
    X, y, score = simulate(rng, *shape)
    X[rng.random(X.shape) < 0.2] = np.nan
    # The scale is that of the observed cells; SimpleImputer before StandardScaler would make it smaller by the root of
    # the observed share, so the two pipelines differ by a scale per column, not in where a missing cell goes.
    Z = np.nan_to_num((X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0))
    logistic = StandardizedLogisticCV().fit(X, y)
    expected = LogisticRegression(C=logistic.C_, tol=1e-8, max_iter=10_000).fit(Z, y)
    assert_allclose(logistic.predict_proba(X), expected.predict_proba(Z), rtol=1e-5)
    ridge = StandardizedRidgeCV().fit(X, score)
    assert_allclose(ridge.predict(X), Ridge(alpha=ridge.alpha_).fit(Z, score).predict(Z), rtol=1e-6)

    imputed = SimpleImputer().fit_transform(X)
    share = (~np.isnan(X)).mean(axis=0)
    assert_allclose(StandardScaler().fit(imputed).scale_, logistic.scale_ * np.sqrt(share), rtol=1e-8)


@BOTH
def test_a_missing_cell_at_predict_is_the_training_mean(rng, kind):
    X, classes, score = simulate(rng, 50, 4)
    model = kind().fit(X, classes if kind is StandardizedLogisticCV else score)
    gone, mean = X[:5].copy(), X[:5].copy()
    gone[:, 1], mean[:, 1] = np.nan, X[:, 1].mean()
    assert_allclose(output(model, gone), output(model, mean))
    assert_allclose(output(model, np.full((1, 4), np.nan)), output(model, X.mean(axis=0)[None]))


# Parity: a continuous target --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(60, 5), (30, 90)])
def test_ridge_is_scaler_and_ridge_cv(rng, shape):
    X, _, y = simulate(rng, *shape)
    model = StandardizedRidgeCV().fit(X, y)
    Z = StandardScaler().fit_transform(X)
    expected = RidgeCV(alphas=shape[1] / np.sort(model.score_variances), store_cv_results=True).fit(Z, y)
    assert_allclose(model.squared_errors_, expected.cv_results_.mean(axis=0), rtol=1e-7)
    assert_allclose(model.alpha_, expected.alpha_)
    assert_allclose(model.predict(X), expected.predict(Z), rtol=1e-7)


def test_ridge_leaves_groups_out_together(rng):
    # Subjects come in identical pairs: leaving one out is no test, leaving the pair out is.
    X, y = np.repeat(rng.normal(size=(20, 30)), 2, axis=0), np.repeat(rng.normal(size=20), 2)
    fooled = StandardizedRidgeCV().fit(X, y)
    honest = StandardizedRidgeCV().fit(X, y, groups=np.repeat(np.arange(20), 2))
    assert fooled.score_variance_ == 100.0
    assert honest.score_variance_ < fooled.score_variance_
    assert honest.squared_errors_[-1] > 2 * fooled.squared_errors_[-1]


@pytest.mark.parametrize("shape", [(40, 5), (30, 60)])
def test_ridge_leaves_out_who_has_no_weight(rng, shape):
    X, _, y = simulate(rng, *shape)
    weights = rng.random(len(X)) * (rng.random(len(X)) > 0.3)
    kept = weights > 0
    model = StandardizedRidgeCV().fit(X, y, sample_weight=weights)
    fewer = StandardizedRidgeCV().fit(X[kept], y[kept], sample_weight=weights[kept])
    assert_allclose(model.squared_errors_, fewer.squared_errors_, rtol=1e-8)
    assert_allclose(model.predict(X), fewer.predict(X), rtol=1e-6)


def test_wide_ridge_has_the_coefficients_of_the_dual(rng):
    X, _, y = simulate(rng, 25, 300)
    model = StandardizedRidgeCV().fit(X, y)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    dual = np.linalg.solve(Z @ Z.T + model.alpha_ * np.eye(25), y - y.mean())
    assert_allclose(model.coef_[0] * X.std(axis=0), Z.T @ dual, rtol=1e-6, atol=1e-10)


# Laws -----------------------------------------------------------------------------------------------------------


@BOTH
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), wide=st.booleans())
def test_units_order_of_columns_and_of_subjects_do_not_matter(kind, seed, wide):
    rng = np.random.default_rng(seed)
    X, classes, score = simulate(rng, 20, 30 if wide else 4)
    y = classes if kind is StandardizedLogisticCV else score
    model = kind(score_variances=[0.3]).fit(X, y)
    columns, rows = rng.permutation(X.shape[1]), rng.permutation(len(X))
    factor, offset = rng.choice([-1, 1], X.shape[1]) * np.exp(rng.normal(size=X.shape[1])), rng.normal(size=X.shape[1])
    other = (X * factor + offset)[:, columns]
    changed = kind(score_variances=[0.3]).fit(other[rows], y[rows])
    assert_allclose(output(changed, other), output(model, X), rtol=1e-5, atol=1e-6)


def test_ridge_chooses_the_same_strength_in_any_order(rng):
    X, _, y = simulate(rng, 40, 60)
    rows = rng.permutation(40)
    one, two = StandardizedRidgeCV().fit(X, y), StandardizedRidgeCV().fit(X[rows], y[rows])
    assert_allclose(one.squared_errors_, two.squared_errors_, rtol=1e-8)


def test_a_stronger_candidate_shrinks_more(rng):
    X, y, score = simulate(rng, 40, 60)
    for kind, target in ((StandardizedLogisticCV, y), (StandardizedRidgeCV, score)):
        sizes = [np.linalg.norm(kind(score_variances=[v]).fit(X, target).coef_) for v in (0.01, 0.1, 1.0, 10.0)]
        assert sizes == sorted(sizes)


@BOTH
def test_a_wide_block_is_fitted_without_a_copy_of_it(rng, kind):
    X = rng.normal(size=(200, 20_000)).astype(np.float32)
    y = rng.integers(0, 2, size=200) if kind is StandardizedLogisticCV else rng.normal(size=200)
    tracemalloc.start()
    try:
        model = kind().fit(X, y)
        fitted = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        output(model, X)
        predicted = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert fitted < 0.6 * X.nbytes
    assert predicted < 0.6 * X.nbytes


# Edges ----------------------------------------------------------------------------------------------------------


@BOTH
def test_two_subjects_are_enough(kind):
    model = kind().fit(np.array([[0.0], [1.0]]), np.array([0, 1]))
    assert np.isfinite(output(model, np.array([[0.5]]))).all()


def test_a_class_of_one_member_takes_the_middle_candidate(rng):
    X, y = rng.normal(size=(10, 3)), np.array([0] * 9 + [1])
    model = StandardizedLogisticCV(score_variances=[1.0, 2.0, 3.0]).fit(X, y)
    assert model.log_losses_ is None
    assert model.score_variance_ == 2.0


@BOTH
@pytest.mark.parametrize("wrong", [[], [0.0, 1.0], [-1.0], [np.nan], [[1.0]]])
def test_candidates_must_be_positive_numbers(kind, wrong):
    with pytest.raises(ValueError, match="score_variances"):
        kind(score_variances=wrong).fit(np.eye(4), [0, 1, 0, 1])


def test_one_class_is_named():
    with pytest.raises(ValueError, match="one class only: 'case'"):
        StandardizedLogisticCV().fit(np.eye(3), ["case"] * 3)


def test_groups_stay_together_in_the_inner_split(rng):
    X, y = np.repeat(rng.normal(size=(20, 40)), 2, axis=0), np.repeat(np.arange(20) % 2, 2)
    groups = np.repeat(np.arange(20), 2)
    fooled = StandardizedLogisticCV(random_state=0).fit(X, y)
    honest = StandardizedLogisticCV(random_state=0).fit(X, y, groups=groups)
    assert honest.log_losses_[-1] > fooled.log_losses_[-1] + 0.1
