"""Around one fit of an inner estimator: its target, groups and weights checked, its errors explained."""

import warnings
from contextlib import contextmanager

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.utils.validation import has_fit_parameter

from skfuse._targets import supported_weights


def supported_params(name, estimator, sample_weight, groups):
    """Without metadata routing: weights to every estimator (an error where it takes none), groups to who takes them."""
    params = {}
    if sample_weight is not None:
        label = "The final_estimator" if name == "final_estimator" else f"The estimator of modality {name!r}"
        params = supported_weights(estimator, sample_weight, label)
    if groups is not None and has_fit_parameter(estimator, "groups"):
        params["groups"] = groups
    return params


def fit_and_predict(estimator, block, y, params, train, test, predict, name, features):
    """Fit on the training rows of a block; return the estimator, or its prediction of the held-out rows if any.

    Rows are taken here and not by the caller, so that one subset of a large block exists at a time, and worker
    processes share one memory map of it.
    """
    X = block if len(train) == len(block) else block[train]
    params = {key: value[train] for key, value in params.items()}
    with explained(name, estimator, features, X):
        if isinstance(estimator, CalibratedClassifierCV):
            _fit_calibrated(estimator, X, y[train], params)
        else:
            estimator.fit(X, y[train], **params)
    if test is None:
        return estimator
    del X  # before the next rows are taken
    X = block[test]
    with explained(name, estimator, features, X):
        return predict(estimator, X)


def _fit_calibrated(estimator, X, y, params):
    # A calibrated pipeline needs its weights twice, for the last step and for the calibration; scikit-learn sees the
    # second only, and warns that the first is lost.
    weights = [value for key, value in params.items() if key.endswith("__sample_weight")]
    params = {"sample_weight": weights[0], **params} if weights else params
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Since Pipeline does not appear to accept sample_weight")
        estimator.fit(X, y, **params)


@contextmanager
def explained(name, estimator, features, X):
    """An error of a user's own estimator, with the modality and, for missing cells, their columns and the cure."""
    try:
        yield
    except ValueError as error:
        message = f"Modality {name!r}: {type(estimator).__name__} failed: {error}"
        gone = features[np.isnan(X).any(axis=0)].tolist() if "NaN" in str(error) else []
        if gone:
            message += (
                "\nSubjects who lack the modality are left out; what remains are single missing cells, in columns "
                f"{gone[:5]}{f' and {len(gone) - 5} others' if len(gone) > 5 else ''}. Put an imputer in front: "
                f"estimators={{{name!r}: make_pipeline(SimpleImputer(keep_empty_features=True), ...)}}, or use the "
                "default estimator, which tolerates them."
            )
        raise ValueError(message) from error
