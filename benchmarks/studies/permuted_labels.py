"""With permuted labels every strategy must be at chance: no leak from test to training subjects.

    python -m benchmarks.studies.permuted_labels [--reduced] [--jobs 2]

A cohort of 300 with 30 % of blocks missing and 5 % of cells missing. Labels are permuted 200 times; each time a
stratified half is fitted and the other half scored. Then the expected AUC is exactly one half.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from benchmarks.record import write
from benchmarks.studies.missing_blocks import _FITTED, competitors
from skfuse.datasets import make_cohort
from skfuse.evaluation.scores import score_fold


def one_permutation(cohort, seed):
    """AUC of every competitor on the held-out half."""
    y = np.random.default_rng(seed).permutation(cohort.y.to_numpy())
    train, test = train_test_split(np.arange(len(y)), test_size=0.5, stratify=y, random_state=seed)
    _FITTED.clear()
    found = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, estimator in competitors().items():
            estimator.fit(cohort.X.iloc[train], y[train])
            found[name] = score_fold(estimator, cohort.X.iloc[test], y[test], "classification")["AUC"]
    return found


def main(reduced=False, jobs=2):
    """Run the study; the reduced form takes 20 permutations and is not written."""
    cohort = make_cohort(300, missing=0.3, scattered=0.05, random_state=0)
    n_permutations = 20 if reduced else 200
    found = Parallel(n_jobs=jobs)(delayed(one_permutation)(cohort, seed) for seed in range(n_permutations))
    auc = pd.DataFrame(found)
    table = pd.DataFrame({"mean AUC": auc.mean(), "standard error": auc.sem()})
    table["z"] = (table["mean AUC"] - 0.5) / table["standard error"]
    # Sixteen standard errors from 20 permutations each: 3 are left by chance in one run of nine, 5 in one of
    # a thousand.
    limit = 5 if reduced else 3
    table[f"within {limit} SE"] = table["z"].abs() <= limit
    print(table.round(4).to_string())
    if not table[f"within {limit} SE"].all():
        raise SystemExit("Some strategy is not at chance with permuted labels: test subjects leak into training.")
    if not reduced:
        figures = {"permutations": n_permutations, "strategies": table.round(4).to_dict("index")}
        write("permuted_labels", figures, command="python -m benchmarks.studies.permuted_labels", seed="0 to 199")
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
