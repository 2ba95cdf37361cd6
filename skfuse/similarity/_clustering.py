"""SNFClustering: subtypes in the fused network."""

from numbers import Integral

import numpy as np

from skfuse._mixed_features import MixedFeatures
from skfuse._progress import task_of
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.similarity._base_clustering import RULES, NetworkClusterMixin
from skfuse.similarity._base_snf import BaseSNF
from skfuse.similarity._null import agreement_test, network_modularity, structure_test
from skfuse.similarity._reference import MINIMUM
from skfuse.similarity._snf import SNF


class SNFClustering(NetworkClusterMixin, BaseSNF):
    """Find subtypes: spectral clusters of the fused network, and the subtype of new subjects.

    The network is that of :class:`SNF`. Its leading eigenvectors are clustered by k-means from a start that the
    eigenvectors themselves give, so that nothing is random. A new subject is compared with the training subjects in
    each modality it has; the clusters of its nearest neighbors, weighted by affinity, are its membership. The training
    network does not change.

    Clustering always finds clusters. ``null_p_`` says whether there is more structure than in a single cloud of the
    same covariance; set `n_null` to have it.

    Parameters
    ----------
    n_clusters : int or {"eigengap", "nemo", "rotation", "stability"}, default="eigengap"
        Number of clusters, or the rule that chooses it among 2 to `n_components`; see ``cluster_scores_``.
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`.
    n_components : int, default=10
        Number of eigenvectors, and largest number of clusters that a rule may choose.
    n_neighbors : int or dict of str to int, default=20
        Neighbors in each modality, as in :class:`SNF`.
    mu : float or dict of str to float, default=0.5
        Width of the kernel relative to the local mean distance.
    n_iter : int, default=20
        Number of exchanges between the modalities.
    tol : float or None, default=None
        Stop earlier, when the network changes less than this; exact solver only.
    metric : str or dict of str to str, default="euclidean"
        Distance in each modality, as in :class:`SNF`.
    variant : {"add-identity", "half-diagonal"}, default="add-identity"
        Which published recursion.
    modality_weights : dict of str to float, "learned" or None, default=None
        Weight of each modality; None weighs all alike.
    missing : {"pairwise", "raise"}, default="pairwise"
        Fuse what each subject has, or refuse tables with missing modalities.
    solver : {"auto", "exact", "matrix-free"}, default="auto"
        As in :class:`SNF`.
    neighbor_search : {"exact", "approximate"}, default="exact"
        Of the matrix-free solver.
    n_null : int, default=0
        Reference cohorts for each of ``null_p_`` and ``agreement_p_``; 199 is usual, 0 leaves them out. Every one of
        them is a fit of the whole fusion.
    n_resamples : int or None, default=None
        Resamples of 80 % of the subjects for the stability of each number of clusters; None takes 20 where
        ``n_clusters="stability"``, else none.
    device : str or None, default=None
        Where the exact fusion computes; ``"cuda"`` needs torch.
    n_jobs : int or None, default=None
        Threads; the result does not depend on it.
    random_state : int, RandomState or None, default=None
        Of the resamples, the reference cohorts, and the matrix-free solver.

    Attributes
    ----------
    labels_ : ndarray of shape (n_subjects,)
        From 0, the largest cluster first; -1 for who has no modality.
    n_clusters_ : int
        Number of clusters.
    cluster_scores_ : dict of str to dict of int to float
        For every candidate: ``"eigengap"`` and ``"nemo"`` (the gap times the number of clusters), large is good;
        ``"rotation"``, small is good; ``"stability"``, the mean adjusted Rand index, large is good, if resampled.
    cluster_shares_ : ndarray of shape (n_clusters,)
        Share of each cluster among the subjects who have a modality.
    structure_test_, agreement_test_ : StructureTest
        Behind ``null_p_`` and ``agreement_p_``, with a sentence for reports; only with `n_null`, the second only with
        two modalities or more.
    affinity_ : ndarray of shape (n_subjects, n_subjects)
        The fused network (exact solver); rows of who has no modality are 0.
    operator_ : FusedOperator
        The fused network as a linear operator (matrix-free solver).
    embedding_ : ndarray of shape (n_subjects, n_components)
        Leading eigenvectors, which are clustered; NaN for who has no modality.
    eigenvalues_ : ndarray of shape (n_components,)
        With them.
    modality_weights_ : dict of str to float
        They sum to 1.
    networks_ : dict of str to ModalityNetwork
        The frozen network of each modality.
    n_neighbors_ : dict of str to int
        Neighbors in use.
    n_iter_ : int
        Exchanges made.
    skipped_modalities_ : dict of str to str
        Modalities that could not be used, and why.
    modalities_, n_features_in_, feature_names_in_
        As everywhere in skfuse.

    See Also
    --------
    NEMO, ANF, GMC : Other fusions with the same interface.

    References
    ----------
    .. [1] B. Wang et al. Similarity network fusion for aggregating data types on a genomic scale. Nature Methods 11,
       333 (2014). https://doi.org/10.1038/nmeth.2810

    Examples
    --------
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.similarity import SNFClustering
    >>> cohort = schizophrenia_subtypes(150, subtype_separation=10.0, random_state=0)
    >>> model = SNFClustering(3).fit(cohort.X)
    >>> model.labels_[:5].tolist(), model.cluster_shares_.round(2).tolist()
    ([2, 0, 2, 0, 2], [0.52, 0.25, 0.23])
    >>> model.predict_proba(cohort.X.head(2)).round(2)
    array([[0.07, 0.05, 0.88],
           [0.91, 0.07, 0.02]])
    """

    _parameter_constraints = {
        **BaseSNF._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions(set(RULES))],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_null": [Interval(Integral, 0, None, closed="left")],
        "n_resamples": [Interval(Integral, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        n_clusters="eigengap",
        modalities=None,
        *,
        n_components=10,
        n_neighbors=20,
        mu=0.5,
        n_iter=20,
        tol=None,
        metric="euclidean",
        variant="add-identity",
        modality_weights=None,
        missing="pairwise",
        solver="auto",
        neighbor_search="exact",
        n_null=0,
        n_resamples=None,
        device=None,
        n_jobs=None,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.modalities = modalities
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.mu = mu
        self.n_iter = n_iter
        self.tol = tol
        self.metric = metric
        self.variant = variant
        self.modality_weights = modality_weights
        self.missing = missing
        self.solver = solver
        self.neighbor_search = neighbor_search
        self.n_null = n_null
        self.n_resamples = n_resamples
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fuse the networks of the training subjects and cluster the result.

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
        known = None if isinstance(self.n_clusters, str) else self.n_clusters
        table, names, kept, present = self._read(X)
        if self.n_null:
            self._check_testable(table, names, kept)
        context = self._begin(X, y, names, self.n_null * min(len(names), 2))
        values, coordinates = self._fit_fusion(table, names, kept, present, self._n_eigenvectors(), context, known)
        self._fit_labels(self.n_subjects_, kept, values, coordinates)
        if self.n_null:
            self._test_structure(table, kept, context)
        context.call_on_fit_task_end(estimator=self)
        return self

    def _check_testable(self, table, names, kept):
        """Refuse what no reference cohort can be drawn for, before anything is computed."""
        if self._solver_for(len(kept)) != "exact":
            raise ValueError("n_null needs the exact solver: it fits the fusion again for every reference cohort.")
        for name in names:
            metric, count = self._setting("metric", name, "euclidean"), int(table.present_in(name).sum())
            if metric == "precomputed":
                reason = "comes as precomputed affinities"
            elif metric == "gower" and MixedFeatures().fit(self._block(table, name)).is_category.any():
                reason = "holds text or categories"
            elif count < MINIMUM:
                reason = f"was measured in {count} subjects, fewer than {MINIMUM}"
            else:
                continue
            raise ValueError(
                f"n_null draws reference cohorts of numbers, and modality {name!r} {reason}. Set n_null=0, or leave "
                "the modality out of the test."
            )

    def _test_structure(self, table, kept, context):
        """Compare the modularity of the network with that of cohorts without clusters, and of permuted modalities."""
        names = list(self.networks_)
        blocks = [table.block(name)[kept] for name in names]
        stops = np.cumsum([0, *(block.shape[1] for block in blocks)])
        slices = {name: slice(*stops[i : i + 2]) for i, name in enumerate(names)}
        shared = SNF().get_params(deep=False).keys() & self.get_params(deep=False).keys()
        settings = {name: getattr(self, name) for name in shared} | {"n_components": 1, "n_jobs": None}
        settings |= {"modalities": slices, "solver": "exact"}
        settings |= {
            parameter: {name: self._setting(parameter, name, default) for name in names}
            for parameter, default in (("metric", "euclidean"), ("n_neighbors", 20), ("mu", 0.5))
        }
        if isinstance(self.modality_weights, dict):
            settings["modality_weights"] = {name: self.modality_weights_[name] for name in names}

        def statistic(blocks):
            return network_modularity(SNF(**settings).fit(np.hstack(blocks)).affinity_)

        options = {"n_references": self.n_null, "random_state": self.random_state, "n_jobs": self.n_jobs}
        self.structure_test_ = structure_test(blocks, statistic, progress=self._tell(context), **options)
        if len(blocks) > 1:
            self.agreement_test_ = agreement_test(blocks, statistic, progress=self._tell(context), **options)

    def _tell(self, context):
        """Progress of a test as tasks for callbacks: one for each reference cohort, when its batch is done."""
        told = 0

        def progress(done, total):
            nonlocal told
            for _ in range(told, done):
                with task_of(context, self, "reference cohort"):
                    pass
            told = done

        return progress

    @property
    def null_p_(self):
        """P-value: is there more structure than in a single cloud of this covariance? Only with `n_null`."""
        return self._p_value("structure_test_")

    @property
    def agreement_p_(self):
        """P-value: do the modalities agree about who is like whom? Tests agreement, not clusters; with `n_null`."""
        return self._p_value("agreement_test_")

    def _p_value(self, name):
        if hasattr(self, name):
            return getattr(self, name).p_value
        if name == "agreement_test_" and hasattr(self, "structure_test_"):
            raise AttributeError("One modality has nothing to agree with, so there is no `agreement_p_`.")
        raise AttributeError("Reference cohorts were not drawn. Set n_null, for example to 199, and fit again.")
