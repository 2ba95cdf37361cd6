"""Covariates as orthonormal columns, and what they leave."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse._covariates import covariate_basis, residuals_of


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**16), st.integers(3, 30), st.integers(0, 5), st.sampled_from([1e-6, 1.0, 1e6]))
def test_residuals_are_those_of_least_squares(seed, n, q, scale):
    rng = np.random.default_rng(seed)
    covariates, values = scale * rng.normal(size=(n, q)), rng.normal(size=(n, 4))
    basis = covariate_basis(covariates, n)
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
    design = np.column_stack([np.ones(n), covariates / scale])
    wanted = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    left = residuals_of(values, basis)
    np.testing.assert_allclose(left, wanted, atol=1e-9)
    np.testing.assert_allclose(basis.T @ left, 0.0, atol=1e-14 * n)


def test_the_constant_comes_first_and_what_others_explain_adds_nothing():
    age = np.arange(6.0)
    basis = covariate_basis(np.column_stack([age, np.full(6, 3.0), 2 * age + 1]), 6)
    assert basis.shape == (6, 2)
    np.testing.assert_allclose(basis[:, 0], 6**-0.5)
    np.testing.assert_array_equal(covariate_basis(None, 6), basis[:, :1])
    np.testing.assert_allclose(covariate_basis(age, 6), covariate_basis(age[:, None], 6))


@pytest.mark.parametrize(
    ("covariates", "message"),
    [
        (np.zeros((5, 2)), r"has shape \(5, 2\), wanted \(6, n_covariates\)"),
        ([0, 1, np.nan, 3, np.inf, 5], r"NaN or infinite values for 2 subjects, the first in row 2"),
    ],
)
def test_what_is_no_covariate_is_refused(covariates, message):
    with pytest.raises(ValueError, match=message):
        covariate_basis(covariates, 6)
