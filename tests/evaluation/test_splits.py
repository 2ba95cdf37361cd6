import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import RepeatedKFold, ShuffleSplit

from skfuse.evaluation.splits import default_splitter, outer_splits, site_splits


def places(splits):
    return [(split.repeat, split.fold) for split in splits]


def test_repeats_are_told_apart_in_splitters_of_ones_own():
    y = np.arange(20.0)
    splits = outer_splits(RepeatedKFold(n_splits=4, n_repeats=2, random_state=0), y, y, None, "regression")
    assert places(splits) == [(repeat, fold) for repeat in range(2) for fold in range(4)]
    single = outer_splits([(np.arange(15), np.arange(15, 20))], y, y, None, "regression")
    assert places(single) == [(0, 0)]
    overlapping = outer_splits(ShuffleSplit(6, test_size=0.5, random_state=0), y, y, None, "regression")
    assert places(overlapping)[0] == (0, 0)
    assert overlapping[-1].repeat >= 2  # halves cannot hold out 20 subjects six times without repeating


def test_masks_are_positions():
    y = np.arange(10.0)
    mask = y > 6
    (split,) = outer_splits([(~mask, mask)], y, y, None, "regression")
    assert split.test.tolist() == [7, 8, 9]


def test_no_split_is_an_error():
    with pytest.raises(ValueError, match="made no split"):
        outer_splits([], np.zeros(4), np.arange(4.0), None, "regression")


def test_groups_on_both_sides_of_own_splits_are_refused():
    y = np.arange(10.0)
    with pytest.raises(ValueError, match="puts 1 groups on both sides"):
        outer_splits([(np.arange(5), np.arange(5, 10))], y, y, np.array([0] * 4 + [1] * 2 + [2] * 4), "regression")


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 4), st.integers(1, 3), st.integers(0, 10**6), st.booleans())
def test_every_subject_is_held_out_once_in_each_repeat(n_splits, n_repeats, seed, grouped):
    y = np.arange(40) % 2
    groups = np.arange(40) // 2 if grouped else None
    splitter = default_splitter(y, "classification", groups, n_splits, n_repeats, seed)
    splits = outer_splits(splitter, y, y, groups, "classification")
    assert len(splits) == n_splits * n_repeats
    for repeat in range(n_repeats):
        held = np.concatenate([split.test for split in splits if split.repeat == repeat])
        assert sorted(held) == list(range(40))
    for split in splits:
        assert not set(split.train) & set(split.test)


def test_sites_are_held_out_whole_and_the_unknown_only_train():
    site = pd.Series(["b", "a", None, "b", "a", "c"], dtype=object)
    found = {name: (train.tolist(), test.tolist()) for name, train, test in site_splits(site)}
    assert found == {"a": ([0, 2, 3, 5], [1, 4]), "b": ([1, 2, 4, 5], [0, 3]), "c": ([0, 1, 2, 3, 4], [5])}
