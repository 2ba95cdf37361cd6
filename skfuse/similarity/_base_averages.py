"""What NEMO and ANF share: affinities of all modalities at once, averaged in one step."""

from numbers import Integral

import numpy as np

from skfuse._validation import Interval, StrOptions
from skfuse.similarity._base import BaseNetworkFusion
from skfuse.similarity._base_clustering import RULES, NetworkClusterMixin
from skfuse.similarity._spectral import spectral_coordinates


class BaseAverageClustering(NetworkClusterMixin, BaseNetworkFusion):
    """Cluster a network that is an average over the modalities; subclasses say which (``_average``)."""

    _parameter_constraints: dict = {
        **BaseNetworkFusion._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions(set(RULES))],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_resamples": [Interval(Integral, 0, None, closed="left"), None],
        "missing": [StrOptions({"pairwise", "raise"})],
    }

    def _fit_average(self, X):
        table, names, kept, present = self._read(X)
        n = len(kept)
        affinities = []

        def each(name, affinity, rows):
            if len(rows) < n:
                whole = np.zeros((n, n))
                whole[np.ix_(rows, rows)] = affinity
                affinity = whole
            affinities.append(affinity)

        self._fit_networks(table, names, kept, present, each)
        network = self._average(names, affinities, present)
        network = (network + network.T) / 2
        alone = np.flatnonzero(network.sum(axis=1) <= 0)
        network[alone, alone] = 1.0
        self.affinity_ = network
        if n < len(table):
            self.affinity_ = np.zeros((len(table), len(table)))
            self.affinity_[np.ix_(kept, kept)] = network
        values, coordinates = spectral_coordinates(network, min(self._n_eigenvectors(), n - 1))
        self._fit_labels(len(table), kept, values, coordinates)
        return self

    def _note_weights(self, names, weights):
        self.modality_weights_ = dict.fromkeys(self.modalities_, 0.0) | {
            name: float(weight) for name, weight in zip(names, weights, strict=True)
        }
