"""Compiled: pairs of subjects in which the one with the earlier event has the higher risk."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def concordant_counts(event, time, rank, order, n_ranks):
    """Comparable, concordant and tied pairs of each subject with those who outlived it; zeros for the censored.

    `rank` numbers the distinct risks from 0, `order` sorts `time`. From the last time to the first, a Fenwick tree
    counts the ranks of those who are known to live on: the censored of one time enter it before the events of that
    time look, and these enter after all of them have looked.
    """
    n = len(time)
    comparable, concordant, tied = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    tree, of_rank = np.zeros(n_ranks + 1, np.int64), np.zeros(n_ranks, np.int64)
    inside, stop = 0, n
    while stop > 0:
        start = stop - 1
        while start > 0 and time[order[start - 1]] == time[order[stop - 1]]:
            start -= 1
        for entering_events in (False, True):
            if entering_events:
                for place in range(start, stop):
                    i = order[place]
                    if event[i]:
                        below, node = 0, rank[i]
                        while node > 0:
                            below += tree[node]
                            node -= node & -node
                        comparable[i], concordant[i], tied[i] = inside, below, of_rank[rank[i]]
            for place in range(start, stop):
                i = order[place]
                if event[i] == entering_events:
                    node = rank[i] + 1
                    while node <= n_ranks:
                        tree[node] += 1
                        node += node & -node
                    of_rank[rank[i]] += 1
                    inside += 1
        stop = start
    return comparable, concordant, tied
