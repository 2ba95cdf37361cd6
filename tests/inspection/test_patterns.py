"""Activation patterns against the closed formula, regressions feature by feature, and a planted suppressor."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skfuse.datasets import make_cohort
from skfuse.inspection import haufe_patterns
from skfuse.kernels import MKLClassifier, MKLSurvival

SCALES = np.array([1.0, 20.0, 0.05, 1.0, 3.0])


def make_data(n=80, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(n, 5)) @ rng.normal(size=(5, 5))) * SCALES + 7
    score = X[:, 0] - X[:, 1] / 20 + rng.normal(size=n)
    return X, np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))


def closed_formula(X, W):
    """Cov(X) W Cov(s)^+ of the paper, with coefficients (n_features, n_outputs)."""
    cov = np.cov(X.T, bias=True)
    return cov @ W @ np.linalg.pinv(W.T @ cov @ W, rcond=1e-10)


@pytest.mark.parametrize(
    "model", [LogisticRegression(max_iter=2000), LinearSVC(max_iter=50000), Ridge(), LinearRegression()]
)
def test_patterns_of_linear_models_are_the_closed_formula(model):
    X, y = make_data()
    X = StandardScaler().fit_transform(X)
    model.fit(X, y)
    new = X[::2]
    expected = closed_formula(new, np.atleast_2d(model.coef_).T)
    np.testing.assert_allclose(haufe_patterns(model, new).patterns, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("n_outputs", [2, 3])
def test_several_outputs_jointly_and_by_themselves(n_outputs):
    X, _ = make_data()
    targets = X[:, :n_outputs] + np.random.default_rng(1).normal(size=(len(X), n_outputs))
    model = LinearRegression().fit(X, targets)
    W = model.coef_.T
    np.testing.assert_allclose(haufe_patterns(model, X).patterns, closed_formula(X, W), rtol=1e-6, atol=1e-9)
    single = haufe_patterns(model, X, joint=False).patterns
    for k in range(n_outputs):
        np.testing.assert_allclose(single[:, [k]], closed_formula(X, W[:, [k]]), rtol=1e-6, atol=1e-9)


def test_scores_of_classes_that_sum_to_a_constant_share_the_pattern():
    X, y = make_data(n_classes=3)
    X = StandardScaler().fit_transform(X)
    model = LogisticRegression().fit(X, y)
    assert np.ptp(model.decision_function(X).sum(axis=1)) < 1e-8
    found = haufe_patterns(model, X)
    np.testing.assert_allclose(found.patterns, closed_formula(X, model.coef_.T), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.patterns.sum(axis=1), 0.0, atol=1e-9)
    assert found.outputs == [0, 1, 2]


def test_a_pipeline_of_linear_steps_is_the_linear_model_that_it_amounts_to():
    X, y = make_data()
    pipeline = make_pipeline(StandardScaler(), PCA(3), LogisticRegression()).fit(X, y)
    scaler, pca, model = (step for _, step in pipeline.steps)
    W = (model.coef_ @ pca.components_ / scaler.scale_).T
    np.testing.assert_allclose(haufe_patterns(pipeline, X).patterns, closed_formula(X, W), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_multiple_kernel_learning_with_linear_kernels(n_classes):
    X, y = make_data(n_classes=n_classes)
    blocks = {"mri": slice(0, 3), "pet": [3, 4]}
    model = MKLClassifier(blocks, kernels="linear").fit(X, y)
    found = haufe_patterns(model, X)
    np.testing.assert_allclose(found.patterns, closed_formula(X, model.coef_.T), rtol=1e-5, atol=1e-7)
    assert found.modalities == ["mri"] * 3 + ["pet"] * 2


def test_a_suppressor_has_a_large_coefficient_and_no_pattern():
    rng = np.random.default_rng(0)
    signal, noise = rng.normal(size=(2, 20000))
    y = (signal > 0).astype(int)
    X = np.column_stack([signal + noise, noise, rng.normal(size=20000)])
    model = LogisticRegression().fit(X, y)
    ratio = model.coef_[0] / model.coef_[0, 0]
    assert ratio[1] < -0.9
    found = haufe_patterns(model, X)
    shape = found.patterns[:, 0] / found.patterns[0, 0]
    np.testing.assert_allclose(shape, [1.0, 0.0, 0.0], atol=0.04)
    np.testing.assert_allclose(found.correlations[:, 0], [np.sqrt(0.5), 0.0, 0.0], atol=0.03)


# Laws ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-50, 50))
def test_units_of_features_and_of_the_decision_carry_through(seed, unit, shift):
    rng = np.random.default_rng(seed)
    X, scores = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    X[rng.random(X.shape) < 0.2] = np.nan
    base = haufe_patterns(None, X, scores=scores)
    features = haufe_patterns(None, X * [unit, 1, 1, 1] + shift, scores=scores)
    np.testing.assert_allclose(features.patterns, base.patterns * [[unit], [1], [1], [1]], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(features.correlations, base.correlations, rtol=1e-6, atol=1e-9)
    decision = haufe_patterns(None, X, scores=scores * [unit, 1] + shift)
    np.testing.assert_allclose(decision.patterns, base.patterns / [unit, 1], rtol=1e-6, atol=1e-9)
    order = rng.permutation(30)
    shuffled = haufe_patterns(None, X[order], scores=scores[order])
    np.testing.assert_allclose(shuffled.patterns, base.patterns, rtol=1e-8, atol=1e-10)


def test_with_missing_cells_each_feature_is_regressed_on_the_decision_of_those_who_have_it():
    rng = np.random.default_rng(3)
    X, scores = rng.normal(size=(60, 4)), rng.normal(size=(60, 2))
    X[:, 0] += scores @ [1.0, -2.0]
    X[rng.random(X.shape) < 0.3] = np.nan
    found = haufe_patterns(None, X, scores=scores)
    for feature in range(4):
        there = ~np.isnan(X[:, feature])
        slopes = LinearRegression().fit(scores[there], X[there, feature]).coef_
        np.testing.assert_allclose(found.patterns[feature], slopes, rtol=1e-8)
        r = np.corrcoef(scores[there, 1], X[there, feature])[0, 1]
        assert found.correlations[feature, 1] == pytest.approx(r, rel=1e-8)
        assert found.n_subjects[feature] == there.sum()


def test_missing_modalities_of_a_cohort_leave_patterns_of_everything():
    cohort = make_cohort(150, missing=0.4, random_state=0)
    model = MKLClassifier(kernels="linear", C=0.1).fit(cohort.X, cohort.y)
    found = haufe_patterns(model, cohort.X)
    assert np.isfinite(found.patterns).all()
    np.testing.assert_array_equal(found.n_subjects, cohort.X.notna().sum())
    planted = np.array([abs(found.correlations[k, 0]) for k in range(len(found.features))])
    assert planted.max() > 0.5


def test_only_the_subjects_given_count():
    X, y = make_data()
    model = LogisticRegression(max_iter=5000).fit(X, y)
    some = haufe_patterns(model, X[:40]).patterns
    moved = X.copy()
    moved[40:] += 100 * SCALES
    np.testing.assert_array_equal(haufe_patterns(model, moved[:40]).patterns, some)
    assert not np.allclose(haufe_patterns(model, moved).patterns, some)


# What a decision is --------------------------------------------------------------------------------------------------


def test_a_model_with_a_link_is_looked_at_before_the_link():
    X, y = make_data()
    X = StandardScaler().fit_transform(X)
    model = PoissonRegressor().fit(X, y + 1)
    np.testing.assert_allclose(haufe_patterns(model, X).patterns, closed_formula(X, model.coef_[:, None]), rtol=1e-8)


def test_other_models_are_looked_at_by_what_they_predict():
    X, y = make_data()
    bayes = GaussianNB().fit(X, y)
    same = haufe_patterns(None, X, scores=bayes.predict_proba(X)[:, 1])
    np.testing.assert_array_equal(haufe_patterns(bayes, X).patterns, same.patterns)
    assert haufe_patterns(bayes, X).outputs == [1]
    blocks = {"mri": slice(0, 3), "pet": [3, 4]}
    target = np.array(
        list(zip(y == 1, X[:, 2] - X[:, 2].min() + 1, strict=True)), dtype=[("event", bool), ("time", float)]
    )
    survival = MKLSurvival(blocks, C=0.1).fit(X, target)
    same = haufe_patterns(None, X, scores=survival.predict(X))
    np.testing.assert_array_equal(haufe_patterns(survival, X).patterns, same.patterns)


# Tables --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_text_has_no_pattern_and_names_stay(library):
    X, y = make_data()
    frame = pd.DataFrame(X[:, :3], columns=["mri__a", "mri__b", "age"]).assign(gene__e4=np.where(y, "yes", "no"))
    frame.loc[3, "mri__a"] = np.nan
    frame = frame if library == "pandas" else pl.from_pandas(frame)
    found = haufe_patterns(None, frame, scores=y + X[:, 0])
    assert found.features == ["mri__a", "mri__b", "age", "gene__e4"]
    assert found.modalities == ["mri", "mri", None, "gene"]
    assert np.isnan(found.patterns[3]).all()
    assert np.isfinite(found.patterns[:3]).all()
    table = found.to_frame()
    assert table["feature"].tolist() == found.features
    np.testing.assert_array_equal(table["n_subjects"], [79, 80, 80, 0])


def test_a_frame_has_a_row_per_feature_and_output():
    rng = np.random.default_rng(0)
    X, scores = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    table = haufe_patterns(None, X, scores=scores).to_frame()
    found = haufe_patterns(None, X, scores=scores)
    assert len(table) == 6
    assert table.loc[3, ["feature", "output", "pattern"]].tolist() == [1, 1, found.patterns[1, 1]]


def test_constant_and_empty_features():
    rng = np.random.default_rng(0)
    X = np.column_stack([np.full(20, 1e6), rng.normal(size=20), np.full(20, np.nan)])
    X = np.column_stack([X, np.where(np.arange(20) == 4, 1.0, np.nan)])
    found = haufe_patterns(None, X, scores=rng.normal(size=20))
    assert found.patterns[0, 0] == 0.0
    assert np.isnan(found.correlations[0, 0])
    assert np.isfinite(found.patterns[1, 0])
    assert np.isnan(found.patterns[2:]).all()
    np.testing.assert_array_equal(found.n_subjects, [20, 20, 0, 1])


def test_an_output_that_does_not_vary_has_no_pattern():
    rng = np.random.default_rng(0)
    X, score = rng.normal(size=(20, 2)), rng.normal(size=20)
    found = haufe_patterns(None, X, scores=np.column_stack([score, np.ones(20)]))
    alone = haufe_patterns(None, X, scores=score)
    np.testing.assert_allclose(found.patterns[:, 0], alone.patterns[:, 0])
    assert np.isnan(found.patterns[:, 1]).all()


def test_errors_say_what_to_do():
    X, y = make_data()
    with pytest.raises(ValueError, match="the same for all 80 subjects"):
        haufe_patterns(None, X, scores=np.ones(80))
    with pytest.raises(ValueError, match=r"shape \(79, 1\), but X has 80 subjects"):
        haufe_patterns(None, X, scores=y[:79])
    with pytest.raises(ValueError, match="decision of 1 subjects is not finite"):
        haufe_patterns(None, X, scores=np.where(np.arange(80) == 2, np.nan, X[:, 0]))
    with pytest.raises(TypeError, match=r"StandardScaler has no decision_function.*as `scores`"):
        haufe_patterns(StandardScaler().fit(X), X)
    with pytest.raises(ValueError, match="infinity"):
        haufe_patterns(None, np.where(X[0, 0] == X, np.inf, X), scores=y)
    with pytest.raises(TypeError, match="neither a model nor its decision"):
        haufe_patterns(None, X)


def test_a_clusterer_predicts_numbers_of_clusters_that_mean_nothing():
    X, _ = make_data()
    with pytest.raises(TypeError, match="numbers of clusters"):
        haufe_patterns(KMeans(2, n_init=1, random_state=0).fit(X), X)
