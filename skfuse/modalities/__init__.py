"""One table with named modalities: the idea that all estimators of skfuse share.

A modality is a named block of columns; a missing modality is a row whose whole block is missing.
"""

from skfuse.modalities._join import join_modalities, split_modalities
from skfuse.modalities._mixins import ModalityEstimatorsMixin, ModalityTransformerMixin, feature_name
from skfuse.modalities._resolve import resolve_modalities
from skfuse.modalities._rows import ModalityStore, RowKernel
from skfuse.modalities._table import Table, present_modalities, validate_table
from skfuse.modalities._warnings import (
    AlignedTableWarning,
    ImputedModalityWarning,
    NoModalityWarning,
    SingleModalityWarning,
    SkippedModalityWarning,
)

__all__ = [
    "AlignedTableWarning",
    "ImputedModalityWarning",
    "ModalityEstimatorsMixin",
    "ModalityStore",
    "ModalityTransformerMixin",
    "NoModalityWarning",
    "RowKernel",
    "SingleModalityWarning",
    "SkippedModalityWarning",
    "Table",
    "feature_name",
    "join_modalities",
    "present_modalities",
    "resolve_modalities",
    "split_modalities",
    "validate_table",
]
