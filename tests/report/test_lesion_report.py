"""The report of a lesion-symptom map: what stands in it, and that it is whole or not there."""

import json
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from skfuse.io import LesionMasks
from skfuse.lesions import LesionSymptomMapping
from skfuse.report import ReportError, _lesion_sections, write_lesion_report
from skfuse.report._document import Paragraph
from skfuse.report._lesion_clusters import cluster_table
from skfuse.report._lesion_result import NO_MASK, NO_ROW, collect
from skfuse.report._lesion_text import p_said, volume

nibabel = pytest.importorskip("nibabel")
pytest.importorskip("nilearn")

HERE = Path(__file__).parent
CHROMIUM = runpy.run_path(str(HERE / "chromium.py"))
AFFINE = np.array([[0.0, 3, 0, -40], [2, 0, 0, -60], [0, 0, -2.5, 30], [0, 0, 0, 1]])
SHAPE = (5, 6, 4)
SECRET = "SECRET-"
DEFAULTS = {
    "name": "fluency",
    "covariates": None,
    "blocks": None,
    "left_out": None,
    "atlas": None,
    "labels": None,
    "warned": (),
    "command": None,
    "show_subjects": False,
}


def make_masks(n=40, seed=0, affine=AFFINE, shape=SHAPE):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.9
    X = (rng.random((n, mask.sum())) < 0.3).astype(np.uint8)
    ids = np.array([f"{SECRET}{i:02}" for i in range(n)], dtype=object)
    return LesionMasks(X, mask, affine, ids, X.sum(axis=1) * 15.0)


def make_score(masks, effect=3.0, seed=1):
    return np.random.default_rng(seed).normal(size=len(masks.X)) - effect * masks.X[:, 7]


def fitted(masks, score, **parameters):
    parameters = {"n_permutations": 99, "random_state": 0} | parameters
    return LesionSymptomMapping(**parameters).fit(masks.X, score)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    masks = make_masks()
    score = make_score(masks)
    mapping, folder = fitted(masks, score), tmp_path_factory.mktemp("report")
    left_out = {NO_ROW: [f"{SECRET}x"], NO_MASK: [f"{SECRET}y", f"{SECRET}z"]}
    warned = ["Something <odd> happened."]
    page = write_lesion_report(
        mapping,
        masks,
        score,
        folder,
        score_name="fluency",
        left_out=left_out,
        warned=warned,
        command="skfuse map-lesions",
    )
    return mapping, masks, page


@pytest.fixture
def undrawn(monkeypatch):
    """Pages without figures, which take most of a second each to draw; words in place of one are written."""
    for name in ("map_figure", "overlap_figure"):
        monkeypatch.setattr(_lesion_sections, name, lambda found: Paragraph("not drawn here"))
    in_words = _lesion_sections.null_figure

    def null_figure(found):
        return in_words(found) if found.mapping.null_distribution_ is None else Paragraph("not drawn here")

    monkeypatch.setattr(_lesion_sections, "null_figure", null_figure)


@given(seed=st.integers(0, 10_000), share=st.floats(0.05, 0.9))
@settings(max_examples=15, deadline=None)
def test_clusters_are_those_of_an_independent_labeling(seed, share):
    rng = np.random.default_rng(seed)
    masks = make_masks(12, seed)
    mapping = LesionSymptomMapping()
    mapping.map_ = rng.normal(size=masks.X.shape[1])
    mapping.significant_ = rng.random(masks.X.shape[1]) < share
    mapping.p_values_ = np.where(mapping.significant_, rng.uniform(0, 0.05, len(mapping.map_)), 1.0)
    table = cluster_table(mapping, masks)
    values, p_values = np.zeros(SHAPE), np.ones(SHAPE)
    values[masks.mask] = np.where(mapping.significant_, mapping.map_, 0.0)
    p_values[masks.mask] = mapping.p_values_
    wanted = set()
    for sign in (1, -1):
        labels, n = ndimage.label(sign * values > 0)
        for label in range(1, n + 1):
            inside = np.where(labels == label, np.abs(values), -1.0)
            peak = np.unravel_index(inside.argmax(), SHAPE)
            place = (AFFINE @ [*peak, 1])[:3]
            smallest = p_values[labels == label].min()
            wanted.add((int((labels == label).sum()), *np.round(place, 6), round(values[peak], 9), round(smallest, 9)))
    found = {
        (
            row.voxels,
            round(row.x_mm, 6),
            round(row.y_mm, 6),
            round(row.z_mm, 6),
            round(row.statistic, 9),
            round(row.p_value, 9),
        )
        for row in table.itertuples()
    }
    assert found == wanted
    assert (np.diff(table["voxels"]) <= 0).all()
    np.testing.assert_allclose(table["mm3"], table["voxels"] * 15.0)
    assert table["cluster"].tolist() == list(range(1, len(table) + 1))


def test_the_page_says_what_the_fit_says(written):
    mapping, masks, page = written
    text = page.with_name("report.md").read_text()
    html = page.read_text().replace("<wbr>", "")
    n = int(mapping.significant_.sum())
    assert n > 0
    for one in (text, html):
        assert f"{n} of {mapping.mask_.sum()} voxels tested" in one
        assert f"{mapping.n_patches_} (voxels lesioned in the same subjects are one test)" in one
        assert "positive where subjects with a lesion score higher" in one
        assert "score (Freedman-Lane)" in one
        assert f"r = {mapping.volume_correlation_:.2f}".replace("-", "−") in one
        assert "Lesions follow the arteries" in one
        assert "all digits in clusters.csv, subjects.csv and result.json" in one or one is text
    assert "Something &lt;odd&gt; happened." in html
    result = json.loads(page.with_name("result.json").read_text())
    assert result["kind"] == "lesion-symptom map"
    assert result["report"]["threshold"] == mapping.threshold_
    assert result["null_distribution"] == mapping.null_distribution_.tolist()
    assert result["counts"]["masks_found"] == 41
    assert result["counts"]["left_out"] == {NO_ROW: 1, NO_MASK: 2}
    assert result["counts"]["voxels_lesioned"] == masks.X.any(axis=0).sum()


def test_images_lie_where_the_masks_lie(written):
    mapping, masks, page = written
    for name, values in (
        ("map", mapping.map_.astype(np.float32)),
        ("p_values", mapping.p_values_),
        ("significant", mapping.significant_),
        ("overlap", masks.X.sum(axis=0)),
    ):
        image = nibabel.load(page.with_name(f"{name}.nii.gz"))
        np.testing.assert_allclose(image.affine, AFFINE)
        np.testing.assert_array_equal(image.get_fdata()[masks.mask], values)


def test_only_one_file_names_subjects(written):
    page = written[2]
    assert [path.name for path in page.parent.iterdir() if SECRET.encode() in path.read_bytes()] == ["subjects.csv"]
    table = pd.read_csv(page.with_name("subjects.csv"))
    assert table["matched"].value_counts().to_dict() == {"yes": 40, "no": 3}


def test_a_map_without_findings_gives_the_smallest_p_value(undrawn, tmp_path):
    masks = make_masks()
    score = make_score(masks, effect=0.0)
    mapping = fitted(masks, score)
    assert not mapping.significant_.any()
    page = write_lesion_report(mapping, masks, score, tmp_path)
    text = page.with_name("report.md").read_text()
    assert "no evidence that lesions there have no effect" in text
    assert f"The smallest p-value is {mapping.p_values_.min():.3f}, at " in text
    assert page.with_name("clusters.csv").read_text().count("\n") == 1


def test_too_few_permutations_are_said_to_allow_nothing(undrawn, tmp_path):
    masks = make_masks()
    score = make_score(masks)
    with pytest.warns(UserWarning, match=r"9 permutations allow no p-value below 0\.1"):
        mapping = fitted(masks, score, n_permutations=9)
    text = write_lesion_report(mapping, masks, score, tmp_path).with_name("report.md").read_text()
    assert "9 permutations allow no p-value below 0.100 at all" in text
    assert "Threshold: none can be reached" in text


def test_continuous_error_gives_v_in_voxels_and_mm3(undrawn, tmp_path):
    masks = make_masks()
    score = make_score(masks)
    mapping = fitted(masks, score, correction="cfwer", cfwer_v=4)
    text = write_lesion_report(mapping, masks, score, tmp_path).with_name("report.md").read_text()
    assert "v = 4 voxels (60 mm³)" in text.replace("\N{NO-BREAK SPACE}", " ")


def test_infinite_statistics_and_no_permutations(undrawn, tmp_path):
    masks = make_masks()
    score = masks.X[:, 7] + 0.01 * np.random.default_rng(0).random(40)
    mapping = fitted(masks, score, statistic="brunner-munzel", volume="none", correction="bonferroni", min_overlap=None)
    mapping.map_[7] = np.inf
    page = write_lesion_report(mapping, masks, score, tmp_path)
    assert json.loads(page.with_name("result.json").read_text())["null_distribution"] is None
    assert "no permutations" in page.with_name("report.md").read_text()
    assert pd.read_csv(page.with_name("clusters.csv"))["statistic"].max() == np.inf


def test_masks_far_from_the_template_are_pointed_out(undrawn, tmp_path):
    far = AFFINE.copy()
    far[:3, 3] = 300
    masks = make_masks(affine=far)
    score = make_score(masks)
    text = write_lesion_report(fitted(masks, score), masks, score, tmp_path).with_name("report.md").read_text()
    assert "Are the masks in MNI space?" in text
    assert "Are the masks in MNI space?" not in _text_of(make_masks(), tmp_path)


def _text_of(masks, folder):
    score = make_score(masks)
    return write_lesion_report(fitted(masks, score), masks, score, folder / "n").with_name("report.md").read_text()


def test_an_existing_report_and_foreign_files_stay(written, tmp_path):
    mapping, masks, _ = written
    score = make_score(masks)
    (tmp_path / "map.nii.gz").write_bytes(b"somebody's own")
    with pytest.raises(ReportError, match=r"files that would be lost \(map\.nii\.gz\)"):
        write_lesion_report(mapping, masks, score, tmp_path)
    with pytest.raises(ReportError, match=r"a report of a lesion-symptom map already.*force=True"):
        write_lesion_report(mapping, masks, score, written[2].parent)


@pytest.mark.parametrize(
    ("masks", "score", "more", "message"),
    [
        (make_masks(shape=(5, 5, 5)), np.zeros(40), {}, r"Give the masks that the map was fitted on"),
        (make_masks(), np.zeros(39), {}, r"fitted on 40 subjects, but these have other numbers: \{'score': 39\}"),
        (make_masks(), np.zeros(40), {"covariates": {"age": [1, 2]}}, r"\{'age': 2\}"),
    ],
)
def test_what_does_not_belong_together_is_refused(written, masks, score, more, message):
    with pytest.raises(ValueError, match=message):
        collect(written[0], masks, score, **(DEFAULTS | more))


KILLED = """
import os, signal, sys
import numpy as np
from skfuse.io import LesionMasks
from skfuse.lesions import LesionSymptomMapping
from skfuse.report import _lesion_sections, _write, write_lesion_report
from skfuse.report._document import Paragraph

_lesion_sections.map_figure = _lesion_sections.overlap_figure = lambda found: Paragraph("not drawn here")
move, seen = _write._move, []
def killing(source, target):
    seen.append(target)
    if len(seen) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    move(source, target)
_write._move = killing
X = np.eye(30, 8, dtype=np.uint8) + np.eye(30, 8, -8, dtype=np.uint8) + np.eye(30, 8, -16, dtype=np.uint8)
masks = LesionMasks(X, np.ones((2, 2, 2), bool), np.eye(4), np.arange(30).astype(str), np.ones(30))
score = np.arange(30.0)
mapping = LesionSymptomMapping(correction="fdr").fit(X, score)
write_lesion_report(mapping, masks, score, sys.argv[1], force=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_while_it_writes_no_page_is_there(written, undrawn, tmp_path):
    """Half of the files of a new report have taken the places of those of an earlier one."""
    mapping, masks, _ = written
    write_lesion_report(mapping, masks, make_score(masks), tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), "5"], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    there = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert there == {"map.nii.gz", "p_values.nii.gz", "significant.nii.gz", "overlap.nii.gz"}
    assert nibabel.load(tmp_path / "map.nii.gz").shape == (2, 2, 2)  # none of the earlier ones is left


@pytest.mark.parametrize(
    ("mm3", "text"), [(8.0, "8 mm³"), (3.375, "3.38 mm³"), (999.0, "999 mm³"), (1e3, "1.0 cm³"), (2.5e6, "2,500.0 cm³")]
)
def test_volumes(mm3, text):
    assert volume(mm3).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.05, "0.050"), (1 / 1001, "0.001"), (1e-4, "0.0001"), (2.2e-7, "2e-7"), (0.0, "below 1e-300")]
)
def test_p_values(p, text):
    assert p_said(p) == text


@pytest.mark.skipif(CHROMIUM["find"]() is None, reason="no browser on PATH")
def test_the_page_in_a_browser(written, tmp_path):
    looks = runpy.run_path(str(HERE / "test_report_in_browser.py"))
    browser = CHROMIUM["Chromium"](tmp_path)
    try:
        for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light")):
            browser.open(written[2].as_uri(), width=width, scheme=scheme)
            assert browser.requests() == [written[2].as_uri()]
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            assert browser.evaluate(looks["CONTRAST"])["seen"] == []
            figures = browser.evaluate(looks["FIGURES"])
            assert len(figures) == 3
            assert [one["outside"] for one in figures] == [[], [], []]
            assert re.search(r"Where lesions go with “fluency”", figures[0]["alt"])
    finally:
        browser.close()
