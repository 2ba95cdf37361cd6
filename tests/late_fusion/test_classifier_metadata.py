"""LateFusionClassifier: weights and groups of subjects, with and without metadata routing."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedGroupKFold, StratifiedKFold, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skfuse.late_fusion import LateFusionClassifier
from skfuse.late_fusion._classifier import FIXED_RULES, LEARNED_RULES

GROUPS = np.arange(120) % 8


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def requesting(**requests):
    return LogisticRegression(C=0.1).set_fit_request(**requests)


class Spy(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted with."""

    log = []

    def fit(self, X, y, sample_weight=None, groups=None):
        self.classes_ = np.unique(y)
        Spy.log.append((len(X), sample_weight, groups))
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


# Weights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("combine", [*FIXED_RULES, *LEARNED_RULES])
def test_weight_zero_leaves_a_subject_out(cohort, combine):
    weights = np.where(np.arange(120) % 4 == 1, 0.0, 1.0)
    kept = weights > 0
    model = LateFusionClassifier(combine=combine)
    weighted = model.fit(cohort.X, cohort.y, sample_weight=weights).predict_proba(cohort.X)
    fewer = model.fit(cohort.X[kept], cohort.y[kept], sample_weight=weights[kept]).predict_proba(cohort.X)
    assert_allclose(weighted, fewer, rtol=1e-10)


def test_equal_weights_are_no_weights(cohort):
    plain = LateFusionClassifier().fit(cohort.X, cohort.y).predict_proba(cohort.X)
    for weights in (np.full(120, 2.0), 3.0, [1] * 120):
        weighted = LateFusionClassifier(LogisticRegression(C=0.1)).fit(cohort.X, cohort.y, weights)
        assert np.isfinite(weighted.predict_proba(cohort.X)).all()
    ones = LateFusionClassifier().fit(cohort.X, cohort.y, np.ones(120)).predict_proba(cohort.X)
    assert_allclose(ones, plain, rtol=1e-10)


def test_weights_move_the_prior_the_models_and_the_combination(cohort):
    weights = np.where(cohort.y == 1, 3.0, 1.0)
    model = LateFusionClassifier(final_estimator=LogisticRegression()).fit(cohort.X, cohort.y, weights)
    assert_allclose(model.class_prior_[1], weights[cohort.y == 1].sum() / weights.sum())
    plain = LateFusionClassifier(final_estimator=LogisticRegression()).fit(cohort.X, cohort.y)
    assert model.predict_proba(cohort.X)[:, 1].mean() > plain.predict_proba(cohort.X)[:, 1].mean() + 0.1


def test_weights_reach_each_model_in_the_order_of_its_subjects(cohort):
    Spy.log = []
    weights = np.arange(1.0, 121.0)
    LateFusionClassifier(Spy(), combine="mean").fit(cohort.X, cohort.y, sample_weight=weights, groups=GROUPS)
    for (n, given, groups), name in zip(Spy.log, ["mri", "pet", "clinical"], strict=True):
        has = cohort.X[f"{name}__f01"].notna().to_numpy()
        assert n == has.sum()
        assert_array_equal(given, weights[has])
        assert_array_equal(groups, GROUPS[has])


@pytest.mark.parametrize("calibrate", [None, "sigmoid"])
def test_weights_reach_the_last_step_of_a_pipeline(cohort, calibrate):
    weights = np.where(cohort.y == 1, 5.0, 1.0)
    pipeline = make_pipeline(StandardScaler(), LinearSVC())
    one, two = (
        LateFusionClassifier(pipeline, combine="mean", calibrate=calibrate).fit(cohort.X, cohort.y, w)
        for w in (weights, None)
    )
    assert one.predict_proba(cohort.X)[:, 1].mean() > two.predict_proba(cohort.X)[:, 1].mean() + 0.1


def test_an_estimator_that_takes_no_weights_is_named(cohort):
    weights = np.arange(1, 121)
    with pytest.raises(TypeError, match=r"modality 'pet', KNeighborsClassifier, takes no sample_weight"):
        LateFusionClassifier({"pet": KNeighborsClassifier()}).fit(cohort.X, cohort.y, weights)
    with pytest.raises(TypeError, match=r"The final_estimator, KNeighborsClassifier, takes no sample_weight"):
        LateFusionClassifier(final_estimator=KNeighborsClassifier()).fit(cohort.X, cohort.y, weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(120), "at least one non-zero"),
        (np.full(120, np.nan), "sample_weight contains NaN"),
        (-np.ones(120), "Negative values"),
        (np.ones(3), r"sample_weight.shape == \(3,\)"),
    ],
)
def test_impossible_weights_are_refused(cohort, weights, message):
    with pytest.raises(ValueError, match=message):
        LateFusionClassifier().fit(cohort.X, cohort.y, sample_weight=weights)


def test_a_class_without_weight_is_no_class(cohort, three_classes):
    with pytest.raises(ValueError, match=r"one class only among the subjects who take part .*weight above 0.*: 0"):
        LateFusionClassifier().fit(cohort.X, cohort.y, sample_weight=(cohort.y == 0).astype(float))
    weights = (three_classes.y != 1).astype(float)
    model = LateFusionClassifier().fit(three_classes.X, three_classes.y, sample_weight=weights)
    assert_array_equal(model.classes_, [0, 2])


# Weights, routed --------------------------------------------------------------------------------------------------


def test_routed_weights_go_where_they_are_requested(cohort, routing):
    weights = np.where(cohort.y == 1, 5.0, 1.0)
    asked = LateFusionClassifier(requesting(sample_weight=True), combine="mean").fit(cohort.X, cohort.y, weights)
    refused = LateFusionClassifier(requesting(sample_weight=False), combine="mean").fit(cohort.X, cohort.y, weights)
    plain = LateFusionClassifier(requesting(sample_weight=True), combine="mean").fit(cohort.X, cohort.y)
    assert_allclose(refused.predict_proba(cohort.X), plain.predict_proba(cohort.X))
    assert asked.predict_proba(cohort.X)[:, 1].mean() > plain.predict_proba(cohort.X)[:, 1].mean() + 0.1


def test_routed_weights_need_a_decision_for_every_estimator(cohort, routing):
    for options in (
        {"estimators": LogisticRegression()},
        {"estimators": {"mri": LogisticRegression()}},
        {"final_estimator": LogisticRegression()},
    ):
        with pytest.raises(UnsetMetadataPassedError, match="LogisticRegression"):
            LateFusionClassifier(**options).fit(cohort.X, cohort.y, sample_weight=np.ones(120))


def test_routing_gives_what_no_routing_gives(cohort):
    weights = np.arange(1.0, 121.0)
    options = {"final_estimator": LogisticRegression(), "estimators": {"mri": LogisticRegression(C=0.1)}}
    plain = LateFusionClassifier(**options).fit(cohort.X, cohort.y, sample_weight=weights, groups=GROUPS)
    with sklearn.config_context(enable_metadata_routing=True):
        options = {
            "final_estimator": LogisticRegression().set_fit_request(sample_weight=True),
            "estimators": {"mri": requesting(sample_weight=True)},
        }
        routed = LateFusionClassifier(**options).fit(cohort.X, cohort.y, sample_weight=weights, groups=GROUPS)
    assert_allclose(routed.predict_proba(cohort.X), plain.predict_proba(cohort.X), rtol=1e-10)


@pytest.mark.parametrize("calibrate", [None, "sigmoid"])
def test_default_estimators_take_routed_weights_and_groups(cohort, routing, calibrate):
    model = LateFusionClassifier(calibrate=calibrate).fit(cohort.X, cohort.y, np.arange(1, 121), GROUPS)
    assert np.isfinite(model.predict_proba(cohort.X)).all()


# Groups ---------------------------------------------------------------------------------------------------------


def test_an_integer_cv_with_groups_splits_by_group(cohort):
    by_number = LateFusionClassifier(GaussianNB(), cv=4).fit(cohort.X, cohort.y, groups=GROUPS)
    splitter = StratifiedGroupKFold(4)
    by_splitter = LateFusionClassifier(GaussianNB(), cv=splitter).fit(cohort.X, cohort.y, groups=GROUPS)
    without = LateFusionClassifier(GaussianNB(), cv=4).fit(cohort.X, cohort.y)
    assert_array_equal(by_number.out_of_fold_, by_splitter.out_of_fold_)
    assert not np.array_equal(by_number.out_of_fold_, without.out_of_fold_, equal_nan=True)


def test_twins_do_not_predict_each_other(rng):
    X = np.repeat(rng.normal(size=(30, 8)), 2, axis=0)
    y, groups = np.repeat(rng.integers(0, 2, size=30), 2), np.repeat(np.arange(30), 2)
    model = LateFusionClassifier(KNeighborsClassifier(1), {"a": slice(0, 4), "b": slice(4, 8)}, random_state=0)
    fooled = model.fit(X, y).out_of_fold_[np.arange(60), :, y].mean()
    honest = model.fit(X, y, groups=groups).out_of_fold_[np.arange(60), :, y].mean()
    assert fooled > 0.8
    assert honest < 0.65


def test_group_splitter_without_groups_says_how_to_give_them(cohort):
    with pytest.raises(ValueError, match=r"GroupKFold.*'groups' parameter should not be None.*fit\(X, y, groups=site"):
        LateFusionClassifier(cv=GroupKFold(3)).fit(cohort.X, cohort.y)


@pytest.mark.parametrize("groups", [np.where(np.arange(120) == 7, np.nan, 1.0), [None] * 120])
def test_a_subject_without_group_is_counted(cohort, groups):
    with pytest.raises(ValueError, match="`groups` is missing for"):
        LateFusionClassifier().fit(cohort.X, cohort.y, groups=groups)


def test_one_group_cannot_be_split(cohort):
    with pytest.raises(ValueError, match=r"every class \(and group\) is on both sides"):
        LateFusionClassifier().fit(cohort.X, cohort.y, groups=np.zeros(120))
    LateFusionClassifier(combine="mean").fit(cohort.X, cohort.y, groups=np.zeros(120))


def test_groups_of_another_length_are_refused(cohort):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LateFusionClassifier().fit(cohort.X, cohort.y, groups=np.arange(3))


def test_groups_may_be_strings_and_frames(cohort):
    named = np.array([f"site{g}" for g in GROUPS])
    one = LateFusionClassifier(GaussianNB()).fit(cohort.X, cohort.y, groups=named)
    two = LateFusionClassifier(GaussianNB()).fit(cohort.X, cohort.y, groups=GROUPS[:, None])
    assert_array_equal(one.out_of_fold_, two.out_of_fold_)


def test_groups_are_routed_through_cross_validation_search_and_pipeline(cohort, routing):
    class Seen(LateFusionClassifier):
        log = []

        def fit(self, X, y, sample_weight=None, groups=None):
            Seen.log.append(None if groups is None else (len(X), len(set(groups))))
            return super().fit(X, y, sample_weight, groups)

    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), Seen({"mri": GaussianNB()}, cv=2))
    search = GridSearchCV(pipeline, {"seen__mri__var_smoothing": [1e-9, 1e-3]}, cv=GroupKFold(2))
    result = cross_validate(
        search, cohort.X, cohort.y, params={"groups": GROUPS}, cv=GroupKFold(2), error_score="raise"
    )  # fmt: skip
    assert np.isfinite(result["test_score"]).all()
    assert Seen.log == [(30, 2)] * 4 + [(60, 4)] + [(30, 2)] * 4 + [(60, 4)]


def test_routed_groups_reach_the_inner_splitter(cohort, routing):
    model = LateFusionClassifier(GaussianNB(), cv=GroupKFold(4))
    cross_validate(model, cohort.X, cohort.y, params={"groups": GROUPS}, cv=GroupKFold(2), error_score="raise")


def test_a_splitter_that_ignores_groups_says_so(cohort):
    with pytest.warns(UserWarning, match="groups parameter is ignored by StratifiedKFold"):
        LateFusionClassifier(GaussianNB(), cv=StratifiedKFold(3)).fit(cohort.X, cohort.y, groups=GROUPS)
