"""What modalities and kernels weigh, with the spread of refits, and what they contribute."""

import numpy as np

from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._forest import Mark, Row, draw_forest, forest_height
from skfuse.plotting._style import COLORS, NARROW, number

_KINDS = {
    "weight": ("share of the weights", COLORS[0], "o"),
    "norm": ("share of the norm of the model", COLORS[2], "^"),
    "variance": ("share of the variance of the decision", COLORS[1], "D"),
}


class KernelWeightsDisplay(Display):
    """Weights of modalities or kernels, the largest first, with intervals over refits and shares of contribution.

    Parameters
    ----------
    rows : list of dict
        ``name``, ``weight`` (share, from 0 to 1), and where they are known ``lower`` and ``upper`` (of refits),
        ``norm`` and ``variance`` (shares of the contribution).
    remark : str
        What is said below, such as that weights are unstable.

    See Also
    --------
    skfuse.inspection.weight_stability : Makes the refits.

    Notes
    -----
    The interval holds the middle 95 % of refits on parts of the subjects. It is narrower than that of new cohorts. A
    share of the variance may be negative: half of every covariance is counted in it.

    Examples
    --------
    >>> from skfuse.plotting import KernelWeightsDisplay
    >>> display = KernelWeightsDisplay([{"name": "mri", "weight": 0.6}, {"name": "pet", "weight": 0.4}]).plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['mri', '0.600', 'pet', '0.400']
    """

    def __init__(self, rows, *, remark=""):
        self.rows = rows
        self.remark = remark

    @classmethod
    def from_estimator(cls, estimator, *, of="modalities"):
        """Collect the weights of a fitted model, without intervals.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``modality_weights_``; for kernels with ``kernel_weights_``.
        of : {"modalities", "kernels"}
            Whose weights; contributions are those of modalities.

        Returns
        -------
        display : KernelWeightsDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the model has no such weights.
        """
        name = {"modalities": "modality_weights_", "kernels": "kernel_weights_"}.get(of)
        if name is None:
            raise ValueError(f"`of` must be 'modalities' or 'kernels', got {of!r}.")
        weights = getattr(estimator, name, None)
        if not weights:
            raise ValueError(f"{type(estimator).__name__} has no {name}. Fit a model that weighs its {of}.")
        total = sum(weights.values())
        contribution = getattr(estimator, "modality_contribution_", {}) if of == "modalities" else {}
        rows = [
            {"name": key, "weight": weight / total if total > 0 else 1 / len(weights)} | contribution.get(key, {})
            for key, weight in weights.items()
        ]
        return cls(_sorted(rows))

    @classmethod
    def from_stability(cls, stability, *, of="modalities"):
        """Collect weights of the fit on all subjects, with the middle 95 % of refits.

        Parameters
        ----------
        stability : WeightStability
            From :func:`skfuse.inspection.weight_stability`.
        of : {"modalities", "kernels"}
            Whose weights; contributions are those of modalities.

        Returns
        -------
        display : KernelWeightsDisplay
            Not drawn yet.
        """
        table = stability.to_frame(of)
        contribution = stability.contribution if of == "modalities" else {}
        rows = [
            {"name": row.Index, "weight": row.fitted, "lower": row.lower, "upper": row.upper}
            | contribution.get(row.Index, {})
            for row in table.itertuples()
        ]
        start = "unstable: " if stability.is_small else ""
        refits = len(stability.modality_weights)
        return cls(_sorted(rows), remark=f"{start}{stability.n_subjects} subjects, middle 95 % of {refits} refits")

    def _height(self, width):
        known = sum(any(kind in row for row in self.rows) for kind in _KINDS)
        legend = (known if width < 5 else -(-known // 2)) if known > 1 else 0
        return forest_height(self._rows(), width, legend=legend) + (0.4 if self.remark and width < 5 else 0.0)

    def _rows(self):
        return [_row(row) for row in self.rows]

    def _draw(self, ax):
        if not self.rows:
            say_nothing_to_show(ax, "There are no weights to show.")
            return
        narrow = ax.get_position().width * ax.figure.get_figwidth() < NARROW
        label = f"share; {self.remark}" if self.remark else "share"
        label = label.replace("; ", "\n").replace(", ", ",\n") if narrow else label
        shares = [row[kind] for row in self.rows for kind in _KINDS if kind in row]
        draw_forest(ax, self._rows(), xlabel=label, line=0.0, bounds=(None if min(shares) < 0 else -0.02, None))
        known = [kind for kind in _KINDS if any(kind in row for row in self.rows)]
        if len(known) > 1:
            for kind in known:
                text, color, marker = _KINDS[kind]
                ax.plot([np.nan], [np.nan], marker=marker, color=color, label=text, ls="-" if kind == "weight" else "")
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1 if narrow else 2, handlelength=1.6)


def _sorted(rows):
    return sorted(rows, key=lambda row: -row["weight"])


def _row(row):
    ends = row.get("lower", np.nan), row.get("upper", np.nan)
    marks = [Mark(row["weight"], *ends, *_KINDS["weight"][1:])]
    marks += [
        Mark(row[kind], color=_KINDS[kind][1], marker=_KINDS[kind][2]) for kind in ("norm", "variance") if kind in row
    ]
    said = f"{number(row['weight'])}"
    if np.isfinite(ends).all():
        said += f" [{number(ends[0])}, {number(ends[1])}]"
    return Row(row["name"], tuple(marks), said)
