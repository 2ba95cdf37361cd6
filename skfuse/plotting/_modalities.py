"""Which modality carries the fusion."""

import numpy as np

from skfuse.evaluation.held_out import BOUNDS
from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._forest import Mark, Row, draw_forest, forest_height
from skfuse.plotting._leaderboard import FLOORS
from skfuse.plotting._style import COLORS, MUTED, NARROW, higher_is_better, primary, shorten

_KINDS = {
    "alone": ("alone", COLORS[2], "^"),
    "without": ("fusion refitted without it", COLORS[1], "o"),
    "missing": ("fusion, missing at prediction", COLORS[3], "D"),
}


class ModalityDisplay(Display):
    """Each modality alone, left out, and missing when predictions are made, beside the fusion of all.

    Parameters
    ----------
    rows : list of dict
        ``modality``, ``kind`` ("alone", "without" or "missing"), ``value``, ``lower``, ``upper``.
    strategy : str
        The fusion.
    estimate : float
        Score of the fusion of all modalities.
    scoring : str
        Name of the score.

    Notes
    -----
    The intervals of "without" and "missing" are those of the paired loss, drawn around the score: one that leaves out
    the line of the full fusion shows a loss or a gain.

    Examples
    --------
    >>> from skfuse.plotting import ModalityDisplay
    >>> row = {"modality": "mri", "kind": "alone", "value": 0.7, "lower": 0.6, "upper": 0.8}
    >>> ModalityDisplay([row], "late-mean", 0.8, "AUC").plot().ax_.get_xlabel()
    'AUC'
    """

    def __init__(self, rows, strategy, estimate, scoring):
        self.rows = rows
        self.strategy = strategy
        self.estimate = estimate
        self.scoring = scoring

    @classmethod
    def from_comparison(cls, comparison):
        """Collect what is known of each modality, for the headline strategy.

        Parameters
        ----------
        comparison : Comparison
            From ``compare_strategies``.

        Returns
        -------
        display : ModalityDisplay
            Not drawn yet.
        """
        name = comparison.headline
        scores = primary(comparison)["estimate"]
        estimate = float(scores[name]) if name in scores.index else np.nan
        sign = 1.0 if higher_is_better(comparison) else -1.0
        missing = comparison.tables["missing_at_test"]
        missing = missing[missing["strategy"] == name].set_index("modality")
        possible = BOUNDS[comparison.scoring]  # the interval is that of a difference, moved to the score
        rows = []
        for row in comparison.tables["modalities"].itertuples():
            rows.append(_entry(row.modality, "alone", row.alone, row.alone_lower, row.alone_upper))
            ends = sorted(estimate - sign * end for end in (row.contribution_lower, row.contribution_upper))
            rows.append(_entry(row.modality, "without", row.without, *np.clip(ends, *possible)))
            if row.modality in missing.index:
                one = missing.loc[row.modality]
                ends = sorted(estimate + sign * end for end in (one["change_lower"], one["change_upper"]))
                rows.append(_entry(row.modality, "missing", one["estimate"], *np.clip(ends, *possible)))
        return cls([row for row in rows if np.isfinite(row["value"])], name, estimate, comparison.scoring)

    def _height(self, width):
        return forest_height(self._rows(), width, legend=3)

    def _rows(self):
        found = {}
        for row in self.rows:
            found.setdefault(row["modality"], []).append(row)
        return [
            Row(name, tuple(Mark(r["value"], r["lower"], r["upper"], *_KINDS[r["kind"]][1:]) for r in own))
            for name, own in found.items()
        ]

    def _draw(self, ax):
        if not self.rows:
            say_nothing_to_show(ax, "Nothing is known of single modalities.")
            return
        line = self.estimate if np.isfinite(self.estimate) else None
        draw_forest(ax, self._rows(), xlabel=self.scoring, line=line, bounds=(FLOORS.get(self.scoring), None))
        for kind, (label, color, marker) in _KINDS.items():
            if any(row["kind"] == kind for row in self.rows):
                ax.plot([np.nan], [np.nan], marker=marker, color=color, label=label)
        if line is not None:
            ax.plot([np.nan], [np.nan], color=MUTED, lw=1.0, label=f"{shorten(self.strategy, 20)}, all modalities")
        narrow = ax.get_position().width * ax.figure.get_figwidth() < NARROW
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1 if narrow else 2, handlelength=1.6)


def _entry(modality, kind, value, lower, upper):
    return {"modality": modality, "kind": kind, "value": float(value), "lower": float(lower), "upper": float(upper)}
