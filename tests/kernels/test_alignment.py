"""Alignment of kernels: the formula with centered copies, the conditions of the minimum, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import KernelCenterer

from skfuse.kernels import alignment_weights, centered_alignment
from skfuse.kernels._alignment import centered_products


@pytest.fixture
def cohort():
    """Kernels of four modalities, of which the first two tell the classes apart, and the classes."""
    rng = np.random.default_rng(0)
    y = rng.choice([-1.0, 1.0], size=80)
    blocks = [rng.normal(size=(80, p)) + shift * y[:, None] for p, shift in ((5, 0.6), (8, 0.4), (6, 0.0), (3, 0.0))]
    return [rbf_kernel(block, gamma=0.5 / block.shape[1]) for block in blocks], y


def centered(K):
    return KernelCenterer().fit_transform(K.copy())


def test_products_are_those_of_centered_copies(cohort, monkeypatch):
    kernels, _ = cohort
    copies = [centered(K) for K in kernels]
    expected = [[np.sum(K * L) for L in copies] for K in copies]
    for rows in (10**6, 700):  # in one piece, and a few rows at a time
        monkeypatch.setattr("skfuse.kernels._alignment._CACHED", rows)
        np.testing.assert_allclose(centered_products(kernels), expected, rtol=1e-10)
    cosine = expected[0][1] / np.sqrt(expected[0][0] * expected[1][1])
    assert centered_alignment(kernels[0], kernels[1]) == pytest.approx(cosine, rel=1e-10)


def test_products_of_single_precision_kernels_with_a_large_mean(cohort):
    kernels, _ = cohort
    shifted = [K + 100.0 for K in kernels]
    found = centered_products([K.astype(np.float32) for K in shifted])
    np.testing.assert_allclose(found, centered_products(kernels), rtol=1e-3)


def test_a_constant_kernel_is_aligned_with_nothing(cohort):
    kernels, y = cohort
    assert centered_alignment(kernels[0], np.full((80, 80), 1 / 3)) == 0.0
    weights = alignment_weights([np.full((80, 80), 7.0), *kernels], y)
    assert weights[0] == 0.0
    np.testing.assert_allclose(weights[1:], alignment_weights(kernels, y), atol=1e-12)


@pytest.mark.parametrize("kind", ["align", "alignf"])
def test_kernels_that_tell_the_classes_apart_get_the_weight(cohort, kind):
    kernels, y = cohort
    weights = alignment_weights(kernels, y, kind=kind)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert weights[:2].sum() > 0.7


def test_alignf_is_the_minimum(cohort):
    kernels, y = cohort
    M = centered_products(kernels)
    T = (y - y.mean())[:, None]
    a = np.array([np.sum(T * (K @ T)) for K in kernels])
    weights = alignment_weights(kernels, y)
    v = weights * (a @ weights) / (weights @ M @ weights)  # the minimum along the ray that is given
    slope = (M @ v - a) / np.abs(a).max()
    assert np.abs(slope[weights > 0]).max() <= 1e-8
    assert slope.min() >= -1e-8
    found = minimize(
        lambda v: v @ M @ v - 2 * v @ a, np.full(4, 0.1), jac=lambda v: 2 * (M @ v - a), bounds=[(0, None)] * 4
    )
    np.testing.assert_allclose(found.x / found.x.sum(), weights, atol=1e-4)


def test_more_alignment_than_any_single_kernel_and_the_average(cohort):
    kernels, y = cohort
    together = sum(w * K for w, K in zip(alignment_weights(kernels, y), kernels, strict=True))
    others = [*kernels, sum(kernels)]
    assert centered_alignment(together, np.outer(y, y)) >= max(centered_alignment(K, np.outer(y, y)) for K in others)


def test_duplicates_share_their_weight_and_units_cancel(cohort):
    kernels, y = cohort
    alone = alignment_weights(kernels, y)
    twice = alignment_weights([kernels[0], *kernels], y)
    np.testing.assert_allclose(twice[0] + twice[1], alone[0], atol=1e-8)
    factors = np.array([1e-6, 1.0, 1e3, 5.0])
    scaled = alignment_weights([f * K for f, K in zip(factors, kernels, strict=True)], y) * factors
    np.testing.assert_allclose(scaled / scaled.sum(), alone, atol=1e-8)


def test_classes_as_indicators_are_two_classes_as_numbers(cohort):
    kernels, y = cohort
    np.testing.assert_allclose(
        alignment_weights(kernels, np.column_stack([y > 0, y < 0])), alignment_weights(kernels, y), atol=1e-10
    )


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(int, (6, 3), elements=st.integers(-30, 30)), hnp.arrays(int, (6, 2), elements=st.integers(-30, 30)))
def test_alignment_is_a_cosine(A, B):
    K, L = A @ A.T / 100.0, B @ B.T / 100.0  # nothing so small that it would vanish beside 3
    rho = centered_alignment(K, L)
    assert rho >= -1e-9
    assert rho <= 1.0
    assert rho == pytest.approx(centered_alignment(2.0 * L + 3.0, K), abs=1e-6)


@pytest.mark.parametrize(
    ("kernels", "target", "message"),
    [
        ([], [0, 1], "is empty"),
        ([np.eye(2), np.eye(3)], [0, 1], r"Kernel 1 has shape \(3, 3\)"),
        ([np.array([[1.0, 2.0], [0.0, 1.0]])], [0, 1], "not symmetric"),
        ([np.full((2, 2), np.nan)], [0, 1], "NaN or infinity"),
        ([np.eye(2)], [0, 1, 2], "each of 2 subjects"),
        ([np.eye(2)], [1, 1], "does not vary"),
        ([np.ones((2, 2))], [0, 1], "No kernel is aligned"),
    ],
)
def test_unusable_input_is_refused(kernels, target, message):
    with pytest.raises(ValueError, match=message):
        alignment_weights(kernels, target)


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="'align' or 'alignf'"):
        alignment_weights([np.eye(2)], [0, 1], kind="best")


@pytest.mark.parametrize("kind", ["align", "alignf"])
def test_a_subject_of_weight_2_is_two_equal_subjects(cohort, kind):
    kernels, y = cohort
    count = np.random.default_rng(1).integers(1, 4, 80)
    again = np.repeat(np.arange(80), count)
    repeated = alignment_weights([K[np.ix_(again, again)] for K in kernels], y[again], kind=kind)
    for factor in (1.0, 0.01):
        weighted = alignment_weights(kernels, y, kind=kind, sample_weight=factor * count)
        np.testing.assert_allclose(weighted, repeated, atol=1e-9)
    equal = alignment_weights(kernels, y, kind=kind, sample_weight=np.full(80, 3.0))
    np.testing.assert_allclose(equal, alignment_weights(kernels, y, kind=kind), atol=1e-9)


@pytest.mark.parametrize("kind", ["align", "alignf"])
def test_a_subject_of_weight_0_is_not_there(cohort, kind):
    kernels, y = cohort
    weight = (np.arange(80) % 5 > 0).astype(float)
    kept = np.flatnonzero(weight)
    left = alignment_weights([K[np.ix_(kept, kept)] for K in kernels], y[kept], kind=kind)
    np.testing.assert_allclose(alignment_weights(kernels, y, kind=kind, sample_weight=weight), left, atol=1e-9)


def test_weighted_alignf_is_the_minimum(cohort):
    kernels, y = cohort
    w = np.random.default_rng(2).uniform(0.1, 3.0, 80)
    H = np.eye(80) - np.ones((80, 1)) * (w / w.sum())  # takes off the weighted mean
    root = np.sqrt(w)
    copies = [root[:, None] * (H @ K @ H.T) * root for K in kernels]
    M = np.array([[np.sum(K * L) for L in copies] for K in copies])
    a = np.array([(root * y) @ K @ (root * y) for K in copies])
    weights = alignment_weights(kernels, y, sample_weight=w)
    v = weights * (a @ weights) / (weights @ M @ weights)
    slope = (M @ v - a) / np.abs(a).max()
    assert np.abs(slope[weights > 0]).max() <= 1e-8
    assert slope.min() >= -1e-8


@pytest.mark.parametrize("weight", [np.ones(3), np.array([1.0, -1.0]), np.array([1.0, np.nan]), np.zeros(2)])
def test_unusable_sample_weights_are_refused(weight):
    with pytest.raises(ValueError, match="sample_weight"):
        alignment_weights([np.eye(2)], [0, 1], sample_weight=weight)
