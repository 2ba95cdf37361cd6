"""How often the interval of a cross-validated score, or of a difference, covers what it is an interval of.

    python -m benchmarks.studies.interval_coverage [--reduced] [--jobs 2]

What is covered: the expected AUC (or difference of AUCs) of the procedure at the size of the outer training sets, over
training sets and in the whole population. Cohorts of 74 to 1,000 subjects with 15 % and 50 % events go through five
times five stratified folds. The learner is linear and closed (`benchmarks.studies._linear_cohorts`), so that the true
AUC of every fitted model is known. Two sets of populations: on one the method was chosen, on the other it is judged.
"""

import argparse
import time

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import special  # by its module: workers cannot load a ufunc that __main__ names
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from benchmarks.record import RESULTS, write
from benchmarks.studies._linear_cohorts import (
    N_FOLDS,
    STRATEGIES,
    Population,
    cross_validate,
    draw_cohort,
    draw_folds,
    inner_auc,
)
from skfuse.evaluation.statistics import cross_validated_interval, influence

N_REPEATS = 5
SIZES, SHARES = (74, 100, 350, 1000), (0.15, 0.5)
POPULATIONS = {
    "choice": {
        "no signal": Population((10, 20, 5), (0.5, 0.5, 0.5), neighbor=0.5, shared=0.09),
        "weak": Population((10, 20, 5), (0.65, 0.6, 0.6), neighbor=0.5, shared=0.09),
        "moderate": Population((10, 20, 5), (0.75, 0.7, 0.65), neighbor=0.5, shared=0.09),
        "strong": Population((10, 20, 5), (0.88, 0.75, 0.7), neighbor=0.5, shared=0.09),
        "first carries all": Population((10, 20, 5), (0.8, 0.5, 0.5), neighbor=0.5, shared=0.09),
    },
    "judgement": {
        "no signal, wide": Population((15, 40, 8), (0.5, 0.5, 0.5), neighbor=0.3, shared=0.2, spread=1.5),
        "three alike": Population((15, 40, 8), (0.68, 0.68, 0.68), neighbor=0.3, shared=0.2, spread=1.5),
        "second carries all": Population((15, 40, 8), (0.5, 0.78, 0.5), neighbor=0.3, shared=0.2, spread=1.5),
        "two strong": Population((15, 40, 8), (0.85, 0.85, 0.7), neighbor=0.3, shared=0.2, spread=1.5),
    },
}
#: What is estimated, as weights of the strategies; the last is the single modality chosen by inner folds. The twin has
#: the distribution of the first modality: the expected difference between the two fused scores is exactly zero.
CHOSEN = "single chosen in inner folds"
TARGETS = {
    "fused": {"fused": 1},
    "fused − single 1": {"fused": 1, "single 1": -1},
    "fused − chosen single": {"fused": 1, CHOSEN: -1},
    "fused − fused with the twin": {"fused": 1, "fused with the twin": -1},
}
_WEIGHTS = np.array([[t.get(name, 0) for name in (*STRATEGIES, CHOSEN)] for t in TARGETS.values()], dtype=float)
FAST = ("test-and-train", "subject", "corrected-t")
#: Cohorts of each population, n and share of events: 1,000 for each n and share of the set for judgement. The first of
#: these go through the slow methods too, the bootstrap for up to 350 subjects only.
COHORTS, SLOW = {"choice": 50, "judgement": 250}, 20
N_SPLITS, N_BOOTSTRAP = 30, 200


def fast_intervals(values, influences, rows, y):
    """Limits and p-values of every target by the methods of skfuse: dict of (n_targets, 3)."""
    found = {}
    for method in FAST:
        each = []
        for t, name in enumerate(TARGETS):
            one = cross_validated_interval(
                values[:, t],
                len(y) * (1 - 1 / N_FOLDS),
                len(y) / N_FOLDS,
                method=method,
                influences=[part[:, t] for part in influences],
                rows=rows,
                y=y,
                bounds=(0, 1) if name == "fused" else None,
            )
            each.append([one.lower, one.upper, one.p_value])
        found[method] = np.array(each)
    return found


def bootstrap_interval(splits, y, rng):
    """Percentiles over resampled subjects (class by class), who keep their models: the weights go to every fold."""
    drawn = np.zeros((N_BOOTSTRAP, len(y)))
    for label in (True, False):
        members = np.flatnonzero(y == label)
        drawn[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), N_BOOTSTRAP)
    means = []
    for split in splits:
        for rows, scores in zip(split["rows"], split["scores"], strict=True):
            event = y[rows]
            wins = (scores[event][:, None] > scores[~event]).astype(float)  # (events, others, strategies)
            up, down = drawn[:, rows[event]], drawn[:, rows[~event]]
            pairs = np.einsum("be,eos,bo->bs", up, wins, down, optimize=True)
            with np.errstate(invalid="ignore"):  # a fold whose events were not drawn has no AUC
                means.append(pairs / (up.sum(axis=1) * down.sum(axis=1))[:, None])
    return np.quantile(np.nanmean(means, axis=0) @ _WEIGHTS.T, [0.025, 0.975], axis=0).T


def nested_interval(splits, values, y):
    """Interval of Bates, Hastie and Tibshirani (2024), https://doi.org/10.1080/01621459.2023.2197686, on AUCs of folds.

    Its mean squared error, scaled by (K - 1)/K, is kept between the naive variance and K times that, as in the paper.
    Not for the target with the chosen modality, which would need a third level of folds.
    """
    weights = _WEIGHTS[[0, 1, 3], : len(STRATEGIES)]
    squared, spread, naive = [], [], []
    for split in splits:
        for k in range(N_FOLDS):
            inner = (inner_auc(split["inner"], k) @ weights.T).mean(axis=0)
            outer = split["auc"][k, : len(STRATEGIES)] @ weights.T
            part, event = split["influence"][k][:, : len(STRATEGIES)] @ weights.T, y[split["rows"][k]]
            variance = sum((part[c] ** 2).sum(axis=0) * c.sum() / max(c.sum() - 1, 1) for c in (event, ~event))
            squared.append((inner - outer) ** 2)
            spread.append(variance / len(event) ** 2)
    naive = np.mean(spread, axis=0) / N_FOLDS
    error = (N_FOLDS - 1) / N_FOLDS * (np.mean(squared, axis=0) - np.mean(spread, axis=0))
    half = norm.ppf(0.975) * np.sqrt(np.clip(error, naive, N_FOLDS * naive))
    center = values.mean(axis=0)[[0, 1, 3]]
    found = np.full((len(TARGETS), 2), np.nan)
    found[[0, 1, 3]] = np.column_stack([center - half, center + half])
    slope = np.clip(center[0] * (1 - center[0]), 1e-6, None)
    found[0] = special.expit(special.logit(np.clip(center[0], 1e-6, 1 - 1e-6)) + np.array([-1, 1]) * half[0] / slope)
    return found


def one_cohort(population, n, n_events, seed, slow):
    """Estimates, true values and limits of one cohort."""
    rng, blocks, moments = np.random.default_rng(seed), population.blocks(), population.moments()
    X, y = draw_cohort(moments, n, n_events, rng)
    n_splits = N_SPLITS if slow else N_REPEATS
    splits = [cross_validate(X, y, draw_folds(y, rng), blocks, moments) for _ in range(n_splits)]
    repeats = splits[:N_REPEATS]
    values = np.concatenate([split["auc"] for split in repeats]) @ _WEIGHTS.T
    influences = [part @ _WEIGHTS.T for split in repeats for part in split["influence"]]
    rows = [row for split in repeats for row in split["rows"]]
    limits = fast_intervals(values, influences, rows, y)
    if slow:
        limits["nested cross-validation"] = nested_interval(splits, values, y)
        if n <= 350:
            limits["subject bootstrap"] = bootstrap_interval(repeats, y, rng)
    truth = np.concatenate([split["true"] for split in repeats]).mean(axis=0) @ _WEIGHTS.T
    return values.mean(axis=0), truth, limits


def one_cell(kind, number, n, share, n_cohorts, n_slow):
    """Coverage of every method for every target in one cell."""
    name, population = list(POPULATIONS[kind].items())[number]
    key = (list(POPULATIONS).index(kind), number, n, round(100 * share))
    with threadpool_limits(1):
        cohorts = [one_cohort(population, n, round(share * n), (*key, i), i < n_slow) for i in range(n_cohorts)]
    estimates, truth = np.array([c[0] for c in cohorts]), np.mean([c[1] for c in cohorts], axis=0)
    truth[3] = 0.0
    rows = []
    for method in cohorts[0][2]:
        limits = np.array([c[2][method] for c in cohorts if method in c[2]])
        for t, target in enumerate(TARGETS):
            lower, upper = limits[:, t, 0], limits[:, t, 1]
            if np.isnan(lower).any():
                continue
            covered = ((lower <= truth[t]) & (truth[t] <= upper)).mean()
            null = t == 3 or (t in (1, 2) and name.startswith("no signal"))
            rows.append(
                {
                    "set": kind,
                    "population": name,
                    "n": n,
                    "events": share,
                    "target": target,
                    "method": method,
                    "cohorts": len(limits),
                    "true value": truth[t],
                    "sd of estimate": estimates[:, t].std(ddof=1),
                    "coverage": covered,
                    "se": np.sqrt(max(covered * (1 - covered), 0.25 / len(limits)) / len(limits)),
                    "below": (upper < truth[t]).mean(),
                    "above": (lower > truth[t]).mean(),
                    "width": (upper - lower).mean(),
                    "type I error": (limits[:, t, 2] < 0.05).mean() if null and method in FAST else np.nan,
                }
            )
    return rows


def summarize(table, kind):
    """Of one set, by method, kind of target, subjects and share of events: the mean and the worst coverage."""
    chosen = table[table["set"] == kind].copy()
    base = chosen[chosen["method"] == "corrected-t"].set_index(["population", "n", "events", "target"])["width"]
    keys = pd.MultiIndex.from_frame(chosen[["population", "n", "events", "target"]])
    chosen["ratio"] = chosen["width"].to_numpy() / base.reindex(keys).to_numpy()
    chosen["kind"] = np.where(chosen["target"] == "fused", "level", "difference")
    out = {}
    for (method, what, n, share), part in chosen.groupby(["method", "kind", "n", "events"], sort=False):
        out[f"{method}, {what}, n = {n}, {share:.0%} events"] = {
            "coverage": _round(part["coverage"].mean()),
            # Comparisons of one population share their cohorts, populations do not.
            "se": _round(np.sqrt((part.groupby("population")["se"].mean() ** 2).sum()) / part["population"].nunique()),
            "lowest": _round(part["coverage"].min()),
            "highest": _round(part["coverage"].max()),
            "type I error, mean": _round(part["type I error"].mean()),
            "type I error, highest": _round(part["type I error"].max()),
            "width": _round(part["width"].mean()),
            "width to corrected t": _round(part["ratio"].mean()),
            "cells": len(part),
            "cohorts per cell": int(part["cohorts"].min()),
        }
    return out


def _round(value):
    return "–" if np.isnan(value) else round(float(value), 4)


def agrees_with_the_package(seed=0):
    """Influences and AUCs of the study's fast learner equal the package's, to rounding."""
    rng = np.random.default_rng(seed)
    population = POPULATIONS["choice"]["moderate"]
    X, y = draw_cohort(population.moments(), 74, 11, rng)
    split = cross_validate(X, y, draw_folds(y, rng), population.blocks(), population.moments())
    for rows, scores, found in zip(split["rows"], split["scores"], split["influence"], strict=True):
        for s in range(scores.shape[1]):
            np.testing.assert_allclose(found[:, s], influence("AUC", y[rows], special.expit(scores[:, s])), atol=1e-12)


def main(reduced=False, jobs=2):
    """Run the study; the reduced form takes two populations at n = 74 and 350, 40 cohorts each, and is not written."""
    agrees_with_the_package()
    if reduced:
        cells = [("judgement", i, n, 0.5, 40, 2) for i in (0, 1) for n in (74, 350)]
    else:
        cells = [
            (kind, i, n, share, COHORTS[kind], SLOW if kind == "judgement" else 0)
            for kind in ("judgement", "choice")
            for n in SIZES
            for i in range(len(POPULATIONS[kind]))
            for share in SHARES
        ]
    began, rows = time.perf_counter(), []
    for done, found in enumerate(
        Parallel(n_jobs=jobs, return_as="generator")(delayed(one_cell)(*cell) for cell in cells), start=1
    ):
        rows += found
        print(f"{done} of {len(cells)} cells, {time.perf_counter() - began:.0f} s", flush=True)
    table = pd.DataFrame(rows)
    quoted = {kind: summarize(table, kind) for kind in POPULATIONS if (table["set"] == kind).any()}
    for kind, found in quoted.items():
        print(kind)
        print(pd.DataFrame(found).T.to_string())
    if reduced:
        coverage = table.groupby("method")["coverage"].mean()
        print(coverage)
        # 160 cohorts, four intervals of each: standard error about 1.2 points.
        if not coverage["subject"] + 0.05 < coverage["test-and-train"] > 0.91:
            raise SystemExit("The default interval covers too little: it, or the influences, must be wrong.")
        return quoted
    RESULTS.mkdir(exist_ok=True)
    table.round(5).to_csv(RESULTS / "interval_coverage.csv", index=False)
    command = "python -m benchmarks.studies.interval_coverage"
    write("interval_coverage", quoted, command=command, seed="set, population, n, percent of events, number of cohort")
    return quoted


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
