"""What clusters look like: standardized differences of their features."""

import numpy as np

from skfuse.plotting._clusters import cluster_color
from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import COLORS, INK, MUTED, shorten

_FULL = 2.0  # a difference of so many standard deviations has the full color
_DEEPEST = 0.5  # opacity, so that numbers stay readable on it by day and by night
_MOST_WRITTEN = 6  # clusters beside each other whose numbers fit


class ClusterProfileDisplay(Display):
    """Features × clusters: how far each cluster is from all other subjects, the largest differences per modality.

    Parameters
    ----------
    rows : list of dict
        ``feature``, ``modality`` and ``differences`` (one per cluster), grouped by modality.
    n_left_out : int
        Features that are not drawn.

    Notes
    -----
    Features are chosen because they differ, and they made the clusters: the figure describes, and no p-value belongs
    to it.

    Examples
    --------
    >>> from skfuse.plotting import ClusterProfileDisplay
    >>> rows = [{"feature": "hippocampus", "modality": "mri", "differences": [-1.2, 0.8]}]
    >>> display = ClusterProfileDisplay(rows).plot()
    >>> [text.get_text() for text in display.ax_.texts][:4]
    ['mri', 'hippocampus', '−1.2', '+0.8']
    """

    def __init__(self, rows, *, n_left_out=0):
        self.rows = rows
        self.n_left_out = n_left_out

    @classmethod
    def from_profile(cls, profile, *, most=8):
        """Collect the features of a cluster profile.

        Parameters
        ----------
        profile : ClusterProfile or DataFrame
            From :func:`skfuse.evaluation.clusters.cluster_profile`, or its table.
        most : int
            Features of each modality, those with the largest share of variance between clusters.

        Returns
        -------
        display : ClusterProfileDisplay
            Not drawn yet.
        """
        table = profile.to_frame().reset_index() if hasattr(profile, "to_frame") else profile
        columns = [name for name in table if name.startswith("difference_")]
        rows = []
        for modality, part in table.groupby("modality", sort=False):
            for row in part.head(most).to_dict("records"):
                name = str(row["feature"]).removeprefix(f"{modality}__")
                rows.append(
                    {"feature": name, "modality": modality, "differences": [float(row[one]) for one in columns]}
                )
        return cls(rows, n_left_out=len(table) - len(rows))

    @classmethod
    def from_subtypes(cls, subtypes, *, most=8):
        """Collect the features of an analysis of subtypes.

        Parameters
        ----------
        subtypes : Subtypes
            From ``find_subtypes`` or ``read_subtypes``.
        most : int
            Features of each modality.

        Returns
        -------
        display : ClusterProfileDisplay
            Not drawn yet.
        """
        return cls.from_profile(subtypes.tables["profile"], most=most)

    def _height(self, width):
        headings = len({row["modality"] for row in self.rows})
        return 0.235 * (len(self.rows) + 1.25 * headings) + 0.75

    def _draw(self, ax):
        if not self.rows:
            say_nothing_to_show(ax, "There are no features to show.")
            return
        width = ax.figure.get_figwidth()
        n_clusters = len(self.rows[0]["differences"])
        share = 0.56 if width < 5 else 0.44  # of the width, for the names
        x = share + (1 - share) * np.arange(n_clusters + 1) / n_clusters
        room = int(share * width * (12.5 if width < 5 else 11.5))
        y, modality = 0.0, None
        for row in self.rows:
            if row["modality"] != modality:
                y += 0.35 if modality is not None else 0.0
                modality = row["modality"]
                ax.text(0.0, y + 0.5, shorten(modality, room), va="center", weight="bold")
                y += 1.0
            ax.text(0.0, y + 0.5, shorten(row["feature"], room), va="center", fontsize="small")
            for k, value in enumerate(row["differences"]):
                self._draw_cell(ax, x[k], x[k + 1], y, value, n_clusters <= _MOST_WRITTEN)
            y += 1.0
        for k in range(n_clusters):
            middle = (x[k] + x[k + 1]) / 2
            ax.plot(
                [x[k] + 0.006, x[k + 1] - 0.006],
                [-0.22, -0.22],
                color=cluster_color(k + 1),
                lw=3.5,
                solid_capstyle="butt",
            )
            ax.text(middle, -0.45, f"{k + 1}", ha="center", va="bottom")
        ax.text(share - 0.02, -0.45, "cluster", ha="right", va="bottom", fontsize="small")
        left = f"; {self.n_left_out} features not shown" if self.n_left_out else ""
        text = f"difference from all others, in standard deviations{left}"
        ax.text(
            0.0, y + 0.35, text if width > 5 else text.replace(", in", ",\nin"), va="top", fontsize="small", color=INK
        )
        ax.set_xlim(0.0, 1.0)
        ax.set_ylim(y + (1.3 if width > 5 else 2.2), -1.4)
        ax.set_axis_off()

    def _draw_cell(self, ax, left, right, y, value, written):
        if not np.isfinite(value):
            ax.text((left + right) / 2, y + 0.5, "–", ha="center", va="center", color=MUTED)
            return
        depth = _DEEPEST * min(abs(value) / _FULL, 1.0)
        color = COLORS[1] if value > 0 else COLORS[0]
        pad = 0.004
        ax.fill_between([left + pad, right - pad], y + 0.05, y + 0.95, color=color, alpha=depth, lw=0)
        if written:
            said = f"{value:+.1f}".replace("-", "−")
            ax.text((left + right) / 2, y + 0.5, said, ha="center", va="center", fontsize="small", color=INK)
