"""Missing modalities and missing cells that tell the outcome."""

import numpy as np

from skfuse._chunks import chunks
from skfuse.evaluation.leaks._report import LEAK, LOOK, clear, found, not_checked, number_of, shorten
from skfuse.evaluation.leaks._statistics import ALPHA, determination, flag_association

PATTERN, CELLS = "missing modalities and outcome", "missing cells and outcome"
_CLASSES = 0.7, 0.45  # from these correlations on a leak, worth a look
_NUMBERS = 0.6, 0.4  # a yes or no correlates with ranks by .87 at most
_PATTERN = 0.6
_ADVICE = (
    "Find out why: tests ordered because of the outcome, or controls from another study. Compare strategies among "
    "subjects with the same modalities, and add no missing flags."
)


def check_missing_modalities(data):
    """Look whether who lacks a modality, or the pattern of all, tells the outcome.

    Strength is the correlation of presence with the class (the root of the share of variance explained), or Spearman's
    for numbers: a leak from .7 on (numbers: .6, as .87 is the most that presence can have), worth a look from .45 (.4)
    on, with an exact p below .001 over all modalities. Missingness at random, or likelier for cases (odds doubled: .2
    to .3), stays below. Or the whole pattern guesses the outcome of a subject from those with the same pattern: kappa
    or R² of at least .6, p from 999 permutations, a leak.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    blocks = [block for block in data.modalities if 0 < block.present.sum() < len(block.present)]
    if not blocks:
        return not_checked(PATTERN, "every subject has every modality")
    if np.ptp(data.y) == 0:
        return not_checked(PATTERN, "the outcome is the same for all subjects")
    leak, look = _CLASSES if data.n_classes else _NUMBERS
    strengths = {}
    for block in blocks:
        strength, p = flag_association(block.present, data.y, data.n_classes)
        if p * len(blocks) < ALPHA and strength >= look:
            strengths[block.name] = strength
    codes = np.unique(np.column_stack([block.present for block in blocks]), axis=0, return_inverse=True)[1].ravel()
    together, p = determination(codes, data.y, data.n_classes, least=_PATTERN)
    together = together if p <= ALPHA else 0.0
    if not strengths and not together:
        return clear(PATTERN)
    level = LEAK if together or max(strengths.values()) >= leak else LOOK
    parts = [f"{name} (correlation {strength:.2f})" for name, strength in strengths.items()]
    evidence = f"who has the modality tells the outcome: {shorten(parts)}" if parts else "the pattern tells the outcome"
    if together:
        evidence += f"; the pattern alone guesses it with {'kappa' if data.n_classes else 'R²'} {together:.2f}"
    return found(PATTERN, level, evidence, _ADVICE, columns=list(strengths))


def check_missing_cells(data):
    """Look for columns whose missing cells tell the outcome, among subjects who have the modality.

    Strength is the correlation of missing with the class, or with the ranks of numbers: a leak from .7 on (numbers:
    .6), worth a look from .45 (.4) on, with an exact p below .001 over all columns.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    if np.ptp(data.y) == 0:
        return not_checked(CELLS, "the outcome is the same for all subjects")
    leak, look = _CLASSES if data.n_classes else _NUMBERS
    columns, strongest, any_missing = [], 0.0, False
    for block in data.blocks:
        rows = np.flatnonzero(block.present)
        if len(rows) < 6 or np.ptp(data.y[rows]) == 0:
            continue
        for part in chunks(len(block.names), len(rows), 1 << 24):
            piece = block.values[:, part]
            missing = ~np.isfinite(piece if len(rows) == len(piece) else piece[rows])
            share = missing.mean(axis=0)
            partly = np.flatnonzero((share > 0) & (share < 1))
            if not len(partly):
                continue
            any_missing = True
            correlations = _correlations(missing[:, partly], data.y[rows], data.n_classes)
            for position in partly[correlations >= look]:
                strength, p = flag_association(missing[:, position], data.y[rows], data.n_classes)
                if p * data.n_columns < ALPHA and strength >= look:
                    columns.append(block.names[part.start + position])
                    strongest = max(strongest, strength)
    if not any_missing:
        return not_checked(CELLS, "no cell is missing inside a present modality")
    if not columns:
        return clear(CELLS)
    evidence = f"missing cells tell the outcome in {number_of(len(columns), 'column')}: {shorten(columns)}"
    return found(
        CELLS,
        LEAK if strongest >= leak else LOOK,
        f"{evidence} (correlation up to {strongest:.2f})",
        _ADVICE,
        columns=columns,
    )


def _correlations(missing, y, n_classes):
    """Correlation of missing with the target for many columns: the root of the share of variance explained."""
    flags = missing.astype(np.float32)
    flags -= flags.mean(axis=0)
    total = np.einsum("ij,ij->j", flags, flags)
    if n_classes:
        one_hot = (y[:, None] == np.unique(y)).astype(np.float32)
        explained = ((one_hot.T @ flags) ** 2 / one_hot.sum(axis=0)[:, None]).sum(axis=0)
        return np.sqrt(explained / total)
    ranks = np.argsort(np.argsort(y)).astype(np.float32)  # ties hardly matter for a first look
    ranks -= ranks.mean()
    return np.abs(ranks @ flags) / np.sqrt(total * (ranks @ ranks)) + 0.02
