"""Slices and glass brains inside the axes of a display, drawn by nilearn."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from skfuse.plotting._style import INK, MUTED

#: Share of the tested voxels that must lie in the brain of the template, which is taken 4 mm larger than it is.
_INSIDE, _MARGIN = 0.9, 2
_GREYS = ("#4a4f56", "#f2f4f6")
_SLICE_GAP = 0.08  # of the height of a slice, below it, for its position
BACKGROUNDS = ("template", "plain")


def require_nilearn():
    """Return nilearn.plotting, or raise an ImportError that says what to install."""
    import matplotlib as mpl

    try:
        with mpl.rc_context():  # the first import of nilearn.plotting sets options of the backend
            import nilearn.plotting
    except ImportError as error:
        raise ImportError('Figures of brains need nilearn: pip install "skfuse[app,imaging]".') from error
    return nilearn.plotting


@dataclass(frozen=True, eq=False)
class Voxels:
    """Where the columns of a table of voxels lie.

    Parameters
    ----------
    columns : ndarray of shape (n_x, n_y, n_z) of int32
        Number of the column of each voxel of the grid, from 1; 0 outside.
    affine : ndarray of shape (4, 4)
        From voxel indices to mm.
    """

    columns: np.ndarray
    affine: np.ndarray

    @classmethod
    def of(cls, like, n_voxels):
        """Ask who made the table.

        Parameters
        ----------
        like : LesionMasks, nilearn masker, str, Path or nibabel image
            What `from_estimator` of the displays takes.
        n_voxels : int
            Columns of the table.

        Returns
        -------
        voxels : Voxels
        """
        numbers = np.arange(1, n_voxels + 1)
        if hasattr(like, "inverse_transform"):
            image = like.inverse_transform(numbers.astype(np.float64))
        elif hasattr(like, "to_nifti"):
            image = like.to_nifti(numbers.astype(np.int32))
        else:
            from skfuse.io._nifti_maps import masks_like

            image = masks_like(like).to_nifti(numbers.astype(np.int32))
        columns = np.rint(np.asarray(image.dataobj)).astype(np.int32)
        return cls(columns.reshape(columns.shape[:3]), np.asarray(image.affine))

    def image(self, values):
        """A map as an image, 0 outside.

        Parameters
        ----------
        values : ndarray of shape (n_voxels,)

        Returns
        -------
        image : nibabel.Nifti1Image
        """
        from nibabel import Nifti1Image

        values = np.asarray(values, dtype=np.uint8 if np.asarray(values).dtype == bool else np.float32)
        return Nifti1Image(np.concatenate([values[:1] * 0, values])[self.columns], self.affine)

    def coordinates(self, chosen):
        """Centers of some voxels in mm.

        Parameters
        ----------
        chosen : ndarray of shape (n_voxels,) of bool

        Returns
        -------
        coordinates : ndarray of shape (n_chosen, 3)
            In the order of the grid.
        """
        places = np.argwhere(np.concatenate([[False], chosen])[self.columns])
        return places @ self.affine[:3, :3].T + self.affine[:3, 3]

    def coordinates_of(self, column):
        """Center of one voxel in mm, an ndarray of shape (3,)."""
        place = np.argwhere(self.columns == column + 1)[0]
        return self.affine[:3, :3] @ place + self.affine[:3, 3]


@cache
def _template():
    """The MNI152 template that comes with nilearn, without the skull, at 2 mm; nothing is downloaded."""
    from nilearn.datasets import load_mni152_template

    return load_mni152_template(resolution=2)


@cache
def _template_brain():
    """Where the brain of the template is, a little larger than it is."""
    from scipy.ndimage import binary_dilation

    return binary_dilation(np.asarray(_template().dataobj) > 0, iterations=_MARGIN)


def in_template(coordinates):
    """Tell whether points lie in the brain of the template, so that it can be drawn behind them.

    Parameters
    ----------
    coordinates : ndarray of shape (n_points, 3)
        In mm.

    Returns
    -------
    inside : bool
    """
    brain, inverse = _template_brain(), np.linalg.inv(_template().affine)
    places = np.rint(coordinates @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    there = ((places >= 0) & (places < brain.shape)).all(axis=1)
    return len(places) > 0 and bool(brain[tuple(places[there].T)].sum() >= _INSIDE * len(places))


def choose_background(background, coordinates):
    """What is drawn behind a map, and whether that is the space of the template.

    Parameters
    ----------
    background : {"template", "plain"}, str, Path, nibabel image or None
        None takes the template if the points lie in it.
    coordinates : ndarray of shape (n_points, 3)
        Of the voxels tested, in mm.

    Returns
    -------
    image : nibabel image or None
        None is plain.
    words : str
        What it is, as a sentence; empty for plain.
    standard : bool
        Whether the points lie in the brain of the template, so that a glass brain fits.
    """
    standard = in_template(coordinates)
    if background == "template" or (background is None and standard):
        return _template(), "Behind the slices: MNI152 template, not the subjects.", standard
    if background is None or background == "plain":
        return None, "", standard
    if isinstance(background, str | Path):
        import nibabel

        if not Path(background).is_file():
            raise FileNotFoundError(
                f"`background` must be one of {list(BACKGROUNDS)}, None, an image or its file; there is no file "
                f"{str(background)!r}."
            )
        background = nibabel.load(background)
    return background, "Behind the slices: an image given by the user.", standard


def cuts(voxels, first, shown, tested, n_cuts):
    """Heights of axial slices: those that are wanted, then where most of what is shown lies.

    Parameters
    ----------
    voxels : Voxels
    first : list of float
        Heights that are wanted, in mm.
    shown, tested : ndarray of shape (n_voxels,) of bool
        What the slices are for, and from where the rest is taken if that fills fewer slices.
    n_cuts : int

    Returns
    -------
    heights : list of float
        In mm, ascending.
    """
    found = sorted({float(height) for height in first})[:n_cuts]
    for chosen, apart in ((shown, 4.0), (tested, 8.0)):
        if not chosen.any():
            continue
        heights = voxels.coordinates(chosen)[:, 2]
        for share in _spread(n_cuts):
            height = float(np.quantile(heights, share, method="nearest"))
            if len(found) < n_cuts and all(abs(height - other) >= apart for other in found):
                found.append(height)
    return sorted(found)


def _spread(n):
    """Shares from 2 to 98 %, the middle and the ends first, then between them."""
    shares = np.linspace(0.02, 0.98, 2 * n + 1)
    order = [n, 0, 2 * n, *range(2, 2 * n, 2), *range(1, 2 * n, 2)]
    return shares[list(dict.fromkeys(order))]


def draw_slices(ax, box, voxels, heights, *, background, tested, radiological=False):
    """Make axial slices in a part of an axes, with what lies behind the map, the heights, left and right.

    Parameters
    ----------
    ax : matplotlib Axes
        Slices follow it when the figure is laid out.
    box : tuple of four float
        Left, bottom, width and height in fractions of `ax`.
    voxels : Voxels
    heights : list of float
        In mm.
    background : nibabel image or None
        None draws the region tested in grey.
    tested : ndarray of shape (n_voxels,) of bool
    radiological : bool
        Whether left is drawn at the right.

    Returns
    -------
    slices : nilearn.plotting.displays.ZSlicer
        To which maps are added.
    """
    from matplotlib.colors import LinearSegmentedColormap

    data = np.abs(np.asarray(background.dataobj, dtype=np.float32)) if background is not None else None
    image = voxels.image(tested) if background is None else background
    limits = (0.0, 1.4) if background is None else (0.0, float(np.nanquantile(data[data > 0], 0.999)))
    greys = LinearSegmentedColormap.from_list("greys", _GREYS)
    frame = _frame(ax)
    slices = require_nilearn().plot_img(
        image, figure=frame.figure, axes=frame, display_mode="z", cut_coords=list(heights), cmap=greys, vmin=limits[0],
        vmax=limits[1], threshold=1e-6, colorbar=False, annotate=False, draw_cross=False, black_bg=False,
        radiological=radiological,
    )  # fmt: skip
    left, bottom, width, height = box
    _follow(slices, frame, ax, (left, bottom + _SLICE_GAP * height, width, (1 - _SLICE_GAP) * height))
    for number, cut in enumerate(slices.axes.values()):
        said = f"z = {cut.coord:.0f} mm" if number == 0 else f"{cut.coord:.0f}"
        cut.ax.text(0.5, -0.02, said.replace("-", "−"), transform=cut.ax.transAxes, ha="center", va="top",
                    fontsize="small", color=MUTED)  # fmt: skip
    next(iter(slices.axes.values())).draw_left_right(size=8, bg_color="none", color=INK)
    return slices


def draw_glass(ax, box, image, *, cmap, largest, both_sides, radiological=False):
    """Draw the largest value along each line of sight through a schematic brain.

    Parameters
    ----------
    ax, box
        As in `draw_slices`.
    image : nibabel image or None
        None draws the empty brain.
    cmap : matplotlib colormap
    largest : float
        Absolute value at the ends of the colors.
    both_sides : bool
        Whether the halves are drawn apart.
    radiological : bool

    Returns
    -------
    glass : nilearn.plotting.displays.OrthoProjector
    """
    frame = _frame(ax)
    glass = require_nilearn().plot_glass_brain(
        image, figure=frame.figure, axes=frame, display_mode="lyrz" if both_sides else "ortho", plot_abs=False,
        cmap=cmap, vmin=-largest, vmax=largest, threshold=1e-6, colorbar=False, annotate=False, black_bg=False,
        radiological=radiological,
    )  # fmt: skip
    _follow(glass, frame, ax, box)
    mark_sides(glass)
    return glass


def mark_sides(glass):
    """Write left and right beside the views of a glass brain."""
    for name, view in glass.axes.items():
        view.draw_left_right(size=8, bg_color="none", color=INK)
        if name in "lr":
            view.ax.text(0.5, 1.0, {"l": "left half", "r": "right half"}[name], transform=view.ax.transAxes,
                         ha="center", va="bottom", fontsize="x-small", color=MUTED)  # fmt: skip


def connectome_in(ax, box, adjacency, coordinates, **settings):
    """Draw a network on a glass brain in a part of an axes; the arguments are those of nilearn's plot_connectome.

    Parameters
    ----------
    ax, box
        As in `draw_slices`.
    adjacency : ndarray of shape (n_nodes, n_nodes)
    coordinates : ndarray of shape (n_nodes, 3)
        In mm.
    **settings : dict
        Passed on.

    Returns
    -------
    glass : nilearn.plotting.displays.OrthoProjector
    """
    frame = _frame(ax)
    glass = require_nilearn().plot_connectome(
        adjacency, coordinates, figure=frame.figure, axes=frame, colorbar=False, annotate=False, **settings
    )
    _follow(glass, frame, ax, box)
    mark_sides(glass)
    return glass


def _frame(ax):
    """An axes of the whole figure for nilearn, which takes no axes of a part of a figure."""
    return ax.get_figure(root=True).add_axes((0, 0, 1, 1), label="nilearn")


def _follow(drawn, frame, ax, box):
    """Keep what nilearn drew inside a part of an axes, also after the figure is laid out anew.

    Nilearn places its axes where the figure was when they were drawn; the layout of a figure moves `ax` later.
    """
    from matplotlib.transforms import Bbox

    left, bottom, width, height = box
    views = [view.ax for view in drawn.axes.values()]
    widths = np.array([abs(np.subtract(*view.get_xlim())) for view in views])
    starts = np.concatenate([[0.0], np.cumsum(widths)]) / widths.sum()
    places = {view: (starts[k], starts[k + 1]) for k, view in enumerate(views)} | {frame: (0.0, 1.0)}

    def place(one, renderer):
        start, stop = places[one]
        inside = Bbox.from_extents(left + start * width, bottom, left + stop * width, bottom + height)
        return inside.transformed(ax.transAxes - ax.get_figure(root=True).transFigure)

    for one in places:
        one.set_axes_locator(place)
