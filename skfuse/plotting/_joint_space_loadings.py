"""Bars of the largest loadings on a component, modality by modality, and their place beside the subjects."""

from skfuse.plotting._clusters import CLUSTER_COLORS
from skfuse.plotting._style import MUTED, shorten

_ROW, _NAMES = 0.18, 1.55  # inches: a row, and the names of features
_MOST_CHARACTERS = 22


def loadings_height(rows):
    """Height in inches that the bars need; 0 without any."""
    modalities = {row["modality"] for row in rows}
    return _ROW * (len(rows) + 1.5 * len(modalities)) + 0.1 if rows else 0.0


def places(width, heights, *, beside, n_components):
    """Where subjects and bars stand in the axes.

    Parameters
    ----------
    width : float
        Of the figure, in inches.
    heights : tuple of four float
        In inches: of the words above the subjects, the subjects, the words below, and the bars (0 without).
    beside : bool
        Whether bars stand beside the subjects, not below.
    n_components : int
        Each has bars of its own.

    Returns
    -------
    scatter : list of four float
        Left, bottom, width and height, in shares of the axes.
    bars : list of list of four float
        The same for the bars of each component.
    """
    words, scatter, below, bars = heights
    if beside:
        total = max(words + scatter, bars + 0.55 - below)
        left, bottom, across = 0.5 + _NAMES / width, 1 - (0.3 + bars) / total, 0.5
    else:
        total = words + scatter + (below + bars + 0.3 if bars else 0.0)
        left, bottom, across = min(_NAMES / width, 0.45), 0.0, 1.0
    step = (1 - left) / n_components
    columns = [[left + step * k, bottom, 0.86 * step, bars / total] for k in range(n_components)]
    return [0.0, 1 - (words + scatter) / total, across, scatter / total], columns if bars else []


def draw_loadings(ax, rows, k, *, title, n_classes):
    """Draw the loadings on one component; names stand beside the first.

    Parameters
    ----------
    ax : Axes
    rows : list of dict
        ``feature``, ``modality`` and ``loadings``, grouped by modality.
    k : int
        Which of the loadings.
    title : str
    n_classes : int
        Classes of subjects, whose colors no modality gets.
    """
    largest = max(abs(value) for row in rows for value in row["loadings"])
    modalities = list(dict.fromkeys(row["modality"] for row in rows))
    y, ticks, modality = 0.0, [], None
    for row in rows:
        if row["modality"] != modality:
            y += 0.5 * (modality is not None)
            modality = row["modality"]
            color = _modality_color(modalities.index(modality), n_classes)
            if k == 0:
                ax.text(-0.05, y, shorten(modality, _MOST_CHARACTERS), transform=ax.get_yaxis_transform(), ha="right",
                        va="center", weight="bold", fontsize="small", color=color)  # fmt: skip
            y += 1.0
        ax.barh(y, row["loadings"][k], height=0.7, color=color, lw=0)
        ticks.append((y, shorten(row["feature"], _MOST_CHARACTERS)))
        y += 1.0
    ax.axvline(0, color=MUTED, lw=0.8)
    ax.set_xlim(-1.1 * largest, 1.1 * largest)  # the same for all components
    ax.set_ylim(y - 0.4, -0.6)
    end = float(f"{0.7 * largest:.0e}")
    ax.set_xticks([-end, end], [f"−{end:g}", f"{end:g}"])
    ax.set_yticks(*zip(*ticks, strict=True))
    ax.tick_params(axis="y", length=0, labelleft=k == 0, labelsize="small", pad=2)
    ax.tick_params(axis="x", labelsize="small")
    ax.set_title(title, fontsize="medium")
    ax.spines["left"].set_visible(False)


def _modality_color(place, n_classes):
    """A color of a modality that no class has, as far as there are enough."""
    return CLUSTER_COLORS[(max(n_classes, 4) + place) % len(CLUSTER_COLORS)]
