"""EasyMKL: a published example, a generic solver of the quadratic problem, class means, repeated subjects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import train_test_split

from skfuse.kernels import easymkl_weights

# MKLpy 0.6, EasyMKL(lam=.1) on the same kernels (examples/ex_training.py).
PUBLISHED = [0, 0.0136, 0.0277, 0.0431, 0.0603, 0.0797, 0.1015, 0.1258, 0.1527, 0.1820, 0.2137]


def make_kernels(n=24, n_kernels=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.where(rng.permutation(n) < max(n // 3, 1), 1.0, -1.0)
    blocks = [rng.normal(size=(n, 2)) + (1.0 - 0.5 * m) * y[:, None] for m in range(n_kernels)]
    return [rbf_kernel(block, gamma=0.3) for block in blocks], y


def solved_by_slsqp(kernels, y, lam, kernel_sum):
    """The quadratic problem, by a generic solver."""
    total = sum(kernels) / (len(kernels) if kernel_sum == "mean" else 1)
    Q = np.outer(y, y) * ((1 - lam) * total + lam * np.eye(len(y)))
    start = np.where(y > 0, 1 / (y > 0).sum(), 1 / (y < 0).sum())
    constraints = [
        {"type": "eq", "fun": lambda g, side=side: g[side].sum() - 1, "jac": lambda g, side=side: side.astype(float)}
        for side in (y > 0, y < 0)
    ]
    found = minimize(
        lambda g: g @ Q @ g,
        start,
        jac=lambda g: 2 * Q @ g,
        bounds=[(0, None)] * len(y),
        constraints=constraints,
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    assert found.success
    distances = np.array([(y * found.x) @ K @ (y * found.x) for K in kernels])
    return distances / distances.sum()


def test_published_weights_of_polynomial_kernels():
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.min(axis=0)) / (X.max(axis=0) - X.min(axis=0))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    train, _, y_train, _ = train_test_split(X, np.where(y == 1, 1.0, -1.0), random_state=42, test_size=0.25)
    kernels = [(train @ train.T) ** degree for degree in range(11)]
    weights = easymkl_weights(kernels, y_train, easymkl_lambda=0.1, kernel_sum="sum")
    np.testing.assert_allclose(weights, PUBLISHED, atol=5e-5)


@pytest.mark.parametrize("kernel_sum", ["mean", "sum"])
@pytest.mark.parametrize("lam", [0.0, 0.1, 0.7])
def test_weights_are_those_of_a_generic_solver(lam, kernel_sum):
    kernels, y = make_kernels()
    found = easymkl_weights(kernels, y, easymkl_lambda=lam, kernel_sum=kernel_sum, tol=1e-9)
    np.testing.assert_allclose(found, solved_by_slsqp(kernels, y, lam, kernel_sum), atol=2e-5)


def test_lambda_of_1_is_the_distance_of_the_class_means():
    kernels, y = make_kernels()
    v = np.where(y > 0, 1 / (y > 0).sum(), -1 / (y < 0).sum())
    distances = np.array([v @ K @ v for K in kernels])
    np.testing.assert_allclose(easymkl_weights(kernels, y, easymkl_lambda=1), distances / distances.sum(), rtol=1e-12)


@pytest.mark.parametrize("lam", [0.0, 0.1, 0.7, 1.0])
def test_a_subject_of_weight_2_is_two_equal_subjects(lam):
    kernels, y = make_kernels()
    count = np.random.default_rng(1).integers(1, 4, len(y))
    again = np.repeat(np.arange(len(y)), count)
    repeated = easymkl_weights([K[np.ix_(again, again)] for K in kernels], y[again], easymkl_lambda=lam, tol=1e-9)
    weighted = easymkl_weights(kernels, y, easymkl_lambda=lam, sample_weight=count, tol=1e-9)
    np.testing.assert_allclose(weighted, repeated, atol=1e-5)


@pytest.mark.parametrize("lam", [0.0, 0.1, 1.0])
def test_a_subject_of_weight_0_is_not_there(lam):
    kernels, y = make_kernels()
    weight = (np.arange(len(y)) % 4 > 0) * np.random.default_rng(1).uniform(0.5, 2, len(y))
    kept = np.flatnonzero(weight)
    left = [K[np.ix_(kept, kept)] for K in kernels]
    options = {"easymkl_lambda": lam, "tol": 1e-9}
    np.testing.assert_allclose(
        easymkl_weights(kernels, y, sample_weight=weight, **options),
        easymkl_weights(left, y[kept], sample_weight=weight[kept], **options),
        atol=1e-6,
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 30), n_kernels=st.integers(1, 5), lam=st.floats(0, 1))
def test_weights_are_shares_and_do_not_depend_on_the_order(seed, n, n_kernels, lam):
    kernels, y = make_kernels(n, n_kernels, seed)
    weights = easymkl_weights(kernels, y, easymkl_lambda=lam, tol=1e-9)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    rows = np.random.default_rng(seed).permutation(n)
    mixed = easymkl_weights([K[np.ix_(rows, rows)] for K in kernels[::-1]], -y[rows], easymkl_lambda=lam, tol=1e-9)
    np.testing.assert_allclose(mixed[::-1], weights, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), lam=st.floats(0.01, 0.9))
def test_the_average_means_the_same_for_any_number_of_kernels(seed, lam):
    kernels, y = make_kernels(seed=seed)
    once = easymkl_weights(kernels, y, easymkl_lambda=lam, tol=1e-9)
    thrice = easymkl_weights(kernels * 3, y, easymkl_lambda=lam, tol=1e-9)
    np.testing.assert_allclose(thrice.reshape(3, -1).sum(axis=0), once, atol=1e-4)


def test_informative_kernels_get_the_weight():
    kernels, y = make_kernels(80)
    assert easymkl_weights(kernels, y).argsort().tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [1, 1, 1, 1]}, "both of them"),
        ({"y": [0, 0, 1, 1]}, r"the values \[0.0, 1.0\]"),
        ({"y": [1, -1]}, r"each of 4 subjects; got shape \(2,\)"),
        ({"kernel_sum": "product"}, "'mean' or 'sum', got 'product'"),
        ({"easymkl_lambda": 1.5}, "between 0 and 1, got 1.5"),
        ({"kernels": [np.ones((4, 4))]}, "No kernel tells the classes apart"),
        ({"kernels": [np.full((4, 4), np.nan)]}, "NaN or infinity"),
        ({"kernels": []}, "is empty"),
        ({"sample_weight": [1, 2]}, r"`sample_weight` has shape \(2,\), wanted \(4,\)"),
        ({"sample_weight": [1, 1, 1, -1]}, "at least 0"),
        ({"sample_weight": [0, 0, 0, 0]}, "not all of them 0"),
        ({"sample_weight": [1, 1, 0, 0]}, "both of them"),
    ],
)
def test_unusable_input_is_refused(change, message):
    arguments = {"kernels": [np.eye(4)], "y": [1, 1, -1, -1]} | change
    with pytest.raises(ValueError, match=message):
        easymkl_weights(**arguments)


def test_classes_at_one_place_are_told_apart_by_no_kernel():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(30, 4))] * 2)
    y = np.repeat([-1.0, 1.0], 30)
    with pytest.raises(ValueError, match="No kernel tells the classes apart"):
        easymkl_weights([X @ X.T, X[:, :2] @ X[:, :2].T], y)
