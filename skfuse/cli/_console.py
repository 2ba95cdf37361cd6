"""What the commands share: where they print, how they report progress and how they fail."""

import os
import re
import shlex
import warnings
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

console = Console()
errors = Console(stderr=True)
STOPPED = 130  # as shells say it: 128 and the signal of Ctrl-C


def plain(text):
    """Text as it is: brackets in names and messages are no markup."""
    return escape(str(text))


def note(text):
    """Say something that the user did not ask for but should know."""
    console.print(f"[yellow]note:[/] {plain(as_options(text))}", highlight=False)


#: Messages name parameters, as Python does; the options that are called otherwise.
_OPTIONS = (
    (r"n_null=0, or --null 0", "--null 0"),
    (r"\bn_null=(\d+)", r"--null \1"),
    (r"\bn_null is 0", "--null is 0"),
    (r"\bn_clusters=(['\"]?)(\w+)\1", r"--n-clusters \2"),
    (r"\b(drop|visit)=(['\"])(.*?)\2", r"--\1 '\3'"),
    (r", or a smaller `min_site_size`", ""),  # no option sets it
    # of lesions and their maps
    (
        r"The '(alpha|alternative|correction|permuted|scheme|statistic|volume)' parameter of LesionSymptomMapping",
        r"--\1",
    ),
    (r"The 'cluster_p' parameter of LesionSymptomMapping", "--cluster-p"),
    (r"The 'n_permutations' parameter of LesionSymptomMapping", "--permutations"),
    (r"The 'min_overlap' parameter of LesionSymptomMapping", "--min-overlap"),
    (r"The 'cfwer_v' parameter of LesionSymptomMapping|`rank`(?= is \d+: control of)", "--cfwer-v"),
    (r"\b(alternative|correction|statistic|volume)=(['\"])([\w-]+)\2", r"--\1 \3"),
    (r"\bn_permutations=(\d+)", r"--permutations \1"),
    (r"\bmin_overlap=([\d.]+)", r"--min-overlap \1"),
    (r"\blower min_overlap\b", "lower --min-overlap"),
    (r"`(pattern|score|threshold)`", r"--\1"),
    (r"\bempty='keep'", "--keep-empty"),
    (r"\bforce=True", "--force"),
    (r", or (name the subjects of the files: ids=|tell them apart: ids=.*path\.parent\.name)", ""),
)


def as_options(text):
    """Return a message of a function with the options of the command in place of its parameters."""
    text = str(text)
    for pattern, option in _OPTIONS:
        text = re.sub(pattern, option, text)
    return text


#: Where results go and how they are made faster changes no number; a command that needs one of them has it.
_BESIDE = {"out", "checkpoint", "jobs", "debug", "show_subjects", "report", "cache", "force"}


def command_line(context):
    """Return the command that makes the same numbers, for the record, always with its seed.

    Of files and folders only the names: a report is passed on, and a path may name a person, a study or a patient.
    """
    words = ["skfuse", context.info_name]
    for parameter in context.command.params:
        value = context.params[parameter.name]
        default = value is None or (value == parameter.default and parameter.name != "seed")
        if default or (parameter.name in _BESIDE and not parameter.required):
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            option = [] if parameter.param_type_name == "argument" else [parameter.opts[0]]
            words += option if one is True else [*option, _name(Path(one)) if _is_path(one) else str(one)]
    return shlex.join(words)


def _is_path(value):
    """Not every version of typer turns the text of a path into one."""
    return isinstance(value, Path) or (isinstance(value, str) and os.sep in value and Path(value).parent.exists())


def _name(path):
    """The name of a file or folder, also of the one where the command was given."""
    return path.name or path.resolve().name or str(path)


@contextmanager
def one_line_errors(debug, *, when_stopped="Nothing was kept."):
    """Turn what is wrong with the data, a file or an option into one line with the next step, and an exit code."""
    try:
        yield
    except (ValueError, OSError, ImportError, MemoryError) as error:
        if debug:
            raise
        said = " ".join(as_options(error).split()) or type(error).__name__
        errors.print(f"[bold red]error:[/] {plain(said)}", highlight=False, soft_wrap=True)
        raise typer.Exit(code=1) from None
    except KeyboardInterrupt as stop:  # with a text if it came while files were being replaced
        errors.print(f"\n[bold yellow]stopped.[/] {plain(str(stop) or when_stopped)}", highlight=False, soft_wrap=True)
        raise typer.Exit(code=STOPPED) from None


@contextmanager
def progress(task):
    """A bar with the time left; yields what `on_progress` calls."""
    columns = (TextColumn(task), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        row = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(row, completed=done, total=total)


@contextmanager
def logged_warnings():
    """Hide warnings that also stand in a log which is printed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
