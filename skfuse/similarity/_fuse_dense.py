"""The exact fusion with dense products, in any library of the array API, on the device of its arrays."""

import numpy as np
from array_api_compat import array_namespace, device

from skfuse._backend import torch_on
from skfuse.similarity._fuse import half_diagonal as normalized


def fuse_dense(networks, transitions, present, weights, *, n_iter, tol, alpha, half_diagonal):
    """Iterate similarity network fusion and average the modalities.

    Parameters
    ----------
    networks, transitions : list of arrays of shape (n_subjects, n_subjects)
        P and S of each modality, at least two, zero for who lacks it.
    present, weights, n_iter, tol, alpha, half_diagonal
        As in :func:`skfuse.similarity._panels.fuse_in_panels`.

    Returns
    -------
    fused : array of shape (n_subjects, n_subjects)
    n_iter_done : int
    """
    xp = array_namespace(*networks)
    here, dtype = device(networks[0]), networks[0].dtype
    has = [xp.asarray(column, dtype=dtype, device=here) for column in present.T.astype(np.float64)]
    both = [column[:, None] * column[None, :] for column in has]
    shared = sum(weight * pair for weight, pair in zip(weights.tolist(), both, strict=True))
    eye = xp.eye(len(present), dtype=dtype, device=here)
    total = sum(weight * P for weight, P in zip(weights.tolist(), networks, strict=True))
    before, done = total / xp.sum(total), 0
    for done in range(1, n_iter + 1):  # noqa: B007
        after = []
        for P, S, pair, column, weight in zip(networks, transitions, both, has, weights.tolist(), strict=True):
            others = shared - weight * pair
            known = (others > 1e-12 * float(weights.max())) & (pair > 0)
            Q = xp.where(known, (total - weight * P) / xp.where(known, others, xp.ones_like(others)), P)
            P = S @ Q @ S.T
            P = (P + P.T) / 2
            after.append(normalized(P, xp) * pair if half_diagonal else P + alpha * column[:, None] * eye)
        networks = after
        total = sum(weight * P for weight, P in zip(weights.tolist(), networks, strict=True))
        if tol is not None:
            now = total / xp.sum(total)
            change = xp.linalg.vector_norm(now - before) / xp.linalg.vector_norm(now)
            before = now
            if float(change) < tol:
                break
    return xp.where(shared > 0, total / xp.where(shared > 0, shared, xp.ones_like(shared)), total), done


def fuse_on_device(networks, transitions, present, weights, *, device, **options):
    """The same from NumPy arrays, with torch on a device; returns NumPy.

    Parameters
    ----------
    networks : list of ndarray of shape (n_subjects, n_subjects)
        The list is emptied on the way.
    transitions : list of (indices, weights)
        Entries of each row of S.
    present, weights
        As above.
    device : str
        As torch names it, such as ``"cuda"``.
    **options : dict
        As above.

    Returns
    -------
    fused : ndarray of shape (n_subjects, n_subjects)
    n_iter_done : int
    """
    torch = torch_on(device)
    n = len(present)
    tensors = []
    while networks:
        tensors.append(torch.asarray(networks.pop(0)).to(device))
    S = []
    for indices, values in transitions:
        matrix = torch.zeros((n, n), dtype=torch.float64, device=device)
        rows = torch.arange(n, device=device)[:, None].expand(indices.shape)
        matrix.index_put_((rows, torch.asarray(indices).to(device)), torch.asarray(values).to(device), accumulate=True)
        S.append(matrix)
    fused, done = fuse_dense(tensors, S, present, weights, **options)
    return fused.cpu().numpy(), done
