"""Imputation of 100,000 subjects with 500 features: CPU time and memory beside the data.

    python -m benchmarks.missing.scale

The design of `_design` with 100,000 subjects, 30 % of the blocks missing, one thread, in a fresh process. What is
beyond the data is the peak resident memory after fit and transform less that with the data in place.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.missing._design import error, factor_cohort, masked, modalities
from benchmarks.record import peak_memory, write

SIZES = (10_000, 100_000)


def measure(folder, n):
    """Seconds and memory of one fit with transform, in this process, which reads the data from a folder."""
    from skfuse.imputation import ModalityImputer

    blocks = modalities()
    ModalityImputer(blocks, cv=None).fit(masked(*factor_cohort(200)))  # what is loaded once
    X = np.load(Path(folder) / "X.npy")
    before, began, cpu = peak_memory(), time.perf_counter(), time.process_time()
    filled = ModalityImputer(blocks, cv=None).fit(X).transform(X)
    return {
        "subjects": n,
        "CPU s": round(time.process_time() - cpu, 2),
        "wall s": round(time.perf_counter() - began, 2),
        "peak beyond the data, over the data": round((peak_memory() - before) / X.nbytes, 2),
        "peak of the process, over the data": round(peak_memory() / X.nbytes, 2),
        "RMSE": round(error(filled, np.load(Path(folder) / "values.npy"), np.load(Path(folder) / "has.npy")), 4),
    }


def main():
    figures = {}
    for n in SIZES:
        with TemporaryDirectory() as folder:
            values, has = factor_cohort(n)
            for name, array in (("X", masked(values, has)), ("values", values), ("has", has)):
                np.save(Path(folder) / f"{name}.npy", array)
            command = [sys.executable, "-m", "benchmarks.missing.scale", folder, str(n)]
            found = subprocess.run(command, capture_output=True, text=True, check=True)
        figures[str(n)] = json.loads(found.stdout.splitlines()[-1])
        print(n, figures[str(n)], flush=True)
    write("missing_scale", figures, command="python -m benchmarks.missing.scale", seed=0)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 2:
        with threadpool_limits(1):
            print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
