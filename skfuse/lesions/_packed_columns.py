"""Binary columns that are kept as bits and read a part at a time."""

import numpy as np
from scipy import sparse

from skfuse._chunks import chunks
from skfuse.lesions._columns import pack_columns


class PackedColumns:
    """Columns of a binary matrix that are kept as bits, an eighth of a byte each, and read a part at a time.

    Parameters
    ----------
    words : ndarray of shape (n_columns, n_words), uint64
        As :func:`pack_columns` gives them; the bytes that have a row are copied.
    n_rows : int

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse.lesions._columns import pack_columns
    >>> from skfuse.lesions._packed_columns import PackedColumns
    >>> packed = PackedColumns(pack_columns(np.array([[0, 1, 1], [1, 1, 0]])), 2)
    >>> packed.shape, packed[:, 1:3].tolist()
    ((2, 3), [[1, 1], [1, 0]])
    """

    def __init__(self, words, n_rows):
        n_bytes = -(-n_rows // 8)
        self._bits = np.ascontiguousarray(np.ascontiguousarray(words).view(np.uint8)[:, :n_bytes])
        self.shape = (n_rows, len(words))

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, places):
        rows, columns = places
        return np.unpackbits(self._bits[columns], axis=1, count=self.shape[0], bitorder="little").T[rows]

    def weighted_sums(self, weights):
        """Sums over the rows of each column, each row times a weight.

        Parameters
        ----------
        weights : ndarray of shape (n_rows, n_sums), float32 or float64

        Returns
        -------
        sums : ndarray of shape (n_sums, n_columns)
            Of the type of the weights.
        """
        from skfuse.lesions._packed_columns_compiled import LANES, add_bytes, fill_table

        n_rows, n_sums = weights.shape
        sums = np.empty((n_sums, self.shape[1]), dtype=weights.dtype)
        table = np.empty((-(-n_rows // 8), 256, LANES), dtype=weights.dtype)
        for some in chunks(n_sums, 1, LANES):
            lanes = np.zeros((n_rows, LANES), dtype=weights.dtype)
            lanes[:, : some.stop - some.start] = weights[:, some]
            fill_table(lanes, table)
            add_bytes(self._bits, table, sums[some])
        return sums


class ScaledColumns(PackedColumns):
    """The same, each row divided by a number: read as float32.

    Parameters
    ----------
    packed : PackedColumns
    divisors : ndarray of shape (n_rows,)
    """

    def __init__(self, packed, divisors):
        self._bits, self.shape = packed._bits, packed.shape
        self._divisors = divisors[:, None].astype(np.float32)

    def __getitem__(self, places):
        rows, columns = places
        return (super().__getitem__((slice(None), columns)) / self._divisors)[rows]

    def weighted_sums(self, weights):
        """As :meth:`PackedColumns.weighted_sums`, of the divided rows."""
        return super().weighted_sums(weights / self._divisors)


def columns_as_bits(X, places):
    """Some columns of a matrix as bits if all are binary, as they are if not.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix of shape (n_rows, n_columns)
    places : ndarray of shape (n_places,), int

    Returns
    -------
    columns : PackedColumns or ndarray of shape (n_rows, n_places)
    """
    if sparse.issparse(X):
        X = X.tocsc()[:, places]
        words = pack_columns(X)
        return X.toarray() if words is None else PackedColumns(words, X.shape[0])
    words = pack_columns(X, places)
    return X[:, places] if words is None else PackedColumns(words, X.shape[0])
