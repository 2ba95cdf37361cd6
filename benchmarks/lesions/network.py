"""Lesion network mapping in voxels and in parcels, beside a plain loop over lesions.

    python -m benchmarks.lesions.network

131 lesions (those of LESYMAP on the grid of a simulated brain; simulated ones where the data are absent, which the
result says). Voxels: about 200,000, the simulated time courses of 240 volumes of each normative subject are made
before and read from files one after the other; reading is not counted. Parcels: 400, covariances of 1,000 normative
subjects. The peer is a loop over lesions in NumPy: mean time course, correlation with every target, Fisher's z. Each
case runs in a process of its own, one thread.
"""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.lesions._data import lesions_on
from benchmarks.peer import in_own_process
from benchmarks.record import peak_memory, reset_peak_memory, write

VOXEL_SIZE_MM, N_PARCELS, N_VOLUMES = 2.11, 400, 240
N_NORMATIVE, N_LOOPED = 8, 2  # in voxels; the loop is timed for fewer, and both give maps of these
N_COVARIANCES, N_LOOPED_COVARIANCES = 1000, 20


class Subjects:
    """Time courses of normative subjects, read one after the other; what reading and what is done with them costs."""

    def __init__(self, folder, n=None):
        self.paths = sorted(Path(folder).glob("subject_*.npy"))[:n]
        self.reading, self.work = 0.0, []

    def __call__(self):
        """Walk through the subjects."""
        for path in self.paths:
            began = time.process_time()
            courses = np.load(path)
            handed = time.process_time()
            self.reading += handed - began
            yield courses
            self.work.append(time.process_time() - handed)


def by_loop(subjects, X, dtype):
    """Mean Fisher's z of each lesion with all voxels, lesion by lesion; CPU seconds without reading."""
    members = [np.flatnonzero(row) for row in X]
    total = np.zeros(X.shape)
    for courses in subjects():
        courses = courses.astype(dtype)
        courses -= courses.mean(axis=0)
        lengths = np.linalg.norm(courses, axis=0)
        for row, voxels in zip(total, members, strict=True):
            seed = courses[:, voxels].mean(axis=1)
            row += np.arctanh(seed @ courses / (np.linalg.norm(seed) * lengths))
    return total / len(subjects.paths), sum(subjects.work)


def voxels(folder):
    """Maps of voxels, t and mean z."""
    from skfuse.lesions import LesionNetworkMapping

    X, rows = np.load(Path(folder, "lesions.npy")), {}
    with threadpool_limits(1):
        LesionNetworkMapping(np.random.default_rng(0).normal(size=(2, 30, 9))).fit(np.eye(9))  # what is loaded once
        for output in ("t", "z"):
            subjects, before = Subjects(folder), reset_peak_memory()
            began = time.process_time()
            LesionNetworkMapping(subjects, output=output).fit_transform(X)
            seconds, peak = time.process_time() - began - subjects.reading, peak_memory()
            each = np.mean(subjects.work[1:])  # the first subject also finds memory that is used again
            once = seconds - each * len(subjects.work)
            rows[output] = {
                "CPU s per normative subject": round(each, 3),
                "CPU s once": round(once, 2),
                "CPU min for 1,000 normative subjects, scaled": round((1000 * each + once) / 60, 1),
                "peak of the process, GB": round(peak / 1e9, 2),
                "of which before the fit, GB": round(before / 1e9, 2),
            }
        _, looped = by_loop(Subjects(folder, N_LOOPED), X, np.float32)
        exact, _ = by_loop(Subjects(folder, N_LOOPED), X, np.float64)
        ours = LesionNetworkMapping(Subjects(folder, N_LOOPED), output="z").fit_transform(X)
    beside = {
        "loop in float32, CPU s per normative subject": round(looped / N_LOOPED, 2),
        "its time over ours": round(looped / N_LOOPED / each, 1),
        "largest difference of z from the loop in float64": float(np.abs(ours - exact).max()),
    }
    return {"voxels": rows, "voxels, mean z, beside the loop": beside}


def covariance_loop(covariances, weights):
    """Mean Fisher's z of each lesion with all parcels, lesion by lesion."""
    total = np.zeros(weights.shape)
    for covariance in covariances:
        spreads = np.sqrt(np.diagonal(covariance))
        for row, weight in zip(total, weights, strict=True):
            product = weight @ covariance
            row += np.arctanh(np.clip(product / (np.sqrt(product @ weight) * spreads), -1 + 1e-6, 1 - 1e-6))
    return total / len(covariances)


def parcels(folder):
    """Maps of parcels from covariances, and the same from time courses."""
    from skfuse.lesions import LesionNetworkMapping

    weights, row = np.load(Path(folder, "loads.npy")), {}
    covariances, courses = np.load(Path(folder, "covariances.npy")), np.load(Path(folder, "courses.npy"))
    few = covariances[:N_LOOPED_COVARIANCES]
    with threadpool_limits(1):
        LesionNetworkMapping(few).fit(weights)  # what is loaded once
        for output in ("t", "z"):
            began = time.process_time()
            LesionNetworkMapping(covariances, output=output).fit_transform(weights)
            row[f"output={output!r}, CPU s"] = round(time.process_time() - began, 2)
        began = time.process_time()
        looped = covariance_loop(few, weights)
        seconds = (time.process_time() - began) * N_COVARIANCES / len(few)
        ours = LesionNetworkMapping(few, output="z").fit_transform(weights)
        of_courses = LesionNetworkMapping(courses, output="z").fit_transform(weights)
    row[f"loop, {N_COVARIANCES:,} normative subjects, scaled, CPU s"] = round(seconds, 1)
    row["its time over ours, output='z'"] = round(seconds / row["output='z', CPU s"], 1)
    row["largest difference of z from the loop"] = float(np.abs(ours - looped).max())
    row["largest difference of z from that of the time courses"] = float(np.abs(ours - of_courses).max())
    return {"parcels": row}


def prepare(folder):
    """Write lesions and normative subjects; what they are."""
    from skfuse.datasets import make_brain, make_time_courses
    from skfuse.lesions import LesionLoad

    brain = make_brain(voxel_size_mm=VOXEL_SIZE_MM, n_parcels=N_PARCELS, random_state=0)
    X, source = lesions_on(brain)
    np.save(folder / "lesions.npy", X)
    np.save(folder / "loads.npy", LesionLoad(brain.parcels + 1).fit_transform(X))
    for number, courses in enumerate(make_time_courses(brain, N_NORMATIVE, N_VOLUMES, random_state=0)):
        np.save(folder / f"subject_{number:03}.npy", courses)
    made = make_time_courses(brain, N_COVARIANCES, N_VOLUMES, level="parcel", random_state=0)
    covariances, kept = np.empty((N_COVARIANCES, N_PARCELS, N_PARCELS)), []
    for number, courses in enumerate(made):
        covariances[number] = np.cov(courses, rowvar=False)
        kept += [courses] if number < N_LOOPED_COVARIANCES else []
    np.save(folder / "covariances.npy", covariances)
    np.save(folder / "courses.npy", np.stack(kept))
    return {
        "lesions": len(X),
        "which": source,
        "volumes": N_VOLUMES,
        "voxels": brain.n_voxels,
        "normative subjects, voxels": N_NORMATIVE,
        "parcels": brain.n_parcels,
        "normative subjects, parcels": N_COVARIANCES,
    }


def main():
    """Both cases, each in a process of its own."""
    with TemporaryDirectory() as folder:
        figures = {"task": prepare(Path(folder))}
        for case in (voxels, parcels):
            found = in_own_process("benchmarks.lesions.network", case.__name__, folder)
            print(found, flush=True)
            figures |= found
    write("lesions_network", figures, command="python -m benchmarks.lesions.network", seed=0)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps({"voxels": voxels, "parcels": parcels}[sys.argv[1]](sys.argv[2])))
    else:
        main()
