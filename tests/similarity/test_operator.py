"""The fused network as an operator against the dense recursion, and its leading eigenvectors against a dense solver."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from skfuse.similarity import _eigenvectors
from skfuse.similarity._eigenvectors import leading_eigenvectors
from skfuse.similarity._nearest import nearest_transitions
from skfuse.similarity._operator import FusedOperator


def cohort(n=300, n_modalities=3, seed=0, separation=0.4):
    """Six clusters, of which each modality merges two; walks between nearest subjects."""
    generator = np.random.default_rng(seed)
    labels, walks = generator.integers(6, size=n), []
    for v in range(n_modalities):
        centers = separation * generator.standard_normal((6, 40))
        centers[2 * (v % 3)] = centers[2 * (v % 3) + 1]
        walks.append(nearest_transitions(centers[labels] + generator.standard_normal((n, 40)), random_state=0).to_csr())
    return walks, labels


@pytest.fixture(scope="module")
def three():
    return cohort()


def dense_fusion(walks, weights=None, n_iter=20, alpha=1.0, start=None):
    """The recursion with all entries; the start is 11'/n."""
    n, m = walks[0].shape[0], len(walks)
    weights = np.ones(m) if weights is None else np.asarray(weights, dtype=float)
    S = [walk.toarray() for walk in walks]
    P = [np.full((n, n), 1 / n)] * m if start is None else start
    for _ in range(n_iter):
        means = [
            sum(weights[w] * P[w] for w in range(m) if w != v or m == 1)
            / sum(weights[w] for w in range(m) if w != v or m == 1)
            for v in range(m)
        ]
        P = [S[v] @ means[v] @ S[v].T + alpha * np.eye(n) for v in range(m)]
    W = sum(weights[v] * P[v] for v in range(m)) / weights.sum()
    W = W / W.sum(axis=1, keepdims=True)
    return (W + W.T + np.eye(n)) / 2


def off_diagonal_error(got, wanted):
    apart = ~np.eye(len(got), dtype=bool)
    return np.linalg.norm((got - wanted)[apart]) / np.linalg.norm(wanted[apart])


@pytest.mark.parametrize("n_modalities", [1, 2])
@pytest.mark.parametrize("n_iter", [1, 2, 20])
def test_one_and_two_modalities_are_exact(n_modalities, n_iter):
    walks, _ = cohort(120, n_modalities)
    weights = [3.0, 1.0][:n_modalities]
    operator = FusedOperator(walks, n_iter=n_iter, alpha=0.7, modality_weights=weights)
    wanted = dense_fusion(walks, weights, n_iter=n_iter, alpha=0.7)
    np.testing.assert_allclose(operator.toarray(), wanted, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(operator.row_sums, wanted.sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("n_iter", [1, 2, 3])
def test_three_modalities_are_exact_while_no_walk_is_longer_than_the_depth(three, n_iter):
    np.testing.assert_allclose(FusedOperator(three[0], n_iter=n_iter).toarray(), dense_fusion(three[0], n_iter=n_iter))


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 5.0]])
@pytest.mark.parametrize(("depth", "bound"), [(2, 0.02), (3, 0.01), (4, 0.01)])
def test_longer_walks_are_close(three, weights, depth, bound):
    operator = FusedOperator(three[0], modality_weights=weights, depth=depth, random_state=0)
    wanted = dense_fusion(three[0], weights)
    assert off_diagonal_error(operator.toarray(), wanted) < bound
    np.testing.assert_allclose(operator.row_sums, wanted.sum(axis=1), rtol=0.003)


def test_many_modalities_keep_few_walks():
    walks, _ = cohort(300, 6)
    operator = FusedOperator(walks, random_state=0)
    assert operator.depth == 2
    assert off_diagonal_error(operator.toarray(), dense_fusion(walks)) < 0.02


def test_the_start_is_forgotten(three):
    generator = np.random.default_rng(1)
    start = [
        walk.toarray() @ walk.toarray().T + 0.1 * generator.random(walk.shape) / walk.shape[0] for walk in three[0]
    ]
    start = [P / P.sum(axis=1).mean() for P in start]
    assert off_diagonal_error(dense_fusion(three[0]), dense_fusion(three[0], start=start)) < 0.03


def test_the_operator_is_symmetric_and_repeats_itself(three):
    operators = [FusedOperator(three[0], random_state=3, n_jobs=n_jobs) for n_jobs in (1, 2)]
    X = np.random.default_rng(0).standard_normal((300, 40))
    images = [operator @ X for operator in operators]
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_allclose(X.T @ images[0], (X.T @ images[0]).T, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(operators[0] @ X[:, 0], images[0][:, 0], rtol=1e-12)
    np.testing.assert_allclose(operators[0].T @ X, images[0])
    np.testing.assert_allclose(operators[0].rows([4, 7]), operators[0].toarray()[[4, 7]], rtol=1e-9, atol=1e-12)


def test_the_network_follows_the_order_of_subjects(three):
    order = np.random.default_rng(0).permutation(300)
    moved = FusedOperator([walk[order][:, order] for walk in three[0]], random_state=0).toarray()
    kept = FusedOperator(three[0], random_state=0).toarray()[np.ix_(order, order)]
    assert off_diagonal_error(moved, kept) < 0.01  # the smooth functions start from other random numbers


def test_a_modality_of_weight_zero_counts_for_nothing(three):
    walks, _ = three
    without = FusedOperator(walks[:2]).toarray()
    np.testing.assert_allclose(FusedOperator(walks, modality_weights=[1, 1, 0]).toarray(), without, rtol=1e-10)


def test_walks_stay_at_subjects_who_lack_a_modality(three):
    walks = [walk.tolil() for walk in three[0]]
    for v, walk in enumerate(walks):
        for i in range(60 * v, 60 * v + 60):
            walk[i] = 0.0
            walk[i, i] = 1.0
    walks = [csr_array(walk) for walk in walks]
    operator = FusedOperator(walks, random_state=0)
    assert off_diagonal_error(operator.toarray(), dense_fusion(walks)) < 0.03
    np.testing.assert_allclose(FusedOperator(walks[:2]).toarray(), dense_fusion(walks[:2]), atol=1e-14)


def test_the_graph_has_the_strongest_ties(three):
    graph = FusedOperator(three[0], random_state=0).nearest_graph(10)
    W = dense_fusion(three[0])
    entries = W[graph.tocoo().row, graph.tocoo().col]
    assert abs(graph - graph.T).max() == 0.0
    assert (graph.diagonal() == 0.0).all()
    assert np.diff(graph.indptr).min() >= 10
    assert np.corrcoef(entries, graph.tocoo().data)[0, 1] > 0.9
    np.testing.assert_allclose(np.mean(graph.tocoo().data / entries), 1.0, atol=0.2)
    np.fill_diagonal(W, 0.0)
    strongest = np.argsort(-W, axis=1)[:, :10]
    assert np.take_along_axis(graph.toarray() > 0, strongest, axis=1).mean() > 0.85


@pytest.fixture
def iterated(monkeypatch):
    """No dense solver, however few the subjects."""
    monkeypatch.setattr(_eigenvectors, "_DENSE", 100)


def test_eigenvectors_equal_those_of_a_dense_solver(three, iterated):
    operator = FusedOperator(three[0], random_state=0)
    values, vectors = leading_eigenvectors(operator, 6, tol=1e-7, random_state=0)
    root = 1 / np.sqrt(operator.row_sums)
    exact_values, exact_vectors = np.linalg.eigh(root[:, None] * operator.toarray() * root)
    np.testing.assert_allclose(values, exact_values[::-1][:6], atol=1e-10)
    cosines = np.linalg.svd(exact_vectors[:, ::-1][:, :6].T @ vectors, compute_uv=False)
    np.testing.assert_allclose(cosines, 1.0, atol=1e-8)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(6), atol=1e-10)
    assert (np.sum(vectors**3, axis=0) >= 0).all()
    again = leading_eigenvectors(operator, 6, tol=1e-7, random_state=0)
    np.testing.assert_array_equal(again[1], vectors)


def test_the_leading_space_is_found_as_precisely_as_its_gap_asks_for(three, iterated):
    operator = FusedOperator(three[0], random_state=0)
    root = 1 / np.sqrt(operator.row_sums)
    matrix = root[:, None] * operator.toarray() * root
    exact = np.linalg.eigvalsh(matrix)[::-1]
    residuals = {}
    for n_leading in (1, 6):
        values, vectors = leading_eigenvectors(operator, 9, n_leading=n_leading, tol=0.3, random_state=0)
        residuals[n_leading] = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)
    assert residuals[6][:6].max() <= 0.06 * (exact[5] - exact[6])
    assert residuals[1][:6].max() > residuals[6][:6].max()
    with pytest.raises(ValueError, match="n_leading"):
        leading_eigenvectors(operator, 4, n_leading=5)


def test_eigenvectors_of_few_subjects_and_of_separate_groups():
    walks, _ = cohort(60, 2)
    values, vectors = leading_eigenvectors(FusedOperator(walks), 60)
    assert vectors.shape == (60, 60)
    assert (np.diff(values) <= 1e-12).all()
    apart = csr_array(np.kron(np.eye(4), np.full((100, 100), 0.01)))
    operator = FusedOperator([apart, apart, apart], n_iter=3)
    values, _ = leading_eigenvectors(operator, 4, random_state=0)
    assert values[0] == pytest.approx(1.0)
    assert values[3] > 0.5


def test_too_few_products_warn(three, iterated):
    with pytest.warns(ConvergenceWarning, match="residuals up to .* after 1 products"):
        leading_eigenvectors(FusedOperator(three[0], random_state=0), 8, tol=1e-9, max_products=1, random_state=0)


def test_planted_clusters_are_those_of_the_exact_network(three, iterated):
    walks, labels = three
    found = {}
    for name, matrix in (("exact", dense_fusion(walks)), ("operator", None)):
        if matrix is None:
            vectors = leading_eigenvectors(FusedOperator(walks, random_state=0), 6, random_state=0)[1]
        else:
            root = 1 / np.sqrt(matrix.sum(axis=1))
            vectors = np.linalg.eigh(root[:, None] * matrix * root)[1][:, -6:]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        found[name] = KMeans(6, n_init=10, random_state=0).fit_predict(vectors)
    assert adjusted_rand_score(found["exact"], found["operator"]) >= 0.98
    assert adjusted_rand_score(labels, found["operator"]) > 0.9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modality_weights": [1, 2]}, "must be 3 non-negative numbers"),
        ({"modality_weights": [0, 0, 0]}, "not all zero"),
        ({"modality_weights": [1, -1, 1]}, "non-negative"),
        ({"n_iter": 0}, "`n_iter` must be at least 1"),
        ({"depth": 0}, "`depth` must be"),
        ({"transitions": [csr_array(np.eye(3)), csr_array(np.eye(4)), csr_array(np.eye(3))]}, "one shape"),
        ({"transitions": [csr_array(np.ones((3, 3)))] * 3}, "rows sum to 1"),
        ({"transitions": [np.eye(3)] * 3}, "sparse square array"),
    ],
)
def test_errors_say_what_to_do(three, change, message):
    with pytest.raises(ValueError, match=message):
        FusedOperator(**{"transitions": three[0], **change})


def test_more_eigenvectors_than_subjects_are_refused():
    with pytest.raises(ValueError, match="between 1 and the number of subjects, 3"):
        leading_eigenvectors(FusedOperator([csr_array(np.full((3, 3), 1 / 3))]), 4)


def test_missing_modalities_are_weighed_by_what_each_subject_has():
    rng = np.random.default_rng(0)
    n, weights = 40, np.array([0.5, 0.3, 0.2])
    present = rng.random((n, 3)) > 0.4
    present[:3] = np.eye(3, dtype=bool)  # some have one modality only
    present[~present.any(axis=1), 0] = True
    walks, dense = [], []
    for has in present.T:
        S = np.where(has[:, None] & has, rng.random((n, n)) ** 8, 0.0)
        S = np.divide(S, S.sum(axis=1, keepdims=True), out=np.zeros_like(S), where=has[:, None])
        dense.append(S)
        walks.append(csr_array(S))

    def root_shares(columns):
        shares = present * weights * columns
        return np.sqrt(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300))

    P = [np.zeros((n, n)) for _ in walks]  # the start is added at the end
    for _ in range(6):
        after = []
        for v, S in enumerate(dense):
            g = root_shares(np.arange(3) != v)
            alone = ~(present[:, np.arange(3) != v].any(axis=1))
            g[alone], g[alone, v] = 0.0, 1.0
            after.append(S @ sum(np.outer(g[:, w], g[:, w]) * P[w] for w in range(3)) @ S.T + np.eye(n))
        P = after
    both = [np.outer(has, has) for has in present.T]
    shared = sum(weight * pair for weight, pair in zip(weights, both, strict=True))
    W = sum(weight * pair * p for weight, pair, p in zip(weights, both, P, strict=True))
    W = np.divide(W, shared, out=np.zeros((n, n)), where=shared > 0) + 1 / n
    assert (shared == 0).any()
    W[shared == 0] += W.sum() / (shared > 0).sum()
    W /= W.sum(axis=1, keepdims=True)
    expected = (W + W.T + np.eye(n)) / 2
    operator = FusedOperator(walks, n_iter=6, modality_weights=weights, present=present, depth=6, random_state=0)
    np.testing.assert_allclose(operator.toarray(), expected, atol=0.02)  # 5 % of the weights of pairs
    np.testing.assert_allclose(operator.row_sums, operator.toarray().sum(axis=1))
