"""Compiled: the best grouping of sorted numbers on a line."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def group_sorted(values, weights, n_groups):
    """Exact k-means of sorted, distinct values with weights: group of each value, from 0.

    Dynamic programming over the number of groups; where the last group of a prefix begins never moves back as the
    prefix grows, so each layer is found by divide and conquer in n log n steps (with an explicit stack). The first of
    equally good beginnings is taken.
    """
    n = len(values)
    total, first, second = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    for i in range(n):
        total[i + 1] = total[i] + weights[i]
        first[i + 1] = first[i] + weights[i] * values[i]
        second[i + 1] = second[i] + weights[i] * values[i] ** 2
    cost, previous = np.empty(n + 1), np.empty(n + 1)
    cost[0] = 0.0
    for end in range(1, n + 1):
        cost[end] = second[end] - first[end] ** 2 / total[end]
    begins = np.zeros((n_groups, n + 1), dtype=np.int64)
    stack = np.empty((128, 4), dtype=np.int64)  # depth grows as log2(n), two entries a level
    for layer in range(1, n_groups):
        previous[:] = cost
        size = 1
        stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = layer + 1, n, layer, n - 1
        while size > 0:
            size -= 1
            low, high, from_, to = stack[size, 0], stack[size, 1], stack[size, 2], stack[size, 3]
            if low > high:
                continue
            middle = (low + high) // 2
            best, where = np.inf, from_
            for begin in range(from_, min(to, middle - 1) + 1):
                moment = first[middle] - first[begin]
                inside = second[middle] - second[begin] - moment**2 / (total[middle] - total[begin])
                if previous[begin] + inside < best:
                    best, where = previous[begin] + inside, begin
            cost[middle] = best
            begins[layer, middle] = where
            stack[size, 0], stack[size, 1], stack[size, 2], stack[size, 3] = low, middle - 1, from_, where
            size += 1
            stack[size, 0], stack[size, 1], stack[size, 2], stack[size, 3] = middle + 1, high, where, to
            size += 1
    groups = np.empty(n, dtype=np.int64)
    end = n
    for layer in range(n_groups - 1, -1, -1):
        begin = begins[layer, end]
        groups[begin:end] = layer
        end = begin
    return groups
