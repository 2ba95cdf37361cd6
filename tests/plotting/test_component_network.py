"""The figure of the components of a network-based statistic."""

import runpy
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from skfuse.connectomes import NetworkBasedStatistic
from skfuse.plotting import ComponentNetworkDisplay
from skfuse.plotting._component_network import _COMPONENT_COLORS
from skfuse.plotting._ring import spread_angles
from skfuse.plotting._style import COLORS, MUTED

DRAWING = runpy.run_path(str(Path(__file__).parent / "drawing.py"))
drawn, matplotlib_settings, texts = (DRAWING[name] for name in ("drawn", "matplotlib_settings", "texts"))
N_NODES = 12
ROWS, COLUMNS = np.triu_indices(N_NODES, 1)
NAMES = [f"region {letter}" for letter in "abcdefghijkl"]


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(0)
    edges, group = rng.normal(size=(60, len(ROWS))), np.repeat(["control", "patient"], 30)
    edges[30:, COLUMNS < 4] -= 1.8
    edges[30:, (ROWS > 7) & (COLUMNS < 11)] += 1.8
    return edges, group


@pytest.fixture(scope="module")
def nbs(cohort):
    return NetworkBasedStatistic(n_permutations=199, random_state=0, names=NAMES).fit(*cohort)


@pytest.fixture(scope="module")
def coordinates():
    half = np.random.default_rng(1).uniform((-60, -80, -20), (-10, 50, 60), size=(N_NODES // 2, 3))
    return np.concatenate([half, half * [-1, 1, 1]])


@pytest.mark.parametrize(("width", "brain"), [(7.0, False), (3.5, False), (3.5, True)])
def test_it_is_drawn_inside_its_figure_and_leaves_nothing_behind(nbs, coordinates, width, brain):
    before, figures = matplotlib_settings(), plt.get_fignums()
    display = drawn(ComponentNetworkDisplay.from_estimator(nbs, coordinates if brain else None), width)
    assert matplotlib_settings() == before
    assert plt.get_fignums() == figures
    assert (display.glass_ is None) is not brain
    assert (display.ring_ax_ is None) is brain
    inside = display.figure_.bbox.padded(3)
    parts = [display.matrix_ax_, *display.ax_.texts]
    parts += [] if brain else display.ring_ax_.texts
    parts += [view.ax for view in display.glass_.axes.values()] if brain else []
    assert all(inside.contains(*corner) for part in parts for corner in part.get_window_extent().corners())


def test_the_matrix_holds_every_t_and_the_components(nbs):
    display = drawn(ComponentNetworkDisplay.from_estimator(nbs))
    image = display.matrix_ax_.images[0].get_array()
    shown = np.zeros((N_NODES, N_NODES), dtype=bool)
    numbers = [int(one["name"].removeprefix("component ")) for one in display.components]
    assert len(numbers) == 2
    for place, number in enumerate(numbers):
        own = np.triu(nbs.component_matrix(number) != 0)
        np.testing.assert_allclose(image[own], [to_rgba(_COMPONENT_COLORS[place])] * own.sum())
        shown |= own
    upper = np.triu_indices(N_NODES, 1)
    np.testing.assert_array_equal(image[upper][:, 3] > 0, shown[upper])
    red, blue = image[COLUMNS, ROWS][:, 0], image[COLUMNS, ROWS][:, 2]
    strong = np.abs(nbs.t_) > 2
    np.testing.assert_array_equal((red > blue)[strong], nbs.t_[strong] > 0)
    assert [tick.get_text() for tick in display.matrix_ax_.get_xticklabels()] == NAMES


def test_the_words_say_sizes_sides_and_p(nbs):
    display = ComponentNetworkDisplay.from_estimator(nbs)
    table = nbs.component_table_
    for one, said in zip(display.components, display.legend(), strict=True):
        k = int(one["name"].removeprefix("component ")) - 1
        side = "stronger" if table["sign"][k] > 0 else "weaker"
        edges, nodes, p = table["edges"][k], table["nodes"][k], table["p_value"][k]
        assert said == (
            f"component {k + 1}: {edges} edges of {nodes} nodes, {side} in patient than in control, p = {p:g}"
        )
    sizes = [len(one["edges"]) for one in display.components]
    assert sizes == sorted(sizes, reverse=True)
    found = texts(drawn(display).ax_)
    n = len(table["p_value"])
    assert f"2 of {n} components significant at 0.05." in found
    assert "family-wise error over components, not of edges" in found
    assert "199 permutations" in found


def test_colors_of_components_are_not_those_of_signs():
    assert not set(_COMPONENT_COLORS) & set(COLORS[:2])


def test_the_ring_has_a_curve_for_every_edge_and_names_of_its_nodes(nbs):
    display = drawn(ComponentNetworkDisplay.from_estimator(nbs))
    edges = np.concatenate([one["edges"] for one in display.components])
    curves = [patch for patch in display.ring_ax_.patches if isinstance(patch, PathPatch)]
    assert len(curves) == len(edges)
    angles = np.pi / 2 - 2 * np.pi * (np.arange(N_NODES) + 0.5) / N_NODES
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    for curve, edge in zip(curves, edges, strict=True):
        np.testing.assert_allclose(curve.get_path().vertices[[0, 2]], points[nbs.edges_[edge]])
        assert curve.get_linestyle() == ("dashed" if nbs.t_[edge] < 0 else "solid") or curve.get_linestyle() in "--"
    named = {text.get_text() for text in display.ring_ax_.texts}
    assert named == {NAMES[node] for node in np.unique(nbs.edges_[edges])}


def test_the_glass_brain_has_a_line_for_every_edge(nbs, coordinates):
    display = drawn(ComponentNetworkDisplay.from_estimator(nbs, coordinates))
    edges = np.concatenate([one["edges"] for one in display.components])
    assert set(display.glass_.axes) == set("lyrz")
    lines = display.glass_.axes["z"].ax.lines
    assert len(lines) == len(edges)
    ends = {frozenset(map(tuple, np.round(np.column_stack(line.get_data()), 6))) for line in lines}
    wanted = {frozenset(map(tuple, np.round(coordinates[nbs.edges_[edge], :2], 6))) for edge in edges}
    assert ends == wanted
    marks = {text.get_text(): text.get_window_extent().x0 for text in display.glass_.axes["z"].ax.texts}
    assert marks["L"] < marks["R"]
    left = coordinates * [0, 1, 1] - [20, 0, 0] + np.arange(N_NODES)[:, None] * 1e-3
    display = ComponentNetworkDisplay.from_estimator(nbs, left).plot(ax=Figure().subplots())
    assert set(display.glass_.axes) == set("xyz")


def test_nothing_significant_shows_the_largest_in_grey_and_says_so(cohort):
    nbs = NetworkBasedStatistic(threshold=1.5, n_permutations=99, random_state=0).fit(
        np.random.default_rng(5).normal(size=cohort[0].shape), cohort[1]
    )
    assert not nbs.significant_.any()
    display = drawn(ComponentNetworkDisplay.from_estimator(nbs))
    (one,) = display.components
    assert len(one["edges"]) == nbs.component_table_["edges"].max()
    assert "No component is significant at 0.05" in texts(display.ax_)
    assert "(not significant)" in display.legend()[0]
    assert {patch.get_edgecolor()[:3] for patch in display.ring_ax_.patches} == {to_rgba(MUTED)[:3]}
    none = NetworkBasedStatistic(threshold=50.0, n_permutations=19, random_state=0).fit(*cohort)
    assert "No edge has |t| beyond 50" in texts(drawn(ComponentNetworkDisplay.from_estimator(none)).ax_)


def test_components_can_be_chosen(nbs):
    n = len(nbs.component_table_["p_value"])
    display = ComponentNetworkDisplay.from_estimator(nbs, components=[n, 1])
    assert [one["name"] for one in display.components] == [f"component {n}", "component 1"]
    with pytest.raises(ValueError, match=f"no component 0: {n} were found, numbered from 1"):
        ComponentNetworkDisplay.from_estimator(nbs, components=[0])


def test_enhanced_edges_are_shown_by_their_sign(cohort):
    nbs = NetworkBasedStatistic(method="tfnbs", n_permutations=199, random_state=0).fit(*cohort)
    display = drawn(ComponentNetworkDisplay.from_estimator(nbs))
    n = nbs.significant_.sum()
    assert f"{n} of 66 edges are significant at 0.05." in texts(display.ax_)
    assert (
        sorted(np.concatenate([one["edges"] for one in display.components]))
        == np.flatnonzero(nbs.significant_).tolist()
    )
    assert all("smallest p = 0.0" in said for said in display.legend())
    with pytest.raises(ValueError, match="numbers no components"):
        ComponentNetworkDisplay.from_estimator(nbs, components=[1])


@pytest.mark.parametrize(
    ("design", "words"),
    [("association", "weaker with a higher y"), ("one-sample", "mean below 0")],
)
def test_the_side_is_said_for_every_design(cohort, design, words):
    edges, group = cohort
    y = None if design == "one-sample" else (group == "patient").astype(float)
    edges = edges - 2.0 * (COLUMNS < 4) if design == "one-sample" else edges
    nbs = NetworkBasedStatistic(design=design, n_permutations=99, random_state=0).fit(edges, y)
    assert any(words in said for said in ComponentNetworkDisplay.from_estimator(nbs).legend())


@pytest.mark.parametrize("scale", [1e-3, 3.0])
def test_coordinates_in_another_unit_are_refused(nbs, coordinates, scale):
    with pytest.raises(ValueError, match="must be in mm of MNI space for a glass brain, got x from"):
        ComponentNetworkDisplay.from_estimator(nbs, coordinates * scale)


def test_what_does_not_fit_is_refused(nbs, coordinates):
    with pytest.raises(ValueError, match=r"each of the 12 nodes, got shape \(11, 3\)"):
        ComponentNetworkDisplay.from_estimator(nbs, coordinates[1:])
    with pytest.raises(ValueError, match="`names` has 2 names for 12 nodes"):
        ComponentNetworkDisplay.from_estimator(nbs, names=["a", "b"])
    with pytest.raises(ValueError, match="holds no components"):
        ComponentNetworkDisplay.from_estimator(NetworkBasedStatistic())
    with pytest.raises(ValueError, match="two nodes for each t"):
        ComponentNetworkDisplay(nbs.t_[1:], nbs.edges_, [])


def test_only_the_glass_brain_needs_nilearn(nbs, coordinates, monkeypatch):
    monkeypatch.setitem(sys.modules, "nilearn.plotting", None)
    drawn(ComponentNetworkDisplay.from_estimator(nbs))
    with pytest.raises(ImportError, match=r'pip install "skfuse\[app,imaging\]"'):
        ComponentNetworkDisplay.from_estimator(nbs, coordinates).plot()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-3.1, 3.1), min_size=1, max_size=40), st.floats(0.01, 0.15))
def test_names_around_a_ring_have_room_and_keep_their_order(angles, gap):
    moved = spread_angles(np.array(angles), gap)
    order = np.argsort(angles)
    steps = np.diff(moved[order], append=moved[order][0] + 2 * np.pi)
    assert steps.min() > min(gap, 2 * np.pi / len(angles)) * 0.9
