"""Imputation of missing blocks beside scikit-learn: error, CPU time and memory on one design.

    python -m benchmarks.missing.imputers [--rounds 4]

2,000 subjects with five blocks of 100 features, 30 % of the blocks missing (see `_design`), 1,000 new subjects, one
thread on both sides, everything in one run. IterativeImputer runs with its defaults (BayesianRidge) for one round and
for four.
"""

import argparse
import time
import warnings

from sklearn.experimental import enable_iterative_imputer  # noqa: F401 — scikit-learn wants it imported
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from threadpoolctl import threadpool_limits

from benchmarks.missing._design import error, factor_cohort, masked, modalities
from benchmarks.record import write
from skfuse.imputation import ModalityImputer


def measure(make, train, new):
    """CPU seconds of fit and transform, and errors."""
    (values, has), (new_values, new_has) = train, new
    X, X_new = masked(values, has), masked(new_values, new_has)
    began = time.process_time()
    imputer = make().fit(X)
    fitted = time.process_time()
    filled = imputer.transform(X)
    done = time.process_time()
    filled_new = imputer.transform(X_new)
    last = time.process_time()
    return {
        "fit, CPU s": round(fitted - began, 3),
        "fit and transform, CPU s": round(done - began, 3),
        "transform of 1,000 new subjects, CPU s": round(last - done, 3),
        "RMSE": round(error(filled, values, has), 4),
        "RMSE of new subjects": round(error(filled_new, new_values, new_has), 4),
    }


def main(rounds=(1, 4)):
    """Run ours, then the peers."""
    blocks = modalities()
    makers = {"ModalityImputer, quality measured": lambda: ModalityImputer(blocks)}
    for strategy in ("gaussian", "ridge", "softimpute", "knn", "forest", "mean"):
        makers[f"ModalityImputer, {strategy}"] = lambda one=strategy: ModalityImputer(blocks, strategy=one, cv=None)
    makers["SimpleImputer"] = SimpleImputer
    makers["KNNImputer(n_neighbors=10)"] = lambda: KNNImputer(n_neighbors=10)
    for count in rounds:
        makers[f"IterativeImputer, {count} round{'s' if count > 1 else ''}"] = lambda n=count: IterativeImputer(
            max_iter=n
        )
    train, new, figures = factor_cohort(), factor_cohort(1000, seed=1), {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ModalityImputer(blocks).fit(masked(*factor_cohort(200)))  # what is loaded once
        for name, make in makers.items():
            figures[name] = measure(make, train, new)
            print(name, figures[name], flush=True)
    ours = figures["ModalityImputer, gaussian"]["fit and transform, CPU s"]
    for name in figures:
        if not name.startswith("ModalityImputer"):
            figures[name]["CPU time over that of ModalityImputer, gaussian"] = round(
                figures[name]["fit and transform, CPU s"] / ours, 1
            )
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, nargs="*", default=(1, 4))
    write(
        "missing_imputers",
        main(**vars(parser.parse_args())),
        command="python -m benchmarks.missing.imputers",
        seed="0 and 1",
    )
