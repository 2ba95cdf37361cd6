"""Do predicted probabilities mean what they say: slope, intercept, ICI and the smooth curve."""

import warnings

import numpy as np
import pandas as pd

from skfuse.evaluation.statistics import (
    ClippedProbabilityWarning,
    calibration,
    calibration_regression,
    smooth_calibration_curve,
)

COLUMNS = [
    "strategy",
    "intercept",
    "slope",
    "ici",
    "e50",
    "e90",
    "emax",
    "brier",
    "observed_expected",
    "n_repeats",
]
CURVE = ["strategy", "predicted", "observed"]
_GRID = 51
#: Events, and non-events, below which a smooth curve would be noise.
FEWEST_EVENTS = 50


def calibration_tables(held, strategies, notes):
    """Calibration of each repeat, averaged over the repeats; the baseline without predictors has none.

    Returns
    -------
    tables : dict of str to DataFrame
        ``calibration`` and ``calibration_curve``.
    """
    empty = {"calibration": pd.DataFrame(columns=COLUMNS), "calibration_curve": pd.DataFrame(columns=CURVE)}
    if held.task == "classification" and held.n_classes > 2:
        notes.append("Calibration, curves and decisions: for two classes only; log loss and Brier stand in the scores.")
        return empty
    told = [name for name, about in strategies.items() if about["family"] != "baseline"]
    if not held.by_repeat(next(iter(strategies))):
        notes.append("Calibration, curves and decisions: only one class was tested.")
        return empty
    if held.task == "regression":
        rows = [(name, *_mean(_regression(held, name))) for name in told]
        return empty | {"calibration": pd.DataFrame(rows, columns=COLUMNS[:3])}
    enough = min(_fewest(held, rows) for rows, _ in held.by_repeat(told[0])) >= FEWEST_EVENTS if told else False
    if told and not enough:
        notes.append("Calibration: fewer than 50 events or non-events, so that a curve and its ICI would be noise.")
    rows, curves = [], []
    for name in told:
        repeats = [(held.y[rows_], p[:, 1]) for rows_, p in held.by_repeat(name)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ClippedProbabilityWarning)  # said in the notes instead
            found = [calibration(y, p) for y, p in repeats]
        clipped = sum(one.n_clipped for one in found)
        if clipped:
            notes.append(f"Calibration of {name}: {clipped} probabilities of 0 or 1 were moved inside by a hair.")
        rows.append((name, *_mean([_parts(one) for one in found]), len(found)))
        curves += _curve(name, repeats) if enough else []
    return {
        "calibration": pd.DataFrame(rows, columns=COLUMNS),
        "calibration_curve": pd.DataFrame(curves, columns=CURVE),
    }


def _fewest(held, rows):
    return int(np.bincount(held.y[rows], minlength=2).min())


def _parts(found):
    return [getattr(found, name) for name in COLUMNS[1:-1]]


def _mean(repeats):
    """Mean over the repeats in which a number is defined; NaN where it never is."""
    table = np.array(repeats, dtype=float)
    defined = ~np.isnan(table)
    total = np.where(defined, table, 0.0).sum(axis=0)
    return np.where(defined.any(axis=0), total / np.maximum(defined.sum(axis=0), 1), np.nan).tolist()


def _regression(held, name):
    found = [calibration_regression(held.y[rows], prediction) for rows, prediction in held.by_repeat(name)]
    return [(one.mean_error, one.slope) for one in found]  # in the large: how far predictions are off on the whole


def _curve(name, repeats):
    """The smooth curve on a grid within what all repeats predicted, averaged; no subject can be read from it."""
    low = max(np.quantile(p, 0.01) for _, p in repeats)
    high = min(np.quantile(p, 0.99) for _, p in repeats)
    if not high > low:
        return []
    grid = np.linspace(low, high, _GRID)
    observed = np.mean([smooth_calibration_curve(y, p, at=grid)[1] for y, p in repeats], axis=0)
    return [(name, x, y) for x, y in zip(grid, observed, strict=True)]
