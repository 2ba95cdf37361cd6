"""Compiled: threshold-free cluster enhancement of maps over a graph, from the highest vertex to the lowest.

A component of the vertices above a threshold keeps its extent until the threshold falls to the next vertex that joins
it, so all its thresholds give one term. The components of all thresholds form a tree (each lies within that of a lower
threshold), which union-find builds; the terms are then summed from the root up, so that only positive numbers meet.
"""

import math

import numpy as np
from numba import njit

_DIGIT_BITS = 11
_DIGITS = 1 << _DIGIT_BITS


@njit(cache=True, nogil=True)
def enhance(values, columns, indptr, indices, sizes, E, H, step, convention, n_signs, heights, keys, maps, extremes):
    """Enhance each row of `values`; fills `maps` where it has rows, and highest and lowest value into `extremes`.

    Vertex v has the value of column ``columns[v]``. `convention` is 0 for the integral, 1 for the sum at multiples of
    `step` and 2 for nilearn's sum, where `step` 0 means 100 steps; `n_signs` is 2 to enhance values below 0 too.
    `heights` (n_columns,) of the type of the values and `keys` (2, n_vertices), unsigned and as wide, are written over.
    """
    n_vertices, n_columns = len(sizes), values.shape[1]
    column_keys = heights.view(keys.dtype)  # a key takes the place of its height
    cubes = convention == 0 and H == 2.0  # which are quickly made anew
    rises = np.empty(0 if cubes else n_columns)
    members = np.empty((2, len(indptr) - 1), np.int32)
    counts = np.empty(_DIGITS, np.int64)
    tops, parents = keys[0].view(np.int32), keys[1].view(np.int32)  # keys are done with when vertices are in order
    extents, spare = np.empty(n_vertices), np.empty(0 if len(maps) > 0 else n_vertices)
    for row in range(len(values)):
        for column in range(n_columns):
            height = values[row, column]
            heights[column] = height if height >= 0 else -height if n_signs == 2 else 0
        if convention == 0 and not cubes:
            _integral(heights, H, rises)
        elif convention != 0:
            _sum(heights, H, step, convention, column_keys, rises)
        enhanced = maps[row] if len(maps) > 0 else spare
        for side in range(n_signs):
            sign, n = 1 - 2 * side, 0
            for vertex in range(n_vertices):
                column = columns[vertex]
                if values[row, column] * sign > 0 and column_keys[column] > 0:
                    keys[0, n], members[0, n] = column_keys[column], vertex
                    n += 1
            which = _descending(keys[0, :n], members[0, :n], keys[1, :n], members[1, :n], counts)
            order, union = members[which, :n], members[1 - which]
            _component_tree(order, indptr, indices, sizes, union, tops, parents, extents)
            most = _sum_terms(order, parents, extents, columns, values[row], rises, E, enhanced)
            extremes[row, side] = sign * most
            if sign < 0 and len(maps) > 0:
                for vertex in order:
                    enhanced[vertex] = -enhanced[vertex]


@njit(cache=True, nogil=True)
def _integral(heights, H, rises):
    """The integral of h^H from 0 to each height; keys are the heights, as floats above 0 are in the order of bits."""
    for column in range(len(heights)):
        rises[column] = np.float64(heights[column]) ** (H + 1.0) / (H + 1.0)


@njit(cache=True, nogil=True)
def _sum(heights, H, step, convention, keys, rises):
    """Number of thresholds that each height reaches, and the sum of h^H over these thresholds."""
    highest = np.float64(heights.max())
    if highest <= 0.0:
        keys[:] = 0
        return
    if convention == 1:
        n_steps = np.int64(highest / step) + 1  # one more, in case the quotient was rounded down
        thresholds = np.arange(n_steps + 1) * step
        width = step
    else:
        n_steps = np.int64(100) if step == 0.0 else np.int64(min(max(np.rint(highest / step), 10), 1000))
        step = highest / n_steps
        thresholds = np.arange(n_steps + 1) * step
        thresholds[n_steps] = highest
        width = 1.0
    sums = np.zeros(n_steps + 1)
    for level in range(1, n_steps + 1):
        sums[level] = sums[level - 1] + width * thresholds[level] ** H
    for column in range(len(heights)):
        height = np.float64(heights[column])
        level = min(np.int64(height / step), n_steps)
        while thresholds[level] > height:
            level -= 1
        while level < n_steps and thresholds[level + 1] <= height:
            level += 1
        keys[column], rises[column] = level, sums[level]


@njit(cache=True, nogil=True)
def _descending(keys, members, spare_keys, spare_members, counts):
    """Sort from the highest of the `keys` to the lowest: a radix sort that skips digits in which all agree.

    Returns 0 if the vertices in that order are in `members`, 1 if they are in `spare_members`.
    """
    which = 0
    some, every = np.uint64(0), ~np.uint64(0)
    for key in keys:
        some |= np.uint64(key)
        every &= np.uint64(key)
    differing = some & ~every
    for digit in range((8 * keys.itemsize + _DIGIT_BITS - 1) // _DIGIT_BITS):
        shift = np.uint64(digit * _DIGIT_BITS)
        if (differing >> shift) & np.uint64(_DIGITS - 1) == 0:
            continue
        counts[:] = 0
        for key in keys:
            counts[(np.uint64(key) >> shift) & np.uint64(_DIGITS - 1)] += 1
        before = 0
        for value in range(_DIGITS - 1, -1, -1):
            before, counts[value] = before + counts[value], before
        for i in range(len(keys)):
            value = (np.uint64(keys[i]) >> shift) & np.uint64(_DIGITS - 1)
            place = counts[value]
            counts[value] = place + 1
            spare_keys[place], spare_members[place] = keys[i], members[i]
        keys, spare_keys = spare_keys, keys
        members, spare_members = spare_members, members
        which = 1 - which
    return which


@njit(cache=True, nogil=True)
def _component_tree(order, indptr, indices, sizes, union, tops, parents, extents):
    """Parent of each vertex in the tree of components, and extent of the component when that vertex had joined it.

    A hub (a vertex behind those with sizes) joins with the first of its neighbors: it is as high as the highest.
    """
    n_vertices = len(sizes)
    union[:] = -1
    for vertex in order:
        union[vertex] = tops[vertex] = parents[vertex] = own = vertex
        extent = sizes[vertex]
        for place in range(indptr[vertex], indptr[vertex + 1]):
            node = indices[place]
            root = union[node]
            if root == own:
                continue
            if root < 0:
                if node >= n_vertices:
                    union[node] = own
                continue
            while union[root] != root:  # halves the path on the way
                union[node] = union[root]
                node = union[root]
                root = union[node]
            if root == own:
                continue
            top = tops[root]
            parents[top] = vertex
            if extents[top] > extent:  # the larger tree stays, so that most paths stay short
                union[own] = root
                own = root
            else:
                union[root] = own
            extent += extents[top]
        tops[own] = vertex
        extents[vertex] = extent


@njit(cache=True, nogil=True)
def _sum_terms(order, parents, extents, columns, values, rises, E, enhanced):
    """Sum of the terms of all components around each vertex; the highest sum is returned, 0 where there is none.

    Empty `rises` stand for the integral of h^2, which follows from the `values` of the columns.
    """
    most = 0.0
    for i in range(len(order) - 1, -1, -1):
        vertex = order[i]
        parent = parents[vertex]
        rise, below = _rise(columns[vertex], values, rises), 0.0
        if parent != vertex:
            rise -= _rise(columns[parent], values, rises)
            below = enhanced[parent]
        if rise > 0.0:  # otherwise the vertex is as high as its parent, and belongs to the same component
            below += (math.sqrt(extents[vertex]) if E == 0.5 else extents[vertex] ** E) * rise
        enhanced[vertex] = below
        most = max(most, below)
    return most


@njit(cache=True, nogil=True)
def _rise(column, values, rises):
    """Sum or integral of h^H up to the height of a column."""
    if len(rises) > 0:
        return rises[column]
    height = abs(np.float64(values[column]))
    return height * height * height / 3.0
