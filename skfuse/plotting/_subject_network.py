"""The network of subjects drawn: points and lines."""

import numpy as np

from skfuse.plotting._clusters import cluster_color, cluster_marker
from skfuse.plotting._display import Display, say_nothing_to_show
from skfuse.plotting._style import INK, MUTED, PAPER


class SubjectNetworkDisplay(Display):
    """The fused network drawn: a point per subject, near to whom it resembles.

    Parameters
    ----------
    positions : ndarray of shape (n_subjects, 2)
        Where the subjects are drawn.
    edges : ndarray of shape (n_edges, 2), int
        Pairs of subjects that are joined.
    labels : ndarray of shape (n_subjects,), int
        Clusters, from 0.
    n_left_out : int
        Subjects that are not drawn.

    Notes
    -----
    A drawing in the plane bends distances: gaps and bridges in it are a hint, no evidence.

    Examples
    --------
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.plotting import SubjectNetworkDisplay
    >>> from skfuse.similarity import SNFClustering
    >>> cohort = schizophrenia_subtypes(90, random_state=0)
    >>> display = SubjectNetworkDisplay.from_estimator(SNFClustering(3).fit(cohort.X))
    >>> display.positions.shape
    (90, 2)
    """

    _most = 1500

    def __init__(self, positions, edges, labels, *, n_left_out=0):
        self.positions = positions
        self.edges = edges
        self.labels = labels
        self.n_left_out = n_left_out

    @classmethod
    def from_estimator(cls, estimator, *, layout="spring", n_neighbors=5):
        """Lay out the fused network of a fitted clustering; nothing is random.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``to_networkx`` and ``labels_``.
        layout : {"spring", "spectral"}
            Forces along the edges, starting from the leading eigenvectors; or these alone.
        n_neighbors : int
            Edges of each subject, the strongest.

        Returns
        -------
        display : SubjectNetworkDisplay
            Not drawn yet; of more than 1,500 subjects every k-th of each cluster is drawn.
        """
        import networkx

        if layout not in ("spring", "spectral"):
            raise ValueError(f"`layout` must be 'spring' or 'spectral', got {layout!r}.")
        labels = np.asarray(estimator.labels_)
        drawn = _some(labels, cls._most)
        graph = estimator.to_networkx(n_neighbors=n_neighbors).subgraph(drawn.tolist())
        place = {int(node): number for number, node in enumerate(drawn)}
        start = np.zeros((len(drawn), 2))
        coordinates = estimator.embedding_[drawn, :2]
        start[:, : coordinates.shape[1]] = coordinates / np.abs(coordinates).max()
        positions = start
        if layout == "spring":
            ordered = networkx.Graph()  # a subgraph has no order of its own
            ordered.add_nodes_from(drawn.tolist())
            ordered.add_weighted_edges_from(sorted(graph.edges(data="weight", default=1.0)))
            found = networkx.spring_layout(
                ordered, pos={node: start[number] for node, number in place.items()}, iterations=60, seed=0
            )
            positions = np.array([found[int(node)] for node in drawn])
        edges = np.array(sorted((place[a], place[b]) for a, b in graph.edges), dtype=np.intp).reshape(-1, 2)
        return cls(positions, edges, labels[drawn], n_left_out=int((labels >= 0).sum()) - len(drawn))

    @classmethod
    def from_subtypes(cls, subtypes):
        """Lay out the fused network of an analysis of subtypes.

        Parameters
        ----------
        subtypes : Subtypes
            From ``find_subtypes``, not read from a file.

        Returns
        -------
        display : SubjectNetworkDisplay
            Not drawn yet.
        """
        return cls.from_estimator(subtypes.model)

    def _height(self, width):
        return 0.72 * width if width > 5 else 1.05 * width

    def _draw(self, ax):
        from matplotlib.collections import LineCollection

        if not len(self.positions):
            say_nothing_to_show(ax, "No subject is in a cluster.")
            return
        many = len(self.positions) > 300
        lines = LineCollection(self.positions[self.edges], colors=MUTED, linewidths=0.5, alpha=0.35, zorder=1)
        lines.set_rasterized(len(self.edges) > 400)  # thousands of lines would make a page of megabytes
        ax.add_collection(lines)
        for cluster in range(1, self.labels.max() + 2):
            own = self.positions[self.labels == cluster - 1]
            label = f"cluster {cluster} ({len(own)})"
            ax.scatter(
                own[:, 0], own[:, 1], s=9 if many else 26, marker=cluster_marker(cluster), color=cluster_color(cluster),
                linewidths=0.4, edgecolors=PAPER, zorder=2, label=label,
            )  # fmt: skip
        if self.n_left_out:
            ax.text(
                0.0, 0.0, f"{self.n_left_out} subjects not drawn", transform=ax.transAxes, fontsize="small", color=INK
            )
        narrow = ax.figure.get_figwidth() < 5
        ax.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2 if narrow else 4, handletextpad=0.3, markerscale=1.4
        )
        ax.margins(0.03)
        ax.set_aspect("equal", adjustable="datalim")
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set_visible(False)


def _some(labels, most):
    """Positions of the clustered subjects, thinned to at most about `most`, evenly over the clusters."""
    clustered = np.flatnonzero(labels >= 0)
    step = int(np.ceil(len(clustered) / most))
    if step <= 1:
        return clustered
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[::step] for k in range(labels.max() + 1)]))
