import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from skfuse.permutation import NeighborGraph

SETTINGS = settings(max_examples=60, deadline=None)
MASKS = hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=4).flatmap(lambda s: hnp.arrays(bool, s))
MOST_AXES = {(2, 4): 1, (2, 8): 2, (3, 6): 1, (3, 18): 2, (3, 26): 3}


def neighbors_of(graph):
    return [graph.indices[a:b].tolist() for a, b in zip(graph.indptr[:-1], graph.indptr[1:], strict=True)]


@SETTINGS
@given(MASKS, st.integers(0, 2))
def test_voxels_are_neighbors_by_the_coordinates_that_differ(mask, which):
    mask = mask | (np.arange(mask.size).reshape(mask.shape) == 0)
    allowed = [c for d, c in MOST_AXES if d == mask.ndim]
    connectivity = allowed[which % len(allowed)]
    apart = np.abs(np.argwhere(mask)[:, None] - np.argwhere(mask)[None])  # argwhere is in C order, as maskers are
    differing = np.count_nonzero(apart, axis=2)
    wanted = (apart.max(axis=2) == 1) & (differing <= MOST_AXES[mask.ndim, connectivity])
    graph = NeighborGraph.from_mask(mask, connectivity=connectivity)
    assert neighbors_of(graph) == [np.flatnonzero(row).tolist() for row in wanted]
    assert (graph.n_vertices, graph.n_hubs) == (mask.sum(), 0)
    assert graph.indptr.dtype == graph.indices.dtype == np.int32
    twin = NeighborGraph.from_adjacency(sparse.csr_array(wanted) * 2.5)
    assert neighbors_of(twin) == neighbors_of(graph)


def test_connectivity_is_six_or_four_unless_told():
    cube, square = np.ones((3, 3, 3), bool), np.ones((3, 3), bool)
    assert len(neighbors_of(NeighborGraph.from_mask(cube))[13]) == 6
    assert len(neighbors_of(NeighborGraph.from_mask(square))[4]) == 4
    assert len(neighbors_of(NeighborGraph.from_mask(cube.astype(np.uint8), connectivity=26))[13]) == 26


def test_adjacency_diagonal_and_stored_zeros_do_not_count():
    matrix = sparse.coo_array(([1, 5, 5, 0, 0], ([0, 0, 1, 1, 2], [0, 1, 0, 2, 1])), shape=(3, 3))
    assert neighbors_of(NeighborGraph.from_adjacency(matrix)) == [[1], [0], []]


def test_edges_meet_in_hubs():
    graph = NeighborGraph.from_edges(3)  # edges 0-1, 0-2, 1-2; hubs 3, 4, 5
    assert neighbors_of(graph) == [[3, 4], [3, 5], [4, 5], [0, 1], [0, 2], [1, 2]]
    assert graph.sizes.tolist() == [1, 1, 1]
    assert len(NeighborGraph.from_edges(200).indices) == 2 * 2 * 19900
    chosen = NeighborGraph.from_edges(4, endpoints=[[3, 0], [1, 3]])
    assert neighbors_of(chosen) == [[2, 5], [3, 5], [0], [1], [], [0, 1]]


@SETTINGS
@given(MASKS, st.randoms(use_true_random=False))
def test_merge_joins_neighbors_of_one_label(mask, random):
    mask = mask | (np.arange(mask.size).reshape(mask.shape) == 0)
    graph = NeighborGraph.from_mask(mask)
    labels = np.array([random.randrange(3) for _ in range(graph.n_vertices)])
    merged, columns, pieces = graph.merge(labels)
    np.testing.assert_array_equal(columns[pieces], labels)
    np.testing.assert_array_equal(merged.sizes, np.bincount(pieces))
    first = np.unique(pieces, return_index=True)[1]
    assert np.all(np.diff(first) > 0)
    linked = [set() for _ in columns]
    for vertex, around in enumerate(neighbors_of(graph)):
        for neighbor in around:
            assert (pieces[vertex] == pieces[neighbor]) == (labels[vertex] == labels[neighbor])
            if pieces[vertex] != pieces[neighbor]:
                linked[pieces[vertex]].add(int(pieces[neighbor]))
    assert neighbors_of(merged) == [sorted(around) for around in linked]
    again, _, same = merged.merge(columns)
    assert neighbors_of(again) == neighbors_of(merged)
    np.testing.assert_array_equal(again.sizes, merged.sizes)
    np.testing.assert_array_equal(same, np.arange(len(columns)))


def test_merge_keeps_hubs():
    graph = NeighborGraph.from_edges(4)
    merged, columns, pieces = graph.merge(np.zeros(6, int))  # edges are neighbors through hubs only, and stay
    assert (merged.n_vertices, merged.n_hubs) == (6, 4)
    assert neighbors_of(merged) == neighbors_of(graph)
    assert columns.tolist() == [0] * 6
    assert pieces.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NeighborGraph.from_mask(np.zeros((2, 2), bool)), r"0 true cells"),
        (lambda: NeighborGraph.from_mask(np.ones(4, bool)), r"wanted 2 or 3 axes"),
        (lambda: NeighborGraph.from_mask(np.full((2, 2), 2)), r"other values than 0 and 1"),
        (lambda: NeighborGraph.from_mask(np.ones((2, 2), bool), connectivity=6), r"one of \[4, 8\] for a mask of 2"),
        (lambda: NeighborGraph.from_adjacency(np.ones((2, 3))), r"wanted \(n_vertices, n_vertices\)"),
        (lambda: NeighborGraph.from_adjacency([[0, 1], [0, 0]]), r"not symmetric"),
        (lambda: NeighborGraph.from_adjacency([[0, np.nan], [np.nan, 0]]), r"has NaN"),
        (lambda: NeighborGraph.from_edges(1), r"at least 2, got 1"),
        (lambda: NeighborGraph.from_edges(3, endpoints=[[0, 3]]), r"1 edges do not join two different nodes"),
        (lambda: NeighborGraph.from_edges(3, endpoints=[[1, 1]]), r"such as \[1, 1\]"),
        (lambda: NeighborGraph.from_edges(3, endpoints=[[0, 1], [1, 0]]), r"1 edges are listed more than once"),
        (lambda: NeighborGraph.from_edges(3, endpoints=[0, 1]), r"wanted \(n_edges, 2\)"),
        (lambda: NeighborGraph.from_edges(3).merge([0, 1]), r"each of the 3 vertices"),
        (lambda: NeighborGraph.from_edges(3).merge([0, 1, -1]), r"whole number from 0"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
