"""Every kind of table, target and trouble: an answer or a clear error, and never a warning."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse.datasets import make_cohort
from skfuse.evaluation.leaks import check_leaks
from skfuse.evaluation.leaks._statistics import (
    between_classes,
    class_ranges,
    determination,
    flag_association,
    log_p_distance,
    log_p_function,
    log_p_separated,
    log_p_sorted,
)


@pytest.mark.parametrize("n", [2, 3, 6, 9])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_tiny_cohorts_are_not_judged(n, task):
    rng = np.random.default_rng(n)
    X = pd.DataFrame(rng.standard_normal((n, 30)), columns=[f"mri__f{number}" for number in range(30)])
    y = rng.standard_normal(n) if task == "regression" else np.arange(n) % 2
    report = check_leaks(X, y, task=task, site=np.arange(n) % 2, groups=np.arange(n), covariates=X[["mri__f0"]])
    assert report.found == []


def test_six_subjects_cannot_tell_a_copy_from_chance():
    X = pd.DataFrame({"mri__a": [0.0, 0, 0, 1, 1, 1], "mri__b": [3.0, 1, 2, 5, 4, 6]})
    finding = check_leaks(X, [0, 0, 0, 1, 1, 1])["target copied"]
    assert finding.status == "not checked"
    assert "6 subjects" in finding.evidence


def test_constant_and_empty_columns_and_one_class():
    cohort = make_cohort(60, random_state=0)
    X = cohort.X.assign(mri__constant=3.0, mri__empty=np.nan, gone__a=np.nan, gone__b=np.nan, flat__a=1.0, flat__b=1.0)
    assert check_leaks(X, cohort.y, site=np.arange(60) % 3).found == []
    report = check_leaks(X, np.zeros(60, dtype=int), site=np.arange(60) % 3)
    assert report.found == []
    assert report["target copied"].status == "not checked"


def test_infinite_cells_count_as_missing():
    cohort = make_cohort(60, random_state=0)
    cohort.X.iloc[3, 2] = np.inf
    cohort.X.iloc[4, 2] = -np.inf
    assert check_leaks(cohort.X, cohort.y).found == []


def test_nullable_types_categories_and_text():
    cohort = make_cohort(60, random_state=0)
    rng = np.random.default_rng(0)
    X = cohort.X.assign(
        clinical__grade=pd.array(rng.integers(0, 3, 60), dtype="Int64"),
        clinical__smoker=pd.array(rng.random(60) < 0.5, dtype="boolean"),
        clinical__hand=pd.Categorical(rng.choice(["left", "right"], 60)),
        clinical__allele=rng.choice(np.array(["AA", "AB", None], dtype=object), 60),
        clinical__number=rng.standard_normal(60).astype(str),
    )
    X.loc[X.index[:3], "clinical__grade"] = pd.NA
    assert check_leaks(X, cohort.y).found == []
    X["clinical__smoker"] = pd.array(cohort.y == 1, dtype="boolean")
    assert check_leaks(X, cohort.y)["target copied"].columns == ("clinical__smoker",)


def test_polars_arrays_and_frames_agree():
    cohort = make_cohort(60, missing=0.3, random_state=0)
    cohort.X["mri__copy"] = 1.0 - cohort.y
    found = [
        [(one.check, one.level, one.evidence) for one in check_leaks(X, y).findings]
        for X, y in (
            (cohort.X, cohort.y.rename(None)),
            (cohort.X.reset_index(drop=True), cohort.y.astype(bool).to_numpy()),
            (pl.from_pandas(cohort.X), cohort.y.map({0: "no", 1: "yes"}).to_list()),
        )
    ]
    assert found[0] == found[1] == found[2]
    report = check_leaks(cohort.X.filter(like="mri").dropna().to_numpy(), cohort.y[cohort.X["mri__f01"].notna()])
    assert [finding.check for finding in report.found] == ["target copied"]


def test_float32_is_kept_and_wide_tables_are_screened():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((150, 35_000), dtype=np.float32)  # 128 of the 150 subjects are looked at first
    y = rng.integers(0, 2, 150)
    values[::3] = np.nan
    values[:, 31_234] = y + 0.05 * rng.standard_normal(150)
    values[:, 7] = np.where(y == 1, np.nan, rng.standard_normal(150))
    report = check_leaks(pd.DataFrame(values, columns=[f"mri__f{number}" for number in range(35_000)]), y)
    assert [(one.check, one.columns) for one in report.found] == [
        ("noisy copy of the target", ("mri__f31234",)),
        ("missing cells and outcome", ("mri__f7",)),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "survival"}, "`task` must be"),
        ({"y": np.zeros(59)}, "60 subjects, but y has 59"),
        ({"site": ["a"] * 61}, "60 subjects, but site has 61"),
        ({"y": np.where(np.arange(60) == 3, np.nan, 1.0)}, "y is missing for 1 subjects"),
        ({"site": np.array([None] + ["a"] * 59, dtype=object)}, "site is missing for 1 subjects"),
        ({"groups": np.where(np.arange(60) < 2, np.nan, 1.0)}, "groups is missing for 2 subjects"),
        ({"y": np.linspace(0, 1, 60)}, "continuous, not classes"),
        ({"y": np.array(["a", "b"] * 30), "task": "regression"}, "y holds text"),
        ({"y": np.zeros(60, dtype=[("event", bool), ("time", float)])}, "Survival"),
        ({"splits": [(np.arange(50), np.arange(50, 61))]}, "Split 0 has entries that are no row positions"),
        ({"splits": [(np.arange(50), np.arange(-3, 0))]}, "Split 0"),
    ],
)
def test_errors_say_what_to_do(change, message):
    X = make_cohort(60, random_state=0).X
    with pytest.raises(ValueError, match=message):
        check_leaks(**{"X": X, "y": np.arange(60) % 2, **change})


def test_another_order_of_subjects_is_refused():
    cohort = make_cohort(60, random_state=0)
    with pytest.raises(ValueError, match="another order"):
        check_leaks(cohort.X, cohort.y.iloc[::-1])


# The statistics behind the checks ------------------------------------------------------------------------------


def test_separation_of_normal_samples():
    rng = np.random.default_rng(0)
    low, high = rng.standard_normal((20_000, 12)).max(axis=1), rng.standard_normal((20_000, 30)).min(axis=1)
    simulated = (low < high + 3.3).mean()
    assert abs(np.exp(log_p_separated(12, 30, 3.3)) - simulated) < 4 * np.sqrt(simulated / 20_000)
    assert log_p_separated(1, 1, 0.0) == pytest.approx(np.log(0.5), abs=1e-6)


def test_distance_of_normal_samples_holds_its_level():
    rng = np.random.default_rng(0)
    for n_low, n_high in ((10, 10), (60, 20)):
        p = [log_p_distance(rng.standard_normal(n_low), 3 + rng.standard_normal(n_high), 3.0) for _ in range(1000)]
        assert abs((np.exp(p) < 0.05).mean() - 0.05) < 0.025


def test_exact_p_of_sorted_columns():
    rng = np.random.default_rng(0)
    y, x = np.array([1, 1, 2, 3, 3]), np.array([0.0, 0, 1, 1, 2])
    hits = 0
    for _ in range(20_000):
        permuted = rng.permutation(x)
        rising = permuted[:2].max() <= permuted[2] <= permuted[3:].min()
        hits += rising or (permuted[:2].min() >= permuted[2] >= permuted[3:].max())
    assert np.exp(log_p_sorted(y, x)) == pytest.approx(hits / 20_000, abs=0.02)
    assert log_p_function([3, 3], [3, 3]) == pytest.approx(np.log(4 / 20))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_class_ranges_agree_with_pandas(seed, n_classes):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((30, 3)) < 0.2, np.nan, rng.standard_normal((30, 3)))
    codes = rng.integers(0, n_classes, 30)
    low, high, between = class_ranges(values, codes, n_classes)
    grouped = pd.DataFrame(values).groupby(codes)
    for code in np.unique(codes):
        assert np.array_equal(low[code], grouped.min().loc[code].fillna(np.inf))
        assert np.array_equal(high[code], grouped.max().loc[code].fillna(-np.inf))
    within = (pd.DataFrame(values) - grouped.transform("mean")).pow(2).sum()
    total = (pd.DataFrame(values) - pd.DataFrame(values).mean()).pow(2).sum()
    assert between == pytest.approx((1 - within / total).to_numpy(), abs=1e-10)
    assert between_classes(np.full((30, 1), 0.1), codes, n_classes) == 0


def test_determination_and_flags():
    y = np.arange(40) % 2
    assert determination(y.copy(), y, 2)[0] == 1.0
    assert determination(np.arange(40), y, 2)[0] <= 0.0
    assert determination(y.copy(), y.astype(float), 0) == (1.0, 0.001)
    assert flag_association(y == 1, y, 2)[0] == pytest.approx(1.0)
    rare = np.arange(300) < 1
    assert flag_association(rare, (np.arange(300) < 2).astype(int), 2)[1] == pytest.approx(4 * 2 / 300)
