"""Read the modalities of subjects whose target is unknown, to predict it."""

import warnings
from pathlib import Path

import numpy as np

from skfuse.cohort import Cohort
from skfuse.io._blocks import Block
from skfuse.io._coding import coding_of
from skfuse.io._cohort import log_blocks, make_table, require_pandas
from skfuse.io._folder import log_left_out, read_tables
from skfuse.io._ids import refuse_other_spelling
from skfuse.io._join import join_blocks, locate, make_all_rows
from skfuse.io._log import CohortError, CohortWarning, JoinLog, number_of, shorten
from skfuse.io._roles import NO_TARGET, make_roles
from skfuse.io._visits import choose_rows


def read_modalities(path, *, like=None, site=None, visit=None, drop=None):
    r"""Read subjects without a target, in the columns that a model was trained on.

    Tables, formats and conversions are those of :func:`read_cohort`; the table of labels may be absent. With `like`,
    text becomes the columns it became in training, columns stand in the order of training, and every difference is in
    ``log.alignment``.

    Parameters
    ----------
    path : str or Path
        Folder of one table per modality, or the file of one wide table.
    like : Cohort, fitted model, dict or None
        Whose columns to make: the cohort of training, a model made by ``skfuse.deployment.fit_model``, or the
        ``coding`` of a log. None learns the columns from these tables, as `read_cohort` does.
    site : str or None
        Column of sites in the table of labels; where it is absent, sites are unknown.
    visit : str, tuple of (str, value) or None
        For repeated visits, as in `read_cohort`.
    drop : str, sequence of str or None
        Regular expressions of columns to leave out; they are missing then.

    Returns
    -------
    cohort : Cohort
        ``y`` is None. Everyone in any table has a row: those of the table of labels first, the others in order of
        appearance. Who has no modality keeps a row of NaN.

    Raises
    ------
    CohortError
        If a file, id, name or cell is unusable, a feature of numbers holds text, or no modality of `like` is there.
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If `like` carries no coding.
    ImportError
        If pandas or pyarrow is not installed.

    Warns
    -----
    CohortWarning
        For each conversion and each difference from training.

    See Also
    --------
    read_cohort : The same with a target, for training.

    Notes
    -----
    A column that is lacking, and a level of text that training never saw, is a missing cell: the model has learned
    nothing about it. A modality that is lacking is missing for everyone. Columns and modalities that the model does not
    know are left out.

    Examples
    --------
    >>> import warnings
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.io import read_modalities
    >>> coding = {
    ...     "mri": {"columns": ["volume", "hand"], "boolean": [], "levels": {"hand": ["left", "right"]}},
    ...     "pet": {"columns": ["suvr"], "boolean": [], "levels": {}},
    ... }
    >>> with TemporaryDirectory() as folder, warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # the log holds them all
    ...     _ = Path(folder, "mri.csv").write_text("id,hand,volume\n07,right,3.1\n08,both,2.4\n")
    ...     cohort = read_modalities(folder, like=coding)
    >>> cohort.X
        mri__volume  mri__hand  pet__suvr
    id
    07          3.1        1.0        NaN
    08          2.4        NaN        NaN
    >>> cohort.log.alignment["lacking_modalities"], cohort.log.alignment["new_levels"]
    (['pet'], {'mri': {'hand': {'both': 1}}})
    """
    require_pandas()
    coding = None if like is None else coding_of(like)
    log = JoinLog(str(path))
    roles = make_roles(NO_TARGET, site, (), None, visit)
    X, index, labels, rows = join_everybody(path, roles, drop, log, coding)
    cohort = Cohort(
        X=X,
        y=None,
        site=_read_site(labels, rows, roles, index, log),
        task=None,
        log=log,
        name=Path(path).resolve().name.split(".")[0],
    )
    for message in log.warnings:
        warnings.warn(message, CohortWarning, stacklevel=2)
    return cohort


def join_everybody(path, roles, drop, log, coding=None):
    """Join the tables of a cohort so that everybody in any of them has a row.

    Parameters
    ----------
    path : str or Path
    roles : Roles
    drop : str, sequence of str or None
    log : JoinLog
        Is written.
    coding : dict or None
        Columns to make; None learns them.

    Returns
    -------
    X : DataFrame of shape (n_subjects, n_features)
    index : Index of shape (n_subjects,)
    labels : RawTable or None
        With the rows that are left.
    rows : Rows
        Where each subject stands in `labels`.
    """
    labels, modalities, wide = read_tables(path, roles, drop, log)
    if coding is not None:
        modalities = _known(modalities, coding, wide, log)
    labels, modalities = choose_rows(labels, modalities, roles, wide, log)
    tables = [table for table in (labels, *modalities) if table is not None]
    if not wide:
        refuse_other_spelling(tables, log)
    _log_rows(tables[:1] if wide else tables, log)
    rows = make_all_rows(labels, modalities)
    blocks, present = join_blocks(modalities, {table.name: locate(table, rows) for table in modalities}, log, coding)
    if coding is not None:
        blocks, present = _with_lacking(blocks, present, coding, len(rows.ids), log)
    log_blocks(blocks, present, rows, log)
    return *make_table(blocks, rows, tables[0]), labels, rows


def _known(modalities, coding, wide, log):
    """Leave out modalities that the model does not know, and say which it knows and are not there."""
    found = [table.name for table in modalities]
    extra, lacking = [n for n in found if n not in coding], [n for n in coding if n not in found]
    if len(extra) == len(found):
        raise CohortError(
            f"{Path(log.source).name} holds none of the modalities of the model ({shorten(coding, 10)}), only "
            f"{shorten(found, 10)}. Name tables, or prefixes of columns, as in training."
        )
    if extra:
        log.alignment["extra_modalities"] = extra
        log.warn(f"The model does not know {shorten(extra)}; left out. It knows {shorten(coding, 10)}.")
    if lacking:
        log.alignment["lacking_modalities"] = lacking
        log.warn(f"There is no table of {shorten(lacking)}; read as missing for everyone.")
    for table in modalities:
        if table.name in extra and not wide:
            log_left_out(table, "the model does not know this modality", log)
    return [table for table in modalities if table.name in coding]


def _with_lacking(blocks, present, coding, n_rows, log):
    """Put the modalities in the order of the model, with one of NaN where there is no table."""
    where = {name: j for j, name in enumerate(blocks)}
    for name in coding:
        if name not in blocks:
            values = np.full((n_rows, len(coding[name]["columns"])), np.nan, dtype=coding[name].get("dtype", "float64"))
            blocks[name] = Block(coding[name]["columns"], values, coding[name])
    log.coding = coding
    nobody = np.zeros(n_rows, dtype=bool)
    present = np.stack([present[:, where[name]] if name in where else nobody for name in coding], axis=1)
    return {name: blocks[name] for name in coding}, present


def _log_rows(tables, log):
    """Every row that is left now has a row in the result."""
    kept = {table.name: len(table) for table in tables}
    for entry in log.tables:
        if entry.name in kept:
            entry.n_kept = kept[entry.name]


def _read_site(labels, rows, roles, index, log):
    import pandas as pd

    if roles.site is None:
        return None
    if labels is None or roles.site not in labels.names:
        where = "there is no table of labels" if labels is None else f"{labels.file} has no such column"
        log.warn(f"The sites ({roles.site!r}) are unknown: {where}.")
        return None
    sites = np.full(len(rows.ids), None, dtype=object)
    has = rows.labels >= 0
    sites[has] = labels.texts(roles.site)[rows.labels[has]]
    n_unknown = sum(site is None for site in sites)
    if n_unknown:
        log.warn(f"{number_of(n_unknown, 'row')} of {len(sites)} without {roles.site!r}.")
    return pd.Series(sites, index=index, name=roles.site)
