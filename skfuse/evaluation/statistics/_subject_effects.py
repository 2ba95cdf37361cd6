"""How a cross-validated mean varies with its test subjects, and what their training sets add."""

from dataclasses import dataclass

import numpy as np

#: Subjects of a class per fold, at least, for which the spread within folds is made unbiased; fewer show no spread.
FEWEST_PER_FOLD = 1.5


@dataclass(frozen=True)
class SubjectEffects:
    """Parts of the variance of a mean over folds.

    Attributes
    ----------
    variance : float
        Of the mean, from its test subjects, for given models.
    df : float
        Satterthwaite's degrees of freedom of it.
    left : float
        Variance of one fold's value that is left when each test subject has its own average.
    df_folds : float
        Folds less repeats.
    smallest : int
        Subjects of the smallest class.
    """

    variance: float
    df: float
    left: float
    df_folds: float
    smallest: int


def subject_effects(values, influences, rows, n_subjects=None, y=None):
    """Split the variance of the mean over folds.

    Influences sum to zero within a fold, so subjects are compared with their fold mates only: with few of them much of
    the spread is lost. The divisors below make up for it; they are exact for effects that are drawn independently and
    folds that are drawn anew in each repeat.

    Parameters
    ----------
    values : ndarray of shape (n_folds,)
        Without NaN.
    influences, rows : list of ndarray of shape (n_test,)
    n_subjects : int or None
    y : array-like of shape (n_subjects,) or None

    Returns
    -------
    effects : SubjectEffects
    """
    n_folds = len(values)
    subject = np.concatenate(rows)
    fold = np.repeat(np.arange(n_folds), [len(row) for row in rows])
    tests = _counts(subject, n_subjects)
    n_tested = int((tests > 0).sum())
    n_repeats = len(subject) / n_tested
    per_repeat = n_folds / n_repeats
    # What a subject adds to the value of a fold, in units of the mean over one repeat.
    added = np.concatenate(influences) / (np.bincount(fold)[fold] * per_repeat)
    classes, label = _classes(y, tests)
    sizes = np.array([(label[tests > 0] == k).sum() for k in range(len(classes))], dtype=np.float64)
    if sizes.min() < 2:
        raise ValueError(
            f"Class {classes[sizes.argmin()]!r} has one subject: its spread cannot be known. Leave it out or merge it."
        )
    added, between = _within_classes(added, fold, label[subject], len(classes), n_repeats, n_tested)
    total = np.bincount(subject, added, minlength=len(tests))
    squares = np.bincount(subject, added**2, minlength=len(tests))
    again = tests > 1
    spread = np.zeros(len(tests))
    spread[again] = (squares[again] - total[again] ** 2 / tests[again]) / (tests[again] - 1)
    repeated = again.sum() > n_tested / 2

    parts, adjusted, noise = [], np.array(values, dtype=np.float64), 0.0
    others = np.where(again[subject], (total[subject] - added) / np.maximum(tests[subject] - 1, 1), 0.0)
    for k, size in enumerate(sizes):
        members = (label == k) & (tests > 0)
        seen = 1 - 1 / max(size / per_repeat, FEWEST_PER_FOLD)  # the share of the spread that fold mates leave
        if per_repeat < FEWEST_PER_FOLD:  # one test set: nothing but the usual n - 1
            seen = (size - 1) / size
        sum_of_squares = ((total[members] / n_repeats) ** 2).sum()
        if repeated:
            random = spread[members & again].sum() * members.sum() / max((members & again).sum(), 1)
            parts.append(max(sum_of_squares - random / n_repeats, 0.0) * (size - 1) / size / seen**2)
            recovered = seen * size / (size - 1)
            noise += per_repeat * random / ((n_repeats - 1) * recovered**2)
            mine = label[subject] == k
            adjusted -= per_repeat * np.bincount(fold[mine], others[mine], minlength=n_folds) / recovered
        else:
            parts.append(sum_of_squares / seen)
            noise += per_repeat * parts[-1]
    parts = np.array(parts)
    variance = parts.sum() + between
    uncertain = (parts**2 / (sizes - 1)).sum() + between**2 / (n_tested - 1)
    return SubjectEffects(
        variance=float(variance),
        df=float(variance**2 / uncertain) if uncertain > 0 else float(sizes.min() - 1),
        left=float(max(adjusted.var(ddof=1) - noise, 0.0)),
        df_folds=float(max(n_folds - n_repeats, 1.0)),
        smallest=int(sizes.min()),
    )


def _counts(subject, n_subjects):
    """How often each subject is tested."""
    if n_subjects is not None and subject.max() >= n_subjects:
        raise ValueError(f"A fold tests row {subject.max()}, but `n_subjects` is {n_subjects}. Give the number of all.")
    return np.bincount(subject, minlength=n_subjects or 0)


def _classes(y, tests):
    """Classes among the tested subjects, and the number of each subject's; one class where there is no `y`."""
    if y is None:
        return ["all"], np.zeros(len(tests), dtype=int)
    y = np.asarray(y)
    if y.shape != tests.shape:
        raise ValueError(f"y has shape {y.shape}, but there are {len(tests)} subjects. Give the class of each.")
    classes = np.unique(y[tests > 0])
    return classes.tolist(), np.minimum(np.searchsorted(classes, y), len(classes) - 1)


def _within_classes(added, fold, label, n_classes, n_repeats, n_tested):
    """Center within fold and class, and the variance that a random mix of classes adds to the mean."""
    cell = fold * n_classes + label
    count = np.bincount(cell, minlength=(fold.max() + 1) * n_classes)
    center = np.bincount(cell, added, minlength=len(count)) / np.maximum(count, 1)
    of_class = np.bincount(label, added, minlength=n_classes) / np.maximum(np.bincount(label, minlength=n_classes), 1)
    between = float((np.bincount(label, minlength=n_classes) / n_repeats * of_class**2).sum())
    return added - center[cell], between * n_tested / max(n_tested - 1, 1)
