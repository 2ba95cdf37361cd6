"""From a statistic and its permutation null to p-values; adjustment of many p-values."""

import numpy as np

#: Two statistics tie when they differ by less than this share of the largest of them: the same value summed in another
#: order must count as reached, or p-values come out too small.
TIE = 1e-12

ALTERNATIVES = ("greater", "less", "two-sided")


def permutation_p_value(observed, null, *, alternative="greater"):
    r"""P-value of a statistic against its permutation null, :math:`(b + 1) / (B + 1)` [1]_, never 0.

    Parameters
    ----------
    observed : float or ndarray of shape (...)
        Statistic of the data as they are.
    null : array-like of shape (n_permutations, ...)
        Statistic of each permutation, in the same unit; ties with the observed one (up to a relative 1e-12) count as
        reached.
    alternative : {"greater", "less", "two-sided"}
        Which values speak against the null; ``"two-sided"`` is twice the smaller of the other two, at most 1, so that
        the null need not be symmetric.

    Returns
    -------
    p_value : float or ndarray of shape (...)
        Between ``1 / (n_permutations + 1)`` and 1.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is NaN or the alternative is unknown.

    References
    ----------
    .. [1] B. Phipson, G. K. Smyth. Stat Appl Genet Mol Biol 9 (2010). https://doi.org/10.2202/1544-6115.1585

    Examples
    --------
    >>> from skfuse.permutation import permutation_p_value
    >>> permutation_p_value(3.0, [0.0, 1.0, 2.0, 3.0])
    0.4
    >>> permutation_p_value([3.0, 5.0], [[0.0, 0.0], [4.0, 4.0], [2.0, 2.0]]).tolist()
    [0.5, 0.25]
    """
    if alternative not in ALTERNATIVES:
        raise ValueError(f"`alternative` must be one of {list(ALTERNATIVES)}, got {alternative!r}.")
    observed, null = _checked(observed, null)
    if null.shape[1:] != observed.shape:
        raise ValueError(
            f"`null` has shape {null.shape}, wanted (n_permutations, *{observed.shape}): one row per permutation and "
            "the shape of `observed` behind it."
        )
    slack = TIE * np.maximum(_size(observed), _size(null).max(axis=0))
    greater = (1.0 + (null >= observed - slack).sum(axis=0)) / (1.0 + len(null))
    less = (1.0 + (null <= observed + slack).sum(axis=0)) / (1.0 + len(null))
    both = np.minimum(1.0, 2.0 * np.minimum(greater, less))
    p_value = {"greater": greater, "less": less, "two-sided": both}[alternative]
    return float(p_value) if observed.ndim == 0 else p_value


def max_statistic_p_values(observed, null):
    """P-values of many tests that hold the family-wise error, from the maximum over the tests [1]_.

    Parameters
    ----------
    observed : array-like of shape (..., n_tests)
        Statistics of the data as they are; large speaks against the null (give absolute values to test both sides),
        and all are on one scale.
    null : array-like of shape (n_permutations, ..., n_tests)
        The same statistics of each permutation, one permutation for all tests.

    Returns
    -------
    p_values : ndarray of shape (..., n_tests)
        Share of permutations (with the data as they are) whose largest statistic reaches each observed one.

    Raises
    ------
    ValueError
        If shapes do not fit or a value is NaN.

    References
    ----------
    .. [1] T. E. Nichols, A. P. Holmes. Hum Brain Mapp 15 (2002), 1-25. https://doi.org/10.1002/hbm.1058

    Examples
    --------
    >>> from skfuse.permutation import max_statistic_p_values
    >>> max_statistic_p_values([3.0, 5.0], [[1.0, 0.0], [0.0, 4.0], [2.0, 2.0]]).tolist()
    [0.5, 0.25]
    """
    observed, null = _checked(observed, null)
    if observed.ndim == 0 or observed.shape[-1] == 0 or null.shape[1:] != observed.shape:
        raise ValueError(
            f"`observed` has shape {observed.shape} and `null` {null.shape}, wanted (..., n_tests) and "
            "(n_permutations, ..., n_tests) with at least one test."
        )
    largest = null.max(axis=-1)
    slack = TIE * np.maximum(_size(observed).max(axis=-1), _size(largest).max(axis=0))
    p_values = np.empty(observed.shape)
    for place in np.ndindex(observed.shape[:-1]):  # sorted once: a map has many more voxels than permutations
        ordered = np.sort(largest[(slice(None), *place)])
        below = np.searchsorted(ordered, observed[place] - slack[place], side="left")
        p_values[place] = (1.0 + len(null) - below) / (1.0 + len(null))
    return p_values


def adjust_p_values(p, *, method="holm"):
    """Adjust p-values for the number of tests.

    Parameters
    ----------
    p : array-like of any shape
        P-values of one family; NaN stands for no test, stays NaN and does not count.
    method : {"holm", "bonferroni", "fdr_bh", "fdr_by"}
        Family-wise error by Holm [1]_ or Bonferroni; false discovery rate by Benjamini and Hochberg [2]_, or by
        Benjamini and Yekutieli [3]_ under any dependence.

    Returns
    -------
    adjusted : ndarray of the shape of p
        At least `p` and at most 1; compare them with the wanted level.

    Raises
    ------
    ValueError
        If a value lies outside 0 to 1 or the method is unknown.

    References
    ----------
    .. [1] S. Holm. Scand J Stat 6 (1979), 65-70. https://www.jstor.org/stable/4615733
    .. [2] Y. Benjamini, Y. Hochberg. J R Stat Soc B 57 (1995). https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    .. [3] Y. Benjamini, D. Yekutieli. Ann Stat 29 (2001), 1165-1188. https://doi.org/10.1214/aos/1013699998

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import adjust_p_values
    >>> adjust_p_values([0.01, np.nan, 0.03, 0.5]).round(3).tolist()
    [0.03, nan, 0.06, 0.5]
    """
    if method not in ("holm", "bonferroni", "fdr_bh", "fdr_by"):
        raise ValueError(f"`method` must be 'holm', 'bonferroni', 'fdr_bh' or 'fdr_by', got {method!r}.")
    p = np.asarray(p, dtype=np.float64)
    outside = (p < 0) | (p > 1)
    if outside.any():
        raise ValueError(f"{outside.sum()} values lie outside 0 to 1, such as {p[outside][0]}. Give p-values.")
    tested = ~np.isnan(p)
    values = p[tested]
    order = np.argsort(values, kind="stable")
    ordered, rank, n = values[order], np.arange(1, len(values) + 1), len(values)
    if method == "bonferroni":
        adjusted = ordered * n
    elif method == "holm":
        adjusted = np.maximum.accumulate(ordered * (n + 1 - rank))
    else:
        penalty = (1.0 / rank).sum() if method == "fdr_by" else 1.0
        adjusted = np.minimum.accumulate((ordered * n * penalty / rank)[::-1])[::-1]
    out = np.full(p.shape, np.nan)
    back = np.empty(n)
    back[order] = np.minimum(adjusted, 1.0)
    out[tested] = back
    return out


def _checked(observed, null):
    observed, null = np.asarray(observed, dtype=np.float64), np.asarray(null, dtype=np.float64)
    if null.ndim == 0 or len(null) == 0:
        raise ValueError("`null` holds no permutation. Give the statistic of at least one.")
    for name, values in (("observed", observed), ("null", null)):
        if np.isnan(values).any():
            raise ValueError(
                f"`{name}` has {np.isnan(values).sum()} NaN. A statistic that cannot be computed has no p-value: find "
                "out why it is NaN, or leave that test out for every permutation."
            )
    return observed, null


def _size(values):
    """Absolute value; infinite ones, which need no slack, count as 0."""
    return np.where(np.isfinite(values), np.abs(values), 0.0)
