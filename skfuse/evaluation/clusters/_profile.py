"""What clusters look like: effect sizes per feature and modality, without p-values."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from skfuse.evaluation.clusters._feature_ranking import feature_scores
from skfuse.evaluation.clusters._profile_table import read_profile_table
from skfuse.evaluation.clusters._variables import NOT_CLUSTERED, read_labels


@dataclass(frozen=True)
class ClusterProfile:
    """What clusters look like, feature by feature.

    There is no p-value and no false discovery rate here, on purpose: a feature that made the clusters differs between
    them on pure noise too (42 % of such tests fall below .05). Test variables that were held out with
    :func:`held_out_test`, a modality with :func:`left_out_modality_test`, or features by thinning with
    :func:`thinned_test`.

    Attributes
    ----------
    feature : list of str
        A number, or one level of a category (``"apoe=e4"``; of two levels only the second).
    modality : list of str
        Modality of each feature.
    kind : list of str
        ``"numeric"`` or ``"categorical"``.
    clusters : list
        The labels of the clusters, in the order of the columns below.
    cluster_sizes : ndarray of shape (n_clusters,), int
        Subjects in each cluster.
    n_present : ndarray of shape (n_features,), int
        Clustered subjects who have the feature.
    n : ndarray of shape (n_features, n_clusters), int
        The same in each cluster.
    mean, sd : ndarray of shape (n_features, n_clusters)
        Mean and standard deviation, in the unit of the feature; of a level its share. NaN without subjects (mean) or
        with fewer than two (sd).
    difference : ndarray of shape (n_features, n_clusters)
        The cluster against all others: Hedges' g of numbers, difference of shares of levels. NaN where one side has
        nobody; infinite where both sides are constant and differ.
    eta_squared : ndarray of shape (n_features,)
        Share of the variance that lies between clusters, from 0 to 1; not corrected for chance.
    cramers_v : ndarray of shape (n_features,)
        Cramér's V of the whole category; NaN for numbers.
    nmi : ndarray of shape (n_features, 2)
        As in :func:`feature_ranking`: arithmetic, geometric.
    modality_summary : dict of str to dict
        Of each modality ``n_features``, ``n_subjects``, ``mean_eta_squared``, ``largest_eta_squared``, ``mean_nmi``.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.evaluation.clusters import cluster_profile
    >>> X = pd.DataFrame({"mri__a": [1.0, 2.0, 8.0, 9.0], "pet__b": [None, 1.0, 1.0, 1.0]})
    >>> profile = cluster_profile(X, [0, 0, 1, 1])
    >>> profile.mean.tolist(), profile.n_present.tolist()
    ([[1.5, 8.5], [1.0, 1.0]], [4, 3])
    """

    feature: list
    modality: list
    kind: list
    clusters: list
    cluster_sizes: np.ndarray
    n_present: np.ndarray
    n: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    difference: np.ndarray
    eta_squared: np.ndarray
    cramers_v: np.ndarray
    nmi: np.ndarray
    modality_summary: dict

    @property
    def ranking(self):
        """Positions of the features by `eta_squared`, the largest first; ties in the order of the table."""
        return np.argsort(-self.eta_squared, kind="stable")

    def to_frame(self):
        """Return the profile as a pandas DataFrame, a row per feature in the order of `ranking`."""
        import pandas as pd

        columns = {"modality": self.modality, "kind": self.kind, "n_present": self.n_present}
        columns |= {"eta_squared": self.eta_squared, "cramers_v": self.cramers_v}
        columns |= {"nmi_arithmetic": self.nmi[:, 0], "nmi_geometric": self.nmi[:, 1]}
        for name in ("n", "mean", "sd", "difference"):
            columns |= {f"{name}_{cluster}": getattr(self, name)[:, c] for c, cluster in enumerate(self.clusters)}
        return pd.DataFrame(columns, index=pd.Index(self.feature, name="feature")).iloc[self.ranking]

    def modality_frame(self):
        """Return `modality_summary` as a pandas DataFrame, the modality of the largest mean eta squared first."""
        import pandas as pd

        frame = pd.DataFrame.from_dict(self.modality_summary, orient="index").rename_axis("modality")
        return frame.sort_values("mean_eta_squared", ascending=False, kind="stable")


def cluster_profile(X, labels, *, modalities=None, categorical=()):
    r"""Describe clusters by their features: means, effect sizes and shares of variance, without p-values.

    Of a feature with mean :math:`\bar x_c`, standard deviation :math:`s_c` and :math:`n_c` subjects in cluster c, and
    the same of all other clustered subjects (index o),

    .. math::

        g_c = J \frac{\bar x_c - \bar x_o}{s}, \quad s^2 = \frac{(n_c - 1) s_c^2 + (n_o - 1) s_o^2}{n_c + n_o - 2}

        \eta^2 = \frac{\sum_c n_c (\bar x_c - \bar x)^2}{\sum_i (x_i - \bar x)^2}

    with Hedges' correction J of small samples [1]_. **No p-value**: the features made the clusters, so they differ
    between them even on pure noise; see :func:`held_out_test` for what can be tested.

    Parameters
    ----------
    X : data frame or array-like of shape (n_subjects, n_features)
        The table, numbers and categories; a subject counts for the features that it has.
    labels : array-like of shape (n_subjects,)
        Clusters of any algorithm; -1 and missing mean "in no cluster" and leave the subject out.
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`; columns outside every modality are not described.
    categorical : sequence of str
        Columns whose numbers are codes of categories. Text, true/false and columns of two whole numbers need not be
        named.

    Returns
    -------
    profile : ClusterProfile
        A row per feature, a column per cluster; a summary per modality.

    Raises
    ------
    ValueError
        If lengths differ, nobody is in a cluster, or a column holds dates, mixed types or infinity.

    References
    ----------
    .. [1] L. V. Hedges. J Educ Stat 6 (1981), 107-128. https://doi.org/10.3102/10769986006002107

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.evaluation.clusters import cluster_profile
    >>> X = pd.DataFrame({"mri__a": [1.0, 2.0, 8.0, 9.0], "gene__e4": ["no", "no", "no", "yes"]})
    >>> profile = cluster_profile(X, [0, 0, 1, 1])
    >>> profile.difference.round(2).tolist()
    [[-5.59, 5.59], [-0.5, 0.5]]
    """
    codes, clusters = read_labels(labels, least=1)
    table = read_profile_table(X, labels, len(codes), modalities, categorical)
    nmi = feature_scores(table.features, codes, len(clusters))
    clustered = codes != NOT_CLUSTERED
    groups = (codes[clustered][:, None] == np.arange(len(clusters))).astype(np.float64)
    names, owners, kinds, columns, source = [], [], [], [], []
    for number, (feature, modality) in enumerate(zip(table.features, table.modality, strict=True)):
        for name, column in _as_columns(feature):
            names.append(name)
            owners.append(modality)
            kinds.append(feature.kind)
            columns.append(column[clustered])
            source.append(number)
    values = np.column_stack(columns)
    n, mean, sd, difference, eta = _describe(values, groups, np.array([kind == "numeric" for kind in kinds]))
    profile = {
        "feature": names,
        "modality": owners,
        "kind": kinds,
        "clusters": clusters,
        "cluster_sizes": groups.sum(axis=0).astype(np.intp),
        "n_present": n.sum(axis=1),
        "n": n,
        "mean": mean,
        "sd": sd,
        "difference": difference,
        "eta_squared": eta,
        "cramers_v": np.array([_cramers_v(table.features[i], codes) for i in source]),
        "nmi": nmi[source],
    }
    return ClusterProfile(**profile, modality_summary=_summarize(table, clustered, np.array(owners), eta, nmi[source]))


def _as_columns(feature):
    """A number as it is, a category as one 0/1 column per level (of two levels the second)."""
    if feature.kind == "numeric":
        return [(feature.name, feature.values)]
    levels = list(enumerate(feature.levels))
    shown = levels[1:] if len(levels) == 2 else levels
    missing = ~feature.present
    if not shown:  # nobody has it
        return [(feature.name, feature.values)]
    plain = feature.levels in ((0, 1), (False, True))  # an indicator needs no level in its name
    return [
        (feature.name if plain else f"{feature.name}={level}", np.where(missing, np.nan, feature.values == code))
        for code, level in shown
    ]


def _describe(values, groups, numeric):
    """n, mean, sd, difference (n_features, n_clusters) and eta squared (n_features,)."""
    present = ~np.isnan(values)
    total = present.sum(axis=0)
    # Centered over all, so that sums of squares lose no digits to a large mean.
    center = np.where(present, values, 0.0).sum(axis=0) / np.maximum(total, 1)
    constant = np.where(present, values, -np.inf).max(axis=0) <= np.where(present, values, np.inf).min(axis=0)
    centered = np.where(present & ~constant, values - center, 0.0)
    counts, sums = present.T @ groups, centered.T @ groups
    squares = (centered**2).T @ groups
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums / counts
        inside = np.maximum(squares - sums**2 / np.where(counts > 0, counts, 1.0), 0.0)
        # What rounding leaves of the spread of a constant is no spread.
        inside[inside <= 1e-13 * squares] = 0.0
        sd = np.where(counts > 1, np.sqrt(inside / (counts - 1.0)), np.nan)
    others = total[:, None] - counts
    rest = _rest(sums, squares, counts)
    difference = _differences(mean, inside, counts, rest, others, numeric)
    whole = squares.sum(axis=1)
    between = np.where(counts > 0, sums**2 / np.where(counts > 0, counts, 1.0), 0.0).sum(axis=1)
    eta = np.where(whole > 0, np.clip(between / np.where(whole > 0, whole, 1.0), 0.0, 1.0), 0.0)
    return counts.astype(np.intp), mean + center[:, None], sd, difference, eta


def _rest(sums, squares, counts):
    """Mean and sum of squares inside the others of each cluster."""
    others = counts.sum(axis=1, keepdims=True) - counts
    rest_sums = sums.sum(axis=1, keepdims=True) - sums
    rest_squares = squares.sum(axis=1, keepdims=True) - squares
    safe = np.where(others > 0, others, 1.0)
    inside = np.maximum(rest_squares - rest_sums**2 / safe, 0.0)
    inside[inside <= 1e-13 * np.maximum(rest_squares, squares.sum(axis=1, keepdims=True))] = 0.0
    return np.where(others > 0, rest_sums / safe, np.nan), inside


def _differences(mean, inside, counts, rest, others, numeric):
    """Hedges' g of numbers, difference of shares of levels."""
    gap = mean - rest[0]
    df = counts + others - 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = np.sqrt((inside + rest[1]) / df)
        g = np.where(gap == 0.0, 0.0, gap / pooled) * _hedges_correction(df)
    g[df <= 0] = np.nan
    return np.where(numeric[:, None], g, gap)


def _hedges_correction(df):
    """J of Hedges (1981), exact: E of g is the population's value."""
    safe = np.maximum(df, 2.0)
    correction = np.exp(gammaln(safe / 2.0) - gammaln((safe - 1.0) / 2.0)) / np.sqrt(safe / 2.0)
    # With one degree of freedom the expectation does not exist; the usual approximation 1 - 3 / (4 df - 1) gives 0.
    return np.where(df >= 2.0, correction, 0.0)


def _cramers_v(feature, codes):
    """Cramér's V of a category with the clusters, not corrected for bias; NaN for numbers."""
    if feature.kind == "numeric":
        return np.nan
    rows = feature.present & (codes != NOT_CLUSTERED)
    table = np.zeros((codes.max() + 1, max(1, len(feature.levels))))
    np.add.at(table, (codes[rows], feature.values[rows].astype(np.intp)), 1.0)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(np.sqrt(((table - expected) ** 2 / expected).sum() / table.sum() / (min(table.shape) - 1)))


def _summarize(table, clustered, owners, eta, nmi):
    """Of each modality how many features and subjects it has and how well its features fit the clusters."""
    summary = {}
    for name, present in table.present.items():
        own = owners == name
        summary[name] = {
            "n_features": table.modality.count(name),
            "n_subjects": int((present & clustered).sum()),
            "mean_eta_squared": float(eta[own].mean()),
            "largest_eta_squared": float(eta[own].max()),
            "mean_nmi": float(nmi[own, 0].mean()),
        }
    return summary
