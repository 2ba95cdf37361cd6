"""Completion by the nuclear norm: the convex problem, solved, and projected on new subjects."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skfuse.imputation._softimpute import SoftImpute

SLICES = {"mri": slice(0, 6), "pet": slice(6, 11), "eeg": slice(11, 15)}


def cohort(n=60, *, scattered=0.0, seed=0, slices=SLICES, noise=0.4):
    """Standardized values of three factors, who has what, and the truth."""
    fixed, rng = np.random.default_rng(9), np.random.default_rng(seed)
    p = max(part.stop for part in slices.values())
    truth = rng.normal(size=(n, 3)) @ fixed.normal(size=(3, p)) + noise * rng.normal(size=(n, p))
    truth /= np.sqrt(3 + noise**2)
    has = rng.random((n, len(slices))) > 0.3
    has[~has.any(axis=1), 0] = True
    Z = truth.copy()
    for number, part in enumerate(slices.values()):
        Z[~has[:, number], part] = np.nan
    Z[rng.random(Z.shape) < scattered] = np.nan
    for number, part in enumerate(slices.values()):  # who has no cell of a modality lacks it
        has[:, number] = ~np.isnan(Z[:, part]).all(axis=1)
    return Z, has, truth


def soft_impute(Z, penalty, rounds=20000):
    """The plain algorithm of Mazumder and others: fill, decompose, threshold."""
    missing, M = np.isnan(Z), np.zeros(Z.shape)
    for _ in range(rounds):
        U, d, Vt = np.linalg.svd(np.where(missing, M, Z), full_matrices=False)
        new = (U * np.maximum(d - penalty, 0)) @ Vt
        if np.abs(new - M).max() < 1e-13:
            break
        M = new
    return M


@pytest.mark.parametrize("scattered", [0.0, 0.1])
@pytest.mark.parametrize("n", [60, 12])  # 12 subjects are fewer than the columns: the dual form
def test_it_solves_the_convex_problem(scattered, n):
    Z, has, _ = cohort(n, scattered=scattered)
    model = SoftImpute(tol=1e-9, max_iter=5000).fit(Z, has, SLICES)
    expected = soft_impute(Z, model.penalty_)
    # New subjects with the values of training subjects get what the completion gave these.
    assert_allclose(model.fill(Z, has), np.where(np.isnan(Z), expected, Z), atol=1e-6)


def test_the_penalty_is_the_best_of_its_path_and_better_than_the_mean():
    Z, has, truth = cohort(200)
    model = SoftImpute().fit(Z, has, SLICES)
    gone = np.isnan(Z)
    assert model.validation_errors_.min() < 0.8 * model.validation_errors_[0]
    assert np.mean((model.fill(Z, has) - truth)[gone] ** 2) < 0.4 * np.mean(truth[gone] ** 2)


def test_new_subjects_in_any_pattern():
    Z, has, _ = cohort(100)
    model = SoftImpute().fit(Z, has, SLICES)
    new, new_has, truth = cohort(50, seed=5, scattered=0.1)
    new[0], new_has[0] = np.nan, False
    filled = model.fill(new, new_has)
    assert_array_equal(filled[0], 0.0)
    assert_array_equal(filled[~np.isnan(new)], new[~np.isnan(new)])
    assert np.mean((filled - truth)[1:] ** 2) < 0.3 * np.mean(
        np.nan_to_num(new - truth, nan=1.0)[1:] ** 2 + truth[1:] ** 2
    )
    alone = np.concatenate([model.fill(new[[i]], new_has[[i]]) for i in range(50)])
    assert_allclose(alone, filled, rtol=1e-9, atol=1e-12)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.fill(new, new_has), filled)


def test_the_order_of_subjects_does_not_matter():
    Z, has, _ = cohort(80, scattered=0.05)
    order = np.random.default_rng(1).permutation(len(Z))
    one = SoftImpute().fit(Z, has, SLICES).fill(Z, has)
    other = SoftImpute().fit(Z[order], has[order], SLICES).fill(Z, has)
    assert_allclose(other, one, rtol=1e-7, atol=1e-9)


def test_rank_is_a_limit():
    Z, has, _ = cohort(100)
    assert SoftImpute(rank=2).fit(Z, has, SLICES).loadings_.shape == (15, 2)


def test_too_few_rounds_are_told():
    Z, has, _ = cohort(100)
    with pytest.warns(ConvergenceWarning, match="Raise `max_iter`"):
        SoftImpute(max_iter=1, tol=1e-12).fit(Z, has, SLICES)


@pytest.mark.parametrize("n", [1, 2])
def test_one_modality_few_subjects_and_a_modality_of_nobody(n):
    slices = {"mri": slice(0, 3), "pet": slice(3, 3)}
    Z = np.array([[1.0, -1.0, np.nan], [-1.0, 1.0, 0.5]])[:n]
    has = np.column_stack([np.ones(n, bool), np.zeros(n, bool)])
    filled = SoftImpute().fit(Z, has, slices).fill(Z, has)
    assert np.isfinite(filled).all()
