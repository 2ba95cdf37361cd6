"""GMC: one graph learned from all modalities, whose connected components are the clusters."""

import warnings
from numbers import Integral, Real

import numpy as np

from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.modalities import NoModalityWarning
from skfuse.similarity._base import BaseNetworkFusion
from skfuse.similarity._base_clustering import NetworkClusterMixin
from skfuse.similarity._gmc_network import AdaptiveNetwork
from skfuse.similarity._gmc_solver import gmc
from skfuse.similarity._network import check_metric
from skfuse.similarity._spectral import by_size


class GMC(NetworkClusterMixin, BaseNetworkFusion):
    r"""Learn a graph with a given number of connected components, and the weights of the modalities with it [1]_.

    The formulas are those of :func:`gmc`. The published program standardizes every subject over its own features, which
    is ``metric="correlation"`` here; the default standardizes features over subjects, as everywhere in this family.

    A new subject gets the weights that the publication gives to neighbors in each modality,
    :math:`s_j = (d_{k+1}^2 - d_j^2) / (k d_{k+1}^2 - \sum_{h \le k} d_h^2)`, and the clusters of those training
    subjects. The graph does not change.

    Parameters
    ----------
    n_clusters : int, default=3
        Number of connected components, and of clusters.
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`.
    n_neighbors : int or dict of str to int, default=15
        Neighbors in each modality; at most two less than the subjects who have it.
    metric : str or dict of str to str, default="euclidean"
        Distance in each modality, as in :class:`SNF` but not ``"precomputed"``.
    n_iter : int, default=30
        Largest number of iterations.
    rank_penalty : float, default=1.0
        Where the weight of the number of components starts; it adapts itself.
    tol : float, default=1e-10
        Eigenvalues of the Laplacian below it count as zero.
    missing : {"pairwise", "raise"}, default="pairwise"
        Use what each subject has, or refuse tables with missing modalities.

    Attributes
    ----------
    labels_ : ndarray of shape (n_subjects,)
        From 0, the largest cluster first; -1 for who has no modality.
    n_clusters_ : int
        Number of clusters.
    cluster_shares_ : ndarray of shape (n_clusters,)
        Share of each cluster among the subjects who have a modality.
    affinity_ : ndarray of shape (n_subjects, n_subjects)
        The learned graph, made symmetric.
    embedding_ : ndarray of shape (n_subjects, n_clusters)
        Eigenvectors of its Laplacian; NaN for who has no modality.
    modality_weights_ : dict of str to float
        Learned; they sum to 1.
    objective_ : ndarray of shape (n_iter,)
        Distance of the graphs of the modalities from the learned one, after each iteration.
    n_iter_ : int
        Iterations made.
    networks_ : dict of str to AdaptiveNetwork
        The frozen neighborhoods of each modality.
    n_neighbors_ : dict of str to int
        Neighbors in use.
    skipped_modalities_ : dict of str to str
        Modalities that could not be used, and why.
    modalities_, n_features_in_, feature_names_in_
        As everywhere in skfuse.

    See Also
    --------
    SNFClustering : A network whose number of clusters is chosen afterwards.

    References
    ----------
    .. [1] H. Wang, Y. Yang and B. Liu. GMC: graph-based multi-view clustering. IEEE Transactions on Knowledge and Data
       Engineering 32, 1116 (2020). https://doi.org/10.1109/TKDE.2019.2903810

    Examples
    --------
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.similarity import GMC
    >>> cohort = schizophrenia_subtypes(150, subtype_separation=12.0, n_shared=2, random_state=0)
    >>> bool(adjusted_rand_score(cohort.y, GMC(3).fit(cohort.X).labels_) > 0.9)
    True
    """

    _least_subjects = 3

    _parameter_constraints = {
        **BaseNetworkFusion._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "rank_penalty": [Interval(Real, 0, None, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "missing": [StrOptions({"pairwise", "raise"})],
    }

    def __init__(
        self,
        n_clusters=3,
        modalities=None,
        *,
        n_neighbors=15,
        metric="euclidean",
        n_iter=30,
        rank_penalty=1.0,
        tol=1e-10,
        missing="pairwise",
    ):
        self.n_clusters = n_clusters
        self.modalities = modalities
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.n_iter = n_iter
        self.rank_penalty = rank_penalty
        self.tol = tol
        self.missing = missing

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the graph of the training subjects.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        table, names, kept, present = self._read(X)
        self._check_n_clusters(len(kept))
        squares = []

        def each(name, distances, rows):
            whole = np.zeros((len(kept), len(kept)))
            whole[np.ix_(rows, rows)] = distances
            squares.append(whole)

        self._fit_networks(table, names, kept, present, each)
        found = gmc(
            squares,
            n_clusters=self.n_clusters,
            n_neighbors=list(self.n_neighbors_.values()),
            n_iter=self.n_iter,
            rank_penalty=self.rank_penalty,
            tol=self.tol,
            present=present,
        )
        self._note(found, names, kept, len(table))
        return self

    def _note(self, found, names, kept, n):
        self.n_clusters_ = int(self.n_clusters)
        self._kept, self._kept_labels = kept, by_size(found.labels)
        self.labels_ = np.full(n, -1, dtype=np.int64)
        self.labels_[kept] = self._kept_labels
        self.cluster_shares_ = np.bincount(self._kept_labels, minlength=self.n_clusters_) / len(kept)
        self.embedding_ = np.full((n, found.embedding.shape[1]), np.nan)
        self.embedding_[kept] = found.embedding
        graph = found.unified_graph.toarray()
        self.affinity_ = np.zeros((n, n))
        self.affinity_[np.ix_(kept, kept)] = (graph + graph.T) / 2
        self.objective_, self.n_iter_ = found.objective, found.n_iter
        self.modality_weights_ = dict.fromkeys(self.modalities_, 0.0) | {
            name: float(weight) for name, weight in zip(names, found.modality_weights, strict=True)
        }
        if len(kept) < n:
            warnings.warn(
                f"{n - len(kept)} of {n} subjects have no modality and are in no cluster (label -1).",
                NoModalityWarning,
                stacklevel=3,
            )

    def _network(self, name, n_present):
        metric = check_metric(self._setting("metric", name, "euclidean"))
        if metric == "precomputed":
            raise ValueError("GMC learns from distances and takes no precomputed affinities. Choose another metric.")
        return AdaptiveNetwork(metric, n_neighbors=self._setting("n_neighbors", name, 15))
