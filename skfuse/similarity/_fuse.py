"""Fusion of affinities: both published recursions, with subjects who lack a modality."""

import numpy as np
from array_api_compat import array_namespace, device
from scipy import sparse

from skfuse._backend import largest_per_row, to_host
from skfuse.similarity._affinity import check_square

VARIANTS = ("add-identity", "half-diagonal")


def fuse_affinities(
    affinities,
    *,
    n_neighbors=20,
    n_iter=20,
    tol=None,
    variant="add-identity",
    alpha=1.0,
    modality_weights=None,
    present=None,
    overwrite_affinities=False,
    n_jobs=None,
):
    r"""Fuse the affinities of several modalities into one network by similarity network fusion [1]_.

    Every modality *v* starts from :math:`P_v`, its affinity with rows normalized and made symmetric, and from
    :math:`S_v`, which keeps the `n_neighbors` largest entries of each row of :math:`P_v` (the subject itself is a
    candidate) and sums to 1. All modalities then exchange what they know, `n_iter` times:

    .. math:: P_v \leftarrow S_v \, \frac{\sum_{w \ne v} a_w P_w}{\sum_{w \ne v} a_w} \, S_v^\top + \alpha I
              \quad\text{("add-identity")}, \qquad
              P_v \leftarrow \mathrm{sym}\, N\!\left(S_v \, \frac{\sum_{w \ne v} a_w P_w}{\sum_{w \ne v} a_w} \,
              S_v^\top\right) \quad\text{("half-diagonal")},

    where :math:`N` gives each row a diagonal of 1/2 and off-diagonal entries that sum to 1/2. The fused network is the
    weighted mean of the :math:`P_v`, normalized once more. ``"add-identity"`` is the recursion of snfpy and SNFtool
    2.2, ``"half-diagonal"`` that of SNFtool 2.3 and of the paper.

    Missing modalities: a subject diffuses only through the modalities it has, and a pair of subjects averages over the
    modalities that both have, inside the sum over :math:`w` and at the end. A pair that shares no other modality keeps
    its own :math:`P_v` in the sum. A pair that shares none at all gets what neighbors pass on: the mean of
    :math:`W_{lj}` over the `n_neighbors` strongest neighbors *l* of *i* that share a modality with *j*, weighted by
    affinity, averaged over both directions. The first rule is that of [2]_ and [3]_ for partial networks, without their
    rescaling.

    Parameters
    ----------
    affinities : list of arrays of shape (n_subjects, n_subjects), or array (n_modalities, n_subjects, n_subjects)
        Symmetric, non-negative; one per modality. Rows and columns of who lacks a modality are not read.
    n_neighbors : int, default=20
        Entries that :math:`S_v` keeps per row: exactly that many, the lowest subject first among equals.
    n_iter : int, default=20
        Number of exchanges.
    tol : float or None, default=None
        Stop earlier, when the relative change (Frobenius norm) of the normalized sum of the modalities falls below.
    variant : {"add-identity", "half-diagonal"}, default="add-identity"
        Which recursion.
    alpha : float, default=1.0
        What ``"add-identity"`` adds to the diagonal.
    modality_weights : array-like of shape (n_modalities,) or None
        Non-negative weights :math:`a_w`; None weighs all alike.
    present : array-like of shape (n_subjects, n_modalities), dtype bool, or None
        Who has which modality; None means that everybody has all.
    overwrite_affinities : bool, default=False
        Whether the given arrays may be used as working memory, which saves one matrix per modality (NumPy only).
    n_jobs : int or None
        Threads for NumPy arrays. The result does not depend on it.

    Returns
    -------
    fused : array of shape (n_subjects, n_subjects)
        Symmetric similarities. A subject without any modality has only its diagonal. One modality alone gives that
        network, normalized, without diffusion.

    Raises
    ------
    ValueError
        If the affinities do not fit together, hold NaN, are negative or not symmetric, or `n_neighbors` is larger than
        the number of subjects who have a modality.

    Notes
    -----
    NumPy arrays are multiplied by compiled sparse loops, O(K n²) per exchange and modality, in float64; arrays of other
    libraries by their own dense products on their device.

    References
    ----------
    .. [1] B. Wang et al. Similarity network fusion for aggregating data types on a genomic scale. Nature Methods 11,
       333 (2014). https://doi.org/10.1038/nmeth.2810
    .. [2] J. Gliozzo et al. Patient similarity networks integration for partial multimodal datasets. BIOSTEC (2023).
       https://doi.org/10.5220/0011725500003414
    .. [3] S. Ma et al. Moving towards genome-wide data integration for patient stratification with Integrate Any Omics.
       Nature Machine Intelligence 7, 29 (2025). https://doi.org/10.1038/s42256-024-00942-3

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity import fuse_affinities, local_affinity
    >>> group = np.repeat([0.0, 5.0], 6)
    >>> rng = np.random.default_rng(0)
    >>> points = [group + rng.normal(size=12) for _ in range(2)]
    >>> affinities = [local_affinity(np.abs(x[:, None] - x), n_neighbors=4) for x in points]
    >>> fused = fuse_affinities(affinities, n_neighbors=4)
    >>> bool(fused[0, 1:6].mean() > 5 * fused[0, 6:].mean())
    True
    """
    affinities = list(affinities)
    if not affinities:
        raise ValueError("`affinities` is empty. Give one square array per modality.")
    if variant not in VARIANTS:
        raise ValueError(f"`variant` must be one of {list(VARIANTS)}, got {variant!r}.")
    xp = array_namespace(*affinities)
    is_numpy = xp.__name__.endswith("numpy")
    n = affinities[0].shape[0]
    present = _check_present(present, n, len(affinities))
    if not 0 <= alpha < np.inf or n_iter < 1:
        raise ValueError(f"`alpha` must be finite and not negative and `n_iter` at least 1, got {alpha} and {n_iter}.")
    weights = check_weights(modality_weights, len(affinities))
    if (weights == 0).any():  # as if it were not there
        affinities = [affinity for affinity, weight in zip(affinities, weights, strict=True) if weight > 0]
        present, weights = present[:, weights > 0], weights[weights > 0]
    networks, transitions = [], []
    for position, affinity in enumerate(affinities):
        P = initial_network(affinity, present[:, position], xp, overwrite=overwrite_affinities, position=position)
        _check_neighbors(n_neighbors, int(present[:, position].sum()), position)
        networks.append(P)
        if len(affinities) > 1:
            make = sparse_transition if is_numpy else _dense_transition
            transitions.append(make(P, present[:, position], n_neighbors, xp))
    n_modalities = len(affinities)
    del affinities, affinity, P  # the fusion frees each network once it is copied
    if is_numpy:
        from skfuse.similarity._panels import fuse_in_panels as fuse
    else:
        from skfuse.similarity._fuse_dense import fuse_dense as fuse
    if n_modalities > 1:
        options = {"n_iter": n_iter, "tol": tol, "alpha": alpha, "half_diagonal": variant == "half-diagonal"}
        fused = fuse(networks, transitions, present, weights, **options, **({"n_jobs": n_jobs} if is_numpy else {}))[0]
    else:
        fused = networks[0]
    return finish(fused, present, n_neighbors, variant, xp)


def _check_present(present, n, n_modalities):
    if present is None:
        return np.ones((n, n_modalities), dtype=bool)
    present = to_host(present).astype(bool)
    if present.shape != (n, n_modalities):
        raise ValueError(f"`present` must have shape ({n}, {n_modalities}), got {present.shape}.")
    empty = np.flatnonzero(~present.any(axis=0))
    if len(empty):
        raise ValueError(f"Nobody has modality {empty[0]}. Leave its affinity out.")
    return present


def check_weights(weights, n_modalities):
    """Non-negative weights of the modalities that sum to 1."""
    if weights is None:
        return np.full(n_modalities, 1.0 / n_modalities)
    weights = np.asarray(weights, dtype=np.float64)
    if (
        weights.shape != (n_modalities,)
        or not np.isfinite(weights).all()
        or (weights < 0).any()
        or not weights.sum() > 0
    ):
        raise ValueError(
            f"`modality_weights` must be {n_modalities} non-negative numbers, one at least positive, got "
            f"{weights.tolist()}."
        )
    return weights / weights.sum()


def _check_neighbors(n_neighbors, n_present, position):
    if n_neighbors < 1:
        raise ValueError(f"`n_neighbors` must be at least 1, got {n_neighbors}.")
    if n_neighbors > n_present:
        raise ValueError(
            f"n_neighbors={n_neighbors} is more than the {n_present} subjects who have modality {position}. Take at "
            f"most "
            f"{n_present}."
        )


def initial_network(affinity, present, xp, *, overwrite=False, position=0):
    """P of one modality at the start: rows sum to 1, then symmetric; zero for who lacks the modality."""
    if len(affinity.shape) != 2 or affinity.shape != (len(present), len(present)):
        raise ValueError(
            f"Affinity {position} has shape {tuple(affinity.shape)}, others have {len(present)} subjects. Give all "
            f"({len(present)}, {len(present)}) and say with `present` who has what."
        )
    if not present.all():
        has = xp.asarray(present, device=device(affinity))
        affinity = xp.where(has[:, None] & has[None, :], affinity, xp.zeros_like(affinity))
    elif not overwrite:
        affinity = xp.asarray(affinity, copy=True)
    return start_network(check_square(affinity, f"affinities[{position}]", xp), xp)


def start_network(affinity, xp=np):
    """Rows normalized, then symmetric; NumPy arrays are overwritten."""
    sums = xp.sum(affinity, axis=1, keepdims=True)
    sums = xp.where(sums > 0, sums, xp.ones_like(sums))
    if xp.__name__.endswith("numpy"):
        affinity /= sums
        _symmetrize(affinity)
        return affinity
    affinity = affinity / sums
    return (affinity + affinity.T) / 2


def _symmetrize(matrix, step=512):
    """Average a NumPy matrix with its transpose, block by block, in place."""
    for i in range(0, len(matrix), step):
        for j in range(i, len(matrix), step):
            block = (matrix[i : i + step, j : j + step] + matrix[j : j + step, i : i + step].T) / 2
            matrix[i : i + step, j : j + step] = block
            matrix[j : j + step, i : i + step] = block.T


def sparse_transition(P, present, n_neighbors, xp=np):
    """S of one modality as columns and weights (n_subjects, n_neighbors); zero weights for who lacks the modality."""
    n = len(P)
    indices = np.empty((n, n_neighbors), dtype=np.intp)
    weights = np.empty((n, n_neighbors))
    step = max(1, 2**20 // n)
    for start in range(0, n, step):
        rows = P[start : start + step]
        kept = largest_per_row(rows, n_neighbors, np, start)
        indices[start : start + step] = np.nonzero(kept)[1].reshape(len(rows), n_neighbors)
        weights[start : start + step] = rows[kept].reshape(len(rows), n_neighbors)
    sums = weights.sum(axis=1)
    alone = present & (sums <= 0)  # similar to nobody, itself included: the walk stays
    indices[alone, 0], weights[alone, 0], sums[alone] = np.flatnonzero(alone), 1.0, 1.0
    weights /= np.where(sums > 0, sums, 1.0)[:, None]
    return indices, weights


def as_csr(indices, weights, rows=None):
    """S as a sparse array from columns and weights, among some subjects or all."""
    starts = np.arange(0, indices.size + 1, indices.shape[1])
    S = sparse.csr_array((weights.ravel(), indices.ravel(), starts), shape=(len(indices), len(indices)))
    return S if rows is None else S[rows][:, rows]


def _dense_transition(P, present, n_neighbors, xp):
    kept = largest_per_row(P, n_neighbors, xp)
    S = xp.where(kept, P, xp.zeros_like(P))
    sums = xp.sum(S, axis=1, keepdims=True)
    here = device(P)
    alone = xp.asarray(present, device=here)[:, None] & (sums <= 0)
    S = S + xp.astype(alone, P.dtype) * xp.eye(P.shape[0], dtype=P.dtype, device=here)
    sums = sums + xp.astype(alone, P.dtype)
    return S / xp.where(sums > 0, sums, xp.ones_like(sums))


def finish(fused, present, n_neighbors, variant, xp=np):
    """The fused network: pairs that share no modality filled by their neighbors, then normalized.

    Parameters
    ----------
    fused : array of shape (n_subjects, n_subjects)
        Weighted mean of the modalities over the pairs that share one, 0 elsewhere.
    present : ndarray of shape (n_subjects, n_modalities), dtype bool
    n_neighbors : int
    variant : {"add-identity", "half-diagonal"}
    xp : module

    Returns
    -------
    fused : array of shape (n_subjects, n_subjects)
    """
    if not present.all():
        fused = _fill_strangers(fused, present, n_neighbors, xp)
    n = fused.shape[0]
    if variant == "half-diagonal":
        return half_diagonal(fused, xp)
    sums = xp.sum(fused, axis=1, keepdims=True)
    sums = xp.where(sums > 0, sums, xp.ones_like(sums))
    if xp.__name__.endswith("numpy"):
        fused /= sums
        _symmetrize(fused)
        fused[np.arange(n), np.arange(n)] += 0.5
        return fused
    fused = fused / sums
    return (fused + fused.T + xp.eye(n, dtype=fused.dtype, device=device(fused))) / 2


def half_diagonal(P, xp=np):
    """Off-diagonal entries of each row sum to 1/2, the diagonal is 1/2; then symmetric."""
    here = device(P)
    own = xp.eye(P.shape[0], dtype=xp.bool, device=here)
    P = xp.where(own, xp.zeros_like(P), P)
    sums = 2.0 * xp.sum(P, axis=1, keepdims=True)
    P = P / xp.where(sums > 0, sums, xp.ones_like(sums))
    P = (P + P.T) / 2
    return xp.where(own, xp.full_like(P, 0.5), P)


def _fill_strangers(fused, present, n_neighbors, xp):
    """Give pairs that share no modality the affinity that their nearest subjects pass on.

    The mean over the neighbors of one subject who share a modality with the other; over both directions; the mean of
    all known pairs where there is no such neighbor.
    """
    known = (present.astype(np.int32) @ present.T.astype(np.int32)).astype(bool)
    somebody = present.any(axis=1)
    strangers = ~known & somebody[:, None] & somebody
    if not strangers.any():
        return fused
    if not xp.__name__.endswith("numpy"):
        here = device(fused)
        S = _dense_transition(fused, somebody, n_neighbors, xp)
        weight = S @ xp.asarray(known, dtype=fused.dtype, device=here)
        passed = _passed_on(S @ fused, weight, fused, known, xp)
        return xp.where(xp.asarray(strangers, device=here), passed, fused)
    S = as_csr(*sparse_transition(fused, somebody, n_neighbors))
    passed = _passed_on(S @ fused, S @ known.astype(np.float64), fused, known, np)
    fused[strangers] = passed[strangers]
    return fused


def _passed_on(sums, weight, fused, known, xp):
    usual = xp.sum(fused) / int(known.sum())
    means = xp.where(weight > 0, sums / xp.where(weight > 0, weight, xp.ones_like(weight)), usual)
    return (means + means.T) / 2
