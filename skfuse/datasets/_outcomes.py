"""The outcome: a score of the latent factors, its probability model, draws, and the best possible result."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, softmax
from sklearn.metrics import roc_auc_score

MEDIAN_MONTHS = 24.0
WEIBULL_SHAPE = 1.5


def standardized(values):
    """Shift and scale to mean 0 and standard deviation 1; constant values become 0.

    Parameters
    ----------
    values : ndarray of shape (n,) or (n, k)
        Numbers, standardized along the first axis.

    Returns
    -------
    values : ndarray of the same shape
        Without unit.

    Examples
    --------
    >>> import numpy as np
    >>> standardized(np.array([1.0, 3.0])), standardized(np.array([2.0, 2.0]))
    (array([-1.,  1.]), array([0., 0.]))
    """
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)


@dataclass
class FactorScore:
    """How the outcome follows from the signal factors: linear, product and square terms.

    Parameters
    ----------
    linear, square : ndarray of shape (n_factors, n_outputs)
        Weights of the factors and of their squares.
    pairs : ndarray of shape (n_pairs, 2)
        Positions of the factors that are multiplied.
    product : ndarray of shape (n_pairs, n_outputs)
        Weights of the products.
    shares : tuple of three floats
        Shares of the variance of the score for linear, product and square terms, summing to 1.
    effect : float
        Standard deviation of the score in the population.
    reference : ndarray of shape (n_reference, n_factors)
        Signal factors of a large sample, in which the terms are standardized.
    """

    linear: np.ndarray
    square: np.ndarray
    pairs: np.ndarray
    product: np.ndarray
    shares: tuple
    effect: float
    reference: np.ndarray

    def terms(self, signal):
        """Return linear, product and square terms before standardization, each (n_subjects, n_outputs)."""
        products = signal[:, self.pairs[:, 0]] * signal[:, self.pairs[:, 1]]
        return signal @ self.linear, products @ self.product, signal**2 @ self.square

    def __call__(self, signal):
        """Return the score of each subject, of shape (n_subjects, n_outputs)."""
        score = np.zeros((len(signal), self.linear.shape[1]))
        for share, term, reference in zip(self.shares, self.terms(signal), self.terms(self.reference), strict=True):
            spread = reference.std(axis=0)
            gain = np.where(spread > 1e-12, np.sqrt(share) / np.maximum(spread, 1e-12), 0)
            score += self.effect * gain * (term - reference.mean(axis=0))
        return score

    @property
    def linear_effects(self):
        """Change of the score for one unit of each factor by its linear term, (n_factors, n_outputs)."""
        spread = (self.reference @ self.linear).std(axis=0)
        gain = np.where(spread > 1e-12, np.sqrt(self.shares[0]) / np.maximum(spread, 1e-12), 0)
        return self.effect * gain * self.linear


def calibrate_intercept(predictor, proportions):
    """Find the intercepts at which classes are as frequent as was asked for.

    Parameters
    ----------
    predictor : ndarray of shape (n_subjects, n_outputs)
        Linear predictor of a large sample: log-odds (one column) or one column per class.
    proportions : ndarray of shape (n_classes,)
        Wanted shares of the classes, summing to 1.

    Returns
    -------
    intercept : ndarray of shape (n_outputs,)
        To be added to `predictor`.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(calibrate_intercept(np.zeros((5, 1)), np.array([0.75, 0.25]))[0]), 6)
    -1.098612
    """
    if predictor.shape[1] == 1:
        event = proportions[1]
        low, high = logit(event) - predictor.max() - 1, logit(event) - predictor.min() + 1
        return np.array([brentq(lambda intercept: expit(predictor + intercept).mean() - event, low, high)])
    intercept = np.log(proportions)
    for _ in range(500):
        got = softmax(predictor + intercept, axis=1).mean(axis=0)
        if np.allclose(got, proportions, rtol=0, atol=1e-6):
            break
        intercept = intercept + np.log(proportions) - np.log(got)
    return intercept


def draw_outcome(generator, predictor, *, task, n_events=None):
    """Draw outcomes from their model, censoring aside.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    predictor : ndarray of shape (n_subjects, n_outputs)
        Linear predictor: log-odds, one utility per class, mean, or log hazard ratio.
    task : {"binary", "multiclass", "regression", "survival"}
        The model: logistic, softmax, normal of standard deviation 1, or Weibull proportional hazards [1]_.
    n_events : int or None
        For a binary task, how many subjects have class 1; None draws each one independently.

    Returns
    -------
    outcome : ndarray of shape (n_subjects,)
        Classes, values, or times in months (median 24 at predictor 0).

    References
    ----------
    .. [1] R. Bender, T. Augustin, M. Blettner. Statistics in Medicine 24 (2005).
       https://doi.org/10.1002/sim.2059

    Examples
    --------
    >>> import numpy as np
    >>> generator = np.random.default_rng(0)
    >>> int(draw_outcome(generator, np.zeros((10, 1)), task="binary", n_events=3).sum())
    3
    """
    uniform = 1 - generator.random(predictor.shape)
    if task == "binary":
        liability = predictor[:, 0] + logit(np.minimum(uniform[:, 0], 1 - 1e-16))
        if n_events is None:
            return (liability > 0).astype(np.int64)
        outcome = np.zeros(len(liability), dtype=np.int64)
        outcome[np.argsort(-liability, kind="stable")[:n_events]] = 1
        return outcome
    if task == "multiclass":
        gumbel = -np.log(-np.log(np.minimum(uniform, 1 - 1e-16)))
        return (predictor + gumbel).argmax(axis=1)
    if task == "regression":
        return predictor[:, 0] + generator.standard_normal(len(predictor))
    hazard = np.log(2) * np.exp(predictor[:, 0])
    return MEDIAN_MONTHS * (-np.log(uniform[:, 0] * (1 - 1e-12)) / hazard) ** (1 / WEIBULL_SHAPE)


def calibrate_censoring(times, fraction):
    """Find the mean of exponential censoring times that censors a given fraction of subjects.

    Parameters
    ----------
    times : ndarray of shape (n_subjects,)
        Times of a large sample, in months.
    fraction : float
        Wanted fraction of censored subjects, in [0, 1).

    Returns
    -------
    mean : float
        Mean censoring time in months; infinity where `fraction` is 0.

    Examples
    --------
    >>> import numpy as np
    >>> round(calibrate_censoring(np.full(3, 12.0), 0.5), 3)
    17.312
    """
    if fraction == 0:
        return np.inf

    def excess(log_mean):
        return -np.expm1(-times / np.exp(log_mean)).mean() - fraction

    return float(np.exp(brentq(excess, np.log(times.min()) - 20, np.log(times.max()) + 20)))


def expected_auc(score, probability):
    """Compute the AUC of a score expected over draws of the outcome.

    Parameters
    ----------
    score : ndarray of shape (n_subjects,)
        Higher for subjects thought likelier to have the event.
    probability : ndarray of shape (n_subjects,)
        True probability of the event.

    Returns
    -------
    auc : float
        Area under the ROC curve, where each subject counts as a case with its probability and as a control
        with the rest.

    Examples
    --------
    >>> import numpy as np
    >>> expected_auc(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    1.0
    """
    label = np.repeat([1, 0], len(score))
    weight = np.concatenate([probability, 1 - probability])
    return float(roc_auc_score(label, np.tile(score, 2), sample_weight=weight))


def best_possible(predictor, *, task):
    """Compute the result that nobody can beat on average: that of the true linear predictor.

    Parameters
    ----------
    predictor : ndarray of shape (n_subjects, n_outputs)
        Linear predictor of a large sample.
    task : {"binary", "multiclass", "regression", "survival"}
        The model, as in :func:`draw_outcome`.

    Returns
    -------
    best : dict
        ``{"bayes_auc": …}``, ``{"bayes_accuracy": …}``, ``{"bayes_r2": …}`` or ``{"bayes_concordance": …}``.

    Examples
    --------
    >>> import numpy as np
    >>> best_possible(np.zeros((4, 1)), task="binary")
    {'bayes_auc': 0.5}
    """
    if task == "binary":
        return {"bayes_auc": expected_auc(predictor[:, 0], expit(predictor[:, 0]))}
    if task == "multiclass":
        return {"bayes_accuracy": float(softmax(predictor, axis=1).max(axis=1).mean())}
    if task == "regression":
        variance = predictor[:, 0].var()
        return {"bayes_r2": float(variance / (1 + variance))}
    half = len(predictor) // 2
    difference = np.abs(predictor[:half, 0] - predictor[half : 2 * half, 0])
    return {"bayes_concordance": float(expit(difference).mean())}
