"""The protocol of spatial nulls: random maps that are as smooth in space as the maps they stand for."""

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data


class SpatialNull(BaseEstimator):
    """Random maps that keep the spatial autocorrelation of given maps: what all spatial nulls have in common.

    Values at neighboring places are alike in nearly every map of the brain, so that two maps with nothing in common
    correlate far more often than a permutation of their values suggests [1]_. A spatial null makes surrogates that are
    as smooth as the map. A subclass learns in `fit` where the places lie, and gives :meth:`_surrogates`.

    See Also
    --------
    VariogramNull : Matches the variogram; any places of which distances are known.
    MoranNull : Keeps Moran's I exactly; any places of which distances are known.
    SpinNull : Rotates the sphere; surfaces of the cortex.
    map_similarity : Correlations of maps with p-values from a spatial null.

    References
    ----------
    .. [1] R. D. Markello, B. Misic. NeuroImage 236 (2021), 118052.
       https://doi.org/10.1016/j.neuroimage.2021.118052

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import SpatialNull
    >>> class ShiftNull(SpatialNull):
    ...     "Places on a ring, one after the other: any turn of the ring keeps what neighbors have in common."
    ...     def fit(self, X, y=None):
    ...         self.n_places_ = len(X)
    ...         return self
    ...     def _surrogates(self, maps, n, random_state):
    ...         turns = random_state.randint(self.n_places_, size=n)[:, None] + np.arange(self.n_places_)
    ...         return maps[:, turns % self.n_places_]
    >>> ShiftNull().fit(np.zeros((3, 2))).sample([1.0, 2.0, 3.0], 2, random_state=0).tolist()
    [[1.0, 2.0, 3.0], [2.0, 3.0, 1.0]]
    """

    def sample(self, maps, n=1000, random_state=None):
        """Draw surrogates of maps.

        Parameters
        ----------
        maps : array-like of shape (n_places,) or (n_maps, n_places)
            Values at the places seen in fit, finite and not all the same.
        n : int
            Surrogates of each map.
        random_state : int, RandomState or None
            Seed. One draw serves all maps (the k-th surrogates belong together), and those of a map do not depend on
            which others are given.

        Returns
        -------
        surrogates : ndarray of shape (n, n_places) or (n_maps, n, n_places), float64
            In the unit of the maps.

        Raises
        ------
        ValueError
            If a map has another number of places, NaN, or one value everywhere.
        """
        check_is_fitted(self)
        maps, single = checked_brain_maps(maps, self.n_places_)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"`n` must be a whole number of at least 1, the number of surrogates, got {n!r}.")
        surrogates = self._surrogates(maps, int(n), check_random_state(random_state))
        return surrogates[0] if single else surrogates

    def _surrogates(self, maps, n, random_state):
        """Surrogates (n_maps, n, n_places) of checked maps (n_maps, n_places) from a RandomState."""
        raise NotImplementedError  # each subclass has its own


def checked_brain_maps(maps, n_places, name="maps"):
    """Maps as rows in float64, and whether a single one was given.

    Parameters
    ----------
    maps : array-like of shape (n_places,) or (n_maps, n_places)
    n_places : int or None
        None takes any number.
    name : str
        Of the maps, for messages.

    Returns
    -------
    maps : ndarray of shape (n_maps, n_places), float64
    single : bool
    """
    values = np.asarray(maps, dtype=np.float64)
    single = values.ndim == 1
    rows = values[np.newaxis] if single else values
    wanted = "n_places" if n_places is None else n_places
    if rows.ndim != 2 or len(rows) == 0 or (n_places is not None and rows.shape[1] != n_places):
        raise ValueError(
            f"`{name}` has shape {values.shape}, wanted ({wanted},) or (n_maps, {wanted}): a value for each place. "
            "Leave the same places (the medial wall, say) out of maps and coordinates."
        )
    if not np.isfinite(rows).all():
        wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        raise ValueError(
            f"{len(wrong)} of {len(rows)} maps in `{name}` have NaN or infinite values, the first is map {wrong[0]}. "
            "Impute them, or leave these places out of maps and coordinates."
        )
    flat = np.flatnonzero(np.ptp(rows, axis=1) == 0)
    if len(flat):
        raise ValueError(
            f"{len(flat)} of {len(rows)} maps in `{name}` have one value everywhere, the first is map {flat[0]}. They "
            "have no spatial structure and no correlation: leave them out."
        )
    return rows, single


def fit_distances(null, X, metric):
    """Distances between the places, from coordinates or as given; sets `n_places_` and `n_features_in_`.

    Parameters
    ----------
    null : SpatialNull
    X : array-like of shape (n_places, n_axes) or (n_places, n_places)
    metric : {"euclidean", "precomputed"}

    Returns
    -------
    distances : ndarray of shape (n_places, n_places), float64
    """
    X = validate_data(null, X, dtype=np.float64, ensure_min_samples=4)
    if metric == "euclidean":
        distances = squareform(pdist(X))
    else:
        if X.shape[0] != X.shape[1]:
            raise ValueError(
                f"metric='precomputed' needs distances of shape (n_places, n_places), got {X.shape}. Give coordinates "
                "with metric='euclidean', or the matrix of distances."
            )
        if not np.allclose(X, X.T) or np.abs(np.diag(X)).max() > 1e-8 * X.max() or X.min() < 0:
            raise ValueError("Distances must be symmetric, at least 0, and 0 on the diagonal.")
        distances = (X + X.T) / 2
        np.fill_diagonal(distances, 0.0)
    same = np.argwhere((distances == 0) & ~np.eye(len(distances), dtype=bool))
    if len(same):
        raise ValueError(
            f"{len(same) // 2} pairs of places lie at distance 0, the first are {same[0, 0]} and {same[0, 1]}. Give "
            "each place once."
        )
    null.n_places_ = len(distances)
    return distances
