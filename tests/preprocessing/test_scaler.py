"""Blocks of equal weight."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

from skfuse.preprocessing import ModalityScaler

NAN = np.nan


def blocks(out):
    return {name: out.filter(like=f"{name}__").dropna(how="all").to_numpy() for name in ("mri", "pet", "eeg")}


@pytest.mark.parametrize("total", [1.0, 7.0])
def test_every_block_has_the_same_total_variance(X, total):
    for values in blocks(ModalityScaler(total_variance=total).fit_transform(X)).values():
        assert_allclose(np.nansum(np.nanvar(values, axis=0)), total)
        assert_allclose(np.nanmean(values, axis=0), 0, atol=1e-10)


def test_features_keep_their_variances_without_scaling(X):
    model = ModalityScaler(with_scaling=False).fit(X)
    for name, values in blocks(model.transform(X)).items():
        raw = X.filter(like=f"{name}__").to_numpy(dtype=float)
        assert_allclose(np.nanvar(values, axis=0), np.nanvar(raw, axis=0) * model.block_scale_[name] ** 2)
        assert_allclose(np.nansum(np.nanvar(values, axis=0)), 1)


@pytest.mark.parametrize("with_scaling", [True, False])
@pytest.mark.parametrize("with_centering", [True, False])
def test_mfa_gives_a_first_eigenvalue_of_one(X, with_centering, with_scaling):
    model = ModalityScaler(weighting="mfa", with_centering=with_centering, with_scaling=with_scaling)
    for values in blocks(model.fit_transform(X)).values():
        filled = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
        assert_allclose(np.linalg.eigvalsh(np.cov(filled.T, bias=True))[-1], 1)


def test_mfa_of_a_wide_block_equals_the_singular_value():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(10, 60))).add_prefix("mri__")
    out = ModalityScaler(weighting="mfa").fit_transform(X).to_numpy()
    assert_allclose(np.linalg.svd(out, compute_uv=False)[0] / np.sqrt(10), 1)


def test_without_weighting_it_is_the_standard_scaler(X):
    out = ModalityScaler(weighting=None).fit_transform(X).drop(columns="site")
    assert_allclose(out, StandardScaler().fit_transform(X.drop(columns="site")))
    nothing = ModalityScaler(weighting=None, with_centering=False, with_scaling=False).fit_transform(X)
    pd.testing.assert_frame_equal(nothing, X)


@pytest.mark.parametrize("weighting", ["total-variance", "mfa", None])
def test_constant_features_and_blocks_become_zero(weighting):
    X = pd.DataFrame({"mri__a": [0.1] * 3, "mri__b": [1.0, 2.0, 4.0], "pet__a": [7e8, 7e8, NAN]})
    out = ModalityScaler(weighting=weighting).fit_transform(X)
    assert_allclose(out["mri__a"], 0, atol=1e-12)
    assert out["mri__b"].std() > 0.5
    assert_array_equal(out["pet__a"], [0, 0, NAN])


@pytest.mark.parametrize("weighting", ["total-variance", "mfa"])
def test_features_and_modalities_that_nobody_has_stay_missing(weighting):
    train = pd.DataFrame({"mri__a": [1.0, 2, 3], "mri__b": [NAN] * 3, "pet__a": [NAN] * 3})
    model = ModalityScaler(weighting=weighting).fit(train)
    out = model.transform(train.fillna(9.0))
    assert_array_equal(out.isna(), [[False, True, True]] * 3)
    assert model.block_scale_["pet"] == 1


def test_learned_from_training_subjects_who_have_the_feature(X):
    model = ModalityScaler().fit(X)
    assert_allclose(model.mean_["mri"], X.filter(like="mri").mean())
    assert_allclose(model.scale_["pet"], X.filter(like="pet").std(ddof=0))
    assert set(model.block_scale_) == {"mri", "pet", "eeg"}


@given(st.floats(1e-3, 1e3), st.floats(-100, 100), st.sampled_from(["total-variance", "mfa"]))
def test_units_do_not_matter(factor, shift, weighting):
    values = np.random.default_rng(0).normal(size=(12, 3))
    X = pd.DataFrame(values, columns=["mri__a", "mri__b", "pet__a"])
    expected = ModalityScaler(weighting=weighting).fit_transform(X)
    assert_allclose(ModalityScaler(weighting=weighting).fit_transform(X * factor + shift), expected, atol=1e-7)


@given(st.permutations(range(12)))
def test_the_order_of_subjects_does_not_matter(order):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 3)), columns=["mri__a", "mri__b", "pet__a"])
    out = ModalityScaler(weighting="mfa").fit_transform(X)
    assert_allclose(ModalityScaler(weighting="mfa").fit_transform(X.iloc[order]), out.iloc[order], atol=1e-10)


def test_float32_of_large_mean_is_scaled_by_its_own_variance():
    values = np.float32(1000) + np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    out = ModalityScaler(weighting=None).fit_transform(values)
    assert out.dtype == np.float32
    assert_allclose(out.std(axis=0), 1, rtol=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"weighting": "svd"}, {"total_variance": 0}, {"with_scaling": "yes"}, {"modalities": ["mri"]}]
)
def test_wrong_parameters(X, wrong):
    with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' parameter of ModalityScaler must be"):
        ModalityScaler(**wrong).fit(X)
