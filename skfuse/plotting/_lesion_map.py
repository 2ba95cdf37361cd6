"""Lesion-symptom maps on slices and on a glass brain."""

import numpy as np

from skfuse.plotting._brain import draw_glass
from skfuse.plotting._brain_slices import BrainSlicesDisplay
from skfuse.plotting._lesion_words import counted, map_finding, map_method, place_mm, short_number
from skfuse.plotting._panels import GAP, color_bar, finding_lines, signed_colors
from skfuse.plotting._style import INK, MUTED

PLOT_STYLES = ("slices", "glass", "both")
#: Opacity of voxels that were tested and are not significant.
_PALE = 0.38
#: Inches: the color bar with its words, and a row of the glass brain.
_BAR, _GLASS = 0.82, 1.9
#: A voxel is significant beyond the threshold of these corrections; others compare clusters or enhanced values.
_OF_VOXELS = ("max", "cfwer", "fdr", "bonferroni")


class LesionMapDisplay(BrainSlicesDisplay):
    """The statistic of every voxel tested on axial slices, and the significant voxels on a glass brain.

    Parameters
    ----------
    values : ndarray of shape (n_voxels,)
        Statistic of each voxel; positive where subjects with a lesion score higher.
    significant : ndarray of shape (n_voxels,) of bool
        Voxels that are drawn opaque and with an outline.
    like : LesionMasks, nilearn masker, str, Path or nibabel image
        Where the voxels lie: what read the masks, or a mask image.
    tested : ndarray of shape (n_voxels,) of bool or None, default=None
        Voxels tested; None takes those whose statistic is not 0.
    statistic : str, default="statistic"
        Its name, below the color bar.
    finding : str or None, default=None
        The sentence above; None counts voxels.
    method : str, default=""
        How significance was decided, in small letters below it.
    threshold : float or None, default=None
        Absolute statistic beyond which a voxel is significant, marked in the color bar.
    plot_style : {"both", "slices", "glass"}, default="both"
        ``"both"`` leaves out the glass brain, a drawing of the MNI space, where the voxels do not lie in that brain.
    background : {"template", "plain"}, str, Path, nibabel image or None, default=None
        What is drawn behind the map: the MNI152 template that comes with nilearn, the region tested in grey, or an
        image. None takes the template if at least nine of ten voxels tested lie in it, otherwise ``"plain"``.
    cut_coords : sequence of float or None, default=None
        Heights of the axial slices in mm; None chooses `n_cuts` where most significant voxels lie, the one of the
        largest statistic among them.
    n_cuts : int, default=6
        Slices.
    radiological : bool, default=False
        Whether the left of the brain is drawn at the right.

    Attributes
    ----------
    ax_, figure_
        Where it was drawn.
    slices_ : list of nilearn.plotting.displays.ZSlicer
        A display of nilearn for each row of slices.
    glass_ : nilearn.plotting.displays.OrthoProjector or None
        The glass brain, None where there is none.
    bar_ : matplotlib Axes
        The color bar.

    See Also
    --------
    LesionOverlapDisplay : How many subjects are lesioned where.
    NullDistributionDisplay : Against what the statistic was compared.

    Notes
    -----
    A template is nobody's brain: it shows where standard space has its sulci and ventricles, after registration. Colors
    end at the largest absolute statistic on both sides, so that equal colors are equal statistics. The glass brain
    shows along each line of sight the value that is largest in absolute value, of significant voxels only.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.io import LesionMasks
    >>> from skfuse.lesions import LesionSymptomMapping
    >>> from skfuse.plotting import LesionMapDisplay
    >>> rng = np.random.default_rng(0)
    >>> X, affine = (rng.random((40, 216)) < 0.3).astype(np.uint8), np.diag([2.0, 2.0, 2.0, 1.0])
    >>> masks = LesionMasks(X, np.ones((6, 6, 6), dtype=bool), affine, np.arange(40).astype(str), 8.0 * X.sum(axis=1))
    >>> mapping = LesionSymptomMapping(n_permutations=99, random_state=0).fit(X, rng.normal(size=40) - 4 * X[:, 100])
    >>> display = LesionMapDisplay.from_estimator(mapping, masks, plot_style="slices", n_cuts=3).plot()
    >>> display.finding.split(":")[0]
    '1 of 216 voxels tested is significant'
    """

    def __init__(
        self,
        values,
        significant,
        like,
        *,
        tested=None,
        statistic="statistic",
        finding=None,
        method="",
        threshold=None,
        plot_style="both",
        background=None,
        cut_coords=None,
        n_cuts=6,
        radiological=False,
    ):
        if plot_style not in PLOT_STYLES:
            raise ValueError(f"`plot_style` must be one of {list(PLOT_STYLES)}, got {plot_style!r}.")
        values, significant = np.asarray(values, dtype=np.float64), np.asarray(significant, dtype=bool)
        tested = values != 0 if tested is None else np.asarray(tested, dtype=bool)
        if values.ndim != 1 or not values.shape == significant.shape == tested.shape:
            raise ValueError(
                "`values`, `significant` and `tested` hold an entry for each voxel, got shapes "
                f"{values.shape}, {significant.shape} and {tested.shape}."
            )
        self._keep_view(like, background, cut_coords, n_cuts, radiological)
        self.values = values
        self.significant = significant
        self.tested = tested
        self.statistic = statistic
        self.finding = counted(values, significant, tested) if finding is None else finding
        self.method = method
        self.threshold = threshold
        self.plot_style = plot_style

    @classmethod
    def from_estimator(
        cls,
        mapping,
        like,
        *,
        plot_style="both",
        background=None,
        cut_coords=None,
        n_cuts=6,
        radiological=False,
    ):
        """Collect the map of a fitted estimator.

        Parameters
        ----------
        mapping : LesionSymptomMapping
            Fitted, on the voxels of `like`.
        like : LesionMasks, nilearn masker, str, Path or nibabel image
            Where the voxels lie: what read the masks, or a mask image.
        plot_style : {"both", "slices", "glass"}, default="both"
            See the class, as for the rest.
        background : {"template", "plain"}, str, Path, nibabel image or None, default=None
            Behind the map.
        cut_coords : sequence of float or None, default=None
            Heights of the slices in mm.
        n_cuts : int, default=6
            Slices.
        radiological : bool, default=False
            Whether the left of the brain is drawn at the right.

        Returns
        -------
        display : LesionMapDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the estimator has no map.
        """
        if not hasattr(mapping, "map_") or not hasattr(mapping, "significant_"):
            raise ValueError(
                f"{type(mapping).__name__} has no map with significant voxels. Give a fitted LesionSymptomMapping, or "
                "make the display from arrays."
            )
        report = getattr(mapping, "report_", {})
        correction = getattr(mapping, "correction", "")
        return cls(
            mapping.map_,
            mapping.significant_,
            like,
            tested=getattr(mapping, "mask_", None),
            statistic=report.get("statistic", "statistic"),
            finding=map_finding(mapping, correction),
            method=map_method(report),
            threshold=mapping.threshold_ if correction in _OF_VOXELS else None,
            plot_style=plot_style,
            background=background,
            cut_coords=cut_coords,
            n_cuts=n_cuts,
            radiological=radiological,
        )

    def _region(self):
        return self.tested

    def _look(self, voxels):
        standard = self._choose_background(voxels, self.tested)
        if self.plot_style == "glass" and not standard:
            coordinates = voxels.coordinates(self.tested)
            low, high = coordinates.min(axis=0), coordinates.max(axis=0)
            raise ValueError(
                "A glass brain is a drawing of MNI space, and fewer than nine of ten voxels tested lie in that brain: "
                f"they lie from {place_mm(low)} to {place_mm(high)} mm. Take plot_style='slices', or masks in MNI "
                "space."
            )
        self._with_slices, self._with_glass = self.plot_style != "glass", self.plot_style != "slices" and standard
        shown = self.significant if self.significant.any() else self.tested
        self._both_sides = (np.ptp(np.sign(voxels.coordinates(shown)[:, 0])) > 1) if shown.any() else False
        first = [voxels.coordinates_of(peak)[2] for peak in self._significant_peaks()]
        self._choose_heights(voxels, first, shown, self.tested)
        finite = np.abs(self.values[self.tested & np.isfinite(self.values)])
        self._largest = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
        # What is infinite has the last color.
        clipped = np.clip(np.nan_to_num(self.values), -self._largest, self._largest)
        self._colored = np.where(self.tested, clipped, 0.0)

    def _own_parts(self, width):
        glass = [("glass", min(_GLASS, width * 0.34) + GAP)] if self._with_glass else []
        return [*glass, ("bar", _BAR)]

    def _heading(self, width):
        return finding_lines(self.finding, self.method, width)

    def _said(self):
        """Remarks below, a sentence each."""
        said = []
        if self.significant.any():
            said.append("Circles: the largest of each side.")
        if self._with_slices:
            said += ["Opaque: significant. Pale: tested, not significant."] if self.significant.any() else []
            said.append(self._behind or "Grey: the region tested.")
        if self._with_glass:
            said.append(
                "Glass brain: significant voxels only."
                if self.significant.any()
                else "The glass brain is empty: it shows significant voxels only."
            )
        elif self.plot_style == "both":
            said.append("No glass brain: the voxels do not lie in MNI space.")
        return [*said, self._said_of_side(), *self._peaks()]

    def _peaks(self):
        """The largest statistic on each side, with its place."""
        said = []
        for name, sign in (("Lowest", -1.0), ("Highest", 1.0)):
            peak = self._peak(sign, self.tested)
            if peak is not None:
                said.append(
                    f"{name} {short_number(self.values[peak])} at {place_mm(self._voxels.coordinates_of(peak))} mm."
                )
        return said

    def _peak(self, sign, among):
        """The voxel of the largest statistic on one side; None where there is none."""
        side = np.where(among, sign * self.values, -np.inf)
        return int(side.argmax()) if side.size and side.max() > 0 else None

    def _significant_peaks(self):
        peaks = [self._peak(sign, self.significant) for sign in (-1.0, 1.0)]
        return [peak for peak in peaks if peak is not None]

    def _draw(self, ax):
        self.glass_ = None
        super()._draw(ax)

    def _draw_part(self, ax, name, bottom, top, total, width):
        if name == "bar":
            self._draw_bar(ax, top - 0.33 / total, 0.1 / total, width)
            return
        found = self._voxels.image(np.where(self.significant, self._colored, 0.0)) if self.significant.any() else None
        self.glass_ = draw_glass(
            ax, (0.0, bottom + GAP / total, 1.0, top - bottom - GAP / total), found, cmap=signed_colors(),
            largest=self._largest, both_sides=self._both_sides, radiological=self.radiological,
        )  # fmt: skip
        self._mark_peaks(self.glass_)

    def _mark_peaks(self, drawn):
        """Circle the largest significant statistic of each side: one voxel is easily overlooked."""
        for peak in self._significant_peaks():
            drawn.add_markers(
                self._voxels.coordinates_of(peak)[None], marker_color="none", marker_size=45, edgecolors=INK,
                linewidths=0.9,
            )  # fmt: skip

    def _add_maps(self, slices):
        colors = {"cmap": signed_colors(), "vmin": -self._largest, "vmax": self._largest, "threshold": 1e-6}
        slices.add_overlay(self._voxels.image(self._colored), transparency=_PALE, **colors)
        if self.tested.any():
            slices.add_contours(self._voxels.image(self.tested), levels=[0.5], colors=[MUTED], linewidths=0.5)
        if self.significant.any():
            slices.add_overlay(self._voxels.image(np.where(self.significant, self._colored, 0.0)), **colors)
            slices.add_contours(self._voxels.image(self.significant), levels=[0.5], colors=[INK], linewidths=0.7)
            self._mark_peaks(slices)

    def _draw_bar(self, ax, top, height, width):
        left, largest = 0.18 if width > 5 else 0.05, self._largest
        box = (left, top - height, 1 - 2 * left, height)
        bar = color_bar(ax, box, signed_colors(), (-largest, largest), self.statistic)
        ticks = [-largest, 0.0, largest]
        threshold = self.threshold
        if threshold is not None and np.isfinite(threshold) and 0 < threshold < largest:
            for sign in (-1.0, 1.0):
                bar.plot([sign * threshold] * 2, [-0.35, 1.35], color=INK, lw=1.2, clip_on=False)
            room = 0.12 if width > 5 else 0.25
            if threshold / largest > room:
                ticks += [-threshold, threshold]
            if 1 - threshold / largest < room:
                ticks = [tick for tick in ticks if abs(tick) < largest]
        bar.set_xticks(sorted(ticks), [short_number(tick) for tick in sorted(ticks)])
        if len(bar.lines):
            bar.set_xlabel(f"{self.statistic}; lines: threshold")
        for x, side, said in ((0.0, "left", "lower"), (1.0, "right", "higher")):
            bar.text(x, 1.5, f"lesioned score {said}", transform=bar.transAxes, ha=side, va="bottom",
                     fontsize="x-small", color=MUTED)  # fmt: skip
        self.bar_ = bar
