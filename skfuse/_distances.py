"""Distances between subjects over the features of one modality, complete or not, numeric or mixed.

A :class:`SubjectMetric` learns from training subjects what a distance needs (means and standard deviations, ranges,
categories), so that the distance between two subjects never depends on who else is in the table.
"""

import numpy as np
from scipy.spatial.distance import cdist

from skfuse._chunks import chunks
from skfuse._mixed_features import MixedFeatures

METRICS = ("euclidean", "sqeuclidean", "cosine", "correlation", "gower")
_STANDARDIZED = ("euclidean", "sqeuclidean")
_CHUNK_BYTES = 2**26
_SMALL_CHUNK_BYTES = 2**20
_NEAR = 1e-7  # squared distances below this share of the squared norms lose digits in the fast formula


class SubjectMetric:
    r"""Distances between subjects in one modality.

    ``"euclidean"`` and ``"sqeuclidean"`` are taken on features standardized by the training subjects (a feature that is
    constant there counts for nothing), ``"cosine"`` and ``"correlation"`` (one minus the similarity) on features as
    given. ``"gower"`` is the mean over features of the absolute difference by training range, or of 0/1 for equal or
    other categories.

    Where cells are missing, a distance is the partial one over the features that both subjects have, scaled up to all
    features for the Euclidean ones: :math:`d^2 = \frac{p}{|F_{ij}|} \sum_{f \in F_{ij}} (x_{if} - x_{jf})^2`. Two
    subjects who share no feature are as far apart as two unrelated ones: the expected distance under independence.

    Parameters
    ----------
    name : {"euclidean", "sqeuclidean", "cosine", "correlation", "gower"}
        Which distance.
    feature_weights : ndarray of shape (n_features,) or None
        Non-negative weights of the features in the sums above.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse._distances import SubjectMetric
    >>> block = np.array([[0.0, 1.0], [2.0, np.nan], [4.0, 3.0]])
    >>> metric = SubjectMetric("gower").fit(block)
    >>> points = metric.encode(block)
    >>> metric.between(points, points)
    array([[0. , 0.5, 1. ],
           [0.5, 0. , 0.5],
           [1. , 0.5, 0. ]])
    """

    def __init__(self, name="euclidean", feature_weights=None):
        self.name = name
        self.feature_weights = feature_weights

    def fit(self, block):
        """Learn from the training subjects who have the modality.

        Parameters
        ----------
        block : ndarray of shape (n_subjects, n_features), or data frame for ``"gower"``
            Missing cells are NaN.

        Returns
        -------
        self : SubjectMetric
        """
        if self.name == "gower":
            self.features_ = MixedFeatures().fit(block)
            self.unrelated_ = self.features_.expected_distance(self.feature_weights)
            return self
        block = np.asarray(block, dtype=np.float64)
        root = np.ones(block.shape[1]) if self.feature_weights is None else np.sqrt(self.feature_weights)
        self.center_, self.scale_ = np.zeros(block.shape[1]), root
        self.unrelated_ = 1.0
        if self.name in _STANDARDIZED:
            self.center_, deviation = mean_and_deviation(block)
            self.scale_ = np.divide(root, deviation, out=np.zeros_like(root), where=deviation > 0)
            expected = 2.0 * np.sum(self.scale_ * self.scale_ * deviation * deviation)
            self.unrelated_ = expected if self.name == "sqeuclidean" else np.sqrt(expected)
        return self

    def encode(self, block):
        """Turn a block into the points that :meth:`between` compares.

        Parameters
        ----------
        block : ndarray of shape (n_subjects, n_features), or data frame for ``"gower"``

        Returns
        -------
        points : ndarray of shape (n_subjects, n_features), float64
            Missing cells stay NaN.
        """
        if self.name == "gower":
            return self.features_.encode(block)
        points = (np.asarray(block, dtype=np.float64) - self.center_) * self.scale_
        if self.name in _STANDARDIZED or np.isnan(points).any():
            return points
        if self.name == "correlation":
            points -= points.mean(axis=1, keepdims=True)
        norms = np.sqrt(np.einsum("ij,ij->i", points, points))
        return points / np.where(norms > 0, norms, 1.0)[:, None]

    def between(self, A, B):
        """Distances between two sets of points.

        Parameters
        ----------
        A, B : ndarray of shape (n_a, n_features) and (n_b, n_features)
            From :meth:`encode`.

        Returns
        -------
        distances : ndarray of shape (n_a, n_b)
            Never NaN. For the fast path both sets must be complete.
        """
        if self.name == "gower":
            return self.features_.distances(A, B, self.feature_weights, self.unrelated_)
        incomplete = np.isnan(A).any() or np.isnan(B).any()
        if self.name in _STANDARDIZED:
            squares = _partial_squares(A, B, self.unrelated_square()) if incomplete else squared_distances(A, B)
            return squares if self.name == "sqeuclidean" else np.sqrt(squares, out=squares)
        if incomplete:
            return _partial_angles(A, B, centered=self.name == "correlation")
        return _angles(A, B)

    def within(self, points):
        """Distances among one set of points: symmetric, zero on the diagonal.

        Parameters
        ----------
        points : ndarray of shape (n_subjects, n_features)
            From :meth:`encode`.

        Returns
        -------
        distances : ndarray of shape (n_subjects, n_subjects)
        """
        distances = self.between(points, points)
        distances += distances.T.copy()
        distances *= 0.5
        np.fill_diagonal(distances, 0.0)
        return distances

    def unrelated_square(self):
        """Squared distance of two subjects who share no feature."""
        return self.unrelated_ if self.name == "sqeuclidean" else self.unrelated_**2


def mean_and_deviation(block):
    """Mean and standard deviation of each feature over the cells present; 0 where it does not vary.

    In double precision whatever the block is, a chunk of subjects at a time, so that no copy of the block is made.
    """
    n, total = np.zeros(block.shape[1], dtype=np.intp), np.zeros(block.shape[1])
    for rows in row_chunks(block):
        chunk = block[rows]
        n += len(chunk) - np.count_nonzero(np.isnan(chunk), axis=0)
        total += _sums(chunk)
    mean = total / np.maximum(n, 1)
    squares = np.zeros_like(mean)
    for rows in row_chunks(block):
        rest = block[rows] - mean
        rest *= rest
        squares += _sums(rest)
    variance = squares / np.maximum(n, 1)
    eps = np.finfo(np.float64).eps
    constant = variance <= n * eps * variance + (n * mean * eps) ** 2  # rounding of the mean, as in StandardScaler
    return mean, np.sqrt(np.where(constant, 0.0, variance))


def row_chunks(block):
    """Slices of rows that stay in the cache of the processor in double precision."""
    return chunks(len(block), 8 * block.shape[1], _SMALL_CHUNK_BYTES)


def _sums(values):
    """Sum of the cells present of each feature; without the copy that nansum makes where all are."""
    sums = np.sum(values, axis=0, dtype=np.float64)
    return np.nansum(values, axis=0, dtype=np.float64) if np.isnan(sums).any() else sums


def squared_distances(A, B):
    """Squared Euclidean distances by one matrix product; near pairs again, by differences, which lose no digits.

    Parameters
    ----------
    A, B : ndarray of shape (n_a, n_features) and (n_b, n_features)
        Complete points.

    Returns
    -------
    squares : ndarray of shape (n_a, n_b)
        Equal points are exactly 0 apart.
    """
    norms_a, norms_b = np.einsum("ij,ij->i", A, A), np.einsum("ij,ij->i", B, B)
    squares = A @ B.T
    squares *= -2.0
    squares += norms_a[:, None]
    squares += norms_b
    for rows in chunks(len(A), 8 * len(B), _CHUNK_BYTES):
        chunk = squares[rows]
        i, j = np.nonzero(chunk <= _NEAR * (norms_a[rows, None] + norms_b))
        for pairs in chunks(len(i), 8 * A.shape[1], _CHUNK_BYTES):
            one, other = i[pairs], j[pairs]
            difference = A[rows.start + one] - B[other]
            chunk[one, other] = np.einsum("ij,ij->i", difference, difference)
    return squares


def _partial_squares(A, B, unrelated):
    has_a, has_b = ~np.isnan(A), ~np.isnan(B)
    shared = has_a.astype(np.float64) @ has_b.T.astype(np.float64)
    A0, B0 = np.where(has_a, A, 0.0), np.where(has_b, B, 0.0)
    squares = (A0 * A0) @ has_b.T - 2.0 * (A0 @ B0.T) + has_a @ (B0 * B0).T
    size = np.einsum("ij,ij->i", A0, A0)[:, None] + np.einsum("ij,ij->i", B0, B0)
    for i, j in zip(*np.nonzero(squares <= _NEAR * size), strict=True):
        squares[i, j] = np.nansum((A[i] - B[j]) ** 2)
    squares *= A.shape[1] / np.maximum(shared, 1.0)
    squares[shared == 0] = unrelated
    return squares


def _angles(A, B):
    """One minus the inner products of unit vectors; a zero vector is unlike everything."""
    distances = 1.0 - A @ B.T
    distances[np.abs(distances) < 1e-12] = 0.0  # equal subjects, up to rounding
    return np.clip(distances, 0.0, 2.0, out=distances)


def _partial_angles(A, B, *, centered):
    """Cosine or Pearson distance over the features that both subjects have."""
    has_a, has_b = (~np.isnan(A)).astype(np.float64), (~np.isnan(B)).astype(np.float64)
    A0, B0 = np.where(has_a > 0, A, 0.0), np.where(has_b > 0, B, 0.0)
    product, norm_a, norm_b = A0 @ B0.T, (A0 * A0) @ has_b.T, has_a @ (B0 * B0).T
    size = np.sqrt(norm_a * norm_b)
    if centered:
        n = np.maximum(has_a @ has_b.T, 1.0)
        sum_a, sum_b = A0 @ has_b.T, has_a @ B0.T
        product = product - sum_a * sum_b / n
        norm_a, norm_b = norm_a - sum_a**2 / n, norm_b - sum_b**2 / n
    norm = np.sqrt(np.maximum(norm_a, 0.0) * np.maximum(norm_b, 0.0))
    defined = norm > 1e-10 * np.where(size > 0, size, 1.0)
    distances = 1.0 - np.divide(product, norm, out=np.zeros_like(norm), where=defined)
    distances[np.abs(distances) < 1e-12] = 0.0
    return np.clip(distances, 0.0, 2.0, out=distances)


def city_block(A, B):
    """Sums of absolute differences of complete points (n_a, n_b)."""
    return cdist(A, B, "cityblock")
