"""Similarity network fusion: networks of subjects, exact and at population scale, and the subtypes in them."""

from skfuse.similarity._affinity import local_affinity
from skfuse.similarity._anf import ANF
from skfuse.similarity._anf_graph import anf_affinity, anf_walk
from skfuse.similarity._classifier import SNFClassifier
from skfuse.similarity._clustering import SNFClustering
from skfuse.similarity._eigenvectors import leading_eigenvectors
from skfuse.similarity._fuse import fuse_affinities
from skfuse.similarity._gmc import GMC
from skfuse.similarity._gmc_network import AdaptiveNetwork
from skfuse.similarity._gmc_solver import GMCResult, gmc
from skfuse.similarity._meta import MetaClustering
from skfuse.similarity._meta_tests import SearchTests
from skfuse.similarity._nearest import Transitions, nearest_affinity, nearest_transitions
from skfuse.similarity._nemo import NEMO
from skfuse.similarity._nemo_graph import nemo_affinity
from skfuse.similarity._network import ModalityNetwork
from skfuse.similarity._null import StructureTest
from skfuse.similarity._operator import FusedOperator
from skfuse.similarity._snf import SNF

__all__ = [
    "ANF",
    "GMC",
    "NEMO",
    "SNF",
    "AdaptiveNetwork",
    "FusedOperator",
    "GMCResult",
    "MetaClustering",
    "ModalityNetwork",
    "SNFClassifier",
    "SNFClustering",
    "SearchTests",
    "StructureTest",
    "Transitions",
    "anf_affinity",
    "anf_walk",
    "fuse_affinities",
    "gmc",
    "leading_eigenvectors",
    "local_affinity",
    "nearest_affinity",
    "nearest_transitions",
    "nemo_affinity",
]
