"""Who takes part in the fit of a predictor."""

import warnings

import numpy as np

from skfuse.modalities._warnings import NoModalityWarning


def who_takes_part(present, names, weights=None, *, stacklevel=5):
    """Subjects with a modality, and with a weight; one warning counts those without any modality.

    Parameters
    ----------
    present : ndarray of shape (n_subjects, n_modalities), dtype bool
        Who has which of the modalities that are used.
    names : list of str
        These modalities.
    weights : ndarray of shape (n_subjects,) or None
    stacklevel : int
        Frames from here to the user's call of ``fit``.

    Returns
    -------
    kept : ndarray of shape (n_subjects,), dtype bool

    Raises
    ------
    ValueError
        If nobody is left.
    """
    has_some = np.asarray(present).any(axis=1)
    if not has_some.any():
        raise ValueError(f"No subject has any modality: every value of {list(names)} is missing.")
    if not has_some.all():
        warnings.warn(
            f"{(~has_some).sum()} of {len(has_some)} subjects have no modality at all and are left out of fit. "
            "Predictions for such subjects are those of the prior.",
            NoModalityWarning,
            stacklevel=stacklevel,
        )
    kept = has_some if weights is None else has_some & (weights > 0)
    if not kept.any():
        raise ValueError("Every subject who has a modality has sample_weight 0.")
    return kept
