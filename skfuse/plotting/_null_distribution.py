"""What permutations gave, and where the data lie in it."""

from textwrap import wrap

import numpy as np

from skfuse.plotting._display import Display
from skfuse.plotting._panels import LINE, width_of
from skfuse.plotting._style import COLORS, DASHES, FAINT, INK, MUTED

#: The axis ends at most so far beyond the null and the threshold, in units of their range; arrows say what lies beyond.
_BEYOND = 0.9
#: Sizes that run over more than this, in units of the middle of the null, have a logarithmic axis.
_LOGARITHMIC = 20
_PLOT = 2.5  # inches: the histogram with its axis
_MOST = 4  # observed values with a line of their own


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
        collect = _of_components if hasattr(estimator, "component_table_") else _of_map
        quantity, observed, note = collect(estimator)
        threshold = _threshold(null, estimator.alpha)
        return cls(null, observed, threshold=threshold, alpha=estimator.alpha, quantity=quantity, note=note)

    def legend(self):
        """What was observed and what must be exceeded, in words.

        Returns
        -------
        lines : list of str
            One for each observed value that is drawn, the note if there is one, and the threshold.
        """
        said = [f"{row['name']}: {row.get('said', _short(row['value']))}, {self._p(row)}" for row in self._drawn()]
        return [*said, *([self.note] if self.note else []), self._said_of_threshold()]

    def _drawn(self):
        return self.observed[:_MOST]

    def _height(self, width):
        return _PLOT + LINE * len([line for text in self.legend() for line in self._wrapped(text, width)])

    def _wrapped(self, text, width):
        return wrap(text, int(width * 13.5 - 9))

    def _said_of_threshold(self):
        if np.isinf(self.threshold):
            return f"no value can reach p ≤ {self.alpha:g} with {len(self.null):,} permutations"
        return f"p ≤ {self.alpha:g} beyond {_short(self.threshold)}"

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
            ax.hist(finite, bins=_bins(finite, logarithmic), color=MUTED, alpha=0.45, lw=0)
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
                    _short(row["value"]), (1.0, 0.82 - 0.13 * place), (-34, 0), xycoords="axes fraction",
                    textcoords="offset points", ha="right", va="center", fontsize="small", color=color,
                    arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.6},
                )  # fmt: skip
        handles += [Line2D([], [], alpha=0.0)] * bool(self.note)
        handles.append(Line2D([], [], color=INK, lw=1.1, ls=":", alpha=float(np.isfinite(self.threshold))))
        if np.isfinite(self.threshold):
            ax.axvline(self.threshold, color=INK, lw=1.1, ls=":", zorder=2, gid="threshold")
        ax.set_xlim(low, end)
        width = width_of(ax)
        words = self.quantity + (", logarithmic" if logarithmic else "")
        ax.set_xlabel("\n".join(wrap(words, int(width * 11))))
        ax.set_ylabel("Permutations")
        if finite.size < self.null.size:
            ax.text(1.0, 1.0, f"{self.null.size - finite.size:,} infinite", transform=ax.transAxes, ha="right",
                    va="top", fontsize="small", color=MUTED)  # fmt: skip
        ax.grid(True, axis="y", color=FAINT)
        ax.set_axisbelow(True)
        labels = ["\n".join(self._wrapped(text, width)) for text in self.legend()]
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


def _of_map(mapping):
    """Quantity, observed values and note of a lesion-symptom map."""
    if mapping.correction == "cluster":
        table = mapping.cluster_table_
        rows, note = _largest(table["extent"], table["p_value"], table["sign"], mapping.alpha, "cluster")
        return "Largest cluster of each permutation (voxels)", rows, note
    signs = {"two-sided": (-1.0, 1.0), "greater": (1.0,), "less": (-1.0,)}[mapping.alternative]
    size = "absolute " if len(signs) == 2 else ""
    turned = ", with the sign turned" if mapping.alternative == "less" else ""
    values = mapping.enhanced_ if mapping.correction == "tfce" else mapping.map_
    word = "enhanced statistic" if mapping.correction == "tfce" else "statistic"
    if mapping.correction == "cfwer":
        rank, tested = mapping.cfwer_v, np.flatnonzero(mapping.mask_)
        towards = np.abs(values) if len(signs) == 2 else signs[0] * values
        voxel = int(tested[np.argsort(-towards[tested], kind="stable")[rank - 1]])
        words = f"{_nth(rank)} largest {size}statistic"
        rows = [_row(words, towards[voxel], mapping.p_values_, voxel, mapping.extrapolated_)]
        return f"{words} of each permutation{turned}", rows, ""
    rows = _peaks(values, mapping.mask_, signs, word, mapping.p_values_, mapping.extrapolated_)
    return f"Largest {size}{word} of each permutation{turned}", rows, ""


def _of_components(nbs):
    """Quantity, observed values and note of a network-based statistic."""
    if nbs.component_table_ is None:
        signs = {"two-sided": (-1.0, 1.0), "greater": (1.0,), "less": (-1.0,)}[nbs.alternative]
        everywhere = np.ones(len(nbs.t_), dtype=bool)
        return (
            f"Largest {'absolute ' if len(signs) == 2 else ''}enhanced t of each permutation",
            _peaks(nbs.enhanced_, everywhere, signs, "enhanced t", nbs.p_values_, None),
            "",
        )
    table = nbs.component_table_
    sizes, words = (
        (table["edges"], "edges") if nbs.method == "extent" else (table["intensity"], "sum of |t| beyond the threshold")
    )
    rows, note = _largest(sizes, table["p_value"], table["sign"], nbs.alpha, "component")
    return f"Largest component of each permutation ({words})", rows, note


def _peaks(values, tested, signs, word, p_values, extrapolated):
    """The most extreme value on each side that was looked at, the smallest p-value first."""
    rows = []
    for sign in signs:
        side = np.where(tested, sign * values, -np.inf)
        peak = int(side.argmax())
        if side[peak] > 0 or len(signs) == 1:
            name = f"{'lowest' if sign < 0 else 'highest'} {word}"
            rows.append(_row(name, side[peak], p_values, peak, extrapolated) | {"said": _short(sign * side[peak])})
    return sorted(rows, key=lambda row: row["p_value"])


def _row(name, value, p_values, place, extrapolated):
    row = {"name": name, "value": float(value), "p_value": float(p_values[place])}
    return row | ({"extrapolated": True} if extrapolated is not None and extrapolated[place] else {})


def _largest(sizes, p_values, signs, alpha, word):
    """The significant clusters, or the largest where there is none; numbered as in the table; and what is left out."""
    order = np.argsort(-np.asarray(sizes, dtype=float), kind="stable")
    if not len(order):
        return [], f"observed: no {word}"
    found = order[p_values[order] <= alpha]
    shown = found[:_MOST] if len(found) else order[:1]
    rows = [
        {
            "name": f"{word} {k + 1} ({'positive' if signs[k] > 0 else 'negative'})",
            "value": float(sizes[k]),
            "p_value": float(p_values[k]),
        }
        for k in shown
    ]
    left_out, significant = len(order) - len(shown), max(len(found) - len(shown), 0)
    told = f"{significant} of them significant" if significant else "none significant"
    return rows, f"{left_out} more {word}{'s' if left_out > 1 else ''}, {told}" if left_out else ""


def _threshold(null, alpha):
    """Value that must be exceeded for p at most `alpha`; infinite if no value can do it, which fit has warned of."""
    from skfuse.permutation._map import null_threshold

    return null_threshold(null, alpha) if np.floor(alpha * (len(null) + 1) + 1e-9) >= 1 else np.inf


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


def digits(p):
    """A p-value with three digits that matter, never with an exponent."""
    return np.format_float_positional(p, precision=3, fractional=False, trim="-")


def _nth(number):
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _short(value):
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return (f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")
