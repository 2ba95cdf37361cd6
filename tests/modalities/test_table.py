"""The checked table, and the way back into the user's container."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skfuse.modalities import (
    AlignedTableWarning,
    ModalityTransformerMixin,
    SingleModalityWarning,
    Table,
    join_modalities,
    present_modalities,
    resolve_modalities,
    validate_table,
)

NAN = np.nan


class Double(ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    """A transformer of floats."""

    def __init__(self, modalities=None):
        self.modalities = modalities

    def fit(self, X, y=None):
        validate_table(self, X, reset=True)
        return self

    def transform(self, X):
        table = validate_table(self, X, reset=False)
        return table.replace({name: 2 * values for name, values in table.blocks()})


class Fusion(BaseEstimator):
    def __init__(self, modalities=None):
        self.modalities = modalities

    def fit(self, X, y=None):
        validate_table(self, X, reset=True, fusion=True)
        return self

    def predict(self, X):
        return validate_table(self, X, reset=False, fusion=True).present.sum(axis=1)


@pytest.fixture
def X():
    return pd.DataFrame(
        {
            "mri__a": np.float32([1, NAN, NAN]),
            "site": ["x", "y", "x"],
            "mri__b": np.float32([1, 2, NAN]),
            "pet__a": [NAN, 3.0, 4.0],
        },
        index=["anna", "ben", "cleo"],
    )


def test_table_of_a_frame(X):
    table = Table(X, resolve_modalities(X))
    assert len(table) == 3
    assert table.names == ["mri", "pet"]
    assert_array_equal(table.present, [[True, False], [True, True], [False, True]])
    assert_array_equal(table.present_in("pet"), [False, True, True])
    assert {name: values.dtype for name, values in table.blocks()} == {"mri": np.float32, "pet": np.float64}
    assert table.native_block("mri", np.array([2, 0])).index.tolist() == ["cleo", "anna"]


@pytest.mark.parametrize("convert", [lambda X: X, pl.from_pandas], ids=["pandas", "polars"])
def test_presence_keeps_the_container(X, convert):
    present = present_modalities(convert(X))
    assert type(present) is type(convert(X))
    assert_array_equal(present.to_numpy(), [[True, False], [True, True], [False, True]])
    assert list(present.columns) == ["mri", "pet"]
    if isinstance(present, pd.DataFrame):
        assert present.index.tolist() == ["anna", "ben", "cleo"]


def test_presence_in_arrays_and_in_text(X):
    values = X.drop(columns="site").to_numpy()
    present = present_modalities(values, {"mri": [0, 1], "pet": [2]})
    assert_array_equal(present, [[True, False], [True, True], [False, True]])
    text = X.assign(clinical__sex=["F", None, ""])
    assert present_modalities(text)["clinical"].tolist() == [True, False, True]
    assert present_modalities(values.astype(object), {"mri": [0, 1], "pet": [2]}).sum() == 4


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=8), st.randoms())
def test_presence_follows_the_order_of_subjects(seen, random):
    values = np.where(np.array(seen), 1.0, NAN)
    modalities = {"mri": [0, 1], "pet": [2]}
    order = list(range(len(values)))
    random.shuffle(order)
    present = present_modalities(values, modalities)
    assert_array_equal(present_modalities(values[order], modalities), present[order])
    assert_array_equal(present, np.column_stack([np.any(np.array(seen)[:, :2], axis=1), np.array(seen)[:, 2]]))


# Containers -----------------------------------------------------------------------------------------------------


def test_frames_come_back_as_frames(X):
    out = Double().fit_transform(X)
    assert list(out) == ["mri__a", "mri__b", "pet__a", "site"]
    assert out.index.tolist() == X.index.tolist()
    assert [str(dtype) for dtype in out.dtypes[:3]] == ["float32", "float32", "float64"]
    assert out["site"].tolist() == ["x", "y", "x"]
    assert out.loc["ben", "mri__b"] == 4


def test_polars_comes_back_as_polars(X):
    out = Double().fit_transform(pl.from_pandas(X))
    assert out.columns == ["mri__a", "mri__b", "pet__a", "site"]
    assert out["mri__b"].dtype == pl.Float32


@pytest.mark.parametrize("wanted", ["pandas", "polars"])
@pytest.mark.parametrize("given", ["pandas", "polars", "array"])
def test_set_output_wins(X, given, wanted):
    X = X.drop(columns="site").reset_index(drop=True)
    expected = 2 * X.to_numpy()
    modalities = None if given != "array" else {"mri": [0, 1], "pet": [2]}
    X = {"pandas": X, "polars": pl.from_pandas(X), "array": X.to_numpy()}[given]
    out = Double(modalities).set_output(transform=wanted).fit_transform(X)
    assert type(out) is (pd.DataFrame if wanted == "pandas" else pl.DataFrame)
    names = ["mri__x0", "mri__x1", "pet__x2"] if given == "array" else ["mri__a", "mri__b", "pet__a"]
    assert list(out.columns) == names
    assert_array_equal(out.to_numpy(), expected)


def test_other_columns_of_another_library(X):
    out = Double().set_output(transform="polars").fit_transform(X)
    assert out["site"].to_list() == ["x", "y", "x"]
    out = Double().set_output(transform="pandas").fit_transform(pl.from_pandas(X))
    assert out["site"].tolist() == ["x", "y", "x"]


def test_subjects_may_repeat_in_the_index(X):
    X = X.set_axis(["anna", "anna", "ben"])
    assert Double().fit_transform(X).index.tolist() == ["anna", "anna", "ben"]


def test_arrays_stay_arrays_and_keep_positions():
    X = np.arange(8, dtype=np.float32).reshape(2, 4)
    out = Double({"mri": slice(0, 2), "pet": [2]}).fit_transform(X)
    assert out.dtype == np.float32
    assert_array_equal(out, X * [2, 2, 2, 1])


@pytest.mark.parametrize("modalities", [{"pet": [2], "mri": [0, 1]}, {"mri": [1, 2]}])
def test_arrays_whose_columns_would_move_are_refused(modalities):
    X = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"returns the modalities in the order of `modalities`.*positions changed"):
        Double(modalities).fit(X)
    Double(modalities).set_output(transform="pandas").fit(X)
    Fusion(modalities).fit(X)


def test_lists_of_lists():
    assert_array_equal(Double().fit_transform([[1, 2], [3, None]]), [[2, 4], [6, NAN]])


def test_tensors_are_refused_with_the_cure():
    class Tensor:
        def __dlpack__(self):
            raise AssertionError

    with pytest.raises(TypeError, match=r"Double takes data frames and NumPy arrays, got .*\.Tensor.*X.cpu\(\).numpy"):
        Double().fit(Tensor())


# What predict is given ------------------------------------------------------------------------------------------


def complete(n=6):
    values = np.random.default_rng(0).normal(size=(n, 4))
    return pd.DataFrame(values, columns=["mri__a", "mri__b", "pet__a", "pet__b"])


def test_the_cure_for_an_absent_modality_works():
    X = complete()
    model = Fusion().fit(X)
    message = (
        r"feature names should match.*join_modalities\({...}, like=model\) adds the missing columns.*this fitted Fus"
    )
    with pytest.raises(ValueError, match=r"(?s)" + message):
        model.predict(X[["mri__a", "mri__b"]])
    with pytest.warns(AlignedTableWarning, match=r"modalities \['pet'\] are absent and were added as missing"):
        cured = join_modalities({"mri": X[["mri__a", "mri__b"]]}, like=model)
    assert_array_equal(model.predict(cured), np.ones(6))


def test_the_cure_for_another_order_works():
    X = complete()
    model = Fusion().fit(X)
    reordered = X[X.columns[::-1]]
    with pytest.raises(ValueError, match=r"(?s)must be in the same order.*join_modalities"):
        model.predict(reordered)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cured = join_modalities({"mri": reordered.filter(like="mri"), "pet": reordered.filter(like="pet")}, like=model)
    assert list(cured) == list(X)
    assert_array_equal(model.predict(cured), 2 * np.ones(6))


def test_more_columns_in_an_array():
    model = Fusion({"mri": [0], "pet": [1]}).fit(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"(?s)X has 3 features, but Fusion is expecting 2 features.*join_modalities"):
        model.predict(np.zeros((3, 3)))


def test_one_modality_alone_warns_a_fusion_estimator():
    X = complete()
    with pytest.warns(SingleModalityWarning, match=r"X is one modality.*join_modalities\({'mri': ..., 'pet': ...}\)"):
        Fusion().fit(X.to_numpy())
    with pytest.warns(SingleModalityWarning):
        Fusion().fit(X.set_axis(list("abcd"), axis=1))
    Fusion().fit(X.filter(like="mri"))  # one modality with a name is meant
    Double().fit(X.to_numpy())


def test_text_is_refused_where_numbers_are_needed(X):
    with pytest.raises(ValueError, match="Modality 'clinical' holds 'F' in column 'clinical__sex', row 0"):
        Double().fit_transform(X.assign(clinical__sex="F"))


def test_tables_without_rows_or_columns():
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        Double().fit(pd.DataFrame({"mri__a": []}))
    with pytest.raises(ValueError, match=r"0 feature\(s\)"):
        Double().fit(pd.DataFrame(index=[1, 2]))


def test_names_survive_a_pipeline():
    X = complete(20)
    pipeline = make_pipeline(Double(), Double(), LogisticRegression()).fit(X, np.arange(20) % 2)
    assert pipeline[:-1].get_feature_names_out().tolist() == list(X)
    assert pipeline[-1].feature_names_in_.tolist() == list(X)
