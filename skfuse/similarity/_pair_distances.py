"""Where the distances of a neighbor search come from: points, tile by tile, or a function of rows and columns."""

import numpy as np

#: Squares below this share of the squared norms are summed again from differences (see products_to_squares).
_NEAR = {np.dtype(np.float32): 0.05, np.dtype(np.float64): 1e-3}
_COLUMNS = 8192  # columns at once where whole rows are computed in double precision


class PointPairs:
    """Euclidean distances between points: tiles of squares by matrix products, in the precision of the points.

    Parameters
    ----------
    points : ndarray of shape (n_subjects, n_features), float32 or float64
        Complete.
    squared : bool
        Whether the squares themselves are the distances.
    """

    def __init__(self, points, *, squared):
        self.points, self.squared = points, squared
        self.n_subjects, n_features = points.shape
        self.dtype = points.dtype
        self._center = _short_center(points)
        self._shifted = points - self._center if self._center.any() else points
        norms = np.einsum("ij,ij->i", self._shifted, self._shifted, dtype=np.float64)
        self._norms = norms.astype(self.dtype)
        self._near = self.dtype.type(_NEAR[self.dtype])
        # A product of p terms is off by at most p roundings of the norms, and by far less than that where p is large.
        roundings = 4 + min(n_features, 16 * np.sqrt(n_features))
        self._square_error = float(np.finfo(self.dtype).eps * roundings / self._near)

    @property
    def rooted(self):
        """Whether the entries of a tile are squares of the distances."""
        return not self.squared

    @property
    def tile_error(self):
        """Bound of the relative error of the entries of a tile."""
        return self._square_error

    def tile(self, rows, columns):
        """Squares of the subjects `rows` (slice) to `columns` (slice or indices), as a new array."""
        from skfuse.similarity._nearest_compiled import products_to_squares

        tile = self._shifted[rows] @ self._shifted[columns].T
        products_to_squares(
            tile, self._norms[rows], self._norms[columns], self.points[rows], self.points[columns], self._near
        )
        return tile

    def refined(self, rows, ids, entries):
        """Distances (float64) of the subjects `rows` (slice) to those in `ids`, from differences."""
        from skfuse.similarity._nearest_compiled import squares_of_pairs

        squares = np.empty(ids.shape)
        squares_of_pairs(self.points[rows], self.points, ids, squares)
        return self._distances(squares)

    def rows(self, indices):
        """Distances (float64) of some subjects to all: (n_indices, n_subjects)."""
        return self.from_points(self.points[indices])

    def from_points(self, others):
        """Distances (float64) of other points to all subjects: (n_others, n_subjects)."""
        from skfuse.similarity._nearest_compiled import products_to_squares

        others = others.astype(np.float64)
        shifted = others - self._center
        norms = np.einsum("ij,ij->i", shifted, shifted)
        near = _NEAR[np.dtype(np.float64)]
        squares = np.empty((len(others), self.n_subjects))
        for first in range(0, self.n_subjects, _COLUMNS):
            points = self.points[first : first + _COLUMNS].astype(np.float64, copy=False)
            columns = points - self._center
            column_norms = np.einsum("ij,ij->i", columns, columns)
            tile = shifted @ columns.T
            products_to_squares(tile, norms, column_norms, others, points, near)
            squares[:, first : first + _COLUMNS] = tile
        return self._distances(squares)

    def _distances(self, squares):
        return squares if self.squared else np.sqrt(squares, out=squares)


class FunctionPairs:
    """Distances from a function of rows and columns, which are taken as exact.

    Parameters
    ----------
    function : callable
        ``function(rows, columns)`` gives the distances (n_rows, n_columns) of subjects to subjects. Either is a slice
        or an array of indices.
    n_subjects : int
        Number of subjects.
    """

    dtype = np.dtype(np.float64)
    rooted = False
    tile_error = 0.0

    def __init__(self, function, n_subjects):
        self.function, self.n_subjects = function, n_subjects

    def tile(self, rows, columns):
        """Distances of the subjects `rows` to `columns`, as a new array."""
        return np.array(self.function(rows, columns), dtype=np.float64, order="C")

    def refined(self, rows, ids, entries):
        """The `entries` of the tiles as they are."""
        return entries

    def rows(self, indices):
        """Distances of some subjects to all."""
        return self.tile(indices, slice(0, self.n_subjects))


def _short_center(points):
    """A number of few binary digits close to the mean of each feature.

    Products lose fewer digits around it, and to subtract it is exact for whole and other short numbers, so that ties
    between subjects stay ties.
    """
    mean, deviation = points.mean(axis=0, dtype=np.float64), points.std(axis=0, dtype=np.float64)
    step = np.exp2(np.floor(np.log2(np.where(deviation > 0, deviation, 1.0))))
    return (np.round(mean / step) * step).astype(points.dtype)
