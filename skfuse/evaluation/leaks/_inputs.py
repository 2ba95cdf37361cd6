"""What the checks look at: blocks of numbers, codes of classes, sites and groups."""

import re
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.utils.multiclass import type_of_target

from skfuse._chunks import chunks
from skfuse.modalities import resolve_modalities
from skfuse.modalities._container import column_names, frame_library, has_values, is_frame
from skfuse.modalities._imputed import imputed_rows
from skfuse.modalities._resolve import other_columns
from skfuse.modalities._subjects import refuse_other_order

_CELLS = 1 << 21  # of a screened piece of a block: 16 MB as float64, so that a piece stays near the processor
_SCREENED_CELLS = 4_000_000  # a block is screened whole up to this size, wider ones on a sample of rows
_SCREENED_ROWS = 128
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{4}")


@dataclass(frozen=True)
class Block:
    """One modality, or columns beside the modalities, as numbers.

    Parameters
    ----------
    name : str
    names : list of str
        Full names of the columns.
    values : ndarray of shape (n_subjects, n_columns)
        float32 or float64. Dates are days, text is the number of its level; missing is NaN.
    present : ndarray of shape (n_subjects,), dtype bool
    dates, texts : ndarray of shape (n_columns,), dtype bool
        Which columns held dates or text.
    modality : bool
        False for covariates and columns outside every modality.
    """

    name: str
    names: list
    values: np.ndarray
    present: np.ndarray
    dates: np.ndarray
    texts: np.ndarray
    modality: bool

    def screened_rows(self, codes=None):
        """Positions of present rows for a first look at all columns, at least some of every class of `codes`."""
        rows = np.flatnonzero(self.present)
        size = max(_SCREENED_ROWS, _SCREENED_CELLS // max(1, len(self.names)))
        if len(rows) <= size:
            return rows
        if codes is None:
            return rows[np.linspace(0, len(rows) - 1, size).astype(int)]
        order = rows[np.argsort(codes[rows], kind="stable")]
        return np.sort(order[np.linspace(0, len(order) - 1, size).astype(int)])

    def pieces(self, rows):
        """Yield (first column, values of `rows`) of pieces of the block that fit into little memory."""
        for part in chunks(len(self.names), len(rows), _CELLS):
            yield part.start, _finite(self.values[rows, part])

    def column(self, position):
        """One column as float64, infinities as NaN."""
        return _finite(self.values[:, position].astype(np.float64))

    def filled_rows(self):
        """Count the subjects whose row an imputer has filled."""
        with np.errstate(invalid="ignore"):  # infinities of both signs in a column
            return imputed_rows(self.values)

    def some_columns(self, most):
        """At most so many columns, spread over the block, as float64 (n_subjects, n_some) and their positions."""
        positions = np.unique(np.linspace(0, len(self.names) - 1, min(most, len(self.names))).astype(int))
        return _finite(self.values[:, positions].astype(np.float64)), positions


def _finite(values):
    """Infinities as NaN, in place."""
    values[np.isinf(values)] = np.nan
    return values


@dataclass(frozen=True)
class Inputs:
    """Everything that was given, checked.

    Parameters
    ----------
    blocks : list of Block
    ids : pandas.Index
    y : ndarray of shape (n_subjects,)
        Codes from 0 for classes, float64 for regression.
    n_classes : int
        0 for regression.
    site, groups : ndarray of int of shape (n_subjects,) or None
        Codes from 0.
    covariates : ndarray of shape (n_subjects, n_covariates) or None
    splits : list of (train, test) or None
    estimators : dict
    target : str or None
    """

    blocks: list
    ids: object
    y: np.ndarray
    n_classes: int
    site: np.ndarray | None
    groups: np.ndarray | None
    covariates: np.ndarray | None
    splits: list | None
    estimators: dict
    target: str | None

    @property
    def modalities(self):
        """Blocks that are modalities."""
        return [block for block in self.blocks if block.modality]

    @property
    def n_columns(self):
        """Columns of all blocks: over so many is a p-value corrected."""
        return sum(len(block.names) for block in self.blocks)

    def labels(self, positions):
        """Labels of subjects by position."""
        return tuple(self.ids[position] for position in positions)


def read_inputs(X, y, *, task, site, groups, covariates, splits, estimators, target):
    """Check and convert what :func:`skfuse.evaluation.leaks.check_leaks` was given.

    Returns
    -------
    inputs : Inputs
    """
    if task not in ("classification", "regression"):
        raise ValueError(f"`task` must be 'classification' or 'regression', got {task!r}.")
    frame = _to_pandas(X)
    for label, values in (("y", y), ("site", site), ("groups", groups), ("covariates", covariates)):
        refuse_other_order(frame, values, label)
        if values is not None and len(values) != len(frame):
            raise ValueError(f"X has {len(frame)} subjects, but {label} has {len(values)}. Give one entry per row.")
    blocks = _blocks(frame)
    beside = None
    if covariates is not None:
        table = _to_pandas(covariates)
        names = [f"covariate {name}" for name in table.columns]
        blocks.append(_block("covariates", names, table, modality=False))
        beside = blocks[-1].values
    codes, n_classes = _read_target(y, task)
    if target is None and isinstance(getattr(y, "name", None), str):
        target = y.name
    return Inputs(
        blocks,
        frame.index,
        codes,
        n_classes,
        _codes(site, "site"),
        _codes(groups, "groups"),
        beside,
        None if splits is None else _read_splits(splits, len(frame)),
        dict(estimators or {}),
        target,
    )


def _to_pandas(X):
    import pandas as pd

    if frame_library(X) == "pandas":
        return X
    if is_frame(X):
        return nw.from_native(X, eager_only=True).to_pandas()
    X = np.asarray(X)
    return pd.DataFrame(X[:, None] if X.ndim == 1 else X)


def _blocks(frame):
    names = column_names(frame) or [str(name) for name in frame.columns]
    modalities = resolve_modalities(frame)
    blocks = []
    for name, columns in modalities.items():
        part = frame.iloc[:, columns]
        own = names[columns] if isinstance(columns, slice) else [names[position] for position in columns]
        blocks.append(_block(name, own, part, modality=True))
    rest = other_columns(modalities, len(names))
    if len(rest):
        own = [names[position] for position in rest]
        blocks.append(_block("other columns", own, frame.iloc[:, rest], modality=False))
    return blocks


def _block(name, names, frame, *, modality):
    """Turn columns of any type into numbers, without a copy where they are floats of one type."""
    types = frame.dtypes.to_numpy()
    plain = np.array([isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in types])
    dates, texts = np.zeros(len(names), dtype=bool), np.zeros(len(names), dtype=bool)
    if plain.all():
        values = frame.to_numpy()
        if values.dtype.kind != "f" or values.itemsize < 4:
            values = values.astype(np.float64)
    else:
        values = np.empty(frame.shape)
        values[:, plain] = frame.iloc[:, np.flatnonzero(plain)].to_numpy(dtype=np.float64)
        for position in np.flatnonzero(~plain):
            column, kind = _to_numbers(frame.iloc[:, position])
            values[:, position] = column
            dates[position], texts[position] = kind == "date", kind == "text"
    present = has_values(values) if len(names) else np.zeros(len(frame), dtype=bool)
    return Block(name, names, values, present, dates, texts, modality)


def _to_numbers(column):
    """Numbers in place of dates, text, categories and nullable types, and what kind the column was."""
    import pandas as pd

    missing = column.isna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column):
        return np.where(missing, np.nan, _days(column)), "date"
    if pd.api.types.is_timedelta64_dtype(column):
        return column.dt.total_seconds().to_numpy() / 86400.0, "number"
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan), "number"
    cells = column.astype(object).to_numpy()
    try:
        return np.array([np.nan if gone else float(cell) for cell, gone in zip(cells, missing, strict=True)]), "number"
    except (TypeError, ValueError):
        pass  # text or dates, told apart below
    if all(hasattr(cell, "isoformat") or _ISO_DATE.fullmatch(str(cell)) for cell in cells[~missing]):
        texts = pd.Series([None if gone else str(cell) for cell, gone in zip(cells, missing, strict=True)])
        moments = pd.to_datetime(texts, format="mixed", errors="coerce", utc=True)
        if moments.notna().to_numpy()[~missing].all():
            return np.where(missing, np.nan, _days(moments)), "date"
    numbers = np.full(len(cells), np.nan)
    if not missing.all():
        numbers[~missing] = np.unique(cells[~missing].astype(str), return_inverse=True)[1]
    return numbers, "text"


def _days(moments):
    """Days since 1970 of a column of dates, whatever its time zone."""
    if getattr(moments.dtype, "tz", None) is not None:
        moments = moments.dt.tz_convert(None)
    return moments.to_numpy().astype("datetime64[s]").astype(np.int64) / 86400.0


def _read_target(y, task):
    values = np.asarray(y)
    if values.dtype.names is not None:
        raise ValueError("Survival targets cannot be checked; give classes or a continuous target.")
    values = values.ravel()
    missing = np.array([value is None or value != value or type(value).__name__ == "NAType" for value in values])
    if missing.any():
        raise ValueError(f"y is missing for {missing.sum()} subjects. Leave them out of X and y.")
    if task == "regression":
        try:
            return values.astype(np.float64), 0
        except ValueError:
            raise ValueError("y holds text. For classes use task='classification'.") from None
    if values.dtype.kind != "O" and type_of_target(values).startswith("continuous"):
        raise ValueError("y is continuous, not classes. For a continuous target use task='regression'.")
    values = values.astype(str) if values.dtype.kind == "O" else values
    classes, codes = np.unique(values, return_inverse=True)
    return codes, len(classes)


def _codes(values, label):
    """Codes of sites or groups; a missing entry would silently be a site of its own."""
    if values is None:
        return None
    values = np.asarray(values).ravel()
    missing = np.array([value is None or value != value or type(value).__name__ == "NAType" for value in values])
    if missing.any():
        raise ValueError(f"{label} is missing for {missing.sum()} subjects. Fill it in or leave the subjects out.")
    return np.unique(values.astype(str) if values.dtype.kind == "O" else values, return_inverse=True)[1]


def _read_splits(splits, n):
    checked = []
    for number, (train, test) in enumerate(splits):
        train, test = (
            np.flatnonzero(side) if np.asarray(side).dtype == bool else np.asarray(side) for side in (train, test)
        )
        for side in (train, test):
            if side.size and (side.dtype.kind not in "iu" or side.min() < 0 or side.max() >= n):
                raise ValueError(f"Split {number} has entries that are no row positions of X (0 to {n - 1}).")
        checked.append((train.astype(int), test.astype(int)))
    return checked
