r"""Regression on a sum of single effects: each is one of many candidate columns, with its uncertainty [1]_.

Effect l is :math:`b_l` times one column :math:`x_a`; a priori there is none with probability 1/2, otherwise every
column is as likely, and :math:`b_l \sim N(0, \tau)`, the scale :math:`\tau` one of a few. For columns with
:math:`x_a^\top x_a = n` and a target r of variance 1, with :math:`\hat b = x_a^\top r / n` and :math:`s = \sigma^2/n`,

.. math:: BF_a(\tau) = \sqrt{\frac{s}{s + \tau}} \exp\left(\frac{\hat b^2}{2 s} \frac{\tau}{s + \tau}\right).

.. [1] G. Wang et al. J R Stat Soc B 82 (2020), 1273-1300. https://doi.org/10.1111/rssb.12388
"""

from typing import NamedTuple

import numpy as np

from skfuse._chunks import chunks
from skfuse.lesions._multivariate import permuted_targets
from skfuse.permutation import MapStatistic

_SCALES = (0.03, 0.1, 0.3)  # prior variances of an effect, as shares of the variance of the score
_LEAST_NOISE = 0.01
_BYTES = 2**25  # of Bayes factors of all columns at a time


class SingleEffects(NamedTuple):
    """What was learned from each target.

    Attributes
    ----------
    weights : ndarray of shape (n_effects, n_columns, n_targets)
        Probability that the effect is that of the column; what is missing to 1 says that there is none.
    means : ndarray of shape (n_effects, n_columns, n_targets)
        Expected effect where it is that of the column, per unit of the standardized column.
    noise : ndarray of shape (n_targets,)
        Variance of the residuals.
    n_iter : int
        Rounds over all effects.
    converged : bool
        Whether every target settled.
    """

    weights: np.ndarray
    means: np.ndarray
    noise: np.ndarray
    n_iter: int
    converged: bool


def fit_single_effects(columns, targets, n_effects, tol=1e-3, max_iter=100):
    """Coordinate ascent over the effects: each is fitted to what the others leave.

    There is one effect at first; a further one is tried when all so far are more likely there than not.

    Parameters
    ----------
    columns : ndarray of shape (n_subjects, n_columns)
        Each of mean square 1 (or 0 throughout: never chosen).
    targets : ndarray of shape (n_subjects, n_targets)
        Each of mean square 1 (or 0 throughout).
    n_effects : int
        Most effects.
    tol : float
        Change of fitted values, in standard deviations of the target, at which it stops.
    max_iter : int
        Most rounds.

    Returns
    -------
    effects : SingleEffects
    """
    n, n_targets = targets.shape
    shape = (n_effects, columns.shape[1], n_targets)
    weights, means = np.zeros(shape, dtype=columns.dtype), np.zeros(shape, dtype=columns.dtype)
    fitted, spread = np.zeros((n_effects, n, n_targets)), np.zeros((n_effects, n_targets))
    likely = np.zeros((n_effects, n_targets), dtype=bool)
    usable, noise, done = np.any(columns, axis=0), np.ones(n_targets), 0
    n_open = np.ones(n_targets, dtype=np.intp)
    active = np.arange(n_targets)  # a target that has settled stays as it is, whatever the others do
    while len(active) and done < max_iter:
        done += 1
        changed = np.zeros(n_targets)
        for one in range(n_open[active].max()):
            some = active[n_open[active] > one]
            left = targets[:, some] - fitted[:, :, some].sum(axis=0) + fitted[one][:, some]
            slopes = columns.T @ (left / n).astype(columns.dtype)
            some_weights, some_means, square = _one_effect(slopes, noise[some] / n, usable)
            new = columns @ (some_weights * some_means)
            changed[some] = np.maximum(changed[some], np.abs(new - fitted[one][:, some]).max(axis=0))
            weights[one][:, some], means[one][:, some], fitted[one][:, some] = some_weights, some_means, new
            spread[one, some] = np.maximum(square - np.mean(new**2, axis=0), 0.0)
            likely[one, some] = some_weights.sum(axis=0) > 0.5
        left = targets[:, active] - fitted[:, :, active].sum(axis=0)
        noise[active] = np.maximum(np.mean(left**2, axis=0) + spread[:, active].sum(axis=0), _LEAST_NOISE)
        more = likely[:, active].sum(axis=0) + 1 > n_open[active]
        more &= n_open[active] < n_effects
        n_open[active[more]] += 1
        active = active[(changed[active] >= tol) | more]
    return SingleEffects(weights, means, noise, done, not len(active))


def _one_effect(slopes, error, usable):
    """Probabilities and expected effects of each column, and the expected squared effect."""
    error = error.astype(slopes.dtype)
    evidence = 0.5 * slopes**2 / error
    logs = []
    for scale in _SCALES:
        kept = scale / (error + scale)
        logs.append(0.5 * np.log1p(-kept) + evidence * kept)
    top = np.maximum.reduce(logs).max(axis=0).clip(min=0.0)
    total, mean, square = 0.0, 0.0, 0.0
    for scale, log in zip(_SCALES, logs, strict=True):
        kept = scale / (error + scale)
        factor = np.exp(log - top)
        total, mean = total + factor, mean + factor * kept
        square = square + factor * ((kept * slopes) ** 2 + kept * error)
    total[~usable] = 0.0
    square[~usable] = 0.0
    mean = mean / np.where(total > 0, total, 1.0) * slopes
    every = total.sum(axis=0) + np.exp(-top) * len(_SCALES) * np.count_nonzero(usable)  # the second: no effect
    every = np.where(every > 0, every, 1.0)  # 0 where no column is usable: nothing has an effect
    return total / every, mean, square.sum(axis=0) / every


class SingleEffectsStatistic(MapStatistic):
    """Coefficient of each cell in a sum of single effects, the model fitted anew to each permuted score.

    Parameters
    ----------
    columns : ndarray of shape (n_subjects, n_regions), float32
        Loads of regions, constant and volume taken out, of mean square 1.
    members : scipy.sparse.csr_array of shape (n_cells, n_regions)
        What a unit effect of each standardized region gives the voxels of each cell.
    design : VolumeDesign
    target : ndarray of shape (n_subjects,)
        What is left of the score, with standard deviation 1.
    n_effects, tol, max_iter
        See :func:`fit_single_effects`.
    """

    dtype = "float32"

    def __init__(self, columns, members, design, target, n_effects, tol, max_iter):
        self.columns, self.n_columns = columns, members.shape[0]
        self._members, self._design, self._target = members, design, target
        self._options = (n_effects, tol, max_iter)

    def observed(self):
        """Coefficient of each cell, for a score of standard deviation 1."""
        return self._maps(self._target[None])[0].astype(np.float64)

    def permuted(self, draws):
        """Coefficients for permuted scores."""
        targets = permuted_targets(self._design, self._target, draws)
        maps = np.empty((len(targets), self.n_columns), dtype=np.float32)
        for part in chunks(len(targets), 16 * self.columns.shape[1] * self._options[0], _BYTES):
            maps[part] = self._maps(targets[part])
        return maps

    def _maps(self, targets):
        found = fit_single_effects(self.columns, targets.T, *self._options)
        return (self._members @ np.einsum("lat,lat->at", found.weights, found.means)).T
