"""Network-based statistic: components of a connectome that go with a variable."""

from numbers import Integral, Real

import numpy as np
from scipy.stats import t as student
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils.validation import check_is_fitted, check_random_state, column_or_1d

from skfuse._targets import refuse_missing_target
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.connectomes._edges import (
    as_symmetric,
    connectome_form,
    edge_places,
    matrices_of_edges,
    node_names,
    validate_connectomes,
)
from skfuse.permutation import (
    LinearStatistic,
    NeighborGraph,
    OneSampleStatistic,
    draw_permutations,
    draw_sign_flips,
    infer_map,
)


class NetworkBasedStatistic(CallbackSupportMixin, BaseEstimator):
    r"""Connected components of edges that go with a variable, with the family-wise error held over components [1]_.

    Every edge is tested in a linear model with covariates, :math:`t_e = r_e \sqrt{(n - q - 1) / (1 - r_e^2)}` of the
    partial correlation :math:`r_e`. Edges with :math:`|t_e|` beyond a threshold form components (positive and negative
    ones apart), and the largest component of each permutation makes the null distribution of their size.

    Parameters
    ----------
    threshold : float or None, default=None
        t beyond which edges form components; None takes the t of an uncorrected p-value of .001. What is found depends
        on it: fix it before looking at the data, or take ``method="tfnbs"``, which has none.
    method : {"extent", "intensity", "tfnbs"}, default="extent"
        Size of a component: number of edges, or the sum of what their :math:`|t|` has beyond the threshold.
        ``"tfnbs"`` enhances every edge by the extent of its components over all thresholds and gives a p-value for
        each edge [2]_.
    design : {"association", "one-sample"}, default="association"
        ``"association"`` tests edges against y: a number, or one of two groups. ``"one-sample"`` tests whether their
        mean differs from 0, by sign flips: give differences of two measurements for a paired test.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        Which edges are looked for; both sides are one family.
    alpha : float, default=0.05
        Level.
    n_permutations : int, default=5000
        The smallest p-value is ``1 / (n_permutations + 1)``; no p-value is 0.
    scheme : {"freedman-lane", "draper-stoneman"}, default="freedman-lane"
        How permutations live with covariates.
    permuted : {"columns", "target"}, default="columns"
        Whether edges are permuted, as is usual for connectomes, or y.
    E, H : float, default=0.4, 3.0
        Powers of extent and height in ``"tfnbs"``; those of [2]_.
    names : array-like of shape (n_nodes,) or None, default=None
        Of the nodes.
    n_jobs : int or None, default=None
        Threads; the result does not depend on it.
    random_state : int, RandomState or None, default=None
        Seed of the permutations.

    Attributes
    ----------
    t_ : ndarray of shape (n_edges,)
        Of each edge, in the order of ``np.triu_indices(n_nodes, 1)``; positive where the edge is stronger with a higher
        y (in the group that comes second).
    p_values_ : ndarray of shape (n_edges,)
        Of the component of the edge, 1 outside; with ``"tfnbs"`` of the edge itself. A significant component says that
        it is not chance as a whole, nothing of its single edges.
    significant_ : ndarray of shape (n_edges,), bool
        Where ``p_values_ <= alpha``.
    components_ : ndarray of shape (n_edges,), int, or None
        Number of the component of each edge from 1, 0 outside; None with ``"tfnbs"``.
    component_table_ : dict or None
        Of each component ``"sign"``, ``"edges"``, ``"intensity"``, ``"nodes"`` (how many) and ``"p_value"``.
    enhanced_ : ndarray of shape (n_edges,) or None
        Enhanced t, with ``"tfnbs"``.
    threshold_ : float or None
        t beyond which edges formed components.
    null_distribution_ : ndarray of shape (n_permutations,)
        Largest component (or enhanced value) of each permutation.
    edges_ : ndarray of shape (n_edges, 2), int
        Nodes of each edge.
    groups_ : ndarray of shape (2,) or None
        The groups in order, if y was not a number.
    n_nodes_ : int
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ConnectomePredictiveModel : Edges that predict a variable of new subjects.

    References
    ----------
    .. [1] A. Zalesky, A. Fornito, E. T. Bullmore. NeuroImage 53 (2010), 1197-1207.
       https://doi.org/10.1016/j.neuroimage.2010.06.041
    .. [2] H. C. Baggio et al. Hum Brain Mapp 39 (2018), 2289-2302. https://doi.org/10.1002/hbm.24007

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.connectomes import NetworkBasedStatistic
    >>> rng = np.random.default_rng(0)
    >>> connectomes, group = rng.normal(size=(40, 45)), np.repeat(["control", "patient"], 20)
    >>> connectomes[20:, :6] -= 1.8  # connections of the first node, weaker in patients
    >>> nbs = NetworkBasedStatistic(n_permutations=499, random_state=0).fit(connectomes, group)
    >>> np.flatnonzero(nbs.significant_).tolist(), nbs.component_table_["sign"].tolist()
    ([0, 1, 2, 3, 4, 5], [-1])
    """

    _parameter_constraints: dict = {
        "threshold": [Interval(Real, 0, None, closed="neither"), None],
        "method": [StrOptions({"extent", "intensity", "tfnbs"})],
        "design": [StrOptions({"association", "one-sample"})],
        "alternative": [StrOptions({"two-sided", "greater", "less"})],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "n_permutations": [Interval(Integral, 1, None, closed="left")],
        "scheme": [StrOptions({"freedman-lane", "draper-stoneman"})],
        "permuted": [StrOptions({"columns", "target"})],
        "E": [Interval(Real, 0, None, closed="left")],
        "H": [Interval(Real, 0, None, closed="left")],
        "names": ["array-like", None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        threshold=None,
        method="extent",
        design="association",
        alternative="two-sided",
        alpha=0.05,
        n_permutations=5000,
        scheme="freedman-lane",
        permuted="columns",
        E=0.4,
        H=3.0,
        names=None,
        n_jobs=None,
        random_state=None,
    ):
        self.threshold = threshold
        self.method = method
        self.design = design
        self.alternative = alternative
        self.alpha = alpha
        self.n_permutations = n_permutations
        self.scheme = scheme
        self.permuted = permuted
        self.E = E
        self.H = H
        self.names = names
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, covariates=None, blocks=None):
        """Test every edge and find the components.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_nodes, n_nodes), (n_subjects, n_nodes ** 2) or (n_subjects, n_edges)
            Connectomes: symmetric matrices, or edges of their upper triangle.
        y : array-like of shape (n_subjects,) or None, default=None
            Numbers, or labels of two groups; None for ``design="one-sample"``.
        covariates : array-like of shape (n_subjects, n_covariates) or None, default=None
            Such as age and head motion; a constant is always there.
        blocks : array-like of shape (n_subjects,) or None, default=None
            Exchangeability blocks: subjects change places (or signs, all of a block) within theirs.

        Returns
        -------
        self : object
        """
        self._refuse_contradictions(y, covariates)
        X = validate_connectomes(self, X, reset=True, ensure_min_samples=2)
        form, self.n_nodes_ = connectome_form(X.shape[1])
        rows, columns = edge_places(self.n_nodes_)
        self.edges_ = np.column_stack([rows, columns])
        node_names(self.names, self.n_nodes_)
        edges = as_symmetric(X, self.n_nodes_)[:, rows, columns] if form == "matrices" else X
        context = self._init_callback_context(max_subtasks=None).call_on_fit_task_begin(estimator=self, X=X, y=y)
        statistic, draws = self._statistic(edges, y, covariates, blocks)
        found = self._infer(statistic, draws, context)
        self._keep(found)
        context.call_on_fit_task_end(estimator=self)
        return self

    def _refuse_contradictions(self, y, covariates):
        if self.design == "one-sample" and (y is not None or covariates is not None):
            raise ValueError(
                "design='one-sample' tests means against 0 and takes neither y nor covariates. Leave them out, or "
                "take design='association'."
            )
        if self.design == "association" and y is None:
            raise ValueError(
                f"requires y to be passed, but the target y is None: {type(self).__name__} tests edges against y. For "
                "means of differences take design='one-sample'."
            )

    def _statistic(self, edges, y, covariates, blocks):
        rng = check_random_state(self.random_state)
        self.groups_ = None
        if self.design == "one-sample":
            return OneSampleStatistic(edges), draw_sign_flips(
                len(edges), self.n_permutations, blocks=blocks, random_state=rng
            )
        statistic = LinearStatistic(edges, self._target(y), covariates, scheme=self.scheme, permuted=self.permuted)
        return statistic, draw_permutations(len(edges), self.n_permutations, blocks=blocks, random_state=rng)

    def _target(self, y):
        """Numbers as they are, two groups as 0 and 1 in their order."""
        y = column_or_1d(y, warn=True)
        refuse_missing_target(y)
        if y.dtype.kind in "iufb" or (y.dtype.kind == "O" and all(isinstance(value, Real) for value in y)):
            return y.astype(np.float64)
        labels = y.astype(str)
        groups = np.unique(labels)
        if len(groups) != 2:
            raise ValueError(
                f"y holds {len(groups)} groups ({', '.join(groups[:4])}), wanted two groups or numbers. Test two at a "
                "time, or give one number for each subject."
            )
        self.groups_ = groups
        return (labels == groups[1]).astype(np.float64)

    def _infer(self, statistic, draws, context):
        self.threshold_ = None
        if self.method != "tfnbs":
            p = 0.0005 if self.alternative == "two-sided" else 0.001
            limit = student.isf(p, statistic.degrees_of_freedom)
            self.threshold_ = float(limit if self.threshold is None else self.threshold)

        def one_piece_done(done, total):
            piece = context.subcontext(task_name=f"{done} of {total} permutations")
            piece.call_on_fit_task_begin(estimator=self).call_on_fit_task_end(estimator=self)

        return infer_map(
            statistic,
            draws,
            correction="tfce" if self.method == "tfnbs" else "cluster",
            alternative=self.alternative,
            alpha=self.alpha,
            graph=NeighborGraph.from_edges(self.n_nodes_),
            cluster_threshold=self.threshold_,
            cluster_measure="extent" if self.method == "tfnbs" else self.method,
            tfce_options={"E": self.E, "H": self.H} if self.method == "tfnbs" else None,
            n_jobs=self.n_jobs,
            on_progress=one_piece_done,
        )

    def _keep(self, found):
        self.t_, self.p_values_ = found.observed, found.p_values
        self.significant_ = self.p_values_ <= self.alpha
        self.null_distribution_, self.enhanced_ = found.null, found.enhanced
        self.components_ = self.component_table_ = None
        if found.clusters is not None:
            self.components_ = found.clusters.labels
            numbers = np.arange(1, len(found.clusters.signs) + 1)
            self.component_table_ = {
                "sign": found.clusters.signs,
                "edges": found.clusters.extents.astype(int),
                "intensity": found.clusters.masses,
                "nodes": np.array([len(np.unique(self.edges_[self.components_ == k])) for k in numbers], dtype=int),
                "p_value": found.cluster_p_values,
            }

    def component_matrix(self, number):
        """Adjacency of a component, as a symmetric matrix of t.

        Parameters
        ----------
        number : int
            As in `components_`, from 1.

        Returns
        -------
        matrix : ndarray of shape (n_nodes, n_nodes)
            t of the component's edges, 0 elsewhere.
        """
        check_is_fitted(self)
        if self.components_ is None or not 1 <= number <= self.components_.max(initial=0):
            n = 0 if self.components_ is None else self.components_.max(initial=0)
            raise ValueError(f"There is no component {number!r}: {n} were found, numbered from 1.")
        return matrices_of_edges(np.where(self.components_ == number, self.t_, 0.0)[None], self.n_nodes_)[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.design == "association"
        return tags
