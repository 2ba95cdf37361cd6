"""A document: sections of paragraphs, tables and figures, which one template writes as HTML and another as Markdown.

Both templates get the same strings, so that no number can stand in one and not in the other.
"""

from dataclasses import dataclass, field

import numpy as np

from skfuse.plotting._style import interval, number


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str
    kind: str = "paragraph"


@dataclass(frozen=True)
class Callout:
    """A remark that must be seen; `tone` is "alarm", "look" or "calm"."""

    title: str
    items: tuple
    tone: str = "look"
    kind: str = "callout"


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple
    kind: str = "bullets"


@dataclass(frozen=True)
class Facts:
    """Terms and their values."""

    pairs: tuple
    kind: str = "facts"


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, what is in it, and what it means ("" where the heading says it)."""

    name: str
    meaning: str = ""
    holds: str = "number"


@dataclass(frozen=True)
class Line:
    """A row of a table; `tone` is "", "strong" or "grey"."""

    cells: tuple
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a caption; `file` is the CSV with all its digits."""

    caption: str
    columns: tuple
    lines: tuple
    file: str = ""
    kind: str = "table"

    @property
    def prose(self):
        """Whether sentences stand in it, which a phone shows as a list."""
        pairs = [(column, text) for line in self.lines for column, text in zip(self.columns, line.cells, strict=True)]
        return any(column.holds == "text" and len(text) > 45 for column, text in pairs)


@dataclass(frozen=True)
class Picture:
    """A figure in a wide and a narrow drawing; `alt` says in words what is to be seen."""

    name: str
    title: str
    alt: str
    wide: str
    narrow: str
    size: str = "wide"
    kind: str = "picture"


@dataclass(frozen=True)
class Pair:
    """Blocks side by side where there is room."""

    blocks: tuple
    kind: str = "pair"


@dataclass(frozen=True)
class Fold:
    """Blocks that open on demand; in print they are open."""

    title: str
    blocks: tuple
    kind: str = "fold"


@dataclass(frozen=True)
class Section:
    """A part of the page; `short` is its name in the contents."""

    name: str
    title: str
    blocks: tuple
    short: str = ""


@dataclass(frozen=True)
class Tile:
    """A key figure."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Document:
    """The whole page."""

    title: str
    subtitle: str
    lead: tuple
    tiles: tuple
    sections: tuple
    footer: str
    language: str = "en"
    extra: dict = field(default_factory=dict)


def scored(value, lower, upper, *, sign=False):
    """``0.812 [0.760, 0.861]``."""
    return f"{number(value, sign=sign)} {interval(lower, upper, sign=sign)}".strip()


def percent(share):
    """``12.3 %``, never broken over lines; a dash where there is no number."""
    share = float(share)
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%" if np.isfinite(share) else "–"


def whole(value):
    """An integer, or a dash."""
    value = float(value)
    return f"{value:.0f}" if np.isfinite(value) else "–"


def p_value(value):
    """Three decimals, or ``< 0.001``."""
    value = float(value)
    if not np.isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def quantity(value):
    """A number of unknown kind: whole, or with three decimals."""
    value = float(value)
    if not np.isfinite(value):
        return "–"
    return f"{value:.0f}" if value == round(value) else number(value)


def several(count, noun):
    """``1 site``, ``2 sites``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
