"""One multivariate normal for all modalities, fitted to what is there, and what it says of what is not."""

import warnings

import numpy as np
from scipy.linalg import lapack
from sklearn.exceptions import ConvergenceWarning

from skfuse._blocks import groups_of_rows

_ROWS = 2048  # subjects of one pattern that are worked on at a time
_CACHE = 1 << 27  # bytes of regressions that a fitted model keeps
_LEAST = 0.02  # smallest eigenvalue of the first covariance, in variances of a feature


class GaussianEngine:
    r"""Conditional mean under a normal distribution with shrunk covariance, by EM over missing patterns.

    With :math:`o` and :math:`m` the columns that a subject has and lacks, and :math:`\Lambda = \Sigma^{-1}`,

    .. math:: E[x_m \mid x_o] = \mu_m - \Lambda_{mm}^{-1} \Lambda_{mo} (x_o - \mu_o), \qquad
              \operatorname{Cov}[x_m \mid x_o] = \Lambda_{mm}^{-1},

    one factorization per pattern of modalities [1]_. The M-step averages second moments, conditional covariances
    included, and draws the covariance toward a multiple of the identity by the share `shrinkage`. Scattered cells *s*
    of a subject are filled beforehand by the same formula within what the modalities give: with the precision
    :math:`P = \Sigma_{oo}^{-1}` of the present columns, by :math:`- P_{ss}^{-1} P_{s \cdot}`, which is exact.

    Parameters
    ----------
    shrinkage : float or "auto"
        Between 0 (maximum likelihood) and 1 (independent features); ``"auto"`` is p / (n + p), with p features and the
        n subjects who on average have one: the prior is worth as many subjects as there are features.
    max_iter : int
        Most rounds of EM.
    outside : ndarray of shape (n_modalities,) or None
        Where the columns are coordinates of features: how many directions of each modality are in none of them.
        Training subjects do not vary there, but those who lack the modality might.
    tol : float
        Stop when correlations and means change by no more, in the root mean square.

    Attributes
    ----------
    mean_ : ndarray of shape (p,)
    covariance_ : ndarray of shape (p, p)
    outside_variance_ : ndarray of shape (n_modalities,)
        In each direction that is in no column.
    shrinkage_ : float
        In use.
    n_iter_ : int

    References
    ----------
    .. [1] R. J. A. Little, D. B. Rubin. Statistical Analysis with Missing Data, 3rd edition, chapter 11. Wiley (2019).
       https://doi.org/10.1002/9781119482260
    """

    def __init__(self, *, shrinkage="auto", max_iter=50, tol=1e-2, outside=None):
        self.shrinkage = shrinkage
        self.outside = outside
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, Z, has, slices, start=None):
        """Learn mean and covariance.

        Parameters
        ----------
        Z : ndarray of shape (n_subjects, p)
            Standardized features, NaN where a cell is missing.
        has : ndarray of shape (n_subjects, n_modalities), dtype bool
            Who has which modality.
        slices : dict of str to slice
            Columns of each modality.
        start : GaussianEngine or None
            Fitted to some of the subjects, from whose parameters the rounds go on.
        """
        self.slices = list(slices.values())
        p = Z.shape[1]
        n = np.count_nonzero(~np.isnan(Z)) / max(p, 1)
        self._outside = np.zeros(has.shape[1]) if self.outside is None else np.asarray(self.outside, dtype=np.float64)
        self._width, self._lacking = p + self._outside.sum(), 1.0 - has.mean(axis=0)
        self.shrinkage_ = self._width / (n + self._width) if self.shrinkage == "auto" else self.shrinkage
        groups = [_Group(Z, rows, present, self.slices) for present, rows in groups_of_rows(has)]
        if start is None:
            self.mean_, self.covariance_ = np.zeros(p), self._first_covariance(Z)
        else:
            self.mean_, self.covariance_ = start.mean_, start.covariance_
            self.outside_variance_ = start.outside_variance_
        self.n_iter_, change = 0, np.inf
        while change > self.tol and self.n_iter_ < self.max_iter:
            mean, covariance = self._round(groups, len(Z))
            scale = np.sqrt(np.maximum(np.diag(covariance), np.finfo(float).tiny))
            change = max(_size(mean - self.mean_), _size((covariance - self.covariance_) / np.outer(scale, scale)))
            self.mean_, self.covariance_ = mean, covariance
            self.n_iter_ += 1
        if change > self.tol:
            warnings.warn(
                f"EM stopped after max_iter={self.max_iter} rounds while correlations still changed by {change:.2g} "
                f"in the root mean square, wanted tol={self.tol:g}. Raise `max_iter`, or `shrinkage` (now "
                f"{self.shrinkage_:.2g}).",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.forget()
        return self

    def forget(self):
        """Drop what was kept for patterns."""
        self._precision, self._known, self._bytes = None, {}, 0

    def __getstate__(self):
        return self.__dict__ | {"_precision": None, "_known": {}, "_bytes": 0}  # made again when needed

    def fill(self, Z, has):
        """Subjects with their missing cells at the conditional mean (n_subjects, p)."""
        filled = np.array(Z)
        for present, rows in groups_of_rows(has):
            group = _Group(Z, rows, present, self.slices)
            regression = self._regression(group)
            for chunk in group.chunks():
                if group.scattered is None and not group.lacks_columns:
                    continue
                filled[chunk] = self._filled(Z, group, chunk, regression)[0]
        return filled

    def hidden(self, Z, has):
        """Each block of complete rows as the others of the subject predict it (n_subjects, p); NaN where nothing does.

        The same as hiding one block after the other, at the cost of one factorization per pattern.
        """
        found = np.full(Z.shape, np.nan)
        for present, rows in groups_of_rows(has):
            group = _Group(Z, rows, present, self.slices)
            own = [columns for columns, there in zip(self.slices, present, strict=True) if there]
            if group.scattered is not None:
                rows = rows[~group.scattered[rows]]
            if len(own) < 2 or not len(rows):
                continue
            if self._precision is None:
                self._precision = _inverse(self.covariance_)
            within = _Regression(self._precision, group, within=True).within
            apart = Z[np.ix_(rows, group.o)] - self.mean_[group.o]
            residual = apart @ within
            for columns in own:
                places = slice(*np.searchsorted(group.o, (columns.start, columns.stop)))
                missed = residual[:, places] @ _inverse(within[places, places])
                found[np.ix_(rows, np.arange(columns.start, columns.stop))] = Z[rows, columns] - missed
        return found

    def draw(self, Z, has, noise):
        """Subjects with their missing cells drawn from the conditional distribution (n_subjects, p).

        Parameters
        ----------
        Z : ndarray of shape (n_subjects, p)
        has : ndarray of shape (n_subjects, n_modalities), dtype bool
        noise : ndarray of shape (n_subjects, p)
            Standard normal.
        """
        drawn = np.array(Z)
        for present, rows in groups_of_rows(has):
            group = _Group(Z, rows, present, self.slices)
            regression = self._regression(group)
            rest = _root(regression.rest) if group.lacks_columns else None
            for chunk in group.chunks():
                values, scattered = self._filled(Z, group, chunk, regression)
                for row, s, covariance in scattered:
                    apart = _root(covariance) @ noise[chunk[row], s]
                    values[row, s] += apart
                    if group.lacks_columns:
                        values[row, group.m] += apart @ regression.slopes(np.searchsorted(group.o, s))
                if group.lacks_columns:
                    values[:, group.m] += noise[np.ix_(chunk, group.m)] @ rest.T
                drawn[chunk] = values
        return drawn

    def _first_covariance(self, Z):
        """From the pairs of cells that are there, made positive definite."""
        S, counts = np.zeros((Z.shape[1],) * 2), np.zeros((Z.shape[1],) * 2)
        for start in range(0, len(Z), _ROWS):
            values = Z[start : start + _ROWS]
            there = ~np.isnan(values)
            values, there = np.where(there, values, 0.0), there.astype(np.float32)
            S += values.T @ values
            counts += there.T @ there
        S /= np.maximum(counts, 1.0)
        target, keep = np.trace(S) / self._width, 1.0 - max(self.shrinkage_, 0.5)
        self.outside_variance_ = np.full(len(self._outside), (1.0 - keep) * target)
        S *= keep
        S.ravel()[:: len(S) + 1] += (1.0 - keep) * target
        _, failed = lapack.dpotrf(S - _LEAST * target * np.eye(len(S)))
        if failed:
            values, vectors = np.linalg.eigh(S)
            S = (vectors * np.maximum(values, _LEAST * target)) @ vectors.T
        return S

    def _round(self, groups, n):
        """Mean and shrunk covariance after one round of EM."""
        p = len(self.mean_)
        self._precision, total, squares = _inverse(self.covariance_), np.zeros(p), np.zeros((p, p))
        for group in groups:
            regression = _Regression(self._precision, group)
            o, m = group.o, group.m
            of_scattered = None if group.scattered is None else np.zeros((p, p))
            for chunk in group.chunks():
                values, scattered = self._filled(group.Z, group, chunk, regression)
                total += values.sum(axis=0)
                squares += values.T @ values
                for _, s, covariance in scattered:
                    of_scattered[np.ix_(s, s)] += covariance
            if group.lacks_columns:
                squares[np.ix_(m, m)] += len(group.rows) * regression.rest
            if of_scattered is not None:
                squares += _spread(of_scattered, o, m, regression)
        mean = total / n
        covariance = squares / n
        covariance -= np.outer(mean, mean)
        outside = self._lacking * self.outside_variance_
        target = (np.trace(covariance) + self._outside @ outside) / self._width
        self.outside_variance_ = (1.0 - self.shrinkage_) * outside + self.shrinkage_ * target
        covariance *= 1.0 - self.shrinkage_
        covariance.ravel()[:: p + 1] += max(self.shrinkage_ * target, np.finfo(float).eps)
        return mean, covariance

    def _filled(self, Z, group, chunk, regression):
        """Complete rows of one pattern, and for each with scattered missing cells (row, columns, covariance)."""
        values, scattered = Z[chunk], []
        if group.scattered is not None:
            for row in np.flatnonzero(group.scattered[chunk]):
                of = values[row, group.o]
                gone = np.flatnonzero(np.isnan(of))
                covariance = _inverse(regression.within[np.ix_(gone, gone)])
                apart = of - self.mean_[group.o]
                apart[gone] = 0.0
                s = group.o[gone]
                values[row, s] = self.mean_[s] - covariance @ (regression.within[gone] @ apart)
                scattered.append((row, s, covariance))
        if group.lacks_columns:
            apart = values[:, group.o] - self.mean_[group.o]
            values[:, group.m] = self.mean_[group.m] - (apart @ regression.across.T) @ regression.rest
        return values, scattered

    def _regression(self, group):
        """The regression of a pattern, kept for the next subjects who have it."""
        key = (group.present.tobytes(), group.scattered is not None)
        if key not in self._known:
            if self._precision is None:
                self._precision = _inverse(self.covariance_)
            regression = _Regression(self._precision, group)
            if self._bytes + regression.nbytes() > _CACHE:
                return regression
            self._known[key] = regression
            self._bytes += regression.nbytes()
        return self._known[key]


class _Group:
    """Subjects who have the same modalities: their rows, and which columns are there."""

    def __init__(self, Z, rows, present, slices):
        self.Z, self.rows, self.present = Z, rows, present
        there = np.zeros(Z.shape[1], dtype=bool)
        for columns, has in zip(slices, present, strict=True):
            there[columns] = has
        self.o, self.m = np.flatnonzero(there), np.flatnonzero(~there)
        self.lacks_columns = len(self.m) > 0
        self.scattered = None  # who of all subjects lacks cells of a modality that is there
        for chunk in self.chunks():
            lacks = np.isnan(Z[chunk][:, self.o]).any(axis=1)
            if lacks.any():
                if self.scattered is None:
                    self.scattered = np.zeros(len(Z), dtype=bool)
                self.scattered[chunk] = lacks

    def chunks(self):
        return [self.rows[start : start + _ROWS] for start in range(0, len(self.rows), _ROWS)]


class _Regression:
    """Of the columns that a pattern lacks on those it has, from the precision of all.

    `rest` is the residual covariance, ``-rest @ across`` the slopes, `within` the precision of the columns it has.
    """

    def __init__(self, precision, group, *, within=False):
        o, m = group.o, group.m
        self.across = self.rest = self.within = None
        if len(m):
            self.across = precision[np.ix_(m, o)]
            self.rest = _inverse(precision[np.ix_(m, m)])
        if within or group.scattered is not None:
            self.within = precision[np.ix_(o, o)]
            if len(m):
                self.within -= self.across.T @ (self.rest @ self.across)

    def slopes(self, places):
        """Slopes on some of the columns that are there (n_places, n_lacking)."""
        return -self.across[:, places].T @ self.rest

    def nbytes(self):
        return sum(array.nbytes for array in (self.across, self.rest, self.within) if array is not None)


def _spread(covariance, o, m, regression):
    """The covariance of scattered cells, with what follows from it for the columns that are missing."""
    own = covariance[np.ix_(o, o)]
    out = covariance
    if len(m):
        slopes = regression.slopes(slice(None))
        across = own @ slopes
        out[np.ix_(o, m)] += across
        out[np.ix_(m, o)] += across.T
        out[np.ix_(m, m)] += slopes.T @ across
    return out


def _inverse(S):
    """Inverse of a positive definite matrix; a little is added to one that rounding made singular."""
    for ridge in (0.0, 1e-12, 1e-10, 1e-8, 1e-6):
        loaded = np.array(S, order="F")
        loaded.ravel(order="K")[:: len(S) + 1] += ridge * np.trace(S) / len(S)
        factor, failed = lapack.dpotrf(loaded, lower=1, clean=0, overwrite_a=1)
        if failed:
            continue
        inverse, failed = lapack.dpotri(factor, lower=1, overwrite_c=1)
        if not failed:
            lower = np.tril(inverse)  # LAPACK leaves the other triangle as it was
            return lower + np.tril(inverse, -1).T
    raise ValueError(
        "The covariance of the features is singular: some are exact sums of others, or there are fewer subjects than "
        "features. Give `shrinkage` above 0."
    )


def _size(values):
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def _root(covariance):
    """A matrix whose products with its transpose are the covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
