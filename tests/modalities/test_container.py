"""Every kind of cell becomes a float or an error that names it."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from skfuse.modalities._container import (
    as_table,
    column_names,
    has_cells,
    has_values,
    take_columns,
    take_rows,
    to_floats,
)

NAN = np.nan


def pandas_column(values, dtype=None):
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype)})


def polars_column(values, dtype=None):
    return pl.DataFrame({"a": pl.Series(values, dtype=dtype)})


NUMBERS = {
    "int with None": pandas_column([1, None, 2]),
    "Int64": pandas_column([1, pd.NA, 2], "Int64"),
    "Float64": pandas_column([1, pd.NA, 2], "Float64"),
    "boolean": pandas_column([True, pd.NA, 2 > 1], "boolean"),
    "objects": pandas_column([1, None, 2.0], object),
    "objects with NA": pandas_column([1, pd.NA, 2.0], object),
    "bool objects": pandas_column([True, None, False], object),
    "category of numbers": pandas_column(pd.Categorical([1, None, 2])),
    "category of float32": pandas_column(pd.Categorical(np.float32([1, NAN, 2]))),
    "Decimal": pandas_column([Decimal("1.5"), None, Decimal("2")]),
    "Decimal NaN": pandas_column([Decimal("1.5"), Decimal("NaN"), Decimal("2")]),
    "pyarrow": pandas_column([1, None, 2], "int64[pyarrow]"),
    "polars int": polars_column([1, None, 2]),
    "polars null and NaN": polars_column([1.0, NAN, 2.0]),
    "polars bool": polars_column([True, None, False]),
    "polars Decimal": polars_column([Decimal("1.5"), None, Decimal("2")]),
    "polars int8": polars_column([1, None, 2], pl.Int8),
}


@pytest.mark.parametrize("block", NUMBERS.values(), ids=NUMBERS)
def test_every_kind_of_missing_is_nan(block):
    values = to_floats(block, "Modality 'm'")
    assert values.dtype == np.float64
    assert_array_equal(np.isnan(values[:, 0]), [False, True, False])
    assert_array_equal(has_values(values), [True, False, True])
    assert_array_equal(has_cells(block), [True, False, True])


@pytest.mark.parametrize(
    "block",
    [
        np.float32([[1], [NAN]]),
        pandas_column([1, NAN], "float32"),
        pandas_column([1, pd.NA], "Float32"),
        polars_column([1, None], pl.Float32),
    ],
    ids=["array", "pandas", "nullable", "polars"],
)
def test_float32_stays_float32(block):
    values = to_floats(block, "X")
    assert values.dtype == np.float32
    assert_array_equal(values, np.float32([[1], [NAN]]))


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_mixed_precisions_become_float64(library):
    values = to_floats(library({"a": np.float32([1, 2]), "b": np.float64([0.1, 3])}), "X")
    assert values.dtype == np.float64
    assert_array_equal(values, [[1, 0.1], [2, 3]])


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.bool_, np.float16])
def test_other_arrays_become_float64(dtype):
    assert to_floats(np.array([[1], [0]], dtype=dtype), "X").dtype == np.float64


def test_blocks_of_float_arrays_are_views():
    X = np.zeros((3, 4))
    assert np.shares_memory(to_floats(take_columns(X, slice(1, 3)), "X"), X)


DATES = {
    "pandas": pandas_column(pd.to_datetime(["2020-01-01", None])),
    "durations": pandas_column(pd.to_timedelta([1, 2], unit="D")),
    "objects": pandas_column([pd.Timestamp("2020-01-01"), None], object),
    "category": pandas_column(pd.Categorical([pd.Timestamp("2020-01-01"), None])),
    "polars": pl.DataFrame({"a": pl.Series(["2020-01-01", None]).str.to_date()}),
}


@pytest.mark.parametrize("block", DATES.values(), ids=DATES)
def test_dates_are_refused(block):
    with pytest.raises(ValueError, match=r"Modality 'm' holds dates in column 'a'. Turn them into numbers"):
        to_floats(block, "Modality 'm'")
    assert has_cells(block)[0]


TEXT = {
    "str": pandas_column([None, "F"]),
    "string": pandas_column([pd.NA, "F"], "string"),
    "objects": pandas_column([2.0, "F"], object),
    "category": pandas_column(pd.Categorical([None, "F"])),
    "polars": polars_column([None, "F"]),
    "polars category": polars_column([None, "F"], pl.Categorical),
}


@pytest.mark.parametrize("block", TEXT.values(), ids=TEXT)
def test_text_is_refused_with_its_cell(block):
    with pytest.raises(
        ValueError, match=r"Modality 'm' holds 'F' in column 'a', row 1, where a number was expected.*Enc"
    ):
        to_floats(block, "Modality 'm'")
    assert has_cells(block)[1]


def test_complex_numbers_are_refused():
    with pytest.raises(ValueError, match=r"holds \(1\+2j\) in column 'a', row 0"):
        to_floats(pandas_column([1 + 2j]), "X")


@pytest.mark.parametrize(
    ("block", "cell"),
    [
        (pd.DataFrame({"a": [1.0, 2.0], "b": [NAN, -np.inf]}), "row 1, column 'b'"),
        (pl.DataFrame({"a": [1.0, 2.0], "b": [np.inf, 2.0]}), "row 0, column 'b'"),
        (np.array([[1.0, np.inf]]), "row 0, column 1"),
    ],
)
def test_infinite_cells_are_named(block, cell):
    with pytest.raises(ValueError, match=rf"Modality 'm' contains infinity \(inf\) in {cell}. Replace it by NaN"):
        to_floats(block, "Modality 'm'")


def test_an_infinity_far_below_is_named():
    values = np.zeros((3_000_000, 1))
    values[2_999_999] = np.inf
    with pytest.raises(ValueError, match="row 2999999, column 0"):
        to_floats(values, "X")


def test_large_numbers_are_not_infinite():
    values = np.full((4, 3), 1e308)
    assert to_floats(values, "X") is values


def test_presence_needs_one_cell():
    values = np.array([[NAN, NAN], [NAN, 1], [0, NAN], [2, 3]])
    expected = [False, True, True, True]
    assert_array_equal(has_values(values), expected)
    assert_array_equal(has_cells(values), expected)
    assert_array_equal(has_cells(pd.DataFrame(values, columns=["a", "b"])), expected)
    assert_array_equal(has_cells(pl.DataFrame(values, schema=["a", "b"])), expected)
    assert_array_equal(has_cells(pl.DataFrame(values, schema=["a", "b"]).fill_nan(None)), expected)


def test_an_empty_text_is_a_value():
    assert_array_equal(has_cells(pandas_column(["", None])), [True, False])
    assert_array_equal(has_cells(polars_column(["", None])), [True, False])


def test_integers_have_nothing_missing():
    assert has_cells(np.zeros((3, 2), dtype=int)).all()


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, None])
def test_taking_columns_and_rows_keeps_the_container(library):
    values = np.arange(12.0).reshape(3, 4)
    X = (
        values
        if library is None
        else library(values, **{"columns" if library is pd.DataFrame else "schema": list("abcd")})
    )
    for columns in (slice(1, 3), np.array([3, 0])):
        part = take_columns(X, columns)
        assert type(part) is type(X)
        assert_array_equal(np.asarray(part), values[:, columns])
    part = take_rows(X, np.array([2, 0]))
    assert type(part) is type(X)
    assert_array_equal(np.asarray(part), values[[2, 0]])


def test_names_of_columns():
    assert column_names(np.zeros((1, 2))) is None
    assert column_names(pd.DataFrame(np.zeros((1, 2)))) is None
    assert column_names(pd.DataFrame({"a": [1]})) == ["a"]
    with pytest.raises(ValueError, match=r"appear more than once: \['c0', 'c1', 'c2', 'c3', 'c4'\], … 7 in all"):
        column_names(pd.DataFrame(np.zeros((1, 14)), columns=[f"c{i}" for i in range(7)] * 2))


def test_lists_become_arrays():
    assert_array_equal(as_table([[1, None]]), [[1.0, NAN]])
    assert_array_equal(as_table(np.array([[1, pd.NA]], dtype=object)), [[1.0, NAN]])
    with pytest.raises(ValueError, match="Expected 2D array"):
        as_table([1, 2])
