"""The score among men and women, young and old, and at each site, where there are enough events to say."""

import numpy as np
import pandas as pd

from skfuse.evaluation.held_out import Estimate

COLUMNS = ["strategy", "variable", "level", "n_subjects", "n_events", "value", "lower", "upper", "few"]
#: Subgroups with fewer events are greyed: their score may be anything.
FEWEST_EVENTS = 10
#: Of fewer subjects no score is told: it might be that of one person.
FEWEST_TOLD = 5
_MOST_LEVELS = 10
#: The variable under which sites stand.
SITE = "site"


def subgroups(held, names, variables, score, notes):
    """One row per strategy, variable and level, scored like the whole cohort: fold by fold, where that is defined.

    Parameters
    ----------
    held : HeldOut
    names : list of str
        Strategies.
    variables : dict of str to Series
        Sex, age, site; many numbers are cut at their median.
    score : str
    """
    rows = []
    for variable, values in variables.items():
        # Sites may be many; who has as many of them as subjects was refused before.
        levels = levels_of(values, most=_MOST_LEVELS if variable != SITE else len(values))
        if levels is None:
            notes.append(
                f"Subgroups: {variable} has {values.nunique()} values that are no numbers, too many for subgroups."
            )
            continue
        for level in sorted(set(levels[levels != ""]), key=lambda level: (level[0] == ">", level)):
            member = levels == level
            events = held.n_events(member)
            for name in names:
                found = held.estimate(score, name, keep=[member[split.test] for split in held.splits])
                if member.sum() < FEWEST_TOLD:
                    found = Estimate(np.nan, np.nan, np.nan)
                limits = (found.value, found.lower, found.upper, events < FEWEST_EVENTS)
                rows.append((name, variable, level, int(member.sum()), events, *limits))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"few": bool})


def levels_of(values, most=_MOST_LEVELS):
    """The level of each subject as text, empty where it is missing; None where there are too many levels."""
    values = pd.Series(values).reset_index(drop=True)
    if values.dtype.kind in "mMb":
        values = values.astype(str).where(values.notna(), None)
    numbers = pd.to_numeric(values, errors="coerce")
    if values.nunique() > most and numbers.notna().sum() < values.notna().sum():
        return None
    if values.nunique() > most and numbers.notna().sum() == values.notna().sum():
        cut = float(numbers.median())
        text = np.where(numbers <= cut, f"≤ {cut:.4g}", f"> {cut:.4g}")
        return np.where(numbers.isna(), "", text).astype(object)
    text = numbers.map("{:g}".format) if numbers.notna().sum() == values.notna().sum() else values.astype(str)
    return np.where(values.isna(), "", text).astype(object)
