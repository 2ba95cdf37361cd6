"""Group factor analysis beside mofapy2 (MOFA): CPU seconds, error of missing blocks and the shared factors found.

    SKFUSE_MOFAPY2=~/mofapy2/bin/python python -m benchmarks.missing.mofapy2

2,000 subjects with five blocks of 100 features, 30 % of the blocks missing (see `_design`), one thread on both sides,
the same number of factors to begin with. mofapy2 runs until it has converged by its "fast" and by its "medium" rule.
It fills the blocks of its training subjects only; 1,000 new subjects are ours alone.
"""

import time
import warnings
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.missing._design import (
    N_BLOCKS,
    WIDTH,
    error,
    factor_cohort,
    masked,
    modalities,
    overlap,
    shared_factors,
)
from benchmarks.peer import Peer
from benchmarks.record import write
from skfuse.latent import GroupFactorAnalysis

MOFAPY2 = Peer("mofapy2", Path(__file__).with_name("_peer_mofapy2.py"))
N_FACTORS, MODES = 40, ("fast", "medium")


def ours(X, values, has):
    """Figures of `GroupFactorAnalysis`, of new subjects too."""
    new_values, new_has = factor_cohort(1000, seed=1)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        GroupFactorAnalysis(modalities(), n_components=5).fit(X[:200])  # what is loaded once
        began = time.process_time()
        model = GroupFactorAnalysis(modalities(), n_components=N_FACTORS).fit(X)
        seconds = time.process_time() - began
        X_new = masked(new_values, new_has)
        scores, scores_new = model.transform(X), model.transform(X_new)
        filled, filled_new = model.inverse_transform(scores), model.inverse_transform(scores_new)
    return {
        "fit, CPU s": round(seconds, 2),
        "RMSE of missing blocks": round(error(np.asarray(filled), values, has), 4),
        "RMSE, new subjects": round(error(np.asarray(filled_new), new_values, new_has), 4),
        "shared factors found": round(overlap(np.asarray(scores), shared_factors()), 4),
        "factors kept": int(model.n_components_),
        "CPU time over ours": 1.0,
    }


def main():
    """Run both and write the figures."""
    if not MOFAPY2.is_there():
        return None
    values, has = factor_cohort()
    X = masked(values, has)
    rows = {"GroupFactorAnalysis": ours(X, values, has)}
    print(rows, flush=True)
    for mode in MODES:
        made = MOFAPY2.run(X=X, stops=WIDTH * np.arange(1, N_BLOCKS + 1), n_factors=N_FACTORS, mode=mode, seed=1)
        seconds = float(made["cpu_seconds"])
        rows[f"mofapy2 0.7.5, {mode}"] = {
            "fit, CPU s": round(seconds, 2),
            "RMSE of missing blocks": round(error(made["filled"], values, has), 4),
            "RMSE, new subjects": "–",
            "shared factors found": round(overlap(made["scores"], shared_factors()), 4),
            "factors kept": made["scores"].shape[1],
            "CPU time over ours": round(seconds / rows["GroupFactorAnalysis"]["fit, CPU s"], 1),
        }
        print(rows[f"mofapy2 0.7.5, {mode}"], flush=True)
    figures = {f"{N_FACTORS} factors to begin with": rows}
    write("missing_mofapy2", figures, command="python -m benchmarks.missing.mofapy2", seed="0 and 1")
    return figures


if __name__ == "__main__":
    main()
