"""Network-based statistic: against loops written out, its level, and what it finds."""

import networkx as nx
import numpy as np
import pytest
from scipy import stats

from skfuse.connectomes import NetworkBasedStatistic
from skfuse.permutation import draw_permutations

N_NODES = 12
ROWS, COLUMNS = np.triu_indices(N_NODES, 1)


def cohort(n=36, seed=0, planted=0.0):
    rng = np.random.default_rng(seed)
    edges = rng.normal(size=(n, len(ROWS)))
    group = np.repeat([0.0, 1.0], n // 2)
    inside = (ROWS < 4) & (COLUMNS < 5)
    edges[:, inside] += planted * group[:, None]
    return edges, group, inside


def components(t, threshold):
    """Edges, sign and excess of each component, by networkx."""
    found = []
    for sign in (1, -1):
        kept = np.flatnonzero(sign * t > threshold)
        graph = nx.Graph([(ROWS[e], COLUMNS[e], {"edge": e}) for e in kept])
        for nodes in nx.connected_components(graph):
            numbers = [d["edge"] for *_, d in graph.subgraph(nodes).edges(data=True)]
            found.append((sign, sorted(numbers), float((sign * t[numbers] - threshold).sum())))
    return found


@pytest.mark.parametrize("method", ["extent", "intensity"])
def test_components_and_p_values_are_those_of_a_loop(method):
    edges, group, _ = cohort(planted=0.8)
    nbs = NetworkBasedStatistic(threshold=1.7, method=method, n_permutations=49, random_state=3).fit(edges, group)
    t = stats.ttest_ind(edges[group == 1], edges[group == 0]).statistic
    np.testing.assert_allclose(nbs.t_, t, rtol=1e-10)

    def size(component):
        return len(component[1]) if method == "extent" else component[2]

    null = []
    for draw in draw_permutations(len(group), 49, random_state=np.random.RandomState(3)):
        permuted = group[draw]
        t_b = stats.ttest_ind(edges[permuted == 1], edges[permuted == 0]).statistic
        null.append(max((size(c) for c in components(t_b, 1.7)), default=0.0))
    np.testing.assert_allclose(nbs.null_distribution_, null, rtol=1e-4, atol=1e-4)
    for sign, numbers, _ in (found := components(t, 1.7)):
        number = nbs.components_[numbers[0]]
        np.testing.assert_array_equal(np.flatnonzero(nbs.components_ == number), numbers)
        assert nbs.component_table_["sign"][number - 1] == sign
    assert len(found) == len(nbs.component_table_["sign"])
    for component in found:
        number = nbs.components_[component[1][0]]
        expected = (1 + np.sum(np.array(null) >= size(component) - 1e-4)) / 50
        assert nbs.component_table_["p_value"][number - 1] == pytest.approx(expected)


def test_a_planted_component_is_found_and_its_matrix_is_symmetric():
    edges, group, inside = cohort(n=60, planted=1.5)
    nbs = NetworkBasedStatistic(n_permutations=199, random_state=0).fit(edges, np.where(group == 1, "case", "control"))
    assert nbs.groups_.tolist() == ["case", "control"]
    best = nbs.component_table_["p_value"].argmin() + 1
    found = nbs.components_ == best
    assert nbs.component_table_["sign"][best - 1] == -1  # weaker in controls, who come second
    assert (found & inside).sum() >= 7
    assert (found & ~inside).sum() <= 2
    matrix = nbs.component_matrix(best)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.count_nonzero(matrix) == 2 * found.sum()


def test_tfnbs_gives_every_edge_a_p_value():
    edges, group, inside = cohort(n=60, planted=1.5)
    nbs = NetworkBasedStatistic(method="tfnbs", n_permutations=199, random_state=0).fit(edges, group)
    assert nbs.significant_[inside].mean() > 0.7
    assert nbs.significant_[~inside].mean() < 0.05
    assert nbs.components_ is None


def test_covariates_are_taken_out():
    rng = np.random.default_rng(0)
    edges, group, inside = cohort(n=60)
    motion = group + 0.5 * rng.normal(size=60)
    edges[:, inside] += 1.5 * motion[:, None]
    without = NetworkBasedStatistic(n_permutations=199, random_state=0).fit(edges, group)
    with_it = NetworkBasedStatistic(n_permutations=199, random_state=0).fit(edges, group, covariates=motion)
    assert without.significant_.any()
    assert not with_it.significant_.any()


def test_its_level_is_held_with_covariates():
    n_false = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        edges, age = rng.normal(size=(24, 45)), rng.normal(size=24)
        edges += age[:, None]
        y = age + rng.normal(size=24)
        nbs = NetworkBasedStatistic(threshold=2.0, n_permutations=99, alpha=0.1, random_state=seed)
        n_false += nbs.fit(edges, y, covariates=age).significant_.any()
    assert stats.binomtest(int(n_false), 150, 0.1).pvalue > 0.001


def test_blocks_keep_subjects_at_their_site():
    edges, group, _ = cohort()
    site = np.tile([0, 1, 2], 12)
    edges += 3.0 * site[:, None]
    nbs = NetworkBasedStatistic(threshold=0.5, n_permutations=99, random_state=0)
    within = nbs.fit(edges, group + site, blocks=site).null_distribution_
    anywhere = nbs.fit(edges, group + site).null_distribution_
    # Sites raise edges and y alike: within them that stays in every permutation.
    assert np.median(within) > 1.5 * np.median(anywhere)


def test_one_sample_finds_paired_differences():
    edges, _, inside = cohort(n=20)
    edges[:, inside] += 1.5
    nbs = NetworkBasedStatistic(design="one-sample", n_permutations=199, random_state=0).fit(edges)
    np.testing.assert_allclose(nbs.t_, stats.ttest_1samp(edges, 0.0).statistic, rtol=1e-10)
    assert nbs.significant_[inside].mean() > 0.7
    assert not nbs.significant_[~inside].any()


def test_matrices_give_what_their_edges_give():
    edges, group, _ = cohort()
    matrices = np.zeros((len(edges), N_NODES, N_NODES))
    matrices[:, ROWS, COLUMNS] = matrices[:, COLUMNS, ROWS] = edges
    one = NetworkBasedStatistic(n_permutations=19, random_state=0).fit(edges, group)
    for other in (matrices, matrices.reshape(len(edges), -1)):
        two = NetworkBasedStatistic(n_permutations=19, random_state=0).fit(other, group)
        np.testing.assert_allclose(one.t_, two.t_, rtol=1e-10)
        np.testing.assert_array_equal(one.p_values_, two.p_values_)


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({}, np.repeat(["a", "b", "c"], 12), r"y holds 3 groups \(a, b, c\), wanted two"),
        ({}, None, r"requires y to be passed"),
        ({"design": "one-sample"}, np.zeros(36), r"takes neither y nor covariates"),
        ({"names": ["a"] * N_NODES}, np.arange(36.0), r"more than once"),
        ({}, np.ones(36), r"the same for all subjects"),
    ],
)
def test_errors_say_what_to_do(options, y, message):
    edges, _, _ = cohort()
    with pytest.raises(ValueError, match=message):
        NetworkBasedStatistic(**options).fit(edges, y)


def test_numbers_are_numbers_whatever_holds_them_and_missing_labels_are_no_group():
    edges, group, _ = cohort()
    model = NetworkBasedStatistic(n_permutations=19, random_state=0)
    scores = 3.0 * group + np.arange(len(group))
    as_objects = model.fit(edges, scores.astype(object)).t_
    np.testing.assert_array_equal(as_objects, model.fit(edges, scores).t_)
    labels = np.where(group == 1, "patient", None)
    with pytest.raises(ValueError, match=r"target is missing for 18 of 36 subjects"):
        model.fit(edges, labels)


def test_a_component_that_is_not_there():
    edges, group, _ = cohort()
    nbs = NetworkBasedStatistic(threshold=50.0, n_permutations=19, random_state=0).fit(edges, group)
    assert nbs.component_table_["edges"].size == 0
    assert (nbs.p_values_ == 1).all()
    with pytest.raises(ValueError, match=r"There is no component 1: 0 were found"):
        nbs.component_matrix(1)
