"""Generalized canonical correlation beside scikit-learn's CCA, dense eigenproblems and brute force; with gaps."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh
from scipy.optimize import minimize
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.cross_decomposition import CCA
from sklearn.exceptions import ConvergenceWarning

from skfuse.latent._cca_solvers import (
    filtered_basis,
    maxvar,
    relations,
    shrinkage_intensity,
    stack,
    sumcor,
    sumcor_component,
)
from skfuse.latent._generalized_cca import GeneralizedCCA

TWO = {"mri": slice(0, 6), "pet": slice(6, 11)}
THREE = {"mri": slice(0, 6), "pet": slice(6, 11), "eeg": slice(11, 15)}


def cohort(seed=0, n=80, widths=(6, 5, 4), n_shared=2, noise=1.0, missing=0.0, signal=None):
    """Blocks that share signals, and the signals."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, n_shared)) * (np.linspace(1.0, 0.6, n_shared) if signal is None else signal)
    X = np.hstack([z @ rng.normal(size=(n_shared, p)) + noise * rng.normal(size=(n, p)) for p in widths])
    has = rng.random((n, len(widths))) >= missing
    has[np.arange(n), rng.integers(len(widths), size=n)] = True
    X[~np.repeat(has, widths, axis=1)] = np.nan
    return X, z


def standardized(X):
    return (X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0)


def unit(columns):
    """Columns of length 1, their largest entry positive."""
    columns = columns / np.linalg.norm(columns, axis=0)
    return columns * np.sign(columns[np.abs(columns).argmax(axis=0), np.arange(columns.shape[1])])


def filtered(X, modalities, regularization):
    """Filtered bases of all blocks, the rows of each and the counts of the subjects."""
    Z = standardized(X)
    rows = [np.flatnonzero(~np.isnan(Z[:, columns]).all(axis=1)) for columns in modalities.values()]
    blocks = [np.nan_to_num(Z[own, columns]) for own, columns in zip(rows, modalities.values(), strict=True)]
    counts = np.bincount(np.concatenate(rows), minlength=len(X))
    return blocks, [filtered_basis(block, regularization)[0] for block in blocks], rows, counts


@pytest.mark.parametrize("criterion", ["maxvar", "sumcor"])
def test_two_complete_modalities_are_canonical_correlation(criterion):
    X = cohort(n=200, n_shared=3, noise=1.5)[0][:, :11]
    model = GeneralizedCCA(TWO, n_components=4, regularization=0, criterion=criterion).fit(X)
    scores = model.scores_by_modality(X)

    first, second = standardized(X[:, :6]), standardized(X[:, 6:])
    white = [np.linalg.svd(block, full_matrices=False)[0] for block in (first, second)]
    U, correlations, Vt = np.linalg.svd(white[0].T @ white[1])
    np.testing.assert_allclose(model.canonical_correlations_, correlations[:4], atol=1e-12)
    np.testing.assert_allclose(unit(scores["mri"]), unit(white[0] @ U[:, :4]), atol=1e-10)
    np.testing.assert_allclose(unit(scores["pet"]), unit(white[1] @ Vt[:4].T), atol=1e-10)

    theirs = CCA(n_components=4, tol=1e-12, max_iter=100_000).fit(X[:, :6], X[:, 6:])
    pair = theirs.transform(X[:, :6], X[:, 6:])
    found = [np.corrcoef(*columns)[0, 1] for columns in zip(pair[0].T, pair[1].T, strict=True)]
    np.testing.assert_allclose(model.canonical_correlations_, found, atol=1e-8)
    # Its tolerance is that of a squared length, so that 1e-12 leaves errors of 1e-6 in the variates
    theirs = CCA(n_components=4, tol=1e-20, max_iter=100_000).fit(X[:, :6], X[:, 6:])
    pair = theirs.transform(X[:, :6], X[:, 6:])
    np.testing.assert_allclose(unit(scores["mri"]), unit(pair[0]), atol=1e-8)
    np.testing.assert_allclose(unit(scores["pet"]), unit(pair[1]), atol=1e-8)


@pytest.mark.parametrize("widths", [(6, 5, 4), (40, 30, 20)])
@pytest.mark.parametrize("regularization", [0.0, 0.3])
def test_three_complete_modalities_are_one_dense_eigenproblem(widths, regularization):
    if regularization == 0.0 and widths[0] > 30:
        widths = (20, 5, 4)
    X, _ = cohort(n=30, widths=widths)
    edges = np.cumsum([0, *widths])
    modalities = {f"m{i}": slice(a, b) for i, (a, b) in enumerate(pairwise(edges))}
    model = GeneralizedCCA(modalities, n_components=3, regularization=regularization).fit(X)
    hats = np.zeros((30, 30))
    for columns in modalities.values():
        block = standardized(X[:, columns])
        ridge = regularization / (1 - regularization) * len(X) * np.eye(block.shape[1])  # of variance 1
        hats += block @ np.linalg.solve(block.T @ block + ridge, block.T)
    values, vectors = eigh(hats)
    np.testing.assert_allclose(model.criterion_, values[:-4:-1] / 3)
    np.testing.assert_allclose(unit(model.transform(X)), unit(vectors[:, :-4:-1]), atol=1e-9)
    np.testing.assert_allclose(model.transform(X).std(axis=0), 1.0)


def test_masked_maxvar_minimizes_its_objective():
    X, _ = cohort(seed=4, n=9, widths=(2, 2, 1), missing=0.3)
    modalities = {"a": slice(0, 2), "b": slice(2, 4), "c": slice(4, 5)}
    blocks, bases, rows, counts = filtered(X, modalities, 0.2)
    assert counts.min() < 3
    weights = np.sqrt(counts)[:, None]

    def objective(G):
        total = 0.0
        for block, members in zip(blocks, rows, strict=True):
            ridge = 0.25 * np.sum(block**2) / block.shape[1]
            W = np.linalg.solve(block.T @ block + ridge * np.eye(block.shape[1]), block.T @ G[members])
            total += np.sum((G[members] - block @ W) ** 2) + ridge * np.sum(W**2)
        return total

    def coordinates(parameters):
        return np.linalg.qr(parameters.reshape(-1, 2))[0] / weights

    stacked, _ = stack(bases, rows, len(X))
    values, G = maxvar(stacked, counts, 2)
    np.testing.assert_allclose((counts[:, None] * G).T @ G, np.eye(2), atol=1e-12)
    assert objective(G) == pytest.approx(2 - values.sum())
    rng = np.random.default_rng(0)
    starts = [minimize(lambda g: objective(coordinates(g)), rng.normal(size=18)).fun for _ in range(5)]
    assert objective(G) == pytest.approx(min(starts), abs=1e-6)


def test_sumcor_rises_to_a_point_that_satisfies_its_equations():
    X, _ = cohort(seed=1, n=60, missing=0.2)
    _, bases, rows, counts = filtered(X, THREE, 0.1)
    stacked, slices = stack(bases, rows, len(counts))
    R = relations(stacked, slices, rows)
    values = [sumcor_component(R, slices, tol=1e-14, max_iter=rounds)[1] for rounds in (1, 2, 4, 8, 500)]
    assert np.all(np.diff(values) >= -1e-12)
    a, value, change, _ = sumcor_component(R, slices, tol=1e-12, max_iter=2000)
    assert change <= 1e-12
    for columns in slices:
        gradient = R[columns] @ a
        np.testing.assert_allclose(gradient, np.linalg.norm(gradient) * a[columns], atol=1e-10)
    rng = np.random.default_rng(0)
    for _ in range(200):
        other = rng.normal(size=len(a))
        for columns in slices:
            other[columns] /= np.linalg.norm(other[columns])
        assert other @ R @ other / 2 < value
    A, found, _, _ = sumcor(R, slices, 3, tol=1e-12, max_iter=2000)
    assert np.all(np.diff(found) < 0)
    for columns in slices:
        np.testing.assert_allclose(A[columns].T @ A[columns], np.eye(3), atol=1e-10)


def test_sumcor_says_when_it_still_moves():
    X, _ = cohort(seed=1, n=60, missing=0.2)
    with pytest.warns(ConvergenceWarning, match="still changed by .* after max_iter=1 rounds"):
        GeneralizedCCA(THREE, criterion="sumcor", max_iter=1).fit(X)


@pytest.mark.parametrize("shape", [(40, 7), (20, 60)])
def test_shrinkage_is_that_of_ledoit_and_wolf(shape):
    block = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 3, shape[1])
    block -= block.mean(axis=0)
    assert shrinkage_intensity(block) == pytest.approx(ledoit_wolf_shrinkage(block, assume_centered=True))
    assert shrinkage_intensity(block[:, :1]) == 0.0


def test_basis_is_the_same_on_both_ways():
    block = standardized(np.random.default_rng(0).normal(size=(12, 30)))
    basis, weights = filtered_basis(block, 1e-3)
    U, s, _ = np.linalg.svd(block, full_matrices=False)
    ridge = 1e-3 / (1 - 1e-3) * np.sum(block**2) / 30
    np.testing.assert_allclose(basis @ basis.T, (U * s**2 / (s**2 + ridge)) @ U.T, atol=1e-9)
    np.testing.assert_allclose(block @ weights, basis, atol=1e-9)
    assert basis.shape == (12, 11)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_unregularized_scores_do_not_depend_on_the_basis_of_a_block(seed):
    X, _ = cohort(seed=2, missing=0.2)
    mixed = X.copy()
    mixed[:, :6] = X[:, :6] @ np.random.default_rng(seed).normal(size=(6, 6)) + 3.0
    plain = GeneralizedCCA(THREE, regularization=0).fit(X)
    other = GeneralizedCCA(THREE, regularization=0).fit(mixed)
    np.testing.assert_allclose(unit(other.transform(mixed)), unit(plain.transform(X)), atol=1e-7)


@pytest.mark.parametrize("criterion", ["maxvar", "sumcor"])
def test_order_of_modalities_and_of_subjects_changes_nothing(criterion):
    X, _ = cohort(seed=3, missing=0.2)
    X[5, 2] = np.nan
    model = GeneralizedCCA(THREE, criterion=criterion).fit(X)
    expected = model.transform(X)
    names = [f"{name}__{i}" for name, columns in THREE.items() for i in range(columns.stop - columns.start)]
    frame = pd.DataFrame(X, columns=names)
    back = GeneralizedCCA(criterion=criterion).fit(frame[names[::-1]])
    assert list(back.modalities_) == ["eeg", "pet", "mri"]
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = GeneralizedCCA(THREE, criterion=criterion).fit(X[order])
    np.testing.assert_allclose(unit(back.transform(frame[names[::-1]]).to_numpy()), unit(expected), atol=1e-7)
    np.testing.assert_allclose(shuffled.transform(X), expected, atol=1e-7)


def test_a_subject_is_projected_alone():
    X, _ = cohort(seed=5, missing=0.3)
    model = GeneralizedCCA(THREE).fit(X[:60])
    expected = model.transform(X)
    wild = X.copy()
    wild[1:] *= -50.0
    np.testing.assert_allclose(model.transform(wild)[0], expected[0], rtol=1e-10)
    np.testing.assert_allclose(np.vstack([model.transform(X[i : i + 1]) for i in range(len(X))]), expected, rtol=1e-7)
    nobody = np.full((1, 15), np.nan)
    assert model.transform(nobody).tolist() == [[0.0, 0.0]]
    np.testing.assert_array_equal(GeneralizedCCA(THREE).fit(np.vstack([X[:60], nobody])).transform(X), expected)


def test_complete_subjects_stand_at_the_solution_and_others_in_its_unit():
    X, _ = cohort(seed=6, n=400, missing=0.3)
    _, bases, rows, counts = filtered(X, THREE, 0.2)
    model = GeneralizedCCA(THREE, regularization=0.2).fit(X)
    G = maxvar(stack(bases, rows, len(X))[0], counts, 2)[1] * np.sqrt(counts.sum())
    complete = counts == 3
    joint = model.transform(X)
    G *= np.sign(np.sum(G * joint, axis=0))
    np.testing.assert_allclose(joint[complete], G[complete], atol=1e-9)
    # From less of the same subjects: the slope of the complete coordinate on the one from less is 1
    for absent in THREE.values():
        less = X[complete].copy()
        less[:, absent] = np.nan
        part = model.transform(less)
        slopes = np.sum(part * joint[complete], axis=0) / np.sum(part**2, axis=0)
        np.testing.assert_allclose(slopes, 1.0, atol=0.15)
        assert np.all(part.std(axis=0) < joint[complete].std(axis=0))


def test_all_subjects_teach_more_than_the_complete_ones():
    gains = []
    for seed in range(25):
        X, z = cohort(seed, n=400, n_shared=1, noise=2.5, missing=0.3)
        train, test = X[:100], X[100:]
        complete = ~np.isnan(train).any(axis=1)
        found = []
        for rows in (train, train[complete]):
            joint = GeneralizedCCA(THREE, n_components=1).fit(rows).transform(test)[:, 0]
            found.append(abs(np.corrcoef(joint, z[100:, 0])[0, 1]))
        gains.append(found[0] - found[1])
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / np.sqrt(len(gains))


def test_more_features_than_subjects_still_find_what_is_shared():
    X, z = cohort(seed=7, n=120, widths=(300, 200, 100), n_shared=1, noise=3.0, missing=0.3)
    modalities = {"a": slice(0, 300), "b": slice(300, 500), "c": slice(500, 600)}
    model = GeneralizedCCA(modalities, n_components=1).fit(X[:60])
    assert abs(np.corrcoef(model.transform(X[60:])[:, 0], z[60:, 0])[0, 1]) > 0.85
    assert all(0 < value < 1 for value in model.regularization_.values())
    overfitted = GeneralizedCCA(modalities, n_components=1, regularization=0).fit(X[:60])
    assert overfitted.canonical_correlations_[0] == pytest.approx(1.0)


@pytest.mark.parametrize("criterion", ["maxvar", "sumcor"])
def test_permutation_finds_the_planted_number(criterion):
    found = []
    for seed in range(10):
        X, _ = cohort(seed, n=100, noise=0.7, missing=0.2, signal=1.0)
        model = GeneralizedCCA(
            THREE, n_components="permutation", criterion=criterion, n_permutations=39, random_state=seed
        ).fit(X)
        assert len(model.p_values_) == model.n_significant_ + 1
        assert np.all(model.p_values_[:-1] <= 0.05)
        found.append(model.n_components_)
    assert np.sum(np.array(found) == 2) >= 8


def test_permutation_holds_its_level_where_nothing_is_shared():
    significant = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(25, 9)) @ np.diag(rng.uniform(0.5, 2.0, size=9))
        X[rng.random(25) < 0.3, :3] = np.nan
        model = GeneralizedCCA(
            {"a": slice(0, 3), "b": slice(3, 6), "c": slice(6, 9)},
            n_components="permutation",
            n_permutations=19,
            random_state=seed,
        ).fit(X)
        assert model.n_components_ == max(1, model.n_significant_)
        significant += model.n_significant_ > 0
    assert significant <= 11  # of Binomial(100, 0.05), the 99th percentile


def test_the_way_back_is_the_least_squares_fit():
    X, _ = cohort(seed=8, n=100, noise=0.3, missing=0.2)
    X[3, 1] = np.nan
    model = GeneralizedCCA(THREE).fit(X)
    joint, Z = model.transform(X), standardized(X)
    for name, columns in THREE.items():
        for feature, column in enumerate(Z[:, columns].T):
            known = ~np.isnan(column)
            expected = np.linalg.lstsq(joint[known], column[known])[0]
            np.testing.assert_allclose(model.loadings_[name][:, feature], expected, atol=1e-10)
    back = model.inverse_transform(joint)
    known = ~np.isnan(X)
    for name, columns in THREE.items():
        own = known[:, columns]
        residual = np.sum((((back - X) / np.nanstd(X, axis=0))[:, columns][own]) ** 2)
        total = model.explained_variance_total_[name]
        assert total == pytest.approx(1 - residual / np.sum(Z[:, columns][own] ** 2))
        assert total > 0.6
    truth, _ = cohort(seed=8, n=100, noise=0.3)
    lost = ~known
    lost[3, 1] = True
    error = (model.impute(X) - truth)[lost] / np.nanstd(truth, axis=0)[np.nonzero(lost)[1]]
    assert np.sqrt(np.mean(error**2)) < 0.7


@pytest.mark.filterwarnings("ignore:No training subject has:skfuse.modalities.SkippedModalityWarning")
def test_weights_and_correlations_are_those_of_the_projections():
    X, _ = cohort(seed=9, missing=0.3)
    X = pd.DataFrame(X, columns=[f"{name}__{i}" for name, own in THREE.items() for i in range(own.stop - own.start)])
    X["mri__flat"], X["csf__0"] = X["mri__0"] * 0.0 + 1.0, np.nan
    model = GeneralizedCCA(regularization={"mri": 0.5}).fit(X)
    assert list(model.regularization_) == ["mri", "pet", "eeg"]
    assert model.regularization_["mri"] == 0.5
    scores = model.scores_by_modality(X)
    assert list(scores) == ["mri", "pet", "eeg", "csf"]
    for name in THREE:
        block = X[[column for column in X.columns if column.startswith(f"{name}__")]].to_numpy()
        deviation = np.nanstd(block, axis=0)
        block = (block - np.nanmean(block, axis=0)) / np.where(deviation > 0, deviation, 1.0)
        np.testing.assert_allclose(scores[name], block @ model.weights_[name].T, atol=1e-10)
    assert np.isnan(scores["csf"]).all()
    assert not model.weights_["csf"].any()
    both = ~np.isnan(scores["mri"] + scores["pet"])[:, 0]
    expected = np.corrcoef(scores["mri"][both, 1], scores["pet"][both, 1])[0, 1]
    assert model.correlations_[1, 0, 1] == pytest.approx(expected)
    assert np.isnan(model.correlations_[:, 3]).all()
    pairs = model.correlations_[:, [0, 0, 1], [1, 2, 2]]
    np.testing.assert_allclose(model.canonical_correlations_, pairs.mean(axis=1))


def test_pairs_that_nobody_has_are_related_through_the_coordinate():
    X, z = cohort(seed=10, n=300, n_shared=1)
    X[:150, 6:11], X[150:, 11:] = np.nan, np.nan
    model = GeneralizedCCA(THREE, n_components=1).fit(X)
    assert np.isnan(model.correlations_[0, 1, 2])
    joint = model.transform(X)[:, 0]
    assert abs(np.corrcoef(joint, z[:, 0])[0, 1]) > 0.9
    assert joint[:150].std() == pytest.approx(joint[150:].std(), rel=0.15)


@pytest.mark.filterwarnings("ignore:No training subject has:skfuse.modalities.SkippedModalityWarning")
def test_what_cannot_be_is_refused_in_words():
    X, _ = cohort()
    with pytest.raises(ValueError, match=r"`regularization` has entries for \['dti'\], which X does not have"):
        GeneralizedCCA(THREE, regularization={"dti": 0.1}).fit(X)
    with pytest.raises(ValueError, match=r"of modality 'pet' must be 'auto' or a number from 0 to below 1, got 1\.5"):
        GeneralizedCCA(THREE, regularization={"pet": 1.5}).fit(X)
    apart = X.copy()
    apart[:40, 6:], apart[40:, :6] = np.nan, np.nan
    apart[:, 11:] = np.nan
    with pytest.raises(ValueError, match="no training subject has two of"):
        GeneralizedCCA(THREE, criterion="sumcor").fit(apart)
    assert GeneralizedCCA(THREE, n_components=50).fit(X).n_components_ == 15
