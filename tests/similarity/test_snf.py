"""SNF and SNFClustering on tables: the functions of arrays, missing modalities, new subjects, planted truth."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, v_measure_score

from skfuse.datasets import schizophrenia_subtypes
from skfuse.modalities import NoModalityWarning, RowKernel, SkippedModalityWarning
from skfuse.similarity import (
    ANF,
    GMC,
    NEMO,
    SNF,
    SNFClassifier,
    SNFClustering,
    _spectral,
    fuse_affinities,
    local_affinity,
)

CLUSTERERS = [SNFClustering, NEMO, ANF]


def subtypes(n=200, *, seed=0, missing=0.0, **changes):
    """A cohort with three clear subtypes; each block is missing for a share of the subjects."""
    story = {"subtype_separation": 10.0, "missing": {}} | changes
    cohort = schizophrenia_subtypes(n, random_state=seed, **story)
    if missing:
        rng = np.random.default_rng([1, seed])
        lacks = rng.random((n, 3)) < missing
        lacks[lacks.all(axis=1), 0] = False
        for name, who in zip(("smri", "dmri", "rsfmri"), lacks.T, strict=True):
            cohort.X.loc[who, [column for column in cohort.X if column.startswith(f"{name}__")]] = np.nan
    return cohort


@pytest.mark.parametrize("variant", ["add-identity", "half-diagonal"])
def test_the_network_is_that_of_the_functions_of_arrays(variant):
    X = subtypes(80).X
    affinities = []
    for name in ("smri", "dmri", "rsfmri"):
        block = X.filter(like=f"{name}__").to_numpy()
        z = (block - block.mean(axis=0)) / block.std(axis=0)
        affinities.append(local_affinity(np.sqrt(((z[:, None] - z) ** 2).sum(axis=2)), n_neighbors=15, mu=0.4))
    expected = fuse_affinities(affinities, n_neighbors=15, n_iter=10, variant=variant)
    snf = SNF(n_neighbors=15, mu=0.4, n_iter=10, variant=variant).fit(X)
    np.testing.assert_allclose(snf.affinity_, expected, atol=1e-13)


def test_embedding_holds_eigenvectors_of_the_random_walk():
    snf = SNF(n_components=4).fit(subtypes(90).X)
    degrees = snf.affinity_.sum(axis=1)
    walk = snf.affinity_ / degrees[:, None]
    np.testing.assert_allclose(walk @ snf.embedding_, snf.embedding_ * snf.eigenvalues_, atol=1e-10)
    np.testing.assert_allclose(degrees @ snf.embedding_, 0, atol=1e-9)
    np.testing.assert_allclose(degrees @ snf.embedding_**2 / degrees.sum(), 1)
    assert (np.diff(snf.eigenvalues_) <= 0).all()


def test_lanczos_agrees_with_the_full_solver():

    network = SNF().fit(subtypes(700).X).affinity_
    values, coordinates = _spectral.spectral_coordinates(network, 3)
    full = np.linalg.eigvalsh(network / np.sqrt(np.outer(network.sum(axis=1), network.sum(axis=1))))[::-1]
    np.testing.assert_allclose(values, full[1:4], atol=1e-10)
    walk = network / network.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(walk @ coordinates, coordinates * values, atol=1e-8)


@pytest.mark.parametrize("cls", CLUSTERERS)
def test_planted_subtypes_are_found_with_blocks_missing(cls):
    for seed in range(3):
        whole, part = subtypes(seed=seed, n_shared=2), subtypes(seed=seed, n_shared=2, missing=0.3)
        assert adjusted_rand_score(whole.y, cls(3).fit(whole.X).labels_) > 0.9
        assert adjusted_rand_score(part.y, cls(3).fit(part.X).labels_) > 0.75


@pytest.mark.parametrize("rule", ["eigengap", "nemo", "rotation", "stability"])
def test_number_of_clusters_of_well_separated_groups(rule):
    rng = np.random.default_rng(0)
    group = np.arange(160) % 4
    X = pd.DataFrame(
        {f"{name}__{i}": 8 * (group == i) + rng.normal(size=160) for name in ("mri", "pet") for i in range(4)}
    )
    model = SNFClustering(rule, random_state=0).fit(X)
    assert model.n_clusters_ == 4
    assert adjusted_rand_score(group, model.labels_) == 1.0
    assert set(model.cluster_scores_[rule]) == set(range(2, 11))
    assert set(model.cluster_scores_) >= {"eigengap", "nemo", "rotation"}


def test_labels_are_numbered_by_size_and_do_not_depend_on_a_seed():
    X = subtypes(150).X
    one, other = (SNFClustering(3, random_state=seed).fit(X) for seed in (0, 1))
    np.testing.assert_array_equal(one.labels_, other.labels_)
    assert (np.diff(np.bincount(one.labels_)) <= 0).all()
    np.testing.assert_allclose(one.cluster_shares_, np.bincount(one.labels_) / 150)


@pytest.mark.parametrize("cls", CLUSTERERS)
def test_new_subjects_get_the_cluster_of_a_refit_and_leave_the_training_network_alone(cls):
    cohort = subtypes(300, n_shared=2, missing=0.15)
    model = cls(3).fit(cohort.X.iloc[:220])
    before = joblib.hash(model)
    predicted = model.predict(cohort.X.iloc[220:])
    refit = cls(3).fit(cohort.X).labels_[220:]
    assert adjusted_rand_score(refit, predicted) > 0.85
    membership = model.predict_proba(cohort.X.iloc[220:])
    np.testing.assert_allclose(membership.sum(axis=1), 1)
    np.testing.assert_array_equal(membership.argmax(axis=1), predicted)
    assert joblib.hash(model) == before


def test_transform_of_one_subject_ignores_the_others():
    X = subtypes(120, missing=0.2).X
    snf = SNF(n_components=3).fit(X.iloc[:80])
    together = snf.transform(X.iloc[80:])
    alone = pd.concat([snf.transform(X.iloc[[i]]) for i in range(80, 120)])
    np.testing.assert_array_equal(alone, together)


def test_membership_is_the_weighted_mean_over_the_modalities_of_a_subject():
    cohort = subtypes(120, missing=0.3)
    model = SNFClustering(3, modality_weights={"smri": 2.0, "dmri": 1.0, "rsfmri": 1.0}).fit(cohort.X)
    by_modality = np.stack([np.nan_to_num(m) for m in model.predict_proba_by_modality(cohort.X).values()])
    shares = model.subject_weights(cohort.X)
    np.testing.assert_allclose(np.einsum("ij,jik->ik", shares, by_modality), model.predict_proba(cohort.X))
    assert model.modality_weights_ == {"smri": 0.5, "dmri": 0.25, "rsfmri": 0.25}


def test_who_has_nothing_is_in_no_cluster():
    X = subtypes(60).X
    X.iloc[[3, 8]] = np.nan
    with pytest.warns(NoModalityWarning, match="2 of 60"):
        model = SNFClustering(3).fit(X)
    assert (np.flatnonzero(model.labels_ == -1) == [3, 8]).all()
    assert np.isnan(model.embedding_[[3, 8]]).all()
    assert (model.affinity_[3] == 0).all()
    np.testing.assert_array_equal(model.predict(X.iloc[[3]]), -1)
    np.testing.assert_allclose(model.predict_proba(X.iloc[[3]]), model.cluster_shares_[None])


def test_modalities_of_nobody_are_left_out_and_noted():
    X = subtypes(60).X
    X.loc[:, [column for column in X if column.startswith("dmri__")]] = np.nan
    with pytest.warns(SkippedModalityWarning, match="'dmri': no subject has it"):
        model = SNFClustering(3).fit(X)
    assert model.modality_weights_ == {"smri": 0.5, "dmri": 0.0, "rsfmri": 0.5}
    assert np.isnan(model.predict_proba_by_modality(subtypes(60).X)["dmri"]).all()


def test_missing_modalities_are_refused_where_the_user_says_so():
    with pytest.raises(ValueError, match=r"'dmri': \d+.*missing='pairwise'"):
        SNF(missing="raise").fit(subtypes(80, missing=0.2).X)


def test_precomputed_affinities_come_through_row_kernels():
    X = subtypes(100).X
    smri = X.filter(like="smri__").to_numpy()
    z = (smri - smri.mean(axis=0)) / smri.std(axis=0)
    affinity = local_affinity(np.sqrt(((z[:, None] - z) ** 2).sum(axis=2)))
    rest = X.drop(columns=[column for column in X if column.startswith("smri__")])
    keyed = pd.concat([pd.DataFrame({"smri__row": np.arange(100)}, index=X.index), rest], axis=1)
    table = RowKernel(affinity).fit_transform(keyed)
    model = SNF(metric={"smri": "precomputed"}).fit(table)
    np.testing.assert_allclose(model.affinity_, SNF().fit(X).affinity_, atol=1e-13)
    train = RowKernel(affinity).fit(keyed.iloc[:70])
    model = SNF(metric={"smri": "precomputed"}).fit(train.transform(keyed.iloc[:70]))
    assert np.isfinite(model.transform(train.transform(keyed.iloc[70:])).to_numpy()).all()
    with pytest.raises(ValueError, match="RowKernel"):
        SNF(metric={"smri": "precomputed"}).fit(X)


def test_text_is_for_gower():
    X = subtypes(60).X
    X["clinical__phase"] = np.resize(["first", "relapse", None], 60)
    X["clinical__years"] = np.linspace(0, 20, 60)
    model = SNFClustering(3, metric={"clinical": "gower"}).fit(X)
    assert np.isfinite(model.predict_proba(X)).all()
    with pytest.raises(ValueError, match=r"'clinical'.*'first'"):
        SNFClustering(3).fit(X)


def test_settings_by_modality():
    X = subtypes(80).X
    model = SNF(n_neighbors={"smri": 5}, mu={"dmri": 0.3}).fit(X)
    assert model.n_neighbors_ == {"smri": 5, "dmri": 20, "rsfmri": 20}
    assert model.networks_["dmri"].mu == 0.3
    with pytest.raises(ValueError, match="'pet'"):
        SNF(n_neighbors={"pet": 5}).fit(X)


@pytest.mark.parametrize("cls", [*CLUSTERERS, GMC, SNFClassifier])
def test_a_modality_of_equals_is_left_out(cls):
    X = subtypes(60).X
    y = np.arange(60) % 2
    model = cls(2) if cls is not SNFClassifier else cls()
    alike = X.assign(**{"pet__0": 1.1, "pet__1": np.where(np.arange(60) < 9, np.nan, 0.3)})
    with pytest.warns(SkippedModalityWarning, match="'pet': all subjects who have it are alike"):
        found = model.fit(alike, y).predict(alike)
    np.testing.assert_array_equal(found, model.fit(X, y).predict(X))
    with pytest.raises(ValueError, match="who have it and differ"):
        model.fit(alike[["pet__0", "pet__1"]], y)
    with pytest.raises(ValueError, match="who have it and differ"):
        SNF(metric="gower").fit(pd.DataFrame({"pet__0": ["a"] * 30, "mri__0": [1.0] * 30}))


def test_nemo_looks_beyond_the_subject_itself_in_small_cohorts():
    X = subtypes(8).X
    network = NEMO(2).fit(X).affinity_
    assert (network > 0).sum() > 8 + 2


@pytest.mark.parametrize("cls", [*CLUSTERERS, SNFClassifier])
def test_few_or_identical_subjects_give_a_result(cls):
    rng = np.random.default_rng(0)
    identical = np.repeat(rng.normal(size=(3, 4)), 10, axis=0)
    tables = [rng.normal(size=(n, 4)) for n in (2, 3, 5)] + [identical]
    for values in tables:
        X = pd.DataFrame(values, columns=["mri__a", "mri__b", "pet__a", "pet__b"])
        y = np.arange(len(X)) % 2
        model = cls(2) if cls is not SNFClassifier else cls()
        output = model.fit(X, y).predict_proba(X)
        assert np.isfinite(output).all()
        np.testing.assert_allclose(output.sum(axis=1), 1)


def test_graph_for_networkx():
    model = SNFClustering(3).fit(subtypes(60).X)
    graph = model.to_networkx(n_neighbors=5)
    assert graph.number_of_nodes() == 60
    assert min(dict(graph.degree).values()) >= 5
    assert graph.nodes[0]["cluster"] == model.labels_[0]
    one, other, data = next(iter(graph.edges(data=True)))
    assert data["weight"] == model.affinity_[one, other]
    with pytest.raises(ValueError, match="at least 1"):
        model.to_networkx(n_neighbors=0)


def test_learned_weights_suppress_noise_and_keep_a_minority_that_is_true():
    rng = np.random.default_rng(0)
    n = 300
    truth, site = rng.integers(3, size=n), rng.integers(3, size=n)
    centers = 5 * rng.normal(size=(3, 10))

    def block(labels=None):
        return (0 if labels is None else centers[labels]) + rng.normal(size=(n, 10))

    def table(**blocks):
        return pd.DataFrame({f"{k}__{i}": column for k, values in blocks.items() for i, column in enumerate(values.T)})

    noisy = SNF(modality_weights="learned").fit(table(a=block(truth), b=block(truth), noise=block()))
    assert noisy.modality_weights_["noise"] < 0.1
    minority = SNF(modality_weights="learned").fit(table(a=block(site), b=block(site), true=block(truth)))
    assert minority.modality_weights_["true"] > 0.25


def test_labels_spread_from_few_subjects():
    cohort = subtypes(200, n_shared=2)
    y = np.where(np.arange(200) % 10 == 0, cohort.y, -1)
    model = SNFClassifier().fit(cohort.X.iloc[:150], y[:150])
    assert model.score(cohort.X.iloc[150:], cohort.y.iloc[150:]) > 0.9
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    spread = model.classes_[model.label_distributions_.argmax(axis=1)]
    assert np.mean(spread == cohort.y[:150]) > 0.9
    names = np.where(y == -1, "unknown", np.array(["a", "b", "c"])[y])
    named = SNFClassifier(unlabeled="unknown").fit(cohort.X.iloc[:150], names[:150])
    np.testing.assert_array_equal(
        named.predict(cohort.X.iloc[150:]), np.array(["a", "b", "c"])[model.predict(cohort.X.iloc[150:])]
    )


def test_unknown_labels_beside_text():
    cohort = subtypes(60)
    mixed = np.array(["a", "b"] * 15 + [-1] * 30, dtype=object)
    np.testing.assert_array_equal(SNFClassifier().fit(cohort.X, mixed).classes_, ["a", "b"])
    with pytest.raises(ValueError, match="unlabeled='-1'"):
        SNFClassifier().fit(cohort.X, mixed.astype(str))


def test_spread_labels_solve_the_linear_system():
    from skfuse.similarity._graph import strongest_edges

    cohort = subtypes(90)
    y = np.where(np.arange(90) < 40, cohort.y, -1)
    model = SNFClassifier(spreading=0.7).fit(cohort.X, y)
    graph = strongest_edges(model.affinity_, 20).toarray()
    root = np.sqrt(graph.sum(axis=1))
    Y = (y[:, None] == [0, 1, 2]).astype(float)
    F = np.linalg.solve(np.eye(90) - 0.7 * graph / root / root[:, None], Y)
    F *= Y.sum(axis=0) / Y.sum() / F.sum(axis=0)
    np.testing.assert_allclose(model.label_distributions_, F / F.sum(axis=1, keepdims=True), atol=1e-9)


def test_labels_of_one_class_are_refused():
    cohort = subtypes(60)
    with pytest.raises(ValueError, match="unlabeled"):
        SNFClassifier().fit(cohort.X, np.where(np.arange(60) < 20, 1, -1))


def test_toy_data_of_the_published_program(data_folder):
    folder = data_folder("snf_sim")
    X = pd.concat(
        [pd.read_csv(folder / f"data{i}.csv.gz", index_col=0).add_prefix(f"view{i}__") for i in (1, 2)], axis=1
    )
    labels = pd.read_csv(folder / "labels.csv")["cluster"]
    model = SNFClustering(2).fit(X)
    assert v_measure_score(labels, model.labels_) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_subjects_does_not_decide_the_scores(seed):
    embedding = SNF().fit(subtypes(90, seed=seed, subtype_separation=2.0).X).embedding_
    shuffled = embedding[np.random.default_rng(seed).permutation(90)]
    for k in (2, 4, 6):
        cost = _spectral.rotation_cost(embedding[:, : k - 1])
        assert cost == pytest.approx(_spectral.rotation_cost(shuffled[:, : k - 1]), abs=1e-9)
