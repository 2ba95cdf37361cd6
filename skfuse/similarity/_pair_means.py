"""Means over the modalities that subjects have, as factors that a linear operator can apply."""

import numpy as np

_TOLERANCE = 0.05  # largest error of the weight of any pair, rare patterns included, relative to the largest weight


def links_between(weights, present):
    """Factors of the subjects for every step from one modality to another, and their shares of each modality.

    Parameters
    ----------
    weights : ndarray of shape (n_modalities,)
    present : ndarray of shape (n_subjects, n_modalities), dtype bool

    Returns
    -------
    links : list of list of ndarray of shape (n_subjects, 1), or None
        links[v][w], None where no walk goes from v to w; one row for all subjects where nothing is missing.
    shares : list of ndarray of shape (n_subjects, 1)
        Of each modality among those that a subject has.
    """
    has = present[:1] if present.all() else present
    shares = has * weights
    links = [[None] * len(weights) for _ in weights]
    for v in range(len(weights)):
        others = shares.copy()
        others[:, v] = 0.0
        alone = others.sum(axis=1) <= 1e-12 * weights[v]
        others[alone] = 0.0
        others[alone, v] = 1.0
        factors = np.sqrt(_scaled(others))
        for w in np.flatnonzero(factors.any(axis=0)):
            links[v][w] = factors[:, [w]]
    shares = _scaled(shares)
    return links, [shares[:, [v]] for v in range(len(weights))]


def _scaled(shares):
    sums = shares.sum(axis=1, keepdims=True)
    return shares / np.where(sums > 0, sums, 1.0)  # who has none of these modalities keeps zeros


class PairMeans:
    """The mean over the modalities that a pair of subjects shares, as a sum of few products of factors of subjects.

    The weight of a modality in the mean of a pair depends on the missing patterns of the two only: a small symmetric
    matrix, of which the leading eigenvectors are kept.

    Parameters
    ----------
    weights : ndarray of shape (n_modalities,)
    present : ndarray of shape (n_subjects, n_modalities), dtype bool
    """

    def __init__(self, weights, present):
        patterns, self._pattern = np.unique(present, axis=0, return_inverse=True)
        self._pattern = self._pattern.ravel()
        counts = np.bincount(self._pattern).astype(np.float64)
        shared = (patterns * weights) @ patterns.T
        self._factors, self._signs = [], []
        for v, weight in enumerate(weights):
            has = np.outer(patterns[:, v], patterns[:, v])
            means = np.divide(weight, shared, out=np.zeros_like(shared), where=has & (shared > 0))
            factors, signs = _leading_factors(means)
            self._factors.append(factors[self._pattern] if len(patterns) > 1 else factors)
            self._signs.append(signs)
        self._strangers = (shared <= 0).astype(np.float64)
        self._n_known = float(len(present) ** 2 - counts @ self._strangers @ counts)
        self._value = 0.0

    def widened(self, v, X):
        """X times each factor of modality v, side by side."""
        return np.hstack([self._factors[v][:, [r]] * X for r in range(len(self._signs[v]))])

    def narrowed(self, v, Y):
        """The sum of the parts of Y, times the factors."""
        parts = np.split(Y, len(self._signs[v]), axis=1)
        return sum(
            sign * self._factors[v][:, [r]] * part
            for r, (sign, part) in enumerate(zip(self._signs[v], parts, strict=True))
        )

    def weights_of_pairs(self, v, i, j):
        """Weight of modality v in the means of the pairs (i, j)."""
        factors = self._factors[v]
        if len(factors) == 1:
            return np.full(len(i), float(np.sum(self._signs[v] * factors[0] ** 2)))
        return np.einsum("kr,kr,r->k", factors[i], factors[j], self._signs[v])

    def learn_filling(self, row_sums):
        """What pairs that share no modality get: the mean of all others, from the row sums without them."""
        self._value = float(row_sums.sum() / self._n_known) if self._strangers.any() and self._n_known else 0.0

    def filling(self, X):
        """The part of pairs that share no modality in a product with X (n_subjects, n_columns)."""
        if self._value == 0.0:
            return 0.0
        sums = np.zeros((len(self._strangers), X.shape[1]))
        np.add.at(sums, self._pattern, X)
        return self._value * (self._strangers @ sums)[self._pattern]


def _leading_factors(means):
    """Columns u_r (n_patterns, n_factors) and signs s_r with means = sum of s_r u_r u_r^T, up to the tolerance."""
    values, vectors = np.linalg.eigh(means)
    order = np.argsort(-np.abs(values))
    left, n_kept = means.copy(), 0
    for place in order:
        left -= values[place] * np.outer(vectors[:, place], vectors[:, place])
        n_kept += 1
        if np.abs(left).max() <= _TOLERANCE * means.max():
            break
    kept = order[:n_kept]
    return vectors[:, kept] * np.sqrt(np.abs(values[kept])), np.sign(values[kept])
