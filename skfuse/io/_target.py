"""The target: what kind of column it is, which task that makes, and the values of y."""

from dataclasses import dataclass

import numpy as np

from skfuse.io._cells import Parsed, parse_column
from skfuse.io._log import CohortError, number_of, shorten


@dataclass
class Target:
    """The column of the target, for every row of the labels table."""

    name: str
    file: str
    parsed: Parsed

    @property
    def missing(self):
        """Where the labels table has no target."""
        if self.parsed.texts is not None:
            return np.array([text is None for text in self.parsed.texts])
        return np.isnan(self.parsed.numbers)

    def labels(self, rows):
        """Return the values at some rows as the text of class labels."""
        if self.parsed.texts is not None:
            return self.parsed.texts[rows]
        numbers = self.parsed.numbers[rows].astype(float)
        if self.parsed.kind == "boolean":
            texts = ["true" if number else "false" for number in numbers]
        else:
            texts = [str(int(v)) if v == int(v) else repr(float(v)) for v in numbers]
        return np.array(texts, dtype=object)


def read_target(labels, roles):
    """Return the target of every row of the labels table.

    Parameters
    ----------
    labels : RawTable
    roles : Roles

    Returns
    -------
    target : Target

    Raises
    ------
    CohortError
        If the column is not there or mixes numbers and text.
    """
    return Target(roles.target, labels.file, parse_column(labels, labels.position(roles.target)))


def make_y(target, rows, positive, task, log):
    """Return y and the task.

    Parameters
    ----------
    target : Target
    rows : ndarray of int
        Rows of the labels table in the cohort.
    positive : str, number, bool or None
        The class label that becomes 1.
    task : {None, "classification", "regression"}
    log : JoinLog

    Returns
    -------
    y : ndarray of shape (n_rows,)
        Numbers for a regression; 0/1 with `positive` and for booleans; otherwise class labels, integers or text.
    task : {"classification", "regression"}

    Raises
    ------
    CohortError
        If there is one class or value only, or `positive` or `task` do not fit.
    """
    numeric = target.parsed.kind in ("number", "comma")
    numbers = target.parsed.numbers[rows].astype(float) if numeric else None
    if target.parsed.kind == "comma":
        log.convert(f"{target.file}: the decimal commas of {target.name!r} were read as points.")
    if task == "regression" and (not numeric or positive is not None):
        reason = (
            f"holds text ({shorten(sorted(set(target.labels(rows))), 3)})" if not numeric else "has a `positive` label"
        )
        raise CohortError(f"{target.file}: a regression needs numbers, but {target.name!r} {reason}.")
    if task is None:
        continuous = positive is None and numeric and _looks_continuous(numbers)
        task = "regression" if continuous else "classification"
    if task == "regression":
        y, counts = numbers, None
    else:
        y, counts = _classes(target, rows, numbers, positive, log)
    if len(set(y)) < 2:
        raise CohortError(
            f"{target.file}: {target.name!r} is {y[0]!s} in every row of the cohort ({number_of(len(y), 'row')}); "
            "there is nothing to predict. Check the target, or which rows were dropped."
        )
    log.target = {"name": target.name, "task": task}
    if counts is not None:
        log.target["counts"] = counts
        if len(set(y)) == 2:
            log.target["positive"] = _positive(target, y, positive, counts)
    return y, task


def _looks_continuous(numbers):
    """Many values are a quantity; so are few ones, if hardly any of them repeats."""
    distinct, scarce = len(np.unique(numbers)), len(numbers) / 2
    if (numbers == np.round(numbers)).all():
        return distinct > 20 or distinct > max(10, scarce)
    return distinct > 10 or distinct > max(2, scarce)


def _classes(target, rows, numbers, positive, log):
    labels = target.labels(rows)
    values, n = np.unique(labels.astype(str), return_counts=True)
    counts = {str(value): int(count) for value, count in zip(values, n, strict=True)}
    if positive is not None:
        chosen = _find_label(positive, counts, target)
        if len(counts) > 2:
            rest = [label for label in counts if label != chosen]
            log.convert(f"{target.file}: {target.name!r} became {chosen!r} = 1 against {shorten(rest, 10)} = 0.")
        return (labels == chosen).astype(np.int64), counts
    if target.parsed.kind == "boolean":
        log.convert(f"{target.file}: {target.name!r} became false = 0, true = 1.")
        return target.parsed.numbers[rows].astype(np.int64), counts
    if numbers is None:
        return labels, counts
    if (numbers == np.round(numbers)).all():
        return numbers.astype(np.int64), counts
    log.convert(
        f"{target.file}: the {len(counts)} values of {target.name!r} were taken as class labels and became text; for "
        "numbers: task='regression'."
    )
    return labels, counts


def _positive(target, y, positive, counts):
    """Return the class label whose probability a model of two classes gives."""
    if positive is not None:
        return _find_label(positive, counts, target)
    return "true" if target.parsed.kind == "boolean" else str(max(y))


def _find_label(positive, counts, target):
    wanted = {str(positive).strip()}
    if isinstance(positive, bool | np.bool_) or target.parsed.kind == "boolean":
        wanted.add(str(positive).strip().lower())
    try:
        number = float(positive)
        wanted.add(str(int(number)) if number == int(number) else repr(number))
    except (TypeError, ValueError, OverflowError):
        pass
    found = [label for label in counts if label in wanted]
    if not found:
        raise CohortError(
            f"{target.file}: no row of the cohort has {target.name!r} = {positive!r}. It has: {shorten(counts, 10)}."
        )
    return found[0]
