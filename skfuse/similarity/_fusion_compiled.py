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
def multiply_mean_of_others(P, total, weight, factors, pattern, indices, weights, out, panels):
    """Write the panels of S @ Q that are numbered in `panels`, Q the mean of the other modalities.

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
        _multiply_panel(indices, weights, Q, out[panel], 0)


@njit(cache=True, nogil=True, fastmath={"contract"})
def multiply_transposed(Y, indices, weights, out, panels):
    """Write S @ Y.T, which is symmetric: the lower parts of the panels in `panels`, and their mirror images."""
    n = Y.shape[1]
    transposed = np.empty((n, WIDTH))
    for panel in panels:
        start = panel * WIDTH
        for other in range(n // WIDTH):
            block = Y[other, start : start + WIDTH]
            for i in range(WIDTH):
                for j in range(WIDTH):
                    transposed[other * WIDTH + j, i] = block[i, j]
        target = out[panel]
        _multiply_panel(indices, weights, transposed, target, start)
        for i in range(WIDTH):
            for j in range(i + 1, WIDTH):
                target[start + i, j] = target[start + j, i]
        for other in range(panel + 1, n // WIDTH):
            mirror = out[other]
            for i in range(WIDTH):
                for j in range(WIDTH):
                    mirror[start + j, i] = target[other * WIDTH + i, j]
