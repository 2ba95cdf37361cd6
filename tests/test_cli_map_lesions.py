"""The command map-lesions on small simulated masks."""

import json
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from skfuse.cli import app
from skfuse.cli._console import as_options
from skfuse.io import read_masks, read_scores
from skfuse.lesions import LesionSymptomMapping
from skfuse.report import _lesion_sections
from skfuse.report._document import Paragraph

nibabel = pytest.importorskip("nibabel")
pytest.importorskip("nilearn")

IMAGES = runpy.run_path(str(Path(__file__).parent / "io" / "images.py"))
N, SHAPE = 30, (6, 7, 5)
PLANTED = np.s_[1:3, 2:4, 1:3]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Masks in which a box of eight voxels lowers the score, and a table beside them."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(3)
    lesions = rng.random((N, *SHAPE)) < 0.25
    hit = rng.random(N) < 0.5
    for lesion, own in zip(lesions, hit, strict=True):
        lesion[PLANTED] = own
    (folder / "masks").mkdir()
    IMAGES["write_all"](folder / "masks", lesions)
    table = pd.DataFrame({"id": [f"sub-{i + 1:02}" for i in range(N)]})
    table["fluency"] = 10 - 4.0 * hit + rng.normal(size=N)
    table["nothing"] = rng.normal(size=N)
    table["recovered"] = np.where(hit, 0, 1)
    table["age"] = rng.integers(40, 80, size=N)
    table["sex"] = np.where(rng.random(N) < 0.5, "f", "m")
    table["site"] = np.where(np.arange(N) < 15, "Oslo", "Bergen")
    table["words"] = "many"
    table.to_csv(folder / "scores.csv", index=False)
    return folder


@pytest.fixture(autouse=True)
def undrawn(monkeypatch, done):
    """Pages without figures, which take most of a second each to draw; `done` has them."""
    for name in ("map_figure", "overlap_figure", "null_figure"):
        monkeypatch.setattr(_lesion_sections, name, lambda found: Paragraph("not drawn here"))


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


def said(found):
    return " ".join(found.output.split())


def command(study, out, *more, score="fluency", table=None):
    always = ("--score", score, "--out", out, "--permutations", 99, "--jobs", 1)
    return ("map-lesions", study / "masks", table or study / "scores.csv", *always, *more)


@pytest.fixture(scope="module")
def done(study, tmp_path_factory):
    """A run with covariates, blocks, an atlas and somebody left out for each reason."""
    folder = tmp_path_factory.mktemp("done")
    shutil.copytree(study / "masks", folder / "masks")
    IMAGES["write"](folder / "masks" / "stranger.nii.gz", IMAGES["box"]((0, 2), (0, 2), (0, 2)))
    table = pd.read_csv(study / "scores.csv")
    table.loc[4, "fluency"] = np.nan
    table.loc[len(table)] = ["sub-99", 1.0, 0.0, 0, 50, "f", "Oslo", "many"]
    table.to_csv(folder / "scores.csv", index=False)
    atlas = IMAGES["box"]((0, 3), (0, 7), (0, 5)) + 2 * IMAGES["box"]((3, 6), (0, 7), (0, 5))
    IMAGES["write"](folder / "atlas.nii.gz", atlas.astype(np.int16))
    (folder / "names.csv").write_text("label,name\n1,west\n2,east\n")
    out = folder / "report"
    more = ("--covariates", "age,sex", "--blocks", "site", "--atlas", folder / "atlas.nii.gz")
    more += ("--labels", folder / "names.csv", "--min-overlap", 3)
    return run(*command(folder, out, *more)), folder, out


def test_all_files_are_there(done):
    found, _, out = done
    assert found.exit_code == 0, found.output
    assert {path.name for path in out.iterdir()} == {
        "report.html", "report.md", "result.json", "clusters.csv", "subjects.csv",
        "map.nii.gz", "p_values.nii.gz", "significant.nii.gz", "overlap.nii.gz",
    }  # fmt: skip


def test_images_are_the_fit_of_the_same_data_from_python(done):
    _, folder, out = done
    table = pd.read_csv(folder / "scores.csv", index_col="id").drop(["sub-05", "sub-99"])
    masks = read_masks([folder / "masks" / f"{name}.nii.gz" for name in table.index])
    covariates = np.column_stack([table["age"], table["sex"] == "m"])
    mapping = LesionSymptomMapping(min_overlap=3, n_permutations=99, random_state=0)
    mapping.fit(masks.X, table["fluency"].to_numpy(), covariates=covariates, blocks=table["site"].to_numpy())
    image = nibabel.load(out / "map.nii.gz")
    np.testing.assert_array_equal(image.affine, masks.affine)
    np.testing.assert_allclose(image.get_fdata()[masks.mask], mapping.map_, rtol=1e-6)
    p_values = nibabel.load(out / "p_values.nii.gz").get_fdata()
    np.testing.assert_array_equal(p_values[masks.mask], mapping.p_values_)
    assert (p_values[~masks.mask] == 1).all()
    np.testing.assert_array_equal(
        nibabel.load(out / "significant.nii.gz").get_fdata()[masks.mask], mapping.p_values_ <= 0.05
    )
    np.testing.assert_array_equal(nibabel.load(out / "overlap.nii.gz").get_fdata()[masks.mask], masks.X.sum(axis=0))


def test_the_planted_box_is_found_with_its_place_and_region(done):
    _, _, out = done
    significant = nibabel.load(out / "significant.nii.gz").get_fdata() == 1
    assert significant[PLANTED].all()
    first = pd.read_csv(out / "clusters.csv").iloc[0]
    assert first["score"] == "lower"
    assert first["statistic"] < 0
    assert first["p_value"] == 0.01
    assert first["mm3"] == first["voxels"] * 8
    # x of the image runs from right to left: the box of voxels 1 and 2 lies at 88 and 86 mm
    assert 86 <= first["x_mm"] <= 88
    assert first["region"] == "west"
    assert first["regions"] == "west (100 %)"


def test_everybody_is_counted_and_named_in_one_file_only(done):
    found, folder, out = done
    subjects = pd.read_csv(out / "subjects.csv", index_col="subject")
    left = subjects[subjects["matched"] == "no"]["why_not"].to_dict()
    assert left == {
        "stranger": "mask without a row in the table",
        "sub-99": "row without a mask",
        "sub-05": "mask and row, but no score",
    }
    assert len(subjects) == N + 2
    own = pd.read_csv(folder / "scores.csv", index_col="id")
    taken = subjects[subjects["matched"] == "yes"]
    np.testing.assert_array_equal(taken["score"], own.loc[taken.index, "fluency"])
    volumes = [nibabel.load(folder / "masks" / f"{name}.nii.gz").get_fdata().sum() * 8 for name in taken.index]
    np.testing.assert_array_equal(taken["lesion_mm3"], volumes)
    result = json.loads((out / "result.json").read_text())
    assert result["counts"]["masks_found"] == N + 1
    assert result["counts"]["subjects"] == N - 1
    assert set(result["counts"]["left_out"].values()) == {1}
    assert result["counts"]["voxels_in_grid"] == np.prod(SHAPE)
    for name in ("report.html", "report.md", "result.json"):
        assert not re.search(r"sub-\d\d\b|stranger", (out / name).read_text())
    assert "left out, row without a mask: 1 (sub-99)" in said(found)


def test_the_command_is_recorded_without_paths(done):
    _, folder, out = done
    recorded = json.loads((out / "result.json").read_text())["settings"]["command"]
    assert recorded.startswith("skfuse map-lesions masks scores.csv --score fluency ")
    assert "--covariates age,sex" in recorded
    assert recorded.endswith("--seed 0")
    assert str(folder) not in (out / "report.html").read_text()


def test_an_earlier_report_is_replaced_only_on_purpose(study, tmp_path):
    out = tmp_path / "report"
    assert run(*command(study, out)).exit_code == 0
    before = (out / "map.nii.gz").read_bytes()
    found = run(*command(study, out, score="nothing"))
    assert found.exit_code == 1
    assert "--force" in said(found)
    assert (out / "map.nii.gz").read_bytes() == before
    found = run(*command(study, out, "--force", score="nothing"))
    assert found.exit_code == 0, found.output
    assert (out / "map.nii.gz").read_bytes() != before


def test_nothing_significant_is_said_to_be_no_proof(study, tmp_path):
    found = run(*command(study, tmp_path / "out", score="nothing"))
    assert found.exit_code == 0, found.output
    assert "Nothing significant is no evidence that there is no effect" in said(found)
    text = (tmp_path / "out" / "report.md").read_text()
    smallest = nibabel.load(tmp_path / "out" / "p_values.nii.gz").get_fdata().min()
    assert "This is no evidence that lesions there have no effect" in text
    assert f"The smallest p-value is {smallest:.3f}" in text
    assert len(pd.read_csv(tmp_path / "out" / "clusters.csv")) == 0


@pytest.mark.parametrize(
    ("more", "score", "words"),
    [
        (("--correction", "cfwer", "--cfwer-v", "5"), "fluency", "v = 5 voxels (40 mm³)"),
        (("--correction", "cluster"), "fluency", "Significance belongs to clusters"),
        (("--correction", "tfce", "--alternative", "less"), "fluency", "lesion goes with a lower score"),
        (("--correction", "fdr"), "fluency", "False discovery rate over patches"),
        (("--statistic", "brunner-munzel", "--volume", "residualize"), "fluency", "Brunner-Munzel"),
        (("--statistic", "liebermeister", "--volume", "none"), "recovered", "Liebermeister"),
    ],
)
def test_every_way_has_its_words(study, tmp_path, more, score, words):
    found = run(*command(study, tmp_path / "out", *more, score=score))
    assert found.exit_code == 0, found.output
    assert words in (tmp_path / "out" / "report.md").read_text().replace("\N{NO-BREAK SPACE}", " ")


def test_settings_of_clusters_and_permutations_reach_the_map_and_the_report(study, tmp_path):
    more = ("--correction", "cluster", "--cluster-p", "0.05", "--connectivity", "26", "--covariates", "age")
    more += ("--scheme", "draper-stoneman", "--permuted", "columns")
    found = run(*command(study, tmp_path / "out", *more))
    assert found.exit_code == 0, found.output
    settings = json.loads((tmp_path / "out" / "result.json").read_text())["settings"]
    assert set(more) <= set(settings["command"].split())
    wanted = {"cluster_p": 0.05, "connectivity": 26, "scheme": "draper-stoneman", "permuted": "columns"}
    assert settings["parameters"].items() >= wanted.items()
    text = (tmp_path / "out" / "report.md").read_text()
    assert re.search(r"\(voxels with p \S+ 0\.05\)", text)
    assert "lesions (Draper-Stoneman)" in text


def test_extrapolated_p_values_are_those_of_python_and_are_counted(study, tmp_path):
    assert run(*command(study, tmp_path / "out", "--tail", "--permutations", "499")).exit_code == 0
    masks = read_masks(study / "masks")
    mapping = LesionSymptomMapping(tail=True, n_permutations=499, random_state=0)
    mapping.fit(masks.X, pd.read_csv(study / "scores.csv")["fluency"])
    assert mapping.p_values_.min() < 1 / 500
    p_values = nibabel.load(tmp_path / "out" / "p_values.nii.gz").get_fdata()
    np.testing.assert_array_equal(p_values[masks.mask], mapping.p_values_)
    said = f"Smaller p-values, extrapolated: {mapping.extrapolated_.sum()} voxels, from a generalized Pareto tail"
    assert said in (tmp_path / "out" / "report.md").read_text()


def test_decimal_commas_and_another_column_of_ids(study, tmp_path):
    table = pd.read_csv(study / "scores.csv")[["fluency", "age", "id"]]
    table.loc[3, "fluency"] = np.nan  # a first column with a gap is no column of ids
    table.to_csv(tmp_path / "german.csv", sep=";", decimal=",", index=False)
    found = run(*command(study, tmp_path / "out", "--subject", "id", table=tmp_path / "german.csv"))
    assert found.exit_code == 0, found.output
    assert "decimal commas were read as points" in said(found)
    assert "left out, mask and row, but no score: 1 (sub-04)" in said(found)
    np.testing.assert_array_equal(read_scores(tmp_path / "german.csv", "fluency", subject="id").score, table["fluency"])


@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        ({}, ("--score", "absent"), "scores.csv has no column 'absent'. Its columns are:"),
        ({}, ("--score", "words"), "a score is numbers, but 'words' holds text (many). Code it as numbers"),
        ({}, ("--covariates", "age,height"), "has no column 'height'"),
        ({}, ("--covariates", "fluency"), "two roles: ['fluency']"),
        ({}, ("--subject", "patient"), "has no column 'patient'"),
        ({"id": [f"X{i}" for i in range(N)]}, (), "None of the masks (sub-01, sub-02, sub-03 and 27 more) belongs to"),
        ({"fluency": 3.0}, (), "The score is 3 for all 30 subjects: there is nothing to map"),
        ({"fluency": np.nan}, (), "none of the 30 subjects with a mask has a score"),
        ({"age": [np.nan, np.nan, *range(N - 2)]}, ("--covariates", "age"), "age (sub-01, sub-02). Fill the cells in"),
        ({"site": [None, *["Oslo"] * (N - 1)]}, ("--blocks", "site"), "the block (sub-01). Fill the cells in"),
        ({}, ("--min-overlap", "15"), "--min-overlap 15 leaves none of the"),
        ({}, ("--min-overlap", "some"), "--min-overlap takes a share up to 0.5, a count such as 10, or none"),
        ({}, ("--statistic", "welch"), "so that --volume covariate cannot be. Take --statistic t"),
        ({}, ("--statistic", "magic"), "--statistic must be a str among"),
        ({}, ("--alpha", "2"), "--alpha must be a float in the range (0.0, 1.0)"),
        ({}, ("--permutations", "0"), "Take 1000 or more, or --correction fdr"),
        ({}, ("--cluster-p", "0.9", "--correction", "cluster"), "--cluster-p must be a float in the range (0.0, 0.5)"),
        ({}, ("--cfwer-v", "5"), "--cfwer-v is for --correction cfwer, and --correction is max"),
        ({}, ("--cluster-p", "0.01"), "--cluster-p is for --correction cluster, and --correction is max. Leave it out"),
        ({}, ("--connectivity", "26"), "--connectivity is for --correction cluster or tfce, and --correction is max"),
        ({}, ("--connectivity", "7", "--correction", "tfce"), "--connectivity must be 6, 18 or 26"),
        ({}, ("--tail", "--correction", "fdr"), "--tail is for --correction max or cfwer or tfce"),
        ({}, ("--scheme", "smith"), "--scheme must be a str among"),
        ({}, ("--permuted", "rows"), "--permuted must be a str among"),
        (
            {},
            ("--scheme", "draper-stoneman", "--statistic", "welch", "--volume", "none"),
            "--scheme is for --statistic t or regression, and --statistic is welch",
        ),
        ({}, ("--pattern", "*.mgz"), "has no NIfTI file (.nii, .nii.gz) that matches '*.mgz'"),
        ({}, ("--labels", "names.csv"), "--labels names the regions of --atlas"),
        ({}, ("--atlas", "nowhere.nii"), "There is no file 'nowhere.nii'"),
    ],
)
def test_a_mistake_is_one_line_with_the_cure(study, tmp_path, change, more, words):
    pd.read_csv(study / "scores.csv").assign(**change).to_csv(tmp_path / "scores.csv", index=False)
    found = run(*command(study, tmp_path / "out", *more, table=tmp_path / "scores.csv"))
    assert found.exit_code == 1, found.output
    assert "Traceback" not in found.output
    assert words in said(found)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("data", "affine", "words"),
    [
        (IMAGES["box"]((0, 2), (0, 2), (0, 2), shape=(6, 7, 6)), None, "sub-01.nii.gz: 6 x 7 x 6 voxels"),
        (IMAGES["box"]((0, 2), (0, 2), (0, 2)), np.diag([3.0, 3, 3, 1]), "lies on another grid"),
        (IMAGES["box"]((0, 2), (0, 2), (0, 2), value=3), None, "sub-01.nii.gz"),
        (IMAGES["box"]((0, 0), (0, 0), (0, 0)), None, "keep subjects without lesion: --keep-empty"),
    ],
)
def test_masks_that_cannot_be_used_are_named(study, tmp_path, data, affine, words):
    shutil.copytree(study / "masks", tmp_path / "masks")
    IMAGES["write"](tmp_path / "masks" / "sub-01.nii.gz", data, IMAGES["AFFINE"] if affine is None else affine)
    shutil.copy(study / "scores.csv", tmp_path)
    found = run(*command(tmp_path, tmp_path / "out"))
    assert found.exit_code == 1, found.output
    assert words in said(found)
    assert not (tmp_path / "out").exists()


def test_no_masks(study, tmp_path):
    (tmp_path / "masks").mkdir()
    shutil.copy(study / "scores.csv", tmp_path)
    found = run(*command(tmp_path, tmp_path / "out"))
    assert found.exit_code == 1
    assert "it is empty" in said(found)
    found = run(
        "map-lesions", tmp_path / "nowhere", study / "scores.csv", "--score", "fluency", "--out", tmp_path / "o"
    )
    assert found.exit_code == 1
    assert "Name the folder of the masks" in said(found)


def test_an_empty_mask_can_be_kept(study, tmp_path):
    shutil.copytree(study / "masks", tmp_path / "masks")
    IMAGES["write"](tmp_path / "masks" / "sub-01.nii.gz", IMAGES["box"]((0, 0), (0, 0), (0, 0)))
    shutil.copy(study / "scores.csv", tmp_path)
    found = run(*command(tmp_path, tmp_path / "out", "--keep-empty", "--show-subjects"))
    assert found.exit_code == 0, found.output
    text = (tmp_path / "out" / "report.md").read_text()
    assert "1 of 30 subjects has no lesion in the voxels tested and counts as spared everywhere: sub-01" in text


def test_an_atlas_on_another_grid_is_refused_before_anything_is_written(study, tmp_path):
    IMAGES["write"](tmp_path / "atlas.nii", IMAGES["box"]((0, 3), (0, 3), (0, 3), shape=(5, 5, 5)))
    found = run(*command(study, tmp_path / "out", "--atlas", tmp_path / "atlas.nii"))
    assert found.exit_code == 1
    assert "on another grid" in said(found)
    assert not (tmp_path / "out").exists()


def test_a_scores_column_is_not_what_the_masks_folder_is(study):
    found = run(*command(study, study / "masks"))
    assert found.exit_code == 1
    assert "is the folder of the masks" in said(found)


def test_messages_name_options():
    text = (
        "min_overlap=0.1 leaves none; `threshold`, empty='keep'; correction='fdr', n_permutations=5; lower min_overlap."
    )
    assert as_options(text) == (
        "--min-overlap 0.1 leaves none; --threshold, --keep-empty; --correction fdr, --permutations 5; "
        "lower --min-overlap."
    )
