"""What the commands share: where they print, how they report progress and how they fail."""

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
    console.print(f"[yellow]note:[/] {plain(text)}", highlight=False)


#: Where results go and how they are made faster changes no number.
_BESIDE = {"out", "checkpoint", "jobs", "debug", "show_subjects", "report"}


def command_line(context):
    """Return the command as it was given, for the record: folders by their names only, as a report is passed on."""
    words = ["skfuse", context.info_name]
    for parameter in context.command.params:
        value = context.params[parameter.name]
        if parameter.name in _BESIDE or value is None or value == parameter.default:
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            option = [] if parameter.param_type_name == "argument" else [parameter.opts[0]]
            words += option if one is True else [*option, one.name if isinstance(one, Path) else str(one)]
    return shlex.join(words)


@contextmanager
def one_line_errors(debug, *, when_stopped="Nothing was kept."):
    """Turn what is wrong with the data, a file or an option into one line with the next step, and an exit code."""
    try:
        yield
    except (ValueError, OSError, ImportError, MemoryError) as error:
        if debug:
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        errors.print(f"[bold red]error:[/] {plain(said)}", highlight=False, soft_wrap=True)
        raise typer.Exit(code=1) from None
    except KeyboardInterrupt:
        errors.print(f"\n[bold yellow]stopped.[/] {plain(when_stopped)}", highlight=False, soft_wrap=True)
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
