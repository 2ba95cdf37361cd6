"""How much of each modality each component of a joint space explains."""

from textwrap import wrap

import numpy as np

from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import COLORS, FAINT, INK, MUTED, shorten

_DEEPEST = 0.6  # opacity, so that numbers stay readable on it by day and by night
_MOST_CHARACTERS = 22
#: In rows of the table: height of the bars of totals, and the gap below them.
_BARS, _GAP = 3.0, 0.5
#: Inches of a row, and characters per inch of a name of a modality.
_ROW, _CHARACTERS = 0.25, 12.0


class VarianceExplainedDisplay(Display):
    """Components x modalities: the share of variance that each explains, and all together as bars on top.

    Parameters
    ----------
    rows : list of dict
        ``component`` and ``shares``, a mapping of modality to share (1 is all); a modality without such a component is
        left out of it.
    totals : dict of str to float
        Share of each modality that all components explain.
    remark : str
        What is said below.
    n_left_out : int
        Components that are not drawn.

    Notes
    -----
    Shares of single components need not add to the total, as components may overlap. A share below 0 says that the
    component brings subjects no nearer to their values than the mean does.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.latent import GroupFactorAnalysis
    >>> from skfuse.plotting import VarianceExplainedDisplay
    >>> X = make_cohort(120, missing=0.2, strength=3.0, random_state=0).X
    >>> model = GroupFactorAnalysis().fit(X)
    >>> display = VarianceExplainedDisplay.from_estimator(model).plot()
    >>> display.rows[0]["component"], len(display.rows) == model.n_components_, list(display.totals)
    ('joint 0', True, ['mri', 'pet', 'clinical'])
    """

    def __init__(self, rows, totals, *, remark="", n_left_out=0):
        self.rows = rows
        self.totals = totals
        self.remark = remark
        self.n_left_out = n_left_out

    @classmethod
    def from_estimator(cls, joint_space, *, most=20):
        """Collect the shares of a fitted joint space.

        Parameters
        ----------
        joint_space : estimator
            Fitted, with ``explained_variance_`` and ``explained_variance_total_``, as those of :mod:`skfuse.latent`.
        most : int
            Components to draw, those that explain most over all modalities.

        Returns
        -------
        display : VarianceExplainedDisplay
            Not drawn yet. :class:`skfuse.latent.AJIVE` gets a row for all its individual components, which totals
            count. Components of :class:`skfuse.latent.OrthogonalCompensation` belong to one modality each.

        Raises
        ------
        ValueError
            If the estimator has no such shares.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(joint_space)
        single = getattr(joint_space, "explained_variance_", None)
        totals = getattr(joint_space, "explained_variance_total_", None)
        if not isinstance(single, dict) or not isinstance(totals, dict):
            raise ValueError(
                f"{type(joint_space).__name__} has no `explained_variance_` by modality. Give a fitted joint space of "
                "skfuse.latent, such as GroupFactorAnalysis."
            )
        own = isinstance(joint_space.n_components_, dict)  # each modality has components of its own
        start = "component" if own else "joint"
        rows = [
            {
                "component": f"{start} {k}",
                "shares": {name: float(shares[k]) for name, shares in single.items() if k < len(shares)},
            }
            for k in range(max(map(len, single.values()), default=0))
        ]
        kept = _largest(rows, most)
        remark = "Components in one row belong to one modality each and share nothing." if own else ""
        totals = {name: float(total) for name, total in totals.items()}
        split = getattr(joint_space, "variance_split_", None)
        left = len(rows) - len(kept)
        if split is not None:
            kept.append({"component": "individual", "shares": {name: one["individual"] for name, one in split.items()}})
            totals = {name: one["joint"] + one["individual"] for name, one in split.items()}
            remark = "Individual: all components that a modality has for itself."
        return cls(kept, totals, remark=remark, n_left_out=left)

    def _remarks(self, width):
        said = ["Percent of the variance of a modality."]
        said += [self.remark] if self.remark else []
        said += [f"{self.n_left_out} components that explain less not shown."] if self.n_left_out else []
        return wrap(" ".join(said), max(24, int(width * 13.5 - 14)))

    def _slanted(self, width):
        """Whether names of modalities are too long to stand side by side."""
        room = (width - 1.0) / max(len(self.totals), 1) * _CHARACTERS - 1
        return max((len(shorten(name, _MOST_CHARACTERS)) for name in self.totals), default=0) > room

    def _height(self, width):
        longest = max((len(shorten(name, _MOST_CHARACTERS)) for name in self.totals), default=0)
        names = 0.3 + 0.045 * longest if self._slanted(width) else 0.3
        return _ROW * (len(self.rows) + _BARS + _GAP) + names + 0.2 + 0.18 * len(self._remarks(width))

    def _draw(self, ax):
        if not self.rows or not self.totals:
            say_nothing_to_show(ax, "There are no components to show.")
            return
        width = ax.figure.get_figwidth() * ax.get_position().width / 0.775
        names = list(self.totals)
        size = "small" if width / len(names) > 0.55 else "x-small"
        known = [share for row in self.rows for share in row["shares"].values() if np.isfinite(share)]
        full = max([*known, 1e-9])
        for y, row in enumerate(self.rows):
            for x, name in enumerate(names):
                _draw_cell(ax, x, y, row["shares"].get(name), full, size)
        self._draw_totals(ax, names, size)
        ticks = [(y + 0.5, shorten(row["component"], 14)) for y, row in enumerate(self.rows)]
        ax.set_yticks(*zip((-_GAP - (_BARS - 0.9) / 2, "all"), *ticks, strict=True))
        slanted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if self._slanted(width) else {}
        ax.set_xticks(np.arange(len(names)) + 0.5, [shorten(name, _MOST_CHARACTERS) for name in names], **slanted)
        ax.tick_params(length=0)
        ax.tick_params(axis="x", labelsize="medium")
        ax.set_xlim(0, len(names))
        ax.set_ylim(len(self.rows) + 0.05, -_GAP - _BARS)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_xlabel("\n".join(self._remarks(width)), loc="left", fontsize="small", color=MUTED)

    def _draw_totals(self, ax, names, size):
        largest = max([total for total in self.totals.values() if np.isfinite(total)] + [1e-9])
        ax.plot([0.04, len(names) - 0.04], [-_GAP] * 2, color=FAINT, lw=0.8, zorder=1)
        for x, name in enumerate(names):
            total = self.totals[name]
            height = (_BARS - 0.9) * max(total, 0.0) / largest if np.isfinite(total) else 0.0
            if height > 0:
                ax.bar(x + 0.5, -height, bottom=-_GAP, width=0.6, color=COLORS[0], zorder=2)
            ax.text(x + 0.5, -_GAP - height - 0.12, _percent(total), ha="center", va="bottom", fontsize=size, color=INK)


def _draw_cell(ax, x, y, share, full, size):
    """A cell of the table: its color is the share, and empty where the modality has no such component."""
    if share is None:
        return
    depth = _DEEPEST * min(max(share, 0.0) / full, 1.0) if np.isfinite(share) else 0.0
    ax.fill_between([x + 0.02, x + 0.98], y + 0.04, y + 0.96, color=COLORS[0], alpha=depth, lw=0)
    color = INK if np.isfinite(share) and abs(share) >= 0.0005 else MUTED
    ax.text(x + 0.5, y + 0.5, _percent(share), ha="center", va="center", fontsize=size, color=color)


def _largest(rows, most):
    """Rows that explain most over all modalities, in their order."""
    sums = [np.nansum([*row["shares"].values()]) for row in rows]
    kept = np.sort(np.argsort(-np.asarray(sums), kind="stable")[:most])
    return [rows[k] for k in kept]


def _percent(share):
    """One decimal, with a true minus; a dash where nothing was measured."""
    if not np.isfinite(share):
        return "–"
    said = f"{100 * share:.1f}"
    return "0.0" if said == "-0.0" else said.replace("-", "−")
