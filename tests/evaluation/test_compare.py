import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate

from skfuse.datasets import make_cohort
from skfuse.evaluation import compare_strategies, make_strategies
from skfuse.evaluation.scores import score_fold


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(120, missing=0.3, effect=3.0, n_sites=6, random_state=0)


def test_scores_equal_scikit_learns_cross_validation(cohort):
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["late-mean", "concatenation"], n_splits=3, n_repeats=2, random_state=0
    )
    scores = found.scores.groupby("strategy")
    for name, estimator in make_strategies(cohort.X, names=["late-mean", "concatenation"]).items():
        expected = cross_validate(estimator, cohort.X, cohort.y, cv=cv, scoring=["roc_auc", "neg_log_loss"])
        mine = scores.get_group(name).pivot(index="split", columns="score", values="value")
        np.testing.assert_allclose(mine["AUC"], expected["test_roc_auc"])
        np.testing.assert_allclose(mine["log loss"], -expected["test_neg_log_loss"])


def test_a_comparison_does_not_depend_on_the_number_of_jobs(cohort):
    one, two = (
        compare_strategies(
            cohort.X, cohort.y, strategies=["late-stack"], n_splits=3, n_repeats=1, n_jobs=jobs, random_state=0
        )
        for jobs in (1, 2)
    )
    np.testing.assert_allclose(one.scores["value"], two.scores["value"], rtol=1e-7)


def test_groups_stay_on_one_side_of_every_split(cohort):
    groups = cohort.site.to_numpy()
    found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], groups=groups, n_splits=3, random_state=0)
    assert len(found.splits) == 3
    for train, test in found.splits:
        assert not set(groups[train]) & set(groups[test])


class _GroupsSpy(ClassifierMixin, BaseEstimator):
    def fit(self, X, y, groups=None):
        assert groups is not None
        assert len(groups) == len(y)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


def test_groups_reach_estimators_that_take_them(cohort):
    compare_strategies(cohort.X, cohort.y, strategies={"spy": _GroupsSpy()}, groups=cohort.site, n_splits=3)


def test_warnings_of_fits_are_counted_not_lost():
    cohort = make_cohort(60, missing=0.3, random_state=0)
    X = cohort.X.copy()
    X.iloc[:20] = np.nan
    found = compare_strategies(X, cohort.y, strategies=["late-mean"], n_splits=3, n_repeats=1)
    (row,) = found.warnings.itertuples()
    assert (row.strategy, row.category, row[3]) == ("late-mean", "NoModalityWarning", 3)
    assert "have no modality at all" in row.message


def test_summary_puts_the_best_first(cohort):
    found = compare_strategies(cohort.X, cohort.y, strategies=["prevalence", "late-stack"], n_repeats=1)
    assert found.summary().index.tolist() == ["late-stack", "prevalence"]
    assert found.summary().loc["prevalence", ("AUC", "mean")] == 0.5


def test_regression_is_scored_by_r2_first():
    cohort = make_cohort(120, task="regression", effect=3.0, random_state=0)
    found = compare_strategies(
        cohort.X, cohort.y, task="regression", strategies=["prevalence", "late-stack"], n_repeats=1, random_state=0
    )
    assert found.summary().columns.get_level_values(0).unique().tolist() == ["R2", "RMSE", "r"]
    assert found.summary().index[0] == "late-stack"
    assert np.isnan(found.summary().loc["prevalence", ("r", "mean")])


def test_too_few_subjects_of_a_class_are_named(cohort):
    y = np.zeros(len(cohort.y), dtype=int)
    y[:3] = 1
    with pytest.raises(ValueError, match="Class 1 has 3 subjects, too few for 5 folds"):
        compare_strategies(cohort.X, y)


def test_progress_is_reported_to_the_end(cohort):
    seen = []
    compare_strategies(
        cohort.X, cohort.y, strategies=["prevalence"], n_repeats=1, on_progress=lambda *state: seen.append(state)
    )
    assert seen == [(i, 5) for i in range(1, 6)]


class _Fixed(ClassifierMixin, BaseEstimator):
    def __init__(self, probability, classes):
        self.probability = probability
        self.classes_ = classes

    def predict_proba(self, X):
        return self.probability


def test_scores_of_a_fold_are_scikit_learns():
    rng = np.random.default_rng(0)
    y = np.array(["no", "yes"])[rng.integers(2, size=40)]
    p = rng.uniform(size=40)
    found = score_fold(_Fixed(np.c_[1 - p, p], np.array(["no", "yes"])), None, y, "classification")
    label = np.where(p > 0.5, "yes", "no")
    assert found == {
        "AUC": roc_auc_score(y == "yes", p),
        "log loss": pytest.approx(log_loss(y, np.c_[1 - p, p])),
        "Brier": pytest.approx(brier_score_loss(y == "yes", p)),
        "accuracy": accuracy_score(y, label),
        "F1": f1_score(y, label, pos_label="yes"),
    }


def test_a_class_absent_from_a_fold_has_no_auc():
    p = np.array([[0.2, 0.3, 0.5], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2]])
    found = score_fold(_Fixed(p, np.array([0, 1, 2])), None, np.array([0, 1, 0, 1]), "classification")
    assert np.isnan(found["AUC"])
    assert np.isfinite(found["log loss"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "clf"}, "`task` must be one of"),
        ({"y": np.linspace(0, 1, 120)}, "use task='regression'"),
        ({"y": np.zeros(5, dtype=int)}, "X has 120 subjects, but y has 5"),
        ({"groups": np.arange(120) % 4}, "There are 4 groups, too few for 5 folds"),
        ({"strategies": "late"}, "There is no strategy 'late'"),
    ],
)
def test_a_call_that_cannot_work_says_why(cohort, change, message):
    with pytest.raises(ValueError, match=message):
        compare_strategies(cohort.X, **{"y": cohort.y} | change)


def test_a_target_in_another_order_is_refused(cohort):
    with pytest.raises(ValueError, match="y is in another order than X"):
        compare_strategies(cohort.X, cohort.y.sample(frac=1, random_state=0))


def test_a_strategy_that_learned_nothing_is_told_from_one_without_skill():
    small = make_cohort(40, effect=3.0, random_state=0)
    found = compare_strategies(
        small.X, small.y, strategies=["concatenation-boosting", "prevalence"], n_splits=4, n_repeats=1, random_state=0
    )
    (row,) = found.warnings.itertuples()
    assert (row.strategy, row.category) == ("concatenation-boosting", "ConstantPredictionWarning")
    assert "predicts the same for every subject" in row.message
