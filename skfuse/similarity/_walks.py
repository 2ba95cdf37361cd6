"""Random walks between nearest neighbors: the part that NEMO and affinity network fusion share."""

from numbers import Integral

import numpy as np
from array_api_compat import array_namespace, device
from scipy import sparse

from skfuse._backend import largest_per_row, to_host
from skfuse.similarity._affinity import check_square


def check_modalities(affinities, present):
    """The affinities as a list, their namespace and who has which modality.

    Parameters
    ----------
    affinities : list of arrays of shape (n_subjects, n_subjects), or array (n_modalities, n_subjects, n_subjects)
    present : array-like of shape (n_subjects, n_modalities), dtype bool, or None

    Returns
    -------
    affinities : list of arrays
    present : ndarray of shape (n_subjects, n_modalities), dtype bool
    xp : module
    """
    affinities = list(affinities)
    if not affinities:
        raise ValueError("`affinities` is empty. Give one square array per modality.")
    shapes = {tuple(affinity.shape) for affinity in affinities}
    n = affinities[0].shape[0]
    if shapes != {(n, n)}:
        raise ValueError(f"All affinities must be square and of one size, got shapes {sorted(shapes)}.")
    wanted = (n, len(affinities))
    present = np.ones(wanted, dtype=bool) if present is None else to_host(present).astype(bool)
    if present.shape != wanted:
        raise ValueError(f"`present` must have shape {wanted}, got {present.shape}.")
    if not present.any(axis=0).all():
        raise ValueError(f"Nobody has modality {np.flatnonzero(~present.any(axis=0))[0]}. Leave it out.")
    return affinities, present, array_namespace(*affinities)


def sizes_by_modality(n_neighbors, n_modalities):
    """One number of neighbors for all modalities, or one for each, as a list."""
    sizes = [n_neighbors] * n_modalities if isinstance(n_neighbors, Integral) else list(n_neighbors)
    if len(sizes) != n_modalities:
        raise ValueError(f"`n_neighbors` has {len(sizes)} entries for {n_modalities} modalities. Give one for each.")
    return sizes


def check_n_neighbors(n_neighbors, n_present, position, *, own=True):
    """Refuse more neighbors than there are subjects to choose from, oneself among them where `own`."""
    most = int(n_present) - (not own)
    if not 1 <= n_neighbors <= most:
        raise ValueError(
            f"n_neighbors={n_neighbors} does not fit modality {position}, which {n_present} subjects have. "
            + (f"Take 1 to {most} neighbors." if most else "Leave this modality out.")
        )


def among_present(affinity, has, xp, position):
    """The affinity of those who have a modality, 0 elsewhere, checked; entries of others are not read."""
    n = affinity.shape[0]
    if affinity.ndim != 2 or affinity.shape[1] != n:
        raise ValueError(f"affinities[{position}] must be square, got shape {tuple(affinity.shape)}.")
    if not has.all():
        has = xp.asarray(has, device=device(affinity))
        affinity = xp.where(has[:, None] & has[None, :], affinity, xp.zeros_like(affinity))
    return check_square(affinity, f"affinities[{position}]", xp)


def nearest_walk(affinity, n_neighbors, xp, *, own):
    r"""Random walk between nearest neighbors: each row keeps its largest entries and sums to 1.

    .. math:: S_{ij} = \frac{W_{ij} \, [j \in N_i]}{\sum_{r \in N_i} W_{ir}}

    Parameters
    ----------
    affinity : array of shape (n_subjects, n_subjects)
        Non-negative.
    n_neighbors : int
        Size of :math:`N_i`, exactly: the subject itself and then the lowest column win ties.
    xp : module
        The array namespace.
    own : bool
        Whether the subject itself is a candidate for :math:`N_i`.

    Returns
    -------
    walk : csr_array for NumPy, else array, of shape (n_subjects, n_subjects)
        A row without any affinity to choose from (somebody who lacks the modality, say) is all zero.
    """
    n, here = affinity.shape[0], device(affinity)
    itself = xp.eye(n, dtype=xp.bool, device=here)
    # -1 is below every affinity, so that nobody is his own neighbor, not even among zeros
    candidates = affinity if own else xp.where(itself, xp.asarray(-1.0, dtype=affinity.dtype, device=here), affinity)
    kept = largest_per_row(candidates, n_neighbors, xp)
    walk = xp.where(kept, affinity, xp.zeros_like(affinity))
    sums = xp.sum(walk, axis=1, keepdims=True)
    walk = walk / xp.where(sums > 0, sums, xp.ones_like(sums))
    return sparse.csr_array(walk) if xp.__name__.endswith("numpy") else walk


def stay_where_lost(walk, xp):
    """Let the walk stay at subjects from whom it leads nowhere, so that every row sums to 1."""
    if sparse.issparse(walk):
        lost = (walk.sum(axis=1) <= 0).astype(walk.dtype)
        return (walk + sparse.diags_array(lost)).tocsr()
    lost = xp.astype(xp.sum(walk, axis=1, keepdims=True) <= 0, walk.dtype)
    return walk + lost * xp.eye(walk.shape[0], dtype=walk.dtype, device=device(walk))


def scale_rows(walk, factors, xp):
    """Each row times a factor (n_subjects,), given as a NumPy array."""
    if sparse.issparse(walk):
        return (sparse.diags_array(factors.astype(walk.dtype)) @ walk).tocsr()
    return xp.asarray(factors, dtype=walk.dtype, device=device(walk))[:, None] * walk


def dense(walk):
    """The walk as an array of the caller's library."""
    return walk.toarray() if sparse.issparse(walk) else walk
