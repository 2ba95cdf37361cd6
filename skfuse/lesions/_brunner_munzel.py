r"""Brunner-Munzel statistics of every column, with ties, under permutations.

Notation. Scores are sorted into groups of tied scores g = 0, 1, ... with :math:`t_g` subjects, of whom :math:`B_g` are
lesioned; m and l are all lesioned and all spared, n = m + l. Before group g come :math:`s_g` subjects and :math:`S_g`
lesioned ones. With :math:`K_g = s_g + t_g / 2` and :math:`M_g = S_g + B_g / 2` the placement of a lesioned subject
(spared ones below it, ties as halves) is :math:`K_g - M_g`, that of a spared subject (lesioned ones below) :math:`M_g`.

Summation by parts turns the sums of placements and of their squares into sums over the boundaries of groups, with
:math:`w_g = K_g - K_{g-1}` and :math:`w_g k_g = (K_g^2 - K_{g-1}^2) / 2`:

.. math:: u = \sum w_g S_g, \quad v = \sum w_g S_g^2, \quad q = \sum w_g k_g S_g,

beside constants of each column and the corrections :math:`C = \sum (t_g B_g^2 - B_g)`,
:math:`E = \sum (B_g^3 - B_g)`, which are 0 without ties. In the units of :math:`c' = 2 c - l` for placements c of
lesioned and :math:`d' = 2 d - m` for d of spared subjects everything is a whole number:

.. math::
    e &= \sum c' = -\sum d' = m (n - t_{last}) - 2 u \\
    \sum c'^2 &= 4 K^2 m - 4 K m^2 + \tfrac{4 m^3 - m}{3} - m l^2 + 4 v - 8 q - \tfrac{E}{3} - 2 l e \\
    \sum d'^2 &= 2 t_{last} m^2 - m - \tfrac{4 m^3 - m}{3} - l m^2 + 4 v - C + \tfrac{E}{3} + 2 m e

with :math:`K = n - t_{last} / 2` of the last group, and the statistic is
:math:`e / \sqrt{\frac{m}{m-1} (\sum c'^2 - e^2/m) + \frac{l}{l-1} (\sum d'^2 - e^2/l)}`.
"""

import numpy as np

from skfuse._chunks import chunks
from skfuse.lesions._two_sample import DRAWS, StudentStatistic

_SEPARATED = 1e-5  # distance of the relative effect from 0 and 1 where the groups do not overlap, as in LESYMAP
_LEAST_SQUARES = 1 / 16  # of deviations from a mean placement: below it they are 0 but for rounding
_BLOCKS = 16  # that are prepared together
_EXACT = 2**24  # float32 holds all whole numbers up to here


class BrunnerMunzelStatistic(StudentStatistic):
    r"""Brunner-Munzel test of the scores of lesioned against spared subjects, for every column [1]_.

    With :math:`\hat p` the share of pairs in which the lesioned subject scores higher (ties count half), and
    :math:`S_1`, :math:`S_2` the variances of the placements of the :math:`n_1` spared and :math:`n_2` lesioned subjects
    in the other group,

    .. math:: W = (\hat p - \tfrac{1}{2}) \sqrt{\frac{n_1 n_2}{S_1 / n_2 + S_2 / n_1}}.

    **Sign**: positive where lesioned subjects score **higher**, like a correlation of lesion and score. LESYMAP, and
    ``scipy.stats.brunnermunzel(lesioned, spared)``, give the opposite sign.

    **Guards**, as in LESYMAP [2]_, for groups that overlap so little that a variance is 0: :math:`\hat p = 0` becomes
    1e-5, :math:`\hat p = 1` becomes 1 - 1e-5, and a variance :math:`S_i = 0` becomes :math:`1 / (4 n_i)`, so that the
    statistic is finite (SciPy gives infinity where both are 0). Here the degrees of freedom use the guarded variances,
    too. Student's distribution is poor for groups below about ten: use permutations.

    Columns with fewer than two lesioned or spared subjects get statistic 0 and p-value 1.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_columns)
        Lesions as 0 and 1, of type bool, integer or floating point.
    y : array-like of shape (n_subjects,)
        Score of each subject, in any unit: only its order matters. Ties are allowed.
    dtype : {np.float32, np.float64}
        Precision of permuted statistics. In float32 the sums of ranks are still exact; where so many subjects are
        lesioned that they would not be (some 200 subjects with half of them lesioned), float64 is used, and values are
        rounded to float32 at the end. The observed statistics are always in float64.

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
    skfuse.lesions.WelchStatistic : The comparison of means, without ranks.

    References
    ----------
    .. [1] E. Brunner, U. Munzel. Biometrical Journal 42 (2000), 17-25.
       https://doi.org/10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U
    .. [2] D. Pustina et al. Neuropsychologia 115 (2018), 154-166.
       https://doi.org/10.1016/j.neuropsychologia.2017.08.027

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import BrunnerMunzelStatistic
    >>> from skfuse.permutation import draw_permutations
    >>> rng = np.random.default_rng(0)
    >>> lesions = rng.integers(0, 2, size=(40, 300), dtype=np.uint8)
    >>> score = 10 - 3 * lesions[:, 0] + rng.normal(size=40)
    >>> statistic = BrunnerMunzelStatistic(lesions, score)
    >>> int(statistic.observed().argmin())
    0
    >>> lowest = statistic.extremes(draw_permutations(40, 99, random_state=0))[:, 1]
    >>> bool(statistic.observed()[0] < lowest.min())
    True
    """

    def __init__(self, X, y, *, dtype=np.float32):
        super().__init__(X, y, dtype=dtype)
        self._order = np.argsort(self.y, kind="stable")
        ordered = self.y[self._order]
        self._starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self._sizes = np.diff(self._starts, append=len(ordered))

    def parts(self, n_draws):
        """Slices of the columns: with permutations, blocks as wide as the compiled loop takes them, more if few."""
        if not n_draws:
            return super().parts(n_draws)
        from skfuse.lesions._ranks_compiled import LANES

        return chunks(self.n_columns, 1, LANES * max(1, min(DRAWS // n_draws, _BLOCKS)))

    def _observed_with_degrees(self, lesions, tested):
        m, l = self.n_lesioned[tested], self.n_spared[tested]
        lesioned = np.add.reduceat(lesions[self._order].astype(np.float64), self._starts, axis=0)
        sizes = self._sizes[:, None]
        of_spared = np.cumsum(lesioned, axis=0) - lesioned / 2
        of_lesioned = (self._starts[:, None] + sizes / 2) - of_spared
        p = (lesioned * of_lesioned).sum(axis=0) / (m * l)
        variance_lesioned = (lesioned * (of_lesioned - p * l) ** 2).sum(axis=0) / (m - 1)
        variance_spared = ((sizes - lesioned) * (of_spared - (1 - p) * m) ** 2).sum(axis=0) / (l - 1)
        # Placements are whole or half: a sum of squared deviations that is not 0 is at least 1/8.
        variance_lesioned = np.where(variance_lesioned * (m - 1) < _LEAST_SQUARES, 1 / (4 * m), variance_lesioned)
        variance_spared = np.where(variance_spared * (l - 1) < _LEAST_SQUARES, 1 / (4 * l), variance_spared)
        shift = p - 0.5
        shift = np.where(np.abs(shift) >= 0.5 - 0.1 / (m * l), np.sign(shift) * (0.5 - _SEPARATED), shift)
        a, b = m * variance_lesioned, l * variance_spared
        return shift * m * l / np.sqrt(a + b), (a + b) ** 2 / (a**2 / (m - 1) + b**2 / (l - 1))

    def _values_of(self, draws):
        from skfuse.lesions._ranks_compiled import LANES, STEP, brunner_munzel_block

        n = len(self.y)
        exact = 4 * n**2 * self.n_lesioned.max(initial=0) < _EXACT
        working = np.float32 if self.dtype == np.float32 and exact else np.float64
        subject_of = np.empty_like(draws)
        np.put_along_axis(subject_of, draws, np.arange(n)[None, :], axis=1)
        orders = np.full((len(draws), -(-n // STEP) * STEP), n, dtype=np.intp)  # row n holds zeros
        orders[:, :n] = subject_of[:, self._order]
        weights = boundary_weights(self._starts, self._sizes, orders.shape[1]).astype(working)
        ties = np.column_stack([self._starts, self._sizes])[self._sizes > 1]

        def values(part):
            lesions, constants = self.columns[:, part], self._constants(part)
            found = np.empty((lesions.shape[1], len(draws)), working)
            for some in chunks(lesions.shape[1], 1, LANES):
                width = some.stop - some.start
                block, of_block = np.zeros((n + 1, LANES), working), np.zeros((len(constants), LANES), working)
                block[:n, :width], of_block[:, :width] = lesions[:, some], constants[:, some]
                of_draws = np.empty((len(draws), LANES), working)
                brunner_munzel_block(block, orders, weights, ties, of_block, of_draws)
                found[some] = of_draws[:, :width].T
            return found

        return values

    def _constants(self, part):
        """What the statistic of each column needs beside u, v, q, C and E: rows as `_ranks_compiled.py` reads them."""
        m, l, n, last = self.n_lesioned[part], self.n_spared[part], len(self.y), self._sizes[-1]
        k, cubic = n - last / 2, (4 * m**3 - m) / 3
        factor = np.where(self.testable[part], 1.0, 0.0)
        return np.stack(
            [
                m * (n - last),
                m,
                l,
                m * l,
                factor,
                4 * k**2 * m - 4 * k * m**2 + cubic - m * l**2,
                2 * last * m**2 - m - cubic - l * m**2,
                1 / np.maximum(m, 1),
                1 / np.maximum(l, 1),
                m / np.maximum(m - 1, 1),
                l / np.maximum(l - 1, 1),
            ]
        )


def boundary_weights(starts, sizes, n_places):
    """Weights w and w k of the lesioned before each place, 0 where no new group of tied scores begins.

    Parameters
    ----------
    starts, sizes : ndarray of shape (n_groups,), int
        First place and number of subjects of each group of tied scores.
    n_places : int
        At least the number of subjects; places beyond it weigh 0.

    Returns
    -------
    weights : ndarray of shape (2, n_places)
        w and w k.
    """
    centers = starts + sizes / 2
    weights = np.zeros((2, n_places))
    weights[0, starts[1:]] = np.diff(centers)
    weights[1, starts[1:]] = np.diff(centers**2) / 2
    return weights
