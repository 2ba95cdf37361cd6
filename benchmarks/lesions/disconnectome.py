"""Disconnection by a simulated tractogram of a million streamlines, beside plain products of sparse matrices.

    python -m benchmarks.lesions.disconnectome

A simulated brain with voxels of 2 mm and 400 parcels, and the 131 lesions of LESYMAP on its grid (simulated ones where
the data are absent, which the result says). Fit and transform are timed, the tractogram is not. The peer is what one
writes by hand with scipy: the product of streamlines and lesions says which are cut, a second one counts them. Each
output runs in a process of its own, one thread; the least of three runs, peak memory beyond the data.
"""

import json
import sys
import time

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.lesions._data import lesions_on
from benchmarks.peer import in_own_process
from benchmarks.record import peak_memory, reset_peak_memory, write

N_STREAMLINES, N_PARCELS, VOXEL_SIZE_MM, REPEATS = 1_000_000, 400, 2.0, 3
OUTPUTS = ("edges", "voxels", "parcels")


def by_scipy(streamlines, endpoints, X, output):
    """Share of the streamlines of each feature that each lesion cuts, (n_subjects, n_features)."""
    cut = streamlines @ sparse.csr_array(X.T.astype(bool))  # boolean: any voxel, and no count that could overflow
    members = streamlines
    if output != "voxels":
        feature, rows = endpoints.ravel(), np.repeat(np.arange(len(endpoints)), 2)
        if output == "edges":
            feature, rows = endpoints[:, 0].astype(np.int64) * N_PARCELS + endpoints[:, 1], np.arange(len(endpoints))
        _, feature = np.unique(feature, return_inverse=True)
        members = sparse.coo_array((np.ones(len(rows), dtype=bool), (rows, feature))).tocsr()
    members = members.astype(np.float32)  # exact for counts up to 2 ** 24
    counts = (members.T @ cut.astype(np.float32)).toarray()
    total = members.sum(axis=0, dtype=np.float64)
    return counts.T / np.where(total > 0, total, 1)


def measured(function):
    """Least CPU and wall seconds of some runs, their peak memory beyond what was there, and the result."""
    before, seconds, found = reset_peak_memory(), [], None
    for _ in range(REPEATS):
        found = None  # so that two results never lie side by side
        began, wall = time.process_time(), time.perf_counter()
        found = function()
        seconds.append((time.process_time() - began, time.perf_counter() - wall))
    return np.min(seconds, axis=0), peak_memory() - before, found


def measure(output):
    """Both ways to one output, in this process."""
    from skfuse.datasets import make_brain, make_tractogram
    from skfuse.lesions import Disconnectome

    brain = make_brain(voxel_size_mm=VOXEL_SIZE_MM, n_parcels=N_PARCELS, random_state=0)
    X, source = lesions_on(brain)
    streamlines, endpoints = make_tractogram(brain, N_STREAMLINES, random_state=0)
    with threadpool_limits(1):
        Disconnectome(streamlines[:100], endpoints[:100], output=output).fit_transform(X)  # what is loaded once
        (cpu, wall), peak, ours = measured(
            lambda: Disconnectome(streamlines, endpoints, output=output).fit_transform(X)
        )
        (their_cpu, their_wall), their_peak, theirs = measured(lambda: by_scipy(streamlines, endpoints, X, output))
    task = {
        "streamlines": streamlines.shape[0],
        "voxels": brain.n_voxels,
        "parcels": brain.n_parcels,
        "voxels per streamline": round(streamlines.nnz / streamlines.shape[0], 1),
        "tractogram, MB": round((streamlines.data.nbytes + streamlines.indices.nbytes) / 1e6),
        "masks, MB": round(X.nbytes / 1e6),
        "lesions": len(X),
        "which": source,
    }
    figures = {
        "features": ours.shape[1],
        "CPU s": round(cpu, 2),
        "wall s": round(wall, 2),
        "peak over the data, MB": round(peak / 1e6),
        "scipy, CPU s": round(their_cpu, 2),
        "scipy, wall s": round(their_wall, 2),
        "scipy, peak over the data, MB": round(their_peak / 1e6),
        "scipy's time over ours": round(their_cpu / cpu, 1),
        "equal": bool(np.array_equal(ours, theirs)),
    }
    return {"task": task, "figures": figures}


def main():
    """Every output in a process of its own."""
    figures = {"task": {}, "disconnectome": {}}
    for output in OUTPUTS:
        found = in_own_process("benchmarks.lesions.disconnectome", output)
        figures["task"] = found["task"]
        figures["disconnectome"][output] = found["figures"]
        print(output, found["figures"], flush=True)
    write("lesions_disconnectome", figures, command="python -m benchmarks.lesions.disconnectome", seed=0)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
