"""Sequential minimal optimization over a weighted sum of kernels, compiled. Arrays in and out, no checks."""

import numpy as np
from numba import njit

_TINY = 1e-12


@njit(cache=True, nogil=True)
def combined_row(kernels, weights, row, rows, filled):
    """Row of the weighted sum of kernels, made once and kept in `rows`."""
    if not filled[row]:
        out = rows[row]
        out[:] = 0.0
        for m in range(kernels.shape[0]):
            weight = weights[m]
            if weight != 0.0:
                one = kernels[m, row]
                for j in range(out.shape[0]):
                    out[j] += weight * one[j]
        filled[row] = True
    return rows[row]


@njit(cache=True, nogil=True)
def products(kernels, coefficients, out):
    """``kernels[m] @ coefficients`` for each kernel, over the rows with a coefficient; kernels are symmetric."""
    n = coefficients.shape[0]
    out[:, :] = 0.0
    for m in range(kernels.shape[0]):
        target = out[m]
        for i in range(n):
            c = coefficients[i]
            if c != 0.0:
                one = kernels[m, i]
                for j in range(n):
                    target[j] += c * one[j]


@njit(cache=True, nogil=True)
def smo(kernels, weights, rows, filled, index, signs, upper, alpha, gradient, tol, max_iter):
    """Minimize 1/2 a'Qa + p'a over 0 <= a <= upper, signs'a fixed, Q_ij = s_i s_j K[index_i, index_j].

    `alpha` and `gradient` = Qa + p are changed in place, from any feasible start. Pairs are chosen by second-order
    information (Fan, Chen, Lin, JMLR 6, 1889, 2005). Returns the number of steps and the largest violation left.
    """
    n_variables = alpha.shape[0]
    diagonal = np.empty(n_variables)
    for t in range(n_variables):
        value = 0.0
        for m in range(kernels.shape[0]):
            value += weights[m] * kernels[m, index[t], index[t]]
        diagonal[t] = value
    violation = 0.0
    for step in range(max_iter):
        i, best = -1, -np.inf
        for t in range(n_variables):
            value = -signs[t] * gradient[t]
            free = alpha[t] < upper[t] if signs[t] > 0 else alpha[t] > 0.0
            if free and value > best:
                i, best = t, value
        if i < 0:
            return step, 0.0
        row_i = combined_row(kernels, weights, index[i], rows, filled)
        j, worst, gain = -1, np.inf, np.inf
        for t in range(n_variables):
            if not (alpha[t] > 0.0 if signs[t] > 0 else alpha[t] < upper[t]):
                continue
            value = -signs[t] * gradient[t]
            if value < worst:
                worst = value
            difference = best - value
            if difference > 0.0:
                curvature = diagonal[i] + diagonal[t] - 2.0 * row_i[index[t]]
                now = -difference * difference / (curvature if curvature > _TINY else _TINY)
                if now < gain:
                    j, gain = t, now
        violation = best - worst
        if j < 0 or violation <= tol:
            return step, max(violation, 0.0)
        row_j = combined_row(kernels, weights, index[j], rows, filled)
        curvature = max(diagonal[i] + diagonal[j] - 2.0 * row_i[index[j]], _TINY)
        delta = (best + signs[j] * gradient[j]) / curvature
        # alpha_i moves by signs_i * delta, alpha_j by -signs_j * delta, as far as both bounds allow
        delta = min(delta, upper[i] - alpha[i] if signs[i] > 0 else alpha[i])
        delta = min(delta, alpha[j] if signs[j] > 0 else upper[j] - alpha[j])
        alpha[i] = _moved(alpha[i], signs[i] * delta, upper[i])
        alpha[j] = _moved(alpha[j], -signs[j] * delta, upper[j])
        for t in range(n_variables):
            gradient[t] += signs[t] * delta * (row_i[index[t]] - row_j[index[t]])
    return max_iter, violation


@njit(cache=True, nogil=True)
def _moved(value, by, upper):
    """Value after a step, exactly on a bound that rounding would miss."""
    value += by
    if value < 1e-14 * abs(by):  # measured by the step: beside an upper bound of 1e10 no value would look like zero
        return 0.0
    return upper if value > upper * (1.0 - 1e-14) else value


@njit(cache=True, nogil=True)
def two_simplexes(K, signs, ridge, gamma, products_of_gamma, tol, max_iter):
    """Minimize (s∘g)'K(s∘g) + sum_i ridge_i g_i^2 over g >= 0 that sums to 1 in each of the two classes.

    `gamma` and `products_of_gamma` = K (s∘g) are changed in place. Returns steps, objective and Frank-Wolfe gap.
    """
    n = gamma.shape[0]
    gap, objective = np.inf, 0.0
    for step in range(max_iter):
        i_best, j_best, gain_best, gap, objective = -1, -1, 0.0, 0.0, 0.0
        for label in (-1.0, 1.0):
            i, low, mean = -1, np.inf, 0.0
            for t in range(n):
                if signs[t] == label:
                    half = signs[t] * products_of_gamma[t] + ridge[t] * gamma[t]  # half the gradient
                    mean += gamma[t] * half
                    if half < low:
                        i, low = t, half
            objective += mean
            gap += 2.0 * (mean - low)
            for t in range(n):
                if signs[t] == label and gamma[t] > 0.0:
                    half = signs[t] * products_of_gamma[t] + ridge[t] * gamma[t]
                    difference = half - low
                    if difference > 0.0:
                        curvature = K[i, i] + K[t, t] - 2.0 * K[i, t] + ridge[i] + ridge[t]
                        delta = min(difference / max(curvature, _TINY), gamma[t])
                        gain = delta * (2.0 * difference - delta * curvature)
                        if gain > gain_best:
                            i_best, j_best, gain_best = i, t, gain
        if gap <= tol * max(objective, _TINY) or i_best < 0:
            return step, objective, gap
        i, j = i_best, j_best
        curvature = max(K[i, i] + K[j, j] - 2.0 * K[i, j] + ridge[i] + ridge[j], _TINY)
        difference = signs[j] * products_of_gamma[j] + ridge[j] * gamma[j]
        difference -= signs[i] * products_of_gamma[i] + ridge[i] * gamma[i]
        delta = min(difference / curvature, gamma[j])
        gamma[i] += delta
        gamma[j] = 0.0 if delta == gamma[j] else gamma[j] - delta
        for t in range(n):
            products_of_gamma[t] += delta * (signs[i] * K[i, t] - signs[j] * K[j, t])
    return max_iter, objective, gap
