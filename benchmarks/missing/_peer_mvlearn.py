"""mvlearn on complete blocks; run by the interpreter of its own environment (``environments/mvlearn.txt``).

    <interpreter> benchmarks/missing/_peer_mvlearn.py INPUT.npz OUTPUT.npz

INPUT holds `X` and `X_new` (n_subjects × n_features), `stops` (end of each block), `method` ("AJIVE" or "GCCA"),
`rank` (signal rank of each block for AJIVE, 0 to let it find them; components for GCCA). OUTPUT gets `scores`,
`scores_new` (GCCA only: AJIVE has none for new subjects), `joint_rank`, `individual_ranks` and `cpu_seconds`. This
file must not import skfuse, which that environment lacks.
"""

import itertools
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def main(source, target):
    sys.path.remove(str(Path(__file__).parent))  # which has an mvlearn.py of its own
    from mvlearn.decomposition import AJIVE
    from mvlearn.embed import GCCA

    given = np.load(source)
    edges, rank = np.r_[0, given["stops"]], int(given["rank"])
    blocks, new = ([given[name][:, first:last] for first, last in itertools.pairwise(edges)] for name in ("X", "X_new"))
    found = {}
    began = time.process_time()
    if str(given["method"]) == "AJIVE":
        ranks = [rank] * len(blocks) if rank else None
        model = AJIVE(init_signal_ranks=ranks, random_state=0).fit(blocks)
        found["cpu_seconds"] = time.process_time() - began
        found |= {"joint_rank": model.joint_rank_, "individual_ranks": model.individual_ranks_}
        if model.joint_rank_:
            found["scores"] = model.joint_scores_
    else:
        model = GCCA(n_components=rank).fit(blocks)
        found["cpu_seconds"] = time.process_time() - began
        found |= {
            "scores": np.mean(model.transform(blocks), axis=0),
            "scores_new": np.mean(model.transform(new), axis=0),
        }
    np.savez(target, **found)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
