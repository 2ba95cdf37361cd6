import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from skfuse.permutation import adjust_p_values, max_statistic_p_values, permutation_p_value

ADJUSTED = json.loads((Path(__file__).parent / "fixtures" / "adjusted.json").read_text())
METHODS = ["holm", "bonferroni", "fdr_bh", "fdr_by"]
SETTINGS = settings(max_examples=40, deadline=None)
WHOLE = st.lists(st.integers(-5, 5), min_size=1, max_size=30)
SHARES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20)


@SETTINGS
@given(st.integers(-6, 6), WHOLE)
def test_p_value_counts(observed, null):
    n = len(null) + 1
    greater = Fraction(1 + sum(value >= observed for value in null), n)
    less = Fraction(1 + sum(value <= observed for value in null), n)
    assert permutation_p_value(observed, null) == pytest.approx(float(greater), rel=1e-14)
    assert permutation_p_value(observed, null, alternative="less") == pytest.approx(float(less), rel=1e-14)
    both = permutation_p_value(observed, null, alternative="two-sided")
    assert both == pytest.approx(min(1.0, 2 * float(min(greater, less))), rel=1e-14)


@SETTINGS
@given(st.integers(-6, 6), WHOLE)
def test_p_value_mirrors(observed, null):
    mirrored = permutation_p_value(-observed, -np.array(null), alternative="less")
    assert permutation_p_value(observed, null) == mirrored


def test_p_value_along_the_first_axis():
    rng = np.random.default_rng(0)
    observed, null = rng.normal(size=(3, 2)), rng.normal(size=(19, 3, 2))
    p = permutation_p_value(observed, null, alternative="two-sided")
    for place in np.ndindex(3, 2):
        assert p[place] == permutation_p_value(observed[place], null[(slice(None), *place)], alternative="two-sided")


def test_ties_by_rounding_count():
    assert 0.1 + 0.2 > 0.3  # the same sum in another order
    assert permutation_p_value(0.1 + 0.2, [0.3, 0.0, 0.0]) == 0.5
    assert permutation_p_value(0.3, [0.1 + 0.2, 1.0, 1.0], alternative="less") == 0.5
    assert permutation_p_value(1e-17, [0.0, 0.0, 1.0]) == 1.0  # nothing, beside a null of size 1
    np.testing.assert_array_equal(max_statistic_p_values([0.1 + 0.2], [[0.3], [0.0], [0.0]]), [0.5])
    np.testing.assert_array_equal(max_statistic_p_values([0.0], [[0.0], [0.0]]), [1.0])


def test_infinite_statistics_have_a_p_value():
    assert permutation_p_value(np.inf, [0.0, np.inf, 1.0]) == 0.5
    assert permutation_p_value(1.0, [0.0, np.inf, -np.inf]) == 0.5


@SETTINGS
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 6))
def test_max_statistic_is_the_p_value_against_the_maximum(seed, n_permutations, n_tests):
    rng = np.random.default_rng(seed)
    observed, null = rng.integers(0, 5, size=(2, n_tests)), rng.integers(0, 5, size=(n_permutations, 2, n_tests))
    p = max_statistic_p_values(observed, null)
    for place in np.ndindex(2, n_tests):
        assert p[place] == permutation_p_value(observed[place], null[:, place[0]].max(axis=-1))
    assert (p >= permutation_p_value(observed, null)).all()


@pytest.mark.parametrize(
    ("function", "observed", "null", "message"),
    [
        (permutation_p_value, np.nan, [1.0], "`observed` has 1 NaN"),
        (permutation_p_value, 1.0, [1.0, np.nan], "`null` has 1 NaN"),
        (permutation_p_value, 1.0, [], "no permutation"),
        (permutation_p_value, [1.0, 2.0], [1.0, 2.0, 3.0], r"shape \(3,\), wanted \(n_permutations"),
        (max_statistic_p_values, [1.0, 2.0], [[1.0], [2.0]], r"`observed` has shape \(2,\)"),
        (max_statistic_p_values, 1.0, [1.0, 2.0], "at least one test"),
    ],
)
def test_bad_statistics_are_refused(function, observed, null, message):
    with pytest.raises(ValueError, match=message):
        function(observed, null)


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="`alternative` must be one of"):
        permutation_p_value(1.0, [1.0], alternative="both")
    with pytest.raises(ValueError, match="`method` must be"):
        adjust_p_values([0.1], method="sidak")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", range(len(ADJUSTED["sets"])))
def test_adjustment_equals_statsmodels(method, number):
    one = ADJUSTED["sets"][number]
    np.testing.assert_allclose(adjust_p_values(one["p"], method=method), one[method], rtol=1e-12, atol=1e-15)


@SETTINGS
@given(SHARES, st.sampled_from(METHODS), st.randoms())
def test_adjustment_does_not_depend_on_order_and_keeps_it(p, method, random):
    p = np.array(p)
    adjusted = adjust_p_values(p, method=method)
    order = np.array(random.sample(range(len(p)), len(p)))
    np.testing.assert_array_equal(adjust_p_values(p[order], method=method), adjusted[order])
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert (adjusted >= p * (1 - 1e-12)).all()
    assert (adjusted <= 1).all()


@SETTINGS
@given(SHARES)
def test_methods_are_ordered_by_what_they_promise(p):
    holm, bonferroni, bh, by = (adjust_p_values(p, method=method) for method in METHODS)
    slack = 1 + 1e-12
    assert (holm <= bonferroni * slack).all()
    assert (bh <= holm * slack).all()
    assert (bh <= by * slack).all()


@SETTINGS
@given(SHARES, st.sampled_from(METHODS), st.integers(0, 5))
def test_nan_is_no_test(p, method, n_missing):
    assume(len(p) > 1)
    padded = np.insert(np.array(p), [1] * n_missing, np.nan)
    adjusted = adjust_p_values(padded, method=method)
    assert np.isnan(adjusted).sum() == n_missing
    np.testing.assert_array_equal(adjusted[~np.isnan(adjusted)], adjust_p_values(p, method=method))


def test_adjustment_keeps_the_shape():
    assert adjust_p_values([]).shape == (0,)
    assert np.isnan(adjust_p_values([np.nan, np.nan])).all()
    np.testing.assert_allclose(
        adjust_p_values([[0.01, 0.02], [0.03, 0.04]], method="bonferroni"), [[0.04, 0.08], [0.12, 0.16]]
    )
    with pytest.raises(ValueError, match=r"2 values lie outside 0 to 1, such as -0.1"):
        adjust_p_values([-0.1, 0.5, 1.1])
