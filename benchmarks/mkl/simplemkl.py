"""p = 1 beside SimpleMKL's scheme, a full `SVC` for every step of the weights: CPU seconds to a duality gap of 1 %.

    python -m benchmarks.mkl.simplemkl [--sizes 1000 2000]

No SimpleMKL for Python can be installed, so the scheme is written here, as well as `SVC` allows: kernels in double
precision, one matrix product for their sum and another for what the weights need. Its weights move by the closed form
of lp-MKL (Kloft et al., JMLR 12, 953, 2011); a second run moves them by the larger steps that skfuse takes, so that
what comes of the steps and what comes of the solver can be told apart, and a third follows the published program: a
reduced gradient with a golden section, a full `SVC` for each value that it looks at. 10 RBF kernels over 5 modalities
(``_design.py``), made before the clock starts; C = 1, weights that sum to 1. Each run is a fresh process, one thread.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np
from sklearn.svm import SVC

from benchmarks.mkl._design import kernel_names, make_modalities, rbf_kernels
from benchmarks.peer import ONE_THREAD
from benchmarks.record import write

C, GAP, REPEATS, MOST_ROUNDS = 1.0, 1e-2, 3, 200


def alternating(kernels, y, *, larger_steps):
    """Weights and machine by turns; returns weights, number of machines, gap and objective."""
    flat = kernels.reshape(len(kernels), -1)
    weights, power, before = np.full(len(kernels), 1.0 / len(kernels)), 2.0, np.inf
    for n_machines in range(1, MOST_ROUNDS + 1):  # noqa: B007 (how many it took is returned)
        machine = SVC(C=C, kernel="precomputed").fit((weights @ flat).reshape(kernels.shape[1:]), y)
        beta = np.zeros(len(y))
        beta[machine.support_] = machine.dual_coef_[0]
        products = kernels @ beta
        S = products @ beta
        objective = np.abs(beta).sum() - 0.5 * weights @ S
        gap, primal = relative_gap(products, S, weights, np.abs(beta).sum(), y)
        if gap <= GAP:
            break
        if larger_steps:
            power = max(0.5 * power, 0.5) if objective > before * (1 + 1e-9) else power
            weights = weights * np.maximum(S / S.max(), 1e-12) ** power
        else:
            weights = weights * np.sqrt(S)  # the norm of the machine in the space of each kernel
        weights, before = weights / weights.sum(), objective
    return weights, n_machines, gap, primal


def relative_gap(products, S, weights, linear, y):
    """Duality gap of p = 1 in units of the primal objective, which is given too, at the best intercept."""
    decision = weights @ products
    breaks = np.sort(y - decision)  # where the hinge loss bends; its slope grows by C at each
    bias = breaks[int((y > 0).sum()) - 1]
    loss = C * np.maximum(0.0, 1.0 - y * (decision + bias)).sum()
    primal = 0.5 * (weights @ np.sqrt(S)) ** 2 + loss
    return (primal - (linear - 0.5 * S.max())) / primal, primal


def simplemkl(kernels, y):
    """SimpleMKL as published (Rakotomamonjy et al., JMLR 9, 2491, 2008): reduced gradient and golden section.

    Every value of the objective is a full SVM. The direction is taken to the border of the simplex as long as that
    lowers the objective, then the golden section searches along it to a tenth of its length, as their program does.
    """
    flat, count = kernels.reshape(len(kernels), -1), [0]

    def solve(weights):
        count[0] += 1
        machine = SVC(C=C, kernel="precomputed").fit((weights @ flat).reshape(kernels.shape[1:]), y)
        beta = np.zeros(len(y))
        beta[machine.support_] = machine.dual_coef_[0]
        return np.abs(beta).sum() - 0.5 * beta @ (weights @ (kernels @ beta)), beta

    weights = np.full(len(kernels), 1.0 / len(kernels))
    value, beta = solve(weights)
    for _ in range(MOST_ROUNDS):
        products = kernels @ beta
        S = products @ beta
        gap, primal = relative_gap(products, S, weights, np.abs(beta).sum(), y)
        if gap <= GAP:
            break
        direction = _reduced(weights, -0.5 * S)
        while True:  # to the border
            longest = _longest(weights, direction)
            further = np.maximum(weights + longest * direction, 0.0)
            there, beta_there = solve(further)
            if there >= value:
                break
            weights, value, beta = further, there, beta_there
            direction = _reduced(weights, -0.5 * np.einsum("mi,i->m", kernels @ beta, beta))
        weights, value, beta = _golden_section(solve, weights, direction, longest, value, beta)
    return weights, count[0], gap, primal


def _reduced(weights, gradient):
    """Direction of descent on the simplex: every weight against the largest."""
    largest = int(np.argmax(weights))
    direction = gradient[largest] - gradient
    direction[(weights <= 1e-8) & (direction < 0)] = 0.0
    direction[largest] = 0.0
    direction[largest] = -direction.sum()
    return direction


def _longest(weights, direction):
    falls = direction < 0
    return float(np.min(-weights[falls] / direction[falls])) if falls.any() else 0.0


def _golden_section(solve, weights, direction, longest, value, beta):
    """Best of the points that a golden section looks at along a direction."""
    ratio, low, high = (np.sqrt(5.0) - 1.0) / 2.0, 0.0, longest
    best = (value, weights, beta)
    while high - low > 0.1 * longest and longest > 0:
        inner = [high - ratio * (high - low), low + ratio * (high - low)]
        found = []
        for step in inner:
            point = np.maximum(weights + step * direction, 0.0)
            there, beta_there = solve(point)
            found.append(there)
            if there < best[0]:
                best = (there, point, beta_there)
        low, high = (low, inner[1]) if found[0] < found[1] else (inner[0], high)
    value, weights, beta = best
    return weights, value, beta


def lp(kernels, y):
    """The same by skfuse."""
    from skfuse.kernels._losses import Hinge
    from skfuse.kernels._lp import fit_machine

    machine = fit_machine(kernels, [Hinge(y, np.full(len(y), C))], p=1.0, tol=GAP)
    S = machine.products[0] @ machine.coefficients[0]
    linear = np.abs(machine.coefficients[0]).sum()
    gap, primal = relative_gap(machine.products[0], S, machine.weights, linear, y)
    if abs(gap - machine.gap) > 1e-6:
        raise AssertionError(f"The gap of skfuse is {machine.gap:.6f} by its own count, {gap:.6f} by that used here.")
    return machine.weights, machine.n_iter, gap, primal


METHODS = {
    "skfuse, float32": (lp, np.float32, {}),
    "skfuse, float64": (lp, np.float64, {}),
    "alternating SVC": (alternating, np.float64, {"larger_steps": False}),
    "alternating SVC, larger steps": (alternating, np.float64, {"larger_steps": True}),
    "SimpleMKL as published": (simplemkl, np.float64, {}),
}


def one(name, n):
    """Median CPU seconds of one method in this process."""
    method, dtype, options = METHODS[name]
    blocks, y = make_modalities(60, seed=0)
    method(rbf_kernels(blocks, dtype=dtype), y, **options)  # compiled loops are loaded
    blocks, y = make_modalities(n, seed=n)
    kernels, seconds = rbf_kernels(blocks, dtype=dtype), []
    for _ in range(REPEATS):
        began = time.process_time()
        weights, n_machines, gap, primal = method(kernels, y, **options)
        seconds.append(time.process_time() - began)
    return {
        "CPU s": float(np.median(seconds)),
        "machines": n_machines,
        "gap": float(gap),
        "objective": float(primal),
        "weights": dict(zip(kernel_names(), weights.round(4).tolist(), strict=True)),
    }


def main(sizes=(1000, 2000)):
    figures = {}
    for n in sizes:
        found = {}
        for name in METHODS:
            command = [sys.executable, "-m", "benchmarks.mkl.simplemkl", "--one", name, str(n)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
            found[name] = json.loads(done.stdout.splitlines()[-1])
            shown = {key: value for key, value in found[name].items() if key != "weights"}
            print(f"n = {n:,}, {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in shown.items()), flush=True)
        for name in list(METHODS)[2:]:
            for own in list(METHODS)[:2]:
                found[f"{name} / {own}"] = found[name]["CPU s"] / found[own]["CPU s"]
                print(f"n = {n:,}, {name} / {own}: {found[f'{name} / {own}']:.1f}", flush=True)
        figures[f"n = {n:,}"] = found
    write("mkl_simplemkl", figures, command="python -m benchmarks.mkl.simplemkl", seed=list(sizes))
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments.one[0], int(arguments.one[1]))))
    else:
        main(arguments.sizes)
