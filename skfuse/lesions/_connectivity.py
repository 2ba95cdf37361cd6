"""Correlations of lesions with all targets, summed over normative subjects one at a time."""

from contextlib import nullcontext

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

from skfuse._chunks import chunks

_MOST_Z = 1.0 - 1e-6  # larger correlations count as this one: a Fisher z of 7.25, not an infinite one
_DENSE = 0.15  # share of non-zero weights above which a dense product is quicker


class ConnectivitySums:
    """Sums over normative subjects of the correlations r, or of Fisher's z, of lesions with targets.

    Parameters
    ----------
    weights : CSR array of shape (n_lesions, n_targets)
        Of the targets in the seed of each lesion; rows sum to 1.
    seed : {"mean", "pca"}
    output : {"t", "z", "mean_r"}
        Sums of r are kept for ``"mean_r"``, of z otherwise, of its squares for ``"t"``.
    standardize : bool
        Whether targets have variance 1 before a seed is made of them.
    chunk_size : int
        Targets in work at a time.
    dtype : dtype
        Of the work on one subject; sums are float64.
    n_jobs : int or None
        Threads.

    Attributes
    ----------
    n_normative : int
        Subjects so far.
    n_used : ndarray of shape (n_lesions,)
        Of these, subjects in whom the seed of the lesion has a signal.
    degree : ndarray of shape (n_targets,)
        Sum of the mean correlations of each target with all others.
    constant : ndarray of shape (n_targets,), bool
        Targets without signal in any subject.
    """

    def __init__(self, weights, *, seed, output, standardize, chunk_size, dtype, n_jobs):
        n_lesions, n_targets = weights.shape
        self.weights = weights.astype(dtype)
        self.seed, self.output, self.standardize = seed, output, standardize
        self.dtype, self.n_jobs = np.dtype(dtype), n_jobs
        self.parts = list(chunks(n_targets, 1, chunk_size))
        self.n_normative, self.n_used = 0, np.zeros(n_lesions, dtype=int)
        self.degree, self.constant = np.zeros(n_targets), np.zeros(n_targets, dtype=bool)
        self.totals = np.zeros((n_lesions, n_targets))
        self.squares = np.zeros((n_lesions, n_targets)) if output == "t" else None
        self._compact = self._standardized = None

    def add_all(self, connectome, on_subject):
        """Walk through a normative set.

        Parameters
        ----------
        connectome : Connectome
        on_subject : callable
            Called with the number of subjects done.
        """
        add = self.add_covariance if connectome.kind == "covariance" else self.add_time_courses
        with threadpool_limits(1, user_api="blas") if effective_n_jobs(self.n_jobs) > 1 else nullcontext():
            for matrix in connectome.subjects():
                add(matrix)
                on_subject(self.n_normative)

    def add_time_courses(self, courses):
        """Add a subject.

        Parameters
        ----------
        courses : ndarray of shape (n_volumes, n_targets)
        """
        if self._compact is None:
            self._compact = _by_part(self.weights, self.parts)
        if self._standardized is None or self._standardized.shape != courses.shape:
            self._standardized = np.empty(courses.shape, dtype=self.dtype)  # one for all subjects: new memory is slow
        standardized, lengths = self._standardized, np.empty(courses.shape[1], dtype=self.dtype)
        pieces = self._in_threads(self._standardize_part, courses, standardized, lengths)
        self.constant |= lengths == 0
        seeds = sum(piece[0] for piece in pieces) if self.seed == "mean" else self._components(standardized, lengths)
        seeds -= seeds.mean(axis=1, keepdims=True)
        norms = np.sqrt(np.einsum("ij,ij->i", seeds, seeds, dtype=np.float64))
        known = norms > 4 * np.finfo(self.dtype).eps * self._scale(lengths)
        self._count(known)
        seeds *= np.where(known, 1 / np.where(known, norms, 1), 0)[:, None].astype(self.dtype)
        # The sum of all standardized time courses is one more seed: its products are the degrees.
        seeds = np.vstack([seeds, sum(piece[1] for piece in pieces)]).astype(self.dtype)
        self._in_threads(self._correlate_part, seeds, standardized, lengths)

    def _in_threads(self, work, *arrays):
        """Do the work on each part of the targets: the results, in order, do not depend on the number of threads."""
        calls = (delayed(work)(number, part, *arrays) for number, part in enumerate(self.parts))
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(calls)

    def _standardize_part(self, number, part, courses, standardized, lengths):
        """Sum of the time courses of each lesion, and of all targets, over one part; fills the standardized ones."""
        block = standardized[:, part]
        # Differences to the first volume: the mean of a signal can be large beside its variation.
        exact = np.result_type(courses.dtype, self.dtype)  # differences of unsigned integers would wrap around
        np.subtract(courses[:, part], courses[0, part], out=block, dtype=exact, casting="same_kind")
        block -= np.full(len(block), 1 / len(block), dtype=self.dtype) @ block
        length = np.sqrt(np.einsum("ij,ij->j", block, block))
        if not np.isfinite(length).all():
            raise ValueError(
                f"Normative subject {self.n_normative} has NaN or infinite values in "
                f"{np.count_nonzero(~np.isfinite(length))} columns, the first is column "
                f"{part.start + int(np.argmin(np.isfinite(length)))}. Set signals that are missing to 0, or leave the "
                "column out of masks and connectome."
            )
        eps = np.finfo(courses.dtype).eps if courses.dtype.kind == "f" else 0.0
        rounding = 4 * eps * np.sqrt(len(courses)) * np.abs(courses[0, part].astype(np.float64))
        length[length <= rounding] = 0
        lengths[part] = length
        lesioned, weights = self._compact[number]
        seeds = np.zeros((self.weights.shape[0], len(courses)), dtype=self.dtype)
        inverse = np.where(length > 0, 1 / np.where(length > 0, length, 1), 0).astype(self.dtype)
        if self.seed == "mean" and len(lesioned):
            seed_block = block.T[lesioned]  # rows are targets, as a product with a sparse matrix wants them
            if self.standardize or not length.all():
                seed_block *= (inverse if self.standardize else length > 0)[lesioned, None]
            seeds[:] = weights @ seed_block
        block *= inverse
        return seeds, (block @ np.ones(block.shape[1], dtype=self.dtype)).astype(np.float64)

    def _components(self, standardized, lengths):
        """First principal component of the targets of each lesion, (n_lesions, n_volumes)."""
        scores = np.empty((self.weights.shape[0], len(standardized)), dtype=self.dtype)
        for row, score in enumerate(scores):
            start, stop = self.weights.indptr[row : row + 2]
            targets, weights = self.weights.indices[start:stop], self.weights.data[start:stop]
            scale = np.sqrt(weights) if self.standardize else np.sqrt(weights) * lengths[targets]
            block = standardized[:, targets] * scale
            if len(targets) <= len(block):
                score[:] = block @ _leading(block.T @ block)
            else:
                score[:] = _leading(block @ block.T)
            if score @ (block @ np.sqrt(weights)) < 0:  # in the direction of the mean time course
                score *= -1
        return scores

    def _correlate_part(self, number, part, seeds, standardized, lengths):
        r = seeds @ standardized[:, part]
        self.degree[part] += _mean_over_others(r[-1], lengths[part] > 0, self.degree.size)
        self._add(r[:-1], part)

    def add_covariance(self, covariance):
        """Add a subject.

        Parameters
        ----------
        covariance : ndarray of shape (n_targets, n_targets)
        """
        covariance = covariance.astype(self.dtype, copy=False)
        spreads = np.sqrt(np.maximum(np.diagonal(covariance), 0))
        inverse = np.where(spreads > 0, 1 / np.where(spreads > 0, spreads, 1), 0).astype(self.dtype)
        together = covariance @ inverse
        self._check_covariance(together, inverse @ covariance, spreads)
        self.constant |= spreads == 0
        self.degree += _mean_over_others(together * inverse, spreads > 0, self.degree.size)
        if self._compact is None:
            thin = self.weights.nnz < _DENSE * self.totals.size
            self._compact = (self.weights if thin else None, self.weights.toarray())
        thin, weights = self._compact
        if self.seed == "pca" or self.standardize:
            weights = self._effective(covariance, inverse)
            thin, weights = None, weights.toarray()
        products = (weights if thin is None else thin) @ covariance
        variances = np.einsum("ij,ij->i", weights, products)
        known = variances > 4 * np.finfo(self.dtype).eps * self._scale(spreads) ** 2
        self._count(known)
        products *= np.where(known, 1 / np.sqrt(np.where(known, variances, 1)), 0).astype(self.dtype)[:, None]
        products *= inverse
        self._add(products, slice(None))

    def _effective(self, covariance, inverse):
        """Weights whose sum of time courses is the seed."""
        weights = self.weights.copy()
        if self.standardize:
            weights.data *= inverse[weights.indices]
        if self.seed == "mean":
            return weights
        for row in range(weights.shape[0]):
            start, stop = weights.indptr[row : row + 2]
            targets = weights.indices[start:stop]
            scale = np.sqrt(self.weights.data[start:stop]) * (inverse[targets] if self.standardize else 1)
            block = covariance[np.ix_(targets, targets)]
            direction = scale * _leading(scale[:, None] * block * scale)
            mean = weights.data[start:stop]
            weights.data[start:stop] = direction if mean @ (block @ direction) >= 0 else -direction
        return weights

    def _scale(self, spreads):
        """Size that each seed would have if nothing canceled, by which its rounding error is judged."""
        if self.seed == "pca":  # the largest component does not cancel
            return np.zeros(self.weights.shape[0])
        return self.weights @ ((spreads > 0).astype(self.dtype) if self.standardize else spreads)

    def _check_covariance(self, along, across, spreads):
        """Refuse what is no covariance, by its products with one vector from both sides."""
        who = f"The covariance of normative subject {self.n_normative}"
        if not spreads.any():
            raise ValueError(
                f"{who} has no positive value on its diagonal. Put the variances there, or 1 for correlations."
            )
        if not np.isfinite(along).all():
            raise ValueError(
                f"{who} has NaN or infinite values. Leave those targets out; give correlations, not their Fisher z, "
                "which is infinite on the diagonal."
            )
        if np.abs(along - across).max() > 1e-3 * max(np.abs(along).max(), spreads.max()):
            raise ValueError(f"{who} is not symmetric. Give covariances, or set kind='time courses'.")

    def _count(self, used):
        self.n_normative += 1
        self.n_used += used

    def _add(self, r, part):
        """Add correlations (n_lesions, n_of_part), which are overwritten."""
        if self.output != "mean_r":
            np.clip(r, -_MOST_Z, _MOST_Z, out=r)
            np.arctanh(r, out=r)
        self.totals[:, part] += r
        if self.squares is not None:
            r *= r
            self.squares[:, part] += r

    def maps(self):
        """Maps of the lesions, after all subjects.

        Returns
        -------
        maps : ndarray of shape (n_lesions, n_targets), in the type of the work
        """
        n = self.n_used[:, None]
        means = np.divide(self.totals, n, out=self.totals)
        if self.output != "t":
            return means.astype(self.dtype)
        maps = np.empty(means.shape, dtype=self.dtype)
        for row, (mean, squares, count) in enumerate(zip(means, self.squares, self.n_used, strict=True)):
            maps[row] = _one_sample_t(mean, squares, count, max(16 * np.finfo(self.dtype).eps, 1e-12))
        return maps


def _one_sample_t(mean, squares, count, rounding):
    """Student's t of means against 0, given sums of squares; see the notes of LesionNetworkMapping for r = 1."""
    variance = (squares - count * mean**2) / (count - 1)
    varies = variance > rounding * mean**2
    if not varies.any():
        raise ValueError(
            "The normative subjects all give the same map, so that t is not defined. Set output='z', or find out why "
            "the connectome holds one subject several times."
        )
    t = np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0) / count), 0.0)
    highest = np.abs(t).max(initial=0.0)
    return np.where(varies, t, np.sign(mean) * highest)


def _mean_over_others(products, has_signal, n_targets):
    """Mean correlation with all other targets, from sums of correlations that hold that with itself."""
    return np.where(has_signal, products.astype(np.float64) - 1.0, 0.0) / (n_targets - 1)


def _leading(matrix):
    """Eigenvector of the largest eigenvalue of a symmetric matrix."""
    last = len(matrix) - 1
    return eigh(matrix, subset_by_index=(last, last))[1][:, 0]


def _by_part(weights, parts):
    """Of each part of the targets: those in any lesion, and their weights (n_lesions, n_of_these)."""
    by_target = weights.tocsc()
    found = []
    for part in parts:
        some = by_target[:, part]
        lesioned = np.flatnonzero(np.diff(some.indptr))
        some = some[:, lesioned].tocsr()
        dense = some.nnz > _DENSE * max(1, some.shape[0] * some.shape[1])
        found.append((lesioned, some.toarray() if dense else some))
    return found
