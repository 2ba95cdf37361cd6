"""One solution of a search: the clustering that its settings describe, from distances that solutions share."""

from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from skfuse._distances import SubjectMetric
from skfuse.modalities import Table
from skfuse.modalities._container import n_columns
from skfuse.modalities._resolve import positions
from skfuse.similarity._clustering import SNFClustering
from skfuse.similarity._fuse import finish, sparse_transition, start_network
from skfuse.similarity._network import ModalityNetwork
from skfuse.similarity._spectral import choose, cluster_scores, partition

#: Bytes of distances that are kept for other solutions; what does not fit is computed again.
_SHARED_BYTES = 2**30


class DrawnSNFClustering(SNFClustering):
    """SNFClustering with weights of the features and with a fusion inside domains before that across.

    Parameters
    ----------
    n_clusters : int or str
    modalities : dict or None
    domains : dict of str to list of str, or None
        Modalities that are fused first; then the domains are fused.
    feature_weights : dict of str to ndarray of shape (n_features,), or None
    n_components, n_neighbors, mu, n_iter, metric, variant, modality_weights, missing, solver, n_jobs
        As in :class:`SNFClustering`.
    """

    def __init__(
        self,
        n_clusters="eigengap",
        modalities=None,
        *,
        domains=None,
        feature_weights=None,
        n_components=10,
        n_neighbors=20,
        mu=0.5,
        n_iter=20,
        metric="euclidean",
        variant="add-identity",
        modality_weights=None,
        missing="pairwise",
        solver="exact",
        n_jobs=None,
    ):
        super().__init__(
            n_clusters,
            modalities,
            n_components=n_components,
            n_neighbors=n_neighbors,
            mu=mu,
            n_iter=n_iter,
            metric=metric,
            variant=variant,
            modality_weights=modality_weights,
            missing=missing,
            solver=solver,
            n_jobs=n_jobs,
        )
        self.domains = domains
        self.feature_weights = feature_weights

    def _network(self, name, n_present):
        network = super()._network(name, n_present)
        network.feature_weights = None if self.feature_weights is None else self.feature_weights[name]
        return network

    def _fuse(self, networks, transitions, present, weights):
        """Fuse the modalities of each domain, then the domains; one domain is fused as without domains."""
        names, given = list(self.networks_), self.domains or {}
        groups = [[names.index(name) for name in group if name in names] for group in given.values()]
        groups = [group for group in groups if group]
        if len(groups) < 2 or len(groups) == len(names):
            return super()._fuse(networks, transitions, present, weights)
        parts = [
            self._fuse_domain(
                [networks[i] for i in group], [transitions[i] for i in group], present[:, group], weights[group]
            )
            for group in groups
        ]
        networks.clear()
        has = np.column_stack([present[:, group].any(axis=1) for group in groups])
        sums = np.array([weights[group].sum() for group in groups])
        return super()._fuse([P for P, _ in parts], [S for _, S in parts], has, sums)

    def _fuse_domain(self, networks, transitions, present, weights):
        """P and S of one domain, zero for who has none of its modalities."""
        if len(networks) == 1:
            return networks[0], transitions[0]
        has = present.any(axis=1)
        rows, n_neighbors = np.flatnonzero(has), max(indices.shape[1] for indices, _ in transitions)
        if not has.all():
            present = present[rows]
            networks = [P[np.ix_(rows, rows)] for P in networks]
            transitions = [
                sparse_transition(P, present[:, i], transitions[i][0].shape[1]) for i, P in enumerate(networks)
            ]
        fused, _ = super()._fuse(list(networks), transitions, present, weights / weights.sum())
        n_neighbors = min(n_neighbors, len(rows))
        P = start_network(finish(fused, present, n_neighbors, self.variant))
        if not has.all():
            whole = np.zeros((len(has), len(has)))
            whole[np.ix_(rows, rows)] = P
            P = whole
        return P, sparse_transition(P, has, n_neighbors)


class SharedDistances:
    """Distances among the subjects of each block by each metric and set of weights, computed once.

    Parameters
    ----------
    table : Table
    settings : list of dict
        Of all solutions.
    weights : dict of str to ndarray of shape (n_sets, n_features), or None
        Of the features of each modality.

    Attributes
    ----------
    columns : dict of str to ndarray of int
        Positions of the columns of each block.
    """

    def __init__(self, table, settings, weights):
        self._members = {block: members for one in settings for block, members in one["blocks"].items()}
        self.columns = {
            block: np.concatenate([positions(table.modalities[name], n_columns(table.X)) for name in members])
            for block, members in self._members.items()
        }
        self._table, self._weights = Table(table.X, self.columns), weights
        self._present = dict(zip(self._table.names, self._table.present.T, strict=True))  # known before threads start
        self._values, self._distances = {}, {}
        self._room = max(1, _SHARED_BYTES // (8 * len(table) ** 2))

    def present(self, blocks):
        """Who has which block (n_subjects, n_blocks)."""
        return np.column_stack([self._present[block] for block in blocks])

    def feature_weights(self, block, weight_set):
        """Weights of the features of one block, or None."""
        if weight_set is None:
            return None
        return np.concatenate([self._weights[name][weight_set] for name in self._members[block]])

    def of(self, block, metric, weight_set, rows):
        """Distances among some subjects; kept if these are all who have the block."""
        if len(rows) < self._present[block].sum():
            return self._compute(block, metric, weight_set, rows)
        key = (block, metric, weight_set)
        if key not in self._distances:
            distances = self._compute(block, metric, weight_set, rows)
            if len(self._distances) >= self._room:
                return distances
            self._distances[key] = distances
        return self._distances[key]

    def _compute(self, block, metric, weight_set, rows):
        subjects = SubjectMetric(metric, self.feature_weights(block, weight_set))
        values = self._block(block, rows, native=metric == "gower")
        return subjects.fit(values).within(subjects.encode(values))

    def _block(self, block, rows, native):
        if native:
            return self._table.native_block(block, rows)
        if block not in self._values:
            self._values[block] = self._table.block(block)
        return self._values[block][rows]

    def __getstate__(self):
        return self.__dict__ | {"_values": {}, "_distances": {}}  # other processes compute their own


class _NetworkOfDistances(ModalityNetwork):
    """A network whose block is a matrix of distances."""

    def fit_points(self, block):
        """Nothing is to be learned: the distances are known."""
        self.points_ = block
        return self

    def within(self, points):
        """The distances themselves."""
        return points


class _SharedSolution(DrawnSNFClustering):
    """The same clustering, from shared distances instead of a table."""

    def _block(self, table, name, rows=None):
        return table.of(name, self._setting("metric", name, "euclidean"), self._weight_set, rows)

    def _network(self, name, n_present):
        network = super()._network(name, n_present)
        return _NetworkOfDistances(network.metric, n_neighbors=network.n_neighbors, mu=network.mu)


def parameters_of(settings, domains, shared, **fixed):
    """Parameters of the estimator that settings describe."""
    metrics = set(settings["metric"].values())
    two_step = settings["scheme"] == "two-step"
    parameters = {
        "n_clusters": settings["n_clusters"],
        "modalities": {block: shared.columns[block] for block in settings["blocks"]},
        "n_neighbors": settings["n_neighbors"],
        "mu": settings["mu"],
        "n_iter": settings["n_iter"],
        "metric": metrics.pop() if len(metrics) == 1 else dict(settings["metric"]),
        "solver": "exact",
        **fixed,
    }
    if settings["weight_set"] is not None:
        parameters["feature_weights"] = {
            block: shared.feature_weights(block, settings["weight_set"]) for block in settings["blocks"]
        }
    if two_step:
        groups = {d: [name for name in group if name in settings["blocks"]] for d, group in domains.items()}
        parameters["domains"] = groups = {domain: group for domain, group in groups.items() if group}
        parameters["modality_weights"] = {
            name: 1.0 / (len(groups) * len(group)) for group in groups.values() for name in group
        }
    return parameters


def estimator_of(parameters):
    """The unfitted clustering of a solution, a plain :class:`SNFClustering` where that can do it."""
    own = {"domains", "feature_weights"} & set(parameters)
    return (DrawnSNFClustering if own else SNFClustering)(**parameters)


def solve(parameters, settings, shared, subjects):
    """Cluster some subjects.

    Parameters
    ----------
    parameters : dict
        From :func:`parameters_of`.
    settings : dict
    shared : SharedDistances
    subjects : ndarray of int of shape (n_some,)
        Sorted positions.

    Returns
    -------
    found : dict
        ``labels`` (n_some,), -1 for who has none of the modalities, and ``n_clusters``, ``eigengap``, ``modularity``
        and ``smallest_share``.
    """
    present = shared.present(settings["blocks"])[subjects]
    usable = present.sum(axis=0) >= 2
    names = [name for name, use in zip(settings["blocks"], usable, strict=True) if use]
    present = present[:, usable]
    rows = np.flatnonzero(present.any(axis=1))
    labels = np.full(len(subjects), -1, dtype=np.int32)
    if not len(rows):
        return {"labels": labels, "n_clusters": 0, "eigengap": np.nan, "modularity": np.nan, "smallest_share": np.nan}
    model = _SharedSolution(**parameters)
    model.modalities_ = dict.fromkeys(settings["blocks"])
    model.n_subjects_, model._weight_set = len(rows), settings["weight_set"]
    with libraries().limit(limits=1):  # one result, whatever the number of threads
        values, coordinates = model._fit_exact(shared, names, subjects[rows], present[rows], model._n_eigenvectors())
        given = model.n_clusters
        k = choose(cluster_scores(values, coordinates), given) if isinstance(given, str) else min(given, len(rows))
        labels[rows] = partition(coordinates, k)
    eigenvalues = np.concatenate([[1.0], values])
    return {
        "labels": labels,
        "n_clusters": int(labels.max()) + 1,
        "eigengap": float(eigenvalues[k - 1] - eigenvalues[k]) if k < len(eigenvalues) else np.nan,
        "modularity": _modularity(model.affinity_, labels[rows]),
        "smallest_share": float(np.bincount(labels[rows]).min() / len(rows)),
    }


@cache
def libraries():
    """The numerical libraries of this process; to look for them takes longer than to cluster few subjects."""
    return ThreadpoolController()


def _modularity(network, labels):
    """Newman's modularity of a partition of a network, the diagonal left out; 0 for a network without edges."""
    members = np.eye(labels.max() + 1)[labels]
    between = members.T @ network @ members - (members.T * np.diag(network)) @ members
    total = between.sum()
    return float(np.trace(between) / total - np.sum((between.sum(axis=1) / total) ** 2)) if total > 0 else 0.0
