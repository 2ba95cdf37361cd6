import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage, sparse

from skfuse.permutation import NeighborGraph, cluster_extremes, label_clusters

SETTINGS = settings(max_examples=80, deadline=None)
CONNECTIVITIES = {2: [(4, 1), (8, 2)], 3: [(6, 1), (18, 2), (26, 3)]}


@st.composite
def images(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=5))
    mask = draw(hnp.arrays(bool, shape)) | (np.arange(np.prod(shape)).reshape(shape) == 0)
    image = draw(hnp.arrays(np.float64, shape, elements=st.integers(-8, 8).map(lambda x: x / 4)))
    return mask, np.where(mask, image, 0.0), draw(st.sampled_from(CONNECTIVITIES[len(shape)]))


@SETTINGS
@given(images(), st.sampled_from([0.0, 0.5, 1.3]), st.booleans())
def test_clusters_are_those_of_scipy(drawn, threshold, two_sided):
    mask, image, (connectivity, axes) = drawn
    structure = ndimage.generate_binary_structure(image.ndim, axes)
    above, n_above = ndimage.label(image > threshold, structure)
    below, n_below = ndimage.label(image < -threshold, structure) if two_sided else (np.zeros_like(above), 0)
    labels = above + np.where(below > 0, below + n_above, 0)
    numbers, excess = np.arange(1, n_above + n_below + 1), np.abs(image) - threshold
    graph = NeighborGraph.from_mask(mask, connectivity=connectivity)
    found = label_clusters(image[mask], graph, threshold, two_sided=two_sided)
    np.testing.assert_array_equal(found.labels, labels[mask])
    assert found.signs.tolist() == [1] * n_above + [-1] * n_below
    np.testing.assert_array_equal(found.extents, ndimage.sum_labels(labels > 0, labels, numbers))
    np.testing.assert_allclose(found.masses, ndimage.sum_labels(excess, labels, numbers), rtol=1e-12)
    np.testing.assert_array_equal(excess[mask][found.peaks], ndimage.maximum(excess, labels, numbers))
    np.testing.assert_array_equal(found.labels[found.peaks], numbers)
    for measure in ("extent", "mass", "intensity"):
        sizes = found.measured(measure)
        wanted = [max([0.0, *sizes[found.signs == 1]]), -max([0.0, *sizes[found.signs == -1]])]
        maps = np.stack([image[mask], -image[mask]])
        extremes = cluster_extremes(maps, graph, threshold, measure=measure, two_sided=two_sided)
        np.testing.assert_allclose(extremes[0], wanted, rtol=1e-12)
        if two_sided:
            np.testing.assert_array_equal(extremes[1], -extremes[0][::-1])


def waves():
    i, j, k = np.indices((4, 5, 6))
    mask = (i * j + 2 * k + i) % 7 != 0
    return mask, np.where(mask, 4 * np.sin(i + 0.5 * j * k) + np.cos(3.0 * j - k), 0.0)


# nilearn 0.14.1, `nilearn.mass_univariate._utils.calculate_cluster_measures`: largest size and mass, 6 neighbors
@pytest.mark.parametrize(("threshold", "size", "mass"), [(1.0, 41, 85.08354338030975), (2.5, 28, 34.417277277110585)])
def test_nilearn_golden_values(threshold, size, mass):
    mask, image = waves()
    graph, maps = NeighborGraph.from_mask(mask), image[mask][None]
    assert np.abs(cluster_extremes(maps, graph, threshold)).max() == size
    masses = cluster_extremes(maps, graph, threshold, measure="mass")
    np.testing.assert_allclose(np.abs(masses).max(), mass, rtol=1e-12)


@pytest.mark.parametrize("two_sided", [True, False])
def test_nilearn_live(two_sided):
    nilearn = pytest.importorskip("nilearn.mass_univariate._utils")
    rng = np.random.default_rng(1)
    mask = rng.random((9, 10, 11)) < 0.8
    images = np.where(mask[..., None], rng.normal(size=(*mask.shape, 5)), 0.0)
    structure = ndimage.generate_binary_structure(3, 1)
    sizes, masses = nilearn.calculate_cluster_measures(images, 0.7, structure, two_sided_test=two_sided)
    graph, maps = NeighborGraph.from_mask(mask), images[mask].T
    found = cluster_extremes(maps, graph, 0.7, two_sided=two_sided)
    np.testing.assert_array_equal(np.abs(found).max(axis=1), sizes)
    found = cluster_extremes(maps, graph, 0.7, measure="mass", two_sided=two_sided)
    np.testing.assert_allclose(np.abs(found).max(axis=1), masses, rtol=1e-12)


@SETTINGS
@given(st.integers(2, 7), st.data())
def test_components_of_a_network(n_nodes, data):
    ends = np.column_stack(np.triu_indices(n_nodes, 1))
    values = data.draw(hnp.arrays(float, len(ends), elements=st.integers(-6, 6).map(lambda x: x / 2)))
    found = label_clusters(values, NeighborGraph.from_edges(n_nodes), 1.0)
    labels, n_labels = np.zeros(len(ends), int), 0
    for sign in (1, -1):
        inside = sign * values > 1.0
        matrix = sparse.coo_array((np.ones(inside.sum()), ends[inside].T), shape=(n_nodes, n_nodes))
        of_node = sparse.csgraph.connected_components(matrix, directed=False)[1]
        for component in dict.fromkeys(of_node[ends[inside, 0]]):  # in the order of their first edges
            n_labels += 1
            labels[inside & (of_node[ends[:, 0]] == component)] = n_labels
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.extents, np.bincount(labels, minlength=n_labels + 1)[1:])


@SETTINGS
@given(images(), st.integers(0, 2**31), st.sampled_from(["extent", "mass"]))
def test_pieces_of_patches_give_the_same(drawn, seed, measure):
    mask, image, (connectivity, _) = drawn
    graph = NeighborGraph.from_mask(mask, connectivity=connectivity)
    patches = np.random.default_rng(seed).integers(0, 4, graph.n_vertices)
    of_patches = np.resize(image, (3, 4))
    merged, columns, pieces = graph.merge(patches)
    wanted = label_clusters(of_patches[0, patches], graph, 0.6)
    for found, back in (
        (label_clusters(of_patches[0], graph, 0.6, inverse=patches), slice(None)),
        (label_clusters(of_patches[0], merged, 0.6, inverse=columns), pieces),
    ):
        np.testing.assert_array_equal(found.labels[back], wanted.labels)
        np.testing.assert_allclose(found.measured(measure), wanted.measured(measure), rtol=1e-12)
    np.testing.assert_allclose(
        cluster_extremes(of_patches, merged, 0.6, measure=measure, inverse=columns),
        cluster_extremes(of_patches[:, patches], graph, 0.6, measure=measure),
        rtol=1e-12,
    )


def test_sizes_weigh_extent_and_mass():
    line = NeighborGraph.from_mask(np.ones((1, 4), bool))
    found = label_clusters([2.0, 3.0, 0.0, -4.0], line, 1.0, sizes=[0.5, 2.0, 9.0, 3.0])
    assert found.extents.tolist() == [2.5, 3.0]
    assert found.masses.tolist() == [4.5, 9.0]


def test_a_map_without_clusters():
    line = NeighborGraph.from_mask(np.ones((1, 3), bool))
    found = label_clusters([1.0, -1.0, 0.0], line, 1.0)  # equal to the threshold lies outside
    assert found.labels.tolist() == [0, 0, 0]
    assert [len(part) for part in (found.signs, found.extents, found.masses, found.peaks)] == [0] * 4
    assert cluster_extremes([[1.0, -1.0, 0.0]], line, 1.0).tolist() == [[0.0, 0.0]]


LINE = NeighborGraph.from_mask(np.ones((1, 3), bool))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: label_clusters([[1.0, 2.0, 3.0]], LINE, 1.0), r"wanted one map"),
        (lambda: label_clusters([1.0, 2.0, np.nan], LINE, 1.0), r"1 entries that are NaN or infinite"),
        (lambda: label_clusters([1.0, 2.0, 3.0], LINE, -1.0), r"`threshold` must be a finite number of at least 0"),
        (lambda: cluster_extremes([1.0, 2.0, 3.0], LINE, 1.0), r"wanted \(n_maps, 3\)"),
        (lambda: cluster_extremes([[1.0, 2.0, 3.0]], LINE, 1.0, measure="size"), r"\['extent', 'mass', 'intensity'\]"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
