"""Compiled: components of the elements of a map that exceed a threshold."""

from numba import njit


@njit(cache=True, nogil=True)
def flood(values, columns, indptr, indices, n_vertices, sign, threshold, seed, marks, mark, queue):
    """Fill `queue` with the component around `seed` and mark it; returns how many vertices it has, hubs among them."""
    queue[0], marks[seed] = seed, mark
    done, found = 0, 1
    while done < found:
        vertex = queue[done]
        done += 1
        for place in range(indptr[vertex], indptr[vertex + 1]):
            neighbor = indices[place]
            if marks[neighbor] == mark:
                continue
            # a hub belongs to every component that reaches it: to one of each sign at most
            if neighbor >= n_vertices or sign * values[columns[neighbor]] > threshold:
                marks[neighbor] = mark
                queue[found] = neighbor
                found += 1
    return found


@njit(cache=True, nogil=True)
def label_components(values, columns, indptr, indices, n_vertices, threshold, n_signs, marks, queue, labels):
    """Number the components from 1, those above 0 first, in the order of their first vertices; returns both counts."""
    n_labels, n_above = 0, 0
    for side in range(n_signs):
        sign, mark = 1 - 2 * side, side + 1
        for seed in range(n_vertices):
            if sign * values[columns[seed]] > threshold and marks[seed] != mark:
                found = flood(
                    values, columns, indptr, indices, n_vertices, sign, threshold, seed, marks, mark, queue
                )  # fmt: skip
                n_labels += 1
                for vertex in queue[:found]:
                    if vertex < n_vertices:
                        labels[vertex] = n_labels
        if side == 0:
            n_above = n_labels
    return n_above, n_labels - n_above


@njit(cache=True, nogil=True)
def largest_components(values, columns, indptr, indices, sizes, threshold, by_mass, n_signs, marks, queue, largest):
    """Largest extent or mass of the components of each row, and minus that of the components below 0."""
    n_vertices = len(sizes)
    for row in range(len(values)):
        for side in range(n_signs):
            sign, mark, most = 1 - 2 * side, n_signs * row + side + 1, 0.0
            for seed in range(n_vertices):
                if sign * values[row, columns[seed]] > threshold and marks[seed] != mark:
                    found = flood(
                        values[row], columns, indptr, indices, n_vertices, sign, threshold, seed, marks, mark, queue
                    )  # fmt: skip
                    total = 0.0
                    for vertex in queue[:found]:
                        if vertex < n_vertices:
                            excess = sign * values[row, columns[vertex]] - threshold if by_mass else 1.0
                            total += sizes[vertex] * excess
                    most = max(most, total)
            largest[row, side] = sign * most
