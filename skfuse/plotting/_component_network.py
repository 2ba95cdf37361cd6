"""Components of a network-based statistic: as a matrix, and on a glass brain or a ring."""

from textwrap import wrap

import numpy as np

from skfuse.plotting._brain import connectome_in, require_nilearn
from skfuse.plotting._clusters import CLUSTER_COLORS
from skfuse.plotting._component_words import enhanced_edges, nbs_method, nbs_sides, numbered_components
from skfuse.plotting._display import Display
from skfuse.plotting._null_observed import digits
from skfuse.plotting._panels import LINE, color_bar, finding_lines, signed_colors, small_lines, width_of, write_lines
from skfuse.plotting._ring import draw_ring
from skfuse.plotting._style import FAINT, INK, MUTED, shorten

_BRAIN, _BAR = 1.85, 0.5  # inches: a row of the glass brain, the color bar with its words
_MATRIX_NAMED = 24  # nodes, at most, that are named along a matrix
#: The blue and the orange of the sign are left to the sign.
_COMPONENT_COLORS = CLUSTER_COLORS[2:]
#: Where brains lie in MNI space, with a margin, in mm.
_LOWEST, _HIGHEST = (-95, -135, -95), (95, 100, 115)


class ComponentNetworkDisplay(Display):
    """Significant components of a connectome: a matrix, and lines on a glass brain or around a ring.

    Parameters
    ----------
    t : ndarray of shape (n_edges,)
        Statistic of every edge.
    edges : ndarray of shape (n_edges, 2), int
        Its nodes.
    components : list of dict
        ``name``, ``edges`` (positions in `t`), ``sign``, ``p_value`` and ``significant``, as they are drawn.
    coordinates : array-like of shape (n_nodes, 3) or None, default=None
        Of the nodes, in mm of MNI space; None draws a ring.
    names : array-like of shape (n_nodes,) or None, default=None
        Of the nodes; None numbers them from 0.
    finding, method : str, default=""
        The sentence above, and the small letters below it.
    sides : tuple of two str, default=("negative", "positive")
        What a negative and a positive t mean.

    See Also
    --------
    NullDistributionDisplay : Against what the size of components was compared.

    Notes
    -----
    A significant component is not chance as a whole; of its single edges nothing is said. That is why the matrix holds
    the t of every edge below the diagonal, where the component is above it.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.connectomes import NetworkBasedStatistic
    >>> from skfuse.plotting import ComponentNetworkDisplay
    >>> rng = np.random.default_rng(0)
    >>> connectomes, group = rng.normal(size=(40, 45)), np.repeat(["control", "patient"], 20)
    >>> connectomes[20:, :6] -= 1.8
    >>> nbs = NetworkBasedStatistic(n_permutations=199, random_state=0).fit(connectomes, group)
    >>> display = ComponentNetworkDisplay.from_estimator(nbs).plot()
    >>> display.legend()
    ['component 1: 6 edges of 7 nodes, weaker in patient than in control, p = 0.005']
    """

    def __init__(
        self,
        t,
        edges,
        components,
        *,
        coordinates=None,
        names=None,
        finding="",
        method="",
        sides=("negative", "positive"),
    ):
        t, edges = np.asarray(t, dtype=np.float64), np.asarray(edges)
        if t.ndim != 1 or edges.shape != (len(t), 2):
            raise ValueError(f"`edges` holds two nodes for each t, got shapes {edges.shape} and {t.shape}.")
        self.t = t
        self.edges = edges
        self.components = components
        self.n_nodes = int(edges.max()) + 1
        self.coordinates = None if coordinates is None else _checked_coordinates(coordinates, self.n_nodes)
        self.names = _checked_names(names, self.n_nodes)
        self.finding = finding
        self.method = method
        self.sides = sides

    @classmethod
    def from_estimator(cls, nbs, coordinates=None, names=None, *, components=None):
        """Collect the components of a fitted network-based statistic.

        Parameters
        ----------
        nbs : NetworkBasedStatistic
            Fitted.
        coordinates : array-like of shape (n_nodes, 3) or None, default=None
            Of the nodes, in mm of MNI space; None draws a ring.
        names : array-like of shape (n_nodes,) or None, default=None
            Of the nodes; None takes those of the estimator.
        components : sequence of int or None, default=None
            Numbers from 1, as in ``nbs.components_``; None takes the significant ones (with ``method="tfnbs"`` the
            significant edges of each sign), and where there are none the largest, in grey.

        Returns
        -------
        display : ComponentNetworkDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the estimator is not fitted, there is no such component, or coordinates and names do not fit.
        """
        if not hasattr(nbs, "t_") or not hasattr(nbs, "component_table_"):
            raise ValueError(f"{type(nbs).__name__} holds no components. Give a fitted NetworkBasedStatistic.")
        if nbs.component_table_ is None:
            if components is not None:
                raise ValueError(
                    "method='tfnbs' tests edges and numbers no components. Leave `components` out, or fit with "
                    "method='extent'."
                )
            chosen, finding = enhanced_edges(nbs)
        else:
            chosen, finding = numbered_components(nbs, components)
        return cls(
            nbs.t_,
            nbs.edges_,
            chosen,
            coordinates=coordinates,
            names=nbs.names if names is None else names,
            finding=finding,
            method=nbs_method(nbs),
            sides=nbs_sides(nbs),
        )

    def legend(self):
        """Each component in words.

        Returns
        -------
        lines : list of str
        """
        said = []
        for one in self.components:
            n_edges, n_nodes = len(one["edges"]), len(np.unique(self.edges[one["edges"]]))
            told = f"{one['name']}: {n_edges} edge{'s' if n_edges > 1 else ''} of {n_nodes} nodes, "
            told += self.sides[int(one["sign"] > 0)] + ", "
            told += f"{one.get('p_name', 'p')} = {digits(one['p_value'])}"
            said.append(told + ("" if one["significant"] else " (not significant)"))
        return said

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ComponentNetworkDisplay
            Itself, with ``ax_`` and ``figure_``, ``matrix_ax_``, and ``ring_ax_`` or ``glass_`` (the display of
            nilearn), None where there is none.

        Raises
        ------
        ImportError
            If there are coordinates and nilearn is not installed.
        """
        if self.coordinates is not None:
            require_nilearn()
        return super().plot(ax=ax)

    def _parts(self, width):
        """Name and inches of what is drawn, from the top."""
        parts = [("words", LINE * (0.6 + len(self._words(width))))]
        if self.coordinates is not None:
            parts.append(("glass", min(_BRAIN, 0.27 * width) + 0.1))
        side = self._matrix_side(width)
        parts.append(("matrix", side + self._matrix_margin()))
        if self.coordinates is None and width < 5:
            parts.append(("ring", width * 0.92))
        return [*parts, ("bar", _BAR), ("remarks", LINE * (0.4 + len(self._remarks(width))))]

    def _matrix_side(self, width):
        return (0.44 if width > 5 else 0.65) * width

    def _matrix_margin(self):
        if self.n_nodes > _MATRIX_NAMED:
            return 0.1
        return 0.065 * max(len(self._short(name)) for name in self.names) + 0.15

    def _short(self, name):
        return shorten(name, 14)

    def _height(self, width):
        return sum(inches for _, inches in self._parts(width))

    def _words(self, width):
        """Lines of the heading: text, color, size, and the color of the mark before it."""
        lines = [(*line, None) for line in finding_lines(self.finding, self.method, width)]
        for one, said in zip(self.components, self.legend(), strict=True):
            for place, line in enumerate(wrap(said, int(width * 14.5 - 5))):
                lines.append((line, INK, "small", self._color(one) if place == 0 else "none"))
        return lines

    def _remarks(self, width):
        said = [f"Matrix: components above the diagonal, t of every edge below it, above 0 where {self.sides[1]}."]
        if self.coordinates is not None:
            if self._both_sides():
                said.append("Views from the side: edges within that half.")
            said.append("The left of the brain is drawn at the left.")
        if any(one["sign"] < 0 for one in self.components):
            said.append("Dashed: negative t.")
        return small_lines(" ".join(said), width)

    def _color(self, one):
        if not one["significant"]:
            return MUTED
        return _COMPONENT_COLORS[self.components.index(one) % len(_COMPONENT_COLORS)]

    def _both_sides(self):
        return bool((self.coordinates[:, 0] < 0).any() and (self.coordinates[:, 0] > 0).any())

    def _draw(self, ax):
        width = width_of(ax)
        parts = self._parts(width)
        total = sum(inches for _, inches in parts)
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(0, 1))
        self.ring_ax_, self.glass_, top = None, None, 1.0
        largest = float(np.abs(self.t[np.isfinite(self.t)]).max(initial=0.0)) or 1.0
        for name, inches in parts:
            height = inches / total
            top -= height
            if name == "words":
                self._draw_words(ax, top + height, LINE / total, width)
            elif name == "remarks":
                write_lines(ax, self._remarks(width), top + height, LINE / total)
            elif name == "glass":
                self._draw_glass(ax, (0.0, top + 0.1 / total, 1.0, height - 0.1 / total), largest, min(width / 7, 1.0))
            elif name == "matrix":
                side = self._matrix_side(width)
                margin = self._matrix_margin()
                alone = self.coordinates is not None or width < 5
                left = (width - side + margin) / 2 if alone else margin
                self._draw_matrix(
                    ax.inset_axes([left / width, top + margin / total, side / width, side / total]), largest
                )
                if not alone:
                    start = (margin + side) / width + 0.02
                    room = ax.inset_axes([start, top, 1 - start, height])
                    self._draw_ring(room, largest, min(inches, (1 - start) * width))
            elif name == "ring":
                self._draw_ring(ax.inset_axes([0.0, top, 1.0, height]), largest, inches)
            else:
                box = (0.18, top + height - 0.1 / total, 0.64, 0.09 / total)
                bar = color_bar(ax, box, signed_colors(), (-largest, largest), "t, below the diagonal")
                ticks = (-largest, 0, largest)
                bar.set_xticks(ticks, [f"{x:.3g}".replace("-", "−") for x in ticks])

    def _draw_words(self, ax, top, step, width):
        lines = self._words(width)
        plain = [(line, color, size) for line, color, size, mark in lines if mark is None]
        write_lines(ax, plain, top, step)
        for place, (line, color, size, mark) in enumerate(lines):
            if mark is None:
                continue
            y = top - (place + 0.15) * step
            if mark != "none":
                ax.plot([0.1 / width], [y - 0.38 * step], marker="s", ms=6, color=mark, transform=ax.transAxes,
                        clip_on=False)  # fmt: skip
            ax.text(0.24 / width, y, line, transform=ax.transAxes, va="top", color=color, fontsize=size)

    def _draw_matrix(self, panel, largest):
        from matplotlib.colors import to_rgba

        image = np.ones((self.n_nodes, self.n_nodes, 4))
        image[..., 3] = 0.0
        rows, columns = self.edges.min(axis=1), self.edges.max(axis=1)
        colors = signed_colors()
        image[columns, rows] = colors((np.clip(np.nan_to_num(self.t), -largest, largest) / largest + 1) / 2)
        for one in self.components:
            image[rows[one["edges"]], columns[one["edges"]]] = to_rgba(self._color(one))
        panel.imshow(image, interpolation="nearest")
        panel.plot([-0.5, self.n_nodes - 0.5], [-0.5, self.n_nodes - 0.5], color=MUTED, lw=0.6)
        for spine in panel.spines.values():
            spine.set(visible=True, color=FAINT)
        if self.n_nodes <= _MATRIX_NAMED:
            short = [self._short(name) for name in self.names]
            panel.set_xticks(range(self.n_nodes), short, rotation=90, fontsize="x-small")
            panel.set_yticks(range(self.n_nodes), short, fontsize="x-small")
            panel.tick_params(length=0, pad=2)
        else:
            panel.set(xticks=[], yticks=[])
        self.matrix_ax_ = panel

    def _draw_ring(self, panel, largest, inches):
        lines = [
            {
                "nodes": self.edges[edge],
                "color": self._color(one),
                "dash": "--" if one["sign"] < 0 else "-",
                "width": 0.6 + 1.2 * min(abs(self.t[edge]) / largest, 1.0),
            }
            for one in self.components
            for edge in one["edges"]
        ]
        draw_ring(panel, self.n_nodes, lines, [self._short(name) for name in self.names], inches)
        self.ring_ax_ = panel

    def _draw_glass(self, ax, box, largest, scale):
        from matplotlib.colors import ListedColormap

        n = self.n_nodes
        self.glass_ = connectome_in(
            ax, box, np.zeros((n, n)), self.coordinates, display_mode="lyrz" if self._both_sides() else "ortho",
            node_color=MUTED, node_size=3 * scale**2,
        )  # fmt: skip
        for one in self.components:
            color, nodes = self._color(one), np.unique(self.edges[one["edges"]])
            adjacency = np.zeros((n, n))
            a, b = self.edges[one["edges"]].T
            adjacency[a, b] = adjacency[b, a] = np.abs(np.clip(self.t[one["edges"]], -largest, largest))
            self.glass_.add_graph(
                adjacency[np.ix_(nodes, nodes)], self.coordinates[nodes], node_color=color, node_size=14 * scale**2,
                edge_cmap=ListedColormap([color, color]), edge_vmin=-largest, edge_vmax=largest,
                edge_kwargs={"linestyle": "--" if one["sign"] < 0 else "-", "alpha": 0.8, "linewidth": 1.3 * scale},
            )  # fmt: skip


def _checked_coordinates(coordinates, n_nodes):
    coordinates = np.asarray(coordinates, dtype=np.float64)
    if coordinates.shape != (n_nodes, 3) or not np.isfinite(coordinates).all():
        raise ValueError(
            f"`coordinates` holds x, y and z in mm of each of the {n_nodes} nodes, got shape {coordinates.shape}"
            f"{'' if np.isfinite(coordinates).all() else ' with values that are not finite'}."
        )
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    if (low < _LOWEST).any() or (high > _HIGHEST).any() or np.abs(coordinates).max() < 10:
        ends = ", ".join(f"{axis} from {a:.3g} to {b:.3g}" for axis, a, b in zip("xyz", low, high, strict=True))
        raise ValueError(
            f"`coordinates` must be in mm of MNI space for a glass brain, got {ends}. Convert them (voxel indices by "
            "the affine of the image, metres by 1000), or leave them out for a ring."
        )
    return coordinates


def _checked_names(names, n_nodes):
    names = [str(node) for node in range(n_nodes)] if names is None else [str(name) for name in names]
    if len(names) != n_nodes:
        raise ValueError(f"`names` has {len(names)} names for {n_nodes} nodes. Give each node one.")
    return names
