"""The streamed walk of one modality against the dense computation, and its behavior at the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from skfuse.similarity import _approximate, _exact_search, _nearest_compiled, _sweep
from skfuse.similarity._nearest import nearest_affinity, nearest_transitions
from skfuse.similarity._sweep import tournament


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks and tiles so small that few subjects already make many of them."""
    monkeypatch.setattr(_sweep, "BLOCK", 64)
    monkeypatch.setattr(_sweep, "TILE", (24, 40))
    monkeypatch.setattr(_exact_search, "BLOCK", 64)
    monkeypatch.setattr(_exact_search, "TILE", (24, 40))
    monkeypatch.setattr(_exact_search, "ROW_BYTES", 2**14)


def dense_walk(points, n_neighbors=20, mu=0.5, squared=False, distances=None):
    """The definition, with all pairs: S (dense), bandwidths, row sums and P."""
    if distances is None:
        points = np.asarray(points, dtype=np.float64)
        distances = cdist(points, points, "sqeuclidean" if squared else "euclidean")
    n = len(distances)
    others = np.where(np.eye(n, dtype=bool), np.inf, distances)
    m = np.sort(others, axis=1)[:, :n_neighbors].mean(axis=1)
    s = np.maximum((m[:, None] + m + distances) / 3, np.finfo(float).eps)
    W = np.exp(-(distances**2) / (2 * mu**2 * s**2)) / (mu * s * np.sqrt(2 * np.pi))
    r = W.sum(axis=1)
    P = (W / r[:, None] + W / r) / 2
    S = np.zeros((n, n))
    for i in range(n):
        first = np.lexsort((np.arange(n), np.arange(n) != i, -P[i]))[:n_neighbors]
        S[i, first] = P[i, first] / P[i, first].sum()
    return S, m, r, P


def to_dense(walk):
    return walk.to_csr().toarray()


CLOUDS = {
    "gaussian": lambda g: g.standard_normal((300, 30)),
    "clusters": lambda g: g.standard_normal((300, 30)) + 3.0 * g.integers(3, size=(300, 1)),
    "plane": lambda g: g.standard_normal((300, 2)),
    "heavy tails": lambda g: g.standard_t(3, (300, 10)),
    "far from the origin": lambda g: 1e4 + g.standard_normal((300, 8)),
    "near a plane": lambda g: g.standard_normal((300, 3)) @ np.eye(3, 40) + 0.01 * g.standard_normal((300, 40)),
}


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("cloud", CLOUDS)
def test_exact_search_equals_the_dense_computation(small_blocks, generator, cloud, squared):
    points = CLOUDS[cloud](generator)
    walk = nearest_transitions(points, n_neighbors=12, squared=squared, random_state=0)
    S, m, r, _ = dense_walk(points, 12, squared=squared)
    # Far from the origin the dense distances themselves are right to 1e-12 only.
    np.testing.assert_array_equal(walk.indices, np.nonzero(S)[1].reshape(-1, 12))
    np.testing.assert_allclose(walk.weights, S[S > 0].reshape(-1, 12), rtol=1e-10)
    np.testing.assert_allclose(walk.bandwidth, m, rtol=1e-10)
    np.testing.assert_allclose(walk.row_sums, r, rtol=1e-9)


@pytest.mark.parametrize("squared", [False, True])
def test_single_precision_points_find_the_walk_of_double_precision(small_blocks, generator, squared):
    points = generator.standard_normal((400, 50)).astype(np.float32)
    walk = nearest_transitions(points, squared=squared, random_state=0)
    S, m, r, _ = dense_walk(points, squared=squared)
    np.testing.assert_array_equal(walk.indices, np.nonzero(S)[1].reshape(-1, 20))
    np.testing.assert_allclose(walk.weights, S[S > 0].reshape(-1, 20), rtol=2e-6)  # row sums are added in float32 tiles
    np.testing.assert_allclose(walk.bandwidth, m, rtol=1e-12)
    np.testing.assert_allclose(walk.row_sums, r, rtol=5e-6)


@pytest.mark.parametrize("mu", [0.2, 1.0])
def test_other_widths_of_the_kernel(small_blocks, generator, mu):
    points = generator.standard_normal((200, 10))
    np.testing.assert_allclose(to_dense(nearest_transitions(points, mu=mu)), dense_walk(points, mu=mu)[0], rtol=1e-9)


def test_the_result_is_exact_whatever_the_sample_of_columns(small_blocks, generator, monkeypatch):
    from skfuse.similarity import _nearest

    points = np.concatenate([generator.standard_normal((200, 3)), 0.01 * generator.standard_normal((100, 3))])
    S = dense_walk(points, 10)[0]
    monkeypatch.setattr(_nearest, "_SAMPLED", 2)  # estimates that are far off: first rows, then sweeps are repeated
    for share in (0.0, 1.0):
        monkeypatch.setattr(_exact_search, "_REPEATED", share)
        np.testing.assert_allclose(to_dense(nearest_transitions(points, n_neighbors=10, random_state=1)), S, rtol=1e-9)


def test_the_result_does_not_depend_on_threads_or_seed(small_blocks, generator):
    points = generator.standard_normal((300, 10)).astype(np.float32)
    one = nearest_transitions(points, n_jobs=1, random_state=0)
    two = nearest_transitions(points, n_jobs=3, random_state=1)
    np.testing.assert_array_equal(one.indices, two.indices)
    np.testing.assert_array_equal(one.weights, two.weights)
    approximate = [nearest_transitions(points, search="approximate", n_jobs=j, random_state=0) for j in (1, 3)]
    np.testing.assert_array_equal(approximate[0].weights, approximate[1].weights)


def test_a_function_of_distances_gives_any_metric(small_blocks, generator):
    points = generator.standard_normal((250, 6))
    distances = cdist(points, points, "cityblock")
    walk = nearest_transitions(lambda rows, columns: distances[rows][:, columns], n_subjects=250, n_neighbors=7)
    S, _, r, _ = dense_walk(None, 7, distances=distances)
    np.testing.assert_allclose(to_dense(walk), S, rtol=1e-12)
    np.testing.assert_allclose(walk.row_sums, r, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", ["all the same", "forty copies", "few patterns"])
def test_identical_subjects_give_the_largest_entries_and_no_nan(small_blocks, generator, shape, dtype):
    points = {
        "all the same": lambda: np.full((120, 4), 0.3),
        "forty copies": lambda: np.repeat(generator.standard_normal((5, 7)), 40, axis=0),
        "few patterns": lambda: generator.integers(0, 2, (200, 4)) * 1.0,
    }[shape]().astype(dtype)
    walk = nearest_transitions(points, n_neighbors=10)
    _, _, _, P = dense_walk(points, 10)
    assert np.isfinite(walk.weights).all()
    assert (np.diff(walk.indices, axis=1) > 0).all()
    assert (walk.indices == np.arange(len(points))[:, None]).any(axis=1).all()
    kept = np.take_along_axis(P, walk.indices.astype(np.intp), axis=1)
    np.testing.assert_allclose(kept.sum(axis=1), np.sort(P, axis=1)[:, -10:].sum(axis=1), rtol=1e-6)
    if shape == "all the same":
        expected = [[*range(10)] if i < 10 else [*range(9), i] for i in range(120)]
        np.testing.assert_array_equal(walk.indices, expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 40), st.integers(1, 5), st.integers(0, 2**31 - 1))
def test_rows_are_the_definition_for_any_small_cohort(n, n_features, seed):
    generator = np.random.default_rng(seed)
    points, k = generator.standard_normal((n, n_features)), int(generator.integers(1, n))
    walk = nearest_transitions(points, n_neighbors=k)
    np.testing.assert_allclose(to_dense(walk), dense_walk(points, k)[0], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(walk.weights.sum(axis=1), 1.0)


def test_the_walk_follows_the_order_and_the_scale_of_subjects(small_blocks, generator):
    points, order = generator.standard_normal((200, 5)), generator.permutation(200)
    S = to_dense(nearest_transitions(points))
    np.testing.assert_allclose(to_dense(nearest_transitions(points[order])), S[np.ix_(order, order)], rtol=1e-9)
    np.testing.assert_allclose(to_dense(nearest_transitions(1000.0 * points)), S, rtol=1e-9)


def test_the_approximate_search_finds_most_neighbors(monkeypatch, generator):
    monkeypatch.setattr(_approximate, "LEAF", 128)
    points = generator.standard_normal((2000, 8)).astype(np.float32)
    exact = nearest_transitions(points, random_state=0)
    near = nearest_transitions(points, search="approximate", random_state=0)
    shared = np.mean([len(np.intersect1d(a, b)) for a, b in zip(near.indices, exact.indices, strict=True)]) / 20
    assert shared > 0.95
    np.testing.assert_allclose(near.row_sums, exact.row_sums, rtol=0.2)
    np.testing.assert_allclose(near.weights.sum(axis=1), 1.0)


def test_rounds_of_a_tournament_never_repeat_a_team():
    for n_teams in range(1, 9):
        rounds = list(tournament(n_teams))
        games = sorted(game for games in rounds for game in games)
        assert [tuple(game) for game in games] == [(i, j) for i in range(n_teams) for j in range(i, n_teams)]
        for games in rounds[1:]:
            teams = [team for game in games for team in game]
            assert len(teams) == len(set(teams))


def test_subjects_without_the_modality_stay_where_they_are(generator):
    walk = nearest_transitions(generator.standard_normal((6, 2)), n_neighbors=3)
    present = np.array([1, 1, 0, 1, 1, 0, 1, 1], dtype=bool)
    whole = walk.to_csr(present).toarray()
    np.testing.assert_array_equal(whole[~present], np.eye(8)[~present])
    np.testing.assert_array_equal(whole[np.ix_(present, present)], to_dense(walk))
    with pytest.raises(ValueError, match="`present` names 2 subjects, the walk has 6"):
        walk.to_csr(np.array([True, True, False]))


def test_nearest_affinity_is_the_walk_as_a_sparse_array(generator):
    points = generator.standard_normal((60, 3))
    affinity = nearest_affinity(points, n_neighbors=6, metric="sqeuclidean")
    np.testing.assert_allclose(affinity.toarray(), dense_walk(points, 6, squared=True)[0], rtol=1e-10)
    assert affinity.nnz == 360


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_neighbors": 10}, "between 1 and the number of other subjects, 9, got 10"),
        ({"n_neighbors": 0}, "got 0"),
        ({"mu": 0.0}, "`mu` must be positive"),
        ({"metric": "cosine"}, "`metric` must be one of"),
        ({"search": "fast"}, "`search` must be one of"),
        ({"X": np.full((10, 2), np.nan)}, "has NaN or infinite cells in 10 rows, row 0"),
        ({"X": np.zeros(10)}, "got shape"),
    ],
)
def test_errors_say_what_to_do(generator, change, message):
    arguments = {"X": generator.standard_normal((10, 2)), "n_neighbors": 3, **change}
    with pytest.raises(ValueError, match=message):
        nearest_affinity(arguments.pop("X"), **arguments)


def test_near_pairs_are_summed_again_so_that_equal_points_are_zero_apart(generator):
    points = 100.0 + generator.standard_normal((5, 3)).astype(np.float32)
    points[1] = points[0]
    norms = np.einsum("ij,ij->i", points, points)
    tile = points @ points.T
    _nearest_compiled.products_to_squares(tile, norms, norms, points, points, np.float32(0.05))
    np.testing.assert_allclose(tile, cdist(points, points, "sqeuclidean"), rtol=1e-6)
    assert tile[0, 1] == 0.0
