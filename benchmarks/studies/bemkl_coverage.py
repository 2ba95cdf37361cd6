"""How often the intervals of Bayesian multiple kernel learning hold kernel weights that were planted.

    python -m benchmarks.studies.bemkl_coverage [--reduced] [--jobs 2] [--designs NAME ...]

Four modalities of four independent normal features, a centered RBF kernel each, brought to unit mean diagonal; 50
subjects. The outcome is b + sum_m e_m K_m a + noise. What is planted is what the data can tell: the sizes of the
kernel weights over their sum, |e_m| / sum |e|, since the scale of e against that of a is set by priors alone, and
since kernels of independent features hardly tell signs apart.

- "model": everything (e, a, b, the precision of noise) is drawn from the priors of the model. Then intervals of
  the exact posterior hold the truth as often as they say, whatever their form.
- "fixed": e = (1, 0.6, 0.3, 0), a standard normal, noise of sd 1, outcome standardized, as a user would do.
- "model classes", "classes": as these two, with noise of sd 1, and only the sign of the outcome is seen. Draws of the
  first in which all subjects have one class are drawn again.
- "classes, margin": the same cohorts as "classes", with the margin of 1 about 0 that the method was published with.

Intervals that hold at 95 %: from draws of the posterior (``uncertainty="sampled"``) and of the variational normal
(``uncertainty="variational"``), both by the rule of `BayesianKernelWeights.interval`.
"""

import argparse
import json
import warnings

import numpy as np
from joblib import Parallel, delayed
from sklearn.metrics.pairwise import rbf_kernel
from threadpoolctl import threadpool_limits

from benchmarks.record import RESULTS, write
from skfuse.kernels._bayesian import bayesian_weights

N_SUBJECTS, N_KERNELS, N_FEATURES, SIGMA_G, N_DRAWS = 50, 4, 4, 0.1, 2000
FIXED = np.array([1.0, 0.6, 0.3, 0.0])
DESIGNS = ("model", "fixed", "model classes", "classes", "classes, margin")
N_COHORTS = {design: 400 for design in DESIGNS} | {"classes, margin": 100}
VARIANTS = ("sampled", "variational")


def kernel_stack(rng):
    """Centered RBF kernels of independent modalities, unit mean diagonal."""
    stack = []
    for _ in range(N_KERNELS):
        K = rbf_kernel(rng.normal(size=(N_SUBJECTS, N_FEATURES)), gamma=0.5 / N_FEATURES)
        K = K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()
        stack.append(K * N_SUBJECTS / np.trace(K))
    return np.stack(stack)


def plant(design, seed):
    """Kernels, outcome and the weights that made it."""
    rng = np.random.default_rng(seed)
    stack = kernel_stack(rng)
    if design.startswith("model"):
        return stack, *from_the_priors(stack, rng, design == "model classes")
    y = FIXED @ (stack @ rng.normal(size=N_SUBJECTS)) + rng.normal(size=N_SUBJECTS)
    return stack, (y - y.mean()) / y.std() if design == "fixed" else np.sign(y), FIXED


def from_the_priors(stack, rng, classes):
    """Outcome and kernel weights of one draw from the model."""
    e, a = (rng.normal(size=size) / np.sqrt(rng.exponential(size=size)) for size in (N_KERNELS, N_SUBJECTS))
    b = rng.normal() / np.sqrt(rng.exponential())
    G = stack @ a + SIGMA_G * rng.normal(size=(N_KERNELS, N_SUBJECTS))
    noise = rng.normal(size=N_SUBJECTS)
    if not classes:
        return b + e @ G + noise / np.sqrt(rng.exponential()), e
    y = np.sign(b + e @ G + noise)
    return (y, e) if np.ptp(y) else from_the_priors(stack, rng, classes)


def one_cohort(design, seed, n_draws=N_DRAWS):
    """What both kinds of interval hold, and how wide they are."""
    stack, y, e = plant(design, seed)
    truth = np.abs(e) / np.abs(e).sum()
    task = "classification" if "classes" in design else "regression"
    options = {"margin": 1.0} if design == "classes, margin" else {}
    found = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for variant in VARIANTS:
            fitted = bayesian_weights(
                stack, y, task=task, uncertainty=variant, sigma_g=SIGMA_G, n_draws=n_draws, random_state=seed, **options
            )
            lower, upper = fitted.interval(0.95).T
            found[variant] = {
                "held": (lower <= truth) & (truth <= upper),
                "width": upper - lower,
                "error": np.abs(fitted.normalized_weights - truth),
                "effective draws": fitted.effective_draws,
            }
    return found


def summarize(cohorts, variant):
    """Coverage over all weights, with the standard error of means of cohorts, and weight by weight."""
    held = np.array([found[variant]["held"] for found in cohorts])
    draws = [found[variant]["effective draws"] for found in cohorts]
    return {
        "coverage": round(float(held.mean()), 4),
        "standard error": round(float(held.mean(axis=1).std(ddof=1) / np.sqrt(len(held))), 4),
        "coverage by weight": held.mean(axis=0).round(4).tolist(),
        "mean width": round(float(np.mean([found[variant]["width"] for found in cohorts])), 4),
        "mean absolute error": round(float(np.mean([found[variant]["error"] for found in cohorts])), 4),
        "effective draws, 5 % and median": np.quantile(draws, [0.05, 0.5]).round(0).tolist(),
    }


def main(reduced=False, jobs=2, designs=DESIGNS):
    """Run the study; the reduced form takes two cohorts a design with few draws and is not written."""
    path = RESULTS / "bemkl_coverage.json"
    figures = json.loads(path.read_text())["figures"] if path.exists() and not reduced else {}
    for design in designs:
        cohorts = Parallel(n_jobs=jobs)(
            delayed(one_cohort)(design, seed, 300 if reduced else N_DRAWS)
            for seed in range(2 if reduced else N_COHORTS[design])
        )
        figures[design] = {"cohorts": len(cohorts), "draws": 300 if reduced else N_DRAWS}
        for variant in VARIANTS:
            figures[design][variant] = summarize(cohorts, variant)
            print(design, variant, figures[design][variant], flush=True)
        if not reduced:
            write(
                "bemkl_coverage",
                figures,
                command=f"python -m benchmarks.studies.bemkl_coverage --designs {' '.join(map(repr, figures))}",
                seed=f"0 to {max(N_COHORTS.values()) - 1}",
            )
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=DESIGNS)
    main(**vars(parser.parse_args()))
