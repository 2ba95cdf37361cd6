"""Held-out predictions of all strategies on all splits, and how a score of them is estimated."""

from dataclasses import dataclass, replace

import numpy as np

from skfuse.evaluation.scores import SCORES, score_predictions
from skfuse.evaluation.statistics import cross_validated_interval

#: Smallest and largest value of each score, for limits that stay inside.
BOUNDS = {
    "AUC": (0.0, 1.0),
    "log loss": (0.0, np.inf),
    "Brier": (0.0, 1.0),
    "accuracy": (0.0, 1.0),
    "F1": (0.0, 1.0),
    "R2": (-np.inf, 1.0),
    "RMSE": (0.0, np.inf),
    "r": (-1.0, 1.0),
}


@dataclass(frozen=True)
class Estimate:
    """A score over folds, or a difference of two: its mean and its 95 % interval (NaN where there can be none)."""

    value: float
    lower: float
    upper: float
    p: float = np.nan
    n_folds: int = 0
    standard_error: float = np.nan


@dataclass
class HeldOut:
    """What every strategy predicted for subjects that it had not seen.

    Parameters
    ----------
    y : ndarray of shape (n_subjects,)
        Positions of the classes, or the continuous target.
    task : {"classification", "regression"}
    n_classes : int or None
    splits : list of Split
        The outer splits.
    fits : dict of str to list of Fit
        Per strategy, in the order of `splits`.
    present : DataFrame of shape (n_subjects, n_modalities), bool
        Who has what.
    groups : ndarray of int of shape (n_subjects,) or None
        Rows of one group (visits of a person) are one unit: of intervals, and where events are counted.
    """

    y: np.ndarray
    task: str
    n_classes: int | None
    splits: list
    fits: dict
    present: object
    groups: np.ndarray | None = None

    def __post_init__(self):
        self._cells = {}
        #: Of the intervals; one fixed split has one model, whose training cannot vary.
        self.method = "subject" if len(self.splits) == 1 else "test-and-train"

    @property
    def higher_is_better(self):
        """Whether more is better, per score."""
        return SCORES[self.task]

    def n_repeats(self):
        """Repeats in which every fold was done; 1 where `cv` holds out no subject twice."""
        return max(split.repeat for split in self.splits) + 1

    def folds(self, score, name, *, missing=None, keep=None):
        """Value, influences and rows of a score on every split.

        Parameters
        ----------
        score : str
        name : str
            Strategy.
        missing : str or None
            Take the predictions made without this modality.
        keep : list of ndarray of bool, or None
            For every split, the test subjects that count.

        Returns
        -------
        values : ndarray of shape (n_splits,)
            NaN where the score is undefined.
        influences, rows : list of ndarray
        """
        key = (score, name, missing) if keep is None else None
        if key is not None and key in self._cells:
            return self._cells[key]
        values, influences, rows = [], [], []
        for number, (split, fit) in enumerate(zip(self.splits, self.fits[name], strict=True)):
            prediction = fit.prediction if missing is None else fit.missing.get(missing)
            chosen = slice(None) if keep is None else np.flatnonzero(keep[number])
            y, row = self.y[split.test][chosen], split.test[chosen]
            value, effect = np.nan, np.zeros(len(row))
            if prediction is not None and len(row) and not fit.failed:
                value, effect = self.score(score, y, prediction[chosen])
            values.append(value)
            influences.append(effect)
            rows.append(row)
        found = np.array(values), influences, rows
        if key is not None:
            self._cells[key] = found
        return found

    def score(self, score, y, prediction):
        """One score of some predictions, and the influence of each subject on it (zeros where it is undefined)."""
        return score_predictions(score, y, prediction, self.n_classes)

    def estimate(self, score, name, **which):
        """A score with its interval."""
        return self.interval(*self.folds(score, name, **which), bounds=self.bounds(score))

    def bounds(self, score):
        """Smallest and largest value of a score; Brier is a sum over classes where there are more than two."""
        return (0.0, 2.0) if score == "Brier" and (self.n_classes or 0) > 2 else BOUNDS[score]

    def gain(self, score, name, versus, *, missing=None, keep=None):
        """Difference of two strategies on the same subjects, positive where the first is better.

        With `missing` the first predicts without that modality.
        """
        first = self.folds(score, name, missing=missing, keep=keep)
        second = self.folds(score, versus, keep=keep)
        sign = 1.0 if self.higher_is_better[score] else -1.0
        values = sign * (first[0] - second[0])
        influences = [sign * (a - b) for a, b in zip(first[1], second[1], strict=True)]
        found = self.interval(values, influences, first[2], bounds=None)
        low, high = self.bounds(score)
        if np.isfinite([low, high]).all() and np.isfinite(found.lower):  # no two scores are further apart
            limits = np.clip([found.lower, found.upper], low - high, high - low)
            found = replace(found, lower=float(limits[0]), upper=float(limits[1]))
        return found

    def interval(self, values, influences, rows, *, bounds):
        """The mean of fold values with its interval.

        There is none below two folds with a value, or where a class has one subject. Of one fixed split it is the
        interval over test subjects for the one model that predicted them.
        """
        defined = np.flatnonzero(~np.isnan(values))
        if not len(defined):
            return Estimate(np.nan, np.nan, np.nan)
        estimate, n_folds = float(np.mean(values[defined])), len(defined)
        influences, units, y = self.in_units([influences[j] for j in defined], [rows[j] for j in defined])
        one_of_a_class = y is not None and np.unique(y, return_counts=True)[1].min() < 2
        n_units = max(int(unit.max()) for unit in units) + 1
        if one_of_a_class or n_units < 3 or (n_folds < 2 and len(self.splits) > 1):
            return Estimate(estimate, np.nan, np.nan, n_folds=n_folds)
        if n_folds == 1:  # an interval over subjects needs no second fold: the same one twice
            defined, influences, units = np.repeat(defined, 2), influences * 2, units * 2
        found = cross_validated_interval(
            values[defined],
            np.mean([len(self.splits[j].train) for j in defined]),
            np.mean([len(self.splits[j].test) for j in defined]),
            method=self.method,
            influences=influences,
            rows=units,
            n_subjects=n_units,
            y=y,
            bounds=bounds,
        )
        return Estimate(estimate, found.lower, found.upper, found.p_value, n_folds, found.standard_error)

    def in_units(self, influences, rows):
        """Influences of what is independent: subjects, or groups of rows.

        Only who was tested counts: a subset of the cohort is a smaller sample.

        Parameters
        ----------
        influences, rows : list of ndarray
            Per fold, of each tested row.

        Returns
        -------
        influences, units : list of ndarray
            Per fold, of each tested unit; units are numbered from 0. What the rows of a group do adds up.
        y : ndarray of shape (n_units,) or None
            Class of each unit; None where there are no classes, or a group holds several.
        """
        tested = np.unique(np.concatenate(rows))
        groups = np.arange(len(self.y)) if self.groups is None else self.groups
        number = np.full(len(self.y), -1)
        number[tested] = np.unique(groups[tested], return_inverse=True)[1]
        summed, units = [], []
        for effect, row in zip(influences, rows, strict=True):
            unit, place = np.unique(number[row], return_inverse=True)
            # The mean over rows becomes a mean over units.
            summed.append(np.bincount(place, effect) * len(unit) / max(len(row), 1))
            units.append(unit)
        if self.task == "regression":
            return summed, units, None
        y = np.zeros(number.max() + 1, dtype=int)
        y[number[tested]] = self.y[tested]
        return summed, units, y if (y[number[tested]] == self.y[tested]).all() else None

    def n_events(self, rows=slice(None)):
        """Units of the smallest class among some rows, which limit what can be learned; all units without classes."""
        rows = np.arange(len(self.y))[rows]
        groups = rows if self.groups is None else self.groups[rows]
        if self.task == "regression":
            return len(np.unique(groups))
        counts = [len(np.unique(groups[self.y[rows] == label])) for label in np.unique(self.y[rows])]
        return min(counts) if len(counts) > 1 else 0

    def by_repeat(self, name):
        """Rows that were held out in each repeat, and their predictions; not of repeats that tested one class only.

        Returns
        -------
        repeats : list of (rows, prediction)
        """
        found = []
        for repeat in range(self.n_repeats()):
            chosen = [j for j, split in enumerate(self.splits) if split.repeat == repeat]
            rows = np.concatenate([self.splits[j].test for j in chosen])
            if self.task == "regression" or len(np.unique(self.y[rows])) == self.n_classes:
                found.append((rows, np.concatenate([self.fits[name][j].prediction for j in chosen])))
        return found

    def has(self, rows, modalities, *, every):
        """Who of some rows has every, or any, of some modalities."""
        table = self.present[list(modalities)].to_numpy()[rows]
        return table.all(axis=1) if every else table.any(axis=1)
