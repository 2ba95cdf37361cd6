"""Latent factors, subtypes and loadings: how a few hidden quantities show in many features."""

import numpy as np


def draw_loadings(generator, *, n_features, n_factors, density, strength):
    """Draw how factors show in the features of one modality.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    n_features, n_factors : int
        Size of the block, and of the set of factors it sees.
    density : float
        Fraction of the features that carry the factors, rounded to at least one feature unless 0.
    strength : float
        Standard deviation of the part that the factors explain in a carrying feature, in units of the
        standard deviation of its noise.

    Returns
    -------
    loadings : ndarray of shape (n_features, n_factors)
        Rows of length `strength` in carrying features, rows of zeros elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> generator = np.random.default_rng(0)
    >>> loadings = draw_loadings(generator, n_features=10, n_factors=2, density=0.3, strength=2.0)
    >>> [round(float(length), 6) for length in sorted(np.linalg.norm(loadings, axis=1))[-4:]]
    [0.0, 2.0, 2.0, 2.0]
    """
    order = generator.permutation(n_features)
    loadings = generator.standard_normal((n_features, n_factors))
    if n_factors == 0 or density == 0 or strength == 0:
        return np.zeros((n_features, n_factors))
    loadings *= strength / np.linalg.norm(loadings, axis=1, keepdims=True)
    loadings[order[max(1, round(density * n_features)) :]] = 0
    return loadings


def draw_centers(generator, *, proportions, n_factors, separation):
    """Draw where each subtype lies in the space of the signal factors.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    proportions : ndarray of shape (n_subtypes,)
        Shares of the subtypes, summing to 1.
    n_factors : int
        Number of signal factors.
    separation : float
        Distance between any two centers, in standard deviations of a factor; the mean distance where
        there are more subtypes than factors.

    Returns
    -------
    centers : ndarray of shape (n_subtypes, n_factors)
        Centers, whose mean weighted by `proportions` is 0.

    Examples
    --------
    >>> import numpy as np
    >>> generator = np.random.default_rng(0)
    >>> centers = draw_centers(generator, proportions=np.array([0.5, 0.5]), n_factors=3, separation=2.0)
    >>> round(float(np.linalg.norm(centers[0] - centers[1])), 6)
    2.0
    """
    n_subtypes = len(proportions)
    if n_subtypes <= n_factors:
        directions = np.linalg.qr(generator.standard_normal((n_factors, n_subtypes)))[0].T
        centers = directions * separation / np.sqrt(2)
    else:
        centers = generator.standard_normal((n_subtypes, n_factors))
        first, second = np.triu_indices(n_subtypes, k=1)
        centers *= separation / np.linalg.norm(centers[first] - centers[second], axis=1).mean()
    return centers - proportions @ centers


def subtype_posterior(signal, centers, proportions):
    """Compute the probability of each subtype given the signal factors.

    Parameters
    ----------
    signal : ndarray of shape (n_subjects, n_factors)
        Signal factors, of unit variance around the center of a subject's subtype.
    centers : ndarray of shape (n_subtypes, n_factors)
        Centers of the subtypes.
    proportions : ndarray of shape (n_subtypes,)
        Shares of the subtypes.

    Returns
    -------
    posterior : ndarray of shape (n_subjects, n_subtypes)
        Rows sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> subtype_posterior(np.zeros((1, 2)), np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.25, 0.75]))
    array([[0.25, 0.75]])
    """
    distances = ((signal[:, None, :] - centers[None]) ** 2).sum(axis=2)
    log_joint = np.log(proportions) - distances / 2
    joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    return joint / joint.sum(axis=1, keepdims=True)
