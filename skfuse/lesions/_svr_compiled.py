"""Support vector regression on a kernel, compiled, for many scores at a time. Arrays in and out, no checks."""

import numpy as np
from numba import njit

_TINY = 1e-12


@njit(cache=True, nogil=True)
def fit_duals(K, targets, C, epsilon, tol, max_iter, duals, intercepts, violations, steps):
    """Solve the dual for each row of `targets`; `duals`, `intercepts`, `violations` and `steps` are filled.

    Minimizes 1/2 b'Kb - y'b + epsilon |b|_1 over -C <= b <= C that sum to 0. The prediction is Kb + intercept.
    """
    for row in range(targets.shape[0]):
        fitted = fit_one(K, targets[row], C, epsilon, tol, max_iter, duals[row])
        intercepts[row], violations[row], steps[row] = fitted


@njit(cache=True, nogil=True)
def fit_one(K, target, C, epsilon, tol, max_iter, dual):
    """Sequential minimal optimization: one coefficient goes up, another down, until no pair gains more than `tol`.

    A coefficient b may move up at the rate ``-F - epsilon`` (``-F + epsilon`` below 0) with F = Kb - y, and down at
    ``-F - epsilon`` above 0 and ``-F + epsilon`` otherwise. The pair is chosen by second-order information (Fan, Chen,
    Lin, JMLR 6, 1889, 2005). Returns the intercept, the violation that is left and the number of steps.
    """
    n = target.shape[0]
    dual[:] = 0.0
    F = -target
    low = high = 0.0
    step_number = 0
    for step_number in range(max_iter + 1):
        i, high = -1, -np.inf
        for t in range(n):
            if dual[t] < C:
                rate = -F[t] + (epsilon if dual[t] < 0.0 else -epsilon)
                if rate > high:
                    i, high = t, rate
        j, low, gain = -1, np.inf, -1.0
        row_i = K[i]
        for t in range(n):
            if dual[t] > -C:
                rate = -F[t] + (-epsilon if dual[t] > 0.0 else epsilon)
                low = min(low, rate)
                difference = high - rate
                if difference > 0.0:
                    curvature = max(row_i[i] + K[t, t] - 2.0 * row_i[t], _TINY)
                    if difference * difference > gain * curvature:
                        j, gain = t, difference * difference / curvature
        if j < 0 or high - low <= tol or step_number == max_iter:
            break
        row_j = K[j]
        rate = -F[j] + (-epsilon if dual[j] > 0.0 else epsilon)
        step = (high - rate) / max(row_i[i] + row_j[j] - 2.0 * row_i[j], _TINY)
        # A step ends at a bound, and at 0, where the rate changes.
        room_up = -dual[i] if dual[i] < 0.0 else C - dual[i]
        room_down = dual[j] if dual[j] > 0.0 else C + dual[j]
        step = min(step, min(room_up, room_down))
        dual[i] = (0.0 if dual[i] < 0.0 else C) if step == room_up else dual[i] + step
        dual[j] = (0.0 if dual[j] > 0.0 else -C) if step == room_down else dual[j] - step
        for t in range(n):
            F[t] += step * (row_i[t] - row_j[t])
    return 0.5 * (high + low), max(high - low, 0.0), step_number
