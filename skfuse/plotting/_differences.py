"""Gains of one strategy over others, with the margin and a verdict."""

import numpy as np

from skfuse.plotting._display import Display
from skfuse.plotting._forest import Mark, Row, draw_forest, forest_height
from skfuse.plotting._style import BAND, COLORS, NARROW, number


class DifferenceDisplay(Display):
    """Paired gains of a strategy over others, on all subjects and on those who have what both look at.

    Parameters
    ----------
    rows : list of dict
        ``versus``, ``role``, ``subjects`` ("all" or "both"), ``gain``, ``lower``, ``upper``, ``verdict``.
    strategy : str
        Whose gains they are.
    scoring : str
        Name of the score.
    margin : float
        A gain smaller than this is not worth having.

    See Also
    --------
    LeaderboardDisplay : The scores themselves.

    Examples
    --------
    >>> from skfuse.plotting import DifferenceDisplay
    >>> row = {"versus": "single:mri", "role": "single", "subjects": "all", "verdict": "helped"}
    >>> row |= {"gain": 0.06, "lower": 0.02, "upper": 0.10}
    >>> display = DifferenceDisplay([row], "late-mean", "AUC", margin=0.02).plot()
    >>> display.ax_.get_xlabel()
    'Gain in AUC of late-mean (right is better)'
    """

    def __init__(self, rows, strategy, scoring, *, margin):
        self.rows = rows
        self.strategy = strategy
        self.scoring = scoring
        self.margin = margin

    @classmethod
    def from_comparison(cls, comparison, *, strategy=None):
        """Collect the gains of one strategy.

        Parameters
        ----------
        comparison : Comparison
            From ``compare_strategies``.
        strategy : str or None
            Whose gains; None takes the headline strategy.

        Returns
        -------
        display : DifferenceDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If there are no gains of this strategy.
        """
        strategy = comparison.headline if strategy is None else strategy
        table = comparison.tables["differences"]
        own = table[table["strategy"] == strategy]
        if not len(own):
            known = table["strategy"].unique().tolist()
            raise ValueError(f"There are no differences of {strategy!r}; there are some of {known}. Name one of these.")
        return cls(own.to_dict("records"), strategy, comparison.scoring, margin=comparison.margin)

    def _height(self, width):
        return forest_height(self._rows(), width, legend=1.5)

    def _rows(self):
        found = {}
        for row in self.rows:
            found.setdefault(row["versus"], []).append(row)
        drawn = []
        for versus, both in found.items():
            marks = tuple(
                Mark(
                    r["gain"],
                    r["lower"],
                    r["upper"],
                    COLORS[0 if r["subjects"] == "all" else 1],
                    hollow=r["subjects"] != "all",
                )
                for r in both
            )
            text = "\n".join(f"{number(r['gain'], sign=True)} {r['verdict']}" for r in both)
            role = both[0].get("role")
            drawn.append(Row(f"over {versus}", marks, text, bold=role == "reference"))
        return drawn

    def _draw(self, ax):
        draw_forest(
            ax,
            self._rows(),
            xlabel=f"Gain in {self.scoring} of {self.strategy} (right is better)",
            line=0.0,
            band=(-self.margin, self.margin),
        )
        entries = [("all", "all subjects", True), ("both", "who have both", False)]
        for subjects, label, filled in entries:
            if any(row["subjects"] == subjects for row in self.rows):
                color = COLORS[0 if filled else 1]
                ax.plot(
                    [np.nan], [np.nan], marker="o", color=color, mfc=color if filled else "none", mew=1.5, label=label
                )
        ax.fill_between([np.nan], [np.nan], color=BAND, lw=0, label=f"margin ±{self.margin:g}")
        narrow = ax.get_position().width * ax.figure.get_figwidth() < NARROW
        ax.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2 if narrow else 3, handlelength=1.5, columnspacing=1.2
        )
