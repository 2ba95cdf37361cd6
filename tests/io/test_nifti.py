import gzip
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skfuse.io import CohortError, CohortWarning, LesionMasks, mask_files, read_masks

nibabel = pytest.importorskip("nibabel")
IMAGES = runpy.run_path(str(Path(__file__).parent / "images.py"))
AFFINE, SHAPE, box, draw_masks, write, write_all = (
    IMAGES[name] for name in ("AFFINE", "SHAPE", "box", "draw_masks", "write", "write_all")
)


@pytest.fixture
def lesions():
    return draw_masks(5)


def test_rows_are_the_masks_and_columns_the_voxels_of_their_union(tmp_path, lesions):
    write_all(tmp_path, lesions)
    masks = read_masks(tmp_path)
    assert masks.ids.tolist() == ["sub-01", "sub-02", "sub-03", "sub-04", "sub-05"]
    assert np.array_equal(masks.mask, lesions.any(axis=0))
    assert np.array_equal(masks.X, lesions[:, lesions.any(axis=0)])
    assert masks.X.dtype == np.uint8
    assert np.array_equal(masks.affine, AFFINE)
    assert masks.voxel_volume_mm3 == 8.0
    assert np.array_equal(masks.volumes_mm3, 8.0 * lesions.sum(axis=(1, 2, 3)))


def test_files_are_found_without_reading_and_read_in_any_order(tmp_path, lesions):
    write_all(tmp_path, lesions)
    files = mask_files(tmp_path)
    assert list(files) == read_masks(tmp_path).ids.tolist()
    chosen = ["sub-04", "sub-02"]
    masks = read_masks([files[name] for name in chosen])
    assert masks.ids.tolist() == chosen
    assert np.array_equal(masks.X, lesions[[3, 1]][:, masks.mask])
    assert list(mask_files(tmp_path, "sub-0[13]*", ids=lambda path: path.name[4:6])) == ["01", "03"]
    with pytest.raises(CohortError, match=r"1 id of subjects stand for more than one mask: all"):
        mask_files(tmp_path, ids=lambda path: "all")


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_files_read_at_once_give_the_same(tmp_path, lesions, n_jobs):
    write_all(tmp_path, lesions)
    seen = []
    masks = read_masks(tmp_path, n_jobs=n_jobs, on_progress=lambda done, total: seen.append((done, total)))
    assert np.array_equal(masks.X, lesions[:, lesions.any(axis=0)])
    assert seen == [(i, 5) for i in range(1, 6)]


@settings(max_examples=30, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 3), *[st.integers(1, 5)] * 3)))
def test_any_lesions_come_back(tmp_path_factory, lesions):
    folder = tmp_path_factory.mktemp("any")
    write_all(folder, lesions, name="{}.nii")
    if not lesions.any():
        with pytest.raises(CohortError, match=r"have no lesioned voxel"):
            read_masks(folder, empty="keep")
        return
    for _ in range(2):  # from the files, and from the cache
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CohortWarning)
            masks = read_masks(folder, empty="keep", cache=folder / "cache")
        back = masks.to_nifti(masks.X)
        assert np.array_equal(np.asanyarray(back.dataobj), np.moveaxis(lesions, 0, -1))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [(np.uint8, 1), (np.uint8, 255), (np.int16, 255), (np.float32, 1.0), (np.float64, 255.0), (np.float32, 1 - 1e-7)],
)
def test_what_is_binary(tmp_path, dtype, value):
    file = write(tmp_path / "a.nii", box((1, 3), (2, 4), (0, 1), value=value, dtype=dtype))
    assert read_masks(file).X.tolist() == [[1, 1, 1, 1]]


def test_255_scaled_to_1_is_binary(tmp_path):
    image = nibabel.Nifti1Image(box((1, 3), (2, 4), (0, 1), value=255), AFFINE)
    content = bytearray(image.to_bytes())
    content[112:116] = np.float32(1 / 255).tobytes()  # scl_slope
    content[116:120] = np.float32(0).tobytes()
    (tmp_path / "a.nii").write_bytes(content)
    assert float(nibabel.load(tmp_path / "a.nii").get_fdata().max()) != 1.0
    assert read_masks(tmp_path).X.tolist() == [[1, 1, 1, 1]]


def test_one_volume_of_a_fourth_axis(tmp_path, lesions):
    file = write(tmp_path / "a.nii.gz", lesions[0][..., None, None].astype(np.uint8))
    assert np.array_equal(read_masks(file).mask, lesions[0])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (box((0, 1), (0, 2), (0, 3), value=2), r"a\.nii is not binary: beside 0 it holds 1 value \(2\), .*threshold="),
        (np.arange(210).reshape(SHAPE).astype(np.int16), r"holds 209 values \(1, 2, 3, 4, 5, 6 and 203 more\)"),
        (np.linspace(0, 1, 210).reshape(SHAPE), r"probabilities, say above which one .* threshold=0\.5"),
        (box((0, 1), (0, 2), (0, 3), value=-1, dtype=np.int16), r"1 value \(-1\)"),
        (box((0, 1), (0, 2), (0, 3), value=np.nan, dtype=float), r"a\.nii holds 6 voxels of NaN\. Write 0"),
        (box((0, 1), (0, 2), (0, 3), value=np.inf, dtype=float), r"a\.nii holds 6 infinite voxels"),
        (np.ones((*SHAPE, 3), np.uint8), r"a\.nii has 3 volumes \(6 x 7 x 5 x 3\), but a mask is one volume"),
        (np.ones((6, 7), np.uint8), r"a\.nii has 2 axes"),
        (np.zeros(SHAPE, np.uint8), r"1 of 1 masks have no lesioned voxel: a\.nii"),
        (np.ones(SHAPE, np.complex64), r"a\.nii holds values of type complex64"),
    ],
)
def test_what_is_no_mask_is_named(tmp_path, data, said):
    write(tmp_path / "a.nii", data)
    with pytest.raises(CohortError, match=said):
        read_masks(tmp_path)


def test_a_probability_map_with_a_threshold(tmp_path):
    probabilities = np.linspace(0, 1, 210).reshape(SHAPE)
    write(tmp_path / "a.nii.gz", probabilities)
    for threshold in (0, 0.5, np.float32(0.25)):
        masks = read_masks(tmp_path, threshold=threshold, cache=tmp_path / "cache")
        assert np.array_equal(masks.mask, probabilities > threshold)
    with pytest.raises(CohortError, match=r"no lesioned voxel: a\.nii\.gz\. Check these files and `threshold`"):
        read_masks(tmp_path, threshold=1)
    for wrong in (-0.1, np.nan, "half"):
        with pytest.raises(ValueError, match=r"`threshold` must be a number from 0"):
            read_masks(tmp_path, threshold=wrong)


def test_an_empty_mask_is_kept_if_asked(tmp_path, lesions):
    lesions[1] = False
    write_all(tmp_path, lesions)
    with pytest.raises(CohortError, match=r"1 of 5 masks have no lesioned voxel: sub-02\.nii\.gz\. .*empty='keep'"):
        read_masks(tmp_path)
    with pytest.warns(CohortWarning, match=r"1 of 5 masks have no lesioned voxel: sub-02\.nii\.gz; their rows"):
        masks = read_masks(tmp_path, empty="keep")
    assert masks.volumes_mm3[1] == masks.X[1].sum() == 0
    with pytest.raises(ValueError, match=r"`empty` must be 'raise' or 'keep', got 'drop'"):
        read_masks(tmp_path, empty="drop")


def moved(by):
    affine = AFFINE.copy()
    affine[:3, 3] += by
    return affine


def test_other_grids_are_named_file_by_file(tmp_path, lesions):
    write_all(tmp_path, lesions)
    write(tmp_path / "coarse.nii", box((0, 2), (0, 2), (0, 2), shape=(3, 3, 3)), np.diag([4.0, 4, 4, 1]))
    write(tmp_path / "moved.nii", box((0, 2), (0, 2), (0, 2)), moved([0, 3, 4]))
    write(tmp_path / "turned.nii", box((0, 2), (0, 2), (0, 2)), np.diag([2.0, 2, 2, 1]))
    with pytest.raises(CohortError) as caught:
        read_masks(tmp_path)
    said = str(caught.value)
    assert said.startswith(
        "3 of 8 images lie on another grid than 5 others, among them sub-01.nii.gz (6 x 7 x 5 voxels of 2 x 2 x 2 mm, "
        "LAS): "
    )
    assert "coarse.nii: 3 x 3 x 3 voxels of 4 x 4 x 4 mm, RAS;" in said
    assert "moved.nii: the same shape and orientation, but an affine that puts voxels up to 5 mm away;" in said
    assert "turned.nii: 6 x 7 x 5 voxels of 2 x 2 x 2 mm, RAS." in said
    assert "resample_to_img(file, 'sub-01.nii.gz', interpolation='nearest')" in said


def test_rounding_of_headers_is_no_other_grid(tmp_path, lesions):
    write_all(tmp_path, lesions[:2])
    write(tmp_path / "z.nii", lesions[2].astype(np.uint8), moved([0.015, 0, 0]))
    assert len(read_masks(tmp_path).ids) == 3
    write(tmp_path / "z.nii", lesions[2].astype(np.uint8), moved([0.02, 0.02, 0]))
    with pytest.raises(CohortError, match=r"1 of 3 images lies on another grid .*z\.nii: .* up to 0\.0283 mm away"):
        read_masks(tmp_path)


def test_given_voxels_become_the_columns(tmp_path, lesions):
    files = write_all(tmp_path, lesions)
    training = read_masks(files[:3])
    wanted = lesions[:3].any(axis=0)
    image = nibabel.Nifti1Image(wanted.astype(np.uint8), AFFINE)
    image.to_filename(tmp_path / "wanted.nii")
    for mask in (training, image, tmp_path / "wanted.nii", wanted):
        new = read_masks(files[3:], mask=mask)
        assert np.array_equal(new.X, lesions[3:, wanted])
        assert np.array_equal(new.volumes_mm3, 8.0 * lesions[3:].sum(axis=(1, 2, 3)))  # also what lies outside


def test_given_voxels_that_do_not_fit(tmp_path, lesions):
    files = write_all(tmp_path, lesions)
    apart = ~lesions[0] & lesions[1]
    with pytest.warns(CohortWarning, match=r"1 of 2 lesions have no voxel in `mask`; .*: sub-01\.nii\.gz"):
        read_masks(files[:2], mask=apart)
    with pytest.raises(CohortError, match=r"`mask` has 2 x 2 x 2 voxels, but the masks have 6 x 7 x 5"):
        read_masks(files, mask=np.ones((2, 2, 2), bool))
    with pytest.raises(CohortError, match=r"`mask` has no voxel"):
        read_masks(files, mask=np.zeros(SHAPE, bool))
    other = nibabel.Nifti1Image(np.ones(SHAPE, np.uint8), moved([9, 0, 0]))
    with pytest.raises(CohortError, match=r"5 of 5 images lie on another grid than the mask that was given"):
        read_masks(files, mask=other)
    with pytest.raises(CohortError, match=r"The mask image is not binary"):
        read_masks(files, mask=nibabel.Nifti1Image(np.full(SHAPE, 7, np.uint8), AFFINE))
    with pytest.raises(TypeError, match=r"boolean array of 3 axes, got ndarray of float64 and shape \(3,\)"):
        read_masks(files, mask=np.ones(3))


def test_damaged_files_are_all_named(tmp_path, lesions):
    files = write_all(tmp_path, lesions)
    content = files[0].read_bytes()
    files[0].write_bytes(content[: len(content) // 2])
    files[1].write_bytes(b"")
    files[2].write_bytes(gzip.compress(gzip.decompress(files[2].read_bytes())[:-10]))
    (tmp_path / "text.nii").write_bytes(b"no image at all " * 40)
    with pytest.raises(CohortError) as caught:
        read_masks(tmp_path)
    said = str(caught.value)
    assert said.startswith("4 of 6 masks cannot be used. sub-01.nii.gz is damaged gzip (")
    assert "sub-02.nii.gz is an empty file." in said
    assert "sub-03.nii.gz is cut short: its header asks for 562 bytes, it has 552." in said
    assert "text.nii is no NIfTI image by its content." in said


@pytest.mark.parametrize("at", [0, 40, 70, 72, 80, 108, 344])
def test_damaged_headers_are_named_or_harmless(tmp_path, lesions, at):
    file = write(tmp_path / "a.nii", lesions[0].astype(np.uint8))
    content = bytearray(file.read_bytes())
    for byte in (0x00, 0x7F, 0xFF):
        content[at : at + 4] = bytes([byte]) * 4
        file.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CohortWarning)
            said = None
            try:
                masks = read_masks(file)
            except CohortError as error:
                said = str(error)
        assert masks.X.any() if said is None else "a.nii" in said


def test_a_header_without_orientation_or_in_another_unit(tmp_path, lesions):
    file = write(tmp_path / "a.nii", lesions[0].astype(np.uint8))
    content = bytearray(file.read_bytes())
    content[252:256] = bytes(4)  # codes of qform and sform
    file.write_bytes(content)
    with pytest.warns(CohortWarning, match=r"1 of 1 masks do not say in their header where they lie .*: a\.nii"):
        read_masks(tmp_path)
    write(file, lesions[0].astype(np.uint8), xyzt_units=3)
    with pytest.raises(CohortError, match=r"a\.nii: its header counts lengths in micron, not in mm"):
        read_masks(tmp_path)
    write(file, lesions[0].astype(np.uint8))
    content = bytearray(file.read_bytes())
    content[280:296] = bytes(16)  # first row of the sform
    file.write_bytes(content)
    with pytest.raises(CohortError, match=r"a\.nii: its affine .* gives voxels no volume"):
        read_masks(tmp_path)


def test_nifti_2_and_a_file_that_is_gzipped_in_spite_of_its_name(tmp_path, lesions):
    nibabel.Nifti2Image(lesions[0].astype(np.uint8), AFFINE).to_filename(tmp_path / "a.nii")
    (tmp_path / "b.nii").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()))
    assert np.array_equal(read_masks(tmp_path).mask, lesions[0])


def test_which_files_are_read(tmp_path, lesions):
    for i in range(2):
        folder = tmp_path / f"sub-{i}" / "anat"
        folder.mkdir(parents=True)
        write(folder / "lesion.nii.gz", lesions[i].astype(np.uint8))
        (folder / "._lesion.nii.gz").write_bytes(b"of macOS")
        (folder / "lesion.nii.json").write_text("{}")
    masks = read_masks(tmp_path, pattern="sub-*/anat/*", ids=lambda path: path.parents[1].name)
    assert masks.ids.tolist() == ["sub-0", "sub-1"]
    with pytest.raises(CohortError, match=r"1 id of subjects stand for more than one mask: lesion \(.*parent\.name"):
        read_masks(tmp_path, pattern="sub-*/anat/*")
    (tmp_path / "sub-1" / "anat" / "lesion.nii.gz").write_bytes(b"x")
    with pytest.raises(CohortError, match=r"^In '.*sub-1.anat': lesion\.nii\.gz is no NIfTI image"):
        read_masks(tmp_path, pattern="sub-*/anat/*", ids=["a", "b"])


def test_repeated_ids_are_named(tmp_path, lesions):
    for name in ("sub-01.nii", "sub-01.nii.gz", "sub-02.nii"):
        write(tmp_path / name, lesions[0].astype(np.uint8))
    with pytest.raises(CohortError, match=r"1 id .*: sub-01 \(.*sub-01\.nii, .*sub-01\.nii\.gz\)\. Keep one"):
        read_masks(tmp_path)
    with pytest.raises(CohortError, match=r"`ids` names 2 subjects, but there are 3 masks"):
        read_masks(tmp_path, ids=["a", "b"])
    assert read_masks(tmp_path, ids=["a", "b", "c"]).ids.tolist() == ["a", "b", "c"]


def test_nothing_to_read(tmp_path):
    with pytest.raises(CohortError, match=r"has no NIfTI file .*'\*\.nii\*': it is empty"):
        read_masks(tmp_path)
    (tmp_path / "a.img").write_bytes(b"")
    with pytest.raises(CohortError, match=r"it holds a\.img\. Give another `pattern`"):
        read_masks(tmp_path)
    with pytest.raises(CohortError, match=r"1 file of 1 not found: nowhere\.nii"):
        read_masks("nowhere.nii")
    with pytest.raises(CohortError, match=r"these are not: a\.img\. Convert them"):
        read_masks([tmp_path / "a.img"])
    with pytest.raises(CohortError, match=r"`paths` is empty"):
        read_masks([])


def test_subjects_can_be_taken_and_voxels_have_coordinates(tmp_path, lesions):
    write_all(tmp_path, lesions)
    masks = read_masks(tmp_path)
    part = masks.take([3, 1])
    assert part.ids.tolist() == ["sub-04", "sub-02"]
    assert np.array_equal(part.X, masks.X[[3, 1]])
    assert np.array_equal(part.volumes_mm3, masks.volumes_mm3[[3, 1]])
    expected = nibabel.affines.apply_affine(AFFINE, np.argwhere(masks.mask))
    assert np.allclose(masks.coordinates_mm(), expected, rtol=0, atol=1e-12)
    assert repr(part) == f"LesionMasks(2 subjects, {masks.X.shape[1]} voxels of 8 mm³ on a grid of 6 x 7 x 5)"


def test_without_nibabel_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.nii").write_bytes(b"x" * 400)
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ImportError, match=r'needs nibabel: pip install "skfuse\[imaging\]"'):
        read_masks(tmp_path)
    masks = LesionMasks(np.ones((1, 1)), np.ones((1, 1, 1), bool), np.eye(4), np.array(["a"]), np.ones(1))
    with pytest.raises(ImportError, match=r"skfuse\[imaging\]"):
        masks.to_nifti([1.0])


def test_import_of_the_package_loads_no_nibabel():
    code = "import sys, skfuse.io; sys.exit('nibabel' in sys.modules or 'joblib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_facts_of_real_lesions(data_folder):
    folder = data_folder("lesymap") / "lesions"
    files = [folder / f"Subject_{i:03d}.nii.gz" for i in (1, 2, 3, 40, 80, 131)]
    masks = read_masks(files)
    whole = np.stack([np.asanyarray(nibabel.load(file).dataobj) > 0 for file in files])
    assert np.array_equal(masks.mask, whole.any(axis=0))
    assert np.array_equal(masks.X, whole[:, masks.mask])
    assert masks.volumes_mm3[:2].tolist() == [9420.0, 224410.0]
    assert masks.coordinates_mm().max(axis=0)[0] < 91
