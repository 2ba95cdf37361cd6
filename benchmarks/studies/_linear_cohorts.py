"""Gaussian cohorts and a closed-form fusion learner: thousands of cross-validations whose true AUC is known exactly.

Every modality is Gaussian in each class. A ridge-regularized linear discriminant is fitted to each modality; the fused
score is their sum, each in units of its spread within classes. All fits of one split into folds (one fold left out, or
two) come from sums over folds. The AUC of a linear score in the whole population is a normal probability.
"""

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from scipy.special import ndtr, ndtri

N_FOLDS = 5
RIDGE = 0.5
#: Strategies: all but the twin; the same with the twin in the place of the first modality; each modality alone.
STRATEGIES = ("fused", "fused with the twin", "single 1", "single 2", "single 3")
_LEFT_OUT = [(k,) for k in range(N_FOLDS)] + list(combinations(range(N_FOLDS), 2))
#: Models that have not seen a fold: first the one of the outer split, then four that lack one more fold.
UNSEEN = [
    [_LEFT_OUT.index((k,))] + [i for i, out in enumerate(_LEFT_OUT) if len(out) == 2 and k in out] for k in range(5)
]


@dataclass(frozen=True)
class Population:
    """Two Gaussian classes of three modalities and a twin of the first.

    Parameters
    ----------
    sizes : tuple of int
        Features of the three modalities; the twin has as many as the first.
    auc : tuple of float
        AUC of the best linear score of each modality.
    neighbor : float
        Correlation of neighboring features of a modality.
    shared : float
        Correlation of features of different modalities.
    spread : float
        Variance of the events, in units of that of the others.
    """

    sizes: tuple
    auc: tuple
    neighbor: float
    shared: float
    spread: float = 1.0

    def blocks(self):
        """Columns of each modality and of the twin."""
        ends = np.cumsum([0, *self.sizes, self.sizes[0]])
        return [slice(a, b) for a, b in pairwise(ends)]

    def moments(self):
        """Difference of means, and covariance of the others and of the events."""
        blocks = self.blocks()
        covariance = np.full((blocks[-1].stop, blocks[-1].stop), self.shared)
        shift = np.zeros(len(covariance))
        for block, auc in zip(blocks, [*self.auc, self.auc[0]], strict=True):
            place = np.arange(block.stop - block.start)
            covariance[block, block] += (1 - self.shared) * self.neighbor ** np.abs(place[:, None] - place)
            # Signal in every second feature, of both signs, weaker from one to the next.
            direction = np.where(place % 2 == 0, (-1.0) ** (place // 2) * 0.9 ** (place / 2), 0.0)
            best = direction @ np.linalg.solve(covariance[block, block], direction)
            shift[block] = direction * ndtri(auc) * np.sqrt((1 + self.spread) / best)
        return shift, covariance, self.spread * covariance


def draw_cohort(moments, n, n_events, rng):
    """Features (n, n_features) and classes (n,), events first."""
    shift, covariance, _ = moments
    spread = np.sqrt(moments[2][0, 0] / covariance[0, 0])
    X = rng.standard_normal((n, len(shift))) @ np.linalg.cholesky(covariance).T
    y = np.arange(n) < n_events
    X[y] = X[y] * spread + shift
    return X, y


def draw_folds(y, rng):
    """Fold of each subject (n,), stratified by class; sizes differ by one at most."""
    folds = np.empty(len(y), dtype=int)
    events, others = (rng.permutation(np.flatnonzero(y == k)) for k in (True, False))
    folds[np.r_[events, others]] = np.arange(len(y)) % N_FOLDS
    return folds


def fit_models(X, y, folds, blocks):
    """Weights of every strategy with one or two folds left out (n_models, n_strategies, n_features)."""
    counts, sums, squares = [], [], []
    for label in (True, False):
        members = [X[(folds == k) & (y == label)] for k in range(N_FOLDS)]
        counts.append([len(part) for part in members])
        sums.append([part.sum(axis=0) for part in members])
        squares.append([part.T @ part for part in members])
    kept = np.array([[k not in out for k in range(N_FOLDS)] for out in _LEFT_OUT], dtype=float)
    n = kept @ np.array(counts, dtype=float).T  # (n_models, 2)
    total = np.tensordot(kept, np.array(sums), axes=(1, 1))
    square = np.tensordot(kept, np.array(squares).sum(axis=0), axes=1)
    mean = total / n[:, :, None]
    within = square - (n[:, :, None] * mean).swapaxes(1, 2) @ mean
    within /= (n.sum(axis=1) - 2)[:, None, None]
    weights = np.zeros((len(_LEFT_OUT), len(blocks), X.shape[1]))
    for m, block in enumerate(blocks):
        spread = within[:, block, block]
        size = spread.shape[1]
        ridge = RIDGE * np.trace(spread, axis1=1, axis2=2) / size
        difference = (mean[:, 0] - mean[:, 1])[:, block]
        found = np.linalg.solve(spread + ridge[:, None, None] * np.eye(size), difference[..., None])[..., 0]
        scale = np.sqrt(((spread @ found[..., None])[..., 0] * found).sum(axis=1))
        weights[:, m, block] = found / scale[:, None]
    one, two, three, twin = weights.swapaxes(0, 1)
    return np.stack([one + two + three, twin + two + three, one, two, three], axis=1)


def true_auc(weights, moments):
    """AUC in the population of linear scores (..., n_features)."""
    shift, *covariances = moments
    variance = ((weights @ sum(covariances)) * weights).sum(axis=-1)
    return ndtr(weights @ shift / np.sqrt(variance))


def placements(scores, y):
    """Share of the other class that each subject is on the right side of (n, n_columns), and the AUC (n_columns,).

    The scores are continuous: there are no ties.
    """
    order = scores.argsort(axis=0)
    event = y[order]
    below = np.where(event, np.cumsum(~event, axis=0) / (~y).sum(), 1 - np.cumsum(event, axis=0) / y.sum())
    found = np.empty(scores.shape)
    np.put_along_axis(found, order, below, axis=0)
    return found, found[y].mean(axis=0)


def cross_validate(X, y, folds, blocks, moments):
    """One split into folds: what the outer models, and those that lack one more fold, do on each fold.

    Returns
    -------
    found : dict
        ``rows``: list of the test subjects of each fold; ``auc`` (n_folds, n_strategies): of the outer models, and last
        of the single modality chosen by inner folds; ``influence``: list of (n_test, n_strategies); ``true``: as
        ``auc``, in the population; ``inner`` (n_folds, 4, n_strategies - 1): AUC, on each fold, of the models that lack
        one more, in the order of the other folds; ``scores``: list of (n_test, n_strategies).
    """
    weights = fit_models(X, y, folds, blocks)
    truth = true_auc(weights[:N_FOLDS], moments)
    rows, scores, placed, auc, inner = [], [], [], [], []
    for k in range(N_FOLDS):
        test = np.flatnonzero(folds == k)
        score = X[test] @ weights[UNSEEN[k]].reshape(-1, X.shape[1]).T
        place, value = placements(score, y[test])
        n = len(STRATEGIES)
        rows.append(test)
        scores.append(score[:, :n])
        placed.append(place[:, :n])
        auc.append(value[:n])
        inner.append(value[n:].reshape(4, n))
    inner = np.array(inner)
    chosen = np.argmax([inner_auc(inner, k)[:, 2:].mean(axis=0) for k in range(N_FOLDS)], axis=1) + 2
    auc, truth = np.array(auc), np.array(truth)
    each = np.arange(N_FOLDS)
    auc = np.column_stack([auc, auc[each, chosen]])
    truth = np.column_stack([truth, truth[each, chosen]])
    influence = []
    for k in range(N_FOLDS):
        place = np.column_stack([placed[k], placed[k][:, chosen[k]]])
        event = y[rows[k]]
        size = np.where(event, event.sum(), (~event).sum())[:, None]
        influence.append((place - auc[k]) * len(event) / size)
        scores[k] = np.column_stack([scores[k], scores[k][:, chosen[k]]])
    return {"rows": rows, "auc": auc, "influence": influence, "true": truth, "inner": inner, "scores": scores}


def inner_auc(inner, outer):
    """AUC (4, n_strategies) of inner cross-validation without fold `outer`: each other fold tested."""
    others = [k for k in range(N_FOLDS) if k != outer]
    return np.array([inner[k, [j for j in range(N_FOLDS) if j != k].index(outer)] for k in others])
