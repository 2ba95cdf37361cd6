import numpy as np
import pytest

from skfuse.io import CohortError, read_cohort


@pytest.fixture
def read(write, quiet):
    """Read a cohort with these values of the target."""

    def read(values, **keywords):
        ids = [f"s{i}" for i in range(len(values))]
        labels = "id,y\n" + "".join(f"{i},{v}\n" for i, v in zip(ids, values, strict=True))
        mri = "id,v\n" + "".join(f"{i},{n}\n" for n, i in enumerate(ids))
        return quiet(write({"labels.csv": labels, "mri.csv": mri}), **keywords)

    return read


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 3, "classification"),
        ([0, 1] * 10, "classification"),
        ([1, 2], "classification"),
        (list(range(20)) * 2, "classification"),
        (list(range(21)) * 2, "regression"),
        (range(15), "regression"),
        (np.arange(30) / 7, "regression"),
        ([0.5, 1.5, 2.5, 3.5, 4.5, 5.25], "regression"),
        (["1,5", "2,5", "3,5", "4,25"], "regression"),
    ],
)
def test_guess_of_the_task(read, values, task):
    if isinstance(values[0], str) and "," in values[0]:
        values = [f'"{v}"' for v in values]
    cohort, _ = read(values)
    assert cohort.task == cohort.log.target["task"] == task
    assert cohort.y.name == "y"


def test_task_overrides_the_guess(read):
    assert read([0, 1, 2, 3], task="regression")[0].y.dtype == float
    assert read(range(30), task="classification")[0].y.dtype == np.int64


def test_fractions_as_classes_become_text(read):
    cohort, text = read([0.5, 1.5] * 6)
    assert cohort.y.tolist() == ["0.5", "1.5"] * 6
    assert "were taken as class labels and became text; for numbers: task='regression'" in text


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (["no", "converter"], "converter"),
        (["0", "1"], "1"),
        ([0, 1], 1),
        (["0.0", "1.0"], 1),
        (["False", "True"], True),
        (["false", "true"], "TRUE"),
        ([1, 2], 2.0),
    ],
)
def test_positive_becomes_1(read, values, positive):
    cohort, text = read(values * 3, positive=positive)
    assert cohort.y.tolist() == [0, 1] * 3
    assert text == ""


def test_positive_against_several(read):
    cohort, text = read(["AD", "MCI", "NC"], positive="AD")
    assert cohort.y.tolist() == [1, 0, 0]
    assert "'y' became 'AD' = 1 against MCI, NC = 0" in text
    assert cohort.log.target["counts"] == {"AD": 1, "MCI": 1, "NC": 1}


def test_boolean_target(read):
    cohort, text = read(["TRUE", "FALSE", "TRUE"])
    assert cohort.y.tolist() == [1, 0, 1]
    assert "'y' became false = 0, true = 1" in text


@pytest.mark.parametrize(
    ("values", "keywords", "message"),
    [
        (["a", "a"], {}, r"'y' is a in every row of the cohort \(2 rows\)"),
        (["a", ""], {}, r"'y' is a in every row of the cohort \(1 row\)"),
        ([1.5, 1.5, 1.5], {"task": "regression"}, "is 1.5 in every row"),
        (["a", "b"], {"positive": "c"}, "has 'y' = 'c'. It has: a, b"),
        (["a", "b"], {"task": "regression"}, r"a regression needs numbers, but 'y' holds text \(a, b\)"),
        ([1, 2], {"task": "regression", "positive": 1}, "has a `positive` label"),
        ([1, 2], {"task": "survival"}, "`task` must be"),
        (
            [1, 2, 3, "x"],
            {},
            "labels.csv, row 5, column 'y': 'x' is not a number. Correct the cell, or empty it .* missing.$",
        ),
        ([1, 2], {"target": "z"}, "labels.csv has no column 'z'. Its columns are: y"),
        ([1, 2], {"target": "id"}, "'id' is the column of ids"),
        ([1, 2], {"target": None}, "`target` must name a column"),
        ([1, 2], {"site": "y"}, "cannot be a site"),
        ([1, 2], {"covariates": ["a", "a"]}, "names a column twice"),
        ([1, 2], {"covariates": "sex"}, "no column 'sex'"),
        ([1, 2], {"groups": "sex"}, "no column 'sex'"),
    ],
)
def test_unusable_targets_and_roles(read, values, keywords, message):
    with pytest.raises(CohortError, match=message):
        read(values, **keywords)


def test_site_covariates_and_groups(write, quiet):
    labels = "id,y,site,age,sex,race,family\n01,a,001,60,M,x,f\n02,b,,61,F,y,g\n03,a,2,,M,z,f\n"
    cohort, text = quiet(write({"labels.csv": labels}), site="site", covariates=["age", "sex", "race"], groups="family")
    assert cohort.site.tolist()[::2] == ["001", "2"]
    assert "1 row without 'site': 02" in text
    assert cohort.covariates.columns.tolist() == ["age", "sex", "race=x", "race=y", "race=z"]
    assert cohort.covariates["sex"].tolist() == [1, 0, 1]
    assert cohort.groups.tolist() == ["f", "g", "f"]
    assert cohort.log.left_out == {}


def test_missing_group(write):
    with pytest.raises(CohortError, match="1 row without 'family': 02"):
        read_cohort(write({"labels.csv": "id,y,family\n01,a,f\n02,b,\n"}), "y", groups="family", drop="w")
