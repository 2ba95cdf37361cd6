"""Survival targets, Kaplan-Meier curves and pairs: plain twins, laws, and targets that are none."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skfuse._survival import (
    censoring_survival,
    check_survival,
    harrell_c,
    kaplan_meier,
    pair_counts,
    survival_target,
)
from skfuse.datasets import make_cohort

EVENT, TIME = [True, False, True], [2.0, 3.0, 5.0]


@st.composite
def outcomes(draw):
    """Event, time and risk with many ties; at least one event."""
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    event, time = rng.random(n) < draw(st.sampled_from([0.3, 0.7, 1.0])), rng.integers(1, 12, size=n) / 2.0
    event[0] = True
    return event, time, rng.integers(-4, 5, size=n) / 3.0


def plain_counts(event, time, risk):
    comparable = event[:, None] & ((time[:, None] < time) | ((time[:, None] == time) & ~event))
    return [(comparable & pairs).sum(axis=1) for pairs in (True, risk[:, None] > risk, risk[:, None] == risk)]


def renamed(names, formats=(bool, float)):
    y = np.empty(3, dtype=list(zip(names, formats, strict=True)))
    y[names[0]], y[names[1]] = EVENT, TIME
    return y


TARGETS = {
    "skfuse": survival_target(EVENT, TIME),
    "0 and 1": survival_target([1, 0, 1], TIME),
    "scikit-survival": renamed(["Status", "Survival_in_days"]),
    "time first": renamed(["event", "time"])[["time", "event"]],
    "whole numbers": renamed(["event", "time"], (bool, int)),
    "pandas": pd.DataFrame({"event": EVENT, "time": TIME}, index=[7, 8, 9]),
    "pandas, 0 and 1": pd.DataFrame({"time": TIME, "event": [1.0, 0.0, 1.0]}),
    "pandas, nullable": pd.DataFrame({"event": pd.array(EVENT, dtype="boolean"), "time": pd.array(TIME, "Float64")}),
    "polars": pl.DataFrame({"event": EVENT, "time": TIME}),
}


@pytest.mark.parametrize("form", TARGETS)
def test_every_form_of_a_target_is_read_alike(form):
    event, time = check_survival(TARGETS[form])
    assert event.dtype == bool
    assert time.dtype == np.float64
    assert_array_equal(event, EVENT)
    assert_array_equal(time, TIME)


def test_the_target_of_a_simulated_cohort_is_read():
    cohort = make_cohort(task="survival", n_subjects=50, random_state=0)
    event, time = check_survival(cohort.y)
    assert_array_equal(event, cohort.y["event"])
    assert_array_equal(time, cohort.y["time"])


def frame(event=EVENT, time=TIME, **others):
    return pd.DataFrame({"event": event, "time": time, **others})


def swapped():
    y = np.empty(3, dtype=[("event", float), ("time", bool)])
    y["event"], y["time"] = TIME, EVENT
    return y


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(TIME), "does not say who is censored. Give a structured array"),
        (np.column_stack([EVENT, TIME]), r"shape \(3, 2\), which does not say who is censored"),
        (list(zip(EVENT, TIME, strict=True)), "Give a structured array"),
        (swapped(), "fields of `y` are swapped: 'event' holds numbers and 'time' holds True and False"),
        (renamed(["a", "b"], (float, float)), "wanted one of bool, the event, and one of numbers"),
        (renamed(["a", "b"], (bool, "U3")), "wanted one of bool, the event, and one of numbers"),
        (frame(TIME, [1, 0, 1]), "Are event and time swapped"),
        (frame([1, 2, 2]), "`status == code_of_the_event`"),
        (frame(["dead", "alive", "dead"]), "holds ..alive.*wanted True where the event was seen"),
        (frame(site=[1, 1, 2]), r"other columns too: \['site'\]"),
        (frame().rename(columns={"time": "months"}), r"columns \['event', 'months'\], wanted 'event'"),
        (frame([True, None, True]), "Column 'event' of `y` is missing for 1 subjects"),
        (frame(time=[1.0, np.nan, 2.0]), "Column 'time' of `y` is missing for 1 subjects"),
        (frame(time=pd.to_timedelta(TIME, unit="D")), "Turn durations into numbers"),
        (pl.DataFrame({"event": EVENT, "time": [1.0, float("nan"), 2.0]}), "NaN or infinite"),
        (renamed(["event", "time"])[:0], "one or more subjects"),
    ],
)
def test_what_is_no_target_is_refused_with_a_cure(y, message):
    with pytest.raises(ValueError, match=message):
        check_survival(y)


@pytest.mark.parametrize(
    ("event", "time", "message"),
    [
        ([1, 0], [1.0, np.nan], "`time` has 1 values that are NaN or infinite"),
        ([1, 0], [1.0, np.inf], "`time` has 1 values that are NaN or infinite"),
        ([1, 0], [-2.0, 1.0], "`time` has 1 negative values, such as -2"),
        ([1, 0, 1], [1.0, 2.0], "wanted one event and one number"),
        ([1, 3], [1.0, 2.0], "holds ..1., .3"),
    ],
)
def test_bad_events_and_times_make_no_target(event, time, message):
    with pytest.raises(ValueError, match=message):
        survival_target(event, time)


def test_no_events_are_for_the_caller_to_allow():
    y = survival_target([0, 0], [1.0, 2.0])
    with pytest.raises(ValueError, match="None of 2 subjects has the event"):
        check_survival(y)
    assert not check_survival(y, allow_no_events=True)[0].any()


@settings(deadline=None)
@given(outcomes())
def test_kaplan_meier_is_the_product_over_times(outcome):
    event, time, _ = outcome
    curve, censoring = kaplan_meier(event, time), censoring_survival(event, time)
    for t in np.arange(0.0, 8.0, 0.25):
        free = followed = followed_before = 1.0
        for s in np.unique(time[time <= t]):
            died, left, there = (event & (time == s)).sum(), (~event & (time == s)).sum(), (time >= s).sum()
            followed_before = followed if s == t else followed_before
            free *= 1.0 - died / there
            followed *= 1.0 - left / (there - died) if left else 1.0
        assert curve.at(t) == pytest.approx(free, abs=1e-12)
        assert censoring.at(t) == pytest.approx(followed, abs=1e-12)
        if t in time:
            assert censoring.before(t) == pytest.approx(followed_before, abs=1e-12)


@settings(deadline=None)
@given(outcomes())
def test_weighted_events_add_up_to_the_kaplan_meier_curve(outcome):
    event, time, _ = outcome
    weights = event / censoring_survival(event, time).before(time)
    for t in np.unique(time):
        assert (weights * (time <= t)).mean() == pytest.approx(1.0 - kaplan_meier(event, time).at(t), abs=1e-12)


def test_without_censoring_the_curve_is_the_share_that_lives():
    time = np.random.default_rng(0).exponential(size=50).round(1)
    curve, censoring = kaplan_meier(np.ones(50, dtype=bool), time), censoring_survival(np.ones(50, dtype=bool), time)
    assert_allclose(curve.at(time), [(time > t).mean() for t in time], atol=1e-12)
    assert_array_equal(censoring.survival, 1.0)


@settings(deadline=None)
@given(outcomes())
def test_pairs_are_those_of_the_definition(outcome):
    for found, wanted in zip(pair_counts(*outcome), plain_counts(*outcome), strict=True):
        assert_array_equal(found, wanted)


@settings(deadline=None)
@given(outcomes())
def test_concordance_laws(outcome):
    event, time, risk = outcome
    c = harrell_c(event, time, risk)
    if np.isnan(c):
        assert not plain_counts(event, time, risk)[0].any()
        return
    assert harrell_c(event, time, np.exp(5.0 * risk) - 3.0) == c
    assert harrell_c(event, time**3, risk) == c
    assert harrell_c(event, time, -risk) == pytest.approx(1.0 - c, abs=1e-12)
    assert harrell_c(event, time, np.zeros(len(time))) == 0.5
    if event.all():
        assert harrell_c(event, time, -time) == 1.0
    order = np.random.default_rng(0).permutation(len(time))
    assert harrell_c(event[order], time[order], risk[order]) == c


def test_pairs_of_many_subjects():
    rng = np.random.default_rng(1)
    event, time, risk = rng.random(500) < 0.4, rng.exponential(size=500).round(2), rng.normal(size=500).round(1)
    for found, wanted in zip(pair_counts(event, time, risk), plain_counts(event, time, risk), strict=True):
        assert_array_equal(found, wanted)
