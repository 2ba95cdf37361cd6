"""Splits of the training subjects: stratified, by group, never asking more of a class than it has."""

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
)


def inner_splits(cv, X, y, groups, *, random_state, classifier):
    """Folds of the training subjects.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test) or None
        An integer means stratified folds of a classifier, plain folds of a regressor, and folds of whole groups where
        `groups` are given; never more folds than the smallest class has members, or than there are groups. None is 5.
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
        Empty where an integer `cv` cannot make two folds.

    Raises
    ------
    ValueError
        If a splitter cannot split these subjects, or a given split is not one of them.
    """
    cv = 5 if cv is None else cv
    if not isinstance(cv, int | np.integer):
        return _given_splits(cv, X, y, groups, classifier)
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


def names_rows(cv):
    """Whether a `cv` names rows of the table given to fit, instead of splitting any subjects that it gets."""
    return isinstance(cv, PredefinedSplit) or not (isinstance(cv, int | np.integer | None) or hasattr(cv, "split"))


def _given_splits(cv, X, y, groups, classifier):
    """Folds of a splitter or an iterable of the user, checked."""
    try:
        folds = list(check_cv(cv, y, classifier=classifier).split(X, y, groups))
    except ValueError as error:
        cure = "An integer `cv` adapts to the number of subjects, of the rarest class and of groups."
        if groups is None and "groups" in str(error):
            cure = (
                "Give the groups of the subjects: fit(X, y, groups=site); in a cross-validation or a search with "
                "params={'groups': site}, after sklearn.set_config(enable_metadata_routing=True)."
            )
        raise ValueError(f"`cv` = {cv} cannot split the {len(y)} training subjects: {error} {cure}") from error
    if not folds:
        raise ValueError("`cv` holds no split. An iterator is used up by one fit: give a list, or a splitter.")
    return [_checked_fold(train, test, len(y)) for train, test in folds]


def _checked_fold(train, test, n):
    sides = []
    for side in (train, test):
        side = np.asarray(side)
        side = np.flatnonzero(side) if side.dtype == bool else side.astype(np.intp)
        if len(side) and (side.max() >= n or side.min() < 0):
            raise ValueError(
                f"`cv` names row {side.max() if side.max() >= n else side.min()}, but fit got {n} subjects. Given "
                "splits belong to one table; where subjects are split again (nested cross-validation, a search), use "
                "an integer or a splitter."
            )
        sides.append(side)
    both = np.intersect1d(*sides)
    if len(both):
        raise ValueError(f"`cv` has {len(both)} subjects on both sides of one split, such as row {both[0]}.")
    return tuple(sides)


def _groups_of_rarest_class(y, groups):
    """Fewest groups in which any class occurs: more folds than that would leave a class out of training."""
    return min(len(np.unique(groups[y == label])) for label in np.unique(y))
