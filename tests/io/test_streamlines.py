import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from skfuse.io import CohortError, CohortWarning, LesionMasks, read_streamlines

nibabel = pytest.importorskip("nibabel")
AFFINE = runpy.run_path(str(Path(__file__).parent / "images.py"))["AFFINE"]
SHAPE = (20, 22, 18)


def masks_of(mask):
    return LesionMasks(np.zeros((0, int(mask.sum())), np.uint8), mask, AFFINE, np.empty(0, object), np.empty(0))


def save(path, lines):
    lines = [np.asarray(line, dtype=np.float32) for line in lines]
    tractogram = nibabel.streamlines.Tractogram(lines, affine_to_rasmm=np.eye(4))
    header = {"voxel_to_rasmm": AFFINE.astype(np.float32), "dimensions": SHAPE, "voxel_sizes": (2, 2, 2)}
    nibabel.streamlines.save(tractogram, str(path), **({"header": header} if path.suffix == ".trk" else {}))
    return path


def draw_lines(n_lines, seed=0, reach=1.0):
    """Wandering lines inside the grid, in mm; some leave it."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(n_lines):
        start = rng.uniform(2, np.array(SHAPE) - 3)
        walk = start + np.cumsum(rng.normal(0, reach, (int(rng.integers(2, 12)), 3)), axis=0)
        lines.append(nibabel.affines.apply_affine(AFFINE, walk))
    return lines


def visited(line, mask):
    """The voxels of a line, by many points on every segment, one after the other."""
    voxels = nibabel.affines.apply_affine(np.linalg.inv(AFFINE), np.asarray(line, np.float32).astype(float))
    numbers = np.full(mask.shape, -1)
    numbers[mask] = np.arange(mask.sum())
    found = set()
    for start, stop in pairwise(voxels):
        for along in np.linspace(0, 1, 500):
            at = np.floor(start + along * (stop - start) + 0.5).astype(int)
            if (at >= 0).all() and (at < mask.shape).all() and numbers[tuple(at)] >= 0:
                found.add(int(numbers[tuple(at)]))
    return found


@pytest.mark.parametrize("suffix", [".tck", ".trk"])
def test_voxels_of_lines_are_those_of_a_walk_in_small_steps(tmp_path, suffix):
    mask = np.random.default_rng(0).random(SHAPE) < 0.7
    lines = draw_lines(12)
    visits, ends = read_streamlines(save(tmp_path / f"a{suffix}", lines), masks_of(mask))
    assert visits.shape == (12, mask.sum())
    assert visits.dtype == np.uint8
    assert set(visits.data) == {1}
    n_found = n_wanted = 0
    for i, line in enumerate(lines):
        own, wanted = set(visits.indices[visits.indptr[i] : visits.indptr[i + 1]].tolist()), visited(line, mask)
        assert own <= wanted
        n_found, n_wanted = n_found + len(own), n_wanted + len(wanted)
        assert np.allclose(ends[i], line[[0, -1]], atol=1e-3)  # files hold float32
    assert n_found > 0.9 * n_wanted  # corners that are cut off


def test_long_segments_leave_no_gap(tmp_path):
    line = nibabel.affines.apply_affine(AFFINE, [[1.0, 5, 5], [18, 5, 5]])
    visits, _ = read_streamlines(save(tmp_path / "a.tck", [line]), masks_of(np.ones(SHAPE, bool)))
    assert np.array_equal(np.flatnonzero(visits.toarray().reshape(SHAPE)[:, 5, 5]), np.arange(1, 19))


def test_one_point_is_one_voxel_and_lines_do_not_join(tmp_path):
    lines = [nibabel.affines.apply_affine(AFFINE, [at]) for at in ([1.0, 1, 1], [15.0, 15, 15])]
    visits, ends = read_streamlines(save(tmp_path / "a.tck", lines), masks_of(np.ones(SHAPE, bool)))
    assert np.diff(visits.indptr).tolist() == [1, 1]
    assert np.array_equal(ends[:, 0], ends[:, 1])


def test_rows_do_not_depend_on_parts(tmp_path, monkeypatch):
    lines, masks = draw_lines(30, seed=2), masks_of(np.ones(SHAPE, bool))
    path = save(tmp_path / "a.tck", lines)
    whole, _ = read_streamlines(path, masks)
    monkeypatch.setattr("skfuse.io._streamlines._AT_ONCE", 7)
    assert (read_streamlines(path, masks)[0] != whole).nnz == 0


def test_bad_files_are_named(tmp_path):
    masks = masks_of(np.ones(SHAPE, bool))
    with pytest.raises(FileNotFoundError, match=r"There is no file"):
        read_streamlines(tmp_path / "a.tck", masks)
    (tmp_path / "a.vtk").write_text("x")
    with pytest.raises(CohortError, match=r"a\.vtk is no tractogram"):
        read_streamlines(tmp_path / "a.vtk", masks)
    with pytest.raises(CohortError, match=r"empty\.tck holds no streamline"):
        read_streamlines(save(tmp_path / "empty.tck", []), masks)
    for suffix in (".tck", ".trk"):
        whole = save(tmp_path / f"whole{suffix}", draw_lines(20)).read_bytes()
        (tmp_path / f"cut{suffix}").write_bytes(whole[: len(whole) - 100])
        with pytest.raises(CohortError, match=rf"cut\{suffix} is damaged"):
            read_streamlines(tmp_path / f"cut{suffix}", masks)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, -20_000])
def test_points_out_of_this_world_are_damage(tmp_path, value):
    lines = draw_lines(3)
    lines[1][1, 2] = value
    with pytest.raises(CohortError, match=r"a\.tck is damaged: it holds points that are NaN or more than 10 m away"):
        read_streamlines(save(tmp_path / "a.tck", lines), masks_of(np.ones(SHAPE, bool)))


def test_another_space_is_seen(tmp_path):
    masks = masks_of(np.ones(SHAPE, bool))
    away = [line + 1000 for line in draw_lines(5)]
    with pytest.raises(CohortError, match=r"a\.tck: no streamline passes through the grid of the mask \(20 x 22 x 18"):
        read_streamlines(save(tmp_path / "a.tck", away), masks)
    with pytest.warns(CohortWarning, match=r"5 of 6 streamlines pass through no voxel"):
        read_streamlines(save(tmp_path / "a.tck", away + draw_lines(1)), masks)
