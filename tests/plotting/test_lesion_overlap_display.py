"""The figure of how many subjects are lesioned where."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from skfuse.io import LesionMasks
from skfuse.plotting import LesionOverlapDisplay

DRAWING = runpy.run_path(str(Path(__file__).parent / "drawing.py"))
AFFINE, N, drawn, overlays, texts = (DRAWING[name] for name in ("AFFINE", "N", "drawn", "overlays", "texts"))


@pytest.mark.parametrize("width", [7.0, 3.5])
def test_the_overlap_counts_subjects_and_outlines_the_region_tested(lesion_masks, lesion_mapping, width):
    display = drawn(LesionOverlapDisplay.from_masks(lesion_masks, min_overlap=7, cut_coords=[0.0]), width)
    counts = lesion_masks.X.sum(axis=0)
    np.testing.assert_array_equal(display.counts, counts)
    np.testing.assert_array_equal(display.tested, (counts >= 7) & (counts <= N - 7))
    assert 0 < display.tested.sum() < len(counts)
    view = display.slices_[0].axes[0.0]
    drawn_counts = np.ma.filled(overlays(view)[1], 0)
    np.testing.assert_allclose(drawn_counts, np.rot90(lesion_masks.to_nifti(counts.astype(float)).get_fdata()[:, :, 1]))
    assert any(type(one).__name__.endswith("ContourSet") for one in view.ax.collections)
    said = texts(display.ax_)
    assert f"40 subjects, at most {counts.max()} lesioned at the same voxel" in said
    assert (
        f"{display.tested.sum()} of {(counts > 0).sum()} voxels lesioned in anybody are lesioned in 7 or more" in said
    )
    assert display.bar_.get_xticks()[[0, -1]].tolist() == [1, counts.max()]
    by_mapping = LesionOverlapDisplay.from_masks(lesion_masks, mapping=lesion_mapping)
    np.testing.assert_array_equal(by_mapping.tested, lesion_mapping.mask_)


def test_the_region_outlined_is_the_one_that_a_mapping_tests(lesion_masks, lesion_mapping):
    np.testing.assert_array_equal(LesionOverlapDisplay.from_masks(lesion_masks).tested, lesion_mapping.mask_)


def test_the_histogram_holds_every_volume(lesion_masks):
    display = drawn(LesionOverlapDisplay.from_masks(lesion_masks, min_overlap=None, n_cuts=1))
    bars = display.volumes_ax_.patches
    assert sum(bar.get_height() for bar in bars) == N
    volumes = lesion_masks.volumes_mm3 / 1000
    assert bars[0].get_x() == pytest.approx(volumes.min())
    assert f"median {np.median(volumes):.3g} ml" in texts(display.volumes_ax_)
    assert "Outlined" not in texts(display.ax_)


def test_a_region_without_voxels_is_said(lesion_masks):
    display = drawn(LesionOverlapDisplay.from_masks(lesion_masks.take([0, 1]), min_overlap=2, n_cuts=1))
    assert "none is lesioned in 2 or more and spared in as many" in texts(display.ax_)


@pytest.mark.parametrize("wrong", [0, 0.7, -1, True, "ten"])
def test_an_overlap_that_makes_no_sense_is_refused(lesion_masks, wrong):
    with pytest.raises(ValueError, match=r"a count from 1, a share above 0 and up to 0.5"):
        LesionOverlapDisplay.from_masks(lesion_masks, min_overlap=wrong)


def test_masks_of_another_map_are_refused(lesion_masks, lesion_mapping):
    other = LesionMasks(lesion_masks.X[:, :-1], lesion_masks.mask, AFFINE, lesion_masks.ids, lesion_masks.volumes_mm3)
    with pytest.raises(ValueError, match=r"was fitted on .* voxels, and `masks` has"):
        LesionOverlapDisplay.from_masks(other, mapping=lesion_mapping)
