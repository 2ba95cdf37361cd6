"""compare_strategies: what is refused, containers, classes in any order, rare modalities and fits that fail."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skfuse.evaluation import compare_strategies
from skfuse.evaluation.fits import StrategyError

COMPARING = runpy.run_path(str(Path(__file__).parent / "comparing.py"))
PLAIN, CHEAP = (COMPARING[name] for name in ("PLAIN", "CHEAP"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "clf"}, "`task` must be one of"),
        ({"y": np.linspace(0, 1, 120), "task": "classification"}, "use task='regression'"),
        ({"y": np.zeros(5, dtype=int)}, "X has 120 subjects, but y has 5"),
        ({"groups": np.arange(120) % 4}, "There are 4 groups, too few for 5 folds"),
        ({"strategies": "late"}, "There is no strategy 'late'"),
        ({"reference": "mri"}, "There is no strategy 'mri'"),
        ({"reference": ["mri", "eeg"]}, r"names no modality of X: \['eeg'\]"),
        ({"scoring": "log loss"}, "Say with `margin` which difference in log loss"),
        ({"scoring": "R2"}, "`scoring` must be one of"),
        ({"margin": -0.1}, "`margin` must be a number not below 0"),
        ({"prevalence": 12}, "12 % is 0.12"),
        ({"y": np.array([1, np.nan] * 60)}, "y has missing entries"),
        ({"y": np.array(["a", None] * 60, dtype=object)}, "y has missing entries"),
        ({"y": np.zeros(120, dtype=int)}, "the same target"),
        ({"cv": [(np.arange(60), np.arange(50, 120))]}, "10 subjects both into training and into test"),
        ({"cv": [(np.arange(60), np.arange(60, 130))]}, "names row 129, but X has 120 rows"),
    ],
)
def test_a_call_that_cannot_work_says_why(cohort, change, message):
    with pytest.raises(ValueError, match=message):
        compare_strategies(cohort.X, **{"y": cohort.y} | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": {"late-mean": PLAIN}}, "means a strategy of the registry"),
        ({"strategies": {"mine without mri": PLAIN}}, "means a strategy of the registry or of the tables"),
        ({"strategies": {"mine": LogisticRegression}}, "Give instances"),
        ({"strategies": {1: PLAIN}}, "must be a name and an estimator"),
        ({"strategies": ["late-mean"], "headline": "prevalence"}, "fuses nothing"),
        ({"strategies": ["late-mean"], "headline": "late-stack"}, "is none of the strategies"),
        ({"strategies": ["late-mean"], "attestation": {"odd": True}}, "items that are not asked"),
    ],
)
def test_strategies_that_would_mislead_are_refused(cohort, change, message):
    with pytest.raises(ValueError, match=message):
        compare_strategies(cohort.X, cohort.y, **change)


def test_a_target_in_another_order_is_refused(cohort):
    with pytest.raises(ValueError, match="y is in another order than X"):
        compare_strategies(cohort.X, cohort.y.sample(frac=1, random_state=0))


def test_too_few_subjects_of_a_class_are_named(cohort):
    y = np.zeros(len(cohort.y), dtype=int)
    y[:3] = 1
    with pytest.raises(ValueError, match="Class 1 has 3 subjects, too few for 5 folds"):
        compare_strategies(cohort.X, y)


def test_an_estimator_without_probabilities_is_refused(cohort):
    from sklearn.svm import LinearSVC

    with pytest.raises(ValueError, match="has no predict_proba"):
        compare_strategies(cohort.X, cohort.y, strategies={"svm": LinearSVC()})


def test_an_array_without_modalities_is_refused(cohort):
    with pytest.raises(ValueError, match="without names of columns"):
        compare_strategies(cohort.X.to_numpy(), cohort.y)


def test_tables_of_another_library_and_arrays_give_the_same(cohort):
    import polars as pl

    options = {"strategies": ["late-mean"], "n_splits": 3, "n_repeats": 1, "random_state": 0, "reference": "prevalence"}
    plain = cohort.X.reset_index(drop=True)
    blocks = {name: slice(*where) for name, where in _places(plain).items()}
    expected = compare_strategies(plain, cohort.y.to_numpy(), **options).scores["value"]
    for X, modalities in ((pl.from_pandas(plain), None), (plain.to_numpy(), blocks)):
        found = compare_strategies(X, cohort.y.to_numpy(), modalities=modalities, **options)
        np.testing.assert_array_equal(found.scores["value"], expected)


def _places(X):
    prefixes = [column.partition("__")[0] for column in X]
    return {
        name: (prefixes.index(name), len(prefixes) - prefixes[::-1].index(name)) for name in dict.fromkeys(prefixes)
    }


def test_classes_in_another_order_are_put_in_order(cohort):
    class Turned(LogisticRegression):
        def fit(self, X, y):
            super().fit(np.nan_to_num(X), y)
            self.classes_ = self.classes_[::-1]
            return self

        def predict_proba(self, X):
            return super().predict_proba(np.nan_to_num(X))

    found = compare_strategies(
        cohort.X, cohort.y, strategies={"turned": Turned()}, reference="prevalence", **CHEAP
    ).summary()["AUC", "estimate"]
    assert found["turned"] < 0.5  # its columns are said to be the other way round, so they are put so


def test_what_is_rare_or_absent_does_not_end_a_comparison(cohort):
    X = cohort.X.copy()
    X["mri__empty"] = np.nan
    X[[f"rare__f{i}" for i in range(3)]] = np.nan
    X.iloc[:3, -3:] = 1.0
    X["nobody__f"] = np.nan
    site = np.where(X["pet__f01"].notna(), "with pet", "without")
    found = compare_strategies(X, cohort.y, site=site, **CHEAP)
    assert found.summary()["AUC", "estimate"].notna().all()
    assert found.summary().loc["single:nobody", ("AUC", "estimate")] == 0.5
    assert "NobodyHasItWarning" in set(found.warnings["category"])


def test_a_strategy_that_fails_is_named(cohort):
    with pytest.raises(StrategyError, match=r"Strategy 'plain' failed .* NaN"):
        compare_strategies(cohort.X, cohort.y, strategies={"plain": LogisticRegression()}, n_repeats=1)


def test_a_refit_that_fails_is_noted(cohort):
    columns = [column for column in cohort.X if column.startswith(("mri__", "pet__"))]
    needs = make_pipeline(make_column_transformer((SimpleImputer(), columns)), LogisticRegression())
    found = compare_strategies(cohort.X, cohort.y, strategies={"needs": needs}, reference="prevalence", **CHEAP)
    assert any(note.startswith("needs without mri: 3 of 3 fits failed") for note in found.notes)
    table = found.tables["modalities"].set_index("modality")
    assert np.isnan(table.loc["mri", "contribution"])
    assert np.isfinite(table.loc["clinical", "contribution"])
