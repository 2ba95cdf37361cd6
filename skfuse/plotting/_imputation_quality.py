"""How well each modality is filled from the others, beside filling in the mean."""

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfuse.plotting._clusters import cluster_color, cluster_marker
from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import BAND, FAINT, INK, MUTED, NARROW, PAPER, number, shorten

#: Column, label, value of the mean, and the worst that is drawn; an arrow says that it is worse.
_PANELS = (("r2", "R² (1 is perfect)", 0.0, -1.0), ("rmse", "RMSE in SD (0 is perfect)", 1.0, 1.5))
#: Inches of a strategy within a modality, of the room around them, and of what stands below a panel.
_LINE, _ROOM, _BELOW = 0.19, 0.26, 0.62


class ImputationQualityDisplay(Display):
    r"""R² and RMSE of filled modalities, measured on blocks that were there and hidden, with the line of the mean.

    Parameters
    ----------
    rows : list of dict
        ``strategy``, ``modality``, ``r2``, ``rmse`` (in standard deviations of the features) and ``n_subjects`` (whose
        blocks were hidden); NaN where nothing could be measured.

    See Also
    --------
    skfuse.imputation.ModalityImputer : Measures what is drawn.

    Notes
    -----
    What lies in the shaded half, at R² of 0 or an RMSE of 1 and beyond, is no better than the mean of the training
    subjects: a hollow mark. Such a block looks like data to every later step and is none.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.imputation import ModalityImputer
    >>> from skfuse.plotting import ImputationQualityDisplay
    >>> X = make_cohort(200, missing=0.3, strength=3.0, random_state=0).X
    >>> imputers = {name: ModalityImputer(strategy=name).fit(X) for name in ("gaussian", "mean")}
    >>> display = ImputationQualityDisplay.from_estimator(imputers).plot()
    >>> [label.get_text() for label in display.axes_[0].get_yticklabels()]
    ['mri\nn = 132', 'pet\nn = 136', 'clinical\nn = 129']
    """

    def __init__(self, rows):
        self.rows = rows

    @classmethod
    def from_estimator(cls, imputer):
        """Collect what an imputer measured, or several.

        Parameters
        ----------
        imputer : ModalityImputer, or mapping of str to ModalityImputer
            Fitted, with ``quality_``; of a mapping every imputer is drawn under its name.

        Returns
        -------
        display : ImputationQualityDisplay
            Not drawn yet.

        Raises
        ------
        NotFittedError
            If an imputer is not fitted.
        ValueError
            If it has not measured its quality.
        """
        if isinstance(imputer, Mapping):
            return cls.from_quality({str(name): _quality_of(one) for name, one in imputer.items()})
        return cls.from_quality(_quality_of(imputer))

    @classmethod
    def from_quality(cls, quality):
        """Take qualities as they are.

        Parameters
        ----------
        quality : mapping of str to ImputationQuality, or mapping of str to such mappings
            By modality, or by strategy and modality.

        Returns
        -------
        display : ImputationQualityDisplay
            Not drawn yet.

        Raises
        ------
        TypeError
            If it holds something else.
        """
        if not isinstance(quality, Mapping):
            raise TypeError(
                f"`quality` must be a mapping of modality to quality, got {type(quality).__name__}. Give `quality_` "
                "of a fitted ModalityImputer, or a mapping of strategies to such."
            )
        nested = any(isinstance(one, Mapping) for one in quality.values())
        rows = []
        for strategy, found in quality.items() if nested else [("", quality)]:
            if not isinstance(found, Mapping):
                raise TypeError(
                    f"`quality` must hold either mappings or qualities, got {type(found).__name__} for {strategy!r} "
                    "beside mappings. Name the strategy of each."
                )
            for modality, one in found.items():
                if not all(hasattr(one, key) for key in ("rmse", "r2", "n_subjects")):
                    raise TypeError(
                        f"The quality of {modality!r} must have `rmse`, `r2` and `n_subjects`, got "
                        f"{type(one).__name__}. Give `quality_` of a fitted ModalityImputer."
                    )
                measured = {"r2": float(one.r2), "rmse": float(one.rmse), "n_subjects": int(one.n_subjects)}
                rows.append({"strategy": str(strategy), "modality": str(modality)} | measured)
        return cls(rows)

    @property
    def _modalities(self):
        return list(dict.fromkeys(row["modality"] for row in self.rows))

    @property
    def _strategies(self):
        return list(dict.fromkeys(row["strategy"] for row in self.rows))

    def _panel_height(self):
        return len(self._modalities) * (_LINE * max(len(self._strategies), 1) + _ROOM) + 0.1

    def _height(self, width):
        narrow = width < NARROW * 1.35
        legend = 0.22 * -(-len(self._strategies) // self._legend_columns(width)) if len(self._strategies) > 1 else 0.0
        panels = (2 if narrow else 1) * (self._panel_height() + _BELOW)
        return panels + 0.35 + legend + 0.17 * len(self._remark(width))

    def _remark(self, width):
        text = "Shaded: no better than the mean of the training subjects. n: subjects whose block was hidden."
        return wrap(text, max(20, int(self._room(width) * 14 - 4)))

    def _room(self, width):
        """Inches from where the labels of modalities end."""
        lines = [line for name in self._modalities for line in self._label(name).split("\n")]
        return width - 0.085 * max(map(len, lines), default=0)

    def _legend_columns(self, width):
        longest = max((len(shorten(name, 20)) for name in self._strategies), default=0)
        return max(1, min(4, int(self._room(width) / (0.5 + 0.08 * longest))))

    def _draw(self, ax):
        if not self.rows:
            say_nothing_to_show(ax, "There is no quality to show.")
            return
        width = ax.figure.get_figwidth() * ax.get_position().width / 0.775
        narrow = width < NARROW * 1.35
        ax.set_axis_off()
        share = self._panel_height() / (2 * self._panel_height() + _BELOW)
        places = [[0, 1 - share, 0.82, share], [0, 0, 0.82, share]] if narrow else [[0, 0, 0.4, 1], [0.51, 0, 0.4, 1]]
        self.axes_ = [ax.inset_axes(place) for place in places]
        for panel, (key, label, mean, worst) in zip(self.axes_, _PANELS, strict=True):
            self._draw_panel(panel, key, mean, worst)
            panel.set_xlabel(label)
        if not narrow:
            self.axes_[1].tick_params(labelleft=False)
        self.axes_[-1].annotate(
            "\n".join(self._remark(width)), (0 if narrow else -0.51 / 0.4, 0), (0, -36), xycoords="axes fraction",
            textcoords="offset points", va="top", ha="left", fontsize="small", color=MUTED,
        )  # fmt: skip
        if len(self._strategies) > 1:
            handles, labels = self.axes_[0].get_legend_handles_labels()
            raised = 1 + 0.2 / (self._panel_height() * (2 if narrow else 1))  # above the word at the line
            ax.legend(
                handles, labels, loc="lower center", bbox_to_anchor=(0.45, raised), ncols=self._legend_columns(width),
                handletextpad=0.3, columnspacing=1.4,
            )  # fmt: skip

    def _draw_panel(self, ax, key, mean, worst):
        names, strategies = self._modalities, self._strategies
        low, high = _limits([row[key] for row in self.rows], mean, worst)
        step = (_LINE * len(strategies) + _ROOM) / _LINE  # in strategies
        ax.axvspan(*((low, mean) if key == "r2" else (mean, high)), color=BAND, lw=0, zorder=0)
        ax.axvline(mean, color=INK, lw=1.4, zorder=1)
        ax.annotate("the mean", (mean, 1), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points",
                    ha="center", va="bottom", fontsize="small", color=INK)  # fmt: skip
        best = {name: self._best(name) for name in names}
        for row in self.rows:
            place = strategies.index(row["strategy"])
            y = names.index(row["modality"]) * step + place - (len(strategies) - 1) / 2
            self._draw_row(ax, row, key, y, place, (mean, low, high))
            bold = len(strategies) > 1 and row is best[row["modality"]]
            ax.text(1.02, y, number(row[key]), transform=ax.get_yaxis_transform(), va="center", fontsize="small",
                    weight="bold" if bold else "normal")  # fmt: skip
        if len(strategies) > 1:
            for place, name in enumerate(strategies):
                ax.plot([np.nan], [np.nan], ls="", marker=cluster_marker(place + 1), color=cluster_color(place + 1),
                        label=shorten(name, 20))  # fmt: skip
        ax.set_xlim(low, high)
        ax.set_ylim((len(names) - 0.5) * step, -0.5 * step)
        ax.set_yticks([place * step for place in range(len(names))], [self._label(name) for name in names])
        ax.tick_params(axis="y", length=0)
        ax.locator_params(axis="x", nbins=5)
        ax.grid(True, axis="x", color=FAINT)
        ax.set_axisbelow(True)
        ax.spines["left"].set_visible(False)

    def _draw_row(self, ax, row, key, y, place, limits):
        mean, low, high = limits
        value = row[key]
        if not np.isfinite(value):
            return
        color, shown = cluster_color(place + 1), min(max(value, low), high)
        ax.plot([mean, shown], [y, y], color=color, lw=1.6, zorder=2, solid_capstyle="butt")
        if shown != value:
            ax.plot([shown], [y], ls="", marker="<" if value < low else ">", color=color, ms=7, clip_on=False, zorder=4)
            return
        beyond = value <= mean if key == "r2" else value >= mean
        ax.plot([value], [y], ls="", marker=cluster_marker(place + 1), ms=6.5, mew=1.5, mec=color,
                mfc=PAPER if beyond else color, zorder=3)  # fmt: skip

    def _best(self, modality):
        """The row of the largest R² of a modality; None where none is better than the mean."""
        own = [row for row in self.rows if row["modality"] == modality and row["r2"] > 0]
        return max(own, key=lambda row: row["r2"], default=None)

    def _label(self, modality):
        counts = [row["n_subjects"] for row in self.rows if row["modality"] == modality]
        said = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)}–{max(counts)}"
        return f"{shorten(modality, 18)}\nn = {said}"


def _quality_of(imputer):
    check_is_fitted(imputer)
    quality = getattr(imputer, "quality_", None)
    if quality is None:
        raise ValueError(
            f"{type(imputer).__name__} has no `quality_`. Fit a ModalityImputer with cv=5 and for_inference=False."
        )
    return quality


def _limits(values, mean, worst):
    """Limits that hold the line of the mean, some room on its both sides, and every value that is not too bad."""
    values = [value for value in values if np.isfinite(value)]
    values = [max(value, worst) if worst < mean else min(value, worst) for value in values]
    low, high = min([mean, *values]), max([mean, *values])
    room = max(0.25 * (high - low), 0.02)
    return min(low - 0.06 * (high - low), mean - room), max(high + 0.06 * (high - low), mean + room)
