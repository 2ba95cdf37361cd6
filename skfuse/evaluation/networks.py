"""Similarity network fusion as a strategy: coordinates of the fused network, then a linear model."""

from sklearn.pipeline import make_pipeline

from skfuse.late_fusion import StandardizedLogisticCV, StandardizedRidgeCV
from skfuse.similarity import SNF


def snf_classifier(**parameters):
    """Pipeline of SNF and a ridge-penalized logistic regression; parameters go to SNF."""
    return make_pipeline(SNF(**parameters), StandardizedLogisticCV())


def snf_regressor(**parameters):
    """Pipeline of SNF and a ridge regression; parameters go to SNF."""
    return make_pipeline(SNF(**parameters), StandardizedRidgeCV())
