"""Notice that an imputer upstream erased who lacks a modality."""

import warnings

import numpy as np

from skfuse.modalities._container import has_values
from skfuse.modalities._warnings import ImputedModalityWarning

_MIN_ROWS = 3  # fewer equal rows may be chance or twins
_MIN_FRACTION = 0.05
_MIN_DISTINCT = 10  # a column with fewer distinct values is a scale or a flag, where equal rows are natural


def warn_if_imputed(table):
    """Warn where many subjects of a block share one row that an imputer would have filled in."""
    for name in table.names:
        try:
            values = table.block(name)
        except ValueError:
            continue  # text: whoever needs numbers refuses it, others (encoders, row keys) may take it
        count = imputed_rows(values)
        if count:
            warnings.warn(
                f"Modality {name!r}: {count} of {len(values)} subjects share one identical row of fill-in values. An "
                "imputer before this step seems to have erased who lacks the modality, so it will be treated as "
                "measured. Remove that imputer (missing modalities may stay missing), or put it inside the "
                "modality's own estimator, where it sees only subjects who have the modality.",
                ImputedModalityWarning,
                stacklevel=4,
            )


def imputed_rows(values):
    """Count the subjects whose row of a block is the block's mean, its median, or one constant.

    Parameters
    ----------
    values : ndarray of shape (n_subjects, n_features)
        One block.

    Returns
    -------
    count : int
        0 where fewer than 3 subjects or 5 % share such a row, or where the block is not mostly continuous.
    """
    n, p = values.shape
    least = max(_MIN_ROWS, int(np.ceil(_MIN_FRACTION * n)))
    if p < 2 or n < 2 * _MIN_ROWS:
        return 0
    # Equal rows are equal in any few features: look at those first, so that a wide block is not searched.
    few = np.linspace(0, p - 1, min(p, 6)).astype(int)
    sample = np.ascontiguousarray(values[:, few], dtype=np.float64)
    sample = sample[~np.isnan(sample).any(axis=1)]
    # Rows are equal no more often than the values of any one column, which is quick to count.
    for column in sample.T:
        if np.unique(column, return_counts=True)[1].max(initial=0) < least:
            return 0
    rows, counts = np.unique(sample, axis=0, return_counts=True)
    if not len(counts) or counts.max() < least:
        return 0
    distinct = [len(np.unique(column)) for column in sample.T]
    if np.median(distinct) < _MIN_DISTINCT:
        return 0
    same = np.flatnonzero((values[:, few] == rows[counts.argmax()]).all(axis=1))
    same = same[(values[same] == values[same[0]]).all(axis=1)]
    if len(same) < least:
        return 0
    row = values[same[0]]
    usual = values[has_values(values)]
    fillers = (np.nanmean(usual, axis=0), np.nanmedian(usual, axis=0), np.full(p, row[0]))
    is_filler = any(np.allclose(row, filler, rtol=1e-4, atol=1e-6) for filler in fillers)
    return len(same) if is_filler else 0
