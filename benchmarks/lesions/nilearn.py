"""Permutation tests of voxels beside nilearn's `permuted_ols`: CPU time, and the same statistics on the same orders.

    python -m benchmarks.lesions.nilearn

The 131 masks of LESYMAP, the 100,000 voxels that most patients have lesioned, 1,000 permutations, one thread on both
sides in one run. nilearn permutes the maps; ours is measured for both sides. TFCE of nilearn is timed for a few maps
and scaled. Needs the extra `imaging`.
"""

import time
import warnings

import numpy as np
from nilearn.mass_univariate import permuted_ols
from nilearn.mass_univariate._utils import calculate_tfce
from scipy.ndimage import generate_binary_structure
from threadpoolctl import threadpool_limits

from benchmarks.lesions._data import lesymap, most_overlapping
from benchmarks.record import write
from skfuse.lesions import LesionSymptomMapping
from skfuse.lesions._columns import unique_columns
from skfuse.permutation import LinearStatistic, NeighborGraph, draw_permutations, infer_map, tfce

N_PERMUTATIONS, REPEATS, TFCE_MAPS = 1000, 3, 3


def cpu(function, repeats=REPEATS):
    """Least CPU seconds of some runs, and what the last one returned."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        found = function()
        seconds.append(time.process_time() - began)
    return min(seconds), found


def nilearns_orders(n, n_permutations, seed):
    """The orders that permuted_ols draws with one job: each permutes the one before."""
    inner = np.random.RandomState(np.random.RandomState(seed).randint(1, np.iinfo(np.int32).max - 1))
    draws, order = [], np.arange(n)
    for _ in range(n_permutations):
        order = order[inner.permutation(n)]
        draws.append(order)
    return np.array(draws)


def largest_t(X, y, covariate):
    """Both packages with or without one covariate."""
    Z = None if covariate is None else covariate[:, None]
    wanted = {"n_perm": N_PERMUTATIONS, "random_state": 0, "n_jobs": 1, "output_type": "dict", "verbose": 0}
    as_numbers = X.astype(np.float64)
    theirs, found = cpu(lambda: permuted_ols(y[:, None], as_numbers, Z, **wanted), repeats=1)
    row = {"nilearn, CPU s": round(theirs, 2)}
    for side in ("target", "columns"):
        mapping = LesionSymptomMapping(
            volume="none", min_overlap=None, permuted=side, n_permutations=N_PERMUTATIONS, random_state=0
        )
        ours, _ = cpu(lambda mapping=mapping: mapping.fit(X, y, covariates=Z))
        name = "score permuted" if side == "target" else "lesions permuted, as in nilearn"
        row[f"{name}, CPU s"] = round(ours, 3)
        row[f"{name}: nilearn's time over ours"] = round(theirs / ours, 1)
    first, _, _ = unique_columns(X)
    statistic = LinearStatistic(X[:, first], y, Z, permuted="columns", dtype="float64")
    null = np.abs(statistic.extremes(nilearns_orders(len(y), 100, 0))).max(axis=1)
    row["largest relative difference of the largest t, float64"] = float(
        np.abs(null / found["h0_max_t"][0][:100] - 1).max()
    )
    return row


def enhancement(X, y, mask):
    """TFCE of both packages, and the whole test with ours."""
    graph = NeighborGraph.from_mask(mask)
    first, inverse, _ = unique_columns(X)
    statistic = LinearStatistic(X[:, first], y)
    maps = np.vstack(
        [statistic.observed(), statistic.permuted(draw_permutations(len(y), TFCE_MAPS - 1, random_state=0))]
    )
    structure = generate_binary_structure(3, 1)
    image, apart, seconds = np.zeros((*mask.shape, 1)), 0.0, []
    for one in maps[:, inverse].astype(np.float64):
        image[mask, 0] = one
        theirs, found = cpu(lambda: calculate_tfce(image, structure), repeats=1)
        seconds.append(theirs)
        ours = tfce(one, graph, convention="nilearn")
        apart = max(apart, float(np.abs(ours - found[mask, 0]).max() / np.abs(ours).max()))
    whole, _ = cpu(
        lambda: infer_map(
            statistic, correction="tfce", graph=graph, inverse=inverse, n_permutations=N_PERMUTATIONS, random_state=0
        ),
        repeats=1,
    )
    return {
        f"{N_PERMUTATIONS} permutations, the whole test, CPU s": round(whole, 1),
        "nilearn, one map, CPU s": round(float(np.mean(seconds)), 2),
        f"nilearn, {N_PERMUTATIONS} maps, scaled, over ours": round(float(np.mean(seconds)) * N_PERMUTATIONS / whole),
        "largest relative difference, nilearn's convention": apart,
    }


def main():
    """Measure both and write the figures."""
    data = lesymap()
    if data is None:
        return None
    X, mask, y, masks = data
    volume = masks.X.sum(axis=1).astype(float)
    voxels = most_overlapping(X)
    mask[mask] = np.isin(np.arange(X.shape[1]), voxels)
    X = np.ascontiguousarray(X[:, voxels])
    figures = {"patients": len(X), "voxels": X.shape[1], "permutations": N_PERMUTATIONS}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        LesionSymptomMapping(n_permutations=9).fit(X, y)  # what is loaded once
        tfce(np.zeros(X.shape[1]), NeighborGraph.from_mask(mask))
        figures["largest t"] = largest_t(X, y, None)
        print(figures["largest t"], flush=True)
        figures["largest t, one covariate"] = largest_t(X, y, volume)
        print(figures["largest t, one covariate"], flush=True)
        figures["TFCE"] = enhancement(X, y, mask)
        print(figures["TFCE"], flush=True)
    write("lesions_nilearn", figures, command="python -m benchmarks.lesions.nilearn", seed=0)
    return figures


if __name__ == "__main__":
    main()
