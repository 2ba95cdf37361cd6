"""Missing modalities as functions of arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skfuse.datasets._missing import calibrate_missing, draw_present, scatter_missing


@pytest.mark.parametrize("slope", [0.0, 1.5, -2.0])
@pytest.mark.parametrize("fractions", [[0.5, 0.45], [0.0, 0.6], [0.9, 0.5, 0.3], [0.2]])
def test_calibrated_fractions_are_met_with_one_modality_kept(fractions, slope):
    keep_one = len(fractions) > 1
    generator = np.random.default_rng(0)
    driver = generator.standard_normal(20_000)
    intercepts = calibrate_missing(np.array(fractions), driver, slope=slope, keep_one=keep_one)
    uniform = generator.random((20_000, len(fractions)))
    present = draw_present(uniform, driver, intercepts, slope=slope, keep_one=keep_one)
    assert_allclose(1 - present.mean(axis=0), fractions, atol=0.015)
    if keep_one:
        assert present.any(axis=1).all()


def test_two_modalities_half_missing_each_exclude_each_other():
    generator = np.random.default_rng(0)
    driver = np.zeros(5000)
    intercepts = calibrate_missing(np.array([0.5, 0.5]), driver, slope=1.0, keep_one=True)
    present = draw_present(generator.random((5000, 2)), driver, intercepts, slope=1.0, keep_one=True)
    assert_allclose(present.sum(axis=1).mean(), 1, atol=0.01)


def test_conditional_draw_equals_rejection():
    # Independent source: draw everything, throw away subjects who lost all.
    generator = np.random.default_rng(0)
    driver, intercepts = np.zeros(100_000), np.array([0.4, -0.3, 0.8])
    drawn = draw_present(generator.random((100_000, 3)), driver, intercepts, slope=1.0, keep_one=True)
    free = draw_present(generator.random((100_000, 3)), driver, intercepts, slope=1.0, keep_one=False)
    kept = free[free.any(axis=1)]
    code = np.array([1, 2, 4])
    shares = [np.bincount(present @ code, minlength=8) / len(present) for present in (drawn, kept)]
    assert_allclose(shares[0], shares[1], atol=0.01)


@given(
    n_subjects=st.integers(1, 30),
    n_features=st.integers(1, 8),
    fraction=st.floats(0, 0.999),
    seed=st.integers(0, 1000),
)
@settings(max_examples=50, deadline=None)
def test_scattering_never_empties_a_block_and_changes_nothing_else(n_subjects, n_features, fraction, seed):
    generator = np.random.default_rng(seed)
    block = generator.standard_normal((n_subjects, n_features))
    scattered = scatter_missing(generator, block, fraction)
    assert not np.isnan(scattered).all(axis=1).any()
    assert not np.isnan(block).any()
    assert_array_equal(scattered[~np.isnan(scattered)], block[~np.isnan(scattered)])
