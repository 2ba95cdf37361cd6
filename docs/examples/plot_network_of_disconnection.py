"""
A network of disconnection
==========================

A lesion cuts the connections that pass it, and the parts of the brain that they joined may be sound. Which cut
connections go with a lower score? In simulated patients after stroke six critical connections are known, and what a
network-based statistic finds can be drawn beside them.
"""

# %%
# Masks become connections: :class:`skfuse.lesions.Disconnectome` follows the streamlines of a healthy brain and gives,
# for each patient and each pair of parcels, the share of the streamlines between them that pass the lesion.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skfuse.connectomes import NetworkBasedStatistic
from skfuse.datasets import stroke_images
from skfuse.lesions import Disconnectome
from skfuse.plotting import ComponentNetworkDisplay, NullDistributionDisplay

cohort = stroke_images(112, random_state=0)
brain, score = cohort.brain, cohort.y
disconnectome = Disconnectome(cohort.streamlines, cohort.endpoints, n_parcels=brain.n_parcels)
cut = disconnectome.fit_transform(cohort.lesions)
print(f"{cut.shape[1]} pairs of parcels have streamlines; {(cut.max(axis=0) > 0).sum()} of them are cut in somebody")

# %%
# A lesion cuts what passes it: connections that lie together are cut in the same patients, and large lesions cut more
# of everything. The second is why volume is a covariate, here its logarithm.

log_volume = cohort.X[["volume__log10_ml"]]
r = {"volume and score": np.corrcoef(log_volume.iloc[:, 0], score)[0, 1]}
r["volume and mean share cut"] = np.corrcoef(log_volume.iloc[:, 0], cut.mean(axis=1))[0, 1]
pd.Series(r, name="r").round(2).to_frame()

# %%
# The network-based statistic wants whole connectomes, a matrix for each patient. Pairs without streamlines are 0.


def connectomes(values, pairs):
    """Symmetric matrices of the values of pairs of parcels."""
    matrices = np.zeros((len(values), brain.n_parcels, brain.n_parcels))
    first, second = pairs.T
    matrices[:, first, second] = matrices[:, second, first] = values
    return matrices


matrices = connectomes(cut, disconnectome.edges_)
nbs = NetworkBasedStatistic(alternative="less", n_permutations=1000, random_state=0)
nbs.fit(matrices, score, covariates=log_volume)
ComponentNetworkDisplay.from_estimator(nbs, brain.centroids_mm).plot()
plt.show()

# %%
# The largest component of a permuted score has one edge or none, most of the time.

NullDistributionDisplay.from_estimator(nbs).plot()
plt.show()

# %%
# The component is not chance, as a whole. Are its edges the critical ones? The left hemisphere from the side: the
# component in blue, the six critical connections in orange.

critical = np.sort(cohort.truth["critical_edges"], axis=1)
position = [int(np.flatnonzero((nbs.edges_ == pair).all(axis=1))[0]) for pair in critical]
inside = nbs.components_ == 1

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", width_ratios=[1.2, 1])
left = brain.centroids_mm[:, 0] < 0
for pairs, color, width, alpha in ((nbs.edges_[inside], "C0", 0.8, 0.5), (critical, "C1", 2.5, 1.0)):
    for pair in pairs:
        axes[0].plot(*brain.centroids_mm[pair, 1:].T, color=color, lw=width, alpha=alpha)
axes[0].scatter(*brain.centroids_mm[left, 1:].T, color="0.4", s=12, zorder=3)
axes[0].set(xlabel="back to front (mm)", ylabel="up (mm)", aspect="equal")
order = np.argsort(nbs.t_)
order = order[nbs.t_[order] != 0]
axes[1].plot(np.arange(len(order)), nbs.t_[order], color="0.6")
axes[1].plot(np.flatnonzero(np.isin(order, position)), np.sort(nbs.t_[position]), "o", color="C1", label="critical")
axes[1].axhline(-nbs.threshold_, color="black", lw=0.8, ls=":", label="threshold")
axes[1].set(xlabel="edges, from the lowest t", ylabel="t")
axes[1].legend(frameon=False)
for axis in axes:
    axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Four of the six lie in the component, with 154 edges that have no part in the score; the two others miss the
# threshold. And dozens of edges have a lower t than any critical one: whatever runs beside a critical connection is cut
# in the same patients, and noise decides which of them goes best with the score. So the component says that
# disconnection goes with the score, beyond volume and somewhere in that part of the brain. It does not say which
# connections.

# %%
# How much hangs on the threshold, and on volume? The second cohort has the same lesions, and a score that goes with
# their volume and with no connection: whatever is found there is wrong.

without = stroke_images(112, connectome="volume", random_state=0)
rows = {}
for story, y in (("six critical edges", score), ("volume only", without.y)):
    for name, covariates in (("volume forgotten", None), ("volume as covariate", log_volume)):
        for threshold in (None, 4.0):
            found = NetworkBasedStatistic(threshold=threshold, alternative="less", n_permutations=199, random_state=0)
            found.fit(matrices, y, covariates=covariates)
            rows[story, name, f"t beyond {found.threshold_:.1f}"] = {
                "significant edges": found.significant_.sum(),
                "critical among them": found.significant_[position].sum() if y is score else 0,
                "smallest p": found.p_values_.min(),
            }
pd.DataFrame(rows).T.astype({"significant edges": int, "critical among them": int}).round(3)

# %%
# With volume forgotten, a score that no connection has a part in gets a network too, as significant as the true one.
# With volume as covariate it gets none. A higher threshold leaves a smaller network, and here one without any of the
# critical connections: small is not the same as exact. Which threshold is to be said before the data are seen;
# ``method="tfnbs"`` needs none.
