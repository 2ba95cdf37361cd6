"""Predictions of held-out subjects by models of many targets at once: Pearson or partial, threshold p, least squares.

What a loop of fits would give, from matrix products: the correlations of all edges with all targets are one product,
and leaving out one subject is a correction of it. With H the projection on intercept and confounds and E the edges
without them, sums without subject i are sums of all minus :math:`e_i y_i / (1 - h_{ii})`.
"""

import numpy as np

from skfuse._chunks import chunks
from skfuse._covariates import covariate_basis, residuals_of
from skfuse.connectomes._cpm_edges import critical_correlation
from skfuse.connectomes._cpm_models import COLLINEAR

_BLOCK_BYTES = 2**20  # edges that are worked on at a time
_CHANGES_BYTES = 2**23  # strengths of targets times subjects left out
_TARGETS = 256  # targets that are worked on at a time, so that results do not depend on who shares the work
_FLAT = 1e-10  # an edge keeps less than this share of its sum of squares: confounds explain it
_CONSTANT = 1e-14  # the same of a target


def target_parts(n_targets, n_subjects, leave_one_out):
    """Which targets are worked on together, whatever the number of jobs."""
    size = 16 * n_subjects**2 if leave_one_out else 1
    return list(chunks(n_targets, size, _CHANGES_BYTES if leave_one_out else _TARGETS))


def fold_predictions(X, targets, confounds, train, test, *, threshold, sign):
    """Predict the subjects of one fold from models of the others, a model for each target.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_edges)
    targets : ndarray of shape (n_targets, n_subjects)
    confounds : ndarray of shape (n_subjects, n_confounds) or None
    train, test : ndarray of int
    threshold : float
        Of the p-value.
    sign : {"both", "positive", "negative", "difference"}

    Returns
    -------
    predictions : ndarray of shape (n_targets, n_test)
    empty : ndarray of shape (n_targets,), dtype bool
        Where no edge was selected, so that the mean is predicted.
    """
    from skfuse.connectomes._cpm_compiled import add_selected

    basis = covariate_basis(None if confounds is None else confounds[train], len(train))
    critical = _critical(threshold, len(train), basis)
    y = targets[:, train]
    means = y.mean(axis=1)
    Y = residuals_of(y.T, basis).T
    sizes = np.einsum("ij,ij->i", Y, Y)
    sizes[sizes <= _CONSTANT * ((y - means[:, None]) ** 2).sum(axis=1)] = np.inf
    n_targets = len(targets)
    strengths, told = np.zeros((n_targets, 2, len(train))), np.zeros((n_targets, 2, len(test)))
    counts = np.zeros((n_targets, 2), dtype=np.int64)
    for block in _blocks(X):
        edges = X[:, block].astype(np.float64)
        center = edges[train].mean(axis=0)
        E, squares, flat = _without_confounds(edges[train].T, center, basis)
        squares[flat] = np.inf
        C = np.ascontiguousarray((edges[test] - center).T)
        add_selected(Y @ E.T, E, C, critical**2 * squares, sizes, strengths, told, counts)
    gram = np.stack([np.einsum("bj,bj->b", strengths[:, i], strengths[:, j]) for i, j in ((0, 0), (0, 1), (1, 1))], 1)
    coef = coefficients(gram, np.einsum("bsj,bj->bs", strengths, Y), sign)
    return means[:, None] + np.einsum("bs,bsj->bj", coef, told), _empty(counts, sign)


def left_out_predictions(X, targets, confounds, *, threshold, sign):
    """Predict each subject from a model of all others, for each target.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_edges)
    targets : ndarray of shape (n_targets, n_subjects)
    confounds : ndarray of shape (n_subjects, n_confounds) or None
        Such that :func:`can_leave_out`.
    threshold : float
        Of the p-value.
    sign : {"both", "positive", "negative", "difference"}

    Returns
    -------
    predictions : ndarray of shape (n_targets, n_subjects)
    empty : ndarray of shape (n_targets, n_subjects), dtype bool
        Where no edge was selected, so that the mean of the others is predicted.
    """
    from skfuse.connectomes._cpm_compiled import add_left_out, left_out_sums

    n_targets, n = targets.shape
    basis = covariate_basis(confounds, n)
    leverage = 1.0 / (1.0 - np.einsum("ij,ij->i", basis, basis))
    critical = _critical(threshold, n - 1, basis)
    means = targets.mean(axis=1, keepdims=True)
    Y = np.ascontiguousarray(residuals_of(targets.T, basis).T)
    whole = np.einsum("ij,ij->i", Y, Y)[:, None]
    sizes = whole - leverage * Y * Y
    sizes[sizes <= _CONSTANT * ((targets - means) ** 2).sum(axis=1, keepdims=True)] = np.inf
    bounds = np.column_stack([whole[:, 0], np.abs(Y).max(axis=1), sizes.min(axis=1)])
    strengths, changes = np.zeros((n_targets, 2, n)), np.zeros((n_targets, n, 2, n))
    told, counts = np.zeros((n_targets, n, 2)), np.zeros((n_targets, n, 2), dtype=np.int64)
    for block in _blocks(X):
        edges = X[:, block].T.astype(np.float64)
        center = edges.mean(axis=1)
        C = edges - center[:, None]
        E, squares, flat = _without_confounds(edges, center, basis)
        total = np.maximum(np.einsum("ij,ij->i", C, C), n * center**2)
        limits = squares[:, None] - leverage * E * E
        # An edge that varies through one subject alone varies by rounding without it.
        limits[flat[:, None] | (limits <= _FLAT * total[:, None])] = np.inf
        limits *= critical**2
        reach = np.abs(leverage * E).max(axis=1)
        add_left_out(
            Y @ E.T,
            E,
            C,
            leverage,
            Y,
            limits,
            sizes,
            reach,
            limits.min(axis=1),
            bounds,
            strengths,
            changes,
            told,
            counts,
        )
    gram, moments = np.empty((n_targets, n, 3)), np.empty((n_targets, n, 2))
    left_out_sums(strengths, changes, counts, leverage, Y, gram, moments)
    coef = coefficients(gram, moments, sign)
    others = means - (targets - means) / (n - 1)
    return others + n / (n - 1) * (coef * told).sum(axis=2), _empty(counts, sign)


def can_leave_out(confounds, n_subjects):
    """Whether no subject is the only one that tells the confounds apart, so that sums can be corrected for it."""
    basis = covariate_basis(confounds, n_subjects)
    return bool(np.einsum("ij,ij->i", basis, basis).max() < 1.0 - 1e-6)


def coefficients(gram, moments, sign):
    """Coefficients of the positive and the negative strength, from sums of squares and products.

    Parameters
    ----------
    gram : ndarray of shape (..., 3)
        Positive², positive · negative, negative².
    moments : ndarray of shape (..., 2)
        Products with the target.
    sign : {"both", "positive", "negative", "difference"}

    Returns
    -------
    coef : ndarray of shape (..., 2)
        As :func:`skfuse.connectomes._cpm_models.least_squares`.
    """
    a, b, c = gram[..., 0], gram[..., 1], gram[..., 2]
    p, q = moments[..., 0], moments[..., 1]
    none = np.zeros_like(a)
    if sign == "positive":
        return np.stack([_ratio(p, a), none], axis=-1)
    if sign == "negative":
        return np.stack([none, _ratio(q, c)], axis=-1)
    if sign == "difference":
        slope = _ratio(p - q, a + c - 2.0 * b)
        return np.stack([slope, -slope], axis=-1)
    determinant = a * c - b * b
    one = determinant <= COLLINEAR * a * c
    scale = np.where(one, (a + c) ** 2, determinant)
    first = np.where(one, a * p + b * q, c * p - b * q)
    second = np.where(one, b * p + c * q, a * q - b * p)
    return np.stack([_ratio(first, scale), _ratio(second, scale)], axis=-1)


def _ratio(above, below):
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _critical(threshold, n_train, basis):
    return critical_correlation(threshold, n_train - basis.shape[1] - 1)


def _blocks(X):
    return chunks(X.shape[1], 8 * len(X), _BLOCK_BYTES)


def _without_confounds(edges, center, basis):
    """Edges (n_edges, n_subjects) without intercept and confounds, their sums of squares, and which are flat."""
    C = edges - center[:, None]
    E = residuals_of(C.T, basis[:, 1:]).T if basis.shape[1] > 1 else C
    whole, squares = np.einsum("ij,ij->i", C, C), np.einsum("ij,ij->i", E, E)
    flat = squares <= _FLAT * np.maximum(whole, edges.shape[1] * center**2)
    return np.ascontiguousarray(E), squares, flat


def _empty(counts, sign):
    used = {"positive": [0], "negative": [1]}.get(sign, [0, 1])
    return counts[..., used].sum(axis=-1) == 0
