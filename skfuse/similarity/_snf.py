"""SNF: similarity network fusion as a transformer."""

from numbers import Integral

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skfuse._validation import Interval, _fit_context
from skfuse.modalities import feature_name
from skfuse.modalities._mixins import names_in
from skfuse.modalities._resolve import other_columns
from skfuse.similarity._base_snf import BaseSNF


class SNF(TransformerMixin, BaseSNF):
    """Fuse modalities into one network of subjects, and embed it.

    Every modality becomes a network of its subjects (:func:`local_affinity`); the networks exchange what they know
    (:func:`fuse_affinities`, where the formulas are); the leading eigenvectors of the fused network are the features
    that ``transform`` returns. A subject diffuses only through the modalities it has; nothing is imputed.

    New subjects never enter the training network: ``transform`` finds, in each modality that a subject has, its nearest
    training subjects by the same affinity, and returns the mean of their coordinates, weighted by affinity and by
    `modality_weights`. Training subjects are treated no differently, so that ``fit_transform`` is ``fit`` and
    ``transform``; the coordinates of the network itself are in ``embedding_``.

    Parameters
    ----------
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`.
    n_components : int, default=10
        Number of coordinates; fewer where there are fewer subjects.
    n_neighbors : int or dict of str to int, default=20
        Neighbors that set the bandwidth and stay in the graph, for all or by modality; at most one less than the
        subjects who have the modality (``n_neighbors_`` has what was used).
    mu : float or dict of str to float, default=0.5
        Width of the kernel relative to the local mean distance; .3 to .8 is usual.
    n_iter : int, default=20
        Number of exchanges between the modalities.
    tol : float or None, default=None
        Stop earlier, when the network changes less than this (relative, Frobenius norm); exact solver only.
    metric : str or dict of str to str, default="euclidean"
        ``"euclidean"`` and ``"sqeuclidean"`` on features standardized by the training subjects, ``"cosine"`` and
        ``"correlation"`` on features as given, ``"gower"`` for mixed types, text included; ``"precomputed"`` for
        affinities with the training subjects, as :class:`skfuse.modalities.RowKernel` gives them. Missing cells: the
        distance over the features that both subjects have.
    variant : {"add-identity", "half-diagonal"}, default="add-identity"
        The recursion of snfpy and SNFtool 2.2, or that of SNFtool 2.3 and of the paper.
    modality_weights : dict of str to float, "learned" or None, default=None
        Weight of each modality; None weighs all alike. ``"learned"`` weighs a modality by the largest gap between the
        eigenvalues of its own graph: how clearly it falls into clusters (see the guide for where that misleads).
    missing : {"pairwise", "raise"}, default="pairwise"
        Fuse what each subject has, or refuse tables with missing modalities.
    solver : {"auto", "exact", "matrix-free"}, default="auto"
        ``"exact"`` keeps matrices of all pairs of subjects; ``"matrix-free"`` keeps neighbors only and applies the
        fused network as an operator (an approximation; for ``"add-identity"``; one modality alone is diffused in
        itself there, while the exact solver returns its network). ``"auto"`` is exact up to 5,000 subjects.
    neighbor_search : {"exact", "approximate"}, default="exact"
        How the matrix-free solver finds neighbors: by all pairs, or in time that grows little faster than the number of
        subjects.
    device : str or None, default=None
        Where the exact fusion computes: None is the CPU with compiled sparse loops; ``"cuda"`` needs torch.
    n_jobs : int or None, default=None
        Threads; the result does not depend on it.
    random_state : int, RandomState or None, default=None
        Of the matrix-free solver; the exact one draws nothing.

    Attributes
    ----------
    affinity_ : ndarray of shape (n_subjects, n_subjects)
        The fused network (exact solver); rows of who has no modality are 0.
    operator_ : FusedOperator
        The fused network as a linear operator (matrix-free solver).
    embedding_ : ndarray of shape (n_subjects, n_components)
        Leading eigenvectors of the random walk on the fused network, the constant one left out; mean 0 and variance 1
        under the degrees. NaN for who has no modality.
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
    n_components_ : int
        Number of coordinates.
    skipped_modalities_ : dict of str to str
        Modalities that could not be used, and why.
    modalities_, n_features_in_, feature_names_in_
        As everywhere in skfuse.

    See Also
    --------
    SNFClustering : Subtypes in the fused network.
    SNFClassifier : Spread the labels of some subjects over it.

    References
    ----------
    .. [1] B. Wang et al. Similarity network fusion for aggregating data types on a genomic scale. Nature Methods 11,
       333 (2014). https://doi.org/10.1038/nmeth.2810

    Examples
    --------
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.similarity import SNF
    >>> cohort = schizophrenia_subtypes(120, random_state=0)
    >>> snf = SNF(n_components=2).fit(cohort.X)
    >>> snf.affinity_.shape, snf.embedding_.shape
    ((120, 120), (120, 2))
    >>> list(snf.transform(cohort.X.head(3)).columns)
    ['snf__0', 'snf__1']
    """

    _fusion = "transform"

    _parameter_constraints = {
        **BaseSNF._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
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
        device=None,
        n_jobs=None,
        random_state=None,
    ):
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
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fuse the networks of the training subjects.

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
        context = self._begin(X, y, names)
        self.eigenvalues_, coordinates = self._fit_fusion(table, names, kept, present, self.n_components, context)
        self.n_components_ = coordinates.shape[1]
        self.embedding_ = np.full((self.n_subjects_, self.n_components_), np.nan)
        self.embedding_[kept] = coordinates
        context.call_on_fit_task_end(estimator=self)
        return self

    def transform(self, X):
        """Coordinates of subjects: those of their nearest training subjects, averaged.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_components + n_other_columns)
            Columns ``snf__0`` and so on, then the columns outside of every modality. NaN for who has no modality.
        """
        table = self._table(X)
        coordinates = self._average_over_neighbors(table, self.embedding_[self._kept])
        return table.replace({"snf": coordinates})

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str or None
            Names of the columns of `X`; needed only where fit saw an array.

        Returns
        -------
        names : ndarray of str
            ``snf__0`` and so on, then the other columns.
        """
        check_is_fitted(self)
        names = names_in(self, input_features)
        others = names[other_columns(self.modalities_, len(names))]
        return np.asarray([*(feature_name("snf", str(i)) for i in range(self.n_components_)), *others], dtype=object)
