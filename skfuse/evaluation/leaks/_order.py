"""Row order, ids and dates: what stands in a table for other reasons than to predict."""

import re

import numpy as np
from scipy.special import gammaln
from scipy.stats import norm, rankdata

from skfuse.evaluation.leaks._report import LEAK, LOOK, clear, found, not_checked, number_of, shorten
from skfuse.evaluation.leaks._statistics import ALPHA, association, log_p_sorted

ID, ORDER, DATE = "id or row number", "row order", "date"
_ROWS = 1000  # in order there: candidates
_LEAST_STRENGTH = 0.04  # of the variance of ranks: a rank correlation of .2
_DATE_WORDS = re.compile(r"(?i)(?<![a-z])(date|datetime|timestamp|scandate|examdate|visitdate)(?![a-z])")
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")


def check_ids(data):
    """Look for columns that number the subjects.

    A column that rises (or falls) from row to row, or with the number in the subjects' ids; or whole numbers that are
    all different although they lie so close together that measurements would repeat (as likely as different birthdays);
    or text that is different in every row. Each with a probability below .001 over all columns. A leak where the column
    goes with the outcome (as under "row order"), else worth a look.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    n = len(data.y)
    log_columns = np.log(max(data.n_columns, 1))
    if np.log(2) - gammaln(n + 1) + log_columns > np.log(ALPHA):
        return not_checked(ID, f"with {n} subjects chance alone puts a column in order")
    numbers = _numbers_of_ids(data.ids)
    columns, telling = [], []
    for block in data.blocks:
        rows = block.screened_rows()
        if len(rows) < 6:
            continue
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _ROWS)).astype(int)]
        for start, piece in block.pieces(rows):
            for position in start + np.flatnonzero(_maybe_numbered(piece, None if numbers is None else numbers[rows])):
                x = block.column(position)
                if _is_number_of_rows(x, numbers, log_columns, block.texts[position]):
                    columns.append(block.names[position])
                    has = ~np.isnan(x)
                    if _goes_with(x[has], data.y[has], data.n_classes):
                        telling.append(block.names[position])
    if not columns:
        return clear(ID)
    evidence = (
        f"{number_of(len(columns), 'column')} number the subjects or follow the order of rows: {shorten(columns)}"
    )
    if telling:
        evidence += f"; {shorten(telling)} goes with the outcome"
    return found(
        ID,
        LEAK if telling else LOOK,
        evidence,
        "Leave ids and row numbers out of the modalities. If the table is sorted by a measurement, shuffle the rows.",
        columns=columns,
    )


def _numbers_of_ids(ids):
    """Give the last number in each id, where all ids have one and they differ."""
    found_numbers = [_LAST_NUMBER.search(str(label)) for label in ids]
    if not all(found_numbers):
        return None
    numbers = np.array([float(match.group()) for match in found_numbers])
    return numbers if len(np.unique(numbers)) == len(numbers) else None


def _maybe_numbered(piece, numbers):
    """Columns that are in the order of rows or of ids, or are different whole numbers."""
    maybe = np.zeros(piece.shape[1], dtype=bool)
    with np.errstate(invalid="ignore"):
        for order in [np.arange(len(piece))] if numbers is None else [np.arange(len(piece)), np.argsort(numbers)]:
            maybe |= _monotone(piece[order])
    whole = np.flatnonzero(~(piece != np.rint(piece))[: len(piece) // 2].any(axis=0))
    whole = whole[(np.isnan(piece[:, whole]) | (piece[:, whole] == np.rint(piece[:, whole]))).all(axis=0)]
    maybe[whole] |= (np.diff(np.sort(piece[:, whole], axis=0), axis=0) != 0).all(axis=0)
    return maybe & ((~np.isnan(piece)).sum(axis=0) >= 6)


def _monotone(piece):
    """Columns that rise, or fall, from each value to the next; missing cells are skipped."""
    alive = np.arange(piece.shape[1])
    for stop in (10, 50, len(piece)):  # nearly every column is out of order after a few rows
        last = piece[0, alive]
        rising, falling = np.ones((2, len(alive)), dtype=bool)
        for row in piece[1:stop, alive]:
            rising &= ~(row <= last)
            falling &= ~(row >= last)
            last = np.where(np.isnan(row), last, row)
        alive = alive[rising | falling]
    found_columns = np.zeros(piece.shape[1], dtype=bool)
    found_columns[alive] = True
    return found_columns


def _is_number_of_rows(x, numbers, log_columns, text):
    has = np.flatnonzero(~np.isnan(x))
    x = x[has]
    n = len(x)
    if n < 6 or len(np.unique(x)) < n:
        return False
    limit = np.log(ALPHA) - log_columns
    if text:
        return True
    for key in (has, None if numbers is None else numbers[has]):
        if key is not None and log_p_sorted(key, x) < limit:
            steps = np.diff(x[np.argsort(key)])
            if (steps > 0).all() or (steps < 0).all():
                return True
    # n draws from a range of R whole numbers are all different with a probability below exp(−n(n−1)/2R).
    return bool((x == np.rint(x)).all() and -n * (n - 1) / (2 * (np.ptp(x) + 1)) < limit)


def _goes_with(x, y, n_classes):
    strength, p = association(x, y, n_classes)
    if p < ALPHA and strength >= _LEAST_STRENGTH:
        return True
    # Cases in one stretch in the middle: neighbors in x are alike.
    order = np.argsort(x, kind="stable")
    likeness, p = _alike_neighbors(y[order], n_classes, np.zeros(len(x), dtype=int))
    return p < ALPHA and likeness >= 0.2


def check_row_order(data):
    """Look whether the order of rows tells the outcome, within sites where they are given.

    Either the outcome rises or falls along the table (at least 4 % of the variance of ranks, a correlation of .2, with
    p < .001), or neighbors are more alike or less alike than at random (by a fifth of the way to all alike, p < .001).
    Worth a look: it does no harm by itself, but folds must be shuffled, and whatever else follows the order of
    examination (a scanner that drifts) goes with the outcome.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    n = len(data.y)
    if n < 10:
        return not_checked(ORDER, f"with {n} subjects any order is likely")
    if np.ptp(data.y) == 0:
        return not_checked(ORDER, "the outcome is the same for all subjects")
    site = np.zeros(n, dtype=int) if data.site is None else data.site
    order = np.argsort(site, kind="stable")
    y, site = data.y[order], site[order]
    place = np.arange(n, dtype=np.float64)
    explained, p = _within_sites(place, y, site, data.n_classes)
    likeness, p_alike = _alike_neighbors(y, data.n_classes, site)
    parts = []
    if p < ALPHA / 2 and explained >= _LEAST_STRENGTH:
        parts.append("the outcome changes from the first rows to the last")
    if p_alike < ALPHA / 2 and abs(likeness) >= 0.2:
        parts.append(
            "neighboring rows have the same outcome more often than at random"
            if likeness > 0
            else "neighboring rows have different outcomes more often than at random"
        )
    if not parts:
        return clear(ORDER)
    within = " within sites" if data.site is not None else ""
    return found(
        ORDER,
        LOOK,
        f"{'; '.join(parts)}{within}",
        "Shuffle folds (the default here), keep the order and everything made from it out of the predictors.",
    )


def _within_sites(place, y, site, n_classes):
    """Association of the place in the table with the outcome, places being centered in every site."""
    counts = np.bincount(site)
    place = place - (np.bincount(site, weights=place) / np.maximum(counts, 1))[site]
    if n_classes == 0:
        ranks = rankdata(y)
        y = ranks - (np.bincount(site, weights=ranks) / np.maximum(counts, 1))[site]
        return association(place, y, 0)
    return association(place, y, n_classes)


def _alike_neighbors(y, n_classes, site):
    """How much more alike neighbors of one site are than random pairs of it (1: all alike), and the chance of it.

    For classes the share of equal neighbors, for numbers the correlation of neighbors' ranks; both with the variance
    under permutation within sites (approximately that of independent neighbors).
    """
    same_site = site[1:] == site[:-1]
    if same_site.sum() < 8:
        return 0.0, 1.0
    if n_classes:
        counts = np.zeros((site.max() + 1, n_classes))
        np.add.at(counts, (site, y), 1)
        size = counts.sum(axis=1)
        pairs = np.maximum(size * (size - 1), 1)
        expected = ((counts * (counts - 1)).sum(axis=1) / pairs)[site[1:]][same_site]
        equal = (y[1:] == y[:-1])[same_site]
        room = (1 - expected).sum()
        error = np.sqrt((expected * (1 - expected)).sum())
        excess = (equal - expected).sum()
        return float(excess / room) if room > 0 else 0.0, float(2 * norm.sf(abs(excess) / error)) if error > 0 else 1.0
    ranks = rankdata(y)
    ranks -= (np.bincount(site, weights=ranks) / np.maximum(np.bincount(site), 1))[site]
    correlation = float((ranks[1:] * ranks[:-1])[same_site].sum() / (ranks @ ranks)) if ranks.any() else 0.0
    return correlation, float(2 * norm.sf(abs(correlation) * np.sqrt(len(y))))


def check_dates(data):
    """Look for dates among the predictors.

    Columns of dates, text that reads as dates, whole numbers of the form yyyymmdd, day numbers (1920 to 2100) as Python
    and MATLAB count them, and columns called date. A leak where the date goes with the outcome (a rank correlation of
    .2, or alike neighbors in time, p < .001), else worth a look: no later subject has such a date.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    columns, telling = [], []
    for block in data.blocks:
        rows = block.screened_rows()
        maybe = block.dates.copy()
        if len(rows) >= 6:
            for start, piece in block.pieces(rows):
                maybe[start : start + piece.shape[1]] |= (piece > 690_000).any(axis=0) & (piece < 21_010_000).any(
                    axis=0
                )
        maybe |= np.array([_DATE_WORDS.search(name.replace("_", " ")) is not None for name in block.names], dtype=bool)
        for position in np.flatnonzero(maybe):
            x = block.column(position)
            has = ~np.isnan(x)
            named = _DATE_WORDS.search(block.names[position].replace("_", " ")) is not None
            if block.dates[position] or (named and not block.texts[position]) or _reads_as_date(x[has]):
                columns.append(block.names[position])
                if _goes_with(x[has], data.y[has], data.n_classes):
                    telling.append(block.names[position])
    if not columns:
        return clear(DATE)
    evidence = f"{number_of(len(columns), 'column')} of dates: {shorten(columns)}"
    if telling:
        evidence += f"; {shorten(telling)} goes with the outcome"
    return found(
        DATE,
        LEAK if telling else LOOK,
        evidence,
        "Leave dates out; keep what they mean, such as age or days since onset.",
        columns=columns,
    )


def _reads_as_date(x):
    if len(x) < 6 or len(np.unique(x)) < 3 or (x != np.rint(x)).any():
        return False
    year, month, day = x // 10_000, x // 100 % 100, x % 100
    valid = (year >= 1900) & (year <= 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    # Whole numbers at random pass with a probability of .04 each; float32 rounds some days to 0 or 32.
    if valid.mean() >= 0.9:
        return True
    # 1920 to 2100, as the ordinal of a date (days since the year 1; MATLAB counts 366 more).
    return bool((x >= 700_900).all() and (x <= 767_400).all() and np.ptp(x) <= 40_000)
