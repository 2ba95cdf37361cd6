"""AJIVE and generalized CCA beside mvlearn: CPU seconds, ranks and the shared factors found.

    SKFUSE_MVLEARN=~/mvlearn/bin/python python -m benchmarks.missing.mvlearn

2,000 subjects with five complete blocks of 100 features, as mvlearn takes no other (10 shared factors, 5 private ones
in each block, see `_design`), and 1,000 new subjects; one thread on both sides. AJIVE runs twice: told the 15 factors
of each block, and finding them.
"""

import time
import warnings
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.missing._design import (
    N_BLOCKS,
    N_PRIVATE,
    N_SHARED,
    WIDTH,
    factor_cohort,
    modalities,
    overlap,
    shared_factors,
)
from benchmarks.peer import Peer
from benchmarks.record import write
from skfuse.latent import AJIVE, GeneralizedCCA

MVLEARN = Peer("mvlearn", Path(__file__).with_name("_peer_mvlearn.py"))
RANK = N_SHARED + N_PRIVATE
SETTINGS = {"AJIVE, ranks given": ("AJIVE", RANK), "AJIVE, ranks found": ("AJIVE", 0), "GCCA": ("GCCA", N_SHARED)}


def ours(method, rank, X, X_new):
    """Scores, ranks and CPU seconds, as the peer gives them."""
    if method == "AJIVE":
        model = AJIVE(modalities(), signal_ranks=rank or None, random_state=0)
    else:
        model = GeneralizedCCA(modalities(), n_components=rank)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.process_time()
        model.fit(X)
        found = {"cpu_seconds": time.process_time() - began}
        parts = [np.asarray(model.transform(table))[:, : model.n_components_] for table in (X, X_new)]
    if method == "AJIVE":
        found |= {"joint_rank": model.joint_rank_, "individual_ranks": list(model.individual_ranks_.values())}
    return found | {"scores": parts[0], "scores_new": parts[1]}


def summarize(found):
    """What is told of one run."""
    row = {
        "fit, CPU s": round(float(found["cpu_seconds"]), 3),
        "joint rank (10 planted)": int(found["joint_rank"]) if "joint_rank" in found else "given",
        "individual ranks (5 planted)": " ".join(str(int(rank)) for rank in found.get("individual_ranks", ())) or "–",
    }
    for name, truth in (("scores", shared_factors()), ("scores_new", shared_factors(1000, seed=1))):
        label = "shared factors found" + (", new subjects" if name == "scores_new" else "")
        row[label] = round(overlap(found[name], truth), 4) if name in found else "–"
    return row


def main():
    """Run both and write the figures."""
    if not MVLEARN.is_there():
        return None
    X, X_new = factor_cohort()[0], factor_cohort(1000, seed=1)[0]
    for method, rank in SETTINGS.values():
        ours(method, rank, X[:300], X_new[:10])  # what is loaded once
    rows = {}
    for name, (method, rank) in SETTINGS.items():
        mine = ours(method, rank, X, X_new)
        stops = WIDTH * np.arange(1, N_BLOCKS + 1)
        theirs = MVLEARN.run(X=X, X_new=X_new, stops=stops, method=method, rank=rank)
        for package, found in (("skfuse", mine), ("mvlearn 0.5.0", theirs)):
            ratio = round(float(found["cpu_seconds"] / mine["cpu_seconds"]), 2)
            rows[f"{name}: {package}"] = summarize(found) | {"CPU time over ours": ratio}
            print(name, package, rows[f"{name}: {package}"], flush=True)
    figures = {"2,000 subjects, five complete blocks of 100 features": rows}
    write("missing_mvlearn", figures, command="python -m benchmarks.missing.mvlearn", seed="0 and 1")
    return figures


if __name__ == "__main__":
    main()
