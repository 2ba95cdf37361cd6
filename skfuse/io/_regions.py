"""An atlas of labels beside masks: what each voxel is called."""

from pathlib import Path

import numpy as np

from skfuse.io._ids import drop_blank_rows
from skfuse.io._log import CohortError, JoinLog, shorten
from skfuse.io._nifti_maps import read_map
from skfuse.io._tables import read_table

_NAME_COLUMNS = ("name", "label", "region")


def read_regions(path, like, names=None):
    r"""Read the name of the region of each voxel from an atlas of labels.

    Parameters
    ----------
    path : str or Path
        Image of labels, whole numbers from 0, on the grid of the masks.
    like : LesionMasks
        The masks, of whose voxels the regions are wanted.
    names : str, Path or None
        Table whose first column holds labels; names are in a column ``name``, ``label`` or ``region``, else in the
        second. None calls regions by their labels.

    Returns
    -------
    regions : ndarray of shape (n_voxels,) of str
        "" outside of all regions.

    Raises
    ------
    CohortError
        If an image or a table cannot be read, lies on another grid, holds other values than labels, or lacks a name.
    FileNotFoundError
        If there is no such table of names.

    See Also
    --------
    read_map : The labels as numbers.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from skfuse.io import LesionMasks, read_regions, write_map
    >>> mask, affine = np.ones((2, 2, 1), dtype=bool), np.diag([2.0, 2.0, 2.0, 1.0])
    >>> masks = LesionMasks(np.ones((1, 4), dtype=np.uint8), mask, affine, np.array(["sub-01"]), np.array([32.0]))
    >>> with TemporaryDirectory() as folder:
    ...     _ = write_map(np.array([0, 7, 7, 9]), masks, Path(folder, "atlas.nii"))
    ...     _ = Path(folder, "names.csv").write_text("label,name\n7,insula\n9,putamen\n")
    ...     regions = read_regions(Path(folder, "atlas.nii"), masks, Path(folder, "names.csv"))
    >>> regions.tolist()
    ['', 'insula', 'insula', 'putamen']
    """
    path = Path(path)
    values = read_map(path, like)
    if values.ndim != 1:
        raise CohortError(
            f"{path.name} has {len(values)} volumes; an atlas of labels has one. Choose the most probable region of "
            "each voxel."
        )
    whole = np.isfinite(values) & (values >= 0) & (values == np.floor(values))
    if not whole.all():
        raise CohortError(
            f"{path.name} holds {values[~whole][0]:g}, which is no label of a region: labels are whole numbers, 0 "
            "outside of all. Threshold maps of probabilities first."
        )
    labels = values.astype(np.int64)
    found = np.unique(labels[labels > 0])
    known = {int(label): str(label) for label in found} if names is None else _names(Path(names), found)
    regions = np.full(len(labels), "", dtype=object)
    for label in found:
        regions[labels == label] = known[int(label)]
    return regions


def _names(path, found):
    """Name of each label, from a table whose first column holds labels."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no table of labels {str(path)!r}.")
    log = JoinLog(str(path))
    table = read_table(path, "labels", log)
    table = table.take(drop_blank_rows(table, log))
    column = next((name for name in table.names if name.lower() in _NAME_COLUMNS), table.names[0])
    texts = table.texts(column)
    known = {str(label): text for label, text in zip(table.ids, texts, strict=True) if text is not None}
    lacking = [label for label in found if str(label) not in known]
    if lacking:
        raise CohortError(
            f"{path.name} has no name in {column!r} for {len(lacking)} labels of the atlas: {shorten(lacking)}. Its "
            f"first column must hold the labels ({shorten(table.ids, 3)}), another one their names."
        )
    return {int(label): known[str(label)] for label in found}
