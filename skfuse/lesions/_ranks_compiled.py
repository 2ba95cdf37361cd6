"""Compiled: Brunner-Munzel statistics of a block of columns under many permutations.

Columns lie side by side in the lanes of a register; rows are added one after the other in the order of the permuted
scores. `contract` lets the compiler fuse multiplication and addition: all sums are of small integers (or of eighths,
with ties), so that they are exact either way. Rows are handed over as views because only then the compiler sees that
neighboring lanes are neighbors in memory.
"""

import numpy as np
from numba import njit

LANES = 256  # columns of a block: with 131 subjects in float32 it fits into the second cache with room to spare
STEP = 8  # rows that are added before the sums go back to memory


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def brunner_munzel_block(x, orders, weights, ties, constants, out):
    """Statistics of one block of columns, one row for each permutation.

    `x` (n + 1, LANES) is binary with a last row of zeros; `orders` (n_draws, multiple of STEP) are its rows by
    ascending permuted score, filled up with the row of zeros; `weights` (2, the same multiple) holds w and w k of
    :func:`skfuse.lesions._brunner_munzel.boundary_weights`; `ties` (n_ties, 2) the first place and the number of
    subjects of each group of tied scores; `constants` (11, LANES) are those of the columns, in
    the order of :meth:`skfuse.lesions._brunner_munzel.BrunnerMunzelStatistic._constants`.
    """
    sums, tied = np.zeros(4 * LANES, x.dtype), np.zeros(3 * LANES, x.dtype)
    for draw in range(len(orders)):
        order = orders[draw]
        sums[:], tied[:] = 0, 0
        for k in range(0, len(order), STEP):
            _add_rows(
                x[order[k]],
                x[order[k + 1]],
                x[order[k + 2]],
                x[order[k + 3]],
                x[order[k + 4]],
                x[order[k + 5]],
                x[order[k + 6]],
                x[order[k + 7]],
                weights[0, k : k + STEP],
                weights[1, k : k + STEP],
                sums,
            )
        for group in range(len(ties)):
            start, stop = ties[group, 0], ties[group, 0] + ties[group, 1]
            tied[:LANES] = 0
            for k in range(start, stop - 1, 2):
                _count_lesioned(x[order[k]], x[order[k + 1]], tied)
            if (stop - start) % 2:
                _count_lesioned(x[order[stop - 1]], x[-1], tied)
            _add_ties(tied, stop - start)
        _statistics(sums, tied, constants, out[draw])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_rows(x0, x1, x2, x3, x4, x5, x6, x7, w, wk, sums):
    """For eight rows: with S the lesioned before the row, add w S, w S^2 and w k S; then the row to S."""
    a0, a1, a2, a3, a4, a5, a6, a7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
    b0, b1, b2, b3, b4, b5, b6, b7 = wk[0], wk[1], wk[2], wk[3], wk[4], wk[5], wk[6], wk[7]
    for c in range(LANES):
        before, linear, square, placed = sums[c], sums[c + LANES], sums[c + 2 * LANES], sums[c + 3 * LANES]
        weighted = a0 * before
        linear, square, placed = linear + weighted, square + weighted * before, placed + b0 * before
        before += x0[c]
        weighted = a1 * before
        linear, square, placed = linear + weighted, square + weighted * before, placed + b1 * before
        before += x1[c]
        weighted = a2 * before
        linear, square, placed = linear + weighted, square + weighted * before, placed + b2 * before
        before += x2[c]
        weighted = a3 * before
        linear, square, placed = linear + weighted, square + weighted * before, placed + b3 * before
        before += x3[c]
        weighted = a4 * before
        linear, square, placed = linear + weighted, square + weighted * before, placed + b4 * before
        before += x4[c]
        weighted = a5 * before
        linear, square, placed = linear + weighted, square + weighted * before, placed + b5 * before
        before += x5[c]
        weighted = a6 * before
        linear, square, placed = linear + weighted, square + weighted * before, placed + b6 * before
        before += x6[c]
        weighted = a7 * before
        linear, square, placed = linear + weighted, square + weighted * before, placed + b7 * before
        before += x7[c]
        sums[c], sums[c + LANES], sums[c + 2 * LANES], sums[c + 3 * LANES] = before, linear, square, placed


@njit(cache=True, nogil=True, error_model="numpy")
def _count_lesioned(x0, x1, tied):
    """Add two rows of a group of tied scores to its lesioned."""
    for c in range(LANES):
        tied[c] += x0[c] + x1[c]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_ties(tied, size):
    """For a group of tied scores with B lesioned, add size B^2 - B and B^3 - B."""
    size_of_group = tied.dtype.type(size)
    for c in range(LANES):
        lesioned = tied[c]
        tied[c + LANES] += size_of_group * lesioned * lesioned - lesioned
        tied[c + 2 * LANES] += lesioned * lesioned * lesioned - lesioned


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _statistics(sums, tied, constants, out):
    """From the sums over all rows to the statistic of each column; see `_brunner_munzel.py` for the formulas."""
    kind = sums.dtype.type
    half, one, two, four, eight, third = kind(0.5), kind(1), kind(2), kind(4), kind(8), kind(1 / 3)
    least = kind(1 / 4)  # sums of squares that are not 0 are at least 1/2, and rounding is far below
    shrunk = kind(1 - 2e-5)  # a relative effect of 0 or 1 becomes 1e-5 or 1 - 1e-5
    highest, n_lesioned, n_spared, separated = constants[0], constants[1], constants[2], constants[3]
    factor, of_lesioned, of_spared = constants[4], constants[5], constants[6]
    share_lesioned, share_spared, ratio_lesioned, ratio_spared = constants[7], constants[8], constants[9], constants[10]
    for c in range(LANES):
        linear, square, placed = sums[c + LANES], sums[c + 2 * LANES], sums[c + 3 * LANES]
        cubic = third * tied[c + 2 * LANES]
        excess = highest[c] - two * linear
        lesioned = of_lesioned[c] + four * square - eight * placed - cubic - two * n_spared[c] * excess
        spared = of_spared[c] + four * square - tied[c + LANES] + cubic + two * n_lesioned[c] * excess
        # From squares to squared deviations: from the nearest whole number first, which is exact, then from the mean.
        near = np.floor(excess * share_lesioned[c] + half)
        rest = excess - near * n_lesioned[c]
        lesioned = lesioned - near * (excess + rest) - rest * rest * share_lesioned[c]
        near = np.floor(half - excess * share_spared[c])
        rest = -excess - near * n_spared[c]
        spared = spared - near * (rest - excess) - rest * rest * share_spared[c]
        lesioned = one if lesioned < least else lesioned * ratio_lesioned[c]
        spared = one if spared < least else spared * ratio_spared[c]
        shifted = excess * shrunk if abs(excess) == separated[c] else excess
        out[c] = factor[c] * (shifted / np.sqrt(lesioned + spared))
