"""Binary scores: statistics of the four-fold table of lesion and score in every column."""

import numpy as np
from scipy.special import gammaln, log_ndtr, ndtri_exp

from skfuse._chunks import chunks
from skfuse.lesions._packed_columns import PackedColumns
from skfuse.lesions._two_sample import DRAWS, TwoSampleStatistic, check_alternative, one_or_two_sided


class _FourFoldStatistic(TwoSampleStatistic):
    """A statistic of the number a of lesioned subjects with a score of 1, rising with a for fixed margins.

    No permutation changes the margins. One table holds the statistic for every number of lesioned subjects and every
    a, so that a matrix product of counts and a look-up are all there is to do.
    """

    def __init__(self, X, y, *, dtype=np.float32):
        super().__init__(X, y, dtype=dtype)
        if not np.isin(self.y, (0, 1)).all():
            raise ValueError(
                f"The score holds values other than 0 and 1, {np.unique(self.y)[:5].tolist()} among them. Code the "
                "impaired as 1 and the others as 0, or use a statistic for scores of many values."
            )
        self.n_positive = int(self.y.sum())
        self._group = self.n_lesioned.astype(np.intp)  # columns of one number of lesioned subjects
        self._table = np.zeros((len(self.y) + 1, len(self.y) + 1))
        for m in np.unique(self._group[self.testable]):
            a = np.arange(max(0, m + self.n_positive - len(self.y)), min(m, self.n_positive) + 1)
            self._table[m, a] = self._of_counts(int(m), a)

    def _of_counts(self, m, a):
        """Statistic for m lesioned subjects, of whom a (an array, ascending) score 1."""
        raise NotImplementedError  # each subclass has its own

    def observed(self):
        """Statistic of each column, in float64.

        Returns
        -------
        values : ndarray of shape (n_columns,)
            Positive where lesioned subjects score 1 more often; 0 where all or none are lesioned.
        """
        return self._table[self._group, self._observed_counts()]

    def _observed_counts(self):
        counts, y = np.empty(self.n_columns, dtype=np.intp), self.y.astype(np.float32)
        for part in self.parts(0):
            counts[part] = y @ self.columns[:, part].astype(np.float32)
        return counts

    def _counts(self, draws):
        """A function from columns (a slice or numbers) to the counts a (n_some, n_draws), as exact float32."""
        scores = np.ascontiguousarray(self.y[draws].T, dtype=np.float32)
        return lambda columns: np.ascontiguousarray(self.columns[:, columns].T, dtype=np.float32) @ scores

    def permuted(self, draws):
        """Statistics with permuted scores; see :meth:`TwoSampleStatistic.permuted`."""
        if not isinstance(self.columns, PackedColumns):
            return super().permuted(draws)
        values = self.columns.weighted_sums(self.y[draws].T.astype(self.dtype))  # counts, exactly
        for part in self.parts(len(draws)):
            values[:, part] = self._table[self._group[part], values[:, part].astype(np.intp)]
        return values

    def _values_of(self, draws):
        counts = self._counts(draws)

        def values(part):
            places = counts(part).astype(np.intp)
            places += self._group[part][:, None] * self._table.shape[1]
            return self._table.ravel()[places]

        return values

    def extremes(self, draws, *, rank=1, sizes=None, absolute=False):
        """Highest and lowest statistic of each permutation, in float64 whatever `dtype` is.

        The maximum needs only the highest count of each group of columns with one number of lesioned subjects.

        Parameters
        ----------
        draws : ndarray of shape (n_draws, n_subjects)
            As in :meth:`permuted`.
        rank : int
            1 for the extremes themselves; v for the v-th from each end.
        sizes : ndarray of shape (n_columns,), int, or None
            How often each column counts (the voxels of a patch); None is once.
        absolute : bool
            Whether both ends are one: the v-th largest absolute value, and minus it.

        Returns
        -------
        extremes : ndarray of shape (n_draws, 2), float64
            The v-th highest and the v-th lowest value.
        """
        if rank > 1:
            return super().extremes(draws, rank=rank, sizes=sizes, absolute=absolute)
        found = np.concatenate([self._bounds(draws[some]) for some in chunks(len(draws), 1, DRAWS)])
        if absolute:
            highest = np.maximum(found[:, 0], -found[:, 1])
            return np.column_stack([highest, -highest])
        return found

    def _bounds(self, draws):
        """Highest and lowest statistic (n_draws, 2) of each permutation."""
        order, counts = np.argsort(self._group, kind="stable"), self._counts(draws)
        found = np.repeat([[-np.inf, np.inf]], len(draws), axis=0)
        for part in self.parts(len(draws)):
            columns = order[part]
            groups, starts = np.unique(self._group[columns], return_index=True)
            a = counts(columns)
            for place, bound in enumerate((np.maximum, np.minimum)):
                of_groups = bound.reduceat(a, starts, axis=0).astype(np.intp)
                of_columns = bound.reduce(self._table[groups[:, None], of_groups], axis=0)
                found[:, place] = bound(found[:, place], of_columns)
        return found


class LiebermeisterStatistic(_FourFoldStatistic):
    r"""Liebermeister's test of a binary score against the lesion, for every column, as a signed normal score [1]_.

    Of n subjects m are lesioned and k score 1; a are and do both. Adding 1 to both cells of the diagonal in Fisher's
    test makes it the probability that the lesioned have the lower rate, given the table and uniform priors:

    .. math:: p = P(A > a), \quad A \sim \text{Hypergeometric}(n + 2,\ m + 1,\ k + 1), \quad z = \Phi^{-1}(1 - p).

    The probability for the other side, with 1 added off the diagonal, is just 1 - p, so that one z serves both sides:
    it changes its sign with the coding of the score. It rises with p from group to group of columns with one number
    of lesioned subjects, whatever that number is. NiiStat reports this z for the side that a lies on.

    **Sign**: positive where lesioned subjects score 1 more often. Columns where all or no subjects are lesioned get 0
    and p-value 1.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_columns)
        Lesions as 0 and 1, of type bool, integer or floating point.
    y : array-like of shape (n_subjects,)
        Score of each subject, 0 or 1.
    dtype : {np.float32, np.float64}
        Type of permuted maps. Extremes are always of float64, as the counts are exact.

    Attributes
    ----------
    columns : ndarray of shape (n_subjects, n_columns)
        The lesions.
    n_lesioned, n_spared : ndarray of shape (n_columns,)
        Subjects with and without a lesion in each column.
    n_positive : int
        Subjects with a score of 1.

    Raises
    ------
    ValueError
        If lesions or scores are not 0 and 1, scores are all the same, or the numbers of subjects differ.

    See Also
    --------
    skfuse.lesions.PearsonChi2Statistic : Pearson's statistic of the same table.

    References
    ----------
    .. [1] C. Rorden, H.-O. Karnath, L. Bonilha. J Cogn Neurosci 19 (2007), 1081-1088.
       https://doi.org/10.1162/jocn.2007.19.7.1081

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import LiebermeisterStatistic
    >>> lesions = np.repeat([[0], [1]], 5, axis=0)
    >>> impaired = [0, 0, 1, 0, 0, 1, 1, 0, 1, 1]
    >>> LiebermeisterStatistic(lesions, impaired).observed().round(6).tolist()
    [1.750184]
    """

    def _of_counts(self, m, a):
        n, k = len(self.y) + 2, self.n_positive + 1
        counts = np.arange(a[0], a[-1] + 2)  # the support of A
        log_pmf = _log_binomial(m + 1, counts) + _log_binomial(n - m - 1, k - counts) - _log_binomial(n, k)
        log_below = np.logaddexp.accumulate(log_pmf)[:-1]  # P(A <= a)
        log_above = np.logaddexp.accumulate(log_pmf[::-1])[::-1][1:]  # P(A > a)
        # The smaller of the two is the one that is not rounded to 1.
        return np.where(log_above < log_below, -ndtri_exp(log_above), ndtri_exp(log_below))

    def p_values(self, alternative="two-sided"):
        """P-value of each column, not adjusted.

        Parameters
        ----------
        alternative : {"two-sided", "greater", "less"}
            Whether lesioned subjects score 1 more or less often, only more often, or only less often.

        Returns
        -------
        p_values : ndarray of shape (n_columns,)
            Twice the smaller side for both; 1 for columns that cannot be tested.
        """
        check_alternative(alternative)
        z = self.observed()
        p = one_or_two_sided(np.exp(log_ndtr(-z)), np.exp(log_ndtr(z)), alternative)
        return np.where(self.testable, p, 1.0)


class PearsonChi2Statistic(_FourFoldStatistic):
    r"""Pearson's :math:`\chi^2` of a binary score and the lesion, for every column, with a sign.

    With the four-fold table of a lesioned subjects that score 1, b that score 0, c and d of the spared ones,

    .. math:: X = \operatorname{sign}(a d - b c)\, \frac{n (a d - b c)^2}{(a + b)(c + d)(a + c)(b + d)},

    the value that R's ``chisq.test`` and LESYMAP's ``chisq`` give, and the sign of the relation.

    **Sign**: positive where lesioned subjects score 1 more often. LESYMAP's has none. Columns where all or no subjects
    are lesioned get 0 and p-value 1.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_columns)
        Lesions as 0 and 1, of type bool, integer or floating point.
    y : array-like of shape (n_subjects,)
        Score of each subject, 0 or 1.
    yates : bool
        Whether to bring each cell up to half a subject nearer to its expectation (Yates), as LESYMAP does by default.
    dtype : {np.float32, np.float64}
        Type of permuted maps. Extremes are always of float64, as the counts are exact.

    Attributes
    ----------
    columns : ndarray of shape (n_subjects, n_columns)
        The lesions.
    n_lesioned, n_spared : ndarray of shape (n_columns,)
        Subjects with and without a lesion in each column.
    n_positive : int
        Subjects with a score of 1.

    Raises
    ------
    ValueError
        If lesions or scores are not 0 and 1, scores are all the same, or the numbers of subjects differ.

    See Also
    --------
    skfuse.lesions.LiebermeisterStatistic : Nearly exact where few subjects are in a cell.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import PearsonChi2Statistic
    >>> lesions = np.repeat([[0], [1]], 5, axis=0)
    >>> statistic = PearsonChi2Statistic(lesions, [1, 1, 0, 1, 1, 0, 0, 1, 0, 0])
    >>> statistic.observed().round(6).tolist(), statistic.p_values().round(4).tolist()
    ([-3.6], [0.0578])
    """

    def __init__(self, X, y, *, yates=False, dtype=np.float32):
        self.yates = yates
        super().__init__(X, y, dtype=dtype)

    def _of_counts(self, m, a):
        n, k = len(self.y), self.n_positive
        excess = n * a - m * k  # the determinant a d - b c, a whole number
        size = np.abs(excess).astype(np.float64)
        if self.yates:
            size = np.maximum(size - n / 2, 0.0)
        return np.sign(excess) * size**2 * (n / (m * (n - m) * k * (n - k)))

    def p_values(self, alternative="two-sided"):
        r"""P-value of each column by the distribution of :math:`\chi^2` with 1 degree of freedom, not adjusted.

        Parameters
        ----------
        alternative : {"two-sided", "greater", "less"}
            Whether lesioned subjects score 1 more or less often, only more often, or only less often: one side has the
            normal distribution of the signed root.

        Returns
        -------
        p_values : ndarray of shape (n_columns,)
            1 for columns that cannot be tested.
        """
        check_alternative(alternative)
        values = self.observed()
        root = np.sign(values) * np.sqrt(np.abs(values))
        p = one_or_two_sided(np.exp(log_ndtr(-root)), np.exp(log_ndtr(root)), alternative)
        return np.where(self.testable, p, 1.0)


def _log_binomial(n, k):
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
