"""Candidate regions: sets of voxels that lie together, or are lesioned together, around each place of the brain."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from skfuse._chunks import chunks
from skfuse.lesions._columns import unique_columns
from skfuse.lesions._multivariate import dense

_CHUNK_BYTES = 2**25
_SAMPLE = 2048  # patches that tell in which direction a set of patches varies most
_POWER_STEPS = 8


class Cells(NamedTuple):
    """Small sets of voxels that are taken together everywhere.

    Attributes
    ----------
    of_voxel : ndarray of shape (n_voxels,), int
        Cell of each voxel of the model.
    sizes : ndarray of shape (n_cells,)
        Voxels in each.
    loads : ndarray of shape (n_subjects, n_cells)
        Mean of each subject's lesion over each cell.
    centers : ndarray of shape (n_cells, 3) or None
        In voxels.
    """

    of_voxel: np.ndarray
    sizes: np.ndarray
    loads: np.ndarray
    centers: np.ndarray | None


def grid_cells(X, places, n_cells):
    """Cubes of voxels, as large as makes about `n_cells` of them.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix of shape (n_subjects, n_voxels)
    places : ndarray of shape (n_voxels, 3), int
        Of each voxel in the image.
    n_cells : int

    Returns
    -------
    cells : Cells
    """
    edge = max(1, round((X.shape[1] / n_cells) ** (1 / 3)))
    cubes = (places - places.min(axis=0)) // edge
    of_voxel = np.unique(np.ravel_multi_index(cubes.T, cubes.max(axis=0) + 1), return_inverse=True)[1]
    sizes = np.bincount(of_voxel)
    centers = np.column_stack([np.bincount(of_voxel, weights=axis) / sizes for axis in places.T])
    return Cells(of_voxel, sizes, _mean_loads(X, of_voxel, sizes), centers)


def pattern_cells(X, n_cells):
    """Sets of patches that are lesioned in almost the same subjects, by halving along the leading direction.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix of shape (n_subjects, n_voxels)
    n_cells : int

    Returns
    -------
    cells : Cells
    """
    first, inverse, counts = unique_columns(X)
    of_patch = np.arange(len(first))
    if len(first) > n_cells:
        rows = np.ascontiguousarray(dense(X[:, first]).T)
        wanted = X.shape[1] / n_cells
        open_sets, number = [np.arange(len(first))], 0
        while open_sets:
            members = open_sets.pop()
            if len(members) == 1 or counts[members].sum() <= wanted:
                of_patch[members] = number
                number += 1
            else:
                open_sets += _halves(rows, members, counts[members])
    of_voxel = of_patch[inverse]
    sizes = np.bincount(of_voxel)
    return Cells(of_voxel, sizes, _mean_loads(X, of_voxel, sizes), None)


def _halves(rows, members, counts):
    """Two halves of the voxels, apart in the direction in which the rows vary most."""
    sample = rows[members[:: max(1, len(members) // _SAMPLE)]].astype(np.float64)
    center = sample.mean(axis=0)
    sample -= center
    direction = sample[np.argmax(np.einsum("ij,ij->i", sample, sample))]
    for _ in range(_POWER_STEPS):
        direction = sample.T @ (sample @ direction)
        direction /= max(np.linalg.norm(direction), np.finfo(float).tiny)
    position = np.concatenate(
        [rows[members[part]] @ direction for part in chunks(len(members), 8 * rows.shape[1], _CHUNK_BYTES)]
    )
    order = np.argsort(position, kind="stable")
    before = np.cumsum(counts[order])
    cut = min(max(1, int(np.searchsorted(before, before[-1] / 2))), len(members) - 1)
    return [members[order[:cut]], members[order[cut:]]]


def _mean_loads(X, of_voxel, sizes):
    if sparse.issparse(X):
        n = len(of_voxel)
        member = sparse.csr_array((np.ones(n), (np.arange(n), of_voxel)), shape=(n, len(sizes)))
        return np.asarray((X @ member).todense()) / sizes
    return np.stack([np.bincount(of_voxel, weights=row, minlength=len(sizes)) for row in X]) / sizes


def candidate_regions(cells, shares):
    r"""For each cell and each size the cells nearest to it, up to that size.

    The distance of two cells is :math:`2 (1 - r)` for the correlation r of their loads over subjects, plus, where
    places are known, half the squared distance in radii of a ball of the middle size: regions are compact, and bend
    where lesions do.

    Parameters
    ----------
    cells : Cells
    shares : sequence of float
        Sizes, as shares of all voxels.

    Returns
    -------
    members : scipy.sparse.csr_array of shape (n_regions, n_cells), float32
        1 for the cells in each region.
    """
    n_cells, n_voxels = len(cells.sizes), int(cells.sizes.sum())
    limits = np.maximum(1.0, np.asarray(sorted(shares)) * n_voxels)
    loads = cells.loads - cells.loads.mean(axis=0)
    length = np.linalg.norm(loads, axis=0)
    loads = (loads / np.where(length > 0, length, 1.0)).T.astype(np.float32)
    kept = min(n_cells, int(2 * limits[-1] / cells.sizes.mean()) + 8)
    places = None
    if cells.centers is not None:
        radius = (3.0 * limits[len(limits) // 2] / (4.0 * np.pi)) ** (1 / 3)
        places = (cells.centers / radius).astype(np.float32)
    found = [[] for _ in limits]
    lengths = [[] for _ in limits]
    for part in chunks(n_cells, 8 * n_cells, _CHUNK_BYTES):
        nearest = _nearest(loads, places, part, kept)
        before = np.cumsum(cells.sizes[nearest], axis=1)
        for one, limit in enumerate(limits):
            inside = before <= limit
            inside[:, 0] = True  # the cell itself, however large
            found[one].append(nearest[inside].astype(np.int32))
            lengths[one].append(inside.sum(axis=1))
    indices = np.concatenate([some for one in found for some in one])
    starts = np.concatenate([[0], np.cumsum(np.concatenate([np.concatenate(one) for one in lengths]))])
    ones = np.ones(len(indices), dtype=np.float32)
    return sparse.csr_array((ones, indices, starts), shape=(len(starts) - 1, n_cells))


def _nearest(loads, places, part, kept):
    """The nearest cells of some, themselves first."""
    distance = loads[part] @ loads.T
    distance *= -2.0
    if places is not None:
        squares = np.einsum("ij,ij->i", places, places)
        distance -= places[part] @ places.T
        distance += 0.5 * squares
    rows = np.arange(len(distance))
    distance[rows, np.arange(part.start, part.stop)] = -np.inf
    if kept < distance.shape[1]:
        columns = np.argpartition(distance, kept - 1, axis=1)[:, :kept]
        distance = np.take_along_axis(distance, columns, axis=1)
    else:
        columns = np.broadcast_to(np.arange(distance.shape[1]), distance.shape)
    order = np.lexsort((columns, distance), axis=1)
    return np.take_along_axis(columns, order, axis=1)
