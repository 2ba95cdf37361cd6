"""The network-based statistic of bctpy; run by the interpreter of its own environment (``environments/bctpy.txt``).

    <interpreter> benchmarks/lesions/_peer_bctpy.py INPUT.npz OUTPUT.npz

INPUT holds `edges` (n_subjects × n_edges), `group` (0 and 1), `threshold` and `n_permutations`. OUTPUT gets `largest`
(edges of the largest component) and `cpu_seconds`. This file must not import skfuse, which that environment lacks.
"""

import contextlib
import io
import sys
import time

import bct
import numpy as np


def matrices(edges):
    n_nodes = int((1 + np.sqrt(1 + 8 * edges.shape[1])) // 2)
    rows, columns = np.triu_indices(n_nodes, 1)
    found = np.zeros((n_nodes, n_nodes, len(edges)))
    found[rows, columns] = found[columns, rows] = edges.T
    return found


def main(source, target):
    given = np.load(source)
    x, y = (matrices(given["edges"][given["group"] == group]) for group in (1, 0))
    began = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        _, adjacency, _ = bct.nbs_bct(x, y, float(given["threshold"]), k=int(given["n_permutations"]), tail="right")
    seconds = time.process_time() - began
    sizes = [int((adjacency == number).sum() // 2) for number in range(1, int(adjacency.max()) + 1)]
    np.savez(target, largest=max(sizes, default=0), cpu_seconds=seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
