"""Local regression of one variable (Cleveland's loess), with the surface computed directly at every point."""

import numpy as np

from skfuse._chunks import chunks

#: Weights and distances are computed for so many pairs at once (64 MB a piece).
PAIRS = 8_000_000

#: Condition of the normal equations (columns of length 1) up to which they lose nothing that counts.
SOUND = 1e6

#: Directions of the local design below this share of the largest singular value are left out (minimum norm).
RANK = 1e-13


def loess(x, y, *, span=0.75, degree=2, at=None):
    """Local polynomial with tricube weights over the nearest `span` of the points (Cleveland & Devlin 1988).

    Doi 10.1080/01621459.1988.10478639. `x`, `y` and `at` are 1-D and finite; returns the curve at `at` (at `x` where
    None). Where the nearest `span` of the points all lie at the place asked for, the curve is their mean.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    places, back = np.unique(x if at is None else np.asarray(at, dtype=np.float64), return_inverse=True)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    n_near = min(len(x), max(1, int(np.floor(len(x) * span + 1e-5))))
    fitted = np.empty(len(places))
    for part in chunks(len(places), len(x), PAIRS):
        fitted[part] = _fit(x, y, places[part], n_near, degree)
    return fitted[back]


def _bandwidths(x, places, n_near):
    """Distance of each place to its `n_near`-th nearest point of the sorted `x`, by bisection of the window's start."""
    low = np.zeros(len(places), dtype=np.intp)
    high = np.full(len(places), len(x) - n_near)
    while (low < high).any():
        middle = (low + high) // 2
        right = np.minimum(middle + n_near, len(x) - 1)
        go_right = (low < high) & (places - x[middle] > x[right] - places)
        low, high = np.where(go_right, middle + 1, low), np.where(go_right | (low >= high), high, middle)
    return np.maximum(np.abs(places - x[low]), np.abs(x[low + n_near - 1] - places))


def _fit(x, y, places, n_near, degree):
    """Value at each place of the polynomial fitted to the points near it."""
    width = _bandwidths(x, places, n_near)
    flat = width == 0
    offset = (x - places[:, None]) / np.where(flat, 1.0, width)[:, None]
    distance = np.abs(offset)
    weight = np.maximum(1.0 - distance * distance * distance, 0.0)
    weight = weight * weight * weight
    weight[flat] = offset[flat] == 0
    return _value_at_zero(offset, weight, y, degree)


def _value_at_zero(offset, weight, y, degree):
    """Constant term of each row's weighted polynomial: normal equations where they are sound, otherwise by QR."""
    power, moments = weight, []
    for _ in range(2 * degree):
        moments.append(power.sum(axis=1))
        power = power * offset
    moments.append(power.sum(axis=1))
    gram = np.stack([np.stack(moments[k : k + degree + 1], axis=1) for k in range(degree + 1)], axis=1)
    size = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), np.finfo(np.float64).tiny))
    gram /= size[:, :, None] * size[:, None, :]
    sound = np.linalg.cond(gram) < SOUND
    value = np.empty(len(offset))
    if sound.any():
        inverse = np.linalg.inv(gram[sound])[:, 0] / (size[sound, :1] * size[sound])
        weighted, products = weight[sound] * y, []
        for _ in range(degree + 1):
            products.append(weighted.sum(axis=1))
            weighted = weighted * offset[sound]
        value[sound] = (inverse * np.stack(products, axis=1)).sum(axis=1)
    for row in np.flatnonzero(~sound):
        root = np.sqrt(weight[row])
        columns = (root * offset[row] ** np.arange(degree + 1)[:, None] / size[row][:, None]).T
        value[row] = np.linalg.lstsq(columns, root * y, rcond=RANK)[0][0] / size[row, 0]
    return value
