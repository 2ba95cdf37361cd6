"""Connectomes as tables: symmetric matrices, flattened matrices, and the edges of their upper triangle."""

from math import isqrt

import numpy as np
from sklearn.utils.validation import validate_data

from skfuse._chunks import chunks

_CHUNK_BYTES = 2**24
_ASYMMETRY = 1e-5  # of the largest entry: what float32 and text files lose


def edge_places(n_nodes, diagonal=False):
    """Rows and columns of the upper triangle, row by row.

    Parameters
    ----------
    n_nodes : int
    diagonal : bool

    Returns
    -------
    rows, columns : ndarray of shape (n_edges,)
    """
    return np.triu_indices(n_nodes, k=0 if diagonal else 1)


def matrices_of_edges(edges, n_nodes, *, diagonal=False, fill=0.0):
    """Symmetric matrices from their upper triangles.

    Parameters
    ----------
    edges : ndarray of shape (n_subjects, n_edges)
    n_nodes : int
    diagonal : bool
        Whether the edges hold the diagonal.
    fill : float or ndarray of shape (n_nodes,)
        The diagonal where they do not.

    Returns
    -------
    matrices : ndarray of shape (n_subjects, n_nodes, n_nodes)
    """
    rows, columns = edge_places(n_nodes, diagonal)
    matrices = np.empty((len(edges), n_nodes, n_nodes), dtype=edges.dtype)
    matrices[:, rows, columns] = edges
    matrices[:, columns, rows] = edges
    if not diagonal:
        places = np.arange(n_nodes)
        matrices[:, places, places] = fill
    return matrices


def connectome_form(width, *, diagonal=False):
    """Whether rows of a table are flattened matrices or edges, and of how many nodes.

    Parameters
    ----------
    width : int
        Columns of the table. A square number counts as flattened matrices, also where it is the number of edges of
        another number of nodes.
    diagonal : bool
        Whether edges hold the diagonal.

    Returns
    -------
    form : {"matrices", "edges"}
    n_nodes : int
    """
    side = isqrt(width)
    if side * side == width:
        if width == 1:
            raise ValueError("X has n_features = 1: one node has no edge. Give connectomes of at least 2 nodes.")
        return "matrices", side
    nodes = _nodes_of_triangle(width, diagonal)
    if nodes is not None:
        return "edges", nodes
    below = (isqrt(8 * width + 1) + 1) // 2 - (1 if diagonal else 0)
    near = [edge_places(n, diagonal)[0].size for n in (below, below + 1)]
    raise ValueError(
        f"X has n_features = {width}, wanted flattened square matrices or edges: {side**2} or {(side + 1) ** 2} "
        f"columns are matrices of {side} or {side + 1} nodes, {near[0]} or {near[1]} are edges of {below} or "
        f"{below + 1} nodes {'with' if diagonal else 'without'} the diagonal. Give whole connectomes, of shape "
        "(n_subjects, n_nodes, n_nodes) or flattened, and no other columns "
        "(ModalityTransformer gives it those of one modality)."
    )


def _nodes_of_triangle(width, diagonal):
    root = isqrt(8 * width + 1)
    if root * root != 8 * width + 1:
        return None
    return (root - 1) // 2 if diagonal else (root + 1) // 2


def validate_connectomes(estimator, X, *, reset, ensure_min_samples=1):
    """A table of finite numbers from matrices or a table; float32 is kept.

    Parameters
    ----------
    estimator : estimator
        Gets, or is checked against, the number and names of columns of the flattened table.
    X : array-like of shape (n_subjects, n_nodes, n_nodes) or (n_subjects, n_columns)
    reset : bool
        Whether this is fit.
    ensure_min_samples : int
        Subjects that there must be.

    Returns
    -------
    X : ndarray of shape (n_subjects, n_columns)
    """
    X = validate_data(
        estimator,
        flattened(X),
        reset=reset,
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        ensure_min_samples=ensure_min_samples,
        order="C",
    )
    return refuse_not_finite(X)


def flattened(X):
    """Matrices as rows of a table; a table as it is."""
    if not is_stack(X):
        return X
    X = np.asarray(X)
    if X.shape[1] != X.shape[2]:
        raise ValueError(f"X has shape {X.shape}, wanted (n_subjects, n_nodes, n_nodes): square connectomes.")
    return X.reshape(len(X), -1)


def is_stack(X):
    """Whether `X` holds a matrix for each subject, as an array or in lists."""
    return getattr(X, "ndim", None) == 3 or (isinstance(X, list | tuple) and np.ndim(X) == 3)


def refuse_not_finite(X):
    """Raise an error that counts subjects with NaN or infinite entries; return `X`."""
    bad = np.zeros(len(X), dtype=bool)
    for part in chunks(len(X), X.shape[1], _CHUNK_BYTES):
        bad[part] = ~np.isfinite(X[part]).all(axis=1)
    if bad.any():
        what = "NaN" if np.isnan(X[bad]).any() else "infinity"
        raise ValueError(
            f"Input X contains {what}, in the connectomes of {bad.sum()} of {len(X)} subjects, the first in row "
            f"{bad.argmax()}. A node without signal has no correlations: leave that node out for everybody, or leave "
            "these subjects out (ModalityTransformer does, of those who lack the whole modality)."
        )
    return X


def as_symmetric(X, n_nodes):
    """Rows of flattened matrices as matrices; those that are not symmetric are refused.

    Parameters
    ----------
    X : ndarray of shape (n_subjects, n_nodes ** 2)
    n_nodes : int

    Returns
    -------
    matrices : ndarray of shape (n_subjects, n_nodes, n_nodes)
        A view.
    """
    matrices = X.reshape(len(X), n_nodes, n_nodes)
    for part in chunks(len(X), 8 * n_nodes**2, _CHUNK_BYTES):
        some = matrices[part]
        apart = np.abs(some - some.transpose(0, 2, 1)).max(axis=(1, 2))
        bad = apart > _ASYMMETRY * np.abs(some).max(axis=(1, 2))
        if bad.any():
            row = part.start + int(bad.argmax())
            edges = _nodes_of_triangle(n_nodes**2, diagonal=False)
            also = f" ({n_nodes**2} is also the number of edges of {edges} nodes: give matrices then.)" if edges else ""
            raise ValueError(
                f"The {n_nodes} x {n_nodes} matrix of row {row} differs from its transpose by up to "
                f"{apart[bad.argmax()]:.3g}, so that it is no flattened square matrix of an undirected connectome. "
                f"Average each matrix with its transpose if that is what you want.{also}"
            )
    return matrices


def matrices_of(X):
    """Whole symmetric matrices, float64, from any form that functions of connectomes take.

    Parameters
    ----------
    X : array-like of shape (n_subjects, n_nodes, n_nodes), (n_subjects, n_nodes ** 2) or (n_subjects, n_edges)
        Edges are those of the upper triangle without the diagonal, which is then 0.

    Returns
    -------
    matrices : ndarray of shape (n_subjects, n_nodes, n_nodes)
    """
    X = np.asarray(flattened(X), dtype=np.float64)
    if X.ndim != 2 or not X.size:
        raise ValueError(
            f"X has shape {X.shape}, wanted (n_subjects, n_nodes, n_nodes), flattened matrices or edges of at least "
            "one subject."
        )
    form, n_nodes = connectome_form(X.shape[1])
    refuse_not_finite(X)
    return as_symmetric(X, n_nodes) if form == "matrices" else matrices_of_edges(X, n_nodes)


def node_names(names, n_nodes):
    """Names of the nodes as text; their numbers where there are none.

    Parameters
    ----------
    names : array-like of shape (n_nodes,) or None
    n_nodes : int

    Returns
    -------
    names : list of str
    """
    if names is None:
        return [str(node) for node in range(n_nodes)]
    names = [str(name) for name in names]
    if len(names) != n_nodes or len(set(names)) < n_nodes:
        twice = sorted({name for name in names if names.count(name) > 1})[:3]
        raise ValueError(
            f"`names` has {len(names)} names for {n_nodes} nodes{f', {twice} more than once' if twice else ''}. Give "
            "each node a name of its own, in the order of rows and columns."
        )
    return names


def refuse_other_columns(estimator, input_features):
    """Raise an error where names of columns are given that fit did not see."""
    if input_features is None:
        return
    fitted = getattr(estimator, "feature_names_in_", None)
    if fitted is not None and not np.array_equal(fitted, np.asarray(input_features, dtype=object)):
        raise ValueError("input_features is not equal to feature_names_in_")
    if len(input_features) != estimator.n_features_in_:
        raise ValueError(
            f"input_features should have length equal to number of features ({estimator.n_features_in_}), got "
            f"{len(input_features)}"
        )
