"""Rubin's rules: by hand, limits, and refusals."""

import numpy as np
import pytest
from scipy import stats

from skfuse.imputation import pool_estimates


def test_by_hand():
    Q, se = np.array([1.0, 1.4, 1.2, 0.8]), np.array([0.3, 0.25, 0.35, 0.3])
    pooled = pool_estimates(Q, se, complete_df=48)
    within, between = np.mean(se**2), np.var(Q, ddof=1)
    total = within + 1.25 * between
    assert pooled.estimate == pytest.approx(1.1)
    assert pooled.standard_error == pytest.approx(np.sqrt(total))
    share = 1.25 * between / total
    old, observed = 3 / share**2, 49 / 51 * 48 * (1 - share)
    df = old * observed / (old + observed)
    assert pooled.degrees_of_freedom == pytest.approx(df)
    half = stats.t.ppf(0.975, df) * np.sqrt(total)
    assert (pooled.lower, pooled.upper) == (pytest.approx(1.1 - half), pytest.approx(1.1 + half))
    assert pooled.p_value == pytest.approx(2 * stats.t.sf(1.1 / np.sqrt(total), df))
    increase = 1.25 * between / within
    assert pooled.missing_information == pytest.approx((increase + 2 / (df + 3)) / (increase + 1))


def test_nothing_missing_is_the_complete_analysis():
    pooled = pool_estimates(np.full((5, 2), [1.0, -2.0]), np.full((5, 2), [0.5, 1.0]), complete_df=20)
    np.testing.assert_allclose(pooled.standard_error, [0.5, 1.0])
    np.testing.assert_allclose(pooled.degrees_of_freedom, 21 / 23 * 20)
    np.testing.assert_array_equal(pooled.missing_information, 0.0)
    large = pool_estimates([1.0, 1.0], [0.5, 0.5])
    assert (large.lower, large.upper) == (pytest.approx(1 - 1.959964 * 0.5), pytest.approx(1 + 1.959964 * 0.5))


def test_estimates_without_error_of_their_own():
    pooled = pool_estimates([1.0, 3.0], [0.0, 0.0])
    assert pooled.standard_error == pytest.approx(np.sqrt(3.0))
    assert pooled.missing_information == 1.0
    zero = pool_estimates([0.0, 0.0], [0.0, 0.0])
    assert (zero.p_value, zero.standard_error) == (1.0, 0.0)


def test_refusals():
    with pytest.raises(ValueError, match="at least 2 imputations"):
        pool_estimates([1.0], [0.1])
    with pytest.raises(ValueError, match=r"shape \(3,\) and standard errors of shape \(2,\)"):
        pool_estimates([1.0, 2.0, 3.0], [0.1, 0.1])
    with pytest.raises(ValueError, match="not finite"):
        pool_estimates([1.0, np.nan], [0.1, 0.1])
    with pytest.raises(ValueError, match="standard error is negative"):
        pool_estimates([1.0, 2.0], [-0.1, 0.1])
    with pytest.raises(ValueError, match="`confidence` must lie between 0 and 1"):
        pool_estimates([1.0, 2.0], [0.1, 0.1], confidence=95)
