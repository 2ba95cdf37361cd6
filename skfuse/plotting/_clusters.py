"""How clusters are drawn, the same in every figure: a color and a marker each, and numbers from 1."""

from skfuse.plotting._style import COLORS, MUTED

#: The first four follow the page from light to dark; the others are dark enough for paper and light enough for night.
CLUSTER_COLORS = (*COLORS, "#9a7d0a", "#5b6abf", "#b5533c", "#3d8b9e", "#8a6d9e", "#6b8e3d")
CLUSTER_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "<")


def cluster_color(cluster):
    """Color of a cluster by its number, from 1; that of nobody's cluster (0) is grey."""
    return MUTED if cluster < 1 else CLUSTER_COLORS[(cluster - 1) % len(CLUSTER_COLORS)]


def cluster_marker(cluster):
    """Marker of a cluster by its number, from 1, so that print in grey reads too."""
    return "." if cluster < 1 else CLUSTER_MARKERS[(cluster - 1) % len(CLUSTER_MARKERS)]
