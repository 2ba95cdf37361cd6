"""Multiple kernel learning of Alzheimer's disease from three omics (ROSMAP), beside the average kernel and late means.

    python -m benchmarks.mkl.rosmap [--jobs 2]

`RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0)`, on which every strategy is fitted and scored. One
configuration, written down before it was ever run on these data: a linear and an RBF kernel (median width) for each
modality; `C` and `p` chosen inside each training set by 5 stratified folds. The average kernel chooses its `C` in the
same way; the three logistic regressions choose theirs inside (`LateFusionClassifier(combine="mean")`).
"""

import argparse
import json
import time

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from benchmarks.data import data_folder
from benchmarks.record import write
from skfuse.evaluation.statistics import corrected_resampled_t, cross_validated_interval, influence
from skfuse.io import read_cohort
from skfuse.kernels import MKLClassifier
from skfuse.late_fusion import LateFusionClassifier

KERNELS, C_GRID, P_GRID = ["linear", "rbf"], [0.01, 0.1, 1.0, 10.0], [1.0, 4 / 3, 2.0]


def strategies():
    """Name and unfitted estimator of all that is compared."""
    mkl = MKLClassifier(kernels=KERNELS, class_weight="balanced")
    inner = StratifiedKFold(5, shuffle=True, random_state=0)
    searched = {"cv": inner, "scoring": "roc_auc"}
    return {
        "MKL": GridSearchCV(mkl, {"C": C_GRID, "p": P_GRID}, **searched),
        "average kernel": GridSearchCV(clone(mkl).set_params(weighting="average"), {"C": C_GRID}, **searched),
        "mean of three logistic regressions": LateFusionClassifier(combine="mean"),
    }


def one_fit(name, estimator, X, y, train, test):
    """Scores, evidence and settings of one strategy on one fold."""
    began = time.process_time()
    with threadpool_limits(1):
        model = clone(estimator).fit(X.iloc[train], y[train])
        if hasattr(model, "predict_proba"):
            evidence = model.predict_proba(X.iloc[test])[:, 1]
        else:
            evidence = 1.0 / (1.0 + np.exp(-model.decision_function(X.iloc[test])))  # in the order of the decision
        predicted = model.predict(X.iloc[test])
    return {
        "strategy": name,
        "AUC": float(roc_auc_score(y[test], evidence)),
        "accuracy": float(accuracy_score(y[test], predicted)),
        "influence": influence("AUC", y[test], evidence),
        "chosen": getattr(model, "best_params_", None),
        "weights": getattr(getattr(model, "best_estimator_", None), "modality_weights_", None),
        "CPU s": time.process_time() - began,
    }


def difference(first, second, score, splits, y):
    """Paired difference with its interval: corrected resampled t, and for the AUC that of `compare_strategies`."""
    values = np.array([a[score] - b[score] for a, b in zip(first, second, strict=True)])
    n_train, n_test = (np.array([len(rows) for rows in side], dtype=float) for side in zip(*splits, strict=True))
    found = corrected_resampled_t(values, n_train, n_test)
    out = {
        "estimate": found.estimate,
        "corrected resampled t": [found.lower, found.upper],
        "p": found.p_value,
        "folds won, tied, lost": [int((values > 0).sum()), int((values == 0).sum()), int((values < 0).sum())],
    }
    if score == "AUC":
        influences = [a["influence"] - b["influence"] for a, b in zip(first, second, strict=True)]
        wide = cross_validated_interval(
            values, n_train, n_test, influences=influences, rows=[test for _, test in splits], y=y
        )
        out["test-and-train"] = [wide.lower, wide.upper]
    return out


def main(jobs=2):
    """Run all folds and write the figures."""
    folder = data_folder("rosmap")
    if folder is None:
        print("rosmap: skipped, the data are not here (set SKFUSE_DATA)")
        return None
    cohort = read_cohort(folder, "ad")
    X, y = cohort.X, np.asarray(cohort.y)
    splits = list(RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0).split(X, y))
    tasks = [(name, one, X, y, *split) for name, one in strategies().items() for split in splits]
    began = time.perf_counter()
    found = Parallel(n_jobs=jobs)(delayed(one_fit)(*task) for task in tasks)
    fits = {name: [fit for fit in found if fit["strategy"] == name] for name in strategies()}
    figures = {
        "configuration": {"kernels": KERNELS, "C": C_GRID, "p": P_GRID, "class_weight": "balanced"},
        "subjects": len(y),
        "wall s": time.perf_counter() - began,
        "scores": {
            name: {
                "AUC": float(np.mean([fit["AUC"] for fit in own])),
                "AUC, sd over folds": float(np.std([fit["AUC"] for fit in own], ddof=1)),
                "accuracy": float(np.mean([fit["accuracy"] for fit in own])),
                "CPU s": sum(fit["CPU s"] for fit in own),
            }
            for name, own in fits.items()
        },
        "chosen": {
            name: pd.Series([str(fit["chosen"]) for fit in own]).value_counts().to_dict()
            for name, own in fits.items()
            if own[0]["chosen"]
        },
        "modality weights of MKL, mean and sd": {
            key: [float(np.mean(values)), float(np.std(values, ddof=1))]
            for key, values in pd.DataFrame([fit["weights"] for fit in fits["MKL"]]).items()
        },
    }
    for other in ("average kernel", "mean of three logistic regressions"):
        for score in ("AUC", "accuracy"):
            figures[f"MKL - {other}, {score}"] = difference(fits["MKL"], fits[other], score, splits, y)
    print(json.dumps(figures, indent=1))
    write("mkl_rosmap", figures, command="python -m benchmarks.mkl.rosmap", seed=0)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
