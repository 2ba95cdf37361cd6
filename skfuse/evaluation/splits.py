"""Outer splits of a comparison: which subjects are held out in which repeat and fold."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneGroupOut,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    check_cv,
)


@dataclass(frozen=True)
class Split:
    """One outer fold: row positions of its training and test subjects, and its place in the repeats."""

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray


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
    elif len(y) < 2 * n_splits:
        raise ValueError(
            f"There are {len(y)} subjects, too few for {n_splits} folds: a fold needs two to score R2. Use fewer folds."
        )
    if groups is not None:
        return _RepeatedGroups(
            StratifiedGroupKFold if task == "classification" else GroupKFold, n_splits, n_repeats, random_state
        )
    repeated = RepeatedStratifiedKFold if task == "classification" else RepeatedKFold
    return repeated(n_splits=n_splits, n_repeats=n_repeats, random_state=random_state)


class _RepeatedGroups:
    """Folds of whole groups, shuffled anew in every repeat; scikit-learn repeats only folds of subjects."""

    def __init__(self, splitter, n_splits, n_repeats, random_state):
        self.splitter, self.n_splits, self.n_repeats = splitter, n_splits, n_repeats
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits * self.n_repeats

    def split(self, X, y=None, groups=None):
        from sklearn.utils import check_random_state

        generator = check_random_state(self.random_state)
        for _ in range(self.n_repeats):
            seed = generator.randint(np.iinfo(np.int32).max)
            yield from self.splitter(self.n_splits, shuffle=True, random_state=seed).split(X, y, groups)


def outer_splits(cv, X, y, groups, task):
    """Make the splits, checked and numbered by repeat and fold.

    A repeat ends where a subject is held out a second time, so that splitters of one's own are told apart into
    repeats too.

    Returns
    -------
    splits : list of Split
    """
    splits, repeat, fold = [], 0, 0
    seen = np.zeros(len(y), dtype=bool)
    for train, test in check_cv(cv, y, classifier=task == "classification").split(X, y, groups):
        train, test = _positions(train, len(y)), _positions(test, len(y))
        _refuse_overlap(train, test, groups)
        if seen[test].any():
            repeat, fold = repeat + 1, 0
            seen[:] = False
        seen[test] = True
        splits.append(Split(repeat, fold, train, test))
        fold += 1
    if not splits:
        raise ValueError("`cv` made no split. Give a splitter or a list of (train, test) row positions.")
    return splits


def site_splits(site, groups=None):
    """Leave one site out, as a list of (name, train, test).

    Subjects without a site stay among the training subjects and are never held out: they may be from any site. Who
    shares a group with somebody at the site that is held out does not train.
    """
    known = site.notna().to_numpy()
    positions = np.flatnonzero(known)
    names = site[known].astype(str).to_numpy()
    unknown = np.flatnonzero(~known)
    splits = []
    for train, test in LeaveOneGroupOut().split(names, groups=names):
        train, held_out = np.sort(np.r_[positions[train], unknown]), positions[test]
        if groups is not None:
            train = train[~np.isin(groups[train], groups[held_out])]
        splits.append((names[test[0]], train, held_out))
    return splits


def _positions(rows, n_subjects):
    rows = np.asarray(rows)
    if rows.dtype == bool:
        rows = np.flatnonzero(rows)
    if not np.issubdtype(rows.dtype, np.integer) or not len(rows):
        raise ValueError("A split of `cv` must hold row positions, at least one to train and one to test on.")
    if rows.min() < 0 or rows.max() >= n_subjects:
        raise ValueError(f"A split of `cv` names row {rows.max()}, but X has {n_subjects} rows, counted from 0.")
    return rows


def _refuse_overlap(train, test, groups):
    if len(np.unique(test)) < len(test):
        raise ValueError("`cv` tests a subject twice in one split. Give every test row once.")
    common = np.intersect1d(train, test)
    if len(common):
        raise ValueError(
            f"`cv` puts {len(common)} subjects both into training and into test (rows {common[:5].tolist()}): "
            "the scores would be those of subjects that the models have seen."
        )
    if groups is not None:
        shared = np.intersect1d(groups[train], groups[test])
        if len(shared):
            raise ValueError(
                f"`cv` puts {len(shared)} groups on both sides of a split. Use a splitter of whole groups, "
                "such as StratifiedGroupKFold, or cv=None."
            )
