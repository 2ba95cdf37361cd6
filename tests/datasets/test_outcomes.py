"""Outcome models as functions of arrays."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, softmax
from sklearn.metrics import roc_auc_score

from skfuse.datasets._outcomes import (
    best_possible,
    calibrate_censoring,
    calibrate_intercept,
    draw_outcome,
    expected_auc,
)


@pytest.mark.parametrize("spread", [0.0, 1.0, 8.0])
@pytest.mark.parametrize("event", [0.01, 0.5, 0.9])
def test_intercept_meets_the_prevalence(spread, event):
    predictor = spread * np.random.default_rng(0).standard_normal((2000, 1))
    intercept = calibrate_intercept(predictor, np.array([1 - event, event]))
    assert_allclose(expit(predictor + intercept).mean(), event, rtol=1e-6)


def test_intercepts_meet_the_shares_of_classes():
    predictor = 3 * np.random.default_rng(0).standard_normal((2000, 4))
    shares = np.array([0.7, 0.2, 0.06, 0.04])
    got = softmax(predictor + calibrate_intercept(predictor, shares), axis=1).mean(axis=0)
    assert_allclose(got, shares, atol=1e-5)


def test_expected_auc_is_the_mean_auc_over_draws():
    generator = np.random.default_rng(0)
    predictor = generator.standard_normal((300, 1)) * 1.5
    aucs = [roc_auc_score(draw_outcome(generator, predictor, task="binary"), predictor[:, 0]) for _ in range(300)]
    assert_allclose(expected_auc(predictor[:, 0], expit(predictor[:, 0])), np.mean(aucs), atol=0.005)


def test_classes_follow_the_softmax():
    generator = np.random.default_rng(0)
    predictor = np.tile([0.5, -0.5, 0.0], (50_000, 1))
    shares = np.bincount(draw_outcome(generator, predictor, task="multiclass")) / 50_000
    assert_allclose(shares, softmax(predictor[0]), atol=0.01)


def test_censoring_mean_meets_the_fraction():
    generator = np.random.default_rng(0)
    times = draw_outcome(generator, np.zeros((50_000, 1)), task="survival")
    assert_allclose(np.median(times), 24, rtol=0.02)
    censored = generator.exponential(calibrate_censoring(times, 0.4), 50_000) < times
    assert_allclose(censored.mean(), 0.4, atol=0.01)


@pytest.mark.parametrize(
    ("task", "n_outputs", "chance"),
    [("binary", 1, 0.5), ("multiclass", 4, 0.25), ("regression", 1, 0.0), ("survival", 1, 0.5)],
)
def test_the_best_possible_without_signal_is_chance(task, n_outputs, chance):
    assert list(best_possible(np.zeros((100, n_outputs)), task=task).values()) == [chance]
