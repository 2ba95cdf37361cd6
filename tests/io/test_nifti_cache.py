import os
import runpy
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from skfuse.io import CohortError, CohortWarning, _nifti_masks, read_masks

pytest.importorskip("nibabel")
IMAGES = runpy.run_path(str(Path(__file__).parent / "images.py"))
draw_masks, write, write_all = (IMAGES[name] for name in ("draw_masks", "write", "write_all"))
READ = "import sys; from skfuse.io import read_masks; read_masks(sys.argv[1], cache=sys.argv[2])"


@pytest.fixture
def lesions():
    return draw_masks(6)


@pytest.fixture
def folder(tmp_path, lesions):
    (tmp_path / "masks").mkdir()
    write_all(tmp_path / "masks", lesions)
    return tmp_path / "masks"


@pytest.fixture
def opened(monkeypatch):
    """Names of the files that were really read since the list was cleared."""
    names, read_image = [], _nifti_masks.read_image

    def read(path):
        names.append(path.name)
        return read_image(path)

    monkeypatch.setattr(_nifti_masks, "read_image", read)
    return names


def same(masks, lesions):
    return np.array_equal(masks.X, lesions[:, lesions.any(axis=0)]) and np.array_equal(masks.mask, lesions.any(axis=0))


def test_the_second_reading_opens_no_file_and_gives_the_same(tmp_path, folder, lesions, opened):
    first = read_masks(folder, cache=tmp_path / "a" / "cache")
    assert len(opened) == 6
    opened.clear()
    second = read_masks(folder, cache=str(tmp_path / "a" / "cache"), n_jobs=2)
    assert opened == []
    assert same(first, lesions)
    assert same(second, lesions)
    assert np.array_equal(first.affine, second.affine)
    assert np.array_equal(first.volumes_mm3, second.volumes_mm3)


def test_a_cached_reading_needs_no_nibabel(tmp_path, folder):
    read_masks(folder, cache=tmp_path / "cache")
    code = f"{READ}; sys.exit('nibabel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, folder, tmp_path / "cache"], check=False).returncode == 0


def test_only_new_and_changed_files_are_read_again(tmp_path, folder, lesions, opened):
    cache = tmp_path / "cache"
    read_masks(folder, cache=cache)
    opened.clear()
    lesions[2, 0, 0, 0] ^= True
    write(folder / "sub-03.nii.gz", lesions[2].astype(np.uint8))
    new = draw_masks(1, seed=9)
    write(folder / "sub-07.nii.gz", new[0].astype(np.uint8))
    assert same(read_masks(folder, cache=cache), np.concatenate([lesions, new]))
    assert opened == ["sub-03.nii.gz", "sub-07.nii.gz"]
    assert len(list(cache.iterdir())) == 7  # the old entry of the changed file was replaced


def test_exchanged_files_of_one_size_and_time_are_seen(tmp_path, lesions, opened):
    folder = tmp_path / "masks"
    folder.mkdir()
    a, b = write_all(folder, lesions[:2], name="{}.nii")
    for file in (a, b):
        os.utime(file, (1e9, 1e9))
    assert a.stat().st_size == b.stat().st_size
    read_masks(folder, cache=tmp_path / "cache")
    time.sleep(0.02)  # clocks of file systems tick every few milliseconds
    a.rename(tmp_path / "for a while")
    b.rename(a)
    (tmp_path / "for a while").rename(b)
    assert same(read_masks(folder, cache=tmp_path / "cache"), lesions[[1, 0]])


def test_another_threshold_is_another_entry(tmp_path, opened):
    values = np.random.default_rng(0).random((4, 4, 4))
    write(tmp_path / "a.nii", values)
    for threshold in (0.2, 0.7, 0.2, np.float64(0.7)):
        assert np.array_equal(read_masks(tmp_path, threshold=threshold, cache=tmp_path / "c").mask, values > threshold)
    assert len(opened) == 2


def test_no_name_of_a_patient_stands_in_the_cache(tmp_path, folder):
    read_masks(folder, cache=tmp_path / "cache")
    for entry in (tmp_path / "cache").iterdir():
        assert "sub-0" not in entry.name
        assert b"sub-0" not in entry.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content.replace(b'"start"', b'"stort"'),
        lambda content: b"something else " * 30,
    ],
)
def test_a_damaged_entry_is_made_again_and_said(tmp_path, folder, lesions, opened, damage):
    cache = tmp_path / "cache"
    read_masks(folder, cache=cache)
    opened.clear()
    entry = sorted(cache.iterdir())[0]
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    with pytest.warns(CohortWarning, match=r"The cache 'cache' had 1 entry that was damaged and read again"):
        masks = read_masks(folder, cache=cache)
    assert same(masks, lesions)
    assert len(opened) == 1
    assert entry.read_bytes() == whole
    opened.clear()
    assert same(read_masks(folder, cache=cache), lesions)
    assert opened == []


def test_a_process_killed_while_it_writes_leaves_a_usable_cache(tmp_path, folder, lesions, opened):
    killed = """
import os, pathlib, signal, sys
from skfuse.io import read_masks
written = []
write = pathlib.Path.write_bytes
def half(path, content):
    written.append(path)
    if len(written) == 4:
        write(path, content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(path, content)
pathlib.Path.write_bytes = half
read_masks(sys.argv[1], cache=sys.argv[2])
"""
    cache = tmp_path / "cache"
    result = subprocess.run([sys.executable, "-c", killed, folder, cache], check=False)
    assert result.returncode == -9
    partial = list(cache.glob("*.part"))
    assert len(partial) == 1
    assert len(list(cache.glob("*.lesion"))) == 3
    assert same(read_masks(folder, cache=cache), lesions)
    assert len(opened) == 3
    assert partial[0].exists()  # it may be of a process that is at work
    os.utime(partial[0], (1e9, 1e9))
    assert same(read_masks(folder, cache=cache), lesions)
    assert not partial[0].exists()


def test_threads_and_processes_share_a_cache(tmp_path, folder, lesions):
    cache, found = tmp_path / "cache", []
    processes = [subprocess.Popen([sys.executable, "-c", READ, folder, cache]) for _ in range(2)]
    threads = [threading.Thread(target=lambda: found.append(read_masks(folder, cache=cache))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    assert [same(masks, lesions) for masks in found] == [True] * 3
    assert len(list(cache.iterdir())) == 6


def test_a_file_that_is_no_mask_is_not_kept(tmp_path, folder):
    write(folder / "sub-04.nii.gz", np.full((6, 7, 5), 3, np.uint8))
    for _ in range(2):
        with pytest.raises(CohortError, match=r"sub-04\.nii\.gz is not binary"):
            read_masks(folder, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 5


def test_other_grids_are_seen_from_the_cache_too(tmp_path, folder, opened):
    write(folder / "sub-04.nii.gz", np.ones((6, 7, 5), np.uint8), np.diag([2.0, 2, 2, 1]))
    for n_opened in (6, 0):
        opened.clear()
        with pytest.raises(CohortError, match=r"1 of 6 images lies on another grid .* sub-04\.nii\.gz: "):
            read_masks(folder, cache=tmp_path / "cache")
        assert len(opened) == n_opened


def test_a_cache_that_cannot_be_made_or_written(tmp_path, folder, lesions, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(CohortError, match=r"The cache '.*file' cannot be made .*Name another folder"):
        read_masks(folder, cache=tmp_path / "file")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(CohortWarning, match=r"cannot be written \(No space left on device\).*6 of its entries"):
        masks = read_masks(folder, cache=tmp_path / "cache")
    assert same(masks, lesions)
    assert list((tmp_path / "cache").iterdir()) == []
