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
