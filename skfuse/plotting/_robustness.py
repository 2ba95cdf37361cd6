"""Score and calibration of an estimator as each modality goes missing at test time."""

from textwrap import wrap

import numpy as np

from skfuse.evaluation.held_out import BOUNDS
from skfuse.plotting._clusters import cluster_color, cluster_marker
from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import DASHES, FAINT, INK, MUTED, NARROW, shorten

SLOPE = "calibration slope"
_KINDS = ("removed", "alone")
#: Of the axes: where the right column starts, the gap beside it, and the gap between the rows.
_SPLIT, _GAP, _ROW_GAP = 0.7, 0.035, 0.07
#: Intervals reach at most so far beyond the estimates, in units of their range; an arrow says that they go on.
_BEYOND = 1.2


class RobustnessDisplay(Display):
    """Score, and calibration slope below, over the share of subjects who lack a modality; at the right each one alone.

    Parameters
    ----------
    rows : list of dict
        ``modality``, ``kind`` ("removed" or "alone"), ``share_without`` (0 to 1), ``score``, ``estimate``, ``lower``,
        ``upper`` and ``refused`` (a message, empty where there is an estimate).
    scoring : str
        The score of the upper panel.
    prior : float or None
        What a prediction without any modality reaches: a dotted line.
    estimator : str
        Its name.

    See Also
    --------
    skfuse.evaluation.missing_modality_curve : Compute what is drawn.

    Notes
    -----
    A curve begins where the cohort begins, at the share who lack the modality anyway, and ends where nobody has it.
    Bands are the paired interval of the change, drawn around the score: one that leaves out the beginning of its curve
    shows a loss or a gain. "Alone" is for those who have the modality, with an interval of its own.

    Examples
    --------
    >>> from skfuse.plotting import RobustnessDisplay
    >>> row = {"modality": "pet", "kind": "removed", "score": "AUC", "lower": 0.6, "upper": 0.8, "refused": ""}
    >>> rows = [row | {"share_without": 0.5, "estimate": 0.8}, row | {"share_without": 1.0, "estimate": 0.7}]
    >>> RobustnessDisplay(rows, "AUC", prior=0.5).plot().axes_[0, 0].get_ylabel()
    'AUC'
    """

    def __init__(self, rows, scoring, *, prior=None, estimator=""):
        self.rows = rows
        self.scoring = scoring
        self.prior = prior
        self.estimator = estimator

    @classmethod
    def from_result(cls, result, *, scoring=None):
        """Collect the curves.

        Parameters
        ----------
        result : MissingModalityCurve
            From ``missing_modality_curve``.
        scoring : str or None
            Another score than that of the result.

        Returns
        -------
        display : RobustnessDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the result holds no such score.
        """
        scoring = result.scoring if scoring is None else scoring
        known = list(dict.fromkeys(row["score"] for row in result.rows))
        if scoring not in known or scoring.startswith("calibration"):
            scores = [name for name in known if not name.startswith("calibration")]
            raise ValueError(f"`scoring` must be one of {scores}, got {scoring!r}.")
        rows = [_entry(row) for row in result.rows if row["score"] in (scoring, SLOPE) and row["kind"] in _KINDS]
        return cls(rows, scoring, prior=result.cell("prior", score=scoring)["estimate"], estimator=result.estimator)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, scoring=None, **settings):
        """Cross-validate an estimator and collect the curves.

        Parameters
        ----------
        estimator : estimator
            Unfitted.
        X : data frame or array of shape (n_subjects, n_features)
            A row per subject.
        y : array-like of shape (n_subjects,)
            Target.
        scoring : str or None
            The score of the upper panel; None takes AUC or R2.
        **settings : dict
            Of :func:`skfuse.evaluation.missing_modality_curve`.

        Returns
        -------
        display : RobustnessDisplay
            Not drawn yet.
        """
        from skfuse.evaluation.missing_curve import missing_modality_curve

        return cls.from_result(missing_modality_curve(estimator, X, y, scoring=scoring, **settings))

    def _panels(self):
        """The scores that have a panel each, from top to bottom."""
        slopes = any(row["score"] == SLOPE and np.isfinite(row["estimate"]) for row in self.rows)
        return [self.scoring, *([SLOPE] if slopes else [])]

    def _height(self, width):
        legend = 0.22 * (2 + len({row["modality"] for row in self.rows}) // (2 if width < NARROW * 1.35 else 4))
        return 1.0 + 1.75 * len(self._panels()) + legend + 0.17 * len(self._remarks(width))

    def _remarks(self, width):
        """Lines below the figure: what the bands are, and who is refused."""
        said = ["Bands: paired 95 % interval of the change. Alone: among those who have the modality."]
        said += ["Slope: 1 is right, below 1 predictions are too extreme."] if SLOPE in self._panels() else []
        refused = [row for row in self.rows if row["refused"] and row["score"] == self.scoring]
        for name in dict.fromkeys(row["modality"] for row in refused):
            own = [row for row in refused if row["modality"] == name]
            kinds = [kind for kind in _KINDS if any(row["kind"] == kind for row in own)]
            said.append(f"{shorten(name, 24)} {' and '.join(kinds)}: {shorten(own[0]['refused'], 110)}")
        return [line for text in said for line in wrap(text, max(24, int(width * 13.5 - 8)))]

    def _draw(self, ax):
        if not any(np.isfinite(row["estimate"]) for row in self.rows):
            say_nothing_to_show(ax, "There is no score to show: the estimator refused every subject.")
            return
        width = ax.figure.get_figwidth() * ax.get_position().width / 0.775
        narrow = width < NARROW * 1.35
        ax.set_axis_off()
        panels, names = self._panels(), list(dict.fromkeys(row["modality"] for row in self.rows))
        height = (1 - _ROW_GAP * (len(panels) - 1)) / len(panels)
        self.axes_ = np.empty((len(panels), 2), dtype=object)
        for line, score in enumerate(panels):
            bottom = 1 - height * (line + 1) - _ROW_GAP * line
            left = ax.inset_axes([0, bottom, _SPLIT, height])
            right = ax.inset_axes([_SPLIT + _GAP, bottom, 1 - _SPLIT - _GAP, height], sharey=left)
            self.axes_[line] = left, right
            self._draw_panel(left, right, score, names, last=line == len(panels) - 1, narrow=narrow)
        self.axes_[-1, 0].set_xlabel("Share without it" if narrow else "Share of test subjects without the modality")
        self.axes_[0, 1].set_title("alone", fontsize="medium", color=MUTED)
        below = "\n".join(self._remarks(width))
        self.axes_[-1, 0].annotate(
            below, (0, 0), (0, -36), xycoords="axes fraction", textcoords="offset points", va="top", ha="left",
            fontsize="small", color=MUTED,
        )  # fmt: skip
        handles, labels = self.axes_[0, 0].get_legend_handles_labels()
        ax.legend(
            handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.06), ncols=2 if narrow else 4, handlelength=2.4,
            columnspacing=1.4,
        )  # fmt: skip

    def _draw_panel(self, left, right, score, names, *, last, narrow):
        rows = [row for row in self.rows if row["score"] == score and np.isfinite(row["estimate"])]
        low, high = _limits(rows, [1.0] if score == SLOPE else [self.prior])
        for place, name in enumerate(names):
            look = {"color": cluster_color(place + 1), "marker": cluster_marker(place + 1), "ms": 5, "zorder": 3}
            own = sorted(
                (row for row in rows if (row["modality"], row["kind"]) == (name, "removed")),
                key=lambda row: row["share_without"],
            )
            x, y, lower, upper = (
                np.array([row[key] for row in own]) for key in ("share_without", "estimate", "lower", "upper")
            )
            left.plot(x, y, ls=DASHES[place % len(DASHES)], lw=1.8, label=shorten(name, 20), **look)
            left.fill_between(x, lower, upper, color=look["color"], alpha=0.13, lw=0, zorder=1)
            for row in rows:
                if (row["modality"], row["kind"]) == (name, "alone"):
                    _draw_alone(right, place, row, look, (low, high), numbered=not narrow)
            if any(row["refused"] and (row["modality"], row["kind"]) == (name, "alone") for row in self.rows):
                right.text(place, (low + high) / 2, "refused", color=look["color"], rotation=90, ha="center",
                           va="center", fontsize="small")  # fmt: skip
        line, said = (1.0, None) if score == SLOPE else (self.prior, "no modality at all (prior)")
        if line is not None and np.isfinite(line):
            for one in (left, right):
                one.axhline(line, color=MUTED, lw=1.1, ls=":", zorder=1.5, label=said if one is left else None)
        left.set_ylabel("Calibration slope" if score == SLOPE else self.scoring)
        left.set(xlim=(-0.02, 1.03), ylim=(low, high))
        left.set_xticks(np.linspace(0, 1, 5), [f"{share:.0%}" for share in np.linspace(0, 1, 5)] if last else [""] * 5)
        right.set_xlim(-0.6, len(names) - 0.4)
        right.set_xticks([])
        right.tick_params(left=False, labelleft=False)
        right.spines["left"].set_visible(False)
        for one in (left, right):
            one.grid(True, axis="y", color=FAINT)
            one.set_axisbelow(True)


def _entry(row):
    """What is drawn of a row: a removed modality with the interval of its change, moved to the score."""
    kept = {name: row[name] for name in ("modality", "kind", "share_without", "score", "estimate", "refused")}
    lower, upper = row["lower"], row["upper"]
    if row["kind"] == "removed":
        complete = row["estimate"] - row["change"]
        possible = BOUNDS.get(row["score"], (-np.inf, np.inf))
        lower, upper = np.clip([complete + row["change_lower"], complete + row["change_upper"]], *possible)
    return kept | {"lower": float(lower), "upper": float(upper)}


def _limits(rows, lines):
    """Limits of the vertical axis: every estimate and line, and intervals as far as they do not crush the rest."""
    values = [row["estimate"] for row in rows] + [line for line in lines if line is not None and np.isfinite(line)]
    low, high = min(values), max(values)
    room = max(high - low, 0.02 * max(abs(low), abs(high)), 1e-9) * _BEYOND
    ends = [end for row in rows for end in (row["lower"], row["upper"]) if np.isfinite(end)]
    low, high = max(min([low, *ends]), low - room), min(max([high, *ends]), high + room)
    margin = 0.06 * (high - low) or 1e-9
    return low - margin, high + margin


def _draw_alone(ax, place, row, look, limits, *, numbered):
    low, high = max(row["lower"], limits[0]), min(row["upper"], limits[1])
    if np.isfinite([row["lower"], row["upper"]]).all():
        ax.plot([place, place], [low, high], color=look["color"], lw=1.5, zorder=2)
    for end, edge, marker in ((row["lower"], limits[0], "v"), (row["upper"], limits[1], "^")):
        if np.isfinite(end) and (end < edge if marker == "v" else end > edge):
            ax.plot([place], [edge], color=look["color"], marker=marker, ms=5, clip_on=False, zorder=2)
    ax.plot([place], [row["estimate"]], ls="", **look)
    if numbered:
        text = f"{row['estimate']:.2f}".replace("-", "−")
        place = (place, row["estimate"])
        ax.annotate(text, place, (5, 0), textcoords="offset points", fontsize="x-small", va="center", color=INK)
