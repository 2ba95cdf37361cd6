"""Splits, groups and visits: one person on both sides."""

import re
from collections import defaultdict

import numpy as np

from skfuse.evaluation.leaks._report import LEAK, clear, found, not_checked, number_of

ROWS, GROUPS, ACROSS, APART, VISITS = (
    "rows across a split",
    "groups across a split",
    "duplicates across a split",
    "duplicates in different groups",
    "repeated visits",
)
_HOLD = "Give `groups` to the splitter, so that a person stays on one side of every split."
_VISIT = re.compile(
    r"(?i)(?P<stem>.*[^\W_])(?:[\s_@.:/-]+)"
    r"(?P<visit>(?:ses|session|visit|vis|v|t|tp|time|timepoint|m|mo|month|w|wk|week|y|yr|year|wave|scan|run|fu|followup|"
    r"follow-up|acq|rescan|retest)[-_]?\d{1,3}|ses-[a-z0-9]+|bl|baseline|sc|screening|fu|followup|follow-up|retest|"
    r"rescan|pre|post)"
)
_COUNTED = re.compile(r"(?P<stem>.+)@(?P<visit>[^@]+)")  # as the cohort reader names visits


def check_splits(data):
    """Look whether a row, or a group, is on both sides of a split.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    findings : list of Finding
    """
    if data.splits is None:
        return [not_checked(ROWS, "no splits were given"), not_checked(GROUPS, "no splits were given")]
    rows, groups, splits_rows, splits_groups = set(), set(), 0, 0
    for train, test in data.splits:
        both = set(np.intersect1d(train, test).tolist())
        rows |= both
        splits_rows += bool(both)
        if data.groups is not None:
            shared = set(np.intersect1d(data.groups[train], data.groups[test]).tolist())
            groups |= shared
            splits_groups += bool(shared)
    findings = [clear(ROWS)]
    if rows:
        text = f"{number_of(len(rows), 'row')} are in training and test of {splits_rows} of {len(data.splits)} splits"
        advice = "Make splits with a scikit-learn splitter; training and test must not share a row."
        findings = [found(ROWS, LEAK, text, advice, subjects=[data.labels([row]) for row in sorted(rows)])]
    if data.groups is None:
        return [*findings, not_checked(GROUPS, "no groups were given")]
    if not groups:
        return [*findings, clear(GROUPS)]
    text = f"{number_of(len(groups), 'group')} are on both sides in {splits_groups} of {len(data.splits)} splits"
    subjects = [data.labels(np.flatnonzero(data.groups == group)) for group in sorted(groups)]
    return [*findings, found(GROUPS, LEAK, text, _HOLD, subjects=subjects)]


def check_duplicates_apart(duplicates, data):
    """Look whether duplicates, exact and near, are on two sides of a split, or in different groups.

    Parameters
    ----------
    duplicates : skfuse.evaluation.leaks._duplicates.Duplicates
    data : Inputs

    Returns
    -------
    findings : list of Finding
    """
    findings = [not_checked(ACROSS, "no splits were given")]
    if data.splits is not None:
        apart = [group for group in duplicates.groups if _crosses(group, data.splits)]
        text = f"{number_of(len(apart), 'group')} of equal or nearly equal subjects are on both sides of a split"
        findings = [_apart(ACROSS, apart, text, data)]
    if data.groups is None:
        return [*findings, not_checked(APART, "no groups were given")]
    apart = [group for group in duplicates.groups if len(set(data.groups[list(group)])) > 1]
    text = f"{number_of(len(apart), 'group')} of equal or nearly equal subjects are in different groups"
    return [*findings, _apart(APART, apart, text, data)]


def _apart(check, apart, text, data):
    if not apart:
        return clear(check)
    advice = "Keep one row of each person, or put the rows of a person into one group."
    return found(check, LEAK, text, advice, subjects=[data.labels(group) for group in apart])


def _crosses(members, splits):
    members = np.asarray(members)
    return any(np.isin(members, train).any() and np.isin(members, test).any() for train, test in splits)


def check_visits(data):
    """Look for rows that are visits of one person, by their ids, which no group and no split holds together.

    Ids that are equal, or equal but for a visit at the end: ``_ses-02``, ``@m12``, ``_v2``, ``-T1``, ``_bl`` and the
    like. Ends are visits only where the part before them has a digit, or where they are few and recur, so that
    ``control_t1`` to ``control_t80`` are eighty people. With a multi-level index, the first level is the person.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    persons = [rows for rows in _persons(data.ids).values() if len(rows) > 1]
    if not persons:
        return clear(VISITS)
    apart = persons
    if data.groups is not None:
        apart = [rows for rows in persons if len(set(data.groups[rows])) > 1]
    elif data.splits is not None:
        apart = [rows for rows in persons if _crosses(rows, data.splits)]
    if not apart:
        return clear(VISITS, f"{number_of(len(persons), 'person')} with several visits, held together")
    text = f"{number_of(len(apart), 'person')} seem to have several rows, by their ids"
    if len(apart) < len(persons):
        text += f", of {len(persons)} with several rows"
    advice = f"{_HOLD} Or keep one visit of each person."
    return found(VISITS, LEAK, text, advice, subjects=[data.labels(rows) for rows in apart])


def _persons(ids):
    """Rows of each person, by id."""
    if getattr(ids, "nlevels", 1) > 1:
        stems = [str(label[0]) for label in ids]
        visits = [None] * len(ids)
    else:
        texts = [str(label).strip() for label in ids]
        matches = [_COUNTED.fullmatch(text) or _VISIT.fullmatch(text) for text in texts]
        stems = [match["stem"] if match else text for match, text in zip(matches, texts, strict=True)]
        visits = [match["visit"].lower() if match else None for match in matches]
    persons = defaultdict(list)
    for row, stem in enumerate(stems):
        persons[stem.lower()].append(row)
    different = {visit for visit in visits if visit is not None}
    recurring = len(different) <= max(2, len(ids) // 4)
    return {
        stem: rows
        for stem, rows in persons.items()
        if recurring or any(character.isdigit() for character in stem) or all(visits[row] is None for row in rows)
    }
