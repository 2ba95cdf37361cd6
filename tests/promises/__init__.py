"""What every public estimator promises, one function per promise; the table of estimators is in test_promises.py."""

import pytest

_PARTS = ("conventions", "tools", "independence", "missing", "edges", "learning")
pytest.register_assert_rewrite(*(f"promises.{part}" for part in _PARTS))
