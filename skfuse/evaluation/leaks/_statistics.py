"""Exact p-values and measures of association that several checks share."""

from itertools import pairwise

import numpy as np
from scipy.special import gammaln, log_ndtr
from scipy.stats import chi2, hypergeom, nct, norm, rankdata

#: What chance may reach, after correction over all columns (or all pairs of subjects).
ALPHA = 1e-3


def log_multinomial(counts):
    """Logarithm of the number of ways to hand out labels that occur `counts` times."""
    counts = np.asarray(counts, dtype=np.float64)
    return float(gammaln(counts.sum() + 1) - gammaln(counts + 1).sum())


def log_p_function(classes, levels):
    """Logarithm of an upper bound of the chance that levels follow from classes, labels being permuted.

    Each of the K classes has one of the V levels; given which, one in multinomial(n; levels) arrangements fits.
    """
    classes, levels = np.asarray(classes), np.asarray(levels)
    return min(0.0, len(classes) * np.log(len(levels)) - log_multinomial(levels))


def log_p_sorted(y, x):
    """Logarithm of the chance that `x` never falls (or never rises) while `y` rises, rows being permuted.

    Among subjects with the same y the order is free.
    """
    levels = np.unique(x, return_inverse=True)[1]
    log_fitting = 0.0
    groups, codes = np.unique(y, return_inverse=True)
    if len(groups) < len(y):
        order = np.argsort(codes, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
            if len(rows) > 1:
                log_fitting += log_multinomial(np.unique(levels[rows], return_counts=True)[1])
    return min(0.0, np.log(2) + log_fitting - log_multinomial(np.bincount(levels)))


def log_p_separated(n_low, n_high, distance):
    """Logarithm of the chance that the largest of `n_low` normals lies below the least of `n_high`, `distance` up.

    This is how often a predictor of AUC ``Phi(distance / sqrt(2))`` separates two samples without one error.
    """
    x = np.linspace(-8, 8 + distance, 4001)
    log_density = np.log(n_low) - x**2 / 2 - np.log(2 * np.pi) / 2
    log_density += (n_low - 1) * log_ndtr(x) + n_high * log_ndtr(distance - x)
    peak = log_density.max()
    return float(peak + np.log(np.trapezoid(np.exp(log_density - peak), x)))


def log_p_distance(low, high, distance):
    """Logarithm of the chance of two samples so far apart if they are normal and `distance` standard deviations apart.

    The noncentral t test of a standardized mean difference above `distance`.
    """
    n_low, n_high = len(low), len(high)
    df = n_low + n_high - 2
    pooled = np.sqrt((low.var() * n_low + high.var() * n_high) / max(df, 1))
    if df < 1 or pooled == 0:
        return -np.inf if df >= 8 else 0.0
    found = (high.mean() - low.mean()) / pooled
    scale = np.sqrt(1 / n_low + 1 / n_high)
    p = nct.sf(found / scale, df, distance / scale)
    return float(np.log(np.clip(p, 1e-300, 1.0)))


def auc(low, high):
    """Share of pairs in which a value of `high` is above one of `low`, ties half."""
    ranks = rankdata(np.concatenate([low, high]))
    return float((ranks[len(low) :].sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))


def spearman(x, y):
    """Rank correlation of two columns without missing values; 0 where one is constant."""
    a, b = rankdata(x), rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else 0.0


def association(x, y, n_classes):
    """How strongly a column goes with the target, and the chance of that.

    Parameters
    ----------
    x : ndarray of shape (n,)
        Without missing values.
    y : ndarray of shape (n,)
        Codes of classes, or numbers where `n_classes` is 0.
    n_classes : int

    Returns
    -------
    strength : float
        Share of the variance of ranks explained, in [0, 1]: by classes (as in Kruskal and Wallis), or by a straight
        line (Spearman).
    p : float
    """
    n = len(x)
    if n < 6 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0, 1.0
    if n_classes == 0:
        strength = spearman(x, y) ** 2
        freedom = 1
    else:
        ranks = rankdata(x)
        ranks -= ranks.mean()
        counts = np.bincount(y, minlength=n_classes)
        sums = np.bincount(y, weights=ranks, minlength=n_classes)
        strength = float((sums**2 / np.maximum(counts, 1)).sum() / (ranks**2).sum())
        freedom = int((counts > 0).sum()) - 1
    return strength, float(chi2.sf((n - 1) * strength, freedom))


def flag_association(flags, y, n_classes):
    """How strongly a yes or no goes with the target, and the chance of that.

    Parameters
    ----------
    flags : ndarray of shape (n,), dtype bool
    y : ndarray of shape (n,)
        Codes of classes, or numbers where `n_classes` is 0.
    n_classes : int

    Returns
    -------
    strength : float
        Correlation with the class (root of the share of variance explained), or with the ranks of numbers.
    p : float
        Exact (hypergeometric) for classes, the smallest over classes times their number; for numbers that of the rank
        correlation, but not below what the rarer answer allows.
    """
    n, n_yes = len(flags), int(flags.sum())
    explained, p = association(flags.astype(np.float64), y, n_classes)
    if n_classes == 0:
        fewest = np.log(2) - log_multinomial([n_yes, n - n_yes])
        return explained**0.5, max(p, float(np.exp(fewest)))
    tails = []
    for k in range(n_classes):
        members = y == k
        both, size = int(flags[members].sum()), int(members.sum())
        tails += [hypergeom.cdf(both, n, size, n_yes), hypergeom.sf(both - 1, n, size, n_yes)]
    return explained**0.5, float(min(1.0, 2 * n_classes * min(tails)))


def class_ranges(values, codes, n_classes):
    """Least and largest value of each class, and the share of variance that lies between classes.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN is missing.
    codes : ndarray of shape (n_rows,)
    n_classes : int

    Returns
    -------
    low, high : ndarray of shape (n_classes, n_columns)
        inf and -inf for classes without a value.
    between : ndarray of shape (n_columns,)
        0 for constant columns.
    """
    order = np.argsort(codes, kind="stable")
    values, codes = values[order], codes[order]
    edges = np.searchsorted(codes, np.arange(n_classes + 1))
    parts = [values[start:stop] for start, stop in pairwise(edges)]
    low = np.array([np.fmin.reduce(part, axis=0, initial=np.inf) for part in parts])  # fmin and fmax skip NaN
    high = np.array([np.fmax.reduce(part, axis=0, initial=-np.inf) for part in parts])
    return low, high, between_classes(values, codes, n_classes)


def between_classes(values, codes, n_classes):
    """Share of the variance of each column that lies between classes (n_columns,); 0 for constant columns.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN is missing.
    codes : ndarray of shape (n_rows,)
    n_classes : int

    Returns
    -------
    share : ndarray of shape (n_columns,)
    """
    one_hot = (codes == np.arange(n_classes)[:, None]).astype(values.dtype)
    missing = np.isnan(values)
    if missing.any():
        has = (~missing).astype(values.dtype)
        center = np.where(missing, 0, values)
        center -= center.sum(axis=0) / np.maximum(has.sum(axis=0), 1)
        center *= has
        counts = np.maximum(one_hot @ has, 1)
    else:
        center = values - values.mean(axis=0)
        counts = np.maximum(one_hot.sum(axis=1), 1)[:, None]
    total = np.einsum("ij,ij->j", center, center)
    explained = ((one_hot @ center) ** 2 / counts).sum(axis=0)
    # What rounding leaves of a constant column is no variance.
    floor = len(values) * (4 * np.finfo(values.dtype).eps * np.abs(np.fmax.reduce(values, axis=0, initial=0))) ** 2
    return np.divide(explained, total, out=np.zeros(len(total)), where=total > floor)


def determination(codes, y, n_classes, *, n_draws=999, least=0.0):
    """How well groups (sites, patterns) tell the target of a subject from the others of the group.

    For classes Cohen's kappa of guessing the most frequent class among the *other* subjects of the group; for numbers
    R² of guessing their mean. A group of one is guessed from everybody, so that many small groups explain nothing.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Groups from 0.
    y : ndarray of shape (n,)
    n_classes : int
        0 for numbers.
    n_draws : int
        Permutations for the p-value, with a fixed seed.
    least : float
        Below this strength no p-value is made; it is 1.

    Returns
    -------
    strength : float
        1 where groups determine the target, about 0 where they say nothing.
    p : float
    """
    measure = _kappa if n_classes else _r2
    strength = measure(codes, y, n_classes)
    if strength < least:
        return strength, 1.0
    rng = np.random.default_rng(0)
    better = sum(measure(codes, rng.permutation(y), n_classes) >= strength for _ in range(n_draws))
    return strength, (better + 1) / (n_draws + 1)


def _kappa(codes, y, n_classes):
    table = np.zeros((codes.max() + 1, n_classes))
    np.add.at(table, (codes, y), 1)
    others = table[codes]
    others[np.arange(len(y)), y] -= 1
    everybody = table.sum(axis=0)
    others[others.sum(axis=1) == 0] = everybody
    guess = others.argmax(axis=1)
    by_chance = (np.bincount(guess, minlength=n_classes) * everybody).sum() / len(y) ** 2
    return float(((guess == y).mean() - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0


def _r2(codes, y, n_classes):
    y = y - y.mean()
    count = np.bincount(codes)[codes]
    total = np.bincount(codes, weights=y)[codes]
    guess = np.where(count > 1, (total - y) / np.maximum(count - 1, 1), 0.0)
    return float(1 - ((y - guess) ** 2).sum() / (y @ y)) if y.any() else 0.0


def distance_of_auc(area):
    """Distance in standard deviations of two normal classes that a predictor of this AUC tells apart."""
    return float(np.sqrt(2) * norm.ppf(area))
