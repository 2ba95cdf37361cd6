"""Write an analysis of subtypes: everything beside, whole, before anything that was there is replaced."""

import json
from pathlib import Path

from skfuse.evaluation.subtypes._result import KIND
from skfuse.report._render import to_html, to_markdown
from skfuse.report._subtype_page import subtype_document
from skfuse.report._write import CARD, MODEL, ReportError, write_folder

_RESULT, _LABELS = "result.json", "labels.csv"
#: What a report with a model has in its folder, beside tables/*.csv.
_FILES = (_RESULT, _LABELS, "report.md", "report.html", CARD, MODEL)


def write_subtype_report(subtypes, folder, *, title=None, model=None):
    """Write an analysis of subtypes as a page to read, a text to paste, labels, tables and JSON.

    The folder gets ``report.html`` (one file that needs no network, no script and nothing beside it), ``report.md``
    (the same numbers), ``tables/*.csv`` (all digits), ``result.json``, and ``labels.csv``: a row per subject with its
    cluster, memberships and modalities. Clusters are numbered from 1 in all of them. Only ``labels.csv`` names
    subjects. With `model` there are ``model.skops`` and ``MODEL_CARD.md`` too. All are written whole before any file of
    an earlier report is replaced, and the model is put there last: wherever this is stopped, no model stands beside
    labels of other clusters.

    Parameters
    ----------
    subtypes : Subtypes
        From ``find_subtypes`` or ``read_subtypes``; the latter holds no subjects, so that no ``labels.csv`` is written
        and no network drawn.
    folder : str or Path
        Where to write; made if it is not there.
    title : str or None
        Title of the page; None makes one from the name of the cohort.
    model : FittedModel or None
        From :func:`skfuse.deployment.subtype_model`. With None, the model of an earlier report on other clusters is
        removed from the folder (and its ``labels.csv``, if `subtypes` has no labels).

    Returns
    -------
    page : Path
        Of ``report.html``.

    Raises
    ------
    ReportError
        If the folder cannot be written, or holds a file of one of these names that is not of an earlier report of
        subtypes; an ``OSError`` that says why and what to do.
    ValueError, TypeError
        If the model holds types that loading would refuse. Nothing is written then.

    See Also
    --------
    skfuse.evaluation.subtypes.find_subtypes : Find subtypes.
    skfuse.deployment.subtype_model : Make a model of them.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.evaluation.subtypes import find_subtypes
    >>> from skfuse.report import write_subtype_report
    >>> cohort = schizophrenia_subtypes(80, subtype_separation=10.0, random_state=0)
    >>> found = find_subtypes(cohort.X, n_clusters=3, n_null=0, n_permutations=99)
    >>> with TemporaryDirectory() as folder:
    ...     page = write_subtype_report(found, folder)
    ...     page.name, page.with_name("labels.csv").read_text().splitlines()[0]
    ('report.html', 'subject,cluster,membership_1,membership_2,membership_3,modalities')
    """
    folder = Path(folder)
    contents = _contents(subtypes, title)
    own = (CARD, MODEL) if model is not None else ()
    refuse_foreign(folder, [*contents, *own])
    return write_folder(folder, contents, model=model, stale=own or _stale(folder, contents))


def refuse_foreign(folder, names=None):
    """Refuse to replace what is not of an earlier report of subtypes, such as the labels of a cohort.

    Parameters
    ----------
    folder : Path
    names : sequence of str or None
        Files that will be written; None for all that a report with a model can have.

    Raises
    ------
    ReportError
        Names the file.
    """
    if names is None:
        names = [*_FILES, *(f"tables/{path.name}" for path in sorted(folder.glob("tables/*.csv")))]
    earlier = _earlier_result(folder) is not None
    for name in names:
        path = folder / name
        if not (path.exists() or path.is_symlink()):
            continue
        ours = earlier
        if name in (_LABELS, CARD):  # somebody may have put these into the folder of a report
            ours = _first_line_is_ours(path)
        if not ours:
            raise ReportError(
                f"{str(path)!r} would be replaced, but it is not of an earlier report of subtypes. Choose a folder of "
                "its own for the report."
            )


def _stale(folder, contents):
    """Files of an earlier report on other clusters that would stay, and would seem to belong to the new one."""
    earlier = _earlier_result(folder)
    if earlier is None or earlier == contents[_RESULT]:
        return []
    names = [MODEL, CARD] if not (folder / CARD).exists() or _first_line_is_ours(folder / CARD) else [MODEL]
    if _LABELS not in contents and (folder / _LABELS).exists() and _first_line_is_ours(folder / _LABELS):
        names.append(_LABELS)
    return names


def _earlier_result(folder):
    """Text of ``result.json``, or None if there is none or it is not of subtypes."""
    path = folder / _RESULT
    if not path.is_file():
        return None
    text = path.read_bytes().decode("utf-8", errors="replace")
    try:
        content = json.loads(text)
    except ValueError:  # somebody else's file
        return None
    return text if isinstance(content, dict) and content.get("kind") == KIND else None


def _first_line_is_ours(path):
    """Whether labels or a card begin as those of a report do."""
    if not path.is_file():
        return False
    with open(path, encoding="utf-8", errors="replace") as file:
        first = file.readline().rstrip("\n")
    if path.name == CARD:
        return first == f"# Model card: {MODEL}"
    return ",cluster," in first and first.endswith(",modalities")


def _contents(subtypes, title):
    """Text of every file, by its name in the folder, the page last."""
    page = subtype_document(subtypes, title=title)
    # The result first: a folder where writing was stopped is then known as ours, and can be written again.
    files = {_RESULT: json.dumps(subtypes.to_dict(), allow_nan=False, ensure_ascii=False, indent=1) + "\n"}
    files |= {f"tables/{name}.csv": table.to_csv(index=False) for name, table in subtypes.tables.items()}
    if subtypes.labels is not None:
        name = subtypes.labels.index.name or "subject"
        files[_LABELS] = subtypes.labels.to_csv(index_label=name, lineterminator="\n")
    return files | {"report.md": to_markdown(page), "report.html": to_html(page)}
