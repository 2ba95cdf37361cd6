"""Compiled: neighbors of one label are made one vertex."""

from numba import njit


@njit(cache=True, nogil=True)
def label_pieces(labels, indptr, indices, pieces, queue):
    """Number what is connected of each label, from 0 in the order of the first vertices; returns how many there are.

    Hubs, which have no label and come last, stay alone.
    """
    n_vertices = len(labels)
    n_pieces = 0
    pieces[:] = -1
    for seed in range(len(pieces)):
        if pieces[seed] >= 0:
            continue
        queue[0], pieces[seed] = seed, n_pieces
        done, found = 0, 1
        while done < found:
            vertex = queue[done]
            done += 1
            for place in range(indptr[vertex], indptr[vertex + 1]):
                neighbor = indices[place]
                if vertex >= n_vertices or neighbor >= n_vertices:
                    continue
                if pieces[neighbor] < 0 and labels[neighbor] == labels[seed]:
                    pieces[neighbor] = n_pieces
                    queue[found] = neighbor
                    found += 1
        n_pieces += 1
    return n_pieces


@njit(cache=True, nogil=True)
def list_members(pieces, starts, members):
    """Vertices by piece, ascending: those of piece p become ``members[starts[p]:starts[p + 1]]``."""
    starts[:] = 0
    for piece in pieces:
        starts[piece + 1] += 1
    for piece in range(1, len(starts)):
        starts[piece] += starts[piece - 1]
    for vertex in range(len(pieces)):
        piece = pieces[vertex]
        members[starts[piece]] = vertex
        starts[piece] += 1
    for piece in range(len(starts) - 1, 0, -1):  # each start has moved on to the next
        starts[piece] = starts[piece - 1]
    starts[0] = 0


@njit(cache=True, nogil=True)
def join_pieces(pieces, starts, members, indptr, indices, seen, piece_indptr, piece_indices):
    """Neighbors of each piece, sorted; into `piece_indptr` alone where `piece_indices` is empty."""
    seen[:] = -1
    n_found = 0
    for piece in range(len(seen)):
        begin = n_found
        for member in members[starts[piece] : starts[piece + 1]]:
            for place in range(indptr[member], indptr[member + 1]):
                neighbor = pieces[indices[place]]
                if neighbor != piece and seen[neighbor] != piece:
                    seen[neighbor] = piece
                    if len(piece_indices) > 0:
                        piece_indices[n_found] = neighbor
                    n_found += 1
        if len(piece_indices) > 0:
            piece_indices[begin:n_found].sort()
        piece_indptr[piece + 1] = n_found
