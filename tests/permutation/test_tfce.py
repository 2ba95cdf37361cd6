import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from skfuse.permutation import NeighborGraph, tfce, tfce_extremes

SETTINGS = settings(max_examples=30, deadline=None)
CONNECTIVITIES = {2: [(4, 1), (8, 2)], 3: [(6, 1), (18, 2), (26, 3)]}
FINITE = st.floats(-9, 9).map(lambda x: 0.0 if abs(x) < 1e-3 else x)


@st.composite
def images(draw, elements=None):
    """A mask, an image that is 0 outside it, and a kind of neighbors: the number of them, and the axes that differ."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=5))
    mask = draw(hnp.arrays(bool, shape)) | (np.arange(np.prod(shape)).reshape(shape) == 0)
    either = st.one_of(FINITE, st.integers(-8, 8).map(lambda x: x / 4))  # ties, and values that no step divides
    image = draw(hnp.arrays(np.float64, shape, elements=elements or either))
    return mask, np.where(mask, image, 0.0), draw(st.sampled_from(CONNECTIVITIES[len(shape)]))


def by_thresholds(image, axes, E, thresholds, weights):
    """Enhanced image above 0, one threshold after the other."""
    structure = ndimage.generate_binary_structure(image.ndim, axes)
    enhanced = np.zeros(image.shape)
    for threshold, weight in zip(thresholds, weights, strict=True):
        labels, n_labels = ndimage.label(image >= threshold, structure)
        extents = ndimage.sum_labels(np.ones(image.shape), labels, np.arange(n_labels + 1))
        enhanced += np.where(labels > 0, extents[labels] ** E * weight, 0.0)
    return enhanced


def each_sign(image, enhance):
    return enhance(image) - enhance(-image)


@SETTINGS
@given(images(), st.sampled_from([(0.5, 2.0), (1.0, 1.5), (0.0, 0.0), (0.7, 3.0)]))
def test_integral_by_brute_force(drawn, powers):
    mask, image, (connectivity, axes) = drawn
    E, H = powers

    def enhance(towards):
        heights = np.unique(np.maximum(towards, 0.0))  # between two of them every extent is constant
        heights = np.union1d(heights, [0.0])
        return by_thresholds(towards, axes, E, heights[1:], np.diff(heights ** (H + 1)) / (H + 1))

    graph = NeighborGraph.from_mask(mask, connectivity=connectivity)
    np.testing.assert_allclose(
        tfce(image[mask], graph, E=E, H=H), each_sign(image, enhance)[mask], rtol=1e-11, atol=1e-13
    )


@SETTINGS
@given(images(), st.sampled_from([0.1, 0.25, 1.0]))
def test_sum_over_steps_by_brute_force(drawn, step):
    mask, image, (connectivity, axes) = drawn
    thresholds = np.arange(1, int(10 / step)) * step
    wanted = each_sign(image, lambda towards: by_thresholds(towards, axes, 0.5, thresholds, thresholds**2 * step))
    graph = NeighborGraph.from_mask(mask, connectivity=connectivity)
    np.testing.assert_allclose(tfce(image[mask], graph, step=step), wanted[mask], rtol=1e-12)


@SETTINGS
@given(images(), st.sampled_from([None, 0.05, 0.1]))
def test_nilearn_by_brute_force(drawn, step):
    mask, image, (connectivity, axes) = drawn
    highest = np.abs(image).max()
    n_steps = 100 if step is None else min(max(round(highest / step), 10), 1000)
    thresholds = np.linspace(0, highest, n_steps + 1)[1:]
    wanted = each_sign(image, lambda towards: by_thresholds(towards, axes, 0.5, thresholds, thresholds**2))
    graph = NeighborGraph.from_mask(mask, connectivity=connectivity)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*fewer than 10", category=UserWarning)
        found = tfce(image[mask], graph, step=step, convention="nilearn")
    np.testing.assert_allclose(found, wanted[mask] if highest > 0 else 0.0, rtol=1e-12)


def waves():
    i, j, k = np.indices((4, 5, 6))
    mask = (i * j + 2 * k + i) % 7 != 0
    return mask, np.where(mask, 4 * np.sin(i + 0.5 * j * k) + np.cos(3.0 * j - k), 0.0)


#: Highest, lowest, sum of absolute values, element 10 and element 57 of what nilearn 0.14.1 makes of `waves`
#: (`nilearn.mass_univariate._utils.calculate_tfce`, 6 neighbors).
NILEARN = [
    ({}, [2115.1944634832616, -1501.2653997346774, 62579.85349242531, 1505.4077258695759, 718.1992887454651]),
    ({"two_sided": False}, [2115.1944634832616, 0.0, 46168.680148052095, 1505.4077258695759, 718.1992887454651]),
    (
        {"step": 0.1},
        [1057.7523607636417, -756.6518200717788, 31165.648917660197, 740.7318555788454, 349.33902555402625],
    ),
    (
        {"step": 0.25, "E": 1.0, "H": 1.5},
        [1037.4410336575133, -520.3917522900826, 35109.498180795956, 952.8084384100504, 586.9666725246439],
    ),
    (
        {"step": 2.0},
        [228.41554532767552, -151.93596542920093, 6306.916047649371, 160.80990987217712, 76.59645989947995],
    ),
]


@pytest.mark.parametrize(("options", "wanted"), NILEARN)
def test_nilearn_golden_values(options, wanted):
    mask, image = waves()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*fewer than 10", category=UserWarning)
        found = tfce(image[mask], NeighborGraph.from_mask(mask), convention="nilearn", **options)
    summary = [found.max(), found.min(), np.abs(found).sum(), found[10], found[57]]
    np.testing.assert_allclose(summary, wanted, rtol=1e-12)


@pytest.mark.parametrize("options", [{}, {"two_sided_test": False}, {"dh": 0.1}, {"E": 1.0, "H": 1.5}])
def test_nilearn_live(options):
    nilearn = pytest.importorskip("nilearn.mass_univariate._utils")
    rng = np.random.default_rng(0)
    mask = rng.random((9, 10, 11)) < 0.8
    image = np.where(mask, ndimage.gaussian_filter(rng.normal(size=mask.shape), 1.0) * 12, 0.0)
    wanted = nilearn.calculate_tfce(image[..., None], ndimage.generate_binary_structure(3, 1), **options)[mask, 0]
    names = {"two_sided_test": "two_sided", "dh": "step"}
    ours = {names.get(name, name): value for name, value in options.items()}
    found = tfce(image[mask], NeighborGraph.from_mask(mask), convention="nilearn", **ours)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_step_that_nilearn_clips_is_reported():
    line = NeighborGraph.from_mask(np.ones((1, 3), bool))
    values = [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]
    with pytest.warns(UserWarning, match=r"1,000 thresholds for 1 of 2 maps"):
        found = tfce_extremes(values, line, step=1.0, convention="nilearn")
    np.testing.assert_allclose(found[0], tfce_extremes(values[:1], line, step=0.3, convention="nilearn")[0])


@SETTINGS
@given(images(), st.integers(0, 2**31), st.sampled_from([None, 0.3]))
def test_values_follow_relabeled_elements(drawn, seed, step):
    mask, image, (connectivity, _) = drawn
    graph, values = NeighborGraph.from_mask(mask, connectivity=connectivity), image[mask]
    order = np.random.default_rng(seed).permutation(len(values))
    adjacency = np.zeros((len(values), len(values)))
    for vertex in range(len(values)):
        adjacency[vertex, graph.indices[graph.indptr[vertex] : graph.indptr[vertex + 1]]] = 1
    relabeled = NeighborGraph.from_adjacency(adjacency[np.ix_(order, order)])
    np.testing.assert_array_equal(tfce(values[order], relabeled, step=step), tfce(values, graph, step=step)[order])


@SETTINGS
@given(images(), st.data())
def test_a_higher_value_never_lowers_an_enhanced_one(drawn, data):
    mask, image, (connectivity, _) = drawn
    graph, values = NeighborGraph.from_mask(mask, connectivity=connectivity), image[mask]
    place = data.draw(st.integers(0, len(values) - 1))
    raised = values.copy()
    raised[place] += data.draw(st.floats(0.1, 5))
    before, after = tfce(values, graph), tfce(raised, graph)
    assert (after >= before - 1e-12 * np.abs(before)).all()


@SETTINGS
@given(images(), st.sampled_from([None, 0.3]))
def test_signs_and_extremes_are_those_of_the_maps(drawn, step):
    mask, image, (connectivity, _) = drawn
    graph, values = NeighborGraph.from_mask(mask, connectivity=connectivity), image[mask]
    maps = np.stack([values, -values, np.zeros_like(values), 2 * values])
    found = tfce(maps, graph, step=step)
    above, below = (tfce(sign * maps, graph, step=step, two_sided=False) for sign in (1, -1))
    np.testing.assert_array_equal(found, above - below)
    extremes = np.column_stack([found.max(axis=1).clip(0), found.min(axis=1).clip(None, 0)])
    np.testing.assert_array_equal(tfce_extremes(maps, graph, step=step), extremes)
    one_sided = tfce_extremes(maps, graph, step=step, two_sided=False)
    np.testing.assert_array_equal(one_sided, np.column_stack([above.max(axis=1), np.zeros(4)]))
    if step is None:  # the integral alone is free of a scale
        np.testing.assert_allclose(found[3], 8 * found[0], rtol=1e-12)


@SETTINGS
@given(images(), st.integers(0, 2**31), st.sampled_from(["paper", "nilearn"]), st.sampled_from([np.float32, float]))
def test_pieces_of_patches_give_the_same(drawn, seed, convention, dtype):
    mask, image, (connectivity, _) = drawn
    graph = NeighborGraph.from_mask(mask, connectivity=connectivity)
    patches = np.random.default_rng(seed).integers(0, 4, graph.n_vertices)
    of_patches = np.resize(image, (3, 4)).astype(dtype)
    wanted = tfce(of_patches[:, patches].astype(float), graph, convention=convention)
    merged, columns, pieces = graph.merge(patches)
    np.testing.assert_array_equal(tfce(of_patches, graph, inverse=patches, convention=convention), wanted)
    np.testing.assert_array_equal(tfce(of_patches, merged, inverse=columns, convention=convention)[:, pieces], wanted)
    np.testing.assert_array_equal(
        tfce_extremes(of_patches, merged, inverse=columns, convention=convention),
        tfce_extremes(of_patches, graph, inverse=patches, convention=convention),
    )


@SETTINGS
@given(st.integers(2, 7), st.data())
def test_edges_of_a_network_as_by_the_list_of_neighboring_edges(n_nodes, data):
    ends = np.column_stack(np.triu_indices(n_nodes, 1))
    values = data.draw(hnp.arrays(float, len(ends), elements=st.integers(-9, 9).map(lambda x: x / 3)))
    sharing = (ends[:, None, :, None] == ends[None, :, None, :]).any(axis=(2, 3))
    for options in ({}, {"step": 0.3}, {"convention": "nilearn"}, {"sizes": np.arange(len(ends)) / 2}):
        wanted = tfce(values, NeighborGraph.from_adjacency(sharing), **options)
        np.testing.assert_array_equal(tfce(values, NeighborGraph.from_edges(n_nodes), **options), wanted)


def test_small_steps_come_close_to_the_integral():
    mask, image = waves()
    graph = NeighborGraph.from_mask(mask)
    exact = tfce(image[mask], graph)
    np.testing.assert_allclose(tfce(image[mask], graph, step=1e-4), exact, rtol=1e-3, atol=1e-2)


def test_planted_blob_beats_a_lone_peak():
    values = np.zeros((12, 12))
    values[2:6, 2:6], values[9, 9] = 2.0, 2.5
    found = tfce(values.ravel(), NeighborGraph.from_mask(np.ones_like(values, bool))).reshape(12, 12)
    assert found[3, 3] == pytest.approx(4 * 2.0**3 / 3)  # 16 pixels, to the power of a half
    assert found[9, 9] == pytest.approx(2.5**3 / 3)


LINE = NeighborGraph.from_mask(np.ones((1, 3), bool))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tfce([1.0, 2.0], LINE), r"wanted \(n_maps, 3\)"),
        (lambda: tfce([[[1.0, 2.0, 3.0]]], LINE), r"wanted \(n_maps, 3\)"),
        (lambda: tfce([1.0, np.nan, np.inf], LINE), r"2 entries that are NaN or infinite"),
        (lambda: tfce([1.0, 2.0], LINE, inverse=[0, 1, 2]), r"wanted \(n_maps, 3\)"),
        (lambda: tfce([1.0, 2.0], LINE, inverse=[0, 1]), r"each of the 3 vertices"),
        (lambda: tfce([1.0, 2.0, 3.0], LINE, convention="fsl"), r"one of \['paper', 'nilearn'\], got 'fsl'"),
        (lambda: tfce([1.0, 2.0, 3.0], LINE, step=0.0), r"`step` must be a finite number above 0"),
        (lambda: tfce([1.0, 2.0, 3.0], LINE, E=-1), r"`E` must be a finite number of at least 0"),
        (lambda: tfce([1.0, 2.0, 3.0], LINE, step=1e-9), r"Leave `step` out"),
        (lambda: tfce([1.0, 2.0, 3.0], LINE, sizes=[1, 1, -1]), r"`sizes` has shape \(3,\)"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
