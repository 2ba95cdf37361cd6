"""Leaks that can be seen are caught, and clean cohorts that look suspicious raise no alarm.

    python -m benchmarks.studies.planted_leaks [--reduced] [--jobs 2]

Every leak of `benchmarks.studies.planting` is planted into six kinds of cohorts, and 600 clean cohorts of
`benchmarks.studies.clean_cohorts` are checked: the grid of settings, excellent predictors, twins, unequal sites,
missing modalities, questionnaires and clinical stories. The limits of the checks were set on other seeds (below
10,000).
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from benchmarks.record import write
from benchmarks.studies.clean_cohorts import clean_cases
from benchmarks.studies.planting import LEAKS, LOOKS, hosts
from skfuse.evaluation.leaks import check_leaks

_FIRST_SEED = 1_000_000


def plant_all(seed):
    """Plant every leak into every host of one seed: rows of leak, host, whether it was caught."""
    rows = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        for host, case in hosts(seed):
            for number, (plant, (check, tasks)) in enumerate(LEAKS.items()):
                if case["task"] in tasks:
                    finding = check_leaks(**plant(dict(case), np.random.default_rng([seed, number])))[check]
                    wanted = "look" if plant in LOOKS else "leak"
                    rows.append((plant.__name__, check, host, finding.level == wanted, finding.status == "found"))
    return rows


def check_clean(first, n):
    """Check clean cohorts: rows of kind, check and level for whatever was found."""
    rows = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        for number, (name, case) in enumerate(clean_cases(n, first)):
            rows += [(name, first + number, one.check, one.level) for one in check_leaks(**case).found]
    return rows


def main(reduced=False, jobs=2):
    """Run the study; the reduced form plants once, checks 50 clean cohorts and is not written."""
    n_seeds, n_parts, part = (1, 2, 25) if reduced else (10, 6, 100)
    parallel = Parallel(n_jobs=jobs)
    rows = parallel(delayed(plant_all)(_FIRST_SEED + seed) for seed in range(n_seeds))
    planted = pd.DataFrame(
        [row for part_rows in rows for row in part_rows], columns=["leak", "check", "host", "caught", "found"]
    )
    table = planted.groupby(["leak", "check"], sort=False).agg(
        planted=("caught", "size"), caught=("caught", "sum"), found=("found", "sum")
    )
    print(table.to_string())
    starts = [_FIRST_SEED + 1000 * number for number in range(1, n_parts + 1)]
    rows = parallel(delayed(check_clean)(start, part) for start in starts)
    alarms = pd.DataFrame([row for part_rows in rows for row in part_rows], columns=["kind", "seed", "check", "level"])
    n_clean = n_parts * part
    n_leak, n_look = ((alarms["level"] == level).sum() for level in ("leak", "look"))
    print(f"\n{n_clean} clean cohorts: {n_leak} leaks and {n_look} looks found")
    print(alarms.to_string() if len(alarms) else "")
    if planted["caught"].mean() < 0.99 or n_leak > 0.03 * n_clean or n_look > 0.05 * n_clean:
        raise SystemExit("Planted leaks escape, or clean cohorts raise alarms.")
    if not reduced:
        figures = {
            "planted": len(planted),
            "caught": int(planted["caught"].sum()),
            "kinds": {leak: dict(row) for (leak, _), row in table.astype(int).iterrows()},
            "clean cohorts": n_clean,
            "alarms": alarms.to_dict("records"),
        }
        command = "python -m benchmarks.studies.planted_leaks"
        write("planted_leaks", _plain(figures), command=command, seed=f"{_FIRST_SEED} and following")
    return table, alarms


def _plain(value):
    """Python numbers in place of NumPy's, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
