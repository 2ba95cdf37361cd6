"""Which regions the site of a lesion is connected with in healthy people."""

import warnings
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils.validation import check_is_fitted

from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.lesions._connectivity import ConnectivitySums
from skfuse.lesions._connectome import Connectome
from skfuse.lesions._degree import degree_correlations
from skfuse.lesions._masks import lesion_sizes, listed, validate_masks


class SilentConnectomeWarning(UserWarning):
    """Some normative subjects have no signal in some targets or lesions."""


class LesionNetworkMapping(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    r"""Functional connectivity of the site of each lesion, in a normative connectome [1]_.

    In each normative subject, the mean time course of the lesioned voxels is correlated with the time course of every
    voxel (target). The correlations become Fisher's z, and a map is their mean, or Student's t against 0, over the
    normative subjects. With weights :math:`w` of the targets in the lesion and the covariance :math:`C` of the targets,
    the correlations are exactly

    .. math:: r(w)_v = \frac{(w C)_v}{\sqrt{w C w^\top} \sqrt{C_{vv}}},

    so that covariances of each subject give the same maps as time courses.

    Parameters
    ----------
    connectome : array-like, iterable or callable
        Normative set: an array (or memory map) of shape (n_normative, n_volumes, n_targets) of time courses; an array
        of shape (n_normative, n_targets, n_targets) of covariances or correlations, or one (n_targets, n_targets) of
        the group; a list, or anything else that can be walked through repeatedly, of one matrix per subject; or a
        function without arguments that returns any of these, or a new iterator. It is read once by each of `fit`,
        `fit_transform` and `transform`, one subject at a time. A generator is refused: it can be read only once.
    output : {"t", "z", "mean_r"}, default="t"
        ``"t"``: one-sample t of Fisher's z over normative subjects. ``"z"``: mean of Fisher's z. ``"mean_r"``: mean
        correlation. t grows with the number of normative subjects, the others do not.
    seed : {"mean", "pca"}, default="mean"
        ``"mean"``: mean time course of the lesion. ``"pca"``: first principal component of the time courses in the
        lesion [2]_, in the direction of the mean; costs a decomposition for each lesion and normative subject.
    kind : {"auto", "time courses", "covariance"}, default="auto"
        What a matrix of `connectome` is; ``"auto"`` takes symmetric ones for covariances.
    standardize : bool, default=False
        Whether targets get variance 1 before seeds are made. Correlations in place of covariances do the same.
    chunk_size : int, default=8192
        Targets in work at a time, for time courses. Changes time and memory only.
    dtype : {"float32", "float64"}, default="float32"
        Of the work on one subject and of the maps; sums are always float64.
    n_jobs : int or None, default=None
        Threads that share the targets, for time courses. The maps do not depend on it.

    Attributes
    ----------
    n_normative_ : int
        Normative subjects.
    degree_map_ : ndarray of shape (n_targets,)
        Weighted degree of the connectome: mean correlation of each target with all others, averaged over the
        normative subjects. Exact: the sum of all standardized time courses holds it.
    degree_similarity_ : ndarray of shape (n_subjects,)
        Correlation of the map of each lesion seen in fit with `degree_map_`.
    kind_ : {"time courses", "covariance"}
        What the matrices are.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Warns
    -----
    SilentConnectomeWarning
        If targets are constant in some normative subject (their correlation is 0 there), or a lesion has no signal in
        some (its map is of the others).

    See Also
    --------
    network_map_inference : Which parts of the maps go with a symptom, against null models and the degree.
    LesionLoad : Shares of parcels from masks of voxels, for a connectome of parcels.
    Disconnectome : Structural disconnection.

    Notes
    -----
    Nothing is learned from the patients, so maps can be made once, before cross-validation. `clone` copies the
    connectome, as it copies every parameter; a function that returns it is not copied.

    Maps of lesions resemble `degree_map_` more than each other's symptoms: whatever the lesion, it samples the same
    matrix, and averages of its rows tend to their sum [3]_. `degree_similarity_` says how much; a network of a symptom
    is shown by what is left when the degree is regressed out and by comparison with other lesions
    (:func:`network_map_inference`), not by a map that looks like a network.

    Masks may hold any weights of at least 0, of which only the ratios within a row count. With parcels, shares of each
    parcel that is lesioned (``LesionLoad(labels)``) weigh parcels alike whatever their size; shares of the lesion
    (``LesionLoad(labels, normalize="lesion")``) give the mean over lesioned voxels.

    A lesion of one target has r = 1 there in everyone, and t would be infinite. Correlations beyond 1 - 1e-6 count as
    that, and where z does not vary over normative subjects t is the largest of the map.

    Sums take 16 bytes for each lesion and target (8 if `output` is not ``"t"``), and the time courses of one normative
    subject exist once more in `dtype`.

    References
    ----------
    .. [1] A. D. Boes et al. Brain 138 (2015), 3061-3075. https://doi.org/10.1093/brain/awv228
    .. [2] L. Pini et al. Brain Communications 3 (2021), fcab259. https://doi.org/10.1093/braincomms/fcab259
    .. [3] M. P. van den Heuvel et al. Nature Neuroscience (2026). https://doi.org/10.1038/s41593-025-02196-7

    Examples
    --------
    Five healthy subjects; the first two of six parcels have a signal in common, and so do the others:

    >>> import numpy as np
    >>> from skfuse.lesions import LesionNetworkMapping
    >>> rng = np.random.default_rng(0)
    >>> signals = rng.normal(size=(5, 200, 2))[:, :, [0, 0, 1, 1, 1, 1]]
    >>> connectome = signals + rng.normal(size=(5, 200, 6))
    >>> lesions = np.array([[1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]])
    >>> mapping = LesionNetworkMapping(connectome, output="mean_r").set_output(transform="pandas")
    >>> mapping.fit_transform(lesions).round(1).iloc[:, :3]
       connectivity_0  connectivity_1  connectivity_2
    0             1.0             0.5             0.0
    1             0.0             0.0             0.9
    >>> mapping.degree_similarity_.round(1)
    array([-0.9,  1. ])
    """

    _parameter_constraints: dict = {
        "connectome": "no_validation",  # of many kinds: read in fit
        "output": [StrOptions({"t", "z", "mean_r"})],
        "seed": [StrOptions({"mean", "pca"})],
        "kind": [StrOptions({"auto", "time courses", "covariance"})],
        "standardize": ["boolean"],
        "chunk_size": [Interval(Integral, 1, None, closed="left")],
        "dtype": [StrOptions({"float32", "float64"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        connectome,
        *,
        output="t",
        seed="mean",
        kind="auto",
        standardize=False,
        chunk_size=8192,
        dtype="float32",
        n_jobs=None,
    ):
        self.connectome = connectome
        self.output = output
        self.seed = seed
        self.kind = kind
        self.standardize = standardize
        self.chunk_size = chunk_size
        self.dtype = dtype
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Read the connectome, and say how much the maps of these lesions resemble its degree.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_targets)
            Lesion masks: 1 lesioned, 0 spared, or other weights of at least 0 such as shares of parcels.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        self._fit(X)
        return self

    def fit_transform(self, X, y=None):
        """Fit, and give the maps of the same lesions: the connectome is read once.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_targets)
            Lesion masks, as in `fit`.
        y : None
            Ignored.

        Returns
        -------
        maps : ndarray of shape (n_subjects, n_targets)
            See `transform`.
        """
        return self._fit(X)

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X):
        weights = self._weights(X, reset=True)
        context = self._init_callback_context(max_subtasks=None).call_on_fit_task_begin(estimator=self, X=X)

        def subject_done(number):
            task = context.subcontext(task_name=f"normative subject {number}")
            task.call_on_fit_task_begin(estimator=self).call_on_fit_task_end(estimator=self)

        connectome = Connectome(self.connectome, self.kind)
        self.kind_ = connectome.kind
        sums, maps = self._walk(connectome, weights, subject_done)
        self.n_normative_ = sums.n_normative
        self.degree_map_ = sums.degree / sums.n_normative
        self.degree_similarity_ = degree_correlations(maps, self.degree_map_)
        if sums.constant.any():
            warnings.warn(
                f"{sums.constant.sum()} of {len(sums.constant)} targets are constant in some normative subject, the "
                f"first is column {int(sums.constant.argmax())}; correlations with them are 0 there. Leave targets "
                "without signal out of masks and connectome.",
                SilentConnectomeWarning,
                stacklevel=2,
            )
        context.call_on_fit_task_end(estimator=self)
        return maps

    def transform(self, X):
        """Map lesions.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_targets)
            Masks with the voxels or parcels seen in fit.

        Returns
        -------
        maps : ndarray of shape (n_subjects, n_targets), in `dtype`
            Without unit; positive where a target goes up and down with the site of the lesion.
        """
        check_is_fitted(self)
        weights = self._weights(X, reset=False)
        sums, maps = self._walk(Connectome(self.connectome, self.kind_), weights, lambda number: None)
        if sums.n_normative != self.n_normative_:
            raise ValueError(
                f"`connectome` gave {sums.n_normative} normative subjects now and {self.n_normative_} in fit. Give a "
                "function that returns a new iterator over all of them each time."
            )
        return maps

    def degree_similarity(self, X=None, *, maps=None):
        """Correlation of the map of each lesion with the degree map of the connectome.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_targets) or None
            Masks; they are mapped first.
        maps : array-like of shape (n_subjects, n_targets) or None
            Instead of `X`: maps that one has already.

        Returns
        -------
        similarity : ndarray of shape (n_subjects,)
            0 where a map, or the degree, is the same everywhere.
        """
        check_is_fitted(self)
        if (X is None) == (maps is None):
            raise ValueError("Give either masks `X` or their `maps`.")
        maps = self.transform(X) if maps is None else np.asarray(maps, dtype=np.float64)
        if not isinstance(maps, np.ndarray):  # a data frame, by `set_output`
            maps = maps.to_numpy()
        return degree_correlations(maps, self.degree_map_)

    def get_feature_names_out(self, input_features=None):
        """Names such as ``connectivity_5``, or ``connectivity_precuneus`` if the masks name their columns.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (n_targets,), object
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        # Without the modality of the masks, which is not that of the maps.
        return np.array([f"connectivity_{str(name).rpartition('__')[2]}" for name in names], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _weights(self, X, *, reset):
        """Weight of each target in each lesion, rows summing to 1, as a CSR array."""
        X = validate_masks(self, X, reset=reset, values="any")
        if X.shape[1] < 2:
            raise ValueError("Masks of 1 feature(s) were given; a connectome has at least 2 targets.")
        lowest = X.min(axis=1)
        lowest = lowest.toarray().ravel() if sparse.issparse(lowest) else lowest
        negative = np.flatnonzero(lowest < 0)
        if len(negative):
            raise ValueError(
                f"Negative values in data. Masks must hold weights of at least 0; {len(negative)} of {X.shape[0]} rows "
                f"hold others ({listed(negative)}). Give 1 for lesioned and 0 for spared, or shares of parcels."
            )
        sizes = lesion_sizes(X)
        empty = np.flatnonzero(sizes == 0)
        if len(empty):
            raise ValueError(
                f"{len(empty)} of {X.shape[0]} masks have no lesion in the {X.shape[1]} columns ({listed(empty)}), so "
                "there is nothing to correlate. Leave these subjects out."
            )
        weights = sparse.csr_array(X if sparse.issparse(X) else X.astype(X.dtype.newbyteorder("="), copy=False))
        weights.sum_duplicates()
        weights = sparse.csr_array(weights, dtype=np.float64)
        weights.data /= np.repeat(sizes, np.diff(weights.indptr))
        weights.eliminate_zeros()
        return weights

    def _walk(self, connectome, weights, on_subject):
        """Sums over the normative subjects, and the maps."""
        if connectome.n_targets != weights.shape[1]:
            raise ValueError(
                f"`connectome` has {connectome.n_targets} targets, the masks have {weights.shape[1]} columns. Bring "
                "both to one grid or parcellation, with the same columns in the same order."
            )
        sums = ConnectivitySums(
            weights,
            seed=self.seed,
            output=self.output,
            standardize=self.standardize,
            chunk_size=self.chunk_size,
            dtype=self.dtype,
            n_jobs=self.n_jobs,
        )
        sums.add_all(connectome, on_subject)
        self._check_used(sums)
        return sums, sums.maps()

    def _check_used(self, sums):
        least = 2 if self.output == "t" else 1
        if sums.n_normative < least:
            raise ValueError(
                "output='t' needs at least 2 normative subjects, got 1. Set output='z' or 'mean_r' for a connectome of "
                "a group."
            )
        few = np.flatnonzero(sums.n_used < least)
        if len(few):
            raise ValueError(
                f"{len(few)} lesions lie where fewer than {least} of {sums.n_normative} normative subjects have a "
                f"signal ({listed(few)}). Leave these subjects out, or use a connectome that covers their lesions."
            )
        some = np.flatnonzero(sums.n_used < sums.n_normative)
        if len(some):
            warnings.warn(
                f"{len(some)} lesions lie where some of the {sums.n_normative} normative subjects have no signal "
                f"({listed(some)}); their maps are of the others, at least {sums.n_used.min()}.",
                SilentConnectomeWarning,
                stacklevel=4,
            )
