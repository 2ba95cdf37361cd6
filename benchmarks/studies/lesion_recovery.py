"""Where lesion maps point when the region that matters is known: 131 real masks, simulated scores.

    python -m benchmarks.studies.lesion_recovery [--reduced] [--jobs 2]

Scores follow from one region or from two: the share of the region that is lesioned (the mean of two), times -.5, plus
.5 times a uniform number in [0, 1] (LESYMAP's formula). Regions are the 92 of the 403 areas with more than 500 voxels
of which at least half lie in the voxels that 10 % of the patients have lesioned; five scores each, and one score for
each of 92 pairs (a region with the one 46 places on). One rule for every map: volume as covariate, family-wise error
.05, two-sided, 39 permutations; and figures without any threshold. A map is read so that damage lowers the score.

The multivariate map was chosen on odd-numbered regions. The comparison that counts is that of even-numbered ones:
differences of the area under the precision-recall curve, averaged over the scores of a region (or pair), with an
interval over regions.
"""

import argparse
import time
import warnings
from functools import cache

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.ndimage import uniform_filter1d
from scipy.spatial import KDTree
from scipy.stats import t as student
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

from benchmarks.data import data_folder
from benchmarks.lesions._data import CACHE, lesymap
from benchmarks.record import RESULTS, write
from skfuse.lesions import LesionSVR, LesionSymptomMapping, SparseLesionRegressor

ALPHA, N_PERMUTATIONS, N_SEEDS, STEP = 0.05, 39, 5, 46
MIN_VOXELS, MIN_INSIDE = 500, 0.5
SMOOTHING_MM = 13  # edge of the cube whose mean lesion is a voxel's value: as many voxels as a ball of 8 mm
REFERENCE, CHOSEN = "t", "sparse sum of regions"
#: Maps: the estimator, its parameters, and the attribute that is read.
MAPS = {
    REFERENCE: (LesionSymptomMapping, {}, "map_"),
    "Brunner-Munzel, volume residualized": (
        LesionSymptomMapping,
        {"statistic": "brunner-munzel", "volume": "residualize"},
        "map_",
    ),
    "TFCE of t": (LesionSymptomMapping, {"correction": "tfce"}, "enhanced_"),
    "t of smoothed lesions": (LesionSymptomMapping, {"min_overlap": None}, "map_"),
    "support vectors": (LesionSVR, {"correction": "max"}, "coef_"),
    "support vectors, squared error": (LesionSVR, {"correction": "max", "loss": "squared_error"}, "coef_"),
    CHOSEN: (SparseLesionRegressor, {"correction": "max"}, "coef_"),
}
FIGURES = ("AUPRC", "Dice", "found", "peak inside", "peak to region, mm", "center to center, mm")


class OnSameMasks(SparseLesionRegressor):
    """Candidate regions made once: the masks are the same in every fit, and the score has no part in them."""

    made = None

    def _candidates(self, kept, shares, design):
        if OnSameMasks.made is None:
            OnSameMasks.made = super()._candidates(kept, shares, design)
        return OnSameMasks.made


@cache
def patients():
    """Masks, image mask, and the regions: share lesioned of each (131, n) and their voxels among those tested."""
    import nibabel

    found = lesymap()
    if found is None:
        return None
    X, mask, _, everywhere = found
    labels = np.asarray(nibabel.load(data_folder("lesymap") / "Parcellation_403areas.nii.gz").dataobj).astype(int)
    numbers, sizes = np.unique(labels[labels > 0], return_counts=True)
    loads, voxels, of_all = [], [], labels[everywhere.mask]
    for number, size in zip(numbers, sizes, strict=True):
        inside = labels[mask] == number
        if size > MIN_VOXELS and inside.sum() >= MIN_INSIDE * size:
            loads.append(everywhere.X[:, of_all == number].sum(axis=1) / size)
            voxels.append(inside)
    return X, mask, np.stack(loads, axis=1), voxels


@cache
def smoothed():
    """Lesions averaged over a cube around each voxel tested, float32; made once and kept on disk."""
    path = CACHE / f"lesymap-smoothed-{SMOOTHING_MM}.npy"
    if not path.is_file():
        X, mask, *_ = patients()
        found, everywhere = lesymap(), np.empty(X.shape, dtype=np.float32)
        for row, lesion in enumerate(found[3].X):
            image = np.zeros(mask.shape, dtype=np.float32)
            image[found[3].mask] = lesion
            for axis in range(3):
                image = uniform_filter1d(image, SMOOTHING_MM, axis=axis, mode="constant")
            everywhere[row] = image[mask]
        np.save(path, everywhere)
    return np.load(path, mmap_mode="r")


def truths(n_regions):
    """Regions of every truth, and the number of its score."""
    single = [((region,), seed) for region in range(n_regions) for seed in range(N_SEEDS)]
    return single + [((region, (region + STEP) % n_regions), 0) for region in range(n_regions)]


def fit(name, score, image):
    """One map, and where it is significant."""
    estimator, options, attribute = MAPS[name]
    options = {"n_permutations": N_PERMUTATIONS, "random_state": 0} | options
    if options.get("correction") == "tfce" or estimator is SparseLesionRegressor:
        options["mask"] = image
    estimator = OnSameMasks if estimator is SparseLesionRegressor else estimator
    X = smoothed() if "smoothed" in name else patients()[0]
    mapping = estimator(alpha=ALPHA, **options).fit(X, score)
    return getattr(mapping, attribute), mapping.significant_


def judge(values, significant, inside, places, region):
    """Figures of one map against the truth."""
    harm, found = -values, int(significant.sum())
    row = {
        "AUPRC": average_precision_score(inside, harm),
        "Dice": 2 * (significant & inside).sum() / (found + inside.sum()),
        "found": float(found > 0),
        "voxels": found,
    }
    peak = np.flatnonzero(harm == harm.max())
    row["peak inside"] = float(inside[peak].mean())
    row["peak to region, mm"] = float(region.query(places[peak])[0].mean())
    if found:
        weights = np.abs(values[significant])
        center = weights @ places[significant] / weights.sum()
        row["center to center, mm"] = float(np.linalg.norm(center - places[inside].mean(axis=0)))
    return row


def one_truth(regions, seed, names=tuple(MAPS)):
    """Every map of one score."""
    X, image, loads, voxels = patients()
    noise = np.random.default_rng([23, *regions, seed]).random(len(X))
    score = -0.5 * loads[:, list(regions)].mean(axis=1) + 0.5 * noise
    inside = np.any([voxels[region] for region in regions], axis=0)
    places = np.argwhere(image).astype(float)
    region, rows = KDTree(places[inside]), []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            began = time.process_time()
            found = judge(*fit(name, score, image), inside, places, region)
            seconds = time.process_time() - began
            about = {"regions": len(regions), "region": regions[0], "seed": seed, "map": name}
            rows.append(about | found | {"seconds": seconds})
    return rows


def interval(differences):
    """Mean and 95 % t interval, over regions."""
    half = student.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
    return [round(float(differences.mean() + side * half), 3) for side in (-1, 1)]


def summarize(table):
    """Means of every figure and the paired differences to the reference, on odd and on even regions."""
    figures = {}
    # The first region has number 1.
    for half, part in (("odd", table[table["region"] % 2 == 0]), ("even", table[table["region"] % 2 == 1])):
        for n_regions, truth in ((1, "one region"), (2, "two regions")):
            some = part[part["regions"] == n_regions]
            means = some.groupby(["map", "region"], sort=False)[list(FIGURES)].mean()
            reference = means.loc[REFERENCE, "AUPRC"]
            block = {}
            for name in MAPS:
                mine = means.loc[name]
                row = {figure: round(float(mine[figure].mean()), 3) for figure in FIGURES}
                row["Dice, median"] = round(float(some.loc[some["map"] == name, "Dice"].median()), 3)
                if name != REFERENCE:
                    difference = mine["AUPRC"] - reference
                    row["AUPRC beyond t"] = round(float(difference.mean()), 3)
                    row["95 % interval"] = "[{:.3f}, {:.3f}]".format(*interval(difference))
                row["regions"] = len(mine)
                block[name] = row
            figures[f"{half} regions, {truth}"] = block
    return figures


def main(reduced=False, jobs=2):
    """Run the study; the reduced form takes four truths of two maps and is not written."""
    if patients() is None:
        return None
    n_regions = len(patients()[3])
    if reduced:
        rows = [one_truth(regions, 0, (REFERENCE, CHOSEN)) for regions in ((1,), (40,))]
        table = pd.DataFrame([row for some in rows for row in some])
        print(table.round(3).to_string())
        if table["AUPRC"].min() < 0.005:  # chance is about .003
            raise SystemExit("A map does not point to its region.")
        return table
    smoothed()
    began, rows, tasks = time.perf_counter(), [], truths(n_regions)
    # By region, so that a study cut short has whole ones; the order has no part in the results.
    pieces = Parallel(n_jobs=jobs, return_as="generator")(delayed(one_truth)(*one) for one in tasks)
    for done, found in enumerate(pieces, start=1):
        rows += found
        if done % 20 == 0:
            print(f"{done} of {len(tasks)} scores, {time.perf_counter() - began:.0f} s", flush=True)
            pd.DataFrame(rows).to_csv(CACHE / "lesion_recovery_so_far.csv", index=False)
    table = pd.DataFrame(rows)
    table.round(4).to_csv(RESULTS / "lesion_recovery.csv", index=False)
    figures = summarize(table)
    for title, block in figures.items():
        print(f"\n{title}\n{pd.DataFrame(block).T.to_string()}")
    write(
        "lesion_recovery",
        figures,
        command="python -m benchmarks.studies.lesion_recovery",
        seed=f"regions 0 to {n_regions - 1}, scores 0 to {N_SEEDS - 1}",
    )
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    main(**vars(parser.parse_args()))
