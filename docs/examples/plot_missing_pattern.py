"""
Who has which modality
======================

Before any model: a map of which subjects have which modalities, and how many have each combination. In a simulated
cohort of patients with mild cognitive impairment, as in most real ones, few subjects have everything.
"""

# %%
# :func:`skfuse.modalities.present_modalities` says, for every subject and modality, whether the subject has any value
# in that block of columns.

import matplotlib.pyplot as plt

from skfuse.datasets import alzheimer_conversion
from skfuse.modalities import present_modalities

cohort = alzheimer_conversion(n_subjects=300, random_state=0)
present = present_modalities(cohort.X)
present.value_counts().rename("subjects").reset_index()

# %%
# One column of the map per subject, subjects with the same modalities side by side. A model that needs complete
# subjects would see only the part that is filled from top to bottom.

ordered = present.sort_values(list(present.columns), ascending=False)
share = present.mean()

figure, axes = plt.subplots(figsize=(8, 0.5 * present.shape[1] + 1.2), layout="constrained")
axes.imshow(ordered.T, aspect="auto", cmap="Blues", vmin=-0.2, vmax=1.4, interpolation="nearest")
axes.set_yticks(range(present.shape[1]), [f"{name} ({share[name]:.0%})" for name in present.columns])
axes.set_xlabel("subject")
axes.set_title(f"{present.all(axis=1).sum()} of {len(present)} subjects have every modality")
plt.show()
