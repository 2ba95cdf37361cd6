"""The table beside lesion masks: a score of each subject, covariates and exchangeability blocks."""

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from skfuse.io._cells import feature_columns, parse_column
from skfuse.io._ids import drop_blank_rows
from skfuse.io._log import CohortError, CohortWarning, JoinLog, number_of, shorten
from skfuse.io._tables import read_table


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores of subjects, covariates and blocks, as :func:`read_scores` reads them.

    Parameters
    ----------
    file : str
        Name of the file, for messages.
    ids : ndarray of shape (n_subjects,) of str
        Ids of the subjects.
    score : ndarray of shape (n_subjects,)
        NaN where missing.
    covariates : dict of str to ndarray of shape (n_subjects,)
        Numbers, NaN where missing; text became 0 and 1 for each of its levels but the first.
    blocks : ndarray of shape (n_subjects,) of object, or None
        Exchangeability blocks as text, None where missing.
    notes : list of str
        What was converted.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.io import ScoreTable
    >>> table = ScoreTable("scores.csv", np.array(["01", "02"]), np.array([7.0, np.nan]), {"age": np.array([61, 54])})
    >>> table.take([0]).ids, table.matrix().tolist()
    (array(['01'], dtype='<U2'), [[61], [54]])
    """

    file: str
    ids: np.ndarray
    score: np.ndarray
    covariates: dict = field(default_factory=dict)
    blocks: np.ndarray | None = None
    notes: list = field(default_factory=list)

    def take(self, rows):
        """Return some subjects, in this order.

        Parameters
        ----------
        rows : array-like of int

        Returns
        -------
        table : ScoreTable
        """
        covariates = {name: values[rows] for name, values in self.covariates.items()}
        blocks = None if self.blocks is None else self.blocks[rows]
        return replace(self, ids=self.ids[rows], score=self.score[rows], covariates=covariates, blocks=blocks)

    def refuse_gaps(self):
        """Refuse subjects without a covariate or a block, which no model could take.

        Raises
        ------
        CohortError
            Names them.
        """
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
        """Return the covariates side by side.

        Returns
        -------
        covariates : ndarray of shape (n_subjects, n_covariates), or None
            None where there are none.
        """
        return np.column_stack(list(self.covariates.values())) if self.covariates else None


def read_scores(path, score, *, covariates=(), subject=None, blocks=None):
    r"""Read the scores of subjects, and covariates and blocks beside them.

    Parameters
    ----------
    path : str or Path
        A csv, tsv or parquet file, gzipped or not.
    score : str
        Column of numbers; decimal commas are read too.
    covariates : sequence of str
        Columns of numbers, or of text with at most 20 levels.
    subject : str or None
        Column of ids; None is ``participant_id``, else the first.
    blocks : str or None
        Column of exchangeability blocks (sites), read as text.

    Returns
    -------
    table : ScoreTable
        A row for each row of the file that has an id.

    Raises
    ------
    CohortError
        If the table cannot be read, has no such column, or the score is not numbers.
    FileNotFoundError
        If there is no such file.

    Warns
    -----
    CohortWarning
        Where ids or an encoding were converted.

    See Also
    --------
    match_subjects : Which mask belongs to which row.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.io import read_scores
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "scores.csv")
    ...     _ = file.write_text("id,naming,sex\nsub-01,7,f\nsub-02,,m\n")
    ...     table = read_scores(file, "naming", covariates=["sex"])
    >>> table.score, table.covariates
    (array([ 7., nan]), {'sex': array([0., 1.])})
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no table {str(path)!r}. Name a csv, tsv or parquet file with the scores.")
    named = [score, *covariates, *([blocks] if blocks else [])]
    twice = sorted({name for name in named if named.count(name) > 1 and name != blocks})
    if twice:
        raise CohortError(f"Columns have two roles: {twice}. Name each once, as the score or as a covariate.")
    log = JoinLog(str(path))
    table = read_table(path, "labels", log, id_column=subject)
    table = table.take(drop_blank_rows(table, log))
    for name in named:
        table.position(name)
    numbers = _numbers(table, score, log)
    own = {}
    for name in covariates:
        own |= _coded(table, name, log)
    groups = None if blocks is None else table.texts(blocks)
    for message in log.warnings:
        warnings.warn(message, CohortWarning, stacklevel=2)
    return ScoreTable(table.file, table.ids, numbers, own, groups, log.conversions)


def _numbers(table, name, log):
    """The score as numbers."""
    parsed = parse_column(table, table.position(name))
    if parsed.kind == "text":
        found = list(dict.fromkeys(text for text in parsed.texts if text is not None))
        raise CohortError(
            f"{table.file}: a score is numbers, but {name!r} holds text ({shorten(found, 3)}). Code it as numbers, "
            "such as 0 and 1, or name another column as `score`."
        )
    if parsed.kind != "number":
        how = "false became 0, true 1" if parsed.kind == "boolean" else "decimal commas were read as points"
        log.note(f"{table.file}: of {name!r}, {how}.")
    return np.asarray(parsed.numbers, dtype=np.float64)


def _coded(table, name, log):
    """A covariate as columns of numbers; of text, a column for each level but the first."""
    parsed = parse_column(table, table.position(name))
    columns, conversion = feature_columns(parsed, name, table)
    if len(columns) > 1:  # one level is what the others are compared with
        log.note(f"{table.file}: {name} became {', '.join(column for column, _ in columns[1:])} (0 or 1).")
        columns = columns[1:]
    elif conversion:
        log.note(f"{table.file}: {conversion}.")
    return {column: np.asarray(values, dtype=np.float64) for column, values in columns}
