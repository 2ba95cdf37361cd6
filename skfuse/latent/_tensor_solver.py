"""Linear models with products of blocks: sums of outer products of few factors, fitted by damped Newton steps."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.linalg import lapack
from scipy.special import expit, log_softmax, softmax


@dataclass(frozen=True)
class Squared:
    """Half the squared error of one output."""

    target: np.ndarray  # (n_subjects, 1)

    @property
    def n_outputs(self):
        return 1

    def value(self, f):
        """Loss of each subject."""
        return 0.5 * np.sum((f - self.target) ** 2, axis=1)

    def slope(self, f):
        """Derivative by the outputs."""
        return f - self.target

    def curvature(self, f, jacobian):
        """Sum over subjects of J' H J, H the second derivative by the outputs."""
        return jacobian[0].T @ jacobian[0]

    def second(self, f):
        """Second derivative by the outputs of each subject (n_subjects, n_outputs, n_outputs)."""
        return np.ones((len(f), 1, 1))

    def start(self):
        """Outputs of the model without features."""
        return self.target.mean(axis=0)


@dataclass(frozen=True)
class Logistic(Squared):
    """Minus the log-likelihood of two classes (one output, targets 0 and 1) or of several (an output and flag each)."""

    @property
    def n_outputs(self):
        return self.target.shape[1]

    def value(self, f):
        if self.n_outputs == 1:
            return np.logaddexp(0.0, f[:, 0]) - self.target[:, 0] * f[:, 0]
        return -np.sum(self.target * log_softmax(f, axis=1), axis=1)

    def slope(self, f):
        return self.probabilities(f) - self.target

    def probabilities(self, f):
        """Of the second of two classes, or of each of several."""
        return expit(f) if self.n_outputs == 1 else softmax(f, axis=1)

    def second(self, f):
        p = self.probabilities(f)
        if self.n_outputs == 1:
            return (p * (1.0 - p))[:, :, None]
        return p[:, :, None] * (np.eye(self.n_outputs) - p[:, None, :])

    def curvature(self, f, jacobian):
        p = self.probabilities(f)
        if self.n_outputs == 1:
            return jacobian[0].T @ (p * (1.0 - p) * jacobian[0])
        mean = np.einsum("nk,knp->np", p, jacobian)
        return sum((one.T * share) @ one for one, share in zip(jacobian, p.T, strict=True)) - mean.T @ mean

    def start(self):
        p = self.target.mean(axis=0)
        return np.log(p / (1.0 - p)) if self.n_outputs == 1 else np.log(p) - np.log(p).mean()


@dataclass
class Tensor:
    r"""Intercept, linear model and low-rank products: :math:`f = b + x B + \sum_r v_r \prod_m w_{rm}' [x_m; 1]`.

    Attributes
    ----------
    intercept : ndarray of shape (n_outputs,)
    linear : ndarray of shape (n_columns, n_outputs)
    factors : list of ndarray of shape (rank, n_columns_of_block + 1)
        One per block, the weight of the constant last.
    outputs : ndarray of shape (rank, n_outputs)
        Weights of the products in each output; ones that are not fitted where there is one output.
    """

    intercept: np.ndarray
    linear: np.ndarray
    factors: list
    outputs: np.ndarray

    def products(self, blocks):
        """Product of each term (n_subjects, rank)."""
        out = np.ones((len(blocks[0]), len(self.outputs)))
        for block, factor in zip(blocks, self.factors, strict=True):
            out *= block @ factor[:, :-1].T + factor[:, -1]
        return out

    def decision(self, blocks):
        """Outputs of subjects (n_subjects, n_outputs)."""
        return self.intercept + np.hstack(blocks) @ self.linear + self.products(blocks) @ self.outputs

    def pack(self):
        """All fitted numbers as one vector."""
        free = [self.outputs.ravel()] if self.outputs.shape[1] > 1 else []
        return np.concatenate(
            [self.intercept, self.linear.T.ravel(), *(factor.ravel() for factor in self.factors), *free]
        )

    def unpack(self, vector):
        """A model of the same shape with other numbers."""
        n_outputs, at = len(self.intercept), len(self.intercept)
        linear = vector[at : at + self.linear.size].reshape(n_outputs, -1).T
        at += self.linear.size
        factors = []
        for factor in self.factors:
            factors.append(vector[at : at + factor.size].reshape(factor.shape))
            at += factor.size
        outputs = vector[at:].reshape(self.outputs.shape) if n_outputs > 1 else self.outputs
        return Tensor(vector[:n_outputs], linear, factors, outputs)

    def penalties(self, alpha, interaction_alpha):
        """Penalty of each number, in the order of `pack`."""
        free = self.outputs.size if self.outputs.shape[1] > 1 else 0
        sizes = [len(self.intercept), self.linear.size, sum(factor.size for factor in self.factors) + free]
        return np.repeat([0.0, alpha, interaction_alpha], sizes)

    def jacobian(self, blocks):
        """Derivative of each output of each subject by each number (n_outputs, n_subjects, n_numbers)."""
        n, n_outputs, rank = len(blocks[0]), len(self.intercept), len(self.outputs)
        X = np.hstack(blocks)
        values = [block @ factor[:, :-1].T + factor[:, -1] for block, factor in zip(blocks, self.factors, strict=True)]
        shared = []
        for m, block in enumerate(blocks):
            others = np.ones((n, rank))
            for place, value in enumerate(values):
                if place != m:
                    others *= value
            augmented = np.column_stack([block, np.ones(n)])
            shared.append(others[:, :, None] * augmented[:, None, :])  # (n, rank, n_columns_of_block + 1)
        products = self.products(blocks)
        out = np.zeros((n_outputs, n, len(self.pack())))
        for k in range(n_outputs):
            out[k, :, k] = 1.0
            at = n_outputs + k * X.shape[1]
            out[k, :, at : at + X.shape[1]] = X
            at = n_outputs + self.linear.size
            for one in shared:
                width = one.shape[1] * one.shape[2]
                out[k, :, at : at + width] = (one * self.outputs[:, k, None]).reshape(n, -1)
                at += width
            if n_outputs > 1:
                out[k, :, at + k :: n_outputs] = products
        return out

    def bend(self, blocks, slope):
        """Sum over subjects and outputs of the slope of the loss times the second derivatives of the outputs."""
        n, rank, n_outputs = len(blocks[0]), *self.outputs.shape
        augmented = [np.column_stack([block, np.ones(n)]) for block in blocks]
        values = [one @ factor.T for one, factor in zip(augmented, self.factors, strict=True)]
        size = len(self.pack())
        out = np.zeros((size, size))
        starts = n_outputs + self.linear.size + np.cumsum([0, *(factor.size for factor in self.factors)])
        pull = slope @ self.outputs.T  # (n, rank)
        for r in range(rank):
            places = [start + r * one.shape[1] for start, one in zip(starts, augmented, strict=False)]
            for a, b in combinations(range(len(blocks)), 2):
                others = np.prod([values[m][:, r] for m in range(len(blocks)) if m not in (a, b)], axis=0)
                cross = (augmented[a].T * (pull[:, r] * others)) @ augmented[b]
                rows = slice(places[a], places[a] + cross.shape[0])
                columns = slice(places[b], places[b] + cross.shape[1])
                out[rows, columns], out[columns, rows] = cross, cross.T
            if n_outputs > 1:
                columns = slice(starts[-1] + r * n_outputs, starts[-1] + (r + 1) * n_outputs)
                for a, one in enumerate(augmented):
                    others = np.prod([values[m][:, r] for m in range(len(blocks)) if m != a], axis=0)
                    cross = (one.T * others) @ slope
                    rows = slice(places[a], places[a] + one.shape[1])
                    out[rows, columns], out[columns, rows] = cross, cross.T
        return out


def objective(model, blocks, loss, alpha, interaction_alpha):
    """Loss of all subjects and half the penalized squares of the numbers."""
    vector = model.pack()
    penalty = 0.5 * model.penalties(alpha, interaction_alpha) @ vector**2
    return float(np.sum(loss.value(model.decision(blocks))) + penalty)


def descend(model, blocks, loss, alpha, interaction_alpha, *, tol=1e-13, max_iter=500, trace=None):
    """Minimize the objective from a start, all blocks at once, by damped Newton steps.

    A step that would raise the objective is taken again, shorter. Alternating ridge regressions reach the same
    stationary points, in tens to thousands of times as many rounds where factors are correlated.

    Parameters
    ----------
    model : Tensor
        The start.
    blocks : list of ndarray of shape (n_subjects, n_columns_of_block)
    loss : Squared or Logistic
    alpha, interaction_alpha : float
        Penalties of the squares of the linear model and of the factors.
    tol : float
        Decrease that a step promises, relative to the objective, below which it is the last.
    max_iter : int
    trace : list or None
        Gets the objective after each round.

    Returns
    -------
    model : Tensor
    gap : float
        Decrease that the last step promised, relative to the objective.
    n_iter : int
        Rounds, shortened steps included.
    """
    vector, damping, gap = model.pack(), 1e-3, np.inf
    penalties = model.penalties(alpha, interaction_alpha)
    value = objective(model, blocks, loss, alpha, interaction_alpha)
    stale = True
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        if stale:
            f, jacobian = model.decision(blocks), model.jacobian(blocks)
            gradient = np.einsum("knp,nk->p", jacobian, loss.slope(f)) + penalties * vector
            curvature = loss.curvature(f, jacobian)
            curvature[np.diag_indices_from(curvature)] += penalties
            size = np.maximum(np.diag(curvature), 1e-12 * max(np.diag(curvature).max(), 1e-300))
            curvature += model.bend(blocks, loss.slope(f))
        factor, failed = lapack.dpotrf(curvature + np.diag(damping * size), lower=True)
        if failed:  # not convex here
            stale, damping = False, max(damping * 10.0, 1e-6)
            continue
        step = -lapack.dpotrs(factor, gradient, lower=True)[0]
        gap = float(-gradient @ step) / max(abs(value), np.finfo(float).tiny)
        trial = model.unpack(vector + step)
        new = objective(trial, blocks, loss, alpha, interaction_alpha)
        stale = new <= value
        if stale:
            vector, model, value, damping = vector + step, trial, new, max(damping * 0.1, 1e-12)
        else:
            damping = max(damping * 10.0, 1e-8)
        if trace is not None:
            trace.append(value)
        if gap <= tol or damping > 1e12:  # so short a step changes rounding only
            break
    return model, gap, n_iter


def linear_start(blocks, loss, alpha, rank):
    """The ridge regression without products; factors are 0."""
    width, n_outputs = sum(block.shape[1] for block in blocks), loss.n_outputs
    start = Tensor(loss.start(), np.zeros((width, n_outputs)), [np.zeros((0, b.shape[1] + 1)) for b in blocks],
                   np.zeros((0, n_outputs)))  # fmt: skip
    model, gap, n_iter = descend(start, blocks, loss, alpha, 0.0)
    model.factors = [np.zeros((rank, block.shape[1] + 1)) for block in blocks]
    model.outputs = np.ones((rank, 1)) if n_outputs == 1 else np.zeros((rank, n_outputs))
    return model, gap, n_iter


def left_out_loss(model, blocks, loss, alpha):
    """Mean loss of subjects under the linear model of all others: exact for squared errors, else one Newton step."""
    f, jacobian = model.decision(blocks), model.jacobian(blocks)
    curvature = loss.curvature(f, jacobian) + np.diag(model.penalties(alpha, 0.0))
    curvature += 1e-10 * np.trace(curvature) / len(curvature) * np.eye(len(curvature))
    solved = np.linalg.solve(curvature, jacobian.reshape(-1, len(curvature)).T)
    solved = solved.reshape(len(curvature), *jacobian.shape[:2])
    spread = np.einsum("knp,pln->nkl", jacobian, solved)
    rest = np.eye(loss.n_outputs) - spread @ loss.second(f)
    change = np.linalg.solve(rest, spread @ loss.slope(f)[:, :, None])[:, :, 0]
    return float(np.mean(loss.value(f + change)))


def interaction_noise(model, blocks, loss):
    """Penalty at which products of unrelated blocks just vanish, in expectation.

    Of two blocks, half the squares of both factors penalize the nuclear norm of the matrix of their products, and
    noise of a standard deviation s has there a largest singular value of about
    s (sqrt(trace of one) + sqrt(trace of the other)), the blocks scaled to a largest variance of 1. More blocks share
    the norm of a product among more factors, which the power of 2 / n_blocks allows for.
    """
    slope = np.sqrt(np.mean(loss.slope(model.decision(blocks)) ** 2))
    widths = []
    for block in blocks:
        squares = np.sum(block**2, axis=0)
        widths.append(np.sqrt(squares.sum() / squares.max()) if squares.max() > 0 else 0.0)
    pairs = [a + b for a, b in combinations(widths, 2)]
    return float(slope * np.sqrt(len(blocks[0])) * np.mean(pairs) * (2.0 / len(blocks)) ** 2)


def spectral_start(model, blocks, loss):
    """Products of two or three blocks that go best with what the linear model leaves, from moments of the residuals.

    Parameters
    ----------
    model : Tensor
        The linear model, with room for products.
    blocks : list of ndarray of shape (n_subjects, n_columns_of_block)
    loss : Squared or Logistic

    Returns
    -------
    model : Tensor
        With the products of largest gain, so strong as least squares has them.
    """
    residual, rank = -loss.slope(model.decision(blocks)), len(model.outputs)
    candidates = []
    for n_factors in (2, 3):
        for members in combinations(range(len(blocks)), n_factors):
            for k in range(loss.n_outputs):
                for directions in _directions([blocks[m] for m in members], residual[:, k], rank):
                    q = np.prod([blocks[m] @ w for m, w in zip(members, directions, strict=True)], axis=0)
                    along, squares = residual[:, k] @ q, q @ q
                    if squares > 0:
                        candidates.append((along**2 / squares, along / squares, members, directions, k))
    candidates.sort(key=lambda one: -one[0])
    factors = [np.zeros((rank, block.shape[1] + 1)) for block in blocks]
    outputs = np.ones((rank, 1)) if loss.n_outputs == 1 else np.zeros((rank, loss.n_outputs))
    for r, (_, strength, members, directions, k) in enumerate(candidates[:rank]):
        several = loss.n_outputs > 1
        size = abs(strength) ** (1.0 / (len(blocks) + several))
        for factor in factors:
            factor[r, -1] = size
        for m, direction in zip(members, directions, strict=True):
            factors[m][r] = np.append(size * direction, 0.0)
        factors[members[0]][r] *= np.sign(strength)
        if several:
            outputs[r, k] = size
    return Tensor(model.intercept, model.linear, factors, outputs)


def _directions(blocks, residual, rank):
    """Pairs or triples of unit directions whose products go with the residual."""
    weighted = residual[:, None] * blocks[0]
    if len(blocks) == 2:
        left, _, right = np.linalg.svd(weighted.T @ blocks[1], full_matrices=False)
        return list(zip(left.T[:rank], right[:rank], strict=True))
    moments = np.einsum("na,nb,nc->abc", weighted, blocks[1], blocks[2], optimize=True)
    left, _, right = np.linalg.svd(moments.reshape(len(moments), -1), full_matrices=False)
    out = []
    for first, rest in zip(left.T[:rank], right[:rank], strict=True):
        second, _, third = np.linalg.svd(rest.reshape(moments.shape[1:]), full_matrices=False)
        out.append((first, second[:, 0], third[0]))
    return out


def random_start(model, rng):
    """Factors drawn at random, of length about 1/2; the linear model stays."""
    factors = [rng.normal(size=one.shape) / (2.0 * np.sqrt(one.shape[1])) for one in model.factors]
    outputs = model.outputs
    if outputs.shape[1] > 1:
        outputs = rng.normal(size=outputs.shape) / (2.0 * np.sqrt(outputs.shape[1]))
    return Tensor(model.intercept, model.linear, factors, outputs)
