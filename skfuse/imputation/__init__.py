"""Missing modalities filled, or predicted around."""

from skfuse.imputation._averaged import MultipleImputationClassifier, MultipleImputationRegressor
from skfuse.imputation._imputer import ModalityImputer
from skfuse.imputation._masking import ImputationQuality
from skfuse.imputation._pattern_submodels import PatternSubmodelClassifier, PatternSubmodelRegressor
from skfuse.imputation._pooling import PooledEstimates, pool_estimates
from skfuse.imputation._warnings import UninformativeImputationWarning

__all__ = [
    "ImputationQuality",
    "ModalityImputer",
    "MultipleImputationClassifier",
    "MultipleImputationRegressor",
    "PatternSubmodelClassifier",
    "PatternSubmodelRegressor",
    "PooledEstimates",
    "UninformativeImputationWarning",
    "pool_estimates",
]
