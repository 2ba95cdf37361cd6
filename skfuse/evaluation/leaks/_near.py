"""Rows of a block that are far nearer to each other than strangers can be."""

import numpy as np
from scipy.spatial import cKDTree

from skfuse._chunks import chunks

_ALPHA = 1e-4
_COLUMNS = 256  # enough to tell a noisy copy of a subject from a twin, few enough for thousands of subjects
_CELLS = 1 << 24  # of a piece of the matrix of distances: 64 MB as float32
_WHOLE = 10_000  # more subjects are searched through projections instead of all pairs
_SAMPLE = 2_000
_CLOSE = 0.05  # of the distance of strangers; a twin correlated by .8 in every feature is at .2
_REFERENCE = 4  # the neighbor that tells how dense the cohort is around a subject


def near_rows(block):
    """Find pairs of rows far nearer than strangers can be.

    The mean squared difference over the cells that both have, in standardized continuous columns (at most 256
    of them; at least ten values, none of them in a fifth of the subjects), relative to strangers. It must be below .05
    (twins correlated by .8 in every feature are at .2; noise of a tenth of a standard deviation gives .01), and be
    improbable for a stranger: around a subject the r nearest of a d-dimensional cloud satisfy (r₁/r₄)^d ~ Beta(1, 3),
    from which p < .0001 over all subjects, with d estimated from the ratios r₈/r₄ of the cohort (after Facco and
    others, https://doi.org/10.1038/s41598-017-11873-y). So few columns need a smaller distance than many. What rounding
    hides counts as distance.

    Parameters
    ----------
    block : skfuse.evaluation.leaks._inputs.Block

    Returns
    -------
    pairs : list of tuple of int, or None
        Row positions; None with fewer than 10 subjects or two continuous columns.
    """
    rows = np.flatnonzero(block.present)
    standard, hidden = _standardized(block, rows)
    if standard is None or len(rows) < 10:
        return None
    pairs = _near_pairs(standard, hidden) if len(rows) <= _WHOLE else _near_pairs_of_many(standard, hidden)
    return sorted({tuple(sorted((int(rows[one]), int(rows[two])))) for one, two in pairs})


def _near_pairs(standard, hidden):
    """Search all pairs."""
    candidates = _neighbors(standard, standard, min(9, len(standard) - 2), itself=True)
    distances, candidates = _sorted_distances(standard, standard, candidates, hidden)
    reference = min(_REFERENCE, distances.shape[1]) - 1
    dimension = _dimension(distances, reference, standard.shape[1])
    nearest, stranger = distances[:, 0], distances[:, reference]
    # Where many are equal, or few have cells in common, nothing can be said.
    usable = (stranger > 0) & np.isfinite(stranger)
    p = reference * np.divide(nearest, stranger, out=np.ones(len(nearest)), where=usable) ** dimension
    pairs = []
    for row in np.flatnonzero((p * len(standard) < _ALPHA) & (nearest**2 < _CLOSE)):
        for place in range(reference):  # further copies of the same subject
            if distances[row, place] <= 2 * nearest[row] and distances[row, place] ** 2 < _CLOSE:
                pairs.append((row, candidates[row, place]))
    return pairs


def _near_pairs_of_many(standard, hidden):
    """Search pairs that are next to each other in six random projections; strangers are a sample of the others."""
    n, p = standard.shape
    rng = np.random.default_rng(0)
    projected = np.nan_to_num(standard) @ rng.standard_normal((p, 6)).astype(np.float32)
    distances, candidates = _sorted_distances(standard, standard, cKDTree(projected).query(projected, k=[2])[1], hidden)
    close = np.flatnonzero(distances[:, 0] ** 2 < _CLOSE)
    if not len(close):
        return []
    sample = standard[rng.choice(n, _SAMPLE, replace=False)]
    around = _neighbors(standard[close], sample, 11)
    strangers, _ = _sorted_distances(standard[close], sample, around, hidden)
    # The first of the sample may be the subject itself or its copy; behind them the k-th stands for k n / 2,000.
    dimension = _dimension(strangers, _REFERENCE, p)
    nearest, stranger = distances[close, 0], strangers[:, _REFERENCE]
    usable = (stranger > 0) & np.isfinite(stranger)
    ratio = np.divide(nearest, stranger, out=np.ones(len(nearest)), where=usable)
    expected = (_REFERENCE + 1) * n / _SAMPLE * ratio**dimension
    return [(row, candidates[row, 0]) for row in close[expected * n < _ALPHA]]


def _standardized(block, rows):
    """Continuous columns in units of √2 standard deviations, clipped at 5, and the square of what rounding hides."""
    values, _ = block.some_columns(_COLUMNS)
    values = values[rows]
    has = ~np.isnan(values)
    kept, steps = [], []
    for position in range(values.shape[1]):
        column = values[has[:, position], position]
        if len(column) < 6:
            continue
        center, spread = np.median(column), column.std()
        distinct, counts = np.unique(column, return_counts=True)
        if len(distinct) < 10 or counts.max() > 0.2 * len(column) or spread == 0:
            continue  # a short scale, or a floor at which many are equal
        values[:, position] = np.clip((values[:, position] - center) / spread, -5, 5)
        kept.append(position)
        steps.append(np.median(np.diff(distinct)) / spread)
    if len(kept) < 2:
        return None, 0.0
    # Two roundings to steps of width s add 2 s²/12 to a squared difference, s²/12 relative to strangers.
    return (values[:, kept] / np.sqrt(2)).astype(np.float32), float(np.mean(np.square(steps)) / 12)


def _neighbors(standard, others, count, *, itself=False):
    """Positions of the `count` nearest of `others` for each row, by the mean squared difference over common cells.

    With `itself` the tables are the same one, and a row is no neighbor of itself.
    """
    complete = not np.isnan(standard).any() and not np.isnan(others).any()
    observed, there = (~np.isnan(standard)).astype(np.float32), (~np.isnan(others)).astype(np.float32)
    filled, target = np.nan_to_num(standard), np.nan_to_num(others)
    nearest = np.empty((len(standard), count), dtype=np.intp)
    for part in chunks(len(standard), len(others), _CELLS):
        distances = -2 * filled[part] @ target.T
        if complete:
            distances += (target**2).sum(axis=1)
        else:
            common = observed[part] @ there.T
            distances += (filled[part] ** 2) @ there.T + observed[part] @ (target**2).T
            few = common < np.maximum(2, 0.5 * observed[part].sum(axis=1))[:, None]
            distances /= np.maximum(common, 1)
            distances[few] = np.inf
        if itself:
            distances[np.arange(part.stop - part.start), np.arange(part.start, part.stop)] = np.inf
        nearest[part] = np.argpartition(distances, count - 1, axis=1)[:, :count]
    return nearest


def _sorted_distances(standard, others, candidates, hidden):
    """Root mean squared differences to candidates, from the differences, nearest first; and the candidates so sorted.

    Infinite where fewer than 2 cells are common. `hidden` is added to the squares.
    """
    distances = np.empty(candidates.shape)
    for place in range(candidates.shape[1]):
        for part in chunks(len(standard), 4 * standard.shape[1], _CELLS):
            difference = standard[part].astype(np.float64) - others[candidates[part, place]]
            common = (~np.isnan(difference)).sum(axis=1)
            total = np.nansum(difference**2, axis=1)
            distances[part, place] = np.where(common >= 2, total / np.maximum(common, 1) + hidden, np.inf)
    order = np.argsort(distances, axis=1)
    return np.sqrt(np.take_along_axis(distances, order, axis=1)), np.take_along_axis(candidates, order, axis=1)


def _dimension(distances, reference, most):
    """Intrinsic dimension at the scale of the neighbors behind the reference one, at most the number of columns."""
    far = distances.shape[1] - 1
    usable = (distances[:, reference] > 0) & np.isfinite(distances[:, far]) & (far > reference)
    logs = np.log(distances[usable, far] / distances[usable, reference])
    if not len(logs) or logs.mean() <= 0:
        return float(most)
    # In d dimensions the mean of log(r_b / r_a) is the sum of 1/i for i from a to b − 1, over d.
    expected = sum(1 / i for i in range(reference + 1, far + 1))
    return float(np.clip(expected / logs.mean(), 1.0, most))
