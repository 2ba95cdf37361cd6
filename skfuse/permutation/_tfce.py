"""Threshold-free cluster enhancement (TFCE) of maps over voxels, parcels or the edges of a network."""

import warnings
from numbers import Real

import numpy as np

from skfuse.permutation._map_checks import checked_maps, checked_sizes

#: Thresholds of a sum at most: a table of them is kept, and beyond it the integral is the better choice.
_MOST_STEPS = 1_000_000

_CONVENTIONS = {"paper": 1, "nilearn": 2}

_LEAST = {"E": "of at least", "H": "of at least", "step": "above"}


def tfce(values, graph, *, E=0.5, H=2.0, step=None, convention="paper", two_sided=True, sizes=None, inverse=None):
    r"""Enhance maps by the extent of the clusters around each element at every threshold [1]_.

    .. math:: \mathrm{TFCE}(v) = \int_0^{|t_v|} e_v(h)^E \, h^H \, dh

    where :math:`e_v(h)` is the extent of the component around v of the elements that reach h. Elements above and below
    0 make clusters of their own, and enhanced values keep the sign.

    Parameters
    ----------
    values : array-like of shape (n_vertices,) or (n_maps, n_vertices)
        Maps of a statistic, such as t or z; finite.
    graph : NeighborGraph
        Neighbors of each element.
    E, H : float
        Powers of extent and height, at least 0. For networks other values are in use [2]_.
    step : float or None
        None under ``"paper"`` is the integral itself, in closed form; a number the sum over its multiples, times the
        step. Under ``"nilearn"`` None is 100 steps up to the highest absolute value of the map.
    convention : {"paper", "nilearn"}
        ``"nilearn"`` sums without the factor dh over thresholds that depend on the map, as nilearn's
        ``calculate_tfce`` (``dh="auto"`` or `step`) and FSL's fslmaths do: at least 10 of them and at most 1,000.
        Values of maps with other maxima are then on other scales.
    two_sided : bool
        Whether values below 0 are enhanced too; they are 0 otherwise.
    sizes : array-like of shape (n_vertices,) or None
        Instead of the sizes of the graph: what each element adds to the extent, such as its area in mm².
    inverse : array-like of shape (n_vertices,), int, or None
        Column of `values` that each element takes its value from, where elements share columns.

    Returns
    -------
    enhanced : ndarray of shape (n_vertices,) or (n_maps, n_vertices), float64
        In the unit of the values to the power of ``H + 1`` (of `H` under ``"nilearn"``).

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or a step is so small that a sum has more than a million terms.

    References
    ----------
    .. [1] S. M. Smith, T. E. Nichols. NeuroImage 44 (2009), 83-98. https://doi.org/10.1016/j.neuroimage.2008.03.061
    .. [2] H. C. Baggio et al. Hum Brain Mapp 39 (2018), 2289-2302. https://doi.org/10.1002/hbm.24007

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import NeighborGraph, tfce
    >>> line = NeighborGraph.from_mask(np.ones((1, 4), dtype=bool))
    >>> tfce([3.0, 3.0, 0.0, -3.0], line).round(3).tolist()  # the cube of 3, divided by 3, times the root of the extent
    [12.728, 12.728, 0.0, -9.0]
    """
    values = np.asarray(values)
    maps, columns = checked_maps(values[np.newaxis] if values.ndim == 1 else values, graph, inverse)
    enhanced = np.zeros((len(maps), graph.n_vertices))
    _enhance(maps, columns, graph, E, H, step, convention, two_sided, sizes, enhanced)
    return enhanced[0] if values.ndim == 1 else enhanced


def tfce_extremes(
    values, graph, *, E=0.5, H=2.0, step=None, convention="paper", two_sided=True, sizes=None, inverse=None
):
    """Highest and lowest enhanced value of each map; enhanced maps are never kept.

    Parameters
    ----------
    values : array-like of shape (n_maps, n_columns), float32 or float64
        Maps of permuted targets, say.
    graph : NeighborGraph
        Neighbors of each element; with patches the smaller one of :meth:`NeighborGraph.merge`.
    E, H : float
        Powers of extent and height.
    step : float or None
        See :func:`tfce`.
    convention : {"paper", "nilearn"}
        See :func:`tfce`.
    two_sided : bool
        Whether values below 0 are enhanced too.
    sizes : array-like of shape (n_vertices,) or None
        Instead of the sizes of the graph.
    inverse : array-like of shape (n_vertices,), int, or None
        Column of `values` of each element.

    Returns
    -------
    extremes : ndarray of shape (n_maps, 2), float64
        Highest and lowest; 0 where a map has no value of that sign.

    Raises
    ------
    ValueError
        As :func:`tfce`.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import NeighborGraph, tfce_extremes
    >>> line = NeighborGraph.from_mask(np.ones((1, 4), dtype=bool))
    >>> tfce_extremes([[3.0, 3.0, 0.0, -3.0]], line).round(3).tolist()
    [[12.728, -9.0]]
    """
    maps, columns = checked_maps(np.asarray(values), graph, inverse)
    return _enhance(maps, columns, graph, E, H, step, convention, two_sided, sizes, np.empty((0, graph.n_vertices)))


def _enhance(maps, columns, graph, E, H, step, convention, two_sided, sizes, enhanced):
    from skfuse.permutation._tfce_compiled import enhance

    if convention not in _CONVENTIONS:
        raise ValueError(f"`convention` must be one of {list(_CONVENTIONS)}, got {convention!r}.")
    for name, value in (("E", E), ("H", H), ("step", 1.0 if step is None else step)):
        if not isinstance(value, Real) or not 0 <= value < np.inf or (name == "step" and value == 0):
            raise ValueError(f"`{name}` must be a finite number {_LEAST[name]} 0, got {value!r}.")
    if step is not None:
        highest = np.maximum(maps.max(axis=1, initial=0.0), -maps.min(axis=1, initial=0.0) if two_sided else 0.0)
        _check_steps(highest.astype(np.float64), float(step), convention)
    kind = 0 if step is None and convention == "paper" else _CONVENTIONS[convention]
    extremes, heights = np.zeros((len(maps), 2)), np.empty(maps.shape[1], maps.dtype)
    keys = np.empty((2, graph.n_vertices), f"u{maps.itemsize}")
    enhance(
        maps, columns, graph.indptr, graph.indices, checked_sizes(sizes, graph), float(E), float(H),
        0.0 if step is None else float(step), kind, 2 if two_sided else 1, heights, keys, enhanced, extremes,
    )  # fmt: skip
    return extremes


def _check_steps(highest, step, convention):
    """A sum over multiples of `step` must fit into a table; nilearn's number of steps is clipped, with a warning."""
    n_steps = np.rint(highest / step)
    if convention == "paper" and n_steps.max(initial=0.0) > _MOST_STEPS:
        raise ValueError(
            f"`step={step}` needs {n_steps.max():.0f} thresholds for a highest value of {highest.max():.4g}, more than "
            f"{_MOST_STEPS}. Leave `step` out: the integral is then computed exactly."
        )
    clipped = np.count_nonzero((highest > 0) & ((n_steps < 10) | (n_steps > 1000)))
    if convention == "nilearn" and clipped:
        warnings.warn(
            f"`step={step}` makes fewer than 10 or more than 1,000 thresholds for {clipped} of {len(highest)} maps; "
            "10 or 1,000 are used for these, as nilearn does. Choose a step that suits the highest value, "
            f"{highest.max():.4g}.",
            UserWarning,
            stacklevel=4,
        )
