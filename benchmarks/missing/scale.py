"""Imputation of 100,000 subjects with 500 features: CPU time and memory beside the data.

    python -m benchmarks.missing.scale

The design of `_design` with 100,000 subjects, 30 % of the blocks missing, one thread, in a fresh process. What is
added to the data is the peak resident memory after fit and transform less the resident memory with the data in place.
"""

import json
import subprocess
import sys
import time

from threadpoolctl import threadpool_limits

from benchmarks.missing._design import error, factor_cohort, masked, modalities
from benchmarks.record import peak_memory, write

SIZES = (10_000, 100_000)


def measure(n):
    """Seconds and memory of one fit with transform, in this process."""
    from skfuse.imputation import ModalityImputer

    blocks = modalities()
    ModalityImputer(blocks, cv=None).fit(masked(*factor_cohort(200)))  # what is loaded once
    values, has = factor_cohort(n)
    X = masked(values, has)
    probe = values[:2000].copy()
    del values
    before, began, cpu = peak_memory(), time.perf_counter(), time.process_time()
    filled = ModalityImputer(blocks, cv=None).fit(X).transform(X)
    return {
        "subjects": n,
        "CPU s": round(time.process_time() - cpu, 2),
        "wall s": round(time.perf_counter() - began, 2),
        "resident memory before, over the data": round(before / X.nbytes, 2),
        "peak over the data, data included": round(1.0 + (peak_memory() - before) / X.nbytes, 2),
        "RMSE of 2,000 subjects": round(error(filled[:2000], probe, has[:2000]), 4),
    }


def main():
    figures = {}
    for n in SIZES:
        command = [sys.executable, "-m", "benchmarks.missing.scale", str(n)]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        figures[str(n)] = json.loads(found.stdout.splitlines()[-1])
        print(n, figures[str(n)], flush=True)
    write("missing_scale", figures, command="python -m benchmarks.missing.scale", seed=0)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with threadpool_limits(1):
            print(json.dumps(measure(int(sys.argv[1]))))
    else:
        main()
