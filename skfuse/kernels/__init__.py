"""Kernels of modalities and how they are weighed."""

from skfuse.kernels._alignment import alignment_weights, centered_alignment
from skfuse.kernels._classifier import MKLClassifier
from skfuse.kernels._easymkl import easymkl_weights
from skfuse.kernels._functions import kernel_matrix
from skfuse.kernels._kernel import ModalityKernel
from skfuse.kernels._low_rank import choose_landmarks, nystroem_factor, pivoted_cholesky
from skfuse.kernels._mklaren import MklarenPath, mklaren_pivots

__all__ = [
    "MKLClassifier",
    "MklarenPath",
    "ModalityKernel",
    "alignment_weights",
    "centered_alignment",
    "choose_landmarks",
    "easymkl_weights",
    "kernel_matrix",
    "mklaren_pivots",
    "nystroem_factor",
    "pivoted_cholesky",
]
