"""P-values beyond the number of permutations, extrapolated from the tail of the null distribution."""

from dataclasses import dataclass

import numpy as np

_LEAST = 30  # exceedances that a fit needs
ENOUGH = 10  # permutations that reach the observed value: the empirical p-value is good enough
_FURTHEST = 0.1  # of the smallest p-value that the permutations allow
_REFITS = 99
_LEVEL = 0.05


@dataclass(frozen=True)
class TailResult:
    """A p-value from a fitted tail.

    Attributes
    ----------
    p_value : float
    extrapolated : bool
        Whether the fit was used; otherwise this is ``(b + 1) / (B + 1)``.
    n_exceedances : int
        Values of the null that the tail was fitted to; 0 without a fit.
    shape, scale : float
        Of the generalized Pareto distribution; NaN without a fit.

    Examples
    --------
    >>> from skfuse.permutation import tail_p_value
    >>> tail_p_value(0.5, [0.0, 1.0, 1.0, 0.0]).extrapolated
    False
    """

    p_value: float
    extrapolated: bool
    n_exceedances: int = 0
    shape: float = float("nan")
    scale: float = float("nan")


def tail_p_value(observed, null, *, n_exceedances=250, random_state=0):
    r"""P-value of a statistic far out, from a generalized Pareto tail of the null distribution [1]_ [2]_.

    Where fewer than 10 permutations reach the observed value, the highest values of the null above a limit :math:`u`
    are described by :math:`P(T - u > t) = (1 + \xi t / \sigma)^{-1 / \xi}` (moment estimates), and the p-value is the
    share of permutations above :math:`u` times that probability. The limit is raised until the Anderson-Darling
    statistic agrees with the fit (a parametric bootstrap, 5 %). A tail that ends somewhere (:math:`\xi < 0`) is not
    believed, since p-values near its end are arbitrarily small: the exponential one (:math:`\xi = 0`) is taken in its
    place, which errs on the large side.

    An extrapolation is an assumption about permutations that were not drawn: report such a p-value as extrapolated. It
    goes no further than a tenth of the smallest p-value that the permutations allow.

    Parameters
    ----------
    observed : float
        Large speaks against the null.
    null : array-like of shape (n_permutations,)
        One statistic of each permutation (the maximum over all tests, say).
    n_exceedances : int
        At most so many of the highest values are fitted, and at most a tenth of all.
    random_state : int or Generator
        Seed of the bootstrap.

    Returns
    -------
    result : TailResult
        Not extrapolated if no limit agrees, fewer than 30 values are left, or the null does not vary there.

    References
    ----------
    .. [1] T. A. Knijnenburg et al. Bioinformatics 25 (2009), i161-i168. https://doi.org/10.1093/bioinformatics/btp211
    .. [2] A. M. Winkler et al. NeuroImage 141 (2016), 502-516. https://doi.org/10.1016/j.neuroimage.2016.05.068

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import tail_p_value
    >>> null = np.random.default_rng(0).gumbel(size=1000)
    >>> result = tail_p_value(9.2, null)  # the Gumbel distribution has 1.0e-4 there
    >>> result.extrapolated, bool(1e-4 <= result.p_value < 1 / 1001)
    (True, True)
    """
    null = np.asarray(null, dtype=np.float64)
    if null.ndim != 1 or not len(null) or np.isnan(null).any() or np.isnan(observed):
        raise ValueError("`null` must hold a number for each permutation, `observed` a number, and none may be NaN.")
    reached = int(np.count_nonzero(null >= observed))
    fit = None if reached >= ENOUGH else fit_tail(null, n_exceedances=n_exceedances, random_state=random_state)
    if fit is None:
        return TailResult((reached + 1) / (len(null) + 1), extrapolated=False)
    p_value = float(fit.p_values(np.array([observed]))[0])
    return TailResult(p_value, True, fit.n_exceedances, fit.shape, fit.scale)


@dataclass(frozen=True)
class TailFit:
    """The fitted tail of a null distribution: the share of `n_permutations` beyond `limit` and how it falls."""

    limit: float
    n_exceedances: int
    shape: float
    scale: float
    n_permutations: int

    def p_values(self, observed):
        """P-values of statistics beyond the limit."""
        far = _survival(observed[None] - self.limit, np.array([self.shape]), np.array([self.scale]))[0]
        return np.maximum(self.n_exceedances / self.n_permutations * far, _FURTHEST / (self.n_permutations + 1))


def fit_tail(null, *, n_exceedances=250, random_state=0):
    """The tail that :func:`tail_p_value` extrapolates from; None if no limit agrees with one.

    Parameters
    ----------
    null : ndarray of shape (n_permutations,)
    n_exceedances, random_state
        See :func:`tail_p_value`.

    Returns
    -------
    fit : TailFit or None
    """
    null = np.sort(null)[::-1]
    rng = np.random.default_rng(random_state)
    for n in range(min(n_exceedances, len(null) // 10), _LEAST - 1, -10):
        limit = (null[n - 1] + null[n]) / 2
        above = null[:n] - limit
        if np.ptp(above) == 0 or above[-1] <= 0:  # ties at the limit
            continue
        shape, scale = _fitted(above[None])
        if _agrees(above, shape[0], scale[0], rng):
            return TailFit(float(limit), n, float(shape[0]), float(scale[0]), len(null))
    return None


def _fitted(samples):
    """Shape and scale of each row by its mean and variance, as Hosking and Wallis (1987); shape at least 0."""
    mean = samples.mean(axis=1)
    ratio = np.minimum(mean**2 / samples.var(axis=1), 1.0)
    return (1 - ratio) / 2, mean * (1 + ratio) / 2


def _survival(excess, shape, scale):
    shape, scale = shape[:, None], scale[:, None]
    flat = np.abs(shape) < 1e-8
    inside = np.maximum(1 + shape * excess / scale, 0.0)
    with np.errstate(divide="ignore"):
        powered = inside ** np.where(flat, -1.0, -1.0 / np.where(flat, 1.0, shape))
    return np.where(flat, np.exp(-excess / scale), powered)


def _agrees(above, shape, scale, rng):
    """Whether the Anderson-Darling distance of the fit is an ordinary one for samples of the fitted distribution."""
    uniform = rng.random((_REFITS, len(above)))
    flat = abs(shape) < 1e-8
    drawn = -scale * np.log(uniform) if flat else scale / shape * (uniform**-shape - 1)
    usual = _distance(drawn, *_fitted(drawn))
    own = _distance(above[None], np.array([shape]), np.array([scale]))[0]
    return (1 + np.count_nonzero(usual >= own)) / (1 + _REFITS) > _LEVEL


def _distance(samples, shape, scale):
    p = np.clip(_survival(np.sort(samples, axis=1), shape, scale), 1e-12, 1 - 1e-12)
    n = p.shape[1]
    weights = 2 * np.arange(1, n + 1) - 1
    return -n - (weights * (np.log1p(-p) + np.log(p[:, ::-1]))).mean(axis=1)
