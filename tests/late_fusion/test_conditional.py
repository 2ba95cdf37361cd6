"""Conditional-mean imputation of predictions."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from skfuse.late_fusion._conditional import ConditionalMean

MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[2.0, 1.2, 0.4], [1.2, 1.5, 0.3], [0.4, 0.3, 1.0]])


def simulate(rng, n, missing=0.3):
    values = rng.multivariate_normal(MEAN, COVARIANCE, size=n)
    values[rng.random(values.shape) < missing] = np.nan
    return values


def test_known_covariance_gives_the_formula_of_the_conditional_mean(rng):
    values = simulate(rng, 40)
    values[0] = np.nan
    imputer = ConditionalMean()
    imputer.mean_, imputer.covariance_ = MEAN, COVARIANCE
    filled = imputer.transform(values)
    for row, got in zip(values, filled, strict=True):
        known, gone = ~np.isnan(row), np.isnan(row)
        expected = row.copy()
        slope = np.linalg.pinv(COVARIANCE[np.ix_(known, known)])
        expected[gone] = MEAN[gone] + COVARIANCE[np.ix_(gone, known)] @ slope @ (row[known] - MEAN[known])
        assert_allclose(got, expected)


def test_mean_and_covariance_are_recovered(rng):
    imputer = ConditionalMean().fit(simulate(rng, 8000), np.ones(8000))
    assert_allclose(imputer.mean_, MEAN, atol=0.06)
    assert_allclose(imputer.covariance_, COVARIANCE, atol=0.12)


def test_complete_values_give_sample_moments_and_stay_as_they_are(rng):
    values = simulate(rng, 500, missing=0.0)
    imputer = ConditionalMean(ridge=0.0).fit(values, np.ones(500))
    assert_allclose(imputer.mean_, values.mean(axis=0))
    assert_allclose(imputer.covariance_, np.cov(values.T, bias=True), rtol=1e-6)
    assert_array_equal(imputer.transform(values), values)


def test_weights_are_repetitions(rng):
    values, counts = simulate(rng, 60), rng.integers(0, 4, size=60)
    weighted = ConditionalMean(ridge=0.0).fit(values, counts.astype(float))
    repeated = ConditionalMean(ridge=0.0).fit(np.repeat(values, counts, axis=0), np.ones(counts.sum()))
    assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-6)
    assert_allclose(weighted.covariance_, repeated.covariance_, rtol=1e-6)


def test_rows_do_not_depend_on_each_other(rng):
    values = simulate(rng, 50)
    imputer = ConditionalMean().fit(values, np.ones(50))
    together = imputer.transform(values)
    assert_allclose(np.vstack([imputer.transform(row[None]) for row in values]), together, rtol=1e-10)
    assert_array_equal(together[~np.isnan(values)], values[~np.isnan(values)])


def test_an_entry_that_nobody_has_and_one_that_never_varies(rng):
    values = simulate(rng, 30)
    values[:, 1], values[:, 2] = np.nan, 4.0
    filled = ConditionalMean().fit(values, np.ones(30)).transform(values)
    assert np.isfinite(filled).all()
    assert_allclose(filled[:, 1], 0.0)
