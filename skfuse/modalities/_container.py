"""Columns, blocks and rows of the containers that hold a table: pandas, polars, arrays."""

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.utils import check_array

from skfuse._chunks import chunks
from skfuse._validation import _get_feature_names

_CHUNK_BYTES = 1 << 23  # 8 MB: large enough for NumPy, small beside any block that needs care


def is_frame(X):
    """Whether `X` is a data frame (pandas, polars, or another that narwhals knows)."""
    return nw.dependencies.is_into_dataframe(X)


def frame_library(X):
    """Name of the library of a data frame, ``"pandas"`` or ``"polars"``; None for arrays."""
    return type(X).__module__.split(".")[0] if is_frame(X) else None


def column_names(X):
    """Names of the columns as a list of str, or None where there are none (arrays, integer names)."""
    if frame_library(X) == "pandas" and not X.columns.is_unique:
        twice = X.columns[X.columns.duplicated()].unique().tolist()
        shown = f"{twice[:5]}{f', … {len(twice)} in all' if len(twice) > 5 else ''}"
        raise ValueError(f"Column names appear more than once: {shown}. Rename or drop the copies.")
    names = _get_feature_names(X) if is_frame(X) else None
    return None if names is None else names.tolist()


def n_columns(X):
    """Count the columns of a table."""
    return X.shape[1]


def take_columns(X, columns):
    """Columns of `X` by position (slice or integer array), in the container of `X`."""
    if not is_frame(X):
        return X[:, columns]
    if frame_library(X) == "pandas":
        return X.iloc[:, columns]
    if isinstance(columns, slice):
        columns = np.arange(n_columns(X))[columns]
    return nw.from_native(X, eager_only=True)[:, columns.tolist()].to_native()


def take_rows(X, rows):
    """Rows of `X` by position (integer array), in the container of `X`."""
    if not is_frame(X):
        return X[rows]
    return X.iloc[rows] if frame_library(X) == "pandas" else nw.from_native(X, eager_only=True)[rows, :].to_native()


def as_table(X):
    """A frame as it is, anything else as a 2-D array of numbers; neither is searched for NaN here."""
    return X if is_frame(X) else as_array(X, ensure_min_samples=0)


def as_array(X, **checks):
    """A 2-D array of numbers; `checks` go to scikit-learn's ``check_array``."""
    if isinstance(X, np.ndarray) and X.dtype.kind == "O":
        X = _without_na(X)
    array = check_array(X, dtype="numeric", ensure_all_finite=False, **checks)
    return _without_na(array).astype(np.float64) if array.dtype.kind == "O" else array  # lists with None


def _without_na(objects):
    """Objects with NaN in place of pandas.NA, which is no float."""
    missing = np.array([type(cell).__name__ == "NAType" for cell in objects.flat], dtype=bool)
    return np.where(missing.reshape(objects.shape), np.nan, objects) if missing.any() else objects


def to_floats(block, label):
    """A block as a float array, float32 kept, every kind of missing value as NaN.

    Parameters
    ----------
    block : ndarray or data frame of shape (n_subjects, n_features)
        The columns of one modality.
    label : str
        How messages call the block, such as ``"Modality 'mri'"``.

    Returns
    -------
    values : ndarray of shape (n_subjects, n_features)
        float32 or float64; a view of `block` where that is possible.

    Raises
    ------
    ValueError
        If a column is not numeric, or a cell is infinite; the message names it.
    """
    if not is_frame(block):
        values = block if block.dtype.kind == "f" and block.itemsize >= 4 else block.astype(np.float64)
    else:
        values = _frame_to_floats(block, label)
    _refuse_infinite(values, block, label)
    return values


def _frame_to_floats(block, label):
    frame = nw.from_native(block, eager_only=True)
    if frame_library(block) == "pandas":
        types = set(block.dtypes)
        plain = {str(dtype) for dtype in types}
        if plain == {"float32"} or plain == {"float64"}:
            return block.to_numpy()
        if not {getattr(_held_type(dtype), "kind", "O") for dtype in types} & set("mMc"):
            dtype = np.float32 if plain <= {"float32", "Float32", "float[pyarrow]"} else np.float64
            if "object" in plain:  # pandas.NA among objects is no float
                block = block.astype(object).where(block.notna(), np.nan)
            try:
                return block.to_numpy(dtype=dtype, na_value=np.nan)
            except (TypeError, ValueError):
                pass  # named cell by cell below
    elif not any(dtype.is_temporal() for dtype in frame.schema.dtypes()):
        values = frame.to_numpy()
        if values.dtype == np.float32 and all(dtype == nw.Float32 for dtype in frame.schema.dtypes()):
            return values
        try:
            return values.astype(np.float64, copy=False)
        except (TypeError, ValueError):
            pass
    raise ValueError(_name_the_text(frame, label))


def _held_type(dtype):
    """The type of the categories of a category, any other type as it is."""
    categories = getattr(dtype, "categories", None)
    return dtype if categories is None else categories.dtype


def _name_the_text(frame, label):
    """Say which column cannot be read as numbers, and by which cell."""
    for name in frame.columns:
        column = frame[name]
        cells = column.to_list()
        if column.dtype.is_temporal() or any(hasattr(cell, "isoformat") and cell == cell for cell in cells):
            return (
                f"{label} holds dates in column {name!r}. Turn them into numbers (days since a visit, age) or "
                "leave the column out of the modality."
            )
        for row, value in enumerate(cells):
            try:
                float(np.nan if value is None else value)
            except (TypeError, ValueError):
                if type(value).__name__ == "NAType":
                    continue
                return (
                    f"{label} holds {value!r} in column {name!r}, row {row}, where a number was expected. Encode "
                    "categories before, for example ModalityTransformer({'<modality>': OneHotEncoder("
                    "sparse_output=False)}), correct the cell, or leave the column out of the modality."
                )
    return f"{label} could not be converted to numbers; column types are {dict(frame.schema)}."


def _row_chunks(values, n_rows):
    return chunks(n_rows, values.shape[1] * values.itemsize, _CHUNK_BYTES)


def _refuse_infinite(values, block, label):
    # A chunk's sum is finite unless it holds a NaN or an infinity (or overflows), so clean data cost one pass.
    for rows in _row_chunks(values, len(values)):
        chunk = values[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(chunk.sum()):
                continue
        infinite = np.isinf(chunk)
        if infinite.any():
            row, column = np.argwhere(infinite)[0]
            names = column_names(block)
            raise ValueError(
                f"{label} contains infinity (inf) in row {rows.start + row}, column "
                f"{repr(names[column]) if names else column}. Replace it by NaN if the value is missing, or correct it."
            )


def has_values(values):
    """Which subjects have the modality: rows in which at least one value is not NaN.

    Parameters
    ----------
    values : ndarray of shape (n_subjects, n_features)
        One block. Rows are searched only where the first feature is missing.

    Returns
    -------
    present : ndarray of shape (n_subjects,), dtype bool
    """
    present = ~np.isnan(values[:, 0])
    doubtful = np.flatnonzero(~present)
    for part in _row_chunks(values, len(doubtful)):
        rows = doubtful[part]
        present[rows] = ~np.isnan(values[rows]).all(axis=1)
    return present


def has_cells(block):
    """Which subjects have the modality, for columns of any type, text and categories included.

    Parameters
    ----------
    block : ndarray or data frame of shape (n_subjects, n_features)
        The columns of one modality, in the container of the user.

    Returns
    -------
    present : ndarray of shape (n_subjects,), dtype bool
        Whether at least one cell is neither NaN nor None, pandas.NA or a polars null. An empty string is a value.
    """
    if not is_frame(block):
        return has_values(block) if block.dtype.kind == "f" else np.ones(len(block), dtype=bool)
    if frame_library(block) == "pandas":
        if all(isinstance(dtype, np.dtype) and dtype.kind == "f" for dtype in set(block.dtypes)):
            return has_values(block.to_numpy())
        return block.notna().any(axis=1).to_numpy(dtype=bool)
    present = np.zeros(len(block), dtype=bool)
    for column in nw.from_native(block, eager_only=True).iter_columns():
        missing = column.is_null()
        if column.dtype.is_float():
            missing = missing | column.is_nan().fill_null(True)
        present |= ~missing.to_numpy()
    return present
