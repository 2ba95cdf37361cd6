import io

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skfuse.io import CohortError, read_cohort

MRI = "id,v,w\n01,1.5,1\n02,2.5,2\n03,3.5,3\n04,4.5,4\n"


def parquet(frame, **keywords):
    stream = io.BytesIO()
    frame.to_parquet(stream, **keywords)
    return stream.getvalue()


@pytest.fixture
def frame():
    return pd.DataFrame({"id": ["01", "02", "04"], "v": np.array([1, 2, 4], "float32")})


@pytest.mark.parametrize("as_index", [False, True])
def test_parquet_keeps_float32_and_finds_ids_in_the_index(write, frame, as_index):
    data = parquet(frame.set_index("id") if as_index else frame)
    X = read_cohort(write({"pet.parquet": data}), "y").X
    assert X["pet__v"].dtype == np.float32
    assert X["mri__v"].dtype == np.float64
    np.testing.assert_array_equal(X["pet__v"], [1, 2, np.nan, 4])


def test_parquet_of_polars(write):
    stream = io.BytesIO()
    pl.DataFrame({"id": ["01", "02"], "v": [1, None], "c": ["x", "y"]}).write_parquet(stream)
    with pytest.warns(match="categories"):
        X = read_cohort(write({"pet.parquet": stream.getvalue()}), "y").X
    np.testing.assert_array_equal(X["pet__v"], [1, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(X["pet__c"], [0, 1, np.nan, np.nan])


def test_parquet_types(write, quiet):
    frame = pd.DataFrame(
        {"id": ["01", "02", "03"], "b": [True, False, None], "c": pd.Categorical(["u", "v", "u"]), "n": [None] * 3}
    )
    cohort, _ = quiet(write({"pet.parquet": parquet(frame)}))
    np.testing.assert_array_equal(cohort.X["pet__b"], [1, 0, np.nan, np.nan])
    np.testing.assert_array_equal(cohort.X["pet__c"], [0, 1, 0, np.nan])
    assert cohort.log.all_missing == {"pet": ["n"]}


def test_dates_are_no_feature(write):
    frame = pd.DataFrame({"id": ["01", "02"], "day": pd.to_datetime(["2020-01-01", "2021-01-01"])})
    with pytest.raises(CohortError, match=r"pet.parquet, column 'day' is of type timestamp"):
        read_cohort(write({"pet.parquet": parquet(frame)}), "y")


@pytest.mark.parametrize("content", [b"", b"PAR1", MRI.encode(), b"PAR1" + b"x" * 50 + b"PAR1"])
def test_damaged_parquet_is_named(write, content):
    with pytest.raises(CohortError, match=r"pet\.parquet"):
        read_cohort(write({"pet.parquet": content}), "y")


def test_integer_ids_of_parquet_become_text(write):
    labels = "id,y\n1,a\n2,b\n3,a\n"
    data = parquet(pd.DataFrame({"id": [1, 2], "v": [1.0, 2.0]}))
    path = write({"labels.csv": labels, "mri.csv": "id,v\n1,4\n2,5\n3,6\n", "pet.parquet": data})
    cohort = read_cohort(path, "y")
    assert cohort.log.lacking["pet"] == ["3"]


def test_floating_ids_become_whole_with_a_warning(write, quiet):
    labels = "id,y\n7.0,a\n8.0,b\n9,a\n"
    data = parquet(pd.DataFrame({"id": [7.0, 8.0, 9.0], "v": [1.0, 2.0, 3.0]}))
    cohort, text = quiet(write({"labels.csv": labels, "mri.csv": None, "pet.parquet": data}))
    assert cohort.X.index.tolist() == ["7", "8", "9"]
    assert "labels.csv: ids are decimal numbers; '7.0' was read as '7'" in text
    assert "pet.parquet: ids are decimal" in text


def test_blanks_around_ids_and_names_are_removed(write):
    cohort = read_cohort(write({"mri.csv": "id , v \n 01,1\n02 ,2\n03,3\n04,4\n"}), "y")
    assert cohort.X.columns.tolist() == ["mri__v"]
    assert "mri.csv: blanks around ids were removed." in cohort.log.conversions


def test_participant_id_need_not_be_first(write):
    with pytest.warns(match="not in labels.csv"):
        cohort = read_cohort(write({"labels.csv": "y,participant_id\na,02\nb,01\n"}), "y")
    assert cohort.X.index.tolist() == ["02", "01"]
    assert cohort.X["mri__v"].tolist() == [2.5, 1.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,v,v\n01,1,2\n", "column names more than once: v"),
        ("id,v,\n01,1,2\n", r"columns 3 \(counted from 1\) have no name"),
        ("id,v\n01,1\n,2\nNA,3\n", "rows 3, 4 hold values, but no id"),
        ("id,v\n,\nNA,\n", "no row with an id"),
    ],
)
def test_unusable_names_and_ids(write, text, message):
    with pytest.raises(CohortError, match=f"mri.csv.*{message}"):
        read_cohort(write({"mri.csv": text}), "y")


def test_empty_columns_of_spreadsheets_are_left_out(write):
    cohort = read_cohort(write({"mri.csv": "id,v,,\n01,1,,\n02,2,,\n03,1,,\n04,5,,\n"}), "y")
    assert cohort.X.columns.tolist() == ["mri__v"]
    assert "left out 2 empty columns without a name" in str(cohort.log)


def test_a_table_without_header_is_noticed(write):
    folder = write({"mri.csv": "01,0.31,1.5\n02,0.41,1.25\n03,0.2,1.75\n"})
    with pytest.raises(CohortError, match="names of columns that look like data"):
        read_cohort(folder, "y")
