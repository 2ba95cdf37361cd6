"""The only importer of private scikit-learn names (ruff's TID251 keeps it so)."""

from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils._repr_html.estimator import _VisualBlock
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _get_feature_names, _num_samples

__all__ = [
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "_VisualBlock",
    "_fit_context",
    "_get_feature_names",
    "_get_output_config",
    "_num_samples",
]
