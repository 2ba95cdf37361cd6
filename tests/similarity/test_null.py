import dataclasses

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.isotonic import isotonic_regression

from skfuse.permutation import permutation_p_value
from skfuse.similarity import ModalityNetwork, fuse_affinities
from skfuse.similarity._null import StructureTest, _generators, agreement_test, network_modularity, structure_test
from skfuse.similarity._reference import draw_reference, fit_reference
from skfuse.similarity._unimodal import flattest_unimodal, leveled, nearest_unimodal


def generator(seed=0):
    return np.random.default_rng(seed)


def noise(n=60, sizes=(5, 8), seed=0):
    rng = generator(seed)
    return [rng.normal(size=(n, p)) for p in sizes]


def two_groups(n=60, seed=0, distance=3.0):
    group = np.repeat([0.0, 1.0], n // 2)
    return [block + distance * group[:, None] for block in noise(n, seed=seed)], group


def bimodality(blocks):
    """Large where the leading component has two humps: a cheap stand-in for a whole fusion."""
    table = np.hstack([np.nan_to_num(block - np.nanmean(block, axis=0)) for block in blocks])
    score = np.linalg.svd(table - table.mean(axis=0), full_matrices=False)[0][:, 0]
    return -np.mean(score**4) * len(score) ** 2


def alikeness(blocks):
    """Correlation of the first features of two modalities."""
    both = ~np.isnan(blocks[0][:, 0]) & ~np.isnan(blocks[1][:, 0])
    return np.corrcoef(blocks[0][both, 0], blocks[1][both, 0])[0, 1]


# Unimodal margins ------------------------------------------------------------------------------------------------


def distance_to_nearest_unimodal(sample):
    """Every place of the mode, one after the other."""
    values = np.sort(sample)
    widths = np.maximum(np.diff(values), 1e-9 * np.ptp(values))
    distances = []
    for mode in range(len(widths) + 1):
        parts = [(1 / widths[:mode], widths[:mode], True), (1 / widths[mode:], widths[mode:], False)]
        slopes = [isotonic_regression(y, sample_weight=w, increasing=up) for y, w, up in parts if len(y)]
        cumulative = np.concatenate([[0.0], np.cumsum(np.concatenate(slopes) * widths)])
        distances.append(np.abs(cumulative / cumulative[-1] - np.linspace(0, 1, len(values))).max())
    return min(distances)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=4, max_size=40, unique=True))
def test_bisection_finds_the_nearest_unimodal_distribution(sample):
    values, cumulative = nearest_unimodal(np.array(sample, dtype=float))
    found = np.abs(cumulative - np.linspace(0, 1, len(values))).max()
    assert found == pytest.approx(distance_to_nearest_unimodal(sample), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["normal", "uniform", "standard_cauchy", "exponential", "two humps"])
def test_margins_have_one_mode_and_stay_near(name, seed):
    rng = generator(seed)
    two = np.concatenate([rng.normal(size=50), 6 + rng.normal(size=50)])
    sample = two if name == "two humps" else getattr(rng, name)(size=100)
    values, nearest = nearest_unimodal(sample)
    _, flattest = flattest_unimodal(sample)
    for cumulative in (nearest, flattest):
        assert cumulative[0] == 0
        assert cumulative[-1] == pytest.approx(1.0)
        density = np.diff(cumulative) / np.diff(values)
        steps = np.diff(density)
        signs = np.sign(steps[np.abs(steps) > 1e-9 * density.max()])
        assert (np.diff(signs) <= 0).all()  # the density rises, then falls
    assert np.abs(flattest - nearest).max() <= 1.36 / np.sqrt(100) + 1e-12
    assert np.abs(nearest - np.linspace(0, 1, 100)).max() < (0.25 if name == "two humps" else 0.1)


def test_a_lumpy_flat_sample_is_leveled():
    values, nearest = nearest_unimodal(generator(0).uniform(size=200))
    flat = leveled(values, nearest, 1.36 / np.sqrt(200))
    straight = (values - values[0]) / np.ptp(values)
    assert (np.diff(nearest) / np.diff(straight)).max() > 1.3
    assert (np.diff(flat) / np.diff(straight)).max() < 1.15
    np.testing.assert_allclose(leveled(values, straight, 0.0), straight, rtol=1e-12)


# Reference cohorts -----------------------------------------------------------------------------------------------


def test_the_covariance_within_and_between_modalities_is_kept():
    rng = generator(1)
    latent = rng.normal(size=(80, 2))
    blocks = [latent @ rng.normal(size=(2, p)) + rng.normal(size=(80, p)) for p in (4, 120)]
    reference = fit_reference(blocks, generator=rng)
    values = [(b - b.mean(axis=0)) / b.std(axis=0) / r[:, None] for b, r in zip(blocks, reference.radii.T, strict=True)]
    scores = np.hstack([norm.ppf((np.argsort(np.argsort(z, axis=0), axis=0) + 0.5) / 80) for z in values])
    heavy = np.concatenate([columns for columns, _ in reference.heavy])
    expected = np.where(heavy, scores, np.hstack(values)) / np.sqrt(np.repeat([4, 120], [4, 120]))
    drawn = reference.draw_scores(rng)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(expected.T), atol=1e-10)  # more features than subjects, exact
    rough = np.corrcoef(np.hstack(reference.draw(rng)).T) - np.corrcoef(np.hstack(blocks).T)
    assert np.abs(rough).mean() < 0.05
    assert not np.allclose(reference.draw(rng)[0], blocks[0], atol=0.1)


@pytest.mark.parametrize(("factor", "shift"), [(0.01, 0.0), (30.0, -5.0), (2.0, 100.0)])
def test_units_do_not_matter(factor, shift):
    blocks = noise()
    blocks[1][:7] = np.nan
    blocks[0][3, 2] = np.nan
    drawn = draw_reference(blocks, generator=generator(3))
    changed = draw_reference([factor * blocks[0] + shift, blocks[1]], generator=generator(3))
    np.testing.assert_allclose(changed[0], factor * drawn[0] + shift, rtol=1e-6, atol=1e-6 * abs(factor))
    np.testing.assert_allclose(changed[1], drawn[1], rtol=1e-6, atol=1e-6)


def test_missing_pattern_ties_and_constant_columns_are_kept():
    rng = generator(4)
    blocks = noise(80, (6, 4))
    blocks[0][:, 0] = 7.0
    blocks[0][:, 1] = rng.integers(0, 3, size=80)
    blocks[1][rng.random(80) < 0.3] = np.nan
    blocks[0][rng.random((80, 6)) < 0.05] = np.nan
    for _ in range(3):
        drawn = draw_reference(blocks, generator=rng)
        for block, one in zip(blocks, drawn, strict=True):
            np.testing.assert_array_equal(np.isnan(block), np.isnan(one))
        seen = ~np.isnan(blocks[0])
        np.testing.assert_allclose(drawn[0][seen[:, 0], 0], 7.0)
        for column in (1,):
            rows = seen[:, column]
            np.testing.assert_array_equal(np.sort(drawn[0][rows, column]), np.sort(blocks[0][rows, column]))


def test_missing_blocks_keep_their_covariance_with_the_others():
    rng = generator(5)
    latent = rng.normal(size=(300, 1))
    blocks = [latent * 0.8 + rng.normal(size=(300, 6)) for _ in range(2)]
    blocks[1][rng.random(300) < 0.4] = np.nan
    both = ~np.isnan(blocks[1][:, 0])
    wanted = np.corrcoef(np.hstack(blocks)[both].T)[:6, 6:].mean()
    found = [np.corrcoef(np.hstack(draw_reference(blocks, generator=rng))[both].T)[:6, 6:].mean() for _ in range(10)]
    assert np.mean(found) == pytest.approx(wanted, abs=0.08)  # about .39; complete cases only would lose nothing here
    assert wanted > 0.3


def test_radii_are_found_where_tails_are_heavy_and_nowhere_else():
    rng = generator(6)
    gaussian = [rng.normal(size=(200, p)) for p in (30, 40)]
    np.testing.assert_array_equal(fit_reference(gaussian, generator=rng).radii, 1.0)
    true = np.sqrt(3 / rng.chisquare(3, size=200))
    heavy = [block * true[:, None] for block in gaussian]
    heavy[1][:50] = np.nan
    radii = fit_reference(heavy, generator=rng).radii
    for v in range(2):
        assert np.corrcoef(np.log(radii[:, v]), np.log(true))[0, 1] > 0.95


def test_heavy_tailed_features_keep_their_margins_and_others_do_not():
    rng = generator(17)
    block = rng.normal(size=(150, 40))
    block[:, 3:6] = np.exp(2 * block[:, 3:6])
    block[rng.random(block.shape) < 0.05] = np.nan
    reference = fit_reference([block], generator=rng)
    assert reference.heavy[0][0][3:6].all()
    assert np.log(reference.radii).std() < 0.1  # features with tails of their own make nobody far
    drawn = dataclasses.replace(reference, radii=np.ones((150, 1))).draw(rng)[0]
    ratio = np.nanstd(np.log(np.abs(drawn[:, 3:6]))) / np.nanstd(np.log(np.abs(block[:, 3:6])))
    assert 0.8 < ratio < 1.25
    assert np.nanmin(drawn[:, 3:6]) > -2.0  # the data are positive, with a standard deviation of about 20
    assert not np.allclose(np.sort(drawn[:, 0]), np.sort(block[:, 0]), equal_nan=True)


def test_who_was_in_which_group_does_not_survive():
    blocks, group = two_groups(200)
    reference = fit_reference(blocks, generator=generator(7))
    gaps = []
    for seed in range(20):
        drawn = np.hstack(reference.draw(generator(seed)))
        gaps.append(np.mean(drawn[group == 1] - drawn[group == 0]))
    assert abs(np.mean(gaps)) < 0.3  # 3.0 in the data
    assert np.std(gaps) < 0.6


# Tests -----------------------------------------------------------------------------------------------------------


def test_p_value_is_what_its_parts_give():
    blocks = noise()
    test = structure_test(blocks, bimodality, n_references=30, random_state=2)
    generators = _generators(2, 30)
    reference = fit_reference(blocks, generator=generators[0])
    expected = [bimodality(reference.draw(one)) for one in generators[1:]]
    np.testing.assert_array_equal(test.reference_statistics, expected)
    assert test.statistic == bimodality(blocks)
    assert test.p_value == permutation_p_value(test.statistic, expected)


@pytest.mark.parametrize("test", [structure_test, agreement_test])
def test_answer_does_not_depend_on_the_number_of_jobs(test):
    blocks, statistic = noise(), alikeness if test is agreement_test else bimodality
    for stop_after in (None, 3):
        options = {"n_references": 25, "random_state": 5, "stop_after": stop_after}
        one = test(blocks, statistic, **options)
        more = test(blocks, statistic, n_jobs=3, **options)
        np.testing.assert_allclose(more.reference_statistics, one.reference_statistics, rtol=1e-7)
        assert more.p_value == one.p_value


def test_stopping_early_changes_no_draw():
    blocks, calls = noise(seed=8), []
    whole = structure_test(blocks, bimodality, n_references=60, random_state=1)
    early = structure_test(
        blocks, bimodality, n_references=60, random_state=1, stop_after=4, progress=lambda *at: calls.append(at)
    )
    n = len(early.reference_statistics)
    assert n < 60
    np.testing.assert_array_equal(early.reference_statistics, whole.reference_statistics[:n])
    reached = whole.reference_statistics >= whole.statistic
    assert reached[:n].sum() == 4
    assert reached[n - 1]
    assert early.p_value == 4 / n
    assert calls == [(i, 60) for i in range(1, n + 1)]


def test_groups_are_flagged_and_a_flat_continuum_is_not():
    groups, _ = two_groups()
    assert structure_test(groups, bimodality, n_references=99, random_state=0).p_value == 0.01
    p_values = []
    for seed in range(20):
        rng = generator((9, seed))
        latent = rng.uniform(-2, 2, size=(80, 1))
        blocks = [latent * 0.8 + rng.normal(size=(80, p)) for p in (10, 12)]
        p_values.append(structure_test(blocks, bimodality, n_references=19, random_state=seed).p_value)
    assert np.sum(np.array(p_values) <= 0.05) <= 3
    assert np.mean(p_values) > 0.4


def test_level_on_gaussian_noise():
    p_values = [
        structure_test(noise(40, seed=(10, seed)), bimodality, n_references=19, random_state=seed).p_value
        for seed in range(40)
    ]
    assert np.mean(np.array(p_values) <= 0.1) <= 0.2
    assert np.mean(p_values) > 0.4


def test_agreement_is_not_cluster_structure():
    shared = [generator(11).normal(size=(60, 1)) + 0.5 * generator(s).normal(size=(60, 3)) for s in (12, 13)]
    assert agreement_test(shared, alikeness, n_references=99, random_state=0).p_value == 0.01
    p_values = []
    for seed in range(20):  # two groups in each modality, drawn independently
        rng = generator((14, seed))
        blocks = [rng.normal(size=(60, 3)) + 4 * rng.integers(0, 2, size=(60, 1)) for _ in range(2)]
        p_values.append(agreement_test(blocks, alikeness, n_references=19, random_state=seed).p_value)
    assert 0.3 < np.mean(p_values) < 0.7


def test_permuted_rows_keep_the_missing_pattern():
    blocks, seen = noise(), []
    blocks[1][:20] = np.nan

    def look(drawn):
        seen.append(drawn)
        return 0.0

    assert agreement_test(blocks, look, n_references=3, random_state=0).p_value == 1.0
    for drawn in seen[1:]:
        np.testing.assert_array_equal(drawn[0], blocks[0])
        np.testing.assert_array_equal(np.isnan(drawn[1]), np.isnan(blocks[1]))
        np.testing.assert_array_equal(np.sort(drawn[1], axis=0), np.sort(blocks[1], axis=0))
        assert not np.array_equal(drawn[1][20:], blocks[1][20:])


def test_modality_networks_with_planted_subtypes():
    rng = generator(15)
    subtype = rng.integers(0, 3, size=90)
    blocks = [rng.normal(size=(90, 12)) + 1.5 * (subtype == k)[:, None] * (np.arange(12) < 6) for k in range(3)]

    def modularity(blocks):
        return network_modularity(fuse_affinities([ModalityNetwork().fit(block) for block in blocks]), range(2, 5))

    assert structure_test(blocks, modularity, n_references=19, random_state=0).p_value == 0.05
    permuted = [block[rng.permutation(90)] for block in blocks]
    assert agreement_test(blocks, modularity, n_references=19, random_state=0).p_value == 0.05
    assert agreement_test(permuted, modularity, n_references=19, random_state=0).p_value > 0.05


def test_modularity_is_that_of_networkx():
    rng = generator(16)
    groups = np.repeat([0, 1, 2], [5, 7, 9])
    network = rng.random((21, 21)) * np.where(groups[:, None] == groups, 1.0, 0.05)
    network = network + network.T + 3.0 * np.eye(21)
    off = network - np.diag(np.diag(network))
    graph = networkx.from_numpy_array(off)
    parts = [set(np.flatnonzero(groups == k).tolist()) for k in range(3)]
    expected = networkx.community.modularity(graph, parts)
    assert network_modularity(network, [3]) == pytest.approx(expected, abs=1e-12)
    assert network_modularity(network) >= expected - 1e-12
    assert network_modularity(np.eye(6)) == 0.0


def test_modularity_where_subjects_are_alike():
    """Pairs of the same subject: more clusters than pairs are not wanted, and nothing is warned of."""
    for n_pairs in range(3, 9):
        pairs = np.kron(np.eye(n_pairs), np.ones((2, 2))) + 1e-6
        assert network_modularity(pairs) == pytest.approx(1.0 - 1.0 / n_pairs, abs=1e-4)


# Words and refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "p_value", "words"),
    [
        ("structure", 0.005, "more structure than in a single cloud"),
        ("structure", 0.3, "No evidence of clusters"),
        ("agreement", 0.005, "no evidence of clusters"),
        ("agreement", 0.3, "No evidence that the modalities agree"),
    ],
)
def test_sentences_do_not_overclaim(question, p_value, words):
    sentence = StructureTest(question, p_value, 1.0, np.zeros(199)).sentence()
    assert words in sentence
    assert f"p = {p_value}, 199 reference cohorts" in sentence


@pytest.mark.parametrize(
    ("n", "reached", "words"),
    [
        (9, 0, "9 reference cohorts are too few to reach p = 0.05; none of them reached the statistic (p = 0.1)"),
        (9, 4, "9 reference cohorts are too few to reach p = 0.05; 4 of them reached the statistic (p = 0.5)"),
        (1, 0, "1 reference cohort is too few to reach p = 0.05; it did not reach the statistic (p = 0.5)"),
        (1, 1, "1 reference cohort is too few to reach p = 0.05; it reached the statistic (p = 1)"),
    ],
)
def test_too_few_references_are_no_evidence_of_absence(n, reached, words):
    references = np.r_[np.full(reached, 2.0), np.zeros(n - reached)]
    for question in ("structure", "agreement"):
        sentence = StructureTest(question, (reached + 1) / (n + 1), 1.0, references).sentence()
        assert words in sentence
        assert "No evidence" not in sentence
        assert "Draw more (199 is usual)" in sentence
    enough = StructureTest("structure", 0.05, 1.0, np.zeros(19))
    assert "more structure" in enough.sentence()
    assert "19 reference cohorts are too few to reach p = 0.01" in enough.sentence(alpha=0.01)


def test_a_test_that_stopped_early_has_decided():
    early = StructureTest("structure", 3 / 5, 1.0, np.array([0.0, 2.0, 0.0, 2.0, 2.0]))
    assert early.sentence().startswith("No evidence of clusters (p = 0.6, 5 reference cohorts)")


def test_agreement_of_modalities_that_nobody_has_together_cannot_be_tested():
    sentence = StructureTest("agreement", 1.0, 0.3, np.full(199, 0.3)).sentence()
    assert "cannot be tested with these subjects" in sentence
    assert "nobody, or nearly nobody, has two modalities" in sentence
    apart = noise()
    apart[0][:30], apart[1][30:] = np.nan, np.nan
    test = agreement_test(apart, lambda blocks: float(np.nansum(blocks[0]) ** 2), n_references=19, random_state=0)
    assert "cannot be tested" in test.sentence()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda blocks: [blocks[0].astype(str)], "wanted a table of numbers"),
        (lambda blocks: [blocks[0][:, 0]], r"shape \(60,\)"),
        (lambda blocks: [blocks[0], blocks[1][:50]], r"\[60, 50\] subjects"),
        (lambda blocks: [], "Give one table per modality"),
        (lambda blocks: [np.where(np.arange(60)[:, None] < 55, np.nan, blocks[0])], "5 subjects have modality 0"),
        (lambda blocks: [np.where(blocks[0] > 1, np.inf, blocks[0])], "infinite"),
    ],
)
def test_blocks_without_a_covariance_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        structure_test(change(noise()), bimodality, n_references=3)


def test_what_makes_no_test_is_refused():
    with pytest.raises(ValueError, match="nothing to agree with"):
        agreement_test(noise()[:1], bimodality)
    with pytest.raises(ValueError, match="wanted a finite number"):
        structure_test(noise(), lambda blocks: np.nan, n_references=3)
    with pytest.raises(ValueError, match="n_references=0"):
        structure_test(noise(), bimodality, n_references=0)
