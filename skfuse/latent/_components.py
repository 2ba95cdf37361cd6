"""Leading principal components of each modality, and what they are expected to be where the modality is missing."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np

from skfuse._blocks import groups_of_rows

_PENALTIES = np.logspace(-4, 6, 41)  # of a ridge, relative to the mean square of the predictors
_INFLATION = (
    1.4  # of degrees of freedom: without, generalized cross-validation by chance interpolates (Kim and Gu 2004)
)
_NO_VARIANCE = 1e-10  # share of the variance of a block below which a component is rounding


def wanted_components(n_components, names, default=10):
    """Number of components or share of variance by modality, checked."""
    if not isinstance(n_components, Mapping):
        return dict.fromkeys(names, n_components)
    unknown = sorted(map(str, set(n_components).difference(names)))
    if unknown:
        raise ValueError(f"`n_components` has entries for {unknown}, which X does not have; X has {list(names)}.")
    for name, wanted in n_components.items():
        is_number = isinstance(wanted, Real) and not isinstance(wanted, bool)
        whole = is_number and (isinstance(wanted, Integral) or wanted < 1)
        if wanted is not None and not (whole and wanted > 0):
            raise ValueError(
                f"`n_components` of modality {name!r} must be an int of at least 1, a float between 0 and 1, or None, "
                f"got {wanted!r}."
            )
    return {name: n_components.get(name, default) for name in names}


def principal_axes(block, n_components):
    """Principal axes of a centered block, largest loading positive, and the squares along each.

    Parameters
    ----------
    block : ndarray of shape (n_subjects, n_columns)
    n_components : int, float or None
        At most so many, the share of the squares that they explain, or all that are more than rounding.

    Returns
    -------
    axes : ndarray of shape (n_components, n_columns)
        Of unit length.
    squares : ndarray of shape (n_components,)
        Sum of squares of the scores on each, descending.
    """
    if not block.size:
        return np.zeros((0, block.shape[1])), np.zeros(0)
    _, singular, axes = np.linalg.svd(block, full_matrices=False)
    squares = singular**2
    total = squares.sum()
    rank = int(np.count_nonzero(squares > _NO_VARIANCE * total)) if total > 0 else 0
    if n_components is None:
        kept = rank
    elif n_components < 1:
        kept = 1 + int(np.searchsorted(np.cumsum(squares) / total, n_components - 1e-12)) if rank else 0
    else:
        kept = n_components
    kept = min(kept, rank)
    axes = axes[:kept]
    for axis in axes:  # of loadings that are equal up to rounding the first decides
        axis *= np.sign(axis[np.argmax(np.abs(axis) >= (1.0 - 1e-6) * np.abs(axis).max())])
    return axes, squares[:kept]


def ridge(predictors, targets):
    """Ridge regression by generalized cross-validation, and the share of variance it explains leaving one out.

    The intercept is not penalized; without it a subject left out of centered columns would be known from the others.

    Parameters
    ----------
    predictors : ndarray of shape (n_subjects, n_predictors)
    targets : ndarray of shape (n_subjects, n_targets)

    Returns
    -------
    coefficients : ndarray of shape (n_predictors, n_targets)
        0 where fewer than 3 subjects are there to learn from.
    explained : float
        One minus the squared errors of leave-one-out over the squares around the mean; NaN where there is nothing to
        explain.
    penalty : float
        Added to the squares of the predictors; infinite where nothing was learned.
    """
    nothing = np.zeros((predictors.shape[1], targets.shape[1]))
    n = len(targets)
    if n < 3:
        return nothing, np.nan, np.inf
    predictors, targets = predictors - predictors.mean(axis=0), targets - targets.mean(axis=0)
    total = float(np.sum(targets**2))
    if not total > 0:
        return nothing, np.nan, np.inf
    left, singular, right = np.linalg.svd(predictors, full_matrices=False)
    squares = singular**2
    if not squares.sum() > 0:
        return nothing, 1.0 - (n / (n - 1.0)) ** 2, np.inf
    along = left.T @ targets
    beside = max(total - np.sum(along**2), 0.0)
    penalties = _PENALTIES * squares.sum() / len(squares)
    kept = squares / (squares + penalties[:, None])
    residual = beside + np.sum((1.0 - kept) ** 2 * np.sum(along**2, axis=1), axis=1)
    freedom = 1.0 - _INFLATION * (1.0 + kept.sum(axis=1)) / n
    penalty = penalties[-1]
    if (freedom > 0).any():
        penalty = penalties[np.argmin(np.where(freedom > 0, residual / np.maximum(freedom, 1e-12) ** 2, np.inf))]
    shrunk = squares / (squares + penalty)
    coefficients = (right.T * (singular / (squares + penalty))) @ along
    leverage = 1.0 / n + np.sum(left**2 * shrunk, axis=1)
    errors = (targets - predictors @ coefficients) / (1.0 - leverage)[:, None]
    return coefficients, 1.0 - float(np.sum(errors**2)) / total, float(penalty)


class ModalityComponents:
    """Principal components of each modality over who has it, the first with variance 1.

    Parameters
    ----------
    n_components : dict of str to int, float or None
    """

    def __init__(self, n_components):
        self.n_components = n_components

    def fit(self, Z, has, columns):
        """Learn from a standardized matrix (NaN where a cell is missing) and who has which modality."""
        self.columns_, self.n_columns_ = columns, Z.shape[1]
        self.axes_, self.size_, self.slices_, self.explained_ = {}, {}, {}, {}
        start = 0
        for (name, own), present in zip(columns.items(), has.T, strict=True):
            block = np.nan_to_num(Z[present, own])
            axes, squares = principal_axes(block, self.n_components[name])
            self.axes_[name] = axes
            self.size_[name] = float(np.sqrt(squares[0] / len(block))) if len(squares) else 1.0
            self.explained_[name] = squares / np.sum(block**2) if len(squares) else squares
            self.slices_[name] = slice(start, start + len(axes))
            start += len(axes)
        self.n_components_ = start
        return self

    def scores(self, Z, has):
        """Components of subjects (n_subjects, n_components of all), NaN where the modality is missing."""
        out = np.full((len(Z), self.n_components_), np.nan)
        for (name, own), present in zip(self.columns_.items(), has.T, strict=True):
            block = np.nan_to_num(Z[present, own])
            out[present, self.slices_[name]] = block @ (self.axes_[name].T / self.size_[name])
        return out

    def restore(self, scores):
        """The standardized matrix from complete components."""
        out = np.zeros((len(scores), self.n_columns_))
        for name, own in self.columns_.items():
            out[:, own] = scores[:, self.slices_[name]] @ (self.axes_[name] * self.size_[name])
        return out


class ConditionalComponents:
    """Mean of the components of missing modalities given those of the present ones, under a shrunk covariance."""

    def fit(self, z, has, slices, n_rounds=50):
        """Learn the covariance by expectation-maximization over the patterns of missing modalities."""
        self._block = np.repeat(np.arange(len(slices)), [one.stop - one.start for one in slices.values()])
        n, width = z.shape
        variance = np.nansum(z**2, axis=0) / np.maximum(np.count_nonzero(~np.isnan(z), axis=0), 1)
        self.covariance_ = np.diag(variance)
        patterns = groups_of_rows(has)
        if width == 0 or all(flags.all() for flags, _ in patterns):
            n_rounds = 1
        for _ in range(n_rounds):
            moments = width * np.diag(variance)
            for flags, rows in patterns:
                there, weights = self._weights(flags)
                values = z[np.ix_(rows, there)] @ weights
                values[:, there] = z[np.ix_(rows, there)]
                moments += values.T @ values
                gone = ~there
                rest = self.covariance_[np.ix_(gone, gone)] - self.covariance_[np.ix_(gone, there)] @ weights[:, gone]
                moments[np.ix_(gone, gone)] += len(rows) * rest
            self.covariance_ = (moments + moments.T) / (2.0 * (n + width))
        return self

    def _weights(self, flags):
        """Which components are there, and all from them (n_there, n_components)."""
        there = flags[self._block]
        if not there.any():
            return there, np.zeros((0, len(there)))
        return there, np.linalg.solve(self.covariance_[np.ix_(there, there)], self.covariance_[there])

    def complete(self, z, has):
        """Components with the missing ones at their conditional mean; 0 for who has nothing."""
        out = z.copy()
        for flags, rows in groups_of_rows(has):
            there, weights = self._weights(flags)
            gone = ~there
            if gone.any():
                out[np.ix_(rows, gone)] = z[np.ix_(rows, there)] @ weights[:, gone]
        return out
