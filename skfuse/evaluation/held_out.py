"""Held-out predictions of all strategies on all splits, and how a score of them is estimated."""

from dataclasses import dataclass

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
    """

    y: np.ndarray
    task: str
    n_classes: int | None
    splits: list
    fits: dict
    present: object

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
            if prediction is not None and len(row):
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
        bounds = (0.0, 2.0) if score == "Brier" and (self.n_classes or 0) > 2 else BOUNDS[score]
        return self.interval(*self.folds(score, name, **which), bounds=bounds)

    def gain(self, score, name, versus, *, missing=None, keep=None):
        """Difference of two strategies on the same subjects, positive where the first is better.

        With `missing` the first predicts without that modality.
        """
        first = self.folds(score, name, missing=missing, keep=keep)
        second = self.folds(score, versus, keep=keep)
        sign = 1.0 if self.higher_is_better[score] else -1.0
        values = sign * (first[0] - second[0])
        influences = [sign * (a - b) for a, b in zip(first[1], second[1], strict=True)]
        return self.interval(values, influences, first[2], bounds=None)

    def interval(self, values, influences, rows, *, bounds):
        """The mean of fold values with its interval.

        There is none below two folds with a value, or where a class has one subject. Of one fixed split it is the
        interval over test subjects for the one model that predicted them.
        """
        defined = np.flatnonzero(~np.isnan(values))
        if not len(defined):
            return Estimate(np.nan, np.nan, np.nan)
        estimate, n_folds = float(np.mean(values[defined])), len(defined)
        tested = np.unique(np.concatenate([rows[j] for j in defined]))
        y = self.y[tested] if self.task == "classification" else None
        one_of_a_class = y is not None and np.unique(y, return_counts=True)[1].min() < 2
        if one_of_a_class or len(tested) < 3 or (n_folds < 2 and len(self.splits) > 1):
            return Estimate(estimate, np.nan, np.nan, n_folds=n_folds)
        # Only who was tested counts as a subject: a subset of the cohort is a smaller sample.
        place = np.full(len(self.y), -1)
        place[tested] = np.arange(len(tested))
        twice = defined if n_folds > 1 else np.repeat(defined, 2)  # an interval over subjects needs no second fold
        found = cross_validated_interval(
            values[twice],
            np.mean([len(self.splits[j].train) for j in twice]),
            np.mean([len(self.splits[j].test) for j in twice]),
            method=self.method,
            influences=[influences[j] for j in twice],
            rows=[place[rows[j]] for j in twice],
            n_subjects=len(tested),
            y=y,
            bounds=bounds,
        )
        return Estimate(estimate, found.lower, found.upper, found.p_value, n_folds, found.standard_error)

    def by_repeat(self, name):
        """Yield, for each repeat, the rows that were held out in it and their predictions."""
        for repeat in range(self.n_repeats()):
            chosen = [j for j, split in enumerate(self.splits) if split.repeat == repeat]
            rows = np.concatenate([self.splits[j].test for j in chosen])
            yield rows, np.concatenate([self.fits[name][j].prediction for j in chosen])

    def has(self, rows, modalities, *, every):
        """Who of some rows has every, or any, of some modalities."""
        table = self.present[list(modalities)].to_numpy()[rows]
        return table.all(axis=1) if every else table.any(axis=1)


def n_events(y, task):
    """Subjects of the smallest class, which limit what can be learned; all subjects for a continuous target."""
    if task == "regression":
        return len(y)
    counts = np.unique(y, return_counts=True)[1]
    return int(counts.min()) if len(counts) > 1 else 0
