r"""Factors that modalities share or have alone: the variational posterior of group factor analysis, by arrays.

A cell is :math:`x_{nj} = w_j^T z_n + b_j + e_{nj}` with :math:`z_n \sim N(0, I)`, noise of precision :math:`\tau_j`
and loadings :math:`w_{jk} \sim N(0, 1/\alpha_{mk})`, one relevance for each factor and modality. Scores, loadings
with offsets, precisions and relevances are independent of each other in the posterior; what is missing stands in no
sum. Offsets are the last of the k + 1 loadings of a feature, on a score that is always 1.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh

from skfuse._blocks import groups_of_rows
from skfuse._chunks import chunks

#: Precision of the offsets of standardized features: so low that a handful of subjects outweigh it.
OFFSET_PRECISION = 1e-2
_CHUNK_BYTES = 1 << 26
_FULL_EIGENDECOMPOSITION = 3000
#: Subjects from which on a pattern is worth a product of its own.
_MANY = 8


def modality_of(features, slices):
    """Modality, by position, of features."""
    return np.searchsorted([columns.stop for columns in slices], features, side="right")


class Cells:
    """Standardized matrix with what is missing: subjects grouped by pattern.

    Parameters
    ----------
    Z : ndarray of shape (n_subjects, n_columns)
        NaN where a cell is missing.
    has : ndarray of shape (n_subjects, n_modalities), dtype bool
        Who has which modality.
    slices : list of slice
        Columns of each modality.
    """

    def __init__(self, Z, has, slices):
        missing = np.isnan(Z)
        self.values = np.where(missing, 0.0, Z)
        self.slices = slices
        for m, columns in enumerate(slices):
            missing[:, columns] &= has[:, m, None]
        #: Features of which some subject lacks the cell, but not the modality.
        self.scattered = np.flatnonzero(missing.any(axis=0))
        flags = np.hstack([has, missing[:, self.scattered]])
        groups = groups_of_rows(flags)
        self.rows = [rows for _, rows in groups]
        patterns = np.array([flags for flags, _ in groups]).reshape(len(groups), flags.shape[1])
        self.has = patterns[:, : len(slices)].astype(np.float64)
        #: Patterns times features of ``scattered``: 1 where the cell is missing from a present modality.
        self.lost = sparse.csr_array(patterns[:, len(slices) :].astype(np.float64))
        self.sizes = np.array([len(rows) for rows in self.rows])

    @property
    def modality_of_scattered(self):
        """Modality, by position, of each feature of ``scattered``."""
        return modality_of(self.scattered, self.slices)

    @property
    def n_known(self):
        """Subjects who have each feature."""
        counts = np.empty(self.values.shape[1])
        for columns, n in zip(self.slices, self.has.T @ self.sizes, strict=True):
            counts[columns] = n
        counts[self.scattered] -= self.lost.T @ self.sizes
        return counts


@dataclass
class Loadings:
    """Gaussian posterior of the loadings and offset of each feature, and the precision of its noise.

    Covariances of the features of a modality share their eigenvectors up to one matrix, ``axes[m]``, because the same
    subjects have them: ``axes[m] @ diag(spread[j]) @ axes[m].T``; only features with scattered missing cells have
    ``own`` covariances.
    """

    mean: np.ndarray  #: (n_columns, k + 1)
    axes: np.ndarray  #: (n_modalities, k + 1, k + 1)
    spread: np.ndarray  #: (n_columns, k + 1); 0 for features with their own covariance
    scattered: np.ndarray  #: features with their own covariance
    own: np.ndarray  #: (n_scattered, k + 1, k + 1)
    precision: np.ndarray  #: of the noise, (n_columns,)
    slices: list

    @property
    def n_components(self):
        """Number of factors."""
        return self.mean.shape[1] - 1

    def moments(self, weights):
        """Sum over the features of each modality of their second moments times a weight: (n_modalities, k+1, k+1)."""
        size = self.mean.shape[1]
        sums = np.empty((len(self.slices), size, size))
        for m, columns in enumerate(self.slices):
            own = self.mean[columns]
            sums[m] = (own * weights[columns, None]).T @ own
            sums[m] += (self.axes[m] * (weights[columns] @ self.spread[columns])) @ self.axes[m].T
            first, last = np.searchsorted(self.scattered, [columns.start, columns.stop])
            sums[m] += np.tensordot(weights[self.scattered[first:last]], self.own[first:last], axes=1)
        return sums

    def second_moments(self, features):
        """Second moment of the loadings of each of some features, ascending: (n_features, k+1, k+1)."""
        mean = self.mean[features]
        moments = mean[:, :, None] * mean[:, None, :]
        modality = modality_of(features, self.slices)
        for m in np.unique(modality):
            chosen = modality == m
            spread = self.spread[features[chosen]]
            moments[chosen] += (self.axes[m] * spread[:, None, :]) @ self.axes[m].T
        place = np.searchsorted(self.scattered, features)
        found = np.flatnonzero(np.isin(features, self.scattered))
        moments[found] += self.own[place[found]]
        return moments

    def transformed(self, T):
        """The posterior of ``mean @ T``."""
        return Loadings(
            self.mean @ T, T.T @ self.axes, self.spread, self.scattered, T.T @ self.own @ T, self.precision, self.slices
        )

    def kept(self, chosen):
        """The posterior of some factors."""
        chosen = [*chosen, self.n_components]
        own = self.own[:, chosen][:, :, chosen]
        return Loadings(
            self.mean[:, chosen], self.axes[:, chosen], self.spread, self.scattered, own, self.precision, self.slices
        )


@dataclass
class Scores:
    """Gaussian posterior of the scores: what the other updates need of it."""

    mean: np.ndarray  #: (n_subjects, k)
    sd: np.ndarray | None  #: (n_subjects, k), where asked for
    by_modality: np.ndarray  #: second moments with the score 1 summed over who has it, (n_modalities, k+1, k+1)
    by_feature: np.ndarray  #: the same over who has each scattered feature
    total: np.ndarray  #: and over all subjects, (k + 1, k + 1)
    log_determinants: float  #: of the covariances, summed over subjects


def start_loadings(cells, n_components):
    """Leading singular vectors of the matrix with missing cells at their mean, 0, each feature with its rest as noise.

    Parameters
    ----------
    cells : Cells
    n_components : int
        At most.

    Returns
    -------
    loadings : Loadings
    """
    Z = cells.values
    gram = Z.T @ Z if Z.shape[1] <= len(Z) else Z @ Z.T
    n_components = min(n_components, len(gram))
    if len(gram) <= _FULL_EIGENDECOMPOSITION or n_components > len(gram) // 10:
        values, vectors = eigh(gram, subset_by_index=[len(gram) - n_components, len(gram) - 1])
    else:
        values, vectors = eigsh(gram, n_components, v0=np.diag(gram))
    order = np.argsort(-values)
    values, vectors = np.maximum(values[order], 0.0), vectors[:, order]
    known = cells.n_known
    if len(gram) == len(Z):
        vectors = Z.T @ (vectors / np.sqrt(np.maximum(values, np.finfo(float).tiny)))
    weights = vectors * np.sqrt(values / len(Z))
    variance = np.sum(Z**2, axis=0) / known
    noise = np.maximum(variance - np.sum(weights**2, axis=1), 0.1 * variance)
    p, k, M = len(weights), n_components, len(cells.slices)
    mean = np.column_stack([weights, np.zeros(p)])
    own = np.zeros((len(cells.scattered), k + 1, k + 1))
    axes = np.tile(np.eye(k + 1), (M, 1, 1))
    return Loadings(mean, axes, np.zeros((p, k + 1)), cells.scattered, own, 1.0 / noise, cells.slices)


def infer_scores(cells, loadings, *, with_sd=False):
    """Posterior of the scores: one k x k inverse for each pattern of missing cells.

    Parameters
    ----------
    cells : Cells
    loadings : Loadings
    with_sd : bool
        Whether to give standard deviations of each subject.

    Returns
    -------
    scores : Scores
    """
    k, tau = loadings.n_components, loadings.precision
    by_modality = loadings.moments(tau)
    lost = loadings.second_moments(cells.scattered) * tau[cells.scattered, None, None]
    weighted = cells.values @ (loadings.mean[:, :k] * tau[:, None])
    mean = np.empty((len(cells.values), k))
    sd = np.empty_like(mean) if with_sd else None
    n_modalities, n_scattered = len(cells.slices), len(cells.scattered)
    sums, sums_of_features = np.zeros((n_modalities, (k + 1) ** 2)), np.zeros((n_scattered, (k + 1) ** 2))
    total, log_determinants = np.zeros((k + 1, k + 1)), 0.0
    for chunk in chunks(len(cells.rows), 8 * (k + 1) ** 2, _CHUNK_BYTES):
        rows, sizes, gone = cells.rows[chunk], cells.sizes[chunk], cells.lost[chunk]
        moments = (cells.has[chunk] @ by_modality.reshape(n_modalities, -1)).reshape(-1, k + 1, k + 1)
        if n_scattered:
            moments -= (gone @ lost.reshape(n_scattered, -1)).reshape(moments.shape)
        covariance = np.linalg.inv(np.eye(k) + moments[:, :k, :k])
        covariance = (covariance + covariance.transpose(0, 2, 1)) / 2.0
        log_determinants += sizes @ np.linalg.slogdet(covariance)[1]
        _fill_means(mean, weighted, rows, sizes, covariance, moments[:, :k, k])
        if with_sd:
            sd[np.concatenate(rows)] = np.repeat(np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)), sizes, axis=0)
        squares = _moments_of_patterns(mean, rows, sizes, covariance)
        total += squares.sum(axis=0)
        squares = squares.reshape(len(squares), -1)
        sums += cells.has[chunk].T @ squares
        sums_of_features += gone.T @ squares
    by_feature = -sums_of_features.reshape(-1, k + 1, k + 1)
    sums = sums.reshape(-1, k + 1, k + 1)
    by_feature += sums[cells.modality_of_scattered]
    return Scores(mean, sd, sums, by_feature, total, log_determinants)


def _fill_means(mean, weighted, rows, sizes, covariance, offsets):
    """Posterior means of the subjects of each pattern; patterns of few subjects in one batch."""
    few = np.flatnonzero(sizes < _MANY)
    for u in np.flatnonzero(sizes >= _MANY):
        mean[rows[u]] = (weighted[rows[u]] - offsets[u]) @ covariance[u]
    if few.size:
        members = np.concatenate([rows[u] for u in few])
        pattern = np.repeat(few, sizes[few])
        right = weighted[members] - offsets[pattern]
        mean[members] = np.matmul(covariance[pattern], right[:, :, None])[:, :, 0]


def _moments_of_patterns(mean, rows, sizes, covariance):
    """Second moments of the scores with the score 1, summed over the subjects of each pattern."""
    k = mean.shape[1]
    squares = np.empty((len(rows), k + 1, k + 1))
    squares[:, :k, :k] = covariance * sizes[:, None, None]
    order = np.concatenate(rows)
    starts = np.cumsum(sizes) - sizes
    squares[:, :k, k] = squares[:, k, :k] = np.add.reduceat(mean[order], starts, axis=0)
    squares[:, k, k] = sizes
    for u in np.flatnonzero(sizes >= _MANY):
        own = mean[rows[u]]
        squares[u, :k, :k] += own.T @ own
    few = np.flatnonzero(sizes < _MANY)
    for size in np.unique(sizes[few]):
        chosen = few[sizes[few] == size]
        own = mean[np.concatenate([rows[u] for u in chosen])].reshape(len(chosen), size, k)
        squares[chosen, :k, :k] += own.transpose(0, 2, 1) @ own
    return squares


def learn_loadings(cells, scores, products, relevance, precision):
    """Posterior of loadings and offsets: one eigendecomposition a modality for all features of which it has all cells.

    Parameters
    ----------
    cells : Cells
    scores : Scores
    products : ndarray of shape (n_columns, k + 1)
        Sum over subjects of the feature times the scores and 1.
    relevance : ndarray of shape (n_modalities, k)
    precision : ndarray of shape (n_columns,)
        Of the noise.

    Returns
    -------
    loadings : Loadings
    quadratic : ndarray of shape (n_columns,)
        Sum over the subjects who have it of the expected square of each feature as the model has it.
    """
    p, size = products.shape
    mean, spread, quadratic = np.empty((p, size)), np.empty((p, size)), np.empty(p)
    axes = np.empty((len(cells.slices), size, size))
    for m, columns in enumerate(cells.slices):
        root = 1.0 / np.sqrt(np.append(relevance[m], OFFSET_PRECISION))
        values, vectors = np.linalg.eigh(scores.by_modality[m] * np.outer(root, root))
        values, tau = np.maximum(values, 0.0), precision[columns, None]
        axes[m] = root[:, None] * vectors
        spread[columns] = 1.0 / (1.0 + tau * values)
        mean[columns] = (tau * (products[columns] @ axes[m]) * spread[columns]) @ axes[m].T
        own = mean[columns]
        quadratic[columns] = np.sum(own @ scores.by_modality[m] * own, axis=1) + spread[columns] @ values
    chosen = cells.scattered
    if len(chosen):
        modality = cells.modality_of_scattered
        prior = np.column_stack([relevance, np.full(len(relevance), OFFSET_PRECISION)])[modality]
        own = precision[chosen, None, None] * scores.by_feature
        own[:, np.arange(size), np.arange(size)] += prior
        own = np.linalg.inv(own)
        own = (own + own.transpose(0, 2, 1)) / 2.0
        mean[chosen] = precision[chosen, None] * np.matmul(own, products[chosen][:, :, None])[:, :, 0]
        spread[chosen] = 0.0
        moments = own + mean[chosen][:, :, None] * mean[chosen][:, None, :]
        quadratic[chosen] = np.einsum("jkl,jkl->j", moments, scores.by_feature)
    else:
        own = np.empty((0, size, size))
    return Loadings(mean, axes, spread, chosen, own, precision, cells.slices), quadratic
