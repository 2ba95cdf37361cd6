"""Nearest donors by block: the values of KNNImputer."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import KNNImputer

from skfuse.imputation import _nearest
from skfuse.imputation._nearest import Nearest

SLICES = {"mri": slice(0, 6), "pet": slice(6, 6), "eeg": slice(6, 11), "fmri": slice(11, 15)}


def cohort(n=120, *, scattered=0.0, seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, 3)) @ np.random.default_rng(9).normal(size=(3, 15)) + rng.normal(size=(n, 15))
    has = rng.random((n, 4)) > 0.4
    has[~has.any(axis=1), 0] = True
    has[:, 1] = False
    has[~has.any(axis=1), 2] = True
    Z[rng.random(Z.shape) < scattered] = np.nan
    for number, part in enumerate(SLICES.values()):
        Z[~has[:, number], part] = np.nan
    for number, part in enumerate(SLICES.values()):
        has[:, number] = ~np.isnan(Z[:, part]).all(axis=1)
    mean = np.nanmean(Z, axis=0)
    return (Z - mean) / np.nanstd(Z, axis=0), has


@pytest.mark.parametrize("scattered", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("n_neighbors", [1, 7, 500])
def test_it_is_the_imputer_of_scikit_learn(scattered, weights, n_neighbors):
    Z, has = cohort(scattered=scattered)
    new, new_has = cohort(40, scattered=scattered, seed=3)
    peer = KNNImputer(n_neighbors=n_neighbors, weights=weights).fit(Z)
    model = Nearest(n_neighbors, weights).fit(Z, has, SLICES)
    assert_allclose(model.fill(Z, has), peer.transform(Z), atol=1e-10)
    assert_allclose(model.fill(new, new_has), peer.transform(new), atol=1e-10)


def test_chunks_and_batches_change_nothing(monkeypatch):
    Z, has = cohort(scattered=0.1)
    model = Nearest().fit(Z, has, SLICES)
    whole = model.fill(Z, has)
    alone = np.concatenate([model.fill(Z[[i]], has[[i]]) for i in range(len(Z))])
    assert_allclose(alone, whole, rtol=1e-10, atol=1e-12)
    monkeypatch.setattr(_nearest, "_CHUNK_BYTES", 1)
    assert_allclose(model.fill(Z, has), whole, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_the_order_of_donors_does_not_matter_even_where_distances_tie(weights):
    rng = np.random.default_rng(0)
    Z, has = rng.integers(0, 2, size=(60, 15)).astype(float), np.ones((60, 4), dtype=bool)
    has[:, 1] = False
    Z[:20, 6:11], has[:20, 2] = np.nan, False
    order = rng.permutation(60)
    one = Nearest(3, weights).fit(Z, has, SLICES).fill(Z, has)
    other = Nearest(3, weights).fit(Z[order], has[order], SLICES).fill(Z, has)
    assert_allclose(other, one, rtol=1e-10)


def test_a_donor_at_distance_zero_counts_alone():
    slices = {"a": slice(0, 1), "b": slice(1, 2)}
    Z = np.array([[0.0, 5.0], [1.0, -1.0], [2.0, -4.0]])
    model = Nearest(2, "distance").fit(Z, np.ones((3, 2), dtype=bool), slices)
    assert_array_equal(model.fill(np.array([[0.0, np.nan]]), np.array([[True, False]])), [[0.0, 5.0]])


def test_nothing_shared_is_the_mean_and_the_state_travels():
    slices = {"a": slice(0, 1), "b": slice(1, 2)}
    Z = np.array([[1.0, np.nan], [-1.0, np.nan], [np.nan, 1.0], [np.nan, -1.0]])
    has = ~np.isnan(Z)
    model = pickle.loads(pickle.dumps(Nearest().fit(Z, has, slices)))
    new, new_has = np.array([[np.nan, np.nan], [2.0, np.nan]]), np.array([[False, False], [True, False]])
    assert_array_equal(model.fill(new, new_has), [[0.0, 0.0], [2.0, 0.0]])
