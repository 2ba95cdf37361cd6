"""LateFusionRegressor: the leak-free loop, its combinations, and cohorts at the edge."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfuse.datasets import make_cohort
from skfuse.late_fusion import (
    LateFusionRegressor,
    LinearPool,
    MissingFlagWarning,
    StandardizedRidgeCV,
)
from skfuse.late_fusion._conditional import ConditionalMean
from skfuse.late_fusion._regressor import FIXED_RULES, LEARNED_RULES
from skfuse.modalities import NoModalityWarning, SkippedModalityWarning, present_modalities

every_rule = pytest.mark.parametrize("combine", [*FIXED_RULES, *LEARNED_RULES])
RIDGE = make_pipeline(StandardScaler(), Ridge(10.0))
NAMES = ["mri", "pet", "clinical"]


def block_of(X, name):
    return X[[column for column in X if column.startswith(name + "__")]].to_numpy()


def loop(X, y, estimator, folds):
    held, fits = np.full((len(X), len(NAMES)), np.nan), {}
    for m, name in enumerate(NAMES):
        block = block_of(X, name)
        has = ~np.isnan(block).all(axis=1)
        for train, test in folds:
            train, test = train[has[train]], test[has[test]]
            held[test, m] = clone(estimator).fit(block[train], y[train]).predict(block[test])
        fits[name] = clone(estimator).fit(block[has], y[has])
    return held, fits


def by_modality(fits, X):
    out = np.full((len(X), len(fits)), np.nan)
    for m, (name, fitted) in enumerate(fits.items()):
        has = ~np.isnan(block_of(X, name)).all(axis=1)
        out[has, m] = fitted.predict(block_of(X, name)[has])
    return out


# Against a loop written by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["skip", "impute"])
def test_stacking_is_the_loop_written_by_hand(scores, missing):
    X, y, test = scores.X.iloc[:90], scores.y.to_numpy()[:90], scores.X.iloc[90:]
    cv = KFold(4, shuffle=True, random_state=3)
    model = LateFusionRegressor(RIDGE, cv=cv, missing=missing).fit(X, y)
    held, fits = loop(X, y, RIDGE, list(cv.split(X)))
    assert_array_equal(model.out_of_fold_, held)
    evidence, new = held - y.mean(), by_modality(fits, test) - y.mean()
    moves = np.nanstd(held, axis=0)
    if missing == "impute":
        imputer = ConditionalMean().fit(evidence, np.ones(90))
        evidence, new = imputer.transform(evidence), imputer.transform(new)
    pool = LinearPool().fit(np.nan_to_num(evidence), y, np.ones(90), y.mean())
    assert_allclose(model.predict(test), pool.predict(np.nan_to_num(new)), rtol=1e-10)
    assert_allclose(list(model.modality_weights_.values()), pool.coef_ * moves / (pool.coef_ @ moves))


@pytest.mark.parametrize("combine", ["mean", "median", "gain", "best"])
def test_other_rules_are_the_loop_written_by_hand(scores, combine):
    X, y, test = scores.X.iloc[:90], scores.y.to_numpy()[:90], scores.X.iloc[90:]
    model = LateFusionRegressor(RIDGE, combine=combine, cv=3).fit(X, y)
    held, fits = loop(X, y, RIDGE, list(KFold(3).split(X)))
    new, gains = by_modality(fits, test), np.ones(3)
    if combine in LEARNED_RULES:
        assert_array_equal(model.out_of_fold_, held)
        better = (y - y.mean())[:, None] ** 2 - (y[:, None] - held) ** 2
        gains = np.nanmean(better, axis=0) if combine == "gain" else np.nansum(better, axis=0)
    expected = []
    for subject in new:
        has = ~np.isnan(subject)
        if combine == "median":
            expected.append(np.median(subject[has]))
        elif combine == "best":
            chosen = subject[gains.argmax()]
            expected.append(y.mean() if np.isnan(chosen) else chosen)
        else:
            weights = np.clip(gains[has], 0, None)
            weights = weights if weights.sum() > 0 else np.ones(has.sum())
            expected.append(np.average(subject[has], weights=weights))
    assert_allclose(model.predict(test), expected, rtol=1e-10)


@pytest.mark.parametrize("missing", ["skip", "impute"])
def test_final_estimator(scores, missing):
    y = scores.y.to_numpy()
    model = LateFusionRegressor(RIDGE, final_estimator=LinearRegression(), cv=3, missing=missing).fit(scores.X, y)
    held, _ = loop(scores.X, y, RIDGE, list(KFold(3).split(y)))
    centered = held - y.mean()
    filled = ConditionalMean().fit(centered, np.ones(120)).transform(centered) if missing == "impute" else centered
    expected = LinearRegression().fit(np.nan_to_num(filled), y)
    assert_allclose(model.final_estimator_.coef_, expected.coef_, rtol=1e-6)
    tree = LateFusionRegressor(RIDGE, final_estimator=HistGradientBoostingRegressor(max_iter=3), missing=missing)
    features = tree.fit(scores.X, y)._final_features(centered)
    assert np.isnan(features).any() == (missing == "skip")
    assert not hasattr(tree, "modality_weights_")


@pytest.mark.parametrize("final", [None, Ridge(), HistGradientBoostingRegressor(max_iter=3)])
def test_missing_flags_are_a_visible_choice(scores, final):
    present = present_modalities(scores.X).to_numpy()
    y = scores.y.to_numpy() + 5.0 * present[:, 1]
    with pytest.warns(MissingFlagWarning, match="shortcut") as caught:
        model = LateFusionRegressor(missing="indicator", final_estimator=final).fit(scores.X, y)
    assert caught[0].filename == __file__
    if final is None:
        assert model.final_estimator_.flag_coef_[1] < -2
    assert np.isfinite(model.predict(scores.X)).all()


# What predictions promise -----------------------------------------------------------------------------------------


@every_rule
def test_predictions_do_not_depend_on_batch_mates_or_order(scores, combine):
    model = LateFusionRegressor(combine=combine).fit(scores.X, scores.y)
    together = model.predict(scores.X)
    alone = np.concatenate([model.predict(scores.X.iloc[[row]]) for row in range(30)])
    assert_allclose(alone, together[:30], rtol=1e-7, atol=1e-10)
    order = np.random.default_rng(0).permutation(120)
    assert_allclose(model.predict(scores.X.iloc[order]), together[order], rtol=1e-7, atol=1e-10)


@every_rule
def test_a_second_fit_and_a_pickle_give_the_same(scores, combine):
    model = LateFusionRegressor(combine=combine, random_state=1).fit(scores.X, scores.y)
    first = model.predict(scores.X)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(scores.X), first)
    assert_array_equal(model.fit(scores.X, scores.y).predict(scores.X), first)


def test_two_threads_give_what_one_gives(scores):
    one = LateFusionRegressor().fit(scores.X, scores.y)
    with parallel_config(backend="threading"):
        two = LateFusionRegressor(n_jobs=2).fit(scores.X, scores.y)
    assert_allclose(two.predict(scores.X), one.predict(scores.X), rtol=1e-7)


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_unit_and_origin_of_the_target_do_not_matter(scores, shift):
    plain = LateFusionRegressor().fit(scores.X, scores.y).predict(scores.X)
    for unit in (1e-4, 1e4):
        moved = LateFusionRegressor().fit(scores.X, unit * scores.y + shift).predict(scores.X)
        assert_allclose(moved - shift, unit * plain, rtol=1e-4, atol=1e-9 * max(shift, unit))


def test_per_subject_weights_and_predictions(scores):
    model = LateFusionRegressor(combine="gain").fit(scores.X, scores.y)
    weights, present = model.subject_weights(scores.X), present_modalities(scores.X)
    assert isinstance(weights, pd.DataFrame)
    assert weights.index.equals(scores.X.index)
    assert (weights.to_numpy()[~present.to_numpy()] == 0).all()
    parts = np.stack(list(model.predict_by_modality(scores.X).values()), axis=1)
    assert_array_equal(np.isnan(parts), ~present.to_numpy())
    assert_allclose((np.nan_to_num(parts) * weights.to_numpy()).sum(axis=1), model.predict(scores.X))
    frame = pl.from_pandas(scores.X.reset_index(drop=True))
    fitted = LateFusionRegressor(combine="gain").fit(frame, pl.Series(scores.y.to_numpy()))
    assert_allclose(fitted.predict(frame), model.predict(scores.X), rtol=1e-10)


@every_rule
def test_permuted_targets_give_no_skill(combine):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 6))
    X[rng.random(60) < 0.3, :3] = np.nan
    model = LateFusionRegressor(RIDGE, {"a": slice(0, 3), "b": slice(3, 6)}, combine=combine, cv=2)
    results = []
    for _ in range(20):
        y = rng.normal(size=60)
        results.append(cross_val_score(model, X, y, cv=KFold(2), scoring="r2").mean())
    assert np.mean(results) < 0.0


def test_noise_gets_less_weight_and_fusion_beats_its_parts():
    train, test = make_cohort(400, task="regression", missing=0.3, n_test=600, random_state=0)
    noise = np.random.default_rng(0).normal(size=400)
    model = LateFusionRegressor(combine="gain").fit(train.X.assign(noise__x=noise), train.y)
    assert model.modality_weights_["noise"] < 0.02
    fused, best, mean = (
        LateFusionRegressor(combine=combine).fit(train.X, train.y).score(test.X, test.y)
        for combine in ("stack", "best", "mean")
    )
    assert fused > best + 0.05
    assert fused > mean


# scikit-learn's tools ---------------------------------------------------------------------------------------------


def test_search_over_one_modality_in_a_pipeline(scores):
    pipeline = make_pipeline("passthrough", LateFusionRegressor({"mri": RIDGE, "pet": "drop"}, combine="mean"))
    grid = {"latefusionregressor__mri__ridge__alpha": [1.0, 100.0], "latefusionregressor__pet": ["drop", Ridge()]}
    with np.errstate(all="raise"):
        search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
        with pytest.warns(NoModalityWarning):
            search.fit(scores.X, scores.y)
    assert search.best_params_


def test_weights_and_groups(scores):
    groups, weights = np.arange(120) % 6, np.where(np.arange(120) % 4 == 1, 0.0, 2.0)
    kept = weights > 0
    model = LateFusionRegressor()
    weighted = model.fit(scores.X, scores.y, sample_weight=weights).predict(scores.X)
    assert_allclose(weighted, model.fit(scores.X[kept], scores.y[kept], weights[kept]).predict(scores.X), rtol=1e-10)
    by_number = LateFusionRegressor(RIDGE, cv=3).fit(scores.X, scores.y, groups=groups)
    by_splitter = LateFusionRegressor(RIDGE, cv=GroupKFold(3)).fit(scores.X, scores.y, groups=groups)
    assert_array_equal(by_number.out_of_fold_, by_splitter.out_of_fold_)
    with pytest.raises(TypeError, match="modality 'mri', KNeighborsRegressor, takes no sample_weight"):
        LateFusionRegressor(KNeighborsRegressor()).fit(scores.X, scores.y, sample_weight=weights)
    with pytest.raises(TypeError, match="final_estimator, KNeighborsRegressor, takes no sample_weight"):
        LateFusionRegressor(final_estimator=KNeighborsRegressor()).fit(scores.X, scores.y, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(
            LateFusionRegressor(cv=GroupKFold(2)), scores.X, scores.y, params={"groups": groups}, cv=GroupKFold(3)
        )
    assert np.isfinite(result["test_score"]).all()


# Edges ----------------------------------------------------------------------------------------------------------


@every_rule
def test_subjects_without_any_modality(scores, combine):
    gone = np.arange(120) % 20 == 3
    X = scores.X.copy()
    X.loc[gone] = np.nan
    model = LateFusionRegressor(combine=combine)
    with pytest.warns(NoModalityWarning, match="6 of 120") as caught:
        model.fit(X, scores.y)
    assert caught[0].filename == __file__
    assert_allclose(model.target_mean_, scores.y[~gone].mean())
    assert_allclose(model.predict(X)[gone], model.target_mean_)
    alone = LateFusionRegressor(combine=combine).fit(scores.X[~gone], scores.y[~gone])
    assert_allclose(model.predict(X)[~gone], alone.predict(X[~gone]), rtol=1e-10)


@every_rule
def test_a_modality_that_one_subject_has_is_skipped(scores, combine):
    X = scores.X.assign(eeg__alpha=np.where(np.arange(120) == 5, 1.0, np.nan))
    with pytest.warns(SkippedModalityWarning, match="'eeg': fewer than two subjects have it"):
        model = LateFusionRegressor(combine=combine).fit(X, scores.y)
    expected = LateFusionRegressor(combine=combine).fit(scores.X, scores.y).predict(scores.X)
    assert_allclose(model.predict(X), expected, rtol=1e-10)


@every_rule
def test_a_constant_target_comes_back(scores, combine):
    model = LateFusionRegressor(combine=combine).fit(scores.X, np.full(120, 7.0))
    assert_allclose(model.predict(scores.X), 7.0)


@pytest.mark.parametrize("combine", FIXED_RULES)
def test_two_subjects_are_enough_for_a_fixed_rule(combine):
    X = pd.DataFrame({"a__x": [0.0, 1.0], "b__x": [0.0, 1.0]})
    assert np.isfinite(LateFusionRegressor(combine=combine).fit(X, [1.0, 2.0]).predict(X)).all()


def test_two_subjects_are_too_few_to_stack():
    X = pd.DataFrame({"a__x": [0.0, 1.0], "b__x": [0.0, 1.0]})
    with (
        pytest.warns(SkippedModalityWarning),
        pytest.raises(ValueError, match=r"No modality can be fitted with n_samples = 2.*too few subjects"),
    ):
        LateFusionRegressor().fit(X, [1.0, 2.0])


def test_a_missing_target_is_counted_and_found(scores):
    for target in (scores.y.mask(np.arange(120) == 7), scores.y.astype("Float64").mask(np.arange(120) == 7)):
        with pytest.raises(ValueError, match="missing for 1 of 120 subjects, the first in row 7"):
            LateFusionRegressor().fit(scores.X, target)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimators": {"pet": LogisticRegression()}}, "modality 'pet' must be a regressor, got LogisticRegression"),
        ({"final_estimator": LogisticRegression()}, "`final_estimator` must be a regressor, got LogisticRegression"),
        ({"final_estimator": Ridge(), "combine": "mean"}, "`final_estimator` belongs to combine='stack'"),
        ({"combine": "product"}, "'combine' parameter"),
        ({"cv": GroupKFold(3)}, "cannot split the 120 training subjects"),
    ],
)
def test_options_that_cannot_work(scores, options, message):
    with pytest.raises(ValueError, match=message):
        LateFusionRegressor(**options).fit(scores.X, scores.y)


def test_single_missing_cells(scores):
    holes = scores.X.copy()
    row = holes["pet__f01"].first_valid_index()
    holes.loc[row, "pet__f03"] = np.nan
    model = LateFusionRegressor().fit(holes, scores.y)
    assert isinstance(model.estimators_["pet"], StandardizedRidgeCV)
    assert np.isfinite(model.predict(holes)).all()
    with pytest.raises(ValueError, match=r"(?s)Modality 'pet': Pipeline failed.*columns \['pet__f03'\]"):
        LateFusionRegressor(RIDGE).fit(scores.X, scores.y).predict(holes)
