"""How group factor analysis learns: rounds of the posterior, a rotation that makes factors sparse, and the bound."""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from skfuse.latent._factor_posterior import (
    OFFSET_PRECISION,
    Loadings,
    infer_scores,
    learn_loadings,
    start_loadings,
)

#: Shape and rate of the gamma priors, in standard deviations of the features: a few cells outweigh them, and yet noise
#: cannot vanish, nor the relevance of a factor that is not there grow without end.
_RELEVANCE_PRIOR = 1e-6
_NOISE_PRIOR = 1e-3
_ROTATION_ROUNDS = 10
#: Rounds before the first rotation: one of the raw singular vectors splits weak shared factors into private ones.
_FIRST_ROUNDS = 5


@dataclass
class FactorModel:
    """What has been learned."""

    loadings: Loadings
    shares: np.ndarray  #: of the variance of each modality that each factor explains, (n_modalities, k)
    bounds: np.ndarray  #: on the log-likelihood, after each round
    gap: float  #: last gain of the bound, per cell known; 0 if below the tolerance


def learn_factors(cells, n_components, *, pooled_noise, drop_below, max_iter, tol):
    """Rounds of scores, loadings, noise, rotation and relevances, until the bound rises no more.

    Parameters
    ----------
    cells : Cells
    n_components : int
        At most.
    pooled_noise : bool
        One precision of the noise for each modality instead of each feature.
    drop_below : float
        Share of the variance of a modality; factors below it in all modalities are dropped.
    max_iter : int
    tol : float
        Gain of the bound per cell known.

    Returns
    -------
    model : FactorModel
        Factors in descending order of the variance they explain, signs such that the largest loading is positive.
    """
    loadings = start_loadings(cells, n_components)
    sizes = np.array([columns.stop - columns.start for columns in cells.slices])
    noise = _Noise(cells, sizes if pooled_noise else np.ones(sizes.sum(), dtype=int))
    relevance = _Relevance(loadings.moments(np.ones(sizes.sum())), sizes)
    sums, bounds, gap = cells.values.sum(axis=0), [], np.inf
    for _ in range(max_iter):
        scores = infer_scores(cells, loadings)
        products = np.column_stack([cells.values.T @ scores.mean, sums])
        loadings, quadratic = learn_loadings(cells, scores, products, relevance.mean, loadings.precision)
        loadings.precision = noise.learn(np.sum(loadings.mean * products, axis=1), quadratic)
        loadings, divergence_of_scores, variances = _expand(loadings, scores, sizes, len(bounds) >= _FIRST_ROUNDS)
        relevance = _Relevance(loadings.moments(np.ones(sizes.sum())), sizes)
        divergences = divergence_of_scores + _divergence_of_loadings(cells, loadings, relevance, sizes)
        bounds.append(noise.bound() - divergences - relevance.divergence())
        shares = _shares(loadings, variances, sizes)
        kept = np.flatnonzero(shares.max(axis=0) >= drop_below)
        if not len(kept):
            kept = [np.argmax(shares.max(axis=0))]
        if len(kept) < loadings.n_components:
            loadings, shares = loadings.kept(kept), shares[:, kept]
            relevance.mean = relevance.mean[:, kept]
        elif len(bounds) > _FIRST_ROUNDS + 1:
            gap = (bounds[-1] - bounds[-2]) / noise.n_cells
            if gap < tol:
                gap = 0.0
                break
    order = np.argsort(-(sizes @ shares), kind="stable")
    loadings, shares = loadings.kept(order), shares[:, order]
    largest = np.argmax(np.abs(loadings.mean[:, :-1]), axis=0)
    signs = np.where(loadings.mean[largest, np.arange(len(order))] < 0, -1.0, 1.0)
    return FactorModel(loadings.transformed(np.diag(np.append(signs, 1.0))), shares, np.array(bounds), gap)


def _shares(loadings, variances, sizes):
    """Share of the variance of each modality that each factor explains, features having variance 1."""
    squares = [np.sum(loadings.mean[columns, :-1] ** 2, axis=0) for columns in loadings.slices]
    return np.array(squares) * variances / np.maximum(sizes, 1)[:, None]


class _Noise:
    """Gamma posterior of the precision of the noise, one for each group of adjacent features."""

    def __init__(self, cells, sizes):
        self.groups = np.repeat(np.arange(len(sizes)), sizes)
        self.n_groups = len(sizes)
        self.squares = np.sum(cells.values**2, axis=0)
        known = cells.n_known
        self.n_cells = known.sum()
        self.shape = _NOISE_PRIOR + self._pooled(known) / 2.0

    def _pooled(self, values):
        return np.bincount(self.groups, values, self.n_groups)

    def learn(self, crossed, quadratic):
        """Mean precision of each feature from sums of what it has times what the model has, and of the model's."""
        residual = np.maximum(self.squares - 2.0 * crossed + quadratic, 0.0)
        self.rate = _NOISE_PRIOR + self._pooled(residual) / 2.0
        return (self.shape / self.rate)[self.groups]

    def bound(self):
        """Expected log-likelihood of the cells, less the divergence of the precisions from their prior."""
        logarithm = digamma(self.shape) - np.log(self.rate)
        halves, losses = self.shape - _NOISE_PRIOR, self.rate - _NOISE_PRIOR
        fit = halves @ (logarithm - np.log(2.0 * np.pi)) - (self.shape / self.rate) @ losses
        return fit - _gamma_divergence(self.shape, self.rate, _NOISE_PRIOR)


class _Relevance:
    """Gamma posterior of the relevance, the precision of loadings, of each factor in each modality."""

    def __init__(self, moments, sizes):
        self.moments = moments
        self.shape = np.repeat(_RELEVANCE_PRIOR + sizes[:, None] / 2.0, moments.shape[1] - 1, axis=1)
        self.rate = _RELEVANCE_PRIOR + np.diagonal(moments, axis1=1, axis2=2)[:, :-1] / 2.0
        self.mean = self.shape / self.rate

    def divergence(self):
        """Kullback-Leibler divergence from the prior."""
        return _gamma_divergence(self.shape, self.rate, _RELEVANCE_PRIOR)


def _gamma_divergence(shape, rate, prior):
    """Kullback-Leibler divergence of gamma distributions from one with shape and rate `prior`, summed."""
    return np.sum(
        (shape - prior) * digamma(shape)
        - gammaln(shape)
        + gammaln(prior)
        + prior * np.log(rate / prior)
        + shape * (prior - rate) / rate
    )


def _divergence_of_loadings(cells, loadings, relevance, sizes):
    """Kullback-Leibler divergence of loadings and offsets from their prior, averaged over relevances."""
    shared = sizes - np.bincount(cells.modality_of_scattered, minlength=len(sizes))
    spread = np.delete(loadings.spread, cells.scattered, axis=0)
    log_determinants = 2.0 * shared @ np.linalg.slogdet(loadings.axes)[1] + np.sum(np.log(spread))
    log_determinants += np.linalg.slogdet(loadings.own)[1].sum()
    log_precisions = np.sum(sizes[:, None] * (digamma(relevance.shape) - np.log(relevance.rate)))
    log_precisions += sizes.sum() * np.log(OFFSET_PRECISION)
    squares = np.diagonal(relevance.moments, axis1=1, axis2=2)
    quadratic = np.sum(relevance.mean * squares[:, :-1]) + OFFSET_PRECISION * squares[:, -1].sum()
    return (quadratic - sizes.sum() * (loadings.n_components + 1) - log_determinants - log_precisions) / 2.0


def _expand(loadings, scores, sizes, rotate):
    """Center the factors and, where asked to, rotate them, which leaves the fit as it is and raises the bound.

    Without it the scores and the loadings, each learned given the other, would take hundreds of rounds to turn.

    Returns
    -------
    loadings : Loadings
    divergence : float
        Kullback-Leibler divergence of the scores from their prior.
    variances : ndarray of shape (k,)
        Mean square of each score.
    """
    k, n = loadings.n_components, scores.total[-1, -1]
    moments = loadings.moments(np.ones(sizes.sum()))
    all_moments = OFFSET_PRECISION * moments.sum(axis=0)
    total = scores.total[:k, k]
    # Scores less `shift` with offsets plus loadings times `shift`: the best of a quadratic.
    shift = np.linalg.solve(n * np.eye(k) + all_moments[:k, :k], total - all_moments[:k, k])
    G = scores.total[:k, :k] - np.outer(shift, total) - np.outer(total, shift) + n * np.outer(shift, shift)
    R = np.eye(k)
    if rotate:
        R, G = sparse_rotation(G, moments[:, :k, :k], n, sizes)
    T = np.eye(k + 1)
    T[:k, :k], T[:k, k] = R, shift
    log_determinants = scores.log_determinants - 2.0 * n * np.linalg.slogdet(R)[1]
    return loadings.transformed(T), (np.trace(G) - n * k - log_determinants) / 2.0, np.diag(G) / n


def sparse_rotation(G, C, n, sizes):
    r"""Change of factors that makes each matter in few modalities, at no cost to the fit [1]_.

    Scores :math:`R^{-1} z` with loadings :math:`R^T w` fit as before; the bound differs by how well the priors like
    them. With the best relevances its loss is :math:`\frac12 tr(R^{-1} G R^{-T}) + (n - p) \log|R| + \sum_{mk} a_m
    \log(b + \frac12 r_k^T C_m r_k)`. Quasi-Newton steps in which each pair of factors stands alone lower it, as they
    do for the joint diagonalization of matrices [2]_, which this nearly is.

    Parameters
    ----------
    G : ndarray of shape (k, k)
        Second moments of the scores, summed over `n` subjects.
    C : ndarray of shape (n_modalities, k, k)
        Second moments of the loadings, summed over the features of each modality.
    n : float
        Number of subjects.
    sizes : ndarray of shape (n_modalities,)
        Features of each modality.

    Returns
    -------
    R : ndarray of shape (k, k)
    G : ndarray of shape (k, k)
        Second moments of the new scores.

    References
    ----------
    .. [1] S. Virtanen et al. Bayesian group factor analysis. AISTATS, PMLR 22, 1269 (2012).
    .. [2] P. Ablin, J.-F. Cardoso, A. Gramfort. Beyond Pham's algorithm for joint diagonalization. ESANN (2019).
       https://doi.org/10.48550/arXiv.1811.11433
    """
    R, log_determinant = np.eye(len(G)), 0.0
    loss = _rotation_loss(G, C, n, sizes, 0.0)
    for _ in range(_ROTATION_ROUNDS):
        step = _rotation_step(G, C, n, sizes)
        for _ in range(12):
            E = np.eye(len(G)) + step
            sign, change = np.linalg.slogdet(E)
            if sign > 0:
                inverse = np.linalg.inv(E)
                tried_G, tried_C = inverse @ G @ inverse.T, E.T @ C @ E
                tried = _rotation_loss(tried_G, tried_C, n, sizes, log_determinant + change)
                if tried < loss:
                    break
            step = step / 2.0
        else:
            break  # at the optimum, as far as rounding goes
        gain, loss = loss - tried, tried
        G, C, R, log_determinant = tried_G, tried_C, R @ E, log_determinant + change
        if gain < 1e-6 * n:
            break
    return R, G


def _rotation_loss(G, C, n, sizes, log_determinant):
    squares = np.diagonal(C, axis1=1, axis2=2)
    relevances = (_RELEVANCE_PRIOR + sizes / 2.0) @ np.log(_RELEVANCE_PRIOR + squares / 2.0)
    return np.trace(G) / 2.0 + (n - sizes.sum()) * log_determinant + relevances.sum()


def _rotation_step(G, C, n, sizes):
    """Newton step of each pair of factors, with curvatures as if G and C were diagonal and never below n / 10."""
    k, p = len(G), sizes.sum()
    g, squares = np.diag(G), np.diagonal(C, axis1=1, axis2=2)
    scaled = (_RELEVANCE_PRIOR + sizes / 2.0)[:, None] / (_RELEVANCE_PRIOR + squares / 2.0)
    gradient = (n - p) * np.eye(k) - G + np.einsum("mij,mj->ij", C, scaled)
    own = g + squares.T @ scaled
    cross = g[:, None] + g - (n - p)
    lowest = (own + own.T) / 2.0 - np.hypot((own - own.T) / 2.0, cross)
    own = own + np.maximum(0.0, 0.1 * n - lowest)
    step = (cross * gradient.T - own.T * gradient) / (own * own.T - cross**2)
    np.fill_diagonal(step, -np.diag(gradient) / np.maximum(3.0 * g - n, 0.5 * n))
    largest = np.abs(step).max()
    return step * (0.5 / largest) if largest > 0.5 else step
