"""Connectomes as rows of a table, and back."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skfuse._chunks import chunks
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.connectomes._edges import (
    as_symmetric,
    connectome_form,
    edge_places,
    matrices_of_edges,
    node_names,
    refuse_other_columns,
    validate_connectomes,
)
from skfuse.connectomes._tangent import (
    REFERENCES,
    inverse_root_of,
    logarithms,
    reference_of,
    refuse_not_definite,
    root_of,
    shrunk,
    spectral,
    unshrunk,
)

_CHUNK_BYTES = 2**25


class ConnectomeVectorizer(TransformerMixin, BaseEstimator):
    r"""Edges of symmetric connectomes as features, as they are or in a tangent space [1]_ [2]_.

    ``kind="edges"`` takes the upper triangle, row by row, after Fisher's
    :math:`z = \tfrac{1}{2} \log \tfrac{1 + r}{1 - r}` if asked for. ``kind="tangent"`` takes the upper triangle of

    .. math:: \log(G^{-1/2} C_i G^{-1/2}),

    with entries off the diagonal times :math:`\sqrt 2`, where :math:`G` is a mean of the connectomes of the training
    subjects. Euclidean distances between such vectors are, near :math:`G`, distances between positive definite
    matrices. (Those of nilearn's ``ConnectivityMeasure`` are the same, in another order, divided by :math:`\sqrt 2`.)

    Parameters
    ----------
    kind : {"edges", "tangent"}, default="edges"
        What the features are. The tangent space takes positive definite matrices: covariances or correlations.
    fisher_z : bool, default=False
        Fisher's z of each edge, for ``kind="edges"`` of correlations.
    diagonal : bool or None, default=None
        Whether the diagonal is among the features; None keeps it in the tangent space, where it informs, and leaves it
        out of edges.
    reference : {"geometric", "euclidean", "log-euclidean"}, default="geometric"
        The mean :math:`G`: in the affine-invariant metric, by its fixed point [3]_; of the entries; or of the
        logarithms.
    regularization : float, default=0.0
        Share :math:`a`, from 0 to below 1, by which every matrix is drawn toward a multiple of the identity that has
        its trace, :math:`(1 - a) C + a \bar\lambda I`, before it is taken to the tangent space: the cure where
        connectomes are not positive definite. `inverse_transform` undoes it.
    names : array-like of str of shape (n_nodes,) or None
        Names of the nodes, for those of the features; None numbers them from 0.

    Attributes
    ----------
    n_nodes_ : int
        Nodes of the connectomes.
    input_form_ : {"matrices", "edges"}
        What rows of the training table were.
    diagonal_ : ndarray of shape (n_nodes,)
        Mean diagonal of the training connectomes, which `inverse_transform` writes where the features have none: exact
        where all have the same, as correlations do. For edges without a diagonal it is 1 if `fisher_z`, otherwise 0.
    reference_ : ndarray of shape (n_nodes, n_nodes)
        The mean :math:`G`, shrunk as its connectomes; for ``kind="tangent"``.
    n_features_in_, feature_names_in_
        Of the flattened table, as everywhere in scikit-learn.

    See Also
    --------
    ConnectomePredictiveModel : A score from the edges.
    ConnectomeGraphFeatures : Measures of the network in place of its edges.

    Notes
    -----
    `X` has the shape (n_subjects, n_nodes, n_nodes) or, so that it fits into a table with other modalities, one of
    (n_subjects, n_nodes²), flattened, and (n_subjects, n_edges), the upper triangle (with the diagonal if
    ``diagonal=True``). A number of columns that is a square counts as flattened. In a table of modalities,
    ``ModalityTransformer({"fmri": ConnectomeVectorizer()})`` applies it to the subjects who have the block.

    A correlation of exactly 1 or -1 off the diagonal has an infinite z and is refused: two nodes share one signal, and
    one of them should go.

    References
    ----------
    .. [1] G. Varoquaux et al. MICCAI 2010, 200-208. https://doi.org/10.1007/978-3-642-15705-9_25
    .. [2] U. Pervaiz et al. NeuroImage 211 (2020), 116604. https://doi.org/10.1016/j.neuroimage.2020.116604
    .. [3] M. Moakher. SIAM J Matrix Anal Appl 26 (2005), 735-747. https://doi.org/10.1137/S0895479803436937

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.connectomes import ConnectomeVectorizer
    >>> signals = np.random.default_rng(0).normal(size=(5, 3, 40))
    >>> connectomes = np.array([np.corrcoef(subject) for subject in signals])
    >>> vectorizer = ConnectomeVectorizer(fisher_z=True)
    >>> edges = vectorizer.fit_transform(connectomes)
    >>> edges.shape, vectorizer.get_feature_names_out().tolist()
    ((5, 3), ['edge_0_1', 'edge_0_2', 'edge_1_2'])
    >>> bool(np.allclose(vectorizer.inverse_transform(edges), connectomes))
    True
    >>> ConnectomeVectorizer(kind="tangent").fit_transform(connectomes).mean(axis=0).round(6) + 0.0
    array([0., 0., 0., 0., 0., 0.])
    """

    _parameter_constraints: dict = {
        "kind": [StrOptions({"edges", "tangent"})],
        "fisher_z": ["boolean"],
        "diagonal": ["boolean", None],
        "reference": [StrOptions(set(REFERENCES))],
        "regularization": [Interval(Real, 0, 1, closed="left")],
        "names": ["array-like", None],
    }

    def __init__(
        self,
        *,
        kind="edges",
        fisher_z=False,
        diagonal=None,
        reference="geometric",
        regularization=0.0,
        names=None,
    ):
        self.kind = kind
        self.fisher_z = fisher_z
        self.diagonal = diagonal
        self.reference = reference
        self.regularization = regularization
        self.names = names

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the number of nodes and, for the tangent space, its reference.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_nodes, n_nodes), (n_subjects, n_nodes ** 2) or (n_subjects, n_edges)
            Connectomes without missing values; matrices must be symmetric.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If columns are neither flattened matrices nor edges, a matrix is not symmetric, a correlation has an
            infinite z, or the tangent space is asked for matrices that are not positive definite.
        """
        self._refuse_contradictions()
        X = validate_connectomes(self, X, reset=True)
        self.input_form_, self.n_nodes_ = connectome_form(X.shape[1], diagonal=self.diagonal is True)
        node_names(self.names, self.n_nodes_)
        if self.input_form_ == "matrices":
            as_symmetric(X, self.n_nodes_)
        if self.kind == "tangent":
            matrices = self._definite(X)
            self.reference_ = reference_of(matrices, self.reference)
        self.diagonal_ = self._mean_diagonal(X)
        return self

    def _refuse_contradictions(self):
        if self.fisher_z and self.kind == "tangent":
            raise ValueError("fisher_z=True goes with kind='edges': the tangent space takes correlations as they are.")
        if self.fisher_z and self.diagonal:
            raise ValueError("fisher_z=True leaves out the diagonal, whose z is infinite: set diagonal=None.")
        if self.regularization and self.kind == "edges":
            raise ValueError("`regularization` goes with kind='tangent': edges are taken as they are. Set it to 0.")

    @property
    def _keeps_diagonal(self):
        return self.kind == "tangent" if self.diagonal is None else self.diagonal

    def _matrices(self, X):
        """Whole connectomes of a checked table; edges without a diagonal cannot give them."""
        if self.input_form_ == "matrices":
            return as_symmetric(X, self.n_nodes_)
        if self.diagonal is not True:
            raise ValueError(
                f"kind='tangent' needs whole connectomes, but X holds the edges of {self.n_nodes_} nodes without the "
                "diagonal. Give matrices, or edges with the diagonal and diagonal=True."
            )
        return matrices_of_edges(X, self.n_nodes_, diagonal=True)

    def _definite(self, X):
        matrices = shrunk(self._matrices(X), self.regularization)
        for part in chunks(len(X), 8 * self.n_nodes_**2, _CHUNK_BYTES):
            refuse_not_definite(matrices[part], part.start)
        return matrices

    def _mean_diagonal(self, X):
        places = np.arange(self.n_nodes_)
        if self.input_form_ == "matrices":
            return X[:, places * (self.n_nodes_ + 1)].mean(axis=0, dtype=np.float64)
        if self.diagonal is True:
            rows, columns = edge_places(self.n_nodes_, diagonal=True)
            return X[:, rows == columns].mean(axis=0, dtype=np.float64)
        return np.full(self.n_nodes_, 1.0 if self.fisher_z else 0.0)

    def transform(self, X):
        """Turn connectomes into features.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_nodes, n_nodes), (n_subjects, n_nodes ** 2) or (n_subjects, n_edges)
            In the form that fit saw, or matrices where it saw flattened ones and the other way round.

        Returns
        -------
        features : ndarray of shape (n_subjects, n_features_out)
            Float32 where `X` is.
        """
        check_is_fitted(self)
        X = validate_connectomes(self, X, reset=False)
        return self._tangent(X) if self.kind == "tangent" else self._edges(X)

    def _edges(self, X):
        if self.input_form_ == "matrices":
            as_symmetric(X, self.n_nodes_)
            rows, columns = edge_places(self.n_nodes_, self._keeps_diagonal)
            X = X[:, rows * self.n_nodes_ + columns]
        elif self.diagonal is not True:
            X = X.copy()
        if self.fisher_z:
            _refuse_infinite_z(X, *edge_places(self.n_nodes_))
            np.arctanh(X, out=X)
        return X

    def _tangent(self, X):
        inverse_root = inverse_root_of(self.reference_)
        rows, columns = edge_places(self.n_nodes_, self._keeps_diagonal)
        scale = np.where(rows == columns, 1.0, np.sqrt(2.0))
        features = np.empty((len(X), len(rows)), dtype=X.dtype)
        for part in chunks(len(X), 8 * self.n_nodes_**2, _CHUNK_BYTES):
            matrices = shrunk(self._matrices(X[part]), self.regularization)
            refuse_not_definite(matrices, part.start)
            features[part] = logarithms(matrices, inverse_root)[:, rows, columns] * scale
        return features

    def inverse_transform(self, X):
        """Turn features into connectomes.

        Parameters
        ----------
        X : array-like of shape (n_subjects, n_features_out)
            As `transform` gives them, or whatever stands in their place, such as mean features.

        Returns
        -------
        connectomes : ndarray of shape (n_subjects, n_nodes, n_nodes)
            Matrices, whatever form fit saw.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=[np.float64, np.float32])
        rows, columns = edge_places(self.n_nodes_, self._keeps_diagonal)
        if X.shape[1] != len(rows):
            raise ValueError(
                f"X has {X.shape[1]} features, but connectomes of {self.n_nodes_} nodes were made into {len(rows)}. "
                "Give what `transform` returns."
            )
        if self.kind == "edges":
            edges = np.tanh(X) if self.fisher_z else X
            return matrices_of_edges(edges, self.n_nodes_, diagonal=self._keeps_diagonal, fill=self.diagonal_)
        if not self._keeps_diagonal:
            raise ValueError("A tangent vector without its diagonal has no connectome: set diagonal to None or True.")
        root = root_of(self.reference_)
        scaled = X / np.where(rows == columns, 1.0, np.sqrt(2.0))
        tangent = matrices_of_edges(scaled, self.n_nodes_, diagonal=True)
        return unshrunk(root @ spectral(tangent, np.exp) @ root, self.regularization).astype(X.dtype, copy=False)

    def get_feature_names_out(self, input_features=None):
        """Names of the features.

        Parameters
        ----------
        input_features : array-like of str or None
            Checked against the columns that fit saw, otherwise ignored.

        Returns
        -------
        names : ndarray of str
            ``edge_<node>_<node>``.
        """
        check_is_fitted(self)
        refuse_other_columns(self, input_features)
        names = node_names(self.names, self.n_nodes_)
        rows, columns = edge_places(self.n_nodes_, self._keeps_diagonal)
        return np.array([f"edge_{names[i]}_{names[j]}" for i, j in zip(rows, columns, strict=True)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _refuse_infinite_z(edges, rows, columns):
    """Correlations of 1 or -1, and numbers that are none, have no finite z."""
    bad = np.abs(edges) >= 1.0
    if bad.any():
        subject, edge = np.argwhere(bad)[0]
        raise ValueError(
            f"Fisher's z is not finite for {np.count_nonzero(bad)} edges, the first between nodes {rows[edge]} and "
            f"{columns[edge]} in row {subject}, whose value is {edges[subject, edge]:.6g}. Two nodes with a "
            "correlation of 1 or -1 share one signal: leave one of them out. Values beyond 1 are no correlations: set "
            "fisher_z=False."
        )
