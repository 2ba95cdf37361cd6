"""Repeated visits: choose one, or make every visit a row of its own."""

import numpy as np

from skfuse.io._ids import agree_on_prefix, drop_blank_rows, refuse_repeats
from skfuse.io._log import CohortError, DroppedRow, number_of, shorten


def choose_rows(labels, modalities, roles, wide, log):
    """Keep the rows that can be in the cohort, with one row for each id, or each id and visit.

    Parameters
    ----------
    labels : RawTable or None
    modalities : list of RawTable
    roles : Roles
    wide : bool
        Whether all tables are parts of one file; what holds for the rows of one then holds for all.
    log : JoinLog

    Returns
    -------
    labels : RawTable or None
    modalities : list of RawTable
        Without the column of visits; `visits` is set where rows are told apart by visit.

    Raises
    ------
    CohortError
        If ids repeat and nothing says how to tell their rows apart.
    """
    n_labels = 0 if labels is None else 1
    tables = [labels, *modalities][1 - n_labels :]
    tables = _take(tables, wide, lambda table: drop_blank_rows(table, log))
    agree_on_prefix(tables[:1] if wide else tables, log)
    if roles.visit is not None:
        if not any(roles.visit in table.names for table in tables):
            raise CohortError(f"No table has the column {roles.visit!r} that `visit` names. {_columns_of(tables[0])}")
        tables = _take(tables, wide, lambda table: _rows_of_visit(table, roles, log))
        if roles.visit_value is None:
            _set_visits(tables, roles, wide, log)
        tables[n_labels:] = [_without(table, roles.visit) for table in tables[n_labels:]]
    elif wide and roles.groups is not None and len(set(tables[0].ids)) < len(tables[0]):
        _count_visits(tables, log)
    for table in tables[:1] if wide else tables:
        refuse_repeats(table, roles)
    return (tables[0] if n_labels else None), tables[n_labels:]


def _take(tables, wide, choose):
    if wide:
        rows = choose(tables[0])
        return [table.take(rows) for table in tables]
    return [table.take(choose(table)) for table in tables]


def _columns_of(table):
    return f"Columns of {table.file}: {shorten(table.names, 12)}."


def _rows_of_visit(table, roles, log):
    """Return the rows of the chosen visit, or of any visit; a table without the column keeps all."""
    if roles.visit not in table.names:
        return np.arange(len(table))
    visits = table.texts(roles.visit)
    unknown = np.array([visit is None for visit in visits])
    wrong = np.zeros(len(table), dtype=bool) if roles.visit_value is None else visits != roles.visit_value
    keep = ~(unknown | wrong)
    for row in np.flatnonzero(~keep):
        reason = "no visit given" if unknown[row] else f"another visit than {roles.visit_value!r}"
        log.dropped.append(DroppedRow(table.name, table.ids[row], reason))
    if not keep.any():
        present = sorted(set(visits[~unknown]))
        found = shorten(present, 10) or "none"
        raise CohortError(f"{table.file} has no row with {roles.visit} = {roles.visit_value!r}; it has: {found}.")
    if unknown.any():
        ids = shorten(table.ids[unknown])
        log.warn(f"{table.file}: dropped {number_of(unknown.sum(), 'row')} without a value in {roles.visit!r}: {ids}.")
    return np.flatnonzero(keep)


def _set_visits(tables, roles, wide, log):
    """Tell rows apart by visit; a table without visits serves all visits of its subjects."""
    shared = tables[0].texts(roles.visit) if wide else None
    constant = []
    for table in tables:
        if wide or roles.visit in table.names:
            table.visits = shared if wide else table.texts(roles.visit)
        else:
            constant.append(table.file)
    if constant:
        log.convert(f"{shorten(constant)}: without {roles.visit!r}, each row was used for all visits of its subject.")


def _count_visits(tables, log):
    seen, visits = {}, []
    for text in tables[0].ids:
        seen[text] = seen.get(text, 0) + 1
        visits.append(str(seen[text]))
    for table in tables:
        table.visits = np.array(visits, dtype=object)
    log.note(f"{tables[0].file}: ids repeat; rows are called <id>@1, <id>@2, … in the order of the file.")


def _without(table, name):
    return table.select(i for i, column in enumerate(table.names) if column != name)
