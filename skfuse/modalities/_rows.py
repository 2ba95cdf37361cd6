"""Voxel-scale data and Gram matrices by row key: the table carries one column, the data stay where they are."""

from collections import Counter
from copy import deepcopy
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skfuse.modalities._container import column_names, has_cells, to_floats
from skfuse.modalities._mixins import ModalityTransformerMixin
from skfuse.modalities._resolve import SEPARATOR, UNNAMED
from skfuse.modalities._table import validate_table

KEY = "row"


class _RowKeyTransformer(ModalityTransformerMixin, TransformerMixin, BaseEstimator):
    """Replace the column ``<modality>__row`` by what the rows stand for."""

    def _resolve_key(self, X):
        """Which modality holds the row key; `X` is one column alone, or a table with a column ``<modality>__row``."""
        table = validate_table(self, X, reset=True)
        names = column_names(table.X)
        if table.X.shape[1] == 1:
            self.key_modality_ = table.names[0]
            return table
        held = [
            name
            for name, columns in table.modalities.items()
            if isinstance(columns, slice)
            and columns.stop - columns.start == 1
            and (names is None or names[columns.start] in (name + SEPARATOR + KEY, KEY))
        ]
        wanted = [self.modality] if self.modality is not None else held
        if len(wanted) != 1 or wanted[0] not in held:
            raise ValueError(
                f"{type(self).__name__} needs one column '<modality>__{KEY}' with the row of each subject; modalities "
                f"with such a column are {held}, `modality` is {self.modality!r}. Add the column, or choose with "
                "`modality=`."
            )
        self.key_modality_ = wanted[0]
        return table

    def _check_ids(self, n_rows):
        if self.ids is None:
            return
        ids = [_plain(key) for key in np.asarray(self.ids, dtype=object).ravel()]
        if n_rows is not None and len(ids) != n_rows:
            raise ValueError(f"`ids` has {len(ids)} entries, but the data have {n_rows} rows.")
        if len(set(ids)) != len(ids):
            twice = sorted({str(key) for key, count in Counter(ids).items() if count > 1})[:5]
            raise ValueError(f"`ids` names subjects more than once: {twice}. Keep one row of the data per subject.")

    def _keys(self, table):
        """Row of each subject, −1 for those who lack the modality."""
        block = table.native_block(self.key_modality_)
        if self.ids is not None:
            return self._look_up(np.asarray(block, dtype=object).ravel(), has_cells(block))
        keys = to_floats(block, f"The row key of modality {self.key_modality_!r}").ravel()
        present = ~np.isnan(keys)
        if np.any(keys[present] != np.round(keys[present])):
            wrong = keys[present][keys[present] != np.round(keys[present])][:3].tolist()
            raise ValueError(
                f"Row keys of modality {self.key_modality_!r} must be whole numbers, got {wrong}. Was the key column "
                "scaled? Put the scaler after the store, where it sees the data, not the key."
            )
        rows = np.where(present, keys, -1).astype(np.intp)
        n_rows = self._n_rows()
        if np.any(keys[present] < 0) or (n_rows is not None and np.any(rows >= n_rows)):
            raise ValueError(
                f"Row keys of modality {self.key_modality_!r} must lie between 0 and {n_rows - 1 if n_rows else '…'}, "
                f"got {np.nanmin(keys):.0f} to {np.nanmax(keys):.0f}. Do the table and the data belong together, and "
                "is the key column unscaled?"
            )
        return rows

    def _look_up(self, keys, present):
        index = {_plain(key): row for row, key in enumerate(np.asarray(self.ids, dtype=object).ravel())}
        unknown = list(dict.fromkeys(key for key in keys[present] if _plain(key) not in index))
        if unknown:
            raise ValueError(
                f"Ids {unknown[:3]} of modality {self.key_modality_!r} are not among the `ids` of the data "
                f"(such as {list(index)[:3]}). Correct the column, or set it to NaN for who lacks the modality."
            )
        rows = np.full(len(keys), -1, dtype=np.intp)
        rows[present] = [index[_plain(key)] for key in keys[present]]
        return rows

    def _replaced(self, table, rows, fetch, width, dtype):
        values = np.full((len(rows), width), np.nan, dtype=dtype)
        present = rows >= 0
        if present.any():
            values[present] = fetch(rows[present])
        blocks = {name: values if name == self.key_modality_ else table.native_block(name) for name in table.modalities}
        return table.replace(blocks)

    def _block_features_out(self, modality, features):
        if modality != self.key_modality_:
            return features
        return [f"{modality}{SEPARATOR}{i}" if modality != UNNAMED else str(i) for i in range(self.n_stored_)]

    def __sklearn_clone__(self):
        # The default clone deep-copies parameters; for data of many gigabytes that would defeat the purpose.
        copy = type(self)(**self.get_params(deep=False))
        for setting in ("_sklearn_output_config", "_metadata_request"):  # what set_output and set_*_request leave
            if hasattr(self, setting):
                setattr(copy, setting, deepcopy(getattr(self, setting)))
        return copy

    def __deepcopy__(self, memo):
        # clone deep-copies mappings of estimators, such as {'mri': make_pipeline(ModalityStore(...), ...)}.
        for parameter in self.get_params(deep=False).values():
            if isinstance(parameter, np.ndarray):
                memo[id(parameter)] = parameter
        memo[id(self)] = copy = type(self).__new__(type(self))
        copy.__dict__ = deepcopy(self.__dict__, memo)
        return copy

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = self.ids is not None
        return tags


def _plain(key):
    """7, 7.0 and numpy's 7 are one id; '7' is another."""
    if hasattr(key, "item"):
        key = key.item()
    return int(key) if isinstance(key, Integral) or (isinstance(key, float) and key.is_integer()) else key


class ModalityStore(_RowKeyTransformer):
    """Fetch the rows of a large array inside a pipeline; the table carries only a row key.

    The table holds one column ``mri__row`` instead of 200,000 voxels, so that cross-validation copies one column of
    integers. Put scaling after the store: a scaled key is no key (and is refused).

    Parameters
    ----------
    data : ndarray, memmap or str
        Array of shape (n_rows, n_features) with any number of rows, or the path of a ``.npy`` file, which is opened
        as a memory map (a path keeps pickles and worker processes small).
    modalities : dict or None
        As in :func:`resolve_modalities`.
    modality : str or None
        Which modality holds the key; None finds the only column ``<modality>__row``.
    ids : array-like of shape (n_rows,) or None
        Subject id of each row of `data`; the key column then holds ids instead of row numbers.

    Attributes
    ----------
    key_modality_ : str
        The modality whose rows are fetched.
    modalities_ : dict
        Columns of each modality in the table with the key.
    n_stored_ : int
        Number of features of the stored data.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    RowKernel : The same for Gram matrices.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skfuse.modalities import ModalityStore
    >>> voxels = np.arange(12, dtype=np.float32).reshape(4, 3)
    >>> X = pd.DataFrame({"mri__row": [2, None], "clinical__age": [61.0, 58.0]})
    >>> ModalityStore(voxels).fit_transform(X)
       mri__0  mri__1  mri__2  clinical__age
    0     6.0     7.0     8.0           61.0
    1     NaN     NaN     NaN           58.0
    """

    def __init__(self, data, modalities=None, *, modality=None, ids=None):
        self.data = data
        self.modalities = modalities
        self.modality = modality
        self.ids = ids

    def fit(self, X, y=None):
        """Find the key column and check the keys.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_columns)
            Table with the key column, or the key column alone. NaN means that the subject lacks the modality.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        data = self._open()
        if data.ndim != 2 or data.dtype.kind not in "fiub":
            raise ValueError(f"`data` must be a numeric array of 2 dimensions, got {data.dtype} of shape {data.shape}.")
        self._check_ids(len(data))
        table = self._resolve_key(X)
        self.n_stored_ = data.shape[1]
        self._keys(table)
        return self

    def transform(self, X):
        """Put the rows of the data in place of their keys.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_columns)
            As in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_columns_out)
            float32 data stay float32 in data frames; who lacks the modality has a row of NaN.
        """
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        data = self._open()
        dtype = np.float32 if data.dtype == np.float32 else np.float64
        return self._replaced(table, self._keys(table), lambda rows: data[rows], data.shape[1], dtype)

    def _open(self):
        return np.load(self.data, mmap_mode="r") if isinstance(self.data, str) else np.asanyarray(self.data)

    def _n_rows(self):
        return len(self._open())


class RowKernel(_RowKeyTransformer):
    """Gram blocks by row number: the kernel of each subject with the training subjects.

    For estimators of ``kernel="precomputed"``. Fit remembers the rows of the training subjects; transform returns
    their columns of the Gram matrix, so that plain cross-validation never needs the pairwise tag.

    Parameters
    ----------
    kernel : ndarray of shape (n_rows, n_rows) or callable
        The Gram matrix of all subjects, or ``kernel(rows_a, rows_b)`` that returns one block of it.
    modalities : dict or None
        As in :func:`resolve_modalities`.
    modality : str or None
        Which modality holds the key; None finds the only column ``<modality>__row``.
    ids : array-like of shape (n_rows,) or None
        Subject id of each row; the key column then holds ids instead of row numbers.

    Attributes
    ----------
    key_modality_ : str
        The modality whose kernel is returned.
    training_rows_ : ndarray of int of shape (n_training_subjects,)
        Rows of the training subjects who have the modality.
    modalities_ : dict
        Columns of each modality in the table with the key.
    n_stored_ : int
        Number of training subjects, the width of the block.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    See Also
    --------
    ModalityStore : The same for features.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.modalities import RowKernel
    >>> K = np.array([[2.0, 1.0, 0.5], [1.0, 2.0, 0.3], [0.5, 0.3, 2.0]])
    >>> train, test = np.array([[0], [2]]), np.array([[1]])
    >>> RowKernel(K).fit(train).transform(test)
    array([[1. , 0.3]])
    """

    def __init__(self, kernel, modalities=None, *, modality=None, ids=None):
        self.kernel = kernel
        self.modalities = modalities
        self.modality = modality
        self.ids = ids

    def fit(self, X, y=None):
        """Remember the rows of the training subjects.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_columns)
            Table with the key column, or the key column alone. NaN means that the subject lacks the modality.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        if not callable(self.kernel):
            shape = np.shape(self.kernel)
            if len(shape) != 2 or shape[0] != shape[1]:
                raise ValueError(f"`kernel` must be a square matrix or a callable, got an array of shape {shape}.")
        self._check_ids(self._n_rows())
        table = self._resolve_key(X)
        rows = self._keys(table)
        self.training_rows_ = rows[rows >= 0]
        self.n_stored_ = len(self.training_rows_)
        if not self.n_stored_:
            raise ValueError(f"No training subject has modality {self.key_modality_!r}: every row key is missing.")
        return self

    def transform(self, X):
        """Kernel of each subject with the training subjects.

        Parameters
        ----------
        X : data frame or array of shape (n_subjects, n_columns)
            As in fit.

        Returns
        -------
        X_out : data frame or array of shape (n_subjects, n_columns_out)
            The Gram block in place of the key; who lacks the modality has a row of NaN.
        """
        check_is_fitted(self)
        table = validate_table(self, X, reset=False)
        return self._replaced(table, self._keys(table), self._block, self.n_stored_, np.float64)

    def _block(self, rows):
        if callable(self.kernel):
            block = np.asarray(self.kernel(rows, self.training_rows_))
            if block.shape != (len(rows), self.n_stored_):
                raise ValueError(
                    f"The callable `kernel` returned shape {block.shape} for {len(rows)} × {self.n_stored_} rows."
                )
            return block
        return np.asanyarray(self.kernel)[np.ix_(rows, self.training_rows_)]

    def _n_rows(self):
        return None if callable(self.kernel) else len(self.kernel)
