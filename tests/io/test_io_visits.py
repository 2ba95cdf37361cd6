import numpy as np
import pytest

from skfuse.io import CohortError, read_cohort

LABELS = "id,ses,y,family\n01,base,a,f1\n01,year,b,f1\n02,base,b,f1\n03,base,a,f2\n"
MRI = "id,ses,v\n01,base,1\n01,year,2\n02,year,4\n03,base,5\n03,year,6\n"
GENES = "id,g\n01,10\n02,20\n03,30\n"


@pytest.fixture
def path(write):
    return write({"labels.csv": LABELS, "mri.csv": MRI, "genes.csv": GENES})


@pytest.mark.parametrize("visit", ["ses=base", ("ses", "base")])
def test_one_visit(path, quiet, visit):
    cohort, _ = quiet(path, visit=visit)
    assert cohort.X.columns.tolist() == ["genes__g", "mri__v"]
    np.testing.assert_array_equal(cohort.X["mri__v"], [1, np.nan, 5])
    assert cohort.groups is None
    reasons = {(row.table, row.row_id, row.reason) for row in cohort.log.dropped}
    assert ("mri", "03", "another visit than 'base'") in reasons
    assert all(table.n_dropped == sum(r.table == table.name for r in cohort.log.dropped) for table in cohort.log.tables)


def test_all_visits(path, quiet):
    cohort, text = quiet(path, visit="ses")
    assert cohort.X.index.tolist() == ["01@base", "01@year", "02@base", "03@base"]
    np.testing.assert_array_equal(cohort.X["mri__v"], [1, 2, np.nan, 5])
    assert cohort.X["genes__g"].tolist() == [10, 10, 20, 30]
    assert cohort.groups.tolist() == ["01", "01", "02", "03"]
    assert "genes.csv: without 'ses', each row was used for all visits of its subject" in text
    reasons = {(row.row_id, row.reason) for row in cohort.log.dropped}
    assert reasons == {("02", "visit not in the labels table"), ("03", "visit not in the labels table")}


def test_all_visits_with_other_groups(path, quiet):
    cohort, _ = quiet(path, visit="ses", groups="family")
    assert cohort.groups.tolist() == ["f1", "f1", "f1", "f2"]


def test_labels_without_visits_take_those_of_the_modalities(write, quiet):
    cohort, _ = quiet(
        write({"labels.csv": "id,y\n01,a\n02,b\n04,a\n", "mri.csv": MRI, "genes.csv": GENES}), visit="ses"
    )
    assert cohort.X.index.tolist() == ["01@base", "01@year", "02@year"]
    assert cohort.y.tolist() == ["a", "a", "b"]
    assert [(r.table, r.row_id) for r in cohort.log.dropped] == [
        ("labels", "04"), ("genes", "03"), ("mri", "03"), ("mri", "03")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({}, r"labels.csv has more than one row for 1 id: 01\. Keep one row per id; or name the visit"),
        ({"groups": "family"}, "joining needs to know the visit"),
        ({"visit": "ses=never"}, "labels.csv has no row with ses = 'never'; it has: base, year"),
        ({"visit": "wave"}, "No table has the column 'wave' that `visit` names. Columns of labels.csv: ses, y, family"),
        ({"visit": ("ses", 1, 2)}, "`visit` must be"),
        ({"visit": 3}, "`visit` must name a column"),
    ],
)
def test_repeated_ids_need_a_visit(path, keywords, message):
    with pytest.raises(CohortError, match=message):
        read_cohort(path, "y", **keywords)


def test_two_rows_of_one_visit(write):
    path = write({"labels.csv": LABELS, "mri.csv": MRI + "01,base,9\n"})
    with pytest.raises(
        CohortError, match=r"mri.csv has more than one row for 1 id: 01@base\. Keep one row for each visit"
    ):
        read_cohort(path, "y", visit="ses")


def test_rows_without_a_visit_are_dropped_with_a_warning(write, quiet):
    cohort, text = quiet(write({"labels.csv": LABELS, "mri.csv": MRI + "02,,9\n"}), visit="ses")
    assert "mri.csv: dropped 1 row without a value in 'ses': 02" in text
    assert ("no visit given", "02") in [(r.reason, r.row_id) for r in cohort.log.dropped]


def test_wide_table_with_visits(tmp_path, quiet):
    (tmp_path / "w.csv").write_text("id,ses,y,m__v\n01,base,a,1\n01,year,b,2\n\n02,base,b,3\n")
    cohort, _ = quiet(tmp_path / "w.csv", visit="ses=base")
    assert cohort.X["m__v"].to_dict() == {"01": 1, "02": 3}
    cohort, _ = quiet(tmp_path / "w.csv", visit="ses")
    assert cohort.groups.to_dict() == {"01@base": "01", "01@year": "01", "02@base": "02"}
    cohort, _ = quiet(tmp_path / "w.csv", groups="id")
    assert cohort.groups.to_dict() == {"01@1": "01", "01@2": "01", "02@1": "02"}


def test_one_person_in_two_groups(tmp_path):
    (tmp_path / "w.csv").write_text("id,fold,y,m__v\n01,1,a,1\n01,2,b,2\n02,1,b,3\n")
    with pytest.raises(CohortError, match="rows of '01' lie in two groups of 'fold', '1' and '2'"):
        read_cohort(tmp_path / "w.csv", "y", groups="fold")
