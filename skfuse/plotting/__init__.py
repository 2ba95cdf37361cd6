"""Figures of a comparison, in scikit-learn's style: ``from_comparison`` collects, ``plot`` draws."""

from skfuse.plotting._curves import CalibrationDisplay, DecisionCurveDisplay, PrecisionRecallDisplay, RocDisplay
from skfuse.plotting._differences import DifferenceDisplay
from skfuse.plotting._leaderboard import LeaderboardDisplay
from skfuse.plotting._modalities import MissingPatternDisplay, ModalityDisplay
from skfuse.plotting._sites import SiteForestDisplay

__all__ = [
    "CalibrationDisplay",
    "DecisionCurveDisplay",
    "DifferenceDisplay",
    "LeaderboardDisplay",
    "MissingPatternDisplay",
    "ModalityDisplay",
    "PrecisionRecallDisplay",
    "RocDisplay",
    "SiteForestDisplay",
]
