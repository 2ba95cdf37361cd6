from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skfuse.evaluation import Comparison, read_result
from skfuse.evaluation.result import plain
from skfuse.evaluation.tables.differences import verdict
from skfuse.evaluation.tables.subgroups import levels_of


def row(lower, upper, *, p=0.001, p_holm=0.001, n_events=100, in_family=True, skill_lower=0.1):
    return SimpleNamespace(
        lower=lower, upper=upper, p=p, p_holm=p_holm, n_events=n_events, in_family=in_family, skill_lower=skill_lower
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (row(0.03, 0.08), "helped"),
        (row(0.01, 0.08), "helped"),
        (row(-0.08, -0.01), "worse"),
        (row(-0.01, 0.019), "no worthwhile gain"),
        (row(0.001, 0.019), "no worthwhile gain"),  # significant, and not worth having
        (row(-0.02, 0.01), "inconclusive"),  # the margin itself is not inside
        (row(-0.05, 0.08), "inconclusive"),
        (row(0.03, 0.08, p_holm=0.06), "inconclusive"),
        (row(0.03, 0.08, p_holm=np.nan, in_family=False), "helped"),
        (row(0.03, 0.08, n_events=19), "inconclusive"),
        (row(0.03, 0.08, skill_lower=-0.01), "inconclusive"),
        (row(-0.08, -0.01, skill_lower=-0.01), "worse"),
        (row(np.nan, np.nan), "inconclusive"),
    ],
)
def test_a_verdict_says_what_the_interval_says(found, expected):
    assert verdict(found, margin=0.02) == expected


def test_levels_of_a_covariate_are_few():
    assert levels_of(pd.Series([1.0, 0.0, np.nan])).tolist() == ["1", "0", ""]
    assert levels_of(pd.Series(["m", "f", None])).tolist() == ["m", "f", ""]
    ages = levels_of(pd.Series(np.arange(21.0)))
    assert (ages == "≤ 10").sum() == 11
    assert (ages == "> 10").sum() == 10


def test_plain_values_are_strict_json():
    given = {"a": np.float64(np.nan), 2: [np.int64(3), np.bool_(True), (1.5, np.inf)], "b": np.arange(2)}
    assert plain(given) == {"a": None, "2": [3, True, [1.5, None]], "b": [0, 1]}


def test_what_is_no_result_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="skfuse compare"):
        read_result(tmp_path)
    for text in ("{}", "[1]", "{", '{"sentence": "", "columns": {}, "tables": {}, "more": 1}'):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(ValueError, match="is no result of a comparison"):
            read_result(tmp_path)


def test_a_comparison_without_fusion_says_so():
    empty = pd.DataFrame(columns=["check", "status", "level", "strategy", "estimate", "contribution"])
    tables = dict.fromkeys(("leaks", "modalities", "site_pool", "sites"), empty)
    found = Comparison("classification", "AUC", 0.02, "single:mri", None, {}, {}, {}, tables)
    assert "no fusion to judge" in found.sentence()
