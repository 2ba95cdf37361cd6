"""Variables that had a part in making the clusters, by name or as a copy: they are refused."""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln
from scipy.stats import rankdata

from skfuse.evaluation.clusters._variables import Variable, read_variables
from skfuse.modalities import resolve_modalities
from skfuse.modalities._container import as_table, column_names, is_frame, n_columns, take_columns
from skfuse.modalities._resolve import positions

#: Two columns with a correlation beyond this (of values or of ranks) are one measurement.
COPY = 0.999


def refuse_used(variables, X, used, modalities):
    """Refuse variables that made the clusters, by name and as copies.

    Parameters
    ----------
    variables : list of Variable
        What is to be tested.
    X : data frame, array-like or None
        The table that was clustered.
    used : sequence of str or None
        Names of the columns that made the clusters; None takes every column of the modalities of `X`.
    modalities : dict or None

    Raises
    ------
    ValueError
        Names the variable, the column and the cure.
    """
    if isinstance(used, str) or not isinstance(used, Sequence | np.ndarray | set | frozenset | None):
        raise ValueError(
            f"`used` must be a sequence of column names, got {used!r}. Write used=['mri__thickness', ...]."
        )
    columns = {} if X is None else _used_columns(X, used, modalities, len(variables[0].values) if variables else None)
    names = set(columns) if used is None else {str(name) for name in used}
    wrong = [variable.name for variable in variables if variable.name in names]
    if wrong:
        raise ValueError(
            f"{_shown(wrong)} made the clusters, so a p-value would be small on pure noise too. See its effect size in "
            "cluster_profile, cluster without its modality (left_out_modality_test), or use thinned_test."
        )
    for variable in variables:
        copied = _copied(variable, columns)
        if copied is not None:
            raise ValueError(
                f"The variable {variable.name!r} is a copy of {copied!r}, which made the clusters, so a p-value would "
                f"be small on pure noise too. Leave {variable.name!r} out of the test, or cluster without {copied!r}."
            )


def _used_columns(X, used, modalities, n_subjects):
    """From name to Variable, for the columns of `X` that made the clusters."""
    X = as_table(X)
    names = column_names(X) or [f"X[{j}]" for j in range(n_columns(X))]
    if used is None:
        chosen = np.concatenate([positions(c, n_columns(X)) for c in resolve_modalities(X, modalities).values()])
    else:
        index = {name: j for j, name in enumerate(names)}
        unknown = [name for name in used if str(name) not in index]
        if unknown:
            raise ValueError(f"`used` names columns that X does not have: {_shown(unknown)}. X has {_shown(names)}.")
        chosen = np.array([index[str(name)] for name in used], dtype=np.intp)
    block = take_columns(X, chosen)
    read = read_variables(block, what="X", n_subjects=n_subjects)
    return {
        names[j]: (v if is_frame(X) else Variable(names[j], v.kind, v.values, v.levels))
        for j, v in zip(chosen, read, strict=True)
    }


def _copied(variable, columns):
    """Name of the column of which a variable is a copy, or None.

    A match by chance is no copy: the values must have at least 10,000 orders for every column that they are held
    against, which excludes rare events and handfuls of subjects.
    """
    for name, column in columns.items():
        both = variable.present & column.present
        first, second = variable.values[both], column.values[both]
        if not _orders_exceed(first, 1e4 * len(columns)):
            continue
        if max(len(variable.levels), len(column.levels)) > 2:
            pairs = len(np.unique(np.column_stack([first, second]), axis=0))
            if pairs == len(np.unique(first)) == len(np.unique(second)):
                return name
        elif _correlation(first, second) > COPY or _correlation(rankdata(first), rankdata(second)) > COPY:
            return name
    return None


def _orders_exceed(values, least):
    if len(values) < 3:
        return False
    counts = np.unique(values, return_counts=True)[1]
    return gammaln(len(values) + 1) - gammaln(counts + 1).sum() > np.log(least)


def _correlation(first, second):
    first, second = first - first.mean(), second - second.mean()
    size = np.sqrt((first @ first) * (second @ second))
    return abs(first @ second) / size if size > 0 else 0.0


def _shown(names, limit=5):
    names = [str(name) for name in names]
    return f"{names[:limit]}" if len(names) <= limit else f"{names[:limit]} … {len(names)} in all"
