"""What a decision by the model would bring: curves, net benefit, sensitivity and predictive values at a threshold."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from skfuse.evaluation.statistics import classification_at, delong_test, net_benefit

ROC = ["strategy", "false_positive_rate", "sensitivity"]
PRECISION = ["strategy", "recall", "precision"]
NET = ["strategy", "threshold", "net_benefit"]
THRESHOLDS = [
    "strategy",
    "rule",
    "threshold",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "prevalence",
    "ppv_at_prevalence",
    "npv_at_prevalence",
]
DELONG = ["strategy", "versus", "auc", "auc_versus", "difference", "lower", "upper", "p"]
_GRID = np.linspace(0, 1, 101)


def curves(held, strategies, notes):
    """ROC curves, mean over the folds, and precision over recall, mean over the repeats, on a grid.

    Returns
    -------
    tables : dict of str to DataFrame
        ``roc`` and ``precision_recall``.
    """
    roc, precision = [], []
    for name, about in strategies.items() if _binary(held) else ():
        if about["family"] == "baseline":
            continue
        sensitivity = _mean_roc(held, name)
        if sensitivity is None:
            notes.append(f"ROC curve: no fold of {name} has both classes.")
            continue
        roc += [(name, x, y) for x, y in zip(_GRID, sensitivity, strict=True)]
        mean = np.mean([_precision_at(held.y[rows], p[:, 1]) for rows, p in held.by_repeat(name)], axis=0)
        precision += [(name, x, y) for x, y in zip(_GRID[1:], mean, strict=True)]
    return {"roc": pd.DataFrame(roc, columns=ROC), "precision_recall": pd.DataFrame(precision, columns=PRECISION)}


def net_benefits(held, strategies):
    """Net benefit per subject at thresholds from .01 to .99, mean over repeats, beside treating all and none."""
    if not _binary(held):
        return pd.DataFrame(columns=NET)
    thresholds = _GRID[1:-1]
    rows = []
    for name, about in strategies.items():
        if about["family"] == "baseline":
            continue
        found = [net_benefit(held.y[rows_], p[:, 1], thresholds) for rows_, p in held.by_repeat(name)]
        mean = np.mean([one.model for one in found], axis=0)
        rows += [(name, x, y) for x, y in zip(thresholds, mean, strict=True)]
    # On the same rows as the models: a fixed split may test other subjects than most.
    tested = [rows_ for rows_, _ in held.by_repeat(next(iter(strategies)))]
    everyone = [net_benefit(held.y[rows_], np.full(len(rows_), 0.5), thresholds).treat_all for rows_ in tested]
    everyone = np.mean(everyone, axis=0)
    rows += [("treat all", x, y) for x, y in zip(thresholds, everyone, strict=True)]
    rows += [("treat none", x, 0.0) for x in thresholds]
    return pd.DataFrame(rows, columns=NET)


def thresholds(held, strategies, prevalence, notes):
    """Sensitivity, specificity and predictive values at thresholds that were fixed in inner folds.

    Of the first repeat, in which every subject is held out once; counts are summed over its folds.
    """
    if not _binary(held):
        return pd.DataFrame(columns=THRESHOLDS)
    stated = float(np.mean(held.y)) if prevalence is None else prevalence
    rows = []
    for name, about in strategies.items():
        if about["family"] == "baseline":
            continue
        first = [(s, f) for s, f in zip(held.splits, held.fits[name], strict=True) if s.repeat == 0]
        chosen = np.array([fit.threshold for _, fit in first])
        if np.isnan(chosen).any():
            notes.append(f"Thresholds: {name} has too few of a class in the inner folds to fix one.")
            continue
        y = np.concatenate([held.y[split.test] for split, _ in first])
        if len(np.unique(y)) < 2:
            continue
        # Beyond its threshold by how much, so that folds with different thresholds are counted together.
        margin = np.concatenate([fit.prediction[:, 1] >= fit.threshold for _, fit in first]).astype(float)
        found = classification_at(y, margin, 0.5, prevalence=stated)
        values = [found.sensitivity, found.specificity, found.ppv, found.npv, stated]
        rows.append((name, "youden", chosen.mean(), *values, found.ppv_at_prevalence, found.npv_at_prevalence))
    return pd.DataFrame(rows, columns=THRESHOLDS)


def delong_table(held, strategies, reference):
    """DeLong's test against the reference, only where there is one fixed split: folds are different models."""
    # It takes rows for independent, so not with visits of a person either.
    if len(held.splits) != 1 or not _binary(held) or held.groups is not None:
        return pd.DataFrame(columns=DELONG)
    y = held.y[held.splits[0].test]
    rows = []
    for name, about in strategies.items():
        if name == reference or about["family"] == "baseline" or np.bincount(y, minlength=2).min() < 2:
            continue
        found = delong_test(y, held.fits[name][0].prediction[:, 1], held.fits[reference][0].prediction[:, 1])
        rows.append(
            (name, reference, found.auc_a, found.auc_b, found.difference, found.lower, found.upper, found.p_value)
        )
    return pd.DataFrame(rows, columns=DELONG)


def _binary(held):
    """Whether there are two classes, and both were tested."""
    two = held.task == "classification" and held.n_classes == 2
    return two and bool(held.by_repeat(next(iter(held.fits))))


def _mean_roc(held, name):
    found = []
    for split, fit in zip(held.splits, held.fits[name], strict=True):
        y = held.y[split.test]
        if len(np.unique(y)) == 2:
            false_positive, sensitivity, _ = roc_curve(y, fit.prediction[:, 1])
            found.append(np.interp(_GRID, false_positive, sensitivity))
    return np.mean(found, axis=0) if found else None


def _precision_at(y, p):
    """Precision at each recall of the grid but 0: the best that is reached with at least that recall."""
    precision, recall, _ = precision_recall_curve(y, p)
    best = np.maximum.accumulate(precision)  # from the largest recall to the smallest
    return best[len(recall) - 1 - np.searchsorted(recall[::-1], _GRID[1:] - 1e-12)]
