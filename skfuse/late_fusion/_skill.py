"""What out-of-fold predictions tell about each modality: gain, reliability, ranks, spread."""

import numpy as np
from sklearn.metrics import roc_auc_score

from skfuse.late_fusion import _rules


def _log_losses(probabilities, labels):
    chosen = np.take_along_axis(probabilities, labels[:, None, None], axis=2)[:, :, 0]
    return -np.log(np.clip(chosen, _rules.FLOOR, None))


def gains(held, labels, weights, prior, *, among_present):
    """Log loss of the prior minus that of each modality, out of fold: per subject who has it, or per subject at all."""
    present = _rules.present_in(held)
    gain = -np.log(np.clip(prior, _rules.FLOOR, None))[labels][:, None] - _log_losses(held, labels)
    gain = np.where(present, gain, 0.0) * weights[:, None]
    count = (present * weights[:, None]).sum(axis=0) if among_present else weights.sum()
    return gain.sum(axis=0) / np.maximum(count, np.finfo(np.float64).tiny)


def reliabilities(held, labels, weights):
    """``2 AUC − 1`` of each modality out of fold (one class against the rest, averaged), between 0 and .99."""
    out = np.zeros(held.shape[1])
    for m in range(held.shape[1]):
        has = ~np.isnan(held[:, m, 0])
        skills = []
        for k in range(held.shape[2]):
            positive = labels[has] == k
            if positive.any() and not positive.all():
                skills.append(2 * roc_auc_score(positive, held[has, m, k], sample_weight=weights[has]) - 1)
        out[m] = np.clip(np.mean(skills), 0.0, 0.99) if skills else 0.0
    return out


def sorted_reference(held):
    """Sort the out-of-fold probabilities of each modality, class by class: a list of (n_present, n_classes)."""
    return [np.sort(block[~np.isnan(block[:, 0])], axis=0) for block in held.swapaxes(0, 1)]


def mean_ranks(probabilities, references):
    """Mean rank of a subject among the training subjects, over the modalities that it has.

    Parameters
    ----------
    probabilities : ndarray of shape (n_subjects, n_modalities, n_classes)
    references : list of ndarray of shape (n_training_subjects, n_classes)
        From :func:`sorted_reference`.

    Returns
    -------
    evidence : ndarray of shape (n_subjects, 1, n_classes)
        From −2 to 2, about the range of a logit; 0 where there is no modality.
    """
    ranks = np.zeros(probabilities.shape)
    present = _rules.present_in(probabilities)
    for m, reference in enumerate(references):
        has = present[:, m]
        for k in range(probabilities.shape[2]):
            low = np.searchsorted(reference[:, k], probabilities[has, m, k], side="left")
            high = np.searchsorted(reference[:, k], probabilities[has, m, k], side="right")
            ranks[has, m, k] = 2.0 * (low + high) / len(reference) - 2.0
    count = np.maximum(present.sum(axis=1), 1)[:, None]
    return (ranks.sum(axis=1) / count)[:, None, :]


def spread(features):
    """Standard deviation of each feature over the subjects who have it (n_features,); NaN is missing."""
    observed = ~np.isnan(features)
    count = np.maximum(observed.sum(axis=0), 1)
    mean = np.where(observed, features, 0.0).sum(axis=0) / count
    return np.sqrt((np.where(observed, features - mean, 0.0) ** 2).sum(axis=0) / count)


def sizes(final_estimator, spreads):
    """How much each modality's prediction counts in a final estimator; None where it does not tell.

    Parameters
    ----------
    final_estimator : fitted estimator
        Its first ``len(spreads)`` features are the predictions; missing flags stand behind them.
    spreads : ndarray of shape (n_predictions,)
        Standard deviation of each, from :func:`spread`.

    Returns
    -------
    sizes : ndarray of shape (n_predictions,) or None
        Coefficients times spreads; importances as they are.
    """
    if hasattr(final_estimator, "coef_"):
        return np.abs(np.atleast_2d(final_estimator.coef_)).sum(axis=0)[: len(spreads)] * spreads
    importances = getattr(final_estimator, "feature_importances_", None)
    return None if importances is None else np.asarray(importances, dtype=np.float64)[: len(spreads)]
