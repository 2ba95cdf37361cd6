"""Paired differences: every fusion against the reference, each single modality and the other ways to fuse."""

import numpy as np
import pandas as pd

from skfuse.evaluation.strategies import FUSIONS
from skfuse.permutation import adjust_p_values

COLUMNS = [
    "strategy",
    "versus",
    "role",
    "subjects",
    "score",
    "n_subjects",
    "n_events",
    "gain",
    "lower",
    "upper",
    "p",
    "p_holm",
    "in_family",
    "skill_lower",
    "verdict",
]
#: Below this many subjects of the smaller class (or subjects, for a continuous target) nothing is tested.
FEWEST_EVENTS = 20
VERDICTS = ("helped", "worse", "no worthwhile gain", "inconclusive")
#: The strategy without predictors: who does not beat it has shown no skill.
BASELINE = "prevalence"
#: Roles of opponents against which all fusion strategies are a declared family of tests.
_FAMILIES = ("reference", "volume")


def differences(held, strategies, reference, score, margin, volume=None):
    """One row per fusion strategy, other strategy, and set of subjects.

    The declared family of tests, over which Holm's correction goes, is every fusion strategy against the reference on
    all subjects. With `volume`, the strategy of volume alone, every fusion strategy against that is a second one.
    """
    rows = []
    for name, about in strategies.items():
        if about["family"] not in FUSIONS or name == reference:
            continue
        for versus, role in _opponents(name, strategies, reference, volume):
            for subjects in ("all", "both"):
                rows.append(_row(held, name, versus, role, subjects, score))
    table = pd.DataFrame(rows, columns=COLUMNS)
    for role in _FAMILIES:
        family = table["in_family"].astype(bool) & (table["role"] == role)
        table.loc[family, "p_holm"] = adjust_p_values(table.loc[family, "p"].to_numpy(float), method="holm")
    return _with_verdicts(table, margin)


def against(versus, held, strategies, table, score, margin):
    """All strategies against one, two rows each: those of `table`, and of the strategies that it does not compare.

    These are the single modalities and a reference that fuses; their rows are descriptive.
    """
    known = table[table["versus"] == versus]
    rows = []
    for name, about in strategies.items():
        if about["family"] != "baseline" and name != versus and name not in set(known["strategy"]):
            rows += [_row(held, name, versus, about["family"], subjects, score) for subjects in ("all", "both")]
    others = _with_verdicts(pd.DataFrame(rows, columns=COLUMNS), margin)
    both = pd.concat([part for part in (known, others) if len(part)] or [others])
    order = {name: place for place, name in enumerate(strategies)}
    return both.sort_values("strategy", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _with_verdicts(table, margin):
    table["verdict"] = [verdict(row, margin) for row in table.itertuples()]
    return table.astype({"in_family": bool, "p_holm": float})


def verdict(row, margin):
    """Say in a word what an interval says.

    *no worthwhile gain* where the interval lies inside the margin, *helped* or *worse* where it leaves out zero (and,
    within the declared family, Holm's p agrees), *inconclusive* otherwise and where there are too few events. To be
    less wrong than a reference that predicts nothing is no help: *helped* asks that the strategy beats the baseline.
    """
    if not np.isfinite([row.lower, row.upper]).all() or row.n_events < FEWEST_EVENTS:
        return "inconclusive"
    if row.lower == row.upper:  # both perfect, or the same: nothing varied from which an interval could be made
        return "inconclusive"
    if -margin < row.lower and row.upper < margin:
        return "no worthwhile gain"
    tested = row.p_holm if row.in_family else row.p
    if row.lower <= 0 <= row.upper or tested > 0.05:
        return "inconclusive"
    if row.lower > 0:
        return "helped" if row.skill_lower > 0 else "inconclusive"
    return "worse"


def _opponents(name, strategies, reference, volume):
    """The reference first, then volume alone, each fixed single, and the other strategies that are hard to beat."""
    opponents = {reference: "reference"}
    if volume is not None:
        opponents.setdefault(volume, "volume")
    for other, about in strategies.items():
        if about["family"] == "single":
            opponents.setdefault(other, "single")
    for other in ("concatenation", "late-mean"):
        if other in strategies:
            opponents.setdefault(other, strategies[other]["family"])
    opponents.pop(name, None)
    return opponents.items()


def _row(held, name, versus, role, subjects, score):
    keep = _who_have_both(held, name, versus) if subjects == "both" else None
    tested = np.unique(
        np.concatenate(
            [split.test if keep is None else split.test[np.flatnonzero(keep[j])] for j, split in enumerate(held.splits)]
        )
    )
    found = held.gain(score, name, versus, keep=keep)
    events = held.n_events(tested)
    p = found.p if events >= FEWEST_EVENTS else np.nan
    family = role in _FAMILIES and subjects == "all"
    where = (name, versus, role, subjects, score, len(tested), events)
    # A constant has no correlation to be compared with: no skill is r = 0.
    skill = (
        held.estimate(score, name, keep=keep) if score == "r" else held.gain(score, name, BASELINE, keep=keep)
    ).lower
    return (*where, found.value, found.lower, found.upper, p, np.nan, family, skill, "")


def _who_have_both(held, name, versus):
    """Per split, the test subjects who have what either strategy looks at.

    That is everything that the other looks at, and at least one modality beyond it where the first looks at more. A
    gain among them is one of information; a gain among all subjects may be one of availability, as who lacks the
    other's modality gets only the prior from it.
    """
    kept = []
    for split, fit, other in zip(held.splits, held.fits[name], held.fits[versus], strict=True):
        keep = held.has(split.test, other.modalities, every=True)
        more = [modality for modality in fit.modalities if modality not in other.modalities]
        if more:
            keep &= held.has(split.test, more, every=False)
        kept.append(keep)
    return kept
