"""Figures of results, in scikit-learn's style: ``from_comparison`` or ``from_subtypes`` collects, ``plot`` draws."""

from skfuse.plotting._alluvial import AlluvialDisplay
from skfuse.plotting._curves import CalibrationDisplay, DecisionCurveDisplay, PrecisionRecallDisplay, RocDisplay
from skfuse.plotting._differences import DifferenceDisplay
from skfuse.plotting._eigengap import EigengapDisplay
from skfuse.plotting._leaderboard import LeaderboardDisplay
from skfuse.plotting._modalities import MissingPatternDisplay, ModalityDisplay
from skfuse.plotting._network_heatmap import NetworkHeatmapDisplay
from skfuse.plotting._profiles import ClusterProfileDisplay
from skfuse.plotting._sites import SiteForestDisplay
from skfuse.plotting._subject_network import SubjectNetworkDisplay

__all__ = [
    "AlluvialDisplay",
    "CalibrationDisplay",
    "ClusterProfileDisplay",
    "DecisionCurveDisplay",
    "DifferenceDisplay",
    "EigengapDisplay",
    "LeaderboardDisplay",
    "MissingPatternDisplay",
    "ModalityDisplay",
    "NetworkHeatmapDisplay",
    "PrecisionRecallDisplay",
    "RocDisplay",
    "SiteForestDisplay",
    "SubjectNetworkDisplay",
]
