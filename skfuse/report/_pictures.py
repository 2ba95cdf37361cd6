"""Displays as SVG that stands inside a page: themed by the page's variables, with ids of its own."""

import io
import re
import warnings

from skfuse.plotting import _style
from skfuse.report._document import Picture

#: From the colors that the displays draw with to the variables of the page, which know light and dark.
_VARIABLES = {
    _style.INK: "var(--ink)",
    _style.MUTED: "var(--line)",
    _style.FAINT: "var(--faint)",
    _style.BAND: "var(--band)",
    _style.PAPER: "var(--paper)",
} | {color: f"var(--c{number})" for number, color in enumerate(_style.COLORS, start=1)}

_WIDE, _SQUARE, _NARROW = 7.2, 4.9, 3.55


def picture(name, title, alt, display, *, square=False):
    """Draw a display twice, for a page and for a phone."""
    wide, narrow = (
        _drawn(display, width, f"{name}-{kind}", title, alt)
        for kind, width in (("wide", _SQUARE if square else _WIDE), ("narrow", _NARROW))
    )
    return Picture(name, title, alt, wide, narrow, size="square" if square else "wide")


def _drawn(display, width, name, title, alt):
    import matplotlib as mpl
    from matplotlib.figure import Figure

    file = io.StringIO()
    with (
        _style.style(10.5 if width > _NARROW else 9.5),
        mpl.rc_context({"svg.hashsalt": name}),
        warnings.catch_warnings(),
    ):
        # Text stays text in SVG: the reader's browser has the glyph that the font used for measuring lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure = Figure(figsize=display.figsize(width), layout="constrained")
        figure.patch.set_visible(False)
        display.plot(ax=figure.subplots())
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return inline(file.getvalue(), name, title, alt)


def inline(svg, name, title, alt):
    """What a browser needs of matplotlib's SVG, safe to stand in a page beside others."""
    from markupsafe import Markup, escape

    box = re.search(r'viewBox="([^"]+)"', svg).group(1)
    width = float(box.split()[2])
    body = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index(">", svg.index("<svg")) + 1 :], flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)  # a stylesheet in a figure would hold for the page
    body = re.sub(r"<[^>]+>", lambda tag: _tag(tag.group(), name), body)
    head = (
        f'<svg viewBox="{box}" style="max-width:{width:.0f}pt" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(alt)}</desc>'
    )
    return Markup(head) + Markup(re.sub(r"\n\s*", "\n", body).strip())


def _tag(tag, name):
    """A tag of the drawing made fit for the page; what stands between tags is text and stays as it is."""
    tag = tag.replace("xlink:href", "href")
    # Two figures have both an "axes_1": every id gets the figure's name before it, and so does what refers to it.
    tag = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", tag)
    for color, variable in _VARIABLES.items():
        tag = tag.replace(color, variable)
    # Text takes the page's font; sizes stay.
    tag = re.sub(r"font-family: [^;\"]*", "font-family: var(--sans)", tag)
    tag = re.sub(r"font: ([^;\"]*?)([\d.]+px) [^;\"]*", _font, tag)
    return re.sub(r"(\d+\.\d{2})\d+", r"\1", tag)


def _font(match):
    weight = "; font-weight: 600" if re.search(r"\b(bold|[5-9]00)\b", match.group(1)) else ""
    return f"font-family: var(--sans); font-size: {match.group(2)}{weight}"
