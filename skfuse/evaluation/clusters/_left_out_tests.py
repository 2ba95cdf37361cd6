"""Tests of the features of a modality against clusters that were made without it."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skfuse.evaluation.clusters._held_out_tests import check_settings, run_tests
from skfuse.evaluation.clusters._variables import NOT_CLUSTERED, Variable, read_labels, read_variables
from skfuse.modalities import resolve_modalities
from skfuse.modalities._container import (
    as_table,
    has_cells,
    is_frame,
    n_columns,
    take_columns,
    take_rows,
)
from skfuse.modalities._resolve import positions
from skfuse.permutation import adjust_p_values


@dataclass(frozen=True)
class LeftOutModalityTests:
    """Tests of each modality against clusters of the other modalities.

    Attributes
    ----------
    modality : list of str
        The modalities that were left out, one at a time.
    p_value : ndarray of shape (n_modalities,)
        Whether any feature of the modality differs between the clusters of the others: the smallest p-value of its
        features, each held to the family-wise error over the modality by the maximum statistic.
    p_adjusted : ndarray of shape (n_modalities,)
        Adjusted for the number of modalities (Holm).
    labels : dict of str to ndarray of shape (n_subjects,)
        Clusters of the other modalities; -1 for subjects in none.
    features : dict of str to HeldOutTests
        The tests of the features of each modality.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from skfuse.evaluation.clusters import left_out_modality_test
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 4)) + np.repeat([[0.0], [3.0]], 30, axis=0)
    >>> tests = left_out_modality_test(KMeans(2, random_state=0), X, modalities={"mri": [0, 1], "pet": [2, 3]},
    ...                                n_permutations=99, random_state=0)
    >>> tests.p_value.tolist()
    [0.01, 0.01]
    """

    modality: list
    p_value: np.ndarray
    p_adjusted: np.ndarray
    labels: dict
    features: dict

    def to_frame(self):
        """Return the tests of all features as a pandas DataFrame, a row per feature."""
        import pandas as pd

        frames = {name: tests.to_frame() for name, tests in self.features.items()}
        return pd.concat(frames, names=["modality"])


def left_out_modality_test(
    estimator,
    X,
    modality=None,
    *,
    modalities=None,
    strata=None,
    statistic="rank",
    n_permutations=999,
    adjust="max",
    level=0.95,
    random_state=None,
):
    """Cluster without a modality, then test the features of that modality.

    The clusters know nothing of the features that are tested, so p-values are exact. They test whether the left-out
    modality is *associated* with the clusters of the others, not whether there are clusters: one continuum that runs
    through all modalities is enough to make them small, and so is a site or age effect (give `strata`).

    Parameters
    ----------
    estimator : estimator
        A clusterer with ``fit_predict`` or ``labels_``; it is cloned. Where its parameter `modalities` is a mapping,
        the clone gets the mapping without the modality.
    X : data frame or array-like of shape (n_subjects, n_features)
        The table. A subject who has none of the remaining modalities is left out.
    modality : str or None
        The modality to leave out; None leaves out each in turn.
    modalities : dict or None
        As in :func:`skfuse.modalities.resolve_modalities`; None takes those of the estimator, or reads prefixes.
    strata : array-like of shape (n_subjects,) or None
        Labels are permuted within strata (sites).
    statistic : {"rank", "mean"}
        As in :func:`held_out_test`.
    n_permutations : int
        Number of permutations.
    adjust : {"max", "holm", "bonferroni", "fdr_bh", "fdr_by"}
        Over the features of a modality.
    level : float
        Of the intervals.
    random_state : int, RandomState or None
        Seed of the permutations; an estimator keeps its own.

    Returns
    -------
    tests : LeftOutModalityTests
        A p-value per modality and one per feature.

    Raises
    ------
    ValueError
        If there is one modality only, `modality` is unknown, or the estimator finds one cluster.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from skfuse.evaluation.clusters import left_out_modality_test
    >>> noise = np.random.default_rng(0).standard_normal((60, 4))
    >>> blocks = {"mri": [0, 1], "pet": [2, 3]}
    >>> tests = left_out_modality_test(KMeans(2, random_state=0), noise, "pet", modalities=blocks, random_state=0)
    >>> bool(tests.p_value[0] > 0.05)
    True
    """
    check_settings(statistic, adjust, level)
    X = as_table(X)
    mapping = getattr(estimator, "modalities", None) if modalities is None else modalities
    columns = resolve_modalities(X, mapping)
    if len(columns) < 2:
        raise ValueError(
            f"X has the single modality {next(iter(columns))!r}, so none is left to cluster when it is left out. Name "
            "blocks with `modalities=`, or use thinned_test."
        )
    if modality is not None and modality not in columns:
        raise ValueError(f"X has no modality {modality!r}; it has {list(columns)}.")
    chosen = list(columns) if modality is None else [modality]
    rng = check_random_state(random_state)
    labels, features, p_values = {}, {}, []
    for name in chosen:
        labels[name] = _labels_without(estimator, X, columns, name)
        codes, _ = read_labels(labels[name], len(labels[name]))
        block = _feature_variables(X, columns[name])
        seed = rng.randint(np.iinfo(np.int32).max)
        features[name] = run_tests(block, codes, strata, statistic, n_permutations, adjust, level, seed)
        p_values.append(_global_p(block, codes, strata, statistic, n_permutations, features[name], level, seed))
    p_values = np.array(p_values)
    return LeftOutModalityTests(chosen, p_values, adjust_p_values(p_values), labels, features)


def _labels_without(estimator, X, columns, name):
    """Labels from a clone that sees all but one modality; -1 for who has nothing left."""
    n = n_columns(X)
    kept = np.setdiff1d(np.arange(n), positions(columns[name], n))
    rest = {other: np.searchsorted(kept, positions(held, n)) for other, held in columns.items() if other != name}
    table = take_columns(X, kept)
    has_any = np.any([has_cells(take_columns(table, held)) for held in rest.values()], axis=0)
    own = clone(estimator)
    if getattr(own, "modalities", None) is not None:
        own.set_params(modalities=rest)
    labels = np.full(len(has_any), NOT_CLUSTERED, dtype=np.intp)
    found = cluster(own, table if has_any.all() else take_rows(table, np.flatnonzero(has_any)))
    labels[has_any] = read_labels(found, int(has_any.sum()))[0]
    return labels


def cluster(estimator, X):
    """Labels of a clusterer that is not fitted yet."""
    if hasattr(estimator, "fit_predict"):
        return np.asarray(estimator.fit_predict(X))
    estimator.fit(X)
    if not hasattr(estimator, "labels_"):
        raise ValueError(
            f"{type(estimator).__name__} has neither `fit_predict` nor `labels_`. Give an estimator that clusters."
        )
    return np.asarray(estimator.labels_)


def _feature_variables(X, columns):
    """The features of one modality as variables, named as in the table."""
    block = take_columns(X, columns)
    read = read_variables(block, what="X", n_subjects=len(has_cells(block)))
    if is_frame(X):
        return read
    names = [f"X[{j}]" for j in positions(columns, n_columns(X))]
    return [Variable(name, v.kind, v.values, v.levels) for name, v in zip(names, read, strict=True)]


def _global_p(variables, codes, strata, statistic, n_permutations, tests, level, seed):
    """The smallest family-wise p-value; 1 where nothing could be tested."""
    if tests.adjust != "max":
        tests = run_tests(variables, codes, strata, statistic, n_permutations, "max", level, seed)
    held = tests.p_adjusted[~np.isnan(tests.p_adjusted)]
    return float(held.min()) if len(held) else 1.0
