"""The command line: compare strategies on a cohort from files."""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Does combining my modalities help, and which one carries it?",
)
console = Console()
errors = Console(stderr=True)


def _fail(message):
    errors.print(f"[bold red]error:[/] {_plain(message)}", highlight=False)
    raise typer.Exit(code=1)


def _plain(message):
    from rich.markup import escape

    return escape(str(message))


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


@app.command()
def compare(
    cohort: Annotated[
        Path, typer.Argument(help="Folder with one table per modality and a table of labels, or one wide table.")
    ],
    target: Annotated[str, typer.Option(help="Column of the labels table to predict.")],
    site: Annotated[str | None, typer.Option(help="Column of sites.")] = None,
    covariates: Annotated[list[str] | None, typer.Option(help="Column of a covariate; may be repeated.")] = None,
    groups: Annotated[str | None, typer.Option(help="Column whose equal values stay on one side of a split.")] = None,
    visit: Annotated[
        str | None, typer.Option(help="Visit to read, as 'session=baseline', or 'session' for all.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="Class label that counts as 1.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Pattern of columns to leave out; may be repeated.")] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression; guessed if not given.")] = None,
    strategies: Annotated[
        list[str] | None, typer.Option(help="Strategy to compare; may be repeated. All if not given.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the outer cross-validation.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats of the outer cross-validation.")] = 5,
    jobs: Annotated[int, typer.Option(help="Parallel processes; -1 for all processors.")] = -1,
    seed: Annotated[int, typer.Option(help="Seed of the splits.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="One repeat.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and join the tables, print the log, stop.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
):
    """Compare single modalities, concatenation and late fusion on a cohort."""
    from skfuse.io import read_cohort

    options = {
        "site": site,
        "covariates": tuple(covariates or ()),
        "groups": groups,
        "visit": visit,
        "positive": positive,
        "drop": drop,
        "task": task,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # all of them stand in the log, which is printed
            read = read_cohort(cohort, target, **options)
        console.print(_plain(read.log), highlight=False)
        if dry_run:
            return
        if site or covariates:
            console.print("[yellow]note:[/] sites and covariates are read and checked; no strategy uses them yet.")
        if groups and not quick and repeats > 1:
            console.print("[yellow]note:[/] folds of whole groups are made once, without repeats.")
        _compare(read, strategies, folds, 1 if quick else repeats, jobs, seed)
    except (ValueError, OSError, ImportError) as error:
        if debug:
            raise
        _fail(error)


@app.command()
def demo(
    jobs: Annotated[int, typer.Option(help="Parallel processes; -1 for all processors.")] = -1,
    seed: Annotated[int, typer.Option(help="Seed of the cohort and of the splits.")] = 0,
):
    """Simulate a cohort, write it as tables, and compare strategies on it."""
    from skfuse.datasets import alzheimer_conversion
    from skfuse.io import read_cohort

    with TemporaryDirectory() as folder:
        write_tables(alzheimer_conversion(random_state=seed), folder)
        console.print(
            "[bold]A simulated cohort[/]: who converts to Alzheimer's disease? MRI, PET (missing for half) and fluid "
            f"markers, written as csv files and read back from {_plain(folder)}.\n"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = read_cohort(folder, "target")
    console.print(_plain(read.log), highlight=False)
    _compare(read, None, 5, 2, jobs, seed)
    console.print("\nNow with your own tables: [bold]skfuse compare FOLDER --target COLUMN[/]")


def write_tables(cohort, folder):
    """Write a cohort as a folder that :func:`skfuse.io.read_cohort` reads: a table per modality, and labels."""
    from skfuse.modalities import present_modalities, split_modalities

    present = present_modalities(cohort.X)
    for name, table in split_modalities(cohort.X).items():
        table[present[name]].to_csv(Path(folder, f"{name}.csv"))
    labels = cohort.y.to_frame("target")
    if cohort.covariates is not None:
        labels = labels.join(cohort.covariates)
    labels.to_csv(Path(folder, "labels.csv"))


def _compare(cohort, strategies, folds, repeats, jobs, seed):
    from skfuse.evaluation import compare_strategies

    columns = (TextColumn("Cross-validating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        bar = progress.add_task("fits", total=None)
        found = compare_strategies(
            cohort.X,
            cohort.y,
            task=cohort.task,
            strategies=strategies or "default",
            groups=cohort.groups,
            n_splits=folds,
            n_repeats=repeats,
            n_jobs=jobs,
            random_state=seed,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    console.print(leaderboard(found, cohort, folds, repeats))
    _print_warnings(found.warnings)
    console.print(
        "± is the standard deviation over the splits, which share subjects: it is no interval, and a difference "
        "between two rows is not tested here. Research use; not externally validated.",
        style="dim",
    )


def _print_warnings(warned):
    # That a strategy of one modality leaves out who lacks it is what it is for, and stands in the join log.
    expected = warned["strategy"].str.startswith("single:") & (warned["category"] == "NoModalityWarning")
    for row in warned[~expected].itertuples():
        console.print(f"[yellow]{row.strategy}, in {row.count} fits:[/] {_plain(row.message)}", highlight=False)


def leaderboard(comparison, cohort, folds, repeats):
    """The summary of a comparison as a table for the terminal."""
    from skfuse.evaluation.scores import SCORES

    once = cohort.groups is not None
    title = f"{len(cohort.y)} subjects, {folds}-fold cross-validation{' of whole groups' if once else f' × {repeats}'}"
    # Fits into 80 columns: arrows below the names, no lines between columns.
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("strategy", no_wrap=True)
    scores = SCORES[comparison.task]
    for score, higher in scores.items():
        table.add_column(f"{score}\n{'↑ better' if higher else '↓ better'}", justify="right", no_wrap=True)
    for name, row in comparison.summary().iterrows():
        cells = [f"{row[score, 'mean']:.3f}" for score in scores]
        cells[0] += f" ± {row[next(iter(scores)), 'sd']:.3f}"
        table.add_row(name, *cells)
    return table
