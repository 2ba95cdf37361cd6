"""Text and colors of figures that are made of several panels."""

from functools import lru_cache
from textwrap import wrap

from skfuse.plotting._style import COLORS, INK, MUTED

#: Inches: a line of text, and the gap between panels.
LINE, GAP = 0.185, 0.1
#: Points of ordinary and of small letters in the style of the displays.
ORDINARY, SMALL = 10.0, 8.33
_HINTING = 1.06  # letters of an image of few dots per inch are whole dots wide


def signed_colors():
    """Colors of a statistic with a sign: blue below 0, orange above."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", ["#003a63", COLORS[0], "#9ccbe8", "#f3e3d6", COLORS[1],
                                                        "#7a2e00"])  # fmt: skip


def count_colors():
    """Colors of a number of subjects: pale to dark, one hue after the other."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("counts", ["#fbe9a9", "#f2a65a", "#d55e00", "#8c2d5a", "#3b0f3f"])


def finding_lines(finding, method, width):
    """The sentence above a figure of so many inches and the small letters below it, as `write_lines` takes them."""
    return [(line, INK, "medium") for line in wrap(finding, int(width * 12.5))] + small_lines(method, width)


def small_lines(text, width):
    """Small letters of a figure of so many inches, as `write_lines` takes them."""
    return [(line, MUTED, "small") for line in wrap(text, int(width * 14.5))]


@lru_cache(maxsize=4096)
def text_inches(text, points):
    """Width of a text in the font of the figures, at most."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    width, *_ = text_to_path.get_text_width_height_descent(text, FontProperties(size=points), False)
    return _HINTING * width / 72


def wrapped(text, inches, points):
    """Lines of a text that are at most so wide; a word that is wider is cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_inches(longer, points) <= inches:
            lines[-1] = longer
            continue
        lines += [""] * bool(lines[-1])
        for letter in word:
            if lines[-1] and text_inches(lines[-1] + letter, points) > inches:
                lines.append("")
            lines[-1] += letter
    return lines


def write_lines(ax, lines, top, step):
    """Write lines of text, each with its color and size, below each other from the top of a part."""
    for place, (line, color, size) in enumerate(lines):
        ax.text(0.0, top - (place + 0.15) * step, line, transform=ax.transAxes, va="top", ha="left", color=color,
                fontsize=size)  # fmt: skip


def color_bar(ax, box, colors, ends, said, *, smooth=True):
    """Draw a color bar without a frame.

    Parameters
    ----------
    ax : matplotlib Axes
    box : tuple of four float
        Left, bottom, width and height in fractions of `ax`.
    colors : matplotlib colormap
    ends : tuple of two float
        Values at its ends.
    said : str
        What the values are.
    smooth : bool
        False gives each whole number between the ends a field of its own.

    Returns
    -------
    bar : matplotlib Axes
    """
    low, high = ends
    bar = ax.inset_axes(box)
    fields = 512 if smooth else round(high - low)
    bar.imshow([range(fields)], cmap=colors, aspect="auto", extent=(low, high, 0, 1), interpolation="nearest")
    bar.set_xlim(low, high)
    bar.set_yticks([])
    bar.tick_params(length=2, pad=1.5, labelsize="small")
    for spine in bar.spines.values():
        spine.set_visible(False)
    bar.set_xlabel(said, fontsize="small", labelpad=1)
    return bar


def width_of(ax):
    """Width of a figure, or of the part of a figure, in which an axes will be laid out, in inches."""
    return ax.figure.bbox.width / ax.get_figure(root=True).dpi * ax.get_position().width / 0.775
