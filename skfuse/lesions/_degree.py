"""What maps have in common with the degree of the connectome, and what is left without it."""

import numpy as np

from skfuse._chunks import chunks

_CHUNK_BYTES = 2**26  # of maps that are centered at a time


def degree_correlations(maps, degree):
    """Correlation of each map with the degree map.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_targets)
    degree : ndarray of shape (n_targets,)

    Returns
    -------
    correlations : ndarray of shape (n_maps,), float64
        0 where a map, or the degree, is the same everywhere.
    """
    if maps.ndim != 2 or maps.shape[1] != len(degree):
        raise ValueError(f"`maps` has shape {maps.shape}, wanted (n_maps, {len(degree)}): a column for each target.")
    centered = degree - degree.mean()
    length = np.linalg.norm(centered)
    found = np.zeros(len(maps))
    for part in chunks(len(maps), 8 * len(degree), _CHUNK_BYTES):
        block = maps[part].astype(np.float64)
        block -= block.mean(axis=1, keepdims=True)
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block)) * length
        np.divide(block @ centered, lengths, out=found[part], where=lengths > 0)
    return np.clip(found, -1.0, 1.0)


def without_degree(maps, degree):
    """What is left of each map after regression, over the targets, on a constant and the degree.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_targets)
    degree : ndarray of shape (n_targets,)
        Not the same everywhere.

    Returns
    -------
    residuals : ndarray of shape (n_maps, n_targets)
        In the type of the maps.
    """
    centered = degree - degree.mean()
    centered /= np.linalg.norm(centered)
    residuals = np.empty_like(maps)
    for part in chunks(len(maps), 8 * len(degree), _CHUNK_BYTES):
        block = maps[part].astype(np.float64)
        block -= block.mean(axis=1, keepdims=True)
        residuals[part] = block - np.outer(block @ centered, centered)
    return residuals
