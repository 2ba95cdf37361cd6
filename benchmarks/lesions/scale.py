"""Lesion-symptom maps of the whole LESYMAP mask: CPU time and memory of every statistic.

    python -m benchmarks.lesions.scale

326,828 voxels that at least 10 % of 131 patients have lesioned, 195,102 patches; the whole fit, patches included, one
thread. Each line runs in a process of its own, whose peak memory beyond the data is reported.
"""

import json
import os
import subprocess
import sys
import time
import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.lesions._data import lesymap
from benchmarks.peer import ONE_THREAD
from benchmarks.record import peak_memory, write

#: What is fitted, and with a binary score or not.
RUNS = {
    "t, volume as covariate, 1,000": ({"n_permutations": 1000}, False),
    "t, volume as covariate, 10,000": ({"n_permutations": 10_000}, False),
    "t, lesions permuted, 1,000": ({"n_permutations": 1000, "permuted": "columns"}, False),
    "t, CFWER v = 100, 1,000": ({"n_permutations": 1000, "correction": "cfwer", "cfwer_v": 100}, False),
    "Brunner-Munzel, 1,000": ({"statistic": "brunner-munzel", "volume": "none", "n_permutations": 1000}, False),
    "Welch, 1,000": ({"statistic": "welch", "volume": "none", "n_permutations": 1000}, False),
    "Liebermeister, 1,000": ({"statistic": "liebermeister", "volume": "none", "n_permutations": 1000}, True),
    "TFCE, 1,000": ({"correction": "tfce", "n_permutations": 1000}, False),
    "clusters, 1,000": ({"correction": "cluster", "n_permutations": 1000}, False),
    "false discovery rate": ({"correction": "fdr"}, False),
}


def measure(name):
    """One fit, in this process."""
    from skfuse.lesions import LesionSymptomMapping

    options, binary = RUNS[name]
    X, mask, y, masks = lesymap()
    del masks
    y = (y < np.median(y)).astype(float) if binary else y
    if options.get("correction") in ("tfce", "cluster"):
        options = options | {"mask": mask}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        LesionSymptomMapping(**options | {"n_permutations": 2}).fit(X, y)  # what is loaded once
        before = _reset_peak()
        began, wall = time.process_time(), time.perf_counter()
        mapping = LesionSymptomMapping(**options, random_state=0).fit(X, y)
    return {
        "CPU s": round(time.process_time() - began, 2),
        "wall s": round(time.perf_counter() - wall, 2),
        "peak with the data, over the data as float32": round((peak_memory() - before + X.nbytes) / (4 * X.nbytes), 2),
        "peak with the data, MB": round((peak_memory() - before + X.nbytes) / 1e6),
        "voxels": int(mapping.mask_.sum()),
        "patches": int(mapping.n_patches_),
    }


def _reset_peak():
    """Resident memory now, from which the peak is counted anew."""
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")
    return peak_memory()


def main():
    """Every run in a process of its own."""
    if lesymap() is None:
        return None
    figures = {}
    for name in RUNS:
        command = [sys.executable, "-m", "benchmarks.lesions.scale", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
        figures[name] = json.loads(done.stdout.splitlines()[-1])
        print(name, figures[name], flush=True)
    write("lesions_scale", figures, command="python -m benchmarks.lesions.scale", seed=0)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
