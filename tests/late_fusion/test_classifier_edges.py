"""LateFusionClassifier: cohorts at the edge, and messages that name the modality and the cure."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, LeaveOneOut, PredefinedSplit, ShuffleSplit, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skfuse.datasets import make_cohort
from skfuse.late_fusion import LateFusionClassifier, StandardizedRidgeCV
from skfuse.late_fusion._classifier import FIXED_RULES, LEARNED_RULES
from skfuse.modalities import NoModalityWarning, SingleModalityWarning, SkippedModalityWarning, join_modalities

every_rule = pytest.mark.parametrize("combine", [*FIXED_RULES, *LEARNED_RULES])


def columns(X, modality):
    return [column for column in X if column.startswith(modality + "__")]


def without(X, rows, *modalities):
    """The table with modalities missing in some rows."""
    X = X.copy()
    for modality in modalities:
        X.loc[rows, columns(X, modality)] = np.nan
    return X


# Subjects and modalities ------------------------------------------------------------------------------------------


@every_rule
def test_subjects_without_any_modality_are_left_out_and_get_the_prior(cohort, combine):
    gone = np.arange(120) % 20 == 3
    X = without(cohort.X, gone, "mri", "pet", "clinical")
    model = LateFusionClassifier(combine=combine)
    with pytest.warns(NoModalityWarning, match="6 of 120 subjects") as caught:
        model.fit(X, cohort.y)
    assert caught[0].filename == __file__
    assert_allclose(model.class_prior_, np.bincount(cohort.y[~gone]) / 114)
    predicted = model.predict_proba(X)
    assert_allclose(predicted[gone], np.tile(model.class_prior_, (6, 1)))
    alone = LateFusionClassifier(combine=combine).fit(cohort.X[~gone], cohort.y[~gone])
    assert_allclose(predicted[~gone], alone.predict_proba(cohort.X[~gone]), rtol=1e-10)
    assert_array_equal(model.subject_weights(X)[gone], 0.0)


@every_rule
def test_a_table_with_everything_missing_gets_the_prior(cohort, combine):
    model = LateFusionClassifier(combine=combine).fit(cohort.X, cohort.y)
    assert_allclose(model.predict_proba(cohort.X * np.nan), np.tile(model.class_prior_, (120, 1)))
    assert set(model.predict(cohort.X * np.nan)) == {model.classes_[model.class_prior_.argmax()]}


@every_rule
def test_one_modality_left_at_predict_is_enough(cohort, combine):
    model = LateFusionClassifier(combine=combine).fit(cohort.X, cohort.y)
    X = without(cohort.X, slice(None), "pet", "clinical")
    predicted = model.predict_proba(X)
    assert_allclose(predicted.sum(axis=1), 1.0)
    has = X["mri__f01"].notna().to_numpy()
    if combine in ("mean", "median", "max", "product", "gain", "confidence"):
        assert_allclose(predicted[has], model.predict_proba_by_modality(X)["mri"][has], rtol=1e-6)
    assert_allclose(predicted[~has], np.tile(model.class_prior_, ((~has).sum(), 1)))


@every_rule
def test_a_modality_that_nobody_has_is_skipped(cohort, combine):
    X = cohort.X.assign(eeg__alpha=np.nan, eeg__beta=np.nan)
    model = LateFusionClassifier(combine=combine)
    with pytest.warns(SkippedModalityWarning, match="'eeg': no subject has it") as caught:
        model.fit(X, cohort.y)
    assert caught[0].filename == __file__
    assert model.skipped_modalities_ == {"eeg": "no subject has it"}
    plain = LateFusionClassifier(combine=combine).fit(cohort.X, cohort.y)
    expected = plain.predict_proba(cohort.X)
    assert_allclose(model.predict_proba(X), expected, rtol=1e-10)
    assert_allclose(model.predict_proba(X.assign(eeg__alpha=1.0)), expected, rtol=1e-10)
    assert list(model.subject_weights(X)) == ["mri", "pet", "clinical"]


def test_a_modality_of_one_class_only_is_skipped(cohort):
    X = without(cohort.X.assign(mri__f01=cohort.X["mri__f01"].fillna(0)), (cohort.y == 1).to_numpy(), "pet")
    with pytest.warns(SkippedModalityWarning, match="'pet': all subjects who have it are of one class"):
        model = LateFusionClassifier(combine="mean").fit(X, cohort.y)
    assert list(model.estimators_) == ["mri", "clinical"]
    assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.filterwarnings("ignore::skfuse.modalities.NoModalityWarning")
def test_a_modality_that_two_subjects_have_cannot_be_predicted_out_of_fold(cohort):
    rows = np.ones(120, dtype=bool)
    rows[[np.flatnonzero(cohort.y == 0)[0], np.flatnonzero(cohort.y == 1)[0]]] = False
    X = without(cohort.X, rows, "pet")
    X.loc[~rows, columns(X, "pet")] = 1.0
    with pytest.warns(SkippedModalityWarning, match="'pet': too few subjects have it"):
        model = LateFusionClassifier().fit(X, cohort.y)
    assert list(model.estimators_) == ["mri", "clinical"]


def test_nobody_has_anything(cohort):
    with pytest.raises(ValueError, match=r"No subject has any modality: every value of \['mri', 'pet', 'clinical'\]"):
        LateFusionClassifier().fit(cohort.X * np.nan, cohort.y)


def test_no_weight_where_there_are_modalities(cohort):
    X = without(cohort.X, np.arange(120) > 5, "mri", "pet", "clinical")
    weights = (np.arange(120) > 5).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoModalityWarning)
        with pytest.raises(ValueError, match="Every subject who has a modality has sample_weight 0"):
            LateFusionClassifier().fit(X, cohort.y, sample_weight=weights)


@pytest.mark.parametrize("combine", LEARNED_RULES)
def test_one_subject_per_class_is_too_few_to_learn_a_combination(combine):
    X = pd.DataFrame({"a__x": [0.0, 1.0], "b__x": [0.0, 1.0]})
    with pytest.raises(ValueError, match=r"n_samples = 2 cannot be split.*combine='mean', which needs no split"):
        LateFusionClassifier(combine=combine).fit(X, [0, 1])


@pytest.mark.parametrize("combine", FIXED_RULES)
def test_one_subject_per_class_is_enough_for_a_fixed_rule(combine):
    X = pd.DataFrame({"a__x": [0.0, 1.0], "b__x": [0.0, 1.0]})
    model = LateFusionClassifier(combine=combine).fit(X, ["a", "b"])
    assert_array_equal(model.predict(X), ["a", "b"])


def test_a_classifier_that_must_be_calibrated_needs_two_subjects_per_class():
    X = pd.DataFrame({"a__x": [0.0, 1.0], "b__x": [0.0, 1.0]})
    with pytest.raises(ValueError, match="LinearSVC must be calibrated"):
        LateFusionClassifier(LinearSVC(), combine="mean").fit(X, [0, 1])


def test_one_subject_and_one_class():
    X = pd.DataFrame({"a__x": [0.0], "b__x": [0.0]})
    with pytest.raises(ValueError, match="one class only"):
        LateFusionClassifier().fit(X, [0])
    with pytest.raises(ValueError, match=r"one class only .*'case'"):
        LateFusionClassifier().fit(pd.concat([X] * 3), ["case"] * 3)


def test_subjects_may_share_an_index(cohort):
    X = cohort.X.set_axis(np.zeros(120, dtype=int), axis=0)
    model = LateFusionClassifier().fit(X, cohort.y.to_numpy())
    expected = LateFusionClassifier().fit(cohort.X, cohort.y).predict_proba(cohort.X)
    assert_array_equal(model.predict_proba(X), expected)
    assert len(model.subject_weights(X)) == 120


def test_one_modality_is_worth_a_warning(cohort):
    with pytest.warns(SingleModalityWarning, match="nothing to fuse"):
        model = LateFusionClassifier(GaussianNB()).fit(np.random.default_rng(0).normal(size=(120, 3)), cohort.y)
    assert model.modality_weights_ == {"all": 1.0}


# The target -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda y: np.where(np.arange(120) == 7, np.nan, y),
        lambda y: np.where(np.arange(120) == 7, None, y),
        lambda y: np.where(np.arange(120) == 7, np.nan, np.where(y, "a", "b").astype(object)),
        lambda y: pd.Series(y).astype("Int64").mask(np.arange(120) == 7),
        lambda y: pd.Series(np.where(y, "a", "b"), dtype="string").mask(np.arange(120) == 7),
    ],
    ids=["float", "None", "text", "Int64", "string"],
)
def test_a_missing_target_is_counted_and_found(cohort, make):
    with pytest.raises(ValueError, match="target is missing for 1 of 120 subjects, the first in row 7"):
        LateFusionClassifier().fit(cohort.X, make(cohort.y.to_numpy()))


def test_a_column_of_a_frame_is_a_target_with_a_warning(cohort):
    with pytest.warns(DataConversionWarning):
        model = LateFusionClassifier(GaussianNB()).fit(cohort.X, cohort.y.to_frame())
    assert_array_equal(model.classes_, [0, 1])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "requires y to be passed"),
        (np.linspace(0, 1, 120), "Unknown label type: continuous"),
        (np.eye(2)[np.arange(120) % 2], "should be a 1d array"),
        (np.arange(118) % 2, "inconsistent numbers of samples"),
    ],
)
def test_a_target_of_the_wrong_kind(cohort, target, message):
    with pytest.raises(ValueError, match=message):
        LateFusionClassifier().fit(cohort.X, target)


# The table ------------------------------------------------------------------------------------------------------


def test_text_is_named(cohort):
    X = cohort.X.assign(clinical__sex=["F", "M"] * 60)
    with pytest.raises(ValueError, match=r"Modality 'clinical' holds 'F' in column 'clinical__sex', row 0"):
        LateFusionClassifier().fit(X, cohort.y)


def test_columns_outside_every_modality(cohort):
    with pytest.raises(ValueError, match=r"Columns \['site'\] belong to no modality"):
        LateFusionClassifier().fit(cohort.X.assign(site=1), cohort.y)
    blocks = {"mri": "^mri__", "pet": "^pet__", "clinical": "^clinical__"}
    model = LateFusionClassifier(modalities=blocks).fit(cohort.X.assign(site="Oslo"), cohort.y)
    expected = LateFusionClassifier().fit(cohort.X, cohort.y).predict_proba(cohort.X)
    assert_array_equal(model.predict_proba(cohort.X.assign(site="Rome")), expected)


def test_another_table_at_predict_gets_a_message_with_the_cure(cohort):
    model = LateFusionClassifier().fit(cohort.X, cohort.y)
    for X in (cohort.X[cohort.X.columns[::-1]], cohort.X.drop(columns=columns(cohort.X, "pet"))):
        with pytest.raises(ValueError, match=r"join_modalities\({...}, like=model\)"):
            model.predict(X)
    blocks = {"clinical": cohort.X[columns(cohort.X, "clinical")], "mri": cohort.X[columns(cohort.X, "mri")]}
    with pytest.warns(UserWarning, match="pet"):
        aligned = join_modalities(blocks, like=model)
    assert_array_equal(
        model.predict_proba(aligned.loc[cohort.X.index]), model.predict_proba(without(cohort.X, slice(None), "pet"))
    )


def test_not_fitted(cohort):
    for method in ("predict", "predict_proba", "decision_function", "subject_weights", "predict_proba_by_modality"):
        with pytest.raises(NotFittedError):
            getattr(LateFusionClassifier(), method)(cohort.X)


# Estimators -----------------------------------------------------------------------------------------------------


def test_single_missing_cells_name_modality_columns_and_cure(cohort):
    X = cohort.X.copy()
    row = X["pet__f01"].first_valid_index()
    X.loc[row, ["pet__f02", "pet__f04"]] = np.nan
    cure = r"(?s)Modality 'pet': GaussianNB failed.*in columns \['pet__f02', 'pet__f04'\].*make_pipeline\(SimpleImputer"
    for combine in ("stack", "mean"):
        with pytest.raises(ValueError, match=cure):
            LateFusionClassifier(GaussianNB(), combine=combine).fit(X, cohort.y)
    model = LateFusionClassifier(GaussianNB()).fit(cohort.X, cohort.y)
    with pytest.raises(ValueError, match=cure):
        model.predict(X)
    array = LateFusionClassifier(GaussianNB(), {"a": slice(0, 6), "pet": slice(6, 11)}, combine="mean")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoModalityWarning)
        with pytest.raises(ValueError, match=r"in columns \[7, 9\]"):
            array.fit(X.to_numpy(), cohort.y)


def test_a_failing_estimator_names_its_modality(cohort):
    class Fails(GaussianNB):
        def fit(self, X, y):
            raise ValueError("the moon is full")

    with pytest.raises(ValueError, match=r"Modality 'pet': Fails failed: the moon is full$"):
        LateFusionClassifier({"pet": Fails()}).fit(cohort.X, cohort.y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimators": {"mir": GaussianNB()}}, r"entries for \['mir'\], but the modalities of X are \['mri', 'pet'"),
        ({"estimators": {"mri": "logistic"}}, "modality 'mri' must have a method `fit`, or be 'drop', got 'logistic'"),
        ({"estimators": dict.fromkeys(["mri", "pet", "clinical"], "drop")}, "Every modality is left out"),
        ({"estimators": {"pet": Ridge()}}, "modality 'pet' must be a classifier, got Ridge, which is a regressor"),
        ({"estimators": StandardizedRidgeCV()}, "must be a classifier, got StandardizedRidgeCV"),
        ({"estimators": make_pipeline(StandardScaler(), Ridge())}, "must be a classifier, got Pipeline"),
        ({"final_estimator": Ridge()}, "`final_estimator` must be a classifier, got Ridge"),
        ({"final_estimator": GaussianNB(), "combine": "mean"}, "`final_estimator` belongs to combine='stack'"),
        ({"missing": "impute", "combine": "vote"}, "missing='impute' belongs to combine='stack'"),
        ({"missing": "indicator", "combine": "gain"}, "missing='indicator' belongs to combine='stack'"),
        ({"combine": "average"}, "'combine' parameter"),
        ({"missing": "zero"}, "'missing' parameter"),
        ({"calibrate": "platt"}, "'calibrate' parameter"),
        ({"cv": 1}, "'cv' parameter"),
        (
            {"estimators": {"mri": VotingClassifier([("nb", GaussianNB())])}},
            "Modality 'mri': VotingClassifier failed: .* has neither predict_proba nor a decision_function",
        ),
    ],
)
def test_options_that_cannot_work(cohort, options, message):
    with pytest.raises(ValueError, match=message):
        LateFusionClassifier(**options).fit(cohort.X, cohort.y)


def test_a_class_in_place_of_an_instance(cohort):
    with pytest.raises(TypeError, match="instance"):
        LateFusionClassifier(LogisticRegression).fit(cohort.X, cohort.y)


@pytest.mark.parametrize("name", ["cv", "missing", "combine", "n_jobs"])
def test_a_modality_cannot_be_called_like_a_parameter(cohort, name):
    X = cohort.X.rename(columns=lambda column: column.replace("mri__", f"{name}__"))
    with pytest.raises(ValueError, match=f"cannot be called '{name}'.*Rename"):
        LateFusionClassifier().fit(X, cohort.y)


# Splits ---------------------------------------------------------------------------------------------------------


def test_given_splits_name_rows_of_the_table_also_where_subjects_have_nothing(cohort):
    X = without(cohort.X, np.arange(120) < 10, "mri", "pet", "clinical")
    folds = list(StratifiedKFold(3).split(X, cohort.y))
    which = np.zeros(120, dtype=int)
    for number, (_, test) in enumerate(folds):
        which[test] = number
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoModalityWarning)
        one = LateFusionClassifier(GaussianNB(), cv=folds).fit(X, cohort.y)
        two = LateFusionClassifier(GaussianNB(), cv=PredefinedSplit(which)).fit(X, cohort.y)
        three = LateFusionClassifier(GaussianNB(), cv=(fold for fold in folds)).fit(X, cohort.y)
    assert_array_equal(one.out_of_fold_, two.out_of_fold_)
    assert_array_equal(one.out_of_fold_, three.out_of_fold_)
    assert np.isnan(one.out_of_fold_[:10]).all()


def test_splits_that_cannot_be_used(cohort):
    folds = list(StratifiedKFold(3).split(cohort.X, cohort.y))
    with pytest.raises(ValueError, match=r"fit got 60 subjects.*nested"):
        LateFusionClassifier(cv=folds).fit(cohort.X[:60], cohort.y[:60])
    with pytest.raises(ValueError, match=r"StratifiedKFold\(n_splits=90.*120 training subjects.*integer `cv`"):
        LateFusionClassifier(cv=StratifiedKFold(90)).fit(cohort.X, cohort.y)
    model = LateFusionClassifier(GaussianNB(), cv=iter(folds)).fit(cohort.X, cohort.y)
    with pytest.raises(ValueError, match="used up"):
        model.fit(cohort.X, cohort.y)


@pytest.mark.parametrize("cv", [LeaveOneOut(), KFold(2), ShuffleSplit(3, random_state=0), None, 50])
def test_other_splitters(cohort, cv):
    model = LateFusionClassifier(GaussianNB(), cv=cv).fit(cohort.X, cohort.y)
    assert_allclose(model.predict_proba(cohort.X).sum(axis=1), 1.0)


def test_sorted_labels_with_plain_folds_leave_classes_out_of_training(cohort):
    order = np.argsort(cohort.y.to_numpy(), kind="stable")
    X, y = cohort.X.iloc[order], cohort.y.iloc[order]
    with (
        pytest.raises(ValueError, match="too few subjects have it to predict any out of fold"),
        pytest.warns(SkippedModalityWarning),
    ):
        LateFusionClassifier(cv=[(np.arange(50), np.arange(50, 120))]).fit(X, y)
    assert np.isfinite(LateFusionClassifier(GaussianNB(), cv=KFold(4)).fit(X, y).predict_proba(X)).all()


# Numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1e-30, 1e6])
def test_units_of_features_do_not_matter(cohort, factor):
    expected = LateFusionClassifier().fit(cohort.X, cohort.y).predict_proba(cohort.X)
    X = cohort.X * factor
    assert_allclose(LateFusionClassifier().fit(X, cohort.y).predict_proba(X), expected, rtol=1e-5)


@every_rule
def test_constant_and_duplicated_columns(cohort, combine):
    X = cohort.X.assign(mri__one=1.0, pet__copy=cohort.X["pet__f01"], flat__a=3.0, flat__b=3.0)
    model = LateFusionClassifier(combine=combine).fit(X, cohort.y)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_far_outliers_at_predict_stay_probabilities(cohort):
    model = LateFusionClassifier().fit(cohort.X, cohort.y)
    predicted = model.predict_proba(cohort.X * 1e12)
    assert np.isfinite(predicted).all()
    assert_allclose(predicted.sum(axis=1), 1.0)


@pytest.mark.parametrize("what", ["y", "groups"])
def test_a_target_or_groups_in_another_order_than_the_table_are_refused(what):
    cohort = make_cohort(60, n_sites=4, random_state=0)
    given = {"y": cohort.y, "groups": cohort.site}
    given[what] = given[what].sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=rf"{what} is in another order than X.*{what}\.loc\[X\.index\]"):
        LateFusionClassifier().fit(cohort.X, given["y"], groups=given["groups"])


def test_without_the_best_modality_none_has_a_say():
    cohort = make_cohort(120, missing=0.3, effect=3.0, random_state=0)
    model = LateFusionClassifier(combine="best").fit(cohort.X, cohort.y)
    best = max(model.modality_weights_, key=model.modality_weights_.get)
    X = cohort.X.copy()
    X.loc[:, [column for column in X if column.startswith(best)]] = np.nan
    assert (model.subject_weights(X) == 0).all(axis=None)
    np.testing.assert_allclose(model.predict_proba(X), np.tile(model.class_prior_, (len(X), 1)))
