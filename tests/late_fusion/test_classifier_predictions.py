"""LateFusionClassifier: what its predictions promise, and how near they come to the truth."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfuse.datasets import make_cohort
from skfuse.late_fusion import LateFusionClassifier
from skfuse.late_fusion._classifier import FIXED_RULES, LEARNED_RULES, aligned_probabilities
from skfuse.modalities import present_modalities

EVERY_RULE = (*FIXED_RULES, *LEARNED_RULES)
every_rule = pytest.mark.parametrize("combine", EVERY_RULE)


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


def test_two_jobs_give_what_one_gives(cohort):
    one = LateFusionClassifier().fit(cohort.X, cohort.y)
    two = LateFusionClassifier(n_jobs=2).fit(cohort.X, cohort.y)
    assert_allclose(two.out_of_fold_, one.out_of_fold_, rtol=1e-7)
    assert_allclose(two.predict_proba(cohort.X), one.predict_proba(cohort.X), rtol=1e-7)


@every_rule
@pytest.mark.filterwarnings("ignore::skfuse.modalities.NoModalityWarning")
def test_a_dropped_modality_is_as_if_its_columns_were_not_there(cohort, combine):
    dropped = LateFusionClassifier({"pet": "drop"}, combine=combine).fit(cohort.X, cohort.y)
    without = cohort.X[[column for column in cohort.X if not column.startswith("pet")]]
    removed = LateFusionClassifier(combine=combine).fit(without, cohort.y)
    assert_allclose(dropped.predict_proba(cohort.X), removed.predict_proba(without), rtol=1e-10)


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


# Truth ----------------------------------------------------------------------------------------------------------------


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
