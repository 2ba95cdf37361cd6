"""Scores of survival predictions: published packages, the formulas written out, laws, and unbiasedness."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from sklearn.metrics import brier_score_loss, roc_auc_score

from skfuse._survival import censoring_survival, kaplan_meier, survival_target
from skfuse.evaluation.statistics import (
    brier_score,
    concordance,
    cumulative_dynamic_auc,
    integrated_brier_score,
)

FIXTURES = json.loads((Path(__file__).parent / "fixtures" / "survival.json").read_text())
SETS = pytest.mark.parametrize("one", FIXTURES["sets"], ids=lambda one: f"n={len(one['risk'])}")
EXACT = {"rtol": 1e-8, "atol": 1e-10}


def simulate(n=200, *, seed=0, censoring=1.5, decimals=1, slope=1.0):
    """Event, time with ties, and the true log hazard."""
    rng = np.random.default_rng(seed)
    risk = slope * rng.normal(size=n)
    died, censored = rng.exponential(np.exp(-risk)), rng.exponential(censoring, size=n)
    return died <= censored, np.round(np.minimum(died, censored), decimals), risk


@SETS
def test_concordance_equals_scikit_survival_and_lifelines(one):
    (event, time), risk = one["test"], one["risk"]
    assert_allclose(concordance(event, time, risk), one["harrell"], **EXACT)
    assert_allclose(concordance(event, time, risk), one["harrell_lifelines"], **EXACT)
    uno = concordance(event, time, risk, method="uno", train=one["train"])
    assert_allclose(uno, one["uno"], **EXACT)
    uno = concordance(event, time, risk, method="uno", train=one["train"], tau=one["tau"])
    assert_allclose(uno, one["uno_tau"], **EXACT)


@SETS
def test_dynamic_auc_equals_scikit_survival(one):
    for risk, wanted in ((one["risk"], one["auc"]), (one["risk_by_time"], one["auc_by_time"])):
        found = cumulative_dynamic_auc(one["train"], one["test"], risk, one["times"])
        assert_allclose(found.auc, wanted[0], **EXACT)
        assert_allclose(found.mean, wanted[1], **EXACT)


@SETS
def test_brier_scores_equal_scikit_survival(one):
    arguments = one["train"], one["test"], one["free"], one["times"]
    assert_allclose(brier_score(*arguments), one["brier"], **EXACT)
    assert_allclose(integrated_brier_score(*arguments), one["integrated_brier"], **EXACT)


@SETS
def test_kaplan_meier_equals_lifelines(one):
    event, time = np.array(one["test"][0], dtype=bool), one["test"][1]
    assert_allclose(kaplan_meier(event, time).at(one["times"]), one["kaplan_meier"], **EXACT)


def test_fixtures_hold_ties():
    assert [one["tied"] for one in FIXTURES["sets"]] == [False, False, True, True]
    assert any(one["pairs"][2] > 0 for one in FIXTURES["sets"])  # equal risks in comparable pairs
    assert any(abs(one["uno"] - one["harrell"]) > 1e-3 for one in FIXTURES["sets"])


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_their_formulas(seed):
    event, time, risk = simulate(60, seed=seed)
    train_event, train_time, _ = simulate(100, seed=seed + 50)
    train_time[0] = max(time.max(), train_time.max()) + 1.0
    risk, times, tau = np.round(risk, 1), np.array([0.25, 0.4, 0.9]), 0.9
    free = np.exp(-np.outer(np.exp(risk), times))
    censoring = censoring_survival(train_event, train_time)
    n, G = len(time), censoring.before(time)
    above, below, uno, total = np.zeros(3), np.zeros(3), 0.0, 0.0
    for i in range(n):
        for j in range(n):
            agrees = (risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j])
            if event[i] and time[i] < tau and (time[i] < time[j] or (time[i] == time[j] and not event[j])):
                uno, total = uno + agrees / G[i] ** 2, total + 1.0 / G[i] ** 2
            counts = event[i] * (time[i] <= times) * (time[j] > times) / G[i]
            above, below = above + counts * agrees, below + counts
    wanted = np.zeros(3)
    for k, t in enumerate(times):
        for i in range(n):
            if time[i] <= t:
                wanted[k] += event[i] * free[i, k] ** 2 / G[i] / n
            else:
                wanted[k] += (1.0 - free[i, k]) ** 2 / censoring.at(t) / n
    train, test = (train_event, train_time), (event, time)
    assert concordance(event, time, risk, method="uno", train=train, tau=tau) == pytest.approx(uno / total)
    assert_allclose(cumulative_dynamic_auc(train, test, risk, times).auc, above / below, rtol=1e-10)
    assert_allclose(brier_score(train, test, free, times), wanted, rtol=1e-10)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_laws_of_concordance_and_auc(seed):
    event, time, risk = simulate(40, seed=seed)
    risk, times = np.round(risk, 1), np.quantile(time, [0.4, 0.7])
    event[time <= times[0]] = True
    train, times = (event, time), times + [0.0, 0.05]  # apart, also where both are one tied time
    for method in ("harrell", "uno"):
        c = concordance(event, time, risk, method=method, train=train, tau=time.max())
        for same in (np.exp(risk), 3.0 * risk - 7.0):
            assert concordance(event, time, same, method=method, train=train, tau=time.max()) == pytest.approx(c)
        reverse = concordance(event, time, -risk, method=method, train=train, tau=time.max())
        assert reverse == pytest.approx(1.0 - c)
    auc = cumulative_dynamic_auc(train, train, risk, times)
    assert_allclose(cumulative_dynamic_auc(train, train, np.exp(risk), times).auc, auc.auc)
    reverse = cumulative_dynamic_auc(train, train, -risk, times)
    assert_allclose([*reverse.auc, reverse.mean], [*(1.0 - auc.auc), 1.0 - auc.mean])
    assert auc.auc.min() - 1e-12 <= auc.mean <= auc.auc.max() + 1e-12


def test_without_censoring_scores_are_those_of_classes():
    _, time, risk = simulate(150, seed=4)
    everyone = (np.ones(150, dtype=bool), time)
    times = np.array([0.3, 0.75, 1.25])
    free = np.exp(-np.outer(np.exp(risk), times))
    had = time[:, None] <= times
    auc = cumulative_dynamic_auc(everyone, everyone, risk, times).auc
    assert_allclose(auc, [roc_auc_score(column, risk) for column in had.T])
    score = brier_score(everyone, everyone, free, times)
    assert_allclose(score, [brier_score_loss(y, 1.0 - s) for y, s in zip(had.T, free.T, strict=True)])
    uno = concordance(*everyone, risk, method="uno", train=everyone)
    assert uno == pytest.approx(concordance(*everyone, risk))


def test_uno_and_brier_do_not_depend_on_censoring_where_harrell_does():
    """Means over cohorts with much censoring come to the values of the same subjects without any."""
    n, times, complete, censored = 4000, np.array([0.2, 0.5, 1.0]), [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        risk = 1.5 * rng.normal(size=n)
        died, left = rng.exponential(np.exp(-risk)), rng.exponential(0.8, size=n)
        free = np.exp(-np.outer(np.exp(risk), times))
        for found, event, time in (
            (complete, np.ones(n, dtype=bool), died),
            (censored, died <= left, np.minimum(died, left)),
        ):
            uno = concordance(event, time, risk, method="uno", train=(event, time), tau=1.0)
            harrell = concordance(event, time, risk)
            auc = cumulative_dynamic_auc((event, time), (event, time), risk, times).auc
            found.append([harrell, uno, *auc, *brier_score((event, time), (event, time), free, times)])
    apart = np.abs(np.mean(censored, axis=0) - np.mean(complete, axis=0))
    assert apart[0] > 0.015  # Harrell's, which is 0.02 higher under this censoring
    assert (apart[1:] < 0.006).all()  # their standard errors are .0004 to .0032


def test_the_true_model_has_the_least_brier_score_and_its_expected_value():
    event, time, risk = simulate(20_000, decimals=8)
    t = np.array([0.5])
    free = np.exp(-np.outer(np.exp(risk), t))

    def variance(x):
        s = np.exp(-np.exp(x) * t[0])
        return s * (1.0 - s) * np.exp(-(x**2) / 2.0) / np.sqrt(2.0 * np.pi)

    test = (event, time)
    score = brier_score(test, test, free, t)[0]
    assert score == pytest.approx(quad(variance, -8, 8)[0], abs=0.004)
    assert score < min(
        brier_score(test, test, other, t)[0] for other in (free**1.5, free**0.6, np.full_like(free, 0.5))
    )


def test_targets_come_as_structured_arrays_too():
    event, time, risk = simulate(80)
    y, times = survival_target(event, time), [0.25, 0.55]
    pair = cumulative_dynamic_auc((event, time), (event, time), risk, times)
    assert_allclose(cumulative_dynamic_auc(y, y, risk, times).auc, pair.auc)
    uno = {"method": "uno", "tau": 1.0}
    assert concordance(event, time, risk, train=y, **uno) == concordance(event, time, risk, train=(event, time), **uno)


def test_test_subjects_do_not_learn_the_censoring():
    """The weight of a subject is the same whoever else is scored: scores of two halves average to that of all."""
    event, time, risk = simulate(100)
    train_event, train_time, _ = simulate(200, seed=1)
    train_time[0] = 50.0
    train, t = (train_event, train_time), [0.45]
    free = np.exp(-np.outer(np.exp(risk), t))
    halves = [brier_score(train, (event[part], time[part]), free[part], t)[0] for part in (slice(50), slice(50, 100))]
    assert np.mean(halves) == pytest.approx(brier_score(train, (event, time), free, t)[0])


TRAIN, TEST = ([1, 0, 1, 1], [1.0, 2.0, 3.0, 4.0]), ([1, 1, 0, 1], [0.5, 2.5, 3.0, 6.0])
RISK, FREE = [3.0, 2.0, 1.0, 0.0], [[0.5, 0.4]] * 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: concordance(*TEST, RISK, method="c"), "'harrell' or 'uno'"),
        (lambda: concordance(*TEST, RISK, method="uno"), "needs `train`"),
        (lambda: concordance(*TEST, RISK, method="uno", train=TRAIN), "1 events lie beyond the last training subject"),
        (lambda: concordance(*TEST, RISK[:3]), "3 values for 4 subjects"),
        (lambda: concordance(*TEST, [np.nan, 1, 2, 3]), "1 values that are NaN"),
        (lambda: concordance([0, 0], [1.0, 2.0], [1.0, 2.0]), "No pair of the 2 subjects is comparable"),
        (lambda: concordance(*TEST, RISK, tau=0.1), r"\(0 events count\)"),
        (lambda: concordance(*TEST, RISK, method="uno", train=TEST[1]), "`train` is no survival target. `y` is an arr"),
        (lambda: cumulative_dynamic_auc(TRAIN, TEST, RISK, [0.1]), "At time 0.1 0 test subjects have had the event"),
        (lambda: cumulative_dynamic_auc(TRAIN, TEST, RISK, [1.0, 6.0]), "0 are followed for longer"),
        (lambda: cumulative_dynamic_auc(TRAIN, TEST, RISK, [2.0, 1.0]), "must ascend without repeats"),
        (lambda: cumulative_dynamic_auc(TRAIN, TEST, FREE, [1.0]), r"shape \(4, 2\), wanted finite numbers for 4"),
        (lambda: brier_score(TRAIN, TEST, FREE, [1.0, 5.0]), "Test subjects are followed beyond time 5, but no train"),
        (lambda: brier_score(TRAIN, TEST, RISK, [1.0]), r"`survival_probabilities` has shape \(4,\)"),
        (lambda: brier_score(TRAIN, TEST, 2.0 * np.ones((4, 1)), [1.0]), "4 of `survival_probabilities` lie outside"),
        (lambda: integrated_brier_score(TRAIN, TEST, FREE, [1.0]), "at least two"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_events_beyond_training_do_not_matter_where_they_do_not_count():
    assert concordance(*TEST, RISK, method="uno", train=TRAIN, tau=5.0) == 1.0
    assert cumulative_dynamic_auc(TRAIN, TEST, RISK, [1.0, 2.75]).mean == pytest.approx(1.0)
