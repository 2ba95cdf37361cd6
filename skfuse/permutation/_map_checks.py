"""Checks of maps over the vertices of a graph, for every statistic that reads neighbors."""

import numpy as np


def checked_maps(values, graph, inverse):
    """Maps as float32 or float64, and the column of each vertex; columns that no vertex has are left out."""
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    n_columns, columns = graph.n_vertices, np.arange(graph.n_vertices, dtype=np.int32)
    if inverse is not None:
        columns = checked_columns(inverse, graph.n_vertices, "inverse")
        n_columns = max(columns.max() + 1, values.shape[-1] if values.ndim else 0)
    if values.ndim != 2 or values.shape[1] != n_columns:
        raise ValueError(
            f"`values` has shape {values.shape}, wanted (n_maps, {n_columns}): a column for each "
            + ("vertex of the graph." if inverse is None else "number in `inverse`.")
        )
    if inverse is not None:
        used = np.zeros(n_columns, dtype=bool)
        used[columns] = True
        if not used.all():
            values, columns = values[:, used], (np.cumsum(used, dtype=np.int32) - 1)[columns]
    if not all(np.isfinite(one).all() for one in values):
        raise ValueError(
            f"`values` has {np.count_nonzero(~np.isfinite(values))} entries that are NaN or infinite. Give 0 to "
            "elements that cannot be tested."
        )
    return np.ascontiguousarray(values), columns


def checked_columns(columns, n_vertices, name):
    """Column of each vertex as int32; refused where it is no whole number from 0 for each vertex."""
    columns = np.asarray(columns)
    if columns.shape != (n_vertices,) or columns.dtype.kind not in "iu" or columns.min() < 0:
        raise ValueError(
            f"`{name}` has shape {columns.shape} and dtype {columns.dtype}, wanted one whole number from 0 for each of "
            f"the {n_vertices} vertices: the column that holds its value."
        )
    return columns.astype(np.int32, copy=False)


def checked_sizes(sizes, graph):
    """Sizes of the vertices as float64: those given, or those of the graph."""
    if sizes is None:
        return np.ascontiguousarray(graph.sizes)
    sizes = np.asarray(sizes, dtype=np.float64)
    if sizes.shape != (graph.n_vertices,) or not (np.isfinite(sizes) & (sizes >= 0)).all():
        raise ValueError(
            f"`sizes` has shape {sizes.shape}, wanted ({graph.n_vertices},) finite numbers of at least 0: what each "
            "element adds to the extent of its cluster."
        )
    return sizes
