"""Planted leaks are caught by the right check; clean cohorts that look suspicious raise no alarm."""

from itertools import islice

import numpy as np
import pytest

from benchmarks.studies import clean_cohorts, planting
from benchmarks.studies.planting import LEAKS, LOOKS
from skfuse.evaluation.leaks import check_leaks


@pytest.fixture(scope="module")
def cohorts():
    return dict(islice(planting.hosts(0), 4))  # the stories, which are larger, are left to the study


@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
@pytest.mark.parametrize("number", range(len(LEAKS)), ids=[plant.__name__ for plant in LEAKS])
def test_planted_leak_is_caught_by_its_check(number, cohorts):
    plant, (check, tasks) = list(LEAKS.items())[number]
    able = [name for name in cohorts if cohorts[name]["task"] in tasks]
    # Two hosts for each leak here; the study `planted_leaks` has all of them.
    for name in {able[number % len(able)], able[-1]}:
        case = plant(dict(cohorts[name]), np.random.default_rng(number))
        finding = check_leaks(**case)[check]
        assert finding.status == "found", name
        assert finding.level == ("look" if plant in LOOKS else "leak"), name
        assert finding.evidence
        assert finding.advice


def test_there_are_many_kinds_of_leaks_for_both_tasks():
    assert len({check for check, _ in LEAKS.values()}) >= 20
    assert sum("regression" in tasks for _, tasks in LEAKS.values()) >= 16


def test_clean_cohorts_raise_no_alarm():
    alarms = [
        (name, finding.check, finding.evidence)
        for name, case in clean_cohorts.clean_cases(14, 500)
        for finding in check_leaks(**case).found
    ]
    assert alarms == []  # the study finds about none in hundreds


@pytest.mark.parametrize("kind", ["excellent_predictors", "twins", "missing_at_random", "questionnaires"])
def test_suspicious_but_honest_cohorts(kind):
    for seed in range(60, 90, 7):
        assert check_leaks(**getattr(clean_cohorts, kind)(seed)).found == []


def test_planted_subjects_and_columns_are_named(cohorts):
    case = planting.visits_of_one_person(dict(cohorts["binary"]), np.random.default_rng(0))
    finding = check_leaks(**case)["repeated visits"]
    assert all(len(labels) == 2 for labels in finding.subjects)
    assert {label for labels in finding.subjects for label in labels} <= set(case["X"].index)
    case = planting.noisy_copy(dict(cohorts["regression"]), np.random.default_rng(0))
    (column,) = check_leaks(**case)["noisy copy of the target"].columns
    assert column.endswith("__planted")
