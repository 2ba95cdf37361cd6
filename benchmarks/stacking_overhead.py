"""What stacking costs beyond its fits: CPU time against a hand-written loop of the same fits.

    python -m benchmarks.stacking_overhead

500 subjects, 5 modalities of 50 features, 5 folds, standardized logistic regression; one thread on both sides, both in
one process in turn, the ratio taken pair by pair.
"""

import time

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.record import write
from skfuse.late_fusion import LateFusionClassifier

N_SUBJECTS, N_MODALITIES, N_FEATURES, N_PAIRS = 500, 5, 50, 31


def by_hand(X, y, base, blocks):
    """The loop that a user would write: out of fold, then on all, then a logistic regression on the logits."""
    held_out = np.empty((len(y), len(blocks)))
    folds = list(StratifiedKFold(5).split(X, y))
    models = []
    for position, block in enumerate(blocks):
        values = X[:, block]
        for train, test in folds:
            p = clone(base).fit(values[train], y[train]).predict_proba(values[test])[:, 1]
            held_out[test, position] = np.log(p / (1 - p))
        models.append(clone(base).fit(values, y))
    return models, LogisticRegression().fit(held_out, y)


def main():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_SUBJECTS, N_MODALITIES * N_FEATURES))
    y = (X[:, ::N_FEATURES].sum(axis=1) + rng.normal(size=N_SUBJECTS) * 2 > 0).astype(int)
    blocks = [slice(i * N_FEATURES, (i + 1) * N_FEATURES) for i in range(N_MODALITIES)]
    base = make_pipeline(StandardScaler(), LogisticRegression())
    fusion = LateFusionClassifier(base, {f"m{i}": block for i, block in enumerate(blocks)})
    ours, theirs = [], []
    with threadpool_limits(1):
        for _ in range(N_PAIRS):
            began = time.process_time()
            by_hand(X, y, base, blocks)
            middle = time.process_time()
            fusion.fit(X, y)
            theirs.append(middle - began)
            ours.append(time.process_time() - middle)
    ratio = np.array(ours) / np.array(theirs)
    figures = {
        "loop by hand, CPU s (median)": round(float(np.median(theirs)), 4),
        "LateFusionClassifier, CPU s (median)": round(float(np.median(ours)), 4),
        "ratio (median of pairs)": round(float(np.median(ratio)), 3),
        "ratio (quartiles)": [round(float(q), 3) for q in np.quantile(ratio, [0.25, 0.75])],
    }
    print(figures)
    write("stacking_overhead", figures, command="python -m benchmarks.stacking_overhead", seed=0)
    return figures


if __name__ == "__main__":
    main()
