"""LateFusionClassifier: the leak-free loop, its combinations, and what scikit-learn does with it."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.callback import ProgressBar
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skfuse.datasets import make_cohort
from skfuse.late_fusion import LateFusionClassifier, LogLinearPool, MissingFlagWarning, StandardizedLogisticCV, _rules
from skfuse.late_fusion._classifier import FIXED_RULES, LEARNED_RULES, aligned_probabilities
from skfuse.late_fusion._conditional import ConditionalMean
from skfuse.modalities import present_modalities

EVERY_RULE = (*FIXED_RULES, *LEARNED_RULES)
every_rule = pytest.mark.parametrize("combine", EVERY_RULE)
LOGISTIC = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))


def lightgbm_or_skip():
    try:
        from lightgbm import LGBMClassifier
    except (ImportError, OSError) as error:
        pytest.skip(f"LightGBM cannot be loaded: {error}")
    return LGBMClassifier


def loop(X, y, estimator, folds, classes):
    """Predictions out of fold, one modality and one fold at a time, and the final fits."""
    names = list(dict.fromkeys(column.split("__")[0] for column in X))
    held, fits = np.full((len(X), len(names), len(classes)), np.nan), {}
    for m, name in enumerate(names):
        block = X[[column for column in X if column.startswith(name + "__")]].to_numpy()
        has = ~np.isnan(block).all(axis=1)
        for train, test in folds:
            train, test = train[has[train]], test[has[test]]
            held[test, m] = clone(estimator).fit(block[train], y[train]).predict_proba(block[test])
        fits[name] = clone(estimator).fit(block[has], y[has])
    return held, fits


def by_modality(fits, X):
    out = np.full((len(X), len(fits), 2), np.nan)
    for m, (name, fitted) in enumerate(fits.items()):
        block = X[[column for column in X if column.startswith(name + "__")]].to_numpy()
        has = ~np.isnan(block).all(axis=1)
        out[has, m] = fitted.predict_proba(block[has])
    return out


# Against a loop written by hand -------------------------------------------------------------------------------------


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


# Options of the estimators ------------------------------------------------------------------------------------------


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


@every_rule
@pytest.mark.filterwarnings("ignore::skfuse.modalities.NoModalityWarning")
def test_a_dropped_modality_is_as_if_its_columns_were_not_there(cohort, combine):
    dropped = LateFusionClassifier({"pet": "drop"}, combine=combine).fit(cohort.X, cohort.y)
    without = cohort.X[[column for column in cohort.X if not column.startswith("pet")]]
    removed = LateFusionClassifier(combine=combine).fit(without, cohort.y)
    assert_allclose(dropped.predict_proba(cohort.X), removed.predict_proba(without), rtol=1e-10)


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


@pytest.mark.parametrize("base", [LinearSVC(), make_pipeline(StandardScaler(), SVC())])
def test_a_classifier_without_probabilities_is_calibrated(cohort, base):
    model = LateFusionClassifier(base, combine="mean").fit(cohort.X, cohort.y)
    assert all(len(fitted.calibrated_classifiers_) == 1 for fitted in model.estimators_.values())
    assert_allclose(model.predict_proba(cohort.X).sum(axis=1), 1.0)


@pytest.mark.parametrize("calibrate", ["sigmoid", "isotonic"])
def test_calibration_of_every_classifier(cohort, calibrate):
    model = LateFusionClassifier(GaussianNB(), calibrate=calibrate).fit(cohort.X, cohort.y, groups=np.arange(120) % 9)
    assert all(fitted.method == calibrate for fitted in model.estimators_.values())
    assert np.isfinite(model.predict_proba(cohort.X)).all()


def test_an_estimator_whose_predict_appears_after_fit(cohort):
    stacked = StackingClassifier([("nb", GaussianNB())], cv=3)
    assert LateFusionClassifier(stacked, combine="mean").fit(cohort.X, cohort.y).score(cohort.X, cohort.y) > 0.5


# Final estimators -----------------------------------------------------------------------------------------------


def test_final_estimator_with_nan_sees_missing_modalities_as_nan(cohort):
    model = LateFusionClassifier(final_estimator=HistGradientBoostingClassifier(max_iter=5)).fit(cohort.X, cohort.y)
    features = model._final_features(model.out_of_fold_)
    assert_array_equal(np.isnan(features), ~present_modalities(cohort.X).to_numpy())
    assert not hasattr(model, "modality_weights_")
    with pytest.raises(AttributeError, match="neither coef_ nor feature_importances_"):
        model.subject_weights(cohort.X)


def test_final_estimator_without_nan_sees_missing_modalities_as_no_evidence(cohort):
    final = LogisticRegression()
    model = LateFusionClassifier(LOGISTIC, final_estimator=final, cv=3).fit(cohort.X, cohort.y)
    y = cohort.y.to_numpy()
    held, fits = loop(cohort.X, y, LOGISTIC, list(StratifiedKFold(3).split(cohort.X, y)), [0, 1])

    def odds(p):
        return np.nan_to_num(np.log(p[:, :, 1] / p[:, :, 0]) - np.log(y.mean() / (1 - y.mean())), nan=0.0)

    expected = clone(final).fit(odds(held), y)
    assert_allclose(model.final_estimator_.coef_, expected.coef_, rtol=1e-6)
    assert_allclose(model.decision_function(cohort.X), expected.decision_function(odds(by_modality(fits, cohort.X))))
    moves = np.abs(expected.coef_[0]) * [np.std([v for v in column if v != 0]) for column in odds(held).T]
    assert_allclose(list(model.modality_weights_.values()), moves / moves.sum())


def test_lightgbm_as_final_estimator(cohort):
    final = lightgbm_or_skip()(n_estimators=5, min_child_samples=5, verbose=-1)
    model = LateFusionClassifier(final_estimator=final).fit(cohort.X, cohort.y)
    assert_allclose(sum(model.modality_weights_.values()), 1.0)
    assert_allclose(model.predict_proba(cohort.X).sum(axis=1), 1.0)


def test_final_estimator_without_probabilities_is_calibrated(cohort):
    model = LateFusionClassifier(final_estimator=LinearSVC()).fit(cohort.X, cohort.y)
    assert_allclose(model.predict_proba(cohort.X).sum(axis=1), 1.0)


@pytest.mark.parametrize("missing", ["skip", "impute"])
@pytest.mark.parametrize("final", [None, LogisticRegression(), HistGradientBoostingClassifier(max_iter=3)])
def test_three_classes(three_classes, missing, final):
    X, y = three_classes.X, three_classes.y
    model = LateFusionClassifier(final_estimator=final, missing=missing).fit(X, y)
    assert model.out_of_fold_.shape == (150, 3, 3)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert model.score(X, y) > 0.4
    assert model.decision_function(X).shape == (150, 3)


def test_missing_flags_are_a_visible_choice(cohort):
    model = LateFusionClassifier(GaussianNB(), missing="indicator")
    with pytest.warns(MissingFlagWarning, match="shortcut") as caught:
        model.fit(cohort.X, cohort.y)
    assert caught[0].filename == __file__
    assert list(model.modality_weights_) == ["mri", "pet", "clinical"]

    y = present_modalities(cohort.X)["pet"].to_numpy()  # who lacks PET decides the outcome
    noise = cohort.X.drop(columns=[c for c in cohort.X if c.startswith("pet")])
    noise["pet__flag"] = np.where(y, np.random.default_rng(0).normal(size=120), np.nan)
    split = np.arange(120) % 2 == 0
    label = np.where(np.arange(120) % 10 == 0, ~y, y)  # PET has some of both classes
    with pytest.warns(MissingFlagWarning):
        model.fit(noise[split], label[split])
    with_flags = roc_auc_score(label[~split], model.predict_proba(noise[~split])[:, 1])
    without = LateFusionClassifier(GaussianNB()).fit(noise[split], label[split])
    assert with_flags > roc_auc_score(label[~split], without.predict_proba(noise[~split])[:, 1]) + 0.1


@pytest.mark.filterwarnings("ignore::skfuse.late_fusion.MissingFlagWarning")
@pytest.mark.parametrize("final", [LogisticRegression(), HistGradientBoostingClassifier(max_iter=3)])
def test_missing_flags_stand_behind_the_log_odds_of_a_final_estimator(cohort, final):
    model = LateFusionClassifier(missing="indicator", final_estimator=final).fit(cohort.X, cohort.y)
    features = model._final_features(model._predict_base(cohort.X))
    assert_array_equal(features[:, 3:] == 1, ~present_modalities(cohort.X).to_numpy())


# What predictions promise -----------------------------------------------------------------------------------------


@every_rule
def test_predictions_do_not_depend_on_batch_mates_or_order(cohort, combine):
    model = LateFusionClassifier(combine=combine).fit(cohort.X, cohort.y)
    together = model.predict_proba(cohort.X)
    assert_allclose(together.sum(axis=1), 1.0)
    alone = np.vstack([model.predict_proba(cohort.X.iloc[[row]]) for row in range(30)])
    assert_allclose(alone, together[:30], rtol=1e-7)
    order = np.random.default_rng(0).permutation(120)
    assert_allclose(model.predict_proba(cohort.X.iloc[order]), together[order], rtol=1e-7)
    assert_array_equal(model.predict(cohort.X), model.classes_[together.argmax(axis=1)])


@every_rule
def test_a_second_fit_and_a_pickle_give_the_same(cohort, combine):
    model = LateFusionClassifier(combine=combine, random_state=0).fit(cohort.X, cohort.y)
    first = model.predict_proba(cohort.X)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(cohort.X), first)
    assert_array_equal(model.fit(cohort.X, cohort.y).predict_proba(cohort.X), first)
    assert_array_equal(clone(model).fit(cohort.X, cohort.y).predict_proba(cohort.X), first)


def test_a_refit_with_another_final_estimator_forgets_the_weights(cohort):
    model = LateFusionClassifier().fit(cohort.X, cohort.y)
    model.set_params(final_estimator=HistGradientBoostingClassifier(max_iter=2)).fit(cohort.X, cohort.y)
    assert not hasattr(model, "modality_weights_")


def test_two_jobs_give_what_one_gives(cohort):
    one = LateFusionClassifier().fit(cohort.X, cohort.y)
    two = LateFusionClassifier(n_jobs=2).fit(cohort.X, cohort.y)
    assert_allclose(two.out_of_fold_, one.out_of_fold_, rtol=1e-7)
    assert_allclose(two.predict_proba(cohort.X), one.predict_proba(cohort.X), rtol=1e-7)


def test_per_subject_weights_and_probabilities(cohort):
    model = LateFusionClassifier(combine="confidence").fit(cohort.X, cohort.y)
    weights, present = model.subject_weights(cohort.X), present_modalities(cohort.X)
    assert isinstance(weights, pd.DataFrame)
    assert weights.index.equals(cohort.X.index)
    assert list(weights.columns) == ["mri", "pet", "clinical"]
    assert_allclose(weights.sum(axis=1), 1.0)
    assert (weights.to_numpy()[~present.to_numpy()] == 0).all()
    by_name = model.predict_proba_by_modality(cohort.X)
    assert list(by_name) == ["mri", "pet", "clinical"]
    for name, probabilities in by_name.items():
        assert probabilities.shape == (120, 2)
        assert_array_equal(np.isnan(probabilities[:, 0]), ~present[name])
        assert_allclose(probabilities[present[name]].sum(axis=1), 1.0)
    assert_allclose(sum(model.modality_weights_.values()), 1.0)


@pytest.mark.parametrize("combine", ["mean", "gain", "confidence"])
def test_weights_times_probabilities_are_the_prediction_of_averages(cohort, combine):
    model = LateFusionClassifier(combine=combine).fit(cohort.X, cohort.y)
    parts = np.stack(list(model.predict_proba_by_modality(cohort.X).values()), axis=1)
    weights = model.subject_weights(cohort.X).to_numpy()
    assert_allclose((np.nan_to_num(parts) * weights[:, :, None]).sum(axis=1), model.predict_proba(cohort.X))


def test_decision_function_is_the_log_odds_of_a_stack_only(cohort):
    model = LateFusionClassifier().fit(cohort.X, cohort.y)
    probability = model.predict_proba(cohort.X)
    assert_allclose(model.decision_function(cohort.X), np.log(probability[:, 1] / probability[:, 0]), rtol=1e-8)
    for combine in set(EVERY_RULE) - {"stack"}:
        assert not hasattr(LateFusionClassifier(combine=combine), "decision_function")
    assert not hasattr(LateFusionClassifier(final_estimator=GaussianNB()), "decision_function")


@pytest.mark.parametrize("final", [None, LogisticRegression(), HistGradientBoostingClassifier(max_iter=3)])
def test_decision_function_agrees_with_probabilities_where_nothing_is_known(cohort, three_classes, final):
    for data in (cohort, three_classes):
        model = LateFusionClassifier(final_estimator=final).fit(data.X, data.y)
        nothing = data.X.iloc[:2] * np.nan
        scores = model.decision_function(nothing)
        if scores.ndim == 1:
            assert_allclose(1 / (1 + np.exp(-scores)), model.class_prior_[1])
        else:
            assert_allclose(np.exp(scores), [model.class_prior_] * 2)
        assert_allclose(model.predict_proba(nothing), [model.class_prior_] * 2)


@pytest.mark.filterwarnings("ignore::skfuse.modalities.NoModalityWarning")
def test_a_class_that_a_modality_never_saw_keeps_its_prior(three_classes):
    X, y = three_classes.X.copy(), three_classes.y.to_numpy()
    X.loc[(y == 2), [column for column in X if column.startswith("pet")]] = np.nan
    model = LateFusionClassifier(LinearDiscriminantAnalysis()).fit(X, y)
    assert_array_equal(model.estimators_["pet"].classes_, [0, 1])
    pet = model.predict_proba_by_modality(X)["pet"]
    seen = pet[~np.isnan(pet[:, 0])]
    assert_allclose(seen[:, 2], model.class_prior_[2])
    assert_allclose(seen.sum(axis=1), 1.0)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_aligned_probabilities_put_each_class_in_its_place():
    model = GaussianNB().fit([[0.0], [0.1], [5.0], [5.1]], ["a", "a", "c", "c"])
    got = aligned_probabilities(model, np.array([[0.0]]), np.array(["a", "b", "c"]), np.array([0.5, 0.3, 0.2]))
    assert_allclose(got, [[0.7, 0.3, 0.0]], atol=1e-12)


# Truth ----------------------------------------------------------------------------------------------------------


@every_rule
def test_permuted_labels_give_chance(combine):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 6))
    X[rng.random(60) < 0.3, :3] = np.nan
    model = LateFusionClassifier(GaussianNB(), {"a": slice(0, 3), "b": slice(3, 6)}, combine=combine, cv=2)
    labels = np.arange(60) % 2
    scores = []
    for _ in range(20):
        y = rng.permutation(labels)
        scores.append(cross_val_score(model, X, y, cv=StratifiedKFold(2), scoring="roc_auc").mean())
    error = np.std(scores, ddof=1) / np.sqrt(20)
    assert abs(np.mean(scores) - 0.5) < 3 * error


def test_planted_noise_gets_less_weight_and_stacking_comes_near_the_truth():
    sizes, strength = {"mri": 10, "pet": 10, "eeg": 10}, {"mri": 2.0, "pet": 1.5, "eeg": 0.0}
    population = {"modalities": sizes, "strength": strength, "effect": 3.0, "missing": 0.2}
    train, test = make_cohort(500, **population, n_test=3000, random_state=0)
    gain = LateFusionClassifier(combine="gain").fit(train.X, train.y)
    assert gain.modality_weights_["eeg"] < 0.05
    assert min(gain.modality_weights_["mri"], gain.modality_weights_["pet"]) > 4 * gain.modality_weights_["eeg"]
    stack = LateFusionClassifier().fit(train.X, train.y)
    # What a modality moves is its weight times the spread of its log-odds, which noise hardly has.
    odds = stack._log_odds(stack.out_of_fold_)
    moves = dict(zip(sizes, stack.final_estimator_.coef_ * np.nanstd(odds, axis=0), strict=True))
    assert moves["eeg"] < 0.1 * min(moves["mri"], moves["pet"])

    # The best that these features allow, about: logistic regression on 1,000 further subjects, nothing missing.
    signal = test.X[[column for column in test.X if not column.startswith("eeg")]].dropna()
    many, new = signal.index[:1000], signal.index[1000:]
    joint = make_pipeline(StandardScaler(), LogisticRegression()).fit(signal.loc[many], test.y[many])
    reached = roc_auc_score(test.y[new], joint.predict_proba(signal.loc[new])[:, 1])
    auc = roc_auc_score(test.y[new], stack.predict_proba(test.X.loc[new])[:, 1])
    best = LateFusionClassifier(combine="best").fit(train.X, train.y)
    assert sorted(best.modality_weights_.values()) == [0.0, 0.0, 1.0]
    assert auc > reached - 0.03
    assert auc > roc_auc_score(test.y[new], best.predict_proba(test.X.loc[new])[:, 1]) + 0.02


# Containers, displays, callbacks ------------------------------------------------------------------------------------


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
