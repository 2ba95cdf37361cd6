"""The fused network itself, exact or matrix-free: what SNF, SNFClustering and SNFClassifier have in common."""

from numbers import Integral, Real

import numpy as np
from sklearn.callback import CallbackSupportMixin

from skfuse._progress import task_of
from skfuse._validation import Interval, StrOptions
from skfuse.similarity._base import BaseNetworkFusion
from skfuse.similarity._fuse import VARIANTS, as_csr, check_weights, finish, sparse_transition, start_network
from skfuse.similarity._operator import FusedOperator
from skfuse.similarity._spectral import operator_coordinates, spectral_coordinates
from skfuse.similarity._weights import learned_weights

_EXACT_LIMIT = 5000  # subjects; the exact solver needs four n x n matrices for three modalities


class BaseSNF(CallbackSupportMixin, BaseNetworkFusion):
    """Similarity network fusion of a table; subclasses embed, cluster or classify."""

    _parameter_constraints: dict = {
        **BaseNetworkFusion._parameter_constraints,
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "variant": [StrOptions(set(VARIANTS))],
        "modality_weights": [dict, StrOptions({"learned"}), None],
        "missing": [StrOptions({"pairwise", "raise"})],
        "solver": [StrOptions({"auto", "exact", "matrix-free"})],
        "neighbor_search": [StrOptions({"exact", "approximate"})],
        "device": [str, None],
    }

    def _begin(self, X, y, names, n_more=0):
        """Tell callbacks that a fit of a task per modality, one for the fusion and `n_more` begins."""
        context = self._init_callback_context(max_subtasks=len(names) + 1 + n_more)
        return context.call_on_fit_task_begin(estimator=self, X=X, y=y)

    def _fit_fusion(self, table, names, kept, present, n_components, context, n_leading=None):
        """Fuse the networks of a table that was read; `n_leading` is the number of clusters, where it is known.

        Returns eigenvalues (n_components,) and coordinates (n_kept, n_components).
        """
        if self._solver_for(len(kept)) == "exact":
            return self._fit_exact(table, names, kept, present, n_components, context)
        return self._fit_matrix_free(table, names, kept, present, n_components, context, n_leading)

    def _solver_for(self, n):
        if self.solver == "matrix-free" and self.variant == "half-diagonal":
            raise ValueError(
                "solver='matrix-free' holds for variant='add-identity' only: 'half-diagonal' normalizes every row at "
                "every step, which needs the whole matrix. Choose one of the two."
            )
        if self.solver == "auto":
            return "exact" if n <= _EXACT_LIMIT or self.variant == "half-diagonal" else "matrix-free"
        return self.solver

    # Exact ----------------------------------------------------------------------------------------------------------

    def _fit_exact(self, table, names, kept, present, n_components, context=None):
        n = len(kept)
        networks, transitions = [], []

        def each(name, affinity, rows):
            P = start_network(affinity)
            if len(rows) < n:
                whole = np.zeros((n, n))
                whole[np.ix_(rows, rows)] = P
                P = whole
            has = np.zeros(n, dtype=bool)
            has[rows] = True
            n_neighbors = min(self._setting("n_neighbors", name, 20), len(rows))
            transitions.append(sparse_transition(P, has, n_neighbors))
            networks.append(P)

        self._fit_networks(table, names, kept, present, each, context)
        weights = self._weights(
            names, lambda: [as_csr(*S, np.flatnonzero(has)) for S, has in zip(transitions, present.T, strict=True)]
        )
        if (weights == 0).any():  # as if it were not there
            used = np.flatnonzero(weights)
            networks, transitions = [networks[v] for v in used], [transitions[v] for v in used]
            present, weights = present[:, used], weights[used]
        with task_of(context, self, "fusion"):
            fused, self.n_iter_ = self._fuse(networks, transitions, present, weights)
            n_neighbors = min(max(self.n_neighbors_.values()), n)
            fused = finish(fused, present, n_neighbors, self.variant)
            values, coordinates = spectral_coordinates(fused, min(n_components, n - 1))
        if n < self.n_subjects_:
            whole = np.zeros((self.n_subjects_, self.n_subjects_))
            whole[np.ix_(kept, kept)] = fused
            fused = whole
        self.affinity_ = fused
        return values, coordinates

    def _fuse(self, networks, transitions, present, weights):
        """Iterate on the CPU by compiled loops, or on a device by its dense products."""
        if len(networks) == 1:
            return networks[0], 0
        half_diagonal = self.variant == "half-diagonal"
        options = {"n_iter": self.n_iter, "tol": self.tol, "alpha": 1.0, "half_diagonal": half_diagonal}
        if self.device in (None, "cpu"):
            from skfuse.similarity._panels import fuse_in_panels

            return fuse_in_panels(networks, transitions, present, weights, **options, n_jobs=self.n_jobs)
        from skfuse.similarity._fuse_dense import fuse_on_device

        return fuse_on_device(networks, transitions, present, weights, device=self.device, **options)

    # Matrix-free ------------------------------------------------------------------------------------------------------

    def _fit_matrix_free(self, table, names, kept, present, n_components, context, n_leading):
        """Neighbors only: sparse transitions, the fused network as an operator, eigenvectors by iteration."""
        self.networks_, self.n_neighbors_, transitions = {}, {}, {}
        for position, name in enumerate(names):
            rows = np.flatnonzero(present[:, position])
            network = self._network(name, len(rows))
            with task_of(context, self, f"modality {name}"):
                transitions[name] = network.fit_neighbors(
                    self._block(table, name, kept[rows]),
                    search=self.neighbor_search,
                    n_jobs=self.n_jobs,
                    random_state=self.random_state,
                )
            self.networks_[name], self.n_neighbors_[name] = network, network.n_neighbors_
        self._members = {name: np.flatnonzero(has) for name, has in zip(names, present.T, strict=True)}
        weights = self._weights(names, lambda: [transition.to_csr() for transition in transitions.values()])
        walks = [transition.to_csr(has) for transition, has in zip(transitions.values(), present.T, strict=True)]
        with task_of(context, self, "fusion"):
            self.operator_ = FusedOperator(
                walks,
                n_iter=self.n_iter,
                modality_weights=weights,
                present=present,
                random_state=self.random_state,
                n_jobs=self.n_jobs,
            )
            self.n_iter_ = self.n_iter
            n_components = min(n_components, len(kept) - 1)
            n_leading = None if n_leading is None else min(n_leading, n_components + 1)
            return operator_coordinates(self.operator_, n_components, n_leading, self.random_state)

    # Weights ----------------------------------------------------------------------------------------------------------

    def _weights(self, names, transitions):
        """Weights of the modalities (n_modalities,), which sum to 1; also ``modality_weights_``."""
        given = self.modality_weights
        if given is None:
            weights = check_weights(None, len(names))
        elif given == "learned":
            weights = learned_weights(transitions(), random_state=0)
        else:
            unknown = [name for name in given if name not in self.modalities_]
            if unknown:
                raise ValueError(
                    f"`modality_weights` has entries for {unknown}, but the modalities of X are "
                    f"{list(self.modalities_)}."
                )
            weights = check_weights([given.get(name, 1.0) for name in names], len(names))
        self.modality_weights_ = dict.fromkeys(self.modalities_, 0.0) | {
            name: float(weight) for name, weight in zip(names, weights, strict=True)
        }
        return weights
