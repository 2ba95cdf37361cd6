"""Numbers and categories side by side, as Gower's distance takes them."""

import narwhals.stable.v2 as nw
import numpy as np
from scipy.spatial.distance import cdist

from skfuse._chunks import chunks

_CHUNK_BYTES = 2**26


class MixedFeatures:
    """Codes for the features of one block: numbers by their training range, categories by their place in a list.

    A column of text, categories or booleans is categorical, any other one numeric. Numbers beyond the training range
    are taken at its end; a category that training subjects do not have differs from all of theirs.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse._mixed_features import MixedFeatures
    >>> block = pd.DataFrame({"age": [20.0, 60.0, 40.0], "sex": ["f", "m", None]})
    >>> features = MixedFeatures().fit(block)
    >>> points = features.encode(block)
    >>> features.distances(points, points)
    array([[0. , 1. , 0.5],
           [1. , 0. , 0.5],
           [0.5, 0.5, 0. ]])
    """

    def fit(self, block):
        """Learn ranges and categories.

        Parameters
        ----------
        block : data frame or ndarray of shape (n_subjects, n_features)

        Returns
        -------
        self : MixedFeatures
        """
        columns = _columns(block)
        self.categories_ = [None if _is_number(column) else _categories(column) for column in columns]
        lows, highs = np.zeros(len(columns)), np.zeros(len(columns))
        self.expected_ = np.zeros(len(columns))
        for place, column in enumerate(columns):
            if self.categories_[place] is not None:
                self.expected_[place] = _chance_to_differ(column)
                continue
            values = np.asarray(column, dtype=np.float64)
            values = np.sort(values[np.isfinite(values)])
            if len(values):
                lows[place], highs[place] = values[0], values[-1]
            if highs[place] > lows[place]:
                self.expected_[place] = _mean_difference(values) / (highs[place] - lows[place])
        self.low_, self.range_ = lows, highs - lows
        return self

    @property
    def is_category(self):
        """Which features are categorical (n_features,)."""
        return np.array([categories is not None for categories in self.categories_], dtype=bool)

    def expected_distance(self, weights=None):
        """Mean distance of two unrelated training subjects."""
        weights = np.ones(len(self.expected_)) if weights is None else weights
        return float(weights @ self.expected_ / max(weights.sum(), np.finfo(float).tiny))

    def encode(self, block):
        """Codes of subjects (n_subjects, n_features), NaN where missing."""
        columns = _columns(block)
        points = np.empty((len(columns[0]), len(columns)))
        for place, (column, categories) in enumerate(zip(columns, self.categories_, strict=True)):
            if categories is not None:
                codes = {value: float(code) for code, value in enumerate(categories)}
                keys = [None if _is_missing(cell) else str(cell) for cell in column]
                points[:, place] = [np.nan if key is None else codes.get(key, -1.0) for key in keys]
                continue
            values = np.asarray(column, dtype=np.float64)
            if np.isinf(values).any():
                raise ValueError(
                    f"Feature {place} of a block holds an infinite value. Replace it by NaN if the value is missing, "
                    "or correct it."
                )
            if self.range_[place] > 0:
                points[:, place] = np.clip((values - self.low_[place]) / self.range_[place], 0.0, 1.0)
            else:
                points[:, place] = np.where(np.isnan(values), np.nan, 0.0)
        return points

    def distances(self, A, B, weights=None, unrelated=1.0):
        """Gower's distance: the weighted mean over the features that both subjects have.

        Parameters
        ----------
        A, B : ndarray of shape (n_a, n_features) and (n_b, n_features)
            From :meth:`encode`.
        weights : ndarray of shape (n_features,) or None
        unrelated : float
            Distance of two subjects who share no feature.

        Returns
        -------
        distances : ndarray of shape (n_a, n_b)
            Between 0 and 1.
        """
        weights = np.ones(A.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
        is_category = self.is_category
        if np.isnan(A).any() or np.isnan(B).any():
            return _partial(A, B, weights, is_category, unrelated)
        total = np.zeros((len(A), len(B)))
        if not is_category.all():
            numbers = ~is_category
            total += cdist(A[:, numbers] * weights[numbers], B[:, numbers] * weights[numbers], "cityblock")
        for place in np.flatnonzero(is_category):
            total += weights[place] * _differ(A[:, place], B[:, place])
        return total / max(weights.sum(), np.finfo(float).tiny)


def _partial(A, B, weights, is_category, unrelated):
    shared = (~np.isnan(A) * weights) @ (~np.isnan(B)).T.astype(np.float64)
    total = np.zeros((len(A), len(B)))
    for rows in chunks(len(A), 8 * len(B), _CHUNK_BYTES):
        chunk = total[rows]
        for place, weight in enumerate(weights):
            one, other = A[rows, place], B[:, place]
            apart = _differ(one, other) if is_category[place] else np.abs(one[:, None] - other)
            chunk += weight * np.nan_to_num(apart, nan=0.0)
    return np.where(shared > 0, total / np.where(shared > 0, shared, 1.0), unrelated)


def _differ(one, other):
    """1 where categories differ, 0 where they agree, NaN where one is missing; an unknown one differs from all."""
    apart = ((one[:, None] != other) | (one[:, None] < 0)).astype(np.float64)
    apart[np.isnan(one)] = np.nan
    apart[:, np.isnan(other)] = np.nan
    return apart


def _columns(block):
    """The columns of a block as one-dimensional arrays or lists."""
    if isinstance(block, np.ndarray):
        return list(block.T)
    frame = nw.from_native(block, eager_only=True)
    return [_cells(frame[name]) for name in frame.columns]


def _cells(series):
    if series.dtype.is_numeric():
        return series.cast(nw.Float64).to_numpy()
    return np.array(series.to_list(), dtype=object)


def _is_missing(cell):
    return cell is None or cell != cell or type(cell).__name__ == "NAType"


def _is_number(column):
    if column.dtype.kind in "fiu":
        return True
    cells = [cell for cell in column if not _is_missing(cell)]
    return bool(cells) and all(
        isinstance(cell, (int, float, np.number)) and not isinstance(cell, bool) for cell in cells
    )


def _categories(column):
    return sorted({str(cell) for cell in column if not _is_missing(cell)})


def _chance_to_differ(column):
    counts = np.unique([str(cell) for cell in column if not _is_missing(cell)], return_counts=True)[1]
    share = counts / max(counts.sum(), 1)
    return float(1.0 - share @ share)


def _mean_difference(values):
    """Mean absolute difference of two draws with replacement from sorted values (Gini)."""
    n = len(values)
    return float(2.0 * np.sum((2 * np.arange(n) - n + 1) * values) / n**2)
