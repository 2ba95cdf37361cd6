"""What happened while the tables of a cohort were joined."""

from collections import Counter
from dataclasses import asdict, dataclass, field


class CohortError(ValueError):
    """A cohort cannot be read as it is; the message, one line, names file, row or column and the cure."""

    def __init__(self, message=""):
        super().__init__(one_line(message))


class CohortWarning(UserWarning):
    """A cohort was read, but something was converted, left out or dropped on the way."""


@dataclass
class TableLog:
    """One table of a cohort: every row of it was either kept or dropped."""

    name: str
    file: str
    n_rows: int
    n_columns: int
    n_kept: int = 0

    @property
    def n_dropped(self):
        """Rows that were dropped, blank ones included."""
        return self.n_rows - self.n_kept


@dataclass
class DroppedRow:
    """A row that is not in the cohort: from which table, whose, and why."""

    table: str
    row_id: str
    reason: str


@dataclass
class JoinLog:
    r"""How the tables of a cohort were joined; ``print(log)`` shows it.

    Parameters
    ----------
    source : str
        The folder or file that was read.

    Attributes
    ----------
    tables : list of TableLog
        Rows in, rows kept, per table; in each of them rows in = rows kept + rows in `dropped`.
    dropped : list of DroppedRow
        Every row that did not enter the cohort, with its reason.
    lacking : dict
        For each modality the ids of the kept rows that lack it.
    shape : tuple of int
        Rows and columns of the joined table.
    n_features : dict
        Columns of each modality in the joined table.
    target : dict
        Name, task and, for classes, how many rows each has.
    ignored_files : dict
        Files beside the tables, and why they were not read.
    roles : dict
        For each table the columns that an argument named: target, site, covariates, groups, visit.
    left_out : dict
        For each table the columns that no argument named, or that another table is asked for.
    dropped_columns : dict
        For each modality the columns that `drop` matched.
    conversions : list of str
        Values, names and ids that were changed, and how.
    constant, all_missing : dict
        Columns of the joined table, by modality, that hold one value or none. They are kept.
    coding : dict
        For each modality how its table became columns of numbers, so that another table can be read the same way:
        ``columns`` (names without prefix, in order), ``boolean`` (features that were true or false), ``levels``
        (features that were text, and their levels in order) and ``dtype``.
    alignment : dict
        Where tables were read for a model: how they differ from those of its training. ``lacking_modalities``,
        ``extra_modalities``, ``reordered`` (modalities) and, by modality, ``lacking_columns``, ``extra_columns`` and
        ``new_levels`` (feature to level to number of cells).
    warnings : list of str
        Everything that was also given as a :class:`CohortWarning`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.io import read_cohort
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "labels.csv").write_text("id,iq\n01,101.5\n02,98.25\n03,110.75\n")
    ...     _ = Path(folder, "mri.csv").write_text("id,v\n01,3.1\n03,2.4\n02,2.2\n")
    ...     log = read_cohort(folder, "iq", task="regression").log
    >>> log.shape, log.lacking, log.dropped
    ((3, 1), {'mri': []}, [])
    """

    source: str
    tables: list = field(default_factory=list)
    dropped: list = field(default_factory=list)
    lacking: dict = field(default_factory=dict)
    shape: tuple = (0, 0)
    n_features: dict = field(default_factory=dict)
    target: dict = field(default_factory=dict)
    ignored_files: dict = field(default_factory=dict)
    roles: dict = field(default_factory=dict)
    left_out: dict = field(default_factory=dict)
    dropped_columns: dict = field(default_factory=dict)
    conversions: list = field(default_factory=list)
    constant: dict = field(default_factory=dict)
    all_missing: dict = field(default_factory=dict)
    coding: dict = field(default_factory=dict)
    alignment: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)

    def warn(self, message):
        """Keep a message that the reader gives as a warning at its end."""
        self.warnings.append(one_line(message))

    def convert(self, message):
        """Keep a conversion that changes values or names: it is logged and given as a warning."""
        self.note(message)
        self.warn(message)

    def note(self, message):
        """Keep a conversion that changes no value: it is logged, and gives no warning."""
        self.conversions.append(one_line(message))

    def to_dict(self):
        """Return everything as plain lists and dicts, ready for JSON."""
        content = asdict(self)
        content["shape"] = list(self.shape)
        for entry, table in zip(content["tables"], self.tables, strict=True):
            entry["n_dropped"] = table.n_dropped
        return content

    def to_text(self, *, limit=5):
        """Return a page of text.

        Parameters
        ----------
        limit : int
            Names shown of each list; the rest are counted.

        Returns
        -------
        text : str
            Lines of text, without a trailing newline.
        """
        lines = [f"Cohort {self.source}: {number_of(self.shape[0], 'row')}, {number_of(self.shape[1], 'feature')}"]
        if self.target:
            lines.append(self._target_line())
        lines += ["", "Tables (rows in = kept + dropped)"]
        lines += [
            f"  {table.name} ({table.file}): {table.n_rows} = {table.n_kept} + {table.n_dropped}; "
            f"{number_of(table.n_columns, 'column')}"
            for table in self.tables
        ]
        lines += ["", "Modalities"]
        for name, ids in self.lacking.items():
            lacks = f"; {len(ids)} lack it: {shorten(ids, limit)}" if ids else "; nobody lacks it"
            lines.append(f"  {name}: {number_of(self.n_features.get(name, 0), 'feature')}{lacks}")
        lines += _section("Dropped rows", self._dropped_lines(limit))
        for title, names in [
            (
                "Files not read",
                {
                    f"{why}": [f for f, w in self.ignored_files.items() if w == why]
                    for why in dict.fromkeys(self.ignored_files.values())
                },
            ),
            ("Columns left out, as no argument names them", self.left_out),
            ("Columns dropped by `drop`", self.dropped_columns),
            ("Columns of one value (kept)", self.constant),
            ("Columns without any value (kept)", self.all_missing),
        ]:
            lines += _section(title, [f"{key}: {len(v)}: {shorten(v, limit)}" for key, v in names.items() if v])
        lines += _section("Conversions", self.conversions)
        lines += _section("Warnings", [w for w in self.warnings if w not in self.conversions])
        return "\n".join(lines)

    def __str__(self):
        return self.to_text()

    def _target_line(self):
        counts = self.target.get("counts")
        shown = "" if counts is None else ": " + ", ".join(f"{k} {v}" for k, v in counts.items())
        return f"Target {self.target['name']}, {self.target['task']}{shown}"

    def _dropped_lines(self, limit):
        grouped = Counter((row.table, row.reason) for row in self.dropped)
        ids = {key: [] for key in grouped}
        for row in self.dropped:
            if row.row_id:
                ids[row.table, row.reason].append(row.row_id)
        return [
            f"{table}: {count}, {reason}" + (f": {shorten(names, limit)}" if names else "")
            for ((table, reason), count), names in zip(grouped.items(), ids.values(), strict=True)
        ]


def one_line(message):
    """Return a message without line breaks, which names and cells of a file may bring in."""
    return " ".join(str(message).splitlines())


def number_of(count, noun):
    """Return ``"1 row"`` or ``"2 rows"``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shorten(names, limit=5):
    """Return the first names, separated by commas, and how many more there are."""
    names = [str(name) for name in names]
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def _section(title, lines):
    return ["", title, *(f"  {line}" for line in lines)] if lines else []
