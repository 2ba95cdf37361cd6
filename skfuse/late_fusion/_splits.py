"""Splits of the training subjects: stratified, by group, never asking more of a class than it has."""

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, check_cv


def inner_splits(cv, X, y, groups, *, random_state, classifier):
    """Folds of the training subjects.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        An integer means stratified folds of a classifier, plain folds of a regressor, and folds of whole groups where
        `groups` are given; never more folds than the smallest class has members, or than there are groups.
    X : ndarray of shape (n_subjects, n_features)
        Only its length is used by most splitters.
    y : ndarray of shape (n_subjects,)
        Encoded classes, or the target.
    groups : ndarray of shape (n_subjects,) or None
        Subjects of one group stay on one side of every split.
    random_state : int, RandomState or None
        Shuffles before splitting; None keeps the order of the subjects.
    classifier : bool
        Whether `y` holds classes.

    Returns
    -------
    folds : list of (train, test)
        Empty where no two folds can be made.
    """
    if not isinstance(cv, int | np.integer):
        return list(check_cv(cv, y, classifier=classifier).split(X, y, groups))
    if cv < 2:
        raise ValueError(f"`cv` must be at least 2 folds, got {cv}.")
    limit = len(y) if not classifier else np.bincount(y)[np.bincount(y) > 0].min()
    if groups is not None:
        limit = min(limit, len(np.unique(groups))) if not classifier else _groups_of_rarest_class(y, groups)
    n_splits = int(min(cv, limit))
    if n_splits < 2:
        return []
    shuffle = random_state is not None
    state = random_state if shuffle else None
    if groups is None:
        kind = StratifiedKFold if classifier else KFold
    else:
        kind = StratifiedGroupKFold if classifier else GroupKFold
    splitter = kind(n_splits, shuffle=shuffle, random_state=state)
    return [(train, test) for train, test in splitter.split(X, y, groups) if len(test) and len(train)]


def _groups_of_rarest_class(y, groups):
    """Fewest groups in which any class occurs: more folds than that would leave a class out of training."""
    return min(len(np.unique(groups[y == label])) for label in np.unique(y))
