"""What a prediction loses where modalities are missing: the default beside comparators chosen inside the training set.

    python -m benchmarks.studies.missing_downstream [--reduced] [--jobs 2]

Every setting of `skfuse.datasets.cohort_grid` (1,000 test subjects of the same population) and ROSMAP (three omics, a
stratified 70 : 30 split per seed), 10 seeds, with 30, 50 and 70 % of the blocks missing before those who would have
none get one back. Blocks go missing completely at random, or by a covariate: age in the grid (log-odds 1.5 per standard
deviation), and in ROSMAP, which has none, the first principal component of its miRNA before anything is removed.

- The default is `LateFusionClassifier()`: a model per modality, stacked, and who lacks one is predicted by the others.
  It was named before the study was run. `"impute + concatenate"` and `"pattern submodels"` stand beside it.
- The comparator is the best of three by AUC in 3 inner folds: stacking fitted on complete cases, one linear model of
  all columns with missing cells at their mean, and gradient boosting (LightGBM) that takes NaN.
- Outcome-dependent cells: blocks go missing by the outcome itself (log-odds 1.5 for one standard deviation). There the
  number of missing blocks is a predictor; its AUC stands beside the default's, on test subjects who were masked alike
  and on the same subjects masked at random.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit
from threadpoolctl import threadpool_limits

from benchmarks.data import data_folder
from benchmarks.record import RESULTS, write
from skfuse.datasets import cohort_grid, make_cohort
from skfuse.evaluation.joint import imputed_classifier
from skfuse.imputation import PatternSubmodelClassifier
from skfuse.io import read_cohort
from skfuse.late_fusion import LateFusionClassifier, StandardizedLogisticCV
from skfuse.modalities import present_modalities, resolve_modalities

RATES, N_SEEDS, SLOPE, INNER = (0.3, 0.5, 0.7), 10, 1.5, 3
MECHANISMS = ("mcar", "covariate", "outcome")
COMPARATORS = ("complete-case stacking", "mean + concatenation", "boosting with NaN")
DEFAULT, OURS = "default", ("default", "impute + concatenate", "pattern submodels")


class CompleteCaseStacking(ClassifierMixin, BaseEstimator):
    """The default late fusion, fitted to subjects who have every modality; the prior where there are too few."""

    def fit(self, X, y):
        y = np.asarray(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.prior_ = np.bincount(codes) / len(codes)
        complete = present_modalities(X).to_numpy().all(axis=1)
        self.fitted_ = None
        if np.bincount(codes[complete], minlength=len(self.classes_)).min() >= 2:
            self.fitted_ = LateFusionClassifier().fit(X[complete], y[complete])
        return self

    def predict_proba(self, X):
        return np.tile(self.prior_, (len(X), 1)) if self.fitted_ is None else self.fitted_.predict_proba(X)


class ColumnsOnly(ClassifierMixin, BaseEstimator):
    """An estimator of plain arrays on the columns of a table."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.estimator.fit(X.to_numpy(dtype=float), y)
        return self

    def predict_proba(self, X):
        return self.estimator.predict_proba(X.to_numpy(dtype=float))


def make(name):
    """An unfitted estimator, by its name."""
    if name == "boosting with NaN":
        return ColumnsOnly(LGBMClassifier(n_jobs=1, random_state=0, verbose=-1))
    return {
        "default": LateFusionClassifier,
        "impute + concatenate": imputed_classifier,
        "pattern submodels": PatternSubmodelClassifier,
        "complete-case stacking": CompleteCaseStacking,
        "mean + concatenation": StandardizedLogisticCV,
    }[name]()


def auc(model, X, y):
    """AUC, one against the rest of more than two classes."""
    probability = model.predict_proba(X)
    if probability.shape[1] == 2:
        return roc_auc_score(y, probability[:, 1])
    return roc_auc_score(y, probability, multi_class="ovr")


def inner_choice(X, y):
    """Name of the comparator with the best mean AUC in the inner folds."""
    folds = list(StratifiedKFold(INNER, shuffle=True, random_state=0).split(X, y))
    means = {
        name: np.mean([auc(make(name).fit(X.iloc[a], y[a]), X.iloc[b], y[b]) for a, b in folds]) for name in COMPARATORS
    }
    return max(means, key=means.get)


def mask(X, score, rate, rng):
    """A copy without a share of the blocks, those of high `score` rather, by log-odds; everybody keeps one at least."""
    columns = list(resolve_modalities(X).values())
    logits = SLOPE * score
    low, high = -30.0, 30.0
    for _ in range(60):  # the intercept that meets the share
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(1 / (1 + np.exp(-(middle + logits)))) < rate else (low, middle)
    gone = rng.random((len(X), len(columns))) < (1 / (1 + np.exp(-(low + logits))))[:, None]
    everything = np.flatnonzero(gone.all(axis=1))
    gone[everything, rng.integers(len(columns), size=len(everything))] = False
    values = X.to_numpy(dtype=float, copy=True)
    for block, without in zip(columns, gone.T, strict=True):
        values[np.ix_(without, np.arange(values.shape[1])[block])] = np.nan
    return pd.DataFrame(values, index=X.index, columns=X.columns)


def standardized(values):
    values = np.asarray(values, dtype=float)
    return (values - values.mean()) / (values.std() or 1.0)


def simulated(parameters, rate, mechanism, seed):
    """Training and test tables of a simulated cohort, and the test table masked at random instead."""
    given = {name: value for name, value in parameters.items() if name not in ("mechanism", "missing_slope")}
    out = []
    for number, cohort in enumerate(make_cohort(**given, missing=0.0, n_test=1000, random_state=seed)):
        columns = [column for column in cohort.X if "__" in column]
        y, X, rng = np.asarray(cohort.y), cohort.X[columns], np.random.default_rng([seed, 7, number])
        codes = np.unique(y, return_inverse=True)[1]
        score = {"mcar": np.zeros(len(y)), "covariate": cohort.covariates["age"], "outcome": codes}[mechanism]
        out += [mask(X, standardized(score), rate, rng), y]
    return *out, mask(X, np.zeros(len(y)), rate, rng)


def rosmap(cohort, rate, mechanism, seed):
    """The same of ROSMAP."""
    y, X = np.asarray(cohort.y), cohort.X
    rng = np.random.default_rng([seed, 11])
    mirna = X[[column for column in X if column.startswith("mirna__")]].to_numpy()
    first = np.linalg.svd(mirna - mirna.mean(axis=0), full_matrices=False)[0][:, 0]
    score = {"mcar": np.zeros(len(y)), "covariate": standardized(first), "outcome": standardized(y == np.unique(y)[1])}
    masked, at_random = mask(X, score[mechanism], rate, rng), mask(X, np.zeros(len(y)), rate, rng)
    ((train, test),) = StratifiedShuffleSplit(1, test_size=0.3, random_state=seed).split(X, y)
    return masked.iloc[train], y[train], masked.iloc[test], y[test], at_random.iloc[test]


def one_cell(setting, data, rate, mechanism, seed):
    """Scores of everything on one cohort."""
    row = {"setting": setting, "missing": rate, "mechanism": mechanism, "seed": seed}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # skipped modalities and the like are part of the design
        X, y, X_test, y_test, at_random = (
            rosmap(data, rate, mechanism, seed) if setting == "ROSMAP" else simulated(data, rate, mechanism, seed)
        )
        fitted = {name: make(name).fit(X, y) for name in (*OURS, *COMPARATORS)}
        row |= {name: auc(model, X_test, y_test) for name, model in fitted.items()}
        if mechanism == "outcome":
            count = (~present_modalities(X_test).to_numpy()).sum(axis=1)
            row["missing count alone"] = roc_auc_score(y_test, count) if len(np.unique(y)) == 2 else np.nan
            row |= {f"{name}, masked at random": auc(fitted[name], at_random, y_test) for name in OURS}
        else:
            row["chosen"] = inner_choice(X, y)
            row["comparator"] = row[row["chosen"]]
    return row


def figures(table):
    """Paired losses of ours to the comparator, over all judged cells and by kind of cell."""
    judged = table[table["mechanism"] != "outcome"]
    out = {}
    for name in OURS:
        loss = (judged["comparator"] - judged[name]).groupby(
            [judged["setting"], judged["missing"], judged["mechanism"]]
        )
        cells = loss.mean()
        all_of = judged["comparator"] - judged[name]
        by_seed = all_of.groupby(judged["seed"]).mean()
        out[name] = {
            "mean loss of AUC to the comparator": round(float(all_of.mean()), 5),
            "standard error over seeds": round(float(by_seed.sem()), 5),
            "cells": len(cells),
            "cells in which it loses more than .005": int((cells > 0.005).sum()),
            "cells in which it gains more than .005": int((cells < -0.005).sum()),
            "largest loss": [round(float(cells.max()), 4), " ".join(map(str, cells.idxmax()))],
        }
    share = judged["chosen"].value_counts(normalize=True).round(3).to_dict()
    out["share of cohorts in which each comparator was chosen"] = share
    outcome = table[(table["mechanism"] == "outcome")]
    kept = ["missing count alone", *OURS, *(f"{name}, masked at random" for name in OURS), *COMPARATORS]
    out["missing by the outcome"] = {
        str(rate): {name: round(float(rows[name].mean()), 4) for name in kept}
        for rate, rows in outcome.groupby("missing")
    }
    return out


def summary(table):
    """Mean and standard error of every cell."""
    scores = [column for column in table if column not in ("setting", "missing", "mechanism", "seed", "chosen")]
    grouped = table.groupby(["setting", "missing", "mechanism"], sort=False)[scores]
    return grouped.mean().join(grouped.sem().add_suffix(" se")).round(4).reset_index()


def main(reduced=False, jobs=2, parts=("grid", "ROSMAP")):
    """Run the study; the reduced form takes two settings, one seed, one rate, and is not written."""
    quoted = {}
    for part in parts:
        settings = {name: dict(parameters) for name, parameters in cohort_grid().items()}
        if part == "ROSMAP":
            folder = data_folder("rosmap")
            if folder is None:
                print("ROSMAP: skipped, the data are not here (set SKFUSE_DATA)")
                continue
            settings = {"ROSMAP": read_cohort(folder, "ad")}
        quoted[part] = _one_part(part.lower(), settings, reduced, jobs)
    return quoted


def _one_part(part, settings, reduced, jobs):
    names, rates, seeds = (list(settings)[:2], (0.3,), range(1)) if reduced else (list(settings), RATES, range(N_SEEDS))
    tasks = [
        (name, settings[name], rate, how, seed)
        for seed in seeds
        for name in names
        for rate in rates
        for how in MECHANISMS
    ]
    began, rows, quoted = time.perf_counter(), [], {}
    found = Parallel(n_jobs=jobs, return_as="generator")(delayed(one_cell)(*task) for task in tasks)
    for number, row in enumerate(found, start=1):
        rows.append(row)
        if number % (len(tasks) // len(seeds)):
            continue
        done = row["seed"] + 1  # a seed is done in all cells: what is known so far is kept
        print(f"{number} of {len(tasks)} cohorts, {time.perf_counter() - began:.0f} s", flush=True)
        quoted = figures(pd.DataFrame(rows))
        if done > 1:
            name = f"missing_downstream_{part}"
            RESULTS.mkdir(exist_ok=True)
            summary(pd.DataFrame(rows)).to_csv(RESULTS / f"{name}.csv", index=False)
            command = "python -m benchmarks.studies.missing_downstream"
            write(name, {"seeds": done} | quoted, command=command, seed=f"0 to {done - 1}")
    for name, value in quoted.items():
        print(f"{name}: {value}")
    return quoted


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--parts", nargs="+", choices=("grid", "ROSMAP"), default=("grid", "ROSMAP"))
    main(**vars(parser.parse_args()))
