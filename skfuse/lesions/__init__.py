"""Lesions: which voxels, tracts and connections go with a score, and how much of each a lesion hits."""

from skfuse.lesions._brunner_munzel import BrunnerMunzelStatistic
from skfuse.lesions._choices import VolumeConfoundWarning
from skfuse.lesions._disconnectome import Disconnectome
from skfuse.lesions._liebermeister import LiebermeisterStatistic, PearsonChi2Statistic
from skfuse.lesions._load import LesionLoad
from skfuse.lesions._mapping import LesionSymptomMapping
from skfuse.lesions._masks import EmptyMaskWarning, FewSubjectsWarning
from skfuse.lesions._network import LesionNetworkMapping, SilentConnectomeWarning
from skfuse.lesions._network_inference import NetworkMapInference, network_map_inference
from skfuse.lesions._overlap import least_overlap, overlap_mask
from skfuse.lesions._patches import UniquePatches
from skfuse.lesions._sparse import SparseLesionRegressor
from skfuse.lesions._svr import LesionSVR
from skfuse.lesions._table import lesion_modalities
from skfuse.lesions._welch import WelchStatistic

__all__ = [
    "BrunnerMunzelStatistic",
    "Disconnectome",
    "EmptyMaskWarning",
    "FewSubjectsWarning",
    "LesionLoad",
    "LesionNetworkMapping",
    "LesionSVR",
    "LesionSymptomMapping",
    "LiebermeisterStatistic",
    "NetworkMapInference",
    "PearsonChi2Statistic",
    "SilentConnectomeWarning",
    "SparseLesionRegressor",
    "UniquePatches",
    "VolumeConfoundWarning",
    "WelchStatistic",
    "least_overlap",
    "lesion_modalities",
    "network_map_inference",
    "overlap_mask",
]
