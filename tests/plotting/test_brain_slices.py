"""Where the voxels of a table lie, and which slices show them."""

import runpy
from pathlib import Path

import nibabel
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn.maskers import NiftiMasker

from skfuse.io import LesionMasks
from skfuse.plotting._brain import Voxels, cuts

DRAWING = runpy.run_path(str(Path(__file__).parent / "drawing.py"))
AFFINE, SHAPE = (DRAWING[name] for name in ("AFFINE", "SHAPE"))


def test_voxels_of_masks_maskers_images_and_files_are_the_same(lesion_masks, tmp_path):
    image = nibabel.Nifti1Image(lesion_masks.mask.astype(np.uint8), AFFINE)
    image.to_filename(tmp_path / "mask.nii.gz")
    n, values = lesion_masks.X.shape[1], np.random.default_rng(0).normal(size=lesion_masks.X.shape[1])
    wanted = np.zeros(SHAPE)
    wanted[lesion_masks.mask] = values
    for like in (lesion_masks, NiftiMasker(image).fit(), image, tmp_path / "mask.nii.gz"):
        voxels = Voxels.of(like, n)
        np.testing.assert_allclose(voxels.image(values).get_fdata(), wanted, rtol=1e-6)
        np.testing.assert_array_equal(voxels.affine, AFFINE)
        np.testing.assert_array_equal(voxels.coordinates(np.ones(n, dtype=bool)), lesion_masks.coordinates_mm())
        np.testing.assert_array_equal(voxels.coordinates_of(17), lesion_masks.coordinates_mm()[17])


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
