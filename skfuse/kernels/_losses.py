r"""Losses of kernel machines, each with its dual problem at fixed weights of the kernels.

All have the form :math:`\min_{w, b} \tfrac12 \lVert w \rVert^2 + \sum_i \ell_i(f_i + b)` with :math:`f = K \beta`; a
problem keeps its dual variables from one call to the next, so that it starts warm when the weights change a little.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

_MOST_STEPS = 1_000_000
_AT_BOUND = 1e-8


class _PairProblem:
    """A dual problem with box constraints and one equation, solved by sequential minimal optimization."""

    def __init__(self, index, signs, linear, upper):
        self.index, self.signs, self.linear, self.upper = index.astype(np.int64), signs, linear, upper
        self.alpha = np.zeros(len(signs))
        self.gradient = linear.copy()
        self.steps_left = True

    def solve(self, kernels, weights, rows, filled, tol):
        """Move the dual variables to within `tol` of the conditions of the optimum; returns coefficients (n,)."""
        from skfuse.kernels._smo_compiled import smo

        steps, _ = smo(
            kernels,
            weights,
            rows,
            filled,
            self.signs,
            self.upper,
            self.alpha,
            self.gradient,
            tol,
            _MOST_STEPS,
        )
        self.steps_left = steps < _MOST_STEPS
        return self.coefficients()

    def coefficients(self):
        """Coefficient of each subject in the decision."""
        return np.bincount(self.index, self.signs * self.alpha, minlength=self.index.max() + 1)

    def restart(self, decision):
        """Take over the decision (n,) of the same dual variables under other weights."""
        self.gradient = self.signs * decision[self.index] + self.linear

    def dual_linear(self):
        """The part of the dual objective that does not depend on kernels."""
        return -float(self.linear @ self.alpha)

    def bias(self, decision):
        """Intercept: the mean over free variables, the middle of what is possible where there is none."""
        reach = -self.signs * self.gradient
        close = _AT_BOUND * np.where(np.isfinite(self.upper), self.upper, 0.0)  # of one that missed it by rounding
        free = (self.alpha > close) & (self.alpha < self.upper - close)
        if free.any():
            return float(reach[free].mean())
        can_rise = np.where(self.signs > 0, self.alpha < self.upper, self.alpha > 0)
        can_fall = np.where(self.signs > 0, self.alpha > 0, self.alpha < self.upper)
        ends = [reach[side] for side in (can_rise, can_fall) if side.any()]
        ends = [end.max() if place == 0 else end.min() for place, end in enumerate(ends)] if len(ends) == 2 else ends
        return float(np.mean(ends)) if len(ends) == 2 else float(ends[0].mean())


class Hinge(_PairProblem):
    """Hinge loss of a classifier: ``C_i max(0, 1 - y_i f_i)`` with classes -1 and 1."""

    def __init__(self, y, C):
        self.y, self.C = y, C
        super().__init__(np.arange(len(y)), y.copy(), -np.ones(len(y)), C)

    def loss(self, decision):
        """Loss at the best intercept for this decision."""
        price = _finite_prices(self.C)
        bias = _lowest_point(self.y - decision, price, -price[self.y > 0].sum())
        errors = np.maximum(0.0, 1.0 - self.y * (decision + bias))
        return float(np.sum(self.C[errors > 0] * errors[errors > 0]))


class EpsilonInsensitive(_PairProblem):
    """Loss of a regression that forgives errors up to epsilon: ``C_i max(0, |y_i - f_i| - epsilon)``."""

    def __init__(self, y, C, epsilon):
        self.y, self.C, self.epsilon = y, C, epsilon
        n = len(y)
        signs = np.repeat([1.0, -1.0], n)
        linear = np.concatenate([epsilon - y, epsilon + y])
        super().__init__(np.tile(np.arange(n), 2), signs, linear, np.tile(C, 2))

    def loss(self, decision):
        """Loss at the best intercept for this decision."""
        rest = self.y - decision
        ends = np.concatenate([rest - self.epsilon, rest + self.epsilon])
        price = _finite_prices(self.C)
        bias = _lowest_point(ends, np.tile(price, 2), -price.sum())
        errors = np.maximum(0.0, np.abs(rest - bias) - self.epsilon)
        return float(np.sum(self.C[errors > 0] * errors[errors > 0]))


class Squared:
    """Squared loss of kernel ridge regression: ``C_i / 2 (y_i - f_i)^2``, solved by one factorization."""

    steps_left = True

    def __init__(self, y, C):
        self.y, self.C = y, C

    def solve(self, kernels, weights, rows, filled, tol):
        """Coefficients (n,) of the exact solution."""
        K = np.zeros(kernels.shape[1:])
        for weight, one in zip(weights, kernels, strict=True):
            if weight != 0:
                K += weight * one
        K[np.diag_indices_from(K)] += 1.0 / self.C
        try:
            factor = cho_factor(K, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError as error:
            raise ValueError(
                f"Squared loss at C = {np.max(self.C):g} has no unique solution: the weighted kernel is singular and C "
                "adds nothing to its diagonal. Lower C."
            ) from error
        both = cho_solve(factor, np.column_stack([self.y, np.ones_like(self.y)]), check_finite=False)
        self._bias = both[:, 0].sum() / both[:, 1].sum()
        self.beta = both[:, 0] - self._bias * both[:, 1]
        return self.beta

    def restart(self, decision):
        """Nothing to take over: every solution is exact."""

    def dual_linear(self):
        """The part of the dual objective that does not depend on kernels."""
        return float(self.y @ self.beta - 0.5 * np.sum(self.beta**2 / self.C))

    def bias(self, decision):
        """Intercept."""
        return float(self._bias)

    def loss(self, decision):
        """Loss at the best intercept for this decision."""
        rest = self.y - decision
        return float(0.5 * np.sum(self.C * (rest - np.average(rest, weights=self.C)) ** 2))


def _finite_prices(C):
    """Prices with the same best intercept: where some are infinite, only these count, all alike."""
    return np.isinf(C).astype(np.float64) if np.isinf(C).any() else C


def _lowest_point(breaks, changes, slope):
    """Where a convex piecewise linear function is lowest: its slope starts at `slope` and grows at each break."""
    order = np.argsort(breaks, kind="stable")
    reached = slope + np.cumsum(changes[order])
    place = int(np.searchsorted(reached, 0.0))
    return float(breaks[order[min(place, len(order) - 1)]])
