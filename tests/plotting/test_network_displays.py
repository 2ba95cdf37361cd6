from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from skfuse.datasets import schizophrenia_subtypes
from skfuse.evaluation.clusters import cluster_profile
from skfuse.evaluation.subtypes import find_subtypes
from skfuse.plotting import (
    AlluvialDisplay,
    ClusterProfileDisplay,
    EigengapDisplay,
    NetworkHeatmapDisplay,
    SubjectNetworkDisplay,
)
from skfuse.plotting._clusters import CLUSTER_COLORS, cluster_color
from skfuse.plotting._network_heatmap import _colored, _pixels
from skfuse.similarity import SNFClustering

ALL = [AlluvialDisplay, ClusterProfileDisplay, EigengapDisplay, NetworkHeatmapDisplay, SubjectNetworkDisplay]


@pytest.fixture(scope="module")
def cohort():
    return schizophrenia_subtypes(90, subtype_separation=10.0, random_state=0)


@pytest.fixture(scope="module")
def found(cohort):
    return find_subtypes(cohort.X, n_clusters=3, n_null=0, n_permutations=19)


def axes(width=7.0, height=4.0):
    return Figure(figsize=(width, height), layout="constrained").subplots()


def texts(display):
    return [text.get_text() for text in display.ax_.texts]


@pytest.mark.parametrize("display", ALL)
@pytest.mark.parametrize("width", [7.0, 3.5])
def test_a_display_draws_where_it_is_told_and_leaves_the_style_alone(display, width, found):
    before = dict(mpl.rcParams)
    one = display.from_subtypes(found)
    ax = axes(*one.figsize(width))
    assert one.plot(ax=ax) is one
    assert one.ax_ is ax
    ax.figure.canvas.draw()
    assert dict(mpl.rcParams) == before
    inside = ax.figure.bbox.padded(6)
    for text in ax.texts:
        box = text.get_window_extent()
        assert inside.contains(box.x0, box.y0), text.get_text()
        assert inside.contains(box.x1, box.y1), text.get_text()


# Maps ----------------------------------------------------------------------------------------------------------------


def test_the_map_is_ordered_by_cluster_and_dark_inside_clusters(found):
    display = NetworkHeatmapDisplay.from_subtypes(found)
    assert display.sizes == found.tables["clusters"]["n_subjects"].tolist()
    ends = np.cumsum([0, *display.sizes])
    image = display.panels["fused"]
    assert image.shape == (90, 90)
    np.testing.assert_allclose(image, image.T, atol=1e-12)
    own = [image[a:b, a:b].mean() for a, b in pairwise(ends)]
    between = image[: ends[1], ends[1] :].mean()
    assert min(own) > 3 * between


def test_missing_modalities_are_grey_and_never_similar(cohort, found):
    display = NetworkHeatmapDisplay.from_subtypes(found)
    lacking = int(cohort.X.filter(like="dmri__").isna().all(axis=1).sum())
    rows = np.isnan(display.panels["dmri"]).all(axis=1)
    assert rows.sum() == lacking > 0
    image = _colored(display.panels["dmri"])
    assert np.isfinite(image).all()
    red, blue = image[rows][..., 0], image[rows][..., 2]
    assert np.ptp(red) == 0
    assert (blue - red).max() < 0.1  # the blue of similarity is far from grey


def test_large_networks_are_averaged_and_keep_their_blocks():
    n = 1000
    affinity = np.full((n, n), 0.001)
    for start in range(0, n, 250):
        affinity[start : start + 250, start : start + 250] = 1.0
    pixels = _pixels(affinity)
    assert pixels.shape == (240, 240)
    assert pixels[:60, :60].min() > 0.9
    assert pixels[:60, 60:].max() == 0.0


def test_without_a_matrix_the_map_says_what_to_do(found):
    class Bare:
        labels_ = np.zeros(3, dtype=int)

    with pytest.raises(ValueError, match="solver='exact'"):
        NetworkHeatmapDisplay.from_estimator(Bare())


def test_the_modality_panels_are_networks_of_the_modality_alone(cohort, found):
    alone = NetworkHeatmapDisplay.from_estimator(SNFClustering(3).fit(cohort.X.filter(like="smri__")))
    together = NetworkHeatmapDisplay.from_subtypes(found).panels["smri"]
    # The same pairs in another order: the same values.
    np.testing.assert_allclose(np.sort(alone.panels["smri"], axis=None), np.sort(together, axis=None), atol=1e-9)


# Drawing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["spring", "spectral"])
def test_the_drawing_repeats_and_keeps_clusters_together(found, layout):
    one, two = (SubjectNetworkDisplay.from_estimator(found.model, layout=layout) for _ in range(2))
    np.testing.assert_array_equal(one.positions, two.positions)
    assert np.isfinite(one.positions).all()
    centers = np.array([one.positions[one.labels == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(one.positions[:, None] - centers, axis=2).argmin(axis=1)
    assert (nearest == one.labels).mean() > 0.85


def test_edges_are_those_of_the_graph(found):
    display = SubjectNetworkDisplay.from_estimator(found.model, n_neighbors=3)
    graph = found.model.to_networkx(n_neighbors=3)
    assert {tuple(edge) for edge in display.edges.tolist()} == {tuple(sorted(edge)) for edge in graph.edges}


def test_of_many_subjects_some_of_every_cluster_are_drawn(found, monkeypatch):
    monkeypatch.setattr(SubjectNetworkDisplay, "_most", 30)
    display = SubjectNetworkDisplay.from_subtypes(found)
    assert len(display.positions) <= 33
    assert set(display.labels) == {0, 1, 2}
    assert display.n_left_out == 90 - len(display.positions)
    assert f"{display.n_left_out} subjects not drawn" in texts(display.plot(ax=axes()))


def test_an_unknown_layout_is_refused(found):
    with pytest.raises(ValueError, match="'spring' or 'spectral'"):
        SubjectNetworkDisplay.from_estimator(found.model, layout="round")


# Number of clusters --------------------------------------------------------------------------------------------------


def test_every_rule_has_a_row_and_the_best_and_the_chosen_are_marked():
    scores = {"eigengap": {2: 0.3, 3: 0.1, 4: 0.2}, "rotation": {2: 1.5, 3: 1.1, 4: 1.2}}
    display = EigengapDisplay(scores, 4, rule="eigengap").plot(ax=axes())
    marks = [line.get_xdata()[0] for line in display.ax_.lines if line.get_marker() == "D"]
    assert marks == [2, 3]  # large is good for one, small for the other
    assert {"0.300", "0.200", "1.100", "1.200"} <= set(texts(display))
    assert display.ax_.get_xlabel() == "number of clusters (line: 4, chosen by eigengap)"


def test_scores_of_estimator_and_of_result_are_the_same(found):
    one, two = EigengapDisplay.from_estimator(found.model), EigengapDisplay.from_subtypes(found)
    assert one.scores == two.scores
    assert (one.n_clusters, one.rule) == (two.n_clusters, two.rule) == (3, None)


def test_without_scores_that_is_said():
    assert texts(EigengapDisplay({}, 3).plot(ax=axes())) == ["The estimator scores no other number of clusters."]


# Alluvial ------------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=60))
def test_bands_hold_all_subjects(labels):
    columns = {f"s{k}": values for k, values in enumerate(zip(*labels, strict=True))}
    display = AlluvialDisplay.from_labels(columns).plot(ax=axes())
    assert display.counts["n_subjects"].sum() == len(labels)
    bands = [one for one in display.ax_.collections if one.get_alpha() == 0.5]
    heights = np.zeros(2)
    for band in bands:
        corners = band.get_paths()[0].vertices
        left = corners[np.isclose(corners[:, 0], corners[:, 0].min())]
        heights[int(corners[:, 0].min() > 1)] += np.ptp(left[:, 1])
    np.testing.assert_allclose(heights, 1.0)


def test_bands_have_the_color_of_the_reference():
    raw = AlluvialDisplay.from_labels({"a": [0, 0, 1], "b": [0, 1, -1]}).counts  # as ``labels_``
    assert raw.to_numpy().tolist() == [[1, 1, 1], [1, 2, 1], [2, 0, 1]]
    counts = AlluvialDisplay.from_labels({"a": [1, 1, 2], "b": [1, 2, 2]}).counts
    display = AlluvialDisplay(counts, reference="b").plot(ax=axes())
    drawn = sorted(to_hex(one.get_facecolor()[0]) for one in display.ax_.collections if one.get_alpha() == 0.5)
    assert drawn == sorted([CLUSTER_COLORS[0], CLUSTER_COLORS[1], CLUSTER_COLORS[1]])
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["a", "b"]


def test_one_solution_is_nothing_to_draw():
    assert texts(AlluvialDisplay.from_labels({"a": [1, 2]}).plot(ax=axes())) == ["There is one solution only."]


# Profile -------------------------------------------------------------------------------------------------------------


def test_the_profile_shows_the_largest_differences_of_each_modality(cohort, found):
    profile = cluster_profile(cohort.X, found.labels["cluster"].to_numpy(dtype=int))
    display = ClusterProfileDisplay.from_profile(profile, most=2).plot(ax=axes())
    table = profile.to_frame()
    assert len(display.rows) == 6
    assert display.n_left_out == len(table) - 6
    first = table[table["modality"] == display.rows[0]["modality"]].iloc[0]
    np.testing.assert_allclose(display.rows[0]["differences"], first.filter(like="difference_").astype(float))
    said = [f"{value:+.1f}".replace("-", "−") for value in display.rows[0]["differences"]]
    start = texts(display).index(said[0])
    assert texts(display)[start : start + 3] == said


def test_an_unknown_difference_is_a_dash_and_has_no_color():
    rows = [{"feature": "a", "modality": "m", "differences": [np.nan, 1.0]}]
    display = ClusterProfileDisplay(rows).plot(ax=axes())
    assert "–" in texts(display)
    assert len([one for one in display.ax_.collections if one.get_alpha() is not None]) == 1


def test_more_clusters_than_colors_go_round():
    assert cluster_color(len(CLUSTER_COLORS) + 1) == cluster_color(1)
    assert len(set(CLUSTER_COLORS)) == len(CLUSTER_COLORS) == 10
    assert cluster_color(0) not in CLUSTER_COLORS
