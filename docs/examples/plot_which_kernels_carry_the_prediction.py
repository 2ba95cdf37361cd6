"""
Which kernels carry the prediction?
===================================

Multiple kernel learning gives every kernel of every modality a weight. Here it is known which modalities tell anything:
`clinical` tells most, `mri` and `pet` some, `eeg` nothing. What do the weights say, and do they predict better than
none, the average of the kernels?
"""

# %%
# A simulated cohort, a fifth of the blocks missing. 1,000 further subjects tell how good a model really is; in a study
# that would be a cross-validation.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV

from skfuse.datasets import make_cohort
from skfuse.inspection import weight_stability
from skfuse.kernels import MKLClassifier
from skfuse.plotting import DecisionWaterfallDisplay, KernelWeightsDisplay

cohort, new = make_cohort(
    300,
    n_test=1000,
    modalities={"mri": 30, "pet": 20, "clinical": 10, "eeg": 40},
    n_shared=0,
    strength={"mri": 1.0, "pet": 1.0, "clinical": 1.0, "eeg": 0.0},
    private_effect={"mri": 0.7, "pet": 0.7, "clinical": 1.2, "eeg": 0.0},
    effect=3.0,
    missing=0.2,
    random_state=0,
)

# %%
# Two kernels per modality, and three ways to weigh them: with ``p=1``, which asks for few kernels; with the default
# ``p=4/3``; and all alike. Each with two values of `C`, which says how closely the classifier follows the training
# subjects.

ways = {"p = 1": {"p": 1.0}, "p = 4/3": {}, "average kernel": {"weighting": "average"}}
models = {
    (name, C): MKLClassifier(kernels=["linear", "rbf"], C=C, **way).fit(cohort.X, cohort.y)
    for C in (0.1, 1.0)
    for name, way in ways.items()
}
auc = {key: roc_auc_score(new.y, model.decision_function(new.X)) for key, model in models.items()}
pd.Series(auc, name="AUC in new subjects").unstack().loc[list(ways)].rename(columns="C = {}".format).round(3)

# %%
# The weights differ more than the predictions do. Kernels of one modality say nearly the same, so that many sets of
# weights predict alike. And `C` decides: with the larger one the classifier fits single training subjects, and for that
# a kernel in which everybody is far from everybody is of use, noise or not. So `C` is searched before any weight is
# read.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
for axis, C in zip(axes, (0.1, 1.0), strict=True):
    for offset, (name, color) in enumerate(zip(ways, ("C0", "C1", "C7"), strict=True)):
        weights = pd.Series(models[name, C].kernel_weights_)
        shares = weights / weights.sum()  # the sum depends on p; shares compare
        axis.bar(np.arange(len(shares)) + 0.27 * (offset - 1), shares, width=0.25, color=color, label=name)
    axis.set_xticks(range(len(shares)), [kernel.replace("__", "\n") for kernel in shares.index], fontsize="small")
    axis.set_title(f"C = {C:g}", fontsize="medium")
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("share of the weights")
axes[1].legend(frameon=False)
plt.show()

# %%
# What a search would have chosen, by the training subjects alone:

machine = MKLClassifier(kernels=["linear", "rbf"])
search = GridSearchCV(machine, {"C": [0.01, 0.1, 1.0]}, scoring="roc_auc", cv=5).fit(cohort.X, cohort.y)
pd.DataFrame(search.cv_results_)[["param_C", "mean_test_score", "std_test_score"]].round(3)

# %%
# A weight belongs to the kernel. What the classifier makes of a modality is its *contribution*: its share in the norm
# of the classifier, and in the variance of the decision. The second is what moves predictions.

model = search.best_estimator_
contribution = pd.DataFrame(model.modality_contribution_).T
contribution.insert(0, "weight", pd.Series(model.modality_weights_))
contribution.round(2)

# %%
# Would other subjects have given the same weights? Refits on four fifths of them, ten times; they share most of their
# subjects, so another cohort would differ more.

stability = weight_stability(model, cohort.X, cohort.y, n_repeats=2, random_state=0)
print(stability.sentence)
KernelWeightsDisplay.from_stability(stability).plot()
plt.show()

# %%
# One patient: from the decision of a usual subject, by what each modality adds, to the decision of this one. What was
# not measured adds nothing.

patient = new.X.index[np.argmax(model.decision_function(new.X))]
DecisionWaterfallDisplay.from_estimator(model, new.X, patient).plot()
plt.show()

# %%
# Weights, contributions and steps describe this model. Whether a modality tells anything beyond the others is a
# question for :meth:`skfuse.kernels.MKLClassifier.permutation_test`, with the null ``"conditional"``.
