import json
import warnings

import numpy as np
import pytest

from skfuse.io import CohortError, CohortWarning, read_cohort, read_modalities

LABELS = "id,y,site\n" + "".join(f"s{i},{'ab'[i % 2]},{'xyz'[i % 3]}\n" for i in range(6))
MRI = "id,volume,hand,smoker,drug\n" + "".join(
    f"s{i},{i}.5,{['left', 'right'][i % 2]},{['true', 'false'][i % 2]},{'ABC'[i % 3]}\n" for i in range(6)
)
PET = "id,suvr\n" + "".join(f"s{i},1.{i}\n" for i in range(4))
COLUMNS = ["volume", "hand", "smoker", "drug=A", "drug=B", "drug=C"]


@pytest.fixture
def train(tmp_path):
    folder = tmp_path / "train"
    folder.mkdir()
    for name, text in {"labels.csv": LABELS, "mri.csv": MRI, "pet.csv": PET}.items():
        (folder / name).write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_cohort(folder, "y", site="site")


@pytest.fixture
def new(tmp_path):
    """Write files into one folder and read it like the training cohort, or otherwise."""

    def new(like, files, **keywords):
        folder = tmp_path / "new"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        path = folder / next(iter(files)) if next(iter(files)).startswith("wide") else folder
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cohort = read_modalities(path, like=like, **keywords)
        assert all(issubclass(w.category, CohortWarning) for w in caught)
        assert [str(w.message) for w in caught] == cohort.log.warnings
        return cohort

    return new


def test_the_coding_is_json_and_says_how_columns_were_made(train):
    coding = json.loads(json.dumps(train.log.coding))
    assert coding["mri"] == {
        "columns": COLUMNS,
        "boolean": ["smoker"],
        "levels": {"hand": ["left", "right"], "drug": ["A", "B", "C"]},
        "dtype": "float64",
    }
    assert coding["pet"] == {"columns": ["suvr"], "boolean": [], "levels": {}, "dtype": "float64"}


def test_the_training_tables_are_read_again_as_they_were(train, tmp_path):
    again = read_modalities(tmp_path / "train", like=train, site="site")
    assert again.X.equals(train.X)
    assert again.site.equals(train.site)
    assert again.y is None
    assert again.log.alignment == {}


def test_levels_mean_what_they_meant_in_training(train, new):
    """One subject alone shows one level; by itself the column would become another one."""
    cohort = new(train, {"mri.csv": "id,volume,hand,smoker,drug\nn1,2.5,right,TRUE,B\n", "pet.csv": "id,suvr\nn1,1\n"})
    assert cohort.X.loc["n1"].tolist() == [2.5, 1, 1, 0, 1, 0, 1]
    assert list(cohort.X.columns) == list(train.X.columns)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("0", 0), ("false", 0), ("NA", np.nan), ("maybe", np.nan)])
def test_truth_is_read_from_words_and_from_0_and_1(train, new, text, value):
    cohort = new(train, {"mri.csv": f"id,volume,hand,smoker,drug\nn1,2.5,right,{text},B\n"})
    np.testing.assert_equal(cohort.X.loc["n1", "mri__smoker"], value)
    assert ("new_levels" in cohort.log.alignment) == (text == "maybe")


def test_new_levels_are_missing_and_reported(train, new):
    cohort = new(train, {"mri.csv": "id,volume,hand,smoker,drug\nn1,2,both,true,D\nn2,1,left,false,D\nn3,1,left,1,A\n"})
    assert cohort.log.alignment["new_levels"] == {"mri": {"hand": {"both": 1}, "drug": {"D": 2}}}
    assert cohort.X.loc["n1"].isna().tolist() == [False, True, False, True, True, True, True]
    assert any("2 cells of levels that were not in training (D) became missing" in w for w in cohort.log.warnings)


def test_other_order_extra_and_lacking_columns_are_served_and_reported(train, new):
    cohort = new(train, {"mri.csv": "id,smoker,volume,new,y\nn1,true,2.5,9,a\n", "eeg.csv": "id,alpha\nn1,3\nn2,4\n"})
    assert cohort.X.loc["n1", ["mri__volume", "mri__smoker"]].tolist() == [2.5, 1.0]
    assert cohort.X.isna().sum(axis=1).tolist() == [5]
    assert cohort.log.alignment == {
        "extra_modalities": ["eeg"],
        "lacking_modalities": ["pet"],
        "lacking_columns": {"mri": ["hand", "drug"]},
        "extra_columns": {"mri": ["new", "y"]},
        "reordered": ["mri"],
    }
    assert len(cohort.log.warnings) == 5
    # nothing silently lost: the rows of the unknown table are in the log
    assert [(row.table, row.row_id) for row in cohort.log.dropped] == [("eeg", "n1"), ("eeg", "n2")]
    assert all(entry.n_rows == entry.n_kept + entry.n_dropped for entry in cohort.log.tables)


def test_a_wide_table_serves_a_model_of_a_folder(train, new):
    cohort = new(
        train, {"wide.csv": "id,pet__suvr,mri__volume,mri__hand,mri__smoker,mri__drug\nn1,1.5,2,left,true,C\n"}
    )
    assert cohort.X.loc["n1"].tolist() == [2, 0, 1, 0, 0, 1, 1.5]
    assert "lacking_modalities" not in cohort.log.alignment


def test_everyone_in_any_table_has_a_row_and_labels_come_first(train, new):
    files = {"labels.csv": "id,site\nn9,x\nn2,y\n", "mri.csv": "id,volume\nn1,1\nn2,2\n", "pet.csv": "id,suvr\nn3,1\n"}
    cohort = new(train, files, site="site")
    assert cohort.X.index.tolist() == ["n9", "n2", "n1", "n3"]
    assert cohort.site.iloc[:2].tolist() == ["x", "y"]
    assert cohort.site.iloc[2:].isna().all()
    assert cohort.X.loc["n9"].isna().all()
    assert cohort.log.lacking == {"mri": ["n9", "n3"], "pet": ["n9", "n2", "n1"]}


def test_unknown_sites_are_reported(train, new):
    cohort = new(train, {"mri.csv": "id,volume\nn1,1\n"}, site="site")
    assert cohort.site is None
    assert any("The sites ('site') are unknown: there is no table of labels." in w for w in cohort.log.warnings)


def test_without_a_model_columns_are_learned(new):
    cohort = new(None, {"mri.csv": "id,a,hand\nn1,1,x\nn2,2,y\n"})
    assert cohort.X.columns.tolist() == ["mri__a", "mri__hand"]
    assert cohort.log.coding["mri"]["levels"] == {"hand": ["x", "y"]}


def test_float32_of_training_is_kept(train, new):
    coding = {**train.log.coding, "pet": {**train.log.coding["pet"], "dtype": "float32"}}
    cohort = new(coding, {"pet.csv": "id,suvr\nn1,1.1\n"})
    assert cohort.X["pet__suvr"].dtype == np.float32
    with pytest.raises(CohortError, match=r"pet.csv, row 2, feature 'suvr': 1e\+300 is beyond the range of float32"):
        new(coding, {"pet.csv": "id,suvr\nn1,1e300\n"})


def test_visits_are_rows(train, new):
    files = {"mri.csv": "id,session,volume\nn1,m0,1\nn1,m12,2\n", "pet.csv": "id,suvr\nn1,3\nn2,4\n"}
    cohort = new(train, files, visit="session")
    assert cohort.X.index.tolist() == ["n1@m0", "n1@m12", "n2@"]
    assert cohort.X["pet__suvr"].tolist() == [3, 3, 4]
    cohort = new(train, files, visit="session=m12")
    assert cohort.X["mri__volume"].dropna().tolist() == [2]
    assert [row.row_id for row in cohort.log.dropped] == ["n1"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"eeg.csv": "id,a\nn1,1\n"}, "holds none of the modalities of the model"),
        ({"mri.csv": "id,volume\nn1,1\nn1,2\n"}, "more than one row for 1 id: n1"),
        ({"mri.csv": "id,volume\nn1,big\n"}, "'volume' held numbers in training, but holds text here"),
        ({"mri.csv": "id,volume\nn1,true\n"}, "'volume' held numbers in training, but holds true and false here"),
        ({"mri.csv": "id,volume\nn1,1\nn2,x\n"}, "row 3, column 'volume': 'x' is not a number"),
        ({"mri.csv": "id,volume\n01,1\n", "pet.csv": "id,suvr\n1,2\n"}, "written differently: '1' in pet.csv, '01' in"),
        ({"labels.csv": "id,site\nn1,x\n"}, "holds labels.csv, but no table of a modality"),
        ({"notes.md": "x"}, "holds no file that is a table, but no table of a modality"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(train, new, files, message):
    with pytest.raises(CohortError, match=message):
        new(train, files)


def test_tables_without_a_common_id_give_a_warning(train, new):
    cohort = new(train, {"mri.csv": "id,volume\nn1,1\n", "pet.csv": "id,suvr\nn2,2\n"})
    assert len(cohort.X) == 2
    assert any("No id of pet.csv (n2) is in another table (n1)." in w for w in cohort.log.warnings)


def test_like_must_carry_a_coding(tmp_path):
    with pytest.raises(
        ValueError, match="`like` must be a cohort made by read_cohort, a fitted model or a coding, got"
    ):
        read_modalities(tmp_path, like=3)


def test_a_message_is_one_line_whatever_a_name_holds(tmp_path):
    (tmp_path / "labels.csv").write_text('id,"y\nz"\n1,a\n2,b\n')
    (tmp_path / "mri.csv").write_text("id,v\n1,1\n2,2\n")
    with pytest.raises(CohortError) as refused:
        read_cohort(tmp_path, "y")
    assert "Its columns are: y z." in str(refused.value)


def test_a_named_pipe_is_not_waited_for(tmp_path):
    import os

    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    (tmp_path / "labels.csv").write_text("id,y\n1,a\n2,b\n")
    (tmp_path / "mri.csv").write_text("id,v\n1,1\n2,2\n")
    os.mkfifo(tmp_path / "pet.csv")
    assert read_cohort(tmp_path, "y").log.ignored_files == {"pet.csv": "no ordinary file"}


def test_rows_of_a_table_without_a_column_left_are_in_the_log(tmp_path):
    (tmp_path / "labels.csv").write_text("id,y\n1,a\n2,b\n")
    (tmp_path / "mri.csv").write_text("id,v\n1,1\n2,2\n")
    (tmp_path / "pet.csv").write_text("id,w\n1,1\n2,2\n")
    with pytest.warns(CohortWarning, match="Modality 'pet' has no column left"):
        log = read_cohort(tmp_path, "y", drop="w").log
    assert [(row.table, row.reason) for row in log.dropped] == [("pet", "its table has no column left")] * 2
    assert log.roles == {"labels": ["y"]}
