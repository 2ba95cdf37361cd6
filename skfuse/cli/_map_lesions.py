"""The command ``map-lesions``."""

import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from skfuse.cli._compare import Debug, Seed
from skfuse.cli._console import as_options, command_line, console, one_line_errors, plain, progress
from skfuse.cli._lesion_inputs import match, read, read_table_of_scores, refuse_before, refuse_scores, say_who

_SHOWN = 10


def map_lesions(
    context: typer.Context,
    masks_dir: Annotated[
        Path, typer.Argument(metavar="MASKS_DIR", help="Folder of NIfTI masks, one for each subject, all on one grid.")
    ],
    scores: Annotated[Path, typer.Argument(metavar="SCORES", help="Table of subjects: ids, the score, covariates.")],
    score: Annotated[str, typer.Option(help="Column of the score: numbers.")],
    out: Annotated[Path, typer.Option(help="Folder for the report: page, images, tables, JSON.")],
    covariates: Annotated[
        list[str] | None, typer.Option(help="Columns taken out of score and voxels, as age,sex; may be repeated.")
    ] = None,
    statistic: Annotated[
        str, typer.Option(help="t, regression, welch, brunner-munzel; for a score of two values liebermeister, chi2.")
    ] = "t",
    correction: Annotated[
        str, typer.Option(help="Which error is held: max, cfwer, cluster, tfce, fdr, bonferroni.")
    ] = "max",
    volume: Annotated[
        str, typer.Option(help="What is done about lesion volume: covariate, residualize, dtlvc, none.")
    ] = "covariate",
    alternative: Annotated[
        str, typer.Option(help="two-sided; less: lesions go with lower scores; greater: with higher ones.")
    ] = "two-sided",
    min_overlap: Annotated[
        str,
        typer.Option(help="Subjects lesioned, and spared, in a voxel that is tested: a share (0.1) or a count (10)."),
    ] = "0.1",
    permutations: Annotated[int, typer.Option(min=0, help="Permutations; fdr and bonferroni make none.")] = 1000,
    cfwer_v: Annotated[int, typer.Option(min=1, help="Of cfwer: v false voxels or more are unlikely.")] = 10,
    cluster_p: Annotated[
        float, typer.Option(help="Of cluster: voxels whose own, uncorrected p-value is smaller form clusters.")
    ] = 0.001,
    connectivity: Annotated[int, typer.Option(help="Of cluster and tfce: neighbors of a voxel, 6, 18 or 26.")] = 6,
    tail: Annotated[
        bool,
        typer.Option("--tail", help="Extrapolate p-values below what --permutations allow, at most tenfold."),
    ] = False,
    scheme: Annotated[
        str, typer.Option(help="Of t and regression: freedman-lane or draper-stoneman, covariates in permutations.")
    ] = "freedman-lane",
    permuted: Annotated[
        str, typer.Option(help="Of t and regression: whether the score (target) or the lesions (columns) are permuted.")
    ] = "target",
    alpha: Annotated[float, typer.Option(help="Level.")] = 0.05,
    subject: Annotated[str | None, typer.Option(help="Column of ids. Default: participant_id, else the first.")] = None,
    blocks: Annotated[
        str | None, typer.Option(help="Column of exchangeability blocks (sites): subjects change places within theirs.")
    ] = None,
    atlas: Annotated[
        Path | None, typer.Option(help="Image of labels on the grid of the masks, to name places.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Table of the labels of --atlas and their names.")] = None,
    pattern: Annotated[str, typer.Option(help="Which files are masks, such as 'sub-*/anat/*_mask.nii.gz'.")] = "*.nii*",
    threshold: Annotated[
        float | None,
        typer.Option(help="For maps of probabilities: lesioned is what is above. Default: masks are binary."),
    ] = None,
    keep_empty: Annotated[
        bool, typer.Option("--keep-empty", help="Keep subjects whose mask has no lesion; otherwise an error.")
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps masks that were read, for the next run.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Parallel threads; -1 for all processors.")] = -1,
    seed: Seed = 0,
    show_subjects: Annotated[
        bool, typer.Option("--show-subjects", help="Name who was left out on the page too, not in subjects.csv only.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier report in --out.")] = False,
    debug: Debug = False,
):
    """Map where lesions go with a score: a voxelwise test, errors held over all voxels, and a report."""
    with one_line_errors(debug, when_stopped="Nothing was written; the same command starts over."):
        mapping = _make(
            statistic=statistic,
            correction=correction,
            volume=volume,
            alternative=alternative,
            min_overlap=_overlap(min_overlap),
            n_permutations=permutations,
            cfwer_v=cfwer_v,
            cluster_p=cluster_p,
            connectivity=connectivity,
            tail=tail,
            scheme=scheme,
            permuted=permuted,
            alpha=alpha,
            n_jobs=_threads(jobs),
            random_state=seed,
        )
        _refuse_idle(context, mapping)
        named = _named(covariates)
        refuse_before(masks_dir, out, force, atlas, labels)
        table = read_table_of_scores(scores, score, covariates=named, subject=subject, blocks=blocks)
        files, ids, table, left_out = match(masks_dir, pattern, table)
        say_who(ids, left_out, table.notes)
        refuse_scores(mapping, table, score)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            masks = read(files, ids, threshold, keep_empty, cache, mapping.n_jobs)
            _fit(mapping, masks, table)
        warned = [as_options(text) for text in _texts(caught)]
        show(mapping, masks, score, warned)
        page = _write(
            mapping,
            masks,
            table,
            out,
            score_name=score,
            blocks=blocks,
            left_out=left_out,
            atlas=atlas,
            labels=labels,
            warned=warned,
            command=command_line(context),
            show_subjects=show_subjects,
            force=force,
        )
        console.print(f"\nReport: [bold]{plain(page)}[/]", highlight=False, soft_wrap=True)
        console.print("Images, clusters.csv and subjects.csv lie beside it.", highlight=False)


def _make(**parameters):
    """The estimator, with its parameters checked before an hour of reading, not after it."""
    from skfuse.lesions import LesionSymptomMapping

    mapping = LesionSymptomMapping(**parameters)
    mapping.check_choices()
    return mapping


#: Parameters that only some choices look at, and those choices.
_LOOKED_AT = {
    "cfwer_v": ("correction", ("cfwer",)),
    "cluster_p": ("correction", ("cluster",)),
    "connectivity": ("correction", ("cluster", "tfce")),
    "tail": ("correction", ("max", "cfwer", "tfce")),
    "scheme": ("statistic", ("t", "regression")),
    "permuted": ("statistic", ("t", "regression")),
}


def _refuse_idle(context, mapping):
    """Refuse an option that was given and would change nothing, and neighbors that no voxel has."""
    if mapping.connectivity not in (6, 18, 26):
        raise ValueError(f"--connectivity must be 6, 18 or 26 (faces, edges, corners), got {mapping.connectivity}.")
    for name, (choice, by) in _LOOKED_AT.items():
        given = context.get_parameter_source(name).name == "COMMANDLINE"
        chosen = getattr(mapping, choice)
        if given and chosen not in by:
            raise ValueError(
                f"--{name.replace('_', '-')} is for --{choice} {' or '.join(by)}, and --{choice} is {chosen}. Leave it "
                f"out, or choose another --{choice}."
            )


def _overlap(given):
    """A count, a share (0.1 or 10%), or None for any overlap."""
    said = given.strip().lower()
    if said == "none":
        return None
    try:
        if said.endswith("%"):
            return float(said[:-1]) / 100
        return int(said) if said.isdecimal() else float(said)
    except ValueError:
        raise ValueError(
            f"--min-overlap takes a share up to 0.5, a count such as 10, or none, got {given!r}."
        ) from None


def _threads(jobs):
    if jobs == 0:
        raise ValueError("--jobs 0 makes no thread. Give a number of threads, or -1 for all processors.")
    return jobs


def _named(covariates):
    """Names of columns, which may be given as age,sex or one by one."""
    return [name.strip() for given in covariates or () for name in given.split(",") if name.strip()]


def _fit(mapping, masks, table):
    """Fit with a bar of progress."""
    if mapping.correction in ("cluster", "tfce"):
        mapping.set_params(mask=masks.mask)
    with progress("Permuting") as on_progress:
        mapping.set_callbacks(_Permutations(on_progress))
        try:
            mapping.fit(masks.X, table.score, covariates=table.matrix(), blocks=table.blocks)
        finally:
            mapping.set_callbacks()


class _Permutations:
    """Tells how many permutations are done, from the names of the parts of a fit."""

    def __init__(self, on_progress):
        self.on_progress = on_progress

    def setup(self, estimator, context):
        """Nothing to prepare."""

    def teardown(self, estimator, context):
        """Nothing to close."""

    def on_fit_task_begin(self, estimator, context, **_):
        """Nothing is counted before it is done."""

    def on_fit_task_end(self, estimator, context, **_):
        """Count the permutations of a part; the fit itself, which has no parent, is no part."""
        if context.parent is not None:
            done, _, total, _ = context.task_name.split()
            self.on_progress(int(done), int(total))


def _texts(caught):
    """Messages of warnings, each once; of subjects without a voxel the report counts and names itself."""
    from skfuse.lesions import EmptyMaskWarning

    return list(dict.fromkeys(str(one.message) for one in caught if not issubclass(one.category, EmptyMaskWarning)))


def show(mapping, masks, score, warned):
    """Print what was found, then its places."""
    for text in warned:
        console.print(f"[yellow]warning:[/] {plain(text)}", highlight=False)
    facts = mapping.report_
    console.print(
        f"{facts['voxels tested']:,} voxels tested in {facts['patches tested']:,} patches; "
        f"{facts['voxels significant']:,} significant at {mapping.alpha:g}, smallest p "
        f"{facts['smallest p-value']:.3g}.",
        style="bold",
        highlight=False,
    )
    if not mapping.significant_.any():
        console.print("Nothing significant is no evidence that there is no effect.", highlight=False)
    console.print(f"Sign: {plain(facts['sign'])}.", highlight=False)
    r = mapping.volume_correlation_
    console.print(
        f"{plain(score)} and lesion volume: r = {r:.2f}; volume: {plain(facts['lesion volume'])}.", highlight=False
    )
    _print_clusters(mapping, masks)
    console.print("Research use; not externally validated.", style="dim")


def _print_clusters(mapping, masks):
    from skfuse.report._lesion_clusters import cluster_table
    from skfuse.report._lesion_text import p_said, place, value

    found = cluster_table(mapping, masks)
    if not len(found):
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for name in ("cluster", "score", "voxels", "mm³", "peak (mm)", "statistic", "p"):
        table.add_column(name, justify="left" if name in ("score", "peak (mm)") else "right")
    for row in found.head(_SHOWN).itertuples():
        peak = place((row.x_mm, row.y_mm, row.z_mm))
        size = (f"{row.voxels:,}", f"{row.mm3:,.0f}")
        table.add_row(str(row.cluster), row.score, *size, peak, value(row.statistic), p_said(row.p_value))
    if len(found) > _SHOWN:
        table.caption = f"and {len(found) - _SHOWN} smaller ones"
    console.print(table)


def _write(mapping, masks, table, out, **options):
    from skfuse.report import write_lesion_report

    return write_lesion_report(mapping, masks, table.score, out, covariates=table.covariates, **options)
