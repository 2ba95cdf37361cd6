"""The table beside lesion masks: a score of each subject, covariates and exchangeability blocks."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Scores:
    """Rows of the table.

    Parameters
    ----------
    file : str
        Its name, for messages.
    ids : ndarray of shape (n_rows,) of str
    score : ndarray of shape (n_rows,)
        NaN where missing.
    covariates : dict of str to ndarray of shape (n_rows,)
        Numbers, NaN where missing; text became 0 and 1 for each of its levels but the first.
    blocks : ndarray of shape (n_rows,) of object, or None
        Text, None where missing.
    notes : list of str
        What was converted.
    """

    file: str
    ids: np.ndarray
    score: np.ndarray
    covariates: dict
    blocks: np.ndarray | None
    notes: list

    def take(self, rows):
        """Return some rows, in this order."""
        covariates = {name: values[rows] for name, values in self.covariates.items()}
        blocks = None if self.blocks is None else self.blocks[rows]
        return Scores(self.file, self.ids[rows], self.score[rows], covariates, blocks, self.notes)

    def refuse_gaps(self):
        """Refuse rows without a covariate or a block, which the model could not take."""
        from skfuse.io import CohortError
        from skfuse.io._log import number_of, shorten

        gaps = {name: np.isnan(values) for name, values in self.covariates.items()}
        if self.blocks is not None:
            gaps["the block"] = np.array([one is None for one in self.blocks])
        said = [f"{name} ({shorten(self.ids[gap])})" for name, gap in gaps.items() if gap.any()]
        if said:
            rows = np.logical_or.reduce([gap for gap in gaps.values() if gap.any()])
            raise CohortError(
                f"{self.file} has no value for {number_of(rows.sum(), 'subject')} with a mask and a score: "
                f"{'; '.join(said)}. Fill the cells in, remove these rows from the table, or leave the column out."
            )

    def matrix(self):
        """Covariates of shape (n_rows, n_covariates), or None where there are none."""
        return np.column_stack(list(self.covariates.values())) if self.covariates else None


def read_scores(path, score, *, covariates=(), subject=None, blocks=None):
    """Read the table.

    Parameters
    ----------
    path : Path
        A csv, tsv or parquet file, gzipped or not.
    score : str
        Column of numbers.
    covariates : sequence of str
        Columns of numbers, or of text with few levels.
    subject : str or None
        Column of ids; None is ``participant_id``, else the first.
    blocks : str or None
        Column of exchangeability blocks, read as text.

    Returns
    -------
    scores : Scores

    Raises
    ------
    CohortError
        If the table cannot be read, has no such column, or the score is not numbers.
    """
    from skfuse.io import CohortError
    from skfuse.io._ids import drop_blank_rows
    from skfuse.io._log import JoinLog

    if not path.is_file():
        raise FileNotFoundError(f"There is no table {str(path)!r}. Name a csv, tsv or parquet file with the scores.")
    named = [score, *covariates, *([blocks] if blocks else [])]
    twice = sorted({name for name in named if named.count(name) > 1 and name != blocks})
    if twice:
        raise CohortError(f"Columns have two roles: {twice}. Name each once, as the score or as a covariate.")
    log = JoinLog(str(path))
    table = _read_table(path, subject, log)
    table = table.take(drop_blank_rows(table, log))
    for name in named:
        table.position(name)
    numbers = _numbers(table, score, log)
    own = {}
    for name in covariates:
        own |= _coded(table, name, log)
    groups = None if blocks is None else table.texts(blocks)
    return Scores(table.file, table.ids, numbers, own, groups, log.conversions)


def _read_table(path, subject, log):
    """A table with the ids from the column wanted."""
    from skfuse.io._parquet import read_parquet
    from skfuse.io._tables import PARQUET, RawTable, _clean_header, _count_from_one, _read_ids, read_table
    from skfuse.io._text import decode, parse, read_bytes

    if subject is None:
        return read_table(path, "labels", log)
    data, file = read_bytes(path), path.name
    if file.lower().removesuffix(".gz").endswith(PARQUET):
        (header, cells), delimiter, line_of = read_parquet(data, file), None, _count_from_one
    else:
        text = parse(decode(data, file, log), file)
        header, cells, delimiter, line_of = text.header, text.table, text.delimiter, text.line_of
    header, cells = _clean_header(header, cells, file, log)
    rest = [i for i, name in enumerate(header) if name != subject]
    names, rows = [header[i] for i in rest], np.arange(cells.num_rows)
    table = RawTable("labels", file, subject, np.empty(0), names, cells.select(rest), rows, line_of, delimiter)
    if len(rest) == len(header):
        table.id_name = ""
        table.position(subject)  # which names the columns that there are
    table.ids = _read_ids(cells.column(header.index(subject)), table, log)
    return table


def _numbers(table, name, log):
    """The score as numbers."""
    from skfuse.io import CohortError
    from skfuse.io._cells import parse_column
    from skfuse.io._log import shorten

    parsed = parse_column(table, table.position(name))
    if parsed.kind == "text":
        found = list(dict.fromkeys(text for text in parsed.texts if text is not None))
        raise CohortError(
            f"{table.file}: a score is numbers, but {name!r} holds text ({shorten(found, 3)}). Code it as numbers, "
            "such as 0 and 1, or name another column with --score."
        )
    if parsed.kind != "number":
        how = "false became 0, true 1" if parsed.kind == "boolean" else "decimal commas were read as points"
        log.note(f"{table.file}: of {name!r}, {how}.")
    return np.asarray(parsed.numbers, dtype=np.float64)


def _coded(table, name, log):
    """A covariate as columns of numbers; of text, a column for each level but the first."""
    from skfuse.io._cells import feature_columns, parse_column

    parsed = parse_column(table, table.position(name))
    columns, conversion = feature_columns(parsed, name, table)
    if len(columns) > 1:  # one level is what the others are compared with
        log.note(f"{table.file}: {name} became {', '.join(column for column, _ in columns[1:])} (0 or 1).")
        columns = columns[1:]
    elif conversion:
        log.note(f"{table.file}: {conversion}.")
    return {column: np.asarray(values, dtype=np.float64) for column, values in columns}
