"""What lesions disconnect, by the streamlines that pass them."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skfuse._chunks import chunks
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.lesions._columns import pack_columns
from skfuse.lesions._masks import validate_masks
from skfuse.lesions._streamlines import (
    any_of,
    bits_of,
    edge_incidence,
    parcel_incidence,
    read_endpoints,
    read_streamlines,
    summed_weights,
)

_SUBJECTS = 256  # lesions whose cut streamlines exist at a time, one bit each


class Disconnectome(TransformerMixin, BaseEstimator):
    r"""Edges, voxels or parcels that a lesion disconnects, by the streamlines of a normative tractogram.

    A streamline is cut if it passes a lesioned voxel. With the weight :math:`w_k` of streamline `k`, the feature of
    subject `i` and edge `e` (or voxel, or parcel) is by default the share of its streamlines that are cut:

    .. math:: d_{ie} = \frac{\sum_{k \in e} w_k\,[k \text{ cut in } i]}{\sum_{k \in e} w_k}

    Parameters
    ----------
    streamlines : scipy.sparse matrix of shape (n_streamlines, n_voxels)
        Voxels that each streamline visits, those of the masks in their order; CSR is best. Any value other than 0 is
        a visit.
    endpoints : array-like of shape (n_streamlines, 2), int, or None, default=None
        Parcels in which each streamline ends, numbered from 0; -1 is no parcel. Not needed for ``output="voxels"``.
    output : {"edges", "voxels", "parcels"}, default="edges"
        ``"edges"``: pairs of parcels that streamlines connect [2]_. ``"voxels"``: the streamlines through each voxel,
        as a map that goes back into an image; 0 where no streamline passes. ``"parcels"``: the streamlines that end
        in each parcel.
    measure : {"fraction", "binary", "probability"}, default="fraction"
        ``"fraction"``: the share above. ``"binary"``: 1 if any of the streamlines is cut. ``"probability"``: the share
        of the normative subjects in whom any of their streamlines is cut [1]_; a subject without a streamline there
        counts as not disconnected.
    weights : array-like of shape (n_streamlines,) or None, default=None
        Weight of each streamline (SIFT2, say), not negative; one of weight 0 does not exist. None is 1 for all.
        Counts in ``"fraction"`` only.
    subject : array-like of shape (n_streamlines,) or None, default=None
        Normative subject of whom each streamline is. Needed, and used, by ``measure="probability"`` only.
    n_parcels : int or None, default=None
        Number of parcels, to check `endpoints`. None takes the highest number.

    Attributes
    ----------
    edges_ : ndarray of shape (n_edges, 2), int
        With ``output="edges"``: the parcels of each feature, the lower number first. Pairs that no streamline connects
        are no features, nor is a parcel with itself.
    parcels_ : ndarray of shape (n_connected_parcels,), int
        With ``output="parcels"``: the parcel of each feature. One in which no streamline ends is no feature.
    n_parcels_ : int
        With endpoints: the number of parcels.
    streamline_weights_ : ndarray of shape (n_features,)
        Summed weight (number, if there are no weights) of the streamlines of each feature.
    visits_ : CSR matrix of shape (n_streamlines, n_voxels)
        Voxels that each streamline visits, without streamlines of weight 0.
    incidence_ : CSR matrix of shape (n_streamlines, n_features)
        Streamlines of each feature.
    weights_ : ndarray of shape (n_streamlines,) or None
        Weight of each of these streamlines.
    normative_subjects_ : ndarray of shape (n_normative,) or None
        With ``measure="probability"``: the labels in `subject`.
    subject_numbers_ : ndarray of shape (n_streamlines,), int, or None
        Which of them each streamline is of.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    LesionLoad : What a lesion takes of the tracts themselves.

    Notes
    -----
    Nothing is learned from the patients, so the features can be made once, before cross-validation. `clone` copies the
    tractogram, as it copies every parameter.

    Masks are binary: a streamline passes a lesion or it does not. A subject without any lesion has 0 everywhere. A
    streamline that visits no voxel of the masks is never cut, and counts among those that could be.

    The bits of 64 subjects share a word, and the words of the voxels that a streamline visits are joined by *or*: one
    walk through the tractogram serves 64 lesions.

    References
    ----------
    .. [1] C. Foulon et al. GigaScience 7 (2018), giy004. https://doi.org/10.1093/gigascience/giy004
    .. [2] J. C. Griffis et al. NeuroImage: Clinical 30 (2021), 102639. https://doi.org/10.1016/j.nicl.2021.102639

    Examples
    --------
    Three streamlines in four voxels, two of them between the parcels 0 and 1:

    >>> import numpy as np
    >>> from scipy import sparse
    >>> from skfuse.lesions import Disconnectome
    >>> streamlines = sparse.csr_array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    >>> disconnectome = Disconnectome(streamlines, [[0, 1], [1, 0], [1, 2]]).set_output(transform="pandas")
    >>> disconnectome.fit_transform(np.array([[1, 0, 0, 0], [0, 0, 1, 0]]))
       edge_0_1  edge_1_2
    0       0.5       0.0
    1       0.5       1.0
    """

    _parameter_constraints: dict = {
        "streamlines": ["sparse matrix", "array-like"],
        "endpoints": ["array-like", None],
        "output": [StrOptions({"edges", "voxels", "parcels"})],
        "measure": [StrOptions({"fraction", "binary", "probability"})],
        "weights": ["array-like", None],
        "subject": ["array-like", None],
        "n_parcels": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        streamlines,
        endpoints=None,
        *,
        output="edges",
        measure="fraction",
        weights=None,
        subject=None,
        n_parcels=None,
    ):
        self.streamlines = streamlines
        self.endpoints = endpoints
        self.output = output
        self.measure = measure
        self.weights = weights
        self.subject = subject
        self.n_parcels = n_parcels

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Read the tractogram; nothing is learned from the masks.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Lesion masks, a row per subject: 1 lesioned, 0 spared.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        X = validate_masks(self, X, reset=True, values="binary")
        self.visits_ = read_streamlines(self.streamlines)
        if self.visits_.shape[1] != X.shape[1]:
            raise ValueError(
                f"`streamlines` visits {self.visits_.shape[1]} voxels, the masks have {X.shape[1]}. Bring both to one "
                "grid and take the same voxels of both, in the same order."
            )
        endpoints = self._endpoints()
        self.weights_ = self._checked_weights()
        self.normative_subjects_, self.subject_numbers_ = self._normative_subjects()
        if self.weights_ is not None and not self.weights_.all():
            exists = np.flatnonzero(self.weights_)
            self.visits_, self.weights_ = self.visits_[exists], self.weights_[exists]
            self.subject_numbers_ = None if self.subject_numbers_ is None else self.subject_numbers_[exists]
            endpoints = None if endpoints is None else endpoints[exists]
        self.incidence_ = self.visits_
        if self.output == "edges":
            self.incidence_, self.edges_ = edge_incidence(endpoints)
        elif self.output == "parcels":
            self.incidence_, self.parcels_ = parcel_incidence(endpoints)
        self.streamline_weights_ = summed_weights(self.incidence_, self.weights_)
        return self

    def transform(self, X):
        """What each lesion disconnects.

        Parameters
        ----------
        X : array-like or scipy.sparse matrix of shape (n_subjects, n_voxels)
            Masks with the voxels seen in fit.

        Returns
        -------
        disconnection : ndarray of shape (n_subjects, n_features), float64
            From 0, nothing, to 1.
        """
        check_is_fitted(self)
        X = validate_masks(self, X, reset=False, values="binary")
        X = X if isinstance(X, np.ndarray) else X.tocsr()
        disconnection = np.zeros((X.shape[0], self.incidence_.shape[1]))
        for part in chunks(X.shape[0], 1, _SUBJECTS):
            cut = any_of(self.visits_, pack_columns(X[part]).T)
            if self.measure == "fraction":
                self._set_fractions(cut, disconnection[part])
            elif self.measure == "binary":
                self._add_any(self.incidence_, cut, disconnection[part])
            else:
                self._set_probabilities(cut, disconnection[part])
        return disconnection

    def get_feature_names_out(self, input_features=None):
        """Names such as ``edge_0_5``, ``parcel_5`` and ``voxel_5``.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (n_features,), object
        """
        check_is_fitted(self)
        if self.output == "edges":
            names = [f"edge_{low}_{high}" for low, high in self.edges_.tolist()]
        elif self.output == "parcels":
            names = [f"parcel_{number}" for number in self.parcels_.tolist()]
        else:
            names = [f"voxel_{number}" for number in range(self.n_features_in_)]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags

    def _endpoints(self):
        """The parcels in which each streamline ends, or None where the output does not need them."""
        if self.output == "voxels":
            return None
        if self.endpoints is None:
            raise ValueError(
                f"output={self.output!r} needs `endpoints`, the two parcels of each streamline. Give them, or set "
                "output='voxels'."
            )
        endpoints, self.n_parcels_ = read_endpoints(self.endpoints, self.visits_.shape[0], self.n_parcels)
        return endpoints

    def _checked_weights(self):
        """Weight of each streamline, or None."""
        if self.weights is None:
            return None
        weights, n_streamlines = np.asarray(self.weights, dtype=np.float64), self.visits_.shape[0]
        if weights.shape != (n_streamlines,):
            raise ValueError(f"`weights` has shape {weights.shape}, wanted ({n_streamlines},): one per streamline.")
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
            raise ValueError("`weights` must be finite, not negative and not all 0. Leave out what has no weight.")
        return weights

    def _normative_subjects(self):
        """Labels of the normative subjects, and the number of that of each streamline; None without probabilities."""
        if self.measure != "probability":
            return None, None
        if self.subject is None:
            raise ValueError(
                "measure='probability' needs `subject`, the normative subject of each streamline. Give it, or set "
                "measure='fraction'."
            )
        subject, n_streamlines = np.asarray(self.subject), self.visits_.shape[0]
        if subject.shape != (n_streamlines,):
            raise ValueError(f"`subject` has shape {subject.shape}, wanted ({n_streamlines},): one per streamline.")
        return np.unique(subject, return_inverse=True)

    def _set_fractions(self, cut, out):
        """Write the share of the streamlines of each feature that are cut, a row per lesion."""
        total = np.where(self.streamline_weights_ > 0, self.streamline_weights_, 1)
        for number, row in enumerate(out):
            rows = np.flatnonzero(bits_of(cut, number))
            row[:] = summed_weights(self.incidence_[rows], None if self.weights_ is None else self.weights_[rows])
            row /= total

    def _set_probabilities(self, cut, out):
        """Write the share of the normative subjects in whom any streamline of each feature is cut."""
        order = np.argsort(self.subject_numbers_, kind="stable")
        counts = np.bincount(self.subject_numbers_, minlength=len(self.normative_subjects_))
        for rows in np.split(order, np.cumsum(counts)[:-1]):
            self._add_any(self.incidence_[rows], cut[:, rows], out)
        out /= len(self.normative_subjects_)

    def _add_any(self, incidence, cut, out):
        """Add 1 for each feature that loses any streamline."""
        disconnected = any_of(incidence.tocsc(), cut)
        for number, row in enumerate(out):
            row += bits_of(disconnected, number)
