"""What tests and the examples in docstrings have in common."""

import sys


def pytest_runtest_teardown():
    """Close the figures of a test: matplotlib warns of more than 20, and a warning is an error here."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
