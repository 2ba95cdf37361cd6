"""Figures of results, in scikit-learn's style: ``from_comparison``, ``from_estimator`` … collect, ``plot`` draws."""

from skfuse.plotting._alluvial import AlluvialDisplay
from skfuse.plotting._component_network import ComponentNetworkDisplay
from skfuse.plotting._curves import CalibrationDisplay, DecisionCurveDisplay, PrecisionRecallDisplay, RocDisplay
from skfuse.plotting._differences import DifferenceDisplay
from skfuse.plotting._eigengap import EigengapDisplay
from skfuse.plotting._imputation_quality import ImputationQualityDisplay
from skfuse.plotting._joint_space import JointSpaceDisplay
from skfuse.plotting._kernel_matrices import KernelMatricesDisplay
from skfuse.plotting._kernel_weights import KernelWeightsDisplay
from skfuse.plotting._leaderboard import LeaderboardDisplay
from skfuse.plotting._lesion_map import LesionMapDisplay
from skfuse.plotting._lesion_overlap import LesionOverlapDisplay
from skfuse.plotting._missing_pattern import MissingPatternDisplay
from skfuse.plotting._modalities import ModalityDisplay
from skfuse.plotting._network_heatmap import NetworkHeatmapDisplay
from skfuse.plotting._null_distribution import NullDistributionDisplay
from skfuse.plotting._profiles import ClusterProfileDisplay
from skfuse.plotting._robustness import RobustnessDisplay
from skfuse.plotting._sensitivity import SensitivityDisplay
from skfuse.plotting._sites import SiteForestDisplay
from skfuse.plotting._subject_network import SubjectNetworkDisplay
from skfuse.plotting._variance_explained import VarianceExplainedDisplay
from skfuse.plotting._waterfall import DecisionWaterfallDisplay

__all__ = [
    "AlluvialDisplay",
    "CalibrationDisplay",
    "ClusterProfileDisplay",
    "ComponentNetworkDisplay",
    "DecisionCurveDisplay",
    "DecisionWaterfallDisplay",
    "DifferenceDisplay",
    "EigengapDisplay",
    "ImputationQualityDisplay",
    "JointSpaceDisplay",
    "KernelMatricesDisplay",
    "KernelWeightsDisplay",
    "LeaderboardDisplay",
    "LesionMapDisplay",
    "LesionOverlapDisplay",
    "MissingPatternDisplay",
    "ModalityDisplay",
    "NetworkHeatmapDisplay",
    "NullDistributionDisplay",
    "PrecisionRecallDisplay",
    "RobustnessDisplay",
    "RocDisplay",
    "SensitivityDisplay",
    "SiteForestDisplay",
    "SubjectNetworkDisplay",
    "VarianceExplainedDisplay",
]
