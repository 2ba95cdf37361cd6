"""Functions of arrays: affinity and exact fusion, against plain transcriptions of the formulas."""

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse.similarity import fuse_affinities, local_affinity

BACKENDS = [np, array_api_strict]
try:
    import torch

    BACKENDS.append(torch)
except ImportError:
    pass


def clouds(n=90, seed=0, n_modalities=3, width=4):
    """Three groups; each modality merges two of them."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 3
    blocks = []
    for merged in range(n_modalities):
        centers = 4.0 * rng.normal(size=(3, width))
        centers[merged % 3] = centers[(merged + 1) % 3]
        blocks.append(centers[group] + rng.normal(size=(n, width)))
    return blocks, group


def distances_of(block):
    return np.sqrt(((block[:, None] - block) ** 2).sum(axis=2))


def plain_affinity(rho, n_neighbors, mu):
    """Pair by pair, as the formula is written."""
    n = len(rho)
    nearest = [np.sort(np.delete(rho[i], i))[:n_neighbors].mean() for i in range(n)]
    W = np.empty_like(rho)
    for i in range(n):
        for j in range(n):
            s = max((nearest[i] + nearest[j] + rho[i, j]) / 3, np.finfo(float).eps)
            W[i, j] = np.exp(-(rho[i, j] ** 2) / (2 * (mu * s) ** 2)) / (mu * s * np.sqrt(2 * np.pi))
    return W


def half(X):
    """The normalization of the paper: off-diagonal entries sum to 1/2, the diagonal is 1/2."""
    off = X - np.diag(np.diag(X))
    return off / (2 * off.sum(axis=1, keepdims=True)) + np.eye(len(X)) / 2


def symmetric(X):
    return (X + X.T) / 2


def plain_fusion(affinities, n_neighbors, n_iter, variant, weights):
    """Dense matrices and the formulas of the docstring, complete data only."""
    P = [symmetric(W / W.sum(axis=1, keepdims=True)) for W in affinities]
    S = []
    for p in P:
        kept = np.zeros_like(p)
        for i, row in enumerate(p):
            best = sorted(range(len(row)), key=lambda j, row=row, i=i: (-row[j], j != i, j))[:n_neighbors]
            kept[i, best] = row[best]
        S.append(kept / kept.sum(axis=1, keepdims=True))
    for _ in range(n_iter):
        after = []
        for v in range(len(P)):
            others = [w for w in range(len(P)) if w != v]
            Q = sum(weights[w] * P[w] for w in others) / sum(weights[w] for w in others)
            X = S[v] @ Q @ S[v].T
            after.append(symmetric(X) + np.eye(len(X)) if variant == "add-identity" else symmetric(half(symmetric(X))))
        P = after
    W = sum(weight * p for weight, p in zip(weights, P, strict=True)) / sum(weights)
    if variant == "half-diagonal":
        return symmetric(half(W))
    W = W / W.sum(axis=1, keepdims=True)
    return (W + W.T + np.eye(len(W))) / 2


@pytest.mark.parametrize("xp", BACKENDS, ids=lambda xp: xp.__name__)
def test_affinity_is_the_formula(xp):
    rho = distances_of(clouds(40)[0][0])
    expected = plain_affinity(rho, 7, 0.4)
    got = local_affinity(xp.asarray(rho), n_neighbors=7, mu=0.4)
    assert type(got) is type(xp.asarray(rho))
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("variant", ["add-identity", "half-diagonal"])
@pytest.mark.parametrize("weights", [None, [0.2, 0.5, 1.0]])
def test_fusion_is_the_formula(variant, weights):
    affinities = [local_affinity(distances_of(block), n_neighbors=10) for block in clouds(130)[0]]
    expected = plain_fusion(affinities, 10, 15, variant, weights or [1.0, 1.0, 1.0])
    before = [affinity.copy() for affinity in affinities]
    got = fuse_affinities(affinities, n_neighbors=10, n_iter=15, variant=variant, modality_weights=weights)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(affinities, before)


@pytest.mark.parametrize("variant", ["add-identity", "half-diagonal"])
@pytest.mark.parametrize("xp", BACKENDS[1:], ids=lambda xp: xp.__name__)
def test_other_libraries_agree_with_the_compiled_loops_where_modalities_are_missing(xp, variant):
    affinities = [local_affinity(distances_of(block), n_neighbors=8) for block in clouds(100)[0]]
    present = np.random.default_rng(0).random((100, 3)) > 0.4
    present[:, 0] |= ~present.any(axis=1)
    present[:4] = [True, False, False], [False, True, False], [False, False, True], [True, True, True]
    options = {"n_neighbors": 8, "variant": variant, "present": present}
    expected = fuse_affinities(affinities, **options)
    got = fuse_affinities([xp.asarray(affinity) for affinity in affinities], **options)
    np.testing.assert_allclose(np.asarray(got), expected, rtol=0, atol=1e-14)


def test_number_of_threads_changes_nothing():
    affinities = [local_affinity(distances_of(block)) for block in clouds(200)[0]]
    np.testing.assert_array_equal(fuse_affinities(affinities, n_jobs=2), fuse_affinities(affinities))


def test_exactly_k_neighbors_under_ties():
    from skfuse.similarity._fuse import sparse_transition

    rng = np.random.default_rng(0)
    P = symmetric(rng.integers(0, 3, size=(60, 60)).astype(float)) + np.eye(60)
    indices, weights = sparse_transition(P, np.ones(60, dtype=bool), 9)
    assert indices.shape == (60, 9)
    for i in range(60):
        expected = sorted(range(60), key=lambda j, i=i: (-P[i, j], j != i, j))[:9]
        assert sorted(indices[i]) == sorted(expected)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_fusion_follows_the_order_of_subjects_and_of_modalities(seed):
    rng = np.random.default_rng(seed)
    affinities = [local_affinity(distances_of(block), n_neighbors=5) for block in clouds(30, seed)[0]]
    present = rng.random((30, 3)) > 0.2
    present[:, rng.integers(3)] = True
    order, modalities = rng.permutation(30), rng.permutation(3)
    fused = fuse_affinities(affinities, n_neighbors=5, present=present)
    again = fuse_affinities(
        [affinities[v][np.ix_(order, order)] for v in modalities],
        n_neighbors=5,
        present=present[order][:, modalities],
    )
    np.testing.assert_allclose(again, fused[np.ix_(order, order)], rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(fused, fused.T)
    assert (fused >= 0).all()


def test_complete_data_are_the_same_with_and_without_present():
    affinities = [local_affinity(distances_of(block)) for block in clouds(80)[0]]
    np.testing.assert_array_equal(
        fuse_affinities(affinities, present=np.ones((80, 3), dtype=bool)), fuse_affinities(affinities)
    )


def test_rows_of_who_lacks_a_modality_are_not_read():
    blocks, _ = clouds(60)
    present = np.ones((60, 3), dtype=bool)
    present[:20, 1] = present[40:, 2] = False
    affinities = [local_affinity(distances_of(block), n_neighbors=6) for block in blocks]
    fused = fuse_affinities(affinities, n_neighbors=6, present=present)
    for affinity, has in zip(affinities, present.T, strict=True):
        affinity[~has] = np.nan
        affinity[:, ~has] = np.nan
    np.testing.assert_array_equal(fuse_affinities(affinities, n_neighbors=6, present=present), fused)


def test_one_modality_is_that_network():
    W = local_affinity(distances_of(clouds(50)[0][0]))
    P = symmetric(W / W.sum(axis=1, keepdims=True))
    expected = symmetric(P / P.sum(axis=1, keepdims=True)) + np.eye(50) / 2
    np.testing.assert_allclose(fuse_affinities([W]), expected, atol=1e-16)


def test_groups_that_no_modality_shows_alone_are_apart_in_the_fused_network():
    blocks, group = clouds(150, seed=1)
    fused = fuse_affinities([local_affinity(distances_of(block)) for block in blocks])
    np.fill_diagonal(fused, 0)
    nearest = group[np.argsort(-fused, axis=1)[:, :20]]
    alone = [np.argsort(distances_of(block), axis=1)[:, 1:21] for block in blocks]
    best_alone = max((group[near] == group[:, None]).mean() for near in alone)
    assert (nearest == group[:, None]).mean() > best_alone + 0.08


def test_a_weight_of_zero_is_the_fusion_without_the_modality():
    affinities = [local_affinity(distances_of(block)) for block in clouds(70)[0]]
    without = fuse_affinities(affinities[:2])
    np.testing.assert_allclose(fuse_affinities(affinities, modality_weights=[1, 1, 0]), without, atol=1e-15)


def test_tolerance_stops_early_and_close():
    affinities = [local_affinity(distances_of(block)) for block in clouds(70)[0]]
    long = fuse_affinities(affinities, n_iter=400, variant="half-diagonal")
    stopped = fuse_affinities(affinities, n_iter=400, tol=1e-6, variant="half-diagonal")
    assert 0 < np.abs(long - stopped).max() < 1e-6


@pytest.mark.parametrize("variant", ["add-identity", "half-diagonal"])
def test_odd_networks_never_give_nan(variant):
    n = 24
    disconnected = np.kron(np.eye(3), np.ones((8, 8)))
    identical = local_affinity(np.zeros((n, n)), n_neighbors=5)
    isolated = disconnected.copy()
    isolated[0] = isolated[:, 0] = 0.0
    for networks in ([disconnected, disconnected], [identical, disconnected], [isolated, isolated], [identical] * 3):
        fused = fuse_affinities(networks, n_neighbors=5, variant=variant)
        assert np.isfinite(fused).all()
        assert (fused >= 0).all()
    two = local_affinity(np.array([[0.0, 1.0], [1.0, 0.0]]), n_neighbors=1)
    assert np.isfinite(fuse_affinities([two, two], n_neighbors=2, variant=variant)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"affinities": []}, "empty"),
        ({"affinities": [np.eye(5), np.eye(4)]}, "shape"),
        ({"affinities": [-np.eye(5)]}, "negative"),
        ({"affinities": [np.triu(np.ones((5, 5)))]}, "symmetric"),
        ({"affinities": [np.full((5, 5), np.nan)]}, "NaN"),
        ({"n_neighbors": 6}, "Take at most"),
        ({"variant": "paper"}, "variant"),
        ({"modality_weights": [1.0, -1.0]}, "non-negative"),
        ({"present": np.ones((5, 3))}, "shape"),
        ({"present": np.array([[True, False]] * 5)}, "Nobody"),
    ],
)
def test_what_cannot_be_fused_is_refused(change, words):
    arguments = {"affinities": [np.ones((5, 5)), np.ones((5, 5))], "n_neighbors": 2} | change
    with pytest.raises(ValueError, match=words):
        fuse_affinities(arguments.pop("affinities"), **arguments)


def test_too_many_neighbors_for_an_affinity_are_refused():
    with pytest.raises(ValueError, match="Take at most 4"):
        local_affinity(np.zeros((5, 5)), n_neighbors=5)
