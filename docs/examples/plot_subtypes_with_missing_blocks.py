"""
Subtypes with 30 % of the blocks missing
========================================

Three subtypes are planted in a simulated cohort of three imaging modalities, and a part of the blocks is taken away.
Are they found? Similarity networks need nothing filled in and nobody left out, but a missing pattern can become a
cluster. So that is asked first.
"""

# %%
# A cohort with 30 % of each modality missing. Every subject keeps one modality at least; only a third has all. The
# planted subtypes lie far apart, further than in any real cohort.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from skfuse.datasets import schizophrenia_subtypes
from skfuse.evaluation.clusters import cluster_associations
from skfuse.modalities import ImputedModalityWarning, present_modalities
from skfuse.plotting import NetworkHeatmapDisplay
from skfuse.similarity import NEMO, SNFClustering

story = {"n_subjects": 200, "subtype_separation": 10.0}
cohort = schizophrenia_subtypes(**story, missing=0.3, random_state=0)
present = present_modalities(cohort.X)
present.value_counts().rename("subjects").reset_index()

# %%
# :class:`skfuse.similarity.SNFClustering` takes the table as it is. Before a look at the clusters: do they follow the
# site, or who was examined with what?

model = SNFClustering(3).fit(cohort.X)
follows = cluster_associations(model.labels_, site=cohort.site, present=present, n_permutations=999, random_state=0)
print("\n".join(follows.sentences))

# %%
# The fused network, subjects ordered by cluster; beside it each modality in the same order, grey for who lacks it.

NetworkHeatmapDisplay.from_estimator(model).plot()
plt.show()

# %%
# The planted subtypes against the clusters. Clusters are numbered by size; which number is which subtype means nothing.

pd.crosstab(cohort.y.to_numpy(), model.labels_, rownames=["planted"], colnames=["cluster"])

# %%
# How much is lost as more blocks go missing? The adjusted Rand index with the planted subtypes, 1 for the same
# partition and 0 by chance, in four cohorts for each share: both variants of the exchange, NEMO, which averages
# neighborhoods without any exchange, and what happens if blocks are filled with means first. The last one gives an
# :class:`~skfuse.modalities.ImputedModalityWarning`, as it should.

shares = (0.0, 0.15, 0.3, 0.45)
ways = {
    "SNF": SNFClustering(3),
    "SNF, half-diagonal": SNFClustering(3, variant="half-diagonal"),
    "NEMO": NEMO(3),
    "filled with means, then SNF": SNFClustering(3),
}
found = {way: np.empty((len(shares), 4)) for way in ways}
for place, share in enumerate(shares):
    for seed in range(4):
        part = schizophrenia_subtypes(**story, missing=share, random_state=seed)
        for way, estimator in ways.items():
            X = part.X.fillna(part.X.mean()) if way.startswith("filled") else part.X
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ImputedModalityWarning)
                labels = estimator.fit(X).labels_
            found[way][place, seed] = adjusted_rand_score(part.y, labels)

figure, axes = plt.subplots(figsize=(7.5, 4), layout="constrained")
for offset, (color, (way, values)) in enumerate(zip(("C0", "C2", "C1", "C7"), found.items(), strict=True)):
    x = np.arange(len(shares)) + 0.09 * (offset - 1.5)
    axes.plot(x, values, color=color, marker="o", ls="", ms=4, alpha=0.5, mew=0)
    axes.plot(x, values.mean(axis=1), color=color, marker="_", ms=12, mew=2, lw=1, label=way)
axes.set_xticks(range(len(shares)), [f"{share:.0%}" for share in shares])
axes.set_xlabel("blocks missing")
axes.set_ylabel("adjusted Rand index")
axes.set_ylim(-0.05, 1.05)
axes.legend(loc="lower left", frameon=False)
axes.set_title("A point per cohort, a line through their means", fontsize="medium")
plt.show()

# %%
# Identical filled rows become a cluster of their own, which is why filling fails. The three others lose little, and
# about the same. With weaker subtypes all of them lose more: let more than one of them look at a cohort with many
# holes.
