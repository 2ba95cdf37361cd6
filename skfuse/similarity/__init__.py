"""Similarity network fusion: networks of subjects, exact and at population scale, and the subtypes in them."""

from skfuse.similarity._affinity import local_affinity
from skfuse.similarity._classifier import SNFClassifier
from skfuse.similarity._clustering import SNFClustering
from skfuse.similarity._fuse import fuse_affinities
from skfuse.similarity._network import ModalityNetwork
from skfuse.similarity._snf import SNF

__all__ = ["SNF", "ModalityNetwork", "SNFClassifier", "SNFClustering", "fuse_affinities", "local_affinity"]
