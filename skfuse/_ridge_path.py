"""Ridge-penalized linear models over a grid of strengths, for features that are wide or many.

Everything works in the coordinates of the principal axes, where a ridge penalty is unchanged: a block of 200,000
features and 1,000 subjects becomes 1,000 coordinates, found from one Gram matrix that is summed over chunks of columns.
"""

import numpy as np
from scipy.special import expit, log_softmax

from skfuse._chunks import chunks

_CHUNK_BYTES = 1 << 25
_LEAST_CHUNK_BYTES = 1 << 20


def column_chunks(X):
    """Slices of columns, at most 32 MB as float64 and small beside `X`: no copy of a wide block is ever made."""
    budget = min(_CHUNK_BYTES, max(_LEAST_CHUNK_BYTES, X.nbytes // 16))
    return chunks(X.shape[1], 8 * X.shape[0], budget)


def standardization(X, weights):
    """Mean and standard deviation of each feature, missing cells left out.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_features)
        NaN is missing.
    weights : ndarray of shape (n_subjects,)
        Weight of each subject.

    Returns
    -------
    mean, scale : ndarray of shape (n_features,)
        A feature that is constant or never observed gets the scale infinity, so that it is 0 after scaling.
    """
    mean, scale = np.zeros(X.shape[1]), np.full(X.shape[1], np.inf)
    for columns in column_chunks(X):
        values = X[:, columns].astype(np.float64)
        observed = ~np.isnan(values)
        total = weights @ observed
        values[~observed] = 0.0
        seen = total > 0
        center = np.divide(weights @ values, total, out=np.zeros_like(total), where=seen)
        values -= center
        values[~observed] = 0.0
        variance = np.divide(weights @ values**2, total, out=np.zeros_like(total), where=seen)
        mean[columns] = center
        # Below this a spread is rounding error of the mean, not a measurement.
        varies = variance > (10 * np.finfo(X.dtype).eps * np.abs(center)) ** 2
        scale[columns] = np.where(varies & (variance > 0), np.sqrt(variance), np.inf)
    return mean, scale


def standardized(X, columns, mean, scale):
    """Columns centered and scaled in the precision of `X`; a missing cell becomes the mean, 0."""
    values = (X[:, columns] - mean[columns].astype(X.dtype)) / scale[columns].astype(X.dtype)
    np.nan_to_num(values, copy=False, nan=0.0)
    return values


class PrincipalAxes:
    """Coordinates of subjects on the principal axes of their standardized features.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_features)
        The block; NaN is missing.
    weights : ndarray of shape (n_subjects,)
        Weight of each subject in means and standard deviations.

    Attributes
    ----------
    coordinates : ndarray of shape (n_subjects, rank)
        ``rank`` is at most the smaller side of `X`.
    mean, scale : ndarray of shape (n_features,)
        Of each feature.
    """

    def __init__(self, X, weights):
        self._X = X
        self.mean, self.scale = standardization(X, weights)
        n, p = X.shape
        if p <= n:
            whole = standardized(X, slice(None), self.mean, self.scale).astype(np.float64)
            squares, self._axes = np.linalg.eigh(whole.T @ whole)
            kept = squares > max(n, p) * np.finfo(np.float64).eps * max(squares[-1], 0.0)
            self._axes = self._axes[:, kept]
            self.coordinates = whole @ self._axes
        else:
            gram = np.zeros((n, n))
            for columns in column_chunks(X):
                values = standardized(X, columns, self.mean, self.scale)
                gram += values @ values.T
            squares, vectors = np.linalg.eigh(gram)
            eps = np.finfo(X.dtype).eps
            kept = squares > max(n, p) * eps * max(squares[-1], 0.0)
            lengths = np.sqrt(squares[kept])
            self._axes = vectors[:, kept] / lengths
            self.coordinates = vectors[:, kept] * lengths

    def coefficients(self, beta):
        """Coefficients of the raw features, and the shift of the intercept, from those of the coordinates.

        Parameters
        ----------
        beta : ndarray of shape (rank, n_outputs)
            Coefficients of the coordinates.

        Returns
        -------
        coef : ndarray of shape (n_features, n_outputs)
        shift : ndarray of shape (n_outputs,)
            To be added to the intercept.
        """
        n, p = self._X.shape
        if p <= n:
            coef = self._axes @ beta
        else:
            dual = self._axes @ beta
            coef = np.empty((p, beta.shape[1]))
            for columns in column_chunks(self._X):
                values = standardized(self._X, columns, self.mean, self.scale)
                coef[columns] = values.T @ dual.astype(values.dtype)
        coef /= self.scale[:, None]
        return coef, -(self.mean @ coef)


def linear_scores(X, coef, mean):
    """Scores of subjects, ``X @ coef`` with missing cells at their training mean.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_features)
        NaN is missing.
    coef : ndarray of shape (n_features, n_outputs)
        Coefficients of the raw features.
    mean : ndarray of shape (n_features,)
        Training means.

    Returns
    -------
    scores : ndarray of shape (n_subjects, n_outputs)
    """
    scores = np.zeros((X.shape[0], coef.shape[1]))
    for columns in column_chunks(X):
        values = X[:, columns].astype(np.float64)
        rows, cells = np.nonzero(np.isnan(values))
        values[rows, cells] = mean[columns][cells]
        scores += values @ coef[columns]
    return scores


def held_out_log_loss(coordinates, classes, weights, folds, Cs, *, tol=1e-4, max_iter=1000):
    """Mean held-out log loss of ridge-logistic regression for each strength, all folds and strengths at once.

    The Hessian of the logistic loss is bounded by ``S / 4`` (two classes) or ``S / 2`` with ``S`` the squared lengths
    of the coordinates, on any subset of subjects, so that one diagonal bound serves every fold and strength [1]_, and
    accelerated descent needs two matrix products a step for all of them.

    Parameters
    ----------
    coordinates : ndarray of shape (n_subjects, rank)
        Orthogonal columns, from :class:`PrincipalAxes`.
    classes : ndarray of int of shape (n_subjects,)
        Class of each subject, 0 to K − 1.
    weights : ndarray of shape (n_subjects,)
        Weight of each subject in the loss.
    folds : list of (train, test)
        Indices of subjects.
    Cs : ndarray of shape (n_strengths,)
        Inverse strengths, as in scikit-learn's LogisticRegression.
    tol : float
        Stop when no step is longer than this, relative to the coefficients.
    max_iter : int
        Most steps.

    Returns
    -------
    losses : ndarray of shape (n_strengths,)
        Weighted mean over all held-out subjects.

    References
    ----------
    .. [1] D. Böhning. Annals of the Institute of Statistical Mathematics 44 (1992).
       https://doi.org/10.1007/BF00048682
    """
    n, rank = coordinates.shape
    n_classes = int(classes.max()) + 1
    n_outputs = 1 if n_classes == 2 else n_classes
    design = np.hstack([coordinates, np.ones((n, 1))])
    targets = (classes[:, None] == np.arange(n_classes)).astype(np.float64)
    if n_outputs == 1:
        targets = targets[:, 1:]
    training = np.zeros((n, len(folds)))
    for fold, (train, _) in enumerate(folds):
        training[train, fold] = weights[train]
    n_fits = len(folds) * len(Cs)
    # Fits stand on the last axis: reductions over few classes then run along contiguous memory.
    weight = np.repeat(training, len(Cs), axis=1)[:, None, :]
    penalty = np.zeros((rank + 1, 1, n_fits))
    penalty[:-1] = np.tile(1.0 / np.asarray(Cs), len(folds))
    curvature = 0.25 if n_outputs == 1 else 0.5
    # The intercept is not orthogonal to the coordinates on a subset: doubling the bound covers their product.
    step = 1.0 / (2 * curvature * weights.max() * (design**2).sum(axis=0)[:, None, None] + penalty)

    def predict(beta):
        return (design @ beta.reshape(rank + 1, -1)).reshape(n, n_outputs, n_fits)

    beta = np.zeros((rank + 1, n_outputs, n_fits))
    ahead, momentum = beta, 1.0
    for _ in range(max_iter):
        residual = weight * (_probabilities(predict(ahead)) - targets[:, :, None])
        gradient = (design.T @ residual.reshape(n, -1)).reshape(beta.shape) + penalty * ahead
        new = ahead - step * gradient
        change = new - beta
        # Restart where the momentum points uphill (O'Donoghue and Candès), fit by fit.
        uphill = (gradient * change).sum(axis=(0, 1)) > 0
        momentum_next = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + np.where(uphill, 0.0, (momentum - 1) / momentum_next) * change
        beta, momentum = new, momentum_next
        moved = np.abs(change / np.sqrt(step)).max(axis=(0, 1))
        size = np.abs(new / np.sqrt(step)).max(axis=(0, 1)) + 1e-12
        if np.all(moved <= tol * size):
            break
    return _mean_loss(predict(beta), targets, weights, folds, len(Cs))


def _probabilities(scores):
    """Turn scores (n_subjects, n_outputs, n_fits) into probabilities, of the second class where there are two."""
    if scores.shape[1] == 1:
        return expit(scores)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def _mean_loss(scores, targets, weights, folds, n_strengths):
    total, loss = 0.0, np.zeros(n_strengths)
    for fold, (_, test) in enumerate(folds):
        held = scores[test][:, :, fold * n_strengths : (fold + 1) * n_strengths]
        if targets.shape[1] == 1:
            cells = np.logaddexp(0.0, np.where(targets[test][:, :, None] == 1, -held, held))[:, 0]
        else:
            cells = -(targets[test][:, :, None] * log_softmax(held, axis=1)).sum(axis=1)
        loss += weights[test] @ cells
        total += weights[test].sum()
    return loss / total


def held_out_squared_error(coordinates, y, weights, groups, alphas):
    """Mean squared error of ridge regression with each subject, or each group, left out, in closed form.

    Parameters
    ----------
    coordinates : ndarray of shape (n_subjects, rank)
        From :class:`PrincipalAxes`.
    y : ndarray of shape (n_subjects,)
        Target.
    weights : ndarray of shape (n_subjects,)
        Weight of each subject in the loss.
    groups : ndarray of shape (n_subjects,) or None
        Subjects of one group are left out together; None leaves out one at a time.
    alphas : ndarray of shape (n_strengths,)
        Strengths of the penalty.

    Returns
    -------
    errors : ndarray of shape (n_strengths,)
    """
    root = np.sqrt(weights)[:, None]
    squares, axes = np.linalg.eigh(_cross_product(coordinates, weights))
    mean = weights @ coordinates / weights.sum()
    rotated = root * ((coordinates - mean) @ axes)
    target = root[:, 0] * (y - weights @ y / weights.sum())
    unit = root[:, 0] / np.sqrt(weights.sum())  # the intercept's share of the hat matrix
    projected = rotated.T @ target
    errors = np.empty(len(alphas))
    for position, alpha in enumerate(alphas):
        shrunk = rotated / (np.maximum(squares, 0.0) + alpha)
        residual = target - shrunk @ projected
        if groups is None:
            leverage = (shrunk * rotated).sum(axis=1) + unit**2
            left_out = residual / np.maximum(1.0 - leverage, 1e-10)
        else:
            left_out = np.empty_like(residual)
            for group in np.unique(groups):
                rows = np.flatnonzero(groups == group)
                hat = shrunk[rows] @ rotated[rows].T + np.outer(unit[rows], unit[rows])
                left_out[rows] = np.linalg.solve(np.eye(len(rows)) * (1 + 1e-10) - hat, residual[rows])
        errors[position] = (left_out**2).sum() / weights.sum()
    return errors


def _cross_product(coordinates, weights):
    centered = coordinates - weights @ coordinates / weights.sum()
    return (centered * weights[:, None]).T @ centered
