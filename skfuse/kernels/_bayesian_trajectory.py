"""Hamiltonian moves of kernel weights together with the weights of subjects, for the draws of classes."""

import numpy as np
from scipy.special import log_ndtr

_MOST_STEPS = 36  # of one trajectory; fewer at random, so that no trajectory comes back to where it began
_FIRST_LENGTH = 0.1  # of a step, before it is learned
_SPREAD = 0.2  # sd of the logarithm of the length, from one trajectory to the next
_ACCEPTED = 0.75  # share of trajectories that serves best
_WEIGHT_SCALE = 0.5  # of kernel weights, beside a bias of 1 and subjects by their prior sd
_HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)


class Trajectory:
    """Moves of (b, e, a) that follow the slope of their density, with momentum [1]_.

    Given latent outputs, kernel weights hardly move, and given the weights of subjects neither: these moves change
    both at once, with the latent outputs integrated out.

    References
    ----------
    .. [1] R. M. Neal. MCMC using Hamiltonian dynamics. Handbook of Markov Chain Monte Carlo (2011).
       https://arxiv.org/abs/1206.1901
    """

    def __init__(self, stack, y, prior, margin, sigma_g, random_state):
        self.stack, self.y, self.prior, self.margin, self.sigma_g = stack, y, prior, margin, sigma_g
        self.rows = stack.reshape(-1, stack.shape[-1])
        self.rng, self.log_length, self.chance = random_state, np.log(_FIRST_LENGTH), 0.0

    def move(self, point, precisions):
        """Where a trajectory from `point` (b, e, a) leads: there if it is accepted, else `point` itself."""
        M = len(self.stack)
        scale = np.r_[1.0, np.full(M, _WEIGHT_SCALE), 1.0 / np.sqrt(precisions)]
        length = np.exp(self.log_length + _SPREAD * self.rng.standard_normal()) * scale
        momentum, q = self.rng.standard_normal(len(point)), point.copy()
        with np.errstate(over="ignore", invalid="ignore"):  # a trajectory that leaves all bounds is not accepted
            value, slope = self.density(q, precisions)
            before = value - 0.5 * (momentum @ momentum)
            for _ in range(self.rng.randint(1, _MOST_STEPS + 1)):
                momentum += 0.5 * length * slope
                q += length * momentum
                value, slope = self.density(q, precisions)
                momentum += 0.5 * length * slope
            gain = value - 0.5 * (momentum @ momentum) - before
        self.chance = np.exp(min(gain, 0.0)) if np.isfinite(gain) else 0.0
        return q if self.rng.uniform() < self.chance else point

    def density(self, point, precisions):
        """Log density of (b, e, a) given the precisions of subjects, up to a constant, and its slope."""
        M = len(self.stack)
        b, e, a = point[0], point[1 : 1 + M], point[1 + M :]
        H = (self.rows @ a).reshape(M, -1)
        noise = 1.0 + self.sigma_g**2 * (e @ e)
        root = np.sqrt(noise)
        u = (self.y * (b + e @ H) - self.margin) / root
        log_chance = log_ndtr(u)
        ratio = np.exp(-0.5 * u * u - _HALF_LOG_2PI - log_chance)  # slope of log_ndtr
        pull = self.y * ratio / root
        pulled = (self.rows @ pull).reshape(M, -1)
        value, slope = log_chance.sum() - 0.5 * (precisions @ (a * a)), np.empty_like(point)
        for name, part in (("gamma", slice(0, 1)), ("omega", slice(1, 1 + M))):
            shape, rate = self.prior[name][0] + 0.5, 1.0 / self.prior[name][1]
            inner = rate + 0.5 * point[part] ** 2
            value -= shape * np.log(inner).sum()
            slope[part] = -shape * point[part] / inner
        slope[0] += pull.sum()
        slope[1 : 1 + M] += H @ pull - (ratio @ u) * self.sigma_g**2 / noise * e
        slope[1 + M :] = e @ pulled - precisions * a
        return value, slope

    def learn(self, number):
        """Adapt the length of a step to how the last trajectory of draw `number` of the warm-up fared."""
        self.log_length += (self.chance - _ACCEPTED) * 2.0 / np.sqrt(number + 1.0)
