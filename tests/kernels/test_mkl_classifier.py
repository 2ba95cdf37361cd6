"""The classifier of multiple kernels: scikit-learn's SVC, rules for weights, bad input, planted truth, searches."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skfuse.kernels import MKLClassifier, ModalityKernel, alignment_weights, easymkl_weights
from skfuse.kernels._sigmoid import fit_sigmoid
from skfuse.modalities import RowKernel, SkippedModalityWarning
from skfuse.preprocessing import ModalityScaler

BLOCKS = {"mri": slice(0, 4), "pet": slice(4, 7), "noise": slice(7, 12)}


def make_data(n=80, seed=0, n_classes=2):
    """Three modalities, of which the first tells classes apart best and the last not at all."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 12))
    score = X[:, 0] + X[:, 1] + 0.5 * X[:, 4] + 0.3 * rng.normal(size=n)
    return X, np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))


def as_frame(X):
    names = [f"{name}__f{j}" for name, place in BLOCKS.items() for j in range(place.stop - place.start)]
    return pd.DataFrame(X, columns=names)


def plain_rbf(width):
    return ModalityKernel("rbf", width=width, standardize=False, normalization=None)


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("weighting", ["lp", "easymkl", "alignf", "average"])
def test_one_kernel_is_svc(class_weight, weighted, weighting):
    X, y = make_data()
    y[:15] = 0
    weight = np.random.default_rng(1).uniform(0.1, 3, len(y)) if weighted else None
    ours = MKLClassifier({"all": slice(0, 12)}, kernels=plain_rbf(2.0), C=2.0, tol=1e-10, weighting=weighting)
    ours.set_params(class_weight=class_weight).fit(X, y, sample_weight=weight)
    svc = SVC(C=2.0, gamma=1 / (2 * 2.0**2), class_weight=class_weight, tol=1e-8).fit(X, y, sample_weight=weight)
    new = make_data(seed=2)[0]
    np.testing.assert_allclose(ours.decision_function(new), svc.decision_function(new), atol=2e-5)
    coefficients = np.zeros(len(y))
    coefficients[svc.support_] = svc.dual_coef_[0]
    np.testing.assert_allclose(ours._terms[0].coefficients[:, 0], coefficients, atol=1e-4)
    assert ours.dual_gap_ <= 1e-10
    # the intercept of ours is the decision of a usual subject, that of SVC the constant
    assert ours.intercept_[0] == pytest.approx(svc.decision_function(X).mean(), abs=1e-4)


@pytest.mark.parametrize("kernel_sum", ["sum", "mean"])
def test_an_infinite_p_is_the_sum_or_the_average(kernel_sum):
    X, y = make_data()
    kernels = sum(rbf_kernel(X[:, place], gamma=1 / 8) for place in BLOCKS.values())
    K = kernels if kernel_sum == "sum" else kernels / 3
    svc = SVC(kernel="precomputed", tol=1e-8).fit(K, y)
    options = {"kernels": plain_rbf(2.0), "kernel_sum": kernel_sum, "tol": 1e-10}
    for choice in ({"p": np.inf}, {"weighting": "average"}):
        ours = MKLClassifier(BLOCKS, **options, **choice).fit(X, y)
        np.testing.assert_allclose(ours.decision_function(X), svc.decision_function(K), atol=1e-5)
        assert list(ours.kernel_weights_.values()) == pytest.approx([1 if kernel_sum == "sum" else 1 / 3] * 3)
    near = MKLClassifier(BLOCKS, **options | {"tol": 1e-6}, p=1000).fit(X, y)
    np.testing.assert_allclose(near.decision_function(X), svc.decision_function(K), atol=5e-3)


@pytest.mark.parametrize("kernel_sum", ["sum", "mean"])
@pytest.mark.parametrize("p", [1, 4 / 3, 2, 8])
def test_weights_are_on_the_sphere(kernel_sum, p):
    X, y = make_data()
    weights = MKLClassifier(BLOCKS, p=p, kernel_sum=kernel_sum).fit(X, y).kernel_weights_.values()
    size = sum(w**p for w in weights) ** (1 / p)
    assert size == pytest.approx(1 if kernel_sum == "sum" else 3 ** (1 / p - 1))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), p=st.sampled_from([1, 4 / 3, 2, np.inf]), C=st.sampled_from([0.01, 1.0, 100.0]))
def test_the_duality_gap_is_within_tol_on_every_fit(seed, p, C):
    X, y = make_data(40, seed)
    ours = MKLClassifier(BLOCKS, p=p, C=C).fit(X, y)  # a ConvergenceWarning would be an error
    assert ours.dual_gap_ <= 1e-2


def training_kernels(X):
    return [ModalityKernel().fit_transform(X[:, place]) for place in BLOCKS.values()]


def test_rules_are_the_functions_of_kernels():
    X, y = make_data()
    kernels, sides, weight = training_kernels(X), np.where(y == 1, 1.0, -1.0), np.arange(1.0, 81.0)
    for sample_weight in (None, weight):
        for kind in ("align", "alignf"):
            found = MKLClassifier(BLOCKS, weighting=kind).fit(X, y, sample_weight=sample_weight).kernel_weights_
            expected = alignment_weights(kernels, sides, kind=kind, sample_weight=sample_weight)
            np.testing.assert_allclose(list(found.values()), expected, atol=1e-9)
        for kernel_sum in ("mean", "sum"):
            ours = MKLClassifier(BLOCKS, weighting="easymkl", easymkl_lambda=0.3, kernel_sum=kernel_sum)
            found = ours.fit(X, y, sample_weight=sample_weight).kernel_weights_
            options = {"easymkl_lambda": 0.3, "kernel_sum": kernel_sum, "sample_weight": sample_weight}
            np.testing.assert_allclose(list(found.values()), easymkl_weights(kernels, sides, **options), atol=1e-9)


def test_given_weights():
    X, y = make_data()
    frame = as_frame(X)
    kernels = {"mri": ["linear", "rbf"], "pet": "rbf", "noise": "drop"}
    by_modality = MKLClassifier(kernels=kernels, weighting={"mri": 0.6, "pet": 0.4}).fit(frame, y)
    assert by_modality.kernel_weights_ == {"mri__linear": 0.3, "mri__rbf": 0.3, "pet__rbf": 0.4}
    by_kernel = MKLClassifier(kernels=kernels, weighting={"mri__linear": 0.3, "mri__rbf": 0.3, "pet": 0.4})
    by_number = MKLClassifier(kernels=kernels, weighting=[0.3, 0.3, 0.4])
    for other in (by_kernel, by_number):
        np.testing.assert_allclose(other.fit(frame, y).decision_function(frame), by_modality.decision_function(frame))
    assert by_modality.modality_weights_ == pytest.approx({"mri": 0.6, "pet": 0.4})
    none = MKLClassifier(kernels=kernels, weighting={"mri": 1.0, "pet": 0.0}).fit(frame, y)
    alone = MKLClassifier(kernels=kernels | {"pet": "drop"}, weighting={"mri": 1.0}).fit(frame, y)
    np.testing.assert_allclose(none.decision_function(frame), alone.decision_function(frame), atol=1e-9)


@pytest.mark.parametrize(
    ("weighting", "message"),
    [
        ({"mri": 1.0}, r"without a weight: \['pet__rbf', 'noise__rbf'\]"),
        ({"mri": 1.0, "pet": 1.0, "noise": 1.0, "csf": 1.0}, r"unknown: \['csf'\]"),
        ([1.0, 1.0], r"shape \(2,\), wanted .* for each of the 3 kernels"),
        ([0.0, 0.0, 0.0], "not all of them 0"),
        ([1.0, -1.0, 1.0], "at least 0"),
        ([1.0, np.nan, 1.0], "finite"),
    ],
)
def test_given_weights_that_do_not_fit_are_refused(weighting, message):
    X, y = make_data()
    with pytest.raises(ValueError, match=message):
        MKLClassifier(weighting=weighting).fit(as_frame(X), y)


def test_several_classes_are_one_machine_each():
    X, y = make_data(90, n_classes=3)
    ours = MKLClassifier(BLOCKS, kernels=plain_rbf(2.0), weighting="average", tol=1e-10).fit(X, y)
    K = sum(rbf_kernel(X[:, place], gamma=1 / 8) for place in BLOCKS.values()) / 3
    expected = np.column_stack(
        [SVC(kernel="precomputed", tol=1e-8).fit(K, y == label).decision_function(K) for label in range(3)]
    )
    np.testing.assert_allclose(ours.decision_function(X), expected, atol=1e-5)
    np.testing.assert_array_equal(ours.predict(X), expected.argmax(axis=1))


@pytest.mark.parametrize("weighting", ["lp", "easymkl", "align", "alignf"])
def test_several_classes_share_the_weights(weighting):
    X, y = make_data(120, n_classes=3)
    ours = MKLClassifier(BLOCKS, weighting=weighting).fit(X, np.array(["low", "mid", "top"])[y])
    assert ours.decision_function(X).shape == (120, 3)
    assert (ours.predict(X) == np.array(["low", "mid", "top"])[y]).mean() > 0.6
    assert max(ours.modality_weights_, key=ours.modality_weights_.get) == "mri"


@pytest.mark.parametrize("weighting", ["lp", "easymkl", "align", "alignf"])
def test_the_informative_modality_gets_the_largest_weight(weighting):
    mean = np.zeros(3)
    for seed in range(5):
        X, y = make_data(150, seed)
        ours = MKLClassifier(BLOCKS, weighting=weighting, p=1).fit(X, y)
        mean += np.array(list(ours.modality_weights_.values())) / 5
    assert mean.argmax() == 0
    if weighting != "easymkl":  # which leaves noise nearly as much as a weak modality
        assert mean.argmin() == 2


def test_noise_is_nearly_left_out_at_p_of_1():
    weights = [MKLClassifier(BLOCKS, p=1).fit(*make_data(400, seed)).modality_weights_["noise"] for seed in range(5)]
    assert np.mean(weights) <= 0.1


def test_labels_at_random_are_not_predicted():
    X, _ = make_data(120)
    y = np.random.default_rng(3).integers(0, 2, 120)
    score = cross_val_score(MKLClassifier(BLOCKS, p=1), X, y, scoring="roc_auc").mean()
    assert 0.3 < score < 0.7


# Bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 4 / 3, np.inf])
def test_duplicated_kernels(p):
    X, y = make_data()
    once = MKLClassifier(BLOCKS, p=p, tol=1e-6, kernel_sum="sum").fit(X, y)
    twice = MKLClassifier(BLOCKS, p=p, tol=1e-6, kernel_sum="sum", kernels=["rbf", "rbf"]).fit(X, y)
    assert list(twice.kernel_weights_)[:2] == ["mri__rbf", "mri__rbf#2"]
    if p == 1:  # a kernel and its copy are one kernel
        np.testing.assert_allclose(twice.decision_function(X), once.decision_function(X), atol=1e-2)
    for weighting in ("easymkl", "align", "alignf"):
        once = MKLClassifier(BLOCKS, weighting=weighting).fit(X, y)
        twice = MKLClassifier(BLOCKS, weighting=weighting, kernels=["rbf", "rbf"]).fit(X, y)
        np.testing.assert_allclose(
            list(twice.modality_weights_.values()), list(once.modality_weights_.values()), atol=1e-3
        )


def test_a_constant_modality_is_left_out_with_a_warning():
    X, y = make_data()
    X[:, 4:7] = 0.1
    with pytest.warns(SkippedModalityWarning, match="'pet': all subjects who have it are alike"):
        ours = MKLClassifier(BLOCKS).fit(X, y)
    assert list(ours.modality_weights_) == ["mri", "noise"]
    with pytest.raises(ValueError, match="No modality can be used"):
        MKLClassifier(BLOCKS).fit(np.ones((80, 12)), y)


def test_one_class_is_refused():
    X, _ = make_data()
    with pytest.raises(ValueError, match=r"At least 2 classes are needed, got 1 class: .* stratify the folds"):
        MKLClassifier(BLOCKS).fit(X, np.ones(80))


@pytest.mark.parametrize("C", [1e10, np.inf])
@pytest.mark.parametrize("separable", [False, True])
def test_a_huge_price_ends_with_a_result_or_a_warning(C, separable):
    X, y = make_data(40)
    if not separable:
        X[20:], y[20:] = X[:20], 1 - y[:20]  # every subject once in each class
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours = MKLClassifier(BLOCKS, C=C).fit(X, y)
    messages = [str(warning.message) for warning in caught if issubclass(warning.category, ConvergenceWarning)]
    assert len(messages) == len(caught)
    assert np.isfinite(ours.decision_function(X)).all()
    assert (ours.dual_gap_ <= 1e-2) == (not messages)
    for message in messages:
        assert f"duality gap {ours.dual_gap_:.3g}" in message
        assert f"after {ours.n_iter_} rounds" in message
        assert f"Lower C (now {C:g})" in message
    if separable:
        assert (ours.predict(X) == y).all()


def test_a_huge_price_of_classes_that_overlap_names_what_to_change():
    X = make_data(60)[0]
    y = np.random.default_rng(0).integers(0, 2, 60)
    with pytest.warns(
        ConvergenceWarning, match=r"duality gap .* after \d+ rounds, wanted tol=0.01. Lower C \(now 1e\+10"
    ):
        MKLClassifier(BLOCKS, kernels="linear", C=1e10).fit(X, y)


def test_an_unreachable_tolerance_warns():
    X, y = make_data(40)
    with pytest.warns(
        ConvergenceWarning, match=r"duality gap .* rounds, wanted tol=1e-30. Lower C \(now 1\), or raise"
    ):
        MKLClassifier(BLOCKS, tol=1e-30).fit(X, y)


@pytest.mark.parametrize("weighting", ["lp", "easymkl", "align", "alignf", "average"])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_two_subjects(weighting, kernel):
    X = np.array([[0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 1.0, 0.0]])
    ours = MKLClassifier({"a": [0, 1], "b": [2, 3]}, kernels=kernel, weighting=weighting).fit(X, ["no", "yes"])
    assert ours.predict(X).tolist() == ["no", "yes"]


def test_subjects_of_weight_0_are_left_out():
    X, y = make_data()
    weight = (np.arange(80) % 4 > 0).astype(float)
    weighted = MKLClassifier(BLOCKS).fit(X, y, sample_weight=weight)
    without = MKLClassifier(BLOCKS).fit(X[weight > 0], y[weight > 0])
    np.testing.assert_allclose(weighted.decision_function(X), without.decision_function(X), rtol=1e-10)
    with pytest.raises(ValueError, match="at least one non-zero"):
        MKLClassifier(BLOCKS).fit(X, y, sample_weight=np.zeros(80))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernels": "cosine"}, "A kernel of modality 'mri' must be one of"),
        ({"kernels": {"csf": "rbf"}}, r"entries for \['csf'\], but the modalities of X are"),
        ({"kernels": {"mri": []}}, "`kernels` of modality 'mri' is empty"),
        ({"kernels": "drop"}, "Every modality is left out"),
        ({"kernels": {"mri": "chi2"}}, "Modality 'mri': The chi-squared kernel"),
        ({"kernels": {"mri": "precomputed"}}, "Modality 'mri': A precomputed kernel needs a column"),
    ],
)
def test_unusable_kernels_are_refused(options, message):
    X, y = make_data()
    with pytest.raises(ValueError, match=message):
        MKLClassifier(BLOCKS, **options).fit(X, y)


# Searches and pipelines ----------------------------------------------------------------------------------------------


def test_grid_search_over_p_kernels_of_a_modality_and_C_in_a_pipeline():
    X, y = make_data(60)
    pipeline = make_pipeline(ModalityScaler(), MKLClassifier(kernels={"mri": ModalityKernel(), "pet": "linear"}))
    grid = {
        "mklclassifier__p": [1, 2],
        "mklclassifier__C": [0.1, 1.0],
        "mklclassifier__mri": ["linear", ["rbf", "linear"], ModalityKernel(factor=2.0)],
    }
    search = GridSearchCV(pipeline, grid, cv=3, scoring="roc_auc", error_score="raise").fit(as_frame(X), y)
    assert len(search.cv_results_["params"]) == 12
    assert len(np.unique(search.cv_results_["mean_test_score"].round(6))) > 4
    factors = {"mklclassifier__mri__factor": [0.5, 2.0]}
    search = GridSearchCV(pipeline, factors, cv=3, error_score="raise").fit(as_frame(X), y)
    assert set(search.best_estimator_[-1].kernel_weights_) >= {"pet__linear", "noise__rbf"}


def test_kernels_by_row_number():
    X, y = make_data(60)
    K = rbf_kernel(X[:, BLOCKS["mri"]], gamma=0.1)
    table = as_frame(X).drop(columns=[f"mri__f{j}" for j in range(4)])
    table.insert(0, "mri__row", np.arange(60.0))
    by_row = make_pipeline(RowKernel(K), MKLClassifier(kernels={"mri": "precomputed"}, tol=1e-11))
    width = np.sqrt(1 / 0.2)
    by_features = MKLClassifier(kernels={"mri": ModalityKernel("rbf", width=width, standardize=False)}, tol=1e-11)
    found = cross_val_predict(by_row, table, y, method="decision_function")
    expected = cross_val_predict(by_features, as_frame(X), y, method="decision_function")
    np.testing.assert_allclose(found, expected, atol=1e-6)
    lacks = table.copy()
    lacks.loc[[3, 11, 40], "mri__row"] = np.nan
    frame = as_frame(X)
    frame.loc[[3, 11, 40], [f"mri__f{j}" for j in range(4)]] = np.nan
    found = by_row.fit(lacks, y).decision_function(lacks)
    np.testing.assert_allclose(found, by_features.fit(frame, y).decision_function(frame), atol=1e-6)


def test_gower_takes_text_from_a_frame():
    X, y = make_data(60)
    frame = as_frame(X)
    frame["clinical__sex"] = np.where(y == 1, "f", "m")
    frame["clinical__age"] = np.random.default_rng(0).normal(50, 10, 60)
    ours = MKLClassifier(kernels={"clinical": "gower"}).fit(frame, y)
    assert max(ours.modality_weights_, key=ours.modality_weights_.get) == "clinical"
    assert (ours.predict(frame) == y).all()


def test_new_subjects_do_not_depend_on_each_other():
    X, y = make_data()
    ours = MKLClassifier(BLOCKS, kernels=["rbf", "linear", "laplacian"]).fit(X[:60], y[:60])
    together = ours.decision_function(X[60:])
    alone = np.concatenate([ours.decision_function(X[[i]]) for i in range(60, 80)])
    np.testing.assert_allclose(together, alone, rtol=1e-10)


# Probabilities -------------------------------------------------------------------------------------------------------


def test_the_sigmoid_is_the_likeliest():
    rng = np.random.default_rng(0)
    events = rng.random(200) < 0.4
    decisions = rng.normal(size=200) + 1.5 * events
    for weight in (np.ones(200), rng.uniform(0.2, 3, 200)):
        n, m = weight[events].sum(), weight[~events].sum()
        target = np.where(events, (n + 1) / (n + 2), 1 / (m + 2))

        def loss(parameters, weight=weight, target=target):
            P = expit(parameters[0] * decisions + parameters[1])
            return -np.sum(weight * (target * np.log(P) + (1 - target) * np.log(1 - P)))

        found = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
        np.testing.assert_allclose(fit_sigmoid(decisions, events, weight), found.x, atol=1e-4)
    assert fit_sigmoid(-decisions, events)[0] == 0.0
    assert fit_sigmoid(np.zeros(200), events)[0] == 0.0


def test_probabilities_are_learned_out_of_fold():
    X, y = make_data(100)
    ours = MKLClassifier(BLOCKS, probability="sigmoid").fit(X, y)
    held_out = cross_val_predict(MKLClassifier(BLOCKS), X, y, cv=5, method="decision_function")
    slope, offset = fit_sigmoid(held_out, y == 1)
    np.testing.assert_allclose(ours.sigmoids_[0], [slope, offset], rtol=1e-6)
    P = ours.predict_proba(X)
    np.testing.assert_allclose(P[:, 1], expit(slope * ours.decision_function(X) + offset), rtol=1e-6)
    np.testing.assert_allclose(P.sum(axis=1), 1)


def test_probabilities_of_several_classes():
    X, y = make_data(150, n_classes=3)
    ours = MKLClassifier(BLOCKS, probability="sigmoid", random_state=0).fit(X, y)
    P = ours.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    single = expit(ours.decision_function(X) * ours.sigmoids_[:, 0] + ours.sigmoids_[:, 1])
    np.testing.assert_allclose(P, single / single.sum(axis=1, keepdims=True))


def test_groups_stay_together(monkeypatch):
    X, y = make_data(120)
    groups = np.repeat(np.arange(40), 3)
    seen = []

    def noted(model, X, y, sample_weight, X_test):
        seen.append((X[:, 0], X_test[:, 0]))
        return np.zeros((1, len(X_test)))

    monkeypatch.setattr("skfuse.kernels._classifier._decisions_of_others", noted)
    MKLClassifier(BLOCKS, probability="sigmoid").fit(X, y, groups=groups)
    assert len(seen) == 5
    of = dict(zip(X[:, 0], groups, strict=True))
    for train, test in seen:
        assert not {of[x] for x in train} & {of[x] for x in test}


def test_few_events_give_no_probabilities():
    X, y = make_data(100)
    y = np.where(np.arange(100) < 29, "converter", "stable")
    with pytest.raises(ValueError, match="at least 30 subjects of each class, got 29 of class 'converter'"):
        MKLClassifier(BLOCKS, probability="sigmoid").fit(X, y)
    y[29] = "converter"
    assert hasattr(MKLClassifier(BLOCKS, probability="sigmoid").fit(X, y), "predict_proba")
    with pytest.raises(AttributeError, match="no attribute 'predict_proba'"):
        MKLClassifier(BLOCKS).fit(X, y).predict_proba(X)
