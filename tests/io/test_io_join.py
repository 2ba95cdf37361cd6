import json

import numpy as np
import pytest

from skfuse.io import CohortError, JoinLog, read_cohort


def test_outer_join_in_the_order_of_the_labels(write, quiet):
    labels = "id,y\n03,a\n01,b\n05,a\n02,\n04,b\n"
    cohort, text = quiet(write({"labels.csv": labels, "pet.csv": "id,p\n01,7\n03,NA\n99,1\n"}))
    assert cohort.X.index.tolist() == cohort.y.index.tolist() == ["03", "01", "04"]
    np.testing.assert_array_equal(cohort.X["pet__p"], [np.nan, 7, np.nan])
    assert cohort.log.lacking == {"mri": [], "pet": ["03", "04"]}
    assert {(r.table, r.row_id, r.reason) for r in cohort.log.dropped} == {
        ("labels", "05", "no value in any modality"),
        ("labels", "02", "no value of the target"),
        ("mri", "02", "no value of the target"),
        ("pet", "99", "id not in the labels table"),
    }
    assert "1 of pet.csv (99)" in text
    assert "Dropped 1 row of labels.csv, no value in any modality: 05" in text
    assert "Dropped 1 row of labels.csv, no value of the target: 02" in text


def test_ids_are_text(write):
    cohort = read_cohort(write({"labels.csv": "id,y\n007,a\n7,b\n", "mri.csv": "id,v\n7,1\n007,2\n"}), "y")
    assert cohort.X["mri__v"].to_dict() == {"007": 2, "7": 1}


@pytest.mark.parametrize(
    ("there", "here"),
    [("007", "7"), ("sub-01", "1"), ("S-01", "s-1"), ("sub-0012", "12"), ("A01", "A1"), ("7.0", "007")],
)
def test_other_spellings_are_named(write, there, here):
    path = write({"labels.csv": f"id,y\n{there},a\nx,b\n", "mri.csv": f"id,v\n{here},1\nx,2\n"})
    with pytest.raises(CohortError, match=f"written differently: '{here}' in mri.csv, '{there}' in labels.csv"):
        read_cohort(path, "y")


def test_ids_that_match_nowhere(write):
    path = write({"mri.csv": "id,v\nP1,1\nP2,2\nP3,3\nP4,4\n"})
    with pytest.raises(
        CohortError, match=r"No id of mri.csv \(P1, P2, P3 and 1 more\) is in labels.csv \(01, 02, 03 and"
    ):
        read_cohort(path, "y")


def test_duplicate_ids_are_named(write):
    with pytest.raises(CohortError, match=r"mri.csv has more than one row for 2 ids: 01, 02\. Keep one row per id"):
        read_cohort(write({"mri.csv": "id,v\n01,1\n01,1\n02,3\n02,4\n03,1\n"}), "y")


def test_nothing_left(write):
    with pytest.raises(CohortError, match=r"No row is left: of 2 in labels.csv, 2 have no value of 'y'"):
        read_cohort(write({"labels.csv": "id,y\n01,\n02,NA\n"}), "y")


def test_nobody_has_any_modality(write):
    with pytest.raises(CohortError, match=r"No row is left.* 4 no value in any modality"):
        read_cohort(write({"mri.csv": "id,v\n01,\n02,\n03,\n04,\n"}), "y")


def test_constant_and_empty_columns_are_kept_and_listed(write):
    cohort = read_cohort(write({"mri.csv": "id,c,e,v\n01,1,,1\n02,1,NA,2\n03,,,3\n04,1,,4\n"}), "y")
    assert cohort.X.shape == (4, 3)
    assert cohort.log.constant == {"mri": ["c"]}
    assert cohort.log.all_missing == {"mri": ["e"]}


def test_log_as_text_and_as_json(write, quiet):
    cohort, _ = quiet(write({"pet.csv": "id,sex\n01,M\n02,F\n99,M\n", "notes.md": "x"}))
    text = str(cohort.log)
    for line in [
        "4 rows, 3 features",
        "Target y, classification: a 2, b 2",
        "pet (pet.csv): 3 = 2 + 1; 1 column",
        "pet: 1 feature; 2 lack it: 03, 04",
        "pet: 1, id not in the labels table: 99",
        "no table (csv, tsv, parquet, also gzipped): 1: notes.md",
        "labels: 2: age, site",
        "pet.csv: 1 column of categories converted to numbers: sex (F = 0, M = 1).",
    ]:
        assert line in text
    content = json.loads(json.dumps(cohort.log.to_dict()))
    assert content["shape"] == [4, 3]
    assert content["tables"][2] == {"name": "pet", "file": "pet.csv", "n_rows": 3, "n_columns": 1, "n_kept": 2,
                                    "n_dropped": 1}  # fmt: skip
    assert content["dropped"] == [{"table": "pet", "row_id": "99", "reason": "id not in the labels table"}]
    assert str(JoinLog("empty")).startswith("Cohort empty: 0 rows")
