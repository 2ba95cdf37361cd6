"""What a fitted model says about features and modalities, and how far to believe it."""

from skfuse.inspection._patterns import HaufePatterns, haufe_patterns
from skfuse.inspection._stability import WeightStability, weight_stability

__all__ = [
    "HaufePatterns",
    "WeightStability",
    "haufe_patterns",
    "weight_stability",
]
