"""The kernel of patches is that of voxels, and permuted maps are refits."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.svm import SVR

from skfuse.lesions import EmptyMaskWarning, FewSubjectsWarning, VolumeConfoundWarning
from skfuse.lesions._kernel_map import DualStatistic, gram, ridge_duals, vector_duals
from skfuse.lesions._multivariate import VolumeDesign, unit_target
from skfuse.lesions._svr import LesionSVR
from skfuse.permutation import draw_permutations

EXACT = {"C": 1.0, "min_overlap": None, "tol": 1e-9}


def lesions(n_subjects=40, *, seed=0, edge=8):
    """Balls in a cube of voxels, many of which are lesioned in the same subjects."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*3 * [np.arange(edge)], indexing="ij"), axis=-1).reshape(-1, 3)
    centers = rng.uniform(0, edge, size=(n_subjects, 1, 3))
    radii = rng.uniform(1.5, 0.7 * edge, size=(n_subjects, 1))
    masks = (((grid - centers) ** 2).sum(axis=2) < radii**2).astype(np.uint8)
    return masks


def planted(n_subjects=60, *, seed=0, noise=0.3):
    """Masks, a score that one corner lowers, and that corner."""
    X = lesions(n_subjects, seed=seed)
    corner = np.zeros((8, 8, 8), dtype=bool)
    corner[:3, :3, :3] = True
    corner = corner.ravel()
    y = -2.0 * X[:, corner].mean(axis=1) + noise * np.random.default_rng(seed).normal(size=n_subjects)
    return X, y, corner


@pytest.fixture
def data():
    return planted()


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_support_vectors_on_patches_are_those_on_voxels(data, kernel):
    X, y, _ = data
    new = lesions(15, seed=9)
    y = y - LinearRegression().fit(X.sum(axis=1, keepdims=True), y).predict(X.sum(axis=1, keepdims=True))
    model = LesionSVR(kernel=kernel, volume="none", **EXACT).fit(X, y)
    assert model.n_patches_ < X.shape[1]
    twin = SVR(kernel=kernel, C=y.std() / model.kernel_scale_, epsilon=0.1 * y.std(), tol=1e-9).fit(X.astype(float), y)
    np.testing.assert_allclose(model.predict(new), twin.predict(new.astype(float)), atol=1e-6)
    np.testing.assert_allclose(model.predict(X), twin.predict(X.astype(float)), atol=1e-6)
    if kernel == "linear":
        np.testing.assert_allclose(model.coef_, twin.coef_[0], atol=1e-6)
    else:
        assert model.gamma_ == pytest.approx(twin._gamma)
        back_projected = twin.dual_coef_[0] @ (twin.support_vectors_ - X.mean(axis=0))
        np.testing.assert_allclose(model.coef_, back_projected, atol=1e-4)


def test_squared_error_is_ridge_regression_of_voxels(data):
    X, y, _ = data
    y = y - LinearRegression().fit(X.sum(axis=1, keepdims=True), y).predict(X.sum(axis=1, keepdims=True))
    model = LesionSVR(loss="squared_error", C=3.0, volume="none", min_overlap=None).fit(X, y)
    twin = Ridge(alpha=model.kernel_scale_ / 6.0).fit(X.astype(float), y)
    np.testing.assert_allclose(model.coef_, twin.coef_, atol=1e-12)
    np.testing.assert_allclose(model.predict(lesions(9, seed=5)), twin.predict(lesions(9, seed=5)), atol=1e-10)


def test_squared_error_is_kernel_ridge_of_centered_features(data):
    X, y, _ = data
    y = y - LinearRegression().fit(X.sum(axis=1, keepdims=True), y).predict(X.sum(axis=1, keepdims=True))
    model = LesionSVR(kernel="rbf", gamma="median", loss="squared_error", volume="none", C=1.0, min_overlap=None).fit(
        X, y
    )
    K = rbf_kernel(X.astype(float), gamma=model.gamma_)
    K = K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()
    twin = KernelRidge(alpha=model.kernel_scale_ / 2.0, kernel="precomputed").fit(K, y - y.mean())
    np.testing.assert_allclose(model.predict(X), twin.predict(K) + y.mean(), atol=1e-10)


def test_volume_as_covariate_is_taken_out_of_voxels_and_score(data):
    X, y, _ = data
    volume = X.sum(axis=1, keepdims=True)
    y = y - 0.01 * volume[:, 0]
    left = X - LinearRegression().fit(volume, X).predict(volume)
    line = LinearRegression().fit(volume, y)
    model = LesionSVR(**EXACT).fit(X, y)
    spread = np.std(y - line.predict(volume))
    twin = SVR(kernel="linear", C=spread / model.kernel_scale_, epsilon=0.1 * spread, tol=1e-9)
    twin.fit(left, y - line.predict(volume))
    dual = model.dual_coef_ - LinearRegression().fit(volume, model.dual_coef_).predict(volume)
    np.testing.assert_allclose(model.coef_, X.T @ dual, atol=1e-12)
    np.testing.assert_allclose(model.coef_, twin.coef_[0], atol=1e-6)
    np.testing.assert_allclose(model.predict(X), twin.predict(left) + line.predict(volume), atol=1e-6)


def test_residualized_score_keeps_lesions_as_they_are(data):
    X, y, _ = data
    volume = X.sum(axis=1, keepdims=True)
    line = LinearRegression().fit(volume, y)
    model = LesionSVR(volume="residualize", loss="squared_error", C=1.0, min_overlap=None).fit(X, y)
    twin = Ridge(alpha=model.kernel_scale_ / 2.0).fit(X.astype(float), y - line.predict(volume))
    new = lesions(9, seed=3)
    expected = twin.predict(new.astype(float)) + line.predict(new.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict(new), expected, atol=1e-10)


def test_dtlvc_divides_each_lesion_by_the_root_of_its_volume(data):
    X, y, _ = data
    y = y - LinearRegression().fit(X.sum(axis=1, keepdims=True), y).predict(X.sum(axis=1, keepdims=True))
    model = LesionSVR(kernel="rbf", gamma=2.0, volume="dtlvc", **EXACT).fit(X, y)
    divided, new = (M / np.sqrt(M.sum(axis=1, keepdims=True)) for M in (X, lesions(9, seed=3)))
    twin = SVR(gamma=2.0, C=y.std() / model.kernel_scale_, epsilon=0.1 * y.std(), tol=1e-9).fit(divided, y)
    np.testing.assert_allclose(model.predict(lesions(9, seed=3)), twin.predict(new), atol=1e-6)


@pytest.mark.parametrize("loss", ["epsilon_insensitive", "squared_error"])
@pytest.mark.parametrize("volume", ["covariate", "residualize", "none", "dtlvc"])
@pytest.mark.filterwarnings("ignore::skfuse.lesions.VolumeConfoundWarning")
def test_coefficients_give_the_predictions(data, loss, volume):
    X, y, _ = data
    model = LesionSVR(loss=loss, volume=volume, min_overlap=5).fit(X, y)
    assert not model.coef_[~model.mask_].any()
    size = X.sum(axis=1)
    seen = X / np.sqrt(size)[:, None] if volume == "dtlvc" else X
    expected = seen @ model.coef_ + size * model.volume_coef_ + model.intercept_
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::skfuse.lesions.VolumeConfoundWarning")
@pytest.mark.parametrize("loss", ["epsilon_insensitive", "squared_error"])
def test_permuted_maps_are_refits(data, loss):
    X, y, _ = data
    y = y - LinearRegression().fit(X.sum(axis=1, keepdims=True), y).predict(X.sum(axis=1, keepdims=True))
    draws = draw_permutations(len(y), 5, random_state=1)
    options = {"loss": loss, "volume": "none", **EXACT}
    model = LesionSVR(correction="max", n_permutations=19, random_state=0, **options).fit(X, y)
    design = VolumeDesign(X.sum(axis=1).astype(float), "none")
    first = np.unique(model.patches_, return_index=True)[1]
    K = X.astype(float) @ X.T
    K = (K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()) / model.kernel_scale_
    solve = ridge_duals(K, 1.0) if loss == "squared_error" else vector_duals(K, 1.0, 0.1, 1e-9, 10**6)
    target, spread = unit_target(design, y)
    for_scale = draw_permutations(len(y), 50, random_state=2)
    statistic = DualStatistic(X[:, first], design, target, solve, for_scale, "float64")
    maps = statistic.permuted(draws)
    refits = np.stack([LesionSVR(**options).fit(X, y[draw]).coef_[first] for draw in draws]) / spread
    deviations = np.sqrt(
        np.mean([LesionSVR(**options).fit(X, y[draw]).coef_[first] ** 2 for draw in for_scale], axis=0)
    )
    np.testing.assert_allclose(maps, refits / (deviations / spread), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(statistic.extremes(draws)[:, 0], maps.max(axis=1), rtol=1e-12)
    np.testing.assert_allclose(np.corrcoef(model.map_[first], statistic.observed())[0, 1], 1.0, atol=0.01)


def test_p_values_count_the_permutations_that_reach_a_voxel(data):
    X, y, _ = data
    model = LesionSVR(correction="max", n_permutations=99, random_state=0, dtype="float64").fit(X, y)
    reached = (model.null_distribution_[:, None] >= np.abs(model.map_[model.mask_]) - 1e-9).sum(axis=0)
    np.testing.assert_allclose(model.p_values_[model.mask_], (1 + reached) / 100)
    assert (model.p_values_[~model.mask_] == 1).all()
    np.testing.assert_array_equal(model.significant_, model.p_values_ <= 0.05)


@pytest.mark.parametrize("loss", ["epsilon_insensitive", "squared_error"])
def test_finds_a_planted_region_with_the_right_sign(data, loss):
    X, y, corner = data
    options = {"loss": loss, "C": 1.0, "n_permutations": 199, "random_state": 0}
    model = LesionSVR(correction="max", **options).fit(X, y)
    assert corner[model.map_.argmin()]
    assert model.significant_[corner].mean() > 0.3
    assert (model.map_[model.significant_] < 0).all()
    assert not LesionSVR(correction="max", alternative="greater", **options).fit(X, y).significant_.any()
    loose = LesionSVR(correction="cfwer", cfwer_v=20, **options).fit(X, y)
    assert loose.threshold_ < model.threshold_
    assert loose.significant_.sum() >= model.significant_.sum()


def test_family_wise_error_is_held():
    X = lesions(30, seed=4)
    rng, found = np.random.default_rng(0), 0
    model = LesionSVR(loss="squared_error", correction="max", n_permutations=59, random_state=0)
    for _ in range(150):
        found += model.fit(X, rng.normal(size=30) - 0.02 * X.sum(axis=1)).significant_.any()
    assert found <= 15  # 7.5 are expected; more than 15 have a chance of .4 %


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_permuted_scores_cannot_be_predicted(kernel):
    X, y, _ = planted(80, seed=2)
    rng, correlations = np.random.default_rng(0), []
    folds = KFold(5, shuffle=True, random_state=0)
    for _ in range(12):
        permuted = rng.permutation(y)
        predicted = cross_val_predict(LesionSVR(kernel=kernel), X, permuted, cv=folds)
        correlations.append(np.corrcoef(predicted, permuted)[0, 1])
    assert np.mean(correlations) < 0.1
    predicted = cross_val_predict(LesionSVR(kernel=kernel), X, y, cv=folds)
    assert np.corrcoef(predicted, y)[0, 1] > 0.5


@pytest.mark.parametrize("container", [np.asfortranarray, sparse.csr_array, sparse.csc_matrix, lambda X: X > 0])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_containers_agree(data, container, kernel):
    X, y, _ = data
    expected = LesionSVR(kernel=kernel).fit(X, y)
    got = LesionSVR(kernel=kernel).fit(container(X), y)
    np.testing.assert_allclose(got.coef_, expected.coef_, atol=1e-10)
    np.testing.assert_allclose(got.predict(container(X[:7])), expected.predict(X[:7]), atol=1e-10)


def test_result_does_not_depend_on_threads_or_chunks(data, monkeypatch):
    X, y, _ = data
    options = {"correction": "max", "n_permutations": 49, "random_state": 0, "dtype": "float64"}
    one, two = (LesionSVR(n_jobs=n_jobs, **options).fit(X, y) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.null_distribution_, two.null_distribution_)
    expected = gram(X, np.ones(X.shape[1]))
    monkeypatch.setattr("skfuse.lesions._kernel_map._CHUNK_BYTES", 10_000)
    np.testing.assert_allclose(gram(X, np.ones(X.shape[1])), expected)
    three = LesionSVR(**options).fit(X, y)
    np.testing.assert_allclose(three.null_distribution_, one.null_distribution_, rtol=1e-9)


def test_blocks_keep_permutations_within_them(data):
    X, y, _ = data
    site = np.arange(len(y)) % 2
    options = {"correction": "max", "n_permutations": 19, "random_state": 0}
    free, within = LesionSVR(**options).fit(X, y), LesionSVR(**options).fit(X, y, blocks=site)
    assert not np.array_equal(free.null_distribution_, within.null_distribution_)
    with pytest.raises(ValueError, match="no subject can change places"):
        LesionSVR(**options).fit(X, y, blocks=np.arange(len(y)))


def test_a_kernel_that_is_the_identity_is_refused(data):
    X, y, _ = data
    with pytest.raises(ValueError, match="close to the identity"):
        LesionSVR(kernel="rbf", gamma=5.0).fit(X, y)


def test_warns_where_volume_is_left_or_is_everything(data):
    X, y, _ = data
    volume = X.sum(axis=1)
    with pytest.warns(VolumeConfoundWarning, match="not taken into account"):
        LesionSVR(volume="none").fit(X, y - 0.02 * volume)
    with pytest.warns(VolumeConfoundWarning, match="explains the score, or the lesions, entirely"):
        model = LesionSVR(correction="max", n_permutations=19, random_state=0).fit(X, 3.0 * volume + 1.0)
    np.testing.assert_allclose(model.predict(X), 3.0 * volume + 1.0, rtol=1e-9)
    assert not model.coef_.any()
    assert not model.significant_.any()


def test_warns_of_few_subjects_empty_masks_and_too_few_steps(data):
    X, y, _ = data
    with pytest.warns(FewSubjectsWarning, match="A map of 6 subjects"):
        LesionSVR(min_overlap=2).fit(X[:6], y[:6])
    with pytest.warns(EmptyMaskWarning, match=r"1 of 60 subjects have no lesion .*row 4"):
        LesionSVR().fit(np.where(np.arange(60)[:, None] == 4, 0, X), y)
    with pytest.warns(ConvergenceWarning, match="Raise max_iter, or lower C"):
        LesionSVR(max_iter=3, C=100.0).fit(X, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, np.full(len(y), 2.0)), "nothing to map"),
        (lambda X, y: (X, np.where(np.arange(len(y)) == 3, np.nan, y)), r"missing or infinite \(row 3\)"),
        (lambda X, y: (X, y[:-1]), "one number for each row"),
        (lambda X, y: (np.zeros_like(X), y), "leaves none of the"),
        (lambda X, y: (X[:1], y[:1]), "1 sample"),
        (lambda X, y: (np.where(X == 0, np.nan, X), y), "NaN"),
    ],
)
def test_bad_input_is_refused_with_the_cure(data, change, message):
    with pytest.raises(ValueError, match=message):
        LesionSVR().fit(*change(*data[:2]))
