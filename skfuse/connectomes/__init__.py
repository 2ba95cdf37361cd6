"""Connectomes: edges, graph measures and what they predict."""

from skfuse.connectomes._cpm import ConnectomePredictiveModel, NoEdgeSelectedWarning
from skfuse.connectomes._cpm_result import CPMPermutationTest
from skfuse.connectomes._graph_features import ConnectomeGraphFeatures
from skfuse.connectomes._nbs import NetworkBasedStatistic
from skfuse.connectomes._networkx import connectomes_from_networkx, connectomes_to_networkx
from skfuse.connectomes._vectorizer import ConnectomeVectorizer

__all__ = [
    "CPMPermutationTest",
    "ConnectomeGraphFeatures",
    "ConnectomePredictiveModel",
    "ConnectomeVectorizer",
    "NetworkBasedStatistic",
    "NoEdgeSelectedWarning",
    "connectomes_from_networkx",
    "connectomes_to_networkx",
]
