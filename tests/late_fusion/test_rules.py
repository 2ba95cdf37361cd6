"""Combination rules: against loops over subjects, against Dempster's rule on the power set, and laws."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skfuse.late_fusion import _rules

PRIOR_RULES = {
    "mean": lambda p, prior: _rules.weighted_mean(p, prior),
    "median": _rules.median,
    "product": _rules.product,
    "max": _rules.maximum,
    "vote": _rules.vote,
    "gain": lambda p, prior: _rules.weighted_mean(p, prior, 1.0 + np.arange(p.shape[1])),
    "confidence": lambda p, prior: _rules.weighted_mean(
        p, prior, _rules.confidence_weights(p, 1.0 + np.arange(p.shape[1]))
    ),
    "dempster-shafer": lambda p, prior: _rules.dempster_shafer(p, prior, np.linspace(0.2, 0.9, p.shape[1])),
}
every_rule = pytest.mark.parametrize("rule", PRIOR_RULES)
without_weights = pytest.mark.parametrize("rule", ["mean", "median", "product", "max", "vote"])
seeds = st.integers(0, 10_000)
few = settings(max_examples=25, deadline=None)


def simulate(seed, n=12, n_modalities=3, n_classes=3, missing=0.3):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(n_classes), size=(n, n_modalities))
    probabilities[rng.random((n, n_modalities)) < missing] = np.nan
    return probabilities, rng.dirichlet(5 * np.ones(n_classes))


# Twins ----------------------------------------------------------------------------------------------------------


def loop(rule, probabilities, prior):
    """One subject at a time, as one would write the rule on paper."""
    out = []
    for subject in probabilities:
        numbers = [m for m in range(len(subject)) if not np.isnan(subject[m, 0])]
        has = [subject[m] for m in numbers]
        if not has:
            out.append(prior)
            continue
        if rule == "mean":
            scores = np.mean(has, axis=0)
        elif rule == "median":
            scores = np.median(has, axis=0)
        elif rule == "max":
            scores = np.max(has, axis=0)
        elif rule == "product":
            scores = prior ** (1 - len(has)) * np.prod(has, axis=0)
        elif rule == "vote":
            scores = np.mean(has, axis=0)
            for p in has:
                scores[np.argmax(p)] += 1
        elif rule == "gain":
            scores = sum((1.0 + m) * p for m, p in zip(numbers, has, strict=True))
        elif rule == "confidence":
            certain = [1 + (p * np.log(p)).sum() / np.log(len(p)) for p in has]
            scores = sum((1.0 + m) * c * p for m, c, p in zip(numbers, certain, has, strict=True))
        else:
            reliability = np.linspace(0.2, 0.9, len(subject))
            scores = prior.copy()
            for m, p in zip(numbers, has, strict=True):
                support = p / prior / (p / prior).sum()
                scores = scores * (reliability[m] * support + 1 - reliability[m])
        out.append(scores / scores.sum())
    return np.array(out)


@every_rule
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_rule_is_the_loop_over_subjects(rule, n_classes):
    probabilities, prior = simulate(0, n=60, n_modalities=4, n_classes=n_classes)
    assert_allclose(PRIOR_RULES[rule](probabilities, prior), loop(rule, probabilities, prior), rtol=1e-9)


def combine_masses(one, two):
    """Dempster's rule for masses on subsets of classes, without its normalization."""
    joint = {}
    for (a, mass_a), (b, mass_b) in itertools.product(one.items(), two.items()):
        joint[a & b] = joint.get(a & b, 0.0) + mass_a * mass_b
    return joint


@given(seed=seeds)
@few
def test_dempster_shafer_is_dempsters_rule_on_the_power_set(seed):
    probabilities, prior = simulate(seed, n=4)
    reliabilities = np.random.default_rng(seed).random(3)
    everything = frozenset(range(3))
    got = _rules.dempster_shafer(probabilities, prior, reliabilities)
    for subject, row in zip(probabilities, got, strict=True):
        masses = {frozenset({k}): prior[k] for k in range(3)}
        for p, reliability in zip(subject, reliabilities, strict=True):
            if np.isnan(p[0]):
                source = {everything: 1.0}
            else:
                support = (p / prior) / (p / prior).sum()
                source = {frozenset({k}): reliability * support[k] for k in range(3)} | {everything: 1 - reliability}
            masses = combine_masses(masses, source)
        conflict = masses.pop(frozenset(), 0.0)
        expected = np.array([masses.get(frozenset({k}), 0.0) for k in range(3)]) / (1 - conflict)
        assert_allclose(expected.sum(), 1.0)
        assert_allclose(row, expected, rtol=1e-4, atol=1e-5)  # a floor keeps plausibilities above 1e-6


# Laws -----------------------------------------------------------------------------------------------------------


@every_rule
@given(seed=seeds, n_classes=st.integers(2, 4), n_modalities=st.integers(1, 4), missing=st.sampled_from([0, 0.4, 1]))
@few
def test_rows_are_probabilities(rule, seed, n_classes, n_modalities, missing):
    probabilities, prior = simulate(seed, 10, n_modalities, n_classes, missing)
    combined = PRIOR_RULES[rule](probabilities, prior)
    assert_allclose(combined.sum(axis=1), 1.0)
    assert (combined >= 0).all()


@every_rule
def test_a_subject_without_modality_gets_the_prior(rule):
    _, prior = simulate(0)
    combined = PRIOR_RULES[rule](np.full((2, 3, 3), np.nan), prior)
    assert_allclose(combined, [prior, prior])


@without_weights
@given(seed=seeds)
@few
def test_the_order_of_modalities_does_not_matter(rule, seed):
    probabilities, prior = simulate(seed)
    turned = probabilities[:, np.random.default_rng(seed).permutation(3)]
    assert_allclose(PRIOR_RULES[rule](turned, prior), PRIOR_RULES[rule](probabilities, prior))


@every_rule
@given(seed=seeds)
@few
def test_the_names_of_classes_do_not_matter(rule, seed):
    probabilities, prior = simulate(seed)
    order = np.random.default_rng(seed).permutation(3)
    turned = PRIOR_RULES[rule](probabilities[:, :, order], prior[order])
    assert_allclose(turned, PRIOR_RULES[rule](probabilities, prior)[:, order])


@without_weights
@given(seed=seeds)
@few
def test_a_missing_modality_is_as_if_it_had_never_been(rule, seed):
    probabilities, prior = simulate(seed)
    probabilities[:, 1] = np.nan
    left_out = np.delete(probabilities, 1, axis=1)
    assert_allclose(PRIOR_RULES[rule](probabilities, prior), PRIOR_RULES[rule](left_out, prior))


@without_weights
def test_one_modality_alone_keeps_its_opinion(rule):
    probabilities, prior = simulate(1, n_modalities=1, missing=0)
    combined = PRIOR_RULES[rule](probabilities, prior)
    if rule == "vote":  # the share of votes, not a probability: only the winner is kept
        assert_array_equal(combined.argmax(axis=1), probabilities[:, 0].argmax(axis=1))
    else:
        assert_allclose(combined, probabilities[:, 0], rtol=1e-6)


@pytest.mark.parametrize("rule", ["product", "dempster-shafer"])
@given(seed=seeds)
@few
def test_a_modality_that_says_the_prior_changes_nothing(rule, seed):
    probabilities, prior = simulate(seed)
    with_prior = probabilities.copy()
    with_prior[:, 2] = prior
    without = probabilities.copy()
    without[:, 2] = np.nan
    assert_allclose(PRIOR_RULES[rule](with_prior, prior), PRIOR_RULES[rule](without, prior))


def test_product_of_certain_opinions_that_contradict_is_finite():
    probabilities = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    for rule in PRIOR_RULES.values():
        assert_allclose(rule(probabilities, np.array([0.5, 0.5])).sum(), 1.0)
    assert_allclose(_rules.product(probabilities, np.array([0.5, 0.5])), [[0.5, 0.5]])


@given(seed=seeds)
@few
def test_the_majority_wins_the_vote(seed):
    probabilities, prior = simulate(seed, n_modalities=5)
    winner = _rules.vote(probabilities, prior).argmax(axis=1)
    for subject, chosen in zip(probabilities, winner, strict=True):
        ballots = np.bincount(subject[~np.isnan(subject[:, 0])].argmax(axis=1), minlength=3)
        if ballots.sum():
            assert ballots[chosen] == ballots.max()


def test_a_tie_goes_to_the_mean_probability():
    probabilities = np.array([[[0.9, 0.1], [0.4, 0.6]]])
    assert _rules.vote(probabilities, np.array([0.5, 0.5])).argmax() == 0


@given(seed=seeds)
@few
def test_a_modality_without_reliability_is_ignored(seed):
    probabilities, prior = simulate(seed)
    kept = np.delete(probabilities, 1, axis=1)
    assert_allclose(
        _rules.dempster_shafer(probabilities, prior, np.array([0.5, 0.0, 0.7])),
        _rules.dempster_shafer(kept, prior, np.array([0.5, 0.7])),
    )


@given(seed=seeds)
@few
def test_full_reliability_of_dempster_shafer_is_the_product(seed):
    probabilities, prior = simulate(seed)
    probabilities = np.where(np.isnan(probabilities), np.nan, 0.9 * probabilities + 0.1 / 3)  # away from the floor
    ours = _rules.dempster_shafer(probabilities, prior, np.ones(3))
    assert_allclose(ours, _rules.product(probabilities, prior), rtol=1e-6)


# Weights --------------------------------------------------------------------------------------------------------


@given(seed=seeds)
@few
def test_shares_sum_to_one_over_the_modalities_that_a_subject_has(seed):
    rng = np.random.default_rng(seed)
    present, weights = rng.random((10, 4)) < 0.6, rng.random(4) * (rng.random(4) < 0.7)
    shares = _rules.share_weights(weights, present)
    assert (shares[~present] == 0).all()
    assert_allclose(shares.sum(axis=1), present.any(axis=1).astype(float))
    for row, has in zip(shares, present, strict=True):
        if has.any() and weights[has].sum() > 0:
            assert_allclose(row[has], weights[has] / weights[has].sum())
        elif has.any():
            assert_allclose(row[has], 1 / has.sum())


def test_confidence_is_zero_for_an_even_opinion_and_the_gain_for_a_certain_one():
    probabilities = np.array([[[0.5, 0.5], [1.0, 0.0], [np.nan, np.nan]]])
    weights = _rules.confidence_weights(probabilities, np.array([2.0, 3.0, 4.0]))
    assert_allclose(weights, [[0.0, 3.0, 0.0]], atol=1e-4)
