"""Network-based statistic beside bctpy's, and leave-one-out permutations of connectome-based predictive modeling.

    SKFUSE_BCTPY=~/bctpy/bin/python python -m benchmarks.lesions.connectomes

Networks of 100 nodes and 60 subjects, 5,000 permutations; bctpy runs 20 and is scaled. Predictive modeling: 35,778
edges (268 nodes), 120 subjects, 1,000 permutations of leave-one-out; the plain loop of fits is timed for one outcome
and scaled. One thread on both sides. Memory is that of a process of its own, beyond what it held before, plus the edges
(34 MB).
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from threadpoolctl import threadpool_limits

from benchmarks.peer import Peer, in_own_process
from benchmarks.record import peak_memory, reset_peak_memory, write
from skfuse.connectomes import ConnectomePredictiveModel, NetworkBasedStatistic

BCTPY = Peer("bctpy", Path(__file__).with_name("_peer_bctpy.py"))
THRESHOLD, N_THEIRS = 3.0, 20


def cpu(function):
    """CPU seconds and result."""
    began = time.process_time()
    found = function()
    return time.process_time() - began, found


def networks():
    """Components of group differences, with and without covariates."""
    rng = np.random.default_rng(0)
    edges, group, covariates = rng.normal(size=(60, 4950)), np.repeat([0, 1], 30), rng.normal(size=(60, 2))
    edges[30:, :40] += 1.2
    NetworkBasedStatistic(n_permutations=19).fit(edges, group)  # what is loaded once
    row = {}
    for name, options in (
        ("extent", {}),
        ("intensity", {"method": "intensity"}),
        ("TFNBS", {"method": "tfnbs"}),
    ):
        for words, Z in (("", None), (", 2 covariates", covariates)):
            nbs = NetworkBasedStatistic(threshold=THRESHOLD, random_state=0, **options)
            seconds, _ = cpu(lambda nbs=nbs, Z=Z: nbs.fit(edges, group, covariates=Z))
            row[f"{name}{words}, 5,000 permutations, CPU s"] = round(seconds, 2)
    if BCTPY.is_there():
        made = BCTPY.run(edges=edges, group=group, threshold=THRESHOLD, n_permutations=N_THEIRS)
        theirs = float(made["cpu_seconds"]) / N_THEIRS * 5000
        one_sided = NetworkBasedStatistic(threshold=THRESHOLD, alternative="greater", n_permutations=19, random_state=0)
        ours = one_sided.fit(edges, group).component_table_["edges"].max()  # bctpy joins edges of both signs
        row["bctpy, 5,000 permutations, scaled, CPU s"] = round(theirs, 1)
        row["bctpy's time over ours"] = round(theirs / row["extent, 5,000 permutations, CPU s"])
        row["largest component, edges, ours and theirs"] = f"{ours}, {int(made['largest'])}"
    return row


def prediction():
    """All permutations of leave-one-out, and the loop of fits."""
    edges, score, model = _predictive_model()
    fast, _ = cpu(lambda: model.permutation_test(edges, score, cv="loo", n_permutations=1000, random_state=0))
    loop, _ = cpu(lambda: cross_val_predict(model, edges, score, cv=LeaveOneOut()))
    return {
        "1,000 permutations of leave-one-out, CPU s": round(fast, 1),
        "the loop of fits, one outcome, CPU s": round(loop, 1),
        "the loop, 1,001 outcomes, scaled, over ours": round(1001 * loop / fast),
        **in_own_process("benchmarks.lesions.connectomes", "memory"),
    }


def prediction_memory():
    """Peak of the permutations."""
    edges, score, model = _predictive_model()
    row = {}
    for words, cv in (("leave-one-out", "loo"), ("10 folds", 10)):
        before = reset_peak_memory()
        model.permutation_test(edges, score, cv=cv, n_permutations=1000, random_state=0)
        peak = peak_memory() - before + edges.nbytes
        row[f"1,000 permutations of {words}, peak with the data, MB"] = round(peak / 1e6)
        row[f"1,000 permutations of {words}, peak with the data, over the data"] = round(peak / edges.nbytes, 2)
    return row


def _predictive_model():
    """Edges, a score that has nothing to do with them, and a model with what it needs loaded."""
    rng = np.random.default_rng(1)
    edges, score = rng.normal(size=(120, 35_778)), rng.normal(size=120)
    model = ConnectomePredictiveModel()
    for cv in ("loo", 4):
        model.permutation_test(edges[:20, :50], score[:20], cv=cv, n_permutations=9, random_state=0)
    return edges, score, model


def main():
    """Measure both and write the figures."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures = {"network-based statistic": networks()}
        print(figures, flush=True)
        figures["connectome-based predictive modeling"] = prediction()
        print(figures, flush=True)
    write("lesions_connectomes", figures, command="python -m benchmarks.lesions.connectomes", seed="0 and 1")
    return figures


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        print(json.dumps(prediction_memory()))
    else:
        main()
