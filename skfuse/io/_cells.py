"""Cells of one column: which are missing, which are numbers, and what the others are.

Everything runs on whole columns in Arrow; a table of 50,000 columns takes seconds.
"""

from dataclasses import dataclass

import numpy as np

from skfuse.io._log import CohortError, shorten
from skfuse.io._names import plain_name

# Compared in lower case, without blanks around them. The words "none" and "-" are not among them: they are levels
# of real columns ("no medication"), and text in a column of numbers is an error that names the cell.
MISSING_CODES = (
    "", ".", "na", "n/a", "nan", "-nan", "null", "<na>", "nat", "missing",
    "#n/a", "#n/a n/a", "#na", "#num!", "#div/0!", "#value!", "#ref!", "#name?", "#null!",
)  # fmt: skip
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_COMMA = r"^[+-]?([0-9]+,[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?$"
_THOUSANDS = r"^[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+$"
MAX_LEVELS = 20


@dataclass
class Parsed:
    """What a column holds.

    Parameters
    ----------
    kind : {"number", "comma", "boolean", "text"}
        ``"comma"`` are numbers with a decimal comma.
    numbers : ndarray of shape (n_rows,) or None
        NaN where missing; 0 and 1 for booleans; None for text.
    texts : ndarray of shape (n_rows,) of object or None
        For text, None where missing.
    """

    kind: str
    numbers: np.ndarray | None = None
    texts: np.ndarray | None = None


def _text(column):
    """Return a text column without blanks around its cells, null where a missing code stands."""
    import pyarrow as pa
    from pyarrow import compute as pc

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    trimmed = pc.utf8_trim_whitespace(column)
    codes = pa.array(MISSING_CODES, pa.string())
    return pc.if_else(pc.is_in(pc.utf8_lower(trimmed), codes), pa.scalar(None, pa.string()), trimmed)


def is_missing(column):
    """Return where a column, text or typed, has nothing: a boolean array of shape (n_rows,)."""
    import pyarrow as pa
    from pyarrow import compute as pc

    if pa.types.is_string(column.type):
        column = _text(column)
    return pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False)


def cell_texts(column):
    """Return a column as text.

    Parameters
    ----------
    column : pyarrow ChunkedArray
        Text, numbers, booleans or dates; 7.0 becomes ``"7"``.

    Returns
    -------
    texts : ndarray of shape (n_rows,) of object
        None where missing.
    """
    import pyarrow as pa

    if pa.types.is_string(column.type):
        values = _text(column).to_pylist()
    elif pa.types.is_floating(column.type):
        values = [None if v is None or v != v else _shortest(v) for v in column.to_pylist()]
    else:
        values = [None if v is None else str(v) for v in column.to_pylist()]
    texts = np.empty(len(values), dtype=object)
    texts[:] = values
    return texts


def _shortest(number):
    return str(int(number)) if np.isfinite(number) and number == int(number) else repr(number)


def parse_column(table, column):
    """Find out what a column of a table holds.

    Parameters
    ----------
    table : RawTable
    column : int
        Its position.

    Returns
    -------
    parsed : Parsed

    Raises
    ------
    CohortError
        If a cell is infinite, if at least half of the cells are numbers and some are not, or if the column is of a
        type that holds no values of a feature (dates, lists).
    """
    import pyarrow as pa
    from pyarrow import compute as pc

    values = table.cells.column(column)
    kind = values.type
    if pa.types.is_string(kind):
        return _parse_text(table, column)
    if pa.types.is_boolean(kind):
        return Parsed("boolean", pc.cast(pc.cast(values, pa.int8()), pa.float64()).to_numpy(zero_copy_only=False))
    if pa.types.is_null(kind):
        return Parsed("number", np.full(len(table), np.nan))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        narrow = pa.types.is_float32(kind) or pa.types.is_float16(kind)
        numbers = pc.cast(values, pa.float32() if narrow else pa.float64(), safe=False)
        return Parsed("number", _finite(numbers.to_numpy(), table, column))
    raise CohortError(
        f"{table.file}, column {table.names[column]!r} is of type {kind}, which is no feature. Convert it to numbers "
        f"or leave it out: drop='^{table.name}__{table.names[column]}$'."
    )


def _parse_text(table, column):
    """Try numbers first, on the raw cells, then without the missing codes; look closer only at what is left."""
    import pyarrow as pa
    from pyarrow import compute as pc

    raw = table.cells.column(column)
    try:
        return Parsed("number", _finite(pc.cast(raw, pa.float64()).to_numpy(), table, column))
    except pa.ArrowInvalid:
        text = _text(raw)
    try:
        numbers = pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False)
        return Parsed("number", _finite(numbers, table, column))
    except pa.ArrowInvalid:
        pass
    present = text.drop_null()
    if pc.all(pc.is_in(pc.utf8_lower(present), pa.array(["true", "false"]))).as_py():
        truth = pc.equal(pc.utf8_lower(text), "true")
        return Parsed("boolean", pc.cast(pc.cast(truth, pa.int8()), pa.float64()).to_numpy(zero_copy_only=False))
    return _parse_other(text, table, column)


def _parse_other(text, table, column):
    """Tell decimal commas, levels of a category, and numbers among which some cells are not."""
    import pyarrow as pa
    from pyarrow import compute as pc

    def matches(pattern):
        found = pc.match_substring_regex(text, pattern)
        return pc.fill_null(found, False).to_numpy(zero_copy_only=False)

    is_number, is_comma = matches(_NUMBER), matches(_COMMA)
    present = ~pc.is_null(text).to_numpy(zero_copy_only=False)
    numeric = is_number | is_comma
    strange = np.flatnonzero(present & ~numeric)
    if len(strange) == 0 and is_comma.any():
        # in a table split at commas, 1,234 may as well be one thousand
        doubtful = np.flatnonzero(is_comma & matches(_THOUSANDS)) if table.delimiter != ";" else []
        if len(doubtful) == is_comma.sum():
            raise _cell_error(table, column, text, doubtful[0], "may be a decimal comma or a thousands separator")
        pointed = np.flatnonzero(matches(r"\."))
        if len(pointed):
            raise _cell_error(table, column, text, pointed[0], "stands among cells with a decimal comma")
        numbers = pc.cast(pc.replace_substring(text, ",", "."), pa.float64()).to_numpy(zero_copy_only=False)
        return Parsed("comma", _finite(numbers, table, column))
    if numeric.sum() * 2 >= present.sum():
        rest = f" ({len(strange)} such cells)" if len(strange) > 1 else ""
        raise _cell_error(table, column, text, strange[0], f"is not a number{rest}")
    return Parsed("text", texts=cell_texts(text))


def _finite(numbers, table, column):
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        place = table.where(infinite[0], column)
        raise CohortError(f"{place}: the value is infinite. Leave the cell empty if the value is unknown.")
    return numbers


def _cell_error(table, column, text, row, complaint):
    cell = text[int(row)].as_py()
    cure = "" if table.name == "labels" else f"; to leave the column out: drop='^{table.name}__{table.names[column]}$'"
    return CohortError(
        f"{table.where(row, column)}: {cell[:40]!r} {complaint}. Correct the cell, or empty it if the value is "
        f"missing{cure}."
    )


def feature_columns(parsed, name, table):
    """Turn one parsed column into columns of numbers.

    Parameters
    ----------
    parsed : Parsed
    name : str
        Name of the feature.
    table : RawTable
        Where it comes from, for messages.

    Returns
    -------
    columns : list of (name, ndarray of shape (n_rows,))
        One column; for text of three levels and more one per level, named ``<feature>=<level>``.
    conversion : str or None
        What was done, if anything.

    Raises
    ------
    CohortError
        If text has more than 20 levels.
    """
    if parsed.kind == "number":
        return [(name, parsed.numbers)], None
    if parsed.kind == "boolean":
        return [(name, parsed.numbers)], f"{name} (false = 0, true = 1)"
    if parsed.kind == "comma":
        return [(name, parsed.numbers)], f"{name} (decimal comma)"
    levels = sorted({text for text in parsed.texts if text is not None})
    if len(levels) > MAX_LEVELS:
        raise CohortError(
            f"{table.file}, column {name!r} is text with {len(levels)} different values ({shorten(levels, 3)}), more "
            f"than the {MAX_LEVELS} levels of a category. Encode it as numbers or leave it out: drop={name!r}."
        )
    columns = list(zip(level_columns(name, levels), level_flags(parsed.texts, levels), strict=True))
    if len(levels) == 2:
        return columns, f"{name} ({levels[0]} = 0, {levels[1]} = 1)"
    return columns, f"{name} (a 0/1 column for each of: {', '.join(levels)})"


def level_columns(name, levels):
    """Return the names of the columns that a feature of these levels becomes: itself, or one per level."""
    return [name] if len(levels) == 2 else [f"{name}={plain_name(level)}" for level in levels]


def level_flags(texts, levels):
    """Return the columns that a feature of these levels becomes; NaN where the text is None."""
    missing = np.array([text is None for text in texts], dtype=bool)
    shown = levels[1:] if len(levels) == 2 else levels
    return [np.where(missing, np.nan, (texts == level).astype(float)) for level in shown]
