import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse.connectomes import ConnectomeGraphFeatures, connectomes_to_networkx
from skfuse.connectomes._modularity import louvain, modularity_of

ALL = ["strength", "degree", "clustering", "nodal_efficiency", "betweenness", "path_length", "efficiency", "modularity"]


def networks(n=4, n_nodes=12, *, density=0.35, seed=0):
    """Connected weighted networks."""
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((n, n_nodes, n_nodes)) < density, rng.random((n, n_nodes, n_nodes)), 0.0)
    X[:, np.arange(n_nodes - 1), np.arange(1, n_nodes)] = 0.5
    X = np.triu(X, k=1)
    return X + X.transpose(0, 2, 1)


def by_networkx(graph):
    n = len(graph)
    for _, _, data in graph.edges(data=True):
        data["length"] = 1.0 / data["weight"]
    distances = dict(networkx.all_pairs_dijkstra_path_length(graph, weight="length"))
    inverse = np.array([sum(1.0 / d for other, d in distances[i].items() if other != i) for i in range(n)])
    return {
        "strength": [graph.degree(i, weight="weight") for i in range(n)],
        "degree": [graph.degree(i) for i in range(n)],
        "clustering": list(networkx.clustering(graph, weight="weight").values()),
        "nodal_efficiency": inverse / (n - 1),
        "betweenness": list(networkx.betweenness_centrality(graph, weight="length").values()),
        "path_length": [networkx.average_shortest_path_length(graph, weight="length")],
        "efficiency": [inverse.mean() / (n - 1)],
    }


def test_measures_are_those_of_networkx():
    X = networks()
    for name in ALL[:-1]:
        found = ConnectomeGraphFeatures(features=[name]).fit_transform(X)
        expected = [by_networkx(graph)[name] for graph in connectomes_to_networkx(X)]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_binary_networks_are_those_of_networkx():
    X = networks(2)
    options = {"weighted": False, "threshold": 0.2}
    found = ConnectomeGraphFeatures(features=["clustering", "efficiency"], **options).fit_transform(X)
    for row, graph in zip(found, connectomes_to_networkx(X, threshold=0.2), strict=True):
        np.testing.assert_allclose(row[:-1], list(networkx.clustering(graph).values()))
        np.testing.assert_allclose(row[-1], networkx.global_efficiency(graph))


def test_modularity_is_that_of_networkx_and_as_large_as_its_search_finds():
    orders = np.array([np.random.default_rng(k).permutation(24) for k in range(5)])
    for X, graph in zip(networks(4, 24, seed=3), connectomes_to_networkx(networks(4, 24, seed=3)), strict=True):
        labels, Q = louvain(X, orders)
        parts = [set(np.flatnonzero(labels == label).tolist()) for label in range(labels.max() + 1)]
        np.testing.assert_allclose(Q, networkx.community.modularity(graph, parts))
        theirs = max(
            networkx.community.modularity(graph, networkx.community.louvain_communities(graph, seed=seed))
            for seed in range(5)
        )
        assert theirs - 0.02 < Q


def test_planted_communities_are_found():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 8)
    X = np.where(truth[:, None] == truth, 0.8, 0.1) * rng.uniform(0.8, 1.2, size=(24, 24))
    X = np.triu(X, k=1)
    X = X + X.T
    labels, Q = louvain(X, rng.permutation(24)[None])
    np.testing.assert_array_equal(labels, truth)
    assert Q == modularity_of(X, truth) > 0.3


@given(st.integers(0, 50), st.floats(0.1, 10.0))
@settings(max_examples=20, deadline=None)
def test_measures_follow_the_scale_and_the_order_of_nodes(seed, scale):
    X = networks(1, 7, seed=seed)
    order = np.random.default_rng(seed).permutation(7)

    def make(X):
        return ConnectomeGraphFeatures(features=ALL[:-1]).fit_transform(X)[0]

    plain = make(X)
    power = np.repeat([1, 0, 0, 1, 0, -1, 1], [7] * 5 + [1] * 2)
    np.testing.assert_allclose(make(scale * X), plain * scale**power, rtol=1e-9, atol=1e-12)
    nodes = plain[:35].reshape(5, 7)[:, order].ravel()
    np.testing.assert_allclose(make(X[:, order][:, :, order]), [*nodes, *plain[35:]], rtol=1e-9, atol=1e-12)


def test_density_keeps_the_strongest_edges():
    X = networks(3, 10, density=0.9)
    degree = ConnectomeGraphFeatures(features=["degree"], density=0.2).fit_transform(X)
    np.testing.assert_array_equal(degree.sum(axis=1), 2 * 9)
    strength = ConnectomeGraphFeatures(features=["strength"], density=0.2).fit_transform(X)
    edges = np.sort(X[:, *np.triu_indices(10, k=1)], axis=1)[:, -9:]
    np.testing.assert_allclose(strength.sum(axis=1), 2 * edges.sum(axis=1))


@pytest.mark.parametrize(("sign", "expected"), [("positive", 0.4), ("negative", 0.9), ("absolute", 1.3)])
def test_sign_says_which_weights_make_the_network(sign, expected):
    edges = np.array([[0.4, -0.9, 0.0]])
    found = ConnectomeGraphFeatures(features=["strength"], sign=sign).fit_transform(edges)
    np.testing.assert_allclose(found[0, 0], expected)


def test_forms_rows_and_jobs_change_nothing():
    X = networks(5) + np.eye(12)  # the diagonal is ignored
    model = ConnectomeGraphFeatures(random_state=0, names=[f"n{i}" for i in range(12)])
    whole = model.fit_transform(X)
    np.testing.assert_array_equal(model.transform(X[3:4]), whole[3:4])
    np.testing.assert_array_equal(model.transform(X.reshape(5, -1)), whole)
    edges = X[:, *np.triu_indices(12, k=1)]
    np.testing.assert_array_equal(ConnectomeGraphFeatures(random_state=0).fit_transform(edges), whole)
    names = model.get_feature_names_out()
    assert names[0] == "strength_n0"
    assert list(names[-3:]) == ["path_length", "efficiency", "modularity"]
    assert whole.shape == (5, len(names))


def test_a_network_without_edges_has_zeros_and_no_path_length():
    X = np.zeros((2, 3))
    X[0] = 1.0
    features = [name for name in ALL if name != "path_length"]
    assert (ConnectomeGraphFeatures(features=features).fit_transform(X)[1] == 0).all()
    with pytest.raises(ValueError, match=r"network of row 1 has no edge left.*Lower `threshold`"):
        ConnectomeGraphFeatures().fit_transform(X)
    apart = ConnectomeGraphFeatures(features=["path_length", "efficiency"]).fit_transform([[2.0, 0.0, 0.0]])
    np.testing.assert_allclose(apart, [[0.5, 2 * 2 / 6]])  # over the one pair that has a path; over all pairs


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({"features": ["hubs"]}, np.ones((1, 3)), r"among \['strength'.*got \['hubs'\]"),
        ({"features": []}, np.ones((1, 3)), r"must be different names"),
        ({"threshold": 0.1, "density": 0.1}, np.ones((1, 3)), r"set one of them to None"),
        ({}, np.ones((1, 5)), r"n_features = 5, wanted"),
        ({}, np.full((1, 3), np.nan), r"contains NaN"),
    ],
)
def test_bad_input_is_refused(options, X, message):
    with pytest.raises(ValueError, match=message):
        ConnectomeGraphFeatures(**options).fit(X)
