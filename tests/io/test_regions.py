"""Names of regions of an atlas beside masks."""

import numpy as np
import pytest

from skfuse.io import CohortError, LesionMasks, read_regions

nibabel = pytest.importorskip("nibabel")

AFFINE = np.array([[0.0, 3, 0, -40], [2, 0, 0, -60], [0, 0, -2.5, 30], [0, 0, 0, 1]])
SHAPE = (5, 6, 4)


@pytest.fixture(scope="module")
def masks():
    mask = np.random.default_rng(0).random(SHAPE) < 0.9
    X = np.ones((1, mask.sum()), dtype=np.uint8)
    return LesionMasks(X, mask, AFFINE, np.array(["sub-01"]), np.array([1.0]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.full(SHAPE, 1.5), r"1\.5, which is no label of a region"),
        (np.full(SHAPE, -1.0), r"-1, which is no label of a region"),
        (np.ones((*SHAPE, 2)), r"has 2 volumes; an atlas of labels has one"),
        (np.ones((2, 2, 2)), r"another grid"),
    ],
)
def test_what_is_no_atlas(masks, tmp_path, data, message):
    nibabel.Nifti1Image(data.astype(np.float32), AFFINE).to_filename(tmp_path / "atlas.nii")
    with pytest.raises(CohortError, match=message):
        read_regions(tmp_path / "atlas.nii", masks)


def test_names_of_regions(masks, tmp_path):
    data = np.zeros(SHAPE, dtype=np.int16)
    data[2:], data[4:] = 7, 12
    nibabel.Nifti1Image(data, AFFINE).to_filename(tmp_path / "atlas.nii")
    numbers = data[masks.mask]
    assert read_regions(tmp_path / "atlas.nii", masks).tolist() == [str(one) if one else "" for one in numbers]
    (tmp_path / "names.tsv").write_text("index\tcolor\tname\n7\tred\tinsula\n12\tblue\tputamen\n")
    named = read_regions(tmp_path / "atlas.nii", masks, tmp_path / "names.tsv")
    assert named.tolist() == [{0: "", 7: "insula", 12: "putamen"}[one] for one in numbers]
    (tmp_path / "short.csv").write_text("index,name\n7,insula\n")
    with pytest.raises(CohortError, match=r"no name in 'name' for 1 labels of the atlas: 12"):
        read_regions(tmp_path / "atlas.nii", masks, tmp_path / "short.csv")
