"""Inference of network maps: a planted network, the level under the null, the degree, bad input."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from skfuse.lesions import network_map_inference
from skfuse.permutation import MoranNull, draw_permutations


def network_cohort(n_subjects=60, planted=True, seed=0):
    """Maps that follow the degree; those with the symptom also a network of eight neighboring targets."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 100, size=(60, 3))
    root = np.linalg.cholesky(np.exp(-((places[:, None] - places) ** 2).sum(axis=2) / 800) + 1e-6 * np.eye(60))
    degree = root @ rng.normal(size=60)
    symptom = np.arange(n_subjects) < n_subjects // 3
    maps = 2 * rng.uniform(0.5, 1.5, (n_subjects, 1)) * degree + rng.normal(size=(n_subjects, 60)) @ root.T
    network = np.argsort(np.linalg.norm(places - places[0], axis=1))[:8]
    if planted:
        maps[np.ix_(symptom, network)] += 2.0
    return maps, symptom, degree, places, network


def test_a_planted_network_is_found_beyond_the_degree():
    maps, symptom, degree, places, network = network_cohort()
    found = network_map_inference(
        maps, symptom, degree, spatial_null=MoranNull().fit(places), n_permutations=499, random_state=0
    )
    for part in (found.specificity, found.specificity_beyond_degree, found.convergence_beyond_degree):
        significant = np.flatnonzero(part.p_values <= 0.05)
        assert np.isin(network, significant).sum() >= 5
        assert part.observed[network].min() > 0
    specific = np.flatnonzero(found.specificity_beyond_degree.p_values <= 0.05)
    assert np.isin(specific, network).mean() > 0.6
    assert np.median(found.degree_similarity) > 0.7
    text = found.summary()
    assert text.startswith("60 lesions, 20 with the symptom\ncorrelation with the degree map: 0.")
    assert "convergence beyond degree" in text


def test_maps_of_any_lesions_converge_on_the_degree_but_are_not_specific():
    maps, symptom, degree, places, _ = network_cohort(planted=False)
    found = network_map_inference(
        maps, symptom, degree, spatial_null=MoranNull().fit(places), n_permutations=199, random_state=0
    )
    assert (found.convergence.p_values <= 0.05).sum() > 10  # what looks like a network of the symptom
    assert (found.convergence_beyond_degree.p_values <= 0.05).sum() == 0
    assert (found.specificity.p_values <= 0.05).sum() == 0
    assert found.group_degree_similarity > 0.9
    assert found.group_degree_p_value > 0.05


def test_inference_holds_its_level_under_the_null():
    rejected = {"specificity": 0, "specificity_beyond_degree": 0, "convergence_beyond_degree": 0}
    for seed in range(60):
        maps, symptom, degree, places, _ = network_cohort(30, planted=False, seed=seed)
        null = MoranNull().fit(places)
        found = network_map_inference(maps, symptom, degree, spatial_null=null, n_permutations=99, random_state=seed)
        for name in rejected:
            rejected[name] += getattr(found, name).p_values.min() <= 0.05
    assert max(rejected.values()) <= 9, rejected  # binomial(60, .05) exceeds it with probability .001


def test_group_similarity_to_the_degree_is_that_of_a_loop():
    maps, symptom, degree, _, _ = network_cohort()
    found = network_map_inference(maps, symptom, degree, n_permutations=49, random_state=3)
    draws = draw_permutations(60, 49, random_state=np.random.RandomState(3))
    null = np.array([np.corrcoef(maps[symptom[draw]].mean(axis=0), degree)[0, 1] for draw in draws])
    observed = np.corrcoef(maps[symptom].mean(axis=0), degree)[0, 1]
    assert found.group_degree_similarity == pytest.approx(observed)
    expected = 2 * (1 + min((null >= observed).sum(), (null <= observed).sum())) / 50
    assert found.group_degree_p_value == pytest.approx(min(1.0, expected))


def test_convergence_is_a_one_sample_t_and_one_sided_tests_look_one_way():
    maps, symptom, degree, places, _ = network_cohort()
    null = MoranNull().fit(places)
    options = {"spatial_null": null, "n_permutations": 99, "random_state": 0}
    greater = network_map_inference(maps, symptom, degree, alternative="greater", **options).convergence
    np.testing.assert_allclose(greater.observed, ttest_1samp(maps[symptom], 0).statistic, rtol=1e-10)
    less = network_map_inference(maps, symptom, degree, alternative="less", **options).convergence
    assert greater.p_values[greater.observed < 0].min() > 0.5
    assert less.p_values[less.observed > 0].min() > 0.5
    residuals = network_map_inference(maps, symptom, degree, **options).convergence_beyond_degree.observed
    design = np.column_stack([np.ones(60), degree])
    left = maps - (design @ np.linalg.lstsq(design, maps.T, rcond=None)[0]).T
    np.testing.assert_allclose(residuals, ttest_1samp(left[symptom], 0).statistic, rtol=1e-8, atol=1e-10)


def test_covariates_and_severity_go_into_specificity():
    maps, symptom, degree, _, network = network_cohort()
    rng = np.random.default_rng(0)
    volume = symptom + 0.01 * rng.normal(size=60)  # explains the symptom
    found = network_map_inference(maps, symptom, degree, covariates=volume, n_permutations=199, random_state=0)
    assert (found.specificity.p_values <= 0.05).sum() <= 1
    severity = network_map_inference(
        maps, symptom + 0.2 * rng.normal(size=60), degree, n_permutations=199, random_state=0
    )
    assert np.isin(network, np.flatnonzero(severity.specificity.p_values <= 0.05)).sum() >= 5
    assert severity.group_degree_similarity is None
    assert "severity" in severity.summary()


def test_bad_input_of_the_inference_is_refused():
    maps, symptom, degree, places, _ = network_cohort()
    with pytest.raises(ValueError, match=r"same for all subjects, so there are no other lesions"):
        network_map_inference(maps, np.ones(60, bool), degree)
    with pytest.raises(ValueError, match=r"`symptom` has shape \(59,\)"):
        network_map_inference(maps, symptom[1:], degree)
    with pytest.raises(ValueError, match=r"`degree_map` \(59,\)"):
        network_map_inference(maps, symptom, degree[1:])
    with pytest.raises(ValueError, match=r"`maps` has 60 NaN"):
        network_map_inference(np.where(np.arange(60) == 3, np.nan, maps), symptom, degree)
    with pytest.raises(ValueError, match=r"`degree_map` is the same everywhere"):
        network_map_inference(maps, symptom, np.ones(60))
    with pytest.raises(ValueError, match=r"more than two values"):
        network_map_inference(maps, np.arange(60), degree, spatial_null=MoranNull().fit(places))
    with pytest.raises(ValueError, match=r"`spatial_null` is of 59 places, the maps have 60 targets"):
        network_map_inference(maps, symptom, degree, spatial_null=MoranNull().fit(places[1:]))
    with pytest.raises(ValueError, match=r"`spatial_null` is not fitted"):
        network_map_inference(maps, symptom, degree, spatial_null=MoranNull())
    with pytest.raises(ValueError, match=r"at least 2 maps with the symptom, got 1"):
        network_map_inference(maps, np.arange(60) == 0, degree, spatial_null=MoranNull().fit(places))
