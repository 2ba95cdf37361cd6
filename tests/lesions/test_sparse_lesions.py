"""A sum of single effects is what Bayes' rule says, and finds the regions that were planted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_predict

from skfuse.lesions import VolumeConfoundWarning
from skfuse.lesions._multivariate import VolumeDesign, permuted_targets, unit_target
from skfuse.lesions._regions import candidate_regions, grid_cells, pattern_cells
from skfuse.lesions._single_effects import _SCALES, SingleEffectsStatistic, fit_single_effects
from skfuse.lesions._sparse import SparseLesionRegressor, _standardized_loads
from skfuse.permutation import draw_permutations

EDGE = 10
BOX = np.ones((EDGE, EDGE, EDGE), dtype=bool)
PLACES = np.argwhere(BOX)
SIZES = (0.01, 0.03)
SMALL = {"mask": BOX, "region_sizes": SIZES, "n_cells": 10_000}


def lesions(n_subjects=80, *, seed=0):
    """Balls in a cube of voxels."""
    rng = np.random.default_rng(seed)
    centers, radii = rng.uniform(0, EDGE, size=(n_subjects, 1, 3)), rng.uniform(2, 0.7 * EDGE, size=(n_subjects, 1))
    return (((PLACES - centers) ** 2).sum(axis=2) < radii**2).astype(np.uint8)


def ball(center, radius=1.5):
    return ((PLACES - np.asarray(center)) ** 2).sum(axis=1) < radius**2


def planted(*centers, n_subjects=80, seed=0, noise=0.2):
    X = lesions(n_subjects, seed=seed)
    y = noise * np.random.default_rng(seed).normal(size=n_subjects)
    for center in centers:
        y -= X[:, ball(center)].mean(axis=1)
    return X, y


@pytest.fixture
def one_region():
    return planted((3, 3, 3))


def standardized(n, n_columns, seed):
    columns = np.random.default_rng(seed).normal(size=(n, n_columns))
    columns -= columns.mean(axis=0)
    return columns / np.sqrt(np.mean(columns**2, axis=0))


def test_one_effect_is_the_posterior_of_bayes_rule():
    columns = standardized(30, 12, seed=0)
    target = 0.5 * columns[:, 3] + standardized(30, 1, seed=1)[:, 0]
    target /= np.sqrt(np.mean(target**2))
    found = fit_single_effects(columns, target[:, None], 1, max_iter=1)
    no_effect = multivariate_normal.pdf(target, cov=np.eye(30))
    likelihood, expected = np.empty((len(_SCALES), 12)), np.empty((len(_SCALES), 12))
    for row, scale in enumerate(_SCALES):
        for column, x in enumerate(columns.T):
            covariance = np.eye(30) + scale * np.outer(x, x)
            likelihood[row, column] = multivariate_normal.pdf(target, cov=covariance)
            expected[row, column] = scale * x @ np.linalg.solve(covariance, target)
    joint = 0.5 * likelihood / likelihood.size
    total = joint.sum() + 0.5 * no_effect
    np.testing.assert_allclose(found.weights[0, :, 0], joint.sum(axis=0) / total, rtol=1e-9)
    np.testing.assert_allclose(found.means[0, :, 0], (joint * expected).sum(axis=0) / joint.sum(axis=0), rtol=1e-9)
    fitted = columns @ (joint * expected).sum(axis=0) / total
    second = sum(
        joint[row] * (expected[row] ** 2 + scale / (1 + 30 * scale)) for row, scale in enumerate(_SCALES)
    ).sum()
    spread = second / total - np.mean(fitted**2)
    np.testing.assert_allclose(found.noise[0], np.mean((target - fitted) ** 2) + spread, rtol=1e-9)


def test_targets_do_not_depend_on_those_beside_them():
    columns, targets = standardized(40, 50, seed=0), standardized(40, 6, seed=1)
    targets[:, 0] = columns[:, 2]
    together = fit_single_effects(columns, targets, 3)
    for one in range(6):
        alone = fit_single_effects(columns, targets[:, [one]], 3)
        np.testing.assert_allclose(together.weights[:, :, one], alone.weights[:, :, 0], atol=1e-10)
        np.testing.assert_allclose(together.noise[one], alone.noise[0])
    assert together.weights[:, 2, 0].max() > 0.99


def test_noise_has_no_effect():
    columns, targets = standardized(100, 200, seed=0), standardized(100, 40, seed=1)
    probability = fit_single_effects(columns, targets, 2).weights.sum(axis=1)
    assert np.mean(probability > 0.9) < 0.1


def test_grid_cells_are_cubes_with_mean_loads():
    X = lesions(6)
    cells = grid_cells(X, PLACES, n_cells=125)
    assert (cells.sizes == 8).all()
    assert len(cells.sizes) == 125
    one = (PLACES // 2 == [1, 2, 3]).all(axis=1)
    number = cells.of_voxel[one]
    assert len(set(number)) == 1
    np.testing.assert_allclose(cells.loads[:, number[0]], X[:, one].mean(axis=1))
    np.testing.assert_allclose(cells.centers[number[0]], [2.5, 4.5, 6.5])
    as_sparse = grid_cells(sparse.csr_array(X), PLACES, n_cells=125)
    np.testing.assert_allclose(as_sparse.loads, cells.loads)


def test_pattern_cells_are_patches_or_sets_of_them():
    X = lesions(12)
    patches = pattern_cells(X, n_cells=10_000)
    for cell in range(0, len(patches.sizes), 7):
        assert len(np.unique(X[:, patches.of_voxel == cell], axis=1).T) == 1
    cells = pattern_cells(X, n_cells=100)
    assert 60 <= len(cells.sizes) <= 240
    assert cells.sizes.sum() == X.shape[1]
    np.testing.assert_allclose(cells.loads[:, 3], X[:, cells.of_voxel == 3].mean(axis=1))
    random = np.random.default_rng(0).permutation(cells.of_voxel)
    scatter = [
        sum(X[:, labels == cell].var(axis=1).sum() * (labels == cell).sum() for cell in range(len(cells.sizes)))
        for labels in (cells.of_voxel, random)
    ]
    assert scatter[0] < 0.3 * scatter[1]


@pytest.mark.parametrize("places", [True, False])
def test_candidates_are_the_nearest_cells(places):
    X = lesions(20)
    cells = grid_cells(X, PLACES, n_cells=1000)
    cells = cells if places else cells._replace(centers=None)
    members = candidate_regions(cells, SIZES).toarray()
    assert members.shape == (2000, 1000)
    assert (members[:1000].sum(axis=1) == 10).all()
    assert (members[1000:].sum(axis=1) == 30).all()
    centered = cells.loads - cells.loads.mean(axis=0)
    centered /= np.maximum(np.linalg.norm(centered, axis=0), 1e-12)  # a cell lesioned in nobody goes with none
    distance = 2 * (1 - centered.T @ centered)
    if places:
        radius = (3 * 30 / (4 * np.pi)) ** (1 / 3)
        distance += 0.5 * ((PLACES[:, None] - PLACES) ** 2).sum(axis=2) / radius**2
    np.fill_diagonal(distance, -1)
    for cell in (0, 123, 555):
        inside = members[1000 + cell] > 0
        assert inside[cell]
        assert distance[cell, inside].max() <= distance[cell, ~inside].min() + 1e-5


def test_finds_one_region(one_region):
    X, y = one_region
    model = SparseLesionRegressor(**SMALL).fit(X, y)
    region = ball((3, 3, 3))
    assert np.linalg.norm(PLACES[model.coef_.argmin()] - [3, 3, 3]) <= 2
    assert model.coef_[region].sum() < 0.4 * model.coef_.sum()  # both are below 0
    assert model.coef_.sum() == pytest.approx(-1.0, abs=0.25)
    assert (model.effect_probabilities_ > 0.9).tolist() == [True, False, False]
    assert model.sparseness_ < 0.15
    assert model.inclusion_[region].mean() > 5 * model.inclusion_[~region].mean()


def test_finds_two_regions_that_single_tests_blur():
    centers = (2, 2, 2), (7, 7, 7)
    X, y = planted(*centers, n_subjects=150, noise=0.15)
    model = SparseLesionRegressor(**SMALL).fit(X, y)
    assert np.count_nonzero(model.effect_probabilities_ > 0.9) == 2
    left = X - LinearRegression().fit(X.sum(axis=1)[:, None], X).predict(X.sum(axis=1)[:, None])
    t = -(left / np.maximum(np.linalg.norm(left, axis=0), 1e-9)).T @ y
    truth = ball(centers[0], 2) | ball(centers[1], 2)
    top = np.count_nonzero(truth)
    assert truth[np.argsort(model.coef_)[:top]].mean() > truth[np.argsort(-t)[:top]].mean()


def test_map_without_places_finds_the_region_too(one_region):
    X, y = one_region
    model = SparseLesionRegressor(region_sizes=SIZES).fit(X, y)
    assert np.linalg.norm(PLACES[model.coef_.argmin()] - [3, 3, 3]) <= 2.5
    predicted = cross_val_predict(SparseLesionRegressor(region_sizes=SIZES), X, y, cv=KFold(5, shuffle=True))
    assert np.corrcoef(predicted, y)[0, 1] > 0.7


@pytest.mark.parametrize("volume", ["covariate", "residualize", "none", "dtlvc"])
@pytest.mark.filterwarnings("ignore::skfuse.lesions.VolumeConfoundWarning")
def test_coefficients_give_the_predictions(one_region, volume):
    X, y = one_region
    model = SparseLesionRegressor(volume=volume, min_overlap=10, **SMALL).fit(X, y)
    assert not model.coef_[~model.mask_].any()
    size = X.sum(axis=1)
    seen = X / np.sqrt(np.maximum(size, 1))[:, None] if volume == "dtlvc" else X
    np.testing.assert_allclose(model.predict(X), seen @ model.coef_ + size * model.volume_coef_ + model.intercept_)
    assert np.mean(model.predict(X)) == pytest.approx(np.mean(y))
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.8


@settings(max_examples=10, deadline=None)
@given(slope=st.floats(-0.1, 0.1), shift=st.floats(-50, 50), factor=st.sampled_from([-3.0, 0.01, 2.0]))
def test_map_follows_the_score_but_not_what_volume_adds(slope, shift, factor):
    X, y = planted((3, 3, 3))
    options = {**SMALL, "n_effects": 1, "region_sizes": (0.02,)}
    expected = SparseLesionRegressor(**options).fit(X, y)
    got = SparseLesionRegressor(**options).fit(X, factor * y + shift + slope * X.sum(axis=1))
    tolerance = 1e-3 * np.abs(expected.coef_).max()
    np.testing.assert_allclose(got.coef_ / factor, expected.coef_, atol=tolerance)
    np.testing.assert_allclose(got.inclusion_, expected.inclusion_, atol=1e-3)


def test_order_of_subjects_does_not_matter(one_region):
    X, y = one_region
    order = np.random.default_rng(0).permutation(len(y))
    one, two = SparseLesionRegressor(**SMALL).fit(X, y), SparseLesionRegressor(**SMALL).fit(X[order], y[order])
    np.testing.assert_allclose(two.predict(X), one.predict(X), atol=1e-2)


def test_permuted_maps_are_refits(one_region):
    X, y = one_region
    volume = X.sum(axis=1).astype(float)
    design, cells = VolumeDesign(volume, "covariate"), grid_cells(X, PLACES, 1000)
    members = candidate_regions(cells, SIZES)
    columns, per_voxel = _standardized_loads(cells, members, design)
    target, _ = unit_target(design, y)
    statistic = SingleEffectsStatistic(columns, (members.T * per_voxel).tocsr(), design, target, 2, 1e-3, 100)
    draws = draw_permutations(len(y), 4, random_state=0)
    options = {**SMALL, "n_effects": 2, "min_overlap": None}
    for draw, found in zip(draws, statistic.permuted(draws), strict=True):
        score = permuted_targets(design, target, draw[None])[0]
        refit = SparseLesionRegressor(**options).fit(X, score)
        np.testing.assert_allclose(found[cells.of_voxel], refit.coef_, atol=1e-5)
    tested = SparseLesionRegressor(correction="max", n_permutations=19, random_state=0, **options).fit(X, y)
    np.testing.assert_allclose(tested.map_, statistic.observed()[cells.of_voxel], atol=1e-7)


def test_significant_voxels_lie_at_the_region(one_region):
    X, y = one_region
    options = {"n_permutations": 99, "random_state": 0, **SMALL}
    model = SparseLesionRegressor(correction="max", **options).fit(X, y)
    assert model.significant_[ball((3, 3, 3), 1.1)].any()
    assert np.linalg.norm(PLACES[model.significant_] - [3, 3, 3], axis=1).mean() < 3
    reached = (model.null_distribution_ >= np.abs(model.map_).max()).sum()
    assert model.p_values_.min() == pytest.approx((1 + reached) / 100)
    assert not SparseLesionRegressor(correction="max", alternative="greater", **options).fit(X, y).significant_.any()
    threads = SparseLesionRegressor(correction="cfwer", cfwer_v=20, n_jobs=2, **options).fit(X, y)
    assert threads.threshold_ <= model.threshold_


def test_permuted_scores_are_not_predicted_or_mapped():
    X, y = planted((3, 3, 3), n_subjects=60)
    rng, correlations, found = np.random.default_rng(0), [], 0
    model = SparseLesionRegressor(region_sizes=(0.02,), n_effects=1, mask=BOX, n_cells=200)
    for _ in range(12):
        permuted = rng.permutation(y)
        predicted = cross_val_predict(model, X, permuted, cv=KFold(5, shuffle=True, random_state=0))
        correlations.append(np.corrcoef(predicted, permuted)[0, 1])
    assert np.mean(correlations) < 0.1
    for _ in range(60):
        tested = SparseLesionRegressor(**model.get_params()).set_params(correction="max", n_permutations=39)
        found += tested.fit(X, rng.permutation(y)).significant_.any()
    assert found <= 9  # 3 are expected; more than 9 have a chance of .1 %


def test_containers_agree(one_region):
    X, y = one_region
    expected = SparseLesionRegressor(**SMALL).fit(X, y)
    for container in (np.asfortranarray, sparse.csr_array, sparse.csc_matrix, lambda X: X > 0):
        got = SparseLesionRegressor(**SMALL).fit(container(X), y)
        np.testing.assert_allclose(got.coef_, expected.coef_, atol=1e-6)
        np.testing.assert_allclose(got.predict(container(X[:5])), expected.predict(X[:5]), atol=1e-5)


def test_volume_that_explains_everything_leaves_no_map(one_region):
    X, _ = one_region
    volume = X.sum(axis=1)
    with pytest.warns(VolumeConfoundWarning, match="explains the score, or the lesions, entirely"):
        model = SparseLesionRegressor(**SMALL).fit(X, 2.0 * volume - 1.0)
    assert not model.coef_.any()
    assert model.sparseness_ == 0
    np.testing.assert_allclose(model.predict(X), 2.0 * volume - 1.0)


def test_too_few_rounds_are_told(one_region):
    X, y = one_region
    with pytest.warns(ConvergenceWarning, match="still changed after max_iter=1"):
        SparseLesionRegressor(max_iter=1, **SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": BOX[1:]}, "wanted the image mask in three dimensions whose 1000 voxels"),
        ({"mask": np.ones(1000, dtype=bool)}, "wanted the image mask"),
        ({"region_sizes": (0.1, 2.0)}, "wanted shares of the voxels"),
        ({"region_sizes": ()}, "wanted shares of the voxels"),
        ({"min_overlap": 60}, "leaves none of the 1000 voxels"),
        ({"volume": "both"}, "'volume' parameter"),
        ({"correction": "fdr"}, "'correction' parameter"),
        ({"n_permutations": 0}, "'n_permutations' parameter"),
    ],
)
def test_bad_parameters_are_refused_with_the_cure(one_region, options, message):
    with pytest.raises(ValueError, match=message):
        SparseLesionRegressor(**options).fit(*one_region)


def test_bad_scores_are_refused(one_region):
    X, y = one_region
    with pytest.raises(ValueError, match="nothing to map"):
        SparseLesionRegressor().fit(X, np.ones(len(y)))
    with pytest.raises(ValueError, match="NaN"):
        SparseLesionRegressor().fit(X, np.where(y == y.max(), np.nan, y))
    with pytest.raises(ValueError, match="requires y"):
        SparseLesionRegressor().fit(X, None)
