"""Low-rank multiple kernel learning: CPU seconds and memory up to 100,000 subjects, and accuracy beside an RBF SVM.

    python -m benchmarks.mkl.scale [--sizes 10000 30000 100000] [--seeds 5]

10 RBF kernels over the 5 modalities of ``_design.py`` (float32, 200 features), of given widths, 50 Nyström landmarks
each. Every size runs in a process of its own with one thread; the data are read from a file, so that the peak of
making them does not count. The peak includes Python, all imports and the data.

Accuracy on the same design: 10,000 training and 4,000 test subjects per seed. Both sides choose by the same 5 folds of
the same 2,000 training subjects, MKL its `C` of 4 values, the SVM on the standardized concatenation its `C` of 4 values
times 2 widths; then both are fitted on all 10,000. The SVM with the most usual settings (C = 1) stands beside.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.mkl._design import FACTORS, FEATURES, make_modalities
from benchmarks.peer import ONE_THREAD
from benchmarks.record import peak_memory, write

SIZES, RANK, N_TEST, N_TUNE, N_ACCURACY, REPEATS = (10_000, 30_000, 100_000), 50, 4000, 2000, 10_000, 3
WANTED = {"CPU s at 100,000": 2.0, "GB at 100,000": 1.0}
C_SCALE = 0.01
C_GRID, SVC_C, SVC_WIDTHS = (1e-4, 1e-3, 1e-2, 1e-1), (0.1, 1.0, 10.0, 100.0), (0.25, 1.0)


def modalities():
    """Columns of each modality in the table of all features."""
    stops = np.cumsum(list(FEATURES.values()))
    return {
        name: slice(int(stop) - width, int(stop)) for (name, width), stop in zip(FEATURES.items(), stops, strict=True)
    }


def classifier(C=C_SCALE):
    """The estimator that is measured: two RBF kernels of given widths for each modality."""
    from skfuse.kernels import MKLClassifier, ModalityKernel

    kernels = {
        name: [ModalityKernel("rbf", width=float(np.sqrt(width / (2.0 * factor)))) for factor in FACTORS]
        for name, width in FEATURES.items()
    }
    return MKLClassifier(modalities(), kernels=kernels, approximation="nystroem", rank=RANK, C=C, random_state=0)


def table(n, seed):
    """All features in single precision, and classes."""
    blocks, y = make_modalities(n, seed)
    return np.hstack([blocks.pop(name).astype(np.float32) for name in FEATURES]), y


# Time and memory --------------------------------------------------------------------------------------------------


def measure(folder):
    """Fits in this process, on the table of a folder."""
    small, y_small = table(2000, 0)
    classifier().fit(small, y_small)  # imports and first calls
    imported = peak_memory()
    X, y = np.load(Path(folder, "X.npy")), np.load(Path(folder, "y.npy"))
    loaded, seconds, walls = peak_memory(), [], []
    for _ in range(REPEATS):
        began, wall = time.process_time(), time.perf_counter()
        model = classifier().fit(X, y)
        seconds.append(time.process_time() - began)
        walls.append(time.perf_counter() - wall)
    peak = peak_memory()
    X_test, y_test = np.load(Path(folder, "X_test.npy")), np.load(Path(folder, "y_test.npy"))
    began = time.process_time()
    accuracy = float(np.mean(model.predict(X_test) == y_test))
    return {
        "fit, CPU s": float(np.median(seconds)),
        "fit, CPU s of each repeat": seconds,
        "fit, wall s": float(np.median(walls)),
        f"predict {len(y_test):,}, CPU s": time.process_time() - began,
        "peak MB": peak / 2**20,
        "peak before the data MB": imported / 2**20,
        "data MB": (X.nbytes + y.nbytes) / 2**20,
        "fit above imports and data MB": (peak - max(loaded, imported)) / 2**20,
        "rounds": model.n_iter_,
        "gap": model.dual_gap_,
        "accuracy": accuracy,
        "modality weights": {name: round(weight, 4) for name, weight in model.modality_weights_.items()},
    }


def in_fresh_process(n):
    """Figures of one size."""
    with tempfile.TemporaryDirectory() as folder:
        X, y = table(n + N_TEST, seed=n)
        for name, values in (("X", X[:n]), ("y", y[:n]), ("X_test", X[n:]), ("y_test", y[n:])):
            np.save(Path(folder, f"{name}.npy"), values)
        del X, y
        command = [sys.executable, "-m", "benchmarks.mkl.scale", "--measure", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
    return json.loads(done.stdout.splitlines()[-1])


def growth(rows):
    """Exponent of CPU seconds, between neighboring sizes and over all."""
    sizes, seconds = list(rows), [row["fit, CPU s"] for row in rows.values()]
    pairs = [*zip(range(len(sizes) - 1), range(1, len(sizes)), strict=True), (0, len(sizes) - 1)]
    return {
        f"{sizes[first]:,} to {sizes[last]:,}": float(
            np.log(seconds[last] / seconds[first]) / np.log(sizes[last] / sizes[first])
        )
        for first, last in dict.fromkeys(pairs)
    }


# Accuracy ---------------------------------------------------------------------------------------------------------


def one_seed(seed):
    """Accuracy and AUC of both sides on one draw of the design."""
    X, y = table(N_ACCURACY + N_TEST, seed=1000 + seed)
    X_test, y_test, X, y = X[N_ACCURACY:], y[N_ACCURACY:], X[:N_ACCURACY], y[:N_ACCURACY]
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    svc = make_pipeline(StandardScaler(), SVC(cache_size=1000))
    grids = {
        "MKL": (classifier(), {"C": C_GRID}),
        "SVC": (svc, {"svc__C": SVC_C, "svc__gamma": [width / X.shape[1] for width in SVC_WIDTHS]}),
    }
    fitted, found = {}, {}
    for name, (estimator, grid) in grids.items():
        search = GridSearchCV(estimator, grid, cv=folds, refit=False).fit(X[:N_TUNE], y[:N_TUNE])
        fitted[name] = (estimator.set_params(**search.best_params_), search.best_params_)
    fitted["SVC, C = 1"] = (make_pipeline(StandardScaler(), SVC(cache_size=1000)), {"svc__C": 1.0})
    for name, (estimator, chosen) in fitted.items():
        began = time.process_time()
        estimator.fit(X, y)
        seconds = time.process_time() - began
        found[name] = {
            "accuracy": float(np.mean(estimator.predict(X_test) == y_test)),
            "AUC": float(roc_auc_score(y_test, estimator.decision_function(X_test))),
            "fit, CPU s": seconds,
            "chosen": {key: float(value) for key, value in chosen.items()},
        }
    print(f"seed {seed}: {json.dumps(found)}", flush=True)
    return found


def accuracy(n_seeds):
    """Means over seeds, and the paired difference with its interval."""
    runs = [one_seed(seed) for seed in range(n_seeds)]
    out = {"runs": runs}
    for name in runs[0]:
        out[name] = {key: float(np.mean([run[name][key] for run in runs])) for key in ("accuracy", "AUC", "fit, CPU s")}
    for name in ("SVC", "SVC, C = 1"):
        for key in ("accuracy", "AUC"):
            gain = np.array([run["MKL"][key] - run[name][key] for run in runs])
            half = stats.t.ppf(0.975, n_seeds - 1) * gain.std(ddof=1) / np.sqrt(n_seeds) if n_seeds > 1 else np.nan
            out[f"MKL - {name}, {key}"] = {
                "mean": float(gain.mean()),
                "lower": float(gain.mean() - half),
                "upper": float(gain.mean() + half),
            }
    return out


def main(sizes=SIZES, seeds=5):
    """Run both parts and write the figures."""
    rows = {}
    for n in sizes:
        rows[n] = in_fresh_process(n)
        print(f"n = {n:,}: {json.dumps(rows[n])}", flush=True)
    figures = {
        "wanted": WANTED,
        "fit": {f"n = {n:,}": row for n, row in rows.items()},
        "exponent of CPU s": growth(rows) if len(rows) > 1 else {},
    }
    print(figures["exponent of CPU s"], flush=True)
    if seeds:
        figures[f"accuracy, n = {N_ACCURACY:,}, {N_TEST:,} test subjects"] = accuracy(seeds)
    write("mkl_scale", figures, command="python -m benchmarks.mkl.scale", seed={"fit": list(sizes), "accuracy": seeds})
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
    else:
        main(arguments.sizes, arguments.seeds)
