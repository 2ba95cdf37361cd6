"""Boosted trees from modality to modality: what trees alone can find, and no trust where there is nothing."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfuse.imputation._forest import BoostedForest, _trust
from skfuse.imputation._ridge import CrossRidge

SLICES = {"mri": slice(0, 4), "pet": slice(4, 4), "eeg": slice(4, 7), "noise": slice(7, 10)}
QUICK = {"n_components": 3, "n_estimators": 80}


def cohort(n=600, *, seed=0):
    """The modality `eeg` follows the square of what `mri` shows: no linear method finds it."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=n)
    truth = 0.3 * rng.normal(size=(n, 10))
    truth[:, :4] += factor[:, None]
    truth[:, 4:7] += ((factor**2 - 1.0) / np.sqrt(2.0))[:, None]
    truth[:, 7:] = rng.normal(size=(n, 3))
    has = rng.random((n, 4)) > 0.3
    has[:, 1] = False
    has[~has.any(axis=1), 0] = True
    Z = truth.copy()
    for number, part in enumerate(SLICES.values()):
        Z[~has[:, number], part] = np.nan
    return Z, has, truth


@pytest.fixture(scope="module")
def fitted():
    Z, has, _ = cohort()
    return BoostedForest(**QUICK).fit(Z, has, SLICES)


def error(engine, name, source):
    """Mean squared error of one modality for new subjects who have a source, relative to the mean's."""
    new, has, truth = cohort(seed=1)
    names, part = list(SLICES), SLICES[name]
    rows = has[:, names.index(source)] & ~has[:, names.index(name)]
    filled = engine.fill(new, has)
    return np.mean((filled - truth)[rows, part] ** 2) / np.mean(truth[rows, part] ** 2)


def test_it_finds_what_is_not_linear(fitted):
    Z, has, _ = cohort()
    assert error(fitted, "eeg", "mri") < 0.6
    assert error(CrossRidge().fit(Z, has, SLICES), "eeg", "mri") > 0.85


def test_what_nothing_predicts_stays_near_the_mean(fitted):
    assert error(fitted, "noise", "mri") < 1.02
    assert fitted.weights_["noise"].max() < 0.5 < fitted.weights_["eeg"].max()


def test_trust():
    rng = np.random.default_rng(0)
    truth, noise = rng.normal(size=(2, 1000))
    assert _trust(truth, truth) == 1.0
    assert _trust(-truth, truth) == 0.0
    assert _trust(np.zeros(1000), truth) == 0.0
    assert 0.45 < _trust(truth + noise, truth) < 0.5  # the slope is one half


def test_any_pattern_scattered_cells_and_one_at_a_time(fitted):
    new, has, _ = cohort(40, seed=2)
    new[np.random.default_rng(3).random(new.shape) < 0.1] = np.nan
    new[0], has[0] = np.nan, False
    filled = fitted.fill(new, has)
    assert_array_equal(filled[0], 0.0)
    assert_array_equal(filled[~np.isnan(new)], new[~np.isnan(new)])
    assert np.isfinite(filled).all()
    alone = np.concatenate([fitted.fill(new[[i]], has[[i]]) for i in range(10)])
    assert_allclose(alone, filled[:10], rtol=1e-9, atol=1e-12)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).fill(new, has), filled)


def test_the_order_of_subjects_does_not_matter_and_a_fit_repeats(fitted):
    Z, has, _ = cohort()
    order = np.random.default_rng(1).permutation(len(Z))
    other = BoostedForest(**QUICK).fit(Z[order], has[order], SLICES)
    assert_allclose(other.fill(Z, has), fitted.fill(Z, has), rtol=1e-7, atol=1e-9)
    assert BoostedForest(**QUICK).fit(Z, has, SLICES).models_ == fitted.models_


@pytest.mark.parametrize("n", [1, 2, 9])
def test_few_subjects_are_filled_with_finite_values(n):
    Z, has, _ = cohort(n)
    filled = BoostedForest(**QUICK).fit(Z, has, SLICES).fill(Z, has)
    assert np.isfinite(filled).all()
    assert_array_equal(filled[~np.isnan(Z)], Z[~np.isnan(Z)])
