"""How clusters of one solution spread over those of others."""

from itertools import pairwise

import numpy as np

from skfuse.plotting._clusters import cluster_color
from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import INK, shorten

_PAD = 0.025  # between the clusters of a solution, of the whole height
_BAR = 0.055  # half the width of a bar, of the distance between solutions


class AlluvialDisplay(Display):
    """Solutions side by side, with a band for every group of subjects who go from one cluster to another.

    Parameters
    ----------
    counts : DataFrame
        A column per solution with cluster numbers from 1 (0 for "in no cluster"), and ``n_subjects``, for every
        combination that occurs.
    reference : str or None
        The solution whose clusters give the colors; None takes the first.

    Examples
    --------
    >>> from skfuse.plotting import AlluvialDisplay
    >>> display = AlluvialDisplay.from_labels({"2 clusters": [1, 1, 2, 2], "3 clusters": [1, 1, 2, 3]}).plot()
    >>> display.counts["n_subjects"].tolist()
    [2, 1, 1]
    """

    def __init__(self, counts, *, reference=None):
        self.counts = counts
        self.reference = reference

    @classmethod
    def from_labels(cls, labels, *, reference=None):
        """Count the subjects of labels.

        Parameters
        ----------
        labels : dict of str to array-like of shape (n_subjects,)
            From solution to ``labels_``, -1 for "in no cluster". Clusters are numbered from 1 in the picture; labels
            none of which is 0 in any solution are taken for such numbers.
        reference : str or None
            As in the class.

        Returns
        -------
        display : AlluvialDisplay
            Not drawn yet.
        """
        import pandas as pd

        table = pd.DataFrame({name: np.asarray(values) for name, values in labels.items()}).fillna(-1)
        table = (table + 1).clip(lower=0) if (table == 0).any(axis=None) else table.clip(lower=0)
        counts = table.groupby(list(table), sort=True).size().reset_index(name="n_subjects")
        return cls(counts, reference=reference)

    @classmethod
    def from_subtypes(cls, subtypes, by="number"):
        """Collect the solutions of an analysis of subtypes.

        Parameters
        ----------
        subtypes : Subtypes
            From ``find_subtypes`` or ``read_subtypes``.
        by : {"number", "modality", "arm"}
            One cluster fewer and more; each modality alone; as measured and harmonized.

        Returns
        -------
        display : AlluvialDisplay
            Not drawn yet.
        """
        if by not in ("number", "modality", "arm"):
            raise ValueError(f"`by` must be 'number', 'modality' or 'arm', got {by!r}.")
        reference = {"number": f"{subtypes.n_clusters} clusters", "modality": None, "arm": subtypes.arm}[by]
        return cls(subtypes.tables[f"solutions_by_{by}"], reference=reference)

    @property
    def solutions(self):
        """Names of the solutions, from left to right."""
        return [name for name in self.counts if name != "n_subjects"]

    def _height(self, width):
        return 3.1 if width > 5 else 3.3

    def _draw(self, ax):
        names = self.solutions
        if len(names) < 2 or not len(self.counts):
            say_nothing_to_show(ax, "There is one solution only.")
            return
        reference = self.reference if self.reference in names else names[0]
        sizes = self.counts["n_subjects"].to_numpy(dtype=np.float64)
        sizes = sizes / sizes.sum()
        clusters = {name: self.counts[name].to_numpy(dtype=np.intp) for name in names}
        places = self._places(names, clusters, sizes)
        for x, name in enumerate(names):
            self._draw_bars(ax, x, clusters[name], sizes, places[name])
        for x, pair in enumerate(pairwise(names)):
            self._draw_bands(ax, x, pair, clusters, places, sizes, reference)
        room = max(7, int(ax.figure.get_figwidth() * 11 / len(names)))
        ax.set_xticks(range(len(names)), [_two_lines(name, room) for name in names])
        ax.set_xlim(-0.3, len(names) - 0.8)
        ax.set_ylim(1.0 + _PAD * max(len(place) for place in places.values()), -0.02)
        ax.set_yticks([])
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)

    def _places(self, names, clusters, sizes):
        """Where each cluster of each solution begins: those of the next column in the order in which bands arrive."""
        places, center = {}, None
        for name in names:
            found = np.unique(clusters[name])
            if center is not None:
                mean = {k: np.average(center[clusters[name] == k], weights=sizes[clusters[name] == k]) for k in found}
                found = np.array(sorted(found, key=lambda k: (k == 0, mean[k])))
            else:
                found = np.array(sorted(found, key=lambda k: (k == 0, k)))
            starts, y = {}, 0.0
            for k in found:
                starts[int(k)] = y
                y += sizes[clusters[name] == k].sum() + _PAD
            places[name] = starts
            middle = {k: starts[int(k)] + sizes[clusters[name] == k].sum() / 2 for k in found}
            center = np.array([middle[k] for k in clusters[name]])
        return places

    def _draw_bars(self, ax, x, own, sizes, places):
        for cluster, start in places.items():
            height = sizes[own == cluster].sum()
            ax.fill_between([x - _BAR, x + _BAR], start, start + height, color=INK, alpha=0.75, lw=0, zorder=3)
            text = "–" if cluster == 0 else f"{cluster}"
            ax.text(x - _BAR - 0.03, start + height / 2, text, ha="right", va="center", zorder=5)

    def _draw_bands(self, ax, x, pair, clusters, places, sizes, reference):
        """Bands between two solutions: subjects of one cluster here, one there, and one of the reference."""
        keys = np.column_stack([clusters[pair[0]], clusters[pair[1]], clusters[reference]])
        bands, of = np.unique(keys, axis=0, return_inverse=True)
        widths = np.bincount(of.ravel(), weights=sizes)
        ends = np.empty((2, len(bands)))
        for side in (0, 1):
            reach, other = dict(places[pair[side]]), places[pair[1 - side]]
            # The bands of a cluster lie in the order of their other end, so that they cross least.
            order = sorted(range(len(bands)), key=lambda i: (other[int(bands[i, 1 - side])], bands[i, 2]))
            for i in order:
                cluster = int(bands[i, side])
                ends[side, i] = reach[cluster]
                reach[cluster] += widths[i]
        t = np.linspace(0.0, 1.0, 24)
        across, bend = x + _BAR + t * (1 - 2 * _BAR), t * t * (3 - 2 * t)
        for (_, _, cluster), start, stop, width in zip(bands, *ends, widths, strict=True):
            upper = start + bend * (stop - start)
            ax.fill_between(across, upper, upper + width, color=cluster_color(cluster), alpha=0.5, lw=0, zorder=2)


def _two_lines(name, room):
    """A name broken at a blank where it is too long for its column."""
    if len(name) > room and " " in name:
        first, _, rest = name.partition(" ")
        return f"{shorten(first, room)}\n{shorten(rest, room)}"
    return shorten(name, room)
