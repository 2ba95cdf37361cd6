"""
A lesion-symptom map, and the region that it should find
========================================================

Which voxels, lesioned, go with a lower score? Patients, lesions and score are simulated, so that the region that
matters is known and can be drawn beside every map. What does it cost to forget lesion volume, and does a model of all
voxels at once see more than a test of each?
"""

# %%
# 120 lesions of the left hemisphere. One parcel of the brain, 19 ml in the frontal lobe, is critical: a patient who
# loses all of it loses 20 points of 60. Beyond that lesions cost a point for every 12 ml, wherever they are. The rest
# is noise with a standard deviation of 6 points.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.spatial import KDTree
from sklearn.metrics import average_precision_score

from skfuse.datasets import make_brain, make_lesions
from skfuse.io import LesionMasks
from skfuse.lesions import EmptyMaskWarning, LesionSymptomMapping, SparseLesionRegressor, VolumeConfoundWarning
from skfuse.plotting import LesionMapDisplay, LesionOverlapDisplay, NullDistributionDisplay

brain = make_brain(random_state=0)
lesions = make_lesions(120, brain=brain, median_volume_ml=50, random_state=0)
volume_ml = lesions.sum(axis=1) * brain.voxel_ml


def simulated_score(region, points, seed):
    """Score of each patient, where losing all of a region costs so many points."""
    noise = np.random.default_rng(seed).normal(size=len(lesions))
    return 60 - points * lesions[:, region].mean(axis=1) - volume_ml / 12 + 6 * noise


frontal = np.argmin(np.linalg.norm(brain.centroids_mm - [-50, 15, 10], axis=1))
critical = brain.parcels == frontal
score = simulated_score(critical, 20, seed=0)

# %%
# Before any map: how many are lesioned where? Voxels that less than a tenth of the patients have lesioned are not
# tested, and no map says anything about them. :func:`skfuse.io.read_masks` makes such an object from files.

ids = np.array([f"sub-{number:03d}" for number in range(len(lesions))])
masks = LesionMasks(lesions, brain.mask, brain.affine, ids, 1000 * volume_ml)
LesionOverlapDisplay.from_masks(masks, min_overlap=0.1).plot()
plt.show()

# %%
# The map. Volume is taken out of score and voxels, as it is by default, and ``alternative="less"`` looks only for
# voxels whose lesion goes with a lower score. A warning would name the seven patients without any lesion among the
# voxels tested; they stay in, as spared. `summary` says what was done and what was found.

warnings.simplefilter("ignore", EmptyMaskWarning)
mapping = LesionSymptomMapping(volume="covariate", alternative="less", random_state=0).fit(lesions, score)
print(mapping.summary())

# %%
# Opaque voxels are significant: the chance that any of them is false is at most 5 %.

LesionMapDisplay.from_estimator(mapping, masks).plot()
plt.show()

# %%
# Against what was the map compared? Against the lowest statistic of each of 1,000 maps of a permuted score.

NullDistributionDisplay.from_estimator(mapping).plot()
plt.show()

# %%
# The same without volume: a warning says that score and volume correlate, and here it is silenced on purpose. And a
# third map, of all voxels at once: the score as a sum of a few compact regions, by
# :class:`skfuse.lesions.SparseLesionRegressor`. It has fewer permutations, since each of them fits the model anew.

warnings.simplefilter("ignore", VolumeConfoundWarning)
without_volume = LesionSymptomMapping(volume="none", alternative="less", random_state=0).fit(lesions, score)
regions = SparseLesionRegressor(
    mask=brain.mask, correction="max", alternative="less", n_permutations=99, random_state=0
).fit(lesions, score)
print("probability of each effect:", regions.effect_probabilities_.round(2))

# %%
# The three maps in four slices, the front at the top and the left at the left. Green outlines the critical parcel,
# black what is significant.

maps = {
    "each voxel,\nvolume as covariate": (mapping.map_, mapping),
    "each voxel,\nvolume forgotten": (without_volume.map_, without_volume),
    "sparse regions,\nvolume as covariate": (regions.coef_, regions),
}
levels = np.linspace(*np.percentile(brain.voxels[critical, 2], [10, 90]), 4).round().astype(int)
low, high = brain.voxels[mapping.mask_].min(axis=0) - 2, brain.voxels[mapping.mask_].max(axis=0) + 3


def part_of_slice(values, level):
    """Values of the voxels of one slice, cut to the region that is tested."""
    return brain.volume(np.asarray(values, dtype=float))[max(low[0], 0) : high[0], low[1] : high[1], level].T


figure, axes = plt.subplots(3, 4, figsize=(7, 7.4), layout="constrained")
for row, (name, (values, model)) in zip(axes, maps.items(), strict=True):
    limit = np.abs(values).max()
    for axis, level in zip(row, levels, strict=True):
        tested = part_of_slice(model.mask_, level) > 0
        axis.imshow(part_of_slice(np.ones(brain.n_voxels), level), cmap="Greys", vmin=0, vmax=8, origin="lower")
        shown = np.where(tested, part_of_slice(values, level), np.nan)
        axis.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, origin="lower")
        for voxels, color in ((model.significant_, "black"), (critical, "C2")):
            if part_of_slice(voxels, level).any():
                axis.contour(part_of_slice(voxels, level), levels=[0.5], colors=color, linewidths=1.5)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    row[0].set_ylabel(name, fontsize="medium")
for axis, level in zip(axes[0], levels, strict=True):
    axis.set_title(f"z = {brain.to_mm([0, 0, level])[2]:.0f} mm", fontsize="medium")
plt.show()

# %%
# And in numbers. *Peak*: distance of the lowest voxel from the critical parcel in mm, 0 if it lies inside. *AUPRC*:
# area under the precision-recall curve of all voxels tested in the order of the map, without any threshold. It is 1 if
# those of the parcel come first, and about their share among the voxels tested if the order has nothing to do with
# them.


def figures_of_merit(values, model, region):
    """How well a map shows a region whose damage lowers the score."""
    distance = KDTree(brain.coordinates_mm[region]).query(brain.coordinates_mm[np.argmin(values)])[0]
    ranked = average_precision_score(region[model.mask_], -values[model.mask_])
    return {"peak": distance, "AUPRC": ranked}


rows = {
    name.replace("\n", " "): {
        "significant": model.significant_.sum(),
        "of these critical": (model.significant_ & critical).sum(),
        **figures_of_merit(values, model, critical),
    }
    for name, (values, model) in maps.items()
}
print(f"critical: {critical[mapping.mask_].sum()} of {mapping.mask_.sum()} voxels tested")
pd.DataFrame(rows).T.round(2)

# %%
# Without volume most of what is significant lies outside the parcel. That is not noise: large lesions reach these
# voxels, and large lesions cost points wherever they are. With volume as covariate few voxels are left, most of them in
# the parcel, the others lesioned together with it. No map shows how far the parcel extends: significant is what stands
# for itself, not all that matters.

# %%
# One score proves nothing. So the same for every parcel of which at least half is tested, with half the effect.
# Nothing here needs a p-value, so no permutations are made.

share_tested = np.bincount(brain.parcels, weights=mapping.mask_) / np.bincount(brain.parcels)
parcels = np.flatnonzero(share_tested >= 0.5)
ways = {
    "volume as covariate": (LesionSymptomMapping(correction="bonferroni"), "map_"),
    "volume forgotten": (LesionSymptomMapping(correction="bonferroni", volume="none"), "map_"),
    "sparse regions": (SparseLesionRegressor(mask=brain.mask), "coef_"),
}
found = []
for parcel in parcels:
    region = brain.parcels == parcel
    drawn = simulated_score(region, 10, seed=parcel)
    for name, (model, attribute) in ways.items():
        values = getattr(model.fit(lesions, drawn), attribute)
        found.append({"map": name, "parcel": parcel} | figures_of_merit(values, model, region))
found = pd.DataFrame(found)
found["peak inside"] = found["peak"] == 0
found.groupby("map")[["peak inside", "peak", "AUPRC"]].mean().loc[list(ways)].round(2)

# %%
# The sparse regions point no better than single voxels do: as many peaks lie in the parcel, and more than a third lie
# outside. Ranking all voxels, they do better in all parcels but one. That flatters them a little: parcels are compact,
# and so are their candidates. Below, a line for each parcel.

figure, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
by_parcel = found.pivot(index="map", columns="parcel", values="AUPRC").loc[list(ways)]
axis.plot(range(3), by_parcel, color="C0", alpha=0.5, marker="o", ms=4, mew=0)
axis.set_xticks(range(3), [name.replace(" ", "\n", 1) for name in ways])
axis.spines[["top", "right"]].set_visible(False)
axis.set_ylabel("AUPRC")
axis.set_ylim(0, 1)
plt.show()

# %%
# Without volume the ranking is better in two parcels. Their damage goes with volume more than that of most parcels, and
# there taking volume out takes a part of the effect with it. Everywhere else it is worse.
#
# What is taken out is the volume in ml, and here the score goes with that. Where it goes with the logarithm of the
# volume, put the logarithm into ``fit(…, covariates=)``, which every linear statistic takes.
