"""What all estimators of networks share: networks of the modalities, and neighbors of new subjects."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skfuse._distances import SubjectMetric
from skfuse._progress import task_of
from skfuse._validation import Interval
from skfuse.modalities import SkippedModalityWarning, validate_table
from skfuse.similarity._network import ModalityNetwork, check_metric

_FITTED = ("_members", "_kept", "_kept_labels", "_votes")


class BaseNetworkFusion(BaseEstimator):
    """Learn one network per modality and fuse them; subclasses say how."""

    _fusion = True  # as in validate_table
    _least_subjects = 2  # who must have a modality

    _parameter_constraints: dict = {
        "modalities": [dict, None],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), dict],
        "mu": [Interval(Real, 0, None, closed="neither"), dict],
        "metric": [str, dict],
        "modality_weights": [dict, str, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    # Fit ------------------------------------------------------------------------------------------------------------

    def _read(self, X):
        """Check the table; note the modalities that can be used and the subjects who have one of them."""
        for name in [name for name in vars(self) if name.endswith("_") or name in _FITTED]:
            delattr(self, name)  # of an earlier fit, which another solver or `n_null` may not replace
        table = validate_table(self, X, reset=True, fusion=self._fusion)
        self.skipped_modalities_ = {
            name: "no subject has it" if not count else f"too few subjects have it ({count})"
            for name, count in zip(table.names, table.present.sum(axis=0), strict=True)
            if count < self._least_subjects
        }
        varying = [name for name in table.names if name not in self.skipped_modalities_ and self._varies(table, name)]
        for name in table.names:
            if name not in varying:
                self.skipped_modalities_.setdefault(name, "all subjects who have it are alike")
        names = [name for name in table.names if name not in self.skipped_modalities_]
        if not names:
            raise ValueError(
                f"No modality can be used with n_samples = {len(table)}: a network needs {self._least_subjects} "
                f"subjects who have it and differ. Got {self.skipped_modalities_}."
            )
        if self.skipped_modalities_:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in self.skipped_modalities_.items())
            warnings.warn(
                f"Modalities left out of the fusion ({reasons}). See `skipped_modalities_`.",
                SkippedModalityWarning,
                stacklevel=4,
            )
        present = np.column_stack([table.present_in(name) for name in names])
        self._check_missing(present, names)
        self.n_subjects_, self._kept = len(table), np.flatnonzero(present.any(axis=1))
        return table, names, self._kept, present[self._kept]

    def _varies(self, table, name):
        """Whether any feature of a modality tells two subjects apart; a network of equals would be that of the rows."""
        metrics = np.atleast_1d(self._setting("metric", name, "euclidean"))  # a search has several
        if "precomputed" in metrics:
            return True
        has = np.flatnonzero(table.present_in(name))
        if "gower" in metrics:
            return SubjectMetric("gower").fit(table.native_block(name, has)).unrelated_ > 0
        return SubjectMetric("euclidean").fit(table.block(name)[has]).unrelated_ > 0

    def _check_missing(self, present, names):
        """Refuse missing modalities where the user asked for that."""
        if getattr(self, "missing", "pairwise") == "raise" and not present.all():
            counts = {name: int(count) for name, count in zip(names, (~present).sum(axis=0), strict=True) if count}
            raise ValueError(
                f"Subjects lack modalities: {counts} of {len(present)}. Leave them out, impute, or set "
                "missing='pairwise', which fuses what each subject has."
            )

    def _network(self, name, n_present):
        """The unfitted network of one modality that `n_present` subjects have."""
        return ModalityNetwork(
            check_metric(self._setting("metric", name, "euclidean")),
            n_neighbors=self._wanted_neighbors(name, n_present),
            mu=self._setting("mu", name, 0.5),
        )

    def _wanted_neighbors(self, name, n_present):
        return self._setting("n_neighbors", name, 20)

    def _setting(self, parameter, name, default):
        """One value for all modalities, or that of one modality; without an entry the default."""
        value = getattr(self, parameter)
        if not isinstance(value, dict):
            return value
        unknown = [key for key in value if key not in self.modalities_]
        if unknown:
            raise ValueError(
                f"`{parameter}` has entries for {unknown}, but the modalities of X are {list(self.modalities_)}."
            )
        found = value.get(name, default)
        if parameter == "n_neighbors" and found is not None and not (isinstance(found, Integral) and found >= 1):
            raise ValueError(f"`n_neighbors` of modality {name!r} must be a whole number of at least 1, got {found!r}.")
        if parameter == "mu" and not (isinstance(found, Real) and found > 0):
            raise ValueError(f"`mu` of modality {name!r} must be a positive number, got {found!r}.")
        return found

    def _block(self, table, name, rows=None):
        """Values of one modality for some subjects: floats, or columns as they are where the metric takes text."""
        metric = self._setting("metric", name, "euclidean")
        if metric == "gower":
            return table.native_block(name, rows)
        block = table.block(name)
        return block if rows is None else block[rows]

    def _fit_networks(self, table, names, kept, present, each, context=None):
        """Fit a network per modality on who has it; `each` gets the affinities one by one.

        Parameters
        ----------
        table : Table
        names : list of str
        kept : ndarray of int of shape (n_kept,)
        present : ndarray of shape (n_kept, n_modalities), dtype bool
        each : callable
            ``each(name, affinity, rows)``, with the positions of the modality's subjects among those kept.
        context : CallbackContext or None
            Of the fit, to tell callbacks.
        """
        self.networks_, self.n_neighbors_ = {}, {}
        for position, name in enumerate(names):
            rows = np.flatnonzero(present[:, position])
            network = self._network(name, len(rows))
            with task_of(context, self, f"modality {name}"):
                block = self._block(table, name, kept[rows])
                affinity = network.fit(self._own_columns(name, block, rows))
                self.networks_[name], self.n_neighbors_[name] = network, network.n_neighbors_
                each(name, affinity, rows)
        self._members = {name: np.flatnonzero(present[:, position]) for position, name in enumerate(names)}

    def _own_columns(self, name, block, rows):
        if self._setting("metric", name, "euclidean") == "precomputed" and block.shape[1] != len(rows):
            raise ValueError(
                f"Modality {name!r}: a precomputed affinity needs a column for each of the {len(rows)} training "
                f"subjects "
                f"who have it, got {block.shape[1]}. Put skfuse.modalities.RowKernel before this step."
            )
        return block

    # New subjects -----------------------------------------------------------------------------------------------------

    def subject_weights(self, X):
        """Share of each modality in the membership of each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        shares : ndarray of shape (n_subjects, n_modalities)
            In the order of ``modality_weights_``; rows sum to 1. Who has no modality gets ``modality_weights_``.
        """
        table = self._table(X)
        weights = np.array(list(self.modality_weights_.values()))
        shares = np.column_stack([table.present_in(name) for name in self.modality_weights_]) * weights
        sums = shares.sum(axis=1, keepdims=True)
        return np.where(sums > 0, shares / np.where(sums > 0, sums, 1.0), weights)

    def _table(self, X):
        check_is_fitted(self)
        return validate_table(self, X, reset=False)

    def _average_over_neighbors(self, table, values):
        """Mean of `values` over the training subjects nearest to each subject, over the modalities that it has.

        Parameters
        ----------
        table : Table
        values : ndarray of shape (n_kept, n_values)
            One row per training subject that was fused.

        Returns
        -------
        means : ndarray of shape (n_subjects, n_values)
            NaN for who has no modality.
        """
        means, weight = np.zeros((len(table), values.shape[1])), np.zeros(len(table))
        for name in self.networks_:
            own = self.modality_weights_[name]
            if own > 0:
                means_of_one = self._neighbors_in(table, name, values)
                has = table.present_in(name)
                means[has] += own * means_of_one[has]
                weight[has] += own
        return means / np.where(weight > 0, weight, np.nan)[:, None]

    def _neighbors_in(self, table, name, values):
        """The same by one modality (n_subjects, n_values): NaN for who lacks it, or if it was left out of the fit."""
        means = np.full((len(table), values.shape[1]), np.nan)
        rows = np.flatnonzero(table.present_in(name))
        if name in self.networks_ and len(rows):
            indices, weights = self.networks_[name].new_rows(self._block(table, name, rows))
            means[rows] = np.einsum("ij,ijk->ik", weights, values[self._members[name][indices]])
        return means

    def to_networkx(self, *, n_neighbors=10):
        """The fused network as a graph, with the strongest edges of each subject.

        Parameters
        ----------
        n_neighbors : int, default=10
            Edges kept per subject; a subject may have more, because others keep it.

        Returns
        -------
        graph : networkx.Graph
            A node per training subject, by position, for clusterings with its ``cluster``; edges have the attribute
            ``weight``.
        """
        from skfuse.similarity._graph import as_graph

        return as_graph(self, n_neighbors)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
