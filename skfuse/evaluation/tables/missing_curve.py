"""Rows of a missing-modality curve: score and calibration in every condition, and the paired change to complete."""

import warnings

import numpy as np
from scipy.special import expit, logit

from skfuse.evaluation.held_out import Estimate, HeldOut
from skfuse.evaluation.scores import SCORES
from skfuse.evaluation.splits import Split
from skfuse.evaluation.statistics import ClippedProbabilityWarning, calibration, calibration_regression
from skfuse.evaluation.statistics._calibration import CLIP, _intercept

COLUMNS = [
    "modality",
    "kind",
    "rate",
    "share_without",
    "score",
    "estimate",
    "lower",
    "upper",
    "change",
    "change_lower",
    "change_upper",
    "n_subjects",
    "refused",
]
#: Name of the one estimator among the held-out predictions, and key of what is predicted without any modality. Keys
#: hold None where there is no rate: NaN is not equal to itself, nor found again after a trip to another process.
MODEL = "model"
PRIOR = ("prior", "none", None)
CALIBRATION = ("calibration intercept", "calibration slope")
_NONE = Estimate(np.nan, np.nan, np.nan)


def n_removed(n_present, rate):
    """How many of those who have a modality lose it."""
    return int(np.floor(rate * n_present + 0.5))


def refused_cells(refusals):
    """What is said of a condition that some fold refused.

    Parameters
    ----------
    refusals : list of dict
        Per fold, condition to message.

    Returns
    -------
    cells : dict of condition to str
    """
    cells = {}
    for key in dict.fromkeys(key for fold in refusals for key in fold):
        said = [fold[key] for fold in refusals if key in fold]
        where = "" if len(said) == len(refusals) else f" in {len(said)} of {len(refusals)} folds"
        cells[key] = f"refused{where}: {said[0]}"
    return cells


def rows(held, modalities, rates, refused):
    """One row per condition and score.

    Parameters
    ----------
    held : HeldOut
        Predictions of ``MODEL``, with one in ``missing`` per condition.
    modalities : list of str
    rates : tuple of float
    refused : dict of condition to str

    Returns
    -------
    found : list of dict
        Keys as `COLUMNS`. A change is the estimate of the condition less that of the same subjects as they are.
    """
    conditions = [(("complete", "all", 0.0), None), (PRIOR, None)]
    for name in modalities:
        has = [held.present[name].to_numpy()[split.test] for split in held.splits]
        conditions += [(("removed", name, rate), None) for rate in rates] + [(("alone", name, None), has)]
    found = []
    for key, keep in conditions:
        kind, modality, rate = key
        missing = None if kind == "complete" else key
        cells = {} if key in refused else _cells(held, missing, keep)
        calibrated = _has_calibration(held) and kind != "prior"  # one value for all has no slope
        for score in [*SCORES[held.task], *(CALIBRATION if calibrated else ())]:
            estimate, change = cells.get(score, (_NONE, _NONE))
            row = (
                modality,
                kind,
                np.nan if rate is None else rate,
                _share_without(held, key),
                score,
                estimate.value,
                estimate.lower,
            )
            row += (estimate.upper, change.value, change.lower, change.upper, _n_subjects(held, keep))
            found.append(dict(zip(COLUMNS, (*row, refused.get(key, "")), strict=True)))
    return found


def _cells(held, missing, keep):
    """Estimate and change of every score."""
    cells = {}
    for score in SCORES[held.task]:
        gain = held.gain(score, MODEL, MODEL, missing=missing, keep=keep)
        change = gain if held.higher_is_better[score] else _negative(gain)
        cells[score] = held.estimate(score, MODEL, missing=missing, keep=keep), change
    return cells | (_calibration_cells(held, missing, keep) if _has_calibration(held) else {})


def _negative(found):
    return Estimate(-found.value, -found.upper, -found.lower, found.p, found.n_folds, found.standard_error)


def _share_without(held, key):
    """Share of the test subjects who lack the modality of a condition."""
    kind, modality, rate = key
    if kind not in ("removed", "alone"):
        return np.nan
    if kind == "alone":
        return 0.0
    has = [int(held.present[modality].to_numpy()[split.test].sum()) for split in held.splits]
    left = sum(n - n_removed(n, rate) for n in has)
    return 1 - left / sum(len(split.test) for split in held.splits)


def _n_subjects(held, keep):
    tested = [split.test if keep is None else split.test[keep[j]] for j, split in enumerate(held.splits)]
    return len(np.unique(np.concatenate(tested)))


# Calibration ---------------------------------------------------------------------------------------------------------


def _has_calibration(held):
    return held.task == "regression" or held.n_classes == 2


def _calibration_cells(held, missing, keep):
    """Intercept and slope of the pooled predictions of each repeat, averaged; and their change.

    The interval is over test subjects, for the models that predicted them: each repeat is one fixed test set.
    """
    tested = list(_by_repeat(held, missing, keep))
    if not tested:
        return {}
    whole = [Split(number, 0, np.empty(0, dtype=int), rows) for number, (rows, *_) in enumerate(tested)]
    pooled = HeldOut(held.y, held.task, held.n_classes, whole, {}, held.present, held.groups)
    pooled.method = "subject"
    found = [
        [calibration_and_influence(held.y[rows], prediction, held.task) for prediction in both]
        for rows, *both in tested
    ]
    cells, rows = {}, [rows for rows, *_ in tested]
    for place, score in enumerate(CALIBRATION):
        here, there = ([repeat[which][place] for repeat in found] for which in (0, 1))
        change = [(a[0] - b[0], a[1] - b[1]) for a, b in zip(here, there, strict=True)]
        cells[score] = tuple(
            pooled.interval(np.array([value for value, _ in some]), [effect for _, effect in some], rows, bounds=None)
            for some in (here, change)
        )
    return cells


def _by_repeat(held, missing, keep):
    """Rows tested in each repeat, their predictions in the condition, and as they are."""
    fits = held.fits[MODEL]
    for repeat in range(held.n_repeats()):
        chosen = [j for j, split in enumerate(held.splits) if split.repeat == repeat]
        kept = {j: slice(None) if keep is None else np.flatnonzero(keep[j]) for j in chosen}
        tested = np.concatenate([held.splits[j].test[kept[j]] for j in chosen])
        enough = len(tested) > 2 if held.task == "regression" else len(np.unique(held.y[tested])) == 2
        if enough:
            there = np.concatenate([fits[j].prediction[kept[j]] for j in chosen])
            here = [fits[j].prediction if missing is None else fits[j].missing[missing] for j in chosen]
            yield tested, np.concatenate([one[kept[j]] for one, j in zip(here, chosen, strict=True)]), there


def calibration_and_influence(y, prediction, task):
    r"""Calibration intercept and slope, and what each subject does to them.

    Both are roots of estimating equations: with score :math:`s_i` and mean information :math:`H` the influence of
    subject :math:`i` is :math:`H^{-1} s_i`.

    Parameters
    ----------
    y : ndarray of shape (n_subjects,)
        0 and 1, or the continuous target.
    prediction : ndarray of shape (n_subjects, 2) or (n_subjects,)
    task : {"classification", "regression"}

    Returns
    -------
    intercept, slope : (float, ndarray of shape (n_subjects,))
        Value and influences, as :func:`skfuse.evaluation.statistics.influence` scales them; zeros where the value is
        NaN. For a continuous target the intercept is the mean error (observed less predicted).
    """
    if task == "regression":
        found, center = calibration_regression(y, prediction), prediction - prediction.mean()
        error = y - prediction
        slope = np.zeros(len(y))
        if np.isfinite(found.slope):
            slope = center * (y - y.mean() - found.slope * center) / np.mean(center**2)
        return (found.mean_error, error - error.mean()), (found.slope, slope)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClippedProbabilityWarning)  # boosted trees and forests predict 0 and 1
        found = calibration(y, prediction[:, 1], min_events=len(y) + 1)
    risk, event = logit(np.clip(prediction[:, 1], CLIP, 1 - CLIP)), y.astype(bool)
    expected = expit(found.intercept + risk)
    intercept = (event - expected) / np.mean(expected * (1 - expected))
    slope = np.zeros(len(y))
    if np.isfinite(found.slope):
        expected = expit(_intercept(found.slope * risk, event) + found.slope * risk)
        design = np.column_stack([np.ones(len(y)), risk - risk.mean()])
        information = (design * (expected * (1 - expected))[:, None]).T @ design / len(y)
        slope = np.linalg.solve(information, design.T * (event - expected))[1]
    return (found.intercept, intercept), (found.slope, slope)
