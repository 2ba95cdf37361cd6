"""compare_strategies: its scores and summary, the tables of its parts, warnings, progress."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline

from skfuse.datasets import make_cohort
from skfuse.evaluation import compare_strategies, make_strategies
from skfuse.evaluation.scores import score_fold

COMPARING = runpy.run_path(str(Path(__file__).parent / "comparing.py"))
PLAIN, CHEAP, by_name = (COMPARING[name] for name in ("PLAIN", "CHEAP", "by_name"))


def test_scores_equal_scikit_learns_cross_validation(cohort):
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["late-mean", "concatenation"], n_splits=3, n_repeats=2, random_state=0
    )
    scores = found.scores.groupby("strategy")
    for name, estimator in make_strategies(cohort.X, names=["late-mean", "concatenation"]).items():
        expected = cross_validate(estimator, cohort.X, cohort.y, cv=cv, scoring=["roc_auc", "neg_log_loss"])
        mine = scores.get_group(name).pivot(index=["repeat", "fold"], columns="score", values="value")
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
        "AUC": pytest.approx(roc_auc_score(y == "yes", p)),
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


def test_summary_puts_the_best_first_and_says_how_sure(found):
    table = found.summary()
    estimates = table["AUC", "estimate"]
    assert estimates.is_monotonic_decreasing
    assert estimates["prevalence"] == 0.5
    best = table["AUC"].iloc[0]
    assert best["lower"] < best["estimate"] < best["upper"] < 1


def test_regression_is_scored_by_r2_first():
    cohort = make_cohort(120, task="regression", effect=3.0, random_state=0)
    found = compare_strategies(
        cohort.X, cohort.y, task="regression", strategies=["prevalence", "late-stack"], n_repeats=1, random_state=0
    )
    assert found.summary().columns.get_level_values(0).unique().tolist() == ["R2", "RMSE", "r"]
    assert found.summary().index[0] == "late-stack"
    assert np.isnan(found.summary().loc["prevalence", ("r", "estimate")])


def test_three_classes_are_compared_without_what_needs_two():
    cohort = make_cohort(120, task="regression", effect=3.0, random_state=0)
    y = np.digitize(cohort.y, np.quantile(cohort.y, [1 / 3, 2 / 3]))
    found = compare_strategies(cohort.X, y, strategies=["late-mean"], n_splits=3, n_repeats=1, random_state=0)
    assert by_name(found, "differences", in_family=True)["gain"].notna().all()
    assert found.tables["calibration"].empty
    assert any("two classes only" in note for note in found.notes)


def test_each_modality_is_left_out_and_taken_away(found):
    table = found.tables["modalities"].set_index("modality")
    alone = found.summary()["AUC", "estimate"]
    assert table.loc["mri", "alone"] == alone["single:mri"]
    contribution = alone["late-stack"] - table["without"]
    np.testing.assert_allclose(table["contribution"], contribution)
    assert table["weight"].sum() == pytest.approx(1)
    missing = found.tables["missing_at_test"]
    assert set(missing["modality"]) == {"mri", "pet", "clinical"}
    np.testing.assert_allclose(missing["estimate"] - missing["strategy"].map(alone), missing["change"], atol=1e-12)


def test_an_estimator_of_ones_own_that_looks_at_one_modality_is_no_fusion(cohort):
    columns = [column for column in cohort.X if column.startswith("mri__")]
    other = make_column_transformer((SimpleImputer(), columns))
    mine = {"first": make_pipeline(other, LogisticRegression()), "both": PLAIN}
    found = compare_strategies(cohort.X, cohort.y, strategies=mine, reference="first", n_splits=3, n_repeats=1)
    assert {name: found.strategies[name]["family"] for name in mine} == {"first": "single", "both": "own"}
    assert found.headline == "both"
    differences = found.tables["differences"]
    assert set(differences["strategy"]) == {"both"}
    table = by_name(found, "missing_at_test", strategy="both").set_index("modality")
    assert set(table.index) == {"mri", "pet", "clinical"}


def test_thresholds_are_fixed_on_training_subjects_only(cohort):
    changed = cohort.y.copy()
    options = {"strategies": ["late-mean"], "reference": "prevalence"}
    cv = [(np.arange(40, 120), np.arange(40))]
    changed.iloc[:40] = 1 - changed.iloc[:40]
    tables = [
        compare_strategies(cohort.X, y, cv=cv, **options).tables["thresholds"].set_index("strategy")
        for y in (cohort.y, changed)
    ]
    assert tables[0].loc["late-mean", "threshold"] == tables[1].loc["late-mean", "threshold"]
    scores = ["ppv", "specificity"]
    assert (tables[0].loc["late-mean", scores] != tables[1].loc["late-mean", scores]).any()


def test_predictive_values_follow_the_stated_prevalence(cohort):
    found = compare_strategies(
        cohort.X,
        cohort.y,
        strategies=["late-mean"],
        n_splits=3,
        n_repeats=1,
        prevalence=0.05,
        random_state=0,
        reference="prevalence",
    )
    row = by_name(found, "thresholds", strategy="late-mean").iloc[0]
    hit, miss = row["sensitivity"] * 0.05, (1 - row["specificity"]) * 0.95
    assert row["ppv_at_prevalence"] == pytest.approx(hit / (hit + miss))


def test_treating_all_is_judged_on_the_tested_subjects(cohort):
    order = np.argsort(cohort.y.to_numpy(), kind="stable")
    cv = [(order[:80], order[80:])] if len(set(cohort.y.iloc[order[:80]])) == 2 else [(order[40:], order[:40])]
    test = np.r_[cv[0][1], order[:5]]
    cv = [(np.setdiff1d(np.arange(120), test), test)]
    found = compare_strategies(cohort.X, cohort.y, strategies={"plain": PLAIN}, reference="prevalence", cv=cv)
    share = cohort.y.iloc[test].mean()
    row = by_name(found, "net_benefit", strategy="treat all").query("threshold == 0.2").iloc[0]
    assert row["net_benefit"] == pytest.approx(share - (1 - share) * 0.25)


def test_a_strategy_that_learned_nothing_is_told_from_one_without_skill():
    small = make_cohort(40, effect=3.0, random_state=0)
    found = compare_strategies(
        small.X, small.y, strategies=["concatenation-boosting", "prevalence"], n_splits=4, n_repeats=1, random_state=0
    )
    (row,) = found.warnings[found.warnings["strategy"] == "concatenation-boosting"].itertuples()
    assert row.category == "ConstantPredictionWarning"
    assert "predicts the same for every subject" in row.message


def test_warnings_of_fits_are_counted_not_lost():
    cohort = make_cohort(60, missing=0.3, random_state=0)
    X = cohort.X.copy()
    X.iloc[:20] = np.nan
    found = compare_strategies(X, cohort.y, strategies=["late-mean"], n_splits=3, n_repeats=1)
    (row,) = found.warnings.query("strategy == 'late-mean'").itertuples()
    assert (row.category, row[3]) == ("NoModalityWarning", 3)
    assert "have no modality at all" in row.message


def test_progress_is_reported_to_the_end(cohort):
    seen = []
    compare_strategies(
        cohort.X,
        cohort.y,
        strategies=["prevalence"],
        reference="single:pet",
        n_repeats=1,
        on_progress=lambda *state: seen.append(state),
    )
    assert seen == [(i, 10) for i in range(1, 11)]  # the reference is run too
