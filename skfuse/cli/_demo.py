"""The command ``demo``."""

from pathlib import Path
from typing import Annotated

import typer

from skfuse.cli import _compare
from skfuse.cli._compare import Debug, Seed
from skfuse.cli._console import command_line, console, one_line_errors, plain


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for the cohort and the report.")] = Path("skfuse-demo"),
    jobs: Annotated[int, typer.Option(help="Parallel processes; -1 for all processors.")] = -1,
    seed: Seed = 0,
    debug: Debug = False,
):
    """Simulate a cohort, write it as tables, compare strategies on it and write the report."""
    from skfuse.datasets import alzheimer_conversion

    with one_line_errors(debug):
        tables, report = out / "cohort", out / "report"
        _compare.refuse_unwritable(tables)
        write_tables(alzheimer_conversion(random_state=seed), tables)
        console.print(
            "[bold]A simulated cohort[/]: who converts to Alzheimer's disease? MRI, PET (missing for half) and fluid "
            f"markers from several sites, written as csv files to {plain(tables)}.\n",
            highlight=False,
        )
        roles = {"site": "site", "covariates": ("age", "sex")}
        found = _compare.run(_compare.read(tables, "target", roles), n_jobs=jobs, random_state=seed)
        found.settings["command"] = command_line(context)
        _compare.show(found)
        _compare.finish(found, report, None)
    console.print("\nNow with your own tables: [bold]skfuse compare FOLDER --target COLUMN --out report/[/]")


def write_tables(cohort, folder):
    """Write a cohort as a folder that :func:`skfuse.io.read_cohort` reads: a table per modality, and labels."""
    from skfuse.modalities import present_modalities, split_modalities

    present = present_modalities(cohort.X)
    for name, table in split_modalities(cohort.X).items():
        table[present[name]].to_csv(Path(folder, f"{name}.csv"))
    labels = cohort.y.to_frame("target")
    for beside in (cohort.site, cohort.covariates):
        if beside is not None:
            labels = labels.join(beside)
    labels.to_csv(Path(folder, "labels.csv"))
