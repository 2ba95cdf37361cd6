"""Weights of kernels by rule, for a stack of kernels and one or several targets."""

import numpy as np

from skfuse.kernels._alignment import weights_of_alignment
from skfuse.kernels._bayesian import bayesian_weights
from skfuse.kernels._easymkl import class_distances, summed

#: Rules that look at kernels and target once, before the machine is fitted.
ONE_STEP = ("easymkl", "align", "alignf", "average")
_SWEEPS = 500


def one_step_weights(rule, kernels, targets, *, easymkl_lambda=0.1, kernel_sum="mean", sample_weight=None):
    """Weights of a rule.

    Parameters
    ----------
    rule : {"easymkl", "align", "alignf", "average"}
    kernels : ndarray of shape (n_kernels, n_subjects, n_subjects)
    targets : ndarray of shape (n_outputs, n_subjects)
        Classes -1 and 1 of each output (one class against the others), or one continuous target.
    easymkl_lambda, kernel_sum
        As in :class:`MKLClassifier`.
    sample_weight : ndarray of shape (n_subjects,) or None

    Returns
    -------
    weights : ndarray of shape (n_kernels,)
        They sum to 1; for ``"average"`` with ``kernel_sum="sum"`` each is 1. All alike where no kernel says anything.
    """
    n = len(kernels)
    alike = np.ones(n) if rule == "average" and kernel_sum == "sum" else np.full(n, 1.0 / n)
    if rule == "average" or n == 1:
        return alike
    if rule == "easymkl":
        total = summed(kernels, mean=kernel_sum == "mean")
        weights = sum(class_distances(kernels, total, y, easymkl_lambda, sample_weight) for y in targets)
    else:
        weights = weights_of_alignment(kernels, targets.T, rule, sample_weight)
    return weights / weights.sum() if weights.sum() > 0 else alike


def posterior_weights(kernels, targets, task):
    """Means and standard deviations of the shares of the kernels in the variational posterior of BEMKL.

    Parameters
    ----------
    kernels : ndarray of shape (n_kernels, n_subjects, n_subjects)
    targets : ndarray of shape (n_outputs, n_subjects)
        Several outputs are averaged.
    task : {"classification", "regression"}

    Returns
    -------
    weights, deviations : ndarray of shape (n_kernels,)
        The weights sum to 1.
    """
    found = [
        bayesian_weights(kernels, y, task=task, uncertainty="variational", max_iter=_SWEEPS, random_state=0)
        for y in targets
    ]
    weights = np.mean([one.normalized_weights for one in found], axis=0)
    return weights / weights.sum(), np.sqrt(np.mean([one.normalized_sd**2 for one in found], axis=0) / len(found))


def given_weights(given, names, modality, others=()):
    """Weights that the user gave, by kernel or by modality, in the order of the kernels.

    Parameters
    ----------
    given : dict of str to float, or array-like of shape (n_kernels,)
        By name of a kernel (``mri__rbf``) or of a modality, whose kernels share its weight alike.
    names, modality : list of str
        Of each kernel.
    others : iterable of str
        Modalities without a kernel (dropped, or left out for this table), whose weights are not needed.

    Returns
    -------
    weights : ndarray of shape (n_kernels,)
    """
    if isinstance(given, dict):
        known = {*names, *modality, *others}
        unknown = [key for key in given if key not in known and key.partition("__")[0] not in others]
        lacking = [name for name, one in zip(names, modality, strict=True) if name not in given and one not in given]
        if unknown or lacking:
            raise ValueError(
                f"`weighting` must weigh each kernel {names}, by its name or its modality; unknown: {unknown}, without "
                f"a weight: {lacking}."
            )
        weights = np.array(
            [
                given[name] if name in given else given[one] / modality.count(one)
                for name, one in zip(names, modality, strict=True)
            ],
            dtype=np.float64,
        )
    else:
        weights = np.asarray(given, dtype=np.float64)
        if weights.shape != (len(names),):
            raise ValueError(
                f"`weighting` has shape {weights.shape}, wanted a weight for each of the {len(names)} kernels {names}."
            )
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError(
            f"`weighting` must hold finite weights of at least 0, not all of them 0; got {weights.tolist()} for "
            f"{names}."
        )
    return weights
