"""The target in a column: as it is, recoded, transformed, with noise, or as a sum of columns."""

from itertools import pairwise

import numpy as np

from skfuse.evaluation.leaks._report import LEAK, LOOK, clear, found, not_checked, number_of, shorten
from skfuse.evaluation.leaks._statistics import (
    ALPHA,
    auc,
    class_ranges,
    distance_of_auc,
    log_multinomial,
    log_p_distance,
    log_p_function,
    log_p_separated,
    log_p_sorted,
    spearman,
)

COPIED, TRANSFORMED, NOISY, SUMMED = (
    "target copied",
    "target transformed",
    "noisy copy of the target",
    "target a sum of columns",
)
_EXCELLENT = distance_of_auc(0.99)  # a real predictor may be as good as this
_LOG_P_EXCELLENT = np.log(1e-4)  # not corrected over columns: few are anywhere near excellent
_NOISY_AUC = 0.995
_NOISY_RANK, _EXCELLENT_RANK = 0.98, 0.95
_EXACT = 1e-6  # of the range: float32 and six significant digits pass
_MOST_LEVELS = 20
_ADVICE = (
    "Leave the column out unless it is known before the outcome; it predicts the outcome because it is made from it."
)


def check_copies(data):
    """Look in every column, also of covariates, for the target itself; three checks, each column in at most one.

    All columns are looked at on at least 128 subjects, those that stand out there on all subjects.

    Classes. *Copied*: every class has one value, or every level of the column one class, which permuted labels reach
    with a probability below .001 over all columns. *Transformed*: a cut-off (or several, for ordered classes) tells
    the classes apart without one error, in so many subjects that a predictor of AUC .99 would do so once in 10,000
    times (100 of each class; from once in 1,000 times on it is worth a look). *Noisy copy*: clusters further apart
    than those of AUC .99 (noncentral t, p < .0001) with an AUC of at least .995; below that AUC (a binary column that
    agrees with the target in 97 %) it is worth a look only. AUC .99, a d' of 3.3, is the best that we would believe
    of a real predictor.

    Numbers. *Copied*: a straight line through the target, to 1e-6 of the range. *Transformed*: never falls (or never
    rises) while the target rises, with an exact p below .001 over all columns. *Noisy copy*: a rank correlation of at
    least .98, and above .95 with p < .0001.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    findings : list of Finding
    columns : set of str
        All columns found.
    """
    reason = _too_few(data)
    if reason:
        return [not_checked(name, reason) for name in (COPIED, TRANSFORMED, NOISY)], set()
    judge = _judge_classes if data.n_classes else _judge_numbers
    kinds = {COPIED: [], TRANSFORMED: [], NOISY: []}
    strong = []
    for block in data.blocks:
        for position in _candidates(block, data):
            x = block.column(position)
            has = ~np.isnan(x)
            kind, level = judge(x[has], data.y[has], np.log(data.n_columns))
            if kind:
                kinds[kind].append(block.names[position])
                strong += [block.names[position]] * (level == LEAK)
    seen = {
        COPIED: "determine the outcome exactly",
        TRANSFORMED: "give the outcome without an error by a cut-off"
        if data.n_classes
        else "rise or fall with it always",
        NOISY: "follow the outcome more closely than a real predictor can",
    }
    findings = []
    for kind, columns in kinds.items():
        if not columns:
            findings.append(clear(kind))
            continue
        level = LEAK if set(columns) & set(strong) else LOOK
        evidence = f"{number_of(len(columns), 'column')} {seen[kind]}: {shorten(columns)}"
        findings.append(found(kind, level, evidence, _ADVICE, columns=columns))
    return findings, {column for columns in kinds.values() for column in columns}


def _too_few(data):
    """Say why not even an exact copy of the target could be told from chance; empty where it could."""
    if np.ptp(data.y) == 0:
        return "the outcome is the same for all subjects"
    counts = np.unique(data.y, return_counts=True)[1]
    log_p = log_p_function(counts, counts) if data.n_classes else np.log(2) - log_multinomial(counts)
    if log_p + np.log(data.n_columns) > np.log(ALPHA):
        return f"with {len(data.y)} subjects chance alone makes a column that looks like the outcome"
    return ""


def _candidates(block, data):
    """Positions of columns that may be the target, from a first look at some subjects."""
    rows = block.screened_rows(data.y)
    if len(rows) < 4:
        return
    screen = _screen_classes if data.n_classes else _screen_numbers
    for start, piece in block.pieces(rows):
        few = (~np.isnan(piece)).sum(axis=0) < 4 if len(rows) < block.present.sum() else False
        yield from start + np.flatnonzero(screen(piece, data.y[rows], data.n_classes) | few)


def _screen_classes(piece, y, n_classes):
    low, high, between = class_ranges(piece, y, n_classes)
    order = np.argsort(low, axis=0)
    low, high = np.take_along_axis(low, order, axis=0), np.take_along_axis(high, order, axis=0)
    sorted_by_class = (high[:-1] <= low[1:]).all(axis=0)
    maybe = (between >= 0.5) | (sorted_by_class & (between > 0))
    # Few whole numbers: codes, of which each may mean one class in any order.
    least, largest = low.min(axis=0), high.max(axis=0)
    spread = np.subtract(largest, least, out=np.zeros(len(least)), where=np.isfinite(least))
    whole = np.flatnonzero((spread > 0) & (spread <= _MOST_LEVELS))
    whole = whole[(np.isnan(piece[:, whole]) | (piece[:, whole] == np.rint(piece[:, whole]))).all(axis=0)]
    if len(whole):
        one_hot = (y[:, None] == np.arange(n_classes)).astype(np.float64)
        shifted = piece[:, whole] - least[whole]
        pure = np.ones(len(whole), dtype=bool)
        for level in range(int(spread[whole].max()) + 1):
            pure &= ((one_hot.T @ (shifted == level)) > 0).sum(axis=0) <= 1
        maybe[whole] |= pure
    return maybe


def _screen_numbers(piece, y, n_classes):
    # Each subject of the lower half of the target against one of the upper half, far away in the target: a copy,
    # even with noise, puts nearly every pair in order, whatever its scale and its outliers.
    order = np.argsort(y, kind="stable")
    half = len(order) // 2
    signs = np.sign(np.nan_to_num(piece[order[-half:]] - piece[order[:half]]))
    decided = np.abs(signs).sum(axis=0)
    return np.abs(signs.sum(axis=0)) >= np.maximum(0.8 * decided, 1)


def _judge_classes(x, y, log_columns):
    """Return (check, level) of one column against classes; (None, "") where it is none of them."""
    y = np.unique(y, return_inverse=True)[1]
    n_classes = y.max(initial=0) + 1
    if n_classes < 2 or np.ptp(x) == 0:
        return None, ""
    values, levels = np.unique(x, return_inverse=True)
    counts = np.bincount(y)
    low, high, _ = class_ranges(x[:, None], y, n_classes)
    low, high = low[:, 0], high[:, 0]
    limit = np.log(ALPHA) - log_columns
    if np.max(high - low) <= _EXACT * np.ptp(x):
        level_of_class = np.unique(np.rint((low - low.min()) / np.ptp(x) / _EXACT / 10), return_inverse=True)[1]
        if log_p_function(counts, np.bincount(level_of_class[y])) < limit:
            return COPIED, LEAK
    if len(values) <= min(_MOST_LEVELS, len(x) // 5):
        table = np.zeros((len(values), n_classes))
        np.add.at(table, (levels, y), 1)
        if ((table > 0).sum(axis=1) == 1).all() and log_p_function(np.bincount(levels), counts) < limit:
            return COPIED, LEAK
    order = np.argsort([x[y == k].mean() for k in range(n_classes)])
    groups = [x[y == k] for k in order]
    pairs = list(pairwise(groups))
    if all(log_p_distance(one, two, _EXCELLENT) < _LOG_P_EXCELLENT for one, two in pairs):
        return NOISY, LEAK if min(auc(one, two) for one, two in pairs) >= _NOISY_AUC else LOOK
    if all(one.max() < two.min() for one, two in pairs):
        log_p = max(log_p_separated(len(one), len(two), _EXCELLENT) for one, two in pairs)
        if log_p < np.log(1e-3):
            return TRANSFORMED, LEAK if log_p < _LOG_P_EXCELLENT else LOOK
    return None, ""


def _judge_numbers(x, y, log_columns):
    """Return (check, level) of one column against a continuous target; (None, "") where it is none of them."""
    n = len(x)
    if n < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None, ""
    limit = np.log(ALPHA) - log_columns
    in_order = log_p_sorted(y, x) < limit
    design = np.column_stack([np.ones(n), (y - y.mean()) / y.std()])
    fitted = design @ np.linalg.lstsq(design, x, rcond=None)[0]
    if in_order and np.abs(x - fitted).max() <= _EXACT * np.ptp(x):
        return COPIED, LEAK
    correlation = spearman(x, y)
    ordered = x[np.lexsort((x if correlation > 0 else -x, y))]
    if in_order and (np.diff(ordered) * np.sign(correlation) >= 0).all():
        return TRANSFORMED, LEAK
    if abs(correlation) >= _NOISY_RANK and n > 4:
        # Fisher's z of a rank correlation, with the variance of Fieller and others (1957).
        error = np.sqrt(1.06 / (n - 3))
        z = (np.arctanh(min(abs(correlation), 1 - 1e-12)) - np.arctanh(_EXCELLENT_RANK)) / error
        if z > 3.72:  # p < .0001
            return NOISY, LEAK
    return None, ""


def check_sums(data, columns):
    """Look for a target that is an exact sum (any linear combination) of the columns of one modality.

    Least squares on the subjects who have all cells, in blocks of fewer than half as many columns as such subjects,
    scored on the subjects left out in five folds. R² of at least .995 is more than a measured outcome can have: it
    is a total score beside its items. Columns that are copies by themselves are left out first.

    Parameters
    ----------
    data : Inputs
    columns : set of str
        Copies of the target.

    Returns
    -------
    finding : Finding
    """
    blocks, looked, skipped = [], 0, []
    for block in data.modalities:
        wanted = np.array([name not in columns for name in block.names], dtype=bool)
        if wanted.sum() < 2:
            continue
        if 2 * wanted.sum() >= block.present.sum():
            skipped.append(block.name)
            continue
        values = block.values[:, wanted]
        rows = np.flatnonzero(np.isfinite(values).all(axis=1))
        if len(rows) <= 2 * wanted.sum() + 10:
            skipped.append(block.name)
            continue
        looked += 1
        if _explained_out_of_fold(values[rows].astype(np.float64), data.y[rows], data.n_classes) >= 0.995:
            blocks.append(block.name)
    if blocks:
        return found(
            SUMMED,
            LEAK,
            f"the outcome is a linear combination of the columns of {shorten(blocks)}",
            "A total score beside its items: leave the items out, or say that the outcome is defined by them.",
            columns=blocks,
        )
    aside = f"not in {shorten(skipped)}: too many columns for so few complete subjects" if skipped else ""
    return clear(SUMMED, aside) if looked else not_checked(SUMMED, aside or "there is no block of two or more columns")


def _explained_out_of_fold(values, y, n_classes):
    """R² on subjects left out; the best of each class against the rest and of the numbered classes."""
    targets = y[:, None].astype(np.float64)
    if n_classes > 2:
        targets = np.hstack([targets, y[:, None] == np.arange(n_classes)])
    targets = targets[:, np.ptp(targets, axis=0) > 0]
    if not targets.shape[1]:
        return 0.0
    scale = values.std(axis=0)
    values = (values - values.mean(axis=0))[:, scale > 0] / scale[scale > 0]
    design = np.column_stack([np.ones(len(values)), values])
    fold = np.random.default_rng(0).permutation(len(y)) % 5
    gram, moments = design.T @ design, design.T @ targets
    left = np.empty_like(targets)
    for number in range(5):
        test = fold == number
        held = design[test]
        # Normal equations of the training subjects, by taking the others away; the small ridge is for copies.
        inner = gram - held.T @ held
        inner[np.diag_indices_from(inner)] += 1e-9 * len(y)
        left[test] = targets[test] - held @ np.linalg.solve(inner, moments - held.T @ targets[test])
        if number == 0 and not (_share_left(left[test], targets[test]) < 0.1).any():
            return 0.0  # one fold is enough to see that there is no exact sum
    return float(1 - _share_left(left, targets).min())


def _share_left(left, targets):
    return (left**2).sum(axis=0) / np.maximum(((targets - targets.mean(axis=0)) ** 2).sum(axis=0), 1e-300)
