"""Mklaren beside mklaren 1.2, run live: the sequence of kernels and pivots, the regression path, and CPU seconds.

    SKFUSE_MKLAREN=~/mklaren/bin/python python -m benchmarks.mkl.mklaren [--freeze tests/kernels/fixtures/mklaren.json]

Path: the procedure of mklaren's quick start (an RBF, a linear and a cubic kernel of every second subject; 30 look-ahead
pivots), on the diabetes data of scikit-learn, because its Boston housing data are no longer distributed. mklaren
compares signed correlations in its first step (`signed_start`), so that each setting runs for the target and for its
negative. Speed: rank 50 over 10 RBF kernels of 5 modalities at n = 2,000, one thread on both sides, both from features;
equality is checked there too.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

from benchmarks.peer import ONE_THREAD, Peer
from benchmarks.record import write
from skfuse.kernels._mklaren import mklaren_pivots

MKLAREN = Peer("mklaren", Path(__file__).with_name("_peer_mklaren.py"))
QUICK_START = [(0, "rbf_kernel", {"sigma": 30.0}), (0, "linear_kernel", {}), (0, "poly_kernel", {"degree": 3})]
STANDARDIZED = [(0, "rbf_kernel", {"sigma": 2.0}), *QUICK_START[1:]]


def column_pairs(blocks, kernels):
    """Columns and diagonal of each kernel, for `mklaren_pivots`; no kernel matrix is made."""
    return [_pair(blocks[block], name, **arguments) for block, name, arguments in kernels]


def _pair(X, name, sigma=None, gamma=None, degree=1):
    squares = np.sum(X**2, axis=1)
    if name == "rbf_kernel":
        gamma = 1.0 / (2.0 * sigma**2) if gamma is None else gamma
        return (lambda i: np.exp(-gamma * np.maximum(squares - 2.0 * X @ X[i] + squares[i], 0.0))), np.ones(len(X))
    return (lambda i: (X @ X[i]) ** degree), squares**degree


def planted_modalities(n, seed):
    """Five modalities of which three say something about the target, and ten RBF kernels of them, two widths each."""
    rng = np.random.default_rng(seed)
    blocks = [rng.normal(size=(n, p)) for p in (20, 50, 100, 20, 10)]
    y = blocks[0][:, :5].sum(axis=1) + blocks[1][:, 0] ** 2 + np.sin(2 * blocks[4][:, 0]) + 0.5 * rng.normal(size=n)
    kernels = [
        (position, "rbf_kernel", {"gamma": factor / block.shape[1]})
        for position, block in enumerate(blocks)
        for factor in (0.25, 1.0)
    ]
    return blocks, y, kernels


def mklaren(blocks, y, kernels, *, rank, delta, ridge):
    """What mklaren makes of it: kernels, pivots, path, fitted values and CPU seconds."""
    named = {f"block_{position}": block for position, block in enumerate(blocks)}
    return MKLAREN.run(**named, kernels=json.dumps(kernels), y=y, rank=rank, delta=delta, ridge=ridge)


def compare(path, reference, y):
    """How many pairs are equal, and the largest differences in units of the norm of the centered target."""
    norm = np.linalg.norm(y - y.mean())
    n_steps = len(path.pivots)
    same = (path.kernel_numbers == reference["kernel_numbers"][:n_steps]) & (
        path.pivots == reference["pivots"][:n_steps]
    )
    along = np.cumsum(path.bisectors * path.step_lengths, axis=1)
    return {
        "pairs": n_steps,
        "equal pairs": int(np.argmin(np.append(same, False))),
        "path": float(np.abs(along - reference["path"][:, :n_steps]).max() / norm),
        "fitted": float(np.abs(path.fitted - reference["fitted"]).max() / norm),
    }


def quick_start_settings():
    """Name, features, target, kernels and options of each setting of the path."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y = X[::2], y[::2]
    for name, points, kernels in (
        ("as it is", X, QUICK_START),
        ("standardized", (X - X.mean(axis=0)) / X.std(axis=0), STANDARDIZED),
    ):
        for ridge in (1.0, 0.0):
            for sign in (1.0, -1.0):
                options = {"rank": 15, "delta": 30, "ridge": ridge}
                yield f"diabetes {name}, ridge {ridge:g}, target × {sign:+g}", points, sign * y, kernels, options


def main(n=2000, freeze=None):
    if not MKLAREN.is_there():
        return None
    figures, frozen = {}, {}
    for name, X, y, kernels, options in quick_start_settings():
        reference = mklaren([X], y, kernels, **options)
        path = mklaren_pivots(column_pairs([X], kernels), y, signed_start=True, **options)
        figures[name] = compare(path, reference, y)
        frozen[name] = {
            "kernel_numbers": reference["kernel_numbers"].tolist(),
            "pivots": reference["pivots"].tolist(),
            "path_norms": np.linalg.norm(reference["path"], axis=0).tolist(),
            "fitted": reference["fitted"].tolist(),
        }
        print(f"{name}: " + ", ".join(f"{what} {value:.3g}" for what, value in figures[name].items()), flush=True)
    figures[f"10 RBF kernels, rank 50, n = {n:,}"] = speed(n)
    write("mkl_mklaren", figures, command="python -m benchmarks.mkl.mklaren", seed=n)
    if freeze:
        origin = "mklaren 1.2 converted by lib2to3, benchmarks/mkl/mklaren.py --freeze; " + str(reference["versions"])
        Path(freeze).write_text(json.dumps({"origin": origin, "settings": frozen}) + "\n")
    return figures


def speed(n):
    """CPU seconds of both from features to the end of the path, ours the median of 5 runs in a process of its own."""
    blocks, y, kernels = planted_modalities(n, seed=n)
    options = {"rank": 50, "delta": 10, "ridge": 0.0}
    command = [sys.executable, "-m", "benchmarks.mkl.mklaren", "--own", str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
    seconds = json.loads(done.stdout.splitlines()[-1])
    path = mklaren_pivots(column_pairs(blocks, kernels), y, **options)
    found = {}
    for sign in (1.0, -1.0):
        reference = mklaren(blocks, sign * y, kernels, **options)
        mine = mklaren_pivots(column_pairs(blocks, kernels), sign * y, signed_start=True, **options)
        found[f"target × {sign:+g}"] = compare(mine, reference, y) | {"mklaren 1.2, CPU s": float(reference["seconds"])}
    theirs = min(values["mklaren 1.2, CPU s"] for values in found.values())
    norm = np.linalg.norm(y - y.mean())
    found |= {
        "skfuse, CPU s": seconds,
        "mklaren 1.2 / skfuse": theirs / seconds,
        "largest residual of the path, in units of the target": float(path.residual_norms.max() / norm),
        "last residual": float(path.residual_norms[-1] / norm),
    }
    print(f"10 RBF kernels, n = {n:,}: {json.dumps(found, indent=1)}", flush=True)
    return found


def own(n):
    """CPU seconds of skfuse in this process."""
    blocks, y, kernels = planted_modalities(n, seed=n)
    seconds = []
    for _ in range(6):
        began = time.process_time()
        mklaren_pivots(column_pairs(blocks, kernels), y, rank=50, delta=10)
        seconds.append(time.process_time() - began)
    return float(np.median(seconds[1:]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--freeze", help="where to write the golden values of the tests")
    parser.add_argument("--own", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.own:
        print(json.dumps(own(arguments.own)))
    else:
        main(arguments.n, arguments.freeze)
