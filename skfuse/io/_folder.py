"""Which tables a cohort consists of: the files of a folder, or the prefixes of one wide table."""

from pathlib import Path

from skfuse.io._log import CohortError, DroppedRow, TableLog, shorten
from skfuse.io._names import (
    SEPARATOR,
    compile_patterns,
    drop_columns,
    feature_names,
    modality_name,
)
from skfuse.io._tables import PARQUET, TEXT, read_table

LABELS = ("labels", "participants")
_FORGOTTEN = (
    ".xlsx",
    ".xls",
    ".ods",
    ".sav",
    ".rds",
    ".rdata",
    ".mat",
    ".npy",
    ".npz",
    ".h5",
    ".feather",
    ".txt",
    ".zip",
)


def read_tables(path, roles, drop, log):
    """Read the labels and the modalities of a cohort.

    Parameters
    ----------
    path : str or Path
        A folder, or the file of one wide table.
    roles : Roles
        Which columns have a role.
    drop : str, list of str or None
        Regular expressions of columns to leave out.
    log : JoinLog

    Returns
    -------
    labels : RawTable or None
        Holds all columns of the labels table; of a wide table those that are no feature. None if there is no such
        table and no target is asked for.
    modalities : list of RawTable
        Columns named by feature; for a folder the column of visits is still among them.
    wide : bool
        Whether all tables are parts of one file, with the same rows.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    CohortError
        If files, names or tables are unusable.
    """
    path, patterns, used = Path(path), compile_patterns(drop), set()
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}.")
    wide = path.is_file()
    labels, modalities = (_read_wide if wide else _read_folder)(path, roles, log)
    kept = []
    for table in modalities:
        table = drop_columns(table, patterns, used, log)
        table = _leave_out_roles(table, roles, log)
        if roles.visit in table.names:
            log.roles[table.name] = [roles.visit]
        if [name for name in table.names if name != roles.visit]:
            kept.append(table)
        else:
            log.warn(f"Modality {table.name!r} has no column left and was left out.")
            if not wide:
                log_left_out(table, "its table has no column left", log)
    unused = [pattern.pattern for pattern in patterns if pattern not in used]
    if unused:
        log.warn(f"`drop` matches no column: {shorten(unused)}.")
    if not kept:
        raise CohortError(f"{path.name}: no modality is left. Check `drop`: {drop!r}.")
    if labels is not None:
        named = [name for name in labels.names if name in roles.names]
        left_out = [name for name in labels.names if name not in roles.names]
        if named:
            log.roles["labels"] = named
        if left_out:
            log.left_out["labels"] = left_out
    return labels, kept, wide


def log_left_out(table, reason, log):
    """Write that no row of a table was used."""
    log.dropped += [DroppedRow(table.name, text or "", reason) for text in table.ids]


def _leave_out_roles(table, roles, log):
    """Remove the columns of a modality that have a role; the target among predictors is an error."""
    if roles.target in table.names:
        raise CohortError(
            f"{table.file} holds a column {roles.target!r}, the name of the target, which would predict itself. Remove "
            f"it, or leave it out: drop='^{roles.target}$'."
        )
    taken = [name for name in table.names if name in roles.names and name != roles.visit]
    if taken:
        log.left_out[table.name] = taken
        log.warn(f"{table.file}: {shorten(taken)} is read from the labels table and was left out of {table.name!r}.")
        table = table.select(i for i, name in enumerate(table.names) if name not in taken)
    return table


def _split(path):
    """Return stem and suffix of a table's file: ('mri', '.csv') for mri.csv.gz."""
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return Path(name).stem, Path(name).suffix.lower()


def _read_folder(path, roles, log):
    labels_files, files = [], {}
    for item in sorted(path.iterdir()):
        stem, suffix = _split(item)
        if item.name.startswith("."):
            log.ignored_files[item.name] = "hidden"
        elif item.is_dir():
            log.ignored_files[item.name] = "folder"
        elif item.exists() and not item.is_file():  # reading a named pipe would wait for ever
            log.ignored_files[item.name] = "no ordinary file"
        elif suffix not in (*TEXT, *PARQUET):
            log.ignored_files[item.name] = "no table (csv, tsv, parquet, also gzipped)"
            if item.suffix.lower() in _FORGOTTEN:
                log.warn(f"{item.name} was not read; if it is a table of this cohort, export it as csv or parquet.")
        elif stem.lower() in LABELS:
            labels_files.append(item)
        else:
            name = modality_name(stem, item.name, log)
            if name in files:
                raise CohortError(
                    f"{files[name].name} and {item.name} are both modality {name!r}. Keep one, or rename one."
                )
            files[name] = item
    _check_files(path, labels_files, files, roles)
    labels, modalities = None, []
    if labels_files:
        labels = read_table(labels_files[0], "labels", log)
        _log_table(labels, log)
    for name, file in files.items():
        table = read_table(file, name, log)
        _log_table(table, log)
        table.names = feature_names(table.names, (name, _split(file)[0]), table.file, log)
        modalities.append(table)
    return labels, modalities


def _check_files(path, labels_files, files, roles):
    if len(labels_files) > 1:
        names = " and ".join(file.name for file in labels_files)
        raise CohortError(f"{path.name} holds two tables of labels: {names}. Keep one.")
    if not labels_files and roles.target is not None:
        found = shorten([file.name for file in files.values()]) or "no table at all"
        raise CohortError(
            f"{path.name} holds no labels.csv or participants.tsv, only {found}. Add a table with the ids and the "
            "target, or give the file of one wide table."
        )
    if not files:
        raise CohortError(
            f"{path.name} holds {labels_files[0].name if labels_files else 'no file that is a table'}, but no table of "
            "a modality. Add one table per modality, such as mri.csv, with ids in its first column."
        )


def _log_table(table, log):
    log.tables.append(TableLog(table.name, table.file, len(table), len(table.names)))


def _read_wide(path, roles, log):
    """Split a wide table; a column that has a role is no feature, whatever its prefix."""
    if _split(path)[1] not in (*TEXT, *PARQUET):
        raise CohortError(f"{path.name} is no csv, tsv or parquet file (also gzipped). Export it as one of these.")
    table = read_table(path, "labels", log)
    _log_table(table, log)
    prefixes, others = {}, []
    for i, name in enumerate(table.names):
        if SEPARATOR in name and name not in roles.names:
            prefixes.setdefault(name.split(SEPARATOR, 1)[0], []).append(i)
        else:
            others.append(i)
    if not prefixes:
        raise CohortError(
            f"{path.name} has no column named <modality>__<feature>. Rename its columns, as in 'mri__hippocampus_l', "
            "or give a folder with one table per modality and a table of labels."
        )
    modalities = {}
    for prefix, columns in prefixes.items():
        name = modality_name(prefix, f"{path.name}, column {table.names[columns[0]]!r}", log)
        if name in modalities:
            raise CohortError(f"{path.name}: two prefixes stand for modality {name!r}. Rename one of them.")
        features = feature_names([table.names[i] for i in columns], (prefix,), table.file, log)
        modalities[name] = table.select(columns, name=name, names=features)
    return table.select(others), list(modalities.values())
