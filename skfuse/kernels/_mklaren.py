"""Mklaren: pivots of several kernels at once, by least-angle regression on a target."""

from dataclasses import dataclass

import numpy as np

from skfuse.kernels._least_angle import NOISE, LeastAnglePath
from skfuse.kernels._low_rank import check_column, check_diagonal, pivoted_cholesky

_MISSED = 1e-10  # share of the largest diagonal entry below which a subject counts as explained


@dataclass(frozen=True)
class MklarenPath:
    """Kernels and pivots that `mklaren_pivots` chose, and the regression path that led to them.

    Row k of the arrays belongs to the k-th pair of kernel and pivot.

    Parameters
    ----------
    kernel_numbers : ndarray of shape (n_steps,), dtype int
        Position of the kernel in the list given.
    pivots : ndarray of shape (n_steps,), dtype int
        Row number of the pivot; ``pivots[kernel_numbers == m]`` are the landmarks of kernel m.
    bisectors : ndarray of shape (n_subjects, n_steps)
        Column k is the unit vector at equal angles to the first k + 1 regressors, along which the fit moved.
    step_lengths : ndarray of shape (n_steps,)
        How far it moved, in the unit of the target.
    residual_norms : ndarray of shape (n_steps,)
        Euclidean norm of the residual after the step, in the unit of the target.
    fitted : ndarray of shape (n_subjects,)
        Fitted values at the end of the path: least squares on all regressors.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import mklaren_pivots
    >>> X = np.array([[0.0], [1.0], [2.0], [4.0]])
    >>> K = X @ X.T
    >>> path = mklaren_pivots([(lambda i: K[i], np.diag(K))], np.array([1.0, 2.0, 3.0, 5.0]), rank=3)
    >>> path.fitted.round(6)
    array([1., 2., 3., 5.])
    """

    kernel_numbers: np.ndarray
    pivots: np.ndarray
    bisectors: np.ndarray
    step_lengths: np.ndarray
    residual_norms: np.ndarray
    fitted: np.ndarray


def mklaren_pivots(kernels, y, rank, *, delta=10, ridge=0.0, signed_start=False):
    r"""Choose pivots of several kernels by least-angle regression over their incomplete Cholesky columns [1]_.

    A pivot i of kernel m adds its Cholesky column :math:`g = R_{\cdot i} / \sqrt{R_{ii}}` to the regressors, centered
    and of unit length, where :math:`R = K_m - G_m G_m^\top` is what the pivots of the kernel so far miss. With the
    residual r, the bisector b of the regressors in use, and their equal correlations C with r and A with b, the next
    pair is the one that reaches the correlation of the others first,

    .. math:: \gamma = \min_{m, i} \; \min \left\{
              \frac{C - c_{mi}}{A - a_{mi}}, \; \frac{C + c_{mi}}{A + a_{mi}} \right\}, \qquad
              c_{mi} = \frac{\ell_{mi}^\top r}{\lVert \ell_{mi} \rVert}, \quad
              a_{mi} = \frac{\ell_{mi}^\top b}{\lVert \ell_{mi} \rVert},

    (fractions with a positive denominator), the first pair the one with the largest :math:`|c_{mi}|`. Candidates
    :math:`\ell_{mi}`, centered, are columns of the approximation of R by `delta` look-ahead pivots. Then the column g
    itself is computed, and the fit moves by its own :math:`\gamma`, so that all regressors stay equally correlated with
    the residual. The last step goes all the way to least squares.

    Parameters
    ----------
    kernels : sequence of pairs (columns, diagonal)
        For each kernel a function whose ``columns(i)`` is column i, shape (n_subjects,), and the kernel of each subject
        with itself, shape (n_subjects,). Positive semidefinite.
    y : array-like of shape (n_subjects,)
        Target, in any unit; centered here.
    rank : int
        Most pairs to choose, over all kernels together.
    delta : int, default=10
        Look-ahead pivots per kernel; more make better estimates of the candidates.
    ridge : float, default=0.0
        Regressor k gets the square root of it in a row of its own, and is scaled to unit length again; candidates get
        it at the length they have. As in the article's program.
    signed_start : bool, default=False
        Start with the largest signed correlation, as the article's program does, so that the path depends on the sign
        of the target.

    Returns
    -------
    path : MklarenPath
        Kernel numbers, pivots, regression path and fitted values. Shorter than `rank` when no column is left outside
        the span of those chosen or the target is fitted exactly.

    Raises
    ------
    ValueError
        If kernels and target do not fit together, the target does not vary, or no kernel does.

    See Also
    --------
    nystroem_factor : Features from the pivots of a kernel.
    pivoted_cholesky : Pivots of one kernel, without a target.

    Notes
    -----
    For n subjects, p kernels, K pairs and :math:`\delta` look-ahead pivots: O(n p K δ + n p δ² + n K δ² + n K²) time,
    O(n (p δ + K)) memory, and p δ + 2 K columns of kernels, besides those found to be spanned already (per kernel no
    more than K). When a pivot is taken, the look-ahead columns of its kernel are rotated so that the first becomes g,
    instead of being computed again; the look-ahead pivot that takes its place is the subject that the pivots so far
    miss most.

    Candidates are estimates. A column that turns out more correlated with the residual than those in use makes a step
    backward (negative length), after which the residual is larger, sometimes than the target: the fit along the way is
    not one to stop at, as it is in ordinary least-angle regression. The pivots and the last fit are meant to be used.

    With `signed_start` the path is that of mklaren 1.2 as long as no column is spanned by those before it, which that
    program does not notice.

    References
    ----------
    .. [1] M. Stražar, T. Curk. Learning the kernel matrix via predictive low-rank approximations (2016).
       https://arxiv.org/abs/1601.04366
    .. [2] B. Efron, T. Hastie, I. Johnstone, R. Tibshirani. Least angle regression. Annals of Statistics 32, 407
       (2004). https://doi.org/10.1214/009053604000000067

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import mklaren_pivots
    >>> rng = np.random.default_rng(0)
    >>> noise, signal = rng.normal(size=(2, 60, 3))
    >>> kernels = [(lambda i, X=X: X @ X[i], np.sum(X**2, axis=1)) for X in (noise, signal)]
    >>> path = mklaren_pivots(kernels, signal @ [1.0, -1.0, 2.0], rank=3, delta=3)
    >>> path.kernel_numbers
    array([1, 1, 1])
    """
    residual = _centered_target(y)
    if rank < 1 or delta < 1 or not ridge >= 0:
        raise ValueError(f"`rank` and `delta` must be at least 1 and `ridge` not negative: {rank}, {delta}, {ridge}.")
    path = LeastAnglePath(residual, rank, ridge)
    tables = [_LookAhead(*pair, len(residual), path.rank, delta, path.candidate_square) for pair in kernels]
    if not tables:
        raise ValueError("`kernels` is empty. Give a pair (columns, diagonal) for each kernel.")
    while path.n_steps < rank and path.residual_counts():
        if not _take_next(tables, path, signed_start):
            break
    if not path.n_steps:
        raise ValueError("No kernel varies over subjects after centering, so none has anything to do with the target.")
    path.move(path.C / path.A)
    n, k = len(residual), path.n_steps
    return MklarenPath(
        path.kernel_numbers[:k],
        path.pivots[:k],
        path.bisectors[:n, :k],
        path.step_lengths[:k],
        path.residual_norms[:k],
        float(np.mean(y)) + path.fit[:n],
    )


def _take_next(tables, path, signed_start):
    """Add the best pair whose column is not spanned yet, and move up to it; False if there is none."""
    scores = np.stack([table.scores(path, signed_start) for table in tables])
    while scores.min() < np.inf:
        number, pivot = (int(position) for position in np.unravel_index(np.argmin(scores), scores.shape))
        table = tables[number]
        column = table.column(pivot)
        regressor = path.regressor(column)
        if regressor is not None:
            path.add(regressor, number, pivot)
            table.take(pivot, column)
            return True
        # Nothing new for the regression, but the kernel is rid of it: subjects like this one are not tried one by one.
        table.take(pivot, column)
        scores[number] = table.scores(path, signed_start)
    return False


class _LookAhead:
    """One kernel: Cholesky columns of its pivots (`taken`), then of its look-ahead pivots (rows of `ahead`)."""

    def __init__(self, columns, diagonal, n, rank, delta, candidate_square):
        self.columns, self.missed = columns, check_diagonal(diagonal)
        if len(self.missed) != n:
            raise ValueError(f"A kernel has a diagonal of {len(self.missed)} subjects, the target has {n}.")
        self.largest, self.candidate_square = self.missed.max(), candidate_square
        self.open = self.missed > _MISSED * self.largest
        members, factor = pivoted_cholesky(columns, self.missed, delta, rtol=0.0)
        self.members = np.zeros(n, dtype=bool)
        self.members[members] = True
        self.taken, self.n_taken = np.empty((n, min(rank, 8)), order="F"), 0
        self._set_ahead(factor.T)

    def _set_ahead(self, ahead):
        """Keep the look-ahead columns and what brings the candidates that they make to unit length."""
        self.ahead = ahead
        centered = ahead - ahead.mean(axis=1, keepdims=True)
        size = np.sqrt(np.einsum("an,an->n", ahead, ahead))
        squares = np.maximum(np.einsum("an,an->n", (centered @ centered.T) @ ahead, ahead), 0.0)
        seen = (np.sqrt(squares) > NOISE * np.linalg.norm(ahead) * size) & (size > NOISE * np.sqrt(self.largest))
        self.to_unit_length = np.zeros(len(size))  # zero for subjects that the look-ahead says nothing about
        np.divide(1.0, np.sqrt(squares + self.candidate_square), out=self.to_unit_length, where=seen)

    def scores(self, path, signed_start):
        """What each subject scores as next pivot, the lowest being the best: inf for those that cannot be one."""
        products = (path.directions() @ self.ahead.T) @ self.ahead
        if self.candidate_square:
            products += path.ridge_products()
        products *= self.to_unit_length
        if path.n_steps:
            found = path.distances(*products)
        elif signed_start:
            found = -products[0]
        else:
            found = -np.abs(products[0])
        found[~self.open] = np.inf
        return found

    def column(self, pivot):
        """Cholesky column of the pivot after those taken."""
        return self._missed_column(pivot) / np.sqrt(self.missed[pivot])

    def take(self, pivot, column):
        """Make the pivot, of this Cholesky column, one of the kernel's own and renew the look-ahead."""
        ahead, replacement = self.ahead, None
        if self.members[pivot]:
            free = self.open & ~self.members
            if free.any():
                replacement = int(np.argmax(np.where(free, self.missed, -np.inf)))
        else:  # what the look-ahead does not explain of the pivot's column becomes one more of its columns
            ahead = self._extended(ahead, pivot, column * np.sqrt(self.missed[pivot]))
        ahead = _without_direction(ahead, pivot)
        if self.n_taken == self.taken.shape[1]:
            self.taken = np.asfortranarray(np.hstack([self.taken, np.empty_like(self.taken)]))
        self.taken[:, self.n_taken] = column
        self.n_taken += 1
        self.missed = np.maximum(self.missed - column**2, 0.0)
        self.missed[pivot], self.open[pivot], self.members[pivot] = 0.0, False, False
        self.open &= self.missed > _MISSED * self.largest
        if replacement is not None:
            ahead = self._extended(ahead, replacement, self._missed_column(replacement))
            self.members[replacement] = True
        self._set_ahead(ahead)

    def _missed_column(self, pivot):
        """Column of the kernel without what the pivots taken explain."""
        taken = self.taken[:, : self.n_taken]
        return check_column(self.columns(pivot), pivot, len(taken)) - taken @ taken[pivot]

    def _extended(self, ahead, pivot, column):
        """Look-ahead columns and one more, of the pivot, unless they explain it already."""
        left = self.missed[pivot] - np.sum(ahead[:, pivot] ** 2)
        if left <= _MISSED * self.largest:
            return ahead
        return np.vstack([ahead, (column - ahead[:, pivot] @ ahead) / np.sqrt(left)])


def _without_direction(ahead, subject):
    """Turn the rows so that the first alone reaches the subject, and leave that one out."""
    reach = ahead[:, subject]
    norm = np.linalg.norm(reach)
    if not norm > 0:
        return ahead
    mirror = reach / norm
    mirror[0] += np.copysign(1.0, mirror[0])  # Householder's, away from cancellation
    return (ahead - np.outer(mirror / (mirror @ mirror / 2.0), mirror @ ahead))[1:]


def _centered_target(y):
    y = np.asarray(y, dtype=np.float64)
    if y.ndim != 1 or not len(y) or not np.isfinite(y).all():
        raise ValueError(f"`y` has shape {y.shape}, wanted one finite number per subject.")
    centered = y - y.mean()
    if np.abs(centered).max() <= NOISE * np.abs(y).max():
        raise ValueError("`y` does not vary, so no pivot has anything to do with it.")
    return centered
