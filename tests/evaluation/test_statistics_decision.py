import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse.evaluation.statistics import choose_threshold, classification_at, net_benefit

SETTINGS = settings(max_examples=50, deadline=None)


@st.composite
def predicted(draw):
    n = draw(st.integers(2, 25))
    y = np.array([0, 1] + draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2)))
    return y, np.array(draw(st.lists(st.integers(0, 10), min_size=n, max_size=n))) / 10


@SETTINGS
@given(predicted(), st.integers(0, 9))
def test_net_benefit_counts(case, tenths):
    y, p = case
    threshold = tenths / 10
    treated = p >= threshold
    odds = threshold / (1 - threshold)
    found = net_benefit(y, p, threshold)
    assert found.model[0] == pytest.approx((treated[y == 1].sum() - odds * treated[y == 0].sum()) / len(y), abs=1e-12)
    assert found.treat_all[0] == pytest.approx(y.mean() - odds * (1 - y.mean()), abs=1e-12)
    assert found.treat_none[0] == 0


def test_net_benefit_of_one_for_all_is_treating_all_or_none():
    y = np.array([0, 1, 1, 0, 0])
    found = net_benefit(y, [0.4] * 5, [0.1, 0.4, 0.6])
    np.testing.assert_allclose(found.model, [*found.treat_all[:2], 0.0], atol=1e-15)


@pytest.mark.parametrize("thresholds", [[0.1, 1.0], [-0.1], [0.5, 1.5]])
def test_net_benefit_has_no_odds_at_one(thresholds):
    with pytest.raises(ValueError, match="must be at least 0 and below 1"):
        net_benefit([0, 1], [0.2, 0.3], thresholds)


@SETTINGS
@given(predicted())
def test_youden_is_the_best_there_is(case):
    y, p = case
    chosen = choose_threshold(y, p)
    judged = {t: classification_at(y, p, t) for t in [*np.unique(p), 1.1]}
    sums = {t: one.sensitivity + one.specificity for t, one in judged.items()}
    found = classification_at(y, p, chosen)
    assert found.sensitivity + found.specificity == pytest.approx(max(sums.values()), abs=1e-12)
    assert not any(total > max(sums.values()) - 1e-9 for t, total in sums.items() if t < chosen)


@SETTINGS
@given(predicted(), st.integers(1, 10))
def test_a_wanted_share_is_reached_at_the_least_cost(case, tenths):
    y, p = case
    share = tenths / 10
    for rule, other in (("sensitivity", "specificity"), ("specificity", "sensitivity")):
        chosen = classification_at(y, p, choose_threshold(y, p, rule=rule, at_least=share))
        assert getattr(chosen, rule) >= share - 1e-9
        for threshold in [*np.unique(p), 1.1]:
            one = classification_at(y, p, threshold)
            if getattr(one, rule) >= share - 1e-9:
                assert getattr(chosen, other) >= getattr(one, other)


def test_a_threshold_above_all():
    threshold = choose_threshold([1, 0, 1, 0], [0.2, 0.9, 0.3, 0.1], rule="specificity", at_least=1.0)
    assert threshold == np.nextafter(0.9, 1)
    assert classification_at([1, 0, 1, 0], [0.2, 0.9, 0.3, 0.1], threshold).specificity == 1.0


def test_a_share_that_rounding_would_miss():
    y, p = np.repeat([0, 1], [25, 1]), np.arange(26) / 100
    assert 0.56 * 25 > 14  # in floating point
    for rule, labels in (("specificity", y), ("sensitivity", 1 - y)):
        chosen = classification_at(labels, p, choose_threshold(labels, p, rule=rule, at_least=0.56))
        assert getattr(chosen, rule) == 0.56


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "best"}, "`rule` must be one of"),
        ({"rule": "youden", "at_least": 0.9}, "not with 'youden'"),
        ({"rule": "sensitivity"}, "give it with rule='sensitivity'"),
        ({"rule": "specificity", "at_least": 1.2}, "`at_least` must be a number between"),
        ({"rule": "specificity", "at_least": 0.0}, "`at_least` must be a number between"),
    ],
)
def test_bad_rules_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        choose_threshold([0, 1], [0.2, 0.3], **options)


@SETTINGS
@given(predicted(), st.integers(-1, 11), st.floats(0.01, 0.99))
def test_cells_add_up_and_bayes_holds(case, tenths, prevalence):
    y, p = case
    found = classification_at(y, p, tenths / 10)
    cells = (found.n_true_positive, found.n_false_positive, found.n_true_negative, found.n_false_negative)
    assert sum(cells) == len(y)
    assert found.prevalence == y.mean()
    # At the prevalence of the subjects, Bayes' rule gives back the shares that were counted.
    np.testing.assert_allclose([found.ppv_at_prevalence, found.npv_at_prevalence], [found.ppv, found.npv], rtol=1e-9)
    stated = classification_at(y, p, tenths / 10, prevalence=prevalence)
    assert (stated.sensitivity, stated.ppv, stated.prevalence) == pytest.approx(
        (found.sensitivity, found.ppv, prevalence), nan_ok=True
    )
    assert np.isnan(stated.ppv_at_prevalence) == (cells[0] + cells[1] == 0)


def test_a_published_screening_table():
    # Altman & Bland 1994 (doi 10.1136/bmj.309.6947.102): liver scan, 231 true and 32 false positives, 54 and 27.
    y = np.repeat([1, 0, 0, 1], [231, 32, 54, 27])
    p = np.repeat([0.9, 0.9, 0.1, 0.1], [231, 32, 54, 27])
    found = classification_at(y, p, 0.5, prevalence=0.25)
    assert [round(value, 2) for value in (found.sensitivity, found.specificity, found.ppv, found.npv)] == [
        0.9,
        0.63,
        0.88,
        0.67,
    ]
    assert round(found.ppv_at_prevalence, 2) == 0.45
    assert round(found.npv_at_prevalence, 2) == 0.95


@pytest.mark.parametrize(
    ("threshold", "prevalence", "message"),
    [
        (np.nan, None, "`threshold` must be one finite number"),
        ([0.1, 0.2], None, "`threshold` must be one finite number"),
        (0.5, 1.0, "`prevalence` must be a number between"),
    ],
)
def test_bad_operating_points_are_refused(threshold, prevalence, message):
    with pytest.raises(ValueError, match=message):
        classification_at([0, 1], [0.2, 0.3], threshold, prevalence=prevalence)
