"""Voxels with enough subjects lesioned and enough spared."""

import math
from numbers import Integral

import numpy as np
from scipy import sparse

from skfuse.lesions._columns import is_binary


def overlap_mask(X, min_overlap):
    """Voxels that are lesioned in enough subjects and spared in enough to be tested.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix of shape (n_subjects, n_voxels)
        Lesion masks: 1 lesioned, 0 spared.
    min_overlap : int, float or None
        Subjects in whom a voxel must be lesioned, and as many in whom it must be spared: a count, or a float up to 0.5
        as a share of the subjects; None is no bound.

    Returns
    -------
    mask : ndarray of shape (n_voxels,), bool
        Voxels that are kept.

    Raises
    ------
    ValueError
        If no voxel is left; the message says how large the largest overlap is.

    See Also
    --------
    least_overlap : The count that a share means.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import overlap_mask
    >>> overlap_mask(np.array([[1, 1, 0], [0, 1, 0], [1, 1, 0], [0, 1, 1]]), 0.3)
    array([ True, False, False])
    """
    n_subjects, n_voxels = X.shape
    if min_overlap is None:
        return np.ones(n_voxels, dtype=bool)
    least = least_overlap(min_overlap, n_subjects)
    n_lesioned = np.asarray(X.sum(axis=0, dtype=np.int64)).ravel()
    fewest = np.minimum(n_lesioned, n_subjects - n_lesioned)
    mask = fewest >= least
    if not mask.any():
        cure = f"Set it to a count of at most {fewest.max()}." if fewest.any() else "No voxel differs between subjects."
        raise ValueError(
            f"min_overlap={min_overlap!r} leaves none of the {n_voxels} voxels: it asks for at least {least} lesioned "
            f"and {least} spared of {n_subjects} subjects, and the largest overlap is {n_lesioned.max()} lesioned "
            f"subjects (most in the smaller group: {fewest.max()}). {cure}"
        )
    return mask


def tested_voxels(X, min_overlap):
    """Voxels with enough subjects on both sides; values that are not binary need enough subjects that are not 0.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix of shape (n_subjects, n_voxels)
    min_overlap : int, float or None

    Returns
    -------
    mask : ndarray of shape (n_voxels,), bool
    """
    if min_overlap is None or is_binary(X.data if sparse.issparse(X) else X):
        return overlap_mask(X, min_overlap)
    least = least_overlap(min_overlap, X.shape[0])
    counted = np.asarray((X != 0).sum(axis=0)).ravel()
    mask = counted >= least
    if not mask.any():
        raise ValueError(
            f"min_overlap={min_overlap!r} leaves none of the {X.shape[1]} voxels: it asks for {least} subjects with a "
            f"value other than 0, and the most is {counted.max()}. Lower it."
        )
    return mask


def least_overlap(min_overlap, n_subjects):
    """The count that a share of the subjects means; a count stays as it is.

    Parameters
    ----------
    min_overlap : int or float
        As the estimators of lesions take it: a count, or a float up to 0.5 as a share.
    n_subjects : int
        Of whom it is a share.

    Returns
    -------
    least : int
        Subjects, at least 1; what is not whole is rounded up.

    See Also
    --------
    overlap_mask : The voxels that have so many.

    Examples
    --------
    >>> from skfuse.lesions import least_overlap
    >>> least_overlap(0.1, 131), least_overlap(0.1, 130), least_overlap(5, 131)
    (14, 13, 5)
    """
    if isinstance(min_overlap, Integral):
        return int(min_overlap)
    return max(1, math.ceil(min_overlap * n_subjects - 1e-9))  # 0.1 * 30 is a little more than 3
