"""SNFClassifier: labels of some subjects spread over the fused network."""

import warnings
from numbers import Real

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from skfuse._validation import Interval, _fit_context
from skfuse.modalities import NoModalityWarning
from skfuse.modalities._subjects import refuse_other_order
from skfuse.similarity._base_snf import BaseSNF
from skfuse.similarity._graph import strongest_edges


class SNFClassifier(ClassifierMixin, BaseSNF):
    r"""Spread the labels of some subjects over the fused network of all (semi-supervised).

    The network is that of :class:`SNF`, of labeled and unlabeled training subjects alike; of its edges the
    `n_neighbors` strongest of each subject are used. With :math:`S = D^{-1/2} W D^{-1/2}` of this graph and *Y* the
    known labels, one linear system gives the scores of all training subjects [1]_:

    .. math:: (I - \beta S) F = (1 - \beta) Y.

    Columns of *F* are scaled so that the classes have, over all training subjects, the mass of their prior [2]_, which
    keeps a large class from flooding the others; then rows are normalized. A new subject gets the mean over its nearest
    training subjects, in each modality that it has; the network does not change.

    Parameters
    ----------
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`.
    spreading : float, default=0.5
        :math:`\beta`, between 0 and 1: how far labels spread, against how much a subject keeps to its own label.
    unlabeled : int or str, default=-1
        The value in `y` that means "not known".
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
    device : str or None, default=None
        Where the exact fusion computes; ``"cuda"`` needs torch.
    n_jobs : int or None, default=None
        Threads; the result does not depend on it.
    random_state : int, RandomState or None, default=None
        Of the matrix-free solver.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Known labels.
    class_prior_ : ndarray of shape (n_classes,)
        Shares of the classes among labeled training subjects who have a modality.
    label_distributions_ : ndarray of shape (n_subjects, n_classes)
        What the training subjects got, unlabeled ones included; NaN for who has no modality.
    affinity_ : ndarray of shape (n_subjects, n_subjects)
        The fused network (exact solver); rows of who has no modality are 0.
    operator_ : FusedOperator
        The fused network as a linear operator (matrix-free solver).
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

    References
    ----------
    .. [1] D. Zhou et al. Learning with local and global consistency. NeurIPS 16 (2003).

    .. [2] X. Zhu, Z. Ghahramani, J. Lafferty. Semi-supervised learning using Gaussian fields and harmonic functions.
       ICML (2003).

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.similarity import SNFClassifier
    >>> cohort = schizophrenia_subtypes(200, subtype_separation=10.0, random_state=0)
    >>> y = np.where(np.arange(200) < 30, cohort.y, -1)  # 30 subjects are labeled
    >>> model = SNFClassifier().fit(cohort.X.iloc[:150], y[:150])
    >>> bool(model.score(cohort.X.iloc[150:], cohort.y.iloc[150:]) > 0.6)
    True
    """

    _parameter_constraints = {
        **BaseSNF._parameter_constraints,
        "spreading": [Interval(Real, 0, 1, closed="neither")],
        "unlabeled": "no_validation",
    }

    def __init__(
        self,
        modalities=None,
        *,
        spreading=0.5,
        unlabeled=-1,
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
        self.spreading = spreading
        self.unlabeled = unlabeled
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
    def fit(self, X, y):
        """Fuse the networks of all training subjects and spread the known labels.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            One table; a missing modality is a row whose whole block is missing.
        y : array-like of shape (n_subjects,)
            Labels; `unlabeled` where not known.

        Returns
        -------
        self : object
        """
        refuse_other_order(X, y, "y")
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        known = self._known(y)
        check_classification_targets(y[known])
        table, names, kept, present = self._read(X)
        if len(y) != len(table):
            raise ValueError(f"X has {len(table)} subjects, y has {len(y)}: found inconsistent numbers of samples.")
        has = np.zeros(len(y), dtype=bool)
        has[kept] = True
        self.classes_ = np.unique(y[known & has])
        if len(self.classes_) < 2:
            raise ValueError(
                f"Labels of at least 2 classes are needed, got {len(self.classes_)} class: {self.classes_.tolist()}. "
                f"The value {self.unlabeled!r} means unlabeled (`unlabeled`)."
            )
        context = self._begin(X, y, names)
        self._fit_fusion(table, names, kept, present, 0, context)
        Y = (y[kept, None] == self.classes_).astype(np.float64)
        self.class_prior_ = Y.sum(axis=0) / Y.sum()
        self._votes = self._spread(Y, kept)
        self.label_distributions_ = np.full((len(y), len(self.classes_)), np.nan)
        self.label_distributions_[kept] = self._votes
        if len(kept) < len(y):
            warnings.warn(
                f"{len(y) - len(kept)} of {len(y)} subjects have no modality and are left out of the fit.",
                NoModalityWarning,
                stacklevel=2,
            )
        context.call_on_fit_task_end(estimator=self)
        return self

    def _known(self, y):
        """Which subjects have a label."""
        if y.dtype.kind in "biuf":
            return y != self.unlabeled
        if str(self.unlabeled) in {label for label in y if isinstance(label, str)} and self.unlabeled == -1:
            raise ValueError(
                "`y` holds the text '-1' beside other labels, and unlabeled=-1 is a number. Set unlabeled='-1' if it "
                "means "
                "that the label is not known."
            )
        return np.array([label != self.unlabeled for label in y], dtype=bool)

    def _spread(self, Y, kept):
        """Scores of the training subjects who have a modality (n_kept, n_classes): rows sum to 1."""
        n_neighbors = max(self.n_neighbors_.values())
        if hasattr(self, "affinity_"):
            graph = strongest_edges(self.affinity_[np.ix_(kept, kept)], n_neighbors)
        else:
            graph = self.operator_.nearest_graph(n_neighbors)
        degrees = np.asarray(graph.sum(axis=1)).ravel()
        inverse = sparse.diags_array(1.0 / np.sqrt(np.where(degrees > 0, degrees, 1.0)))
        system = sparse.eye_array(len(kept)) - self.spreading * (inverse @ graph @ inverse)
        F = np.empty_like(Y)
        for column in range(Y.shape[1]):
            F[:, column], failed = cg(system, Y[:, column], rtol=1e-12, maxiter=10_000)
            if failed:
                raise ValueError(f"Labels could not be spread with spreading={self.spreading}. Take a smaller value.")
        F = np.maximum(F, 0.0)
        F *= self.class_prior_ / F.sum(axis=0)  # class mass normalization
        sums = F.sum(axis=1, keepdims=True)
        return np.where(sums > 0, F / np.where(sums > 0, sums, 1.0), self.class_prior_)

    def predict_proba(self, X):
        """Share of each class that reaches a subject from its nearest training subjects.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        probabilities : ndarray of shape (n_subjects, n_classes)
            Not calibrated. Who has no modality gets ``class_prior_``.
        """
        shares = self._average_over_neighbors(self._table(X), self._votes)
        return np.where(np.isnan(shares), self.class_prior_, shares)

    def predict(self, X):
        """The likeliest class of each subject.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        labels : ndarray of shape (n_subjects,)
        """
        likeliest = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[likeliest]

    def predict_proba_by_modality(self, X):
        """What each modality alone says.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_features)
            As in fit.

        Returns
        -------
        probabilities : dict of str to ndarray of shape (n_subjects, n_classes)
            NaN where the subject lacks the modality, or the modality was left out of the fit.
        """
        table = self._table(X)
        return {name: self._neighbors_in(table, name, self._votes) for name in self.modality_weights_}
