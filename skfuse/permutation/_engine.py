"""The permutation test of one statistic of the target, or of many at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from skfuse.permutation._draws import block_codes, draw_permutations
from skfuse.permutation._p_values import ALTERNATIVES, permutation_p_value

#: Batches per worker: few enough to be worth sending, enough that none waits long for the last one.
BATCHES = 4


@dataclass(frozen=True)
class PermutationResult:
    """What a permutation test found.

    Attributes
    ----------
    observed : float or ndarray of shape (...)
        Statistic of the data as they are.
    null : ndarray of shape (n_permutations, ...)
        Statistic of each permutation, in the order in which they were drawn.
    p_value : float or ndarray of shape (...)
        ``(b + 1) / (n_permutations + 1)``, one for each statistic, not adjusted for their number.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import permutation_test
    >>> permutation_test(np.ptp, [1.0, 2.0, 3.0], n_permutations=19, random_state=0).p_value
    1.0
    """

    observed: float | np.ndarray
    null: np.ndarray
    p_value: float | np.ndarray


def permutation_test(
    statistic: Callable,
    y,
    *,
    n_permutations=1000,
    blocks=None,
    alternative="greater",
    n_jobs=None,
    random_state=None,
):
    """Test a statistic of the target against its values for permuted targets.

    Parameters
    ----------
    statistic : callable
        ``statistic(y)`` gives a number or an array of fixed shape. It must do the same for the same `y`, and must
        redo everything that looked at `y`, such as choosing features. With `n_jobs` it must be picklable.
    y : array-like of shape (n_subjects,) or (n_subjects, n_targets)
        Target; it is permuted along the subjects as an array (a data frame's index would undo the permutation).
    n_permutations : int
        The smallest p-value is ``1 / (n_permutations + 1)``, twice that for both sides.
    blocks : array-like of shape (n_subjects,) or None
        Exchangeability blocks, see :func:`draw_permutations`.
    alternative : {"greater", "less", "two-sided"}
        See :func:`permutation_p_value`.
    n_jobs : int or None
        Parallel batches, through joblib; the answer does not depend on it.
    random_state : int, RandomState or None
        Seed of the permutations.

    Returns
    -------
    result : PermutationResult
        Observed statistic, null distribution and p-value.

    Raises
    ------
    ValueError
        If the blocks allow no permutation, no permutation changes `y`, a statistic is NaN, or its shape changes.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import permutation_test
    >>> x = np.arange(8.0)
    >>> result = permutation_test(lambda y: np.corrcoef(x, y)[0, 1], x**2, n_permutations=99, random_state=0)
    >>> result.p_value
    0.01
    """
    y = np.asarray(y)
    if y.ndim == 0:
        raise ValueError("`y` is a single value. Give the target of each subject.")
    if alternative not in ALTERNATIVES:
        raise ValueError(f"`alternative` must be one of {list(ALTERNATIVES)}, got {alternative!r}.")
    draws = draw_permutations(len(y), n_permutations, blocks=blocks, random_state=random_state)
    _refuse_constant(y, blocks)
    observed = _value(statistic, y)
    n_batches = min(n_permutations, BATCHES * effective_n_jobs(n_jobs))
    batches = Parallel(n_jobs=n_jobs)(
        delayed(_batch)(statistic, y, part, observed.shape) for part in np.array_split(draws, n_batches)
    )
    null = np.concatenate(batches)
    p_value = permutation_p_value(observed, null, alternative=alternative)
    return PermutationResult(float(observed) if observed.ndim == 0 else observed, null, p_value)


def _refuse_constant(y, blocks):
    """Where the target does not vary within any block, every p-value is 1 and means nothing."""
    codes = np.zeros(len(y), dtype=np.intp) if blocks is None else block_codes(blocks, len(y))
    first = np.unique(codes, return_index=True)[1][codes]
    if np.array_equal(y, y[first]):
        raise ValueError(
            "The target does not vary"
            + (", " if blocks is None else " within any block, ")
            + "so that a permutation changes nothing. "
            + ("Give a target that varies." if blocks is None else "Choose other blocks, or test without them.")
        )


def _value(statistic, y):
    return np.asarray(statistic(y), dtype=np.float64)


def _batch(statistic, y, draws, shape):
    values = np.empty((len(draws), *shape))
    for b, draw in enumerate(draws):
        value = _value(statistic, y[draw])
        if value.shape != shape:
            raise ValueError(
                f"`statistic` gave shape {value.shape} for a permuted target and {shape} for the target as it is. It "
                "must always give the same shape."
            )
        values[b] = value
    return values
