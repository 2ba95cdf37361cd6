"""Fixtures that several test folders need."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder():
    """A function from the name of a public data set to its folder; skips where the data are not there.

    Data sets are looked for in the folder that the environment variable SKFUSE_DATA names, otherwise in
    `shared/data` beside the repository. With SKFUSE_REQUIRE_DATA=1 a missing data set fails the test.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("SKFUSE_DATA") or default)

    def folder(name):
        path = root / name
        if path.is_dir():
            return path
        reason = f"the data set {name!r} is not in {root}; set SKFUSE_DATA to the folder that holds it"
        if os.environ.get("SKFUSE_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)

    return folder
