"""scikit-learn's own checks, in a process in which SciPy knows the array API from its import on."""

import multiprocessing
import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import pytest
from sklearn.utils.estimator_checks import check_estimator

from skfuse.modalities import SingleModalityWarning


def run_checks(model):
    """Run the checks on an estimator: (array API, name and status and message of each check, warnings)."""
    return _other_process().submit(_run_checks, model).result()


@cache
def _other_process():
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SCIPY_ARRAY_API", "1")  # read once, when scipy is imported
        pool.submit(os.getpid).result()  # starts the process
    return pool


def _run_checks(model):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", SingleModalityWarning)  # the checks pass arrays without names
        results = check_estimator(model, on_skip=None, on_fail=None)
    checks = [(check["check_name"], check["status"], str(check["exception"] or "")) for check in results]
    said = sorted({f"{warning.category.__name__}: {warning.message}" for warning in caught})
    return os.environ.get("SCIPY_ARRAY_API"), checks, said
