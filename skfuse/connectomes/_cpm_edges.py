"""Which edges a connectome-based predictive model selects."""

from numbers import Integral

import numpy as np
from scipy.special import betainc, stdtrit
from scipy.stats import rankdata

from skfuse._chunks import chunks
from skfuse.permutation import LinearStatistic, adjust_p_values

THRESHOLD_TYPES = ("p", "fdr", "fraction", "count")
_CHUNK_BYTES = 2**24


def checked_confounds(confounds, n_subjects):
    """Confounds as numbers, a column for each.

    Parameters
    ----------
    confounds : array-like of shape (n_subjects, n_confounds) or (n_subjects,), or None
    n_subjects : int

    Returns
    -------
    confounds : ndarray of shape (n_subjects, n_confounds) or None
    """
    if confounds is None:
        return None
    try:
        Z = np.asarray(confounds, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`confounds` must be numbers ({error}). Code a category such as site by a column of 0 and 1 for each "
            "level but one."
        ) from error
    Z = Z[:, None] if Z.ndim == 1 else Z
    if Z.ndim != 2 or len(Z) != n_subjects or not Z.shape[1]:
        raise ValueError(f"`confounds` has shape {Z.shape}, wanted ({n_subjects}, n_confounds): a row per subject.")
    finite = np.isfinite(Z).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"`confounds` has NaN or infinite values for {np.count_nonzero(~finite)} subjects, the first in row "
            f"{int(np.argmin(finite))}. Impute them, or leave these subjects out."
        )
    return Z


def edge_correlations(X, y, confounds, method):
    """Correlation of each edge with the target, partial where there are confounds.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_edges)
    y : ndarray of shape (n_subjects,)
    confounds : ndarray of shape (n_subjects, n_confounds) or None
    method : {"pearson", "partial", "spearman"}
        Spearman's takes ranks of edges, target and confounds.

    Returns
    -------
    r : ndarray of shape (n_edges,)
        0 where an edge or the target does not vary.
    degrees_of_freedom : int
        Of the test of one correlation.
    """
    ranked = method == "spearman"
    Z = rankdata(confounds, axis=0) if ranked and confounds is not None else confounds
    target = rankdata(y) if ranked else y
    if np.ptp(y) == 0:
        return np.zeros(X.shape[1]), _degrees_of_freedom(len(y), Z)
    r = np.empty(X.shape[1])
    for part in chunks(X.shape[1], 8 * len(X), _CHUNK_BYTES):
        some = X[:, part]
        statistic = LinearStatistic(rankdata(some, axis=0) if ranked else some, target, Z)
        r[part] = statistic.correlations()
    return r, statistic.degrees_of_freedom


def _degrees_of_freedom(n_subjects, Z):
    rank = 0 if Z is None else np.linalg.matrix_rank(Z - Z.mean(axis=0))
    return n_subjects - 2 - int(rank)


def two_sided_p(r, degrees_of_freedom):
    """P-values of correlations against 0, by Student's t."""
    return betainc(0.5 * degrees_of_freedom, 0.5, np.clip(1.0 - r * r, 0.0, 1.0))


def critical_correlation(threshold, degrees_of_freedom):
    """Size of a correlation whose two-sided p-value is the threshold."""
    t = stdtrit(degrees_of_freedom, 1.0 - 0.5 * threshold)
    return float(t / np.sqrt(degrees_of_freedom + t * t))


def selected_edges(r, p, threshold, threshold_type, degrees_of_freedom):
    """Which edges pass the threshold.

    Parameters
    ----------
    r, p : ndarray of shape (n_edges,)
        Correlations and their p-values.
    threshold : float
    threshold_type : {"p", "fdr", "fraction", "count"}
    degrees_of_freedom : int

    Returns
    -------
    selected : ndarray of shape (n_edges,), dtype bool
        Edges whose correlation is 0 are never selected.
    """
    if threshold_type == "p":
        return np.abs(r) > critical_correlation(threshold, degrees_of_freedom)
    if threshold_type == "fdr":
        return (adjust_p_values(p, method="fdr_bh") <= threshold) & (r != 0)
    n_kept = int(threshold) if threshold_type == "count" else max(1, round(threshold * len(r)))
    selected = np.zeros(len(r), dtype=bool)
    selected[np.argsort(-np.abs(r), kind="stable")[:n_kept]] = True
    return selected & (r != 0)


def check_threshold(threshold, threshold_type, n_edges=None):
    """Refuse thresholds outside the range of their kind."""
    if threshold_type == "count":
        if not isinstance(threshold, Integral) or threshold < 1:
            raise ValueError(f"threshold_type='count' needs a whole `threshold` of at least 1, got {threshold!r}.")
        if n_edges is not None and threshold > n_edges:
            raise ValueError(f"`threshold` asks for {threshold} edges, X has {n_edges}. Lower it.")
    elif not 0 < threshold <= 1:
        raise ValueError(
            f"threshold_type={threshold_type!r} needs a `threshold` above 0 and at most 1, got {threshold!r}. For a "
            "number of edges set threshold_type='count'."
        )
