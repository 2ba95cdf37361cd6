"""The figure of a lesion-symptom map."""

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest
from matplotlib.figure import Figure

from skfuse.lesions import LesionSymptomMapping
from skfuse.plotting import LesionMapDisplay, LesionOverlapDisplay

DRAWING = runpy.run_path(str(Path(__file__).parent / "drawing.py"))
AFFINE, SHAPE, drawn, fitted, matplotlib_settings, overlays, texts = (
    DRAWING[name] for name in ("AFFINE", "SHAPE", "drawn", "fitted", "matplotlib_settings", "overlays", "texts")
)


@pytest.fixture(scope="module")
def map_display(lesion_mapping, lesion_masks):
    return drawn(LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, n_cuts=3))


@pytest.mark.parametrize(("style", "width"), [("both", 3.5), ("slices", 7.0), ("glass", 7.0)])
def test_the_map_is_drawn_inside_its_figure_and_leaves_nothing_behind(lesion_mapping, lesion_masks, width, style):
    before, figures = matplotlib_settings(), plt.get_fignums()
    display = drawn(LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, plot_style=style, n_cuts=2), width)
    assert matplotlib_settings() == before
    assert plt.get_fignums() == figures
    assert bool(display.slices_) is (style != "glass")
    assert (display.glass_ is None) is (style == "slices")
    inside = display.figure_.bbox.padded(3)
    assert all(inside.contains(*corner) for text in display.ax_.texts for corner in text.get_window_extent().corners())
    slots = [view.ax.get_window_extent() for row in display.slices_ for view in row.axes.values()]
    slots += [view.ax.get_window_extent() for view in display.glass_.axes.values()] if display.glass_ else []
    assert all(inside.contains(*corner) for slot in slots for corner in slot.corners())


def test_slices_hold_the_statistic_and_significant_voxels_once_more(lesion_mapping, lesion_masks):
    display = drawn(
        LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, plot_style="slices", cut_coords=[0.0, 8.0])
    )
    found = lesion_masks.to_nifti(np.where(lesion_mapping.significant_, lesion_mapping.map_, 0.0)).get_fdata()
    statistic = lesion_masks.to_nifti(lesion_mapping.map_).get_fdata()
    assert lesion_mapping.significant_.any()
    for row in display.slices_:
        for height, view in row.axes.items():
            _, pale, opaque, *_ = [*overlays(view), None]
            plane = round((height - AFFINE[2, 3]) / 4)
            np.testing.assert_allclose(np.ma.filled(pale, 0.0), np.rot90(statistic[:, :, plane]), atol=1e-5)
            np.testing.assert_allclose(np.ma.filled(opaque, 0.0), np.rot90(found[:, :, plane]), atol=1e-5)
            assert view.ax.images[1].get_alpha() < 0.5
            assert view.ax.images[2].get_alpha() is None
            low, high = view.ax.images[1].get_clim()
            assert -low == high == pytest.approx(np.abs(lesion_mapping.map_).max(), rel=1e-6)
    said = texts(display.bar_)
    assert "lesioned score lower" in said
    assert "lesioned score higher" in said
    assert display.bar_.get_xlabel() == "Student's t of a linear model; lines: threshold"
    assert [line.get_xdata()[0] for line in display.bar_.lines] == [
        -lesion_mapping.threshold_,
        lesion_mapping.threshold_,
    ]


def test_the_words_say_counts_sides_method_and_peaks(lesion_mapping, lesion_masks, map_display):
    lower = int((lesion_mapping.significant_ & (lesion_mapping.map_ < 0)).sum())
    higher = int((lesion_mapping.significant_ & (lesion_mapping.map_ > 0)).sum())
    assert lower
    assert higher
    said = texts(map_display.ax_)
    assert f"{lower + higher} of {lesion_mapping.mask_.sum()} voxels tested are significant" in said
    assert f"{lower} where a lesion goes with a lower score and {higher} where a lesion goes with a higher" in said
    for fact in ("Family-wise error 0.05 over voxels", "99 permutations", "40 subjects", "as a covariate"):
        assert fact in said
    x, y, z = lesion_masks.coordinates_mm()[lesion_mapping.map_.argmin()]
    assert f"Lowest {lesion_mapping.map_.min():.3g} at ({x:.0f}, {y:.0f}, {z:.0f}) mm".replace("-", "−") in said
    assert "MNI152 template, not the subjects" in said


def test_peaks_are_among_the_slices_and_circled(lesion_mapping, lesion_masks, map_display):
    shown = [height for row in map_display.slices_ for height in row.axes]
    found = np.where(lesion_mapping.significant_, lesion_mapping.map_, 0.0)
    circles = [one for one in map_display.glass_.axes["z"].ax.collections if len(one.get_offsets()) == 1]
    for voxel, circle in zip((found.argmin(), found.argmax()), circles, strict=True):
        x, y, z = lesion_masks.coordinates_mm()[voxel]
        assert z in shown
        np.testing.assert_allclose(circle.get_offsets()[0], [x, y])


def test_nothing_significant_is_said_and_nothing_is_emphasized(empty_mapping, lesion_masks):
    assert not empty_mapping.significant_.any()
    display = drawn(LesionMapDisplay.from_estimator(empty_mapping, lesion_masks, n_cuts=2))
    said = texts(display.ax_)
    assert f"No voxel is significant at 0.05, of {empty_mapping.mask_.sum()} tested." in said
    assert "The glass brain is empty" in said
    assert "Opaque" not in said
    assert all(len(view.ax.images) == 2 for row in display.slices_ for view in row.axes.values())
    assert not any(view.ax.images or view.ax.collections for view in display.glass_.axes.values())
    assert not display.bar_.lines  # a threshold beyond every statistic is not in the bar
    assert display.bar_.get_xlabel() == "Student's t of a linear model"


def test_left_and_right_are_marked_and_change_places(lesion_mapping, lesion_masks, map_display):
    turned = drawn(LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, radiological=True, n_cuts=1))
    for display, order, side in ((map_display, "LR", "left"), (turned, "RL", "right")):
        for view in (next(iter(display.slices_[0].axes.values())), display.glass_.axes["z"]):
            marks = {text.get_text(): text.get_window_extent().x0 for text in view.ax.texts}
            assert sorted(marks.keys() & set("LR"), key=marks.get) == list(order)
        assert f"left of the brain is drawn at the {side}" in texts(display.ax_)


def test_both_halves_have_views_of_their_own(lesion_mapping, lesion_masks, map_display):
    across = replace(lesion_masks, affine=AFFINE + np.array([[0, 0, 0, 34]] + [[0] * 4] * 3))  # across the middle
    both = LesionMapDisplay.from_estimator(lesion_mapping, across, plot_style="glass").plot(ax=Figure().subplots())
    assert set(both.glass_.axes) == set("lyrz")
    assert set(map_display.glass_.axes) == set("xyz")


def test_a_cluster_is_spoken_of_as_a_whole(lesion_masks):
    found = fitted(lesion_masks, correction="cluster", mask=lesion_masks.mask, cluster_p=0.3)
    display = LesionMapDisplay.from_estimator(found, lesion_masks)
    n = len(found.cluster_table_["p_value"])
    assert not found.significant_.any()
    assert display.finding == f"No cluster is significant at 0.05, of {n} found."
    assert display.threshold is None  # it is a size
    everything = fitted(lesion_masks, correction="cluster", mask=lesion_masks.mask, cluster_p=0.3, alpha=0.99)
    display = LesionMapDisplay.from_estimator(everything, lesion_masks)
    kept = int((everything.cluster_table_["p_value"] <= 0.99).sum())
    assert kept
    assert display.finding.startswith(f"{kept} of {n} clusters significant ({everything.significant_.sum()} of ")


def test_infinite_statistics_have_the_last_color(lesion_masks):
    values = np.linspace(-3, 3, lesion_masks.X.shape[1])
    values[[0, 1]] = -np.inf, np.inf
    display = LesionMapDisplay(values, np.isinf(values), lesion_masks, n_cuts=2, plot_style="slices")
    display.plot(ax=Figure().subplots())
    assert display.slices_[0].axes[display._heights[0]].ax.images[1].get_clim() == (-3, 3)
    assert "Lowest −∞" in texts(display.ax_)


def test_voxels_outside_of_the_template_have_no_template_and_no_glass_brain(lesion_mapping, lesion_masks):
    far = replace(lesion_masks, affine=np.diag([4.0, 4, 4, 1]) + np.array([[0, 0, 0, 60.0]] * 3 + [[0] * 4]))
    display = drawn(LesionMapDisplay.from_estimator(lesion_mapping, far, n_cuts=2))
    assert display.glass_ is None
    assert "No glass brain: the voxels do not lie in MNI space." in texts(display.ax_)
    assert "Grey: the region tested." in texts(display.ax_)
    np.testing.assert_array_equal(np.unique(overlays(next(iter(display.slices_[0].axes.values())))[0].compressed()), 1)
    with pytest.raises(ValueError, match=r"lie from \(60, 60, 60\) to .* mm. Take plot_style='slices'"):
        LesionMapDisplay.from_estimator(lesion_mapping, far, plot_style="glass").plot()


def test_a_background_can_be_chosen(lesion_mapping, lesion_masks, tmp_path):
    values = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    nibabel.Nifti1Image(values, AFFINE).to_filename(tmp_path / "anatomy.nii")
    options = {"cut_coords": [4.0], "plot_style": "slices"}
    for background in (tmp_path / "anatomy.nii", nibabel.load(tmp_path / "anatomy.nii")):
        display = LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, background=background, **options)
        display.plot(ax=Figure().subplots())
        behind = overlays(display.slices_[0].axes[4.0])[0]
        np.testing.assert_allclose(np.ma.filled(behind, 0.0), np.rot90(values[:, :, 2]), rtol=1e-6)
        assert "an image given by the user" in texts(display.ax_)
    plain = LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, background="plain", **options).plot(
        ax=Figure().subplots()
    )
    assert "template" not in texts(plain.ax_)
    with pytest.raises(FileNotFoundError, match=r"\['template', 'plain'\], None, an image or its file"):
        LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, background="tempalte").plot()


def test_what_does_not_fit_is_refused(lesion_mapping, lesion_masks):
    with pytest.raises(ValueError, match=r"`plot_style` must be one of .* got 'slice'"):
        LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, plot_style="slice")
    with pytest.raises(ValueError, match="has no map with significant voxels"):
        LesionMapDisplay.from_estimator(LesionSymptomMapping(), lesion_masks)
    with pytest.raises(ValueError, match="hold an entry for each voxel"):
        LesionMapDisplay(np.zeros(3), np.zeros(4), lesion_masks)
    with pytest.raises(ValueError, match="`n_cuts` must be at least 1"):
        LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, n_cuts=0)
    with pytest.raises(ValueError, match="a value for each voxel of the mask"):
        LesionMapDisplay(np.zeros(3), np.zeros(3), lesion_masks).plot()


def test_without_nilearn_the_extra_is_named(lesion_mapping, lesion_masks, monkeypatch):
    monkeypatch.setitem(sys.modules, "nilearn.plotting", None)
    for display in (
        LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks),
        LesionOverlapDisplay.from_masks(lesion_masks),
    ):
        with pytest.raises(ImportError, match=r'pip install "skfuse\[app,imaging\]"'):
            display.plot()


def test_a_part_of_a_figure_will_do(lesion_mapping, lesion_masks):
    figure = Figure(figsize=(8, 10), layout="constrained")
    upper, lower = figure.subfigures(2, 1)
    display = LesionMapDisplay.from_estimator(lesion_mapping, lesion_masks, n_cuts=1, plot_style="slices")
    display.plot(ax=lower.subplots())
    LesionOverlapDisplay.from_masks(lesion_masks, n_cuts=1).plot(ax=upper.subplots())
    figure.draw_without_rendering()
    middle = figure.bbox.height / 2
    for row in display.slices_:
        assert all(view.ax.get_window_extent().y1 < middle for view in row.axes.values())
