"""Mklaren's choice of pivots: mklaren's own run, a twin on whole kernels, the conditions of least angles, and laws."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.metrics.pairwise import rbf_kernel

from skfuse.kernels._mklaren import mklaren_pivots

GOLDEN = json.loads((Path(__file__).parent / "fixtures" / "mklaren.json").read_text())["settings"]


def pairs(kernels):
    return [(lambda i, K=K: K[:, i], np.diag(K)) for K in kernels]


def cohort(seed=0, n=90):
    """Six RBF kernels of three modalities, of which only the first says something about the target."""
    rng = np.random.default_rng(seed)
    blocks = [rng.normal(size=(n, 3)) for _ in range(3)]
    y = np.sin(blocks[0][:, 0]) + blocks[0][:, 1] ** 2
    return [rbf_kernel(block, gamma=gamma) for block in blocks for gamma in (0.05, 0.3)], y


def regressors(kernels, path, n_steps, ridge=0.0, rank=0):
    """The first columns of the regression, from a Cholesky factor of the kernel between the pivots."""
    n = len(kernels[0])
    X = np.zeros((n + rank, n_steps))
    for number in np.unique(path.kernel_numbers[:n_steps]):
        steps = np.flatnonzero(path.kernel_numbers[:n_steps] == number)
        pivots, K = path.pivots[steps], kernels[number]
        G = np.linalg.solve(np.linalg.cholesky(K[np.ix_(pivots, pivots)]), K[pivots]).T
        G -= G.mean(axis=0)
        X[:n, steps] = G / np.linalg.norm(G, axis=0)
    for step in range(n_steps if ridge else 0):
        X[n + step, step] = np.sqrt(ridge)
    return X / np.sqrt(1.0 + ridge)


def twin(kernels, y, rank, delta, ridge=0.0):
    """The formulas on whole kernels: explicit residual kernels, look-ahead by least squares, steps by inverses."""
    n = len(y)
    r = np.append(y - y.mean(), np.zeros(rank))
    taken, members, chosen, X = [[] for _ in kernels], [], [], np.zeros((n + rank, 0))
    for K in kernels:
        S = []
        for _ in range(delta):
            S.append(int(np.argmax(np.diag(missed(K, S)).round(12))))
        members.append(S)
    b = A = C = None
    lengths = []
    for step in range(rank):
        best = (np.inf, None, None)
        for number, K in enumerate(kernels):
            R = missed(K, taken[number])
            S = members[number]
            L = R[:, S] @ np.linalg.pinv(R[np.ix_(S, S)], rcond=1e-13, hermitian=True) @ R[S]
            for i in set(range(n)) - set(taken[number]):
                candidate = np.append(L[:, i] - L[:, i].mean(), np.zeros(rank))
                candidate[n + step] = np.sqrt(ridge)
                candidate -= candidate.mean()
                candidate /= np.linalg.norm(candidate)
                score = -abs(candidate @ r) if b is None else to_join(candidate, r, b, C, A)
                best = min(best, (score, number, i))
        _, number, i = best
        R = missed(kernels[number], taken[number])
        if i in members[number]:
            left = [j for j in range(n) if j not in members[number] and j not in taken[number]]
            members[number] = [j for j in members[number] if j != i] + [left[int(np.argmax(np.diag(R)[left]))]]
        taken[number].append(i)
        chosen.append((number, i))
        x = np.append(R[:, i] - R[:, i].mean(), np.zeros(rank))
        x /= np.linalg.norm(x)
        x[n + step] = np.sqrt(ridge)
        x /= np.sqrt(1 + ridge)
        if b is not None:
            lengths.append(to_join(x, r, b, C, A))
            r = r - lengths[-1] * b
        X = np.column_stack([X, x])
        signed = X * np.sign(X.T @ r)
        inverse = np.linalg.inv(signed.T @ signed)
        A = inverse.sum() ** -0.5
        b = signed @ (A * inverse.sum(axis=1))
        C = np.abs(X.T @ r).max()
    lengths.append(C / A)
    return chosen, np.array(lengths), y - (r - lengths[-1] * b)[:n]


def missed(K, pivots):
    return K - K[:, pivots] @ np.linalg.pinv(K[np.ix_(pivots, pivots)], rcond=1e-13, hermitian=True) @ K[pivots]


def to_join(x, r, b, C, A):
    c, a = x @ r, x @ b
    return min((C - c) / (A - a) if a < A else np.inf, (C + c) / (A + a) if -a < A else np.inf)


@pytest.mark.parametrize("name", GOLDEN)
def test_path_is_that_of_mklaren(name):
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y = X[::2], y[::2]
    sigma = 30.0
    if "standardized" in name:
        X, sigma = (X - X.mean(axis=0)) / X.std(axis=0), 2.0
    y = -y if "× -1" in name else y
    kernels = [rbf_kernel(X, gamma=0.5 / sigma**2), X @ X.T, (X @ X.T) ** 3]
    ridge = 1.0 if "ridge 1" in name else 0.0
    path = mklaren_pivots(pairs(kernels), y, rank=15, delta=30, ridge=ridge, signed_start=True)
    expected = GOLDEN[name]
    assert path.kernel_numbers.tolist() == expected["kernel_numbers"]
    assert path.pivots.tolist() == expected["pivots"]
    along = np.linalg.norm(np.cumsum(path.bisectors * path.step_lengths, axis=1), axis=0)
    np.testing.assert_allclose(along, expected["path_norms"], rtol=1e-8)
    np.testing.assert_allclose(path.fitted, expected["fitted"], rtol=1e-8)


@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_path_is_that_of_the_formulas_on_whole_kernels(ridge):
    kernels, y = cohort(n=40)
    y = y + np.random.default_rng(1).normal(size=40)
    path = mklaren_pivots(pairs(kernels), y, rank=8, delta=4, ridge=ridge)
    chosen, lengths, fitted = twin(kernels, y, rank=8, delta=4, ridge=ridge)
    assert list(zip(path.kernel_numbers, path.pivots, strict=True)) == chosen
    np.testing.assert_allclose(path.step_lengths, lengths, rtol=1e-6)
    np.testing.assert_allclose(path.fitted, fitted, atol=1e-7)


@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_regressors_in_use_are_equally_correlated_with_residual_and_bisector(ridge):
    kernels, y = cohort()
    path = mklaren_pivots(pairs(kernels), y, rank=12, ridge=ridge)
    rank = 12 if ridge else 0
    X = regressors(kernels, path, 12, ridge, rank)
    residual = np.append(y - y.mean(), np.zeros(rank))
    for step in range(12):
        used = X[:, : step + 1]
        correlations = used.T @ residual
        assert np.ptp(np.abs(correlations)) < 1e-8 * np.linalg.norm(y)
        signed = used * np.sign(correlations)
        bisector = signed @ np.linalg.solve(signed.T @ signed, np.ones(step + 1))
        bisector /= np.linalg.norm(bisector)
        np.testing.assert_allclose(path.bisectors[:, step], bisector[: len(y)], atol=1e-7)
        residual -= path.step_lengths[step] * bisector
        assert np.linalg.norm(residual[: len(y)]) == pytest.approx(path.residual_norms[step], rel=1e-6)
    assert np.abs(X.T @ residual).max() < 1e-7 * np.linalg.norm(y)  # least squares (ridge) at the end
    np.testing.assert_allclose(path.fitted, y - residual[: len(y)], atol=1e-7)


def test_pivots_come_from_the_kernel_that_says_something():
    from_the_first = []
    for seed in range(10):
        kernels, y = cohort(seed)
        path = mklaren_pivots(pairs(kernels), y, rank=6)
        from_the_first.append(np.mean(path.kernel_numbers < 2))
        assert path.kernel_numbers[0] < 2
    assert np.mean(from_the_first) > 0.6  # a third by chance


def test_pivots_serve_the_target_better_than_those_of_each_kernel_alone():
    from skfuse.kernels._low_rank import pivoted_cholesky

    better = 0
    for seed in range(10):
        kernels, y = cohort(seed)
        path = mklaren_pivots(pairs(kernels), y, rank=12)
        factors = np.hstack([pivoted_cholesky(*pair, 2)[1] for pair in pairs(kernels)])
        factors -= factors.mean(axis=0)
        residual = y - y.mean() - factors @ np.linalg.lstsq(factors, y - y.mean())[0]
        better += path.residual_norms[-1] < np.linalg.norm(residual)
    assert better >= 9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(-1e6, 1e6).filter(lambda factor: abs(factor) > 1e-6), st.floats(-1e3, 1e3))
def test_unit_sign_and_offset_of_the_target_do_not_matter(seed, factor, offset):
    kernels, y = cohort(seed, n=30)
    path = mklaren_pivots(pairs(kernels), y, rank=5, delta=4)
    scaled = mklaren_pivots(pairs(kernels), factor * (y - y.mean()) + offset * abs(factor), rank=5, delta=4)
    np.testing.assert_array_equal(path.pivots, scaled.pivots)
    np.testing.assert_array_equal(path.kernel_numbers, scaled.kernel_numbers)
    expected = factor * (path.fitted - y.mean()) + offset * abs(factor)
    np.testing.assert_allclose(scaled.fitted, expected, atol=1e-6 * abs(factor))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.permutations(range(6)))
def test_order_and_units_of_kernels_do_not_matter(seed, order):
    kernels, y = cohort(seed, n=30)
    path = mklaren_pivots(pairs(kernels), y, rank=5, delta=4)
    other = mklaren_pivots(pairs([10.0**k * kernels[k] for k in order]), y, rank=5, delta=4)
    np.testing.assert_array_equal(path.pivots, other.pivots)
    np.testing.assert_array_equal(path.kernel_numbers, np.array(order)[other.kernel_numbers])
    np.testing.assert_allclose(path.fitted, other.fitted, atol=1e-7)


def test_without_signed_start_the_target_and_its_negative_take_the_same_path():
    kernels, y = cohort()
    signed = [mklaren_pivots(pairs(kernels), sign * y, rank=6, signed_start=True) for sign in (1.0, -1.0)]
    plain = [mklaren_pivots(pairs(kernels), sign * y, rank=6) for sign in (1.0, -1.0)]
    assert plain[0].pivots.tolist() == plain[1].pivots.tolist()
    assert signed[0].pivots.tolist() != signed[1].pivots.tolist()
    assert plain[0].pivots.tolist() in (signed[0].pivots.tolist(), signed[1].pivots.tolist())


def test_columns_in_the_span_of_others_are_left_out():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    linear = X @ X.T
    y = X @ [1.0, -2.0] + rng.normal(size=40)
    path = mklaren_pivots(pairs([linear, np.ones((40, 40)), 3.0 * linear]), y, rank=10)
    assert len(path.pivots) == 2
    assert 1 not in path.kernel_numbers  # constant
    centered = X - X.mean(axis=0)
    expected = y.mean() + centered @ np.linalg.lstsq(centered, y - y.mean())[0]
    np.testing.assert_allclose(path.fitted, expected, atol=1e-8)


def test_few_columns_are_asked_for_where_kernels_say_the_same():
    rng = np.random.default_rng(0)
    X, asked = rng.normal(size=(500, 4)), []

    def columns(i):
        asked.append(i)
        return X @ X[i]

    y = rng.normal(size=500)
    path = mklaren_pivots([(columns, np.sum(X**2, axis=1))] * 3, y, rank=10, delta=4)
    assert len(path.pivots) == 4
    assert len(asked) < 3 * (4 + 2 * 5)


def test_all_directions_can_be_used_up():
    kernels, y = cohort(n=20)
    path = mklaren_pivots(pairs(kernels), y, rank=100)
    assert len(path.pivots) <= 19
    np.testing.assert_allclose(path.fitted, y, atol=1e-5)


def test_what_it_refuses():
    kernels, y = cohort(n=20)
    with pytest.raises(ValueError, match="does not vary"):
        mklaren_pivots(pairs(kernels), np.ones(20), rank=3)
    with pytest.raises(ValueError, match="No kernel varies"):
        mklaren_pivots(pairs([np.ones((20, 20)), np.zeros((20, 20))]), y, rank=3)
    with pytest.raises(ValueError, match="is empty"):
        mklaren_pivots([], y, rank=3)
    with pytest.raises(ValueError, match="the target has 19"):
        mklaren_pivots(pairs(kernels), y[:-1], rank=3)
    with pytest.raises(ValueError, match="at least 1"):
        mklaren_pivots(pairs(kernels), y, rank=0)
    with pytest.raises(ValueError, match="one finite number per subject"):
        mklaren_pivots(pairs(kernels), np.append(y[:-1], np.nan), rank=3)
    with pytest.raises(ValueError, match="not positive semidefinite"):
        mklaren_pivots(pairs([np.ones((20, 20)) - 2 * np.eye(20) * np.arange(20)[:, None] / 100 + 0.5]), y, rank=3)
