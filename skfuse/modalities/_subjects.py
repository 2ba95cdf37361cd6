"""Subject ids: two spellings of one subject, tables without ids, and targets in another order than the table."""

import re

import numpy as np


def bare_forms(ids):
    """Ids by what is left without prefix, zeros, decimals, case and blanks.

    Parameters
    ----------
    ids : iterable
        Ids of one table, of any type.

    Returns
    -------
    forms : dict
        Bare form to id; forms that several ids share are left out, since then the difference is meant.
    """
    forms = {}
    for key in sorted(ids, key=str):
        bare = str(key).strip().lower().removeprefix("sub-")
        bare = re.sub(r"^([0-9]+)\.0+$", r"\1", bare)
        forms.setdefault(re.sub(r"(?<![0-9])0+(?=[0-9])", "", bare), []).append(key)
    return {form: keys[0] for form, keys in forms.items() if len(keys) == 1}


def spelled_differently(first, second):
    """Pairs of ids that match nowhere and differ only in how they are written.

    Parameters
    ----------
    first, second : iterable
        Ids of two tables.

    Returns
    -------
    pairs : list of tuple
        (id of `first`, id of `second`).
    """
    first, second = set(first), set(second)
    here, there = bare_forms(first - second), bare_forms(second - first)
    return [(here[form], there[form]) for form in here if form in there]


def check_subjects(frames):
    """Refuse tables whose subjects cannot be matched by their index.

    Parameters
    ----------
    frames : dict of str to pandas.DataFrame
        With unique index each.

    Raises
    ------
    ValueError
        If tables with ids stand beside tables without, row numbers would be taken for ids, no subject is in common,
        or ids are written differently.
    """
    _check_row_numbers(frames)
    (first, reference), *others = frames.items()
    for name, frame in others:
        if not len(reference) or not len(frame):
            continue
        pairs = spelled_differently(reference.index, frame.index)
        if pairs:
            raise ValueError(
                f"{len(pairs)} subjects are written differently in tables {first!r} and {name!r}: {pairs[0][0]!r} and "
                f"{pairs[0][1]!r}. They would become two subjects each. Write the ids alike (type, blanks, case, "
                "leading zeros, prefix 'sub-'), for example frame.index = frame.index.astype(str).str.strip()."
            )
        if not reference.index.isin(frame.index).any():
            raise ValueError(
                f"Tables {first!r} and {name!r} have no subject in common: ids look like "
                f"{reference.index[:3].tolist()} and {frame.index[:3].tolist()}. Set the subject ids as index of both, "
                "as the same type (frame.index = frame.index.astype(str))."
            )


def _check_row_numbers(frames):
    """A default index counts rows; it identifies nobody, unless all tables have the same rows."""
    numbered = [name for name, frame in frames.items() if is_row_number(frame.index)]
    if not numbered or len(frames) == 1:
        return
    cure = "Say which column holds the subject ids: join_modalities(..., on='subject'), or frame.set_index('subject')."
    if len(numbered) < len(frames):
        raise ValueError(f"Tables {numbered} have row numbers as index, the others subject ids. {cure}")
    lengths = {name: len(frame) for name, frame in frames.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"The tables have row numbers as index and different numbers of rows: {lengths}. {cure}")
    firsts = {frame.columns[0] for frame in frames.values() if frame.shape[1]}
    if len(firsts) == 1 and all(frame.iloc[:, 0].is_unique for frame in frames.values()):
        raise ValueError(
            f"The tables have row numbers as index, and all begin with a column {firsts.pop()!r} that is different in "
            f"each row: it seems to hold the subject ids, which would become a predictor. {cure}"
        )


def is_row_number(index):
    """Whether a pandas index is the default one, 0 to n − 1 without a name."""
    return type(index).__name__ == "RangeIndex" and index.name is None and index.start == 0 and index.step == 1


def refuse_other_order(X, values, label, of="X"):
    """Refuse a target or groups that hold the subjects of a table in another order.

    scikit-learn pairs rows by position. Where both carry ids as text, a different order is never meant; integer
    labels may be left-over row numbers and are not compared.

    Parameters
    ----------
    X : data frame or array
        The table.
    values : Series or array-like
        Target or groups.
    label, of : str
        What messages call `values` and `X`.

    Raises
    ------
    ValueError
        If both are from pandas with text ids, share subjects, and differ in order.
    """
    index, other = getattr(X, "index", None), getattr(values, "index", None)
    if callable(index) or callable(other) or index is None or other is None or len(index) != len(other):
        return
    if index.equals(other) or index.inferred_type != "string" or other.inferred_type != "string":
        return
    shared = other.isin(index)
    if shared.any() and index.is_unique:
        row = int(np.argmax(np.asarray(index) != np.asarray(other)))
        raise ValueError(
            f"{label} is in another order than {of}: row {row} is {index[row]!r} in {of} and {other[row]!r} in {label}."
            f" Rows are paired by position, so subjects would be mixed up. Use {label}.loc[{of}.index]."
        )
