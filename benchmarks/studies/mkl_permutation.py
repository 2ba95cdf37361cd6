"""Permutation tests of modalities in multiple kernel learning: how often they reject what is true, and what is not.

    python -m benchmarks.studies.mkl_permutation [--reduced] [--jobs 2] [--rows FILE]

`level`: n = 100, classes by a logistic model of the features of `told` and `other`; `noise` is independent of all,
`redundant` is made of `told` and noise of its own, so that it tells nothing of the classes beyond `told`. Two kinds:
all linear with linear kernels, and `redundant` made of products of features of `told`, with RBF kernels. 500 cohorts
× 199 permutations; the shares of p-values up to .01, .05 and .10 of a test that holds lie in the binomial 99.9 % band.
`power`: `clinical`, which tells most in the preset `psychosis_conversion`, of 74, 150 and 300 subjects.

Designs and the estimator were fixed before any p-value was read.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import binom
from threadpoolctl import threadpool_limits

from benchmarks.record import write
from skfuse.datasets import psychosis_conversion
from skfuse.kernels import MKLClassifier

N, LEVELS, PERMUTATIONS = 100, (0.01, 0.05, 0.10), 199
REJECTABLE = 100  # cohorts in which false nulls are tested too
BLOCKS = {"told": slice(0, 4), "other": slice(4, 8), "noise": slice(8, 18), "redundant": slice(18, 23)}
KINDS = {"linear": "linear", "products": "rbf"}
#: Test, modality, and whether its null is true.
LEVEL_TESTS = {
    ("marginal", "noise"): True,
    ("conditional", "noise"): True,
    ("conditional", "redundant"): True,
    ("marginal", "redundant"): False,
    ("conditional", "told"): False,
}


def level_cohort(kind, seed):
    """One cohort of the level design."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    told, other = rng.normal(size=(2, N, 4))
    noise, own = rng.normal(size=(N, 10)), rng.normal(size=(N, 5))
    score = 1.2 * told[:, 0] + 0.8 * told[:, 1] + 1.2 * other[:, 0] - 0.6 * other[:, 1]
    source = told @ rng.normal(size=(4, 5)) if kind == "linear" else told[:, [0, 0, 1, 2, 3]] * told[:, [1, 2, 3, 3, 0]]
    y = (rng.random(N) < 1 / (1 + np.exp(-score))).astype(int)
    return np.hstack([told, other, noise, source + own]), y


def level_row(kind, seed, n_permutations=PERMUTATIONS):
    """P-values of one cohort."""
    X, y = level_cohort(kind, seed)
    model = MKLClassifier(BLOCKS, kernels=KINDS[kind], C=0.1, class_weight="balanced")
    row = {"kind": kind, "seed": seed}
    tests = [test for test, holds in LEVEL_TESTS.items() if holds or seed < REJECTABLE]
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for null, modality in tests:
            options = {"nulls": null, "modalities": modality, "n_permutations": n_permutations, "random_state": seed}
            row[f"{null} {modality}"] = float(model.permutation_test(X, y, **options).p_values[0])
    return row


def power_row(n, seed, n_permutations=PERMUTATIONS):
    """P-values of the planted modality of the preset."""
    cohort = psychosis_conversion(n, random_state=10_000 + seed)
    model = MKLClassifier(kernels="linear", C=0.1, class_weight="balanced")
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = model.permutation_test(
            cohort.X,
            cohort.y,
            nulls=("marginal", "conditional"),
            modalities="clinical",
            n_permutations=n_permutations,
            random_state=seed,
        )
    named = {f"{null} clinical": float(p) for (null, _), p in zip(test.tests, test.p_values, strict=True)}
    return {"kind": f"preset, n = {n}", "seed": seed, **named}


def summarize(rows):
    """Shares of rejections of each design, beside the band of a test that holds."""
    figures = {}
    for kind, own in pd.DataFrame(rows).groupby("kind", sort=False):
        figures[kind] = {"cohorts": len(own)}
        for name in own.columns[2:]:
            p = own[name].dropna()
            if not len(p):
                continue
            found = {f"{level:.2f}": round(float((p <= level + 1e-12).mean()), 4) for level in LEVELS}
            found["cohorts"] = len(p)
            null, _, modality = name.partition(" ")
            if LEVEL_TESTS.get((null, modality)):
                bands = [binom.interval(0.999, len(p), level) for level in LEVELS]
                shares = zip([found[f"{level:.2f}"] for level in LEVELS], bands, strict=True)
                found["in the band"] = all(low <= share * len(p) <= high for share, (low, high) in shares)
            figures[kind][name] = found
    return figures


def main(reduced=False, jobs=2, rows=None):
    """Run the study; the reduced form takes 3 cohorts × 19 permutations and is not written."""
    n_level, n_power, draws = (3, 1, 19) if reduced else (500, 100, PERMUTATIONS)
    sizes = (74,) if reduced else (74, 150, 300)
    wanted = [(level_row, kind, seed) for seed in range(n_level) for kind in KINDS]
    wanted += [(power_row, n, seed) for n in sizes for seed in range(n_power)]
    path = Path(rows) if rows else None
    done = [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []
    have = {(row["kind"], row["seed"]) for row in done}
    todo = [job for job in wanted if (job[1] if job[0] is level_row else f"preset, n = {job[1]}", job[2]) not in have]
    found = Parallel(n_jobs=jobs, return_as="generator")(delayed(f)(a, seed, draws) for f, a, seed in todo)
    for row in found:
        done.append(row)
        if path:
            with path.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
    figures = summarize(done)
    for kind, tests in figures.items():
        print(f"\n{kind}: {tests.pop('cohorts')} cohorts\n{pd.DataFrame(tests).T.to_string()}")
        tests["cohorts"] = sum(row["kind"] == kind for row in done)
    if not reduced:
        write("mkl_permutation", figures, command="python -m benchmarks.studies.mkl_permutation", seed="0 to 499")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rows", help="file of finished cohorts, to go on from")
    main(**vars(parser.parse_args()))
