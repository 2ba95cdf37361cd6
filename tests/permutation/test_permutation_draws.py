import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse.permutation import draw_permutations


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=5, max_size=12), st.integers(0, 1000))
def test_every_draw_is_a_permutation_within_the_blocks(blocks, seed):
    draws = draw_permutations(len(blocks), 6, blocks=blocks, random_state=seed)
    blocks = np.array(blocks)
    assert draws.shape == (6, len(blocks))
    np.testing.assert_array_equal(np.sort(draws, axis=1), np.tile(np.arange(len(blocks)), (6, 1)))
    for draw in draws:
        np.testing.assert_array_equal(blocks[draw], blocks)


def test_draws_repeat_and_do_not_depend_on_how_many_follow():
    first = draw_permutations(9, 5, random_state=3)
    np.testing.assert_array_equal(first, draw_permutations(9, 50, random_state=3)[:5])
    assert not np.array_equal(first, draw_permutations(9, 5, random_state=4))


@pytest.mark.parametrize("blocks", [None, ["a"] * 3, [1, 2, 2, 2]])
def test_all_orders_are_equally_likely(blocks):
    n = 3 if blocks is None else len(blocks)
    draws = draw_permutations(n, 6000, blocks=blocks, random_state=0)
    orders, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(orders) == 6  # 3! in each of the three cases
    assert ((counts - 1000) ** 2 / 1000).sum() < 25  # chi-squared of 5 degrees of freedom: p about 1e-4


def test_blocks_of_any_label():
    labels = np.array(["x", None, "y", "x", "y"], dtype=object)
    with pytest.raises(ValueError, match="1 subjects have no block label"):
        draw_permutations(5, 2, blocks=labels)
    labels[1] = "x"
    assert set(draw_permutations(5, 20, blocks=labels, random_state=0)[:, 2]) == {2, 4}


@pytest.mark.parametrize(
    ("arguments", "blocks", "message"),
    [
        ((1, 5), None, "`n_subjects` must be a whole number of at least 2, got 1"),
        ((5, 0), None, "`n_permutations` must be a whole number of at least 1, got 0"),
        ((5, 2.5), None, "`n_permutations` must be"),
        ((3, 5), ["a", "b", "c"], "no subject can change places"),
        ((3, 5), ["a", "b"], r"shape \(2,\), wanted \(3,\)"),
        ((3, 5), [1.0, 1.0, np.nan], "1 subjects have no block label"),
    ],
)
def test_bad_input_is_refused(arguments, blocks, message):
    with pytest.raises(ValueError, match=message):
        draw_permutations(*arguments, blocks=blocks)
