"""Random maps with the variogram of a given map: shuffled, smoothed and mixed with noise."""

from numbers import Integral, Real

import numpy as np

from skfuse._chunks import chunks
from skfuse._validation import Interval, StrOptions, _fit_context
from skfuse.permutation._draws import draw_permutations
from skfuse.permutation._spatial_null import SpatialNull, fit_distances

_DRAW_BYTES = 2**23  # of surrogates that are made at a time
_PAIR_BYTES = 2**20  # of differences between places that exist at a time: they stay in the cache of the processor
_TRUNCATION = 2.68  # the Gaussian of the variogram falls to 3 % at a distance of one bandwidth


class VariogramNull(SpatialNull):
    r"""Surrogates whose variogram matches that of the map, after Burt and colleagues [1]_.

    The variogram of a map x at distance h, over pairs of places closer than the `percentile` of all distances, is

    .. math:: \gamma_x(h) = \frac{\sum_{i<j} w_{ij}(h)\, (x_i - x_j)^2 / 2}{\sum_{i<j} w_{ij}(h)}, \quad
        w_{ij}(h) = \exp\left(-\tfrac{1}{2} \left(2.68\, (h - d_{ij}) / b\right)^2\right).

    The values are shuffled and smoothed over the :math:`k = \delta n` nearest places with weights
    :math:`e^{-d_{ij} / d_{ik}}`; the variogram of the map is regressed on that of the smoothed one,
    :math:`\gamma_x \approx \alpha + \beta \gamma_s`, for each share :math:`\delta`. The best of them gives the
    surrogate :math:`\sqrt{|\beta|}\, s + \sqrt{|\alpha|}\, \varepsilon` with white noise, moved to the mean of the
    map.

    Parameters
    ----------
    deltas : sequence of float, default=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
        Shares of the places that smooth, above 0 and below 1.
    n_bins : int, default=25
        Distances h at which the variogram is taken, evenly spaced over the pairs that count.
    percentile : float, default=25.0
        Of all distances, below which pairs count.
    bandwidth : float or None, default=None
        b above, in the unit of the distances; None is three times the spacing of h.
    resample : bool, default=False
        Whether a surrogate gets the values of the map, in its own order. The variogram then fits less well.
    metric : {"euclidean", "precomputed"}, default="euclidean"
        Whether `fit` gets coordinates, or distances such as geodesic ones.

    Attributes
    ----------
    n_places_ : int
    bin_distances_ : ndarray of shape (n_bins,)
        h, in the unit of the distances.
    pairs_ : ndarray of shape (2, n_pairs), int
        Places of each pair that counts.
    pair_weights_ : ndarray of shape (n_bins, n_pairs)
        Weights of halved squares: their sum over the pairs is 1 / 2.
    smoothers_ : list of ndarray of shape (n_places, n_places)
        Of each share; rows sum to 1, and no place smooths itself.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    MoranNull : Keeps Moran's I exactly, and is quicker.
    SpinNull : Keeps everything on a sphere.

    Notes
    -----
    Places at the same distance as the k-th nearest count as near too, so that the order of places does not matter.

    Memory is about 100 n² bytes with n places: for parcels, not for voxels.

    References
    ----------
    .. [1] J. B. Burt et al. NeuroImage 220 (2020), 117038. https://doi.org/10.1016/j.neuroimage.2020.117038

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import VariogramNull
    >>> coordinates_mm = np.random.default_rng(0).uniform(0.0, 100.0, size=(80, 3))
    >>> thickness = np.sin(coordinates_mm[:, 0] / 20.0)
    >>> null = VariogramNull().fit(coordinates_mm)
    >>> surrogates = null.sample(thickness, 500, random_state=0)
    >>> surrogates.shape
    (500, 80)
    >>> variograms = null.variogram(thickness), null.variogram(surrogates).mean(axis=0)
    >>> bool(np.corrcoef(variograms)[0, 1] > 0.9)
    True
    """

    _parameter_constraints: dict = {
        "deltas": ["array-like"],
        "n_bins": [Interval(Integral, 3, None, closed="left")],
        "percentile": [Interval(Real, 0, 100, closed="right")],
        "bandwidth": [Interval(Real, 0, None, closed="neither"), None],
        "resample": ["boolean"],
        "metric": [StrOptions({"euclidean", "precomputed"})],
    }

    def __init__(
        self,
        *,
        deltas=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        n_bins=25,
        percentile=25.0,
        bandwidth=None,
        resample=False,
        metric="euclidean",
    ):
        self.deltas = deltas
        self.n_bins = n_bins
        self.percentile = percentile
        self.bandwidth = bandwidth
        self.resample = resample
        self.metric = metric

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn where the places lie: weights of smoothing and of the variogram.

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
        distances = fit_distances(self, X, self.metric)
        deltas = np.asarray(self.deltas, dtype=np.float64)
        if deltas.ndim != 1 or not len(deltas) or not ((deltas > 0) & (deltas < 1)).all():
            raise ValueError(f"`deltas` must be shares of the places above 0 and below 1, got {self.deltas!r}.")
        self.smoothers_ = [smoother(distances, max(1, int(delta * self.n_places_))) for delta in deltas]
        first, second = np.triu_indices(self.n_places_, 1)
        between = distances[first, second]
        counts = between <= np.percentile(between, self.percentile)
        self.pairs_ = np.stack([first[counts], second[counts]])
        between = between[counts]
        self.bin_distances_ = np.linspace(between.min(), between.max(), self.n_bins)
        spacing = self.bin_distances_[1] - self.bin_distances_[0]
        if spacing == 0:
            raise ValueError(
                f"The {len(between)} pairs within the {self.percentile}th percentile of the distances lie at one "
                "distance: no variogram can be made. Raise `percentile`."
            )
        bandwidth = 3.0 * spacing if self.bandwidth is None else self.bandwidth
        weights = np.exp(-0.5 * (_TRUNCATION * (self.bin_distances_[:, None] - between) / bandwidth) ** 2)
        sums = weights.sum(axis=1, keepdims=True)
        if sums.min() < 1e-12:
            raise ValueError(
                f"`bandwidth={bandwidth:.4g}` leaves {np.count_nonzero(sums < 1e-12)} of {self.n_bins} distances "
                "without any pair of places. Raise it, or lower `n_bins`."
            )
        self.pair_weights_ = 0.5 * weights / sums
        return self

    def variogram(self, maps):
        """Variogram of maps at `bin_distances_`.

        Parameters
        ----------
        maps : array-like of shape (n_places,) or (n_maps, n_places)
            Values at the places seen in fit.

        Returns
        -------
        variogram : ndarray of shape (n_bins,) or (n_maps, n_bins)
            In the squared unit of the maps.
        """
        values = np.asarray(maps, dtype=np.float64)
        columns = np.ascontiguousarray(np.atleast_2d(values).T)
        return self._variogram(columns).T.reshape((*values.shape[:-1], -1))

    def _variogram(self, columns):
        """Variograms (n_bins, n_maps) of maps that are columns (n_places, n_maps)."""
        variogram = np.zeros((len(self.bin_distances_), columns.shape[1]))
        for part in chunks(self.pairs_.shape[1], 8 * columns.shape[1], _PAIR_BYTES):
            first, second = self.pairs_[:, part]
            differences = columns[second]
            differences -= columns[first]
            differences *= differences
            variogram += self.pair_weights_[:, part] @ differences
        return variogram

    def _surrogates(self, maps, n, random_state):
        draws = draw_permutations(self.n_places_, n, random_state=random_state)
        noise = random_state.standard_normal((n, self.n_places_))
        surrogates = np.empty((len(maps), n, self.n_places_))
        for values, found in zip(maps, surrogates, strict=True):
            mean, spread = values.mean(), values.std()  # standardized, so that no unit is too large or too small
            scaled = (values - mean) / spread
            wanted = self._variogram(scaled[:, np.newaxis])
            for part in chunks(n, 8 * self.n_places_, _DRAW_BYTES):
                found[part] = self._matched(scaled[draws[part]].T, noise[part].T, wanted).T
            found -= found.mean(axis=1, keepdims=True)
            if self.resample:
                ranks = np.argsort(np.argsort(found, axis=1), axis=1)
                found[:] = np.sort(values)[ranks]
            else:
                found *= spread
                found += mean
        return surrogates

    def _matched(self, shuffled, noise, wanted):
        """Surrogates (n_places, n) from shuffled values and noise, as columns."""
        shuffled = np.ascontiguousarray(shuffled)
        best_error = np.full(shuffled.shape[1], np.inf)
        best = np.empty_like(shuffled)
        offsets, slopes = np.empty_like(best_error), np.empty_like(best_error)
        for smooth in self.smoothers_:
            smoothed = smooth @ shuffled
            offset, slope, error = _regressions(wanted, self._variogram(smoothed))
            better = error < best_error
            best[:, better] = smoothed[:, better]
            best_error[better], offsets[better], slopes[better] = error[better], offset[better], slope[better]
        return np.sqrt(np.abs(slopes)) * best + np.sqrt(np.abs(offsets)) * noise


def smoother(distances, n_neighbors):
    """Weights that smooth a map over the nearest places, falling with the distance.

    Parameters
    ----------
    distances : ndarray of shape (n_places, n_places)
    n_neighbors : int
        Nearest places that count, and all at the distance of the last of them.

    Returns
    -------
    weights : ndarray of shape (n_places, n_places)
        Rows sum to 1; the diagonal is 0.
    """
    last = np.partition(distances, n_neighbors, axis=1)[:, [n_neighbors]]  # place 0 is each place itself
    weights = np.where(distances <= last * (1 + 1e-12), np.exp(-distances / last), 0.0)
    np.fill_diagonal(weights, 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


def _regressions(wanted, variograms):
    """Intercept, slope and squared error of the wanted variogram (n_bins, 1) on each of others (n_bins, n)."""
    centered = variograms - variograms.mean(axis=0)
    target = wanted - wanted.mean()
    squares = (centered**2).sum(axis=0)
    slope = (centered * target).sum(axis=0) / np.where(squares > 0, squares, 1.0)
    offset = wanted.mean() - slope * variograms.mean(axis=0)
    return offset, slope, ((target - slope * centered) ** 2).sum(axis=0)
