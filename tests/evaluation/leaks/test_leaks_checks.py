"""What each check does at its limits, and that evidence says nothing about single subjects."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfuse.datasets import make_cohort
from skfuse.evaluation.leaks import QUESTIONS, Finding, LeakReport, check_leaks


@pytest.fixture
def cohort():
    return make_cohort(120, n_sites=3, random_state=3)


def checks(report, level=None):
    return [finding.check for finding in report.found if level in (None, finding.level)]


def test_report_lists_every_check_once_and_leaks_first(cohort):
    X = cohort.X.assign(mri__outcome=1.0 - cohort.y, mri__diagnosis=0.0)
    report = check_leaks(X, cohort.y, site=cohort.site)
    names = [finding.check for finding in report.findings]
    assert len(set(names)) == len(names)
    assert names == [finding.check for finding in check_leaks(cohort.X, cohort.y).findings]
    assert [finding.level for finding in report.found] == ["leak", "look"]
    table = report.table()
    assert table.columns.tolist() == ["check", "status", "level", "evidence", "advice"]
    assert table["check"].tolist() == names
    assert set(table["status"]) <= {"found", "clear", "not checked"}
    assert (table["level"] != "").equals(table["status"] == "found")
    with pytest.raises(KeyError, match="no check 'twins'"):
        report["twins"]


def test_evidence_names_no_subject(cohort):
    X = cohort.X.copy()
    X.iloc[[7, 9, 30]] = X.iloc[3].to_numpy()
    splits = list(KFold(4, shuffle=True, random_state=0).split(X))
    report = check_leaks(X, cohort.y, site=cohort.site, groups=np.arange(120), splits=splits)
    assert checks(report) == ["exact duplicates", "duplicates across a split", "duplicates in different groups"]
    assert report["exact duplicates"].subjects == (("sub-00004", "sub-00008", "sub-00010", "sub-00031"),)
    text = report.table().to_string()
    assert not any(label in text for label in X.index)


def test_duplicates_held_together_by_groups_are_worth_a_look(cohort):
    X, groups = cohort.X.copy(), np.arange(120)
    X.iloc[7], groups[7] = X.iloc[3].to_numpy(), 3
    report = check_leaks(X, cohort.y, groups=groups, splits=list(GroupKFold(4).split(X, groups=groups)))
    assert checks(report, "look") == checks(report) == ["exact duplicates"]


def test_duplicate_with_another_outcome_is_told(cohort):
    X = cohort.X.copy()
    one, two = np.flatnonzero(cohort.y == 0)[0], np.flatnonzero(cohort.y == 1)[0]
    X.iloc[two] = X.iloc[one].to_numpy()
    assert "1 with different outcomes" in check_leaks(X, cohort.y)["exact duplicates"].evidence


def test_near_duplicate_with_other_cells_missing(cohort):
    rng = np.random.default_rng(0)
    X = cohort.X.where(rng.random(cohort.X.shape) > 0.1)
    row = cohort.X.iloc[3] + 0.01 * rng.standard_normal(X.shape[1])
    X.iloc[7] = row.where(rng.random(len(row)) > 0.1)
    assert check_leaks(X, cohort.y)["near duplicates"].subjects == (("sub-00004", "sub-00008"),)


def test_near_duplicates_in_a_large_cohort():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((10_500, 12)).astype(np.float32)
    values[77] = values[9000] + 0.01 * rng.standard_normal(12)
    X = pd.DataFrame(values, columns=[f"mri__f{number}" for number in range(12)])
    report = check_leaks(X, rng.integers(0, 2, len(X)))
    assert [(finding.check, finding.subjects) for finding in report.found] == [("near duplicates", ((77, 9000),))]


def test_every_subject_twice_with_noise(cohort):
    rng = np.random.default_rng(0)
    values = np.vstack([cohort.X, cohort.X + 0.02 * rng.standard_normal(cohort.X.shape)])
    X = pd.DataFrame(values, columns=cohort.X.columns)
    assert len(check_leaks(X, np.tile(cohort.y, 2))["near duplicates"].subjects) == 120


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_order_of_rows_and_columns_does_not_matter_for_duplicates_and_copies(seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.standard_normal((60, 8)), columns=[f"mri__f{number}" for number in range(8)])
    y = rng.integers(0, 2, 60)
    y[11] = y[4]
    X.index = [f"p{number}" for number in range(60)]
    X["mri__copy"] = 5.0 - 2 * y
    X.iloc[11] = X.iloc[4].to_numpy()
    rows, columns = rng.permutation(60), rng.permutation(9)
    first, second = check_leaks(X, y), check_leaks(X.iloc[rows, columns], y[rows])
    for name in ("exact duplicates", "target copied", "near duplicates"):
        assert first[name].columns == second[name].columns
        assert set(map(frozenset, first[name].subjects)) == set(map(frozenset, second[name].subjects))
    assert first["target copied"].columns == ("mri__copy",)


@pytest.mark.parametrize(
    ("agreement", "level"), [(1.0, "leak"), (0.97, "look"), (0.9, "")], ids=["copy", "nearly", "a good binary test"]
)
def test_binary_column_that_agrees_with_the_target(agreement, level):
    rng = np.random.default_rng(1)
    cohort = make_cohort(1000, random_state=0)
    flipped = rng.random(1000) > agreement
    X = cohort.X.assign(mri__test=np.where(flipped, 1 - cohort.y, cohort.y).astype(float))
    report = check_leaks(X, cohort.y)
    assert {finding.level for finding in report.found} == ({level} if level else set())


@pytest.mark.parametrize(("area", "caught"), [(0.97, False), (0.99, False), (0.99999, True)])
def test_predictor_of_known_auc(area, caught):
    rng = np.random.default_rng(0)
    distance = np.sqrt(2) * norm.ppf(area)
    for _ in range(20):
        y = rng.integers(0, 2, 400)
        X = pd.DataFrame({"mri__a": distance * y + rng.standard_normal(400), "mri__b": rng.standard_normal(400)})
        assert bool(check_leaks(X, y).found) == caught


def test_target_as_one_class_of_several_and_as_strings():
    cohort = make_cohort(150, task="multiclass", random_state=0)
    y = cohort.y.map({0: "control", 1: "mild", 2: "severe"})
    X = cohort.X.assign(mri__is_severe=(y == "severe").astype(float), pet__grade=pd.Categorical(y))
    report = check_leaks(X, y)
    assert checks(report) == ["target copied"]
    assert set(report["target copied"].columns) == {"mri__is_severe", "pet__grade"}


def test_target_among_covariates_and_columns_outside_modalities(cohort):
    report = check_leaks(cohort.X.assign(y=cohort.y), cohort.y, covariates=pd.DataFrame({"dose": 3 * cohort.y + 1}))
    assert report["target copied"].columns == ("y", "covariate dose")


def test_sum_of_many_columns_needs_enough_subjects():
    rng = np.random.default_rng(0)
    items = rng.standard_normal((60, 40))
    X = pd.DataFrame(items, columns=[f"scale__item{number}" for number in range(40)])
    report = check_leaks(X, items.sum(axis=1), task="regression")
    assert report["target a sum of columns"].status == "not checked"
    report = check_leaks(X.iloc[:, :20], items[:, :20].sum(axis=1), task="regression")
    assert report["target a sum of columns"].level == "leak"


def test_site_prevalence_from_equal_to_separate():
    rng = np.random.default_rng(0)
    site = np.repeat(["a", "b"], 150)
    X = make_cohort(300, random_state=0).X
    levels = []
    for low, high in [(0.2, 0.6), (0.13, 0.85), (0.02, 0.98)]:
        y = (rng.random(300) < np.where(site == "a", low, high)).astype(int)
        levels.append(check_leaks(X, y, site=site)["site and outcome"].level)
    assert levels == ["", "look", "leak"]


def test_many_tiny_sites_explain_nothing():
    X = make_cohort(60, random_state=0).X
    y = np.random.default_rng(0).integers(0, 2, 60)
    assert check_leaks(X, y, site=np.arange(60) // 2)["site and outcome"].status == "clear"


def test_unique_whole_numbers_are_ids_only_where_close_together():
    rng = np.random.default_rng(0)
    X = make_cohort(100, random_state=0).X
    y = rng.integers(0, 2, 100)
    volumes = X.assign(mri__mm3=rng.choice(np.arange(1_000_000, 1_900_000), 100, replace=False).astype(float))
    assert check_leaks(volumes, y)["id or row number"].status == "clear"
    numbers = X.assign(mri__id=rng.permutation(np.arange(500, 600)).astype(float))
    assert check_leaks(numbers, y)["id or row number"].level == "look"
    texts = X.assign(mri__code=[f"x{number}" for number in rng.permutation(100)])
    assert check_leaks(texts, y)["id or row number"].columns == ("mri__code",)


def test_row_order_that_follows_sites_is_no_finding():
    rng = np.random.default_rng(0)
    site = np.repeat(np.arange(4), 60)
    y = (rng.random(240) < np.array([0.1, 0.3, 0.6, 0.8])[site]).astype(int)
    X = make_cohort(240, random_state=0).X
    assert check_leaks(X, y)["row order"].status == "found"
    assert check_leaks(X, y, site=site)["row order"].status == "clear"


def test_alternating_rows_are_found():
    X = make_cohort(80, random_state=0).X
    assert "different outcomes" in check_leaks(X, np.arange(80) % 2)["row order"].evidence


@pytest.mark.parametrize(
    "dates",
    [
        pd.date_range("2020-01-01", periods=100, tz="UTC"),
        pd.date_range("2020-01-01", periods=100).strftime("%Y-%m-%d"),
        pd.date_range("2020-01-01", periods=100).date,
        pd.date_range("2020-01-01", periods=100).strftime("%Y%m%d").astype(np.float32),
    ],
    ids=["datetime", "text", "objects", "float32"],
)
def test_dates_of_every_type(dates):
    rng = np.random.default_rng(0)
    X = make_cohort(100, random_state=0).X.assign(mri__scan=pd.Series(dates).sample(frac=1, random_state=0).to_numpy())
    finding = check_leaks(X, rng.integers(0, 2, 100))["date"]
    assert (finding.level, finding.columns) == ("look", ("mri__scan",))


@pytest.mark.parametrize(
    ("ids", "people"),
    [
        (["sub-01_ses-a", "sub-01_ses-b", "sub-02_ses-a"], 1),
        (["7", "7@2", "8", "9"], 1),
        (["A1-T1", "a1_t2", "A2-T1"], 1),
        (["control_t1", "control_t2", "control_t3", "control_t4"], 0),
        (["sub-001", "sub-002", "sub-0011"], 0),
        (["m12", "m13", "bl"], 0),
        (["x1", "x1", "x2"], 1),
    ],
)
def test_visits_by_id(ids, people):
    rng = np.random.default_rng(0)
    ids = ids + [f"other{number:02d}q" for number in range(12 - len(ids))]
    X = pd.DataFrame(rng.standard_normal((12, 4)), index=ids, columns=[f"mri__{letter}" for letter in "abcd"])
    finding = check_leaks(X, np.arange(12) % 2)["repeated visits"]
    assert len(finding.subjects) == people


def test_visits_held_together():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(20), ["bl", "m12"]], names=["subject", "visit"])
    X = pd.DataFrame(rng.standard_normal((40, 4)), index=index, columns=[f"mri__{letter}" for letter in "abcd"])
    y, person = rng.integers(0, 2, 40), np.repeat(np.arange(20), 2)
    assert len(check_leaks(X, y)["repeated visits"].subjects) == 20
    assert check_leaks(X, y, groups=person)["repeated visits"].status == "clear"
    splits = list(GroupKFold(5).split(X, groups=person))
    assert check_leaks(X, y, splits=splits)["repeated visits"].status == "clear"
    assert check_leaks(X, y, splits=list(KFold(5, shuffle=True).split(X)))["repeated visits"].level == "leak"


def test_fitted_estimators(cohort):
    scaler = StandardScaler().fit(cohort.X)
    model = LogisticRegression().fit(cohort.X, cohort.y)
    given_levels = {
        "": make_pipeline(StandardScaler(), LogisticRegression()),
        "look": make_pipeline(scaler, LogisticRegression()),
        "leak": CalibratedClassifierCV(FrozenEstimator(model)),
    }
    for level, estimator in given_levels.items():
        assert check_leaks(cohort.X, cohort.y, estimators={"mine": estimator})["fitted beforehand"].level == level


def test_names_are_whole_words(cohort):
    honest = ["targeted_region", "labelled", "auc", "conversational", "panss_total_positive", "adrenal"]
    X = cohort.X.assign(**{f"clinical__{name}": np.random.default_rng(0).random(120) for name in honest})
    assert check_leaks(X, cohort.y, target="ad")["names"].status == "clear"
    X = X.assign(clinical__PANSS_total=np.random.default_rng(1).random(120))
    assert check_leaks(X, cohort.y, target="panss_total")["names"].columns == (
        "clinical__panss_total_positive",
        "clinical__PANSS_total",
    )


def test_attestation():
    cohort = make_cohort(30, random_state=0)
    report = check_leaks(cohort.X, cohort.y, attestation={"scaled": True, "imputed": "no", "harmonized": None})
    answers = {one.item: one.answer for one in report.attestation}
    assert list(answers) == list(QUESTIONS)
    assert (answers["scaled"], answers["imputed"], answers["harmonized"]) == ("yes", "no", "unknown")
    with pytest.raises(ValueError, match="not asked: \\['scale'\\]"):
        check_leaks(cohort.X, cohort.y, attestation={"scale": "no"})
    with pytest.raises(ValueError, match="answers 'scaled' with 'perhaps'"):
        check_leaks(cohort.X, cohort.y, attestation={"scaled": "perhaps"})
    assert isinstance(report, LeakReport)
    assert isinstance(report.findings[0], Finding)
