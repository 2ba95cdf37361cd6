"""Cox regression with a ridge penalty on explicit features or on a factor of a kernel, and its baseline survival."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skfuse._survival import check_event_and_time
from skfuse.kernels._partial_likelihood import PartialLikelihood, risk_sets

_ROUNDING = 1e-10  # share of the objective, and absolute, that rounding may add when a step is judged
_HALVINGS = 40
_LARGE_EXPONENT = 700.0  # exp of it is in the range of float64, and survival at such a hazard is 0


@dataclass(frozen=True)
class CoxFit:
    """Coefficients of a Cox regression and how well they were found.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
        Log hazard ratios, in the inverse of the units of the features.
    log_likelihood : float
        Log partial likelihood at `coef`, without the penalty.
    objective : float
        What was minimized: the penalty minus the log partial likelihood.
    gradient_norm : float
        Largest absolute derivative of the objective at `coef`.
    decrement : float
        Distance to the minimum of the local quadratic model, in standard errors of the penalized model: the square root
        of ``gradient @ inverse_hessian @ gradient``.
    n_iter : int
        Newton steps taken.
    converged : bool
        Whether `decrement` came to `tol`; where float64 does not allow it, `decrement` says what it does allow.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import cox_ridge
    >>> cox_ridge(np.array([[1.0], [0.0], [0.5]]), [True, True, False], [1.0, 2.0, 3.0], penalty=1.0).converged
    True
    """

    coef: np.ndarray
    log_likelihood: float
    objective: float
    gradient_norm: float
    decrement: float
    n_iter: int
    converged: bool


@dataclass(frozen=True)
class BaselineSurvival:
    """Breslow's cumulative hazard, a step function of time, of a subject whose risk score is 0.

    Attributes
    ----------
    times : ndarray of shape (n_event_times,)
        Distinct times of events, ascending.
    log_cumulative_hazard : ndarray of shape (n_event_times,)
        Logarithm of the cumulative hazard from each of them on, as scores far from 0 leave the range of the hazard.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import baseline_survival
    >>> baseline = baseline_survival([True, False, True], [2.0, 3.0, 5.0], np.zeros(3))
    >>> baseline.cumulative_hazard.round(3)
    array([0.333, 1.333])
    >>> baseline.survival([0.0, 1.0], [1.0, 2.0, 5.0]).round(3)
    array([[1.   , 0.717, 0.264],
           [1.   , 0.404, 0.027]])
    """

    times: np.ndarray
    log_cumulative_hazard: np.ndarray

    @property
    def cumulative_hazard(self):
        """Cumulative hazard from each of the times on; 0 before the first."""
        return np.exp(self.log_cumulative_hazard)

    def survival(self, risk_scores, times):
        """Probability of each subject to be free of the event beyond each time.

        Parameters
        ----------
        risk_scores : array-like of shape (n_subjects,)
            Log hazard ratios to a subject of score 0.
        times : array-like of shape (n_times,)
            Times in the unit of the target; beyond the last event the curve stays where it is.

        Returns
        -------
        survival : ndarray of shape (n_subjects, n_times)
            Between 0 and 1.
        """
        steps = np.concatenate([[-np.inf], self.log_cumulative_hazard])
        log_hazard = steps[np.searchsorted(self.times, np.asarray(times, dtype=np.float64), side="right")]
        return np.exp(-np.exp(np.minimum(np.add.outer(_scores(risk_scores), log_hazard), _LARGE_EXPONENT)))


def cox_ridge(features, event, time, *, penalty, weights=None, ties="breslow", start=None, tol=1e-9, max_iter=100):
    r"""Cox regression with a ridge penalty, by Newton's method [1]_.

    Minimizes, with :math:`\eta = X\beta` and the risk sets :math:`R_k = \{j : t_j \ge t_k\}`,

    .. math:: -\sum_{i: \delta_i = 1} w_i \Big[ \eta_i - \log \sum_{j \in R_i} w_j e^{\eta_j} \Big]
              + \tfrac12 \sum_j \lambda_j \beta_j^2

    (Breslow's ties; Efron's [2]_ takes those who die at one time out of the risk set one after the other). Given
    a factor `Z` of a kernel, :math:`K = Z Z^\top`, and the penalty 1, it is kernel Cox regression [3]_.

    Parameters
    ----------
    features : array-like of shape (n_subjects, n_features)
        Features, or a factor of the kernel of the subjects. No intercept: the model does not see one.
    event : array-like of shape (n_subjects,)
        Whether the event was seen.
    time : array-like of shape (n_subjects,)
        Time to the event or to the end of follow-up; only its order matters.
    penalty : float or array-like of shape (n_features,)
        Positive, :math:`\lambda`, of all or of each feature. It is weighed against the total of the log likelihood, not
        its mean.
    weights : array-like of shape (n_subjects,), optional
        Positive case weights. With Breslow's ties a weight of 2 is a subject that is there twice; with Efron's, the
        terms of those who die at one time have their mean weight.
    ties : {"breslow", "efron"}, default="breslow"
        How events of one time are treated.
    start : array-like of shape (n_features,), optional
        Coefficients to start from; zeros by default.
    tol : float, default=1e-9
        Newton decrement at which it stops: distance to the minimum in standard errors.
    max_iter : int, default=100
        Most Newton steps.

    Returns
    -------
    fit : CoxFit
        Coefficients, likelihood and how far they are from the minimum. The caller warns where `converged` is False.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, a penalty or weight is not positive, or nobody has the event.

    Notes
    -----
    Each step costs the order of n_subjects × n_features² by two products of a matrix with itself: with
    :math:`\varphi_k = \sum_{R_k} w e^\eta` and :math:`m_k = \sum_{R_k} w e^\eta x` summed backwards in time, the
    Hessian is :math:`X^\top \mathrm{diag}(h) X - \sum_k c_k \, m_k m_k^\top / \varphi_k^2`.

    References
    ----------
    .. [1] D. R. Cox. J R Stat Soc B 34, 187 (1972). https://doi.org/10.1111/j.2517-6161.1972.tb00899.x
    .. [2] B. Efron. J Am Stat Assoc 72, 557 (1977). https://doi.org/10.1080/01621459.1977.10480613
    .. [3] H. Li, Y. Luan. Pac Symp Biocomput 8, 65 (2003). https://doi.org/10.1142/9789812776303_0007

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import cox_ridge
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(4000, 2))
    >>> time = rng.exponential(np.exp(-X @ [1.0, -0.5]))
    >>> cox_ridge(X, np.ones(4000, dtype=bool), time, penalty=1.0).coef.round(1)
    array([ 1. , -0.5])
    """
    X, penalty, weights, coef = _check(features, penalty, weights, start)
    event, time = check_event_and_time(event, time, allow_no_events=False)
    if len(time) != len(X):
        raise ValueError(f"`features` has {len(X)} subjects, `event` and `time` have {len(time)}. Give the same ones.")
    partial = PartialLikelihood(X, event, time, weights=weights, ties=ties)
    value, converged = _objective(partial, penalty, coef), False
    if not np.isfinite(value):
        raise ValueError("The objective at `start` overflows. Start nearer to 0, or leave `start` out.")
    decrement = np.inf
    for n_iter in range(max_iter + 1):
        gradient, hessian = partial.derivatives(coef)
        gradient += penalty * coef
        hessian[np.diag_indices_from(hessian)] += penalty
        step = _newton_step(hessian, gradient)
        previous, decrement = decrement, float(np.sqrt(max(gradient @ step, 0.0)))
        converged = decrement <= tol
        # Where only rounding is left, steps no longer come nearer to the minimum.
        rounding = decrement**2 <= 0.01 * _ROUNDING * (1.0 + abs(value)) and decrement > 0.5 * previous
        if converged or rounding or n_iter == max_iter:
            break
        moved, value_there = _search(partial, penalty, coef, step, value, decrement)
        if moved is None:
            break
        coef, value = moved, value_there
    likelihood = 0.5 * penalty @ coef**2 - value
    return CoxFit(coef, float(likelihood), float(value), float(np.abs(gradient).max()), decrement, n_iter, converged)


def baseline_survival(event, time, risk_scores, *, weights=None):
    r"""Breslow's estimate of the cumulative hazard [1]_.

    .. math:: H_0(t) = \sum_{t_k \le t} \frac{\sum_{i: t_i = t_k} \delta_i w_i}{\sum_{j: t_j \ge t_k} w_j e^{\eta_j}}

    Parameters
    ----------
    event : array-like of shape (n_subjects,)
        Whether the event was seen, of training subjects.
    time : array-like of shape (n_subjects,)
        Time to the event or to the end of follow-up.
    risk_scores : array-like of shape (n_subjects,)
        :math:`\eta`, log hazard ratios of these subjects to a subject of score 0.
    weights : array-like of shape (n_subjects,), optional
        Positive case weights, as the regression had them.

    Returns
    -------
    baseline : BaselineSurvival
        Step function that gives the survival of subjects at times.

    Raises
    ------
    ValueError
        If nobody has the event, or numbers are not finite or do not fit.

    References
    ----------
    .. [1] N. E. Breslow. J R Stat Soc B 34, 216 (1972). https://doi.org/10.1111/j.2517-6161.1972.tb00900.x

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import baseline_survival
    >>> baseline_survival([True, False, True], [2.0, 3.0, 5.0], np.zeros(3)).times
    array([2., 5.])
    """
    event, time = check_event_and_time(event, time, allow_no_events=False)
    scores, weights = _scores(risk_scores), _check_weights(weights, len(time))
    if len(scores) != len(time):
        raise ValueError(f"`risk_scores` has {len(scores)} values for {len(time)} subjects. Give one for each.")
    order, times, begins = risk_sets(event, time)
    log_hazards = (scores + np.log(weights))[order]
    log_at_risk = np.logaddexp.accumulate(log_hazards[::-1])[::-1][begins]
    died = np.add.reduceat((weights * event)[order], begins)
    return BaselineSurvival(times, np.logaddexp.accumulate(np.log(died) - log_at_risk))


def _objective(partial, penalty, coef):
    with np.errstate(over="ignore", invalid="ignore"):  # a step too far is infinitely bad
        return partial.loss(coef) + 0.5 * penalty @ coef**2


def _newton_step(hessian, gradient):
    try:
        return cho_solve(cho_factor(hessian, lower=True, check_finite=False), gradient)
    except LinAlgError as error:
        least = np.finfo(np.float64).eps * len(hessian) * float(np.diag(hessian).max())
        raise ValueError(
            "Features are collinear and the penalty is too small to tell them apart in float64. Raise it well above "
            f"{least:.1g}, or drop features that others determine."
        ) from error


def _search(partial, penalty, coef, step, value, decrement):
    """First of the full Newton step, its half, its quarter and so on that lowers the objective enough."""
    size = 1.0
    for _ in range(_HALVINGS):
        moved = coef - size * step
        value_there = _objective(partial, penalty, moved)
        if value_there <= value - 1e-4 * size * decrement**2 + _ROUNDING * (1.0 + abs(value)):
            return moved, value_there
        size /= 2.0
    return None, value


def _check(features, penalty, weights, start):
    X = np.asarray(features, dtype=np.float64)
    if X.ndim != 2 or 0 in X.shape or not np.isfinite(X).all():
        raise ValueError(
            f"`features` has shape {X.shape}, wanted a table of finite numbers, subjects × features. Fill missing "
            "values or leave the subjects out."
        )
    penalty = np.asarray(penalty, dtype=np.float64)
    if penalty.ndim == 0:
        penalty = np.full(X.shape[1], float(penalty))
    if penalty.shape != (X.shape[1],) or not (np.isfinite(penalty) & (penalty > 0)).all():
        raise ValueError(
            f"`penalty` has shape {penalty.shape}, wanted one positive number, or one for each of {X.shape[1]} "
            "features. Drop features of infinite penalty; a small penalty comes near to none."
        )
    coef = np.zeros(X.shape[1]) if start is None else np.array(start, dtype=np.float64)
    if coef.shape != (X.shape[1],) or not np.isfinite(coef).all():
        raise ValueError(f"`start` has shape {coef.shape}, wanted a finite number for each of {X.shape[1]} features.")
    return X, penalty, _check_weights(weights, len(X)), coef


def _check_weights(weights, n):
    if weights is None:
        return np.ones(n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n,) or not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(
            f"`weights` has shape {weights.shape}, wanted a positive finite number for each of {n} subjects. Leave "
            "subjects of weight 0 out."
        )
    return weights


def _scores(risk_scores):
    scores = np.asarray(risk_scores, dtype=np.float64)
    if scores.ndim != 1 or not np.isfinite(scores).all():
        raise ValueError(f"`risk_scores` has shape {scores.shape}, wanted one finite number for each subject.")
    return scores
