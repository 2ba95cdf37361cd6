"""Rubin's rules: one estimate from the analyses of several imputed tables."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class PooledEstimates:
    """Estimates pooled over imputations; each field has the shape of one estimate.

    Parameters
    ----------
    estimate : ndarray
        Mean of the estimates.
    standard_error : ndarray
        Of the pooled estimate.
    degrees_of_freedom : ndarray
        Of the t distribution in use.
    lower, upper : ndarray
        Limits of the confidence interval.
    p_value : ndarray
        Two-sided, of the hypothesis that the parameter is 0.
    missing_information : ndarray
        Share of the information about the parameter that is lost by what is missing, between 0 and 1.
    n_imputations : int
        How many were pooled.

    Examples
    --------
    >>> from skfuse.imputation import pool_estimates
    >>> pooled = pool_estimates([[0.5, -1.0], [0.7, -1.2], [0.6, -0.9]], [[0.2, 0.3], [0.2, 0.3], [0.2, 0.3]])
    >>> pooled.estimate.round(2), pooled.n_imputations
    (array([ 0.6 , -1.03]), 3)
    """

    estimate: np.ndarray
    standard_error: np.ndarray
    degrees_of_freedom: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    p_value: np.ndarray
    missing_information: np.ndarray
    n_imputations: int


def pool_estimates(estimates, standard_errors, *, complete_df=None, confidence=0.95):
    r"""Pool the estimates of one analysis over imputed tables by Rubin's rules [1]_.

    .. math:: \bar Q = \tfrac{1}{m} \sum_i Q_i, \qquad
              T = \bar U + \left(1 + \tfrac{1}{m}\right) B, \qquad
              \bar U = \tfrac{1}{m} \sum_i U_i, \quad B = \tfrac{1}{m - 1} \sum_i (Q_i - \bar Q)^2

    with squared standard errors U; intervals from a t distribution with the degrees of freedom of Barnard and Rubin
    [2]_. Estimates should be near normal: pool a log odds ratio, not an odds ratio, and Fisher's z, not a correlation.
    An AUC or an accuracy of a prediction is not pooled so: average the predictions
    (:class:`MultipleImputationClassifier`) and score them once.

    Parameters
    ----------
    estimates : array-like of shape (n_imputations,) or (n_imputations, ...)
        Of one or several parameters, in any unit.
    standard_errors : array-like of the same shape
        Of each estimate within its table, in the unit of the estimate.
    complete_df : float or None, default=None
        Degrees of freedom if nothing were missing, such as n - 2 for a slope; None is a large sample.
    confidence : float, default=0.95
        Of the interval.

    Returns
    -------
    pooled : PooledEstimates
        Estimate, standard error, interval and p-value of each parameter.

    Raises
    ------
    ValueError
        If there are fewer than 2 imputations, shapes differ or a number is not finite.

    References
    ----------
    .. [1] D. B. Rubin. Multiple Imputation for Nonresponse in Surveys. Wiley (1987).
       https://doi.org/10.1002/9780470316696
    .. [2] J. Barnard, D. B. Rubin. Small-sample degrees of freedom with multiple imputation. Biometrika 86, 948 (1999).
       https://doi.org/10.1093/biomet/86.4.948

    Examples
    --------
    >>> from skfuse.imputation import pool_estimates
    >>> pooled = pool_estimates([1.0, 1.2, 1.1], [0.2, 0.2, 0.2], complete_df=100)
    >>> float(pooled.estimate), round(float(pooled.standard_error), 3)
    (1.1, 0.231)
    """
    Q, U = np.asarray(estimates, dtype=np.float64), np.asarray(standard_errors, dtype=np.float64) ** 2
    if Q.shape != U.shape or Q.ndim < 1 or len(Q) < 2:
        raise ValueError(
            f"Estimates of shape {Q.shape} and standard errors of shape {U.shape}: wanted the same, with a row for "
            "each of at least 2 imputations."
        )
    if not (np.isfinite(Q).all() and np.isfinite(U).all()):
        raise ValueError("An estimate or standard error is not finite. Look at the analysis of that table.")
    if (np.asarray(standard_errors) < 0).any():
        raise ValueError("A standard error is negative. Give standard errors, not estimates or t statistics.")
    if not 0 < confidence < 1 or (complete_df is not None and not complete_df > 0):
        raise ValueError(
            f"`confidence` must lie between 0 and 1 and `complete_df` above 0, got {confidence!r} and {complete_df!r}."
        )
    m, within, between = len(Q), U.mean(axis=0), Q.var(axis=0, ddof=1)
    added = (1.0 + 1.0 / m) * between
    total = within + added
    share = np.divide(added, total, out=np.zeros_like(total), where=total > 0)  # of the variance, by imputation
    with np.errstate(divide="ignore"):
        df = (m - 1) / share**2
        if complete_df is not None:
            observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1.0 - share)
            df = 1.0 / (1.0 / df + 1.0 / observed)
        increase = np.divide(added, within, out=np.zeros_like(total), where=within > 0)
    lost = np.where(added > 0, (increase + 2.0 / (df + 3.0)) / (increase + 1.0), 0.0)
    lost = np.where((added > 0) & (within == 0), 1.0, lost)
    estimate, error = Q.mean(axis=0), np.sqrt(total)
    width = stats.t.ppf(0.5 + confidence / 2.0, df) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = 2.0 * stats.t.sf(np.abs(estimate) / error, df)
    return PooledEstimates(
        estimate=estimate,
        standard_error=error,
        degrees_of_freedom=df,
        lower=estimate - width,
        upper=estimate + width,
        p_value=np.where((error > 0) | (estimate != 0), p_value, 1.0),
        missing_information=np.clip(lost, 0.0, 1.0),
        n_imputations=m,
    )
