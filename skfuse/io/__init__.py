"""Read cohorts, lesion masks and maps, save and load models. pandas, skops and nibabel wait until they are needed."""

from skfuse.io._archive import ModelVersionWarning
from skfuse.io._cohort import read_cohort
from skfuse.io._lesion_masks import LesionMasks
from skfuse.io._log import CohortError, CohortWarning, JoinLog
from skfuse.io._match import match_subjects
from skfuse.io._modalities import read_modalities
from skfuse.io._model import TRUSTED_TYPES, load_model, save_model
from skfuse.io._nifti_files import mask_files
from skfuse.io._nifti_maps import read_map, write_map
from skfuse.io._nifti_masks import read_masks
from skfuse.io._regions import read_regions
from skfuse.io._scores import ScoreTable, read_scores
from skfuse.io._streamlines import read_streamlines

__all__ = [
    "TRUSTED_TYPES",
    "CohortError",
    "CohortWarning",
    "JoinLog",
    "LesionMasks",
    "ModelVersionWarning",
    "ScoreTable",
    "load_model",
    "mask_files",
    "match_subjects",
    "read_cohort",
    "read_map",
    "read_masks",
    "read_modalities",
    "read_regions",
    "read_scores",
    "read_streamlines",
    "save_model",
    "write_map",
]
