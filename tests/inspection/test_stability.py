"""Weights refitted on parts of the subjects: what is learned, from whom, and what is said about it."""

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline

from skfuse.datasets import make_cohort
from skfuse.inspection import WeightStability, weight_stability
from skfuse.kernels import MKLClassifier, MKLRegressor, MKLSurvival
from skfuse.late_fusion import LateFusionClassifier
from skfuse.modalities import NoModalityWarning
from skfuse.preprocessing import ModalityScaler


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(120, missing=0.2, random_state=0)


def made(shares, n_subjects=100, n_train=80.0):
    shares = np.asarray(shares, dtype=float)
    names = [f"m{k}" for k in range(shares.shape[1])]
    return WeightStability(
        names, shares, [], np.empty((len(shares), 0)), dict.fromkeys(names, 0.0), {}, {}, n_subjects, n_train
    )


@pytest.mark.parametrize("weighting", ["lp", "easymkl"])
def test_shares_are_those_of_models_fitted_to_the_training_subjects(cohort, weighting):
    model = MKLClassifier(C=0.1, kernels=["linear", "rbf"], weighting=weighting, kernel_sum="sum")
    folds = list(KFold(3).split(cohort.X))
    found = weight_stability(model, cohort.X, cohort.y, cv=folds)
    for (train, _), modalities, kernels in zip(folds, found.modality_weights, found.kernel_weights, strict=True):
        fitted = clone(model).fit(cohort.X.iloc[train], cohort.y.iloc[train])
        assert dict(zip(found.modalities, modalities, strict=True)) == pytest.approx(fitted.modality_weights_)
        total = sum(fitted.kernel_weights_.values())
        shares = {name: weight / total for name, weight in fitted.kernel_weights_.items()}
        assert dict(zip(found.kernels, kernels, strict=True)) == pytest.approx(shares)
    whole = clone(model).fit(cohort.X, cohort.y)
    assert found.fitted_modality_weights == pytest.approx(whole.modality_weights_)
    assert found.contribution == whole.modality_contribution_


def test_a_refit_never_sees_the_subjects_left_out(cohort):
    folds = [(np.arange(80), np.arange(80, 120)), (np.arange(20, 110), np.arange(20))]
    found = weight_stability(MKLClassifier(C=0.1), cohort.X, cohort.y, cv=folds)
    other, y = cohort.X.copy(), cohort.y.copy()
    other.iloc[80:] = other.iloc[80:] * 50 + 3
    y.iloc[80:] = 1 - y.iloc[80:]
    changed = weight_stability(MKLClassifier(C=0.1), other, y, cv=folds)
    np.testing.assert_array_equal(found.modality_weights[0], changed.modality_weights[0])
    assert not np.allclose(found.modality_weights[1], changed.modality_weights[1])


def test_the_numbers_of_the_table_are_those_of_the_refits(cohort):
    found = weight_stability(MKLClassifier(C=0.1, p=1), cohort.X, cohort.y, n_repeats=2, random_state=0)
    assert found.modality_weights.shape == (10, 3)
    np.testing.assert_allclose(found.modality_weights.sum(axis=1), 1.0)
    table = found.to_frame()
    assert table["mean"].is_monotonic_decreasing
    for place, name in enumerate(found.modalities):
        own = found.modality_weights[:, place]
        row = table.loc[name]
        assert row["mean"] == pytest.approx(own.mean())
        assert row["sd"] == pytest.approx(own.std(ddof=1))
        assert (row["lower"], row["upper"]) == pytest.approx(tuple(np.percentile(own, [2.5, 97.5])))
        assert row["selected"] == (own > 0.01).mean()
        assert row["standard_error"] == pytest.approx(2 * own.std())  # five folds: the root of (n - d) / d is 2
    assert found.to_frame("kernels").index.name == "kernel"


def test_the_order_agrees_as_kendall_says():
    shares = np.random.default_rng(0).dirichlet(np.ones(5), 7).round(1)
    pairs = [kendalltau(shares[a], shares[b]).statistic for a in range(7) for b in range(a)]
    assert made(shares).rank_agreement() == pytest.approx(np.mean(pairs))
    assert made([[0.6, 0.4], [0.4, 0.6]]).rank_agreement() == pytest.approx(-1)
    assert np.isnan(made([[0.5, 0.5], [0.5, 0.5]]).rank_agreement())


def test_a_planted_modality_is_stable_and_noise_is_not():
    settings = {"modalities": {"a": 10, "b": 10, "c": 10}, "n_shared": 0, "n_private": {"a": 2, "b": 0, "c": 0}}
    drawn = make_cohort(400, strength={"a": 1.5, "b": 0.0, "c": 0.0}, effect=4.0, random_state=0, **settings)
    found = weight_stability(MKLClassifier(C=0.1, p=1.1), drawn.X, drawn.y, n_repeats=2, random_state=0)
    table = found.to_frame()
    assert table.index[0] == "a"
    assert table.loc["a", "lower"] > 2 * table.loc[["b", "c"], "upper"].max()
    few = drawn.X.iloc[:50], drawn.y.iloc[:50]
    small = weight_stability(MKLClassifier(C=0.1, p=1.1), *few, n_repeats=2, random_state=0)
    assert small.to_frame().loc["a", "sd"] > 1.5 * table.loc["a", "sd"]


def test_the_jackknife_comes_closer_to_new_cohorts_than_the_spread_of_refits():
    drawn = make_cohort(1600, random_state=1)
    parts = np.arange(1600).reshape(20, 80)
    model = MKLClassifier(C=0.1)
    found = [weight_stability(model, drawn.X.iloc[rows], drawn.y.iloc[rows], n_repeats=1) for rows in parts]
    truth = np.std([list(one.fitted_modality_weights.values()) for one in found], axis=0).mean()
    refits = np.mean([one.modality_weights.std(axis=0) for one in found])
    jackknife = np.mean([one.standard_error() for one in found])
    assert refits < 0.75 * truth
    assert 0.8 * truth < jackknife < 1.6 * truth


# Estimators, targets and folds ---------------------------------------------------------------------------------------


def test_late_fusion_pipelines_and_searches(cohort):
    late = LateFusionClassifier(LogisticRegression(max_iter=1000), combine="stack")
    found = weight_stability(late, cohort.X, cohort.y, cv=2, n_repeats=1, random_state=0)
    assert found.modalities == ["mri", "pet", "clinical"]
    assert found.kernels == []
    assert found.contribution == {}
    with pytest.raises(ValueError, match="no kernel_weights_"):
        found.to_frame("kernels")
    pipeline = make_pipeline(ModalityScaler(), MKLClassifier(kernels="linear"))
    search = GridSearchCV(pipeline, {"mklclassifier__C": [0.01, 0.1]}, cv=2)
    for estimator in (pipeline, search):
        one = weight_stability(estimator, cohort.X, cohort.y, cv=2, n_repeats=1, random_state=0)
        assert one.modality_weights.shape == (2, 3)
        assert one.kernels == ["mri__linear", "pet__linear", "clinical__linear"]


@pytest.mark.parametrize(("task", "model"), [("regression", MKLRegressor(C=0.1)), ("survival", MKLSurvival(C=0.1))])
def test_numbers_and_times(task, model):
    drawn = make_cohort(70, task=task, random_state=0)
    found = weight_stability(model, drawn.X, drawn.y, n_repeats=1, random_state=0)
    assert found.modality_weights.shape == (5, 3)
    assert found.n_train == 56


def test_events_are_spread_over_the_folds():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 4)), columns=["mri__a", "mri__b", "pet__a", "pet__b"])
    event = np.arange(60) < 5  # in folds that do not look, one may hold them all
    y = pd.DataFrame({"event": event, "time": rng.exponential(size=60)})
    found = weight_stability(MKLSurvival(C=0.1), X, y, n_repeats=3, random_state=0)
    assert len(found.modality_weights) == 15


def test_groups_stay_together_and_the_rarest_class_sets_the_folds(cohort):
    groups = np.arange(120) // 2
    seen = []

    class Watching(MKLClassifier):
        def fit(self, X, y, sample_weight=None, groups=None):
            seen.append(groups)
            return super().fit(X, y, sample_weight, groups)

    weight_stability(Watching(C=0.1), cohort.X, cohort.y, groups=groups, n_repeats=1, random_state=0)
    assert len(seen) == 6
    assert all((np.unique(one, return_counts=True)[1] == 2).all() for one in seen)
    y = np.zeros(120, dtype=int)
    y[:3] = 1
    few = weight_stability(MKLClassifier(C=0.1), cohort.X, y, n_repeats=1, random_state=0)
    assert len(few.modality_weights) == 3


def test_the_same_seed_and_any_number_of_jobs_give_the_same(cohort):
    settings = {"n_repeats": 1, "random_state": 3}
    one = weight_stability(MKLClassifier(C=0.1), cohort.X, cohort.y, **settings)
    with joblib.parallel_config(backend="threading"):  # starting processes would take longer than the rest
        two = weight_stability(MKLClassifier(C=0.1), cohort.X, cohort.y, n_jobs=2, **settings)
    np.testing.assert_allclose(one.modality_weights, two.modality_weights, rtol=1e-12)
    other = weight_stability(MKLClassifier(C=0.1), cohort.X, cohort.y, n_repeats=1, random_state=4)
    assert not np.allclose(one.modality_weights, other.modality_weights)


def test_a_modality_that_a_refit_leaves_out_has_no_weight(cohort):
    X = cohort.X.copy()
    X.loc[X.index[60:], X.columns.str.startswith("pet__")] = np.nan
    folds = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    with pytest.warns(NoModalityWarning, match="3 of 120 subjects"):  # of the fit on all, and nothing of the refits
        found = weight_stability(MKLClassifier(C=0.1), X, cohort.y, cv=folds)
    place = found.modalities.index("pet")
    assert found.modality_weights[0, place] > 0
    assert found.modality_weights[1, place] == 0


# What is said --------------------------------------------------------------------------------------------------------


def test_below_200_subjects_the_weights_are_called_unstable():
    shares = [[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.7, 0.2, 0.1]]
    said = made(shares, n_subjects=74, n_train=59.2).sentence
    assert said.startswith("With 74 subjects the weights of modalities are unstable: in 3 refits on 80 % of them each")
    low, high = np.percentile([0.5, 0.2, 0.7], [2.5, 97.5])
    assert f"the share of 'm0' ran from {low:.2f} to {high:.2f} (middle 95 %)" in said
    tau = np.mean([kendalltau(shares[a], shares[b]).statistic for a in range(3) for b in range(a)])
    assert f"agreed by {tau:.2f}".replace("-", "−") in said
    assert "a new cohort would differ more: by a standard error of about 0.41" in said
    assert made(shares, n_subjects=200).sentence.startswith("With 200 subjects the weights vary: ")


def test_given_weights_and_one_modality_are_said_to_be_that(cohort):
    found = weight_stability(MKLClassifier(weighting="average"), cohort.X, cohort.y, n_repeats=1)
    assert found.sentence == "The weights of modalities are the same in all 5 refits: they were given, not learned."
    assert made([[1.0], [1.0]]).sentence == "The model has one modality, 'm0', whose weight is 1."


def test_errors_say_what_to_do(cohort):
    with pytest.raises(ValueError, match="LogisticRegression has no `modality_weights_`"):
        weight_stability(LogisticRegression(), cohort.X.fillna(0), cohort.y)
    with pytest.raises(ValueError, match="cannot be split into refits that keep every class"):
        weight_stability(MKLClassifier(), cohort.X, (np.arange(120) < 1).astype(int))
    with pytest.raises(ValueError, match="two are needed at least"):
        weight_stability(MKLClassifier(), cohort.X, cohort.y, cv=ShuffleSplit(1, random_state=0))
    with pytest.raises(ValueError, match="`n_repeats` must be a whole number"):
        weight_stability(MKLClassifier(), cohort.X, cohort.y, n_repeats=0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        weight_stability(MKLClassifier(), cohort.X, cohort.y[:50])
    with pytest.raises(ValueError, match="'modalities' or 'kernels', got 'modality'"):
        made([[0.5, 0.5]] * 2).to_frame("modality")
