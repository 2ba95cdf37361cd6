"""Splits of the training subjects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, PredefinedSplit, StratifiedKFold

from skfuse._splits import inner_splits, names_rows


def split(cv, y, groups=None, random_state=None, classifier=True):
    y = np.asarray(y)
    return inner_splits(cv, np.zeros((len(y), 1)), y, groups, random_state=random_state, classifier=classifier)


@settings(max_examples=60, deadline=None)
@given(
    y=st.lists(st.integers(0, 2), min_size=4, max_size=40),
    cv=st.integers(2, 8),
    random_state=st.sampled_from([None, 0, 7]),
    classifier=st.booleans(),
)
def test_every_subject_is_held_out_once_in_at_most_as_many_folds_as_the_rarest_class(y, cv, random_state, classifier):
    folds = split(cv, y, random_state=random_state, classifier=classifier)
    rarest = min(y.count(label) for label in set(y)) if classifier else len(y)
    assert len(folds) == (min(cv, rarest) if min(cv, rarest) > 1 else 0)
    if folds:
        assert_array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(len(y)))
    for train, test in folds:
        assert not set(train) & set(test)
        if classifier:
            assert set(np.asarray(y)[train]) == set(y)


@settings(max_examples=60, deadline=None)
@given(
    subjects=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=6, max_size=40),
    random_state=st.sampled_from([None, 0]),
    classifier=st.booleans(),
)
def test_groups_are_never_split(subjects, random_state, classifier):
    y, groups = np.array(subjects).T
    folds = split(5, y, groups, random_state, classifier)
    per_class = [len(set(groups[y == label])) for label in set(y)] if classifier else [len(set(groups))]
    assert len(folds) <= min(5, *per_class, len(set(groups)))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert len(train)
        assert len(test)


def test_random_state_shuffles_and_none_keeps_the_order():
    y = np.zeros(20, dtype=int)
    kept = split(4, y)
    assert_array_equal(kept[0][1], np.arange(5))
    one, same, other = (split(4, y, random_state=seed) for seed in (0, 0, 1))
    assert_array_equal(one[0][1], same[0][1])
    assert set(one[0][1]) != set(other[0][1])
    assert set(one[0][1]) != set(kept[0][1])


def test_none_is_five_folds_that_adapt_to_the_rarest_class():
    assert len(split(None, [0, 1] * 10)) == 5
    assert len(split(None, [0] * 10 + [1] * 3)) == 3


@pytest.mark.parametrize("cv", [1, 0, -3])
def test_fewer_than_two_folds_are_refused(cv):
    with pytest.raises(ValueError, match="at least 2 folds"):
        split(cv, [0, 1, 0, 1])


def test_a_splitter_is_taken_at_its_word():
    y = [0, 1] * 4
    assert len(split(LeaveOneOut(), y)) == 8
    for ours, theirs in zip(split(KFold(4), y), KFold(4).split(y), strict=True):
        assert_array_equal(ours[1], theirs[1])


def test_a_splitter_that_cannot_split_is_named_with_a_cure():
    with pytest.raises(ValueError, match=r"StratifiedKFold\(n_splits=6.*4 training subjects.*integer `cv` adapts"):
        split(StratifiedKFold(6), [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"GroupKFold.*groups.*fit\(X, y, groups=site\)"):
        split(GroupKFold(2), [0, 1, 0, 1])


def test_given_splits_are_checked():
    y = [0, 1, 0, 1]
    masks = [(np.array([True, True, False, False]), np.array([False, False, True, True]))]
    assert_array_equal(split(masks, y)[0][1], [2, 3])
    assert_array_equal(split((fold for fold in [([0, 1], [2, 3])]), y)[0][0], [0, 1])
    with pytest.raises(ValueError, match=r"names row 4, but fit got 4 subjects.*nested"):
        split([([0, 1], [2, 4])], y)
    with pytest.raises(ValueError, match=r"1 subjects on both sides of one split, such as row 1"):
        split([([0, 1], [1, 2])], y)
    with pytest.raises(ValueError, match="holds no split"):
        split(iter([]), y)


def test_which_cv_names_rows():
    assert names_rows([([0], [1])])
    assert names_rows(PredefinedSplit([0, 1]))
    assert not any(names_rows(cv) for cv in (None, 5, np.int64(3), KFold(3), GroupKFold(2)))
