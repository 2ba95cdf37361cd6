"""Leaks to plant into clean cohorts, and clean cohorts that look suspicious.

A case is a dict of arguments of `check_leaks`. `LEAKS` maps the name of a leak to the check that has to find it, the
tasks for which it can be planted, and a function that changes a case. `clean_cases` yields cases in which nothing is to
be found.
"""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skfuse.datasets import (
    alzheimer_conversion,
    cohort_grid,
    make_cohort,
    psychosis_conversion,
    schizophrenia_subtypes,
    stroke_outcome,
)

STORIES = (alzheimer_conversion, psychosis_conversion, schizophrenia_subtypes, stroke_outcome)
CLASSES, NUMBERS = ("classification",), ("regression",)
BOTH = CLASSES + NUMBERS


def to_case(cohort):
    """Arguments of `check_leaks` for a cohort."""
    return {
        "X": cohort.X,
        "y": cohort.y,
        "task": cohort.task,
        "site": cohort.site,
        "covariates": cohort.covariates,
        "groups": cohort.groups,
    }


# Leaks ----------------------------------------------------------------------------------------------------------


def _modality(case):
    """Name of the modality that most subjects have, and who has it."""
    present = {
        name: case["X"].filter(regex=f"^{name}__").notna().any(axis=1).to_numpy()
        for name in dict.fromkeys(column.partition("__")[0] for column in case["X"])
    }
    name = max(present, key=lambda one: present[one].sum())
    return name, present[name]


def _columns(case, name):
    return [column for column in case["X"] if column.startswith(f"{name}__")]


def _add(case, values, feature="planted"):
    """Put a column into the modality that most have, for those who have it."""
    name, has = _modality(case)
    column = pd.Series(values, index=case["X"].index)
    block = case["X"].columns.get_loc(_columns(case, name)[0])
    X = case["X"].copy()
    X.insert(block, f"{name}__{feature}", column.where(has))
    return {**case, "X": X}


def _codes(case):
    return np.unique(case["y"], return_inverse=True)[1]


def _standard(case):
    y = np.asarray(case["y"], dtype=float)
    return (y - y.mean()) / y.std()


def _twice(case, rng, change, *, columns=None):
    """Write the row of one subject over that of another, changed."""
    has = _modality(case)[1]
    columns = columns or list(case["X"])
    X = case["X"].copy()
    for one, two in rng.choice(np.flatnonzero(has), (3, 2), replace=False):
        X.iloc[two, X.columns.get_indexer(columns)] = change(X.iloc[one][columns].astype(float))
    return {**case, "X": X}


def exact_duplicate(case, rng):
    return _twice(case, rng, lambda row: row)


def one_file_twice(case, rng):
    return _twice(case, rng, lambda row: row, columns=_columns(case, _modality(case)[0]))


def slightly_noisy_scan(case, rng):
    spread = case["X"].std()
    return _twice(case, rng, lambda row: row + 0.02 * spread[row.index] * rng.standard_normal(len(row)))


def scan_in_float32(case, rng):
    return _twice(case, rng, lambda row: row.astype(np.float32).astype(float))


def rounded_scan(case, rng):
    spread = case["X"].std()
    return _twice(case, rng, lambda row: (row / spread[row.index] / 0.02).round() * 0.02 * spread[row.index])


def target_itself(case, rng):
    return _add(case, _standard(case) if case["task"] == "regression" else _codes(case).astype(float))


def target_turned_round(case, rng):
    return _add(case, 1.0 - (_standard(case) if case["task"] == "regression" else _codes(case)))


def target_in_another_code(case, rng):
    codes = _codes(case)
    # Two codes for each class, in no order: 0 or 3, 1 or 4, …
    return _add(case, (codes + (codes.max() + 1) * rng.integers(0, 2, len(codes))).astype(float))


def target_as_text(case, rng):
    return _add(case, np.array(["negative", "positive", "unclear"], dtype=object)[_codes(case)])


def target_transformed(case, rng):
    return _add(case, np.exp(2 * _standard(case)))


def target_in_grades(case, rng):
    return _add(case, np.digitize(_standard(case), [-1, 0, 1]).astype(float))


def score_behind_a_cutoff(case, rng):
    # The score by which the classes were made: no gap, no error. In a small cohort a real predictor may do as well.
    case = to_case(make_cohort(500, missing=0.1, random_state=int(rng.integers(2**31))))
    codes = _codes(case)
    return _add(case, codes + rng.beta(1.0, 1.0, len(codes)))


def noisy_copy(case, rng):
    noise = rng.standard_normal(len(case["y"]))
    return _add(case, _standard(case) + 0.1 * noise if case["task"] == "regression" else _codes(case) + 0.12 * noise)


def items_of_a_total(case, rng):
    # The items that were added up to the outcome, among them none that gives it away alone.
    total = _standard(case) if case["task"] == "regression" else _codes(case).astype(float)
    items = 2 * rng.standard_normal((len(total), 5))
    items[:, -1] = total - items[:, :-1].sum(axis=1)
    for number, item in enumerate(items.T):
        case = _add(case, item, f"item{number}")
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
    return _add(case, np.arange(len(case["y"])) + 1.0)


def number_at_inclusion(case, rng):
    # Different whole numbers in no order, cases included later.
    place = np.argsort(np.argsort(_standard({"y": _codes(case)}) + rng.standard_normal(len(case["y"]))))
    return _add(case, 1000.0 + place)


def table_sorted_by_outcome(case, rng):
    return _sorted_by_outcome({**case, "site": None}, rng)


def _days(case, rng):
    later = _codes(case) / _codes(case).max()
    return (300 * (later + 1.5 * rng.random(len(later)))).astype(int)


def date_as_number(case, rng):
    dates = pd.Timestamp("2015-03-01") + pd.to_timedelta(_days(case, rng), unit="D")
    return _add(case, dates.strftime("%Y%m%d").astype(float))


def date_as_date(case, rng):
    return _add(case, pd.Timestamp("2015-03-01") + pd.to_timedelta(_days(case, rng), unit="D"))


def date_as_ordinal(case, rng):
    return _add(case, 735_000.0 + _days(case, rng))


def site_is_outcome(case, rng):
    if case["task"] == "regression":
        site = np.digitize(_standard(case), [-1.2, -0.5, 0, 0.5, 1.2])
    else:
        site = 2 * _codes(case) + rng.integers(0, 2, len(case["y"]))
        moved = rng.random(len(site)) < 0.02
        site[moved] = rng.integers(0, site.max() + 1, moved.sum())
    return {**case, "site": pd.Series(site, index=case["X"].index).map("center{}".format)}


def scanner_setting(case, rng):
    site = rng.integers(0, 4, len(case["y"]))
    case = {**case, "site": pd.Series(site, index=case["X"].index)}
    return _add(case, np.array([2.0, 2.2, 2.0, 1.8])[site])


def modality_for_cases_only(case, rng):
    case = _add(case, rng.standard_normal(len(case["y"])))
    name, has = _modality(case)
    y = _standard(case) if case["task"] == "regression" else np.where(_codes(case) > 0, 1.0, -1.0)
    X = case["X"].copy()
    gone = (y < 0) & has & (rng.random(len(y)) < 0.97)
    X.loc[gone, _columns(case, name)] = np.nan
    return {**case, "X": X}


def cells_for_cases_only(case, rng):
    y = _standard(case) if case["task"] == "regression" else np.where(_codes(case) > 0, 1.0, -1.0)
    return _add(case, np.where((y < 0) & (rng.random(len(y)) < 0.95), np.nan, rng.standard_normal(len(y))))


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
    name, has = _modality(case)
    columns = _columns(case, name)
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
    name, _ = _modality(case)
    columns = _columns(case, name)
    X = case["X"].copy()
    X.loc[rng.random(len(X)) < 0.2, columns] = np.nan
    X[columns] = X[columns].fillna(X[columns].mean())
    return {**case, "X": X}


def called_diagnosis(case, rng):
    return _add(case, rng.standard_normal(len(case["y"])), rng.choice(["diagnosis", "dx_bl", "isConverter", "outcome"]))


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


# Clean cohorts --------------------------------------------------------------------------------------------------


def excellent_predictors(seed):
    """One to four real predictors of AUC .97 to .99 (rank correlation .9 to .97 for numbers)."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([40, 80, 150, 300, 1000]))
    if seed % 3 == 2:
        case = to_case(make_cohort(n, task="regression", random_state=seed))
        for number in range(4):
            r = rng.uniform(0.9, 0.97)
            values = r * _standard(case) + np.sqrt(1 - r**2) * rng.standard_normal(n)
            case = _add(case, values, f"marker{number}")
        return case
    task = {"task": "multiclass"} if seed % 3 == 1 else {"prevalence": float(rng.choice([0.15, 0.3, 0.5]))}
    case = to_case(make_cohort(n, **task, random_state=seed))
    for number in range(4):
        distance = rng.uniform(2.66, 3.29)  # AUC .97 to .99
        noise = rng.standard_normal(n)
        if number == 3:
            noise = (rng.exponential(size=n) - 1) * rng.choice([-1, 1])  # skewed
        case = _add(case, distance * _codes(case) + noise, f"marker{number}")
    return case


def twins(seed):
    """Ten pairs of twins, correlated .5 to .8 in every feature, with the same outcome or not."""
    rng = np.random.default_rng(seed)
    sizes = [{"mri": 6, "pet": 4}, {"mri": 15, "clinical": 8}, {"mri": 80, "dmri": 60}, {"mri": 1500}][seed % 4]
    case = to_case(make_cohort(int(rng.choice([60, 120, 300])), modalities=sizes, random_state=seed))
    values = case["X"].to_numpy().copy()
    pairs = rng.choice(len(values), (10, 2), replace=False)
    center = values.mean(axis=0)
    for one, two in pairs:
        r = rng.uniform(0.5, 0.8)
        values[two] = center + r * (values[one] - center) + np.sqrt(1 - r**2) * (values[two] - center)
    X = pd.DataFrame(values, index=case["X"].index, columns=case["X"].columns)
    return {**case, "X": X}


def unequal_sites(seed):
    """Sites with 20 to 60 % of cases, and batch effects."""
    rng = np.random.default_rng(seed)
    n_sites = int(rng.choice([2, 4, 8]))
    case = to_case(make_cohort(int(rng.choice([80, 200, 400])), n_sites=n_sites, site_shift=1.0, random_state=seed))
    codes = np.unique(case["site"], return_inverse=True)[1]
    prevalence = np.linspace(0.2, 0.6, n_sites)[rng.permutation(n_sites)][codes]
    y = pd.Series((rng.random(len(codes)) < prevalence).astype(int), index=case["X"].index)
    return {**case, "y": y}


def missing_at_random(seed):
    """30 to 50 % of modalities missing, in odd seeds with up to doubled odds for cases."""
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.3, 0.5)
    task = "regression" if seed % 4 == 3 else "binary"
    mechanism = {"mechanism": "outcome", "missing_slope": 0.35} if seed % 2 else {}
    n = int(rng.choice([60, 150, 400]))
    return to_case(make_cohort(n, task=task, missing=share, scattered=0.1, **mechanism, random_state=seed))


def questionnaires(seed):
    """Short scales with a floor that many reach, flags, counts of alleles, and lesion loads that are mostly zero."""
    rng = np.random.default_rng(seed)
    case = to_case(make_cohort(int(rng.choice([50, 150, 500])), missing=0.2, random_state=seed))
    n = len(case["y"])
    severity = rng.standard_normal((n, 1)) + 0.8 * _codes(case)[:, None]
    items = np.clip(np.rint(severity - 0.5 + 0.8 * rng.standard_normal((n, 9))), 0, 3)
    loads = np.where(rng.random((n, 20)) < 0.15, rng.exponential(size=(n, 20)), 0.0)
    tables = {
        "scale": items,
        "flags": (rng.random((n, 5)) < 0.3).astype(float),
        "genes": rng.binomial(2, 0.3, (n, 40)).astype(float),
        "lesion": loads * (rng.random((n, 1)) < 0.8),
        "volume": np.rint(rng.normal(4000, 300, (n, 6))),  # whole cubic millimeters
    }
    X = case["X"].copy()
    for name, values in tables.items():
        for number, column in enumerate(values.T):
            X[f"{name}__f{number}"] = column
    return {**case, "X": X}


def clean_cases(n, seed):
    """Yield (name, case) of `n` clean cohorts: half from the grid, half of suspicious kinds and stories."""
    grid = cohort_grid()
    kinds = (excellent_predictors, twins, unequal_sites, missing_at_random, questionnaires, None)
    for number in range(n):
        random_state = seed + number
        if number % 2 == 0:
            name = list(grid)[number // 2 % len(grid)]
            missing = (0.0, 0.3, 0.5)[(number // 2 + number // 2 // len(grid)) % 3]
            yield name, to_case(make_cohort(**grid[name], missing=missing, random_state=random_state))
            continue
        kind = kinds[number // 2 % len(kinds)]
        if kind is None:
            story = STORIES[number // 2 // len(kinds) % len(STORIES)]
            yield story.__name__, to_case(story(random_state=random_state))
        else:
            yield kind.__name__, kind(random_state)
