"""Ridge regressions from modality to modality: closed forms against refits, and weights that know who predicts."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from skfuse.imputation._ridge import CrossRidge, _ridge, principal_directions

SLICES = {"mri": slice(0, 6), "noise": slice(6, 11), "eeg": slice(11, 15)}


def cohort(n=150, *, seed=0, slices=SLICES, missing=0.3):
    """The modality `noise` shares nothing with the others."""
    rng = np.random.default_rng(seed)
    p = max(part.stop for part in slices.values())
    truth = rng.normal(size=(n, 2)) @ np.random.default_rng(9).normal(size=(2, p)) + 0.3 * rng.normal(size=(n, p))
    truth[:, slices["noise"]] = rng.normal(size=(n, slices["noise"].stop - slices["noise"].start))
    has = rng.random((n, len(slices))) > missing
    has[~has.any(axis=1), 0] = True
    Z = truth.copy()
    for number, part in enumerate(slices.values()):
        Z[~has[:, number], part] = np.nan
    return Z, has, truth


@pytest.mark.parametrize("p", [5, 60])  # columns fewer and more than subjects
def test_left_out_predictions_are_those_of_refits(p):
    rng = np.random.default_rng(0)
    S, T = rng.normal(size=(30, p)), rng.normal(size=(30, 3))
    T[:, 0] += 2.0 * S[:, 0]
    coef, penalty, left_out = _ridge(S, T)
    peer = Ridge(alpha=penalty, fit_intercept=False)
    assert_allclose(coef, peer.fit(S, T).coef_.T, rtol=1e-7, atol=1e-10)
    others = [np.delete(np.arange(30), i) for i in range(30)]
    refits = [peer.fit(S[rest], T[rest]).predict(S[[i]])[0] for i, rest in enumerate(others)]
    assert_allclose(left_out, refits, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("width", [5, 80])
def test_one_source_is_ridge_of_the_columns(width):
    slices = {"mri": slice(0, width), "noise": slice(width, width), "eeg": slice(width, width + 3)}
    rng = np.random.default_rng(1)
    Z, has = rng.normal(size=(40, width + 3)), np.ones((40, 3), dtype=bool)
    Z[:, width:] += Z[:, :3]
    has[:, 1] = False
    model = CrossRidge().fit(Z, has, slices)
    new, new_has = Z[:7].copy(), has[:7].copy()
    new[:, width:], new_has[:, 2] = np.nan, False
    peer = Ridge(alpha=model.penalty_["mri", "eeg"], fit_intercept=False).fit(Z[:, :width], Z[:, width:])
    weight = model._weights("eeg", [0])
    assert 0.5 < weight[0] < 1.3
    assert_allclose(model.fill(new, new_has)[:, width:], weight * peer.predict(new[:, :width]), rtol=1e-6)


def test_sources_are_weighed_by_what_they_predict():
    Z, has, truth = cohort(400)
    model = CrossRidge().fit(Z, has, SLICES)
    weights = model._weights("eeg", [0, 1])
    assert weights[0] > 0.8
    assert weights[1] * model.moments_["eeg"][0][1, 1] < 0.02 * model.moments_["eeg"][0][0, 0]
    filled = model.fill(Z, has)
    for name, expected in (("mri", 0.5), ("eeg", 0.5), ("noise", 1.05)):
        number, part = list(SLICES).index(name), SLICES[name]
        predictable = ~has[:, number] & (has[:, 2] | has[:, 0])
        ratio = np.mean((filled - truth)[predictable, part] ** 2) / np.mean(truth[predictable, part] ** 2)
        assert ratio < expected, (name, ratio)


def test_any_pattern_scattered_cells_and_one_at_a_time():
    Z, has, _ = cohort()
    Z[np.random.default_rng(3).random(Z.shape) < 0.1] = np.nan
    model = CrossRidge().fit(Z, has, SLICES)
    new, new_has = Z.copy(), has.copy()
    new[0], new_has[0] = np.nan, False
    filled = model.fill(new, new_has)
    assert_array_equal(filled[0], 0.0)
    assert_array_equal(filled[~np.isnan(new)], new[~np.isnan(new)])
    assert np.isfinite(filled).all()
    alone = np.concatenate([model.fill(new[[i]], new_has[[i]]) for i in range(len(new))])
    assert_allclose(alone, filled, rtol=1e-9, atol=1e-12)
    assert_array_equal(pickle.loads(pickle.dumps(model)).fill(new, new_has), filled)


def test_the_order_of_subjects_does_not_matter():
    Z, has, _ = cohort()
    order = np.random.default_rng(1).permutation(len(Z))
    one, other = CrossRidge().fit(Z, has, SLICES), CrossRidge().fit(Z[order], has[order], SLICES)
    assert_allclose(other.fill(Z, has), one.fill(Z, has), rtol=1e-7, atol=1e-10)


def test_nobody_has_two_modalities():
    Z, _, _ = cohort()
    alone = np.eye(3, dtype=bool)[np.arange(len(Z)) % 3]
    for number, part in enumerate(SLICES.values()):
        Z[~alone[:, number], part] = np.nan
    Z = np.where(np.isnan(Z) & np.repeat(alone, [6, 5, 4], axis=1), 0.0, Z)
    assert_array_equal(CrossRidge().fit(Z, alone, SLICES).fill(Z, alone), np.nan_to_num(Z))


@pytest.mark.parametrize("shape", [(20, 6), (6, 20)])
def test_principal_directions(shape):
    block = np.random.default_rng(0).normal(size=shape)
    directions = principal_directions(block)
    expected = np.linalg.svd(block, full_matrices=False)[2]
    assert_allclose(np.abs(directions @ expected.T), np.eye(6), atol=1e-8)
    assert (directions[np.arange(6), np.abs(directions).argmax(axis=1)] > 0).all()
    assert principal_directions(block, 2).shape == (2, shape[1])
