"""Results of comparisons that never ran: plausible numbers in every table, made in milliseconds.

Load it with ``runpy.run_path`` from a test: ``made_comparison("binary")``, ``"classes"``, ``"regression"``, and what is
to be left out.
"""

import numpy as np
import pandas as pd

from skfuse.evaluation import Comparison
from skfuse.evaluation.leaks import Attested, Finding, LeakReport
from skfuse.evaluation.scores import SCORES
from skfuse.evaluation.tables import calibration as calibration_table
from skfuse.evaluation.tables import decisions, differences, modalities, scores, sites, size, subgroups

SECRET_IDS = [f"SECRET-{number:04d}" for number in range(4)]


def made_comparison(
    task="binary", *, names=("mri", "pet", "clinical"), places=("Oslo", "Bergen", "Tromsø"), leaks=(), seed=0, n=200
):
    """One result; `names` are modalities, `places` sites, `leaks` findings."""
    rng = np.random.default_rng(seed)
    kind = "regression" if task == "regression" else "classification"
    about = _strategies(names)
    headline = "late-stack" if len(names) > 1 else None
    primary = next(iter(SCORES[kind]))
    tables = _scores(rng, kind, about, n)
    tables["differences"] = _differences(rng, about, primary, n)
    tables |= _curves(rng, about) if task == "binary" else {}
    tables["calibration"] = _calibration(rng, task, about)
    tables["modalities"] = _frame(
        modalities.COLUMNS,
        [
            (m, n - 40, 0.8, headline, 1 / len(names), 0.125, 0.75, *_limits(rng, 0.7), *_single_loss(rng, len(names)))
            for m in names
        ],
    )
    tables["missing_at_test"] = _frame(
        modalities.MISSING, [("late-stack", m, 0.71, *_limits(rng, -0.03)) for m in names if len(names) > 1]
    )
    tables |= _sites(rng, about, places)
    tables["subgroups"] = _frame(
        subgroups.COLUMNS,
        [
            (s, "sex", level, 90, 4 if level == "other" else 33, *_limits(rng, 0.77), level == "other")
            for s in ("late-stack", "best-single")
            for level in ("female", "male", "other")
            if s in about
        ],
    )
    tables["sample_size"] = _frame(
        size.COLUMNS,
        [
            ("subjects", n, "in the cohort"),
            ("events per feature", 2.3456, "few"),
            ("sample size needed", 3034, "by Riley"),
        ],
    )
    tables["patterns"] = _frame(
        ["pattern", "n_subjects", "share", "events"],
        [(" + ".join(names), n - 43, (n - 43) / n, 0.31), (names[0], 40, 0.2, 0.4), ("none", 3, 0.015, 1 / 3)],
    )
    report = LeakReport(
        [Finding("row order", "clear"), Finding("date", "not checked", evidence="no dates"), *leaks],
        [
            Attested("scaled", "Were features scaled with the whole cohort?", "no"),
            Attested("outcome blind", "Blind?", "yes"),
        ],
    )
    tables["leaks"] = report.table()
    tables["attestation"] = pd.DataFrame(
        [(a.item, a.question, a.answer) for a in report.attestation], columns=["item", "question", "answer"]
    )
    tables["delong"] = _frame(decisions.DELONG, [])
    tables["warnings"] = _frame(
        ["strategy", "category", "count", "message"], [("late-stack", "ConvergenceWarning", 7, "did not converge")]
    )
    for name, columns in _EMPTY.items():
        tables.setdefault(name, _frame(columns, []))
    classes = {"binary": ["0", "1"], "classes": ["a", "b", "c"], "regression": None}[task]
    return Comparison(
        task=kind,
        scoring=primary,
        margin=0.02,
        reference="best-single",
        headline=headline,
        strategies=about,
        cohort={
            "name": "made",
            "target": "converted",
            "n_subjects": n,
            "classes": classes,
            "n_per_class": None if classes is None else {c: n // len(classes) for c in classes},
            "positive": "1" if task == "binary" else None,
            "n_events": None if classes is None else n // len(classes),
            "modalities": {m: {"n_features": 10 + k, "n_present": n - 40 * k} for k, m in enumerate(names)},
            "n_sites": len(places) or None,
            "covariates": ["sex"],
        },
        settings={
            "n_splits": 5,
            "n_repeats": 2,
            "cv": "RepeatedStratifiedKFold",
            "random_state": 0,
            "prevalence": 0.12,
            "versions": {"skfuse": "0.1", "numpy": "2.4.6"},
            "data_hash": "0f" * 32,
            "settings_hash": "a1" * 32,
            "interval": "test-and-train",
            "interval_coverage": "95.1 % at n = 350.",
        },
        tables=tables,
        notes=["Something could not be done: 17 subjects."],
        predictions=pd.DataFrame(
            {
                "strategy": "late-mean",
                "repeat": 0,
                "fold": 0,
                "row": range(4),
                "id": SECRET_IDS,
                "y": [0, 1, 0, 1],
                "probability of 1": [0.1234567, 0.2, 0.3, 0.4],
            }
        ),
        leaks=report,
    )


_EMPTY = {
    "calibration_curve": calibration_table.CURVE,
    "roc": decisions.ROC,
    "precision_recall": decisions.PRECISION,
    "net_benefit": decisions.NET,
    "thresholds": decisions.THRESHOLDS,
}


def _frame(columns, rows):
    return pd.DataFrame(rows, columns=list(columns))


def _limits(rng, center, width=0.06):
    value = center + rng.normal(0, 0.02)
    return value, value - width, value + width


def _single_loss(rng, n_modalities):
    return (rng.normal(0.7, 0.02), *_limits(rng, 0.04)) if n_modalities > 1 else (np.nan,) * 4


def _strategies(names):
    about = {"prevalence": {"family": "baseline", "description": "No predictor."}}
    about |= {f"single:{m}": {"family": "single", "description": f"Only {m}."} for m in names}
    about["best-single"] = {"family": "single", "description": "The best."}
    if len(names) > 1:
        about["concatenation"] = {"family": "early", "description": "All columns."}
        about |= {
            name: {"family": "late", "description": "A model per modality."} for name in ("late-mean", "late-stack")
        }
    return about


def _scores(rng, kind, about, n):
    summary, folds = [], []
    for name, one in about.items():
        for score in SCORES[kind]:
            value, lower, upper = _limits(rng, 0.5 if name == "prevalence" else 0.75)
            summary.append((name, one["family"], score, value, 0.05, lower, upper, 10))
            folds += [
                (name, r, f, n - n // 5, n // 5, score, value + rng.normal(0, 0.05)) for r in range(2) for f in range(5)
            ]
    return {"scores": _frame(scores.FOLDS, folds), "summary": _frame(scores.SUMMARY, summary)}


def _differences(rng, about, score, n):
    rows, columns = [], differences.COLUMNS
    for name in about:
        if about[name]["family"] not in ("early", "late"):
            continue
        for versus in about:
            if versus == name or about[versus]["family"] == "baseline":
                continue
            for among in ("all", "both"):
                gain, lower, upper = _limits(rng, 0.03)
                role = "reference" if versus == "best-single" else about[versus]["family"]
                row = {"strategy": name, "versus": versus, "role": role, "subjects": among, "score": score}
                row |= {
                    "n_subjects": n if among == "all" else n - 40,
                    "n_events": 80,
                    "gain": gain,
                    "lower": lower,
                    "upper": upper,
                }
                row |= {
                    "p": 0.0004,
                    "p_holm": 0.0012 if role == "reference" else np.nan,
                    "in_family": role == "reference",
                }
                row |= {
                    "skill_lower": 0.1,
                    "verdict": rng.choice(["helped", "inconclusive", "no worthwhile gain", "worse"]),
                }
                rows.append([row[column] for column in columns])
    return _frame(columns, rows)


def _curves(rng, about):
    grid = np.linspace(0, 1, 101)
    tables = {"roc": [], "precision_recall": [], "net_benefit": [], "calibration_curve": [], "thresholds": []}
    for name in about:
        if about[name]["family"] == "baseline":
            continue
        power = rng.uniform(0.2, 0.5)
        tables["roc"] += [(name, x, x**power) for x in grid]
        tables["precision_recall"] += [(name, x, 1 - x / 2 * power) for x in grid[1:]]
        tables["net_benefit"] += [(name, x, 0.5 * (1 - x) ** (1 + power)) for x in grid[1:-1]]
        tables["calibration_curve"] += [(name, x, x**power) for x in np.linspace(0.1, 0.8, 51)]
        tables["thresholds"].append((name, "youden", *rng.uniform(0.2, 0.9, 5), 0.12, *rng.uniform(0.2, 0.9, 2)))
    tables["net_benefit"] += [("treat all", x, 0.5 - 0.5 * x / (1 - x)) for x in grid[1:-1]]
    tables["net_benefit"] += [("treat none", x, 0.0) for x in grid[1:-1]]
    columns = _EMPTY
    return {name: _frame(columns[name], rows) for name, rows in tables.items()}


def _calibration(rng, task, about):
    if task == "classes":
        return _frame(calibration_table.COLUMNS, [])
    n_columns = 3 if task == "regression" else len(calibration_table.COLUMNS)
    told = [name for name in about if about[name]["family"] != "baseline"]
    return _frame(calibration_table.COLUMNS[:n_columns], [(name, *rng.uniform(0, 1, n_columns - 1)) for name in told])


def _sites(rng, about, places):
    rows, pools = [], []
    for name in [name for name in about if about[name]["family"] != "baseline"] if places else []:
        rows += [(name, place, 60, 20, True, "", *_limits(rng, 0.74), 0.05) for place in places]
        rows.append((name, "Bodø", 7, 0, False, "one class only", *[np.nan] * 4))
        pools.append((name, len(places), *_limits(rng, 0.74), 0.55, 0.88, 0.1234, 0.4321))
    return {"sites": _frame(sites.SITES, rows), "site_pool": _frame(sites.POOL, pools)}
