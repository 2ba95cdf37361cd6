"""Features ranked by how well a grouping on the line of each one alone reproduces the clusters."""

import numpy as np

from skfuse.evaluation.clusters._profile_table import read_profile_table
from skfuse.evaluation.clusters._variables import NOT_CLUSTERED, read_labels


def feature_ranking(X, labels, *, modalities=None, categorical=(), n_groups=None, normalization="arithmetic"):
    r"""Rank features by the mutual information between the clusters and a grouping of each feature alone.

    Every feature is cut into groups by exact one-dimensional k-means (a category keeps its levels), and

    .. math:: \mathrm{NMI} = \frac{I(C; G)}{(H(C) + H(G)) / 2} \quad \text{or} \quad \frac{I(C; G)}{\sqrt{H(C) H(G)}}

    compares the groups with the clusters over the subjects who have the feature. Other tools cluster an n × n graph
    for each feature, at a cost of :math:`n^3`; here it is :math:`k n \log n`, and nothing is random. The ranking
    describes; it is no test, and 0 is not what noise gives (in few subjects noise gives more).

    Parameters
    ----------
    X : data frame or array-like of shape (n_subjects, n_features)
        The table; missing cells leave the subject out of that feature.
    labels : array-like of shape (n_subjects,)
        Clusters; -1 and missing mean "in no cluster".
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`.
    categorical : sequence of str
        Columns whose numbers are codes of categories.
    n_groups : int or None
        Groups on each line; None takes the number of clusters. A feature of fewer values keeps them as groups.
    normalization : {"arithmetic", "geometric"}
        Arithmetic: the V-measure, as snfpy; geometric: as SNFtool.

    Returns
    -------
    ranking : dict of str to float
        From feature to NMI, from 0 to 1, the highest first; ties in the order of the table.

    Raises
    ------
    ValueError
        If settings, labels or columns do not fit.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.evaluation.clusters import feature_ranking
    >>> X = pd.DataFrame({"mri__a": [1.0, 1.1, 5.0, 5.2], "pet__b": [1.0, 4.0, 1.2, 4.1]})
    >>> {name: round(nmi, 2) for name, nmi in feature_ranking(X, [0, 0, 1, 1]).items()}
    {'mri__a': 1.0, 'pet__b': 0.0}
    """
    if normalization not in ("arithmetic", "geometric"):
        raise ValueError(f"`normalization` must be 'arithmetic' or 'geometric', got {normalization!r}.")
    codes, clusters = read_labels(labels, least=1)
    n_groups = len(clusters) if n_groups is None else n_groups
    if n_groups < 1:
        raise ValueError(f"`n_groups` must be at least 1, got {n_groups!r}.")
    table = read_profile_table(X, labels, len(codes), modalities, categorical)
    found = {
        feature.name: float(scores[0 if normalization == "arithmetic" else 1])
        for feature, scores in zip(table.features, feature_scores(table.features, codes, n_groups), strict=True)
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def feature_scores(features, codes, n_groups):
    """Both NMI of each feature, (n_features, 2): arithmetic, geometric."""
    scores = np.zeros((len(features), 2))
    for number, feature in enumerate(features):
        rows = feature.present & (codes != NOT_CLUSTERED)
        if rows.any():
            values = feature.values[rows]
            groups = values.astype(np.intp) if feature.kind == "categorical" else group_numbers(values, n_groups)
            scores[number] = _normalized_mutual_information(codes[rows], groups)
    return scores


def group_numbers(values, n_groups):
    """Cut numbers into groups of least squared distance to their means, exactly.

    Parameters
    ----------
    values : ndarray of shape (n_subjects,)
        Finite numbers; equal ones are never parted.
    n_groups : int
        Number of groups; with fewer distinct values each is a group.

    Returns
    -------
    groups : ndarray of shape (n_subjects,), int
        From 0, in the order of the values.
    """
    from skfuse.evaluation.clusters._feature_ranking_compiled import group_sorted

    distinct, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(distinct) <= n_groups:
        return places
    # Centered and scaled, so that sums of squares lose no digits to a large mean or overflow.
    centered = distinct - distinct.mean()
    return group_sorted(centered / np.abs(centered).max(), counts.astype(np.float64), n_groups)[places]


def _normalized_mutual_information(first, second):
    """Mutual information over the arithmetic and over the geometric mean of the entropies; 0 where one is constant."""
    width = second.max() + 1
    joint = np.bincount(first * width + second, minlength=(first.max() + 1) * width).reshape(-1, width) / len(first)
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    entropies = np.array([_entropy(rows), _entropy(columns)])
    if entropies.min() <= 0:
        return 0.0, 0.0
    information = max(0.0, entropies.sum() - _entropy(joint.ravel()))
    return min(1.0, information / entropies.mean()), min(1.0, information / np.sqrt(entropies.prod()))


def _entropy(shares):
    held = shares[shares > 0]
    return float(-(held * np.log(held)).sum())
