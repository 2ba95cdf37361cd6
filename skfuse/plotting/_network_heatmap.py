"""Networks of subjects as maps ordered by cluster: each modality beside the fused one."""

from itertools import pairwise

import numpy as np

from skfuse.plotting._clusters import cluster_color
from skfuse.plotting._display import Display
from skfuse.plotting._style import FAINT, PAPER, shorten

#: A blue that reads on white and on black; its opacity is the similarity.
_BLUE = np.array([0x2F, 0x86, 0xC9]) / 255
_GREY = np.array([0x6F, 0x77, 0x82]) / 255
_NONE_ALPHA = 0.13
_MOST_PIXELS = 240
_GAP, _STRIP, _TITLE = 0.06, 0.022, 0.09


class NetworkHeatmapDisplay(Display):
    """The fused network of the subjects ordered by cluster, with the network of each modality in the same order.

    Parameters
    ----------
    panels : dict of str to ndarray of shape (n_pixels, n_pixels)
        Similarity from 0 to 1 for each pair, NaN for who lacks the modality; the first panel is drawn large.
    sizes : list of int
        Subjects in each cluster, in the order of the rows.

    Notes
    -----
    Color runs from the median of a network (pale) to its largest hundredth (dark), on a logarithmic scale, panel by
    panel. Within a cluster the subjects who are closest to it come first. Where there are more subjects than pixels,
    a pixel is the mean of neighbors in that order.

    Examples
    --------
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.plotting import NetworkHeatmapDisplay
    >>> from skfuse.similarity import SNFClustering
    >>> cohort = schizophrenia_subtypes(90, random_state=0)
    >>> display = NetworkHeatmapDisplay.from_estimator(SNFClustering(3).fit(cohort.X)).plot()
    >>> list(display.panels)
    ['fused', 'smri', 'dmri', 'rsfmri']
    """

    def __init__(self, panels, sizes):
        self.panels = panels
        self.sizes = sizes

    @classmethod
    def from_estimator(cls, estimator):
        """Collect the networks of a fitted clustering.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``affinity_`` and ``labels_``, such as :class:`skfuse.similarity.SNFClustering` with the exact
            solver.

        Returns
        -------
        display : NetworkHeatmapDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the estimator holds no matrix of the network.
        """
        if not hasattr(estimator, "affinity_"):
            raise ValueError(
                f"{type(estimator).__name__} holds no matrix of all pairs. Fit it with solver='exact', which needs "
                "memory for n_subjects squared."
            )
        affinity, labels = estimator.affinity_, np.asarray(estimator.labels_)
        order = _order(affinity, labels)
        panels = {"fused": _pixels(affinity[np.ix_(order, order)])}
        for name, network in _modality_networks(estimator):
            panels[name] = _pixels(network[np.ix_(order, order)])
        sizes = np.bincount(labels[labels >= 0]).tolist()
        return cls(panels, sizes)

    @classmethod
    def from_subtypes(cls, subtypes):
        """Collect the networks of an analysis of subtypes.

        Parameters
        ----------
        subtypes : Subtypes
            From ``find_subtypes``, not read from a file.

        Returns
        -------
        display : NetworkHeatmapDisplay
            Not drawn yet.
        """
        return cls.from_estimator(subtypes.model)

    def _places(self, width):
        """Corner (x, y, downwards) and side of each panel in units of the large one, and the extent of all."""
        names = list(self.panels)
        others = len(names) - 1
        places = {names[0]: (0.0, 0.0, 1.0)}
        if not others:
            return places, 1.0, 1.0
        if width < 5:
            columns = min(3, others) if others != 4 else 2
            side = (1.0 - _GAP * (columns - 1)) / columns
            for i, name in enumerate(names[1:]):
                row, column = divmod(i, columns)
                places[name] = (column * (side + _GAP), 1.0 + _TITLE * 1.5 + row * (side + _TITLE * 1.5), side)
        else:
            rows = min(others, 3) if others <= 3 else int(np.ceil(others / (2 if others <= 6 else 3)))
            side = (1.0 - (_TITLE + 0.01) * (rows - 1)) / max(rows, 2)
            for i, name in enumerate(names[1:]):
                column, row = divmod(i, rows)
                places[name] = (1.0 + _GAP * 1.4 + column * (side + _GAP), row * (side + _TITLE + 0.01), side)
        right = max(x + side for x, _, side in places.values())
        return places, right, max(y + side for _, y, side in places.values())

    def _height(self, width):
        _, right, bottom = self._places(width)
        left, top = 0.08, 0.1
        return width * (bottom + top) / (right + left) + 0.1

    def _draw(self, ax):
        places, right, bottom = self._places(ax.figure.get_figwidth() * ax.get_position().width / 0.775)
        ends = np.concatenate([[0.0], np.cumsum(self.sizes)]) / sum(self.sizes)
        for number, (name, (x, y, side)) in enumerate(places.items()):
            ax.imshow(
                _colored(self.panels[name]), extent=(x, x + side, y + side, y), interpolation="none", aspect="equal"
            )
            ax.plot([x, x + side, x + side, x, x], [y, y, y + side, y + side, y], color=FAINT, lw=0.8, zorder=3)
            room = max(8, int(44 * side)) if number else 30
            ax.text(x, y - 0.035, shorten(name, room), va="bottom", ha="left", fontsize="small" if number else "medium")
            for cluster, (start, stop) in enumerate(pairwise(ends), start=1):
                color = cluster_color(cluster)
                ax.fill_between([x + start * side, x + stop * side], y - _STRIP, y - 0.004, color=color, lw=0, zorder=3)
                if number == 0:
                    ax.fill_betweenx([start, stop], -_STRIP, -0.004, color=color, lw=0, zorder=3)
                    ax.text(-_STRIP - 0.012, (start + stop) / 2, f"{cluster}", ha="right", va="center")
                if stop < 1:
                    ax.plot([x + stop * side] * 2, [y, y + side], color=PAPER, lw=0.9, zorder=2)
                    ax.plot([x, x + side], [y + stop * side] * 2, color=PAPER, lw=0.9, zorder=2)
        ax.set_xlim(-0.075, right + 0.005)
        ax.set_ylim(bottom + 0.01, -0.1)
        ax.set_axis_off()


def _order(affinity, labels):
    """Clustered subjects by cluster, within it the closest to it first."""
    own = np.zeros(len(labels))
    for cluster in range(labels.max() + 1):
        members = np.flatnonzero(labels == cluster)
        own[members] = affinity[np.ix_(members, members)].sum(axis=1) - affinity[members, members]
    order = np.lexsort((-own, labels))
    return order[labels[order] >= 0]


def _modality_networks(estimator):
    """Name and affinity (n_subjects, n_subjects) of each modality, NaN for who lacks it; one at a time."""
    from skfuse.similarity._affinity import gaussian

    kept, n = estimator._kept, len(estimator.labels_)
    for name, network in getattr(estimator, "networks_", {}).items():
        if not hasattr(network, "bandwidth_"):
            continue
        distances = network.subject_metric_.within(network.points_)
        affinity = np.full((n, n), np.nan)
        members = kept[estimator._members[name]]
        affinity[np.ix_(members, members)] = gaussian(distances, network.bandwidth_, network.bandwidth_, network.mu)
        yield name, affinity


def _pixels(affinity):
    """Similarity from 0 (the median or less) to 1 (the largest hundredth), averaged to the size of a picture."""
    off = affinity.copy()
    np.fill_diagonal(off, np.nan)
    held = off[np.isfinite(off) & (off > 0)]
    if not len(held):
        return np.zeros((1, 1))
    low, high = np.log(np.quantile(held, [0.5, 0.99]))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.clip((np.log(np.maximum(off, 1e-300)) - low) / max(high - low, 1e-9), 0.0, 1.0)
    missing = np.isnan(affinity).all(axis=1)
    scaled[np.isnan(scaled)] = 1.0  # the diagonal
    scaled[missing] = scaled[:, missing] = np.nan
    if len(scaled) <= _MOST_PIXELS:
        return scaled
    starts = np.linspace(0, len(scaled), _MOST_PIXELS, endpoint=False).astype(np.intp)
    there = np.isfinite(scaled).astype(np.float64)
    sums = np.add.reduceat(np.add.reduceat(np.nan_to_num(scaled), starts, axis=0), starts, axis=1)
    counts = np.add.reduceat(np.add.reduceat(there, starts, axis=0), starts, axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan)


def _colored(pixels):
    """Blue of the opacity of the similarity; grey where a modality is missing."""
    missing = np.isnan(pixels)
    image = np.empty((*pixels.shape, 4))
    image[..., :3] = np.where(missing[..., None], _GREY, _BLUE)
    image[..., 3] = np.where(missing, _NONE_ALPHA, np.nan_to_num(pixels))
    return image
