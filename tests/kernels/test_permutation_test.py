"""Permutation tests of kernel machines: the same by hand, nulls that hold, modalities that matter, bad input."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from skfuse.datasets import make_cohort
from skfuse.kernels import MKLClassifier, MKLRegressor, MKLSurvival, ModalityKernel
from skfuse.kernels._permutation_tasks import ClassTask
from skfuse.kernels._permutation_test import _explained_by_others
from skfuse.kernels._stack import KernelStack
from skfuse.permutation import draw_permutations

BLOCKS = {"told": slice(0, 3), "noise": slice(3, 8)}


def cohort(n=60, seed=0, effect=1.5):
    rng = np.random.default_rng(seed)
    told, noise = rng.normal(size=(n, 3)), rng.normal(size=(n, 5))
    return np.hstack([told, noise]), (effect * told[:, 0] + rng.normal(size=n) > 0).astype(int)


def auc_by_hand(K, y, folds):
    """Mean over folds of the AUC of an SVC on a precomputed kernel."""
    found = []
    for train, test in folds:
        svc = SVC(C=0.5, kernel="precomputed", tol=1e-6).fit(K[np.ix_(train, train)], y[train])
        found.append(roc_auc_score(y[test], svc.decision_function(K[np.ix_(test, train)])))
    return np.mean(found)


@pytest.fixture(scope="module")
def by_hand():
    X, y = cohort()
    kernels = {name: ModalityKernel("linear").fit_transform(X[:, part]) for name, part in BLOCKS.items()}
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
    return X, y, kernels, folds


def test_scores_are_those_of_moved_kernels(by_hand):
    X, y, kernels, folds = by_hand
    model = MKLClassifier(BLOCKS, kernels="linear", weighting="average", C=0.5, tol=1e-6)
    test = model.permutation_test(X, y, nulls=("model", "marginal"), cv=folds, n_permutations=5, random_state=3)
    whole = (kernels["told"] + kernels["noise"]) / 2
    assert test.observed == pytest.approx(auc_by_hand(whole, y, folds), abs=1e-9)
    draws = draw_permutations(60, 5, random_state=3)
    expected = [auc_by_hand(whole[np.ix_(draw, draw)], y, folds) for draw in draws]
    np.testing.assert_allclose(test.null_scores[0], expected, atol=1e-9)
    told = kernels["told"]
    expected = [auc_by_hand((told[np.ix_(draw, draw)] + kernels["noise"]) / 2, y, folds) for draw in draws]
    np.testing.assert_allclose(test.null_scores[test.tests.index(("marginal", "told"))], expected, atol=1e-9)


def test_moving_a_block_is_moving_its_rows(by_hand):
    X, y, _, folds = by_hand
    model = MKLClassifier(BLOCKS, kernels="rbf", C=0.5, tol=1e-7)
    draw = draw_permutations(60, 1, random_state=3)[0]
    moved = X.copy()
    moved[:, BLOCKS["told"]] = X[draw][:, BLOCKS["told"]]
    null = model.permutation_test(
        X, y, nulls="marginal", modalities="told", cv=folds, n_permutations=1, random_state=3
    ).null_scores[0, 0]
    again = model.permutation_test(moved, y, nulls="model", cv=folds, n_permutations=1, random_state=0).observed
    assert null == pytest.approx(again, abs=1e-9)


def test_permuted_residuals_keep_what_the_others_explain():
    rng = np.random.default_rng(0)
    other = rng.normal(size=(80, 2))
    own = other @ rng.normal(size=(2, 4)) + 0.3 * rng.normal(size=(80, 4))
    kernels = np.array([ModalityKernel("linear").fit_transform(block) for block in (own, other)])
    stack = KernelStack(kernels=kernels, modality=["own", "other"])
    H = _explained_by_others(stack, [0], np.arange(80))
    design = np.column_stack([np.ones(80), other])
    hat = design @ np.linalg.pinv(design)
    np.testing.assert_allclose(H @ own, hat @ own, atol=0.05 * np.abs(own).max())
    unrelated = np.array([ModalityKernel("linear").fit_transform(rng.normal(size=(80, 2))), kernels[1]])
    H = _explained_by_others(KernelStack(kernels=unrelated, modality=["own", "other"]), [0], np.arange(80))
    assert np.trace(H) < 2.5  # hardly more than the constant


def test_the_modality_that_tells_is_found_and_noise_is_not():
    X, y = cohort(100, seed=1)
    model = MKLClassifier(BLOCKS, kernels="linear", C=0.1)
    test = model.permutation_test(X, y, n_permutations=99, random_state=0)
    assert test.p_value("model") <= 0.02
    assert test.p_value("marginal", "told") <= 0.02
    assert test.p_value("conditional", "told") <= 0.02
    assert test.p_value("marginal", "noise") > 0.05
    table = test.to_frame()
    assert list(table["null"]) == ["model", "marginal", "marginal", "conditional", "conditional"]
    assert (table["p (Holm)"] >= table["p"]).all()


def test_p_values_of_noise_are_not_too_small():
    p = []
    for seed in range(40):
        X, y = cohort(40, seed=100 + seed)
        model = MKLClassifier(BLOCKS, kernels="linear", C=0.1)
        options = {"nulls": ("marginal", "conditional"), "modalities": "noise", "n_permutations": 19, "cv": 2}
        p.append(model.permutation_test(X, y, random_state=seed, **options).p_values)
    assert (np.mean(np.array(p) <= 0.2, axis=0) < 0.4).all()  # 40 draws: .4 is three standard errors above .2


def test_a_redundant_modality_is_not_significant_given_the_others():
    rng = np.random.default_rng(5)
    told = rng.normal(size=(150, 3))
    X = np.hstack([told, told @ rng.normal(size=(3, 4)) + rng.normal(size=(150, 4))])
    y = (2 * told[:, 0] + rng.normal(size=150) > 0).astype(int)
    model = MKLClassifier({"told": slice(0, 3), "copy": slice(3, 7)}, kernels="linear", C=0.1)
    test = model.permutation_test(X, y, nulls="conditional", n_permutations=99, random_state=0)
    assert test.p_value("conditional", "copy") > 0.05
    assert test.p_value("conditional", "told") <= 0.02


def test_who_lacks_a_modality_stays_where_it_is():
    simulated = make_cohort(80, missing=0.3, random_state=0)
    model = MKLClassifier(kernels="linear", C=0.1)
    test = model.permutation_test(simulated.X, simulated.y, n_permutations=9, random_state=0)
    assert np.isfinite(test.null_scores).all()
    assert len(test.tests) == 7


@pytest.mark.parametrize(("model", "task"), [(MKLRegressor(C=0.1), "regression"), (MKLSurvival(), "survival")])
def test_numbers_and_times_are_tested_too(model, task):
    simulated = make_cohort(80, task=task, missing=0.2, effect=4.0, random_state=0)
    test = model.set_params(kernels="linear").permutation_test(
        simulated.X, simulated.y, nulls="model", n_permutations=39, random_state=0
    )
    assert test.p_value("model") <= 0.05
    assert test.scoring == ("R²" if task == "regression" else "Harrell's C")


def test_several_classes_are_tested_by_the_mean_auc():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 6)), np.arange(90) % 3
    X[:, :2] += y[:, None]
    model = MKLClassifier({"a": slice(0, 3), "b": slice(3, 6)}, kernels="linear", C=0.1)
    test = model.permutation_test(X, np.array(list("xyz"))[y], nulls="model", n_permutations=19, random_state=0)
    assert test.observed > 0.7
    assert test.p_value("model") == 0.05


def test_weights_of_classes_are_those_of_the_estimator():
    y = np.repeat(["a", "b"], [30, 10])
    for given, expected in (("balanced", [2 / 3, 2.0]), ({"b": 3.0}, [1.0, 3.0]), (None, [1.0, 1.0])):
        task = ClassTask(MKLClassifier(class_weight=given), y)
        np.testing.assert_allclose(task._class_weights(np.array([30, 10])), expected)


def test_repeats_bit_for_bit_whatever_the_number_of_processes():
    X, y = cohort(40)
    one, two = (
        MKLClassifier(BLOCKS, kernels="linear", n_jobs=n_jobs).permutation_test(X, y, n_permutations=9, random_state=0)
        for n_jobs in (1, 2)
    )
    np.testing.assert_allclose(one.null_scores, two.null_scores, rtol=1e-12)


def test_blocks_keep_subjects_in_their_site():
    X, y = cohort(40)
    site = np.repeat(["a", "b"], 20)
    X[:, 3:] += 5.0 * (site == "b")[:, None]
    model = MKLClassifier(BLOCKS, kernels="linear")
    options = {"nulls": "marginal", "modalities": "noise", "n_permutations": 9, "random_state": 0}
    free, within = (model.permutation_test(X, y, blocks=blocks, **options) for blocks in (None, site))
    assert not np.allclose(free.null_scores, within.null_scores)


def test_bad_input_is_refused_in_words():
    X, y = cohort(40)
    model = MKLClassifier(BLOCKS, kernels="linear")
    with pytest.raises(ValueError, match=r"nulls.*labels"):
        model.permutation_test(X, y, nulls="labels")
    with pytest.raises(ValueError, match=r"\['eeg'\] have no kernel"):
        model.permutation_test(X, y, nulls="marginal", modalities="eeg")
    with pytest.raises(ValueError, match=r"conditional.*another modality"):
        MKLClassifier({"told": slice(0, 3)}, kernels="linear").permutation_test(X, y, nulls="conditional")
    with pytest.raises(ValueError, match="approximation=None"):
        model.set_params(approximation="nystroem").permutation_test(X, y)
    with pytest.raises(ValueError, match="2 classes"):
        MKLClassifier(BLOCKS).permutation_test(X, np.ones(40))


def test_targets_are_read_as_fit_reads_them():
    X, y = cohort(40)
    model = MKLClassifier(BLOCKS, kernels="linear")
    gone = np.where(np.arange(40) < 3, np.nan, y)
    with pytest.raises(ValueError, match="missing for 3 of 40"):
        model.permutation_test(X, gone, nulls="model", n_permutations=3)
    with pytest.raises(ValueError, match="missing for 3 of 40"):
        MKLRegressor(BLOCKS).permutation_test(X, gone, nulls="model", n_permutations=3)
    for label in ("blocks", "groups"):
        with pytest.raises(ValueError, match=f"`{label}` has 2 values for 40 subjects"):
            model.permutation_test(X, y, nulls="model", n_permutations=3, **{label: [0, 1]})
    with pytest.raises(ValueError, match="`y` has 39 values for 40 subjects"):
        model.permutation_test(X, y[:39], nulls="model", n_permutations=3)
