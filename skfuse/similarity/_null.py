"""Is there any cluster structure, and do the modalities agree: two questions, two references, two p-values."""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from skfuse.permutation import permutation_p_value
from skfuse.similarity._reference import check_blocks, fit_reference
from skfuse.similarity._spectral import partition, spectral_coordinates

#: Cohorts per worker before the count is looked at.
BATCH = 4
#: Below this number of subjects, threads of BLAS and OpenMP cost more than they bring.
SMALL = 1000


@dataclass(frozen=True)
class StructureTest:
    """What a test of structure or of agreement found.

    Attributes
    ----------
    question : {"structure", "agreement"}
        Which reference the statistic was compared with.
    p_value : float
        ``(b + 1) / (B + 1)``, or ``h / l`` where the test stopped at the *l*-th reference, the *h*-th that reached the
        statistic.
    statistic : float
        Of the data.
    reference_statistics : ndarray of shape (n_references,)
        Of the reference cohorts, in the order in which they were drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity._null import StructureTest
    >>> print(StructureTest("agreement", 0.4, 1.0, np.zeros(199)).sentence())
    No evidence that the modalities agree about who is like whom (p = 0.4, 199 reference cohorts).
    """

    question: str
    p_value: float
    statistic: float
    reference_statistics: np.ndarray

    def sentence(self, alpha=0.05):
        """What a report may say, and not more.

        Parameters
        ----------
        alpha : float
            Level below which the p-value counts as evidence.

        Returns
        -------
        sentence : str
        """
        n = len(self.reference_statistics)
        cohorts = f"{n} reference cohort{'' if n == 1 else 's'}"
        figures = f"(p = {self.p_value:.2g}, {cohorts})"
        if self.question == "agreement" and np.allclose(self.reference_statistics, self.statistic, rtol=1e-9, atol=0):
            return (
                "Whether the modalities agree cannot be tested with these subjects: every reference cohort gives what "
                "the data give, as where nobody, or nearly nobody, has two modalities."
            )
        if self._undecided(alpha):
            return self._too_few(cohorts, alpha)
        if self.question == "structure":
            if self.p_value <= alpha:
                return (
                    f"There is more structure than in a single cloud of this covariance {figures}. This says neither "
                    "how many clusters there are nor where they come from: sites, batches and outliers make clusters "
                    "too."
                )
            return (
                f"No evidence of clusters {figures}: a single cloud of this covariance looks as clustered. This does "
                "not show that there are none."
            )
        if self.p_value <= alpha:
            return (
                f"The modalities agree about who is like whom {figures}. A continuum that they share makes them agree "
                "too: this is no evidence of clusters."
            )
        return f"No evidence that the modalities agree about who is like whom {figures}."

    def _undecided(self, alpha):
        """Whether no p-value of so few references could reach `alpha`, and the test was not stopped by those it had."""
        n = len(self.reference_statistics)
        stopped = self.p_value != permutation_p_value(self.statistic, self.reference_statistics)
        return self.p_value > alpha and 1.0 / (n + 1) > alpha and not stopped

    def _too_few(self, cohorts, alpha):
        n = len(self.reference_statistics)
        reached = round(self.p_value * (n + 1)) - 1
        what = {
            "structure": "there is more structure than in a single cloud",
            "agreement": "the modalities agree about who is like whom",
        }[self.question]
        few = f"{cohorts} {'is' if n == 1 else 'are'} too few to reach p = {alpha:.2g}"
        said = f"{reached or 'none'} of them reached the statistic (p = {self.p_value:.2g})"
        if n == 1:
            said = f"it {'reached' if reached else 'did not reach'} the statistic (p = {self.p_value:.2g})"
        return f"Whether {what} was not decided: {few}; {said}. Draw more (199 is usual)."


def structure_test(
    blocks, statistic, *, n_references=199, random_state=None, n_jobs=None, progress=None, stop_after=None
):
    """Test whether there is any cluster structure, against single clouds that resemble the data otherwise.

    The reference keeps the covariance within and between modalities, heavy tails, skewed and flat margins of the
    leading components and the missing pattern; see :func:`skfuse.similarity._reference.fit_reference`.

    Parameters
    ----------
    blocks : list of array-like of shape (n_subjects, n_features)
        One per modality, numeric, NaN where a cell or a whole row is missing.
    statistic : callable
        ``statistic(blocks)`` gives a number, large where there are clusters. It must redo everything that looks at the
        data (standardization, network, fusion, clustering), and be safe to call from several threads.
    n_references : int, default=199
        Number B of reference cohorts. The smallest p-value is 1 / (B + 1).
    random_state : int, RandomState, Generator or None
        Seed; each reference cohort has a generator of its own.
    n_jobs : int or None
        Threads. The result does not depend on it.
    progress : callable or None
        Called as ``progress(done, total)``.
    stop_after : int or None
        Stop once so many references reached the statistic: the p-value is then their share, which is valid [1]_ and
        saves most of the time where there is nothing to be found.

    Returns
    -------
    test : StructureTest

    Raises
    ------
    ValueError
        If the blocks cannot be described by a covariance, or the statistic is not a finite number.

    Notes
    -----
    With :func:`network_modularity` of the fused network as the statistic, 100 to 240 subjects and three modalities, the
    study ``benchmarks/studies/cluster_null.py`` flagged at most 6 of 400 cohorts at 1 % in each of eleven kinds without
    clusters, 64 % of those with three subtypes 4 standard deviations apart, and 96 % at 6; it flags continua that bend.

    References
    ----------
    .. [1] J. Besag, P. Clifford. Sequential Monte Carlo p-values. Biometrika 78, 301 (1991).
       https://doi.org/10.1093/biomet/78.2.301

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity._null import structure_test
    >>> rng = np.random.default_rng(0)
    >>> block = rng.normal(size=(60, 8)) + 3.0 * np.repeat([0, 1], 30)[:, None]
    >>> kurtosis = lambda blocks: -np.mean(np.linalg.svd(blocks[0] - blocks[0].mean(axis=0))[0][:, 0] ** 4)
    >>> structure_test([block], kurtosis, n_references=19, random_state=0).p_value
    0.05
    """
    blocks = check_blocks(blocks)
    generators = _generators(random_state, n_references)
    reference = fit_reference(blocks, generator=generators[0])
    return _test("structure", reference.draw, blocks, statistic, generators[1:], n_jobs, progress, stop_after)


def agreement_test(
    blocks, statistic, *, n_references=199, random_state=None, n_jobs=None, progress=None, stop_after=None
):
    """Test whether the modalities agree about who is like whom, against rows permuted between them.

    The subjects of every modality but the first change places among those who have it: what each modality shows,
    clusters included, stays, and who is missing what stays. A shared continuum makes modalities agree as well as
    clusters do.

    Parameters
    ----------
    blocks, statistic, n_references, random_state, n_jobs, progress, stop_after
        As in :func:`structure_test`.

    Returns
    -------
    test : StructureTest

    Raises
    ------
    ValueError
        If there is only one modality, or as in :func:`structure_test`.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity._null import agreement_test
    >>> x = np.random.default_rng(0).normal(size=(40, 1))
    >>> together = lambda blocks: np.corrcoef(blocks[0][:, 0], blocks[1][:, 0])[0, 1]
    >>> agreement_test([x, x**3], together, n_references=99, random_state=0).p_value
    0.01
    """
    blocks = check_blocks(blocks)
    if len(blocks) < 2:
        raise ValueError("One modality has nothing to agree with. Give two or more, or test for structure only.")
    present = [~np.isnan(block).all(axis=1) for block in blocks]

    def draw(generator):
        permuted = [blocks[0]]
        for block, rows in zip(blocks[1:], present[1:], strict=True):
            block = block.copy()
            block[rows] = block[generator.permutation(np.flatnonzero(rows))]
            permuted.append(block)
        return permuted

    generators = _generators(random_state, n_references)[1:]
    return _test("agreement", draw, blocks, statistic, generators, n_jobs, progress, stop_after)


def network_modularity(network, n_clusters=range(2, 9)):
    r"""Largest modularity among spectral partitions of a network into 2 to 8 clusters.

    .. math:: Q = \sum_c \frac{w_{cc}}{w} - \Bigl(\frac{w_c}{w}\Bigr)^2

    with :math:`w_{cc}` the weight within cluster *c*, :math:`w_c` that of all edges of its subjects and *w* that of the
    network, the diagonal left out [1]_.

    Parameters
    ----------
    network : ndarray of shape (n_subjects, n_subjects)
        Symmetric, non-negative.
    n_clusters : iterable of int
        Numbers of clusters to try.

    Returns
    -------
    modularity : float
        Below 1; 0 for a network without any structure.

    References
    ----------
    .. [1] M. E. J. Newman. Modularity and community structure in networks. PNAS 103, 8577 (2006).
       https://doi.org/10.1073/pnas.0601602103

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.similarity._null import network_modularity
    >>> pairs = np.kron(np.eye(5), np.ones((2, 2))) + 1e-6
    >>> round(network_modularity(pairs), 3)
    0.8
    """
    network = np.array(network, dtype=np.float64)
    np.fill_diagonal(network, 0.0)
    network = network[np.ix_(*[network.sum(axis=1) > 0] * 2)]  # a subject without any edge belongs to no cluster
    candidates = [k for k in n_clusters if 2 <= k < len(network)]
    if not candidates:
        return 0.0
    _, coordinates = spectral_coordinates(network, max(candidates) - 1)
    numbers = [k for k in candidates if _distinct(coordinates[:, : k - 1]) >= k]  # no more clusters than places
    return max((_modularity(network, partition(coordinates, k)) for k in numbers), default=0.0)


def _distinct(points):
    return len(np.unique(np.round(points, 9), axis=0))


def _modularity(network, labels):
    members = np.eye(labels.max() + 1)[labels]
    between = members.T @ network @ members
    between /= between.sum()
    return float(np.trace(between) - np.sum(between.sum(axis=1) ** 2))


def _generators(random_state, n_references):
    """A generator for what precedes the draws, and one for each draw."""
    if n_references < 1:
        raise ValueError(f"n_references={n_references!r}, wanted a whole number of at least 1; 199 is usual.")
    if isinstance(random_state, np.random.Generator):
        entropy = random_state.integers(2**32, size=4, dtype=np.uint64)
    else:
        entropy = check_random_state(random_state).randint(2**32, size=4, dtype=np.uint64)
    sequence = np.random.SeedSequence([int(word) for word in entropy])
    return [np.random.default_rng(child) for child in sequence.spawn(n_references + 1)]


def _test(question, draw, blocks, statistic, generators, n_jobs, progress, stop_after):
    observed = _value(statistic, blocks)
    total, found = len(generators), []
    n_workers = effective_n_jobs(n_jobs)
    size = BATCH * n_workers if n_workers > 1 else 1
    with (
        Parallel(n_jobs=n_jobs, prefer="threads") as parallel,
        threadpool_limits(1 if n_workers > 1 or len(blocks[0]) < SMALL else None),
    ):
        for start in range(0, total, size):
            part = generators[start : start + size]
            found += parallel(delayed(lambda generator: _value(statistic, draw(generator)))(g) for g in part)
            if progress is not None:
                progress(len(found), total)
            if stop_after is not None and (stopped := _stop(observed, found, stop_after)):
                return StructureTest(question, stop_after / stopped, observed, np.array(found[:stopped]))
    found = np.array(found)
    return StructureTest(question, permutation_p_value(observed, found), observed, found)


def _stop(observed, found, stop_after):
    """How many references it took until `stop_after` of them reached the statistic; 0 if they never did."""
    reached = np.flatnonzero([permutation_p_value(observed, [value]) == 1.0 for value in found])
    return int(reached[stop_after - 1]) + 1 if len(reached) >= stop_after else 0


def _value(statistic, blocks):
    value = float(statistic(blocks))
    if not np.isfinite(value):
        raise ValueError(f"`statistic` gave {value}, wanted a finite number. Make it total: no clusters is 0, not NaN.")
    return value
