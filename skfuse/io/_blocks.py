"""From a raw table to one block of numbers: the columns of a modality, or the covariates."""

from dataclasses import dataclass

import numpy as np

from skfuse.io._cells import feature_columns, parse_column
from skfuse.io._log import CohortError, number_of, shorten


@dataclass
class Block:
    """Named columns of numbers.

    Parameters
    ----------
    names : list of str
    values : ndarray of shape (n_rows, n_features)
        NaN where missing; float32 if every number of a parquet file was, else float64.
    coding : dict
        How other tables become these columns; see `JoinLog.coding`.
    """

    names: list
    values: np.ndarray
    coding: dict


def numeric_block(table, log):
    """Convert every column of a table to numbers.

    Parameters
    ----------
    table : RawTable
    log : JoinLog
        Takes one line for each kind of conversion.

    Returns
    -------
    block : Block

    Raises
    ------
    CohortError
        If a cell is no number, or decimal commas and points are mixed.
    """
    names, columns, notes, kinds, levels = [], [], {}, {}, {}
    for i, name in enumerate(table.names):
        parsed = parse_column(table, i)
        kinds.setdefault(parsed.kind, []).append(i)
        made, conversion = feature_columns(parsed, name, table)
        if parsed.kind == "text":
            levels[name] = sorted({text for text in parsed.texts if text is not None})
        if conversion:
            notes.setdefault(parsed.kind, []).append(conversion)
        for made_name, values in made:
            names.append(made_name)
            columns.append(values)
    refuse_mixed_decimals(table, kinds)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise CohortError(
            f"{table.file}: after categories became columns, these names appear twice: {shorten(twice)}. Rename them."
        )
    for kind, lines in notes.items():
        what = {"boolean": "true/false", "comma": "text with decimal commas", "text": "categories"}[kind]
        log.convert(
            f"{table.file}: {number_of(len(lines), 'column')} of {what} converted to numbers: {shorten(lines)}."
        )
    kept = [values for values in columns if values.dtype == np.float32]
    floats = sum(len(made) for kind, made in kinds.items() if kind in ("number", "comma"))
    dtype = np.float32 if kept and len(kept) == floats else np.float64
    values = np.empty((len(table), len(columns)), dtype=dtype, order="F")
    for i, column in enumerate(columns):
        values[:, i] = column
    boolean = [table.names[i] for i in kinds.get("boolean", [])]
    return Block(names, values, {"columns": names, "boolean": boolean, "levels": levels, "dtype": values.dtype.name})


def refuse_mixed_decimals(table, kinds):
    """1.234 beside 3,14 may be one thousand: refuse to guess."""
    import pyarrow as pa
    from pyarrow import compute as pc

    if "comma" not in kinds:
        return
    for i in kinds.get("number", []):
        cells = table.cells.column(i)
        if not pa.types.is_string(cells.type):
            continue
        pointed = pc.match_substring_regex(cells, r"[0-9]\.[0-9]").to_numpy()
        if pointed.any():
            row = int(np.flatnonzero(pointed)[0])
            raise CohortError(
                f"{table.where(row, i)}: {cells[row].as_py()!r} has a decimal point, but column "
                f"{table.names[kinds['comma'][0]]!r} has decimal commas. Write all numbers of the file in one way."
            )


def describe(names, values):
    """Return which columns hold one value, and which hold none.

    Parameters
    ----------
    names : list of str
    values : ndarray of shape (n_rows, n_features)

    Returns
    -------
    constant, all_missing : list of str
    """
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)  # NaN only if nothing else is there
    constant = [names[i] for i in np.flatnonzero(low == high)]
    return constant, [names[i] for i in np.flatnonzero(np.isnan(low))]
