"""mklaren on blocks of features; run by the interpreter of its environment (``benchmarks/environments/mklaren.txt``).

    <interpreter> benchmarks/mkl/_peer_mklaren.py INPUT.npz OUTPUT.npz

mklaren 1.2 is Python 2 source. The installed files are converted with lib2to3 into a temporary folder and imported from
there; the installation is left as it is. INPUT holds `block_0`, … (n_subjects × n_features), `kernels` (JSON: one
``[block, name, arguments]`` per kernel, names as in `mklaren.kernel.kernel`), `y`, `rank`, `delta` and `ridge`. OUTPUT
gets the path, the fitted values and the CPU seconds of the fit. This file must not import skfuse, which that
environment lacks.
"""

import importlib.util
import json
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

MODULES = ("util/la", "kernel/kinterface", "kernel/kernel", "projection/nystrom", "mkl/mklaren")
FIXES = ("dict", "filter", "map", "print", "xrange", "zip")


def converted(folder):
    """Write the modules that Mklaren needs, in Python 3, below `folder`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from lib2to3.refactor import RefactoringTool
    tool = RefactoringTool([f"lib2to3.fixes.fix_{name}" for name in FIXES])
    installed = Path(importlib.util.find_spec("mklaren").submodule_search_locations[0])
    for package in ("", "util", "kernel", "projection", "mkl"):
        Path(folder, "mklaren", package).mkdir(parents=True, exist_ok=True)
        Path(folder, "mklaren", package, "__init__.py").touch()
    for module in MODULES:
        source = Path(installed, f"{module}.py").read_text(encoding="utf-8")
        Path(folder, "mklaren", f"{module}.py").write_text(_python_3(str(tool.refactor_string(source + "\n", module))))


def _python_3(source):
    """What lib2to3 leaves: lists that are changed, and integers of NumPy as indices."""
    source = re.sub(r"= range\(n\)", "= list(range(n))", source)
    source = source.replace("isinstance(obj, int)", "isinstance(obj, __import__('numbers').Integral)")
    return source.replace("isinstance(obj, xrange)", "isinstance(obj, range)")


def main(source, target):
    sys.path.remove(str(Path(__file__).parent))  # which has a mklaren.py of its own
    given = np.load(source)
    blocks = [given[f"block_{position}"] for position in range(sum(name.startswith("block_") for name in given))]
    with tempfile.TemporaryDirectory() as folder:
        converted(folder)
        sys.path.insert(0, folder)
        warnings.simplefilter("ignore")  # escapes in docstrings that Python 3 warns of
        from mklaren.kernel import kernel as functions
        from mklaren.kernel.kinterface import Kinterface
        from mklaren.mkl.mklaren import Mklaren

        kernels = [
            Kinterface(data=blocks[block], kernel=getattr(functions, name), kernel_args=arguments)
            for block, name, arguments in json.loads(str(given["kernels"]))
        ]
        model = Mklaren(rank=int(given["rank"]), delta=int(given["delta"]), lbd=float(given["ridge"]))
        chosen = []
        best = model.best_pivot_kernel

        def best_and_note(*args, **kwargs):
            chosen.append(best(*args, **kwargs))
            return chosen[-1]

        model.best_pivot_kernel = best_and_note
        began = time.process_time()
        model.fit(kernels, given["y"])
        seconds = time.process_time() - began
    np.savez(
        target,
        kernel_numbers=[int(kernel) for kernel, _ in chosen],
        pivots=[int(pivot) for _, pivot in chosen],
        path=np.column_stack(model.sol_path)[: len(given["y"])],
        fitted=np.ravel(model.y_pred),
        seconds=seconds,
        versions=json.dumps({"mklaren": "1.2", "numpy": np.__version__, "python": sys.version.split()[0]}),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
