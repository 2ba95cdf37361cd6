import runpy
from pathlib import Path

import numpy as np
import pytest

from skfuse.io import read_masks

IMAGES = runpy.run_path(str(Path(__file__).parent / "images.py"))


def test_columns_are_those_of_nilearn(tmp_path):
    masking = pytest.importorskip("nilearn.masking")
    files = IMAGES["write_all"](tmp_path, IMAGES["draw_masks"](5))
    masks = read_masks(files)
    mask = masks.to_nifti(np.ones(masks.X.shape[1], np.uint8))
    assert np.array_equal(masking.apply_mask([str(file) for file in files], mask), masks.X)
