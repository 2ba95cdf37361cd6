"""A short search over clusterings, once for all that look at its parts."""

import runpy
from pathlib import Path

import pytest

SHORT = runpy.run_path(str(Path(__file__).parent / "short_search.py"))
cohort, search = SHORT["cohort"], SHORT["search"]


@pytest.fixture(scope="session")
def found():
    X, group = cohort(n_missing=12)
    return search(14).fit(X), X, group
