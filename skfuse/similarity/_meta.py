"""MetaClustering: many clusterings by drawn settings, what they agree on, and which of them to look at."""

import warnings
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import ClusterMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state

from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.modalities import ImputedModalityWarning, NoModalityWarning, SkippedModalityWarning
from skfuse.modalities._resolve import positions
from skfuse.similarity._base import BaseNetworkFusion
from skfuse.similarity._fuse import VARIANTS
from skfuse.similarity._meta_agreement import (
    adjusted_rand_matrix,
    medoids,
    meta_clusters,
    stability,
    typicality,
)
from skfuse.similarity._meta_draws import (
    RULES,
    SCHEMES,
    WEIGHTS,
    check_domains,
    check_metrics,
    choices,
    draw_feature_weights,
    draw_settings,
    limits,
    refuse_unknown,
)
from skfuse.similarity._meta_results import SearchResultsMixin
from skfuse.similarity._meta_solution import SharedDistances, estimator_of, libraries, parameters_of, solve

_SCORES = ("n_clusters", "eigengap", "modularity", "smallest_share")


class MetaClustering(SearchResultsMixin, CallbackSupportMixin, ClusterMixin, BaseNetworkFusion):
    """Draw the settings of similarity network fusion many times, and see which clusterings come out.

    A clustering depends on choices that the data do not make: neighbors, width of the kernel, metric, which modalities
    take part. Every solution is an :class:`SNFClustering` with settings drawn at random. Solutions that agree (adjusted
    Rand index) form meta clusters; each is represented by its most typical solution [1]_ [2]_. Several meta clusters
    mean that the data hold several ways to part the subjects. Variables that were held out then say, with a correction
    for the whole search, which of them matters: :meth:`held_out_test`.

    The clustering itself (``labels_``, ``predict``) is the representative of the largest meta cluster. It is what most
    settings lead to, and need not be the most useful one.

    Parameters
    ----------
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`.
    n_solutions : int, default=200
        Number of draws.
    n_clusters : int, {"eigengap", "nemo", "rotation"}, or tuple of these, default=("eigengap", "rotation")
        Number of clusters or the rule that chooses it, as in :class:`SNFClustering`; one is drawn for each solution.
    n_neighbors : int or (int, int), default=(10, 99)
        Lowest and highest number of neighbors; the highest is cut to a third of the subjects.
    mu : float or (float, float), default=(0.3, 0.8)
        Lowest and highest width of the kernel.
    n_iter : int or (int, int), default=(10, 20)
        Lowest and highest number of exchanges.
    metric : str, tuple of str, or dict of str to these, default=("euclidean", "sqeuclidean")
        Distances to draw from, as in :class:`SNF` without ``"precomputed"``. One is drawn for all modalities of a
        solution; with a dict one for each modality among its own. Add ``"cosine"`` or ``"correlation"`` where the
        features of a modality share a unit, and ``"gower"`` for categories.
    drop_probability : float, default=0.25
        Probability that a solution leaves a modality out; one stays always.
    domains : dict of str to list of str, or None, default=None
        Modalities that belong together; a modality that is not named is a domain of its own.
    scheme : {"auto", "individual", "two-step", "concatenate"} or tuple of the last three, default="auto"
        ``"individual"`` fuses all modalities, ``"two-step"`` first those of each domain and then the domains,
        ``"concatenate"`` puts the features of a domain side by side. ``"auto"`` draws from all three where there are
        `domains`, else it is the first.
    feature_weights : {"uniform", "exponential"}, dict of str to array, or None, default=None
        Weights of the features in the distances, drawn from (0, 1) or the exponential distribution, or given per
        modality with shape (n_sets, n_features). A solution takes one of the sets, which many solutions share, so that
        distances are computed once for each set.
    n_weight_sets : int, default=5
        How many sets of feature weights to draw.
    n_components : int, default=10
        Largest number of clusters that a rule may choose.
    variant : {"add-identity", "half-diagonal"}, default="add-identity"
        Which published recursion.
    n_meta_clusters : int or "auto", default="auto"
        ``"auto"`` takes the best silhouette among 2 to 10 meta clusters that differ (mean adjusted Rand index below
        .9), and one where no silhouette exceeds .25.
    n_subsamples : int, default=0
        Subsamples in which each representative is clustered again; 0 for none.
    subsample_share : float, default=0.8
        Share of the subjects in each.
    missing : {"pairwise", "raise"}, default="pairwise"
        Fuse what each subject has, or refuse tables with missing modalities.
    n_jobs : int or None, default=None
        Solutions fitted at a time, in threads; the result does not depend on it. Each needs about m + 4 matrices of
        subjects by subjects, m the number of modalities.
    random_state : int, RandomState or None, default=None
        Of the draws. More solutions with the same seed keep the first ones.

    Attributes
    ----------
    settings_ : list of dict
        What was drawn for each solution; ``"blocks"`` maps what is fused to its modalities.
    label_matrix_ : ndarray of shape (n_solutions, n_subjects)
        Labels of every solution from 0, the largest cluster first; -1 for who has none of its modalities.
    scores_ : dict of str to ndarray of shape (n_solutions,)
        ``"n_clusters"``, ``"eigengap"``, ``"modularity"`` of the fused network and ``"smallest_share"`` of a cluster.
    ari_ : ndarray of shape (n_solutions, n_solutions)
        Adjusted Rand index of every pair of solutions, over the subjects that both cluster.
    meta_labels_ : ndarray of shape (n_solutions,)
        Meta cluster of each solution from 0, the largest first.
    n_meta_clusters_ : int
        Number of meta clusters.
    silhouettes_ : dict of int to float
        Silhouette of each number of meta clusters that was looked at.
    typicality_ : ndarray of shape (n_solutions,)
        Mean adjusted Rand index of a solution with the others of its meta cluster.
    representatives_ : ndarray of shape (n_meta_clusters,)
        Most typical solution of each meta cluster, among those that cluster the most subjects.
    estimators_ : list of SNFClustering
        The representatives, fitted. Each holds its fused network, subjects by subjects.
    stability_ : dict of str to ndarray of shape (n_meta_clusters,)
        Of each representative, if subsampled: mean adjusted Rand index of the clusters of a subsample ``"to_whole"``,
        and ``"pairwise"`` between subsamples.
    subsample_labels_ : ndarray of shape (n_meta_clusters, n_subsamples, n_subjects)
        Labels in each subsample, -1 for who is not in it; if subsampled.
    labels_ : ndarray of shape (n_subjects,)
        Labels of the first representative; -1 for who has none of its modalities.
    n_clusters_ : int
        With them.
    cluster_shares_ : ndarray of shape (n_clusters,)
        Share of each cluster among the subjects whom the first representative clusters.
    modality_weights_ : dict of str to float
        Of the first representative.
    skipped_modalities_ : dict of str to str
        Modalities that could not be used, and why.
    modalities_, n_features_in_, feature_names_in_
        As everywhere in skfuse.

    See Also
    --------
    SNFClustering : One clustering by settings of your own.

    References
    ----------
    .. [1] R. Caruana, M. Elhawary, N. Nguyen, C. Smith. Meta clustering. ICDM (2006).
       https://doi.org/10.1109/ICDM.2006.103
    .. [2] P. S. Velayudhan et al. metasnf: meta clustering with similarity network fusion, a package for R.
       https://cran.r-project.org/package=metasnf

    Examples
    --------
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.similarity import MetaClustering
    >>> cohort = schizophrenia_subtypes(150, subtype_separation=10.0, random_state=0)
    >>> search = MetaClustering(n_solutions=20, random_state=0).fit(cohort.X)
    >>> search.label_matrix_.shape, search.ari_.shape
    ((20, 150), (20, 20))
    >>> model = search.estimators_[0]
    >>> bool((model.labels_ == search.labels_).all())
    True
    """

    _parameter_constraints = {
        "modalities": [dict, None],
        "n_solutions": [Interval(Integral, 1, None, closed="left")],
        "n_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions(set(RULES)), tuple, list],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "mu": [Interval(Real, 0, None, closed="neither"), tuple, list],
        "n_iter": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "metric": [str, tuple, list, dict],
        "drop_probability": [Interval(Real, 0, 1, closed="left")],
        "domains": [dict, None],
        "scheme": [StrOptions({"auto", *SCHEMES}), tuple, list],
        "feature_weights": [StrOptions(set(WEIGHTS)), dict, None],
        "n_weight_sets": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "variant": [StrOptions(set(VARIANTS))],
        "n_meta_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_subsamples": [Interval(Integral, 0, None, closed="left")],
        "subsample_share": [Interval(Real, 0, 1, closed="neither")],
        "missing": [StrOptions({"pairwise", "raise"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        modalities=None,
        *,
        n_solutions=200,
        n_clusters=("eigengap", "rotation"),
        n_neighbors=(10, 99),
        mu=(0.3, 0.8),
        n_iter=(10, 20),
        metric=("euclidean", "sqeuclidean"),
        drop_probability=0.25,
        domains=None,
        scheme="auto",
        feature_weights=None,
        n_weight_sets=5,
        n_components=10,
        variant="add-identity",
        n_meta_clusters="auto",
        n_subsamples=0,
        subsample_share=0.8,
        missing="pairwise",
        n_jobs=None,
        random_state=None,
    ):
        self.modalities = modalities
        self.n_solutions = n_solutions
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.mu = mu
        self.n_iter = n_iter
        self.metric = metric
        self.drop_probability = drop_probability
        self.domains = domains
        self.scheme = scheme
        self.feature_weights = feature_weights
        self.n_weight_sets = n_weight_sets
        self.n_components = n_components
        self.variant = variant
        self.n_meta_clusters = n_meta_clusters
        self.n_subsamples = n_subsamples
        self.subsample_share = subsample_share
        self.missing = missing
        self.n_jobs = n_jobs
        self.random_state = random_state

    # Fit ------------------------------------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Draw the settings, fit all solutions and group them.

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
        table, names, kept, _ = self._read(X)
        if len(kept) < len(table):
            warnings.warn(
                f"{len(table) - len(kept)} of {len(table)} subjects have no modality and are in no cluster (label -1).",
                NoModalityWarning,
                stacklevel=2,
            )
        random = check_random_state(self.random_state)
        space, weights = self._search_space(names, random)
        present = {name: table.present_in(name) for name in names}
        self.settings_ = draw_settings(self.n_solutions, space, present, random)
        shared = SharedDistances(table, self.settings_, weights)
        parameters = [self._parameters_of(one, space["domains"], shared) for one in self.settings_]
        context = self._init_callback_context(max_subtasks=self.n_solutions + bool(self.n_subsamples))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._fit_solutions(parameters, shared, len(table), context)
        self._group()
        self.estimators_ = [self._refit(parameters[solution], X) for solution in self.representatives_]
        if self.n_subsamples:
            task = context.subcontext(task_name="subsamples").call_on_fit_task_begin(estimator=self)
            self._subsample(parameters, shared, kept, len(table), random)
            task.call_on_fit_task_end(estimator=self)
        self.labels_ = self.label_matrix_[self.representatives_[0]].astype(np.int64)
        self.n_clusters_ = int(self.scores_["n_clusters"][self.representatives_[0]])
        self.cluster_shares_ = self.estimators_[0].cluster_shares_
        self.modality_weights_ = self.estimators_[0].modality_weights_
        context.call_on_fit_task_end(estimator=self)
        return self

    def _search_space(self, names, random):
        """What is drawn from, checked, and the sets of feature weights."""
        domains = check_domains(self.domains, names, self.modalities_)
        widths = {name: len(positions(self.modalities_[name], self.n_features_in_)) for name in names}
        refuse_unknown(self.feature_weights, "feature_weights", self.modalities_)
        weights = draw_feature_weights(self.feature_weights, widths, self.n_weight_sets, random)
        auto = SCHEMES if self.domains else SCHEMES[:1]
        return {
            "n_clusters": choices(self.n_clusters, "n_clusters", RULES, numbers=True),
            "n_neighbors": limits(self.n_neighbors, "n_neighbors", 1, whole=True),
            "mu": limits(self.mu, "mu", 0.0, whole=False),
            "n_iter": limits(self.n_iter, "n_iter", 1, whole=True),
            "metric": check_metrics(self.metric, names, self.modalities_),
            "scheme": auto if self.scheme == "auto" else choices(self.scheme, "scheme", SCHEMES),
            "drop_probability": self.drop_probability,
            "domains": domains,
            "n_weight_sets": len(next(iter(weights.values()))) if weights else 0,
        }, weights

    def _parameters_of(self, settings, domains, shared):
        fixed = {"n_components": self.n_components, "variant": self.variant}
        return parameters_of(settings, domains, shared, **fixed)

    def _fit_solutions(self, parameters, shared, n, context):
        """Labels and scores of every solution, each a task for callbacks."""
        everybody = np.arange(n)
        jobs = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")(
            delayed(solve)(given, settings, shared, everybody)
            for given, settings in zip(parameters, self.settings_, strict=True)
        )
        found = []
        for number in range(len(parameters)):
            task = context.subcontext(task_name=f"solution {number}").call_on_fit_task_begin(estimator=self)
            found.append(next(jobs))
            task.call_on_fit_task_end(estimator=self)
        self.label_matrix_ = np.vstack([one["labels"] for one in found])
        self.scores_ = {name: np.array([one[name] for one in found]) for name in _SCORES}

    def _group(self):
        """Meta clusters and their representatives."""
        self.ari_ = adjusted_rand_matrix(self.label_matrix_)
        self.meta_labels_, self.silhouettes_ = meta_clusters(self.ari_, self.n_meta_clusters)
        self.n_meta_clusters_ = int(self.meta_labels_.max()) + 1
        self.typicality_ = typicality(self.ari_, self.meta_labels_)
        self.representatives_ = medoids(self.typicality_, self.meta_labels_, (self.label_matrix_ >= 0).sum(axis=1))

    def _refit(self, parameters, X):
        """A representative as an estimator of the table, with one thread for the libraries as in the search."""
        with warnings.catch_warnings(), libraries().limit(limits=1):
            for category in (ImputedModalityWarning, NoModalityWarning, SkippedModalityWarning):
                warnings.simplefilter("ignore", category)  # what there is to say was said about the whole table
            return estimator_of({**parameters, "n_jobs": self.n_jobs}).fit(X)

    def _subsample(self, parameters, shared, kept, n, random):
        """Cluster parts of the subjects by the settings of each representative."""
        size = max(2, round(self.subsample_share * len(kept)))
        parts = [np.sort(random.permutation(kept)[:size]) for _ in range(self.n_subsamples)]
        jobs = [(solution, part) for solution in self.representatives_ for part in parts]
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(solve)(parameters[solution], self.settings_[solution], shared, part) for solution, part in jobs
        )
        labels = np.full((len(jobs), n), -1, dtype=np.int32)
        for own, (_, part), one in zip(labels, jobs, found, strict=True):
            own[part] = one["labels"]
        self.subsample_labels_ = labels.reshape(len(self.representatives_), self.n_subsamples, n)
        pairs = [
            stability(own, self.label_matrix_[solution])
            for own, solution in zip(self.subsample_labels_, self.representatives_, strict=True)
        ]
        self.stability_ = dict(zip(("to_whole", "pairwise"), np.array(pairs).T, strict=True))
