"""MKLpy on the kernels of a benchmark; run by the interpreter of its environment (``environments/mklpy.txt``).

    <interpreter> benchmarks/mkl/_peer_mklpy.py INPUT.npz OUTPUT.npz

INPUT holds `task` and what it needs, OUTPUT gets what MKLpy makes of it and the CPU seconds (medians of `repeats`):
``"example"`` (`X`, `y`, `X_test`: EasyMKL with its default learner on 11 homogeneous polynomial kernels), ``"easymkl"``
and ``"cka"`` (blocks of features and `y`, whose kernels are those of ``_design.py``). This file must not import skfuse,
which that environment lacks.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version

import numpy as np
import torch
from _design import FEATURES, make_modalities, rbf_kernels  # beside this file; it needs NumPy alone
from MKLpy.algorithms import CKA, EasyMKL
from MKLpy.arrange import summation
from MKLpy.metrics import pairwise
from MKLpy.preprocessing import normalization, rescale_01
from sklearn.svm import SVC

C = 1.0


def example(given):
    """The training example of MKLpy: scaled features of all subjects, then the split."""
    X = normalization(rescale_01(given["X"]))
    train, test = given["train"], given["test"]
    kernels = [pairwise.homogeneous_polynomial_kernel(X[train], degree=degree) for degree in range(11)]
    new = [pairwise.homogeneous_polynomial_kernel(X[test], X[train], degree=degree) for degree in range(11)]
    model = EasyMKL(lam=float(given["easymkl_lambda"])).fit(kernels, torch.tensor(given["y"][train]))
    return {
        "weights": model.solution.weights.numpy(),
        "decision": np.ravel(model.decision_function(new)),
        "predicted": np.ravel(model.predict(new)),
    }


def easymkl(given):
    """CPU seconds of the weights, of the sum that comes with them, and of weights and classifier together."""
    blocks, y, others = _cohort(given)
    kernels, y = _tensors(rbf_kernels(blocks)), torch.tensor(y)
    made = {}
    for name, options in json.loads(str(given["variants"])).items():
        repeats = 1 if options.get("solver") == "cvxopt" else int(given["repeats"])
        seconds = [_one_easymkl(kernels, y, options) for _ in range(repeats)]
        for column, what in enumerate(("weights", "weighted sum", "end to end")):
            made[f"{name}, {what}"] = np.median([one[column] for one in seconds])
    made["kernel_weights"] = EasyMKL(learner=SVC(C=C), lam=0.1).combine_kernels(kernels, y).weights.numpy()
    model = EasyMKL(learner=SVC(C=C), lam=0.1).fit(kernels, y)
    made["decision"] = model.decision_function(_tensors(rbf_kernels(blocks, others)))
    return made


def _one_easymkl(kernels, y, options):
    model = EasyMKL(learner=SVC(C=C), lam=0.1, **options)
    began = time.process_time()
    solution = model.combine_kernels(kernels, y)
    weighed = time.process_time()
    summation(kernels, solution.weights)
    summed = time.process_time()
    EasyMKL(learner=SVC(C=C), lam=0.1, **options).fit(kernels, y)
    ended = time.process_time()
    return weighed - began, summed - weighed, ended - summed


def cka(given):
    """CPU seconds and weights of the alignment of centered kernels."""
    blocks, y, _ = _cohort(given)
    kernels, y = _tensors(rbf_kernels(blocks)), torch.tensor(y)
    seconds = []
    for _ in range(int(given["repeats"])):
        began = time.process_time()
        solution = CKA(learner=SVC(C=C)).combine_kernels(kernels, y)
        seconds.append(time.process_time() - began)
    return {"weights": np.median(seconds), "kernel_weights": solution.weights.numpy()}


def _cohort(given):
    n, seed, n_test = int(given["n"]), int(given["seed"]), int(given["n_test"])
    blocks, y = make_modalities(n + n_test, seed)
    return {name: blocks[name][:n] for name in FEATURES}, y[:n], {name: blocks[name][n:] for name in FEATURES}


def _tensors(stack):
    return [torch.from_numpy(K) for K in stack]


def main(source, target):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    given = np.load(source)
    task = str(given["task"])
    if task != "example":  # everything that loads at the first call is loaded before the clock starts
        blocks, y = make_modalities(60, seed=0)
        for model in (EasyMKL(learner=SVC(C=C)), EasyMKL(learner=SVC(C=C), solver="cvxopt"), CKA(learner=SVC(C=C))):
            model.fit(_tensors(rbf_kernels(blocks)), torch.tensor(y))
    made = {"example": example, "easymkl": easymkl, "cka": cka}[task](given)
    versions = {name: version(name) for name in ("MKLpy", "torch", "cvxopt", "numpy", "scipy", "scikit-learn")}
    np.savez(target, **made, versions=json.dumps(versions | {"python": sys.version.split()[0]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
