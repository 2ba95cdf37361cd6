"""What all joint spaces have in common, tried on principal components with missing cells at their mean."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skfuse.latent._base import Invertible, JointSpace, variance_explained
from skfuse.modalities import SkippedModalityWarning


class Components(Invertible, JointSpace):
    def __init__(self, modalities=None, *, n_components=2):
        self.modalities = modalities
        self.n_components = n_components

    def fit(self, X, y=None):
        return self._fit_table(X, y)

    def _fit_space(self, Z, has, y):
        self.n_components_ = self.n_components
        self.axes_ = np.linalg.svd(np.nan_to_num(Z), full_matrices=False)[2][: self.n_components]
        self.seen_ = has, y

    def _scores(self, Z, has):
        return {"joint": np.nan_to_num(Z) @ self.axes_.T}

    def _reconstruct(self, parts):
        return parts["joint"] @ self.axes_


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(30, 2))
    values = z @ rng.normal(size=(2, 6)) * 5.0 + 100.0
    X = pd.DataFrame(
        values, columns=[*(f"mri__{i}" for i in range(4)), "pet__0", "pet__1"], index=[f"s{i}" for i in range(30)]
    )
    X.insert(4, "site", ["a", "b"] * 15)
    X["pet__flat"] = 3.0
    X.loc["s1", ["pet__0", "pet__1", "pet__flat"]] = np.nan
    X.loc["s2", "mri__1"] = np.nan
    return X


def test_coordinates_are_named_and_keep_the_container(X):
    model = Components().fit(X)
    joint = model.transform(X)
    assert list(joint.columns) == ["joint__0", "joint__1", "site"]
    assert joint.index.equals(X.index)
    theirs = Components().fit(pl.from_pandas(X)).transform(pl.from_pandas(X))
    assert theirs.columns == list(joint.columns)
    np.testing.assert_allclose(theirs[:, :2].to_numpy(), joint.iloc[:, :2].to_numpy())
    array = X.drop(columns="site").to_numpy()
    slices = {"mri": slice(0, 4), "pet": slice(4, 7)}
    plain = Components(slices).fit_transform(array)
    np.testing.assert_allclose(plain, joint.iloc[:, :2].to_numpy())


def test_who_has_nothing_is_not_learned_from_and_stands_at_the_center(X):
    lost = pd.concat([X, X.iloc[:1].assign(**dict.fromkeys(X.columns.drop("site"), np.nan))])
    model = Components().fit(lost, np.arange(31))
    np.testing.assert_allclose(model.axes_, Components().fit(X).axes_, atol=1e-12)
    np.testing.assert_array_equal(model.transform(lost).iloc[-1, :2].to_numpy(dtype=float), [0.0, 0.0])
    has, y = model.seen_
    assert has.shape == (30, 2)
    assert not has[1, 1]
    np.testing.assert_array_equal(y, np.arange(30))


def test_the_way_back_fills_what_is_missing_and_keeps_what_is_there(X):
    model = Components(n_components=5).fit(X)
    complete = X.dropna()
    back = model.inverse_transform(model.transform(complete))
    assert list(back.columns) == [name for name in X.columns if name != "site"]
    np.testing.assert_allclose(back.to_numpy(), complete.drop(columns="site").to_numpy(), atol=1e-9)
    filled = model.impute(X)
    assert list(filled.columns) == [*back.columns, "site"]
    assert filled.drop(columns="site").notna().all(axis=None)
    there = X[back.columns].notna().to_numpy()
    np.testing.assert_array_equal(filled[back.columns].to_numpy()[there], X[back.columns].to_numpy()[there])
    assert filled.loc["s1", "pet__flat"] == 3.0
    array = model.inverse_transform(
        model.transform(complete)[["joint__0", "joint__1", "joint__2", "joint__3", "joint__4"]].to_numpy(dtype=float)
    )
    np.testing.assert_allclose(array, back.to_numpy())


def test_a_modality_that_nobody_has_is_said(X):
    with pytest.warns(SkippedModalityWarning, match=r"No training subject has \['pet'\]"):
        Components().fit(X.assign(pet__0=np.nan, pet__1=np.nan, pet__flat=np.nan))


def test_coordinates_that_are_none_are_refused(X):
    model = Components().fit(X)
    with pytest.raises(ValueError, match=r"lacks coordinates of the joint space: wanted \['joint__0', 'joint__1'\]"):
        model.inverse_transform(X)
    with pytest.raises(ValueError, match="Coordinates contain NaN"):
        model.inverse_transform(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="at least 2 subjects with a modality"):
        Components().fit(X.iloc[:1])
    with pytest.raises(ValueError, match="No feature of any modality varies"):
        Components().fit(X[["site", "pet__flat", "mri__0"]].assign(mri__0=2.0))


def test_variance_explained_is_that_of_the_residuals(X):
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(20, 5))
    Z[:4, :3], Z[5, 4] = np.nan, np.nan
    has = np.column_stack([~np.isnan(Z[:, :3]).all(axis=1), np.ones(20, dtype=bool)])
    scores, loadings = rng.normal(size=(20, 2)), rng.normal(size=(2, 5))
    single, total = variance_explained(Z, has, {"mri": slice(0, 3), "pet": slice(3, 5)}, scores, loadings)
    for name, columns in (("mri", slice(0, 3)), ("pet", slice(3, 5))):
        block = Z[:, columns]
        squares = np.nansum(block**2)
        for k in range(2):
            residual = block - np.outer(scores[:, k], loadings[k, columns])
            assert single[name][k] == pytest.approx(1 - np.nansum(residual**2) / squares)
        assert total[name] == pytest.approx(1 - np.nansum((block - scores @ loadings[:, columns]) ** 2) / squares)
