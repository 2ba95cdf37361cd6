"""Subjects in the joint space, and the features that make its components."""

from textwrap import wrap

import numpy as np

from skfuse.plotting._clusters import cluster_color, cluster_marker
from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._joint_space_loadings import draw_loadings, loadings_height, places
from skfuse.plotting._joint_space_scores import (
    as_outcome,
    checked_components,
    in_order,
    largest_loadings,
    located,
)
from skfuse.plotting._style import COLORS, DASHES, FAINT, INK, MUTED, NARROW, shorten

#: Inches: a row of the legend, a color bar, and the axis below the scatter.
_LEGEND, _BAR, _BELOW = 0.21, 0.45, 0.5
_SCALE = (COLORS[0], "#9b6aa6", COLORS[1])  # of numbers, low to high: reads on white and on black
_GOLDEN = 0.6180339887  # its multiples spread evenly between whole numbers


class JointSpaceDisplay(Display):
    """Subjects in two components of a joint space, and the features with the largest loadings of each modality.

    Parameters
    ----------
    scores : ndarray of shape (n_subjects, 1) or (n_subjects, 2)
        Coordinates. A single component is drawn with its subjects spread in height, class by class.
    n_present : ndarray of shape (n_subjects,), int
        Modalities that each subject has.
    n_modalities : int
        How many there are.
    names : tuple of str
        Of the components.
    y : ndarray of shape (n_subjects,) or None
        Classes as text ("" where it is unknown) or numbers as floats; None draws all subjects alike.
    outcome : str
        What `y` is called.
    loadings : list of dict
        ``feature``, ``modality`` and ``loadings`` (of each component drawn), grouped by modality.
    sd : ndarray of shape of `scores`, or None
        Standard deviation of the coordinates given what the subject has.
    uncertainty : {"mean", "subjects"} or None
        Whether `sd` is drawn as an ellipse for each number of modalities, around the center and of the size of the mean
        uncertainty; or as a cross for each subject who lacks some modality; or not at all.
    alone : str or None
        Modality by which alone subjects are placed, whatever else they have.
    n_left_out : int
        Subjects without any modality, who stand at the center and are not drawn.

    Notes
    -----
    Who has all modalities is a filled mark, who lacks some a hollow one. Coordinates from fewer modalities are drawn
    toward the center: that hollow marks stand closer to 0 says nothing of these subjects. Where a supervised space is
    drawn with the subjects and outcomes that it was fitted to, classes lie further apart than those of new subjects do.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.latent import GroupFactorAnalysis
    >>> from skfuse.plotting import JointSpaceDisplay
    >>> cohort = make_cohort(120, missing=0.2, strength=3.0, random_state=0)
    >>> model = GroupFactorAnalysis().fit(cohort.X)
    >>> display = JointSpaceDisplay.from_estimator(model, cohort.X, cohort.y, n_loadings=2).plot()
    >>> display.axes_[0].get_xlabel(), len(display.loadings), len(display.axes_)
    ('joint 0', 6, 3)
    """

    def __init__(
        self,
        scores,
        n_present,
        n_modalities,
        *,
        names=("joint 0", "joint 1"),
        y=None,
        outcome="y",
        loadings=(),
        sd=None,
        uncertainty="mean",
        alone=None,
        n_left_out=0,
    ):
        self.scores = scores
        self.n_present = n_present
        self.n_modalities = n_modalities
        self.names = names
        self.y = y
        self.outcome = outcome
        self.loadings = list(loadings)
        self.sd = sd
        self.uncertainty = uncertainty
        self.alone = alone
        self.n_left_out = n_left_out

    @classmethod
    def from_estimator(
        cls, joint_space, X, y=None, *, components=None, modality=None, n_loadings=8, uncertainty="mean"
    ):
        """Compute the coordinates of subjects.

        Parameters
        ----------
        joint_space : estimator
            Fitted, of :mod:`skfuse.latent`.
        X : data frame or array of shape (n_subjects, n_features)
            The subjects, with whatever modalities each has.
        y : array-like of shape (n_subjects,) or None, default=None
            Classes or numbers that color the subjects; numbers with more than 10 different values count as such.
        components : tuple of one or two int, or None, default=None
            Which components to draw; None draws the first two, or the only one there is.
        modality : str or None, default=None
            None draws the joint space. A name draws the individual components of this modality, where the space has
            such (``individual_<modality>`` or ``compensation_<modality>``), and otherwise where subjects stand in the
            joint space by this modality alone; of those who have it.
        n_loadings : int, default=8
            Features of each modality, those with the largest loadings on the components drawn; 0 draws the scatter
            alone.
        uncertainty : {"mean", "subjects"} or None, default="mean"
            How the standard deviation of coordinates is drawn, where the space knows it
            (:meth:`skfuse.latent.GroupFactorAnalysis.posterior_sd`).

        Returns
        -------
        display : JointSpaceDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the space has no such part or component, or `y` does not fit `X`.
        TypeError
            If the estimator is no joint space.
        """
        if uncertainty not in ("mean", "subjects", None):
            raise ValueError(f"`uncertainty` must be 'mean', 'subjects' or None, got {uncertainty!r}.")
        place = located(joint_space, X, modality)
        chosen = checked_components(components, place)
        y, outcome = as_outcome(X, y, len(place.drawn))
        return cls(
            place.scores[place.drawn][:, chosen],
            place.n_present[place.drawn],
            place.n_modalities,
            names=tuple(f"{place.part} {k}" for k in chosen),
            y=None if y is None else y[place.drawn],
            outcome=outcome,
            loadings=largest_loadings(joint_space, place, chosen, n_loadings),
            sd=None if place.sd is None or uncertainty is None else place.sd[place.drawn][:, chosen],
            uncertainty=uncertainty,
            alone=modality if place.part == "joint" else None,
            n_left_out=int(np.count_nonzero(~place.drawn)),
        )

    # Sizes ----------------------------------------------------------------------------------------------------------

    @property
    def _has_numbers(self):
        return self.y is not None and self.y.dtype.kind == "f"

    def _beside(self, width):
        """Whether loadings stand beside the subjects, and not below."""
        return bool(self.loadings) and width >= NARROW * 1.35

    def _words_height(self, width):
        """Of what stands above the scatter."""
        rows = -(-len(self._legend()) // self._legend_columns(width))
        return _LEGEND * rows + _BAR * self._has_numbers + 0.1

    def _legend_columns(self, width):
        longest = max((len(label) for label, _ in self._legend()), default=0)
        room = (0.5 if self._beside(width) else 1.0) * (width - 0.42)
        return max(1, min(4, int(room / (0.35 + 0.072 * longest))))

    def _remarks(self, width):
        said = ["Bars: the largest loadings of each modality."] if self.loadings else []
        if self.n_left_out:
            said.append(f"{self.n_left_out} subjects without a modality to place them by not drawn.")
        return wrap(" ".join(said), max(24, int(width * (6.5 if self._beside(width) else 13.0) - 8)))

    def _parts(self, width):
        """Heights in inches: of the words above the scatter, it, what is below it, and the bars."""
        scatter = 3.4 if self._beside(width) else 4.2 if width >= NARROW * 1.35 else 0.85 * width
        below = _BELOW + 0.17 * len(self._remarks(width))
        return self._words_height(width), scatter, below, loadings_height(self.loadings)

    def _height(self, width):
        words, scatter, below, bars = self._parts(width)
        if self._beside(width):
            return max(words + scatter + below, bars + 0.55) + 0.1
        return words + scatter + below + (bars + 0.65 if bars else 0.0) + 0.1

    def _places(self, width):
        return places(width, self._parts(width), beside=self._beside(width), n_components=len(self.names))

    # Drawing --------------------------------------------------------------------------------------------------------

    def _draw(self, ax):
        if not len(self.scores):
            say_nothing_to_show(ax, "No subject has a modality to place it by.")
            return
        width = ax.figure.get_figwidth() * ax.get_position().width / 0.775
        ax.set_axis_off()
        scatter, bars = self._places(width)
        self.axes_ = [ax.inset_axes(place) for place in [scatter, *bars]]
        self._draw_subjects(self.axes_[0])
        self._draw_words(self.axes_[0], width)
        for k, panel in enumerate(self.axes_[1:]):
            title = shorten(self.names[k], 28 // len(self.names))
            draw_loadings(panel, self.loadings, k, title=title, n_classes=len(self._groups()) - 1)

    def _points(self):
        """Coordinates in the plane; of a single component with a height that spreads the subjects of a class."""
        if self.scores.shape[1] == 2:
            return self.scores
        labels = self._labels()
        order = {label: place for place, label in enumerate(in_order(labels))}
        height = np.empty(len(self.scores))
        height[np.argsort(self.scores[:, 0], kind="stable")] = np.arange(1, len(height) + 1) * _GOLDEN % 1.0
        return np.column_stack([self.scores[:, 0], 0.8 * height - [order[label] for label in labels]])

    def _labels(self):
        """Class of each subject; the same for all where there are none."""
        return np.full(len(self.scores), "", dtype=object) if self.y is None or self._has_numbers else self.y

    def _groups(self):
        """Color and marker of each class."""
        named = [label for label in in_order(self._labels()) if label]
        return {label: (cluster_color(k), cluster_marker(k)) for k, label in enumerate(named, start=1)} | {
            "": (MUTED if named or self._has_numbers else COLORS[0], "o")
        }

    def _number_colors(self):
        """Scale of numbers, and the color of each subject."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import LinearSegmentedColormap, Normalize

        colormap = LinearSegmentedColormap.from_list("numbers", _SCALE).with_extremes(bad=MUTED)
        scale = ScalarMappable(Normalize(*np.nanquantile(self.y, [0.02, 0.98])), colormap)
        return scale, scale.to_rgba(np.ma.masked_invalid(self.y))

    def _draw_subjects(self, ax):
        points, labels, complete = self._points(), self._labels(), self.n_present == self.n_modalities
        size, line = (30, 1.2) if len(points) <= 150 else (17, 1.0)
        ax.axvline(0, color=FAINT, lw=0.8, zorder=0)
        if len(self.names) == 2:
            ax.axhline(0, color=FAINT, lw=0.8, zorder=0)
        if self.sd is not None:
            self._draw_uncertainty(ax, points)
        numbers = self._number_colors()[1] if self._has_numbers else None
        for label, (color, marker) in self._groups().items():
            for whole in (False, True):
                own = (labels == label) & (complete == whole)
                colors = color if numbers is None else numbers[own]
                ax.scatter(
                    *points[own].T, s=size, marker=marker, linewidths=line, alpha=0.8, zorder=3, edgecolors=colors,
                    facecolors=colors if whole else "none",
                )  # fmt: skip
        by = "" if self.alone is None else f", by {shorten(self.alone, 18)} alone"
        ax.set_xlabel(self.names[0] + by)
        if len(self.names) == 2:
            ax.set_ylabel(self.names[1] + by, labelpad=1)
        else:
            ax.set_yticks([])
            ax.spines["left"].set_visible(False)
        ax.margins(0.05)
        ax.locator_params(axis="x", nbins=6)

    def _spreads(self):
        """Mean uncertainty by the number of modalities: of at most three numbers, all and fewest among them."""
        if self.alone is not None:
            return {"±1 SD": self.sd.mean(axis=0)}
        held = np.unique(self.n_present)[::-1]
        held = held if len(held) <= 3 else held[[0, len(held) // 2, -1]]
        return {f"±1 SD, {k} of {self.n_modalities}": self.sd[self.n_present == k].mean(axis=0) for k in held}

    def _draw_uncertainty(self, ax, points):
        from matplotlib.patches import Ellipse

        one = self.sd.shape[1] == 1
        if self.uncertainty == "subjects":
            few = (self.n_present < self.n_modalities) | (self.alone is not None)
            lines = {"color": MUTED, "lw": 0.7, "alpha": 0.3, "zorder": 1}
            ax.hlines(points[few, 1], *(points[few, 0] + sign * self.sd[few, 0] for sign in (-1, 1)), **lines)
            if not one:
                ax.vlines(points[few, 0], *(points[few, 1] + sign * self.sd[few, 1] for sign in (-1, 1)), **lines)
            return
        for place, spread in enumerate(self._spreads().values()):
            if one:
                height = points[:, 1].min() - 0.15 * (place + 1)
                ax.plot([-spread[0], spread[0]], [height] * 2, color=INK, lw=1.2, ls=DASHES[place], zorder=4)
            else:
                ax.add_patch(Ellipse((0, 0), *(2 * spread), fill=False, ec=INK, lw=1.2, ls=DASHES[place], zorder=4))

    def _legend(self):
        """Label and looks of each entry."""
        entries = []
        for label, (color, marker) in self._groups().items():
            if label:
                coded = label.replace(".", "").lstrip("-").isdigit() or label in ("True", "False")
                said = f"{self.outcome} = {label}" if coded else label
                entries.append((shorten(said, 20), {"marker": marker, "color": color, "ls": ""}))
        unknown = self.y is not None and (np.isnan(self.y) if self._has_numbers else self.y == "").any()
        if unknown:
            entries.append((shorten(f"{self.outcome} unknown", 20), {"marker": "o", "color": MUTED, "ls": ""}))
        if (self.n_present < self.n_modalities).any():
            hollow = {"marker": "o", "color": INK, "ls": "", "mfc": "none"}
            entries.append((f"all {self.n_modalities} modalities", hollow | {"mfc": INK}))
            entries.append(("some missing", hollow))
        if self.sd is not None and self.uncertainty == "mean":
            for place, label in enumerate(self._spreads()):
                entries.append((label, {"color": INK, "lw": 1.2, "ls": DASHES[place]}))
        elif self.sd is not None:
            entries.append(("±1 SD", {"color": MUTED, "lw": 0.9, "alpha": 0.6}))
        return entries

    def _draw_words(self, ax, width):
        scatter = self._parts(width)[1]
        if self._has_numbers:
            inset = ax.inset_axes([0.0, 1 + 0.06 / scatter, 0.6, 0.09 / scatter])
            bar = ax.figure.colorbar(self._number_colors()[0], cax=inset, orientation="horizontal", extend="neither")
            bar.outline.set_visible(False)
            inset.xaxis.set_ticks_position("top")
            inset.locator_params(axis="x", nbins=4)
            inset.tick_params(length=2, pad=1, labelsize="small")
            ax.annotate(shorten(self.outcome, 16), (0.62, 1), (0, 2), xycoords="axes fraction",
                        textcoords="offset points", fontsize="small")  # fmt: skip
        entries = self._legend()
        for label, looks in entries:
            ax.plot([np.nan], [np.nan], label=label, ms=5.5, mew=1.2, **looks)
        if entries:
            ax.legend(
                loc="lower left", bbox_to_anchor=(-0.02, 1 + _BAR * self._has_numbers / scatter),
                ncols=self._legend_columns(width), handlelength=1.8, handletextpad=0.4, columnspacing=1.0,
                borderaxespad=0.3, labelspacing=0.3, fontsize="small",
            )  # fmt: skip
        if self._remarks(width):
            ax.annotate("\n".join(self._remarks(width)), (0, 0), (0, -34), xycoords="axes fraction",
                        textcoords="offset points", va="top", fontsize="small", color=MUTED)  # fmt: skip
