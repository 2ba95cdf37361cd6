import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from skfuse.evaluation.statistics._influence import CLASSIFICATION, REGRESSION, influence, score_and_influence


def metric(score, y, prediction, classes, weights=None):
    """The score by scikit-learn (r by numpy), with weights."""
    if score in REGRESSION:
        if score == "r":
            spread = np.cov(y, prediction, aweights=weights, ddof=0)
            return spread[0, 1] / np.sqrt(spread[0, 0] * spread[1, 1])
        return {"R2": r2_score, "RMSE": root_mean_squared_error}[score](y, prediction, sample_weight=weights)
    binary = len(classes) == 2
    positive = prediction[:, 1] if binary else prediction
    chosen = classes[prediction.argmax(axis=1)]
    if score == "AUC":
        if binary:
            return roc_auc_score(y, positive, sample_weight=weights)
        each = [roc_auc_score(y == label, prediction[:, k], sample_weight=weights) for k, label in enumerate(classes)]
        return np.mean(each)
    if score == "log loss":
        return log_loss(y, prediction, labels=classes, sample_weight=weights)
    if score == "Brier":
        label = classes[1] if binary else None
        return brier_score_loss(y, positive, labels=classes, pos_label=label, sample_weight=weights)
    if score == "accuracy":
        return accuracy_score(y, chosen, sample_weight=weights)
    kind = {"pos_label": classes[1]} if binary else {"average": "macro"}
    return f1_score(y, chosen, sample_weight=weights, zero_division=0.0, **kind)


def example(score, seed, n, n_classes=2, ties=False):
    rng = np.random.default_rng(seed)
    if score in REGRESSION:
        y = rng.normal(size=n)
        return y, y + rng.normal(size=n), None
    classes = np.array(["a", "b", "c", "d"])[:n_classes]
    labels = np.r_[np.repeat(np.arange(n_classes), 2), rng.integers(n_classes, size=n)]
    evidence = rng.normal(size=(len(labels), n_classes)) + 1.2 * (labels[:, None] == np.arange(n_classes))
    probability = np.exp(evidence.round() if ties else evidence)
    return classes[labels], probability / probability.sum(axis=1, keepdims=True), classes


CASES = [(score, k) for score in CLASSIFICATION for k in (2, 3)] + [(score, 2) for score in REGRESSION]


@pytest.mark.parametrize(("score", "n_classes"), CASES)
@given(seed=st.integers(0, 2**31), n=st.integers(6, 25), ties=st.booleans())
@settings(max_examples=5, deadline=None)
def test_value_is_scikit_learns_and_influence_is_the_derivative_by_weight(score, n_classes, seed, n, ties):
    y, prediction, classes = example(score, seed, n, n_classes, ties)
    value, found = score_and_influence(score, y, prediction, classes=classes)
    assert value == pytest.approx(metric(score, y, prediction, classes), rel=1e-12, abs=1e-12)
    assert found.mean() == pytest.approx(0, abs=1e-12)
    step, slopes = 1e-5, np.empty(len(y))
    for i in range(len(y)):
        weights = np.ones((2, len(y)))
        weights[:, i] += step, -step
        up, down = (metric(score, y, prediction, classes, w) for w in weights)
        slopes[i] = len(y) * (up - down) / (2 * step)
    np.testing.assert_allclose(found, slopes, atol=1e-6 * max(1, np.abs(slopes).max()))


@pytest.mark.parametrize(("score", "n_classes"), CASES)
def test_influence_is_near_the_jackknife(score, n_classes):
    y, prediction, classes = example(score, 1, 150, n_classes)
    value, found = score_and_influence(score, y, prediction, classes=classes)
    others = ~np.eye(len(y), dtype=bool)
    left_out = np.array([metric(score, y[kept], prediction[kept], classes) for kept in others])
    jackknife = (len(y) - 1) * (value - left_out)
    assert np.sqrt(np.mean((jackknife - found) ** 2)) < 0.05 * found.std()


def test_variance_of_the_auc_is_delongs():
    rng = np.random.default_rng(3)
    negative, positive = rng.normal(size=30).round(1), rng.normal(1, size=12).round(1)  # rounded: some ties
    y, p = np.repeat([0, 1], [30, 12]), np.r_[negative, positive]
    # Counted pair by pair, without ranks.
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    delong = wins.mean(axis=1).var(ddof=1) / 12 + wins.mean(axis=0).var(ddof=1) / 30
    parts = [(influence("AUC", y, p)[y == k] ** 2).sum() * n / (n - 1) / 42**2 for k, n in ((0, 30), (1, 12))]
    assert sum(parts) == pytest.approx(delong, rel=1e-12)


def test_probability_of_the_second_class_is_enough():
    y, p, classes = example("AUC", 5, 20)
    for score in CLASSIFICATION:
        np.testing.assert_allclose(
            influence(score, y, p[:, 1], classes=classes), influence(score, y, p, classes=classes)
        )


def test_undefined_scores_are_nan():
    for score, y, p in (("AUC", [1, 1], [0.2, 0.3]), ("r", [1.0, 2.0], [3.0, 3.0]), ("R2", [1.0, 1.0], [0.0, 1.0])):
        value, found = score_and_influence(score, y, p, classes=[0, 1])
        assert np.isnan(value)
        assert np.isnan(found).all()


def test_scores_of_perfect_or_empty_folds():
    assert score_and_influence("RMSE", [1.0, 2.0], [1.0, 2.0])[0] == 0
    assert influence("RMSE", [1.0, 2.0], [1.0, 2.0]).tolist() == [0, 0]
    value, found = score_and_influence("F1", [0, 0], [0.1, 0.2], classes=[0, 1])  # nobody is or is called positive
    assert value == 0
    assert found.tolist() == [0, 0]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"There is no score 'auc'. Known are"):
        influence("auc", [0, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"y has shape \(2,\) and the predictions \(3,\)"):
        influence("AUC", [0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"labels that are not in `classes`, \[0, 1\]"):
        influence("AUC", [0, 2], [0.1, 0.2], classes=[0, 1])
    with pytest.raises(ValueError, match=r"3 classes, but the predictions have shape \(2, 2\)"):
        influence("AUC", [0, 1], [[0.1, 0.9], [0.2, 0.8]], classes=[0, 1, 2])
