"""The network of NEMO (neighborhood based multi-omics clustering): relative similarities, averaged over modalities."""

import numpy as np
from array_api_compat import device

from skfuse.similarity._walks import (
    among_present,
    check_modalities,
    check_n_neighbors,
    dense,
    nearest_walk,
    sizes_by_modality,
)

#: Subjects per neighbor where the number of neighbors is not given: the rule of the published program.
SUBJECTS_PER_NEIGHBOR = 6


def usual_neighbors(n_present):
    """Size of the neighborhoods where none is given; 2 at least, since a subject is its own first neighbor."""
    return max(2, round(int(n_present) / SUBJECTS_PER_NEIGHBOR))


def nemo_affinity(affinities, *, n_neighbors=None, present=None):
    r"""Average the relative similarities of several modalities, as NEMO does [1]_.

    In every modality *v* an affinity counts relative to the `n_neighbors` nearest subjects :math:`N_i` of each side,

    .. math:: A^v_{ij} = \frac{W^v_{ij} \, [j \in N_i]}{\sum_{r \in N_i} W^v_{ir}}
                       + \frac{W^v_{ij} \, [i \in N_j]}{\sum_{r \in N_j} W^v_{jr}}, \qquad
              A_{ij} = \frac{1}{|M_{ij}|} \sum_{v \in M_{ij}} A^v_{ij},

    where :math:`M_{ij}` are the modalities in which both subjects were observed. A pair that shares none gets the mean
    of all other pairs. As in the published program, a subject is a candidate for its own neighborhood; other than
    there, ties never make it larger than `n_neighbors`.

    Parameters
    ----------
    affinities : list of arrays of shape (n_subjects, n_subjects), or array (n_modalities, n_subjects, n_subjects)
        Symmetric, non-negative; one per modality, from :func:`local_affinity` with ``mu=0.5`` in the publication. Rows
        and columns of who lacks a modality are not read. NumPy, torch, CuPy or another library of the array API.
    n_neighbors : int, sequence of int, or None, default=None
        Size of the neighborhoods, for all modalities or one for each. None takes a sixth of the subjects who have the
        modality, rounded, at least 2.
    present : array-like of shape (n_subjects, n_modalities), dtype bool, or None
        Who has which modality; None means that everybody has all.

    Returns
    -------
    affinity : array of shape (n_subjects, n_subjects)
        Symmetric, non-negative, without unit; rows of complete data sum to 2 on average. A subject without any
        modality has only its diagonal.

    Raises
    ------
    ValueError
        If the affinities do not fit together, hold NaN, are negative or not symmetric, or `n_neighbors` is larger than
        the number of subjects who have a modality.

    See Also
    --------
    local_affinity : The affinity of one modality.
    anf_affinity : Averages of walks, of one or two steps.
    fuse_affinities : Modalities that exchange what they know before they are averaged.

    References
    ----------
    .. [1] N. Rappoport and R. Shamir. NEMO: cancer subtyping by integration of partial multi-omic data.
       Bioinformatics 35, 3348 (2019). https://doi.org/10.1093/bioinformatics/btz058

    Examples
    --------
    The last two subjects share no modality, so that they get the mean of all other pairs:

    >>> import numpy as np
    >>> from skfuse.similarity import local_affinity, nemo_affinity
    >>> points = np.array([0.0, 1.0, 3.0, 4.0])
    >>> affinity = local_affinity(np.abs(points[:, None] - points), n_neighbors=2)
    >>> present = np.array([[True, True], [True, True], [True, False], [False, True]])
    >>> nemo_affinity([affinity, affinity], n_neighbors=2, present=present).round(2)
    array([[1.46, 0.48, 0.  , 0.  ],
           [0.48, 1.57, 0.03, 0.01],
           [0.  , 0.03, 1.93, 0.11],
           [0.  , 0.01, 0.11, 1.97]])
    """
    affinities, present, xp = check_modalities(affinities, present)
    sizes = _neighborhood_sizes(n_neighbors, present.sum(axis=0))
    total = 0.0
    for position, affinity in enumerate(affinities):
        affinity = among_present(affinity, present[:, position], xp, position)
        walk = dense(nearest_walk(affinity, sizes[position], xp, own=True))
        total = total + (walk + walk.T)
    shared = present.astype(np.int64) @ present.T.astype(np.int64)
    here = device(total)
    total = total / xp.asarray(np.maximum(shared, 1), dtype=total.dtype, device=here)
    return total if (shared > 0).all() else _fill_strangers(total, shared, xp)


def _neighborhood_sizes(n_neighbors, n_present):
    if n_neighbors is None:
        return [min(usual_neighbors(n), int(n)) for n in n_present]
    sizes = sizes_by_modality(n_neighbors, len(n_present))
    for position, (size, n) in enumerate(zip(sizes, n_present, strict=True)):
        check_n_neighbors(size, n, position)
    return sizes


def _fill_strangers(affinity, shared, xp):
    """Give pairs that share no modality the mean of all other pairs; the diagonal has a mean of its own."""
    here = device(affinity)
    pair, observed = ~np.eye(len(shared), dtype=bool), np.diag(shared) > 0
    known, fillable = shared > 0, observed[:, None] & observed
    zero = xp.zeros_like(affinity)

    def where(condition, one, other):
        return xp.where(xp.asarray(condition, device=here), one, other)

    between = xp.sum(where(known & pair, affinity, zero)) / max(1, int((known & pair).sum()))
    itself = xp.sum(where(pair, zero, affinity)) / int(observed.sum())
    filled = where(known, affinity, where(fillable, between, zero))
    return where(known | pair, filled, itself)
