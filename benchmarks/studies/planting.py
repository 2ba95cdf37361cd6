"""Leaks to plant into clean cohorts.

`LEAKS` maps a leak, a function that changes a case, to the check that has to find it and the tasks for which it can be
planted. `hosts` yields the cohorts to plant it into; those in which nothing is to be found are in `clean_cohorts`.
"""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from benchmarks.studies._cases import add_column, codes_of, columns_of, common_modality, standardized, to_case
from skfuse.datasets import alzheimer_conversion, make_cohort, stroke_outcome

CLASSES, NUMBERS = ("classification",), ("regression",)
BOTH = CLASSES + NUMBERS


def _twice(case, rng, change, *, columns=None):
    """Write the row of one subject over that of another, changed."""
    has = common_modality(case)[1]
    columns = columns or list(case["X"])
    X = case["X"].copy()
    for one, two in rng.choice(np.flatnonzero(has), (3, 2), replace=False):
        X.iloc[two, X.columns.get_indexer(columns)] = change(X.iloc[one][columns].astype(float))
    return {**case, "X": X}


def exact_duplicate(case, rng):
    return _twice(case, rng, lambda row: row)


def one_file_twice(case, rng):
    return _twice(case, rng, lambda row: row, columns=columns_of(case, common_modality(case)[0]))


def slightly_noisy_scan(case, rng):
    spread = case["X"].std()
    return _twice(case, rng, lambda row: row + 0.02 * spread[row.index] * rng.standard_normal(len(row)))


def scan_in_float32(case, rng):
    return _twice(case, rng, lambda row: row.astype(np.float32).astype(float))


def rounded_scan(case, rng):
    spread = case["X"].std()
    return _twice(case, rng, lambda row: (row / spread[row.index] / 0.02).round() * 0.02 * spread[row.index])


def target_itself(case, rng):
    return add_column(case, standardized(case) if case["task"] == "regression" else codes_of(case).astype(float))


def target_turned_round(case, rng):
    return add_column(case, 1.0 - (standardized(case) if case["task"] == "regression" else codes_of(case)))


def target_in_another_code(case, rng):
    codes = codes_of(case)
    # Two codes for each class, in no order: 0 or 3, 1 or 4, …
    return add_column(case, (codes + (codes.max() + 1) * rng.integers(0, 2, len(codes))).astype(float))


def target_as_text(case, rng):
    return add_column(case, np.array(["negative", "positive", "unclear"], dtype=object)[codes_of(case)])


def target_transformed(case, rng):
    return add_column(case, np.exp(2 * standardized(case)))


def target_in_grades(case, rng):
    return add_column(case, np.digitize(standardized(case), [-1, 0, 1]).astype(float))


def score_behind_a_cutoff(case, rng):
    # The score by which the classes were made: no gap, no error. In a small cohort a real predictor may do as well.
    case = to_case(make_cohort(500, missing=0.1, random_state=int(rng.integers(2**31))))
    codes = codes_of(case)
    return add_column(case, codes + rng.beta(1.0, 1.0, len(codes)))


def noisy_copy(case, rng):
    noise = rng.standard_normal(len(case["y"]))
    return add_column(
        case, standardized(case) + 0.1 * noise if case["task"] == "regression" else codes_of(case) + 0.12 * noise
    )


def items_of_a_total(case, rng):
    # The items that were added up to the outcome, among them none that gives it away alone.
    total = standardized(case) if case["task"] == "regression" else codes_of(case).astype(float)
    items = 2 * rng.standard_normal((len(total), 5))
    items[:, -1] = total - items[:, :-1].sum(axis=1)
    for number, item in enumerate(items.T):
        case = add_column(case, item, f"item{number}")
    return case


def _sorted_by_outcome(case, rng):
    order = np.argsort(np.asarray(case["y"]) + 0.0, kind="stable")
    case = {**case, "X": case["X"].iloc[order], "y": case["y"].iloc[order]}
    for name in ("site", "covariates"):
        if case[name] is not None:
            case[name] = case[name].iloc[order]
    return case


def row_number(case, rng):
    case = _sorted_by_outcome(case, rng)
    return add_column(case, np.arange(len(case["y"])) + 1.0)


def number_at_inclusion(case, rng):
    # Different whole numbers in no order, cases included later.
    place = np.argsort(np.argsort(standardized({"y": codes_of(case)}) + rng.standard_normal(len(case["y"]))))
    return add_column(case, 1000.0 + place)


def table_sorted_by_outcome(case, rng):
    return _sorted_by_outcome({**case, "site": None}, rng)


def _days(case, rng):
    later = codes_of(case) / codes_of(case).max()
    return (300 * (later + 1.5 * rng.random(len(later)))).astype(int)


def date_as_number(case, rng):
    dates = pd.Timestamp("2015-03-01") + pd.to_timedelta(_days(case, rng), unit="D")
    return add_column(case, dates.strftime("%Y%m%d").astype(float))


def date_as_date(case, rng):
    return add_column(case, pd.Timestamp("2015-03-01") + pd.to_timedelta(_days(case, rng), unit="D"))


def date_as_ordinal(case, rng):
    return add_column(case, 735_000.0 + _days(case, rng))


def site_is_outcome(case, rng):
    if case["task"] == "regression":
        site = np.digitize(standardized(case), [-1.2, -0.5, 0, 0.5, 1.2])
    else:
        site = 2 * codes_of(case) + rng.integers(0, 2, len(case["y"]))
        moved = rng.random(len(site)) < 0.02
        site[moved] = rng.integers(0, site.max() + 1, moved.sum())
    return {**case, "site": pd.Series(site, index=case["X"].index).map("center{}".format)}


def scanner_setting(case, rng):
    site = rng.integers(0, 4, len(case["y"]))
    case = {**case, "site": pd.Series(site, index=case["X"].index)}
    return add_column(case, np.array([2.0, 2.2, 2.0, 1.8])[site])


def modality_for_cases_only(case, rng):
    case = add_column(case, rng.standard_normal(len(case["y"])))
    name, has = common_modality(case)
    y = standardized(case) if case["task"] == "regression" else np.where(codes_of(case) > 0, 1.0, -1.0)
    X = case["X"].copy()
    gone = (y < 0) & has & (rng.random(len(y)) < 0.97)
    X.loc[gone, columns_of(case, name)] = np.nan
    return {**case, "X": X}


def cells_for_cases_only(case, rng):
    y = standardized(case) if case["task"] == "regression" else np.where(codes_of(case) > 0, 1.0, -1.0)
    return add_column(case, np.where((y < 0) & (rng.random(len(y)) < 0.95), np.nan, rng.standard_normal(len(y))))


def _with_splits(case, groups=None):
    splitter = KFold(5, shuffle=True, random_state=0)
    return {**case, "groups": groups, "splits": list(splitter.split(case["X"]))}


def persons_across_splits(case, rng):
    return _with_splits(case, np.arange(len(case["y"])) // 2)


def rows_across_splits(case, rng):
    case = _with_splits(case)
    train, test = case["splits"][1]
    case["splits"][1] = (np.append(train, test[:2]), test)
    return case


def duplicates_across_splits(case, rng):
    return _with_splits(exact_duplicate(case, rng))


def duplicates_in_two_groups(case, rng):
    return {**slightly_noisy_scan(case, rng), "groups": np.arange(len(case["y"]))}


VISITS = (
    ("sub-{:03d}_ses-01", "sub-{:03d}_ses-02"),
    ("{:04d}_bl", "{:04d}_m12"),
    ("{:04d}@1", "{:04d}@2"),
    ("P{:03d}-T1", "P{:03d}-T2"),
    ("P{:03d}", "P{:03d}_v2"),
    ("S{:03d}.visit1", "S{:03d}.visit3"),
)


def visits_of_one_person(case, rng):
    forms = VISITS[rng.integers(len(VISITS))]
    n = len(case["y"])
    second = rng.choice(n - 1, n // 10, replace=False)
    ids = np.array([forms[0].format(row) for row in range(n)], dtype=object)
    # A later visit takes the place of the next person.
    for row in second[np.append(np.diff(np.sort(second)) > 1, True)]:
        ids[row + 1] = forms[1].format(row)
    X = case["X"].set_axis(ids, axis=0)
    return {**case, "X": X, "y": np.asarray(case["y"]), "site": None, "covariates": None}


def fitted_pipeline(case, rng):
    scaler = make_pipeline(SimpleImputer(), StandardScaler()).fit(case["X"])
    last = Ridge() if case["task"] == "regression" else LogisticRegression()
    return {**case, "estimators": {"fine": Ridge(), "mine": make_pipeline(scaler, last)}}


def _block_changed(case, change):
    name, has = common_modality(case)
    columns = columns_of(case, name)
    X = case["X"].copy()
    X.loc[has, columns] = np.asarray(change(X.loc[has, columns]), dtype=float)[:, : len(columns)]
    return {**case, "X": X}


def z_scored(case, rng):
    return _block_changed(case, StandardScaler().fit_transform)


def scaled_to_range(case, rng):
    return _block_changed(case, MinMaxScaler().fit_transform)


def principal_components(case, rng):
    return _block_changed(case, lambda block: PCA().fit_transform(block.fillna(block.mean())))


def sites_centered(case, rng):
    site = pd.Series(rng.integers(0, 4, len(case["y"])), index=case["X"].index)
    case = {**case, "site": site}
    return _block_changed(case, lambda block: block - block.groupby(site[block.index]).transform("mean") + 5.0)


def age_regressed_out(case, rng):
    age = pd.Series(rng.normal(60, 8, len(case["y"])), index=case["X"].index, name="age")
    case = {**case, "covariates": age.to_frame()}

    def change(block):
        design = np.column_stack([np.ones(len(block)), age[block.index]])
        filled = block.fillna(block.mean())
        return filled - design @ np.linalg.lstsq(design, filled, rcond=None)[0]

    return _block_changed(case, change)


def modality_filled(case, rng):
    name, _ = common_modality(case)
    columns = columns_of(case, name)
    X = case["X"].copy()
    X.loc[rng.random(len(X)) < 0.2, columns] = np.nan
    X[columns] = X[columns].fillna(X[columns].mean())
    return {**case, "X": X}


def called_diagnosis(case, rng):
    return add_column(
        case, rng.standard_normal(len(case["y"])), rng.choice(["diagnosis", "dx_bl", "isConverter", "outcome"])
    )


LEAKS = {
    exact_duplicate: ("exact duplicates", BOTH),
    one_file_twice: ("duplicates in one modality", BOTH),
    slightly_noisy_scan: ("near duplicates", BOTH),
    scan_in_float32: ("near duplicates", BOTH),
    rounded_scan: ("near duplicates", BOTH),
    target_itself: ("target copied", BOTH),
    target_turned_round: ("target copied", BOTH),
    target_in_another_code: ("target copied", CLASSES),
    target_as_text: ("target copied", CLASSES),
    target_transformed: ("target transformed", NUMBERS),
    target_in_grades: ("target transformed", NUMBERS),
    score_behind_a_cutoff: ("target transformed", CLASSES),
    noisy_copy: ("noisy copy of the target", BOTH),
    items_of_a_total: ("target a sum of columns", BOTH),
    row_number: ("id or row number", BOTH),
    number_at_inclusion: ("id or row number", BOTH),
    table_sorted_by_outcome: ("row order", BOTH),
    date_as_number: ("date", BOTH),
    date_as_date: ("date", BOTH),
    date_as_ordinal: ("date", BOTH),
    site_is_outcome: ("site and outcome", BOTH),
    scanner_setting: ("site in a column", BOTH),
    modality_for_cases_only: ("missing modalities and outcome", BOTH),
    cells_for_cases_only: ("missing cells and outcome", BOTH),
    persons_across_splits: ("groups across a split", BOTH),
    rows_across_splits: ("rows across a split", BOTH),
    duplicates_across_splits: ("duplicates across a split", BOTH),
    duplicates_in_two_groups: ("duplicates in different groups", BOTH),
    visits_of_one_person: ("repeated visits", BOTH),
    fitted_pipeline: ("fitted beforehand", BOTH),
    z_scored: ("scaled beforehand", BOTH),
    scaled_to_range: ("scaled beforehand", BOTH),
    principal_components: ("rotated beforehand", BOTH),
    sites_centered: ("harmonized beforehand", BOTH),
    age_regressed_out: ("covariates removed beforehand", BOTH),
    modality_filled: ("filled beforehand", BOTH),
    called_diagnosis: ("names", BOTH),
}
#: Leaks that do harm by themselves; the others are worth a look.
LOOKS = {
    table_sorted_by_outcome,
    scanner_setting,
    fitted_pipeline,
    z_scored,
    scaled_to_range,
    principal_components,
    sites_centered,
    age_regressed_out,
    modality_filled,
    called_diagnosis,
}


def hosts(seed):
    """Cohorts into which leaks are planted: name and case."""
    yield "binary", to_case(make_cohort(160, missing=0.2, random_state=seed))
    yield "imbalanced", to_case(make_cohort(300, prevalence=0.15, scattered=0.02, random_state=seed))
    yield "three classes", to_case(make_cohort(240, task="multiclass", missing=0.1, random_state=seed))
    yield "regression", to_case(make_cohort(150, task="regression", missing=0.2, scattered=0.02, random_state=seed))
    yield "alzheimer_conversion", to_case(alzheimer_conversion(random_state=seed))
    yield "stroke_outcome", to_case(stroke_outcome(random_state=seed))
