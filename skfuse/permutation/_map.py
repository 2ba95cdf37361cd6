"""Which columns of a map differ from chance, with the errors over the whole map held by permutation."""

import warnings
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from joblib import Parallel, delayed

from skfuse._chunks import chunks
from skfuse.permutation._clusters import Clusters, cluster_extremes, label_clusters
from skfuse.permutation._draws import draw_permutations
from skfuse.permutation._p_values import ALTERNATIVES, TIE, adjust_p_values
from skfuse.permutation._tail import ENOUGH, fit_tail
from skfuse.permutation._tfce import tfce, tfce_extremes

CORRECTIONS = ("max", "cfwer", "cluster", "tfce", "fdr", "bonferroni")
PERMUTED = ("max", "cfwer", "cluster", "tfce")
_PLACES = 2**16  # that are compared with the null at a time
_TIE_SINGLE = 1e-5  # of statistics that were permuted in single precision: ties count as reached, on the safe side
_DRAWS = {"max": 1024, "cfwer": 1024}  # of one piece of work; where whole maps are needed the statistic says it


class TooFewPermutationsWarning(UserWarning):
    """No p-value can reach the wanted level with so few permutations."""


@dataclass(frozen=True)
class MapInference:
    """What was found in a map.

    Attributes
    ----------
    observed : ndarray of shape (n_places,)
        Statistic of each place; places are the columns, or the vertices that `inverse` maps to columns.
    p_values : ndarray of shape (n_places,)
        Adjusted for all places; compare them with the wanted level.
    threshold : float
        A place is significant at `alpha` if its statistic lies beyond (cluster: if its cluster is larger; TFCE: if its
        enhanced value lies beyond). Infinite where nothing could be, NaN where no place is under false-discovery
        control.
    null : ndarray of shape (n_permutations,) or None
        Of each permutation the value that was compared with the observed ones: the largest statistic, the v-th largest,
        the largest cluster, the largest enhanced value. None for adjustments of parametric p-values.
    enhanced : ndarray of shape (n_places,) or None
        Map after threshold-free cluster enhancement.
    clusters : Clusters or None
        Labels, signs, extents, masses and peaks of the clusters beyond `cluster_threshold`.
    cluster_p_values : ndarray of shape (n_clusters,) or None
        Of each cluster.
    extrapolated : ndarray of shape (n_places,), bool, or None
        Where the p-value is extrapolated from the tail of the null; None where that was not asked for.
    correction, alternative : str
    alpha : float

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import LinearStatistic, infer_map
    >>> rng = np.random.default_rng(0)
    >>> columns = rng.normal(size=(40, 500))
    >>> found = infer_map(LinearStatistic(columns, 2 * columns[:, 3] + rng.normal(size=40)), random_state=0)
    >>> int(found.p_values.argmin()), float(round(found.p_values.min(), 3))
    (3, 0.001)
    """

    observed: np.ndarray
    p_values: np.ndarray
    threshold: float
    null: np.ndarray | None
    correction: str
    alternative: str
    alpha: float
    enhanced: np.ndarray | None = None
    clusters: Clusters | None = None
    cluster_p_values: np.ndarray | None = None
    extrapolated: np.ndarray | None = None


def infer_map(
    statistic,
    draws=None,
    *,
    correction="max",
    alternative="two-sided",
    alpha=0.05,
    rank=1,
    inverse=None,
    graph=None,
    cluster_threshold=None,
    cluster_measure="extent",
    tfce_options=None,
    tail=False,
    n_permutations=1000,
    n_subjects=None,
    blocks=None,
    n_jobs=None,
    random_state=None,
    on_progress=None,
):
    r"""Test every column of a map and hold the error over all of them.

    ================  ================================================================================================
    `correction`      what is held at `alpha`
    ================  ================================================================================================
    ``"max"``         the chance of any false place, by the largest statistic of each permutation [1]_
    ``"cfwer"``       the chance of `rank` (v) or more false places, by the v-th largest statistic [2]_
    ``"cluster"``     the chance of any false cluster of places beyond `cluster_threshold`; nothing of single places
    ``"tfce"``        the chance of any false place, by the largest enhanced value [3]_
    ``"fdr"``         the expected share of false places (Benjamini and Hochberg), from parametric p-values
    ``"bonferroni"``  the chance of any false place, from parametric p-values of columns
    ================  ================================================================================================

    Parameters
    ----------
    statistic : MapStatistic
        For ``"fdr"`` and ``"bonferroni"`` with a method ``p_values(alternative)``.
    draws : ndarray of shape (n_permutations, n_subjects) or None
        Permutations (or signs, as the statistic takes them); None draws `n_permutations` orders of `n_subjects`.
    correction : {"max", "cfwer", "cluster", "tfce", "fdr", "bonferroni"}
        See above.
    alternative : {"two-sided", "greater", "less"}
        Which statistics speak against the null; both sides are one family.
    alpha : float
        Level of `threshold`; p-values do not depend on it.
    rank : int
        v of ``"cfwer"``, in places.
    inverse : ndarray of shape (n_places,), int, or None
        Column of each place (the patch of each voxel); None where places are columns.
    graph : NeighborGraph, tuple or None
        Which places are neighbors, for ``"cluster"`` and ``"tfce"``; or what ``graph.merge(inverse)`` gave, so that
        the larger graph need not be kept.
    cluster_threshold : float or None
        Statistic beyond which neighbors form clusters.
    cluster_measure : str
        See :func:`cluster_extremes`.
    tfce_options : dict or None
        Arguments of :func:`tfce`.
    tail : bool
        Whether p-values beyond the permutations are extrapolated, see :func:`tail_p_value`; not for ``"cluster"``.
    n_permutations : int
        Where `draws` is None.
    n_subjects : int or None
        Where `draws` is None; by default the number of rows of ``statistic.columns``.
    blocks : array-like or None
        Exchangeability blocks, where `draws` is None.
    n_jobs : int or None
        Threads; the result does not depend on it.
    random_state : int, RandomState or None
        Seed, where `draws` is None.
    on_progress : callable or None
        Called with (draws done, draws in all).

    Returns
    -------
    inference : MapInference
        Observed statistics, p-values and null distribution.

    Raises
    ------
    ValueError
        If the correction or the alternative is unknown, or what it needs is not given.

    References
    ----------
    .. [1] T. E. Nichols, A. P. Holmes. Hum Brain Mapp 15 (2002), 1-25. https://doi.org/10.1002/hbm.1058
    .. [2] D. Mirman et al. Neuropsychologia 115 (2018), 112-123.
       https://doi.org/10.1016/j.neuropsychologia.2017.08.025
    .. [3] S. M. Smith, T. E. Nichols. NeuroImage 44 (2009), 83-98. https://doi.org/10.1016/j.neuroimage.2008.03.061

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import LinearStatistic, infer_map
    >>> rng = np.random.default_rng(0)
    >>> statistic = LinearStatistic(rng.normal(size=(40, 500)), rng.normal(size=40))
    >>> found = infer_map(statistic, correction="cfwer", rank=5, n_permutations=99, random_state=0)
    >>> found.null.shape, bool((found.p_values < 0.05).sum() < 5)
    ((99,), True)
    """
    if correction not in CORRECTIONS or alternative not in ALTERNATIVES:
        raise ValueError(
            f"`correction` must be one of {list(CORRECTIONS)} and `alternative` one of {list(ALTERNATIVES)}, got "
            f"{correction!r} and {alternative!r}."
        )
    places = slice(None) if inverse is None else inverse
    common = {"correction": correction, "alternative": alternative, "alpha": alpha}
    if correction not in PERMUTED:
        observed = statistic.observed()
        p = adjust_p_values(
            statistic.p_values(alternative), method="fdr_bh" if correction == "fdr" else correction
        )  # columns are the tests: places of one column are the same test
        significant = p <= alpha
        threshold = np.abs(observed[significant]).min() if significant.any() else np.nan
        return MapInference(observed[places], p[places], float(threshold), None, **common)
    work = _Work(statistic, correction, alternative, rank, inverse, graph, cluster_threshold)
    work.options(cluster_measure, tfce_options)
    del graph  # work holds what it needs of it
    if draws is None:
        n_subjects = len(statistic.columns) if n_subjects is None else n_subjects
        draws = draw_permutations(n_subjects, n_permutations, blocks=blocks, random_state=random_state)
    null = _null(work, draws, n_jobs, on_progress)
    threshold = null_threshold(null, alpha)
    observed = statistic.observed()
    slack = _TIE_SINGLE if getattr(statistic, "dtype", "float64") == "float32" else TIE
    if correction == "cluster":
        clusters = work.clusters(observed)
        p_clusters = _reached(clusters.measured(cluster_measure), null, slack)
        p = np.concatenate([[1.0], p_clusters])[clusters.labels]
        return MapInference(
            observed[places], p, threshold, null, clusters=clusters, cluster_p_values=p_clusters, **common
        )
    compared, spread = observed, places  # columns or pieces that share a value are compared once, then spread out
    if correction == "tfce":
        compared, spread = work.enhanced(observed), work.pieces
    del work  # and the neighbors with it, before values are spread out
    towards = _towards(compared, alternative)
    p = _reached(towards, null, slack)
    extrapolated = _extrapolate(p, towards, null)[spread] if tail else None
    enhanced = compared[spread] if correction == "tfce" else None
    return MapInference(
        observed[places], p[spread], threshold, null, enhanced=enhanced, extrapolated=extrapolated, **common
    )


class _Work:
    """What is done with each piece of the permutations."""

    def __init__(self, statistic, correction, alternative, rank, inverse, graph, cluster_threshold):
        self.statistic, self.correction, self.alternative = statistic, correction, alternative
        self.rank, self.sizes, self.cluster_threshold = rank, None, cluster_threshold
        n_places = statistic.n_columns if inverse is None else len(inverse)
        if correction == "cfwer" and not 1 <= rank <= n_places:
            raise ValueError(
                f"`rank` is {rank}: control of {rank} or more false places needs 1 to {n_places}, the number of places."
            )
        n_vertices = len(graph[2]) if isinstance(graph, tuple) else getattr(graph, "n_vertices", None)
        if correction in ("cluster", "tfce") and n_vertices != n_places:
            got = "none" if graph is None else f"one of {n_vertices} places"
            raise ValueError(
                f"correction={correction!r} needs a `graph` of the {n_places} places, got {got}. Make one with "
                "NeighborGraph.from_mask(mask)."
            )
        if correction == "cfwer" and inverse is not None:
            self.sizes = np.bincount(inverse, minlength=statistic.n_columns)
        if correction == "cluster" and cluster_threshold is None:
            raise ValueError("correction='cluster' needs `cluster_threshold`, the statistic that makes clusters.")
        if correction in ("cluster", "tfce"):
            if inverse is not None and not isinstance(graph, tuple):
                graph = graph.merge(inverse)  # neighbors of one patch have one value in every permutation
            alone = (graph, None, slice(None))
            self.graph, self.columns, self.pieces = graph if isinstance(graph, tuple) else alone

    def options(self, cluster_measure, tfce_options):
        self.cluster_measure, self.tfce_options = cluster_measure, dict(tfce_options or {})

    def extremes(self, draws):
        """Highest and lowest value (n_draws, 2) of each permutation."""
        if self.correction == "cfwer":
            absolute = self.alternative == "two-sided"
            return self.statistic.extremes(draws, rank=self.rank, sizes=self.sizes, absolute=absolute)
        if self.correction == "max":
            return self.statistic.extremes(draws)
        values = self.statistic.permuted(draws)
        if self.correction == "tfce":
            return tfce_extremes(values, self.graph, inverse=self.columns, **self.tfce_options)
        return cluster_extremes(
            values, self.graph, self.cluster_threshold, measure=self.cluster_measure, inverse=self.columns
        )

    def n_draws(self):
        """Permutations of one piece of work."""
        return _DRAWS.get(self.correction, self.statistic.n_maps)

    def enhanced(self, values):
        """Observed map after enhancement, of the pieces."""
        return tfce(values, self.graph, inverse=self.columns, **self.tfce_options)

    def clusters(self, values):
        """Clusters of the observed map, on the sides that are asked for, with labels and peaks of places."""
        less, two_sided = self.alternative == "less", self.alternative == "two-sided"
        found = label_clusters(
            -values if less else values, self.graph, self.cluster_threshold, two_sided=two_sided, inverse=self.columns
        )
        found = replace(found, signs=-found.signs) if less else found
        if self.columns is None:
            return found
        first = np.flatnonzero(np.diff(np.maximum.accumulate(self.pieces), prepend=-1))  # places that begin a piece
        return replace(found, labels=found.labels[self.pieces], peaks=first[found.peaks])


def _null(work, draws, n_jobs, on_progress):
    parts = list(chunks(len(draws), 1, work.n_draws()))
    pieces = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
        delayed(work.extremes)(draws[part]) for part in parts
    )
    extremes = np.empty((len(draws), 2))
    for part, found in zip(parts, pieces, strict=True):
        extremes[part] = found
        if on_progress is not None:
            on_progress(part.stop, len(draws))
    if work.alternative == "two-sided":
        return np.maximum(extremes[:, 0], -extremes[:, 1])
    return extremes[:, 0] if work.alternative == "greater" else -extremes[:, 1]


def _towards(values, alternative):
    """Values as they are compared with the null: large speaks against it."""
    return {"two-sided": np.abs, "greater": np.asarray, "less": np.negative}[alternative](values)


def _reached(compared, null, slack):
    """Share of permutations, with the data as they are, that reach each value."""
    ordered, p_values = np.sort(null), np.empty(len(compared))
    for part in chunks(len(compared), 1, _PLACES):
        some = compared[part]
        below = np.searchsorted(ordered, some - slack * np.maximum(np.abs(some), 1.0), side="left")
        p_values[part] = (1.0 + len(null) - below) / (1.0 + len(null))
    return p_values


def _extrapolate(p_values, towards, null):
    """Replace p-values that few permutations reach by those of the tail, in place; where that was done."""
    few = p_values <= ENOUGH / (len(null) + 1)  # as many permutations, or fewer, reach it with the data as they are
    fit = fit_tail(null) if few.any() else None
    if fit is None:
        return np.zeros(len(p_values), dtype=bool)
    p_values[few] = fit.p_values(towards[few])
    return few


def null_threshold(null, alpha):
    """Value that must be exceeded so that the p-value is at most `alpha`; infinite if no value can do it.

    Parameters
    ----------
    null : ndarray of shape (n_permutations,)
        Of each permutation the value that observed ones are compared with.
    alpha : float
        Level.

    Returns
    -------
    threshold : float
        In the unit of `null`.

    Warns
    -----
    TooFewPermutationsWarning
        If no p-value can be as small as `alpha`.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.permutation import null_threshold
    >>> null = np.arange(1.0, 100.0)  # 99 permutations
    >>> threshold = null_threshold(null, 0.05)
    >>> threshold, int(np.sum(null > threshold))
    (95.0, 4)
    """
    allowed = int(np.floor(alpha * (len(null) + 1) + 1e-9)) - 1  # of the null, at or above a significant value
    if allowed < 0:
        warnings.warn(
            f"{len(null)} permutations allow no p-value below {1 / (len(null) + 1):.3g}, and the level is {alpha:g}: "
            f"nothing can be significant. Take n_permutations={ceil(1 / alpha) - 1} or more.",
            TooFewPermutationsWarning,
            stacklevel=3,
        )
        return np.inf
    return float(np.sort(null)[::-1][allowed])
