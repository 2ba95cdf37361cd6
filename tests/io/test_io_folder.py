import pytest

from skfuse.io import CohortError, read_cohort
from skfuse.modalities import resolve_modalities

MRI = "id,v,w\n01,1.5,1\n02,2.5,2\n03,3.5,3\n04,4.5,4\n"
WIDE = "id,y,age,mri__v,mri__w,pet__p,note\n01,a,60,1,2,3,free\n02,b,61,,,4,text\n03,a,62,5,6,,here\n"


def test_file_names_are_modalities(write):
    cohort = read_cohort(write({"fmri_rest.tsv": MRI.replace(",", "\t"), "7T.md": "x"}), "y")
    assert cohort.X.columns.tolist() == ["fmri_rest__v", "fmri_rest__w", "mri__v", "mri__w"]


def test_bids_names(write, quiet):
    participants = "participant_id\ty\tage\nsub-01\ta\t60\nsub-02\tb\tn/a\nsub-03\tn/a\t62\nsub-04\ta\t63\n"
    path = write({"labels.csv": None, "participants.tsv": participants, "participants.json": "{}"})
    cohort, text = quiet(path, covariates="age")
    assert cohort.X.index.tolist() == ["01", "02", "04"]
    assert "participants.tsv begin with 'sub-', those of mri.csv do not; the prefix was removed" in text
    assert "Dropped 1 row of participants.tsv, no value of the target: 03" in text
    assert cohort.covariates["age"].isna().tolist() == [False, True, False]


def test_prefix_on_all_tables_stays(write):
    labels = "participant_id,y\nsub-01,a\nsub-02,b\n"
    path = write({"labels.csv": labels, "mri.csv": "id,v\nsub-01,1\nsub-02,2\n"})
    assert read_cohort(path, "y").X.index.tolist() == ["sub-01", "sub-02"]


def test_other_files_are_ignored_and_listed(write, quiet):
    path = write({"README.md": "x", ".DS_Store": "x", "mri.json": "{}", "pet.xlsx": "x"})
    (path / "derivatives").mkdir()
    cohort, text = quiet(path)
    assert set(cohort.log.ignored_files) == {"README.md", ".DS_Store", "mri.json", "pet.xlsx", "derivatives"}
    assert text == "pet.xlsx was not read; if it is a table of this cohort, export it as csv or parquet."


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"participants.tsv": "id\ty\n"}, "two tables of labels: labels.csv and participants.tsv"),
        ({"labels.csv": None}, r"holds no labels.csv or participants.tsv, only mri\.csv"),
        ({"labels.csv": None, "mri.csv": None}, "only no table at all"),
        ({"mri.csv": None}, "no table of a modality"),
        ({"mri.tsv": "x"}, "mri.csv and mri.tsv are both modality 'mri'"),
        ({"a b.csv": MRI, "a-b.csv": MRI}, "'a_b'"),
        ({"a__b.csv": MRI}, "'a__b' cannot name a modality"),
        ({"7t.csv": MRI}, "'7t' cannot name a modality"),
        ({"remainder.csv": MRI}, "scikit-learn gives"),
        ({"pet.csv": "id,pet__\n01,2\n"}, "names no feature"),
        ({"pet.csv": "id,a__b,a_b\n01,2,3\n"}, "columns a__b, a_b would both be called 'a_b'"),
        ({"pet.csv": "id,a,pet__a\n01,2,3\n"}, "columns a, pet__a would both be called 'a'"),
        ({"pet.csv": "id,y\n01,2\n"}, r"pet.csv holds a column 'y', the name of the target.*drop='\^y\$'"),
    ],
)
def test_folders_that_cannot_be_read(write, files, message):
    with pytest.raises(CohortError, match=message):
        read_cohort(write(files), "y")


def test_names_that_need_a_change(write, quiet):
    path = write({"fmri-rest.csv": "id,fmri-rest__a,x__y___z,pet__b\n01,1,2,3\n02,1,3,4\n"})
    cohort, text = quiet(path)
    assert [name for name in cohort.X if name[0] == "f"] == ["fmri_rest__a", "fmri_rest__x_y_z", "fmri_rest__pet_b"]
    assert "fmri-rest.csv: 'fmri-rest' became the modality 'fmri_rest'." in text
    assert "'__' became '_' in the names of 2 columns" in str(cohort.log)
    assert list(resolve_modalities(cohort.X)) == ["fmri_rest", "mri"]


def test_drop_finds_bare_and_prefixed_names(write, quiet):
    cohort, text = quiet(write({"pet.csv": MRI}), drop=["^pet__v", "^w$", "nothing"])
    assert cohort.X.columns.tolist() == ["mri__v"]
    assert "`drop` matches no column: nothing" in text
    assert "Modality 'pet' has no column left" in text
    assert cohort.log.dropped_columns == {"mri": ["w"], "pet": ["v", "w"]}


@pytest.mark.parametrize(
    ("drop", "message"), [("(", "no regular expression"), (".", "no modality is left"), ([1], "no reg")]
)
def test_unusable_drop(write, drop, message):
    with pytest.raises(CohortError, match=message):
        read_cohort(write(), "y", drop=drop)


def test_columns_with_a_role_never_become_predictors(write, quiet):
    cohort, text = quiet(write({"pet.csv": "id,age,p\n01,1,2\n02,3,4\n"}), covariates=["age"])
    assert [name for name in cohort.X if "age" in name] == []
    assert "pet.csv: age is read from the labels table and was left out of 'pet'." in text
    assert cohort.log.left_out == {"labels": ["site"], "pet": ["age"]}


def test_wide_table(tmp_path, quiet):
    (tmp_path / "wide.csv").write_text(WIDE)
    cohort, text = quiet(tmp_path / "wide.csv", covariates="age")
    assert cohort.X.columns.tolist() == ["mri__v", "mri__w", "pet__p"]
    assert cohort.log.lacking == {"mri": ["02"], "pet": ["03"]}
    assert cohort.log.left_out == {"labels": ["note"]}
    assert cohort.name == "wide"
    assert text == ""


def test_wide_column_with_a_role_is_no_feature(tmp_path):
    (tmp_path / "wide.csv").write_text(WIDE)
    cohort = read_cohort(tmp_path / "wide.csv", "y", covariates=["mri__w"])
    assert cohort.X.columns.tolist() == ["mri__v", "pet__p"]
    assert cohort.covariates.columns.tolist() == ["mri__w"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,y,v\n01,1,2\n", "no column named <modality>__<feature>"),
        ("id,y,__v\n01,1,2\n", "'' cannot name a modality"),
        ("id,y,a b__v,a_b__v\n01,1,2,3\n", "two prefixes stand for modality 'a_b'"),
    ],
)
def test_unusable_wide_tables(tmp_path, text, message):
    (tmp_path / "wide.csv").write_text(text)
    with pytest.raises(CohortError, match=message):
        read_cohort(tmp_path / "wide.csv", "y")


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_cohort(tmp_path / "nowhere", "y")
    (tmp_path / "x.xlsx").write_text("x")
    with pytest.raises(CohortError, match="no csv, tsv or parquet"):
        read_cohort(tmp_path / "x.xlsx", "y")
