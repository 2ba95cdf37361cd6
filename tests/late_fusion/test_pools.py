"""The learned pools: against scikit-learn and SciPy, optimality conditions, and what the weights mean."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import lsq_linear
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from skfuse.late_fusion import LinearPool, LogLinearPool, _pools


@pytest.fixture
def hardly_any_penalty(monkeypatch):
    for name in ("SPREAD_PENALTY", "MEAN_PENALTY", "FLAG_PENALTY"):
        monkeypatch.setattr(_pools, name, 1e-9)


def opinions(rng, n=300, n_classes=2, noise=(0.8, 1.4, 2.0)):
    """Evidence of modalities about classes, noisier for the later ones; a third missing."""
    labels, n_modalities, noise = rng.integers(0, n_classes, size=n), len(noise), np.asarray(noise)
    scores = (labels[:, None] == np.arange(n_classes))[:, None, :] + rng.normal(
        size=(n, n_modalities, n_classes)
    ) * noise[:, None]
    prior = np.bincount(labels, minlength=n_classes) / n
    evidence = log_softmax(scores + np.log(prior), axis=2) - np.log(prior)
    evidence[rng.random((n, n_modalities)) < 1 / 3] = 0.0
    return evidence, labels, prior


def objective(evidence, labels, weights, flags=None):
    """The penalized loss as the class describes it; parameters are weights, intercepts, coefficients of flags."""
    n, n_modalities, n_classes = evidence.shape
    weights = weights * n / weights.sum()

    def loss(parameters):
        coef, intercept = parameters[:n_modalities], parameters[n_modalities : n_modalities + n_classes]
        scores = sum(coef[m] * evidence[:, m] for m in range(n_modalities)) + intercept
        value = 0.5 * _pools.SPREAD_PENALTY * ((coef - coef.mean()) ** 2).sum()
        value += 0.5 * _pools.MEAN_PENALTY * (coef.mean() - 1) ** 2
        if flags is not None:
            flag_coef = parameters[n_modalities + n_classes :].reshape(flags.shape[1], n_classes)
            scores = scores + flags @ flag_coef
            value += 0.5 * _pools.FLAG_PENALTY * (flag_coef**2).sum()
        return value - weights @ log_softmax(scores, axis=1)[np.arange(n), labels]

    return loss


def slope(function, at, step=1e-5):
    """Central differences."""
    moves = step * np.eye(len(at))
    return np.array([(function(at + move) - function(at - move)) / (2 * step) for move in moves])


# Classes --------------------------------------------------------------------------------------------------------


def test_without_penalty_two_classes_are_logistic_regression_on_logits(rng, hardly_any_penalty):
    evidence, labels, prior = opinions(rng, n=500)
    weights = rng.uniform(0.5, 2.0, size=500)
    pool = LogLinearPool().fit(evidence, labels, weights, prior)
    logits = evidence[:, :, 1] - evidence[:, :, 0]
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(logits, labels, sample_weight=weights)
    assert (expected.coef_ > 0).all()
    assert_allclose(pool.coef_, expected.coef_[0], rtol=1e-4)
    assert_allclose(pool.intercept_[1] - pool.intercept_[0], expected.intercept_[0], atol=1e-4)
    assert_allclose(pool.predict_proba(evidence), expected.predict_proba(logits), rtol=1e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("with_flags", [False, True])
def test_the_answer_meets_the_conditions_of_an_optimum(rng, n_classes, with_flags):
    evidence, labels, prior = opinions(rng, n_classes=n_classes, noise=[0.8, 2.0, 5.0])
    evidence[:, 2] *= -1
    flags = (evidence == 0).all(axis=2).astype(float) if with_flags else None
    weights = rng.uniform(0.5, 2.0, size=len(labels))
    pool = LogLinearPool().fit(evidence, labels, weights, prior, flags)
    parameters = np.concatenate([pool.coef_, pool.intercept_, pool.flag_coef_.ravel()])
    gradient = slope(objective(evidence, labels, weights, flags), parameters) / len(labels)
    free = np.ones(len(parameters), dtype=bool)
    free[:3] = pool.coef_ > 0
    assert_allclose(gradient[free], 0.0, atol=1e-6)
    assert (gradient[~free] > -1e-6).all()
    assert (pool.coef_ >= 0).all()
    assert_allclose(pool.intercept_.sum(), 0.0, atol=1e-12)
    assert_allclose(pool.predict_proba(evidence, flags).sum(axis=1), 1.0)


def test_an_adversarial_modality_gets_no_weight(rng):
    evidence, labels, prior = opinions(rng, n=2000, noise=[1.0, 1.0])
    evidence[:, 1] *= -1  # says the opposite of the truth
    pool = LogLinearPool().fit(evidence, labels, np.ones(2000), prior)
    assert pool.coef_[1] == 0.0
    assert pool.coef_[0] > 0.5


def test_more_noise_means_less_weight(rng):
    evidence, labels, prior = opinions(rng, n=4000, noise=[0.7, 1.5, 3.0])
    coef = LogLinearPool().fit(evidence, labels, np.ones(4000), prior).coef_
    assert coef[0] > coef[1] > coef[2] >= 0


def test_few_subjects_give_nearly_equal_weights(rng):
    evidence, labels, prior = opinions(rng, n=2000, noise=[0.7, 1.5, 3.0])
    fits = [LogLinearPool().fit(evidence[:n], labels[:n], np.ones(n), prior).coef_ for n in (20, 200, 2000)]
    unequal = [np.ptp(coef) / coef.mean() for coef in fits]
    assert unequal[0] < unequal[1] < unequal[2]


def test_equal_modalities_share_equally_and_follow_the_order(rng):
    evidence, labels, prior = opinions(rng)
    twice = evidence[:, [0, 0]]
    coef = LogLinearPool().fit(twice, labels, np.ones(300), prior).coef_
    assert_allclose(coef[0], coef[1], rtol=1e-5)
    one = LogLinearPool().fit(evidence, labels, np.ones(300), prior)
    turned = LogLinearPool().fit(evidence[:, ::-1], labels, np.ones(300), prior)
    assert_allclose(turned.coef_[::-1], one.coef_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_only_ratios_of_weights_matter(rng, factor):
    evidence, labels, prior = opinions(rng)
    weights = rng.uniform(0.5, 2.0, size=300)
    one = LogLinearPool().fit(evidence, labels, weights, prior)
    other = LogLinearPool().fit(evidence, labels, factor * weights, prior)
    assert_allclose(other.coef_, one.coef_, rtol=1e-5)


def test_flags_learn_who_lacks_a_modality(rng):
    labels = rng.integers(0, 2, size=400)
    evidence = np.zeros((400, 1, 2))
    flags = (labels == 1).astype(float)[:, None]
    pool = LogLinearPool().fit(evidence, labels, np.ones(400), np.array([0.5, 0.5]), flags)
    assert pool.predict_proba(evidence, flags)[labels == 1, 1].min() > 0.9


# A continuous target ----------------------------------------------------------------------------------------------


def predictions(rng, n=200, noise=(0.5, 1.0, 3.0)):
    y = rng.normal(50.0, 4.0, size=n)
    evidence = (y - y.mean())[:, None] + 4.0 * rng.normal(size=(n, len(noise))) * noise
    evidence[rng.random(evidence.shape) < 0.3] = 0.0
    return evidence, y


@pytest.mark.parametrize("with_flags", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_linear_pool_is_bounded_least_squares_of_the_augmented_system(rng, with_flags, sign):
    evidence, y = predictions(rng)
    evidence[:, 1] *= sign
    weights, center = rng.uniform(0.5, 2.0, size=200), y.mean()
    flags = (evidence == 0).astype(float) if with_flags else np.zeros((200, 0))
    pool = LinearPool().fit(evidence, y, weights, center, flags if with_flags else None)

    scaled = weights * 200 / weights.sum()
    variance = scaled @ (y - center) ** 2 / 200
    width = 3 + 1 + flags.shape[1]
    spread, mean, flag_rows = np.zeros((3, width)), np.zeros((1, width)), np.zeros((flags.shape[1], width))
    spread[:, :3] = np.sqrt(_pools.SPREAD_PENALTY * variance) * (np.eye(3) - 1 / 3)
    mean[:, :3] = np.sqrt(_pools.MEAN_PENALTY * variance) / 3
    flag_rows[:, 4:] = np.sqrt(_pools.FLAG_PENALTY * variance) * np.eye(flags.shape[1])
    root = np.sqrt(scaled)[:, None]
    A = np.vstack([root * np.hstack([evidence, np.ones((200, 1)), flags]), spread, mean, flag_rows])
    wanted = np.concatenate([[0] * 3, [np.sqrt(_pools.MEAN_PENALTY * variance)], [0] * flags.shape[1]])
    b = np.concatenate([root[:, 0] * (y - center), wanted])
    lower = np.array([0.0] * 3 + [-np.inf] * (width - 3))
    expected = lsq_linear(A, b, bounds=(lower, np.inf), method="bvls", tol=1e-14).x
    assert_allclose(pool.coef_, expected[:3], rtol=1e-5, atol=1e-6)
    assert_allclose(pool.intercept_, center + expected[3], rtol=1e-6)
    assert_allclose(pool.flag_coef_, expected[4:], rtol=1e-4, atol=1e-5)
    shown = (evidence, flags) if with_flags else (evidence,)
    assert_allclose(
        pool.predict(*shown), np.hstack([evidence, np.ones((200, 1)), flags]) @ expected + center, rtol=1e-5
    )


def test_without_penalty_linear_pool_is_least_squares(rng, hardly_any_penalty):
    evidence, y = predictions(rng)
    pool = LinearPool().fit(evidence, y, np.ones(200), y.mean())
    expected = np.linalg.lstsq(np.hstack([evidence, np.ones((200, 1))]), y, rcond=None)[0]
    assert (expected[:3] > 0).all()
    assert_allclose(pool.coef_, expected[:3], rtol=1e-5)
    assert_allclose(pool.intercept_, expected[3], rtol=1e-6)


def test_linear_pool_ignores_an_adversary_and_prefers_precision(rng):
    evidence, y = predictions(rng, n=3000)
    coef = LinearPool().fit(evidence, y, np.ones(3000), y.mean()).coef_
    assert coef[0] > coef[1] > coef[2] >= 0
    evidence[:, 0] *= -1
    assert LinearPool().fit(evidence, y, np.ones(3000), y.mean()).coef_[0] == 0.0


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_target_does_not_matter(rng, unit):
    evidence, y = predictions(rng)
    one = LinearPool().fit(evidence, y, np.ones(200), y.mean())
    other = LinearPool().fit(unit * evidence, unit * y, np.ones(200), unit * y.mean())
    assert_allclose(other.coef_, one.coef_, rtol=1e-5)
    assert_allclose(other.intercept_, unit * one.intercept_, rtol=1e-6)


def test_a_constant_target_is_predicted_as_it_is(rng):
    pool = LinearPool().fit(np.zeros((10, 2)), np.full(10, 3.0), np.ones(10), 3.0)
    assert_allclose(pool.predict(np.zeros((2, 2))), 3.0)
    assert_array_equal(np.isfinite(pool.coef_), True)
