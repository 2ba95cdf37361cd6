"""Strategies compared on equal terms."""

from skfuse.evaluation.compare import Comparison, compare_strategies
from skfuse.evaluation.strategies import REGISTRY, Strategy, make_strategies

__all__ = ["REGISTRY", "Comparison", "Strategy", "compare_strategies", "make_strategies"]
