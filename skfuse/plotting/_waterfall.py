"""How one subject's decision comes about: from that of a usual subject, modality by modality."""

from textwrap import wrap

import numpy as np

from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import COLORS, FAINT, INK, MUTED, NARROW, shorten, significant


class DecisionWaterfallDisplay(Display):
    """From the decision of a usual subject, by what each modality adds, to the decision of one subject.

    Parameters
    ----------
    start : float
        Decision of a usual training subject.
    steps : list of (str, float)
        Modalities and what each adds; NaN where the subject lacks it.
    total : float
        Decision of the subject.
    subject : str
        Who it is.
    unit : str
        What the decision is.

    Notes
    -----
    A contribution says what the model made of a modality, around what it makes of a usual training subject. It is no
    cause, and with few subjects another model of the same data may tell another story: see
    :func:`skfuse.inspection.weight_stability`.

    Examples
    --------
    >>> from skfuse.plotting import DecisionWaterfallDisplay
    >>> steps = [("mri", 0.8), ("pet", float("nan"))]
    >>> display = DecisionWaterfallDisplay(-0.2, steps, 0.6, subject="sub-01").plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['usual subject', '−0.200', 'mri', '+0.800', 'pet', 'missing', 'sub-01', '+0.600']
    """

    def __init__(self, start, steps, total, *, subject="subject", unit="decision"):
        self.start = start
        self.steps = steps
        self.total = total
        self.subject = subject
        self.unit = unit

    @classmethod
    def from_estimator(cls, estimator, X, subject, *, output=None):
        """Collect the contributions to the decision of one subject.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``decision_by_modality`` and ``intercept_``, such as :class:`skfuse.kernels.MKLClassifier`.
        X : data frame or array of shape (n_subjects, n_features)
            A table that holds the subject; the contributions do not depend on who else is in it.
        subject : int or label
            Label in the index of a pandas table, otherwise the row.
        output : class label or None, default=None
            Of several classes the one whose decision is drawn; None is the class that the model predicts.

        Returns
        -------
        display : DecisionWaterfallDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If there is no such subject or output, or the model does not tell contributions.
        """
        if not hasattr(estimator, "decision_by_modality"):
            raise ValueError(
                f"{type(estimator).__name__} has no decision_by_modality. Take a model whose decision is a sum over "
                "modalities, such as MKLClassifier."
            )
        from skfuse.modalities._container import as_table, take_rows

        X = as_table(X)
        row = _row_of(X, subject)
        own = take_rows(X, np.array([row]))
        contributions = estimator.decision_by_modality(own)
        decide = getattr(estimator, "decision_function", estimator.predict)
        column, unit = _output(estimator, own, output)
        parts = [(name, float(np.reshape(values, -1)[column])) for name, values in contributions.items()]
        steps = sorted(parts, key=lambda step: (np.isnan(step[1]), -abs(step[1])))
        total = float(np.reshape(decide(own), -1)[column])
        named = str(subject) if not isinstance(subject, int | np.integer) else f"subject {subject}"
        return cls(float(estimator.intercept_[column]), steps, total, subject=named, unit=unit)

    @property
    def _no_modality(self):
        return all(np.isnan(value) for _, value in self.steps)

    def _height(self, width):
        return 0.36 * (len(self.steps) + 2) + (1.15 if width < 5 else 0.95)

    def _draw(self, ax):
        if self._no_modality:
            decision = significant(self.total, abs(self.total), sign=True)
            say_nothing_to_show(ax, f"{self.subject} has no modality:\nthe decision {decision} is that of the prior.")
            return
        narrow = ax.get_position().width * ax.figure.get_figwidth() < NARROW
        most = max(abs(value) for _, value in self.steps if np.isfinite(value))
        level, y, drawn = self.start, 0, [self.start]
        self._words(ax, 0, "usual subject", self.start, self.start, most, narrow)
        ax.plot([level], [0], marker="o", ms=6, color=MUTED, zorder=3)
        for name, value in self.steps:
            y += 1
            after = level + (value if np.isfinite(value) else 0.0)
            ax.plot([level, level], [y - 1, y], color=MUTED, lw=0.8, zorder=1)
            if np.isfinite(value):
                ax.barh(y, value, left=level, height=0.56, color=COLORS[1] if value > 0 else COLORS[0], lw=0, zorder=2)
            self._words(ax, y, name, value, max(level, after), most, narrow)
            level = after
            drawn.append(level)
        y += 1
        ax.plot([level, level], [y - 1, y], color=MUTED, lw=0.8, zorder=1)
        ax.plot([self.total], [y], marker="D", ms=8, color=INK, zorder=3)
        self._words(ax, y, self.subject, self.total, self.total, most, narrow, bold=True)
        self._frame(ax, np.array([*drawn, self.total]), y, narrow)

    def _words(self, ax, y, name, value, end, most, narrow, *, bold=False):
        weight = "bold" if bold else "normal"
        missing = np.isnan(value)
        room = 14 if narrow else 26
        ax.text(-0.02, y, shorten(name, room), transform=ax.get_yaxis_transform(), ha="right", va="center",
                color=MUTED if missing else INK, weight=weight)  # fmt: skip
        said = "missing" if missing else significant(value, most, sign=True)
        ax.annotate(said, (end, y), (7, 0), textcoords="offset points", ha="left", va="center", fontsize="small",
                    color=MUTED if missing else INK, weight=weight)  # fmt: skip

    def _frame(self, ax, drawn, y, narrow):
        low, high = drawn.min(), drawn.max()
        span = max(high - low, 1e-9 * max(abs(low), abs(high), 1e-9))
        if low - 1.5 * span <= 0.0 <= high + 1.5 * span:  # farther away, it would press the steps together
            ax.axvline(0.0, color=FAINT, lw=1.0, zorder=0)
            low, high = min(low, 0.0), max(high, 0.0)
            span = high - low
        ax.set_xlim(low - 0.06 * span, high + (0.5 if narrow else 0.2) * span)  # numbers stand to the right of bars
        ax.set_ylim(y + 0.6, -0.6)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.locator_params(axis="x", nbins=4 if narrow else 6)
        ax.set_xlabel("\n".join(wrap(self.unit, 28 if narrow else 70, break_on_hyphens=False)))


def _row_of(X, subject):
    """Position of a subject by the label of a pandas table, otherwise by number."""
    if hasattr(X, "iloc"):
        places = np.flatnonzero(X.index == subject)
        if len(places) != 1:
            raise ValueError(
                f"{len(places)} rows of X have the label {subject!r}. Give a label of its index, such as "
                f"{X.index[0]!r}, that one row has."
            )
        return int(places[0])
    if not isinstance(subject, int | np.integer) or not 0 <= subject < len(X):
        raise ValueError(f"`subject` must be the number of a row, from 0 to {len(X) - 1}, got {subject!r}.")
    return int(subject)


def _output(estimator, own, output):
    """Column of the decision, and what the decision is."""
    classes = list(getattr(estimator, "classes_", ()))
    n_outputs = len(estimator.intercept_)
    if n_outputs == 1:
        if output is not None and (not classes or output != classes[1]):
            wanted = f"speaks for class {classes[1]!r}" if classes else "has one output"
            raise ValueError(f"The decision {wanted}; leave `output` at None, got {output!r}.")
        if classes:
            return 0, f"decision, above 0 for class {shorten(classes[1], 16)}"
        return 0, "log hazard ratio" if hasattr(estimator, "baseline_") else "prediction"
    output = estimator.predict(own)[0] if output is None else output
    if output not in classes:
        raise ValueError(f"`output` must be one of the classes {classes}, got {output!r}.")
    return classes.index(output), f"decision, class {shorten(output, 16)} against all others"
