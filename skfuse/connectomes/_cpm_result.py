"""What a permutation test of a connectome-based predictive model found."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class CPMPermutationTest:
    """What a permutation test of a connectome-based predictive model found.

    Attributes
    ----------
    cv : str
        How subjects were held out.
    r : float or None
        Pearson correlation of held-out predictions with the target, the mean over repeats; None for leave-one-out,
        where it says nothing by itself.
    biased_r : float or None
        The same for leave-one-out: biased below 0, so that only its p-value is to be quoted.
    r2 : float
        Share of the target's variance that the predictions explain, below 0 if the mean would do better.
    mean_absolute_error : float
        In the unit of the target.
    p_value, p_value_r2, p_value_mae : float
        ``(b + 1) / (n_permutations + 1)`` of the correlation, of R², and of the error (small is good).
    null_r, null_r2, null_mae : ndarray of shape (n_permutations,)
        The same statistics of permuted targets; the mean of `null_r` is the bias of the correlation.
    predictions : ndarray of shape (n_repeats, n_subjects)
        Held-out predictions; NaN for subjects whom a repeat does not hold out.
    n_empty_folds : int
        Folds of the target as it is in which no edge was selected, so that the mean was predicted.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.connectomes import ConnectomePredictiveModel
    >>> rng = np.random.default_rng(0)
    >>> score, edges = rng.normal(size=40), rng.normal(size=(40, 100))
    >>> edges[:, :8] += score[:, None]
    >>> test = ConnectomePredictiveModel().permutation_test(
    ...     edges, score, cv="loo", n_permutations=99, random_state=0
    ... )
    >>> test.r is None, test.p_value
    (True, 0.01)
    >>> print(test.summary())
    Leave-one-out predictions are related to the score: p = 0.01 (99 permutations).
    """

    cv: str
    r: float | None
    biased_r: float | None
    r2: float
    mean_absolute_error: float
    p_value: float
    p_value_r2: float
    p_value_mae: float
    null_r: np.ndarray = field(repr=False)
    null_r2: np.ndarray = field(repr=False)
    null_mae: np.ndarray = field(repr=False)
    predictions: np.ndarray = field(repr=False)
    n_empty_folds: int = 0

    def summary(self):
        """One sentence that may be quoted.

        Returns
        -------
        sentence : str
        """
        verdict = "are related" if self.p_value <= 0.05 else "are not shown to be related"
        count = f"p = {self.p_value:.2g} ({len(self.null_r):,} permutations)"
        if self.r is None:
            return f"Leave-one-out predictions {verdict} to the score: {count}."
        return (
            f"Held-out predictions ({self.cv}) {verdict} to the score: r = {self.r:.2f} ({self.null_r.mean():.2f} on "
            f"average by chance), {count}."
        )
