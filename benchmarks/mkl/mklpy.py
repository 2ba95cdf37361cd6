"""EasyMKL and alignf beside MKLpy 0.6: its breast-cancer example to 4 decimals, and CPU seconds with one thread.

    SKFUSE_MKLPY=~/mklpy/bin/python python -m benchmarks.mkl.mklpy [--sizes 1000 2000 4000]

Example: EasyMKL (lambda .1) on 11 homogeneous polynomial kernels with MKLpy's default learner, KOMD, which is the same
quadratic problem as that of the weights; and with an SVM on the same weights, by `SVC` and by `MKLClassifier`. Speed:
10 RBF kernels over 5 modalities (``_design.py``), made before the clock starts; the weights, and the weights with an
SVM (C = 1) on them. MKLpy gives the weighted sum of the kernels with its weights, so that its time without that sum is
compared too. Each side runs in a process of its own and gives the median of its repeats.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from benchmarks.mkl._design import FEATURES, kernel_names, make_modalities, rbf_kernels
from benchmarks.peer import ONE_THREAD, Peer
from benchmarks.record import write

MKLPY = Peer("mklpy", Path(__file__).with_name("_peer_mklpy.py"))
LAMBDA, C, N_TEST, REPEATS = 0.1, 1.0, 1000, 3
VARIANTS = {
    "libsvm": {"solver": "libsvm"},  # its default
    "libsvm, tolerance 1e-3": {"solver": "libsvm", "tolerance": 1e-3},
    "cvxopt": {"solver": "cvxopt"},
}
PUBLISHED = [0.0, 0.0136, 0.0277, 0.0431, 0.0603, 0.0797, 0.1015, 0.1258, 0.1527, 0.1820, 0.2137]


# The example of MKLpy ---------------------------------------------------------------------------------------------


def polynomial_kernels():
    """Kernels of all subjects, which of them train and test, and the classes."""
    X, y = load_breast_cancer(return_X_y=True)
    low, high = X.min(axis=0), X.max(axis=0)
    scaled = (X - low) / (high - low)
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    train, test = train_test_split(np.arange(len(y)), test_size=0.25, random_state=42)
    inner = scaled @ scaled.T
    return X, np.array([inner**degree for degree in range(11)]), y, train, test


def komd_decision(K, K_test, y, lam):
    """Decision of MKLpy's default learner: where new subjects lie between the two weighted class means."""
    from skfuse.kernels._smo_compiled import two_simplexes

    counts = np.array([(y == label).sum() for label in (-1.0, 1.0)])
    gamma = 1.0 / np.where(y > 0, counts[1], counts[0])
    ridge = np.full(len(y), lam * counts.prod() / counts.sum())
    of_gamma = (1.0 - lam) * K @ (y * gamma)
    two_simplexes((1.0 - lam) * K, y, ridge, gamma, of_gamma, 1e-8, 10_000_000)
    return K_test @ (y * gamma) - 0.5 * gamma @ K @ (y * gamma)


def scores(y, decision):
    """Accuracy and area under the ROC curve."""
    return {"ACC": accuracy_score(y > 0, decision > 0), "AUC": roc_auc_score(y, decision)}


def example():
    """Both sides on the example, and the SVM on our weights by two ways."""
    from skfuse.kernels import easymkl_weights

    X, kernels, y, train, test = polynomial_kernels()
    signs = np.where(y[train] == 1, 1.0, -1.0)
    stack = np.ascontiguousarray(kernels[:, train][:, :, train])
    weights = easymkl_weights(stack, signs, easymkl_lambda=LAMBDA, kernel_sum="sum")
    K, K_test = np.tensordot(weights, stack, 1), np.tensordot(weights, kernels[:, test][:, :, train], 1)
    machine = SVC(C=C, kernel="precomputed").fit(K, y[train])
    by_svc, by_estimator = machine.decision_function(K_test), estimator_decision(kernels, y, train, test)
    reference = MKLPY.run(task="example", X=X, y=y, train=train, test=test, easymkl_lambda=LAMBDA)
    found = {
        "MKLpy 0.6": {
            "weights": reference["weights"].astype(float).round(4).tolist(),
            **scores(y[test], reference["decision"]),
        },
        "skfuse, the same learner": {
            "weights": weights.round(4).tolist(),
            **scores(y[test], komd_decision(K, K_test, signs, LAMBDA)),
        },
        "skfuse, SVC on the weights": scores(y[test], by_svc),
        "skfuse, MKLClassifier": scores(y[test], by_estimator),
        "largest difference of weights": float(np.abs(weights - reference["weights"]).max()),
        "largest difference of weights to the published 4 decimals": float(np.abs(weights - PUBLISHED).max()),
        "largest difference of decisions, MKLClassifier and SVC": float(np.abs(by_svc - by_estimator).max()),
        "versions": json.loads(str(reference["versions"])),
    }
    print(json.dumps(found, indent=1), flush=True)
    return found


def estimator_decision(kernels, y, train, test):
    """Decision of test subjects by MKLClassifier in a pipeline of row numbers, one modality per kernel."""
    import pandas as pd
    from sklearn.pipeline import make_pipeline

    from skfuse.kernels import MKLClassifier, ModalityKernel
    from skfuse.modalities import RowKernel, SkippedModalityWarning

    names = [f"degree_{degree}" for degree in range(len(kernels))]
    X = pd.DataFrame({f"{name}__row": np.arange(len(y)) for name in names})
    rows = [RowKernel(K, modality=name) for name, K in zip(names, kernels, strict=True)]
    kernel = ModalityKernel("precomputed", normalization=None)
    options = {"weighting": "easymkl", "kernel_sum": "sum", "easymkl_lambda": LAMBDA, "C": C, "tol": 1e-4}
    model = make_pipeline(*rows, MKLClassifier(kernels=dict.fromkeys(names, kernel), **options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedModalityWarning)  # degree 0, of which all subjects are alike
        model.fit(X.iloc[train], y[train])
    return model.decision_function(X.iloc[test])


# Speed ------------------------------------------------------------------------------------------------------------


def own(n, dtype):
    """Median CPU seconds of skfuse in this process, and what it found."""
    from skfuse.kernels import alignment_weights
    from skfuse.kernels._alignment import centered_products
    from skfuse.kernels._losses import Hinge
    from skfuse.kernels._lp import fit_machine
    from skfuse.kernels._weighting import one_step_weights

    def fit(kernels, y):
        began = time.process_time()
        weights = one_step_weights("easymkl", kernels, y[None], easymkl_lambda=LAMBDA, kernel_sum="sum")
        between = time.process_time()
        machine = fit_machine(kernels, [Hinge(y, np.full(len(y), C))], weights=weights)
        ended = time.process_time()
        return machine, between - began, ended - began

    small, y = make_modalities(60, seed=0)
    fit(rbf_kernels(small, dtype=dtype), y)  # compiled loops are loaded
    blocks, y = make_modalities(n + N_TEST, seed=n)
    parts = [{name: blocks[name][rows] for name in FEATURES} for rows in (slice(n), slice(n, None))]
    y_test, y = y[n:], y[:n]
    kernels = rbf_kernels(parts[0], dtype=dtype)
    runs = [fit(kernels, y) for _ in range(REPEATS)]
    machine = runs[0][0]
    decision = np.tensordot(machine.weights, rbf_kernels(*parts), 1) @ machine.coefficients[0] + machine.intercepts[0]
    found = {
        "weights": float(np.median([run[1] for run in runs])),
        "end to end": float(np.median([run[2] for run in runs])),
        "kernel_weights": machine.weights.tolist(),
        "decision": decision.tolist(),
        "gap": machine.gap,
        **scores(y_test, decision),
    }
    if dtype == "float64" and n <= 1000:
        seconds = []
        for _ in range(REPEATS):
            began = time.process_time()
            weights = alignment_weights(list(kernels), y)
            seconds.append(time.process_time() - began)
        free = np.linalg.solve(centered_products(list(kernels)), [y @ K @ y for K in _centered(kernels)])
        found["alignf"] = {
            "weights": float(np.median(seconds)),
            "kernel_weights": weights.tolist(),
            "without signs": (free / np.linalg.norm(free)).tolist(),
        }
    return found


def _centered(kernels):
    rows = kernels - kernels.mean(axis=1, keepdims=True)
    return rows - rows.mean(axis=2, keepdims=True)


def in_fresh_process(n, dtype):
    command = [sys.executable, "-m", "benchmarks.mkl.mklpy", "--own", str(n), dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
    return json.loads(done.stdout.splitlines()[-1])


def speed(n):
    """CPU seconds of EasyMKL on both sides, and the ratios."""
    sides = {f"skfuse, {dtype}": in_fresh_process(n, dtype) for dtype in ("float32", "float64")}
    options = {"n": n, "seed": n, "n_test": N_TEST, "repeats": REPEATS}
    theirs = MKLPY.run(task="easymkl", **options, variants=json.dumps(VARIANTS))
    found = {f"MKLpy, {name}": _seconds(theirs, name) for name in VARIANTS}
    for name, mine in sides.items():
        found[name] = {
            "weights, CPU s": mine["weights"],
            "end to end, CPU s": mine["end to end"],
            "gap": mine["gap"],
            "ACC": mine["ACC"],
            "largest difference of weights": float(np.abs(mine["kernel_weights"] - theirs["kernel_weights"]).max()),
            "largest difference of decisions": float(np.abs(mine["decision"] - theirs["decision"]).max()),
        }
        for variant in VARIANTS:
            peers = found[f"MKLpy, {variant}"]
            found[f"MKLpy, {variant} / {name}"] = {
                "weights": peers["weights, CPU s"] / mine["weights"],
                "weights, without the sum": (peers["weights, CPU s"] - peers["weighted sum, CPU s"]) / mine["weights"],
                "end to end": peers["end to end, CPU s"] / mine["end to end"],
            }
    for name, values in found.items():
        print(f"n = {n:,}, {name}: " + ", ".join(f"{key} {value:.3g}" for key, value in values.items()), flush=True)
    found["kernel weights"] = dict(
        zip(kernel_names(), theirs["kernel_weights"].astype(float).round(4).tolist(), strict=True)
    )
    return found


def _seconds(theirs, name):
    return {
        "weights, CPU s": float(theirs[f"{name}, weights"]),
        "weighted sum, CPU s": float(theirs[f"{name}, weighted sum"]),
        "end to end, CPU s": float(theirs[f"{name}, end to end"]),
    }


def alignf(n=1000):
    """CPU seconds of alignf on both sides; MKLpy's has no signs, so that weights may be negative."""
    mine = in_fresh_process(n, "float64")["alignf"]
    theirs = MKLPY.run(task="cka", n=n, seed=n, n_test=N_TEST, repeats=REPEATS)
    found = {
        "skfuse, CPU s": mine["weights"],
        "MKLpy CKA, CPU s": float(theirs["weights"]),
        "MKLpy / skfuse": float(theirs["weights"]) / mine["weights"],
        "skfuse, weights": np.round(mine["kernel_weights"], 4).tolist(),
        "MKLpy, weights": theirs["kernel_weights"].astype(float).round(4).tolist(),
        "MKLpy, negative weights": int((theirs["kernel_weights"] < 0).sum()),
        "largest difference of weights where ours may be negative too": float(
            np.abs(mine["without signs"] - theirs["kernel_weights"]).max()
        ),
    }
    print(f"alignf, n = {n:,}: {json.dumps(found, indent=1)}", flush=True)
    return found


def main(sizes=(1000, 2000, 4000)):
    if not MKLPY.is_there():
        return None
    figures = {"breast cancer": example()}
    for n in sizes:
        figures[f"EasyMKL, 10 RBF kernels, n = {n:,}"] = speed(n)
    figures["alignf, 10 RBF kernels, n = 1,000"] = alignf()
    write("mkl_mklpy", figures, command="python -m benchmarks.mkl.mklpy", seed=list(sizes))
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--own", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.own:
        print(json.dumps(own(int(arguments.own[0]), arguments.own[1])))
    else:
        main(arguments.sizes)
