"""Write a report: everything beside, whole, before anything that was there is replaced."""

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from skfuse.report._page import document
from skfuse.report._render import to_html, to_markdown

_BESIDE = ".report-"  # files that are being written
_LONGEST_WRITING = 600  # seconds; files older than that belong to no run that is still going
#: A model, and the card that is saved with it, as they are called in the folder of a report.
MODEL, CARD = "model.skops", "MODEL_CARD.md"


class ReportError(OSError):
    """A report cannot be written."""


class WritingStopped(KeyboardInterrupt):
    """Ctrl-C while files were being replaced; says what is in the folder."""


def write_report(comparison, folder, *, title=None, show_subjects=False):
    """Write a comparison as a page to read, a text to paste, tables and JSON.

    The folder gets ``report.html`` (one file that needs no network, no script and nothing beside it), ``report.md``
    (the same numbers), ``tables/*.csv`` (all digits) and ``result.json``. All are written whole before any file of an
    earlier report is replaced; other files in the folder are left alone.

    Parameters
    ----------
    comparison : Comparison
        From ``compare_strategies`` or ``read_result``.
    folder : str or Path
        Where to write; made if it is not there.
    title : str or None
        Title of the page; None makes one from the names of the cohort and its target.
    show_subjects : bool
        Name the subjects that leak checks found, and write ``predictions.csv``. Otherwise no id and no value of a
        single subject stands anywhere, and the ``predictions.csv`` of an earlier report in the folder is removed.

    Returns
    -------
    page : Path
        Of ``report.html``.

    Raises
    ------
    ReportError
        If the folder cannot be written; an ``OSError`` that says why and what to do.
    ValueError
        If `show_subjects` is asked of a result that was read from a file and holds no subjects.

    See Also
    --------
    skfuse.evaluation.compare_strategies : Make a comparison.
    skfuse.evaluation.read_result : Read ``result.json`` back.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation import compare_strategies
    >>> from skfuse.report import write_report
    >>> cohort = make_cohort(100, effect=3.0, random_state=0)
    >>> found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], n_repeats=1, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     page = write_report(found, folder)
    ...     page.name, page.stat().st_size < 2_000_000
    ('report.html', True)
    """
    if show_subjects and (comparison.predictions is None or comparison.leaks is None):
        raise ValueError(
            "`show_subjects=True` needs a result with predictions, but this one was read from a file that holds none. "
            "Write the report right after the comparison, or leave show_subjects=False."
        )
    folder = Path(folder)
    contents = _contents(comparison, title, show_subjects)
    return write_folder(folder, contents)


def _contents(comparison, title, show_subjects):
    """Text of every file, by its name in the folder, the page last."""
    tables = comparison.tables
    page = document(comparison, title=title, findings=comparison.leaks.findings if show_subjects else None)
    result = comparison.to_dict()
    files = {f"tables/{name}.csv": table.to_csv(index=False) for name, table in tables.items()}
    if show_subjects:
        files["predictions.csv"] = comparison.predictions.to_csv(index=False)
    files["result.json"] = json.dumps(result, allow_nan=False, ensure_ascii=False, indent=1) + "\n"
    return files | {"report.md": to_markdown(page), "report.html": to_html(page)}


def write_folder(folder, contents, *, model=None, stale=()):
    """Write files beside, whole, then put them in the place of earlier ones.

    Parameters
    ----------
    folder : Path
    contents : dict of str to str or bytes
        Of every file by its name in the folder, in the order in which they are put there.
    model : FittedModel or None
        Saved with its card; put there last, so that a model that is there belongs to everything beside it.
    stale : sequence of str
        Files of an earlier report that are removed before the first new one is put there.

    Returns
    -------
    page : Path
        Of ``report.html``.

    Raises
    ------
    ReportError
        If the folder cannot be written.
    WritingStopped
        If Ctrl-C came after the first file was replaced; a ``KeyboardInterrupt`` that says what is there.
    """
    try:
        return _replace(folder, contents, model, stale)
    except ReportError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(
            f"The report cannot be written to {str(folder)!r}: {reason}. Nothing there was replaced by half a report. "
            "Choose a folder that can be written and has room."
        ) from error


def _replace(folder, contents, model, stale):
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    # In the folder itself, so that moving a file is a renaming within one file system.
    beside = None
    try:
        beside = Path(tempfile.mkdtemp(prefix=_BESIDE, dir=folder))
        for name, text in contents.items():
            _write_whole(beside / name, text)
        if model is not None:
            model.save(beside / MODEL)
        names = [*contents, *((CARD, MODEL) if model is not None else ())]
        _move_all(beside, folder, names, stale)
    except BaseException:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise
    shutil.rmtree(beside, ignore_errors=True)
    return folder / "report.html"


def _remove_leftovers(folder):
    """Remove what a run that was killed while it wrote has left: it may hold labels of patients, and nobody sees it."""
    for left in folder.glob(f"{_BESIDE}*"):
        if left.is_dir() and time.time() - left.stat().st_mtime > _LONGEST_WRITING:
            shutil.rmtree(left, ignore_errors=True)


def _move_all(beside, folder, names, stale):
    """Put the new files there; whoever stops this is told that the folder holds a part."""
    what = f"holds at most a part of the new report{', no model,' if MODEL in [*names, *stale] else ''}"
    state = f"The folder {str(folder)!r} {what} and perhaps files of an earlier one. Give the same command again."
    try:
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            _move(beside / name, folder / name)
        if "predictions.csv" not in names and _is_ours(folder / "predictions.csv"):
            (folder / "predictions.csv").unlink()
    except KeyboardInterrupt as stop:
        raise WritingStopped(f"Writing had begun. {state}") from stop
    except OSError as error:
        raise ReportError(f"Writing broke off: {error.strerror or error}. {state}") from error


def _move(source, target):
    os.replace(source, target)


def _write_whole(path, content):
    path.parent.mkdir(exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
        file.flush()
        os.fsync(file.fileno())  # a full disk shows here, not after the old report has gone


def _is_ours(path):
    """Whether these are the predictions of an earlier report, not a file of the user's of that name."""
    if not path.is_file():
        return False
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readline().startswith("strategy,repeat,fold,row,id,")
