"""What figures of axial slices share: parts below each other, some of them rows of slices."""

import numpy as np

from skfuse.plotting._brain import Voxels, choose_background, cuts, draw_slices, require_nilearn
from skfuse.plotting._display import Display
from skfuse.plotting._panels import GAP, LINE, small_lines, width_of, write_lines

_SLICE = 1.28  # height of a slice in units of its width


class BrainSlicesDisplay(Display):
    """Words, rows of axial slices, what else a subclass draws below them, and remarks.

    A subclass calls `_keep_view` when it is made and says what differs: `_look` (what is shown where, which needs
    nilearn), `_heading` and `_said` (the words), `_own_parts` with `_draw_part` (below the slices), `_add_maps` (on
    the slices) and the region in grey where there is no background, `_region`.
    """

    #: Whether there are slices; `_look` may turn it off.
    _with_slices = True

    def _keep_view(self, like, background, cut_coords, n_cuts, radiological):
        """Store where the voxels lie and how they are looked at."""
        if cut_coords is None and n_cuts < 1:
            raise ValueError(f"`n_cuts` must be at least 1, got {n_cuts}.")
        self.like = like
        self.background = background
        self.cut_coords = cut_coords
        self.n_cuts = n_cuts
        self.radiological = radiological

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a figure.

        Returns
        -------
        display : Display
            Itself, with ``ax_`` and ``figure_``, and the attributes of the class.

        Raises
        ------
        ImportError
            If nilearn is not installed.
        ValueError
            If `like` has other voxels, or only a glass brain is asked for and the voxels do not lie in MNI space.
        """
        self._collect()
        return super().plot(ax=ax)

    def _collect(self):
        """What needs nilearn, once: where the voxels lie, and what is behind them."""
        require_nilearn()
        if not hasattr(self, "_voxels"):
            voxels = Voxels.of(self.like, len(self._region()))
            self._look(voxels)
            self._voxels = voxels

    def _choose_background(self, voxels, among):
        """Decide what is behind the slices; return whether `among` lies in the brain of the template."""
        self._background, self._behind, standard = choose_background(self.background, voxels.coordinates(among))
        return standard

    def _choose_heights(self, voxels, first, shown, among):
        """Heights of the slices: those the user wants, or `first` and where most of `shown`, then `among`, lies."""
        if self.cut_coords is None:
            self._heights = cuts(voxels, first, shown, among, self.n_cuts)
        else:
            self._heights = sorted(float(height) for height in self.cut_coords)

    def _rows(self, width):
        """Heights of the slices in each row."""
        if not self._with_slices:
            return []
        most = 3 if width < 5 else 6
        n_rows = -(-len(self._heights) // most)
        return [tuple(part) for part in np.array_split(np.asarray(self._heights, dtype=float), n_rows)]

    def _parts(self, width):
        """Name, or heights of a row of slices, and inches of what is drawn, from the top."""
        rows = self._rows(width)
        in_a_row = max([3, *map(len, rows)])
        return [
            ("words", LINE * (0.4 + len(self._heading(width)))),
            *((row, width / in_a_row * _SLICE + GAP) for row in rows),
            *self._own_parts(width),
            ("remarks", LINE * (0.4 + len(self._remarks(width)))),
        ]

    def _height(self, width):
        self._collect()
        return sum(inches for _, inches in self._parts(width))

    def _remarks(self, width):
        return small_lines(" ".join(self._said()), width)

    def _said_of_side(self):
        return f"The left of the brain is drawn at the {'right' if self.radiological else 'left'}."

    def _draw(self, ax):
        width = width_of(ax)
        parts, rows = self._parts(width), self._rows(width)
        total, longest = sum(inches for _, inches in parts), max(map(len, rows), default=1)
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(0, 1))
        self.slices_, top = [], 1.0
        for name, inches in parts:
            bottom = top - inches / total
            if name == "words":
                write_lines(ax, self._heading(width), top, LINE / total)
            elif name == "remarks":
                write_lines(ax, self._remarks(width), top, LINE / total)
            elif isinstance(name, tuple):
                share = len(name) / longest if len(rows) > 1 else 1.0
                self.slices_.append(self._draw_row(ax, (0.0, bottom, share, top - bottom), name))
            else:
                self._draw_part(ax, name, bottom, top, total, width)
            top = bottom

    def _draw_row(self, ax, box, heights):
        slices = draw_slices(
            ax, box, self._voxels, heights, background=self._background, tested=self._region(),
            radiological=self.radiological,
        )  # fmt: skip
        self._add_maps(slices)
        return slices
