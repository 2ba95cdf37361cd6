"""From one table per modality to one table, and back."""

import warnings
from collections.abc import Mapping

import numpy as np

from skfuse.modalities._container import (
    as_table,
    column_names,
    frame_library,
    is_frame,
    take_columns,
)
from skfuse.modalities._mixins import feature_name
from skfuse.modalities._resolve import SEPARATOR, positions, resolve_modalities
from skfuse.modalities._subjects import check_subjects
from skfuse.modalities._warnings import AlignedTableWarning


def join_modalities(tables, *, other=None, on=None, like=None):
    """Join one table per modality into the one table that estimators take.

    Parameters
    ----------
    tables : dict of str to data frame or array
        A table per modality, one row per subject. pandas tables are joined on their index, polars tables on the
        column `on`, arrays by position (then all need the same number of rows). A column ``hippocampus`` of ``mri``
        becomes ``mri__hippocampus``; one that has the prefix keeps its name.
    other : data frame or None
        Columns that stand outside every modality, such as site and age; joined like the others, names unchanged.
    on : str or None
        The column with the subject ids, for tables that hold them in a column; pandas tables may use their index.
    like : estimator or None
        A fitted estimator, pipeline or search: the result gets exactly the columns it was fitted with, in its order.
        Modalities that are not in `tables` are added as missing, columns that it does not know are left out, both
        with an :class:`AlignedTableWarning` that names them.

    Returns
    -------
    X : DataFrame of shape (n_subjects, n_features)
        All subjects that appear in any table (outer join), in order of first appearance; a subject who is not in a
        modality's table has missing values there. polars in, polars out (with the column `on` in front, unless
        `like` is given); otherwise pandas.

    Raises
    ------
    ValueError
        If subjects repeat within a table, two tables share no subject at all, or, with `like`, a column that is no
        whole modality is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.modalities import join_modalities
    >>> mri = pd.DataFrame({"hippocampus": [3.1, 2.9]}, index=["anna", "ben"])
    >>> pet = pd.DataFrame({"suvr": [1.2, 1.4]}, index=["ben", "cleo"])
    >>> join_modalities({"mri": mri, "pet": pet})
          mri__hippocampus  pet__suvr
    anna               3.1        NaN
    ben                2.9        1.2
    cleo               NaN        1.4
    """
    if not isinstance(tables, Mapping) or not tables:
        raise ValueError("`tables` must be a mapping from modality to table, such as {'mri': mri, 'pet': pet}.")
    for name, table in tables.items():
        if not isinstance(name, str) or not (is_frame(table) or isinstance(table, list) or hasattr(table, "__array__")):
            raise ValueError(
                f"`tables` must map names of modalities (str) to data frames or arrays, got {name!r}: "
                f"{type(table).__name__}."
            )
    pd = _pandas()
    libraries = {frame_library(table) for table in tables.values()}
    frames = {name: _indexed(pd, name, table, on) for name, table in tables.items()}
    _check_arrays(tables)
    parts = [
        frame.set_axis([feature_name(name, str(c)) for c in frame.columns], axis=1) for name, frame in frames.items()
    ]
    if other is not None:
        frames["other"] = _indexed(pd, "other", other, on)
        parts.append(frames["other"])
    if any(map(is_frame, tables.values())):
        check_subjects(frames)
    order = parts[0].index
    for part in parts[1:]:
        order = order.append(part.index.difference(order, sort=False))
    joined = pd.concat([part.reindex(order) for part in parts], axis=1) if len(parts) > 1 else parts[0]
    joined.index.name = parts[0].index.name
    _refuse_duplicate_columns(joined)
    if like is not None:
        joined = _aligned(pd, joined, like)
    if libraries == {"polars"}:
        import polars as pl

        return pl.from_pandas(joined) if like is not None else pl.from_pandas(joined.reset_index())
    return joined


def _pandas():
    try:
        import pandas
    except ImportError as error:
        raise ImportError('Joining tables needs pandas: pip install "skfuse[app]".') from error
    return pandas


def _indexed(pd, name, table, on):
    """A table as a pandas frame whose index holds the subjects."""
    if not is_frame(table):
        array = as_table(table)
        frame = pd.DataFrame(array, columns=[str(i) for i in range(array.shape[1])])
    elif frame_library(table) == "pandas" and on in (None, table.index.name):
        frame = table
    elif on is None:
        raise ValueError(f"Table {name!r} has no index: say which column holds the subject ids with on='...'.")
    elif on not in table.columns:
        raise ValueError(f"Table {name!r} has no column {on!r}; its columns begin with {list(table.columns)[:5]}.")
    else:
        frame = (table if frame_library(table) == "pandas" else table.to_pandas()).set_index(on)
    if frame.index.nlevels > 1:
        raise ValueError(
            f"Table {name!r} has an index of {frame.index.nlevels} levels {list(frame.index.names)}. Keep one level "
            "with the subject id, for example one visit of each subject."
        )
    if frame.index.hasnans:
        raise ValueError(f"Table {name!r} has rows without a subject id. Remove them or fill in the id.")
    if not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()].unique().tolist()[:5]
        raise ValueError(
            f"Table {name!r} holds subjects more than once: {twice}. Keep one row per subject (one visit, or the "
            "mean), or make the visit part of the subject id."
        )
    return frame


def _check_arrays(tables):
    rows = {name: len(as_table(table)) for name, table in tables.items() if not is_frame(table)}
    if len(set(rows.values())) > 1:
        raise ValueError(f"Arrays are joined by position and need the same number of rows, got {rows}.")
    if rows and len(rows) < len(tables):
        raise ValueError(
            f"Arrays ({sorted(rows)}) have no subject ids, so they cannot be joined with data frames. Give them an "
            "index: pandas.DataFrame(array, index=subject_ids)."
        )


def _refuse_duplicate_columns(joined):
    if not joined.columns.is_unique:
        twice = joined.columns[joined.columns.duplicated()].unique().tolist()[:5]
        raise ValueError(f"Columns would share a name after joining: {twice}. Rename them.")


def _aligned(pd, joined, like):
    """The columns that a fitted model wants, in its order."""
    wanted, modalities = _columns_of(like)
    renamed = _match_names(joined, wanted, modalities)
    absent = [column for column in wanted if column not in renamed.columns]
    gone = set(absent)
    added = [name for name, columns in modalities.items() if columns and gone.issuperset(columns)]
    filled = {column for name in added for column in modalities[name]}
    lacking = [column for column in absent if column not in filled]
    if lacking:
        raise ValueError(
            f"The model was fitted with columns that the tables lack: {lacking[:5]}"
            f"{f' and {len(lacking) - 5} more' if len(lacking) > 5 else ''}. Only a whole modality can be missing; "
            "rename or add these columns (NaN where a value was not measured), in `other` if they are no modality's."
        )
    known = set(wanted)
    left_out = [column for column in renamed.columns if column not in known]
    if added or left_out:
        says = []
        if added:
            says.append(f"modalities {added} are absent and were added as missing")
        if left_out:
            says.append(f"columns {left_out[:5]}{' and others' if len(left_out) > 5 else ''} are unknown and left out")
        warnings.warn(f"Compared with the model: {'; '.join(says)}.", AlignedTableWarning, stacklevel=3)
    empty = pd.DataFrame(np.nan, index=joined.index, columns=sorted(filled))
    return pd.concat([renamed, empty], axis=1)[wanted]


def _match_names(joined, wanted, modalities):
    """Rename ``mri__x`` to ``x`` where the model knows that column of `mri` without a prefix."""
    known = set(wanted)
    plain = {feature_name(name, column): column for name, columns in modalities.items() for column in columns}
    return joined.rename(columns={c: plain[c] for c in joined.columns if c not in known and c in plain})


def _columns_of(model):
    """Columns in, and modalities as lists of column names, of a fitted estimator, pipeline or search."""
    wanted = getattr(model, "feature_names_in_", None)
    if wanted is None:
        raise ValueError(
            f"`like` must be an estimator fitted on a data frame; this {type(model).__name__} knows no column names."
        )
    wanted = list(wanted)
    model = getattr(model, "best_estimator_", model)
    steps = [step for _, step in getattr(model, "steps", [])] or [model]
    resolved = getattr(steps[0], "modalities_", None)
    if resolved is not None:
        names = {name: [wanted[i] for i in positions(found, len(wanted))] for name, found in resolved.items()}
        return wanted, names
    prefixed = {}
    for column in wanted:
        prefix, separator, _ = column.partition(SEPARATOR)
        if separator:
            prefixed.setdefault(prefix, []).append(column)
    return wanted, prefixed


def split_modalities(X, modalities=None):
    """One table per modality: the way back from :func:`join_modalities`.

    Parameters
    ----------
    X : data frame or array-like of shape (n_subjects, n_features)
        One table, a row per subject.
    modalities : dict or None
        As in :func:`resolve_modalities`.

    Returns
    -------
    tables : dict of str to data frame or ndarray of shape (n_subjects, n_features_of_modality)
        In the container of `X`; features lose the prefix ``<modality>__``. Subjects keep their rows, those who lack the
        modality too. Columns that stand outside every modality are left out.

    Raises
    ------
    ValueError
        If the modalities cannot be resolved.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.modalities import split_modalities
    >>> X = pd.DataFrame({"mri__insula": [1.0, 2.0], "pet__insula": [None, 3.0]})
    >>> split_modalities(X)["pet"]
       insula
    0     NaN
    1     3.0
    """
    X = as_table(X)
    tables = {}
    for name, columns in resolve_modalities(X, modalities).items():
        block = take_columns(X, columns)
        names = column_names(block)
        if names is not None:
            short = [column.removeprefix(name + SEPARATOR) for column in names]
            if frame_library(block) == "pandas":
                block = block.set_axis(short, axis=1)
            else:
                block = block.rename(dict(zip(names, short, strict=True)))
        tables[name] = block
    return tables
