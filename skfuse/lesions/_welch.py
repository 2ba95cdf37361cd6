"""Welch's t of every column: means of lesioned and spared subjects with variances of their own."""

import numpy as np

from skfuse.lesions._two_sample import StudentStatistic

_LEAST_ERROR = 1e-3  # of the standard deviation of all scores; see the docstring of the class
# Variances come from differences of sums. In groups of fewer subjects chance makes them so small that the rounding of
# float32 would show: these columns are worked out in float64.
_FEW = 10


class WelchStatistic(StudentStatistic):
    r"""Welch's t-test of the scores of lesioned against spared subjects, for every column [1]_.

    .. math:: t = \frac{\bar y_2 - \bar y_1}{\sqrt{s_1^2 / n_1 + s_2^2 / n_2}}

    for the :math:`n_1` spared and :math:`n_2` lesioned subjects, with Satterthwaite's degrees of freedom.

    **Sign**: positive where lesioned subjects score **higher**, as ``scipy.stats.ttest_ind(lesioned, spared,
    equal_var=False)`` has it. LESYMAP gives the opposite sign.

    **Guard**: the standard error counts at least a thousandth of the standard deviation of all scores, so that t stays
    finite where both groups are constant. Columns with fewer than two lesioned or spared subjects get statistic 0 and
    p-value 1.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_columns)
        Lesions as 0 and 1, of type bool, integer or floating point.
    y : array-like of shape (n_subjects,)
        Score of each subject, in any unit.
    dtype : {np.float32, np.float64}
        Precision of permuted statistics; the observed ones are always in float64. With float32, columns where fewer
        than ten subjects are lesioned, or spared, are worked out in float64 all the same.

    Attributes
    ----------
    columns : ndarray of shape (n_subjects, n_columns)
        The lesions.
    n_lesioned, n_spared : ndarray of shape (n_columns,)
        Subjects with and without a lesion in each column.

    Raises
    ------
    ValueError
        If lesions are not 0 and 1, scores are missing or all the same, or the numbers of subjects differ.

    See Also
    --------
    skfuse.lesions.BrunnerMunzelStatistic : The comparison of ranks.
    skfuse.permutation.LinearStatistic : Student's t with one variance, and with covariates.

    References
    ----------
    .. [1] B. L. Welch. Biometrika 34 (1947), 28-35. https://doi.org/10.1093/biomet/34.1-2.28

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import WelchStatistic
    >>> lesions = np.array([[1, 0], [1, 1], [1, 1], [0, 1], [0, 0], [0, 0]], dtype=np.uint8)
    >>> statistic = WelchStatistic(lesions, [1.0, 2.0, 3.0, 4.0, 6.0, 5.0])
    >>> statistic.observed().round(3).tolist(), statistic.p_values("less").round(3).tolist()
    ([-3.674, -0.612], [0.011, 0.295])
    """

    def __init__(self, X, y, *, dtype=np.float32):
        super().__init__(X, y, dtype=dtype)
        centered = self.y - self.y.mean()
        centered -= centered.mean()  # again, for scores that are large beside their differences
        # Of length sqrt(n), so that sums of squares are near the number of subjects in a group.
        self._standardized = centered / np.sqrt((centered**2).mean())

    def _observed_with_degrees(self, lesions, tested):
        m, l, y = self.n_lesioned[tested], self.n_spared[tested], self._standardized
        lesioned = lesions.astype(bool)
        total = y @ lesions.astype(np.float64)
        mean_lesioned, mean_spared = total / m, (y.sum() - total) / l
        squares = (y[:, None] - np.where(lesioned, mean_lesioned, mean_spared)) ** 2
        a = np.where(lesioned, squares, 0.0).sum(axis=0) / (m * (m - 1))
        b = np.where(lesioned, 0.0, squares).sum(axis=0) / (l * (l - 1))
        t = (mean_lesioned - mean_spared) / np.sqrt(np.maximum(a + b, _LEAST_ERROR**2))
        known = a + b > 0
        a, b = np.where(known, a, 1.0), np.where(known, b, 1.0)
        return t, (a + b) ** 2 / (a**2 / (m - 1) + b**2 / (l - 1))

    def _values_of(self, draws):
        scores = self._standardized[draws].T
        products = {np.dtype(kind): _products(scores, np.dtype(kind)) for kind in (self.dtype, np.float64)}
        smaller = np.minimum(self.n_lesioned, self.n_spared)
        delicate = (smaller < _FEW) & (self.dtype != np.float64)

        def values(part):
            t = self._of_part(part, *products[self.dtype])
            exact = np.arange(self.n_columns)[part][delicate[part]]
            if len(exact):
                t[delicate[part]] = self._of_part(exact, *products[np.dtype(np.float64)])
            return t

        return values

    def _of_part(self, part, scores, squares):
        """Values (n_some, n_draws) of some columns for permuted scores and their squares (n_subjects, n_draws)."""
        n, kind = len(scores), scores.dtype
        small, large = self.n_lesioned[part][:, None], self.n_spared[part][:, None]
        members = np.array(self.columns[:, part].T, dtype=kind, order="C")  # a copy, which is written to
        # Sums over the smaller group: what they leave for the larger is a difference that loses no digits.
        turned = (small > large)[:, 0]
        members[turned] = 1 - members[turned]
        small, large = np.maximum(np.minimum(small, large), 2), np.maximum(np.maximum(small, large), 2)
        # With z the sum and q the sum of squares of the smaller group, those of the larger are -z and n - q.
        z, q = members @ scores, members @ squares
        # The sum of the two variances of means, sorted by what multiplies q, z^2 and nothing.
        q *= (1 / (small * (small - 1)) - 1 / (large * (large - 1))).astype(kind)
        q -= z * z * (1 / (small**2 * (small - 1)) + 1 / (large**2 * (large - 1))).astype(kind)
        q += (n / (large * (large - 1))).astype(kind)
        np.maximum(q, kind.type(_LEAST_ERROR**2), out=q)
        sign = np.where(turned, -1.0, 1.0) * self.testable[part]
        z *= (sign[:, None] * (1 / small + 1 / large)).astype(kind)
        z /= np.sqrt(q, out=q)
        return z


def _products(scores, kind):
    """Scores and their squares, as the factors of matrix products."""
    return np.ascontiguousarray(scores, dtype=kind), np.ascontiguousarray(scores**2, dtype=kind)
