"""Submodels: who learns what, who is served by which, parity with fits by hand, and bad input."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from skfuse.imputation import (
    MultipleImputationClassifier,
    MultipleImputationRegressor,
    PatternSubmodelClassifier,
    PatternSubmodelRegressor,
)
from skfuse.modalities import NoModalityWarning, SkippedModalityWarning


def cohort(n=240, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    X = pd.DataFrame({f"{m}__{i}": z + rng.normal(size=n) for m in ("mri", "pet", "csf") for i in range(2)})
    has = rng.random((n, 3)) >= 0.35
    has[~has.any(axis=1), 0] = True
    for m, there in zip(("mri", "pet", "csf"), has.T, strict=True):
        X.loc[~there, [f"{m}__0", f"{m}__1"]] = np.nan
    return X, (z + rng.normal(size=n) > 0).astype(int), z + 0.5 * rng.normal(size=n), has


def columns(pattern):
    return [f"{m}__{i}" for m in pattern.split("+") for i in range(2)]


def test_each_model_is_that_of_all_who_have_its_modalities():
    X, y, _, has = cohort()
    model = PatternSubmodelClassifier(LogisticRegression()).fit(X, y)
    for pattern, fitted in model.estimators_.items():
        rows = X[columns(pattern)].notna().all(axis=1).to_numpy()
        by_hand = LogisticRegression().fit(X.loc[rows, columns(pattern)].to_numpy(), y[rows])
        np.testing.assert_allclose(fitted.coef_, by_hand.coef_)
        assert model.pattern_counts_[pattern] == rows.sum()
        served = has.tolist().index([m in pattern.split("+") for m in ("mri", "pet", "csf")])
        values = X.loc[[served], columns(pattern)].to_numpy()
        np.testing.assert_allclose(model.predict_proba(X)[served], by_hand.predict_proba(values)[0])
        assert model.pattern_used(X)[served] == pattern


def test_a_pattern_of_its_own_learns_from_its_subjects():
    X, y, _, has = cohort()
    model = PatternSubmodelClassifier(LogisticRegression(), sharing="pattern", min_subjects=25).fit(X, y)
    for pattern, count in model.pattern_counts_.items():
        own = (has == [m in pattern.split("+") for m in ("mri", "pet", "csf")]).all(axis=1).sum()
        shared = X[columns(pattern)].notna().all(axis=1).sum()
        assert count == (own if own >= 25 else shared)
    assert len(set(model.pattern_counts_.values())) > 1


def test_a_pattern_never_seen_is_served_by_the_most_of_what_it_has():
    X, y, _, has = cohort()
    alone = has.sum(axis=1) == 1
    model = PatternSubmodelClassifier().fit(
        X[~has.all(axis=1) & ~(has[:, 0] & has[:, 1])], y[~has.all(axis=1) & ~(has[:, 0] & has[:, 1])]
    )
    used = model.pattern_used(X[has.all(axis=1)])
    assert set(used) <= {"mri+csf", "pet+csf"}
    counts = {pattern: model.pattern_counts_[pattern] for pattern in ("mri+csf", "pet+csf")}
    assert set(used) == {max(counts, key=counts.get)}
    assert {used_ for used_ in model.pattern_used(X[alone])} == {"mri", "pet", "csf"}


def test_regression_and_nobody():
    X, _, target, _ = cohort()
    with_nobody = pd.concat([X, pd.DataFrame(np.nan, index=[0, 1], columns=X.columns)], ignore_index=True)
    with pytest.warns(NoModalityWarning, match="2 of 242 subjects"):
        model = PatternSubmodelRegressor(LinearRegression()).fit(with_nobody, np.r_[target, 100.0, 100.0])
    predicted = model.predict(with_nobody)
    np.testing.assert_allclose(predicted[-2:], target.mean())
    assert np.corrcoef(predicted[:-2], target)[0, 1] > 0.6


def test_better_than_chance_out_of_sample_and_near_the_complete_model():
    X, y, _, _ = cohort(n=600)
    for model in (PatternSubmodelClassifier(), MultipleImputationClassifier(n_imputations=3, random_state=0)):
        probability = cross_val_predict(model, X, y, method="predict_proba")[:, 1]
        assert roc_auc_score(y, probability) > 0.72


def test_a_modality_of_one_class_has_no_model_alone():
    X, y, _, _ = cohort()
    X.loc[y == 1, columns("csf")] = np.nan
    known = X.notna().any(axis=1)
    X, y = X[known], y[known]
    with pytest.warns(SkippedModalityWarning, match="'csf': its subjects have one class"):
        model = PatternSubmodelClassifier().fit(X, y)
    assert all("csf" not in pattern for pattern in model.estimators_)
    only = pd.DataFrame(np.nan, index=[0], columns=X.columns)
    only.loc[0, columns("csf")] = 0.0
    np.testing.assert_allclose(model.predict_proba(only)[0], model.class_prior_)
    assert model.pattern_used(only) == [""]


def test_errors_of_estimators_name_modality_and_cure():
    X, y, _, _ = cohort()
    X.loc[X.index[X["mri__0"].notna()][0], "mri__1"] = np.nan
    with pytest.raises(ValueError, match=r"(?s)'mri'.*LogisticRegression failed.*single missing cells.*'mri__1'"):
        PatternSubmodelClassifier(LogisticRegression()).fit(X, y)
    with pytest.raises(TypeError, match="takes no sample_weight"):
        PatternSubmodelClassifier(KNeighborsClassifier()).fit(X.bfill().ffill(), y, sample_weight=np.ones(len(y)))


def test_predictions_are_averages_over_draws():
    X, y, target, _ = cohort()
    model = MultipleImputationRegressor(LinearRegression(), n_imputations=4, random_state=1).fit(X, target)
    drawn = model.imputer_.draw(X.to_numpy(), noise="common")
    by_hand = np.mean([one.predict(table) for one, table in zip(model.estimators_, drawn, strict=True)], axis=0)
    np.testing.assert_allclose(model.predict(X), by_hand)
    assert len({tuple(one.coef_) for one in model.estimators_}) == 4
    weighted = MultipleImputationClassifier(DummyClassifier(), n_imputations=2, random_state=0)
    weight = np.where(y == 1, 3.0, 1.0)
    share = weight[y == 1].sum() / weight.sum()
    found = weighted.fit(X, y, sample_weight=weight).predict_proba(X)
    np.testing.assert_allclose(found[:, 1], share)


def test_averages_over_imputations_vary_smoothly_with_what_a_subject_has():
    X, _, target, _ = cohort()
    model = MultipleImputationRegressor(n_imputations=3, random_state=0).fit(X, target)
    np.testing.assert_allclose(model.predict(X + 1e-9), model.predict(X), atol=1e-6)
