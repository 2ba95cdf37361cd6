"""The command ``subtype``."""

import importlib
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from skfuse.cli._compare import CohortPath, Debug, Drop, Seed, Visit, refuse_unwritable
from skfuse.cli._console import (
    as_options,
    command_line,
    console,
    logged_warnings,
    note,
    one_line_errors,
    plain,
    progress,
)
from skfuse.cli._subtype_cohort import read_subjects

MODEL, CARD = "model.skops", "MODEL_CARD.md"


def subtype(
    context: typer.Context,
    cohort: CohortPath,
    out: Annotated[Path | None, typer.Option(help="Folder for the report: page, labels, tables, model.")] = None,
    n_clusters: Annotated[
        str, typer.Option(help="How many clusters, or the rule that chooses: eigengap, nemo, rotation, stability.")
    ] = "eigengap",
    site: Annotated[
        str | None, typer.Option(help="Column of sites; clusters that follow it are reported first.")
    ] = None,
    covariates: Annotated[
        list[str] | None, typer.Option(help="Column the clusters are compared with (age, sex); may be repeated.")
    ] = None,
    image_quality: Annotated[
        list[str] | None, typer.Option(help="Column of ratings or measures of image quality; may be repeated.")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Held-out column to test (an outcome, a scale); may be repeated.")
    ] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(help="One of these columns whose numbers are codes; may be repeated.")
    ] = None,
    visit: Visit = None,
    drop: Drop = None,
    harmonizer: Annotated[
        str | None,
        typer.Option(
            help="Transformer that consumes the column of sites, as package.module:Class; both arms are reported."
        ),
    ] = None,
    null: Annotated[
        int,
        typer.Option(min=0, help="Reference cohorts for “is there any structure”; each is a whole fit. 0: no test."),
    ] = 199,
    permutations: Annotated[int, typer.Option(min=1, help="Permutations of each test of an association.")] = 9999,
    jobs: Annotated[int, typer.Option(help="Parallel threads; -1 for all processors.")] = -1,
    seed: Seed = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and join the tables, print the log, stop.")] = False,
    debug: Debug = False,
):
    """Find clusters of subjects: are they sites, is there any structure, what are they, where is a new patient."""
    with one_line_errors(debug, when_stopped="Nothing was kept; the same command starts over."):
        held = {"covariates": covariates or (), "image_quality": image_quality or (), "target": target or ()}
        with logged_warnings():
            read, beside = read_subjects(cohort, site=site, visit=visit, drop=drop, **held)
        console.print(plain(as_options(read.log)), highlight=False)
        if dry_run:
            return
        if jobs == 0:
            raise ValueError("--jobs 0 makes no thread. Give a number of threads, or -1 for all processors.")
        chosen = _number(n_clusters)
        transformer = None if harmonizer is None else _transformer(harmonizer, site)
        if out is not None:
            _refuse_inputs(out, cohort)
            _refuse_unusable(out)
        with progress("Clustering") as on_progress:
            found = _find(
                read,
                beside,
                n_clusters=chosen,
                harmonizer=transformer,
                categorical=categorical or (),
                n_null=null,
                n_permutations=permutations,
                n_jobs=jobs,
                random_state=seed,
                on_progress=on_progress,
            )
        found.settings["command"] = command_line(context)
        found.notes = [as_options(text) for text in found.notes]
        show(found)
        if out is None:
            return
        page, problem = write(found, out, read.log.coding)
    with one_line_errors(debug, when_stopped=f"The report is in {out}, whole."):
        tell(page, problem)


def _find(read, beside, **options):
    from skfuse.evaluation.subtypes import find_subtypes

    return find_subtypes(read.X, site=read.site, name=read.name, **beside, **options)


def show(found):
    """Print what speaks against the clusters first, then their sizes, then the rest."""
    from skfuse.evaluation.subtypes._sentence import first_things, no_evidence, warned_of_site

    first = first_things(found)
    console.print()
    for number, text in enumerate(first):
        grave = (warned_of_site(found) and number == 0) or (no_evidence(found) and number == len(first) - 1)
        console.print(plain(text), style="bold red" if grave else "bold", highlight=False)
    console.print(_table(found))
    for row in found.tables["warnings"].itertuples():
        if row.strategy.startswith("clustering"):
            console.print(f"[yellow]{plain(row.strategy)}:[/] {plain(row.message)}", highlight=False)
    for text in found.notes:
        note(text)
    for line in found.sentence().splitlines():
        if line not in first:
            console.print(plain(line), highlight=False)
    console.print("Research use; not externally validated.", style="dim")


def write(found, out, coding):
    """Write the report, the labels and the model; return the page, and why there is no model (None if there is)."""
    from skfuse.deployment import subtype_model
    from skfuse.report import write_subtype_report

    try:
        model = subtype_model(found, coding=coding, created_with=found.settings["command"])
        return write_subtype_report(found, out, model=model), None
    except (ValueError, TypeError) as error:  # what skops raises for the attributes of somebody's own class
        if found.settings["harmonizer"] is None:
            raise
        return write_subtype_report(found, out), error


def tell(page, problem):
    """Say what was written."""
    labels, model, card = (page.with_name(name) for name in ("labels.csv", MODEL, CARD))
    console.print(f"\nReport: [bold]{plain(page)}[/]", highlight=False, soft_wrap=True)
    console.print(f"Labels: [bold]{plain(labels)}[/], a row per subject", highlight=False, soft_wrap=True)
    if problem is not None:
        note(f"no model was written, as the harmonizer cannot be kept in one. {problem}")
        return
    console.print(f"Model: [bold]{plain(model)}[/]", highlight=False, soft_wrap=True)
    console.print(f"Card: [bold]{plain(card)}[/]", highlight=False, soft_wrap=True)
    console.print(f"Next: skfuse predict {plain(model)} NEW-TABLES --out clusters.csv", highlight=False, soft_wrap=True)


def _table(found):
    """Sizes of the clusters."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    own = found.tables["clusters"]
    several = own["arm"].nunique() > 1
    for name in ("cluster", *(("arm",) if several else ()), "subjects", "share"):
        table.add_column(name, justify="left" if name in ("cluster", "arm") else "right")
    for row in own.itertuples():
        arm = (row.arm,) if several else ()
        table.add_row(f"cluster {row.cluster}", *arm, str(row.n_subjects), f"{100 * row.share:.1f} %")
    return table


def _number(given):
    """A number of clusters, or the name of a rule as it is."""
    from skfuse.similarity._base_clustering import RULES

    if given in RULES:
        return given
    try:
        number = int(given)
    except ValueError:
        number = 0
    if number < 2:
        raise ValueError(f"--n-clusters takes a number from 2 on or one of {', '.join(RULES)}; got {given!r}.")
    return number


def _transformer(name, site):
    """A transformer from ``package.module:Class`` (or a function, or an object), told the column of sites."""
    if site is None:
        raise ValueError("--harmonizer needs --site: the column that it consumes.")
    module, _, attribute = name.partition(":")
    if not attribute:
        raise ValueError(f"--harmonizer takes package.module:Class, got {name!r}.")
    here = str(Path.cwd())
    sys.path.insert(0, here)  # a module of the user's own lies where the command is given
    try:
        found = importlib.import_module(module)
    finally:
        sys.path.remove(here)
    if not hasattr(found, attribute):
        raise ValueError(f"--harmonizer: {module} has no {attribute!r}.")
    made = getattr(found, attribute)
    made = made() if callable(made) else made
    if not (hasattr(made, "fit") and hasattr(made, "transform") and hasattr(made, "get_params")):
        raise ValueError(
            f"--harmonizer: {name} is no scikit-learn transformer; it needs fit, transform and get_params."
        )
    if "site" in made.get_params(deep=False):
        made.set_params(site=site)
    return made


def _refuse_inputs(out, cohort):
    """Refuse a folder where the report would lie among the tables of the cohort, or on one of them."""
    tables = (out / "tables").resolve()
    inside = (out.resolve(), tables) if cohort.is_dir() else (tables,)
    folder = cohort if cohort.is_dir() else cohort.parent
    if folder.resolve() in inside or cohort.resolve() == (out / "labels.csv").resolve():
        raise ValueError(
            f"--out {str(out)!r} would write among the tables of the cohort, which are read whole and would be lost or "
            "mixed up with the report. Choose a folder of its own for the report."
        )


def _refuse_unusable(out):
    """Find out before the fits that report or model cannot be written."""
    from skfuse.deployment._card import check_card
    from skfuse.report._subtype_write import refuse_foreign

    refuse_unwritable(out)
    check_card(out / CARD, MODEL)
    refuse_foreign(out)
