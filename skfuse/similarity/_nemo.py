"""NEMO: neighborhoods of the modalities, averaged over those that a pair of subjects shares."""

from numbers import Integral

import numpy as np

from skfuse._validation import Interval, _fit_context
from skfuse.similarity._base_averages import BaseAverageClustering
from skfuse.similarity._nemo_graph import nemo_affinity, usual_neighbors


class NEMO(BaseAverageClustering):
    """Cluster the average of the relative similarities of the modalities [1]_.

    The network is that of :func:`nemo_affinity`; number of clusters, labels and the cluster of new subjects are as in
    :class:`SNFClustering`. The published program takes ``n_clusters="nemo"`` and a sixth of the subjects as neighbors,
    which are the defaults here.

    Parameters
    ----------
    n_clusters : int or {"eigengap", "nemo", "rotation", "stability"}, default="nemo"
        Number of clusters, or the rule that chooses it among 2 to `n_components`; see ``cluster_scores_``.
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`.
    n_components : int, default=10
        Number of eigenvectors, and largest number of clusters that a rule may choose.
    n_neighbors : int, dict of str to int, or None, default=None
        Neighbors in each modality; None takes a sixth of the subjects who have it, at least 2.
    mu : float or dict of str to float, default=0.5
        Width of the kernel relative to the local mean distance.
    metric : str or dict of str to str, default="euclidean"
        Distance in each modality, as in :class:`SNF`.
    missing : {"pairwise", "raise"}, default="pairwise"
        Average what each pair of subjects has, or refuse tables with missing modalities.
    n_resamples : int or None, default=None
        Resamples of 80 % of the subjects for the stability of each number of clusters; None takes 20 where
        ``n_clusters="stability"``, else none.
    random_state : int, RandomState or None, default=None
        Of the resamples; nothing else is random.

    Attributes
    ----------
    labels_ : ndarray of shape (n_subjects,)
        From 0, the largest cluster first; -1 for who has no modality.
    n_clusters_ : int
        Number of clusters.
    cluster_scores_ : dict of str to dict of int to float
        As in :class:`SNFClustering`.
    cluster_shares_ : ndarray of shape (n_clusters,)
        Share of each cluster among the subjects who have a modality.
    affinity_ : ndarray of shape (n_subjects, n_subjects)
        The fused network; rows of who has no modality are 0.
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
    skipped_modalities_ : dict of str to str
        Modalities that could not be used, and why.
    modalities_, n_features_in_, feature_names_in_
        As everywhere in skfuse.

    See Also
    --------
    SNFClustering : Modalities that exchange what they know before they are averaged.

    References
    ----------
    .. [1] N. Rappoport and R. Shamir. NEMO: cancer subtyping by integration of partial multi-omic data.
       Bioinformatics 35, 3348 (2019). https://doi.org/10.1093/bioinformatics/btz058

    Examples
    --------
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skfuse.datasets import schizophrenia_subtypes
    >>> from skfuse.similarity import NEMO
    >>> cohort = schizophrenia_subtypes(150, subtype_separation=10.0, random_state=0)
    >>> bool(adjusted_rand_score(cohort.y, NEMO(3).fit(cohort.X).labels_) > 0.9)
    True
    """

    _parameter_constraints = {
        **BaseAverageClustering._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), dict, None],
    }

    def __init__(
        self,
        n_clusters="nemo",
        modalities=None,
        *,
        n_components=10,
        n_neighbors=None,
        mu=0.5,
        metric="euclidean",
        missing="pairwise",
        n_resamples=None,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.modalities = modalities
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.mu = mu
        self.metric = metric
        self.missing = missing
        self.n_resamples = n_resamples
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Average the networks of the training subjects and cluster the result.

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
        return self._fit_average(X)

    def _wanted_neighbors(self, name, n_present):
        given = self._setting("n_neighbors", name, None)
        return usual_neighbors(n_present) if given is None else given

    def _average(self, names, affinities, present):
        self._note_weights(names, np.full(len(names), 1.0 / len(names)))
        sizes = [self.n_neighbors_[name] for name in names]
        return nemo_affinity(affinities, n_neighbors=sizes, present=present)
