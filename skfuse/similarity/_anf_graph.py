"""Affinity network fusion (ANF): weighted means of random walks between nearest neighbors, of one or two steps."""

import numpy as np

from skfuse.similarity._fuse import check_weights
from skfuse.similarity._walks import (
    among_present,
    check_modalities,
    check_n_neighbors,
    dense,
    nearest_walk,
    scale_rows,
    sizes_by_modality,
    stay_where_lost,
)


def anf_walk(affinities, *, n_neighbors=20, steps=2, modality_weights=None, present=None):
    r"""Fuse the affinities of several modalities into one random walk by affinity network fusion [1]_.

    :math:`S_v` is the walk of modality *v* between the `n_neighbors` nearest subjects: the largest affinities of each
    row, without the subject itself, with sum 1. With weights :math:`a_v` of sum 1, one step and two steps are

    .. math:: S = \sum_v a_v S_v, \qquad
              S = \sum_v a_v \tfrac12 (S_v S_{-v} + S_{-v} S_v), \quad
              S_{-v} = \frac{\sum_{w \ne v} a_w S_w}{\sum_{w \ne v} a_w}.

    Missing modalities, for which the publication has no rule: a step in a modality that the subject lacks stays where
    it is, in :math:`S_{-v}` and at the end the weights are shared among the modalities that the subject of the row
    has. One modality alone gives its own walk of one step.

    Parameters
    ----------
    affinities : list of arrays of shape (n_subjects, n_subjects), or array (n_modalities, n_subjects, n_subjects)
        Symmetric, non-negative; one per modality. The publication's affinity, with the width
        :math:`(m_i + m_j + \rho_{ij}) / 6`, is :func:`local_affinity` with ``mu=0.5``. Rows and columns of who lacks a
        modality are not read. NumPy, torch, CuPy or another library of the array API.
    n_neighbors : int or sequence of int, default=20
        Neighbors of each row, for all modalities or one number for each: exactly that many, the lowest subject first
        among equals.
    steps : {1, 2}, default=2
        Length of the walk.
    modality_weights : array-like of shape (n_modalities,) or None
        Non-negative weights :math:`a_v`; None weighs all alike.
    present : array-like of shape (n_subjects, n_modalities), dtype bool, or None
        Who has which modality; None means that everybody has all.

    Returns
    -------
    walk : array of shape (n_subjects, n_subjects)
        Probabilities of going from the subject of the row to that of the column; rows sum to 1. From a subject
        without any modality the walk stays.

    Raises
    ------
    ValueError
        If the affinities do not fit together, hold NaN, are negative or not symmetric, `steps` is neither 1 nor 2, or
        a modality has no more subjects than `n_neighbors`.

    Notes
    -----
    The published program has six more terms of two steps (products with unpruned affinities), switched off by default.
    It overwrites the affinity of one modality before the next is treated, so that these terms depend on the order of
    the modalities. Here all products are of the walks as they were, and the order does not matter.

    References
    ----------
    .. [1] T. Ma and A. Zhang. Affinity network fusion and semi-supervised learning for cancer patient clustering.
       Methods 145, 16 (2018). https://doi.org/10.1016/j.ymeth.2018.05.020

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import anf_walk, local_affinity
    >>> points = np.array([0.0, 1.0, 3.0, 4.0])
    >>> affinity = local_affinity(np.abs(points[:, None] - points), n_neighbors=2)
    >>> anf_walk([affinity, affinity], n_neighbors=1, steps=1)
    array([[0., 1., 0., 0.],
           [1., 0., 0., 0.],
           [0., 0., 0., 1.],
           [0., 0., 1., 0.]])
    """
    affinities, present, xp = check_modalities(affinities, present)
    if steps not in (1, 2):
        raise ValueError(f"`steps` must be 1 or 2, got {steps!r}.")
    weights = check_weights(modality_weights, len(affinities))
    walks = []
    sizes = sizes_by_modality(n_neighbors, len(affinities))
    for position, (affinity, size) in enumerate(zip(affinities, sizes, strict=True)):
        check_n_neighbors(size, present[:, position].sum(), position, own=False)
        affinity = among_present(affinity, present[:, position], xp, position)
        walks.append(stay_where_lost(nearest_walk(affinity, size, xp, own=False), xp))
    if steps == 2 and len(walks) > 1:
        walks = _two_steps(walks, present * weights, xp)
    return dense(_mean_walk(walks, present * weights, xp))


def anf_affinity(affinities, *, n_neighbors=20, steps=2, modality_weights=None, present=None):
    r"""Symmetric affinities from affinity network fusion [1]_, for clustering.

    The mean :math:`\tfrac12 (S + S^\top)` of the walk *S* of :func:`anf_walk` and its reverse.

    Parameters
    ----------
    affinities : list of arrays of shape (n_subjects, n_subjects), or array (n_modalities, n_subjects, n_subjects)
        Symmetric, non-negative; one per modality, see :func:`anf_walk`.
    n_neighbors : int or sequence of int, default=20
        Neighbors of each row, without the subject itself, for all modalities or one number for each.
    steps : {1, 2}, default=2
        Length of the walk.
    modality_weights : array-like of shape (n_modalities,) or None
        Non-negative weights; None weighs all alike.
    present : array-like of shape (n_subjects, n_modalities), dtype bool, or None
        Who has which modality; None means that everybody has all.

    Returns
    -------
    affinity : array of shape (n_subjects, n_subjects)
        Symmetric, non-negative, without unit; all entries sum to the number of subjects.

    Raises
    ------
    ValueError
        As :func:`anf_walk` does.

    See Also
    --------
    anf_walk : The walk itself, whose rows sum to 1.
    nemo_affinity : Averages of relative similarities.

    References
    ----------
    .. [1] T. Ma and A. Zhang. Affinity network fusion and semi-supervised learning for cancer patient clustering.
       Methods 145, 16 (2018). https://doi.org/10.1016/j.ymeth.2018.05.020

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import anf_affinity, local_affinity
    >>> points = np.array([0.0, 1.0, 3.0])
    >>> affinity = local_affinity(np.abs(points[:, None] - points), n_neighbors=2)
    >>> anf_affinity([affinity, affinity], n_neighbors=1, steps=1)
    array([[0. , 1. , 0. ],
           [1. , 0. , 0.5],
           [0. , 0.5, 0. ]])
    """
    walk = anf_walk(
        affinities, n_neighbors=n_neighbors, steps=steps, modality_weights=modality_weights, present=present
    )
    return (walk + walk.T) / 2


def _mean_walk(walks, weights, xp):
    """Mean of the walks by weights (n_subjects, n_modalities) of the subject of each row; without any, it stays."""
    sums = weights.sum(axis=1, keepdims=True)
    shares = weights / np.where(sums > 0, sums, 1.0)
    mean = scale_rows(walks[0], shares[:, 0], xp)
    for walk, share in zip(walks[1:], shares.T[1:], strict=True):
        mean = mean + scale_rows(walk, share, xp)
    return stay_where_lost(mean, xp)


def _two_steps(walks, weights, xp):
    """One step in each modality and one in the others, in either order, all from the walks as they were."""
    longer = []
    for position, walk in enumerate(walks):
        others = [other for other in range(len(walks)) if other != position]
        elsewhere = _mean_walk([walks[other] for other in others], weights[:, others], xp)
        longer.append((walk @ elsewhere + elsewhere @ walk) / 2)
    return longer
