"""How far clusters differ in variables of any type: one quadratic form for all, so that permutations go in batches."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, ncf, ncx2, rankdata
from sklearn.utils import check_random_state

from skfuse.permutation import draw_permutations, max_statistic_p_values, permutation_p_value

#: Bytes of one batch of permutations.
_BATCH_BYTES = 1 << 25


class ClusterStatistics:
    r"""Statistics of association between a clustering and variables, for many permutations of the clustering at once.

    Numbers become ranks (or stay as they are), a category one 0/1 column per level. With :math:`d` such a column,
    centered over the subjects that have the variable, and :math:`S_c` its sum over cluster :math:`c` of :math:`n_c` of
    these subjects, every statistic is

    .. math:: T = \sum_l w_l \sum_c S_{cl}^2 / n_c,

    which is the Kruskal-Wallis :math:`H` (ties corrected) of ranks for :math:`w = (N - 1) / \sum d^2`, the same with
    :math:`\eta^2 (N - 1)` of numbers, and Pearson's :math:`\chi^2 (N - 1) / N` of a category for
    :math:`w_l = (N - 1) / (N p_l)`. All are about :math:`\chi^2` distributed with :math:`(k - 1) r` degrees of freedom,
    r = 1 or the number of levels less one, where clusters and variable are independent.

    Parameters
    ----------
    variables : list of Variable
        All of them must vary among the subjects.
    codes : ndarray of shape (n_subjects,), int
        Cluster of each subject from 0; all are clustered.
    strata : ndarray of shape (n_subjects,) or None
        Columns are centered (and ranked) within strata, so that what strata explain counts for nothing.
    statistic : {"rank", "mean"}
        Whether numbers are ranked.
    """

    def __init__(self, variables, codes, *, strata=None, statistic="rank"):
        self.codes = codes
        self.n_clusters = int(codes.max()) + 1
        self.strata = strata
        columns, weights, owners, masks = [], [], [], []
        for number, variable in enumerate(variables):
            held, scale = _columns(variable, strata, statistic)
            columns.append(held)
            weights.append(scale)
            owners += [number] * held.shape[1]
            masks.append(variable.present)
        self.columns, self.weights, self.owners = np.hstack(columns), np.concatenate(weights), np.array(owners)
        # Variables with the same missing cells share the sizes of their groups: the last columns of one product.
        masks, self._mask_of = np.unique(np.array(masks, dtype=np.float64), axis=0, return_inverse=True)
        self._product = np.hstack([self.columns, masks.T])
        sizes = np.array([masks[:, codes == cluster].sum(axis=1) for cluster in range(self.n_clusters)])
        levels = np.array([max(1, len(variable.levels) - 1) for variable in variables])
        self.degrees_of_freedom = np.maximum(1, (sizes[:, self._mask_of] > 0).sum(axis=0) - 1) * levels
        self.observed = self.of(codes[None, :])[0]

    def of(self, codes):
        """Statistics (n_orders, n_variables) of clusterings `codes` (n_orders, n_subjects)."""
        total = np.zeros((len(codes), self.columns.shape[1]))
        for cluster in range(self.n_clusters):
            sums = (codes == cluster).astype(np.float64) @ self._product
            sizes = sums[:, self.columns.shape[1] :][:, self._mask_of[self.owners]]
            # An empty group has sums of 0.
            total += sums[:, : self.columns.shape[1]] ** 2 / np.maximum(sizes, 1.0)
        return np.add.reduceat(total * self.weights, np.flatnonzero(np.diff(self.owners, prepend=-1)), axis=1)

    def null(self, n_permutations, random_state):
        """Statistics (n_permutations, n_variables) of permuted clusterings, within strata where there are any."""
        if not isinstance(n_permutations, Integral) or n_permutations < 1:
            raise ValueError(f"`n_permutations` must be a whole number of at least 1, got {n_permutations!r}.")
        rng = check_random_state(random_state)  # batches draw on from it, so that their size changes nothing
        n = len(self.codes)
        codes = self.codes.astype(np.min_scalar_type(-self.n_clusters))  # a byte each moves faster
        batch = max(1, _BATCH_BYTES // (16 * n))
        null = np.empty((n_permutations, len(self.observed)))
        for start in range(0, n_permutations, batch):
            stop = min(start + batch, n_permutations)
            draws = draw_permutations(n, stop - start, blocks=self.strata, random_state=rng)
            null[start:stop] = self.of(codes[draws])
        return null

    def on_one_scale(self, statistics):
        """Statistics with different degrees of freedom as normal deviates (after Wilson and Hilferty)."""
        spread = 2.0 / (9.0 * self.degrees_of_freedom)
        return (np.cbrt(statistics / self.degrees_of_freedom) - (1.0 - spread)) / np.sqrt(spread)


def permutation_p_values(statistics, n_permutations, random_state):
    """P-values of each variable and, by the maximum statistic, of the family.

    Parameters
    ----------
    statistics : ClusterStatistics
    n_permutations : int
    random_state : int, RandomState or None

    Returns
    -------
    p_values, familywise : ndarray of shape (n_variables,)
    """
    null = statistics.null(n_permutations, random_state)
    each = permutation_p_value(statistics.observed, null)
    family = max_statistic_p_values(statistics.on_one_scale(statistics.observed), statistics.on_one_scale(null))
    return np.atleast_1d(each), family


def _columns(variable, strata, statistic):
    """Centered columns (n_subjects, n_columns), 0 where missing, and their weights."""
    present = variable.present
    n = present.sum()
    if variable.kind == "categorical":
        raw = (variable.values[:, None] == np.arange(len(variable.levels))).astype(np.float64)
    else:
        raw = variable.values[:, None].copy()
    columns = np.zeros_like(raw)
    for rows in _groups(present, strata):
        held = raw[rows]
        if variable.kind == "numeric" and statistic == "rank":
            # Divided by the size of the stratum (van Elteren): a large one must not outweigh the small by its ranks.
            held = rankdata(held, axis=0) / (len(rows) + 1.0) if strata is not None else rankdata(held, axis=0)
        columns[rows] = held - held.mean(axis=0)
    # What rounding leaves where strata explain a variable wholly is nothing.
    unit = np.abs(raw[present]).max() if variable.kind == "numeric" and statistic == "mean" else 1.0
    columns[np.abs(columns) <= 1e-12 * unit] = 0.0
    if variable.kind == "categorical":
        return columns, (n - 1.0) / (n * raw[present].mean(axis=0))
    spread = (columns**2).sum(axis=0)
    return columns, np.where(spread > 0, (n - 1.0) / np.where(spread > 0, spread, 1.0), 0.0)


def _groups(present, strata):
    if strata is None:
        return [np.flatnonzero(present)]
    return [np.flatnonzero(present & (strata == stratum)) for stratum in np.unique(strata[present])]


# Effect sizes ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effect:
    """An effect size with its interval."""

    name: str
    value: float
    low: float
    high: float


def effect_size(variable, codes, *, statistic="rank", level=0.95):
    r"""How strongly clusters and a variable are associated, corrected for the bias of small samples.

    Numbers: :math:`\varepsilon^2 = 1 - (1 - \eta^2)(n - 1)/(n - k)` of the ranks (or values), the share of their
    variance that lies between clusters; it equals :math:`(H - k + 1)/(n - k)`. Categories: Cramér's V with Bergsma's
    correction. Both are cut at 0. Intervals invert the noncentral F and :math:`\chi^2` distributions; they take
    no notice of strata.

    Parameters
    ----------
    variable : Variable
    codes : ndarray of shape (n_subjects,), int
    statistic : {"rank", "mean"}
    level : float

    Returns
    -------
    effect : Effect
    """
    alone = ClusterStatistics([variable], codes, statistic=statistic)
    held = codes[variable.present]
    n, k = len(held), len(np.unique(held))
    if k < 2 or n <= k:
        return Effect("none", np.nan, np.nan, np.nan)
    observed = float(alone.observed[0])
    if variable.kind == "categorical":
        return _cramers_v(observed * n / (n - 1.0), n, k, len(variable.levels), level)
    share = min(1.0, observed / (n - 1.0))
    epsilon = max(0.0, 1.0 - (1.0 - share) * (n - 1.0) / (n - k))
    name = "epsilon squared of ranks" if statistic == "rank" else "epsilon squared"
    if share > 1.0 - 1e-12:
        return Effect(name, epsilon, 1.0, 1.0)
    ratio = share / (1.0 - share) * (n - k) / (k - 1.0)
    low, high = _noncentrality(lambda nc: ncf.cdf(ratio, k - 1, n - k, nc), ratio * (k - 1), level)
    return Effect(name, epsilon, low / (low + n), high / (high + n))


def _cramers_v(x2, n, k, r, level):
    """Bias-corrected V (Bergsma 2013) with the interval of the noncentral chi-squared distribution."""
    df = (k - 1) * (r - 1)
    phi2 = max(0.0, x2 / n - df / (n - 1.0))
    smaller = min(k - (k - 1.0) ** 2 / (n - 1.0), r - (r - 1.0) ** 2 / (n - 1.0)) - 1.0
    low, high = _noncentrality(lambda nc: ncx2.cdf(x2, df, nc) if nc > 0 else chi2.cdf(x2, df), x2, level)
    limits = np.minimum(1.0, np.sqrt(np.array([low, high]) / (n * (min(k, r) - 1.0))))
    value = min(1.0, np.sqrt(phi2 / smaller)) if smaller > 0 else 0.0
    return Effect("Cramér's V", float(value), float(limits[0]), float(limits[1]))


def _noncentrality(cdf, start, level):
    """Noncentralities at which the observed statistic has probability (1 ± level) / 2 of not being exceeded."""
    tail = (1.0 - level) / 2.0
    limits = []
    for probability in (1.0 - tail, tail):
        if cdf(0.0) <= probability:
            limits.append(0.0)
            continue
        above = max(start, 1.0)
        while cdf(above) > probability:
            above *= 2.0
        limits.append(float(brentq(lambda nc, p=probability: cdf(nc) - p, 0.0, above, xtol=1e-7 * above)))
    return limits
