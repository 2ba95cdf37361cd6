"""Measures of each subject's network as features."""

from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skfuse._chunks import chunks
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.connectomes import _graph_measures as measures
from skfuse.connectomes._edges import (
    as_symmetric,
    connectome_form,
    matrices_of_edges,
    node_names,
    refuse_other_columns,
    validate_connectomes,
)
from skfuse.connectomes._modularity import louvain

NODE_MEASURES = ("strength", "degree", "clustering", "nodal_efficiency", "betweenness")
GLOBAL_MEASURES = ("path_length", "efficiency", "modularity")
_ON_PATHS = ("nodal_efficiency", "efficiency", "path_length")
_CHUNK_BYTES = 2**24


class ConnectomeGraphFeatures(TransformerMixin, BaseEstimator):
    r"""Measures of the network of each subject, of its nodes and of the whole [1]_.

    =====================  ========  =====================================================================
    measure                of        definition
    =====================  ========  =====================================================================
    ``strength``           nodes     sum of the weights
    ``degree``             nodes     number of edges
    ``clustering``         nodes     weighted, of Onnela et al. [2]_: mean over pairs of neighbors of
                                     :math:`(\hat w_{ij} \hat w_{jh} \hat w_{hi})^{1/3}`
    ``nodal_efficiency``   nodes     mean of 1 / length of the shortest paths to the others
    ``betweenness``        nodes     share of shortest paths between others that pass it (networkx; slow)
    ``path_length``        network   mean length of the shortest paths between nodes that have one
    ``efficiency``         network   mean of 1 / length over all pairs, 0 where there is no path
    ``modularity``         network   largest :math:`Q` that the method of Louvain [3]_ finds
    =====================  ========  =====================================================================

    An edge is as long as 1 / weight; :math:`\hat w` is the weight divided by the largest of the network.

    Parameters
    ----------
    features : sequence of str, default=("strength", "clustering", "path_length", "efficiency", "modularity")
        Measures of the table above, in the order of the columns.
    threshold : float or None
        Edges of at most this weight are left out, after `sign`; not together with `density`.
    density : float or None
        Share of all pairs of nodes that are edges: the strongest of each subject are kept. Networks of equal density
        compare, where a threshold gives a subject with stronger correlations more edges.
    sign : {"positive", "negative", "absolute"}, default="positive"
        Which weights make the network: the positive, the size of the negative, or the size of all.
    weighted : bool, default=True
        False gives every edge that is left the weight 1.
    n_starts : int, default=5
        Orders of the nodes that the method of Louvain is started with; the best partition counts.
    names : array-like of str of shape (n_nodes,) or None
        Names of the nodes; None numbers them from 0.
    n_jobs : int or None
        Parallel batches of subjects, through joblib.
    random_state : int, RandomState or None
        Draws the orders, in fit: the same for all subjects.

    Attributes
    ----------
    n_nodes_ : int
        Nodes of the networks.
    input_form_ : {"matrices", "edges"}
        What rows of the training table were.
    orders_ : ndarray of shape (n_starts, n_nodes)
        Orders of the nodes for ``modularity``.
    n_features_in_, feature_names_in_
        Of the flattened table, as everywhere in scikit-learn.

    See Also
    --------
    ConnectomeVectorizer : The edges themselves.

    Notes
    -----
    Nothing is learned from the training subjects but the number of nodes. The diagonal is ignored. `X` has the forms
    that :class:`ConnectomeVectorizer` takes. A subject whose network has no edge left has no path length and is
    refused if that is asked for; its other measures are 0.

    References
    ----------
    .. [1] M. Rubinov, O. Sporns. NeuroImage 52 (2010), 1059-1069. https://doi.org/10.1016/j.neuroimage.2009.10.003
    .. [2] J.-P. Onnela et al. Phys Rev E 71 (2005), 065103. https://doi.org/10.1103/PhysRevE.71.065103
    .. [3] V. D. Blondel et al. J Stat Mech (2008), P10008. https://doi.org/10.1088/1742-5468/2008/10/P10008

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.connectomes import ConnectomeGraphFeatures
    >>> triangle_and_tail = np.array([[1.0, 1.0, 0.0, 1.0, 0.0, 0.5]])  # edges 01 02 03 12 13 23
    >>> graph = ConnectomeGraphFeatures(features=["strength", "efficiency"]).fit(triangle_and_tail)
    >>> dict(zip(graph.get_feature_names_out(), graph.transform(triangle_and_tail)[0].round(2).tolist()))
    {'strength_0': 2.0, 'strength_1': 2.0, 'strength_2': 2.5, 'strength_3': 0.5, 'efficiency': 0.69}
    """

    _parameter_constraints: dict = {
        "features": ["array-like"],
        "threshold": [Interval(Real, 0, None, closed="left"), None],
        "density": [Interval(Real, 0, 1, closed="right"), None],
        "sign": [StrOptions({"positive", "negative", "absolute"})],
        "weighted": ["boolean"],
        "n_starts": [Interval(Integral, 1, None, closed="left")],
        "names": ["array-like", None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        features=("strength", "clustering", "path_length", "efficiency", "modularity"),
        threshold=None,
        density=None,
        sign="positive",
        weighted=True,
        n_starts=5,
        names=None,
        n_jobs=None,
        random_state=None,
    ):
        self.features = features
        self.threshold = threshold
        self.density = density
        self.sign = sign
        self.weighted = weighted
        self.n_starts = n_starts
        self.names = names
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the number of nodes.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_nodes, n_nodes), (n_subjects, n_nodes ** 2) or (n_subjects, n_edges)
            Connectomes without missing values; edges are those of the upper triangle without the diagonal.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If measures are unknown, `threshold` and `density` are both given, or columns are no connectomes.
        """
        known = (*NODE_MEASURES, *GLOBAL_MEASURES)
        unknown = [name for name in self.features if name not in known]
        if unknown or not len(self.features) or len(set(self.features)) < len(self.features):
            raise ValueError(f"`features` must be different names among {list(known)}, got {list(self.features)}.")
        if self.threshold is not None and self.density is not None:
            raise ValueError("`threshold` and `density` are both given: set one of them to None.")
        X = validate_connectomes(self, X, reset=True)
        self.input_form_, self.n_nodes_ = connectome_form(X.shape[1])
        if self.input_form_ == "matrices":
            as_symmetric(X, self.n_nodes_)
        node_names(self.names, self.n_nodes_)
        rng = check_random_state(self.random_state)
        self.orders_ = np.array([rng.permutation(self.n_nodes_) for _ in range(self.n_starts)])
        return self

    def transform(self, X):
        """Measure the network of each subject.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_nodes, n_nodes), (n_subjects, n_nodes ** 2) or (n_subjects, n_edges)
            In the form that fit saw, or matrices where it saw flattened ones and the other way round.

        Returns
        -------
        features : ndarray of shape (n_subjects, n_features_out)
            The measures in the order of `features`, those of nodes with a column for each.
        """
        check_is_fitted(self)
        X = validate_connectomes(self, X, reset=False)
        parts = list(chunks(len(X), 8 * self.n_nodes_**2, _CHUNK_BYTES))
        return np.concatenate(Parallel(n_jobs=self.n_jobs)(delayed(self._measured)(X[p], p.start) for p in parts))

    def _measured(self, X, first):
        weights = self._networks(X)
        distances = measures.shortest_paths(weights) if set(_ON_PATHS) & set(self.features) else None
        columns = []
        for name in self.features:
            on = distances if name in _ON_PATHS else weights
            if name == "modularity":
                values = np.array([louvain(one, self.orders_)[1] for one in weights])
            else:
                values = getattr(measures, "global_efficiency" if name == "efficiency" else name)(on)
            columns.append(values if values.ndim == 2 else values[:, None])
            if np.isnan(values).any():
                raise ValueError(
                    f"The network of row {first + int(np.isnan(values).argmax())} has no edge left, so that it has no "
                    "path length. Lower `threshold`, use `density`, change `sign`, or leave 'path_length' out."
                )
        return np.hstack(columns)

    def _networks(self, X):
        """Weights of at least 0, without the diagonal and the edges that are left out."""
        if self.input_form_ == "edges":
            weights = matrices_of_edges(X.astype(np.float64), self.n_nodes_)
        else:
            weights = as_symmetric(X, self.n_nodes_).astype(np.float64)
            weights = 0.5 * (weights + weights.transpose(0, 2, 1))
        places = np.arange(self.n_nodes_)
        weights[:, places, places] = 0.0
        if self.sign == "absolute":
            np.abs(weights, out=weights)
        else:
            weights = np.maximum(weights if self.sign == "positive" else -weights, 0.0)
        if self.threshold is not None:
            weights[weights <= self.threshold] = 0.0
        if self.density is not None:
            weights = measures.strongest(weights, self.density)
        return weights if self.weighted else (weights > 0).astype(np.float64)

    def get_feature_names_out(self, input_features=None):
        """Names of the features.

        Parameters
        ----------
        input_features : array-like of str or None
            Checked against the columns that fit saw, otherwise ignored.

        Returns
        -------
        names : ndarray of str
            ``<measure>_<node>`` or ``<measure>``.
        """
        check_is_fitted(self)
        refuse_other_columns(self, input_features)
        names = node_names(self.names, self.n_nodes_)
        out = []
        for name in self.features:
            out += [f"{name}_{node}" for node in names] if name in NODE_MEASURES else [name]
        return np.array(out, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
