"""Draws from the posterior of kernel weights, with the weights of subjects integrated out."""

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.special import log_ndtr, ndtri_exp

from skfuse.kernels._bayesian_trajectory import Trajectory

_STEPS = 2  # moves of the kernel weights with the weights of subjects integrated out, for each draw
_TURNS = 1  # of which signs
_SCALE_STEP = 0.3  # sd of the logarithm by which kernel weights and latent outputs of classes change together
_SMALLEST = 1e-3  # size of a weight that the walk, which steps on logarithms, begins with
_CHEAP_STEPS = 4  # and with those given: a move then costs products with vectors only
_ACCEPTED = 0.3  # share of moves that serves a random walk in a handful of dimensions best
_FORGOTTEN = 10  # draws of the warm-up that the first guess of the proposal counts as


def normalize_weights(weights):
    """Sizes of weights over the sum of their sizes, along the last axis."""
    sizes = np.abs(np.asarray(weights, dtype=np.float64))
    total = sizes.sum(axis=-1, keepdims=True)
    return np.divide(sizes, total, out=np.zeros_like(sizes), where=total > 0)


def effective_draws(draws):
    """Number of independent draws that tell as much as these, in the worst column, by the initial monotone sequence.

    Autocorrelations are added in pairs of lags as long as the pairs are positive. A column that never moves counts as
    one draw, unless it is the only one: the share of a single kernel is 1.
    """
    n, spread = len(draws), draws.std(axis=0)
    if not (spread > 1e-12).all():
        return float(n) if draws.shape[1] == 1 else 1.0
    centered = draws - draws.mean(axis=0)
    power = np.abs(np.fft.rfft(centered, 2 * n, axis=0)) ** 2
    correlation = np.fft.irfft(power, axis=0)[: n - n % 2]
    correlation /= correlation[0]
    pairs = correlation[0::2] + correlation[1::2]
    pairs = np.where(np.logical_and.accumulate(pairs > 0, axis=0), pairs, 0.0)
    time = 2.0 * np.minimum.accumulate(pairs, axis=0).sum(axis=0) - 1.0
    return float((n / np.maximum(time, 1.0)).min())


def draw_weights(stack, y, *, prior, margin, sigma_g, start, n_draws, random_state):
    r"""Draw kernel weights from the posterior of the model that `bayesian_weights` approximates.

    The intermediate outputs and the weights of subjects are integrated out where the kernel weights move,

    .. math:: t \mid b, e, \lambda, \upsilon \sim N\Big(b 1, \; K_e \Lambda^{-1} K_e + s^2 I\Big), \qquad
              K_e = \sum_m e_m K_m, \quad s^2 = \upsilon^{-1} + \sigma_g^2 \lVert e \rVert^2,

    so that they do not have to wait for each other. Every draw is a few random-walk moves of :math:`(b, e, \log
    \upsilon)` on this density, then exact draws of :math:`a`, of its precisions and, for classes, of the latent
    outputs :math:`t`; for classes also a Hamiltonian move of :math:`(b, e, a)` with the latent outputs integrated out.
    The shape and the lengths of the moves are learned in a warm-up, half as long as the draws, and fixed afterwards.

    Parameters
    ----------
    stack : ndarray of shape (n_kernels, n_subjects, n_subjects)
        Kernels.
    y : ndarray of shape (n_subjects,)
        Outcomes, or classes -1 and 1.
    prior : dict of str to tuple of float
        Shape and scale of the gamma priors of "lambda", "gamma", "omega" and, for outcomes only, "upsilon".
    margin, sigma_g : float
        As in `bayesian_weights`; a `margin` of None stands for regression.
    start : tuple of ndarray
        Variational mean and covariance of (b, e[, log upsilon]), precisions of subjects (n_subjects,) and latent
        outputs (n_subjects,) to begin with.
    n_draws : int
        Draws after the warm-up.
    random_state : numpy.random.RandomState
        Source of randomness.

    Returns
    -------
    draws : ndarray of shape (n_draws, n_kernels)
        Kernel weights, as the model has them: neither normalized nor of one sign.
    """
    walk = _Walk(stack, y, prior, margin, sigma_g, start, random_state)
    warm_up = n_draws // 2
    draws = np.empty((n_draws, len(stack)))
    for number in range(-warm_up, n_draws):
        walk.move_without_subjects()
        walk.draw_subjects()
        walk.move_without_latents()
        walk.rescale()
        walk.follow_slope()
        walk.draw_rest()
        if number < 0:
            walk.learn(warm_up + number)
        else:
            draws[number] = walk.position[1 : 1 + len(stack)]
    return draws


class _Proposal:
    """Normal random walk whose length and shape are learned in the warm-up."""

    def __init__(self, covariance, n_kernels, random_state):
        self.covariance, self.n_kernels, self.rng = covariance, n_kernels, random_state
        self.root = np.linalg.cholesky(covariance)
        self.log_length = np.log(2.4 / np.sqrt(len(covariance)))
        self.accepted = self.moves = 0

    def propose(self, position):
        """A point near `position` with the same signs of kernel weights, and the log volume of the move."""
        step = np.exp(self.log_length) * (self.root @ self.rng.standard_normal(len(position)))
        proposal = position + step
        e = slice(1, 1 + self.n_kernels)
        proposal[e] = position[e] * np.exp(np.clip(step[e], -50.0, 50.0))
        return proposal, step[e].sum()

    def count(self, accepted):
        """Note what became of a proposal."""
        self.accepted += accepted
        self.moves += 1

    def learn(self, away, number):
        """Adapt to draw `number` of the warm-up, `away` from their mean so far."""
        self.log_length += (self.accepted / self.moves - _ACCEPTED) * 2.0 / np.sqrt(number + 1.0)
        self.accepted = self.moves = 0
        rate = 2.0 / (number + _FORGOTTEN)
        self.covariance = (1.0 - rate) * self.covariance + rate * np.outer(away, away)
        if number % 20 == 19:
            floor = 1e-8 * np.trace(self.covariance) / len(away)
            self.root = np.linalg.cholesky(self.covariance + floor * np.eye(len(away)))


class _Walk:
    """State of the chain: (b, e[, log upsilon]), weights of subjects, their precisions and latent outputs."""

    def __init__(self, stack, y, prior, margin, sigma_g, start, random_state):
        self.stack, self.flat = stack, stack.reshape(len(stack), -1)
        self.y, self.prior, self.margin, self.sigma_g, self.rng = y, prior, margin, sigma_g, random_state
        self.position, covariance, self.precisions, self.target = (np.array(part) for part in start)
        e = self.position[1 : 1 + len(stack)]
        e[np.abs(e) < _SMALLEST] = _SMALLEST
        self.center = self.position.copy()
        self.center[1 : 1 + len(stack)] = np.log(np.abs(self.position[1 : 1 + len(stack)]))
        covariance = np.diag(np.r_[covariance[0, 0], np.full(len(stack), 0.05), np.diag(covariance)[1 + len(stack) :]])
        self.far = _Proposal(covariance, len(stack), random_state)
        self.near = _Proposal(covariance, len(stack), random_state)
        self.trajectory = None if margin is None else Trajectory(stack, y, prior, margin, sigma_g, random_state)

    def split(self, position):
        """Bias, kernel weights and the variance of the target about its mean."""
        b, e = position[0], position[1 : 1 + len(self.flat)]
        own = 1.0 if self.margin is not None else np.exp(-position[-1])
        return b, e, own + self.sigma_g**2 * (e @ e)

    def log_prior(self, position):
        """Log prior density of (b, e[, log upsilon]), their precisions integrated out."""
        b, e, _ = self.split(position)
        value = _log_student(b, *self.prior["gamma"]) + _log_student(e, *self.prior["omega"])
        if self.margin is None:
            shape, scale = self.prior["upsilon"]
            value += shape * position[-1] - np.exp(position[-1]) / scale  # the Jacobian of the logarithm is in it
        return value

    def density(self, position):
        """Log density of the target, weights of subjects integrated out, and what their draw needs of it."""
        n = len(self.y)
        b, e, noise = self.split(position)
        K = (e @ self.flat).reshape(n, n)
        # The scaled K is C-ordered, its transpose is what BLAS takes without a copy.
        C = dsyrk(1.0, (K / np.sqrt(self.precisions)).T, trans=1, lower=1)
        C.flat[:: n + 1] += noise
        L, failed = dpotrf(C, lower=1, overwrite_a=1)
        if failed or not np.isfinite(noise):
            return -np.inf, None
        residual = self.target - b
        value = -0.5 * (residual @ dpotrs(L, residual, lower=1)[0]) - np.log(np.diag(L)).sum()
        return value + self.log_prior(position), (K, L)

    def move_without_subjects(self):
        """Walk given precisions and latent outputs, then turn signs of kernel weights, then change the scale.

        Kernels of independent features tell the signs of their weights apart hardly at all, so that each combination
        of signs has a mode of its own: the walk keeps the signs, and turning them is a move of its own.
        """
        value, parts = self.density(self.position)
        kinds = ["walk"] * _STEPS + ["sign"] * _TURNS + ["scale"] * (self.margin is not None)
        for kind in kinds:
            old_target = self.target
            proposal, self.target, gain = self.propose_without_subjects(kind)
            there, new_parts = self.density(proposal) if gain > -np.inf else (-np.inf, None)
            accepted = np.log(self.rng.uniform()) < there - value + gain
            if accepted:
                self.position, value, parts = proposal, there, new_parts
            else:
                self.target = old_target
            if kind == "walk":
                self.far.count(accepted)
        if parts is None:
            raise ValueError(
                "No covariance of the outcome is positive definite in double precision near the variational solution. "
                "Bring kernels and outcome to one scale (unit mean diagonal, unit sd), or take less extreme priors."
            )
        self.parts = parts

    def propose_without_subjects(self, kind):
        """Where to go, latent outputs there and the log volume of the move, -inf where a class would be left."""
        if kind == "walk":
            proposal, gain = self.far.propose(self.position)
            return proposal, self.target, gain
        if kind == "sign":
            proposal = self.position.copy()
            proposal[1 + self.rng.randint(len(self.flat))] *= -1.0
            return proposal, self.target, 0.0
        log_c = _SCALE_STEP * self.rng.standard_normal()
        target = np.exp(log_c) * self.target
        inside = (self.y * target > self.margin).all()
        return np.exp(log_c) * self.position, target, (len(target) + len(self.position)) * log_c if inside else -np.inf

    def draw_subjects(self):
        """Weights of subjects: a draw from the prior, corrected by what the data say beyond it (Matheron's rule)."""
        (K, L), (b, _, noise) = self.parts, self.split(self.position)
        a = self.rng.standard_normal(len(self.y)) / np.sqrt(self.precisions)
        missed = self.target - b - K @ a - np.sqrt(noise) * self.rng.standard_normal(len(self.y))
        self.a = a + (K @ dpotrs(L, missed, lower=1)[0]) / self.precisions
        self.H = self.stack @ self.a

    def density_given_subjects(self, position):
        """Log density of the outcome with the latent outputs integrated out, given the weights of subjects."""
        b, e, noise = self.split(position)
        mean = b + e @ self.H
        if self.margin is None:
            residual = self.y - mean
            value = -0.5 * (residual @ residual) / noise - 0.5 * len(self.y) * np.log(noise)
        else:
            value = log_ndtr((self.y * mean - self.margin) / np.sqrt(noise)).sum()
        return value + self.log_prior(position)

    def move_without_latents(self):
        """Walk given the weights of subjects: where latent outputs hold the kernel weights fast, these do not."""
        value = self.density_given_subjects(self.position)
        for _ in range(_CHEAP_STEPS):
            proposal, gain = self.near.propose(self.position)
            there = self.density_given_subjects(proposal)
            accepted = np.log(self.rng.uniform()) < there - value + gain
            if accepted:
                self.position, value = proposal, there
            self.near.count(accepted)
        self.value = value

    def rescale(self):
        """Move scale between kernel weights and subjects: e to c e, a to a / c and its precisions to c² times theirs.

        The mean of the output stays as it is; the volume changes by c to the power of (kernels + subjects).
        """
        n, M = self.H.shape[1], len(self.H)
        shape, scale = self.prior["lambda"]
        log_c = self.rng.standard_normal() * 1.2 / np.sqrt(n * shape)
        c = np.exp(log_c)
        a, H = self.a, self.H
        proposal = self.position.copy()
        proposal[1 : 1 + M] *= c
        self.a, self.H = a / c, H / c
        there = self.density_given_subjects(proposal)
        gain = (2.0 * n * shape + M) * log_c - (c**2 - 1.0) * self.precisions.sum() / scale
        if np.log(self.rng.uniform()) < there - self.value + gain:
            self.position, self.precisions = proposal, c**2 * self.precisions
        else:
            self.a, self.H = a, H

    def follow_slope(self):
        """Move kernel weights and weights of subjects together, the latent outputs of classes integrated out."""
        if self.trajectory is None:
            return
        M = len(self.H)
        point = self.trajectory.move(np.r_[self.position, self.a], self.precisions)
        self.position, self.a = point[: 1 + M], point[1 + M :]
        self.H = self.stack @ self.a

    def draw_rest(self):
        """Precisions of subjects and, for classes, latent outputs, from their exact conditionals."""
        shape, scale = self.prior["lambda"]
        self.precisions = self.rng.standard_gamma(shape + 0.5, len(self.y)) / (1.0 / scale + 0.5 * self.a**2)
        if self.margin is not None:
            b, e, noise = self.split(self.position)
            mean, sd = b + e @ self.H, np.sqrt(noise)
            cut = (self.margin - self.y * mean) / sd
            tail = np.log(self.rng.uniform(size=len(mean))) + log_ndtr(-cut)
            self.target = mean - self.y * sd * ndtri_exp(tail)

    def learn(self, number):
        """Adapt both walks to the warm-up so far; early draws are forgotten."""
        here = self.position.copy()
        here[1 : 1 + len(self.flat)] = np.log(np.abs(here[1 : 1 + len(self.flat)]))
        away = here - self.center
        self.center = self.center + 2.0 / (number + _FORGOTTEN) * away
        self.far.learn(away, number)
        self.near.learn(away, number)
        if self.trajectory is not None:
            self.trajectory.learn(number)


def _log_student(values, shape, scale):
    """Log density, up to a constant, of normal values whose precision has a gamma prior that is integrated out."""
    return -(shape + 0.5) * np.sum(np.log(1.0 / scale + 0.5 * values**2))
