"""Joint and individual variation: against the formulas of the paper, on planted ranks, with modalities missing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space, subspace_angles

from skfuse.latent import AJIVE
from skfuse.latent._ajive_decomposition import random_direction_samples, wedin_samples
from skfuse.latent._block_signal import block_signal, denoising_margin, fill_cells, noise_edge

SIZES = {"mri": 30, "pet": 24, "eeg": 18}
SLICES = {"mri": slice(0, 30), "pet": slice(30, 54), "eeg": slice(54, 72)}
INDIVIDUAL = {"mri": 1, "pet": 2, "eeg": 1}


def cohort(n=120, *, joint=2, individual=INDIVIDUAL, noise=0.7, seed=0):
    """Blocks of joint and individual parts of equal size, side by side, and the joint scores."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, joint))
    blocks = []
    for name, p in SIZES.items():
        own = rng.normal(size=(n, individual[name])) @ rng.normal(size=(individual[name], p))
        blocks.append(z @ rng.normal(size=(joint, p)) + own + noise * rng.normal(size=(n, p)))
    return np.hstack(blocks), z


def lacking(X, share=0.3, seed=0):
    """A copy in which each subject lacks some modalities, but not all."""
    rng = np.random.default_rng([1, seed])
    has = rng.random((len(X), len(SLICES))) >= share
    has[np.arange(len(X)), rng.integers(len(SLICES), size=len(X))] = True
    X = X.copy()
    for columns, present in zip(SLICES.values(), has.T, strict=True):
        X[~present, columns] = np.nan
    return X, has


def fitted(X, **options):
    return AJIVE(SLICES, **{"random_state": 0, "n_resamples": 200} | options).fit(X)


def parts_of(model, X):
    """Scores by part, and the joint and the individual part of the standardized matrix."""
    parts = model._split(model.transform(X))
    nothing = {name: np.zeros_like(part) for name, part in parts.items()}
    joint = model._reconstruct(nothing | {"joint": parts["joint"]})
    individual = model._reconstruct(parts | {"joint": nothing["joint"]})
    return parts, joint, individual


def paper(blocks, ranks, joint_rank):
    """The decomposition of the paper, features x subjects, all matrices dense."""
    V, thresholds = [], []
    for X, rank in zip(blocks, ranks, strict=True):
        _, s, Vt = np.linalg.svd(X)
        V.append(Vt[:rank])
        thresholds.append((s[rank - 1] + s[rank]) / 2)
    _, s, Vt = np.linalg.svd(np.vstack(V))
    P = Vt[:joint_rank].T @ Vt[:joint_rank]
    joint, individual = [X @ P for X in blocks], []
    for X, threshold in zip(blocks, thresholds, strict=True):
        U, d, Vt = np.linalg.svd(X @ (np.eye(len(P)) - P), full_matrices=False)
        keep = d > threshold
        individual.append((U[:, keep] * d[keep]) @ Vt[keep])
    return s**2, joint, individual


def test_decomposition_is_that_of_the_paper():
    X, _ = cohort()
    ranks = {"mri": 3, "pet": 4, "eeg": 3}
    model = fitted(X, signal_ranks=ranks, joint_rank=2)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    squares, joint, individual = paper([Z[:, columns].T for columns in SLICES.values()], ranks.values(), 2)
    parts, ours, own = parts_of(model, X)
    np.testing.assert_allclose(model.squared_singular_values_, squares[: len(model.squared_singular_values_)])
    np.testing.assert_allclose(ours, np.vstack(joint).T, atol=1e-9)
    np.testing.assert_allclose(own, np.vstack(individual).T, atol=1e-9)
    assert model.individual_ranks_ == INDIVIDUAL
    np.testing.assert_allclose(parts["joint"].T @ parts["joint"] / len(X), np.eye(2), atol=1e-10)
    for name, share in model.variance_split_.items():
        total = np.sum(Z[:, SLICES[name]] ** 2)
        assert share["joint"] == pytest.approx(np.sum(ours[:, SLICES[name]] ** 2) / total)
        assert share["individual"] == pytest.approx(np.sum(own[:, SLICES[name]] ** 2) / total)
        assert sum(share.values()) == pytest.approx(1.0)
        assert model.explained_variance_total_[name] == pytest.approx(share["joint"])
        assert model.explained_variance_[name].sum() == pytest.approx(share["joint"])


def test_bounds_are_those_of_the_paper():
    X, _ = cohort(n=40)
    values = X[:, SLICES["mri"]] - X[:, SLICES["mri"]].mean(axis=0)
    signal = block_signal(values, np.arange(40), 3)
    ours = wedin_samples(signal, 2000, np.random.RandomState(0))
    rng = np.random.default_rng(1)
    U, s, Vt = np.linalg.svd(values, full_matrices=False)
    # Subjects live in the complement of the constant, since the block is centered.
    features = null_space(Vt[:3])
    subjects = null_space(np.vstack([U[:, :3].T, np.ones(40)]))
    theirs = []
    for _ in range(2000):
        right = features @ np.linalg.qr(rng.normal(size=(features.shape[1], 3)))[0]
        left = subjects @ np.linalg.qr(rng.normal(size=(subjects.shape[1], 3)))[0]
        theirs.append(max(np.linalg.norm(values @ right, 2), np.linalg.norm(values.T @ left, 2)) / s[2])
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(np.quantile(ours, levels), np.quantile(np.minimum(theirs, 1), levels), rtol=0.02)

    ranks = [3, 4, 2]
    ours = random_direction_samples(np.ones((40, 3), dtype=bool), ranks, 2000, np.random.RandomState(0))
    draws = [
        np.linalg.norm(np.hstack([np.linalg.qr(rng.normal(size=(39, rank)))[0] for rank in ranks]), 2) ** 2
        for _ in range(2000)
    ]
    np.testing.assert_allclose(np.quantile(ours, levels), np.quantile(draws, levels), rtol=0.02)


def test_random_directions_lack_what_the_data_lack():
    _, has = lacking(np.zeros((60, 72)), 0.4)
    has = has[has.sum(axis=1) >= 2]
    ours = random_direction_samples(has, [2, 3, 2], 2000, np.random.RandomState(0))
    rng, draws = np.random.default_rng(0), []
    weight = 1 / np.sqrt(has.sum(axis=1))[:, None]
    for _ in range(2000):
        bases = []
        for rank, present in zip([2, 3, 2], has.T, strict=True):
            basis = np.zeros((len(has), rank))
            basis[present] = np.linalg.qr(rng.normal(size=(present.sum(), rank)))[0]
            bases.append(basis * weight)
        draws.append(3 * np.linalg.norm(np.hstack(bases), 2) ** 2)
    levels = [0.05, 0.5, 0.95]
    # Ours spends one subject on the means.
    np.testing.assert_allclose(np.quantile(ours, levels), np.quantile(draws, levels), rtol=0.03)
    assert np.quantile(ours, 0.95) > np.quantile(
        random_direction_samples(np.ones((len(has), 3), dtype=bool), [2, 3, 2], 2000, np.random.RandomState(0)), 0.95
    )


def test_edge_of_noise():
    for ratio in (0.1, 0.7, 3.0):
        assert noise_edge(np.full(5, 2.5), ratio) == pytest.approx(2.5 * (1 + np.sqrt(ratio)) ** 2)
    rng = np.random.default_rng(0)
    variances = rng.uniform(0.1, 4.0, size=500)
    largest = np.linalg.norm(rng.normal(size=(1000, 500)) * np.sqrt(variances), 2) ** 2 / 1000
    assert noise_edge(variances, 0.5) == pytest.approx(largest, rel=0.03)
    assert 2 * denoising_margin(1.0) == pytest.approx(4 / np.sqrt(3))  # the constant known for square matrices


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_planted_ranks_are_found(seed, share):
    X, z = cohort(n=200, seed=seed)
    X, _ = lacking(X, share, seed)
    model = fitted(X)
    assert (model.joint_rank_, model.individual_ranks_) == (2, INDIVIDUAL)
    assert list(model.signal_ranks_.values()) == [3, 4, 3]
    joint = model.transform(X)[:, :2]
    assert np.cos(subspace_angles(joint, z - z.mean(axis=0))).min() > 0.9


def test_nothing_joint_and_nothing_individual():
    X, _ = cohort(joint=0)
    model = fitted(X)
    assert (model.joint_rank_, model.individual_ranks_) == (0, INDIVIDUAL)
    assert list(model.get_feature_names_out()) == [
        "individual_mri__0",
        "individual_pet__0",
        "individual_pet__1",
        "individual_eeg__0",
    ]
    model = fitted(cohort(individual=dict.fromkeys(SIZES, 0))[0])
    assert list(model.get_feature_names_out()) == ["joint__0", "joint__1"]


def test_noise_alone_is_a_column_of_zeros():
    X = np.random.default_rng(0).normal(size=(80, 72))
    model = fitted(X)
    assert model.joint_rank_ == 0
    assert not any(model.individual_ranks_.values())
    np.testing.assert_array_equal(model.transform(X), np.zeros((80, 1)))
    assert model.get_feature_names_out() == ["joint__0"]
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), np.tile(X.mean(axis=0), (80, 1)))
    assert fitted(X, signal_ranks=1, joint_rank=1).transform(X).std() > 0


def test_what_two_of_three_share_is_not_joint():
    rng = np.random.default_rng(9)
    X, _ = cohort(joint=1, individual=dict.fromkeys(SIZES, 0))
    common = rng.normal(size=(len(X), 1))
    for name in ("mri", "pet"):
        X[:, SLICES[name]] += common @ rng.normal(size=(1, SIZES[name]))
    model = fitted(X)
    assert (model.joint_rank_, model.individual_ranks_) == (1, {"mri": 1, "pet": 1, "eeg": 0})


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_without_noise_everything_comes_back(share):
    complete, z = cohort(noise=0.0)
    X, _ = lacking(complete, share)
    model = fitted(X)
    assert (model.joint_rank_, model.individual_ranks_) == (2, INDIVIDUAL)
    parts, _, _ = parts_of(model, X)
    joint = parts["joint"]
    assert np.sin(subspace_angles(joint - joint.mean(axis=0), z - z.mean(axis=0))).max() < 1e-7
    present = ~np.isnan(X)
    back = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(back[present], X[present], atol=1e-8)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_joint_and_individual_scores_are_orthogonal(share):
    X, has = lacking(cohort()[0], share)
    model = fitted(X)
    parts, _, _ = parts_of(model, X)
    for name, present in zip(SLICES, has.T, strict=True):
        own = parts[f"individual_{name}"]
        joint = parts["joint"][present] - parts["joint"][present].mean(axis=0)
        np.testing.assert_allclose(own[present].T @ joint / len(X), 0.0, atol=1e-9)
        np.testing.assert_allclose(own[present].T @ own[present] / present.sum(), np.eye(own.shape[1]), atol=1e-9)
        np.testing.assert_array_equal(own[~present], 0.0)
        assert sum(model.variance_split_[name].values()) == pytest.approx(1.0)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_modalities_and_of_subjects_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    X, _ = lacking(cohort(n=80, seed=3)[0], 0.2)
    model = fitted(X, joint_rank=2)
    expected = model.transform(X)
    again = fitted(X[rng.permutation(len(X))], joint_rank=2)
    np.testing.assert_allclose(again.transform(X), expected, atol=1e-8)
    table = pd.DataFrame(X, columns=[f"x{i}" for i in range(72)])
    slices = {str(name): SLICES[name] for name in rng.permutation(list(SLICES))}
    other = AJIVE(slices, joint_rank=2, random_state=1, n_resamples=50).fit(table)
    np.testing.assert_allclose(other.transform(table).to_numpy()[:, :2], expected[:, :2], atol=1e-8)
    assert other.individual_ranks_ == model.individual_ranks_


def test_rotated_features_leave_the_spaces():
    X, _ = cohort()
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    rng, blocks = np.random.default_rng(0), []
    for columns in SLICES.values():
        U = np.linalg.svd(Z[:, columns], full_matrices=False)[0]
        Q = np.linalg.qr(rng.normal(size=(U.shape[1],) * 2))[0]
        blocks.append((Z[:, columns] @ Q, Z[:, columns]))
    # The estimator standardizes, which a rotation would undo: the functions below it are tried.
    for turned, own in blocks:
        one, other = (block_signal(values, np.arange(len(X)), 3) for values in (turned, own))
        np.testing.assert_allclose(one.singular_values, other.singular_values)
        assert np.sin(subspace_angles(turned @ one.ways, own @ other.ways)).max() < 1e-7
        assert one.threshold == pytest.approx(other.threshold)


def test_units_change_nothing():
    X, _ = lacking(cohort()[0])
    rng = np.random.default_rng(0)
    scale, shift = 10.0 ** rng.uniform(-9, 9, size=72), rng.normal(size=72)
    moved = (X + shift) * scale
    np.testing.assert_allclose(fitted(moved).transform(moved), fitted(X).transform(X), atol=1e-7)


def test_subjects_do_not_depend_on_each_other():
    X, _ = lacking(cohort()[0])
    X[np.random.default_rng(2).random(X.shape) < 0.05] = np.nan
    model = fitted(X)
    together = model.transform(X)
    for row in range(0, 60, 7):
        np.testing.assert_allclose(model.transform(X[[row]]), together[[row]], rtol=1e-7, atol=1e-10)
    wild = X.copy()
    wild[1::2] *= 1e4
    np.testing.assert_allclose(model.transform(wild)[::2], together[::2], rtol=1e-7, atol=1e-10)


def test_new_subjects_with_missing_modalities_are_placed_and_filled():
    complete, z = cohort(n=300)
    X, _ = lacking(complete[:200])
    model = fitted(X)
    new, _ = lacking(complete[200:], 0.5, 1)
    true = z[200:] - z[200:].mean(axis=0)
    joint = model.transform(new)[:, :2]
    coefficients = np.linalg.lstsq(model.transform(complete[:200])[:, :2], z[:200], rcond=None)[0]
    error = np.mean((joint @ coefficients - true) ** 2)
    assert error < 0.35
    filled = model.impute(new)
    gone = np.isnan(new)
    np.testing.assert_array_equal(filled[~gone], new[~gone])
    deviations = (filled - complete[200:]) / complete[:200].std(axis=0)
    mean = (complete[:200].mean(axis=0) - complete[200:]) / complete[:200].std(axis=0)
    assert np.sqrt(np.mean(deviations[gone] ** 2)) < 0.85 * np.sqrt(np.mean(mean[gone] ** 2))
    nobody = np.full((1, 72), np.nan)
    np.testing.assert_array_equal(model.transform(nobody), np.zeros((1, model.transform(new).shape[1])))
    np.testing.assert_allclose(model.impute(nobody)[0], np.nanmean(X, axis=0))


def test_scattered_cells_are_filled_by_their_conditional_mean():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(6, 2)))[0].T
    variances, noise = np.array([3.0, 1.0]), 0.4
    block = rng.normal(size=(5, 6))
    block[0, [1, 4]] = block[3, 0] = block[4, 2:] = np.nan
    filled = fill_cells(block, basis, variances, noise)
    S = (basis.T * variances) @ basis + noise * np.eye(6)
    for row, ours in zip(block, filled, strict=True):
        gone = np.isnan(row)
        mean = S[np.ix_(gone, ~gone)] @ np.linalg.solve(S[np.ix_(~gone, ~gone)], row[~gone])
        np.testing.assert_allclose(ours[gone], mean, rtol=1e-7)
        np.testing.assert_array_equal(ours[~gone], row[~gone])


def test_few_scattered_cells_change_little():
    X, _ = cohort()
    full = fitted(X).transform(X)
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    model = fitted(holes)
    assert (model.joint_rank_, model.individual_ranks_) == (2, INDIVIDUAL)
    joint = model.transform(holes)[:, :2]
    assert np.cos(subspace_angles(joint, full[:, :2])).min() > 0.97


def test_ranks_can_be_given():
    X, _ = cohort()
    model = fitted(X, signal_ranks={"mri": 2}, joint_rank=1, individual_ranks={"pet": 3})
    assert model.signal_ranks_ == {"mri": 2, "pet": 4, "eeg": 3}
    assert model.joint_rank_ == 1
    assert model.individual_ranks_["pet"] == 3
    assert model.loadings_["mri"].shape == (1, 30)
    assert model.individual_loadings_["pet"].shape == (3, 24)
    assert fitted(X, signal_ranks=20).signal_ranks_ == {"mri": 20, "pet": 20, "eeg": 18}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"signal_ranks": {"eeg": 20}},
            r"`signal_ranks` of modality 'eeg': got rank 20, .* 18 directions",
        ),
        ({"individual_ranks": {"eeg": 19}}, r"`individual_ranks` of modality 'eeg': got rank 19.* 18 directions"),
        ({"joint_rank": 11}, r"`joint_rank` is 11, but .* have 10 directions in all"),
        ({"signal_ranks": {"ct": 1}}, r"`signal_ranks` has entries for \['ct'\]"),
        ({"signal_ranks": {"mri": 1.5}}, "must be an int of at least 0"),
    ],
)
def test_ranks_that_are_not_there_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fitted(cohort()[0], **options)


@pytest.mark.filterwarnings("ignore:No training subject has:skfuse.modalities.SkippedModalityWarning")
def test_edges():
    X, _ = cohort(n=60)
    alone = X.copy()
    alone[30:, SLICES["mri"]] = np.nan
    alone[:30, 30:] = np.nan
    model = fitted(alone)  # MRI is never seen with another modality: it has no joint part
    np.testing.assert_array_equal(model.loadings_["mri"], 0.0)
    assert model.individual_ranks_["mri"] == 3
    for name in SLICES:
        lost = X.copy()
        lost[:, SLICES[name]] = np.nan
        model = fitted(lost)
        assert np.isfinite(model.transform(lost)).all()
        assert np.isnan(model.variance_split_[name]["joint"])
        lost[4, SLICES[name]] = 1.0
        assert np.isfinite(fitted(lost).transform(X)).all()
    doubled = np.hstack([X[:, :30], X[:, :30], X[:, 30:31]])
    model = AJIVE({"mri": slice(0, 30), "pet": slice(30, 60), "age": slice(60, 61)}, random_state=0).fit(doubled)
    assert model.signal_ranks_["age"] == 1
    assert np.isfinite(model.transform(doubled)).all()
    assert np.isfinite(fitted(X[:2]).transform(X)).all()
    assert np.isfinite(fitted(X[:3]).transform(X)).all()


def test_tables_have_named_columns_and_the_draws_repeat():
    X, _ = lacking(cohort()[0])
    columns = [f"{name}__{i}" for name, size in SIZES.items() for i in range(size)]
    table = pd.DataFrame(X, columns=columns).assign(site="a")
    model = AJIVE(random_state=3, n_resamples=50).fit(table)
    out = model.transform(table)
    assert list(out.columns) == [
        "joint__0",
        "joint__1",
        "individual_mri__0",
        "individual_pet__0",
        "individual_pet__1",
        "individual_eeg__0",
        "site",
    ]
    again = AJIVE(random_state=3, n_resamples=50).fit(table)
    np.testing.assert_array_equal(again.wedin_samples_, model.wedin_samples_)
    np.testing.assert_array_equal(again.random_direction_samples_, model.random_direction_samples_)
    pd.testing.assert_frame_equal(again.transform(table), out)
