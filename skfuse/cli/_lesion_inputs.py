"""Masks and a table of scores for ``map-lesions``: checked, matched and read."""

import warnings

from skfuse.cli._compare import refuse_unwritable
from skfuse.cli._console import console, logged_warnings, note, plain, progress


def refuse_before(masks_dir, out, force, atlas, labels):
    """What can be known to go wrong before anything is read."""
    from skfuse.io._nifti import require_nibabel
    from skfuse.plotting._brain import require_nilearn
    from skfuse.report._lesion_write import refuse_existing

    require_nibabel()
    require_nilearn()
    if not masks_dir.is_dir():
        raise FileNotFoundError(f"There is no folder {str(masks_dir)!r}. Name the folder of the masks.")
    if labels is not None and atlas is None:
        raise ValueError("--labels names the regions of --atlas; give the image too.")
    for path in (atlas, labels):
        if path is not None and not path.is_file():
            raise FileNotFoundError(f"There is no file {str(path)!r}.")
    if out.resolve() == masks_dir.resolve():
        raise ValueError(
            f"--out {str(out)!r} is the folder of the masks, where maps would be read as masks next time. Name another."
        )
    if not force:
        refuse_existing(out)
    made = not out.exists()
    refuse_unwritable(out)
    if made:  # a folder that a stopped run leaves behind would look as if something had been written
        out.rmdir()


def read_table_of_scores(path, score, **options):
    """The table; what was converted stands in its notes."""
    from skfuse.io import read_scores

    with logged_warnings():
        return read_scores(path, score, **options)


def match(masks_dir, pattern, table):
    """Files, the subjects they are of, the rows of the table in the same order, and who is left out by reason."""
    import numpy as np

    from skfuse.io import CohortError, CohortWarning, mask_files, match_subjects
    from skfuse.report._lesion_result import NO_MASK, NO_ROW, NO_SCORE

    files = mask_files(masks_dir, pattern)
    names = list(files)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)  # who has no partner is said below, all by name
        own, rows = match_subjects(names, table.ids, table=table.file)
    with_row, with_mask = set(own), set(rows)
    left_out = {
        NO_ROW: [name for i, name in enumerate(names) if i not in with_row],
        NO_MASK: [name for i, name in enumerate(table.ids) if i not in with_mask],
    }
    scored = ~np.isnan(table.score[rows])
    left_out[NO_SCORE] = table.ids[rows[~scored]].tolist()
    if not scored.any():
        raise CohortError(f"{table.file}: none of the {len(rows)} subjects with a mask has a score. Check --score.")
    own, rows = own[scored], rows[scored]
    return [files[names[i]] for i in own], table.ids[rows].tolist(), table.take(rows), left_out


def say_who(ids, left_out, notes):
    """Say who takes part and who does not, by name: a terminal is the user's own."""
    from skfuse.io._log import number_of, shorten

    for text in notes:
        note(text)
    console.print(f"{number_of(len(ids), 'subject')} with a mask and a score.", highlight=False)
    for reason, names in left_out.items():
        if names:
            console.print(f"[yellow]left out, {reason}:[/] {len(names)} ({plain(shorten(names, 20))})", highlight=False)


def refuse_scores(mapping, table, score):
    """Say what is wrong with score and covariates before the masks are read."""
    from skfuse.io import CohortError

    mapping.check_choices(covariates=table.matrix())
    try:
        mapping.check_choices(table.score)
    except ValueError as error:
        raise CohortError(f"{table.file}, column {score!r}: {error}") from None
    table.refuse_gaps()


def read(files, ids, threshold, keep_empty, cache, n_jobs):
    """Masks, with a bar of progress."""
    from skfuse.io import read_masks

    with progress("Reading masks") as on_progress:
        return read_masks(
            files,
            ids=ids,
            threshold=threshold,
            empty="keep" if keep_empty else "raise",
            n_jobs=n_jobs,
            cache=cache,
            on_progress=on_progress,
        )
