"""What all displays share."""

from skfuse.plotting._style import style


class Display:
    """Draw one figure of a comparison; `from_comparison` collects, `plot` draws."""

    #: Default width of a figure, in inches.
    _width = 7.0

    def figsize(self, width=None):
        """Width and height at which the figure reads well.

        Parameters
        ----------
        width : float or None
            In inches; None takes the default. Below about 5 inches labels move above the rows.

        Returns
        -------
        size : tuple of two float
            In inches.
        """
        width = self._width if width is None else width
        return width, self._height(width)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a figure.

        Returns
        -------
        display : Display
            Itself, with ``ax_`` and ``figure_``.
        """
        import matplotlib.pyplot as plt  # before `style`, which would undo what a notebook sets on the first import

        with style():
            if ax is None:
                _, ax = plt.subplots(figsize=self.figsize(), layout="constrained")
            self._draw(ax)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _height(self, width):
        raise NotImplementedError

    def _draw(self, ax):
        raise NotImplementedError


def say_nothing_to_show(ax, why):
    """Say in an empty axes why it is empty."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center", wrap=True)
