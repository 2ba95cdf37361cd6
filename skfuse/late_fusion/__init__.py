"""Late fusion: one model per modality, combined by stacking or by a rule."""

from skfuse._linear import StandardizedLogisticCV, StandardizedRidgeCV
from skfuse.late_fusion._base import MissingFlagWarning
from skfuse.late_fusion._classifier import LateFusionClassifier
from skfuse.late_fusion._conditional import ConditionalMean
from skfuse.late_fusion._pools import LinearPool, LogLinearPool
from skfuse.late_fusion._regressor import LateFusionRegressor

__all__ = [
    "ConditionalMean",
    "LateFusionClassifier",
    "LateFusionRegressor",
    "LinearPool",
    "LogLinearPool",
    "MissingFlagWarning",
    "StandardizedLogisticCV",
    "StandardizedRidgeCV",
]
