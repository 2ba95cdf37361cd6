"""The score that lesions are to explain, and covariates beside it: checked, with the cure named."""

import numpy as np
from sklearn.utils.validation import check_array, column_or_1d

from skfuse.lesions._masks import listed


def check_score(y, n_subjects):
    """A score as float64, a finite number for each subject; text and constants are refused with the cure."""
    if n_subjects < 2:
        raise ValueError(f"X has n_samples = {n_subjects}: one subject makes no map. Give a row for each of several.")
    y = column_or_1d(y, warn=True)
    y = check_array(y, ensure_2d=False, dtype=None, ensure_all_finite=False, input_name="y")
    try:
        y = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"The score must be numbers, got values such as {str(y.ravel()[0])!r}. Code it as numbers."
        ) from None
    if y.shape != (n_subjects,):
        raise ValueError(f"The score has shape {y.shape}, wanted ({n_subjects},): one number for each row of X.")
    if not np.isfinite(y).all():
        rows = np.flatnonzero(~np.isfinite(y))
        raise ValueError(
            f"Input y contains NaN or infinity: the score of {len(rows)} subjects is missing or infinite "
            f"({listed(rows)}). Leave them out of X and y."
        )
    if np.ptp(y) == 0:
        raise ValueError(f"The score is {y[0]:g} for all {n_subjects} subjects: there is nothing to map.")
    return y


def check_covariates(covariates, n_subjects):
    """Covariates as float64 of shape (n_subjects, n_covariates), finite."""
    covariates = check_array(
        covariates, dtype=np.float64, ensure_2d=False, ensure_all_finite=False, input_name="covariates"
    )
    covariates = covariates[:, None] if covariates.ndim == 1 else covariates
    if len(covariates) != n_subjects:
        raise ValueError(f"`covariates` has {len(covariates)} rows, X has {n_subjects}. Give one row for each subject.")
    rows = np.flatnonzero(~np.isfinite(covariates).all(axis=1))
    if len(rows):
        raise ValueError(
            f"`covariates` is missing or infinite for {len(rows)} subjects ({listed(rows)}). Impute it, or leave these "
            "subjects out."
        )
    return covariates
