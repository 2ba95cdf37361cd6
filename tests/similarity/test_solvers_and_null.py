"""The matrix-free solver beside the exact one, and the p-values of SNFClustering."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from skfuse.datasets import schizophrenia_subtypes
from skfuse.io import load_model, save_model
from skfuse.modalities import NoModalityWarning, RowKernel
from skfuse.similarity import SNF, SNFClassifier, SNFClustering


def groups(n=400, *, seed=0, separation=1.0, missing=0.0, n_groups=4):
    """Each of three modalities cannot tell two of the groups apart."""
    rng = np.random.default_rng(seed)
    group = rng.integers(n_groups, size=n)
    blocks = {}
    for merged, name in enumerate(("mri", "pet", "eeg")):
        centers = separation * rng.normal(size=(n_groups, 12))
        centers[merged % n_groups] = centers[(merged + 1) % n_groups]
        values = centers[group] + rng.normal(size=(n, 12))
        values[(rng.random(n) < missing) & (np.arange(n) % 3 != merged)] = np.nan  # everybody keeps one
        blocks |= {f"{name}__{i}": column for i, column in enumerate(values.T)}
    return pd.DataFrame(blocks), group


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_both_solvers_find_the_same_clusters(missing):
    X, group = groups(missing=missing, separation=1.5)
    exact = SNFClustering(4, solver="exact").fit(X)
    free = SNFClustering(4, solver="matrix-free", random_state=0).fit(X)
    truth = adjusted_rand_score(group, exact.labels_)
    assert adjusted_rand_score(group, free.labels_) > truth - 0.05
    assert adjusted_rand_score(exact.labels_, free.labels_) > (0.97 if missing == 0 else 0.6)
    if missing == 0:  # where pairs share different modalities, the operator weighs them by subject
        np.testing.assert_allclose(free.eigenvalues_[:3], exact.eigenvalues_[:3], atol=0.02)
    new, _ = groups(60, missing=missing, separation=1.5)
    assert adjusted_rand_score(exact.predict(new), free.predict(new)) > (0.97 if missing == 0 else 0.6)
    assert not hasattr(free, "affinity_")


@pytest.mark.parametrize("metric", ["cosine", "correlation", "sqeuclidean", "gower"])
def test_metrics_of_the_matrix_free_solver_give_the_exact_neighborhoods(metric):
    X, _ = groups(150)
    exact = SNF(metric=metric, solver="exact").fit(X)
    free = SNF(metric=metric, solver="matrix-free", random_state=0).fit(X)
    for name, network in exact.networks_.items():
        np.testing.assert_allclose(free.networks_[name].bandwidth_, network.bandwidth_, rtol=1e-5)
        np.testing.assert_allclose(free.networks_[name].row_sums_, network.row_sums_, rtol=1e-4)
    np.testing.assert_allclose(free.operator_.toarray(), exact.affinity_, atol=5e-3)


def test_missing_cells_keep_the_solver_without_a_matrix():
    X, group = groups(200)
    X = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    free = SNFClustering(4, solver="matrix-free", random_state=0).fit(X)
    assert adjusted_rand_score(group, free.labels_) > 0.9
    with pytest.raises(ValueError, match="missing cells"):
        SNFClustering(4, solver="matrix-free", neighbor_search="approximate").fit(X)


def test_the_same_seed_gives_the_same_bits_whatever_the_threads():
    X, _ = groups(300)
    one, other = (SNF(solver="matrix-free", random_state=3, n_jobs=jobs).fit(X) for jobs in (1, 2))
    np.testing.assert_array_equal(one.embedding_, other.embedding_)


def test_labels_spread_over_the_operator():
    X, group = groups(300)
    y = np.where(np.arange(300) % 8 == 0, group, -1)
    free = SNFClassifier(solver="matrix-free", random_state=0).fit(X, y)
    exact = SNFClassifier().fit(X, y)
    found = free.classes_[free.label_distributions_.argmax(axis=1)]
    assert np.mean(found == exact.classes_[exact.label_distributions_.argmax(axis=1)]) > 0.95


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"variant": "half-diagonal"}, "add-identity"),
        ({"metric": {"mri": "precomputed"}}, "solver='exact'"),
        ({"n_null": 9}, "exact solver"),
        ({"n_clusters": "stability"}, "solver='exact'"),
    ],
)
def test_what_needs_the_matrix_says_so(params, words):
    X, _ = groups(80)
    if "metric" in params:
        kernel = np.exp(-((X.iloc[:, :12].to_numpy()[:, None] - X.iloc[:, :12].to_numpy()) ** 2).mean(axis=2))
        X = pd.concat([pd.DataFrame({"mri__row": range(80)}), X.iloc[:, 12:]], axis=1)
        X = RowKernel(kernel).fit_transform(X)
    with pytest.raises(ValueError, match=words):
        SNFClustering(**{"n_clusters": 4, "solver": "matrix-free"} | params).fit(X)


def test_p_values_of_structure_and_agreement():
    X, _ = groups(90, separation=2.0)
    model = SNFClustering(4, n_null=19, random_state=0).fit(X)
    assert model.null_p_ == model.agreement_p_ == 0.05  # the smallest that 19 references allow
    noise = pd.DataFrame(np.random.default_rng(0).normal(size=X.shape), columns=X.columns)
    model = SNFClustering(4, n_null=19, random_state=0).fit(noise)
    assert min(model.null_p_, model.agreement_p_) > 0.05
    assert "No evidence of clusters" in model.structure_test_.sentence()


def test_p_values_are_repeated_bit_for_bit_and_do_not_depend_on_threads():
    X, _ = groups(60, missing=0.2, separation=0.4)
    found = [
        SNFClustering(3, n_null=9, random_state=4, n_jobs=jobs).fit(X).structure_test_.reference_statistics
        for jobs in (None, None, 2)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], found[2], rtol=1e-9)


def test_p_values_that_were_not_asked_for_say_how_to_get_them():
    X, _ = groups(60)
    model = SNFClustering(3).fit(X)
    with pytest.raises(AttributeError, match="n_null"):
        _ = model.null_p_
    alone = SNFClustering(3, n_null=4, random_state=0).fit(X.iloc[:, :12])
    with pytest.raises(AttributeError, match="nothing to agree with"):
        _ = alone.agreement_p_


@pytest.mark.parametrize(
    ("change", "metric", "reason"),
    [
        ({"pet__0": ["a", "b"] * 30}, "gower", "'pet' holds text"),
        ({"pet__0": [1.0, 2.0, 3.0] + [np.nan] * 57}, "euclidean", "'pet' was measured in 3 subjects"),
    ],
)
def test_what_no_reference_can_be_drawn_for_is_refused_at_once_by_name(change, metric, reason, monkeypatch):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 4)), columns=[f"mri__{i}" for i in range(4)])
    monkeypatch.setattr(SNFClustering, "_fit_fusion", lambda *_: pytest.fail("fitted first"))
    with pytest.raises(ValueError, match=reason):
        SNFClustering(2, metric=metric, n_null=9).fit(X.assign(**change))


def test_a_second_fit_leaves_nothing_of_the_first():
    X, _ = groups(80)
    model = SNFClustering(3, n_null=4, random_state=0).fit(X)
    model.set_params(n_null=0, solver="matrix-free").fit(X.iloc[:60])
    assert not hasattr(model, "affinity_")
    with pytest.raises(AttributeError, match="n_null"):
        _ = model.null_p_


def test_graph_and_file_of_a_model_without_a_matrix(tmp_path):
    X, _ = groups(80, missing=0.3)
    X.iloc[5] = np.nan
    with pytest.warns(NoModalityWarning):
        model = SNFClustering(3, solver="matrix-free", random_state=0).fit(X)
    graph = model.to_networkx(n_neighbors=4)
    assert graph.number_of_nodes() == 80
    assert graph.degree(5) == 0
    assert graph.nodes[79]["cluster"] == model.labels_[79]
    again = load_model(save_model(model, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_rare_missing_patterns_are_not_cut_off():
    X, group = groups(300, separation=1.5)
    X.iloc[:2, :12] = np.nan  # two subjects of 300 lack a modality
    free = SNFClustering(4, solver="matrix-free", random_state=0).fit(X)
    assert np.bincount(free.labels_).min() > 20
    assert adjusted_rand_score(group, free.labels_) > 0.9


def test_a_weight_of_zero_leaves_a_modality_out():
    X, _ = groups(80)
    two = SNF(modality_weights={"eeg": 0.0}).fit(X)
    np.testing.assert_allclose(two.affinity_, SNF().fit(X.iloc[:, :24]).affinity_, atol=1e-15)
    one = SNF(modality_weights={"eeg": 0.0, "pet": 0.0}).fit(X)
    np.testing.assert_allclose(one.affinity_, SNF({"mri": "^mri__"}).fit(X).affinity_, atol=1e-15)


@pytest.mark.parametrize("params", [{"mu": {"mri": -1}}, {"mu": {"mri": 0}}, {"n_neighbors": {"mri": 2.5}}])
def test_settings_of_one_modality_are_checked(params):
    X, _ = groups(60)
    with pytest.raises(ValueError, match="'mri'"):
        SNF(**params).fit(X)


def test_torch_on_its_own_device_gives_the_same_network():
    pytest.importorskip("torch")
    X = schizophrenia_subtypes(90, missing=0.2, random_state=0).X
    for variant in ("add-identity", "half-diagonal"):
        expected = SNF(variant=variant).fit(X).affinity_
        np.testing.assert_allclose(SNF(variant=variant, device="cpu:0").fit(X).affinity_, expected, atol=1e-14)


def test_a_device_that_is_not_there_is_refused_in_plain_words(monkeypatch):
    def empty(size, device):
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(empty=empty))
    X = schizophrenia_subtypes(40, random_state=0).X
    with pytest.raises(ValueError, match=r"device='cuda' cannot be used: .* Leave device=None"):
        SNF(device="cuda").fit(X)
