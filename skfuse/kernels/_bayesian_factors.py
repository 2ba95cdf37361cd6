"""Factors of the variational posterior of Bayesian efficient multiple kernel learning, updated one at a time."""

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.special import digamma, gammaln, log_ndtr

_LOG_2PI = np.log(2.0 * np.pi)


class GammaFactor:
    """Gamma factor of a precision: prior and posterior shape and scale, and what the others need of it."""

    def __init__(self, shape, scale, n):
        self.prior = shape, scale
        self.shape, self.scale = np.full(n, shape), np.full(n, scale)

    def update(self, count, squares):
        """Posterior after `count` normal values each, whose expected sums of squares are `squares`."""
        shape, scale = self.prior
        self.shape = np.full(len(squares), shape + 0.5 * count)
        self.scale = 1.0 / (1.0 / scale + 0.5 * squares)

    @property
    def mean(self):
        return self.shape * self.scale

    @property
    def mean_log(self):
        return digamma(self.shape) + np.log(self.scale)

    def bound(self):
        """Expected log prior density minus expected log posterior density."""
        shape, scale = self.prior
        prior = (shape - 1.0) * self.mean_log - self.mean / scale - gammaln(shape) - shape * np.log(scale)
        entropy = self.shape + np.log(self.scale) + gammaln(self.shape) + (1.0 - self.shape) * digamma(self.shape)
        return float(np.sum(prior + entropy))


class VariationalModel:
    """The factors of the approximate posterior, updated one after the other."""

    def __init__(self, stack, y, classes, prior, margin, sigma_g):
        M, n = stack.shape[:2]
        self.K, self.y, self.classes, self.margin, self.variance_g = stack, y, classes, margin, sigma_g**2
        rows = stack.reshape(M * n, n)
        self.squares = rows.T @ rows  # sum of K_m K_m
        self.lam, self.gamma, self.omega = (
            GammaFactor(*prior[name], size) for name, size in (("lambda", n), ("gamma", 1), ("omega", M))
        )
        self.upsilon = None if classes else GammaFactor(*prior["upsilon"], 1)
        # All kernels start alike: each is asked for its share of the outcome, and no random start is needed.
        self.be = np.r_[0.0, np.ones(M)]
        self.be_covariance = np.eye(M + 1)
        self.target = y * (1.0 + margin) if classes else y
        self.G = np.tile(self.target / M, (M, 1))
        self.a_squares = np.full(n, 1.0)

    def sweep(self):
        """Update every factor once; the evidence lower bound never decreases."""
        self.lam.update(1, self.a_squares)
        self._update_a()
        self._update_G()
        second = self.be**2 + np.diag(self.be_covariance)
        self.gamma.update(1, second[:1])
        self.omega.update(1, second[1:])
        self._update_be()
        if self.classes:
            self._update_target()
        else:
            self.upsilon.update(len(self.y), np.array([self.misfit()]))
        return self.lower_bound()

    @property
    def precision(self):
        return 1.0 if self.classes else self.upsilon.mean[0]

    def _update_a(self):
        n = len(self.y)
        P = self.squares / self.variance_g
        P.flat[:: n + 1] += self.lam.mean
        L, failed = dpotrf(P, lower=1, overwrite_a=1, clean=0)
        if failed:
            raise ValueError(
                "The precision of the weights of subjects is not positive definite in double precision. Bring the "
                "kernels to one scale (unit mean diagonal, say), or take less extreme shape and scale parameters."
            )
        self.a_log_det = -2.0 * np.log(np.diag(L)).sum()
        inverse, _ = dpotri(L, lower=1)
        self.a_covariance = np.tril(inverse) + np.tril(inverse, -1).T
        self.a = self.a_covariance @ (self.G.reshape(-1) @ self.K.reshape(-1, n)) / self.variance_g
        self.a_squares = self.a**2 + np.diag(self.a_covariance)
        self.H = (self.K.reshape(-1, n) @ self.a).reshape(-1, n)

    def _update_G(self):
        moments = self.be_covariance + np.outer(self.be, self.be)
        M = len(self.K)
        self.G_covariance = np.linalg.inv(np.eye(M) / self.variance_g + self.precision * moments[1:, 1:])
        pull = np.outer(self.be[1:], self.target) - moments[1:, :1]
        self.G = self.G_covariance @ (self.H / self.variance_g + self.precision * pull)

    def _design_moments(self):
        """Expected product of (1, G) with itself, summed over subjects."""
        design = np.vstack([np.ones(len(self.y)), self.G])
        products = design @ design.T
        products[1:, 1:] += len(self.y) * self.G_covariance
        return design, products

    def _update_be(self):
        design, products = self._design_moments()
        P = self.precision * products + np.diag(np.r_[self.gamma.mean, self.omega.mean])
        self.be_covariance = np.linalg.inv(P)
        self.be_covariance = 0.5 * (self.be_covariance + self.be_covariance.T)
        self.be = self.precision * (self.be_covariance @ (design @ self.target))

    def _update_target(self):
        """Means of the latent outputs: normals cut at the margin."""
        mean = self.be[0] + self.be[1:] @ self.G
        cut = self.margin - self.y * mean
        self.log_mass = log_ndtr(-cut)
        self.latent_mean = mean
        self.target = mean + self.y * np.exp(-0.5 * (cut**2 + _LOG_2PI) - self.log_mass)

    def misfit(self):
        """Expected sum of squares of what (b, e) and G leave of the target, without the target's own variance."""
        design, products = self._design_moments()
        moments = self.be_covariance + np.outer(self.be, self.be)
        return self.target @ self.target - 2.0 * self.target @ (self.be @ design) + np.sum(moments * products)

    def lower_bound(self):
        """Evidence lower bound, right after a sweep."""
        M, n = self.G.shape
        total = self.lam.bound() + self.gamma.bound() + self.omega.bound()
        total += 0.5 * np.sum(self.lam.mean_log - self.lam.mean * self.a_squares)
        total += 0.5 * (self.a_log_det + n)
        total += -0.5 * M * n * np.log(self.variance_g) + 0.5 * n * (np.linalg.slogdet(self.G_covariance)[1] + M)
        total -= 0.5 * (np.sum((self.G - self.H) ** 2) + n * np.trace(self.G_covariance)) / self.variance_g
        # The covariance of a is the inverse of sum K K / var_g plus its precisions, so their trace is known.
        total -= 0.5 * (n - self.lam.mean @ np.diag(self.a_covariance))
        precisions = np.r_[self.gamma.mean, self.omega.mean]
        logs = np.r_[self.gamma.mean_log, self.omega.mean_log]
        total += 0.5 * np.sum(logs - precisions * (self.be**2 + np.diag(self.be_covariance)))
        total += 0.5 * (np.linalg.slogdet(self.be_covariance)[1] + M + 1)
        if self.classes:
            products = self._design_moments()[1]
            moments = self.be_covariance + np.outer(self.be, self.be)
            total += 0.5 * (self.latent_mean @ self.latent_mean - np.sum(moments * products))
            return total + np.sum(self.log_mass)
        total += self.upsilon.bound()
        return total + 0.5 * (n * (self.upsilon.mean_log[0] - _LOG_2PI) - self.upsilon.mean[0] * self.misfit())
