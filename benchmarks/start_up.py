"""How long `import skfuse` takes beyond `import sklearn`, and how long 200,000 column names take to resolve.

    python -m benchmarks.start_up

Imports are timed by `-X importtime` in 21 fresh processes each, the median taken: what skfuse adds is the sum of the
own time of every module that `import sklearn` alone does not load.
"""

import re
import statistics
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from benchmarks.record import write
from skfuse.modalities import resolve_modalities

N_PROCESSES, N_NAMES = 21, 200_000
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)")


def _own_times(code):
    found = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    return {name: int(own) / 1e6 for own, name in _LINE.findall(found.stderr)}


def added_by(module):
    """Median seconds that importing `module` adds to `import sklearn`."""
    base = set(_own_times("import sklearn"))
    seconds = []
    for _ in range(N_PROCESSES):
        times = _own_times(f"import sklearn, {module}")
        seconds.append(sum(own for name, own in times.items() if name not in base))
    return round(statistics.median(seconds), 4)


def main():
    figures = {f"import {module}, s": added_by(module) for module in ("skfuse", "skfuse.modalities")}
    names = [f"mri__v{i}" for i in range(N_NAMES // 2)] + [f"pet__v{i}" for i in range(N_NAMES // 2)]
    X = pd.DataFrame(np.zeros((2, N_NAMES), dtype=np.float32), columns=names)
    by_name = {"mri": names[: N_NAMES // 2], "pet": names[N_NAMES // 2 :]}
    for title, modalities in (("by prefix", None), ("by lists of names", by_name)):
        seconds = []
        for _ in range(9):
            began = time.perf_counter()
            resolve_modalities(X, modalities)
            seconds.append(time.perf_counter() - began)
        figures[f"resolve {N_NAMES:,} names {title}, s"] = round(statistics.median(seconds), 3)
    print(figures)
    write("start_up", figures, command="python -m benchmarks.start_up")
    return figures


if __name__ == "__main__":
    main()
