"""LateFusionClassifier: the leak-free loop, its combinations, and what scikit-learn does with it."""

import runpy
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.callback import ProgressBar
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skfuse.late_fusion import LateFusionClassifier, LogLinearPool, StandardizedLogisticCV, _rules
from skfuse.late_fusion._conditional import ConditionalMean
from skfuse.modalities import present_modalities

BY_HAND = runpy.run_path(str(Path(__file__).parent / "by_hand.py"))
LOGISTIC, loop, by_modality = (BY_HAND[name] for name in ("LOGISTIC", "loop", "by_modality"))


# Against a loop written by hand ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["skip", "impute"])
def test_stacking_is_the_loop_written_by_hand(cohort, missing):
    X, y, test = cohort.X.iloc[:90], cohort.y.to_numpy()[:90], cohort.X.iloc[90:]
    cv = StratifiedKFold(4, shuffle=True, random_state=3)
    model = LateFusionClassifier(LOGISTIC, cv=cv, missing=missing).fit(X, y)
    held, fits = loop(X, y, LOGISTIC, list(cv.split(X, y)), [0, 1])
    assert_array_equal(model.out_of_fold_, held)

    prior = np.bincount(y) / len(y)
    evidence, new = _rules.log_ratios(held, prior), _rules.log_ratios(by_modality(fits, test), prior)
    moves = [np.std([e[m, 1] - e[m, 0] for e in evidence if e[m].any()]) for m in range(3)]
    if missing == "impute":
        odds, new_odds = (np.where(v == 0, np.nan, v)[:, :, 1] - v[:, :, 0] for v in (evidence, new))
        imputer = ConditionalMean().fit(odds, np.ones(len(odds)))
        evidence, new = (
            np.stack([np.zeros_like(filled), filled], axis=2)
            for filled in (imputer.transform(odds), imputer.transform(new_odds))
        )
    pool = LogLinearPool().fit(evidence, y, np.ones(len(y)), prior)
    assert_allclose(model.predict_proba(test), pool.predict_proba(new), rtol=1e-12)
    assert_allclose(list(model.modality_weights_.values()), pool.coef_ * moves / (pool.coef_ @ moves))


@pytest.mark.parametrize("combine", ["gain", "best", "confidence", "dempster-shafer", "rank"])
def test_learned_rules_are_the_loop_written_by_hand(cohort, combine):
    X, y, test = cohort.X.iloc[:90], cohort.y.to_numpy()[:90], cohort.X.iloc[90:]
    model = LateFusionClassifier(LOGISTIC, combine=combine, cv=3).fit(X, y)
    held, fits = loop(X, y, LOGISTIC, list(StratifiedKFold(3).split(X, y)), [0, 1])
    assert_array_equal(model.out_of_fold_, held)
    prior, new = np.bincount(y) / len(y), by_modality(fits, test)

    gains, skills = [], []
    for m in range(3):
        has = ~np.isnan(held[:, m, 0])
        gain = [np.log(held[i, m, y[i]]) - np.log(prior[y[i]]) for i in np.flatnonzero(has)]
        gains.append(max(np.mean(gain), 0) if combine != "best" else np.sum(gain))
        skills.append(np.clip(2 * roc_auc_score(y[has], held[has, m, 1]) - 1, 0, 0.99))
    if combine == "best":
        chosen = new[:, np.argmax(gains)]
        expected = np.where(np.isnan(chosen), prior, chosen)
    elif combine == "dempster-shafer":
        expected = _rules.dempster_shafer(new, prior, np.array(skills))
    elif combine == "rank":

        def mean_rank(probabilities):
            out = np.zeros((len(probabilities), 2))
            for i, subject in enumerate(probabilities):
                ranks = []
                for m in np.flatnonzero(~np.isnan(subject[:, 0])):
                    reference = held[~np.isnan(held[:, m, 0]), m]
                    below = (reference < subject[m]).mean(axis=0)
                    ranks.append(2 * (below + (reference <= subject[m]).mean(axis=0)) - 2)
                out[i] = np.mean(ranks, axis=0)
            return out[:, None, :]

        expected = LogLinearPool().fit(mean_rank(held), y, np.ones(90), prior).predict_proba(mean_rank(new))
    else:
        weights = np.array(gains) if combine == "gain" else _rules.confidence_weights(new, np.array(gains))
        expected = _rules.weighted_mean(new, prior, weights)
    assert_allclose(model.predict_proba(test), expected, rtol=1e-10)


class Spy(ClassifierMixin, BaseEstimator):
    """Remembers which subjects (the first feature is their number) it was fitted on and asked about."""

    log = []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        Spy.log.append(("fit", X[:, 0].astype(int)))
        return self

    def predict_proba(self, X):
        Spy.log.append(("predict", X[:, 0].astype(int)))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def test_models_see_only_who_has_the_modality_and_never_the_subjects_they_predict(cohort):
    X = cohort.X.copy()
    for name in ("mri", "pet", "clinical"):
        first = next(column for column in X if column.startswith(name))
        X[first] = np.where(X[first].notna(), np.arange(len(X)), np.nan)
    present = present_modalities(cohort.X)
    Spy.log = []
    LateFusionClassifier(Spy(), cv=4).fit(X, cohort.y)
    fold_of = {}
    for name, start in zip(["mri", "pet", "clinical"], (0, 9, 18), strict=True):
        has = set(np.flatnonzero(present[name]))
        calls = Spy.log[start : start + 9]  # one fit on all, then a fit and a prediction for each fold
        assert [kind for kind, _ in calls] == ["fit"] + ["fit", "predict"] * 4
        assert set(calls[0][1]) == has
        for fold in range(4):
            train, test = set(calls[1 + 2 * fold][1]), set(calls[2 + 2 * fold][1])
            assert not train & test
            assert train | test == has
            for subject in test:  # one split for all modalities
                assert fold_of.setdefault(subject, fold) == fold


# Options of the estimators --------------------------------------------------------------------------------------------


def test_mapping_single_estimator_none_and_drop(cohort):
    one = LateFusionClassifier(GaussianNB()).fit(cohort.X, cohort.y)
    assert all(isinstance(fitted, GaussianNB) for fitted in one.estimators_.values())
    given = {"mri": RandomForestClassifier(5, random_state=0), "pet": "drop"}
    mixed = LateFusionClassifier(given, combine="mean")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixed.fit(cohort.X, cohort.y)
    assert list(mixed.estimators_) == ["mri", "clinical"]
    assert isinstance(mixed.estimators_["mri"], RandomForestClassifier)
    assert isinstance(mixed.estimators_["clinical"], StandardizedLogisticCV)
    assert not hasattr(given["mri"], "classes_")
    assert list(mixed.modality_weights_) == ["mri", "clinical"]


def test_nested_parameters_and_clone():
    model = LateFusionClassifier({"mri": LOGISTIC, "pet": GaussianNB()}, cv=3)
    assert model.get_params()["mri__logisticregression__C"] == 0.1
    model.set_params(mri__logisticregression__C=5.0, pet="drop", cv=4)
    assert model.estimators["mri"][-1].C == 5.0
    copy = clone(model)
    assert copy.estimators["pet"] == "drop"
    assert copy.estimators["mri"] is not model.estimators["mri"]
    with pytest.raises(ValueError, match=r"mir.*give it an entry"):
        model.set_params(mir__C=1.0)


def test_search_over_the_estimator_of_one_modality_in_a_pipeline(cohort):
    pipeline = make_pipeline("passthrough", LateFusionClassifier({"mri": LOGISTIC}, combine="mean"))
    grid = {
        "latefusionclassifier__mri__logisticregression__C": [0.01, 1.0],
        "latefusionclassifier__combine": ["mean", "stack"],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(cohort.X, cohort.y)
    best = search.best_params_["latefusionclassifier__mri__logisticregression__C"]
    assert best == search.best_estimator_[-1].estimators_["mri"][-1].C


def test_one_estimator_for_all_can_be_searched(cohort):
    search = GridSearchCV(LateFusionClassifier(LOGISTIC), {"estimators__logisticregression__C": [0.01, 1.0]}, cv=2)
    assert search.fit(cohort.X, cohort.y).best_params_


# Containers, displays, callbacks --------------------------------------------------------------------------------------


def test_every_container_gives_the_same(cohort):
    expected = LateFusionClassifier().fit(cohort.X, cohort.y).predict_proba(cohort.X)
    frame = pl.from_pandas(cohort.X.reset_index(drop=True))
    model = LateFusionClassifier().fit(frame, pl.Series(cohort.y.to_numpy()))
    assert_allclose(model.predict_proba(frame), expected, rtol=1e-10)
    assert isinstance(model.subject_weights(frame), np.ndarray)
    blocks = {"mri": slice(0, 6), "pet": [6, 7, 8, 9, 10], "clinical": np.arange(14) >= 11}
    array = cohort.X.to_numpy()
    frozen = array.copy()
    frozen.setflags(write=False)
    for X in (array, np.asfortranarray(array), frozen, array.tolist()):
        fitted = LateFusionClassifier(modalities=blocks).fit(X, cohort.y.tolist())
        assert_allclose(fitted.predict_proba(X), expected, rtol=1e-7)
    single = cohort.X.astype(np.float32)
    assert_allclose(LateFusionClassifier().fit(single, cohort.y).predict_proba(single), expected, rtol=1e-3)


def test_integers_have_nothing_missing():
    X = np.random.default_rng(0).integers(0, 9, size=(40, 4))
    y = (X[:, 0] + X[:, 2] > 8).astype(int)
    model = LateFusionClassifier(modalities={"a": [0, 1], "b": [2, 3]}).fit(X, y)
    assert model.score(X, y) > 0.7


@pytest.mark.parametrize("p", [1, 400])
def test_far_more_features_than_subjects_and_a_single_one(p):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 2 * p)), np.arange(24) % 2
    X[:, 0] += 3 * y
    model = LateFusionClassifier(modalities={"a": slice(0, p), "b": slice(p, 2 * p)}).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize(
    "labels",
    [np.array(["patient", "control"]), np.array([True, False]), np.array([-1, 7]), pd.Categorical(["b", "a"])],
)
def test_labels_of_any_kind_come_back(cohort, labels):
    y = np.asarray(labels)[cohort.y.to_numpy()]
    model = LateFusionClassifier(GaussianNB()).fit(cohort.X, y)
    assert set(model.predict(cohort.X)) <= set(y)
    assert_array_equal(model.classes_, np.unique(y))


def test_html_lists_the_modalities(cohort):
    model = LateFusionClassifier({"mri": SVC(), "pet": GaussianNB()})
    html = model._repr_html_()
    for text in ("mri", "pet", "SVC", "GaussianNB"):
        assert text in html
    assert "each modality" in LateFusionClassifier(SVC())._repr_html_()
    assert "LateFusionClassifier" in LateFusionClassifier().fit(cohort.X, cohort.y)._repr_html_()


class Recorder:
    """A callback that remembers the tasks of a fit."""

    def __init__(self):
        self.tasks = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **_):
        self.tasks.append(context.task_name)

    def on_fit_task_end(self, estimator, context, **_):
        pass


def test_progress_is_reported(cohort, capsys):
    recorder = Recorder()
    LateFusionClassifier(GaussianNB()).set_callbacks(recorder).fit(cohort.X, cohort.y)
    assert recorder.tasks[1:] == ["modality mri", "modality pet", "modality clinical"]
    pytest.importorskip("rich")
    LateFusionClassifier(GaussianNB()).set_callbacks(ProgressBar()).fit(cohort.X, cohort.y)
    assert "100%" in capsys.readouterr().out


def test_single_missing_cells_are_welcome_by_default(cohort):
    holes = cohort.X.mask(np.random.default_rng(0).random(cohort.X.shape) < 0.1)
    assert np.isfinite(LateFusionClassifier().fit(holes, cohort.y).predict_proba(holes)).all()
    imputed = make_pipeline(SimpleImputer(keep_empty_features=True), GaussianNB())
    assert np.isfinite(LateFusionClassifier(imputed).fit(holes, cohort.y).predict_proba(holes)).all()
