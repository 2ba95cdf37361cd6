"""Probabilities from decisions: Platt's sigmoid, fitted on decisions out of fold."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

LEAST_EVENTS = 30


def fit_sigmoid(decisions, events, sample_weight=None):
    r"""Slope and offset of :math:`P(y = 1 \mid f) = 1 / (1 + e^{-(a f + b)})` by maximum likelihood [1]_.

    The targets are Platt's, :math:`(N_+ + 1)/(N_+ + 2)` and :math:`1/(N_- + 2)`, so that separated classes do not drive
    the slope to infinity.

    Parameters
    ----------
    decisions : ndarray of shape (n_subjects,)
        Out of fold.
    events : ndarray of shape (n_subjects,), dtype bool
    sample_weight : ndarray of shape (n_subjects,) or None

    Returns
    -------
    slope, offset : float
        The slope is not negative: a decision out of fold that points the wrong way says nothing.

    References
    ----------
    .. [1] H.-T. Lin, C.-J. Lin, R. C. Weng. A note on Platt's probabilistic outputs for support vector machines.
       Machine Learning 68, 267 (2007). https://doi.org/10.1007/s10994-007-5018-6
    """
    weight = np.ones(len(decisions)) if sample_weight is None else sample_weight
    n_events, n_others = weight[events].sum(), weight[~events].sum()
    target = np.where(events, (n_events + 1) / (n_events + 2), 1 / (n_others + 2))
    size = np.std(decisions)
    scaled = decisions / size if size > 0 else np.zeros_like(decisions)

    def loss(parameters):
        score = parameters[0] * scaled + parameters[1]
        value = weight @ (np.logaddexp(0.0, score) - target * score)
        error = weight * (expit(score) - target)
        return value, np.array([error @ scaled, error.sum()])

    mean = weight @ target / weight.sum()
    start = np.array([0.0, np.log(mean / (1 - mean))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)], tol=1e-12)
    return float(found.x[0] / size) if size > 0 else 0.0, float(found.x[1])
