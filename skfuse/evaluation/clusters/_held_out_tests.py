"""Honest p-values for clusters: only for variables that had no part in making them."""

from dataclasses import dataclass

import numpy as np

from skfuse.evaluation.clusters._cluster_statistics import ClusterStatistics, effect_size, permutation_p_values
from skfuse.evaluation.clusters._used_columns import refuse_used
from skfuse.evaluation.clusters._variables import (
    NOT_CLUSTERED,
    Variable,
    read_labels,
    read_variables,
    reason_not_to_test,
    refuse_ids,
    refuse_mixed_rows,
)
from skfuse.permutation import adjust_p_values


@dataclass(frozen=True)
class HeldOutTests:
    """Tests of variables that had no part in a clustering.

    Attributes
    ----------
    variable : list of str
        Names of the variables, in the order of the table.
    kind : list of str
        ``"numeric"`` or ``"categorical"``.
    n_subjects : ndarray of shape (n_variables,), int
        Clustered subjects who have a value.
    statistic : ndarray of shape (n_variables,)
        Kruskal-Wallis H, ``(n - 1)`` eta squared, or Pearson's chi-squared ``(n - 1) / n``; NaN where not tested.
    effect_name : list of str
        What `effect` is.
    effect : ndarray of shape (n_variables,)
        Bias-corrected effect size, from 0 to 1.
    interval : ndarray of shape (n_variables, 2)
        Its limits.
    p_value : ndarray of shape (n_variables,)
        Permutation p-values, not adjusted; NaN where not tested.
    p_adjusted : ndarray of shape (n_variables,)
        Adjusted for the number of tests.
    adjust : str
        How.
    note : list of str
        Why a variable was not tested; empty otherwise.

    Examples
    --------
    >>> from skfuse.evaluation.clusters import held_out_test
    >>> tests = held_out_test({"age": [61, 64, 66, 70, 30, 31, 35, 39]}, [0, 0, 0, 0, 1, 1, 1, 1],
    ...                                 random_state=0)
    >>> tests.p_value.round(2).tolist()
    [0.03]
    """

    variable: list
    kind: list
    n_subjects: np.ndarray
    statistic: np.ndarray
    effect_name: list
    effect: np.ndarray
    interval: np.ndarray
    p_value: np.ndarray
    p_adjusted: np.ndarray
    adjust: str
    note: list

    def to_frame(self):
        """Return the tests as a pandas DataFrame, a row per variable."""
        import pandas as pd

        columns = {
            "kind": self.kind,
            "n_subjects": self.n_subjects,
            "statistic": self.statistic,
            "effect_name": self.effect_name,
            "effect": self.effect,
            "effect_low": self.interval[:, 0],
            "effect_high": self.interval[:, 1],
            "p_value": self.p_value,
            "p_adjusted": self.p_adjusted,
            "note": self.note,
        }
        return pd.DataFrame(columns, index=pd.Index(self.variable, name="variable"))


def held_out_test(
    variables,
    labels,
    *,
    X=None,
    used=None,
    modalities=None,
    categorical=(),
    strata=None,
    statistic="rank",
    n_permutations=9999,
    adjust="holm",
    level=0.95,
    random_state=None,
):
    r"""Test whether clusters differ in variables that had no part in making them.

    A feature that made the clusters differs between them by construction: any clustering of pure noise splits its
    features, and 42 % of such tests on noise fall below .05. So a feature that was used, or a copy of one, is refused.
    Test the outcome, symptoms, cognition or a modality that was held out; for the features themselves see
    :func:`cluster_profile` (effect sizes without p), :func:`left_out_modality_test` and :func:`thinned_test`.
    Splitting the subjects does not help: labels predicted for a test half come from its features again [1]_.

    Parameters
    ----------
    variables : data frame, dict of str to array-like, or array-like of shape (n_subjects, n_variables)
        The variables, of any type, with missing values of any kind (left out of that variable's test).
    labels : array-like of shape (n_subjects,)
        Clusters; -1 and missing mean "in no cluster" and leave the subject out.
    X : data frame or array-like of shape (n_subjects, n_features) or None
        The table that was clustered; a variable that is a copy of a used column (a correlation of values or ranks
        beyond .999, or the same categories) is refused. Sums and other functions of several columns are not found.
    used : sequence of str or None
        Names of the columns that made the clusters. None: with `X`, every column of its modalities.
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`; read only where `X` is given and `used` is not.
    categorical : sequence of str
        Variables whose numbers are codes of categories. Text, true/false and two whole numbers need not be named.
    strata : array-like of shape (n_subjects,) or None
        Sites, say: labels are permuted within strata and variables are ranked within them, so that differences
        between strata neither help nor hurt.
    statistic : {"rank", "mean"}
        For numbers: Kruskal-Wallis, or one-way analysis of variance. Categories are tested by chi-squared.
    n_permutations : int
        The smallest p-value is ``1 / (n_permutations + 1)``.
    adjust : {"holm", "bonferroni", "fdr_bh", "fdr_by", "max"}
        As in :func:`skfuse.permutation.adjust_p_values`; ``"max"`` uses the maximum of the statistics over the same
        permutations, which loses less where variables are correlated.
    level : float
        Of the intervals of the effect sizes.
    random_state : int, RandomState or None
        Seed of the permutations.

    Returns
    -------
    tests : HeldOutTests
        A p-value and an effect size with its interval per variable. A variable that does not vary has NaN and a note.

    Raises
    ------
    ValueError
        If a variable was used to make the clusters, copies a used column, holds dates or ids, lengths differ, or two
        of the arguments hold ids in different orders.

    Notes
    -----
    The null says that labels are independent of the variable and of who has it. Where being missing depends on the
    cluster but the values do not, p-values hold for large samples only. Intervals invert the noncentral F (of ranks, if
    these are tested) and chi-squared distributions and take no notice of strata.

    References
    ----------
    .. [1] L. L. Gao, J. Bien, D. Witten. J Am Stat Assoc 119 (2024), 332-342.
       https://doi.org/10.1080/01621459.2022.2116331
    .. [2] W. Bergsma. J Korean Stat Soc 42 (2013), 323-328. https://doi.org/10.1016/j.jkss.2012.10.002

    Examples
    --------
    >>> from skfuse.evaluation.clusters import held_out_test
    >>> labels = [0] * 6 + [1] * 6
    >>> outcome = {"memory": [9, 8, 9, 7, 8, 9, 3, 4, 2, 5, 3, 4], "smokes": ["no", "yes"] * 6}
    >>> tests = held_out_test(outcome, labels, random_state=0)
    >>> tests.variable, (tests.p_adjusted < 0.05).tolist()
    (['memory', 'smokes'], [True, False])
    """
    codes, _ = read_labels(labels)
    refuse_mixed_rows({"X": X, "labels": labels, "variables": variables, "strata": strata})
    variables = read_variables(variables, what="variables", categorical=categorical, n_subjects=len(codes), like=labels)
    refuse_ids(variables, "variables")
    refuse_used(variables, X, used, modalities)
    variables = [variable.among(codes != NOT_CLUSTERED) for variable in variables]
    return run_tests(variables, codes, strata, statistic, n_permutations, adjust, level, random_state)


def run_tests(variables, codes, strata, statistic, n_permutations, adjust, level, random_state):
    """Test variables against cluster codes (-1: left out); without a `level` no effect sizes are computed."""
    check_settings(statistic, adjust, level)
    clustered = codes != NOT_CLUSTERED
    codes, strata = codes[clustered], checked_strata(strata, clustered)
    variables = [Variable(v.name, v.kind, v.values[clustered], v.levels) for v in variables]
    notes = [reason_not_to_test(variable, codes) for variable in variables]
    tested = [i for i, note in enumerate(notes) if not note]
    values = {name: np.full(len(variables), np.nan) for name in ("statistic", "effect", "p", "family")}
    interval, names = np.full((len(variables), 2), np.nan), ["none"] * len(variables)
    if tested:
        statistics = ClusterStatistics([variables[i] for i in tested], codes, strata=strata, statistic=statistic)
        values["statistic"][tested] = statistics.observed
        values["p"][tested], values["family"][tested] = permutation_p_values(statistics, n_permutations, random_state)
        for i in tested if level is not None else ():
            effect = effect_size(variables[i], codes, statistic=statistic, level=level)
            names[i], values["effect"][i], interval[i] = effect.name, effect.value, (effect.low, effect.high)
    return HeldOutTests(
        variable=[variable.name for variable in variables],
        kind=[variable.kind for variable in variables],
        n_subjects=np.array([int(variable.present.sum()) for variable in variables]),
        statistic=values["statistic"],
        effect_name=names,
        effect=values["effect"],
        interval=interval,
        p_value=values["p"],
        p_adjusted=values["family"] if adjust == "max" else adjust_p_values(values["p"], method=adjust),
        adjust=adjust,
        note=notes,
    )


def check_settings(statistic, adjust, level):
    """Refuse unknown statistics, adjustments and levels."""
    if statistic not in ("rank", "mean"):
        raise ValueError(f"`statistic` must be 'rank' or 'mean', got {statistic!r}.")
    if adjust not in ("holm", "bonferroni", "fdr_bh", "fdr_by", "max"):
        raise ValueError(f"`adjust` must be 'holm', 'bonferroni', 'fdr_bh', 'fdr_by' or 'max', got {adjust!r}.")
    if level is not None and not 0 < level < 1:
        raise ValueError(f"`level` must lie between 0 and 1, such as 0.95, got {level!r}.")


def checked_strata(strata, clustered):
    """Codes of the strata of the clustered subjects; a missing stratum is refused."""
    if strata is None:
        return None
    (variable,) = read_variables(strata, what="strata", categorical=(), n_subjects=len(clustered))
    missing = int((~variable.present & clustered).sum())
    if missing:
        raise ValueError(f"`strata` is missing for {missing} clustered subjects. Give each a stratum, or the label -1.")
    return np.unique(variable.values[clustered], return_inverse=True)[1]
