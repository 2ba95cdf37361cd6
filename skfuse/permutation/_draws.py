"""Permutations of subjects, drawn up front so that no way of sharing the work out changes them."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state


def draw_permutations(n_subjects, n_permutations, *, blocks=None, random_state=None):
    """Draw random orders of the subjects, within exchangeability blocks where there are any.

    Parameters
    ----------
    n_subjects : int
        At least 2.
    n_permutations : int
        Number of draws; drawn with replacement, so the order as it is may be among them.
    blocks : array-like of shape (n_subjects,) or None
        Label of the block (site, say) of each subject; subjects change places only within their block. None lets all
        change places.
    random_state : int, RandomState or None
        Seed of the draws.

    Returns
    -------
    permutations : ndarray of shape (n_permutations, n_subjects), int
        Each row holds every row number once: ``y[permutations[b]]`` is the b-th permuted target.

    Raises
    ------
    ValueError
        If the number of subjects or of permutations is too small, a block label is missing or no subject can change
        places.

    References
    ----------
    .. [1] A. M. Winkler et al. NeuroImage 92 (2014), 381-397. https://doi.org/10.1016/j.neuroimage.2014.01.060

    Examples
    --------
    >>> from skfuse.permutation import draw_permutations
    >>> draws = draw_permutations(5, 3, blocks=["a", "a", "b", "b", "b"], random_state=0)
    >>> sorted(draws[0, :2].tolist()), sorted(draws[0, 2:].tolist())
    ([0, 1], [2, 3, 4])
    """
    n_subjects = _count(n_subjects, "n_subjects", 2)
    n_permutations = _count(n_permutations, "n_permutations", 1)
    codes = np.zeros(n_subjects, dtype=np.intp) if blocks is None else block_codes(blocks, n_subjects)
    if np.bincount(codes).max() < 2:
        raise ValueError(
            f"Every one of the {n_subjects} blocks holds one subject, so no subject can change places. Give larger "
            "exchangeability blocks (a site, a family), or none."
        )
    rng = check_random_state(random_state)
    places = np.argsort(codes, kind="stable")
    draws = np.empty((n_permutations, n_subjects), dtype=np.intp)
    for draw in draws:
        draw[places] = np.lexsort((rng.random_sample(n_subjects), codes))
    return draws


def draw_sign_flips(n_subjects, n_draws, *, blocks=None, random_state=None):
    """Draw random signs of the subjects, one for each exchangeability block where there are any.

    Parameters
    ----------
    n_subjects : int
        At least 1.
    n_draws : int
        Number of draws, with replacement: the signs as they are may be among them.
    blocks : array-like of shape (n_subjects,) or None
        Label of the block of each subject, all of whose members change sign together (the visits of a person). None
        flips each subject on its own.
    random_state : int, RandomState or None
        Seed of the draws.

    Returns
    -------
    signs : ndarray of shape (n_draws, n_subjects), int8
        1 or -1.

    Raises
    ------
    ValueError
        If the number of subjects or of draws is too small, or a block label is missing.

    Examples
    --------
    >>> from skfuse.permutation import draw_sign_flips
    >>> draw_sign_flips(4, 2, blocks=["a", "a", "b", "b"], random_state=0).tolist()
    [[-1, -1, 1, 1], [1, 1, -1, -1]]
    """
    n_subjects = _count(n_subjects, "n_subjects", 1)
    n_draws = _count(n_draws, "n_draws", 1)
    codes = np.arange(n_subjects) if blocks is None else block_codes(blocks, n_subjects)
    flips = check_random_state(random_state).randint(0, 2, size=(n_draws, codes.max() + 1))
    return (2 * flips - 1).astype(np.int8)[:, codes]


def block_codes(blocks, n_subjects):
    """Number of the block of each subject, from 0; missing labels and other lengths are refused."""
    blocks = np.asarray(blocks)
    if blocks.shape != (n_subjects,):
        raise ValueError(
            f"`blocks` has shape {blocks.shape}, wanted ({n_subjects},). Give one block label for each subject."
        )
    missing = np.array([label is None or label != label for label in blocks.tolist()])
    if missing.any():
        raise ValueError(
            f"{missing.sum()} subjects have no block label. Give each a label, or leave these subjects out."
        )
    labels = blocks.astype(str) if blocks.dtype == object else blocks
    return np.unique(labels, return_inverse=True)[1].astype(np.intp, copy=False)


def _count(value, name, least):
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"`{name}` must be a whole number of at least {least}, got {value!r}.")
    return int(value)
