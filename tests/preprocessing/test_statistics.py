"""Moments of one block with missing cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats, integers, just, tuples
from numpy.testing import assert_allclose, assert_array_equal

from skfuse.preprocessing._statistics import fill_missing, first_eigenvalue, nan_mean_and_variance

shapes = tuples(integers(1, 8), integers(1, 5))


@given(arrays(np.float64, shapes, elements=floats(-100, 100, width=16) | just(np.nan)))
def test_moments_equal_those_of_the_values_that_are_there(values):
    mean, variance = nan_mean_and_variance(values)
    for column, m, v in zip(values.T, mean, variance, strict=True):
        there = column[~np.isnan(column)]
        if len(there):
            assert_allclose([m, v], [there.mean(), there.var()], atol=1e-9)
        else:
            assert np.isnan([m, v]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("constant", [0.1, 1e9, 0.0, 1 / 3])
def test_constants_have_no_variance(dtype, constant):
    assert nan_mean_and_variance(np.full((97, 2), constant, dtype=dtype))[1].tolist() == [0, 0]


def test_wide_blocks_are_treated_in_parts():
    values = np.random.default_rng(0).normal(size=(1_000, 9_000)).astype(np.float32)
    mean, variance = nan_mean_and_variance(values)
    assert_allclose(mean, values.mean(axis=0, dtype=np.float64))
    assert_allclose(variance, values.var(axis=0, dtype=np.float64))


def test_missing_cells_are_filled_in_a_copy():
    values = np.array([[1, np.nan], [np.nan, 2]], dtype=np.float32)
    filled = fill_missing(values, np.array([5.0, 6.0]))
    assert filled.dtype == np.float32
    assert_array_equal(filled, [[1, 6], [5, 2]])
    assert np.isnan(values).sum() == 2


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (1, 3), (6, 1)])
def test_first_eigenvalue(shape):
    centered = np.random.default_rng(0).normal(size=shape)
    assert_allclose(first_eigenvalue(centered), np.linalg.svd(centered)[1][0] ** 2 / shape[0])
