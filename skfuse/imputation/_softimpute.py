"""Missing modalities filled by a matrix of low nuclear norm."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skfuse._blocks import groups_of_rows
from skfuse._chunks import chunks
from skfuse.imputation._content import content_order

_CHUNK_BYTES = 2**26
_ALTERNATIONS = 2  # between two singular value decompositions
_MASKED = 0.2  # share of subjects, or of cells, hidden to choose the penalty
_FALLBACK = 0.25  # penalty relative to the largest singular value where nothing can be hidden


class SoftImpute:
    r"""Low-rank completion by the nuclear norm, for present and for new subjects.

    Minimizes
    :math:`\tfrac12 \sum_{ij \text{ present}} (z_{ij} - m_{ij})^2 + \lambda \|M\|_*` [1]_, in the factored form
    :math:`M = A B^\top` with penalty :math:`\tfrac{\lambda}{2} (\|A\|_F^2 + \|B\|_F^2)`, which has the same minimum
    [2]_. Steps of both alternate: a soft-thresholded singular value decomposition of the filled matrix opens and closes
    directions, ridge regressions per missing pattern converge fast between them. A new subject has the scores
    :math:`a = (B_o^\top B_o + \lambda I)^{-1} B_o^\top z_o` from the present cells *o*: for a training subject, at
    convergence, those of the fit.

    The penalty is the one of a warm path, from the largest singular value downward, that best fills whole blocks of
    some subjects (those that a key of their values draws, so that the order of subjects does not matter).

    Parameters
    ----------
    rank : int or None
        Most directions; None leaves it to the penalty.
    n_penalties : int
        Length of the path.
    lowest : float
        End of the path relative to the largest singular value.
    max_iter : int
        Most decompositions in the final fit, each followed by 2 alternations.
    tol : float
        Change of the matrix between two decompositions, relative to its norm, that ends the final fit.

    Attributes
    ----------
    loadings_ : ndarray of shape (n_columns, n_directions)
        The factor *B*.
    penalty_ : float
        The chosen :math:`\lambda`.
    penalties_, validation_errors_ : ndarray of shape (n_tried,)
        Penalties relative to the largest singular value, and their root mean squared errors on hidden cells.
    n_iter_ : int
        Decompositions in the final fit.
    gap_ : float
        The change, as of `tol`, that was left.

    References
    ----------
    .. [1] R. Mazumder, T. Hastie, R. Tibshirani. Journal of Machine Learning Research 11 (2010).
       https://jmlr.org/papers/v11/mazumder10a.html
    .. [2] T. Hastie et al. Journal of Machine Learning Research 16 (2015). https://jmlr.org/papers/v16/hastie15a.html
    """

    def __init__(self, rank=None, *, n_penalties=9, lowest=0.03, max_iter=100, tol=1e-4):
        self.rank = rank
        self.n_penalties = n_penalties
        self.lowest = lowest
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, Z, has, slices):
        """Choose the penalty on hidden cells, then complete the training matrix with it.

        Parameters
        ----------
        Z : ndarray of shape (n_subjects, n_columns)
            Standardized; NaN where missing.
        has : ndarray of shape (n_subjects, n_modalities), dtype bool
        slices : dict of str to slice
            Columns of each modality, in the order of `has`.
        """
        path = np.geomspace(0.9, self.lowest, self.n_penalties)
        hidden = _hidden_cells(Z, has, slices)
        self.penalties_, self.validation_errors_ = path[:0], np.zeros(0)
        fraction = _FALLBACK
        if hidden is not None:
            errors = self._validate(np.where(hidden, np.nan, Z), slices, path, np.nonzero(hidden), Z[hidden])
            self.penalties_, self.validation_errors_ = path[: len(errors)], np.array(errors)
            fraction = path[int(np.argmin(errors))]
        problem = _Completion(Z, slices, self.rank)
        self.penalty_ = fraction * problem.largest
        self.n_iter_, self.gap_ = 0, np.inf if problem.largest > 0 else 0.0
        while self.gap_ > self.tol and self.n_iter_ < self.max_iter:
            self.gap_ = problem.round(self.penalty_)
            self.n_iter_ += 1
        self._warn_unless_converged()
        self.loadings_ = problem.B
        return self

    def _warn_unless_converged(self):
        if self.gap_ > self.tol:
            warnings.warn(
                f"The low-rank completion still changes by {self.gap_:.1e} of its norm after {self.n_iter_} "
                f"decompositions, more than tol={self.tol:.1e}. Raise `max_iter` or `tol`.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _validate(self, Z, slices, path, cells, truth):
        """Errors on hidden cells along the path, which ends where they rise."""
        problem = _Completion(Z, slices, self.rank)
        errors = []
        for fraction in path:
            if problem.largest > 0:
                problem.round(fraction * problem.largest)
            errors.append(float(np.sqrt(np.mean((problem.cells(*cells) - truth) ** 2))))
            if errors[-1] > min(errors):  # the path has its best
                break
        return errors

    def fill(self, Z, has):
        """Fill missing blocks and cells of subjects in any missing pattern.

        Parameters
        ----------
        Z : ndarray of shape (n_subjects, n_columns)
        has : ndarray of shape (n_subjects, n_modalities), dtype bool

        Returns
        -------
        filled : ndarray of shape (n_subjects, n_columns)
            Present cells as they were.
        """
        filled = Z.copy()
        for present, rows in groups_of_rows(~np.isnan(Z)):
            if present.all():
                continue
            B = self.loadings_[present]
            gram = B.T @ B + self.penalty_ * np.eye(B.shape[1])
            scores = (
                np.linalg.solve(gram, B.T @ Z[np.ix_(rows, present)].T) if B.size else np.zeros((B.shape[1], len(rows)))
            )
            filled[np.ix_(rows, ~present)] = scores.T @ self.loadings_[~present].T
        return filled


def _hidden_cells(Z, has, slices):
    """Present cells to choose a penalty on: a block of some who have two, or else scattered ones; None without any."""
    order, step = content_order(Z), round(1.0 / _MASKED)
    hidden = np.zeros(Z.shape, dtype=bool)
    parts = list(slices.values())
    usable = has & np.array([part.stop > part.start for part in parts], dtype=bool)
    several = order[usable[order].sum(axis=1) > 1]
    if len(several) > 1:
        for number, subject in enumerate(several[::step]):
            mine = np.flatnonzero(usable[subject])
            hidden[subject, parts[mine[number % len(mine)]]] = True
    elif len(Z) > 1:
        rank = np.empty(len(Z), dtype=int)
        rank[order] = np.arange(len(Z))
        hidden = (2 * rank[:, None] + np.arange(Z.shape[1])) % step == 0
    hidden &= ~np.isnan(Z)
    return hidden if hidden.any() else None


class _Completion:
    """The matrix A B' of one training table, moved step by step toward the minimum for a penalty."""

    def __init__(self, Z, slices, rank):
        missing = np.isnan(Z)
        # Missing blocks are dealt with exactly in each regression; scattered cells are filled anew before each.
        self.parts = [part for part in slices.values() if part.stop > part.start]
        self.has = np.array([~missing[:, part].all(axis=1) for part in self.parts]).T.reshape(len(Z), -1)
        scattered = missing.copy()
        for number, part in enumerate(self.parts):
            scattered[:, part] &= self.has[:, [number]]
        self.scattered = np.nonzero(scattered)
        self.groups = groups_of_rows(self.has)
        self.X = np.where(missing, 0.0, Z)
        self.A, self.B = np.zeros((len(Z), 0)), np.zeros((Z.shape[1], 0))
        self.limit = min(Z.shape) if rank is None else min(rank, *Z.shape)
        self.largest = float(np.sqrt(max(self._spectrum(1)[0][0], 0.0))) if Z.size else 0.0

    def round(self, penalty):
        """One decomposition and its alternations; returns the relative change of the matrix."""
        squares, directions = self._spectrum(self.limit)
        singular = np.sqrt(np.maximum(squares, 0.0))
        kept = singular > penalty
        old_A, old_B = self.A, self.B
        self.B = directions(kept) * np.sqrt(singular[kept] - penalty)
        for _ in range(_ALTERNATIONS):
            self._scores(penalty)
            self._loadings(penalty)
            self.X[self.scattered] = self.cells(*self.scattered)
        self._scores(penalty)
        before, after = _inner(old_A, old_B, old_A, old_B), _inner(self.A, self.B, self.A, self.B)
        change = before + after - 2.0 * _inner(old_A, old_B, self.A, self.B)
        return float(np.sqrt(max(change, 0.0) / after)) if after > 0 else 0.0

    def cells(self, i, j):
        """Entries of A B'."""
        out = np.empty(len(i))
        for part in chunks(len(i), 16 * self.B.shape[1], _CHUNK_BYTES):
            out[part] = np.einsum("ij,ij->i", self.A[i[part]], self.B[j[part]])
        return out

    def _scores(self, penalty):
        eye = np.eye(self.B.shape[1])
        grams = [self.B[part].T @ self.B[part] for part in self.parts]
        projected = self.X @ self.B
        self.A = np.empty_like(projected)
        for flags, rows in self.groups:
            gram = sum((grams[number] for number in np.flatnonzero(flags)), penalty * eye)
            self.A[rows] = np.linalg.solve(gram, projected[rows].T).T

    def _loadings(self, penalty):
        eye = np.eye(self.B.shape[1])
        grams = [self.A[rows].T @ self.A[rows] for _, rows in self.groups]
        projected = self.X.T @ self.A
        for number, part in enumerate(self.parts):
            flagged = (gram for gram, (flags, _) in zip(grams, self.groups, strict=True) if flags[number])
            self.B[part] = np.linalg.solve(sum(flagged, penalty * eye), projected[part].T).T

    def _spectrum(self, limit):
        """Leading eigenvalues of the Gram matrix of the filled table; a function gives its directions of columns."""
        filled = self.X.copy()
        if self.B.shape[1]:
            for number, part in enumerate(self.parts):
                gone = ~self.has[:, number]
                filled[gone, part] = self.A[gone] @ self.B[part].T
        tall = len(filled) >= filled.shape[1]
        values, vectors = np.linalg.eigh(filled.T @ filled if tall else filled @ filled.T)
        values, vectors = values[::-1][:limit], vectors[:, ::-1][:, :limit]
        if tall:
            return values, lambda kept: vectors[:, kept]
        return values, lambda kept: filled.T @ (vectors[:, kept] / np.sqrt(values[kept]))


def _inner(A, B, C, D):
    """Inner product of the matrices A B' and C D'."""
    return float(np.sum((A.T @ C) * (B.T @ D)))
