"""The simulator: planted truth is recovered, laws hold, errors say what to do."""

import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from skfuse.cohort import Cohort
from skfuse.datasets import make_cohort

SMALL = {"mri": 6, "pet": 4}


def event_rate_by_site(cohort):
    return cohort.y.groupby(cohort.site).mean()


# What comes back


def test_default_cohort_is_one_table_with_a_readable_target():
    cohort = make_cohort(random_state=0)
    assert isinstance(cohort, Cohort)
    assert cohort.X.shape == (200, 43)
    assert {column.split("__")[0] for column in cohort.X} == {"mri", "pet", "clinical"}
    assert cohort.y.name == "target"
    assert set(cohort.y.unique()) == {0, 1}
    assert cohort.task == "classification"
    assert cohort.site is None
    assert list(cohort.covariates) == ["age", "sex"]
    assert not cohort.X.isna().any(axis=None)
    assert cohort.X.index.equals(cohort.y.index)


def test_features_can_be_named():
    cohort = make_cohort(20, modalities={"fluid": ["abeta42", "ptau181"], "mri": 1}, random_state=0)
    assert list(cohort.X) == ["fluid__abeta42", "fluid__ptau181", "mri__f01"]


@given(
    n_subjects=st.integers(5, 60),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    task=st.sampled_from(["binary", "multiclass", "regression", "survival"]),
    missing=st.floats(0, 0.4),
    n_sites=st.integers(1, 4),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=25, deadline=None)
def test_shapes_agree_and_the_seed_repeats(n_subjects, sizes, task, missing, n_sites, seed):
    arguments = {
        "modalities": {f"m{number}": size for number, size in enumerate(sizes)},
        "task": task,
        "missing": missing if len(sizes) > 1 else 0.0,
        "scattered": 0.2,
        "n_sites": n_sites,
        "random_state": seed,
    }
    cohort, again = make_cohort(n_subjects, **arguments), make_cohort(n_subjects, **arguments)
    assert cohort.X.shape == (n_subjects, sum(sizes))
    assert len(cohort.y) == len(cohort.covariates) == len(cohort.truth["factors"]) == n_subjects
    present = cohort.truth["present"]
    assert present.any(axis=1).all()
    for name in present:
        block = cohort.X.loc[:, [column for column in cohort.X if column.startswith(f"{name}__")]]
        assert_array_equal(block.notna().any(axis=1), present[name])
    pd.testing.assert_frame_equal(cohort.X, again.X)
    assert_array_equal(np.asarray(cohort.y), np.asarray(again.y))


@given(missing=st.floats(0.05, 0.6), mechanism=st.sampled_from(["mcar", "covariate", "outcome"]))
@settings(max_examples=10, deadline=None)
def test_complete_data_do_not_depend_on_what_is_missing(missing, mechanism):
    arguments = {"n_sites": 2, "keep_complete": True, "random_state": 3}
    full = make_cohort(60, **arguments)
    holed = make_cohort(60, missing=missing, mechanism=mechanism, scattered=0.1, **arguments)
    pd.testing.assert_frame_equal(full.X, full.truth["complete"])
    pd.testing.assert_frame_equal(full.X, holed.truth["complete"])
    pd.testing.assert_series_equal(full.y, holed.y)
    pd.testing.assert_frame_equal(full.truth["factors"], holed.truth["factors"])
    pd.testing.assert_frame_equal(holed.X, full.X.where(holed.X.notna()))


def test_subjects_go_missing_one_after_the_other_as_the_fraction_grows():
    some = make_cohort(300, missing={"pet": 0.2}, random_state=0).truth["present"]["pet"]
    more = make_cohort(300, missing={"pet": 0.5}, random_state=0).truth["present"]["pet"]
    assert (some | ~more).all()


def test_another_modality_leaves_the_factors_and_noise_of_the_first():
    both = make_cohort(30, modalities=SMALL, keep_complete=True, n_sites=2, random_state=0)
    alone = make_cohort(30, modalities={"mri": 6}, keep_complete=True, n_sites=2, random_state=0)
    pd.testing.assert_frame_equal(both.X[list(alone.X)], alone.X)


def test_complete_features_are_left_out_of_the_truth_by_default():
    assert "complete" not in make_cohort(10, random_state=0).truth


def test_random_state_takes_what_scikit_learn_takes_and_generators():
    for make in (np.random.RandomState, np.random.default_rng):
        first, second = make(0), make(0)
        pd.testing.assert_frame_equal(make_cohort(10, random_state=first).X, make_cohort(10, random_state=second).X)
        # A generator is advanced: the next cohort is another one.
        assert not make_cohort(10, random_state=first).X.equals(make_cohort(10, random_state=0).X)
    assert not make_cohort(10).X.equals(make_cohort(10).X)


# Train and test from one population


def test_train_and_test_share_the_population():
    train, test = make_cohort(100, n_test=400, n_sites=3, missing=0.2, random_state=0)
    alone = make_cohort(100, n_sites=3, missing=0.2, random_state=0)
    pd.testing.assert_frame_equal(train.X, alone.X)
    for name, loadings in train.truth["loadings"].items():
        pd.testing.assert_frame_equal(loadings, test.truth["loadings"][name])
    pd.testing.assert_frame_equal(train.truth["site_effects"]["shift"], test.truth["site_effects"]["shift"])
    assert train.truth["bayes_auc"] == test.truth["bayes_auc"]
    assert not set(train.X.index) & set(test.X.index)
    assert len(test.X) == 400


# Recovery of what was planted


def test_signal_features_follow_the_factors_and_others_do_not():
    cohort = make_cohort(3000, n_nuisance=0, density=0.3, random_state=0)
    for name, loadings in cohort.truth["loadings"].items():
        features = cohort.X[loadings.index]
        explained = LinearRegression().fit(cohort.truth["factors"], features).predict(cohort.truth["factors"])
        r2 = pd.Series(1 - ((features - explained) ** 2).mean() / features.var(), index=features.columns)
        signal = cohort.truth["signal_features"][name]
        assert len(signal) == round(0.3 * len(features.columns))
        assert_allclose(r2[signal], 0.5, atol=0.06)  # strength 1: as much variance as the noise
        assert (r2.drop(signal) < 0.02).all()


def test_features_are_loadings_times_factors_plus_unit_noise():
    cohort = make_cohort(4000, n_shared_nuisance=1, random_state=1)
    for loadings in cohort.truth["loadings"].values():
        noise = cohort.X[loadings.index] - cohort.truth["factors"][loadings.columns].to_numpy() @ loadings.to_numpy().T
        assert_allclose(noise.std(), 1, atol=0.05)
        assert_allclose(noise.mean(), 0, atol=0.08)


def test_a_modality_of_strength_zero_shows_no_signal():
    cohort = make_cohort(2000, strength={"pet": 0}, random_state=0)
    assert cohort.truth["signal_modalities"] == ["mri", "clinical"]
    assert cohort.truth["signal_features"]["pet"] == []
    assert "pet_private1" not in cohort.truth["factors"]
    pet = cohort.X.filter(like="pet__").corrwith(cohort.truth["bayes_score"]).abs()
    assert (pet < 0.1).all()


def test_a_modality_without_effect_has_factors_but_no_signal():
    cohort = make_cohort(100, n_shared=0, private_effect={"pet": 0}, random_state=0)
    assert cohort.truth["signal_modalities"] == ["mri", "clinical"]
    assert cohort.truth["effects"]["pet_private1"] == 0
    assert (cohort.truth["loadings"]["pet"]["pet_private1"] != 0).any()


def test_shared_factors_can_be_kept_to_some_modalities():
    cohort = make_cohort(50, shared_across=["mri", "pet"], n_private=0, random_state=0)
    assert cohort.truth["signal_modalities"] == ["mri", "pet"]
    assert "shared1" not in cohort.truth["loadings"]["clinical"]


def test_bayes_auc_is_what_logistic_regression_on_the_factors_reaches():
    train, test = make_cohort(5000, n_test=20_000, random_state=0)
    names = train.truth["effects"].index
    model = LogisticRegression(C=np.inf).fit(train.truth["factors"][names], train.y)
    assert_allclose(model.coef_[0], train.truth["effects"], atol=0.15)
    reached = roc_auc_score(test.y, model.decision_function(test.truth["factors"][names]))
    assert_allclose(reached, test.truth["bayes_auc"], atol=0.01)
    assert_allclose(roc_auc_score(test.y, test.truth["bayes_score"]), test.truth["bayes_auc"], atol=0.01)


def test_bayes_score_is_calibrated():
    cohort = make_cohort(20_000, prevalence=0.2, n_sites=4, site_confounding=1.0, random_state=0)
    score = cohort.truth["bayes_score"]
    for _, group in cohort.y.groupby(pd.qcut(score, 5), observed=True):
        assert_allclose(group.mean(), score[group.index].mean(), atol=0.03)


def test_no_effect_means_chance():
    cohort = make_cohort(100, effect=0, random_state=0)
    assert cohort.truth["bayes_auc"] == 0.5
    assert cohort.truth["signal_modalities"] == []
    assert_allclose(cohort.truth["bayes_score"], 0.5)


def test_interaction_hides_the_signal_from_linear_models_of_the_factors():
    train, test = make_cohort(4000, n_test=8000, n_shared=0, interaction=1.0, effect=3.0, random_state=0)
    names = train.truth["effects"].index
    model = LogisticRegression().fit(train.truth["factors"][names], train.y)
    assert roc_auc_score(test.y, model.decision_function(test.truth["factors"][names])) < 0.56
    assert test.truth["bayes_auc"] > 0.8


def test_nonlinear_share_follows_the_squares():
    cohort = make_cohort(8000, n_private=0, n_shared=1, nonlinear=1.0, random_state=0)
    factor = cohort.truth["factors"]["shared1"]
    assert abs(roc_auc_score(cohort.y, factor) - 0.5) < 0.05
    assert_allclose(roc_auc_score(cohort.y, factor**2), cohort.truth["bayes_auc"], atol=0.02)


# Tasks


@pytest.mark.parametrize("prevalence", [0.1, 0.5, 0.8])
def test_prevalence_holds_on_average_or_exactly(prevalence):
    drawn = make_cohort(8000, prevalence=prevalence, random_state=0).y
    assert_allclose(drawn.mean(), prevalence, atol=0.02)
    exact = make_cohort(50, prevalence=prevalence, exact_prevalence=True, random_state=0).y
    assert exact.sum() == round(50 * prevalence)


def test_multiclass_shares_and_best_accuracy():
    cohort = make_cohort(8000, task="multiclass", n_classes=4, prevalence=[0.4, 0.3, 0.2, 0.1], random_state=0)
    assert_allclose(cohort.y.value_counts(normalize=True).sort_index(), [0.4, 0.3, 0.2, 0.1], atol=0.02)
    score = cohort.truth["bayes_score"]
    assert_allclose(score.sum(axis=1), 1)
    reached = accuracy_score(cohort.y, score.to_numpy().argmax(axis=1))
    assert_allclose(reached, cohort.truth["bayes_accuracy"], atol=0.02)


def test_regression_noise_has_unit_variance():
    cohort = make_cohort(8000, task="regression", effect=1.5, random_state=0)
    assert cohort.task == "regression"
    assert_allclose((cohort.y - cohort.truth["bayes_score"]).std(), 1, atol=0.03)
    assert_allclose(cohort.truth["bayes_r2"], 1.5**2 / (1 + 1.5**2), rtol=1e-6)
    assert_allclose(r2_score(cohort.y, cohort.truth["bayes_score"]), cohort.truth["bayes_r2"], atol=0.02)


@pytest.mark.parametrize("censoring", [0.0, 0.3, 0.7])
def test_survival_is_censored_as_often_as_asked(censoring):
    cohort = make_cohort(5000, task="survival", censoring=censoring, random_state=0)
    assert cohort.task == "survival"
    assert cohort.y.dtype.names == ("event", "time")
    assert cohort.y["event"].dtype == bool
    assert_allclose(1 - cohort.y["event"].mean(), censoring, atol=0.02)
    assert (cohort.y["time"] > 0).all()


def test_survival_times_follow_the_hazard():
    cohort = make_cohort(4000, task="survival", censoring=0.0, effect=1.0, random_state=0)
    score, times = cohort.truth["bayes_score"].to_numpy(), cohort.y["time"]
    first, second = np.arange(0, 4000, 2), np.arange(1, 4000, 2)
    concordant = (score[first] > score[second]) == (times[first] < times[second])
    assert_allclose(concordant.mean(), cohort.truth["bayes_concordance"], atol=0.03)
    # Weibull of shape 1.5 and median 24 months: the transformed times are exponential with rate log 2.
    assert_allclose((np.exp(score) * (times / 24) ** 1.5).mean(), 1 / np.log(2), rtol=0.05)


def test_subtypes_shift_factors_by_the_separation():
    cohort = make_cohort(6000, task="subtype", n_subtypes=3, subtype_separation=2.5, random_state=0)
    factors = cohort.truth["factors"].loc[:, lambda table: ~table.columns.str.contains("nuisance")]
    centers = factors.groupby(cohort.truth["subtype"]).mean().to_numpy()
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert_allclose(np.linalg.norm(centers[first] - centers[second]), 2.5, atol=0.15)
    assert_array_equal(cohort.y, cohort.truth["subtype"])
    reached = accuracy_score(cohort.y, cohort.truth["bayes_score"].to_numpy().argmax(axis=1))
    assert_allclose(reached, cohort.truth["bayes_accuracy"], atol=0.02)


def test_subtypes_can_stand_behind_another_outcome():
    cohort = make_cohort(50, n_subtypes=2, random_state=0)
    assert set(cohort.truth["subtype"]) == {0, 1}
    assert set(cohort.y) == {0, 1}


# Sites and covariates


def test_batch_effects_shift_and_scale_features_at_each_site():
    cohort = make_cohort(6000, n_sites=3, site_shift=2.0, site_scale=0.3, n_shared=0, n_private=0, random_state=0)
    assert sorted(cohort.site.unique()) == ["site01", "site02", "site03"]
    assert cohort.site.value_counts().nunique() == 1
    by_site = cohort.X.groupby(cohort.site)
    assert_allclose(by_site.mean(), cohort.truth["site_effects"]["shift"], atol=0.2)
    ratio = by_site.std() / cohort.truth["site_effects"]["scale"]
    assert_allclose(ratio / ratio.mean(), 1, atol=0.1)


def test_sites_change_prevalence_only_when_confounded():
    plain = make_cohort(6000, n_sites=3, random_state=0)
    confounded = make_cohort(6000, n_sites=3, site_confounding=1.5, random_state=0)
    assert np.ptp(event_rate_by_site(plain)) < 0.06
    rates = event_rate_by_site(confounded)
    assert np.ptp(rates) > 0.3
    assert_array_equal(rates.sort_values().index, confounded.truth["site_effects"]["outcome"].sort_values().index)
    assert confounded.truth["factor_auc"] < confounded.truth["bayes_auc"]


def test_age_changes_features_and_outcome_when_asked():
    plain = make_cohort(4000, random_state=0)
    aged = make_cohort(4000, age_effect_features=1.0, age_effect_outcome=1.5, random_state=0)
    assert_allclose(aged.covariates["age"].mean(), 50, atol=1)
    assert_allclose(aged.covariates["age"].std(), 12, atol=0.5)
    assert set(aged.covariates["sex"]) == {0, 1}
    for cohort, dependent in ((plain, False), (aged, True)):
        age = cohort.covariates["age"]
        assert (cohort.X.corrwith(age).abs().max() > 0.2) == dependent
        assert (abs(age.corr(cohort.y)) > 0.1) == dependent


# Missingness through the whole simulator


@pytest.mark.parametrize("mechanism", ["mcar", "covariate", "outcome"])
def test_missing_fractions_hold_and_depend_on_what_they_should(mechanism):
    wanted = {"mri": 0.1, "pet": 0.5, "clinical": 0.4}
    cohort = make_cohort(8000, missing=wanted, mechanism=mechanism, prevalence=0.3, random_state=0)
    missing = ~cohort.truth["present"]
    assert_allclose(missing.mean(), [0.1, 0.5, 0.4], atol=0.025)
    assert not missing.all(axis=1).any()
    for name in wanted:
        with_age = missing[name].corr(cohort.covariates["age"])
        with_outcome = missing[name].corr(cohort.y)
        assert (with_age > 0.15) == (mechanism == "covariate")
        assert (with_outcome > 0.15) == (mechanism == "outcome")


@pytest.mark.parametrize("task", ["multiclass", "regression", "survival"])
def test_missingness_by_outcome_works_for_every_task(task):
    cohort = make_cohort(4000, task=task, missing=0.3, mechanism="outcome", random_state=0)
    y = -cohort.y["time"] if task == "survival" else cohort.y.to_numpy()
    for missing in (~cohort.truth["present"]).to_numpy().T:
        assert_allclose(missing.mean(), 0.3, atol=0.03)
        assert y[missing].mean() > y[~missing].mean()


def test_subjects_may_lose_everything_when_allowed():
    cohort = make_cohort(2000, missing=0.8, keep_one=False, random_state=0)
    assert_allclose((~cohort.truth["present"]).all(axis=1).mean(), 0.8**3, atol=0.04)


def test_scattered_cells_are_missing_inside_present_modalities():
    cohort = make_cohort(1000, scattered={"mri": 0.2}, missing={"pet": 0.3}, random_state=0)
    assert_allclose(cohort.X.filter(like="mri__").isna().to_numpy().mean(), 0.2, atol=0.01)
    assert not cohort.X.filter(like="clinical__").isna().any(axis=None)


# Errors and cost


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_subjects": 0}, r"`n_subjects` is 0; give an integer in \[1, inf\)"),
        ({"n_subjects": 10.5}, "give an integer"),
        ({"modalities": ["mri"]}, "give a mapping from name to number"),
        ({"modalities": {}}, "give a mapping from name to number"),
        ({"modalities": {"a__b": 3}}, "Rename it"),
        ({"modalities": {"": 3}}, "Rename it"),
        ({"modalities": {"mri_": 3}}, "Rename it"),
        ({"modalities": {"mri": 0}}, "at least one feature"),
        ({"modalities": {"mri": "thickness"}}, "a number or a list of names"),
        ({"modalities": {"mri": 2.5}}, "a number or a list of names"),
        ({"modalities": {"mri": ["a", "a"]}}, "names that differ"),
        ({"task": "ordinal"}, "choose one of 'binary'"),
        ({"mechanism": "mar"}, "choose one of 'mcar'"),
        ({"task": "multiclass", "n_classes": 1}, r"`n_classes` is 1; give an integer in \[2, inf\)"),
        ({"missing": {"petscan": 0.2}}, "modalities that do not exist.*petscan.*Known"),
        ({"missing": {1: 0.2, "b": 0.1}}, "modalities that do not exist"),
        ({"missing": 1.0}, r"give a number in \[0, 1\)"),
        ({"missing": {"pet": -0.1}}, r"`missing\['pet'\]` is -0.1"),
        ({"missing": 0.9}, "at most 2 is possible"),
        ({"scattered": 1}, r"give a number in \[0, 1\)"),
        ({"strength": -1}, r"give a number in \[0, inf\)"),
        ({"strength": "high"}, "give a number"),
        ({"strength": float("nan")}, "give a number"),
        ({"density": 1.2}, r"give a number in \[0, 1\]"),
        ({"shared_across": ["eeg"]}, "`shared_across` names modalities that do not exist"),
        ({"prevalence": 0}, "give a fraction"),
        ({"prevalence": [0.5, 0.5]}, "give a fraction"),
        ({"task": "multiclass", "prevalence": [0.5, 0.6, 0.1]}, "3 fractions > 0 that sum to 1"),
        ({"task": "regression", "prevalence": 0.2}, "no meaning"),
        ({"task": "regression", "exact_prevalence": True}, "is for binary tasks"),
        ({"task": "survival", "censoring": 1.0}, r"give a number in \[0, 1\)"),
        ({"interaction": 0.7, "nonlinear": 0.7}, "keep the sum at most 1"),
        ({"interaction": 0.5, "n_private": 0}, "fewer than two modalities"),
        ({"task": "subtype"}, "needs at least 2"),
        ({"task": "subtype", "n_subtypes": 2, "site_confounding": 1.0}, "neither site nor age"),
        ({"n_subtypes": 2, "strength": 0}, "needs signal factors"),
        ({"n_sites": 0}, "`n_sites` is 0"),
        ({"age_sd": 0}, "give years > 0"),
    ],
)
def test_errors_say_what_to_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_cohort(**arguments)


def test_missing_pandas_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "skfuse\[app\]"'):
        make_cohort(10)


def test_wide_blocks_are_quick():
    start = time.process_time()
    cohort = make_cohort(200, modalities={"mri": 5000, "omics": 5000}, random_state=0)
    assert cohort.X.shape == (200, 10_000)
    assert time.process_time() - start < 5  # half a second; the rest is for slow machines
