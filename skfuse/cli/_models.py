"""The commands ``fit`` and ``predict``."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from skfuse.cli._compare import CohortPath, Debug, Drop, Groups, Positive, Seed, Site, Target, Task, Visit, read
from skfuse.cli._console import command_line, console, logged_warnings, note, one_line_errors, plain

_SHOWN = 10


def fit(
    context: typer.Context,
    cohort: CohortPath,
    target: Target,
    out: Annotated[Path, typer.Option(help="File of the model, *.skops; its card is written beside it.")],
    strategy: Annotated[str, typer.Option(help="Strategy to fit, as `compare` names it.")] = "late-stack",
    report: Annotated[
        Path | None, typer.Option(help="Report of `compare` on the same cohort; its figures go into the card.")
    ] = None,
    site: Site = None,
    groups: Groups = None,
    visit: Visit = None,
    positive: Positive = None,
    drop: Drop = None,
    task: Task = None,
    seed: Seed = 0,
    debug: Debug = False,
):
    """Fit one strategy on the whole cohort and keep it, with a model card."""
    from skfuse.deployment import fit_model

    with one_line_errors(debug):
        roles = {"site": site, "groups": groups, "visit": visit, "positive": positive, "drop": drop, "task": task}
        if out.suffix != ".skops":
            raise ValueError(f"A model is written as *.skops, got {out.name!r}. Name it {out.stem + '.skops'!r}.")
        training = read(cohort, target, roles)
        if not out.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {str(out.parent)!r} to write the model in; make it first.")
        console.print(f"Fitting {plain(strategy)} on {len(training.y)} subjects …", highlight=False)
        with logged_warnings():
            model = fit_model(training, strategy, random_state=seed, created_with=command_line(context))
        path = model.save(out, comparison=report)
        console.print(f"Model: [bold]{plain(path)}[/]", highlight=False, soft_wrap=True)
        console.print(f"Card: [bold]{plain(path.with_name('MODEL_CARD.md'))}[/]", highlight=False, soft_wrap=True)
        if report is None:
            note("the card says “not measured”: give the report of a comparison with --report.")
        console.print(f"Next: skfuse predict {plain(path)} NEW-TABLES --out predictions.csv", highlight=False)


def predict(
    model: Annotated[Path, typer.Argument(help="File made by `fit` or `subtype`.")],
    tables: Annotated[Path, typer.Argument(help="Folder with one table per modality, or one wide table.")],
    out: Annotated[Path | None, typer.Option(help="File for the predictions, *.csv or *.json.")] = None,
    site: Annotated[str | None, typer.Option(help="Column of sites. Default: that of the training cohort.")] = None,
    visit: Visit = None,
    drop: Drop = None,
    allow_other_versions: Annotated[
        bool, typer.Option("--allow-other-versions", help="Use a model that other versions made.")
    ] = False,
    debug: Debug = False,
):
    """Predict new subjects with a model; say what each prediction rests on."""
    from skfuse.deployment import load_fitted_model, predict_table

    with one_line_errors(debug):
        if out is not None and (out.suffix.lower() not in (".csv", ".json") or not out.parent.is_dir()):
            raise ValueError(f"Predictions are written as .csv or .json into a folder that is there, got {str(out)!r}.")
        if out is not None:
            _refuse_inputs(out, model, tables)
        with logged_warnings():
            fitted = load_fitted_model(model, allow_other_versions=allow_other_versions)
            found = predict_table(fitted, tables, site=site, visit=visit, drop=drop)
        for text in found.notes:
            note(text)
        console.print(_table(found.table))
        flagged = int((found.table["flags"] != "").sum())
        console.print(f"{len(found.table)} subjects, {flagged} with a flag.", highlight=False)
        if out is not None:
            console.print(f"Predictions: [bold]{plain(found.write(out))}[/]", highlight=False, soft_wrap=True)
        console.print(plain(found.header["use"]), style="dim")


def _refuse_inputs(out, model, tables):
    """Refuse to write on the model or on a table, or where the predictions would be read as one next time."""
    inputs = [model, *(tables.iterdir() if tables.is_dir() else [tables])]
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise ValueError(f"--out {str(out)!r} is one of the files that are read, and would be lost. Name another file.")
    if out.suffix.lower() == ".csv" and tables.is_dir() and out.parent.samefile(tables):
        raise ValueError(
            f"--out {str(out)!r} lies among the tables, where the next run would read it as one of them. Name a file "
            "in another folder."
        )


def _table(predictions):
    """The first predictions, for a look."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown = [name for name in predictions if name.startswith(("probability", "prediction", "cluster", "membership"))]
    for name in ("subject", *shown, "modalities", "flags"):
        table.add_column(name, justify="right" if name in shown else "left")
    for subject, row in predictions.head(_SHOWN).iterrows():
        values = [f"{row[name]:.3f}" if isinstance(row[name], float) else plain(row[name]) for name in shown]
        table.add_row(plain(subject), *values, plain(row["modalities"]), plain(row["flags"]))
    if len(predictions) > _SHOWN:
        table.caption = f"and {len(predictions) - _SHOWN} more"
    return table
