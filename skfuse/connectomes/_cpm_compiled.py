"""Compiled: strengths of the edges that each of many targets selects, in a training set or in all but one subject.

Edges are rows here: `E` (n_edges, n_subjects) without intercept and confounds, `C` centered only. Targets `Y`
(n_targets, n_subjects) are without intercept and confounds. Of the two sides, 0 is positive and 1 negative.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def add_selected(products, E, C, limits, sizes, strengths, told, counts):
    """Add the edges that pass to the strengths of training (n_targets, 2, n_train) and test subjects.

    An edge passes where its squared product with the target exceeds `limits` (n_edges,) times `sizes` (n_targets,),
    the squared critical correlation times the sums of squares of both.
    """
    for b in range(products.shape[0]):
        for e in range(products.shape[1]):
            product = products[b, e]
            if product * product > limits[e] * sizes[b]:
                side = 0 if product > 0 else 1
                counts[b, side] += 1
                total, row = strengths[b, side], E[e]
                for j in range(row.shape[0]):
                    total[j] += row[j]
                other, row = told[b, side], C[e]
                for j in range(row.shape[0]):
                    other[j] += row[j]


@njit(cache=True, nogil=True)
def add_left_out(products, E, C, leverage, Y, limits, sizes, reach, least, whole, strengths, changes, told, counts):
    """Add the edges that pass when each subject in turn is left out.

    Without subject i the product of an edge and a target is ``products - leverage[i] * E[e, i] * Y[b, i]``, and
    `limits` (n_edges, n_subjects) and `sizes` (n_targets, n_subjects) are those without it. `strengths` (n_targets, 2,
    n_subjects) gets the edges that pass with everybody there, `changes` (n_targets, n_left_out, 2, n_subjects) what
    differs without subject i, which is little; `told` (n_targets, n_left_out, 2) is the strength of subject i itself.

    `reach` (n_edges,) times `whole[b, 1]` bounds what leaving out one subject can change, `least` (n_edges,) times
    `whole[b, 2]` what must be exceeded at least: most edges pass for nobody and are dropped by one comparison.
    """
    n = E.shape[1]
    for b in range(products.shape[0]):
        for e in range(products.shape[1]):
            product = products[b, e]
            farthest = abs(product) + reach[e] * whole[b, 1]
            if not farthest * farthest > least[e] * whole[b, 2]:
                continue
            row = E[e]
            base = product * product > least[e] * whole[b, 0]
            base_side = 0 if product > 0 else 1
            if base:
                total = strengths[b, base_side]
                for j in range(n):
                    total[j] += row[j]
            for i in range(n):
                left = product - leverage[i] * row[i] * Y[b, i]
                passes = left * left > limits[e, i] * sizes[b, i]
                side = 0 if left > 0 else 1
                if passes:
                    told[b, i, side] += C[e, i]
                    counts[b, i, side] += 1
                if base and not (passes and side == base_side):
                    total = changes[b, i, base_side]
                    for j in range(n):
                        total[j] -= row[j]
                if passes and not (base and side == base_side):
                    total = changes[b, i, side]
                    for j in range(n):
                        total[j] += row[j]


@njit(cache=True, nogil=True)
def left_out_sums(strengths, changes, counts, leverage, Y, gram, moments):
    """Sums of squares and products of both strengths, and with the target, without each subject in turn.

    `gram` (n_targets, n_left_out, 3) is positive², positive · negative, negative²; `moments` (n_targets, n_left_out,
    2). A side without edges is 0, exactly.
    """
    n = Y.shape[1]
    positive, negative = np.empty(n), np.empty(n)
    for b in range(Y.shape[0]):
        for i in range(n):
            for j in range(n):
                positive[j] = strengths[b, 0, j] + changes[b, i, 0, j] if counts[b, i, 0] else 0.0
                negative[j] = strengths[b, 1, j] + changes[b, i, 1, j] if counts[b, i, 1] else 0.0
            squares, cross, others, with_positive, with_negative = 0.0, 0.0, 0.0, 0.0, 0.0
            for j in range(n):
                weight = 1.0 if j != i else 1.0 - leverage[i]
                squares += weight * positive[j] * positive[j]
                cross += weight * positive[j] * negative[j]
                others += weight * negative[j] * negative[j]
                with_positive += weight * positive[j] * Y[b, j]
                with_negative += weight * negative[j] * Y[b, j]
            gram[b, i, 0], gram[b, i, 1], gram[b, i, 2] = squares, cross, others
            moments[b, i, 0], moments[b, i, 1] = with_positive, with_negative
