"""Kernels of modalities and how they are weighed."""

from skfuse.kernels._alignment import alignment_weights, centered_alignment
from skfuse.kernels._bayesian import bayesian_weights
from skfuse.kernels._bayesian_posterior import BayesianKernelWeights
from skfuse.kernels._classifier import MKLClassifier
from skfuse.kernels._cox import BaselineSurvival, CoxFit, baseline_survival, cox_ridge
from skfuse.kernels._easymkl import easymkl_weights
from skfuse.kernels._functions import kernel_matrix
from skfuse.kernels._kernel import ModalityKernel
from skfuse.kernels._low_rank import choose_landmarks, nystroem_factor, pivoted_cholesky
from skfuse.kernels._mklaren import MklarenPath, mklaren_pivots
from skfuse.kernels._normalization import normalize_kernel
from skfuse.kernels._permutation_test import MKLPermutationTest
from skfuse.kernels._regressor import MKLRegressor
from skfuse.kernels._survival import MKLSurvival

__all__ = [
    "BaselineSurvival",
    "BayesianKernelWeights",
    "CoxFit",
    "MKLClassifier",
    "MKLPermutationTest",
    "MKLRegressor",
    "MKLSurvival",
    "MklarenPath",
    "ModalityKernel",
    "alignment_weights",
    "baseline_survival",
    "bayesian_weights",
    "centered_alignment",
    "choose_landmarks",
    "cox_ridge",
    "easymkl_weights",
    "kernel_matrix",
    "mklaren_pivots",
    "normalize_kernel",
    "nystroem_factor",
    "pivoted_cholesky",
]
