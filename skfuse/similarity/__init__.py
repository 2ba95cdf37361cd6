"""Similarity network fusion: networks of subjects, exact and at population scale, and the subtypes in them."""

from skfuse.similarity._affinity import local_affinity
from skfuse.similarity._anf import ANF
from skfuse.similarity._anf_graph import anf_affinity, anf_walk
from skfuse.similarity._classifier import SNFClassifier
from skfuse.similarity._clustering import SNFClustering
from skfuse.similarity._fuse import fuse_affinities
from skfuse.similarity._nemo import NEMO
from skfuse.similarity._nemo_graph import nemo_affinity
from skfuse.similarity._network import ModalityNetwork
from skfuse.similarity._snf import SNF

__all__ = [
    "ANF",
    "NEMO",
    "SNF",
    "ModalityNetwork",
    "SNFClassifier",
    "SNFClustering",
    "anf_affinity",
    "anf_walk",
    "fuse_affinities",
    "local_affinity",
    "nemo_affinity",
]
