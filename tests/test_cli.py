import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from skfuse.cli import app, write_tables
from skfuse.datasets import make_cohort
from skfuse.io import read_cohort


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cohort")
    write_tables(make_cohort(80, missing=0.3, effect=3.0, random_state=0), path)
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120", "NO_COLOR": "1"})


def test_written_tables_are_read_back(folder):
    cohort = make_cohort(80, missing=0.3, effect=3.0, random_state=0)
    read = read_cohort(folder, "target")
    assert (read.X.notna().to_numpy() == cohort.X[read.X.columns].loc[read.X.index].notna().to_numpy()).all()


def test_compare_prints_log_and_leaderboard(folder):
    found = run("compare", folder, "--target", "target", "--quick", "--folds", 3, "--jobs", 1)
    assert found.exit_code == 0, found.output
    assert "80 rows" in found.output
    assert re.search(r"late-stack\s+0\.\d{3} ± 0\.\d{3}", found.output)
    assert "it is no interval" in " ".join(found.output.split())


def test_strategies_can_be_chosen(folder):
    found = run("compare", folder, "--target", "target", "--quick", "--jobs", 1, "--strategies", "late-mean")
    assert "late-mean" in found.output
    assert "late-stack" not in found.output


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
    assert "labels: 1: sex" in found.output  # age has a role and is not left out


def test_a_terminal_without_arrows_still_shows_the_results(folder):
    command = [sys.executable, "-m", "skfuse", "compare", folder, "--target", "target", "--quick", "--jobs", "1"]
    command += ["--strategies", "prevalence"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    found = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert found.returncode == 0, found.stderr
    assert b"prevalence" in found.stdout


def test_options_that_no_strategy_uses_yet_say_so(folder):
    arguments = ("compare", folder, "--target", "target", "--covariates", "age", "--quick", "--jobs", 1)
    found = run(*arguments, "--strategies", "prevalence")
    assert "no strategy uses them yet" in " ".join(found.output.split())


def test_version():
    assert run("--version").output.startswith("skfuse 0.")
