"""From `modalities` to columns: who owns which column of the table."""

import re
from collections.abc import Iterable, Mapping
from numbers import Integral

import numpy as np

from skfuse.modalities._container import as_table, column_names, n_columns

SEPARATOR = "__"
#: The name of the only modality of a table whose columns carry no prefix.
UNNAMED = "all"

_NAMES_LOST = (
    "X has no column names. A step before this one lost them: call .set_output(transform='pandas') (or 'polars') on "
    "the pipeline, or use the transformers of skfuse, which keep names; for a plain array give indices or a slice."
)


def resolve_modalities(X, modalities=None, *, reserved=()):
    """Which columns of a table belong to which modality.

    Parameters
    ----------
    X : data frame or array-like of shape (n_subjects, n_features)
        One table, a row per subject.
    modalities : dict or None
        Mapping from name to columns: a list of names or of indices, a slice (of positions, or of names with both
        ends included), a boolean mask, a regular expression (str or compiled, searched in every name), or a callable
        that takes `X` and returns one of these, such as ``make_column_selector("^mri")``. None reads the prefix before
        the first ``__`` of every column name: ``mri__hippocampus_l`` belongs to ``mri``; a table without any prefix
        is one modality, called ``"all"``.
    reserved : sequence of str
        Names that no modality may have, such as the parameters of an estimator.

    Returns
    -------
    columns : dict of str to slice or ndarray of int
        Positions of the columns of each modality, as a slice where they are contiguous, in the order of `modalities`,
        or of first appearance where it is None.

    Raises
    ------
    ValueError
        If a modality is empty, asks for unknown columns, overlaps another, or has a name that cannot be used.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.modalities import resolve_modalities
    >>> X = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["mri__amygdala", "mri__insula", "pet__insula"])
    >>> resolve_modalities(X)
    {'mri': slice(0, 2, None), 'pet': slice(2, 3, None)}
    >>> resolve_modalities(X, {"imaging": "insula"})
    {'imaging': slice(1, 3, None)}
    """
    X = as_table(X)
    names = column_names(X)
    columns = _by_prefix(names, n_columns(X)) if modalities is None else _by_mapping(X, names, modalities)
    for name in columns:
        _check_name(name, reserved)
    return columns


def positions(columns, n):
    """Integer positions of the columns of one modality in a table of `n` columns."""
    return np.arange(n)[columns] if isinstance(columns, slice) else columns


def other_columns(modalities, n):
    """Positions of the columns that stand outside every modality."""
    outside = np.ones(n, dtype=bool)
    for columns in modalities.values():
        outside[columns] = False
    return np.flatnonzero(outside)


# Names ----------------------------------------------------------------------------------------------------------


def _check_name(name, reserved):
    if not isinstance(name, str) or not name:
        raise ValueError(f"A modality's name must be a non-empty string, got {name!r}.")
    if SEPARATOR in name:
        raise ValueError(
            f"The modality name {name!r} contains '__', which separates a modality from its feature. Rename it."
        )
    if name in reserved:
        raise ValueError(
            f"A modality cannot be called {name!r}: it is a parameter of this estimator, so `{name}` could not be set "
            f"for the modality. Rename the modality, for example to '{name}_block'."
        )


# None: read the prefix ------------------------------------------------------------------------------------------


def _by_prefix(names, n):
    if names is None:
        return {UNNAMED: slice(0, n)}
    prefixes, inner = {}, {}
    for position, name in enumerate(names):
        prefix, separator, feature = name.partition(SEPARATOR)
        if not separator:
            continue
        if not prefix:
            raise ValueError(
                f"Column {name!r} has an empty prefix before '__'. Name columns <modality>__<feature>, or give "
                "`modalities=`."
            )
        prefixes.setdefault(prefix, []).append(position)
        if SEPARATOR in feature:
            second = feature.split(SEPARATOR, 1)[0].rsplit(" ", 1)[-1]
            if second != prefix:
                inner.setdefault(prefix, (name, second))
    _refuse_traps(prefixes, inner, names)
    if not prefixes:
        return {UNNAMED: slice(0, n)}
    return {prefix: _compact(np.array(found)) for prefix, found in prefixes.items()}


def _refuse_traps(prefixes, inner, names):
    for prefix, found in prefixes.items():
        example = names[found[0]]
        if prefix == "remainder":
            raise ValueError(
                f"Column {example!r} comes out of a ColumnTransformer's remainder, so its modality is lost. Name the "
                "transformers after the modalities and give every column one, or use ModalityTransformer, which "
                "passes other columns on unchanged."
            )
        if prefix.startswith("missingindicator"):
            raise ValueError(
                f"Column {example!r} is a missing indicator made by an imputer, not a modality. Leave out "
                "`add_indicator=True`; skfuse reads who lacks a modality from rows of NaN."
            )
    if inner:
        prefix, (example, second) = next(iter(inner.items()))
        raise ValueError(
            f"Column {example!r} holds two prefixes: it could belong to modality {prefix!r} or to {second!r}. If a "
            "ColumnTransformer made it, name its transformers after the modalities or set "
            "verbose_feature_names_out=False; if the second '__' is part of the feature's name, replace it by '_'; or "
            f"say what you mean: modalities={{{prefix!r}: '^{prefix}__', ...}}."
        )


# A mapping: read the selectors ----------------------------------------------------------------------------------


def _by_mapping(X, names, modalities):
    if not isinstance(modalities, Mapping):
        raise ValueError(
            f"`modalities` must be a mapping from name to columns or None, got {type(modalities).__name__}. Write "
            "modalities={'mri': [...], 'pet': [...]}."
        )
    if not modalities:
        raise ValueError("`modalities` is an empty mapping. Name at least one modality, or use None to read prefixes.")
    # A dict look-up: sklearn's own resolver of names takes quadratic time.
    index = None if names is None else {name: position for position, name in enumerate(names)}
    resolved = {name: _select(X, names, index, name, selector) for name, selector in modalities.items()}
    _refuse_overlap(resolved, names, n_columns(X))
    return resolved


def _select(X, names, index, name, selector):
    n = n_columns(X)
    if callable(selector):
        selector = selector(X)
    if isinstance(selector, str | re.Pattern):
        if names is None:
            raise ValueError(f"Modality {name!r} is a regular expression, but {_NAMES_LOST}")
        pattern = re.compile(selector)
        found = np.flatnonzero([pattern.search(column) is not None for column in names])
        if not len(found):
            raise ValueError(
                f"Modality {name!r}: no column matches {pattern.pattern!r}. Columns are {_shorten(names)}."
            )
    elif isinstance(selector, slice):
        found = _from_slice(selector, index, name, n)
    else:
        found = _from_list(selector, index, names, name, n)
    if not len(found):
        raise ValueError(f"Modality {name!r} has no columns. Give it some or remove it from `modalities`.")
    return _compact(found)


def _from_slice(selector, index, name, n):
    if isinstance(selector.start, str) or isinstance(selector.stop, str):
        if not all(isinstance(end, str | None) for end in (selector.start, selector.stop)):
            raise ValueError(f"Modality {name!r} mixes kinds of columns: {selector}. Give two names or two positions.")
        start = 0 if selector.start is None else _from_list([selector.start], index, None, name, n)[0]
        stop = n if selector.stop is None else _from_list([selector.stop], index, None, name, n)[0] + 1
        return np.arange(start, stop, selector.step or 1)
    if selector.stop is not None and selector.stop > n:
        raise ValueError(
            f"Modality {name!r} asks for columns up to {selector.stop}, but X has {n}. If a step before changed the "
            "number of columns, positions no longer hold: use names (.set_output(transform='pandas'))."
        )
    return np.arange(n)[selector]


def _from_list(selector, index, names, name, n):
    items = [selector] if isinstance(selector, Integral) else selector
    if not isinstance(items, Iterable):
        raise ValueError(
            f"Modality {name!r} must be given as names, indices, a slice, a boolean mask, a regular expression or a "
            f"callable, got {type(selector).__name__}."
        )
    items = items.tolist() if hasattr(items, "tolist") else list(items)
    if items and all(isinstance(item, bool) for item in items):
        if len(items) != n:
            raise ValueError(f"Modality {name!r}: the boolean mask has {len(items)} entries, but X has {n} columns.")
        return np.flatnonzero(items)
    if all(isinstance(item, str) for item in items):
        if items and index is None:
            raise ValueError(f"Modality {name!r} is given by names, but {_NAMES_LOST}")
        unknown = [item for item in items if item not in index]
        if unknown:
            raise ValueError(
                f"Modality {name!r} asks for columns that X does not have: {_shorten(unknown)}. Rename them in X or "
                "remove them from `modalities`."
            )
        found = np.array([index[item] for item in items], dtype=np.intp)
    elif all(isinstance(item, Integral) and not isinstance(item, bool) for item in items):
        found = np.array(items, dtype=np.intp)
        wrong = found[(found < -n) | (found >= n)]
        if len(wrong):
            raise ValueError(
                f"Modality {name!r} asks for columns {_shorten(wrong.tolist())}, but X has {n}. If a step before "
                "changed the number of columns, positions no longer hold: use names."
            )
        found = np.where(found < 0, found + n, found)
    else:
        raise ValueError(f"Modality {name!r} mixes kinds of columns: {_shorten(items)}. Give names or indices.")
    if len(np.unique(found)) != len(found):
        raise ValueError(f"Modality {name!r} names a column twice: {_shorten(items)}.")
    return found


def _refuse_overlap(resolved, names, n):
    owner = {}
    taken = np.zeros(n, dtype=np.intp)
    for number, (name, columns) in enumerate(resolved.items(), start=1):
        shared = positions(columns, n)[taken[columns] > 0]
        if len(shared):
            other = owner[taken[shared[0]]]
            shown = [names[i] for i in shared] if names is not None else shared.tolist()
            raise ValueError(
                f"Modalities {other!r} and {name!r} share columns: {_shorten(shown)}. A column belongs to one modality "
                "(a regular expression is searched anywhere in a name: anchor it with '^')."
            )
        taken[columns] = number
        owner[number] = name


def _compact(found):
    """Contiguous positions as a slice, so that a block of an array is a view."""
    contiguous = len(found) == 1 or bool(np.all(np.diff(found) == 1))
    return slice(int(found[0]), int(found[-1]) + 1) if contiguous else found


def _shorten(items, limit=5):
    items = list(items)
    shown = ", ".join(repr(item) for item in items[:limit])
    return f"[{shown}]" if len(items) <= limit else f"[{shown}, … {len(items)} in all]"
