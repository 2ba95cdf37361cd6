"""Which modality carries the fusion: alone, left out, weighed, and taken away from those to be predicted."""

import numpy as np
import pandas as pd

COLUMNS = [
    "modality",
    "n_present",
    "share_present",
    "strategy",
    "weight",
    "weight_smallest",
    "weight_largest",
    "alone",
    "alone_lower",
    "alone_upper",
    "without",
    "contribution",
    "contribution_lower",
    "contribution_upper",
]
#: Patterns with fewer subjects are counted, but nothing is said about their outcome.
FEWEST_TOLD = 5
MISSING = ["strategy", "modality", "estimate", "change", "change_lower", "change_upper"]


def without(name, modality):
    """Name of a strategy refitted without a modality."""
    return f"{name} without {modality}"


def modalities(held, names, headline, score):
    """One row per modality of the table, seen from the headline strategy."""
    rows = []
    for modality in names:
        present = int(held.present[modality].sum())
        weights = [fit.weights.get(modality, 0.0) for fit in held.fits.get(headline, []) if fit.weights]
        row = [modality, present, present / len(held.present), headline]
        row += [np.mean(weights), min(weights), max(weights)] if weights else [np.nan] * 3
        single, left_out = f"single:{modality}", without(headline, modality)
        if single in held.fits:
            alone = held.estimate(score, single)
            row += [alone.value, alone.lower, alone.upper]
        else:
            row += [np.nan] * 3
        if left_out in held.fits:
            gain = held.gain(score, headline, left_out)
            row += [held.estimate(score, left_out).value, gain.value, gain.lower, gain.upper]
        else:
            row += [np.nan] * 4
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def missing_at_test(held, strategies, names, score):
    """One row per strategy and modality: its score when no test subject has the modality, and how much is lost."""
    rows = []
    for name in strategies:
        for modality in names:
            if not any(modality in fit.missing for fit in held.fits[name]):
                continue
            found = held.estimate(score, name, missing=modality)
            change = held.gain(score, name, name, missing=modality)
            rows.append((name, modality, found.value, change.value, change.lower, change.upper))
    return pd.DataFrame(rows, columns=MISSING)


def patterns(held, event):
    """Which modalities subjects have together, most frequent first, and how often the event is among them.

    `event` is the position of the class whose share is given, None where there is none. A pattern of a few subjects
    has no share: it would tell the outcome of persons who can be recognized by what they had.
    """
    names = held.present.columns
    labels = held.present.apply(lambda row: " + ".join(names[row.to_numpy()]) or "none", axis=1).to_numpy()
    rows = []
    for label in pd.unique(labels):
        chosen = labels == label
        told = event is not None and chosen.sum() >= FEWEST_TOLD
        share = np.nan if not told else float(np.mean(held.y[chosen] == event))
        rows.append((label, int(chosen.sum()), float(chosen.mean()), share))
    table = pd.DataFrame(rows, columns=["pattern", "n_subjects", "share", "events"])
    return table.sort_values("n_subjects", ascending=False, kind="stable", ignore_index=True)
