"""A network around a ring."""

import numpy as np

from skfuse.plotting._style import FAINT, INK, MUTED

_LETTERS = 0.13  # inches that a name takes across
_NAMED = 40  # nodes with a name, at most
_EDGE = 1.65  # of the panel, in radii of the ring


def draw_ring(panel, n_nodes, lines, names, inches):
    """Draw nodes clockwise from the top in their order, and edges as curves that bend inwards.

    Parameters
    ----------
    panel : matplotlib Axes
    n_nodes : int
    lines : list of dict
        Of each edge ``"nodes"`` (two int), ``"color"``, ``"dash"`` and ``"width"``.
    names : list of str
        Of all nodes; those that have an edge are named, if they are not too many.
    inches : float
        Side of the panel.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    angles = np.pi / 2 - 2 * np.pi * (np.arange(n_nodes) + 0.5) / n_nodes
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    taken = np.zeros(n_nodes, dtype=bool)
    for line in lines:
        a, b = line["nodes"]
        taken[[a, b]] = True
        middle = (points[a] + points[b]) / 2
        bend = middle * (0.85 - 0.3 * np.linalg.norm(points[a] - points[b]))  # neighbors bend little
        path = Path([points[a], bend, points[b]], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        panel.add_patch(
            PathPatch(path, fc="none", ec=line["color"], alpha=0.8, ls=line["dash"], lw=line["width"])
        )  # fmt: skip
    panel.scatter(*points[~taken].T, s=4, color=FAINT, zorder=3)
    panel.scatter(*points[taken].T, s=16, color=INK, zorder=3)
    nodes = np.flatnonzero(taken) if taken.sum() <= _NAMED else []
    for node, angle in zip(nodes, spread_angles(angles[nodes], 2 * _EDGE / 1.15 * _LETTERS / inches), strict=True):
        place, right = np.array([np.cos(angle), np.sin(angle)]), np.cos(angle) >= 0
        panel.plot(*np.column_stack([1.03 * points[node], 1.12 * place]), color=MUTED, lw=0.5)
        panel.text(
            *(1.15 * place), names[node], fontsize="x-small", va="center", ha="left" if right else "right",
            rotation=np.degrees(angle) + (0 if right else 180), rotation_mode="anchor",
        )  # fmt: skip
    panel.set(xlim=(-_EDGE, _EDGE), ylim=(-_EDGE, _EDGE), aspect="equal")
    panel.set_axis_off()


def spread_angles(angles, gap):
    """Move angles around a ring apart until neighbors have room.

    Parameters
    ----------
    angles : ndarray of shape (n,)
    gap : float
        That neighbors shall have; less if the ring is too short for it.

    Returns
    -------
    moved : ndarray of shape (n,)
        In the order given, neighbors in the same order around the ring.
    """
    order = np.argsort(angles)
    moved = np.asarray(angles, dtype=np.float64)[order]
    gap = min(gap, 2 * np.pi / max(len(moved), 1))
    for _ in range(500 if len(moved) > 1 else 0):
        lack = gap - np.diff(moved, append=moved[0] + 2 * np.pi)
        if lack.max() <= 1e-3 * gap:
            break
        push = np.maximum(lack, 0.0) / 2
        moved += np.roll(push, 1) - push
    found = np.empty_like(moved)
    found[order] = moved
    return found
