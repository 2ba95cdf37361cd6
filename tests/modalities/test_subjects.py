import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skfuse.modalities import join_modalities
from skfuse.modalities._subjects import refuse_other_order, spelled_differently


def table(ids, name="v", **columns):
    return pd.DataFrame({name: np.arange(len(ids)) + 0.5, **columns}, index=ids)


@pytest.mark.parametrize("other", ["a1 ", "A1", "sub-a1"], ids=["a trailing blank", "upper case", "the prefix of BIDS"])
def test_one_subject_in_two_spellings_is_refused(other):
    with pytest.raises(ValueError, match=r"1 subjects are written differently .*two subjects each"):
        join_modalities({"mri": table(["a1", "b2"]), "pet": table([other, "b2"])})


@pytest.mark.parametrize(("first", "second"), [("007", "7"), ("7.0", "7"), (7, "7")])
def test_zeros_decimals_and_types_are_spellings(first, second):
    assert spelled_differently([first, "x"], [second, "x"]) == [(first, second)]


def test_two_subjects_that_one_table_tells_apart_are_not_one():
    assert spelled_differently(["7", "007", "x"], ["07", "x"]) == []


@given(st.sets(st.integers(0, 999), min_size=1))
def test_equal_ids_are_never_spelled_differently(ids):
    assert spelled_differently([f"s{i}" for i in ids], [f"s{i}" for i in ids]) == []


def test_row_numbers_are_no_ids():
    mri, pet = table(range(3)).reset_index(drop=True), table(range(2)).reset_index(drop=True)
    with pytest.raises(ValueError, match=r"row numbers as index and different numbers of rows: .*on='subject'"):
        join_modalities({"mri": mri, "pet": pet})


def test_an_id_column_read_as_a_feature_is_noticed():
    mri = pd.DataFrame({"id": [1001, 1002, 1003], "v": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match=r"all begin with a column 'id' that is different in each row"):
        join_modalities({"mri": mri, "pet": mri})
    assert join_modalities({"mri": mri, "pet": mri}, on="id").columns.tolist() == ["mri__v", "pet__v"]


def test_row_numbers_beside_ids_are_refused():
    with pytest.raises(ValueError, match=r"Tables \['pet'\] have row numbers as index, the others subject ids"):
        join_modalities({"mri": table([1, 2, 5]), "pet": table([0, 0, 0]).reset_index(drop=True)})


def test_tables_of_the_same_rows_need_no_ids():
    X = pd.DataFrame({"v": [1.0, 1.0]})
    assert join_modalities({"mri": X, "pet": X}).shape == (2, 2)


def test_a_misspelled_id_column_is_refused():
    with pytest.raises(ValueError, match="Table 'mri' has no column 'ID'"):
        join_modalities({"mri": table(["a"]).rename_axis("id").reset_index()}, on="ID")


@pytest.mark.parametrize("tables", [{1: table(["a"])}, {"mri": None}, {"mri": {"v": [1]}}])
def test_what_is_no_table_is_named(tables):
    with pytest.raises(ValueError, match="must map names of modalities"):
        join_modalities(tables)


def test_an_index_of_two_levels_is_refused():
    mri = table(pd.MultiIndex.from_product([["a", "b"], ["v1", "v2"]]))
    with pytest.raises(ValueError, match="index of 2 levels"):
        join_modalities({"mri": mri})


def test_a_target_in_another_order_is_refused():
    X = table(["a", "b", "c"])
    with pytest.raises(ValueError, match=r"row 0 is 'a' in X and 'b' in y\. .*y\.loc\[X\.index\]"):
        refuse_other_order(X, pd.Series([1, 0, 1], index=["b", "a", "c"]), "y")


@pytest.mark.parametrize(
    "y",
    [
        pd.Series([1, 0, 1], index=["a", "b", "c"]),
        pd.Series([1, 0, 1]),
        pd.Series([1, 0, 1], index=["x", "y", "z"]),
        np.array([1, 0, 1]),
        [1, 0, 1],
        None,
    ],
    ids=["the same order", "row numbers", "other subjects", "array", "list", "none"],
)
def test_what_cannot_be_compared_or_agrees_passes(y):
    assert refuse_other_order(table(["a", "b", "c"]), y, "y") is None


def test_integer_labels_may_be_left_over_row_numbers():
    assert refuse_other_order(table([2, 0, 1]), pd.Series([1, 0, 1], index=[0, 1, 2]), "y") is None
