import numpy as np
import pytest
from joblib import parallel_config

from skfuse.permutation import draw_permutations, permutation_p_value, permutation_test

X = np.random.default_rng(1).normal(size=(24, 3))


def products(y):
    """Statistic of each column; a named function, so that other processes can load it."""
    return X.T @ y


def first_product(y):
    return X[:, 0] @ y


@pytest.mark.parametrize("blocks", [None, np.repeat(["a", "b", "c"], 8)])
def test_result_is_what_its_parts_give(blocks):
    y = np.random.default_rng(2).normal(size=24)
    result = permutation_test(products, y, n_permutations=30, blocks=blocks, alternative="two-sided", random_state=5)
    draws = draw_permutations(24, 30, blocks=blocks, random_state=5)
    np.testing.assert_array_equal(result.null, [products(y[draw]) for draw in draws])
    np.testing.assert_array_equal(result.observed, products(y))
    np.testing.assert_array_equal(
        result.p_value, permutation_p_value(result.observed, result.null, alternative="two-sided")
    )


def test_answer_does_not_depend_on_the_number_of_jobs():
    y = np.random.default_rng(3).normal(size=24)
    one = permutation_test(products, y, n_permutations=21, random_state=0)
    for n_jobs in (2, 7):
        with parallel_config(backend="threading"):  # workers that start at once
            more = permutation_test(products, y, n_permutations=21, n_jobs=n_jobs, random_state=0)
        np.testing.assert_array_equal(more.null, one.null)
        np.testing.assert_array_equal(more.p_value, one.p_value)


def test_rows_of_several_targets_stay_together():
    y = np.column_stack([np.arange(6), np.arange(6) * 10])
    seen = []
    permutation_test(lambda t: seen.append(t) or 0.0, y, n_permutations=5, random_state=0)
    assert len(seen) == 6
    for target in seen:
        np.testing.assert_array_equal(target[:, 1], 10 * target[:, 0])


def test_a_planted_effect_is_found_and_a_site_effect_is_not():
    rng = np.random.default_rng(0)
    site = np.repeat([0.0, 1.0], 30)
    x, y = site + 0.3 * rng.normal(size=60), site + 0.3 * rng.normal(size=60)
    statistic = lambda target: np.corrcoef(x, target)[0, 1]  # noqa: E731
    assert permutation_test(statistic, y, n_permutations=199, random_state=0).p_value == 1 / 200
    assert permutation_test(statistic, y, n_permutations=199, blocks=site, random_state=0).p_value > 0.05
    joined = permutation_test(statistic, y + 2.0 * x, n_permutations=199, blocks=site, random_state=0)
    assert joined.p_value == 1 / 200


@pytest.mark.parametrize("blocks", [None, np.repeat([0, 1], 12)])
def test_type_one_error_is_the_level(blocks):
    # With exchangeable targets P(p <= .05) = .05 exactly for 19 permutations; 500 cohorts: SD .0097.
    rng = np.random.default_rng(11)
    shift = 0.0 if blocks is None else blocks * 2.0
    rejected = [
        permutation_test(
            first_product, rng.normal(size=24) + shift, n_permutations=19, blocks=blocks, random_state=seed
        ).p_value
        <= 0.05
        for seed in range(500)
    ]
    assert 0.02 <= np.mean(rejected) <= 0.08


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (np.ones(5), {}, "The target does not vary, so that"),
        (np.repeat([0, 1], 3), {"blocks": np.repeat(["a", "b"], 3)}, "does not vary within any block"),
        (np.arange(4), {"blocks": list("abcd")}, "no subject can change places"),
        (np.arange(4), {"alternative": "up"}, "`alternative` must be one of"),
        (np.float64(3.0), {}, "single value"),
    ],
)
def test_bad_targets_are_refused(y, options, message):
    with pytest.raises(ValueError, match=message):
        permutation_test(np.sum, y, n_permutations=5, **options)


def test_a_statistic_that_fails_is_named():
    with pytest.raises(ValueError, match="`observed` has 1 NaN"):
        permutation_test(lambda y: np.nan, np.arange(5), n_permutations=5)
    with pytest.raises(ValueError, match=r"gave shape \(2,\) for a permuted target"):
        permutation_test(lambda y: np.zeros(1 + (y[0] != 0)), np.arange(50), n_permutations=5, random_state=0)
