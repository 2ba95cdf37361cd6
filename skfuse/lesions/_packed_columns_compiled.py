"""Compiled: weighted sums of the rows of binary columns that are kept as bits."""

import numpy as np
from numba import njit

LANES = 4  # weights of a row that are summed side by side, in one register


@njit(cache=True, nogil=True)
def fill_table(weights, table):
    """Sum of the weights of each set of eight rows: ``table[byte, bits]`` is that of the rows whose bits are set.

    `weights` (n_rows, LANES), `table` (ceil(n_rows / 8), 256, LANES).
    """
    for byte in range(table.shape[0]):
        table[byte, 0] = 0
        for bit in range(8):
            row, first = 8 * byte + bit, 1 << bit
            for bits in range(first, 2 * first):
                for lane in range(LANES):
                    weight = weights[row, lane] if row < weights.shape[0] else weights.dtype.type(0)
                    table[byte, bits, lane] = table[byte, bits - first, lane] + weight


@njit(cache=True, nogil=True)
def add_bytes(columns, table, sums):
    """Sums (n_lanes, n_columns), n_lanes of them at most LANES, of columns as bytes of eight rows each."""
    total = np.empty(LANES, table.dtype)
    for column in range(columns.shape[0]):
        total[:] = 0
        for byte in range(table.shape[0]):
            row = table[byte, columns[column, byte]]
            for lane in range(LANES):
                total[lane] += row[lane]
        for lane in range(sums.shape[0]):
            sums[lane, column] = total[lane]
