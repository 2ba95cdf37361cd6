"""The command line: compare strategies on a cohort from files, find subtypes, fit a model, predict, map lesions."""

from typing import Annotated

import typer

from skfuse.cli._compare import compare
from skfuse.cli._console import console
from skfuse.cli._demo import demo
from skfuse.cli._map_lesions import map_lesions
from skfuse.cli._models import fit, predict
from skfuse.cli._subtype import subtype

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Does combining my modalities help, which one carries it, and would it hold at another site?",
    epilog=(
        "Exit codes: 0 done, 1 the data, a file or the value of an option cannot be used, 2 an option is unknown or "
        "missing, 130 stopped with Ctrl-C."
    ),
)
for command in (compare, subtype, fit, predict, map_lesions, demo):
    app.command()(command)


def _version(show):
    if show:
        from skfuse import __version__

        console.print(f"skfuse {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
):
    """Take the options of the command itself."""
