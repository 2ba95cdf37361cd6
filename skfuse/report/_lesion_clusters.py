"""Clusters of significant voxels, where they peak, and what an atlas calls the places."""

import numpy as np
import pandas as pd

from skfuse.permutation import NeighborGraph, label_clusters

#: Regions of a cluster that are named, the largest share first.
_MOST_REGIONS = 3
_OUTSIDE = "no region"


def cluster_table(mapping, masks, atlas=None):
    """Find the clusters of significant voxels.

    Parameters
    ----------
    mapping : LesionSymptomMapping
    masks : LesionMasks
    atlas : ndarray of shape (n_voxels,) of str, or None
        Region of each voxel, "" outside of all.

    Returns
    -------
    table : DataFrame
        A row for each cluster, the largest first. Significant voxels that share a face and have one sign are a cluster;
        its peak is the voxel with the largest absolute statistic, its p-value the smallest of its voxels.
    """
    columns = ["cluster", "score", "voxels", "mm3", "x_mm", "y_mm", "z_mm", "statistic", "p_value"]
    columns += [] if atlas is None else ["region", "regions"]
    # Of a map that may be infinite only the sign is needed to tell what belongs together.
    signs = np.where(mapping.significant_, np.sign(mapping.map_), 0.0)
    voxels = np.flatnonzero(signs)
    if not len(voxels):
        return pd.DataFrame(columns=columns)
    labels = _labels(signs, voxels, masks)
    coordinates = masks.coordinates_mm()[voxels]
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1])
    rows = []
    for number, own in enumerate(sorted(members, key=len, reverse=True), start=1):
        peak = own[np.argmax(np.abs(mapping.map_[voxels[own]]))]
        value = float(mapping.map_[voxels[peak]])
        p = float(mapping.p_values_[voxels[own]].min())
        row = [number, "higher" if value > 0 else "lower", len(own), len(own) * masks.voxel_volume_mm3]
        row += [*coordinates[peak].tolist(), value, p]
        if atlas is not None:
            row += [atlas[voxels[peak]] or _OUTSIDE, _shares(atlas[voxels[own]])]
        rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def _labels(signs, voxels, masks):
    """Number from 0 of the cluster of each voxel."""
    inside = np.zeros(masks.mask.shape, dtype=bool)
    inside[masks.mask] = signs != 0
    return label_clusters(signs[voxels], NeighborGraph.from_mask(inside), 0.0).labels - 1


def _shares(regions):
    """``"insula (60 %), putamen (30 %)"``."""
    names, counts = np.unique(regions, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_REGIONS]
    return ", ".join(f"{names[i] or _OUTSIDE} ({100 * counts[i] / len(regions):.0f} %)" for i in order)


def read_atlas(path, masks, names=None):
    """Read the region of each voxel.

    Parameters
    ----------
    path : str or Path
        Image of labels, whole numbers from 0, on the grid of the masks.
    masks : LesionMasks
    names : str, Path or None
        Table of labels and their names; None calls them by their numbers.

    Returns
    -------
    regions : ndarray of shape (n_voxels,) of str
        "" outside of all regions.

    Raises
    ------
    CohortError
        If an image or a table cannot be read, lies on another grid, holds other values than labels, or lacks a name.
    """
    from pathlib import Path

    from skfuse.io import CohortError, read_map

    path = Path(path)
    values = read_map(path, masks)
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
    from skfuse.io import CohortError
    from skfuse.io._ids import drop_blank_rows
    from skfuse.io._log import JoinLog, shorten
    from skfuse.io._tables import read_table

    if not path.is_file():
        raise FileNotFoundError(f"There is no table of labels {str(path)!r}.")
    log = JoinLog(str(path))
    table = read_table(path, "labels", log)
    table = table.take(drop_blank_rows(table, log))
    column = next((name for name in table.names if name.lower() in ("name", "label", "region")), table.names[0])
    texts = table.texts(column)
    known = {str(label): text for label, text in zip(table.ids, texts, strict=True) if text is not None}
    lacking = [label for label in found if str(label) not in known]
    if lacking:
        raise CohortError(
            f"{path.name} has no name in {column!r} for {len(lacking)} labels of the atlas: {shorten(lacking)}. Its "
            f"first column must hold the labels ({shorten(table.ids, 3)}), another one their names."
        )
    return {int(label): known[str(label)] for label in found}
