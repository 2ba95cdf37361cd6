"""The kernel of one modality: what it learns from training subjects, its normalization, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import laplacian_kernel, linear_kernel, rbf_kernel
from sklearn.preprocessing import KernelCenterer, StandardScaler

from skfuse.kernels import ModalityKernel, kernel_matrix

OF_NUMBERS = ["linear", "polynomial", "rbf", "laplacian", "chi2", "correlation", "gower"]
NORMALIZATIONS = ["variance", "trace", None]


def block(n=30, p=4, seed=0):
    return np.random.default_rng(seed).gamma(2.0, 3.0, size=(n, p))


def mixed(n=12, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"age": rng.uniform(20, 60, n), "sex": rng.choice(["f", "m"], n), "iq": rng.normal(100, 15, n)})


@pytest.mark.parametrize("kernel", OF_NUMBERS)
def test_variance_normalization_is_centering_and_unit_variance(kernel):
    train, new = block(seed=1), block(9, seed=2)
    raw = ModalityKernel(kernel, normalization=None).fit(train)
    centerer = KernelCenterer()
    K = centerer.fit_transform(raw.transform(train))
    variance = np.trace(K) / len(K)
    model = ModalityKernel(kernel)
    found = model.fit_transform(train)
    np.testing.assert_allclose(found, K / variance, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-9)
    assert np.trace(found) == pytest.approx(len(train))
    assert model.scale_ == pytest.approx(variance)
    np.testing.assert_allclose(
        model.transform(new), centerer.transform(raw.transform(new)) / variance, rtol=1e-9, atol=1e-10
    )


@pytest.mark.parametrize("kernel", OF_NUMBERS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_fit_transform_is_fit_and_transform(kernel, normalization):
    train = block()
    model = ModalityKernel(kernel, normalization=normalization)
    K = model.fit_transform(train)
    np.testing.assert_allclose(model.transform(train), K, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(K, K.T, rtol=1e-12, atol=1e-13)
    if normalization == "trace":
        assert np.trace(K) == pytest.approx(len(train))


@pytest.mark.parametrize("kernel", OF_NUMBERS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 12), p=st.integers(1, 4), gaps=st.booleans())
def test_training_kernels_are_positive_semidefinite(kernel, normalization, seed, n, p, gaps):
    train = block(n, p, seed)
    if gaps:
        train[np.random.default_rng(seed).random(train.shape) < 0.3] = np.nan
    K = ModalityKernel(kernel, normalization=normalization).fit_transform(train)
    assert np.isfinite(K).all()
    assert np.linalg.eigvalsh(K)[0] >= -1e-8 * max(np.trace(K), 1.0)


@pytest.mark.parametrize("kernel", OF_NUMBERS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_rows_of_new_subjects_do_not_depend_on_each_other(kernel, normalization):
    model = ModalityKernel(kernel, normalization=normalization).fit(block())
    new = block(6, seed=3)
    new[1, 2] = np.nan
    together = model.transform(new)
    np.testing.assert_allclose(together[[4, 1]], model.transform(new[[4, 1]]), rtol=1e-12, atol=1e-12)
    extreme = np.vstack([new, np.full((1, 4), 1e6)])
    np.testing.assert_allclose(model.transform(extreme)[:6], together, rtol=1e-9, atol=1e-9)


def test_features_are_standardized_by_the_training_subjects():
    train, new = block(), block(5, seed=4)
    train[:, 3] = 7.0  # constant: counts for nothing
    scaler = StandardScaler().fit(train)
    model = ModalityKernel("linear", normalization=None).fit(train)
    expected = linear_kernel(scaler.transform(new)[:, :3], scaler.transform(train)[:, :3])
    np.testing.assert_allclose(model.transform(new), expected, rtol=1e-10)
    plain = ModalityKernel("linear", standardize=False, normalization=None).fit(train)
    np.testing.assert_allclose(plain.transform(new), linear_kernel(new, train), rtol=1e-12)


def test_the_width_is_the_median_distance():
    Z = StandardScaler().fit_transform(block())
    rbf = ModalityKernel("rbf", normalization=None, factor=2.0).fit(block())
    assert rbf.width_ == pytest.approx(2 * np.median(pdist(Z)))
    np.testing.assert_allclose(rbf.transform(block()), rbf_kernel(Z, gamma=1 / (2 * rbf.width_**2)), rtol=1e-10)
    laplacian = ModalityKernel("laplacian", normalization=None).fit(block())
    assert laplacian.width_ == pytest.approx(np.median(pdist(Z, "cityblock")))
    np.testing.assert_allclose(
        laplacian.transform(block()), laplacian_kernel(Z, gamma=1 / laplacian.width_), rtol=1e-10
    )
    assert ModalityKernel("rbf", width=3.0, factor=0.5).fit(block()).width_ == 1.5


def test_the_median_width_where_most_subjects_are_equal():
    train = np.zeros((20, 1))
    train[0] = 5.0
    width = ModalityKernel("rbf", standardize=False).fit(train).width_
    assert width == pytest.approx(np.sqrt(np.mean(pdist(train) ** 2)))
    assert ModalityKernel("rbf").fit(np.zeros((4, 2))).width_ == 1.0


def test_the_median_width_of_many_subjects_is_that_of_a_sample():
    train = np.random.default_rng(0).normal(size=(1500, 2))
    width = ModalityKernel("rbf").fit(train).width_
    assert width == ModalityKernel("rbf").fit(train).width_
    assert width == pytest.approx(np.median(pdist(StandardScaler().fit_transform(train))), rel=0.05)


@pytest.mark.parametrize("kernel", ["linear", "rbf", "correlation", "chi2"])
def test_missing_cells_are_at_the_mean_of_the_training_subjects(kernel):
    train = block()
    train[[2, 5], [1, 0]] = np.nan
    filled = np.where(np.isnan(train), np.nanmean(train, axis=0), train)
    new = block(3, seed=5)
    new[1, 2] = np.nan
    filled_new = np.where(np.isnan(new), np.nanmean(train, axis=0), new)
    options = {"width": 2.0, "standardize": False, "normalization": None}
    model = ModalityKernel(kernel, **options).fit(train)
    expected = kernel_matrix(filled_new, filled, kernel=kernel, width=2.0)
    np.testing.assert_allclose(model.transform(new), expected, rtol=1e-10)


@pytest.mark.parametrize("kernel", OF_NUMBERS)
@pytest.mark.parametrize("standardize", [True, False])
def test_a_feature_that_no_training_subject_has_counts_for_nothing(kernel, standardize):
    train, new = block(), block(3, seed=5)
    train[:, 1] = np.nan
    model = ModalityKernel(kernel, standardize=standardize).fit(train)
    expected = model.transform(np.where(np.arange(4) == 1, np.nan, new))
    np.testing.assert_allclose(model.transform(new), expected, rtol=1e-12)


def test_gower_of_numbers_and_categories():
    train = mixed()
    new = pd.DataFrame({"age": [30.0, 99.0, np.nan], "sex": ["f", "x", None], "iq": [100.0, 110.0, 90.0]})
    model = ModalityKernel("gower", normalization=None).fit(train)
    low, high = train[["age", "iq"]].min(), train[["age", "iq"]].max()
    middle = {"age": train["age"].mean(), "sex": train["sex"].mode()[0]}
    K = model.transform(new)
    for i, one in new.fillna(middle).iterrows():
        for j, other in train.iterrows():
            apart = float(one["sex"] != other["sex"])
            for name in ("age", "iq"):
                inside = np.clip(one[name], low[name], high[name])
                apart += abs(inside - other[name]) / (high[name] - low[name])
            assert K[i, j] == pytest.approx(1 - apart / 3)


def test_kernels_of_one_block_share_what_they_measure():
    train, shared = block(), {}
    specifications = [
        ("rbf", {"factor": 0.5}),
        ("rbf", {"factor": 2.0}),
        ("linear", {}),
        ("polynomial", {"degree": 3}),
        ("linear", {"standardize": False}),
        ("correlation", {}),
        ("laplacian", {}),
        ("chi2", {}),
    ]
    for kernel, options in specifications:
        found = ModalityKernel(kernel, **options).fit_transform(train, shared=shared)
        np.testing.assert_array_equal(found, ModalityKernel(kernel, **options).fit_transform(train))
    fitted = [ModalityKernel(kernel, **options).fit(train) for kernel, options in specifications]
    shared = {}
    for model in fitted:
        np.testing.assert_array_equal(model.transform(train[:7], shared=shared), model.transform(train[:7]))


def test_kernels_with_other_points_of_one_number_share_nothing():
    one, other, shared = ModalityKernel().fit(block(seed=1)), ModalityKernel(factor=2.0).fit(block(seed=1)), {}
    other.points_ = other.points_[::-1].copy()  # as landmarks that were chosen for each kernel
    one.transform(block(seed=2), shared=shared)
    np.testing.assert_array_equal(other.transform(block(seed=2), shared=shared), other.transform(block(seed=2)))


def test_a_precomputed_kernel_is_normalized_as_any_other():
    Z = StandardScaler().fit_transform(block())
    K, rows = linear_kernel(Z), linear_kernel(block(4, seed=6), Z)
    before = K.copy()
    model = ModalityKernel("precomputed")
    twin = ModalityKernel("linear", standardize=False).fit(Z)
    np.testing.assert_allclose(model.fit_transform(K), twin.transform(Z), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.transform(rows), twin.transform(block(4, seed=6)), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(K, before)


@pytest.mark.parametrize(
    ("K", "message"),
    [
        (np.ones((3, 4)), "a column for each of the 3 training subjects"),
        (np.array([[1.0, 0.5], [0.2, 1.0]]), "not symmetric: entries differ .* by up to 0.3"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "indefinite: its least eigenvalue is -1"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "NaN or infinity"),
    ],
)
def test_precomputed_values_that_are_no_kernel_are_refused(K, message):
    with pytest.raises(ValueError, match=message):
        ModalityKernel("precomputed").fit(K)


def test_precomputed_rows_with_holes_are_refused():
    model = ModalityKernel("precomputed").fit(np.eye(3))
    with pytest.raises(ValueError, match="NaN or infinity"):
        model.transform(np.array([[1.0, np.nan, 0.0]]))


@pytest.mark.parametrize("kernel", [*OF_NUMBERS, "precomputed"])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_blocks_of_other_features_are_refused(kernel, normalization):
    model = ModalityKernel(kernel, normalization=normalization).fit(np.eye(4))
    with pytest.raises(ValueError, match=r"shape \(4, 3\) does not fit a kernel that was fitted to 4 features"):
        model.transform(np.eye(4)[:, :3])


@pytest.mark.parametrize("kernel", [*OF_NUMBERS, "precomputed"])
def test_a_block_that_does_not_vary_is_noted(kernel):
    train = np.full((5, 5), 0.1)
    for normalization in NORMALIZATIONS:
        model = ModalityKernel(kernel, normalization=normalization)
        assert np.isfinite(model.fit_transform(train)).all()
        assert not model.varies_
    assert ModalityKernel(kernel).fit(np.eye(5)).varies_


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="not negative"):
        ModalityKernel("chi2").fit(-block())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "cosine"}, "There is no kernel 'cosine'"),
        ({"normalization": "max"}, "got 'max'"),
        ({"width": 0.0}, "`width` .* or 'median', got 0"),
        ({"width": "mean"}, "`width` .* got 'mean'"),
        ({"factor": -1.0}, r"`factor` of a kernel must be a positive number \(1e-100 to 1e100\), got -1"),
        ({"factor": np.inf}, "`factor`"),
        ({"degree": 1.5}, "whole number of at least 1, got 1.5"),
        ({"coef0": -1.0}, "must not be negative"),
    ],
)
def test_unusable_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ModalityKernel(**options).fit(block())


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (ModalityKernel(), "rbf"),
        (ModalityKernel(factor=0.5), "rbf(×0.5)"),
        (ModalityKernel(width=2.0), "rbf(2)"),
        (ModalityKernel("polynomial", degree=3), "polynomial(3)"),
        (ModalityKernel("linear"), "linear"),
    ],
)
def test_labels(model, label):
    assert model.label == label


def test_read_only_counts_and_kernels_in_single_precision_are_taken():
    rng = np.random.default_rng(0)
    counts = rng.poisson(2.0, size=(30, 4)).astype(float)
    expected = ModalityKernel("chi2").fit_transform(counts)
    counts.flags.writeable = False
    np.testing.assert_array_equal(ModalityKernel("chi2").fit_transform(counts), expected)
    X = rng.normal(size=(300, 10)).astype(np.float32)
    assert np.linalg.eigvalsh((X @ X.T).astype(float))[0] < 0  # by rounding
    ModalityKernel("precomputed").fit(X @ X.T)
