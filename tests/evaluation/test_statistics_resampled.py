import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.model_selection import ShuffleSplit

from skfuse.evaluation.statistics import corrected_resampled_t

VALUES = st.lists(st.floats(-1.0, 1.0).map(lambda value: round(value, 3)), min_size=2, max_size=25)


def test_formula_by_hand():
    # mean 3, variance 2.5, J = 5, ratio 1/4: SE = sqrt(2.5 * .45); t(.975; 4) = 2.7764451051977987 (tables: 2.776)
    found = corrected_resampled_t([2.0, 5.0, 1.0, 4.0, 3.0], 80, 20)
    assert found.standard_error == pytest.approx(np.sqrt(2.5 * 0.45), rel=1e-14)
    half = 2.7764451051977987 * found.standard_error
    assert (found.estimate, found.df) == (3.0, 4)
    assert (found.lower, found.upper) == pytest.approx((3 - half, 3 + half), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(VALUES, st.floats(0.5, 0.99))
def test_interval_and_p_value_agree(values, level):
    found = corrected_resampled_t(values, 40, 10, level=level)
    assert found.lower <= found.estimate <= found.upper
    if found.standard_error > 0 and abs(found.p_value - (1 - level)) > 1e-9:
        assert (found.lower <= 0 <= found.upper) == (found.p_value > 1 - level)


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_wider_than_the_naive_interval_by_the_known_factor(values):
    values = np.array(values)
    found = corrected_resampled_t(values, 40, 10)
    naive = values.std(ddof=1) / np.sqrt(len(values))
    assert found.standard_error == pytest.approx(naive * np.sqrt(1 + len(values) / 4), rel=1e-9, abs=1e-12)
    mirrored = corrected_resampled_t(-values, 40, 10)
    assert (mirrored.lower, mirrored.upper) == pytest.approx((-found.upper, -found.lower), rel=1e-12, abs=1e-15)


def test_sizes_per_fold_count_by_their_mean_ratio():
    values = [0.1, 0.2, 0.4]
    per_fold = corrected_resampled_t(values, [80, 80, 40], [20, 20, 10])
    assert per_fold == corrected_resampled_t(values, 80, 20)
    assert corrected_resampled_t(values[:2], [80, 40], 20) == corrected_resampled_t(values[:2], 80, 30)
    assert corrected_resampled_t(values, 80, [10, 20, 30]) == corrected_resampled_t(values, 80, 20)


def test_folds_that_agree():
    found = corrected_resampled_t([0.1] * 3, 80, 20)  # whose mean differs from .1 by rounding
    assert (found.lower, found.estimate, found.upper, found.p_value, found.standard_error) == (0.1, 0.1, 0.1, 0.0, 0.0)
    assert corrected_resampled_t([0.0] * 3, 80, 20).p_value == 1.0


def test_type_one_error_is_far_below_the_naive_test():
    # Accuracy of a fixed rule against chance, in 15 random splits of 60 subjects: training does nothing, so the truth
    # is known, and folds share test subjects as they share training subjects in general.
    rng = np.random.default_rng(0)
    corrected, naive = [], []
    for seed in range(150):
        right = rng.random(60) < 0.5
        splits = ShuffleSplit(15, test_size=0.2, random_state=seed).split(right)
        values = np.array([right[test].mean() - 0.5 for _, test in splits])
        corrected.append(corrected_resampled_t(values, 48, 12).p_value <= 0.05)
        naive.append(stats.ttest_1samp(values, 0.0).pvalue <= 0.05)
    assert np.mean(naive) > 0.2
    assert np.mean(corrected) <= 0.10


@pytest.mark.parametrize(
    ("values", "n_train", "n_test", "level", "message"),
    [
        ([0.1], 80, 20, 0.95, "1 fold gives no spread"),
        ([], 80, 20, 0.95, "0 fold gives no spread"),
        ([0.1, np.nan], 80, 20, 0.95, "1 values that are NaN or infinite"),
        ([[0.1, 0.2]], 80, 20, 0.95, r"shape \(1, 2\), wanted one value"),
        ([0.1, 0.2], 0, 20, 0.95, "`n_train` must be one number of subjects above 0"),
        ([0.1, 0.2], 80, [20, 20, 20], 0.95, "or one for each of the 2 folds"),
        ([0.1, 0.2], 80, 20, 95, "`level` must be a number between 0 and 1"),
    ],
)
def test_bad_input_is_refused(values, n_train, n_test, level, message):
    with pytest.raises(ValueError, match=message):
        corrected_resampled_t(values, n_train, n_test, level=level)
