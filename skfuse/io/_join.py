"""The outer join: which row of which table belongs to which row of the cohort."""

from dataclasses import dataclass

import numpy as np

from skfuse.io._blocks import numeric_block
from skfuse.io._coding import coded_block
from skfuse.io._log import CohortError, DroppedRow, number_of, shorten

NO_TARGET = "no value of the target"
NO_MODALITY = "no value in any modality"


@dataclass
class Rows:
    """Rows of the cohort, in the order of the labels table.

    Parameters
    ----------
    ids : ndarray of shape (n_rows,) of str
        The subjects.
    visits : ndarray of shape (n_rows,) of str, or None
        Their visits, where rows are told apart by visit.
    labels : ndarray of shape (n_rows,) of int
        The row of the labels table.
    """

    ids: np.ndarray
    visits: np.ndarray | None
    labels: np.ndarray

    @property
    def names(self):
        """``<id>``, or ``<id>@<visit>``."""
        if self.visits is None:
            return self.ids
        return np.array([f"{i}@{v}" for i, v in zip(self.ids, self.visits, strict=True)], dtype=object)

    def take(self, keep):
        """Return the rows where the boolean array `keep` is true."""
        visits = None if self.visits is None else self.visits[keep]
        return Rows(self.ids[keep], visits, self.labels[keep])


def make_all_rows(labels, modalities):
    """Return a row for everyone in any table, those of the labels table first.

    Parameters
    ----------
    labels : RawTable or None
    modalities : list of RawTable

    Returns
    -------
    rows : Rows
        `labels` is -1 where the labels table has no row.
    """
    tables = [table for table in (labels, *modalities) if table is not None]
    if all(table.visits is None for table in tables):
        ids = np.array(list(dict.fromkeys(text for table in tables for text in table.ids)), dtype=object)
        rows = Rows(ids, None, np.full(len(ids), -1, dtype=np.intp))
    else:
        pairs = {}
        for table in tables:
            if table.visits is not None:
                pairs |= dict.fromkeys(zip(table.ids, table.visits, strict=True))
        known = {text for text, _ in pairs}
        # a subject without any visit keeps one row, so that nobody is lost
        pairs |= dict.fromkeys((text, "") for table in tables for text in table.ids if text not in known)
        ids, visits = (np.array(part, dtype=object) for part in zip(*pairs, strict=True))
        rows = Rows(ids, visits, np.full(len(ids), -1, dtype=np.intp))
    if labels is not None:
        rows.labels = locate(labels, rows)
    return rows


def make_rows(labels, modalities):
    """Return the rows that the labels table asks for.

    Where modalities have visits and the labels have none, each subject gets a row for every visit in some table.

    Parameters
    ----------
    labels : RawTable
    modalities : list of RawTable

    Returns
    -------
    rows : Rows
    """
    if labels.visits is not None or all(table.visits is None for table in modalities):
        return Rows(labels.ids, labels.visits, np.arange(len(labels)))
    visits_of = {text: {} for text in labels.ids}
    for table in modalities:
        if table.visits is not None:
            for text, visit in zip(table.ids, table.visits, strict=True):
                if text in visits_of:
                    visits_of[text][visit] = None
    # a subject without any visit keeps one row, so that it is dropped with a reason
    pairs = [(i, visit) for i, text in enumerate(labels.ids) for visit in visits_of[text] or [""]]
    positions = np.array([i for i, _ in pairs])
    return Rows(labels.ids[positions], np.array([visit for _, visit in pairs], dtype=object), positions)


def locate(table, rows):
    """Return for each row of the cohort its row in a table, -1 where it has none.

    Parameters
    ----------
    table : RawTable
        With one row for each id, or each id and visit.
    rows : Rows

    Returns
    -------
    positions : ndarray of shape (n_rows,) of int
    """
    if table.visits is None:
        own, wanted = table.ids, rows.ids
    else:
        own = zip(table.ids, table.visits, strict=True)
        wanted = zip(rows.ids, rows.visits, strict=True)
    where = {key: i for i, key in enumerate(own)}
    return np.array([where.get(key, -1) for key in wanted], dtype=np.intp)


def join_blocks(modalities, positions, log, coding=None):
    """Convert the rows of each modality that are needed, and put them in the order of the cohort.

    Parameters
    ----------
    modalities : list of RawTable
    positions : dict
        For each modality the row of its table for each row of the cohort, -1 for none.
    log : JoinLog
        Takes the coding of each modality.
    coding : dict or None
        How tables were converted for a model, and are to be converted again; None learns it from these tables.

    Returns
    -------
    blocks : dict of Block
    present : ndarray of shape (n_rows, n_modalities) of bool
        Where a row has at least one value of a modality.
    """
    blocks, present = {}, []
    for table in modalities:
        wanted = positions[table.name]
        has_row = wanted >= 0
        used, inverse = np.unique(wanted[has_row], return_inverse=True)
        part = table.take(used)
        block = numeric_block(part, log) if coding is None else coded_block(part, coding[table.name], log)
        log.coding[table.name] = block.coding
        if not (has_row.all() and np.array_equal(inverse, np.arange(len(used)))):
            values = np.full((len(wanted), len(block.names)), np.nan, dtype=block.values.dtype, order="F")
            values[has_row] = block.values[inverse]
            block.values = values
        blocks[table.name] = block
        present.append(~np.isnan(block.values).all(axis=1))
    return blocks, np.stack(present, axis=1)


def log_dropped_rows(labels, modalities, rows, positions, reasons, wide, log):
    """Write for every row of every table whether it was kept, and why not.

    Parameters
    ----------
    labels : RawTable
    modalities : list of RawTable
    rows : Rows
        All rows of the labels, dropped ones included.
    positions : dict
        As for `join_blocks`, for all rows.
    reasons : ndarray of shape (n_rows,) of object
        Why a row was dropped, None if it was kept.
    wide : bool
        Whether all tables are parts of one file.
    log : JoinLog
    """
    where = {"labels": rows.labels, **positions}
    entries = {entry.name: entry for entry in log.tables}
    lost = {}
    for table in [labels] if wide else [labels, *modalities]:
        known = set(labels.ids)
        outcome = np.array(
            ["visit not in the labels table" if text in known else "id not in the labels table" for text in table.ids],
            dtype=object,
        )
        for wanted in (np.not_equal(reasons, None), np.equal(reasons, None)):  # kept wins over dropped
            matched = wanted & (where[table.name] >= 0)
            outcome[where[table.name][matched]] = reasons[matched]
        dropped = [i for i, reason in enumerate(outcome) if reason is not None]
        entries[table.name].n_kept = len(table) - len(dropped)
        log.dropped += [DroppedRow(table.name, table.ids[i], outcome[i]) for i in dropped]
        strangers = [table.ids[i] for i in dropped if outcome[i].endswith("not in the labels table")]
        if strangers:
            lost[table.file] = strangers
    if lost:
        counts = "; ".join(f"{len(ids)} of {file} ({shorten(ids, 3)})" for file, ids in lost.items())
        log.warn(f"Rows whose id or visit is not in {labels.file} were dropped: {counts}.")
    for reason in (NO_TARGET, NO_MODALITY):
        names = rows.names[np.equal(reasons, reason)]
        if len(names):
            log.warn(f"Dropped {number_of(len(names), 'row')} of {labels.file}, {reason}: {shorten(names)}.")


def refuse_nothing_left(reasons, labels, target):
    """Raise if no row is left, and say why."""
    if not np.equal(reasons, None).any():
        counts = {reason: int(np.equal(reasons, reason).sum()) for reason in (NO_TARGET, NO_MODALITY)}
        raise CohortError(
            f"No row is left: of {len(reasons)} in {labels.file}, {counts[NO_TARGET]} have no value of {target!r} and "
            f"{counts[NO_MODALITY]} no value in any modality."
        )
