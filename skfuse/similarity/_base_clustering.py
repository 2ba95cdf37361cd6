"""Clusters of a network of subjects, and the cluster of a new one."""

import warnings

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils import check_random_state

from skfuse.modalities import NoModalityWarning
from skfuse.similarity._spectral import choose, cluster_scores, partition, spectral_coordinates

RULES = ("eigengap", "nemo", "rotation", "stability")
_SHARE = 0.8  # of the subjects, in each resample
_RESAMPLES = 20


class NetworkClusterMixin(ClusterMixin):
    """Partition of spectral coordinates, and membership of new subjects by their neighbors."""

    # Fit ------------------------------------------------------------------------------------------------------------

    def _fit_labels(self, n, kept, values, coordinates):
        """Choose the number of clusters and label the subjects; sets the fitted attributes.

        Parameters
        ----------
        n : int
            Subjects in the table.
        kept : ndarray of int of shape (n_kept,)
            Those who have a modality.
        values, coordinates : ndarray of shape (n_components,) and (n_kept, n_components)
        """
        self._check_n_clusters(len(kept))
        self.eigenvalues_ = values
        self.embedding_ = np.full((n, coordinates.shape[1]), np.nan)
        self.embedding_[kept] = coordinates
        self.cluster_scores_ = cluster_scores(values, coordinates)
        resamples = self._n_resamples()
        if resamples:
            self.cluster_scores_["stability"] = self._stability(kept, coordinates, resamples)
        given = self.n_clusters
        self.n_clusters_ = choose(self.cluster_scores_, given) if isinstance(given, str) else int(given)
        labels = partition(coordinates, self.n_clusters_)
        self._kept, self._kept_labels = kept, labels
        self.labels_ = np.full(n, -1, dtype=np.int64)
        self.labels_[kept] = labels
        self.cluster_shares_ = np.bincount(labels, minlength=self.n_clusters_) / len(labels)
        if len(kept) < n:
            warnings.warn(
                f"{n - len(kept)} of {n} subjects have no modality and are in no cluster (label -1).",
                NoModalityWarning,
                stacklevel=3,
            )

    def _check_n_clusters(self, n):
        if not isinstance(self.n_clusters, str) and self.n_clusters > n:
            raise ValueError(f"n_clusters={self.n_clusters} is more than the {n} subjects who have a modality.")

    def _n_eigenvectors(self):
        return self.n_components if isinstance(self.n_clusters, str) else max(self.n_components, self.n_clusters)

    def _n_resamples(self):
        if self.n_resamples is None:
            return _RESAMPLES if self.n_clusters == "stability" else 0
        if self.n_clusters == "stability" and not self.n_resamples:
            raise ValueError("n_clusters='stability' needs resamples. Set n_resamples to 20, or leave it at None.")
        return self.n_resamples

    def _stability(self, kept, coordinates, n_resamples):
        """Mean adjusted Rand index between the clusters of part of the network and those of the whole."""
        from sklearn.metrics import adjusted_rand_score

        n, most = len(kept), coordinates.shape[1]
        random = check_random_state(self.random_state)
        whole = {k: partition(coordinates, k) for k in range(2, most + 1)}
        found = {k: [] for k in whole}
        size = max(2, round(_SHARE * n))
        for _ in range(n_resamples):
            part = np.sort(random.permutation(n)[:size])
            network = self._part_of_network(kept[part])
            some = spectral_coordinates(network, min(most, size - 1))[1]
            for k, scores in found.items():
                if k - 1 <= some.shape[1]:
                    scores.append(adjusted_rand_score(whole[k][part], partition(some, k)))
        return {k: float(np.mean(scores)) for k, scores in found.items() if scores}

    def _part_of_network(self, subjects):
        if not hasattr(self, "affinity_"):
            raise ValueError("Stability needs the matrix of the network: set solver='exact'.")
        return self.affinity_[np.ix_(subjects, subjects)]

    # Predict --------------------------------------------------------------------------------------------------------

    def predict(self, X):
        """The cluster of each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        labels : ndarray of shape (n_subjects,)
            The cluster of largest membership; -1 for who has no modality. Training subjects are treated as anybody
            else: near the border of a cluster they may get another label than in ``labels_``.
        """
        membership = self._membership(X)
        labels = np.argmax(membership, axis=1)
        return np.where(np.isnan(membership[:, 0]), -1, labels)

    def predict_proba(self, X):
        """Membership of each subject: the share of each cluster among its nearest training subjects.

        One step of label propagation over the frozen network, along the rows of S of the subject. It is a membership,
        and no probability of an outcome or risk.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        membership : ndarray of shape (n_subjects, n_clusters)
            Rows sum to 1. Who has no modality gets the shares of the clusters among training subjects.
        """
        membership = self._membership(X)
        return np.where(np.isnan(membership), self.cluster_shares_, membership)

    def predict_proba_by_modality(self, X):
        """Membership by each modality alone.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        membership : dict of str to ndarray of shape (n_subjects, n_clusters)
            NaN where the subject lacks the modality, or the modality was left out of the fit.
        """
        table = self._table(X)
        votes = self._votes()
        return {name: np.minimum(self._neighbors_in(table, name, votes), 1.0) for name in self.modality_weights_}

    def _membership(self, X):
        return np.minimum(self._average_over_neighbors(self._table(X), self._votes()), 1.0)  # rounding adds bits

    def _votes(self):
        return np.eye(self.n_clusters_)[self._kept_labels]
