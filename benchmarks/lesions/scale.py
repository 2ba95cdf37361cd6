"""Lesion-symptom maps of the whole LESYMAP mask: CPU time and memory of every statistic and model.

    python -m benchmarks.lesions.scale

326,828 voxels that at least 10 % of 131 patients have lesioned, 195,102 patches; the whole fit, patches included, one
thread. Each line runs in a process of its own, after a fit of two permutations that loads what is loaded once; memory
which that fit freed is given back before the peak is counted.
"""

import json
import sys
import time
import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.lesions._data import lesymap
from benchmarks.peer import in_own_process
from benchmarks.record import peak_memory, reset_peak_memory, write

#: Options of what is fitted; the estimator is LesionSymptomMapping where none is named.
RUNS = {
    "t, volume as covariate, 1,000": {"n_permutations": 1000},
    "t, volume as covariate, 10,000": {"n_permutations": 10_000},
    "t, lesions permuted, 1,000": {"n_permutations": 1000, "permuted": "columns"},
    "t, lesions over the root of volume, 1,000": {"n_permutations": 1000, "volume": "dtlvc"},
    "t, CFWER v = 100, 1,000": {"n_permutations": 1000, "correction": "cfwer", "cfwer_v": 100},
    "Brunner-Munzel, 1,000": {"statistic": "brunner-munzel", "volume": "none", "n_permutations": 1000},
    "Welch, 1,000": {"statistic": "welch", "volume": "none", "n_permutations": 1000},
    "Liebermeister, 1,000": {"statistic": "liebermeister", "volume": "none", "n_permutations": 1000},
    "TFCE, 1,000": {"correction": "tfce", "n_permutations": 1000},
    "clusters, 1,000": {"correction": "cluster", "n_permutations": 1000},
    "false discovery rate": {"correction": "fdr"},
    "LesionSVR, 1,000": {"correction": "max", "n_permutations": 1000},
    "SparseLesionRegressor, 100": {"correction": "max", "n_permutations": 100},
}
MODELS = ("LesionSVR", "SparseLesionRegressor")


def measure(name):
    """One fit, in this process."""
    from skfuse import lesions

    model, options = name.split(",")[0], dict(RUNS[name])
    estimator = getattr(lesions, model if model in MODELS else "LesionSymptomMapping")
    X, mask, y, masks = lesymap()
    del masks
    y = (y < np.median(y)).astype(float) if options.get("statistic") == "liebermeister" else y
    if options.get("correction") in ("tfce", "cluster") or model == "SparseLesionRegressor":
        options["mask"] = mask
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator(**options | ({"n_permutations": 2} if "n_permutations" in options else {})).fit(X, y)
        before = reset_peak_memory()
        began, wall = time.process_time(), time.perf_counter()
        fitted = estimator(**options, random_state=0).fit(X, y)
    seconds, elapsed = time.process_time() - began, time.perf_counter() - wall
    peak = peak_memory() - before + X.nbytes
    return {
        "CPU s": round(seconds, 2),
        "wall s": round(elapsed, 2),
        "peak with the data, MB": round(peak / 1e6),
        "peak with the data, over the data": round(peak / X.nbytes, 2),
        "voxels": int(fitted.mask_.sum()),
        "patches or regions": int(getattr(fitted, "n_patches_", 0) or fitted.n_regions_),
    }


def main():
    """Every run in a process of its own."""
    if lesymap() is None:
        return None
    figures = {}
    for name in RUNS:
        figures[name] = in_own_process("benchmarks.lesions.scale", name)
        print(name, figures[name], flush=True)
    write("lesions_scale", figures, command="python -m benchmarks.lesions.scale", seed=0)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
