"""Fit one strategy on a whole cohort, keep it in a file that says what it is, and apply it to new subjects."""

from skfuse.deployment._clusters import subtype_model
from skfuse.deployment._fit import fit_model
from skfuse.deployment._fitted import FittedModel, load_fitted_model
from skfuse.deployment._predict import Predictions, predict_table

__all__ = ["FittedModel", "Predictions", "fit_model", "load_fitted_model", "predict_table", "subtype_model"]
