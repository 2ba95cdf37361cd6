"""snfpy on blocks of features; run by the interpreter of its own environment (``benchmarks/environments/snfpy.txt``).

    <interpreter> benchmarks/snf/_peer_snfpy.py INPUT.npz OUTPUT.npz

INPUT holds `block_0`, `block_1`, … (n_subjects × n_features), `metric`, `n_neighbors`, `mu`, `n_iter` and `normalize`.
OUTPUT gets `affinities`, `fused`, the CPU seconds of both and the peak memory. This file must not import skfuse, which
that environment lacks.
"""

import sys
import time
from pathlib import Path

import numpy as np


def fuse(blocks, metric, n_neighbors, mu, n_iter, normalize):
    """Affinities, fused network and CPU seconds of both, as snfpy makes them from features."""
    import snf

    began = time.process_time()
    options = {"metric": metric, "K": n_neighbors, "mu": mu, "normalize": normalize}
    affinities = [snf.make_affinity(block, **options) for block in blocks]
    between = time.process_time()
    fused = snf.snf(affinities, K=n_neighbors, t=n_iter)
    ended = time.process_time()
    return affinities, fused, between - began, ended - between


def main(source, target):
    given = np.load(source)
    blocks = [given[f"block_{position}"] for position in range(sum(name.startswith("block_") for name in given))]
    affinities, fused, affinity_seconds, fusion_seconds = fuse(
        blocks,
        str(given["metric"]),
        int(given["n_neighbors"]),
        float(given["mu"]),
        int(given["n_iter"]),
        bool(given["normalize"]),
    )
    status = Path("/proc/self/status").read_text().splitlines()  # Linux; before anything is written
    peak_mb = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    np.savez(
        target,
        affinities=affinities,
        fused=fused,
        affinity_seconds=affinity_seconds,
        fusion_seconds=fusion_seconds,
        peak_mb=peak_mb,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
