"""Correlations of brain maps, with p-values that know how smooth maps are."""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from skfuse.permutation._p_values import ALTERNATIVES, max_statistic_p_values, permutation_p_value
from skfuse.permutation._spatial_null import SpatialNull, checked_brain_maps

_MAPS = 16  # whose surrogates exist at a time


@dataclass(frozen=True, eq=False)
class MapSimilarity:
    """Correlations of maps, as :func:`map_similarity` finds them.

    Attributes
    ----------
    correlations : float or ndarray of shape (n_maps_a, n_maps_b)
        Of each pair.
    p_values : float or ndarray of shape (n_maps_a, n_maps_b)
        ``(b + 1) / (n + 1)``, one pair at a time.
    p_values_max : float or ndarray of shape (n_maps_a, n_maps_b)
        Adjusted for the number of pairs, by the largest correlation of each draw.
    null : ndarray of shape (n, n_maps_a, n_maps_b) or (n,)
        Correlations of the surrogates.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import MoranNull, map_similarity
    >>> places = np.random.default_rng(0).uniform(0.0, 100.0, size=(60, 3))
    >>> found = map_similarity(places[:, 0], places[:, 1:].T, MoranNull().fit(places), n=99, random_state=0)
    >>> found.correlations.shape, found.null.shape
    ((1, 2), (99, 1, 2))
    """

    correlations: float | np.ndarray
    p_values: float | np.ndarray
    p_values_max: float | np.ndarray
    null: np.ndarray = field(repr=False)


def map_similarity(a, b, null, *, n=1000, method="pearson", alternative="two-sided", random_state=None):
    r"""Correlate all pairs of two sets of maps, and compare with surrogates of the first set.

    Parameters
    ----------
    a : array-like of shape (n_places,) or (n_maps_a, n_places)
        Maps that get surrogates.
    b : array-like of shape (n_places,) or (n_maps_b, n_places)
        Maps as they are.
    null : SpatialNull or ndarray of shape (n_maps_a, n, n_places) or (n, n_places)
        A fitted null, or surrogates of `a` that one has already.
    n : int
        Surrogates, where `null` makes them.
    method : {"pearson", "spearman"}
        Which correlation.
    alternative : {"two-sided", "greater", "less"}
        Which correlations speak against the null; ``"two-sided"`` compares their absolute values.
    random_state : int, RandomState or None
        Seed of the surrogates.

    Returns
    -------
    similarity : MapSimilarity
        Numbers where both `a` and `b` are single maps.

    Raises
    ------
    ValueError
        If shapes do not fit, or a map has NaN or one value everywhere.

    Notes
    -----
    Which set gets surrogates makes a difference. Take the set that was chosen for the question, before looking.

    No surrogate is perfect: at strong autocorrelation spatial nulls can give more false positives than promised [1]_.
    Of 500 pairs of independent Gaussian maps over 200 places on two spheres of radius 1, whose values at distance d
    correlate :math:`e^{-d^2 / 2 l^2}`, this share had a two-sided p <= .05 with 199 surrogates (standard error .01;
    `benchmarks/studies/spatial_nulls.py`):

    =====  ========  =========  =====  ============  ==============  ===========
    l      shuffled  variogram  Moran  nearest spin  Hungarian spin  greedy spin
    =====  ========  =========  =====  ============  ==============  ===========
    0.1    .058      .060       .054   .052          .048            .060
    0.3    .158      .042       .042   .044          .050            .058
    0.6    .510      .070       .060   .054          .058            .072
    1.0    .676      .066       .062   .050          .046            .056
    =====  ========  =========  =====  ============  ==============  ===========

    References
    ----------
    .. [1] R. D. Markello, B. Misic. NeuroImage 236 (2021), 118052.
       https://doi.org/10.1016/j.neuroimage.2021.118052

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import VariogramNull, map_similarity
    >>> places = np.random.default_rng(0).uniform(0.0, 100.0, size=(60, 3))
    >>> thickness, myelin = np.sin(places[:, 0] / 30.0), np.sin(places[:, 0] / 30.0 + 0.2)
    >>> null = VariogramNull().fit(places)
    >>> found = map_similarity(thickness, myelin, null, n=199, random_state=0)
    >>> round(found.correlations, 2), found.p_values
    (0.94, 0.005)
    """
    if method not in ("pearson", "spearman") or alternative not in ALTERNATIVES:
        raise ValueError(
            f"`method` must be 'pearson' or 'spearman' and `alternative` one of {list(ALTERNATIVES)}, got {method!r} "
            f"and {alternative!r}."
        )
    a, single_a = checked_brain_maps(a, None, "a")
    b, single_b = checked_brain_maps(b, a.shape[1], "b")
    made = isinstance(null, SpatialNull)
    surrogates = None if made else _checked_surrogates(null, a, single_a)
    standardized = standardize(b, method)
    # A seed of its own makes the draws of one map those of all, whichever maps are worked on together.
    seed = _seed(random_state) if made else None
    correlations = standardize(a, method) @ standardized.T
    reached = np.empty((n if made else surrogates.shape[1], len(a), len(b)))
    for start in range(0, len(a), _MAPS):
        rows = slice(start, start + _MAPS)
        drawn = null.sample(a[rows], n, random_state=seed) if made else surrogates[rows]
        for row, values in enumerate(drawn, start=start):
            np.matmul(standardize(values, method), standardized.T, out=reached[:, row])
    towards = {"two-sided": np.abs, "greater": np.asarray, "less": np.negative}[alternative]
    compared, null_compared = towards(correlations), towards(reached)
    p_values = permutation_p_value(compared, null_compared)
    p_max = max_statistic_p_values(compared.ravel(), null_compared.reshape(len(reached), -1))
    p_max = p_max.reshape(correlations.shape)
    if single_a and single_b:
        return MapSimilarity(float(correlations[0, 0]), float(p_values[0, 0]), float(p_max[0, 0]), reached[:, 0, 0])
    return MapSimilarity(correlations, p_values, p_max, reached)


def standardize(maps, method="pearson"):
    """Maps of mean 0 and length 1, so that products are correlations.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_places)
    method : {"pearson", "spearman"}
        ``"spearman"`` takes ranks first.

    Returns
    -------
    standardized : ndarray of shape (n_maps, n_places)
        A map with one value everywhere, which a rotation can make of few places, is 0.
    """
    values = rankdata(maps, axis=1) if method == "spearman" else maps
    centered = values - values.mean(axis=1, keepdims=True)
    lengths = np.sqrt(np.einsum("ij,ij->i", centered, centered))[:, None]
    constant = np.ptp(values, axis=1, keepdims=True) == 0
    return np.where(constant, 0.0, centered / np.where(constant, 1.0, lengths))


def _seed(random_state):
    """An int that stands for a random state, so that it can be used again."""
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return int(check_random_state(random_state).randint(2**31 - 1))
    return random_state


def _checked_surrogates(surrogates, a, single):
    surrogates = np.asarray(surrogates, dtype=np.float64)
    if single and surrogates.ndim == 2:
        surrogates = surrogates[np.newaxis]
    if surrogates.ndim != 3 or surrogates.shape[0] != len(a) or surrogates.shape[2] != a.shape[1]:
        raise ValueError(
            f"`null` has shape {surrogates.shape}, wanted ({len(a)}, n, {a.shape[1]}): surrogates of each map of `a`, "
            "or a fitted SpatialNull."
        )
    if not np.isfinite(surrogates).all():
        raise ValueError("`null` has NaN or infinite values. Make surrogates of the places that have values.")
    return surrogates
