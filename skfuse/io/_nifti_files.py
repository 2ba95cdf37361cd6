"""Which files hold the masks, and which subjects they are of."""

from collections import Counter
from pathlib import Path

import numpy as np

from skfuse.io._log import CohortError, number_of, shorten
from skfuse.io._nifti import SUFFIXES


def find_masks(paths, pattern="*.nii*"):
    """Return the files to read.

    Parameters
    ----------
    paths : str, Path or sequence of them
        A folder, a file or files.
    pattern : str
        Of the files of a folder.

    Returns
    -------
    files : list of Path
        Those of a folder sorted; hidden ones are left out, such as those that macOS writes beside each file.

    Raises
    ------
    CohortError
        If there is no such file, or another kind of file is named.
    """
    if isinstance(paths, str | Path):
        folder = Path(paths)
        if folder.is_dir():
            found = sorted(file for file in folder.glob(pattern) if file.is_file() and not file.name.startswith("."))
            files = [file for file in found if is_nifti(file)]
            if not files:
                there = [file.name for file in (found or sorted(folder.iterdir()))]
                what = f"it holds {shorten(there)}" if there else "it is empty"
                raise CohortError(
                    f"The folder {str(folder)!r} has no NIfTI file (.nii, .nii.gz) that matches {pattern!r}: {what}. "
                    "Give another `pattern`, or convert the masks."
                )
            return files
        paths = [paths]
    files = [Path(path) for path in paths]
    if not files:
        raise CohortError("No mask was given: `paths` is empty. Name a folder or files.")
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise CohortError(f"{number_of(len(missing), 'file')} of {len(files)} not found: {shorten(missing)}.")
    other = [file.name for file in files if not is_nifti(file)]
    if other:
        raise CohortError(f"Masks are NIfTI files (.nii, .nii.gz), but these are not: {shorten(other)}. Convert them.")
    return files


def mask_files(paths, pattern="*.nii*", *, ids=None):
    """Find the files of lesion masks, without reading them.

    Parameters
    ----------
    paths : str, Path or sequence of them
        A folder, a file or files.
    pattern : str, default="*.nii*"
        Of the files of a folder, such as ``"sub-*/anat/*_mask.nii.gz"``.
    ids : sequence of str, callable or None, default=None
        Ids of the subjects, in the order of the files, or a function from a Path to an id; None takes the names of the
        files without suffix.

    Returns
    -------
    files : dict of str to Path
        The file of each subject.

    Raises
    ------
    CohortError
        If there is no such file, another kind of file is named, or an id stands for two files.

    See Also
    --------
    read_masks : Reads them.
    match_subjects : Pairs them with the rows of a table.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skfuse.io import mask_files
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("sub-02.nii.gz", "sub-01.nii.gz", "notes.txt"):
    ...         Path(folder, name).touch()
    ...     files = mask_files(folder)
    >>> list(files)
    ['sub-01', 'sub-02']
    """
    found = find_masks(paths, pattern)
    return dict(zip(ids_of(found, ids).tolist(), found, strict=True))


def is_nifti(file):
    """Tell whether a file is called like a NIfTI image."""
    return file.name.lower().endswith(SUFFIXES)


def stem_of(file):
    """Return the name of a NIfTI file without its suffix."""
    name = file.name
    return name[: -len(".nii.gz")] if name.lower().endswith(".gz") else name[: -len(".nii")]


def ids_of(files, ids):
    """Return the ids of the subjects, each once."""
    if ids is None:
        found = [stem_of(file) for file in files]
    elif callable(ids):
        found = [str(ids(file)) for file in files]
    else:
        found = [str(one) for one in ids]
        if len(found) != len(files):
            raise CohortError(f"`ids` names {number_of(len(found), 'subject')}, but there are {len(files)} masks.")
    repeated = [name for name, count in Counter(found).items() if count > 1]
    if repeated:
        same = [
            f"{name} ({', '.join(str(file) for file, own in zip(files, found, strict=True) if own == name)})"
            for name in repeated
        ]
        raise CohortError(
            f"{number_of(len(repeated), 'id')} of subjects stand for more than one mask: {shorten(same)}. Keep one "
            "file for each subject, or tell them apart: ids=, for instance ids=lambda path: path.parent.name."
        )
    return np.array(found, dtype=object)


def short_names(files):
    """Return names of files for messages, with their folders where names repeat."""
    names = [file.name for file in files]
    return names if len(set(names)) == len(names) else [str(file) for file in files]
