"""Text and colors of figures that are made of several panels."""

from skfuse.plotting._style import COLORS

#: Inches: a line of text, and the gap between panels.
LINE, GAP = 0.185, 0.1


def signed_colors():
    """Colors of a statistic with a sign: blue below 0, orange above."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", ["#003a63", COLORS[0], "#9ccbe8", "#f3e3d6", COLORS[1],
                                                        "#7a2e00"])  # fmt: skip


def count_colors():
    """Colors of a number of subjects: pale to dark, one hue after the other."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("counts", ["#fbe9a9", "#f2a65a", "#d55e00", "#8c2d5a", "#3b0f3f"])


def write_lines(ax, lines, top, step):
    """Write lines of text, each with its color and size, below each other from the top of a part."""
    for place, (line, color, size) in enumerate(lines):
        ax.text(0.0, top - (place + 0.15) * step, line, transform=ax.transAxes, va="top", ha="left", color=color,
                fontsize=size)  # fmt: skip


def width_of(ax):
    """Width of a figure, or of the part of a figure, in which an axes will be laid out, in inches."""
    return ax.figure.bbox.width / ax.get_figure(root=True).dpi * ax.get_position().width / 0.775
