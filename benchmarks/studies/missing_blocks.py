"""How each combination rule stands up to missing modalities, on the whole grid of simulated cohorts.

    python -m benchmarks.studies.missing_blocks [--reduced] [--jobs 2]

Every setting of `skfuse.datasets.cohort_grid`, with 30 % and 50 % of blocks missing, 20 seeds, 1,000 test subjects from
the same population (with the same share missing). Beside the rules of late fusion: the concatenation with mean
imputation, with gradient boosting that takes NaN, and fitted on complete cases.
"""

import argparse
import time
import warnings

import joblib
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from benchmarks.record import RESULTS, write
from skfuse.datasets import cohort_grid, make_cohort
from skfuse.evaluation.scores import score_fold
from skfuse.late_fusion import LateFusionClassifier, StandardizedLogisticCV
from skfuse.modalities import present_modalities

RULES = (
    "stack",
    "mean",
    "median",
    "product",
    "max",
    "vote",
    "rank",
    "gain",
    "confidence",
    "dempster-shafer",
    "best",
)
OPTIONS = {"stack, impute": {"missing": "impute"}, "stack, indicator": {"missing": "indicator"}}
PEERS = ("concatenation, mean-imputed", "concatenation, boosting with NaN", "concatenation, complete cases")
SCORES = ("AUC", "log loss", "Brier")
_FITTED = {}


class Memoized(ClassifierMixin, BaseEstimator):
    """The default estimator, fitted once per training set: all rules share the same fits."""

    def fit(self, X, y):
        key = joblib.hash((X, y))
        if key not in _FITTED:
            _FITTED[key] = StandardizedLogisticCV().fit(X, y)
        self.fitted_ = _FITTED[key]
        self.classes_ = self.fitted_.classes_
        return self

    def predict_proba(self, X):
        return self.fitted_.predict_proba(X)

    def predict(self, X):
        return self.fitted_.predict(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class CompleteCases(ClassifierMixin, BaseEstimator):
    """The default linear model on all columns, fitted on subjects who have every modality."""

    def fit(self, X, y):
        y = np.asarray(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self.prior_ = np.bincount(labels) / len(labels)
        complete = present_modalities(X).to_numpy().all(axis=1)
        self.fitted_ = None
        if len(np.unique(y[complete])) == len(self.classes_):
            self.fitted_ = StandardizedLogisticCV().fit(X[complete], y[complete])
        return self

    def predict_proba(self, X):
        if self.fitted_ is None:  # too few complete subjects: all that is left is the prior
            return np.tile(self.prior_, (len(X), 1))
        return self.fitted_.predict_proba(X)


def competitors():
    """Name and unfitted estimator of all that is compared."""
    base = Memoized()
    late = {rule: LateFusionClassifier(base, combine=rule) for rule in RULES}
    late |= {name: LateFusionClassifier(base, **options) for name, options in OPTIONS.items()}
    early = (StandardizedLogisticCV(), HistGradientBoostingClassifier(random_state=0), CompleteCases())
    return late | dict(zip(PEERS, early, strict=True))


def one_cohort(setting, parameters, missing, seed):
    """Scores of every competitor on one simulated cohort."""
    train, test = make_cohort(**parameters, missing=missing, n_test=1000, random_state=seed)
    _FITTED.clear()
    rows = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # flags, skipped modalities and the like are part of the design here
        for name, estimator in competitors().items():
            estimator.fit(train.X, train.y)
            found = score_fold(estimator, test.X, np.asarray(test.y), "classification")
            rows.append({"setting": setting, "missing": missing, "seed": seed, "strategy": name})
            rows[-1] |= {score: found[score] for score in SCORES}
    return rows


def summarize(scores):
    """Mean and standard error of each strategy in each cell of the grid."""
    grouped = scores.groupby(["setting", "missing", "strategy"], sort=False)[list(SCORES)]
    return grouped.mean().join(grouped.sem().add_suffix(" se")).round(5).reset_index()


def figures(scores):
    """The figures that are quoted: the default's paired loss to the best rule, wins and losses against each peer."""
    cells = scores.groupby(["setting", "missing", "strategy"], sort=False)["AUC"].mean().unstack()
    rules = list(RULES)
    out = {
        "AUC lost by the default to the best rule of each cell, mean over cells": _round(
            (cells[rules].max(axis=1) - cells["stack"]).mean()
        ),
        "the same, missing='impute' and 'indicator' counted as rules": _round(
            (cells[[*rules, *OPTIONS]].max(axis=1) - cells["stack"]).mean()
        ),
        "AUC lost by the default to the rule that is best on average": _round(
            cells[rules].mean().max() - cells["stack"].mean()
        ),
        "rule that is best on average": cells[rules].mean().idxmax(),
        "cells": len(cells),
        "cohorts": len(scores) // len(cells.columns),
    }
    for score, sign in (("AUC", 1), ("log loss", -1), ("Brier", -1)):
        table = scores.pivot_table(index=["setting", "missing"], columns="strategy", values=score, sort=False) * sign
        for peer in PEERS:
            gain = table["stack"] - table[peer]
            out[f"default against {peer}, {score}"] = {
                "cells won": int((gain > 0).sum()),
                "cells lost": int((gain < 0).sum()),
                "mean gain": _round(gain.mean()),
            }
    return out


def overall_table(scores):
    """Mean over the grid of each strategy, by share of missing blocks."""
    table = scores.groupby(["missing", "strategy"], sort=False)[list(SCORES)].mean().unstack("missing")
    return table.sort_values(("AUC", table["AUC"].columns[0]), ascending=False).round(4)


def _round(value):
    return round(float(value), 5)


def main(reduced=False, jobs=2):
    """Run the study; the reduced form takes three settings, two seeds, and is not written."""
    grid = cohort_grid()
    seeds, shares = (range(2), (0.3,)) if reduced else (range(20), (0.3, 0.5))
    if reduced:
        grid = {name: grid[name] for name in list(grid)[:3]}
    tasks = [(name, dict(kw), share, seed) for name, kw in grid.items() for share in shares for seed in seeds]
    RESULTS.mkdir(exist_ok=True)
    began, rows = time.perf_counter(), []
    for number, found in enumerate(
        Parallel(n_jobs=jobs, return_as="generator")(delayed(one_cohort)(*task) for task in tasks), start=1
    ):
        rows += found
        if number % 20 == 0:
            print(f"{number} of {len(tasks)} cohorts, {time.perf_counter() - began:.0f} s", flush=True)
    scores = pd.DataFrame(rows)
    print(overall_table(scores).to_string())
    quoted = figures(scores)
    for name, value in quoted.items():
        print(f"{name}: {value}")
    if not reduced:
        summarize(scores).to_csv(RESULTS / "missing_blocks.csv", index=False)
        write("missing_blocks", quoted, command="python -m benchmarks.studies.missing_blocks", seed="0 to 19")
    return quoted


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
