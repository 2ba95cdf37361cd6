"""A single permutation p-value that stops drawing as soon as it is plainly not small."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skfuse.permutation._draws import draw_permutations
from skfuse.permutation._p_values import TIE

_BATCH = 64


@dataclass(frozen=True)
class SequentialResult:
    """What a sequential permutation test found.

    Attributes
    ----------
    observed : float
        Statistic of the data as they are.
    p_value : float
        ``h / l`` if it stopped at draw l, otherwise ``(b + 1) / (B + 1)``.
    n_permutations : int
        Draws that count towards it.
    stopped : bool
        Whether the wanted number of statistics as extreme as the observed one was reached.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import sequential_p_value
    >>> sequential_p_value(lambda y: y[0], [1.0, 2.0, 3.0], random_state=0).stopped
    True
    """

    observed: float
    p_value: float
    n_permutations: int
    stopped: bool


def sequential_p_value(
    statistic, y, *, n_exceedances=10, max_permutations=10_000, blocks=None, alternative="greater", random_state=None
):
    r"""Permutation p-value of one statistic, by the sequential rule of Besag and Clifford [1]_.

    Permutations are drawn until `n_exceedances` (h) of them reach the observed statistic: at draw l the p-value is
    :math:`h / l`. If that does not happen within `max_permutations` (B), it is :math:`(b + 1) / (B + 1)`. It is valid
    like that of a fixed number of permutations, and needs few where it is large: a p-value of .5 takes about 2 h.

    For one statistic only: the maximum over many tests needs the same permutations for all.

    Parameters
    ----------
    statistic : callable
        ``statistic(y)`` gives one number.
    y : array-like of shape (n_subjects,) or (n_subjects, n_targets)
        Target, permuted along the subjects.
    n_exceedances : int
        h; the relative standard error of the p-value is about :math:`1 / \sqrt{h}`.
    max_permutations : int
        B; the smallest p-value is ``1 / (B + 1)``.
    blocks : array-like of shape (n_subjects,) or None
        Exchangeability blocks, see :func:`draw_permutations`.
    alternative : {"greater", "less"}
        Which values speak against the null. For both sides give the absolute value as the statistic.
    random_state : int, RandomState or None
        Seed of the permutations.

    Returns
    -------
    result : SequentialResult
        The p-value, and after how many permutations it was known well enough.

    Raises
    ------
    ValueError
        If a number is too small, the alternative is unknown or a statistic is NaN.

    References
    ----------
    .. [1] J. Besag, P. Clifford. Biometrika 78 (1991), 301-304. https://doi.org/10.1093/biomet/78.2.301

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import sequential_p_value
    >>> x = np.arange(20.0)
    >>> result = sequential_p_value(lambda y: np.corrcoef(x, y)[0, 1], np.cos(x), random_state=0)
    >>> result.stopped, result.n_permutations < 50
    (True, True)
    """
    if alternative not in ("greater", "less"):
        raise ValueError(
            f"`alternative` must be 'greater' or 'less', got {alternative!r}. For both sides give the absolute value."
        )
    for name, value in (("n_exceedances", n_exceedances), ("max_permutations", max_permutations)):
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"`{name}` must be a whole number of at least 1, got {value!r}.")
    sign = 1.0 if alternative == "greater" else -1.0
    rng, y = check_random_state(random_state), np.asarray(y)
    observed = _number(statistic, y)
    reached = done = 0
    while done < max_permutations:
        for draw in draw_permutations(len(y), min(_BATCH, max_permutations - done), blocks=blocks, random_state=rng):
            value = _number(statistic, y[draw])
            done += 1
            reached += sign * value >= sign * observed - TIE * max(abs(value), abs(observed))
            if reached == n_exceedances:
                return SequentialResult(observed, reached / done, done, True)
    return SequentialResult(observed, (reached + 1) / (done + 1), done, False)


def _number(statistic, y):
    value = float(statistic(y))
    if np.isnan(value):
        raise ValueError(
            "The statistic is NaN, and has no p-value. Is the target constant, or the statistic undefined for it?"
        )
    return value
