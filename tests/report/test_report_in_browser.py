"""The page in a real browser: light and dark, on a desk and on a phone, and in print."""

import runpy
from pathlib import Path

import pytest

from skfuse.report import write_report

HERE = Path(__file__).parent
CHROMIUM = runpy.run_path(str(HERE / "chromium.py"))
made_comparison = runpy.run_path(str(HERE / "made.py"))["made_comparison"]

pytestmark = pytest.mark.skipif(
    CHROMIUM["find"]() is None, reason=f"no browser on PATH, looked for {', '.join(CHROMIUM['NAMES'])}"
)

#: Text whose color and background are too close (WCAG 2: 4.5 for text, 3 for large text), by its computed style.
CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const color = rgba(getComputedStyle(node).backgroundColor);
      if (color[3] === 255) return color;
      if (color[3] !== 0) throw new Error('half transparent background');
    }
    return [255, 255, 255, 255];
  };
  document.querySelectorAll('details').forEach(one => one.open = true);
  const seen = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || ['STYLE', 'title', 'desc'].includes(node.tagName)) continue;
    if (!node.getClientRects().length) continue;
    const style = getComputedStyle(node), inside = node.closest('svg');
    const color = rgba(inside ? style.fill : style.color), back = behind(inside ? inside.parentElement : node);
    const [a, b] = [light(color), light(back)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    count += 1;
    if (ratio < (large ? 3 : 4.5)) seen.push([walker.currentNode.textContent.trim().slice(0, 40), ratio, style.color]);
  }
  return {count, seen: seen.slice(0, 10)};
})()"""

#: Figures that are seen: their names, sizes, whether their text stays inside, and the smallest text in pixels.
FIGURES = """[...document.querySelectorAll('figure svg')].filter(one => one.getClientRects().length).map(one => {
  const box = one.getBoundingClientRect(), texts = [...one.querySelectorAll('text')];
  const name = id => document.getElementById(id).textContent;
  return {
    alt: one.getAttribute('aria-labelledby').split(' ').map(name).join(' '),
    width: box.width, height: box.height, texts: texts.length,
    outside: texts.map(t => [t.textContent, t.getBoundingClientRect()])
      .filter(([, t]) => t.left < box.left - 6 || t.right > box.right + 6 || t.bottom > box.bottom + 6).map(([t]) => t),
    smallest: Math.min(...texts.map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a || 99)),
  };
})"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = CHROMIUM["Chromium"](tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    long = "a_very_long_modality_name_that_nobody_would_choose_but_somebody_did"
    found = made_comparison(names=("mri", "pet", long), places=("Oslo", "B" * 70, "Tromsø"))
    return write_report(found, tmp_path_factory.mktemp("page"), title="T" * 90)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page(browser, page, width, scheme):
    browser.open(page.as_uri(), width=width, scheme=scheme)
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
    contrast = browser.evaluate(CONTRAST)
    assert contrast["count"] > 500
    assert contrast["seen"] == []
    # With every fold open, as the look at contrast left it.
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    figures = browser.evaluate(FIGURES)
    assert len(figures) == 9
    for figure in figures:
        assert len(figure["alt"]) > 40
        assert figure["width"] <= width
        assert figure["height"] > 100
        assert figure["texts"] > 3
        assert figure["outside"] == []
        assert figure["smallest"] > 7.5
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 29)")
    assert browser.requests() == [page.as_uri()]
    assert [event for event in browser.events if event.get("method") == "Log.entryAdded"] == []


def test_print_is_light_and_shows_what_is_folded(browser, page, tmp_path):
    browser.open(page.as_uri(), width=720, scheme="dark", media="print")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    folded = "document.querySelector('details.fold > :not(summary)').getBoundingClientRect().height"
    assert browser.evaluate(folded) > 20
    assert browser.evaluate("[...document.querySelectorAll('.narrow')].every(one => !one.getClientRects().length)")
    browser.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_every_entry_of_the_contents_leads_somewhere(browser, page):
    browser.open(page.as_uri(), width=1280)
    missing = "[...document.querySelectorAll('nav a')].filter(one => !document.querySelector(one.hash)).length"
    assert browser.evaluate(missing) == 0
    assert browser.evaluate("document.querySelectorAll('nav a').length") == 18
