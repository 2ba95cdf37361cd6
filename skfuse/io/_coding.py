"""Columns as a model learned them: the same levels, the same order, whatever else a new table holds."""

import numpy as np

from skfuse.io._blocks import Block, refuse_mixed_decimals
from skfuse.io._cells import cell_texts, level_columns, level_flags, parse_column
from skfuse.io._log import CohortError, number_of, shorten

_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


def coding_of(like):
    """Return the coding that a cohort, a fitted model or a mapping carries.

    Parameters
    ----------
    like : Cohort, JoinLog, object with ``coding``, or dict
        Where the coding stands; of a mapping it is the mapping itself.

    Returns
    -------
    coding : dict
        For each modality ``columns``, ``boolean``, ``levels`` and ``dtype``.

    Raises
    ------
    ValueError
        If `like` carries none.
    """
    log = getattr(like, "log", None)
    found = getattr(like if log is None else log, "coding", like)
    if not isinstance(found, dict) or not found or not all("columns" in part for part in found.values()):
        raise ValueError(
            f"`like` must be a cohort made by read_cohort, a fitted model or a coding, got {type(like).__name__}. "
            "Read the training tables with read_cohort and give that cohort."
        )
    return found


def frame_coding(X):
    """Return the coding of a table that is numbers already: a pandas DataFrame with columns ``<modality>__<feature>``.

    Parameters
    ----------
    X : DataFrame of shape (n_subjects, n_features)

    Returns
    -------
    coding : dict
    """
    columns = {}
    for column in X.columns:
        modality, _, feature = str(column).partition("__")
        columns.setdefault(modality, []).append(feature)
    return {
        name: {"columns": features, "boolean": [], "levels": {}, "dtype": "float64"}
        for name, features in columns.items()
    }


def source_features(coding):
    """Return the features of one modality's table in the order of their columns, each with the columns it became.

    Parameters
    ----------
    coding : dict
        Of one modality.

    Returns
    -------
    sources : dict of str to list of str
    """
    feature_of = {made: name for name, levels in coding["levels"].items() for made in level_columns(name, levels)}
    sources = {}
    for column in coding["columns"]:
        sources.setdefault(feature_of.get(column, column), []).append(column)
    return sources


def coded_block(table, coding, log):
    """Convert a table to the columns that a model knows; what differs is logged.

    Parameters
    ----------
    table : RawTable
    coding : dict
        Of this modality.
    log : JoinLog

    Returns
    -------
    block : Block
        NaN in columns that the table lacks, and where a level was never seen in training.

    Raises
    ------
    CohortError
        If a feature of numbers holds text or true/false.
    """
    position = {name: i for i, name in enumerate(table.names)}
    sources, made, kinds, commas = source_features(coding), {}, {}, []
    for name, columns in sources.items():
        i = position.get(name)
        if i is None:
            made |= dict.fromkeys(columns, np.nan)
        elif name in coding["levels"]:
            levels = coding["levels"][name]
            texts = _known_texts(cell_texts(table.cells.column(i)), levels, name, table, log)
            made |= zip(columns, level_flags(texts, levels), strict=True)
        elif name in coding["boolean"]:
            made[name] = _truth(cell_texts(table.cells.column(i)), name, table, log)
        else:
            parsed = parse_column(table, i)
            _refuse_other_kind(parsed, table, i)
            kinds.setdefault(parsed.kind, []).append(i)
            commas += [name] if parsed.kind == "comma" else []
            made[name] = parsed.numbers
    refuse_mixed_decimals(table, kinds)
    if commas:
        log.convert(f"{table.file}: {number_of(len(commas), 'column')} of text with decimal commas: {shorten(commas)}.")
    _report(table, sources, position, log)
    values = np.empty((len(table), len(coding["columns"])), dtype=np.float64, order="F")
    for j, column in enumerate(coding["columns"]):
        values[:, j] = made[column]
    return Block(coding["columns"], _narrowed(values, coding, table), coding)


def _known_texts(texts, levels, name, table, log):
    """Return the texts, None where the level is new: the model knows no column for it."""
    known = np.array([text is None or text in levels for text in texts], dtype=bool)
    _report_new(texts[~known], levels, name, table, log)
    return np.where(known, texts, None)


def _truth(texts, name, table, log):
    """Return 0, 1 and NaN; what is neither true, false, 0 nor 1 was never seen."""
    lowered = [None if text is None else text.lower() for text in texts]
    known = np.array([text is None or text in _TRUTH for text in lowered], dtype=bool)
    _report_new(texts[~known], ("false", "true"), name, table, log)
    return np.array([_TRUTH.get(text, np.nan) for text in lowered])


def _report_new(texts, levels, name, table, log):
    if len(texts):
        counts = {text: int(np.sum(texts == text)) for text in dict.fromkeys(texts)}
        log.alignment.setdefault("new_levels", {}).setdefault(table.name, {})[name] = counts
        log.warn(
            f"{table.file}, column {name!r}: {number_of(len(texts), 'cell')} of levels that were not in training "
            f"({shorten(counts)}) became missing; known are {shorten(levels, 20)}."
        )


def _refuse_other_kind(parsed, table, column):
    if parsed.kind in ("number", "comma"):
        return
    found = "true and false" if parsed.kind == "boolean" else "text"
    raise CohortError(
        f"{table.file}: the column {table.names[column]!r} held numbers in training, but holds {found} here. Write "
        f"numbers, or leave it out (it is then missing): drop='^{table.name}__{table.names[column]}$'."
    )


def _report(table, sources, position, log):
    """Log columns that are lacking, unknown or in another order."""
    lacking = [name for name in sources if name not in position]
    extra = [name for name in table.names if name not in sources]
    order = [position[name] for name in sources if name in position]
    if lacking:
        log.alignment.setdefault("lacking_columns", {})[table.name] = lacking
        count = number_of(len(lacking), "column")
        log.warn(f"{table.file} lacks {count} of the model, read as missing: {shorten(lacking)}.")
    if extra:
        log.alignment.setdefault("extra_columns", {})[table.name] = extra
        count = number_of(len(extra), "column")
        log.warn(f"{table.file} has {count} that the model does not know, left out: {shorten(extra)}.")
    if order != sorted(order):
        log.alignment.setdefault("reordered", []).append(table.name)
        log.warn(f"{table.file} has its columns in another order than in training; they were put in that order.")


def _narrowed(values, coding, table):
    """Return values in the precision of training."""
    dtype = coding.get("dtype", "float64")
    if dtype == "float64":
        return values
    with np.errstate(over="ignore"):
        narrow = values.astype(dtype)
    if np.isinf(narrow).any():
        row, column = np.argwhere(np.isinf(narrow))[0]
        raise CohortError(
            f"{table.where(row)}, feature {coding['columns'][column]!r}: {values[row, column]:g} is beyond the range "
            f"of {dtype}, in which the model was trained. Check the cell."
        )
    return narrow
