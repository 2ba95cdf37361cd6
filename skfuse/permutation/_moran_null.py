"""Random maps with Moran's I of a given map: its spatial components with random signs."""

from numbers import Real

import numpy as np
from scipy.linalg import eigh

from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.permutation._spatial_null import SpatialNull, fit_distances


class MoranNull(SpatialNull):
    r"""Surrogates with the same Moran's I, by Moran spectral randomization, singleton procedure [1]_.

    With weights :math:`w_{ij} = (d_{ij} / d_{\min})^{-p}`, 0 on the diagonal and 1 for the nearest pair, and :math:`H`
    that takes away the mean, the eigenvectors of :math:`H W H = V \Lambda V^\top` are maps from the smoothest to the
    most alternating. The map is :math:`\bar{x} + V a`; a surrogate is :math:`\bar{x} + V (s \odot a)` with random
    signs s. It has the same mean, variance and

    .. math:: I = \frac{n}{\sum_{ij} w_{ij}} \frac{\sum_k \lambda_k a_k^2}{\sum_k a_k^2}.

    Parameters
    ----------
    power : float, default=1.0
        p above: how fast the weight falls with the distance.
    metric : {"euclidean", "precomputed"}, default="euclidean"
        Whether `fit` gets coordinates, or distances such as geodesic ones.

    Attributes
    ----------
    n_places_ : int
    eigenvalues_ : ndarray of shape (n_places - 1,)
        From the largest, of the smoothest map, down.
    eigenvectors_ : ndarray of shape (n_places, n_places - 1)
        Orthonormal, each with mean 0.
    total_weight_ : float
        Sum of all weights.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    VariogramNull : Matches the variogram, with values that differ more from the map.
    SpinNull : Rotations of a sphere.

    Notes
    -----
    A map with n places has 2^(n - 1) surrogates of this kind, and each keeps the size of every component. Where a few
    components hold most of a map, its surrogates are few in effect, and correlate with the map itself.

    References
    ----------
    .. [1] H. H. Wagner, S. Dray. Methods Ecol Evol 6 (2015), 1169-1178. https://doi.org/10.1111/2041-210X.12407

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import MoranNull
    >>> coordinates_mm = np.random.default_rng(0).uniform(0.0, 100.0, size=(80, 3))
    >>> thickness = np.sin(coordinates_mm[:, 0] / 20.0)
    >>> null = MoranNull().fit(coordinates_mm)
    >>> surrogates = null.sample(thickness, 500, random_state=0)
    >>> bool(np.allclose(null.moran_i(surrogates), null.moran_i(thickness)))
    True
    """

    _parameter_constraints: dict = {
        "power": [Interval(Real, 0, None, closed="neither")],
        "metric": [StrOptions({"euclidean", "precomputed"})],
    }

    def __init__(self, *, power=1.0, metric="euclidean"):
        self.power = power
        self.metric = metric

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the spatial components of the places.

        Parameters
        ----------
        X : array-like of shape (n_places, n_axes) or (n_places, n_places)
            Coordinates in mm or any one unit, or with ``metric="precomputed"`` distances.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        weights = fit_distances(self, X, self.metric)
        np.fill_diagonal(weights, np.inf)
        weights = (weights / weights.min()) ** -self.power  # no unit is too large or too small
        self.total_weight_ = weights.sum()
        means = weights.mean(axis=0)
        weights += means.mean() - means - means[:, None]
        # The constant map has eigenvalue 0 like others may have. Moved above them all, it comes last and is dropped.
        weights += 2.0 * np.abs(weights).sum(axis=1).max() / self.n_places_
        values, vectors = eigh(weights)
        self.eigenvalues_ = values[-2::-1]
        self.eigenvectors_ = np.ascontiguousarray(vectors[:, -2::-1])
        return self

    def moran_i(self, maps):
        """Moran's I of maps.

        Parameters
        ----------
        maps : array-like of shape (n_places,) or (n_maps, n_places)
            Values at the places seen in fit.

        Returns
        -------
        moran_i : float or ndarray of shape (n_maps,)
            Near ``-1 / (n_places - 1)`` without autocorrelation.
        """
        squares = self._components(np.asarray(maps, dtype=np.float64)) ** 2
        return self.n_places_ / self.total_weight_ * (squares @ self.eigenvalues_) / squares.sum(axis=-1)

    def _components(self, maps):
        return (maps - maps.mean(axis=-1, keepdims=True)) @ self.eigenvectors_

    def _surrogates(self, maps, n, random_state):
        signs = 2.0 * random_state.randint(0, 2, size=(n, self.n_places_ - 1)) - 1.0
        surrogates = np.empty((len(maps), n, self.n_places_))
        for values, sizes, found in zip(maps, self._components(maps), surrogates, strict=True):
            np.matmul(signs * sizes, self.eigenvectors_.T, out=found)
            found += values.mean()
        return surrogates
