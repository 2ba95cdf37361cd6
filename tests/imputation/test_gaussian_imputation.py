"""The conditional mean under a normal distribution: closed form, the likelihood, laws, draws and bad conditions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning

from skfuse.imputation._gaussian import GaussianEngine
from skfuse.imputation._wide import WideGaussianEngine

SLICES = {"mri": slice(0, 3), "pet": slice(3, 5), "eeg": slice(5, 8)}


def population(seed, p=8):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(p, 3))
    covariance = A @ A.T + np.diag(rng.uniform(0.3, 1.5, p))
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale), rng


def cohort(n, seed=0, missing=0.3, scattered=0.0):
    covariance, rng = population(seed)
    complete = rng.multivariate_normal(np.zeros(8), covariance, size=n)
    has = rng.random((n, 3)) >= missing
    has[~has.any(axis=1), 0] = True
    Z = np.where(np.repeat(has, [3, 2, 3], axis=1), complete, np.nan)
    gone = rng.random(Z.shape) < scattered
    gone[:, [0, 3, 5]] = False  # some cell of each block stays
    Z[gone] = np.nan
    return Z, has, complete, covariance


def conditional(row, mean, covariance):
    """The textbook formula for one subject: complete row, and covariance of what was missing."""
    m, o = np.flatnonzero(np.isnan(row)), np.flatnonzero(~np.isnan(row))
    slopes = np.linalg.solve(covariance[np.ix_(o, o)], covariance[np.ix_(o, m)])
    out = row.copy()
    out[m] = mean[m] + (row[o] - mean[o]) @ slopes
    return out, covariance[np.ix_(m, m)] - covariance[np.ix_(m, o)] @ slopes


def test_conditional_mean_is_that_of_the_planted_distribution():
    Z, has, _, covariance = cohort(80_000)
    engine = GaussianEngine(shrinkage=0.0, tol=1e-6, max_iter=500).fit(Z, has, SLICES)
    new, new_has, _, _ = cohort(500, seed=0)
    found = engine.fill(new, new_has)
    wanted = np.array([conditional(row, np.zeros(8), covariance)[0] for row in new])
    gone = np.isnan(new)
    assert np.linalg.norm((found - wanted)[gone]) <= 0.02 * np.linalg.norm(wanted[gone])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.2]), st.floats(0.0, 0.9))
def test_filled_cells_follow_the_formula_row_by_row(seed, scattered, shrinkage):
    Z, has, _, _ = cohort(60, seed, scattered=scattered)
    engine = GaussianEngine(shrinkage=shrinkage, tol=1e-3, max_iter=2000).fit(Z, has, SLICES)
    new, new_has, _, _ = cohort(12, seed + 1, scattered=scattered)
    wanted = [conditional(row, engine.mean_, engine.covariance_)[0] for row in new]
    np.testing.assert_allclose(engine.fill(new, new_has), wanted, atol=1e-7)
    for row, alone in zip(new, new_has, strict=True):  # nobody depends on batch mates
        np.testing.assert_allclose(
            engine.fill(row[None], alone[None])[0],
            engine.fill(new, new_has)[[np.array_equal(row, r, equal_nan=True) for r in new]][0],
            rtol=1e-9,
            atol=1e-12,
        )


@pytest.mark.parametrize("scattered", [0.0, 0.25])
def test_em_climbs_the_likelihood_to_its_maximum(scattered):
    Z, has, _, _ = cohort(300, seed=4, scattered=scattered)

    def likelihood(mean, covariance):
        total = 0.0
        for row in Z:
            o = np.flatnonzero(~np.isnan(row))
            total += multivariate_normal(mean[o], covariance[np.ix_(o, o)]).logpdf(row[o])
        return total

    values = []
    for rounds in (1, 2, 4, 8, 2000):
        engine = GaussianEngine(shrinkage=0.0, tol=1e-12, max_iter=rounds)
        if rounds < 10:
            with pytest.warns(ConvergenceWarning, match=f"max_iter={rounds} rounds while correlations still changed"):
                engine.fit(Z, has, SLICES)
        else:
            engine.fit(Z, has, SLICES)
        values.append(likelihood(engine.mean_, engine.covariance_))
    assert (np.diff(values) > 0).all()
    rng = np.random.default_rng(0)
    for _ in range(20):  # nothing nearby is more likely
        step = 1e-3 * rng.normal(size=(8, 8))
        assert likelihood(engine.mean_, engine.covariance_ + step @ step.T) < values[-1]
        assert likelihood(engine.mean_ + 1e-2 * rng.normal(size=8), engine.covariance_) < values[-1]


def test_hidden_blocks_are_predicted_from_the_others():
    Z, has, _, _ = cohort(80, seed=2, scattered=0.05)
    engine = GaussianEngine().fit(Z, has, SLICES)
    found = engine.hidden(Z, has)
    for m, columns in enumerate(SLICES.values()):
        rows = np.flatnonzero(~np.isnan(found[:, columns]).all(axis=1))
        hidden, without = Z[rows], has[rows]
        hidden[:, columns], without[:, m] = np.nan, False
        np.testing.assert_allclose(found[rows, columns], engine.fill(hidden, without)[:, columns], atol=1e-9)
    complete = ~np.isnan(np.where(np.repeat(has, [3, 2, 3], axis=1), Z, 0.0)).any(axis=1)
    there = ~np.isnan(found[:, 0])
    np.testing.assert_array_equal(there, complete & has[:, 0] & (has.sum(axis=1) > 1))


def test_draws_have_the_conditional_mean_and_covariance():
    Z, has, _, _ = cohort(300, seed=6, scattered=0.3)
    engine = GaussianEngine(shrinkage=0.1).fit(Z, has, SLICES)
    rng = np.random.default_rng(0)
    row = next(i for i in range(300) if has[i].tolist() == [True, True, False] and np.isnan(Z[i, :5]).any())
    many, many_has = np.tile(Z[row], (40_000, 1)), np.tile(has[row], (40_000, 1))
    drawn = engine.draw(many, many_has, rng.standard_normal(many.shape))
    mean, covariance = conditional(Z[row], engine.mean_, engine.covariance_)
    gone = np.isnan(Z[row])
    np.testing.assert_array_equal(drawn[0, ~gone], Z[row, ~gone])
    np.testing.assert_allclose(drawn[:, gone].mean(axis=0), mean[gone], atol=0.03)
    np.testing.assert_allclose(np.cov(drawn[:, gone], rowvar=False), covariance, atol=0.04)


def test_order_of_subjects_and_of_modalities_does_not_matter():
    Z, has, _, _ = cohort(150, seed=3, scattered=0.1)
    engine = GaussianEngine(tol=1e-6).fit(Z, has, SLICES)
    order = np.random.default_rng(0).permutation(150)
    again = GaussianEngine(tol=1e-6).fit(Z[order], has[order], SLICES)
    np.testing.assert_allclose(again.covariance_, engine.covariance_, rtol=1e-9, atol=1e-12)
    columns = np.r_[5:8, 0:5]
    turned = {"eeg": slice(0, 3), "mri": slice(3, 6), "pet": slice(6, 8)}
    again = GaussianEngine(tol=1e-6).fit(Z[:, columns], has[:, [2, 0, 1]], turned)
    np.testing.assert_allclose(again.covariance_, engine.covariance_[np.ix_(columns, columns)], atol=1e-9)


def test_more_features_than_subjects_and_copies_of_features():
    rng = np.random.default_rng(0)
    Z = np.tile(rng.normal(size=(20, 1)), (1, 60)) + 0.5 * rng.normal(size=(20, 60))
    Z[:, 1] = Z[:, 0]
    Z[:5, 30:] = np.nan
    has = np.column_stack([np.ones(20, dtype=bool), np.arange(20) >= 5])
    engine = GaussianEngine().fit(Z, has, {"a": slice(0, 30), "b": slice(30, 60)})
    assert engine.shrinkage_ == pytest.approx(60 / (60 + 17.5))
    filled = engine.fill(Z, has)
    assert np.isfinite(filled).all()
    assert np.corrcoef(filled[:5, 30], Z[:5, 5])[0, 1] > 0.5
    nobody = engine.fill(np.full((1, 60), np.nan), np.zeros((1, 2), dtype=bool))
    np.testing.assert_allclose(nobody[0], engine.mean_)


def test_many_features_are_filled_as_if_all_were_in_the_covariance():
    """EM in the coordinates of the subjects is EM of all features."""
    rng = np.random.default_rng(5)
    n, widths = 30, (70, 50, 6)
    z = rng.normal(size=(n, 3))
    Z = np.hstack([z @ rng.normal(size=(3, width)) + rng.normal(size=(n, width)) for width in widths])
    has = rng.random((n, 3)) >= 0.3
    has[~has.any(axis=1), 0] = True
    Z = np.where(np.repeat(has, widths, axis=1), Z, np.nan)
    slices = {"a": slice(0, 70), "b": slice(70, 120), "c": slice(120, 126)}
    settings_ = {"shrinkage": 0.6, "tol": 1e-9, "max_iter": 500}
    wide = WideGaussianEngine(**settings_).fit(Z, has, slices)
    full = GaussianEngine(**settings_).fit(Z, has, slices)
    assert wide.axes is not None
    assert wide.engine.covariance_.shape[0] < 70
    np.testing.assert_allclose(wide.fill(Z, has), full.fill(Z, has), atol=1e-5)
    hidden, expected = wide.hidden(Z, has), full.hidden(Z, has)
    np.testing.assert_allclose(hidden[~np.isnan(expected)], expected[~np.isnan(expected)], atol=1e-5)
    many, many_has = np.tile(Z[~has[:, 2]][:1], (20_000, 1)), np.tile(has[~has[:, 2]][:1], (20_000, 1))
    drawn = wide.draw(many, many_has, rng.standard_normal(many.shape))[:, 120:]
    _, covariance = conditional(many[0], full.mean_, full.covariance_)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), covariance[-6:, -6:], atol=0.06)


def test_coordinates_beyond_the_most_are_the_leading_ones(monkeypatch):
    monkeypatch.setattr("skfuse.imputation._wide._MOST", 30)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 2))
    complete = np.hstack([z @ rng.normal(size=(2, 40)) + rng.normal(size=(200, 40)) for _ in range(3)])
    complete /= complete.std(axis=0)
    has = rng.random((200, 3)) >= 0.3
    has[~has.any(axis=1), 0] = True
    Z = np.where(np.repeat(has, 40, axis=1), complete, np.nan)
    slices = {name: slice(40 * i, 40 * i + 40) for i, name in enumerate("abc")}
    wide, full = WideGaussianEngine().fit(Z, has, slices), GaussianEngine().fit(Z, has, slices)
    gone = np.isnan(Z)
    errors = [np.sqrt(np.mean((engine.fill(Z, has) - complete)[gone] ** 2)) for engine in (wide, full)]
    assert wide.engine.covariance_.shape[0] == 30
    assert errors[0] < 1.02 * errors[1]
