"""mofapy2 on blocks with missing parts; run by the interpreter of its own environment (``environments/mofapy2.txt``).

    <interpreter> benchmarks/missing/_peer_mofapy2.py INPUT.npz OUTPUT.npz

INPUT holds `X` (n_subjects × n_features, NaN where missing), `stops` (end of each block), `n_factors`, `mode` (of its
convergence) and `seed`. OUTPUT gets `filled`, `scores` and `cpu_seconds`. This file must not import skfuse, which that
environment lacks.
"""

import itertools
import sys
import time
from pathlib import Path

import numpy as np


def main(source, target):
    sys.path.remove(str(Path(__file__).parent))  # which has a mofapy2.py of its own
    from mofapy2.run.entry_point import entry_point

    given = np.load(source)
    X, edges = given["X"], np.r_[0, given["stops"]]
    blocks = [X[:, first:last] for first, last in itertools.pairwise(edges)]
    began = time.process_time()
    mofa = entry_point()
    mofa.set_data_options(scale_views=False)
    mofa.set_data_matrix([[block] for block in blocks])
    mofa.set_model_options(factors=int(given["n_factors"]))
    mofa.set_train_options(
        seed=int(given["seed"]), convergence_mode=str(given["mode"]), iter=1000, quiet=True, verbose=False
    )
    mofa.build()
    mofa.run()
    seconds = time.process_time() - began
    Z, W = mofa.model.nodes["Z"].getExpectation(), mofa.model.nodes["W"].getExpectation()
    filled = np.hstack([Z @ part.T + np.nanmean(block, axis=0) for part, block in zip(W, blocks, strict=True)])
    np.savez(target, filled=filled, scores=Z, cpu_seconds=seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
