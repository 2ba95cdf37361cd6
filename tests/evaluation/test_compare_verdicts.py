"""compare_strategies: whether fusion helped, by paired gains over the reference, their tests and DeLong's."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from skfuse.datasets import make_cohort
from skfuse.evaluation import compare_strategies

by_name = runpy.run_path(str(Path(__file__).parent / "comparing.py"))["by_name"]


def test_a_gain_is_the_paired_difference_of_the_folds(found):
    scores = found.scores.query("score == 'AUC'").pivot(index=["repeat", "fold"], columns="strategy", values="value")
    (row,) = by_name(found, "differences", strategy="late-stack", versus="best-single", subjects="all").itertuples()
    assert row.gain == pytest.approx((scores["late-stack"] - scores["best-single"]).mean())
    assert row.lower < row.gain < row.upper
    assert row.in_family
    assert row.p <= row.p_holm <= 1


def test_the_family_of_tests_is_every_fusion_against_the_reference(found):
    family = by_name(found, "differences", in_family=True)
    assert family["strategy"].tolist() == ["late-stack", "late-mean", "concatenation"]
    assert set(family["versus"]) == {"best-single"}
    assert found.tables["differences"].query("not in_family")["p_holm"].isna().all()


def test_who_has_both_is_a_smaller_sample_for_single_modalities(found, cohort):
    rows = by_name(found, "differences", strategy="late-stack", versus="single:pet").set_index("subjects")
    present = cohort.X.filter(regex="^pet__").notna().any(axis=1)
    others = cohort.X.filter(regex="^(mri|clinical)__").notna().any(axis=1)
    assert rows.loc["all", "n_subjects"] == 120
    assert rows.loc["both", "n_subjects"] == (present & others).sum()


def test_losses_count_as_gains_when_they_fall(cohort):
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["late-stack"], scoring="log loss", margin=0.01, n_splits=3, n_repeats=1
    )
    means = found.summary()["log loss", "estimate"]
    (row,) = by_name(found, "differences", subjects="all", role="reference").itertuples()
    assert row.gain == pytest.approx(means["best-single"] - means["late-stack"])


def test_modalities_can_be_the_reference(cohort):
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["late-stack"], reference=["clinical", "mri"], n_splits=3, n_repeats=1
    )
    assert found.reference == "late-stack:clinical+mri"
    assert by_name(found, "differences", role="reference")["versus"].unique().tolist() == [found.reference]
    one = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], reference=["pet"], n_splits=3, n_repeats=1)
    assert one.reference == "single:pet"


def test_a_fixed_split_has_delongs_test_and_the_interval_of_one_model(cohort):
    cv = [(np.arange(80), np.arange(80, 120))]
    found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], cv=cv)
    row = by_name(found, "delong", strategy="late-mean").iloc[0]
    assert row["difference"] == pytest.approx(row["auc"] - row["auc_versus"])
    assert row["lower"] <= row["difference"] <= row["upper"]
    (gain,) = by_name(found, "differences", in_family=True).itertuples()
    assert gain.gain == pytest.approx(row["difference"])
    assert gain.upper - gain.lower == pytest.approx(row["upper"] - row["lower"], rel=0.15)  # t, not normal, quantiles
    assert found.settings["interval"] == "subject"


def test_delong_is_not_run_over_folds(found):
    assert found.tables["delong"].empty


def test_few_events_have_no_p_value(cohort):
    events = np.flatnonzero(cohort.y == 1)[:15]
    rows = np.sort(np.r_[events, np.flatnonzero(cohort.y == 0)])
    found = compare_strategies(
        cohort.X.iloc[rows], cohort.y.iloc[rows], strategies=["late-mean"], n_splits=3, n_repeats=1
    )
    assert found.tables["differences"]["p"].isna().all()
    assert set(found.tables["differences"]["verdict"]) == {"inconclusive"}
    assert "too few events for a test" in found.sentence()


def test_less_wrong_than_a_reference_without_skill_is_not_called_helped(cohort):
    y = np.random.default_rng(1).permutation(cohort.y.to_numpy()) + 0.0
    noise = y + np.random.default_rng(2).normal(size=120)
    found = compare_strategies(
        cohort.X, noise, strategies=["late-mean"], reference="concatenation", n_repeats=2, random_state=0
    )
    row = by_name(found, "differences", in_family=True).iloc[0]
    assert row["skill_lower"] <= 0
    assert row["verdict"] != "helped"


def test_fusion_of_what_helps_is_found_to_help():
    cohort = make_cohort(400, missing=0.2, effect=3.0, random_state=3)
    options = {"strategies": ["late-mean"], "reference": ["clinical"], "n_repeats": 2, "random_state": 0}
    found = compare_strategies(cohort.X, cohort.y, **options)
    (row,) = by_name(found, "differences", in_family=True).itertuples()
    assert row.verdict == "helped"
    assert found.sentence().startswith("Fusion helped")


def test_a_correlation_can_help(cohort):
    regression = make_cohort(150, task="regression", effect=3.0, random_state=0)
    found = compare_strategies(
        regression.X,
        regression.y,
        strategies=["late-mean"],
        reference="single:clinical",
        scoring="r",
        margin=0.001,
        n_repeats=2,
        random_state=0,
    )
    (row,) = by_name(found, "differences", in_family=True).itertuples()
    assert row.skill_lower > 0
