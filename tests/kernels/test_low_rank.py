"""Low-rank factors: exactness, parity with scikit-learn and LAPACK, coverage by landmarks, and bad input."""

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import lapack
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import rbf_kernel

from skfuse.kernels._low_rank import _leverage_scores, choose_landmarks, nystroem_factor, pivoted_cholesky


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(60, 4))


def kernel(A, B):
    return rbf_kernel(A, B, gamma=0.2)


def of(K):
    return (lambda i: K[:, i]), np.diag(K)


def test_nystroem_is_exact_with_all_subjects_as_landmarks(points):
    for K in (kernel(points, points), points @ points.T, np.ones((60, 60)), np.zeros((60, 60))):
        F = K @ nystroem_factor(K)
        np.testing.assert_allclose(F @ F.T, K, atol=1e-8 * max(K.max(), 1.0))
        assert F.shape[1] == np.linalg.matrix_rank(K, rtol=1e-10, hermitian=True)


def test_nystroem_is_that_of_scikit_learn(points):
    model = Nystroem(gamma=0.2, n_components=15, random_state=0).fit(points)
    F = kernel(points, model.components_) @ nystroem_factor(kernel(model.components_, model.components_))
    features = model.transform(points)
    np.testing.assert_allclose(F @ F.T, features @ features.T, atol=1e-9)


def test_new_subjects_get_the_kernel_with_landmarks(points):
    landmarks, new = points[:10], np.random.default_rng(1).normal(size=(5, 4))
    T = nystroem_factor(kernel(landmarks, landmarks))
    products = kernel(new, landmarks) @ T @ (kernel(landmarks, landmarks) @ T).T
    np.testing.assert_allclose(products, kernel(new, landmarks), atol=1e-8)


def test_equal_landmarks_add_no_feature(points):
    K = kernel(points[:10], points[:10])
    twice = np.tile(np.arange(10), 2)
    T = nystroem_factor(K[np.ix_(twice, twice)])
    assert T.shape == (20, 10)
    F = kernel(points, points[twice]) @ T
    once = kernel(points, points[:10]) @ nystroem_factor(K)
    np.testing.assert_allclose(F @ F.T, once @ once.T, atol=1e-8)


def test_nystroem_keeps_the_library_and_precision(points):
    K = kernel(points[:10], points[:10])
    assert nystroem_factor(K.astype(np.float32), rtol=1e-5).dtype == np.float32
    strict = array_api_strict.asarray(K)
    T = nystroem_factor(strict)
    assert isinstance(T, type(strict))
    F, expected = K @ np.asarray(T), K @ nystroem_factor(K)
    np.testing.assert_allclose(F @ F.T, expected @ expected.T, atol=1e-10)


def test_nystroem_refuses_what_has_no_features(points):
    K = kernel(points[:6], points[:6])
    with pytest.raises(ValueError, match="not symmetric"):
        nystroem_factor(K + np.triu(np.full((6, 6), 0.1), 1))
    with pytest.raises(ValueError, match=r"not positive semidefinite: its eigenvalues go from -0\.5"):
        nystroem_factor(np.diag([1.0, -0.5]))
    with pytest.raises(ValueError, match="not positive semidefinite"):
        nystroem_factor(-1e-9 * np.eye(3))
    with pytest.raises(ValueError, match="NaN or infinity"):
        nystroem_factor(np.where(np.eye(6) > 0, np.nan, K))
    with pytest.raises(ValueError, match="a row and a column for each landmark"):
        nystroem_factor(K[:, :3])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 8))
def test_cholesky_is_nystroem_of_its_pivots(seed, rank, n_features):
    X = np.random.default_rng(seed).normal(size=(25, n_features))
    K = (1.0 + X @ X.T) ** 2
    pivots, L = pivoted_cholesky(*of(K), rank)
    assert len(pivots) == len(np.unique(pivots)) == L.shape[1] <= rank
    F = K[:, pivots] @ nystroem_factor(K[np.ix_(pivots, pivots)], rtol=1e-14)
    np.testing.assert_allclose(L @ L.T, F @ F.T, atol=1e-8 * K.max())
    np.testing.assert_allclose(L[pivots], np.tril(L[pivots]), atol=1e-10 * np.sqrt(K.max()))


def test_cholesky_is_that_of_lapack(points):
    K = kernel(points, points)
    pivots, L = pivoted_cholesky(*of(K), 60, rtol=0.0)
    factor, order, rank, _ = lapack.dpstrf(K, lower=1, tol=1e-14)
    order = order - 1
    steps = min(rank, 30)  # further on, what is missed ties up to rounding
    np.testing.assert_array_equal(pivots[1:steps], order[1:steps])
    np.testing.assert_allclose(L[order, :steps], np.tril(factor)[:, :steps], atol=1e-8)


def test_cholesky_stops_at_the_share_of_the_trace(points):
    K = kernel(points, points)
    for rtol in (0.5, 0.1, 1e-3):
        pivots, L = pivoted_cholesky(*of(K), 60, rtol=rtol)
        assert np.trace(K - L @ L.T) <= rtol * np.trace(K)
        assert np.trace(K - L[:, :-1] @ L[:, :-1].T) > rtol * np.trace(K)
    pivots, L = pivoted_cholesky(*of(K), 60, rtol=0.0)
    np.testing.assert_allclose(L @ L.T, K, atol=1e-10)
    pivots, L = pivoted_cholesky(*of(points @ points.T), 60)
    assert len(pivots) == 4
    np.testing.assert_allclose(L @ L.T, points @ points.T, atol=1e-8)


def test_each_pivot_is_the_subject_missed_most(points):
    K = kernel(points, points)
    pivots, L = pivoted_cholesky(*of(K), 10)
    for step, pivot in enumerate(pivots):
        missed = np.diag(K - L[:, :step] @ L[:, :step].T)
        assert missed[pivot] == pytest.approx(missed.max(), rel=1e-10)


def test_cholesky_asks_for_the_columns_of_its_pivots_only(points):
    K, asked = kernel(points, points), []

    def columns(i):
        asked.append(i)
        return K[i]

    pivots, _ = pivoted_cholesky(columns, np.ones(60), 7)
    assert asked == pivots.tolist()


def test_cholesky_of_nothing_and_of_what_is_no_kernel(points):
    pivots, L = pivoted_cholesky(*of(np.zeros((5, 5))), 3)
    assert pivots.shape == (0,)
    assert L.shape == (5, 0)
    with pytest.raises(ValueError, match="not positive semidefinite"):
        pivoted_cholesky(*of(np.array([[1.0, 2.0], [2.0, 1.0]])), 2)
    with pytest.raises(ValueError, match="non-negative number per subject"):
        pivoted_cholesky(*of(-np.eye(3)), 2)
    with pytest.raises(ValueError, match=r"Column 0 of the kernel has shape \(2,\), wanted 3"):
        pivoted_cholesky(lambda i: np.ones(2), np.ones(3), 2)
    with pytest.raises(ValueError, match="at least 1"):
        pivoted_cholesky(*of(np.eye(3)), 0)


@pytest.mark.parametrize("method", ["uniform", "leverage", "k-means++"])
def test_landmarks_are_distinct_sorted_and_repeatable(points, method):
    landmarks = choose_landmarks(points, 12, method=method, kernel=kernel, random_state=3)
    assert len(landmarks) == 12
    assert (np.diff(landmarks) > 0).all()
    again = choose_landmarks(points, 12, method=method, kernel=kernel, random_state=3)
    np.testing.assert_array_equal(landmarks, again)
    other = choose_landmarks(points, 12, method=method, kernel=kernel, random_state=4)
    assert landmarks.tolist() != other.tolist()
    np.testing.assert_array_equal(choose_landmarks(points[:5], 12, method=method, kernel=kernel), np.arange(5))


@pytest.mark.parametrize("method", ["uniform", "leverage", "k-means++"])
def test_equal_subjects_are_landmarks_once(points, method):
    repeated = np.repeat(points[:6], 10, axis=0)
    landmarks = choose_landmarks(repeated, 20, method=method, kernel=kernel, random_state=0)
    assert len(np.unique(repeated[landmarks], axis=0)) == len(landmarks)
    if method != "k-means++":  # which may meet a subject twice by rounding, and then lacks another
        assert len(landmarks) == 6


def test_uniform_landmarks_give_each_subject_the_same_chance(points):
    counts = np.zeros(60)
    for seed in range(600):
        counts[choose_landmarks(points, 6, random_state=seed)] += 1
    assert counts.sum() == 3600
    assert 30 < counts.min() <= counts.max() < 95  # 60 ± 7.3


def test_leverage_scores_are_near_the_exact_ones():
    rng = np.random.default_rng(0)
    points = np.vstack([0.3 * rng.normal(size=(380, 2)), 4.0 * rng.normal(size=(20, 2))])
    K = kernel(points, points)
    values = np.linalg.eigvalsh(K)[::-1]
    ridge = values[30:].sum() / 30
    exact = np.diag(K @ np.linalg.inv(K + ridge * np.eye(400)))
    scores = _leverage_scores(points, 30, kernel, np.random.RandomState(0))
    assert np.corrcoef(np.argsort(np.argsort(exact)), np.argsort(np.argsort(scores)))[0, 1] > 0.9
    assert np.median(scores[380:]) > 5 * np.median(scores[:380])


def test_leverage_and_spread_do_not_miss_a_small_group():
    rng = np.random.default_rng(0)
    points = np.vstack([0.2 * rng.normal(size=(495, 2)), [8.0, 8.0] + 0.2 * rng.normal(size=(5, 2))])
    found = {
        method: np.mean(
            [
                (choose_landmarks(points, 10, method=method, kernel=kernel, random_state=seed) >= 495).any()
                for seed in range(40)
            ]
        )
        for method in ("uniform", "leverage", "k-means++")
    }
    assert found["uniform"] < 0.4  # 10 % by chance
    assert found["leverage"] > 0.6
    assert found["k-means++"] > 0.8


def test_landmarks_refuse_what_they_cannot_use(points):
    with pytest.raises(ValueError, match="needs `kernel`"):
        choose_landmarks(points, 5, method="leverage")
    with pytest.raises(ValueError, match="`method` must be"):
        choose_landmarks(points, 5, method="best")
    with pytest.raises(ValueError, match="finite numbers"):
        choose_landmarks(np.where(points > 2, np.nan, points), 5)
    with pytest.raises(ValueError, match="at least 1"):
        choose_landmarks(points, 0)
