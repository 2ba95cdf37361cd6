import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from skfuse.cli import app
from skfuse.cli._demo import write_tables
from skfuse.datasets import make_cohort
from skfuse.io import read_cohort


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cohort")
    write_tables(make_cohort(80, missing=0.3, effect=3.0, n_sites=2, random_state=0), path)
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120", "NO_COLOR": "1"})


def quick(folder, *more):
    """A comparison of two cheap strategies."""
    always = ("--target", "target", "--quick", "--folds", 3, "--jobs", 1, "--reference", "prevalence")
    return ("compare", folder, *always, "--strategies", "single:pet", *more)


def test_written_tables_are_read_back(folder):
    cohort = make_cohort(80, missing=0.3, effect=3.0, n_sites=2, random_state=0)
    read = read_cohort(folder, "target")
    assert (read.X.notna().to_numpy() == cohort.X[read.X.columns].loc[read.X.index].notna().to_numpy()).all()


def test_compare_prints_log_and_leaderboard(folder):
    found = run("compare", folder, "--target", "target", "--quick", "--folds", 3, "--jobs", 1)
    assert found.exit_code == 0, found.output
    assert "80 rows" in found.output
    assert re.search(r"late-stack\s+0\.\d{3}\s+0\.\d{3}, 0\.\d{3}", found.output)
    assert "fusion helped" in " ".join(found.output.split()).lower()


def test_strategies_can_be_chosen(folder):
    found = run(*quick(folder), "--strategies", "late-mean")
    assert "late-mean" in found.output
    assert "late-stack" not in found.output


def test_volume_of_lesions_is_always_beside(tmp_path):
    rng = np.random.default_rng(0)
    ids = pd.Index([f"sub-{number:02d}" for number in range(60)], name="id")
    volume, network = rng.normal(size=60), rng.normal(size=(60, 3))
    score = volume + 0.5 * rng.normal(size=60)
    pd.DataFrame({"log10_ml": volume}, index=ids).to_csv(tmp_path / "volume.csv")
    pd.DataFrame(network, index=ids, columns=["a", "b", "c"]).to_csv(tmp_path / "network.csv")
    pd.DataFrame({"score": score}, index=ids).to_csv(tmp_path / "labels.csv")
    options = ("--target", "score", "--quick", "--jobs", 1, "--reference", "single:network", "--out", tmp_path / "out")
    found = run("compare", tmp_path, *options, "--strategies", "late-stack", "--strategies", "late-mean:volume+network")
    assert found.exit_code == 0, found.output
    assert re.search(r"single:volume\s+0\.\d{3}", found.output)
    assert re.search(r"late-mean:volume\+network\s+0\.\d{3}", found.output)
    assert "Against volume alone, which reached R2 0." in " ".join(found.output.split())
    table = pd.read_csv(tmp_path / "out" / "tables" / "against_volume.csv")
    assert set(table["strategy"]) == {"late-stack", "late-mean:volume+network", "single:network"}
    assert "What is added to volume?" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_dry_run_stops_after_the_log(folder):
    found = run("compare", folder, "--target", "target", "--dry-run")
    assert found.exit_code == 0
    assert "Modalities" in found.output
    assert "late-stack" not in found.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "absent"), "absent"),
        (("--target", "target", "--strategies", "magic", "--jobs", "1"), "There is no strategy 'magic'"),
        (("--target", "target", "--folds", "60"), "too few for 60 folds"),
        (("--target", "target", "--site", "nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_one_line_without_traceback(folder, arguments, message):
    found = run("compare", folder, *arguments)
    assert found.exit_code == 1
    assert "Traceback" not in found.output
    assert message in found.output.replace("\n", " ")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    found = run("compare", tmp_path / "nowhere", "--target", "y")
    assert found.exit_code == 1
    assert "nowhere" in found.output.replace("\n", "")


def test_options_of_the_reader_reach_it(folder):
    found = run("compare", folder, "--target", "target", "--drop", "^pet__", "--covariates", "age", "--dry-run")
    assert found.exit_code == 0, found.output
    assert "28 features" in found.output  # 43 with pet
    assert re.search("labels: 2: (sex, site|site, sex)", found.output)  # age has a role and is not left out


def test_a_terminal_without_arrows_still_shows_the_results(folder):
    command = [sys.executable, "-m", "skfuse", "compare", folder, "--target", "target", "--quick", "--jobs", "1"]
    command += ["--strategies", "prevalence"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    found = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert found.returncode == 0, found.stderr
    assert b"prevalence" in found.stdout


def test_version():
    assert run("--version").output.startswith("skfuse 0.")


def test_compare_writes_a_report_and_clears_its_checkpoint(folder, tmp_path):
    out = tmp_path / "report"
    found = run(*quick(folder, "--site", "site", "--covariates", "sex", "--out", out))
    assert found.exit_code == 0, found.output
    assert "report.html" in found.output.replace("\n", "")
    assert {"report.html", "report.md", "result.json", "tables"} <= {path.name for path in out.iterdir()}
    assert not (out / "checkpoint").exists()
    result = json.loads((out / "result.json").read_text())
    assert result["settings"]["n_repeats"] == 1
    assert [row["level"] for row in result["tables"]["subgroups"]]


def test_what_the_data_do_not_say_can_be_attested(folder, tmp_path):
    found = run(*quick(folder, "--attest", "outcome blind=yes", "--out", tmp_path))
    assert found.exit_code == 0, found.output
    rows = json.loads((tmp_path / "result.json").read_text())["tables"]["attestation"]
    assert {row["answer"] for row in rows if row["item"] == "outcome blind"} == {"yes"}
    assert {row["answer"] for row in rows if row["item"] != "outcome blind"} == {"unknown"}


def test_words_of_covariates_are_told_beside_their_codes(tmp_path):
    cohort = make_cohort(60, missing=0.2, random_state=0)
    cohort.covariates["sex"] = cohort.covariates["sex"].map({0: "f", 1: "m"}).astype(str)
    write_tables(cohort, tmp_path)
    found = run(*quick(tmp_path, "--covariates", "sex"))
    assert found.exit_code == 0, found.output
    assert re.search(r"note: Subgroups: .*sex \(f = 0, m = 1\)", " ".join(found.output.split()))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--attest", "outcome blind=perhaps"), "--attest takes ITEM=yes or ITEM=no"),
        (("--scoring", "R2"), "`scoring` must be one of"),
        (("--prevalence", "12"), "12 % is 0.12"),
        (("--reference", "mri", "--reference", "eeg"), "names no modality of X"),
    ],
)
def test_an_option_that_cannot_work_says_why(folder, more, message):
    found = run("compare", folder, "--target", "target", "--quick", "--jobs", 1, *more)
    assert found.exit_code == 1
    assert message in " ".join(found.output.split())


def test_a_folder_that_cannot_be_written_is_told_before_the_fits(folder, tmp_path):
    (tmp_path / "file").write_text("")
    found = run(*quick(folder, "--out", tmp_path / "file" / "report"))
    assert found.exit_code == 1
    assert "cannot be written" in " ".join(found.output.split())
    assert "AUC" not in found.output


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(folder, tmp_path):
    out = tmp_path / "report"
    command = [sys.executable, "-m", "skfuse", "compare", folder, "--target", "target", "--jobs", "1", "--out", out]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while not list(out.glob("checkpoint/*.npz")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command goes on from there" in " ".join(said.split())
    assert "Traceback" not in said
    assert list(out.glob("checkpoint/*.npz"))
    assert not (out / "report.html").exists()


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.skops"
    found = run("fit", folder, "--target", "target", "--site", "site", "--strategy", "late-mean", "--out", path)
    assert found.exit_code == 0, found.output
    return path


def test_fit_writes_a_model_and_its_card(model):
    card = (model.parent / "MODEL_CARD.md").read_text()
    assert "Research use only" in card
    assert "Not measured" in card


def test_predict_serves_what_lacks_a_modality_and_is_in_another_order(model, folder, tmp_path):
    new = tmp_path / "new"
    new.mkdir()
    header, first, *_ = (folder / "mri.csv").read_text().splitlines()
    turned = [",".join([line.split(",")[0], *line.split(",")[:0:-1]]) for line in (header, first)]
    (new / "mri.csv").write_text("\n".join(turned) + "\n")
    out = tmp_path / "predictions.json"
    found = run("predict", model, new, "--out", out)
    assert found.exit_code == 0, found.output
    content = json.loads(out.read_text())
    (subject,) = content["subjects"]
    assert subject["modalities"] == ["mri"]
    assert "Research use only" in content["header"]["use"]
    notes = " ".join(content["notes"])
    assert "pet" in notes
    assert "order" in notes


def test_a_model_predicts_the_same_in_another_process(model, folder, tmp_path):
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    assert run("predict", model, folder, "--out", here).exit_code == 0
    subprocess.run([sys.executable, "-m", "skfuse", "predict", model, folder, "--out", there], check=True)
    assert here.read_bytes() == there.read_bytes()


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", ["mri.csv", "../link/mri.csv", "MRI.csv", "new.csv"])
def test_predictions_never_replace_a_table_nor_become_one(model, folder, tmp_path, name, wide):
    tables = tmp_path / "tables"
    shutil.copytree(folder, tables)
    (tmp_path / "link").symlink_to(tables)
    before = {path.name: path.read_bytes() for path in tables.iterdir()}
    if wide:
        tables, name = tables / "mri.csv", "../link/mri.csv"
    found = run("predict", model, tables, "--out", tmp_path / "tables" / name)
    assert found.exit_code == 1, found.output
    assert re.search("is one of the files that are read|lies among the tables", " ".join(found.output.split()))
    assert {path.name: path.read_bytes() for path in (tmp_path / "tables").iterdir()} == before


@pytest.mark.parametrize("harm", ["byte", "pickle", "text"])
def test_a_file_that_is_no_whole_model_is_refused(model, folder, tmp_path, harm):
    import pickle

    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    path = tmp_path / "model.skops"
    path.write_bytes({"byte": bytes(data), "pickle": pickle.dumps([1]), "text": b"model"}[harm])
    found = run("predict", path, folder)
    assert found.exit_code == 1
    assert "Traceback" not in found.output
    assert "error:" in found.output


@pytest.mark.parametrize("seed", range(200))
def test_malformed_cohorts_end_in_a_result_or_in_one_line(tmp_path, seed):
    malformed = runpy.run_path(str(Path(__file__).parent / "io" / "malformed.py"))
    case = malformed["make_malformed"](seed)
    (tmp_path / "cohort").mkdir()
    path = case.write(tmp_path / "cohort")
    options = [part for name, value in case.options.items() if value for part in _option(name, value)]
    arguments = ("--quick", "--folds", 2, "--jobs", 1, "--strategies", "prevalence", "--reference", "prevalence")
    found = run("compare", path, "--target", case.target, *options, *arguments)
    assert found.exit_code in (0, 1), found.output
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    assert found.exit_code == 0 or len(re.findall("error:", found.output)) == 1


def _option(name, value):
    for one in value if isinstance(value, list | tuple) else [value]:
        yield from (f"--{name}", str(one))
