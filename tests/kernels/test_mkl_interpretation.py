"""Coefficients of linear kernels and sensitivities of the others, against explicit features and analytic gradients."""

import numpy as np
import pandas as pd
import pytest

from skfuse.kernels import MKLClassifier, ModalityKernel

BLOCKS = {"mri": slice(0, 3), "pet": [3, 5], "noise": [6, 4, 7]}
SCALES = np.array([1.0, 10.0, 0.1, 1.0, 5.0, 1.0, 100.0, 1.0])


def make_data(n=70, seed=0, n_classes=2):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, 8))
    score = Z[:, 0] - Z[:, 1] + Z[:, 3] + 0.3 * rng.normal(size=n)
    return Z * SCALES + 3, np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("normalization", ["variance", "trace", None])
def test_coefficients_give_the_decision_up_to_a_constant(n_classes, standardize, normalization):
    X, y = make_data(n_classes=n_classes)
    linear = ModalityKernel("linear", standardize=standardize, normalization=normalization)
    ours = MKLClassifier(BLOCKS, kernels=[linear, "linear"], C=0.1).fit(X, y)
    new = make_data(20, seed=1)[0]
    assert ours.coef_.shape == (1 if n_classes == 2 else 3, 8)
    decision = ours.decision_function(new).reshape(20, -1)
    rest = decision - new @ ours.coef_.T
    np.testing.assert_allclose(rest, np.broadcast_to(rest[:1], rest.shape), rtol=1e-7, atol=1e-7 * decision.std())


def test_coefficients_are_zero_outside_the_modalities_in_use():
    X, y = make_data()
    ours = MKLClassifier(BLOCKS, kernels={"mri": "linear", "pet": "linear", "noise": "drop"}).fit(X, y)
    np.testing.assert_array_equal(ours.coef_[0, [6, 4, 7]], 0.0)
    assert (ours.coef_[0, [0, 1, 2, 3, 5]] != 0).all()


def test_there_are_no_coefficients_of_other_kernels():
    X, y = make_data()
    ours = MKLClassifier(BLOCKS, kernels={"mri": ["linear", "rbf"], "pet": "linear", "noise": "linear"}).fit(X, y)
    assert not hasattr(ours, "coef_")
    with pytest.raises(AttributeError, match=r"\['rbf'\] are not. Use feature_sensitivity"):
        ours.coef_  # noqa: B018 (reading it is what raises)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_sensitivity_of_linear_kernels_is_the_coefficient_per_standard_deviation(n_classes):
    X, y = make_data(n_classes=n_classes)
    ours = MKLClassifier(BLOCKS, kernels="linear").fit(X, y)
    new = make_data(30, seed=2)[0]
    expected = (new.std(axis=0) * np.abs(ours.coef_)).T
    found = ours.feature_sensitivity(new)
    np.testing.assert_allclose(found, expected[:, 0] if n_classes == 2 else expected, rtol=1e-7, atol=1e-9)


def test_sensitivity_of_an_rbf_kernel_is_its_analytic_gradient():
    X, y = make_data()
    model = ModalityKernel("rbf", width=1.5)
    ours = MKLClassifier(BLOCKS, kernels=model, tol=1e-6).fit(X, y)
    new = make_data(30, seed=2)[0]
    expected = np.empty(8)
    for term, columns in zip(ours._terms, BLOCKS.values(), strict=True):
        mean, deviation = X[:, columns].mean(axis=0), X[:, columns].std(axis=0)
        A, B = (new[:, columns] - mean) / deviation, (X[:, columns] - mean) / deviation
        apart = A[:, None] - B[None]
        K = np.exp(-(apart**2).sum(axis=2) / (2 * 1.5**2))
        gradient = np.einsum("ij,ijf,j->if", K, -apart / 1.5**2, term.coefficients[:, 0]) / deviation
        expected[columns] = new[:, columns].std(axis=0) * np.sqrt((gradient**2).mean(axis=0))
    np.testing.assert_allclose(ours.feature_sensitivity(new), expected, rtol=1e-5)


def test_informative_features_are_the_most_sensitive():
    X, y = make_data(300)
    sensitivity = MKLClassifier(BLOCKS, C=0.1).fit(X, y).feature_sensitivity(X)
    assert set(np.argsort(sensitivity)[-3:]) == {0, 1, 3}


def test_sensitivity_does_not_see_who_lacks_the_modality():
    X, y = make_data()
    ours = MKLClassifier(BLOCKS).fit(X, y)
    lacks = X.copy()
    lacks[:20, :3] = np.nan
    found = ours.feature_sensitivity(lacks)
    np.testing.assert_allclose(found[:3], ours.feature_sensitivity(X[20:])[:3], rtol=1e-10)
    np.testing.assert_allclose(found[3:], ours.feature_sensitivity(X)[3:], rtol=1e-10)


def test_sensitivity_of_features_that_cannot_be_looked_at_is_missing():
    X, y = make_data()
    X[:, 5] = 2.0
    ours = MKLClassifier(BLOCKS, kernels={"mri": "gower", "noise": "drop"}).fit(X, y)
    found = ours.feature_sensitivity(X)
    np.testing.assert_array_equal(np.isnan(found), [False, False, False, False, True, True, True, True])
    table = pd.DataFrame(X[:, :4], columns=["mri__a", "mri__b", "pet__a", "pet__b"])
    table["mri__b"] = np.where(X[:, 1] > 0, "high", "low")  # a category has no slope, nor has its kernel
    mixed = MKLClassifier(kernels={"mri": "gower"}).fit(table, y).feature_sensitivity(table)
    np.testing.assert_array_equal(np.isnan(mixed), [True, True, False, False])


def test_sensitivity_of_counts_with_zeros():
    rng = np.random.default_rng(0)
    counts = rng.poisson(2.0, size=(60, 3)).astype(float)
    y = (counts[:, 0] > 2).astype(int)
    assert (counts == 0).any()
    ours = MKLClassifier({"counts": slice(0, 3)}, kernels="chi2").fit(counts, y)
    found = ours.feature_sensitivity(counts)
    assert np.isfinite(found).all()
    assert found.argmax() == 0
