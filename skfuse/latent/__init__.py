"""Joint spaces of modalities: what they share, and what each has alone."""

from skfuse.latent._ajive import AJIVE
from skfuse.latent._generalized_cca import GeneralizedCCA
from skfuse.latent._group_factor_analysis import FewFactorsWarning, GroupFactorAnalysis
from skfuse.latent._multiblock_pls import MultiBlockPLS
from skfuse.latent._multiblock_pls_classifier import MultiBlockPLSClassifier
from skfuse.latent._orthogonal_compensation import OrthogonalCompensation
from skfuse.latent._tensor_fusion import TensorFusionClassifier, TensorFusionRegressor

__all__ = [
    "AJIVE",
    "FewFactorsWarning",
    "GeneralizedCCA",
    "GroupFactorAnalysis",
    "MultiBlockPLS",
    "MultiBlockPLSClassifier",
    "OrthogonalCompensation",
    "TensorFusionClassifier",
    "TensorFusionRegressor",
]
