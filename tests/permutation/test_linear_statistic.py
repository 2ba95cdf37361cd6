"""Partial correlations of many columns under permutations: against the linear models written out."""

import array_api_strict
import numpy as np
import pytest
from array_api_compat import array_namespace
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skfuse.permutation import (
    LinearStatistic,
    OneSampleStatistic,
    draw_permutations,
    draw_sign_flips,
)
from skfuse.permutation._ranked import RankedExtremes
from skfuse.permutation._statistic import ranked_extremes

SCHEMES = ("freedman-lane", "draper-stoneman")
SIDES = ("target", "columns")


def data(n=24, p=7, q=2, seed=0):
    rng = np.random.default_rng(seed)
    columns = (rng.random((n, p)) < 0.4).astype(np.uint8)
    covariates = rng.normal(size=(n, q))
    return columns, covariates @ np.ones(q) + rng.normal(size=n), covariates


def by_least_squares(x, y, covariates):
    """Student's t of x in the model of y on x, covariates and a constant."""
    design = np.column_stack([x, np.ones(len(y)), covariates])
    beta, *_ = np.linalg.lstsq(design, y, rcond=None)
    left = y - design @ beta
    variance = left @ left / (len(y) - design.shape[1])
    return beta[0] / np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])


def test_observed_is_the_t_of_the_linear_model():
    columns, y, covariates = data()
    found = LinearStatistic(columns, y, covariates).observed()
    np.testing.assert_allclose(found, [by_least_squares(x, y, covariates) for x in columns.T], rtol=1e-12)


def test_without_covariates_it_is_the_two_sample_test_with_its_p_value():
    columns, y, _ = data()
    statistic = LinearStatistic(columns, y)
    for x, t, two, one in zip(
        columns.T, statistic.observed(), statistic.p_values(), statistic.p_values("less"), strict=True
    ):
        expected = stats.ttest_ind(y[x == 1], y[x == 0])
        np.testing.assert_allclose([t, two], [expected.statistic, expected.pvalue], rtol=1e-11)
        assert one == pytest.approx(stats.ttest_ind(y[x == 1], y[x == 0], alternative="less").pvalue)


@pytest.mark.parametrize("permuted", SIDES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_way_of_permuting_is_the_model_refitted(scheme, permuted):
    columns, y, covariates = data()
    draws = draw_permutations(len(y), 20, random_state=0)
    design = np.column_stack([np.ones(len(y)), covariates])
    residual = np.eye(len(y)) - design @ np.linalg.pinv(design)
    expected = np.empty((len(draws), columns.shape[1]))
    for b, draw in enumerate(draws):
        back = np.argsort(draw)
        for v, x in enumerate(columns.T.astype(float)):
            new_y, new_x = y, x
            if permuted == "target":
                new_y = (residual @ y if scheme == "freedman-lane" else y)[draw]
            else:
                new_x = (residual @ x if scheme == "freedman-lane" else x)[back]
            expected[b, v] = by_least_squares(new_x, new_y, covariates)
    double = LinearStatistic(columns, y, covariates, scheme=scheme, permuted=permuted, dtype="float64")
    np.testing.assert_allclose(double.permuted(draws), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(double.extremes(draws), ranked_extremes(expected), rtol=1e-9)
    single = LinearStatistic(columns, y, covariates, scheme=scheme, permuted=permuted)
    np.testing.assert_allclose(single.permuted(draws), expected, rtol=2e-4, atol=1e-5)
    assert single.permuted(draws).dtype == np.float32


@pytest.mark.parametrize("permuted", SIDES)
def test_the_order_as_it_is_gives_the_observed_map(permuted):
    columns, y, covariates = data()
    statistic = LinearStatistic(columns, y, covariates, permuted=permuted, dtype="float64")
    np.testing.assert_allclose(statistic.permuted(np.arange(len(y))[None])[0], statistic.observed(), rtol=1e-10)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_covariates_and_scale_change_nothing(seed):
    columns, y, covariates = data(seed=seed)
    rng = np.random.default_rng(seed)
    shifted = 3.0 * y - 7.0 + covariates @ rng.normal(size=covariates.shape[1])
    mixed = covariates @ rng.normal(size=(2, 2)) + 5.0
    np.testing.assert_allclose(
        LinearStatistic(columns, shifted, mixed).observed(),
        LinearStatistic(columns, y, covariates).observed(),
        rtol=1e-7,
        atol=1e-9,
    )


@given(st.integers(1, 40), st.booleans(), st.booleans(), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_ranked_extremes_count_voxels_not_patches(rank, absolute, weighted, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-9, 10, size=(3, 25)).astype(np.float32)  # with ties
    sizes = rng.integers(1, 5, size=25) if weighted else np.full(25, 2)
    tracker = RankedExtremes(rank, sizes, absolute)
    for part in (slice(0, 11), slice(11, 25)):
        tracker.add(values.T[part], part)
    voxels = np.sort(np.repeat(np.abs(values) if absolute else values, sizes, axis=1), axis=1)
    highest, lowest = voxels[:, -rank], voxels[:, rank - 1]
    expected = np.column_stack([highest, -highest if absolute else lowest])
    np.testing.assert_array_equal(tracker.found(), expected)
    np.testing.assert_array_equal(ranked_extremes(values, rank, sizes, absolute), expected)


def test_extremes_by_rank_do_not_depend_on_how_columns_are_cut(monkeypatch):
    rng = np.random.default_rng(0)
    statistic = LinearStatistic(rng.normal(size=(20, 300)), rng.normal(size=20), rng.normal(size=20))
    draws = draw_permutations(20, 30, random_state=0)
    whole = statistic.extremes(draws, rank=9)
    monkeypatch.setattr("skfuse.permutation._linear._PRODUCT_BYTES", 8000)
    monkeypatch.setattr("skfuse.permutation._linear._DRAWS", 7)
    monkeypatch.setattr("skfuse.permutation._ranked._room", lambda rank: rank + 1)
    monkeypatch.setattr("skfuse.permutation._ranked._KEPT_BYTES", 1)
    np.testing.assert_allclose(statistic.extremes(draws, rank=9), whole, rtol=1e-6)


class Sums(np.ndarray):
    """Columns that sum up by themselves, as lesions do that are kept as bits."""

    def weighted_sums(self, weights):
        return np.asarray(weights.T @ np.asarray(self, dtype=weights.dtype))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("permuted", SIDES)
def test_columns_that_sum_by_themselves_give_the_same_maps(scheme, permuted):
    columns, y, covariates = data()
    columns[:, 1] = 2.0
    draws = draw_permutations(len(y), 9, random_state=0)
    for Z in (None, covariates):
        maps = [
            LinearStatistic(X, y, Z, scheme=scheme, permuted=permuted, dtype="float64").permuted(draws)
            for X in (columns, columns.view(Sums))
        ]
        np.testing.assert_allclose(maps[1], maps[0], rtol=1e-9, atol=1e-9)
        assert (maps[1][:, 1] == 0).all()


def test_columns_that_covariates_explain_are_never_extreme():
    columns, y, covariates = data()
    columns = np.column_stack([columns, covariates @ [1.0, 2.0] + 3.0, np.full(len(y), 4.0)])
    for permuted in SIDES:
        statistic = LinearStatistic(columns, y, covariates, permuted=permuted, dtype="float64")
        assert (statistic.observed()[-2:] == 0).all()
        assert (statistic.permuted(draw_permutations(len(y), 9, random_state=0))[:, -2:] == 0).all()


@pytest.mark.parametrize("permuted", SIDES)
def test_arrays_of_the_array_api_give_the_same(permuted):
    columns, y, covariates = data()
    draws = draw_permutations(len(y), 11, random_state=0)
    columns = columns.astype(np.float64)
    plain = LinearStatistic(columns, y, covariates, permuted=permuted, dtype="float64")
    strict = array_api_strict.asarray(columns)
    other = LinearStatistic(strict, y, covariates, permuted=permuted, dtype="float64")
    np.testing.assert_allclose(other.observed(), plain.observed(), rtol=1e-12)
    maps = other.permuted(draws)
    assert array_namespace(maps) is array_namespace(strict)
    np.testing.assert_allclose(np.asarray(maps), plain.permuted(draws), rtol=1e-10)
    np.testing.assert_allclose(other.extremes(draws, rank=2), plain.extremes(draws, rank=2), rtol=1e-10)


def test_torch_gives_the_same():
    torch = pytest.importorskip("torch")
    columns, y, covariates = data()
    draws = draw_permutations(len(y), 11, random_state=0)
    plain = LinearStatistic(columns, y, covariates).extremes(draws)
    np.testing.assert_allclose(LinearStatistic(torch.asarray(columns), y, covariates).extremes(draws), plain, rtol=1e-4)


def test_one_sample_is_scipys_and_flips_signs():
    columns = np.random.default_rng(0).normal(0.3, 1.0, size=(15, 6))
    statistic = OneSampleStatistic(columns, dtype="float64")
    np.testing.assert_allclose(statistic.observed(), stats.ttest_1samp(columns, 0.0).statistic, rtol=1e-12)
    signs = draw_sign_flips(15, 8, random_state=0)
    expected = [stats.ttest_1samp(columns * sign[:, None], 0.0).statistic for sign in signs]
    np.testing.assert_allclose(statistic.permuted(signs), expected, rtol=1e-10)
    np.testing.assert_allclose(statistic.extremes(signs), ranked_extremes(np.array(expected)), rtol=1e-10)


def test_sign_flips_keep_blocks_together():
    signs = draw_sign_flips(9, 50, blocks=[0, 0, 1, 1, 1, 2, 3, 3, 3], random_state=0)
    assert set(np.unique(signs)) == {-1, 1}
    for block in ([0, 1], [2, 3, 4], [6, 7, 8]):
        assert (signs[:, block] == signs[:, block[:1]]).all()
    assert (signs[:, 0] != signs[:, 2]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": np.r_[np.nan, np.zeros(23)]}, r"NaN or infinite for 1 subjects, the first in row 0"),
        ({"target": np.ones(24)}, r"the same for all subjects"),
        ({"target": np.ones(5)}, r"wanted \(24,\)"),
        ({"covariates": np.full((24, 1), np.nan)}, r"for 24 subjects, the first in row 0. Impute"),
        ({"covariates": np.random.default_rng(0).normal(size=(24, 23))}, r"leave no degree of freedom"),
        ({"covariates": data()[1]}, r"explain the target entirely"),
        ({"columns": np.full((24, 3), np.inf)}, r"3 columns hold NaN or infinite values, the first is column 0"),
        ({"scheme": "kennedy"}, r"must be one of \['freedman-lane', 'draper-stoneman'\]"),
    ],
)
def test_errors_say_what_to_do(change, message):
    columns, y, covariates = data()
    call = {"columns": columns, "target": y, "covariates": covariates} | change
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        LinearStatistic(**call)
