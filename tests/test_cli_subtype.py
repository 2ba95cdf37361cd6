import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score
from typer.testing import CliRunner

from skfuse.cli import app
from skfuse.cli._console import as_options
from skfuse.cli._demo import write_tables
from skfuse.cli._subtype_cohort import read_subjects
from skfuse.datasets import schizophrenia_subtypes
from skfuse.report import _write

HARMONIZER = """
from sklearn.base import BaseEstimator, TransformerMixin

class CenterSites(TransformerMixin, BaseEstimator):
    def __init__(self, site="site"):
        self.site = site

    def fit(self, X, y=None):
        self.means_ = X.drop(columns=self.site).groupby(X[self.site]).mean()
        return self

    def transform(self, X):
        return X.drop(columns=self.site) - self.means_.reindex(X[self.site]).to_numpy()

nothing = 3
"""


@pytest.fixture(scope="module")
def cohort():
    return schizophrenia_subtypes(100, subtype_separation=10.0, n_sites=2, random_state=0)


@pytest.fixture(scope="module")
def folder(cohort, tmp_path_factory):
    path = tmp_path_factory.mktemp("cohort")
    write_tables(cohort, path)
    labels = pd.read_csv(path / "labels.csv", index_col=0)
    labels["sex"] = labels["sex"].map({0: "f", 1: "m"})
    labels.to_csv(path / "labels.csv")
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120", "NO_COLOR": "1"})


def said(found):
    return " ".join(found.output.split())


def quick(folder, *more):
    return (
        "subtype", folder, "--n-clusters", 3, "--null", 0, "--permutations", 99, "--jobs", 1,
        "--site", "site", "--covariates", "age", "--covariates", "sex", "--target", "target",
        "--categorical", "target", *more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "report"
    return run(*quick(folder, "--out", out)), out


def test_everything_is_written(cohort, folder, done):
    found, out = done
    assert found.exit_code == 0, found.output
    wanted = {"report.html", "report.md", "labels.csv", "tables", "result.json", "model.skops", "MODEL_CARD.md"}
    assert {path.name for path in out.iterdir()} == wanted
    labels = pd.read_csv(out / "labels.csv", index_col=0)
    assert adjusted_rand_score(cohort.y[labels.index], labels["cluster"]) > 0.9
    result = json.loads((out / "result.json").read_text())
    assert result["settings"]["command"].startswith("skfuse subtype ")
    command = result["settings"]["command"]
    assert "--n-clusters 3" in command
    assert "--seed 0" in command
    assert f" {folder.name} " in command
    assert str(folder.parent) not in command
    assert result["cohort"]["covariates"] == ["age", "sex"]
    assert {row["variable"] for row in result["tables"]["associations"]} >= {"site", "age", "sex"}


def test_what_speaks_against_the_clusters_is_printed_before_their_sizes(done):
    text = said(done[0])
    assert text.index("not tested: clustering finds clusters in anything") < text.index("cluster 1")
    assert text.index("cluster 1") < text.index("Report:") < text.index("Model:")
    assert "Research use; not externally validated." in text


def test_the_model_places_subjects_of_training_and_new_ones(cohort, folder, done, tmp_path):
    labels = pd.read_csv(done[1] / "labels.csv", index_col=0)
    found = run("predict", done[1] / "model.skops", folder, "--out", tmp_path / "same.csv")
    assert found.exit_code == 0, found.output
    same = pd.read_csv(tmp_path / "same.csv", index_col=0)
    columns = [f"membership_{k}" for k in (1, 2, 3)]
    np.testing.assert_array_equal(same[columns], labels.loc[same.index, columns])
    assert (same["cluster"] == labels.loc[same.index, "cluster"]).mean() > 0.95
    new = tmp_path / "new"
    new.mkdir()
    cohort.X.filter(like="smri__").head(2).rename(columns=lambda name: name[6:]).set_axis(["n1", "n2"]).rename_axis(
        "id"
    ).to_csv(new / "smri.csv")
    (new / "labels.csv").write_text("id,site\nn1,site01\nn3,elsewhere\n")
    found = run("predict", done[1] / "model.skops", new, "--out", tmp_path / "new.json")
    assert found.exit_code == 0, found.output
    subjects = {one["id"]: one for one in json.loads((tmp_path / "new.json").read_text())["subjects"]}
    assert subjects["n1"]["cluster"] in (1, 2, 3)
    assert subjects["n1"]["modalities"] == ["smri"]
    assert subjects["n3"]["cluster"] is None
    assert "no modality that the model uses: in no cluster" in subjects["n3"]["flags"]
    assert "site not in training" in subjects["n3"]["flags"]
    assert sum(subjects["n3"][name] for name in columns) == pytest.approx(1.0)
    assert "cluster" in found.output


def test_the_card_says_that_the_file_holds_subjects(done):
    card = (done[1] / "MODEL_CARD.md").read_text()
    assert card.startswith("# Model card: model.skops")
    assert "holds the standardized features of every training subject" in card
    assert "Membership is no probability of an outcome and no risk" in card
    assert "Not measured" not in card


def test_a_harmonizer_of_ones_own_makes_two_arms_and_no_model(folder, tmp_path, monkeypatch):
    (tmp_path / "own_harmonizer.py").write_text(HARMONIZER)
    monkeypatch.chdir(tmp_path)
    found = run(*quick(folder, "--harmonizer", "own_harmonizer:CenterSites", "--out", tmp_path / "out"))
    assert found.exit_code == 0, found.output
    assert re.search(r"cluster 1\s+as measured", found.output)
    assert re.search(r"cluster 1\s+harmonized", found.output)
    assert "no model was written, as the harmonizer cannot be kept in one" in said(found)
    assert not (tmp_path / "out" / "model.skops").exists()
    assert "cluster_as_measured" in pd.read_csv(tmp_path / "out" / "labels.csv")


def test_dry_run_stops_after_the_log(folder):
    found = run("subtype", folder, "--dry-run")
    assert found.exit_code == 0
    assert "Modalities" in found.output
    assert "cluster 1" not in found.output


def test_a_target_is_not_needed_nor_a_table_of_labels(folder, tmp_path):
    for name in ("smri", "dmri"):
        (tmp_path / f"{name}.csv").write_bytes((folder / f"{name}.csv").read_bytes())
    found = run("subtype", tmp_path, "--n-clusters", 2, "--null", 0, "--permutations", 99)
    assert found.exit_code == 0, found.output
    assert "No variable was held out" in said(found)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--n-clusters", "many"), "--n-clusters takes a number from 2 on or one of eigengap"),
        (("--n-clusters", "1"), "--n-clusters takes a number from 2 on"),
        (("--jobs", "0"), "--jobs 0 makes no thread"),
        (("--target", "nowhere"), "has no column 'nowhere'"),
        (("--covariates", "site", "--site", "site"), "Columns have two roles: ['site']"),
        (("--categorical", "iq"), "not beside the modalities"),
        (("--harmonizer", "own_harmonizer:CenterSites"), "--harmonizer needs --site"),
        (("--site", "site", "--harmonizer", "own_harmonizer"), "takes package.module:Class"),
        (("--site", "site", "--harmonizer", "no_such_module_here:A"), "No module named 'no_such_module_here'"),
        (("--site", "site", "--harmonizer", "json:loads_of_it"), "json has no 'loads_of_it'"),
        (("--site", "site", "--harmonizer", "json:JSONEncoder"), "is no scikit-learn transformer"),
    ],
)
def test_a_mistake_is_one_line_without_traceback(folder, more, message):
    found = run("subtype", folder, "--null", 0, *more)
    assert found.exit_code == 1, found.output
    assert "Traceback" not in found.output
    assert message in said(found)


def test_the_card_of_another_model_is_told_before_the_fits(folder, tmp_path):
    (tmp_path / "MODEL_CARD.md").write_text("# Model card: mine.skops\n")
    found = run(*quick(folder, "--out", tmp_path))
    assert found.exit_code == 1
    assert "is the card of another model" in said(found)
    assert not (tmp_path / "report.html").exists()


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("out", [".", "../cohort", "link", "elsewhere", "tables-inside"])
def test_no_table_of_a_cohort_is_overwritten(folder, tmp_path, out):
    cohort = tmp_path / "cohort"
    shutil.copytree(folder, cohort)
    (tmp_path / "link").symlink_to(cohort)
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(folder / "labels.csv", tmp_path / "elsewhere")
    (tmp_path / "tables-inside").mkdir()
    (tmp_path / "tables-inside" / "tables").symlink_to(cohort)
    before = files(tmp_path)
    place = cohort / out if out.startswith(".") else tmp_path / out
    found = run(*quick(cohort, "--out", place))
    assert found.exit_code == 1, found.output
    wanted = "not of an earlier report of subtypes" if out == "elsewhere" else "among the tables of the cohort"
    assert wanted in said(found)
    assert "cluster 1" not in found.output
    assert files(tmp_path) == before


def test_nor_a_wide_table_of_that_name(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("id,mri__a,mri__b\n" + "".join(f"s{k},{k},{k % 7}\n" for k in range(30)))
    before = path.read_bytes()
    found = run("subtype", path, "--null", 0, "--n-clusters", 2, "--out", tmp_path)
    assert found.exit_code == 1
    assert "among the tables of the cohort" in said(found)
    assert path.read_bytes() == before


def test_an_earlier_report_is_replaced_and_a_stop_in_the_middle_leaves_no_model(folder, done, tmp_path, monkeypatch):
    out = tmp_path / "report"
    shutil.copytree(done[1], out)
    move, left = _write._move, iter(range(5))

    def stopping(source, target):
        if next(left, None) is None:
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(_write, "_move", stopping)
    again = quick(folder, "--seed", 1, "--out", out)
    found = run(*again)
    assert found.exit_code == 130, found.output
    assert "Nothing was kept" not in said(found)
    assert "holds at most a part of the new report, no model," in said(found)
    assert not {"model.skops", "MODEL_CARD.md"} & {path.name for path in out.iterdir()}
    monkeypatch.setattr(_write, "_move", move)
    found = run(*again)
    assert found.exit_code == 0, found.output
    assert "--seed 1" in (out / "MODEL_CARD.md").read_text()


def test_a_stop_before_writing_says_that_nothing_was_kept(folder, done, tmp_path, monkeypatch):
    from skfuse.evaluation import subtypes

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(subtypes, "find_subtypes", stopped)
    out = tmp_path / "report"
    shutil.copytree(done[1], out)
    found = run(*quick(folder, "--out", out))
    assert found.exit_code == 130
    assert "Nothing was kept; the same command starts over." in said(found)
    assert files(out) == files(done[1])


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("leave it out: drop='^mri__a2$'.", "leave it out: --drop '^mri__a2$'."),
        ("visit='<column>=<value>' for one", "--visit '<column>=<value>' for one"),
        ("Give n_clusters=2 or more.", "Give --n-clusters 2 or more."),
        ("out (n_null=0, or --null 0), or", "out (--null 0), or"),
        ("was not tested: n_null is 0.", "was not tested: --null is 0."),
        ("a raindrop='x' and n_clusters", "a raindrop='x' and n_clusters"),
    ],
)
def test_messages_name_options(message, wanted):
    assert as_options(message) == wanted


def test_without_a_test_of_structure_the_note_names_the_option(done):
    assert "was not tested: --null is 0" in said(done[0])


def test_a_column_with_a_role_is_never_a_feature(tmp_path):
    rows = "\n".join(f"s{k},{k},{k % 3},{k % 5},a" for k in range(9))
    path = tmp_path / "wide.csv"
    path.write_text(f"id,mri__a,mri__b,clinic__score,place\n{rows}\n")
    cohort, beside = read_subjects(path, site="place", target=["clinic__score"])
    assert list(cohort.X) == ["mri__a", "mri__b"]
    assert beside["target"]["clinic__score"].tolist() == [k % 5 for k in range(9)]
    assert cohort.site.tolist() == ["a"] * 9


def test_text_beside_the_modalities_stays_text_and_absent_rows_are_missing(folder, tmp_path):
    for name in ("smri", "dmri"):
        (tmp_path / f"{name}.csv").write_bytes((folder / f"{name}.csv").read_bytes())
    labels = pd.read_csv(folder / "labels.csv", index_col=0)
    labels.iloc[5:].to_csv(tmp_path / "labels.csv")
    cohort, beside = read_subjects(tmp_path, covariates=["sex", "age"])
    assert set(beside["covariates"]["sex"].dropna()) == {"f", "m"}
    assert beside["covariates"].isna().all(axis=1).sum() == 5
    assert beside["covariates"].loc[labels.index[5:], "age"].tolist() == labels["age"].iloc[5:].tolist()
    assert len(cohort.X) == 100
