"""Inference from the folds of a repeated cross-validation."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from skfuse.evaluation.statistics._checks import finite_vector, share


@dataclass(frozen=True)
class ResampledT:
    """Mean over folds with its corrected interval and test.

    Attributes
    ----------
    estimate : float
        Mean of the values, in their unit.
    lower, upper : float
        Limits of the interval.
    p_value : float
        Two-sided, of the hypothesis that the mean is 0.
    standard_error : float
        Corrected for the overlap of the training sets.
    df : int
        Degrees of freedom: folds − 1.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import corrected_resampled_t
    >>> corrected_resampled_t([0.02, 0.05, 0.01, 0.04, 0.03], n_train=80, n_test=20).df
    4
    """

    estimate: float
    lower: float
    upper: float
    p_value: float
    standard_error: float
    df: int


def corrected_resampled_t(values, n_train, n_test, *, level=0.95):
    r"""Corrected resampled t of Nadeau and Bengio [1]_.

    .. math:: t = \bar d \Big/ \sqrt{\Big(\frac1J + \frac{n_{test}}{n_{train}}\Big) s^2}

    with :math:`J - 1` degrees of freedom. The second term stands for the training sets that folds share. It is
    approximate: the interval is somewhat too narrow for small cohorts with few events.

    Parameters
    ----------
    values : array-like of shape (n_folds,)
        Score, or difference of scores, of each fold of each repeat.
    n_train, n_test : int or array-like of shape (n_folds,)
        Subjects of each fold; the mean of ``n_test / n_train`` counts.
    level : float
        Coverage aimed at.

    Returns
    -------
    result : ResampledT
        Estimate, limits and p-value. Where all folds agree exactly, the interval has no width and the p-value is 1 for
        a mean of 0, otherwise 0: such a result calls for a look at the folds.

    Raises
    ------
    ValueError
        If there are fewer than two folds, a value is not finite or a fold is empty.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio. Machine Learning 52 (2003), 239-281. https://doi.org/10.1023/A:1024068626366

    Examples
    --------
    >>> from skfuse.evaluation.statistics import corrected_resampled_t
    >>> result = corrected_resampled_t([0.02, 0.05, 0.01, 0.04, 0.03], n_train=80, n_test=20)
    >>> round(result.estimate, 3), round(result.lower, 3), round(result.upper, 3), round(result.p_value, 3)
    (0.03, 0.001, 0.059, 0.047)
    """
    values, level = finite_vector(values, "values"), share(level, "level")
    n_folds = len(values)
    if n_folds < 2:
        raise ValueError(
            f"{n_folds} fold gives no spread, so no interval. Cross-validate with at least 2 folds, better 5 times 5; "
            "for one fixed split use `delong_test` or a bootstrap over subjects."
        )
    ratio = _ratio(n_train, n_test, n_folds)
    mean, df = values.mean(), n_folds - 1
    if np.ptp(values) == 0:  # exactly: the mean of equal values can differ from them by rounding
        mean = values[0]
        return ResampledT(float(mean), float(mean), float(mean), float(mean == 0), 0.0, df)
    standard_error = np.sqrt(values.var(ddof=1) * (1.0 / n_folds + ratio))
    half = stats.t.ppf(0.5 + level / 2, df) * standard_error
    p_value = 2.0 * stats.t.sf(abs(mean) / standard_error, df)
    return ResampledT(float(mean), float(mean - half), float(mean + half), float(p_value), float(standard_error), df)


def _ratio(n_train, n_test, n_folds):
    """Mean over folds of test size by training size."""
    sizes = {}
    for name, size in (("n_train", n_train), ("n_test", n_test)):
        size = np.asarray(size, dtype=np.float64)
        if size.shape not in ((), (n_folds,)) or not (size > 0).all():
            raise ValueError(
                f"`{name}` must be one number of subjects above 0, or one for each of the {n_folds} folds; got shape "
                f"{size.shape}, smallest {size.min() if size.size else 'none'}."
            )
        sizes[name] = size
    return float(np.mean(sizes["n_test"] / sizes["n_train"]))
