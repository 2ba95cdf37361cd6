"""Each modality and what is orthogonal to it: the ridge, the redundancy measured, and laws of the parts."""

import numpy as np
import pandas as pd
import pytest

from skfuse.latent import OrthogonalCompensation
from skfuse.latent._components import ConditionalComponents, principal_axes, ridge


def sample(n=120, *, seed=0, missing=0.3, wide=0):
    """Two factors shared by three modalities, one of its own in each."""
    rng = np.random.default_rng(seed)
    shared, blocks = rng.normal(size=(n, 2)), {}
    for name, width in {"mri": 6 + wide, "pet": 4, "csf": 3}.items():
        own = rng.normal(size=(n, 1))
        values = shared @ rng.normal(size=(2, width)) + own @ rng.normal(size=(1, width))
        values += 0.5 * rng.normal(size=(n, width))
        values[(rng.random(n) < missing) & (np.arange(n) > 5)] = np.nan
        blocks |= {f"{name}__{i}": column for i, column in enumerate(values.T)}
    X = pd.DataFrame(blocks)
    return X[X.notna().any(axis=1)].reset_index(drop=True)


@pytest.mark.parametrize("shape", [(20, 4, 3), (12, 30, 2)])
def test_redundancy_is_that_of_leaving_out_each_subject(shape):
    n, p, q = shape
    rng = np.random.default_rng(1)
    A = rng.normal(size=(n, p))
    B = A[:, :1] @ np.ones((1, q)) + rng.normal(size=(n, q))
    coefficients, explained, penalty = ridge(A, B)

    def solve(rows):
        a, b = A[rows] - A[rows].mean(axis=0), B[rows] - B[rows].mean(axis=0)
        return np.linalg.solve(a.T @ a + penalty * np.eye(p), a.T @ b)

    def error(i):
        rows = np.delete(np.arange(n), i)
        return B[i] - B[rows].mean(axis=0) - (A[i] - A[rows].mean(axis=0)) @ solve(rows)

    np.testing.assert_allclose(coefficients, solve(np.arange(n)), atol=1e-10)
    errors = [error(i) for i in range(n)]
    squares = np.sum((B - B.mean(axis=0)) ** 2)
    assert explained == pytest.approx(1.0 - np.sum(np.square(errors)) / squares, abs=1e-10)


def test_ridge_learns_nothing_where_there_is_nothing():
    coefficients, explained, penalty = ridge(np.ones((2, 3)), np.ones((2, 1)))
    assert not coefficients.any()
    assert np.isnan(explained)
    assert np.isinf(penalty)
    coefficients, explained, _ = ridge(np.zeros((5, 1)), np.arange(5.0)[:, None])
    assert not coefficients.any()
    assert explained == pytest.approx(1.0 - (5 / 4) ** 2)  # worse than the mean, which knew the subject


def test_ridge_of_more_predictors_than_subjects_overfits_nothing():
    rng = np.random.default_rng(2)
    for _ in range(20):
        A, B = rng.normal(size=(30, 200)), rng.normal(size=(30, 5))
        coefficients, explained, _ = ridge(A, B)
        assert abs(explained) < 0.35
        assert np.mean((A @ coefficients) ** 2) < 0.5 * np.mean(B**2)


def test_principal_axes_by_number_and_by_share():
    rng = np.random.default_rng(3)
    block = rng.normal(size=(50, 4)) * [8.0, 4.0, 2.0, 1.0]
    values, vectors = np.linalg.eigh(block.T @ block)
    axes, squares = principal_axes(block, None)
    np.testing.assert_allclose(squares, values[::-1])
    np.testing.assert_allclose(np.abs(np.sum(axes * vectors.T[::-1], axis=1)), 1.0)
    assert (axes[np.arange(4), np.abs(axes).argmax(axis=1)] > 0).all()
    shares = np.cumsum(squares) / squares.sum()
    assert len(principal_axes(block, (shares[0] + shares[1]) / 2)[0]) == 2
    assert len(principal_axes(block, 3)[0]) == 3
    assert len(principal_axes(np.hstack([block, block]), 100)[0]) == 4
    assert principal_axes(np.zeros((5, 3)), 2)[0].shape == (0, 3)


def test_missing_components_are_expected_as_under_the_planted_covariance():
    rng = np.random.default_rng(4)
    n, slices = 20000, {"a": slice(0, 2), "b": slice(2, 3), "c": slice(3, 4)}
    L = np.tril(rng.normal(size=(4, 4))) + np.eye(4)
    covariance = L @ L.T
    z = rng.normal(size=(n, 4)) @ L.T
    has = rng.random((n, 3)) > 0.3
    has[~has.any(axis=1), 0] = True
    z[~has[:, [0, 0, 1, 2]]] = np.nan
    model = ConditionalComponents().fit(z, has, slices)
    np.testing.assert_allclose(model.covariance_, covariance, atol=0.06 * np.abs(covariance).max())
    flags = np.array([[True, False, True], [False, False, False]])
    new = np.array([[1.0, -1.0, np.nan, 0.5], [np.nan] * 4])
    S = model.covariance_
    there = [0, 1, 3]
    expected = S[2, there] @ np.linalg.inv(S[np.ix_(there, there)]) @ new[0, there]
    out = model.complete(new, flags)
    np.testing.assert_allclose(out[0], [1.0, -1.0, expected, 0.5])
    np.testing.assert_array_equal(out[1], 0.0)


@pytest.mark.parametrize("order", [None, "table", ["csf", "mri", "pet"]])
def test_redundancy_is_there_before_and_gone_after(order):
    model = OrthogonalCompensation(order=order).fit(sample(300))
    outside = ~np.eye(3, dtype=bool)
    assert model.redundancy_[outside].min() > 0.2
    assert np.abs(model.redundancy_removed_[outside]).max() < 0.05
    np.testing.assert_array_equal(np.diag(model.redundancy_), 1.0)


def test_redundancy_of_unrelated_modalities_is_none_also_where_columns_outnumber_subjects():
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(40, 300)), columns=[f"{'mri' if i < 200 else 'pet'}__{i}" for i in range(300)])
    model = OrthogonalCompensation(n_components=None, n_compensation=None).fit(X)
    assert np.abs(model.redundancy_[~np.eye(2, dtype=bool)]).max() < 0.1


def test_parts_are_orthogonal_and_named():
    X = sample(2000, missing=0.0)
    out = OrthogonalCompensation().fit(X).transform(X)
    assert [name for name in out if name.endswith("__0")] == [
        "individual_mri__0", "individual_pet__0", "individual_csf__0",
        "compensation_mri__0", "compensation_pet__0", "compensation_csf__0",
    ]  # fmt: skip
    for name in ("mri", "pet", "csf"):
        own, rest = out.filter(regex=f"^individual_{name}"), out.filter(regex=f"^compensation_{name}")
        correlation = np.corrcoef(own.T, rest.T)[: own.shape[1], own.shape[1] :]
        assert np.abs(correlation).max() < 0.03
    out = OrthogonalCompensation(order=["pet", "csf", "mri"]).fit(X).transform(X)
    parts = ["individual_pet", "compensation_csf", "compensation_mri"]
    assert list(dict.fromkeys(name.split("__")[0] for name in out)) == parts
    correlation = np.corrcoef(out.to_numpy().T)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.03


@pytest.mark.parametrize("order", [None, "table"])
def test_the_way_back_restores_modalities_and_fills_better_than_the_mean(order):
    X = sample(200, missing=0.0)
    model = OrthogonalCompensation(order=order, n_components=None, n_compensation=None).fit(X)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)).to_numpy(), X.to_numpy(), atol=1e-8)
    gone = X.copy()
    gone.loc[:50, [name for name in X if name.startswith("pet")]] = np.nan
    filled = OrthogonalCompensation(order=order).fit(gone).impute(gone)
    was_gone = gone.isna().to_numpy()
    error = np.mean((filled.to_numpy() - X.to_numpy())[was_gone] ** 2)
    assert error < 0.7 * np.mean((X - gone.mean()).to_numpy()[was_gone] ** 2)


@pytest.mark.parametrize("order", [None, "table"])
def test_who_lacks_something_is_where_the_rest_says(order):
    X = sample(300)
    pet = [name for name in X if name.startswith("pet")]
    lost = X.iloc[:6].copy()
    lost.loc[:2, pet] = np.nan
    lost.iloc[5] = np.nan
    out = OrthogonalCompensation(order=order).fit(X).transform(lost)
    assert (out.iloc[5] == 0.0).all()
    zero = OrthogonalCompensation(order=order, missing="zero").fit(X).transform(lost)
    if order is None:
        assert (zero.filter(regex="individual_pet").iloc[:3] == 0.0).all(axis=None)
        assert (out.filter(regex="individual_pet").iloc[:3] != 0.0).all(axis=None)
    others = [name for name in out if not name.startswith("individual_pet")]
    pd.testing.assert_frame_equal(zero[others], out[others])
    pd.testing.assert_frame_equal(zero.iloc[3:5], out.iloc[3:5])


def test_a_subject_does_not_depend_on_its_batch_nor_the_model_on_the_order():
    X = sample()
    model = OrthogonalCompensation(order="table").fit(X)
    expected = model.transform(X).to_numpy()
    wild = X.copy()
    wild.iloc[::2] *= 1e3
    np.testing.assert_allclose(model.transform(wild).to_numpy()[1::2], expected[1::2], rtol=1e-9, atol=1e-12)
    shuffled = OrthogonalCompensation(order="table").fit(X.sample(frac=1.0, random_state=0))
    np.testing.assert_allclose(shuffled.transform(X).to_numpy(), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore:No training subject has:skfuse.modalities.SkippedModalityWarning")
def test_modalities_that_nobody_has_or_that_never_meet():
    X = sample(60)
    X["eeg__0"] = np.nan
    mri, pet = ([name for name in X if name.startswith(one)] for one in ("mri", "pet"))
    X.loc[:29, mri], X.loc[30:, pet] = np.nan, np.nan
    model = OrthogonalCompensation().fit(X)
    assert np.isnan(model.redundancy_[0, 1])
    assert np.isnan(model.redundancy_[:3, 3]).all()
    assert model.n_components_["individual_eeg"] == 0
    assert np.isfinite(model.transform(X).to_numpy()).all()
    assert model.loadings_["eeg"].shape == (0, 1)


def test_what_each_component_explains():
    X = sample(200, missing=0.0)
    model = OrthogonalCompensation(n_components={"mri": 2, "pet": 0.1}).fit(X)
    Z = (X - X.mean()) / X.std(ddof=0)
    values = np.linalg.eigvalsh(np.cov(Z.filter(regex="^mri").T))[::-1]
    np.testing.assert_allclose(model.explained_variance_["mri"], values[:2] / values.sum())
    assert model.explained_variance_total_["csf"] == pytest.approx(1.0)
    assert model.explained_variance_total_["pet"] >= 0.1
    assert [len(model.loadings_[name]) for name in ("mri", "pet", "csf")] == [2, 1, 3]


def test_settings_that_make_no_sense_are_refused():
    X = sample(30)
    with pytest.raises(ValueError, match=r"`order` must name each modality once: wanted \['mri', 'pet', 'csf'\]"):
        OrthogonalCompensation(order=["mri", "pet"]).fit(X)
    with pytest.raises(ValueError, match=r"`n_components` has entries for \['eeg'\]"):
        OrthogonalCompensation(n_components={"eeg": 2}).fit(X)
    with pytest.raises(ValueError, match="`n_components` of modality 'mri' must be an int"):
        OrthogonalCompensation(n_components={"mri": 2.5}).fit(X)
