"""Tables without anything that tells of a single subject."""

import numpy as np

#: The share of events among fewer subjects than this would tell of single ones.
FEWEST_SHOWN = 5


def public_tables(comparison):
    """The tables as they may be read by anyone.

    Two numbers could be those of one subject: the score of a fold that tests a single one, and the share of events in a
    pattern that very few have.
    """
    tables = dict(comparison.tables)
    scores, patterns = tables["scores"], tables["patterns"]
    if len(scores) and (scores["n_test"] < 2).any():
        tables["scores"] = scores.assign(value=scores["value"].where(scores["n_test"] > 1))
    if len(patterns) and (patterns["n_subjects"] < FEWEST_SHOWN).any():
        events = patterns["events"].astype(float).where(patterns["n_subjects"] >= FEWEST_SHOWN, np.nan)
        tables["patterns"] = patterns.assign(events=events)
    return tables


def public_result(comparison, tables):
    """What ``result.json`` holds: everything but rows."""
    import dataclasses

    return dataclasses.replace(comparison, tables=tables).to_dict()
