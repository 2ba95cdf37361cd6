"""Modalities side by side as one standardized matrix, and subjects grouped by what they lack."""

import numpy as np

from skfuse._distances import mean_and_deviation


class BlockScale:
    """One matrix from the blocks of a table, in standard deviations of the training subjects, and the way back.

    Features that do not vary in training, or that no training subject has, stand outside the matrix: they tell nothing
    about others, and others nothing about them.

    Attributes
    ----------
    mean_, scale_ : dict of str to ndarray of shape (n_features_of_modality,)
        Of each feature over the training subjects who have it; the scale is 0 for features outside the matrix.
    varies_ : dict of str to ndarray of shape (n_features_of_modality,), dtype bool
        Which features are in the matrix.
    slices_ : dict of str to slice
        Columns of the matrix that a modality has; maybe none.
    n_columns_ : int
        Columns of the matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse._blocks import BlockScale
    >>> from skfuse.modalities import Table
    >>> X = np.array([[1.0, 7.0, 10.0], [3.0, 7.0, 20.0], [np.nan, np.nan, 30.0]])
    >>> table = Table(X, {"mri": slice(0, 2), "pet": slice(2, 3)})
    >>> scale = BlockScale().fit(table)
    >>> scale.matrix(table).round(2)
    array([[-1.  , -1.22],
           [ 1.  ,  0.  ],
           [  nan,  1.22]])
    >>> scale.restore("mri", np.array([[1.0]]))
    array([[3., 7.]])
    """

    def fit(self, table):
        """Learn mean and scale of each feature from the training table, as `validate_table` gives it."""
        self.mean_, self.scale_, self.varies_, self.slices_ = {}, {}, {}, {}
        start = 0
        for name, block in table.blocks():
            mean, scale = mean_and_deviation(block.astype(np.float64, copy=False))
            varies = scale > 0
            self.mean_[name], self.scale_[name], self.varies_[name] = mean, scale, varies
            self.slices_[name] = slice(start, start + int(np.count_nonzero(varies)))
            start = self.slices_[name].stop
        self.n_columns_ = start
        return self

    def matrix(self, blocks, rows=slice(None)):
        """Standardized values of a table or a mapping of blocks (n_rows, n_columns_), float64; NaN where missing."""
        out = None
        for name, block in blocks.items() if isinstance(blocks, dict) else blocks.blocks():
            block = block[rows]
            if out is None:
                out = np.empty((len(block), self.n_columns_))
            out[:, self.slices_[name]] = self.standardized(name, block)
        return out

    def has(self, matrix):
        """Who has which modality (n_subjects, n_modalities), by the columns that are in the matrix."""
        return np.column_stack([~np.isnan(matrix[:, columns]).all(axis=1) for columns in self.slices_.values()]) & (
            np.array([columns.stop > columns.start for columns in self.slices_.values()])
        )

    def standardized(self, name, block):
        """The columns that one modality has in the matrix, float64."""
        varies = self.varies_[name]
        values = np.array(block, dtype=np.float64) if varies.all() else block[:, varies].astype(np.float64)
        values -= self.mean_[name][varies]
        values /= self.scale_[name][varies]
        return values

    def restore(self, name, values):
        """A block in its own units from its columns of the matrix; features outside of it at their mean."""
        varies = self.varies_[name]
        restored = np.tile(self.mean_[name], (len(values), 1))
        restored[:, varies] += values * self.scale_[name][varies]
        return restored


def groups_of_rows(flags):
    """Subjects grouped by equal rows of flags.

    Parameters
    ----------
    flags : ndarray of shape (n_subjects, n_flags), dtype bool
        Such as who has which modality.

    Returns
    -------
    groups : list of (ndarray of shape (n_flags,), ndarray of int)
        Each pattern with the rows of its subjects, ascending; patterns in an order that depends on them alone.

    Examples
    --------
    >>> import numpy as np
    >>> from skfuse._blocks import groups_of_rows
    >>> has = np.array([[True, False], [True, True], [True, False]])
    >>> [(flags.tolist(), rows.tolist()) for flags, rows in groups_of_rows(has)]
    [([True, False], [0, 2]), ([True, True], [1])]
    """
    flags = np.ascontiguousarray(flags, dtype=bool)
    if not flags.size:
        return [(np.zeros(flags.shape[1], dtype=bool), np.arange(len(flags)))] if len(flags) else []
    packed = np.packbits(flags, axis=1)
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(group, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(group))[:-1])
    return [(flags[one], members) for one, members in zip(first, rows, strict=True)]
