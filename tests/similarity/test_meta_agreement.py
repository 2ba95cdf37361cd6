"""MetaClustering: agreement of solutions, meta clusters and their medoids, and planted partitions found again."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from skfuse.similarity._meta import MetaClustering
from skfuse.similarity._meta_agreement import adjusted_rand_matrix, meta_clusters, shared_clusters

SHORT = runpy.run_path(str(Path(__file__).parent / "short_search.py"))
cohort, search = SHORT["cohort"], SHORT["search"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**20), st.integers(2, 9), st.integers(2, 25))
def test_adjusted_rand_matrix_is_that_of_scikit_learn(seed, n_solutions, n):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, rng.integers(1, 5, size=n_solutions)[:, None], size=(n_solutions, n))
    labels[rng.random(labels.shape) < 0.2] = -1
    ari = adjusted_rand_matrix(labels)
    for i in range(n_solutions):
        for j in range(n_solutions):
            both = (labels[i] >= 0) & (labels[j] >= 0)
            if i == j or both.sum() >= 2:
                expected = adjusted_rand_score(labels[i][both], labels[j][both]) if both.sum() >= 2 else 1.0
                assert ari[i, j] == pytest.approx(expected, abs=1e-12)
            else:
                assert ari[i, j] == 0.0


def test_chunks_change_nothing(monkeypatch):
    labels = np.random.default_rng(0).integers(0, 4, size=(20, 50))
    whole = adjusted_rand_matrix(labels)
    monkeypatch.setattr("skfuse.similarity._meta_agreement._CHUNK_BYTES", 1)
    np.testing.assert_array_equal(adjusted_rand_matrix(labels), whole)


def test_co_clustering_counts_pairs():
    labels = np.array([[0, 0, 1, -1], [0, 1, 1, -1], [0, 0, -1, 1]])
    expected = np.full((4, 4), np.nan)
    for i in range(4):
        for j in range(4):
            both = (labels[:, i] >= 0) & (labels[:, j] >= 0)
            if both.any():
                expected[i, j] = np.mean(labels[both, i] == labels[both, j])
    np.testing.assert_allclose(shared_clusters(labels), expected)


def test_number_of_meta_clusters():
    rng = np.random.default_rng(0)
    families = [rng.integers(0, 3, 200) for _ in range(4)]

    def noisy(labels, share):
        return np.where(rng.random(200) < share, rng.integers(0, 3, 200), labels)

    many = np.array([noisy(family, 0.1) for family in families for _ in range(6)])
    groups, _ = meta_clusters(adjusted_rand_matrix(many))
    assert adjusted_rand_score(groups, np.repeat(np.arange(4), 6)) == 1.0
    nearly_one = np.array([noisy(families[0], share) for share in (0.002, 0.01) for _ in range(6)])
    assert set(meta_clusters(adjusted_rand_matrix(nearly_one))[0]) == {0}
    assert set(meta_clusters(adjusted_rand_matrix(rng.integers(0, 3, size=(12, 200))))[0]) == {0}  # none agree
    assert len(set(meta_clusters(adjusted_rand_matrix(nearly_one), 3)[0])) == 3


def test_representatives_are_medoids(found):
    model, _, _ = found
    for group, solution in enumerate(model.representatives_):
        members = np.flatnonzero(model.meta_labels_ == group)
        covered = (model.label_matrix_[members] >= 0).sum(axis=1)
        members = members[covered == covered.max()]
        best = max(model.typicality_[members])
        assert model.typicality_[solution] == pytest.approx(best)
        others = np.flatnonzero((model.meta_labels_ == group) & (np.arange(14) != solution))
        if len(others):
            assert model.typicality_[solution] == pytest.approx(model.ari_[solution, others].mean())
    sizes = np.bincount(model.meta_labels_)
    assert (np.diff(sizes) <= 0).all()


# Recovery -------------------------------------------------------------------------------------------------------------


def two_partitions(n=120, seed=0):
    """One partition in `mri`, another, crossed with it, in `pet`."""
    rng = np.random.default_rng(seed)
    first, second = np.arange(n) % 2, (np.arange(n) // 2) % 3
    values = {}
    for name, group in (("mri", first), ("pet", second)):
        centers = 3.0 * rng.normal(size=(3, 8))
        block = centers[group] + rng.normal(size=(n, 8))
        values |= {f"{name}__{i}": column for i, column in enumerate(block.T)}
    return pd.DataFrame(values), first, second


def test_two_planted_partitions_are_two_meta_clusters():
    X, first, second = two_partitions()
    model = MetaClustering(n_solutions=40, n_neighbors=(10, 30), random_state=0).fit(X)
    for truth in (first, second):
        scores = [adjusted_rand_score(truth, model.label_matrix_[i]) for i in model.representatives_]
        assert max(scores) > 0.95
    best = {int(np.argmax([adjusted_rand_score(t, e.labels_) for e in model.estimators_])) for t in (first, second)}
    assert len(best) == 2
    variables = pd.DataFrame({"outcome": first + 0.0, "noise": np.random.default_rng(1).normal(size=len(X))})
    tests = model.held_out_test(variables, random_state=0)
    assert tests.p_adjusted[0] <= 0.01 < tests.p_adjusted[1]
    assert adjusted_rand_score(first, model.label_matrix_[tests.best_solution[0]]) > 0.95


def test_one_planted_partition_is_one_meta_cluster_that_is_stable():
    X, group = cohort()
    model = search(16, n_clusters=3, n_neighbors=(10, 25), n_subsamples=6).fit(X)
    assert model.n_meta_clusters_ == 1
    assert adjusted_rand_score(group, model.labels_) == 1.0
    assert model.stability_["to_whole"][0] > 0.95
    assert model.stability_["pairwise"][0] > 0.95
    together = model.co_clustering(0, subsamples=True)
    same = group[:, None] == group
    assert np.nanmin(together[same]) > 0.9
    assert np.nanmax(together[~same]) < 0.1
