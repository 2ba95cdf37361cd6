import runpy
from pathlib import Path

import numpy as np
import pytest

from skfuse.io import CohortError, read_map, read_masks, write_map

nibabel = pytest.importorskip("nibabel")
IMAGES = runpy.run_path(str(Path(__file__).parent / "images.py"))
AFFINE, SHAPE, draw_masks, write, write_all = (
    IMAGES[name] for name in ("AFFINE", "SHAPE", "draw_masks", "write", "write_all")
)


@pytest.fixture
def masks(tmp_path):
    (tmp_path / "masks").mkdir()
    write_all(tmp_path / "masks", draw_masks(3))
    return read_masks(tmp_path / "masks")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.uint8])
def test_a_map_comes_back_in_its_type(tmp_path, masks, dtype, suffix):
    values = np.random.default_rng(0).normal(50, 20, masks.X.shape[1]).astype(dtype)
    path = write_map(values, masks, tmp_path / f"map{suffix}")
    back = read_map(path, masks)
    assert back.dtype == dtype
    assert np.array_equal(back, values)
    image = nibabel.load(path)
    assert np.array_equal(image.affine, AFFINE)
    assert np.array_equal(image.get_qform(), AFFINE)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert not np.asanyarray(image.dataobj)[~masks.mask].any()


def test_several_maps_nan_and_a_value_outside(tmp_path, masks):
    values = np.random.default_rng(0).normal(size=(4, masks.X.shape[1]))
    values[1, 3] = np.nan
    path = write_map(values, masks, tmp_path / "maps.nii.gz", outside=1)
    assert np.array_equal(read_map(path, masks), values, equal_nan=True)
    image = nibabel.load(path)
    assert image.shape == (*SHAPE, 4)
    assert (np.asanyarray(image.dataobj)[~masks.mask] == 1).all()


def test_types_that_images_lack(tmp_path, masks):
    n = masks.X.shape[1]
    assert masks.to_nifti(np.ones(n, bool)).get_data_dtype() == np.uint8
    assert masks.to_nifti(np.arange(n)).get_data_dtype() == np.int32
    assert masks.to_nifti(np.ones(n, np.float16)).get_data_dtype() == np.float32
    with pytest.raises(ValueError, match=r"beyond ±2³¹.*Use float64"):
        masks.to_nifti(np.full(n, 2**40))
    with pytest.raises(ValueError, match=r"of type <U1\. Convert them to float"):
        masks.to_nifti(np.full(n, "x"))
    with pytest.raises(ValueError, match=rf"a value for each voxel of the mask\. Got \({n + 1},\)"):
        masks.to_nifti(np.ones(n + 1))


def test_the_mask_may_be_an_image(tmp_path, masks):
    values = np.arange(masks.X.shape[1], dtype=float)
    write(tmp_path / "mask.nii", masks.mask.astype(np.uint8))
    image = nibabel.Nifti1Image(masks.mask.astype(np.uint8), AFFINE)
    for i, like in enumerate((tmp_path / "mask.nii", str(tmp_path / "mask.nii"), image)):
        path = write_map(values, like, tmp_path / f"{i}.nii")
        assert np.array_equal(read_map(path, like), values)
    with pytest.raises(TypeError, match=r"An array has no affine"):
        write_map(values, masks.mask, tmp_path / "a.nii")


def test_the_same_map_is_the_same_file(tmp_path, masks):
    files = [write_map(masks.X[0], masks, tmp_path / name) for name in ("a.nii.gz", "b.nii.gz")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_where_a_map_cannot_be_written(tmp_path, masks):
    values = np.ones(masks.X.shape[1])
    with pytest.raises(ValueError, match=r"written as \.nii or \.nii\.gz, but the name is 'map\.img'"):
        write_map(values, masks, tmp_path / "map.img")
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*nowhere"):
        write_map(values, masks, tmp_path / "nowhere" / "map.nii")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["masks"]


def test_maps_of_another_grid_are_refused(tmp_path, masks):
    write(tmp_path / "other.nii", np.zeros(SHAPE), np.diag([2.0, 2, 2, 1]))
    with pytest.raises(CohortError, match=r"1 of 1 images lies on another grid than the mask .*other\.nii: 6 x 7 x 5"):
        read_map(tmp_path / "other.nii", masks)
    write(tmp_path / "five.nii", np.zeros((*SHAPE, 2, 3)))
    with pytest.raises(CohortError, match=r"five\.nii has 5 axes \(6 x 7 x 5 x 2 x 3\)"):
        read_map(tmp_path / "five.nii", masks)
    with pytest.raises(FileNotFoundError, match=r"There is no file"):
        read_map(tmp_path / "nowhere.nii", masks)
    (tmp_path / "map.txt").write_text("1")
    with pytest.raises(CohortError, match=r"map\.txt is called like no NIfTI image"):
        read_map(tmp_path / "map.txt", masks)
