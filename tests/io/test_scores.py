"""The table of scores beside lesion masks."""

import numpy as np
import pandas as pd
import pytest

from skfuse.io import CohortError, CohortWarning, read_scores


def test_text_of_three_levels_becomes_two_columns(tmp_path):
    (tmp_path / "t.csv").write_text("id,y,hand\n1,1,left\n2,2,right\n3,3,both\n4,1,right\n")
    read = read_scores(tmp_path / "t.csv", "y", covariates=["hand"])
    assert {name: values.tolist() for name, values in read.covariates.items()} == {
        "hand=left": [1, 0, 0, 0],
        "hand=right": [0, 1, 0, 1],
    }
    assert "hand=both" not in str(read.notes)


def test_two_roles_and_missing_tables(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no table"):
        read_scores(tmp_path / "absent.csv", "y")
    (tmp_path / "t.csv").write_text("id,y\n1,1\n2,two\n3,3\n")
    with pytest.raises(CohortError, match=r"row 3, column 'y': 'two' is not a number"):
        read_scores(tmp_path / "t.csv", "y")


@pytest.fixture
def frame():
    return pd.DataFrame(
        {"y": [1.5, np.nan, 3], "site": ["Oslo", None, "Bergen"], "code": ["b", "a", "c"], "age": [60, 70, 80]}
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ids_may_stand_in_any_column(frame, tmp_path, suffix):
    file = tmp_path / f"scores.{suffix}"
    frame.to_csv(file, index=False) if suffix == "csv" else frame.to_parquet(file, index=False)
    read = read_scores(file, "y", covariates=["age"], subject="code", blocks="site")
    assert read.ids.tolist() == ["b", "a", "c"]
    np.testing.assert_array_equal(read.score, frame["y"])
    np.testing.assert_array_equal(read.matrix(), frame[["age"]])
    assert read.blocks.tolist() == ["Oslo", None, "Bergen"]
    assert read_scores(file, "y", subject="code").matrix() is None
    with pytest.raises(CohortError, match=r"has no column 'id'. Its columns are: y, site, code, age"):
        read_scores(file, "y", subject="id")
    with pytest.raises(CohortError, match=r"'code' is the column of ids"):
        read_scores(file, "code", subject="code")


def test_gaps_are_named_and_taken_with_their_rows(frame, tmp_path):
    frame.to_csv(tmp_path / "t.csv", index=False)
    read = read_scores(tmp_path / "t.csv", "y", covariates=["age"], subject="code", blocks="site")
    with pytest.raises(CohortError, match=r"no value for 1 subject .*: the block \(a\)\. Fill the cells in"):
        read.refuse_gaps()
    some = read.take([2, 0])
    assert some.ids.tolist() == ["c", "b"]
    assert some.blocks.tolist() == ["Bergen", "Oslo"]
    assert some.covariates["age"].tolist() == [80, 60]
    some.refuse_gaps()


def test_what_was_converted_is_noted_and_a_change_of_ids_is_warned_of(tmp_path):
    (tmp_path / "t.csv").write_text("id;y\n1.0;1,5\n2.0;2\n")
    with pytest.warns(CohortWarning, match=r"'1\.0' was read as '1'"):
        read = read_scores(tmp_path / "t.csv", "y")
    assert read.ids.tolist() == ["1", "2"]
    assert read.score.tolist() == [1.5, 2.0]
    assert "decimal commas were read as points" in str(read.notes)
