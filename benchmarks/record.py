"""Write a result with everything needed to repeat it: command, versions, hardware, seed."""

import ctypes
import gc
import json
import os
import platform
import resource
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("skfuse", "numpy", "scipy", "scikit-learn", "pandas", "joblib", "numba", "lightgbm")


def provenance(command, seed):
    """Command, seed, versions, processor and date."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return {
        "command": command,
        "seed": seed,
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": versions,
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")},
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def peak_memory():
    """Largest resident memory of this process so far, in bytes.

    Linux hands the peak of a parent process down to its children in ``ru_maxrss``, so /proc is asked first.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def reset_peak_memory():
    """Count the peak anew from the memory that this process holds now, in bytes, which is returned; Linux only."""
    gc.collect()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):  # else memory that was freed, but is kept, would hide what comes
        library.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def write(name, figures, *, command, seed=None, folder=RESULTS):
    """Write ``<name>.json``: the figures and where they come from."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"provenance": provenance(command, seed), "figures": figures}, indent=1) + "\n")
    print(f"written: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}", file=sys.stderr)
