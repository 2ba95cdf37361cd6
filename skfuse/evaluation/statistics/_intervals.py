"""Confidence interval of a cross-validated score, or of a paired difference of two."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, stdtr, stdtrit

from skfuse.evaluation.statistics._resampled import corrected_resampled_t
from skfuse.evaluation.statistics._subject_effects import subject_effects

METHODS = ("test-and-train", "subject", "corrected-t")


@dataclass(frozen=True)
class CrossValidatedInterval:
    """An interval and how it was made.

    Attributes
    ----------
    estimate : float
        Mean over the folds.
    lower, upper : float
        Limits, in the unit of the score.
    p_value : float
        Two-sided, of a difference of zero; NaN for a score within bounds.
    standard_error : float
        In the unit of the score.
    df : float
        Degrees of freedom of the t quantile.
    method : str
        Name of the method.
    n_folds : int
        Folds with a defined value.
    n_undefined : int
        Folds left out because their value is NaN.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import cross_validated_interval
    >>> found = cross_validated_interval([0.02, 0.05, 0.01, 0.04, 0.03], 80, 20, method="corrected-t")
    >>> round(found.lower, 4), round(found.upper, 4), round(found.p_value, 4)
    (0.0006, 0.0594, 0.0474)
    """

    estimate: float
    lower: float
    upper: float
    p_value: float
    standard_error: float
    df: float
    method: str
    n_folds: int
    n_undefined: int


def cross_validated_interval(
    values,
    n_train,
    n_test,
    *,
    method="test-and-train",
    influences=None,
    rows=None,
    n_subjects=None,
    y=None,
    level=0.95,
    bounds=None,
):
    r"""Interval of the mean over folds and repeats, for the expected score at the size of the training sets.

    A subject moves a cross-validated score twice: as a test subject, and in the training sets of all other test
    subjects. The three methods differ in how much of this they see.

    ``"subject"`` sums what each subject does as a test subject, over all the folds and repeats that test it [1]_: with
    :math:`c_i = \frac{1}{J} \sum_j \varphi_{ij} / n_j` the variance is :math:`v_s = \sum_i c_i^2`, made unbiased for
    small folds. It is right where models hardly depend on who trained them, and far too small where they do.

    ``"corrected-t"`` multiplies the variance of the folds by :math:`1/J + n_{test}/n_{train}` [2]_.

    ``"test-and-train"`` is the larger of the corrected variance and :math:`v_s + f^2 v_b / 2`, where :math:`v_b` is the
    variance of the fold values that is left once every test subject is allowed its own average, and :math:`f` the share
    that trains. What is left comes from the training sets. To second order a pair of subjects adds
    :math:`k(a, b) + k(b, a)` to the mean: what the one does, in training, to the other, in the test. Where the two are
    equal, as nearly in a linear model, half of what pairs bring is in :math:`v_s` already, the other half is
    :math:`f^2 v_b / 2`. Degrees of freedom are those of folds within repeats.

    Parameters
    ----------
    values : array-like of shape (n_folds,)
        Score of each fold of each repeat, or its paired difference. NaN (an undefined score) is left out and counted.
    n_train, n_test : float or array-like of shape (n_folds,)
        Subjects in the training and test sets; means are taken.
    method : {"test-and-train", "subject", "corrected-t"}
        How the interval is made.
    influences : sequence of ndarray of shape (n_test,)
        For all but ``"corrected-t"``: influence of every test subject on the value of each fold, from
        :func:`influence`; of a difference, the difference of the two.
    rows : sequence of ndarray of shape (n_test,)
        For all but ``"corrected-t"``: row number of these subjects.
    n_subjects : int or None
        All subjects; None takes one more than the largest row.
    y : array-like of shape (n_subjects,) or None
        Class of each subject; None for regression. Spread is then estimated class by class.
    level : float
        Between 0 and 1.
    bounds : tuple of float or None
        Smallest and largest possible value, infinite where there is none: limits are then found on the scale of the
        logit (two bounds) or the logarithm (one), and stay inside. None for differences.

    Returns
    -------
    interval : CrossValidatedInterval
        Estimate, limits, p-value, and how they were made.

    Raises
    ------
    ValueError
        If the method is unknown, what it needs is not given, shapes do not match, fewer than two folds are defined, or
        a class has one subject.

    References
    ----------
    .. [1] E. LeDell et al. Electronic Journal of Statistics 9 (2015). https://doi.org/10.1214/15-EJS1035
    .. [2] C. Nadeau and Y. Bengio. Machine Learning 52 (2003). https://doi.org/10.1023/A:1024068626366

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.evaluation.statistics import cross_validated_interval, influence
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> p = 1 / (1 + np.exp(-rng.normal(y)))
    >>> rows = [fold for _ in range(5) for fold in np.split(rng.permutation(100), 5)]
    >>> values = [np.mean((p[r] - y[r]) ** 2) for r in rows]
    >>> influences = [influence("Brier", y[r], p[r]) for r in rows]
    >>> found = cross_validated_interval(values, 80, 20, influences=influences, rows=rows, y=y, bounds=(0, 1))
    >>> bool(found.lower < found.estimate < found.upper), found.n_folds
    (True, 25)
    """
    if method not in METHODS:
        raise ValueError(f"There is no interval method {method!r}. Known are {list(METHODS)}.")
    if not 0 < level < 1:
        raise ValueError(f"`level` must lie between 0 and 1, got {level}.")
    values = np.asarray(values, dtype=np.float64)
    defined = np.flatnonzero(~np.isnan(values))
    if len(defined) < 2:
        raise ValueError(f"{len(defined)} of {len(values)} folds have a defined score; an interval needs two or more.")
    n_train, n_test = (np.broadcast_to(n, values.shape)[defined] for n in (n_train, n_test))
    kept, smallest = values[defined], n_train.mean() + n_test.mean()
    if method == "corrected-t":
        corrected = corrected_resampled_t(kept, n_train, n_test, level=level)
        variance, df = corrected.standard_error**2, corrected.df
    else:
        influences, rows = _checked_folds(values, influences, rows, defined)
        effects = subject_effects(kept, influences, rows, n_subjects, y)
        variance, df, smallest = effects.variance, effects.df, effects.smallest
        if method == "test-and-train":
            corrected = corrected_resampled_t(kept, n_train, n_test, level=level)
            share = n_train.mean() / (n_train.mean() + n_test.mean())
            variance = max(corrected.standard_error**2, variance + share**2 * effects.left / 2)
            df = effects.df_folds
    estimate, standard_error = float(kept.mean()), float(np.sqrt(variance))
    half_width = stdtrit(df, (1 + level) / 2) * standard_error
    if bounds is None:
        lower, upper = estimate - half_width, estimate + half_width
        p_value = _two_sided(estimate, standard_error, df)
    else:
        lower, upper = _within(bounds, estimate, half_width, (1 - level) / 2, smallest)
        p_value = np.nan
    return CrossValidatedInterval(
        estimate,
        float(lower),
        float(upper),
        p_value,
        standard_error,
        float(df),
        method,
        len(defined),
        len(values) - len(defined),
    )


def _checked_folds(values, influences, rows, defined):
    """Influences and rows of the defined folds."""
    if influences is None or rows is None:
        raise ValueError("This method needs `influences` and `rows`: one array of test subjects for each fold.")
    if not len(values) == len(influences) == len(rows):
        raise ValueError(
            f"There are {len(values)} values, {len(influences)} arrays of influences and {len(rows)} of rows. Give one "
            "of each for every fold."
        )
    for j in defined:
        if np.shape(influences[j]) != np.shape(rows[j]):
            raise ValueError(
                f"Fold {j} has {len(rows[j])} rows and {len(influences[j])} influences. Give one per test subject."
            )
    return [np.asarray(influences[j], dtype=np.float64) for j in defined], [np.asarray(rows[j]) for j in defined]


def _two_sided(estimate, standard_error, df):
    if standard_error == 0:
        return 1.0 if estimate == 0 else 0.0
    return float(2 * stdtr(df, -abs(estimate) / standard_error))


def _within(bounds, estimate, half_width, tail, smallest):
    """Limits on the scale of the logit or the logarithm, by the delta method."""
    low, high = bounds
    if not low <= estimate <= high:
        raise ValueError(f"The estimate {estimate:.6g} lies outside of `bounds`, {bounds}.")
    finite = np.isfinite(bounds).all()
    if estimate in (low, high):
        # The scale has no slope here, and often no spread is left: every fold is perfect. What is known is that none of
        # the subjects of the smallest class failed, as for a proportion (exact binomial limit).
        reach = (high - low) * (1 - tail ** (1 / smallest)) if finite else 0.0
        return max(low, estimate - max(half_width, reach)), min(high, estimate + max(half_width, reach))
    below, above = estimate - low, high - estimate
    if finite:
        center, half_width = np.log(below / above), half_width * (high - low) / (below * above)
        return low + (high - low) * expit(center - half_width), low + (high - low) * expit(center + half_width)
    if np.isfinite(low):
        return low + below * np.exp(-half_width / below), low + below * np.exp(half_width / below)
    if np.isfinite(high):
        return high - above * np.exp(half_width / above), high - above * np.exp(-half_width / above)
    return estimate - half_width, estimate + half_width
