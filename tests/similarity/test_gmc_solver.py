"""Graph-based multi-view clustering: parity with a plain transcription, laws, hard input, published figures."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from skfuse.similarity._gmc_graphs import Neighbors, project_to_simplex, row_distances
from skfuse.similarity._gmc_solver import gmc

VIEWS = ("fac", "fou", "kar", "mor", "pix", "zer")


def make_distances(n_subjects, n_modalities, seed, n_groups=3, distance=2.0):
    rng = np.random.default_rng(seed)
    group = np.arange(n_subjects) % n_groups
    found = []
    for _ in range(n_modalities):
        points = rng.normal(scale=distance, size=(n_groups, 5))[group] + rng.normal(size=(n_subjects, 5))
        squares = ((points[:, None] - points) ** 2).sum(axis=2)
        found.append((squares + squares.T) / 2)
    return found, group


def simplex(values):
    """Projection of one vector on the simplex by bisection of the threshold."""
    low, high = values.min() - 1.0, values.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(values - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(values - high, 0)


def transcription(distances, n_clusters, K, n_iter, penalty=1.0, tol=1e-10):
    """The published updates for complete data, subject by subject, with full matrices."""
    m, n = len(distances), len(distances[0])
    order = [np.argsort(d + np.diag(np.full(n, np.inf)), axis=1, kind="stable")[:, : K + 1] for d in distances]

    def graph(d, nearest, w, U):
        S = np.zeros((n, n))
        for i in range(n):
            e = d[i, nearest[i]] - 2 * w * U[i, nearest[i]]
            last = np.sort(e)[K]
            S[i, nearest[i]] = (last - e) / (K * last - np.sort(e)[:K].sum())
        return S

    def embed(U):
        values, vectors = np.linalg.eigh(np.diag((U + U.T).sum(axis=1) / 2) - (U + U.T) / 2)
        return values[: n_clusters + 1], vectors[:, :n_clusters]

    U = sum(graph(d, near, 0.0, np.zeros((n, n))) for d, near in zip(distances, order, strict=True)) / m
    w, F = np.full(m, 1 / m), embed(U)[1]
    for _ in range(n_iter):
        S = [graph(d, near, w[v], U) for v, (d, near) in enumerate(zip(distances, order, strict=True))]
        w = np.array([0.5 / np.linalg.norm(U - s) for s in S])
        U = np.zeros((n, n))
        for i in range(n):
            joined = np.flatnonzero(sum(s[i] > 0 for s in S))
            g = ((F[i] - F[joined]) ** 2).sum(axis=1)
            U[i, joined] = simplex(sum(s[i, joined] - penalty / (2 * m * a) * g for s, a in zip(S, w, strict=True)) / m)
        before = F
        values, F = embed(U)
        if values[:n_clusters].sum() > tol:
            penalty *= 2
        elif values.sum() < tol:
            penalty, F = penalty / 2, before
        else:
            break
    return U, w / w.sum()


@pytest.mark.parametrize(("seed", "distance"), [(0, 2.0), (1, 1.0), (2, 0.5)])
def test_graph_and_weights_are_those_of_the_formulas(seed, distance):
    distances, _ = make_distances(45, 3, seed, distance=distance)
    expected, weights = transcription(distances, 3, 6, n_iter=30)
    found = gmc(distances, n_clusters=3, n_neighbors=6)
    np.testing.assert_allclose(found.unified_graph.toarray(), expected, atol=1e-8)
    np.testing.assert_allclose(found.modality_weights, weights, rtol=1e-8)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n_columns=st.integers(1, 12))
def test_projection_is_the_nearest_point_of_the_simplex(seed, n_columns):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, n_columns))
    valid = rng.random((4, n_columns)) < 0.7
    valid[:3, 0] = True
    valid[3] = False
    found = project_to_simplex(values, valid)
    assert not found[~valid].any()
    for row, inside, projected in zip(values[:3], valid[:3], found[:3], strict=True):
        np.testing.assert_allclose(projected[inside], simplex(row[inside]), atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), strength=st.sampled_from([0.0, 1.0, 100.0]))
def test_graph_of_a_modality_minimizes_its_part_of_the_objective(seed, strength):
    (squares,), _ = make_distances(12, 1, seed=seed)
    K, w = 4, 0.5 * strength
    neighbors = Neighbors(squares, np.ones(12, dtype=bool), K, 0)
    u = np.random.default_rng(seed).dirichlet(np.ones(K + 1), size=12)
    found = neighbors.graph(2 * w * u)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    costs = np.sort(neighbors.squares - 2 * w * u, axis=1)
    beta = (K * costs[:, K] - costs[:, :K].sum(axis=1)) / 2  # beta + w of the objective
    for s, d, pull, b in zip(found, neighbors.squares, u, beta, strict=True):
        gradient = d - 2 * w * pull + 2 * b * s
        assert np.ptp(gradient[s > 0]) < 1e-8 * np.abs(gradient).max()  # the multiplier of the sum
        assert (gradient[s <= 0] >= gradient[s > 0].max() - 1e-8 * np.abs(gradient).max()).all()


@pytest.mark.parametrize("missing", [False, True])
def test_planted_groups_are_the_connected_components(missing):
    distances, group = make_distances(90, 3, seed=4, distance=3.0)
    present = np.ones((90, 3), dtype=bool)
    if missing:
        present = np.random.default_rng(4).random((90, 3)) > 0.3
        present[~present.any(axis=1), 0] = True
    found = gmc(distances, n_clusters=3, n_neighbors=8, present=present)
    assert found.n_components == 3
    assert adjusted_rand_score(group, found.labels) > 0.95
    np.testing.assert_allclose(found.unified_graph.sum(axis=1), 1.0)
    np.testing.assert_allclose(found.embedding.T @ found.embedding, np.eye(3), atol=1e-12)
    for graph, has in zip(found.modality_graphs, present.T, strict=True):
        np.testing.assert_allclose(graph.sum(axis=1), has)
        assert not graph[:, ~has].count_nonzero()


def test_a_modality_of_noise_gets_the_smallest_weight():
    distances, _ = make_distances(90, 3, seed=5, distance=3.0)
    noise = np.random.default_rng(5).normal(size=(90, 5))
    distances.append(((noise[:, None] - noise) ** 2).sum(axis=2))
    weights = gmc(distances, n_clusters=3, n_neighbors=8).modality_weights
    assert np.argmin(weights) == 3


def accuracy(truth, labels):
    """Share of subjects in the right cluster under the best matching of clusters and classes."""
    table = contingency_matrix(truth, labels)
    rows, columns = linear_sum_assignment(-table)
    return table[rows, columns].sum() / len(truth)


def test_figures_on_mfeat_reach_the_published_ones(data_folder):
    # About .88, .90 and .85 were published; .880, .903 and .849 are figures of a reimplementation. The figures move by
    # a few thousandths with the treatment of rows in which the published closed form is not the minimizer.
    folder = data_folder("mfeat")
    digit = pd.read_csv(folder / "labels.csv")["digit"].to_numpy()
    blocks = [pd.read_csv(folder / f"{view}.csv.gz", index_col=0).to_numpy(np.float64) for view in VIEWS]
    found = gmc([row_distances(block) for block in blocks], n_clusters=10)
    assert found.n_components == 10
    figures = [
        measure(digit, found.labels) for measure in (accuracy, normalized_mutual_info_score, adjusted_rand_score)
    ]
    np.testing.assert_allclose(figures, [0.8835, 0.9086, 0.8551], atol=6e-5)


def test_clusters_follow_the_order_of_subjects_and_modalities():
    distances, _ = make_distances(60, 3, seed=6)
    present = np.random.default_rng(6).random((60, 3)) > 0.2
    present[~present.any(axis=1), 0] = True
    found = gmc(distances, n_clusters=3, n_neighbors=6, present=present)
    order, other = np.random.default_rng(6).permutation(60), [2, 0, 1]
    shuffled = [distances[v][np.ix_(order, order)] for v in other]
    again = gmc(shuffled, n_clusters=3, n_neighbors=6, present=present[order][:, other])
    np.testing.assert_allclose(
        again.unified_graph.toarray(), found.unified_graph.toarray()[np.ix_(order, order)], atol=1e-8
    )
    assert adjusted_rand_score(found.labels[order], again.labels) == 1.0
    np.testing.assert_allclose(again.modality_weights, found.modality_weights[other], rtol=1e-8)


def test_entries_of_missing_subjects_are_not_read():
    distances, _ = make_distances(40, 2, seed=7)
    present = np.ones((40, 2), dtype=bool)
    present[:8, 1], present[8] = False, False
    expected = gmc(distances, n_clusters=3, n_neighbors=5, present=present)
    for squares, has in zip(distances, present.T, strict=True):
        squares[~has], squares[:, ~has] = np.nan, np.nan
    found = gmc(distances, n_clusters=3, n_neighbors=5, present=present)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.labels[8] == -1
    assert set(found.labels) == {-1, 0, 1, 2}
    assert np.isfinite(np.delete(found.embedding, 8, axis=0)).all()


def test_too_few_components_are_split_and_too_many_joined():
    distances, group = make_distances(40, 2, seed=8, n_groups=4, distance=30.0)
    with pytest.warns(ConvergenceWarning, match="with 4 connected components, 2 were wanted; the nearest"):
        joined = gmc(distances, n_clusters=2, n_neighbors=5)
    assert set(joined.labels) == {0, 1}
    assert all(len(set(joined.labels[group == one])) == 1 for one in range(4))
    with pytest.warns(ConvergenceWarning, match="after 1 iterations with 4 connected components, 6 were wanted"):
        split = gmc(distances, n_clusters=6, n_neighbors=5, n_iter=1)
    assert set(split.labels) == set(range(6))


@pytest.mark.parametrize("n_subjects", [3, 4, 10])
def test_identical_subjects_and_few_of_them(n_subjects):
    squares = np.zeros((n_subjects, n_subjects))
    found = gmc([squares, squares], n_clusters=1, n_neighbors=1 if n_subjects == 3 else 2)
    assert (found.labels == 0).all()
    assert np.isfinite(found.modality_weights).all()
    np.testing.assert_allclose(found.unified_graph.sum(axis=1), 1.0)


def test_as_many_clusters_as_subjects():
    distances, _ = make_distances(8, 1, seed=9)
    with pytest.warns(ConvergenceWarning, match="8 were wanted"):
        found = gmc(distances, n_clusters=8, n_neighbors=2)
    assert sorted(found.labels) == list(range(8))


def test_rows_are_standardized_over_their_own_features():
    block = np.random.default_rng(10).normal(size=(7, 12))
    block[3] = 2.5
    others = np.delete(np.arange(7), 3)
    expected = 2 * 11 * (1 - np.corrcoef(block[others]))
    np.testing.assert_allclose(row_distances(block)[np.ix_(others, others)], expected, atol=1e-12)
    np.testing.assert_allclose(row_distances(block)[3, others], 11.0)


def test_missing_cells_leave_the_correlation_over_shared_features():
    block = np.random.default_rng(11).normal(size=(6, 12))
    complete = row_distances(block)
    block[2, 4] = np.nan
    found = row_distances(block)
    others = np.delete(np.arange(6), 2)
    np.testing.assert_allclose(found[np.ix_(others, others)], complete[np.ix_(others, others)], atol=1e-10)
    shared = np.delete(np.arange(12), 4)
    np.testing.assert_allclose(found[2, 0], 2 * 11 * (1 - np.corrcoef(block[[2, 0]][:, shared])[0, 1]), rtol=1e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"distances": []}, "Give one square array per modality"),
        ({"n_neighbors": 11}, "needs at least 13 subjects who have modality 0, got 12"),
        ({"n_neighbors": 0}, "`n_neighbors` must be a whole number"),
        ({"n_clusters": 13}, "more than the 12 subjects"),
        ({"n_clusters": 0}, "`n_clusters` must be a whole number"),
        ({"rank_penalty": 0.0}, "must be positive"),
        ({"present": np.ones((12, 1), dtype=bool)}, r"must have shape \(12, 2\)"),
        ({"distances": [np.ones((12, 12)), np.full((12, 12), np.nan)]}, "contains NaN"),
        ({"distances": [np.ones((12, 12)), -np.ones((12, 12))]}, "must not be negative"),
    ],
)
def test_bad_input_is_refused(change, message):
    given_ = {"distances": [np.ones((12, 12))] * 2, "n_clusters": 2, "n_neighbors": 3} | change
    with pytest.raises(ValueError, match=message):
        gmc(given_.pop("distances"), **given_)
