"""The 131 lesion masks that LESYMAP is distributed with, and their score."""

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
    from skfuse.lesions._patches import overlap_mask

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


def most_overlapping(X, n=100_000):
    """Numbers of the voxels that most patients have lesioned, in their order."""
    return np.sort(np.argsort(-X.sum(axis=0, dtype=int), kind="stable")[:n])
