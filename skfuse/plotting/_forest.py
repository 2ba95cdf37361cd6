"""Rows of estimates with intervals: one way to draw leaderboards, differences, modalities and sites."""

from dataclasses import dataclass, field

import numpy as np

from skfuse.plotting._style import BAND, FAINT, INK, MUTED, NARROW, PAPER, shorten

_WIDE_LABEL, _NARROW_LABEL = 30, 40


@dataclass(frozen=True)
class Mark:
    """An estimate with its interval (NaN where there is none)."""

    value: float
    lower: float = np.nan
    upper: float = np.nan
    color: str = INK
    marker: str = "o"
    hollow: bool = False
    thick: bool = False


@dataclass(frozen=True)
class Row:
    """A row of the figure: a label, one or more marks, and a text at its end; without marks a heading or remark."""

    label: str
    marks: tuple = field(default_factory=tuple)
    text: str = ""
    bold: bool = False
    muted: bool = False
    heading: bool = False


def forest_height(rows, width, *, legend=0):
    """Height in inches that some rows need."""
    wide, narrow = 0.27, 0.44
    total = 0.0
    for row in rows:
        if row.heading:
            total += 0.3
        else:
            step = max(1, len(row.marks))
            line = 0.25 if "\n" in row.text else 0.08 * (step > 1)
            total += (wide + 0.12 * (step - 1)) if width > NARROW * 1.35 else (narrow + line + 0.12 * (step - 1))
    return total + 0.75 + 0.22 * legend


def draw_forest(ax, rows, *, xlabel, line=None, band=None, bounds=(None, None)):
    """Draw rows from top to bottom.

    Parameters
    ----------
    ax : Axes
    rows : list of Row
    xlabel : str
    line : float or None
        A vertical line, for zero or for a score to compare with.
    band : tuple of two float or None
        A shaded range, for the margin.
    bounds : tuple of two float or None
        The axis does not go beyond; intervals that do end in an arrow.
    """
    narrow = ax.get_position().width * ax.figure.get_figwidth() < NARROW
    low, high = _limits(rows, line, band, bounds)
    if band is not None:
        ax.axvspan(*band, color=BAND, lw=0, zorder=0)
    if line is not None:
        ax.axvline(line, color=MUTED, lw=1.0, zorder=1)
    y, ticks = 0.0, []
    for number, row in enumerate(rows):
        y += _gap_before(row, narrow, first=number == 0)
        if row.heading:
            ax.text(0.0 if narrow else -0.015, y, row.label, transform=ax.get_yaxis_transform(), color=MUTED,
                    ha="left" if narrow else "right", va="center", fontsize="small")  # fmt: skip
            continue
        spread = 0.32 if len(row.marks) > 1 else 0.0
        center = y + (0.0 if not narrow else 1.25 if "\n" in row.text else 0.55 + spread)
        _label(ax, row, y, center, narrow)
        ticks.append(center)
        for mark, shift in zip(row.marks, np.linspace(-spread, spread, max(1, len(row.marks))), strict=False):
            _mark(ax, mark, center + shift, low, high)
        y = center + spread
    ax.set_xlim(low, high)
    ax.set_ylim(y + 0.75, -0.7)
    ax.set_yticks([])
    for where in ticks:
        ax.axhline(where, color=FAINT, lw=0.5, zorder=0)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=4 if narrow else 6)
    ax.tick_params(axis="x", length=3)
    ax.set_xlabel(xlabel)


def _gap_before(row, narrow, first):
    if first:
        return 0.0
    return 1.05 if not narrow else 0.85


def _label(ax, row, y, center, narrow):
    color = MUTED if row.muted else INK
    weight = "bold" if row.bold else "normal"
    across = ax.get_yaxis_transform()
    if narrow:
        # Above its interval, on the color of the page, so that no line strikes the text through.
        page = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
        several = "\n" in row.text
        room = _NARROW_LABEL if several else max(12, int(_NARROW_LABEL - 0.8 * len(row.text)))
        ax.text(
            0.0,
            y,
            shorten(row.label, room),
            transform=across,
            ha="left",
            va="center",
            color=color,
            weight=weight,
            bbox=page,
        )
        where, text = (y + 0.5, row.text.replace("\n", " / ")) if several else (y, row.text)
        ax.text(1.0, where, text, transform=across, ha="right", va="center", color=color, fontsize="small", bbox=page)
    else:
        ax.text(
            -0.015,
            center,
            shorten(row.label, _WIDE_LABEL),
            transform=across,
            ha="right",
            va="center",
            color=color,
            weight=weight,
        )
        ax.text(1.015, center, row.text, transform=across, ha="left", va="center", color=color, fontsize="small")


def _mark(ax, mark, y, low, high):
    if not np.isfinite(mark.value):
        return
    width = 5.0 if mark.thick else 1.8
    if np.isfinite([mark.lower, mark.upper]).all():
        start, stop = max(mark.lower, low), min(mark.upper, high)
        ax.plot([start, stop], [y, y], color=mark.color, lw=width, solid_capstyle="butt", zorder=3)
        for beyond, where, arrow in ((mark.lower < low, low, "<"), (mark.upper > high, high, ">")):
            if beyond:
                ax.plot([where], [y], marker=arrow, color=mark.color, ms=6, clip_on=False, zorder=4)
    if low <= mark.value <= high:
        face = PAPER if mark.hollow else mark.color
        size = 8 if mark.marker == "D" else 6.5
        ax.plot([mark.value], [y], marker=mark.marker, ms=size, mfc=face, mec=mark.color, mew=1.5, ls="", zorder=5)
    else:
        arrow = "<" if mark.value < low else ">"
        ax.plot([low if mark.value < low else high], [y], marker=arrow, color=mark.color, ms=7, clip_on=False, zorder=5)


def _limits(rows, line, band, bounds):
    """Room for every estimate, and for intervals unless one is far wider than the estimates are apart."""
    marks = [mark for row in rows for mark in row.marks if np.isfinite(mark.value)]
    values = [mark.value for mark in marks] + ([] if line is None else [line]) + list(band or ())
    if not values:
        return 0.0, 1.0
    ends = np.array([(mark.lower, mark.upper) for mark in marks if np.isfinite([mark.lower, mark.upper]).all()])
    ends = ends.reshape(-1, 2)
    usual = 3 * np.median(ends[:, 1] - ends[:, 0]) if len(ends) else 0.0
    apart = max(np.ptp(values), usual, 1e-3)
    low = max(min([*values, *ends[:, 0]]), min(values) - apart)
    high = min(max([*values, *ends[:, 1]]), max(values) + apart)
    pad = 0.04 * max(high - low, 1e-3)
    low, high = low - pad, high + pad
    return (low if bounds[0] is None else max(low, bounds[0])), (high if bounds[1] is None else min(high, bounds[1]))
