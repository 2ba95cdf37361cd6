"""What permutations gave, and where the data lie in it."""

import numpy as np

from skfuse.plotting._display import Display
from skfuse.plotting._lesion_words import short_number
from skfuse.plotting._null_observed import MOST, digits, of_components, of_map, threshold_of
from skfuse.plotting._panels import LINE, ORDINARY, SMALL, text_inches, width_of, wrapped
from skfuse.plotting._style import COLORS, DASHES, FAINT, INK, MUTED

#: The axis ends at most so far beyond the null and the threshold, in units of their range; arrows say what lies beyond.
_BEYOND = 0.9
#: Sizes that run over more than this, in units of the middle of the null, have a logarithmic axis.
_LOGARITHMIC = 20
_PLOT = 2.5  # inches: the histogram with its axis
#: Inches left of the histogram without the numbers of its axis, and from there to the words of the legend.
_LEFT, _HANDLE = 0.42, 0.4


class NullDistributionDisplay(Display):
    """Histogram of what every permutation gave, the value that must be exceeded, and what was observed.

    Parameters
    ----------
    null : ndarray of shape (n_permutations,)
        Of each permutation the value that observed ones are compared with.
    observed : list of dict
        ``name``, ``value`` (as it is compared: large speaks against chance), ``p_value`` and, where they are needed,
        ``said`` (the value as it is told) and ``extrapolated`` (True).
    threshold : float
        Value that must be exceeded so that the p-value is at most `alpha`; infinite where no value can do it.
    alpha : float
        Level.
    quantity : str
        What the values are.
    note : str, default=""
        What else is to be said of the observed values, such as how many are not drawn.

    See Also
    --------
    skfuse.permutation.infer_map : How such p-values are made.

    Notes
    -----
    A p-value is :math:`(b + 1) / (B + 1)`, where `b` of `B` permutations reach the observed value: it is never 0, and
    below :math:`1 / (B + 1)` nothing can be said without more permutations. Extrapolated p-values are marked as such.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions import LesionSymptomMapping
    >>> from skfuse.plotting import NullDistributionDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = (rng.random((60, 200)) < 0.3).astype(np.uint8)
    >>> mapping = LesionSymptomMapping(n_permutations=199, random_state=0).fit(X, rng.normal(size=60) - 2 * X[:, 7])
    >>> display = NullDistributionDisplay.from_estimator(mapping).plot()
    >>> [(row["name"], row["p_value"]) for row in display.observed][0]
    ('lowest statistic', 0.005)
    """

    def __init__(self, null, observed, *, threshold, alpha, quantity, note=""):
        null = np.asarray(null, dtype=np.float64)
        if null.ndim != 1 or not null.size or np.isnan(null).any():
            raise ValueError(
                f"`null` holds a number for each permutation, got shape {null.shape}"
                f"{' with NaN' if np.isnan(null).any() else ''}."
            )
        self.null = null
        self.observed = observed
        self.threshold = float(threshold)
        self.alpha = alpha
        self.quantity = quantity
        self.note = note

    @classmethod
    def from_estimator(cls, estimator):
        """Collect the null distribution of a fitted estimator.

        Parameters
        ----------
        estimator : LesionSymptomMapping or NetworkBasedStatistic
            Fitted, with permutations.

        Returns
        -------
        display : NullDistributionDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the estimator made no permutations.
        """
        null = getattr(estimator, "null_distribution_", None)
        if null is None:
            name = type(estimator).__name__
            made = f"{name} with correction={estimator.correction!r}" if hasattr(estimator, "correction") else name
            raise ValueError(
                f"{made} holds no permutations. Fit a NetworkBasedStatistic, or a LesionSymptomMapping with "
                "correction='max', 'cfwer', 'cluster' or 'tfce'."
            )
        collect = of_components if hasattr(estimator, "component_table_") else of_map
        quantity, observed, note = collect(estimator)
        threshold = threshold_of(null, estimator.alpha)
        return cls(null, observed, threshold=threshold, alpha=estimator.alpha, quantity=quantity, note=note)

    def legend(self):
        """What was observed and what must be exceeded, in words.

        Returns
        -------
        lines : list of str
            One for each observed value that is drawn, the note if there is one, and the threshold.
        """
        said = [
            f"{row['name']}: {row.get('said', short_number(row['value']))}, {self._p(row)}" for row in self._drawn()
        ]
        return [*said, *([self.note] if self.note else []), self._said_of_threshold()]

    def _drawn(self):
        return self.observed[:MOST]

    def _height(self, width):
        said = [line for text in self.legend() for line in wrapped(text, self._room(width) - _HANDLE, SMALL)]
        return _PLOT + LINE * (len(said) + len(self._words(width)) - 1)

    def _room(self, width):
        """Inches from the left of the histogram to the right of the figure."""
        finite = self.null[np.isfinite(self.null)]
        highest = np.histogram(finite, _bins(finite, self._logarithmic(finite)))[0].max() if finite.size else 0
        return width - _LEFT - text_inches(f"{highest:.0f}", ORDINARY)

    def _words(self, width):
        """Lines below the axis."""
        finite = self.null[np.isfinite(self.null)]
        return wrapped(self.quantity + (", logarithmic" if self._logarithmic(finite) else ""),
                       self._room(width), ORDINARY)  # fmt: skip

    def _said_of_threshold(self):
        if np.isinf(self.threshold):
            return f"no value can reach p ≤ {self.alpha:g} with {len(self.null):,} permutations"
        return f"p ≤ {self.alpha:g} beyond {short_number(self.threshold)}"

    def _p(self, row):
        n, p = len(self.null), row["p_value"]
        if row.get("extrapolated"):
            furthest = p * (n + 1) <= 0.1 * (1 + 1e-9)  # tail_p_value stops there
            return f"p {'≤' if furthest else '≈'} {digits(p)} (extrapolated from the tail)"
        reached = max(round(p * (n + 1)) - 1, 0)
        return f"p = {digits(p)} ({reached:,} of {n:,} permutations{'' if reached else ': the smallest possible'})"

    def _draw(self, ax):
        from matplotlib.lines import Line2D

        finite = self.null[np.isfinite(self.null)]
        logarithmic = self._logarithmic(finite)
        low, end, edge = self._limits(finite, logarithmic)
        if finite.size:
            bins = _bins(finite, logarithmic)
            ax.hist(finite, bins=bins, color=MUTED, alpha=0.45, lw=0)
            if not logarithmic:  # bars of whole numbers reach half a number beyond them
                low, end = min(low, bins[0]), max(end, bins[-1])
        if logarithmic:
            ax.set_xscale("symlog", linthresh=_smallest(finite), linscale=0.4)
            ax.xaxis.set_major_formatter(lambda value, place: f"{value:,.10g}")
        elif finite.size and (finite == np.rint(finite)).all():
            ax.xaxis.get_major_locator().set_params(integer=True)
        handles = []
        for place, row in enumerate(self._drawn()):
            color, dash = COLORS[place % len(COLORS)], DASHES[place % len(DASHES)]
            handles.append(Line2D([], [], color=color, ls=dash, lw=1.8))
            if row["value"] <= edge:
                ax.axvline(row["value"], color=color, ls=dash, lw=1.8, zorder=3, gid="observed")
            else:
                ax.annotate(
                    short_number(row["value"]), (1.0, 0.82 - 0.13 * place), (-34, 0), xycoords="axes fraction",
                    textcoords="offset points", ha="right", va="center", fontsize="small", color=color,
                    arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.6},
                )  # fmt: skip
        handles += [Line2D([], [], alpha=0.0)] * bool(self.note)
        handles.append(Line2D([], [], color=INK, lw=1.1, ls=":", alpha=float(np.isfinite(self.threshold))))
        if np.isfinite(self.threshold):
            ax.axvline(self.threshold, color=INK, lw=1.1, ls=":", zorder=2, gid="threshold")
        ax.set_xlim(low, end)
        width = width_of(ax)
        ax.set_xlabel("\n".join(self._words(width)))
        ax.set_ylabel("Permutations")
        if finite.size < self.null.size:
            ax.text(1.0, 1.0, f"{self.null.size - finite.size:,} infinite", transform=ax.transAxes, ha="right",
                    va="top", fontsize="small", color=MUTED)  # fmt: skip
        ax.grid(True, axis="y", color=FAINT)
        ax.set_axisbelow(True)
        room = self._room(width) - _HANDLE
        labels = ["\n".join(wrapped(text, room, SMALL)) for text in self.legend()]
        ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), handlelength=2.2, borderaxespad=0.2,
                  borderpad=0.0, fontsize="small")  # fmt: skip

    def _logarithmic(self, finite):
        """Whether sizes run too far for an even axis; statistics never have another one."""
        seen = [row["value"] for row in self._drawn() if np.isfinite(row["value"])]
        if not finite.size or finite.min() < 0 or finite.max() == 0:
            return False
        return max([finite.max(), *seen]) > _LOGARITHMIC * max(np.median(finite), _smallest(finite))

    def _limits(self, finite, logarithmic):
        """Ends of the axis, and the largest value that has a line in it."""
        values = [*finite, *([self.threshold] if np.isfinite(self.threshold) else [])]
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        seen = [row["value"] for row in self._drawn() if np.isfinite(row["value"])]
        if logarithmic:
            high = max([high, *seen])
            return min([low, *seen]) - 0.3 * _smallest(finite), 1.4 * high, high
        low = min([low, *seen])
        edge = high + (high - low) * _BEYOND
        inside = [value for value in seen if value <= edge]
        end = edge if any(row["value"] > edge for row in self._drawn()) else max([high, *inside])
        margin = 0.04 * (end - low) or 1.0
        return low - margin, end + margin, edge


def _bins(values, logarithmic):
    """Edges of the histogram: whole numbers where there are few of them, otherwise at most 40 bins."""
    low, high = values.min(), values.max()
    whole = (values == np.rint(values)).all()
    if high == low:
        return [low - 0.5, low + 0.5]
    if logarithmic:
        smallest = _smallest(values)
        edges = np.geomspace(smallest, 1.001 * high + whole, 31)
        edges = np.unique(np.floor(edges)) - 0.5 if whole else edges
        return np.concatenate([[-0.5 * smallest], edges]) if low < edges[0] else edges
    if whole and high - low <= 40:
        return np.arange(low - 0.5, high + 1.0)
    return np.linspace(low, high, min(40, max(8, int(np.sqrt(values.size)))) + 1)


def _smallest(values):
    """Where a logarithmic axis begins: 1 for whole numbers, otherwise the smallest fiftieth of what is not 0."""
    if (values == np.rint(values)).all():
        return 1.0
    return float(np.quantile(values[values > 0], 0.02, method="lower"))
