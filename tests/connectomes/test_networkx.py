import networkx
import numpy as np
import pytest

from skfuse.connectomes import connectomes_from_networkx, connectomes_to_networkx


def symmetric(n=3, n_nodes=6, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, n_nodes, n_nodes))
    X = X + X.transpose(0, 2, 1)
    X[:, np.arange(n_nodes), np.arange(n_nodes)] = 0.0
    X[0, 2], X[0, :, 2] = 0.0, 0.0  # a node without edges
    return X


@pytest.mark.parametrize("names", [None, list("abcdef")])
def test_there_and_back_is_exact(names):
    X = symmetric()
    graphs = connectomes_to_networkx(X, names)
    np.testing.assert_array_equal(connectomes_from_networkx(graphs), X)
    for graph, matrix in zip(graphs, X, strict=True):
        np.testing.assert_array_equal(networkx.to_numpy_array(graph), matrix)
        assert list(graph) == (names or list(range(6)))


def test_all_forms_give_the_same_graphs():
    X = symmetric()
    edges = X[:, *np.triu_indices(6, k=1)]
    expected = [networkx.to_numpy_array(graph) for graph in connectomes_to_networkx(X + np.eye(6))]
    for form in (X.reshape(3, -1), edges):
        graphs = connectomes_to_networkx(form)
        np.testing.assert_array_equal([networkx.to_numpy_array(graph) for graph in graphs], expected)


def test_a_threshold_is_on_the_size_of_weights():
    X = symmetric()
    for graph, matrix in zip(connectomes_to_networkx(X, threshold=1.0), X, strict=True):
        np.testing.assert_array_equal(networkx.to_numpy_array(graph), np.where(np.abs(matrix) > 1.0, matrix, 0.0))


def test_nodes_and_attributes_can_be_chosen():
    graph = networkx.Graph()
    graph.add_edge("a", "b", streamlines=4)
    graph.add_edge("b", "c", streamlines=2)
    graph.add_edge("c", "c", streamlines=7)
    found = connectomes_from_networkx(graph, weight="streamlines", nodes=["c", "b"])
    np.testing.assert_array_equal(found, [[[7, 2], [2, 0]]])
    np.testing.assert_array_equal(connectomes_from_networkx([graph], weight=None).sum(), 5)


def test_bad_graphs_are_refused():
    graph, other = networkx.path_graph(3), networkx.path_graph(4)
    for refused in (networkx.DiGraph([(0, 1)]), networkx.MultiGraph([(0, 1)])):
        with pytest.raises(ValueError, match=r"Graph 0 is a (Di|Multi)Graph"):
            connectomes_from_networkx([refused])
    with pytest.raises(ValueError, match=r"The edge 0 - 1 of graph 0 has no attribute 'weight'; it has \[\]"):
        connectomes_from_networkx([graph])
    with pytest.raises(ValueError, match=r"Graph 1 lacks the nodes \[\] and has \[3\]"):
        connectomes_from_networkx([graph, other], weight=None)
    with pytest.raises(ValueError, match=r"Graph 0 lacks the nodes \[9\]"):
        connectomes_from_networkx([graph], nodes=[0, 9])
    with pytest.raises(ValueError, match=r"names a node twice"):
        connectomes_from_networkx([graph], weight=None, nodes=[0, 0])
    with pytest.raises(ValueError, match=r"holds no graph"):
        connectomes_from_networkx([])
    with pytest.raises(ValueError, match=r"`threshold` must be a number of at least 0"):
        connectomes_to_networkx(symmetric(), threshold=-1.0)
    with pytest.raises(ValueError, match=r"contains NaN"):
        connectomes_to_networkx([[np.nan, 1.0, 1.0]])
    with pytest.raises(ValueError, match=r"wanted \(n_subjects, n_nodes, n_nodes\)"):
        connectomes_to_networkx([1.0, 2.0, 3.0])
