"""Similarity network fusion beside snfpy 0.2.2, run live: largest differences of affinities and fused networks.

    SKFUSE_SNFPY=~/snfpy/bin/python python -m benchmarks.snf.parity [--sizes 500 2000]

Both sides start from features: standardized, distances, local affinity (20 neighbors, mu .5), 20 iterations. Data:
snf_sim, all of mfeat (2,000 digits × 6 views) and simulated cohorts, each with Euclidean and squared distances.
Three differences per setting: of the affinities, of the fused networks when both start from snfpy's affinities (the
recursion alone), and of the fused networks end to end. Where affinities tie for the last neighbor, snfpy keeps more
than 20 and skfuse exactly 20, so that the two differ by design. mfeat has samples that equal another in some view: it
is shown as it is, with the number of tied rows, and without such samples, where the two must agree.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.data import data_folder
from benchmarks.peer import Peer
from benchmarks.record import write
from skfuse._distances import SubjectMetric
from skfuse.similarity import fuse_affinities, local_affinity

N_NEIGHBORS, MU, N_ITER = 20, 0.5, 20
METRICS = ("euclidean", "sqeuclidean")
VIEWS = {"snf_sim": ("data1", "data2"), "mfeat": ("fac", "fou", "kar", "mor", "pix", "zer")}
SNFPY = Peer("snfpy", Path(__file__).with_name("_peer_snfpy.py"))
TOLERANCE = 1e-12


def public_blocks(name):
    """One array per view of a public data set, row i of all views the same sample; None where it is absent."""
    folder = data_folder(name)
    if folder is None:
        return None
    return [pd.read_csv(folder / f"{view}.csv.gz", index_col=0).to_numpy(np.float64) for view in VIEWS[name]]


def without_equal_samples(blocks):
    """Only the first of samples that are equal in any view; None stays None."""
    if blocks is None:
        return None
    kept = np.ones(len(blocks[0]), dtype=bool)
    for block in blocks:
        first = np.zeros(len(block), dtype=bool)
        first[np.unique(block, axis=0, return_index=True)[1]] = True
        kept &= first
    return [block[kept] for block in blocks]


def count_tied_rows(affinities):
    """Rows, over all modalities, in which the last neighbor kept ties with the first one left out."""
    count = 0
    for affinity in affinities:
        network = affinity / affinity.sum(axis=1, keepdims=True)
        ordered = -np.sort(-(network + network.T), axis=1)
        count += int(np.sum(ordered[:, N_NEIGHBORS - 1] - ordered[:, N_NEIGHBORS] <= 1e-13 * ordered[:, 0]))
    return count


def planted_blocks(n_subjects, seed):
    """Three modalities of 100 features, six groups of which each modality cannot tell two apart."""
    rng = np.random.default_rng(seed)
    group = np.arange(n_subjects) % 6
    blocks = []
    for merged in range(3):
        centers = rng.normal(scale=0.5, size=(6, 100))
        centers[2 * merged] = centers[2 * merged + 1]
        blocks.append(centers[group] + rng.normal(size=(n_subjects, 100)))
    return blocks


def snfpy(blocks, metric, *, normalize=True):
    """What snfpy makes of the blocks: affinities, fused network, CPU seconds of both and peak memory."""
    named = {f"block_{position}": block for position, block in enumerate(blocks)}
    return SNFPY.run(**named, metric=metric, n_neighbors=N_NEIGHBORS, mu=MU, n_iter=N_ITER, normalize=normalize)


def compare(blocks, metric):
    """Largest differences to snfpy for one data set."""
    reference = snfpy(blocks, metric)
    affinities = []
    for block in blocks:
        points = SubjectMetric(metric).fit(block)
        distances = points.within(points.encode(block))
        affinities.append(local_affinity(distances, n_neighbors=N_NEIGHBORS, mu=MU))
    # snfpy divides by the standard deviation with n - 1, skfuse by that with n: one factor for all affinities
    n = len(blocks[0])
    unit = np.sqrt(n / (n - 1)) if metric == "euclidean" else n / (n - 1)
    same_start = fuse_affinities(list(reference["affinities"]), n_neighbors=N_NEIGHBORS, n_iter=N_ITER)
    fused = fuse_affinities(affinities, n_neighbors=N_NEIGHBORS, n_iter=N_ITER)
    scale = max(float(reference["affinities"].max()), 1.0)  # squared distances of equal subjects: affinities of 1e15
    own = np.stack(affinities) * unit
    return {
        "tied rows": count_tied_rows(reference["affinities"]),
        "affinity": float(np.abs(own - reference["affinities"]).max() / scale),
        "fused, same affinities": float(np.abs(same_start - reference["fused"]).max()),
        "fused, from features": float(np.abs(fused - reference["fused"]).max()),
    }


def main(sizes=(500, 2000)):
    if not SNFPY.is_there():
        return None
    cohorts = {name: public_blocks(name) for name in VIEWS}
    cohorts["mfeat, no equal samples"] = without_equal_samples(cohorts["mfeat"])
    cohorts |= {f"simulated {n:,}": planted_blocks(n, seed=n) for n in sizes}
    figures = {}
    for name, blocks in cohorts.items():
        if blocks is None:
            print(f"{name}: skipped, the data are not here (set SKFUSE_DATA)")
            continue
        for metric in METRICS:
            found = compare(blocks, metric)
            figures[f"{name}, {metric}"] = found
            ties, _, *fused = found.values()  # affinities carry the rounding of distances of near pairs
            shown = ", ".join(f"{what} {value:.1e}" for what, value in list(found.items())[1:])
            verdict = f"   above {TOLERANCE:g}" if max(fused) > TOLERANCE else ""
            print(f"{name}, {metric}, n = {len(blocks[0]):,}, {ties} tied rows: {shown}{verdict}", flush=True)
    write("snf_parity", figures, command="python -m benchmarks.snf.parity", seed=list(sizes))
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000])
    main(**vars(parser.parse_args()))
