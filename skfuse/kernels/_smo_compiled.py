"""Sequential minimal optimization over a weighted sum of kernels, compiled. Arrays in and out, no checks."""

import numpy as np
from numba import njit

_TINY = 1e-12
_PART = 128  # subjects whose least and largest gradient are noted together


@njit(cache=True, nogil=True)
def combined_row(kernels, weights, row, rows, filled):
    """Row of the weighted sum of kernels, made once and kept in `rows`."""
    if not filled[row]:
        out = rows[row]
        out[:] = 0.0
        for m in range(kernels.shape[0]):
            weight = out.dtype.type(weights[m])  # single precision stays so, which is twice as fast
            if weight != 0.0:
                one = kernels[m, row]
                for j in range(out.shape[0]):
                    out[j] += weight * one[j]
        filled[row] = True
    return rows[row]


@njit(cache=True, nogil=True)
def products(kernels, coefficients, out):
    """``kernels[m] @ coefficients`` for each kernel, over the rows with a coefficient; kernels are symmetric."""
    out[:, :] = 0.0
    add_products(kernels, coefficients, out)


@njit(cache=True, nogil=True)
def add_products(kernels, coefficients, out):
    """Add ``kernels[m] @ coefficients`` to `out`, so that a change of few coefficients takes few rows."""
    n = coefficients.shape[0]
    for m in range(kernels.shape[0]):
        target = out[m]
        for i in range(n):
            c = coefficients[i]
            if c != 0.0:
                one = kernels[m, i]
                for j in range(n):
                    target[j] += c * one[j]


@njit(cache=True, nogil=True)
def smo(kernels, weights, rows, filled, signs, upper, alpha, gradient, tol, max_iter):
    """Minimize 1/2 a'Qa + p'a over 0 <= a <= upper, signs'a fixed, Q_ij = s_i s_j K[i mod n, j mod n].

    There are n or 2 n variables. `alpha` and `gradient` = Qa + p are changed in place, from any feasible start. Pairs
    are chosen by second-order information (Fan, Chen, Lin, JMLR 6, 1889, 2005). Returns the number of steps and the
    largest violation left.
    """
    n, n_variables = kernels.shape[1], alpha.shape[0]
    diagonal = np.empty(n)
    for t in range(n):
        value = 0.0
        for m in range(kernels.shape[0]):
            value += weights[m] * kernels[m, t, t]
        diagonal[t] = value
    violation = 0.0
    for step in range(max_iter):
        i, best = -1, -np.inf
        for t in range(n_variables):
            value = -signs[t] * gradient[t]
            if value > best and (alpha[t] < upper[t] if signs[t] > 0 else alpha[t] > 0.0):
                i, best = t, value
        if i < 0:
            return step, 0.0
        row_i = combined_row(kernels, weights, i % n, rows, filled)
        j, worst, gain = -1, np.inf, 0.0
        for first in range(0, n_variables, n):  # the rows of both halves of 2 n variables are the same
            for k in range(n):
                t = first + k
                value = -signs[t] * gradient[t]
                if value >= best or not (alpha[t] > 0.0 if signs[t] > 0 else alpha[t] < upper[t]):
                    continue
                worst = min(worst, value)
                difference = best - value
                curvature = max(diagonal[i % n] + diagonal[k] - 2.0 * row_i[k], _TINY)
                if difference * difference > gain * curvature:
                    j, gain = t, difference * difference / curvature
        violation = best - worst
        if j < 0 or violation <= tol:
            return step, max(violation, 0.0) if j >= 0 else 0.0
        row_j = combined_row(kernels, weights, j % n, rows, filled)
        curvature = max(diagonal[i % n] + diagonal[j % n] - 2.0 * row_i[j % n], _TINY)
        delta = (best + signs[j] * gradient[j]) / curvature
        # alpha_i moves by signs_i * delta, alpha_j by -signs_j * delta, as far as both bounds allow
        delta = min(delta, upper[i] - alpha[i] if signs[i] > 0 else alpha[i])
        delta = min(delta, alpha[j] if signs[j] > 0 else upper[j] - alpha[j])
        alpha[i] = _moved(alpha[i], signs[i] * delta, upper[i])
        alpha[j] = _moved(alpha[j], -signs[j] * delta, upper[j])
        for first in range(0, n_variables, n):
            for k in range(n):
                gradient[first + k] += signs[first + k] * (delta * (row_i[k] - row_j[k]))
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

    `gamma` and `products_of_gamma` = K (s∘g) are changed in place. Returns steps, objective and Frank-Wolfe gap. In
    each class weight goes from the subject with the largest gradient to the one with the smallest. Most subjects are
    free here, so that pairs chosen by curvature would take hardly fewer steps, of twice the time.
    """
    n = gamma.shape[0]
    half = signs * products_of_gamma + ridge * gamma  # half the gradient
    n_parts = (n + _PART - 1) // _PART
    lows, highs = np.empty((2, n_parts)), np.empty((2, n_parts))
    objective, gap = np.dot(gamma, half), np.inf
    up, down, by, steps = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64), np.zeros(2), max_iter
    for step in range(max_iter):
        first, second, third, fourth = K[up[0]], K[down[0]], K[up[1]], K[down[1]]
        for part in range(n_parts):
            found = _moved_part(half, signs, gamma, first, second, third, fourth, by[0], by[1], part * _PART)
            lows[0, part], lows[1, part], highs[0, part], highs[1, part] = found
        gap = 2.0 * (objective - lows[0].min() - lows[1].min())
        if gap <= tol * max(objective, _TINY):
            objective = np.dot(gamma, half)  # without the rounding of all the steps
            gap = 2.0 * (objective - lows[0].min() - lows[1].min())
            if gap <= tol * max(objective, _TINY):
                steps = step
                break
        for label in range(2):
            up[label] = _place(half, signs, gamma, lows[label].argmin(), lows[label].min(), label, -1.0)
            down[label] = _place(half, signs, gamma, highs[label].argmax(), highs[label].max(), label, 0.0)
        gained = 0.0
        for label in range(2):
            i, j = up[label], down[label]
            difference = half[j] - half[i]
            if label == 1:  # what the pair of the other class has just changed
                a, b = up[0], down[0]
                difference += by[0] * ((K[a, i] - K[b, i]) - (K[a, j] - K[b, j]))
            curvature = max(K[i, i] + K[j, j] - 2.0 * K[i, j] + ridge[i] + ridge[j], _TINY)
            delta = max(min(difference / curvature, gamma[j]), 0.0)
            gamma[i] += delta
            gamma[j] = 0.0 if delta == gamma[j] else gamma[j] - delta
            half[i] += ridge[i] * delta
            half[j] -= ridge[j] * delta
            by[label] = signs[i] * delta
            gained += delta * (2.0 * difference - delta * curvature)
        if gained <= 0.0:
            steps = step
            break
        objective -= gained
    products_of_gamma[:] = signs * (half - ridge * gamma)
    return steps, objective, gap


# No value here is NaN or a zero whose sign matters, and only by that are minima and maxima vectorized.
@njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "contract"})
def _moved_part(half, signs, gamma, first, second, third, fourth, by, by_other, start):
    """Move part of the gradient by two pairs; its least value in each class, and the largest of those with weight."""
    low_positive, low_negative, high_positive, high_negative = np.inf, np.inf, -np.inf, -np.inf
    for t in range(start, min(start + _PART, half.shape[0])):
        change = by * (first[t] - second[t]) + by_other * (third[t] - fourth[t])
        value = half[t] + signs[t] * change
        half[t] = value
        positive = value if signs[t] > 0.0 else np.inf
        negative = value if signs[t] < 0.0 else np.inf
        weighed = value if gamma[t] > 0.0 else -np.inf
        weighed_positive = weighed if signs[t] > 0.0 else -np.inf
        weighed_negative = weighed if signs[t] < 0.0 else -np.inf
        low_positive = positive if positive < low_positive else low_positive
        low_negative = negative if negative < low_negative else low_negative
        high_positive = weighed_positive if weighed_positive > high_positive else high_positive
        high_negative = weighed_negative if weighed_negative > high_negative else high_negative
    return low_positive, low_negative, high_positive, high_negative


@njit(cache=True, nogil=True)
def _place(half, signs, gamma, part, value, label, above):
    """First subject of a part that has this gradient, in this class, with a weight above."""
    sign = 1.0 if label == 0 else -1.0
    for t in range(part * _PART, min((part + 1) * _PART, half.shape[0])):
        if half[t] == value and signs[t] == sign and gamma[t] > above:
            return t
    return -1
