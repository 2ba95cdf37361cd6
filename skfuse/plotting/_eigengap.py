"""How many clusters: every candidate with the scores of every rule."""

import numpy as np

from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import COLORS, FAINT, INK, MUTED, PAPER, number

_RULES = {
    "eigengap": ("eigengap", "large is good", 1),
    "nemo": ("gap × number of clusters", "large is good", 1),
    "rotation": ("rotation cost", "small is good", -1),
    "stability": ("stability (adjusted Rand)", "large is good", 1),
}


class EigengapDisplay(Display):
    """Scores of the number of clusters, a row per rule, with the best candidate of each and the one chosen.

    Parameters
    ----------
    scores : dict of str to dict of int to float
        From rule to the scores of all candidates, as in ``cluster_scores_``.
    n_clusters : int
        The number that was chosen or given.
    rule : str or None
        The rule that chose it; None where it was given.

    Examples
    --------
    >>> from skfuse.plotting import EigengapDisplay
    >>> display = EigengapDisplay({"eigengap": {2: 0.1, 3: 0.4, 4: 0.05}}, 3, rule="eigengap").plot()
    >>> display.ax_.get_xlabel()
    'number of clusters (line: 3, chosen by eigengap)'
    """

    def __init__(self, scores, n_clusters, *, rule=None):
        self.scores = scores
        self.n_clusters = n_clusters
        self.rule = rule

    @classmethod
    def from_estimator(cls, estimator):
        """Collect the scores of a fitted clustering.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``cluster_scores_`` and ``n_clusters_``.

        Returns
        -------
        display : EigengapDisplay
            Not drawn yet.
        """
        rule = estimator.n_clusters if isinstance(estimator.n_clusters, str) else None
        return cls(estimator.cluster_scores_, estimator.n_clusters_, rule=rule)

    @classmethod
    def from_subtypes(cls, subtypes):
        """Collect the scores of an analysis of subtypes.

        Parameters
        ----------
        subtypes : Subtypes
            From ``find_subtypes`` or ``read_subtypes``.

        Returns
        -------
        display : EigengapDisplay
            Not drawn yet.
        """
        table = subtypes.tables["scores"]
        own = table[table["arm"] == subtypes.arm]
        scores = {
            rule: {int(k): float(value) for k, value in zip(part["n_clusters"], part["value"], strict=True)}
            for rule, part in own.groupby("rule", sort=False)
        }
        asked = subtypes.settings["n_clusters"]
        return cls(scores, subtypes.n_clusters, rule=asked if isinstance(asked, str) else None)

    def _height(self, width):
        return 0.95 * max(1, len(self.scores)) + 0.75

    def _draw(self, ax):
        rows = {rule: values for rule, values in self.scores.items() if values}
        if not rows:
            say_nothing_to_show(ax, "The estimator scores no other number of clusters.")
            return
        ax.axvline(self.n_clusters, color=COLORS[1], lw=1.2, dashes=(4, 2), zorder=1)
        for row, (rule, values) in enumerate(rows.items()):
            self._draw_rule(ax, row, rule, values)
        candidates = sorted({k for values in rows.values() for k in values} | {self.n_clusters})
        ax.set_xlim(candidates[0] - 0.55, candidates[-1] + 0.55)
        ax.set_ylim(len(rows) - 0.05, -0.12)
        ax.set_xticks(candidates)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        how = "given" if self.rule is None else f"chosen by {self.rule}"
        ax.set_xlabel(f"number of clusters (line: {self.n_clusters}, {how})")

    def _draw_rule(self, ax, row, rule, values):
        name, good, sign = _RULES.get(rule, (rule, "", 1))
        k = np.array(list(values))
        found = np.array(list(values.values()))
        span = np.ptp(found)
        y = row + 0.82 - 0.42 * (found - found.min()) / (span if span > 0 else 1.0)
        best = int(np.argmax(sign * found))
        page = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.6}
        said = f"{name}, {good}" if good else name
        across = ax.get_yaxis_transform()
        ax.text(0.0, row + 0.02, said, transform=across, va="center", fontsize="small", bbox=page, zorder=5)
        ax.axhline(row + 0.93, color=FAINT, lw=0.6, zorder=0)
        ax.plot(k, y, color=MUTED, lw=1.0, zorder=2)
        ax.plot(k, y, ls="", marker="o", ms=5, mfc=PAPER, mec=MUTED, zorder=3)
        ax.plot(k[best], y[best], marker="D", ms=7, color=COLORS[0], zorder=4)
        for one in sorted({best, *np.flatnonzero(k == self.n_clusters).tolist()}):
            ax.text(
                k[one], y[one] - 0.12, number(found[one]), ha="center", va="bottom", fontsize="small", color=INK,
                bbox=page, zorder=5,
            )  # fmt: skip
