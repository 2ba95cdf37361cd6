import json
from pathlib import Path

import pytest

from skfuse.evaluation.statistics import measured_coverage
from skfuse.evaluation.statistics._coverage import _MEASURED, _N_COHORTS

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "interval_coverage.json"


def test_figures_are_those_of_the_committed_study():
    figures = json.loads(RESULT.read_text())["figures"]["judgement"]
    cells = {}
    for key, found in figures.items():
        method, kind, n, share = key.split(", ")
        if method == "test-and-train":
            cell = int(n.removeprefix("n = ")), float(share.removesuffix("% events")) / 100
            cells.setdefault(cell, {})[kind] = found
            comparisons = {"level": 1, "difference": 3}[kind]
            assert found["cohorts per cell"] * found["cells"] == comparisons * _N_COHORTS
    assert set(cells) == set(_MEASURED)
    for cell, found in cells.items():
        level, difference = found["level"], found["difference"]
        assert _MEASURED[cell] == (
            level["coverage"],
            level["lowest"],
            difference["coverage"],
            difference["lowest"],
            difference["type I error, mean"],
        )


@pytest.mark.parametrize(
    ("n", "share", "cell"),
    [
        (74, 0.15, (74, 0.15)),
        (85, 0.85, (74, 0.15)),
        (88, 0.3, (100, 0.15)),
        (200, 0.35, (350, 0.5)),
        (10**5, 0.5, (1000, 0.5)),
    ],
)
def test_nearest_cell(n, share, cell):
    found = measured_coverage(n, share)
    assert (found.n_subjects, found.event_share) == cell
    assert f"{cell[0]:,} subjects with {cell[1]:.0%} events" in found.text
    assert f"{found.level:.1%}" in found.text
    assert "expect less" not in found.text


def test_what_was_not_measured_is_said():
    assert "Only the AUC of two classes was measured" in measured_coverage(100).text
    assert "expect less" in measured_coverage(50, 0.5).text
    assert "expect less" in measured_coverage(500, 0.05).text
    with pytest.raises(ValueError, match=r"1 subjects with a share of events of 0\.5 cannot be looked up"):
        measured_coverage(1, 0.5)
    with pytest.raises(ValueError, match="share of events of 15 cannot"):
        measured_coverage(100, 15)
