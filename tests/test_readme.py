"""What the README shows runs: its Python blocks one after another, its commands by name."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    assert blocks("python")
    for number, block in enumerate(blocks("python"), start=1):
        exec(compile(block, f"README.md, Python block {number}", "exec"), namespace)


def test_make_targets_exist():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", "".join(blocks("sh")), flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_options_of_the_command_exist():
    """Every `skfuse COMMAND --option` that the README shows is one that the command knows."""
    typer = pytest.importorskip("typer")
    from skfuse.cli import app

    commands = typer.main.get_command(app).commands
    shown = re.findall(r"^skfuse (\S+)(.*)", "".join(blocks("sh")).replace("\\\n", " "), flags=re.MULTILINE)
    assert shown
    for name, arguments in shown:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[\w-]+", arguments.partition("#")[0])) <= known
