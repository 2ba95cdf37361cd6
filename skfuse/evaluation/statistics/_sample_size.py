"""How many subjects a prediction model needs (Riley's criteria)."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy import stats

from skfuse.evaluation.statistics._checks import share


@dataclass(frozen=True)
class SampleSize:
    """Subjects needed to develop a prediction model.

    Attributes
    ----------
    n_subjects : int
        The largest of the criteria.
    n_events : float
        Events expected among them; NaN for a continuous outcome.
    events_per_parameter : float
        Those events by the number of parameters; NaN for a continuous outcome.
    criteria : dict of str to int
        Subjects that each criterion asks for.
    r2 : float
        The R² that was anticipated: Cox and Snell's for a binary outcome.
    max_r2 : float
        The largest that this R² can be.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import riley_sample_size
    >>> needed = riley_sample_size(24, prevalence=0.174, r2=0.288)
    >>> needed.n_subjects, round(needed.n_events), round(needed.events_per_parameter, 1)
    (662, 115, 4.8)
    """

    n_subjects: int
    n_events: float
    events_per_parameter: float
    criteria: dict
    r2: float
    max_r2: float


def max_cox_snell_r2(prevalence):
    r"""Largest value of Cox and Snell's R² for a binary outcome [1]_.

    .. math:: 1 - \big(\phi^{\phi} (1 - \phi)^{1 - \phi}\big)^2

    Parameters
    ----------
    prevalence : float
        Share of events, between 0 and 1.

    Returns
    -------
    max_r2 : float
        Nagelkerke's R² is Cox and Snell's divided by it.

    Raises
    ------
    ValueError
        If the prevalence is out of range.

    References
    ----------
    .. [1] R. D. Riley et al. BMJ 368 (2020), m441. https://doi.org/10.1136/bmj.m441

    Examples
    --------
    >>> from skfuse.evaluation.statistics import max_cox_snell_r2
    >>> [round(max_cox_snell_r2(prevalence), 2) for prevalence in (0.5, 0.2, 0.05)]
    [0.75, 0.63, 0.33]
    """
    prevalence = share(prevalence, "prevalence")
    return float(-np.expm1(2.0 * (prevalence * np.log(prevalence) + (1.0 - prevalence) * np.log1p(-prevalence))))


def riley_sample_size(
    n_parameters,
    *,
    prevalence=None,
    r2=None,
    mean=None,
    sd=None,
    shrinkage=0.9,
    optimism=0.05,
    margin=0.05,
    absolute_error=None,
):
    """Subjects needed to develop a prediction model without much overfitting [1]_.

    For a binary outcome [2]_: expected shrinkage, optimism of Nagelkerke's R², precision of the overall risk and, on
    request, the mean absolute error of the probabilities [4]_. For a continuous one [3]_: expected shrinkage, optimism
    of R², precision of the residual standard deviation (within 10 %) and of the mean (within 10 %).

    Parameters
    ----------
    n_parameters : int
        Candidate parameters: all that are looked at, before any selection. A penalized model needs fewer subjects for
        the same number; then the figure is a cautious one.
    prevalence : float or None
        Share of events of a binary outcome; None means a continuous outcome.
    r2 : float or None
        R² that the model is expected to reach (adjusted for optimism): Cox and Snell's for a binary outcome, where None
        means 15 % of its largest value; for a continuous outcome it must be given.
    mean, sd : float or None
        Of a continuous outcome, in its unit; without them its last criterion is left out.
    shrinkage : float
        Wanted uniform shrinkage, above `r2`.
    optimism : float
        Largest difference of apparent and adjusted R² (Nagelkerke's for a binary outcome).
    margin : float
        Half the width of the 95 % interval of the overall risk.
    absolute_error : float or None
        Largest mean absolute error of the probabilities; known for at most 30 parameters. None leaves that out.

    Returns
    -------
    result : SampleSize
        Subjects, and what each criterion asks for: ``shrinkage``, ``optimism`` and ``intercept`` (and
        ``absolute_error``), or ``shrinkage``, ``optimism`` and ``residual_sd`` (and ``mean``).

    Raises
    ------
    ValueError
        If a quantity is out of range, missing, or belongs to the other kind of outcome.

    References
    ----------
    .. [1] R. D. Riley et al. BMJ 368 (2020), m441. https://doi.org/10.1136/bmj.m441
    .. [2] R. D. Riley et al. Stat Med 38 (2019), 1276-1296. https://doi.org/10.1002/sim.7992
    .. [3] R. D. Riley et al. Stat Med 38 (2019), 1262-1275. https://doi.org/10.1002/sim.7993
    .. [4] M. van Smeden et al. Stat Methods Med Res 28 (2019). https://doi.org/10.1177/0962280218784726

    Examples
    --------
    >>> from skfuse.evaluation.statistics import riley_sample_size
    >>> riley_sample_size(24, prevalence=0.174, r2=0.288).criteria
    {'shrinkage': 623, 'optimism': 662, 'intercept': 221}
    >>> riley_sample_size(25, r2=0.2, mean=1.9, sd=0.6).n_subjects
    918
    """
    if not isinstance(n_parameters, Integral) or n_parameters < 1:
        raise ValueError(f"`n_parameters` must be a whole number of at least 1, got {n_parameters!r}.")
    shrinkage, optimism = share(shrinkage, "shrinkage"), share(optimism, "optimism")
    if r2 is not None:
        share(r2, "r2")
    if prevalence is None:
        if r2 is None or absolute_error is not None:
            raise ValueError(
                "A continuous outcome needs `r2` and has no `absolute_error`; for a binary outcome give `prevalence`."
            )
        criteria = _continuous(int(n_parameters), r2, mean, sd, shrinkage, optimism)
        return SampleSize(max(criteria.values()), np.nan, np.nan, criteria, float(r2), 1.0)
    if mean is not None or sd is not None:
        raise ValueError("`mean` and `sd` belong to a continuous outcome; a binary one has `prevalence` alone.")
    max_r2 = max_cox_snell_r2(prevalence)
    r2 = 0.15 * max_r2 if r2 is None else float(r2)
    if r2 >= max_r2:
        raise ValueError(
            f"`r2` is {r2:.3g}, but Cox and Snell's R² stays below {max_r2:.3g} at a prevalence of {prevalence:g}. "
            "Give Cox and Snell's, not Nagelkerke's: multiply that by `max_cox_snell_r2(prevalence)`."
        )
    criteria = _binary(int(n_parameters), prevalence, r2, max_r2, shrinkage, optimism, share(margin, "margin"))
    if absolute_error is not None:
        criteria["absolute_error"] = _for_absolute_error(
            n_parameters, prevalence, share(absolute_error, "absolute_error")
        )
    n_subjects = max(criteria.values())
    n_events = n_subjects * float(prevalence)
    return SampleSize(n_subjects, n_events, n_events / n_parameters, criteria, r2, max_r2)


def _binary(n_parameters, prevalence, r2, max_r2, shrinkage, optimism, margin):
    def for_shrinkage(wanted):
        return _up(n_parameters / ((wanted - 1.0) * np.log1p(-r2 / wanted)))

    _refuse_too_little_shrinkage(shrinkage, r2)
    return {
        "shrinkage": for_shrinkage(shrinkage),
        "optimism": for_shrinkage(r2 / (r2 + optimism * max_r2)),
        "intercept": _up((1.96 / margin) ** 2 * prevalence * (1.0 - prevalence)),
    }


def _continuous(n_parameters, r2, mean, sd, shrinkage, optimism):
    _refuse_too_little_shrinkage(shrinkage, r2)

    def enough_shrinkage(n):
        apparent = (r2 * (n - n_parameters - 1) + n_parameters) / (n - 1)
        return 1.0 + (n_parameters - 2) / (n * np.log1p(-apparent)) >= shrinkage

    criteria = {
        "shrinkage": _smallest(enough_shrinkage, n_parameters + 2),
        "optimism": _up(1.0 + n_parameters * (1.0 - r2) / optimism),
        "residual_sd": 234 + n_parameters,  # so that the chi-squared limits of the residual SD lie within 10 %
    }
    if (mean is None) != (sd is None):
        raise ValueError("Give both `mean` and `sd` of the outcome, or neither.")
    if mean is not None:
        if mean == 0 or not sd > 0:
            raise ValueError(f"`mean` must not be 0 and `sd` must be above 0; got {mean!r} and {sd!r}.")

        def enough_for_mean(n):
            half = stats.t.ppf(0.975, n - n_parameters - 1) * sd * np.sqrt((1.0 - r2) / n)
            return half <= 0.1 * abs(mean)

        criteria["mean"] = _smallest(enough_for_mean, n_parameters + 2)
    return criteria


def _for_absolute_error(n_parameters, prevalence, error):
    if n_parameters > 30:
        raise ValueError(
            f"The formula for the mean absolute error holds for at most 30 parameters, got {n_parameters}. Leave "
            "`absolute_error` out."
        )
    rare = min(prevalence, 1.0 - prevalence)
    return _up(np.exp((-0.508 + 0.259 * np.log(rare) + 0.504 * np.log(n_parameters) - np.log(error)) / 0.544))


def _refuse_too_little_shrinkage(shrinkage, r2):
    if shrinkage <= r2:
        raise ValueError(f"`shrinkage` is {shrinkage:g}; it must be above `r2`, which is {r2:g}.")


def _smallest(enough, low):
    """Smallest n from `low` on that is enough; more is never too little."""
    if enough(low):
        return low
    high = 2 * low
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _up(value):
    return int(np.ceil(value))
