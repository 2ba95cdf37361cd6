"""Functions of kernels with arrays of other libraries: the figures of NumPy, in the library that came in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import KernelCenterer

from skfuse.kernels import (
    ModalityKernel,
    alignment_weights,
    bayesian_weights,
    centered_alignment,
    choose_landmarks,
    easymkl_weights,
    normalize_kernel,
    pivoted_cholesky,
)


@pytest.fixture
def cohort():
    rng = np.random.default_rng(3)
    y = rng.choice([-1.0, 1.0], size=40)
    points = [rng.normal(size=(40, 4)) + shift * y[:, None] for shift in (0.8, 0.4, 0.0)]
    return points, [rbf_kernel(block, gamma=0.125) for block in points], y


@pytest.fixture(params=["array_api_strict", "torch"])
def xp(request):
    return pytest.importorskip(request.param)


@pytest.mark.parametrize("kind", ["align", "alignf"])
def test_alignment_takes_other_libraries(cohort, xp, kind):
    _, kernels, y = cohort
    theirs = [xp.asarray(K) for K in kernels]
    weights = alignment_weights(theirs, xp.asarray(y), kind=kind)
    assert isinstance(weights, type(theirs[0]))
    np.testing.assert_allclose(np.asarray(weights), alignment_weights(kernels, y, kind=kind), atol=1e-12)
    counted = np.arange(40) % 3
    np.testing.assert_allclose(
        np.asarray(alignment_weights(theirs, y, kind=kind, sample_weight=counted)),
        alignment_weights(kernels, y, kind=kind, sample_weight=counted),
        atol=1e-12,
    )
    expected = centered_alignment(*kernels[:2])
    assert centered_alignment(*theirs[:2]) == pytest.approx(expected, rel=1e-12)


def test_bad_kernels_of_other_libraries_are_named(cohort, xp):
    _, kernels, y = cohort
    with pytest.raises(ValueError, match="Kernel 1 is not symmetric"):
        alignment_weights([xp.asarray(kernels[0]), xp.asarray(kernels[1] + np.triu(np.ones((40, 40))))], y)
    with pytest.raises(ValueError, match=r"Kernel 1 has shape \(40, 39\), wanted \(40, 40\)"):
        centered_alignment(xp.asarray(kernels[0]), xp.asarray(kernels[1][:, :39]))
    with pytest.raises(ValueError, match="Kernel 0 contains NaN"):
        centered_alignment(xp.asarray(kernels[0] * np.nan), xp.asarray(kernels[1]))


def test_weights_found_on_the_processor_take_other_libraries(cohort, xp):
    _, kernels, y = cohort
    theirs = [xp.asarray(K) for K in kernels]
    np.testing.assert_array_equal(easymkl_weights(theirs, y), easymkl_weights(kernels, y))
    ours, found = (
        bayesian_weights(some, y, task="classification", uncertainty="variational") for some in (kernels, theirs)
    )
    np.testing.assert_array_equal(found.weights, ours.weights)


def test_factors_take_other_libraries(cohort, xp):
    points, kernels, _ = cohort
    theirs = xp.asarray(kernels[0])
    pivots, factor = pivoted_cholesky(lambda i: theirs[:, i], xp.asarray(np.diag(kernels[0]).copy()), 12)
    assert isinstance(factor, type(theirs))
    expected, L = pivoted_cholesky(lambda i: kernels[0][:, i], np.diag(kernels[0]), 12)
    np.testing.assert_array_equal(pivots, expected)
    np.testing.assert_allclose(np.asarray(factor), L, atol=1e-12)
    with pytest.raises(ValueError, match=r"Column \d+ of the kernel has shape \(7,\), wanted 40"):
        pivoted_cholesky(lambda i: theirs[:7, i], xp.asarray(np.diag(kernels[0]).copy()), 12)
    landmarks = choose_landmarks(xp.asarray(points[0]), 10, method="k-means++", random_state=0)
    np.testing.assert_array_equal(landmarks, choose_landmarks(points[0], 10, method="k-means++", random_state=0))


@pytest.mark.parametrize("library", ["numpy", "array_api_strict", "torch"])
def test_normalization_centers_as_scikit_learn_does(cohort, library):
    xp = pytest.importorskip(library)
    points, _, _ = cohort
    new = np.random.default_rng(4).normal(size=(7, 4))
    K, rows = rbf_kernel(points[0]), rbf_kernel(new, points[0])
    centerer = KernelCenterer().fit(K.copy())
    variance = np.trace(centerer.transform(K.copy())) / len(K)
    found = normalize_kernel(xp.asarray(rows), xp.asarray(K))
    assert isinstance(found, type(xp.asarray(rows)))
    np.testing.assert_allclose(np.asarray(found), centerer.transform(rows.copy()) / variance, atol=1e-12)
    training = np.asarray(normalize_kernel(xp.asarray(K)))
    np.testing.assert_allclose(training, centerer.transform(K.copy()) / variance, atol=1e-12)
    traced = np.asarray(normalize_kernel(xp.asarray(rows), 2.0 * xp.asarray(K), normalization="trace"))
    np.testing.assert_allclose(traced, rows / 2.0, atol=1e-12)
    np.testing.assert_array_equal(
        np.asarray(normalize_kernel(xp.asarray(rows), normalization=None, training=xp.asarray(K))), rows
    )


@pytest.mark.parametrize("normalization", ["variance", "trace", None])
def test_a_modality_kernel_normalizes_by_this_function(cohort, normalization):
    points, _, _ = cohort
    kernel = ModalityKernel("linear", standardize=False, normalization=normalization)
    training = kernel.fit_transform(points[0])
    K, rows = points[0] @ points[0].T, points[1] @ points[0].T
    np.testing.assert_allclose(training, normalize_kernel(K, normalization=normalization), atol=1e-10)
    np.testing.assert_allclose(
        kernel.transform(points[1]), normalize_kernel(rows, K, normalization=normalization), atol=1e-10
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 20), st.floats(-50, 50), st.floats(1e-3, 1e3))
def test_variance_is_one_whatever_unit_and_origin(seed, n, shift, unit):
    X = np.random.default_rng(seed).normal(size=(n, 3))
    K = normalize_kernel(X @ X.T)
    moved = shift + unit * X
    assert np.trace(K) / n == pytest.approx(1.0)
    np.testing.assert_allclose(normalize_kernel(moved @ moved.T), K, atol=1e-5 * (1 + (shift / unit) ** 2 * 1e-6))


def test_what_is_no_kernel_is_refused(cohort):
    _, kernels, _ = cohort
    given = kernels[0].copy()
    with pytest.raises(ValueError, match="do not fit: wanted the kernel of the training subjects, square"):
        normalize_kernel(kernels[0][:, :30], kernels[0])
    with pytest.raises(ValueError, match="NaN or infinity"):
        normalize_kernel(np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match="must be 'variance', 'trace' or None, got 'unit'"):
        normalize_kernel(given, normalization="unit")
    normalize_kernel(given)
    np.testing.assert_array_equal(given, kernels[0])  # a copy was made
    np.testing.assert_array_equal(normalize_kernel(np.full((4, 4), 3.0)), np.zeros((4, 4)))
