"""Kernels between points: scikit-learn's, transcriptions of the formulas, other array libraries, and laws."""

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import pairwise

from skfuse.kernels import kernel_matrix

BACKENDS = [np, array_api_strict]
try:
    import torch

    BACKENDS.append(torch)
except ImportError:
    pass

KERNELS = ["linear", "polynomial", "rbf", "laplacian", "chi2", "correlation"]
COUNTS = hnp.arrays(float, st.tuples(st.integers(2, 8), st.integers(1, 4)), elements=st.floats(0, 5, width=16))


def points(seed=0, n=12, p=4):
    return np.random.default_rng(seed).gamma(1.0, size=(n, p))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"kernel": "linear"}, lambda A, B: pairwise.linear_kernel(A, B)),
        (
            {"kernel": "polynomial", "degree": 3, "coef0": 0.5},
            lambda A, B: pairwise.polynomial_kernel(A, B, degree=3, gamma=1 / A.shape[1], coef0=0.5),
        ),
        ({"kernel": "rbf", "width": 0.7}, lambda A, B: pairwise.rbf_kernel(A, B, gamma=1 / (2 * 0.7**2))),
        ({"kernel": "laplacian", "width": 0.7}, lambda A, B: pairwise.laplacian_kernel(A, B, gamma=1 / 0.7)),
        ({"kernel": "chi2", "width": 0.7}, lambda A, B: pairwise.chi2_kernel(A, B, gamma=1 / 0.7)),
        ({"kernel": "correlation"}, lambda A, B: np.corrcoef(A, B)[: len(A), len(A) :]),
    ],
)
def test_kernels_are_those_of_scikit_learn(settings, expected):
    A, B = points(0), points(1, n=7)
    A[2] = B[3]  # equal points
    A[4, 1] = B[2, 1] = 0.0  # an empty bin in both histograms
    np.testing.assert_allclose(kernel_matrix(A, B, **settings), expected(A, B), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(kernel_matrix(A, **settings), expected(A, A), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("xp", BACKENDS, ids=lambda xp: xp.__name__)
def test_other_array_libraries_give_the_same(xp, kernel):
    A, B = points(2), points(3, n=5)
    A[0] = 1.0  # a constant profile
    found = kernel_matrix(xp.asarray(A), xp.asarray(B), kernel=kernel, width=1.3)
    assert isinstance(found, type(xp.asarray(0.0))) or xp is np
    np.testing.assert_allclose(np.from_dlpack(found), kernel_matrix(A, B, kernel=kernel, width=1.3), rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=30, deadline=None)
@given(A=COUNTS, width=st.floats(0.05, 20), degree=st.integers(1, 3), coef0=st.floats(0, 3))
def test_kernels_are_symmetric_and_positive_semidefinite(kernel, A, width, degree, coef0):
    K = kernel_matrix(A, kernel=kernel, width=width, degree=degree, coef0=coef0)
    np.testing.assert_allclose(K, K.T, rtol=1e-12, atol=1e-12)
    assert np.linalg.eigvalsh(K)[0] >= -1e-9 * max(np.trace(K), 1.0)


@settings(max_examples=30, deadline=None)
@given(A=COUNTS, factor=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_units_cancel(A, factor, shift):
    rbf = kernel_matrix(A, width=1.5)
    np.testing.assert_allclose(kernel_matrix(factor * A + shift, width=1.5 * factor), rbf, atol=1e-6)
    chi2 = kernel_matrix(A, kernel="chi2", width=1.5)
    np.testing.assert_allclose(kernel_matrix(factor * A, kernel="chi2", width=1.5 * factor), chi2, atol=1e-9)


def test_constant_profiles_correlate_with_nothing():
    A = np.array([[3.3, 3.3, 3.3], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    np.testing.assert_allclose(
        kernel_matrix(A, kernel="correlation"), [[0, 0, 0], [0, 1, -1], [0, -1, 1]], rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(
    ("A", "B", "kernel", "message"),
    [
        (np.zeros((2, 2)), None, "cosine", "There is no kernel 'cosine' of points"),
        (np.zeros((2, 2)), np.zeros((2, 3)), "rbf", r"\(2, 2\) and \(2, 3\) do not fit"),
        (np.zeros(2), None, "rbf", r"shapes \(2,\) and \(2,\)"),
        (-np.ones((2, 2)), None, "chi2", "not negative"),
        (np.ones((2, 2)), -np.ones((1, 2)), "chi2", "not negative"),
    ],
)
def test_unusable_input_is_refused(A, B, kernel, message):
    with pytest.raises(ValueError, match=message):
        kernel_matrix(A, B, kernel=kernel)
