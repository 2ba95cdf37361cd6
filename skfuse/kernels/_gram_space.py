"""Ridge regression on the low-rank features of several kernels, with its weights, from their Gram matrix alone."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from skfuse.kernels._lp import KernelMachine, weight_rule

_MOST_ROUNDS = 200


def fit_in_gram_space(features, *, p=None, weights=None, radius=1.0, tol=1e-2, max_iter=_MOST_ROUNDS):
    r"""Solve lp-norm multiple kernel learning with the squared loss, whatever the number of subjects.

    .. math:: \min_{\lVert \theta \rVert_p \le R, \, w, \, b} \; \tfrac12 \sum_m \lVert w_m \rVert^2 / \theta_m
              + \tfrac12 \sum_i C_i (y_i - w^\top \varphi_i - b)^2,

    by turns, as :func:`skfuse.kernels._lp.fit_machine`: the dual variables are :math:`\beta_i = C_i (y_i - f_i)`, so
    that :math:`S_m = \lVert \Phi_m^\top \beta \rVert^2` needs no subject once the Gram matrix is there.

    Parameters
    ----------
    features : Features
    p, weights, radius, tol, max_iter
        As in ``fit_machine``.

    Returns
    -------
    machine : KernelMachine
        Its coefficients (n_outputs, n_features) are those of the features; it has no products.
    """
    n_kernels = len(features.parts)
    fixed = weights is not None or np.isinf(p) or n_kernels == 1
    if weights is None:
        weights = np.full(n_kernels, radius * n_kernels ** (-1.0 / p))
    rule = weight_rule(None if fixed else p, radius, weights)
    squares = float(features.target_squares.sum())
    for n_iter in range(1, max_iter + 1):  # noqa: B007 (how many it took is returned)
        w = _ridge(features, weights)
        rest = features.target - features.gram @ w
        S = np.array([np.sum(rest[part] ** 2) for part in features.parts])
        linear, quadratic = float(np.sum(w * features.target)), float(np.sum(w * (features.gram @ w)))
        error = max(squares - 2.0 * linear + quadratic, 0.0)
        primal = rule.penalty(weights, S) + 0.5 * error
        dual_linear = squares - linear - 0.5 * error
        gap = max(primal - dual_linear + rule.dual_penalty(S), 0.0) / max(primal, np.finfo(float).tiny)
        if fixed or (gap <= tol and rule.settled(weights, S, tol)):
            break
        weights = rule.step(weights, S, dual_linear - 0.5 * float(weights @ S))
    intercepts = features.target_means - features.means @ w
    return KernelMachine(weights, w.T, intercepts, None, float(gap), n_iter, bool(gap <= max(tol, 1e-6)))


def _ridge(features, weights):
    """Coefficients (n_features, n_outputs) at fixed weights of the kernels; exactly 0 where a weight is."""
    root = np.zeros(len(features.means))
    for weight, part in zip(weights, features.parts, strict=True):
        root[part] = np.sqrt(weight)
    system = root[:, None] * features.gram * root
    system[np.diag_indices_from(system)] += 1.0
    factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    return root[:, None] * cho_solve(factor, root[:, None] * features.target, check_finite=False)


def alignment_in_gram_space(features):
    """Centered products of the kernels and their alignment with the targets, of one weight per subject: (M, a)."""
    n_kernels = len(features.parts)
    a = np.array([np.sum(features.target[part] ** 2) for part in features.parts])
    M = np.empty((n_kernels, n_kernels))
    for one, first in enumerate(features.parts):
        for other, second in enumerate(features.parts):
            M[one, other] = np.sum(features.gram[first, second] ** 2)
    return M, a
