"""Exact similarity network fusion beside snfpy: CPU seconds with one thread, and peak memory.

    SKFUSE_SNFPY=~/snfpy/bin/python python -m benchmarks.snf.speed [--sizes 1000 2000 4000]

3 modalities × 100 features, 20 neighbors, mu .5, 20 iterations, from features to the fused network (`affinity`:
distances and kernels, `fusion`: the iterations). Every run is a fresh process; compiled loops are loaded before the
clock starts.
"""

import argparse
import json
import os
import subprocess
import sys
import time

from benchmarks.peer import ONE_THREAD
from benchmarks.record import peak_memory, write
from benchmarks.snf.parity import MU, N_ITER, N_NEIGHBORS, SNFPY, planted_blocks, snfpy


def own(n_subjects):
    """Seconds and peak of skfuse, in this process."""
    from skfuse._distances import SubjectMetric
    from skfuse.similarity import fuse_affinities, local_affinity

    def affinity(block):
        metric = SubjectMetric("sqeuclidean").fit(block)
        return local_affinity(metric.within(metric.encode(block)), n_neighbors=N_NEIGHBORS, mu=MU)

    fuse_affinities([affinity(block) for block in planted_blocks(80, seed=0)], n_neighbors=N_NEIGHBORS)
    blocks = planted_blocks(n_subjects, seed=n_subjects)
    began, wall = time.process_time(), time.perf_counter()
    affinities = [affinity(block) for block in blocks]
    between = time.process_time()
    fuse_affinities(_handed_over(affinities), n_neighbors=N_NEIGHBORS, n_iter=N_ITER, overwrite_affinities=True)
    return _figures(began, between, wall)


def _handed_over(affinities):
    while affinities:
        yield affinities.pop(0)


def _figures(began, between, wall):
    ended = time.process_time()
    return {
        "affinity, CPU s": between - began,
        "fusion, CPU s": ended - between,
        "wall s": time.perf_counter() - wall,
        "peak MB": peak_memory() / 2**20,
    }


def peer(n_subjects):
    """The same of snfpy, in a process of its environment."""
    began = time.perf_counter()
    found = snfpy(planted_blocks(n_subjects, seed=n_subjects), "sqeuclidean")
    return {
        "affinity, CPU s": float(found["affinity_seconds"]),
        "fusion, CPU s": float(found["fusion_seconds"]),
        "wall s": time.perf_counter() - began,
        "peak MB": float(found["peak_mb"]),
    }


def main(sizes=(1000, 2000, 4000)):
    if not SNFPY.is_there():
        return None
    figures = {}
    for n in sizes:
        command = [sys.executable, "-m", "benchmarks.snf.speed", "--own", str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
        mine, theirs = json.loads(done.stdout.splitlines()[-1]), peer(n)
        ratio = {key: theirs[key] / mine[key] for key in mine}
        figures[f"n = {n:,}"] = {"skfuse": mine, "snfpy 0.2.2": theirs, "snfpy / skfuse": ratio}
        for name, found in figures[f"n = {n:,}"].items():
            print(f"n = {n:,}, {name}: " + ", ".join(f"{key} {value:.2f}" for key, value in found.items()), flush=True)
    write("snf_speed", figures, command="python -m benchmarks.snf.speed", seed=list(sizes))
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--own", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.own:
        print(json.dumps(own(arguments.own)))
    else:
        main(arguments.sizes)
