"""Compare strategies by cross-validation on the same splits."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.model_selection import (
    GroupKFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    check_cv,
)
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import has_fit_parameter

from skfuse.evaluation.scores import SCORES, score_fold
from skfuse.evaluation.strategies import make_strategies
from skfuse.modalities._subjects import refuse_other_order


@dataclass
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    scores : DataFrame
        One row per strategy, split and score: columns ``strategy``, ``split``, ``score``, ``value``.
    task : {"classification", "regression"}
        What was predicted.
    splits : list of (train, test)
        Row positions of every split, the same for all strategies.
    warnings : DataFrame
        What fits warned of: columns ``strategy``, ``category``, ``count`` (of fits) and ``message`` (the first).

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation import compare_strategies
    >>> cohort = make_cohort(100, effect=3.0, random_state=0)
    >>> found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], n_repeats=1)
    >>> found.scores.columns.tolist()
    ['strategy', 'split', 'score', 'value']
    """

    scores: Any
    task: str
    splits: list
    warnings: Any

    def summary(self):
        """Mean and standard deviation over the splits, best strategy first.

        Returns
        -------
        table : DataFrame
            Index ``strategy``; columns (score, ``mean``) and (score, ``sd``). The standard deviation is that of the
            splits, which share subjects: it is no standard error and makes no interval.
        """
        table = self.scores.groupby(["strategy", "score"], sort=False)["value"].agg(mean="mean", sd="std")
        table = table.unstack("score").swaplevel(axis=1)
        primary = next(iter(SCORES[self.task]))
        table = table.sort_values((primary, "mean"), ascending=False, kind="stable")
        return table[[(score, part) for score in SCORES[self.task] for part in ("mean", "sd")]]


def compare_strategies(
    X,
    y,
    *,
    strategies="default",
    task="classification",
    groups=None,
    cv=None,
    n_splits=5,
    n_repeats=5,
    n_jobs=None,
    random_state=None,
    on_progress=None,
):
    """Cross-validate strategies on the same splits.

    Parameters
    ----------
    X : data frame of shape (n_subjects, n_features)
        Columns named ``<modality>__<feature>``; modalities may be missing.
    y : array-like of shape (n_subjects,)
        Target.
    strategies : "default", sequence of str, or dict of str to estimator
        Names in the registry, or estimators of one's own.
    task : {"classification", "regression"}
        What is predicted.
    groups : array-like of shape (n_subjects,) or None
        Subjects of one group stay on one side of every split, the outer and the inner ones.
    cv : splitter, iterable or None
        The outer splits; None makes `n_repeats` times `n_splits` folds, stratified for classes, of whole groups where
        `groups` are given (then once, without repeats).
    n_splits, n_repeats : int
        Where `cv` is None.
    n_jobs : int or None
        Parallel fits, through joblib.
    random_state : int, RandomState or None
        Of the outer splits.
    on_progress : callable or None
        Called as ``on_progress(done, total)`` after each finished fit.

    Returns
    -------
    comparison : Comparison
        Scores of every strategy on every split, and what the fits warned of.

    Raises
    ------
    ValueError
        If a strategy is unknown or a class has fewer subjects than folds.

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation import compare_strategies
    >>> cohort = make_cohort(120, missing=0.3, random_state=0)
    >>> found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean", "prevalence"], n_repeats=1)
    >>> found.summary().index.tolist()
    ['late-mean', 'prevalence']
    """
    import pandas as pd

    for label, values in (("y", y), ("groups", groups)):
        refuse_other_order(X, values, label)
        if values is not None and len(values) != len(X):
            raise ValueError(f"X has {len(X)} subjects, but {label} has {len(values)}. Give one entry per row of X.")
    y = _checked_target(y, task)
    groups = None if groups is None else np.asarray(groups)
    if not isinstance(strategies, dict):
        strategies = make_strategies(X, task=task, names=strategies)
    if cv is None:
        cv = default_splitter(y, task, groups, n_splits, n_repeats, random_state)
    splits = list(check_cv(cv, y, classifier=task == "classification").split(X, y, groups))
    jobs = [(name, number) for number in range(len(splits)) for name in strategies]
    found = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_and_score)(clone(strategies[name]), X, y, groups, *splits[number], task) for name, number in jobs
    )
    rows, warned = [], []
    for done, ((name, number), (values, caught)) in enumerate(zip(jobs, found, strict=True), start=1):
        warned += [{"strategy": name, "category": category, "message": said} for category, said in caught.items()]
        rows += [{"strategy": name, "split": number, "score": score, "value": v} for score, v in values.items()]
        if on_progress is not None:
            on_progress(done, len(jobs))
    warned = pd.DataFrame(warned, columns=["strategy", "category", "message"])
    counted = warned.groupby(["strategy", "category"], sort=False)["message"].agg(count="size", message="first")
    return Comparison(pd.DataFrame(rows), task, splits, counted.reset_index())


def _checked_target(y, task):
    if task not in SCORES:
        raise ValueError(f"`task` must be one of {list(SCORES)}, got {task!r}.")
    y = np.asarray(y)
    if y.dtype.names is not None:
        raise ValueError("Survival targets cannot be compared yet; give classes or a continuous target.")
    kind = type_of_target(y, input_name="y")
    if task == "classification" and kind not in ("binary", "multiclass"):
        raise ValueError(f"y is {kind}, not classes. For a continuous target use task='regression'.")
    return y


def default_splitter(y, task, groups, n_splits, n_repeats, random_state):
    """Outer splits: stratified for classes, of whole groups where there are any.

    Parameters
    ----------
    y : ndarray of shape (n_subjects,)
    task : {"classification", "regression"}
    groups : ndarray of shape (n_subjects,) or None
    n_splits, n_repeats : int
    random_state : int, RandomState or None

    Returns
    -------
    splitter : splitter
    """
    if groups is not None and len(np.unique(groups)) < n_splits:
        raise ValueError(
            f"There are {len(np.unique(groups))} groups, too few for {n_splits} folds of whole groups. Use fewer folds."
        )
    if task == "classification":
        labels, counts = np.unique(y, return_counts=True)
        if counts.min() < n_splits:
            raise ValueError(
                f"Class {labels[counts.argmin()]} has {counts.min()} subjects, too few for {n_splits} folds. Use "
                "fewer folds, merge or leave out the class, or, for a score with many values, task='regression'."
            )
        if groups is not None:
            return StratifiedGroupKFold(n_splits, shuffle=True, random_state=random_state)
        return RepeatedStratifiedKFold(n_splits=n_splits, n_repeats=n_repeats, random_state=random_state)
    if groups is not None:
        return GroupKFold(n_splits, shuffle=True, random_state=random_state)
    return RepeatedKFold(n_splits=n_splits, n_repeats=n_repeats, random_state=random_state)


def _fit_and_score(estimator, X, y, groups, train, test, task):
    X_train, y_train = _safe_split(estimator, X, y, train)
    X_test, y_test = _safe_split(estimator, X, y, test, train)
    params = {}
    if groups is not None and has_fit_parameter(estimator, "groups"):
        params["groups"] = groups[train]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X_train, y_train, **params)
        scores = score_fold(estimator, X_test, y_test, task)
    # Collected and counted, so that a hundred fits do not print a hundred times what one sentence says.
    return scores, {warning.category.__name__: str(warning.message) for warning in caught}
