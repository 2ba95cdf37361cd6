"""Connectomes as graphs of networkx, and back."""

from numbers import Real

import numpy as np

from skfuse.connectomes._edges import matrices_of, node_names


def connectomes_to_networkx(X, names=None, threshold=None):
    """Turn connectomes into undirected weighted graphs.

    Parameters
    ----------
    X : array-like of shape (n_subjects, n_nodes, n_nodes), (n_subjects, n_nodes ** 2) or (n_subjects, n_edges)
        Symmetric matrices, the same flattened, or the edges of the upper triangle without the diagonal. The diagonal
        is left out.
    names : array-like of str of shape (n_nodes,) or None
        Names of the nodes; None numbers them from 0.
    threshold : float or None
        Edges whose weight is at most this, in absolute value, are left out; None leaves out those of weight 0.

    Returns
    -------
    graphs : list of networkx.Graph
        One for each subject, with all nodes and the attribute ``weight`` of each edge.

    Raises
    ------
    ValueError
        If shapes, names or the threshold do not fit, or a value is missing.

    See Also
    --------
    connectomes_from_networkx : The way back.

    Examples
    --------
    >>> from skfuse.connectomes import connectomes_to_networkx
    >>> graph, = connectomes_to_networkx([[0.5, -0.2, 0.0]], names=["a", "b", "c"])
    >>> graph.edges(data="weight")
    EdgeDataView([('a', 'b', 0.5), ('a', 'c', -0.2)])
    """
    import networkx

    matrices = matrices_of(X)
    n_nodes = matrices.shape[1]
    labels = list(range(n_nodes)) if names is None else node_names(names, n_nodes)
    if threshold is not None and not (isinstance(threshold, Real) and threshold >= 0):
        raise ValueError(f"`threshold` must be a number of at least 0 or None, got {threshold!r}.")
    graphs = []
    for matrix in matrices:
        rows, columns = np.nonzero(np.triu(np.abs(matrix) > (threshold or 0.0), k=1))
        graph = networkx.Graph()
        graph.add_nodes_from(labels)
        graph.add_weighted_edges_from(
            (labels[i], labels[j], float(matrix[i, j])) for i, j in zip(rows, columns, strict=True)
        )
        graphs.append(graph)
    return graphs


def connectomes_from_networkx(graphs, weight="weight", nodes=None):
    """Turn undirected graphs into connectomes.

    Parameters
    ----------
    graphs : sequence of networkx.Graph
        All with the same nodes; a single graph counts as a sequence of one.
    weight : str or None
        Attribute of the edges; None gives every edge the weight 1.
    nodes : sequence or None
        The nodes in the order wanted, all or some of them; None takes the order of the first graph.

    Returns
    -------
    connectomes : ndarray of shape (n_subjects, n_nodes, n_nodes)
        Symmetric, 0 where there is no edge; the diagonal has the weights of loops.

    Raises
    ------
    ValueError
        If a graph is directed or has parallel edges, nodes differ, or an edge has no such attribute.

    See Also
    --------
    connectomes_to_networkx : The way back.

    Examples
    --------
    >>> import networkx
    >>> from skfuse.connectomes import connectomes_from_networkx
    >>> graph = networkx.Graph()
    >>> graph.add_weighted_edges_from([("a", "b", 0.5), ("b", "c", 2.0)])
    >>> connectomes_from_networkx([graph])
    array([[[0. , 0.5, 0. ],
            [0.5, 0. , 2. ],
            [0. , 2. , 0. ]]])
    """
    import networkx

    graphs = [graphs] if isinstance(graphs, networkx.Graph) else list(graphs)
    if not graphs:
        raise ValueError("`graphs` holds no graph. Give one for each subject.")
    expected = list(graphs[0].nodes) if nodes is None else list(nodes)
    matrices = np.zeros((len(graphs), len(expected), len(expected)))
    for number, graph in enumerate(graphs):
        if graph.is_directed() or graph.is_multigraph():
            raise ValueError(
                f"Graph {number} is a {type(graph).__name__}; connectomes are undirected, with one edge between two "
                "nodes. Convert it, for example by graph.to_undirected() and sums of parallel edges."
            )
        _refuse_other_nodes(graph, number, expected, whole=nodes is None)
        matrices[number] = _matrix(graph, number, weight, expected)
    return matrices


def _refuse_other_nodes(graph, number, expected, whole):
    known = set(expected)
    lacking = [node for node in expected if node not in graph]
    extra = [node for node in graph if node not in known] if whole else []
    if lacking or extra:
        raise ValueError(
            f"Graph {number} lacks the nodes {lacking[:5]} and has {extra[:5]} beyond those of the first. Give graphs "
            "of the same nodes (a node may have no edge), or name the common ones in `nodes`."
        )


def _matrix(graph, number, weight, nodes):
    place = {node: position for position, node in enumerate(nodes)}
    if len(place) < len(nodes):
        raise ValueError("`nodes` names a node twice. Give each once.")
    matrix = np.zeros((len(nodes), len(nodes)))
    for one, other, data in graph.edges(data=True):
        if one in place and other in place:
            if weight is not None and weight not in data:
                raise ValueError(
                    f"The edge {one!r} - {other!r} of graph {number} has no attribute {weight!r}; it has "
                    f"{sorted(map(str, data))}. Name another, or set weight=None for edges of weight 1."
                )
            value = 1.0 if weight is None else float(data[weight])
            matrix[place[one], place[other]] = matrix[place[other], place[one]] = value
    return matrix
