"""Read lesion masks: all files checked, those that were read before taken from a cache."""

import warnings
from numbers import Real

import numpy as np

from skfuse.io._lesion_bits import binarize, pack
from skfuse.io._lesion_masks import LesionMasks, mask_of
from skfuse.io._log import CohortError, CohortWarning, shorten
from skfuse.io._nifti import read_image, refuse_other_grids, times
from skfuse.io._nifti_cache import LesionCache, state_of
from skfuse.io._nifti_files import find_masks, ids_of, short_names

_MOST_PROBLEMS = 10


def read_masks(
    paths,
    *,
    pattern="*.nii*",
    ids=None,
    threshold=None,
    mask=None,
    empty="raise",
    n_jobs=None,
    cache=None,
    on_progress=None,
):
    """Read lesion masks, one NIfTI file for each subject, all on one grid.

    Parameters
    ----------
    paths : str, Path or sequence of them
        A folder, or files.
    pattern : str
        Which files of a folder: a pattern of :meth:`pathlib.Path.glob`, such as ``"sub-*/anat/*_mask.nii.gz"``. They
        are read in the order of their paths.
    ids : sequence of str, callable or None
        Ids of the subjects, one for each file; a callable makes them from each path
        (``lambda path: path.parent.name``). None takes the names of the files without suffix; `match_subjects` finds
        the subjects in them.
    threshold : float or None
        For probability maps: lesioned is what is above it. None accepts binary masks only.
    mask : LesionMasks, str, Path, nibabel image, ndarray of shape (n_x, n_y, n_z) of bool or None
        Which voxels become columns; masks that were read for training give the columns of training. None takes all
        voxels that are lesioned in at least one subject.
    empty : {"raise", "keep"}
        Whether a mask without any lesioned voxel is an error, or a row of zeros with a warning.
    n_jobs : int or None
        Files read at once, by threads of joblib.
    cache : str, Path or None
        A folder, made where it does not exist, that keeps what was read: reading the same files again takes a
        hundredth of the time. It holds lesions of patients; keep it where the masks may be kept.
    on_progress : callable or None
        Called as ``on_progress(done, total)`` after each file.

    Returns
    -------
    masks : LesionMasks
        A row for each file, a column for each voxel.

    Raises
    ------
    CohortError
        If files are missing, damaged, not binary, empty, on different grids or hold NaN, or if ids repeat. The message
        names the files and what to do.
    ImportError
        If nibabel is not installed.

    Warns
    -----
    CohortWarning
        If a mask is empty and kept, has no voxel in `mask` or no orientation in its header, or the cache does not
        work.

    See Also
    --------
    match_subjects : Pairs masks with the rows of a table.
    read_map, write_map : Maps of the same voxels.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from nibabel import Nifti1Image
    >>> from skfuse.io import read_masks
    >>> with TemporaryDirectory() as folder:
    ...     for subject, lesion in [("sub-01", np.s_[1:3, 1, 1]), ("sub-02", np.s_[2:4, 1, 1])]:
    ...         data = np.zeros((4, 4, 4), dtype=np.uint8)
    ...         data[lesion] = 1
    ...         Nifti1Image(data, np.diag([2, 2, 2, 1])).to_filename(Path(folder, f"{subject}.nii.gz"))
    ...     masks = read_masks(folder)
    >>> masks.ids.tolist(), masks.X.tolist(), masks.volumes_mm3.tolist()
    (['sub-01', 'sub-02'], [[1, 1, 0], [0, 1, 1]], [16.0, 16.0])
    """
    _check_options(threshold, empty)
    files = find_masks(paths, pattern)
    names = ids_of(files, ids)
    wanted, reference = (None, None) if mask is None else mask_of(mask)
    file_names = short_names(files)
    lesions, notes = _read_all(files, file_names, threshold, n_jobs, cache, on_progress)

    refuse_other_grids([lesion.grid for lesion in lesions], file_names, reference)
    grid = lesions[0].grid if reference is None else reference
    if wanted is not None and wanted.shape != grid.shape:  # a bare array, which has no affine to compare
        raise CohortError(f"`mask` has {times(wanted.shape)} voxels, but the masks have {times(grid.shape)}.")
    notes += _without_lesion(lesions, file_names, empty)
    notes += _without_orientation(lesions, file_names)
    if wanted is None:
        wanted = _union(lesions, grid.shape)
    X = _matrix(lesions, wanted)
    notes += _outside_of_mask(lesions, X, file_names)
    for note in notes:
        warnings.warn(note, CohortWarning, stacklevel=2)
    volumes = np.array([lesion.n_lesioned for lesion in lesions]) * grid.voxel_volume_mm3
    return LesionMasks(X, wanted, grid.affine, names, volumes)


def _check_options(threshold, empty):
    if threshold is not None and not (isinstance(threshold, Real) and 0 <= threshold < np.inf):
        raise ValueError(f"`threshold` must be a number from 0, above which a voxel is lesioned, got {threshold!r}.")
    if empty not in ("raise", "keep"):
        raise ValueError(f"`empty` must be 'raise' or 'keep', got {empty!r}.")


def _read_all(files, names, threshold, n_jobs, cache, on_progress):
    """Return the lesion of each file and what is to be noted; all files that cannot be used are named at once."""
    from joblib import Parallel, delayed

    kept = None if cache is None else LesionCache(cache, f"threshold={None if threshold is None else float(threshold)}")
    found = []
    # threads: decompressing and NumPy release the lock of the interpreter
    reader = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    for lesion in reader(delayed(_read_or_say_why_not)(file, threshold, kept) for file in files):
        found.append(lesion)
        if on_progress is not None:
            on_progress(len(found), len(files))
    problems = [
        f"{lesion}" if name == file.name else f"In {str(file.parent)!r}: {lesion}"
        for file, name, lesion in zip(files, names, found, strict=True)
        if isinstance(lesion, CohortError)
    ]
    if len(problems) == 1:
        raise CohortError(problems[0])
    if problems:
        more = f" And {len(problems) - _MOST_PROBLEMS} more." if len(problems) > _MOST_PROBLEMS else ""
        raise CohortError(
            f"{len(problems)} of {len(files)} masks cannot be used. {' '.join(problems[:_MOST_PROBLEMS])}{more}"
        )
    return found, [] if kept is None else list(kept.notes())


def _read_or_say_why_not(path, threshold, cache):
    try:
        return _read(path, threshold, cache)
    except CohortError as error:
        return error


def _read(path, threshold, cache):
    if cache is None:
        data, grid = read_image(path)
        return pack(binarize(data, path.name, threshold), grid)
    lesion = cache.load(path)
    if lesion is None:
        state = state_of(path)  # before reading: a file that changes meanwhile is read again next time
        lesion = _read(path, threshold, None)
        cache.save(path, state, lesion)
    return lesion


def _without_lesion(lesions, files, empty):
    names = [file for file, lesion in zip(files, lesions, strict=True) if lesion.n_lesioned == 0]
    if not names:
        return []
    said = f"{len(names)} of {len(files)} masks have no lesioned voxel: {shorten(names, 20)}"
    if empty == "raise" or len(names) == len(files):
        raise CohortError(f"{said}. Check these files and `threshold`, or keep subjects without lesion: empty='keep'.")
    return [f"{said}; their rows are zeros."]


def _without_orientation(lesions, files):
    names = [file for file, lesion in zip(files, lesions, strict=True) if not lesion.grid.oriented]
    if not names:
        return []
    return [
        f"{len(names)} of {len(files)} masks do not say in their header where they lie (neither sform nor qform), so "
        f"that mm, left and right are a guess: {shorten(names)}. Check them against a template."
    ]


def _outside_of_mask(lesions, X, files):
    names = [file for file, row, own in zip(files, X, lesions, strict=True) if own.n_lesioned and not row.any()]
    if not names:
        return []
    return [f"{len(names)} of {len(files)} lesions have no voxel in `mask`; their rows are zeros: {shorten(names)}."]


def _union(lesions, shape):
    union = np.zeros(shape, dtype=bool)
    for lesion in lesions:
        union[lesion.box] |= lesion.unpack()
    return union


def _matrix(lesions, mask):
    """Return a row for each lesion and a column for each voxel of the mask."""
    n_voxels = int(np.count_nonzero(mask))
    if not n_voxels:
        raise CohortError("`mask` has no voxel. Give a mask that holds 1 where lesions are to be looked at.")
    # one column more takes what lies outside of the mask
    columns = np.full(mask.shape, n_voxels, dtype=np.int32)
    columns[mask] = np.arange(n_voxels, dtype=np.int32)
    X = np.zeros((len(lesions), n_voxels), dtype=np.uint8)
    row = np.zeros(n_voxels + 1, dtype=np.uint8)
    for i, lesion in enumerate(lesions):
        own = columns[lesion.box][lesion.unpack()]
        row[own] = 1
        X[i] = row[:-1]
        row[own] = 0
    return X
