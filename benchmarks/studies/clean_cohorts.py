"""Clean cohorts that look suspicious: `clean_cases` yields cases in which `check_leaks` is to find nothing."""

import numpy as np
import pandas as pd

from benchmarks.studies._cases import add_column, codes_of, standardized, to_case
from skfuse.datasets import (
    alzheimer_conversion,
    cohort_grid,
    make_cohort,
    psychosis_conversion,
    schizophrenia_subtypes,
    stroke_outcome,
)

STORIES = (alzheimer_conversion, psychosis_conversion, schizophrenia_subtypes, stroke_outcome)


def excellent_predictors(seed):
    """One to four real predictors of AUC .97 to .99 (rank correlation .9 to .97 for numbers)."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([40, 80, 150, 300, 1000]))
    if seed % 3 == 2:
        case = to_case(make_cohort(n, task="regression", random_state=seed))
        for number in range(4):
            r = rng.uniform(0.9, 0.97)
            values = r * standardized(case) + np.sqrt(1 - r**2) * rng.standard_normal(n)
            case = add_column(case, values, f"marker{number}")
        return case
    task = {"task": "multiclass"} if seed % 3 == 1 else {"prevalence": float(rng.choice([0.15, 0.3, 0.5]))}
    case = to_case(make_cohort(n, **task, random_state=seed))
    for number in range(4):
        distance = rng.uniform(2.66, 3.29)  # AUC .97 to .99
        noise = rng.standard_normal(n)
        if number == 3:
            noise = (rng.exponential(size=n) - 1) * rng.choice([-1, 1])  # skewed
        case = add_column(case, distance * codes_of(case) + noise, f"marker{number}")
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
    severity = rng.standard_normal((n, 1)) + 0.8 * codes_of(case)[:, None]
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
