"""Simulated cohorts with known truth: one simulator, clinical stories, a fixed grid of settings, and brain images."""

from skfuse.datasets._brain import Brain, make_brain
from skfuse.datasets._grid import cohort_grid, cohort_grid_descriptions
from skfuse.datasets._lesions import make_lesions
from skfuse.datasets._simulate import make_cohort
from skfuse.datasets._stories import (
    alzheimer_conversion,
    psychosis_conversion,
    schizophrenia_subtypes,
    stroke_outcome,
)
from skfuse.datasets._stroke_images import ImagingCohort, stroke_images
from skfuse.datasets._time_courses import make_time_courses
from skfuse.datasets._tractogram import make_tractogram

__all__ = [
    "Brain",
    "ImagingCohort",
    "alzheimer_conversion",
    "cohort_grid",
    "cohort_grid_descriptions",
    "make_brain",
    "make_cohort",
    "make_lesions",
    "make_time_courses",
    "make_tractogram",
    "psychosis_conversion",
    "schizophrenia_subtypes",
    "stroke_images",
    "stroke_outcome",
]
