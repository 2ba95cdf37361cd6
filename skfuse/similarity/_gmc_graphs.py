"""Parts of graph-based multi-view clustering: neighbors, graphs of one modality, simplex projection, fallbacks."""

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from skfuse._backend import largest_per_row
from skfuse._distances import SubjectMetric, squared_distances
from skfuse.similarity._affinity import check_square


def standardized_rows(block):
    r"""Standardize each subject over its own features, as the published program of GMC does.

    Squared distances between such rows are :math:`2 (p - 1) (1 - r_{ij})`, a multiple of one minus the correlation of
    the *p* features of two subjects.

    Parameters
    ----------
    block : ndarray of shape (n_subjects, n_features)
        Complete.

    Returns
    -------
    points : ndarray of shape (n_subjects, n_features)
        Zero mean and unit variance (of n - 1) in each row; zero for a subject whose features are all equal.
    """
    block = np.asarray(block, dtype=np.float64)
    centered = block - block.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.sum(centered**2, axis=1, keepdims=True) / max(1, block.shape[1] - 1))
    constant = deviation <= 1e-12 * np.abs(block).max(axis=1, keepdims=True, initial=0.0)
    return np.where(constant, 0.0, centered / np.where(constant, 1.0, deviation))


def row_distances(block):
    """Squared distances between subjects that are standardized over their own features, see `standardized_rows`.

    With one feature all distances are 0 and with two there are two kinds of subjects: few features need distances on
    features standardized over subjects instead.

    Parameters
    ----------
    block : ndarray of shape (n_subjects, n_features)
        Where cells are missing (NaN), a pair counts by the correlation over the features that both have.

    Returns
    -------
    squares : ndarray of shape (n_subjects, n_subjects)
        Symmetric, zero on the diagonal.
    """
    block = np.asarray(block, dtype=np.float64)
    if np.isnan(block).any():
        metric = SubjectMetric("correlation").fit(block)
        return 2.0 * (block.shape[1] - 1) * metric.within(metric.encode(block))
    points = standardized_rows(block)
    squares = squared_distances(points, points)
    squares = np.maximum((squares + squares.T) / 2, 0.0)
    np.fill_diagonal(squares, 0.0)
    return squares


class Neighbors:
    """The nearest subjects of everybody in one modality, in order, and the one after them.

    Parameters
    ----------
    squares : ndarray of shape (n_subjects, n_subjects)
        Squared distances; rows and columns of who lacks the modality are not read.
    has : ndarray of shape (n_subjects,), dtype bool
        Who has the modality.
    n_neighbors : int
        Exactly that many, the lowest subject first among equals.
    position : int
        Number of the modality, for messages.

    Attributes
    ----------
    rows : ndarray of shape (n_present,)
        Subjects who have the modality.
    columns, squares : ndarray of shape (n_present, n_neighbors + 1)
        Neighbors of each, nearest first, and how far they are.
    """

    def __init__(self, squares, has, n_neighbors, position):
        self.rows = np.flatnonzero(has)
        if len(self.rows) < n_neighbors + 2:
            raise ValueError(
                f"n_neighbors={n_neighbors} needs at least {n_neighbors + 2} subjects who have modality {position}, "
                f"got {len(self.rows)}. Take fewer neighbors or leave this modality out."
            )
        squares = np.asarray(squares, dtype=np.float64)[np.ix_(self.rows, self.rows)]
        squares = check_square(squares, f"squared_distances[{position}]", np)
        np.fill_diagonal(squares, np.inf)
        kept = largest_per_row(-squares, n_neighbors + 1, np)
        shape = (len(self.rows), n_neighbors + 1)
        columns, values = np.nonzero(kept)[1].reshape(shape), squares[kept].reshape(shape)
        order = np.argsort(values, axis=1, kind="stable")
        self.columns = self.rows[np.take_along_axis(columns, order, axis=1)]
        self.squares = np.take_along_axis(values, order, axis=1)

    def graph(self, pull=None):
        r"""Graph of one modality: the closed form of the publication.

        .. math:: s_{ij} = \frac{(e_{i,K+1} - e_{ij})_+}{\sum_{h \le K} (e_{i,K+1} - e_{ih})}, \qquad
                  e_{ij} = d_{ij}^2 - 2 w u_{ij},

        where :math:`e_{i,1} \le \dots \le e_{i,K+1}` are sorted: only so it is the minimizer, with rows that sum to
        1. The published program leaves them in the order of the distances, so that the denominator can be small or
        negative. Where all neighbors are equally far, each of the K nearest gets :math:`1 / K`.

        Parameters
        ----------
        pull : ndarray of shape (n_present, n_neighbors + 1) or None
            :math:`2 w u_{ij}` of the neighbors; None for the graph to start from.

        Returns
        -------
        weights : ndarray of shape (n_present, n_neighbors + 1)
            Of the neighbors in `columns`, at most `n_neighbors` of them positive.
        """
        costs = self.squares if pull is None else self.squares - pull
        gains = costs.max(axis=1, keepdims=True) - costs
        sums = gains.sum(axis=1, keepdims=True)
        flat = sums <= 1e-12 * np.abs(costs).max(axis=1, keepdims=True)
        even = np.full(gains.shape[1], 1.0 / (gains.shape[1] - 1))
        even[-1] = 0.0
        return np.where(flat, even, gains / np.where(flat, 1.0, sums))


class Candidates:
    """Pairs that the unified graph may join: neighbors of each other in some modality.

    Parameters
    ----------
    neighbors : list of Neighbors
    n_subjects : int

    Attributes
    ----------
    columns : ndarray of shape (n_subjects, n_candidates)
        Candidates of each subject, ascending; the rest of a row is filled up.
    valid : ndarray of shape (n_subjects, n_candidates), dtype bool
        Which entries are candidates and not filling; the last column is always filling.
    """

    def __init__(self, neighbors, n_subjects):
        joined = np.zeros((n_subjects, n_subjects), dtype=bool)
        for one in neighbors:
            joined[one.rows[:, None], one.columns] = True
        n_candidates = int(joined.sum(axis=1).max()) + 1
        self.columns = np.argsort(~joined, axis=1, kind="stable")[:, :n_candidates]
        self.valid = np.take_along_axis(joined, self.columns, axis=1)
        self._places = np.cumsum(joined, axis=1, dtype=np.int32) - 1

    def places(self, one):
        """Where the neighbors in one modality stand among the candidates (n_present, n_neighbors + 1)."""
        return self._places[one.rows[:, None], one.columns]

    def matrix(self, values):
        """Values of the candidates (n_subjects, n_candidates) as a square array, zero elsewhere."""
        square = np.zeros((len(values), len(values)))
        np.put_along_axis(square, self.columns, np.where(self.valid, values, 0.0), axis=1)
        return square


def project_to_simplex(values, valid):
    """Nearest rows (Euclidean) that are non-negative, zero outside `valid`, and sum to 1; rows without any are zero.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    valid : ndarray of shape (n_rows, n_columns), dtype bool

    Returns
    -------
    projected : ndarray of shape (n_rows, n_columns)
    """
    falling = -np.sort(np.where(valid, -values, np.inf), axis=1)
    there = np.isfinite(falling)
    falling = np.where(there, falling, 0.0)
    excess = np.cumsum(falling, axis=1) - 1.0
    above = there & (falling * np.arange(1, values.shape[1] + 1) > excess)
    n_positive = np.maximum(above.sum(axis=1, keepdims=True), 1)
    threshold = np.take_along_axis(excess, n_positive - 1, axis=1) / n_positive
    return np.where(valid, np.maximum(values - threshold, 0.0), 0.0)


def split_by_embedding(embedding, n_clusters):
    """Labels by Ward's hierarchical clustering of the embedding: deterministic."""
    return AgglomerativeClustering(n_clusters, linkage="ward").fit_predict(embedding)


def merge_components(labels, squared_distances, present, n_clusters):
    """Join the two components with the smallest mean distance until `n_clusters` are left.

    Parameters
    ----------
    labels : ndarray of shape (n_subjects,), int
        Component of each subject.
    squared_distances : list of ndarray of shape (n_subjects, n_subjects)
        A pair's distance is its mean over the modalities of both, each relative to the mean of its modality.
    present : ndarray of shape (n_subjects, n_modalities), dtype bool
    n_clusters : int

    Returns
    -------
    labels : ndarray of shape (n_subjects,), int
    """
    n_labels = labels.max() + 1
    member = (labels == np.arange(n_labels)[:, None]).astype(np.float64)
    sums, counts = np.zeros((n_labels, n_labels)), np.zeros((n_labels, n_labels))
    for squares, has in zip(squared_distances, present.T, strict=True):
        block, inside = np.asarray(squares)[np.ix_(has, has)], member[:, has]
        mean = block.mean()
        sums += inside @ block @ inside.T / (mean if mean > 0 else 1.0)
        counts += np.outer(inside.sum(axis=1), inside.sum(axis=1))
    group = np.arange(n_labels)
    for _ in range(n_labels - n_clusters):
        # strangers, who share no modality, come last
        means = np.divide(sums, counts, out=np.full_like(sums, np.finfo(np.float64).max), where=counts > 0)
        means[np.diag_indices(n_labels)] = np.inf
        gone = group != np.arange(n_labels)
        means[gone], means[:, gone] = np.inf, np.inf
        one, other = sorted(np.unravel_index(np.argmin(means), means.shape))
        group[group == other] = one
        for table in (sums, counts):
            table[one] += table[other]
            table[:, one] += table[:, other]
    return group[labels]
