"""Combination rules: from the probabilities of several modalities to one, as functions of arrays.

All take ``probabilities`` of shape (n_subjects, n_modalities, n_classes), a row of NaN where a subject lacks the
modality, and ``prior`` of shape (n_classes,); all return (n_subjects, n_classes), rows that sum to 1, and the prior for
a subject who has no modality. Weights are (n_modalities,) or (n_subjects, n_modalities), non-negative.
"""

import numpy as np

#: Probabilities are kept this far from 0 and 1 before a logarithm is taken.
FLOOR = 1e-6


def present_in(probabilities):
    """Which subjects have which modality: (n_subjects, n_modalities), dtype bool."""
    return ~np.isnan(probabilities[:, :, 0])


def log_ratios(probabilities, prior):
    """What each modality says beyond the prior, ``log p − log prior``; 0, nothing, where it is missing.

    Parameters
    ----------
    probabilities : ndarray of shape (n_subjects, n_modalities, n_classes)
    prior : ndarray of shape (n_classes,)

    Returns
    -------
    evidence : ndarray of shape (n_subjects, n_modalities, n_classes)
    """
    evidence = np.log(np.clip(probabilities, FLOOR, None)) - np.log(np.clip(prior, FLOOR, None))
    return np.nan_to_num(evidence, nan=0.0)


def share_weights(weights, present):
    """Weights of the modalities that each subject has, summing to 1; equal where they would all be 0.

    Parameters
    ----------
    weights : ndarray of shape (n_modalities,) or (n_subjects, n_modalities)
    present : ndarray of shape (n_subjects, n_modalities), dtype bool

    Returns
    -------
    shares : ndarray of shape (n_subjects, n_modalities)
        0 for a missing modality; a row of 0 where the subject has none.
    """
    weights = np.where(present, weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.where(total > 0, weights, present.astype(np.float64))
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


def weighted_mean(probabilities, prior, weights=1.0):
    """Weighted mean of the probabilities of the modalities that a subject has (linear opinion pool)."""
    shares = share_weights(weights, present_in(probabilities))
    mean = np.einsum("ij,ijk->ik", shares, np.nan_to_num(probabilities, nan=0.0))
    return _or_prior(mean, probabilities, prior)


def median(probabilities, prior):
    """Median over modalities, scaled to sum to 1."""
    return _or_prior(_reduce(np.nanmedian, probabilities), probabilities, prior)


def maximum(probabilities, prior):
    """Maximum over modalities, scaled to sum to 1 (Kittler's max rule)."""
    return _or_prior(_reduce(np.nanmax, probabilities), probabilities, prior)


def product(probabilities, prior):
    r"""Kittler's product rule, ``prior ∏ (p / prior)``: right where modalities are independent given the class."""
    scores = np.log(np.clip(prior, FLOOR, None)) + log_ratios(probabilities, prior).sum(axis=1)
    return _softmax(scores)


def vote(probabilities, prior):
    """Share of modalities that prefer each class, with one more vote divided by the mean probability.

    That vote breaks ties and keeps every share above 0.
    """
    present = present_in(probabilities)
    filled = np.where(present[:, :, None], probabilities, 0.0)
    ballots = (filled.argmax(axis=2)[:, :, None] == np.arange(probabilities.shape[2])) & present[:, :, None]
    count = np.maximum(present.sum(axis=1), 1)[:, None]
    return _or_prior(ballots.sum(axis=1) + filled.sum(axis=1) / count, probabilities, prior)


def confidence_weights(probabilities, gains):
    """Weight of each modality for each subject: its gain out of fold times how sure it is of this subject.

    Parameters
    ----------
    probabilities : ndarray of shape (n_subjects, n_modalities, n_classes)
    gains : ndarray of shape (n_modalities,)
        Non-negative.

    Returns
    -------
    weights : ndarray of shape (n_subjects, n_modalities)
        ``gain (1 − entropy / log K)``; 0 where the modality is missing.
    """
    clipped = np.clip(np.nan_to_num(probabilities, nan=1.0 / probabilities.shape[2]), FLOOR, 1.0)
    entropy = -(clipped * np.log(clipped)).sum(axis=2)
    certainty = np.clip(1.0 - entropy / np.log(probabilities.shape[2]), 0.0, None)
    return np.where(present_in(probabilities), gains * certainty, 0.0)


def dempster_shafer(probabilities, prior, reliabilities):
    r"""Dempster's rule over discounted modalities and the prior.

    A modality of reliability ``r`` supports class ``k`` with mass ``r q_k``, ``q`` proportional to ``p / prior``, and
    leaves ``1 − r`` to total ignorance; a missing one leaves everything. The prior is one more (Bayesian) source, and
    with such a source Dempster's rule is ``prior_k ∏ (r q_k + 1 − r)``, normalized [1]_.

    Parameters
    ----------
    probabilities : ndarray of shape (n_subjects, n_modalities, n_classes)
    prior : ndarray of shape (n_classes,)
    reliabilities : ndarray of shape (n_modalities,)
        Between 0 (ignored) and 1 (taken at its word).

    Returns
    -------
    combined : ndarray of shape (n_subjects, n_classes)

    References
    ----------
    .. [1] G. Shafer. A Mathematical Theory of Evidence (1976); B. R. Cobb, P. P. Shenoy. International Journal of
       Approximate Reasoning 41 (2006). https://doi.org/10.1016/j.ijar.2005.06.008
    """
    support = np.exp(log_ratios(probabilities, prior))
    support /= support.sum(axis=2, keepdims=True)
    discount = np.where(present_in(probabilities), reliabilities, 0.0)[:, :, None]
    plausibility = discount * support + (1.0 - discount)
    return _softmax(np.log(np.clip(prior, FLOOR, None)) + np.log(np.clip(plausibility, FLOOR, None)).sum(axis=1))


def _reduce(function, probabilities):
    """NaN-skipping reduction over modalities that leaves subjects without any modality at 0."""
    some = present_in(probabilities).any(axis=1)
    reduced = np.zeros((len(probabilities), probabilities.shape[2]))
    if some.any():
        reduced[some] = function(probabilities[some], axis=1)
    return reduced


def _or_prior(scores, probabilities, prior):
    """Rows scaled to sum to 1, the prior for who has no modality."""
    none = ~present_in(probabilities).any(axis=1)
    scores[none] = prior
    return scores / scores.sum(axis=1, keepdims=True)


def _softmax(scores):
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)
