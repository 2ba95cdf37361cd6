"""Atlases as they come, labels or maps, become one sparse matrix of regions and voxels."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from scipy import sparse


def read_atlas(atlas, names=None):
    """Maps and names of the regions of an atlas.

    Parameters
    ----------
    atlas : array-like, scipy.sparse matrix or dict
        Labels (n_voxels,), maps (n_regions, n_voxels) or a mapping from name to map (n_voxels,).
    names : list of str, dict or None
        As :class:`LesionLoad` takes them.

    Returns
    -------
    maps : CSR array of shape (n_regions, n_voxels), float64
    names : list of str

    Raises
    ------
    ValueError
        If the atlas cannot be read, a region is empty, or names do not fit.

    Examples
    --------
    >>> from skfuse.lesions._atlas import read_atlas
    >>> maps, names = read_atlas([0, 7, 3, 3])
    >>> maps.toarray(), names
    (array([[0., 0., 1., 1.],
           [0., 1., 0., 0.]]), ['region_3', 'region_7'])
    """
    if isinstance(atlas, Mapping):
        if names is not None:
            raise ValueError("`names` was given with a mapping, which names its regions itself. Leave names=None.")
        keys, maps = [str(name) for name in atlas], _stack(atlas)
    elif sparse.issparse(atlas) or np.ndim(atlas) == 2:
        maps = sparse.csr_array(atlas if sparse.issparse(atlas) else np.asarray(atlas), dtype=np.float64, copy=True)
        keys = _named(range(maps.shape[0]), names)
    elif np.ndim(atlas) == 1:
        maps, labels = _from_labels(np.asarray(atlas))
        keys = _named(labels, names)
    else:
        raise ValueError(
            f"`atlas` has {np.ndim(atlas)} dimensions; wanted labels (n_voxels,), maps (n_regions, n_voxels) or a "
            "mapping of maps. Take the voxels of the masks out of the image first (nilearn's NiftiMasker)."
        )
    _check_maps(maps, keys)
    return maps, keys


def check_slices(slices, n_voxels):
    """Slice of each voxel, numbered from 0.

    Parameters
    ----------
    slices : array-like of shape (n_voxels,) or None
    n_voxels : int

    Returns
    -------
    codes : ndarray of shape (n_voxels,), int
    """
    if slices is None:
        raise ValueError(
            "normalize='slice' needs `slices`, the number of the slice of each voxel along the tract (its axial index)."
        )
    slices = np.asarray(slices)
    if slices.shape != (n_voxels,):
        raise ValueError(
            f"`slices` has shape {slices.shape}, the masks have {n_voxels} voxels. Give one slice number per voxel."
        )
    if slices.dtype.kind not in "biu" and not (slices.dtype.kind == "f" and (slices == np.floor(slices)).all()):
        raise ValueError(f"`slices` must hold whole numbers, got {slices.dtype}. Give voxel indices, not millimeters.")
    return np.unique(slices, return_inverse=True)[1]


def _stack(atlas):
    """A sparse matrix of the maps of a mapping."""
    if not atlas:
        raise ValueError("`atlas` is an empty mapping. Give a map for each region.")
    rows, length = [], None
    for name, values in atlas.items():
        if sparse.issparse(values):
            values = values.toarray().ravel()
        values = np.asarray(values)
        length = length or values.size
        if values.ndim != 1 or values.size != length:
            raise ValueError(
                f"Map {name!r} of `atlas` has shape {values.shape}, wanted ({length},). Take the same voxels of every "
                "map, in the order of the masks."
            )
        rows.append(sparse.csr_array(values[None].astype(np.float64)))
    return sparse.vstack(rows, format="csr")


def _from_labels(labels):
    """Maps of labels, and the labels that occur, from low to high."""
    kind = labels.dtype.kind
    whole = kind in "biu" or (kind == "f" and bool((np.isfinite(labels) & (labels == np.floor(labels))).all()))
    if not whole or (labels < 0).any():
        raise ValueError(
            "An `atlas` of one dimension holds labels: whole numbers, 0 outside of all regions; got "
            f"{_first_wrong(labels) if kind in 'iuf' else labels.dtype}. Give one map of probabilities by name, "
            "such as {'cst': map}."
        )
    labels = labels.astype(np.int64)
    voxels = np.flatnonzero(labels)
    found, row = np.unique(labels[voxels], return_inverse=True)
    if not len(found):
        raise ValueError(f"`atlas` holds no label but 0 in its {len(labels)} voxels. Give an atlas with regions.")
    return sparse.csr_array((np.ones(len(voxels)), (row, voxels)), shape=(len(found), len(labels))), found.tolist()


def _first_wrong(labels):
    return labels[~(labels == np.floor(labels)) | (labels < 0)][0].item()


def _named(keys, names):
    """Name of each region, from a list, a mapping or its label."""
    keys = list(keys)
    if names is None:
        return [f"region_{key}" for key in keys]
    if isinstance(names, Mapping):
        missing = [key for key in keys if key not in names]
        if missing:
            raise ValueError(
                f"`names` has no name for {len(missing)} labels of the atlas: {missing[:5]}"
                f"{', ...' if len(missing) > 5 else ''}. Name every label, or leave names=None."
            )
        return [str(names[key]) for key in keys]
    names = [str(name) for name in names]
    if len(names) != len(keys):
        raise ValueError(
            f"`names` has {len(names)} names, the atlas has {len(keys)} regions. Give one for each region that occurs "
            "in these voxels, or a mapping from label to name."
        )
    return names


def _check_maps(maps, names):
    """Maps are finite, not negative and not empty; names differ."""
    maps.sum_duplicates()
    maps.eliminate_zeros()
    parts = [maps.data[start:stop] for start, stop in zip(maps.indptr[:-1], maps.indptr[1:], strict=True)]
    wrong = [
        f"{name!r} (from {part.min()} to {part.max()})"
        for name, part in zip(names, parts, strict=True)
        if len(part) and not (part.min() >= 0 and part.max() <= 1)
    ]
    if wrong:
        raise ValueError(
            f"Maps of `atlas` hold 0 and 1, or probabilities in between; {len(wrong)} hold other values: "
            f"{', '.join(wrong[:5])}{', ...' if len(wrong) > 5 else ''}. Divide percentages by 100."
        )
    empty = [repr(name) for name, part in zip(names, parts, strict=True) if not len(part)]
    if empty:
        raise ValueError(
            f"{len(empty)} regions of `atlas` have no voxel among those of the masks: {', '.join(empty[:5])}"
            f"{', ...' if len(empty) > 5 else ''}. Leave them out."
        )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"Regions of `atlas` share a name: {repeated[:5]}. Give every region its own.")
