"""Scores of every fold, and their mean with its interval."""

import numpy as np
import pandas as pd

from skfuse.evaluation.scores import SCORES

FOLDS = ["strategy", "repeat", "fold", "n_train", "n_test", "score", "value"]
SUMMARY = ["strategy", "family", "score", "estimate", "sd", "lower", "upper", "n_folds"]


def fold_scores(held, strategies):
    """One row per strategy, split and score; the value of a fold that tests a single subject is not told."""
    rows = []
    for name in strategies:
        found = {score: held.folds(score, name)[0] for score in SCORES[held.task]}
        for number, split in enumerate(held.splits):
            place = (name, split.repeat, split.fold, len(split.train), len(split.test))
            told = len(split.test) > 1
            rows += [(*place, score, values[number] if told else np.nan) for score, values in found.items()]
    return pd.DataFrame(rows, columns=FOLDS)


def summary(held, strategies):
    """One row per strategy and score: mean over folds, their standard deviation, 95 % interval of the mean."""
    rows = []
    for name, about in strategies.items():
        for score in SCORES[held.task]:
            values = held.folds(score, name)[0]
            found = held.estimate(score, name)
            sd = np.nanstd(values, ddof=1) if np.isfinite(values).sum() > 1 else np.nan
            rows.append((name, about["family"], score, found.value, sd, found.lower, found.upper, found.n_folds))
    return pd.DataFrame(rows, columns=SUMMARY)
