import dataclasses
import errno
import json
import os
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skfuse.datasets import schizophrenia_subtypes
from skfuse.evaluation.subtypes import find_subtypes, read_subtypes
from skfuse.report import ReportError, _pictures, _subtype_write, _write, write_subtype_report
from skfuse.report._render import markdown_text, to_html, to_markdown
from skfuse.report._subtype_page import subtype_document

HERE = Path(__file__).parent
BESIDE = runpy.run_path(str(HERE / "test_write_report.py"))
BROWSER = runpy.run_path(str(HERE / "test_report_in_browser.py"))
Text, numbers, no_drawing = (BESIDE[name] for name in ("Text", "numbers", "no_drawing"))
CHROMIUM, CONTRAST, FIGURES = (BROWSER[name] for name in ("CHROMIUM", "CONTRAST", "FIGURES"))
CenterSites = runpy.run_path(str(HERE.parent / "evaluation" / "test_subtypes.py"))["CenterSites"]


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr(_pictures, "_drawn", no_drawing)


@pytest.fixture(scope="module")
def found():
    """Planted subtypes, scanners that shift everything, two held-out variables, a test of structure, two arms."""
    cohort = schizophrenia_subtypes(100, subtype_separation=6.0, site_shift=4.0, n_sites=3, random_state=0)
    cohort.X.index = [f"SECRET-{number:04d}" for number in range(100)]
    rng = np.random.default_rng(0)
    return find_subtypes(
        cohort.X,
        site=cohort.site.to_numpy(),
        covariates=cohort.covariates.to_numpy(),
        target=pd.DataFrame({"subtype": cohort.y.to_numpy(), "score": rng.normal(size=100)}),
        image_quality=rng.normal(size=100),
        categorical=["subtype"],
        harmonizer=CenterSites("site"),
        n_clusters=3,
        n_null=3,
        n_permutations=99,
        name="made",
    )


@pytest.fixture(scope="module")
def folder(found, tmp_path_factory):
    return write_subtype_report(found, tmp_path_factory.mktemp("subtypes") / "new" / "folder").parent


def section(found, name):
    return next(one for one in subtype_document(found).sections if one.name == name)


def test_every_number_of_the_page_is_in_the_markdown(folder):
    page = Text((folder / "report.html").read_text(encoding="utf-8"))
    shown = numbers("\n".join(page.parts))
    assert len(shown) > 150
    # Figures round differences to one decimal; the tables have three.
    drawn = {text for text in shown if len(text.lstrip("−-+").partition(".")[2]) == 1}
    markdown = numbers((folder / "report.md").read_text(encoding="utf-8"))
    assert shown - markdown - drawn == set()


def test_every_cell_of_the_page_is_in_the_markdown(found, undrawn):
    page = subtype_document(found)
    markdown = to_markdown(page)
    for one in page.sections:
        for block in one.blocks:
            for table in block.blocks if block.kind == "fold" else [block]:
                if table.kind == "table":
                    assert all(markdown_text(cell) in markdown for line in table.lines for cell in line.cells)


def test_the_page_needs_nothing_from_elsewhere(folder):
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert len(html.encode()) < 2_000_000
    page = Text(html)
    assert not {"script", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    addresses = [attrs[name] for _, attrs in page.tags for name in ("src", "href", "xlink:href") if attrs.get(name)]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    figures = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(figures) == 2 * 7
    assert all(set(attrs["aria-labelledby"].split()) <= set(ids) for attrs in figures)


def test_what_speaks_against_the_clusters_comes_before_them(found, undrawn):
    names = [one.name for one in subtype_document(found).sections]
    assert names[:4] == ["associations", "structure", "arms", "clusters"]
    assert names[-1] == "provenance"
    html = to_html(subtype_document(found))
    warning = html.index("Site warning")
    assert warning < html.index('id="clusters"')
    assert 'class="callout alarm"' in html[: html.index("Site warning (as measured)")]
    assert subtype_document(found).lead[0].startswith("Before anything else")


def test_no_evidence_of_clusters_is_an_alarm_and_too_few_references_are_none(found, undrawn):
    block = section(found, "structure").blocks[0]  # with three reference cohorts p cannot fall below .25
    assert (block.tone, block.title) == ("look", "Too few reference cohorts to decide")
    assert not any("No evidence" in text for text in block.items)
    more = found.tables["structure"].assign(n_references=199, p_value=0.25)
    block = section(dataclasses.replace(found, tables=found.tables | {"structure": more}), "structure").blocks[0]
    assert (block.tone, block.title) == ("alarm", "No evidence of clusters")
    assert section(found, "structure").blocks[2].lines[0].cells[-1] == "3"


def test_only_the_labels_name_subjects(found, folder):
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "labels.csv":
            assert "SECRET" not in path.read_text(encoding="utf-8")
    labels = pd.read_csv(folder / "labels.csv", index_col="subject")
    assert labels["cluster"].tolist() == found.labels["cluster"].tolist()
    np.testing.assert_allclose(labels.filter(like="membership").sum(axis=1), 1.0)


def test_profiles_have_no_p_value_on_the_page(found, undrawn):
    for block in section(found, "profile").blocks:
        for table in block.blocks if block.kind == "fold" else [block]:
            if table.kind == "table":
                assert not [column.name for column in table.columns if column.name.lower().startswith("p")]
    assert "no p-value would mean anything" in section(found, "profile").blocks[0].text


def test_held_out_variables_have_one_and_say_which_arm(found, undrawn):
    table = section(found, "held-out").blocks[1]
    assert [column.name for column in table.columns][:2] == ["Variable", "Arm"]
    assert {line.cells[:2] for line in table.lines} == {
        (name, arm) for name in ("subtype", "score") for arm in ("as measured", "harmonized")
    }


def test_every_setting_and_version_is_told(found, undrawn):
    facts, versions = section(found, "provenance").blocks
    told = dict(facts.pairs)
    for name, value in found.model.get_params(deep=False).items():
        if name not in ("modalities", "n_jobs"):
            assert told[f"Parameter {name}"] == str(value)
    assert told["Seed"] == "0"
    assert told["Permutations"] == "99"
    assert {line.cells[0] for line in versions.lines} >= {"skfuse", "scikit-learn", "numpy"}


def test_a_result_read_back_gives_the_same_tables_and_no_subjects(found, folder, tmp_path):
    again = read_subtypes(folder)
    page = write_subtype_report(again, tmp_path).read_text(encoding="utf-8")
    assert "holds no subjects" in page
    assert not (tmp_path / "labels.csv").exists()
    first = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8")) == first
    for path in (folder / "tables").iterdir():
        assert (tmp_path / "tables" / path.name).is_file()


def test_names_are_text_and_nothing_else(tmp_path):
    rng = np.random.default_rng(0)
    hostile = "<script>alert(1)</script>"
    X = pd.DataFrame(rng.normal(size=(40, 4)), columns=[f"m__{hostile}", "m__$x^2$", "e__{{ 7 * 7 }}", "e__pipe|"])
    site = pd.Series(np.resize(["<img src=x>", "b"], 40), name="</title>")
    found = find_subtypes(X, site=site, n_clusters=2, n_null=0, n_permutations=19, name=hostile)
    write_subtype_report(found, tmp_path)
    page = Text((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    joined = "".join(page.parts)
    assert hostile in joined
    assert "{{ 7 * 7 }}" in joined
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<script" not in markdown
    assert "<img" not in markdown


def test_a_full_disk_leaves_the_report_that_was_there(found, tmp_path, monkeypatch, undrawn):
    write_subtype_report(found, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(path, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_write, "_write_whole", full)
    with pytest.raises(ReportError, match="No space left on device"):
        write_subtype_report(found, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


# What is replaced, and in which order ---------------------------------------------------------------------------------


class Model:
    """Stands in for a fitted model: says of whom it is."""

    def __init__(self, whose):
        self.whose = whose

    def save(self, path):
        path.write_text(self.whose)
        path.with_name("MODEL_CARD.md").write_text(f"# Model card: {path.name}\n{self.whose}\n")


def other_than(found):
    labels = found.labels.assign(cluster=1)
    return replace(found, labels=labels, notes=[*found.notes, "another cohort"])


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(errno.EACCES, os.strerror(errno.EACCES))])
def test_a_model_that_is_there_is_of_the_labels_beside_it_wherever_writing_stops(
    found, tmp_path, monkeypatch, undrawn, stop
):
    made = {len(one.notes): _subtype_write._contents(one, None) for one in (found, other_than(found))}
    monkeypatch.setattr(_subtype_write, "_contents", lambda one, _: made[len(one.notes)])  # rendering takes long
    monkeypatch.setattr(_write.os, "fsync", lambda _: None)  # as does waiting for a disk
    move = _write._move
    for n_moved in range(len(made[len(found.notes)]) + 2):  # a model and its card
        out = tmp_path / str(n_moved)
        write_subtype_report(found, out, model=Model("first"))
        left = iter(range(n_moved))

        def stopping(source, target, left=left):
            if next(left, None) is None:
                raise stop
            move(source, target)

        monkeypatch.setattr(_write, "_move", stopping)
        with pytest.raises((KeyboardInterrupt, ReportError), match=r"no model, and perhaps files of an earlier one"):
            write_subtype_report(other_than(found), out, model=Model("second"))
        assert not (out / "model.skops").exists()
        assert "first" not in ((out / "MODEL_CARD.md").read_text() if (out / "MODEL_CARD.md").exists() else "")
        assert not list(out.glob(".report-*"))
        monkeypatch.setattr(_write, "_move", move)
        write_subtype_report(other_than(found), out, model=Model("second"))  # what is there is known as ours
        assert (out / "model.skops").read_text() == "second"


def test_a_model_that_cannot_be_kept_replaces_nothing(found, tmp_path, undrawn):
    class Unkept(Model):
        def save(self, path):
            raise ValueError("of a type that loading would refuse")

    write_subtype_report(found, tmp_path, model=Model("first"))
    before = BESIDE["files"](tmp_path)
    with pytest.raises(ValueError, match="loading would refuse"):
        write_subtype_report(other_than(found), tmp_path, model=Unkept("second"))
    assert BESIDE["files"](tmp_path) == before


def test_without_a_model_that_of_other_clusters_goes_and_that_of_the_same_stays(found, tmp_path, undrawn):
    write_subtype_report(found, tmp_path, model=Model("first"))
    write_subtype_report(read_subtypes(tmp_path), tmp_path, title="Another title")
    assert (tmp_path / "model.skops").read_text() == "first"
    assert (tmp_path / "labels.csv").is_file()
    write_subtype_report(replace(other_than(found), labels=None), tmp_path)
    assert not {"model.skops", "MODEL_CARD.md", "labels.csv"} & {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", ["labels.csv", "result.json", "report.html", "tables/clusters.csv", "model.skops"])
def test_a_file_of_somebody_else_is_not_replaced(found, tmp_path, undrawn, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("subject,site,age\na,b,30\n")
    (tmp_path / "thesis.docx").write_text("mine")
    before = BESIDE["files"](tmp_path)
    with pytest.raises(ReportError, match=rf"{name}' would be replaced, but it is not of an earlier report"):
        write_subtype_report(found, tmp_path, model=Model("first"))
    assert BESIDE["files"](tmp_path) == before


@pytest.mark.parametrize(
    ("name", "text"), [("labels.csv", "id,age\n"), ("MODEL_CARD.md", "# Model card: mine.skops\n")]
)
def test_nor_one_that_was_put_into_the_folder_of_a_report(found, tmp_path, undrawn, name, text):
    write_subtype_report(found, tmp_path, model=Model("first"))
    (tmp_path / name).write_text(text)
    with pytest.raises(ReportError, match=f"{name}' would be replaced"):
        write_subtype_report(found, tmp_path, model=Model("first"))
    assert (tmp_path / name).read_text() == text


def test_one_fact_on_missing_modalities_warns_once_and_untestable_variables_say_so(undrawn):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 6)), columns=[f"{name}__{j}" for name in ("mri", "pet") for j in range(3)])
    X.iloc[:30, :3] = np.nan
    X.iloc[30:, 3:] = np.nan
    site = pd.Series(np.resize(["Bonn", None], 60))
    found = find_subtypes(X, site=site, target=pd.Series([1.0] * 60, name="same"), n_null=0, n_clusters=2)
    warned = section(found, "associations").blocks[0]
    assert warned.title == "To look at before anything is called a subtype"
    assert len(warned.items) == 1
    assert "who was examined with what" in warned.items[0]
    assert [line.cells[0] for line in section(found, "associations").blocks[1].lines][1:] == [
        "missing pattern",
        "has mri",
        "has pet",
    ]
    assert section(found, "held-out").blocks[0].text.startswith("None of these variables could be tested")
    assert ("Sites", "1, and 30 subjects of unknown site") in section(found, "cohort").blocks[0].blocks[0].pairs


def test_nothing_is_calm_where_too_few_permutations_were_drawn(undrawn):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 6)), columns=[f"{name}__{j}" for name in ("mri", "pet") for j in range(3)])
    age = pd.DataFrame({"age": rng.normal(size=60)})
    found = find_subtypes(X, covariates=age, n_null=0, n_clusters=2, n_permutations=9)
    block = section(found, "associations").blocks[0]
    assert (block.title, block.tone) == ("Nothing was decided", "look")
    masked = found.tables["associations"].assign(p_familywise=0.09, p_within_sites=0.001)
    found = dataclasses.replace(
        found, settings=found.settings | {"n_permutations": 999}, tables=found.tables | {"associations": masked}
    )
    block = section(found, "associations").blocks[0]
    assert "Within sites, clusters differ in age" in block.items[1]
    assert block.items[0].startswith("1 comparison was made.")


# In a browser --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM["find"]() is None:
        pytest.skip(f"no browser on PATH, looked for {', '.join(CHROMIUM['NAMES'])}")
    browser = CHROMIUM["Chromium"](tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page(browser, folder, width, scheme):
    page = (folder / "report.html").as_uri()
    browser.open(page, width=width, scheme=scheme)
    contrast = browser.evaluate(CONTRAST)
    assert contrast["count"] > 500
    assert contrast["seen"] == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    figures = browser.evaluate(FIGURES)
    assert len(figures) == 7
    for figure in figures:
        assert len(figure["alt"]) > 40
        assert figure["width"] <= width
        assert figure["height"] > 100
        assert figure["outside"] == []
        assert figure["smallest"] > 7.5
    assert browser.requests()[0] == page
    assert all(request == page or request.startswith("data:") for request in browser.requests())
    assert [event for event in browser.events if event.get("method") == "Log.entryAdded"] == []
