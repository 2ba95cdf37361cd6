"""What the statistics that compare lesioned to spared subjects share: checks, counts, walks over the columns."""

import numpy as np

from skfuse._chunks import chunks
from skfuse.lesions._columns import is_binary
from skfuse.lesions._packed_columns import PackedColumns
from skfuse.permutation import MapStatistic
from skfuse.permutation._ranked import RankedExtremes, draws_at_a_time

ALTERNATIVES = ("two-sided", "greater", "less")
_CHUNK_BYTES = 2**22  # of the values of some columns under permutations
_COPY_BYTES = 2**20  # of copies of some columns
DRAWS = 1024  # permutations that are worked on at a time


class TwoSampleStatistic(MapStatistic):
    """A statistic of the scores of subjects with a lesion in a place against those of subjects without one.

    A subclass gives :meth:`observed` and `_values_of`, a function from permutations to a function from some of the
    columns to their values (n_some, n_draws).

    Parameters
    ----------
    X : ndarray or PackedColumns of shape (n_subjects, n_columns)
        Lesions as 0 and 1, of type bool, integer or floating point, or as bits.
    y : array-like of shape (n_subjects,)
        Score of each subject.
    dtype : {np.float32, np.float64}
        Precision of permuted statistics.

    Attributes
    ----------
    columns : ndarray or PackedColumns of shape (n_subjects, n_columns)
        The lesions, not copied.
    n_lesioned, n_spared : ndarray of shape (n_columns,), float64
        Subjects with and without a lesion in each column.
    """

    least = 1  # subjects that each group needs
    n_maps = 8

    def __init__(self, X, y, *, dtype=np.float32):
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"`dtype` must be float32 or float64, got {self.dtype}.")
        self.columns = X if isinstance(X, PackedColumns) else np.asarray(X)
        if len(self.columns.shape) != 2:
            raise ValueError(f"`X` has shape {self.columns.shape}, wanted (n_subjects, n_columns).")
        n, self.n_columns = self.columns.shape
        self.y = np.asarray(y, dtype=np.float64)
        if self.y.shape != (n,):
            raise ValueError(f"`y` has shape {self.y.shape}, wanted ({n},): one score for each row of `X`.")
        if not np.isfinite(self.y).all():
            raise ValueError(
                f"The score is NaN or infinite for {np.count_nonzero(~np.isfinite(self.y))} subjects, the first in row "
                f"{int(np.argmin(np.isfinite(self.y)))}. Leave these subjects out of `X` and `y`."
            )
        if np.ptp(self.y) == 0:
            raise ValueError(f"All {n} subjects have the score {self.y[0]:g}. A map needs a score that varies.")
        self.n_lesioned = np.empty(self.n_columns)
        for part in self.parts(0):
            some = self.columns[:, part]
            if not is_binary(some):
                raise ValueError(
                    f"Columns {part.start} to {part.stop - 1} of `X` hold values other than 0 and 1. Groups of "
                    "lesioned and spared subjects need binary lesions: threshold them, or use a regression."
                )
            self.n_lesioned[part] = np.count_nonzero(some, axis=0)
        self.n_spared = n - self.n_lesioned
        self.testable = np.minimum(self.n_lesioned, self.n_spared) >= self.least

    def parts(self, n_draws):
        """Slices of the columns whose float64 copy, and whose values under so many permutations, stay small."""
        if not n_draws:
            return chunks(self.n_columns, 8 * len(self.y), _COPY_BYTES)
        return chunks(self.n_columns, 8 * max(n_draws, len(self.y)), _CHUNK_BYTES)

    def permuted(self, draws):
        """Statistics with permuted scores.

        Parameters
        ----------
        draws : ndarray of shape (n_draws, n_subjects)
            Permutations of the row numbers: ``y[draws[b]]`` are the b-th permuted scores.

        Returns
        -------
        values : ndarray of shape (n_draws, n_columns)
            Of type `dtype`.
        """
        values, values_of = np.empty((len(draws), self.n_columns), dtype=self.dtype), self._values_of(draws)
        for part in self.parts(len(draws)):
            values[:, part] = values_of(part).T
        return values

    def extremes(self, draws, *, rank=1, sizes=None, absolute=False):
        """Highest and lowest statistic of each permutation, without whole maps in memory.

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
        found = np.empty((len(draws), 2))
        for some in chunks(len(draws), 1, draws_at_a_time(rank, DRAWS)):
            values_of, tracker = self._values_of(draws[some]), RankedExtremes(rank, sizes, absolute)
            for part in self.parts(some.stop - some.start):
                tracker.add(values_of(part), part)
            found[some] = tracker.found()
        return found

    def _values_of(self, draws):
        raise NotImplementedError  # each subclass has its own


class StudentStatistic(TwoSampleStatistic):
    """A statistic with Student's distribution, its degrees of freedom estimated for each column.

    Columns with fewer than two lesioned or spared subjects cannot be tested: their statistic is 0 and their p-value 1.
    A subclass gives `_observed_with_degrees`.
    """

    least = 2  # no variance of a group without two

    def __init__(self, X, y, *, dtype=np.float32):
        super().__init__(X, y, dtype=dtype)
        self._observed = None

    def observed(self):
        """Statistic of each column, in float64.

        Returns
        -------
        values : ndarray of shape (n_columns,)
            Positive where lesioned subjects score higher; 0 for columns that cannot be tested.
        """
        return self._estimates()[0].copy()

    def degrees_of_freedom(self):
        """Degrees of freedom of each column, after Satterthwaite.

        Returns
        -------
        degrees : ndarray of shape (n_columns,)
            NaN for columns that cannot be tested.
        """
        return self._estimates()[1].copy()

    def p_values(self, alternative="two-sided"):
        """P-value of each column by Student's distribution, not adjusted.

        Parameters
        ----------
        alternative : {"two-sided", "greater", "less"}
            Whether lesioned subjects differ, score higher, or score lower.

        Returns
        -------
        p_values : ndarray of shape (n_columns,)
            1 for columns that cannot be tested.
        """
        from scipy.stats import t

        check_alternative(alternative)
        values, degrees = self._estimates()
        p = one_or_two_sided(t.sf(values, degrees), t.cdf(values, degrees), alternative)
        return np.where(self.testable, p, 1.0)

    def _estimates(self):
        if self._observed is None:
            values, degrees = np.zeros(self.n_columns), np.full(self.n_columns, np.nan)
            for part in self.parts(0):
                tested = np.arange(part.start, part.stop)[self.testable[part]]
                values[tested], degrees[tested] = self._observed_with_degrees(self.columns[:, tested], tested)
            self._observed = values, degrees
        return self._observed

    def _observed_with_degrees(self, lesions, tested):
        raise NotImplementedError  # each subclass has its own


def check_alternative(alternative):
    """Refuse a word that names no alternative."""
    if alternative not in ALTERNATIVES:
        raise ValueError(f"`alternative` must be one of {list(ALTERNATIVES)}, got {alternative!r}.")


def one_or_two_sided(above, below, alternative):
    """The p-value that is asked for, from those of both sides.

    Parameters
    ----------
    above, below : ndarray of any shape
        Probabilities of a value at least as high, and at least as low.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    p_values : ndarray of the same shape
    """
    if alternative == "two-sided":
        return np.minimum(1.0, 2.0 * np.minimum(above, below))
    return above if alternative == "greater" else below
