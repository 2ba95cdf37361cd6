"""Statistics of the four-fold table: NiiStat's check, SciPy's distributions, R's chi-squared, equal tables."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, chi2, chi2_contingency, fisher_exact, norm

from skfuse.lesions import LiebermeisterStatistic, PearsonChi2Statistic
from skfuse.permutation import draw_permutations


def lesions_and_scores(n=30, n_columns=50, seed=0):
    rng = np.random.default_rng(seed)
    X = np.array([rng.permutation(n) < m for m in rng.integers(1, n, size=n_columns)], dtype=np.uint8).T
    return X, (rng.random(n) < 0.4).astype(int)


def table_of(x, y):
    return [[np.sum(x & y), np.sum(x & (1 - y))], [np.sum((1 - x) & y), np.sum((1 - x) & (1 - y))]]


def test_check_of_niistat():
    lesions, impaired = np.repeat([[0], [1]], 5, axis=0), np.array([0, 0, 1, 0, 0, 1, 1, 0, 1, 1])
    ours = LiebermeisterStatistic(lesions, impaired)
    assert ours.observed()[0] == pytest.approx(1.750184, abs=5e-7)
    assert ours.p_values("greater")[0] == pytest.approx(37 / comb(12, 6), rel=1e-12)
    assert LiebermeisterStatistic(lesions, 1 - impaired).observed()[0] == pytest.approx(-1.750184, abs=5e-7)


def test_liebermeister_is_fisher_with_one_more_on_the_diagonal():
    X, y = lesions_and_scores()
    ours = LiebermeisterStatistic(X, y)
    above, below = ours.p_values("greater"), ours.p_values("less")
    for column, x in enumerate(X.T.astype(int)):
        table = np.array(table_of(x, y))
        _, p = fisher_exact(table + np.eye(2, dtype=int), alternative="greater")
        _, other = fisher_exact(table + np.eye(2, dtype=int)[::-1], alternative="less")
        np.testing.assert_allclose([above[column], below[column]], [p, other], rtol=1e-9)
    np.testing.assert_allclose(above + below, 1.0, rtol=1e-12)
    np.testing.assert_allclose(ours.p_values(), 2 * np.minimum(above, below), rtol=1e-12)
    np.testing.assert_allclose(ours.observed(), norm.isf(above), rtol=1e-9, atol=1e-9)


def test_liebermeister_is_the_probability_of_a_lower_rate_under_uniform_priors():
    X, y = lesions_and_scores(n=12, n_columns=4, seed=3)
    grid = (np.arange(200_000) + 0.5) / 200_000
    for column, p in enumerate(LiebermeisterStatistic(X, y).p_values("greater")):
        (a, b), (c, d) = table_of(X[:, column].astype(int), y)
        lower = np.mean(beta.cdf(grid, a + 1, b + 1) * beta.pdf(grid, c + 1, d + 1))
        assert p == pytest.approx(lower, rel=1e-6)


def test_liebermeister_far_in_the_tail_is_finite_and_ordered():
    n = 3000
    y = (np.arange(n) < n // 2).astype(int)
    X = np.stack([np.arange(n) < n // 2, np.arange(n) < n // 2 + 1, np.arange(n) >= n // 2], axis=1)
    z = LiebermeisterStatistic(X, y).observed()
    # The smallest probability is about 2^-3000, below what a float holds.
    assert np.isfinite(z).all()
    assert z[0] > z[1] > 50
    assert z[0] == pytest.approx(-z[2], rel=1e-12)
    log_p = -(np.log(2) * 3002 - 0.5 * np.log(np.pi * 1501))  # 1 / (3002 choose 1501), by Stirling
    np.testing.assert_allclose(norm.logsf(z[0]), log_p, rtol=1e-6)


@pytest.mark.parametrize("yates", [False, True])
def test_chi2_is_that_of_scipy_with_a_sign(yates):
    X, y = lesions_and_scores()
    ours = PearsonChi2Statistic(X, y, yates=yates)
    tables = [np.array(table_of(x, y)) for x in X.T.astype(int)]
    expected = [chi2_contingency(table, correction=yates) for table in tables]
    signs = np.sign([np.linalg.det(table).round() for table in tables])
    np.testing.assert_allclose(ours.observed(), signs * [test.statistic for test in expected], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.p_values(), [test.pvalue for test in expected], rtol=1e-10)
    positive = signs > 0
    half = chi2.sf(np.abs(ours.observed()), 1) / 2
    np.testing.assert_allclose(ours.p_values("greater"), np.where(positive, half, 1 - half), rtol=1e-10)


def test_chi2_of_lesymap(data_folder):
    folder = data_folder("lesymap_r_reference")
    X, y, statistic, p = (
        np.loadtxt(folder / f"chisq_{name}.csv", delimiter=",", skiprows=1)
        for name in ("lesmat", "behavior", "statistic", "pvalue")
    )
    ours = PearsonChi2Statistic(X, y)
    np.testing.assert_allclose(np.abs(ours.observed()), statistic, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours.p_values(), p, rtol=1e-10)


@pytest.mark.parametrize("statistic", [LiebermeisterStatistic, PearsonChi2Statistic])
def test_observed_and_permuted_values_of_equal_tables_are_equal(statistic):
    X, y = lesions_and_scores()
    ours = statistic(X, y, dtype=np.float64)
    draws = draw_permutations(30, 40, random_state=0)
    counts = (y[draws] @ X).astype(int)  # with the margins, a count is all of the table
    values = ours.permuted(draws)
    for column in range(X.shape[1]):
        same = counts[:, column] == int(y @ X[:, column])
        assert (values[same, column] == ours.observed()[column]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 40), st.data())
@pytest.mark.parametrize("statistic", [LiebermeisterStatistic, PearsonChi2Statistic])
def test_statistic_rises_with_the_number_of_impaired_lesioned(statistic, n, data):
    m, k = data.draw(st.integers(1, n - 1)), data.draw(st.integers(1, n - 1))
    y = (np.arange(n) < k).astype(int)
    counts = range(max(0, m + k - n), min(m, k) + 1)
    X = np.stack([np.r_[np.arange(k) < a, np.arange(n - k) < m - a] for a in counts], axis=1)
    assert (np.diff(statistic(X, y).observed()) > 0).all()


def test_scores_of_many_values_are_refused():
    X, y = lesions_and_scores()
    with pytest.raises(ValueError, match=r"values other than 0 and 1, \[0\.0, 2\.0\] among them"):
        LiebermeisterStatistic(X, 2 * y)
