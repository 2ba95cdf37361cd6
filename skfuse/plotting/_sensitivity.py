"""Which features move the decision of a model most."""

from textwrap import wrap

import numpy as np

from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._forest import Mark, Row, draw_forest, forest_height
from skfuse.plotting._style import COLORS, NARROW, shorten, significant

_ALONE = ("the others held still", COLORS[0], "o")
_TOGETHER = ("the others moving as they do (pattern)", COLORS[1], "D")


class SensitivityDisplay(Display):
    """The features that move the decision most, by modality.

    Parameters
    ----------
    rows : list of dict
        ``feature``, ``modality`` and ``sensitivity``, grouped by modality; with linear kernels the sensitivity has a
        sign, and ``pattern`` stands beside it.
    remarks : dict of str to str
        Modalities without a row, and why.
    n_left_out : int
        Features that are not drawn.
    unit : str
        What the decision is.

    See Also
    --------
    skfuse.inspection.haufe_patterns : Features that vary with the decision.

    Notes
    -----
    Both marks say how much the decision changes with one standard deviation of the feature: while the others stay where
    they are (the coefficient), and together with the others as in these subjects (the covariance of decision and
    standardized feature: the activation pattern, in units of the decision). A feature with the first and without the
    second cancels noise of others; one with the second alone is spoken for by others.

    Examples
    --------
    >>> from skfuse.plotting import SensitivityDisplay
    >>> rows = [{"feature": "hippocampus", "modality": "mri", "sensitivity": -0.4, "pattern": -0.3}]
    >>> display = SensitivityDisplay(rows).plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['mri', 'hippocampus', '−0.400']
    """

    def __init__(self, rows, *, remarks=None, n_left_out=0, unit="decision"):
        self.rows = rows
        self.remarks = {} if remarks is None else remarks
        self.n_left_out = n_left_out
        self.unit = unit

    @classmethod
    def from_estimator(cls, estimator, X, *, n_features=15, output=None):
        """Compute the sensitivities of a fitted model, and with linear kernels the patterns.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``feature_sensitivity``, such as :class:`skfuse.kernels.MKLClassifier`.
        X : data frame or array of shape (n_subjects, n_features)
            Subjects to look at.
        n_features : int, default=15
            Features to draw: those of the largest sensitivity in the whole model.
        output : class label or None, default=None
            Of several classes the one whose decision is looked at; None is the root mean square over classes.

        Returns
        -------
        display : SensitivityDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the model has no sensitivities, or no such output.
        """
        if not hasattr(estimator, "feature_sensitivity"):
            raise ValueError(
                f"{type(estimator).__name__} has no feature_sensitivity. Of a linear model see "
                "skfuse.inspection.haufe_patterns, of others permutation importances."
            )
        if not (isinstance(n_features, int | np.integer) and n_features >= 1):
            raise ValueError(f"`n_features` must be a whole number of at least 1, got {n_features!r}.")
        sizes = np.asarray(estimator.feature_sensitivity(X))
        column, unit = _output(estimator, output, sizes)
        together = None
        if sizes.ndim > 1:
            sizes = np.sqrt((sizes**2).mean(axis=1)) if column is None else sizes[:, column]
        if column is not None and hasattr(estimator, "coef_"):
            sizes = np.sign(estimator.coef_[column]) * sizes
            together = _patterns(estimator, X, column)
        return cls._of(estimator, sizes, together, n_features, unit)

    @classmethod
    def _of(cls, estimator, sizes, together, n_features, unit):
        known = np.flatnonzero(np.isfinite(sizes))
        best = known[np.argsort(-np.abs(sizes[known]), kind="stable")][:n_features]
        names = getattr(estimator, "feature_names_in_", None)
        owner = {
            int(place): modality
            for modality in estimator.modality_weights_
            for place in np.arange(len(sizes))[estimator.modalities_[modality]]
        }
        rows, remarks = [], {}
        for modality in dict.fromkeys([owner[place] for place in best] + list(estimator.modality_weights_)):
            own = [place for place in best if owner[place] == modality]
            for place in own:
                name = f"column {place}" if names is None else str(names[place]).removeprefix(f"{modality}__")
                row = {"feature": name, "modality": modality, "sensitivity": float(sizes[place])}
                rows.append(row if together is None else row | {"pattern": float(together[place])})
            if not own:
                some = any(owner[place] == modality for place in known)
                remarks[modality] = f"none of the {len(best)} largest" if some else "no sensitivity to single features"
        return cls(rows, remarks=remarks, n_left_out=len(known) - len(best), unit=unit)

    def _rows(self):
        drawn, modality = [], None
        largest = max((abs(row["sensitivity"]) for row in self.rows), default=0.0)
        for row in self.rows:
            if row["modality"] != modality:
                modality = row["modality"]
                drawn.append(Row(modality, heading=True))
            marks = [Mark(row["sensitivity"], color=_ALONE[1], marker=_ALONE[2])]
            if "pattern" in row:
                marks.append(Mark(row["pattern"], color=_TOGETHER[1], marker=_TOGETHER[2]))
            drawn.append(Row(row["feature"], tuple(marks), significant(row["sensitivity"], largest)))
        drawn += [Row(f"{name}: {why}", heading=True) for name, why in self.remarks.items()]
        return drawn

    @property
    def _has_patterns(self):
        return any("pattern" in row for row in self.rows)

    def _height(self, width):
        return forest_height(self._rows(), width, legend=2 * self._has_patterns) + 0.2 * (
            len(self._label(width < 5)) - 1
        )

    def _label(self, narrow):
        """Lines of the label of the axis."""
        left = f"; {self.n_left_out} features not shown" if self.n_left_out else ""
        return wrap(
            f"change of the {self.unit} per standard deviation{left}", 34 if narrow else 70, break_on_hyphens=False
        )

    def _draw(self, ax):
        if not self.rows:
            say_nothing_to_show(ax, "No modality has features whose sensitivity is known.")
            return
        narrow = ax.get_position().width * ax.figure.get_figwidth() < NARROW
        bounds = (None, None) if self._has_patterns else (0.0, None)
        draw_forest(ax, self._rows(), xlabel="\n".join(self._label(narrow)), line=0.0, bounds=bounds)
        if self._has_patterns:
            for text, color, marker in (_ALONE, _TOGETHER):
                ax.plot([np.nan], [np.nan], marker=marker, color=color, label=text, ls="")
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1, handlelength=1.6)


def _output(estimator, output, sizes):
    """Column of the decision, None for all of several, and what the decision is."""
    classes = list(getattr(estimator, "classes_", ()))
    if sizes.ndim == 1:
        if output is not None and (not classes or output != classes[1]):
            raise ValueError(f"The model has one decision; leave `output` at None, got {output!r}.")
        return 0, "decision" if classes else "log hazard ratio" if hasattr(estimator, "baseline_") else "prediction"
    if output is None:
        return None, "decisions"
    if output not in classes:
        raise ValueError(f"`output` must be one of the classes {classes}, got {output!r}.")
    return classes.index(output), f"decision for class {shorten(output, 16)}"


def _patterns(estimator, X, column):
    """Covariance of the standardized features with the decision: patterns in units of the decision."""
    from skfuse.inspection import haufe_patterns

    decision = np.asarray(getattr(estimator, "decision_function", estimator.predict)(X))
    decision = decision.reshape(len(decision), -1)[:, column]
    return haufe_patterns(None, X, scores=decision).correlations[:, 0] * decision.std()
