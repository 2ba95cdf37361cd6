"""From distances between subjects to similarities, of all pairs or of new subjects with training subjects."""

import math

import numpy as np
from array_api_compat import array_namespace, device

from skfuse._backend import asymmetry
from skfuse._chunks import chunks

_SPREAD = math.sqrt(2 * math.pi)


def local_affinity(distances, *, n_neighbors=20, mu=0.5):
    r"""Turn distances between subjects into similarities of local bandwidth [1]_.

    With :math:`m_i` the mean distance of subject *i* from its `n_neighbors` nearest,

    .. math:: W_{ij} = \frac{1}{\mu s_{ij} \sqrt{2 \pi}} \exp\left(-\frac{\rho_{ij}^2}{2 \mu^2 s_{ij}^2}\right), \qquad
              s_{ij} = \frac{m_i + m_j + \rho_{ij}}{3}.

    This is the formula of the published programs (SNFtool, snfpy); the paper has neither the factor in front nor the
    square of the width.

    Parameters
    ----------
    distances : array of shape (n_subjects, n_subjects)
        Symmetric, zero on the diagonal, in any one unit. NumPy, torch, CuPy or another library of the array API.
    n_neighbors : int, default=20
        Neighbors that set the bandwidth; at most ``n_subjects - 1``.
    mu : float, default=0.5
        Width of the kernel relative to the local mean distance; .3 to .8 is usual.

    Returns
    -------
    affinity : array of shape (n_subjects, n_subjects)
        Symmetric, non-negative similarities, in the inverse of the unit of the distances.

    Raises
    ------
    ValueError
        If the distances are not square, finite, symmetric and non-negative, or there are not more subjects than
        `n_neighbors`.

    See Also
    --------
    fuse_affinities : What comes next.

    References
    ----------
    .. [1] B. Wang et al. Similarity network fusion for aggregating data types on a genomic scale. Nature Methods 11,
       333 (2014). https://doi.org/10.1038/nmeth.2810

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import local_affinity
    >>> points = np.array([0.0, 1.0, 2.0, 10.0])
    >>> distances = np.abs(points[:, None] - points)
    >>> local_affinity(distances, n_neighbors=2).round(2)
    array([[0.8 , 0.16, 0.03, 0.  ],
           [0.16, 1.2 , 0.16, 0.  ],
           [0.03, 0.16, 0.8 , 0.  ],
           [0.  , 0.  , 0.  , 0.14]])
    """
    xp = array_namespace(distances)
    distances = check_square(distances, "distances", xp)
    n = distances.shape[0]
    if not 1 <= n_neighbors < n:
        raise ValueError(
            f"n_neighbors={n_neighbors} needs at least {n_neighbors + 1} subjects, got {n}. Take at most {n - 1} "
            f"neighbors."
        )
    if not 0 < mu < np.inf:
        raise ValueError(f"`mu` must be positive, got {mu}.")
    bandwidth = mean_of_nearest(distances, n_neighbors, xp, skip_self=True)
    return gaussian(distances, bandwidth, bandwidth, mu, xp)


def check_square(matrix, name, xp):
    """A floating, square, finite, symmetric and non-negative matrix, or an error that says which it is not."""
    if not xp.isdtype(matrix.dtype, "real floating"):
        matrix = xp.astype(matrix, xp.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"`{name}` must be square, (n_subjects, n_subjects), got shape {tuple(matrix.shape)}.")
    if not bool(xp.all(xp.isfinite(matrix))):
        raise ValueError(
            f"`{name}` contains NaN or infinity. Leave subjects without the modality out of it, or say who has it "
            "with `present`."
        )
    if matrix.shape[0] and float(xp.min(matrix)) < 0:
        raise ValueError(f"`{name}` must not be negative, the smallest entry is {float(xp.min(matrix)):.3g}.")
    apart = asymmetry(matrix) if matrix.shape[0] else 0.0
    if apart > 1e-6 * (float(xp.max(matrix)) if matrix.shape[0] else 0.0):
        raise ValueError(
            f"`{name}` must be symmetric, entries differ from their mirror image by up to {apart:.3g}. Average the "
            f"matrix with its transpose if both directions mean the same."
        )
    return matrix


def mean_of_nearest(distances, n_neighbors, xp=np, *, skip_self=False):
    """Mean of the smallest distances of each row; `skip_self` leaves the diagonal out, whatever it ties with."""
    if xp.__name__.endswith("numpy"):
        return _mean_of_nearest_by_rows(distances, n_neighbors, skip_self)
    if skip_self:
        here = device(distances)
        own = xp.eye(distances.shape[0], dtype=xp.bool, device=here)
        distances = xp.where(own, xp.asarray(xp.inf, dtype=distances.dtype, device=here), distances)
    return xp.mean(xp.sort(distances, axis=1)[:, :n_neighbors], axis=1)


def _mean_of_nearest_by_rows(distances, n_neighbors, skip_self):
    means = np.empty(len(distances), dtype=distances.dtype)
    for rows in _row_slices(distances):
        some = distances[rows].copy()
        if skip_self:
            own = np.arange(rows.start, rows.start + len(some))
            some[own - rows.start, own] = np.inf
        some.partition(n_neighbors - 1, axis=1)
        means[rows] = np.sort(some[:, :n_neighbors], axis=1).mean(axis=1)  # in one order: equal rows have equal means
    return means


def _row_slices(matrix):
    return chunks(len(matrix), matrix.shape[1], 2**18)


def gaussian(distances, bandwidth_rows, bandwidth_columns, mu, xp=np):
    """The kernel of :func:`local_affinity` for bandwidths that are known."""
    if xp.__name__.endswith("numpy"):  # by rows, so that no second matrix of the size of the first is needed
        affinity = np.empty_like(distances)
        for rows in _row_slices(distances):
            affinity[rows] = _gaussian(distances[rows], bandwidth_rows[rows], bandwidth_columns, mu, np)
        return affinity
    return _gaussian(distances, bandwidth_rows, bandwidth_columns, mu, xp)


def _gaussian(distances, bandwidth_rows, bandwidth_columns, mu, xp):
    scale = (bandwidth_rows[:, None] + bandwidth_columns[None, :] + distances) / 3.0
    scale = mu * xp.maximum(scale, xp.full_like(scale, xp.finfo(scale.dtype).eps))
    ratio = distances / scale
    return xp.exp(-0.5 * ratio * ratio) / (scale * _SPREAD)
