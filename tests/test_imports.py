"""`import skfuse` is light: what is heavy is loaded by the function that needs it."""

import json
import pkgutil
import subprocess
import sys

import pytest

import skfuse

HEAVY = {"torch", "numba", "matplotlib", "lightgbm", "networkx", "nibabel", "nilearn", "cuml"}
PACKAGES = [info.name for info in pkgutil.iter_modules(skfuse.__path__) if info.ispkg and not info.name.startswith("_")]


def run(code):
    """What `code` prints as JSON in a fresh interpreter."""
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


def imported_by(statement):
    return set(run(f"import json, sys\n{statement}\nprint(json.dumps([n for n in sys.modules if '.' not in n]))"))


def test_import_loads_nothing_heavy():
    assert not imported_by("import skfuse") & (HEAVY | {"pandas", "polars"})


@pytest.mark.parametrize("package", PACKAGES)
def test_import_of_a_package_loads_nothing_heavy(package):
    assert not imported_by(f"import skfuse.{package}") & HEAVY


def test_import_adds_little_to_scikit_learn():
    code = """
import json, time
import sklearn
start = time.perf_counter()
import skfuse
print(json.dumps(time.perf_counter() - start))
"""
    assert any(run(code) < 0.15 for _ in range(3))  # seconds; the best of three, as other tests run beside it
