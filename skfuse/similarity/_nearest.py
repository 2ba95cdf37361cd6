"""The network of one modality without an n x n matrix: walks between nearest subjects."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils import check_random_state

from skfuse.similarity._approximate import search_approximately
from skfuse.similarity._exact_search import (
    estimate_row_sums,
    find_bandwidths,
    find_transitions,
)
from skfuse.similarity._pair_distances import FunctionPairs, PointPairs
from skfuse.similarity._sweep import Workers

METRICS = ("euclidean", "sqeuclidean")
SEARCHES = ("exact", "approximate")
_SAMPLED = 2000  # columns from which row sums are estimated


@dataclass(frozen=True)
class Transitions:
    """Where a random walk goes from each subject in one modality: to K subjects, itself among them as a rule.

    Attributes
    ----------
    indices : ndarray of shape (n_subjects, K), int32
        Ascending in each row.
    weights : ndarray of shape (n_subjects, K)
        Positive or zero, each row sums to 1.
    bandwidth : ndarray of shape (n_subjects,)
        Mean distance from the nearest others, in the unit of the distances.
    row_sums : ndarray of shape (n_subjects,)
        Total similarity of each subject to all, itself included.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import nearest_transitions
    >>> walk = nearest_transitions(np.array([[0.0], [1.0], [3.0], [9.0]]), n_neighbors=2)
    >>> walk.to_csr().toarray().round(2)
    array([[0.75, 0.25, 0.  , 0.  ],
           [0.24, 0.76, 0.  , 0.  ],
           [0.  , 0.08, 0.92, 0.  ],
           [0.  , 0.  , 0.04, 0.96]])
    """

    indices: np.ndarray
    weights: np.ndarray
    bandwidth: np.ndarray
    row_sums: np.ndarray

    def to_csr(self, present=None):
        """The walk as a sparse array, with the row of the identity for subjects without the modality.

        Parameters
        ----------
        present : ndarray of shape (n_all_subjects,), dtype bool, or None
            Who has the modality, as many as there are rows here; None: everybody.

        Returns
        -------
        walk : csr_array of shape (n_all_subjects, n_all_subjects)
        """
        n, n_kept = self.indices.shape
        subjects = np.arange(n) if present is None else np.flatnonzero(present)
        n_all = n if present is None else len(present)
        if len(subjects) != n:
            raise ValueError(f"`present` names {len(subjects)} subjects, the walk has {n}. They must be the same ones.")
        lengths = np.ones(n_all, dtype=np.int64)
        lengths[subjects] = n_kept
        ends = np.concatenate([[0], np.cumsum(lengths)])
        columns, values = np.repeat(np.arange(n_all), lengths), np.ones(ends[-1])
        places = ends[subjects][:, None] + np.arange(n_kept)
        columns[places], values[places] = subjects[self.indices], self.weights
        kind = np.int32 if ends[-1] < 2**31 else np.int64
        return csr_array((values, columns.astype(kind), ends.astype(kind)), shape=(n_all, n_all))


def nearest_transitions(
    points, *, n_neighbors=20, mu=0.5, squared=False, search="exact", n_subjects=None, n_jobs=None, random_state=None,
):  # fmt: skip
    r"""Walk of one modality between nearest subjects, without a matrix of all pairs [1]_.

    With the kernel W of :func:`local_affinity` and its row sums :math:`r_i = \sum_j W_{ij}`, the
    subject itself included,

    .. math:: P_{ij} = \frac{1}{2} \left(\frac{W_{ij}}{r_i} + \frac{W_{ij}}{r_j}\right)

    and row i of S keeps the `n_neighbors` largest entries of :math:`P_i`, divided by their sum. Ties go to the subject
    itself, then to the lowest index.

    Parameters
    ----------
    points : ndarray of shape (n_subjects, n_features), or callable
        Complete features, standardized where their units differ; float32 is searched in float32, and the pairs that are
        kept are computed again in float64. A callable ``points(rows, columns)`` gives the distances (n_rows, n_columns)
        of any metric instead; either argument is a slice or an array of indices.
    n_neighbors : int
        Entries of each row of S, and neighbors that set the bandwidth; at most ``n_subjects - 1``.
    mu : float
        Width of the kernel relative to the local mean distance.
    squared : bool
        Whether squared Euclidean distances go into the kernel.
    search : {"exact", "approximate"}
        Exact: all pairs are looked at, time grows with the square of the number of subjects. Approximate: neighbors
        from a random forest, row sums from 2,000 sampled columns; time grows as n^1.2 between 20,000 and 100,000
        subjects. It pays from about 30,000 subjects on, and needs points.
    n_subjects : int or None
        Number of subjects, for a callable.
    n_jobs : int or None
        Threads, through joblib; the result does not depend on it.
    random_state : int, RandomState or None
        Sampled columns and random forest. The exact result does not depend on it.

    Returns
    -------
    transitions : Transitions
        Columns and weights of S, bandwidths and row sums.

    Raises
    ------
    ValueError
        If there are not more subjects than `n_neighbors`, or a distance is not a finite number.

    References
    ----------
    .. [1] B. Wang et al. Nature Methods 11 (2014). https://doi.org/10.1038/nmeth.2810

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import nearest_transitions
    >>> walk = nearest_transitions(np.array([[0.0], [1.0], [3.0], [9.0]]), n_neighbors=2)
    >>> walk.indices
    array([[0, 1],
           [0, 1],
           [1, 2],
           [2, 3]], dtype=int32)
    >>> walk.bandwidth
    array([2. , 1.5, 2.5, 7. ])
    """
    pairs = _check_pairs(points, n_subjects, squared)
    check_settings(n_neighbors, mu, pairs.n_subjects)
    if search not in SEARCHES:
        raise ValueError(f"`search` must be one of {list(SEARCHES)}, got {search!r}.")
    if search == "approximate" and callable(points):
        raise ValueError("The approximate search needs points; with a function of distances use search='exact'.")
    random_state, n = check_random_state(random_state), pairs.n_subjects
    sample = np.sort(random_state.permutation(n)[:_SAMPLED])
    size = 2 * n_neighbors + 8  # candidates of a subject: the more, the fewer need a second look
    with Workers(n_jobs) as workers:
        if search == "exact":
            bandwidth, near, distances = find_bandwidths(pairs, workers, n_neighbors, n_neighbors + 8)
            guess = estimate_row_sums(pairs, workers, bandwidth, mu, sample, near, distances)
            del near, distances
            ids, kernel, sums = find_transitions(pairs, workers, bandwidth, n_neighbors, mu, guess, size)
        else:
            ids, kernel, bandwidth, sums = search_approximately(
                pairs, workers, n_neighbors, mu, sample, min(size, n - 1), random_state
            )
    shares = kernel / sums[:, None] + kernel / sums[ids]
    return Transitions(ids, shares / shares.sum(axis=1, keepdims=True), bandwidth, sums)


def nearest_affinity(X, *, n_neighbors=20, mu=0.5, metric="euclidean", search="exact", n_jobs=None, random_state=None):
    r"""Sparse affinity between nearest subjects of one modality, streamed: a row keeps its exact largest entries.

    The rows are those of S in :func:`nearest_transitions`, which sum to 1.

    Parameters
    ----------
    X : array-like of shape (n_subjects, n_features)
        Complete features, taken as they are: standardize them first where their units differ.
    n_neighbors : int
        Entries of each row, and neighbors that set the bandwidth; at most ``n_subjects - 1``.
    mu : float
        Width of the kernel relative to the local mean distance.
    metric : {"euclidean", "sqeuclidean"}
        Distance that goes into the kernel.
    search : {"exact", "approximate"}
        See :func:`nearest_transitions`.
    n_jobs : int or None
        Threads, through joblib; the result does not depend on it.
    random_state : int, RandomState or None
        See :func:`nearest_transitions`.

    Returns
    -------
    affinity : csr_array of shape (n_subjects, n_subjects)
        `n_neighbors` entries in each row, which sum to 1. Not symmetric.

    Raises
    ------
    ValueError
        If there are not more subjects than `n_neighbors`, or a feature is not a finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import nearest_affinity
    >>> nearest_affinity(np.array([[0.0], [1.0], [3.0], [9.0]]), n_neighbors=2).toarray().round(2)
    array([[0.75, 0.25, 0.  , 0.  ],
           [0.24, 0.76, 0.  , 0.  ],
           [0.  , 0.08, 0.92, 0.  ],
           [0.  , 0.  , 0.04, 0.96]])
    """
    if metric not in METRICS:
        raise ValueError(f"`metric` must be one of {list(METRICS)}, got {metric!r}.")
    walk = nearest_transitions(
        np.asarray(X), n_neighbors=n_neighbors, mu=mu, squared=metric == "sqeuclidean", search=search, n_jobs=n_jobs,
        random_state=random_state,
    )  # fmt: skip
    return walk.to_csr()


def check_settings(n_neighbors, mu, n_subjects):
    """Refuse settings that this number of subjects does not allow."""
    if not isinstance(n_neighbors, Integral) or not 1 <= n_neighbors < n_subjects:
        raise ValueError(
            f"`n_neighbors` must lie between 1 and the number of other subjects, {n_subjects - 1}, got "
            f"{n_neighbors!r}. Take fewer neighbors, or more subjects."
        )
    if not mu > 0:
        raise ValueError(f"`mu` must be positive, got {mu!r}.")


def _check_pairs(points, n_subjects, squared):
    if callable(points):
        if n_subjects is None or squared:
            raise ValueError(
                "A function of distances needs the number of subjects, `n_subjects`, and gives squares itself: leave "
                "`squared` at False."
            )
        return FunctionPairs(points, n_subjects)
    return PointPairs(check_points(points, "points"), squared=squared)


def check_points(points, name):
    """Complete points as a contiguous array, float32 kept, or an error that says what is wrong with them."""
    points = np.asarray(points)
    points = np.ascontiguousarray(points, dtype=np.float32 if points.dtype == np.float32 else np.float64)
    if points.ndim != 2 or not points.shape[1]:
        raise ValueError(f"`{name}` must be (n_subjects, n_features), got shape {points.shape}.")
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"`{name}` has NaN or infinite cells in {np.sum(~finite)} rows, row {np.argmin(finite)} the first. Leave "
            "out subjects without the modality, fill missing cells, or give a function of partial distances."
        )
    return points
