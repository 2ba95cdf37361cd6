"""MetaClustering: solutions, their agreement, meta clusters and tests over the whole search."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, kruskal
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from skfuse.modalities import NoModalityWarning, Table, validate_table
from skfuse.similarity import SNFClustering
from skfuse.similarity._meta import MetaClustering
from skfuse.similarity._meta_agreement import (
    adjusted_rand_matrix,
    memberships,
    meta_clusters,
    shared_clusters,
)
from skfuse.similarity._meta_draws import draw_settings
from skfuse.similarity._meta_solution import SharedDistances
from skfuse.similarity._meta_tests import _Statistics, search_tests

WIDTHS = {"mri": 8, "pet": 6, "fmri": 5}


def cohort(n=66, seed=0, n_missing=0, distance=2.5):
    """Three groups that all modalities show."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 3
    blocks = {}
    for name, width in WIDTHS.items():
        values = distance * rng.normal(size=(3, width))[group] + rng.normal(size=(n, width))
        blocks |= {f"{name}__{i}": column for i, column in enumerate(values.T)}
    X = pd.DataFrame(blocks)
    for i in range(n_missing):
        name = list(WIDTHS)[i % 3]
        X.loc[4 * i, [column for column in X if column.startswith(f"{name}__")]] = np.nan
    return X, group


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


def search(n_solutions=12, **options):
    return MetaClustering(n_solutions=n_solutions, random_state=0, **options)


@pytest.fixture(scope="module")
def found():
    X, group = cohort(n_missing=12)
    return search(14).fit(X), X, group


# Solutions -----------------------------------------------------------------------------------------------------------


def plain_labels(settings, X):
    """What SNFClustering makes of the settings of one solution."""
    names = {name: f"^{name}__" for name in settings["blocks"]}
    given = {key: settings[key] for key in ("n_clusters", "n_neighbors", "mu", "n_iter", "metric")}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", NoModalityWarning)
        return SNFClustering(modalities=names, **given).fit(X).labels_


def test_every_solution_is_that_of_the_same_settings(found):
    model, X, _ = found
    assert len({len(one["blocks"]) for one in model.settings_}) > 1
    assert len({one["metric"]["mri"] for one in model.settings_ if "mri" in one["blocks"]}) > 1
    for labels, one in zip(model.label_matrix_, model.settings_, strict=True):
        np.testing.assert_array_equal(labels, plain_labels(one, X))


def test_metrics_of_each_modality_and_categories():
    X, group = cohort()
    X["clinical__sex"] = np.where(group == 0, "f", "m").astype(object)
    X["clinical__grade"] = group + 0.0
    metric = {"clinical": "gower", "mri": ("euclidean", "cosine")}
    model = search(10, metric=metric, drop_probability=0.1).fit(X)
    used = [one["metric"] for one in model.settings_]
    assert {one["clinical"] for one in used if "clinical" in one} == {"gower"}
    assert {one["mri"] for one in used if "mri" in one} == {"euclidean", "cosine"}
    assert {one["pet"] for one in used if "pet" in one} == {"euclidean"}
    for labels, one in zip(model.label_matrix_, model.settings_, strict=True):
        np.testing.assert_array_equal(labels, plain_labels(one, X))


def test_half_diagonal_reaches_every_solution():
    X, _ = cohort(60)
    model = search(4, variant="half-diagonal", drop_probability=0.0, metric="euclidean").fit(X)
    names = {name: f"^{name}__" for name in WIDTHS}
    for labels, one in zip(model.label_matrix_, model.settings_, strict=True):
        given = {key: one[key] for key in ("n_clusters", "n_neighbors", "mu", "n_iter")}
        plain = SNFClustering(modalities=names, variant="half-diagonal", **given).fit(X)
        np.testing.assert_array_equal(labels, plain.labels_)


def test_representatives_are_fitted_and_predict_new_subjects(found):
    model, X, _ = found
    assert len(model.estimators_) == model.n_meta_clusters_ == len(model.representatives_)
    for solution, estimator in zip(model.representatives_, model.estimators_, strict=True):
        assert type(estimator) is SNFClustering
        np.testing.assert_array_equal(estimator.labels_, model.label_matrix_[solution])
    new, _ = cohort(6, seed=0)
    np.testing.assert_array_equal(model.predict(new), model.estimators_[0].predict(new))
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    np.testing.assert_allclose(model.subject_weights(X).sum(axis=1), 1.0)
    assert list(model.predict_proba_by_modality(X)) == list(model.modality_weights_)


def plain_two_step(X, domains, one):
    """Fuse inside each domain, then across, by the public functions of arrays."""
    from skfuse._distances import SubjectMetric
    from skfuse.similarity import fuse_affinities, local_affinity

    options = {key: one[key] for key in ("n_neighbors", "n_iter")}
    networks = []
    for group in domains:
        affinities = []
        for name in group:
            block = X.filter(regex=f"^{name}__").to_numpy()
            metric = SubjectMetric(one["metric"][name]).fit(block)
            distances = metric.within(metric.encode(block))
            affinities.append(local_affinity(distances, n_neighbors=one["n_neighbors"], mu=one["mu"]))
        networks.append(fuse_affinities(affinities, **options) if len(group) > 1 else affinities[0])
    return fuse_affinities(networks, **options)


def test_two_step_fuses_inside_domains_first():
    X, _ = cohort(60)
    domains = {"brain": ["mri", "fmri"]}
    model = search(4, domains=domains, scheme="two-step", drop_probability=0.0, n_clusters=3, n_meta_clusters=4).fit(X)
    for estimator, solution in zip(model.estimators_, model.representatives_, strict=True):
        expected = plain_two_step(X, [["mri", "fmri"], ["pet"]], model.settings_[solution])
        np.testing.assert_allclose(estimator.affinity_, expected, rtol=1e-9, atol=1e-15)
        assert estimator.modality_weights_ == pytest.approx({"mri": 0.25, "pet": 0.5, "fmri": 0.25})
        np.testing.assert_array_equal(clone(estimator).fit(X).labels_, estimator.labels_)


def test_two_step_with_missing_modalities_has_no_nan():
    X, group = cohort(n_missing=15)
    model = search(8, domains={"brain": ["mri", "fmri"]}, scheme="two-step", n_clusters=3).fit(X)
    assert np.isfinite(model.estimators_[0].affinity_).all()
    everybody = [i for i, one in enumerate(model.settings_) if len(one["blocks"]) == 3]
    assert everybody
    assert min(adjusted_rand_score(group, model.label_matrix_[i]) for i in everybody) > 0.9


def test_concatenated_domains_are_one_block():
    X, _ = cohort(60)
    model = search(10, domains={"brain": ["mri", "fmri"]}, scheme="concatenate", metric="euclidean").fit(X)
    assert {"mri+fmri", "pet"} in [set(one["blocks"]) for one in model.settings_]
    for labels, one in zip(model.label_matrix_, model.settings_, strict=True):
        names = {block: "|".join(f"^{name}__" for name in members) for block, members in one["blocks"].items()}
        given = {key: one[key] for key in ("n_clusters", "n_neighbors", "mu", "n_iter")}
        np.testing.assert_array_equal(labels, SNFClustering(modalities=names, **given).fit(X).labels_)


def test_weights_of_features_scale_them():
    """Euclidean distances with weights are those of features times the roots, after standardization."""
    X, _ = cohort(60)
    weights = {"mri": np.vstack([np.eye(8)[0] + np.eye(8)[3], np.arange(1.0, 9.0)])}
    model = search(8, feature_weights=weights, metric="euclidean", drop_probability=0.0).fit(X)
    assert {one["weight_set"] for one in model.settings_} == {0, 1}
    only_two = X[["mri__0", "mri__3", *(c for c in X if not c.startswith("mri__"))]]
    for labels, one in zip(model.label_matrix_, model.settings_, strict=True):
        if one["weight_set"] == 0:
            np.testing.assert_array_equal(labels, plain_labels(one, only_two))
    for estimator, solution in zip(model.estimators_, model.representatives_, strict=True):
        np.testing.assert_array_equal(estimator.labels_, model.label_matrix_[solution])


def test_drawn_weights_are_shared_between_solutions():
    X, _ = cohort(60)
    model = search(12, feature_weights="exponential", n_weight_sets=2).fit(X)
    assert {one["weight_set"] for one in model.settings_} == {0, 1}
    assert np.isfinite(model.predict_proba(X)).all()


def test_settings_stay_inside_their_limits():
    present = {name: np.ones(200, dtype=bool) for name in WIDTHS}
    space = {
        "n_clusters": ("eigengap", 4),
        "n_neighbors": (10, 99),
        "mu": (0.3, 0.8),
        "n_iter": (10, 20),
        "metric": ("euclidean", "cosine"),
        "scheme": ("individual", "two-step"),
        "drop_probability": 0.5,
        "domains": {name: [name] for name in WIDTHS},
        "n_weight_sets": 3,
    }
    drawn = draw_settings(400, space, present, np.random.RandomState(0))
    assert (min(one["n_neighbors"] for one in drawn), max(one["n_neighbors"] for one in drawn)) == (10, 66)
    assert {one["n_iter"] for one in drawn} == set(range(10, 21))
    assert all(0.3 <= one["mu"] <= 0.8 for one in drawn)
    assert {one["n_clusters"] for one in drawn} == {"eigengap", 4}
    assert {one["weight_set"] for one in drawn} == {0, 1, 2}
    assert {len(one["blocks"]) for one in drawn} == {1, 2, 3}
    assert draw_settings(50, space, present, np.random.RandomState(0)) == drawn[:50]


# Agreement -----------------------------------------------------------------------------------------------------------


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


# Recovery ------------------------------------------------------------------------------------------------------------


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


# Search over held-out variables ---------------------------------------------------------------------------------------


def test_statistics_are_those_of_scipy():
    rng = np.random.default_rng(0)
    labels = np.vstack([rng.integers(0, 3, 60), rng.integers(0, 4, 60)])
    labels[1, :7] = -1
    numbers, codes = rng.normal(size=60).round(1), rng.integers(0, 3, 60).astype(float)
    numbers[[3, 20]] = np.nan
    statistics = _Statistics(labels, np.column_stack([numbers, codes]), np.array([False, True]))
    deviates = statistics.of(np.arange(60))
    for row, own in enumerate(labels):
        has = (own >= 0) & ~np.isnan(numbers)
        table = np.array(
            [[np.sum((own == c) & (codes == level)) for level in range(3)] for c in np.unique(own[own >= 0])]
        )
        n, k = table.sum(), len(table)
        expected = np.array(
            [
                kruskal(*(numbers[has & (own == c)] for c in range(k))).statistic,
                chi2_contingency(table, correction=False).statistic * (n - 1) / n,
            ]
        )
        freedom = np.array([k - 1, 2 * (k - 1)])
        deviate = (np.cbrt(expected / freedom) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom))
        if row == 0:
            np.testing.assert_allclose(deviates[row], deviate)
        else:  # ranks are those among all who have the variable, clustered here or not
            np.testing.assert_allclose(deviates[row, 1], deviate[1])
            np.testing.assert_allclose(deviates[row, 0], deviate[0], atol=0.1)


def test_p_values_hold_over_the_whole_search(found):
    """Family-wise errors at 10 % over 100 cohorts of 8 noise variables, and uncorrected ones for comparison."""
    model, X, _ = found
    rng, n_cohorts, alarms, uncorrected = np.random.default_rng(0), 100, 0, 0
    _, starts = memberships(model.label_matrix_)
    assert len(starts) == 14
    for seed in range(n_cohorts):
        noise = rng.normal(size=(len(X), 8))
        tests = model.held_out_test(noise, n_permutations=99, random_state=seed)
        alarms += tests.p_familywise.min() <= 0.1
        uncorrected += (tests.statistic > 1.2816).any()  # 10 % of a normal deviate
    assert alarms <= 19  # 99.8 % of Binomial(100, 0.1)
    assert uncorrected > 40


def test_variables_that_made_the_clusters_are_refused(found):
    model, X, _ = found
    with pytest.raises(ValueError, match="made the clusters"):
        model.held_out_test(X[["mri__0"]])
    copy = pd.DataFrame({"scan": 10.0 - 3.0 * X["pet__2"].to_numpy() ** 3})
    with pytest.raises(ValueError, match="'scan' is a copy"):
        model.held_out_test(copy, X=X)
    noise = np.random.default_rng(0).normal(size=len(X))
    assert model.held_out_test(noise, X=X, n_permutations=9).variable == ["variables[0]"]


def test_text_and_constant_variables():
    labels = np.array([[0] * 20 + [1] * 20, [0, 1] * 20])
    variables = pd.DataFrame({"sex": ["f"] * 20 + ["m"] * 19 + [None], "same": 1.0, "noise": np.tile(range(8), 5)})
    tests = search_tests(labels, variables, n_permutations=199, random_state=0)
    assert tests.best_solution.tolist()[:2] == [0, -1]
    assert tests.p_adjusted[0] == tests.p_familywise[0, 0] == 0.005
    assert np.isnan(tests.p_familywise[:, 1]).all()
    assert tests.to_frame().index.tolist() == ["sex", "same", "noise"]
    with pytest.raises(ValueError, match="None of the variables"):
        search_tests(labels, np.ones(40))
    with pytest.raises(ValueError, match="infinite"):
        search_tests(labels, np.r_[np.inf, np.zeros(39)])
    with pytest.raises(ValueError, match="39 rows, wanted one for each of the 40"):
        search_tests(labels, np.zeros(39))
    with pytest.raises(ValueError, match="looks like ids"):
        search_tests(labels, np.array([f"s{i}" for i in range(40)]))


def test_strata_take_the_difference_between_sites_away():
    rng = np.random.default_rng(0)
    site = np.repeat([0, 1], 40)
    labels = np.where(rng.random(80) < 0.1, 1 - site, site)[None]
    variable = 3.0 * site + rng.normal(size=80)
    assert search_tests(labels, variable, n_permutations=199, random_state=0).p_adjusted[0] == 0.005
    assert search_tests(labels, variable, n_permutations=199, strata=site, random_state=0).p_adjusted[0] > 0.1


# The estimator -------------------------------------------------------------------------------------------------------


def test_results_depend_neither_on_threads_nor_on_repetition(found):
    model, X, _ = found
    again = clone(model).fit(X)
    parallel = clone(model).set_params(n_jobs=2, n_subsamples=2).fit(X)
    for other in (again, parallel):
        np.testing.assert_array_equal(other.label_matrix_, model.label_matrix_)
        np.testing.assert_array_equal(other.ari_, model.ari_)
        assert other.settings_ == model.settings_
        for name, values in model.scores_.items():
            np.testing.assert_array_equal(other.scores_[name], values)
    one = clone(model).set_params(n_subsamples=2).fit(X)
    np.testing.assert_array_equal(one.subsample_labels_, parallel.subsample_labels_)
    fewer = clone(model).set_params(n_solutions=5).fit(X)
    np.testing.assert_array_equal(fewer.label_matrix_, model.label_matrix_[:5])


def test_threads_share_nothing_that_is_still_being_made(found, monkeypatch):
    """Who has what is known before the first thread asks."""
    model, X, _ = found
    shared = SharedDistances(validate_table(clone(model), X, reset=True), model.settings_, None)
    monkeypatch.setattr(Table, "present", property(lambda table: pytest.fail("looked up while threads run")))
    rows = np.flatnonzero(X["mri__0"].notna())
    assert shared.present(["mri"])[:, 0].sum() == len(rows) < len(X)
    assert shared.of("mri", "euclidean", None, rows) is shared.of("mri", "euclidean", None, rows)


def test_little_room_for_distances_changes_nothing(found, monkeypatch):
    model, X, _ = found
    monkeypatch.setattr("skfuse.similarity._meta_solution._SHARED_BYTES", 1)
    np.testing.assert_array_equal(clone(model).fit(X).label_matrix_, model.label_matrix_)


def test_order_of_subjects_does_not_matter():
    X, _ = cohort(80)
    order = np.random.default_rng(0).permutation(80)
    model, other = search(8).fit(X), search(8).fit(X.iloc[order])
    for ours, theirs in zip(model.label_matrix_, other.label_matrix_, strict=True):
        assert adjusted_rand_score(ours[order], theirs) == 1.0
    np.testing.assert_allclose(other.ari_, model.ari_, atol=1e-12)


def test_ranked_table(found):
    model, X, _ = found
    table = model.to_frame(model.held_out_test(np.arange(len(X)) % 3, n_permutations=19, random_state=0))
    assert table.index[0] == model.representatives_[0]
    assert table["meta_cluster"].is_monotonic_increasing
    assert sorted(table.index) == list(range(14))
    assert table["is_representative"].sum() == model.n_meta_clusters_
    assert table["p_familywise"].min() == 0.05
    for solution, row in table.iterrows():
        assert row["n_neighbors"] == model.settings_[solution]["n_neighbors"]
        assert row["uses pet"] == ("pet" in model.settings_[solution]["blocks"])


def test_who_has_no_modality_is_in_no_cluster():
    X, _ = cohort(60)
    X.iloc[7] = np.nan
    with pytest.warns(NoModalityWarning, match="1 of 60"):
        model = search(5, n_subsamples=2).fit(X)
    assert (model.label_matrix_[:, 7] == -1).all()
    assert (np.delete(model.label_matrix_, 7, axis=1) >= 0).all()
    assert model.labels_[7] == -1
    assert np.isnan(model.co_clustering()[7]).all()


def test_subjects_of_a_dropped_modality_alone_are_left_out_of_that_solution():
    X, _ = cohort(60)
    X.loc[:9, [column for column in X if not column.startswith("pet__")]] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoModalityWarning)
        model = search(15).fit(X)
    for labels, one in zip(model.label_matrix_, model.settings_, strict=True):
        assert ((labels[:10] == -1) == ("pet" not in one["blocks"])).all()


@pytest.mark.parametrize("n", [2, 3, 6])
def test_few_subjects(n):
    X, _ = cohort(n)
    model = search(5, n_subsamples=2).fit(X)
    assert model.label_matrix_.shape == (5, n)
    assert np.isfinite(model.predict_proba(X)).all()


def test_one_modality_and_one_solution():
    X, group = cohort(60)
    model = search(1, n_clusters=3, n_neighbors=15).fit(X.filter(regex="^mri"))
    assert model.settings_[0]["blocks"] == {"mri": ["mri"]}
    assert model.ari_.tolist() == [[1.0]]
    assert adjusted_rand_score(group, model.labels_) > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_neighbors": (30, 10)}, "n_neighbors.*lowest, highest"),
        ({"mu": (0.0, 0.5)}, "mu.*positive"),
        ({"n_iter": (1.5, 3)}, "n_iter.*whole"),
        ({"metric": ("euclidean", "manhattan")}, "metric.*several"),
        ({"metric": {"eeg": "cosine"}}, "eeg.*modalities of X are"),
        ({"metric": "precomputed"}, "metric.*must be one of"),
        ({"n_clusters": ("eigengap", "stability")}, "n_clusters"),
        ({"n_clusters": 61}, "n_clusters=61 is more than the 60"),
        ({"scheme": ("auto",)}, "scheme"),
        ({"domains": {"brain": ["mri", "eeg"]}}, "eeg"),
        ({"domains": {"brain": "mri"}}, "list of modalities"),
        ({"domains": {"a": ["mri"], "b": ["mri"]}}, "each in one domain"),
        ({"feature_weights": {"mri": [1.0]}}, "n_sets, 8"),
        ({"feature_weights": {"eeg": [1.0]}}, "eeg"),
        ({"feature_weights": {"mri": np.ones((2, 8)), "pet": np.ones(6)}}, "equally many sets"),
        (
            {
                "domains": {"d": ["mri", "pet"]},
                "scheme": "concatenate",
                "metric": {"mri": "gower"},
                "drop_probability": 0,
            },
            "share",
        ),
        ({"missing": "raise"}, "Subjects lack modalities"),
    ],
)
def test_errors_say_what_to_do(options, message):
    X, _ = cohort(60, n_missing=2 if "missing" in options else 0)
    with pytest.raises(ValueError, match=message):
        search(3, **options).fit(X)


def test_unknown_meta_clusters_and_missing_subsamples_are_refused(found):
    model, X, _ = found
    with pytest.raises(ValueError, match="no meta cluster 99"):
        model.co_clustering(99)
    with pytest.raises(ValueError, match="n_subsamples"):
        model.co_clustering(subsamples=True)
    with pytest.raises(ValueError, match="X has 5 subjects"):
        model.held_out_test(np.arange(66), X=X.head())
    named = X.set_axis([f"sub-{i:02}" for i in range(len(X))])
    scale = pd.Series(np.arange(len(X)) % 7, index=named.index)
    with pytest.raises(ValueError, match="another order"):
        model.held_out_test(scale.iloc[::-1], X=named)


class Recording:
    """A callback that keeps the names of the tasks."""

    def __init__(self):
        self.begun, self.ended = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **data):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context, **data):
        self.ended.append(context.task_name)


def test_progress_is_reported():
    X, _ = cohort(30)
    recording = Recording()
    search(3, n_subsamples=2).set_callbacks(recording).fit(X)
    assert recording.begun == ["fit", *(f"solution {i}" for i in range(3)), "subsamples"]
    assert sorted(recording.begun) == sorted(recording.ended)
