"""Posterior of kernel weights: means, draws, intervals, predictions."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit, log_ndtr

_AS_SHORT = 1.05  # an interval that begins at 0 may be so much longer than the shortest


@dataclass(frozen=True)
class BayesianKernelWeights:
    """Posterior of kernel weights, and what it takes to predict; made by `bayesian_weights`.

    Attributes
    ----------
    weights, weights_sd : ndarray of shape (n_kernels,)
        Variational mean and standard deviation of the kernel weights, in the units of the model: their scale and that
        of `sample_weights` are told apart by the priors only. Their sum is not negative.
    bias : float
        Variational mean of the constant.
    covariance : ndarray of shape (n_kernels + 1, n_kernels + 1)
        Variational covariance of the bias and the kernel weights.
    sample_weights : ndarray of shape (n_subjects,)
        Variational mean of the dual coefficients, one per training subject.
    sample_covariance : ndarray of shape (n_subjects, n_subjects)
        Their variational covariance.
    noise_variance : float
        Variance of the outcome about its latent mean; 1 for classes.
    lower_bounds : ndarray of shape (n_sweeps,)
        Evidence lower bound after each sweep; it never decreases.
    converged : bool
        Whether it came to rest before the last sweep allowed.
    draws : ndarray of shape (n_draws, n_kernels)
        Draws of the normalized weights.
    effective_draws : float
        Number of independent draws that tell as much, for the weight that mixes worst.
    uncertainty : str
        Where the draws come from, ``"sampled"`` or ``"variational"``.
    task : str
        ``"classification"`` or ``"regression"``.
    margin, sigma_g : float
        As given.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.kernels import bayesian_weights
    >>> X = np.random.default_rng(0).normal(size=(40, 2))
    >>> kernels = [np.outer(column, column) for column in X.T]
    >>> y = X[:, 0] + X[:, 1]
    >>> posterior = bayesian_weights(kernels, y, task="regression", uncertainty="variational", max_iter=1000)
    >>> posterior.predict_latent([K[:3] for K in kernels])[0].shape
    (3,)
    """

    weights: np.ndarray
    weights_sd: np.ndarray
    bias: float
    covariance: np.ndarray
    sample_weights: np.ndarray
    sample_covariance: np.ndarray = field(repr=False)
    noise_variance: float
    lower_bounds: np.ndarray = field(repr=False)
    converged: bool
    draws: np.ndarray = field(repr=False)
    effective_draws: float
    uncertainty: str
    task: str
    margin: float
    sigma_g: float

    @property
    def normalized_weights(self):
        """Posterior mean of the sizes of the weights over their sum; these sum to 1."""
        return self.draws.mean(axis=0)

    @property
    def normalized_sd(self):
        """Posterior standard deviation of the normalized weights."""
        return self.draws.std(axis=0)

    def interval(self, level=0.95):
        """Shortest credible interval of each normalized weight.

        If the interval from 0 up to the quantile `level` is as short, give or take 5 %, then it is that one: draws of a
        size are never 0, but those of a kernel without effect pile up there.

        Parameters
        ----------
        level : float
            Posterior probability inside, between 0 and 1.

        Returns
        -------
        limits : ndarray of shape (n_kernels, 2)
            Lower and upper limit, without unit, between 0 and 1.

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1.
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"`level` must lie between 0 and 1 (0.95, say), got {level!r}.")
        ordered = np.sort(self.draws, axis=0)
        inside = int(np.ceil(level * len(ordered)))
        widths = ordered[inside - 1 :] - ordered[: len(ordered) - inside + 1]
        first, columns = widths.argmin(axis=0), np.arange(ordered.shape[1])
        lower, upper = ordered[first, columns], ordered[first + inside - 1, columns]
        from_zero = ordered[inside - 1] <= _AS_SHORT * (upper - lower)
        return np.where(from_zero, [np.zeros_like(upper), ordered[inside - 1]], [lower, upper]).T

    def predict_latent(self, kernels_new):
        r"""Mean and variance of the latent output of new subjects.

        Parameters
        ----------
        kernels_new : array-like of shape (n_kernels, n_new, n_subjects)
            Kernels between new and training subjects, scaled as those of training.

        Returns
        -------
        mean : ndarray of shape (n_new,)
            In the unit of the outcome; for classes the number whose sign is the class.
        variance : ndarray of shape (n_new,)
            Of a new subject's output under the variational posterior, noise and intermediate outputs included:
            :math:`s^2 + \sigma_g^2 E \lVert e \rVert^2 + \bar k^\top \Sigma_a \bar k + h^\top \Sigma_{be} h + \sum_{lm}
            (\Sigma_e)_{lm} k_l^\top \Sigma_a k_m` with :math:`\bar k = \sum_m \bar e_m k_m` and :math:`h = (1, k_m^\top
            \bar a)`.

        Raises
        ------
        ValueError
            If the kernels do not fit the training kernels or contain NaN.
        """
        K = np.asarray(kernels_new, dtype=np.float64)
        M, n = len(self.weights), len(self.sample_weights)
        if K.ndim != 3 or K.shape[0] != M or K.shape[2] != n:
            raise ValueError(
                f"`kernels_new` has shape {K.shape}, wanted ({M}, n_new, {n}): for each kernel a row per new subject "
                "and a column per training subject."
            )
        if not np.isfinite(K).all():
            raise ValueError("`kernels_new` contains NaN or infinity. Fill or leave out subjects without the modality.")
        H = K @ self.sample_weights
        design = np.vstack([np.ones(K.shape[1]), H])
        mean = self.bias + self.weights @ H
        variance = self.noise_variance + np.einsum("in,ij,jn->n", design, self.covariance, design)
        variance += self.sigma_g**2 * (self.weights @ self.weights + np.sum(self.weights_sd**2))
        values, vectors = np.linalg.eigh(self.covariance[1:, 1:])
        for mixture in [self.weights, *(np.sqrt(np.maximum(values, 0.0)) * vectors).T]:
            rows = np.tensordot(mixture, K, axes=1)
            variance += np.einsum("ij,ij->i", rows @ self.sample_covariance, rows)
        return mean, variance

    def predict_probability(self, kernels_new):
        r"""Probability of class 1 of new subjects.

        With the latent mean :math:`\mu`, sd :math:`s` and margin :math:`\nu`, :math:`\Phi((\mu - \nu) / s)` over its
        sum with :math:`\Phi((-\mu - \nu) / s)`, since no output may lie inside the margin.

        Parameters
        ----------
        kernels_new : array-like of shape (n_kernels, n_new, n_subjects)
            Kernels between new and training subjects, scaled as those of training.

        Returns
        -------
        probability : ndarray of shape (n_new,)
            Between 0 and 1.

        Raises
        ------
        ValueError
            For regression, or if the kernels do not fit the training kernels.
        """
        if self.task != "classification":
            raise ValueError(f"Only classes have a probability, and the task was {self.task!r}. Use `predict_latent`.")
        mean, variance = self.predict_latent(kernels_new)
        sd = np.sqrt(variance)
        return expit(log_ndtr((mean - self.margin) / sd) - log_ndtr((-mean - self.margin) / sd))
