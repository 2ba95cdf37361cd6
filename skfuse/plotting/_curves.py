"""Curves over thresholds: ROC, precision and recall, calibration, net benefit."""

import numpy as np

from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import FAINT, INK, MUTED, NARROW, Line, lines, number, shorten


class _CurveDisplay(Display):
    """Curves of strategies: a few stand out, the rest is grey."""

    _width = 5.0
    _table = _x = _y = ""
    _xlabel = _ylabel = ""

    def __init__(self, curves, *, styles=None, labels=None):
        self.curves = curves
        self.styles = styles
        self.labels = labels

    @classmethod
    def from_comparison(cls, comparison, *, most=4):
        """Collect the curves.

        Parameters
        ----------
        comparison : Comparison
            From ``compare_strategies``.
        most : int
            How many strategies stand out in color: headline, reference, then the best others.

        Returns
        -------
        display : Display
            Not drawn yet.
        """
        table = comparison.tables[cls._table]
        curves = {
            str(name): (own[cls._x].to_numpy(float), own[cls._y].to_numpy(float))
            for name, own in table.groupby("strategy", sort=False)
        }
        styles = lines(comparison, [name for name in curves if name in comparison.strategies], most)
        return cls(curves, styles=styles, labels=cls._labels(comparison, list(styles)))

    @classmethod
    def _labels(cls, comparison, names):
        return {}

    def _height(self, width):
        shown = sum(line.named for line in self._styles().values()) + 2
        return 0.8 * width + (0.2 if width < NARROW * 1.15 else 0.11) * shown + 0.3

    def _styles(self):
        return {name: Line(INK, named=True) for name in self.curves} if self.styles is None else self.styles

    def _draw(self, ax):
        if not self.curves:
            say_nothing_to_show(ax, "There is no such curve for these data.")
            return
        grey = 0
        for name, line in self._styles().items():
            label = (self.labels or {}).get(name, name) if line.named else None
            grey += not line.named
            ax.plot(
                *self.curves[name],
                color=line.color,
                ls=line.dash,
                lw=line.width,
                zorder=line.zorder,
                alpha=1.0 if line.named else 0.55,
                label=label and shorten(label, 44),
            )
        if grey:
            ax.plot([np.nan], [np.nan], color=MUTED, lw=0.9, alpha=0.55, label=f"{grey} other{'s' if grey > 1 else ''}")
        ax.set(xlabel=self._xlabel, ylabel=self._ylabel)
        ax.grid(True)
        ax.set_axisbelow(True)
        self._frame(ax)
        narrow = ax.get_position().width * ax.figure.get_figwidth() < NARROW * 0.9
        from matplotlib.transforms import ScaledTranslation

        # Below the label of the axis, by a distance in points whatever the height of the axes.
        below = ax.transAxes + ScaledTranslation(0, -38 / 72, ax.figure.dpi_scale_trans)
        ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            bbox_transform=below,
            ncols=1 if narrow else 2,
            handlelength=2.4,
            borderaxespad=0,
        )

    def _frame(self, ax):
        raise NotImplementedError


def _unit_square(ax):
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.01)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.set_yticks(np.linspace(0, 1, 6))


class RocDisplay(_CurveDisplay):
    """Sensitivity over the rate of false positives, mean over the folds.

    Parameters
    ----------
    curves : dict of str to (ndarray, ndarray)
        False positive rate and sensitivity per strategy, between 0 and 1.
    styles : dict of str to Line or None
        How each is drawn; None draws all alike.
    labels : dict of str to str or None
        Text of the legend where it is more than the name.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.plotting import RocDisplay
    >>> grid = np.linspace(0, 1, 11)
    >>> RocDisplay({"late-mean": (grid, grid**0.4)}).plot().ax_.get_ylabel()
    'Sensitivity'
    """

    _table, _x, _y = "roc", "false_positive_rate", "sensitivity"
    _xlabel, _ylabel = "1 − specificity", "Sensitivity"

    @classmethod
    def _labels(cls, comparison, names):
        table = comparison.tables["summary"]
        auc = table[table["score"] == "AUC"].set_index("strategy")["estimate"]
        return {name: f"{shorten(name, 30)} (AUC {number(auc[name])})" for name in names if name in auc.index}

    def _frame(self, ax):
        ax.plot([0, 1], [0, 1], color=FAINT, lw=1.2, zorder=1)
        _unit_square(ax)


class PrecisionRecallDisplay(_CurveDisplay):
    """Precision over recall, mean over the repeats.

    Parameters
    ----------
    curves : dict of str to (ndarray, ndarray)
        Recall and precision per strategy, between 0 and 1.
    styles : dict of str to Line or None
        How each is drawn; None draws all alike.
    labels : dict of str to str or None
        Text of the legend where it is more than the name.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.plotting import PrecisionRecallDisplay
    >>> grid = np.linspace(0.1, 1, 10)
    >>> PrecisionRecallDisplay({"late-mean": (grid, 1 - grid / 2)}).plot().ax_.get_xlabel()
    'Recall (sensitivity)'
    """

    _table, _x, _y = "precision_recall", "recall", "precision"
    _xlabel, _ylabel = "Recall (sensitivity)", "Precision (PPV)"
    prevalence = None

    @classmethod
    def from_comparison(cls, comparison, *, most=4):
        """Collect the curves and the share of events, which is the precision of chance.

        Parameters
        ----------
        comparison : Comparison
            From ``compare_strategies``.
        most : int
            How many strategies stand out in color: headline, reference, then the best others.

        Returns
        -------
        display : PrecisionRecallDisplay
            Not drawn yet.
        """
        display = super().from_comparison(comparison, most=most)
        cohort = comparison.cohort
        if cohort.get("positive") is not None:
            display.prevalence = cohort["n_per_class"][cohort["positive"]] / cohort["n_subjects"]
        return display

    def _frame(self, ax):
        if self.prevalence is not None:
            ax.axhline(self.prevalence, color=MUTED, lw=1.0, ls=":", zorder=1, label="share of events")
        _unit_square(ax)


class CalibrationDisplay(_CurveDisplay):
    """Observed share of events over predicted probability: smooth curves, the diagonal is right.

    Parameters
    ----------
    curves : dict of str to (ndarray, ndarray)
        Predicted and observed per strategy, between 0 and 1.
    styles : dict of str to Line or None
        How each is drawn; None draws all alike.
    labels : dict of str to str or None
        Text of the legend where it is more than the name.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.plotting import CalibrationDisplay
    >>> grid = np.linspace(0.1, 0.6, 11)
    >>> CalibrationDisplay({"late-mean": (grid, grid)}).plot().ax_.get_ylabel()
    'Observed share of events'
    """

    _table, _x, _y = "calibration_curve", "predicted", "observed"
    _xlabel, _ylabel = "Predicted probability", "Observed share of events"

    def _frame(self, ax):
        top = max(max(x.max(), y.max()) for x, y in self.curves.values())
        top = min(1.0, np.ceil(top * 10 + 0.5) / 10)
        ax.plot([0, top], [0, top], color=MUTED, lw=1.0, ls=":", zorder=1, label="as predicted")
        ax.set_xlim(-0.01 * top, 1.01 * top)
        ax.set_ylim(-0.01 * top, 1.01 * top)


class DecisionCurveDisplay(_CurveDisplay):
    """Net benefit over the threshold probability, beside treating all and treating none.

    Parameters
    ----------
    curves : dict of str to (ndarray, ndarray)
        Threshold and net benefit per strategy; also ``"treat all"`` and ``"treat none"``.
    styles : dict of str to Line or None
        How each is drawn; None draws all alike.
    labels : dict of str to str or None
        Text of the legend where it is more than the name.

    References
    ----------
    .. [1] A. J. Vickers, E. B. Elkin. Med Decis Making 26 (2006). https://doi.org/10.1177/0272989X06295361

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.plotting import DecisionCurveDisplay
    >>> grid = np.linspace(0.01, 0.5, 50)
    >>> curves = {"late-mean": (grid, 0.2 - 0.3 * grid), "treat none": (grid, 0 * grid)}
    >>> DecisionCurveDisplay(curves).plot().ax_.get_xlabel()
    'Threshold probability'
    """

    _table, _x, _y = "net_benefit", "threshold", "net_benefit"
    _xlabel, _ylabel = "Threshold probability", "Net benefit per subject"
    _defaults = ("treat all", "treat none")

    def _styles(self):
        return {name: line for name, line in super()._styles().items() if name not in self._defaults}

    def _frame(self, ax):
        for name, dash in zip(self._defaults, ((0, (1, 1)), "-"), strict=True):
            if name in self.curves:
                ax.plot(*self.curves[name], color=INK, ls=dash, lw=1.0, zorder=1.5, label=name)
        models = [curve for name, curve in self.curves.items() if name not in self._defaults] or list(
            self.curves.values()
        )
        best = max(y.max() for _, y in self.curves.values())
        useful = [x[y > 0.03 * best].max() for x, y in models if (y > 0.03 * best).any()]
        # Beyond the last threshold with a benefit there is nothing to see but zero.
        ax.set_xlim(0.0, min(1.0, max(useful, default=0.9) + 0.1))
        ax.set_ylim(-0.15 * max(best, 1e-3), 1.08 * max(best, 1e-3))
