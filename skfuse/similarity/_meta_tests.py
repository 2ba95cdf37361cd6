"""Held-out variables against all solutions of a search: p-values that hold over the whole search."""

from dataclasses import dataclass
from math import lgamma

import numpy as np
from scipy.stats import rankdata

from skfuse._mixed_features import MixedFeatures
from skfuse.modalities._container import as_table, column_names, is_frame, n_columns, take_columns
from skfuse.permutation import draw_permutations, max_statistic_p_values, permutation_p_value
from skfuse.similarity._meta_agreement import memberships

_COPY = 0.999  # two columns with a correlation beyond this, of values or of ranks, are one measurement


@dataclass(frozen=True)
class SearchTests:
    """Tests of held-out variables against every solution of a search.

    Attributes
    ----------
    variable : list of str
        Names of the variables.
    statistic : ndarray of shape (n_solutions, n_variables)
        Kruskal-Wallis H or Pearson's chi-squared as a normal deviate; large where clusters differ. NaN for a variable
        that does not vary.
    p_familywise : ndarray of shape (n_solutions, n_variables)
        P-value of each pair that holds the family-wise error over all solutions and all variables.
    best_solution : ndarray of int of shape (n_variables,)
        Solution of the largest statistic; -1 for a variable that does not vary.
    p_search : ndarray of shape (n_variables,)
        P-value of the largest statistic of each variable, corrected for the search over solutions, not for the number
        of variables.
    p_adjusted : ndarray of shape (n_variables,)
        The same, corrected for both.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity._meta_tests import search_tests
    >>> labels = np.array([[0] * 10 + [1] * 10, [0, 1] * 10])
    >>> tests = search_tests(labels, np.arange(20.0), n_permutations=99, random_state=0)
    >>> tests.best_solution.tolist(), tests.p_adjusted.tolist()
    ([0], [0.01])
    """

    variable: list
    statistic: np.ndarray
    p_familywise: np.ndarray
    best_solution: np.ndarray
    p_search: np.ndarray
    p_adjusted: np.ndarray

    def to_frame(self):
        """Return the tests as a pandas DataFrame, a row per variable."""
        import pandas as pd

        columns = {"best_solution": self.best_solution, "p_search": self.p_search, "p_adjusted": self.p_adjusted}
        return pd.DataFrame(columns, index=pd.Index(self.variable, name="variable"))


def search_tests(labels, variables, *, n_permutations=999, strata=None, random_state=None):
    r"""Test held-out variables against many clusterings at once.

    With :math:`S_c` the sum of a column over the :math:`n_c` subjects of cluster *c* who have it (ranks for numbers,
    one 0/1 column per level for categories) and *S*, *N* those over all clusters, the sum of squares between them is
    :math:`\sum_c S_c^2 / n_c - S^2 / N`. From it come the Kruskal-Wallis *H* and Pearson's :math:`\chi^2 (N-1)/N`,
    which Wilson and Hilferty's cube root makes normal deviates, comparable over numbers of clusters and levels. A
    permutation moves the subjects of all variables together, against all clusterings.

    Parameters
    ----------
    labels : ndarray of int of shape (n_solutions, n_subjects)
        -1 for who is in no cluster.
    variables : data frame or array-like of shape (n_subjects,) or (n_subjects, n_variables)
    n_permutations : int
    strata : array-like of shape (n_subjects,) or None
    random_state : int, RandomState or None

    Returns
    -------
    tests : SearchTests
    """
    names, values, is_category = read_variables(variables, labels.shape[1])
    varies = np.array([len(np.unique(column[~np.isnan(column)])) > 1 for column in values.T], dtype=bool)
    if not varies.any():
        raise ValueError(f"None of the variables {names} varies. Give variables that do.")
    tested = np.flatnonzero(varies)
    statistics = _Statistics(labels, values[:, tested], is_category[tested])
    draws = draw_permutations(labels.shape[1], n_permutations, blocks=strata, random_state=random_state)
    observed = statistics.of(np.arange(labels.shape[1]))
    null = np.array([statistics.of(order).max(axis=0) for order in draws])  # (n_permutations, n_tested)
    largest = np.broadcast_to(null.max(axis=1)[:, None], (n_permutations, observed.size))
    full = np.full((len(labels), len(names)), np.nan)
    statistic, p_familywise = full.copy(), full.copy()
    best, p_search, p_adjusted = np.full(len(names), -1), full[0].copy(), full[0].copy()
    statistic[:, tested] = observed
    p_familywise[:, tested] = max_statistic_p_values(observed.ravel(), largest).reshape(observed.shape)
    best[tested] = observed.argmax(axis=0)
    p_search[tested] = permutation_p_value(observed.max(axis=0), null)
    p_adjusted[tested] = p_familywise[:, tested].min(axis=0)
    return SearchTests(names, statistic, p_familywise, best, p_search, p_adjusted)


class _Statistics:
    """Statistics (n_solutions, n_variables) for any order of the subjects of the variables."""

    def __init__(self, labels, values, is_category):
        self.members, self.starts = memberships(labels)
        columns, owners = [], []
        for place, column in enumerate(values.T):
            has = ~np.isnan(column)
            if is_category[place]:
                held = (column[:, None] == np.unique(column[has])).astype(np.float64)
            else:
                held = np.zeros((len(column), 1))
                ranks = rankdata(column[has])
                held[has, 0] = (ranks - ranks.mean()) / ranks.std()
            columns.append(held)
            owners += [place] * held.shape[1]
        self.columns, self.owners = np.hstack(columns), np.array(owners)
        self.first = np.flatnonzero(np.diff(self.owners, prepend=-1))
        self.is_level = is_category[self.owners]
        masks, mask_of = np.unique(~np.isnan(values), axis=1, return_inverse=True)
        self.mask_of = mask_of.ravel()[self.owners]
        numbers = self.columns[:, ~self.is_level]
        self.product = np.hstack([self.columns, numbers * numbers, masks.astype(np.float64)])
        sizes = self.members.T @ masks
        clusters = np.add.reduceat(sizes > 0, self.starts, axis=0, dtype=np.float64)[:, mask_of.ravel()]
        levels = np.maximum(np.bincount(self.owners) - 1, 1)
        self.freedom = np.maximum(clusters - 1, 1) * levels

    def of(self, order):
        """Normal deviates of each solution and variable, the subjects of the variables in this order."""
        sums = self.members.T @ self.product[order]
        width, n_numbers = len(self.owners), int((~self.is_level).sum())
        S, squares = sums[:, :width], np.add.reduceat(sums[:, width : width + n_numbers], self.starts, axis=0)
        sizes = sums[:, width + n_numbers :][:, self.mask_of]
        N, total = np.add.reduceat(sizes, self.starts, axis=0), np.add.reduceat(S, self.starts, axis=0)
        mean_part = total * total / np.maximum(N, 1.0)
        between = np.add.reduceat(S * S / np.maximum(sizes, 1.0), self.starts, axis=0) - mean_part
        spread = total.copy()  # of a level: the chi-squared divides by what is expected of it
        spread[:, ~self.is_level] = squares - mean_part[:, ~self.is_level]
        usable = spread > 1e-9 * np.maximum(N, 1.0)
        share = np.divide(between, spread, out=np.zeros_like(spread), where=usable)
        statistic = np.add.reduceat((N - 1.0) * np.maximum(share, 0.0), self.first, axis=1)
        small = 2.0 / (9.0 * self.freedom)
        return (np.cbrt(statistic / self.freedom) - (1.0 - small)) / np.sqrt(small)


def read_variables(variables, n_subjects):
    """Names, values (n_subjects, n_variables) with codes for categories and NaN for missing, and which are categories.

    Parameters
    ----------
    variables : data frame or array-like of shape (n_subjects,) or (n_subjects, n_variables)
    n_subjects : int
    """
    if not is_frame(variables):
        name = getattr(variables, "name", None)
        array = np.asarray(variables)
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2:
            raise ValueError(f"`variables` has shape {array.shape}, wanted (n_subjects, n_variables).")
        names = [f"variables[{j}]" for j in range(array.shape[1])] if name is None else [str(name)]
        variables = array if array.dtype.kind in "fiub" else array.astype(object)
    else:
        names = column_names(variables) or [f"variables[{j}]" for j in range(n_columns(variables))]
    if len(variables) != n_subjects:
        raise ValueError(
            f"`variables` has {len(variables)} rows, wanted one for each of the {n_subjects} clustered subjects."
        )
    values, features = _encoded(variables)
    for place, name in enumerate(names):
        if not np.isfinite(features.range_[place]):
            raise ValueError(f"Variable {name!r} is infinite somewhere. Replace it by NaN if the value is missing.")
        n, levels = int((~np.isnan(values[:, place])).sum()), len(features.categories_[place] or ())
        if levels > max(20, n / 2):
            raise ValueError(f"Variable {name!r} has {levels} levels in {n} subjects: it looks like ids. Leave it out.")
    return names, values, features.is_category


def refuse_used(variables, used, X=None, modalities=None):
    """Refuse variables that made the clusters: by name and, where the table is given, as copies of numeric columns.

    Parameters
    ----------
    variables : data frame or array-like
    used : set of str
        Names of the columns that made the clusters.
    X : data frame or array, or None
        The table that was clustered.
    modalities : dict of str to slice or ndarray of int
        Its modalities.
    """
    names = column_names(variables) or [] if is_frame(variables) else [getattr(variables, "name", None)]
    wrong = [name for name in names if name in used]
    if wrong:
        raise ValueError(
            f"{wrong[:5]} made the clusters, so a p-value would be small on pure noise too. Test variables that were "
            "held out."
        )
    if X is None:
        return
    X = as_table(X)
    names, values, is_category = read_variables(variables, len(X))
    for columns in modalities.values():
        block, features = _encoded(take_columns(X, columns))
        for place in np.flatnonzero(~is_category):
            copied = _copied(values[:, place], block[:, ~features.is_category])
            if copied:
                raise ValueError(
                    f"The variable {names[place]!r} is a copy of a column that made the clusters, so a p-value would "
                    "be small on pure noise too. Leave it out, or cluster without that column."
                )


def _encoded(columns):
    """Values (n_subjects, n_columns) with codes for categories and NaN for missing, and what gave them."""
    with np.errstate(invalid="ignore"):  # of infinite values, which the range shows
        features = MixedFeatures().fit(columns)
        return features.encode(columns), features


def _copied(values, block):
    """Whether a variable has the values or ranks of a column, where that cannot be chance."""
    for column in block.T:
        both = ~np.isnan(values) & ~np.isnan(column)
        if both.sum() < 3 or not _orders_exceed(values[both], 1e4 * block.shape[1]):
            continue
        pair = values[both], column[both]
        if any(abs(_correlation(*one)) > _COPY for one in (pair, tuple(map(rankdata, pair)))):
            return True
    return False


def _correlation(first, second):
    first, second = first - first.mean(), second - second.mean()
    size = np.sqrt((first @ first) * (second @ second))
    return first @ second / size if size > 0 else 0.0


def _orders_exceed(values, least):
    """Whether the values can be ordered in so many ways that a match by chance is unlikely."""
    counts = np.unique(values, return_counts=True)[1]
    return lgamma(len(values) + 1) - sum(lgamma(count + 1) for count in counts) > np.log(least)
