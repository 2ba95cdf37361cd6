"""Calibration: how far predicted probabilities, or values, agree with what is observed."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.special import expit, logit

from skfuse.evaluation.statistics._checks import finite_vector, probabilities, same_length
from skfuse.evaluation.statistics._loess import loess

#: Probabilities are clipped so far from 0 and 1 before their logit is taken; Brier score, ratio and curve take them as
#: they are.
CLIP = 1e-8

#: With more distinct probabilities than twice this, the curve is computed at so many quantiles and interpolated.
PLACES = 1000


class ClippedProbabilityWarning(UserWarning):
    """Probabilities of 0 or 1 were clipped before their logit was taken."""


@dataclass(frozen=True)
class Calibration:
    """Agreement of predicted probabilities with a binary outcome.

    Attributes
    ----------
    intercept : float
        Calibration in the large, on the logit scale: 0 is perfect, above 0 means that risks are predicted too low.
    slope : float
        1 is perfect, below 1 means predictions too extreme; NaN where the logits are constant or separate the classes.
    observed_expected : float
        Events observed by events expected.
    brier : float
        Mean squared error of the probabilities, 0 to 1.
    ici, e50, e90, emax : float
        Mean, median, 90th percentile and maximum of the distance between smooth curve and prediction; NaN below
        `min_events`.
    n_events, n_non_events : int
        Subjects of each class.
    n_clipped : int
        Probabilities clipped for intercept and slope.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import calibration
    >>> calibration([0, 0, 1, 0, 1, 1], [0.1, 0.3, 0.2, 0.6, 0.7, 0.9]).n_events
    3
    """

    intercept: float
    slope: float
    observed_expected: float
    brier: float
    ici: float
    e50: float
    e90: float
    emax: float
    n_events: int
    n_non_events: int
    n_clipped: int


def calibration(y, probability, *, min_events=50, span=0.75):
    r"""Calibration intercept and slope, integrated calibration index and Brier score.

    The intercept is that of a logistic model with the logit of the probability as offset, the slope the coefficient of
    that logit [1]_. The integrated calibration index (ICI), E50, E90 and Emax compare the probability with a smooth
    curve [2]_: loess of degree 2, computed directly at each probability (beyond 2,000 distinct ones at 1,000 quantiles,
    linear in between) and not cut at 0 and 1.

    Parameters
    ----------
    y : array-like of shape (n_subjects,)
        1 or True for the event; both classes must be there.
    probability : array-like of shape (n_subjects,)
        Predicted probability of the event, 0 to 1.
    min_events : int
        With fewer events or non-events the curve is mostly noise: ICI, E50, E90 and Emax are then NaN.
    span : float
        Share of the subjects in each local fit.

    Returns
    -------
    result : Calibration
        All quantities; each is NaN where it cannot be estimated.

    Raises
    ------
    ValueError
        If a class is missing, or a probability is not finite or lies outside 0 to 1.

    Warns
    -----
    ClippedProbabilityWarning
        If probabilities are nearer than 1e-8 to 0 or 1: they are clipped to that for intercept and slope, and counted.

    References
    ----------
    .. [1] B. Van Calster et al. BMC Med 17 (2019), 230. https://doi.org/10.1186/s12916-019-1466-7
    .. [2] P. C. Austin, E. W. Steyerberg. Stat Med 38 (2019), 4051-4065. https://doi.org/10.1002/sim.8281

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.evaluation.statistics import calibration
    >>> rng = np.random.default_rng(0)
    >>> risk = rng.uniform(0.1, 0.9, size=500)
    >>> result = calibration(rng.uniform(size=500) < risk, risk)
    >>> round(result.intercept, 2), round(result.slope, 2), round(result.ici, 3)
    (-0.0, 1.14, 0.025)
    """
    y, probability = probabilities(y, probability)
    clipped = np.clip(probability, CLIP, 1.0 - CLIP)
    n_clipped = int((clipped != probability).sum())
    if n_clipped:
        warnings.warn(
            f"{n_clipped} of {len(y)} probabilities lie within {CLIP:g} of 0 or 1, as if the outcome were certain. "
            "They were clipped to that for calibration intercept and slope, which depend on it: calibrate the model "
            "(CalibratedClassifierCV) to get probabilities that admit doubt.",
            ClippedProbabilityWarning,
            stacklevel=2,
        )
    risk = logit(clipped)
    distance = np.full(1, np.nan)
    if min(y.sum(), (~y).sum()) >= min_events:
        distance = np.abs(_curve_at_subjects(y, probability, span) - probability)
    return Calibration(
        intercept=float(_intercept(risk, y)),
        slope=float(_slope(risk, y)),
        observed_expected=float(y.sum() / probability.sum()) if probability.any() else np.inf,
        brier=float(np.mean((y - probability) ** 2)),
        ici=float(distance.mean()),
        e50=float(np.median(distance)),
        e90=float(np.quantile(distance, 0.9)),
        emax=float(distance.max()),
        n_events=int(y.sum()),
        n_non_events=int((~y).sum()),
        n_clipped=n_clipped,
    )


def smooth_calibration_curve(y, probability, *, at=None, span=0.75):
    """Smooth share of events against predicted probability, by loess of degree 2 [1]_.

    Parameters
    ----------
    y : array-like of shape (n_subjects,)
        1 or True for the event; both classes must be there.
    probability : array-like of shape (n_subjects,)
        Predicted probability of the event, 0 to 1.
    at : array-like of shape (n_points,) or None
        Probabilities at which the curve is wanted; None means 101 from the smallest to the largest predicted one.
    span : float
        Share of the subjects in each local fit.

    Returns
    -------
    predicted, observed : ndarray of shape (n_points,)
        The curve, not cut at 0 and 1; outside the range of the predictions it is extrapolated.

    Raises
    ------
    ValueError
        If a class is missing, or a probability is not finite or lies outside 0 to 1.

    References
    ----------
    .. [1] P. C. Austin, E. W. Steyerberg. Stat Med 33 (2014), 517-535. https://doi.org/10.1002/sim.5941

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.evaluation.statistics import smooth_calibration_curve
    >>> rng = np.random.default_rng(0)
    >>> risk = rng.uniform(0.1, 0.9, size=500)
    >>> predicted, observed = smooth_calibration_curve(rng.uniform(size=500) < risk, risk, at=[0.2, 0.5, 0.8])
    >>> observed.round(2).tolist()
    [0.17, 0.49, 0.83]
    """
    y, probability = probabilities(y, probability)
    if at is None:
        at = np.linspace(probability.min(), probability.max(), 101)
    at = finite_vector(at, "at")
    return at, loess(probability, y, span=_span(span), at=at)


@dataclass(frozen=True)
class CalibrationRegression:
    """Agreement of predicted with observed values.

    Attributes
    ----------
    intercept : float
        Of the line of observed on predicted values, in the unit of the target; 0 is perfect.
    slope : float
        Of that line; 1 is perfect, below 1 means predictions too extreme.
    mean_error : float
        Mean observed minus mean predicted value: calibration in the large.

    Examples
    --------
    >>> from skfuse.evaluation.statistics import calibration_regression
    >>> calibration_regression([1.0, 2.0, 3.0], [0.0, 2.0, 4.0]).slope
    0.5
    """

    intercept: float
    slope: float
    mean_error: float


def calibration_regression(y, predicted):
    """Line of observed on predicted values [1]_.

    Parameters
    ----------
    y : array-like of shape (n_subjects,)
        Observed values, in any unit.
    predicted : array-like of shape (n_subjects,)
        Predicted values, in the same unit.

    Returns
    -------
    result : CalibrationRegression
        Intercept and slope are NaN where all predictions are the same.

    Raises
    ------
    ValueError
        If a value is not finite or there are fewer than two subjects.

    References
    ----------
    .. [1] E. W. Steyerberg, Y. Vergouwe. Eur Heart J 35 (2014), 1925-1931. https://doi.org/10.1093/eurheartj/ehu207

    Examples
    --------
    >>> from skfuse.evaluation.statistics import calibration_regression
    >>> result = calibration_regression([1.0, 2.0, 3.0], [0.0, 2.0, 4.0])
    >>> result.slope, result.intercept, result.mean_error
    (0.5, 1.0, 0.0)
    """
    y, predicted = finite_vector(y, "y"), finite_vector(predicted, "predicted")
    same_length(y, predicted, "predicted")
    if len(y) < 2:
        raise ValueError(f"There are {len(y)} subjects; a line needs at least two.")
    mean_error = float(np.mean(y - predicted))
    if np.ptp(predicted) == 0:
        return CalibrationRegression(np.nan, np.nan, mean_error)
    centered = predicted - predicted.mean()
    slope = float(centered @ (y - y.mean()) / (centered @ centered))
    return CalibrationRegression(float(y.mean() - slope * predicted.mean()), slope, mean_error)


def _span(span):
    if not 0 < span <= 1:
        raise ValueError(f"`span` is a share of the subjects, above 0 and at most 1; got {span!r}.")
    return span


def _curve_at_subjects(y, probability, span):
    at = np.unique(probability)
    if len(at) > 2 * PLACES:
        at = np.unique(np.quantile(probability, np.linspace(0.0, 1.0, PLACES)))
    return np.interp(probability, at, loess(probability, y, span=_span(span), at=at))


def _intercept(risk, y):
    """Maximum-likelihood intercept with the logit as offset: where expected events equal observed ones."""
    prevalence = logit(y.mean())
    low, high = prevalence - risk.max(), prevalence - risk.min()  # every probability below, above the prevalence
    if high - low <= 1e-14 * max(1.0, abs(low)):
        return low
    return optimize.brentq(lambda a: expit(a + risk).sum() - y.sum(), low - 1.0, high + 1.0, xtol=1e-14, rtol=1e-14)


def _slope(risk, y):
    """Maximum-likelihood slope of a logistic model by Newton's method, steps halved until the likelihood rises.

    NaN where no slope is best: constant logits, or logits that separate the classes.
    """
    if risk[y].min() >= risk[~y].max() or risk[y].max() <= risk[~y].min():
        return np.nan
    spread = risk.std()
    X, sign = np.column_stack([np.ones(len(y)), (risk - risk.mean()) / spread]), np.where(y, 1.0, -1.0)
    coefficients, loss = np.zeros(2), len(y) * np.log(2.0)
    for _ in range(500):
        probability = expit(X @ coefficients)
        gradient = X.T @ (y - probability)
        step = np.linalg.lstsq((X * (probability * (1.0 - probability))[:, None]).T @ X, gradient, rcond=None)[0]
        if gradient @ step <= 1e-16 * loss:  # the next error is the square of this one
            return (coefficients + step)[1] / spread
        trial = np.inf
        while trial > loss * (1.0 + 1e-14):  # rounding must not refuse a good step
            trial = np.logaddexp(0.0, -sign * (X @ (coefficients + step))).sum()
            accepted, step = step, step / 2.0
        coefficients, loss = coefficients + accepted, trial
    raise RuntimeError("The calibration slope did not converge in 500 steps; please report the probabilities.")
