"""A checked table: its modalities, who has them, and the way back into the user's container."""

import warnings
from itertools import pairwise

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.utils.validation import check_array, validate_data

from skfuse._validation import _get_output_config, _num_samples
from skfuse.modalities._container import (
    as_array,
    as_table,
    column_names,
    frame_library,
    has_cells,
    is_frame,
    n_columns,
    take_columns,
    take_rows,
    to_floats,
)
from skfuse.modalities._imputed import warn_if_imputed
from skfuse.modalities._resolve import UNNAMED, other_columns, resolve_modalities
from skfuse.modalities._warnings import SingleModalityWarning


class Table:
    """One table of subjects whose modalities are known; made by :func:`validate_table`.

    Parameters
    ----------
    X : data frame or ndarray of shape (n_subjects, n_features)
        The table as the user gave it.
    modalities : dict of str to slice or ndarray of int
        Positions of the columns of each modality.
    estimator : estimator instance or None
        Whose names and container :meth:`replace` follows.

    Attributes
    ----------
    present : ndarray of shape (n_subjects, n_modalities), dtype bool
        Who has which modality; in the order of `modalities`.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.modalities import Table, resolve_modalities
    >>> X = pd.DataFrame({"mri__a": [1.0, None], "pet__a": [3.0, 4.0]})
    >>> table = Table(X, resolve_modalities(X))
    >>> {name: block.ravel().tolist() for name, block in table.blocks()}
    {'mri': [1.0, nan], 'pet': [3.0, 4.0]}
    """

    def __init__(self, X, modalities, estimator=None):
        self.X = X
        self.modalities = modalities
        self._estimator = estimator
        self._present = None

    def __len__(self):
        return _num_samples(self.X)

    @property
    def names(self):
        """Names of the modalities."""
        return list(self.modalities)

    def block(self, name):
        """Values of one modality: a float array (n_subjects, n_features), missing values as NaN."""
        return to_floats(self.native_block(name), _label(name, self.modalities))

    def native_block(self, name, rows=None):
        """Columns of one modality in the user's container, text and categories included; `rows` by position."""
        block = take_columns(self.X, self.modalities[name])
        return block if rows is None else take_rows(block, rows)

    def blocks(self):
        """Yield (name, values) per modality, converted one at a time."""
        for name in self.modalities:
            yield name, self.block(name)

    @property
    def present(self):
        """Who has which modality (n_subjects, n_modalities); columns may hold text."""
        if self._present is None:
            present = np.empty((len(self), len(self.modalities)), dtype=bool)
            for position, name in enumerate(self.modalities):
                present[:, position] = has_cells(self.native_block(name))
            self._present = present  # whole, also for another thread that looks
        return self._present

    def present_in(self, name):
        """Who has the modality `name` (n_subjects,)."""
        return self.present[:, self.names.index(name)]

    def replace(self, blocks, names=None):
        """The table with other blocks: modalities first, in order, then the other columns, unchanged.

        Parameters
        ----------
        blocks : dict of str to ndarray or data frame of shape (n_subjects, n_new_features)
            New values of modalities, or columns as :meth:`native_block` gives them; one that is not named is dropped.
        names : sequence of str or None
            Names of the new columns; None takes those that the estimator gives out.

        Returns
        -------
        table : data frame or ndarray of shape (n_subjects, n_new_columns)
            In the container of `X`, or in the one that `set_output` asks for.
        """
        rest = other_columns(self.modalities, n_columns(self.X))
        others = take_columns(self.X, rest)
        library = _get_output_config("transform", self._estimator)["dense"]
        if library == "default":
            library = frame_library(self.X)
        if library is None:
            arrays = list(blocks.values())
            if len(rest):
                arrays.append(others)
            return _side_by_side(arrays)
        names = list(self._estimator.get_feature_names_out() if names is None else names)
        return _frame([*blocks.values(), others] if len(rest) else list(blocks.values()), names, library, self.X)


def _side_by_side(arrays):
    """Arrays beside each other, without a copy where they are the columns of one array, all of them in order."""
    whole = arrays[0].base
    if len(arrays) > 1 and whole is not None and all(array.base is whole for array in arrays):
        edges = np.cumsum([0, *(array.shape[1] for array in arrays)])
        parts = [whole[:, start:stop] for start, stop in pairwise(edges)] if whole.ndim == 2 else []
        layouts = zip(arrays, parts, strict=False)
        if parts and edges[-1] == whole.shape[1] and all(_same_cells(one, other) for one, other in layouts):
            return whole
    return arrays[0] if len(arrays) == 1 else np.hstack(arrays)


def _same_cells(first, second):
    own, other = first.__array_interface__, second.__array_interface__
    return own["data"] == other["data"] and first.shape == second.shape and first.strides == second.strides


def _frame(parts, names, library, original):
    """A data frame of `library` from arrays and frames side by side, each in its own type."""
    if library == "pandas":
        import pandas as pd

        index = original.index if frame_library(original) == "pandas" else None
        frames = [nw.from_native(part).to_pandas() if is_frame(part) else pd.DataFrame(part) for part in parts]
        if index is not None:
            frames = [frame.set_axis(index, axis=0) for frame in frames]
        frame = pd.concat(frames, axis=1) if len(frames) > 1 else frames[0]
        return frame.set_axis(names, axis=1)
    import polars as pl

    columns = []
    for part in parts:
        columns += nw.from_native(part).to_polars().get_columns() if is_frame(part) else list(np.asarray(part).T)
    return pl.DataFrame([pl.Series(name, column) for name, column in zip(names, columns, strict=True)])


def validate_table(estimator, X, *, reset, fusion=False):
    """Check a table for an estimator and find its modalities.

    Parameters
    ----------
    estimator : estimator instance
        With a parameter `modalities`. In fit (``reset=True``) it gets ``modalities_``, ``n_features_in_`` and
        ``feature_names_in_``.
    X : data frame or array-like of shape (n_subjects, n_features)
        The table. Missing is NaN, None, pandas.NA or a polars null.
    reset : bool
        True in fit; False where the table must be like the one seen in fit.
    fusion : bool or "transform", default=False
        True for estimators that predict from all modalities: columns outside every modality are an error where the
        modalities are read from prefixes, and one modality alone is worth a warning. ``"transform"`` for those that
        fuse but pass other columns on: the warning only.

    Returns
    -------
    table : Table
        Blocks are converted to floats when asked for, one by one.

    Raises
    ------
    ValueError
        If the modalities cannot be resolved, or the columns differ from those seen in fit.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.modalities import validate_table
    >>> from skfuse.preprocessing import ModalityScaler
    >>> estimator = ModalityScaler()
    >>> table = validate_table(estimator, pd.DataFrame({"mri__a": [1.0, 2.0], "site": ["x", "y"]}), reset=True)
    >>> table.names, estimator.modalities_, estimator.n_features_in_
    (['mri'], {'mri': slice(0, 1, None)}, 2)
    """
    if not is_frame(X):
        X = _checked_array(estimator, X)
    elif _num_samples(X) == 0 or n_columns(X) == 0:
        check_array(np.empty((_num_samples(X), n_columns(X))), estimator=estimator)
    column_names(X)  # refuses names that appear twice
    try:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    except ValueError as error:
        raise ValueError(f"{error}\n{_cure_of_columns(estimator)}") from None
    if not reset:
        return Table(X, estimator.modalities_, estimator)
    mapping = getattr(estimator, "modalities", None)
    estimator.modalities_ = resolve_modalities(X, mapping, reserved=_parameters(estimator))
    table = Table(X, estimator.modalities_, estimator)
    if fusion and mapping is None:
        if fusion != "transform":
            _refuse_other_columns(table)
        _warn_if_one_modality(table)
    _refuse_reordered_array(estimator, table, fusion is True)
    warn_if_imputed(table)
    return table


def _checked_array(estimator, X):
    """A 2-D array with rows and columns; a whole-array conversion happens only where it is not one of numbers."""
    tags = getattr(estimator, "__sklearn_tags__", None)
    if hasattr(X, "__dlpack__") and not isinstance(X, np.ndarray):
        raise TypeError(
            f"{type(estimator).__name__} takes data frames and NumPy arrays, got {type(X).__module__}."
            f"{type(X).__name__}. Convert it with X.cpu().numpy() or numpy.asarray(X)."
        )
    return as_array(X, estimator=estimator if tags else None, input_name="X")


def _cure_of_columns(estimator):
    return (
        "If a modality was not measured, or the columns come in another order, skfuse.modalities.join_modalities("
        f"{{...}}, like=model) adds the missing columns and reorders the rest; model is this fitted "
        f"{type(estimator).__name__} or the pipeline that holds it."
    )


def _parameters(estimator):
    return tuple(type(estimator)._get_param_names())


def _refuse_other_columns(table):
    names = column_names(table.X)
    others = other_columns(table.modalities, n_columns(table.X))
    if len(others):
        shown = [names[position] for position in others[:5]]
        raise ValueError(
            f"Columns {shown}{' and others' if len(others) > 5 else ''} belong to no modality: their names have no "
            "prefix '<modality>__'. Add the prefix, say which columns to use with `modalities=`, or drop them."
        )


def _warn_if_one_modality(table):
    if table.names == [UNNAMED]:
        warnings.warn(
            "X is one modality: its columns have no names with a prefix '<modality>__', so there is nothing to fuse. "
            "Name the blocks: join_modalities({'mri': ..., 'pet': ...}), or modalities={'mri': [...], ...}; if a step "
            "before dropped the names, call .set_output(transform='pandas') on the pipeline.",
            SingleModalityWarning,
            stacklevel=4,
        )


def _refuse_reordered_array(estimator, table, fusion):
    """A transformer that would move the columns of a nameless array would silently break positions downstream."""
    if fusion or column_names(table.X) is not None:
        return
    n = n_columns(table.X)
    order = [np.arange(n)[columns] for columns in table.modalities.values()]
    order.append(other_columns(table.modalities, n))
    if not np.array_equal(np.concatenate(order), np.arange(n)) and (
        _get_output_config("transform", estimator)["dense"] == "default"
    ):
        raise ValueError(
            f"{type(estimator).__name__} returns the modalities in the order of `modalities`, then the other columns; "
            "in an array without names a later step could not know that positions changed. Order the columns of X "
            "so, use a data frame, or call .set_output(transform='pandas')."
        )


def _label(name, modalities):
    return "X" if list(modalities) == [UNNAMED] else f"Modality {name!r}"


def present_modalities(X, modalities=None):
    """Who has which modality.

    Parameters
    ----------
    X : data frame or array-like of shape (n_subjects, n_features)
        One table, a row per subject.
    modalities : dict or None
        As in :func:`resolve_modalities`.

    Returns
    -------
    present : ndarray or DataFrame of shape (n_subjects, n_modalities), dtype bool
        False where every column of the modality is missing in the row; text counts as a value. A pandas table gives a
        pandas DataFrame with the same index, a polars one a polars DataFrame; columns are the modalities.

    Raises
    ------
    ValueError
        If the modalities cannot be resolved.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfuse.modalities import present_modalities
    >>> X = pd.DataFrame({"mri__a": [1.0, 2.0], "mri__b": [0.0, None], "pet__a": [None, 3.0]})
    >>> present_modalities(X)
        mri    pet
    0  True  False
    1  True   True
    """
    X = as_table(X)
    table = Table(X, resolve_modalities(X, modalities))
    library = frame_library(X)
    if library == "pandas":
        import pandas as pd

        return pd.DataFrame(table.present, index=X.index, columns=table.names)
    if library == "polars":
        import polars as pl

        return pl.DataFrame(table.present, schema=table.names, orient="row")
    return table.present
