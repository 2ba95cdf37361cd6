"""Least-angle regression on regressors that come one by one, chosen by the caller."""

import numpy as np
from scipy.linalg import solve_triangular

NOISE = 1e-12  # share of a column that rounding leaves where it should be zero
_SPANNED = 1e-7  # share of a regressor outside the span of the others below which it adds nothing


class LeastAnglePath:
    """The fit so far, with an orthonormal basis Q of the regressors, whose coordinates are the triangle R.

    `residual` is the centered target at first. With a ridge, vectors have a row for each regressor after the subjects.
    """

    def __init__(self, residual, rank, ridge):
        self.n, self.rank, self.ridge = len(residual), rank, ridge
        n_rows = self.n + (rank if ridge else 0)  # one row more for each regressor
        self.residual = np.zeros(n_rows)
        self.residual[: self.n] = residual
        self.fit = np.zeros(n_rows)
        self.target_norm = np.linalg.norm(residual)
        self.Q, self.R = np.empty((n_rows, rank), order="F"), np.zeros((rank, rank))
        self.bisectors = np.empty((n_rows, rank), order="F")
        self.kernel_numbers, self.pivots = np.empty((2, rank), dtype=np.intp)
        self.step_lengths, self.residual_norms = np.zeros((2, rank))
        self.n_steps = 0
        self.candidate_square = ridge * (1.0 - 1.0 / (self.n + rank))

    def residual_counts(self):
        """Whether there is anything left to explain."""
        return np.linalg.norm(self.residual) > NOISE * self.target_norm

    def directions(self):
        """Residual and, once there is one, bisector, as far as subjects go (n_directions, n)."""
        return np.stack([direction[: self.n] for direction in self._directions()])

    def _directions(self):
        return [self.residual] + ([self.bisectors[:, self.n_steps - 1]] if self.n_steps else [])

    def ridge_products(self):
        """What the ridge row of a candidate adds to its products with both: rows are centered, subjects or not."""
        means = [direction.sum() / (self.n + self.rank) for direction in self._directions()]
        return -np.sqrt(self.ridge) * np.array(means)[:, None]

    def distances(self, c, a):
        """Step lengths after which columns of correlations c and a are as correlated as those in use."""
        down, up = self.A - a, self.A + a
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.minimum(
                np.where(down > 0, (self.C - c) / down, np.inf), np.where(up > 0, (self.C + c) / up, np.inf)
            )

    def regressor(self, column):
        """Column centered, of unit length and with its ridge row; None if constant or in the span of the others."""
        centered = column - column.mean()
        length = np.linalg.norm(centered)
        if not length > NOISE * np.linalg.norm(column):
            return None
        x = np.zeros(len(self.residual))
        x[: self.n] = centered / length
        if self.ridge:
            x[self.n + self.n_steps] = np.sqrt(self.ridge)
            x /= np.sqrt(1.0 + self.ridge)
        Q = self.Q[:, : self.n_steps]
        products = Q.T @ x
        outside = x - Q @ products
        again = Q.T @ outside  # a second pass keeps the basis orthonormal to rounding
        outside -= Q @ again
        norm = np.linalg.norm(outside)
        return (x, products + again, outside / norm, norm) if norm > _SPANNED else None

    def add(self, regressor, kernel_number, pivot):
        """Move until the new regressor is as correlated as the others, then turn to the new bisector."""
        x, products, outside, norm = regressor
        k = self.n_steps
        if k:
            self.move(self.distances(x @ self.residual, x @ self.bisectors[:, k - 1]))
        self.Q[:, k], self.R[:k, k], self.R[k, k] = outside, products, norm
        self.kernel_numbers[k], self.pivots[k] = kernel_number, pivot
        self.n_steps = k = k + 1
        Q, R = self.Q[:, :k], self.R[:k, :k]
        correlations = R.T @ (Q.T @ self.residual)
        turned = solve_triangular(R, np.sign(correlations), trans="T")
        self.C, self.A = np.abs(correlations).max(), 1.0 / np.linalg.norm(turned)
        self.bisectors[:, k - 1] = Q @ (self.A * turned)

    def move(self, length):
        """Go along the present bisector."""
        bisector = self.bisectors[:, self.n_steps - 1]
        self.fit += length * bisector
        self.residual -= length * bisector
        self.step_lengths[self.n_steps - 1] = length
        self.residual_norms[self.n_steps - 1] = np.linalg.norm(self.residual[: self.n])
