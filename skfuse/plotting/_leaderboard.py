"""Strategies with their scores, best first, family by family."""

import numpy as np

from skfuse.plotting._display import Display
from skfuse.plotting._forest import Mark, Row, draw_forest, forest_height
from skfuse.plotting._style import COLORS, FAMILIES, MUTED, interval, number, primary, ranking

#: Below this an R2 is not told apart any more: one bad fold can make it as low as you like.
FLOORS = {"R2": -1.0}


class LeaderboardDisplay(Display):
    """Scores of strategies with their intervals, grouped by family.

    Parameters
    ----------
    rows : list of dict
        ``strategy``, ``family``, ``estimate``, ``lower``, ``upper`` in the order in which they are drawn.
    scoring : str
        Name of the score.
    headline, reference : str or None
        Strategies that stand out.

    See Also
    --------
    DifferenceDisplay : Whether they differ: intervals that overlap here do not answer that.

    Examples
    --------
    >>> from skfuse.plotting import LeaderboardDisplay
    >>> row = {"strategy": "late-mean", "family": "late", "estimate": 0.8, "lower": 0.7, "upper": 0.9}
    >>> display = LeaderboardDisplay([row], "AUC", headline="late-mean", reference=None).plot()
    >>> display.ax_.get_xlabel()
    'AUC, with 95 % interval'
    """

    def __init__(self, rows, scoring, *, headline=None, reference=None):
        self.rows = rows
        self.scoring = scoring
        self.headline = headline
        self.reference = reference

    @classmethod
    def from_comparison(cls, comparison):
        """Collect the primary score of every strategy.

        Parameters
        ----------
        comparison : Comparison
            From ``compare_strategies``.

        Returns
        -------
        display : LeaderboardDisplay
            Not drawn yet.
        """
        table = primary(comparison)
        order = ranking(comparison)
        rows = [
            {"strategy": name, "family": family}
            | {part: float(table.loc[name, part]) for part in ("estimate", "lower", "upper")}
            for family in FAMILIES
            for name in order
            if table.loc[name, "family"] == family
        ]
        return cls(rows, comparison.scoring, headline=comparison.headline, reference=comparison.reference)

    def _height(self, width):
        return forest_height(self._rows(), width)

    def _rows(self):
        drawn, family = [], None
        for row in self.rows:
            if row["family"] != family:
                family = row["family"]
                drawn.append(Row(FAMILIES.get(family, family), heading=True))
            drawn.append(self._row(row))
        return drawn

    def _row(self, row):
        name = row["strategy"]
        special = name in (self.headline, self.reference)
        color = COLORS[0] if name == self.headline else COLORS[1] if name == self.reference else MUTED
        mark = Mark(row["estimate"], row["lower"], row["upper"], color, "s" if name == self.reference else "o")
        text = f"{number(row['estimate'])} {interval(row['lower'], row['upper'])}"
        label = f"{name} (reference)" if name == self.reference else name
        return Row(label, (mark,), text, bold=special)

    def _draw(self, ax):
        estimates = [row["estimate"] for row in self.rows if row["strategy"] == self.reference]
        line = estimates[0] if estimates and np.isfinite(estimates[0]) else None
        draw_forest(
            ax,
            self._rows(),
            xlabel=f"{self.scoring}, with 95 % interval",
            line=line,
            bounds=(FLOORS.get(self.scoring), None),
        )
