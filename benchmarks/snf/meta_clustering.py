"""MetaClustering: CPU seconds and peak memory of 200 solutions of 1,000 subjects, one thread.

    OMP_NUM_THREADS=1 python -m benchmarks.snf.meta_clustering [--subjects 1000] [--subsamples 20]

Three modalities of 100 features, six groups of which each modality cannot tell two apart, class defaults. A process of
its own for each case; the extra peak is the peak resident memory minus that with the data in place. The held-out test
is of 20 variables of pure noise, 999 permutations. Compiled functions are loaded before the clock starts.
"""

import argparse
import json
import subprocess
import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.record import peak_memory, write
from benchmarks.snf.parity import planted_blocks
from skfuse.similarity._meta import MetaClustering

N_SOLUTIONS, N_FEATURES = 200, 100
MODALITIES = {name: slice(i * N_FEATURES, (i + 1) * N_FEATURES) for i, name in enumerate("abc")}
LIMIT = 180.0  # CPU seconds


def measure(n_subjects, n_subsamples):
    """Figures of one search, in this process."""
    X = np.hstack(planted_blocks(n_subjects, seed=0))
    MetaClustering(MODALITIES, n_solutions=4, random_state=1).fit(X[:100])
    search = MetaClustering(MODALITIES, n_solutions=N_SOLUTIONS, n_subsamples=n_subsamples, random_state=0)
    before, began, cpu = peak_memory(), time.perf_counter(), time.process_time()
    with threadpool_limits(1):
        search.fit(X)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    extra = peak_memory() - before
    noise = np.random.default_rng(0).normal(size=(n_subjects, 20))
    tested = time.process_time()
    with threadpool_limits(1):
        tests = search.held_out_test(noise, random_state=0)
    return {
        "CPU s": round(cpu, 1),
        "wall s": round(seconds, 1),
        "extra peak, MiB": round(extra / 2**20),
        "CPU s of the held-out test": round(time.process_time() - tested, 1),
        "smallest adjusted p of noise": round(float(tests.p_adjusted.min()), 3),
        "meta clusters": search.n_meta_clusters_,
        "solutions in the largest": int((search.meta_labels_ == 0).sum()),
    }


def main(subjects=1000, subsamples=20):
    figures = {}
    for title, n_subsamples in (("search", 0), (f"search and {subsamples} subsamples", subsamples)):
        command = [
            sys.executable,
            "-m",
            "benchmarks.snf.meta_clustering",
            "--measure",
            str(subjects),
            str(n_subsamples),
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        figures[title] = json.loads(found.stdout.splitlines()[-1])
        print(f"{title}, {N_SOLUTIONS} solutions, n = {subjects:,}: {figures[title]}", flush=True)
    verdict = "within" if figures["search"]["CPU s"] <= LIMIT else "above"
    print(f"{verdict} {LIMIT:g} CPU s")
    write("snf_meta_clustering", figures, command="python -m benchmarks.snf.meta_clustering", seed=0)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=1000)
    parser.add_argument("--subsamples", type=int, default=20)
    parser.add_argument("--measure", type=int, nargs=2, metavar=("SUBJECTS", "SUBSAMPLES"))
    given = vars(parser.parse_args())
    measured = given.pop("measure")
    if measured:
        print(json.dumps(measure(*measured)))
    else:
        main(**given)
