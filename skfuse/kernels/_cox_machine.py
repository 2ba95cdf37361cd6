"""Cox regression in the space of a weighted sum of kernels, with the weights learned along."""

import numpy as np

from skfuse.kernels._cox import baseline_survival, cox_ridge
from skfuse.kernels._lp import KernelMachine, weight_rule

_MOST_ROUNDS = 200
_NOTHING = 1e-12  # share of the largest eigenvalue


class ExactSpace:
    """Weighted sums of whole kernels, by eigenvectors.

    Parameters
    ----------
    kernels : ndarray of shape (n_kernels, n_subjects, n_subjects)
    """

    def __init__(self, kernels):
        self.kernels = kernels
        self.n_kernels = len(kernels)

    def features(self, weights):
        """Features whose products are the weighted kernel (n_subjects, rank)."""
        K = np.zeros(self.kernels.shape[1:])
        for weight, one in zip(weights, self.kernels, strict=True):
            K += weight * one
        values, vectors = np.linalg.eigh(K)
        kept = values > _NOTHING * max(values[-1], 0.0)
        self._root, self._vectors = np.sqrt(values[kept]), vectors[:, kept]
        return self._vectors * self._root

    def squares(self, residuals):
        """Squared norm of the residuals' sum in each kernel."""
        return np.array([max(residuals @ (K @ residuals), 0.0) for K in self.kernels])

    def start(self, decision):
        """Coefficients of the features that give a decision."""
        return (self._vectors.T @ decision) / self._root

    def machine(self, weights, coef, gap, n_iter, converged):
        """The fitted machine, by coefficients of subjects."""
        beta = self._vectors @ (coef / self._root)
        products = np.array([K @ beta for K in self.kernels])
        return KernelMachine(weights, beta[None], np.zeros(1), products[None], gap, n_iter, converged)


class LowRankSpace:
    """Weighted low-rank features.

    Parameters
    ----------
    matrix : ndarray of shape (n_subjects, n_features)
    parts : list of slice
        Columns of each kernel.
    """

    def __init__(self, matrix, parts):
        self.matrix, self.parts = matrix, parts
        self.n_kernels = len(parts)

    def features(self, weights):
        """Features scaled by the roots of the weights."""
        self._root = np.concatenate(
            [np.full(part.stop - part.start, np.sqrt(weight)) for weight, part in zip(weights, self.parts, strict=True)]
        )
        return self.matrix * self._root

    def squares(self, residuals):
        """Squared norm of the residuals' sum in each kernel."""
        sums = residuals @ self.matrix
        return np.array([float(sums[part] @ sums[part]) for part in self.parts])

    def start(self, decision):
        """No start: features of another scale."""
        return None

    def machine(self, weights, coef, gap, n_iter, converged):
        """The fitted machine, by coefficients of features."""
        return KernelMachine(weights, (self._root * coef)[None], np.zeros(1), None, gap, n_iter, converged)


def fit_cox_machine(
    space, event, time, *, C, case_weights=None, p=None, weights=None, radius=1.0, tol=1e-2, max_iter=_MOST_ROUNDS
):
    r"""Maximize the partial likelihood under the block norm of multiple kernel learning.

    .. math:: \min_{\lVert \theta \rVert_p \le R, \, w} \; \tfrac12 \sum_m \lVert w_m \rVert^2 / \theta_m
              - C \log \mathrm{PL}(f), \qquad f = \sum_m \Phi_m w_m,

    by turns, as :func:`skfuse.kernels._lp.fit_machine`. The dual variables are the martingale residuals,
    :math:`\beta_i = C (\delta_i - e^{f_i} H_0(t_i))`, and :math:`S_m = \beta^\top K_m \beta`.

    Parameters
    ----------
    space : ExactSpace or LowRankSpace
    event, time : ndarray of shape (n_subjects,)
    C : float
        Price of the log-likelihood of a subject.
    case_weights : ndarray of shape (n_subjects,) or None
    p, weights, radius, tol, max_iter
        As in ``fit_machine``.

    Returns
    -------
    machine : KernelMachine
    """
    fixed = weights is not None or np.isinf(p) or space.n_kernels == 1
    if weights is None:
        weights = np.full(space.n_kernels, radius * space.n_kernels ** (-1.0 / p))
    rule, decision = weight_rule(None if fixed else p, radius, weights), None
    for n_iter in range(1, max_iter + 1):  # noqa: B007 (how many it took is returned)
        Z = space.features(weights)
        start = None if decision is None else space.start(decision)
        fit = cox_ridge(Z, event, time, penalty=1.0 / C, weights=case_weights, start=start)
        decision = Z @ fit.coef
        S = space.squares(C * martingale_residuals(event, time, decision, case_weights))
        penalty, loss = rule.penalty(weights, S), -C * fit.log_likelihood
        gap = max(penalty - float(weights @ S) + rule.dual_penalty(S), 0.0)
        gap /= max(abs(penalty + loss), np.finfo(float).tiny)
        if fixed or (gap <= tol and rule.settled(weights, S, tol)):
            break
        weights = rule.step(weights, S, loss + 0.5 * float(weights @ S))
    converged = bool(fit.converged or fit.decrement < 1e-6) and (fixed or gap <= tol)
    return space.machine(weights, fit.coef, float(gap), n_iter, converged)


def martingale_residuals(event, time, decision, case_weights=None):
    """Event minus expected events of each subject, ``w (δ − e^f H_0(t))``; with a constant decision those of nobody."""
    baseline = baseline_survival(event, time, decision, weights=case_weights)
    steps = np.concatenate([[0.0], baseline.cumulative_hazard])
    expected = np.exp(decision) * steps[np.searchsorted(baseline.times, time, side="right")]
    return (event - expected) * (1.0 if case_weights is None else case_weights)
