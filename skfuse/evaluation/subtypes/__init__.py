"""Subtypes of a cohort: clusters, and everything that has to be known before they are believed."""

from skfuse.evaluation.subtypes._find import find_subtypes
from skfuse.evaluation.subtypes._result import Subtypes, read_subtypes

__all__ = ["Subtypes", "find_subtypes", "read_subtypes"]
