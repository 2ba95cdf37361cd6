"""The little that the array API lacks."""

import numpy as np
from array_api_compat import array_namespace, device

_BLOCK = 128  # rows and columns that are compared at a time


def to_host(array):
    """The array as a NumPy array, from whatever device it is on.

    Parameters
    ----------
    array : array
        NumPy, torch, CuPy or another library of the array API.

    Returns
    -------
    array : ndarray
    """
    if isinstance(array, np.ndarray):
        return array
    if hasattr(array, "detach"):  # torch
        return array.detach().cpu().numpy()
    if hasattr(array, "get"):  # CuPy
        return array.get()
    return np.asarray(array)


def torch_on(device):
    """The module torch, once it is known that it can compute on a device.

    Parameters
    ----------
    device : str
        As torch names it, such as ``"cuda"``.

    Returns
    -------
    torch : module
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(f"device={device!r} computes with torch, which is not installed: {error}") from error
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:  # what torch raises for a device that is not there, or misspelled
        raise ValueError(f"device={device!r} cannot be used: {error}. Leave device=None for the processor.") from error
    return torch


def to_device(array, device):
    """A NumPy array as a tensor of torch on a device, as :func:`torch_on` checks it."""
    return torch_on(device).asarray(array).to(device)


def asymmetry(matrix):
    """Largest difference of an entry of a square matrix from its mirror image.

    Parameters
    ----------
    matrix : array of shape (n, n)
        NumPy is read in blocks that stay in the cache of the processor, others at once.

    Returns
    -------
    apart : float
    """
    if not isinstance(matrix, np.ndarray):
        xp = array_namespace(matrix)
        return float(xp.max(xp.abs(matrix - matrix.T)))
    apart = 0.0
    for start in range(0, len(matrix), _BLOCK):
        stop = start + _BLOCK
        apart = max(apart, float(np.abs(matrix[start:stop, start:] - matrix[start:, start:stop].T).max()))
    return apart


def largest_per_row(rows, n_kept, xp, first=0):
    """Which entries are among the `n_kept` largest of their row, exactly that many.

    The diagonal wins a tie, then the lowest column, so that the choice is deterministic.

    Parameters
    ----------
    rows : array of shape (n_rows, n)
        Rows `first` and following of a square matrix.
    n_kept : int
        At most n.
    xp : module
        The array namespace of `rows`.
    first : int, default=0
        Which row of the square matrix comes first.

    Returns
    -------
    kept : array of shape (n_rows, n), dtype bool
    """
    n_rows, n = rows.shape
    here = device(rows)
    if xp.__name__.endswith("numpy"):
        threshold = np.partition(rows, n - n_kept, axis=1)[:, n - n_kept, None]
        kept = rows >= threshold
        if (np.count_nonzero(kept, axis=1) == n_kept).all():  # no ties at the border, as a rule
            return kept
    else:
        threshold = xp.sort(rows, axis=1)[:, n - n_kept][:, None]
    above, tied = rows > threshold, rows == threshold
    own = xp.arange(n, device=here)[None, :] == xp.arange(first, first + n_rows, device=here)[:, None]
    own = own & tied
    tied = tied & ~own
    room = n_kept - xp.sum(xp.astype(above | own, xp.int32), axis=1, keepdims=True)
    return above | own | (tied & (xp.cumulative_sum(xp.astype(tied, xp.int32), axis=1) <= room))
