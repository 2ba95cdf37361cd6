"""Figures of lesions: the map, the overlap and the null distribution."""

import sys
from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from nilearn.maskers import NiftiMasker

from skfuse.connectomes import NetworkBasedStatistic
from skfuse.io import LesionMasks
from skfuse.lesions import LesionSymptomMapping
from skfuse.permutation import TooFewPermutationsWarning
from skfuse.plotting import LesionMapDisplay, LesionOverlapDisplay, NullDistributionDisplay
from skfuse.plotting._brain import Voxels, cuts
from skfuse.plotting._null_distribution import _bins, _nth

SHAPE = (8, 10, 7)
AFFINE = np.array([[4.0, 0, 0, -50], [0, 4.0, 0, -30], [0, 0, 4.0, -4], [0, 0, 0, 1]])  # in the left half
N = 40


@pytest.fixture(scope="module")
def masks():
    rng = np.random.default_rng(0)
    mask = rng.random(SHAPE) < 0.8
    X = (rng.random((N, mask.sum())) < 0.35).astype(np.uint8)
    X[:, :5] = 0  # nobody is lesioned there
    X[:6, :5] = 1
    return LesionMasks(X, mask, AFFINE, np.arange(N).astype(str), 64.0 * X.sum(axis=1))


def fitted(masks, effect=((100, -3.0), (300, 3.0)), **settings):
    score = np.random.default_rng(1).normal(size=N) + sum(size * masks.X[:, voxel] for voxel, size in effect)
    return LesionSymptomMapping(**({"n_permutations": 99, "random_state": 0} | settings)).fit(masks.X, score)


@pytest.fixture(scope="module")
def mapping(masks):
    return fitted(masks)


@pytest.fixture(scope="module")
def map_display(mapping, masks):
    return drawn(LesionMapDisplay.from_estimator(mapping, masks, n_cuts=3))


@pytest.fixture(scope="module")
def nothing(masks):
    return fitted(masks, effect=())


def drawn(display, width=7.0):
    figure = Figure(figsize=display.figsize(width), layout="constrained")
    display.plot(ax=figure.subplots())
    figure.draw_without_rendering()  # lays it out
    return display


def matplotlib_settings():
    """Settings of matplotlib; nilearn spells the name of the backend in small letters."""
    return dict(mpl.rcParams) | {"backend": mpl.rcParams["backend"].lower()}


def texts(ax):
    return " ".join(text.get_text() for text in ax.texts)


def overlays(view):
    """Values that are drawn in a slice, a masked array each: what is behind, the map, the significant voxels."""
    return [np.ma.masked_invalid(image.get_array()) for image in view.ax.images]


# Where voxels lie ----------------------------------------------------------------------------------------------------


def test_voxels_of_masks_maskers_images_and_files_are_the_same(masks, tmp_path):
    image = nibabel.Nifti1Image(masks.mask.astype(np.uint8), AFFINE)
    image.to_filename(tmp_path / "mask.nii.gz")
    n, values = masks.X.shape[1], np.random.default_rng(0).normal(size=masks.X.shape[1])
    wanted = np.zeros(SHAPE)
    wanted[masks.mask] = values
    for like in (masks, NiftiMasker(image).fit(), image, tmp_path / "mask.nii.gz"):
        voxels = Voxels.of(like, n)
        np.testing.assert_allclose(voxels.image(values).get_fdata(), wanted, rtol=1e-6)
        np.testing.assert_array_equal(voxels.affine, AFFINE)
        np.testing.assert_array_equal(voxels.coordinates(np.ones(n, dtype=bool)), masks.coordinates_mm())
        np.testing.assert_array_equal(voxels.coordinates_of(17), masks.coordinates_mm()[17])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 8), st.integers(0, 3))
def test_slices_show_what_is_wanted_and_do_not_repeat(seed, n_cuts, n_first):
    rng = np.random.default_rng(seed)
    mask = np.ones((3, 3, 12), dtype=bool)
    X = np.zeros((1, mask.sum()), dtype=np.uint8)
    voxels = Voxels.of(LesionMasks(X, mask, np.diag([3.0, 3, 3, 1]), np.array(["a"]), np.zeros(1)), X.shape[1])
    shown, tested = rng.random(X.shape[1]) < 0.2, np.ones(X.shape[1], dtype=bool)
    first = [float(height) for height in rng.integers(0, 12, n_first) * 3]
    heights = cuts(voxels, first, shown, tested, n_cuts)
    assert 1 <= len(heights) <= n_cuts
    assert heights == sorted(set(heights))
    assert set(heights) <= set(voxels.coordinates(tested)[:, 2])
    assert set(first) <= set(heights) or len(set(first)) > n_cuts


# Map -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("style", "width"), [("both", 3.5), ("slices", 7.0), ("glass", 7.0)])
def test_the_map_is_drawn_inside_its_figure_and_leaves_nothing_behind(mapping, masks, width, style):
    before, figures = matplotlib_settings(), plt.get_fignums()
    display = drawn(LesionMapDisplay.from_estimator(mapping, masks, plot_style=style, n_cuts=2), width)
    assert matplotlib_settings() == before
    assert plt.get_fignums() == figures
    assert bool(display.slices_) is (style != "glass")
    assert (display.glass_ is None) is (style == "slices")
    inside = display.figure_.bbox.padded(3)
    assert all(inside.contains(*corner) for text in display.ax_.texts for corner in text.get_window_extent().corners())
    slots = [view.ax.get_window_extent() for row in display.slices_ for view in row.axes.values()]
    slots += [view.ax.get_window_extent() for view in display.glass_.axes.values()] if display.glass_ else []
    assert all(inside.contains(*corner) for slot in slots for corner in slot.corners())


def test_slices_hold_the_statistic_and_significant_voxels_once_more(mapping, masks):
    display = drawn(LesionMapDisplay.from_estimator(mapping, masks, plot_style="slices", cut_coords=[0.0, 8.0]))
    found = masks.to_nifti(np.where(mapping.significant_, mapping.map_, 0.0)).get_fdata()
    statistic = masks.to_nifti(mapping.map_).get_fdata()
    assert mapping.significant_.any()
    for row in display.slices_:
        for height, view in row.axes.items():
            _, pale, opaque, *_ = [*overlays(view), None]
            plane = round((height - AFFINE[2, 3]) / 4)
            np.testing.assert_allclose(np.ma.filled(pale, 0.0), np.rot90(statistic[:, :, plane]), atol=1e-5)
            np.testing.assert_allclose(np.ma.filled(opaque, 0.0), np.rot90(found[:, :, plane]), atol=1e-5)
            assert view.ax.images[1].get_alpha() < 0.5
            assert view.ax.images[2].get_alpha() is None
            low, high = view.ax.images[1].get_clim()
            assert -low == high == pytest.approx(np.abs(mapping.map_).max(), rel=1e-6)
    said = texts(display.bar_)
    assert "lesioned score lower" in said
    assert "lesioned score higher" in said
    assert display.bar_.get_xlabel() == "Student's t of a linear model; lines: threshold"
    assert [line.get_xdata()[0] for line in display.bar_.lines] == [-mapping.threshold_, mapping.threshold_]


def test_the_words_say_counts_sides_method_and_peaks(mapping, masks, map_display):
    lower = int((mapping.significant_ & (mapping.map_ < 0)).sum())
    higher = int((mapping.significant_ & (mapping.map_ > 0)).sum())
    assert lower
    assert higher
    said = texts(map_display.ax_)
    assert f"{lower + higher} of {mapping.mask_.sum()} voxels tested are significant" in said
    assert f"{lower} where a lesion goes with a lower score and {higher} where a lesion goes with a higher" in said
    for fact in ("Family-wise error 0.05 over voxels", "99 permutations", "40 subjects", "as a covariate"):
        assert fact in said
    x, y, z = masks.coordinates_mm()[mapping.map_.argmin()]
    assert f"Lowest {mapping.map_.min():.3g} at ({x:.0f}, {y:.0f}, {z:.0f}) mm".replace("-", "−") in said
    assert "MNI152 template, not the subjects" in said


def test_peaks_are_among_the_slices_and_circled(mapping, masks, map_display):
    shown = [height for row in map_display.slices_ for height in row.axes]
    found = np.where(mapping.significant_, mapping.map_, 0.0)
    circles = [one for one in map_display.glass_.axes["z"].ax.collections if len(one.get_offsets()) == 1]
    for voxel, circle in zip((found.argmin(), found.argmax()), circles, strict=True):
        x, y, z = masks.coordinates_mm()[voxel]
        assert z in shown
        np.testing.assert_allclose(circle.get_offsets()[0], [x, y])


def test_nothing_significant_is_said_and_nothing_is_emphasized(nothing, masks):
    assert not nothing.significant_.any()
    display = drawn(LesionMapDisplay.from_estimator(nothing, masks, n_cuts=2))
    said = texts(display.ax_)
    assert f"No voxel is significant at 0.05, of {nothing.mask_.sum()} tested." in said
    assert "The glass brain is empty" in said
    assert "Opaque" not in said
    assert all(len(view.ax.images) == 2 for row in display.slices_ for view in row.axes.values())
    assert not any(view.ax.images or view.ax.collections for view in display.glass_.axes.values())
    assert not display.bar_.lines  # a threshold beyond every statistic is not in the bar
    assert display.bar_.get_xlabel() == "Student's t of a linear model"


def test_left_and_right_are_marked_and_change_places(mapping, masks, map_display):
    turned = drawn(LesionMapDisplay.from_estimator(mapping, masks, radiological=True, n_cuts=1))
    for display, order, side in ((map_display, "LR", "left"), (turned, "RL", "right")):
        for view in (next(iter(display.slices_[0].axes.values())), display.glass_.axes["z"]):
            marks = {text.get_text(): text.get_window_extent().x0 for text in view.ax.texts}
            assert sorted(marks.keys() & set("LR"), key=marks.get) == list(order)
        assert f"left of the brain is drawn at the {side}" in texts(display.ax_)


def test_both_halves_have_views_of_their_own(mapping, masks, map_display):
    across = replace(masks, affine=AFFINE + np.array([[0, 0, 0, 34]] + [[0] * 4] * 3))  # across the middle
    both = LesionMapDisplay.from_estimator(mapping, across, plot_style="glass").plot(ax=Figure().subplots())
    assert set(both.glass_.axes) == set("lyrz")
    assert set(map_display.glass_.axes) == set("xyz")


def test_a_cluster_is_spoken_of_as_a_whole(masks):
    found = fitted(masks, correction="cluster", mask=masks.mask, cluster_p=0.3)
    display = LesionMapDisplay.from_estimator(found, masks)
    n = len(found.cluster_table_["p_value"])
    assert not found.significant_.any()
    assert display.finding == f"No cluster is significant at 0.05, of {n} found."
    assert display.threshold is None  # it is a size
    everything = fitted(masks, correction="cluster", mask=masks.mask, cluster_p=0.3, alpha=0.99)
    display = LesionMapDisplay.from_estimator(everything, masks)
    kept = int((everything.cluster_table_["p_value"] <= 0.99).sum())
    assert kept
    assert display.finding.startswith(f"{kept} of {n} clusters significant ({everything.significant_.sum()} of ")


def test_infinite_statistics_have_the_last_color(masks):
    values = np.linspace(-3, 3, masks.X.shape[1])
    values[[0, 1]] = -np.inf, np.inf
    display = LesionMapDisplay(values, np.isinf(values), masks, n_cuts=2, plot_style="slices")
    display.plot(ax=Figure().subplots())
    assert display.slices_[0].axes[display._heights[0]].ax.images[1].get_clim() == (-3, 3)
    assert "Lowest −∞" in texts(display.ax_)


def test_voxels_outside_of_the_template_have_no_template_and_no_glass_brain(mapping, masks):
    far = replace(masks, affine=np.diag([4.0, 4, 4, 1]) + np.array([[0, 0, 0, 60.0]] * 3 + [[0] * 4]))
    display = drawn(LesionMapDisplay.from_estimator(mapping, far, n_cuts=2))
    assert display.glass_ is None
    assert "No glass brain: the voxels do not lie in MNI space." in texts(display.ax_)
    assert "Grey: the region tested." in texts(display.ax_)
    np.testing.assert_array_equal(np.unique(overlays(next(iter(display.slices_[0].axes.values())))[0].compressed()), 1)
    with pytest.raises(ValueError, match=r"lie from \(60, 60, 60\) to .* mm. Take plot_style='slices'"):
        LesionMapDisplay.from_estimator(mapping, far, plot_style="glass").plot()


def test_a_background_can_be_chosen(mapping, masks, tmp_path):
    values = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    nibabel.Nifti1Image(values, AFFINE).to_filename(tmp_path / "anatomy.nii")
    options = {"cut_coords": [4.0], "plot_style": "slices"}
    for background in (tmp_path / "anatomy.nii", nibabel.load(tmp_path / "anatomy.nii")):
        display = LesionMapDisplay.from_estimator(mapping, masks, background=background, **options)
        display.plot(ax=Figure().subplots())
        behind = overlays(display.slices_[0].axes[4.0])[0]
        np.testing.assert_allclose(np.ma.filled(behind, 0.0), np.rot90(values[:, :, 2]), rtol=1e-6)
        assert "an image given by the user" in texts(display.ax_)
    plain = LesionMapDisplay.from_estimator(mapping, masks, background="plain", **options).plot(ax=Figure().subplots())
    assert "template" not in texts(plain.ax_)
    with pytest.raises(FileNotFoundError, match=r"\['template', 'plain'\], None, an image or its file"):
        LesionMapDisplay.from_estimator(mapping, masks, background="tempalte").plot()


def test_what_does_not_fit_is_refused(mapping, masks):
    with pytest.raises(ValueError, match=r"`plot_style` must be one of .* got 'slice'"):
        LesionMapDisplay.from_estimator(mapping, masks, plot_style="slice")
    with pytest.raises(ValueError, match="has no map with significant voxels"):
        LesionMapDisplay.from_estimator(LesionSymptomMapping(), masks)
    with pytest.raises(ValueError, match="hold an entry for each voxel"):
        LesionMapDisplay(np.zeros(3), np.zeros(4), masks)
    with pytest.raises(ValueError, match="`n_cuts` must be at least 1"):
        LesionMapDisplay.from_estimator(mapping, masks, n_cuts=0)
    with pytest.raises(ValueError, match="a value for each voxel of the mask"):
        LesionMapDisplay(np.zeros(3), np.zeros(3), masks).plot()


def test_without_nilearn_the_extra_is_named(mapping, masks, monkeypatch):
    monkeypatch.setitem(sys.modules, "nilearn.plotting", None)
    for display in (LesionMapDisplay.from_estimator(mapping, masks), LesionOverlapDisplay.from_masks(masks)):
        with pytest.raises(ImportError, match=r'pip install "skfuse\[app,imaging\]"'):
            display.plot()


def test_a_part_of_a_figure_will_do(mapping, masks):
    figure = Figure(figsize=(8, 10), layout="constrained")
    upper, lower = figure.subfigures(2, 1)
    display = LesionMapDisplay.from_estimator(mapping, masks, n_cuts=1, plot_style="slices")
    display.plot(ax=lower.subplots())
    LesionOverlapDisplay.from_masks(masks, n_cuts=1).plot(ax=upper.subplots())
    figure.draw_without_rendering()
    middle = figure.bbox.height / 2
    for row in display.slices_:
        assert all(view.ax.get_window_extent().y1 < middle for view in row.axes.values())


# Overlap -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [7.0, 3.5])
def test_the_overlap_counts_subjects_and_outlines_the_region_tested(masks, mapping, width):
    display = drawn(LesionOverlapDisplay.from_masks(masks, min_overlap=7, cut_coords=[0.0]), width)
    counts = masks.X.sum(axis=0)
    np.testing.assert_array_equal(display.counts, counts)
    np.testing.assert_array_equal(display.tested, (counts >= 7) & (counts <= N - 7))
    assert 0 < display.tested.sum() < len(counts)
    view = display.slices_[0].axes[0.0]
    drawn_counts = np.ma.filled(overlays(view)[1], 0)
    np.testing.assert_allclose(drawn_counts, np.rot90(masks.to_nifti(counts.astype(float)).get_fdata()[:, :, 1]))
    assert any(type(one).__name__.endswith("ContourSet") for one in view.ax.collections)
    said = texts(display.ax_)
    assert f"40 subjects, at most {counts.max()} lesioned at the same voxel" in said
    assert (
        f"{display.tested.sum()} of {(counts > 0).sum()} voxels lesioned in anybody are lesioned in 7 or more" in said
    )
    assert display.bar_.get_xticks()[[0, -1]].tolist() == [1, counts.max()]
    by_mapping = LesionOverlapDisplay.from_masks(masks, mapping=mapping)
    np.testing.assert_array_equal(by_mapping.tested, mapping.mask_)


def test_the_region_outlined_is_the_one_that_a_mapping_tests(masks, mapping):
    np.testing.assert_array_equal(LesionOverlapDisplay.from_masks(masks).tested, mapping.mask_)


def test_the_histogram_holds_every_volume(masks):
    display = drawn(LesionOverlapDisplay.from_masks(masks, min_overlap=None, n_cuts=1))
    bars = display.volumes_ax_.patches
    assert sum(bar.get_height() for bar in bars) == N
    volumes = masks.volumes_mm3 / 1000
    assert bars[0].get_x() == pytest.approx(volumes.min())
    assert f"median {np.median(volumes):.3g} ml" in texts(display.volumes_ax_)
    assert "Outlined" not in texts(display.ax_)


def test_a_region_without_voxels_is_said(masks):
    display = drawn(LesionOverlapDisplay.from_masks(masks.take([0, 1]), min_overlap=2, n_cuts=1))
    assert "none is lesioned in 2 or more and spared in as many" in texts(display.ax_)


@pytest.mark.parametrize("wrong", [0, 0.7, -1, True, "ten"])
def test_an_overlap_that_makes_no_sense_is_refused(masks, wrong):
    with pytest.raises(ValueError, match=r"a count from 1, a share above 0 and up to 0.5"):
        LesionOverlapDisplay.from_masks(masks, min_overlap=wrong)


def test_masks_of_another_map_are_refused(masks, mapping):
    other = LesionMasks(masks.X[:, :-1], masks.mask, AFFINE, masks.ids, masks.volumes_mm3)
    with pytest.raises(ValueError, match=r"was fitted on .* voxels, and `masks` has"):
        LesionOverlapDisplay.from_masks(other, mapping=mapping)


# Null distribution ---------------------------------------------------------------------------------------------------


def lines_of(display, kind):
    return [line.get_xdata()[0] for line in display.ax_.lines if line.get_gid() == kind]


def test_the_histogram_the_threshold_and_both_sides_are_those_of_the_map(mapping):
    display = drawn(NullDistributionDisplay.from_estimator(mapping))
    assert sum(bar.get_height() for bar in display.ax_.patches) == 99
    assert lines_of(display, "threshold") == [mapping.threshold_]
    values = {row["name"]: row for row in display.observed}
    assert values["lowest statistic"]["value"] == -mapping.map_.min()
    assert values["lowest statistic"]["p_value"] == mapping.p_values_[mapping.map_.argmin()]
    assert values["highest statistic"]["value"] == mapping.map_.max()
    assert display.ax_.get_xlabel() == "Largest absolute statistic of each permutation"
    assert display.legend()[0].endswith("p = 0.01 (0 of 99 permutations: the smallest possible)")
    assert display.legend()[-1].startswith("p ≤ 0.05 beyond ")


def test_p_values_are_counts_of_the_null(nothing):
    display = NullDistributionDisplay.from_estimator(nothing)
    for row, said in zip(display.observed, display.legend(), strict=False):
        reached = int((nothing.null_distribution_ >= row["value"] * (1 - 1e-5)).sum())
        assert row["p_value"] == (reached + 1) / 100
        assert f"({reached} of 99 permutations)" in said


@pytest.mark.parametrize(("alternative", "sign"), [("less", -1.0), ("greater", 1.0)])
def test_one_side_is_compared_as_it_was_tested(masks, alternative, sign):
    found = fitted(masks, alternative=alternative)
    (row,) = NullDistributionDisplay.from_estimator(found).observed
    assert row["value"] == (sign * found.map_).max()
    assert row["p_value"] == found.p_values_.min()


def test_the_vth_largest_is_compared_with_vth_largest(masks):
    found = fitted(masks, correction="cfwer", cfwer_v=4)
    display = NullDistributionDisplay.from_estimator(found)
    (row,) = display.observed
    assert row["value"] == np.sort(np.abs(found.map_))[-4]
    assert row["p_value"] == np.sort(found.p_values_[found.mask_])[3]
    assert display.quantity == "4th largest absolute statistic of each permutation"


def test_enhanced_values_and_clusters_are_compared_as_such(masks):
    enhanced = fitted(masks, correction="tfce", mask=masks.mask)
    assert NullDistributionDisplay.from_estimator(enhanced).observed[0]["value"] in np.abs(enhanced.enhanced_)
    clusters = fitted(masks, correction="cluster", mask=masks.mask, cluster_p=0.05, alpha=0.5)
    table = clusters.cluster_table_
    display = drawn(NullDistributionDisplay.from_estimator(clusters))
    n_significant = int((table["p_value"] <= 0.5).sum())
    assert [row["value"] for row in display.observed] == np.sort(table["extent"])[::-1][: max(n_significant, 1)][
        :4
    ].tolist()
    left_out = len(table["extent"]) - len(display.observed)
    assert f"{left_out} more cluster" in display.note
    assert display.quantity == "Largest cluster of each permutation (voxels)"


def test_extrapolated_p_values_say_so(masks):
    found = fitted(masks, tail=True, n_permutations=499)
    told = NullDistributionDisplay.from_estimator(found).legend()[0]
    assert "(extrapolated from the tail)" in told
    assert f"p ≤ {found.p_values_.min():.4f}" in told  # it goes no further than a tenth of 1 / 500


def test_a_level_out_of_reach_is_said(masks):
    with pytest.warns(TooFewPermutationsWarning):
        found = fitted(masks, n_permutations=9)
    display = drawn(NullDistributionDisplay.from_estimator(found))
    assert display.legend()[-1] == "no value can reach p ≤ 0.05 with 9 permutations"
    assert not lines_of(display, "threshold")


def test_far_statistics_have_an_arrow_and_far_sizes_a_logarithmic_axis():
    null = np.random.default_rng(0).normal(4, 0.5, size=500)
    rows = [{"name": "far", "value": 30.0, "p_value": 1 / 501}, {"name": "near", "value": 4.5, "p_value": 0.2}]
    display = drawn(NullDistributionDisplay(null, rows, threshold=4.9, alpha=0.05, quantity="t"))
    assert lines_of(display, "observed") == [4.5]
    assert texts(display.ax_) == "30"
    assert display.ax_.get_xlim()[1] < 15
    sizes = np.random.default_rng(0).poisson(2, size=500)
    rows = [{"name": "far", "value": 5000.0, "p_value": 1 / 501}]
    display = drawn(NullDistributionDisplay(sizes, rows, threshold=5.0, alpha=0.05, quantity="size"))
    assert display.ax_.get_xscale() == "symlog"
    assert display.ax_.get_xlabel() == "size, logarithmic"
    assert lines_of(display, "observed") == [5000.0]
    assert sum(bar.get_height() for bar in display.ax_.patches) == 500


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.integers(0, 10**6), st.floats(0, 1e6)), min_size=1, max_size=50),
    st.booleans(),
)
def test_every_permutation_is_in_the_histogram(values, logarithmic):
    values = np.array(values, dtype=float)
    if values.max() == 0:
        logarithmic = False
    assert np.histogram(values, _bins(values, logarithmic))[0].sum() == len(values)


def test_networks_have_their_null_too():
    rng = np.random.default_rng(0)
    edges, group = rng.normal(size=(40, 45)), np.repeat([0, 1], 20)
    edges[20:, :6] -= 1.8
    for method, column in (("extent", "edges"), ("intensity", "intensity")):
        nbs = NetworkBasedStatistic(method=method, n_permutations=99, random_state=0).fit(edges, group)
        display = drawn(NullDistributionDisplay.from_estimator(nbs))
        assert display.observed[0]["value"] == nbs.component_table_[column].max()
        assert display.observed[0]["p_value"] == nbs.component_table_["p_value"].min()
        assert display.threshold != nbs.threshold_  # that is the t that makes components
        assert (nbs.null_distribution_ > display.threshold).mean() <= 0.05
    enhanced = NetworkBasedStatistic(method="tfnbs", n_permutations=99, random_state=0).fit(edges, group)
    assert NullDistributionDisplay.from_estimator(enhanced).observed[0]["value"] == -enhanced.enhanced_.min()
    none = NetworkBasedStatistic(threshold=50.0, n_permutations=99, random_state=0).fit(edges, group)
    assert drawn(NullDistributionDisplay.from_estimator(none)).legend()[0] == "observed: no component"


def test_without_permutations_there_is_no_null(masks):
    with pytest.raises(ValueError, match=r"correction='fdr' holds no permutations. Fit .* correction='max', 'cfwer'"):
        NullDistributionDisplay.from_estimator(fitted(masks, correction="fdr"))
    with pytest.raises(ValueError, match=r"`null` holds a number for each permutation, got shape .* with NaN"):
        NullDistributionDisplay([np.nan], [], threshold=1.0, alpha=0.05, quantity="t")


def test_ordinal_numbers():
    assert [_nth(n) for n in (1, 2, 3, 4, 11, 12, 21, 100, 111, 1002)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "100th", "111th", "1002nd",
    ]  # fmt: skip
