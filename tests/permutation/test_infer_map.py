"""Errors over a whole map: p-values by hand, thresholds, and what each correction holds."""

import warnings

import numpy as np
import pytest
from scipy import stats

from skfuse.permutation import (
    LinearStatistic,
    NeighborGraph,
    TooFewPermutationsWarning,
    adjust_p_values,
    draw_permutations,
    infer_map,
    max_statistic_p_values,
    sequential_p_value,
    tail_p_value,
)

N, P = 20, 60


@pytest.fixture(scope="module")
def statistic():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(N, P))
    return LinearStatistic(columns, 1.5 * columns[:, 3] + rng.normal(size=N), dtype="float64")


@pytest.fixture(scope="module")
def draws():
    return draw_permutations(N, 199, random_state=0)


def test_max_is_the_largest_statistic_of_each_permutation(statistic, draws):
    found = infer_map(statistic, draws)
    maps = np.abs(statistic.permuted(draws))
    np.testing.assert_allclose(found.p_values, max_statistic_p_values(np.abs(statistic.observed()), maps))
    np.testing.assert_allclose(found.null, maps.max(axis=1))
    beyond = np.abs(found.observed) > found.threshold
    np.testing.assert_array_equal(beyond, found.p_values <= 0.05)
    assert beyond[3]


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
@pytest.mark.parametrize("rank", [1, 4])
def test_cfwer_counts_places_from_the_top(statistic, draws, alternative, rank):
    inverse = np.repeat(np.arange(P), 2)
    found = infer_map(statistic, draws, correction="cfwer", rank=rank, alternative=alternative, inverse=inverse)
    maps = statistic.permuted(draws)[:, inverse]
    towards = {"greater": maps, "less": -maps, "two-sided": np.abs(maps)}[alternative]
    np.testing.assert_allclose(found.null, np.sort(towards, axis=1)[:, -rank])
    assert found.p_values.shape == (2 * P,)


def test_results_do_not_depend_on_jobs_or_pieces(statistic, draws, monkeypatch):
    one = infer_map(statistic, draws)
    monkeypatch.setattr("skfuse.permutation._map._DRAWS", {"max": 17})
    seen = []
    two = infer_map(statistic, draws, n_jobs=2, on_progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_allclose(two.null, one.null, rtol=1e-12)
    np.testing.assert_array_equal(two.p_values, one.p_values)
    assert seen[-1] == (199, 199)
    assert seen == sorted(seen)


def test_parametric_adjustments_count_columns_not_places(statistic):
    inverse = np.repeat(np.arange(P), 3)
    t = statistic.observed()
    p = 2 * stats.t.sf(np.abs(t), N - 2)
    for correction, method in (("fdr", "fdr_bh"), ("bonferroni", "bonferroni")):
        found = infer_map(statistic, correction=correction, inverse=inverse)
        np.testing.assert_allclose(found.p_values, adjust_p_values(p, method=method)[inverse])
        assert found.null is None


def test_clusters_and_tfce_are_compared_with_their_largest(draws):
    rng = np.random.default_rng(1)
    mask = np.ones((6, 10), dtype=bool)
    columns = rng.normal(size=(N, 60))
    signal = rng.normal(size=N)
    columns.reshape(N, 6, 10)[:, :3, :3] += 2 * signal[:, None, None]
    statistic = LinearStatistic(columns, signal + 0.5 * rng.normal(size=N), dtype="float64")
    graph = NeighborGraph.from_mask(mask, connectivity=4)
    found = infer_map(statistic, draws, correction="cluster", graph=graph, cluster_threshold=2.0)
    extents = found.clusters.extents
    largest = extents.argmax() + 1
    inside = found.clusters.labels == largest
    assert inside.sum() == extents.max()
    p = (1 + (found.null >= inside.sum()).sum()) / 200
    assert found.cluster_p_values[largest - 1] == p
    assert (found.p_values[inside] == p).all()
    assert (found.p_values[found.clusters.labels == 0] == 1).all()
    less = infer_map(statistic, draws, correction="cluster", graph=graph, cluster_threshold=2.0, alternative="less")
    assert (less.clusters.signs == -1).all()
    assert (less.observed[less.clusters.labels > 0] < -2).all()
    enhanced = infer_map(statistic, draws, correction="tfce", graph=graph)
    significant = (enhanced.p_values <= 0.05).reshape(6, 10)
    assert significant[:3, :3].sum() >= 6
    np.testing.assert_array_equal(np.abs(enhanced.enhanced) > enhanced.threshold, significant.ravel())


@pytest.mark.parametrize("alternative", ["two-sided", "less"])
@pytest.mark.parametrize("correction", ["cluster", "tfce"])
def test_patches_of_places_change_nothing(draws, correction, alternative):
    rng = np.random.default_rng(2)
    inverse = np.unique(rng.integers(0, 30, size=60), return_inverse=True)[1]
    columns, y = rng.normal(size=(N, inverse.max() + 1)), rng.normal(size=N)
    graph = NeighborGraph.from_mask(np.ones((6, 10), dtype=bool), connectivity=4)
    options = {"correction": correction, "alternative": alternative, "cluster_threshold": 0.7}
    whole = infer_map(LinearStatistic(columns[:, inverse], y, dtype="float64"), draws, graph=graph, **options)
    for given in (graph, graph.merge(inverse)):
        statistic = LinearStatistic(columns, y, dtype="float64")
        found = infer_map(statistic, draws, graph=given, inverse=inverse, **options)
        np.testing.assert_allclose(found.null, whole.null, rtol=1e-9)
        np.testing.assert_allclose(found.observed, whole.observed, rtol=1e-9)
        np.testing.assert_allclose(found.p_values, whole.p_values)
        if correction == "tfce":
            np.testing.assert_allclose(found.enhanced, whole.enhanced, rtol=1e-9)
            continue
        assert len(found.clusters.extents) > 1
        for name in ("labels", "signs", "extents", "peaks"):
            np.testing.assert_array_equal(getattr(found.clusters, name), getattr(whole.clusters, name))
        np.testing.assert_allclose(found.clusters.masses, whole.clusters.masses, rtol=1e-9)


def test_the_share_of_maps_with_a_false_finding_is_the_level():
    rng = np.random.default_rng(0)
    columns, covariate = rng.normal(size=(30, 200)), rng.normal(size=30)
    n_false = 0
    for seed in range(200):
        y = covariate + np.random.default_rng(seed).exponential(size=30)
        found = infer_map(LinearStatistic(columns, y, covariate), n_permutations=99, alpha=0.1, random_state=seed)
        n_false += (found.p_values <= 0.1).any()
    assert stats.binomtest(int(n_false), 200, 0.1).pvalue > 0.001


def test_a_level_that_the_permutations_do_not_allow_warns(statistic):
    with pytest.warns(TooFewPermutationsWarning, match=r"Take n_permutations=999 or more"):
        found = infer_map(statistic, n_permutations=19, alpha=0.001, random_state=0)
    assert np.isinf(found.threshold)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(infer_map(statistic, n_permutations=19, random_state=0).threshold)


def test_ties_count_as_reached_also_in_single_precision():
    columns = np.eye(6)[:, :4]  # every permutation gives the same few values
    y = np.arange(6.0)
    for dtype in ("float32", "float64"):
        found = infer_map(LinearStatistic(columns, y, dtype=dtype), n_permutations=300, random_state=0)
        assert found.p_values.max() == 1.0
        assert found.p_values[0] > 0.5  # the largest t is that of one end of y, which most permutations reach


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correction": "holm"}, r"`correction` must be one of"),
        ({"correction": "cfwer", "rank": 61}, r"needs 1 to 60"),
        ({"correction": "tfce"}, r"needs a `graph` of the 60 places, got none"),
        ({"correction": "cluster", "graph": NeighborGraph.from_mask(np.ones((2, 2), bool))}, r"got one of 4 places"),
    ],
)
def test_errors_say_what_to_do(statistic, draws, change, message):
    with pytest.raises(ValueError, match=message):
        infer_map(statistic, draws, **change)


def test_a_tail_is_used_only_where_few_permutations_reach():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(40, 50))
    statistic = LinearStatistic(columns, 3 * columns[:, 0] + rng.normal(size=40))
    plain = infer_map(statistic, n_permutations=499, random_state=0)
    found = infer_map(statistic, n_permutations=499, tail=True, random_state=0)
    assert found.extrapolated[0]
    assert 0 < found.p_values[0] < plain.p_values[0]
    np.testing.assert_array_equal(found.p_values[~found.extrapolated], plain.p_values[~found.extrapolated])
    assert not found.extrapolated[plain.p_values > 0.05].any()


@pytest.mark.parametrize("law", [stats.gumbel_r(), stats.norm(), stats.expon()])
def test_extrapolated_p_values_are_near_the_truth_and_err_on_the_large_side(law):
    rng = np.random.default_rng(0)
    for p in (1e-3, 3e-4):
        found = [tail_p_value(law.isf(p), law.rvs(size=1000, random_state=rng)) for _ in range(40)]
        assert np.mean([one.extrapolated for one in found]) > 0.9
        ratio = np.median([one.p_value for one in found]) / p
        assert 0.7 < ratio < 4.0


def test_a_tail_without_variation_or_with_few_values_is_not_fitted():
    assert not tail_p_value(2.0, np.ones(500)).extrapolated
    assert not tail_p_value(2.0, np.random.default_rng(0).random(50)).extrapolated
    assert tail_p_value(9.0, np.arange(10.0)).p_value == pytest.approx(2 / 11)


def test_sequential_p_values_hold_their_level_and_stop_early():
    x = np.random.default_rng(0).normal(size=25)
    found = [
        sequential_p_value(
            lambda y: y @ x,
            np.random.default_rng(seed).normal(size=25),
            n_exceedances=5,
            max_permutations=99,
            random_state=seed,
        )
        for seed in range(300)
    ]
    p = np.array([one.p_value for one in found])
    assert stats.binomtest(int((p <= 0.1).sum()), 300, 0.1).pvalue > 0.001
    assert np.mean([one.n_permutations for one in found]) < 50
    for one in found:
        assert one.p_value == pytest.approx(5 / one.n_permutations if one.stopped else one.p_value)
    assert sequential_p_value(lambda y: y @ x, 5 * x, max_permutations=99, random_state=0).p_value == 0.01


def test_sequential_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"give the absolute value"):
        sequential_p_value(np.mean, [1.0, 2.0], alternative="two-sided")
    with pytest.raises(ValueError, match=r"`n_exceedances` must be a whole number"):
        sequential_p_value(np.mean, [1.0, 2.0], n_exceedances=0)
    with pytest.raises(ValueError, match=r"statistic is NaN"):
        sequential_p_value(lambda y: np.nan, [1.0, 2.0])
