"""Who has which modalities together, and whether the outcome depends on it."""

from textwrap import wrap

import numpy as np

from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import BAND, COLORS, FAINT, INK, MUTED, NARROW, shorten

#: In rows of the matrix: heights of the bars of counts and of the panel of shares, and the gaps below them.
_BARS, _SHARES, _GAP = 2.6, 2.5, 0.75
#: Room of the bars of subjects per modality, by that of the matrix.
_SIZES = 0.3
_FEWEST_COLUMNS = 5
_DRAWS = 9999
_ALPHA = 0.05


class MissingPatternDisplay(Display):
    """Which modalities subjects have together: a column per pattern, most frequent first, as in an UpSet plot [1]_.

    Parameters
    ----------
    modalities : list of str
        Names, from top to bottom.
    patterns : list of (set of str, int)
        Modalities that are there together, and how many subjects have just these.
    n_left_out : int
        Subjects of rarer patterns that are not drawn.
    n_with : dict of str to int or None
        Subjects who have each modality; None counts those of `patterns`.
    shares : list of float or None
        Share of subjects with the event in each pattern, NaN where it is not told; None draws no such panel.
    overall : float or None
        Their share among all subjects.
    event : str
        What the event is.
    p_value : float or None
        Of the hypothesis that the event does not depend on the pattern; below .05 the figure says so.

    Notes
    -----
    The p-value is that of Pearson's chi-square statistic over 9,999 random assignments of the events to subjects. With
    the shares stand 95 % intervals (Wilson), in color where they leave out the overall share and the test agrees. Where
    the event depends on the pattern, a model can learn who was examined in place of what was found.

    References
    ----------
    .. [1] A. Lex et al. IEEE TVCG 20 (2014), 1983-1992. https://doi.org/10.1109/TVCG.2014.2346248

    Examples
    --------
    >>> from skfuse.plotting import MissingPatternDisplay
    >>> patterns = [({"mri", "pet"}, 80), ({"mri"}, 20)]
    >>> display = MissingPatternDisplay(["mri", "pet"], patterns).plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['80', '20', '100', '80']
    """

    _most = 12

    def __init__(
        self,
        modalities,
        patterns,
        *,
        n_left_out=0,
        n_with=None,
        shares=None,
        overall=None,
        event="the event",
        p_value=None,
    ):
        self.modalities = modalities
        self.patterns = patterns
        self.n_left_out = n_left_out
        self.n_with = n_with
        self.shares = shares
        self.overall = overall
        self.event = event
        self.p_value = p_value

    @classmethod
    def from_comparison(cls, comparison):
        """Collect the patterns, the most frequent first, with the share of events where there are two classes.

        Parameters
        ----------
        comparison : Comparison
            From ``compare_strategies``.

        Returns
        -------
        display : MissingPatternDisplay
            Not drawn yet.
        """
        names, cohort = list(comparison.cohort["modalities"]), comparison.cohort
        table = comparison.tables["patterns"]
        found = [(set(str(row.pattern).split(" + ")) & set(names), int(row.n_subjects)) for row in table.itertuples()]
        n_with = {name: int(one["n_present"]) for name, one in cohort["modalities"].items()}
        if cohort.get("positive") is None:
            return cls._of(names, found, n_with=n_with)
        overall = cohort["n_per_class"][cohort["positive"]] / cohort["n_subjects"]
        return cls._of(names, found, table["events"].to_numpy(float), overall, f"outcome {cohort['positive']}", n_with)

    @classmethod
    def from_table(cls, X, y=None, *, modalities=None, event=None):
        """Count the patterns of a table, and the events in each.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            A row per subject.
        y : array-like of shape (n_subjects,) or None
            Classes; of two the second in sorted order is the event. Without, only subjects are counted.
        modalities : dict or None
            As in :func:`skfuse.modalities.resolve_modalities`.
        event : label or None
            The class whose share is shown; needed where there are not two.

        Returns
        -------
        display : MissingPatternDisplay
            Not drawn yet. Patterns of fewer than 5 subjects have no share: it would tell the outcome of persons.

        Raises
        ------
        ValueError
            If `y` has not two classes and `event` is not given, or is none of them.

        Examples
        --------
        >>> from skfuse.datasets import make_cohort
        >>> from skfuse.plotting import MissingPatternDisplay
        >>> cohort = make_cohort(100, missing=0.3, random_state=0)
        >>> display = MissingPatternDisplay.from_table(cohort.X, cohort.y)
        >>> sum(count for _, count in display.patterns) + display.n_left_out
        100
        """
        from skfuse.evaluation.tables.modalities import FEWEST_TOLD
        from skfuse.modalities import present_modalities, resolve_modalities
        from skfuse.modalities._subjects import refuse_other_order

        refuse_other_order(X, y, "y")
        names = list(resolve_modalities(X, modalities))
        held, of, counts = np.unique(
            np.asarray(present_modalities(X, modalities)), axis=0, return_inverse=True, return_counts=True
        )
        # Most frequent first; of two as frequent the one with more modalities.
        order = np.lexsort((-held.sum(axis=1), -counts))
        found = [({names[j] for j in np.flatnonzero(held[k])}, int(counts[k])) for k in order]
        if y is None:
            return cls._of(names, found)
        event, happened = _events(y, event, len(of.ravel()))
        events = np.bincount(of.ravel(), happened, minlength=len(counts))[order]
        shares = np.where(counts[order] >= FEWEST_TOLD, events / counts[order], np.nan)
        return cls._of(names, found, shares, float(happened.mean()), f"outcome {event}")

    @classmethod
    def _of(cls, names, found, shares=None, overall=None, event="the event", n_with=None):
        """Keep the most frequent patterns; sizes and the test are of all of them."""
        if n_with is None:
            n_with = {name: sum(count for there, count in found if name in there) for name in names}
        left = sum(count for _, count in found[cls._most :])
        p = None
        if shares is not None:
            p = _independence(np.array([count for _, count in found]), np.asarray(shares, dtype=float))
            shares = [float(share) for share in shares[: cls._most]]
        return cls(
            names,
            found[: cls._most],
            n_left_out=left,
            n_with=n_with,
            shares=shares,
            overall=overall,
            event=event,
            p_value=p,
        )

    @property
    def _has_shares(self):
        return self.shares is not None and bool(np.isfinite(self.shares).any())

    def _height(self, width):
        rows = len(self.modalities) + _BARS + _GAP + (_SHARES + _GAP if self._has_shares else 0)
        return 0.3 * rows + 0.4 + 0.19 * len(self._remarks(width))

    def _remarks(self, width):
        """Lines below the figure."""
        said = ["● present · ○ missing · bars: subjects"]
        if self.n_left_out:
            said.append(f"{self.n_left_out} subjects of rarer patterns not shown")
        if self._has_shares and self.p_value is not None:
            if self.p_value < _ALPHA:
                said.append(f"⚠ The share with {self.event} differs between patterns: who was examined depends on the "
                            "outcome")  # fmt: skip
            else:
                said.append(f"No difference between patterns in the share with {self.event} is shown")
        return [line for text in said for line in wrap(text, max(24, int((width - 1.6) * 15)))]

    def _draw(self, ax):
        if not self.patterns:
            say_nothing_to_show(ax, "There are no patterns to show.")
            return
        width = ax.figure.get_figwidth() * ax.get_position().width / 0.775
        narrow = width < NARROW * 1.35
        rows, most = len(self.modalities), 10 if narrow else 18
        ticks = [*enumerate(shorten(name, most) for name in self.modalities), (-_GAP - _BARS / 2, "subjects")]
        self._draw_matrix(ax, narrow)
        self._draw_counts(ax, narrow)
        self._draw_sizes(ax)
        if self._has_shares:
            ticks.append((self._top + _SHARES / 2, f"share with\n{shorten(self.event, most)}"))
            self._draw_shares(ax, narrow)
        ax.set_xlim(-0.6, self._columns * (1 + _SIZES) - 0.4)
        ax.set_ylim(rows - 0.4, self._top - 0.5)
        ax.set_yticks(*zip(*ticks, strict=True))
        ax.set_xticks([])
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_xlabel("\n".join(self._remarks(width)), loc="left", fontsize="small")

    @property
    def _columns(self):
        return max(len(self.patterns), _FEWEST_COLUMNS)

    @property
    def _top(self):
        """Upper end of the figure, in rows of the matrix."""
        return -2 * _GAP - _BARS - _SHARES if self._has_shares else -_GAP - _BARS

    def _draw_matrix(self, ax, narrow):
        for y in range(0, len(self.modalities), 2):
            ax.barh(y, self._columns + 0.1, left=-0.6, height=1.0, color=BAND, lw=0, zorder=0)
        for x, (there, _) in enumerate(self.patterns):
            has = [name in there for name in self.modalities]
            held = np.flatnonzero(has)
            if len(held) > 1:
                ax.plot([x, x], [held[0], held[-1]], color=INK, lw=1.6, zorder=2)
            for y, one in enumerate(has):
                ax.plot([x], [y], ls="", marker="o", ms=5 if narrow else 7, mew=0.8, zorder=3,
                        mec=INK if one else MUTED, mfc=INK if one else FAINT)  # fmt: skip

    def _draw_counts(self, ax, narrow):
        most = max(count for _, count in self.patterns)
        crowded = narrow and self._columns > 7
        for x, (there, count) in enumerate(self.patterns):
            height = (_BARS - 0.5) * count / most
            complete = len(there) == len(self.modalities)
            ax.bar(x, -height, bottom=-_GAP, width=0.62, color=COLORS[0] if complete else MUTED, zorder=2)
            ax.text(x, -_GAP - 0.1 - height, f"{count}", ha="center", va="bottom", rotation=90 if crowded else 0,
                    fontsize="x-small" if narrow else "small")  # fmt: skip

    def _draw_sizes(self, ax):
        n = sum(count for _, count in self.patterns) + self.n_left_out
        left, room = self._columns - 0.3, self._columns * _SIZES - 0.1
        for y, name in enumerate(self.modalities):
            counted = sum(count for there, count in self.patterns if name in there)
            count = counted if self.n_with is None else self.n_with[name]
            ax.barh(y, room * count / n, left=left, height=0.62, color=FAINT, zorder=1)
            ax.text(left + 0.02 * self._columns, y, f"{count}", ha="left", va="center", fontsize="small", zorder=3)

    def _draw_shares(self, ax, narrow):
        bottom = -2 * _GAP - _BARS
        limits = [_wilson(share, count) for share, (_, count) in zip(self.shares, self.patterns, strict=True)]
        highest = max(high for _, high in limits if np.isfinite(high))

        def place(share):
            return bottom - (_SHARES - 0.3) * share / highest

        across = [-0.5, len(self.patterns) - 0.4]
        ax.plot(across, [bottom, bottom], color=FAINT, lw=0.8, zorder=1)
        if self.overall is not None:
            ax.plot(across, [place(self.overall)] * 2, color=MUTED, lw=1.1, ls=":", zorder=1.5)
            ax.text(len(self.patterns) - 0.3, place(self.overall), "overall", va="center",
                    fontsize="small", color=MUTED)  # fmt: skip
        for x, (share, (low, high)) in enumerate(zip(self.shares, limits, strict=True)):
            if not np.isfinite(share):
                continue
            differs = self.overall is not None and not low <= self.overall <= high
            color = COLORS[1] if differs and self.p_value is not None and self.p_value < _ALPHA else INK
            ax.plot([x, x], [place(low), place(high)], color=color, lw=1.4, zorder=2)
            ax.plot([x], [place(share)], ls="", marker="o", ms=5, color=color, zorder=3)
            if not narrow:
                below = self.overall is not None and share < self.overall  # away from the line
                ax.text(x, place(low) + 0.06 if below else place(high) - 0.06, f"{share:.1%}", color=color, ha="center",
                        va="top" if below else "bottom", fontsize="x-small")  # fmt: skip


def _events(y, event, n_subjects):
    """The event and who had it."""
    y = np.asarray(y)
    if y.shape != (n_subjects,):
        raise ValueError(f"X has {n_subjects} subjects, but y has shape {y.shape}. Give one entry per row of X.")
    labels = np.unique(y)
    if event is None and len(labels) != 2:
        raise ValueError(
            f"y has {len(labels)} different values, not two classes. Say with `event` which one to count, or give "
            "something like `y > threshold`."
        )
    event = labels[1] if event is None else event
    if event not in labels:
        raise ValueError(f"`event` {event!r} does not occur in y, which has {labels[:5].tolist()}.")
    return event, y == event


def _wilson(share, count, z=1.959964):
    """95 % interval of a share by Wilson's score method; NaN where there is no share."""
    center = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return center - half, center + half


def _independence(counts, shares):
    """Permutation p-value that events do not depend on the pattern, from counts alone; None where nothing can differ.

    Shuffling the outcome over subjects draws the events of the patterns from a multivariate hypergeometric
    distribution, so that nobody's outcome is needed.
    """
    told = np.isfinite(shares)
    counts, events = counts[told], np.rint(counts[told] * shares[told]).astype(int)
    n, total = int(counts.sum()), int(events.sum())
    if told.sum() < 2 or total in (0, n):
        return None
    draws = np.random.default_rng(0).multivariate_hypergeometric(counts, total, size=_DRAWS)
    observed, drawn = (((some - counts * total / n) ** 2 / counts).sum(axis=-1) for some in (events, draws))
    return float((np.sum(drawn >= observed * (1 - 1e-12)) + 1) / (_DRAWS + 1))
