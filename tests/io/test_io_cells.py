import numpy as np
import pytest

from skfuse.io import CohortError, read_cohort
from skfuse.io._cells import MISSING_CODES


def table(cells, header="v"):
    return f"id,{header}\n" + "".join(f'0{i + 1},"{cell}"\n' for i, cell in enumerate(cells))


@pytest.mark.parametrize("code", [*MISSING_CODES, "#N/A", "NaN", "NA", " n/a "])
def test_missing_codes(write, code):
    X = read_cohort(write({"mri.csv": table([code, "1", "2.5", "-3e2"])}), "y").X
    np.testing.assert_array_equal(X["mri__v"].iloc[1:], [1, 2.5, -300])
    assert len(X) == 3 or np.isnan(X["mri__v"].iloc[0])


@pytest.fixture(autouse=True)
def _one_more_modality(write):
    write({"pet.csv": "id,p\n01,1\n02,2\n03,3\n04,5\n"})


def test_numbers_keep_all_their_bits(write):
    numbers = ["0.1", "1.7976931348623157e308", "5e-324", "123456789.123456789"]
    assert read_cohort(write({"mri.csv": table(numbers)}), "y").X["mri__v"].tolist() == [float(n) for n in numbers]


def test_a_few_words_among_numbers_are_named(write):
    with pytest.raises(CohortError, match=r"mri.csv, row 4, column 'v': 'high' is not a number\."):
        read_cohort(write({"mri.csv": table(["1", "2", "high", "4"])}), "y")
    with pytest.raises(CohortError, match=r"row 6, column 'v': '<1' is not a number \(2 such cells\)"):
        read_cohort(write({"mri.csv": "id,v\n\n01,1\n02,2\n\n03,<1\n04,<1\n"}), "y")


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e999"])
def test_infinite_cells_are_named(write, cell):
    with pytest.raises(CohortError, match="row 3, column 'v': the value is infinite"):
        read_cohort(write({"mri.csv": table(["1", cell, "3", "4"])}), "y")


def test_booleans_become_0_and_1(write, quiet):
    cohort, text = quiet(write({"mri.csv": table(["True", "FALSE", "NA", "true"])}))
    np.testing.assert_array_equal(cohort.X["mri__v"], [1, 0, np.nan, 1])
    assert "v (false = 0, true = 1)" in text


def test_two_levels_become_0_and_1(write, quiet):
    cohort, text = quiet(write({"mri.csv": table(["M", "F", "", "M"])}))
    np.testing.assert_array_equal(cohort.X["mri__v"], [1, 0, np.nan, 1])
    assert "v (F = 0, M = 1)" in text


def test_more_levels_become_columns(write, quiet):
    cohort, text = quiet(write({"mri.csv": table(["left", "right", "", "a__b"])}))
    assert cohort.X.columns.tolist() == ["mri__v=a_b", "mri__v=left", "mri__v=right", "pet__p"]
    np.testing.assert_array_equal(cohort.X["mri__v=left"], [1, 0, np.nan, 0])
    assert "a 0/1 column for each of: a__b, left, right" in text


def test_levels_of_dropped_rows_make_no_column(write, quiet):
    cohort, _ = quiet(write({"mri.csv": table(["A", "B", "A", "B"]) + "99,C\n"}))
    assert cohort.X.columns.tolist() == ["mri__v", "pet__p"]


def test_free_text_is_refused(write):
    labels = "id,y\n" + "".join(f"s{i},{i % 2}\n" for i in range(30))
    words = "id,note\n" + "".join(f"s{i},word{i}\n" for i in range(30))
    path = write({"labels.csv": labels, "mri.csv": words, "pet.csv": words.replace("word", "1")})
    with pytest.raises(CohortError, match="column 'note' is text with 30 different values"):
        read_cohort(path, "y")
    with pytest.warns(match="'mri' has no column left"):
        assert read_cohort(path, "y", drop="^mri__note").X.shape == (30, 1)


@pytest.mark.parametrize("text", ["id;v;w\n01;1,5;1\n02;2,5;2\n03;NA;3\n04;1,234;4\n", None])
def test_decimal_commas_are_converted_with_a_warning(write, quiet, text):
    text = text or 'id,v,w\n01,"1,5",1\n02,"2,5",2\n03,NA,3\n04,"1,234",4\n'
    cohort, text = quiet(write({"mri.csv": text}))
    np.testing.assert_array_equal(cohort.X["mri__v"], [1.5, 2.5, np.nan, 1.234])
    assert "1 column of text with decimal commas converted to numbers: v (decimal comma)" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('id,v\n01,"1,234"\n02,"2,345"\n03,\n04,"3,456"\n', "row 2, column 'v': '1,234' may be a decimal comma or a"),
        ("id;v\n01;1,5\n02;2.5\n03;3,5\n04;4\n", "row 3, column 'v': '2.5' stands among cells with a decimal comma"),
        ("id;v;w\n01;1,5;1\n02;2,5;1.234\n", "row 3, column 'w': '1.234' has a decimal point, but column 'v'"),
        ("id;v\n01;1,5\n02;1.234,5\n", "row 3, column 'v': '1.234,5' is not a number"),
    ],
)
def test_commas_that_cannot_be_read_with_certainty_are_refused(write, text, message):
    with pytest.raises(CohortError, match=message):
        read_cohort(write({"mri.csv": text}), "y")
