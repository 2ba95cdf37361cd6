"""Low rank in Gram space: at full rank the exact machine of the squared loss, whatever chooses the landmarks."""

import numpy as np
import pytest

from skfuse.datasets import make_cohort
from skfuse.kernels import MKLClassifier, MKLRegressor, ModalityKernel, alignment_weights
from skfuse.kernels._losses import Squared
from skfuse.kernels._lp import fit_machine

NAMES = ("mri", "pet", "clinical")
WAYS = ("nystroem", "cholesky", "mklaren")


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(90, random_state=0)


def whole_kernels(X, kernel="rbf", **options):
    blocks = [X.filter(like=f"{name}__").to_numpy() for name in NAMES]
    return np.array([ModalityKernel(kernel, **options).fit_transform(block) for block in blocks])


def signs(y):
    return np.where(np.asarray(y) == np.unique(y)[1], 1.0, -1.0)


@pytest.mark.parametrize("p", [1.0, 4 / 3, 2.0, np.inf])
def test_at_full_rank_it_is_the_exact_machine(cohort, p):
    options = {"approximation": "nystroem", "rank": 90, "p": p, "tol": 1e-8, "random_state": 0}
    model = MKLClassifier(**options).fit(cohort.X, cohort.y)
    kernels = whole_kernels(cohort.X)
    exact = fit_machine(kernels, [Squared(signs(cohort.y), np.ones(90))], p=p, radius=3 ** (1 / p - 1), tol=1e-8)
    np.testing.assert_allclose(list(model.kernel_weights_.values()), exact.weights, atol=1e-4)
    decision = exact.weights @ exact.products[0] + exact.intercepts
    np.testing.assert_allclose(model.decision_function(cohort.X), decision, atol=1e-4)  # features are float32


@pytest.mark.parametrize("weighting", ["align", "alignf"])
def test_alignment_of_features_is_that_of_whole_kernels(cohort, weighting):
    options = {"approximation": "cholesky", "rank": 90, "weighting": weighting}
    found = MKLClassifier(**options).fit(cohort.X, cohort.y).kernel_weights_
    expected = alignment_weights(list(whole_kernels(cohort.X)), signs(cohort.y), kind=weighting)
    np.testing.assert_allclose(list(found.values()), expected, atol=1e-4)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("missing", ["mean", "skip"])
def test_few_landmarks_are_near_the_exact_machine(way, missing):
    train, test = make_cohort(300, missing=0.3, n_test=200, random_state=1)
    low = MKLClassifier(approximation=way, rank=40, missing=missing, C=0.1, random_state=0).fit(train.X, train.y)
    high = MKLClassifier(approximation="nystroem", rank=300, missing=missing, C=0.1).fit(train.X, train.y)
    assert np.corrcoef(low.decision_function(test.X), high.decision_function(test.X))[0, 1] > 0.95
    parts = np.nansum(list(low.decision_by_modality(test.X).values()), axis=0)
    nobody = test.X.isna().all(axis=1).to_numpy()
    np.testing.assert_allclose((parts + low.intercept_[0])[~nobody], low.decision_function(test.X)[~nobody])


@pytest.mark.parametrize("way", WAYS)
def test_several_classes_and_kernels(way):
    cohort = make_cohort(150, task="multiclass", missing=0.2, effect=4.0, random_state=0)
    model = MKLClassifier(kernels=["linear", ModalityKernel(factor=2)], approximation=way, rank=15, random_state=0)
    model.fit(cohort.X, cohort.y)
    assert model.decision_function(cohort.X).shape == (150, 3)
    assert model.score(cohort.X, cohort.y) > 0.45
    assert len(model.kernel_weights_) == 6


def test_two_widths_with_the_same_landmarks_share_their_points(cohort):
    kernels = [ModalityKernel(factor=0.5), ModalityKernel(factor=2)]
    model = MKLClassifier(kernels=kernels, approximation="nystroem", rank=20, random_state=0).fit(cohort.X, cohort.y)
    own = [term.kernel.points_ for term in model._terms if term.modality == "mri"]
    assert own[0] is own[1]
    greedy = MKLClassifier(kernels=kernels, approximation="cholesky", rank=20).fit(cohort.X, cohort.y)
    for term in greedy._terms:  # each kernel with its own landmarks decides as its own rows say
        block = cohort.X.filter(like=f"{term.modality}__").to_numpy()
        raw = term.kernel.raw(term.kernel._encode(block, {}), term.kernel.points_)
        np.testing.assert_allclose(term.decision(block, {}), raw @ term.coefficients + term.constant)


def test_the_gap_is_that_of_plain_formulas(cohort):
    model = MKLRegressor(approximation="nystroem", rank=90, p=2.0, C=0.5, tol=1e-3, random_state=0)
    y = np.asarray(cohort.X.iloc[:, 0] + cohort.X.iloc[:, 1])
    model.fit(cohort.X, y)
    kernels, t = whole_kernels(cohort.X), (y - y.mean()) / y.std()
    theta = np.array(list(model.kernel_weights_.values()))
    rest = t - (model.predict(cohort.X) - y.mean()) / y.std()
    beta = 0.5 * rest
    S = np.einsum("i,mij,j->m", beta, kernels, beta)
    radius = 3 ** (1 / 2 - 1)
    primal = 0.5 * np.sum((theta * np.sqrt(S)) ** (4 / 3)) ** 1.5 / radius + 0.25 * rest @ rest
    dual = t @ beta - beta @ beta - 0.5 * radius * np.linalg.norm(S)
    assert (primal - dual) / primal == pytest.approx(model.dual_gap_, abs=1e-3)
    assert model.dual_gap_ <= 1e-3


def test_what_needs_whole_kernels_says_so(cohort):
    for weighting in ("easymkl", "bayesian"):
        with pytest.raises(ValueError, match="needs whole kernels"):
            MKLClassifier(approximation="nystroem", weighting=weighting).fit(cohort.X, cohort.y)
    with pytest.raises(ValueError, match=r"'mri'.*precomputed kernel has no landmarks"):
        MKLClassifier(approximation="nystroem", kernels={"mri": "precomputed"}).fit(cohort.X, cohort.y)


def test_more_subjects_than_memory_holds_are_pointed_to_low_rank():
    X = np.zeros((60_000, 2), dtype=np.float32)
    X[::2] = 1.0
    with pytest.raises(ValueError, match=r"GiB.*approximation='nystroem'"):
        MKLClassifier({"a": [0], "b": [1]}).fit(X, np.arange(60_000) % 2)
