"""Similarity network fusion without a matrix of all pairs: time, memory, and agreement with the exact labels.

    python -m benchmarks.snf.scale [--sizes 20000 50000 100000]

3 modalities × 100 float32 features, six groups of which each modality cannot tell two apart. End to end: standardized,
neighbors, fusion, eigenvectors, k-means, labels. Every run is a fresh process with two threads; the peak includes
Python and the data. Agreement with the exact solver at n = 4,000 on a clear and on a weakly separated design, and on
mfeat.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.data import data_folder
from benchmarks.record import peak_memory, write

SIZES = (20_000, 50_000, 100_000)
JOBS = 2


def groups_and_blocks(n_subjects, seed, separation):
    """Group of each subject, and one table of three float32 blocks side by side."""
    rng = np.random.default_rng(seed)
    group = rng.integers(6, size=n_subjects)
    X = rng.standard_normal((n_subjects, 300), dtype=np.float32)
    for merged in range(3):
        centers = rng.normal(scale=separation, size=(6, 100)).astype(np.float32)
        centers[2 * merged] = centers[2 * merged + 1]
        for start in range(0, n_subjects, 10_000):
            X[start : start + 10_000, 100 * merged : 100 * merged + 100] += centers[group[start : start + 10_000]]
    return group, X


MODALITIES = {"a": slice(0, 100), "b": slice(100, 200), "c": slice(200, 300)}


def measure(n_subjects, search):
    """One fit in this process."""
    from skfuse.similarity import SNFClustering

    _warm_up(search)
    group, X = groups_and_blocks(n_subjects, n_subjects, 0.5)
    began, cpu = time.perf_counter(), time.process_time()
    model = SNFClustering(
        6, MODALITIES, n_components=6, solver="matrix-free", neighbor_search=search, n_jobs=JOBS, random_state=0
    ).fit(X)
    return {
        "wall s": time.perf_counter() - began,
        "CPU s": time.process_time() - cpu,
        "peak MB": peak_memory() / 2**20,
        "ARI to the groups": float(adjusted_rand_score(group, model.labels_)),
    }


def _warm_up(search):
    """Load compiled loops before the clock starts."""
    from skfuse.similarity import SNFClustering

    _, X = groups_and_blocks(600, 0, 0.5)
    SNFClustering(6, MODALITIES, solver="matrix-free", neighbor_search=search, n_jobs=JOBS, random_state=0).fit(X)


def agreement():
    """ARI between the labels of the two solvers."""
    from skfuse.similarity import SNFClustering

    figures = {}
    cohorts = {name: groups_and_blocks(4000, 1, separation) for name, separation in (("clear", 0.5), ("weak", 0.2))}
    tables = {f"{name}, n = 4,000": (X, 6, MODALITIES, group) for name, (group, X) in cohorts.items()}
    if data_folder("mfeat") is not None:
        from benchmarks.snf.clusters import cohort, with_blocks_removed

        X, y = cohort("mfeat", "digit")
        tables |= {"mfeat": (X, 10, None, y), "mfeat, 30 % of blocks missing": (with_blocks_removed(X, 0), 10, None, y)}
    for name, (X, k, modalities, truth) in tables.items():
        labels = {
            solver: SNFClustering(k, modalities, solver=solver, random_state=0).fit(X).labels_
            for solver in ("exact", "matrix-free")
        }
        figures[name] = {
            "ARI of the solvers": float(adjusted_rand_score(*labels.values())),
            "ARI to the groups, exact": float(adjusted_rand_score(truth, labels["exact"])),
            "ARI to the groups, matrix-free": float(adjusted_rand_score(truth, labels["matrix-free"])),
        }
        print(name, figures[name], flush=True)
    return figures


def main(sizes=SIZES):
    figures = {"agreement": agreement()}
    threads = os.environ | {f"{name}_NUM_THREADS": str(JOBS) for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    for search in ("exact", "approximate"):
        rows = {}
        for n in sizes:
            command = [sys.executable, "-m", "benchmarks.snf.scale", "--measure", str(n), search]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=threads)
            rows[f"n = {n:,}"] = json.loads(done.stdout.splitlines()[-1])
            print(search, n, rows[f"n = {n:,}"], flush=True)
        figures[f"{search} search"] = rows
        if len(sizes) > 1:
            first, last = rows[f"n = {sizes[0]:,}"], rows[f"n = {sizes[-1]:,}"]
            figures[f"{search} search, growth"] = {
                f"exponent of {key}": float(np.log(last[key] / first[key]) / np.log(sizes[-1] / sizes[0]))
                for key in ("wall s", "CPU s")
            }
            print(figures[f"{search} search, growth"])
    write("snf_scale", figures, command="python -m benchmarks.snf.scale", seed=list(sizes))
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(int(arguments.measure[0]), arguments.measure[1])))
    else:
        main(arguments.sizes)
