"""A model file with a manifest: intact, of these versions, or refused."""

import json
import zipfile

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skfuse.io import ModelVersionWarning, _archive, load_model, save_model
from skfuse.io._model import load_with_manifest

X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
MANIFEST = {"versions": _archive.versions(), "text": "é", "number": 0.1}


@pytest.fixture
def path(tmp_path):
    return save_model(LogisticRegression().fit(X, [0, 0, 1, 1]), tmp_path / "model.skops", manifest=MANIFEST)


def test_the_manifest_comes_back_and_skops_reads_the_file(path):
    import skops.io

    model, manifest, digest = load_with_manifest(path)
    assert manifest == MANIFEST
    assert len(digest) == 64
    np.testing.assert_array_equal(skops.io.load(path).predict_proba(X), model.predict_proba(X))
    assert zipfile.ZipFile(path).testzip() is None


def test_any_changed_byte_is_refused(path):
    data = path.read_bytes()
    for at in [*range(0, len(data), 37), *range(len(data) - 100, len(data))]:
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(ValueError, match=r"model.skops (was changed|is damaged|is not a model)"):
            load_model(path)
    path.write_bytes(data)
    assert isinstance(load_model(path), LogisticRegression)


@pytest.mark.parametrize("cut", [1, 64, 78, 200])
def test_a_file_cut_short_is_refused(path, cut):
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=r"(was changed|is damaged|is not a model)"):
        load_model(path)


def test_bytes_added_at_either_end_are_refused(path):
    data = path.read_bytes()
    for changed in (data + b"x", b"x" + data):
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"(was changed|is damaged|is not a model)"):
            load_model(path)


@pytest.mark.parametrize("member", ["schema.json", "skfuse.json", "array"])
def test_a_member_replaced_by_a_zip_tool_is_refused(path, tmp_path, member):
    """The archive is sound then, and skops would load it."""
    other = tmp_path / "other.skops"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == member or (member == "array" and name.endswith(".npy")):
                content = content.replace(b"0.1", b"0.2") if name == "skfuse.json" else content + b" "
            new.writestr(name, content)
    with pytest.raises(ValueError, match=r"other.skops was changed after it was saved"):
        load_model(other)


def test_a_file_without_manifest_loads_as_before(tmp_path):
    model, manifest, _ = load_with_manifest(save_model(LogisticRegression().fit(X, [0, 0, 1, 1]), tmp_path / "m.skops"))
    assert isinstance(model, LogisticRegression)
    assert manifest is None


def made_with(path, **changed):
    manifest = {**MANIFEST, "versions": {**MANIFEST["versions"], **changed}}
    return save_model(LogisticRegression().fit(X, [0, 0, 1, 1]), path, manifest=manifest)


@pytest.mark.parametrize("name", ["skfuse", "scikit-learn"])
@pytest.mark.parametrize("version", ["0.0.9", "99.0", "1.99.0"])
def test_other_versions_are_refused_or_warned_about(path, name, version):
    made_with(path, **{name: version})
    with pytest.raises(
        ValueError, match=rf"was made with {name} {version}; installed is {name} .*allow_other_versions"
    ):
        load_model(path)
    with pytest.warns(ModelVersionWarning, match="Check its predictions"):
        assert isinstance(load_model(path, allow_other_versions=True), LogisticRegression)


def test_a_model_without_versions_is_refused(path):
    save_model(LogisticRegression().fit(X, [0, 0, 1, 1]), path, manifest={})
    with pytest.raises(ValueError, match="was made with skfuse \\(unknown\\)"):
        load_model(path)


@pytest.mark.parametrize(
    ("made", "here", "agree"),
    [
        ("0.1.0", "0.1.9", True),
        ("0.1.0", "0.2.0", False),
        ("0.9.0", "1.0.0", False),
        ("1.2.0", "1.4.1", True),
        ("1.4.0", "1.2.0", False),
        ("2.0.0", "1.9.0", False),
        ("0.1.0.dev0", "0.1.0", True),
        ("odd", "0.1.0", False),
    ],
)
def test_which_versions_of_skfuse_agree(made, here, agree):
    assert _archive._agree({"skfuse": made}, {"skfuse": here}, "skfuse", _archive._compatible) is agree


def test_a_newer_format_is_refused_even_where_versions_may_differ(path, monkeypatch):
    monkeypatch.setattr(_archive, "FORMAT", 2)
    save_model(LogisticRegression().fit(X, [0, 0, 1, 1]), path, manifest=MANIFEST)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has format 2 of model files, this version of skfuse reads format 1"):
        load_model(path, allow_other_versions=True)


def test_untrusted_types_are_refused_in_a_sound_file(tmp_path, path):
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    data = _archive.seal(skops.io.dumps(FunctionTransformer(json.dumps)), MANIFEST)
    path.write_bytes(data)
    with pytest.raises(ValueError, match="holds types that are not trusted"):
        load_model(path)


def test_an_interrupted_write_leaves_the_old_model_and_no_partial_one(path, monkeypatch):
    import os

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    old = path.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save_model(RandomForestClassifier(3).fit(X, [0, 0, 1, 1]), path, manifest=MANIFEST)
    assert path.read_bytes() == old
    assert [item.name for item in path.parent.iterdir()] == ["model.skops"]
