"""Write a lesion-symptom map: page, text, images, tables and JSON."""

import gzip
import json
from pathlib import Path

import numpy as np

from skfuse.report._lesion_page import lesion_document
from skfuse.report._lesion_result import KIND, collect
from skfuse.report._lesion_sections import FILES
from skfuse.report._render import to_html, to_markdown
from skfuse.report._write import ReportError, write_folder

_RESULT = "result.json"


def write_lesion_report(
    mapping,
    masks,
    score,
    folder,
    *,
    score_name="score",
    covariates=None,
    blocks=None,
    left_out=None,
    atlas=None,
    labels=None,
    warned=(),
    command=None,
    title=None,
    show_subjects=False,
    force=False,
):
    """Write a lesion-symptom map as a page to read, a text to paste, images, tables and JSON.

    The folder gets ``report.html`` (one file that needs no network, no script and nothing beside it), ``report.md``
    (the same numbers), ``map.nii.gz``, ``p_values.nii.gz``, ``significant.nii.gz`` and ``overlap.nii.gz``,
    ``clusters.csv``, ``subjects.csv`` and ``result.json``. All are written whole beside before any file of an earlier
    report is removed, and the page is put there last: a folder with a ``report.html`` holds everything beside it.

    Parameters
    ----------
    mapping : LesionSymptomMapping
        Fitted.
    masks : LesionMasks
        Of the subjects it was fitted on, in their order, from :func:`skfuse.io.read_masks`.
    score : array-like of shape (n_subjects,)
        What it was fitted on.
    folder : str or Path
        Where to write; made if it is not there.
    score_name : str
        What the score is called.
    covariates : DataFrame or dict of str to array-like of shape (n_subjects,), or None
        What was given to ``fit``, by name.
    blocks : str or None
        Name of the exchangeability blocks, if there were any.
    left_out : dict of str to list of str, or None
        Who has no part in the map: names by reason.
    atlas : str, Path or None
        Image of labels on the grid of the masks, for names of places.
    labels : str, Path or None
        Table whose first column holds the labels of `atlas` and another one their names.
    warned : sequence of str
        Warnings of reading and of ``fit``, for the page.
    command : str or None
        How the map was made, for the record.
    title : str or None
        Title of the page; None makes one from the name of the score.
    show_subjects : bool
        Name those left out on the page too. Otherwise only ``subjects.csv`` names subjects.
    force : bool
        Whether files of the folder with these names are replaced.

    Returns
    -------
    page : Path
        Of ``report.html``.

    Raises
    ------
    ReportError
        If the folder cannot be written, or holds files of these names and `force` is False; an ``OSError`` that says
        what to do.
    ValueError
        If mapping, masks and score are not of the same subjects and voxels, or the atlas is on another grid.
    ImportError
        If nibabel or nilearn is not installed.

    See Also
    --------
    skfuse.lesions.LesionSymptomMapping : Makes the map.
    skfuse.io.write_map : A map as an image alone.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from skfuse.io import LesionMasks
    >>> from skfuse.lesions import LesionSymptomMapping
    >>> from skfuse.report import write_lesion_report
    >>> rng = np.random.default_rng(0)
    >>> X = (rng.random((40, 60)) < 0.3).astype(np.uint8)
    >>> ids, volumes = np.array([f"sub-{i:02}" for i in range(40)]), 8.0 * X.sum(axis=1)
    >>> masks = LesionMasks(X, np.ones((3, 4, 5), dtype=bool), np.diag([2.0, 2.0, 2.0, 1.0]), ids, volumes)
    >>> score = rng.normal(size=40) - 2.0 * X[:, 7]
    >>> mapping = LesionSymptomMapping(n_permutations=99, random_state=0).fit(X, score)
    >>> with TemporaryDirectory() as folder:
    ...     page = write_lesion_report(mapping, masks, score, folder, score_name="fluency")
    ...     page.name, page.with_name("clusters.csv").read_text().splitlines()[0]
    ('report.html', 'cluster,score,voxels,mm3,x_mm,y_mm,z_mm,statistic,p_value')
    """
    folder = Path(folder)
    if not force:
        refuse_existing(folder)
    found = collect(
        mapping,
        masks,
        score,
        name=score_name,
        covariates=covariates,
        blocks=blocks,
        left_out=left_out,
        atlas=atlas,
        labels=labels,
        warned=warned,
        command=command,
        show_subjects=show_subjects,
    )
    # An earlier report goes first, its page before all, and the new page comes last: wherever this is stopped, no page
    # stands beside maps of another analysis.
    return write_folder(folder, _contents(found, title), stale=tuple(reversed(FILES)))


def refuse_existing(folder):
    """Refuse to replace what is there.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    ReportError
        Names the files.
    """
    there = [name for name in FILES if (folder / name).exists() or (folder / name).is_symlink()]
    if not there:
        return
    what = (
        "a report of a lesion-symptom map" if _is_ours(folder / _RESULT) else f"files that would be lost ({there[0]})"
    )
    raise ReportError(
        f"{str(folder)!r} holds {what} already. Choose a folder of its own, or replace it on purpose: force=True."
    )


def _is_ours(path):
    """Whether this is the result of an earlier report of a map."""
    if not path.is_file():
        return False
    try:
        content = json.loads(path.read_bytes().decode("utf-8", errors="replace"))
    except ValueError:  # somebody else's file
        return False
    return isinstance(content, dict) and content.get("kind") == KIND


def _contents(found, title):
    """Content of every file, by its name in the folder, the page last."""
    page = lesion_document(found, title=title)
    files = _images(found)
    files |= {
        "clusters.csv": found.clusters.to_csv(index=False, lineterminator="\n"),
        "subjects.csv": found.subjects.to_csv(index=False, lineterminator="\n"),
        _RESULT: json.dumps(found.to_dict(), allow_nan=False, ensure_ascii=False, indent=1) + "\n",
    }
    return files | {"report.md": to_markdown(page), "report.html": to_html(page)}


def _images(found):
    """The maps as images; p-values keep their digits, since they are compared with the level."""
    mapping = found.mapping
    maps = {
        "map": (mapping.map_.astype(np.float32), 0),
        "p_values": (mapping.p_values_.astype(np.float64), 1),
        "significant": (mapping.significant_, 0),
        "overlap": (found.overlap.astype(np.int32), 0),
    }
    return {
        f"{name}.nii.gz": gzip.compress(found.masks.to_nifti(values, outside=outside).to_bytes(), 1, mtime=0)
        for name, (values, outside) in maps.items()
    }
