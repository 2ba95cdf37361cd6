import errno
import json
import os
import re
import runpy
import time
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from skfuse.datasets import make_cohort
from skfuse.evaluation import compare_strategies, read_result
from skfuse.evaluation.leaks import Finding
from skfuse.report import ReportError, _pictures, _write, write_report
from skfuse.report._page import document
from skfuse.report._render import markdown_text, to_html, to_markdown

MADE = runpy.run_path(str(Path(__file__).parent / "made.py"))
made_comparison, SECRET_IDS = MADE["made_comparison"], MADE["SECRET_IDS"]
LEAK = Finding(
    "target copied",
    "found",
    "leak",
    "a column equals the target",
    "Drop it.",
    ((SECRET_IDS[0], SECRET_IDS[1]),),
    ("mri__x",),
)
CASES = {
    "binary": {},
    "leaks": {"leaks": [LEAK]},
    "classes": {"task": "classes"},
    "regression": {"task": "regression", "places": ()},
    "one modality": {"names": ("mri",), "places": ()},
}


def no_drawing(display, width, name, title, alt):
    """Stand in for matplotlib where the figures are not what is tested."""
    return _pictures.inline('<svg viewBox="0 0 9 9"><g/></svg>', name, title, alt)


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr(_pictures, "_drawn", no_drawing)


class Text(HTMLParser):
    """Text of a page, without styles, and without the ticks of the axes of figures."""

    def __init__(self, html):
        super().__init__()
        self.parts, self.skipped, self.depth, self.tags = [], [], 0, []
        self.feed(html.replace("<wbr>", ""))  # a word that may break is one word

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("meta", "link", "br", "wbr"):
            return
        self.depth += 1
        if tag in ("style", "head") or (tag == "g" and "matplotlib.axis" in dict(attrs).get("id", "")):
            self.skipped.append(self.depth)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if self.skipped and self.skipped[-1] == self.depth:
            self.skipped.pop()
        self.depth -= 1

    def handle_data(self, data):
        if not self.skipped:
            self.parts.append(data)


def numbers(text):
    return set(re.findall(r"[−-]?\d+(?:\.\d+)?(?:e[-+]\d+)?", text))


@pytest.fixture(scope="module", params=CASES)
def written(request, tmp_path_factory):
    found = made_comparison(**CASES[request.param])
    folder = tmp_path_factory.mktemp("report") / "new" / "folder"
    with pytest.MonkeyPatch.context() as patch:
        if request.param not in ("binary", "one modality"):
            patch.setattr(_pictures, "_drawn", no_drawing)
        return found, write_report(found, folder).parent


def test_every_number_of_the_page_is_in_the_markdown(written):
    _, folder = written
    page = Text((folder / "report.html").read_text(encoding="utf-8"))
    shown = numbers("\n".join(page.parts))
    assert len(shown) > 100
    assert shown - numbers((folder / "report.md").read_text(encoding="utf-8")) == set()


def test_every_cell_of_the_page_is_in_the_markdown(written, undrawn):
    found, _ = written
    page = document(found)
    markdown = to_markdown(page)
    for section in page.sections:
        assert f"## {section.title}" in markdown
        for block in section.blocks:
            if block.kind == "table":
                for line in block.lines:
                    assert all(markdown_text(cell) in markdown for cell in line.cells)


def test_the_page_needs_nothing_from_elsewhere(written):
    html = (written[1] / "report.html").read_text(encoding="utf-8")
    assert len(html.encode()) < 2_000_000
    page = Text(html)
    assert not {"script", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    addresses = [
        attrs[name] for _, attrs in page.tags for name in ("src", "href", "xlink:href", "srcset") if attrs.get(name)
    ]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert not re.search(r"url\((?!#)|@import", html)
    assert "default-src 'none'" in html


def test_structure_for_readers_who_do_not_see(written):
    page = Text((written[1] / "report.html").read_text(encoding="utf-8"))
    tags = page.tags
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in tags}
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in tags:
        if tag == "svg":
            assert set(attrs["aria-labelledby"].split()) <= set(ids)
        for name in ("href", "clip-path"):
            assert set(re.findall(r"#([^)]+)", attrs.get(name) or "")) <= set(ids)


def test_order_of_the_sections(undrawn):
    names = [section.name for section in document(made_comparison(leaks=[LEAK])).sections]
    first = ["cohort", "leaks", "leaderboard", "differences", "modalities", "missing"]
    then = ["calibration", "curves", "decisions", "thresholds", "sites", "subgroups", "sample-size"]
    assert names == [*first, *then, "intervals", "notes", "warnings", "tripod", "provenance"]


def test_volume_has_a_section_where_it_is_a_modality(undrawn):
    found = made_comparison(names=("volume", "lesion", "network"))
    rows = found.tables["differences"]
    rows.loc[rows["versus"] == "single:volume", "role"] = "volume"
    found.tables["against_volume"] = rows[rows["versus"] == "single:volume"].reset_index(drop=True)
    page = document(found)
    names = [section.name for section in page.sections]
    assert names[names.index("differences") + 1] == "volume"
    section = page.sections[names.index("volume")]
    (table,) = (block for block in section.blocks if getattr(block, "caption", "") == "Gains over volume alone")
    assert [line.cells[0] for line in table.lines] == [
        name for name in ("concatenation", "late-mean", "late-stack") for _ in range(2)
    ]
    assert table.file == "against_volume"
    own = found.tables["against_volume"].query("strategy == 'late-stack' and subjects == 'all'").iloc[0]
    assert f"late-stack over volume alone: +{own['gain']:.3f}" in section.blocks[0].text
    assert section.blocks[0].text.endswith(f"{own['verdict']}.")
    assert "against the reference or volume alone" in str(page.sections[names.index("differences")].blocks[1])
    assert page.lead[1].startswith("Against volume alone, which reached AUC")


def test_tables_and_json_are_read_back(written):
    found, folder = written
    for name, table in found.tables.items():
        again = pd.read_csv(folder / "tables" / f"{name}.csv")
        assert list(again) == list(table)
        assert len(again) == len(table)
    pd.testing.assert_series_equal(
        pd.read_csv(folder / "tables" / "summary.csv")["estimate"], found.tables["summary"]["estimate"], rtol=1e-12
    )
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert result["sentence"] == found.sentence()
    assert read_result(folder).sentence() == found.sentence()


def test_the_leaderboard_can_be_pasted(written):
    found, folder = written
    lines = (folder / "report.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("**Leaderboard**") + 2
    rows = lines[start : start + 2 + len(found.strategies)]
    assert len({row.count("|") for row in rows}) == 1
    assert all(row.startswith("| ") and row.endswith(" |") for row in rows)


def test_no_subject_is_named_unless_asked(tmp_path, undrawn):
    found = made_comparison(leaks=[LEAK])
    found.predictions["id"] = SECRET_IDS
    write_report(found, tmp_path)
    everything = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file())
    assert "SECRET" not in everything
    assert "0.1234567" not in everything
    assert not (tmp_path / "predictions.csv").exists()
    write_report(found, tmp_path, show_subjects=True)
    assert SECRET_IDS[0] in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert SECRET_IDS[0] in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert list(pd.read_csv(tmp_path / "predictions.csv")["id"]) == SECRET_IDS
    write_report(found, tmp_path)
    assert not (tmp_path / "predictions.csv").exists()
    assert "SECRET" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_result_read_back_gives_the_same_page_and_no_subjects(tmp_path, undrawn):
    found = made_comparison()
    first = write_report(found, tmp_path / "a").read_text(encoding="utf-8")
    again = read_result(tmp_path / "a")
    assert write_report(again, tmp_path / "b").read_text(encoding="utf-8") == first
    with pytest.raises(ValueError, match="holds none"):
        write_report(again, tmp_path / "c", show_subjects=True)
    assert not (tmp_path / "c").exists()


HOSTILE = "<script>alert(1)</script>"


def test_names_are_text_and_nothing_else(tmp_path):
    found = made_comparison(
        names=(HOSTILE, 'a" onload="x', "pipe|$x^2$ {{ 7 * 7 }}"),
        places=("<img src=http://evil.example/x>", '#0072b2 id="q" url(#z) 0.123456'),
        leaks=[Finding("<b>bold</b>", "found", "look", "](javascript:alert(1))", "<!-- x", ())],
    )
    found.notes.append("</style><script>bad()</script>")
    found.tables["warnings"].loc[0, "message"] = "first\nsecond | third"
    write_report(found, tmp_path, title="</title><script>bad()</script>")
    html, markdown = ((tmp_path / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))
    page = Text(html)
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert "<b>bold" not in html
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    joined = "".join(page.parts)
    for text in (HOSTILE, "{{ 7 * 7 }}", "$x^2$", '#0072b2 id="q" url(#z) 0.123456'):
        assert text in joined
    assert "<script" not in markdown
    assert "<img" not in markdown
    assert "](javascript" not in markdown
    assert "first second \\| third" in markdown


def test_leaks_come_before_scores_and_are_prominent(undrawn):
    page = to_html(document(made_comparison(leaks=[LEAK])))
    alarm = page.index('class="callout alarm"')
    assert alarm < page.index('id="leaderboard"')
    assert "a column equals the target" in page[alarm : alarm + 600]
    assert "callout alarm" not in to_html(document(made_comparison()))


def test_checklist_has_evidence_and_prompts_and_no_judgement(undrawn):
    rows = next(section for section in document(made_comparison()).sections if section.name == "tripod").blocks[1].lines
    texts = [line.cells[-1] for line in rows]
    evidence = [text for text in texts if text.startswith("evidence: ")]
    assert len(evidence) >= 20
    assert all(text.startswith(("evidence: ", "to write: ")) for text in texts)
    assert len({line.cells[0] for line in rows}) == len(rows) == 52
    assert not re.search(r"low risk|high risk|adequate|sufficient", " ".join(texts))


def test_a_page_does_not_list_hundreds_of_patterns(tmp_path, undrawn):
    found = made_comparison()
    rare = pd.DataFrame({"pattern": [f"p{k}" for k in range(99)], "n_subjects": 7, "share": 0.01, "events": 0.3})
    found.tables["patterns"] = pd.concat([found.tables["patterns"], rare], ignore_index=True)
    write_report(found, tmp_path)
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "82 rarer patterns (574 subjects) stand in tables/patterns.csv only." in markdown
    assert "| p50 |" not in markdown
    assert len(pd.read_csv(tmp_path / "tables" / "patterns.csv")) == 102


def test_few_events_are_grey(undrawn):
    html = to_html(document(made_comparison()))
    row = re.search(r'<tr class="(\w*)">\s*<th scope="row">sex: other', html)
    assert row.group(1) == "grey"


# Where it is written -------------------------------------------------------------------------------------------------


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_other_files_in_the_folder_are_left_alone(tmp_path, undrawn):
    for name in ("thesis.docx", "predictions.csv", "tables/mine.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    write_report(made_comparison(), tmp_path)
    write_report(made_comparison(seed=1), tmp_path)
    assert all(
        (tmp_path / name).read_text() == "mine" for name in ("thesis.docx", "predictions.csv", "tables/mine.csv")
    )
    assert not list(tmp_path.glob(".report-*"))


@pytest.mark.parametrize("place", ["tables/summary.csv", "report.html"])
def test_a_full_disk_leaves_the_report_that_was_there(tmp_path, monkeypatch, place, undrawn):
    write_report(made_comparison(), tmp_path / "out")
    before = files(tmp_path)
    write = _write._write_whole

    def full(path, text):
        if str(path).endswith(place):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, text)

    monkeypatch.setattr(_write, "_write_whole", full)
    with pytest.raises(ReportError, match=r"out'.*No space left on device.*Choose a folder"):
        write_report(made_comparison(seed=1), tmp_path / "out")
    assert files(tmp_path) == before
    with pytest.raises(ReportError):
        write_report(made_comparison(seed=1), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_place_of_the_folder(tmp_path, undrawn):
    (tmp_path / "taken").write_text("mine")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(ReportError, match=r"cannot be written to .*taken"):
            write_report(made_comparison(), folder)
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_folder_that_cannot_be_written(undrawn):
    # Nobody can make a folder there, root included.
    with pytest.raises(ReportError, match=r"'/proc/skfuse-report'"):
        write_report(made_comparison(), "/proc/skfuse-report")


# A comparison that ran -----------------------------------------------------------------------------------------------


def test_a_real_comparison_with_one_fixed_split(tmp_path, undrawn):
    cohort = make_cohort(90, effect=3.0, missing=0.3, random_state=0)
    cohort.X.index = [f"SECRET-{number:04d}" for number in range(90)]
    cohort.y.index = cohort.X.index
    train, test = list(range(60)), list(range(60, 90))
    found = compare_strategies(
        cohort.X, cohort.y, strategies=["prevalence", "late-mean"], cv=[(train, test)], random_state=0
    )
    page = write_report(found, tmp_path).read_text(encoding="utf-8")
    assert "DeLong" in page
    assert "this was not measured" in page
    assert "SECRET" not in "".join(content.decode() for content in files(tmp_path).values())


def test_what_a_killed_run_has_left_is_removed_once_it_is_old(tmp_path):
    for name, age in ((".report-killed", 3600), (".report-going", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text("id,cluster\nsub-01,1\n")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    _write.write_folder(tmp_path, {"report.html": "page"})
    assert sorted(path.name for path in tmp_path.iterdir()) == [".report-going", "report.html"]


def test_weights_from_few_subjects_are_called_unstable(tmp_path):
    for n in (150, 250):
        write_report(made_comparison("binary", n=n), tmp_path / str(n))
        text = (tmp_path / str(n) / "report.md").read_text()
        assert ("weights are unstable" in text) == (n < 200)
        assert ("mri 0.125 to 0.750" in text) == (n < 200)
