"""Subjects who are in the table twice: exactly, in one modality, or with a little noise."""

from dataclasses import dataclass, field

import numpy as np

from skfuse.evaluation.leaks._near import near_rows
from skfuse.evaluation.leaks._report import LEAK, LOOK, clear, found, not_checked, number_of, shorten

EXACT, IN_ONE, NEAR = "exact duplicates", "duplicates in one modality", "near duplicates"
_FEW_CELLS = 3


@dataclass
class Duplicates:
    """Groups of subjects that are one, as row positions.

    Parameters
    ----------
    whole : list of tuple of int
        Equal in all modalities.
    within : dict of str to list of tuple of int
        Equal in one modality, and not in all.
    near : dict of str to list of tuple of int
        Pairs that are nearly equal in one modality, and not equal.
    unsearched : list of str
        Modalities in which nearly equal subjects could not be told from strangers.
    """

    whole: list = field(default_factory=list)
    within: dict = field(default_factory=dict)
    near: dict = field(default_factory=dict)
    unsearched: list = field(default_factory=list)

    @property
    def groups(self):
        """All groups of subjects, each once."""
        parts = [self.whole, *self.within.values(), *self.near.values()]
        return list(dict.fromkeys(group for part in parts for group in part))


def find_duplicates(data):
    """Find subjects that are in the table twice.

    *Exact*: at least 3 cells in common, all of them equal, not counting cells at the most frequent value of their
    column (a floor or a zero that many share). Where a twentieth of the subjects agree with an unequal one in half of
    their cells (a short questionnaire), equality means nothing and is not reported. Rows that an imputer
    filled are another check.

    *Near*: as :func:`skfuse.evaluation.leaks._near.near_rows` says.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    duplicates : Duplicates
    """
    duplicates = Duplicates()
    equal = {block.name: _equal_rows(block) for block in data.modalities}
    duplicates.whole = _equal_everywhere(data.modalities, equal)
    known = {pair for group in duplicates.whole for pair in _pairs(group)}
    for block in data.modalities:
        groups = [group for group in equal[block.name] if not set(_pairs(group)) <= known]
        if groups:
            duplicates.within[block.name] = groups
        known_here = known | {pair for group in groups for pair in _pairs(group)}
        pairs = near_rows(block)
        if pairs is None:
            duplicates.unsearched.append(block.name)
        elif fresh := [pair for pair in pairs if pair not in known_here]:
            duplicates.near[block.name] = fresh
    return duplicates


def _pairs(group):
    return [(one, two) for at, one in enumerate(group) for two in group[at + 1 :]]


# Exact ----------------------------------------------------------------------------------------------------------


def _equal_rows(block):
    """Groups of equal rows of a block that are no coincidence."""
    rows = np.flatnonzero(block.present)
    if len(rows) < 2 or len(block.names) < _FEW_CELLS:
        return []
    few, _ = block.some_columns(64)
    few = few[rows]
    codes = _row_codes(few)
    counts = np.bincount(codes)
    groups = []
    for code in np.flatnonzero(counts > 1):
        groups += _split_equal(block.values, rows[codes == code])
    if not groups:
        return []
    filled = block.filled_rows()
    if filled:
        groups = [group for group in groups if len(group) != filled]
    first_of_each = np.unique(codes, return_index=True)[1]
    modes = _modes(few)
    if groups and _usual_agreement(few[first_of_each], modes) > 0.5:
        return []
    place = {row: at for at, row in enumerate(rows)}
    return [group for group in groups if _informative(few[place[group[0]]], modes) >= _FEW_CELLS]


def _row_codes(values):
    """Codes of equal rows, NaN being equal to NaN."""
    values = np.where(np.isnan(values), np.inf, values) + 0.0  # −0 becomes 0
    keys = np.ascontiguousarray(values).view(np.dtype((np.void, values.dtype.itemsize * values.shape[1]))).ravel()
    return np.unique(keys, return_inverse=True)[1]


def _split_equal(values, rows):
    """Groups of equal rows among rows that are equal in some columns."""
    groups, left = [], list(rows)
    while len(left) > 1:
        first, rest = left[0], left[1:]
        reference = values[first]
        same = [row for row in rest if np.array_equal(values[row], reference, equal_nan=True)]
        if same:
            groups.append((int(first), *map(int, same)))
        left = [row for row in rest if row not in set(same)]
    return groups


def _modes(values):
    """Most frequent value of each column where it is frequent, else NaN."""
    modes = np.full(values.shape[1], np.nan)
    for position, column in enumerate(values.T):
        found_values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        if counts.max(initial=0) > max(2, 0.1 * len(column)):
            modes[position] = found_values[counts.argmax()]
    return modes


def _informative(row, modes):
    return int((~np.isnan(row) & (row != modes)).sum())


def _usual_agreement(rows, modes):
    """Share of informative cells in which a subject agrees with the likest other one, which a twentieth exceed.

    Among at most 300 different rows.
    """
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), 300)).astype(int)]
    usual = np.isnan(rows) | (rows == modes)
    likest = np.zeros(len(rows))
    for at in range(len(rows) - 1):
        informative = ~(usual[at] & usual[at + 1 :]) & ~np.isnan(rows[at]) & ~np.isnan(rows[at + 1 :])
        count = informative.sum(axis=1)
        same = ((rows[at] == rows[at + 1 :]) & informative).sum(axis=1)
        share = np.where(count >= _FEW_CELLS, same / np.maximum(count, 1), 0.0)
        likest[at] = max(likest[at], share.max())
        likest[at + 1 :] = np.maximum(likest[at + 1 :], share)
    return np.quantile(likest, 0.95)


def _equal_everywhere(blocks, equal):
    """Groups that are equal in every modality that the subjects have, and have the same modalities."""
    pairs = None
    evidence = {pair for groups in equal.values() for group in groups for pair in _pairs(group)}
    for one, two in sorted(evidence):
        if all(_same(block, one, two) for block in blocks):
            pairs = [*(pairs or []), (one, two)]
    merged = []
    for one, two in pairs or []:
        home = next((group for group in merged if one in group or two in group), None)
        if home is None:
            merged.append({one, two})
        else:
            home |= {one, two}
    return [tuple(sorted(group)) for group in merged]


def _same(block, one, two):
    if block.present[one] != block.present[two]:
        return False
    return not block.present[one] or np.array_equal(block.values[one], block.values[two], equal_nan=True)


# Findings -------------------------------------------------------------------------------------------------------


def report_duplicates(duplicates, data):
    """Findings about duplicates, worth a look only where `groups` hold each of them together.

    Parameters
    ----------
    duplicates : Duplicates
    data : Inputs

    Returns
    -------
    findings : list of Finding
    """
    if not any(len(block.names) >= _FEW_CELLS for block in data.modalities):
        reason = f"no modality has {_FEW_CELLS} columns"
        return [not_checked(check, reason) for check in (EXACT, IN_ONE, NEAR)]
    everywhere = f"{number_of(len(duplicates.whole), 'group')} of subjects are equal in every modality"
    findings = [_report(EXACT, duplicates.whole, everywhere, data)]
    for check, found_in, how in ((IN_ONE, duplicates.within, "equal"), (NEAR, duplicates.near, "nearly equal")):
        groups = list(dict.fromkeys(group for part in found_in.values() for group in part))
        text = f"{number_of(len(groups), 'group')} of subjects are {how} in {shorten(list(found_in))}"
        findings.append(_report(check, groups, text, data))
    if findings[2].status == "clear" and duplicates.unsearched:
        names = shorten(duplicates.unsearched)
        everything = len(duplicates.unsearched) == len(data.modalities)
        reason = f"not in {names}: fewer than 10 subjects or two continuous columns"
        findings[2] = not_checked(NEAR, reason) if everything else clear(NEAR, reason)
    return findings


def _report(check, groups, evidence, data):
    if not groups:
        return clear(check)
    together = data.groups is not None and all(len(set(data.groups[list(group)])) == 1 for group in groups)
    unlike = sum(np.ptp(data.y[list(group)]) > 0 for group in groups)
    if unlike:
        evidence += f"; {unlike} with different outcomes"
    if together:
        evidence += "; groups hold them together"
    advice = "Keep one row of each person, or give `groups` that hold the rows of a person on one side of every split."
    subjects = [data.labels(group) for group in groups]
    return found(check, LOOK if together else LEAK, evidence, advice, subjects=subjects)
