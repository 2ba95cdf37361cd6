"""Strategies around missing modalities and joint spaces: blocks filled, shared factors, supervised components."""

from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skfuse.imputation import ModalityImputer
from skfuse.late_fusion import StandardizedLogisticCV, StandardizedRidgeCV
from skfuse.latent import GroupFactorAnalysis, MultiBlockPLS, MultiBlockPLSClassifier

_KEPT = (0.1, 0.3, None)  # share of the features of each modality, by which components are told apart


def imputed_classifier(**parameters):
    """Pipeline of an imputer and a ridge-penalized logistic regression; parameters go to ModalityImputer."""
    return make_pipeline(ModalityImputer(cv=None, **parameters), StandardizedLogisticCV())


def imputed_regressor(**parameters):
    """Pipeline of an imputer and a ridge regression; parameters go to ModalityImputer."""
    return make_pipeline(ModalityImputer(cv=None, **parameters), StandardizedRidgeCV())


def factor_classifier(**parameters):
    """Pipeline of group factor analysis and a ridge-penalized logistic regression."""
    return make_pipeline(GroupFactorAnalysis(**parameters), StandardizedLogisticCV())


def factor_regressor(**parameters):
    """Pipeline of group factor analysis and a ridge regression."""
    return make_pipeline(GroupFactorAnalysis(**parameters), StandardizedRidgeCV())


def multiblock_classifier(**parameters):
    """Search over the number of features kept, by AUC; parameters go to MultiBlockPLSClassifier."""
    return GridSearchCV(MultiBlockPLSClassifier(**parameters), {"n_features_kept": list(_KEPT)}, scoring="roc_auc_ovr")


def multiblock_regressor(**parameters):
    """Search over the number of features kept; parameters go to MultiBlockPLS."""
    return GridSearchCV(MultiBlockPLS(**parameters), {"n_features_kept": list(_KEPT)})
