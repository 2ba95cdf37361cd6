"""Compiled loops of the exact fusion: products of a sparse transition matrix with dense symmetric matrices.

A transition matrix S is a pair of arrays (N, K): columns and weights of the K entries of each row. A dense matrix of
N x N numbers, N a multiple of `WIDTH`, is kept as panels (N / WIDTH, N, WIDTH): each holds `WIDTH` columns of all rows
side by side, so that whatever a product gathers lies in the cache. `contract` lets the compiler fuse multiplication and
addition, which rounds once instead of twice; sums keep their order.
"""

import numpy as np
from numba import njit

WIDTH = 64  # a constant, so that the compiler unrolls the inner loops


@njit(cache=True, nogil=True, fastmath={"contract"})
def _multiply_panel(indices, weights, panel, out, first):
    """Rows `first` onwards of S @ panel, into `out`; both are (N, WIDTH)."""
    n_kept = indices.shape[1]
    whole = n_kept - n_kept % 4
    sums = np.empty(WIDTH)
    for i in range(first, indices.shape[0]):
        for j in range(WIDTH):
            sums[j] = 0.0
        for k in range(0, whole, 4):
            a, b, c, d = weights[i, k], weights[i, k + 1], weights[i, k + 2], weights[i, k + 3]
            at, bt, ct, dt = indices[i, k], indices[i, k + 1], indices[i, k + 2], indices[i, k + 3]
            for j in range(WIDTH):
                sums[j] += (a * panel[at, j] + b * panel[bt, j]) + (c * panel[ct, j] + d * panel[dt, j])
        for k in range(whole, n_kept):
            a, at = weights[i, k], indices[i, k]
            for j in range(WIDTH):
                sums[j] += a * panel[at, j]
        for j in range(WIDTH):
            out[i, j] = sums[j]


@njit(cache=True, nogil=True, fastmath={"contract"})
def multiply_mean_of_others(P, total, weight, factors, pattern, indices, weights, panels):
    """Replace the panels of P that are numbered in `panels` by those of S @ Q, Q the mean of the other modalities.

    Q = (total - weight * P) * factors[pattern of row, pattern of column]; where that factor is 0, no other modality
    holds the pair and Q = P.
    """
    n = P.shape[1]
    Q = np.empty((n, WIDTH))
    alike = factors.shape[0] == 1 and factors[0, 0] > 0.0
    column_factors = np.empty((factors.shape[0], WIDTH))
    for panel in panels:
        start = panel * WIDTH
        own, all_of_them = P[panel], total[panel]
        if alike:
            factor = factors[0, 0]
            for i in range(n):
                for j in range(WIDTH):
                    Q[i, j] = (all_of_them[i, j] - weight * own[i, j]) * factor
        else:
            for j in range(WIDTH):
                column_factors[:, j] = factors[:, pattern[start + j]]
            for i in range(n):
                row = column_factors[pattern[i]]
                for j in range(WIDTH):
                    others = (all_of_them[i, j] - weight * own[i, j]) * row[j]
                    Q[i, j] = others if row[j] > 0.0 else own[i, j]
        _multiply_panel(indices, weights, Q, own, 0)


@njit(cache=True, nogil=True)
def transpose(Y, panels):
    """Transpose a matrix where it lies: the blocks right of the diagonal of the rows of `panels`, and their mirrors."""
    for panel in panels:
        start = panel * WIDTH
        for other in range(panel, Y.shape[0]):
            left, right = Y[panel, other * WIDTH : (other + 1) * WIDTH], Y[other, start : start + WIDTH]
            for i in range(WIDTH):
                for j in range(i if other == panel else WIDTH):
                    left[i, j], right[j, i] = right[j, i], left[i, j]


@njit(cache=True, nogil=True, fastmath={"contract"})
def multiply_lower(Y, indices, weights, panels):
    """Replace the panels of Y that are numbered in `panels` by those of S @ Y, on the diagonal and below it."""
    panel_of_Y = np.empty((Y.shape[1], WIDTH))
    for panel in panels:
        panel_of_Y[:] = Y[panel]
        _multiply_panel(indices, weights, panel_of_Y, Y[panel], panel * WIDTH)


@njit(cache=True, nogil=True)
def mirror(P, panels):
    """Copy what stands below the diagonal in the panels of `panels` to the other side."""
    for panel in panels:
        start = panel * WIDTH
        for other in range(panel, P.shape[0]):
            below, above = P[panel, other * WIDTH : (other + 1) * WIDTH], P[other, start : start + WIDTH]
            for i in range(WIDTH):
                for j in range(i if other == panel else WIDTH):
                    above[j, i] = below[i, j]
