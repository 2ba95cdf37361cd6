"""Read a cohort from a folder of tables or from one wide table."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from skfuse.cohort import Cohort
from skfuse.io._blocks import describe
from skfuse.io._folder import read_tables
from skfuse.io._ids import check_spelling
from skfuse.io._join import (
    NO_MODALITY,
    NO_TARGET,
    join_blocks,
    locate,
    log_dropped_rows,
    make_rows,
    refuse_nothing_left,
)
from skfuse.io._log import CohortError, CohortWarning, JoinLog
from skfuse.io._names import SEPARATOR
from skfuse.io._roles import TASKS, check_columns, make_roles, read_covariates, read_groups, read_site
from skfuse.io._target import make_y, read_target
from skfuse.io._visits import choose_rows


def read_cohort(
    path, target, *, site=None, covariates=(), groups=None, visit=None, positive=None, drop=None, task=None
):
    r"""Read a cohort: one table per modality and a table of labels, or one wide table.

    A folder holds one table per modality, whose file name is the modality (``mri.csv``, ``pet.tsv.gz``,
    ``genes.parquet``), and one table called ``labels`` or ``participants``. A single file is a wide table whose columns
    are called ``<modality>__<feature>``. The first column (or ``participant_id``) holds the ids. Tables are joined on
    them (outer join): who lacks a table lacks the modality. What was dropped, converted and left out stands in
    ``cohort.log``, which ``print`` shows.

    Parameters
    ----------
    path : str or Path
        The folder or file: csv, tsv or parquet, also gzipped.
    target : str
        Column of the labels table to predict. Numbers with many distinct values make a regression, everything else
        a classification.
    site : str or None
        Column of sites; read as text.
    covariates : str or sequence of str
        Columns of age, sex and the like; categories are converted as described in Notes.
    groups : str or None
        Column whose equal values belong together (a person, a family), so that they stay on one side of every split.
        The column of ids may be named too.
    visit : str, tuple of (str, value) or None
        For repeated visits. ``"session=baseline"`` or ``("session", "baseline")`` reads that visit in every table that
        has the column. ``"session"`` alone keeps all visits: rows are called ``<id>@<visit>``, a table without the
        column serves all visits of its subjects, and `groups` is the subject unless it names a column. In a wide
        table `groups` alone is enough; rows are then called ``<id>@1``, ``<id>@2``.
    positive : str, number, bool or None
        Class label that becomes 1; all others become 0.
    drop : str, sequence of str or None
        Regular expressions; columns of modalities in whose name, bare or with the prefix ``<modality>__``, one of
        them is found are left out before anything is converted.
    task : {"classification", "regression"} or None
        Overrides the guess.

    Returns
    -------
    cohort : Cohort
        Rows in the order of the labels table, the ids as index. ``X`` is float64 (float32 is kept from parquet), a
        missing modality is a row of NaN in all its columns; units are those of the files. ``log`` is a
        :class:`JoinLog`.

    Raises
    ------
    CohortError
        If a file, id, name, cell or target is unusable; the message names it and the cure.
    FileNotFoundError
        If there is nothing at `path`.
    ImportError
        If pandas or pyarrow is not installed.

    Warns
    -----
    CohortWarning
        For each conversion and each kind of dropped row.

    Notes
    -----
    Conversions, all of them in the log:

    - Encoding: utf-8, utf-16 or utf-32 with a mark; otherwise cp1252 or latin-1.
    - Missing cells, in any case: empty, ``.``, ``NA``, ``N/A``, ``NaN``, ``null``, ``<NA>``, ``NaT``, ``missing`` and
      the errors of Excel (``#N/A``, ``#NUM!``, ``#DIV/0!``, ``#VALUE!``, ``#REF!``, ``#NAME?``, ``#NULL!``).
    - Decimal commas become points if the whole file has them; in a comma separated file ``"1,234"`` alone is refused,
      as it may be one thousand.
    - True and false become 1 and 0. Text of two levels becomes 0 and 1 in alphabetical order; text of one or 3 to 20
      levels becomes a 0/1 column per level, called ``<feature>=<level>``. A column of which at least half the cells are
      numbers must be all numbers.
    - Ids are text: ``007`` is not ``7``. Whole decimals (``7.0``) become ``7``; the prefix ``sub-`` is removed where
      some tables have it on all ids and others on none. Other differences in spelling are an error.
    - In the name of a modality, what is neither letter, digit nor underscore becomes an underscore; in the name of a
      feature, ``__`` becomes ``_``.

    Rows without target and rows without any modality are dropped. Columns of the labels table that no argument names
    are left out: they can never become predictors.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "labels.csv").write_text("id,converter,age\n01,no,70\n02,yes,75\n03,no,68\n")
    ...     _ = Path(folder, "mri.csv").write_text("id,hippocampus\n01,3.1\n02,2.4\n")
    ...     _ = Path(folder, "pet.csv").write_text("id,suvr\n03,1.1\n02,1.6\n")
    ...     cohort = read_cohort(folder, "converter", positive="yes", covariates=["age"])
    >>> cohort.X
        mri__hippocampus  pet__suvr
    id
    01               3.1        NaN
    02               2.4        1.6
    03               NaN        1.1
    >>> cohort.y.tolist(), cohort.log.lacking
    ([0, 1, 0], {'mri': ['03'], 'pet': ['01']})
    """
    require_pandas()
    if task not in TASKS:
        raise CohortError(f"`task` must be 'classification' or 'regression', got {task!r}.")
    log = JoinLog(str(path))
    roles = make_roles(target, site, covariates, groups, visit)
    labels, modalities, wide = read_tables(path, roles, drop, log)
    check_columns(labels, roles)
    labels, modalities = choose_rows(labels, modalities, roles, wide, log)
    if not wide:
        for table in modalities:
            check_spelling(labels, table)

    # which rows are kept: a target and at least one modality
    rows = make_rows(labels, modalities)
    positions = {table.name: locate(table, rows) for table in modalities}
    wanted = read_target(labels, roles)
    reasons = np.where(wanted.missing[rows.labels], NO_TARGET, None)
    refuse_nothing_left(reasons, labels, target)
    keep = np.equal(reasons, None)
    blocks, present = join_blocks(modalities, {name: where[keep] for name, where in positions.items()}, log)
    reasons[np.flatnonzero(keep)[~present.any(axis=1)]] = NO_MODALITY
    refuse_nothing_left(reasons, labels, target)
    log_dropped_rows(labels, modalities, rows, positions, reasons, wide, log)

    rows, some = rows.take(np.equal(reasons, None)), present.any(axis=1)
    for block in blocks.values():
        if not some.all():
            block.values = block.values[some]
    log_blocks(blocks, present[some], rows, log)
    y, task = make_y(wanted, rows.labels, positive, task, log)
    cohort = _make_cohort(path, labels, rows, blocks, y, task, roles, log)
    for message in log.warnings:
        warnings.warn(message, CohortWarning, stacklevel=2)
    return cohort


def require_pandas():
    """Raise an ImportError that says what to install, unless pandas and pyarrow are there."""
    for package in ("pandas", "pyarrow"):
        if find_spec(package) is None:
            raise ImportError(f'Reading a cohort needs {package}: pip install "skfuse[app]".')


def log_blocks(blocks, present, rows, log):
    """Write what is in the blocks."""
    names = rows.names
    for j, (modality, block) in enumerate(blocks.items()):
        constant, empty = describe(block.names, block.values)
        if constant:
            log.constant[modality] = constant
        if empty:
            log.all_missing[modality] = empty
        log.lacking[modality] = [str(name) for name in names[~present[:, j]]]
        log.n_features[modality] = len(block.names)
    log.shape = (len(names), sum(log.n_features.values()))


def make_table(blocks, rows, ids_of):
    """Return the joined table and its index, which is called like the column of ids of the table `ids_of`."""
    import pandas as pd

    id_name = ids_of.id_name if ids_of.id_name != "the first column" else None
    index = pd.Index(rows.names, name=id_name)
    frames = [
        pd.DataFrame(block.values, index=index, columns=[f"{modality}{SEPARATOR}{name}" for name in block.names])
        for modality, block in blocks.items()
    ]
    return (frames[0] if len(frames) == 1 else pd.concat(frames, axis=1)), index


def _make_cohort(path, labels, rows, blocks, y, task, roles, log):
    import pandas as pd

    X, index = make_table(blocks, rows, labels)
    covariates = read_covariates(labels, rows, roles, log)

    def series(values, name):
        return None if values is None else pd.Series(values, index=index, name=name)

    return Cohort(
        X=X,
        y=series(y, roles.target),
        site=series(read_site(labels, rows, roles, log), roles.site),
        covariates=None
        if covariates is None
        else pd.DataFrame(covariates.values, index=index, columns=covariates.names),
        groups=series(read_groups(labels, rows, roles), roles.groups or index.name),
        task=task,
        log=log,
        name=Path(path).resolve().name.split(".")[0],
    )
