import gzip

import pytest

from skfuse.io import CohortError, read_cohort
from skfuse.io._text import detect_delimiter

LABELS = "id,y,age,site\n01,a,60,x\n02,b,61,y\n03,a,62,x\n04,b,63,y\n"
MRI = "id,v,w\n01,1.5,1\n02,2.5,2\n03,3.5,3\n04,4.5,4\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marked_encodings_are_read_without_a_warning(write, encoding):
    cohort = read_cohort(write({"labels.csv": LABELS.replace(",a,", ",é,").encode(encoding)}), "y")
    assert set(cohort.y) == {"é", "b"}


@pytest.mark.parametrize(
    ("encoding", "shown"), [("cp1252", "cp1252"), ("latin-1", "latin-1"), ("utf-16-le", "utf-16-le")]
)
def test_other_encodings_are_read_with_a_warning(write, quiet, encoding, shown):
    # 0x81 has no letter in cp1252
    accent = "\x81" if encoding == "latin-1" else "é"
    cohort, text = quiet(write({"labels.csv": LABELS.replace(",a,", f",{accent},").encode(encoding)}))
    assert set(cohort.y) == {accent, "b"}
    assert "labels.csv" in text
    assert shown in text


def test_gzip_with_or_without_its_suffix(write):
    data = gzip.compress(MRI.encode(), mtime=0)
    cohort = read_cohort(write({"mri.csv": None, "mri.csv.gz": data, "pet.csv": data}), "y")
    assert cohort.X["mri__v"].tolist() == cohort.X["pet__v"].tolist() == [1.5, 2.5, 3.5, 4.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"\n \n", "empty file"),
        (b"id,v\n", "no rows"),
        (b",,,\n,,\n", "nothing but delimiters"),
        (gzip.compress(MRI.encode(), mtime=0)[:-9], "damaged gzip"),
        (b"PK\x03\x04rest", "zip or Excel"),
        (b"id,v\n01,\0\0\0", "no text table|damaged|single column|looks like"),
        (b"\xff\xfe\x00\xd8\x00\x41", "damaged"),
        ('id,v\n01,"1\n02,2\n', "odd number of quotation marks"),
        ("id,v,w\n01,1,2\n02,1\n", "row that begins '02,1' has 2 cells, but the header has 3"),
        ("id,v\n01,1\n02,1,2\n", "row that begins '02,1,2' has 3 cells, but the header has 2"),
        ("id\n01\n", "single column"),
    ],
)
def test_files_that_are_no_table_are_named(write, content, message):
    with pytest.raises(CohortError, match=f"(?s)mri.csv.*({message})"):
        read_cohort(write({"mri.csv": content}), "y")


@pytest.mark.parametrize(
    ("text", "file", "delimiter"),
    [
        ("id,a\n1,2\n", "x.csv", ","),
        ("id;a\n1;2,5\n", "x.csv", ";"),
        ("id;a;b\n1;2,5;3,5\n", "x.csv", ";"),
        ("id\ta\n1\t2,5\n", "x.csv", "\t"),
        ("id,a\n1,2\n", "x.tsv", ","),
        ('id,"a;b;c;d"\n1,2\n', "x.csv", ","),
        ("id;Smith, J;Roe, P;x, y\n1;2;3;4\n", "x.csv", ";"),
        ("id\n1\n", "x.tsv", "\t"),
    ],
)
def test_delimiter_is_the_one_that_makes_a_table(text, file, delimiter):
    assert detect_delimiter(text, file) == delimiter


def test_row_names_as_r_writes_them(write):
    cohort = read_cohort(write({"mri.csv": 'v,w\n"01",1,2\n"02",3,4\n"03",5,6\n"04",7,8\n'}), "y")
    assert cohort.X["mri__v"].tolist() == [1, 3, 5, 7]


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n\n"])
def test_line_ends_of_any_system(write, newline):
    assert read_cohort(write({"mri.csv": MRI.replace("\n", newline)}), "y").X["mri__w"].tolist() == [1, 2, 3, 4]


def test_blank_rows_are_skipped_and_logged(write):
    log = read_cohort(write({"mri.csv": MRI + "\n   \n,,\n"}), "y").log
    assert "skipped 1 line of blanks" in str(log)
    assert [row.reason for row in log.dropped] == ["blank row"]
