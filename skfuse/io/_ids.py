"""Ids: one spelling for all tables, and a clear word where the spelling differs."""

from collections import Counter

import numpy as np

from skfuse.io._log import CohortError, DroppedRow, number_of, shorten

BIDS_PREFIX = "sub-"


def drop_blank_rows(table, log):
    """Return a table without its blank rows, which spreadsheets leave behind.

    Parameters
    ----------
    table : RawTable
    log : JoinLog

    Returns
    -------
    rows : ndarray of int
        Positions of the rows that have an id.

    Raises
    ------
    CohortError
        If no row has one.
    """
    has_id = np.array([text is not None for text in table.ids])
    if not has_id.any():
        raise CohortError(f"{table.file} has no row with an id.")
    n_blank = int((~has_id).sum())
    log.dropped += [DroppedRow(table.name, "", "blank row")] * n_blank
    return np.flatnonzero(has_id)


def agree_on_prefix(tables, log):
    """Remove the prefix ``sub-`` where some tables have it on every id and others on none.

    Parameters
    ----------
    tables : list of RawTable
        Changed in place.
    log : JoinLog
    """
    with_prefix = [table for table in tables if all(text.startswith(BIDS_PREFIX) for text in table.ids)]
    without = [table for table in tables if not any(text.startswith(BIDS_PREFIX) for text in table.ids)]
    if not with_prefix or not without:
        return
    for table in with_prefix:
        table.ids = np.array([text.removeprefix(BIDS_PREFIX) for text in table.ids], dtype=object)
    log.convert(
        f"Ids of {shorten([table.file for table in with_prefix])} begin with 'sub-', those of "
        f"{shorten([table.file for table in without])} do not; the prefix was removed."
    )


def refuse_repeats(table, roles):
    """Refuse a table with two rows for one id, or for one id and visit.

    Parameters
    ----------
    table : RawTable
    roles : Roles

    Raises
    ------
    CohortError
        Names the ids and the cures.
    """
    keys = table.ids if table.visits is None else list(zip(table.ids, table.visits, strict=True))
    counts = Counter(keys)
    if len(counts) == len(table):
        return
    repeated = [key if isinstance(key, str) else "@".join(key) for key, count in counts.items() if count > 1]
    if table.visits is not None:
        cure = "Keep one row for each visit."
    elif roles.visit is not None:
        cure = f"Keep one row per id, or give the table the column {roles.visit!r}."
    elif roles.groups is not None:
        cure = "`groups` keeps rows of one person together, but joining needs to know the visit: visit='<column>'."
    else:
        cure = (
            "Keep one row per id; or name the visit, visit='<column>=<value>' for one visit, visit='<column>' for all "
            "of them."
        )
    raise CohortError(
        f"{table.file} has more than one row for {number_of(len(repeated), 'id')}: {shorten(repeated)}. {cure}"
    )


def check_spelling(labels, table):
    """Refuse a table whose ids look like those of the labels, but are written differently.

    Parameters
    ----------
    labels, table : RawTable

    Raises
    ------
    CohortError
        If no id is in the labels, or if ids that match nowhere differ from ones that match nowhere by a prefix,
        leading zeros, decimals or case only.
    """
    _refuse_pairs(table, labels)
    known, own = set(labels.ids), set(table.ids)
    if not known & own:
        raise CohortError(
            f"No id of {table.file} ({shorten(table.ids, 3)}) is in {labels.file} ({shorten(labels.ids, 3)}). Is its "
            "first column the subject id? Check the prefix 'sub-' and leading zeros."
        )


def refuse_other_spelling(tables, log):
    """Refuse tables that write the same ids differently; that two tables share no id gives a warning only.

    Parameters
    ----------
    tables : list of RawTable
    log : JoinLog

    Raises
    ------
    CohortError
        Names two spellings.
    """
    for i, table in enumerate(tables):
        for other in tables[:i]:
            _refuse_pairs(table, other)
        others = set().union(*(other.ids for other in tables if other is not table))
        if others and not others & set(table.ids):
            log.warn(
                f"No id of {table.file} ({shorten(table.ids, 3)}) is in another table ({shorten(sorted(others), 3)})."
            )


def _refuse_pairs(table, other):
    from skfuse.modalities._subjects import spelled_differently  # loads scikit-learn, which reading does not need

    pairs = spelled_differently(set(table.ids), set(other.ids))
    if pairs:
        mine, theirs = pairs[0]
        raise CohortError(
            f"Ids are text, and {len(pairs)} of them are written differently: {mine!r} in {table.file}, {theirs!r} in "
            f"{other.file}. Write them alike (prefix 'sub-', leading zeros, decimals, case)."
        )
