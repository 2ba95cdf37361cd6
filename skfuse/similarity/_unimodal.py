"""The flattest distribution with one mode that a sample allows."""

import numpy as np
from sklearn.isotonic import isotonic_regression

#: 95 % quantile of the Kolmogorov distribution: how far a sample of n is from its distribution, in units of n^-1/2.
SAMPLING_ERROR = 1.36
_ROUNDING = 1e-9  # distances that differ by less are equal


def flattest_unimodal(sample):
    r"""Distribution with one mode near a sample; where the sample is flat, as flat as the sampling error allows.

    The unimodal distribution nearest to a sample of a flat one is lumpy: draws from it look less flat, hence less
    clustered, than the sample. Where a sample is flatter than a Gaussian (kurtosis below 3), the top of the density is
    therefore leveled until the distribution function has moved by :math:`1.36 / \sqrt n`, the half-width of the 95 %
    band of Kolmogorov. Clusters are then held against the flattest cloud that the data do not rule out.

    Parameters
    ----------
    sample : ndarray of shape (n,)

    Returns
    -------
    values : ndarray of shape (n,)
        The sample, sorted.
    cumulative : ndarray of shape (n,)
        Distribution function there, from 0 to 1, linear between them.
    """
    values, cumulative = nearest_unimodal(sample)
    deviations = sample - np.mean(sample)
    if np.mean(deviations**4) >= 3.0 * np.mean(deviations**2) ** 2:
        return values, cumulative
    return values, leveled(values, cumulative, SAMPLING_ERROR / np.sqrt(len(values)))


def nearest_unimodal(sample):
    """Distribution with one mode that is nearest to a sample, by the largest distance of distribution functions.

    Parameters
    ----------
    sample : ndarray of shape (n,)

    Returns
    -------
    values : ndarray of shape (n,)
        The sample, sorted.
    cumulative : ndarray of shape (n,)
        Distribution function there, from 0 to 1, linear between them: convex up to the mode, concave after it.
    """
    values = np.sort(sample)
    widths = _widths(values)
    empirical = np.linspace(0.0, 1.0, len(values))

    def convex_then_concave(mode):
        """Distribution with this mode, and how far it is from the sample before and after the mode."""
        slopes = 1.0 / widths
        if mode > 0:
            slopes[:mode] = isotonic_regression(slopes[:mode], sample_weight=widths[:mode])
        if mode < len(widths):
            slopes[mode:] = isotonic_regression(slopes[mode:], sample_weight=widths[mode:], increasing=False)
        cumulative = np.concatenate([[0.0], np.cumsum(slopes * widths)])
        cumulative /= cumulative[-1]
        distance = np.abs(cumulative - empirical)
        return cumulative, distance[: mode + 1].max(), distance[mode:].max()

    # The later the mode, the farther the convex part from the sample and the nearer the concave one: bisection.
    low, high = 0, len(widths)
    while low < high:
        middle = (low + high) // 2
        _, before, after = convex_then_concave(middle)
        low, high = (low, middle) if before >= after - _ROUNDING else (middle + 1, high)
    tried = [convex_then_concave(mode) for mode in (max(low - 1, 0), low)]
    return values, min(tried, key=lambda found: round(max(found[1:]) / _ROUNDING))[0]


def leveled(values, cumulative, tolerance):
    """Level the top of a unimodal density: as wide a plateau as moves the distribution function by `tolerance`.

    Parameters
    ----------
    values, cumulative : ndarray of shape (n,)
        From :func:`nearest_unimodal`.
    tolerance : float
        Largest change of the distribution function.

    Returns
    -------
    cumulative : ndarray of shape (n,)
        Still with one mode.
    """
    density = np.diff(cumulative) / _widths(values)
    levels = np.unique(density)[::-1]

    def plateau(level):
        above = np.flatnonzero(density >= level * (1.0 - 1e-12))
        ends = [above[0], above[-1] + 1]
        changed = cumulative.copy()
        inner = slice(ends[0], ends[1] + 1)
        changed[inner] = np.interp(values[inner], values[ends], cumulative[ends])
        return changed

    low, high = 0, len(levels) - 1
    while low < high:  # the last level that is within the tolerance
        middle = (low + high + 1) // 2
        within = np.abs(plateau(levels[middle]) - cumulative).max() <= tolerance
        low, high = (middle, high) if within else (low, middle - 1)
    return plateau(levels[low])


def _widths(values):
    """Distances between neighbors; ties count as a billionth of the spread apart."""
    return np.maximum(np.diff(values), 1e-9 * max(np.ptp(values), np.finfo(float).tiny))
