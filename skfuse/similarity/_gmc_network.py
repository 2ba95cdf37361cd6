"""Neighborhoods of one modality as GMC weighs them."""

import numpy as np

from skfuse.similarity._network import ModalityNetwork


class AdaptiveNetwork(ModalityNetwork):
    """Squared distances between training subjects, and the adaptive neighbors of new ones.

    Parameters
    ----------
    metric : str, default="euclidean"
        As in :class:`ModalityNetwork`, without ``"precomputed"``. ``"euclidean"`` and ``"sqeuclidean"`` are one here;
        the other distances are scaled to sums over features: correlation by 2 (p - 1), cosine by 2 p, Gower by p.
    n_neighbors : int, default=15
        Neighbors; cut to two less than the subjects.

    Attributes
    ----------
    n_neighbors_ : int
        Neighbors in use.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import AdaptiveNetwork
    >>> network = AdaptiveNetwork(n_neighbors=2)
    >>> squares = network.fit(np.array([[0.0], [1.0], [2.0], [10.0], [11.0]]))
    >>> indices, weights = network.new_rows(np.array([[0.6]]))
    >>> indices, weights.round(2)
    (array([[1, 0]]), array([[0.53, 0.47]]))
    """

    def __init__(self, metric="euclidean", *, n_neighbors=15):
        super().__init__("sqeuclidean" if metric == "euclidean" else metric, n_neighbors=n_neighbors)

    def fit(self, block):
        """Learn from the subjects who have the modality.

        Parameters
        ----------
        block : ndarray of shape (n_subjects, n_features), or data frame for ``"gower"``

        Returns
        -------
        squares : ndarray of shape (n_subjects, n_subjects)
            Squared distances of all pairs; not kept.
        """
        self.fit_points(block)
        n, p = self.points_.shape
        self.n_neighbors_ = max(1, min(self.n_neighbors, n - 2))
        self.factor_ = {"correlation": 2.0 * max(1, p - 1), "cosine": 2.0 * p, "gower": float(p)}.get(self.metric, 1.0)
        return self.factor_ * self.subject_metric_.within(self.points_)

    def new_rows(self, block):
        """Neighbors of subjects who may be new, with the weights of GMC.

        Parameters
        ----------
        block : ndarray of shape (n_new, n_features), or data frame for ``"gower"``

        Returns
        -------
        indices : ndarray of shape (n_new, n_neighbors)
            Training subjects.
        weights : ndarray of shape (n_new, n_neighbors)
            Rows sum to 1.
        """
        squares = self._new_distances(self.subject_metric_.encode(block))
        k = self.n_neighbors_
        order = np.argsort(squares, axis=1, kind="stable")[:, : k + 1]
        nearest = np.take_along_axis(squares, order, axis=1)
        room = nearest[:, -1:] - nearest[:, :k]
        sums = room.sum(axis=1, keepdims=True)
        return order[:, :k], np.where(sums > 0, room / np.where(sums > 0, sums, 1.0), 1.0 / k)
