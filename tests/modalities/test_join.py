"""From one table per modality to one table, and back."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfuse.modalities import (
    AlignedTableWarning,
    join_modalities,
    present_modalities,
    resolve_modalities,
    split_modalities,
    validate_table,
)


class Model(BaseEstimator):
    def __init__(self, modalities=None):
        self.modalities = modalities

    def fit(self, X, y=None):
        validate_table(self, X, reset=True)
        return self


@pytest.fixture
def mri():
    return pd.DataFrame({"hippocampus": [3.1, 2.9], "insula": [1, 2]}, index=["anna", "ben"])


@pytest.fixture
def pet():
    return pd.DataFrame({"suvr": [1.2, 1.4]}, index=["ben", "cleo"])


def test_subjects_are_the_union_in_order_of_appearance(mri, pet):
    X = join_modalities({"pet": pet, "mri": mri})
    assert X.index.tolist() == ["ben", "cleo", "anna"]
    assert list(X) == ["pet__suvr", "mri__hippocampus", "mri__insula"]
    assert_array_equal(present_modalities(X), [[True, True], [True, False], [False, True]])
    assert X.loc["ben"].tolist() == [1.2, 2.9, 2]


def test_names_with_the_prefix_keep_it(mri):
    assert list(join_modalities({"mri": mri.add_prefix("mri__")})) == ["mri__hippocampus", "mri__insula"]


def test_other_columns_keep_their_names(mri, pet):
    other = pd.DataFrame({"site": ["x", "y", "x", "y"]}, index=["cleo", "ben", "anna", "dora"])
    X = join_modalities({"mri": mri, "pet": pet}, other=other)
    assert X.index.tolist() == ["anna", "ben", "cleo", "dora"]
    assert X["site"].tolist() == ["x", "y", "x", "y"]


def test_ids_in_a_column(mri, pet):
    as_column = pet.rename_axis("id").reset_index()
    X = join_modalities({"mri": mri.rename_axis("id"), "pet": as_column}, on="id")
    assert X.index.name == "id"
    assert X.index.tolist() == ["anna", "ben", "cleo"]


def test_polars(mri, pet):
    tables = {
        name: pl.from_pandas(table.rename_axis("id").reset_index()) for name, table in {"mri": mri, "pet": pet}.items()
    }
    X = join_modalities(tables, on="id")
    assert isinstance(X, pl.DataFrame)
    assert X.columns == ["id", "mri__hippocampus", "mri__insula", "pet__suvr"]
    assert X["pet__suvr"].to_list() == [None, 1.2, 1.4]
    with pytest.raises(ValueError, match="Table 'mri' has no index: say which column holds the subject ids"):
        join_modalities(tables)
    with pytest.raises(ValueError, match=r"Table 'mri' has no column 'subject'; its columns begin with \['id', 'hip"):
        join_modalities(tables, on="subject")
    model = Model().fit(X.drop("id"))
    assert join_modalities(tables, on="id", like=model).columns == X.columns[1:]


def test_arrays_are_joined_by_position():
    X = join_modalities({"mri": np.ones((3, 2)), "pet": [[1.0], [2.0], [None]]})
    assert list(X) == ["mri__0", "mri__1", "pet__0"]
    assert_array_equal(present_modalities(X)["pet"], [True, True, False])
    with pytest.raises(ValueError, match=r"need the same number of rows, got {'mri': 3, 'pet': 2}"):
        join_modalities({"mri": np.ones((3, 2)), "pet": np.ones((2, 2))})


def test_arrays_are_not_joined_with_frames(pet):
    with pytest.raises(ValueError, match=r"Arrays \(\['mri'\]\) have no subject ids.*pandas.DataFrame\(array, index="):
        join_modalities({"mri": np.ones((2, 2)), "pet": pet})


@pytest.mark.parametrize("tables", [{}, [1], None])
def test_tables_must_be_a_mapping(tables):
    with pytest.raises(ValueError, match="`tables` must be a mapping from modality to table"):
        join_modalities(tables)


def test_repeated_subjects(mri, pet):
    with pytest.raises(ValueError, match=r"Table 'pet' holds subjects more than once: \['ben'\]. Keep one row per"):
        join_modalities({"mri": mri, "pet": pd.concat([pet, pet.iloc[:1]])})


def test_rows_without_a_subject_id(mri, pet):
    with pytest.raises(ValueError, match="Table 'pet' has rows without a subject id"):
        join_modalities({"mri": mri, "pet": pet.set_axis(["ben", None])})


def test_no_subject_in_common(mri, pet):
    with pytest.raises(ValueError, match=r"'mri' and 'pet' have no subject in common: ids look like \['anna', 'ben'\]"):
        join_modalities({"mri": mri, "pet": pet.set_axis(["x", "y"])})


def test_ids_as_numbers_and_as_text():
    mri = pd.DataFrame({"a": [1.0, 2.0]}, index=[1001, 1002])
    pet = pd.DataFrame({"a": [1.0, 2.0]}, index=["1001", "1002"])
    with pytest.raises(ValueError, match=r"2 subjects are written differently .*1001 and '1001'.*astype\(str\)"):
        join_modalities({"mri": mri, "pet": pet})
    with pytest.raises(ValueError, match="written differently in tables 'mri' and 'other'"):
        join_modalities({"mri": mri}, other=pet)
    X = join_modalities({"mri": mri.set_axis(mri.index.astype(str)), "pet": pet})
    assert len(X) == 2


def test_columns_that_would_share_a_name(mri):
    with pytest.raises(ValueError, match=r"share a name after joining: \['mri__hippocampus'\]"):
        join_modalities({"mri": mri.assign(mri__hippocampus=1.0)})


# Like a model ---------------------------------------------------------------------------------------------------


@pytest.fixture
def X(mri, pet):
    return join_modalities({"mri": mri, "pet": pet})


def test_like_adds_reorders_and_reports(mri, pet, X):
    model = Model().fit(X)
    assert_frame_equal(
        join_modalities({"pet": pet, "mri": mri[["insula", "hippocampus"]]}, like=model), X.loc[["ben", "cleo", "anna"]]
    )
    with pytest.warns(
        AlignedTableWarning, match=r"modalities \['pet'\] are absent.*columns \['mri__new'\] are unknown"
    ):
        aligned = join_modalities({"mri": mri.assign(new=0)}, like=model)
    assert list(aligned) == list(X)
    assert aligned["pet__suvr"].isna().all()


def test_like_refuses_a_lost_feature(mri, pet, X):
    model = Model().fit(X)
    with pytest.raises(ValueError, match=r"fitted with columns that the tables lack: \['mri__insula'\]. Only a whole"):
        join_modalities({"mri": mri[["hippocampus"]], "pet": pet}, like=model)


def test_like_refuses_a_lost_other_column(mri, pet):
    X = join_modalities({"mri": mri, "pet": pet}, other=pd.DataFrame({"age": [60.0, 61]}, index=["anna", "ben"]))
    with pytest.raises(ValueError, match=r"lack: \['age'\].*in `other` if they are no modality's"):
        join_modalities({"mri": mri, "pet": pet}, like=Model().fit(X))


def test_like_a_model_with_an_explicit_mapping(mri, pet):
    X = pd.concat([mri, pet], axis=1)
    model = Model({"pet": ["suvr"], "mri": ["insula", "hippocampus"]}).fit(X)
    with pytest.warns(AlignedTableWarning, match=r"\['pet'\] are absent"):
        aligned = join_modalities({"mri": mri}, like=model)
    assert list(aligned) == list(X)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [1.0]}, cv=2),
        LogisticRegression(),
    ],
    ids=["pipeline", "search", "estimator"],
)
def test_like_anything_fitted(mri, pet, model):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(8, 2)), columns=["mri__hippocampus", "pet__suvr"])
    model = model.fit(X, np.arange(8) % 2)
    with pytest.warns(AlignedTableWarning):
        assert list(join_modalities({"mri": mri, "pet": pet}, like=model)) == list(X)


def test_like_a_model_without_names(mri):
    model = LogisticRegression().fit(np.eye(2), [0, 1])
    with pytest.raises(ValueError, match="`like` must be an estimator fitted on a data frame; this LogisticRegression"):
        join_modalities({"mri": mri}, like=model)


def test_like_with_many_columns():
    names = [f"v{i}" for i in range(50_000)]
    mri = pd.DataFrame(np.zeros((2, len(names)), dtype=np.float32), columns=names)
    model = Model().fit(join_modalities({"mri": mri, "pet": mri}))
    with pytest.warns(AlignedTableWarning, match=r"\['mri'\] are absent"):
        assert join_modalities({"pet": mri}, like=model).shape == (2, 100_000)


# Back -----------------------------------------------------------------------------------------------------------


def test_split_is_the_way_back(mri):
    pet = mri.rename(columns={"hippocampus": "suvr"}).drop(columns="insula")
    tables = split_modalities(join_modalities({"mri": mri, "pet": pet}, other=mri[[]].assign(site="x")))
    assert list(tables) == ["mri", "pet"]
    assert_frame_equal(tables["mri"], mri)
    assert_frame_equal(tables["pet"], pet)


def test_split_of_polars_and_arrays(X):
    tables = split_modalities(pl.from_pandas(X))
    assert tables["mri"].columns == ["hippocampus", "insula"]
    parts = split_modalities(X.to_numpy(), {"mri": [0, 1], "pet": [2]})
    assert_array_equal(parts["pet"], X[["pet__suvr"]])


names = st.text("abcxyz", min_size=1, max_size=3)
cells = st.floats(-10, 10) | st.just(float("nan"))


@st.composite
def tables(draw, same_subjects):
    """One table per modality; every subject has a value in each, unless the subjects may differ."""
    everyone = [f"s{i}" for i in range(draw(st.integers(1, 6)))]
    out = {}
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        columns = draw(st.lists(names, min_size=1, max_size=3, unique=True))
        order = (
            everyone if same_subjects else ["s0", *draw(st.lists(st.sampled_from(everyone[1:] or ["t"]), unique=True))]
        )
        values = draw(st.lists(cells, min_size=len(order) * len(columns), max_size=len(order) * len(columns)))
        out[name] = pd.DataFrame(np.reshape(values, (len(order), -1)), index=order, columns=columns)
    return out


@given(tables(same_subjects=True))
@settings(max_examples=50)
def test_split_of_join_is_the_identity(tables):
    back = split_modalities(join_modalities(tables))
    assert list(back) == list(tables)
    for name, table in tables.items():
        assert_frame_equal(back[name], table)


@given(tables(same_subjects=False))
@settings(max_examples=50)
def test_join_has_every_subject_once_and_every_cell(tables):
    X = join_modalities(tables)
    assert X.index.is_unique
    assert set(X.index) == set().union(*(table.index for table in tables.values()))
    assert list(resolve_modalities(X)) == list(tables)
    for name, table in split_modalities(X).items():
        assert_frame_equal(table.loc[tables[name].index], tables[name])
        assert table.drop(index=tables[name].index).isna().all(axis=None)
