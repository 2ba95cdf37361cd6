"""Whether clusters survive when a site is left out."""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state

from skfuse.evaluation.clusters._associations_wording import UNKNOWN_SITE, named
from skfuse.evaluation.clusters._variables import NOT_CLUSTERED, read_labels, read_variables
from skfuse.modalities._container import as_table, take_rows

#: What sites of few subjects are called together.
SMALL_SITES = "small sites"
#: What is no single site, within a sentence.
_SEVERAL = {SMALL_SITES: "the small sites", UNKNOWN_SITE: "the unknown sites"}
#: A sentence names no more small sites.
_MOST_NAMED = 10


@dataclass(frozen=True)
class SiteStability:
    """How clusters change when a site is left out.

    Attributes
    ----------
    site : list
        Sites that were left out, one at a time; ``"small sites"`` are left out together.
    n_subjects : ndarray of shape (n_sites,), int
        Subjects of the site.
    n_clusters : ndarray of shape (n_sites,), int
        Clusters found without the site; `n_clusters_all` were found with all subjects.
    rand_remaining : ndarray of shape (n_sites,)
        Adjusted Rand index of the other subjects' labels, without the site against with it.
    rand_random : ndarray of shape (n_sites,)
        The same where as many subjects of any sites are left out, mean over `n_random` draws: how much leaving out
        anybody changes. NaN where `n_random` is 0.
    agreement_left_out : ndarray of shape (n_sites,)
        Share of the site's subjects whose predicted label is the one that they have in the clustering of all, once
        clusters are matched by the other subjects.
    rand_left_out : ndarray of shape (n_sites,)
        Adjusted Rand index of the site's predicted labels and their labels in the clustering of all. NaN where all of
        the site's subjects are in one cluster of that: there is nothing to divide.
    n_clusters_all : int
        Clusters of the fit with all subjects.
    pooled : list
        The sites within ``"small sites"``.
    sentence : str
        The result in words.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from skfuse.evaluation.clusters import leave_site_out_stability
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 2)) + np.tile([[0.0], [9.0]], (30, 1))
    >>> leave_site_out_stability(KMeans(2, random_state=0), X, np.repeat(["a", "b", "c"], 20)).rand_remaining.tolist()
    [1.0, 1.0, 1.0]
    """

    site: list
    n_subjects: np.ndarray
    n_clusters: np.ndarray
    rand_remaining: np.ndarray
    rand_random: np.ndarray
    agreement_left_out: np.ndarray
    rand_left_out: np.ndarray
    n_clusters_all: int
    pooled: list
    sentence: str

    def to_frame(self):
        """Return the figures as a pandas DataFrame, a row per site."""
        import pandas as pd

        names = ("n_subjects", "n_clusters", "rand_remaining", "rand_random", "agreement_left_out", "rand_left_out")
        return pd.DataFrame({name: getattr(self, name) for name in names}, index=pd.Index(self.site, name="site"))


def leave_site_out_stability(estimator, X, site, *, min_site_size=10, n_random=3, n_jobs=None, random_state=None):
    """Fit again without each site, and compare the clusters.

    Clusters that are scanners fall apart, or a left-out site is predicted into other clusters than it formed itself.
    Leaving out any subjects changes clusters a little, so each site has random subjects of all sites, as many, beside
    it. Stable clusters are no proof of subtypes: a continuum is cut in the same place again and again.

    Parameters
    ----------
    estimator : estimator
        A clusterer with ``fit``, ``labels_`` and ``predict``, not fitted; it is cloned.
    X : data frame or array-like of shape (n_subjects, n_features)
        The table.
    site : array-like of shape (n_subjects,)
        Where each subject was examined; none missing.
    min_site_size : int
        Sites of fewer subjects are left out together, as ``"small sites"``.
    n_random : int
        Random groups left out beside each site; 0 for none.
    n_jobs : int or None
        Fits at a time, through joblib threads; the result does not depend on it.
    random_state : int, RandomState or None
        Seed of the random groups; an estimator keeps its own.

    Returns
    -------
    stability : SiteStability
        Figures per site and a sentence.

    Raises
    ------
    ValueError
        If there are fewer than two sites (after pooling), a site is missing, or the estimator lacks what is needed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from skfuse.evaluation.clusters import leave_site_out_stability
    >>> scanner = np.repeat([0.0, 9.0, 18.0], 20)[:, None]
    >>> X = np.random.default_rng(0).standard_normal((60, 2)) + scanner
    >>> found = leave_site_out_stability(KMeans(3, random_state=0), X, np.repeat(["a", "b", "c"], 20))
    >>> bool(found.rand_remaining.max() < 0.8)
    True
    """
    for name in ("fit", "predict"):
        if not hasattr(estimator, name):
            raise ValueError(f"{type(estimator).__name__} has no `{name}`. Give one with fit, labels_ and predict.")
    X = as_table(X)
    groups, names, pooled = _site_groups(site, len(X), min_site_size)
    everyone = np.arange(len(X))
    whole = clone(estimator).fit(X)
    labels, clusters = read_labels(whole.labels_, len(X), least=1)
    left_out = [np.flatnonzero(groups == group) for group in range(len(names))]
    rng = check_random_state(random_state)
    random = [np.sort(rng.permutation(len(X))[: len(rows)]) for rows in left_out for _ in range(n_random)]
    fits = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_refit)(estimator, X, np.setdiff1d(everyone, rows), rows, labels, predict)
        for rows, predict in [(rows, True) for rows in left_out] + [(rows, False) for rows in random]
    )
    found = np.array([values for values in fits[: len(names)]])
    chance = np.array([values[1] for values in fits[len(names) :]]).reshape(len(names), n_random)
    rand_random = chance.mean(axis=1) if n_random else np.full(len(names), np.nan)
    return SiteStability(
        site=names,
        n_subjects=np.array([len(rows) for rows in left_out]),
        n_clusters=found[:, 0].astype(np.intp),
        rand_remaining=found[:, 1],
        rand_random=rand_random,
        agreement_left_out=found[:, 2],
        rand_left_out=found[:, 3],
        n_clusters_all=len(clusters),
        pooled=pooled,
        sentence=_sentence(names, found, rand_random) + _pooled(pooled, min_site_size),
    )


def _site_groups(site, n_subjects, min_site_size):
    """Group of each subject, names of the groups, and the sites that were pooled."""
    variables = read_variables(site, what="site", n_subjects=n_subjects)
    if len(variables) != 1:
        raise ValueError(f"`site` has {len(variables)} columns, wanted one site for each subject.")
    (variable,) = variables
    if not variable.present.all():
        missing = int((~variable.present).sum())
        raise ValueError(
            f"`site` is missing for {missing} subject{'' if missing == 1 else 's'}. Give each a site; 'unknown' is one."
        )
    levels, codes, counts = np.unique(variable.values, return_inverse=True, return_counts=True)
    names = list(variable.levels or levels.tolist())
    small = counts < min_site_size
    pooled = [name for name, few in zip(names, small, strict=True) if few]
    kept = [name for name, few in zip(names, small, strict=True) if not few]
    place = np.where(small, len(kept), np.cumsum(~small) - 1)
    groups, names = place[codes], kept + ([SMALL_SITES] if pooled else [])
    if len(names) < 2:
        raise ValueError(
            f"There are {len(levels)} site(s) and {len(kept)} of at least {min_site_size} subjects, so none can be "
            "left out while others remain. Give two sites or more, or a smaller `min_site_size`."
        )
    return groups, names, pooled


def _refit(estimator, X, kept, left_out, labels, predict):
    """n_clusters, Rand index of the remaining, agreement and Rand index of the left-out (NaN without `predict`)."""
    fitted = clone(estimator).fit(take_rows(X, kept))
    own, clusters = read_labels(fitted.labels_, len(kept), least=1)
    remaining = adjusted_rand_score(labels[kept], own)
    if not predict:
        return len(clusters), remaining, np.nan, np.nan
    code_of = {cluster: code for code, cluster in enumerate(clusters)}
    raw = np.asarray(fitted.predict(take_rows(X, left_out))).tolist()
    predicted = np.array([code_of.get(label, NOT_CLUSTERED) for label in raw])
    match = _matching(own, labels[kept])
    translated = np.array([match.get(code, NOT_CLUSTERED - 1) for code in predicted])
    agreement = float((translated == labels[left_out]).mean())
    divided = (labels[left_out] != labels[left_out][0]).any()
    return len(clusters), remaining, agreement, adjusted_rand_score(labels[left_out], predicted) if divided else np.nan


def _matching(own, other):
    """From cluster to the cluster of another clustering of the same subjects, one to one, with the largest overlap."""
    both = (own != NOT_CLUSTERED) & (other != NOT_CLUSTERED)
    overlap = np.zeros((own.max() + 1, other.max() + 1))
    np.add.at(overlap, (own[both], other[both]), 1)
    pairs = zip(*linear_sum_assignment(-overlap), strict=True)
    # Subjects whom neither clustering places agree.
    return {int(a): int(b) for a, b in pairs if overlap[a, b] > 0} | {NOT_CLUSTERED: NOT_CLUSTERED}


def _sentence(names, found, rand_random):
    """The site whose absence changes most, beside what leaving out random subjects changes."""
    remaining, known = found[:, 1], np.isfinite(rand_random).all()
    # What two decimals do not show is no difference.
    more = np.round(rand_random, 2) - np.round(remaining, 2) if known else 1.0 - remaining
    if known and not (more > 0).any():
        text = (
            "No site matters more than as many random subjects: without any one site, the labels of the others have an "
            f"adjusted Rand index of at least {remaining.min():.2f} to those with it"
        )
    else:
        worst = int(np.argmax(more))
        which = "the site that matters most" if names[worst] not in _SEVERAL else "which matter most"
        text = (
            f"Without {_called(names[worst])}, {which}, the labels of the others have an adjusted Rand index of "
            f"{remaining[worst]:.2f} to those with {'it' if names[worst] not in _SEVERAL else 'them'}"
        )
        text += f" ({rand_random[worst]:.2f} where as many random subjects are left out)" if known else ""
    lowest = int(np.argmin(found[:, 2]))
    share = 100 * found[lowest, 2]
    return f"{text}; of the subjects of {_called(names[lowest])}, {share:.0f} % are predicted into their cluster."


def _called(site):
    """A site within a sentence."""
    return _SEVERAL.get(site) or named(site)


def _pooled(pooled, min_site_size):
    """Which sites were left out together; empty for none."""
    if not pooled:
        return ""
    listed = [named(site) for site in pooled[:_MOST_NAMED]]
    if len(pooled) > _MOST_NAMED:
        listed.append(f"and {len(pooled) - _MOST_NAMED} more")
    what = f"{SMALL_SITES}, left out together," if len(pooled) > 1 else SMALL_SITES
    count = f"{len(pooled)} site{'' if len(pooled) == 1 else 's'} of fewer than {min_site_size} subjects"
    return f" {what.capitalize()} are {count}: {', '.join(listed)}."
