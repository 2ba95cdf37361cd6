"""Kernels of the modalities as maps: the same subjects in the same order, side by side."""

from itertools import pairwise

import numpy as np

from skfuse.plotting._clusters import cluster_color
from skfuse.plotting._display import Display
from skfuse.plotting._style import COLORS, FAINT, MUTED, PAPER, shorten

_MOST_PIXELS = 240
_GAP, _STRIP, _TITLE = 0.08, 0.035, 0.17
_MISSING_ALPHA = 0.13


class KernelMatricesDisplay(Display):
    """Kernel matrices side by side, their subjects ordered by class and decision.

    Parameters
    ----------
    panels : dict of str to ndarray of shape (n_pixels, n_pixels)
        From -1 to 1 for each pair; NaN for who lacks the modality.
    labels : list of str
        Classes in the order of the rows; empty without classes.
    sizes : list of int
        Subjects of each class.
    order : str
        What orders the subjects within a class, in words.

    Notes
    -----
    A kernel is centered: blue pairs are more alike than usual, orange ones less, and the color is full at the largest
    hundredth of the pairs of a panel. Blocks of blue along the diagonal are classes that the modality tells apart.
    Where there are more subjects than pixels, a pixel is the mean of neighbors in that order.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.kernels import MKLClassifier
    >>> from skfuse.plotting import KernelMatricesDisplay
    >>> cohort = make_cohort(60, random_state=0)
    >>> model = MKLClassifier(C=0.1).fit(cohort.X, cohort.y)
    >>> display = KernelMatricesDisplay.from_estimator(model, cohort.X, cohort.y).plot()
    >>> list(display.panels)[0], len(display.panels), display.labels
    ('weighted sum', 4, ['0', '1'])
    """

    def __init__(self, panels, *, labels=(), sizes=(), order=""):
        self.panels = panels
        self.labels = list(labels)
        self.sizes = list(sizes)
        self.order = order

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, most=6):
        """Compute the kernels of a fitted model between some subjects.

        Parameters
        ----------
        estimator : MKLClassifier, MKLRegressor or MKLSurvival
            Fitted. Encodings and widths are those that it learned from its training subjects.
        X : data frame or array of shape (n_subjects, n_features)
            The subjects; kernels of all pairs of them are made.
        y : array-like of shape (n_subjects,) or None, default=None
            Classes to order by; None orders by the decision alone.
        most : int, default=6
            Kernels to draw, those of the largest weight.

        Returns
        -------
        display : KernelMatricesDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the model keeps no kernels, or a precomputed one does not hold all pairs of `X`.
        """
        if not hasattr(estimator, "kernel_weights_"):
            raise ValueError(
                f"{type(estimator).__name__} has no kernels. Give a fitted MKLClassifier, MKLRegressor or MKLSurvival, "
                "or matrices to from_kernels."
            )
        decision = getattr(estimator, "decision_function", estimator.predict)(X)
        if np.ndim(decision) > 1:
            decision = np.max(decision, axis=1)
        weights = estimator.kernel_weights_
        kernels = dict(_kernels_between(estimator, X))
        together = sum(weights[name] * np.nan_to_num(kernel) for name, kernel in kernels.items())
        together[np.all([np.isnan(np.diag(kernel)) for kernel in kernels.values()], axis=0)] = np.nan
        chosen = sorted(kernels, key=lambda name: -weights[name])[:most]
        total = sum(weights.values()) or 1.0
        named = {f"{name} {weights[name] / total:.2f}": kernels[name] for name in chosen}
        first = {"weighted sum": together} if len(kernels) > 1 else {}
        return cls.from_kernels(first | named, y, scores=decision)

    @classmethod
    def from_kernels(cls, kernels, y=None, *, scores=None):
        """Take kernel matrices as they are.

        Parameters
        ----------
        kernels : dict of str to ndarray of shape (n_subjects, n_subjects)
            NaN rows and columns for who lacks the modality. They are centered here.
        y : array-like of shape (n_subjects,) or None, default=None
            Classes to order by.
        scores : array-like of shape (n_subjects,) or None, default=None
            Orders the subjects within a class, lowest first; None keeps the order of the rows.

        Returns
        -------
        display : KernelMatricesDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            If the matrices are not square, of one size, or do not fit `y`.
        """
        kernels = {name: np.asarray(kernel, dtype=np.float64) for name, kernel in kernels.items()}
        shapes = {kernel.shape for kernel in kernels.values()}
        n = next(iter(shapes))[0] if shapes else 0
        if shapes != {(n, n)}:
            raise ValueError(f"Kernels must be square and of the same subjects, got shapes {sorted(shapes)}.")
        for label, values in (("y", y), ("scores", scores)):
            if values is not None and np.shape(values) != (n,):
                raise ValueError(f"`{label}` has shape {np.shape(values)}, but the kernels are of {n} subjects.")
        labels, codes = (np.array([]), np.zeros(n)) if y is None else np.unique(np.asarray(y), return_inverse=True)
        if len(labels) > 20:
            raise ValueError(
                f"`y` has {len(labels)} values, which are no classes. Leave it out, and the decision orders them."
            )
        order = np.lexsort((np.arange(n) if scores is None else np.asarray(scores), codes))
        panels = {name: _pixels(kernel[np.ix_(order, order)]) for name, kernel in kernels.items()}
        sizes = np.bincount(codes.astype(int)).tolist() if len(labels) else [n]
        said = "" if scores is None else "by decision, lowest first"
        return cls(panels, labels=[str(label) for label in labels], sizes=sizes, order=said)

    def _places(self, width):
        """Corner (x, y, downwards) of each panel in units of its side, and the extent of all."""
        columns = min(len(self.panels), 2 if width < 5 else 4)
        if width >= 5 and len(self.panels) in (5, 6):
            columns = 3
        places = {}
        for i, name in enumerate(self.panels):
            row, column = divmod(i, columns)
            places[name] = (column * (1 + _GAP), row * (1 + _TITLE + _GAP / 2))
        right = max(x for x, _ in places.values()) + 1
        return places, max(right, columns), max(y for _, y in places.values()) + 1

    def _words_height(self, width):
        return 0.22 * len(self._remark(width).split("\n")) + (0.28 if self.labels else 0.0) * self._legend_rows(width)

    def _legend_rows(self, width):
        return -(-len(self.labels) // (2 if width < 5 else 4))

    def _height(self, width):
        _, right, bottom = self._places(width)
        return (width - 0.25) * (bottom + _TITLE) / right + self._words_height(width) + 0.25

    def _remark(self, width):
        join = "\n" if width < 5 else "; "
        parts = (["strip: class"] if self.labels else []) + ["blue: alike, orange: unlike, grey: missing"]
        if self.order:
            within = "subjects within a class" if self.labels else "subjects"
            parts.append(f"{within} {self.order}")
        return join.join(parts)

    def _draw(self, ax):
        width = ax.figure.get_figwidth()
        places, right, bottom = self._places(width)
        ends = np.concatenate([[0.0], np.cumsum(self.sizes)]) / max(sum(self.sizes), 1)
        side = (width - 0.25) / right
        for name, (x, y) in places.items():
            ax.imshow(_colored(self.panels[name]), extent=(x, x + 1, y + 1, y), interpolation="none", aspect="equal")
            ax.plot([x, x + 1, x + 1, x, x], [y, y, y + 1, y + 1, y], color=FAINT, lw=0.8, zorder=3)
            ax.text(x, y - 0.05, _title(name, int(14.5 * side)), va="bottom", ha="left", fontsize="small")
            if not self.labels:
                continue
            for place, (start, stop) in enumerate(pairwise(ends), start=1):
                color = cluster_color(place)
                ax.fill_between([x + start, x + stop], y - _STRIP, y - 0.004, color=color, lw=0, zorder=3)
                if stop < 1:
                    ax.plot([x + stop] * 2, [y, y + 1], color=PAPER, lw=0.9, zorder=2)
                    ax.plot([x, x + 1], [y + stop] * 2, color=PAPER, lw=0.9, zorder=2)
        self._draw_words(ax, bottom, side, width)
        ax.set_xlim(-0.005, right + 0.005)
        ax.set_ylim(bottom + 0.06 + self._words_height(width) / side, -_TITLE)
        ax.set_axis_off()

    def _draw_words(self, ax, bottom, side, width):
        lines = self._legend_rows(width) if self.labels else 0
        columns = 2 if width < 5 else 4
        for place, label in enumerate(self.labels):
            row, column = divmod(place, columns)
            x, y = column * width / columns / side, bottom + (0.2 + 0.28 * row) / side
            ax.plot([x + 0.06 / side], [y], marker="s", ms=7, color=cluster_color(place + 1), ls="", clip_on=False)
            room = int((width / columns - 0.4) * 14)
            ax.text(x + 0.2 / side, y, shorten(label, room), va="center", fontsize="small")
        ax.text(
            0.0, bottom + (0.08 + 0.28 * lines) / side, self._remark(width), va="top", fontsize="small", color=MUTED
        )


def _title(name, room):
    """The name of a panel: its modality gives way, not the kernel and its weight."""
    modality, separator, kernel = name.partition("__")
    left = room - len(separator + kernel)
    return shorten(name, room) if left < 6 else shorten(modality, left) + separator + kernel


def _kernels_between(estimator, X):
    """Name and kernel (n_subjects, n_subjects) of each term of a model, NaN for who lacks the modality."""
    from skfuse.modalities import validate_table

    table = validate_table(estimator, X, reset=False)
    n = len(table)
    for name, term in zip(estimator.kernel_weights_, estimator._terms, strict=True):
        members = np.flatnonzero(table.present_in(term.modality))
        kernel = term.kernel
        gower = kernel.kernel == "gower"
        block = table.native_block(term.modality, members) if gower else table.block(term.modality)[members]
        if kernel.kernel == "precomputed":
            if block.shape[1] != len(members):
                raise ValueError(
                    f"The precomputed kernel of {term.modality!r} is between {len(members)} and {block.shape[1]} "
                    "subjects. Give the training subjects as X."
                )
            own = block
        else:
            points = kernel._encode(block, {})
            own = kernel.raw(points, points)
        whole = np.full((n, n), np.nan)
        own = _centered(own)
        scale = getattr(kernel, "scale_", None)  # a model of low rank scales its features, not the kernel
        scale = (np.trace(own) / max(len(own), 1) or 1.0) if scale is None else scale
        whole[np.ix_(members, members)] = own / scale
        yield name, whole


def _centered(kernel):
    """Around the mean of the subjects in feature space; NaN rows stay."""
    there = np.flatnonzero(~np.isnan(np.diag(kernel)))
    out = np.full(kernel.shape, np.nan)
    if len(there):
        own = kernel[np.ix_(there, there)]
        means = own.mean(axis=0)
        out[np.ix_(there, there)] = own - means - means[:, None] + means.mean()
    return out


def _pixels(kernel):
    """Centered kernel from -1 to 1, full at the largest hundredth of pairs, averaged to the size of a picture."""
    centered = _centered(kernel)
    off = centered[~np.eye(len(centered), dtype=bool)]
    off = np.abs(off[np.isfinite(off)])
    full = np.quantile(off, 0.99) if len(off) else 0.0
    scaled = np.clip(centered / full, -1.0, 1.0) if full > 0 else 0.0 * centered
    if len(scaled) <= _MOST_PIXELS:
        return scaled
    starts = np.linspace(0, len(scaled), _MOST_PIXELS, endpoint=False).astype(np.intp)
    there = np.isfinite(scaled).astype(np.float64)
    sums = np.add.reduceat(np.add.reduceat(np.nan_to_num(scaled), starts, axis=0), starts, axis=1)
    counts = np.add.reduceat(np.add.reduceat(there, starts, axis=0), starts, axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan)


def _colored(pixels):
    """Blue where alike, orange where unlike, of the opacity of the kernel; grey where a modality is missing."""
    missing = np.isnan(pixels)
    image = np.empty((*pixels.shape, 4))
    image[..., :3] = np.where((pixels > 0)[..., None], _rgb(COLORS[0]), _rgb(COLORS[1]))
    image[missing, :3] = _rgb(MUTED)
    image[..., 3] = np.where(missing, _MISSING_ALPHA, np.abs(np.nan_to_num(pixels)))
    return image


def _rgb(color):
    return np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255
