"""How often intervals from multiple imputation hold the truth, with and without the outcome in the model.

    python -m benchmarks.studies.multiple_imputation [--reduced] [--jobs 2]

200 subjects with two modalities of three features each, of one normal distribution (correlations .5 within a modality,
.3 between), and an outcome y = .4 x1 + .4 x4 + noise of variance 1, where x1 is of the first modality and x4 of the
second. The second modality is missing for 40 % of the subjects: at random, with log-odds that grow by 1 for a standard
deviation of x1. 20 imputations by `ModalityImputer(for_inference=True)`, each analysed by least squares and pooled by
`pool_estimates` with the degrees of freedom of the complete table. What is estimated, of 2,000 cohorts:

- the mean of x4, which is 0, in an imputation model without an outcome, since the analysis has none;
- the slope of x4 on x1 (both in X), which is .3, in the same model;
- the slope of y on x4 in a regression on x1 and x4, which is .4, with y in the model, and the same without y.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import special  # by the module: workers cannot load a ufunc that is a name of __main__
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

from benchmarks.record import write
from skfuse.imputation import ModalityImputer, pool_estimates

N_SUBJECTS, N_COHORTS, N_IMPUTATIONS, MISSING = 200, 2000, 20, 0.4
WITHIN, BETWEEN, EFFECT, MECHANISM = 0.5, 0.3, 0.4, 1.0
TRUTH = {"mean of x4": 0.0, "slope of x4 on x1": BETWEEN, "slope of y on x4, y in the model": EFFECT}
TRUTH["slope of y on x4, y not in the model"] = EFFECT
COLUMNS = ["mri__1", "mri__2", "mri__3", "pet__4", "pet__5", "pet__6"]


def draw_cohort(seed):
    """Table with missing blocks, and outcome."""
    rng = np.random.default_rng(seed)
    covariance = np.full((6, 6), BETWEEN)
    covariance[:3, :3] = covariance[3:, 3:] = WITHIN
    np.fill_diagonal(covariance, 1.0)
    X = rng.multivariate_normal(np.zeros(6), covariance, size=N_SUBJECTS)
    y = EFFECT * (X[:, 0] + X[:, 3]) + rng.normal(size=N_SUBJECTS)
    reference = np.random.default_rng(0).normal(size=100_000)
    intercept = brentq(lambda c: special.expit(c + MECHANISM * reference).mean() - MISSING, -10, 10)
    X[rng.random(N_SUBJECTS) < special.expit(intercept + MECHANISM * X[:, 0]), 3:] = np.nan
    return pd.DataFrame(X, columns=COLUMNS), y


def least_squares(predictors, target):
    """Last coefficient of a regression with an intercept, and its standard error."""
    A = np.column_stack([np.ones(len(target)), *predictors])
    inverse = np.linalg.inv(A.T @ A)
    coefficients = inverse @ (A.T @ target)
    residual = target - A @ coefficients
    variance = residual @ residual / (len(target) - A.shape[1])
    return coefficients[-1], np.sqrt(variance * inverse[-1, -1])


def one_cohort(seed):
    """Whether each interval holds the truth, how wide it is and where its middle lies."""
    X, y = draw_cohort(seed)
    found = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, outcome in (("without", False), ("with", y)):
            imputer = ModalityImputer(n_imputations=N_IMPUTATIONS, for_inference=True, random_state=seed)
            tables = [table.to_numpy() for table in imputer.fit(X, outcome=outcome).imputations_]
            slopes = [least_squares([table[:, 0], table[:, 3]], y) for table in tables]
            label = f"slope of y on x4, y {'' if name == 'with' else 'not '}in the model"
            found[label] = pool_estimates(*zip(*slopes, strict=True), complete_df=N_SUBJECTS - 3)
            if name == "without":
                means = [(table[:, 3].mean(), table[:, 3].std(ddof=1) / np.sqrt(N_SUBJECTS)) for table in tables]
                found["mean of x4"] = pool_estimates(*zip(*means, strict=True), complete_df=N_SUBJECTS - 1)
                slopes = [least_squares([table[:, 0]], table[:, 3]) for table in tables]
                found["slope of x4 on x1"] = pool_estimates(*zip(*slopes, strict=True), complete_df=N_SUBJECTS - 2)
    return {
        name: (one.lower <= TRUTH[name] <= one.upper, float(one.estimate), float(one.upper - one.lower))
        for name, one in found.items()
    }


def main(reduced=False, jobs=2):
    """Run the study; the reduced form takes 20 cohorts and is not written."""
    n = 20 if reduced else N_COHORTS
    found = Parallel(n_jobs=jobs)(delayed(one_cohort)(seed) for seed in range(n))
    figures = {"cohorts": n, "imputations": N_IMPUTATIONS}
    for name, truth in TRUTH.items():
        held, estimate, width = np.array([one[name] for one in found], dtype=float).T
        figures[name] = {
            "coverage of 95 % intervals": round(float(held.mean()), 4),
            "standard error": round(float(np.sqrt(held.mean() * (1 - held.mean()) / n)), 4),
            "truth": truth,
            "mean estimate": round(float(estimate.mean()), 4),
            "mean width": round(float(width.mean()), 4),
        }
        print(name, figures[name], flush=True)
    if not reduced:
        write(
            "multiple_imputation",
            figures,
            command="python -m benchmarks.studies.multiple_imputation",
            seed=f"0 to {n - 1}",
        )
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
