import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfuse.evaluation.statistics import corrected_resampled_t, cross_validated_interval, delong, influence
from skfuse.evaluation.statistics._subject_effects import subject_effects

METHODS = ["test-and-train", "subject", "corrected-t"]


def partitions(rng, y, n_repeats=5, n_folds=5):
    """Rows of the folds of repeated cross-validation, stratified by class."""
    rows = []
    for _ in range(n_repeats):
        order = np.concatenate([rng.permutation(np.flatnonzero(y == label)) for label in np.unique(y)])
        rows += [order[k::n_folds] for k in range(n_folds)]
    return rows


def brier_folds(seed, n=60, n_repeats=5):
    """Values, influences and rows of a Brier score; the models differ from fold to fold."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3 == 0
    rows = partitions(rng, y, n_repeats)
    evidence = rng.normal(y + 0.0)
    predictions = [1 / (1 + np.exp(-evidence[r] - rng.normal(0, 0.3))) for r in rows]
    values = np.array([np.mean((p - y[r]) ** 2) for p, r in zip(predictions, rows, strict=True)])
    influences = [influence("Brier", y[r], p, classes=[False, True]) for p, r in zip(predictions, rows, strict=True)]
    return values, influences, rows, y


def interval(values, influences, rows, y, **options):
    n_test = np.mean([len(r) for r in rows])
    return cross_validated_interval(
        values, len(y) - n_test, n_test, influences=influences, rows=rows, y=y, n_subjects=len(y), **options
    )


def test_corrected_t_is_nadeau_and_bengios():
    values = np.random.default_rng(0).normal(0.03, 0.05, 25)
    found, wanted = (
        cross_validated_interval(values, 80, 20, method="corrected-t"),
        corrected_resampled_t(values, 80, 20),
    )
    for name in ("estimate", "lower", "upper", "p_value", "standard_error", "df"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), rel=1e-10), name


def test_subject_variance_of_one_test_set_is_delongs():
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], [40, 15])
    p = 1 / (1 + np.exp(-rng.normal(y)))
    found = cross_validated_interval(
        [0.7, 0.7], 1, 1, method="subject", influences=[influence("AUC", y, p)] * 2, rows=[np.arange(55)] * 2, y=y
    )
    assert found.standard_error == pytest.approx(np.sqrt(delong(y, p).variance), rel=1e-10)


@pytest.mark.parametrize("n_repeats", [1, 5])
def test_subject_variance_is_unbiased_with_two_subjects_of_a_class_per_fold(n_repeats):
    """Mean of AUC-like folds: class means of independent effects, seen only relative to two or eight fold mates."""
    y = np.repeat([True, False], [10, 40])
    estimates, variances, left = [], [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        effect, rows = rng.normal(0, np.where(y, 1.0, 2.0)), partitions(rng, y, n_repeats)
        means = [np.array([effect[r][y[r]].mean(), effect[r][~y[r]].mean()]) for r in rows]
        influences = []
        for r, mean in zip(rows, means, strict=True):
            share = np.where(y[r], y[r].mean(), 1 - y[r].mean())
            influences.append((effect[r] - np.where(y[r], *mean)) / share)
        values = np.sum(means, axis=1)
        effects = subject_effects(values, influences, rows, y=y)
        estimates.append(values.mean())
        variances.append(effects.variance)
        left.append(effects.left)
    truth = 1 / 10 + 4 / 40
    assert np.var(estimates) == pytest.approx(truth, rel=0.25)  # the construction itself
    assert np.mean(variances) == pytest.approx(truth, abs=4 * np.std(variances) / 20)
    # Nothing but subjects: what is left is noise around zero, cut at zero; a fold's own variance is five times `truth`.
    assert np.mean(left) < (0.25 if n_repeats > 1 else 0.6) * 5 * truth


@pytest.mark.parametrize("tau", [0.5, 1.0])
def test_spread_of_models_is_found_beside_that_of_subjects(tau):
    y, left = np.zeros(60, dtype=int), []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        effect, rows = rng.normal(0, 2, 60), partitions(rng, y)
        values = np.array([effect[r].mean() for r in rows])
        influences = [effect[r] - effect[r].mean() for r in rows]
        left.append(subject_effects(values + tau * rng.normal(size=25), influences, rows).left)
    assert np.mean(left) == pytest.approx(tau**2, rel=0.1)


def test_default_sees_that_without_signal_folds_repeat_each_others_luck():
    """Nearest class means on noise: a pair of subjects that looks alike helps, or harms, in both directions."""
    covered = dict.fromkeys(METHODS, 0)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        y = np.repeat([False, True], 30)
        X, rows = rng.normal(size=(60, 8)), partitions(rng, y)
        values, influences = [], []
        for r in rows:
            train = np.setdiff1d(np.arange(60), r)
            score = X[r] @ (X[train][y[train]].mean(axis=0) - X[train][~y[train]].mean(axis=0))
            wins = score[y[r]][:, None] > score[~y[r]]
            values.append(wins.mean())
            influences.append(influence("AUC", y[r], 1 / (1 + np.exp(-score))))
        for method in METHODS:
            found = interval(values, influences, rows, y, method=method, bounds=(0, 1))
            covered[method] += found.lower <= 0.5 <= found.upper
    assert covered["test-and-train"] >= 91
    assert covered["subject"] <= 88


@given(seed=st.integers(0, 10**6), n_repeats=st.integers(1, 4), factor=st.floats(0.1, 10))
@settings(max_examples=8, deadline=None)
def test_laws(seed, n_repeats, factor):
    values, influences, rows, y = brier_folds(seed, n_repeats=n_repeats)
    rng = np.random.default_rng(seed)
    folds, names = rng.permutation(len(values)), rng.permutation(len(y))
    renamed = np.empty_like(y)
    renamed[names] = y
    for method in METHODS:
        found = interval(values, influences, rows, y, method=method)
        assert found.estimate == pytest.approx(values.mean())
        assert found.lower < found.estimate < found.upper
        moved = interval(
            values[folds], [influences[j] for j in folds], [names[rows[j]] for j in folds], renamed, method=method
        )
        assert moved.standard_error == pytest.approx(found.standard_error, rel=1e-9)
        assert moved.df == pytest.approx(found.df, rel=1e-9)
        scaled = interval(factor * values, [factor * part for part in influences], rows, y, method=method)
        assert scaled.standard_error == pytest.approx(factor * found.standard_error, rel=1e-9)
        assert scaled.p_value == pytest.approx(found.p_value, rel=1e-6, abs=1e-12)
        bounded = interval(values, influences, rows, y, method=method, bounds=(0, 1))
        assert 0 < bounded.lower < found.estimate < bounded.upper < 1
        assert np.isnan(bounded.p_value)
        wider = interval(values, influences, rows, y, method=method, bounds=(0, 1), level=0.99)
        assert wider.lower < bounded.lower < bounded.upper < wider.upper
    widths = {m: interval(values, influences, rows, y, method=m).standard_error for m in METHODS}
    assert widths["test-and-train"] >= max(widths.values())


def test_p_value_and_interval_agree():
    values, influences, rows, y = brier_folds(3)
    for method in METHODS:
        for shift in np.linspace(-0.3, 0, 13):
            found = interval(values + shift, influences, rows, y, method=method)
            assert (found.p_value < 0.05) == (not found.lower <= 0 <= found.upper)


def test_undefined_folds_are_left_out_and_counted():
    values, influences, rows, y = brier_folds(4)
    for method in METHODS:
        holes = values.copy()
        holes[[3, 17]] = np.nan
        found = interval(holes, influences, rows, y, method=method)
        kept = [j for j in range(25) if j not in (3, 17)]
        wanted = interval(values[kept], [influences[j] for j in kept], [rows[j] for j in kept], y, method=method)
        assert (found.n_folds, found.n_undefined, wanted.n_undefined) == (23, 2, 0)
        assert found.standard_error == pytest.approx(wanted.standard_error)
    with pytest.raises(ValueError, match="1 of 3 folds have a defined score"):
        cross_validated_interval([np.nan, 0.5, np.nan], 80, 20)


def test_limits_stay_within_bounds_of_every_kind():
    values = np.array([0.9, 0.95, 0.99, 0.97, 0.93])
    for bounds in [(0, 1), (-np.inf, 1), (0, np.inf), (-1, 1)]:
        found = cross_validated_interval(values, 80, 20, method="corrected-t", bounds=bounds)
        assert bounds[0] < found.lower < found.estimate < found.upper < bounds[1]
    plain = cross_validated_interval(values, 80, 20, method="corrected-t")
    free = cross_validated_interval(values, 80, 20, method="corrected-t", bounds=(-np.inf, np.inf))
    assert (free.lower, free.upper) == (plain.lower, plain.upper)
    with pytest.raises(ValueError, match=r"lies outside of `bounds`, \(0, 0.5\)"):
        cross_validated_interval(values, 80, 20, method="corrected-t", bounds=(0, 0.5))


def test_perfect_folds_are_not_certainty():
    y = np.repeat([0, 1], [30, 10])
    rows = partitions(np.random.default_rng(0), y)
    influences = [influence("AUC", y[r], y[r] * 0.8 + 0.1) for r in rows]
    found = interval(np.ones(25), influences, rows, y, bounds=(0, 1))
    assert found.upper == 1
    assert found.lower == pytest.approx(0.025 ** (1 / 10))  # as 10 events of 10


def test_one_event_per_fold_gives_an_interval():
    rng = np.random.default_rng(5)
    y = np.arange(60) < 5
    rows, p = partitions(rng, y), rng.uniform(size=60)
    values = [np.mean(p[r][y[r]][:, None] > p[r][~y[r]]) for r in rows]
    influences = [influence("AUC", y[r], p[r]) for r in rows]
    found = interval(values, influences, rows, y, bounds=(0, 1))
    assert 0 < found.lower < found.upper < 1
    assert found.standard_error >= corrected_resampled_t(values, 48, 12).standard_error


def test_bad_input_is_named():
    values, influences, rows, y = brier_folds(6)
    with pytest.raises(ValueError, match=r"no interval method 'bayes'. Known are \['test-and-train'"):
        interval(values, influences, rows, y, method="bayes")
    with pytest.raises(ValueError, match="between 0 and 1, got 95"):
        interval(values, influences, rows, y, level=95)
    with pytest.raises(ValueError, match="needs `influences` and `rows`"):
        cross_validated_interval(values, 48, 12)
    with pytest.raises(ValueError, match="25 values, 24 arrays of influences and 25 of rows"):
        interval(values, influences[1:], rows, y)
    with pytest.raises(ValueError, match="Fold 0 has 12 rows and 11 influences"):
        interval(values, [influences[0][1:], *influences[1:]], rows, y)
    with pytest.raises(ValueError, match="tests row 59, but `n_subjects` is 50"):
        cross_validated_interval(values, 48, 12, influences=influences, rows=rows, n_subjects=50)
    with pytest.raises(ValueError, match=r"y has shape \(60,\), but there are 61 subjects"):
        cross_validated_interval(values, 48, 12, influences=influences, rows=rows, n_subjects=61, y=y)
    with pytest.raises(ValueError, match="Class 2 has one subject"):
        interval(values, influences, rows, np.where(np.arange(60) == 7, 2, y))
