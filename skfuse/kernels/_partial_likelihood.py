"""Cox partial likelihood: its value, gradient and Hessian by sums over risk sets, backwards in time."""

import numpy as np

_RANGE = 300.0  # linear predictors that share a unit; exp of twice as much is still in the range of float64


class PartialLikelihood:
    """Negative log partial likelihood of linear predictors and its derivatives, with subjects sorted once.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_features)
    event, time, weights : ndarray of shape (n_subjects,)
    ties : {"breslow", "efron"}
    """

    def __init__(self, X, event, time, *, weights, ties):
        if ties not in ("breslow", "efron"):
            raise ValueError(f"`ties` must be 'breslow' or 'efron', got {ties!r}.")
        # Those censored before the first event are in no risk set.
        order, _, self.begins = risk_sets(event, time)
        self.weights, self.event = weights[order], event[order]
        self.X = X[order]
        self.X -= self.X.mean(axis=0)  # changes nothing but the rounding of features far from 0
        n_died = np.add.reduceat(self.event.astype(np.intp), self.begins)
        died = np.add.reduceat(self.weights * self.event, self.begins)
        n_sets = len(self.begins)
        sizes = np.diff(self.begins, append=len(order))
        self.set_of = np.repeat(np.arange(n_sets), sizes)  # last risk set that holds each subject
        # One term per risk set (Breslow) or per event (Efron), with the share of those who die that it leaves out.
        if ties == "efron":
            self.term_set = np.repeat(np.arange(n_sets), n_died)
            first = np.repeat(np.cumsum(n_died) - n_died, n_died)
            self.left_out = (np.arange(n_died.sum()) - first) / n_died[self.term_set]
            self.term_weight = (died / n_died)[self.term_set]
        else:
            self.term_set, self.left_out, self.term_weight = np.arange(n_sets), np.zeros(n_sets), died
        self.tied = bool(self.left_out.any())

    def loss(self, coef):
        """Negative log partial likelihood; infinite where a linear predictor overflows."""
        eta = self.X @ coef
        if not np.isfinite(eta).all():
            return np.inf
        sums, _, scale = self._sums(eta)
        events = (self.weights * self.event) @ (eta - scale[self.set_of])
        return float(self.term_weight @ np.log(sums) - events)

    def derivatives(self, coef):
        """Gradient and Hessian of the negative log partial likelihood."""
        sums, hazards, scale = self._sums(self.X @ coef)
        # Share of a subject's hazard that all terms up to its last risk set have, less what Efron's leave out.
        inverse = self.term_weight / sums
        per_set = np.bincount(self.term_set, inverse, minlength=len(self.begins))
        share = hazards * _running_sum(per_set, -scale)[self.set_of]
        if self.tied:
            less = np.bincount(self.term_set, inverse * self.left_out, minlength=len(self.begins))
            share -= self.event * hazards * less[self.set_of]
        gradient = self.X.T @ (share - self.weights * self.event)
        means = self._backward(hazards[:, None] * self.X, scale)
        if self.tied:
            died = np.add.reduceat((hazards * self.event)[:, None] * self.X, self.begins)
            means = means[self.term_set] - self.left_out[:, None] * died[self.term_set]
        means *= (np.sqrt(self.term_weight) / sums)[:, None]
        scaled = np.sqrt(share)[:, None] * self.X
        return gradient, scaled.T @ scaled - means.T @ means

    def _sums(self, eta):
        """Sum of hazards of each term, hazards of subjects, and the log of the unit of both, by risk set."""
        largest = np.maximum.accumulate(np.maximum.reduceat(eta, self.begins)[::-1])[::-1]
        # Early risk sets may have hazards beyond the range of float64 relative to late ones: units go along.
        scale = largest[-1] + _RANGE * np.floor((largest - largest[-1]) / _RANGE)
        hazards = self.weights * np.exp(eta - scale[self.set_of])
        sums = self._backward(hazards, scale)[self.term_set]
        if self.tied:
            sums -= self.left_out * np.add.reduceat(hazards * self.event, self.begins)[self.term_set]
        return sums, hazards, scale

    def _backward(self, values, scale):
        """Sums over risk sets, each in its own unit."""
        return _running_sum(np.add.reduceat(values, self.begins)[::-1], scale[::-1])[::-1]


def _running_sum(values, scale):
    """Cumulative sums along axis 0 of `values`, of which each has the unit exp(scale); `scale` rises by steps."""
    steps = np.flatnonzero(np.diff(scale)) + 1
    sums = np.empty_like(values)
    for start, stop in zip([0, *steps], [*steps, len(values)], strict=True):
        np.cumsum(values[start:stop], axis=0, out=sums[start:stop])
        if start:
            sums[start:stop] += sums[start - 1] * np.exp(scale[start - 1] - scale[start])
    return sums


def risk_sets(event, time):
    """Order of those at risk of any event, the times of events, and where in that order each of these begins."""
    times = np.unique(time[event])
    order = np.argsort(time, kind="stable")
    order = order[np.searchsorted(time[order], times[0]) :]
    return order, times, np.searchsorted(time[order], times)
