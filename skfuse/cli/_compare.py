"""The command ``compare``."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from skfuse.cli._console import command_line, console, logged_warnings, note, one_line_errors, plain, progress

#: Inside the folder of the report, until the report is there.
CHECKPOINT = "checkpoint"

# Options that `fit` has too.
CohortPath = Annotated[
    Path, typer.Argument(help="Folder with one table per modality and a table of labels, or one wide table.")
]
Target = Annotated[str, typer.Option(help="Column of the labels table to predict.")]
Site = Annotated[str | None, typer.Option(help="Column of sites; each is then predicted by models of the others.")]
Covariates = Annotated[list[str] | None, typer.Option(help="Column for subgroups (sex, age); may be repeated.")]
Groups = Annotated[str | None, typer.Option(help="Column whose equal values stay on one side of a split.")]
Visit = Annotated[str | None, typer.Option(help="Visit to read, as 'session=baseline', or 'session' for all.")]
Positive = Annotated[str | None, typer.Option(help="Class label that counts as 1.")]
Drop = Annotated[list[str] | None, typer.Option(help="Regular expression of columns to leave out; may be repeated.")]
Task = Annotated[str | None, typer.Option(help="classification or regression; guessed if not given.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def compare(
    context: typer.Context,
    cohort: CohortPath,
    target: Target,
    out: Annotated[Path | None, typer.Option(help="Folder for the report: page, tables, JSON.")] = None,
    site: Site = None,
    covariates: Covariates = None,
    groups: Groups = None,
    visit: Visit = None,
    positive: Positive = None,
    drop: Drop = None,
    task: Task = None,
    strategies: Annotated[
        list[str] | None,
        typer.Option(
            help="Strategy to compare, such as late-stack, or late-stack:mri+pet for some modalities; may be repeated. "
            "All if not given. Reference and baseline are always run, and the modality 'volume' (of lesions) alone."
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(help="What fusion must beat: a strategy, or a modality (may be repeated). Default: best-single."),
    ] = None,
    scoring: Annotated[str | None, typer.Option(help="Primary score: AUC, log loss, Brier, …; R2, RMSE, r.")] = None,
    margin: Annotated[float | None, typer.Option(help="Smallest gain worth having, in the score's unit.")] = None,
    prevalence: Annotated[
        float | None, typer.Option(help="Share of events where the model would be used, for predictive values.")
    ] = None,
    attest: Annotated[
        list[str] | None, typer.Option(help="Answer to what no table shows, as ITEM=yes or ITEM=no; may be repeated.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the outer cross-validation.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats of the outer cross-validation.")] = 5,
    jobs: Annotated[int, typer.Option(help="Parallel processes; -1 for all processors.")] = -1,
    seed: Seed = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder that keeps finished fits. Default: inside --out until it is done.")
    ] = None,
    show_subjects: Annotated[
        bool, typer.Option("--show-subjects", help="Put ids and predictions of subjects into the report.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="One repeat, whatever --repeats says.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and join the tables, print the log, stop.")] = False,
    debug: Debug = False,
):
    """Compare single modalities and fusion: does it help, which modality carries it, does it hold elsewhere."""
    roles = {"site": site, "covariates": tuple(covariates or ()), "groups": groups, "visit": visit}
    roles |= {"positive": positive, "drop": drop, "task": task}
    kept = checkpoint if checkpoint is not None else None if out is None else out / CHECKPOINT
    again = "Nothing was kept: name a folder with --out to be able to go on."
    if kept is not None:
        again = f"Finished fits are in {kept}; the same command goes on from there."
    with one_line_errors(debug, when_stopped=again):
        cohort = read(cohort, target, roles)
        if dry_run:
            return
        if jobs == 0:
            raise ValueError("--jobs 0 makes no process. Give a number of processes, or -1 for all processors.")
        if quick and repeats not in (1, 5):
            note(f"--quick makes one repeat; --repeats {repeats} is set aside.")
        if out is not None:
            refuse_unwritable(out)
        found = run(
            cohort,
            strategies=strategies or "default",
            reference=_reference(reference, cohort.X),
            scoring=scoring,
            margin=margin,
            prevalence=prevalence,
            attestation=_attestation(attest),
            n_splits=folds,
            n_repeats=1 if quick else repeats,
            n_jobs=jobs,
            random_state=seed,
            checkpoint=kept,
        )
        found.settings["command"] = command_line(context)
        found.notes += _codes_of_covariates(cohort.log, covariates)
        show(found)
        if out is not None:
            finish(found, out, kept if checkpoint is None else None, show_subjects)


def _codes_of_covariates(log, covariates):
    """How words became the numbers by which subgroups are called."""
    return [
        f"Subgroups: {message}"
        for message in log.conversions
        if any(f" {name} (" in message for name in covariates or ())
    ]


def read(cohort, target, roles):
    """Read a cohort and print how its tables were joined."""
    from skfuse.io import read_cohort

    with logged_warnings():
        found = read_cohort(cohort, target, **roles)
    console.print(plain(found.log), highlight=False)
    return found


def refuse_unwritable(folder):
    """Find out before an hour of fits, not after it, that the report cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"The folder {str(folder)!r} cannot be written ({error.strerror or error}). Name another with --out."
        ) from error


def run(cohort, **options):
    """Compare with a bar of progress."""
    from skfuse.evaluation import compare_strategies

    with progress("Cross-validating") as on_progress:
        return compare_strategies(
            cohort.X,
            cohort.y,
            task=cohort.task,
            site=cohort.site,
            groups=cohort.groups,
            covariates=cohort.covariates,
            name=cohort.name,
            on_progress=on_progress,
            **options,
        )


def show(found):
    """Print the leaderboard, the sentence and what to look at first."""
    console.print(leaderboard(found))
    _print_warnings(found.warnings)
    _print_leaks(found.leaks)
    for text in found.notes:
        note(text)
    for line in found.sentence().splitlines():
        console.print(plain(line), style="bold", highlight=False)
    console.print("Research use; not externally validated.", style="dim")


def finish(found, out, temporary_checkpoint, show_subjects=False):
    """Write the report, and clear the finished fits away that led to it."""
    from skfuse.report import write_report

    page = write_report(found, out, show_subjects=show_subjects)
    if temporary_checkpoint is not None:
        shutil.rmtree(temporary_checkpoint)
    console.print(f"\nReport: [bold]{plain(page)}[/]", highlight=False, soft_wrap=True)
    return page


def leaderboard(found):
    """The summary of a comparison as a table for the terminal."""
    from skfuse.evaluation.scores import SCORES

    settings = found.settings
    repeated = f" × {settings['n_repeats']}" if settings["n_repeats"] > 1 else ""
    title = f"{found.cohort['n_subjects']} subjects, {settings['n_splits']}-fold cross-validation{repeated}"
    # Fits into 80 columns: arrows below the names, no lines between columns.
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("strategy", no_wrap=True)
    summary = found.summary()
    scores = list(dict.fromkeys(summary.columns.get_level_values(0)))
    for score in scores:
        table.add_column(f"{score}\n{'↑' if SCORES[found.task][score] else '↓'}", justify="right", no_wrap=True)
        if score == found.scoring:
            table.add_column("95 % interval", justify="center", no_wrap=True)
    for name, row in summary.iterrows():
        cells = [_number(row[score, "estimate"]) for score in scores]
        cells.insert(1, _limits(row[found.scoring, "lower"], row[found.scoring, "upper"]))
        table.add_row(plain(name), *cells)
    table.caption = "↑ higher is better, ↓ lower is better"
    table.caption_justify = "left"
    return table


def _limits(lower, upper):
    return "–" if lower != lower or upper != upper else f" {lower:.3f}, {upper:.3f} "


def _number(value):
    return "–" if value != value else f"{value:.3f}"


def _print_warnings(warned):
    # That a strategy of one modality leaves out who lacks it is what it is for, and stands in the join log.
    expected = warned["strategy"].str.contains("^single:| without ") & (warned["category"] == "NoModalityWarning")
    for row in warned[~expected].itertuples():
        console.print(
            f"[yellow]{plain(row.strategy)}, in {row.count} fit{'s' * (row.count > 1)}:[/] {plain(row.message)}",
            highlight=False,
        )


def _print_leaks(leaks):
    """The findings with the subjects that they concern: a terminal is the user's own, a report is passed on."""
    for finding in leaks.found:
        color = "bold red" if finding.level == "leak" else "yellow"
        word = "possible leak" if finding.level == "leak" else "look at"
        who = "; ".join(" = ".join(map(str, subjects)) for subjects in finding.subjects[:5])
        who += f" and {len(finding.subjects) - 5} more" if len(finding.subjects) > 5 else ""
        who = f" ({who})" if who else ""
        evidence = finding.evidence[:1].upper() + finding.evidence[1:].rstrip(".")
        said = " ".join(plain(part) for part in (f"{evidence}{who}.", finding.advice))
        console.print(f"[{color}]{word}: {plain(finding.check)}.[/] {said}", highlight=False)


def _reference(given, X):
    """One strategy by name, or modalities."""
    from skfuse.modalities import resolve_modalities

    if not given:
        return "best-single"
    return given if set(given) <= set(resolve_modalities(X)) or len(given) > 1 else given[0]


def _attestation(given):
    answers = {}
    for text in given or ():
        item, _, answer = text.partition("=")
        if answer.lower() not in ("yes", "no"):
            raise ValueError(f"--attest takes ITEM=yes or ITEM=no, got {text!r}.")
        answers[item.strip()] = answer.lower() == "yes"
    return answers or None
