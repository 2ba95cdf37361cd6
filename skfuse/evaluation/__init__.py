"""Strategies compared on equal terms."""

from skfuse.evaluation.checkpoint import CheckpointError
from skfuse.evaluation.compare import compare_strategies
from skfuse.evaluation.fits import StrategyError
from skfuse.evaluation.leaks import check_leaks
from skfuse.evaluation.missing_curve import missing_modality_curve
from skfuse.evaluation.missing_curve_result import MissingModalityCurve
from skfuse.evaluation.result import Comparison, read_result
from skfuse.evaluation.strategies import REGISTRY, Strategy, make_strategies

__all__ = [
    "REGISTRY",
    "CheckpointError",
    "Comparison",
    "MissingModalityCurve",
    "Strategy",
    "StrategyError",
    "check_leaks",
    "compare_strategies",
    "make_strategies",
    "missing_modality_curve",
    "read_result",
]
