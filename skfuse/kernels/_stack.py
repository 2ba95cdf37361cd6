"""The kernels of all modalities of the training subjects, in one stack."""

from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np

from skfuse.kernels._kernel import KERNELS, ModalityKernel

_EXACT_IN_DOUBLE = 1000  # subjects; above, the stack is in single precision, which halves memory and time
_MOST_BYTES = 2**34


@dataclass
class KernelStack:
    """Kernels of the training subjects who have some modality.

    Attributes
    ----------
    kernels : ndarray of shape (n_kernels, n_subjects, n_subjects)
        Zero rows and columns for who lacks the modality.
    fitted : list of ModalityKernel
        One per kernel.
    modality : list of str
        The modality of each kernel.
    names : list of str
        Name of each kernel, ``modality__label``.
    members : dict of str to ndarray of int
        Subjects of the stack who have the modality.
    skipped : dict of str to str
        Modalities without a kernel, and why.
    """

    kernels: np.ndarray | None = None
    fitted: list = field(default_factory=list)
    modality: list = field(default_factory=list)
    names: list = field(default_factory=list)
    members: dict = field(default_factory=dict)
    skipped: dict = field(default_factory=dict)


def kernel_specifications(kernels, names):
    """Unfitted kernels of each modality, from what the user gave: ``"drop"`` leaves a modality out."""
    if isinstance(kernels, dict):
        unknown = [name for name in kernels if name not in names]
        if unknown:
            raise ValueError(
                f"`kernels` has entries for {unknown}, but the modalities of X are {names}. Correct the names, or "
                "define the modalities with `modalities=`."
            )
    found = {}
    for name in names:
        given = kernels.get(name, "rbf") if isinstance(kernels, dict) else kernels
        if isinstance(given, str) and given == "drop":
            continue
        given = list(given) if isinstance(given, list | tuple) else [given]
        if not given:
            raise ValueError(f"`kernels` of modality {name!r} is empty. Name one at least, or 'drop'.")
        found[name] = [_as_kernel(one, name) for one in given]
    if not found:
        raise ValueError("Every modality is left out by 'drop'; keep at least one.")
    return found


def _as_kernel(given, name):
    if isinstance(given, ModalityKernel):
        return deepcopy(given)
    if isinstance(given, str) and given in KERNELS:
        return ModalityKernel(given)
    raise ValueError(
        f"A kernel of modality {name!r} must be one of {list(KERNELS)}, a ModalityKernel, a list of these or 'drop'; "
        f"got {given!r}."
    )


def block_for(kernel, table, name, rows):
    """Values of one modality for some subjects, as this kernel takes them."""
    if kernel.kernel == "gower":
        return table.native_block(name, rows)
    block = table.block(name)
    return block if len(rows) == len(block) else block[rows]


def present_kernels(specifications, table, kept, present):
    """Yield (name, unfitted kernels, rows among those kept, {kind: block}) for modalities that two subjects have."""
    for position, name in enumerate(specifications):
        members = np.flatnonzero(present[:, position])
        blocks = {}
        for kernel in specifications[name]:
            kind = kernel.kernel == "gower"
            if kind not in blocks and len(members) >= 2:
                blocks[kind] = block_for(kernel, table, name, kept[members])
        yield name, specifications[name], members, blocks


def build_stack(specifications, table, kept, present, *, missing, device=None, task=None):
    """Fit every kernel on who has its modality, and put the training kernels into one stack.

    Parameters
    ----------
    specifications : dict of str to list of ModalityKernel
        From :func:`kernel_specifications`; fitted in place.
    table : Table
    kept : ndarray of int of shape (n_kept,)
        Rows of the table in use.
    present : ndarray of shape (n_kept, n_modalities), dtype bool
    missing : {"skip", "mean"}
        ``"mean"`` puts who lacks a modality at the mean of the others in the space of its kernel, which differs from
        zero where kernels are not centered.
    device : str or None
        Where kernels of points are computed.
    task : callable
        ``task(name)``, a context in which the kernels of one modality are made.

    Returns
    -------
    stack : KernelStack
    """
    n, most = len(kept), sum(len(kernels) for kernels in specifications.values())
    dtype = np.float64 if n <= _EXACT_IN_DOUBLE else np.float32
    if most * n * n * np.dtype(dtype).itemsize > _MOST_BYTES:
        raise ValueError(
            f"{most} kernels of {n} subjects would take {most * n * n * np.dtype(dtype).itemsize / 2**30:.0f} GiB. Set "
            "approximation='nystroem', which takes n_subjects x rank for each kernel."
        )
    stack = KernelStack(kernels=np.zeros((most, n, n), dtype=dtype))
    for name, kernels, members, blocks in present_kernels(specifications, table, kept, present):
        if len(members) < 2:
            stack.skipped[name] = "no subject has it" if not len(members) else "one subject has it"
            continue
        with task(name):
            _add(stack, name, kernels, members, blocks, missing, device)
    stack.kernels = stack.kernels[: len(stack.fitted)]
    return stack


def _add(stack, name, kernels, members, blocks, missing, device):
    n, shared = stack.kernels.shape[1], {}
    for kernel in kernels:
        block = blocks[kernel.kernel == "gower"]
        try:
            K = kernel.fit_transform(block, shared=shared, device=device)
        except ValueError as error:
            raise ValueError(f"Modality {name!r}: {error}") from error
        if not kernel.varies_:
            continue
        out = stack.kernels[len(stack.fitted)]
        if len(members) == n:
            out[...] = K
        else:
            out[np.ix_(members, members)] = K
            if missing == "mean" and kernel.normalization != "variance":
                _put_at_mean(out, K, members)
        _register(stack, name, kernel, members)
    if name not in stack.members:
        stack.skipped[name] = "all subjects who have it are alike"


def _register(stack, name, kernel, members):
    stack.names.append(name_of_kernel(name, kernel, stack.names))
    stack.fitted.append(kernel)
    stack.modality.append(name)
    stack.members[name] = members


def name_of_kernel(name, kernel, names):
    """Name of a kernel, ``modality__label``, with a number behind it where others have that name."""
    label = f"{name}__{kernel.label}"
    same = sum(one == label or one.startswith(f"{label}#") for one in names)
    return f"{label}#{same + 1}" if same else label


def _put_at_mean(out, K, members):
    """Rows and columns of who lacks the modality, as if each stood at the mean of those who have it."""
    lacks = np.setdiff1d(np.arange(len(out)), members)
    means = K.mean(axis=0)
    out[np.ix_(lacks, members)] = means
    out[np.ix_(members, lacks)] = means[:, None]
    out[np.ix_(lacks, lacks)] = means.mean()
