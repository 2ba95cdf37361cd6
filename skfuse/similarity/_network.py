"""One modality of the training subjects as a network, and where a new subject would stand in it."""

import numpy as np
from scipy.spatial.distance import cdist

from skfuse._backend import largest_per_row
from skfuse._distances import METRICS, SubjectMetric
from skfuse.similarity._affinity import check_square, gaussian, mean_of_nearest
from skfuse.similarity._nearest import nearest_transitions

_ROWS = 64  # new subjects whose distances are held at a time


class ModalityNetwork:
    """The network of the training subjects in one modality, frozen after `fit`.

    New subjects are compared with training subjects, never the other way round: nothing here changes after `fit`.

    Parameters
    ----------
    metric : str, default="euclidean"
        One of ``"euclidean"``, ``"sqeuclidean"``, ``"cosine"``, ``"correlation"``, ``"gower"``, or ``"precomputed"``
        for affinities with the training subjects, as :class:`skfuse.modalities.RowKernel` gives them.
    n_neighbors : int, default=20
        Neighbors; cut to what the number of subjects allows.
    mu : float, default=0.5
        Width of the kernel.
    feature_weights : ndarray of shape (n_features,) or None
        Non-negative weights of the features in the distance.

    Attributes
    ----------
    n_neighbors_ : int
        Neighbors in use: at most one less than the subjects.
    bandwidth_ : ndarray of shape (n_subjects,)
        Mean distance of each training subject from its nearest; absent for ``"precomputed"``.
    row_sums_ : ndarray of shape (n_subjects,)
        Total affinity of each training subject.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import ModalityNetwork
    >>> block = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
    >>> network = ModalityNetwork(n_neighbors=2)
    >>> affinity = network.fit(block)
    >>> indices, weights = network.new_rows(np.array([[0.6]]))
    >>> indices, weights.round(2)
    (array([[0, 1]]), array([[0.43, 0.57]]))
    """

    def __init__(self, metric="euclidean", *, n_neighbors=20, mu=0.5, feature_weights=None):
        self.metric = metric
        self.n_neighbors = n_neighbors
        self.mu = mu
        self.feature_weights = feature_weights

    def fit(self, block):
        """Learn from the subjects who have the modality.

        Parameters
        ----------
        block : ndarray of shape (n_subjects, n_features), or data frame for ``"gower"``
            For ``"precomputed"`` the square matrix of affinities.

        Returns
        -------
        affinity : ndarray of shape (n_subjects, n_subjects)
            Affinity of all pairs; not kept.
        """
        n = len(block)
        self.n_neighbors_ = min(self.n_neighbors, n - 1)
        if self.metric == "precomputed":
            affinity = self._check_precomputed(np.array(block, dtype=np.float64))
        else:
            distances = self.fit_points(block).within(self.points_)
            self.bandwidth_ = mean_of_nearest(distances, self.n_neighbors_, skip_self=True)
            affinity = gaussian(distances, self.bandwidth_, self.bandwidth_, self.mu)
        self.row_sums_ = affinity.sum(axis=1)
        return affinity

    def fit_points(self, block):
        """Learn the metric and keep the encoded subjects, without any distance.

        Parameters
        ----------
        block : ndarray of shape (n_subjects, n_features), or data frame for ``"gower"``

        Returns
        -------
        metric : SubjectMetric
        """
        self.subject_metric_ = SubjectMetric(self.metric, self.feature_weights).fit(block)
        self.points_ = self.subject_metric_.encode(block)
        self.n_neighbors_ = min(self.n_neighbors, len(self.points_) - 1)
        return self.subject_metric_

    def fit_neighbors(self, block, *, search="exact", n_jobs=None, random_state=None):
        """Learn from the subjects who have the modality without a matrix of all pairs.

        Parameters
        ----------
        block : ndarray of shape (n_subjects, n_features), or data frame for ``"gower"``
        search : {"exact", "approximate"}, default="exact"
            As in :func:`nearest_transitions`; approximate for complete features only.
        n_jobs : int or None
            Threads.
        random_state : int, RandomState or None
            Of the search.

        Returns
        -------
        transitions : Transitions
            S of the modality.
        """
        if self.metric == "precomputed":
            raise ValueError("Precomputed affinities are matrices of all pairs: set solver='exact'.")
        metric = self.fit_points(block)
        options = {"n_neighbors": self.n_neighbors_, "mu": self.mu, "n_jobs": n_jobs, "random_state": random_state}
        factor = 1.0
        if self.metric == "gower" or self._incomplete:
            if search == "approximate":
                raise ValueError(
                    "neighbor_search='approximate' takes complete numeric features; this modality has missing cells or "
                    "mixed types. Impute its cells, or take neighbor_search='exact'."
                )
            points = self.points_
            found = nearest_transitions(
                lambda rows, columns: metric.between(points[rows], points[columns]), n_subjects=len(points), **options
            )
        else:
            self.points_ = self.points_.astype(np.float32)  # half the memory, and twice as fast
            squared = self.metric != "euclidean"
            if self.metric in ("cosine", "correlation"):  # of unit vectors: half the squared Euclidean distance
                factor = 0.5
            found = nearest_transitions(self.points_, squared=squared, search=search, **options)
        self.bandwidth_, self.row_sums_ = factor * found.bandwidth, found.row_sums / factor
        return found

    def new_rows(self, block):
        """Rows of S for subjects who may be new: their nearest training subjects, by normalized affinity.

        Each row is computed by itself, so that it does not depend on who else is in the block.

        Parameters
        ----------
        block : ndarray of shape (n_new, n_features), or data frame for ``"gower"``
            For ``"precomputed"``, affinities with the training subjects (n_new, n_subjects).

        Returns
        -------
        indices : ndarray of shape (n_new, n_neighbors)
            Training subjects.
        weights : ndarray of shape (n_new, n_neighbors)
            Rows sum to 1.
        """
        n_new = len(block)
        points = None if self.metric == "precomputed" else self.subject_metric_.encode(block)
        indices = np.empty((n_new, self.n_neighbors_), dtype=np.intp)
        weights = np.empty((n_new, self.n_neighbors_))
        for start in range(0, n_new, _ROWS):
            rows = slice(start, start + _ROWS)
            affinity = self._new_affinity(block[rows] if points is None else points[rows])
            sums = affinity.sum(axis=1, keepdims=True)
            share = affinity / np.where(sums > 0, sums, 1.0) + affinity / np.where(
                self.row_sums_ > 0, self.row_sums_, 1.0
            )
            kept = largest_per_row(share, self.n_neighbors_, np, first=share.shape[1])  # no subject is its own neighbor
            indices[rows] = np.nonzero(kept)[1].reshape(-1, self.n_neighbors_)
            weights[rows] = share[kept].reshape(-1, self.n_neighbors_)
        sums = weights.sum(axis=1, keepdims=True)
        return indices, np.where(sums > 0, weights / np.where(sums > 0, sums, 1.0), 1.0 / self.n_neighbors_)

    def _new_affinity(self, points):
        if self.metric == "precomputed":
            affinity = np.asarray(points, dtype=np.float64)
            if not np.isfinite(affinity).all() or (affinity < 0).any():
                raise ValueError("Precomputed affinities of a subject must be finite and not negative.")
            return affinity
        distances = self._new_distances(points)
        bandwidth = mean_of_nearest(distances, self.n_neighbors_)
        return gaussian(distances, bandwidth, self.bandwidth_, self.mu)

    def _new_distances(self, points):
        """Distances (n_new, n_subjects), each subject by itself: products of other shapes round otherwise."""
        if self.metric in ("euclidean", "sqeuclidean") and not (np.isnan(points).any() or self._incomplete):
            return cdist(points, self.points_, self.metric)
        return np.vstack([self.subject_metric_.between(row[None], self.points_) for row in points])

    @property
    def _incomplete(self):
        return bool(np.isnan(self.points_).any())

    def _check_precomputed(self, affinity):
        if affinity.shape[0] != affinity.shape[1]:
            raise ValueError(
                f"A precomputed affinity needs a column for each of the {affinity.shape[0]} training subjects who "
                f"have the "
                f"modality, got {affinity.shape[1]}. Put skfuse.modalities.RowKernel before this step."
            )
        return check_square(affinity, "precomputed affinity", np)


def check_metric(metric):
    """Refuse a metric that does not exist, naming those that do."""
    known = (*METRICS, "precomputed")
    if metric not in known:
        raise ValueError(f"There is no metric {metric!r}. Known are {list(known)}.")
    return metric
