"""One table of a cohort as read from its file: the ids, and named columns whose cells are not yet converted."""

import re
from dataclasses import dataclass, replace

import numpy as np

from skfuse.io._cells import cell_texts, is_missing
from skfuse.io._log import CohortError, number_of, shorten
from skfuse.io._parquet import read_parquet
from skfuse.io._text import decode, parse, read_bytes

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv")


_DECIMAL = re.compile(r"[+-]?[0-9]*[.,][0-9]+([eE][+-]?[0-9]+)?")


@dataclass
class RawTable:
    """Rows of one table.

    Parameters
    ----------
    name : str
        The modality, or ``"labels"``.
    file : str
        The file, for messages.
    id_name : str
        Name of the column of ids.
    ids : ndarray of shape (n_rows,) of str
        Ids as text, without blanks around them.
    names : list of str
        Names of the other columns.
    cells : pyarrow.Table of shape (n_rows, n_columns)
        Their cells: text from a text file, typed from parquet.
    rows : ndarray of shape (n_rows,) of int
        Which row of the file each one is, counted from 0 below the header.
    line_of : callable
        From a row of the file to the number that a message shows.
    delimiter : str or None
        Of a text file.
    visits : ndarray of shape (n_rows,) of str, or None
        Which visit each row is, where rows are told apart by visit.
    """

    name: str
    file: str
    id_name: str
    ids: np.ndarray
    names: list
    cells: object
    rows: np.ndarray
    line_of: object
    delimiter: str | None = None
    visits: np.ndarray | None = None

    def __len__(self):
        return len(self.ids)

    def take(self, rows):
        """Return the table with the rows at these positions, in this order."""
        if len(rows) == len(self) and np.array_equal(rows, np.arange(len(self))):
            return self
        visits = None if self.visits is None else self.visits[rows]
        cells = self.cells.take(rows) if self.names else self.cells  # Arrow cannot take rows of no columns
        return replace(self, ids=self.ids[rows], cells=cells, rows=self.rows[rows], visits=visits)

    def select(self, columns, **changes):
        """Return the table with the columns at these positions."""
        columns = list(columns)
        names = changes.pop("names", [self.names[i] for i in columns])
        return replace(self, names=names, cells=self.cells.select(columns), **changes)

    def where(self, row, column=None):
        """Return where a cell is, for messages: the file, row and column."""
        place = f"{self.file}, row {self.line_of(int(self.rows[row]))}"
        return place if column is None else f"{place}, column {self.names[column]!r}"

    def position(self, name):
        """Return the position of a column."""
        if name == self.id_name:
            raise CohortError(f"{name!r} is the column of ids of {self.file} and cannot be used as anything else.")
        if name not in self.names:
            raise CohortError(f"{self.file} has no column {name!r}. Its columns are: {shorten(self.names, 12)}.")
        return self.names.index(name)

    def texts(self, name):
        """Return a column as text, None where missing: an ndarray of objects."""
        return cell_texts(self.cells.column(self.position(name)))


def read_table(path, name, log, *, id_column=None):
    """Read one table.

    Parameters
    ----------
    path : Path
        A csv, tsv or parquet file, gzipped or not.
    name : str
        The modality, or ``"labels"``.
    log : JoinLog
        Takes rows in, and the conversions of encoding and ids.
    id_column : str or None
        Name of the column of ids; None is ``participant_id``, else the first.

    Returns
    -------
    table : RawTable

    Raises
    ------
    CohortError
        If the file is no table, has no such column of ids, or its ids or names are unusable.
    """
    file = path.name
    data = read_bytes(path)
    if file.lower().removesuffix(".gz").endswith(PARQUET):
        header, cells = read_parquet(data, file)
        delimiter, line_of, n_blank = None, _count_from_one, 0
    else:
        text = parse(decode(data, file, log), file)
        header, cells, delimiter, line_of = text.header, text.table, text.delimiter, text.line_of
        n_blank = text.n_blank
    if n_blank:
        log.note(f"{file}: skipped {number_of(n_blank, 'line')} of blanks.")
    header, cells = _clean_header(header, cells, file, log)
    first = _position_of_ids(header, id_column, file, log)
    rest = [i for i in range(len(header)) if i != first]
    table = RawTable(
        name, file, header[first] or "the first column", np.empty(0), [header[i] for i in rest],
        cells.select(rest), np.arange(cells.num_rows), line_of, delimiter,
    )  # fmt: skip
    table.ids = _read_ids(cells.column(first), table, log)
    return table


def _position_of_ids(header, id_column, file, log):
    """Which column holds the ids: the one that is wanted, ``participant_id``, else the first."""
    if id_column is not None:
        if id_column not in header:
            raise CohortError(f"{file} has no column {id_column!r}. Its columns are: {shorten(header, 12)}.")
        return header.index(id_column)
    first = header.index("participant_id") if "participant_id" in header else 0
    if first:
        log.note(f"{file}: the ids are in 'participant_id', which is not the first column.")
    return first


def _count_from_one(row):
    return row + 1


def _clean_header(header, cells, file, log):
    """Strip names, leave out the empty columns that Excel adds, refuse names that are missing or repeated."""
    stripped = [name.strip() for name in header]
    if stripped != header:
        log.note(f"{file}: blanks around names of columns were removed.")
    keep = [i for i, name in enumerate(stripped) if name or i == 0 or not is_missing(cells.column(i)).all()]
    if len(keep) < len(stripped):
        log.note(f"{file}: left out {number_of(len(stripped) - len(keep), 'empty column')} without a name.")
    header, cells = [stripped[i] for i in keep], cells.select(keep)
    unnamed = [i + 1 for i, name in zip(keep[1:], header[1:], strict=True) if not name]
    if unnamed:
        raise CohortError(f"{file}: columns {shorten(unnamed)} (counted from 1) have no name. Name them in the header.")
    if len(header) < 2:
        raise CohortError(
            f"{file} has a single column, {header[0]!r}. A table needs ids and at least one more column, separated by "
            "commas, semicolons or tabs."
        )
    if len(set(header)) < len(header):
        seen = set()
        twice = dict.fromkeys(name for name in header if name in seen or seen.add(name))
        raise CohortError(f"{file} holds column names more than once: {shorten(twice)}. Rename or remove the copies.")
    decimals = [name for name in header[1:] if _DECIMAL.fullmatch(name)]
    if decimals and 2 * len(decimals) >= len(header) - 1:
        raise CohortError(
            f"{file} has names of columns that look like data: {shorten(decimals)}. Its first row must hold names; add "
            "a row with the id column and the features."
        )
    return header, cells


def _read_ids(column, table, log):
    """Return ids as text; rows without an id must be blank."""
    import pyarrow as pa

    ids = cell_texts(column)
    if pa.types.is_string(column.type):
        raw = column.to_pylist()
        if any(a is not None and a != b for a, b in zip(ids, raw, strict=True)):
            log.note(f"{table.file}: blanks around ids were removed.")
    elif not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise CohortError(f"{table.file}: the ids in {table.id_name!r} are of type {column.type}. Write them as text.")
    missing = np.flatnonzero([text is None for text in ids])
    if len(missing):
        filled = ~np.all([is_missing(c) for c in table.cells.take(missing).columns], axis=0)
        if filled.any():
            where = [table.line_of(int(row)) for row in missing[filled][:5]]
            raise CohortError(
                f"{table.file}: rows {shorten(where)} hold values, but no id. Give them an id or remove them."
            )
    return _without_decimals(ids, table.file, column, log)


def _without_decimals(ids, file, column, log):
    """Turn ids such as 7.0 into 7: a program took them for numbers."""
    import pyarrow as pa
    from pyarrow import compute as pc

    present = pa.array([text for text in ids if text is not None], pa.string())
    decimals = pc.match_substring_regex(present, r"^[0-9]+\.0+$")
    integers = pc.match_substring_regex(present, r"^[0-9]+(\.0+)?$")
    typed = pa.types.is_floating(column.type)
    if len(present) and pc.all(integers).as_py() and (typed or pc.any(decimals).as_py()):
        example = present[0].as_py() if typed else present.filter(decimals)[0].as_py()
        example = example.split(".")[0]
        log.convert(f"{file}: ids are decimal numbers; '{example}.0' was read as '{example}'.")
        return np.array([None if text is None else text.split(".")[0] for text in ids], dtype=object)
    return ids
