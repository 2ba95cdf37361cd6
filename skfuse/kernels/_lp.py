"""Weights of kernels under an lp-norm constraint, learned together with the machine that uses them."""

from dataclasses import dataclass

import numpy as np

_MOST_ROUNDS = 200
_FLOOR = 1e-12  # a weight may fall to this share of the largest and still come back
_POLISH = 1e-3  # largest violation of the optimum's conditions by the final machine, as in libsvm


@dataclass
class KernelMachine:
    """A machine on a weighted sum of kernels.

    Attributes
    ----------
    weights : ndarray of shape (n_kernels,)
    coefficients : ndarray of shape (n_outputs, n_subjects)
        Of the training subjects, in each output.
    intercepts : ndarray of shape (n_outputs,)
    products : ndarray of shape (n_outputs, n_kernels, n_subjects)
        Each kernel times the coefficients: decisions of the training subjects by kernel, not yet weighed.
    gap : float
        Duality gap relative to the primal objective.
    n_iter : int
        Rounds: machines that were solved.
    converged : bool
    """

    weights: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    products: np.ndarray
    gap: float
    n_iter: int
    converged: bool


def fit_machine(kernels, problems, *, p=None, weights=None, radius=1.0, tol=1e-2, max_iter=_MOST_ROUNDS):
    r"""Solve a kernel machine, and the weights of its kernels unless they are given.

    .. math:: \min_{\lVert \theta \rVert_p \le R} \; \max_\alpha \; -p^\top \alpha - \tfrac12 \sum_m \theta_m S_m,
              \qquad S_m = \sum_o \beta_o^\top K_m \beta_o,

    by turns: a few steps of the machine, then :math:`\theta_m \propto \theta_m (S_m / \theta_m^{p-1})^\eta`. The fixed
    point is that of the closed form [1]_, which is :math:`\eta = 1/(p+1)`; larger steps take fewer rounds, and are
    halved when the objective rises. It ends when the duality gap is at most `tol` times the primal objective, and other
    weights would gain at most `tol` of the squared norm of the machine.

    Parameters
    ----------
    kernels : ndarray of shape (n_kernels, n_subjects, n_subjects)
        float32 or float64, symmetric.
    problems : list
        One dual problem per output, as in ``_losses``.
    p : float or None
        At least 1; infinite for equal weights. None with `weights`.
    weights : ndarray of shape (n_kernels,) or None
        Fixed weights.
    radius : float
        R above.
    tol : float
    max_iter : int
        Rounds at most.

    Returns
    -------
    machine : KernelMachine

    References
    ----------
    .. [1] M. Kloft, U. Brefeld, S. Sonnenburg, A. Zien. lp-norm multiple kernel learning. JMLR 12, 953 (2011).
       https://jmlr.org/papers/v12/kloft11a.html
    """
    n_kernels, n = kernels.shape[:2]
    fixed = weights is not None or np.isinf(p) or n_kernels == 1
    if weights is None:
        weights = np.full(n_kernels, radius * n_kernels ** (-1.0 / p))
    rule = weight_rule(None if fixed else p, radius, weights)
    rows, filled = np.empty((n, n), dtype=kernels.dtype), np.zeros(n, dtype=np.bool_)
    coefficients, products = np.zeros((len(problems), n)), np.zeros((len(problems), n_kernels, n))
    inner, best = _POLISH if fixed else 0.1, np.inf
    for n_iter in range(1, max_iter + 1):
        coefficients = _solve(kernels, problems, weights, rows, filled, inner, coefficients, products)
        S = np.maximum(np.einsum("on,omn->m", coefficients, products), 0.0)
        gap, at_weights = _gaps(problems, products, weights, S, rule)
        settled = gap <= tol and rule.settled(weights, S, tol)
        if (settled and inner <= _POLISH) or not all(problem.steps_left for problem in problems):
            break
        if settled:  # the weights will do; the machine is solved further, which may open the gap again
            inner = _POLISH
            continue
        if n_iter == max_iter:  # weights of another round would not be those of the machine
            break
        if fixed or at_weights > 0.5 * gap:  # the machine, not the weights, is what is inexact
            inner = max(0.2 * inner, 1e-12)
        inner = min(inner, max(gap, 1e-12))
        if not fixed:
            weights = rule.step(weights, S, _objective(problems, weights, S))
            filled[:] = False  # rows of the sum last as long as its weights
            for problem, one in zip(problems, products, strict=True):
                problem.restart(weights @ one)
        elif inner <= 1e-12 and gap >= best:
            break
        best = min(best, gap)
    intercepts = np.array([problem.bias(weights @ one) for problem, one in zip(problems, products, strict=True)])
    return KernelMachine(weights, coefficients, intercepts, products, float(gap), n_iter, bool(gap <= tol))


def _solve(kernels, problems, weights, rows, filled, tol, before, products):
    """Coefficients of all outputs; `products` of those `before` are brought up to date, from what has changed alone."""
    from skfuse.kernels._smo_compiled import add_products

    coefficients = np.array([problem.solve(kernels, weights, rows, filled, tol) for problem in problems])
    for change, out in zip(coefficients - before, products, strict=True):
        add_products(kernels, change, out)
    return coefficients


def _gaps(problems, products, weights, S, rule):
    """Relative duality gap with the weights free, and with the weights as they are."""
    loss = sum(problem.loss(weights @ one) for problem, one in zip(problems, products, strict=True))
    linear = sum(problem.dual_linear() for problem in problems)
    primal, dual = rule.penalty(weights, S) + loss, linear - rule.dual_penalty(S)
    quadratic = 0.5 * float(weights @ S)
    if not np.isfinite(primal):  # an infinite C, and errors left
        return np.inf, np.inf
    size = max(abs(primal), np.finfo(float).tiny)
    return max(primal - dual, 0.0) / size, max(2.0 * quadratic + loss - linear, 0.0) / size


def _objective(problems, weights, S):
    return sum(problem.dual_linear() for problem in problems) - 0.5 * float(weights @ S)


def weight_rule(p, radius, weights):
    """How weights move and what the norm of a machine is: in a ball of the lp norm, or fixed (p None)."""
    return _Fixed(weights) if p is None else _LpRule(p, radius)


class _Fixed:
    """Given weights: the norm of a machine is that of its weighted kernel."""

    def __init__(self, weights):
        self.weights = weights

    def penalty(self, weights, S):
        return 0.5 * float(weights @ S)

    def dual_penalty(self, S):
        return 0.5 * float(self.weights @ S)

    def settled(self, weights, S, tol):
        return True


class _LpRule:
    """Weights in a ball of the lp norm."""

    def __init__(self, p, radius):
        self.p, self.radius = p, radius
        self.least_step = 1.0 / (p + 1.0)
        self.step_size = max(min(2.0, 1.0 / (p - 1.0)) if p > 1 else 2.0, self.least_step)
        self.before = np.inf

    def penalty(self, weights, S):
        """Half the squared block norm of the machine, at the weights that are best for it."""
        norms = weights * np.sqrt(S)
        q = 2.0 * self.p / (self.p + 1.0)
        return 0.5 * _norm(norms, q) ** 2 / self.radius

    def dual_penalty(self, S):
        return 0.5 * self.radius * _norm(S, np.inf if self.p == 1 else self.p / (self.p - 1.0))

    def settled(self, weights, S, tol):
        """Whether no other weights would do much better for this machine.

        Where `C` is small, the loss is nearly all of the objective, and its gap closes before any weight has moved.
        Weights are moved once at least: equal ones would look as if nothing had been learned.
        """
        return np.isfinite(self.before) and float(weights @ S) >= (1.0 - tol) * 2.0 * self.dual_penalty(S)

    def step(self, weights, S, objective):
        """Weights of the next round; all alike where no kernel carries anything."""
        if objective > self.before * (1 + 1e-9):
            self.step_size = max(0.5 * self.step_size, self.least_step)
        self.before = objective
        if not S.max() > 0:
            return weights
        S = np.maximum(S / S.max(), 1e-300)
        theta = np.log(np.maximum(weights / weights.max(), _FLOOR))
        theta += self.step_size * (np.log(S) - (self.p - 1.0) * theta)
        theta = np.exp(theta - theta.max())
        theta = np.maximum(theta, _FLOOR)
        return self.radius * theta / _norm(theta, self.p)


def _norm(values, p):
    """The lp norm, for any p of at least 1, without overflow."""
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0 or np.isinf(p):
        return largest
    return largest * float(np.sum((np.abs(values) / largest) ** p)) ** (1.0 / p)
