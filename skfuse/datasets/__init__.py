"""Simulated cohorts with known truth: one simulator, clinical stories and a fixed grid of settings."""

from skfuse.datasets._grid import cohort_grid, cohort_grid_descriptions
from skfuse.datasets._simulate import make_cohort
from skfuse.datasets._stories import (
    alzheimer_conversion,
    psychosis_conversion,
    schizophrenia_subtypes,
    stroke_outcome,
)

__all__ = [
    "alzheimer_conversion",
    "cohort_grid",
    "cohort_grid_descriptions",
    "make_cohort",
    "psychosis_conversion",
    "schizophrenia_subtypes",
    "stroke_outcome",
]
