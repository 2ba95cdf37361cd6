"""Multimodal fusion for clinical and neuroimaging data, as scikit-learn estimators.

`X` is one table with a row per subject; a modality is a named block of its columns. Family packages are
loaded when first used: ``skfuse.late_fusion``, ``skfuse.preprocessing`` and the others.
"""

import importlib

__version__ = "0.1.0.dev0"

_FAMILIES = (
    "cohort",
    "connectomes",
    "datasets",
    "deployment",
    "evaluation",
    "imputation",
    "inspection",
    "io",
    "kernels",
    "late_fusion",
    "latent",
    "lesions",
    "modalities",
    "permutation",
    "plotting",
    "preprocessing",
    "report",
    "similarity",
)

__all__ = ["__version__", *_FAMILIES]


def __getattr__(name):
    if name in _FAMILIES:
        return importlib.import_module(f"skfuse.{name}")
    raise AttributeError(f"module 'skfuse' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
