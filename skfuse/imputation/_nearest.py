"""Missing modalities filled from the nearest subjects who have them."""

import numpy as np
from scipy.sparse import csr_array

from skfuse._chunks import chunks
from skfuse.imputation._content import content_order

_CHUNK_BYTES = 2**26
_QUANTUM = 1e-10  # mean squared differences closer than this count as equal: the digits of a matrix product


class Nearest:
    r"""Means over the nearest donors, by partial distances over the present modalities.

    The distance is that of :func:`sklearn.metrics.pairwise.nan_euclidean_distances`,
    :math:`d^2 = \frac{p}{|F_{ij}|} \sum_{f \in F_{ij}} (z_{if} - z_{jf})^2` over the columns that both subjects have.
    The donors of a cell are the `n_neighbors` nearest training subjects who have it; who shares no column with a
    subject is no donor, and without donors a cell gets the training mean. These are the values of
    :class:`sklearn.impute.KNNImputer` [1]_, found by block: one choice of donors serves all columns of a modality.
    Donors at equal distance are taken in an order that their own values give, not that of the table.

    Parameters
    ----------
    n_neighbors : int
    weights : {"uniform", "distance"}
        Mean of the donors, or weighted by inverse distance (donors at distance 0 then count alone).

    Attributes
    ----------
    donors_ : ndarray of shape (n_subjects, n_columns)
        The training table, sorted by content.
    has_ : ndarray of shape (n_subjects, n_modalities), dtype bool
        Which donor has which modality.

    References
    ----------
    .. [1] O. Troyanskaya et al. Bioinformatics 17 (2001). https://doi.org/10.1093/bioinformatics/17.6.520
    """

    def __init__(self, n_neighbors=10, weights="uniform"):
        self.n_neighbors = n_neighbors
        self.weights = weights

    def fit(self, Z, has, slices):
        """Keep the training subjects as donors.

        Parameters
        ----------
        Z : ndarray of shape (n_subjects, n_columns)
            Standardized; NaN where missing.
        has : ndarray of shape (n_subjects, n_modalities), dtype bool
        slices : dict of str to slice
            Columns of each modality, in the order of `has`.
        """
        order = content_order(Z)
        self.donors_, self.has_, self._parts = Z[order], has[order], list(slices.values())
        return self

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
        filled = np.where(np.isnan(Z), 0.0, Z)
        wanting = np.flatnonzero(np.isnan(Z).any(axis=1))
        donors = _Encoded(self.donors_, self.has_, self._parts)
        for part_of_wanting in chunks(len(wanting), 8 * len(self.donors_), _CHUNK_BYTES):
            rows = wanting[part_of_wanting]
            squares = _partial_squares(_Encoded(Z[rows], has[rows], self._parts), donors)
            for number, part in enumerate(self._parts):
                cells = np.isnan(Z[rows, part])
                lacking = cells.any(axis=1)
                holders = np.flatnonzero(self.has_[:, number])
                if not (lacking.any() and len(holders)):
                    continue
                values = self._block(squares[np.ix_(lacking, holders)], self.donors_[holders, part], cells[lacking])
                block = filled[rows[lacking], part]
                filled[rows[lacking], part] = np.where(cells[lacking], values, block)
        return filled

    def _block(self, squares, block, cells):
        """Values of one modality for subjects who lack some of its cells, from the donors who have it."""
        there = ~np.isnan(block)
        if there.all():
            return self._means(squares, block)
        # Each column has donors of its own, who are mostly among the first of the block.
        long = min(2 * self.n_neighbors + 10, squares.shape[1])
        donors = _nearest(squares, long)
        weights = self._weights(np.take_along_axis(squares, donors, axis=1))
        known = np.where(there, block, 0.0)
        values, short = np.empty(cells.shape), np.empty(cells.shape, dtype=bool)
        for some in chunks(len(squares), 32 * long * block.shape[1], _CHUNK_BYTES):
            used = there[donors[some]]
            rank = np.cumsum(used, axis=1)
            short[some] = rank[:, -1] < self.n_neighbors
            used &= rank <= self.n_neighbors
            values[some] = _weighted_means(self._alone(weights[some, :, None], used), known[donors[some]])
        if long == squares.shape[1]:
            return values
        for column in np.flatnonzero((short & cells).any(axis=0)):
            rows, holders = np.flatnonzero(short[:, column] & cells[:, column]), np.flatnonzero(there[:, column])
            if len(holders):
                values[rows, [column]] = self._means(squares[np.ix_(rows, holders)], block[holders][:, [column]])[:, 0]
        return values

    def _means(self, squares, block):
        """Means over the nearest of donors who have all columns of a block."""
        donors = _nearest(squares, self.n_neighbors)
        weights = self._weights(np.take_along_axis(squares, donors, axis=1))
        weights = self._alone(weights, np.ones(weights.shape, dtype=bool))
        total = weights.sum(axis=1, keepdims=True)
        weights /= np.where(total > 0, total, 1.0)
        starts = np.arange(len(donors) + 1) * donors.shape[1]
        return csr_array((weights.ravel(), donors.ravel(), starts), shape=squares.shape) @ block

    def _weights(self, squares):
        """Weights of donors by their squared distances: infinite at distance 0, none where nothing is shared."""
        if self.weights == "uniform":
            return np.isfinite(squares).astype(np.float64)
        with np.errstate(divide="ignore"):
            return 1.0 / np.sqrt(squares)

    def _alone(self, weights, used):
        """Weights of the donors in use along axis 1; those at distance 0 count alone."""
        weights = np.where(used, weights, 0.0)
        same = np.isinf(weights)
        return np.where(same.any(axis=1, keepdims=True), same, weights)


class _Encoded:
    """Subjects as the matrix products of partial distances need them."""

    def __init__(self, Z, has, parts):
        there = ~np.isnan(Z)
        self.known = np.where(there, Z, 0.0)
        self.there, self.has = there, has
        self.by_block = all((there[:, part] == has[:, [number]]).all() for number, part in enumerate(parts))
        self.parts = parts

    def flags(self, by_block):
        """Who has what, and how many columns each flag stands for."""
        if not by_block:
            return self.there.astype(np.float64), np.ones(self.known.shape[1])
        return self.has.astype(np.float64), np.array([float(part.stop - part.start) for part in self.parts])

    def norms(self, by_block):
        """Squares of the values, summed over each block if blocks are complete."""
        if not by_block:
            return self.known * self.known
        parts = (self.known[:, part] for part in self.parts)
        return np.stack([np.einsum("ij,ij->i", part, part) for part in parts], axis=1)


def _partial_squares(subjects, donors):
    """Mean squared differences over shared columns, times all columns; infinite where none is shared."""
    by_block = subjects.by_block and donors.by_block  # then 2 of the 3 products have a column per block only
    flags, width = subjects.flags(by_block)
    other_flags, _ = donors.flags(by_block)
    squares = subjects.known @ donors.known.T
    squares *= -2.0
    squares += subjects.norms(by_block) @ other_flags.T
    squares += flags @ donors.norms(by_block).T
    shared = (flags * width) @ other_flags.T
    with np.errstate(divide="ignore", invalid="ignore"):
        squares /= shared
    squares[squares < _QUANTUM] = 0.0
    squares[shared == 0] = np.inf
    squares *= subjects.known.shape[1]
    return squares


def _nearest(squares, k):
    """The first `k` columns of each row by value then number, in that order."""
    n_columns = squares.shape[1]
    k = min(k, n_columns)
    # Value and number in one integer, of which a partition finds the smallest; the value is cut where digits end.
    largest = float(2**62 // n_columns)
    keys = np.minimum(np.rint(squares / _QUANTUM), largest - 1.0).astype(np.int64)
    keys *= n_columns
    keys += np.arange(n_columns)
    if k < n_columns:
        keys = np.partition(keys, k - 1, axis=1)[:, :k]
    return np.sort(keys, axis=1) % n_columns


def _weighted_means(weights, values):
    """Means over donors, arrays (n_rows, n_donors, n_columns); 0 where no donor counts."""
    total = weights.sum(axis=1)
    return np.einsum("ijk,ijk->ik", weights, values) / np.where(total > 0, total, 1.0)
