"""MetaClustering: its solutions are those of the same settings, whatever the threads, their order and their number."""

import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from skfuse.modalities import NoModalityWarning, Table, validate_table
from skfuse.similarity import SNFClustering
from skfuse.similarity._meta_draws import draw_settings
from skfuse.similarity._meta_solution import SharedDistances

SHORT = runpy.run_path(str(Path(__file__).parent / "short_search.py"))
WIDTHS, cohort, search = SHORT["WIDTHS"], SHORT["cohort"], SHORT["search"]


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
