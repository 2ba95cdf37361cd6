"""
A modality goes missing
=======================

Half of a memory clinic's patients had no PET, and the next one may have an MRI only. What can be filled in, where does
that patient stand in a space that all modalities share, and what is the prediction worth without PET? A simulated
cohort; no number here is a claim about Alzheimer's disease.
"""

# %%
# Who has what, and does that depend on the outcome? A column per pattern, the most frequent first; above, the share of
# converters in each. Here PET and fluid markers are missing for the older.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skfuse.datasets import alzheimer_conversion
from skfuse.evaluation import missing_modality_curve
from skfuse.imputation import ModalityImputer
from skfuse.late_fusion import LateFusionClassifier
from skfuse.latent import GroupFactorAnalysis
from skfuse.modalities import present_modalities
from skfuse.plotting import MissingPatternDisplay, RobustnessDisplay

cohort = alzheimer_conversion(random_state=0)
MissingPatternDisplay.from_table(cohort.X, cohort.y).plot()
plt.show()

# %%
# Can PET be filled in from the others? Blocks that are there are hidden from
# :class:`skfuse.imputation.ModalityImputer` and compared with what it says of them: an R² of 1 is perfect, 0 is no
# better than the mean.

strategies = ("gaussian", "softimpute", "ridge", "mean")
quality = {
    strategy: {name: one.r2 for name, one in ModalityImputer(strategy=strategy).fit(cohort.X).quality_.items()}
    for strategy in strategies
}
pd.DataFrame(quality).T.round(3)

# %%
# Hardly anything: most of what PET shows here is its own, or noise, and in no other modality. A table that is filled in
# looks complete, and is not: one feature, measured and filled in.

column = "pet__suvr_precuneus_l"
gone = cohort.X[column].isna()
filled = ModalityImputer(cv=None).fit_transform(cohort.X)[column]

figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
bins = np.linspace(filled.min(), filled.max(), 40)
axis.hist(filled[~gone], bins, color="C0", alpha=0.7, label="measured")
axis.hist(filled[gone], bins, color="C1", alpha=0.7, label="filled in")
axis.set_xlabel(column)
axis.set_ylabel("subjects")
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# A joint space fills nothing. The factors of :class:`skfuse.latent.GroupFactorAnalysis` and the share of the variance
# of each modality that each explains: some are shared, others belong to one modality.

space = GroupFactorAnalysis().fit(cohort.X)
shares = pd.DataFrame(space.explained_variance_).rename_axis("factor")
shares.round(2)

# %%
# Every subject has coordinates there, and each coordinate a posterior standard deviation: 1 if nothing is known of it.
# The same people, first with all they have, then as if they had come with an MRI only.

complete = cohort.X[present_modalities(cohort.X).all(axis=1)]
mri_only = complete.copy()
mri_only[[name for name in complete if not name.startswith("mri__")]] = np.nan

seen = {"all three": complete, "MRI only": mri_only}
sd = pd.DataFrame({way: space.posterior_sd(X).mean(axis=0) for way, X in seen.items()})
axis = sd.plot.bar(figsize=(7, 3.2), rot=0, color=["C0", "C1"], width=0.7)
axis.axhline(1, color="0.5", lw=1, ls=":")
axis.set_xlabel("factor")
axis.set_ylabel("mean posterior sd")
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
axis.spines[["top", "right"]].set_visible(False)
plt.tight_layout()
plt.show()

# %%
# Factors of MRI alone are as well known as before. A factor that PET alone shows is back at 1: there is nothing to know
# it by. The shared ones lie between.

# %%
# What a prediction loses is another question, for a predictor. :func:`skfuse.evaluation.missing_modality_curve` fits in
# each fold once, and takes a modality from more and more of the test subjects. A band that leaves out the beginning of
# its curve shows a loss; at the right each modality alone, for those who have it; below, whether probabilities are as
# sure as they should be.

curve = missing_modality_curve(LateFusionClassifier(), cohort.X, cohort.y, n_repeats=2, random_state=0)
print(curve.sentence())
RobustnessDisplay.from_result(curve).plot()
plt.show()

# %%
# With some 120 converters the intervals are wide: a loss that is not shown may still be there. Modalities were taken
# away at random. Where patients go without PET for a reason, the curve does not say what happens.
