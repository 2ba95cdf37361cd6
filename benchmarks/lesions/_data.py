"""The 131 lesion masks that LESYMAP is distributed with, their score, and the same lesions on simulated brains."""

import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.data import data_folder

CACHE = Path(os.environ.get("SKFUSE_BENCHMARK_CACHE", Path(tempfile.gettempdir()) / "skfuse-benchmark-cache"))


def lesymap(min_overlap=0.1):
    """Masks, tested voxels and score; None where the data are absent.

    Returns
    -------
    X : ndarray of shape (131, n_voxels), uint8
        Voxels lesioned in at least the share `min_overlap` of the patients and spared in as many.
    mask : ndarray of shape (181, 217, 181), bool
        Where these voxels lie.
    score : ndarray of shape (131,)
    masks : LesionMasks
        All lesioned voxels.
    """
    from skfuse.io import read_masks
    from skfuse.lesions import overlap_mask

    folder = data_folder("lesymap")
    if folder is None:
        print("skipped: the lesion masks of LESYMAP are not there; name their folder in SKFUSE_DATA")
        return None
    CACHE.mkdir(parents=True, exist_ok=True)
    masks = read_masks(folder / "lesions", cache=CACHE)
    kept = overlap_mask(masks.X, min_overlap)
    mask = masks.mask.copy()
    mask[mask] = kept
    return masks.X[:, kept], mask, np.loadtxt(folder / "behavior.txt"), masks


def lesions_on(brain, n_subjects=131):
    """The lesions of LESYMAP on the grid of a simulated brain, by the nearest voxel; simulated ones without the data.

    Returns
    -------
    X : ndarray of shape (n_subjects, brain.n_voxels), uint8
    source : str
        Which they are.
    """
    from skfuse.datasets import make_lesions

    data = lesymap()
    if data is None:
        return make_lesions(n_subjects, brain=brain, random_state=0), "simulated"
    masks = data[-1]
    columns = np.full(masks.mask.shape, -1)
    columns[masks.mask] = np.arange(masks.X.shape[1])
    to_voxels = np.linalg.inv(masks.affine)
    nearest = np.rint(brain.coordinates_mm @ to_voxels[:3, :3].T + to_voxels[:3, 3]).astype(int)
    inside = ((nearest >= 0) & (nearest < masks.mask.shape)).all(axis=1)
    column = np.full(brain.n_voxels, -1)
    column[inside] = columns[tuple(nearest[inside].T)]
    X = np.zeros((len(masks.X), brain.n_voxels), dtype=np.uint8)
    X[:, column >= 0] = masks.X[:, column[column >= 0]]
    return X, f"LESYMAP, nearest voxel, {X.sum(axis=1).mean():.0f} voxels on average"


def most_overlapping(X, n=100_000):
    """Numbers of the voxels that most patients have lesioned, in their order."""
    return np.sort(np.argsort(-X.sum(axis=0, dtype=int), kind="stable")[:n])
