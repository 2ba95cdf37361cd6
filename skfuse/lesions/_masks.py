"""What the estimators of lesions ask of their masks, and how they say what is wrong."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from skfuse._chunks import chunks
from skfuse.lesions._columns import is_binary

_CHUNK_BYTES = 2**22  # of the masks that are looked at at a time
_NAMED = 5  # rows that a message names
_FEW = 10


class EmptyMaskWarning(UserWarning):
    """Subjects have no lesioned voxel where an estimator looks."""


class FewSubjectsWarning(UserWarning):
    """Too few subjects for a map to mean much."""


def validate_masks(estimator, X, *, reset, values):
    """Check lesion masks, in the type in which they come; nothing is copied.

    Parameters
    ----------
    estimator : estimator
        Gets `n_features_in_`, and `feature_names_in_` if there are names.
    X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
    reset : bool
        True in fit; False compares to what fit saw.
    values : {"binary", "fraction", "any"}
        What a voxel may hold: 0 or 1; a share of it that is lesioned, from 0 to 1; any finite number.

    Returns
    -------
    X : ndarray, CSR or CSC matrix

    Raises
    ------
    ValueError
        If a value is missing, infinite or not such a value; the message names rows.
    """
    X = validate_data(estimator, X, reset=reset, accept_sparse=("csr", "csc"))
    return X if values == "any" else check_mask_values(X, fractions=values == "fraction")


def check_mask_values(X, *, fractions=False):
    """Refuse masks that hold other values than 0 and 1, or with `fractions` others than from 0 to 1.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_subjects, n_voxels)
    fractions : bool

    Returns
    -------
    X : ndarray, CSR or CSC matrix
        The same; duplicates in a sparse matrix are summed in a copy.

    Raises
    ------
    ValueError
        The message names rows.
    """
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    wrong = wrong_rows(X, fractions=fractions)
    if wrong:
        found = ", ".join(f"row {row} ({value})" for row, value in wrong[:_NAMED])
        wanted = "shares from 0 to 1" if fractions else "0 (spared) and 1 (lesioned) only"
        negative = "Negative values in data. " if any(value < 0 for _, value in wrong) else ""
        raise ValueError(
            f"{negative}Masks must hold {wanted}; {len(wrong)} of {X.shape[0]} rows hold something else: {found}"
            f"{', ...' if len(wrong) > _NAMED else ''}. Binarize them first, such as with X > 0 for masks of 0 and 255 "
            "or X > 0.5 for resampled ones."
        )
    return X


def wrong_rows(X, *, fractions=False):
    """Rows of masks that hold other values than 0 and 1, or with `fractions` others than from 0 to 1.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_subjects, n_voxels)
    fractions : bool

    Returns
    -------
    wrong : list of (int, float)
        Row and its first such value.
    """
    if X.dtype == bool:
        return []
    wrong = []
    if sparse.issparse(X):
        if _fine(X.data, fractions):
            return []
        X = X.tocsr()
        rows = ((row, X.data[X.indptr[row] : X.indptr[row + 1]]) for row in range(X.shape[0]))
    else:
        rows = _suspects(X, fractions)
    for row, values in rows:
        if not _fine(values, fractions):
            bad = (values < 0) | (values > 1) if fractions else (values != 0) & (values != 1)
            wrong.append((row, values[bad][0].item()))
    return wrong


def warn_of_empty(X, mask, lacking, min_overlap):
    """Warn of subjects without a lesion in the voxels that an estimator looks at.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_subjects, n_voxels)
    mask : ndarray of shape (n_voxels,), bool
        These voxels.
    lacking : str
        What they have not, such as ``"no lesion in the 12 voxels tested"``.
    min_overlap : int, float or None
        What left voxels out.
    """
    if sparse.issparse(X):
        empty = np.flatnonzero(lesion_sizes(abs(X[:, mask])) == 0)
    elif mask.all():
        empty = np.flatnonzero(~X.any(axis=1))
    else:
        empty = np.flatnonzero([not row[mask].any() for row in X])
    if len(empty):
        warnings.warn(
            f"{len(empty)} of {X.shape[0]} subjects have {lacking} ({listed(empty)}); they count as spared "
            f"everywhere. Leave them out if that is not meant{'' if min_overlap is None else ', or lower min_overlap'}"
            ".",
            EmptyMaskWarning,
            stacklevel=4,
        )


def warn_of_few(n_subjects, what):
    """Warn below 10 subjects; `what` has a chance with more, such as ``"a test"``."""
    if n_subjects < _FEW:
        warnings.warn(
            f"A map of {n_subjects} subjects shows next to nothing, whatever is true; {_FEW} and more are the least "
            f"that {what} has a chance with.",
            FewSubjectsWarning,
            stacklevel=4,
        )


def listed(rows):
    """The first of some row numbers, for a message.

    Parameters
    ----------
    rows : sequence of int

    Returns
    -------
    text : str

    Examples
    --------
    >>> from skfuse.lesions._masks import listed
    >>> listed([3]), listed([3, 5]), listed(range(10, 20))
    ('row 3', 'rows 3, 5', 'rows 10, 11, 12, 13, 14, ...')
    """
    named = ", ".join(str(row) for row in rows[:_NAMED])
    return f"row{'s' if len(rows) > 1 else ''} {named}{', ...' if len(rows) > _NAMED else ''}"


def lesion_sizes(X):
    """Lesioned voxels of each subject, shares added up.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_subjects, n_voxels)

    Returns
    -------
    sizes : ndarray of shape (n_subjects,), float64
    """
    return np.asarray(X.sum(axis=1, dtype=np.float64)).ravel()


def weighted_sums(X, weights):
    """Sum over voxels of lesion times weight for each subject, without a copy of `X` in another type.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_subjects, n_voxels)
    weights : ndarray of shape (n_voxels,)

    Returns
    -------
    sums : ndarray of shape (n_subjects,), float64
    """
    if sparse.issparse(X):
        return X @ weights
    voxels, sums = np.flatnonzero(weights), np.zeros(len(X))
    for part in chunks(len(voxels), 8 * len(X), _CHUNK_BYTES):
        sums += X[:, voxels[part]].astype(np.float64) @ weights[voxels[part]]
    return sums


def _fine(values, fractions):
    if fractions and values.size:
        return bool(values.min() >= 0 and values.max() <= 1)
    return is_binary(values)


def _suspects(X, fractions):
    """Rows of the chunks in which something is wrong."""
    for part in chunks(X.shape[0], X.shape[1] * X.itemsize, _CHUNK_BYTES):
        if not _fine(X[part], fractions):
            yield from enumerate(X[part], start=part.start)
