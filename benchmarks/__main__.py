"""Run every benchmark, each in a process of its own.

    python -m benchmarks [NAME ...]

A name is that of a benchmark (``mkl.scale``) or of all of a family (``mkl``). Studies stand apart (``python -m
benchmarks.studies``). A competitor that has no environment (``benchmarks/environments``) is skipped, which is said.
"""

import argparse
import subprocess
import sys

BENCHMARKS = (
    "start_up",
    "stacking_overhead",
    "memory",
    "rosmap",
    "snf.parity",
    "snf.speed",
    "snf.scale",
    "snf.clusters",
    "snf.meta_clustering",
    "mkl.small",
    "mkl.scale",
    "mkl.simplemkl",
    "mkl.mklpy",
    "mkl.mklaren",
    "mkl.rosmap",
    "missing.imputers",
    "missing.scale",
    "missing.mofapy2",
    "missing.mvlearn",
    "lesions.scale",
    "lesions.nilearn",
    "lesions.connectomes",
    "lesions.disconnectome",
    "lesions.network",
)


def main(names=()):
    """Run the benchmarks of these names, all where there are none, and say which failed."""
    unknown = [name for name in names if not any(_is_of(one, name) for one in BENCHMARKS)]
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}. Known are {', '.join(BENCHMARKS)}.")
    failed = []
    for benchmark in BENCHMARKS:
        if names and not any(_is_of(benchmark, name) for name in names):
            continue
        print(f"\n== python -m benchmarks.{benchmark}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{benchmark}"], check=False).returncode:
            failed.append(benchmark)
    if failed:
        sys.exit(f"\nFailed: {', '.join(failed)}.")


def _is_of(benchmark, name):
    return benchmark == name or benchmark.startswith(f"{name}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    main(**vars(parser.parse_args()))
