"""Read cohorts, save and load models. Neither pandas nor skops is imported before they are needed."""

from skfuse.io._archive import ModelVersionWarning
from skfuse.io._cohort import read_cohort
from skfuse.io._log import CohortError, CohortWarning, JoinLog
from skfuse.io._modalities import read_modalities
from skfuse.io._model import TRUSTED_TYPES, load_model, save_model

__all__ = [
    "TRUSTED_TYPES",
    "CohortError",
    "CohortWarning",
    "JoinLog",
    "ModelVersionWarning",
    "load_model",
    "read_cohort",
    "read_modalities",
    "save_model",
]
