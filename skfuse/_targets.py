"""Targets, groups and weights of subjects, checked; probabilities of classes in one order."""

import numpy as np
from sklearn.utils.validation import column_or_1d, has_fit_parameter


def refuse_missing_target(y):
    """Raise an error that counts the subjects whose target is missing, or one that names an infinite target."""
    values = np.asarray(y)
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        if np.isinf(values).any():
            raise ValueError(f"Input y contains infinity, the first in row {np.isinf(values).argmax()}. Correct it.")
    elif values.dtype.kind == "O":
        missing = np.array([cell is None or type(cell).__name__ == "NAType" or cell != cell for cell in values.flat])
    else:
        return
    if missing.any():
        raise ValueError(
            f"Input y contains NaN: the target is missing for {missing.sum()} of {len(values)} subjects, the first in "
            f"row {missing.argmax()}. Leave these subjects out of X and y."
        )


def checked_groups(groups):
    """Return the groups as a 1-D array; a missing one is an error, as NaN would make one group of strangers."""
    groups = column_or_1d(groups)
    missing = [row for row, group in enumerate(groups.tolist()) if group is None or group != group]
    if missing:
        raise ValueError(
            f"`groups` is missing for {len(missing)} subjects, the first in row {missing[0]}. Give each of them a "
            "group, or leave them out."
        )
    return groups


def aligned_probabilities(estimator, X, classes, prior):
    """Probabilities in the order of `classes`; a class that the estimator never saw keeps its prior.

    Parameters
    ----------
    estimator : fitted classifier
    X : ndarray of shape (n_subjects, n_features)
    classes : ndarray of shape (n_classes,)
    prior : ndarray of shape (n_classes,)

    Returns
    -------
    probability : ndarray of shape (n_subjects, n_classes)
    """
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{type(estimator).__name__} has neither predict_proba nor a decision_function that could be calibrated. "
            "Choose options that give probabilities (such as voting='soft'), or another classifier."
        )
    given = estimator.predict_proba(X)
    if len(estimator.classes_) == len(classes):
        return given
    seen = np.isin(classes, estimator.classes_)
    out = np.tile(np.where(seen, 0.0, prior), (len(given), 1))
    out[:, seen] = given * prior[seen].sum()
    return out


def supported_weights(estimator, sample_weight, label):
    """Keyword arguments that hand weights of subjects to an estimator or to the last step of a pipeline.

    Parameters
    ----------
    estimator : estimator
    sample_weight : ndarray of shape (n_subjects,)
    label : str
        How messages call the estimator.

    Returns
    -------
    params : dict
    """
    last = estimator.steps[-1] if hasattr(estimator, "steps") else None
    if has_fit_parameter(estimator, "sample_weight"):
        return {"sample_weight": sample_weight}
    if last is not None and has_fit_parameter(last[1], "sample_weight"):
        return {f"{last[0]}__sample_weight": sample_weight}
    raise TypeError(
        f"{label}, {type(estimator).__name__}, takes no sample_weight. Leave the weights out, or choose an estimator "
        "that takes them."
    )
