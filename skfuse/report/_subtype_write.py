"""Write an analysis of subtypes: everything beside, whole, before anything that was there is replaced."""

import json
from pathlib import Path

from skfuse.report._render import to_html, to_markdown
from skfuse.report._subtype_page import subtype_document
from skfuse.report._write import ReportError, replace_folder


def write_subtype_report(subtypes, folder, *, title=None):
    """Write an analysis of subtypes as a page to read, a text to paste, labels, tables and JSON.

    The folder gets ``report.html`` (one file that needs no network, no script and nothing beside it), ``report.md``
    (the same numbers), ``tables/*.csv`` (all digits), ``result.json``, and ``labels.csv``: a row per subject with its
    cluster, memberships and modalities. Clusters are numbered from 1 in all of them. Only ``labels.csv`` names
    subjects. All are written whole before any file of an earlier report is replaced.

    Parameters
    ----------
    subtypes : Subtypes
        From ``find_subtypes`` or ``read_subtypes``; the latter holds no subjects, so that no ``labels.csv`` is written
        and no network drawn.
    folder : str or Path
        Where to write; made if it is not there.
    title : str or None
        Title of the page; None makes one from the name of the cohort.

    Returns
    -------
    page : Path
        Of ``report.html``.

    Raises
    ------
    ReportError
        If the folder cannot be written; an ``OSError`` that says why and what to do.

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
    try:
        return replace_folder(folder, contents)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(
            f"The report cannot be written to {str(folder)!r}: {reason}. Nothing there was replaced by half a report. "
            "Choose a folder that can be written and has room."
        ) from error


def _contents(subtypes, title):
    """Text of every file, by its name in the folder, the page last."""
    page = subtype_document(subtypes, title=title)
    files = {f"tables/{name}.csv": table.to_csv(index=False) for name, table in subtypes.tables.items()}
    if subtypes.labels is not None:
        name = subtypes.labels.index.name or "subject"
        files["labels.csv"] = subtypes.labels.to_csv(index_label=name, lineterminator="\n")
    files["result.json"] = json.dumps(subtypes.to_dict(), allow_nan=False, ensure_ascii=False, indent=1) + "\n"
    return files | {"report.md": to_markdown(page), "report.html": to_html(page)}
