"""Which file belongs to which subject of a table."""

import re
import warnings

import numpy as np

from skfuse.io._ids import BIDS_PREFIX
from skfuse.io._log import CohortError, CohortWarning, number_of, shorten

_SUBJECT = re.compile(r"sub-([0-9A-Za-z]+)(?=_|$)")
_SESSION = re.compile(r"_ses-([0-9A-Za-z]+)(?=_|$)")


def match_subjects(ids, subjects, *, files="the masks", table="the table"):
    """Pair files with the subjects of a table.

    A file belongs to a subject whose id is the name of the file without suffix, or the subject that the name holds
    in the way of BIDS: ``sub-01_ses-2_label-lesion_mask`` belongs to ``sub-01`` or ``01``, and to the visit ``01@2``.

    Parameters
    ----------
    ids : sequence of str
        Names of the files without suffix, as ``LesionMasks.ids``.
    subjects : sequence
        Ids of the table, such as its index, each once.
    files, table : str
        What messages call them.

    Returns
    -------
    rows_of_files, rows_of_table : ndarray of shape (n_pairs,) of int
        Positions in `ids` and in `subjects` of each pair, in the order of the table.

    Raises
    ------
    CohortError
        If no file belongs to a subject, a subject has several files, a file several subjects, an id of the table is
        repeated or missing, or ids differ only in how they are written.

    Warns
    -----
    CohortWarning
        Names and counts subjects without file and files without subject.

    See Also
    --------
    LesionMasks.take : Some of the masks, in another order.

    Examples
    --------
    >>> from skfuse.io import match_subjects
    >>> match_subjects(["sub-03_mask", "sub-01_mask"], ["01", "03"])
    (array([1, 0]), array([0, 1]))
    """
    ids, subjects = [str(one) for one in ids], [_text(one, table) for one in subjects]
    _refuse_repeats(subjects, table)
    row_of = {subject: row for row, subject in enumerate(subjects)}
    owners = [sorted({row_of[form] for form in forms_of(name) if form in row_of}) for name in ids]
    pairs = [(rows[0], i) for i, rows in enumerate(owners) if rows]
    _refuse_several(ids, subjects, owners, files, table)

    alone = [name for name, rows in zip(ids, owners, strict=True) if not rows]
    taken = {row for row, _ in pairs}
    lacking = [subject for row, subject in enumerate(subjects) if row not in taken]
    _refuse_other_spelling(alone, lacking, files, table)
    if not pairs:
        raise CohortError(
            f"None of {files} ({shorten(ids, 3)}) belongs to a subject of {table} ({shorten(subjects, 3)}). A file is "
            "called like its subject, or as in BIDS (sub-01_ses-1_mask.nii.gz). Rename files or subjects, or name the "
            "subjects of the files: ids=."
        )
    for found, whole, what in (
        (lacking, subjects, f"subjects of {table} have none of {files}"),
        (alone, ids, f"of {files} belong to no subject of {table}"),
    ):
        if found:
            message = f"{len(found)} of {len(whole)} {what}, left out: {shorten(found)}."
            warnings.warn(message, CohortWarning, stacklevel=2)
    pairs.sort()
    return np.array([i for _, i in pairs], dtype=np.intp), np.array([row for row, _ in pairs], dtype=np.intp)


def forms_of(name):
    """Return the ids that a subject may have whose file has this name."""
    forms = [name]
    subject, session = _SUBJECT.match(name), _SESSION.search(name)
    if subject:
        forms += [f"{BIDS_PREFIX}{subject[1]}", subject[1]]
        if session:
            forms += [f"{form}@{session[1]}" for form in forms[1:]]
    return forms


def _refuse_other_spelling(alone, lacking, files, table):
    from skfuse.modalities._subjects import spelled_differently  # loads scikit-learn, which reading does not need

    bare = {found[0] if (found := _SUBJECT.match(name)) else name for name in alone}
    pairs = spelled_differently(bare, lacking)
    if pairs:
        raise CohortError(
            f"{number_of(len(pairs), 'id')} without a partner differ only in spelling: {pairs[0][0]!r} in {files}, "
            f"{pairs[0][1]!r} in {table}. Write them alike (prefix 'sub-', leading zeros, decimals, case)."
        )


def _text(one, table):
    """Return an id of a table as text; a table of numbers may have made 7 into 7.0."""
    if one is None or one != one:
        raise CohortError(f"An id of {table} is missing. Give every row an id, or remove the row.")
    if isinstance(one, float | np.floating) and one == int(one):
        one = int(one)
    return str(one).strip()


def _refuse_repeats(subjects, table):
    if len(set(subjects)) < len(subjects):
        seen = set()
        twice = dict.fromkeys(one for one in subjects if one in seen or seen.add(one))
        raise CohortError(
            f"{table} has more than one row for {number_of(len(twice), 'id')}: {shorten(twice)}. Keep one row for each."
        )


def _refuse_several(ids, subjects, owners, files, table):
    wide = {name: rows for name, rows in zip(ids, owners, strict=True) if len(rows) > 1}
    if wide:
        shown = shorten(f"{name} ({shorten(subjects[row] for row in rows)})" for name, rows in wide.items())
        raise CohortError(
            f"{len(wide)} of {len(ids)} of {files} may belong to several subjects of {table}: {shown}. Write its "
            "ids in one way."
        )
    own = {}
    for name, rows in zip(ids, owners, strict=True):
        for row in rows:
            own.setdefault(subjects[row], []).append(name)
    several = [f"{subject} ({shorten(names)})" for subject, names in own.items() if len(names) > 1]
    if several:
        raise CohortError(
            f"{number_of(len(several), 'subject')} of {table} may own more than one of {files}: {shorten(several)}. "
            "Leave out the other files, for instance by `pattern`, or name the subjects of the files: ids=."
        )
