"""MetaClustering: tests of held-out variables over the whole search, strata, and the ranked table."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, kruskal

from skfuse.similarity._meta_agreement import memberships
from skfuse.similarity._meta_tests import _Statistics, search_tests


def test_statistics_are_those_of_scipy():
    rng = np.random.default_rng(0)
    labels = np.vstack([rng.integers(0, 3, 60), rng.integers(0, 4, 60)])
    labels[1, :7] = -1
    numbers, codes = rng.normal(size=60).round(1), rng.integers(0, 3, 60).astype(float)
    numbers[[3, 20]] = np.nan
    statistics = _Statistics(labels, np.column_stack([numbers, codes]), np.array([False, True]))
    deviates = statistics.of(np.arange(60))
    for row, own in enumerate(labels):
        has = (own >= 0) & ~np.isnan(numbers)
        table = np.array(
            [[np.sum((own == c) & (codes == level)) for level in range(3)] for c in np.unique(own[own >= 0])]
        )
        n, k = table.sum(), len(table)
        expected = np.array(
            [
                kruskal(*(numbers[has & (own == c)] for c in range(k))).statistic,
                chi2_contingency(table, correction=False).statistic * (n - 1) / n,
            ]
        )
        freedom = np.array([k - 1, 2 * (k - 1)])
        deviate = (np.cbrt(expected / freedom) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom))
        if row == 0:
            np.testing.assert_allclose(deviates[row], deviate)
        else:  # ranks are those among all who have the variable, clustered here or not
            np.testing.assert_allclose(deviates[row, 1], deviate[1])
            np.testing.assert_allclose(deviates[row, 0], deviate[0], atol=0.1)


def test_p_values_hold_over_the_whole_search(found):
    """Family-wise errors at 10 % over 100 cohorts of 8 noise variables, and uncorrected ones for comparison."""
    model, X, _ = found
    rng, n_cohorts, alarms, uncorrected = np.random.default_rng(0), 100, 0, 0
    _, starts = memberships(model.label_matrix_)
    assert len(starts) == 14
    for seed in range(n_cohorts):
        noise = rng.normal(size=(len(X), 8))
        tests = model.held_out_test(noise, n_permutations=99, random_state=seed)
        alarms += tests.p_familywise.min() <= 0.1
        uncorrected += (tests.statistic > 1.2816).any()  # 10 % of a normal deviate
    assert alarms <= 19  # 99.8 % of Binomial(100, 0.1)
    assert uncorrected > 40


def test_variables_that_made_the_clusters_are_refused(found):
    model, X, _ = found
    with pytest.raises(ValueError, match="made the clusters"):
        model.held_out_test(X[["mri__0"]])
    copy = pd.DataFrame({"scan": 10.0 - 3.0 * X["pet__2"].to_numpy() ** 3})
    with pytest.raises(ValueError, match="'scan' is a copy"):
        model.held_out_test(copy, X=X)
    noise = np.random.default_rng(0).normal(size=len(X))
    assert model.held_out_test(noise, X=X, n_permutations=9).variable == ["variables[0]"]


def test_text_and_constant_variables():
    labels = np.array([[0] * 20 + [1] * 20, [0, 1] * 20])
    variables = pd.DataFrame({"sex": ["f"] * 20 + ["m"] * 19 + [None], "same": 1.0, "noise": np.tile(range(8), 5)})
    tests = search_tests(labels, variables, n_permutations=199, random_state=0)
    assert tests.best_solution.tolist()[:2] == [0, -1]
    assert tests.p_adjusted[0] == tests.p_familywise[0, 0] == 0.005
    assert np.isnan(tests.p_familywise[:, 1]).all()
    assert tests.to_frame().index.tolist() == ["sex", "same", "noise"]
    with pytest.raises(ValueError, match="None of the variables"):
        search_tests(labels, np.ones(40))
    with pytest.raises(ValueError, match="infinite"):
        search_tests(labels, np.r_[np.inf, np.zeros(39)])
    with pytest.raises(ValueError, match="39 rows, wanted one for each of the 40"):
        search_tests(labels, np.zeros(39))
    with pytest.raises(ValueError, match="looks like ids"):
        search_tests(labels, np.array([f"s{i}" for i in range(40)]))


def test_strata_take_the_difference_between_sites_away():
    rng = np.random.default_rng(0)
    site = np.repeat([0, 1], 40)
    labels = np.where(rng.random(80) < 0.1, 1 - site, site)[None]
    variable = 3.0 * site + rng.normal(size=80)
    assert search_tests(labels, variable, n_permutations=199, random_state=0).p_adjusted[0] == 0.005
    assert search_tests(labels, variable, n_permutations=199, strata=site, random_state=0).p_adjusted[0] > 0.1


def test_ranked_table(found):
    model, X, _ = found
    table = model.to_frame(model.held_out_test(np.arange(len(X)) % 3, n_permutations=19, random_state=0))
    assert table.index[0] == model.representatives_[0]
    assert table["meta_cluster"].is_monotonic_increasing
    assert sorted(table.index) == list(range(14))
    assert table["is_representative"].sum() == model.n_meta_clusters_
    assert table["p_familywise"].min() == 0.05
    for solution, row in table.iterrows():
        assert row["n_neighbors"] == model.settings_[solution]["n_neighbors"]
        assert row["uses pet"] == ("pet" in model.settings_[solution]["blocks"])
