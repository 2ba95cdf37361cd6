"""A small cohort: nested cross-validation and 1,000 permutations of the whole model, wall seconds.

    python -m benchmarks.mkl.small [--jobs 2]

74 subjects, 11 of whom convert, as in Reinen et al. 2024 (https://doi.org/10.1038/s41537-024-00460-6); 10 RBF kernels
over 5 modalities. Nested: 5 × 5 folds over p (1, 4/3, 2) and C (.01, .1, 1). Permutations: 5 folds in each, p = 1.
"""

import argparse
import time
from itertools import pairwise

import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from threadpoolctl import threadpool_limits

from benchmarks.mkl._design import make_modalities
from benchmarks.record import write
from skfuse.kernels import MKLClassifier, ModalityKernel

N, EVENTS, PERMUTATIONS = 74, 11, 1000


def main(jobs=2):
    blocks, _ = make_modalities(N, seed=0)
    X = np.hstack(list(blocks.values()))
    places = np.cumsum([0, *(block.shape[1] for block in blocks.values())])
    modalities = {name: slice(*ends) for name, ends in zip(blocks, pairwise(places), strict=True)}
    y = np.zeros(N, dtype=int)
    y[np.argsort(-blocks["linear"][:, 0])[:EVENTS]] = 1
    kernels = [ModalityKernel(factor=0.5), ModalityKernel(factor=2.0)]
    model = MKLClassifier(modalities, kernels=kernels, p=1.0, class_weight="balanced", n_jobs=jobs)
    model.fit(X, y)  # compiled loops are loaded
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    with threadpool_limits(1):
        began = time.perf_counter()
        search = GridSearchCV(
            model, {"p": [1.0, 4 / 3, 2.0], "C": [0.01, 0.1, 1.0]}, cv=5, scoring="roc_auc", n_jobs=jobs
        )
        auc = cross_val_score(search, X, y, cv=folds, scoring="roc_auc").mean()
        between = time.perf_counter()
        test = model.permutation_test(X, y, nulls="model", n_permutations=PERMUTATIONS, random_state=0)
        ended = time.perf_counter()
    figures = {
        "nested cross-validation, wall s": between - began,
        "1,000 permutations, wall s": ended - between,
        "together, wall s": ended - began,
        "jobs": jobs,
        "AUC": auc,
        "p of the model": test.p_value("model"),
    }
    print(figures)
    write("mkl_small", figures, command="python -m benchmarks.mkl.small", seed=0)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
