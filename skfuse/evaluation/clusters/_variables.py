"""Variables of any type beside a clustering: read from frames and dicts as numbers or as codes of categories."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import narwhals.stable.v2 as nw
import numpy as np

from skfuse.modalities._container import column_names, is_frame
from skfuse.modalities._subjects import refuse_other_order

#: The label of subjects who are in no cluster.
NOT_CLUSTERED = -1


@dataclass(frozen=True)
class Variable:
    """One column: its name, its kind, and a number for every subject.

    Attributes
    ----------
    name : str
        Name of the column.
    kind : {"numeric", "categorical"}
        Two whole numbers are categories; codes of more have to be named.
    values : ndarray of shape (n_subjects,)
        Numbers, or codes of the levels from 0; NaN where missing.
    levels : tuple
        The levels of a category in the order of their codes; empty for numbers.
    """

    name: str
    kind: str
    values: np.ndarray
    levels: tuple = ()

    @property
    def present(self):
        """Who has a value."""
        return ~np.isnan(self.values)

    @property
    def varies(self):
        """Whether at least two values occur."""
        held = self.values[self.present]
        return len(held) > 1 and bool((held != held[0]).any())

    def among(self, subjects):
        """The variable of some subjects only, missing for the others; levels that none of them has are dropped."""
        values = np.where(subjects, self.values, np.nan)
        if self.kind != "categorical":
            return Variable(self.name, self.kind, values, self.levels)
        held, codes = np.unique(values[~np.isnan(values)], return_inverse=True)
        values[~np.isnan(values)] = codes
        levels = tuple(self.levels[int(code)] for code in held) if self.levels else ()
        return Variable(self.name, self.kind, values, levels)


def read_labels(labels, n_subjects=None, *, least=2):
    """Read cluster labels of any type.

    Parameters
    ----------
    labels : array-like of shape (n_subjects,)
        Numbers or text; -1 and missing labels mean "in no cluster".
    n_subjects : int or None
        Wanted length.
    least : int
        Number of clusters needed.

    Returns
    -------
    codes : ndarray of shape (n_subjects,), int
        From 0, in the sorted order of the labels; -1 for subjects in no cluster.
    clusters : list
        The labels themselves.

    Raises
    ------
    ValueError
        If the length is wrong or there are too few clusters.
    """
    array = _as_cells(labels)
    if array.ndim != 1 or (n_subjects is not None and len(array) != n_subjects):
        wanted = "one label for each subject" if n_subjects is None else f"one for each of {n_subjects} subjects"
        raise ValueError(f"`labels` has shape {array.shape}, wanted {wanted}. Labels are paired with rows by position.")
    cells = array.tolist()
    clustered = np.array(
        [not (_is_missing(cell) or cell in (NOT_CLUSTERED, str(NOT_CLUSTERED))) for cell in cells], dtype=bool
    )
    held = {cell for cell, inside in zip(cells, clustered, strict=True) if inside}
    clusters = _sorted({int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in held})
    if len(clusters) < least:
        raise ValueError(
            f"`labels` names {len(clusters)} cluster(s) besides -1, wanted at least {least}: with fewer there is "
            "nothing to compare. Give the labels of a clustering that found more."
        )
    code_of = {cluster: code for code, cluster in enumerate(clusters)}
    codes = np.full(len(cells), NOT_CLUSTERED, dtype=np.intp)
    for row in np.flatnonzero(clustered):
        codes[row] = code_of[cells[row]]
    return codes, clusters


def read_variables(table, *, what="variables", categorical=(), n_subjects=None, like=None):
    """Read the columns of a data frame, a series, a mapping of arrays or an array.

    Parameters
    ----------
    table : data frame, series, dict of str to array-like, or array of shape (n_subjects,) or (n_subjects, n_variables)
        Text, categories, true/false and numbers, with missing values of any kind.
    what : str
        What messages call `table`.
    categorical : sequence of str
        Columns of numbers that are codes of categories.
    n_subjects : int or None
        Wanted number of rows.
    like : series or data frame or None
        What is paired with `table` row by row; a pandas index of text ids in another order is refused.

    Returns
    -------
    variables : list of Variable

    Raises
    ------
    ValueError
        If a column holds dates, infinite numbers or mixed types, lengths differ, or `categorical` names no column.
    """
    if like is not None:
        refuse_mixed_rows({"labels": like, what: table})
    columns = _columns(table, what)
    unknown = [name for name in categorical if name not in columns]
    if unknown:
        raise ValueError(f"`categorical` names columns that `{what}` does not have: {unknown}. It has {list(columns)}.")
    read = [_read(name, cells, name in set(categorical), what) for name, cells in columns.items()]
    for variable in read:
        if n_subjects is not None and len(variable.values) != n_subjects:
            raise ValueError(
                f"`{what}`, column {variable.name!r}, has {len(variable.values)} rows, wanted {n_subjects}: one for "
                "each subject, in the order of the labels."
            )
    return read


def refuse_mixed_rows(given):
    """Refuse objects that are paired row by row and hold the same subjects in different orders.

    Parameters
    ----------
    given : dict of str to object
        What messages call each, and frames, series, dicts of series, arrays or None. Those without ids are not
        compared.

    Raises
    ------
    ValueError
        If two of them have text ids in another order.
    """
    named = {}
    for name, values in given.items():
        columns = values if isinstance(values, Mapping) else {None: values}
        named |= {f"`{name}`" if key is None else f"`{name}[{key!r}]`": cells for key, cells in columns.items()}
    for (one, first), (other, second) in combinations(named.items(), 2):
        refuse_other_order(first, second, other, of=one)


def refuse_ids(variables, what):
    """Refuse text in which nearly every subject has a level of their own: it identifies and explains nothing."""
    for variable in variables:
        n = int(variable.present.sum())
        if variable.kind == "categorical" and len(variable.levels) > max(20, n / 2):
            raise ValueError(
                f"`{what}`, column {variable.name!r}, has {len(variable.levels)} levels in {n} subjects: it looks like "
                "ids or free text. Leave it out, or group its levels."
            )


def reason_not_to_test(variable, codes):
    """Why comparing clusters in a variable would say nothing; empty where it can be done."""
    if not variable.present.any():
        return "missing for every clustered subject"
    if not variable.varies:
        return "the same for every clustered subject who has it"
    return "" if len(np.unique(codes[variable.present])) > 1 else "only one cluster has it"


def _columns(table, what):
    """From name to cells; the name is always text."""
    if is_frame(table):
        column_names(table)  # refuses names that appear twice
        frame = nw.from_native(table, eager_only=True)
        return {str(name): frame[name] for name in frame.columns}
    if isinstance(table, Mapping):
        return {str(name): _cells(values) for name, values in table.items()}
    series = _cells(table)
    if isinstance(series, nw.Series):
        return {str(series.name) if series.name not in (None, "") else what: series}
    if series.ndim == 1:
        return {what: series}
    if series.ndim == 2:
        return {f"{what}[{j}]": series[:, j] for j in range(series.shape[1])}
    raise ValueError(f"`{what}` has {series.ndim} dimensions. Give a data frame, a dict of columns or one column.")


def _cells(values):
    return nw.from_native(values, series_only=True) if nw.dependencies.is_into_series(values) else _as_cells(values)


def _as_cells(values):
    """An array; NumPy would write the NaN in a list of text as the text 'nan'."""
    array = np.asarray(values)
    return np.array(values, dtype=object) if array.dtype.kind in "US" and isinstance(values, list | tuple) else array


def _read(name, cells, categorical, what):
    """One column as a Variable."""
    where = f"`{what}`, column {name!r},"
    if isinstance(cells, nw.Series):
        if cells.dtype.is_temporal():
            raise ValueError(f"{where} holds dates. Turn them into numbers (age, days since a visit) or leave it out.")
        plain = cells.dtype.is_numeric()
        numbers = cells.cast(nw.Float64).to_numpy().astype(np.float64) if plain and not categorical else None
        cells = None if numbers is not None else cells.to_list()
    else:
        if cells.ndim != 1:
            raise ValueError(f"{where} has shape {cells.shape}, wanted one value for each subject.")
        if cells.dtype.kind in "mM":
            raise ValueError(f"{where} holds dates. Turn them into numbers (age, days since a visit) or leave it out.")
        numbers = cells.astype(np.float64) if cells.dtype.kind in "iuf" and not categorical else None
        cells = None if numbers is not None else cells.tolist()
    if numbers is None:
        missing = np.array([_is_missing(cell) for cell in cells], dtype=bool)
        kinds = {_kind(cell) for cell, lost in zip(cells, missing, strict=True) if not lost}
        if len(kinds) > 1:
            raise ValueError(f"{where} mixes {' and '.join(sorted(kinds))}. Write all of its values in one way.")
        if kinds == {"dates"}:
            raise ValueError(f"{where} holds dates. Turn them into numbers (age, days since a visit) or leave it out.")
        if kinds == {"numbers"} and not categorical:
            numbers = np.array([np.nan if lost else float(cell) for cell, lost in zip(cells, missing, strict=True)])
        else:
            return _coded(name, [None if lost else cell for cell, lost in zip(cells, missing, strict=True)])
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0])
        raise ValueError(f"{where} is infinite in row {row}. Replace it by NaN if the value is missing, or correct it.")
    held = np.unique(numbers[~np.isnan(numbers)])
    # The level of a category becomes a part of names in reports: a measurement must not.
    if not len(held) or (len(held) == 2 and (held == np.round(held)).all()):
        return _coded(name, [None if np.isnan(cell) else int(cell) for cell in numbers.tolist()])
    return Variable(name, "numeric", numbers)


def _coded(name, cells):
    levels = _sorted({cell for cell in cells if cell is not None})
    code_of = {level: code for code, level in enumerate(levels)}
    values = np.array([np.nan if cell is None else float(code_of[cell]) for cell in cells])
    return Variable(name, "categorical", values, tuple(levels))


def _kind(cell):
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, bool | np.bool_):
        return "true/false"
    if isinstance(cell, int | float | np.number):
        return "numbers"
    return "dates" if hasattr(cell, "isoformat") else type(cell).__name__


def _is_missing(cell):
    """None, NaN, NaT and pandas.NA, of which the last has no truth value."""
    return cell is None or type(cell).__name__ in ("NAType", "NaTType") or (isinstance(cell, float) and cell != cell)


def _sorted(values):
    """Sorted where values can be compared, otherwise by their text."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=str)
