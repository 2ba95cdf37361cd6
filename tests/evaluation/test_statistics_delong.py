import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse.evaluation.statistics import delong, delong_test

SETTINGS = settings(max_examples=40, deadline=None)


@st.composite
def scored(draw, n_scores=1):
    """Labels with at least two of each class, and whole scores with ties."""
    n = draw(st.integers(4, 25))
    y = np.array([0, 0, 1, 1] + draw(st.lists(st.integers(0, 1), min_size=n - 4, max_size=n - 4)))
    whole = st.lists(st.integers(0, 8), min_size=n, max_size=n)
    return (y, *(np.array(draw(whole), dtype=float) for _ in range(n_scores)))


@SETTINGS
@given(scored(2))
def test_every_quantity_by_pairs(case):
    y, *scores = case
    placements = []
    for score in scores:
        wins = np.sign(score[y == 1][:, None] - score[y == 0]) / 2 + 0.5
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
        found = delong(y, score)
        assert found.auc == pytest.approx(wins.mean(), abs=1e-12)
        variance = sum(part.var(ddof=1) / len(part) for part in placements[-1])
        assert found.variance == pytest.approx(variance, abs=1e-12)
        if not math.isnan(found.lower):
            assert 0 <= found.lower <= found.auc <= found.upper <= 1
    (a1, a0), (b1, b0) = placements
    test = delong_test(y, *scores)
    covariance = sum(np.cov(a, b)[0, 1] / len(a) for a, b in ((a1, b1), (a0, b0)))
    separate = delong(y, scores[0]).variance + delong(y, scores[1]).variance
    assert test.variance == pytest.approx(separate - 2 * covariance, abs=1e-12)
    assert math.isnan(test.lower) or -1 <= test.lower <= test.difference <= test.upper <= 1
    assert test.difference == pytest.approx(a1.mean() - b1.mean(), abs=1e-12)


@SETTINGS
@given(scored(2))
def test_laws(case):
    y, a, b = case
    same = delong(y, np.exp(a / 3))  # any rising function of the score
    assert same == delong(y, a)
    assert delong(y, -a).auc == pytest.approx(1 - delong(y, a).auc, abs=1e-12)
    one, other = delong_test(y, a, b), delong_test(y, b, a)
    np.testing.assert_allclose([one.difference, one.z, one.p_value], [-other.difference, -other.z, other.p_value])
    order = np.argsort(b, kind="stable")
    assert delong(y[order], a[order]).auc == pytest.approx(delong(y, a).auc, abs=1e-12)


def test_perfect_separation_has_no_limits():
    y, score = [0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0]
    for sign, auc in ((1, 1.0), (-1, 0.0)):
        found = delong(y, sign * np.array(score))
        assert (found.auc, found.variance) == (auc, 0.0)
        assert np.isnan([found.lower, found.upper]).all()
    # Two perfect scores, and a perfect beside a constant one: nothing to be said of the uncertainty.
    for other in ([1.0, 2.0, 4.0, 3.0], [0.0] * 4):
        test = delong_test(y, score, other)
        assert np.isnan([test.lower, test.upper, test.z, test.p_value]).all()


def test_scores_that_say_nothing_or_the_same():
    y = [0, 1, 0, 1]
    constant = delong(y, [3.0] * 4)
    assert (constant.lower, constant.auc, constant.upper) == (0.5, 0.5, 0.5)
    test = delong_test(y, [1, 2, 3, 4], [10, 20, 30, 40])
    assert (test.difference, test.lower, test.upper, test.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_limits_of_a_difference_stay_possible():
    test = delong_test([0, 0, 1, 1], [1, 3, 2, 4], [4, 2, 3, 1])
    assert test.difference + 1.96 * test.variance**0.5 > 1
    assert test.upper == 1.0
    assert delong_test([0, 0, 1, 1], [4, 2, 3, 1], [1, 3, 2, 4]).lower == -1.0


def test_type_one_error_of_the_paired_test():
    rng = np.random.default_rng(0)
    rejected = []
    for _ in range(400):
        y = rng.random(120) < 0.4
        signal = y + rng.normal(size=120)
        a, b = signal + rng.normal(size=(2, 120))
        rejected.append(delong_test(y, a, b).p_value <= 0.05)
    assert 0.02 <= np.mean(rejected) <= 0.085  # 3 SD about .05


def test_interval_covers():
    rng = np.random.default_rng(1)
    truth = 0.7602499389065233  # Phi(1 / sqrt 2)
    covered = []
    for _ in range(400):
        y = np.repeat([False, True], [60, 40])
        found = delong(y, y + rng.normal(size=100))
        covered.append(found.lower <= truth <= found.upper)
    assert 0.915 <= np.mean(covered) <= 0.985


@pytest.mark.parametrize(
    ("y", "score", "message"),
    [
        ([1, 1, 1], [1, 2, 3], "3 events among 3 subjects. Both classes are needed"),
        ([0, 0], [1, 2], "0 events among 2"),
        ([0, 0, 1], [1, 2, 3], "1 events and 2 others. The variance of the AUC needs at least two"),
        ([0, 1, 2, 1], [1, 2, 3, 4], "hold 0 and 1"),
        (["a", "b"], [1, 2], "Give `y == event`"),
        ([0, 0, 1, 1], [1, 2, np.nan, 3], "1 values that are NaN"),
        ([0, 0, 1, 1], [1, 2, 3], "`y` has 4 subjects and"),
    ],
)
def test_bad_input_is_refused(y, score, message):
    with pytest.raises(ValueError, match=message):
        delong(y, score)
    with pytest.raises(ValueError, match=message):
        delong_test(y, np.arange(len(y)), score)
