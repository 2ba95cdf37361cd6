"""Peak memory of late fusion on a voxel-scale block, beyond the data themselves.

    python -m benchmarks.memory

1,000 subjects × 200,000 float32 features (763 MiB) and a clinical block of 20, linear late fusion with 5 folds. Each
case runs in a fresh process; the extra peak is the peak resident memory minus that with the data in place.
"""

import json
import subprocess
import sys
import time

import numpy as np

from benchmarks.record import peak_memory, write

N_SUBJECTS, N_VOXELS, N_CLINICAL = 1000, 200_000, 20


def _data(kind):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=N_SUBJECTS)
    voxels = np.empty((N_SUBJECTS, N_VOXELS + (N_CLINICAL if kind == "array" else 0)), dtype=np.float32)
    for row in voxels:
        row[:] = rng.standard_normal(len(row), dtype=np.float32)
    voxels[:, :50] += 0.3 * y[:, None]
    if kind == "array":
        return voxels, y, {"mri": slice(0, N_VOXELS), "clinical": slice(N_VOXELS, None)}
    import pandas as pd

    clinical = rng.normal(size=(N_SUBJECTS, N_CLINICAL))
    parts = [
        pd.DataFrame(voxels, columns=[f"mri__{i}" for i in range(N_VOXELS)], copy=False),
        pd.DataFrame(clinical, columns=[f"clinical__{i}" for i in range(N_CLINICAL)]),
    ]
    return pd.concat(parts, axis=1), y, None


def measure(kind):
    """Extra peak in bytes and seconds of one fit and of one prediction, in this process."""
    from skfuse.late_fusion import LateFusionClassifier

    X, y, modalities = _data(kind)
    before, began, cpu = peak_memory(), time.perf_counter(), time.process_time()
    model = LateFusionClassifier(modalities=modalities).fit(X, y)
    fitted = peak_memory()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    model.predict_proba(X)
    block = N_SUBJECTS * N_VOXELS * 4
    return {
        "extra peak of fit / block": round((fitted - before) / block, 3),
        "extra peak of fit and predict / block": round((peak_memory() - before) / block, 3),
        "wall s": round(seconds, 1),
        "CPU s": round(cpu, 1),
    }


def main():
    figures = {}
    for kind in ("array", "data frame"):
        command = [sys.executable, "-m", "benchmarks.memory", kind]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        figures[kind] = json.loads(found.stdout.splitlines()[-1])
        print(kind, figures[kind])
    write("memory", figures, command="python -m benchmarks.memory", seed=0)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
