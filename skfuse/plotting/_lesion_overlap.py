"""How many subjects are lesioned where, and how large their lesions are."""

from numbers import Integral

import numpy as np

from skfuse.plotting._brain_slices import BrainSlicesDisplay
from skfuse.plotting._panels import color_bar, count_colors, finding_lines
from skfuse.plotting._style import COLORS, FAINT, INK

#: Inches: the color bar with its words, and the histogram with its axis.
_BAR, _VOLUMES = 0.62, 1.75


class LesionOverlapDisplay(BrainSlicesDisplay):
    """Number of subjects lesioned at each voxel on axial slices, the region tested outlined, and the lesion volumes.

    Parameters
    ----------
    counts : ndarray of shape (n_voxels,), int
        Subjects lesioned at each voxel.
    volumes : ndarray of shape (n_subjects,)
        Lesion volumes in ml.
    like : LesionMasks, nilearn masker, str, Path or nibabel image
        Where the voxels lie: what read the masks, or a mask image.
    tested : ndarray of shape (n_voxels,) of bool or None, default=None
        Region that is outlined; None outlines nothing.
    rule : str, default=""
        What made that region, in words.
    background : {"template", "plain"}, str, Path, nibabel image or None, default=None
        What is drawn behind: the MNI152 template that comes with nilearn, all voxels of the table in grey, or an image.
        None takes the template if at least nine of ten lesioned voxels lie in it, otherwise ``"plain"``.
    cut_coords : sequence of float or None, default=None
        Heights of the axial slices in mm; None chooses `n_cuts` where most of the region tested lies, the one of the
        most subjects among them.
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
    bar_, volumes_ax_ : matplotlib Axes
        The color bar, and the histogram of volumes.

    See Also
    --------
    LesionMapDisplay : The map of a statistic.

    Notes
    -----
    A map of lesions can find nothing where few are lesioned: a region outside the outline was not tested, which does
    not say that it does not matter.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.io import LesionMasks
    >>> from skfuse.plotting import LesionOverlapDisplay
    >>> X = (np.random.default_rng(0).random((40, 216)) < 0.2).astype(np.uint8)
    >>> affine, ids = np.diag([2.0, 2.0, 2.0, 1.0]), np.arange(40).astype(str)
    >>> masks = LesionMasks(X, np.ones((6, 6, 6), dtype=bool), affine, ids, 8.0 * X.sum(axis=1))
    >>> display = LesionOverlapDisplay.from_masks(masks, min_overlap=8, n_cuts=2).plot()
    >>> int(display.counts.max()), int(display.tested.sum())
    (17, 137)
    """

    def __init__(
        self,
        counts,
        volumes,
        like,
        *,
        tested=None,
        rule="",
        background=None,
        cut_coords=None,
        n_cuts=6,
        radiological=False,
    ):
        counts, volumes = np.asarray(counts), np.asarray(volumes, dtype=np.float64)
        tested = None if tested is None else np.asarray(tested, dtype=bool)
        if counts.ndim != 1 or (tested is not None and tested.shape != counts.shape):
            raise ValueError(
                f"`counts` and `tested` hold an entry for each voxel, got shapes {counts.shape} and "
                f"{None if tested is None else tested.shape}."
            )
        self._keep_view(like, background, cut_coords, n_cuts, radiological)
        self.counts = counts
        self.volumes = volumes
        self.tested = tested
        self.rule = rule

    @classmethod
    def from_masks(
        cls,
        masks,
        *,
        min_overlap=0.1,
        mapping=None,
        background=None,
        cut_coords=None,
        n_cuts=6,
        radiological=False,
    ):
        """Count lesions.

        Parameters
        ----------
        masks : LesionMasks
            From ``read_masks``.
        min_overlap : int, float or None, default=0.1
            The region outlined, as in ``LesionSymptomMapping``: subjects in whom a voxel is lesioned, and as many in
            whom it is spared, as a count or a share. None outlines nothing.
        mapping : LesionSymptomMapping or None, default=None
            Fitted on these voxels: the region that it tested is outlined instead.
        background : {"template", "plain"}, str, Path, nibabel image or None, default=None
            See the class, as for the rest.
        cut_coords : sequence of float or None, default=None
            Heights of the slices in mm.
        n_cuts : int, default=6
            Slices.
        radiological : bool, default=False
            Whether the left of the brain is drawn at the right.

        Returns
        -------
        display : LesionOverlapDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If `mapping` was fitted on other voxels.
        """
        counts = np.asarray(masks.X.sum(axis=0, dtype=np.int64))
        tested, rule = None, ""
        if mapping is not None:
            tested, rule = mapping.mask_, "tested"
            if tested.shape != counts.shape:
                raise ValueError(
                    f"`mapping` was fitted on {len(tested):,} voxels, and `masks` has {len(counts):,}. Give the masks "
                    "that it was fitted on."
                )
        elif min_overlap is not None:
            tested, rule = _enough(counts, len(masks.X), min_overlap)
        return cls(
            counts,
            masks.volumes_mm3 / 1000,
            masks,
            tested=tested,
            rule=rule,
            background=background,
            cut_coords=cut_coords,
            n_cuts=n_cuts,
            radiological=radiological,
        )

    def _region(self):
        return np.ones(len(self.counts), dtype=bool)

    def _look(self, voxels):
        lesioned = self.counts > 0
        self._choose_background(voxels, lesioned)
        shown = self.tested if self.tested is not None and self.tested.any() else lesioned
        first = [voxels.coordinates_of(int(self.counts.argmax()))[2]] if lesioned.any() else [0.0]
        self._choose_heights(voxels, first, shown, lesioned)

    def _own_parts(self, width):
        return [("bar", _BAR), ("volumes", _VOLUMES)]

    def _heading(self, width):
        n, most = len(self.volumes), int(self.counts.max(initial=0))
        said = f"{n} subjects, at most {most} lesioned at the same voxel"
        if self.tested is not None:
            share = f"of {int((self.counts > 0).sum()):,} voxels lesioned in anybody"
            said += (
                f"; {int(self.tested.sum()):,} {share} are {self.rule}"
                if self.tested.any()
                else (f"; {share}, none is {self.rule}")
            )
        return finding_lines(said + ".", "", width)

    def _said(self):
        said = [f"Outlined: {self.rule}."] if self.tested is not None and self.tested.any() else []
        said += [self._behind] if self._behind else []
        return [*said, self._said_of_side()]

    def _draw_part(self, ax, name, bottom, top, total, width):
        if name == "bar":
            self._draw_bar(ax, top - 0.15 / total, 0.1 / total, width)
        else:
            self._draw_volumes(ax, 0.55 / width, bottom + 0.45 / total, top - bottom - 0.55 / total)

    def _add_maps(self, slices):
        most = self._most()
        counts = self._voxels.image(self.counts.astype(np.float32))
        slices.add_overlay(counts, cmap=count_colors(), vmin=0.5, vmax=most + 0.5, threshold=0.5)
        if self.tested is not None and self.tested.any():
            slices.add_contours(self._voxels.image(self.tested), levels=[0.5], colors=[INK], linewidths=0.8)

    def _most(self):
        return max(int(self.counts.max(initial=0)), 1)

    def _draw_bar(self, ax, top, height, width):
        left, most = 0.18 if width > 5 else 0.05, self._most()
        box, ends = (left, top - height, 1 - 2 * left, height), (0.5, most + 0.5)
        bar = color_bar(ax, box, count_colors(), ends, "subjects lesioned", smooth=False)
        step = max(1, int(np.ceil(most / 5 / 5) * 5)) if most > 6 else 1
        inner = [tick for tick in range(step, most, step) if most - tick >= 0.6 * step and tick > 1]
        bar.set_xticks([1, *inner, most] if most > 1 else [1])
        self.bar_ = bar

    def _draw_volumes(self, ax, left, bottom, height):
        panel = ax.inset_axes([left, bottom, 0.98 - left, height])
        held = self.volumes[np.isfinite(self.volumes)]
        if held.size:
            panel.hist(held, bins=min(30, max(5, int(np.sqrt(held.size) * 2))), color=COLORS[0], alpha=0.75, lw=0)
            middle = float(np.median(held))
            panel.axvline(middle, color=INK, lw=1.1)
            panel.annotate(
                f"median {middle:,.3g} ml, {held.min():,.3g} to {held.max():,.3g}", (middle, 1.0),
                xycoords=("data", "axes fraction"), xytext=(4, -2), textcoords="offset points", va="top",
                fontsize="small", color=INK,
            )  # fmt: skip
        panel.set_xlim(left=0.0)
        panel.set_xlabel("lesion volume (ml)", fontsize="small", labelpad=1)
        panel.set_ylabel("subjects", fontsize="small")
        panel.yaxis.get_major_locator().set_params(integer=True, nbins=4)
        panel.tick_params(labelsize="small")
        panel.grid(True, axis="y", color=FAINT)
        panel.set_axisbelow(True)
        self.volumes_ax_ = panel


def _enough(counts, n_subjects, min_overlap):
    """Voxels with enough subjects on both sides, and the rule in words."""
    from skfuse.lesions import least_overlap

    if isinstance(min_overlap, bool) or not (
        (isinstance(min_overlap, Integral) and min_overlap >= 1)
        or (isinstance(min_overlap, float) and 0 < min_overlap <= 0.5)
    ):
        raise ValueError(
            f"`min_overlap` must be a count from 1, a share above 0 and up to 0.5, or None, got {min_overlap!r}."
        )
    least = least_overlap(min_overlap, n_subjects)
    return (counts >= least) & (n_subjects - counts >= least), f"lesioned in {least} or more and spared in as many"
