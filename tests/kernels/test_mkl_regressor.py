"""MKLRegressor: SVR and kernel ridge, units of the target, recovery, and rules of weights."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVR

from skfuse.datasets import make_cohort
from skfuse.kernels import MKLRegressor, ModalityKernel

RAW = {"standardize": False, "normalization": None}


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(120, task="regression", random_state=0)


def standardized(y):
    y = np.asarray(y)
    return (y - y.mean()) / y.std()


def test_one_kernel_is_support_vector_regression_of_the_standardized_target(cohort):
    X = cohort.X.filter(like="mri__")
    model = MKLRegressor(kernels=ModalityKernel("rbf", width=2.0, **RAW), epsilon=0.2, tol=1e-9).fit(X, cohort.y)
    svr = SVR(gamma=1 / 8, epsilon=0.2, tol=1e-8).fit(X.to_numpy(), standardized(cohort.y))
    expected = cohort.y.mean() + np.std(np.asarray(cohort.y)) * svr.predict(X.to_numpy())
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-4 * np.std(np.asarray(cohort.y)))


def test_squared_loss_is_kernel_ridge_of_the_average_kernel(cohort):
    names = ("mri", "pet", "clinical")
    model = MKLRegressor(kernels="linear", loss="squared", weighting="average", C=0.5, tol=1e-8)
    model.fit(cohort.X, cohort.y)
    K = sum(ModalityKernel("linear").fit_transform(cohort.X.filter(like=f"{name}__").to_numpy()) for name in names) / 3
    y = standardized(cohort.y)  # centered kernels and target need no intercept
    ridge = KernelRidge(alpha=2.0, kernel="precomputed").fit(K, y)
    expected = cohort.y.mean() + np.std(np.asarray(cohort.y)) * ridge.predict(K)
    np.testing.assert_allclose(model.predict(cohort.X), expected, rtol=1e-7)


@pytest.mark.parametrize("loss", ["epsilon-insensitive", "squared"])
@pytest.mark.parametrize("approximation", [None, "nystroem"])
def test_units_of_the_target_change_nothing_but_the_unit(cohort, loss, approximation):
    options = {"loss": loss, "approximation": approximation, "random_state": 0}
    model = MKLRegressor(**options).fit(cohort.X, cohort.y)
    other = MKLRegressor(**options).fit(cohort.X, 1e6 * np.asarray(cohort.y) + 5e7)
    np.testing.assert_allclose(other.predict(cohort.X), 1e6 * model.predict(cohort.X) + 5e7, rtol=1e-6)
    parts = sum(other.decision_by_modality(cohort.X).values()) + other.intercept_[0]
    np.testing.assert_allclose(parts, other.predict(cohort.X), rtol=1e-9)


def test_coefficients_are_in_the_units_of_features_and_target(cohort):
    model = MKLRegressor(kernels="linear").fit(cohort.X, cohort.y)
    rest = model.predict(cohort.X) - cohort.X.to_numpy() @ model.coef_[0]
    np.testing.assert_allclose(rest, rest[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("weighting", ["lp", "align", "alignf", "bayesian"])
def test_a_modality_of_noise_weighs_less_than_the_others(weighting):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=150)
    X = np.hstack([signal[:, None] + rng.normal(size=(150, 4)), rng.normal(size=(150, 4))])
    blocks = {"told": slice(0, 4), "noise": slice(4, 8)}
    model = MKLRegressor(blocks, weighting=weighting, C=0.1).fit(X, signal + 0.3 * rng.normal(size=150))
    assert model.modality_weights_["told"] > 0.6
    assert model.modality_contribution_["told"]["variance"] > 0.7
    if weighting == "bayesian":
        assert all(deviation > 0 for deviation in model.kernel_weights_sd_.values())


def test_predicts_new_subjects_who_lack_modalities():
    cohort = make_cohort(400, task="regression", missing=0.3, random_state=2)
    model = MKLRegressor(kernels=["linear", "rbf"], C=0.1)
    assert cross_val_score(model, cohort.X, cohort.y).mean() > 0.2


def test_a_constant_target_is_predicted():
    X = np.random.default_rng(0).normal(size=(20, 4))
    for loss in ("epsilon-insensitive", "squared"):
        model = MKLRegressor({"a": [0, 1], "b": [2, 3]}, loss=loss).fit(X, np.full(20, 7.0))
        np.testing.assert_allclose(model.predict(X), 7.0, atol=1e-6)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_extreme_units_of_the_target_are_predicted(cohort, unit):
    y = np.asarray(cohort.X.iloc[:, 0])
    plain = MKLRegressor(kernels="linear").fit(cohort.X, y).predict(cohort.X)
    np.testing.assert_allclose(MKLRegressor(kernels="linear").fit(cohort.X, y * unit).predict(cohort.X) / unit, plain)
